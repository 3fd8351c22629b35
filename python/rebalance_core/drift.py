"""Where the book should be: :class:`Targets`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from . import _core
from ._tables import FloatArray, per_underlying

__all__ = ["QUANTITIES", "Targets"]

#: What a target, a drift and a band can be of.
QUANTITIES: tuple[str, ...] = _core.QUANTITIES

PerUnderlying = Union[float, Mapping[str, float], Sequence[float], npt.NDArray[np.float64]]


class Targets:
    """Targets per underlying: a number for all, a mapping by name, or a column. NaN, or not named: no target.

    Parameters
    ----------
    weight
        Delta in quote currency over equity; for a spot holding, its share of the equity.
    delta
        Units of underlying; premium-adjusted, in coin, if the book's numeraire is coin.
    gamma, vega
        In the book's numeraire. They are measured, reported and can trigger; delta is what the hedge trades.

    An underlying has a weight or a delta target, not both: its one hedge instrument cannot serve two.
    """

    def __init__(
        self,
        *,
        weight: PerUnderlying | None = None,
        delta: PerUnderlying | None = None,
        gamma: PerUnderlying | None = None,
        vega: PerUnderlying | None = None,
    ) -> None:
        given = {"weight": weight, "delta": delta, "gamma": gamma, "vega": vega}
        self._given: dict[str, Any] = {name: value for name, value in given.items() if value is not None}

    def columns(self, underlyings: Sequence[str]) -> dict[str, FloatArray]:
        """One column per quantity that has a target, one entry per underlying."""
        return {
            name: per_underlying(value, underlyings, f"target {name}", np.nan) for name, value in self._given.items()
        }

    def __repr__(self) -> str:
        return f"Targets({', '.join(f'{name}={value!r}' for name, value in self._given.items())})"
