"""Liquidation schedules."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rebalance_core._tables import FloatArray, duration_ns, moment_ns
from rebalance_core.drift import Targets

if TYPE_CHECKING:
    from rebalance_core.engine import Plan

__all__ = ["Schedule", "ScheduledTargets", "almgren_chriss"]


@dataclass(frozen=True)
class ScheduledTargets:
    """A schedule at work on one underlying: a delta target that moves at every slice.

    While slice j is worked, the target is what is to be left after it.
    """

    schedule: Schedule
    underlying: str
    start_ns: int
    duration_ns: int
    final: float = 0.0  #: delta to end at

    def left(self, now_ns: int) -> float:
        """What should be left at the end of the slice that this moment falls into."""
        steps = len(self.schedule.trades)
        done = (now_ns - self.start_ns) * steps // self.duration_ns
        return float(self.schedule.holdings[0 if done < 0 else min(done + 1, steps)])

    def targets(self, plan: Plan) -> Targets:
        return Targets(delta={self.underlying: self.final + self.left(plan.now_ns)})


@dataclass(frozen=True)
class Schedule:
    """How to sell (or buy, if negative) a quantity over a horizon in equal steps."""

    times: FloatArray  #: of the holdings, shape (steps + 1,)
    holdings: FloatArray  #: left at each time, shape (steps + 1,)
    trades: FloatArray  #: sold in each step, shape (steps,)
    kappa: float  #: urgency, per unit of time; 1/kappa is how long a trader without deadline would take
    expected_cost: float  #: in money
    variance: float  #: of the cost, money^2

    def over(
        self,
        underlying: str,
        start: int | str | dt.datetime,
        duration: int | str | dt.timedelta,
        *,
        final: float = 0.0,
    ) -> ScheduledTargets:
        """The schedule as delta targets of an underlying, from a moment on, for a duration.

        Parameters
        ----------
        underlying
            Whose delta is worked off.
        start
            Nanoseconds since 1970, a datetime or ISO 8601 text.
        duration
            "4h", a timedelta or nanoseconds: what the horizon is on the clock.
        final
            Delta at the end; the quantity of the schedule comes on top of it.
        """
        ns = duration_ns(duration)
        if ns <= 0:
            raise ValueError(f"duration must be above 0, got {duration!r}")
        return ScheduledTargets(self, underlying, moment_ns(start), ns, final)


def almgren_chriss(
    quantity: float,
    horizon: float,
    steps: int,
    *,
    vol: float,
    temporary_impact: float,
    permanent_impact: float = 0.0,
    half_spread: float = 0.0,
    risk_aversion: float = 0.0,
) -> Schedule:
    """The schedule with the least expected cost + risk_aversion x variance.

    With tau = horizon / steps, eta' = temporary - permanent tau / 2 and
    2 (cosh(kappa tau) - 1) / tau^2 = risk_aversion vol^2 / eta', what is left at time t is
    quantity sinh(kappa (horizon - t)) / sinh(kappa horizon): a straight line where kappa is 0.

    Parameters
    ----------
    quantity
        Units to sell; negative to buy.
    horizon
        In units of time, above 0.
    steps
        At least 1.
    vol
        Of the price: money per unit, per square root of a unit of time. At least 0.
    temporary_impact
        Money per unit, for each unit traded per unit of time; above permanent_impact tau / 2.
    permanent_impact
        Money per unit, for each unit traded; at least 0.
    half_spread
        Money per unit; fees belong here too. At least 0.
    risk_aversion
        Per unit of money, at least 0.

    Returns
    -------
    Schedule

    Raises
    ------
    ValueError
        If a number is out of its range. It is named with its value.

    Notes
    -----
    Almgren and Chriss (2001), "Optimal execution of portfolio transactions", J. Risk 3(2).

    Examples
    --------
    >>> schedule = almgren_chriss(1e6, 5, 5, vol=0.95, temporary_impact=2.5e-6, permanent_impact=2.5e-7,
    ...                           half_spread=0.0625, risk_aversion=1e-6)
    >>> round(schedule.kappa, 3), schedule.holdings.round().astype(int).tolist()
    (0.607, [1000000, 541956, 289854, 147897, 62142, 0])
    """
    x, span = float(quantity), float(horizon)
    if not np.isfinite(x):
        raise ValueError(f"quantity must be finite, got {quantity}")
    if not (span > 0.0 and np.isfinite(span)):
        raise ValueError(f"horizon must be above 0 and finite, got {horizon}")
    if steps != int(steps) or steps < 1:
        raise ValueError(f"steps must be a whole number of at least 1, got {steps}")
    n = int(steps)
    given = {
        "vol": vol,
        "temporary_impact": temporary_impact,
        "permanent_impact": permanent_impact,
        "half_spread": half_spread,
        "risk_aversion": risk_aversion,
    }
    for name, value in given.items():
        if not (value >= 0.0 and np.isfinite(value)):
            raise ValueError(f"{name} must be at least 0 and finite, got {value}")
    tau = span / n
    eta = temporary_impact - 0.5 * permanent_impact * tau
    if not eta > 0.0:
        raise ValueError(
            f"temporary_impact must be above permanent_impact x horizon / steps / 2 = {0.5 * permanent_impact * tau}, "
            f"got {temporary_impact}"
        )
    # cosh - 1 = 2 sinh^2(half): no difference of nearly equal numbers where kappa tau is small.
    kappa = 2.0 / tau * float(np.arcsinh(0.5 * tau * vol * np.sqrt(risk_aversion / eta)))
    times = np.asarray(tau * np.arange(n + 1), dtype=np.float64)
    times[-1] = span
    left = _sinh_ratio(kappa, np.asarray(span - times), span)
    left[0] = 1.0
    # x_{j-1} - x_j = 2 sinh(kappa tau / 2) cosh(kappa (T - t_{j-1/2})) / sinh(kappa T), which does not cancel.
    rest = span - tau * (np.arange(n) + 0.5)
    if kappa * span < 1.0:
        sold = 2.0 * np.cosh(kappa * rest) * _sinh_ratio(kappa, np.array([0.5 * tau]), span)
    else:  # the same with the large exponentials taken out
        sold = np.exp(-kappa * tau * np.arange(n)) * (1.0 + np.exp(-2.0 * kappa * rest))
        sold *= np.expm1(-kappa * tau) / np.expm1(-2.0 * kappa * span)
    holdings, trades = x * left, x * sold
    cost = 0.5 * permanent_impact * x * x + half_spread * abs(x) + eta / tau * float(trades @ trades)
    variance = vol * vol * tau * float(holdings[1:] @ holdings[1:])
    return Schedule(times, holdings, trades, kappa, cost, variance)


def _sinh_ratio(kappa: float, part: FloatArray, whole: float) -> FloatArray:
    """sinh(kappa part) / sinh(kappa whole) for 0 <= part <= whole: part / whole where kappa is 0, never inf / inf."""
    if kappa * whole < 1e-150:
        return part / whole
    return np.asarray(np.exp(-kappa * (whole - part)) * np.expm1(-2.0 * kappa * part) / np.expm1(-2.0 * kappa * whole))
