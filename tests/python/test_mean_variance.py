"""Mean-variance weights under costs: the closed form, a slow twin, the horizon, and the engine that trades them."""

from __future__ import annotations

import doctest
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

import rebalance_core as rc
from conftest import NOW, numbers, shared_table
from rebalance_core import sizing
from rebalance_core.sizing import MeanVariance, SolveStatus, _mean_variance, rebalance
from rebalance_core.triggers import Threshold, amortisation_horizon, local_band

FREE = {"cost_buy": 0.0, "cost_sell": 0.0, "lower": -np.inf, "upper": np.inf}

GOOD: dict[str, Any] = {
    "covariance": [[0.36, 0.24], [0.24, 0.64]], "alpha": [0.15, 0.30], "risk_aversion": 2.0, "horizon_years": 0.25,
    "cost_buy": 0.0005, "cost_sell": 0.0005, "lower": 0.0, "upper": 1.0,
}  # fmt: skip


def model(seed: int, n: int, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Loadings, factor variances, specific variances, and the covariance that they make."""
    r = np.random.default_rng(seed)
    b, f, d = r.normal(size=(n, k)), r.uniform(0.05, 0.3, k), r.uniform(0.05, 0.5, n)
    return b, f, d, b @ np.diag(f) @ b.T + np.diag(d)


def test_examples_give_what_they_show():
    result = doctest.testmod(_mean_variance)
    assert result.attempted > 0
    assert result.failed == 0


# --- the closed form ---


@pytest.mark.parametrize("horizon", [0.01, 1.0, 30.0])
def test_without_costs_it_is_markowitz(isa, horizon):
    """t + (g S)^-1 (alpha - v 1), with v such that the weights add up; however long they are held."""
    b, f, d, sigma = model(1, 12, 3)
    r = np.random.default_rng(2)
    alpha, target, held = 0.2 * r.normal(size=12), r.normal(size=12), r.normal(size=12)
    g, invested = 3.0, 1.0
    straight, ones = np.linalg.solve(g * sigma, np.stack([alpha, np.ones(12)], axis=1)).T
    expected = target + straight - ones * (target.sum() + straight.sum() - invested) / ones.sum()
    given = {
        "alpha": alpha,
        "target": target,
        "risk_aversion": g,
        "invested": invested,
        "horizon_years": horizon,
        **FREE,
    }
    for risk in ({"covariance": sigma}, {"loadings": b, "factor_cov": f, "specific_var": d}):
        rule = MeanVariance(**risk, **given)
        assert rule.update(held).status is SolveStatus.solved
        np.testing.assert_allclose(rule.weights, expected, atol=1e-11)


def test_one_pair_by_hand():
    """Along x = w - 1/2 the variance is v x^2 and return a x: x = a / (g v) -+ 2 cost / (T g v) beyond the no-trade region."""
    v, a, g, cost, years = 0.36 + 0.64 - 2 * 0.24, 0.15 - 0.30 - 2.0 * (0.5 * 0.36 - 0.5 * 0.64), 2.0, 0.0005, 0.25
    center, half = 0.5 + a / (g * v), 2 * cost / (years * g * v)
    rule = MeanVariance(**GOOD)
    for start, wanted in ((0.2, center - half), (0.9, center + half), (center + 0.9 * half, center + 0.9 * half)):
        rule.update([start, 1.0 - start])
        np.testing.assert_allclose(rule.weights, [wanted, 1.0 - wanted], atol=1e-14)


# --- the horizon ---


def test_horizon_divides_costs():
    b, f, d, _ = model(3, 10, 2)
    r = np.random.default_rng(4)
    held = r.random(10) / 5
    common = {
        "loadings": b, "factor_cov": f, "specific_var": d, "alpha": 0.2 * r.normal(size=10), "risk_aversion": 4.0, "lower": 0.0,
        "upper": 0.5, "turnover": 0.6,
    }  # fmt: skip
    long = MeanVariance(
        **common, cost_buy=0.002, cost_sell=0.004, impact=0.01, impact_quadratic=0.02, horizon_years=0.1
    )
    year = MeanVariance(**common, cost_buy=0.02, cost_sell=0.04, impact=0.1, impact_quadratic=0.2)
    long.update(held)
    year.update(held)
    assert long.result.turnover > 0.05
    np.testing.assert_allclose(long.weights, year.weights, atol=1e-11)


def test_a_longer_horizon_trades_more():
    rule = MeanVariance(**GOOD)
    turnovers = [rule.update([0.5, 0.5], horizon_years=years).turnover for years in (0.001, 0.05, 0.25, 1.0, 100.0)]
    assert turnovers[0] == 0.0
    assert (np.diff(turnovers) > 0).all()
    assert rule.horizon_years == 100.0


def test_the_amortisation_horizon_keeps_the_optimal_band():
    """From outside, a pair is traded to where the band of its spread begins. theory: l / (c T) = a."""
    penalty, cost, variance_rate = 2.0 * (0.36 + 0.64 - 2 * 0.24), 2 * 0.0005, 0.02
    rule = MeanVariance(**{**GOOD, "alpha": 0.0, "target": 0.5}, invested=1.0)
    rule.update([0.9, 0.1], horizon_years=amortisation_horizon(variance_rate, penalty, cost))
    assert rule.weights[0] - 0.5 == pytest.approx(local_band(variance_rate, penalty, cost).trigger, rel=1e-10)


# --- a slow twin ---


@st.composite
def problems(draw: st.DrawFn) -> dict[str, Any]:
    n = draw(st.integers(2, 6))
    seed = draw(st.integers(0, 2**32 - 1))
    r = np.random.default_rng(seed)
    short = draw(st.booleans())
    return {
        "covariance": model(seed, n, 2)[3],
        "alpha": 0.3 * r.normal(size=n),
        "target": draw(st.sampled_from([0.0, 1.0])) * r.random(n) / n,
        "risk_aversion": draw(st.sampled_from([1.0, 5.0])),
        "horizon_years": draw(st.sampled_from([0.02, 0.25, 2.0])),
        "cost_buy": r.uniform(0.0, 5e-3, n),
        "cost_sell": r.uniform(0.0, 5e-3, n),
        "impact": draw(st.sampled_from([0.0, 0.01])),
        "lower": -1.0 if short else 0.0,
        "upper": 1.0,
        "invested": 0.0 if short else 1.0,
        "turnover": draw(st.sampled_from([None, 1.5])),
    }


def slow(d: dict[str, Any], held: np.ndarray) -> tuple[np.ndarray, bool]:
    """Purchases and sales apart, by sequential quadratic programming, per year of the horizon."""
    n = len(held)

    def value(z: np.ndarray) -> float:
        bought, sold = z[:n], z[n:]
        w = held + bought - sold
        off = w - d["target"]
        cost = d["cost_buy"] @ bought + d["cost_sell"] @ sold + d["impact"] * (np.maximum(z, 0.0) ** 1.5).sum()
        return d["risk_aversion"] / 2 * off @ d["covariance"] @ off - d["alpha"] @ w + cost / d["horizon_years"]

    rows = [
        {"type": "eq", "fun": lambda z: held.sum() + z[:n].sum() - z[n:].sum() - d["invested"]},
        {"type": "ineq", "fun": lambda z: held + z[:n] - z[n:] - d["lower"]},
        {"type": "ineq", "fun": lambda z: d["upper"] - held - z[:n] + z[n:]},
    ]
    if d["turnover"]:
        rows.append({"type": "ineq", "fun": lambda z: d["turnover"] - z.sum()})
    found = optimize.minimize(
        value, np.full(2 * n, 0.01), method="SLSQP", bounds=[(0, None)] * (2 * n), constraints=rows,
        options={"ftol": 1e-13, "maxiter": 1000},
    )  # fmt: skip
    return held + found.x[:n] - found.x[n:], found.success


@given(problems(), st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_a_slow_solver_finds_the_same(d, seed):
    held = np.random.default_rng(seed).random(len(d["alpha"]))
    held *= 1.0 / held.sum()
    if d["invested"] == 0.0:
        held -= held.mean()
    rule = MeanVariance(**d)
    assert rule.update(held).status is SolveStatus.solved
    other, sure = slow(d, held)
    if sure:
        # strictly convex with curvature at least 0.05: its own 1e-10 of the objective is 1e-4 of a weight
        np.testing.assert_allclose(rule.weights, other, atol=1e-4)


@given(problems())
@settings(max_examples=30)
def test_it_is_a_rebalance(d):
    n = len(d["alpha"])
    held = np.full(n, d["invested"] / n)
    rule = MeanVariance(**d)
    found = rule.update(held)
    years, g = d.pop("horizon_years"), d.pop("risk_aversion")
    del d["invested"]
    same = rebalance(
        held, **{**d, "alpha": years * d["alpha"], "target": np.broadcast_to(d["target"], n)}, risk_aversion=years * g
    )
    np.testing.assert_allclose(found.trades, same.trades, atol=1e-12)
    assert found.objective == pytest.approx(same.objective, rel=1e-10, abs=1e-14)


def test_limits_hold():
    b, f, d, _ = model(6, 30, 3)
    r = np.random.default_rng(7)
    held = r.normal(size=30)
    held -= held.mean()
    held *= 1.2 / np.abs(held).sum()
    rule = MeanVariance(
        loadings=b, factor_cov=f, specific_var=d, alpha=0.5 * r.normal(size=30), cost_buy=1e-4, cost_sell=1e-4, impact=1e-3,
        lower=-0.2, upper=0.2, turnover=0.5, leverage=1.3, invested=0.1,
    )  # fmt: skip
    found = rule.update(held)
    assert found.status is SolveStatus.solved
    assert np.abs(rule.weights).max() <= 0.2 + 1e-12
    assert rule.weights.sum() == pytest.approx(0.1, abs=1e-10)
    assert found.turnover <= 0.5 + 1e-10
    assert found.leverage <= 1.3 + 1e-9


def test_limits_that_cannot_hold_together_are_named():
    rule = MeanVariance(**GOOD, invested=1.0, turnover=0.1)
    found = rule.update([0.2, 0.2])
    assert found.status is SolveStatus.infeasible
    assert found.relaxation["turnover"] == pytest.approx(0.5)
    np.testing.assert_allclose(rule.weights.sum(), 1.0, atol=1e-12)


# --- again and again ---


def test_updates_are_the_whole_problem():
    """Each argument changed alone gives what a fresh rule gives, for as long as it is kept."""
    b, f, d, sigma = model(8, 8, 2)
    del sigma
    r = np.random.default_rng(9)
    given = {
        "loadings": b, "factor_cov": f, "specific_var": d, "alpha": 0.2 * r.normal(size=8), "target": 0.0, "risk_aversion": 2.0,
        "horizon_years": 0.5, "cost_buy": 1e-3, "cost_sell": 2e-3, "lower": -0.5, "upper": 0.5,
    }  # fmt: skip
    held = r.normal(size=8) / 8
    rule = MeanVariance(**given)
    rule.update(held)
    changes = {
        "alpha": 0.3 * r.normal(size=8), "horizon_years": 0.1, "risk_aversion": 5.0, "target": r.random(8) / 8, "invested": 0.2,
        "cost_buy": 5e-4, "cost_sell": 5e-4, "impact": 1e-3, "impact_quadratic": 1e-3, "lower": -0.3, "upper": 0.3,
        "turnover": 1.0, "leverage": 1.2, "factor_cov": 2 * f, "loadings": b[::-1], "specific_var": 2 * d,
    }  # fmt: skip
    for name, value in changes.items():
        rule.update(**{name: value})
        given[name] = value
        fresh = MeanVariance(**given)
        fresh.update(held)
        assert rule.result.objective == pytest.approx(fresh.result.objective, rel=1e-10), name
        np.testing.assert_allclose(rule.weights, fresh.weights, atol=1e-9, err_msg=name)


def test_a_small_move_is_solved_from_the_last():
    b, f, d, _ = model(10, 200, 10)
    r = np.random.default_rng(11)
    held = r.random(200)
    held /= held.sum()
    rule = MeanVariance(
        loadings=b, factor_cov=f, specific_var=d, alpha=0.1 * r.normal(size=200), cost_buy=1e-3, cost_sell=1e-3, impact=1e-3,
        lower=0.0, upper=0.1,
    )  # fmt: skip
    first = rule.update(held).iterations
    held *= 1 + 1e-3 * r.normal(size=200)
    assert rule.update(held / held.sum()).iterations < 0.7 * first


def test_the_rule_keeps_what_it_was_given():
    alpha, held = np.array([0.15, 0.30]), np.array([0.6, 0.4])
    rule = MeanVariance(**{**GOOD, "alpha": alpha})
    rule.update(held)
    after = rule.weights
    alpha[:] = held[:] = 9.0
    np.testing.assert_array_equal(rule.weights, after)
    rule.update(horizon_years=0.25)
    np.testing.assert_allclose(rule.weights, after, atol=1e-14)


def test_a_pickle_goes_on_where_it_was():
    b, f, d, sigma = model(12, 6, 2)
    for risk in ({"loadings": b, "factor_cov": f, "specific_var": d}, {"covariance": sigma}):
        rule = MeanVariance(
            **risk, alpha=0.1, cost_buy=1e-3, cost_sell=1e-3, lower=0.0, upper=1.0, underlyings=list("abcdef")
        )
        fresh = pickle.loads(pickle.dumps(rule))
        with pytest.raises(ValueError, match="there is no result before the first update"):
            _ = fresh.weights
        rule.update(np.full(6, 1 / 6))
        again = pickle.loads(pickle.dumps(rule))
        np.testing.assert_allclose(again.weights, rule.weights, atol=1e-12)
        assert again.underlyings == list("abcdef")
        held = np.array([0.3, 0.1, 0.1, 0.1, 0.1, 0.3])
        for other in (again, fresh):
            np.testing.assert_allclose(other.update(held).trades, rule.update(held).trades, atol=1e-11)


# --- what is refused ---


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"horizon_years": 0.0}, r"horizon_years must be above 0 and finite, got 0.0"),
        ({"horizon_years": np.nan}, r"horizon_years must be above 0 and finite, got nan"),
        ({"risk_aversion": -1.0}, r"risk_aversion must be at least 0 and finite, got -1.0"),
        ({"invested": np.inf}, r"invested must be finite, got inf"),
        ({"alpha": [0.1, np.nan]}, r"alpha\[1\] must be a number, got nan"),
        ({"alpha": [0.1, 0.2, 0.3]}, r"alpha must be one number, or shape \(2,\), got shape \(3,\)"),
        ({"cost_buy": -0.001}, r"cost_buy must be at least 0, got -0.001"),
        ({"lower": [0.0, 0.7], "upper": 0.6}, r"lower\[1\] is 0.7, above upper\[1\], which is 0.6"),
        ({"covariance": [[0.04, 0.05], [0.05, 0.04]]}, r"covariance must be positive semidefinite"),
        ({"turnover": -0.1}, r"turnover must be at least 0, got -0.1"),
    ],
)
def test_bad_input_is_named_and_changes_nothing(changes, message):
    with pytest.raises(ValueError, match=message):
        MeanVariance(**{**GOOD, **changes})
    rule = MeanVariance(**GOOD)
    rule.update([0.6, 0.4])
    before = rule.weights
    with pytest.raises(ValueError, match=message):
        rule.update([0.9, 0.1], **changes)
    np.testing.assert_array_equal(rule.weights, before)
    rule.update()
    np.testing.assert_allclose(rule.weights, before, atol=1e-14)


def test_more_that_is_refused():
    with pytest.raises(TypeError, match="risk is given by covariance"):
        MeanVariance(**GOOD, specific_var=0.1)
    with pytest.raises(ValueError, match="the number of assets is not known"):
        MeanVariance(specific_var=0.1, **FREE)
    rule = MeanVariance(**GOOD)
    with pytest.raises(ValueError, match="the first update needs weights"):
        rule.update()
    with pytest.raises(ValueError, match=r"weights must have shape \(2,\), got \(3,\)"):
        rule.update([0.5, 0.3, 0.2])
    with pytest.raises(ValueError, match=r"weights\[1\] must be finite, got nan"):
        rule.update([0.5, np.nan])
    with pytest.raises(TypeError):
        rule.update([0.6, 0.4], spread=0.1)
    with pytest.raises(ValueError, match="there is no result before the first update"):
        _ = rule.result


# --- through the engine ---


def test_the_engine_trades_it():
    spot = rc.Instruments(kind=["spot"] * 2, underlying=["BTC", "ETH"], symbol=["BTC", "ETH"], lot_size=[1e-6, 1e-5])
    market = rc.Market(spot)
    market.set_prices([60_000.0, 3_000.0])
    book = rc.Book(spot, [10.0, 80.0], cash=160_000.0)  # weights 0.6, 0.24
    engine = rc.Engine(book, market, rc.Targets(), Threshold("weight", 1e-9), action="target")
    rule = MeanVariance(**{**GOOD, "upper": 0.7}, underlyings=["ETH", "BTC"])
    assert isinstance(rule, sizing.SizingRule)
    engine.set_targets(rule.targets(engine.tick(NOW)))
    assert rule.result.turnover > 0.1
    for trade in engine.tick(NOW).trades:
        book.fill(trade["symbol"], trade["size"], trade["price"])
    plan = engine.tick(NOW)
    np.testing.assert_allclose(plan.exposures["weight"], rule.weights[::-1], atol=1e-6)
    rule.targets(plan)
    assert rule.result.turnover < 1e-6  # within the no-trade region, but for lots
    with pytest.raises(ValueError, match="MeanVariance has no underlyings to give targets for"):
        MeanVariance(**GOOD).targets(plan)


def test_fifty_coins_over_a_year():
    """Least variance, weekly, from the 60 days before: who knows the cost trades less and ends with less risk and cost."""
    rows = shared_table("prices/coins_daily_price_2021_50.csv.gz")
    names = [name for name in rows[0] if name != "date"]
    prices = np.stack([numbers(rows, name) for name in names], axis=1)
    returns = prices[1:] / prices[:-1] - 1
    keep = np.isfinite(returns).all(axis=0)
    returns = returns[:, keep]
    n, cost, g = int(keep.sum()), 0.005, 3.0
    assert n >= 30
    outcome = []
    for known in (cost, 0.0):
        rule, held, paid, turnover, daily = None, np.full(n, 1 / n), 0.0, 0.0, []
        for day in range(60, len(returns)):
            if day % 7 == 0:
                sigma = np.cov(returns[day - 60 : day].T) * 365
                sigma = 0.7 * sigma + 0.3 * np.diag(np.diag(sigma))
                if rule is None:
                    rule = MeanVariance(
                        covariance=sigma,
                        risk_aversion=g,
                        cost_buy=known,
                        cost_sell=known,
                        horizon_years=0.1,
                        lower=0.0,
                        upper=0.2,
                    )
                found = rule.update(held, covariance=sigma)
                assert found.status is SolveStatus.solved
                held = rule.weights
                turnover += found.turnover
                paid += cost * found.turnover
            daily.append(held @ returns[day])
            held = held * (1 + returns[day])
            held /= held.sum()
        outcome.append((turnover, paid, np.var(daily) * len(daily)))
    (with_costs, paid, variance), (without, paid_without, variance_without) = outcome
    assert with_costs < 0.75 * without
    assert g / 2 * variance + paid < g / 2 * variance_without + paid_without
