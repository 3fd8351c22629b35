"""Search for the worst error of implied_vol, in units of what is attainable: 2^-53 (1 + condition number), implied_vol.py.

    python tests/reference/worst_vols.py                            # all three models
    python tests/reference/worst_vols.py bachelier --points 20000 --seed 2
    python tests/reference/worst_vols.py --markdown                 # the table of the docs

A point is a contract and a vol; its price, rounded to a double, is what is asked. Three strategies, each reproducible from
the seed and cut off by the number of points:

    drawn     moneyness, deviation and time log-uniform: normalised prices from 1e-290 to the last digits below the upper
              bound, deviations from 1e-10 to 60, in and out of the money, at it and within 1e-15 of it, rates from -1 to 1
    climbed   from the worst few points of each region: every argument moved by 1e-16 to 1 of itself, the worst kept, repeated
    fresh     the climb starts again from new draws, so that one bad corner does not hide the others

Regions: in the money, where price and intrinsic value cancel; tail, normalised prices below 1e-20; wide, deviations above 5;
and all the rest. Points whose condition number is above 1e12 are left out, as no digits remain to be compared.

The module under test only says which points to look at. The verdict is Newton's step from its answer, with the value and the
vega of greeks.exact at 300 bits or more; where that step is not small, the bisection of implied_vol.py.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

import greeks
import implied_vol
import rebalance_core
from greeks import ULP
from rebalance_core import RowStatus, pricing
from worst_cases import Array, shown

MODELS = ("black76", "bachelier", "inverse")
REGIONS = ("in the money", "tail", "wide", "rest")
LEAST = 1e-290
BOUND = 8.0

Row = tuple[float, ...]  # price, forward, strike, years, phi, rate


class Verdict(NamedTuple):
    units: float  # -1 where there is nothing to compare
    condition: float
    exact: float


def judge(job: tuple[str, Row, float]) -> Verdict:
    """Error of a computed vol."""
    model, (price, *rest), vol = job
    forward, strike, years, phi, rate = rest
    number = greeks.ARITHMETIC.number
    contract = (forward, strike, years, phi, rate)
    known = greeks.exact(model, (forward, strike, vol, years, phi, rate)[: len(greeks.MODELS[model].inputs)], 1)
    if known["vega"].value == 0:
        return Verdict(-1.0, math.inf, math.nan)
    off = (known["value"].value - number(price)) / (known["vega"].value * number(vol))
    condition = implied_vol.condition(model, price, contract, number(vol))
    if condition > implied_vol.WORST_CONDITION:
        return Verdict(-1.0, condition, math.nan)
    if abs(off) > 1e-9:
        exact = implied_vol.implied(model, price, contract)
        condition = implied_vol.condition(model, price, contract, exact)
        off = number(vol) / exact - 1
    return Verdict(float(abs(off)) / (ULP * (1 + condition)), condition, float(number(vol) / (1 + off)))


# --- where to look: columns forward, strike, vol, years, phi, rate ---


def draw(model: str, n: int, random: np.random.Generator) -> Array:
    def one_of(*choices: Array) -> Array:
        return np.asarray(np.choose(random.integers(0, len(choices), n), choices))

    def u(low: float, high: float) -> Array:
        return random.uniform(low, high, n)

    sign, phi = random.choice([-1.0, 1.0], (2, n))
    years = 10 ** one_of(u(-3, 1), u(-6, 2))
    forward = 10 ** one_of(u(-3, 6), u(0, 3), u(-80, 80))
    rate = one_of(np.zeros(n), np.zeros(n), u(-0.1, 0.1), u(-1, 1)) if model != "inverse" else np.zeros(n)
    s = 10 ** one_of(u(-2, 0.7), u(-2, 0.7), u(-10, -2), u(0.7, 1.8))
    out = one_of(u(-1, 1), u(-4, 4), u(-7, 9), u(0, 36.4), u(0, 36.4))  # standard deviations out of the money
    near = sign * 10 ** u(-16, -1)
    if model == "bachelier":
        forward = forward * random.choice([-1.0, 1.0], n)
        width = s * np.abs(forward)
        strike = one_of(forward + phi * out * width, forward + phi * out * width, forward * (1 + near), forward)
        return np.column_stack([forward, strike, width / np.sqrt(years), years, phi, rate])
    edge = sign * s * s / 2 + u(-6, 6) * s  # y1 near 0, where the upper bound and the tail meet
    x = one_of(phi * out * s, phi * out * s, phi * out * s, edge, near, np.zeros(n))
    strike = np.where(x == 0, forward, forward * np.exp(np.clip(x, -400, 400)))
    return np.column_stack([forward, strike, s / np.sqrt(years), years, phi, rate])


def moved(starts: list[Row], n: int, random: np.random.Generator) -> Array:
    """Neighbours: some arguments moved, near and far."""
    rows = np.array(starts)[random.integers(0, len(starts), n)]
    size = 10 ** random.uniform(-16, 0, (n, 1))
    change = (
        size * random.normal(size=rows.shape) * (random.random(rows.shape) < random.choice([0.2, 0.5, 1.0], (n, 1)))
    )
    change[:, 4] = 0
    together = (rows[:, 0] == rows[:, 1]) & (random.random(n) < 0.8)  # at the money stays there, mostly
    change[together, 1] = change[together, 0]
    rows = np.where(change == 0, rows, rows * (1 + change))
    flip = random.random(n) < 0.02
    rows[flip, 4] *= -1
    return np.asarray(rows)


def priced(model: str, rows: Array) -> Array:
    """Quotes: the rows inside the domain with their price in front, and the normalised price behind."""
    forward, strike, vol, years, phi, rate = rows.T
    size = np.maximum(np.abs(forward), np.abs(strike))
    low = size if model == "bachelier" else np.minimum(forward, strike)
    s = vol * np.sqrt(np.maximum(years, 0.0)) / (size if model == "bachelier" else 1.0)
    rows = rows[(low > 1e-99) & (size < 1e99) & (years > 1e-99) & (s > 1e-99) & (s < 60) & (np.abs(rate) * years < 690)]
    forward, strike, vol, years, phi, rate = rows.T
    columns = [forward, strike, vol, years, phi] + ([] if model == "inverse" else [rate])
    price = np.asarray(getattr(pricing, model)(*columns).value)
    if model == "inverse":
        unit = np.minimum(strike / forward, 1.0)
    else:
        scale = np.abs(forward) if model == "bachelier" else np.minimum(forward, strike)
        unit = scale * np.exp(-rate * years)
    keep = np.isfinite(price) & (price > LEAST * unit) & (price > 1e-298)
    return np.column_stack([price, *rows.T, price / unit])[keep]


# --- the search ---


class Worst(NamedTuple):
    verdict: Verdict
    row: Row
    computed: float
    start: Row


class Search:
    def __init__(self, model: str, pool: Any) -> None:
        self.model, self.pool = model, pool
        self.best: dict[str, list[Worst]] = {region: [] for region in REGIONS}  # where to climb from
        self.worst: dict[str, Worst] = {}
        self.points = 0
        self.refused: list[tuple[str, Row]] = []

    def region(self, q: Array) -> str:
        _, forward, strike, vol, years, phi, _, w = q.tolist()
        if phi * (forward - strike) > 0:
            return "in the money"
        if w < 1e-20:
            return "tail"
        wide = vol * math.sqrt(years) > 5 * (abs(forward) if self.model == "bachelier" else 1)
        return "wide" if wide else "rest"

    def look(self, rows: Array) -> None:
        quotes = priced(self.model, rows)
        asked = quotes[:, [0, 1, 2, 4, 5, 6]]
        vol, status = pricing.implied_vol(*np.ascontiguousarray(asked.T), model=self.model)
        fine = status == int(RowStatus.ok)
        for q, st in zip(quotes[~fine], status[~fine], strict=True):  # only where the vol is as good as lost
            known = judge((self.model, tuple(q[[0, 1, 2, 4, 5, 6]].tolist()), float(q[3])))
            if known.condition < implied_vol.WORST_CONDITION:
                self.refused.append((RowStatus(st).name, tuple(q.tolist())))
        jobs = [
            (self.model, tuple(row.tolist()), float(y))
            for row, y in zip(asked[fine], np.asarray(vol)[fine], strict=True)
        ]
        verdicts = self.pool.imap(judge, jobs, chunksize=64) if self.pool else map(judge, jobs)
        for q, job, verdict in zip(quotes[fine], jobs, verdicts, strict=True):
            if verdict.units >= 0:
                self.points += 1
                self.note(self.region(q), Worst(verdict, job[1], job[2], tuple(q[1:7].tolist())))

    def note(self, region: str, found: Worst) -> None:
        if region not in self.worst or found.verdict.units > self.worst[region].verdict.units:
            self.worst[region] = found
        best = self.best[region]
        if len(best) < 8 or found.verdict.units > best[-1].verdict.units:
            self.best[region] = sorted([*best, found], key=lambda w: -w.verdict.units)[:8]

    def run(self, points: int, seed: int) -> None:
        """Half drawn, half climbed in rounds, with a fresh start in the middle."""
        random = np.random.default_rng([seed, *map(ord, self.model)])
        rounds = 12
        for _ in range(2):
            self.best = {region: [] for region in REGIONS}
            self.look(draw(self.model, points // 4, random))
            for _ in range(rounds):
                for best in self.best.values():
                    if best:
                        starts = [w.start for w in best]
                        self.look(moved(starts, max(points // 4 // rounds // len(REGIONS), 4), random))


def call(model: str, row: Iterable[float]) -> str:
    return f"implied_vol({shown(row)}, model={model!r})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", choices=[*MODELS, []], help="all of them if none is named")
    parser.add_argument("--points", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--isa", help="the active one if not given")
    parser.add_argument("--jobs", type=int, default=1, help="processes for the exact side")
    parser.add_argument("--markdown", action="store_true", help="print the table of the docs")
    a = parser.parse_args()
    from rebalance_core import _core

    _core._use_isa(a.isa or rebalance_core.active_isa())
    pool = multiprocessing.Pool(a.jobs) if a.jobs > 1 else None
    if a.markdown:
        print("| model | region | worst, units | condition | at |\n| --- | --- | ---: | ---: | --- |")
    for model in a.models or MODELS:
        search, began = Search(model, pool), time.perf_counter()
        search.run(a.points, a.seed)
        if not a.markdown:
            print(
                f"\n{model}, {rebalance_core.active_isa()}: {search.points} points, {time.perf_counter() - began:.0f} s"
            )
        for region, w in search.worst.items():
            units, condition, exact = w.verdict
            if a.markdown:
                print(f"| {model} | {region} | {units:.1f} | {condition:.2g} | `{call(model, w.row)}` |")
            else:
                mark = "  <-- above 8" if units > BOUND else ""
                print(f"  {region:13}{units:8.3g}  condition {condition:.3g}  {call(model, w.row)}{mark}")
                print(f"  {'':13}computed {w.computed!r}, exact {exact!r}")
        for status, row in search.refused[:5]:
            print(f"  refused, {status}, though there is a vol: price, contract, vol {row}")
    if pool:
        pool.close()


if __name__ == "__main__":
    main()
