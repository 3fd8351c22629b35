"""A plan of several rebalances: what to trade now, given what targets and expected returns come after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from rebalance_core._core import SolveStatus
from rebalance_core._tables import FloatArray, numbers
from rebalance_core.drift import Targets

from ._rebalance import RebalanceResult, rebalance, split_covariance

__all__ = ["MultiPeriodResult", "multi_period"]

#: Proven relative gap that is as good as none, the one that is good enough where the next steps do not halve it, and the
#: one that a plan needs to be called solved.
AIM = 1e-13
ENOUGH = 1e-9
SOLVED = 1e-7
MAX_STEPS = 120

#: Product of a number and its multiplier, in units of the problem, below which rounding leads the walk.
FLOOR = 1e-14

#: Curvature that holds each weight to where it is in a step, for assets that have none of their own.
FIRM = 1e-9


@dataclass(frozen=True)
class MultiPeriodResult:
    """A plan of H rebalances. The first is for now; the others say what it counts on."""

    trades: FloatArray  #: change of each weight at each step, shape (H, n); bought > 0
    weights: FloatArray  #: after each step, shape (H, n)
    status: SolveStatus  #: ``solved`` if the relative gap is at most 1e-7
    objective: float  #: of the plan
    lower_bound: float  #: no plan has a lower objective; proven from the multipliers, not from having converged
    relative_gap: float  #: objective - lower_bound, over the sum of the objective's terms, each taken positive
    cost: FloatArray  #: of the trades of each step, shape (H,)
    risk: FloatArray  #: tracking variance after each step, shape (H,)
    turnover: FloatArray  #: sum of absolute trades of each step, shape (H,)
    iterations: int  #: Newton steps taken
    message: str = ""  #: which rows cannot hold together, or how far from proven the plan is; empty if solved
    relaxation: dict[str, FloatArray] = field(default_factory=dict)  #: what was added to such rows, by step, shape (H,)

    def targets(self, underlyings: Sequence[str], step: int = 0) -> Targets:
        """The weights after a step as targets of these underlyings."""
        return Targets(weight=dict(zip(underlyings, self.weights[step].tolist(), strict=True)))

    def __repr__(self) -> str:
        steps, n = self.trades.shape
        return (
            f"MultiPeriodResult({self.status.name}: {steps} steps of {n} assets, objective {self.objective:.6g} within "
            f"{self.relative_gap:.1e}, turnover {', '.join(f'{x:.4g}' for x in self.turnover)})"
        )


def multi_period(
    weights: Any,
    targets: Any = None,
    alphas: Any = 0.0,
    *,
    steps: int | None = None,
    loadings: Any = None,
    factor_cov: Any = None,
    specific_var: Any = None,
    covariance: Any = None,
    risk_aversion: Any = 1.0,
    cost_buy: Any,
    cost_sell: Any,
    impact: Any = 0.0,
    impact_quadratic: Any = 0.0,
    lower: Any,
    upper: Any,
    turnover: Any = None,
    budget: Any = 0.0,
) -> MultiPeriodResult:
    """The plan of H rebalances that is worth its cost::

        minimise   sum over t of  g_t/2 (w_t - target_t)' S_t (w_t - target_t) - alpha_t' (w_t - w_0) + cost_t(w_t - w_{t-1})
        subject to sum (w_t - w_{t-1}) = budget_t,  lower <= w_t <= upper,  sum |w_t - w_{t-1}| <= turnover_t

    with cost(x) = sum (cost_buy x+ + cost_sell x- + impact |x|^1.5 + impact_quadratic x^2 / 2).

    Parameters
    ----------
    weights : array_like, shape (n,)
        Held now, w_0.
    targets : array_like, shape (n,) or (H, n), optional
        Wanted after each step; one row for all of them. 0 unless given: mean-variance.
    alphas : array_like, shape (n,) or (H, n), or a number
        Worth of one unit held from each step to the next.
    steps : int, optional
        H; needed where no argument has a row for each step.
    loadings, factor_cov, specific_var : array_like, shapes (n, k), (k, k) or (k,), and (n,)
        Parts of S = B F B' + D; the same at each step.
    covariance : array_like, shape (n, n) or (H, n, n)
        In the place of the three before.
    risk_aversion : float or array_like, shape (H,)
        g, at least 0. The risk of a step lasts until the next: variances and alphas are per step.
    cost_buy, cost_sell, impact, impact_quadratic : array_like, shape (n,) or (H, n), or a number
        As in `rebalance`.
    lower, upper : array_like, shape (n,), or a number
        Of the weights after each step; infinite for none.
    turnover : float or array_like, shape (H,), optional
        Cap on the sum of absolute trades of each step.
    budget : float or array_like, shape (H,)
        Sum of the trades of each step.

    Returns
    -------
    MultiPeriodResult
        If rows cannot hold together its status is ``infeasible``, ``message`` names step and rows, ``relaxation`` says how
        far each was moved, and the plan is the best of those so allowed.

    Raises
    ------
    ValueError
        If shapes do not fit, a number is NaN or a cost negative, lower is above upper, or a covariance is not positive
        semidefinite.

    Notes
    -----
    An interior-point method whose matrix is block tridiagonal in time: O(H n^3) a Newton step, for some hundreds of assets.
    One step is `rebalance`. The lower bound is weak duality: the multipliers of w_t - w_{t-1} = x_t take the plan apart into
    one convex problem for each asset and step, solved in closed form. Boyd et al. (2017), "Multi-period trading via convex
    optimization", Foundations and Trends in Optimization 3(1).

    Examples
    --------
    >>> plan = multi_period([0.7, 0.3], [0.4, 0.6], steps=4, specific_var=0.04, risk_aversion=2, cost_buy=0.0005,
    ...                     cost_sell=0.0005, impact=0.02, lower=0.0, upper=1.0)
    >>> plan.trades[:, 0].round(4), plan.status.name
    (array([-0.211 , -0.0493, -0.0136, -0.0022]), 'solved')
    """
    given = {
        "targets": 0.0 if targets is None else targets, "alphas": alphas, "cost_buy": cost_buy, "cost_sell": cost_sell,
        "impact": impact, "impact_quadratic": impact_quadratic,
    }  # fmt: skip
    by_step = {"risk_aversion": risk_aversion, "turnover": np.inf if turnover is None else turnover, "budget": budget}
    start = numbers(weights, "weights")
    if np.ndim(weights) != 1 or not len(start):
        raise ValueError(f"weights must have shape (n,) with n at least 1, got {np.shape(weights)}")
    n = len(start)
    h = _steps(steps, {**given, **by_step, "covariance": covariance})
    columns = {name: _column(name, value, h, n) for name, value in given.items()}
    rows = {name: _row(name, value, h) for name, value in by_step.items()}
    bounds = {name: _column(name, value, 1, n)[0] for name, value in (("lower", lower), ("upper", upper))}
    _check(start, columns, rows, bounds)
    sigma, own = _risk(h, n, loadings, factor_cov, specific_var, covariance)
    g = rows["risk_aversion"][:, None]
    problem = _Problem(
        start=start,
        target=columns["targets"],
        alpha=columns["alphas"],
        quadratic=g[:, :, None] * sigma,
        own=g * own,
        buy=columns["cost_buy"],
        sell=columns["cost_sell"],
        impact=columns["impact"],
        impact_quadratic=columns["impact_quadratic"],
        lower=bounds["lower"],
        upper=bounds["upper"],
        total=float(start.sum()) + np.cumsum(rows["budget"]),
        turnover=rows["turnover"],
    )
    relaxation: dict[str, FloatArray]
    if h == 1:
        cap = rows["turnover"][0]
        found, one = _one_step(
            problem,
            {
                "loadings": loadings, "factor_cov": factor_cov, "specific_var": specific_var,
                "covariance": None if covariance is None else np.reshape(covariance, (n, n)), "risk_aversion": float(g[0, 0]),
                "alpha": problem.alpha[0], "cost_buy": problem.buy[0], "cost_sell": problem.sell[0],
                "impact": problem.impact[0], "impact_quadratic": problem.impact_quadratic[0], "lower": problem.lower,
                "upper": problem.upper, "turnover": cap if np.isfinite(cap) else None, "budget": float(rows["budget"][0]),
            },
        )  # fmt: skip
        message, relaxation = one.message, {name: np.array([by]) for name, by in one.relaxation.items()}
    else:
        problem, message, relaxation = _relaxed(problem, rows["budget"])
        found = _solve(problem)
    plan, trades, bound = found.plan, found.trades, found.bound
    left = plan - columns["targets"]
    objective = problem.objective(plan, trades)
    gap = max(objective - bound, 0.0) / max(problem.size(plan, trades), 1e-300)
    status = SolveStatus.infeasible if message else SolveStatus.solved if gap <= SOLVED else SolveStatus.iteration_limit
    if not gap <= SOLVED:
        open_ended = not (np.isfinite(problem.lower) & np.isfinite(problem.upper)).all()
        message += f"{'; ' if message else ''}stopped at a proven relative gap of {gap:.1e}" + (
            "; where bounds are infinite and nothing is curved there may be no optimum" if open_ended else ""
        )
    return MultiPeriodResult(
        trades=trades,
        weights=plan,
        status=status,
        objective=objective,
        lower_bound=bound,
        relative_gap=gap,
        cost=problem.costs(trades),
        risk=np.asarray(np.einsum("ti,tij,tj->t", left, sigma, left)),
        turnover=np.abs(trades).sum(axis=1),
        iterations=found.iterations,
        message=message,
        relaxation=relaxation,
    )


# --- what was given ---


def _steps(steps: int | None, given: dict[str, Any]) -> int:
    """H: as given, or the rows that arguments have for each step."""
    asked = {"steps": int(steps)} if steps is not None else {}
    if steps is not None and (steps != int(steps) or steps < 1):
        raise ValueError(f"steps must be a whole number of at least 1, got {steps}")
    for name, value in given.items():
        extra = {"covariance": 3, "risk_aversion": 1, "turnover": 1, "budget": 1}.get(name, 2)
        if value is not None and np.ndim(value) == extra:
            asked[name] = len(value)
    if not asked:
        raise ValueError(
            "the number of steps is not known: give steps, or targets or alphas with one row for each step"
        )
    first, h = next(iter(asked.items()))
    for name, rows in asked.items():
        if rows != h:
            raise ValueError(f"{name} is for {rows} steps, but {first} for {h}")
    if h < 1:
        raise ValueError(f"{first} must have at least one step")
    return h


def _column(name: str, value: Any, h: int, n: int) -> FloatArray:
    """One number for each step and asset."""
    array = numbers(value, name).reshape(np.shape(value))  # a number stays one
    if array.ndim and array.shape not in ((n,), (h, n)):
        raise ValueError(f"{name} must be one number, or shape ({n},) or ({h}, {n}), got shape {array.shape}")
    return np.array(np.broadcast_to(array, (h, n)))


def _row(name: str, value: Any, h: int) -> FloatArray:
    """One number for each step."""
    array = numbers(value, name).reshape(np.shape(value))  # a number stays one
    if array.ndim and array.shape != (h,):
        raise ValueError(f"{name} must be one number, or shape ({h},), got shape {array.shape}")
    return np.array(np.broadcast_to(array, (h,)))


def _check(
    start: FloatArray, columns: dict[str, FloatArray], rows: dict[str, FloatArray], bounds: dict[str, FloatArray]
) -> None:
    may_be_infinite = ("turnover", "lower", "upper")
    at_least_0 = ("cost_buy", "cost_sell", "impact", "impact_quadratic", "risk_aversion", "turnover")
    for name, array in {"weights": start, **columns, **rows, **bounds}.items():
        tests = [(np.isnan(array), "be a number")]
        if name not in may_be_infinite:
            tests.append((~np.isfinite(array), "be finite"))
        if name in at_least_0:
            tests.append((array < 0.0, "be at least 0"))
        if name in bounds:
            tests.append((array == (np.inf if name == "lower" else -np.inf), "not be that infinity"))
        for bad, words in tests:
            if bad.any():
                at = tuple(int(i) for i in np.argwhere(bad)[0])
                raise ValueError(f"{name}[{', '.join(map(str, at))}] must {words}, got {array[at]}")
    crossed = bounds["lower"] > bounds["upper"]
    if crossed.any():
        i = int(np.argmax(crossed))
        raise ValueError(f"lower[{i}] is {bounds['lower'][i]}, above upper[{i}], which is {bounds['upper'][i]}")


def _risk(
    h: int, n: int, loadings: Any, factor_cov: Any, specific_var: Any, covariance: Any
) -> tuple[FloatArray, FloatArray]:
    """Covariance of each step, (H, n, n), and a diagonal that can be taken from it, (H, n)."""
    parts = {"loadings": loadings, "factor_cov": factor_cov, "specific_var": specific_var}
    if covariance is not None:
        clash = [name for name, value in parts.items() if value is not None]
        if clash:
            raise TypeError(f"give covariance or {', '.join(clash)}, not both")
        given = np.asarray(covariance, dtype=np.float64)
        if given.ndim != 3:
            own = split_covariance(given, n)[1]
            return np.broadcast_to(0.5 * (given + given.T), (h, n, n)), np.broadcast_to(own, (h, n))
        return 0.5 * (given + given.swapaxes(1, 2)), np.array([split_covariance(one, n)[1] for one in given])
    if specific_var is None or (loadings is None) != (factor_cov is None):
        raise TypeError("risk is given by loadings, factor_cov and specific_var, or by covariance")
    own = _column("specific_var", specific_var, 1, n)[0]
    if not (np.isfinite(own) & (own >= 0.0)).all():
        i = int(np.argmin(np.isfinite(own) & (own >= 0.0)))
        raise ValueError(f"specific_var[{i}] must be finite and at least 0, got {own[i]}")
    sigma = np.diag(own)
    if loadings is not None:
        b = numbers(loadings, "loadings")
        if b.ndim != 2 or len(b) != n:
            raise ValueError(f"loadings must have shape ({n}, n_factors), got {b.shape}")
        f = numbers(factor_cov, "factor_cov")
        k = b.shape[1]
        if f.shape not in ((k,), (k, k)):
            raise ValueError(f"factor_cov must have shape ({k},) or ({k}, {k}), got {f.shape}")
        for name, array in (("loadings", b), ("factor_cov", f)):
            if not np.isfinite(array).all():
                at = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
                raise ValueError(f"{name}[{', '.join(map(str, at))}] must be finite, got {array[at]}")
        f = np.diag(f) if f.ndim == 1 else f
        try:
            if k:
                split_covariance(f, k)
        except ValueError as error:
            raise ValueError(str(error).replace("covariance", "factor_cov")) from None
        sigma = b @ (0.5 * (f + f.T)) @ b.T + sigma
        sigma = 0.5 * (sigma + sigma.T)
    return np.broadcast_to(sigma, (h, n, n)), np.broadcast_to(own, (h, n))


# --- the problem ---


@dataclass(frozen=True)
class _Problem:
    """sum_t (w_t - target_t)' Q_t (w_t - target_t) / 2 - alpha_t' (w_t - start) + cost_t(x_t), sum w_t = total_t."""

    start: FloatArray  # (n,)
    target: FloatArray  # (H, n), like all that follow unless said
    alpha: FloatArray
    quadratic: FloatArray  # Q, (H, n, n)
    own: FloatArray  # a diagonal with Q - diag(own) positive semidefinite
    buy: FloatArray
    sell: FloatArray
    impact: FloatArray
    impact_quadratic: FloatArray
    lower: FloatArray  # (n,)
    upper: FloatArray  # (n,)
    total: FloatArray  # (H,)
    turnover: FloatArray  # (H,)

    def trades(self, plan: FloatArray) -> FloatArray:
        return np.diff(plan, axis=0, prepend=self.start[None, :])

    def costs(self, trades: FloatArray) -> FloatArray:
        size = np.abs(trades)
        linear = np.where(trades > 0.0, self.buy, self.sell) * size
        return np.asarray((linear + self.impact * size**1.5 + 0.5 * self.impact_quadratic * size**2).sum(axis=1))

    def risk_gradient(self, plan: FloatArray) -> FloatArray:
        return np.asarray(np.matmul(self.quadratic, (plan - self.target)[:, :, None])[:, :, 0])

    def objective(self, plan: FloatArray, trades: FloatArray) -> float:
        risk = 0.5 * float((self.risk_gradient(plan) * (plan - self.target)).sum())
        return risk - float((self.alpha * (plan - self.start)).sum()) + float(self.costs(trades).sum())

    def size(self, plan: FloatArray, trades: FloatArray) -> float:
        """The terms of the objective, each taken positive, and what trades of a ten-thousandth are worth."""
        risk = 0.5 * float((self.risk_gradient(plan) * (plan - self.target)).sum())
        gain = float(np.abs(self.alpha * (plan - self.start)).sum())
        weight, worth = self.units()
        return risk + gain + float(self.costs(trades).sum()) + 1e-4 * worth * weight * plan.size

    def nearest_marginal(self, trades: FloatArray, link: FloatArray, cap: FloatArray) -> FloatArray:
        """The numbers closest to ``link`` that the trades' own marginal costs, cap included, agree with."""
        size = np.abs(trades)
        more = cap[:, None] + 1.5 * self.impact * np.sqrt(size) + self.impact_quadratic * size
        low = np.where(trades > 0.0, self.buy, -self.sell) + np.where(trades > 0.0, more, -more)
        high = np.where(trades < 0.0, -self.sell, self.buy) + np.where(trades < 0.0, -more, more)
        return np.clip(link, low, high)

    def lower_bound(self, plan: FloatArray, link: FloatArray, net: FloatArray, cap: FloatArray) -> float:
        """What no plan can go below, whatever the multipliers of trades, totals and caps (at least 0).

        Added to the objective: link' (w_t - w_{t-1} - x_t) + net (sum w_t - total_t) + cap (sum |x_t| - turnover_t), at most
        0 on every plan. Then each x stands alone. In d = w - plan the risk is at least slope' d + sum own d^2 / 2 more than at
        the plan, so each d stands alone too. Infinite bounds count as a thousand times the book; should the optimum be further
        away, convexity makes the gap at most that much larger in proportion.
        """
        reach = 1e3 * (np.abs(plan).max() + np.abs(self.start).max() + self.units()[0])
        lower = np.where(np.isfinite(self.lower), self.lower, -reach) - plan
        upper = np.where(np.isfinite(self.upper), self.upper, reach) - plan
        cap = np.maximum(cap, 0.0)
        rest = (self.impact == 0.0) & (self.impact_quadratic == 0.0)
        clipped = np.clip(link, -(self.sell + cap[:, None]), self.buy + cap[:, None])
        link = np.where(rest, clipped, link)
        slope = self.risk_gradient(plan) - self.alpha + link - _next(link) + net[:, None]
        curved = self.own > 0.0
        d = np.where(curved, -slope / np.where(curved, self.own, 1.0), np.where(slope > 0.0, lower, upper))
        d = np.clip(d, np.minimum(lower, 0.0), np.maximum(upper, 0.0))
        value = self.objective(plan, np.zeros_like(plan)) + float((slope * d + 0.5 * self.own * d * d).sum())
        value += float((link * self.trades(plan)).sum() + net @ (plan.sum(axis=1) - self.total))
        capped = np.isfinite(self.turnover)
        value -= float(cap[capped] @ self.turnover[capped])
        for excess in (link - self.buy - cap[:, None], -link - self.sell - cap[:, None]):
            # min over x >= 0 of -excess x + impact x^1.5 + quadratic x^2 / 2, at quadratic x + 1.5 impact sqrt(x) = excess
            e = np.where(rest, 0.0, np.maximum(excess, 0.0))
            below = 1.5 * self.impact + np.sqrt(2.25 * self.impact**2 + 4.0 * self.impact_quadratic * e)
            x = np.where(e > 0.0, 2.0 * e / np.where(below > 0.0, below, 1.0), 0.0) ** 2
            value += float((-e * x + self.impact * x**1.5 + 0.5 * self.impact_quadratic * x * x).sum())
        return value

    def units(self) -> tuple[float, float]:
        """A typical weight, and what one unit of weight more or less is typically worth."""
        n = len(self.start)
        ends = [x[np.isfinite(x)] for x in (self.lower, self.upper)]
        whole = [np.abs(self.start).sum(), np.abs(self.target).sum(axis=1).max(), np.abs(self.total).max()]
        weight = float(max(whole)) / n or max((float(np.abs(x).max(initial=0.0)) for x in ends), default=0.0) / n or 1.0
        slope = np.abs(self.risk_gradient(np.broadcast_to(self.start, self.target.shape))) + np.abs(self.alpha)
        cost = self.buy + self.sell + self.impact * np.sqrt(weight) + self.impact_quadratic * weight
        return weight, float(slope.mean() + cost.mean()) or 1.0

    def scaled(self, weight: float, worth: float) -> _Problem:
        """The same with weights counted in ``weight`` and money in ``weight * worth``."""
        return _Problem(
            self.start / weight, self.target / weight, self.alpha / worth, self.quadratic * (weight / worth),
            self.own * (weight / worth), self.buy / worth, self.sell / worth, self.impact * (np.sqrt(weight) / worth),
            self.impact_quadratic * (weight / worth), self.lower / weight, self.upper / weight, self.total / weight,
            self.turnover / weight,
        )  # fmt: skip


@dataclass(frozen=True)
class _Found:
    plan: FloatArray
    trades: FloatArray
    bound: float
    iterations: int


def _relaxed(p: _Problem, budget: FloatArray) -> tuple[_Problem, str, dict[str, FloatArray]]:
    """The problem with budgets and turnover caps moved by the least that lets all rows hold.

    Once the weights are within their bounds, a budget within them needs no trade but its own amount; only the first step may
    have to bring weights in.
    """
    h = len(p.total)
    total = np.clip(p.total, p.lower.sum(), p.upper.sum())
    rounding = 1e-12 * max(float(np.abs(p.start).sum()), float(np.abs(p.total).max()))
    total = np.where(np.abs(total - p.total) <= rounding, p.total, total)
    changes = np.diff(total, prepend=p.start.sum())
    up, down = np.maximum(p.lower - p.start, 0.0).sum(), np.maximum(p.start - p.upper, 0.0).sum()
    least = np.abs(changes)
    least[0] = up + down + abs(changes[0] - (up - down))
    capped = np.isfinite(p.turnover)
    turnover = np.where(p.turnover < least - rounding, least, p.turnover)
    moved = {
        "budget": np.where(np.abs(changes - budget) > rounding, changes - budget, 0.0),
        "turnover": np.where(turnover > p.turnover, least - np.where(capped, p.turnover, 0.0), 0.0),
    }
    words = []
    for t in range(h):
        if moved["budget"][t]:
            words.append(
                f"step {t}: budget {budget[t]:.6g} and bounds cannot hold together; a budget of {changes[t]:.6g} would"
            )
        if moved["turnover"][t]:
            words.append(
                f"step {t}: turnover {p.turnover[t]:.6g}, budget and bounds cannot hold together; a turnover of "
                f"{least[t]:.6g} would"
            )
    relaxation = {name: by for name, by in moved.items() if by.any()}
    return replace(p, total=total, turnover=turnover), "; ".join(words), relaxation


def _one_step(p: _Problem, arguments: dict[str, Any]) -> tuple[_Found, RebalanceResult]:
    """`rebalance`, and the bound that its multipliers prove."""
    r = rebalance(p.start, p.target[0], **arguments)
    plan, trades = (p.start + r.trades)[None, :], r.trades[None, :]
    total = np.array([plan.sum()])
    turnover = p.turnover + r.relaxation.get("turnover", 0.0)
    p = replace(p, total=total, turnover=turnover)
    net, cap = r.multipliers[-3:-2], r.multipliers[-2:-1]
    pull = -(p.risk_gradient(plan) - p.alpha + net[:, None])
    return _Found(plan, trades, p.lower_bound(plan, p.nearest_marginal(trades, pull, cap), net, cap), r.iterations), r


def _solve(p: _Problem) -> _Found:
    """Assets whose bounds leave no room are set; the others are walked for, in units of their own size."""
    weight, worth = p.units()
    fixed = p.upper - p.lower <= 1e-12 * weight
    if not fixed.any():
        found = _walk(p.scaled(weight, worth))
        return _Found(found.plan * weight, found.trades * weight, found.bound * weight * worth, found.iterations)
    h, free = len(p.total), ~fixed
    plan = np.tile(np.where(fixed, p.lower, 0.0), (h, 1))
    trades = np.zeros_like(plan)
    trades[0, fixed] = (p.lower - p.start)[fixed]
    away = np.where(fixed, plan - p.target, 0.0)
    drag = np.matmul(p.quadratic, away[:, :, None])[:, :, 0]
    constant = 0.5 * float((drag * away).sum()) - float((p.alpha * (plan - p.start))[:, fixed].sum())
    constant += float(p.costs(trades).sum()) + float((drag * (p.start - p.target))[:, free].sum())
    if not free.any():
        return _Found(plan, trades, constant, 0)
    turnover = p.turnover.copy()
    turnover[0] = max(turnover[0] - float(np.abs(trades).sum()), 0.0)
    found = _solve(
        _Problem(
            p.start[free], p.target[:, free], (p.alpha - drag)[:, free], p.quadratic[:, free][:, :, free], p.own[:, free],
            p.buy[:, free], p.sell[:, free], p.impact[:, free], p.impact_quadratic[:, free], p.lower[free], p.upper[free],
            p.total - float(p.lower[fixed].sum()), turnover,
        )
    )  # fmt: skip
    plan[:, free], trades[:, free] = found.plan, found.trades
    return _Found(plan, trades, constant + found.bound, found.iterations)


# --- the walk ---


class _Pairs:
    """Numbers above 0 whose products with their multipliers go to 0 together; both 1 where there are none."""

    def __init__(self, value: FloatArray, exists: npt.NDArray[np.bool_]) -> None:
        self.exists = exists
        self.value = np.where(exists, value, 1.0)
        self.multiplier = np.where(exists, 1.0, 0.0)
        self.product = np.zeros_like(self.value)  # what the next step wants value * multiplier to be

    @property
    def pull(self) -> FloatArray:
        """The barrier's multiplier: what it would be at the wanted product."""
        return np.where(self.exists, self.product / self.value, 0.0)

    @property
    def curvature(self) -> FloatArray:
        return self.multiplier / self.value

    def follow(self, change: FloatArray) -> None:
        """Take the change of the value; that of the multiplier follows from it."""
        self.change = np.where(self.exists, change, 0.0)
        self.answer = np.where(self.exists, self.pull - self.multiplier - self.curvature * self.change, 0.0)

    def longest(self) -> float:
        """How far along the change both stay above 0."""
        ends = [1e300]
        for at, by in ((self.value, self.change), (self.multiplier, self.answer)):
            down = by < 0.0
            if down.any():
                ends.append(float((at[down] / -by[down]).min()))
        return min(ends)

    def move(self, length: float) -> None:
        self.value = self.value + length * self.change
        self.multiplier = self.multiplier + length * self.answer

    def products(self, length: float = 0.0) -> float:
        if not length:
            return float((self.value * self.multiplier).sum())
        moved = (self.value + length * self.change) * (self.multiplier + length * self.answer)
        return float(np.where(self.exists, moved, 0.0).sum())


class _Matrix:
    """K = blkdiag(Q_t + diag(bounds_t)) + the coupling of neighbouring steps, factored forward in time.

    With the differences weighted by c_t: what step t hands on to t + 1 is the parallel sum of all before it and c_{t+1}, formed
    as a product, because c grows beyond all bounds where nothing is traded and a difference would lose the rest.
    """

    def __init__(self, quadratic: FloatArray, diagonal: FloatArray, coupling: FloatArray) -> None:
        h, n = diagonal.shape
        self.quadratic, self.diagonal, self.coupling = quadratic, diagonal, coupling
        self.inverse = np.empty((h, n, n))
        handed = np.diag(coupling[0])
        eye = np.arange(n)
        for t in range(h):
            pivot = quadratic[t] + handed
            pivot[eye, eye] += diagonal[t]
            own = pivot.copy()
            if t + 1 < h:
                pivot[eye, eye] += coupling[t + 1]
            scale = 1.0 / np.sqrt(pivot[eye, eye])
            inverse = np.linalg.inv(pivot * (scale[:, None] * scale)) * (scale[:, None] * scale)
            self.inverse[t] = 0.5 * (inverse + inverse.T)
            if t + 1 < h:
                handed = coupling[t + 1][:, None] * (self.inverse[t] @ own)
                handed = 0.5 * (handed + handed.T)

    def pull(self, x: FloatArray) -> FloatArray:
        """The uncoupled part times x, (H, n)."""
        return np.asarray(np.matmul(self.quadratic, x[:, :, None])[:, :, 0] + self.diagonal * x)

    def times(self, x: FloatArray) -> FloatArray:
        y = np.matmul(self.quadratic, x) + self.diagonal[:, :, None] * x
        flow = self.coupling[:, :, None] * np.diff(x, axis=0, prepend=0.0)
        y += flow
        y[:-1] -= flow[1:]
        return np.asarray(y)

    def _once(self, b: FloatArray) -> FloatArray:
        x: FloatArray = b.copy()
        for t in range(len(b)):
            if t:
                x[t] += self.coupling[t][:, None] * x[t - 1]
            x[t] = self.inverse[t] @ x[t]
        for t in range(len(b) - 2, -1, -1):
            x[t] += self.inverse[t] @ (self.coupling[t + 1][:, None] * x[t + 1])
        return x

    def solve(self, b: FloatArray) -> FloatArray:
        x = self._once(b)
        return x + self._once(b - self.times(x))


def _next(y: FloatArray) -> FloatArray:
    """y_{t+1}, 0 after the last."""
    return np.vstack([y[1:], np.zeros((1, y.shape[1]))])


@np.errstate(over="ignore", divide="ignore", invalid="ignore")
def _walk(p: _Problem) -> _Found:
    """The best plan that a bound was proven for."""
    walk = _Walk(p)
    best, best_gap, stalled, steps = walk.proven(), np.inf, 0, 0
    while steps < MAX_STEPS and best_gap > AIM and stalled < (8 if best_gap > ENOUGH else 1):
        try:
            walk.step()
        except np.linalg.LinAlgError:
            break
        steps += 1
        if not np.isfinite(walk.w).all():
            break
        if walk.products() < 1e-4 * walk.count or not walk.count:
            found = walk.proven()
            gap = (p.objective(found.plan, found.trades) - found.bound) / p.size(found.plan, found.trades)
            stalled = 0 if gap < 0.5 * best_gap else stalled + 1
            if gap < best_gap:
                best, best_gap = found, gap
    return replace(best, iterations=steps)


class _Walk:
    """Primal-dual interior point, predictor and corrector.

    Trades are bought - sold; w, bought, sold and their multipliers move together. Eliminating all but w leaves, for each
    step and asset, the weighted squares of w_t - w_{t-1}, so that the matrix couples neighbouring steps alone. Budgets
    and turnover caps border it. Mehrotra (1992), SIAM J. Optim. 2(4), for predictor and corrector.
    """

    def __init__(self, p: _Problem) -> None:
        self.p = p
        h, n = p.target.shape
        every = np.ones((h, n), dtype=bool)
        room = p.upper - p.lower
        self.capped = np.isfinite(p.turnover)
        # A cap or total at its very end leaves no inside to walk in.
        self.turnover = np.where(self.capped, p.turnover + 1e-10 * n, 0.0)
        inward = 1e-10 * np.minimum(room, 1.0).sum()
        self.total = np.clip(p.total, p.lower.sum() + inward, p.upper.sum() - inward)
        # Without cost and cap bought and sold would only grow together.
        self.split = every & (self.capped[:, None] | (p.buy + p.sell + p.impact + p.impact_quadratic > 0.0))
        margin = np.where(np.isfinite(room), np.minimum(0.25 * room, 0.1), 0.1)
        self.w = np.tile(np.clip(p.start, p.lower + margin, p.upper - margin), (h, 1))
        x = p.trades(self.w)
        self.bought = _Pairs(np.maximum(x, 0.0) + 0.1, self.split)
        self.sold = _Pairs(np.maximum(-x, 0.0) + 0.1, self.split)
        self.above = _Pairs(self.w - p.lower, every & np.isfinite(p.lower))
        self.below = _Pairs(p.upper - self.w, every & np.isfinite(p.upper))
        used = (self.bought.value + self.sold.value).sum(axis=1)
        self.slack = _Pairs(np.maximum(self.turnover - used, 0.1), self.capped)
        self.pairs = (self.bought, self.sold, self.above, self.below, self.slack)
        self.count = sum(int(pair.exists.sum()) for pair in self.pairs)
        self.link = np.zeros((h, n))  # multipliers of w_t - w_{t-1} = bought - sold
        self.net = np.zeros(h)  # and of the totals

    def products(self, length: float = 0.0) -> float:
        return sum(pair.products(length) for pair in self.pairs)

    def longest(self) -> float:
        return min(pair.longest() for pair in self.pairs)

    def step(self) -> None:
        """One predictor, which says how far down the products can go, and one corrector, which is taken."""
        self._factor()
        for pair in self.pairs:
            pair.product = np.zeros_like(pair.value)
        self._direction()
        now = self.products()
        then = self.products(min(1.0, self.longest()))
        center = max((then / now) ** 3 * now / self.count, FLOOR) if self.count else 0.0
        for pair in self.pairs:
            pair.product = center - pair.change * pair.answer
        dw, dlink, dnet = self._direction()
        length = min(1.0, min(0.999, max(0.9, 1.0 - now / max(self.count, 1))) * self.longest())
        self.w, self.link, self.net = self.w + length * dw, self.link + length * dlink, self.net + length * dnet
        for pair in self.pairs:
            pair.move(length)

    def _factor(self) -> None:
        """What depends on where the walk is, but not on the products that a direction wants."""
        p, bought, sold = self.p, self.bought, self.sold
        h, n = self.w.shape
        curve_b = bought.curvature + p.impact_quadratic + 0.75 * p.impact / np.sqrt(bought.value)
        curve_s = sold.curvature + p.impact_quadratic + 0.75 * p.impact / np.sqrt(sold.value)
        curve_b, curve_s = np.where(self.split, curve_b, 1.0), np.where(self.split, curve_s, 1.0)
        self.easy_b, self.easy_s = np.where(self.split, 1.0 / curve_b, 0.0), np.where(self.split, 1.0 / curve_s, 0.0)
        coupling = np.where(self.split, 1.0 / np.where(self.split, self.easy_b + self.easy_s, 1.0), 0.0)
        self.matrix = _Matrix(p.quadratic, self.above.curvature + self.below.curvature + FIRM, coupling)
        self.lean = coupling * (self.easy_b - self.easy_s)
        columns = np.zeros((h, n, 2 * h))  # of the caps, then the totals
        at = np.arange(h)
        columns[at, :, at] = self.lean
        columns[at[:-1], :, at[1:]] = -self.lean[1:]
        columns[at, :, h + at] = 1.0
        self.columns = columns.reshape(h * n, 2 * h)
        self.solved = self.matrix.solve(columns).reshape(h * n, 2 * h)
        self.border = self.columns.T @ self.solved
        self.slack_curve = np.where(self.capped, self.slack.curvature, 1.0)
        own = (4.0 / (curve_b + curve_s) * self.split).sum(axis=1) + 1.0 / self.slack_curve
        self.border[at, at] += np.where(self.capped, own, 1e300)
        self.border[np.diag_indices(2 * h)] *= 1.0 + 1e-13

    def _bordered(
        self, right: FloatArray, cap_right: FloatArray, total_right: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Changes of weights, and of the multipliers of caps and totals."""
        h, n = self.w.shape
        first = self.matrix.solve(right[:, :, None])[:, :, 0]
        edge = np.linalg.solve(self.border, self.columns.T @ first.ravel() - np.concatenate([cap_right, total_right]))
        return first - (self.solved @ edge).reshape(h, n), edge[:h], edge[h:]

    def _direction(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Newton's step towards the wanted products."""
        p, w, link, bought, sold = self.p, self.w, self.link, self.bought, self.sold
        cap = self.slack.multiplier[:, None]
        coupling = self.matrix.coupling
        slope_b = (
            p.buy
            + 1.5 * p.impact * np.sqrt(bought.value)
            + p.impact_quadratic * bought.value
            + cap
            - link
            - bought.pull
        )
        slope_s = (
            p.sell + 1.5 * p.impact * np.sqrt(sold.value) + p.impact_quadratic * sold.value + cap + link - sold.pull
        )
        miss = np.where(self.split, bought.value - sold.value - p.trades(w), 0.0)
        shift = np.where(self.split, self.easy_b * slope_b - self.easy_s * slope_s - miss, 0.0)
        slope = (
            p.risk_gradient(w) - p.alpha + link - _next(link) + self.net[:, None] - self.above.pull + self.below.pull
        )
        flow = coupling * shift
        cap_miss = (bought.value + sold.value).sum(axis=1) - self.turnover + self.slack.pull / self.slack_curve
        answer = (self.split * (self.easy_b * slope_b + self.easy_s * slope_s) - self.lean * shift).sum(axis=1)
        dw, dcap, dnet = self._bordered(
            -(slope + flow - _next(flow)), np.where(self.capped, answer - cap_miss, 0.0), self.total - w.sum(axis=1)
        )
        dlink = coupling * (np.diff(dw, axis=0, prepend=0.0) + shift) + self.lean * dcap[:, None]
        # Where nothing is traded the coupling makes multipliers of the rounding in dw; what that leaves of the slope is
        # taken out again, with the change of the multiplier kept by itself.
        for _ in range(2):
            rest = slope + self.matrix.pull(dw) + dlink - _next(dlink) + dnet[:, None]
            more, more_cap, more_net = self._bordered(-rest, np.zeros_like(dcap), self.total - (w + dw).sum(axis=1))
            dlink += coupling * np.diff(more, axis=0, prepend=0.0) + self.lean * more_cap[:, None]
            dw, dcap, dnet = dw + more, dcap + more_cap, dnet + more_net
        bought.follow(self.easy_b * (dlink - slope_b - dcap[:, None]))
        sold.follow(self.easy_s * (-dlink - slope_s - dcap[:, None]))
        self.above.follow(dw)
        self.below.follow(-dw)
        self.slack.follow((self.slack.pull - self.slack.multiplier - dcap) / self.slack_curve)
        return dw, dlink, dnet

    def proven(self) -> _Found:
        """The plan with trades that are nothing made nothing, and the best bound from these multipliers."""
        p, w, bought, sold = self.p, self.w, self.bought, self.sold
        cap = self.slack.multiplier
        idle = bought.exists & (bought.value < bought.multiplier) & (sold.value < sold.multiplier)
        idle &= (np.abs(bought.value - sold.value) < 1e-4) & (p.buy + p.sell > 0.0)
        plan, trades = _settled(p, w, idle)

        def best_bound(link: FloatArray, net: FloatArray) -> float:
            nearest = p.nearest_marginal(trades, link, cap)
            return max(p.lower_bound(at, by, net, cap) for at in (plan, w) for by in (link, nearest))

        bound = best_bound(self.link, self.net)
        if ENOUGH < (p.objective(plan, trades) - bound) / p.size(plan, trades) < 1e-3:
            free = (self.above.value > self.above.multiplier) & (self.below.value > self.below.multiplier)
            for give in (idle, bought.exists):
                bound = max(bound, best_bound(*_reconciled(p, w, self.link, self.net, free, give)))
        return _Found(plan, trades, bound, 0)


def _reconciled(
    p: _Problem,
    w: FloatArray,
    link: FloatArray,
    net: FloatArray,
    free: npt.NDArray[np.bool_],
    give: npt.NDArray[np.bool_],
) -> tuple[FloatArray, FloatArray]:
    """Multipliers that leave the least slope, in squares, on weights free of their bounds, by changing those that may give."""
    h, n = w.shape
    matrix = _Matrix(np.zeros((h, n, n)), np.where(free, 1.0, 1e8), np.where(give, 1e6, 0.0))
    columns = np.zeros((h, n, h))
    columns[np.arange(h), :, np.arange(h)] = 1.0
    solved = matrix.solve(columns).reshape(h * n, h)
    flat = columns.reshape(h * n, h)
    border = flat.T @ solved
    for _ in range(2):
        slope = p.risk_gradient(w) - p.alpha + link - _next(link) + net[:, None]
        first = matrix.solve(-slope[:, :, None])[:, :, 0]
        change = np.linalg.solve(border, flat.T @ first.ravel())
        moved = first - (solved @ change).reshape(h, n)
        link, net = link + matrix.coupling * np.diff(moved, axis=0, prepend=0.0), net + change
    return link, net


def _settled(p: _Problem, w: FloatArray, idle: npt.NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
    """A plan that keeps its rows, close to w, without the idle trades."""
    plan, before = np.empty_like(w), p.start
    for t in range(len(w)):
        inside = np.clip(w[t], p.lower, p.upper)
        still = idle[t] & (before >= p.lower) & (before <= p.upper)
        now = np.where(still, before, inside)
        # What the total misses goes to trades that have room, the largest first.
        miss = float(p.total[t] - now.sum())
        for moving in (~still, still):
            now, miss = _filled(
                now, miss, np.where(moving, (p.upper - now) if miss > 0.0 else (now - p.lower), 0.0), before
            )
        # What the cap is exceeded by comes off purchases and sales alike.
        over = float(np.abs(now - before).sum() - p.turnover[t])
        if over > 0.0:
            inside = np.clip(before, p.lower, p.upper)
            now, left = _filled(now, -0.5 * over, np.maximum(now - inside, 0.0), before)
            now, _ = _filled(now, 0.5 * over + left, np.maximum(inside - now, 0.0), before)
        plan[t], before = now, now
    return plan, p.trades(plan)


def _filled(now: FloatArray, miss: float, room: FloatArray, before: FloatArray) -> tuple[FloatArray, float]:
    """Weights with what is missed given to the largest trades that have room, and what is missed still."""
    if abs(miss) <= 1e-16 * np.abs(now).sum():
        return now, miss
    now = now.copy()
    for i in np.argsort(-np.where(room > 0.0, np.abs(now - before), -1.0)):
        by = float(np.sign(miss) * min(abs(miss), room[i]))
        now[i] += by
        miss -= by
        if abs(miss) <= 1e-16 * np.abs(now).sum():
            break
    return now, miss
