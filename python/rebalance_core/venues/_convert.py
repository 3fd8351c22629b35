"""From bare Greeks to a venue's numbers by its rules, and back as far as they can be undone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rebalance_core import units
from rebalance_core._tables import FloatArray, Table, columns_of, numbers, shown
from rebalance_core.pricing import Greeks, black76, bsm

from ._rules import Rule, Venue, get
from ._settlement import plain, window_share

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

#: There and back of each unit, for a bare derivative.
UNITS: dict[str, tuple[Callable[[FloatArray], FloatArray], Callable[[FloatArray], FloatArray]]] = {
    "": (lambda x: x, lambda x: x),
    "point": (units.vega_per_point, units.vega_from_point),
    "day": (units.theta_per_day, units.theta_from_day),
    "percent": (units.rho_per_percent, units.rho_from_percent),
}


# --- numbers in a venue's units, and bare ones with what could not be undone ---


class _Record:
    """Numbers by name, each as an attribute."""

    def __init__(self, title: str, columns: Mapping[str, Any]) -> None:
        self._title, self._columns = title, dict(columns)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._columns)

    def __getitem__(self, name: str) -> Any:
        try:
            return self._columns[name]
        except KeyError:
            raise KeyError(f"{self._title} has no {name!r}; it has: {', '.join(self._columns)}") from None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._columns:
            title, known = self.__dict__.get("_title", ""), ", ".join(self.__dict__.get("_columns", ()))
            raise AttributeError(f"{title} has no {name!r}; it has: {known}")
        return self._columns[name]

    def table(self) -> Table:
        """The numbers as columns of one length, row by row of the arrays."""
        arrays = np.broadcast_arrays(*(np.asarray(x, dtype=np.float64) for x in self._columns.values()))
        return Table({name: x.ravel() for name, x in zip(self._columns, arrays, strict=True)}, self._title)

    def to_dict(self) -> dict[str, npt.NDArray[Any]]:
        return self.table().to_dict()

    def to_pandas(self) -> pd.DataFrame:
        return self.table().to_pandas()

    def to_polars(self) -> pl.DataFrame:
        return self.table().to_polars()

    def to_arrow(self) -> pa.Table:
        return self.table().to_arrow()

    def __repr__(self) -> str:
        if all(np.ndim(x) == 0 for x in self._columns.values()):
            return f"{self._title}: " + ", ".join(f"{n} {shown(x) or 'nan'}" for n, x in self._columns.items())
        return repr(self.table())


class VenueGreeks(_Record):
    """A venue's numbers, in its units: ``price``, ``delta``, ``gamma`` ... as far as it reports them.

    Attributes
    ----------
    venue : Venue
        Whose numbers these are; ``venue[name].unit`` has the unit.
    names : tuple of str
        The numbers there are.
    """

    def __init__(self, venue: Venue, columns: Mapping[str, Any]) -> None:
        super().__init__(venue.name, columns)
        self.venue = venue


class BareGreeks(_Record):
    """Bare Greeks got back from a feed, in the terms of :func:`rebalance_core.pricing.black76`.

    Attributes
    ----------
    value, delta, gamma, vega, theta, rho : float or ndarray
        NaN where the feed's number does not tell.
    reason : dict of str to str or ndarray of str
        Why a number is NaN; empty where it is not.
    """

    def __init__(self, venue: Venue, columns: Mapping[str, Any], reason: Mapping[str, Any]) -> None:
        super().__init__(f"bare Greeks of {venue.name}", columns)
        self.venue = venue
        self.reason = dict(reason)


# --- there ---


@dataclass(frozen=True)
class State:
    """Undiscounted numbers of Black-76 in quote currency, and what the rules need beside them."""

    value: FloatArray
    delta: FloatArray
    gamma: FloatArray
    vega: FloatArray
    theta: FloatArray
    forward: FloatArray
    years: FloatArray
    rate: FloatArray
    window: FloatArray  # share of the settlement window that is over

    @property
    def delta_pa(self) -> FloatArray:
        return self.delta - self.value / self.forward


#: Which derivative a convention means, before units. A spot-style rho needs no N(d2): phi K N(phi d2) = F delta - V.
_CONVENTIONS: dict[tuple[str, str], Callable[[State], FloatArray]] = {
    ("price", "black"): lambda g: g.value,
    ("delta", "black"): lambda g: g.delta,
    ("delta", "premium_adjusted"): lambda g: g.delta_pa,
    ("net_delta", "premium_adjusted"): lambda g: g.delta_pa,
    ("gamma", "black"): lambda g: g.gamma,
    ("gamma", "premium_adjusted"): lambda g: g.forward * g.gamma - 2 * g.delta_pa,
    ("vega", "black"): lambda g: g.vega,
    ("theta", "black"): lambda g: g.theta,
    ("theta", "with_interest"): lambda g: g.theta + g.rate * g.value,
    ("rho", "black"): lambda g: -g.years * g.value,
    ("rho", "spot"): lambda g: g.years * (g.forward * g.delta - g.value),
}


def state_of(venue: Venue, greeks: Greeks, forward: Any, years: Any, rate: Any, spot: Any) -> State:
    value, delta, gamma, vega, theta, f, t, r, s = _together(
        greeks.shape,
        {
            **{name: getattr(greeks, name) for name in ("value", "delta", "gamma", "vega", "theta")},
            "forward": forward,
            "years": years,
            "rate": rate,
            "spot": forward if spot is None else spot,
        },
    )
    window = window_share(venue, t)
    if greeks.model == "inverse":
        delta_pa, gamma_pa = np.asarray(greeks.delta_pa), np.asarray(greeks.gamma_pa)
        return State(f * value, delta_pa + value, (gamma_pa + 2 * delta_pa) / f, f * vega, f * theta, f, t, r, window)
    growth = np.exp(r * t)
    if greeks.model == "bsm":
        # F = S exp(carry T): the spot's derivatives by the chain rule; holding F instead of S moves theta.
        delta, gamma = delta * s / f, gamma * (s / f) ** 2
        with np.errstate(divide="ignore", invalid="ignore"):
            theta = theta + np.where(t > 0, np.log(f / s) / t, 0.0) * f * delta
    theta = theta - r * value
    return State(value * growth, delta * growth, gamma * growth, vega * growth, theta * growth, f, t, r, window)


def _together(shape: tuple[int, ...], arguments: dict[str, Any]) -> list[FloatArray]:
    """Arguments as doubles of one shape, that of the Greeks broadcast with them."""
    arrays = {name: np.asarray(x, dtype=np.float64) for name, x in arguments.items()}
    for name, x in arrays.items():
        try:
            shape = np.broadcast_shapes(shape, x.shape)
        except ValueError:
            raise ValueError(
                f"{name} has shape {x.shape}, which does not broadcast with {shape} of the others"
            ) from None
    return [np.broadcast_to(x, shape) for x in arrays.values()]


def applied(venue: Venue, rule: Rule, g: State, mark: FloatArray | None = None) -> FloatArray:
    """One rule on our numbers, unrounded. ``mark`` is the venue's own price, for the cap on theta."""
    x = _CONVENTIONS[rule.name, rule.convention](g)
    if rule.discounted:
        x = x * np.exp(-g.rate * g.years)
    x = UNITS[rule.per][0](x)
    if rule.near_expiry == "days":
        x = x * np.minimum(1.0, units.DAYS_PER_YEAR * g.years)
    if rule.cap:
        x = np.maximum(x, -_in_quote(venue, g, mark))
    if rule.currency == "coin":
        x = x / g.forward
    if rule.decays:
        x = x * (1.0 - g.window)
    return x if rule.scale == 1.0 else rule.scale * x


def _in_quote(venue: Venue, g: State, mark: FloatArray | None) -> FloatArray:
    if mark is None:
        return g.value
    own = mark * g.forward if venue.price_unit == "coin" else mark
    return np.where(np.isnan(own), g.value, own)


def report(
    venue: str | Venue,
    greeks: Greeks | None = None,
    *,
    forward: Any,
    years: Any,
    strike: Any = None,
    vol: Any = None,
    phi: Any = None,
    rate: Any = 0.0,
    spot: Any = None,
    mark: Any = None,
    rounded: bool = False,
) -> VenueGreeks:
    """What a venue would report for these options.

    Parameters
    ----------
    venue : str or Venue
        Whose rules to apply.
    greeks : Greeks, optional
        Of ``black76``, ``inverse`` or ``bsm``. Priced by the venue's model from strike, vol and phi unless given; those
        three are not read otherwise.
    forward : array_like
        Quote currency, of the option's own expiry. Not the index.
    years : array_like
        To expiry, of 365 days.
    strike, vol, phi : array_like, optional
        Quote currency; 0.5 is 50 %; +1 for calls, -1 for puts.
    rate : array_like
        The rate that the Greeks were computed with; discounting is undone where the venue does not discount.
    spot : array_like, optional
        The spot of ``bsm`` Greeks. The forward unless given: no carry.
    mark : array_like, optional
        The venue's own price, in its unit, for a rule that caps theta by it. Our value unless given (or where NaN).
    rounded : bool
        To the digits that the feed prints. That loses information: five decimals of gamma are one digit or none.

    Returns
    -------
    VenueGreeks
        One number or array per number the venue reports, in the shape the arguments broadcast to. Rows without a value
        (see ``greeks.status``) are NaN.

    Raises
    ------
    KeyError
        For a venue that is not known.
    ValueError
        If shapes do not broadcast; the argument and both shapes are named.
    TypeError
        If neither ``greeks`` nor all of strike, vol and phi are given; those missing are named.

    Notes
    -----
    After ``domain/01_options_conventions.md``, sections 1.1 to 1.4; ``evidence`` of each rule says how sure it is.
    """
    venue = get(venue)
    if greeks is None:
        greeks = _priced(venue, forward, strike, vol, years, phi, rate, spot)
    g = state_of(venue, greeks, forward, years, rate, spot)
    own = None if mark is None else _together(g.value.shape, {"mark": mark})[0]
    out = {}
    for rule in venue.rules:
        if rule.decays and venue.window_minutes is None:
            continue
        x = applied(venue, rule, g, own)
        out[rule.name] = plain(rule.rounded(x) if rounded else x)
    return VenueGreeks(venue, out)


def _priced(venue: Venue, forward: Any, strike: Any, vol: Any, years: Any, phi: Any, rate: Any, spot: Any) -> Greeks:
    missing = [name for name, x in (("strike", strike), ("vol", vol), ("phi", phi)) if x is None]
    if missing:
        raise TypeError(f"give either greeks or strike, vol and phi; missing: {', '.join(missing)}")
    if venue.model == "bsm":
        f, t, r = (np.asarray(x, dtype=np.float64) for x in (forward, years, rate))
        s = f if spot is None else np.asarray(spot, dtype=np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            carry = np.where(t > 0, np.log(f / s) / t, 0.0)
        return bsm(s, strike, vol, years, phi, rate, r - carry)
    return black76(forward, strike, vol, years, phi, rate)


# --- and back ---


def bare(
    venue: str | Venue,
    reported: VenueGreeks | Mapping[str, Any] | Any,
    *,
    forward: Any,
    years: Any,
    rate: Any = 0.0,
    mark: Any = None,
    rounded: bool = True,
) -> BareGreeks:
    """Our bare Greeks from a venue's numbers, where those tell.

    What does not come back is NaN, with a reason:

    * ``theta`` where the cap binds: the feed then shows the price, and theta is anything beyond it. Where the feed has no
      price to compare with, theta is not known at all; give ``mark``.
    * Numbers times min(1, days) at expiry itself, and net deltas at the end of the settlement window: times 0.
    * ``delta`` from a premium-adjusted one without a price, ``gamma`` from a premium-adjusted one without delta.
    * ``rho`` from a spot-style one without a price: Black's is -T V, another number.

    Digits that the feed's rounding took are gone: five decimals of gamma near 1e-5 are best recomputed.

    Parameters
    ----------
    venue : str or Venue
        Whose numbers these are.
    reported : VenueGreeks, mapping or table
        Columns by the names of the rules, or as feeds call them (``mark_price``).
    forward, years, rate : array_like
        As for :func:`report`; the Greeks that come back are those of ``black76`` with this rate.
    mark : array_like, optional
        The venue's price, in its unit, where ``reported`` has none.
    rounded : bool
        Whether the numbers have been rounded: whether a theta within rounding of the price counts as capped.

    Returns
    -------
    BareGreeks
        ``value`` in quote currency and its derivatives in the forward, with ``reason``.

    Raises
    ------
    KeyError
        For a venue that is not known.
    ValueError
        If there is none of the venue's numbers, or shapes do not broadcast.
    """
    venue = get(venue)
    table = dict(reported._columns) if isinstance(reported, _Record) else columns_of(reported)
    feed = {
        rule.name: table[n] for rule in venue.rules if (n := found_column(table, rule.name, rule.columns)) is not None
    }
    if not feed:
        raise ValueError(f"no number of {venue.name} among the columns {', '.join(table)}; it reports {listed(venue)}")
    if mark is not None and "price" not in feed:
        feed["price"] = mark
    given = {name: _doubles(x, name) for name, x in feed.items()}
    first = next(iter(given.values()))
    arrays = _together(first.shape, {**given, "forward": forward, "years": years, "rate": rate})
    f, t, r = arrays[-3:]
    back = _Back(venue, dict(zip(given, arrays, strict=False)), f, t, r, rounded)
    columns = {"value": back.value, "delta": back.delta(), "gamma": back.gamma()}
    columns |= {"vega": back.plain("vega"), "theta": back.theta(), "rho": back.rho()}
    discount = np.exp(-r * t)
    columns = {name: x * discount for name, x in columns.items()}
    columns["theta"] = columns["theta"] + np.where(r == 0, 0.0, r * columns["value"])
    reason = {name: back.reason(name, x) for name, x in columns.items()}
    return BareGreeks(venue, {n: plain(x) for n, x in columns.items()}, reason)


class _Back:
    """One feed on its way back to undiscounted Black-76 numbers."""

    def __init__(
        self, venue: Venue, feed: dict[str, FloatArray], f: FloatArray, t: FloatArray, r: FloatArray, rounded: bool
    ) -> None:
        self.venue, self.feed, self.f, self.t, self.r, self.rounded = venue, feed, f, t, r, rounded
        self._reasons: dict[str, list[tuple[npt.NDArray[np.bool_], str]]] = {}
        self.value = self.plain("price", "value")

    def because(self, name: str, where: Any, why: str) -> None:
        self._reasons.setdefault(name, []).append((np.broadcast_to(where, self.f.shape), why))

    def reason(self, name: str, x: FloatArray) -> Any:
        words = np.full(self.f.shape, "", dtype=object)
        for where, why in reversed(self._reasons.get(name, [])):
            words[where] = why
        words[np.isnan(x) & (words == "")] = "not a number in the feed, forward or years"
        words[~np.isnan(x)] = ""
        return words.astype(str) if words.ndim else str(words[()])

    def plain(self, name: str, ours: str = "") -> FloatArray:
        """A number through its units and factors, to the derivative that its convention names."""
        ours = ours or name
        x = self.feed.get(name)
        if x is None or name not in self.venue.names:
            who = self.venue.name if name not in self.venue.names else "the feed"
            self.because(ours, True, f"{who} reports no {name}")
            return np.full(self.f.shape, np.nan)
        rule = self.venue[name]
        x = x / rule.scale
        if rule.currency == "coin":
            x = x * self.f
        if rule.near_expiry == "days":
            factor = np.minimum(1.0, units.DAYS_PER_YEAR * self.t)
            self.because(ours, factor <= 0, f"{name} is times min(1, days), and no days are left")
            x = np.where(factor > 0, x / np.where(factor > 0, factor, 1.0), np.nan)
        x = UNITS[rule.per][1](x)
        return np.asarray(x * np.exp(self.r * self.t) if rule.discounted else x, dtype=np.float64)

    def delta(self) -> FloatArray:
        x = self.plain("delta")
        if "delta" not in self.feed or self.venue["delta"].convention == "black":
            return x
        self.because("delta", np.isnan(self.value), "a premium-adjusted delta lacks the price, which is not given")
        return x + self.value / self.f

    def gamma(self) -> FloatArray:
        x = self.plain("gamma")
        if "gamma" not in self.feed or self.venue["gamma"].convention == "black":
            return x
        delta_pa = self.plain("delta", "gamma")
        return (x + 2 * delta_pa) / self.f

    def theta(self) -> FloatArray:
        x = self.plain("theta")
        if "theta" not in self.feed:
            return x
        rule = self.venue["theta"]
        if rule.convention == "with_interest":
            return x - np.where(self.r == 0, 0.0, self.r * self.value)
        if not rule.cap:
            return x
        theta, price = self.feed["theta"] / rule.scale, self.feed.get("price", np.full(self.f.shape, np.nan))
        fuzz = 4e-16 * np.abs(self.value)
        if self.rounded:
            fuzz = fuzz + rule.half_unit(theta) + self.venue["price"].half_unit(price) * self.f
        binds = -theta >= self.value - fuzz
        self.because("theta", np.isnan(self.value), "theta may be capped by the price, which is not given")
        self.because("theta", binds, "theta is capped: the feed shows what the option is worth")
        return np.where(binds | np.isnan(self.value), np.nan, x)

    def rho(self) -> FloatArray:
        if "rho" in self.feed and self.venue["rho"].convention == "black":
            return self.plain("rho")
        lacking = "a spot-style rho" if "rho" in self.feed else "there is no rho, and it"
        self.because("rho", np.isnan(self.value), f"{lacking} needs the price to become -T V")
        return -self.t * self.value


def _doubles(x: Any, name: str) -> FloatArray:
    array = np.asarray(x) if isinstance(x, (np.ndarray, float, int)) else numbers(x, name)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name} must be numbers, got {array.dtype}")
    return np.asarray(array, dtype=np.float64)


def found_column(table: Mapping[str, Any], name: str, others: tuple[str, ...]) -> str | None:
    """The first of a feed's names for a column that the table has; the feed's own names come first."""
    return next((n for n in (*others, name) if n in table), None)


def listed(venue: Venue) -> str:
    return ", ".join(f"{r.name} ({' or '.join(r.columns)})" if r.columns else r.name for r in venue.rules)
