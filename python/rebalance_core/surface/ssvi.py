"""SSVI: a whole surface from three numbers and the at-the-money variance of each expiry."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ._numeric import Floats
from .smiles import Svi

__all__ = ["Ssvi", "SsviConditions"]


@dataclass(frozen=True)
class SsviConditions:
    """The sufficient conditions of Gatheral and Jacquier, as margins: at least 0 where they hold, one per theta."""

    level: Floats  #: 4 - theta phi (1 + |rho|), above 0
    curvature: Floats  #: 4 - theta phi^2 (1 + |rho|)
    growth: Floats  #: d(theta phi)/dtheta
    growth_bound: Floats  #: phi (1 + sqrt(1 - rho^2)) / rho^2 - d(theta phi)/dtheta
    theta_step: Floats  #: theta less the one before

    @property
    def butterfly_ok(self) -> bool:
        """No butterfly arbitrage at any of the thetas."""
        return bool((self.level > 0.0).all() and (self.curvature >= 0.0).all())

    @property
    def calendar_ok(self) -> bool:
        """No calendar arbitrage between them."""
        return bool((self.growth >= 0.0).all() and (self.growth_bound >= 0.0).all() and (self.theta_step >= 0.0).all())

    @property
    def ok(self) -> bool:
        return self.butterfly_ok and self.calendar_ok

    def __repr__(self) -> str:
        words = ["ok" if self.butterfly_ok else "BUTTERFLY not ensured", "ok" if self.calendar_ok else "CALENDAR"]
        return (
            f"SsviConditions(butterfly {words[0]}, calendar {words[1]}; least margins: level {self.level.min():.4g}, "
            f"curvature {self.curvature.min():.4g}, growth {self.growth.min():.4g} and {self.growth_bound.min():.4g})"
        )


@dataclass(frozen=True)
class Ssvi:
    """w(k, theta) = theta / 2 (1 + rho phi k + sqrt((phi k + rho)^2 + 1 - rho^2)), phi = eta / (theta^gamma (1 + theta)^(1 - gamma)).

    ``theta`` is the total variance at the money, ``phi`` the power law of it. Gatheral and Jacquier (2014), section 4.

    Parameters
    ----------
    eta : float
        Above 0. eta (1 + |rho|) <= 2 with gamma <= 1/2 rules out arbitrage for every rising theta.
    gamma : float
        Within (0, 1).
    rho : float
        Within (-1, 1).
    """

    eta: float
    gamma: float
    rho: float

    def __post_init__(self) -> None:
        if not (self.eta > 0.0 and math.isfinite(self.eta)):
            raise ValueError(f"eta must be above 0 and finite, got {self.eta}")
        if not 0.0 < self.gamma < 1.0:
            raise ValueError(f"gamma must be within (0, 1), got {self.gamma}")
        if not abs(self.rho) < 1.0:
            raise ValueError(f"rho must be within (-1, 1), got {self.rho}")

    def phi(self, theta: npt.ArrayLike) -> Floats:
        """The power law."""
        t = np.asarray(theta, dtype=np.float64)
        return np.asarray(self.eta / (t**self.gamma * (1.0 + t) ** (1.0 - self.gamma)))

    def total_variance(self, k: npt.ArrayLike, theta: npt.ArrayLike) -> Floats:
        """w(k, theta); the arguments broadcast."""
        x = self.phi(theta) * np.asarray(k)
        return np.asarray(
            0.5 * np.asarray(theta) * (1.0 + self.rho * x + np.sqrt((x + self.rho) ** 2 + 1.0 - self.rho**2))
        )

    def slice(self, theta: float) -> Svi:
        """The same slice as raw SVI."""
        if not (theta > 0.0 and math.isfinite(theta)):
            raise ValueError(f"theta must be above 0 and finite, got {theta}")
        phi, upright = float(self.phi(theta)), math.sqrt(1.0 - self.rho**2)
        return Svi(0.5 * theta * upright**2, 0.5 * theta * phi, self.rho, -self.rho / phi, upright / phi)

    def conditions(self, theta: npt.ArrayLike) -> SsviConditions:
        """How far each no-arbitrage condition is from binding at these thetas, in rising order of expiry."""
        t = np.atleast_1d(np.asarray(theta, dtype=np.float64))
        phi, lean = self.phi(t), 1.0 + abs(self.rho)
        growth = self.eta * (1.0 - self.gamma) * (t / (1.0 + t)) ** -self.gamma / (1.0 + t) ** 2
        with np.errstate(divide="ignore", over="ignore"):
            bound = phi * (1.0 + math.sqrt(1.0 - self.rho**2)) / np.float64(self.rho) ** 2
        return SsviConditions(
            level=4.0 - t * phi * lean,
            curvature=4.0 - t * phi**2 * lean,
            growth=growth,
            growth_bound=bound - growth,
            theta_step=np.diff(t, prepend=0.0),
        )
