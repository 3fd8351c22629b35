/// Docstrings of the hedge optimum.
#pragma once

namespace rebalance::bindings {

inline constexpr const char* kHedgeDoc = R"(What to trade in which instruments when trading costs money.

    minimise    1/2 y'Q y + sum(cost_buy x+ + cost_sell x-) + 1/2 sum(impact x^2),    y = exposure + greeks @ x
    subject to  lower <= x <= upper,  |y| <= limit,  row_lower <= rows @ x <= row_upper

Parameters
----------
greeks : array_like, shape (k, m)
    Greeks of one contract of each instrument, in the units of ``exposure``. Any Greeks, any scales.
exposure : array_like, shape (k,)
    What is held now, less the targets.
penalty : array_like, shape (k,) or (k, k)
    Q: quote currency per product of two Greeks. A diagonal, or a positive semidefinite matrix; for example risk
    aversion times the covariance of the moves that multiply the Greeks, over the horizon of the hedge.
cost_buy, cost_sell : array_like, shape (m,)
    Quote currency per contract, at least 0. One number stands for all; so it does in the arguments below.
impact : array_like, shape (m,)
    Quote currency per contract squared, at least 0. With 0 throughout the costs are linear.
lower, upper : array_like, shape (m,)
    Contracts; infinite for none.
limit : array_like, shape (k,), optional
    How far each exposure may be from 0 afterwards: 0 for exactly, infinite for any.
rows, rows_sell : array_like, shape (r, m), optional
    What one contract bought uses of a budget, and what one sold gives back (the same unless told). With
    ``rows_sell = -rows`` both use it, as initial margin does; then only ``row_upper`` counts.
row_lower, row_upper : array_like, shape (r,), optional
warm_start : HedgeResult or array_like, shape (m,), optional
    Trades to start from, such as the last ones. The answer is the same.

Returns
-------
HedgeResult
    ``status`` is ``infeasible`` where the limits cannot all hold: the trades are then the best under the smallest
    relaxation (in sum of shares of each limit) that can, and ``message`` names it.

Raises
------
ValueError
    If shapes do not agree, a cost is negative, the penalty is not positive semidefinite, or a number is missing; the
    message names the argument and the values.

Notes
-----
Solved in the space of the Greeks, so hundreds of instruments cost little more than ten; see docs/hedge.md.

Examples
--------
Short ten calls: gamma and vega from two options, delta from the perpetual.

>>> import numpy as np
>>> from rebalance_core import sizing
>>> greeks = [[0.4465, -0.3129, 1.0], [4.256e-5, 2.511e-5, 0.0], [6800.7, 8617.2, 0.0]]
>>> result = sizing.hedge(greeks, [-3.34, -3.846e-4, -62596.7], [2e4, 1e13, 1e-3], cost_buy=[9.0, 9.0, 15.0],
...                       cost_sell=[9.0, 9.0, 15.0], lower=-20, upper=20)
>>> result.status.name, np.round(result.trades, 2)
('solved', array([ 8.89,  0.25, -0.55]))
)";

inline constexpr const char* kHedgeManyDoc = R"(The hedge optimum of many books in one call.

As :func:`hedge`, with exposures of shape (books, k) and Greeks of shape (k, m) or (books, k, m); costs, bounds, limits
and the penalty are shared. Every book is solved from nothing, so the answers do not depend on ``threads``.

Returns
-------
tuple of ndarray
    trades (books, m), objective (books,), cost (books,), residual (books, k), status (books,) of ``SolveStatus``.
)";

inline constexpr const char* kHedgeResultDoc = R"(What to trade, what it costs and what it leaves.

Arrays are read-only views that keep the result alive. ``objective`` = ``risk`` + ``cost``, in quote currency.
)";

inline constexpr const char* kHedgeSolverDoc = R"(The hedge optimum, preallocated and warm: update what moved, solve.

Nothing is allocated after construction but the results. The arguments of ``update`` are those of :func:`hedge`.

Parameters
----------
n_greeks, n_instruments, n_rows : int

Examples
--------
>>> from rebalance_core.sizing import HedgeSolver
>>> solver = HedgeSolver(1, 2)
>>> solver.update(greeks=[[1.0, 0.5]], exposure=[3.0], penalty=[1.0], cost_buy=0.1, cost_sell=0.1, lower=-10, upper=10)
>>> solver.solve()
HedgeResult(solved: risk 4.5 -> 0.005, cost 0.29, 1 of 2 instruments traded, 2 iterations)
>>> solver.update(exposure=[2.0])
>>> solver.solve().trades
array([-1.9,  0. ])
)";

inline constexpr const char* kSolveLotsDoc = R"(The best trades in whole lots that a bounded search finds.

A trade is nothing, a whole number of lots of at least ``min_size``, or a smaller whole number that closes the position.

Parameters
----------
lot_size : array_like, shape (m,)
    Contracts.
min_size : array_like, shape (m,)
    Contracts: the minimum notional over the notional of one contract.
position : array_like, shape (m,)
    Contracts held now; closing trades are exempt from the minimum.
ticket : array_like, shape (m,)
    Quote currency for any trade in the instrument, on top of the costs by size.
max_trades : int
    Instruments that may be traded; 0 for all.
max_nodes : int
    Continuous problems that may be solved on the way.

Returns
-------
HedgeResult
    ``objective`` and ``cost`` include the tickets; ``gap`` is how far the objective can be from the best there is, 0
    where the search was complete; ``iterations`` counts the continuous problems. ``infeasible`` where no whole lots
    were found that satisfy every limit: the trades then exceed them least.
)";

}  // namespace rebalance::bindings
