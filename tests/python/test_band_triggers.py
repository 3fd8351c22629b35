"""Bands in the tick: when they fire, where trades take the drift, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import DAY, FUSED, NOW, on_each_isa
from rebalance_core import Book, Engine, Instruments, Market, Targets
from rebalance_core.triggers import HedgeBand, LocalBand, Threshold, hedge_band, local_band

AVERSION, COST, VOL, GAS = 2e-5, 0.0006, 0.6, 3.0


def options(n: int = 6) -> Instruments:
    """Options of both kinds, and a linear perpetual in small lots that hedges them."""
    return Instruments(
        kind=["inverse_option", "linear_option"] * (n // 2) + ["linear_perpetual"],
        underlying=["BTC"] * (n + 1),
        expiry=[NOW + 30 * DAY] * n + [0],
        strike=[*(50_000.0 + 4_000.0 * i for i in range(n)), np.nan],
        phi=[*([1.0, -1.0, -1.0] * n)[:n], np.nan],
        multiplier=[1.0] * n + [0.001],
        lot_size=[0.1] * n + [1.0],
        symbol=[f"option-{i}" for i in range(n)] + ["PERP"],
    )


def desk(quantity: list[float], numeraire: str = "quote") -> tuple[Book, Market]:
    instruments = options()
    market = Market(instruments)
    market.set_index("BTC", 60_000.0)
    market.set_prices(np.full(instruments.n_nodes, 60_000.0))
    market.set_vols(np.full(len(instruments), 0.55))
    return Book(instruments, [*quantity, 0.0], numeraire=numeraire), market


def engine(book: Book, market: Market, trigger: object, target: float = 0.0, **options: object) -> Engine:
    return Engine(book, market, Targets(delta=target), trigger, hedge={"BTC": "PERP"}, **options)


def exposures(book: Book, market: Market) -> tuple[float, float]:
    """Delta in the book's numeraire, and how fast it moves with the forward."""
    e = engine(book, market, Threshold("delta", 1e9)).tick(NOW).exposures
    if book.numeraire == "quote":
        return e["delta"][0], e["gamma"][0]
    return e["delta_pa"][0], (e["delta_pa"][0] + e["gamma_pa"][0]) / 60_000.0


quantities = st.lists(st.integers(-10, 10).map(float), min_size=6, max_size=6)


@settings(max_examples=60)
@given(
    quantity=quantities,
    numeraire=st.sampled_from(["quote", "coin"]),
    fixed=st.sampled_from([0.0, GAS, 300.0]),
    factor=st.sampled_from([0.3, 0.999999, 1.000001, 1.5, 4.0]),
    side=st.sampled_from([-1.0, 1.0]),
)
def test_a_hedge_band_is_that_of_the_gamma_held(quantity, numeraire, fixed, factor, side):
    """It fires beyond hedge_band(...).trigger and trades to its destination, whole lots aside."""
    book, market = desk(quantity, numeraire)
    delta, slope = exposures(book, market)
    wanted = hedge_band(60_000.0, slope, VOL, COST, AVERSION, fixed_cost=fixed)
    target = delta - side * factor * wanted.trigger
    trigger = HedgeBand(risk_aversion=AVERSION, cost=COST, vol=VOL, fixed_cost=fixed)
    plan = engine(book, market, trigger, target, action="band").tick(NOW)
    drift = plan.drift["delta"][0]
    if abs(abs(drift) / wanted.trigger - 1 if wanted.trigger else 1.0) < 1e-9:
        return  # on the edge to the last bits: either will do
    if abs(drift) <= wanted.trigger:
        assert plan.outcome == ["hold"]
        return
    lot = 0.001
    if plan.outcome == ["below_lot"]:
        assert abs(drift) - wanted.destination <= lot / 2 * (1 + 1e-9)
        return
    assert plan.outcome == ["trade"]
    left = plan.drift_after["delta"][0]
    assert abs(left * side - wanted.destination) <= lot * (1 + 1e-9), "the nearest lot, or one more to be inside"
    if 2 * wanted.trigger >= lot:
        assert abs(left) <= wanted.trigger + 1e-9 * lot, "a trade ends inside the band, or the next tick trades again"


def test_a_hedge_band_follows_the_market():
    """Far from the strikes there is no gamma, and so no room to wait."""
    book, market = desk([10.0, -3.0, 0.0, 4.0, 0.0, 0.0])
    trigger = HedgeBand(risk_aversion=AVERSION, cost=COST, vol=VOL)
    for index in (40_000.0, 55_000.0, 60_000.0, 90_000.0, 200_000.0):
        market.set_index("BTC", index)
        market.set_prices(np.full(book.instruments.n_nodes, index))
        e = engine(book, market, Threshold("delta", 1e9)).tick(NOW).exposures
        width = hedge_band(index, e["gamma"][0], VOL, COST, AVERSION).trigger
        for factor, outcome in ((0.999, "hold"), (1.001, "trade")):
            fine = engine(book, market, trigger, e["delta"][0] - factor * width, action="target")
            assert fine.tick(NOW).outcome[0] in (outcome, "below_lot" if factor > 1 else outcome), (index, factor)


def test_a_band_has_a_floor_where_there_is_no_gamma():
    """Its trigger waits, its destination does not move: without gamma, the target."""
    book, market = desk([0.0] * 6)
    book.set_quantity("PERP", 400.0)
    for floor, left in ((0.5, 0.4), (0.3, 0.0)):
        trigger = HedgeBand(risk_aversion=AVERSION, cost=COST, vol=VOL, least=floor)
        plan = engine(book, market, trigger, action="band").tick(NOW)
        assert plan.drift_after["delta"][0] == pytest.approx(left, abs=1e-12)
    assert repr(trigger).endswith("least=0.3)")
    with pytest.raises(ValueError, match=r"least\[0\] must be at least 0"):
        HedgeBand(AVERSION, COST, VOL, least=-0.1).build(["A"])


def test_a_band_in_the_tick_has_the_same_bits_on_fused_instruction_sets():
    book, market = desk([10.0, -3.0, 2.0, 4.0, -1.0, 5.0])
    trigger = HedgeBand(risk_aversion=AVERSION, cost=COST, vol=VOL, fixed_cost=GAS)
    left = [engine(book, market, trigger, action="band").tick(NOW).drift_after["delta"][0] for _ in on_each_isa(FUSED)]
    assert len(set(left)) == 1


def test_a_local_band_of_weights_jumps_inside():
    instruments = Instruments(
        kind=["spot", "spot"], underlying=["A", "B"], lot_size=[1e-6, 1e-6], taker_fee_bps=[0.0, 0.0]
    )
    market = Market(instruments)
    market.set_prices([100.0, 50.0])
    market.set_index("A", 100.0)
    market.set_index("B", 50.0)
    s2, c, l, k = 0.0225, 1.08, 0.001, 2e-4
    band = local_band(s2, c, l, k)
    for weight, acts in ((0.5 + 0.99 * band.trigger, False), (0.5 + 1.01 * band.trigger, True), (0.1, True)):
        book = Book(instruments, [weight * 10, (1 - weight) * 20])
        plan = Engine(book, market, Targets(weight={"A": 0.5}), LocalBand("weight", s2, c, l, k), action="band").tick(
            NOW
        )
        assert plan.outcome == ["trade" if acts else "hold", "no_target"]
        left = math.copysign(band.destination, weight - 0.5) if acts else weight - 0.5
        assert plan.drift_after["weight"][0] == pytest.approx(left, abs=1e-6)


def test_the_narrowest_band_that_fired_says_where_to():
    book, market = desk([10.0, -3.0, 0.0, 4.0, 0.0, 0.0])
    delta, _ = exposures(book, market)
    inner = LocalBand("delta", 1.0, 1.0, 0.0, 1e-4)  # trigger 0.186, to 0
    edge = LocalBand("delta", 1.0, 1.0, 0.1)  # trigger and destination 0.531
    wide = Threshold("delta", 2.0)
    for trigger, wanted in ((wide, 2.0), (wide | edge, 0.5313), (edge | inner, 0.0), (inner | wide, 0.0)):
        plan = engine(book, market, trigger, delta - 3.0, action="band").tick(NOW)
        assert plan.drift_after["delta"][0] == pytest.approx(wanted, abs=0.001)
    to_edge = engine(book, market, inner, delta - 3.0, action="edge").tick(NOW)
    assert to_edge.drift_after["delta"][0] == pytest.approx(0.186, abs=0.001)
    assert "LocalBand('delta', variance_rate=1.0" in to_edge.why[0]


def test_underlyings_that_a_mapping_leaves_out_never_fire():
    instruments = Instruments(kind=["linear_perpetual"] * 2, underlying=["A", "B"], symbol=["A", "B"])
    market = Market(instruments)
    market.set_prices(np.full(instruments.n_nodes, 100.0))
    market.set_index("A", 100.0)
    market.set_index("B", 100.0)
    book = Book(instruments, [50.0, 50.0])
    for trigger in (
        LocalBand("delta", {"B": 1.0}, 1.0, 0.001),
        HedgeBand(risk_aversion=1e-4, cost=0.001, vol={"B": 0.5}),
        HedgeBand(risk_aversion={"B": 1e-4}, cost={"A": 0.001, "B": 0.001}, vol=0.5),
    ):
        assert Engine(book, market, Targets(delta=0.0), trigger).tick(NOW).outcome == ["hold", "trade"]


@pytest.mark.parametrize(
    ("trigger", "error", "message"),
    [
        (lambda: LocalBand("gama", 1, 1, 1), ValueError, "unknown quantity 'gama'"),
        (
            lambda: LocalBand("delta", 1.0, 0.0, 1.0).build(["A"]),
            ValueError,
            "the local band on delta of A is nonpositive_penalty: variance_rate 1, penalty 0, linear_cost 1, fixed_cost 0",
        ),
        (lambda: LocalBand("delta", math.nan, 1.0, 1.0).build(["A"]), ValueError, "of A is not_a_number"),
        (lambda: LocalBand("delta", 0.0, 1.0, 1.0).build(["A"]), ValueError, "of A is zero_vol"),
        (lambda: LocalBand("delta", {"B": 1.0}, 1.0, 1.0).build(["A"]), KeyError, "unknown underlying 'B'"),
        (lambda: HedgeBand(0.0, 0.001, 0.6).build(["A"]), ValueError, r"risk_aversion\[0\] must be above 0 and finite"),
        (lambda: HedgeBand(1e-4, 0.001, -0.6).build(["A"]), ValueError, r"vol\[0\] must be at least 0, got -0.6"),
        (lambda: HedgeBand(1e-4, -0.001, 0.6).build(["A"]), ValueError, r"cost\[0\] must be at least 0"),
        (
            lambda: HedgeBand(1e-4, math.inf, 0.6).build(["A"]),
            ValueError,
            "of A: cost inf and fixed_cost 0 must be finite",
        ),
        (lambda: HedgeBand(1e-4, 0.001, 0.6, math.nan).build(["A"]), ValueError, "must be finite"),
    ],
)
def test_bands_that_make_no_sense_are_refused_in_words(trigger, error, message):
    with pytest.raises(error, match=message):
        trigger()


def test_bands_show_themselves():
    assert repr(HedgeBand(1e-4, 0.001, 0.6)) == "HedgeBand(risk_aversion=0.0001, cost=0.001, vol=0.6)"
    assert repr(HedgeBand(1e-4, 0.001, 0.6, 5.0)).endswith("vol=0.6, fixed_cost=5.0)")
    both = LocalBand("weight", 0.02, 1.0, 0.001, 1e-4) & Threshold("weight", 0.01)
    assert repr(both) == (
        "(LocalBand('weight', variance_rate=0.02, penalty=1.0, linear_cost=0.001, fixed_cost=0.0001) & "
        "Threshold('weight', 0.01))"
    )
