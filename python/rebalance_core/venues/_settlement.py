"""Time as a venue counts it, and the averaging window before expiry."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from rebalance_core import units
from rebalance_core._tables import FloatArray, as_array, moment_ns

from ._rules import Venue, get

_MINUTES_PER_YEAR = units.DAYS_PER_YEAR * 24 * 60
_NS_PER_YEAR = int(units.DAYS_PER_YEAR) * 86_400_000_000_000


def plain(x: FloatArray) -> Any:
    """A number for no dimensions, else an array of its own."""
    return float(x) if np.ndim(x) == 0 else np.array(x)


def years_between(venue: str | Venue, now: Any, expiry: Any) -> Any:
    """Years of 365 days to expiry, as the venue's Greeks count them: ``now`` to the nearest tick of its clock.

    Parameters
    ----------
    venue : str or Venue
        Its ``clock_seconds`` is what ``now`` is rounded to; 0 leaves it.
    now, expiry : int, datetime, str or array_like
        Nanoseconds since 1970, a datetime (naive means UTC), or ISO 8601 text; columns of nanoseconds or datetime64.

    Returns
    -------
    float or ndarray
        Negative after expiry.

    Raises
    ------
    TypeError, ValueError
        For a column of anything else, and for NaT; the argument and the row are named.
    """
    venue = get(venue)
    now_ns, expiry_ns = _instants(now, "now"), _instants(expiry, "expiry")
    step = round(venue.clock_seconds * 1e9)
    if step:
        now_ns = (now_ns + step // 2) // step * step
    return plain(np.asarray((expiry_ns - now_ns) / _NS_PER_YEAR, dtype=np.float64))


def _instants(x: Any, name: str) -> npt.NDArray[np.int64]:
    if isinstance(x, (str, int)) or np.ndim(x) == 0:
        return np.asarray(moment_ns(x), dtype=np.int64)
    array = as_array(x)
    if array.dtype.kind == "M":
        if np.isnat(array).any():
            raise ValueError(f"{name}[{int(np.argmax(np.isnat(array)))}] is NaT")
        return array.astype("datetime64[ns]").astype(np.int64)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integer nanoseconds or datetime64, got {array.dtype}")
    return array.astype(np.int64)


def window_share(venue: Venue, years: FloatArray) -> FloatArray:
    if not venue.window_minutes:
        return np.zeros(np.shape(years))
    return np.clip(1.0 - years * _MINUTES_PER_YEAR / venue.window_minutes, 0.0, 1.0)


def settlement_weight(venue: str | Venue, years: Any) -> Any:
    """Share of the settlement window that is over: 0 before it, 1 at expiry.

    Raises
    ------
    ValueError
        If the length of the venue's window is not known.
    """
    venue = get(venue)
    if venue.window_minutes is None:
        raise ValueError(f"the length of the settlement window of {venue.name} is not known")
    return plain(window_share(venue, np.asarray(years, dtype=np.float64)))


def settlement_price(venue: str | Venue, forward: Any, average: Any, years: Any) -> Any:
    """The price that an option settles on as seen from within the window: w average + (1 - w) forward.

    Parameters
    ----------
    venue : str or Venue
        Whose window.
    forward : array_like
        Quote currency.
    average : array_like
        The index averaged since the window began. Not read before that, where it may be NaN.
    years : array_like
        To expiry.

    Examples
    --------
    Ten minutes into Derive's half hour:

    >>> round(settlement_price("derive", 1975.0, 1950.0, 20 / (365 * 24 * 60)), 6)
    1966.666667
    """
    w = np.asarray(settlement_weight(venue, years))
    w, f, mean = np.broadcast_arrays(w, np.asarray(forward, dtype=np.float64), np.asarray(average, dtype=np.float64))
    return plain(np.where(w > 0, w * mean + (1 - w) * f, f))


def decayed(venue: str | Venue, delta: Any, years: Any) -> Any:
    """A delta as the settlement window runs it down to 0: an expiring future's (from 1), or an option's. Not a perpetual's."""
    return plain(np.asarray(delta) * (1.0 - np.asarray(settlement_weight(venue, years))))


def net_transaction_delta(venue: str | Venue, delta: Any, mark: Any, years: Any) -> Any:
    """Delta in coin less the premium in coin, both run down in the settlement window.

    Examples
    --------
    Fifteen minutes into the half hour, a delta of 1 and a mark of 0.3 coin:

    >>> round(net_transaction_delta("deribit", 1.0, 0.3, 15 / (365 * 24 * 60)), 12)
    0.35
    """
    return decayed(venue, np.asarray(delta) - np.asarray(mark), years)
