"""Volatility targeting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rebalance_core import _core
from rebalance_core._tables import FloatArray
from rebalance_core.drift import Targets

from ._rule import named

if TYPE_CHECKING:
    from rebalance_core.engine import Plan

__all__ = ["VolatilityTarget"]


class VolatilityTarget(_core.VolatilityTarget):
    """Scale = min(cap, target / vol forecast), smoothed, and changed only where it left a band around itself.

    Parameters
    ----------
    target
        Volatility to have, in the unit of the forecasts.
    cap
        Largest scale.
    band
        Relative to the scale: 0.05 leaves changes of up to 5 % alone.
    smoothing
        Share of the wanted scale before that is kept at each forecast; in [0, 1).
    base_weight
        Weight at a scale of 1.
    underlying : str, optional
        Whose weight ``targets`` sets.

    Raises
    ------
    ValueError
        If a number is out of its range. It is named with its value.

    Notes
    -----
    The forecast must be known before the return that the scale is held over: leave out the bar that is not finished.

    Examples
    --------
    >>> rule = VolatilityTarget(0.4, cap=2.0, band=0.05)
    >>> round(rule.update(0.808), 7), round(rule.update(0.82), 7), round(rule.update(1.0), 7)
    (0.4950495, 0.4950495, 0.4)
    """

    def __init__(
        self,
        target: float,
        *,
        cap: float = 1.0,
        band: float = 0.0,
        smoothing: float = 0.0,
        base_weight: float = 1.0,
        underlying: str | None = None,
    ) -> None:
        super().__init__(target, cap=cap, band=band, smoothing=smoothing)
        if not abs(base_weight) < float("inf"):
            raise ValueError(f"base_weight must be finite, got {base_weight}")
        self.base_weight = base_weight
        self.underlying = underlying

    @property
    def weight(self) -> float:
        """Scale x base weight; NaN before the first forecast."""
        return self.scale * self.base_weight

    def targets(self, plan: Plan) -> Targets:  # noqa: ARG002
        """The weight of the last forecast. NaN, no target, before the first."""
        return Targets(weight={named(self.underlying, self): self.weight})

    def paths(self, vol: Any, *, out: FloatArray | None = None) -> FloatArray:
        """The scale after each forecast, starting where this object is; the object itself does not move.

        Parameters
        ----------
        vol : array_like, shape (steps,) or (steps, paths)
            Forecasts, at least 0.
        out : ndarray, optional
            Array to fill. After an error what it holds is not defined.

        Returns
        -------
        ndarray of the same shape

        Raises
        ------
        ValueError
            If a forecast is not finite or below 0; its place and value are given.
        """
        (scale,) = self._walk(vol, None if out is None else (out,))
        return scale

    def __repr__(self) -> str:
        return f"VolatilityTarget({self.target}, cap={self.cap}, scale={self.scale})"
