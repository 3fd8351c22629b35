"""May we trade? :class:`CostGate`."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from .drift import PerUnderlying

__all__ = ["CostGate"]


@dataclass(frozen=True)
class CostGate:
    """No trade whose cost exceeds the risk it removes.

    removed = risk_aversion / 2 x (vol F)^2 x (drift_before^2 - drift_after^2) x horizon, in quote currency, with the
    drift of delta in units of underlying: the running penalty of Whalley and Wilmott (1997), Math. Finance 7:307-324,
    for as long as the drift would otherwise be held.

    Parameters
    ----------
    risk_aversion
        Absolute, per unit of quote currency. 0 switches the gate off.
    vol
        Of the underlying, per square root of a year: a number for all, a mapping by name, or a column.
    horizon
        "1h", a timedelta, or nanoseconds.
    """

    risk_aversion: float
    vol: PerUnderlying
    horizon: int | str | dt.timedelta
