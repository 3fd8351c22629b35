# Made by `nox -s stubs -- --write` from the compiled module.
"""
Compiled engine of rebalance_core. Use the package, which re-exports what is public.
"""

from __future__ import annotations
import collections.abc
import enum
import numpy
import numpy.typing
import typing

class RowStatus(enum.IntEnum):
    """
    What can be said of one row.
    """

    ok = 0
    at_expiry = 1
    zero_vol = 2
    not_a_number = 3
    infinite = 4
    nonpositive_price = 5
    negative_vol = 6
    expired = 7
    bad_phi = 8
    stale = 9
    below_intrinsic = 10
    at_intrinsic = 11
    above_upper_bound = 12
    two_boundaries = 13
    unsolved = 14
    nonpositive_penalty = 15
    negative_cost = 16

class SolveStatus(enum.IntEnum):
    """
    How an optimisation ended.
    """

    bad_input = 3
    infeasible = 1
    iteration_limit = 2
    solved = 0

class Greeks:
    """
    Value and derivatives, one number or array each, and a status per row.
    """
    def __init__(
        self, shape: typing.Any, *, order: typing.SupportsInt | typing.SupportsIndex = 1, model: str = "black76"
    ) -> None:
        """
        Uninitialised arrays to hand to a pricing function as ``out=``.
        """
    def __repr__(self) -> str: ...
    @property
    def boundary(self) -> typing.Any: ...
    @property
    def charm(self) -> typing.Any: ...
    @property
    def color(self) -> typing.Any: ...
    @property
    def delta(self) -> typing.Any: ...
    @property
    def delta_pa(self) -> typing.Any: ...
    @property
    def dual_delta(self) -> typing.Any: ...
    @property
    def dual_gamma(self) -> typing.Any: ...
    @property
    def gamma(self) -> typing.Any: ...
    @property
    def gamma_pa(self) -> typing.Any: ...
    @property
    def model(self) -> str: ...
    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def order(self) -> int: ...
    @property
    def rho(self) -> typing.Any: ...
    @property
    def rho_dividend(self) -> typing.Any: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def speed(self) -> typing.Any: ...
    @property
    def status(self) -> typing.Any: ...
    @property
    def theta(self) -> typing.Any: ...
    @property
    def ultima(self) -> typing.Any: ...
    @property
    def value(self) -> typing.Any: ...
    @property
    def vanna(self) -> typing.Any: ...
    @property
    def vega(self) -> typing.Any: ...
    @property
    def veta(self) -> typing.Any: ...
    @property
    def volga(self) -> typing.Any: ...
    @property
    def zomma(self) -> typing.Any: ...

class Vols:
    """
    Vol and its derivatives, one number or array each, and a status per row.
    """
    def __init__(self, shape: typing.Any) -> None:
        """
        Uninitialised arrays to hand to ``evaluate`` as ``out=``.
        """
    def __repr__(self) -> str: ...
    @property
    def d2vol_dstrike2(self) -> typing.Any:
        """
        At a fixed forward.
        """
    @property
    def dvol_dforward(self) -> typing.Any:
        """
        At a fixed strike, by the dynamics asked for.
        """
    @property
    def dvol_dstrike(self) -> typing.Any:
        """
        At a fixed forward.
        """
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def status(self) -> typing.Any:
        """
        RowStatus of each row: ok, at_expiry, or why it has no value.
        """
    @property
    def vol(self) -> typing.Any:
        """
        Per square root of a year.
        """

class Surface:
    """
    Smiles of several expiries, as evaluated.
    """
    def __init__(self, years: numpy.typing.ArrayLike, smiles: list[typing.Any]) -> None: ...
    def __len__(self) -> int: ...
    def _evaluate(
        self,
        forward: numpy.typing.ArrayLike,
        strike: numpy.typing.ArrayLike,
        years: numpy.typing.ArrayLike,
        moneyness_share: typing.SupportsFloat | typing.SupportsIndex,
        out: typing.Any,
    ) -> typing.Any: ...

class Band:
    """
    When to trade and where to, one number or array each, and a status per row.
    """
    def __getstate__(self) -> tuple[typing.Any, ...]: ...
    def __init__(self, shape: typing.Any) -> None:
        """
        Uninitialised arrays to hand to ``local_band`` as ``out=``.
        """
    def __repr__(self) -> str: ...
    def __setstate__(self, arg0: tuple[typing.Any, ...]) -> None: ...
    @property
    def cost_rate(self) -> typing.Any:
        """
        Penalty and both costs, money per year.
        """
    @property
    def destination(self) -> typing.Any:
        """
        Trade until the deviation is this: the trigger without a fixed cost, 0 without a linear one.
        """
    @property
    def mean_square(self) -> typing.Any:
        """
        Mean square of the deviation in the long run, units squared.
        """
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def status(self) -> typing.Any:
        """
        RowStatus of each row: ok, zero_vol where nothing moves, or why it has no band.
        """
    @property
    def trades_per_year(self) -> typing.Any:
        """
        Infinite without a fixed cost: the edge is met again at once. See ``watched_band`` for looks at intervals.
        """
    @property
    def trigger(self) -> typing.Any:
        """
        Trade once the deviation is this large: half the width of the band, in units.
        """
    @property
    def turnover(self) -> typing.Any:
        """
        Units traded per year.
        """

class Instruments:
    _numeric_columns: typing.ClassVar[dict[str, float]]
    def __init__(
        self,
        underlyings: collections.abc.Sequence[str],
        symbol: collections.abc.Sequence[str],
        kind: numpy.typing.ArrayLike,
        underlying: numpy.typing.ArrayLike,
        expiry_ns: numpy.typing.ArrayLike,
        numbers: dict[str, numpy.typing.NDArray[numpy.float64]],
    ) -> None: ...
    def __len__(self) -> int: ...
    def _node(self, underlying: int | str, expiry_ns: typing.SupportsInt | typing.SupportsIndex) -> int: ...
    def row(self, symbol: int | str) -> int:
        """
        Row of an instrument given by symbol.
        """
    def underlying_index(self, underlying: int | str) -> int:
        """
        Index of an underlying given by name.
        """
    @property
    def _kind(self) -> numpy.typing.NDArray[numpy.uint8]: ...
    @property
    def _node_expiry_ns(self) -> list[int]: ...
    @property
    def _node_underlying(self) -> list[int]: ...
    @property
    def _underlying(self) -> numpy.typing.NDArray[numpy.int32]: ...
    @property
    def expiry_ns(self) -> numpy.typing.NDArray[numpy.int64]:
        """
        Nanoseconds since 1970; 0 for spot, the largest int64 for perpetuals.
        """
    @property
    def fee_cap(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def half_spread_bps(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def lot_size(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def maker_fee_bps(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def min_notional(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def multiplier(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def n_nodes(self) -> int:
        """
        How many (underlying, expiry) pairs there are.
        """
    @property
    def n_underlyings(self) -> int: ...
    @property
    def phi(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def row_node(self) -> numpy.typing.NDArray[numpy.int32]:
        """
        Node of each row.
        """
    @property
    def strike(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def symbol(self) -> list[str]:
        """
        Names of the rows.
        """
    @property
    def taker_fee_bps(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def tick_size(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def underlyings(self) -> list[str]:
        """
        Names, in the order of their index.
        """

class Market:
    """
    Index per underlying, price and rate per (underlying, expiry), vol per option.
    """
    def __init__(self, instruments: Instruments) -> None: ...
    def _set_surface(
        self,
        underlying: int | str,
        surface: Surface | None,
        share: typing.SupportsFloat | typing.SupportsIndex,
        ts_event_ns: typing.SupportsInt | typing.SupportsIndex = 0,
    ) -> None:
        """
        Vols of the options on an underlying from a surface; None: by hand again.
        """
    def move(
        self,
        underlying: int | str,
        price: typing.SupportsFloat | typing.SupportsIndex,
        ts_event_ns: typing.SupportsInt | typing.SupportsIndex = 0,
    ) -> None:
        """
        Index price, and every spot, perpetual and forward price of the underlying by the same ratio.
        """
    def set_index(
        self,
        underlying: int | str,
        price: typing.SupportsFloat | typing.SupportsIndex,
        ts_event_ns: typing.SupportsInt | typing.SupportsIndex = 0,
    ) -> None:
        """
        Index price of an underlying, quote currency.
        """
    def set_indices(
        self, prices: numpy.typing.ArrayLike, ts_event_ns: typing.SupportsInt | typing.SupportsIndex = 0
    ) -> None:
        """
        Index prices of all underlyings.
        """
    def set_price(
        self,
        node: int,
        price: typing.SupportsFloat | typing.SupportsIndex,
        ts_event_ns: typing.SupportsInt | typing.SupportsIndex = 0,
    ) -> None:
        """
        Price of a node: its spot, perpetual mark or forward.
        """
    def set_prices(
        self, prices: numpy.typing.ArrayLike, ts_event_ns: typing.SupportsInt | typing.SupportsIndex = 0
    ) -> None:
        """
        Prices of all nodes.
        """
    def set_rate(self, node: int, rate: typing.SupportsFloat | typing.SupportsIndex) -> None:
        """
        Continuous discount rate of a node, per year; 0 unless set.
        """
    def set_rates(self, rates: numpy.typing.ArrayLike) -> None:
        """
        Discount rates of all nodes.
        """
    def set_vol(
        self,
        instrument: int | str,
        vol: typing.SupportsFloat | typing.SupportsIndex,
        ts_event_ns: typing.SupportsInt | typing.SupportsIndex = 0,
    ) -> None:
        """
        Volatility of one option, per square root of a year.
        """
    def set_vols(
        self, vols: numpy.typing.ArrayLike, ts_event_ns: typing.SupportsInt | typing.SupportsIndex = 0
    ) -> None:
        """
        Volatilities, one per instrument; entries of rows that are not options are not read.
        """
    @property
    def index(self) -> numpy.typing.NDArray[numpy.float64]:
        """
        Per underlying, as set.
        """
    @property
    def price(self) -> numpy.typing.NDArray[numpy.float64]:
        """
        Per node, as set.
        """
    @property
    def rate(self) -> numpy.typing.NDArray[numpy.float64]:
        """
        Per node.
        """
    @property
    def vol(self) -> numpy.typing.NDArray[numpy.float64]:
        """
        Per instrument, as set or as the surface has it now.
        """
    @property
    def vol_slope(self) -> numpy.typing.NDArray[numpy.float64]:
        """
        Per instrument: dvol/dk of a smile that moves with the forward, else 0.
        """

class Book:
    """
    Positions and cash.
    """
    def __init__(
        self,
        instruments: Instruments,
        quantity: numpy.typing.ArrayLike,
        entry_price: numpy.typing.ArrayLike | None = None,
        cash: typing.SupportsFloat | typing.SupportsIndex = 0.0,
        coin_cash: numpy.typing.ArrayLike | None = None,
        numeraire: str = "quote",
    ) -> None: ...
    def fill(
        self,
        instrument: int | str,
        quantity: typing.SupportsFloat | typing.SupportsIndex,
        price: typing.SupportsFloat | typing.SupportsIndex | None = None,
        fee: typing.SupportsFloat | typing.SupportsIndex = 0.0,
    ) -> None:
        """
        Book a fill: contracts bought (> 0) or sold, in place. The price (coin for inverse options, else quote) moves cash
        or the entry basis; the fee is paid in the currency that the contract settles in.
        """
    def set_coin_cash(self, underlying: int | str, coins: typing.SupportsFloat | typing.SupportsIndex) -> None:
        """
        Coins held as cash and collateral.
        """
    def set_quantities(
        self, quantity: numpy.typing.ArrayLike, entry_price: numpy.typing.ArrayLike | None = None
    ) -> None:
        """
        All positions as an account reports them.
        """
    def set_quantity(
        self,
        instrument: int | str,
        quantity: typing.SupportsFloat | typing.SupportsIndex,
        entry_price: typing.SupportsFloat | typing.SupportsIndex = ...,
    ) -> None:
        """
        The position as an account reports it. Without an entry price its profit counts as settled.
        """
    @property
    def cash(self) -> float:
        """
        Quote currency.
        """
    @cash.setter
    def cash(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None: ...
    @property
    def coin_cash(self) -> numpy.typing.NDArray[numpy.float64]:
        """
        Coins per underlying.
        """
    @property
    def numeraire(self) -> str: ...
    @property
    def quantity(self) -> numpy.typing.NDArray[numpy.float64]:
        """
        Contracts per instrument; a view that fills change in place.
        """

class Trigger:
    """
    A tree of conditions in postfix order; built by rebalance_core.triggers.
    """
    def __init__(self, n_underlyings: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def add_calendar(
        self, period_ns: typing.SupportsInt | typing.SupportsIndex, anchor_ns: typing.SupportsInt | typing.SupportsIndex
    ) -> None: ...
    def add_delta_gamma(
        self,
        band: numpy.typing.ArrayLike,
        move: numpy.typing.ArrayLike,
        release: typing.SupportsFloat | typing.SupportsIndex,
    ) -> None: ...
    def add_hedge_band(
        self,
        risk_aversion: numpy.typing.ArrayLike,
        cost: numpy.typing.ArrayLike,
        fixed_cost: numpy.typing.ArrayLike,
        vol: numpy.typing.ArrayLike,
        least: numpy.typing.ArrayLike,
    ) -> None: ...
    def add_local_band(
        self, quantity: str, trigger: numpy.typing.ArrayLike, destination: numpy.typing.ArrayLike
    ) -> None: ...
    def add_threshold(
        self,
        quantity: str,
        absolute: numpy.typing.ArrayLike,
        relative: numpy.typing.ArrayLike,
        release: typing.SupportsFloat | typing.SupportsIndex,
    ) -> None: ...
    def join(self, how: str, count: typing.SupportsInt | typing.SupportsIndex) -> None: ...

class Engine:
    def __init__(
        self,
        book: Book,
        market: Market,
        targets: dict[str, numpy.typing.NDArray[numpy.float64]],
        trigger: Trigger,
        *,
        hedge: numpy.typing.ArrayLike,
        reduce_only: numpy.typing.ArrayLike,
        action: str,
        fraction: typing.SupportsFloat | typing.SupportsIndex,
        risk_aversion: typing.SupportsFloat | typing.SupportsIndex,
        horizon_years: typing.SupportsFloat | typing.SupportsIndex,
        vol: numpy.typing.ArrayLike,
        clock_step_ns: typing.SupportsInt | typing.SupportsIndex,
        max_age_ns: typing.SupportsInt | typing.SupportsIndex,
        greek_hedges: collections.abc.Sequence[
            tuple[numpy.typing.ArrayLike, numpy.typing.ArrayLike, numpy.typing.ArrayLike, numpy.typing.ArrayLike]
        ],
    ) -> None: ...
    def _row_marks(
        self,
    ) -> tuple[
        numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64]
    ]:
        """
        Forward, years and rate of every instrument's node at the last tick.
        """
    def _set_plan(self, plan: typing.Any) -> None: ...
    def _set_targets(self, targets: dict[str, numpy.typing.NDArray[numpy.float64]]) -> None: ...
    def _time_moves(
        self,
        underlying: typing.SupportsInt | typing.SupportsIndex,
        prices: numpy.typing.ArrayLike,
        now_ns: typing.SupportsInt | typing.SupportsIndex,
        step_ns: typing.SupportsInt | typing.SupportsIndex,
    ) -> numpy.typing.NDArray[numpy.float64]:
        """
        Nanoseconds that each tick took, move of the underlying included, clocked in here; for benches.
        """
    def tick(self, now_ns: typing.SupportsInt | typing.SupportsIndex) -> typing.Any:
        """
        One look at the market: exposures, drift, trades and why.

        Parameters
        ----------
        now_ns : int
            Nanoseconds since 1970, UTC. Options past their expiry are marked expired, not priced.

        Returns
        -------
        Plan
            The engine's own plan: it holds until the next tick. Keep one with ``plan.copy()``.

        Raises
        ------
        RuntimeError
            If the engine is at work in another thread.
        """
    @property
    def plan(self) -> typing.Any:
        """
        The plan of the last tick.
        """

class Plan:
    @typing.overload
    def __init__(self, engine: Engine) -> None: ...
    @typing.overload
    def __init__(self, other: Plan) -> None: ...
    def _drift(self, quantity: str) -> numpy.typing.NDArray[numpy.float64]: ...
    def _drift_after(self, quantity: str) -> numpy.typing.NDArray[numpy.float64]: ...
    def _exposure(self, name: str) -> numpy.typing.NDArray[numpy.float64]: ...
    def _measured(self, quantity: str) -> numpy.typing.NDArray[numpy.float64]: ...
    def _node_exposure(self, name: str) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def _hedge_binding(self) -> numpy.typing.NDArray[numpy.uint64]: ...
    @property
    def _hedge_next_best(self) -> numpy.typing.NDArray[numpy.int64]: ...
    @property
    def _hedge_next_best_excess(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def _hedge_risk_after(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def _hedge_risk_before(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def _hedge_status(self) -> numpy.typing.NDArray[numpy.uint8]: ...
    @property
    def _outcome(self) -> numpy.typing.NDArray[numpy.uint8]: ...
    @property
    def _reasons(self) -> numpy.typing.NDArray[numpy.uint64]: ...
    @property
    def _status(self) -> numpy.typing.NDArray[numpy.uint8]: ...
    @property
    def _trade_cost(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def _trade_drift_after(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def _trade_drift_before(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def _trade_instrument(self) -> numpy.typing.NDArray[numpy.int64]: ...
    @property
    def _trade_limit_price(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def _trade_notional(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def _trade_price(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def _trade_reasons(self) -> numpy.typing.NDArray[numpy.uint64]: ...
    @property
    def _trade_risk_removed(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def _trade_size(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def _trade_underlying(self) -> numpy.typing.NDArray[numpy.int64]: ...
    @property
    def cost(self) -> float:
        """
        Expected cost of the trades: fees and half-spreads, quote currency.
        """
    @property
    def equity(self) -> float:
        """
        Quote currency; NaN while a row that is held has no value.
        """
    @property
    def equity_after(self) -> float:
        """
        Equity less the expected cost of the trades.
        """
    @property
    def index(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def n_trades(self) -> int: ...
    @property
    def node_status(self) -> numpy.typing.NDArray[numpy.uint8]:
        """
        RowStatus of every node, as uint8.
        """
    @property
    def now_ns(self) -> int:
        """
        The moment of the tick.
        """
    @property
    def row_status(self) -> numpy.typing.NDArray[numpy.uint8]:
        """
        RowStatus of every instrument, as uint8.
        """
    @property
    def weight(self) -> numpy.typing.NDArray[numpy.float64]: ...

class HedgeResult:
    """
    What to trade, what it costs and what it leaves.

    Arrays are read-only views that keep the result alive. ``objective`` = ``risk`` + ``cost``, in quote currency.
    """
    def __repr__(self) -> str: ...
    @property
    def clash(self) -> numpy.typing.NDArray[numpy.uint8]:
        """
        1 for the limits and rows that cannot hold together: (k + r,).
        """
    @property
    def cost(self) -> float: ...
    @property
    def gap(self) -> float:
        """
        How far the objective can be from the best there is; NaN unless solved.
        """
    @property
    def iterations(self) -> int: ...
    @property
    def limit_price(self) -> numpy.typing.NDArray[numpy.float64]:
        """
        What one more unit of each limit would save: (k,); < 0 where the exposure stands at -limit.
        """
    @property
    def marginal(self) -> numpy.typing.NDArray[numpy.float64]:
        """
        What one more contract would add to the risk, limits and rows priced in: (m,). An instrument is left alone while -cost_buy <= marginal <= cost_sell.
        """
    @property
    def message(self) -> str:
        """
        What stood in the way; empty if nothing did.
        """
    @property
    def objective(self) -> float: ...
    @property
    def relaxation(self) -> numpy.typing.NDArray[numpy.float64]:
        """
        By how much each limit, then each row, had to be exceeded: (k + r,).
        """
    @property
    def residual(self) -> numpy.typing.NDArray[numpy.float64]:
        """
        Exposures afterwards: (k,).
        """
    @property
    def risk(self) -> float: ...
    @property
    def risk_before(self) -> float: ...
    @property
    def row_price(self) -> numpy.typing.NDArray[numpy.float64]:
        """
        What one more unit of row_upper would save, or < 0 one less of row_lower: (r,).
        """
    @property
    def row_use(self) -> numpy.typing.NDArray[numpy.float64]:
        """
        What the trades use of each row: (r,).
        """
    @property
    def status(self) -> SolveStatus: ...
    @property
    def trades(self) -> numpy.typing.NDArray[numpy.float64]:
        """
        Contracts to trade, bought > 0: (m,).
        """

class HedgeSolver:
    """
    The hedge optimum, preallocated and warm: update what moved, solve.

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
    """
    def __init__(
        self,
        n_greeks: typing.SupportsInt | typing.SupportsIndex,
        n_instruments: typing.SupportsInt | typing.SupportsIndex,
        n_rows: typing.SupportsInt | typing.SupportsIndex = 0,
    ) -> None: ...
    def __repr__(self) -> str: ...
    def solve(self, warm: bool = True) -> HedgeResult:
        """
        The optimum, found from where the last one was or, with warm=False, from nothing.
        """
    def solve_lots(
        self,
        lot_size: numpy.typing.ArrayLike,
        *,
        min_size: numpy.typing.ArrayLike = 0,
        position: numpy.typing.ArrayLike = 0,
        ticket: numpy.typing.ArrayLike = 0,
        max_trades: typing.SupportsInt | typing.SupportsIndex = 0,
        max_nodes: typing.SupportsInt | typing.SupportsIndex = 1000,
    ) -> HedgeResult:
        """
        The best trades in whole lots that a bounded search finds.

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
        """
    def update(
        self,
        *,
        greeks: typing.Any = None,
        exposure: typing.Any = None,
        penalty: typing.Any = None,
        cost_buy: typing.Any = None,
        cost_sell: typing.Any = None,
        impact: typing.Any = None,
        lower: typing.Any = None,
        upper: typing.Any = None,
        limit: typing.Any = None,
        rows: typing.Any = None,
        rows_sell: typing.Any = None,
        row_lower: typing.Any = None,
        row_upper: typing.Any = None,
    ) -> None:
        """
        Change what is given and keep the rest; if anything is wrong, nothing changes.
        """
    @property
    def n_greeks(self) -> int: ...
    @property
    def n_instruments(self) -> int: ...
    @property
    def n_rows(self) -> int: ...

class Cppi:
    def __init__(
        self,
        multiplier: typing.SupportsFloat | typing.SupportsIndex,
        floor: typing.SupportsFloat | typing.SupportsIndex,
        equity: typing.SupportsFloat | typing.SupportsIndex,
        *,
        exposure: typing.SupportsFloat | typing.SupportsIndex,
        max_leverage: typing.SupportsFloat | typing.SupportsIndex,
        ratchet: typing.SupportsFloat | typing.SupportsIndex,
        lower: typing.SupportsFloat | typing.SupportsIndex,
        upper: typing.SupportsFloat | typing.SupportsIndex,
        cost_rate: typing.SupportsFloat | typing.SupportsIndex,
    ) -> None: ...
    def _walk(
        self,
        asset_return: numpy.typing.ArrayLike,
        cash_return: numpy.typing.ArrayLike,
        carry: typing.Any,
        floor_return: typing.Any,
        out: typing.Any,
    ) -> tuple[numpy.typing.NDArray[numpy.float64], ...]: ...
    def step(
        self,
        asset_return: typing.SupportsFloat | typing.SupportsIndex,
        cash_return: typing.SupportsFloat | typing.SupportsIndex = 0.0,
        carry: typing.SupportsFloat | typing.SupportsIndex | None = None,
        floor_return: typing.SupportsFloat | typing.SupportsIndex | None = None,
    ) -> float: ...
    def update(
        self,
        equity: typing.SupportsFloat | typing.SupportsIndex,
        exposure: typing.SupportsFloat | typing.SupportsIndex,
        growth: typing.SupportsFloat | typing.SupportsIndex = 1.0,
    ) -> float: ...
    @property
    def equity(self) -> float: ...
    @property
    def exposure(self) -> float: ...
    @property
    def floor(self) -> float: ...
    @property
    def max_leverage(self) -> float: ...
    @property
    def multiplier(self) -> float: ...

class FixedFraction:
    def __init__(
        self,
        fraction: typing.SupportsFloat | typing.SupportsIndex,
        equity: typing.SupportsFloat | typing.SupportsIndex,
        *,
        exposure: typing.SupportsFloat | typing.SupportsIndex,
        band: typing.SupportsFloat | typing.SupportsIndex,
        cost_rate: typing.SupportsFloat | typing.SupportsIndex,
    ) -> None: ...
    def _walk(
        self,
        asset_return: numpy.typing.ArrayLike,
        cash_return: numpy.typing.ArrayLike,
        carry: typing.Any,
        out: typing.Any,
    ) -> tuple[numpy.typing.NDArray[numpy.float64], ...]: ...
    def step(
        self,
        asset_return: typing.SupportsFloat | typing.SupportsIndex,
        cash_return: typing.SupportsFloat | typing.SupportsIndex = 0.0,
        carry: typing.SupportsFloat | typing.SupportsIndex | None = None,
    ) -> float: ...
    def update(
        self, equity: typing.SupportsFloat | typing.SupportsIndex, exposure: typing.SupportsFloat | typing.SupportsIndex
    ) -> float: ...
    @property
    def equity(self) -> float: ...
    @property
    def exposure(self) -> float: ...
    @property
    def fraction(self) -> float: ...

class VolatilityTarget:
    def __init__(
        self,
        target: typing.SupportsFloat | typing.SupportsIndex,
        *,
        cap: typing.SupportsFloat | typing.SupportsIndex,
        band: typing.SupportsFloat | typing.SupportsIndex,
        smoothing: typing.SupportsFloat | typing.SupportsIndex,
    ) -> None: ...
    def _walk(
        self, vol: numpy.typing.ArrayLike, out: typing.Any
    ) -> tuple[numpy.typing.NDArray[numpy.float64], ...]: ...
    def update(self, vol: typing.SupportsFloat | typing.SupportsIndex) -> float: ...
    @property
    def cap(self) -> float: ...
    @property
    def scale(self) -> float: ...
    @property
    def target(self) -> float: ...

class RebalanceResult:
    """
    What to trade, and what it costs and leaves.
    """
    def __repr__(self) -> str: ...
    @property
    def cost(self) -> float:
        """
        Linear cost and impact of the trades.
        """
    @property
    def iterations(self) -> int:
        """
        Newton steps taken.
        """
    @property
    def leverage(self) -> float:
        """
        Sum of absolute weights after the trades.
        """
    @property
    def message(self) -> str:
        """
        Which rows cannot hold together and what would let them; empty if solved.
        """
    @property
    def multipliers(self) -> numpy.typing.NDArray[numpy.float64]:
        """
        Of the n_factors factors, the budget, turnover and leverage: a warm start, and what one unit more of each cap would take off the objective.
        """
    @property
    def objective(self) -> float:
        """
        The objective at the trades.
        """
    @property
    def relaxation(self) -> dict[str, float]:
        """
        What was added to rows that nothing satisfies, by name; empty if there was no need.
        """
    @property
    def risk(self) -> float:
        """
        Tracking variance after the trades, (w + x - t)'(B F B' + D)(w + x - t).
        """
    @property
    def status(self) -> SolveStatus:
        """
        How the solve ended; trades of anything but ``solved`` are not optimal.
        """
    @property
    def trades(self) -> numpy.typing.NDArray[numpy.float64]:
        """
        Change of each weight, shape (n_assets,); bought > 0.
        """
    @property
    def turnover(self) -> float:
        """
        Sum of absolute trades.
        """

class RebalanceSolver:
    def __init__(
        self,
        n_assets: typing.SupportsInt | typing.SupportsIndex,
        n_factors: typing.SupportsInt | typing.SupportsIndex,
        *,
        max_iterations: typing.SupportsInt | typing.SupportsIndex = 300,
        tolerance: typing.SupportsFloat | typing.SupportsIndex = 1e-12,
    ) -> None: ...
    def solve(self) -> RebalanceResult: ...
    def start_cold(self) -> None:
        """
        Let the next solve start from nothing.
        """
    def start_from(self, multipliers: numpy.typing.ArrayLike) -> None:
        """
        Let the next solve start from the multipliers of another.
        """
    def update(self, **kwargs: typing.Any) -> None: ...
    @property
    def n_assets(self) -> int: ...
    @property
    def n_factors(self) -> int: ...

def _map(function: str, x: numpy.typing.ArrayLike) -> numpy.typing.NDArray[numpy.float64]:
    """
    exp, log, normal_density or normal_cdf of a column, as the kernels compute it; for tests.
    """

def _use_isa(name: str) -> None:
    """
    Switch instruction sets; for tests and benches. Not while another thread computes.
    """

def active_isa() -> str:
    """
    The instruction set in use: the best one, or the one that the environment variable REBALANCE_ISA names.
    """

def american(
    spot: numpy.typing.ArrayLike,
    strike: numpy.typing.ArrayLike,
    vol: numpy.typing.ArrayLike,
    years: numpy.typing.ArrayLike,
    phi: numpy.typing.ArrayLike,
    rate: numpy.typing.ArrayLike = 0.0,
    dividend_yield: numpy.typing.ArrayLike = 0.0,
    *,
    accuracy: str = "fast",
    order: int = 1,
    out: Greeks | None = None,
    threads: int = 1,
) -> Greeks:
    """
    Value, Greeks and exercise boundary of American options on a spot price with a dividend yield.

    ``boundary`` is the spot at which to exercise now: at or below it a put, at or above it a call is worth its
    payoff, with delta ``phi`` and every other derivative 0. vega, rho and rho_dividend include the movement of the
    boundary. Where early exercise never pays (a put with rate <= 0 and dividend_yield >= rate, a call with the two
    exchanged) the result is that of ``bsm``, and the boundary is 0 or infinity. With dividend_yield < rate < 0 a put
    (with rate < dividend_yield < 0 a call) has two boundaries: such rows get NaN and ``RowStatus.two_boundaries``.
    Andersen, Lake and Offengenden (2016), J. Computational Finance 20(1):39-87.

    Parameters
    ----------
    spot, strike : array_like
        Quote currency per unit of underlying, above 0.
    vol : array_like
        Per square root of a year: 0.6 is 60 %.
    years : array_like
        Time to expiry in years of 365 days.
    phi : array_like
        +1 for calls, -1 for puts.
    rate, dividend_yield : array_like
        Continuous, per year.
    accuracy : {'fast', 'accurate'}
        Error of the value at most 1e-8 of the strike (5e-8 where vol sqrt(years) > 1 and rate < dividend_yield; for
        calls rate > dividend_yield), or 1e-10.
    order : int
        1: value, delta, gamma, vega, theta, rho. 2: also vanna, volga, charm, veta, dual_delta, dual_gamma.
        3: also speed, zomma, color, ultima. Left out: that of ``out``, or 1.
    out : Greeks, optional
        Where to write; its shape must be what the inputs broadcast to. Nothing is allocated then.
    threads : int
        For large batches. Results do not depend on it.

    Returns
    -------
    Greeks
        Bare partial derivatives: vega per 1.00 of vol, rho per 1.00 of rate, theta, charm, veta and color per year of
        calendar time. Numbers for numbers, arrays for arrays. ``status`` says of each row whether it is a limit or has
        no value: years = 0 or vol = 0 give the payoff; a NaN, an infinity, a price out of range, a negative vol or time
        and a phi other than +1 or -1 give NaN in every column of that row and leave the others alone.

    Raises
    ------
    ValueError
        If the shapes do not broadcast, or ``out`` does not fit. Both shapes are given.
    TypeError
        If an argument is not made of real numbers. It is named.
    """

def bachelier(
    forward: numpy.typing.ArrayLike,
    strike: numpy.typing.ArrayLike,
    normal_vol: numpy.typing.ArrayLike,
    years: numpy.typing.ArrayLike,
    phi: numpy.typing.ArrayLike,
    rate: numpy.typing.ArrayLike = 0.0,
    *,
    order: int = 1,
    out: Greeks | None = None,
    threads: int = 1,
) -> Greeks:
    """
    Value and Greeks of European options on a forward that moves by amounts (Bachelier), in quote currency.

    Derivatives hold the forward fixed. Bachelier (1900); Schachermayer and Teichmann (2008), Math. Finance 18:155-170.

    Parameters
    ----------
    forward, strike : array_like
        Quote currency per unit of underlying, of any sign.
    normal_vol : array_like
        Quote currency per square root of a year.
    years : array_like
        Time to expiry in years of 365 days.
    phi : array_like
        +1 for calls, -1 for puts.
    rate : array_like
        Continuous, per year.
    order : int
        1: value, delta, gamma, vega, theta, rho. 2: also vanna, volga, charm, veta, dual_delta, dual_gamma.
        3: also speed, zomma, color, ultima. Left out: that of ``out``, or 1.
    out : Greeks, optional
        Where to write; its shape must be what the inputs broadcast to. Nothing is allocated then.
    threads : int
        For large batches. Results do not depend on it.

    Returns
    -------
    Greeks
        Bare partial derivatives: vega per 1.00 of vol, rho per 1.00 of rate, theta, charm, veta and color per year of
        calendar time. Numbers for numbers, arrays for arrays. ``status`` says of each row whether it is a limit or has
        no value: years = 0 or vol = 0 give the payoff; a NaN, an infinity, a price out of range, a negative vol or time
        and a phi other than +1 or -1 give NaN in every column of that row and leave the others alone.

    Raises
    ------
    ValueError
        If the shapes do not broadcast, or ``out`` does not fit. Both shapes are given.
    TypeError
        If an argument is not made of real numbers. It is named.
    """

def black76(
    forward: numpy.typing.ArrayLike,
    strike: numpy.typing.ArrayLike,
    vol: numpy.typing.ArrayLike,
    years: numpy.typing.ArrayLike,
    phi: numpy.typing.ArrayLike,
    rate: numpy.typing.ArrayLike = 0.0,
    *,
    order: int = 1,
    out: Greeks | None = None,
    threads: int = 1,
) -> Greeks:
    """
    Value and Greeks of European options on a forward (Black-76), in quote currency.

    Derivatives hold the forward fixed: rho = -years value. Black (1976), J. Financial Economics 3:167-179.

    Parameters
    ----------
    forward, strike : array_like
        Quote currency per unit of underlying, above 0.
    vol : array_like
        Per square root of a year: 0.6 is 60 %.
    years : array_like
        Time to expiry in years of 365 days.
    phi : array_like
        +1 for calls, -1 for puts.
    rate : array_like
        Continuous, per year.
    order : int
        1: value, delta, gamma, vega, theta, rho. 2: also vanna, volga, charm, veta, dual_delta, dual_gamma.
        3: also speed, zomma, color, ultima. Left out: that of ``out``, or 1.
    out : Greeks, optional
        Where to write; its shape must be what the inputs broadcast to. Nothing is allocated then.
    threads : int
        For large batches. Results do not depend on it.

    Returns
    -------
    Greeks
        Bare partial derivatives: vega per 1.00 of vol, rho per 1.00 of rate, theta, charm, veta and color per year of
        calendar time. Numbers for numbers, arrays for arrays. ``status`` says of each row whether it is a limit or has
        no value: years = 0 or vol = 0 give the payoff; a NaN, an infinity, a price out of range, a negative vol or time
        and a phi other than +1 or -1 give NaN in every column of that row and leave the others alone.

    Raises
    ------
    ValueError
        If the shapes do not broadcast, or ``out`` does not fit. Both shapes are given.
    TypeError
        If an argument is not made of real numbers. It is named.
    """

def bsm(
    spot: numpy.typing.ArrayLike,
    strike: numpy.typing.ArrayLike,
    vol: numpy.typing.ArrayLike,
    years: numpy.typing.ArrayLike,
    phi: numpy.typing.ArrayLike,
    rate: numpy.typing.ArrayLike = 0.0,
    dividend_yield: numpy.typing.ArrayLike = 0.0,
    *,
    order: int = 1,
    out: Greeks | None = None,
    threads: int = 1,
) -> Greeks:
    """
    Value and Greeks of European options on a spot price (Black-Scholes-Merton), in quote currency.

    ``rho_dividend`` is the derivative in the dividend yield. Black and Scholes (1973), J. Political Economy 81:637-654;
    Merton (1973), Bell J. Economics 4:141-183.

    Parameters
    ----------
    spot, strike : array_like
        Quote currency per unit of underlying, above 0.
    vol : array_like
        Per square root of a year: 0.6 is 60 %.
    years : array_like
        Time to expiry in years of 365 days.
    phi : array_like
        +1 for calls, -1 for puts.
    rate, dividend_yield : array_like
        Continuous, per year.
    order : int
        1: value, delta, gamma, vega, theta, rho. 2: also vanna, volga, charm, veta, dual_delta, dual_gamma.
        3: also speed, zomma, color, ultima. Left out: that of ``out``, or 1.
    out : Greeks, optional
        Where to write; its shape must be what the inputs broadcast to. Nothing is allocated then.
    threads : int
        For large batches. Results do not depend on it.

    Returns
    -------
    Greeks
        Bare partial derivatives: vega per 1.00 of vol, rho per 1.00 of rate, theta, charm, veta and color per year of
        calendar time. Numbers for numbers, arrays for arrays. ``status`` says of each row whether it is a limit or has
        no value: years = 0 or vol = 0 give the payoff; a NaN, an infinity, a price out of range, a negative vol or time
        and a phi other than +1 or -1 give NaN in every column of that row and leave the others alone.

    Raises
    ------
    ValueError
        If the shapes do not broadcast, or ``out`` does not fit. Both shapes are given.
    TypeError
        If an argument is not made of real numbers. It is named.
    """

def digital(
    spot: numpy.typing.ArrayLike,
    strike: numpy.typing.ArrayLike,
    vol: numpy.typing.ArrayLike,
    years: numpy.typing.ArrayLike,
    phi: numpy.typing.ArrayLike,
    rate: numpy.typing.ArrayLike = 0.0,
    dividend_yield: numpy.typing.ArrayLike = 0.0,
    *,
    payoff: str = "cash",
    order: int = 1,
    out: Greeks | None = None,
    threads: int = 1,
) -> Greeks:
    """
    Value and Greeks of digital options, paid at expiry if phi (S - strike) > 0.

    A European option is phi (asset - strike cash). At the limits, exactly at the strike, half is paid.
    Reiner and Rubinstein (1991), Risk 4:75-83.

    Parameters
    ----------
    spot, strike : array_like
        Quote currency per unit of underlying, above 0.
    vol : array_like
        Per square root of a year: 0.6 is 60 %.
    years : array_like
        Time to expiry in years of 365 days.
    phi : array_like
        +1 for calls, -1 for puts.
    rate, dividend_yield : array_like
        Continuous, per year.
    payoff : 'cash' or 'asset'
        One unit of quote currency, or the underlying itself.
    order : int
        1: value, delta, gamma, vega, theta, rho. 2: also vanna, volga, charm, veta, dual_delta, dual_gamma.
        3: also speed, zomma, color, ultima. Left out: that of ``out``, or 1.
    out : Greeks, optional
        Where to write; its shape must be what the inputs broadcast to. Nothing is allocated then.
    threads : int
        For large batches. Results do not depend on it.

    Returns
    -------
    Greeks
        Bare partial derivatives: vega per 1.00 of vol, rho per 1.00 of rate, theta, charm, veta and color per year of
        calendar time. Numbers for numbers, arrays for arrays. ``status`` says of each row whether it is a limit or has
        no value: years = 0 or vol = 0 give the payoff; a NaN, an infinity, a price out of range, a negative vol or time
        and a phi other than +1 or -1 give NaN in every column of that row and leave the others alone.

    Raises
    ------
    ValueError
        If the shapes do not broadcast, or ``out`` does not fit. Both shapes are given.
    TypeError
        If an argument is not made of real numbers. It is named.
    """

def hedge(
    greeks: numpy.typing.ArrayLike,
    exposure: numpy.typing.ArrayLike,
    penalty: numpy.typing.ArrayLike,
    *,
    cost_buy: numpy.typing.ArrayLike,
    cost_sell: numpy.typing.ArrayLike,
    impact: numpy.typing.ArrayLike = 0,
    lower: numpy.typing.ArrayLike,
    upper: numpy.typing.ArrayLike,
    limit: typing.Any = None,
    rows: typing.Any = None,
    rows_sell: typing.Any = None,
    row_lower: typing.Any = None,
    row_upper: typing.Any = None,
    warm_start: typing.Any = None,
) -> HedgeResult:
    """
    What to trade in which instruments when trading costs money.

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
    >>> result.status.name, np.round(result.trades, 2) + 0.0
    ('solved', array([ 7.86,  1.07, -0.  ]))
    """

def hedge_many(
    greeks: numpy.typing.ArrayLike,
    exposure: numpy.typing.ArrayLike,
    penalty: numpy.typing.ArrayLike,
    *,
    cost_buy: numpy.typing.ArrayLike,
    cost_sell: numpy.typing.ArrayLike,
    impact: numpy.typing.ArrayLike = 0,
    lower: numpy.typing.ArrayLike,
    upper: numpy.typing.ArrayLike,
    limit: typing.Any = None,
    threads: typing.SupportsInt | typing.SupportsIndex = 1,
) -> tuple:
    """
    The hedge optimum of many books in one call.

    As :func:`hedge`, with exposures of shape (books, k) and Greeks of shape (k, m) or (books, k, m); costs, bounds, limits
    and the penalty are shared. Every book is solved from nothing, so the answers do not depend on ``threads``.

    Returns
    -------
    tuple of ndarray
        trades (books, m), objective (books,), cost (books,), residual (books, k), status (books,) of ``SolveStatus``.
    """

def implied_vol(
    price: numpy.typing.ArrayLike,
    forward: numpy.typing.ArrayLike,
    strike: numpy.typing.ArrayLike,
    years: numpy.typing.ArrayLike,
    phi: numpy.typing.ArrayLike,
    rate: numpy.typing.ArrayLike = 0.0,
    *,
    model: str = "black76",
    out: tuple[numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.uint8]] | None = None,
    threads: int = 1,
) -> tuple[typing.Any, typing.Any]:
    """
    The vol that a price means, and a status per row.

    Accuracy: 8 x 2^-53 (1 + c), c the condition number, from prices of 1e-300 of the smaller of forward and strike up to
    the upper bound. Method: header implied_vol.hpp, after Jaeckel (2015), Wilmott 75:40-53.

    Parameters
    ----------
    price : array_like
        Quote currency; coin for ``model='inverse'``.
    forward, strike : array_like
        Quote currency per unit of underlying, above 0; of any sign for ``model='bachelier'``.
    years : array_like
        Time to expiry in years of 365 days.
    phi : array_like
        +1 for calls, -1 for puts.
    rate : array_like
        Continuous, per year; the price is discounted at it. Not used by ``model='inverse'``.
    model : 'black76', 'bachelier' or 'inverse'
        What the vol is a vol of; bachelier's is in quote currency per square root of a year.
    out : (vol, status), optional
        Arrays of float64 and uint8 to write to, of the shape that the inputs broadcast to.
    threads : int
        For large batches. Results do not depend on it.

    Returns
    -------
    vol : float or ndarray of float64
        NaN where no vol gives the price.
    status : RowStatus or ndarray of uint8
        ``ok``; ``at_intrinsic`` (vol is 0); ``below_intrinsic``, ``above_upper_bound``, ``not_a_number``, ``infinite``,
        ``nonpositive_price``, ``expired``, ``at_expiry`` and ``bad_phi`` (vol is NaN).

    Raises
    ------
    ValueError
        If the shapes do not broadcast, ``out`` does not fit, or the model is unknown: the message lists those known.
    TypeError
        If an argument is not made of real numbers. It is named.
    """

def inverse(
    forward: numpy.typing.ArrayLike,
    strike: numpy.typing.ArrayLike,
    vol: numpy.typing.ArrayLike,
    years: numpy.typing.ArrayLike,
    phi: numpy.typing.ArrayLike,
    *,
    order: int = 1,
    out: Greeks | None = None,
    threads: int = 1,
) -> Greeks:
    """
    Value in coin and Greeks of coin-settled (inverse) European options.

    The value is black76 / forward; delta and gamma are plain derivatives of it in the forward. ``delta_pa`` =
    F dC/dF and ``gamma_pa`` = F^2 d2C/dF2 are the premium-adjusted pair that coin-margined venues report. rho is 0:
    the carry is in the forward. Alexander and Imeraj (2023), arXiv:2107.12041.

    Parameters
    ----------
    forward, strike : array_like
        Quote currency per coin, above 0.
    vol : array_like
        Per square root of a year: 0.6 is 60 %.
    years : array_like
        Time to expiry in years of 365 days.
    phi : array_like
        +1 for calls, -1 for puts.
    order : int
        1: value, delta, gamma, vega, theta, rho. 2: also vanna, volga, charm, veta, dual_delta, dual_gamma.
        3: also speed, zomma, color, ultima. Left out: that of ``out``, or 1.
    out : Greeks, optional
        Where to write; its shape must be what the inputs broadcast to. Nothing is allocated then.
    threads : int
        For large batches. Results do not depend on it.

    Returns
    -------
    Greeks
        Bare partial derivatives: vega per 1.00 of vol, rho per 1.00 of rate, theta, charm, veta and color per year of
        calendar time. Numbers for numbers, arrays for arrays. ``status`` says of each row whether it is a limit or has
        no value: years = 0 or vol = 0 give the payoff; a NaN, an infinity, a price out of range, a negative vol or time
        and a phi other than +1 or -1 give NaN in every column of that row and leave the others alone.

    Raises
    ------
    ValueError
        If the shapes do not broadcast, or ``out`` does not fit. Both shapes are given.
    TypeError
        If an argument is not made of real numbers. It is named.
    """

def local_band(
    variance_rate: numpy.typing.ArrayLike,
    penalty: numpy.typing.ArrayLike,
    linear_cost: numpy.typing.ArrayLike,
    fixed_cost: numpy.typing.ArrayLike = 0.0,
    *,
    out: typing.Any = None,
    threads: typing.SupportsInt | typing.SupportsIndex = 1,
) -> typing.Any:
    """
    When to trade, where to, and what that costs: the best rule for a deviation that must be paid to reduce.

    While nobody trades, the deviation x from target wanders with ``variance_rate``; it is penalised at penalty x^2 / 2 a
    year; a trade costs fixed_cost + linear_cost |trade|. The best rule trades once |x| reaches ``trigger`` a, until it is
    ``destination`` b, where with beta = penalty / (3 variance_rate)

        beta a b (a + b) = linear_cost        beta (a - b)^3 (a + b) = 4 fixed_cost

    Without a fixed cost a = b: trade just enough to stay at the edge. Without a linear cost b = 0: jump to the target.

    Parameters
    ----------
    variance_rate
        Units squared per year. 0: nothing moves; every column is 0 and the status is ``zero_vol``.
    penalty
        Money per unit squared and year, above 0.
    linear_cost
        Money per unit traded, one way: half the spread and the fee.
    fixed_cost
        Money per trade: gas, a ticket.
    out : Band, optional
        To write into; it has the shape that the inputs broadcast to.
    threads : int
        For large batches. No result depends on it.

    Returns
    -------
    Band
        Numbers if every input is a number, else arrays of the shape that the inputs broadcast to. Rows with a bad input are
        NaN, and their status says why; the other rows are untouched.

    Raises
    ------
    ValueError
        If shapes do not broadcast together; both are given.

    Notes
    -----
    The six numbers are within 2e-15 (relative) of 50-digit arithmetic for any positive doubles: ``tests/reference/bands.py``.
    The long-run figures hold for a deviation that is watched without pause and does not drift.

    From Whalley and Wilmott (1999), European J. Applied Mathematics 10:117-139; Kallsen and Muhle-Karbe (2017), Mathematical
    Finance 27:659-703.

    Examples
    --------
    >>> from rebalance_core.triggers import local_band
    >>> band = local_band(0.2, 3.0, 0.5, 2.0)
    >>> round(band.trigger, 12), round(band.destination, 11), round(band.cost_rate, 11)
    (1.161221654745, 0.06994673048, 0.71727596733)
    """

def restore_weights(
    value: numpy.typing.ArrayLike,
    weight: numpy.typing.ArrayLike,
    equity: typing.SupportsFloat | typing.SupportsIndex,
    cost_rate: numpy.typing.ArrayLike,
) -> tuple[numpy.typing.NDArray[numpy.float64], float]: ...
def risk_budget(
    covariance: typing.Any,
    loadings: typing.Any,
    factor_cov: typing.Any,
    specific_var: typing.Any,
    budgets: typing.Any,
    start: typing.Any,
    tolerance: typing.SupportsFloat | typing.SupportsIndex,
) -> tuple[numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64], str, float, float, int, int]: ...
def round_to_lots(
    wanted: numpy.typing.ArrayLike,
    lot_size: numpy.typing.ArrayLike,
    min_notional: numpy.typing.ArrayLike,
    contract_notional: numpy.typing.ArrayLike,
    position: numpy.typing.ArrayLike,
    reduce_only: bool,
) -> numpy.typing.NDArray[numpy.float64]: ...
def supported_isas() -> list[str]:
    """
    Instruction sets that this build has and this processor runs, best first.
    """

EXPOSURES: tuple[str, ...] = (
    "value",
    "value_coin",
    "delta",
    "delta_pa",
    "gamma",
    "gamma_pa",
    "vega",
    "vega_coin",
    "theta",
    "theta_coin",
    "rho",
    "rho_coin",
    "gross_notional",
    "net_notional",
    "delta_smile",
)
KINDS: tuple[str, ...] = (
    "spot",
    "linear_perpetual",
    "inverse_perpetual",
    "linear_future",
    "inverse_future",
    "linear_option",
    "inverse_option",
)
OUTCOMES: tuple[str, ...] = (
    "hold",
    "trade",
    "no_target",
    "no_hedge",
    "not_hedgeable",
    "bad_data",
    "no_equity",
    "below_lot",
    "below_min_notional",
    "reduce_only",
    "cost_above_benefit",
)
QUANTITIES: tuple[str, ...] = ("weight", "delta", "gamma", "vega")
__version__: str = "0.1.0"
