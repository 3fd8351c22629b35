"""Trades that restore weights when trading is paid from the same equity."""

from __future__ import annotations

from typing import Any

from rebalance_core._core import restore_weights as _restore_weights
from rebalance_core._tables import FloatArray, numbers

__all__ = ["restore_weights"]


def restore_weights(value: Any, weight: Any, equity: float, cost_rate: Any = 0.0) -> tuple[FloatArray, float]:
    """Trades that bring assets to their share of the equity that is left after paying for the trades.

    The equity after costs is the fixed point V' of V' = V - sum of cost_rate |weight V' - value|.

    Parameters
    ----------
    value : array_like, shape (n,)
        Exposure now, quote currency.
    weight : array_like, shape (n,)
        Wanted share of the equity after costs; what the weights leave of 1 is cash.
    equity : float
        Quote currency, above 0.
    cost_rate : array_like
        Cost per unit of quote currency traded, one for all or one per asset.

    Returns
    -------
    trade : ndarray, shape (n,)
        Quote currency, bought > 0.
    equity_after : float

    Raises
    ------
    ValueError
        If lengths differ (both are given), or the costs of moving would exceed what is moved.

    Examples
    --------
    >>> trade, equity = restore_weights([62000, 25000, 13000], [0.5, 0.3, 0.2], 100000, 0.001)
    >>> trade.round(1), round(equity, 1)
    (array([-12012. ,   4992.8,   6995.2]), 99976.0)
    """
    return _restore_weights(numbers(value, "value"), numbers(weight, "weight"), equity, numbers(cost_rate, "cost_rate"))
