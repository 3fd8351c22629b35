"""Tables from files, with errors that name the file, the row and the column."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ._tables import columns_of, expiries_ns, shown
from .book import Book, Instruments
from .drift import QUANTITIES
from .market import Market

__all__ = ["Desk", "FileError", "csv_text", "load_desk", "read_table"]


class FileError(Exception):
    """A file that cannot be used; the message says which, where, and what to change."""


@dataclass
class Rows:
    """A table as it stands in a file: every cell plain Python, missing ones None."""

    path: Path
    columns: dict[str, list[Any]]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))

    def where(self, row: int, column: str) -> str:
        """Rows are counted as a person counts them: the first row of data is row 1."""
        return f"{self.path}, row {row + 1}, column {column!r}"

    def require(self, *names: str) -> None:
        for name in names:
            if name not in self.columns:
                raise FileError(f"{self.path} has no column {name!r}; it has: {', '.join(self.columns) or 'none'}")

    def number(self, row: int, column: str, missing: float | None = None) -> float:
        """The cell as a number; ``missing`` where it is empty or the column is not there."""
        cell = self.columns[column][row] if column in self.columns else None
        if cell is None or cell == "":
            if missing is None:
                raise FileError(f"{self.where(row, column)} is empty; a number is needed")
            return missing
        try:
            return float(cell)
        except (TypeError, ValueError):
            raise FileError(f"{self.where(row, column)} is {cell!r}, which is not a number") from None

    def text(self, row: int, column: str) -> str:
        cell = self.columns[column][row] if column in self.columns else None
        return "" if cell is None else str(cell).strip()

    def numbers(self, column: str, missing: float | None = None) -> np.ndarray[Any, np.dtype[np.float64]]:
        return np.array([self.number(i, column, missing) for i in range(len(self))])


def read_table(path: Path) -> Rows:
    """A CSV, JSON (list of records) or Parquet file, by its ending."""
    readers = {".csv": _read_csv, ".json": _read_json, ".parquet": _read_parquet}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise FileError(f"{path}: cannot tell the format from the ending; use {', '.join(readers)}")
    try:
        return Rows(path, reader(path))
    except FileNotFoundError:
        raise FileError(f"{path} does not exist") from None
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise FileError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}") from None


def _read_csv(path: Path) -> dict[str, list[Any]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = csv.reader(file)
        header = [name.strip() for name in next(lines, [])]
        if not header:
            raise FileError(f"{path} is empty; its first line must name the columns")
        columns: dict[str, list[Any]] = {name: [] for name in header}
        if len(columns) != len(header):
            raise FileError(f"{path} names a column twice: {', '.join(header)}")
        row = 0
        for cells in lines:
            if not cells:
                continue
            row += 1
            if len(cells) != len(header):
                raise FileError(f"{path}, row {row} has {len(cells)} cells, but there are {len(header)} columns")
            for name, cell in zip(header, cells, strict=True):
                columns[name].append(cell)
    return columns


def _read_json(path: Path) -> dict[str, list[Any]]:
    try:
        records = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise FileError(f"{path}, line {error.lineno}, column {error.colno}: {error.msg}") from None
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise FileError(f"{path} must be a list of records, one object per row")
    names = dict.fromkeys(name for record in records for name in record)
    return {name: [record.get(name) for record in records] for name in names}


def _read_parquet(path: Path) -> dict[str, list[Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except pa.ArrowInvalid as error:
        raise FileError(f"{path} is not a Parquet file: {error}") from None
    return {name: column.to_pylist() for name, column in columns_of(table).items()}


@dataclass
class Desk:
    """What four files come to."""

    book: Book
    market: Market
    targets: dict[str, dict[str, float]]
    bands: dict[str, dict[str, float]]
    hedge: dict[str, str]


def load_desk(instruments: Path, positions: Path, market: Path, targets: Path, *, cash: float, numeraire: str) -> Desk:
    held = load_instruments(read_table(instruments))
    book = load_book(read_table(positions), held, cash, numeraire)
    quotes = load_market(read_table(market), held)
    wanted = read_table(targets)
    wanted.require("underlying")
    goals: dict[str, dict[str, float]] = {}
    bands: dict[str, dict[str, float]] = {}
    hedge: dict[str, str] = {}
    for row in range(len(wanted)):
        name = wanted.text(row, "underlying")
        _known(name, held.underlyings, wanted, row, "underlying")
        if wanted.text(row, "hedge"):
            hedge[name] = wanted.text(row, "hedge")
            _known(hedge[name], held.symbol, wanted, row, "hedge")
        for quantity in QUANTITIES:
            goal = wanted.number(row, quantity, np.nan)
            if np.isnan(goal):
                continue
            goals.setdefault(quantity, {})[name] = goal
            band = wanted.number(row, f"{quantity}_band", 0.0)
            # Without a band anything off the target is to be traded.
            bands.setdefault(quantity, {})[name] = band or np.finfo(float).tiny
    if not goals:
        raise FileError(f"{targets} holds no target; give a column of: {', '.join(QUANTITIES)}")
    return Desk(book, quotes, goals, bands, hedge)


def _known(name: str, names: list[str], rows: Rows, row: int, column: str) -> None:
    if name not in names:
        some = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
        raise FileError(f"{rows.where(row, column)} is {name!r}, which is not known; there are: {some}")


def load_instruments(rows: Rows) -> Instruments:
    rows.require("symbol", "kind", "underlying")
    columns: dict[str, Any] = {
        name: [rows.text(i, name) for i in range(len(rows))] for name in ("symbol", "kind", "underlying")
    }
    if "expiry" in rows.columns:
        columns["expiry"] = [_expiry(rows, i) for i in range(len(rows))]
    for name, missing in Instruments._numeric_columns.items():
        if name in rows.columns:
            if name == "phi":
                columns[name] = [rows.text(i, name) for i in range(len(rows))]
            else:
                columns[name] = rows.numbers(name, missing)
    try:
        return Instruments(**columns)
    except (ValueError, TypeError) as error:
        raise FileError(f"{rows.path}: {_counted(str(error))}") from None


def _counted(message: str) -> str:
    """Rows of a file are counted from 1, rows of a column from 0."""
    import re

    return re.sub(r"(\w+)\[(\d+)\]", lambda m: f"row {int(m[2]) + 1}, column {m[1]!r}", message)


def _expiry(rows: Rows, row: int) -> int:
    cell = rows.columns["expiry"][row]
    try:
        text = cell.strip() if isinstance(cell, str) else cell
        return int(
            expiries_ns(np.array([int(text) if isinstance(text, str) and text.isdigit() else text], dtype=object))[0]
        )
    except ValueError:
        raise FileError(
            f"{rows.where(row, 'expiry')} is {cell!r}; write a moment (ISO 8601), spot, perpetual, or nothing"
        ) from None


def load_book(rows: Rows, instruments: Instruments, cash: float, numeraire: str) -> Book:
    rows.require("instrument", "quantity")
    quantity = np.zeros(len(instruments))
    entry = np.full(len(instruments), np.nan)
    index = {symbol: i for i, symbol in enumerate(instruments.symbol)}
    coins: dict[str, float] = {}
    for row in range(len(rows)):
        symbol = rows.text(row, "instrument")
        amount = rows.number(row, "quantity")
        if symbol.startswith("cash:"):  # coins held as cash
            name = symbol.removeprefix("cash:")
            _known(name, instruments.underlyings, rows, row, "instrument")
            coins[name] = amount
            continue
        if symbol not in index:
            _known(symbol, instruments.symbol, rows, row, "instrument")
        if not np.isfinite(amount):
            raise FileError(f"{rows.where(row, 'quantity')} is {shown(amount) or 'nan'}; a finite number is needed")
        quantity[index[symbol]] = amount
        entry[index[symbol]] = rows.number(row, "entry_price", np.nan)
    try:
        return Book(instruments, quantity, entry, cash=cash, coin_cash=coins, numeraire=numeraire)
    except ValueError as error:
        raise FileError(f"{rows.path}: {error}") from None


def load_market(rows: Rows, instruments: Instruments) -> Market:
    market = Market(instruments)
    index = {symbol: i for i, symbol in enumerate(instruments.symbol)}
    for row in range(len(rows)):
        symbol, name = rows.text(row, "instrument"), rows.text(row, "underlying")
        if symbol:
            if symbol not in index:
                _known(symbol, instruments.symbol, rows, row, "instrument")
            market.set_vol(index[symbol], rows.number(row, "vol", np.nan))
            continue
        if not name:
            raise FileError(
                f"{rows.path}, row {row + 1}: name an instrument (for its vol) or an underlying (for a price)"
            )
        _known(name, instruments.underlyings, rows, row, "underlying")
        price = rows.number(row, "price", np.nan)
        if rows.text(row, "expiry") == "index":
            market.set_index(name, price)
            continue
        try:
            node = instruments._node(name, _expiry(rows, row))
        except KeyError as error:
            raise FileError(f"{rows.where(row, 'expiry')}: {error.args[0]}") from None
        market.set_price(node, price)
        market.set_rate(node, rows.number(row, "rate", 0.0))
    return market


def csv_text(header: list[str], rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    out = csv.DictWriter(text, header, lineterminator="\n")
    out.writeheader()
    out.writerows(rows)
    return text.getvalue()
