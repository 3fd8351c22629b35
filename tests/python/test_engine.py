"""The tick: what it measures, when it acts, how much it trades, and what it refuses."""

from __future__ import annotations

import copy
import math
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rebalance_core as rc
from conftest import DAY, FUSED, NOW, on_each_isa
from rebalance_core import Book, CostGate, Engine, Instruments, Market, RowStatus, Targets
from rebalance_core.engine import EXPOSURES
from rebalance_core.pricing import black76, inverse
from rebalance_core.triggers import Calendar, DeltaGamma, Threshold
from twin import Row, Twin

HOUR = 3_600_000_000_000


def neutral(book: Book, market: Market, band: float = 0.05, **options: object) -> Engine:
    return Engine(book, market, Targets(delta=0.0), Threshold("delta", band), hedge={"BTC": "PERP"}, **options)


def held(chain: Instruments, seed: int = 1, **options: object) -> Book:
    quantity = np.random.default_rng(seed).integers(-5, 6, len(chain)).astype(float)
    return Book(chain, quantity, coin_cash={"BTC": 10.0}, **options)


# --- exposures ---


def test_exposures_are_the_sum_of_the_rows(isa, chain, market):
    book = held(chain)
    plan = neutral(book, market).tick(NOW)
    rows = np.flatnonzero(chain.is_option)
    q, f, years = book.quantity[rows], 60_300.0, 30 / 365
    g = black76(f, chain.strike[rows], 0.55, years, chain.phi[rows])
    c = inverse(f, chain.strike[rows], 0.55, years, chain.phi[rows])
    perpetual, spot = book.quantity[12], book.quantity[13]
    expected = {
        "delta": q @ g.delta + 10.0 + perpetual * 10 / 60_010.0 + spot,
        "delta_pa": q @ c.delta_pa + perpetual * 10 / 60_010.0,
        "gamma": q @ g.gamma,
        "gamma_pa": q @ c.gamma_pa - 2 * perpetual * 10 / 60_010.0,
        "vega": q @ g.vega,
        "vega_coin": q @ c.vega,
        "theta": q @ g.theta,
        "theta_coin": q @ c.theta,
        "rho": 0.0,
        "value": (q @ c.value + 10.0) * 60_000.0 + spot * 60_000.0,
        "value_coin": q @ c.value + 10.0 + spot,
        "gross_notional": np.abs(q).sum() * f + abs(perpetual) * 10 + abs(spot) * 60_000 + 10 * 60_000,
        "net_notional": q.sum() * f + perpetual * 10 + spot * 60_000 + 10 * 60_000,
    }
    for name, value in expected.items():
        assert plan.exposures[name][0] == pytest.approx(value, rel=1e-13, abs=1e-13), name
    assert plan.equity == pytest.approx(expected["value"], rel=1e-14)
    assert plan.weight[0] == pytest.approx(expected["delta"] * 60_000 / expected["value"], rel=1e-14)


def test_two_numeraires_differ_by_the_coin_equity(chain, market):
    """delta = delta_pa + coin value, for an account that holds only coin-settled things."""
    book = held(chain)
    book.set_quantity("SPOT", 0.0)
    e = neutral(book, market).tick(NOW).exposures
    assert e["delta"][0] == pytest.approx(e["delta_pa"][0] + e["value_coin"][0], rel=1e-12)


def test_net_transaction_delta_worked_example():
    """Domain chapter 9.4: short 10 calls, long 8.89133631 A and 0.24711001 B leaves 0.4375814984 coin."""
    f, year = 60_000.0, 365 * DAY
    legs = [(65_000, 30, 0.55, 1, -10.0), (62_000, 30, 0.54, 1, 8.89133631), (55_000, 60, 0.58, -1, 0.24711001)]
    instruments = Instruments(
        kind=["inverse_option"] * 3 + ["inverse_perpetual"],
        underlying=["BTC"] * 4,
        expiry=[NOW + days * DAY for _, days, *_ in legs] + [0],
        strike=[*(float(k) for k, *_ in legs), np.nan],
        phi=[*(p for *_, p, _ in legs), np.nan],
        multiplier=[1, 1, 1, 10.0],
        symbol=["book", "A", "B", "PERP"],
    )
    assert year > 0
    market = Market(instruments)
    market.set_index("BTC", f)
    market.set_prices(np.full(instruments.n_nodes, f))
    market.set_vols([v for _, _, v, *_ in legs] + [np.nan])
    book = Book(instruments, [q for *_, q in legs] + [0.0], numeraire="coin")
    plan = neutral(book, market, band=0.01).tick(NOW)
    e = plan.exposures
    assert e["gamma"][0] == pytest.approx(0.0, abs=1e-12)
    assert e["vega"][0] == pytest.approx(0.0, abs=1e-4)
    assert e["delta"][0] == pytest.approx(0.5526634871, abs=1e-8)
    assert e["delta_pa"][0] == pytest.approx(0.4375814984, abs=1e-8)
    assert e["value_coin"][0] == pytest.approx(0.1150819886, abs=1e-8)
    # 0.4375814984 coin at 60000 = 26254.9 USD: 2625 contracts of 10, residual 0.0000814984 coin (domain 9.7)
    assert plan.trades["size"][0] == -2_625
    assert plan.drift_after["delta"][0] == pytest.approx(0.0000814984, abs=1e-8)


def test_profit_of_futures_counts_from_their_entry(chain, market):
    entry = np.full(len(chain), np.nan)
    entry[12] = 50_000.0
    quantity = np.zeros(len(chain))
    quantity[12] = 1_000
    with_entry = neutral(Book(chain, quantity, entry), market).tick(NOW)
    settled = neutral(Book(chain, quantity), market).tick(NOW)
    profit = 10_000 * (1 / 50_000 - 1 / 60_010)
    assert with_entry.exposures["value_coin"][0] == pytest.approx(profit, rel=1e-12)
    assert with_entry.exposures["delta"][0] == pytest.approx(10_000 / 60_010 + profit, rel=1e-12)
    assert settled.exposures["value_coin"][0] == 0.0
    assert settled.exposures["delta"][0] == pytest.approx(10_000 / 60_010, rel=1e-14)


def test_greeks_of_a_doubled_book_are_doubled(isa, chain, market):
    book = held(chain)
    twice = Book(chain, 2 * book.quantity, coin_cash={"BTC": 20.0})
    once_e, twice_e = neutral(book, market).tick(NOW).exposures, neutral(twice, market).tick(NOW).exposures
    for name in EXPOSURES:
        assert twice_e[name][0] == 2 * once_e[name][0], name


def test_exposures_have_the_same_bits_on_fused_instruction_sets(chain, market):
    book = held(chain)
    seen = [
        [float(plan.exposures[n][0]) for n in EXPOSURES]
        for _ in on_each_isa(FUSED)
        for plan in [neutral(book, market).tick(NOW)]
    ]
    assert all(row == seen[0] for row in seen)


def test_per_row_greeks_are_those_of_pricing(chain, market):
    engine = neutral(held(chain), market)
    engine.tick(NOW)
    table = engine.greeks()
    c = inverse(60_300.0, chain.strike[3], 0.55, 30 / 365, chain.phi[3])
    assert table["value"][3] == c.value
    assert table["gamma_pa"][3] == c.gamma_pa
    assert table["delta_pa"][12] == pytest.approx(10 / 60_010)
    assert table["gamma"][12] == pytest.approx(-20 / 60_010**3)
    assert table["value"][13] == 60_000.0


# --- sizes of books ---


def test_an_empty_book_on_no_instruments():
    none = Instruments(kind=[], underlying=[])
    engine = Engine(Book(none, []), Market(none), Targets(), Calendar("1h"))
    plan = engine.tick(NOW)
    assert plan.n_trades == 0
    assert plan.equity == 0.0
    assert len(plan.exposures) == 0
    assert "0 trades" in repr(plan)


def test_a_book_that_holds_nothing_holds(chain, market):
    plan = neutral(Book(chain, np.zeros(len(chain))), market).tick(NOW)
    assert plan.outcome == ["hold"]
    assert plan.exposures["delta"][0] == 0.0


def test_one_position(chain, market):
    quantity = np.zeros(len(chain))
    quantity[5] = -3.0
    plan = neutral(Book(chain, quantity), market).tick(NOW)
    c = black76(60_300.0, chain.strike[5], 0.55, 30 / 365, chain.phi[5])
    assert plan.exposures["delta"][0] == pytest.approx(-3 * c.delta, rel=1e-13)
    assert plan.outcome == ["trade"]


def test_a_hundred_thousand_positions():
    n = 100_000
    random = np.random.default_rng(3)
    instruments = Instruments(
        kind=["linear_option"] * n,
        underlying=["BTC"] * n,
        expiry=NOW + DAY * random.integers(1, 400, n),
        strike=random.uniform(20_000, 150_000, n),
        phi=random.choice([-1.0, 1.0], n),
    )
    market = Market(instruments)
    market.set_index("BTC", 60_000.0)
    market.set_prices(np.full(instruments.n_nodes, 60_000.0))
    vol = random.uniform(0.3, 1.2, n)
    market.set_vols(vol)
    quantity = random.normal(size=n)
    plan = Engine(Book(instruments, quantity), market, Targets(delta=0.0), Threshold("delta", 1.0)).tick(NOW)
    years = (instruments.expiry_ns - NOW) / (365 * DAY)
    g = black76(60_000.0, instruments.strike, vol, years, instruments.phi)
    for name in ("value", "delta", "gamma", "vega", "theta"):
        terms = quantity * getattr(g, name)
        assert plan.exposures[name][0] == pytest.approx(math.fsum(terms), abs=1e-13 * np.abs(terms).sum()), name
    assert plan.outcome == ["no_hedge"]


# --- triggers in the loop ---


def test_calendar_fires_at_utc_instants_whenever_it_was_started(chain, market):
    book = held(chain)
    engine = Engine(book, market, Targets(delta=0.0), Calendar("1h"), hedge={"BTC": "PERP"})
    ten_past = NOW // HOUR * HOUR + 600_000_000_000
    outcomes = {
        minute: engine.tick(ten_past + minute * 60_000_000_000).outcome[0] for minute in (0, 20, 49, 50, 51, 109, 110)
    }
    assert outcomes == {0: "hold", 20: "hold", 49: "hold", 50: "trade", 51: "hold", 109: "hold", 110: "trade"}


def test_a_missed_instant_fires_once_at_the_next_tick(chain, market):
    engine = Engine(
        held(chain), market, Targets(delta=0.0), Calendar("1h", anchor="2020-01-01T00:30Z"), hedge={"BTC": "PERP"}
    )
    start = NOW // HOUR * HOUR
    assert engine.tick(start).outcome == ["hold"]
    assert engine.tick(start + 5 * HOUR + 1).outcome == ["trade"]
    assert engine.tick(start + 5 * HOUR + 2).outcome == ["hold"]
    assert engine.tick(start + 2 * HOUR).outcome == ["hold"], "a clock that steps back does not fire again"


def test_hysteresis_keeps_a_condition_on_until_the_release_level(chain, market):
    quantity = np.zeros(len(chain))
    quantity[13] = 1.0
    book = Book(chain, quantity)
    engine = Engine(book, market, Targets(delta=0.0), Threshold("delta", 0.5, release=0.4), hedge={"BTC": "PERP"})
    outcomes = []
    for spot in (0.5, 0.51, 0.45, 0.3, 0.205, 0.3, 0.49, 0.51):
        book.set_quantity("SPOT", spot)
        outcomes.append(engine.tick(NOW).outcome[0])
    assert outcomes == ["hold", "trade", "trade", "trade", "hold", "hold", "hold", "trade"]


def test_a_trade_to_the_edge_does_not_chatter(chain, market):
    """Filled to the release level, the engine is quiet until the trip level is crossed again."""
    quantity = np.zeros(len(chain))
    quantity[4] = 20.0
    book = Book(chain, quantity, numeraire="coin")
    engine = Engine(
        book, market, Targets(delta=0.0), Threshold("delta", 0.5, release=0.5), hedge={"BTC": "PERP"}, action="edge"
    )
    trades = 0
    for i in range(400):
        market.move("BTC", 60_000.0 * (1 + 0.0001 * math.sin(i / 10)))
        plan = engine.tick(NOW + i)
        for row in list(plan.trades):
            book.fill(row["instrument"], row["size"], row["price"])
            assert abs(row["drift_after"]) <= 0.25 + 1e-9
        trades += plan.n_trades
    assert trades == 1


def test_delta_gamma_acts_before_the_band_is_left(chain, market):
    """|delta| + |gamma| z vol F sqrt(dt) > band, though |delta| itself is inside."""
    quantity = np.zeros(len(chain))
    quantity[[4, 5]] = -20.0, -20.0
    book = Book(chain, quantity)
    e = neutral(book, market).tick(NOW).exposures
    delta, gamma = float(e["delta"][0]), float(e["gamma"][0])
    vol, z, interval = 0.6, 2.0, 60.0
    move = z * vol * 60_000 * math.sqrt(interval / (365 * 86_400))
    edge = abs(delta) + abs(gamma) * move
    for band, outcome in ((edge * 0.999, "trade"), (edge * 1.001, "hold")):
        trigger = DeltaGamma(band=band, vol=vol, interval="1min", z=z)
        plan = Engine(book, market, Targets(delta=0.0), trigger, hedge={"BTC": "PERP"}, action="edge").tick(NOW)
        assert plan.outcome == [outcome]
        if outcome == "trade":
            assert abs(plan.trades["drift_after"][0]) <= band - abs(gamma) * move + 1e-9
            assert abs(plan.trades["drift_after"][0]) > band - abs(gamma) * move - 2 * 10 / 60_000


@pytest.mark.parametrize(
    ("join", "expected"), [("any", ["trade", "trade", "trade", "hold"]), ("all", ["trade", "hold", "hold", "hold"])]
)
def test_any_and_all(chain, market, join, expected):
    quantity = np.zeros(len(chain))
    quantity[13] = 1.0
    outcomes = []
    for absolute, relative in ((0.1, 0.1), (0.1, 3.0), (3.0, 0.1), (3.0, 3.0)):
        a, b = Threshold("delta", absolute), Threshold("delta", relative=relative)
        trigger = a | b if join == "any" else a & b
        engine = Engine(Book(chain, quantity), market, Targets(delta=0.4), trigger, hedge={"BTC": "PERP"})
        outcomes.append(engine.tick(NOW).outcome[0])
    # drift 0.6; relative bands of 0.04 and 1.2
    assert outcomes == expected


def test_gamma_and_vega_targets_are_measured_and_can_trigger(chain, market):
    book = held(chain)
    e = neutral(book, market).tick(NOW).exposures
    targets = Targets(gamma=1e-4, vega=-50.0)
    plan = Engine(book, market, targets, Threshold("gamma", 1e-9) | Threshold("vega", 1.0)).tick(NOW)
    assert plan.drift["gamma"][0] == pytest.approx(e["gamma"][0] - 1e-4)
    assert plan.drift["vega"][0] == pytest.approx(e["vega"][0] + 50.0)
    assert math.isnan(plan.drift["delta"][0])
    assert plan.outcome == ["not_hedgeable"]
    assert "Threshold('vega', 1.0)" in plan.why[0]
    both = Targets(delta=0.0, gamma=0.0)
    traded = Engine(book, market, both, Threshold("gamma", 1e-12), hedge={"BTC": "PERP"}).tick(NOW)
    assert traded.outcome == ["trade"]
    assert traded.drift_after["gamma"][0] == traded.drift["gamma"][0], "the perpetual leaves gamma as it was"


# --- sizes ---


def test_actions_end_where_they_say(chain, market):
    quantity = np.zeros(len(chain))
    quantity[13] = 1.0
    book = Book(chain, quantity)
    for action, left in (("target", 0.0), ("edge", 0.2), (0.25, 0.75)):
        plan = neutral(book, market, band=0.2, action=action).tick(NOW)
        assert plan.trades["drift_after"][0] == pytest.approx(left, abs=10 / 60_010)
        if action == "edge":
            assert plan.trades["drift_after"][0] <= 0.2


def portfolio(values: list[float], fees_bps: float) -> tuple[Instruments, Book, Market]:
    n = len(values)
    coins = [f"C{i}" for i in range(n)]
    instruments = Instruments(
        kind=["spot"] * n, underlying=coins, symbol=coins, lot_size=[1e-9] * n, taker_fee_bps=[fees_bps] * n
    )
    market = Market(instruments)
    market.set_prices(np.full(n, 10.0))
    return instruments, Book(instruments, np.array(values) / 10.0), market


def test_weights_are_restored_from_what_is_left_after_costs():
    """Domain chapter 9.1: 62/25/13 to 50/30/20 with 10 bp: -12012, +4992.8, +6995.2, equity 99976."""
    _, book, market = portfolio([62_000, 25_000, 13_000], 10.0)
    targets = Targets(weight=[0.5, 0.3, 0.2])
    plan = Engine(book, market, targets, Threshold("weight", 0.01)).tick(NOW)
    np.testing.assert_allclose(plan.weight, [0.62, 0.25, 0.13], rtol=1e-14)
    np.testing.assert_allclose(plan.drift["weight"], [0.12, -0.05, -0.07], atol=1e-14)
    np.testing.assert_allclose(plan.trades["notional"], [-12_012.0, 4_992.8, 6_995.2], atol=0.01)
    assert plan.equity_after == pytest.approx(99_976, abs=0.001)
    np.testing.assert_allclose(plan.drift_after["weight"], 0, atol=1e-12)


def test_only_the_assets_beyond_their_band_trade_and_only_to_its_edge():
    _, book, market = portfolio([62_000, 25_000, 13_000], 0.0)
    targets = Targets(weight={"C0": 0.5, "C1": 0.3, "C2": 0.2})
    plan = Engine(book, market, targets, Threshold("weight", 0.06), action="edge").tick(NOW)
    assert plan.outcome == ["trade", "hold", "trade"]
    np.testing.assert_allclose(plan.drift_after["weight"], [0.06, -0.05, -0.06], atol=1e-10)


def test_relative_bands_scale_with_the_target():
    _, book, market = portfolio([62_000, 25_000, 13_000], 0.0)
    plan = Engine(book, market, Targets(weight=[0.5, 0.3, 0.2]), Threshold("weight", relative=0.2)).tick(NOW)
    assert plan.outcome == ["trade", "hold", "trade"]


def test_a_weight_needs_equity():
    instruments, _, market = portfolio([1.0, 1.0], 0.0)
    plan = Engine(
        Book(instruments, [1.0, 1.0], cash=-100.0), market, Targets(weight=0.5), Threshold("weight", 0.01)
    ).tick(NOW)
    assert plan.outcome == ["no_equity", "no_equity"]


@pytest.mark.parametrize(
    ("spot", "min_notional", "outcome", "size"),
    [
        (0.004, 0.0, "below_lot", 0),
        (0.03, 5_000.0, "below_min_notional", 0),
        (0.03, 0.0, "trade", -0.0),
        (0.09, 5_000.0, "trade", 0),
    ],
)
def test_lots_and_minimum_notional(spot, min_notional, outcome, size):
    instruments = Instruments(
        kind=["spot", "linear_perpetual"],
        underlying=["BTC", "BTC"],
        symbol=["SPOT", "PERP"],
        lot_size=[1e-9, 0.01],
        min_notional=[0.0, min_notional],
    )
    market = Market(instruments)
    market.set_index("BTC", 60_000.0)
    market.set_prices([60_000.0, 60_000.0])
    plan = Engine(
        Book(instruments, [spot, 0.0]), market, Targets(delta=0.0), Threshold("delta", 1e-3), hedge={"BTC": "PERP"}
    ).tick(NOW)
    assert plan.outcome == [outcome]
    assert plan.trade_size[1] == pytest.approx(-round(spot / 0.01) * 0.01 if outcome == "trade" else 0.0)


def test_reduce_only_shrinks_and_never_flips(chain, market):
    def size(perpetual: float, spot: float) -> tuple[str, float]:
        quantity = np.zeros(len(chain))
        quantity[12], quantity[13] = perpetual, spot
        plan = neutral(Book(chain, quantity), market, reduce_only=["BTC"]).tick(NOW)
        return plan.outcome[0], float(plan.trade_size[12])

    assert size(0.0, 1.0) == ("reduce_only", 0.0)
    assert size(-3_000.0, 1.0) == ("reduce_only", 0.0), "selling more would grow the short"
    outcome, traded = size(3_000.0, 1.0)
    assert (outcome, traded) == ("trade", -3_000.0), "no more than the position"
    assert size(9_000.0, 0.5) == ("trade", -9_000.0)


def test_costs_are_fee_and_half_spread(chain, market):
    quantity = np.zeros(len(chain))
    quantity[13] = 1.0
    plan = neutral(Book(chain, quantity), market).tick(NOW)
    trade = next(iter(plan.trades))
    assert trade["size"] == -6_001
    assert trade["notional"] == -60_010
    assert trade["cost"] == pytest.approx(60_010 * (5.0 + 0.1) * 1e-4)
    assert plan.equity_after == pytest.approx(plan.equity - trade["cost"])
    assert trade["limit_price"] == 60_009.0, "60010 less 0.1 bp, to a whole half"


def test_the_cost_gate_weighs_cost_against_risk(chain, market):
    """Breaks even where risk_aversion/2 (vol F)^2 (before^2 - after^2) horizon equals the cost."""
    quantity = np.zeros(len(chain))
    quantity[13] = 1.0
    book = Book(chain, quantity)
    free = next(iter(neutral(book, market).tick(NOW).trades))
    gain = 0.5 * (0.6 * 60_010) ** 2 * (free["drift_before"] ** 2 - free["drift_after"] ** 2) / 365
    even = free["cost"] / gain
    for factor, outcome in ((0.999, "cost_above_benefit"), (1.001, "trade")):
        gate = CostGate(risk_aversion=even * factor, vol=0.6, horizon="1d")
        plan = neutral(book, market, cost_gate=gate).tick(NOW)
        assert plan.outcome == [outcome]
        if outcome == "trade":
            assert plan.trades["risk_removed"][0] == pytest.approx(free["cost"] * factor, rel=1e-12)
        else:
            assert "costs more than the risk" in plan.why[0]


# --- bad data ---


@pytest.mark.parametrize(
    ("spoil", "status", "row"),
    [
        (lambda m: m.set_vol("option-3", math.nan), RowStatus.not_a_number, 3),
        (lambda m: m.set_vol("option-3", -0.2), RowStatus.negative_vol, 3),
        (lambda m: m.set_vol("option-3", math.inf), RowStatus.infinite, 3),
        (lambda m: m.set_forward("BTC", NOW + 30 * DAY, math.nan), RowStatus.not_a_number, 0),
        (lambda m: m.set_forward("BTC", NOW + 30 * DAY, 0.0), RowStatus.nonpositive_price, 0),
        (lambda m: m.set_forward("BTC", "perpetual", -1.0), RowStatus.nonpositive_price, 12),
        (lambda m: m.set_rate(1, math.nan), RowStatus.not_a_number, 0),
    ],
)
def test_what_has_no_value_marks_its_row_and_stops_the_trade(chain, market, spoil, status, row):
    book = Book(chain, np.ones(len(chain)), coin_cash={"BTC": 10.0})
    engine = neutral(book, market)
    assert engine.tick(NOW).outcome == ["trade"]
    spoil(market)
    plan = engine.tick(NOW)
    assert plan.outcome == ["bad_data"]
    assert plan.n_trades == 0
    assert plan.row_status[row] == status
    assert math.isnan(plan.equity)
    assert status.name in plan.why[0]
    assert chain.symbol[row] in plan.why[0]


def test_a_bad_index_stops_the_trade(chain, market):
    engine = neutral(held(chain), market)
    market.set_index("BTC", math.nan)
    assert engine.tick(NOW).outcome == ["bad_data"]
    market.set_index("BTC", 60_000.0)
    assert engine.tick(NOW).outcome == ["trade"]


def test_what_is_not_held_may_be_bad(chain, market):
    quantity = np.zeros(len(chain))
    quantity[5] = 3.0
    market.set_vol("option-3", math.nan)
    plan = neutral(Book(chain, quantity), market).tick(NOW)
    assert plan.outcome == ["trade"]
    assert plan.row_status[3] == RowStatus.not_a_number


def test_an_expired_option_is_marked_and_counts_no_more(chain, market):
    quantity = np.zeros(len(chain))
    quantity[5], quantity[13] = 3.0, 1.0
    engine = neutral(Book(chain, quantity), market)
    before = engine.tick(NOW + 30 * DAY - 1)
    assert before.row_status[5] == RowStatus.ok
    plan = engine.tick(NOW + 30 * DAY)
    assert plan.row_status[5] == RowStatus.expired
    assert plan.exposures["delta"][0] == 1.0
    assert plan.exposures["gamma"][0] == 0.0
    assert plan.outcome == ["trade"], "spot is still there to hedge"


def test_an_expired_future_is_not_traded():
    instruments = Instruments(
        kind=["spot", "linear_future"], underlying=["BTC", "BTC"], symbol=["SPOT", "FUT"], expiry=[0, NOW + DAY]
    )
    market = Market(instruments)
    market.set_index("BTC", 100.0)
    market.set_prices([100.0, 101.0])
    engine = Engine(
        Book(instruments, [1.0, 0.0]), market, Targets(delta=0.0), Threshold("delta", 0.1), hedge={"BTC": "FUT"}
    )
    assert engine.tick(NOW).outcome == ["trade"]
    assert engine.tick(NOW + DAY).outcome == ["bad_data"]


def test_stale_quotes_are_not_traded_on(chain):
    market = Market(chain)
    market.set_index("BTC", 60_000.0, NOW)
    market.set_prices(np.full(chain.n_nodes, 60_000.0), NOW)
    market.set_vols(np.full(len(chain), 0.5), NOW)
    engine = neutral(held(chain), market, max_age="10s")
    second = 1_000_000_000
    assert engine.tick(NOW + 10 * second).outcome == ["trade"]
    plan = engine.tick(NOW + 10 * second + 1)
    assert plan.outcome == ["bad_data"]
    assert plan.row_status[0] == RowStatus.stale
    market.set_index("BTC", 60_000.0, NOW + 20 * second)
    market.set_prices(np.full(chain.n_nodes, 60_000.0), NOW + 20 * second)
    assert engine.tick(NOW + 20 * second).outcome == ["bad_data"], "vols are still old"
    market.set_vols(np.full(len(chain), 0.5), NOW + 20 * second)
    assert engine.tick(NOW + 20 * second).outcome == ["trade"]


def test_a_market_that_was_never_set_is_not_traded(chain):
    plan = neutral(held(chain), Market(chain)).tick(NOW)
    assert plan.outcome == ["bad_data"]
    assert set(plan.row_status.tolist()) == {int(RowStatus.not_a_number)}


def test_trouble_on_one_coin_leaves_the_others_alone():
    _, book, market = portfolio([50_000, 50_000, 10_000], 0.0)
    targets = Targets(delta=0.0)
    engine = Engine(book, market, targets, Threshold("delta", 1.0))
    market.set_spot("C1", math.nan)
    assert engine.tick(NOW).outcome == ["trade", "bad_data", "trade"]


# --- rejected calls change nothing ---


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda e, b, m: m.set_index("XRP", 1.0), KeyError),
        (lambda e, b, m: m.set_index(7, 1.0), IndexError),
        (lambda e, b, m: m.set_price(99, 1.0), IndexError),
        (lambda e, b, m: m.set_vols([0.5, 0.6]), ValueError),
        (lambda e, b, m: m.set_vols(["x"] * 14), TypeError),
        (lambda e, b, m: m.set_prices(np.zeros((3, 3))), ValueError),
        (lambda e, b, m: m.set_vol("option-99", 0.5), KeyError),
        (lambda e, b, m: m.set_forward("BTC", NOW, 1.0), KeyError),
        (lambda e, b, m: b.fill("PERP", 1.0), ValueError),
        (lambda e, b, m: b.fill("PERP", math.nan, 60_000.0), ValueError),
        (lambda e, b, m: b.fill("PERP", 1.0, -5.0), ValueError),
        (lambda e, b, m: b.fill("NOPE", 1.0, 5.0), KeyError),
        (lambda e, b, m: b.set_quantities([1.0]), ValueError),
        (lambda e, b, m: b.set_quantities(np.full(14, np.inf)), ValueError),
        (lambda e, b, m: b.set_coin_cash("ETH", 1.0), KeyError),
        (lambda e, b, m: setattr(b, "cash", math.nan), ValueError),
        (lambda e, b, m: e.set_targets(Targets(delta={"XRP": 1.0})), KeyError),
        (lambda e, b, m: e.set_targets(Targets(delta=0.0, weight=0.5)), ValueError),
        (lambda e, b, m: e.tick("now"), TypeError),
        (lambda e, b, m: e.tick(1.5), TypeError),
    ],
)
def test_a_rejected_call_leaves_everything_as_it_was(chain, market, call, error):
    book = Book(chain, np.append(np.zeros(12), [0.0, 1.0]), coin_cash={"BTC": 1.0}, cash=5.0)
    engine = neutral(book, market)
    before = engine.tick(NOW).copy()
    state = [book.quantity.copy(), book.coin_cash.copy(), market.index.copy(), market.price.copy(), market.vol.copy()]
    with pytest.raises(error):
        call(engine, book, market)
    for a, b in zip(state, [book.quantity, book.coin_cash, market.index, market.price, market.vol], strict=True):
        np.testing.assert_array_equal(a, b)
    assert book.cash == 5.0
    after = engine.tick(NOW)
    assert after.trades.to_dict()["size"].tolist() == before.trades.to_dict()["size"].tolist()
    assert after.exposures["delta"][0] == before.exposures["delta"][0]


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda c, b, m: neutral(b, m, hedge={"ETH": 0}), TypeError, "multiple values"),
        (
            lambda c, b, m: Engine(b, m, Targets(delta=0.0), Calendar("1h"), hedge={"ETH": 0}),
            KeyError,
            "unknown underlying 'ETH'",
        ),
        (
            lambda c, b, m: Engine(b, m, Targets(delta=0.0), Calendar("1h"), hedge={"BTC": "option-1"}),
            ValueError,
            "an option",
        ),
        (lambda c, b, m: Engine(b, m, Targets(delta=0.0), Calendar("0s")), ValueError, "above 0"),
        (lambda c, b, m: neutral(b, m, action="sideways"), ValueError, "target, edge"),
        (lambda c, b, m: neutral(b, m, action=1.5), ValueError, "fraction .* got 1.5"),
        (lambda c, b, m: neutral(b, m, clock_step=-1), ValueError, "clock_step_ns"),
        (lambda c, b, m: neutral(b, m, max_age=-1), ValueError, "max_age_ns"),
        (lambda c, b, m: neutral(b, m, cost_gate=CostGate(-1.0, 0.5, "1h")), ValueError, "risk_aversion"),
        (
            lambda c, b, m: Engine(
                b, Market(Instruments(kind=["spot"], underlying=["BTC"])), Targets(), Calendar("1h")
            ),
            ValueError,
            "different Instruments",
        ),
        (
            lambda c, b, m: Engine(b, m, Targets(delta=[0.0, 1.0]), Calendar("1h")),
            ValueError,
            r"shape \(2,\), but there are 1",
        ),
        (lambda c, b, m: Engine(b, m, Targets(delta=math.inf), Calendar("1h")), ValueError, "infinite"),
        (lambda c, b, m: Engine(b, m, Targets(delta=0.0), Threshold("delta", -1.0)), ValueError, "at least 0"),
        (lambda c, b, m: Engine(b, m, Targets(delta=0.0), Threshold("delta", 1.0, release=0.0)), ValueError, "release"),
    ],
)
def test_parts_that_do_not_fit_are_refused_in_words(chain, market, build, error, message):
    book = held(chain)
    with pytest.raises(error, match=message):
        build(chain, book, market)


def test_a_coin_book_cannot_hedge_with_spot(chain, market):
    book = Book(chain, np.ones(len(chain)), numeraire="coin")
    with pytest.raises(ValueError, match="no delta in coin"):
        Engine(book, market, Targets(delta=0.0), Calendar("1h"), hedge={"BTC": "SPOT"})


def test_a_target_for_what_is_not_held_buys_it():
    instruments = Instruments(kind=["spot", "spot"], underlying=["A", "B"], symbol=["A", "B"], lot_size=[0.1, 0.1])
    market = Market(instruments)
    market.set_prices([10.0, 20.0])
    book = Book(instruments, [100.0, 0.0])
    plan = Engine(book, market, Targets(weight={"A": 0.5, "B": 0.5}), Threshold("weight", 0.01)).tick(NOW)
    np.testing.assert_allclose(plan.trade_size, [-50.0, 25.0])


def test_positions_off_the_lot_grid_trade_in_whole_lots(chain, market):
    quantity = np.zeros(len(chain))
    quantity[12], quantity[13] = 12.34, 0.123456789
    plan = neutral(Book(chain, quantity), market, band=0.01).tick(NOW)
    assert float(plan.trade_size[12]).is_integer()
    assert abs(plan.drift_after["delta"][0]) <= 5 / 60_000


def test_new_targets_take_effect_at_the_next_tick(chain, market):
    quantity = np.zeros(len(chain))
    quantity[13] = 1.0
    engine = neutral(Book(chain, quantity), market)
    assert engine.tick(NOW).outcome == ["trade"]
    engine.set_targets(Targets(delta=1.0))
    assert engine.tick(NOW).outcome == ["hold"]


# --- threads ---


def test_engines_in_separate_threads_do_not_disturb_each_other(chain):
    def run(seed: int, results: dict[int, list[float]]) -> None:
        market = Market(chain)
        market.set_prices(np.full(chain.n_nodes, 60_000.0))
        market.set_vols(np.full(len(chain), 0.5))
        engine = neutral(held(chain, seed), market)
        deltas = []
        for i in range(300):
            market.move("BTC", 60_000.0 + 10 * math.sin(i + seed))
            deltas.append(float(engine.tick(NOW + i).exposures["delta"][0]))
        results[seed] = deltas

    alone: dict[int, list[float]] = {}
    together: dict[int, list[float]] = {}
    for seed in (1, 2):
        run(seed, alone)
    threads = [threading.Thread(target=run, args=(seed, together)) for seed in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone


# --- a slow, obvious twin ---

KINDS = [
    "spot",
    "linear_perpetual",
    "inverse_perpetual",
    "linear_future",
    "inverse_future",
    "linear_option",
    "inverse_option",
]
rows = st.builds(
    Row,
    kind=st.sampled_from(KINDS),
    expiry_ns=st.sampled_from([NOW + DAY, NOW + 40 * DAY]),
    strike=st.floats(20_000, 200_000),
    phi=st.sampled_from([1.0, -1.0]),
    multiplier=st.sampled_from([0.01, 1.0, 10.0]),
    lot_size=st.sampled_from([0.1, 1.0]),
    quantity=st.integers(-20, 20).map(float),
    vol=st.floats(0.2, 1.5),
)
hedges = st.builds(
    Row,
    kind=st.sampled_from(KINDS[1:5]),
    expiry_ns=st.just(NOW + 40 * DAY),
    multiplier=st.sampled_from([1.0, 10.0]),
    lot_size=st.sampled_from([0.01, 1.0]),
    min_notional=st.sampled_from([0.0, 200_000.0]),
    fee_bps=st.sampled_from([0.0, 5.0]),
    half_spread_bps=st.sampled_from([0.0, 1.0]),
    quantity=st.integers(-3, 3).map(float),
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("move"), st.floats(0.9, 1.1)),
        st.tuples(st.just("vol"), st.integers(0, 7), st.sampled_from([0.3, 0.9, 0.0, math.nan, -0.1])),
        st.tuples(st.just("forward"), st.floats(50_000, 70_000)),
        st.tuples(st.just("wait"), st.integers(0, 2 * DAY)),
        st.tuples(st.just("fill")),
        st.tuples(st.just("bad forward"), st.sampled_from([math.nan, -1.0, math.inf])),
    ),
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(rows, max_size=8),
    hedge=hedges,
    band=st.floats(0.01, 3.0),
    release=st.sampled_from([1.0, 0.5]),
    target=st.sampled_from([0.0, 1.5]),
    action=st.sampled_from(["target", "edge", 0.5]),
    coin=st.booleans(),
    coin_cash=st.sampled_from([0.0, 3.0]),
    gate=st.sampled_from([0.0, 1e-7]),
    steps=steps,
)
def test_the_engine_agrees_with_the_twin(rows, hedge, band, release, target, action, coin, coin_cash, gate, steps):
    everything = [copy.copy(row) for row in [*rows, hedge]]
    for row in everything:
        row.basis = 0.0 if row.quantity == 0 else None
    twin = Twin(
        everything, len(rows), band, release, target, action, coin,
        index=60_000.0, price={0: 60_000.0, -1: 60_050.0, NOW + DAY: 60_100.0, NOW + 40 * DAY: 60_900.0}, rate=0.03,
        coin_cash=coin_cash, cash=1_000.0, risk_aversion=gate, gate_vol=0.6, horizon_years=1 / 365,
    )  # fmt: skip
    instruments = Instruments(
        kind=[r.kind for r in everything],
        underlying=["BTC"] * len(everything),
        expiry=[r.expiry_ns for r in everything],
        strike=[r.strike if r.strike > 0 else 1.0 for r in everything],
        phi=[r.phi for r in everything],
        multiplier=[r.multiplier for r in everything],
        lot_size=[r.lot_size for r in everything],
        min_notional=[r.min_notional for r in everything],
        taker_fee_bps=[r.fee_bps for r in everything],
        half_spread_bps=[r.half_spread_bps for r in everything],
    )
    market = Market(instruments)
    nodes = {ns if 0 <= ns < 2**62 else -1: i for i, ns in enumerate(instruments._node_expiry_ns)}

    def push_market() -> None:
        market.set_index(0, twin.index)
        for key, i in nodes.items():
            market.set_price(i, twin.price[key])
            market.set_rate(i, twin.rate)
        market.set_vols([r.vol for r in everything])

    push_market()
    book = Book(
        instruments,
        [r.quantity for r in everything],
        cash=twin.cash,
        coin_cash=[coin_cash],
        numeraire="coin" if coin else "quote",
    )
    engine = Engine(
        book, market, Targets(delta=target), Threshold("delta", band, release=release), hedge={"BTC": len(rows)}, action=action,
        cost_gate=CostGate(gate, 0.6, "1d"),
    )  # fmt: skip
    now = NOW
    for step in [("wait", 0), *steps]:
        match step:
            case ("move", ratio):
                twin.index *= ratio
                twin.price = {key: f * ratio for key, f in twin.price.items()}
                push_market()
            case ("vol", i, vol) if i < len(rows):
                everything[i].vol = vol
                market.set_vol(i, vol)
            case ("forward", price):
                twin.price[NOW + 40 * DAY] = price
                push_market()
            case ("bad forward", price):
                twin.price[NOW + DAY] = price
                push_market()
            case ("wait", ns):
                now += ns
            case ("fill",):
                for trade in list(engine.plan.trades):
                    i = int(trade["instrument"])
                    book.fill(i, trade["size"], trade["price"])
                    twin.fill(i, trade["size"], trade["price"])
        exposures, size, outcome = twin.tick(now)
        plan = engine.tick(now)
        if twin.tie:  # half-way between two lots the last bit of a sum decides, and all that follows from a lot
            assert plan.outcome[0] in ("trade", "below_lot", "below_min_notional", "cost_above_benefit"), plan.why
            wanted = size if size else twin.wanted
            assert plan.trade_size[len(rows)] in (0.0, pytest.approx(wanted, abs=1.000001 * hedge.lot_size))
        else:
            assert plan.outcome[0] == outcome, plan.why
            assert plan.trade_size[len(rows)] == pytest.approx(size, rel=1e-9)
        if exposures is None:
            continue
        scale = 1e-11 * (1 + plan.exposures["gross_notional"][0])
        for name, value in exposures.items():
            unit = {"value": 1.0, "theta": 100.0, "vega": 1.0}.get(name, 1 / 60_000.0)
            assert plan.exposures[name][0] == pytest.approx(value, rel=1e-9, abs=scale * unit), name


def test_versions_and_names_are_public():
    assert rc.__version__.count(".") == 2
    assert all(hasattr(rc, name) for name in rc.__all__)
