"""From bare derivatives to the units that traders and venues quote. The only place that rescales."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

Number = TypeVar("Number", float, npt.NDArray[np.float64])

DAYS_PER_YEAR = 365.0

__all__ = [
    "DAYS_PER_YEAR",
    "gamma_from_percent",
    "gamma_per_percent",
    "rho_from_percent",
    "rho_per_percent",
    "theta_from_day",
    "theta_per_day",
    "vega_from_point",
    "vega_per_point",
    "vol_from_percent",
    "vol_in_percent",
]


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


def vega_from_point(vega_per_point: Number) -> Number:
    """Bare vega, per 1.00 of vol, of one per vol point."""
    return vega_per_point * 100.0


def theta_from_day(theta_per_day: Number) -> Number:
    """Bare theta, per year, of one per calendar day."""
    return theta_per_day * DAYS_PER_YEAR


def rho_from_percent(rho_per_percent: Number) -> Number:
    """Bare rho, per 1.00 of rate, of one per cent of rate."""
    return rho_per_percent * 100.0


def gamma_from_percent(gamma_per_percent: Number, price: Number) -> Number:
    """Bare gamma, per unit of price, of one per cent of the price."""
    return gamma_per_percent / price * 100.0


def vol_in_percent(vol: Number) -> Number:
    """85.05 for a vol of 0.8505."""
    return vol * 100.0


def vol_from_percent(percent: Number) -> Number:
    """0.8505 for 85.05 %."""
    return percent / 100.0
