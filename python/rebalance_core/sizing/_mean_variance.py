"""Mean-variance weights that know what it costs to reach them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rebalance_core._tables import FloatArray
from rebalance_core.drift import Targets

from ._rebalance import RebalanceResult, RebalanceSolver
from ._rule import weight_now

if TYPE_CHECKING:
    from rebalance_core.engine import Plan

__all__ = ["MeanVariance"]

_RISK = ("loadings", "factor_cov", "specific_var", "covariance")


class MeanVariance:
    """Weights w + x with the best return less risk less cost, each time from where the account is::

        maximise   T (alpha' (w + x) - g/2 (w + x - t)' S (w + x - t)) - cost(x)

    over the trades that `rebalance` allows, with its costs and caps. A trade is paid once and earns for the horizon of T
    years; so with alpha and S a year, cost / T is what it costs a year. Each solve starts from the one before.

    Parameters
    ----------
    covariance : array_like, shape (n, n)
        S, of returns, per year.
    loadings, factor_cov, specific_var : array_like, shapes (n, k), (k, k) or (k,), and (n,)
        In the place of a covariance: the parts of S = B F B' + D.
    alpha : array_like, shape (n,), or a number
        Expected excess returns per year.
    target : array_like, shape (n,), or a number
        t, from which risk is measured: 0 for all of it, a benchmark for tracking risk.
    risk_aversion : float
        g, at least 0. Without costs and caps the weights would be t + (g S)^-1 alpha.
    horizon_years : float
        T, above 0: how long a trade is to earn before it is undone. `triggers.amortisation_horizon` gives the T at which this
        rule keeps the optimal no-trade band.
    cost_buy, cost_sell, impact, impact_quadratic : array_like, shape (n,), or a number
        Per unit of weight traded, as in `rebalance`.
    lower, upper : array_like, shape (n,), or a number
        Of weights after the trade; infinite for none. 0 below is long only.
    turnover, leverage : float, optional
        Caps on the sum of absolute trades, and of absolute weights after the trade.
    invested : float, optional
        Sum of the weights after the trade: 1 fully invested, 0 for long and short alike. Unless given it stays what it is.
    underlyings : sequence of str, optional
        Names of the n assets, whose weights ``targets`` reads and sets.

    Raises
    ------
    ValueError
        If shapes do not fit, a number is NaN or out of its range, lower is above upper, or a covariance is not positive
        semidefinite. Name and value are given.

    Notes
    -----
    Boyd et al. (2017), "Multi-period trading via convex optimization", Foundations and Trends in Optimization 3(1).

    Examples
    --------
    >>> rule = MeanVariance(covariance=[[0.36, 0.24], [0.24, 0.64]], alpha=[0.15, 0.30], risk_aversion=2,
    ...                     horizon_years=0.25, cost_buy=0.0005, cost_sell=0.0005, lower=0.0, upper=1.0)
    >>> rule.update([0.6, 0.4]).trades.round(4), rule.weights.round(4)
    (array([ 0.0212, -0.0212]), array([0.6212, 0.3788]))
    >>> rule.update([0.625, 0.375]).trades  # closer than a trade is worth
    array([0., 0.])
    """

    def __init__(
        self,
        *,
        covariance: Any = None,
        loadings: Any = None,
        factor_cov: Any = None,
        specific_var: Any = None,
        alpha: Any = 0.0,
        target: Any = 0.0,
        risk_aversion: float = 1.0,
        horizon_years: float = 1.0,
        cost_buy: Any,
        cost_sell: Any,
        impact: Any = 0.0,
        impact_quadratic: Any = 0.0,
        lower: Any,
        upper: Any,
        turnover: float | None = None,
        leverage: float | None = None,
        invested: float | None = None,
        underlyings: Sequence[str] | None = None,
    ) -> None:
        risk = dict(zip(_RISK, (loadings, factor_cov, specific_var, covariance), strict=True))
        given = [name for name, value in risk.items() if value is not None]
        if given not in (["covariance"], ["specific_var"], ["loadings", "factor_cov", "specific_var"]):
            raise TypeError(
                "risk is given by covariance, or by loadings, factor_cov and specific_var, or by specific_var alone, but "
                f"given were: {', '.join(given) or 'none'}"
            )
        n = len(underlyings) if underlyings is not None else _length(risk, alpha)
        k = n if covariance is not None else 0 if loadings is None else np.shape(loadings)[-1]
        self.underlyings = None if underlyings is None else list(underlyings)
        self._values: dict[str, Any] = {}
        self._solver = RebalanceSolver(n, k)
        self._result: RebalanceResult | None = None
        self._change(
            {
                **{name: risk[name] for name in given},
                "alpha": alpha, "target": target, "risk_aversion": risk_aversion, "horizon_years": horizon_years,
                "cost_buy": cost_buy, "cost_sell": cost_sell, "impact": impact, "impact_quadratic": impact_quadratic,
                "lower": lower, "upper": upper, "turnover": turnover, "leverage": leverage, "invested": invested,
            }
        )  # fmt: skip

    @property
    def n_assets(self) -> int:
        return self._solver.n_assets

    @property
    def horizon_years(self) -> float:
        return float(self._values["horizon_years"])

    @property
    def result(self) -> RebalanceResult:
        """Of the last update. Its objective and risk aversion are over the horizon, its risk is per year."""
        if self._result is None:
            raise ValueError("there is no result before the first update")
        return self._result

    @property
    def weights(self) -> FloatArray:
        """After the trades of the last update, shape (n,)."""
        trades = self.result.trades
        return np.asarray(self._values["weights"] + trades)

    def update(self, weights: Any = None, **changes: Any) -> RebalanceResult:
        """The trades that are worth their cost, from these weights.

        Parameters
        ----------
        weights : array_like, shape (n,)
            Held now; those of the last update unless given.
        **changes
            Arguments of the constructor by name, but ``underlyings``: what changed since.

        Returns
        -------
        RebalanceResult
            Of `rebalance`. If caps cannot hold together it says so, and the trades are the least bad.

        Raises
        ------
        ValueError
            If a number makes no sense. It is named, and nothing changes.
        TypeError
            If there is no such argument.
        """
        if weights is not None:
            changes = {"weights": weights, **changes}
        elif "weights" not in self._values:
            raise ValueError("the first update needs weights")
        self._change(changes)
        self._result = self._solver.solve()
        return self._result

    def targets(self, plan: Plan) -> Targets:
        """The weights to have, from those that the plan finds."""
        if self.underlyings is None:
            raise ValueError("MeanVariance has no underlyings to give targets for; make it with underlyings=...")
        self.update([weight_now(plan, name) for name in self.underlyings])
        return Targets(weight=dict(zip(self.underlyings, self.weights.tolist(), strict=True)))

    def _change(self, changes: dict[str, Any]) -> None:
        """Take changes, all or none."""
        values = {**self._values, **{name: _kept(value) for name, value in changes.items()}}
        years, g, invested = values["horizon_years"], values["risk_aversion"], values["invested"]
        for name, good, wanted in (
            ("horizon_years", 0.0 < years < np.inf, "above 0 and finite"),
            ("risk_aversion", 0.0 <= g < np.inf, "at least 0 and finite"),
            ("invested", invested is None or abs(invested) < np.inf, "finite"),
        ):
            if not good:
                raise ValueError(f"{name} must be {wanted}, got {values[name]}")
        ours = {name: value for name, value in changes.items() if name not in ("horizon_years", "invested")}
        if not {"alpha", "risk_aversion", "horizon_years"}.isdisjoint(changes):
            alpha = np.asarray(values["alpha"], dtype=np.float64)
            ours |= {"alpha": years * alpha if alpha.ndim else float(years * alpha), "risk_aversion": years * g}
        if "weights" in values:
            held = np.asarray(values["weights"], dtype=np.float64)
            if held.shape != (self.n_assets,):
                raise ValueError(f"weights must have shape ({self.n_assets},), got {held.shape}")
            if not np.isfinite(held).all():
                i = int(np.argmin(np.isfinite(held)))
                raise ValueError(f"weights[{i}] must be finite, got {held[i]}")
            ours["budget"] = 0.0 if invested is None else float(invested - held.sum())
        self._solver.update(**ours)
        if "covariance" in changes:
            values = {name: value for name, value in values.items() if name not in _RISK[:3]}
        self._values = values

    def __getstate__(self) -> dict[str, Any]:
        start = None if self._result is None else self._result.multipliers
        return {
            "underlyings": self.underlyings,
            "values": self._values,
            "factors": self._solver.n_factors,
            "start": start,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        """As it was, solved again from the multipliers that it had."""
        values = state["values"]
        n = len(values["weights"]) if "weights" in values else _length(values, values["alpha"], state["underlyings"])
        self.underlyings = state["underlyings"]
        self._values, self._result = {}, None
        self._solver = RebalanceSolver(n, state["factors"])
        self._change(values)
        if state["start"] is not None:
            self._solver.start_from(state["start"])
            self._result = self._solver.solve()

    def __repr__(self) -> str:
        last = "" if self._result is None else f", turnover {self._result.turnover:.4g} ({self._result.status.name})"
        return f"MeanVariance({self.n_assets} assets, horizon {self.horizon_years:.4g} years{last})"


def _length(risk: dict[str, Any], alpha: Any, underlyings: Sequence[str] | None = None) -> int:
    """n, from what has a row for each asset."""
    for value in (underlyings, risk.get("covariance"), risk.get("loadings"), risk.get("specific_var"), alpha):
        if value is not None and np.ndim(value):
            return len(value)
    raise ValueError(
        "the number of assets is not known: give specific_var or alpha one number for each, or underlyings"
    )


def _kept(value: Any) -> Any:
    """A column of our own; numbers and None as they are."""
    return np.array(value, dtype=np.float64) if np.ndim(value) else value
