"""Smiles from quotes: :func:`fit_svi`, :func:`fit_spline`, :func:`fit_smile` and, over expiries, :func:`fit_ssvi`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ._numeric import Floats, Residuals, by_differences, least_squares
from .smiles import Butterfly, Smile, Spline, Svi, calendar_gap
from .ssvi import Ssvi, SsviConditions

Rows = npt.NDArray[np.bool_]

__all__ = ["SmileFit", "SsviFit", "fit_smile", "fit_spline", "fit_ssvi", "fit_svi"]

#: A quote's half-spread counts as at least this much vol: a spread of nothing is no perfect quote.
_LEAST_HALF_SPREAD = 1e-4
#: What g may not fall below in a fit, so that rounding leaves it positive.
_LEAST_G = 2e-3


@dataclass(frozen=True)
class SmileFit:
    """A fitted smile and how well it fits. Errors are in vol, against the mid of the quotes used."""

    smile: Smile
    model: str  #: "svi" or "spline"
    years: float
    rmse: float
    max_error: float
    inside: float  #: fraction of the quotes used whose bid and ask vol the smile lies between; NaN without both
    mean_half_spread: float  #: NaN without bid and ask
    n_quotes: int  #: used
    dropped: dict[str, int]  #: why others were not: missing, crossed, nonpositive, no_weight
    arbitrage: Butterfly
    note: str = ""  #: why this model

    @property
    def within_spread(self) -> bool:
        """Root mean square error at most the mean half-spread, and nine tenths of the quotes inside theirs."""
        return self.rmse <= self.mean_half_spread and self.inside >= 0.9

    def __repr__(self) -> str:
        dropped = ", ".join(f"{n} {why}" for why, n in self.dropped.items() if n)
        return (
            f"SmileFit({self.model}, years {self.years:.6g}, {self.n_quotes} quotes"
            f"{f' (dropped: {dropped})' if dropped else ''}, rmse {self.rmse:.4f} against a half-spread of "
            f"{self.mean_half_spread:.4f}, worst {self.max_error:.4f}, {self.inside:.0%} inside, {self.arbitrage!r}"
            f"{f'; {self.note}' if self.note else ''})"
        )


@dataclass(frozen=True)
class _Quotes:
    """What can be fitted: k strictly inside the reals, vol and half-spread above 0."""

    k: Floats
    vol: Floats
    half_spread: Floats  #: NaN without bid and ask
    scale: Floats  #: what an error in vol is divided by
    years: float
    dropped: dict[str, int] = field(default_factory=dict)


def _column(x: npt.ArrayLike, name: str, like: Floats | None = None) -> Floats:
    column = np.asarray(x, dtype=np.float64)
    if column.ndim != 1:
        raise ValueError(f"{name} must be one column, got shape {column.shape}")
    if like is not None and column.shape != like.shape:
        raise ValueError(f"{name} has shape {column.shape}, but k has shape {like.shape}")
    return column


def _quotes(
    k: npt.ArrayLike,
    years: float,
    vol: npt.ArrayLike | None,
    bid_vol: npt.ArrayLike | None,
    ask_vol: npt.ArrayLike | None,
    weights: npt.ArrayLike | None,
) -> _Quotes:
    at = _column(k, "k")
    if not (years > 0.0 and math.isfinite(years)):
        raise ValueError(f"years must be above 0 and finite, got {years}")
    if (bid_vol is None) != (ask_vol is None):
        raise ValueError("bid_vol and ask_vol come together, or not at all")
    if vol is None and bid_vol is None:
        raise ValueError("give vol, or bid_vol and ask_vol")
    reasons: dict[str, npt.NDArray[np.bool_]] = {}
    spread = np.full(at.shape, np.nan)
    if bid_vol is not None and ask_vol is not None:
        bid, ask = _column(bid_vol, "bid_vol", at), _column(ask_vol, "ask_vol", at)
        both = np.isfinite(bid) & np.isfinite(ask) & (bid > 0.0) & (ask > 0.0)
        reasons["crossed"] = both & (bid > ask)
        spread = np.where(both, 0.5 * (ask - bid), np.nan)
    mid = _column(vol, "vol", at) if vol is not None else np.where(both, 0.5 * (bid + ask), np.nan)
    reasons["missing"] = ~(np.isfinite(mid) & np.isfinite(at))
    reasons["nonpositive"] = mid <= 0.0
    weight = np.ones(at.shape) if weights is None else _column(weights, "weights", at)
    reasons["no_weight"] = ~(np.isfinite(weight) & (weight > 0.0))
    use = np.ones(at.shape, bool)
    dropped = {}
    for why, rows in reasons.items():
        dropped[why] = int((use & rows).sum())
        use &= ~rows
    half = spread[use]
    usual = float(np.median(half[np.isfinite(half)])) if np.isfinite(half).any() else 0.01
    scale = np.maximum(np.where(np.isnan(half), usual, half), _LEAST_HALF_SPREAD) / np.sqrt(weight[use])
    return _Quotes(at[use], mid[use], half, scale, float(years), dropped)


def _enough(q: _Quotes, least: int, model: str) -> None:
    distinct = len(np.unique(q.k))
    if distinct < least:
        dropped = ", ".join(f"{n} {why}" for why, n in q.dropped.items() if n) or "none"
        raise ValueError(
            f"{model} needs usable quotes at {least} strikes or more, got {distinct} (of {len(q.k)} quotes; "
            f"dropped: {dropped})"
        )


def _report(smile: Smile, model: str, q: _Quotes, note: str = "") -> SmileFit:
    error = smile.vol(q.k, q.years) - q.vol
    known = np.isfinite(q.half_spread)
    within = np.abs(error[known]) <= q.half_spread[known] + 1e-12
    return SmileFit(
        smile=smile,
        model=model,
        years=q.years,
        rmse=float(np.sqrt(np.mean(error**2))),
        max_error=float(np.abs(error).max()),
        inside=float(within.mean()) if known.any() else float("nan"),
        mean_half_spread=float(q.half_spread[known].mean()) if known.any() else float("nan"),
        n_quotes=len(q.k),
        dropped=q.dropped,
        arbitrage=smile.arbitrage(),
        note=note,
    )


# --- SVI ---


#: Where wing slopes end: a little inside Lee's bound.
_STEEPEST = 1.998


def _bounded(x: Floats, low: float, high: float) -> Floats:
    return np.minimum(np.maximum(x, low), high)


def _svi_of(x: Floats) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Wing slopes L, R, least variance, m and sigma from free parameters, so that every trial is a valid slice.

    L = b (1 - rho) and R = b (1 + rho) are 1.998 / (1 + e^-x); least variance and sigma are e^x; m is itself. Then
    b rho = (R - L) / 2, b = (R + L) / 2, b sqrt(1 - rho^2) = sqrt(L R).
    """
    left, right = (_STEEPEST / (1.0 + np.exp(-_bounded(x[..., j], -30.0, 30.0))) for j in (0, 1))
    least, sigma = (np.exp(_bounded(x[..., j], -40.0, 5.0)) for j in (2, 4))
    return left, right, least, x[..., 3], sigma


def _raw(x: Floats) -> Svi:
    left, right, least, m, sigma = (float(p) for p in _svi_of(x))
    b = 0.5 * (left + right)
    return Svi(least - sigma * math.sqrt(left * right), b, 0.5 * (right - left) / b, m, sigma)


def _svi_unconstrained(a: Floats, b: Floats, rho: Floats, m: Floats, sigma: Floats, floor: float) -> Floats:
    left, right = (np.clip(b * (1.0 + sign * rho), 1e-4, 1.98) for sign in (-1.0, 1.0))
    least = np.maximum(a + b * sigma * np.sqrt(1.0 - rho**2), floor)
    return np.stack(
        [np.log(left / (_STEEPEST - left)), np.log(right / (_STEEPEST - right)), np.log(least), m, np.log(sigma)], -1
    )


def _svi_starts(q: _Quotes) -> Floats:
    """Starting points: for each (m, sigma) of a grid the level and wings that fit best, a linear problem.

    De Marco and Martini (2009): with y = (k - m) / sigma total variance is a + d y + c sqrt(y^2 + 1), d = rho b sigma,
    c = b sigma. The best of the flat, the middling and the sharp turns are handed on.
    """
    low, high = q.k.min(), q.k.max()
    width = max(high - low, 1e-3)
    m, sigma = np.meshgrid(np.linspace(low - 0.2 * width, high + 0.2 * width, 15), width * np.geomspace(0.01, 2.0, 12))
    m, sigma = m.ravel(), sigma.ravel()
    target = q.vol**2 * q.years
    weight = 1.0 / (2.0 * q.vol * q.years * q.scale)  # errors in w become errors in vol
    y = (q.k - m[:, None]) / sigma[:, None]
    x = np.stack([np.ones_like(y), y, np.sqrt(y**2 + 1.0)], -1) * weight[:, None]
    normal = np.swapaxes(x, 1, 2) @ x
    normal += 1e-12 * np.trace(normal, axis1=1, axis2=2)[:, None, None] * np.eye(3)
    solved = np.linalg.solve(normal, (np.swapaxes(x, 1, 2) @ (target * weight))[..., None])[..., 0]
    b = np.maximum(solved[:, 2], 1e-6) / sigma
    rho = np.clip(solved[:, 1] / (b * sigma), -0.98, 0.98)
    b = np.minimum(b, 1.9 / (1.0 + np.abs(rho)))
    shape = b[:, None] * sigma[:, None] * (rho[:, None] * y + np.sqrt(y**2 + 1.0))
    squared = weight**2
    a = ((target - shape) * squared).sum(axis=1) / squared.sum()
    a = np.maximum(a, -b * sigma * np.sqrt(1.0 - rho**2))
    error = (((a[:, None] + shape - target) * weight) ** 2).sum(axis=1)
    order = np.argsort(error)
    bands = np.searchsorted(np.quantile(sigma, [1 / 3, 2 / 3]), sigma[order])
    best = [order[np.flatnonzero(bands == band)[0]] for band in range(3) if (bands == band).any()]
    return _svi_unconstrained(a[best], b[best], rho[best], m[best], sigma[best], 1e-3 * float(target.min()))


def _density(k: Floats, w: Floats, slope: Floats, curvature: Floats) -> tuple[Floats, Floats, Floats]:
    """G and its derivatives in w and w'; that in w'' is 1/2."""
    per_w = 1.0 / w
    lean = 1.0 - 0.5 * k * slope * per_w
    quarter = per_w + 0.25
    g = lean * lean - 0.25 * slope * slope * quarter + 0.5 * curvature
    return g, (lean * k * slope + 0.25 * slope * slope) * per_w**2, -lean * k * per_w - 0.5 * slope * quarter


def _svi_residuals(q: _Quotes, grid: Floats, ceiling: Floats | None, penalty: float) -> Residuals:
    """Errors at the quotes, and on the grid what g lacks and what rises above the ceiling, with their derivatives."""
    k, n = np.concatenate([q.k, grid]), len(q.k)
    least_w = 1e-3 * float(q.vol.min()) ** 2 * q.years
    per_level = 1.0 / (float(np.median(q.vol)) ** 2 * q.years)

    def residuals(free: Floats) -> tuple[Floats, Floats]:
        left, right, least, m, sigma = (p[:, None] for p in _svi_of(free))
        x = k - m
        r = np.sqrt(x * x + sigma * sigma)
        lean, b, middle = 0.5 * (right - left), 0.5 * (right + left), np.sqrt(left * right)
        turn = x / r
        w = np.maximum(least + lean * x + b * r - sigma * middle, least_w)
        slope = lean + b * turn
        shape = np.empty((*w.shape, 5))
        shape[..., 0] = left * (1.0 - left / _STEEPEST) * 0.5 * (r - x - sigma * np.sqrt(right / left))
        shape[..., 1] = right * (1.0 - right / _STEEPEST) * 0.5 * (r + x - sigma * np.sqrt(left / right))
        shape[..., 2] = least
        shape[..., 3] = -slope
        shape[..., 4] = sigma * (b * sigma / r - middle)
        vol = np.sqrt(w[:, :n] / q.years)
        error = (vol - q.vol) / q.scale
        jacobian = shape[:, :n] / (2.0 * q.years * q.scale * vol)[..., None]

        sharp = (sigma / r) ** 2
        curvature = b * sharp / r
        g, g_w, g_slope = _density(k[n:], w[:, n:], slope[:, n:], curvature[:, n:])
        short = np.minimum(g - _LEAST_G, 0.0)
        if ceiling is not None:
            over = np.maximum(w[:, n:] - ceiling, 0.0) * per_level
            of_over = np.where((over > 0.0)[..., None], per_level * shape[:, n:], 0.0)
            error = np.concatenate([error, penalty * over], axis=1)
            jacobian = np.concatenate([jacobian, penalty * of_over], axis=1)
        if not short.any() and ceiling is None:
            return error, jacobian
        x, turn, sharp, r, curvature = x[:, n:], turn[:, n:], sharp[:, n:], r[:, n:], curvature[:, n:]
        of_slope, of_curvature = np.zeros((2, *g.shape, 5))
        for j, side, sign in ((0, left, -1.0), (1, right, 1.0)):
            growth = side * (1.0 - side / _STEEPEST)
            of_slope[..., j] = 0.5 * growth * (turn + sign)
            of_curvature[..., j] = 0.5 * growth * sharp / r
        of_slope[..., 3], of_slope[..., 4] = -curvature, -b * turn * sharp
        of_curvature[..., 3], of_curvature[..., 4] = 3.0 * curvature * x / r**2, curvature * (2.0 - 3.0 * sharp)
        of_g = g_w[..., None] * shape[:, n:] + g_slope[..., None] * of_slope + 0.5 * of_curvature
        of_g *= (short < 0.0)[..., None]
        return np.concatenate([error, penalty * short], axis=1), np.concatenate([jacobian, penalty * of_g], axis=1)

    return residuals


#: Where one expiry may not rise above the next, in k; and by how much it stays below in a fit, relative.
_CALENDAR_SPAN = 1.5
_CALENDAR_MARGIN = 1e-3


def _crosses(smile: Smile, later: Smile | None) -> bool:
    return later is not None and calendar_gap(smile, later, (-_CALENDAR_SPAN, _CALENDAR_SPAN))[0] < 0.0


def _fit_svi(q: _Quotes, later: Smile | None = None) -> Svi:
    """Free of butterfly arbitrage; then, only if the best such slice crosses the later one, below that as well."""
    low, high = q.k.min(), q.k.max()
    pad = 0.5 * max(high - low, 0.05)
    grid = np.linspace(low - pad, high + pad, 41)
    start = _svi_starts(q)
    for bound in (None, later):
        if bound is not None:
            grid = np.concatenate([grid, np.linspace(-_CALENDAR_SPAN, _CALENDAR_SPAN, 41)])
        for penalty in (30.0, 300.0, 3000.0):
            ceiling = None if bound is None else (1.0 - _CALENDAR_MARGIN) * bound.total_variance(grid)
            best, _ = least_squares(_svi_residuals(q, grid, ceiling, penalty), start)
            svi, start = _raw(best), best[None, :]
            report = svi.arbitrage()
            if report.ok and not _crosses(svi, bound):
                break
            # Where g is negative between or beyond the points of the grid, put points there.
            grid = np.concatenate([grid, *(np.linspace(a, b, 9) for a, b in report.violations)])
        if not _crosses(svi, later):
            break
    return svi


def fit_svi(
    k: npt.ArrayLike,
    years: float,
    *,
    vol: npt.ArrayLike | None = None,
    bid_vol: npt.ArrayLike | None = None,
    ask_vol: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
) -> SmileFit:
    """Raw SVI through the vols of one expiry, with wings within Lee's bound and g >= 0.

    Least squares of (vol - mid) / half-spread, times ``weights``; starts from a grid (:func:`_svi_starts` in the source),
    then all five parameters together.

    Parameters
    ----------
    k : array_like, shape (n,)
        ln(strike / forward), with the forward of this expiry. At least 5 different ones.
    years : float
        Time to expiry.
    vol : array_like, shape (n,), optional
        What to fit: the mid of bid and ask unless given. With a single price and no spread every quote counts as much.
    bid_vol, ask_vol : array_like, shape (n,), optional
        NaN or 0 where there is no quote. Rows where they are crossed are dropped and counted, and so are rows that miss
        one of them unless ``vol`` is given.
    weights : array_like, shape (n,), optional
        Of the squares; vega, for instance. Rows with a weight that is not above 0 are dropped.

    Returns
    -------
    SmileFit

    Raises
    ------
    ValueError
        If lengths differ, or fewer than 5 strikes are left.
    """
    q = _quotes(k, years, vol, bid_vol, ask_vol, weights)
    _enough(q, 5, "SVI")
    return _report(_fit_svi(q), "svi", q)


# --- spline ---


def _basis(x: Floats, low: float, high: float, pieces: int) -> tuple[Floats, Floats, Floats]:
    """Uniform cubic B-splines and two derivatives at x in [low, high], as matrices on the pieces + 1 free coefficients.

    The outermost two coefficients follow from w'' = 0 at the ends.
    """
    step = (high - low) / pieces
    u = (x - low) / step
    i = np.clip(np.floor(u), 0, pieces - 1).astype(np.intp)
    t = u - i
    s = 1.0 - t
    value = np.stack([s**3, 3 * t**3 - 6 * t**2 + 4, 3 * s**3 - 6 * s**2 + 4, t**3], -1) / 6.0
    slope = np.stack([-(s**2), 3 * t**2 - 4 * t, 4 * s - 3 * s**2, t**2], -1) / (2.0 * step)
    curvature = np.stack([s, 3 * t - 2, 3 * s - 2, t], -1) / step**2
    columns = i[:, None] + np.arange(4)
    natural = _natural(pieces)

    def spread(values: Floats) -> Floats:
        full = np.zeros((len(x), pieces + 3))
        np.put_along_axis(full, columns, values, axis=1)
        return full @ natural

    return spread(value), spread(slope), spread(curvature)


def _natural(pieces: int) -> Floats:
    """From the free coefficients to all: c_0 = 2 c_1 - c_2, and the same at the other end."""
    m = np.zeros((pieces + 3, pieces + 1))
    m[1:-1] = np.eye(pieces + 1)
    m[0, :2] = m[-1, :-3:-1] = 2.0, -1.0
    return m


@dataclass(frozen=True)
class _Program:
    """Errors at the quotes and roughness to make small; conditions to keep above 0, all as functions of coefficients.

    The conditions: g at the points of a grid inside and along the straight wings, total variance, and wings that do not
    fall outwards.
    """

    q: _Quotes
    at_quotes: Floats
    third: Floats
    k: Floats
    w: Floats
    slope: Floats
    curvature: Floats
    ends: Floats
    level: float
    below: Rows  #: points of the grid where a later expiry is a ceiling
    ceiling: Floats  #: its total variance there

    def objective(self, c: Floats, roughness: float) -> tuple[Floats, Floats]:
        """Residuals and their Jacobian. Third differences leave parabolas alone: Eilers and Marx (1996)."""
        vol = np.sqrt(np.maximum(self.at_quotes @ c, 1e-12) / self.q.years)
        smooth = math.sqrt(roughness) / self.level * self.third
        slope = self.at_quotes / (2.0 * self.q.years * self.q.scale * vol)[:, None]
        return np.concatenate([(vol - self.q.vol) / self.q.scale, smooth @ c]), np.concatenate([slope, smooth])

    def conditions(self, c: Floats) -> tuple[Floats, Floats]:
        w, slope, curvature = self.w @ c, self.slope @ c, self.curvature @ c
        g, g_w, g_slope = _density(self.k, np.maximum(w, 1e-3 * self.level), slope, curvature)
        of_g = g_w[:, None] * self.w + g_slope[:, None] * self.slope + 0.5 * self.curvature
        room = (self.ceiling - w[self.below]) / self.level
        h = np.concatenate([g - _LEAST_G, w / self.level - 0.01, self.ends @ c, room])
        return h, np.concatenate([of_g, self.w / self.level, self.ends, -self.w[self.below] / self.level])

    def minimise(self, c: Floats, roughness: float, barrier: float, steps: int) -> Floats:
        """Damped Gauss-Newton steps on r'r - 2 barrier sum log h, from a point where every h is above 0 to another."""
        h, of_h = self.conditions(c)
        r, of_r = self.objective(c, roughness)
        cost, damping = r @ r - 2.0 * barrier * np.log(h).sum(), 1e-3
        for _ in range(steps):
            of_log = of_h / h[:, None]
            normal = of_r.T @ of_r + barrier * of_log.T @ of_log
            gradient = of_r.T @ r - barrier * of_log.sum(axis=0)
            normal.flat[:: len(c) + 1] *= 1.0 + damping
            tried = c - np.linalg.solve(normal, gradient)
            h_tried, of_h_tried = self.conditions(tried)
            if h_tried.min() > 0.0:
                r_tried, of_r_tried = self.objective(tried, roughness)
                cost_tried = r_tried @ r_tried - 2.0 * barrier * np.log(h_tried).sum()
                if cost_tried < cost:
                    gain = cost - cost_tried
                    c, h, of_h, r, of_r, cost = tried, h_tried, of_h_tried, r_tried, of_r_tried, cost_tried
                    damping = max(0.2 * damping, 1e-9)
                    if gain < 1e-3 + 1e-4 * abs(cost):
                        break
                    continue
            damping = max(damping, 1e-3) * 8.0
            if damping > 1e9:
                break
        return c


def _fit_spline(q: _Quotes, pieces: int, wings: str, later: Smile | None = None) -> Spline:
    """The smoothest curve that keeps within the spread, with g >= 0 between and beyond the quotes.

    An interior-point walk: it starts from a nearly constant vol, which has a density, and never leaves the slices that
    have one.
    """
    low, high = float(q.k.min()), float(q.k.max())
    pad = 0.02 * (high - low)
    low, high = low - pad, high + pad
    inside = np.linspace(low, high, 6 * pieces + 1)
    at_grid = _basis(inside, low, high, pieces)
    natural = _natural(pieces)
    level = float(np.median(q.vol)) ** 2 * q.years
    # Beyond the ends w is a line; g there, at distances that grow outwards.
    out = (high - low) * np.geomspace(0.02, 30.0, 12)
    to_span = [max(_CALENDAR_SPAN + low, 0.0), max(_CALENDAR_SPAN - high, 0.0)]
    ends = _basis(np.array([low, high]), low, high, pieces)
    row = np.repeat([0, 1], len(out) + 1)
    distance = np.concatenate([-out, [-to_span[0]], out, [to_span[1]]])
    lines = (ends[0][row] + distance[:, None] * ends[1][row], ends[1][row], np.zeros((len(row), pieces + 1)))
    w, slope, curvature = (np.concatenate(pair) for pair in zip(at_grid, lines, strict=True))
    k = np.concatenate([inside, np.array([low, high])[row] + distance])
    below = (np.abs(k) <= max(_CALENDAR_SPAN + 1e-9, -low, high)) & (later is not None)
    ceiling = np.zeros(0) if later is None else (1.0 - _CALENDAR_MARGIN) * later.total_variance(k[below])
    program = _Program(
        q=q,
        at_quotes=_basis(q.k, low, high, pieces)[0],
        third=np.diff(natural, n=3, axis=0),
        k=k,
        w=w,
        slope=slope,
        curvature=curvature,
        ends=np.array([[-1.0], [1.0]]) * ends[1] * (high - low) / level,
        level=level,
        below=below,
        ceiling=ceiling,
    )
    z = np.linspace(-1.0, 1.0, pieces + 1)
    bend, first = 0.05, level if later is None else min(level, 0.9 * float(ceiling.min()))
    while program.conditions(first * (1.0 + bend * z**2))[0].min() <= 0.0:
        bend *= 0.5
        if bend < 1e-9 and later is not None:
            return _fit_spline(q, pieces, wings)  # the later expiry leaves no room: the surface's report will say so
        if bend < 1e-9:
            raise ArithmeticError(f"no spline with a density to start from at level {level}")  # constant vol has one
    c = first * (1.0 + bend * z**2)
    for barrier in (1.0, 0.1):
        c = program.minimise(c, 100.0, barrier, 12)
    best: tuple[tuple[float, float], Spline] | None = None
    for roughness in 10.0 ** np.arange(2.0, -5.5, -1.0):
        c = program.minimise(c, roughness, 0.01, 15)
        spline = Spline(low, high, natural @ c, wings)
        error = np.abs(spline.vol(q.k, q.years) - q.vol) / q.scale
        sound = Spline(low, high, natural @ c).arbitrage().ok
        rank = float(not sound), float(np.maximum(error - 1.0, 0.0).sum())
        if best is None or rank < best[0]:
            best = rank, spline
        if sound and error.max() <= 0.95:
            break
    assert best is not None
    return best[1]


def fit_spline(
    k: npt.ArrayLike,
    years: float,
    *,
    vol: npt.ArrayLike | None = None,
    bid_vol: npt.ArrayLike | None = None,
    ask_vol: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    pieces: int | None = None,
    wings: str = "linear",
) -> SmileFit:
    """The smoothest spline in total variance that keeps inside the spread without butterfly arbitrage.

    A penalised cubic spline on equal steps: roughness is taken away from a lot to nearly none until every quote lies
    inside its bid and ask, while g(k) is held above 0 between the quotes and along the straight wings.

    Parameters
    ----------
    k, years, vol, bid_vol, ask_vol, weights
        As in :func:`fit_svi`; at least 3 different strikes.
    pieces : int, optional
        Of the spline; twice the number of strikes, within [8, 32], unless given.
    wings : {"linear", "flat"}
        See :class:`Spline`.

    Returns
    -------
    SmileFit

    Raises
    ------
    ValueError
        If lengths differ, or fewer than 3 strikes are left.
    """
    q = _quotes(k, years, vol, bid_vol, ask_vol, weights)
    _enough(q, 3, "a spline")
    n = pieces if pieces is not None else _pieces(q)
    if n < 4:
        raise ValueError(f"pieces must be at least 4, got {n}")
    return _report(_fit_spline(q, n, wings), "spline", q)


def fit_smile(
    k: npt.ArrayLike,
    years: float,
    *,
    vol: npt.ArrayLike | None = None,
    bid_vol: npt.ArrayLike | None = None,
    ask_vol: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    model: str = "auto",
    wings: str = "linear",
    later: Smile | None = None,
) -> SmileFit:
    """A smile for one expiry: SVI where it fits within the spread, else a spline; ``note`` says which and why.

    SVI fits where its root mean square error is at most the mean half-spread, at least nine tenths of the quotes lie
    inside their own, and it has no butterfly arbitrage. Without
    bid and ask there is no spread to judge by: the smile is SVI.

    Parameters
    ----------
    k, years, vol, bid_vol, ask_vol, weights
        As in :func:`fit_svi`.
    model : {"auto", "svi", "spline"}
        "auto" as above; the others as they are.
    wings : {"linear", "flat"}
        Of a spline.
    later : Smile, optional
        The smile of the next expiry: total variance is kept below its own, for abs(k) <= 1.5.

    Returns
    -------
    SmileFit

    Raises
    ------
    ValueError
        If lengths differ, or too few strikes are left: 5 for SVI, 3 for a spline.
    """
    if model not in ("auto", "svi", "spline"):
        raise ValueError(f"model must be 'auto', 'svi' or 'spline', got {model!r}")
    quotes: dict[str, Any] = {"vol": vol, "bid_vol": bid_vol, "ask_vol": ask_vol, "weights": weights}
    q = _quotes(k, years, **quotes)
    if model == "svi":
        _enough(q, 5, "SVI")
        return _report(_fit_svi(q, later), "svi", q)
    if model == "spline":
        _enough(q, 3, "a spline")
        return _report(_fit_spline(q, _pieces(q), wings, later), "spline", q)
    if len(np.unique(q.k)) < 5:
        why = f"SVI has 5 parameters, the quotes {len(np.unique(q.k))} strikes"
    else:
        fit = _report(_fit_svi(q), "svi", q)
        crosses = _crosses(fit.smile, later)
        if crosses and fit.within_spread and fit.arbitrage.ok:
            fit = _report(_fit_svi(q, later), "svi", q)
            crosses = _crosses(fit.smile, later)
        if math.isnan(fit.mean_half_spread) or (fit.within_spread and fit.arbitrage.ok and not crosses):
            return fit
        why = (
            f"SVI has arbitrage: min g {fit.arbitrage.min_g:.3g}"
            if fit.within_spread and not fit.arbitrage.ok
            else "SVI rises above the next expiry"
            if fit.within_spread
            else f"SVI is off by {fit.rmse:.4f} against a half-spread of {fit.mean_half_spread:.4f}, {fit.inside:.0%} inside"
        )
    _enough(q, 3, "a spline")
    return _report(_fit_spline(q, _pieces(q), wings, later), "spline", q, why)


def _pieces(q: _Quotes) -> int:
    """Pieces of a spline: two for each strike, within reason."""
    return min(max(2 * len(np.unique(q.k)), 8), 32)


# --- SSVI ---


@dataclass(frozen=True)
class SsviFit:
    """An SSVI surface fitted to several expiries at once."""

    ssvi: Ssvi
    theta: Floats  #: total variance at the money, per expiry
    years: Floats
    conditions: SsviConditions
    expiries: tuple[SmileFit, ...]  #: the slice of each expiry, as raw SVI, with its errors

    def __repr__(self) -> str:
        worst = max(fit.rmse for fit in self.expiries)
        return f"SsviFit({self.ssvi!r}, {len(self.theta)} expiries, rmse at most {worst:.4f}, {self.conditions!r})"


def by_expiry(
    k: Sequence[npt.ArrayLike], years: npt.ArrayLike, **columns: Sequence[npt.ArrayLike] | None
) -> tuple[Floats, list[dict[str, Any]]]:
    """Years, checked, and the columns of each expiry by name."""
    times = _column(years, "years")
    if len(k) != len(times):
        raise ValueError(f"k has {len(k)} columns, but years has {len(times)}")
    if not (np.diff(times) > 0.0).all():
        i = int(np.flatnonzero(~(np.diff(times) > 0.0))[0]) + 1
        raise ValueError(f"years must rise, but years[{i}] is {times[i]} after {times[i - 1]}")
    for name, given in columns.items():
        if given is not None and len(given) != len(times):
            raise ValueError(f"{name} has {len(given)} columns, but years has {len(times)}")
    rows = range(len(times))
    return times, [{name: None if given is None else given[i] for name, given in columns.items()} for i in rows]


def fit_ssvi(
    k: Sequence[npt.ArrayLike],
    years: npt.ArrayLike,
    *,
    vol: Sequence[npt.ArrayLike] | None = None,
    bid_vol: Sequence[npt.ArrayLike] | None = None,
    ask_vol: Sequence[npt.ArrayLike] | None = None,
    weights: Sequence[npt.ArrayLike] | None = None,
) -> SsviFit:
    """One SSVI surface through all expiries, free of butterfly and calendar arbitrage by construction.

    eta (1 + |rho|) <= 2, gamma in (0, 1/2] and rising theta; least squares in vol over half-spread.

    Parameters
    ----------
    k, vol, bid_vol, ask_vol, weights : sequence of array_like
        One column per expiry, as in :func:`fit_svi`.
    years : array_like, shape (n_expiries,)
        Rising.

    Raises
    ------
    ValueError
        If the numbers of columns differ, years do not rise, or an expiry has no usable quote.
    """
    times, columns = by_expiry(k, years, vol=vol, bid_vol=bid_vol, ask_vol=ask_vol, weights=weights)
    quotes = [_quotes(at, float(t), **row) for at, t, row in zip(k, times, columns, strict=True)]
    for i, q in enumerate(quotes):
        _enough(q, 1, f"expiry {i} of an SSVI surface")
    owner = np.repeat(np.arange(len(times)), [len(q.k) for q in quotes])
    at, mid, scale = (np.concatenate([getattr(q, name) for q in quotes]) for name in ("k", "vol", "scale"))

    def parts(x: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        rho = 0.999 * np.tanh(x[..., 0])
        eta = 2.0 / (1.0 + np.exp(-_bounded(x[..., 1], -30.0, 30.0))) / (1.0 + np.abs(rho))
        gamma = 0.5 / (1.0 + np.exp(-_bounded(x[..., 2], -30.0, 30.0)))
        return eta, gamma, rho, np.cumsum(np.exp(_bounded(x[..., 3:], -40.0, 5.0)), axis=-1)

    def residuals(x: Floats) -> Floats:
        eta, gamma, rho, theta = parts(x)
        t = theta[..., owner]
        eta, gamma, rho = eta[..., None], gamma[..., None], rho[..., None]
        y = eta / (t**gamma * (1.0 + t) ** (1.0 - gamma)) * at
        w = 0.5 * t * (1.0 + rho * y + np.sqrt((y + rho) ** 2 + 1.0 - rho**2))
        return np.asarray((np.sqrt(w / times[owner]) - mid) / scale)

    money = np.array([q.vol[np.argmin(np.abs(q.k))] ** 2 * q.years for q in quotes])
    steps = np.log(np.maximum(np.diff(np.maximum.accumulate(money), prepend=0.0), 1e-3 * money))
    starts = np.array([[rho, eta, g, *steps] for rho in (-0.6, 0.0, 0.6) for eta in (-1.0, 1.0) for g in (0.0, 2.0)])
    best, _ = least_squares(by_differences(residuals), starts, iterations=100)
    eta, gamma, rho, theta = parts(best)
    ssvi = Ssvi(float(eta), float(gamma), float(rho))
    fits = tuple(_report(ssvi.slice(float(t)), "ssvi", q) for t, q in zip(theta, quotes, strict=True))
    return SsviFit(ssvi, theta, times, ssvi.conditions(theta), fits)
