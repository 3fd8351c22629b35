"""Quadratic costs: trade a fixed share of the way to an aim, again and again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rebalance_core._tables import FloatArray

__all__ = ["AimPortfolio", "aim_portfolio", "tracking_rate", "trading_rate"]


@dataclass(frozen=True)
class AimPortfolio:
    """The optimal policy x_t = x_{t-1} + rate (aim f_t - x_{t-1})."""

    rate: FloatArray  #: share of the way per period, shape (n, n)
    aim: FloatArray  #: aim portfolio per unit of each signal, shape (n, k)
    markowitz: FloatArray  #: the same without costs, (g S)^-1 B, shape (n, k)
    rates: FloatArray  #: eigenvalues of ``rate``, slowest first, shape (n,); within (0, 1)

    def trade(self, holding: Any, signals: Any) -> FloatArray:
        """What to buy now, shape (n,), given what is held, (n,), and the signals, (k,)."""
        n, k = self.aim.shape
        x = _vector("holding", holding, n)
        f = _vector("signals", signals, k)
        return np.asarray(self.rate @ (self.aim @ f - x))


def aim_portfolio(
    covariance: Any, impact: Any, signal_returns: Any, signal_decay: Any, *, risk_aversion: float, discount: float = 0.0
) -> AimPortfolio:
    """Optimal trading on decaying signals under quadratic costs.

    Maximises the sum over time of (1 - discount)^{t+1} (x'r_{t+1} - g/2 x'S x) - (1 - discount)^t dx'L dx / 2 for
    returns r_{t+1} = B f_t + noise and signals f_{t+1} = (I - Phi) f_t + noise.

    Parameters
    ----------
    covariance : array_like, shape (n, n)
        S, of returns per period; positive definite.
    impact : float or array_like, shape (n, n)
        L, positive definite: trading dx costs dx'L dx / 2. A number l means L = l S, cost in proportion to risk.
    signal_returns : array_like, shape (n, k)
        B: expected return per unit of each signal.
    signal_decay : array_like, shape (k,) or (k, k)
        Phi: share of each signal that is gone after a period.
    risk_aversion
        g, above 0.
    discount
        Per period, in [0, 1).

    Returns
    -------
    AimPortfolio

    Raises
    ------
    ValueError
        If a matrix is not positive definite (the eigenvalue is given), shapes differ, or signals grow faster than the
        policy forgets them, so that the value is infinite.

    Notes
    -----
    Garleanu and Pedersen (2013), J. Finance 68. The matrix equation of the value function falls apart into quadratics
    in the basis where L is the identity and S is diagonal: with eigenvalues m of L^-1/2 g S L^-1/2 and
    b = 1 - discount, the rates solve  b a^2 + (discount + b m) a = b m.

    Examples
    --------
    >>> policy = aim_portfolio([[0.04]], 0.7, [[1.0, 1.0]], [0.1, 0.5], risk_aversion=2, discount=0.02)
    >>> round(policy.rate.item(), 12)
    0.780958218401
    >>> policy.aim.round(6)  # the slow signal counts for more
    array([[12.167421, 10.997058]])
    """
    s = _square("covariance", covariance)
    n = len(s)
    g = _number("risk_aversion", risk_aversion, 0.0, np.inf, open_low=True)
    rho = _number("discount", discount, 0.0, 1.0)
    b = np.asarray(signal_returns, dtype=float)
    if b.ndim != 2 or b.shape[0] != n:
        raise ValueError(f"signal_returns must have shape ({n}, k), got {b.shape}")
    k = b.shape[1]
    phi = np.asarray(signal_decay, dtype=float)
    phi = np.diag(phi) if phi.ndim == 1 else phi
    if phi.shape != (k, k):
        raise ValueError(f"signal_decay must have shape ({k},) or ({k}, {k}), got {np.shape(signal_decay)}")
    for name, array in (("signal_returns", b), ("signal_decay", phi)):
        _finite(name, array)
    if np.ndim(impact) == 0:
        cost = _number("impact", impact, 0.0, np.inf, open_low=True) * s
    else:
        cost = _square("impact", impact)
        if cost.shape != s.shape:
            raise ValueError(f"impact has shape {cost.shape}, but the covariance has {s.shape}")
    root = np.linalg.cholesky(cost)
    m, u = np.linalg.eigh(_symmetric(np.linalg.solve(root, np.linalg.solve(root, g * s).T)))
    basis = np.linalg.solve(root.T, u)  # x = basis y makes the cost y'y / 2 and the risk y'diag(m)y / 2

    kept = 1.0 - rho
    linear = rho + kept * m
    rates = 2.0 * kept * m / (linear + np.sqrt(linear * linear + 4.0 * kept * kept * m))
    forgets = kept * (1.0 - rates)  # by which a signal of the next period counts less than one of this
    stay = np.eye(k) - phi
    fastest = float(np.max(np.abs(np.linalg.eigvals(stay)), initial=0.0))
    if fastest * forgets.max() >= 1.0:
        raise ValueError(
            f"signals grow by {fastest:.6g} a period and the policy forgets only {1.0 - forgets.max():.3g} of them: "
            "the value is infinite"
        )
    mixed = basis.T @ b
    rows = [f * np.linalg.solve((np.eye(k) - f * stay).T, row) for f, row in zip(forgets, mixed, strict=True)]
    aim = basis @ (np.array(rows).reshape(n, k) / rates[:, None])
    rate = basis @ (rates[:, None] * (root @ u).T)
    return AimPortfolio(rate, aim, np.linalg.solve(g * s, b), rates)


def trading_rate(risk_aversion: Any, impact: Any, discount: Any = 0.0, *, continuous: bool = False) -> FloatArray:
    """Share of the way to the aim, per period, where trading costs l dx'S dx / 2. Arguments broadcast.

    Parameters
    ----------
    risk_aversion, impact
        g and l, above 0.
    discount
        Per period in [0, 1); per year, at least 0, if ``continuous``.
    continuous
        The rate of exponential approach per year instead, (sqrt(discount^2 + 4 g / l) - discount) / 2.

    Examples
    --------
    >>> rates = trading_rate(2, 0.7, 0.02), trading_rate(2, 0.7, 0.02, continuous=True)
    >>> [round(float(rate), 8) for rate in rates]
    [0.78095822, 1.68033809]
    """
    g, cost, rho = (np.asarray(x, dtype=float) for x in (risk_aversion, impact, discount))
    _all("risk_aversion", g, g > 0.0, "above 0 and finite")
    _all("impact", cost, cost > 0.0, "above 0 and finite")
    _all("discount", rho, (rho >= 0.0) & (continuous | (rho < 1.0)), "at least 0" + ("" if continuous else ", below 1"))
    m = g / cost
    if continuous:
        return np.asarray(2.0 * m / (np.sqrt(rho * rho + 4.0 * m) + rho))
    kept = 1.0 - rho
    linear = rho + kept * m
    return np.asarray(2.0 * kept * m / (linear + np.sqrt(linear * linear + 4.0 * kept * kept * m)))


def tracking_rate(penalty: Any, impact: Any, variance_rate: Any) -> tuple[FloatArray, FloatArray]:
    """Following a target that moves as a random walk, under quadratic cost: the rate, and what distance it keeps.

    Parameters
    ----------
    penalty
        c of the running penalty c x^2 / 2 a year on the distance x; above 0.
    impact
        eta: trading at the speed v costs eta v^2 / 2 a year; above 0.
    variance_rate
        Of the target, units^2 a year; at least 0.

    Returns
    -------
    rate : ndarray
        sqrt(c / eta), share of the distance per year.
    mean_square : ndarray
        variance_rate / (2 rate), the stationary mean of x^2.

    Examples
    --------
    >>> rate, mean_square = tracking_rate(2.0, 0.02, 0.09)
    >>> float(rate), float(mean_square)
    (10.0, 0.0045)
    """
    c, eta, s2 = (np.asarray(x, dtype=float) for x in (penalty, impact, variance_rate))
    _all("penalty", c, c > 0.0, "above 0 and finite")
    _all("impact", eta, eta > 0.0, "above 0 and finite")
    _all("variance_rate", s2, s2 >= 0.0, "at least 0 and finite")
    rate = np.sqrt(c / eta)
    return rate, s2 / (2.0 * rate)


def _symmetric(a: FloatArray) -> FloatArray:
    return np.asarray(0.5 * (a + a.T))


def _square(name: str, given: Any) -> FloatArray:
    """A symmetric positive definite matrix."""
    a = np.asarray(given, dtype=float)
    if a.ndim != 2 or a.shape[0] != a.shape[1] or not len(a):
        raise ValueError(f"{name} must be a square matrix, got shape {a.shape}")
    _finite(name, a)
    scale = np.sqrt(np.abs(np.diag(a)))
    apart = np.argwhere(np.abs(a - a.T) > 1e-12 * np.outer(scale, scale))
    if len(apart):
        i, j = apart[0]
        raise ValueError(f"{name} must be symmetric, but [{i}, {j}] is {a[i, j]} and [{j}, {i}] is {a[j, i]}")
    a = _symmetric(a)
    least = np.linalg.eigvalsh(a)[0]
    if least <= len(a) * 1e-16 * np.abs(a).max():
        raise ValueError(f"{name} must be positive definite, but its least eigenvalue is {least:.6g}")
    return a


def _finite(name: str, a: FloatArray) -> None:
    bad = np.argwhere(~np.isfinite(a))
    if len(bad):
        where = ", ".join(map(str, bad[0]))
        raise ValueError(f"{name}[{where}] must be finite, got {a[tuple(bad[0])]}")


def _vector(name: str, given: Any, n: int) -> FloatArray:
    x = np.asarray(given, dtype=float)
    if x.shape != (n,):
        raise ValueError(f"{name} must have shape ({n},), got {x.shape}")
    _finite(name, x)
    return x


def _number(name: str, x: Any, low: float, high: float, *, open_low: bool = False) -> float:
    value = float(x)
    if (low < value if open_low else low <= value) and value < high:
        return value
    must = f"{'above' if open_low else 'at least'} {low:g}" + (
        f" and below {high:g}" if high < np.inf else " and finite"
    )
    raise ValueError(f"{name} must be {must}, got {value}")


def _all(name: str, values: FloatArray, holds: Any, must: str) -> None:
    bad = values[~(holds & np.isfinite(values))]
    if bad.size:
        raise ValueError(f"{name} must be {must}, got {bad.flat[0]}")
