"""Plans of several rebalances: worked numbers, a slow twin, a bound that no plan can beat, what must hold."""

from __future__ import annotations

import doctest
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from rebalance_core.sizing import MultiPeriodResult, SolveStatus, _multi_period, multi_period, rebalance

COSTS = ("cost_buy", "cost_sell", "impact", "impact_quadratic")

GOOD: dict[str, Any] = {
    "weights": [0.5, 0.5], "targets": [[0.4, 0.6], [0.3, 0.7]], "loadings": [[1.0], [0.5]], "factor_cov": [0.04],
    "specific_var": 0.01, "cost_buy": 0.001, "cost_sell": 0.001, "lower": 0.0, "upper": 1.0,
}  # fmt: skip


def test_examples_give_what_they_show():
    result = doctest.testmod(_multi_period)
    assert result.attempted > 0
    assert result.failed == 0


# --- twins ---


def covariance(d: dict[str, Any], n: int) -> np.ndarray:
    matrix = np.diag(np.broadcast_to(d["specific_var"], n)).astype(float)
    if "loadings" in d:
        b = np.asarray(d["loadings"])
        matrix = matrix + b @ np.diag(d["factor_cov"]) @ b.T
    return matrix


def objective(d: dict[str, Any], plan: np.ndarray) -> float:
    """The sum of the docstring, term by term."""
    h, n = plan.shape
    start, total = np.asarray(d["weights"]), 0.0
    per = {name: np.broadcast_to(d.get(name, 0.0), (h, n)) for name in (*COSTS, "targets", "alphas")}
    g = np.broadcast_to(d.get("risk_aversion", 1.0), h)
    before = start
    for t in range(h):
        off, x = plan[t] - per["targets"][t], plan[t] - before
        total += g[t] / 2 * off @ covariance(d, n) @ off - per["alphas"][t] @ (plan[t] - start)
        for i in range(n):
            size = abs(x[i])
            total += (per["cost_buy"] if x[i] > 0 else per["cost_sell"])[t, i] * size
            total += per["impact"][t, i] * size**1.5 + per["impact_quadratic"][t, i] * size**2 / 2
        before = plan[t]
    return total


def slow(d: dict[str, Any], h: int) -> tuple[np.ndarray, float, bool]:
    """Purchases and sales apart, by sequential quadratic programming: a plan, how far it misses rows, is it sure of itself."""
    start = np.asarray(d["weights"])
    n = len(start)
    budget = np.broadcast_to(d.get("budget", 0.0), h)

    def plan(z: np.ndarray) -> np.ndarray:
        bought, sold = z.reshape(2, h, n)
        return start + np.cumsum(bought - sold, axis=0)

    def value(z: np.ndarray) -> float:
        bought, sold = z.reshape(2, h, n)
        split = {**d, **dict.fromkeys(COSTS, 0.0)}
        cost = sum(
            (np.broadcast_to(d[name], (h, n)) * x + np.broadcast_to(d.get("impact", 0.0), (h, n)) * np.maximum(x, 0) ** 1.5
             + np.broadcast_to(d.get("impact_quadratic", 0.0), (h, n)) * x**2 / 2).sum()
            for name, x in (("cost_buy", bought), ("cost_sell", sold))
        )  # fmt: skip
        return 1e4 * (objective(split, plan(z)) + cost)

    rows = [{"type": "eq", "fun": lambda z: plan(z).sum(axis=1) - start.sum() - np.cumsum(budget)}]
    for end, sign in (("lower", 1.0), ("upper", -1.0)):
        rows.append({"type": "ineq", "fun": lambda z, e=end, s=sign: (s * (plan(z) - d[e])).ravel()})
    if d.get("turnover") is not None:
        rows.append(
            {"type": "ineq", "fun": lambda z: np.broadcast_to(d["turnover"], h) - z.reshape(2, h, n).sum(axis=(0, 2))}
        )
    found = optimize.minimize(
        value, np.full(2 * h * n, 1e-3), method="SLSQP", bounds=[(0, None)] * (2 * h * n), constraints=rows,
        options={"ftol": 1e-12, "maxiter": 500},
    )  # fmt: skip
    missed = [np.abs(rows[0]["fun"](found.x)).max(), *(-row["fun"](found.x).min() for row in rows[1:])]
    return plan(found.x), max(missed), found.success


def rows_hold(d: dict[str, Any], plan: MultiPeriodResult) -> None:
    start = np.asarray(d["weights"])
    size = max(np.abs(start).sum(), 1e-3)
    h = len(plan.trades)
    totals = start.sum() + np.cumsum(np.broadcast_to(d.get("budget", 0.0), h))
    np.testing.assert_allclose(plan.weights.sum(axis=1), totals, atol=1e-11 * size)
    np.testing.assert_allclose(start + np.cumsum(plan.trades, axis=0), plan.weights, atol=1e-13 * size)
    assert (plan.weights >= np.asarray(d["lower"]) - 1e-12 * size).all()
    assert (plan.weights <= np.asarray(d["upper"]) + 1e-12 * size).all()
    if d.get("turnover") is not None:
        assert (np.abs(plan.trades).sum(axis=1) <= np.asarray(d["turnover"]) + 1e-9 * size).all()


@st.composite
def problems(draw: st.DrawFn, largest: int = 8, longest: int = 6) -> tuple[dict[str, Any], int]:
    n, h, k = draw(st.integers(2, largest)), draw(st.integers(2, longest)), draw(st.integers(0, 2))
    r = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    short = draw(st.booleans())
    weights = r.normal(size=n) if short else r.random(n)
    weights /= np.abs(weights).sum()
    d: dict[str, Any] = {
        "weights": weights,
        "targets": weights * (1 + draw(st.sampled_from([0.0, 0.1, 1.0])) * r.normal(size=(h, n))),
        "alphas": r.normal(size=(h, n)) * draw(st.sampled_from([0.0, 1e-3])),
        "risk_aversion": draw(st.sampled_from([0.0, 1e-3, 1.0, 100.0])),
        "specific_var": r.uniform(0.0, 0.1, n) * (r.random(n) < draw(st.sampled_from([1.0, 0.5, 0.0]))),
        "cost_buy": r.uniform(0.0, 1e-3, n) * draw(st.sampled_from([0.0, 1.0, 10.0])),
        "cost_sell": r.uniform(0.0, 1e-3, n) * draw(st.sampled_from([0.0, 1.0, 10.0])),
        "impact": r.uniform(0.0, 1e-2, n) * (r.random(n) < draw(st.sampled_from([0.0, 0.5, 1.0]))),
        "impact_quadratic": draw(st.sampled_from([0.0, 0.0, 0.01])),
        "lower": np.minimum(weights, -1.0 if short else 0.0) - 1e-3,
        "upper": np.maximum(weights, r.uniform(0.2, 1.0, n)),
        "budget": draw(st.sampled_from([0.0, 0.02, -0.02])),
    }
    if k:
        d |= {"loadings": r.normal(size=(n, k)), "factor_cov": 0.04 * r.random(k)}
    if draw(st.booleans()):
        d["turnover"] = draw(st.floats(0.05, 0.5))
    return d, h


@given(problems(largest=3, longest=3))
@settings(max_examples=40)
def test_a_slow_solver_finds_nothing_better(d):
    d, h = d
    plan = multi_period(**d)
    if plan.status is SolveStatus.infeasible:
        return
    rows_hold(d, plan)
    other, missed, sure = slow(d, h)
    if missed > 1e-9:
        return  # it got lost
    theirs = objective(d, other)
    # a row missed by 1e-9 is worth at most that times the largest multiplier, some 10 here
    assert plan.objective <= theirs + 1e-8
    assert plan.lower_bound <= theirs + 1e-8
    if sure:
        assert theirs <= plan.objective + 1e-6  # it came as near as its own tolerance lets it


@given(problems())
@settings(max_examples=150)
def test_plans_are_proven(d):
    """The gap is what the objective is above a bound that comes from weak duality alone."""
    d, h = d
    plan = multi_period(**d)
    assert plan.trades.shape == plan.weights.shape == (h, len(d["weights"]))
    if plan.status is SolveStatus.infeasible:
        assert plan.relaxation
        return
    assert plan.status is SolveStatus.solved, plan
    assert plan.relative_gap < 1e-7
    rows_hold(d, plan)
    terms = abs(plan.objective) + plan.cost.sum() + plan.risk.sum() * d["risk_aversion"]
    assert plan.objective == pytest.approx(objective(d, plan.weights), abs=1e-12 * terms + 1e-16)
    assert plan.objective - plan.lower_bound >= -1e-10 * terms


@given(problems(), st.integers(0, 2**32 - 1))
@settings(max_examples=50)
def test_no_feasible_plan_is_below_the_bound(d, seed):
    """Mixtures of the plan with plans for other expectations keep every row."""
    d, _ = d
    plan = multi_period(**d)
    if plan.status is SolveStatus.infeasible:
        return
    r = np.random.default_rng(seed)
    other = multi_period(**{**d, "alphas": d["alphas"] + 1e-2 * r.normal(size=d["alphas"].shape)})
    for share in (1e-4, 1e-2, 1.0):
        mixed = plan.weights + share * (other.weights - plan.weights)
        assert objective(d, mixed) >= plan.lower_bound - 1e-12


def test_quadratic_costs_are_one_linear_system():
    """No kink and no bound: the derivatives of all steps, with one multiplier a budget, solved at once."""
    r = np.random.default_rng(2)
    n, h, g = 4, 5, 3.0
    root = r.normal(size=(n, n))
    sigma, c = root @ root.T / n * 0.04, 0.02
    start, targets, alphas = r.random(n), r.random((h, n)), 1e-2 * r.normal(size=(h, n))
    change = np.eye(h) - np.eye(h, k=-1)
    first = np.zeros(h)
    first[0] = 1.0
    big = np.kron(np.eye(h), g * sigma) + c * np.kron(change.T @ change, np.eye(n))
    right = (targets @ (g * sigma) + alphas + c * np.outer(change.T @ first, start)).ravel()
    sums = np.kron(np.eye(h), np.ones(n))
    whole = np.block([[big, sums.T], [sums, np.zeros((h, h))]])
    expected = np.linalg.solve(whole, np.concatenate([right, np.full(h, start.sum())]))[: h * n].reshape(h, n)
    plan = multi_period(
        start, targets, alphas, covariance=sigma, risk_aversion=g, cost_buy=0.0, cost_sell=0.0, impact_quadratic=c,
        lower=-np.inf, upper=np.inf,
    )  # fmt: skip
    assert plan.status is SolveStatus.solved
    np.testing.assert_allclose(
        plan.weights, expected, atol=1e-6
    )  # a gap of 1e-9 is 3e-5 of a weight; far less is found
    assert plan.objective == pytest.approx(objective({
        "weights": start, "targets": targets, "alphas": alphas, "loadings": root, "factor_cov": np.full(n, 0.04 / n),
        "specific_var": 0.0, "risk_aversion": g, "cost_buy": 0.0, "cost_sell": 0.0, "impact_quadratic": c,
    }, expected), abs=1e-9)  # fmt: skip


# --- what must hold ---


@given(problems())
@settings(max_examples=30)
def test_one_step_is_a_rebalance(d):
    d, _ = d
    one = {**d, "targets": d["targets"][:1], "alphas": d["alphas"][:1]}
    plan = multi_period(**one)
    d["target"], d["alpha"] = d.pop("targets")[0], d.pop("alphas")[0]
    r = rebalance(**d)
    assert plan.trades[0].tobytes() == r.trades.tobytes()
    assert plan.status is r.status
    assert plan.objective == pytest.approx(r.objective, rel=1e-9, abs=1e-13)
    assert plan.message.startswith(r.message)
    if r.status is SolveStatus.solved:
        assert plan.relative_gap < 1e-7


def test_a_constant_target_is_traded_to_at_once():
    """Waiting saves no proportional cost. Each step of risk counts: x = gap - 2 cost / (2 H g s)."""
    gap, cost, s, g, h = 0.1, 0.001, 0.04, 2.0, 5
    plan = multi_period(
        [0.5 - gap, 0.5 + gap], [0.5, 0.5], steps=h, specific_var=s, risk_aversion=g, cost_buy=cost, cost_sell=cost,
        lower=0.0, upper=1.0,
    )  # fmt: skip
    x = gap - 2 * cost / (2 * h * g * s)
    np.testing.assert_allclose(plan.trades[0], [x, -x], atol=1e-7)
    assert (plan.trades[1:] == 0.0).all()


def test_a_constant_target_of_many_assets_is_traded_to_at_once():
    r = np.random.default_rng(7)
    n = 20
    weights = r.random(n)
    weights /= weights.sum()
    plan = multi_period(
        weights, np.full(n, 1 / n), steps=6, loadings=r.normal(size=(n, 3)), factor_cov=[0.04, 0.02, 0.01], specific_var=0.05,
        cost_buy=1e-3, cost_sell=1e-3, lower=0.0, upper=1.0, risk_aversion=3.0,
    )  # fmt: skip
    assert plan.status is SolveStatus.solved
    assert plan.turnover[0] > 0.1
    assert np.abs(plan.trades[1:]).max() < 1e-6  # the plan is flat there: a gap of 1e-9 leaves that much


def test_impact_spreads_trades_and_proportional_cost_does_not():
    d = {"specific_var": 0.04, "steps": 6, "cost_buy": 1e-4, "cost_sell": 1e-4, "lower": -1.0, "upper": 1.0}
    alpha = 0.01 * 0.7 ** np.arange(6)[:, None] * [1.0, -1.0]
    at_once = multi_period([0.0, 0.0], alphas=alpha, **d)
    spread = multi_period([0.0, 0.0], alphas=alpha, impact=0.02, **d)
    assert at_once.trades[0, 0] == pytest.approx(at_once.weights[:, 0].max())
    assert 0 < spread.trades[1, 0] < spread.trades[0, 0] < 0.9 * at_once.trades[0, 0]
    assert (np.abs(spread.trades[:3]).min(axis=1) > 5e-4).all()


def test_no_cost_makes_every_step_its_own():
    r = np.random.default_rng(3)
    targets = r.random((4, 5))
    targets /= targets.sum(axis=1, keepdims=True)
    plan = multi_period(np.full(5, 0.2), targets, specific_var=0.04, cost_buy=0.0, cost_sell=0.0, lower=0.0, upper=1.0)
    np.testing.assert_allclose(plan.weights, targets, atol=1e-6)
    assert plan.objective < 1e-10


def test_ruinous_cost_makes_no_trade():
    plan = multi_period(**{**GOOD, "cost_buy": 1e3, "cost_sell": 1e3})
    assert plan.status is SolveStatus.solved
    assert (plan.trades == 0.0).all()
    assert (plan.weights == 0.5).all()


def test_a_cap_is_worked_through_in_pieces():
    """A cost-free way of 0.4 a step, in 0.1 a step."""
    plan = multi_period(
        [0.9, 0.1],
        [0.5, 0.5],
        steps=6,
        specific_var=1.0,
        cost_buy=0.0,
        cost_sell=0.0,
        lower=0.0,
        upper=1.0,
        turnover=0.2,
    )
    np.testing.assert_allclose(plan.trades[:, 0], [-0.1, -0.1, -0.1, -0.1, 0.0, 0.0], atol=1e-6)
    one_off = multi_period(
        [0.9, 0.1],
        [0.5, 0.5],
        specific_var=1.0,
        cost_buy=0.0,
        cost_sell=0.0,
        lower=0.0,
        upper=1.0,
        turnover=[0.0, np.inf, 0.0],
    )
    np.testing.assert_allclose(one_off.trades[:, 0], [0.0, -0.4, 0.0], atol=1e-6)


def test_what_is_coming_is_not_traded_against():
    """A target away for one step and back for three: s ((gap - x)^2 + 3 x^2) + 2 cost x is least at x, and x stays."""
    s, cost = 0.02, 1e-3
    d = {"specific_var": s, "cost_buy": cost, "cost_sell": cost, "lower": 0.0, "upper": 1.0, "weights": [0.5, 0.5]}
    back = [0.5, 0.5]
    for gap in (0.08, 0.04):
        away = [0.5 + gap, 0.5 - gap]
        x = max(0.0, (2 * s * gap - 2 * cost) / (8 * s))
        plan = multi_period(targets=[away, back, back, back], **d)
        np.testing.assert_allclose(plan.trades[0], [x, -x], atol=1e-9)
        assert (plan.trades[1:] == 0.0).all()
    assert (plan.trades == 0.0).all()
    assert multi_period(targets=[away] * 4, **d).trades[0, 0] > 0.02


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_units_do_not_matter(scale):
    d = {**GOOD, "impact": 1e-3, "turnover": 0.15, "budget": [0.0, 0.01]}
    plan = multi_period(**d)
    other = multi_period(**{
        **d, "weights": np.multiply(d["weights"], scale), "targets": np.multiply(d["targets"], scale), "upper": scale,
        "turnover": 0.15 * scale, "budget": np.multiply(d["budget"], scale), "factor_cov": [0.04 / scale],
        "specific_var": 0.01 / scale, "impact": 1e-3 / scale**0.5,
    })  # fmt: skip
    np.testing.assert_allclose(other.weights / scale, plan.weights, atol=1e-8)


def test_bounds_without_room_hold_an_asset():
    d = {**GOOD, "weights": [0.5, 0.3, 0.2], "targets": [[0.3, 0.3, 0.4]] * 3, "loadings": [[1.0], [0.5], [0.7]]}
    plan = multi_period(**{**d, "lower": [0.0, 0.3, 0.0], "upper": [1.0, 0.3, 1.0]})
    assert plan.status is SolveStatus.solved
    assert (plan.weights[:, 1] == 0.3).all()
    assert plan.trades[0, 2] > 0.1
    moved = multi_period(**{**d, "lower": [0.0, 0.25, 0.0], "upper": [1.0, 0.25, 1.0]})
    assert moved.trades[0, 1] == pytest.approx(-0.05)
    assert moved.status is SolveStatus.solved
    assert moved.relative_gap < 1e-7
    shut = multi_period(**{**d, "lower": d["weights"], "upper": d["weights"]})
    assert (shut.trades == 0.0).all()
    assert shut.relative_gap < 1e-12


def test_infinite_bounds_count_as_far_away():
    d = {**GOOD, "specific_var": [0.01, 0.0], "risk_aversion": 5.0}
    far, near = (
        multi_period(**{**d, "lower": -np.inf, "upper": np.inf}),
        multi_period(**{**d, "lower": -9.0, "upper": 9.0}),
    )
    assert far.status is near.status is SolveStatus.solved
    assert far.objective == pytest.approx(near.objective, rel=1e-8)


@pytest.mark.parametrize("weights", [[0.0, 0.0], [0.5], [0.5, 0.5]])
def test_nothing_to_do(weights):
    d = {"steps": 3, "loadings": np.zeros((len(weights), 0)), "factor_cov": [], "lower": 0.0, "upper": 1.0}
    for own in (0.0, 0.1):
        plan = multi_period(weights, weights, specific_var=own, cost_buy=0.001, cost_sell=0.001, **d)
        assert plan.status is SolveStatus.solved
        assert (plan.trades == 0.0).all()
        assert plan.objective == 0.0


def test_no_turnover_is_no_trade():
    plan = multi_period(**GOOD, turnover=0.0)
    assert plan.status is SolveStatus.solved
    assert (plan.trades == 0.0).all()


def test_without_risk_or_bounds_there_is_no_plan():
    plan = multi_period(
        [0.5, 0.5],
        alphas=[[0.1, 0.0]] * 2,
        specific_var=0.0,
        cost_buy=0.001,
        cost_sell=0.001,
        lower=-np.inf,
        upper=np.inf,
    )
    assert plan.status is SolveStatus.iteration_limit
    assert "there may be no optimum" in plan.message


def test_covariances_may_change_by_step():
    """An asset that is about to turn wild is left before."""
    calm, wild = np.diag([0.01, 0.01]), np.diag([4.0, 0.01])
    d = {"weights": [0.5, 0.5], "cost_buy": 0.0, "cost_sell": 0.0, "lower": 0.0, "upper": 1.0, "impact_quadratic": 0.2}
    steady, warned = multi_period(covariance=[calm] * 3, **d), multi_period(covariance=[calm, wild, wild], **d)
    np.testing.assert_allclose(steady.trades, 0.0, atol=1e-7)
    assert warned.trades[0, 0] < -0.05


# --- when there is no answer ---


def test_rows_that_cannot_hold_together_are_named_and_moved():
    d = {**GOOD, "weights": [0.9, 0.1], "upper": 0.6}
    plan = multi_period(**d, turnover=[0.2, 0.5])
    assert plan.status is SolveStatus.infeasible
    assert "step 0: turnover 0.2, budget and bounds cannot hold together; a turnover of 0.6 would" in plan.message
    np.testing.assert_allclose(plan.relaxation["turnover"], [0.4, 0.0], atol=1e-12)
    np.testing.assert_allclose(plan.trades[0], [-0.3, 0.3], atol=1e-7)
    again = multi_period(**d, turnover=np.array([0.2, 0.5]) + plan.relaxation["turnover"] + 1e-12)
    assert again.status is SolveStatus.solved
    full = multi_period(**GOOD, budget=[0.5, 0.6])
    assert full.status is SolveStatus.infeasible
    assert "step 1: budget 0.6 and bounds cannot hold together; a budget of 0.5 would" in full.message
    np.testing.assert_allclose(full.relaxation["budget"], [0.0, -0.1], atol=1e-12)
    np.testing.assert_allclose(full.weights[1], [1.0, 1.0], atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": [0.5, np.nan]}, r"weights\[1\] must be a number, got nan"),
        ({"weights": 0.5}, r"weights must have shape \(n,\) with n at least 1"),
        (
            {"targets": [[0.4, 0.6, 0.0]] * 2},
            r"targets must be one number, or shape \(2,\) or \(2, 2\), got shape \(2, 3\)",
        ),
        ({"alphas": [[0.0, 0.1]] * 3}, r"alphas is for 3 steps, but targets for 2"),
        ({"steps": 4}, r"targets is for 2 steps, but steps for 4"),
        ({"steps": 0}, r"steps must be a whole number of at least 1, got 0"),
        ({"targets": [0.4, 0.6]}, r"the number of steps is not known"),
        ({"cost_buy": -0.001}, r"cost_buy\[0, 0\] must be at least 0, got -0.001"),
        ({"impact": [[0.0, 0.0], [0.0, np.inf]]}, r"impact\[1, 1\] must be finite, got inf"),
        ({"risk_aversion": [1.0, -1.0]}, r"risk_aversion\[1\] must be at least 0, got -1"),
        ({"turnover": [0.1, np.nan]}, r"turnover\[1\] must be a number, got nan"),
        ({"budget": [0.0] * 3}, r"budget is for 3 steps, but targets for 2"),
        ({"lower": [0.0, 0.7], "upper": 0.6}, r"lower\[1\] is 0.7, above upper\[1\], which is 0.6"),
        ({"lower": np.inf}, r"lower\[0\] must not be that infinity, got inf"),
        ({"specific_var": [0.01, -0.01]}, r"specific_var\[1\] must be finite and at least 0, got -0.01"),
        ({"factor_cov": [-0.04]}, r"factor_cov\[0, 0\] must be at least 0, got -0.04"),
        ({"factor_cov": [0.04, 0.01]}, r"factor_cov must have shape \(1,\) or \(1, 1\), got \(2,\)"),
        ({"loadings": [[1.0], [np.inf]]}, r"loadings\[1, 0\] must be finite, got inf"),
        ({"loadings": [[1.0]]}, r"loadings must have shape \(2, n_factors\), got \(1, 1\)"),
    ],
)
def test_bad_input_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        multi_period(**{**GOOD, **changes})


def test_bad_covariance_is_named():
    d = {key: value for key, value in GOOD.items() if key not in ("loadings", "factor_cov", "specific_var")}
    with pytest.raises(
        ValueError, match=r"covariance must be positive semidefinite: the correlations have the eigenvalue"
    ):
        multi_period(**d, covariance=[np.eye(2), [[0.04, 0.05], [0.05, 0.04]]])
    with pytest.raises(TypeError, match="give covariance or loadings, factor_cov, specific_var, not both"):
        multi_period(**GOOD, covariance=np.eye(2))
    with pytest.raises(TypeError, match="risk is given by"):
        multi_period(**d)


def test_arguments_are_left_as_they_were():
    d = {name: np.array(value, dtype=float) for name, value in GOOD.items()}
    before = {name: value.copy() for name, value in d.items()}
    multi_period(**d)
    for name, value in d.items():
        np.testing.assert_array_equal(value, before[name])


def test_the_plan_as_targets_and_in_words():
    plan = multi_period(**GOOD)
    first = plan.targets(["BTC", "ETH"]).columns(["BTC", "ETH"])["weight"]
    np.testing.assert_array_equal(first, plan.weights[0])
    np.testing.assert_array_equal(plan.targets(["BTC", "ETH"], 1).columns(["BTC", "ETH"])["weight"], plan.weights[1])
    assert "solved: 2 steps of 2 assets" in repr(plan)
    assert isinstance(plan, MultiPeriodResult)
