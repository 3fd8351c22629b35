"""How long does the hedge of four Greeks with 10, 20 or 100 instruments take, against the solvers one would use?

    python bench/python/hedge.py [m ...]          peers that are not installed are left out
    python bench/python/hedge.py --draws          ours alone, on eight other draws of the problem

Asymmetric linear costs, quadratic impact, boxes. `first` starts from the arrays; `again` is new Greeks and exposures (a
move of 0.1 %) in a solver that is there, where the peer has one. Peers see the same problem as a quadratic programme in
bought and sold, written down for them outside the clock, and are asked for gaps of 1e-9 (OSQP 1e-6, DAQP and HiGHS as they
come); `gap` is how much worse their objective is than ours. Medians of turns, in processor seconds of this process, and the
least of them: what others do on the machine slows both, the least by less.
"""

from __future__ import annotations

import itertools
import platform
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import rebalance_core as rc
from compare import processor
from rebalance_core.sizing import HedgeSolver, hedge

Problem = dict[str, Any]
#: What is timed: from the arrays, and again with what moved; each returns the trades.
Work = tuple[Callable[[], np.ndarray], Callable[[Problem], np.ndarray] | None]


def problem(m: int, seed: int = 3) -> Problem:
    """A chain as an options desk sees it: gamma 1e-5 beside vega 1e2, all four Greeks bells around the money."""
    random = np.random.default_rng(seed)
    unit = np.array([1.0, 2e-5, 60.0, 0.3])
    moneyness, years = random.uniform(-2, 2, m), random.uniform(0.05, 1, m)
    bell = np.exp(-0.5 * moneyness**2)
    greeks = unit[:, None] * np.array(
        [0.5 - moneyness / 5, bell / np.sqrt(years), bell * np.sqrt(years), moneyness * bell]
    )
    spread = random.uniform(0.5, 1.5, m)
    return {
        "greeks": greeks,
        "exposure": unit * random.normal(size=4) * 8,
        "penalty": 3.0 / unit**2,
        "cost_buy": spread,
        "cost_sell": spread * random.uniform(0.5, 1.5, m),
        "impact": 0.01 * random.uniform(0.5, 2, m),
        "lower": np.full(m, -5.0),
        "upper": np.full(m, 5.0),
    }


def moved(p: Problem, random: np.random.Generator) -> Problem:
    greeks = p["greeks"] * (1 + 1e-3 * random.normal(size=p["greeks"].shape))
    return p | {"greeks": greeks, "exposure": p["exposure"] * (1 + 1e-3 * random.normal(size=4))}


def objective(p: Problem, x: np.ndarray) -> float:
    y = p["exposure"] + p["greeks"] @ x
    cost = np.maximum(x, 0) @ p["cost_buy"] + np.maximum(-x, 0) @ p["cost_sell"] + 0.5 * p["impact"] @ x**2
    return float(0.5 * y @ (p["penalty"] * y) + cost)


def programme(p: Problem) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """H, f and upper bounds of  min 1/2 v'Hv + f'v, 0 <= v <= u  with v = (bought, sold)."""
    root = np.sqrt(p["penalty"])[:, None] * p["greeks"]
    both = np.hstack([root, -root])
    H = both.T @ both + np.diag(np.concatenate([p["impact"], p["impact"]]))
    f = both.T @ (np.sqrt(p["penalty"]) * p["exposure"]) + np.concatenate([p["cost_buy"], p["cost_sell"]])
    return H, f, np.concatenate([p["upper"], -p["lower"]])


def trades_of(v: Any) -> np.ndarray:
    v = np.asarray(v)
    return v[: len(v) // 2] - v[len(v) // 2 :]


def ours(p: Problem, path: list[Problem]) -> Work:
    solver = HedgeSolver(*p["greeks"].shape)
    solver.update(**p)
    solver.solve()

    def again(q: Problem) -> np.ndarray:
        solver.update(greeks=q["greeks"], exposure=q["exposure"])
        return solver.solve().trades

    return lambda: hedge(**p).trades, again


def daqp(p: Problem, path: list[Problem]) -> Work:
    import daqp

    H, f, u = programme(p)
    nothing, zero, sense = np.zeros((0, len(f))), np.zeros(len(f)), np.zeros(len(f), dtype=np.int32)
    later = {id(q): programme(q) for q in path}
    kept = daqp.Model()
    kept.setup(H, f, nothing, u, zero, sense)
    kept.solve()

    def again(q: Problem) -> np.ndarray:
        H, f, _ = later[id(q)]
        kept.update(H=H, f=f)
        return trades_of(kept.solve()[0])

    return lambda: trades_of(daqp.solve(H, f, nothing, u, zero, sense)[0]), again


def piqp(p: Problem, path: list[Problem]) -> Work:
    import piqp

    H, f, u = programme(p)
    none, empty, zero = np.zeros((0, len(f))), np.zeros(0), np.zeros(len(f))
    later = {id(q): programme(q) for q in path}

    def made() -> Any:
        solver = piqp.DenseSolver()
        solver.settings.eps_abs = solver.settings.eps_rel = 1e-9
        solver.setup(H, f, none, empty, none, empty, empty, zero, u)
        solver.solve()
        return solver

    kept = made()

    def again(q: Problem) -> np.ndarray:
        H, f, _ = later[id(q)]
        kept.update(P=H, c=f)
        kept.solve()
        return trades_of(kept.result.x)

    return lambda: trades_of(made().result.x), again


def osqp(p: Problem, path: list[Problem]) -> Work:
    import osqp
    from scipy import sparse

    H, f, u = programme(p)
    upper, eye, zero = sparse.triu(sparse.csc_matrix(H)).tocsc(), sparse.eye(len(f), format="csc"), np.zeros(len(f))
    later = {id(q): (sparse.triu(sparse.csc_matrix(programme(q)[0])).tocsc().data, programme(q)[1]) for q in path}

    def made() -> Any:
        solver = osqp.OSQP()
        solver.setup(upper, f, eye, zero, u, verbose=False, eps_abs=1e-6, eps_rel=1e-6, max_iter=20_000)
        return solver

    kept = made()

    def again(q: Problem) -> np.ndarray:
        values, f = later[id(q)]
        kept.update(Px=values, q=f)
        return trades_of(kept.solve().x)

    return lambda: trades_of(made().solve().x), again


def proxqp(p: Problem, path: list[Problem]) -> Work:
    import proxsuite

    H, f, u = programme(p)
    zero = np.zeros(len(f))
    later = {id(q): programme(q) for q in path}

    def made() -> Any:
        solver = proxsuite.proxqp.dense.QP(len(f), 0, 0, True)
        solver.settings.eps_abs, solver.settings.eps_rel = 1e-9, 0.0
        solver.init(H, f, None, None, None, None, None, zero, u)
        solver.solve()
        return solver

    kept = made()
    kept.settings.initial_guess = proxsuite.proxqp.InitialGuess.WARM_START_WITH_PREVIOUS_RESULT

    def again(q: Problem) -> np.ndarray:
        H, f, _ = later[id(q)]
        kept.update(H=H, g=f)
        kept.solve()
        return trades_of(kept.results.x)

    return lambda: trades_of(made().results.x), again


def clarabel(p: Problem, path: list[Problem]) -> Work:
    import clarabel
    from scipy import sparse

    H, f, u = programme(p)
    n = len(f)
    upper, rows = sparse.triu(sparse.csc_matrix(H)).tocsc(), sparse.vstack([sparse.eye(n), -sparse.eye(n)]).tocsc()
    bounds, cones = np.concatenate([u, np.zeros(n)]), [clarabel.NonnegativeConeT(2 * n)]
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-9
    return lambda: trades_of(clarabel.DefaultSolver(upper, f, rows, bounds, cones, settings).solve().x), None


def highs(p: Problem, path: list[Problem]) -> Work:
    import highspy
    from scipy import sparse

    H, f, u = programme(p)
    n = len(f)
    lower = sparse.tril(sparse.csc_matrix(H)).tocsc()
    model = highspy.HighsModel()
    model.lp_.num_col_, model.lp_.num_row_ = n, 0
    model.lp_.col_cost_, model.lp_.col_lower_, model.lp_.col_upper_ = f, np.zeros(n), u
    model.lp_.a_matrix_.start_ = np.zeros(n + 1, dtype=np.int32)
    model.hessian_.dim_ = n
    model.hessian_.format_ = highspy.HessianFormat.kTriangular
    model.hessian_.start_, model.hessian_.index_, model.hessian_.value_ = lower.indptr, lower.indices, lower.data
    solver = highspy.Highs()
    solver.silent()

    def first() -> np.ndarray:
        solver.passModel(model)
        solver.run()
        return trades_of(solver.getSolution().col_value)

    return first, None


PEERS: dict[str, Callable[[Problem, list[Problem]], Work]] = {
    "DAQP": daqp,
    "PIQP, dense": piqp,
    "OSQP, 1e-6": osqp,
    "ProxQP, dense": proxqp,
    "Clarabel": clarabel,
    "HiGHS": highs,
}


def in_turns(
    works: dict[str, Callable[[], object]], rounds: int = 200, patience: float = 3.0
) -> dict[str, tuple[float, float]]:
    """Median and least processor seconds of each, in turns of about two milliseconds, so that each meets its own data in
    the cache; whoever used up `patience` seconds rests."""

    def turn(work: Callable[[], object], passes: int) -> float:
        work()
        start = time.process_time()
        for _ in range(passes):
            work()
        return (time.process_time() - start) / passes

    passes = {name: max(1, round(2e-3 / min(turn(work, 1) for _ in range(3)))) for name, work in works.items()}
    taken: dict[str, list[float]] = {name: [] for name in works}
    for i in range(rounds):
        for name, work in works.items():
            if i < 3 or sum(taken[name]) * passes[name] < patience:
                taken[name].append(turn(work, passes[name]))
    return {name: (float(np.median(seconds)), min(seconds)) for name, seconds in taken.items()}


def lines(m: int) -> Iterator[tuple[str, tuple[float, float], tuple[float, float] | None, float]]:
    p = problem(m)
    random = np.random.default_rng(1)
    path = [p]
    for _ in range(10):
        path.append(moved(path[-1], random))
    back_and_forth = path + path[-2:0:-1]
    best = objective(p, hedge(**p).trades)
    firsts: dict[str, Callable[[], object]] = {}
    agains: dict[str, Callable[[], object]] = {}
    gaps: dict[str, float] = {}
    for name, make in ({"rebalance_core": ours} | PEERS).items():
        try:
            first, again = make(p, path)
        except ImportError as missing:
            print(f"{name}: {missing}", file=sys.stderr)
            continue
        firsts[name], gaps[name] = first, (objective(p, first()) - best) / abs(best)
        if again is not None:
            turn = itertools.cycle(back_and_forth)
            agains[name] = lambda again=again, turn=turn: again(next(turn))
            q = path[-1]
            off = objective(q, again(q)) / objective(q, hedge(**q).trades) - 1
            gaps[name] = max(gaps[name], off)
    cold, warm = in_turns(firsts), in_turns(agains)
    for name, seconds in cold.items():
        yield name, seconds, warm.get(name), gaps[name]


def draws(n: int = 8) -> None:
    """How much it depends on the problem: least times over problems from seeds 0, 1, ..."""
    print("\n| least, µs | first | again |\n| --- | --- | --- |")
    for m in (10, 20, 100):
        least: list[tuple[float, float]] = []
        for seed in range(n):
            path = [problem(m, seed)]
            random = np.random.default_rng(1)
            for _ in range(10):
                path.append(moved(path[-1], random))
            first, again = ours(path[0], path)
            turn = itertools.cycle(path + path[-2:0:-1])
            times = in_turns({"first": first, "again": lambda again=again, turn=turn: again(next(turn))}, rounds=60)
            least.append((times["first"][1] * 1e6, times["again"][1] * 1e6))
        cells = [f"{min(x):.1f} to {max(x):.1f}, middle {np.median(x):.1f}" for x in zip(*least, strict=True)]
        print(f"| {m} instruments | {cells[0]} | {cells[1]} |")


def main() -> None:
    print(f"{processor()}, {rc.active_isa()}, Python {platform.python_version()}, one core")
    if "--draws" in sys.argv[1:]:
        draws()
        return
    for m in map(int, sys.argv[1:] or (10, 20, 100)):
        print(f"\n**4 Greeks, {m} instruments, µs**\n")
        print("| | first | least | ratio | again | least | ratio | gap |")
        print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
        mine: list[tuple[float, float] | None] = []
        for name, *times, gap in lines(m):
            mine = mine or times
            cells = [shown(seconds, base) for seconds, base in zip(times, mine, strict=True)]
            print(f"| {name} | {cells[0]} | {cells[1]} | {gap:.0e} |")


def shown(seconds: tuple[float, float] | None, base: tuple[float, float]) -> str:
    if seconds is None:
        return " | | "
    median, least = seconds
    return f"{number(median * 1e6)} | {number(least * 1e6)} | {number(median / base[0])}"


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


if __name__ == "__main__":
    main()
