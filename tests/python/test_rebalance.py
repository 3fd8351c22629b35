"""The cost-aware rebalance against certified optima, a bound that no trade can beat, and itself."""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf

from conftest import FUSED, REFERENCE, on_each_isa
from rebalance_core.sizing import RebalanceResult, RebalanceSolver, SolveStatus, rebalance

sys.path.insert(0, str(REFERENCE))
import sizing as referee

INSTANCES = json.loads((REFERENCE / "rebalance_instances.json").read_text())
SOLVED = [d for d in INSTANCES if d["status"] == "solved"]
IMPOSSIBLE = [d for d in INSTANCES if d["status"] == "infeasible"]
NOT_ARGUMENTS = ("name", "status", "objective", "trades", "relaxation", "impossible")


def arguments(d: dict[str, Any]) -> dict[str, Any]:
    given = {key: value for key, value in d.items() if key not in NOT_ARGUMENTS}
    ends = {"lower": -np.inf, "upper": np.inf}
    return {key: ends[key] if key in ends and value is None else value for key, value in given.items()}


def terms(r: RebalanceResult, g: float) -> float:
    """What rounding in the objective is relative to: its terms, each taken positive."""
    return abs(r.objective) + r.cost + g / 2 * r.risk


def proven_gap(d: dict[str, Any], r: RebalanceResult) -> tuple[float, float, float]:
    """How much better any feasible trade could be, how far rows are missed, and the error of the stated objective.

    From the trades and the multipliers of the rows alone, in fifty digits; see tests/reference/sizing.py.
    """
    with mp.workdps(50):
        p = referee.exactly(
            referee.rebalance_program({key: np.asarray(v).tolist() for key, v in d.items() if v is not None})
        )
        x = [mpf(float(v)) for v in r.trades]
        budget, turnover, leverage = (mpf(float(v)) for v in r.multipliers[-3:])
        none = [mpf(0)] * len(p.offset)
        multipliers = referee.Multipliers(none, none, none, [budget], turnover, leverage)
        value = p.objective(x)
        bound = referee.lower_bound(p, x, multipliers, mpf(10) ** -9)
        size = referee.terms(p, x) + abs(value) + mpf(10) ** -7  # what a trade of a ten-thousandth costs
        return float((value - bound) / size), float(referee.violation(p, x)), float((r.objective - value) / size)


# --- certified optima ---


@pytest.mark.parametrize("d", SOLVED, ids=lambda d: d["name"])
def test_objective_is_the_certified_one(isa, d):
    r = rebalance(**arguments(d))
    assert r.status is SolveStatus.solved, r
    # 1e-9 of the objective; what is 0 exactly comes out as the rounding of terms of the size of the start
    start = rebalance(**{**arguments(d), "cost_buy": 1e9, "cost_sell": 1e9, "turnover": None, "leverage": None})
    rounding = 1e-15 * (start.risk * d.get("risk_aversion", 1.0) if start.status is SolveStatus.solved else 0.0)
    assert r.objective == pytest.approx(float(d["objective"]), rel=1e-9, abs=rounding)


@pytest.mark.parametrize("d", SOLVED, ids=lambda d: d["name"])
def test_rows_hold(d):
    r = rebalance(**arguments(d))
    size = max(float(np.abs(d["weights"]).sum()), r.turnover)
    after = np.asarray(d["weights"]) + r.trades
    assert abs(r.trades.sum() - d.get("budget", 0.0)) <= 1e-11 * size
    assert np.abs(r.trades).sum() <= (d.get("turnover") or (np.inf if "turnover" not in d else 0.0)) + 1e-11 * size
    assert np.abs(after).sum() <= d.get("leverage", np.inf) + 1e-10 * size
    for name, sign in (("lower", 1.0), ("upper", -1.0)):
        if d[name] is not None:
            assert (sign * (after - np.asarray(d[name])) >= -1e-15 * size).all()


@pytest.mark.parametrize("d", IMPOSSIBLE, ids=lambda d: d["name"])
def test_the_least_relaxation_is_named(isa, d):
    """And the trades are the best of the problem so relaxed."""
    r = rebalance(**arguments(d))
    assert r.status is SolveStatus.infeasible
    assert list(r.relaxation) == [d["impossible"]]
    assert r.relaxation[d["impossible"]] == pytest.approx(float(d["relaxation"]), rel=1e-12)
    assert d["impossible"] in r.message
    assert "cannot hold together" in r.message
    assert r.objective == pytest.approx(float(d["objective"]), rel=1e-9)


def test_every_row_that_takes_part_is_named():
    d = next(d for d in IMPOSSIBLE if d["name"] == "leverage and turnover apart")
    for word in ("leverage", "turnover", "budget", "bounds"):
        assert word in rebalance(**arguments(d)).message


# --- worked by hand ---


def test_one_pair_is_a_soft_threshold():
    """Two assets with variance s each and budget 0: x = (2 s g gap - 2 cost) / (2 s g) beyond the no-trade region."""
    common = {"loadings": np.zeros((2, 1)), "factor_cov": [1.0], "specific_var": 0.04, "risk_aversion": 2.0}
    for gap, wanted in ((0.05, 0.05 - 0.002 / 0.08), (0.02, 0.0)):
        r = rebalance(
            [0.5 - gap, 0.5 + gap], [0.5, 0.5], **common, cost_buy=0.001, cost_sell=0.003, lower=0.0, upper=1.0
        )
        np.testing.assert_allclose(r.trades, [wanted, -wanted], atol=1e-15)


def test_without_costs_the_target_is_reached():
    d = referee.factor_rebalance(11, 50, 4)
    r = rebalance(**{**arguments(d), "cost_buy": 0.0, "cost_sell": 0.0})
    np.testing.assert_allclose(np.asarray(d["weights"]) + r.trades, d["target"], atol=1e-14)
    assert r.risk < 1e-25


def test_power_cost_by_hand():
    """One asset, no risk: alpha = 1.5 impact sqrt(x)."""
    r = rebalance(
        [0.0, 0.0], [0.0, 0.0], specific_var=0.0, risk_aversion=0.0, alpha=[0.03, -0.03],
        cost_buy=0.0, cost_sell=0.0, impact=0.1, lower=-np.inf, upper=np.inf,
    )  # fmt: skip
    np.testing.assert_allclose(r.trades, [0.04, -0.04], rtol=1e-12)
    assert r.objective == pytest.approx(-2 * 0.03 * 0.04 / 3, rel=1e-12)


# --- the fields say what they say ---


def test_result_adds_up():
    d = arguments(referee.factor_rebalance(12, 60, 5, power=2e-3))
    r = rebalance(**d, alpha=0.001, impact_quadratic=0.02, turnover=0.2)
    x, B = r.trades, np.asarray(d["loadings"])
    left = np.asarray(d["weights"]) + x - np.asarray(d["target"])
    risk = left @ (B * d["factor_cov"]) @ (B.T @ left) + np.asarray(d["specific_var"]) @ left**2
    size = np.abs(x)
    cost = np.where(x > 0, d["cost_buy"], d["cost_sell"]) @ size + np.asarray(d["impact"]) @ size**1.5 + 0.01 * x @ x
    assert r.risk == pytest.approx(risk, rel=1e-12)
    assert r.cost == pytest.approx(cost, rel=1e-12)
    assert r.objective == pytest.approx(2.5 * risk - 0.001 * x.sum() + cost, rel=1e-12)
    assert r.turnover == pytest.approx(size.sum(), rel=1e-13)
    assert r.turnover == pytest.approx(0.2, rel=1e-11)
    assert r.leverage == pytest.approx(np.abs(np.asarray(d["weights"]) + x).sum(), rel=1e-13)
    assert r.message == ""
    assert r.relaxation == {}
    assert "solved" in repr(r)
    assert f"{(x != 0).sum()} of 60 assets traded" in repr(r)


@pytest.mark.parametrize("row", ["turnover", "leverage"])
def test_multipliers_are_the_worth_of_a_cap(row):
    """The derivative of the objective in the cap, by central difference."""
    d = arguments(next(d for d in SOLVED if d["name"] == "leverage and turnover bind"))
    r, h = rebalance(**d), 1e-5
    up, down = (rebalance(**{**d, row: d[row] + s * h}).objective for s in (1, -1))
    at = {"turnover": -2, "leverage": -1}[row]
    assert r.multipliers[at] > 0
    assert r.multipliers[at] == pytest.approx((down - up) / (2 * h), rel=1e-5)


def test_multiplier_of_the_budget():
    d = arguments(referee.factor_rebalance(1, 10, 3))
    h = 1e-6
    up, down = (rebalance(**d, budget=0.05 + s * h).objective for s in (1, -1))
    assert rebalance(**d, budget=0.05).multipliers[-3] == pytest.approx((down - up) / (2 * h), rel=1e-5)


# --- a bound that nothing can beat ---


@st.composite
def problems(draw: st.DrawFn) -> dict[str, Any]:
    n, k = draw(st.integers(1, 12)), draw(st.integers(0, 4))
    r = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    short = draw(st.booleans())
    weights = r.normal(size=n) if short else r.random(n)
    weights /= np.abs(weights).sum()
    target = weights * (1 + draw(st.sampled_from([0.0, 0.1, 1.0])) * r.normal(size=n))
    d: dict[str, Any] = {
        "weights": weights,
        "target": target,
        "risk_aversion": draw(st.sampled_from([0.0, 1e-3, 1.0, 100.0])),
        "specific_var": r.uniform(0.0, 0.1, n) * (r.random(n) < draw(st.sampled_from([1.0, 0.5, 0.0]))),
        "cost_buy": r.uniform(0.0, 1e-3, n) * draw(st.sampled_from([0.0, 1.0, 10.0])),
        "cost_sell": r.uniform(0.0, 1e-3, n) * draw(st.sampled_from([0.0, 1.0, 10.0])),
        "impact": r.uniform(0.0, 1e-2, n) * (r.random(n) < draw(st.sampled_from([0.0, 0.5, 1.0]))),
        "alpha": r.normal(size=n) * draw(st.sampled_from([0.0, 1e-3])),
        "lower": np.minimum(weights, -1.0 if short else 0.0) - 1e-3,
        "upper": np.maximum(weights, r.uniform(0.2, 1.0, n)),
        "budget": draw(st.sampled_from([0.0, 0.05, -0.05])),
    }
    if k:
        d["loadings"] = r.normal(size=(n, k))
        d["factor_cov"] = 0.04 * r.random(k)
    if draw(st.booleans()):
        d["turnover"] = draw(st.floats(0.02, 0.5))
    if short and draw(st.booleans()):
        d["leverage"] = draw(st.floats(0.8, 1.2))
    return d


@given(problems())
@settings(max_examples=150)
def test_no_trade_is_better(d):
    """Weak duality, in fifty digits: whatever the problem, the Lagrangian's minimum is as high as the objective."""
    r = rebalance(**d)
    if r.status is SolveStatus.infeasible:
        for row, by in r.relaxation.items():
            d = {**d, row: d[row] + by + (0.0 if row == "budget" else 1e-12)}
        again = rebalance(**d)  # the relaxation suffices
        assert again.status is SolveStatus.solved, (r, again)
        return
    assert r.status is SolveStatus.solved, r
    gap, missed, error = proven_gap(d, r)
    assert missed < 1e-10
    if (
        d.get("turnover", 1.0) > r.turnover * (1 + 1e-8) or r.multipliers[-2] > 0
    ):  # a cap that is a bound has no multiplier
        assert gap < 1e-9
    assert abs(error) < 1e-13


@pytest.mark.parametrize("power", [0.0, 3e-3])
def test_a_thousand_assets_are_optimal(isa, power):
    d = referee.factor_rebalance(1000, 1000, 20, power=power)
    d["turnover"] = 0.1
    gap, missed, error = proven_gap(d, rebalance(**d))
    assert gap < 1e-9
    assert missed < 1e-11
    assert abs(error) < 1e-13


def test_ten_thousand_assets():
    r = np.random.default_rng(5)
    n, k = 10_000, 20
    weights = r.random(n) / n * 2
    solver = RebalanceSolver(n, k)
    solver.update(
        weights=weights, target=weights * r.uniform(0.5, 1.5, n), loadings=r.normal(size=(n, k)), factor_cov=np.full(k, 0.01),
        specific_var=0.04, cost_buy=1e-5, cost_sell=1e-5, impact=1e-4, lower=0.0, upper=0.01, turnover=0.002,
    )  # fmt: skip
    found = solver.solve()
    assert found.status is SolveStatus.solved
    assert found.iterations < 30
    assert found.turnover == pytest.approx(0.002, rel=1e-10)


# --- dense covariance ---


@given(st.integers(1, 15), st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_dense_covariance_is_its_factors(n, seed):
    r = np.random.default_rng(seed)
    B, D = r.normal(size=(n, 3)), r.uniform(0.01, 0.1, n)
    d = arguments(referee.factor_rebalance(seed % 1000, n, 3))
    d |= {"loadings": B, "factor_cov": [0.04, 0.02, 0.01], "specific_var": D}
    factors = rebalance(**d)
    for key in ("loadings", "factor_cov", "specific_var"):
        del d[key]
    dense = rebalance(**d, covariance=B @ np.diag([0.04, 0.02, 0.01]) @ B.T + np.diag(D))
    assert dense.status is SolveStatus.solved
    assert dense.objective == pytest.approx(factors.objective, rel=1e-9)
    np.testing.assert_allclose(dense.trades, factors.trades, atol=1e-9)


def test_singular_covariance():
    """Two assets that are one: no specific variance is left to take out."""
    r = rebalance(
        [0.5, 0.3, 0.2], [0.3, 0.3, 0.4], covariance=[[0.04, 0.04, 0.0], [0.04, 0.04, 0.0], [0.0, 0.0, 0.01]],
        cost_buy=[0.001, 0.002, 0.001], cost_sell=0.001, lower=0.0, upper=1.0, risk_aversion=10.0,
    )  # fmt: skip
    # the pair moves as one asset towards 0.6 and sells where nothing else differs: w1 + w2 - 0.6 = 0.002 / (10 (0.04 + 0.01))
    assert r.status is SolveStatus.solved
    assert r.trades[2] == pytest.approx(0.2 - 0.002 / 0.5, rel=1e-9)


# --- solving again ---


def test_warm_is_cold():
    """To the tolerance, and in fewer steps."""
    d = arguments(referee.factor_rebalance(13, 200, 10, power=1e-3))
    r = np.random.default_rng(0)
    warm, cold = RebalanceSolver(200, 10), RebalanceSolver(200, 10)
    for solver in (warm, cold):
        solver.update(**d, turnover=0.15)
        solver.solve()
    steps = [0, 0]
    for _ in range(30):
        weights = np.asarray(d["weights"]) * (1 + 1e-3 * r.normal(size=200))
        for solver in (warm, cold):
            solver.update(weights=weights / weights.sum())
        cold.start_cold()
        a, b = warm.solve(), cold.solve()
        assert a.objective == pytest.approx(b.objective, rel=1e-12)
        np.testing.assert_allclose(a.trades, b.trades, atol=1e-12)
        steps[0] += a.iterations
        steps[1] += b.iterations
    assert steps[0] < 0.7 * steps[1]


def test_a_result_warms_another():
    d = arguments(referee.factor_rebalance(14, 50, 5))
    first = rebalance(**d, turnover=0.1)
    second = rebalance(**d, turnover=0.1, warm_start=first)
    assert first.iterations > 0
    assert second.iterations == 0
    np.testing.assert_allclose(second.trades, first.trades, atol=1e-13)


def test_updates_are_the_whole_problem():
    """Each argument changed alone gives what a fresh solver gives."""
    d = arguments(referee.factor_rebalance(15, 30, 4))
    changes = {
        "weights": np.roll(d["weights"], 1), "target": np.roll(d["target"], 2), "loadings": np.roll(d["loadings"], 1, axis=0),
        "factor_cov": np.diag([0.01, 0.02, 0.03, 0.04]) + 0.001, "specific_var": 0.03, "risk_aversion": 2.0, "alpha": 0.001,
        "cost_buy": 0.0002, "cost_sell": 0.0003, "impact": 0.001, "impact_quadratic": 0.01, "lower": 0.001, "upper": 0.5,
        "turnover": 0.1, "leverage": 1.0, "budget": 0.01,
    }  # fmt: skip
    solver = RebalanceSolver(30, 4)
    solver.update(**d)
    for name, value in changes.items():
        solver.update(**{name: value})
        d[name] = value
        if name == "budget":
            solver.update(leverage=None)
            d["leverage"] = None
        assert solver.solve().objective == pytest.approx(rebalance(**d).objective, rel=1e-11), name


def test_results_are_kept():
    d = arguments(referee.factor_rebalance(16, 20, 2))
    solver = RebalanceSolver(20, 2)
    solver.update(**d)
    first = solver.solve()
    before = first.trades.copy()
    solver.update(weights=d["target"])
    solver.solve()
    np.testing.assert_array_equal(first.trades, before)


@pytest.mark.parametrize("name", ["forty assets, power", "leverage and turnover bind", "no specific variance"])
def test_same_bits_on_every_instruction_set(name):
    d = arguments(next(d for d in SOLVED if d["name"] == name))
    found = {isa: rebalance(**d) for isa in on_each_isa(FUSED)}
    first = found[FUSED[0]]
    for other in found.values():
        assert other.trades.tobytes() == first.trades.tobytes()
        assert other.multipliers.tobytes() == first.multipliers.tobytes()
        assert (other.objective, other.cost, other.risk) == (first.objective, first.cost, first.risk)


def test_same_bits_for_any_number_of_assets():
    d = arguments(referee.factor_rebalance(17, 333, 20, power=1e-3))
    found = [rebalance(**d, turnover=0.2).trades.tobytes() for _ in on_each_isa(FUSED)]
    assert len(set(found)) == 1


# --- what is refused ---


GOOD = {
    "weights": [0.5, 0.5], "target": [0.4, 0.6], "loadings": [[1.0], [0.5]], "factor_cov": [0.04], "specific_var": 0.01,
    "cost_buy": 0.001, "cost_sell": 0.001, "lower": 0.0, "upper": 1.0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": [0.5, np.nan]}, r"weights\[1\] must be a number, got nan"),
        ({"target": [0.5, 0.4, 0.1]}, r"target must be one number, or shape \(2,\), got shape \(3,\)"),
        ({"cost_buy": -0.001}, r"cost_buy must be at least 0, got -0.001"),
        ({"cost_sell": [0.0, -1.0]}, r"cost_sell\[1\] must be at least 0, got -1"),
        ({"specific_var": [0.1, -0.1]}, r"specific_var\[1\] must be at least 0, got -0.1"),
        ({"impact": np.inf}, r"impact must be finite, got inf"),
        ({"impact_quadratic": -1.0}, r"impact_quadratic must be at least 0, got -1"),
        ({"lower": [0.0, 0.7], "upper": 0.6}, r"lower\[1\] is 0.7, above upper\[1\], which is 0.6"),
        ({"lower": np.inf}, r"lower must be below infinity, got inf"),
        ({"factor_cov": [-0.04]}, r"factor_cov must be positive semidefinite"),
        ({"factor_cov": [0.04, 0.01]}, r"factor_cov must be shape \(1, 1\) or \(1,\), got shape \(2,\)"),
        ({"loadings": [[1.0], [np.inf]]}, r"loadings\[1, 0\] must be finite, got inf"),
        ({"risk_aversion": -1.0}, r"risk_aversion must be at least 0, got -1"),
        ({"turnover": -0.1}, r"turnover must be at least 0, got -0.1"),
        ({"leverage": np.nan}, r"leverage must be a number, got nan"),
        ({"budget": np.inf}, r"budget must be finite, got inf"),
    ],
)
def test_bad_input_is_named_and_changes_nothing(changes, message):
    with pytest.raises(ValueError, match=message):
        rebalance(**{**GOOD, **changes})
    solver = RebalanceSolver(2, 1)
    solver.update(**GOOD)
    before = solver.solve()
    with pytest.raises(ValueError, match=message):
        solver.update(**{"weights": [0.9, 0.1], **changes})
    solver.start_cold()
    assert solver.solve().trades.tobytes() == before.trades.tobytes()


@pytest.mark.parametrize(
    ("covariance", "message"),
    [
        (
            [[0.04, 0.05], [0.05, 0.04]],
            "covariance must be positive semidefinite: the correlations have the eigenvalue -0.25",
        ),
        ([[0.04, 0.01], [0.02, 0.04]], r"covariance must be symmetric, but \[0, 1\] is 0.01 and \[1, 0\] is 0.02"),
        ([[0.04, 0.01]], r"covariance must have shape \(2, 2\), got \(1, 2\)"),
        ([[0.04, np.nan], [np.nan, 0.04]], r"covariance\[0, 1\] must be finite, got nan"),
        ([[-0.04, 0.0], [0.0, 0.04]], r"covariance\[0, 0\] must be at least 0, got -0.04"),
    ],
)
def test_bad_covariance(covariance, message):
    d = {key: value for key, value in GOOD.items() if key not in ("loadings", "factor_cov", "specific_var")}
    with pytest.raises(ValueError, match=message):
        rebalance(**d, covariance=covariance)


def test_a_factor_covariance_that_is_none():
    solver = RebalanceSolver(2, 2)
    with pytest.raises(ValueError, match="positive semidefinite"):
        solver.update(factor_cov=[[0.04, 0.05], [0.05, 0.04]])
    with pytest.raises(ValueError, match=r"symmetric, but \[1, 0\] is 0.02 and \[0, 1\] is 0.01"):
        solver.update(factor_cov=[[0.04, 0.01], [0.02, 0.04]])


def test_arguments_that_do_not_go_together():
    with pytest.raises(TypeError, match="give covariance or loadings, factor_cov, specific_var, not both"):
        rebalance(**GOOD, covariance=np.eye(2))
    with pytest.raises(TypeError, match="risk is given by"):
        rebalance(**{key: value for key, value in GOOD.items() if key != "factor_cov"})
    solver = RebalanceSolver(2, 1)
    with pytest.raises(ValueError, match="as many factors as assets, but this one has 1 and 2"):
        solver.update(covariance=np.eye(2))
    with pytest.raises(TypeError, match="no argument 'weight'"):
        solver.update(weight=[0.5, 0.5])
    solver.update(weights=0.5, loadings=[[1.0], [1.0]], factor_cov=[1.0], specific_var=0.1)
    with pytest.raises(RuntimeError, match="never given; update first: target, cost_buy, cost_sell, lower, upper"):
        solver.solve()
    with pytest.raises(ValueError, match="n_assets must be at least 1"):
        RebalanceSolver(0, 1)
    with pytest.raises(ValueError, match="multipliers of a warm start are 2 numbers, but this problem has 4"):
        solver.start_from([0.0, 0.0])


def test_stopping_early_is_said():
    solver = RebalanceSolver(40, 5, max_iterations=1)
    solver.update(**arguments(referee.factor_rebalance(4, 40, 5, power=3e-3)), turnover=0.1)
    r = solver.solve()
    assert r.status is SolveStatus.iteration_limit
    assert "stopped after 1 steps" in r.message


def test_two_threads_are_refused_or_served():
    solver = RebalanceSolver(2000, 20)
    solver.update(**arguments(referee.factor_rebalance(18, 2000, 20, power=1e-3)))
    wanted = solver.solve().trades
    errors: list[str] = []

    def work() -> None:
        for _ in range(20):
            try:
                np.testing.assert_allclose(solver.solve().trades, wanted, atol=1e-12)
            except RuntimeError as error:
                errors.append(str(error))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert all("at work in another thread" in e for e in errors)
