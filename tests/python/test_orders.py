"""Greeks of higher order, Bachelier and digital options: limits, identities, published numbers, derivatives."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rebalance_core import RowStatus, pricing
from rebalance_core.pricing import Greeks, bachelier, black76, bsm, digital, inverse

RANDOM = np.random.default_rng(11)
N = 200
SPOT = RANDOM.uniform(80.0, 120.0, N)
STRIKE = RANDOM.uniform(80.0, 120.0, N)
VOL = RANDOM.uniform(0.1, 1.0, N)
YEARS = RANDOM.uniform(0.05, 2.0, N)
PHI = RANDOM.choice([-1.0, 1.0], N)
RATE = RANDOM.uniform(-0.05, 0.1, N)
YIELD = RANDOM.uniform(-0.05, 0.1, N)
CALLS = {
    "black76": lambda **k: black76(SPOT, STRIKE, VOL, YEARS, PHI, RATE, **k),
    "bsm": lambda **k: bsm(SPOT, STRIKE, VOL, YEARS, PHI, RATE, YIELD, **k),
    "bachelier": lambda **k: bachelier(SPOT - 100.0, STRIKE - 100.0, 20.0 * VOL, YEARS, PHI, RATE, **k),
    "inverse": lambda **k: inverse(SPOT, STRIKE, VOL, YEARS, PHI, **k),
    "cash": lambda **k: digital(SPOT, STRIKE, VOL, YEARS, PHI, RATE, YIELD, payoff="cash", **k),
    "asset": lambda **k: digital(SPOT, STRIKE, VOL, YEARS, PHI, RATE, YIELD, payoff="asset", **k),
}


@pytest.mark.parametrize("model", CALLS)
def test_a_higher_order_only_adds_columns(isa, model):
    first, second, third = (CALLS[model](order=order) for order in (1, 2, 3))
    assert set(first.names) < set(second.names) < set(third.names)
    assert set(third.names) - set(second.names) == {"speed", "zomma", "color", "ultima"}
    for name in first.names:
        np.testing.assert_array_equal(getattr(first, name), getattr(third, name), err_msg=name)
    for name in second.names:
        np.testing.assert_array_equal(getattr(second, name), getattr(third, name), err_msg=name)


def test_the_pricing_equation_and_its_slope_in_the_spot(isa):
    g = bsm(SPOT, STRIKE, VOL, YEARS, PHI, RATE, YIELD, order=3)
    b, half = RATE - YIELD, 0.5 * (VOL * SPOT) ** 2
    np.testing.assert_allclose(g.theta + half * g.gamma + b * SPOT * g.delta, RATE * g.value, rtol=1e-11, atol=1e-11)
    slope = g.charm + VOL**2 * SPOT * g.gamma + half * g.speed + b * (g.delta + SPOT * g.gamma)
    np.testing.assert_allclose(slope, RATE * g.delta, rtol=1e-11, atol=1e-12)


def test_strike_and_spot_scale_together(isa):
    """Euler: V is homogeneous of degree 1 in spot and strike, so is its second derivative of degree -1."""
    for g in (
        bsm(SPOT, STRIKE, VOL, YEARS, PHI, RATE, YIELD, order=3),
        black76(SPOT, STRIKE, VOL, YEARS, PHI, order=3),
    ):
        np.testing.assert_allclose(SPOT * g.delta + STRIKE * g.dual_delta, g.value, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(SPOT**2 * g.gamma, STRIKE**2 * g.dual_gamma, rtol=1e-13)


def test_an_option_is_an_asset_digital_less_cash_digitals(isa):
    option, cash, asset = (CALLS[model](order=3) for model in ("bsm", "cash", "asset"))
    for name in option.names:
        if name in ("dual_delta", "dual_gamma"):
            continue  # the strike is also the number of cash digitals
        whole = PHI * (getattr(asset, name) - STRIKE * getattr(cash, name))
        size = np.abs(getattr(asset, name)) + np.abs(STRIKE * getattr(cash, name))
        np.testing.assert_allclose(getattr(option, name), whole, rtol=0, atol=1e-13 * np.max(size), err_msg=name)
    np.testing.assert_allclose(option.dual_delta, -PHI * cash.value, rtol=1e-13)


def test_two_digitals_make_the_whole(isa):
    up = digital(SPOT, STRIKE, VOL, YEARS, 1.0, RATE, YIELD)
    down = digital(SPOT, STRIKE, VOL, YEARS, -1.0, RATE, YIELD)
    np.testing.assert_allclose(up.value + down.value, np.exp(-RATE * YEARS), rtol=1e-15)
    np.testing.assert_allclose(up.delta, -down.delta, rtol=1e-15)


def test_bachelier_knows_only_the_gap(isa):
    shifted = bachelier(SPOT + 1000.0, STRIKE + 1000.0, 20.0 * VOL, YEARS, PHI, RATE)
    plain = bachelier(SPOT, STRIKE, 20.0 * VOL, YEARS, PHI, RATE)
    np.testing.assert_allclose(shifted.value, plain.value, rtol=1e-10)
    call, put = (bachelier(-SPOT, STRIKE, 20.0 * VOL, YEARS, phi, RATE) for phi in (1.0, -1.0))
    np.testing.assert_allclose(call.value - put.value, np.exp(-RATE * YEARS) * (-SPOT - STRIKE), rtol=1e-12)
    np.testing.assert_array_equal(call.gamma, put.gamma)


def test_worked_numbers():
    """theory.md 1.1; Haug (1998), The Complete Guide to Option Pricing Formulas, pp. 88 and 90."""
    g = bsm(100.0, 110.0, 0.25, 0.75, 1.0, 0.03, 0.01, order=3)
    expected = {"value": 5.36747098355434, "vanna": 0.733224308, "volga": 16.680172526, "charm": -0.153606599,
                "speed": 3.7683949e-5, "zomma": -0.0617777110, "color": 0.0100442322, "ultima": -216.6098368}  # fmt: skip
    for name, value in expected.items():
        assert getattr(g, name) == pytest.approx(value, rel=1e-7), name
    # cash-or-nothing: S 100, K 80, 9 months, r 6 %, cost of carry 0, vol 35 %, put paying 10
    assert 10 * digital(100.0, 80.0, 0.35, 0.75, -1.0, 0.06, 0.06).value == pytest.approx(2.6710, abs=5e-5)
    # asset-or-nothing: S 70, K 65, 6 months, r 7 %, yield 5 %, vol 27 %, put
    assert digital(70.0, 65.0, 0.27, 0.5, -1.0, 0.07, 0.05, payoff="asset").value == pytest.approx(20.2069, abs=5e-5)


@pytest.mark.parametrize("model", CALLS)
def test_limits_and_refusals_reach_every_column(isa, model):
    call = {
        "black76": lambda f, v, t: black76(f, 100.0, v, t, 1.0, 0.05, order=3),
        "bsm": lambda f, v, t: bsm(f, 100.0, v, t, 1.0, 0.05, 0.01, order=3),
        "bachelier": lambda f, v, t: bachelier(f, 100.0, v, t, 1.0, 0.05, order=3),
        "inverse": lambda f, v, t: inverse(f, 100.0, v, t, 1.0, order=3),
        "cash": lambda f, v, t: digital(f, 100.0, v, t, 1.0, 0.05, 0.01, order=3),
        "asset": lambda f, v, t: digital(f, 100.0, v, t, 1.0, 0.05, 0.01, payoff="asset", order=3),
    }[model]
    g = call(
        [120.0, 120.0, np.nan, np.inf, 120.0, 120.0], [0.0, 0.3, 0.3, 0.3, -0.3, 0.3], [0.5, 0.0, 0.5, 0.5, 0.5, 0.5]
    )
    words = ["zero_vol", "at_expiry", "not_a_number", "infinite", "negative_vol", "ok"]
    assert [RowStatus(s).name for s in g.status] == words
    for name in g.names:
        column = getattr(g, name)
        assert np.all(np.isfinite(column[[0, 1, 5]])), name
        assert np.all(np.isnan(column[2:5])), name
        assert column[0] == pytest.approx(float(getattr(call(120.0, 1e-7, 0.5), name)), rel=1e-9, abs=1e-12), name


def test_a_forward_of_any_sign_is_bacheliers_only(isa):
    assert black76(-5.0, 10.0, 0.3, 1.0, 1.0).status == RowStatus.nonpositive_price
    g = bachelier([-5.0, 0.0, 10.0], 0.0, 3.0, 1.0, 1.0)
    assert np.all(g.status == RowStatus.ok)
    assert g.value[1] == pytest.approx(3.0 / math.sqrt(2 * math.pi), rel=1e-15)


def test_prices_far_from_one_scale(isa):
    for k in (1e-120, 1e120):
        small, big = bachelier(1.0, 1.1, 0.3, 0.5, 1.0, order=2), bachelier(k, 1.1 * k, 0.3 * k, 0.5, 1.0, order=2)
        assert big.value == pytest.approx(small.value * k, rel=1e-14)
        assert big.delta == pytest.approx(small.delta, rel=1e-14)
        assert big.volga == pytest.approx(small.volga / k, rel=1e-13)
        cash = digital(k, 1.1 * k, 0.3, 0.5, 1.0, order=3)
        assert cash.value == pytest.approx(digital(1.0, 1.1, 0.3, 0.5, 1.0).value, rel=1e-14)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: black76(1.0, 1.0, 0.2, 1.0, 1.0, order=4), ValueError, "order must be 1 to 3, got 4"),
        (lambda: black76(1.0, 1.0, 0.2, 1.0, 1.0, order=0), ValueError, "order must be at least 1, got 0"),
        (lambda: black76(1.0, 1.0, 0.2, 1.0, 1.0).vanna, AttributeError, "vanna needs order=2; this Greeks has order 1"),
        (lambda: digital(1.0, 1.0, 0.2, 1.0, 1.0, payoff="gold"), ValueError, "one of 'cash', 'asset', got 'gold'"),
        (lambda: black76(1.0, 1.0, 0.2, 1.0, 1.0, payoff="cash"), TypeError, "no argument 'payoff'"),
        (lambda: black76([1.0], 1.0, 0.2, 1.0, 1.0, order=2, out=Greeks(1)), ValueError, "order is 2, but out has order 1"),
    ],
)  # fmt: skip
def test_misuse_is_answered_in_words(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_out_says_the_order():
    out = Greeks(3, order=3)
    g = black76([90.0, 100.0, 110.0], 100.0, 0.3, 0.5, 1.0, out=out)
    assert g is out
    assert out.order == 3
    assert out.ultima.shape == (3,)


def test_one_bad_rate_marks_its_row_only(isa):
    for rate, dividend in ((math.nan, 0.0), (0.0, math.nan)):
        g = bsm([100.0, 100.0], 100.0, 0.2, 1.0, 1.0, [rate, 0.0], [dividend, 0.0])
        assert [RowStatus(s).name for s in g.status] == ["not_a_number", "ok"]
        assert math.isnan(g.value[0])


# --- in the company of other libraries ---


def test_columns_of_other_libraries_go_in():
    pandas, polars, arrow = (pytest.importorskip(name) for name in ("pandas", "polars", "pyarrow"))
    expected = black76(SPOT, STRIKE, VOL, YEARS, PHI, order=2).vanna
    for column in (pandas.Series, polars.Series, arrow.array):
        g = black76(*(column(c) for c in (SPOT, STRIKE, VOL, YEARS, PHI)), order=2)
        np.testing.assert_array_equal(g.vanna, expected)


def test_dask_blocks_give_the_same_bits():
    array = pytest.importorskip("dask.array")

    def vanna(*columns: np.ndarray) -> np.ndarray:
        return black76(*columns, order=2).vanna

    blocks = [array.from_array(c, chunks=37) for c in (SPOT, STRIKE, VOL, YEARS, PHI)]
    lazy = array.map_blocks(vanna, *blocks, dtype=np.float64)
    np.testing.assert_array_equal(lazy.compute(scheduler="threads"), vanna(SPOT, STRIKE, VOL, YEARS, PHI))


def test_xarray_keeps_its_labels():
    xarray = pytest.importorskip("xarray")
    spot = xarray.DataArray([90.0, 100.0, 110.0], dims="spot", coords={"spot": [90, 100, 110]})
    vol = xarray.DataArray([0.2, 0.4], dims="vol", coords={"vol": [20, 40]})
    value = xarray.apply_ufunc(lambda s, v: black76(s, 100.0, v, 0.5, 1.0).value, spot, vol)
    assert value.dims == ("spot", "vol")
    assert float(value.sel(spot=110, vol=40)) == black76(110.0, 100.0, 0.4, 0.5, 1.0).value


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_threads_change_nothing(threads):
    n = 60_000
    spot, vol = RANDOM.uniform(50, 150, n), RANDOM.uniform(0.1, 1.0, n)
    one, many = (black76(spot, 100.0, vol, 0.5, 1.0, 0.03, order=3, threads=t) for t in (1, threads))
    for name in one.names:
        np.testing.assert_array_equal(getattr(one, name), getattr(many, name), err_msg=name)
    price = one.value
    a, b = (pricing.implied_vol(price, spot, 100.0, 0.5, 1.0, 0.03, threads=t) for t in (1, threads))
    np.testing.assert_array_equal(a[0], b[0])
