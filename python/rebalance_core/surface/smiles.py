"""Smiles of one expiry: :class:`Svi`, :class:`Spline`, and what no-arbitrage says of them.

Everything is a function of k = ln(strike / forward), with the forward of that expiry, and of total variance
w = vol^2 years.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from ._numeric import Floats, below_zero, least

__all__ = ["Butterfly", "JumpWings", "Smile", "Spline", "Svi", "calendar_gap"]

#: g may be this much below 0 by rounding.
_ROUNDING = 1e-10


@dataclass(frozen=True)
class Butterfly:
    """Whether a slice has a density: the butterfly condition, Lee's bound on the wings, the sign of the variance.

    g(k) = (1 - k w' / (2 w))^2 - w'^2 / 4 (1 / w + 1 / 4) + w'' / 2 is the density up to a positive factor.
    """

    min_g: float  #: over the whole line
    at: float  #: the k where g is least
    violations: tuple[tuple[float, float], ...]  #: intervals of k where g < 0
    left_slope: float  #: dw/dk far to the left: at least -2
    right_slope: float  #: dw/dk far to the right: at most 2
    min_total_variance: float
    kinks: tuple[float, ...] = ()  #: where the slope drops from one side to the other, a negative point mass

    @property
    def ok(self) -> bool:
        """No arbitrage on this slice."""
        return (
            self.min_g >= -_ROUNDING
            and self.left_slope >= -2.0
            and self.right_slope <= 2.0
            and self.min_total_variance >= 0.0
            and not self.kinks
        )

    def __repr__(self) -> str:
        words = [f"min g {self.min_g:.6g} at k {self.at:.4g}"]
        words += [f"g < 0 on [{low:.4g}, {high:.4g}]" for low, high in self.violations]
        words += [f"slope drops at k {k:.4g}" for k in self.kinks]
        words.append(f"wings {self.left_slope:.4g}, {self.right_slope:.4g}")
        if self.min_total_variance < 0.0:
            words.append(f"total variance down to {self.min_total_variance:.4g}")
        return f"Butterfly({'ok' if self.ok else 'ARBITRAGE'}: {', '.join(words)})"


class Smile:
    """What every smile offers; :class:`Svi` and :class:`Spline` say how."""

    def derivatives(self, k: npt.ArrayLike) -> tuple[Floats, Floats, Floats]:
        """Total variance and its first two derivatives in k, each of the shape of ``k``."""
        raise NotImplementedError

    @property
    def left_slope(self) -> float:
        """dw/dk far to the left."""
        raise NotImplementedError

    @property
    def right_slope(self) -> float:
        """dw/dk far to the right."""
        raise NotImplementedError

    @property
    def min_total_variance(self) -> float:
        """The least total variance on the whole line."""
        raise NotImplementedError

    def _parameters(self) -> tuple[Any, ...]:
        """As the compiled surface takes them."""
        raise NotImplementedError

    def _grid(self) -> Floats:
        """Points close enough together that no dip of g falls between them."""
        raise NotImplementedError

    def _kinks(self) -> tuple[float, ...]:
        return ()

    def total_variance(self, k: npt.ArrayLike) -> Floats:
        """vol^2 years at log-moneyness k."""
        return self.derivatives(k)[0]

    def vol(self, k: npt.ArrayLike, years: float) -> Floats:
        """Volatility at log-moneyness k, per square root of a year."""
        return np.sqrt(self.total_variance(k) / years)

    def butterfly(self, k: npt.ArrayLike) -> Floats:
        """g(k): negative where the smile implies a negative density. Gatheral and Jacquier (2014), section 2."""
        w, slope, curvature = self.derivatives(k)
        lean = 1.0 - np.asarray(k, dtype=np.float64) * slope / (2.0 * w)
        return np.asarray(lean**2 - 0.25 * slope**2 * (1.0 / w + 0.25) + 0.5 * curvature)

    def arbitrage(self) -> Butterfly:
        """The butterfly condition over the whole line: a grid that follows the smile, every dip and crossing refined."""
        grid = self._grid()
        at, min_g = least(self.butterfly, grid)
        return Butterfly(
            min_g=min_g,
            at=at,
            violations=tuple(below_zero(self.butterfly, grid)) if min_g < 0.0 else (),
            left_slope=self.left_slope,
            right_slope=self.right_slope,
            min_total_variance=self.min_total_variance,
            kinks=self._kinks(),
        )


@dataclass(frozen=True)
class JumpWings:
    """SVI in numbers that a trader reads off a smile; all per year or per square root of a year."""

    v: float  #: variance at the money
    psi: float  #: slope of vol sqrt(years) in k, at the money
    p: float  #: steepness of the left wing
    c: float  #: steepness of the right wing
    vmin: float  #: least variance
    years: float

    def repaired(self) -> JumpWings:
        """The same v, psi and p with c and vmin such that the slice has no butterfly arbitrage.

        c = p + 2 psi and vmin = 4 v p c / (p + c)^2: the SSVI slice of that level, skew and left wing. Gatheral and
        Jacquier (2014), section 5.1. Where it is far from quotes, choose c and vmin between here and there.
        """
        c = self.p + 2.0 * self.psi
        if not c > 0.0:
            raise ValueError(f"p + 2 psi must be above 0 for a repair, got p {self.p} and psi {self.psi}")
        return JumpWings(self.v, self.psi, self.p, c, 4.0 * self.v * self.p * c / (self.p + c) ** 2, self.years)


@dataclass(frozen=True)
class Svi(Smile):
    """Raw SVI: w(k) = a + b (rho (k - m) + sqrt((k - m)^2 + sigma^2)).

    The wings are straight in total variance, with slopes b (rho - 1) and b (rho + 1).

    Parameters
    ----------
    a : float
        Level; a + b sigma sqrt(1 - rho^2), the least total variance, is at least 0.
    b : float
        Steepness of both wings, at least 0.
    rho : float
        Which way the smile leans, within (-1, 1).
    m : float
        Where it turns, in k.
    sigma : float
        How gently, above 0.

    Raises
    ------
    ValueError
        If a parameter is out of range; it is named with its value.
    """

    a: float
    b: float
    rho: float
    m: float
    sigma: float

    def __post_init__(self) -> None:
        for name in ("a", "b", "rho", "m", "sigma"):
            value = float(getattr(self, name))
            object.__setattr__(self, name, value)
            if not math.isfinite(value):
                raise ValueError(f"{name} must be finite, got {value}")
        if self.b < 0.0:
            raise ValueError(f"b must be at least 0, got {self.b}")
        if abs(self.rho) >= 1.0:
            raise ValueError(f"rho must be within (-1, 1), got {self.rho}")
        if self.sigma <= 0.0:
            raise ValueError(f"sigma must be above 0, got {self.sigma}")
        if self.min_total_variance < -1e-14 * max(abs(self.a), 1e-300):
            raise ValueError(
                f"a + b sigma sqrt(1 - rho^2), the least total variance, must be at least 0, got "
                f"{self.min_total_variance} from a {self.a}"
            )

    def derivatives(self, k: npt.ArrayLike) -> tuple[Floats, Floats, Floats]:
        """Total variance, b (rho + (k - m) / R) and b sigma^2 / R^3 with R = sqrt((k - m)^2 + sigma^2)."""
        x = np.asarray(k, dtype=np.float64) - self.m
        r = np.hypot(x, self.sigma)
        w = self.a + self.b * (self.rho * x + r)
        return w, self.b * (self.rho + x / r), self.b * (self.sigma / r) ** 2 / r

    @property
    def left_slope(self) -> float:
        return self.b * (self.rho - 1.0)

    @property
    def right_slope(self) -> float:
        return self.b * (self.rho + 1.0)

    @property
    def min_total_variance(self) -> float:
        return self.a + self.b * self.sigma * math.sqrt(1.0 - self.rho**2)

    def _parameters(self) -> tuple[Any, ...]:
        return (self.a, self.b, self.rho, self.m, self.sigma)

    def _grid(self) -> Floats:
        # Dense about the turn at every scale of sigma, and about the money; far out g tends to (4 - slope^2) / 16.
        far = math.asinh(1e4 / self.sigma)
        turn = self.m + self.sigma * np.sinh(np.linspace(-far, far, 801))
        return np.unique(np.concatenate([turn, np.linspace(-2.0, 2.0, 801)]))

    def to_jump_wings(self, years: float) -> JumpWings:
        """The same slice as :class:`JumpWings`. Gatheral and Jacquier (2014), section 3.3."""
        _check_years(years)
        r = math.hypot(self.m, self.sigma)
        w0 = self.a + self.b * (r - self.rho * self.m)
        root = math.sqrt(w0)
        return JumpWings(
            v=w0 / years,
            psi=0.5 * self.b / root * (self.rho - self.m / r),
            p=self.b * (1.0 - self.rho) / root,
            c=self.b * (1.0 + self.rho) / root,
            vmin=self.min_total_variance / years,
            years=years,
        )

    @classmethod
    def from_jump_wings(cls, wings: JumpWings) -> Svi:
        """Raw parameters of jump-wings.

        Raises
        ------
        ValueError
            If no slice has these numbers: v, p + c or vmin not positive enough, or a skew too steep for the wings.
        """
        years = wings.years
        _check_years(years)
        w0 = wings.v * years
        if not (w0 > 0.0 and wings.p >= 0.0 and wings.c >= 0.0 and wings.p + wings.c > 0.0):
            raise ValueError(
                f"v and p + c must be above 0, p and c at least 0, got v {wings.v}, p {wings.p}, c {wings.c}"
            )
        if not 0.0 <= wings.vmin <= wings.v:
            raise ValueError(f"vmin must be within [0, v], got vmin {wings.vmin} and v {wings.v}")
        root = math.sqrt(w0)
        b = 0.5 * root * (wings.c + wings.p)
        rho = 1.0 - wings.p * root / b
        beta = rho - 2.0 * wings.psi * root / b  # m / R at k = 0
        if not abs(beta) < 1.0:
            raise ValueError(
                f"psi {wings.psi} is too steep for wings p {wings.p} and c {wings.c}: it must lie within "
                f"(-p / 2, c / 2)"
            )
        upright = math.sqrt(1.0 - rho**2)
        rise = (wings.v - wings.vmin) * years
        if abs(beta) < 1e-9:  # turns at the money: m = 0, and the depth of the bowl gives sigma
            if not rise > 0.0 or not 1.0 - upright > 0.0:
                raise ValueError(f"v {wings.v} and vmin {wings.vmin} with a turn at the money leave sigma open")
            m, sigma = 0.0, rise / (b * (1.0 - upright))
        else:
            alpha = math.copysign(math.sqrt(1.0 / beta**2 - 1.0), beta)
            m = rise / (b * (-rho + math.copysign(math.sqrt(1.0 + alpha**2), alpha) - alpha * upright))
            sigma = alpha * m
        return cls(wings.vmin * years - b * sigma * upright, b, rho, m, sigma)

    def __repr__(self) -> str:
        return f"Svi(a={self.a:.8g}, b={self.b:.8g}, rho={self.rho:.8g}, m={self.m:.8g}, sigma={self.sigma:.8g})"


def _check_years(years: float) -> None:
    if not (years > 0.0 and math.isfinite(years)):
        raise ValueError(f"years must be above 0 and finite, got {years}")


@dataclass(frozen=True)
class Spline(Smile):
    """A smooth curve of total variance in k: a cubic spline on equal steps, natural at its ends, straight beyond.

    Parameters
    ----------
    low, high : float
        The ends, in k.
    coefficients : array, shape (n + 3,)
        Of the uniform cubic B-splines over n pieces.
    wings : {"linear", "flat"}
        Beyond the ends: total variance goes on with the slope that it has there, held within Lee's [-2, 2]; or it stays,
        as venues show it beyond the last strike quoted. The second has a kink, which the arbitrage report names.

    Raises
    ------
    ValueError
        If the ends are not in order or a coefficient is not finite.
    """

    low: float
    high: float
    coefficients: Floats = field(repr=False)
    wings: str = "linear"

    def __post_init__(self) -> None:
        c = np.array(self.coefficients, dtype=np.float64)
        c.flags.writeable = False
        object.__setattr__(self, "coefficients", c)
        if not self.low < self.high:
            raise ValueError(f"low must be below high, got low {self.low} and high {self.high}")
        if c.ndim != 1 or len(c) < 4:
            raise ValueError(f"coefficients must be one column of at least 4, got shape {c.shape}")
        if not np.isfinite(c).all():
            raise ValueError(f"coefficients must be finite, got {c[~np.isfinite(c)][0]}")
        if self.wings not in ("linear", "flat"):
            raise ValueError(f"wings must be 'linear' or 'flat', got {self.wings!r}")

    @property
    def _step(self) -> float:
        return (self.high - self.low) / (len(self.coefficients) - 3)

    @cached_property
    def _pieces(self) -> Floats:
        """Coefficients of t, t^2, t^3 within each piece, shape (n, 4)."""
        c = self.coefficients
        c0, c1, c2, c3 = c[:-3], c[1:-2], c[2:-1], c[3:]
        return np.column_stack(
            [(c0 + 4.0 * c1 + c2) / 6.0, (c2 - c0) / 2.0, (c0 - 2.0 * c1 + c2) / 2.0, (c3 - c0 + 3.0 * (c1 - c2)) / 6.0]
        )

    def _inside(self, k: Floats) -> tuple[Floats, Floats, Floats]:
        pieces, step = self._pieces, self._step
        u = (k - self.low) / step
        i = np.clip(np.floor(u), 0, len(pieces) - 1).astype(np.intp)
        t = u - i
        c0, c1, c2, c3 = (pieces[i, j] for j in range(4))
        return (
            c0 + t * (c1 + t * (c2 + t * c3)),
            (c1 + t * (2.0 * c2 + 3.0 * t * c3)) / step,
            (2.0 * c2 + 6.0 * t * c3) / step**2,
        )

    def derivatives(self, k: npt.ArrayLike) -> tuple[Floats, Floats, Floats]:
        at = np.asarray(k, dtype=np.float64)
        inside = np.clip(at, self.low, self.high)
        w, slope, curvature = self._inside(inside)
        outside = at != inside
        line = np.where(at < self.low, self.left_slope, np.where(at > self.high, self.right_slope, slope))
        return w + line * (at - inside), line, np.where(outside, 0.0, curvature)

    @cached_property
    def _end_slopes(self) -> tuple[float, float]:
        left, right = self._inside(np.array([self.low, self.high]))[1]
        return float(left), float(right)

    @cached_property
    def left_slope(self) -> float:
        return 0.0 if self.wings == "flat" else min(max(self._end_slopes[0], -2.0), 0.0)

    @cached_property
    def right_slope(self) -> float:
        return 0.0 if self.wings == "flat" else max(min(self._end_slopes[1], 2.0), 0.0)

    @property
    def min_total_variance(self) -> float:
        return least(self.total_variance, self._grid())[1]

    def _parameters(self) -> tuple[Any, ...]:
        return (float(self.low), float(self.high), self._pieces.ravel(), self.left_slope, self.right_slope)

    def _grid(self) -> Floats:
        pieces = len(self.coefficients) - 3
        inside = np.linspace(self.low, self.high, 16 * pieces + 1)
        # Beyond, w is a line: g is smooth on the scale of w / slope, which grows outwards. From the end itself the
        # second derivative belongs to the line, hence the nearest doubles beyond it.
        out = np.geomspace(1e-6, 1e4, 160)
        beyond = [self.low - out, self.high + out, np.nextafter([self.low, self.high], [-np.inf, np.inf])]
        return np.unique(np.concatenate([inside, *beyond]))

    def _kinks(self) -> tuple[float, ...]:
        """Ends where the slope drops: a payoff worth less than nothing."""
        tolerance = 1e-9
        left = self._end_slopes[0] < self.left_slope - tolerance
        right = self.right_slope < self._end_slopes[1] - tolerance
        return (self.low,) * left + (self.high,) * right


def calendar_gap(near: Smile, far: Smile, span: tuple[float, float] = (-1.5, 1.5)) -> tuple[float, float]:
    """The least of w_far - w_near within ``span``, and the k where: below 0 it is calendar arbitrage.

    Returns
    -------
    gap, at : float
    """
    grids = np.concatenate([near._grid(), far._grid(), np.linspace(*span, 401)])
    grid = np.unique(grids[(grids >= span[0]) & (grids <= span[1])])
    at, gap = least(lambda k: far.total_variance(k) - near.total_variance(k), grid)
    return gap, at
