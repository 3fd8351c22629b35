"""Prices and Greeks: limits, identities, tables of known values, derivatives, and a slow twin."""

from __future__ import annotations

import math
import sys
import threading

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import FUSED, REFERENCE, on_each_isa, reference_table
from rebalance_core import RowStatus, pricing
from rebalance_core.pricing import Greeks, black76, bsm, inverse

sys.path.insert(0, str(REFERENCE))
import pricing as reference

NAMES = ("value", "delta", "gamma", "vega", "theta", "rho")
F, K, VOL, YEARS = 60_000.0, 65_000.0, 0.55, 30 / 365


def random_contracts(n: int, seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {
        "forward": (forward := np.exp(random.uniform(-2, 11, n))),
        "strike": forward * np.exp(random.normal(size=n) * 0.4),
        "vol": random.uniform(0.05, 2.0, n),
        "years": random.uniform(0.001, 2.0, n),
        "phi": random.choice([-1.0, 1.0], n),
        "rate": random.uniform(-0.05, 0.1, n),
    }


def assert_same_greeks(a: Greeks, b: Greeks) -> None:
    for name in a.names:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
    np.testing.assert_array_equal(a.status, b.status)


# --- limits ---


@pytest.mark.parametrize("rate", [0.0, 0.07])
@pytest.mark.parametrize("phi", [1.0, -1.0])
@pytest.mark.parametrize("moneyness", [0.8, 1.0, 1.25])
def test_without_vol_an_option_is_its_discounted_payoff(isa, phi, moneyness, rate):
    forward = moneyness * 100.0
    g = black76(forward, 100.0, 0.0, 0.5, phi, rate)
    discount, step = math.exp(-rate * 0.5), 1.0 if phi * (forward - 100) > 0 else 0.5 if forward == 100 else 0.0
    payoff = max(phi * (forward - 100.0), 0.0)
    assert g.status == RowStatus.zero_vol
    assert g.value == pytest.approx(discount * payoff, rel=1e-15)
    assert g.delta == pytest.approx(discount * phi * step, rel=1e-15)
    assert (g.gamma, g.vega) == (0.0, 0.0)
    assert g.theta == pytest.approx(rate * g.value, rel=1e-15)
    assert g.rho == -0.5 * g.value


def test_at_expiry_an_option_is_its_payoff(isa):
    g = black76([90.0, 100.0, 110.0], 100.0, 0.5, 0.0, [[1.0], [-1.0]], 0.05)
    np.testing.assert_array_equal(g.value, [[0, 0, 10], [10, 0, 0]])
    np.testing.assert_array_equal(g.delta, [[0, 0.5, 1], [-1, -0.5, 0]])
    np.testing.assert_array_equal(g.vega, np.zeros((2, 3)))
    np.testing.assert_array_equal(g.rho, np.zeros((2, 3)))
    assert np.all(g.status == RowStatus.at_expiry)


def test_bsm_and_inverse_have_the_same_limits(isa):
    g = bsm(110.0, 100.0, 0.0, 0.5, 1.0, 0.03, 0.01)
    a, b = 110 * math.exp(-0.005), 100 * math.exp(-0.015)
    assert g.status == RowStatus.zero_vol
    assert g.value == pytest.approx(a - b, rel=1e-14)
    assert g.delta == pytest.approx(math.exp(-0.005), rel=1e-15)
    assert g.theta == pytest.approx(0.01 * a - 0.03 * b, rel=1e-14)
    assert g.rho == pytest.approx(0.5 * b, rel=1e-15)
    assert g.rho_dividend == pytest.approx(-0.5 * a, rel=1e-15)
    c = inverse(125_000.0, 100_000.0, 0.5, 0.0, 1.0)
    assert c.status == RowStatus.at_expiry
    assert c.value == 0.2
    assert c.delta_pa == 0.8
    assert c.gamma_pa == -1.6
    assert c.delta == 0.8 / 125_000.0


@pytest.mark.parametrize(
    ("argument", "value", "status"),
    [
        ("forward", math.nan, RowStatus.not_a_number),
        ("strike", math.nan, RowStatus.not_a_number),
        ("vol", math.nan, RowStatus.not_a_number),
        ("years", math.nan, RowStatus.not_a_number),
        ("phi", math.nan, RowStatus.not_a_number),
        ("rate", math.nan, RowStatus.not_a_number),
        ("forward", math.inf, RowStatus.infinite),
        ("strike", math.inf, RowStatus.infinite),
        ("vol", math.inf, RowStatus.infinite),
        ("years", math.inf, RowStatus.infinite),
        ("rate", -math.inf, RowStatus.infinite),
        ("rate", 1e6, RowStatus.infinite),
        ("forward", 0.0, RowStatus.nonpositive_price),
        ("forward", -1.0, RowStatus.nonpositive_price),
        ("strike", 0.0, RowStatus.nonpositive_price),
        ("vol", -0.1, RowStatus.negative_vol),
        ("years", -0.1, RowStatus.expired),
        ("phi", 0.5, RowStatus.bad_phi),
        ("phi", 0.0, RowStatus.bad_phi),
    ],
)
def test_a_bad_input_gives_nan_and_says_why(isa, argument, value, status):
    row = {"forward": F, "strike": K, "vol": VOL, "years": YEARS, "phi": 1.0, "rate": 0.01, argument: value}
    g = black76(**row)
    assert g.status == status
    assert all(math.isnan(getattr(g, name)) for name in NAMES)
    if argument == "rate":
        row["dividend_yield"] = row["rate"]
    row["spot"] = row.pop("forward")
    b = bsm(**row)
    assert b.status == status
    assert all(math.isnan(getattr(b, name)) for name in b.names)


def test_one_bad_row_among_many_is_the_only_one_marked(isa):
    n = 10_001
    c = random_contracts(n, 1)
    good = black76(**c)
    c["vol"][7_777] = math.nan
    g = black76(**c)
    assert np.flatnonzero(g.status).tolist() == [7_777]
    for name in NAMES:
        column, untouched = getattr(g, name), np.arange(n) != 7_777
        assert math.isnan(column[7_777])
        np.testing.assert_array_equal(column[untouched], getattr(good, name)[untouched])


@pytest.mark.parametrize("scale", [1e-250, 1e-120, 1.0, 1e120, 1e250])
def test_prices_of_any_size_scale(isa, scale):
    a, b = black76(F, K, VOL, YEARS, 1.0, 0.02), black76(F * scale, K * scale, VOL, YEARS, 1.0, 0.02)
    assert b.status == RowStatus.ok
    assert b.value == pytest.approx(a.value * scale, rel=1e-14)
    assert b.delta == pytest.approx(a.delta, rel=1e-14)
    assert b.gamma * scale == pytest.approx(a.gamma, rel=1e-14)
    assert b.vega == pytest.approx(a.vega * scale, rel=1e-14)


@pytest.mark.parametrize("stddev", [1e-150, 1e-12, 50.0, 1e4, 1e150])
def test_any_total_deviation_has_a_value(isa, stddev):
    at = black76(100.0, 100.0, stddev, 1.0, 1.0)
    exact = 100 * mp.erf(mp.mpf(stddev) / (2 * mp.sqrt(2)))
    assert at.value == pytest.approx(float(exact), rel=1e-14)
    assert black76(100.0, 90.0, stddev, 1.0, -1.0).value == pytest.approx(90.0 if stddev > 1 else 0.0, abs=1e-10)


def test_subnormal_inputs_do_not_derail(isa):
    tiny = 5e-324
    assert black76(F, tiny, VOL, YEARS, 1.0).value == F
    assert black76(tiny, K, VOL, YEARS, 1.0).value == 0.0
    assert black76(F, F, tiny, YEARS, 1.0).status == RowStatus.zero_vol
    assert black76(F, 0.9 * F, VOL, tiny, 1.0).value == pytest.approx(0.1 * F)


# --- identities ---


def test_calls_and_puts_keep_parity(isa):
    """C - P = D (F - K); the same gamma and vega."""
    c = random_contracts(2_000, 2)
    del c["phi"]
    call, put = black76(**c, phi=1.0), black76(**c, phi=-1.0)
    discount = np.exp(-c["rate"] * c["years"])
    gap = call.value - put.value - discount * (c["forward"] - c["strike"])
    assert np.max(np.abs(gap) / (c["forward"] + c["strike"])) < 2e-15
    assert np.max(np.abs(call.delta - put.delta - discount)) < 1e-15  # four roundings of numbers below 2
    np.testing.assert_array_equal(call.gamma, put.gamma)
    np.testing.assert_array_equal(call.vega, put.vega)


def test_coin_settled_parity_gives_the_forward(isa):
    """c - p = 1 - K/F."""
    c = random_contracts(2_000, 3)
    where = (c["forward"], c["strike"], c["vol"], c["years"])
    gap = inverse(*where, 1.0).value - inverse(*where, -1.0).value - (1 - c["strike"] / c["forward"])
    assert np.max(np.abs(gap) / (1 + c["strike"] / c["forward"])) < 1e-15


def test_the_black_scholes_equation_holds(isa):
    """theta + vol^2 S^2 gamma / 2 + (r - q) S delta - r V = 0."""
    c = random_contracts(2_000, 4)
    q = np.linspace(-0.03, 0.08, 2_000)
    s, r, vol = c.pop("forward"), c["rate"], c["vol"]
    g = bsm(s, **c, dividend_yield=q)
    terms = np.array([g.theta, vol**2 * s**2 * g.gamma / 2, (r - q) * s * g.delta, -r * g.value])
    assert np.max(np.abs(terms.sum(axis=0)) / np.abs(terms).sum(axis=0)) < 1e-13


def test_bsm_without_carry_is_black76(isa):
    c = random_contracts(1_000, 5)
    del c["rate"]
    a = black76(**c)
    b = bsm(c.pop("forward"), **c)
    for name in ("value", "delta", "gamma", "vega", "theta"):  # far out ln(F/K) rounds once more beside a carry
        np.testing.assert_allclose(getattr(b, name), getattr(a, name), rtol=4e-15, err_msg=name)


def test_inverse_is_black76_over_the_forward(isa):
    c = random_contracts(1_000, 6)
    del c["rate"]
    quote, coin = black76(**c), inverse(**c)
    f = c["forward"]
    np.testing.assert_allclose(coin.value, quote.value / f, rtol=1e-15)
    np.testing.assert_allclose(coin.vega, quote.vega / f, rtol=2e-15)
    np.testing.assert_allclose(coin.theta, quote.theta / f, rtol=2e-15)
    np.testing.assert_allclose(coin.delta_pa, quote.delta - coin.value, rtol=0, atol=1e-15 * np.max(c["strike"] / f))
    terms = np.abs(f * quote.gamma) + np.abs(2 * coin.delta_pa)
    assert np.max(np.abs(coin.gamma_pa - (f * quote.gamma - 2 * coin.delta_pa)) / terms) < 1e-14
    np.testing.assert_allclose(coin.delta * f, coin.delta_pa, rtol=1e-15)


# --- known values ---


@pytest.mark.parametrize(("model", "call"), [("black76", black76), ("bsm", bsm), ("inverse", inverse)])
def test_greeks_match_fifty_digit_references(isa, model, call):
    """1e-13 where the value exceeds 1e-8 of the forward, 1e-11 down to 1e-300: the accuracy that is promised.

    Theta with a rate and the second derivative of a coin value are differences of terms, which near their zero leave
    less; they are held to the same error relative to the larger term. ``bsm`` is held to 1e-13 where its moneyness is
    not itself a difference of much larger terms (bsm.hpp).
    """
    inputs, results = reference_table(model)
    g = call(**inputs)
    price = inputs["spot"] if model == "bsm" else inputs["forward"]
    value = np.array([mp.mpf(x) for x in results["value"]]) / (price if model != "inverse" else 1)
    stddev = inputs["vol"] * np.sqrt(inputs["years"])
    carry = np.abs(inputs["rate"] - inputs["dividend_yield"]) * inputs["years"] if model == "bsm" else 0 * stddev
    checked = 0
    for name, column in results.items():
        for i, text in enumerate(column):
            exact = mp.mpf(text)
            if value[i] < 1e-300 or abs(exact) < 1e-300 or stddev[i] <= 1e-3 * carry[i] + 1e-4:
                continue
            scale = abs(exact)
            if name == "theta" and model != "inverse":
                scale = max(scale, abs(inputs["rate"][i] * mp.mpf(results["rho"][i]) / inputs["years"][i]))
            if name in ("gamma", "gamma_pa") and model == "inverse":
                pa = 2 * abs(mp.mpf(results["delta_pa"][i]))
                scale = max(scale, pa if name == "gamma_pa" else pa / mp.mpf(price[i]) ** 2)
            bound = 1e-13 if value[i] > 1e-8 else 1e-11
            error = abs(mp.mpf(float(getattr(g, name)[i])) - exact) / scale
            assert error <= bound, (
                f"{name} of row {i}: {getattr(g, name)[i]!r}, exact {text}, error {mp.nstr(error, 3)}"
            )
            checked += 1
    assert checked > 1_500


def test_worked_numbers_of_the_domain_notes(isa):
    call, put = black76(F, K, VOL, YEARS, 1), black76(F, K, VOL, YEARS, -1)
    coin, coin_put = inverse(F, K, VOL, YEARS, 1), inverse(F, K, VOL, YEARS, -1)
    assert call.value == pytest.approx(1921.5931059384, abs=1e-9)
    assert put.value == pytest.approx(6921.5931059384, abs=1e-9)
    assert coin.value == pytest.approx(0.032026551766, abs=1e-12)
    assert coin_put.value == pytest.approx(0.115359885099, abs=1e-12)
    assert call.delta == pytest.approx(0.334039064525, abs=1e-12)
    assert call.gamma == pytest.approx(3.846427771551e-05, rel=1e-12)
    assert call.vega / 100 == pytest.approx(62.5966601726, abs=1e-9)
    assert call.theta / 365 == pytest.approx(-57.3802718249, abs=1e-9)
    assert (coin.delta_pa, coin_put.delta_pa) == pytest.approx((0.302012512759, -0.781320820574), abs=1e-12)
    assert (coin.gamma_pa, coin_put.gamma_pa) == pytest.approx((1.703831637412, 3.870498304079), abs=1e-11)
    b = bsm(100, 110, 0.25, 0.75, 1, 0.03, 0.01)
    assert b.value == pytest.approx(5.36747098355434, abs=1e-13)
    assert b.delta == pytest.approx(0.39343534938, abs=1e-11)
    assert b.vega == pytest.approx(33.128345154510, abs=1e-11)
    assert b.theta == pytest.approx(-6.147237428, abs=1e-9)


# --- derivatives ---


@pytest.mark.parametrize(
    ("name", "argument", "sign"),
    [("delta", "forward", 1), ("vega", "vol", 1), ("theta", "years", -1), ("rho", "rate", 1)],
)
def test_each_greek_is_the_slope_of_the_value(isa, name, argument, sign):
    """Central differences over 1e-4 of the argument: their error is 1e-8 times a third derivative, of order ten here."""
    c = ordinary_contracts(500, 7)
    h = 1e-4 * c[argument]
    up, down = {**c, argument: c[argument] + h}, {**c, argument: c[argument] - h}
    slope = sign * (black76(**up).value - black76(**down).value) / (2 * h)
    g = black76(**c)
    np.testing.assert_allclose(slope, getattr(g, name), rtol=1e-6, atol=1e-7 * np.max(g.value / c[argument]))


def test_gamma_is_the_slope_of_delta(isa):
    c = ordinary_contracts(500, 8)
    h = 1e-4 * c["forward"]
    up, down = {**c, "forward": c["forward"] + h}, {**c, "forward": c["forward"] - h}
    slope = (black76(**up).delta - black76(**down).delta) / (2 * h)
    np.testing.assert_allclose(slope, black76(**c).gamma, rtol=1e-5, atol=1e-9)


def ordinary_contracts(n: int, seed: int) -> dict[str, np.ndarray]:
    """Within two and a half standard deviations of the money, with positive rates."""
    random = np.random.default_rng(seed)
    vol, years = random.uniform(0.2, 1.0, n), random.uniform(0.05, 2.0, n)
    forward = random.uniform(50, 150, n)
    return {
        "forward": forward,
        "strike": forward * np.exp(random.uniform(-2.5, 2.5, n) * vol * np.sqrt(years)),
        "vol": vol,
        "years": years,
        "phi": random.choice([-1.0, 1.0], n),
        "rate": random.uniform(0.01, 0.1, n),
    }


# --- a slow, obvious twin ---


@given(
    log_forward=st.floats(-20, 20),
    z=st.floats(-8, 8),
    log_stddev=st.floats(-6, 1.4),
    log_years=st.floats(-8, 2),
    phi=st.sampled_from([1.0, -1.0]),
    rate=st.floats(-0.1, 0.2),
)
def test_black76_agrees_with_the_textbook_in_many_digits(log_forward, z, log_stddev, log_years, phi, rate):
    forward, stddev, years = math.exp(log_forward), math.exp(log_stddev), math.exp(log_years)
    strike, vol = forward * math.exp(-z * stddev), stddev / math.sqrt(years)
    with mp.workdps(60):
        exact = reference.black76(*map(mp.mpf, (forward, strike, vol, years, phi, rate)))
    g = black76(forward, strike, vol, years, phi, rate)
    for name in ("value", "delta", "gamma", "vega", "rho"):
        assert float(abs(getattr(g, name) - exact[name]) / abs(exact[name])) < 1e-13, name


# --- bits ---


def test_fused_instruction_sets_and_threads_give_the_same_bits():
    c = random_contracts(40_003, 9)
    results = {name: black76(**c, threads=t) for name in on_each_isa(FUSED) for t in (1, 2, 3)}
    for model in (bsm, inverse):
        where = list(c.values())[: 6 if model is bsm else 5]
        same = [model(*where, threads=t) for _ in on_each_isa(FUSED) for t in (1, 4)]
        for other in same[1:]:
            assert_same_greeks(same[0], other)
    first = next(iter(results.values()))
    for other in results.values():
        assert_same_greeks(first, other)


def test_the_baseline_agrees_closely():
    """Without fused multiply-add the last digits may differ; 1e-13 is what the accuracy tests allow either side."""
    c = random_contracts(5_000, 10)
    a, b = (black76(**c) for _ in on_each_isa([FUSED[0] if FUSED else "baseline", "baseline"]))
    for name in ("value", "delta", "gamma", "vega"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=2e-13, atol=0, err_msg=name)


def test_a_row_does_not_depend_on_its_neighbours(isa):
    c = random_contracts(100, 11)
    whole = black76(**c)
    for i in (0, 1, 15, 16, 17, 99):
        alone = black76(**{name: column[i] for name, column in c.items()})
        assert all(getattr(alone, name) == getattr(whole, name)[i] for name in NAMES)


# --- NumPy citizenship ---


def test_numbers_give_numbers_and_arrays_give_arrays():
    g = black76(F, K, VOL, YEARS, 1)
    assert all(type(getattr(g, name)) is float for name in NAMES)
    assert g.status is RowStatus.ok
    assert black76(F, [K], VOL, YEARS, 1).value.shape == (1,)
    assert black76(np.float64(F), np.int32(65_000), np.float32(0.5), YEARS, 1).status is RowStatus.ok


def test_shapes_broadcast():
    strikes, expiries = np.linspace(50_000, 70_000, 5), np.array([[0.1], [0.5], [1.0]])
    g = black76(F, strikes, VOL, expiries, 1)
    assert g.shape == g.value.shape == (3, 5)
    assert g.value[2, 3] == black76(F, strikes[3], VOL, 1.0, 1).value
    assert black76(F, np.zeros((0, 3)), VOL, YEARS, 1).value.shape == (0, 3)


def test_shapes_that_do_not_broadcast_are_named():
    with pytest.raises(ValueError, match=r"strike has shape \(3,\) and forward has shape \(2,\)"):
        black76([1.0, 2.0], [1.0, 2.0, 3.0], VOL, YEARS, 1)


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.uint8, np.bool_])
def test_other_numbers_are_converted(dtype):
    phi = np.ones(20, dtype=dtype)
    np.testing.assert_array_equal(black76(F, K, VOL, YEARS, phi).value, black76(F, K, VOL, YEARS, np.ones(20)).value)


def test_lists_strided_reversed_and_byteswapped_views_read_right():
    c = random_contracts(101, 12)
    whole = black76(**c)
    assert_same_greeks(black76(**{k: v.tolist() for k, v in c.items()}), whole)
    strided = {k: np.repeat(v, 3)[::3] for k, v in c.items()}
    assert_same_greeks(black76(**strided), whole)
    np.testing.assert_array_equal(black76(**{k: v[::-1] for k, v in c.items()}).value, whole.value[::-1])
    assert_same_greeks(black76(**{k: v.astype(">f8") for k, v in c.items()}), whole)
    grid = {k: np.asfortranarray(v[:100].reshape(10, 10)) for k, v in c.items()}
    np.testing.assert_array_equal(black76(**grid).value.ravel(), whole.value[:100])


@pytest.mark.parametrize("bad", [["a", "b"], np.array([1 + 2j]), [None, 1.0], np.array(["2020-01-01"], dtype="M8[D]")])
def test_what_is_not_a_number_is_refused_by_name(bad):
    with pytest.raises(TypeError, match="strike"):
        black76(F, bad, VOL, YEARS, 1)


def test_out_is_filled_and_returned():
    c = random_contracts(1_003, 13)
    out = Greeks((1_003,))
    assert black76(**c, out=out) is out
    assert_same_greeks(out, black76(**c))


def test_out_of_a_wider_shape_is_filled():
    out = Greeks((2, 3))
    black76(F, [50_000, 60_000, 70_000], VOL, YEARS, 1, out=out)
    np.testing.assert_array_equal(out.value[0], out.value[1])


@pytest.mark.parametrize(
    ("out", "message"),
    [
        (Greeks((4,)), r"out has shape \(4,\), but the inputs broadcast to \(3,\)"),
        (Greeks((3,), model="bsm"), "model bsm"),
    ],
)
def test_an_out_that_does_not_fit_is_refused(out, message):
    with pytest.raises(ValueError, match=message):
        black76(F, [1.0, 2.0, 3.0], VOL, YEARS, 1, out=out)


def test_a_read_only_out_is_refused_and_left_alone():
    out = Greeks((3,))
    black76(F, K, VOL, YEARS, 1, out=out)
    before = out.value.copy()
    out.gamma.flags.writeable = False
    with pytest.raises(ValueError, match=r"out\.gamma is read-only"):
        black76(F / 2, K, VOL, YEARS, 1, out=out)
    np.testing.assert_array_equal(out.value, before)


def test_inputs_may_be_the_columns_of_out():
    """Each row is read before it is written; where they overlap with a shift, inputs are copied first."""
    c = random_contracts(1_000, 14)
    expected = black76(**c)
    out = Greeks((1_000,))
    out.value[:] = c["forward"]
    out.delta[:] = c["vol"]
    black76(out.value, c["strike"], out.delta, c["years"], c["phi"], c["rate"], out=out)
    assert_same_greeks(out, expected)
    out.value[:] = c["forward"]
    black76(out.value[::-1], c["strike"], c["vol"], c["years"], c["phi"], out=out)
    np.testing.assert_array_equal(
        out.value, black76(c["forward"][::-1], c["strike"], c["vol"], c["years"], c["phi"]).value
    )


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: black76(F, K, VOL, YEARS), TypeError, "missing the argument 'phi'"),
        (lambda: black76(F, K, VOL, YEARS, 1, 0.0, 1), TypeError, "at most 6 positional"),
        (lambda: black76(F, K, VOL, YEARS, 1, sigma=2), TypeError, "no argument 'sigma'"),
        (lambda: black76(F, K, VOL, YEARS, 1, vol=2), TypeError, "more than one value for 'vol'"),
        (lambda: black76(F, K, VOL, YEARS, 1, order=4), ValueError, "order must be 1"),
        (lambda: black76(F, K, VOL, YEARS, 1, order="x"), TypeError, "integer"),
        (lambda: black76(F, K, VOL, YEARS, 1, threads=0), ValueError, "threads must be at least 1, got 0"),
        (lambda: black76(F, K, VOL, YEARS, 1, out=np.zeros(3)), TypeError, "out must be a Greeks, got numpy.ndarray"),
        (lambda: Greeks((3,), model="heston"), ValueError, "black76, bsm, bachelier, inverse, digital"),
        (lambda: Greeks((-3,)), ValueError, "-3"),
        (lambda: black76(F, K, VOL, YEARS, 1).rho_dividend, AttributeError, "black76 has no rho_dividend"),
    ],
)
def test_misuse_is_answered_in_words(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_greeks_shows_its_numbers():
    assert "value=1921.59" in repr(black76(F, K, VOL, YEARS, 1))
    text = repr(black76(F, np.full(1_000, K), VOL, YEARS, 1))
    assert "shape (1000,)" in text
    assert len(text) < 800
    assert pricing.inverse(F, K, VOL, YEARS, 1).names[-1] == "gamma_pa"


def test_other_threads_run_while_a_large_batch_is_priced():
    """The lock is let go: this thread sees a batch half done. With the lock held it could only see none or all of it."""
    c = random_contracts(1_000_000, 15)
    out = Greeks((1_000_000,))
    seen_half_done = False
    for _ in range(50):
        out.value[:] = math.nan
        worker = threading.Thread(target=black76, kwargs={**c, "out": out})
        worker.start()
        while worker.is_alive() and not seen_half_done:
            last = out.value[-1]  # read first: rows are written in order
            seen_half_done = math.isnan(last) and not math.isnan(out.value[0])
        worker.join()
        if seen_half_done:
            break
    assert seen_half_done
