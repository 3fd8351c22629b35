"""Every Greek of every model against tests/reference/greeks.csv, in units of the error that rounding the inputs may cause.

The promise: |computed - exact| <= 16 x 2^-53 x (|exact| + sum_i |x_i d exact/dx_i|). The table carries that unit for each
number, so a zero crossing or an ill-conditioned corner needs no tolerance of its own. How the numbers were made is told in
tests/reference/greeks.py; what the worst cases are, and how they were looked for, in tests/reference/worst_cases.py.
"""

from __future__ import annotations

import csv
import math
from decimal import Decimal
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest

from conftest import REFERENCE
from rebalance_core import RowStatus, pricing

#: Model of the table, function that answers it, what it must be told besides.
MODELS = {
    "black76": ("black76", {}),
    "bsm": ("bsm", {}),
    "inverse": ("inverse", {}),
    "bachelier": ("bachelier", {}),
    "digital_cash": ("digital", {"payoff": "cash"}),
    "digital_asset": ("digital", {"payoff": "asset"}),
}
INPUTS = ("price", "strike", "vol", "years", "phi", "rate", "dividend_yield")
ORDER_2 = ("vanna", "volga", "charm", "veta", "dual_delta", "dual_gamma")
ORDER_3 = ("speed", "zomma", "color", "ultima")

UNITS = 16
#: Without fused multiply-add products are rounded twice and the low parts of the moneyness lose digits: the worst found in
#: 24 000 points of order 1 was 26 (vega of bsm). Four times the promise is what is held here.
UNITS_WITHOUT_FMA = 64
#: Four subnormal steps, for what a zero is worth.
SLACK = Decimal(4 * 5e-324)
#: Smaller results have lost digits on the way to being subnormal, and are not compared.
LEAST = Decimal("1e-300")


class Row(NamedTuple):
    line: int  # of greeks.csv
    place: int  # among the rows of its model
    kind: str  # far, found or nothing: greeks.py
    inputs: tuple[float, ...]
    exact: dict[str, Decimal]
    unit: dict[str, Decimal]


@cache
def table() -> dict[str, list[Row]]:
    """The rows of each model."""
    rows: dict[str, list[Row]] = {model: [] for model in MODELS}
    with (REFERENCE / "greeks.csv").open(newline="") as file:
        for line, row in enumerate(csv.DictReader(file), start=2):
            names = [n for n in row if f"{n}_unit" in row and row[n]]
            rows[row["model"]].append(
                Row(
                    line,
                    len(rows[row["model"]]),
                    row["kind"],
                    tuple(float.fromhex(row[n]) for n in INPUTS if row[n]),
                    {n: Decimal(row[n]) for n in names},
                    {n: Decimal(row[f"{n}_unit"]) for n in names},
                )
            )
    return rows


def error_in_units(computed: float, exact: Decimal, unit: Decimal) -> float:
    """Infinite where the exact result is 0 with nothing to round, and the computed one is not; 28 digits are plenty."""
    if not math.isfinite(computed):
        return 0.0 if abs(exact) > Decimal(np.finfo(float).max) and exact * computed > 0 else math.inf
    gap = max(abs(Decimal(computed) - exact) - SLACK, Decimal(0))
    return float(gap / unit) if unit else math.inf if gap else 0.0


def priced(model: str, order: int) -> pricing.Greeks:
    name, options = MODELS[model]
    columns = np.array([row.inputs for row in table()[model]]).T
    return getattr(pricing, name)(*columns, order=order, **options)


def failures(g: pricing.Greeks, rows: list[Row], order: int, bound: float) -> list[str]:
    """What is off by more than the bound, the worst first. Results that are nearly subnormal are not compared."""
    absent = {1: ORDER_2 + ORDER_3, 2: ORDER_3, 3: ()}[order]
    columns = {name: np.asarray(getattr(g, name)).tolist() for name in rows[0].exact if name not in absent}
    found = []
    for row in rows:
        for name, column in columns.items():
            exact, computed = row.exact[name], column[row.place]
            if 0 < abs(exact) < LEAST:
                continue
            error = error_in_units(computed, exact, row.unit[name])
            if error > bound:
                where = f"{name} of {row.inputs} (greeks.csv:{row.line})"
                found.append((error, f"{where}: {computed!r}, exact {float(exact)!r}, {error:.3g} units"))
    return [text for _, text in sorted(found, reverse=True)]


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("model", MODELS)
def test_every_greek_is_within_sixteen_attainable_errors(isa, model, order):
    g = priced(model, order)
    refused = [row for row in table()[model] if g.status[row.place] != RowStatus.ok]
    assert not refused, f"{len(refused)} rows refused, the first greeks.csv:{refused[0].line} {refused[0].inputs}"
    near = [row for row in table()[model] if not row.kind]
    found = failures(g, near, order, UNITS if isa != "baseline" else UNITS_WITHOUT_FMA)
    assert not found, f"{len(found)} over {len(near)} rows, the worst first:\n" + "\n".join(found[:10])


@pytest.mark.parametrize("model", MODELS)
def test_so_it_is_at_the_worst_points_found(isa, model):
    """The same promise where a search has once seen it broken, kept so that it goes on holding."""
    g = priced(model, 3)
    rows = [row for row in table()[model] if row.kind == "found"]
    found = failures(g, rows, 3, UNITS if isa != "baseline" else UNITS_WITHOUT_FMA)
    assert not found, "\n".join(found[:10])


@pytest.mark.parametrize("model", MODELS)
def test_where_a_density_underflows_a_row_still_has_an_answer(isa, model):
    """Outside the promise: n(d1) or n(d2) falls below 1e-290 on the way. The value is right to 1e-280 of its scale."""
    g = priced(model, 3)
    for row in (row for row in table()[model] if row.kind == "far"):
        price, strike, years = row.inputs[0], row.inputs[1], row.inputs[3]
        grown = math.exp(max(0.0, *(-rate * years for rate in (*row.inputs[5:], 0.0))))
        scale = 1.0 if model in ("inverse", "digital_cash") else max(abs(price), abs(strike))
        assert g.status[row.place] == RowStatus.ok, row
        assert abs(Decimal(float(g.value[row.place])) - row.exact["value"]) <= (
            Decimal("1e-280") * Decimal(scale) * Decimal(grown) + UNITS * row.unit["value"] + LEAST
        ), row


def test_the_table_covers_what_it_should():
    """All models, both payoffs, zero crossings, the far tails, deviations from 1e-8 to 100, forwards of either sign."""
    rows = table()
    for model, of_model in rows.items():
        assert len(of_model) >= 80, model
        s = np.array([r.inputs[2] * math.sqrt(r.inputs[3]) / (abs(r.inputs[0]) if model == "bachelier" else 1)
                      for r in of_model])  # fmt: skip
        assert s.min() < 1e-6, model
        assert s.max() > 30, model
        assert {r.inputs[4] for r in of_model} == {1.0, -1.0}
        assert any(0 < abs(r.exact["value"]) < 1e-50 for r in of_model), model
    assert any(r.inputs[0] < 0 for r in rows["bachelier"])
    assert any(r.inputs[1] < 0 for r in rows["bachelier"])
    assert any(r.inputs[0] == r.inputs[1] for r in rows["bachelier"])
