"""Bands: against 50 digits, in their limits, over their inputs, against simulation, and row by row."""

from __future__ import annotations

import doctest
import math
import pickle

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rebalance_core as rc
from conftest import FUSED, on_each_isa, reference_table
from rebalance_core import RowStatus
from rebalance_core.pricing import bsm
from rebalance_core.triggers import (
    Band,
    _bands,
    amortisation_horizon,
    frequency_band,
    gas_band,
    hedge_band,
    leland_vol,
    local_band,
    no_trade_region,
    tracking_error_band,
    trigger_matrix,
    watched_band,
    weight_band,
    whalley_wilmott,
    zakamouline,
)

OUTPUTS = ("trigger", "destination", "mean_square", "turnover", "trades_per_year", "cost_rate")
INPUTS = ("variance_rate", "penalty", "linear_cost", "fixed_cost")

#: Relative, of all six outputs: what the header promises. The target is 1e-10.
EXACT = 1.5e-15


def relative_error(got: float, exact: str) -> float:
    """0 where both are the same limit; results that no normal double holds must round to what there is."""
    with mp.workdps(30):
        known = mp.mpf(exact)
        if known == 0 or not mp.isfinite(known) or known > mp.mpf(2) ** 1024:
            return 0.0 if got == float(known) else math.inf
        if known < mp.mpf(2) ** -1022:
            return 0.0 if abs(got - float(known)) <= 1e-323 else math.inf
        return float(abs(mp.mpf(got) / known - 1))


# --- the roots ---


def test_every_number_is_that_of_fifty_digits(isa):
    x, exact = reference_table("bands")
    band = local_band(*(x[name] for name in INPUTS))
    assert np.all(band.status == RowStatus.ok)
    for name in OUTPUTS:
        for i, (got, known) in enumerate(zip(getattr(band, name), exact[name], strict=True)):
            error = relative_error(float(got), known)
            assert error <= EXACT, (name, exact["kind"][i], [x[n][i] for n in INPUTS], got, known, error)


def test_fused_instruction_sets_give_the_same_bits():
    x, _ = reference_table("bands")
    bands = [local_band(*(x[name] for name in INPUTS)) for _ in on_each_isa(FUSED)]
    for name in OUTPUTS:
        assert all(np.array_equal(getattr(b, name), getattr(bands[0], name)) for b in bands), name


def test_no_row_depends_on_its_neighbours_or_on_threads(isa):
    x, _ = reference_table("bands")
    columns = [np.tile(x[name], 20) for name in INPUTS]
    whole, threaded = local_band(*columns), local_band(*columns, threads=2)
    for name in OUTPUTS:
        assert np.array_equal(getattr(whole, name), getattr(threaded, name)), name
        for i in (0, 7, 150, 333, 600):
            alone = local_band(*(float(c[i]) for c in columns))
            assert getattr(alone, name) == getattr(whole, name)[i], (name, i)


def test_the_worked_example():
    """Theory 3.2: k=2, l=0.5, c=3, s2=0.2."""
    band = local_band(0.2, 3.0, 0.5, 2.0)
    assert band.trigger == pytest.approx(1.16122165474549, rel=1e-14)
    assert band.destination == pytest.approx(0.06994673048, rel=1e-9)
    assert band.cost_rate == pytest.approx(0.71727596733, rel=1e-11)
    assert isinstance(band.trigger, float)
    assert band.status is RowStatus.ok


costs = st.floats(1e-12, 1e12)
ordinary = st.floats(1e-9, 1e9)


@given(s2=ordinary, c=ordinary, l=costs)
def test_without_a_fixed_cost_the_edge_is_where_trades_end(s2, c, l):
    band = local_band(s2, c, l)
    assert band.trigger == pytest.approx((3 * l * s2 / (2 * c)) ** (1 / 3), rel=1e-14)
    assert band.destination == pytest.approx(band.trigger, rel=3e-16)
    assert band.trades_per_year == math.inf
    assert band.turnover == pytest.approx(s2 / (2 * band.trigger), rel=1e-14)
    assert band.cost_rate == pytest.approx(c * band.trigger**2 / 6 + l * band.turnover, rel=1e-14)


@given(s2=ordinary, c=ordinary, k=costs)
def test_without_a_linear_cost_trades_end_at_the_target(s2, c, k):
    band = local_band(s2, c, 0.0, k)
    assert band.trigger == pytest.approx((12 * k * s2 / c) ** 0.25, rel=1e-14)
    assert band.destination == 0.0
    assert band.trades_per_year == pytest.approx(s2 / band.trigger**2, rel=1e-14)


@given(s2=ordinary, c=ordinary, l=costs, k=costs)
def test_both_equations_hold_and_the_cost_is_what_it_is_made_of(s2, c, l, k):
    band = local_band(s2, c, l, k)
    with mp.workdps(40):
        a, b = mp.mpf(band.trigger), mp.mpf(band.destination)
        beta = mp.mpf(c) / (3 * mp.mpf(s2))
        assert abs(beta * a * b * (a + b) / l - 1) < 5e-15
        # a - b of two rounded numbers has lost what they have in common
        lost = 4e-15 * float(a / (a - b)) if a > b else math.inf
        assert abs(beta * (a - b) ** 3 * (a + b) / (4 * mp.mpf(k)) - 1) < lost
    parts = c * band.mean_square / 2 + l * band.turnover + k * band.trades_per_year
    assert band.cost_rate == pytest.approx(parts, rel=4e-15)


@given(s2=ordinary, c=ordinary, l=costs, k=costs, which=st.integers(0, 3), factor=st.floats(1.01, 100.0))
def test_a_band_widens_with_variance_and_costs_and_narrows_with_the_penalty(s2, c, l, k, which, factor):
    before = [s2, c, l, k]
    after = [x * factor if i == which else x for i, x in enumerate(before)]
    one, two = local_band(*before), local_band(*after)
    wider = two.trigger >= one.trigger * (1 - 1e-14)
    assert wider if which != 1 else two.trigger <= one.trigger * (1 + 1e-14)
    assert 0.0 < two.destination <= two.trigger
    if which >= 2:
        assert two.cost_rate >= one.cost_rate * (1 - 1e-14), "what costs more costs more"
        assert two.turnover <= one.turnover * (1 + 1e-14), "and is done less"
    if which == 3:
        assert two.destination <= one.destination * (1 + 1e-14), "a dearer ticket is used to go further"


@given(s2=ordinary, c=ordinary, l=costs, k=costs, powers=st.tuples(*[st.integers(-20, 20)] * 3))
def test_units_of_size_time_and_money_do_not_matter(s2, c, l, k, powers):
    size, time, money = (10.0**p for p in powers)
    band = local_band(s2, c, l, k)
    other = local_band(s2 * size**2 / time, c * money / (size**2 * time), l * money / size, k * money)
    assert other.trigger == pytest.approx(band.trigger * size, rel=1e-13)
    assert other.destination == pytest.approx(band.destination * size, rel=1e-13)
    assert other.trades_per_year == pytest.approx(band.trades_per_year / time, rel=1e-13)
    assert other.cost_rate == pytest.approx(band.cost_rate * money / time, rel=1e-13)


def test_no_other_band_costs_less():
    """Its cost rate is least among all (trigger, destination): the optimum, not only a root."""
    s2, c, l, k = 0.2, 3.0, 0.5, 2.0
    band = local_band(s2, c, l, k)
    for factor in np.linspace(0.5, 2.0, 31):
        for share in np.linspace(0.0, 0.9, 31):
            a = band.trigger * factor
            b = a * share
            cost = c * (a * a + b * b) / 12 + l * s2 / (a + b) + k * s2 / (a * a - b * b)
            assert cost >= band.cost_rate * (1 - 1e-14), (a, b)


def test_a_simulated_deviation_does_what_the_band_says():
    """4000 paths with steps of 1/50 of the trigger. Four standard errors, and no allowance: the trigger is set inside by
    what a walk overshoots, so the long-run figures are those of watching without pause."""
    s2, band = 0.2, local_band(0.2, 3.0, 0.5, 2.0)
    dt = (band.trigger / 50) ** 2 / s2
    trigger, destination = watched_band(band, s2, dt)
    random = np.random.default_rng(5)
    n, steps = 4_000, 12_000
    x = random.uniform(-destination, destination, n)
    traded, trades, squares = np.zeros(n), np.zeros(n), np.zeros(n)
    for i in range(steps):
        x += math.sqrt(s2 * dt) * random.standard_normal(n)
        out = np.abs(x) >= trigger
        size = np.abs(x) - destination
        if i >= steps // 4:  # the start is forgotten
            squares += x * x
            traded += np.where(out, size, 0.0)
            trades += out
        np.copyto(x, np.sign(x) * destination, where=out)
    years = dt * (steps - steps // 4)
    for figures, wanted in ((traded / years, band.turnover), (trades / years, band.trades_per_year)):
        assert abs(figures.mean() - wanted) < 4 * figures.std() / math.sqrt(n), (figures.mean(), wanted)
    squares /= steps - steps // 4
    # E x^2 at the looks, before trading: within half a step's variance of the pauseless figure
    assert abs(squares.mean() - band.mean_square) < 4 * squares.std() / math.sqrt(n) + 0.5 * s2 * dt


def test_a_walk_overshoots_by_0_58_of_a_step():
    """Theory 8: trigger 1, step 0.2, jump to the centre: 31.4154 steps between trades, of which 31.165 by the correction."""
    step, band = 0.2, local_band(0.04, 12.0, 0.0, 25.0)
    assert band.trigger == pytest.approx(1.0, rel=1e-15)
    inside = watched_band(band, 0.04, 1.0)
    assert inside.trigger == pytest.approx(1.0 - 0.5825971579390107 * step, rel=1e-14)
    assert ((1 + 0.5825971579390107 * step) / step) ** 2 + 0.25 == pytest.approx(31.4154, abs=2e-3)
    random = np.random.default_rng(3)
    x, trades, n, steps = np.zeros(20_000), 0, 20_000, 2_000
    for _ in range(steps):
        x += step * random.standard_normal(n)
        out = np.abs(x) >= 1.0
        trades += int(out.sum())
        x[out] = 0.0
    # about 1.27e6 trades with a spread of 0.8 of their spacing: 4 standard errors, and the unfinished ones at the end
    assert n * steps / trades == pytest.approx(31.4154, rel=4 * 0.8 / math.sqrt(trades) + 31.4 / steps / 2)


def test_watching_too_rarely_leaves_nothing_of_the_band():
    band = local_band(0.04, 2.0, 0.001)
    assert watched_band(band, 0.04, 10.0) == (0.0, 0.0)
    trigger, destination = watched_band(band, 0.04, "1min")
    assert trigger == destination < band.trigger, "an edge moves with its trigger"
    assert watched_band(local_band([0.04, 0.09], 2.0, 0.001), [0.04, 0.09], "1h").trigger.shape == (2,)


# --- rows, shapes, refusals ---


@pytest.mark.parametrize(
    ("row", "status"),
    [
        ((math.nan, 1.0, 1.0, 1.0), RowStatus.not_a_number),
        ((1.0, math.nan, 1.0, 1.0), RowStatus.not_a_number),
        ((1.0, 1.0, math.nan, 1.0), RowStatus.not_a_number),
        ((1.0, 1.0, 1.0, math.nan), RowStatus.not_a_number),
        ((math.inf, 1.0, 1.0, 1.0), RowStatus.infinite),
        ((1.0, 1.0, 1.0, math.inf), RowStatus.infinite),
        ((-1.0, 1.0, 1.0, 1.0), RowStatus.negative_vol),
        ((1.0, 0.0, 1.0, 1.0), RowStatus.nonpositive_penalty),
        ((1.0, -1.0, 1.0, 1.0), RowStatus.nonpositive_penalty),
        ((1.0, 1.0, -1e-9, 1.0), RowStatus.negative_cost),
        ((1.0, 1.0, 1.0, -1e-9), RowStatus.negative_cost),
    ],
)
def test_a_bad_row_says_why_and_leaves_the_others_alone(isa, row, status):
    columns = np.full((4, 19), 2.0)
    columns[:, 11] = row
    band, plain = local_band(*columns), local_band(2.0, 2.0, 2.0, 2.0)
    assert band.status[11] == status
    assert np.all(np.delete(band.status, 11) == RowStatus.ok)
    for name in OUTPUTS:
        assert np.isnan(getattr(band, name)[11])
        assert np.all(np.delete(getattr(band, name), 11) == getattr(plain, name))
    assert local_band(*row).status is status


def test_the_limits_without_movement_and_without_costs(isa):
    still = local_band(0.0, 1.0, 1.0, 1.0)
    assert still.status is RowStatus.zero_vol
    assert [getattr(still, name) for name in OUTPUTS] == [0.0] * 6
    free = local_band(1.0, 1.0, 0.0, 0.0)
    assert free.status is RowStatus.ok
    assert [getattr(free, name) for name in OUTPUTS] == [0.0, 0.0, 0.0, math.inf, math.inf, 0.0]


def test_numbers_in_numbers_out_and_arrays_broadcast():
    s2, c = np.array([[0.1], [0.2]]), np.array([1.0, 2.0, 3.0])
    band = local_band(s2, c, 0.5, np.float32(2.0))
    assert band.shape == (2, 3)
    for i in range(2):
        for j in range(3):
            assert band.trigger[i, j] == local_band(float(s2[i, 0]), float(c[j]), 0.5, 2.0).trigger
    assert local_band([], 1.0, 1.0).trigger.shape == (0,)
    reversed_and_strided = local_band(np.arange(1.0, 41.0)[::-2], 1.0, 1.0)
    assert reversed_and_strided.trigger[0] == local_band(40.0, 1.0, 1.0).trigger
    with pytest.raises(ValueError, match=r"penalty has shape \(3,\).*variance_rate has shape \(2,\)|variance_rate has"):
        local_band(np.ones(2), np.ones(3), 1.0)
    with pytest.raises(TypeError):
        local_band("wide", 1.0, 1.0)
    with pytest.raises(ValueError, match="threads must be at least 1, got 0"):
        local_band(np.ones(2), 1.0, 1.0, threads=0)


def test_out_is_filled_in_place_and_must_fit():
    s2, out = np.linspace(0.1, 1.0, 37), Band(37)
    assert local_band(s2, 1.0, 1.0, 1.0, out=out) is out
    assert np.array_equal(out.trigger, local_band(s2, 1.0, 1.0, 1.0).trigger)
    expected = local_band(out.trigger.copy(), 1.0, 1.0).turnover
    assert np.array_equal(local_band(out.trigger, 1.0, 1.0, out=out).turnover, expected), "an output may be an input"
    with pytest.raises(ValueError, match=r"out has shape \(37,\), but the inputs broadcast to \(3,\)"):
        local_band(np.ones(3), 1.0, 1.0, out=out)
    with pytest.raises(TypeError, match="out must be a Band, got dict"):
        local_band(s2, 1.0, 1.0, out={})
    out.status.flags.writeable = False
    with pytest.raises(ValueError, match="status is read-only"):
        local_band(s2, 1.0, 1.0, out=out)
    with pytest.raises(ValueError, match="must not be negative"):
        Band(-1)


def test_bands_show_themselves_and_travel():
    one, many = local_band(0.2, 3.0, 0.5, 2.0), local_band([0.2, math.nan], 3.0, 0.5)
    assert repr(one).startswith("Band(trigger=1.1612216547454")
    assert "shape (2,)" in repr(many)
    for band in (one, many):
        again = pickle.loads(pickle.dumps(band))
        for name in (*OUTPUTS, "status"):
            assert np.array_equal(getattr(again, name), getattr(band, name), equal_nan=name != "status"), name
    assert pickle.loads(pickle.dumps(one)).status is RowStatus.ok


# --- what stands on it ---


def test_the_hedge_band_is_that_of_whalley_and_wilmott():
    """Domain 9.3: 0.0873190950; and by their formula over a chain."""
    assert whalley_wilmott(60_000, 3.846427771551e-5, 0.0005, 1e-4) == pytest.approx(0.0873190950, abs=5e-11)
    gamma = np.geomspace(1e-9, 1e-2, 40) * np.where(np.arange(40) % 2, 1.0, -1.0)
    wanted = (1.5 * math.exp(-0.05 * 0.7) * 0.001 * 60_000 * gamma**2 / 1e-4) ** (1 / 3)
    assert whalley_wilmott(60_000, gamma, 0.001, 1e-4, 0.7, 0.05) == pytest.approx(wanted, rel=1e-14)
    assert whalley_wilmott(60_000, 0.0, 0.001, 1e-4) == 0.0
    assert math.isnan(whalley_wilmott(60_000, 1e-5, 0.001, -1e-4))


@given(vol=st.floats(0.01, 5.0), other=st.floats(0.01, 5.0))
def test_under_proportional_cost_the_vol_cancels(vol, other):
    """It changes how much is traded, not when: theory 2."""
    one, two = (hedge_band(60_000, 4e-5, v, 0.0005, 1e-4) for v in (vol, other))
    assert one.trigger == pytest.approx(two.trigger, rel=2e-15)
    assert one.turnover / two.turnover == pytest.approx((vol / other) ** 2, rel=1e-13)
    one, two = (weight_band(0.4, v, 0.001, 3) for v in (vol, other))
    assert one.trigger == pytest.approx(two.trigger, rel=2e-15)


def test_n_options_together_have_a_band_n_to_the_two_thirds_wide():
    one, many = (whalley_wilmott(60_000, n * 4e-5, 0.0005, 1e-4) for n in (1, 1000))
    assert many / one == pytest.approx(100.0, rel=1e-14)


def test_the_weight_band_is_mertons():
    """Domain 9.3: relative spread 0.002, so 0.001 one way: 0.0258532163. Zero at 0 and 1."""
    assert weight_band(0.6, 0.3, 0.001, 5).trigger == pytest.approx(0.0258532163, abs=5e-11)
    edges = weight_band([0.0, 1.0], 0.3, 0.001, 5)
    assert np.array_equal(edges.trigger, [0.0, 0.0])
    assert np.all(edges.status == RowStatus.zero_vol)


def test_a_gas_bill_makes_trades_jump_inside():
    band = gas_band(20_000, 0.5, 0.6, 5.0, 3)
    assert band.trigger == pytest.approx((12 * 5 / 20_000 * (0.25 * 0.6) ** 2 / (3 * 0.36)) ** 0.25, rel=1e-14)
    assert band.destination == 0.0
    both = gas_band(20_000, 0.5, 0.6, 5.0, 3, cost=0.001)
    assert 0.0 < both.destination < both.trigger
    assert gas_band(2_000_000, 0.5, 0.6, 5.0, 3).trigger == pytest.approx(band.trigger * 100**-0.25, rel=1e-14)


def test_lelands_vols():
    """Domain 9.3 and theory 3.1: A = 0.0508118771, 0.6150546933; long 58.46 %."""
    short = leland_vol(0.6, 0.001, 1 / 365, True)
    assert short == pytest.approx(0.6150546933, abs=5e-11)
    assert (short / 0.6) ** 2 - 1 == pytest.approx(0.0508118771, abs=5e-11)
    assert leland_vol(0.6, 0.001, "1d", False) == pytest.approx(0.5846, abs=5e-5)
    assert leland_vol(0.6, 0.0, "1d") == 0.6
    rows = leland_vol([0.6, 0.6, -0.6, math.nan], [0.001, 0.1, 0.001, 0.001], "1d", False)
    assert np.array_equal(np.isnan(rows), [False, True, True, True]), "at A >= 1 there is nothing left to hedge"


def test_zakamoulines_band_is_his_formula():
    """Constants as in theory 3.4, computed here with logarithms in 30 digits."""
    s, vol, t, cost, g, r = 100.0, 0.25, 1.0, 0.01, 1.0, 0.03
    gamma = bsm(s, 100.0, vol, t, 1, r).gamma
    with mp.workdps(30):
        factor = (mp.exp(-r * t) / vol) ** mp.mpf("0.25")
        width = mp.mpf(cost) / (g * s * vol**2 * t) + mp.mpf("1.12") * mp.mpf(cost) ** mp.mpf(
            "0.31"
        ) * factor * mp.sqrt(gamma / g)
        k = mp.mpf("4.76") * mp.mpf(cost) ** mp.mpf("0.78") * factor * mp.mpf(g * s * s * gamma) ** mp.mpf("0.15")
        short, long = vol * mp.sqrt(1 + k), vol * mp.sqrt(1 - k)
    sold, bought = (zakamouline(s, gamma, vol, t, cost, g, rate=r, short=x) for x in (True, False))
    assert sold.half_width == bought.half_width == pytest.approx(float(width), rel=1e-13)
    assert sold.vol == pytest.approx(float(short), rel=1e-13)
    assert bought.vol == pytest.approx(float(long), rel=1e-13)
    assert sold.vol > vol > bought.vol
    # dynamic programming for this option, theory 3.2: half-width 0.054
    assert 0.88 * 0.054 < zakamouline(s, bsm(s, s, vol, t, 1).gamma, vol, t, cost, g).half_width < 1.02 * 0.0545
    assert np.isnan(zakamouline(s, gamma, [vol, 0.0, math.nan], t, cost, g).half_width).tolist() == [False, True, True]


def test_the_no_trade_region_is_that_of_the_paper():
    region = no_trade_region(0.08, 0.16, 5, 0.01)
    assert region.lower == pytest.approx(0.581942311753, abs=5e-13)
    assert region.upper == pytest.approx(0.668057688247, abs=5e-13)
    assert region.target == pytest.approx(0.625, rel=1e-15)
    assert region.safe_rate == pytest.approx((0.08**2 - region.gap**2) / (2 * 5 * 0.16**2), rel=1e-14)


def test_the_no_trade_region_is_that_of_fifty_digits():
    x, exact = reference_table("no_trade_region")
    region = no_trade_region(*(x[name] for name in ("mean", "vol", "risk_aversion", "spread")))
    for name in ("lower", "upper"):
        assert getattr(region, name) == pytest.approx([float(t) for t in exact[name]], rel=1e-12), name
    assert region.gap == pytest.approx([float(t) for t in exact["gap"]], rel=1e-12)


def test_the_no_trade_region_shrinks_to_the_weight_band():
    """The band is its limit for a small spread, whose half is the one-way cost: the difference goes with the spread."""
    for spread in (1e-4, 1e-6, 1e-8):
        region = no_trade_region(0.08, 0.16, 5, spread)
        half = weight_band(0.625, 0.16, spread / 2, 5).trigger
        assert (region.upper - region.lower) / 2 == pytest.approx(half, rel=2 * spread ** (2 / 3))


def test_the_no_trade_region_of_what_makes_no_sense():
    region = no_trade_region([0.08, -0.08, 0.08, 0.08, math.nan], 0.16, [5, 5, 0, 5, 5], [0.01, 0.01, 0.01, 1.0, 0.01])
    assert np.isnan(region.lower).tolist() == [False, True, True, True, True]
    all_in = no_trade_region(0.25, 0.5, 1.0, 0.01)
    assert (all_in.lower, all_in.upper) == (1.0, 1.0)


def test_a_trigger_matrix_solves_its_equation():
    x, exact = reference_table("trigger_matrix")
    for i in range(len(x["v11"])):
        v, c = ([[x[n + "11"][i], x[n + "12"][i]], [x[n + "12"][i], x[n + "22"][i]]] for n in "vc")
        batch = trigger_matrix(v, c, x["fixed_cost"][i])
        scale = max(float(exact["m11"][i]), float(exact["m22"][i]))
        for (j, k), name in zip(((0, 0), (0, 1), (1, 1)), ("m11", "m12", "m22"), strict=True):
            # a condition of up to a thousand: absolute errors of the largest entry
            assert batch.matrix[j, k] == pytest.approx(float(exact[name][i]), rel=1e-10, abs=1e-12 * scale), (i, name)
        assert batch.cost_rate == pytest.approx(float(exact["cost_rate"][i]), rel=1e-12)


@settings(max_examples=50)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 12))
def test_a_trigger_matrix_of_any_size(seed, n):
    random = np.random.default_rng(seed)
    v, c = (np.cov(random.standard_normal((n, 3 * n + 2))).reshape(n, n) for _ in range(2))
    k = 10 ** random.uniform(-5, 2)
    batch = trigger_matrix(v, c, k)
    m = batch.matrix
    assert np.trace(v @ m) * m + 2 * m @ v @ m == pytest.approx(c / (4 * k), rel=1e-9, abs=1e-11 * np.abs(c / k).max())
    assert np.array_equal(m, m.T)
    assert batch.cost_rate == pytest.approx(2 * k * np.trace(v @ m), rel=1e-12)


def test_one_position_and_equal_positions_are_known():
    band, batch = local_band(0.04, 3.0, 0.0, 0.01), trigger_matrix([[0.04]], [3.0], 0.01)
    assert batch.matrix[0, 0] == pytest.approx(band.trigger**-2, rel=1e-14)
    assert batch.cost_rate == pytest.approx(band.cost_rate, rel=1e-14)
    assert batch.trades_per_year == pytest.approx(band.trades_per_year, rel=1e-14)
    for d in (2, 5):  # theory 3.3: radius^4 = 4 (d + 2) k s2 / c
        same = trigger_matrix(np.eye(d) * 0.04, np.eye(d) * 3.0, 0.01)
        assert same.matrix == pytest.approx(
            np.eye(d) / math.sqrt(4 * (d + 2) * 0.01 * 0.04 / 3.0), rel=1e-13, abs=1e-13
        )


def test_a_batch_fires_outside_its_ellipse():
    batch = trigger_matrix([[0.04, 0.01], [0.01, 0.02]], 3.0 * np.eye(2), 0.001)
    x = np.random.default_rng(1).normal(0.0, 0.1, (50, 2))
    assert np.array_equal(batch.fires(x), [row @ batch.matrix @ row >= 1 for row in x])
    assert not batch.fires([0.0, 0.0])
    with pytest.raises(ValueError, match=r"deviation has shape \(3,\), but there are 2 positions"):
        batch.fires([1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ([[1.0, 2.0], [2.0, 1.0]], [1.0, 1.0], 1.0),
            "variance_rate must be positive definite; its least eigenvalue is -1",
        ),
        (([1.0, 1.0], [[1.0, 2.0], [2.0, 1.0]], 1.0), "penalty must be positive semidefinite"),
        (([1.0, 1.0], [0.0, 0.0], 1.0), "penalty must be positive semidefinite and not 0"),
        (([1.0, 1.0], [1.0, 1.0, 1.0], 1.0), r"variance_rate has shape \(2, 2\), but penalty has shape \(3, 3\)"),
        (([[1.0, 0.5], [0.0, 1.0]], [1.0, 1.0], 1.0), "variance_rate must be symmetric"),
        (([1.0, math.nan], [1.0, 1.0], 1.0), "variance_rate must be finite"),
        (([1.0, 1.0], [1.0, 1.0], 0.0), "fixed_cost must be above 0 and finite, got 0"),
        ((np.ones((2, 3)), [1.0, 1.0], 1.0), r"must be a square matrix, got shape \(2, 3\)"),
    ],
)
def test_matrices_that_make_no_sense_are_refused_in_words(arguments, message):
    with pytest.raises(ValueError, match=message):
        trigger_matrix(*arguments)


def test_the_amortisation_horizon_turns_one_step_into_the_band():
    """Theory 4.3: h = l / (c a) = 2 a^2 / (3 s2)."""
    s2, c, l = 0.0225, 0.72, 0.001
    a, h = local_band(s2, c, l).trigger, amortisation_horizon(s2, c, l)
    assert h == pytest.approx(2 * a * a / (3 * s2), rel=1e-14)
    # one step: min h c (a' )^2 / 2 + l |trade| from far outside leaves the deviation at which h c x = l
    x = np.linspace(0.0, 3 * a, 300_001)
    left = x[np.argmin(0.5 * h * c * x**2 + l * (3 * a - x))]
    assert left == pytest.approx(a, abs=2e-5 * a)
    assert np.array_equal(amortisation_horizon([0.0, 1.0], [1.0, -1.0], 0.1), [math.inf, math.nan], equal_nan=True)


def test_vol_weighted_thresholds_where_they_are_right():
    """A fixed number of trades widens with the deviation, a fixed tracking error narrows with vol; theory 4.6."""
    a = tracking_error_band(0.01, 0.6)
    assert a == pytest.approx(0.02887, abs=5e-6)
    s2 = (0.25 * 0.6) ** 2
    assert s2 / (2 * a) == pytest.approx(0.390, abs=5e-4), "turnover"
    assert tracking_error_band(0.01, 1.2) == pytest.approx(a / 2, rel=1e-15)
    jump = tracking_error_band(0.01, 0.6, "target")
    assert jump**2 / 6 == pytest.approx(a**2 / 3, rel=1e-14), "the same mean square"
    for vol in (0.3, 0.6):
        band = local_band((0.25 * vol) ** 2, 3 * vol**2, 0.001, 1e-4)
        assert frequency_band((0.25 * vol) ** 2, band.trades_per_year, band.destination) == pytest.approx(
            band.trigger, rel=1e-13
        )
    assert frequency_band(4 * s2, 12) == pytest.approx(2 * frequency_band(s2, 12), rel=1e-15)
    assert math.isnan(frequency_band(s2, 0.0))
    with pytest.raises(ValueError, match="'edge' or 'target', got 'middle'"):
        tracking_error_band(0.01, 0.6, "middle")


def test_the_calendar_needs_half_as_much_again():
    """Theory 3.2: the best clock costs 1.563 bands without a fixed cost and sqrt(3) without a linear one."""
    s2, c = 0.04, 3.0
    for l, k, wanted in ((0.001, 0.0, 1.563), (0.0, 0.001, math.sqrt(3))):
        dt = np.geomspace(1e-6, 10.0, 400_001)
        clock = c * s2 * dt / 4 + l * np.sqrt(2 * s2 / (math.pi * dt)) + k / dt
        assert clock.min() / local_band(s2, c, l, k).cost_rate == pytest.approx(wanted, abs=5e-4)


def test_examples_give_what_they_show():
    result = doctest.testmod(_bands)
    assert result.attempted > 10
    assert result.failed == 0
    finder = doctest.DocTestFinder().find(rc.triggers.local_band, "local_band")
    assert doctest.DocTestRunner().run(finder[0]).failed == 0
