"""How long does the hedge of four Greeks with 10, 20 or 100 instruments take, against the solvers one would use?

    python bench/python/hedge.py [m ...]          peers that are not installed are left out

Asymmetric linear costs, quadratic impact, boxes. `first` starts from the arrays; `again` is new Greeks and exposures (a
move of 0.1 %) in a solver that is there, where the peer has one. Peers see the same problem as a quadratic programme in
bought and sold, and are asked for gaps of 1e-9 (OSQP 1e-6); `gap` is how much worse their objective is than ours.
"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import rebalance_core as rc
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


def ours(p: Problem) -> Work:
    solver = HedgeSolver(*p["greeks"].shape)
    solver.update(**p)
    solver.solve()

    def again(q: Problem) -> np.ndarray:
        solver.update(greeks=q["greeks"], exposure=q["exposure"])
        return solver.solve().trades

    return lambda: hedge(**p).trades, again


def daqp(p: Problem) -> Work:
    import daqp

    def first(q: Problem) -> np.ndarray:
        H, f, u = programme(q)
        nothing = np.zeros((0, len(f)))
        return trades_of(daqp.solve(H, f, nothing, u, np.zeros(len(f)), np.zeros(len(f), dtype=np.int32))[0])

    return lambda: first(p), first


def piqp(p: Problem) -> Work:
    import piqp

    _H, f, _u = programme(p)
    none, empty = np.zeros((0, len(f))), np.zeros(0)

    def made() -> Any:
        solver = piqp.DenseSolver()
        solver.settings.eps_abs = solver.settings.eps_rel = 1e-9
        H, f, u = programme(p)
        solver.setup(H, f, none, empty, none, empty, empty, np.zeros(len(f)), u)
        solver.solve()
        return solver

    kept = made()

    def again(q: Problem) -> np.ndarray:
        H, f, _ = programme(q)
        kept.update(P=H, c=f)
        kept.solve()
        return trades_of(kept.result.x)

    return lambda: trades_of(made().result.x), again


def osqp(p: Problem) -> Work:
    import osqp
    from scipy import sparse

    def made(q: Problem) -> Any:
        H, f, u = programme(q)
        solver = osqp.OSQP()
        eye = sparse.eye(len(f), format="csc")
        settings = {"verbose": False, "eps_abs": 1e-6, "eps_rel": 1e-6, "max_iter": 20_000}
        solver.setup(sparse.triu(sparse.csc_matrix(H)).tocsc(), f, eye, np.zeros(len(f)), u, **settings)
        return solver

    kept = made(p)

    def again(q: Problem) -> np.ndarray:
        from scipy import sparse

        H, f, _ = programme(q)
        kept.update(Px=sparse.triu(sparse.csc_matrix(H)).tocsc().data, q=f)
        return trades_of(kept.solve().x)

    return lambda: trades_of(made(p).solve().x), again


def proxqp(p: Problem) -> Work:
    import proxsuite

    def made() -> Any:
        H, f, u = programme(p)
        solver = proxsuite.proxqp.dense.QP(len(f), 0, 0, True)
        solver.settings.eps_abs, solver.settings.eps_rel = 1e-9, 0.0
        solver.init(H, f, None, None, None, None, None, np.zeros(len(f)), u)
        solver.solve()
        return solver

    kept = made()

    def again(q: Problem) -> np.ndarray:
        H, f, _u = programme(q)
        kept.update(H=H, g=f)
        kept.solve()
        return trades_of(kept.results.x)

    return lambda: trades_of(made().results.x), again


def clarabel(p: Problem) -> Work:
    import clarabel
    from scipy import sparse

    def first() -> np.ndarray:
        H, f, u = programme(p)
        n = len(f)
        settings = clarabel.DefaultSettings()
        settings.verbose = False
        settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-9
        rows = sparse.vstack([sparse.eye(n), -sparse.eye(n)]).tocsc()
        cones = [clarabel.NonnegativeConeT(2 * n)]
        bounds = np.concatenate([u, np.zeros(n)])
        solver = clarabel.DefaultSolver(sparse.triu(sparse.csc_matrix(H)).tocsc(), f, rows, bounds, cones, settings)
        return trades_of(solver.solve().x)

    return first, None


def highs(p: Problem) -> Work:
    import highspy
    from scipy import sparse

    def first() -> np.ndarray:
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
        solver.passModel(model)
        solver.run()
        return trades_of(solver.getSolution().col_value)

    return first, None


PEERS: dict[str, Callable[[Problem], Work]] = {
    "DAQP": daqp,
    "PIQP, dense": piqp,
    "OSQP, 1e-6": osqp,
    "ProxQP, dense": proxqp,
    "Clarabel": clarabel,
    "HiGHS": highs,
}


def timed(work: Callable[[], object], least: float = 0.2) -> float:
    """Median seconds of one run, over batches that take about a millisecond."""
    work()
    start = time.perf_counter()
    work()
    batch = max(1, int(1e-3 / (time.perf_counter() - start)))
    taken: list[float] = []
    start = time.perf_counter()
    while len(taken) < 5 or time.perf_counter() - start < least:
        before = time.perf_counter()
        for _ in range(batch):
            work()
        taken.append((time.perf_counter() - before) / batch)
    return float(np.median(taken))


def lines(m: int) -> Iterator[tuple[str, float, float, float]]:
    p = problem(m)
    random = np.random.default_rng(1)
    path = [p]
    for _ in range(100):
        path.append(moved(path[-1], random))
    best = objective(p, hedge(**p).trades)
    for name, make in ({"rebalance_core": ours} | PEERS).items():
        try:
            first, again = make(p)
            x = first()
        except ImportError:
            continue
        turn = iter(range(10**9))
        more = np.nan
        if again is not None:
            back_and_forth = path + path[::-1]
            more = timed(lambda: again(back_and_forth[next(turn) % len(back_and_forth)]))  # noqa: B023
        yield name, timed(first), more, (objective(p, x) - best) / abs(best)


def main() -> None:
    print(f"{platform.processor() or platform.machine()}, {rc.active_isa()}, Python {platform.python_version()}")
    for m in map(int, sys.argv[1:] or (10, 20, 100)):
        print(f"\n4 Greeks, {m} instruments")
        print(f"{'':20}{'first, µs':>12}{'ratio':>8}{'again, µs':>12}{'ratio':>8}{'gap':>10}")
        mine: tuple[float, float] | None = None
        for name, first, again, gap in lines(m):
            mine = mine or (first, again)
            shown = f"{again * 1e6:12.1f}{again / mine[1]:8.1f}" if np.isfinite(again) else f"{'-':>12}{'-':>8}"
            print(f"{name:20}{first * 1e6:12.1f}{first / mine[0]:8.1f}{shown}{gap:10.0e}")


if __name__ == "__main__":
    main()
