"""Plans: how they read, how they leave for other libraries, how long they hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from conftest import NOW
from rebalance_core import Book, Engine, Targets
from rebalance_core.triggers import Calendar, Threshold


@pytest.fixture
def engine(chain, market) -> Engine:
    book = Book(chain, np.arange(len(chain)) - 6.0, coin_cash={"BTC": 2.0})
    return Engine(
        book, market, Targets(delta=0.0, vega=100.0), Calendar("1h") | Threshold("delta", 0.25), hedge={"BTC": "PERP"}
    )


def test_a_plan_reads_as_a_report(engine):
    text = repr(engine.tick(NOW))
    assert text.startswith("Plan at 2026-05-28T20:26:40.000Z: 1 trades")
    assert "BTC trades: Threshold('delta', 0.25)" in text
    assert "PERP" in text
    assert max(map(len, text.splitlines())) < 200


def test_a_plan_shows_itself_in_notebooks(engine):
    html = engine.tick(NOW)._repr_html_()
    assert html.count("<table>") == html.count("</table>") == 2
    assert "PERP" in html
    assert "Threshold(&#x27;delta&#x27;, 0.25)" in html


def test_trades_leave_for_every_library(engine):
    plan = engine.tick(NOW)
    size = plan.trades["size"][0]
    assert plan.to_numpy()["size"][0] == size
    frame = plan.to_pandas()
    assert isinstance(frame, pd.DataFrame)
    assert frame.loc[0, "symbol"] == "PERP"
    assert isinstance(plan.to_polars(), pl.DataFrame)
    assert plan.to_polars()["size"][0] == size
    table = plan.to_arrow()
    assert isinstance(table, pa.Table)
    assert table.column("why")[0].as_py() == "Threshold('delta', 0.25)"
    for view in (plan.exposures, plan.node_exposures, plan.drift, plan.drift_after):
        assert len(view.to_pandas()) == len(view.to_polars()) == view.to_arrow().num_rows == len(view)


def test_an_empty_plan_leaves_too(engine):
    engine.set_targets(Targets(delta=float(engine.tick(NOW).exposures["delta"][0])))
    plan = engine.tick(NOW)
    assert plan.n_trades == 0
    assert len(plan.to_pandas()) == len(plan.to_polars()) == plan.to_arrow().num_rows == len(plan.to_numpy()) == 0
    assert list(plan.trades) == []


def test_the_engines_plan_is_overwritten_and_a_copy_is_not(engine):
    plan = engine.tick(NOW)
    kept = plan.copy()
    before = float(kept.exposures["delta"][0])
    engine.market.move("BTC", 90_000.0)
    assert engine.tick(NOW + 1) is plan
    assert float(plan.exposures["delta"][0]) != before
    assert float(kept.exposures["delta"][0]) == before
    assert (plan.now_ns, kept.now_ns) == (NOW + 1, NOW)
    assert kept.why == ["BTC trades: Threshold('delta', 0.25)"]


def test_views_are_read_only_and_outlive_the_engine(engine):
    column = engine.tick(NOW).exposures["delta"]
    with pytest.raises(ValueError, match="read-only"):
        column[0] = 0.0
    value = float(column[0])
    del engine
    assert float(column[0]) == value


def test_reasons_name_every_condition_that_was_met(chain, market):
    book = Book(chain, np.ones(len(chain)))
    engine = Engine(
        book,
        market,
        Targets(delta=0.0),
        Threshold("delta", 0.1) | Threshold("delta", 0.2) | Threshold("delta", 1e9),
        hedge={"BTC": 12},
    )
    assert engine.tick(NOW).trades["why"][0] == "Threshold('delta', 0.1); Threshold('delta', 0.2)"


def test_a_table_answers_for_a_wrong_column(engine):
    with pytest.raises(KeyError, match="no column 'sise'; there are: instrument, symbol"):
        engine.tick(NOW).trades["sise"]


def test_long_tables_are_cut_when_shown(chain):
    text = repr(chain.table())
    assert "14 rows" in text
    assert "Instruments" in text
