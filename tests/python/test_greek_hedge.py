"""The hedge optimum in the tick."""

from __future__ import annotations

import numpy as np
import pytest

import rebalance_core as rc
from conftest import NOW
from rebalance_core import demo, sizing
from rebalance_core.triggers import Threshold

CANDIDATES = 12


@pytest.fixture(scope="module")
def chain():
    return demo.load_chain()


def desk(chain, *, numeraire="coin", band=0.01, targets=None, **settings):
    """A short option book on the demo chain, its hedge over the perpetual or future and some liquid options."""
    market, book = chain.market(), demo.make_book(chain, seed=10)
    if numeraire == "quote":
        book = rc.Book(chain.instruments, book.quantity, coin_cash={"BTC": 100.0}, numeraire="quote")
    rows = [int(i) for i in np.flatnonzero(chain.instruments.is_option)[::40]][:CANDIDATES]
    instruments = ["BTC-29MAY26", *rows]
    # Risk aversion times the variance of a day: 2 % of the underlying, 5 points of vol; money in quote currency.
    aversion, dF, dvol = 1e-3, 0.02 * 77_600.0, 0.05
    money = 77_600.0 if numeraire == "coin" else 1.0
    penalty = {"delta": aversion * dF**2, "vega": aversion * (money * dvol) ** 2}
    rule = sizing.GreekHedge(instruments, penalty, **settings)
    trigger = Threshold("delta", band)
    engine = rc.Engine(book, market, targets or rc.Targets(delta=0.0, vega=0.0), trigger, sizing=rule)
    return engine, rule, instruments


def test_it_finds_what_the_solver_finds_with_the_contracts_of_the_book(chain):
    engine, rule, instruments = desk(chain)
    plan = engine.tick(demo.CHAIN_NS)
    assert plan.outcome[0] == "trade", plan.why
    greeks = engine.greeks()
    rows = [chain.instruments.row(i) for i in instruments]
    unit = np.array([np.asarray(greeks[name])[rows] for name in ("delta_pa", "gamma_pa", "vega")])  # coin-settled
    drift = np.array([plan.drift["delta"][0], 0.0, plan.drift["vega"][0]])
    lots, size = chain.instruments.lot_size[rows], plan.trade_size[rows]
    assert np.allclose(size / lots, np.round(size / lots))
    after = drift + unit @ size
    assert plan.hedge["risk_after"][0] == pytest.approx(0.5 * np.sum(rule.penalties() * after**2), rel=1e-6)
    assert plan.hedge["risk_before"][0] == pytest.approx(0.5 * np.sum(rule.penalties() * drift**2), rel=1e-9)
    assert plan.hedge["risk_after"][0] < 0.5 * plan.hedge["risk_before"][0]
    assert plan.drift_after["delta"][0] == pytest.approx(after[0], abs=1e-9)
    assert plan.drift_after["vega"][0] == pytest.approx(after[2], rel=1e-6, abs=1e-9)
    # No whole lots do much better: the continuous optimum with the costs that the plan charged, as a lower bound.
    price = {int(t["instrument"]): t["cost"] / abs(t["size"]) for t in plan.trades}
    known = [k for k, row in enumerate(rows) if row in price]
    cost = [price[rows[k]] for k in known]
    penalty = rule.penalties()
    free = sizing.hedge(unit[:, known], drift, penalty, cost_buy=cost, cost_sell=cost, lower=-np.inf, upper=np.inf)
    total = plan.hedge["risk_after"][0] + plan.cost
    assert free.objective * (1 - 1e-9) <= total <= free.objective + 0.01 * plan.hedge["risk_before"][0]
    assert "risk" in plan.why[0]
    assert "next best is" in plan.why[0]
    assert plan.cost == pytest.approx(np.sum(plan.trades["cost"]))


@pytest.mark.parametrize("numeraire", ["coin", "quote"])
def test_after_the_fills_the_next_tick_measures_what_the_plan_said(chain, numeraire):
    engine, _, _ = desk(chain, numeraire=numeraire)
    plan = engine.tick(demo.CHAIN_NS).copy()
    assert len(plan.trades) >= 2
    for trade in plan.trades:
        engine.book.fill(int(trade["instrument"]), trade["size"], trade["price"])
    after = engine.tick(demo.CHAIN_NS + 1)
    for greek in ("delta", "vega"):
        scale = 1e-7 * abs(plan.drift[greek][0])
        assert after.drift[greek][0] == pytest.approx(plan.drift_after[greek][0], abs=scale), greek


def test_each_trade_says_what_leaving_it_out_would_add(chain):
    engine, rule, instruments = desk(chain)
    plan = engine.tick(demo.CHAIN_NS)
    q = rule.penalties()
    rows = {chain.instruments.row(i): k for k, i in enumerate(instruments)}
    greeks = engine.greeks()
    for trade in plan.trades:
        i = int(trade["instrument"])
        assert i in rows
        unit = np.array([greeks["delta_pa"][i], greeks["gamma_pa"][i], greeks["vega"][i]])
        after = np.array([plan.drift_after["delta"][0], 0.0, plan.drift_after["vega"][0]])
        without = after - unit * trade["size"]
        expected = 0.5 * np.sum(q * without**2) - 0.5 * np.sum(q * after**2)
        assert trade["risk_removed"] == pytest.approx(expected, rel=1e-5, abs=1e-6 * plan.hedge["risk_before"][0])


def test_a_tick_without_a_reason_asks_nothing(chain):
    engine, _, _ = desk(chain, band=1e9)
    plan = engine.tick(demo.CHAIN_NS)
    assert plan.outcome == ["hold"]
    assert plan.hedge["status"] == [""]
    assert np.isnan(plan.hedge["risk_before"][0])


def one_perpetual(fee, *, price=100.0):
    """A tick of a book that wants 0.6 of an underlying whose only instrument trades in whole lots."""
    instruments = rc.Instruments(
        symbol=["P"], kind=["linear_perpetual"], underlying=["BTC"], lot_size=[1.0], taker_fee_bps=[fee]
    )
    market = rc.Market(instruments)
    market.set_index("BTC", 100.0)
    market.set_price(1, price)  # node 0 is spot
    engine = rc.Engine(
        rc.Book(instruments, [0.0]),
        market,
        rc.Targets(delta=0.6),
        Threshold("delta", 0.1),
        sizing=sizing.GreekHedge(["P"], {"delta": 1.0}),
    )
    return engine.tick(NOW)


def test_one_lot_is_traded_as_long_as_it_saves_more_than_it_costs():
    """One lot leaves -0.4 of 0.6: it saves 0.18 - 0.08."""
    assert one_perpetual(0.0).trade_size[0] == 1.0
    assert one_perpetual(9.5).trade_size[0] == 1.0  # costs 0.095
    plan = one_perpetual(10.5)
    assert plan.outcome == ["below_lot"]
    assert plan.trade_size[0] == 0.0
    assert plan.hedge["risk_after"][0] == plan.hedge["risk_before"][0] == pytest.approx(0.18)


def test_without_a_usable_instrument_the_plan_says_so():
    plan = one_perpetual(0.0, price=np.nan)
    assert plan.outcome == ["bad_data"]
    assert plan.trade_size[0] == 0.0


def test_limits_bind_and_are_named(chain):
    free, _, _ = desk(chain)
    left = abs(free.tick(demo.CHAIN_NS).drift_after["vega"][0])
    engine, _, _ = desk(chain, limit={"vega": 0.25 * left})
    plan = engine.tick(demo.CHAIN_NS)
    assert "vega" in plan.hedge["binding"][0]
    assert "limit of vega binds" in plan.why[0]
    engine, _, _ = desk(chain, limit={"vega": 0.0}, max_size=0.01)
    plan = engine.tick(demo.CHAIN_NS)
    assert plan.hedge["status"] == ["infeasible"]
    assert "limit of vega cannot be met" in plan.why[0]


def test_sizes_stay_within_max_size_and_bad_rows_are_left_alone(chain):
    engine, _, instruments = desk(chain, max_size=2.0)
    rows = [chain.instruments.row(i) for i in instruments]
    plan = engine.tick(demo.CHAIN_NS)
    assert np.max(np.abs(plan.trade_size[rows])) <= 2.0
    first = int(plan.trades["instrument"][-1])
    engine, _, _ = desk(chain)
    vols = engine.market.vol.copy()
    if not chain.instruments.is_option[first]:
        first = next(r for r in rows if chain.instruments.is_option[r] and engine.book.quantity[r] == 0)
    vols[first] = np.nan
    engine.market.set_vols(vols)
    plan = engine.tick(demo.CHAIN_NS)
    assert plan.trade_size[first] == 0.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"penalty": {"theta": 1.0}}, "penalty names 'theta'; the Greeks are: delta, gamma, vega"),
        ({"penalty": [1.0, 2.0]}, r"penalty has shape \(2,\), but \(3,\) or \(3, 3\) is needed"),
        ({"penalty": [-1.0, 0.0, 0.0]}, r"penalty\[0\] must be finite and at least 0, got -1"),
        ({"limit": [1.0]}, r"limit has shape \(1,\), but \(3,\) is needed"),
        ({"instruments": []}, "needs at least one instrument"),
        ({"instruments": ["BTC-29MAY26", "BTC-29MAY26"]}, "'BTC-29MAY26' is named twice"),
        ({"max_size": -1.0}, "max_size must be at least 0, got -1"),
    ],
)
def test_bad_rules_are_refused_with_names_and_values(chain, change, words):
    arguments = {"instruments": ["BTC-29MAY26"], "penalty": [1.0, 0.0, 0.0]} | change
    book = demo.make_book(chain, seed=10)
    with pytest.raises(ValueError, match=words):
        rc.Engine(
            book, chain.market(), rc.Targets(delta=0.0), Threshold("delta", 1.0), sizing=sizing.GreekHedge(**arguments)
        )


def test_it_waits_while_data_is_bad(chain):
    engine, _, _ = desk(chain)
    engine.market.set_index("BTC", np.nan)
    plan = engine.tick(max(demo.CHAIN_NS, NOW))
    assert plan.outcome == ["bad_data"]
    assert len(plan.trades) == 0
