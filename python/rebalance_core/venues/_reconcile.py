"""A feed held against our numbers, line by line."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from rebalance_core import units
from rebalance_core._core import RowStatus
from rebalance_core._tables import FloatArray, Table, as_array, columns_of, html_table, numbers, phis, text_table, texts
from rebalance_core.pricing import Greeks, black76

from ._convert import UNITS, State, applied, found_column, listed, state_of
from ._rules import Rule, Venue, get

__all__ = ["Reconciliation", "reconcile"]

_SECONDS_PER_YEAR = units.DAYS_PER_YEAR * 86_400.0
#: A cause is named if it explains this share of the lines that are off; a clock, if all lines agree to this share too.
_LIKELY, _CLOCK_LIKELY = 0.5, 0.8
#: On this many lines or more a cause need not meet the tolerance: what it leaves of the difference may be a hundredth.
#: On fewer, chance meets one of so many causes easily: only differences of so many tolerances are explained.
_ENOUGH_LINES, _LEFT_OVER, _BEYOND_CHANCE = 3, 0.01, 20.0


# --- our side of each line ---


@dataclass(frozen=True)
class _Case:
    """The inputs of every line, priced when asked. Without strike, vol and phi, ``given`` has our numbers."""

    venue: Venue
    forward: FloatArray
    years: FloatArray
    rate: FloatArray
    mark: FloatArray
    strike: FloatArray | None
    vol: FloatArray | None
    phi: FloatArray | None
    index: FloatArray | None
    own_forward: FloatArray | None  # the feed's, where another was given
    given: State | None
    given_status: npt.NDArray[Any] | None
    slack_seconds: float
    slack_forward: float

    def take(self, rows: Any) -> _Case:
        """The same for some of the lines."""
        some = {f.name: x[rows] for f in dataclasses.fields(self) if isinstance(x := getattr(self, f.name), np.ndarray)}
        if self.given is not None:
            given = {f.name: getattr(self.given, f.name)[rows] for f in dataclasses.fields(self.given)}
            some["given"] = State(**given)
        return dataclasses.replace(self, **some)

    @cached_property
    def _priced(self) -> tuple[State, npt.NDArray[Any]]:
        if self.given is not None and self.given_status is not None:
            return self.given, self.given_status
        assert self.strike is not None  # one or the other is there: see _case
        assert self.vol is not None
        assert self.phi is not None
        g = black76(self.forward, self.strike, self.vol, self.years, self.phi, self.rate)
        return state_of(self.venue, g, self.forward, self.years, self.rate, None), np.asarray(g.status)

    @property
    def status(self) -> npt.NDArray[Any]:
        return self._priced[1]

    def number(self, rule: Rule) -> FloatArray:
        return applied(self.venue, rule, self._priced[0], self.mark)

    @cached_property
    def nearby(self) -> list[tuple[_Case, _Case]]:
        """Up and down by what the feed's rounding and clock leave open, one pair per input."""
        if self.vol is None or self.given is not None:
            return []
        venue, change = self.venue, dataclasses.replace
        pairs = []
        if venue.vol_decimals is not None:
            h = 0.5 * 10.0**-venue.vol_decimals
            pairs.append((change(self, vol=self.vol + h), change(self, vol=np.maximum(self.vol - h, 0.0))))
        h_forward = self.slack_forward * self.forward
        if venue.forward_decimals is not None:
            h_forward = h_forward + 0.5 * 10.0**-venue.forward_decimals
        if np.any(h_forward > 0):
            down = np.maximum(self.forward - h_forward, 0.5 * self.forward)
            pairs.append((change(self, forward=self.forward + h_forward), change(self, forward=down)))
        if self.slack_seconds > 0:
            h = self.slack_seconds / _SECONDS_PER_YEAR
            pairs.append((change(self, years=self.years + h), change(self, years=np.maximum(self.years - h, 0.0))))
        if any(rule.cap for rule in venue.rules):
            h_mark = venue["price"].half_unit(self.mark)
            pairs.append((change(self, mark=self.mark + h_mark), change(self, mark=self.mark - h_mark)))
        return pairs

    def tolerance(self, rule: Rule, theirs: FloatArray) -> FloatArray:
        """Half a unit of the feed's last digit, and what the roundings of its inputs can move our number by."""
        base = self.number(rule)
        allowed = rule.half_unit(theirs) * (1 + 1e-9) + 1e-12 * np.abs(base)
        for up, down in self.nearby:
            away = np.abs(np.stack([up.number(rule), down.number(rule)]) - base)
            allowed = allowed + np.fmax(away[0], away[1])
        return np.asarray(allowed, dtype=np.float64)


# --- known mistakes (section 1.6 of the notes, and their kin) ---


def _swapped(field: str, one: Any, other: Any, names: str = "") -> Callable[[Rule], Rule | None]:
    """The rule with ``other`` in the place of ``one``; nothing for rules that have not ``one``."""

    def change(rule: Rule) -> Rule | None:
        applies = getattr(rule, field) == one and (not names or rule.name in names.split())
        return dataclasses.replace(rule, **{field: other}) if applies else None

    return change


def _per_one(per: str) -> Callable[[Rule], Rule | None]:
    """The rule's number, cap and all, per 1.00 instead of ``per``."""
    factor = float(UNITS[per][1](np.array(1.0)))
    return lambda rule: dataclasses.replace(rule, scale=factor * rule.scale) if rule.per == per else None


def _scaled(factor: float) -> Callable[[Rule], Rule]:
    return lambda rule: dataclasses.replace(rule, scale=factor * rule.scale)


#: What a feed's number may be instead of what the rule says.
_OTHER_RULES: tuple[tuple[str, Callable[[Rule], Rule | None]], ...] = (
    ("the feed is in coin, not in quote currency", _swapped("currency", "quote", "coin")),
    ("the feed is in quote currency, not in coin", _swapped("currency", "coin", "quote")),
    ("the feed is premium-adjusted, not Black's", _swapped("convention", "black", "premium_adjusted", "delta gamma")),
    ("the feed is Black's, not premium-adjusted", _swapped("convention", "premium_adjusted", "black", "delta gamma")),
    ("the feed's rho is Black's -T V, not the spot's", _swapped("convention", "spot", "black", "rho")),
    ("the feed's rho is the spot's, not Black's -T V", _swapped("convention", "black", "spot", "rho")),
    ("the feed is per 1.00 of vol, not per point", _per_one("point")),
    ("the feed is per year, not per day", _per_one("day")),
    ("the feed is per 1.00 of rate, not per 1 %", _per_one("percent")),
    ("the feed is per 1 % of rate, not per 1.00", _swapped("per", "", "percent", "rho")),
    ("the feed is not times min(1, days)", _swapped("near_expiry", "days", "")),
    ("the feed is times min(1, days)", _swapped("near_expiry", "", "days", "gamma theta")),
    ("the feed's theta is not capped by the price", _swapped("cap", True, False)),
    ("the feed's theta is capped by the price", _swapped("cap", False, True, "theta")),
    ("the feed is not discounted", _swapped("discounted", True, False)),
    ("the feed is discounted", _swapped("discounted", False, True)),
    ("the feed has the other sign", _scaled(-1.0)),
    ("the feed is per contract of 0.01 coin", _scaled(0.01)),
    ("the feed is per contract of 0.1 coin", _scaled(0.1)),
)


def _with_vol(factor: float) -> Callable[[_Case], _Case | None]:
    return lambda case: None if case.vol is None else dataclasses.replace(case, vol=factor * case.vol)


def _with_days(count: Callable[[FloatArray], FloatArray]) -> Callable[[_Case], _Case | None]:
    def change(case: _Case) -> _Case:
        return dataclasses.replace(case, years=count(units.DAYS_PER_YEAR * case.years) / units.DAYS_PER_YEAR)

    return change


def _on_index(case: _Case) -> _Case | None:
    return None if case.index is None else dataclasses.replace(case, forward=case.index)


def _on_own_forward(case: _Case) -> _Case | None:
    return None if case.own_forward is None else dataclasses.replace(case, forward=case.own_forward)


def _other_phi(case: _Case) -> _Case | None:
    return None if case.phi is None else dataclasses.replace(case, phi=-case.phi)


#: What the inputs may have been, on either side.
_OTHER_INPUTS: tuple[tuple[str, Callable[[_Case], _Case | None]], ...] = (
    ("vol was given in per cent; a fraction fits", _with_vol(0.01)),
    ("vol was divided by 100 once too often", _with_vol(100.0)),
    ("the feed is priced on its own forward, not on the one given", _on_own_forward),
    ("the feed is priced on the index, not on the forward", _on_index),
    ("calls and puts are swapped", _other_phi),
    ("the feed counts whole days, rounded down", _with_days(np.floor)),
    ("the feed counts whole days, rounded up", _with_days(np.ceil)),
    ("the feed has years of 365.25 days", _with_days(lambda days: days * (365.0 / 365.25))),
)


def _candidates(case: _Case, rule: Rule) -> Iterator[tuple[str, _Case, Rule]]:
    for words, change in _OTHER_RULES:
        if (other := change(rule)) is not None:
            yield words, case, other
    if case.given is None:
        for words, move in _OTHER_INPUTS:
            if (moved := move(case)) is not None:
                yield words, moved, rule


def _cause(case: _Case, rule: Rule, theirs: FloatArray, compared: Any, off: Any) -> str:
    """The known mistake that explains most of the lines that are off, in words."""
    some, number, n = case.take(off), theirs[off], int(np.sum(off))
    gap = np.abs(some.number(rule) - number)
    left_over = _LEFT_OVER * gap if n >= _ENOUGH_LINES else np.zeros(n)
    found = [(int(np.sum(number == 0)), "the feed shows 0")]
    for words, other, other_rule in _candidates(some, rule):
        with np.errstate(all="ignore"):
            allowed = np.fmax(other.tolerance(other_rule, number), left_over)
            fits = np.abs(other.number(other_rule) - number) <= allowed
            if n < _ENOUGH_LINES:
                fits &= gap >= _BEYOND_CHANCE * allowed
        found.append((int(np.sum(fits)), words))
    best, words = max(found, key=lambda x: x[0])
    if best >= _LIKELY * n:
        return f"{words} ({best} of {n})"
    return _clock(case.take(compared), rule, theirs[compared], off[compared]) or "no known mistake fits"


def _clock(case: _Case, rule: Rule, theirs: FloatArray, off: Any) -> str:
    """One shift in time that brings nearly all lines together, and most of those that are off."""
    if case.given is not None or len(theirs) < _ENOUGH_LINES:
        return ""
    second = 1 / _SECONDS_PER_YEAR
    ours = case.number(rule)
    slope = dataclasses.replace(case, years=case.years + second).number(rule) - ours
    with np.errstate(all="ignore"):
        seconds = ((theirs - ours) / slope)[np.abs(slope) > 1e-3 * np.nanmax(np.abs(slope))]
    seconds = seconds[np.isfinite(seconds)]
    if not len(seconds) or abs(shift := float(np.median(seconds))) > 3_600:
        return ""
    moved = dataclasses.replace(case, years=np.maximum(case.years + shift * second, 0.0))
    fits = np.abs(moved.number(rule) - theirs) <= moved.tolerance(rule, theirs)
    if np.mean(fits) < _CLOCK_LIKELY or np.mean(fits[off]) < _LIKELY:
        return ""
    return f"the feed is {abs(shift):.0f} s {'older' if shift > 0 else 'newer'} ({int(np.sum(fits))} of {len(fits)})"


# --- the comparison ---


class Reconciliation(Table):
    """A feed against our numbers: one row per line of the feed and number compared.

    Columns are ``line``, ``instrument`` (if the feed names its lines), ``number``, ``ours``, ``theirs``, ``difference``
    (ours less theirs), ``tolerance``, ``ok`` and ``status``: ``ok``, ``off``, ``no number in the feed``, or the
    :class:`~rebalance_core.RowStatus` of a line that has no value. A line that could not be compared is not ok.

    Attributes
    ----------
    venue : Venue
    summary : Table
        One row per number: how many lines were compared and agree, the median and the largest difference, the line that
        is furthest beyond (or nearest to) its tolerance, by how much it differs and what was allowed there, and the
        likely cause where lines are off.
    """

    def __init__(self, venue: Venue, columns: Mapping[str, Any], summary: Table, lines: int) -> None:
        super().__init__(columns, venue.name)
        self.venue, self.summary, self._lines = venue, summary, lines

    @property
    def all_ok(self) -> bool:
        """Whether every number that could be compared agrees, and there is at least one."""
        status = np.asarray(self["status"])
        return bool(np.any(status == "ok") and not np.any(status == "off"))

    def failures(self) -> Table:
        """The rows that are off, those furthest beyond their tolerance first."""
        rows = np.flatnonzero(np.asarray(self["status"]) == "off")
        with np.errstate(divide="ignore"):
            excess = np.abs(self["difference"][rows]) / self["tolerance"][rows]
        rows = rows[np.argsort(-excess, kind="stable")]
        return Table({name: np.asarray(self[name])[rows] for name in self.columns}, f"{self.venue.name}: off")

    def __repr__(self) -> str:
        status = np.asarray(self["status"])
        ok, compared = int(np.sum(status == "ok")), int(np.sum((status == "ok") | (status == "off")))
        body = text_table(self.summary.columns, [list(row.values()) for row in self.summary])
        left = len(status) - compared
        aside = f"; {left} could not be compared" if left else ""
        return f"{self.venue.name}: {ok} of {compared} numbers agree, on {self._lines} lines{aside}\n{body}"

    def _repr_html_(self) -> str:
        return html_table(self.summary.columns, [list(row.values()) for row in self.summary])


def reconcile(
    venue: str | Venue,
    feed: Any,
    *,
    forward: Any = None,
    strike: Any = None,
    vol: Any = None,
    years: Any = None,
    phi: Any = None,
    index: Any = None,
    rate: Any = 0.0,
    greeks: Greeks | None = None,
    spot: Any = None,
    only: Sequence[str] | None = None,
    columns: Mapping[str, str] | None = None,
    slack_seconds: float = 0.0,
    slack_forward: float = 0.0,
    slack: Mapping[str, float] | None = None,
) -> Reconciliation:
    """A feed's numbers held against ours, line by line.

    Parameters
    ----------
    venue : str or Venue
        Whose feed it is.
    feed : mapping or table
        Columns of one length: a mapping, a pandas or polars frame, or an Arrow table. Columns are found by the venue's
        names for them or ours (see ``venue.table()`` and ``venue.inputs``), or as ``columns`` says.
    forward, strike, vol, years, phi, index : array_like, optional
        Our inputs, for all lines or one per line. Those not given are columns of the feed; vol is then in the venue's
        unit (per cent on Deribit), given here it is a fraction. :func:`years_between` counts time as the venue does.
        ``index`` only serves to recognise a feed that is priced on it.
    rate : array_like
        For venues that discount.
    greeks, spot : optional
        Our Greeks, if they are not to be priced here; strike, vol and phi are not read then. ``spot`` is that of ``bsm``.
    only : sequence of str, optional
        The numbers to compare, all of which must be there. Those the feed has unless given.
    columns : mapping, optional
        Names of the feed's columns by ours: ``{"delta": "Delta", "forward": "fwd"}``.
    slack_seconds, slack_forward : float
        How far apart the clocks of the feed's fields may be, in seconds and as a fraction of the forward. Each is turned
        into a tolerance by moving the input by it.
    slack : mapping, optional
        More tolerance by number, in the feed's unit.

    Returns
    -------
    Reconciliation
        Its ``tolerance`` is half a unit of the feed's last digit, plus what half a unit of the last digit of the feed's
        vol, forward and (where theta is capped by it) price move our number by, plus the slacks. With ``greeks`` given,
        inputs are not moved.

    Raises
    ------
    KeyError
        For a venue or a number that is not known.
    ValueError
        If a needed column is missing, or a column has another length than the first; columns and lengths are named.
    """
    venue = get(venue)
    table, renamed = columns_of(feed), dict(columns or {})
    for name, column in renamed.items():
        if column not in table:
            raise ValueError(f"columns says that {name} is {column!r}, but the feed has: {', '.join(table)}")
    theirs = _their_numbers(venue, table, renamed, only)
    n = len(next(iter(theirs.values())))
    mark = _feed_column(table, renamed, "price", venue["price"].columns)
    inputs = {"forward": forward, "strike": strike, "vol": vol, "phi": phi, "index": index, "years": years}
    case = _case(venue, table, renamed, n, inputs, mark, rate, greeks, spot, (slack_seconds, slack_forward))
    more = dict(slack or {})
    for name in more:
        venue[name]  # a slack for nothing is a slip
    label = found_column(table, "instrument", ("instrument_name", "symbol"))
    parts, summary = [], []
    for name, number in theirs.items():
        rule = venue[name]
        with np.errstate(invalid="ignore"):
            ours = case.number(rule)
            allowed = case.tolerance(rule, number) + more.get(name, 0.0)
            difference = ours - number
            within = np.abs(difference) <= allowed
        compared = np.isfinite(ours) & np.isfinite(number)
        ok, off = compared & within, compared & ~within
        status = np.where(ok, "ok", np.where(off, "off", "no number in the feed")).astype(object)
        unpriced = np.isnan(ours)
        status[unpriced] = [RowStatus(int(s)).name for s in case.status[unpriced]]
        parts.append((number, ours, difference, allowed, ok, status.astype(str)))
        cause = _cause(case, rule, number, compared, off) if off.any() else ""
        summary.append(_summary_row(rule, difference, allowed, compared, ok, cause))
    rows: dict[str, Any] = {"line": np.repeat(np.arange(n), len(theirs))}
    if label is not None:
        rows["instrument"] = np.repeat(np.array(texts(table[label])), len(theirs))
    rows["number"] = np.tile(np.array(list(theirs)), n)
    fields = ("theirs", "ours", "difference", "tolerance", "ok", "status")
    made = {f: np.stack([part[k] for part in parts], axis=1).ravel() for k, f in enumerate(fields)}
    rows |= {"ours": made.pop("ours"), **made}
    heads = list(summary[0])
    return Reconciliation(venue, rows, Table({h: [row[h] for row in summary] for h in heads}, "summary"), n)


def _summary_row(
    rule: Rule, difference: FloatArray, allowed: FloatArray, compared: Any, ok: Any, cause: str
) -> dict[str, Any]:
    row = {"number": rule.name, "unit": rule.unit, "compared": int(np.sum(compared)), "ok": int(np.sum(ok))}
    size = np.abs(difference[compared])
    if not len(size):
        nothing = dict.fromkeys(("median", "largest", "worst_line", "by", "allowed"), np.nan)
        return {**row, **nothing, "worst_line": -1, "cause": "nothing to compare"}
    with np.errstate(divide="ignore", invalid="ignore"):
        excess = np.nan_to_num(size / allowed[compared], nan=0.0)
    k = int(np.argmax(excess))
    line = int(np.flatnonzero(compared)[k])
    worst = {"worst_line": line, "by": float(size[k]), "allowed": float(allowed[line]), "cause": cause}
    return {**row, "median": float(np.median(size)), "largest": float(np.max(size)), **worst}


def _feed_column(table: Mapping[str, Any], renamed: Mapping[str, str], name: str, others: tuple[str, ...]) -> Any:
    found = renamed.get(name) or found_column(table, name, others)
    return None if found is None else table[found]


def _their_numbers(
    venue: Venue, table: Mapping[str, Any], renamed: Mapping[str, str], only: Sequence[str] | None
) -> dict[str, FloatArray]:
    theirs: dict[str, FloatArray] = {}
    rules = venue.rules if only is None else [venue[name] for name in only]
    for rule in rules:
        if (column := _feed_column(table, renamed, rule.name, rule.columns)) is not None:
            theirs[rule.name] = np.atleast_1d(numbers(column, rule.name))
        elif only is not None:
            tried = " or ".join((*rule.columns, rule.name))
            raise ValueError(f"the feed has no column {tried} for {rule.name}; it has: {', '.join(table)}")
    if not theirs:
        raise ValueError(f"the feed has no number of {venue.name}: {listed(venue)}; it has: {', '.join(table)}")
    (first, column), *rest = theirs.items()
    for name, other in rest:
        if other.shape != column.shape:
            raise ValueError(f"{name} has {other.size} rows, but {first} has {column.size}")
    return theirs


def _case(
    venue: Venue,
    table: Mapping[str, Any],
    renamed: Mapping[str, str],
    n: int,
    inputs: dict[str, Any],
    mark: Any,
    rate: Any,
    greeks: Greeks | None,
    spot: Any,
    slacks: tuple[float, float],
) -> _Case:
    names = dict(venue.inputs)
    needed = ("forward", "years") if greeks is not None else ("forward", "strike", "vol", "years", "phi")
    got: dict[str, FloatArray | None] = {}
    for name, x in inputs.items():
        if greeks is not None and name in ("strike", "vol", "phi"):
            got[name] = None
            continue
        others = names.get(name, ())
        column = x if x is not None else _feed_column(table, renamed, name, others)
        if column is None:
            if name in needed:
                tried = " or ".join((*others, name))
                raise ValueError(f"{name} is not given, and the feed has no column {tried}; it has: {', '.join(table)}")
            got[name] = None
            continue
        made = _column(column, name, n)
        from_feed = x is None
        got[name] = (
            units.vol_from_percent(made) if name == "vol" and from_feed and venue.vol_unit == "percent" else made
        )
    own = None
    if inputs["forward"] is not None:
        own = _feed_column(table, renamed, "forward", names.get("forward", ()))
    own_forward = None if own is None else _column(own, "forward", n)
    r = _column(rate, "rate", n)
    forward, years = got["forward"], got["years"]
    assert forward is not None
    assert years is not None
    given, status = None, None
    if greeks is not None:
        if greeks.shape not in ((n,), ()):
            raise ValueError(f"greeks has shape {greeks.shape}, but the feed has {n} rows")
        given = state_of(venue, greeks, forward, years, r, spot)
        status = np.broadcast_to(np.asarray(greeks.status), (n,))
    return _Case(
        venue=venue,
        forward=forward,
        years=years,
        rate=r,
        mark=np.full(n, np.nan) if mark is None else _column(mark, "price", n),
        strike=got["strike"],
        vol=got["vol"],
        phi=got["phi"],
        index=got["index"],
        own_forward=own_forward,
        given=given,
        given_status=status,
        slack_seconds=slacks[0],
        slack_forward=slacks[1],
    )


def _column(x: Any, name: str, n: int) -> FloatArray:
    """An input as ``n`` doubles: a number for all lines, or one per line."""
    if isinstance(x, str) or (name == "phi" and as_array(x).dtype.kind in "OUS"):
        try:
            made = phis([x] if isinstance(x, str) else x)
        except ValueError:
            raise ValueError(f"{name} must be +1 or 'C' for calls, -1 or 'P' for puts, got {x!r}") from None
    else:
        made = np.atleast_1d(numbers(x, name))
    if made.shape not in ((n,), (1,)):
        raise ValueError(f"{name} has shape {made.shape}, but the feed has {n} rows")
    return np.array(np.broadcast_to(made, (n,)))
