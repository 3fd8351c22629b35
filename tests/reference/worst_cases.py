"""Search for the worst error of every Greek, in units of what is attainable (greeks.py).

    python tests/reference/worst_cases.py black76 bsm --points 20000 --seed 1
    python tests/reference/worst_cases.py --markdown                 # the table of the docs, all models there are

Five strategies, each reproducible from the seed and cut off by the number of points:

    drawn     log-uniform over the documented domain: total deviations from 1e-8 to 100, moneyness out to where values
              are 1e-300, within 1e-15 of the money, d1 or d2 within 1e-15 of 0, rates from -1 to 1 (now and then up to
              |rate years| = 690), prices from 1e-3 to 1e6 (now and then 1e-90 to 1e90)
    crossed   where a Greek changes sign along the strike, bisected to the last double or two
    climbed   from the worst few points of each Greek: every input moved by 1e-16 to 1 of itself, the worst kept, repeated
    fresh     the climb starts again from new draws, so that one bad corner does not hide the others
    ridges    along d2 = -3 s, -2 s ... 3 s, where terms cancel together with their derivatives, and climbed from there

Two regions are kept apart, ordinary and far. Far is where the smallest product of a density at d1 or d2, a price and a
discount is below 1e-290, so that a kernel which forms it on the way has lost digits, though a large price or discount may
bring the result back among the doubles that have all theirs.

Errors are |computed - exact| less 4 subnormal steps (2e-323), over the unit. Where |exact| is below 1e-300 or above
1e300 the row is counted on its own: there the last digits may have been lost on the way to a result that is subnormal
itself, and the largest error is shown in subnormal steps (or, for large ones, as whether infinity came too early).
A status other than ok inside the domain is reported as well.

The module under test only says which points to look at; every verdict comes from greeks.exact.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import greeks
import rebalance_core
from greeks import MODELS, exact, greek_names, is_far
from rebalance_core import RowStatus, pricing

Array = np.ndarray[Any, np.dtype[np.float64]]
SUBNORMAL = 5e-324
LEAST, MOST = 1e-300, 1e300
BOUND = 16.0


# --- what there is to test ---


def function(model: str) -> Callable[..., Any] | None:
    return getattr(pricing, MODELS[model].call, None)


def highest_order(model: str) -> int:
    """The largest order that the model answers; 0 where it does not exist."""
    call = function(model)
    if call is None:
        return 0
    row = (100.0, 90.0, 0.3, 0.5, 1.0)
    for order in (3, 2, 1):
        try:
            call(*row, order=order, **MODELS[model].options)
        except (ValueError, TypeError, NotImplementedError):
            continue
        return order
    return 0


def compute(model: str, rows: Array, order: int) -> tuple[dict[str, Array], Array]:
    call = function(model)
    assert call is not None
    g = call(*(np.ascontiguousarray(column) for column in rows.T), order=order, **MODELS[model].options)
    return {name: np.asarray(getattr(g, name)) for name in greek_names(model, order)}, np.asarray(g.status)


# --- errors ---


@dataclass
class Worst:
    """The worst of one Greek: inside the range of doubles, and at its ends."""

    error: float = -1.0
    row: tuple[float, ...] = ()
    computed: float = math.nan
    exact: str = ""
    tiny: float = 0.0  # error in subnormal steps where |exact| < 1e-300
    tiny_row: tuple[float, ...] = ()
    tiny_values: tuple[float, str] = (0.0, "")
    early: tuple[float, ...] | None = None  # a row where a finite result came out infinite
    best: list[tuple[float, tuple[float, ...]]] = field(default_factory=list)  # where to climb from


def judge(job: tuple[str, int, tuple[float, ...], tuple[float, ...]]) -> list[tuple[float, float, str, bool]]:
    """For each Greek: error in units (-1 outside 1e-300..1e300), in subnormal steps, exact, infinity too early."""
    model, order, row, computed = job
    out = []
    for y, (value, unit) in zip(computed, exact(model, row, order).values(), strict=True):
        size = abs(value)
        if size > MOST:
            early = not math.isfinite(y) and size < 0.999 * sys.float_info.max
            out.append((-1.0, 0.0, "", early))
        elif not math.isfinite(y):
            out.append((math.inf, 0.0, greeks.ARITHMETIC.text(value, 20), False))
        else:
            gap = abs(greeks.ARITHMETIC.number(y) - value)
            if size < LEAST and size > 0:
                excess = gap - BOUND * unit
                out.append(
                    (-1.0, float(excess / SUBNORMAL) if excess > 0 else 0.0, greeks.ARITHMETIC.text(value, 20), False)
                )
            else:
                gap = max(gap - 4 * greeks.ARITHMETIC.number(SUBNORMAL), 0)
                error = float(gap / unit) if unit else (math.inf if gap else 0.0)
                out.append((error, 0.0, greeks.ARITHMETIC.text(value, 20), False))
    return out


# --- where to look ---


def inside(model: str, rows: Array) -> Array:
    """The documented domain (models.hpp), a little short of its ends."""
    x = dict(zip(MODELS[model].inputs, rows.T, strict=True))
    ok = np.isfinite(rows).all(axis=1)
    for name in ("spot", "forward", "strike", "vol", "normal_vol", "years"):
        if name in x:
            free = model == "bachelier" and name in ("forward", "strike")
            size = np.abs(x[name]) if free else x[name]
            ok &= ((size > 1e-99) | ((size == 0) & free)) & (size < 1e99)
    for name in ("rate", "dividend_yield"):
        if name in x:
            ok &= np.abs(x[name]) * x["years"] < 690
    return np.asarray(ok)


def draw(model: str, n: int, random: np.random.Generator) -> Array:
    def one_of(*choices: Array) -> Array:
        return np.asarray(np.choose(random.integers(0, len(choices), n), choices))

    def u(low: float, high: float) -> Array:
        return random.uniform(low, high, n)

    sign = random.choice([-1.0, 1.0], n)
    s = 10 ** one_of(u(-2, 0.7), u(-2, 0.7), u(-8, -2), u(0.7, 2))
    years = 10 ** one_of(u(-3, 1), u(-3, 1), u(-6, 2.5))
    price = 10 ** one_of(u(-3, 6), u(0, 3), u(0, 3), u(-3, 6), np.where(u(0, 1) < 0.2, u(-90, 90), u(0, 5)))
    limit = np.minimum(one_of(np.ones(n), np.ones(n), np.where(u(0, 1) < 0.1, 1e3, 1.0)), 690 / years)
    rates = [one_of(np.zeros(n), u(-0.1, 0.1), u(-1, 1) * limit, u(-1, 1) * limit) for _ in range(2)]
    rates[1] = np.where(u(0, 1) < 0.1, rates[0], rates[1])
    phi = random.choice([-1.0, 1.0], n)
    z = one_of(u(-1, 1), u(-4, 4), u(-9, 9), u(-37.5, 37.5))
    near = sign * 10 ** u(-15, -1)
    if model == "bachelier":
        forward = price * random.choice([-1.0, 1.0, 1.0], n)
        strike = one_of(forward - z * s * price, forward - z * s * price, forward * (1 + near), forward, np.zeros(n))
        swap = u(0, 1) < 0.05
        forward, strike = np.where(swap, strike, forward), np.where(swap, forward, strike)
        return np.column_stack([forward, strike, price * s / np.sqrt(years), years, phi, rates[0]])
    carry = {"black76": 0.0, "inverse": 0.0}.get(model, (rates[0] - rates[1]) * years)
    edge = sign * s * s / 2 * (1 + 10 ** u(-16, -1) * random.choice([-1.0, 1.0], n))
    x = one_of(-z * s, -z * s, -z * s, near, edge, np.zeros(n))
    strike = np.where(x == 0, one_of(price, price * np.exp(np.clip(carry, -200, 200))), price * np.exp(
        np.clip(x + carry, -220, 220)))  # fmt: skip
    columns = [price, strike, s / np.sqrt(years), years, phi, *rates]
    return np.column_stack(columns[: len(MODELS[model].inputs)])


def ridges(model: str, n: int, random: np.random.Generator) -> Array:
    """Draws moved to ln(strike / forward) = (k - 1/2) s^2, within a fraction of it or of 1: there d2 is about -k s."""
    rows = draw(model, n, random)
    if model == "bachelier":
        return rows
    years = rows[:, 3]
    s = np.exp(random.uniform(math.log(0.5), math.log(14), n))
    rows[:, 2] = s / np.sqrt(years)
    rates = rows[:, 5:]
    rates[:] = np.clip(rates * years[:, None], -1.0, 1.0) / years[:, None]
    carry = (rates[:, 0] - rates[:, 1]) * years if rates.shape[1] == 2 else 0.0
    near = random.normal(size=n) * np.where(random.random(n) < 0.5, 1.0, 0.3 * s * s)
    x = random.integers(-3, 4, n) * s * s - s * s / 2 + near
    rows[:, 0] = 10 ** random.uniform(-1, 3, n)
    rows[:, 1] = rows[:, 0] * np.exp(np.clip(x + carry, -210, 210))
    return rows


def crossed(model: str, order: int, n: int, random: np.random.Generator) -> Array:
    """Contracts at a sign change of a Greek along the strike: 64 strikes each, then bisection."""
    base = draw(model, n, random)
    base = base[inside(model, base)]
    s = base[:, 2] * np.sqrt(base[:, 3])
    found = []
    width = np.minimum(np.where(random.random(len(base)) < 0.5, 4.0, 12.0) * s + s * s, 200.0)
    centre = base[:, 0] if model == "bachelier" else np.log(base[:, 0])
    if "dividend_yield" in MODELS[model].inputs:
        centre = centre + (base[:, 5] - base[:, 6]) * base[:, 3]
    if model == "bachelier":
        width = 8 * s

    def at(strikes: Array, rows: Array) -> dict[str, Array]:
        rows = rows.copy()
        rows[:, 1] = strikes if model == "bachelier" else np.exp(np.clip(strikes, -220, 220))
        return compute(model, rows, order)[0]

    places = np.linspace(-1, 1, 64)
    grid = [at(centre + p * width, base) for p in places]
    for name in greek_names(model, order):
        values = np.array([g[name] for g in grid])
        with np.errstate(invalid="ignore"):
            flips = (np.sign(values[1:]) * np.sign(values[:-1])) < 0
        where, which = np.nonzero(flips)
        if not len(which):
            continue
        pick = random.permutation(len(which))[:n]
        where, which = where[pick], which[pick]
        rows = base[which]
        low, high = (centre[which] + places[where + k] * width[which] for k in (0, 1))
        if model != "bachelier":
            low, high = np.exp(np.clip(low, -220, 220)), np.exp(np.clip(high, -220, 220))
        rows[:, 1] = low
        sign = np.sign(compute(model, rows, order)[0][name])
        for _ in range(60):
            middle = low + (high - low) / 2
            rows[:, 1] = middle
            same = np.sign(compute(model, rows, order)[0][name]) == sign
            low, high = np.where(same, middle, low), np.where(same, high, middle)
        # on the sign change, and a little off it
        rows[:, 1] = np.where(random.random(len(rows)) < 0.5, low, low * (1 + 10 ** random.uniform(-16, -3, len(rows))))
        found.append(rows)
    if not found:
        return np.empty((0, base.shape[1]))
    out: Array = random.permutation(np.concatenate(found))[:n]
    return out


def moved(model: str, starts: list[tuple[float, ...]], n: int, random: np.random.Generator) -> Array:
    """Neighbours: some inputs moved, near and far."""
    rows = np.array(starts)[random.integers(0, len(starts), n)]
    size = 10 ** random.uniform(-16, 0, (n, 1))
    change = (
        size * random.normal(size=rows.shape) * (random.random(rows.shape) < random.choice([0.2, 0.5, 1.0], (n, 1)))
    )
    phi = MODELS[model].inputs.index("phi")
    change[:, phi] = 0
    rows = np.where(change == 0, rows, rows * (1 + change))
    flip = random.random(n) < 0.02
    rows[flip, phi] *= -1
    return rows


# --- the search ---


class Search:
    def __init__(self, model: str, order: int, pool: Any) -> None:
        self.model, self.order, self.pool = model, order, pool
        self.names = greek_names(model, order)
        self.worst = {(name, far): Worst() for far in (False, True) for name in self.names}
        self.points = self.refused = 0
        self.refused_row: tuple[float, ...] = ()

    def look(self, rows: Array) -> None:
        rows = rows[inside(self.model, rows)]
        if not len(rows):
            return
        computed, status = compute(self.model, rows, self.order)
        for row in rows[status != int(RowStatus.ok)]:
            self.refused, self.refused_row = self.refused + 1, tuple(map(float, row))
        columns = np.column_stack([computed[name] for name in self.names])
        jobs = [
            (self.model, self.order, tuple(map(float, row)), tuple(map(float, y)))
            for row, y, st in zip(rows, columns, status, strict=True)
            if st == int(RowStatus.ok)
        ]
        verdicts = self.pool.imap(judge, jobs, chunksize=64) if self.pool else map(judge, jobs)
        for job, verdict in zip(jobs, verdicts, strict=True):
            self.note(job[2], job[3], verdict)
        self.points += len(jobs)

    def note(self, row: tuple[float, ...], computed: Iterable[float], verdict: list[Any]) -> None:
        far = is_far(self.model, row)
        for name, y, (error, steps, text, early) in zip(self.names, computed, verdict, strict=True):
            worst = self.worst[name, far]
            if error > worst.error:
                worst.error, worst.row, worst.computed, worst.exact = error, row, y, text
            if steps > worst.tiny:
                worst.tiny, worst.tiny_row, worst.tiny_values = steps, row, (y, text)
            if early:
                worst.early = row
            if len(worst.best) < 6 or error > worst.best[-1][0]:
                worst.best = sorted([*worst.best, (error, row)], reverse=True)[:6]

    def run(self, points: int, seed: int) -> None:
        """Half drawn and crossed, half climbed in rounds, with a fresh start in the middle; a third more on the ridges."""
        random = np.random.default_rng([seed, *map(ord, self.model)])
        for _ in range(2):
            for worst in self.worst.values():
                worst.best = []
            for _ in range(4):
                self.look(draw(self.model, points // 24, random))
                self.look(crossed(self.model, self.order, points // 48, random))
            self.climb(points // 4, random)
        for worst in self.worst.values():
            worst.best = []
        self.look(ridges(self.model, points // 12, random))
        self.climb(points // 4, random)

    def climb(self, points: int, random: np.random.Generator) -> None:
        rounds = 6
        for _ in range(rounds):
            each = max(points // rounds // len(self.names), 4)
            for (_, far), worst in self.worst.items():
                if worst.best:
                    n = each // 4 if far else each
                    self.look(moved(self.model, [row for _, row in worst.best], n, random))


def shown(row: Iterable[float]) -> str:
    return ", ".join(f"{x:+.0f}" if x in (1.0, -1.0) else repr(x) for x in row)


def print_plain(search: Search, isa: str, seconds: float) -> None:
    model = search.model
    print(
        f"\n{model}({', '.join(MODELS[model].inputs)}) order {search.order}, {isa}: {search.points} points, {seconds:.0f} s"
    )
    for (name, far), w in sorted(search.worst.items(), key=lambda item: (item[0][1], -item[1].error)):
        name += " far" if far else ""
        mark = "  <-- above 16" if w.error > BOUND else ""
        print(f"  {name:17}{w.error:10.3g}  at ({shown(w.row)}){mark}")
        if w.error > BOUND:
            print(f"  {'':17}computed {w.computed!r}, exact {w.exact}")
        if w.tiny > 4:
            print(
                f"  {'':17}below 1e-300: {w.tiny:.3g} subnormal steps beyond 16 units at ({shown(w.tiny_row)}): {w.tiny_values}"
            )
        if w.early:
            print(f"  {'':17}infinite too early at ({shown(w.early)})")
    if search.refused:
        print(f"  {search.refused} rows inside the domain refused, one at ({shown(search.refused_row)})")


def print_markdown(search: Search, isa: str) -> None:
    for (name, far), w in search.worst.items():
        name += ", far" if far else ""
        call = f"{MODELS[search.model].call}({shown(w.row)}{''.join(f', {k}={v}' for k, v in MODELS[search.model].options.items())})"
        print(f"| {search.model} | {name} | {w.error:.1f} | `{call}` | {search.points} | {isa} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", choices=[*MODELS, []], help="all of them if none is named")
    parser.add_argument("--order", type=int, help="the highest that the model has, if not given")
    parser.add_argument("--points", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--isa", action="append", help="may be repeated; the active one if not given")
    parser.add_argument("--jobs", type=int, default=1, help="processes for the exact side")
    parser.add_argument("--markdown", action="store_true", help="print the table of the docs")
    a = parser.parse_args()
    from rebalance_core import _core

    pool = multiprocessing.Pool(a.jobs) if a.jobs > 1 else None
    if a.markdown:
        print(
            f"Found by `tests/reference/worst_cases.py --points {a.points} --seed {a.seed}`. Unit: 2^-53 (|exact| + sum |x_i d exact/dx_i|).\n"
        )
        print("| model | Greek | worst error, units | at | points | isa |\n| --- | --- | ---: | --- | ---: | --- |")
    for isa in a.isa or [rebalance_core.active_isa()]:
        _core._use_isa(isa)
        for model in a.models or MODELS:
            there = highest_order(model)
            order = a.order or there
            if there == 0:
                print(f"{model}: not in this build", file=sys.stderr)
                continue
            if order > there:
                print(f"{model}: this build has no order {order}, only {there}", file=sys.stderr)
                continue
            search, began = Search(model, order, pool), time.perf_counter()
            search.run(a.points, a.seed)
            if a.markdown:
                print_markdown(search, isa)
            else:
                print_plain(search, isa, time.perf_counter() - began)
            sys.stdout.flush()
    if pool:
        pool.close()


if __name__ == "__main__":
    main()
