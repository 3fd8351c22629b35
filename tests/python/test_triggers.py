"""Triggers as objects: how they are written, joined, shown and refused."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pytest

from rebalance_core._tables import duration_ns, moment_ns
from rebalance_core.triggers import Calendar, DeltaGamma, Threshold, all_of, any_of


def test_operators_build_trees_that_show_themselves():
    trigger = Threshold("delta", 0.5) | Calendar("8h") & Threshold("weight", relative=0.1, release=0.5)
    assert (
        repr(trigger) == "(Threshold('delta', 0.5) | (Calendar('8h') & Threshold('weight', relative=0.1, release=0.5)))"
    )
    assert [repr(c) for c in trigger.conditions()] == [
        "Threshold('delta', 0.5)", "Calendar('8h')", "Threshold('weight', relative=0.1, release=0.5)",
    ]  # fmt: skip
    assert repr(all_of(Calendar("1h"), any_of(Calendar("2h"), Calendar("3h")))) == (
        "(Calendar('1h') & (Calendar('2h') | Calendar('3h')))"
    )
    assert "z=3" in repr(DeltaGamma(band=0.5, vol=0.6, interval="1min", z=3))


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: Threshold("gama", 0.5), ValueError, "'gama'; the quantities are: weight, delta, gamma, vega"),
        (lambda: Threshold("delta"), ValueError, "needs a band"),
        (lambda: any_of(), ValueError, "at least one"),
        (lambda: any_of(Calendar("1h"), "2h"), TypeError, "expected a Trigger, got '2h'"),
        (lambda: Calendar("1 fortnight").build(["A"]), ValueError, "cannot read the duration '1 fortnight'"),
        (lambda: Calendar("-1h").build(["A"]), ValueError, "above 0"),
        (lambda: DeltaGamma(0.5, 0.6, "1min", z=-1.0).build(["A"]), ValueError, "z must be at least 0"),
        (lambda: DeltaGamma(0.5, -0.6, "1min").build(["A"]), ValueError, "must be at least 0"),
        (lambda: DeltaGamma(0.5, 0.6, -5).build(["A"]), ValueError, "interval must be at least 0"),
        (lambda: Threshold("delta", [1.0, 2.0]).build(["A"]), ValueError, r"shape \(2,\), but there are 1"),
        (lambda: Threshold("delta", {"B": 1.0}).build(["A"]), KeyError, "unknown underlying 'B'"),
        (lambda: Threshold("delta", math.nan).build(["A"]), ValueError, "must be at least 0, got nan"),
    ],
)
def test_a_trigger_that_makes_no_sense_is_refused_in_words(build, error, message):
    with pytest.raises(error, match=message):
        build()


def test_a_trigger_holds_at_most_64_conditions():
    from conftest import NOW
    from rebalance_core import Book, Engine, Instruments, Market, Targets

    instruments = Instruments(kind=["spot"], underlying=["A"])
    parts = (Book(instruments, [1.0]), Market(instruments), Targets(delta=0.0))
    most = any_of(*(Threshold("delta", 1.0 + i) for i in range(64)))
    assert Engine(*parts, most).tick(NOW).outcome == ["bad_data"]
    with pytest.raises(ValueError, match="at most 64 conditions, got 65"):
        Engine(*parts, most | Calendar("1h"))


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("500ms", 500_000_000), ("1s", 10**9), ("1.5h", 5_400 * 10**9), ("8 h", 28_800 * 10**9), ("1d", 86_400 * 10**9),
        ("w", 604_800 * 10**9), (7, 7), (np.int64(9), 9), (dt.timedelta(minutes=2), 120 * 10**9),
        (np.timedelta64(3, "ms"), 3_000_000),
    ],
)  # fmt: skip
def test_durations(text, ns):
    assert duration_ns(text) == ns


@pytest.mark.parametrize(
    ("moment", "ns"),
    [
        (12, 12),
        ("1970-01-01T00:00:01Z", 10**9),
        ("1970-01-01T01:00:01+01:00", 10**9),
        (dt.datetime(1970, 1, 1, 0, 0, 2), 2 * 10**9),
        (np.datetime64("1970-01-01T00:00:03"), 3 * 10**9),
    ],
)
def test_moments(moment, ns):
    assert moment_ns(moment) == ns


def test_what_is_not_a_moment_is_refused():
    with pytest.raises(TypeError, match="expected a moment"):
        moment_ns(1.5)
