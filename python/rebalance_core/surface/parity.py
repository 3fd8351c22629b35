"""The forward and the discount factor that calls and puts of one expiry agree on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ._numeric import Floats

Rows = npt.NDArray[np.bool_]

__all__ = ["ParityForward", "parity_forward"]


@dataclass(frozen=True)
class ParityForward:
    """Forward and discount factor of one expiry, and how far to trust them. NaN where ``status`` is not "ok"."""

    forward: float  #: quote currency
    discount: float
    forward_error: float  #: standard error; NaN with too few rows to tell
    discount_error: float  #: 0 where the discount was given
    residual: float  #: root mean square of c - p against the fit, in the unit of the premiums
    inside: float  #: fraction of the usable rows whose bid-ask interval of c - p holds the fit
    bid_forward: float  #: the best that could be sold synthetically at this discount, over the rows used
    ask_forward: float  #: and bought: a bid above the ask is an executable arbitrage, or a bad quote
    rows_used: int
    rows_outlying: int  #: usable, but far from what the others agree on
    dropped: dict[str, int]  #: why others were not usable: missing, crossed
    status: str  #: "ok", "no_rows", "one_strike" (a discount cannot be told from one) or "no_solution"

    def __repr__(self) -> str:
        dropped = ", ".join(f"{n} {why}" for why, n in self.dropped.items() if n)
        return (
            f"ParityForward({self.status}: forward {self.forward:.8g} +- {self.forward_error:.2g}, discount "
            f"{self.discount:.8g} +- {self.discount_error:.2g}, {self.rows_used} rows, {self.rows_outlying} outlying"
            f"{f', dropped: {dropped}' if dropped else ''}, {self.inside:.0%} within bid-ask)"
        )


def parity_forward(
    strike: npt.ArrayLike,
    call_bid: npt.ArrayLike,
    call_ask: npt.ArrayLike,
    put_bid: npt.ArrayLike,
    put_ask: npt.ArrayLike,
    *,
    settlement: str = "linear",
    discount: float | None = None,
) -> ParityForward:
    """Forward and discount factor of one expiry from put-call parity over its strikes.

    linear   c - p = D (F - K)          premiums in quote currency
    coin     c - p = D (1 - K / F)      premiums in coin

    Both are straight lines in the strike. Each row says that c - p lies within [call bid - put ask, call ask - put bid]:
    rows count by how narrow that is. The line starts from the weighted median of the slopes between rows, which bad
    quotes do not move until they are more than a quarter; rows that neither lie within their interval nor near the others
    are left out, and what remains is fitted by weighted least squares.

    Parameters
    ----------
    strike : array_like, shape (n,)
        Quote currency, above 0.
    call_bid, call_ask, put_bid, put_ask : array_like, shape (n,)
        Premiums. NaN or a price at or below 0 means no quote; the row is dropped and counted, and so are rows whose call
        or put is crossed.
    settlement : {"linear", "coin"}
        What the premiums are paid in.
    discount : float, optional
        Known discount factor, above 0; 1 is right for coin-settled chains. Estimated unless given.

    Returns
    -------
    ParityForward

    Raises
    ------
    ValueError
        If lengths differ, a strike is not above 0, or an option is unknown.
    """
    if settlement not in ("linear", "coin"):
        raise ValueError(f"settlement must be 'linear' or 'coin', got {settlement!r}")
    if discount is not None and not (discount > 0.0 and math.isfinite(discount)):
        raise ValueError(f"discount must be above 0 and finite, got {discount}")
    k = np.asarray(strike, dtype=np.float64)
    if k.ndim != 1:
        raise ValueError(f"strike must be one column, got shape {k.shape}")
    names = ("call_bid", "call_ask", "put_bid", "put_ask")
    quotes = [np.asarray(x, dtype=np.float64) for x in (call_bid, call_ask, put_bid, put_ask)]
    for name, column in zip(names, quotes, strict=True):
        if column.shape != k.shape:
            raise ValueError(f"{name} has shape {column.shape}, but strike has shape {k.shape}")
    bad = np.flatnonzero(~(k > 0.0) | ~np.isfinite(k))
    if len(bad):
        raise ValueError(f"strike[{bad[0]}] must be above 0 and finite, got {k[bad[0]]}")

    there = np.all([np.isfinite(x) & (x > 0.0) for x in quotes], axis=0)
    cb, ca, pb, pa = quotes
    crossed = there & ((cb > ca) | (pb > pa))
    use = there & ~crossed
    dropped = {"missing": int((~there).sum()), "crossed": int(crossed.sum())}
    k, cb, ca, pb, pa = (x[use] for x in (k, cb, ca, pb, pa))
    low, high = cb - pa, ca - pb
    if len(k) == 0:
        return _nothing("no_rows", dropped)
    if discount is None and len(np.unique(k)) < 2:
        return _nothing("one_strike", dropped, len(k))

    # y = alpha + beta x in strikes of size one.
    unit = float(np.median(k))
    x, y = k / unit, 0.5 * (low + high)
    half = 0.5 * (high - low)
    half = np.maximum(half, 1e-3 * np.median(half) + 1e-12 * np.abs(y).max() + 1e-300)
    line = _Line(x, y, half, settlement, unit, discount)
    alpha, beta = line.robust()
    near = _near(y - alpha - beta * x, half)
    if len(np.unique(x[near])) < (2 if discount is None else 1):
        near = np.ones(len(x), dtype=bool)
    for _ in range(20):
        alpha, beta = line.least_squares(near)
        now = _near(y - alpha - beta * x, half)
        if (now == near).all() or len(np.unique(x[now])) < (2 if discount is None else 1):
            break
        near = now
    forward, factor = line.meaning(alpha, beta)
    if not (forward > 0.0 and factor > 0.0 and math.isfinite(forward) and math.isfinite(factor)):
        return _nothing("no_solution", dropped, len(k))
    error = y - alpha - beta * x
    rounding = 1e-12 * np.maximum(ca, pa)
    within = (y - error >= low - rounding) & (y - error <= high + rounding)
    bids, asks = line.alone(low, factor)[near], line.alone(high, factor)[near]
    forward_error, discount_error = line.standard_errors(near, alpha, beta)
    return ParityForward(
        forward=forward,
        discount=factor,
        forward_error=forward_error,
        discount_error=discount_error,
        residual=float(np.sqrt(np.mean(error[near] ** 2))),
        inside=float(within.mean()),
        bid_forward=float(np.max(bids)),
        ask_forward=float(np.min(asks)),
        rows_used=int(near.sum()),
        rows_outlying=int((~near).sum()),
        dropped=dropped,
        status="ok",
    )


def _nothing(status: str, dropped: dict[str, int], rows: int = 0) -> ParityForward:
    nan = math.nan
    return ParityForward(nan, nan, nan, nan, nan, nan, nan, nan, 0, rows, dropped, status)


def _near(error: Floats, half: Floats) -> Rows:
    """Rows whose interval holds the line, or that miss it by no more than usual, in half-widths and in price."""
    miss = np.abs(error) / half
    usual = 1.4826 * float(np.median(miss))
    return np.asarray((miss <= np.maximum(1.0, 3.5 * usual)) & (np.abs(error) <= 5.0 * np.median(half)))


@dataclass(frozen=True)
class _Line:
    """c - p = alpha + beta x, x = strike / unit, and what alpha and beta mean."""

    x: Floats
    y: Floats
    half: Floats
    settlement: str
    unit: float
    discount: float | None

    def robust(self) -> tuple[float, float]:
        """Weighted medians: of the slopes of pairs of rows (Theil 1950, Sen 1968), then of what is left."""
        weight = 1.0 / self.half
        if self.discount is None:
            i, j = np.triu_indices(len(self.x), 1)
            apart = self.x[i] != self.x[j]
            i, j = i[apart], j[apart]
            slopes = (self.y[j] - self.y[i]) / (self.x[j] - self.x[i])
            beta = _weighted_median(slopes, np.abs(self.x[j] - self.x[i]) / (self.half[i] + self.half[j]))
            return _weighted_median(self.y - beta * self.x, weight), beta
        if self.settlement == "linear":
            beta = -self.discount * self.unit
            return _weighted_median(self.y - beta * self.x, weight), beta
        return self.discount, _weighted_median((self.y - self.discount) / self.x, weight * self.x)

    def least_squares(self, rows: Rows) -> tuple[float, float]:
        """Weighted by 1 / half-width squared; with a discount given one of the two numbers is."""
        x, y, w = self.x[rows], self.y[rows], self.half[rows] ** -2.0
        if self.discount is None:
            centre, level = float(w @ x / w.sum()), float(w @ y / w.sum())
            beta = float((w * (x - centre)) @ y / ((w * (x - centre)) @ (x - centre)))
            return level - beta * centre, beta
        if self.settlement == "linear":
            beta = -self.discount * self.unit
            return float(w @ (y - beta * x) / w.sum()), beta
        return self.discount, float((w * x) @ (y - self.discount) / ((w * x) @ x))

    def meaning(self, alpha: float, beta: float) -> tuple[float, float]:
        """Forward, where the line crosses 0, and discount factor."""
        if beta == 0.0:
            return math.nan, math.nan
        return -alpha * self.unit / beta, -beta / self.unit if self.settlement == "linear" else alpha

    def alone(self, y: Floats, discount: float) -> Floats:
        """The forward that each row alone implies at this discount."""
        if self.settlement == "linear":
            return y / discount + self.unit * self.x
        with np.errstate(divide="ignore"):
            return np.where(y < discount, self.unit * self.x / (1.0 - y / discount), np.inf)

    def standard_errors(self, rows: Rows, alpha: float, beta: float) -> tuple[float, float]:
        """Of forward and discount, from the scatter about the line; NaN where no row is left over to tell."""
        x, w = self.x[rows], self.half[rows] ** -2.0
        columns = np.column_stack([np.ones_like(x), x])
        free = [0, 1] if self.discount is None else [0] if self.settlement == "linear" else [1]
        left_over = len(x) - len(free)
        if left_over < 1:
            return math.nan, 0.0 if self.discount is not None else math.nan
        error = self.y[rows] - alpha - beta * x
        design = columns[:, free]
        covariance = np.zeros((2, 2))
        covariance[np.ix_(free, free)] = float(w @ error**2) / left_over * np.linalg.inv((design.T * w) @ design)
        of_forward = np.array([-self.unit / beta, alpha * self.unit / beta**2])
        of_discount = np.array([0.0, -1.0 / self.unit] if self.settlement == "linear" else [1.0, 0.0])
        return tuple(math.sqrt(max(float(g @ covariance @ g), 0.0)) for g in (of_forward, of_discount))  # type: ignore[return-value]


def _weighted_median(x: Floats, weight: Floats) -> float:
    order = np.argsort(x)
    cumulative = np.cumsum(weight[order])
    return float(x[order][np.searchsorted(cumulative, 0.5 * cumulative[-1])])
