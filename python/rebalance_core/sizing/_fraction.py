"""Fixed fractions: of equity in exposure, or of equity at risk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rebalance_core import _core
from rebalance_core._tables import FloatArray
from rebalance_core.drift import Targets

from ._rule import named

if TYPE_CHECKING:
    from rebalance_core.engine import Plan

__all__ = ["FixedFraction", "FractionPaths", "units_at_risk"]


@dataclass(frozen=True)
class FractionPaths:
    """What became of an account at each step, after trading. Arrays of the shape of the returns."""

    equity: FloatArray  #: quote currency
    exposure: FloatArray  #: quote currency, held over the next step


class FixedFraction(_core.FixedFraction):
    """Exposure = fraction x equity, restored where the weight has left the band around it.

    Parameters
    ----------
    fraction
        Of the equity; above 1 is leverage, below 0 short.
    equity
        Quote currency. An account without equity holds nothing.
    exposure
        Held now, quote currency; 0 unless given.
    band
        Half-width in points of weight; 0 restores at every step.
    cost_rate
        Per unit of quote currency traded, paid from the equity; the weight is right after paying.
    underlying : str, optional
        Whose weight ``targets`` sets.

    Raises
    ------
    ValueError
        If a number is out of its range. It is named with its value.

    Examples
    --------
    >>> rule = FixedFraction(0.5, equity=1000)
    >>> rule.step(0.1), rule.equity
    (525.0, 1050.0)
    """

    def __init__(
        self,
        fraction: float,
        equity: float,
        *,
        exposure: float = 0.0,
        band: float = 0.0,
        cost_rate: float = 0.0,
        underlying: str | None = None,
    ) -> None:
        super().__init__(fraction, equity, exposure=exposure, band=band, cost_rate=cost_rate)
        self.underlying = underlying

    @property
    def weight(self) -> float:
        """Exposure over equity."""
        return self.exposure / self.equity if self.equity > 0.0 else 0.0

    def targets(self, plan: Plan) -> Targets:  # noqa: ARG002
        """The fraction, as a weight: the pipeline's trigger is the band."""
        return Targets(weight={named(self.underlying, self): self.fraction})

    def paths(
        self, asset_return: Any, cash_return: Any = 0.0, *, carry: Any = None, out: FractionPaths | None = None
    ) -> FractionPaths:
        """Accounts that start where this one is and pay for themselves; arguments and errors as ``Cppi.paths``."""
        given = None if out is None else (out.equity, out.exposure)
        return FractionPaths(*self._walk(asset_return, cash_return, carry, given))

    def __repr__(self) -> str:
        return f"FixedFraction({self.fraction}, equity={self.equity}, exposure={self.exposure})"


def units_at_risk(equity: Any, fraction: Any, price: Any, stop: Any, multiplier: Any = 1.0) -> FloatArray:
    """Contracts that lose the given fraction of equity if the price goes from here to the stop. Arguments broadcast.

    Parameters
    ----------
    equity
        Quote currency, at least 0.
    fraction
        Share of the equity at risk, in [0, 1].
    price, stop
        Different and above 0; a stop above the price means short.
    multiplier
        Units of underlying per contract (linear contracts), above 0.

    Returns
    -------
    ndarray
        Contracts, long > 0.

    Examples
    --------
    >>> float(units_at_risk(100_000, 0.01, price=60_000, stop=57_000))
    0.3333333333333333
    """
    e, f, p, s, m = (np.asarray(x, dtype=float) for x in (equity, fraction, price, stop, multiplier))
    _each("equity", e, e >= 0.0, "at least 0 and finite")
    _each("fraction", f, (f >= 0.0) & (f <= 1.0), "between 0 and 1")
    _each("price", p, p > 0.0, "above 0 and finite")
    _each("stop", s, s > 0.0, "above 0 and finite")
    _each("multiplier", m, m > 0.0, "above 0 and finite")
    distance = p - s
    _each("price - stop", distance, distance != 0.0, "different from 0")
    return np.asarray(e * f / (distance * m))


def _each(name: str, values: FloatArray, holds: Any, must: str) -> None:
    bad = values[~(holds & np.isfinite(values))]
    if bad.size:
        raise ValueError(f"{name} must be {must}, got {bad.flat[0]}")
