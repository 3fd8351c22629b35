"""What can be held, and what is held: :class:`Instruments` and :class:`Book`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from . import _core
from ._tables import (
    PERPETUAL_EXPIRY,
    SPOT_EXPIRY,
    FloatArray,
    Table,
    as_array,
    columns_of,
    expiries_ns,
    moment_ns,
    numbers,
    per_underlying,
    phis,
    texts,
)

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

__all__ = ["KINDS", "Book", "Instruments"]

#: The kinds of instrument, in the order of their number.
KINDS: tuple[str, ...] = _core.KINDS

_NAMES = ("symbol", "kind", "underlying", "expiry")


def _kinds(column: Any) -> npt.NDArray[np.uint8]:
    array = as_array(column)
    if array.dtype.kind in "iu":
        bad = next((i for i, k in enumerate(array) if not 0 <= k < len(KINDS)), None)
        if bad is not None:
            raise ValueError(f"kind[{bad}] is {array[bad]}; the kinds are 0 to {len(KINDS) - 1}")
        return array.astype(np.uint8)
    known = {name: i for i, name in enumerate(KINDS)}
    for i, name in enumerate(array):
        if str(name) not in known:
            raise ValueError(f"kind[{i}] is {str(name)!r}; the kinds are: {', '.join(KINDS)}")
    return np.array([known[str(name)] for name in array], dtype=np.uint8)


class Instruments(_core.Instruments):
    """The contracts a book can hold, one per row, checked once and then fixed.

    Parameters
    ----------
    kind : array_like of str or int
        One of :data:`KINDS`: ``spot``, ``linear_perpetual``, ``inverse_perpetual``, ``linear_future``,
        ``inverse_future``, ``linear_option``, ``inverse_option``.
    underlying : array_like of str
        Name of the coin.
    expiry : array_like, optional
        Instants, UTC: int64 nanoseconds, datetime64, datetimes or ISO 8601 texts. Not read for spot and perpetuals.
    strike, phi : array_like, optional
        Quote currency; +1 or "C" for calls, -1 or "P" for puts. Needed for options, not read for others.
    multiplier : array_like, optional
        Coins per contract; quote currency per contract for inverse perpetuals and futures. 1 unless given.
    lot_size, tick_size, min_notional : array_like, optional
        Contracts (1), price (0: any), quote currency (0).
    maker_fee_bps, taker_fee_bps, half_spread_bps : array_like, optional
        Basis points of the notional in the underlying, for options too. 0 unless given.
    fee_cap : array_like, optional
        Options: highest fee as a fraction of the premium, 0.125 on Deribit. No cap unless given.
    symbol : array_like of str, optional
        Unique names of the rows; "0", "1", ... unless given.

    Raises
    ------
    ValueError
        If a column has another length than ``kind`` (both are given), or an entry is out of range (column, row and
        value are named).
    """

    def __init__(
        self,
        *,
        kind: Any,
        underlying: Any,
        expiry: Any = None,
        symbol: Any = None,
        **numeric: Any,
    ) -> None:
        kinds = _kinds(kind)
        columns: dict[str, FloatArray] = {}
        for name, column in numeric.items():
            if name not in self._numeric_columns:
                raise TypeError(
                    f"Instruments has no column {name!r}; the columns are: {', '.join((*_NAMES, *self._numeric_columns))}"
                )
            if column is not None:
                columns[name] = phis(column) if name == "phi" else numbers(column, name)
        options = [KINDS[k].endswith("option") for k in kinds]
        for name in ("strike", "phi"):
            if name not in columns and any(options):
                raise ValueError(f"{name} is missing: row {options.index(True)} is an option")
        coins = texts(underlying)
        names = list(dict.fromkeys(coins))
        index = {name: i for i, name in enumerate(names)}
        dates = expiries_ns(expiry) if expiry is not None else np.zeros(len(kinds), dtype=np.int64)
        super().__init__(
            underlyings=names,
            symbol=texts(symbol) if symbol is not None else [str(i) for i in range(len(kinds))],
            kind=kinds,
            underlying=np.array([index[name] for name in coins], dtype=np.int32),
            expiry_ns=dates,
            numbers=columns,
        )

    @classmethod
    def from_frame(cls, frame: Any) -> Instruments:
        """From a pandas or polars frame, an Arrow table, or a mapping of columns.

        Columns are named as the parameters of the class. Columns it does not know are left alone.

        Raises
        ------
        ValueError
            If ``kind`` or ``underlying`` is missing; the message lists what there is.
        """
        columns = columns_of(frame)
        if "expiry" not in columns and "expiry_ns" in columns:
            columns["expiry"] = columns["expiry_ns"]
        for name in ("kind", "underlying"):
            if name not in columns:
                raise ValueError(f"the frame has no column {name!r}; it has: {', '.join(columns)}")
        known = (*_NAMES, *cls._numeric_columns)
        return cls(**{name: columns[name] for name in known if name in columns})

    @property
    def kind(self) -> list[str]:
        """Kind of each row, by name."""
        return [KINDS[k] for k in self._kind]

    @property
    def underlying(self) -> list[str]:
        """Underlying of each row, by name."""
        return [self.underlyings[u] for u in self._underlying]

    @property
    def is_option(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self._kind >= KINDS.index("linear_option"))

    @property
    def nodes(self) -> Table:
        """The (underlying, expiry) pairs, in the order of :meth:`Market.set_prices`: spot, perpetual, then by date."""
        expiry = np.array(self._node_expiry_ns, dtype=np.int64)
        return Table(
            {
                "underlying": [self.underlyings[u] for u in self._node_underlying],
                "expiry": [_expiry_name(ns) for ns in expiry],
                "expiry_ns": expiry,
            },
            "nodes",
        )

    def node(self, underlying: str | int, expiry: Any) -> int:
        """Index of a node; ``expiry`` is "spot", "perpetual" or a moment."""
        if expiry == "spot":
            return self._node(underlying, SPOT_EXPIRY)
        if expiry == "perpetual":
            return self._node(underlying, PERPETUAL_EXPIRY)
        return self._node(underlying, moment_ns(expiry))

    def table(self) -> Table:
        """All columns, as :meth:`from_frame` takes them."""
        columns: dict[str, Any] = {
            "symbol": self.symbol,
            "kind": self.kind,
            "underlying": self.underlying,
            "expiry_ns": self.expiry_ns,
        }
        columns.update({name: getattr(self, name) for name in self._numeric_columns})
        return Table(columns, "Instruments")

    def to_numpy(self) -> npt.NDArray[Any]:
        return self.table().to_numpy()

    def to_pandas(self) -> pd.DataFrame:
        return self.table().to_pandas()

    def to_polars(self) -> pl.DataFrame:
        return self.table().to_polars()

    def to_arrow(self) -> pa.Table:
        return self.table().to_arrow()

    def __repr__(self) -> str:
        counts = {name: int(np.sum(self._kind == i)) for i, name in enumerate(KINDS)}
        held = ", ".join(f"{n} {name}" for name, n in counts.items() if n)
        return f"Instruments({len(self)} rows on {', '.join(self.underlyings) or 'nothing'}: {held or 'none'})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (_instruments_from_columns, (self.table().to_dict(),))


def _instruments_from_columns(columns: dict[str, Any]) -> Instruments:
    return Instruments.from_frame(columns)


def _expiry_name(ns: int) -> str:
    if ns == SPOT_EXPIRY:
        return "spot"
    if ns == PERPETUAL_EXPIRY:
        return "perpetual"
    return str(np.datetime64(int(ns), "ns").astype("datetime64[s]")) + "Z"


class Book(_core.Book):
    """Positions and cash.

    Parameters
    ----------
    instruments : Instruments
    quantity : array_like
        Contracts per instrument, long > 0.
    entry_price : array_like, optional
        What futures and perpetuals were entered at. Rows without one (NaN) are worth 0: their profit counts as settled
        into cash already.
    cash : float
        Quote currency.
    coin_cash : array_like or mapping, optional
        Coins held as cash and collateral, per underlying.
    numeraire : {"quote", "coin"}
        What the book measures itself in. In "coin" a delta target speaks of the premium-adjusted delta: a hedge to zero
        keeps the worth in coin, not in quote currency.

    Raises
    ------
    ValueError
        If a column has another length than ``instruments``, or an entry is not finite.
    """

    def __init__(
        self,
        instruments: Instruments,
        quantity: Any,
        entry_price: Any = None,
        *,
        cash: float = 0.0,
        coin_cash: Any = None,
        numeraire: str = "quote",
    ) -> None:
        super().__init__(
            instruments,
            numbers(quantity, "quantity"),
            None if entry_price is None else numbers(entry_price, "entry_price"),
            cash,
            None if coin_cash is None else per_underlying(coin_cash, instruments.underlyings, "coin_cash", 0.0),
            numeraire,
        )
        self.instruments = instruments

    def __repr__(self) -> str:
        held = int(np.count_nonzero(self.quantity))
        return f"Book({held} of {len(self.quantity)} instruments held, cash {self.cash:g}, numeraire {self.numeraire})"
