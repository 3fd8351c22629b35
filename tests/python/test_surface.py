"""Smiles, fits, surfaces, and a market that takes its vols from one."""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rebalance_core as rc
from conftest import DAY, FUSED, NOW, YEAR, numbers, on_each_isa, shared_table
from rebalance_core import Engine, Market, RowStatus, Targets
from rebalance_core.pricing import black76, inverse
from rebalance_core.surface import (
    JumpWings,
    Spline,
    Ssvi,
    Surface,
    Svi,
    Vols,
    calendar_gap,
    fit_smile,
    fit_spline,
    fit_ssvi,
    fit_surface,
    fit_svi,
    smile_delta,
)
from rebalance_core.triggers import Threshold

#: Gatheral and Jacquier (2014), section 3.1: positive variance, yet a negative density.
VOGT = Svi(a=-0.0410, b=0.1331, m=0.3586, rho=0.3060, sigma=0.4153)

PLAIN = Svi(0.01, 0.12, -0.4, 0.02, 0.1)
LATER = Svi(0.03, 0.18, -0.3, 0.05, 0.2)


def bumpy(wings="linear"):
    """A spline through a smile steeper on the left."""
    k = np.linspace(-0.7, 0.7, 29)
    return fit_spline(k, 0.1, vol=0.5 + 0.5 * k**2 - 0.1 * k, wings=wings).smile


@pytest.fixture(scope="module")
def surface():
    return Surface([0.05, 0.1, 0.3], [PLAIN, bumpy(), LATER], ts_event_ns=NOW)


# --- SVI by itself ---


def test_vogt_has_the_published_violation():
    assert VOGT.total_variance(0.0) == pytest.approx(0.017426252555, abs=1e-12)
    assert VOGT.min_total_variance > 0.0
    g = VOGT.butterfly([0.0, 0.8])
    assert g == pytest.approx([1.0386497, -0.0298185], abs=1e-7)
    report = VOGT.arbitrage()
    assert not report.ok
    assert report.min_g == pytest.approx(-0.0328635, abs=1e-7)
    assert report.at == pytest.approx(0.879, abs=5e-4)
    ((low, high),) = report.violations
    assert (math.ceil(1000 * low), math.floor(1000 * high)) == (643, 1256), "to thousandths, inside the crossings"
    assert VOGT.butterfly([low, high]) == pytest.approx([0.0, 0.0], abs=1e-12)


def test_vogt_in_jump_wings_and_repaired():
    wings = VOGT.to_jump_wings(1.0)
    assert (wings.v, wings.psi, wings.p, wings.c, wings.vmin) == pytest.approx(
        (0.017426252555, -0.175211140809, 0.699738104117, 1.316798218986, 0.011624903235), abs=1e-12
    )
    repaired = wings.repaired()
    assert (repaired.c, repaired.vmin) == pytest.approx((0.349315822499, 0.015481824800), abs=1e-10)
    svi = Svi.from_jump_wings(repaired)
    assert (svi.a, svi.b, svi.rho, svi.m, svi.sigma) == pytest.approx(
        (0.007740912, 0.069242033, -0.334036481, 0.042033745, 0.118607803), abs=2e-9
    )
    assert svi.arbitrage().ok
    assert svi.butterfly(np.linspace(-1.5, 1.5, 3001)).min() == pytest.approx(0.277826, abs=1e-6)
    steepest = max(-svi.left_slope, svi.right_slope)
    assert svi.arbitrage().min_g == pytest.approx((4.0 - steepest**2) / 16.0, rel=1e-3), "its limit far out"


slices = st.builds(
    lambda least, b, rho, m, sigma: Svi(least - b * sigma * math.sqrt(1 - rho * rho), b, rho, m, sigma),
    st.floats(1e-4, 0.5),
    st.floats(0.01, 0.9),
    st.floats(-0.95, 0.95),
    st.floats(-0.5, 0.5),
    st.floats(0.02, 1.0),
)


@given(slices, st.floats(0.01, 3.0))
def test_jump_wings_go_there_and_back(svi, years):
    if abs(svi.m) < 1e-6 or (svi.total_variance(0.0) - svi.min_total_variance) < 1e-6 * svi.total_variance(0.0):
        return  # the bottom of the smile is the money: vmin and v leave sigma open
    again = Svi.from_jump_wings(svi.to_jump_wings(years))
    k = np.linspace(-1.0, 1.0, 21)
    assert again.total_variance(k) == pytest.approx(svi.total_variance(k), rel=1e-5)


def test_a_turn_at_the_money_is_a_branch_of_its_own():
    svi = Svi(0.01, 0.2, -0.5, 0.0, 0.1)
    again = Svi.from_jump_wings(svi.to_jump_wings(0.5))
    assert (again.a, again.b, again.rho, again.m, again.sigma) == pytest.approx((0.01, 0.2, -0.5, 0.0, 0.1), rel=1e-12)


@given(slices)
@settings(deadline=None)
def test_the_least_g_is_below_every_g_seen(svi):
    """A dense walk and random points find nothing lower than what the report refined."""
    report = svi.arbitrage()
    k = np.concatenate([np.linspace(-3, 3, 20_001), svi.m + svi.sigma * np.linspace(-5, 5, 20_001)])
    assert svi.butterfly(k).min() >= report.min_g - 1e-9
    if report.min_g < -1e-8:
        assert report.violations
        assert not report.ok
        inside = np.array([0.5 * (a + b) for a, b in report.violations if b - a > 1e-9])
        assert (svi.butterfly(inside) <= 1e-12).all()


@given(slices, st.floats(-2.0, 2.0))
def test_derivatives_in_k_against_differences(svi, k):
    h = 1e-4 * svi.sigma
    w, slope, curvature = svi.derivatives(k)
    up, down = svi.total_variance(k + h), svi.total_variance(k - h)
    assert slope == pytest.approx((up - down) / (2 * h), rel=1e-6, abs=1e-9 / h * 1e-4)
    assert curvature == pytest.approx((up - 2 * w + down) / h**2, rel=1e-4, abs=1e-14 / h**2)


def test_wings_steeper_than_lee_allows_are_reported():
    steep = Svi(0.05, 1.2, 0.8, 0.0, 0.2)
    assert steep.right_slope == pytest.approx(2.16)
    assert not steep.arbitrage().ok


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"b": -0.1}, ["b ", "-0.1"]),
        ({"rho": 1.0}, ["rho", "1.0"]),
        ({"rho": -1.5}, ["rho", "-1.5"]),
        ({"sigma": 0.0}, ["sigma", "0.0"]),
        ({"m": math.nan}, ["m ", "nan"]),
        ({"a": -0.5}, ["total variance", "-0.5"]),
    ],
)
def test_parameters_out_of_range_are_named(parameters, words):
    with pytest.raises(ValueError) as error:
        Svi(**{"a": 0.01, "b": 0.1, "rho": 0.0, "m": 0.0, "sigma": 0.1, **parameters})
    assert all(word in str(error.value) for word in words)


def test_jump_wings_that_no_slice_has_are_refused():
    with pytest.raises(ValueError, match="vmin"):
        Svi.from_jump_wings(JumpWings(0.04, -0.1, 0.5, 0.5, 0.05, 1.0))
    with pytest.raises(ValueError, match="psi"):
        Svi.from_jump_wings(JumpWings(0.04, -0.6, 0.5, 0.5, 0.03, 1.0))


# --- SSVI ---


@pytest.mark.parametrize(
    ("theta", "phi", "left", "right"),
    [
        (0.01, 11.940446282520, 0.024450511294, 0.011169709861),
        (0.04, 5.883484054146, 0.065888074254, 0.034613559641),
        (0.09, 3.831305140885, 0.125540984563, 0.075621803179),
    ],
)
def test_ssvi_table(theta, phi, left, right):
    ssvi = Ssvi(eta=1.2, gamma=0.5, rho=-0.4)
    assert ssvi.phi(theta) == pytest.approx(phi, abs=1e-12)
    assert ssvi.total_variance([-0.2, 0.0, 0.2], theta) == pytest.approx([left, theta, right], abs=1e-12)
    assert ssvi.slice(theta).total_variance([-0.2, 0.0, 0.2]) == pytest.approx([left, theta, right], abs=1e-12)


@given(
    st.floats(-0.9, 0.9),
    st.floats(0.05, 0.5),
    st.floats(0.05, 1.0),
    st.lists(st.floats(0.002, 1.0), min_size=2, max_size=4, unique=True),
)
@settings(deadline=None, max_examples=40)
def test_the_power_law_within_its_bound_has_no_arbitrage(rho, gamma, share, thetas):
    """eta (1 + |rho|) <= 2 and gamma <= 1/2: the theorem, checked slice by slice."""
    ssvi = Ssvi(2.0 * share / (1.0 + abs(rho)), gamma, rho)
    thetas = sorted(thetas)
    assert ssvi.conditions(thetas).ok
    assert all(ssvi.slice(t).arbitrage().ok for t in thetas)
    for near, far in itertools.pairwise(thetas):
        assert calendar_gap(ssvi.slice(near), ssvi.slice(far))[0] >= -1e-13


def test_ssvi_conditions_say_which_one_fails():
    assert not Ssvi(3.0, 0.5, -0.6).conditions([0.04]).butterfly_ok
    falling = Ssvi(1.0, 0.5, -0.3).conditions([0.04, 0.03])
    assert falling.butterfly_ok
    assert not falling.calendar_ok


def test_growth_of_theta_phi_is_its_derivative():
    ssvi, theta, h = Ssvi(1.1, 0.3, -0.5), 0.07, 1e-6
    numeric = ((theta + h) * ssvi.phi(theta + h) - (theta - h) * ssvi.phi(theta - h)) / (2 * h)
    assert ssvi.conditions(theta).growth[0] == pytest.approx(numeric, rel=1e-8)


def test_ssvi_fit_gives_its_own_surface_back():
    truth, thetas, years = Ssvi(1.1, 0.35, -0.45), [0.01, 0.03, 0.08], [0.1, 0.3, 0.8]
    k = [np.linspace(-0.4, 0.4, 15) for _ in thetas]
    vols = [np.sqrt(truth.total_variance(x, t) / T) for x, t, T in zip(k, thetas, years, strict=True)]
    fit = fit_ssvi(k, years, vol=vols)
    assert (fit.ssvi.eta, fit.ssvi.gamma, fit.ssvi.rho) == pytest.approx((1.1, 0.35, -0.45), rel=1e-3)
    assert fit.theta == pytest.approx(thetas, rel=1e-5)
    assert fit.conditions.ok
    with pytest.raises(ValueError, match="years must rise"):
        fit_ssvi(k, [0.1, 0.3, 0.3], vol=vols)


# --- fits ---


@given(slices)
@settings(deadline=None, max_examples=40)
def test_a_slice_is_found_again_from_its_vols(svi):
    """Seventeen exact quotes of a slice without arbitrage: within five hundredths of a vol point, most far closer."""
    if not svi.arbitrage().ok or svi.left_slope < -1.9 or svi.right_slope > 1.9:
        return
    years = 0.25
    k = np.linspace(-0.6, 0.6, 17)
    fit = fit_svi(k, years, vol=svi.vol(k, years))
    assert fit.max_error <= 5e-4 or fit.arbitrage.min_g < 5e-3, (svi, fit)
    assert fit.arbitrage.ok


def test_a_fit_to_quotes_with_arbitrage_has_none():
    """The Vogt slice is the best fit to its own vols; what comes back is the nearest one with a density."""
    k = np.linspace(-1.0, 1.2, 23)
    fit = fit_svi(k, 1.0, vol=VOGT.vol(k, 1.0))
    assert fit.arbitrage.ok
    assert 1e-4 < fit.rmse < 0.02
    spline = fit_spline(k, 1.0, vol=VOGT.vol(k, 1.0))
    assert spline.arbitrage.ok


def test_bad_quotes_are_dropped_and_counted():
    k = np.linspace(-0.5, 0.5, 21)
    mid = PLAIN.vol(k, 0.05)
    bid, ask = mid - 0.01, mid + 0.01
    bid[0], ask[1], bid[2], bid[3] = np.nan, 0.0, -1.0, ask[3] + 0.5
    weights = np.ones(21)
    weights[4] = 0.0
    fit = fit_svi(k, 0.05, bid_vol=bid, ask_vol=ask, weights=weights)
    assert fit.dropped == {"crossed": 1, "missing": 3, "nonpositive": 0, "no_weight": 1}
    assert fit.n_quotes == 16
    assert fit.max_error < 1e-5
    assert fit.inside == 1.0
    assert fit.mean_half_spread == pytest.approx(0.01)


def test_a_wide_quote_hardly_counts():
    k = np.linspace(-0.5, 0.5, 21)
    mid = PLAIN.vol(k, 0.05)
    half = np.full(21, 0.002)
    mid[10] += 0.2
    half[10] = 0.5
    fit = fit_svi(k, 0.05, bid_vol=mid - half, ask_vol=mid + half)
    assert np.delete(np.abs(fit.smile.vol(k, 0.05) - mid), 10).max() < 2e-4


@pytest.mark.parametrize("fit", [fit_svi, fit_spline, fit_smile])
def test_too_few_strikes_say_so(fit):
    with pytest.raises(ValueError, match="strikes or more, got 1"):
        fit([0.1, 0.1, 0.1], 0.1, vol=[0.5, 0.5, 0.5])
    with pytest.raises(ValueError, match="got 0"):
        fit([], 0.1, vol=[])
    with pytest.raises(ValueError, match=r"years.*-1"):
        fit([0.1], -1.0, vol=[0.5])
    with pytest.raises(ValueError, match=r"vol has shape \(2,\), but k has shape \(3,\)"):
        fit([0.0, 0.1, 0.2], 0.1, vol=[0.5, 0.5])
    with pytest.raises(ValueError, match="ask_vol"):
        fit([0.0, 0.1, 0.2], 0.1, bid_vol=[0.5, 0.5, 0.5])


def test_three_strikes_are_a_spline():
    fit = fit_smile([-0.1, 0.0, 0.1], 0.1, bid_vol=[0.54, 0.49, 0.53], ask_vol=[0.56, 0.51, 0.55])
    assert fit.model == "spline"
    assert "3 strikes" in fit.note
    assert fit.inside == 1.0
    assert fit.arbitrage.ok


def test_flat_wings_hold_vol_and_admit_the_kink():
    smile = bumpy("flat")
    assert smile.total_variance(smile.high + 1.0) == smile.total_variance(smile.high)
    report = smile.arbitrage()
    assert report.kinks
    assert not report.ok


def test_spline_derivatives_and_joints():
    smile = bumpy()
    k = np.linspace(-1.2, 1.2, 1001)
    h = 1e-6
    _, slope, curvature = smile.derivatives(k)
    up, down = smile.derivatives(k + h), smile.derivatives(k - h)
    assert slope == pytest.approx((up[0] - down[0]) / (2 * h), abs=1e-8)
    joint = np.min(np.abs(k[:, None] - np.linspace(smile.low, smile.high, len(smile.coefficients) - 2)), axis=1) < h
    assert curvature[~joint] == pytest.approx((up[1] - down[1])[~joint] / (2 * h), abs=1e-5)
    ends = smile.derivatives(np.array([smile.low, smile.high]))[2]
    assert ends == pytest.approx([0.0, 0.0], abs=1e-12), "natural: no second derivative where the line begins"


def deribit():
    """Out-of-the-money vols per expiry of the chain of 2020-05-21: days, k, mark, bid, ask."""
    rows = shared_table("options/deribit_btc_20200521.csv.gz")
    for expiry in sorted({r["expiry_ms"] for r in rows}):
        here = [r for r in rows if r["expiry_ms"] == expiry]
        forward, strike = numbers(here, "underlying_price"), numbers(here, "strike")
        phi = np.array([1.0 if r["cp"] == "C" else -1.0 for r in here])
        years = float(np.median(numbers(here, "expiry_ms") - numbers(here, "ts_ms"))) / (365 * 86_400e3)
        out = phi * (strike - forward) >= 0.0
        columns = [numbers(here, name)[out] / 100 for name in ("mark_iv", "bid_iv", "ask_iv")]
        yield 365 * years, np.log(strike / forward)[out], *columns


def test_svi_fits_the_chain_as_the_domain_chapter_says():
    """Chapter 8.5, unweighted marks: the errors it gives, six of seven below the half-spread, all with g >= 0.16."""
    rmse, half_spread, least_g = {}, {}, {}
    for days, k, mark, bid, ask in deribit():
        fit = fit_svi(k, days / 365, vol=mark)
        both = (bid > 0) & (ask > 0)
        rmse[round(days)] = fit.rmse
        half_spread[round(days)] = float((ask - bid)[both].mean() / 2)
        least_g[round(days)] = fit.arbitrage.min_g
    assert len(rmse) == 7
    assert rmse[126] == pytest.approx(0.0021, abs=5e-5)
    assert half_spread[126] == pytest.approx(0.0117, abs=5e-5)
    assert rmse[14] == pytest.approx(0.0053, abs=5e-5)
    assert rmse[7] == pytest.approx(0.082, abs=5e-4)
    assert half_spread[7] == pytest.approx(0.033, abs=5e-4)
    assert [days for days in rmse if rmse[days] > half_spread[days]] == [7]
    assert min(least_g.values()) >= 0.16


def test_the_fallback_fits_every_expiry_inside_the_spread():
    for days, k, mark, bid, ask in deribit():
        fit = fit_smile(k, days / 365, vol=mark, bid_vol=bid, ask_vol=ask)
        assert fit.arbitrage.ok
        assert fit.within_spread
        if round(days) == 7:
            assert fit.model == "spline"
            assert fit.inside == 1.0
            assert fit.rmse < 0.4 * fit.mean_half_spread
            assert "SVI is off by 0.08" in fit.note


def test_a_surface_of_the_chain_has_total_variance_rising():
    days, fits = [], []
    for d, k, _, bid, ask in deribit():
        if d > 5:
            days.append(d)
            fits.append(fit_smile(k, d / 365, bid_vol=np.where(bid > 0, bid, np.nan), ask_vol=ask))
    whole = Surface(np.array(days) / 365, fits)
    report = whole.arbitrage((-0.5, 0.5))
    assert report.butterfly_ok
    assert report.calendar_ok, report


def crossing_quotes():
    """A month quoted near the money only, whose SVI wings run above two months' far from any quote."""
    near, far = Svi(0.0, 0.16, -0.2, 0.0, 0.05), Svi(0.02, 0.10, -0.2, 0.0, 0.2)
    k = [np.linspace(-0.15, 0.15, 11), np.linspace(-1.0, 1.0, 21)]
    years = [30 / 365, 60 / 365]
    mid = [s.vol(x, t) for s, x, t in zip((near, far), k, years, strict=True)]
    return k, years, [v - 0.02 for v in mid], [v + 0.02 for v in mid]


def test_a_surface_keeps_the_wings_of_short_expiries_below_the_next():
    k, years, bid, ask = crossing_quotes()
    apart = Surface(years, [fit_smile(k[i], years[i], bid_vol=bid[i], ask_vol=ask[i]) for i in (0, 1)])
    assert not apart.arbitrage().calendar_ok, "or there is nothing to keep"
    fit = fit_surface(k, years, bid_vol=bid, ask_vol=ask, ts_event_ns=NOW)
    assert fit.arbitrage.ok
    assert all(f.within_spread for f in fit.expiries)
    walk = np.linspace(-1.5, 1.5, 3001)
    assert (fit.surface.total_variance(walk, 60 / 365) >= fit.surface.total_variance(walk, 30 / 365)).all()
    assert fit.surface.ts_event_ns == NOW
    assert "calendar ok" in repr(fit)


def test_quotes_that_cross_win_over_the_calendar_and_are_reported():
    """Two months bid below one month at every strike: no smile inside both spreads, so the report says it."""
    k = np.linspace(-0.3, 0.3, 13)
    near, far = 0.9 + 0.2 * k**2, 0.5 + 0.2 * k**2
    quotes = {"bid_vol": [near - 0.01, far - 0.01], "ask_vol": [near + 0.01, far + 0.01]}
    fit = fit_surface([k, k], [30 / 365, 60 / 365], **quotes)
    assert all(f.within_spread for f in fit.expiries)
    assert "no room" in fit.expiries[0].note
    assert not fit.arbitrage.calendar_ok
    assert fit.arbitrage.butterfly_ok
    with pytest.raises(ValueError, match="bid_vol has 1 columns, but years has 2"):
        fit_surface([k, k], [0.1, 0.2], bid_vol=[near], ask_vol=[near, far])
    with pytest.raises(ValueError, match=r"years\[1\] is 0.1 after 0.2"):
        fit_surface([k, k], [0.2, 0.1], **quotes)


# --- evaluation ---


def twin(surface, forward, strike, years, share=1.0):
    """Vol and slopes a few lines from the definitions, one option at a time."""
    k, times = math.log(strike / forward), surface.years
    t = max(years, times[0])
    if len(times) == 1:
        t = times[0]
    i = int(np.searchsorted(times, t, side="right")) - 1
    near = np.array(surface.smiles[i].derivatives(k))
    if len(times) == 1 or t == times[i]:
        w = near
    elif i == len(times) - 1:
        before = np.array(surface.smiles[i - 1].derivatives(k))
        step = (t - times[i]) / (times[i] - times[i - 1])
        w = near + step * (near - before) if near[0] > before[0] else near
    else:
        later = np.array(surface.smiles[i + 1].derivatives(k))
        step = (t - times[i]) / (times[i + 1] - times[i])
        w = near + step * (later - near)
    vol = math.sqrt(w[0] / t)
    slope = w[1] / (2 * vol * t)
    curvature = w[2] / (2 * vol * t) - slope**2 / vol
    return vol, slope / strike, -share * slope / forward, (curvature - slope) / strike**2


@given(
    st.lists(
        st.tuples(st.floats(1.0, 1e5), st.floats(-2.0, 2.0), st.sampled_from([0.01, 0.05, 0.07, 0.1, 0.2, 0.3, 1.5])),
        min_size=1,
        max_size=40,
    ),
    st.floats(-1.0, 1.0),
)
@settings(deadline=None, max_examples=60)
def test_the_kernel_against_its_slow_twin(surface, options, share):
    forward, k, years = map(np.array, zip(*options, strict=True))
    strike = forward * np.exp(k)
    for name in on_each_isa(rc.supported_isas()):
        v = surface.evaluate(forward, strike, years, dynamics=share)
        for i in range(len(k)):
            expected = twin(surface, forward[i], strike[i], years[i], share)
            got = (v.vol[i], v.dvol_dstrike[i], v.dvol_dforward[i], v.d2vol_dstrike2[i])
            scale = np.array([1.0, 1.0 / strike[i], 1.0 / forward[i], 1.0 / strike[i] ** 2])
            assert np.abs(np.subtract(got, expected) / scale).max() < 1e-11, (name, options[i], got, expected)


def test_slopes_against_differences(surface, isa):
    """At a fixed forward in strike, at a fixed strike in forward, in and between expiries, inside and in the wings."""
    strike = np.linspace(20_000.0, 160_000.0, 57)
    forward = 60_000.0
    for years in (0.02, 0.05, 0.08, 0.1, 0.25, 0.3, 0.9):
        at = functools.partial(surface.evaluate, years=years)
        v, h = at(forward, strike), 1.0
        assert v.dvol_dstrike == pytest.approx(
            (at(forward, strike + h).vol - at(forward, strike - h).vol) / (2 * h), rel=1e-6, abs=1e-12
        )
        assert v.dvol_dforward == pytest.approx(
            (at(forward + h, strike).vol - at(forward - h, strike).vol) / (2 * h), rel=1e-6, abs=1e-12
        )
        second = (at(forward, strike + h).dvol_dstrike - at(forward, strike - h).dvol_dstrike) / (2 * h)
        smooth = np.abs(v.d2vol_dstrike2 - second) <= 1e-6 * np.abs(second) + 1e-14
        assert smooth.mean() > 0.9, (
            "all but the strikes next to a joint of the spline, where the third derivative jumps"
        )


def test_every_fused_set_gives_the_same_bits(surface):
    random = np.random.default_rng(7)
    n = 3000
    forward = random.uniform(100.0, 200.0, n)
    strike = forward * np.exp(random.normal(0.0, 0.6, n))
    years = np.where(np.arange(n) < n // 2, np.sort(random.choice(surface.years, n)), random.uniform(0.0, 1.0, n))
    seen = {}
    for name in on_each_isa(FUSED):
        v = surface.evaluate(forward, strike, years)
        seen[name] = np.stack([v.vol, v.dvol_dstrike, v.dvol_dforward, v.d2vol_dstrike2])
    assert len(seen) >= 1
    first, *others = seen.values()
    assert all(np.array_equal(first, other, equal_nan=True) for other in others)


def test_a_row_does_not_depend_on_its_neighbours(surface, isa):
    random = np.random.default_rng(8)
    n = 517
    forward, k = np.full(n, 100.0), random.normal(0.0, 0.5, n)
    years = random.choice([0.02, 0.05, 0.1, 0.2, 0.3, 0.5], n)
    whole = surface.evaluate(forward, 100.0 * np.exp(k), years).vol
    order = random.permutation(n)
    assert np.array_equal(surface.evaluate(forward, 100.0 * np.exp(k[order]), years[order]).vol, whole[order])
    assert all(surface.evaluate(100.0, 100.0 * float(np.exp(k[i])), float(years[i])).vol == whole[i] for i in range(40))


def test_between_expiries_total_variance_is_linear(surface, isa):
    k = np.linspace(-1.0, 1.0, 11)
    middle = surface.total_variance(k, 0.2)
    assert middle == pytest.approx(0.5 * (surface.total_variance(k, 0.1) + surface.total_variance(k, 0.3)), rel=1e-13)


def test_short_and_long_ends(surface, isa):
    k = np.linspace(-1.0, 1.0, 11)
    assert surface.vol(k, 0.001) == pytest.approx(PLAIN.vol(k, 0.05), rel=1e-13)
    step = surface.total_variance(k, 0.5) - surface.total_variance(k, 0.3)
    before = surface.total_variance(k, 0.3) - surface.total_variance(k, 0.1)
    rises = before > 0
    assert rises.sum() > 5
    assert step[rises] == pytest.approx(before[rises], rel=1e-11)
    alone = Surface([0.1], [PLAIN])
    assert alone.vol(k, 5.0) == pytest.approx(PLAIN.vol(k, 0.1), rel=1e-13)


def test_negative_forward_variance_at_the_long_end_leaves_total_variance_where_it_is(isa):
    falling = Surface([0.1, 0.2], [LATER, PLAIN])
    assert falling.arbitrage().calendar_gap[0] < 0.0
    assert falling.total_variance(0.0, 0.4) == pytest.approx(PLAIN.total_variance(0.0), rel=1e-13)


def test_rows_without_an_answer_say_why(surface, isa):
    nan, inf = math.nan, math.inf
    cases = [
        ((100.0, 100.0, 0.1), RowStatus.ok),
        ((nan, 100.0, 0.1), RowStatus.not_a_number),
        ((100.0, 100.0, nan), RowStatus.not_a_number),
        ((inf, 100.0, 0.1), RowStatus.infinite),
        ((100.0, 0.0, 0.1), RowStatus.nonpositive_price),
        ((-1.0, 100.0, 0.1), RowStatus.nonpositive_price),
        ((100.0, 100.0, -0.1), RowStatus.expired),
        ((100.0, 100.0, 0.0), RowStatus.at_expiry),
        ((1e-200, 1e-200, 0.1), RowStatus.ok),
        ((5e-324, 5e-324, 0.1), RowStatus.ok),
    ]
    columns = [np.array(column) for column in zip(*(case for case, _ in cases), strict=True)]
    v = surface.evaluate(*columns)
    assert [RowStatus(s) for s in v.status] == [status for _, status in cases]
    has_value = np.array([status <= RowStatus.zero_vol for _, status in cases])
    assert np.array_equal(np.isnan(v.vol), ~has_value)
    assert v.vol[0] == v.vol[8] == pytest.approx(bumpy().vol(0.0, 0.1), rel=1e-12)
    assert v.vol[7] == pytest.approx(PLAIN.vol(0.0, 0.05), rel=1e-12), "the short end keeps its vol to the last moment"
    for (f, k, t), status in cases:
        assert surface.evaluate(f, k, t).status == status


def test_zero_and_negative_total_variance_are_statuses(isa):
    flat = Surface([0.1], [Svi(0.0, 0.0, 0.0, 0.0, 0.1)])
    assert flat.evaluate(100.0, 110.0, 0.1).status == RowStatus.zero_vol
    assert flat.evaluate(100.0, 110.0, 0.1).vol == 0.0
    sinking = Surface([0.1], [Spline(-1.0, 1.0, np.full(6, -0.01))])
    v = sinking.evaluate(np.full(9, 100.0), 110.0, 0.1)
    assert (v.status == RowStatus.negative_vol).all()
    assert np.isnan(v.vol).all()


def test_out_is_written_in_place_and_must_fit(surface, isa):
    n = 1000
    strike = np.linspace(50.0, 200.0, n)
    out = Vols(n)
    column = out.vol
    v = surface.evaluate(100.0, strike, 0.1, out=out)
    assert v is out
    assert v.vol is column
    assert np.array_equal(column, surface.evaluate(100.0, strike, 0.1).vol)
    with pytest.raises(ValueError, match=r"\(1000,\).*\(3,\)"):
        surface.evaluate(100.0, [1.0, 2.0, 3.0], 0.1, out=out)
    with pytest.raises(ValueError, match=r"strike has shape \(3,\) and forward has shape \(2,\)"):
        surface.evaluate([1.0, 2.0], [1.0, 2.0, 3.0], 0.1)
    with pytest.raises(TypeError, match="out must be a Vols, got dict"):
        surface.evaluate(100.0, strike, 0.1, out={})
    with pytest.raises(ValueError, match="shape must not be negative, got -1"):
        Vols(-1)
    out.dvol_dstrike.flags.writeable = False
    with pytest.raises(ValueError, match="dvol_dstrike is read-only"):
        surface.evaluate(100.0, strike, 0.1, out=out)


def test_an_output_may_be_an_input(surface, isa):
    n = 700
    strike = np.linspace(50.0, 200.0, n)
    wanted = surface.evaluate(100.0, strike, 0.1).vol.copy()
    out = Vols(n)
    out.vol[:] = strike
    assert np.array_equal(surface.evaluate(100.0, out.vol, 0.1, out=out).vol, wanted)
    out.vol[:] = strike
    got = surface.evaluate(100.0, out.vol[::-1], 0.1, out=out).vol
    assert np.array_equal(got, wanted[::-1])


def test_shapes_broadcast_and_numbers_stay_numbers(surface, isa):
    v = surface.evaluate(np.full((3, 1), 100.0), np.linspace(80, 120, 5), 0.1)
    assert v.vol.shape == v.status.shape == v.shape == (3, 5)
    one = surface.evaluate(100.0, 120.0, 0.1)
    assert isinstance(one.vol, float)
    assert one.vol == v.vol[0, 4]
    assert surface.evaluate(np.array([]), 100.0, 0.1).vol.shape == (0,)
    assert "dvol_dforward" in repr(one)


@pytest.mark.parametrize(
    ("years", "words"),
    [([0.1, 0.1], ["0.1", "years[1]"]), ([0.2, 0.1], ["0.2", "0.1"]), ([0.0, 0.1], ["years[0]"]), ([0.1], ["1", "2"])],
)
def test_expiries_must_rise(years, words):
    with pytest.raises(ValueError) as error:
        Surface(years, [PLAIN, LATER])
    assert all(word in str(error.value) for word in words)


def test_a_surface_needs_smiles():
    with pytest.raises(ValueError, match="at least one"):
        Surface([], [])
    with pytest.raises(TypeError, match=r"smiles\[0\].*float"):
        Surface([0.1], [0.5])


def test_repr_names_what_a_person_asks(surface):
    text = repr(surface)
    assert "3 expiries" in text
    assert "Spline" in text
    assert f"{365 * 0.05:.6g}" in text
    assert "ok" in text
    assert "calendar" in repr(surface.arbitrage())


# --- delta that knows the smile ---


def test_smile_adjusted_delta_of_the_domain_chapter(isa):
    """Chapter 8.4: a slope of -0.20 in k adds 0.020865553 to the call delta 0.334039064525."""
    forward, strike, years = 60_000.0, 65_000.0, 30 / 365
    g = black76(forward, strike, 0.55, years, 1)
    assert g.vega == pytest.approx(6259.66601726, rel=1e-11)
    total = smile_delta(g, forward, 0.20 / forward)
    assert total.delta == pytest.approx(0.354904617916, abs=5e-12)
    assert smile_delta(g, forward, 0.0).delta == g.delta
    coin = inverse(forward, strike, 0.55, years, 1)
    assert smile_delta(coin, forward, 0.20 / forward).delta_pa == pytest.approx(coin.delta_pa + 0.020865553, abs=1e-9)


@pytest.mark.parametrize("dynamics", ["sticky_strike", "sticky_moneyness", 0.4])
def test_total_delta_is_the_derivative_of_the_repriced_option(surface, isa, dynamics):
    forward, strike, years, h = 100.0, np.linspace(70, 140, 15), 0.1, 1e-3
    share = {"sticky_strike": 0.0, "sticky_moneyness": 1.0}.get(dynamics, dynamics)

    def value(f, price):
        moved = forward * (f / forward) ** share  # where the smile stands
        return price(f, strike, surface.evaluate(moved, strike, years).vol, years, 1).value

    v = surface.evaluate(forward, strike, years, dynamics=dynamics)
    quote = smile_delta(black76(forward, strike, v.vol, years, 1), forward, v.dvol_dforward)
    coin = smile_delta(inverse(forward, strike, v.vol, years, 1), forward, v.dvol_dforward)
    slope = lambda price: (value(forward + h, price) - value(forward - h, price)) / (2 * h)
    assert quote.delta == pytest.approx(slope(black76), abs=1e-8)
    assert coin.delta == pytest.approx(slope(inverse), abs=1e-10)
    assert coin.delta_pa == pytest.approx(forward * slope(inverse), abs=1e-8)


def test_dynamics_are_checked(surface):
    with pytest.raises(ValueError, match=r"sticky_strike, sticky_moneyness.*'sticky'"):
        surface.evaluate(1.0, 1.0, 0.1, dynamics="sticky")
    with pytest.raises(ValueError, match="nan"):
        surface.evaluate(1.0, 1.0, 0.1, dynamics=math.nan)
    with pytest.raises(ValueError, match="bsm"):
        smile_delta(rc.pricing.bsm(100.0, 100.0, 0.2, 1.0, 1), 100.0, 0.0)


# --- a market on a surface ---


def desk(chain, market, **options):
    quantity = np.where(chain.is_option, np.arange(len(chain)) % 5 - 2.0, 0.0)
    book = rc.Book(chain, quantity)
    return Engine(book, market, Targets(delta=0.0), Threshold("delta", 1e9), hedge={"BTC": "PERP"}, **options)


def test_vols_follow_the_forward_by_the_dynamics(chain, market, surface, isa):
    years = 30 * DAY / YEAR
    strikes = chain.strike[chain.is_option]
    market.set_surface("BTC", surface)
    assert market.vol[chain.is_option] == pytest.approx(surface.evaluate(60_300.0, strikes, years).vol, rel=1e-12)
    market.set_forward("BTC", NOW + 30 * DAY, 63_000.0, NOW)
    assert market.vol[chain.is_option] == pytest.approx(surface.evaluate(63_000.0, strikes, years).vol, rel=1e-12)
    market.set_surface("BTC", surface, dynamics="sticky_strike")
    held = market.vol.copy()
    market.set_forward("BTC", NOW + 30 * DAY, 58_000.0, NOW)
    assert np.array_equal(market.vol, held, equal_nan=True)
    assert not market.vol_slope.any()
    market.set_surface("BTC", surface, dynamics=0.5)
    market.set_forward("BTC", NOW + 30 * DAY, 62_000.0, NOW)
    half_way = math.sqrt(58_000.0 * 62_000.0)
    assert market.vol[chain.is_option] == pytest.approx(surface.evaluate(half_way, strikes, years).vol, rel=1e-12)


@pytest.mark.parametrize("numeraire", ["quote", "coin"])
def test_exposure_delta_is_the_derivative_of_the_book(chain, market, surface, isa, numeraire):
    """The engine's delta and delta_pa against revaluing the book at moved forwards, smile and all."""
    market.set_surface("BTC", surface)
    engine = desk(chain, market)
    field = {"quote": "delta", "coin": "delta_pa"}[numeraire]
    e = engine.tick(NOW).exposures
    total, smile = e[field][0], e["delta_smile"][0]
    forward, h = 60_300.0, 1.0

    def value(f):
        market.set_forward("BTC", NOW + 30 * DAY, f, NOW)
        market.set_index("BTC", f, NOW)  # so that quote value is coin value times the forward
        e = engine.tick(NOW).exposures
        return e["value"][0] if numeraire == "quote" else e["value_coin"][0]

    slope = (value(forward + h) - value(forward - h)) / (2 * h)
    assert total == pytest.approx(slope * (1.0 if numeraire == "quote" else forward), rel=1e-6)
    assert abs(smile) > 1e-3, "or the test says nothing"


def test_sticky_strike_delta_is_the_venue_delta(chain, market, surface, isa):
    market.set_surface("BTC", surface, dynamics="sticky_strike")
    engine = desk(chain, market)
    e = engine.tick(NOW).exposures
    assert e["delta_smile"][0] == 0.0
    option = chain.is_option
    g = black76(60_300.0, chain.strike[option], market.vol[option], 30 * DAY / YEAR, chain.phi[option])
    assert e["delta"][0] == pytest.approx(float(g.delta @ (np.arange(len(chain)) % 5 - 2.0)[option]), rel=1e-10)


def test_ticking_along_equals_a_fresh_start(chain, market, surface, isa):
    """Caches: after moves, overrides and a change of dynamics the engine agrees with a new one, bit for bit."""
    engine = desk(chain, market)
    steps = [
        lambda: market.set_surface("BTC", surface),
        lambda: market.move("BTC", 61_000.0, NOW),
        lambda: market.set_vol("option-3", 0.9, NOW),
        lambda: market.move("BTC", 59_000.0, NOW),
        lambda: market.set_surface("BTC", surface, dynamics="sticky_strike"),
        lambda: market.set_surface("BTC", surface, dynamics=-1.0),
        lambda: market.set_surface("BTC", None),
        lambda: market.set_vol("option-3", 0.8, NOW),
    ]
    for i, step in enumerate(steps):
        step()
        ours, fresh = engine.tick(NOW).exposures, desk(chain, market).tick(NOW).exposures
        assert all(np.array_equal(ours[name], fresh[name]) for name in rc.engine.EXPOSURES), i
        assert (ours["delta_smile"][0] != 0.0) == (i in (0, 1, 2, 3, 5)), i


def test_a_vol_set_by_hand_holds_until_the_next_forward(chain, market, surface):
    market.set_surface("BTC", surface)
    market.set_vol("option-0", 0.99, NOW)
    assert market.vol[0] == 0.99
    assert market.vol_slope[0] == 0.0
    market.move("BTC", 60_500.0, NOW)
    assert market.vol[0] != 0.99


def test_an_old_surface_makes_stale_rows_that_do_not_trade(chain, market, surface):
    market.move("BTC", 60_000.0, NOW)
    market.set_surface("BTC", surface)
    engine = Engine(
        rc.Book(chain, np.where(chain.is_option, 5.0, 0.0)),
        market,
        Targets(delta=0.0),
        Threshold("delta", 0.01),
        hedge={"BTC": "PERP"},
        max_age="10s",
    )
    plan = engine.tick(NOW)
    assert plan.outcome == ["trade"]
    later = NOW + 11_000_000_000
    market.move("BTC", 60_100.0, later)  # prices are fresh, the surface is not
    plan = engine.tick(later)
    assert plan.outcome == ["bad_data"]
    assert plan.status == [RowStatus.stale]
    assert plan.n_trades == 0


def test_a_forward_that_comes_after_the_surface(chain, surface):
    market = Market(chain)
    market.set_surface("BTC", surface, dynamics="sticky_strike")
    assert np.isnan(market.vol).all()
    market.set_forward("BTC", NOW + 30 * DAY, 60_000.0, NOW)
    held = market.vol[chain.is_option].copy()
    assert (held > 0).all()
    market.set_forward("BTC", NOW + 30 * DAY, math.nan, NOW)
    market.set_forward("BTC", NOW + 30 * DAY, 66_000.0, NOW)
    assert np.array_equal(market.vol[chain.is_option], held)


def test_a_surface_without_a_time_is_refused(chain, market):
    with pytest.raises(ValueError, match="ts_event_ns"):
        market.set_surface("BTC", Surface([0.1], [PLAIN]))
    with pytest.raises(KeyError, match="'DOGE'"):
        market.set_surface("DOGE", Surface([0.1], [PLAIN], ts_event_ns=NOW))
    market.set_surface("BTC", Surface([0.1], [PLAIN]), ts_event_ns=NOW)
    assert market.vol[0] > 0


def test_a_surface_from_moments():
    made = Surface.at([NOW + 30 * DAY, NOW + 60 * DAY], [PLAIN, LATER], NOW)
    assert made.years == pytest.approx([30 / 365, 60 / 365], rel=1e-15)
    assert made.ts_event_ns == NOW
