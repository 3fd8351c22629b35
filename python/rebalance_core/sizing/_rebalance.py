"""The cost-aware rebalance: which trades towards a target are worth their cost."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from rebalance_core._core import RebalanceResult
from rebalance_core._core import RebalanceSolver as _RebalanceSolver
from rebalance_core._tables import FloatArray

__all__ = ["RebalanceResult", "RebalanceSolver", "rebalance"]


class RebalanceSolver(_RebalanceSolver):
    """Trades towards a target with costs, solved again and again.

    The problem is that of `rebalance`. All memory is taken here; `update` and `solve` only overwrite it, and each solve
    starts from the multipliers of the one before.

    Parameters
    ----------
    n_assets : int
    n_factors : int
        0 for specific risk alone; ``n_assets`` to give a dense ``covariance``.
    max_iterations : int
        Newton steps before a solve gives up.
    tolerance : float
        Of each row, relative to the sum of what stands in it.

    Examples
    --------
    >>> solver = RebalanceSolver(2, 1)
    >>> solver.update(weights=[0.6, 0.4], target=[0.5, 0.5], loadings=[[1.0], [0.8]], factor_cov=[0.04])
    >>> solver.update(specific_var=0.01, cost_buy=0.001, cost_sell=0.001, lower=0.0, upper=1.0)
    >>> solver.solve().trades.round(4)
    array([-0.0074,  0.0074])
    >>> solver.update(weights=[0.9, 0.1])
    >>> solver.solve().trades.round(4)
    array([-0.3074,  0.3074])
    """

    def update(self, **values: Any) -> None:
        """Change what the next solve sees; what is not named stays as it was.

        Parameters
        ----------
        **values
            Arguments of `rebalance` by name. Columns take one number for all assets. ``covariance`` needs
            ``n_factors == n_assets`` and replaces ``loadings``, ``factor_cov`` and ``specific_var``.

        Raises
        ------
        ValueError
            If a shape does not fit or a number makes no sense; it is named, and nothing changes.
        TypeError
            If there is no such argument.
        """
        if "covariance" in values:
            clash = [name for name in ("loadings", "factor_cov", "specific_var") if name in values]
            if clash:
                raise TypeError(f"give covariance or {', '.join(clash)}, not both")
            if self.n_factors != self.n_assets:
                raise ValueError(
                    f"covariance needs a solver with as many factors as assets, but this one has {self.n_factors} and "
                    f"{self.n_assets}"
                )
            loadings, specific_var = split_covariance(values.pop("covariance"), self.n_assets)
            values |= {"loadings": loadings, "factor_cov": np.ones(self.n_assets), "specific_var": specific_var}
        super().update(**values)


def rebalance(
    weights: Any,
    target: Any,
    *,
    loadings: Any = None,
    factor_cov: Any = None,
    specific_var: Any = None,
    covariance: Any = None,
    risk_aversion: float = 1.0,
    alpha: Any = 0.0,
    cost_buy: Any,
    cost_sell: Any,
    impact: Any = 0.0,
    impact_quadratic: Any = 0.0,
    lower: Any,
    upper: Any,
    turnover: float | None = None,
    leverage: float | None = None,
    budget: float = 0.0,
    warm_start: RebalanceResult | None = None,
) -> RebalanceResult:
    """The trades x that are worth their cost::

        minimise   g/2 (w + x - t)' (B F B' + D) (w + x - t) - alpha' x
                   + sum (cost_buy x+ + cost_sell x-) + sum impact |x|^1.5 + 1/2 sum impact_quadratic x^2
        subject to sum x = budget,  lower <= w + x <= upper,  sum |x| <= turnover,  sum |w + x| <= leverage

    Parameters
    ----------
    weights, target : array_like, shape (n,)
        Held before the trade, w, and wanted, t: shares of equity or quote currency, but one unit throughout.
    loadings : array_like, shape (n, k)
        B, what each asset moves per unit of each factor.
    factor_cov : array_like, shape (k, k) or (k,)
        F, covariance of the factors, or their variances.
    specific_var : array_like, shape (n,)
        Diagonal of D, at least 0.
    covariance : array_like, shape (n, n)
        In the place of the three before; for some hundreds of assets.
    risk_aversion : float
        g, at least 0. Times the amortisation horizon in years, if costs are to be earned back over it.
    alpha : array_like
        Worth of one unit held until the next rebalance.
    cost_buy, cost_sell : array_like
        Per unit traded, at least 0.
    impact : array_like
        Coefficient of the 3/2 power; the square-root law b sigma / sqrt(volume).
    impact_quadratic : array_like
        Coefficient of half the square.
    lower, upper : array_like
        Of weights after the trade; infinite for none. 0 below is long only.
    turnover, leverage : float, optional
        Caps on the sum of absolute trades, and of absolute weights after the trade.
    budget : float
        Sum of the trades: 0 finances itself.
    warm_start : RebalanceResult, optional
        Of a similar problem: its multipliers are where this one starts.

    Returns
    -------
    RebalanceResult
        If rows cannot hold together its status is ``infeasible``, ``message`` names them, ``relaxation`` says how far each
        was moved, and the trades are the best of those so allowed.

    Raises
    ------
    ValueError
        If shapes do not fit, a number is NaN or a cost negative, lower is above upper, or a covariance is not positive
        semidefinite.

    Notes
    -----
    Columns but weights and target take one number for all assets.

    Examples
    --------
    >>> r = rebalance([0.5, 0.3, 0.2], [0.4, 0.4, 0.2], loadings=[[1.0], [0.9], [1.2]], factor_cov=[0.04],
    ...               specific_var=0.02, cost_buy=0.0005, cost_sell=0.0005, lower=0.0, upper=1.0, turnover=0.1)
    >>> r.trades.round(4), r.status.name
    (array([-0.05,  0.05,  0.  ]), 'solved')
    """
    n = len(weights)
    risk: dict[str, Any] = {"loadings": loadings, "factor_cov": factor_cov, "specific_var": specific_var}
    if covariance is not None:
        given = [name for name, value in risk.items() if value is not None]
        if given:
            raise TypeError(f"give covariance or {', '.join(given)}, not both")
        part, specific = split_covariance(covariance, n)
        risk = {"loadings": part, "factor_cov": np.ones(part.shape[1]), "specific_var": specific}
    elif specific_var is None or (loadings is None) != (factor_cov is None):
        raise TypeError("risk is given by loadings, factor_cov and specific_var, or by covariance")
    n_factors = 0
    if risk["loadings"] is None:
        del risk["loadings"], risk["factor_cov"]
    else:
        risk["loadings"] = np.asarray(risk["loadings"])
        if risk["loadings"].ndim != 2:
            raise ValueError(f"loadings must have shape ({n}, n_factors), got {risk['loadings'].shape}")
        n_factors = risk["loadings"].shape[1]
    solver = _RebalanceSolver(n, n_factors)
    solver.update(
        weights=weights,
        target=target,
        **risk,
        risk_aversion=risk_aversion,
        alpha=alpha,
        cost_buy=cost_buy,
        cost_sell=cost_sell,
        impact=impact,
        impact_quadratic=impact_quadratic,
        lower=lower,
        upper=upper,
        turnover=turnover,
        leverage=leverage,
        budget=budget,
    )
    if warm_start is not None:
        solver.start_from(warm_start.multipliers)
    return solver.solve()


def split_covariance(covariance: Any, n: int) -> tuple[FloatArray, npt.NDArray[np.float64]]:
    """Loadings (n, n) and specific variances whose BB' + D is the covariance.

    D is as large a share of the variances as leaves the rest positive semidefinite: the smallest eigenvalue of the
    correlation matrix. Specific variance is what makes each trade's answer smooth, so as much of it as there is.
    """
    matrix = np.asarray(covariance, dtype=np.float64)
    if matrix.shape != (n, n):
        raise ValueError(f"covariance must have shape ({n}, {n}), got {matrix.shape}")
    if not np.isfinite(matrix).all():
        i, j = np.argwhere(~np.isfinite(matrix))[0]
        raise ValueError(f"covariance[{i}, {j}] must be finite, got {matrix[i, j]}")
    variance = np.diagonal(matrix)
    if (variance < 0.0).any():
        i = int(np.argmin(variance))
        raise ValueError(f"covariance[{i}, {i}] must be at least 0, got {variance[i]}")
    scale = np.sqrt(variance)
    off = np.abs(matrix - matrix.T) > 1e-9 * np.outer(scale, scale)
    if off.any():
        i, j = np.argwhere(off)[0]
        raise ValueError(
            f"covariance must be symmetric, but [{i}, {j}] is {matrix[i, j]} and [{j}, {i}] is {matrix[j, i]}"
        )
    by = np.where(scale > 0.0, scale, 1.0)
    correlation = 0.5 * (matrix + matrix.T) / np.outer(by, by)
    value, vector = np.linalg.eigh(correlation)
    if value[0] < -1e-10 * max(value[-1], 1.0):
        raise ValueError(
            f"covariance must be positive semidefinite: the correlations have the eigenvalue {value[0]:.6g}"
        )
    share = max(value[0], 0.0)
    loadings = by[:, None] * (vector * np.sqrt(np.maximum(value - share, 0.0)))
    return np.ascontiguousarray(loadings), share * by**2 * (scale > 0.0)
