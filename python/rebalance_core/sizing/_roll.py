"""Which contract replaces which, and what that costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rebalance_core._core import HedgeSolver
from rebalance_core._tables import Table, numbers

__all__ = ["roll"]


def roll(
    position: Any,
    greeks: Any,
    candidates: Any,
    penalty: Any,
    *,
    cost_close: Any,
    cost_buy: Any,
    cost_sell: Any,
    lot_size: Any = 1.0,
    min_size: Any = 0.0,
    ticket: Any = 0.0,
    max_replacements: int = 1,
    symbols: Sequence[str] | None = None,
    candidate_symbols: Sequence[str] | None = None,
    max_nodes: int = 2000,
) -> Table:
    """Replace positions that expire, or whose strike has drifted away, by contracts that do the same work.

    Each position is closed whole; of the candidates those are opened that restore its Greeks best, cost counted:
    the objective of :func:`hedge` with the closed Greeks as the exposure, in whole lots.

    Parameters
    ----------
    position : array_like, shape (p,)
        Contracts to close, long > 0.
    greeks : array_like, shape (k, p)
        Greeks of one contract of each.
    candidates : array_like, shape (k, m)
        Greeks of one contract of each that may take over.
    penalty : array_like, shape (k,) or (k, k)
        Quote currency per product of two Greeks, as in :func:`hedge`.
    cost_close : array_like, shape (p,)
        Quote currency per contract closed. One number stands for all, here and below.
    cost_buy, cost_sell : array_like, shape (m,)
        Quote currency per contract opened.
    lot_size, min_size, ticket : array_like, shape (m,)
        As in ``HedgeSolver.solve_lots``.
    max_replacements : int
        Contracts that may take the place of one.
    symbols, candidate_symbols : sequence of str, optional
        Names; row numbers unless given.
    max_nodes : int
        Continuous problems that may be solved for one position.

    Returns
    -------
    Table
        One row for every contract opened, or one with an empty ``opens`` where replacing is worth less than it costs:
        ``closes``, ``closed`` (contracts traded, bought > 0), ``opens``, ``opened``, ``cost`` (quote currency, of this
        opening; the first row of a position bears its closing too), ``risk_before`` and ``risk_after`` (what the
        Greeks lost would cost without and with the whole replacement).

    Raises
    ------
    ValueError
        If shapes do not agree or a number is missing; the message names the argument.

    Examples
    --------
    A 60-day call takes the place of a 7-day one; the second candidate does it at less cost.

    >>> table = roll([-10.0], [[0.5], [3e-5]], [[0.5, 0.52], [1e-5, 2.9e-5]], [100.0, 1e12],
    ...              cost_close=5.0, cost_buy=8.0, cost_sell=8.0, symbols=["7d"], candidate_symbols=["60d", "14d"])
    >>> [f"{row['closed']:+g} {row['closes']}, {row['opened']:+g} {row['opens']}" for row in table]
    ['+10 7d, -10 14d']
    """
    held, per_contract, offered = (
        numbers(position, "position"),
        np.asarray(greeks, float),
        np.asarray(candidates, float),
    )
    if per_contract.ndim != 2 or offered.ndim != 2 or per_contract.shape != (len(offered), len(held)):
        raise ValueError(
            f"greeks has shape {per_contract.shape} and candidates {offered.shape}, but there are {len(held)} positions: "
            f"(Greeks, {len(held)}) and (Greeks, candidates) are needed"
        )
    closing = np.broadcast_to(np.asarray(cost_close, float), held.shape)
    if not (np.isfinite(closing).all() and (closing >= 0).all()):
        raise ValueError(f"cost_close must be finite and at least 0, got {cost_close!r}")
    closes = list(symbols) if symbols is not None else [str(i) for i in range(len(held))]
    opens = list(candidate_symbols) if candidate_symbols is not None else [str(i) for i in range(offered.shape[1])]
    if len(closes) != len(held) or len(opens) != offered.shape[1]:
        raise ValueError(
            f"there are {len(held)} positions and {offered.shape[1]} candidates, but {len(closes)} symbols and "
            f"{len(opens)} candidate_symbols"
        )
    solver = HedgeSolver(*offered.shape)
    solver.update(greeks=offered, penalty=penalty, cost_buy=cost_buy, cost_sell=cost_sell, impact=0.0)
    solver.update(lower=-np.inf, upper=np.inf)
    buy, sell = (np.broadcast_to(np.asarray(c, float), offered.shape[1:]) for c in (cost_buy, cost_sell))
    tickets = np.broadcast_to(np.asarray(ticket, float), offered.shape[1:])

    names = ("closes", "closed", "opens", "opened", "cost", "risk_before", "risk_after")
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for i, contracts in enumerate(held):
        solver.update(exposure=-contracts * per_contract[:, i])
        found = solver.solve_lots(
            lot_size, min_size=min_size, ticket=ticket, max_trades=max_replacements, max_nodes=max_nodes
        )
        cost = abs(contracts) * closing[i]
        rows = np.flatnonzero(found.trades)
        for j in rows if len(rows) else [-1]:
            size = found.trades[j] if j >= 0 else 0.0
            if j >= 0:
                cost += max(size, 0.0) * buy[j] + max(-size, 0.0) * sell[j] + tickets[j]
            row = (closes[i], -contracts, opens[j] if j >= 0 else "", size, cost, found.risk_before, found.risk)
            for name, value in zip(names, row, strict=True):
                columns[name].append(value)
            cost = 0.0
    return Table(
        {name: values if name in ("closes", "opens") else np.array(values) for name, values in columns.items()}, "roll"
    )
