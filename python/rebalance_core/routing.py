"""From wanted trades to orders an exchange takes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._core import round_to_lots as _round_to_lots
from ._tables import FloatArray, numbers

__all__ = ["round_to_lots"]


def round_to_lots(
    wanted: Any,
    lot_size: Any,
    *,
    min_notional: Any = 0.0,
    contract_notional: Any = 0.0,
    position: Any = 0.0,
    reduce_only: bool = False,
) -> FloatArray:
    """Contracts in whole lots.

    To the nearest lot, ties to even; toward zero where ``reduce_only`` binds. Rounding never turns a buy into a sell,
    and a reduce-only trade never exceeds the position. A trade below ``min_notional`` becomes 0 unless it closes all
    that whole lots can close of the position.

    Parameters
    ----------
    wanted, position : array_like
        Contracts, signed.
    lot_size : array_like
        Contracts, above 0.
    min_notional, contract_notional : array_like
        Quote currency; the second is of one contract.
    reduce_only : bool
        Whether the position may only shrink.

    Returns
    -------
    ndarray
        Contracts, signed, of the shape that the arguments broadcast to.
    """
    size, lot, least, notional, held = np.broadcast_arrays(
        numbers(wanted, "wanted"),
        numbers(lot_size, "lot_size"),
        numbers(min_notional, "min_notional"),
        numbers(contract_notional, "contract_notional"),
        numbers(position, "position"),
    )
    trades = _round_to_lots(size.ravel(), lot.ravel(), least.ravel(), notional.ravel(), held.ravel(), reduce_only)
    return trades.reshape(size.shape)
