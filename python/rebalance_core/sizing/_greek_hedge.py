"""The hedge optimum as a rule of the engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rebalance_core._tables import FloatArray

if TYPE_CHECKING:
    from rebalance_core.book import Instruments

__all__ = ["HEDGED_GREEKS", "GreekHedge"]

#: What a tick hedges, in the numeraire of the book.
HEDGED_GREEKS = ("delta", "gamma", "vega")


@dataclass(frozen=True)
class GreekHedge:
    """Hedge delta, gamma and vega of an underlying together, when its trigger fires: :func:`hedge` in the tick.

    Exposures are the drifts from :class:`Targets`; a Greek without a target is hedged towards 0. Costs are those of the
    instruments (fee, fee cap, half-spread). Trades are whole lots: the coarsest instrument is rounded first and the
    rest solved again, so that the finest take up what that leaves.

    Parameters
    ----------
    instruments : sequence of str or int
        Symbols or rows that may be traded, all of one underlying; options too.
    penalty : mapping, or array_like of shape (3,) or (3, 3)
        Quote currency per product of two Greeks, over delta, gamma, vega in the units of ``Plan.exposures`` (in the
        coin numeraire: ``delta_pa``, ``gamma_pa``, ``vega_coin``). A mapping names the diagonal; what it leaves out
        costs nothing.
    limit : mapping or array_like of shape (3,), optional
        How far each may be from its target afterwards.
    max_size : float or array_like, shape (m,)
        Contracts of one trade.

    Examples
    --------
    >>> from rebalance_core.sizing import GreekHedge
    >>> GreekHedge(["BTC-PERP", "BTC-CALL"], {"delta": 2e4, "gamma": 1e13, "vega": 1e-3}).penalties()
    array([2.e+04, 1.e+13, 1.e-03])
    """

    instruments: Sequence[str | int]
    penalty: Mapping[str, float] | npt.ArrayLike
    limit: Mapping[str, float] | npt.ArrayLike | None = None
    max_size: float | npt.ArrayLike = np.inf

    def penalties(self) -> FloatArray:
        """The penalty over delta, gamma, vega: a diagonal, or all nine in rows."""
        return _over_greeks(self.penalty, "penalty", 0.0)

    def limits(self) -> FloatArray:
        """How far delta, gamma, vega may be from their targets."""
        return _over_greeks({} if self.limit is None else self.limit, "limit", np.inf)

    def columns(self, instruments: Instruments) -> tuple[npt.NDArray[np.int32], FloatArray, FloatArray, FloatArray]:
        """Rows, penalty, limit and largest trades, for the compiled engine."""
        rows = np.array([instruments.row(i) for i in self.instruments], dtype=np.int32)
        if len(rows) == 0:
            raise ValueError("a GreekHedge needs at least one instrument")
        most = np.broadcast_to(np.asarray(self.max_size, float), rows.shape)
        return rows, self.penalties(), self.limits(), np.ascontiguousarray(most)


def _over_greeks(given: Any, name: str, missing: float) -> FloatArray:
    if isinstance(given, Mapping):
        _known(given, name)
        return np.array([float(given.get(greek, missing)) for greek in HEDGED_GREEKS])
    array = np.asarray(given, dtype=np.float64)
    if array.shape != (3,) and not (name == "penalty" and array.shape == (3, 3)):
        wanted = "(3,) or (3, 3)" if name == "penalty" else "(3,)"
        raise ValueError(f"{name} has shape {array.shape}, but {wanted} is needed, over delta, gamma, vega")
    return np.ascontiguousarray(array).ravel()


def _known(names: Iterable[str], name: str) -> None:
    unknown = [n for n in names if n not in HEDGED_GREEKS]
    if unknown:
        raise ValueError(f"{name} names {unknown[0]!r}; the Greeks are: {', '.join(HEDGED_GREEKS)}")
