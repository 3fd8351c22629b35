"""From bare derivatives to the units that traders and venues quote. The only place that rescales."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

Number = TypeVar("Number", float, npt.NDArray[np.float64])

DAYS_PER_YEAR = 365.0

__all__ = ["DAYS_PER_YEAR", "gamma_per_percent", "rho_per_percent", "theta_per_day", "vega_per_point"]


def vega_per_point(vega: Number) -> Number:
    """Change in value for one vol point (0.01 of vol)."""
    return vega / 100.0


def theta_per_day(theta: Number) -> Number:
    """Change in value over one calendar day."""
    return theta / DAYS_PER_YEAR


def rho_per_percent(rho: Number) -> Number:
    """Change in value for one per cent (0.01) of rate."""
    return rho / 100.0


def gamma_per_percent(gamma: Number, price: Number) -> Number:
    """Change in delta for a one per cent move of the price."""
    return gamma * price / 100.0
