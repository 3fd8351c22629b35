"""Risk budgets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rebalance_core import _core
from rebalance_core._tables import FloatArray
from rebalance_core.drift import Targets

__all__ = ["RiskBudgetResult", "risk_budget"]


@dataclass(frozen=True)
class RiskBudgetResult:
    """Long-only weights that add to 1, and how close their risk shares are to the budgets."""

    weights: FloatArray  #: shape (n,)
    shares: FloatArray  #: w_i (S w)_i / w' S w, shape (n,)
    volatility: float  #: sqrt(w' S w), in the unit of the covariance
    residual: float  #: largest \|share / budget - 1\|
    status: str  #: "solved", or "inaccurate": nearer is not possible in double precision
    sweeps: int
    newton_steps: int

    def targets(self, underlyings: Sequence[str], gross: float = 1.0) -> Targets:
        """The weights, times ``gross``, as targets of these underlyings."""
        return Targets(weight=dict(zip(underlyings, (gross * self.weights).tolist(), strict=True)))


def risk_budget(
    covariance: Any = None,
    *,
    budgets: Any = None,
    loadings: Any = None,
    factor_cov: Any = None,
    specific_var: Any = None,
    warm_start: Any = None,
    tolerance: float = 1e-12,
) -> RiskBudgetResult:
    """Long-only weights whose risk contributions w_i (S w)_i are in proportion to the budgets.

    Parameters
    ----------
    covariance : array_like, shape (n, n)
        Any symmetric positive semidefinite matrix in which no long-only mix is without risk.
    loadings, factor_cov, specific_var : array_like, shapes (n, k), (k, k) and (n,)
        In the place of a covariance: the parts of S = B F B' + D, with D above 0.
    budgets : array_like, shape (n,), optional
        Above 0; only their proportions count. Equal unless given: equal risk contributions.
    warm_start : array_like, shape (n,), optional
        Weights to start from, above 0.
    tolerance
        Relative, of the contributions.

    Returns
    -------
    RiskBudgetResult

    Raises
    ------
    ValueError
        If the covariance is not one, shapes differ, a budget is not above 0, or there is no answer because some
        long-only mix has no risk. Names and values are given.

    Notes
    -----
    Minimises y' S y / 2 - sum b ln y (Spinu 2013), first by coordinates (Griveau-Billion, Richard and Roncalli 2013),
    by Newton's method with a line search where those are slow. Maillard, Roncalli and Teiletche (2010), J. Portfolio
    Management 36(4), for equal contributions.

    Examples
    --------
    >>> import numpy as np
    >>> result = risk_budget(np.diag([0.04, 0.16]))
    >>> result.weights.round(12), result.shares.round(12)
    (array([0.66666667, 0.33333333]), array([0.5, 0.5]))
    """
    factors = [part is not None for part in (loadings, factor_cov, specific_var)]
    if covariance is not None and any(factors):
        raise ValueError("give a covariance or factors, not both")
    if covariance is None and not all(factors):
        raise ValueError("give either a covariance, or all of loadings, factor_cov and specific_var")
    weights, shares, status, residual, volatility, sweeps, steps = _core.risk_budget(
        covariance, loadings, factor_cov, specific_var, budgets, warm_start, tolerance
    )
    if status == "unbounded":
        raise ValueError(
            f"no weights have these risk shares: the covariance is not positive on some long-only mix "
            f"(the closest found has variance {volatility**2:.3g} and shares off by {residual:.3g})"
        )
    return RiskBudgetResult(weights, shares, volatility, residual, status, sweeps, steps)
