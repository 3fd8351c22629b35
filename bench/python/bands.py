"""What do hedging bands cost for a book of 10 000 options, against NumPy, numba and SciPy?

    python bench/python/bands.py

Every option has its own gamma, cost and ticket; each line computes trigger, destination and the four long-run figures.
The peers solve the same equation (z^9 = alpha z + gamma) by Newton's method from the same kind of start, NumPy for whole
columns, numba in one loop; SciPy's brentq takes the textbook equation in t = b / a, one option at a time. Results are
compared before anything is timed.
"""

from __future__ import annotations

import platform
from collections.abc import Callable

import numba
import numpy as np
from scipy.optimize import brentq

import rebalance_core as rc
from compare import medians
from rebalance_core import _core
from rebalance_core.triggers import Band, hedge_band, local_band

N, FEW = 10_000, 50
COLUMNS = ("trigger", "destination", "mean_square", "turnover", "trades_per_year", "cost_rate")


def numpy_band(s2: np.ndarray, c: np.ndarray, l: np.ndarray, k: np.ndarray) -> tuple[np.ndarray, ...]:
    unit = 12.0 * s2 / c
    p, q = np.cbrt(unit * l), np.sqrt(np.sqrt(unit * k))
    scale = np.maximum(p, q)
    alpha, gamma = (q / scale) ** (8 / 3), (p / scale) ** 3
    z = np.full_like(s2, 1.09)
    for _ in range(5):
        z8 = z**4
        z8 *= z8
        z -= (z8 * z - alpha * z - gamma) / (9.0 * z8 - alpha)
    sum_, gap = scale * z**3, scale * (q / scale) ** (4 / 3) / z
    a = 0.5 * (sum_ + gap)
    b = p**3 / (4.0 * sum_ * a)
    turnover = s2 / sum_
    return a, b, (a * a + b * b) / 6, turnover, turnover / gap, c * (a * a + a * b + b * b) / 6


@numba.njit(error_model="numpy")
def numba_band(s2, c, l, k, a, b, mean_square, turnover, trades, cost):  # type: ignore[no-untyped-def]
    for i in range(len(s2)):
        unit = 12.0 * s2[i] / c[i]
        p, q = np.cbrt(unit * l[i]), np.sqrt(np.sqrt(unit * k[i]))
        scale = max(p, q)
        root = np.cbrt(q / scale)
        root4 = root * root * root * root
        alpha, gamma = root4 * root4, (p / scale) ** 3
        z = 1.09
        for _ in range(5):
            z8 = z * z
            z8 *= z8
            z8 *= z8
            z -= (z8 * z - alpha * z - gamma) / (9.0 * z8 - alpha)
        sum_, gap = scale * z * z * z, scale * root4 / z
        a[i] = 0.5 * (sum_ + gap)
        b[i] = p * p * p / (4.0 * sum_ * a[i])
        mean_square[i] = (a[i] * a[i] + b[i] * b[i]) / 6
        turnover[i] = s2[i] / sum_
        trades[i] = turnover[i] / gap
        cost[i] = c[i] * (a[i] * a[i] + a[i] * b[i] + b[i] * b[i]) / 6


def scipy_band(s2: float, c: float, l: float, k: float) -> tuple[float, float]:
    beta = c / (3 * s2)
    log_ratio = 3 * np.log(k) + np.log(beta) - 4 * np.log(l)
    t = brentq(
        lambda t: 9 * np.log1p(-t) - np.log(64.0) - 4 * np.log(t) - np.log1p(t) - log_ratio,
        1e-12,
        1 - 1e-12,
        xtol=1e-15,
    )
    a = (l / (beta * t * (1 + t))) ** (1 / 3)
    return a, t * a


def main() -> None:
    random = np.random.default_rng(7)
    spot, vol, aversion = 60_000.0, 0.6, 1e-4
    gamma = 10 ** random.uniform(-7, -4, N)
    cost, ticket = random.uniform(2e-4, 1e-3, N), 10 ** random.uniform(-1, 1.5, N)
    s2, c = (gamma * vol * spot) ** 2, np.full(N, aversion * (vol * spot) ** 2)
    l, out = cost * spot, Band(N)
    arrays = [np.empty(N) for _ in COLUMNS]

    ours = local_band(s2, c, l, ticket)
    for got, wanted in zip(numpy_band(s2, c, l, ticket), (getattr(ours, name) for name in COLUMNS), strict=True):
        assert np.allclose(got, wanted, rtol=1e-12, atol=0.0)
    numba_band(s2, c, l, ticket, *arrays)
    for got, name in zip(arrays, COLUMNS, strict=True):
        assert np.allclose(got, getattr(ours, name), rtol=1e-12, atol=0.0)
    for i in range(FEW):
        assert np.allclose(scipy_band(s2[i], c[i], l[i], ticket[i]), (ours.trigger[i], ours.destination[i]), rtol=1e-9)

    works: dict[str, Callable[[], object]] = {
        "NumPy, Newton": lambda: numpy_band(s2, c, l, ticket),
        "numba, Newton": lambda: numba_band(s2, c, l, ticket, *arrays),
        f"SciPy, brentq ({FEW} options)": lambda: [scipy_band(s2[i], c[i], l[i], ticket[i]) for i in range(FEW)],
    }
    for isa in rc.supported_isas():
        works[f"local_band, {isa}"] = _on(isa, lambda: local_band(s2, c, l, ticket, out=out))
        works[f"local_band, no ticket, {isa}"] = _on(isa, lambda: local_band(s2, c, l, out=out))
    works["hedge_band, from gamma"] = _on(
        rc.supported_isas()[0], lambda: hedge_band(spot, gamma, vol, cost, aversion, fixed_cost=ticket)
    )
    works["local_band, one number"] = lambda: [local_band(0.2, 3.0, 0.5, 2.0) for _ in range(100)]
    times = medians(works)
    times[f"SciPy, brentq ({FEW} options)"] *= N / FEW
    times["local_band, one number"] *= N / 100
    base = times["numba, Newton"]
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}")
    print(f"\n{N} options, microseconds (median), and how many times faster than numba")
    for name, seconds in times.items():
        print(f"{name:40s} {1e6 * seconds:12.1f} {base / seconds:8.2f}")
    _core._use_isa(rc.supported_isas()[0])


def _on(isa: str, call: Callable[[], object]) -> Callable[[], object]:
    def work() -> object:
        _core._use_isa(isa)
        return call()

    return work


if __name__ == "__main__":
    main()
