"""Instruments and books: from whatever columns a user has, checked, and back."""

from __future__ import annotations

import datetime as dt
import math
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from conftest import DAY, NOW
from rebalance_core import Book, Instruments, Market

COLUMNS = {
    "symbol": ["PERP", "C-60", "P-60", "SPOT"],
    "kind": ["inverse_perpetual", "inverse_option", "linear_option", "spot"],
    "underlying": ["BTC", "BTC", "ETH", "ETH"],
    "expiry": [None, "2026-12-25T08:00:00Z", "2026-12-25T08:00:00Z", None],
    "strike": [math.nan, 60_000.0, 3_000.0, math.nan],
    "phi": [math.nan, 1.0, -1.0, math.nan],
    "multiplier": [10.0, 1.0, 1.0, 1.0],
    "lot_size": [1.0, 0.1, 0.1, 0.001],
    "taker_fee_bps": [5.0, 3.0, 3.0, 10.0],
}
EXPIRY = int(dt.datetime(2026, 12, 25, 8, tzinfo=dt.timezone.utc).timestamp()) * 1_000_000_000


def frames() -> dict[str, object]:
    expiry = [None if e is None else dt.datetime.fromisoformat(e.replace("Z", "+00:00")) for e in COLUMNS["expiry"]]
    return {
        "mapping": COLUMNS,
        "pandas": pd.DataFrame(COLUMNS),
        "pandas, UTC timestamps": pd.DataFrame({**COLUMNS, "expiry": pd.to_datetime(expiry, utc=True)}),
        "pandas, nullable numbers": pd.DataFrame(COLUMNS).astype({"strike": "Float64", "phi": "Float64"}),
        "polars": pl.DataFrame(COLUMNS),
        "polars, datetimes": pl.DataFrame({**COLUMNS, "expiry": pl.Series(expiry, dtype=pl.Datetime("us"))}),
        "arrow": pa.table(COLUMNS),
        "arrow, timestamps": pa.table({**COLUMNS, "expiry": pa.array(expiry, pa.timestamp("ms", "UTC"))}),
        "arrow, missing numbers": pa.table({**COLUMNS, "strike": [None, 60_000.0, 3_000.0, None]}),
    }


@pytest.mark.parametrize("name", frames())
def test_every_kind_of_frame_gives_the_same_instruments(name):
    instruments = Instruments.from_frame(frames()[name])
    assert instruments.symbol == COLUMNS["symbol"]
    assert instruments.kind == COLUMNS["kind"]
    assert instruments.underlying == COLUMNS["underlying"]
    assert instruments.expiry_ns.tolist() == [2**63 - 1, EXPIRY, EXPIRY, 0]
    np.testing.assert_array_equal(instruments.strike, COLUMNS["strike"])
    np.testing.assert_array_equal(instruments.phi, COLUMNS["phi"])
    np.testing.assert_array_equal(instruments.multiplier, COLUMNS["multiplier"])
    assert instruments.min_notional.tolist() == [0.0] * 4
    assert np.isinf(instruments.fee_cap).all()


@pytest.mark.parametrize("write", ["to_pandas", "to_polars", "to_arrow", "table"])
def test_what_is_written_can_be_read_again(write):
    first = Instruments.from_frame(COLUMNS)
    written = getattr(first, write)()
    again = Instruments.from_frame(written.to_dict() if write == "table" else written)
    for name, column in first.table().to_dict().items():
        np.testing.assert_array_equal(again.table().to_dict()[name], column, err_msg=name)


def test_a_structured_array_and_a_pickle_keep_every_column():
    first = Instruments.from_frame(COLUMNS)
    assert first.to_numpy()["strike"][1] == 60_000.0
    again = pickle.loads(pickle.dumps(first))
    assert again.symbol == first.symbol
    assert again.expiry_ns.tolist() == first.expiry_ns.tolist()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"kind": None}, ValueError, "no column 'kind'; it has: symbol, underlying"),
        ({"underlying": None}, ValueError, "no column 'underlying'"),
        ({"strike": None}, ValueError, "strike is missing: row 1 is an option"),
        ({"phi": None}, ValueError, "phi is missing"),
        ({"kind": ["perp", "spot", "spot", "spot"]}, ValueError, r"kind\[0\] is 'perp'; the kinds are: spot"),
        ({"kind": [0, 9, 0, 0]}, ValueError, r"kind\[1\] is 9"),
        (
            {"strike": [math.nan, -5.0, 3_000.0, math.nan]},
            ValueError,
            r"strike\[1\] must be above 0 and finite.*got -5",
        ),
        ({"strike": [math.nan, math.inf, 3_000.0, math.nan]}, ValueError, r"strike\[1\].*inf"),
        ({"phi": [0, 1, 2, 0]}, ValueError, r"phi\[2\] must be \+1 \(call\) or -1 \(put\), got 2"),
        ({"multiplier": [10.0, 0.0, 1.0, 1.0]}, ValueError, r"multiplier\[1\] must be above 0"),
        ({"lot_size": [1.0, 0.1, math.nan, 1.0]}, ValueError, r"lot_size\[2\].*nan"),
        ({"taker_fee_bps": [5.0, -3.0, 3.0, 1.0]}, ValueError, r"taker_fee_bps\[1\] must be at least 0"),
        ({"lot_size": [1.0, 0.1]}, ValueError, "lot_size has 2 rows, but kind has 4"),
        ({"underlying": ["BTC"]}, ValueError, "underlying has 1 rows, but kind has 4"),
        ({"symbol": ["A", "B", "A", "D"]}, ValueError, r"symbol\[2\] repeats symbol\[0\]: 'A'"),
        (
            {"expiry": [None, None, "2026-12-25T08:00Z", None]},
            ValueError,
            r"expiry_ns\[1\] is 0: a inverse_option needs",
        ),
        ({"expiry": [None, "tomorrow", None, None]}, ValueError, r"expiry\[1\] is 'tomorrow'"),
        ({"lot_size": ["a", "b", "c", "d"]}, TypeError, "lot_size must be a column of numbers"),
        ({"strike": [None, "x", 1.0, None]}, TypeError, r"strike\[1\] must be a number, got 'x'"),
    ],
)
def test_a_wrong_column_is_named_with_its_row_and_value(change, error, message):
    columns = {name: column for name, column in {**COLUMNS, **change}.items() if column is not None}
    with pytest.raises(error, match=message):
        Instruments.from_frame(columns)


def test_a_column_it_does_not_know_is_refused_by_the_constructor_and_left_alone_in_frames():
    with pytest.raises(TypeError, match="no column 'colour'; the columns are: symbol, kind"):
        Instruments(kind=["spot"], underlying=["BTC"], colour=["red"])
    assert len(Instruments.from_frame({**COLUMNS, "colour": ["red"] * 4})) == 4
    with pytest.raises(TypeError, match="mapping of columns"):
        Instruments.from_frame(42)


def test_calls_and_puts_may_be_written_as_letters_or_words():
    phi = Instruments.from_frame({**COLUMNS, "phi": ["", "C", "put", None]}).phi
    np.testing.assert_array_equal(phi, [math.nan, 1.0, -1.0, math.nan])


@pytest.mark.parametrize("dtype", [np.int64, np.float32, np.int8])
def test_columns_of_other_numbers_are_converted(dtype):
    instruments = Instruments(
        kind=["spot"] * 3, underlying=["A", "B", "C"], multiplier=np.array([1, 2, 3], dtype=dtype)
    )
    assert instruments.multiplier.tolist() == [1.0, 2.0, 3.0]
    strided = np.arange(1, 7, dtype=dtype)[::2]
    assert Book(instruments, strided).quantity.tolist() == [1.0, 3.0, 5.0]


def test_nodes_are_spot_then_dates_then_perpetual():
    nodes = Instruments.from_frame(COLUMNS).nodes
    assert list(zip(nodes["underlying"], nodes["expiry"], strict=True)) == [
        ("BTC", "spot"), ("BTC", "2026-12-25T08:00:00Z"), ("BTC", "perpetual"),
        ("ETH", "spot"), ("ETH", "2026-12-25T08:00:00Z"),
    ]  # fmt: skip
    instruments = Instruments.from_frame(COLUMNS)
    assert instruments.node("ETH", "2026-12-25T08:00:00Z") == 4
    assert instruments.node("BTC", "perpetual") == 2
    with pytest.raises(KeyError, match="nothing on ETH expires at"):
        instruments.node("ETH", "perpetual")


def test_views_are_read_only_and_repr_counts_kinds():
    instruments = Instruments.from_frame(COLUMNS)
    with pytest.raises(ValueError, match="read-only"):
        instruments.strike[1] = 1.0
    assert "1 inverse_option" in repr(instruments)
    assert "BTC, ETH" in repr(instruments)


# --- books ---


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"quantity": [1.0, 2.0]}, ValueError, "quantity has 2 rows, but there are 4 instruments"),
        ({"quantity": [1.0, math.nan, 0.0, 0.0]}, ValueError, r"quantity\[1\] must be finite, got nan"),
        ({"quantity": [0.0] * 4, "entry_price": [1.0]}, ValueError, "entry_price has 1 rows"),
        ({"quantity": [1.0] * 4, "entry_price": [-1.0] * 4}, ValueError, r"entry_price\[0\] must be above 0"),
        ({"quantity": [0.0] * 4, "coin_cash": {"XRP": 1.0}}, KeyError, "unknown underlying 'XRP'; there are: BTC, ETH"),
        ({"quantity": [0.0] * 4, "coin_cash": [1.0]}, ValueError, r"shape \(1,\), but there are 2"),
        ({"quantity": [0.0] * 4, "cash": math.inf}, ValueError, "cash"),
        ({"quantity": [0.0] * 4, "numeraire": "euro"}, ValueError, "'quote' or 'coin', got 'euro'"),
    ],
)
def test_a_book_that_does_not_fit_is_refused_in_words(arguments, error, message):
    with pytest.raises(error, match=message):
        Book(Instruments.from_frame(COLUMNS), **arguments)


def test_fills_move_quantity_cash_and_basis_in_place():
    instruments = Instruments.from_frame(COLUMNS)
    book = Book(instruments, [0.0] * 4, cash=10_000.0, coin_cash={"BTC": 2.0})
    quantity = book.quantity
    book.fill("SPOT", 2.0, 3_000.0, fee=6.0)
    assert quantity[3] == 2.0, "the view shows the fill"
    assert book.cash == 10_000.0 - 6_000.0 - 6.0
    book.fill("C-60", 1.5, 0.04, fee=0.0003)
    assert book.coin_cash[0] == pytest.approx(2.0 - 0.06 - 0.0003)
    book.fill("P-60", -1.0, 100.0)
    assert book.cash == pytest.approx(3_994.0 + 100.0)
    book.fill(0, 600.0, 60_000.0)
    book.fill(0, -600.0, 66_000.0)
    assert book.quantity[0] == 0.0
    market = Market(instruments)
    market.set_forward("BTC", "perpetual", 70_000.0)
    market.set_index("BTC", 70_000.0)
    assert "2 of 4" in repr(book) or "3 of 4" in repr(book)


def test_realised_profit_stays_in_the_row():
    """6000 USD bought at 60000, sold at 66000: 6000 (1/60000 - 1/66000) coin, whatever the mark is then."""
    from rebalance_core import Engine, Targets
    from rebalance_core.triggers import Calendar

    instruments = Instruments.from_frame({name: column[:1] for name, column in COLUMNS.items()})
    market = Market(instruments)
    market.set_index("BTC", 1.0)
    book = Book(instruments, [0.0])
    book.fill("PERP", 600.0, 60_000.0)
    book.fill("PERP", -600.0, 66_000.0)
    for mark in (50_000.0, 90_000.0):
        market.set_forward("BTC", "perpetual", mark)
        plan = Engine(book, market, Targets(), Calendar("1h")).tick(NOW)
        assert plan.exposures["value_coin"][0] == pytest.approx(6_000 * (1 / 60_000 - 1 / 66_000), rel=1e-12)
        assert plan.exposures["delta_pa"][0] == 0.0


def test_options_at_one_expiry_may_settle_both_ways():
    n = 200
    instruments = Instruments(
        kind=["linear_option", "inverse_option"] * (n // 2),
        underlying=["BTC"] * n,
        expiry=[NOW + DAY] * n,
        strike=np.linspace(40_000, 80_000, n),
        phi=[1.0] * n,
    )
    assert instruments.n_nodes == 2
