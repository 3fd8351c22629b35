"""Columns in and out: mappings, pandas, polars and Arrow on one side, plain NumPy columns on the other.

pandas, polars and pyarrow are used only where the caller brings or asks for them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

#: What stands for an expiry that is not a date; the same numbers as in the engine.
SPOT_EXPIRY = 0
PERPETUAL_EXPIRY = np.iinfo(np.int64).max

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)


# --- in ---


def columns_of(table: Any) -> dict[str, Any]:
    """Columns by name of a mapping, a pandas or polars frame, or an Arrow table."""
    if isinstance(table, Mapping):
        return dict(table)
    if hasattr(table, "column_names") and hasattr(table, "column"):
        return {name: table.column(name) for name in table.column_names}
    if hasattr(table, "columns") and hasattr(table, "__getitem__"):
        return {str(name): table[name] for name in table.columns}
    raise TypeError(
        f"expected a mapping of columns, a pandas or polars DataFrame, or an Arrow table, got {type(table).__name__}"
    )


def as_array(column: Any) -> npt.NDArray[Any]:
    """A column as NumPy sees it, missing entries of pandas' own dtypes as NaN or None."""
    if type(column).__module__.startswith("pandas") and hasattr(column, "to_numpy"):
        if str(column.dtype).startswith(("Int", "UInt", "Float")):
            return np.asarray(column.to_numpy(dtype="float64", na_value=np.nan))
        if "datetime64" in str(column.dtype) and getattr(column.dtype, "tz", None) is not None:
            column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    return np.asarray(column.to_numpy() if hasattr(column, "to_numpy") else column)


def numbers(column: Any, name: str) -> FloatArray:
    """A column of doubles; None becomes NaN."""
    array = as_array(column)
    if array.dtype == object:
        bad = next((i for i, x in enumerate(array) if x is not None and not _is_real(x)), None)
        if bad is not None:
            raise TypeError(f"{name}[{bad}] must be a number, got {array[bad]!r}")
        array = np.array([np.nan if x is None else float(x) for x in array])
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be a column of numbers, got {array.dtype}")
    return np.ascontiguousarray(array, dtype=np.float64)


def _is_real(x: object) -> bool:
    return isinstance(x, (int, float, np.integer, np.floating))


def is_missing(x: Any) -> bool:
    """None, NaN and NaT: the last two are what does not equal itself."""
    return x is None or bool(x != x)  # noqa: PLR0124


def texts(column: Any) -> list[str]:
    return [str(x) for x in as_array(column)]


def moment_ns(moment: Any) -> int:
    """Nanoseconds since 1970 of an int, a datetime (naive means UTC), a datetime64 or an ISO 8601 text."""
    if isinstance(moment, (int, np.integer)):
        return int(moment)
    if isinstance(moment, np.datetime64):
        return int(moment.astype("datetime64[ns]").astype(np.int64))
    if isinstance(moment, str):
        moment = dt.datetime.fromisoformat(moment.replace("Z", "+00:00"))
    if isinstance(moment, dt.datetime):
        since = (moment if moment.tzinfo else moment.replace(tzinfo=dt.timezone.utc)) - _EPOCH
        return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000
    raise TypeError(f"expected a moment (int nanoseconds, datetime, datetime64 or ISO 8601 text), got {moment!r}")


def expiries_ns(column: Any) -> IntArray:
    """Expiries in nanoseconds; missing ones, "spot" and "" become 0, "perpetual" the largest int64."""
    array = as_array(column)
    if array.dtype.kind == "M":
        ns = array.astype("datetime64[ns]").astype(np.int64)
        return np.where(np.isnat(array), SPOT_EXPIRY, ns)
    if array.dtype.kind in "iu":
        return array.astype(np.int64)
    if array.dtype.kind == "f":  # integers that went through a missing value
        return np.where(np.isnan(array), SPOT_EXPIRY, array).astype(np.int64)
    return np.array([_expiry_ns(x, i) for i, x in enumerate(array)], dtype=np.int64)


def _expiry_ns(expiry: Any, row: int) -> int:
    if is_missing(expiry) or expiry in ("", "spot"):
        return SPOT_EXPIRY
    if expiry == "perpetual":
        return PERPETUAL_EXPIRY
    try:
        return moment_ns(expiry)
    except (TypeError, ValueError) as error:
        raise ValueError(f"expiry[{row}] is {expiry!r}: {error}") from None


_NS = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "min": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
    "w": 604_800_000_000_000,
}


def duration_ns(duration: int | str | dt.timedelta | np.timedelta64) -> int:
    """Nanoseconds of an int, a timedelta, or a text such as "500ms", "1s", "15min", "8h", "1d", "1w"."""
    if isinstance(duration, np.timedelta64):  # before the integers: NumPy counts it among them
        return int(duration.astype("timedelta64[ns]").astype(np.int64))
    if isinstance(duration, (int, np.integer)):
        return int(duration)
    if isinstance(duration, dt.timedelta):
        return (duration.days * 86_400 + duration.seconds) * 1_000_000_000 + duration.microseconds * 1_000
    number = duration.rstrip("abcdefghijklmnopqrstuvwxyz ")
    unit = duration[len(number) :].strip()
    try:
        return round(float(number or "1") * _NS[unit])
    except (KeyError, ValueError):
        raise ValueError(
            f"cannot read the duration {duration!r}; write a number and one of: {', '.join(_NS)}"
        ) from None


def per_underlying(value: Any, names: Sequence[str], what: str, missing: float) -> FloatArray:
    """One entry per underlying from a number (for all), a mapping by name, or a column."""
    if isinstance(value, Mapping):
        column = np.full(len(names), missing)
        known = {name: i for i, name in enumerate(names)}
        for name, x in value.items():
            if name not in known:
                raise KeyError(f"{what}: unknown underlying {name!r}; there are: {', '.join(names)}")
            column[known[name]] = float(x)
        return column
    if np.ndim(value) == 0:
        return np.full(len(names), float(value))
    column = numbers(value, what)
    if column.shape != (len(names),):
        raise ValueError(f"{what} has shape {column.shape}, but there are {len(names)} underlyings")
    return column


# --- out ---


_PHI = {"c": 1.0, "call": 1.0, "p": -1.0, "put": -1.0}


def phis(column: Any) -> FloatArray:
    """A column of +1 and -1, or of the words for calls and puts."""
    array = as_array(column)
    if array.dtype.kind in "fiu":
        return numbers(array, "phi")
    phi = np.full(len(array), np.nan)
    for i, x in enumerate(array):
        if is_missing(x) or x == "":
            continue
        phi[i] = _PHI[x.lower()] if isinstance(x, str) and x.lower() in _PHI else float(x)
    return phi


class Table:
    """Named columns of one length.

    Columns that came from an engine are views: they hold until its next tick. Everything that ``to_...`` returns is a
    copy.
    """

    def __init__(self, columns: Mapping[str, Any], title: str = "") -> None:
        self._columns = dict(columns)
        self._title = title

    @property
    def columns(self) -> list[str]:
        return list(self._columns)

    def __len__(self) -> int:
        return len(next(iter(self._columns.values()), ()))

    def __getitem__(self, name: str) -> Any:
        try:
            return self._columns[name]
        except KeyError:
            raise KeyError(f"no column {name!r}; there are: {', '.join(self._columns)}") from None

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Rows, as dictionaries."""
        for row in zip(*self._columns.values(), strict=True):
            yield dict(zip(self._columns, row, strict=True))

    def to_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Columns as NumPy arrays of their own."""
        return {name: np.array(column) for name, column in self._columns.items()}

    def to_numpy(self) -> npt.NDArray[Any]:
        """A structured array, one field per column."""
        columns = self.to_dict()
        array = np.empty(len(self), dtype=[(name, column.dtype) for name, column in columns.items()])
        for name, column in columns.items():
            array[name] = column
        return array

    def to_pandas(self) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame(self.to_dict())

    def to_polars(self) -> pl.DataFrame:
        import polars as pl

        return pl.DataFrame(self.to_dict())

    def to_arrow(self) -> pa.Table:
        import pyarrow as pa

        return pa.table({name: pa.array(column) for name, column in self.to_dict().items()})

    def __repr__(self) -> str:
        body = text_table(self.columns, [list(row.values()) for row in _head(self, 20)])
        more = f"\n... {len(self)} rows in all" if len(self) > 20 else ""
        return f"{self._title or type(self).__name__} ({len(self)} rows)\n{body}{more}"

    def _repr_html_(self) -> str:
        return html_table(self.columns, [list(row.values()) for row in _head(self, 50)])


def _head(rows: Iterable[dict[str, Any]], n: int) -> list[dict[str, Any]]:
    return [row for row, _ in zip(rows, range(n), strict=False)]


def shown(x: Any) -> str:
    """A cell for people: six significant digits, nothing for NaN."""
    if isinstance(x, (float, np.floating)):
        return "" if np.isnan(x) else f"{x:.6g}"
    return str(x)


def text_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    cells = [list(header), *[[shown(x) for x in row] for row in rows]]
    widths = [max(len(row[k]) for row in cells) for k in range(len(header))]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)


def html_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    from html import escape

    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(shown(x))}</td>" for x in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
