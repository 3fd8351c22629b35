"""The tick: :class:`Engine` and the :class:`Plan` it returns."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from . import _core, pricing
from ._core import RowStatus, SolveStatus
from ._tables import Table, duration_ns, html_table, per_underlying, shown, text_table
from .book import KINDS, Book, Instruments
from .drift import QUANTITIES, Targets
from .guards import CostGate
from .market import Market
from .sizing._greek_hedge import HEDGED_GREEKS, GreekHedge
from .triggers import Trigger

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

__all__ = ["EXPOSURES", "OUTCOMES", "Engine", "Plan"]

#: Fields of the exposures of an underlying or a node.
EXPOSURES: tuple[str, ...] = _core.EXPOSURES

#: What can become of an underlying in a tick.
OUTCOMES: tuple[str, ...] = _core.OUTCOMES

_SENTENCES = {
    "hold": "holds: no condition met",
    "trade": "trades",
    "no_target": "has no target",
    "no_hedge": "should trade, but has no hedge instrument",
    "not_hedgeable": "is out of its gamma or vega band; it has no delta or weight target to trade to",
    "bad_data": "is not traded: a price or vol it needs has no usable value",
    "no_equity": "is not traded: the equity is not positive or not known",
    "below_lot": "should trade less than half a lot",
    "below_min_notional": "should trade less than the minimum notional",
    "reduce_only": "should trade, but its hedge may only shrink its position",
    "cost_above_benefit": "should trade, but that costs more than the risk it removes",
}


class Plan(_core.Plan):
    """What one tick says: what to trade, why, what it costs, and what it leaves.

    The plan that ``Engine.tick`` returns is the engine's own: its columns are views that hold until the next tick.
    ``copy()`` keeps one.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._instruments: Instruments = engine.book.instruments
        self._conditions: list[str] = [repr(condition) for condition in engine.trigger.conditions()]

    def copy(self) -> Plan:
        """The plan as it is now, for keeps."""
        kept = Plan.__new__(Plan)
        _core.Plan.__init__(kept, self)
        kept._instruments = self._instruments
        kept._conditions = self._conditions
        return kept

    @property
    def trades(self) -> Table:
        """The proposed trades: one row each, sizes in contracts (bought > 0), money in quote currency."""
        instrument, underlying = self._trade_instrument, self._trade_underlying
        symbols, names = self._instruments.symbol, self._instruments.underlyings
        return Table(
            {
                "instrument": instrument,
                "symbol": [symbols[i] for i in instrument],
                "underlying": [names[u] for u in underlying],
                "size": self._trade_size,
                "price": self._trade_price,
                "limit_price": self._trade_limit_price,
                "notional": self._trade_notional,
                "cost": self._trade_cost,
                "drift_before": self._trade_drift_before,
                "drift_after": self._trade_drift_after,
                "risk_removed": self._trade_risk_removed,
                "why": [self._reason(bits) for bits in self._trade_reasons],
            },
            "trades",
        )

    @property
    def trade_size(self) -> npt.NDArray[np.float64]:
        """Contracts to trade per instrument, 0 for most: a new array."""
        sizes = np.zeros(len(self._instruments))
        sizes[self._trade_instrument] = self._trade_size
        return sizes

    @property
    def exposures(self) -> Table:
        """Exposures before trading, one row per underlying, in quote currency and in coin."""
        columns: dict[str, Any] = {"underlying": self._instruments.underlyings}
        columns.update({name: self._exposure(name) for name in EXPOSURES})
        columns["weight"] = self.weight
        return Table(columns, "exposures")

    @property
    def node_exposures(self) -> Table:
        """Exposures before trading, one row per (underlying, expiry)."""
        columns: dict[str, Any] = self._instruments.nodes.to_dict()
        del columns["expiry_ns"]
        columns.update({name: self._node_exposure(name) for name in EXPOSURES})
        return Table(columns, "exposures by expiry")

    @property
    def drift(self) -> Table:
        """Exposure less target before trading, per underlying; NaN where there is no target or no usable exposure."""
        return self._drifts(self._drift, "drift")

    @property
    def drift_after(self) -> Table:
        """The same with the proposed trades done."""
        return self._drifts(self._drift_after, "drift after")

    def _drifts(self, column: Any, title: str) -> Table:
        columns: dict[str, Any] = {"underlying": self._instruments.underlyings}
        columns.update({name: column(name) for name in QUANTITIES})
        return Table(columns, title)

    @property
    def outcome(self) -> list[str]:
        """What became of each underlying: one of :data:`OUTCOMES`."""
        return [OUTCOMES[i] for i in self._outcome]

    @property
    def status(self) -> list[RowStatus]:
        """Per underlying: ok, or the worst of the rows held and of the prices they need."""
        return [RowStatus(i) for i in self._status]

    @property
    def why(self) -> list[str]:
        """A sentence per underlying."""
        return [self._sentence(u) for u in range(len(self._instruments.underlyings))]

    def _reason(self, bits: int) -> str:
        return "; ".join(name for i, name in enumerate(self._conditions) if int(bits) >> i & 1)

    def _sentence(self, u: int) -> str:
        outcome = OUTCOMES[self._outcome[u]]
        sentence = f"{self._instruments.underlyings[u]} {_SENTENCES[outcome]}"
        if outcome == "bad_data":
            bad = self.bad_rows(u)
            status = RowStatus(self._status[u])
            named = f" ({', '.join(bad[:3])}{', ...' if len(bad) > 3 else ''})" if bad else ""
            return f"{sentence}: {status.name if status else 'the hedge instrument'}{named}"
        reason = self._reason(self._reasons[u])
        sentence = f"{sentence}: {reason}" if reason else sentence
        return f"{sentence}; {self._hedge_words(u)}" if self._hedge_status[u] != SolveStatus.bad_input else sentence

    def _hedge_words(self, u: int) -> str:
        """What the hedge optimum removed, what bound, and what came next."""
        words = [f"risk {shown(self._hedge_risk_before[u])} -> {shown(self._hedge_risk_after[u])}"]
        binding = [greek for i, greek in enumerate(HEDGED_GREEKS) if int(self._hedge_binding[u]) >> i & 1]
        if self._hedge_status[u] == SolveStatus.infeasible:
            words.append(f"the limit of {' and '.join(binding)} cannot be met")
        elif binding:
            words.append(f"the limit of {' and '.join(binding)} binds")
        if self._hedge_next_best[u] >= 0:
            symbol = self._instruments.symbol[self._hedge_next_best[u]]
            words.append(f"next best is {symbol}, {shown(self._hedge_next_best_excess[u])} a contract too dear")
        return ", ".join(words)

    @property
    def hedge(self) -> Table:
        """What the hedge optimum of each underlying was made of; NaN and empty where it was not asked."""
        symbols, next_best = self._instruments.symbol, self._hedge_next_best
        bits = [int(b) for b in self._hedge_binding]
        return Table(
            {
                "underlying": self._instruments.underlyings,
                "status": ["" if s == SolveStatus.bad_input else SolveStatus(s).name for s in self._hedge_status],
                "risk_before": self._hedge_risk_before,
                "risk_after": self._hedge_risk_after,
                "binding": [", ".join(g for i, g in enumerate(HEDGED_GREEKS) if b >> i & 1) for b in bits],
                "next_best": [symbols[i] if i >= 0 else "" for i in next_best],
                "next_best_excess": self._hedge_next_best_excess,
            },
            "hedge",
        )

    def bad_rows(self, underlying: int | str) -> list[str]:
        """Instruments of an underlying that have no usable value now (expired ones aside), as "symbol: status"."""
        u = self._instruments.underlying_index(underlying)
        status = self.row_status
        rows = np.flatnonzero((self._instruments._underlying == u) & (status > 2) & (status != RowStatus.expired))
        symbols = self._instruments.symbol
        return [f"{symbols[i]}: {RowStatus(status[i]).name}" for i in rows]

    def to_numpy(self) -> npt.NDArray[Any]:
        """The trades as a structured array."""
        return self.trades.to_numpy()

    def to_pandas(self) -> pd.DataFrame:
        """The trades as a pandas frame; exposures and drift have ``to_pandas`` of their own."""
        return self.trades.to_pandas()

    def to_polars(self) -> pl.DataFrame:
        """The trades as a polars frame."""
        return self.trades.to_polars()

    def to_arrow(self) -> pa.Table:
        """The trades as an Arrow table."""
        return self.trades.to_arrow()

    def _sections(self) -> list[tuple[str, list[str], list[list[Any]]]]:
        """Title, header and rows of each table that a person wants to see."""
        names = self._instruments.underlyings
        shown_rows = range(min(len(names), 12))
        exposures, drift = self.exposures, self.drift
        header = ["underlying", "value", "delta", "delta_pa", "gamma", "vega", "theta", "drift", "outcome"]
        rows: list[list[Any]] = []
        for u in shown_rows:
            targets = [f"{q} {shown(drift[q][u])}" for q in QUANTITIES if not np.isnan(drift[q][u])]
            greeks = [exposures[name][u] for name in ("value", "delta", "delta_pa", "gamma", "vega", "theta")]
            rows.append([names[u], *greeks, ", ".join(targets), self.outcome[u]])
        sections = [("exposures", header, rows)]
        trades = self.trades
        if len(trades):
            columns = ["symbol", "size", "limit_price", "notional", "cost", "drift_before", "drift_after", "why"]
            sections.append(("trades", columns, [[row[c] for c in columns] for row in list(trades)[:12]]))
        return sections

    def _headline(self) -> str:
        moment = np.datetime64(self.now_ns, "ns").astype("datetime64[ms]")
        return f"Plan at {moment}Z: {self.n_trades} trades, cost {self.cost:.6g}, equity {self.equity:.10g}"

    def __repr__(self) -> str:
        parts = [self._headline()]
        for title, header, rows in self._sections():
            parts.append(f"{title}\n{text_table(header, rows)}")
        parts.extend(sentence for sentence, outcome in zip(self.why, self.outcome, strict=True) if outcome != "hold")
        return "\n".join(parts)

    def _repr_html_(self) -> str:
        from html import escape

        tables = "".join(
            f"<h4>{escape(title)}</h4>{html_table(header, rows)}" for title, header, rows in self._sections()
        )
        return f"<p><b>{escape(self._headline())}</b></p>{tables}"


class Engine(_core.Engine):
    """Marks a book, measures its drift, and says what to trade: one call a tick.

    Parameters
    ----------
    book, market
        Made from the same :class:`Instruments`. The engine reads them; change them between ticks.
    targets : Targets
    trigger : Trigger
    hedge : mapping, optional
        Which instrument (symbol or row) trades the delta of each underlying. For underlyings not named: the first
        perpetual, else the first spot row (in the quote numeraire), else the first future.
    reduce_only : iterable of str
        Underlyings whose hedge may only shrink its position.
    sizing : GreekHedge or mapping of them by underlying, optional
        Underlyings whose delta, gamma and vega are hedged together, by the cost-aware optimum over several instruments,
        instead of their delta alone. A weight target of an underlying goes before it.
    action : "target", "edge", "band" or float
        Where a trade goes: all the way, to the near edge of the band that fired, to where that band itself says (inside
        its edge where trades have a fixed cost, its edge otherwise), or that fraction of the way.
    cost_gate : CostGate, optional
    clock_step
        Time to expiry is taken at whole multiples of this, so that options are priced again when something moved or
        the clock stepped, not at every nanosecond. "1s" unless given; 0 for every instant.
    max_age
        Quotes older than this are stale and are not traded on. Never, unless given.

    Raises
    ------
    ValueError, KeyError
        If the parts do not fit together; the message names the part and the values.
    """

    def __init__(
        self,
        book: Book,
        market: Market,
        targets: Targets,
        trigger: Trigger,
        *,
        hedge: Mapping[str, str | int] | None = None,
        reduce_only: Iterable[str] = (),
        sizing: GreekHedge | Mapping[str, GreekHedge] | None = None,
        action: str | float = "target",
        cost_gate: CostGate | None = None,
        clock_step: int | str | dt.timedelta = "1s",
        max_age: int | str | dt.timedelta | None = None,
    ) -> None:
        instruments = book.instruments
        names = instruments.underlyings
        columns = targets.columns(names)
        only = np.zeros(len(names), dtype=np.uint8)
        for name in reduce_only:
            only[instruments.underlying_index(name)] = 1
        gate = cost_gate or CostGate(0.0, 0.0, 0)
        fraction = 1.0 if isinstance(action, str) else float(action)
        super().__init__(
            book,
            market,
            columns,
            trigger.build(names),
            hedge=_hedges(instruments, hedge or {}, book.numeraire),
            reduce_only=only,
            action=action if isinstance(action, str) else "fraction",
            fraction=fraction,
            risk_aversion=gate.risk_aversion,
            horizon_years=duration_ns(gate.horizon) / (365 * 86_400e9),
            vol=per_underlying(gate.vol, names, "cost gate vol", np.nan),
            clock_step_ns=duration_ns(clock_step),
            max_age_ns=0 if max_age is None else duration_ns(max_age),
            greek_hedges=_greek_hedges(instruments, sizing),
        )
        self.book = book
        self.market = market
        self.targets = targets
        self.trigger = trigger
        self._set_plan(Plan(self))

    if TYPE_CHECKING:  # the compiled method is used as it is: a Python layer would double its time

        def tick(self, now_ns: SupportsIndex) -> Plan: ...  # type: ignore[override]

        @property
        def plan(self) -> Plan: ...

    def set_targets(self, targets: Targets) -> None:
        """New targets, from the next tick on. If they do not fit, nothing changes."""
        self._set_targets(targets.columns(self.book.instruments.underlyings))
        self.targets = targets

    def greeks(self) -> Table:
        """Greeks of one contract of every instrument at the last tick, each in the currency it settles in.

        Options are priced by :mod:`rebalance_core.pricing` (``linear_option``: black76 per unit of underlying;
        ``inverse_option``: inverse), times their multiplier. Futures and perpetuals are taken as entered at their mark:
        worth 0, with the derivatives of their profit. Rows without a usable value hold NaN; ``status`` says why.
        """
        instruments = self.book.instruments
        forward, years, rate = self._row_marks()
        kind, phi, multiplier = instruments._kind, instruments.phi, instruments.multiplier
        names = ("value", "delta", "gamma", "vega", "theta", "rho", "delta_pa", "gamma_pa")
        out = {name: np.full(len(instruments), np.nan) for name in names}
        status = self.plan.row_status.copy()
        usable = status <= RowStatus.zero_vol
        for name in ("linear_option", "inverse_option"):
            rows = np.flatnonzero((kind == KINDS.index(name)) & usable)
            where = (forward[rows], instruments.strike[rows], self.market.vol[rows], years[rows], phi[rows])
            greeks = pricing.inverse(*where) if name == "inverse_option" else pricing.black76(*where, rate[rows])
            for column in greeks.names:
                out[column][rows] = getattr(greeks, column) * multiplier[rows]
            if name == "linear_option":
                out["delta_pa"][rows] = out["delta"][rows] - out["value"][rows] / forward[rows]
                out["gamma_pa"][rows] = forward[rows] * out["gamma"][rows] - 2.0 * out["delta_pa"][rows]
        rows = np.flatnonzero(~instruments.is_option & usable)
        f, m = forward[rows], multiplier[rows]
        spot = kind[rows] == KINDS.index("spot")
        inverse = np.isin(kind[rows], [KINDS.index("inverse_perpetual"), KINDS.index("inverse_future")])
        for name in ("gamma", "vega", "theta", "rho"):
            out[name][rows] = 0.0
        out["value"][rows] = np.where(spot, m * f, 0.0)
        out["delta"][rows] = np.where(inverse, m / f / f, m)
        out["gamma"][rows] = np.where(inverse, -2.0 * m / f**3, 0.0)
        out["delta_pa"][rows] = np.where(inverse, m / f, np.where(spot, 0.0, m))
        out["gamma_pa"][rows] = -2.0 * out["delta_pa"][rows]
        return Table({"symbol": instruments.symbol, "status": [RowStatus(s).name for s in status], **out}, "greeks")

    def __repr__(self) -> str:
        return f"Engine({self.book!r}, {self.targets!r}, {self.trigger!r})"


def _greek_hedges(instruments: Instruments, sizing: GreekHedge | Mapping[str, GreekHedge] | None) -> list[Any]:
    """Per underlying: rows, penalty, limit, largest trades; without rows where the hedge trades delta alone."""
    names = instruments.underlyings
    if isinstance(sizing, GreekHedge):
        first = instruments.row(next(iter(sizing.instruments), 0))
        sizing = {names[instruments._underlying[first]]: sizing}
    none = np.zeros(0)
    columns: list[Any] = [(np.zeros(0, dtype=np.int32), none, none, none) for _ in names]
    for name, rule in (sizing or {}).items():
        columns[instruments.underlying_index(name)] = rule.columns(instruments)
    return columns


def _hedges(instruments: Instruments, given: Mapping[str, str | int], numeraire: str) -> npt.NDArray[np.int32]:
    """The instrument that trades each underlying's delta; -1 where there is none."""
    hedge = np.full(len(instruments.underlyings), -1, dtype=np.int32)
    preferred = ["inverse_perpetual", "linear_perpetual", "spot", "inverse_future", "linear_future"]
    if numeraire == "coin":
        preferred.remove("spot")
    kind, underlying = instruments._kind, instruments._underlying
    for name in reversed(preferred):
        rows = np.flatnonzero(kind == KINDS.index(name))[::-1]
        hedge[underlying[rows]] = rows
    for name, instrument in given.items():
        hedge[instruments.underlying_index(name)] = instruments.row(instrument)
    return hedge
