"""Implied vols against tests/reference/implied_vol.csv: exact vols of double prices, each with its condition number.

The promise: |vol - exact| <= 8 x 2^-53 x (1 + cond) x exact, where cond adds up the relative effect of every input. What the
rows cover, and why cond is what it is, stands in tests/reference/implied_vol.py.
"""

from __future__ import annotations

import csv
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import pytest

from conftest import REFERENCE
from rebalance_core import RowStatus, pricing

MODELS = ("black76", "bachelier", "inverse")
INPUTS = ("price", "forward", "strike", "years", "phi", "rate")
UNITS = 8
#: Without fused multiply-add: as much wider as in test_accuracy.py.
UNITS_WITHOUT_FMA = 32
#: Prices below 1e-290 of the forward are outside the promise. What is left there are logarithms near 700, rounded: 224 units
#: are the worst that 4 500 draws up to 1e+-300 found.
UNITS_BEYOND = 1024


class Row(NamedTuple):
    line: int  # of implied_vol.csv
    kind: str
    inputs: tuple[float, ...]
    status: str
    vol: Decimal
    condition: Decimal


def rows_of(model: str, *, refused: bool) -> list[Row]:
    with (REFERENCE / "implied_vol.csv").open(newline="") as file:
        return [
            Row(
                line,
                row["kind"],
                tuple(float.fromhex(row[n]) for n in INPUTS),
                row["status"],
                Decimal(row["vol"]),
                Decimal(row["condition"]),
            )
            for line, row in enumerate(csv.DictReader(file), start=2)
            if row["model"] == model and (row["status"] != "ok") == refused
        ]


def solved(model: str, rows: list[Row]) -> tuple[np.ndarray, np.ndarray]:
    vol, status = pricing.implied_vol(*np.array([row.inputs for row in rows]).T, model=model)
    return np.asarray(vol), np.asarray(status)


def word(status: Any) -> str:
    return RowStatus(int(status)).name


def misses(rows: list[Row], vol: np.ndarray, status: np.ndarray, bound: float) -> list[str]:
    """What is off by more than the bound, the worst first."""
    found = []
    for row, y, st in zip(rows, vol.tolist(), status, strict=True):
        where = f"{row.kind} {row.inputs} (implied_vol.csv:{row.line})"
        if word(st) != "ok" or not np.isfinite(y):
            found.append((np.inf, f"{where}: {word(st)}, {y!r}, exact {row.vol:.17e}, condition {row.condition}"))
            continue
        error = float(abs(Decimal(y) / row.vol - 1) / (1 + row.condition)) * 2**53
        if error > bound:
            found.append((error, f"{where}: {y!r}, exact {row.vol:.17e}, condition {row.condition}, {error:.3g} units"))
    return [text for _, text in sorted(found, reverse=True)]


@pytest.mark.parametrize("model", MODELS)
def test_a_vol_is_as_exact_as_its_inputs_allow(isa, model):
    rows = [row for row in rows_of(model, refused=False) if row.kind != "beyond"]
    found = misses(rows, *solved(model, rows), UNITS if isa != "baseline" else UNITS_WITHOUT_FMA)
    assert not found, f"{len(found)} of {len(rows)}, the worst first:\n" + "\n".join(found[:10])


@pytest.mark.parametrize("model", MODELS)
def test_beyond_the_promise_a_vol_is_still_the_vol(isa, model):
    """No plausible number for a failure: time values and deviations that are no doubles any more, after scaling or before."""
    rows = [row for row in rows_of(model, refused=False) if row.kind == "beyond"]
    assert rows
    found = misses(rows, *solved(model, rows), UNITS_BEYOND)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("model", MODELS)
def test_a_price_without_a_vol_says_why(isa, model):
    rows = rows_of(model, refused=True)
    vol, status = solved(model, rows)
    for row, y, st in zip(rows, vol.tolist(), status, strict=True):
        where = f"{row.inputs} (implied_vol.csv:{row.line})"
        assert word(st) == row.status, where
        assert (y == 0.0) if row.status == "at_intrinsic" else np.isnan(y), f"{where}: {y!r}"


def test_the_table_covers_what_it_should():
    """Normalised prices to 1e-290, deviations of several tens, next to the bounds, at the money and within 1e-14 of it."""
    for model in MODELS:
        rows = [row for row in rows_of(model, refused=False) if row.kind != "beyond"]
        assert len(rows) >= 120
        price, forward, strike, years = np.array([row.inputs[:4] for row in rows]).T
        s = np.array([float(row.vol) for row in rows]) * np.sqrt(years)
        size = {"black76": np.sqrt(np.abs(forward * strike)), "inverse": 1.0, "bachelier": np.abs(forward)}[model]
        assert np.min(price / size) < 1e-280
        assert np.max(s / (np.abs(forward) if model == "bachelier" else 1.0)) > 30
        assert np.any(forward == strike)
        assert np.any((forward != strike) & (np.abs(forward / strike - 1) < 1e-12))
        assert max(row.condition for row in rows) > 1e9
        assert {row.status for row in rows_of(model, refused=True)} >= {
            "below_intrinsic",
            "at_intrinsic",
            "not_a_number",
        }
