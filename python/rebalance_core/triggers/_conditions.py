"""Conditions that say when to act, and their joins."""

from __future__ import annotations

import datetime as dt
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rebalance_core import _core
from rebalance_core._tables import duration_ns, moment_ns, per_underlying
from rebalance_core.drift import QUANTITIES, PerUnderlying

__all__ = [
    "AllOf",
    "AnyOf",
    "Calendar",
    "DeltaGamma",
    "HedgeBand",
    "LocalBand",
    "Threshold",
    "Trigger",
    "all_of",
    "any_of",
]

_YEAR_NS = 365 * 86_400_000_000_000


class Trigger(ABC):
    """A condition, or several joined. ``a | b`` fires if any does, ``a & b`` only if all do."""

    def __or__(self, other: Trigger) -> Trigger:
        return any_of(self, other)

    def __and__(self, other: Trigger) -> Trigger:
        return all_of(self, other)

    @abstractmethod
    def _add_to(self, built: _core.Trigger, underlyings: Sequence[str]) -> None:
        """Append this trigger in postfix order."""

    @abstractmethod
    def conditions(self) -> Iterator[Trigger]:
        """The single conditions, in the order in which a plan numbers its reasons."""

    def build(self, underlyings: Sequence[str]) -> _core.Trigger:
        """The compiled form, for these underlyings."""
        built = _core.Trigger(len(underlyings))
        self._add_to(built, underlyings)
        return built


class _Condition(Trigger):
    def conditions(self) -> Iterator[Trigger]:
        yield self


@dataclass(frozen=True, repr=False)
class Calendar(_Condition):
    """Fires at UTC instants: at ``anchor`` plus whole multiples of ``every``, whenever the process was started.

    The first tick at or after an instant fires, once. An engine made between two instants waits for the next.

    Parameters
    ----------
    every
        "1h", "15min", "1d", a timedelta, or nanoseconds.
    anchor
        A moment: nanoseconds since 1970, a datetime or ISO 8601 text. 1970-01-01T00:00Z unless given.
    """

    every: int | str | dt.timedelta
    anchor: int | str | dt.datetime = 0

    def _add_to(self, built: _core.Trigger, underlyings: Sequence[str]) -> None:  # noqa: ARG002
        built.add_calendar(duration_ns(self.every), moment_ns(self.anchor))

    def __repr__(self) -> str:
        anchor = f", anchor={self.anchor!r}" if self.anchor != 0 else ""
        return f"Calendar({self.every!r}{anchor})"


@dataclass(frozen=True, repr=False)
class Threshold(_Condition):
    """Fires while |drift| is beyond a band of half-width max(absolute, relative x |target|).

    Parameters
    ----------
    quantity : {"weight", "delta", "gamma", "vega"}
        Whose drift is watched; underlyings without such a target never fire.
    absolute
        In the quantity's unit: a number for all underlyings, a mapping by name, or a column.
    relative
        Fraction of the target.
    release
        Hysteresis: once fired, it stays on until |drift| is at most this fraction of the half-width. In (0, 1].
    """

    quantity: str
    absolute: PerUnderlying = 0.0
    relative: PerUnderlying = 0.0
    release: float = 1.0

    def __post_init__(self) -> None:
        if self.quantity not in QUANTITIES:
            raise ValueError(f"unknown quantity {self.quantity!r}; the quantities are: {', '.join(QUANTITIES)}")
        if not np.any(_entries(self.absolute)) and not np.any(_entries(self.relative)):
            raise ValueError(f"a threshold on {self.quantity} needs a band: give absolute, relative or both, above 0")

    def _add_to(self, built: _core.Trigger, underlyings: Sequence[str]) -> None:
        absolute = per_underlying(self.absolute, underlyings, "threshold", np.inf)
        relative = per_underlying(self.relative, underlyings, "relative threshold", 0.0)
        built.add_threshold(self.quantity, absolute, relative, self.release)

    def __repr__(self) -> str:
        parts = [repr(self.quantity)]
        if np.any(_entries(self.absolute)):
            parts.append(repr(self.absolute))
        if np.any(_entries(self.relative)):
            parts.append(f"relative={self.relative!r}")
        if self.release != 1.0:
            parts.append(f"release={self.release!r}")
        return f"Threshold({', '.join(parts)})"


@dataclass(frozen=True, repr=False)
class DeltaGamma(_Condition):
    """Fires when the delta would leave its band before the next look.

    For a move dF = z vol F sqrt(interval) up or down: |drift| + |d delta/dF| dF > band.

    Parameters
    ----------
    band
        Half-width around the delta target, in the target's unit.
    vol
        Of the forward, per square root of a year; a forecast if you have one.
    interval
        Time to the next look: "1min", a timedelta, or nanoseconds.
    z
        How many standard deviations to be safe against.
    release
        Hysteresis, as for :class:`Threshold`.
    """

    band: PerUnderlying
    vol: PerUnderlying
    interval: int | str | dt.timedelta
    z: float = 2.0
    release: float = 1.0

    def _add_to(self, built: _core.Trigger, underlyings: Sequence[str]) -> None:
        if not (self.z >= 0.0 and math.isfinite(self.z)):
            raise ValueError(f"z must be at least 0 and finite, got {self.z}")
        interval = duration_ns(self.interval)
        if interval < 0:
            raise ValueError(f"interval must be at least 0, got {self.interval!r}")
        band = per_underlying(self.band, underlyings, "delta-gamma band", np.inf)
        vol = per_underlying(self.vol, underlyings, "delta-gamma vol", 0.0)
        built.add_delta_gamma(band, self.z * vol * math.sqrt(interval / _YEAR_NS), self.release)

    def __repr__(self) -> str:
        return f"DeltaGamma(band={self.band!r}, vol={self.vol!r}, interval={self.interval!r}, z={self.z!r})"


@dataclass(frozen=True, repr=False)
class LocalBand(_Condition):
    """Fires while |drift| is beyond the trigger of a :func:`local_band`, and says where trades should take it.

    With ``Engine(..., action="band")`` trades go to the band's destination: its edge where trading costs in proportion,
    inside it where trades have a fixed cost too.

    Parameters
    ----------
    quantity : {"weight", "delta", "gamma", "vega"}
        Whose drift is watched; underlyings without such a target never fire.
    variance_rate, penalty, linear_cost, fixed_cost
        As for :func:`local_band`, in the quantity's unit: a number for all underlyings, a mapping by name, or a column. An
        underlying that a mapping does not name never fires.
    """

    quantity: str
    variance_rate: PerUnderlying
    penalty: PerUnderlying
    linear_cost: PerUnderlying
    fixed_cost: PerUnderlying = 0.0

    def __post_init__(self) -> None:
        if self.quantity not in QUANTITIES:
            raise ValueError(f"unknown quantity {self.quantity!r}; the quantities are: {', '.join(QUANTITIES)}")

    def _add_to(self, built: _core.Trigger, underlyings: Sequence[str]) -> None:
        names = ("variance_rate", "penalty", "linear_cost", "fixed_cost")
        given = [getattr(self, name) for name in names]
        columns = [per_underlying(x, underlyings, name, 1.0) for x, name in zip(given, names, strict=True)]
        band = _core.local_band(*columns)
        watched = _watched(given, underlyings)
        for u in map(int, np.flatnonzero(watched & (band.status != _core.RowStatus.ok))):
            values = ", ".join(f"{name} {column[u]:g}" for name, column in zip(names, columns, strict=True))
            status = _core.RowStatus(band.status[u]).name
            raise ValueError(f"the local band on {self.quantity} of {underlyings[u]} is {status}: {values}")
        built.add_local_band(
            self.quantity, np.where(watched, band.trigger, np.inf), np.where(watched, band.destination, 0.0)
        )

    def __repr__(self) -> str:
        fixed = f", fixed_cost={self.fixed_cost!r}" if np.any(_entries(self.fixed_cost)) else ""
        return (
            f"LocalBand({self.quantity!r}, variance_rate={self.variance_rate!r}, penalty={self.penalty!r}, "
            f"linear_cost={self.linear_cost!r}{fixed})"
        )


@dataclass(frozen=True, repr=False)
class HedgeBand(_Condition):
    """Fires while the delta is outside the band that suits its gamma: :func:`hedge_band`, made anew at every tick.

    The gamma is that of the delta that is held (d delta/dF in the book's numeraire), the price is the index. Without a
    fixed cost it is the band of Whalley and Wilmott, and ``vol`` changes nothing. A book without gamma has a band of no
    width: nothing will move its delta, so any drift is worth correcting, once.

    Parameters
    ----------
    risk_aversion
        Absolute, per unit of quote currency: a number for all underlyings, a mapping by name, or a column. An underlying
        that a mapping does not name never fires.
    cost
        One way, as a fraction of what is traded: half the spread and the fee.
    vol
        Of the index, per square root of a year; a forecast if you have one.
    fixed_cost
        Quote currency per trade.
    least
        The trigger is at least this, in the delta target's unit; the destination stays where it is.
    """

    risk_aversion: PerUnderlying
    cost: PerUnderlying
    vol: PerUnderlying
    fixed_cost: PerUnderlying = 0.0
    least: PerUnderlying = 0.0

    def _add_to(self, built: _core.Trigger, underlyings: Sequence[str]) -> None:
        given = [self.risk_aversion, self.cost, self.fixed_cost, self.vol]
        names = ("risk_aversion", "cost", "fixed_cost", "vol")
        aversion, cost, fixed, vol = (
            per_underlying(x, underlyings, f"hedge band {name}", 1.0) for x, name in zip(given, names, strict=True)
        )
        watched = _watched(given, underlyings)
        for u in map(int, np.flatnonzero(watched & ~(np.isfinite(cost) & np.isfinite(fixed)))):
            raise ValueError(
                f"hedge band of {underlyings[u]}: cost {cost[u]:g} and fixed_cost {fixed[u]:g} must be finite"
            )
        least = per_underlying(self.least, underlyings, "hedge band least", 0.0)
        built.add_hedge_band(aversion, np.where(watched, cost, np.inf), fixed, vol, least)

    def __repr__(self) -> str:
        fixed = f", fixed_cost={self.fixed_cost!r}" if np.any(_entries(self.fixed_cost)) else ""
        least = f", least={self.least!r}" if np.any(_entries(self.least)) else ""
        return f"HedgeBand(risk_aversion={self.risk_aversion!r}, cost={self.cost!r}, vol={self.vol!r}{fixed}{least})"


@dataclass(frozen=True, repr=False)
class _Join(Trigger):
    triggers: tuple[Trigger, ...]

    def conditions(self) -> Iterator[Trigger]:
        for trigger in self.triggers:
            yield from trigger.conditions()

    def _add(self, built: _core.Trigger, underlyings: Sequence[str], how: str) -> None:
        for trigger in self.triggers:
            trigger._add_to(built, underlyings)
        built.join(how, len(self.triggers))


class AnyOf(_Join):
    """Fires if any of its triggers does."""

    def _add_to(self, built: _core.Trigger, underlyings: Sequence[str]) -> None:
        self._add(built, underlyings, "any")

    def __repr__(self) -> str:
        return f"({' | '.join(map(repr, self.triggers))})"


class AllOf(_Join):
    """Fires only if all of its triggers do."""

    def _add_to(self, built: _core.Trigger, underlyings: Sequence[str]) -> None:
        self._add(built, underlyings, "all")

    def __repr__(self) -> str:
        return f"({' & '.join(map(repr, self.triggers))})"


def any_of(*triggers: Trigger) -> Trigger:
    """Fires if any of the triggers does."""
    return AnyOf(_checked(triggers))


def all_of(*triggers: Trigger) -> Trigger:
    """Fires only if all of the triggers do."""
    return AllOf(_checked(triggers))


def _checked(triggers: tuple[Any, ...]) -> tuple[Trigger, ...]:
    if not triggers:
        raise ValueError("a join needs at least one trigger")
    for trigger in triggers:
        if not isinstance(trigger, Trigger):
            raise TypeError(f"expected a Trigger, got {trigger!r}")
    return triggers


def _watched(given: Sequence[PerUnderlying], underlyings: Sequence[str]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """The underlyings that every mapping names."""
    mappings = [value for value in given if isinstance(value, Mapping)]
    return np.array([all(name in value for value in mappings) for name in underlyings], dtype=bool)


def _entries(value: Any) -> Any:
    return list(value.values()) if hasattr(value, "values") else value
