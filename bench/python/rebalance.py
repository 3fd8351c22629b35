"""How long does the cost-aware rebalance of 100, 1 000 or 5 000 assets take, against the solvers one would use?

    python bench/python/rebalance.py [n ...]          peers that are not installed are left out

20 factors, specific risk, linear costs both ways, box, budget, a turnover cap that binds; quadratic, and with the 3/2
power law. `first` starts from the arrays: model, factorisation, solve. `again` is a new set of weights in a solver that is
there. Peers are asked for what they reach: relative gaps of 1e-9, OSQP 1e-6 as its method gets no further in reasonable
time. Trades of a peer are held to the rows here, and `gap` is how much worse (or, where they miss rows, better) its
objective is than ours, relative.
"""

from __future__ import annotations

import platform
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy import sparse

import rebalance_core as rc
from rebalance_core.sizing import RebalanceSolver, rebalance

Problem = dict[str, Any]
#: What is timed: from the arrays, and again with other weights; each returns the trades.
Work = tuple[Callable[[], np.ndarray], Callable[[np.ndarray], np.ndarray] | None]

FACTORS = 20


def problem(n: int, power: float, seed: int = 1) -> Problem:
    random = np.random.default_rng(seed)
    weights = random.random(n)
    weights /= weights.sum()
    target = np.maximum(weights * (1.0 + random.normal(0.0, 0.3, n)), 0.0)
    target /= target.sum()
    cost = random.uniform(0.2, 2.0, n) * 2e-4
    return {
        "weights": weights,
        "target": target,
        "loadings": random.normal(0.0, 0.4, (n, FACTORS)) + (np.arange(FACTORS) == 0),
        "factor_cov": 0.04 * 0.7 ** np.arange(FACTORS),
        "specific_var": random.uniform(0.01, 0.1, n),
        "risk_aversion": 5.0,
        "alpha": random.normal(0.0, 3e-4, n),
        "cost_buy": cost,
        "cost_sell": 1.1 * cost,
        "impact": power * random.uniform(0.5, 2.0, n),
        "lower": np.zeros(n),
        "upper": np.maximum(3.0 * weights, 5.0 / n),
        "turnover": 0.3 * np.abs(target - weights).sum(),
    }


def objective(d: Problem, x: np.ndarray) -> float:
    left = d["weights"] + x - d["target"]
    exposure = d["loadings"].T @ left
    risk = exposure @ (d["factor_cov"] * exposure) + d["specific_var"] @ left**2
    size = np.abs(x)
    cost = np.where(x > 0.0, d["cost_buy"], d["cost_sell"]) @ size + d["impact"] @ size**1.5
    return float(0.5 * d["risk_aversion"] * risk - d["alpha"] @ x + cost)


def missed(d: Problem, x: np.ndarray) -> float:
    after = d["weights"] + x
    return max(
        abs(x.sum()), np.abs(x).sum() - d["turnover"], (d["lower"] - after).max(), (after - d["upper"]).max(), 0.0
    )


# --- the same as a sparse quadratic programme: bought, sold, exposures ---


def programme(d: Problem) -> tuple[Any, np.ndarray, Any, np.ndarray, np.ndarray]:
    """P, q, A, low, high of  min 1/2 v'Pv + q'v, low <= A v <= high  with v = (bought, sold, factor exposures)."""
    n, g = len(d["weights"]), d["risk_aversion"]
    specific = sparse.diags(g * d["specific_var"])
    P = sparse.block_diag(
        [sparse.bmat([[specific, -specific], [-specific, specific]]), sparse.diags(g * d["factor_cov"])]
    )
    one, eye, none = sparse.csc_matrix(np.ones((1, n))), sparse.eye(n), sparse.csc_matrix((n, FACTORS))
    nothing = sparse.csc_matrix((1, FACTORS))
    B = d["loadings"].T
    A = sparse.vstack(
        [
            sparse.hstack([sparse.csc_matrix(B), sparse.csc_matrix(-B), -sparse.eye(FACTORS)]),
            sparse.hstack([one, -one, nothing]),
            sparse.hstack([one, one, nothing]),
            sparse.hstack([eye, -eye, none]),
            sparse.hstack([sparse.eye(2 * n), sparse.csc_matrix((2 * n, FACTORS))]),
        ]
    )
    q, low, high = sides(d)
    return P.tocsc(), q, A.tocsc(), low, high


def sides(d: Problem) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What of the programme the weights move."""
    n, off = len(d["weights"]), d["weights"] - d["target"]
    slope = d["risk_aversion"] * d["specific_var"] * off - d["alpha"]
    q = np.concatenate([slope + d["cost_buy"], d["cost_sell"] - slope, np.zeros(FACTORS)])
    exposure = -d["loadings"].T @ off
    low = np.concatenate([exposure, [0.0, -np.inf], d["lower"] - d["weights"], np.zeros(2 * n)])
    high = np.concatenate([exposure, [0.0, d["turnover"]], d["upper"] - d["weights"], np.full(2 * n, np.inf)])
    return q, low, high


def trades_of(v: Any, n: int) -> np.ndarray:
    v = np.asarray(v)
    return v[:n] - v[n : 2 * n]


def with_weights(d: Problem, weights: np.ndarray) -> Problem:
    return {**d, "weights": weights}


# --- who takes part ---


def ours(d: Problem) -> Work:
    n = len(d["weights"])
    solver = RebalanceSolver(n, FACTORS)
    solver.update(**d)
    solver.solve()

    def again(weights: np.ndarray) -> np.ndarray:
        solver.update(weights=weights)
        return solver.solve().trades

    return lambda: rebalance(**d).trades, again


def ours_cold(d: Problem) -> Work:
    solver = RebalanceSolver(len(d["weights"]), FACTORS)
    solver.update(**d)

    def again(weights: np.ndarray) -> np.ndarray:
        solver.start_cold()
        solver.update(weights=weights)
        return solver.solve().trades

    return lambda: again(d["weights"]), again


def piqp(d: Problem) -> Work:
    import piqp

    n = len(d["weights"])
    P, q, A, low, high = programme(d)
    m = FACTORS + 1  # equalities first
    rows = slice(m, m + 1 + n)
    bounds_low = np.concatenate([np.zeros(2 * n), np.full(FACTORS, -np.inf)])
    bounds_high = np.full(2 * n + FACTORS, np.inf)

    def made() -> Any:
        solver = piqp.SparseSolver()
        solver.settings.eps_abs = solver.settings.eps_rel = 1e-9
        solver.setup(P, q, A[:m], low[:m], A[rows], low[rows], high[rows], bounds_low, bounds_high)
        solver.solve()
        return solver

    kept = made()

    def again(weights: np.ndarray) -> np.ndarray:
        q, low, high = sides(with_weights(d, weights))
        kept.update(c=q, b=low[:m], h_l=low[rows], h_u=high[rows])
        kept.solve()
        return trades_of(kept.result.x, n)

    return lambda: trades_of(made().result.x, n), again


def osqp(d: Problem) -> Work:
    import osqp

    n = len(d["weights"])
    P, q, A, low, high = programme(d)

    def made() -> Any:
        solver = osqp.OSQP()
        solver.setup(
            sparse.triu(P).tocsc(), q, A, low, high, verbose=False, eps_abs=1e-6, eps_rel=1e-6, max_iter=20_000
        )
        return solver

    kept = made()

    def again(weights: np.ndarray) -> np.ndarray:
        q, low, high = sides(with_weights(d, weights))
        kept.update(q=q, l=low, u=high)
        return trades_of(kept.solve().x, n)

    return lambda: trades_of(made().solve().x, n), again


def clarabel(d: Problem) -> Work:
    import clarabel

    n = len(d["weights"])
    power = bool(d["impact"].any())

    def first() -> np.ndarray:
        P, q, A, low, high = programme(d)
        m, equal = FACTORS + 1, A[: FACTORS + 1]
        top, bottom = A[m:], A[m:]
        finite_low, finite_high = np.isfinite(low[m:]), np.isfinite(high[m:])
        blocks = [equal, top[finite_high], -bottom[finite_low]]
        b = np.concatenate([low[:m], high[m:][finite_high], -low[m:][finite_low]])
        cones: list[Any] = [clarabel.ZeroConeT(m), clarabel.NonnegativeConeT(len(b) - m)]
        stacked = sparse.vstack(blocks)
        if power:  # s_i >= |x_i|^1.5: (s_i, 1, x_i) in the power cone of 2/3
            size = P.shape[0]
            P = sparse.block_diag([P, sparse.csc_matrix((n, n))])
            q = np.concatenate([q, d["impact"]])
            i = np.arange(n)
            rows = np.concatenate([3 * i, 3 * i + 2, 3 * i + 2])
            columns = np.concatenate([size + i, i, n + i])
            cone = sparse.csc_matrix(
                (np.concatenate([-np.ones(2 * n), np.ones(n)]), (rows, columns)), (3 * n, size + n)
            )
            stacked = sparse.vstack([sparse.hstack([stacked, sparse.csc_matrix((stacked.shape[0], n))]), cone])
            constant = np.zeros(3 * n)
            constant[1::3] = 1.0
            b = np.concatenate([b, constant])
            cones += [clarabel.PowerConeT(2.0 / 3.0)] * n
        settings = clarabel.DefaultSettings()
        settings.verbose = False
        settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-9
        solver = clarabel.DefaultSolver(sparse.triu(P).tocsc(), q, stacked.tocsc(), b, cones, settings)
        return trades_of(solver.solve().x, n)

    return first, None


def cvxpy_of_cvxportfolio(d: Problem) -> Work:
    """What cvxportfolio builds for one period (its objective and constraints are cvxpy expressions), compiled once."""
    import cvxportfolio  # noqa: F401  that it is there
    import cvxpy as cp

    n = len(d["weights"])
    x, held = cp.Variable(n), cp.Parameter(n, value=d["weights"])
    after = held + x
    left = after - d["target"]
    factor = (d["loadings"] * np.sqrt(d["factor_cov"])).T
    risk = cp.sum_squares(factor @ left) + cp.sum_squares(cp.multiply(np.sqrt(d["specific_var"]), left))
    cost = d["cost_buy"] @ cp.pos(x) + d["cost_sell"] @ cp.neg(x)
    if d["impact"].any():
        cost = cost + d["impact"] @ cp.power(cp.abs(x), 1.5)
    rows = [cp.sum(x) == 0.0, after >= d["lower"], after <= d["upper"], cp.norm1(x) <= d["turnover"]]
    whole = cp.Problem(cp.Minimize(0.5 * d["risk_aversion"] * risk - d["alpha"] @ x + cost), rows)

    def again(weights: np.ndarray) -> np.ndarray:
        held.value = weights
        whole.solve(solver=cp.CLARABEL)
        return np.asarray(x.value)

    return lambda: again(d["weights"]), again


PEERS: dict[str, Callable[[Problem], Work]] = {
    "PIQP, sparse": piqp,
    "OSQP, 1e-6": osqp,
    "Clarabel": clarabel,
    "cvxpy, as cvxportfolio builds it": cvxpy_of_cvxportfolio,
}


def timed(work: Callable[[], object], least: float = 0.3) -> float:
    """Median seconds, over at least three runs."""
    taken: list[float] = []
    start = time.perf_counter()
    while len(taken) < 3 or time.perf_counter() - start < least:
        before = time.perf_counter()
        work()
        taken.append(time.perf_counter() - before)
    return float(np.median(taken))


def lines(n: int, power: float) -> Iterator[tuple[str, float, float, float, float]]:
    d = problem(n, power)
    random = np.random.default_rng(3)
    moved = [w / w.sum() for w in (d["weights"] * (1.0 + 1e-3 * random.normal(size=n)) for _ in range(50))]
    best = objective(d, rebalance(**d).trades)
    who: dict[str, Callable[[Problem], Work]] = {"rebalance_core, warm": ours, "rebalance_core, cold": ours_cold}
    for name, make in (who | PEERS).items():
        if power and name.startswith(("PIQP", "OSQP")):
            continue  # quadratic programmes only
        try:
            first, again = make(d)
            x = first()
        except ImportError:
            continue
        turn = iter(range(1_000_000))
        once = timed(first)
        more = timed(lambda: again(moved[next(turn) % 50])) if again is not None else np.nan  # noqa: B023
        yield name, once, more, (objective(d, x) - best) / abs(best), missed(d, x)


def main() -> None:
    warnings.simplefilter("ignore")
    print(f"{platform.processor() or platform.machine()}, {rc.active_isa()}, Python {platform.python_version()}")
    for n in map(int, sys.argv[1:] or (100, 1000, 5000)):
        for power in (0.0, 5e-3):
            print(f"\n{n} assets, {FACTORS} factors, {'3/2 power' if power else 'quadratic'}")
            print(f"{'':34}{'first, µs':>12}{'again, µs':>12}{'gap':>10}{'rows missed':>13}")
            for name, first, again, gap, off in lines(n, power):
                shown = f"{again * 1e6:12.0f}" if np.isfinite(again) else f"{'-':>12}"
                print(f"{name:34}{first * 1e6:12.0f}{shown}{gap:10.0e}{off:13.0e}")


if __name__ == "__main__":
    main()
