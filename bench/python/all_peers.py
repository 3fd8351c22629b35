"""How do we compare with every library we know of? One environment's part of `nox -s peers`, or all that is here.

    python bench/python/all_peers.py                        # measure what can be imported and show it
    python bench/python/all_peers.py --write here.json      # measure, and keep it
    python bench/python/all_peers.py --show a.json b.json   # one table of several environments

Every peer is measured in turns with our own function for the same work, in one process; the ratio is of the two medians.
Three columns judge the answers. *worst* is the largest error over the outputs of 100 of the contracts that are timed, in
units of attainable error (tests/reference/greeks.py). The others look at the rows of tests/reference/greeks.csv and
implied_vol.csv, which cover the whole domain: *beyond 16* counts those with an output that is off by more than 16 units
(8 for vols), which is what we promise, *wrong* those where it is not a number or is off by more than 1e-9 besides.
Needs mpmath.

With REBALANCE_ISA=avx2 everything else is kept to AVX2 too: numba's compiler, SVML and NumPy.
"""

from __future__ import annotations

import csv
import json
import os
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

if os.environ.get("REBALANCE_ISA") == "avx2":  # before they are imported
    os.environ["NUMBA_CPU_NAME"] = "haswell"
    os.environ["NUMBA_CPU_FEATURES"] = "+avx,+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt,+movbe,+popcnt,+sse4.2"
    # NumPy's names for what AVX-512 machines have, before and since 2.4
    os.environ["NPY_DISABLE_CPU_FEATURES"] = (
        "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR X86_V4"
    )

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests/reference"))

import greeks as reference
import implied_vol as implied_reference
import libraries
import peers
import rebalance_core as rc
from compare import medians, processor
from libraries import Peer
from peers import Columns
from rebalance_core import pricing

N, FEW, JUDGED = 10_000, 200, 100
TINY = 1e-290  # smaller results are not compared

Work = Callable[[], object]

# --- the work, and ours ---


def contracts(model: str, n: int) -> Columns:
    """The columns of compare.py, as the model takes them."""
    c = peers.contracts(n)
    if model == "black76, rate 0":
        del c["rate"]
    return {"spot": c.pop("forward"), **c} if model == "bsm" else c


def quotes(_: str, n: int) -> Columns:
    c = peers.contracts(n)
    vol = c.pop("vol")
    return {"price": pricing.black76(vol=vol, **c).value, **c}


def our_greeks(model: str, c: Columns, order: int) -> Work:
    """The work as it is timed: columns into an `out`, or the numbers of one contract."""
    n, name = len(c["strike"]), model.partition(",")[0]
    work, out = getattr(pricing, name), pricing.Greeks((n,), model=name, order=order)
    return partial(work, **c, out=out) if n > 1 else partial(work, *numbers(c), out=out)


def our_vols(_: str, c: Columns) -> Work:
    n = len(c["price"])
    out = np.empty(n), np.empty(n, np.uint8)
    return partial(pricing.implied_vol, **c, out=out) if n > 1 else partial(pricing.implied_vol, *numbers(c))


def numbers(c: Columns) -> list[float]:
    return [float(column[0]) for column in c.values()]


def ourselves_greeks(model: str, order: int) -> Peer:
    """Us as a peer, to be judged."""
    names = libraries.SIX if order == 1 else libraries.SIXTEEN

    def work(c: Columns) -> object:
        g = getattr(pricing, model.partition(",")[0])(**c, order=order)
        return [getattr(g, name) for name in names]

    return Peer("rebalance_core", work, model, names)


def ourselves_vols(model: str) -> Peer:
    return Peer("rebalance_core", lambda c: pricing.implied_vol(**c)[0], model, ("vol",))


# --- how right ---


class Judgement(NamedTuple):
    worst: float  # units of attainable error, over the contracts that are timed
    beyond: int  # rows of the table off by more than is promised
    wrong: int  # those of them not a number, or off by more than 1e-9
    rows: int


@cache
def exact(model: str, order: int) -> tuple[list[tuple[float, ...]], list[dict[str, Any]]]:
    """Inputs and exact results: JUDGED contracts that are timed, then the rows of greeks.csv."""
    kind = "bsm" if model == "bsm" else "black76"
    inputs = [tuple(row) for row in np.array(list(contracts(model, JUDGED).values())).T.tolist()]
    given = len(inputs[0])
    with (ROOT / "tests/reference/greeks.csv").open(newline="") as file:
        names = ("price", "strike", "vol", "years", "phi", "rate")[:given]
        for row in csv.DictReader(file):
            if row["model"] == kind and row["kind"] != "far":  # those are outside the promise
                inputs.append(tuple(float.fromhex(row[name]) for name in names))
    size = len(reference.MODELS[kind].inputs)
    return inputs, [reference.exact(kind, (*row, 0.0, 0.0)[:size], order) for row in inputs]


def columns_of(inputs: list[tuple[float, ...]], names: Columns) -> Columns:
    return dict(zip(names, np.array(inputs).T, strict=True))


def answers(peer: Peer, c: Columns) -> np.ndarray:
    """One row per output; contracts that a peer raises for are not a number."""

    def run(part: Columns) -> np.ndarray:
        with np.errstate(all="ignore"):
            found = np.array(peer.work(part), dtype=float)
        return found.reshape(-1, len(peer.outputs)).T if peer.one_by_one else found.reshape(len(peer.outputs), -1)

    n = len(next(iter(c.values())))
    try:
        return run(c).copy()
    except (ArithmeticError, ValueError, RuntimeError):
        found = np.full((len(peer.outputs), n), np.nan)
        for i in range(n):
            with suppress(ArithmeticError, ValueError, RuntimeError):
                found[:, i] = run({name: column[i : i + 1] for name, column in c.items()})[:, 0]
        return found


def judge_greeks(peer: Peer, order: int) -> Judgement:
    inputs, results = exact(peer.model, order)
    found = answers(peer, columns_of(inputs, contracts(peer.model, 1)))
    off, relative = np.zeros(len(inputs)), np.zeros(len(inputs))
    for i, result in enumerate(results):
        for name, x in zip(peer.outputs, found[:, i].tolist(), strict=True):
            value, unit = result[name]
            if abs(value) > TINY:
                error = abs(x / peer.factor.get(name, 1.0) - value) if np.isfinite(x) else np.inf
                off[i], relative[i] = max(off[i], float(error / unit)), max(relative[i], float(error / abs(value)))
    return judgement(off, relative, 16)


@cache
def exact_vols() -> tuple[Columns, np.ndarray, np.ndarray]:
    """Quotes, vols and condition numbers: JUDGED that are timed, then the rows of implied_vol.csv that have a vol."""
    c = {name: column[:JUDGED] for name, column in quotes("black76", N).items()}
    known = []
    for price, *row in np.array(list(c.values())).T.tolist():
        vol = implied_reference.implied("black76", price, tuple(row))
        known.append((float(vol), implied_reference.condition("black76", price, tuple(row), vol)))
    with (ROOT / "tests/reference/implied_vol.csv").open(newline="") as file:
        good = [row for row in csv.DictReader(file) if row["model"] == "black76" and row["status"] == "ok"]
    c = {name: np.append(c[name], [float.fromhex(row[name]) for row in good]) for name in c}
    vol, condition = np.array(known + [(float(row["vol"]), float(row["condition"])) for row in good]).T
    return c, vol, condition


def judge_implied(peer: Peer) -> Judgement:
    c, vol, condition = exact_vols()
    found = answers(peer, c)[0]
    relative = np.where(np.isfinite(found), np.abs(found / vol - 1.0), np.inf)
    return judgement(relative / (2.0**-53 * (1.0 + condition)), relative, 8)


def judgement(off: np.ndarray, relative: np.ndarray, promise: int) -> Judgement:
    beyond = off[JUDGED:] > promise
    wrong = beyond & (relative[JUDGED:] > 1e-9)
    return Judgement(float(off[:JUDGED].max()), int(beyond.sum()), int(wrong.sum()), beyond.size)


# --- measuring ---


class Job(NamedTuple):
    title: str
    libs: list[Peer]
    n: int
    columns: Callable[[str, int], Columns]
    ours: Callable[[str, Columns], Work]
    ourselves: Callable[[str], Peer]
    judge: Callable[[Peer], Judgement]


def greeks_job(title: str, libs: list[Peer], n: int, order: int) -> Job:
    ours, ourselves = partial(our_greeks, order=order), partial(ourselves_greeks, order=order)
    return Job(title, libs, n, contracts, ours, ourselves, partial(judge_greeks, order=order))


def vols_job(title: str, n: int) -> Job:
    return Job(title, libraries.IMPLIED, n, quotes, our_vols, ourselves_vols, judge_implied)


JOBS = [
    greeks_job(f"Value and five Greeks, {N} options", libraries.GREEKS, N, 1),
    greeks_job(f"Sixteen Greeks, order 3, {N} options", libraries.THIRD, N, 3),
    vols_job(f"Implied vol, {N} prices", N),
    greeks_job("Value and five Greeks, one call", libraries.GREEKS, 1, 1),
    vols_job("Implied vol, one call", 1),
]


def measured(job: Job) -> Iterator[dict[str, Any]]:
    """Peers and us in turns, us once for each model that a peer has; for one call, all get that one contract."""
    works: dict[str, Work] = {}
    sizes: dict[str, int] = {}
    judged: list[tuple[str, Peer]] = []
    for model in dict.fromkeys(peer.model for peer in job.libs):
        works[model], sizes[model] = job.ours(model, job.columns(model, job.n)), job.n
        judged.append((model, job.ourselves(model)))
    for peer in job.libs:
        size = min(job.n, FEW) if peer.one_by_one else job.n
        c = {name: column[:size] for name, column in job.columns(peer.model, job.n).items()}
        try:
            with np.errstate(all="ignore"):
                peer.work(c)
        except Exception as error:  # noqa: BLE001
            # whatever keeps a library from running here is the news
            libraries.MISSING[peer.name] = f"{type(error).__name__}: {error}".splitlines()[0]
            continue
        works[peer.name], sizes[peer.name] = partial(peer.work, c), size
        judged.append((peer.name, peer))
    ns = {name: seconds / sizes[name] * 1e9 for name, seconds in medians(works, rounds=40).items()}
    for name, peer in judged:
        row = {"job": job.title, "peer": peer.name, "model": peer.model, "ns": ns[name], "ours": ns[peer.model]}
        yield row | job.judge(peer)._asdict()


def measured_here() -> dict[str, Any]:
    rows = [row for job in JOBS if job.libs for row in measured(job)]
    where = f"{processor()}, Python {platform.python_version()}, {rc.active_isa()}"
    return {"where": where, "rows": rows, "missing": libraries.MISSING}


# --- showing ---

HEAD = ("peer", "ns", "ours, same run", "ratio", "worst, units", "beyond 16", "wrong")


def show(parts: list[dict[str, Any]]) -> None:
    """A table for each job. What several environments have is shown once, where its ratio was the best."""
    print(*dict.fromkeys(part["where"] for part in parts if "where" in part), sep="\n")
    rows = [row for part in parts for row in part.get("rows", [])]
    for row in rows:
        row["ratio"] = row["ns"] / row["ours"]
    for job in JOBS:
        print(f"\n**{job.title}**\n\n| {' | '.join(HEAD)} |\n| --- |{' ---: |' * (len(HEAD) - 1)}")
        best: dict[tuple[str, str], dict[str, Any]] = {}
        for row in sorted(rows, key=lambda row: (row["ratio"], row["ns"])):
            if row["job"] == job.title:
                best.setdefault((row["peer"], row["model"]), row)
        for (peer, model), r in best.items():
            name = peer if model == "black76" else f"{peer} ({model})"
            right = f"{r['worst']:.2g} | {r['beyond']} of {r['rows']} | {r['wrong']}"
            print(f"| {name} | {r['ns']:.3g} | {r['ours']:.3g} | {r['ratio']:.1f} | {right} |")
    run = {package(row["peer"]) for row in rows}
    missing = {
        name: reason for part in parts for name, reason in part.get("missing", {}).items() if package(name) not in run
    }
    for part in parts:
        missing |= part.get("not installed", {})
    print(*(f"\nnot run: {name} ({reason})" for name, reason in missing.items()), sep="")


def package(name: str) -> str:
    return name.partition(" ")[0].lower().replace("_", "-")


def main() -> None:
    match sys.argv[1:]:
        case ["--show", *files]:
            show([json.loads(Path(file).read_text()) for file in files])
        case ["--write", file]:
            Path(file).write_text(json.dumps(measured_here(), indent=1))
        case []:
            show([measured_here()])
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
