"""Sizing and routing rules by themselves."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalance_core.routing import round_to_lots
from rebalance_core.sizing import restore_weights

finite = st.floats(-1e6, 1e6)


def test_weights_after_costs_worked_example():
    """Domain chapter 9.1."""
    trade, equity = restore_weights([62_000, 25_000, 13_000], [0.5, 0.3, 0.2], 100_000, 0.001)
    np.testing.assert_allclose(trade, [-12_012, 4_992.8, 6_995.2], atol=0.01)
    assert equity == pytest.approx(99_976, abs=0.01)


@given(
    st.lists(st.tuples(st.floats(-1e5, 1e5), st.floats(-0.5, 0.5), st.floats(0, 0.01)), min_size=1, max_size=20),
    st.floats(1e3, 1e6),
)
def test_what_is_left_pays_exactly_for_the_trades(assets, equity):
    """V' = V - sum cost |w V' - v|, and each asset ends at its share of V'."""
    value, weight, rate = map(np.array, zip(*assets, strict=True))
    trade, after = restore_weights(value, weight, equity, rate)
    assert after == pytest.approx(equity - rate @ np.abs(trade), rel=1e-13)
    np.testing.assert_allclose(value + trade, weight * after, rtol=1e-13, atol=1e-9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0], [0.5, 0.5], 10.0, 0.0), "weight has 2 rows, but there are 1 values"),
        (([1.0, 2.0], [0.5, 0.5], 10.0, [0.1, 0.1, 0.1]), "cost_rate has 3 rows"),
        (([1.0], [0.5], 0.0, 0.0), "equity must be above 0"),
        (([math.nan], [0.5], 1.0, 0.0), "row 0"),
        (([1.0], [0.5], 1.0, -0.1), "row 0"),
        (([1.0], [0.5], 1.0, 3.0), "leave nothing to move"),
    ],
)
def test_weights_that_make_no_sense_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        restore_weights(*arguments)


def test_lots_worked_example():
    """Domain chapter 9.7: 0.4375814984 coin at 60000 in contracts of 10 USD."""
    assert round_to_lots(-0.4375814984 * 60_000 / 10, 1.0)[0] == -2_625


@given(finite, st.floats(1e-3, 100), finite, st.booleans(), st.floats(0, 1e4))
def test_lots_obey_the_rules_of_an_exchange(wanted, lot, position, reduce_only, least):
    size = float(
        round_to_lots(
            wanted, lot, position=position, reduce_only=reduce_only, min_notional=least, contract_notional=1.0
        )[0]
    )
    lots = size / lot
    assert abs(lots - round(lots)) < 1e-6, "whole lots"
    assert size * wanted >= 0, "never the other way"
    assert abs(size - wanted) <= lot / 2 * (1 + 1e-9) or size == 0 or reduce_only, "to the nearest"
    if reduce_only and size != 0:
        assert size * position < 0
        assert abs(size) <= abs(position) * (1 + 1e-9)
    if 0 < abs(size) < least * (1 - 1e-9):
        assert abs(position) - abs(size) < lot, "below the minimum only to close"


def test_lots_broadcast_and_refuse():
    np.testing.assert_array_equal(round_to_lots([1.4, -1.6, 2.5], 1.0), [1.0, -2.0, 2.0])
    assert round_to_lots([[1.0, 2.0]], [[0.3], [0.5]]).shape == (2, 2)
    with pytest.raises(ValueError, match=r"lot_size\[1\] must be above 0"):
        round_to_lots([1.0, 1.0], [1.0, 0.0])
    with pytest.raises(ValueError, match=r"wanted\[0\] must be finite"):
        round_to_lots(math.nan, 1.0)


def test_a_small_position_may_be_closed_below_the_minimum():
    shared = {"min_notional": 100.0, "contract_notional": 10.0}
    assert round_to_lots(-3.0, 1.0, position=3.0, **shared)[0] == -3.0
    assert round_to_lots(-3.0, 1.0, position=4.0, **shared)[0] == 0.0
    assert round_to_lots(3.0, 1.0, position=3.0, **shared)[0] == 0.0
