"""The demo: a book on every contract of a real option chain, kept delta-neutral in coin over a real path of prices.

The pieces are ordinary uses of the library, so that they can be read as an example:
:func:`load_chain` (quotes to instruments and market), :func:`make_desk` (book, targets, trigger, engine),
:func:`replay` (the loop), :func:`latency` (the same book many times over).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import numpy as np

from ._tables import FloatArray, moment_ns
from .book import Book, Instruments
from .drift import Targets
from .engine import Engine, Plan
from .guards import CostGate
from .market import Market
from .triggers import DeltaGamma, Threshold, Trigger

#: When the chain was recorded.
CHAIN_NS = moment_ns("2026-05-21T10:04:10.269985Z")

ATTRIBUTION = (
    "Chain: Deribit BTC spot, futures and options, 2026-05-21 10:04 UTC, from quantmind/quantflow (BSD-3-Clause).\n"
    "Path: Binance BTC/USDT mid prices, six minutes of 2024-08-08, from nkaz001/hftbacktest (MIT)."
)

#: The future that trades the delta: the one with the tightest quote.
HEDGE = "BTC-29MAY26"


def _read(name: str) -> list[dict[str, str]]:
    text = (resources.files("rebalance_core") / "data" / name).read_text()
    return list(csv.DictReader(text.splitlines()))


def _numbers(rows: list[dict[str, str]], column: str) -> FloatArray:
    return np.array([float(row[column] or "nan") for row in rows])


@dataclass
class Chain:
    """Instruments, and the quotes that a market is made of."""

    instruments: Instruments
    mid: FloatArray  # quote currency for spot and futures, coin for options
    vol: FloatArray

    def market(self) -> Market:
        """A market at the quotes' mid prices and mid volatilities."""
        market = Market(self.instruments)
        kind = self.instruments.kind
        for row, name in enumerate(kind):
            if name in ("spot", "inverse_future"):
                market.set_price(self.instruments.row_node[row], self.mid[row], CHAIN_NS)
        market.set_vols(self.vol, CHAIN_NS)
        return market


def load_chain(copies: int = 1) -> Chain:
    """The chain in the package; every option ``copies`` times, as if held in that many accounts."""
    quotes = _read("deribit_btc_20260521.csv")
    once = [row for row in quotes if row["kind"] != "inverse_option"]
    options = [row for row in quotes if row["kind"] == "inverse_option"]
    rows = [*once, *(options * copies)]
    copy = [0] * len(once) + [k for k in range(copies) for _ in options]
    kind = [row["kind"] for row in rows]
    option = np.array([k == "inverse_option" for k in kind])
    future = np.array([k == "inverse_future" for k in kind])
    bid, ask = _numbers(rows, "bid"), _numbers(rows, "ask")
    mid = (bid + ask) / 2
    instruments = Instruments(
        symbol=[row["symbol"] + (f"#{k}" if k else "") for row, k in zip(rows, copy, strict=True)],
        kind=kind,
        underlying=["BTC"] * len(rows),
        expiry=[row["expiry"] for row in rows],
        strike=_numbers(rows, "strike"),
        phi=_numbers(rows, "phi"),
        multiplier=np.where(future, 10.0, 1.0),  # futures: 10 USD a contract
        lot_size=np.where(option, 0.1, np.where(future, 1.0, 0.0001)),
        tick_size=np.where(option, 0.0001, np.where(future, 2.5, 0.5)),
        taker_fee_bps=np.where(option, 3.0, 5.0),
        fee_cap=np.where(option, 0.125, np.inf),
        # An option is quoted in coin: half its spread is a fraction of the underlying as it stands.
        half_spread_bps=(ask - bid) / 2 * 1e4 / np.where(option, 1.0, mid),
    )
    return Chain(instruments, mid, (_numbers(rows, "vol_bid") + _numbers(rows, "vol_ask")) / 2)


def load_path() -> tuple[np.ndarray[Any, np.dtype[np.int64]], FloatArray]:
    """Milliseconds since the first tick, and the price relative to it."""
    rows = _read("binance_btcusdt_20240808.csv")
    mid = _numbers(rows, "mid")
    return np.array([int(row["ms"]) for row in rows]), mid / mid[0]


def make_book(chain: Chain, seed: int, coins: float = 100.0) -> Book:
    """Some of every contract: options in tenths, futures in hundreds, drawn at random from ``seed``."""
    random = np.random.default_rng(seed)
    drawn = random.normal(size=len(chain.instruments))
    kind = np.array(chain.instruments.kind)
    quantity = np.select(
        [kind == "inverse_option", kind == "inverse_future", kind == "spot"],
        [np.round(drawn, 1), np.round(drawn) * 100, 1.0],
    )
    entry = np.where(kind == "inverse_future", chain.mid, np.nan)
    return Book(chain.instruments, quantity, entry, coin_cash={"BTC": coins}, numeraire="coin")


@dataclass
class Desk:
    """An engine and what it works on."""

    book: Book
    market: Market
    engine: Engine


def make_desk(chain: Chain, trigger: Trigger, *, seed: int = 10, cost_gate: CostGate | None = None) -> Desk:
    """A book on every contract, to be held at zero delta in coin through the hedge future."""
    book, market = make_book(chain, seed), chain.market()
    engine = Engine(book, market, Targets(delta=0.0), trigger, hedge={"BTC": HEDGE}, action="edge", cost_gate=cost_gate)
    return Desk(book, market, engine)


def default_trigger(band: float) -> Trigger:
    """Beyond the band now, or, for a move of two standard deviations, within the next ten seconds."""
    return Threshold("delta", band, release=0.5) | DeltaGamma(band=band, vol=0.35, interval="10s", release=0.5)


@dataclass
class Step:
    """One tick of a replay."""

    ms: int
    price: float
    plan: Plan


@dataclass
class Replay:
    """What a replay left: equity in coin per tick, and every trade."""

    ms: list[int] = field(default_factory=list)
    equity_coin: list[float] = field(default_factory=list)
    drift: list[float] = field(default_factory=list)
    trades: list[dict[str, Any]] = field(default_factory=list)
    cost: float = 0.0


def replay(desk: Desk, *, trade: bool = True, result: Replay | None = None) -> Iterator[Step]:
    """Walk the path: move the market, tick, fill what the plan says at its limit price with its fee.

    The plan of a step is the engine's own and holds until the next step is asked for.
    """
    ms, relative = load_path()
    fee_bps = desk.book.instruments.taker_fee_bps
    start = desk.market.price[desk.book.instruments.node("BTC", "spot")]
    for at, ratio in zip(ms.tolist(), relative.tolist(), strict=True):
        desk.market.move("BTC", start * ratio, CHAIN_NS + at * 1_000_000)
        plan = desk.engine.tick(CHAIN_NS + at * 1_000_000)
        if result is not None:
            result.ms.append(at)
            result.equity_coin.append(plan.equity / float(plan.index[0]))
            result.drift.append(float(plan.drift["delta"][0]))
        yield Step(at, start * ratio, plan)
        if not trade or plan.n_trades == 0:
            continue
        for row in list(plan.trades):
            fee = abs(row["notional"]) / row["price"] * fee_bps[row["instrument"]] * 1e-4
            desk.book.fill(int(row["instrument"]), row["size"], row["limit_price"], fee)
            if result is not None:
                result.trades.append({"ms": at, "index": start * ratio, **row})
                result.cost += float(row["cost"])


def latency(positions: int, ticks: int, band: float, seed: int = 10) -> tuple[int, FloatArray]:
    """Option positions held, and nanoseconds per tick, of the same book in enough copies to hold ``positions``.

    Each tick moves the index and every forward, marks all options, adds up and plans; it is clocked inside the engine.
    """
    options = sum(row["kind"] == "inverse_option" for row in _read("deribit_btc_20260521.csv"))
    chain = load_chain(max(1, -(-positions // options)))
    desk = make_desk(chain, default_trigger(band), seed=seed)
    _, relative = load_path()
    start = desk.market.price[desk.book.instruments.node("BTC", "spot")]
    prices = start * np.resize(relative, ticks)
    desk.engine._time_moves(0, prices[:100], CHAIN_NS, 0)
    return int(chain.instruments.is_option.sum()), desk.engine._time_moves(0, prices, CHAIN_NS, 1_000)
