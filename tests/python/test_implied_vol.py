"""Implied vol: limits and refusals, there and back, arrays of any shape. Exact values: test_implied_vol_reference.py."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalance_core import RowStatus
from rebalance_core.pricing import bachelier, black76, implied_vol, inverse


def words(status: np.ndarray) -> list[str]:
    return [RowStatus(s).name for s in status]


def test_each_failure_has_its_word_and_no_number(isa):
    price = [9.9999, 10.0, 10.5, 110.0, 120.0, math.nan, -1.0, math.inf]
    vol, status = implied_vol(price, 110.0, 100.0, 0.5, 1.0)
    assert words(status) == ["below_intrinsic", "at_intrinsic", "ok", "above_upper_bound", "above_upper_bound",
                             "not_a_number", "below_intrinsic", "infinite"]  # fmt: skip
    assert vol[1] == 0.0
    assert vol[2] > 0.0
    assert np.all(np.isnan(vol[[0, 3, 4, 5, 6, 7]]))


@pytest.mark.parametrize(
    ("row", "word"),
    [
        ((5.0, math.nan, 100.0, 0.5, 1.0), "not_a_number"),
        ((5.0, -100.0, 100.0, 0.5, 1.0), "nonpositive_price"),
        ((5.0, 100.0, 0.0, 0.5, 1.0), "nonpositive_price"),
        ((5.0, 100.0, 100.0, 0.0, 1.0), "at_expiry"),
        ((5.0, 100.0, 100.0, -0.5, 1.0), "expired"),
        ((5.0, 100.0, 100.0, 0.5, 0.0), "bad_phi"),
        ((0.0, 100.0, 110.0, 0.5, 1.0), "at_intrinsic"),
        ((5.0, 100.0, 100.0, 0.5, 1.0, math.inf), "infinite"),
    ],
)
def test_bad_rows(isa, row, word):
    vol, status = implied_vol(*row)
    assert status.name == word
    assert vol == 0.0 if word == "at_intrinsic" else math.isnan(vol)


def test_one_bad_row_in_a_million_is_marked_alone():
    price = np.full(1_000_000, 5.0)
    price[123_456] = math.nan
    vol, status = implied_vol(price, 100.0, 100.0, 0.5, 1.0, threads=2)
    assert np.flatnonzero(status).tolist() == [123_456]
    assert np.unique(np.delete(vol, 123_456)).size == 1


@given(
    st.floats(1e-3, 3.0), st.floats(-6.0, 6.0), st.floats(1e-3, 5.0), st.sampled_from([-1.0, 1.0]), st.floats(-0.1, 0.1)
)
def test_there_and_back(deviation, standard_moneyness, years, phi, rate):
    """price -> vol -> price to 1e-13 of the price, however badly the vol itself may be determined."""
    vol, forward = deviation / math.sqrt(years), 100.0 * math.exp(standard_moneyness * deviation)
    for price, model, back in (
        (black76(forward, 100.0, vol, years, phi, rate).value, "black76", lambda v: black76(forward, 100.0, v, years, phi, rate)),
        (inverse(forward, 100.0, vol, years, phi).value, "inverse", lambda v: inverse(forward, 100.0, v, years, phi)),
    ):  # fmt: skip
        found, status = implied_vol(price, forward, 100.0, years, phi, rate, model=model)
        if status == RowStatus.ok:
            assert back(found).value == pytest.approx(price, rel=1e-13)
        else:
            assert status in (RowStatus.at_intrinsic, RowStatus.below_intrinsic, RowStatus.above_upper_bound)
    normal = 100.0 * deviation / math.sqrt(years)
    gap = 100.0 * standard_moneyness * deviation
    price = bachelier(gap, 0.0, normal, years, phi, rate).value
    found, status = implied_vol(price, gap, 0.0, years, phi, rate, model="bachelier")
    if status == RowStatus.ok:
        assert bachelier(gap, 0.0, found, years, phi, rate).value == pytest.approx(price, rel=1e-13)


ANYTHING = st.one_of(st.floats(), st.floats(0.0, 1e300), st.sampled_from([0.0, 1.0, 100.0, 5e-324, 1e-300, 1.7e308]))


@given(st.tuples(ANYTHING, ANYTHING, ANYTHING, ANYTHING, st.sampled_from([-1.0, 1.0]), st.floats(-1.0, 1.0)),
       st.sampled_from(["black76", "bachelier", "inverse"]))  # fmt: skip
def test_whatever_is_asked_a_row_is_solved_or_refused(row, model):
    """No row is left unsolved, and none has both a refusal and a number. At the least, vols may round to 0."""
    vol, status = implied_vol(*row, model=model)
    assert status != RowStatus.unsolved
    if status == RowStatus.ok:
        assert 0.0 <= vol < math.inf
    elif status == RowStatus.at_intrinsic:
        assert vol == 0.0
    else:
        assert math.isnan(vol)


def test_a_vol_that_no_double_holds_is_refused(isa):
    assert implied_vol(1e300, 1e300, 1e300, 1e-300, 1.0, model="bachelier")[1] == RowStatus.infinite
    assert math.isnan(implied_vol(1e300, 1e300, 1e300, 1e-300, 1.0, model="bachelier")[0])


def test_no_rate_is_asked_of_a_coin_price(isa):
    c = inverse(60_000.0, 65_000.0, 0.55, 30 / 365, 1.0).value
    with_rate = implied_vol(c, 60_000.0, 65_000.0, 30 / 365, 1.0, math.nan, model="inverse")
    assert with_rate == implied_vol(c, 60_000.0, 65_000.0, 30 / 365, 1.0, model="inverse")
    assert with_rate[0] == pytest.approx(0.55, rel=1e-14)


def test_shapes_broadcast_and_out_is_written():
    strike = np.array([90.0, 100.0, 110.0])
    price = black76(100.0, strike, [[0.2], [0.4]], 0.5, 1.0).value
    vol, status = implied_vol(price, 100.0, strike, 0.5, 1.0)
    np.testing.assert_allclose(vol, [[0.2] * 3, [0.4] * 3], rtol=1e-13)
    out = (np.empty((2, 3)), np.empty((2, 3), np.uint8))
    assert implied_vol(price, 100.0, strike, 0.5, 1.0, out=out)[0] is out[0]
    np.testing.assert_array_equal(out[0], vol)
    np.testing.assert_array_equal(out[1], status)
    over = price.copy()
    implied_vol(over, 100.0, strike, 0.5, 1.0, out=(over, out[1]))
    np.testing.assert_array_equal(over, vol)
    assert implied_vol([], 100.0, 100.0, 0.5, 1.0)[0].shape == (0,)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((5.0, 100.0, 100.0, 0.5, 1.0), {"model": "heston"}, ValueError, "one of 'black76', 'bachelier', 'inverse', got 'heston'"),
        ((5.0, 100.0, 100.0, 0.5), {}, TypeError, "missing the argument 'phi'"),
        ((5.0, 100.0, 100.0, 0.5, 1.0), {"order": 2}, TypeError, "order"),
        (([5.0, 6.0], [100.0, 101.0, 102.0], 100.0, 0.5, 1.0), {}, ValueError, r"\(2,\)"),
        (([5.0], 100.0, 100.0, 0.5, 1.0), {"out": np.empty(1)}, TypeError, "tuple"),
        (([5.0], 100.0, 100.0, 0.5, 1.0), {"out": (np.empty(2), np.empty(1, np.uint8))}, ValueError, r"shape \(2,\)"),
        (([5.0], 100.0, 100.0, 0.5, 1.0), {"out": (np.empty(1), np.empty(1))}, TypeError, "status"),
        (("five", 100.0, 100.0, 0.5, 1.0), {}, TypeError, "price"),
    ],
)  # fmt: skip
def test_misuse_is_answered_in_words(arguments, options, error, message):
    with pytest.raises(error, match=message):
        implied_vol(*arguments, **options)
