"""The hedge optimum: certified instances, conditions of optimality, limits that cannot hold, whole lots, bad input."""

from __future__ import annotations

import itertools
import json
import math
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog, lsq_linear

import rebalance_core as rc
from conftest import FUSED, REFERENCE
from rebalance_core import _core, sizing
from rebalance_core.sizing import HedgeSolver, SolveStatus, hedge

INSTANCES = json.loads((REFERENCE / "hedge_instances.json").read_text())


def problem(instance):
    """The arguments of an instance; nulls in bounds are infinite."""
    if "chain_hedge" in instance:
        instance = {**chain(*instance["chain_hedge"]), **instance}

    def column(name, missing):
        values = instance.get(name)
        return None if values is None else [missing if v is None else v for v in values]

    arguments = {name: instance[name] for name in ("greeks", "exposure", "penalty", "cost_buy", "cost_sell")}
    arguments |= {"impact": instance.get("impact") or 0.0, "limit": column("limit", math.inf)}
    arguments |= {"lower": column("lower", -math.inf), "upper": column("upper", math.inf)}
    if instance.get("rows") is not None:
        arguments |= {"rows": instance["rows"]}
        arguments |= {"row_lower": column("row_lower", -math.inf), "row_upper": column("row_upper", math.inf)}
    return arguments


def chain(seed, n):
    """The generator of the reference script, for the instances that are too large to store."""
    import sys

    sys.path.insert(0, str(REFERENCE))
    import sizing as reference

    return reference.chain_hedge(seed, n)


def desk(m, seed=3, *, impact=1.0):
    """Four Greeks of m instruments with the sizes that an options desk sees, and something to hedge."""
    rng = np.random.default_rng(seed)
    unit = np.array([1.0, 2e-5, 60.0, 0.3])
    greeks = unit[:, None] * rng.normal(size=(4, m))
    return {
        "greeks": greeks,
        "exposure": unit * rng.normal(size=4) * 8,
        "penalty": 3.0 / unit**2,
        "cost_buy": rng.uniform(0.5, 1.5, m),
        "cost_sell": rng.uniform(0.5, 1.5, m),
        "impact": 0.01 * impact * rng.uniform(0.5, 2.0, m),
        "lower": -5.0,
        "upper": 5.0,
    }


def objective(p, x):
    y = np.asarray(p["exposure"]) + np.asarray(p["greeks"]) @ x
    q = np.asarray(p["penalty"], dtype=float)
    q = np.diag(q) if q.ndim == 1 else q
    cost = np.maximum(x, 0) @ np.broadcast_to(p["cost_buy"], x.shape)
    cost += np.maximum(-x, 0) @ np.broadcast_to(p["cost_sell"], x.shape)
    return 0.5 * y @ q @ y + cost + 0.5 * np.sum(np.broadcast_to(p["impact"], x.shape) * x * x)


def assert_optimal(p, r, share=1e-7):
    """The conditions of Karush, Kuhn and Tucker, computed from the trades, the residual and the prices alone."""
    g, e, x = np.asarray(p["greeks"], float), np.asarray(p["exposure"], float), r.trades
    m = g.shape[1]
    q = np.asarray(p["penalty"], float)
    q = np.diag(q) if q.ndim == 1 else q
    y = e + g @ x
    lower, upper = np.broadcast_to(p["lower"], m), np.broadcast_to(p["upper"], m)
    buy, sell = np.broadcast_to(p["cost_buy"], m), np.broadcast_to(p["cost_sell"], m)
    impact = np.broadcast_to(p["impact"], m)
    assert np.all(x >= lower)
    assert np.all(x <= upper)
    marginal = g.T @ (q @ y) + g.T @ r.limit_price + impact * x
    size = np.abs(g).T @ (np.abs(q) @ (np.abs(e) + np.abs(g) @ np.abs(x))) + np.abs(g).T @ np.abs(r.limit_price)
    if p.get("limit") is not None:
        limit = np.asarray(p["limit"], float)
        room = np.abs(e) + np.abs(g) @ np.abs(x)
        assert np.all(np.abs(y) <= limit + 1e-9 * room)
        slack = np.where(np.isfinite(limit), limit - np.sign(r.limit_price) * y, np.inf)
        assert np.all((r.limit_price == 0) | (slack <= 1e-7 * room))
    if p.get("rows") is not None:
        rows = np.asarray(p["rows"], float)
        marginal += rows.T @ r.row_price
        size += np.abs(rows).T @ np.abs(r.row_price)
    slack = share * (size + buy + sell + impact * np.abs(x))
    # Between its bounds an instrument's marginal risk is its cost; at a bound, or at 0, it may lie on one side.
    rise = np.where(x > 0, marginal + buy, np.where(x < 0, marginal - sell, np.nan))
    at_zero, at_low, at_high = x == 0, x <= lower, x >= upper
    for i in range(m):
        if at_zero[i]:
            assert marginal[i] + buy[i] >= -slack[i] or at_high[i], i
            assert marginal[i] - sell[i] <= slack[i] or at_low[i], i
        elif at_high[i] and not at_low[i]:
            assert rise[i] <= slack[i], i
        elif at_low[i] and not at_high[i]:
            assert rise[i] >= -slack[i], i
        elif not at_low[i]:
            assert abs(rise[i]) <= slack[i], i


@pytest.mark.parametrize("instance", INSTANCES, ids=[i["name"] for i in INSTANCES])
def test_certified_instances(instance, isa):
    """Optima certified in 50 digits by tests/reference/sizing.py."""
    p = problem(instance)
    for result in (hedge(**p), hedge(**p, warm_start=hedge(**p))):
        assert result.status.name == instance["status"]
        if result.status == SolveStatus.infeasible:
            widening = [float(w) for w in instance["widening"]]
            assert result.relaxation[: len(widening)] == pytest.approx(widening, rel=1e-9, abs=1e-300)
            continue
        expected = float(instance["objective"])
        assert result.objective == pytest.approx(expected, rel=1e-9, abs=1e-300)
        assert abs(result.gap) <= 1e-9 * (abs(expected) + result.risk_before)
        if p["limit"] is not None:
            assert np.all(np.abs(result.residual) <= np.array(p["limit"]) + 1e-9 * np.abs(p["exposure"]))


@pytest.mark.parametrize("m", [1, 2, 10, 100, 1000])
@pytest.mark.parametrize("impact", [0.0, 1e-6, 1.0])
def test_a_desk_is_hedged_optimally(m, impact):
    p = desk(m, impact=impact)
    assert_optimal(p, hedge(**p))
    p["limit"] = np.abs(p["exposure"]) * (2.0 if m < 10 else 0.1)
    assert_optimal(p, hedge(**p))


def test_a_perfect_hedge_without_costs_is_the_linear_solution():
    p = desk(4, impact=0.0) | {"cost_buy": 0.0, "cost_sell": 0.0, "lower": -1e9, "upper": 1e9}
    assert hedge(**p).trades == pytest.approx(-np.linalg.solve(p["greeks"], p["exposure"]), rel=1e-9)


def test_one_instrument_is_a_soft_threshold():
    """z = sign(d) max(|d| - cost / penalty, 0): domain chapter 9.6."""
    for drift, cost in itertools.product([-3.0, -0.2, 0.0, 0.2, 3.0], [0.0, 0.5, 10.0]):
        r = hedge([[1.0]], [drift], [2.0], cost_buy=cost, cost_sell=cost, lower=-10, upper=10)
        assert r.trades[0] == pytest.approx(-math.copysign(max(abs(drift) - cost / 2.0, 0.0), drift), abs=1e-15)


numbers = st.integers(-3, 3).map(float)


@st.composite
def small_problems(draw):
    """Small whole numbers: ties, collinear Greeks, zero costs and zero boxes are common."""
    k, m = draw(st.integers(1, 4)), draw(st.integers(1, 6))

    def column(n, values):
        return draw(st.lists(values, min_size=n, max_size=n))

    scale = 10.0 ** np.array(column(k, st.integers(-6, 4)), float)
    return {
        "greeks": scale[:, None] * np.array([column(m, numbers) for _ in range(k)]),
        "exposure": scale * np.array(column(k, numbers)),
        "penalty": np.array(column(k, st.integers(0, 3)), float) / scale**2,
        "cost_buy": np.array(column(m, st.sampled_from([0.0, 0.25, 1.0]))),
        "cost_sell": np.array(column(m, st.sampled_from([0.0, 0.25, 1.0]))),
        "impact": np.array(column(m, st.sampled_from([0.0, 0.5, 2.0]))),
        "lower": -np.array(column(m, st.sampled_from([0.0, 1.0, 2.0]))),
        "upper": np.array(column(m, st.sampled_from([0.0, 1.0, 3.0]))),
        "limit": None
        if draw(st.booleans())
        else scale * np.array(column(k, st.sampled_from([0.0, 1.0, 2.5, math.inf]))),
    }


def can_be_met(p):
    """Whether any trades in the boxes satisfy the limits, by linear programming."""
    g, e, limit = p["greeks"], p["exposure"], p["limit"]
    held = np.isfinite(limit)
    if not held.any():
        return True
    unit = np.maximum(np.abs(g).max(axis=1), np.abs(e) + 1e-300)[held]
    a, b = g[held] / unit[:, None], e[held] / unit
    found = linprog(
        np.zeros(g.shape[1]),
        np.vstack([a, -a]),
        np.concatenate([limit[held] / unit - b, limit[held] / unit + b]),
        bounds=list(zip(p["lower"], p["upper"], strict=True)),
        method="highs",
    )
    return found.status == 0


@given(small_problems())
def test_small_problems_are_optimal_or_proven_infeasible(p):
    r = hedge(**p)
    feasible = p["limit"] is None or can_be_met(p)
    assert r.status == (SolveStatus.solved if feasible else SolveStatus.infeasible), r
    if feasible:
        assert_optimal(p, r)
    else:
        assert r.message
        assert r.relaxation.max() > 0
        assert r.clash.any()
        relaxed = hedge(**p | {"limit": p["limit"] + r.relaxation * (1 + 1e-9) + 1e-12 * np.abs(p["exposure"])})
        assert relaxed.status == SolveStatus.solved


@given(small_problems())
def test_bounded_least_squares_agrees(p):
    """Without limits, and with impact, the optimum is a least squares problem in purchases and sales."""
    p |= {"limit": None, "impact": np.maximum(p["impact"], 0.25)}
    m = p["greeks"].shape[1]
    root, impact = np.sqrt(p["penalty"]), np.sqrt(np.concatenate([p["impact"]] * 2))
    a = np.vstack([root[:, None] * np.hstack([p["greeks"], -p["greeks"]]), np.diag(impact)])
    b = np.concatenate([-root * p["exposure"], -np.concatenate([p["cost_buy"], p["cost_sell"]]) / impact])
    upper = np.concatenate([p["upper"], -p["lower"]])
    free = upper > 0
    both = np.zeros(2 * m)
    if free.any():
        both[free] = lsq_linear(a[:, free], b, (0.0, upper[free]), method="bvls", tol=1e-14).x
    x = both[:m] - both[m:]
    r = hedge(**p)
    assert r.objective <= objective(p, x) * (1 + 1e-9) + 1e-12
    assert r.objective == pytest.approx(objective(p, r.trades), rel=1e-12, abs=1e-12)


@given(small_problems(), st.integers(0, 2**32 - 1))
def test_a_warm_solver_finds_what_a_cold_one_finds(p, seed):
    rng = np.random.default_rng(seed)
    k, m = p["greeks"].shape
    solver = HedgeSolver(k, m)
    solver.update(**{**p, "limit": np.full(k, math.inf) if p["limit"] is None else p["limit"]})
    for _ in range(4):
        warm, cold = solver.solve(), hedge(**p)
        assert warm.status == cold.status
        if warm.status == SolveStatus.solved:
            assert warm.objective == pytest.approx(cold.objective, rel=1e-9, abs=1e-9 * (1e-3 + cold.risk_before))
        p = p | {"exposure": p["exposure"] + 0.1 * rng.normal(size=k) * np.abs(p["exposure"])}
        solver.update(exposure=p["exposure"])


@pytest.mark.parametrize("impact", [0.0, 1.0])
def test_a_warm_start_takes_few_steps(impact):
    p = desk(100, impact=impact)
    solver = HedgeSolver(4, 100)
    solver.update(**p)
    cold = solver.solve()
    rng = np.random.default_rng(0)
    steps = []
    for _ in range(50):
        greeks = p["greeks"] * (1 + 1e-3 * rng.normal(size=p["greeks"].shape))
        solver.update(greeks=greeks, exposure=p["exposure"] * (1 + 1e-3 * rng.normal(size=4)))
        steps.append(solver.solve().iterations)
    assert cold.iterations >= 4
    assert np.median(steps) <= 2
    assert hedge(**p, warm_start=cold).iterations <= 2


def test_rows_bound_premium_and_margin():
    p = desk(20)
    free = hedge(**p)
    price = np.linspace(10.0, 200.0, 20)
    spent = price @ free.trades
    budget = hedge(**p, rows=[price], row_upper=[spent - 50.0])
    assert_optimal(p | {"rows": [price]}, budget)
    assert budget.row_use[0] == pytest.approx(spent - 50.0)
    assert budget.row_price[0] > 0
    margin = np.full(20, 30.0)
    used = margin @ np.abs(free.trades)
    bounded = hedge(**p, rows=[margin], rows_sell=[-margin], row_upper=[0.5 * used])
    assert margin @ np.abs(bounded.trades) == pytest.approx(0.5 * used)
    assert bounded.row_use[0] == pytest.approx(0.5 * used)
    # The price of a row is what the objective loses per unit of it.
    a = hedge(**p, rows=[margin], rows_sell=[-margin], row_upper=[0.5 * used + 0.01])
    assert (bounded.objective - a.objective) / 0.01 == pytest.approx(bounded.row_price[0], rel=1e-3)


def test_limits_that_cannot_hold_are_named_and_relaxed_least():
    """Two instruments of one contract each: delta 10 comes down to 8 at best, with the second one at -1."""
    p = {"greeks": [[1.0, 1.0], [0.0, 1.0]], "exposure": [10.0, 0.5], "penalty": [0.1, 0.1], "cost_buy": 1.0}
    p |= {"cost_sell": 1.0, "lower": -1, "upper": 1}
    r = hedge(**p, limit=[5, 2.0])
    assert r.status == SolveStatus.infeasible
    assert r.relaxation == pytest.approx([3.0, 0.0], abs=1e-12)
    assert r.clash.tolist() == [1, 0]
    assert r.message == (
        "limit[0] cannot hold within lower and upper; the trades exceed limit[0] by 3, the least that can be"
    )
    assert "infeasible" in repr(r)
    assert r.trades == pytest.approx([-1.0, -1.0])
    assert math.isnan(r.gap)
    # The second limit stands against the first: 3/5 and 0.4/0.1 of them, or 3.4/5 of the first alone.
    r = hedge(**p, limit=[5, 0.1])
    assert r.relaxation == pytest.approx([3.4, 0.0], abs=1e-12)
    assert r.clash.tolist() == [1, 1]
    assert r.message.startswith("limit[0] and limit[1] cannot hold together")


@pytest.mark.parametrize("seed", range(40))
def test_trades_under_the_smallest_relaxation_keep_it(seed):
    """What attains the smallest relaxation is a thin face of the limits; the trades are on it, and the cheapest there."""
    rng = np.random.default_rng(seed)
    k, m = 4, 8
    g, e = rng.standard_normal((k, m)), 20 * rng.standard_normal(k)
    limit = np.abs(e) * rng.choice([0.0, 0.1, 0.5], k)
    p = {"greeks": g, "exposure": e, "penalty": rng.random(k), "cost_buy": rng.random(m), "cost_sell": rng.random(m)}
    p |= {"lower": -np.ones(m), "upper": np.ones(m), "limit": limit, "impact": 0.0}
    r = hedge(**p)
    assert r.status == (SolveStatus.solved if can_be_met(p) else SolveStatus.infeasible)
    assert np.all(np.abs(r.residual) <= limit + r.relaxation + 1e-10 * np.abs(e))
    # The relaxation itself, by linear programming over trades and excesses, in shares of the limits.
    unit = np.where(limit > 0, limit, np.abs(e))
    a = np.vstack([np.hstack([g, -np.diag(unit)]), np.hstack([-g, -np.diag(unit)])])
    b = np.concatenate([limit - e, limit + e])
    cost = np.concatenate([np.zeros(m), np.ones(k)])
    least = linprog(cost, a, b, bounds=[(-1, 1)] * m + [(0, None)] * k, method="highs").fun
    assert np.sum(r.relaxation / unit) == pytest.approx(least, rel=1e-6, abs=1e-9)
    # A little more room: never dearer, and hardly cheaper.
    wide = hedge(**p | {"limit": limit + r.relaxation + 1e-7 * unit})
    assert wide.status == SolveStatus.solved
    assert wide.objective <= r.objective * (1 + 1e-9)
    assert wide.objective == pytest.approx(r.objective, rel=1e-3)


@pytest.mark.parametrize("seed", range(20))
def test_rows_that_repeat_one_another(seed):
    """Equalities twice over: their multipliers are not unique, and must not run away."""
    rng = np.random.default_rng(seed)
    m = 6
    row, x = 1e3 * rng.standard_normal(m), rng.uniform(-100.0, 100.0, m)
    p = {"greeks": rng.standard_normal((2, m)), "exposure": rng.standard_normal(2), "penalty": [1e-3, 1e-4]}
    p |= {"cost_buy": rng.random(m), "cost_sell": 0.0, "lower": -100.0, "upper": 100.0}
    p |= {"impact": np.where(rng.random(m) < 0.5, 0.0, 1e-6)}
    once = hedge(**p, rows=[row], row_lower=[row @ x], row_upper=[row @ x])
    twice = hedge(**p, rows=[row, 2 * row], row_lower=[row @ x, 2 * (row @ x)], row_upper=[row @ x, 2 * (row @ x)])
    assert once.status == twice.status == SolveStatus.solved
    assert twice.objective == pytest.approx(once.objective, rel=1e-8)
    assert abs(twice.gap) <= 1e-8 * (twice.objective + twice.risk_before)
    assert twice.row_price[0] + 2 * twice.row_price[1] == pytest.approx(once.row_price[0], rel=1e-6, abs=1e-9)


def test_columns_of_tiny_impact_beside_limits():
    """Impact far below the curvature of the risk, Greeks all but collinear: solved and certified."""
    rng = np.random.default_rng(5)
    m = 20
    greeks = np.outer([1.0, 0.5, -2.0], rng.standard_normal(m)) + 1e-9 * rng.standard_normal((3, m))
    p = {"greeks": greeks, "exposure": [1.0, 0.6, -2.1], "penalty": [1.0, 0.5, 0.25], "impact": 1e-9 * rng.random(m)}
    p |= {"cost_buy": 0.01 * rng.random(m), "cost_sell": 0.01 * rng.random(m), "lower": -3.0, "upper": 3.0}
    p |= {"limit": [0.3, np.inf, np.inf]}
    r = hedge(**p)
    assert r.status == SolveStatus.solved
    assert abs(r.gap) <= 1e-9 * r.risk_before
    assert abs(r.residual[0]) <= 0.3 * (1 + 1e-11)


def test_bits_do_not_depend_on_the_instruction_set_nor_on_neighbours():
    seen = []
    before = rc.active_isa()
    for isa in FUSED:
        _core._use_isa(isa)
        for m in (3, 8, 50):
            r = hedge(**desk(m))
            seen.append((m, r.trades.tobytes(), r.objective))
    _core._use_isa(before)
    for m in (3, 8, 50):
        assert len({s for s in seen if s[0] == m}) == 1


def test_many_books_agree_with_one_at_a_time():
    p = desk(30)
    rng = np.random.default_rng(1)
    exposure = p["exposure"] * rng.normal(size=(25, 4))
    one = [hedge(**p | {"exposure": e}) for e in exposure]
    for threads in (1, 2, 3):
        trades, value, cost, residual, status = sizing.hedge_many(**p | {"exposure": exposure}, threads=threads)
        assert np.array_equal(trades, [r.trades for r in one])
        assert np.array_equal(value, [r.objective for r in one])
        assert np.array_equal(cost, [r.cost for r in one])
        assert np.array_equal(residual, [r.residual for r in one])
        assert not status.any()
    greeks = p["greeks"] * rng.uniform(0.9, 1.1, size=(25, 4, 30))
    trades, *_ = sizing.hedge_many(**p | {"exposure": exposure, "greeks": greeks})
    assert np.array_equal(trades[7], hedge(**p | {"exposure": exposure[7], "greeks": greeks[7]}).trades)
    with pytest.raises(ValueError, match=r"greeks has shape \(24, 4, 30\) and exposure \(25, 4\)"):
        sizing.hedge_many(**p | {"exposure": exposure, "greeks": greeks[1:]})


def test_threads_of_one_process_do_not_meet():
    results = {}

    def work(i):
        results[i] = [hedge(**desk(20, seed=i)).objective for _ in range(50)]

    workers = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert all(set(results[i]) == {hedge(**desk(20, seed=i)).objective} for i in range(4))


# --- whole lots ---


def brute_force(p, lot, least, position, ticket):
    """The best of every combination of whole lots within the bounds."""
    m = len(lot)
    choices = []
    for i in range(m):
        lots = np.arange(np.ceil(p["lower"][i] / lot[i] - 1e-9), np.floor(p["upper"][i] / lot[i] + 1e-9) + 1)
        closing = -position[i]
        choices.append([n * lot[i] for n in lots if n == 0 or abs(n * lot[i]) >= least[i] or n * lot[i] == closing])
    best = math.inf
    for x in itertools.product(*choices):
        x = np.array(x)
        y = p["exposure"] + p["greeks"] @ x
        if p["limit"] is None or np.all(np.abs(y) <= p["limit"] + 1e-9):
            best = min(best, objective(p, x) + np.sum(ticket[x != 0]))
    return best


@pytest.mark.parametrize("seed", range(12))
def test_whole_lots_are_the_best_there_are(seed):
    rng = np.random.default_rng(seed)
    m = 4
    p = desk(m, seed=seed) | {"lower": np.full(m, -3.0), "upper": np.full(m, 3.0), "limit": None}
    if seed % 3 == 0:
        p["limit"] = np.array([6.0, np.inf, np.inf, np.inf])
    lot = rng.choice([0.5, 1.0], m)
    least, ticket = rng.choice([0.0, 1.5], m), rng.choice([0.0, 4.0], m)
    position = rng.choice([0.0, 1.0, -1.0], m) * lot
    solver = HedgeSolver(4, m)
    solver.update(**{name: value for name, value in p.items() if value is not None})
    r = solver.solve_lots(lot, min_size=least, position=position, ticket=ticket, max_nodes=100_000)
    expected = brute_force(p, lot, least, position, ticket)
    if math.isinf(expected):
        assert r.status == SolveStatus.infeasible
        return
    assert r.status == SolveStatus.solved
    assert r.objective == pytest.approx(expected, rel=1e-9)
    assert r.gap == pytest.approx(0.0, abs=1e-8 * expected)
    assert np.allclose(r.trades / lot, np.round(r.trades / lot), atol=1e-12)
    small = (np.abs(r.trades) < least) & (r.trades != 0)
    assert np.all(r.trades[small] == -position[small])


def test_a_bounded_search_states_its_gap():
    p = desk(40)
    solver = HedgeSolver(4, 40)
    solver.update(**p)
    free = solver.solve()
    few = solver.solve_lots(1.0, ticket=1.0, max_nodes=5)
    many = solver.solve_lots(1.0, ticket=1.0, max_nodes=5000)
    assert few.iterations <= 5
    assert free.objective <= many.objective <= few.objective
    assert many.objective - many.gap >= free.objective * (1 - 1e-9)
    assert few.gap >= many.gap >= 0
    assert solver.solve().objective == pytest.approx(free.objective, rel=1e-12)


def test_at_most_so_many_instruments_are_traded():
    p = desk(60)
    solver = HedgeSolver(4, 60)
    solver.update(**p)
    values = []
    for most in (1, 2, 3, 4):
        r = solver.solve_lots(0.01, max_trades=most, max_nodes=3000)
        assert np.count_nonzero(r.trades) <= most
        values.append(r.objective)
    assert values == sorted(values, reverse=True)
    assert solver.solve().objective <= values[-1]


def test_trades_that_the_bounds_demand_count_and_are_not_dropped():
    solver = HedgeSolver(1, 3)
    solver.update(greeks=[[1.0, 1.0, 1.0]], exposure=[-6.0], penalty=[1.0], cost_buy=[0.3, 0.2, 0.1], cost_sell=0.1)
    solver.update(lower=[1.0, 0.0, 0.0], upper=[2.0, 3.0, 3.0])
    r = solver.solve_lots(1.0, max_trades=2)
    assert r.trades.tolist() == [2.0, 0.0, 3.0]
    assert r.gap == pytest.approx(0.0, abs=1e-8)
    assert solver.solve_lots(1.0, max_trades=1).trades.tolist() == [2.0, 0.0, 0.0]
    solver.update(lower=[1.0, 1.0, 0.0])
    with pytest.raises(ValueError, match="max_trades is 1, but lower and upper demand trades in 2 instruments"):
        solver.solve_lots(1.0, max_trades=1)


def test_a_closing_trade_is_exempt_from_the_minimum():
    solver = HedgeSolver(1, 1)
    solver.update(greeks=[[1.0]], exposure=[2.0], penalty=[1.0], cost_buy=0.01, cost_sell=0.01, lower=-9, upper=9)
    assert solver.solve_lots(1.0, min_size=5.0).trades[0] == 0.0
    assert solver.solve_lots(1.0, min_size=5.0, position=2.0).trades[0] == -2.0
    assert solver.solve_lots(1.0, min_size=5.0, position=-2.0).trades[0] == 0.0


# --- bad input ---


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"penalty": [[1.0, 2.0], [2.0, 1.0]]}, r"penalty must be positive semidefinite, but penalty\[0, 1\] is 2"),
        ({"penalty": [[1.0, 0.5], [0.4, 1.0]]}, r"symmetric, but penalty\[0, 1\] is 0.5 and penalty\[1, 0\] is 0.4"),
        ({"penalty": [1.0, -1.0]}, r"penalty\[1\] must be finite and at least 0, got -1"),
        ({"penalty": [1.0, 2.0, 3.0]}, r"penalty has shape \(3,\), but there are 2 Greeks"),
        ({"lower": [1.0, 0.0, 0.0], "upper": [0.5, 1.0, 1.0]}, r"lower\[0\] is 1, above upper\[0\], which is 0.5"),
        ({"greeks": [[1.0, math.nan, 0.0], [0.0, 1.0, 0.0]]}, r"greeks\[0, 1\] must be finite, got nan"),
        ({"greeks": [1.0, 2.0]}, r"greeks must be a matrix \(Greeks, instruments\), got shape \(2,\)"),
        ({"exposure": [math.inf, 0.0]}, r"exposure\[0\] must be finite, got inf"),
        ({"exposure": [0.0]}, r"exposure has shape \(1,\), but there are 2 Greeks"),
        ({"cost_buy": [0.1, -0.1, 0.1]}, r"cost_buy\[1\] must be finite and at least 0, got -0.1"),
        ({"cost_sell": math.nan}, r"cost_sell\[0\] must be finite and at least 0, got nan"),
        ({"impact": -1.0}, r"impact\[0\] must be finite and at least 0, got -1"),
        ({"upper": math.nan}, r"upper\[0\] must be a number above minus infinity, got nan"),
        ({"limit": [-1.0, 1.0]}, r"limit\[0\] must be at least 0 \(infinite for none\), got -1"),
        ({"rows": [[1.0, 1.0]], "row_upper": 1.0}, r"rows has shape \(1, 2\), but there are 1 rows and 3 instruments"),
        ({"rows": [[1.0, 1.0, 1.0]], "row_lower": [2.0], "row_upper": [1.0]}, r"row_lower\[0\] is 2, above row_upper"),
        (
            {"rows": [[1.0, 1.0, 1.0]], "rows_sell": [[2.0, 1.0, 1.0]], "row_upper": [1.0]},
            r"rows\[0, 0\] is 1, below rows_sell\[0, 0\], which is 2",
        ),
        (
            {"rows": [[1.0, 1.0, 1.0]], "rows_sell": [[-1.0, -1.0, -1.0]], "row_lower": [-1.0]},
            "can only have an upper bound",
        ),
        ({"warm_start": [1.0]}, "warm_start has 1 numbers, but 3 are needed"),
    ],
)  # fmt: skip
def test_bad_input_names_the_argument_and_the_values(change, words):
    p = {"greeks": np.eye(2, 3), "exposure": [1.0, 2.0], "penalty": [1.0, 1.0], "cost_buy": 0.1, "cost_sell": 0.1}
    with pytest.raises(ValueError, match=words):
        hedge(**p | {"lower": -1.0, "upper": 1.0} | change)


def test_a_rejected_update_changes_nothing():
    p = desk(5)
    solver = HedgeSolver(4, 5)
    with pytest.raises(RuntimeError, match="greeks was never given"):
        solver.solve()
    solver.update(**p)
    before = solver.solve(warm=False)
    for change in ({"exposure": np.zeros(4), "cost_buy": -1.0}, {"exposure": np.zeros(4), "penalty": -np.ones(4)}):
        with pytest.raises(ValueError, match="at least 0"):
            solver.update(**change)
    after = solver.solve(warm=False)
    assert np.array_equal(after.trades, before.trades)
    assert repr(solver) == "HedgeSolver(n_greeks=4, n_instruments=5, n_rows=0)"
    with pytest.raises(ValueError, match="lot_size\\[0\\] must be finite and above 0"):
        solver.solve_lots(0.0)
