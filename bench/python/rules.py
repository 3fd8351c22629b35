"""How long do CPPI, volatility targets and fixed fractions take over many paths, and risk budgets of many assets?

    python bench/python/rules.py

The peers are the same recursions in numba (step by step over all paths) and in NumPy (a loop over the steps on whole
rows), and for risk budgets cyclical coordinate descent in numba with fastmath, as libraries for risk parity do it, and
scipy. All of them fill arrays that are there already, earn cash, pay carry, refuse returns that are none, and are
compared before anything is timed. On a machine that does other work as well, compare the least times.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import astuple

import numba
import numpy as np
from scipy import optimize

import rebalance_core as rc
from compare import processor
from rebalance_core import _core
from rebalance_core.sizing import Cppi, FixedFraction, VolatilityTarget, risk_budget

SETTINGS = {"max_leverage": 1.5, "ratchet": 0.75, "band": (3.6, 4.4), "cost_rate": 0.0005}
REST = (1e-4, 2e-4, 1e-4)  # cash, carry and floor return per step


@numba.njit(error_model="numpy")
def numba_cppi(
    r, cash, carry, grow, equity, exposure, floor, v0, e0, f0, m, cap, ratchet, low, high, k, out_v, out_e, out_f
):
    steps, paths = r.shape
    buy_m, sell_m, buy_c, sell_c = 1 / (1 + m * k), 1 / (1 - m * k), 1 / (1 + cap * k), 1 / (1 - cap * k)
    equity[:], exposure[:], floor[:] = v0, e0, f0
    usable = True
    for t in range(steps):
        for j in range(paths):
            x = r[t, j]
            usable &= (x >= -1.0) & (x < 1e300)
            v, h = equity[j] * (1 + cash) + exposure[j] * (x - carry), exposure[j] * (1 + x)
            f = max(floor[j] * (1 + grow), ratchet * v)
            a, b = m * (v - f), cap * v
            ea = (a + m * k * h) * buy_m if a > h else (a - m * k * h) * sell_m
            eb = (b + cap * k * h) * buy_c if b > h else (b - cap * k * h) * sell_c
            e = max(min(ea, eb), 0.0)
            e = h if (h >= low * e) & (h <= high * e) & (h <= b) else e
            v = v - k * abs(e - h)
            e = max(min(e, cap * v), 0.0)
            equity[j], exposure[j], floor[j] = v, e, f
            out_v[t, j], out_e[t, j], out_f[t, j] = v, e, f
    return usable


def numpy_cppi(r, cash, carry, grow, v0, e0, f0, m, cap, ratchet, low, high, k, out_v, out_e, out_f):
    v, e, f = np.full(r.shape[1], v0), np.full(r.shape[1], e0), np.full(r.shape[1], f0)
    for t, x in enumerate(r):
        v, h = v * (1 + cash) + e * (x - carry), e * (1 + x)
        f = np.maximum(f * (1 + grow), ratchet * v)
        a, b = m * (v - f), cap * v
        ea = np.where(a > h, (a + m * k * h) / (1 + m * k), (a - m * k * h) / (1 - m * k))
        eb = np.where(b > h, (b + cap * k * h) / (1 + cap * k), (b - cap * k * h) / (1 - cap * k))
        e = np.maximum(np.minimum(ea, eb), 0.0)
        e = np.where((h >= low * e) & (h <= high * e) & (h <= b), h, e)
        v = v - k * np.abs(e - h)
        e = np.maximum(np.minimum(e, cap * v), 0.0)
        out_v[t], out_e[t], out_f[t] = v, e, f


@numba.njit(error_model="numpy")
def numba_fraction(r, cash, carry, equity, exposure, v0, e0, fraction, band, k, out_v, out_e):
    steps, paths = r.shape
    buy, sell = 1 / (1 + fraction * k), 1 / (1 - fraction * k)
    equity[:], exposure[:] = v0, e0
    usable = True
    for t in range(steps):
        for j in range(paths):
            x = r[t, j]
            usable &= (x >= -1.0) & (x < 1e300)
            v, h = equity[j] * (1 + cash) + exposure[j] * (x - carry), exposure[j] * (1 + x)
            a = fraction * v
            e = (a + fraction * k * h) * buy if a > h else (a - fraction * k * h) * sell
            e = e if v > 0.0 else 0.0
            e = h if (v > 0.0) & (abs(h - a) <= band * v) else e
            v = v - k * abs(e - h)
            equity[j], exposure[j] = v, e
            out_v[t, j], out_e[t, j] = v, e
    return usable


@numba.njit(error_model="numpy")
def numba_target(vol, wanted, scale, target, cap, band, smoothing, out):
    steps, paths = vol.shape
    scale[:] = -1.0
    usable = True
    for t in range(steps):
        for j in range(paths):
            usable &= (vol[t, j] >= 0.0) & (vol[t, j] < 1e300)
            raw = min(target / vol[t, j], cap)
            w = raw if scale[j] < 0.0 else min(wanted[j] + (1 - smoothing) * (raw - wanted[j]), cap)
            wanted[j] = w
            scale[j] = scale[j] if (scale[j] >= 0.0) & (abs(w - scale[j]) <= band * scale[j]) else w
            out[t, j] = scale[j]
    return usable


def numpy_target(vol, target, cap, band, smoothing, out):
    wanted = scale = np.minimum(target / vol[0], cap)
    out[0] = scale
    for t in range(1, len(vol)):
        wanted = np.minimum(wanted + (1 - smoothing) * (np.minimum(target / vol[t], cap) - wanted), cap)
        scale = np.where(np.abs(wanted - scale) <= band * scale, scale, wanted)
        out[t] = scale


@numba.njit(fastmath=True, error_model="numpy")
def numba_descent(s, b, y, tolerance):
    """Cyclical coordinate descent, each row times y by one vectorised sum."""
    n = len(b)
    for i in range(n):
        y[i] = np.sqrt(b[i] / s[i, i])
    for _ in range(1000):
        worst = 0.0
        for i in range(n):
            risk = 0.0
            for j in range(n):
                risk += s[i, j] * y[j]
            worst = max(worst, abs(y[i] * risk / b[i] - 1))
            a = risk - s[i, i] * y[i]
            y[i] = (-a + np.sqrt(a * a + 4 * s[i, i] * b[i])) / (2 * s[i, i])
        if worst <= tolerance:
            break
    return y / y.sum()


def scipy_newton(s, b):
    """Spinu's function by scipy's trust-region Newton method."""

    def value(z):
        y = np.exp(z)
        return 0.5 * y @ (s @ y) - b @ z

    def gradient(z):
        y = np.exp(z)
        return y * (s @ y) - b

    def hessian(z):
        y = np.exp(z)
        return y[:, None] * s * y + np.diag(y * (s @ y))

    start = 0.5 * np.log(b / np.diag(s))
    found = optimize.minimize(value, start, jac=gradient, hess=hessian, method="trust-exact", options={"gtol": 1e-14})
    y = np.exp(found.x)
    return y / y.sum()


def on(isa: str, work: Callable[[], object]) -> Callable[[], object]:
    def switched() -> object:
        _core._use_isa(isa)
        return work()

    return switched


def timed(works: dict[str, Callable[[], object]], rounds: int = 60) -> dict[str, list[float]]:
    """Seconds of each, in turns: all of them."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            work()  # each meets its own data in the cache
            start = time.perf_counter()
            work()
            taken[name].append(time.perf_counter() - start)
    return taken


def show(title: str, unit: str, taken: dict[str, list[float]], per: float) -> None:
    first = min(taken[next(iter(taken))])
    print(f"\n{title}, {unit}: median, least, and the least over that of the first line")
    for name, seconds in taken.items():
        print(f"  {name:<44}{np.median(seconds) / per:>12.3f}{min(seconds) / per:>12.3f}{min(seconds) / first:>9.2f}")


def paths(steps: int, n: int) -> None:
    rng = np.random.default_rng(1)
    r = rng.normal(0, 0.01, (steps, n))
    vol = np.exp(np.cumsum(rng.normal(0, 0.05, (steps, n)), axis=0)) * 0.5
    rows = [np.empty(n) for _ in range(3)]
    theirs = [np.empty((steps, n)) for _ in range(3)]

    cppi = Cppi(4, 80, 100, **SETTINGS)
    ours = cppi.paths(r)
    given = (cppi.equity, cppi.exposure, cppi.floor, 4.0, 1.5, 0.75, 0.9, 1.1, 0.0005)
    cppi.paths(r, REST[0], carry=REST[1], floor_return=REST[2], out=ours)
    for peer in (lambda: numba_cppi(r, *REST, *rows, *given, *theirs), lambda: numpy_cppi(r, *REST, *given, *theirs)):
        peer()
        assert all(np.allclose(a, b, rtol=1e-9) for a, b in zip(astuple(ours), theirs, strict=True))
    works = {
        f"rebalance_core, {i}": on(i, lambda: cppi.paths(r, REST[0], carry=REST[1], floor_return=REST[2], out=ours))
        for i in rc.supported_isas()
    }
    works["numba"] = lambda: numba_cppi(r, *REST, *rows, *given, *theirs)
    if n > 1:
        works["NumPy, row by row"] = lambda: numpy_cppi(r, *REST, *given, *theirs)
    show(f"CPPI, {steps} steps x {n} paths", "ns a step", timed(works), 1e-9 * steps * n)

    fraction = FixedFraction(0.6, 100, band=0.02, cost_rate=0.0005)
    held = fraction.paths(r)
    start = (fraction.equity, fraction.exposure, 0.6, 0.02, 0.0005)
    fraction.paths(r, REST[0], carry=REST[1], out=held)
    numba_fraction(r, *REST[:2], *rows[:2], *start, *theirs[:2])
    assert all(np.allclose(a, b, rtol=1e-9) for a, b in zip(astuple(held), theirs[:2], strict=True))
    works = {
        f"rebalance_core, {i}": on(i, lambda: fraction.paths(r, REST[0], carry=REST[1], out=held))
        for i in rc.supported_isas()
    }
    works["numba"] = lambda: numba_fraction(r, *REST[:2], *rows[:2], *start, *theirs[:2])
    show(f"Fixed fraction, {steps} steps x {n} paths", "ns a step", timed(works), 1e-9 * steps * n)

    target = VolatilityTarget(0.4, cap=2.0, band=0.05, smoothing=0.2)
    target.paths(vol, out=ours.equity)
    for peer in (
        lambda: numba_target(vol, *rows[:2], 0.4, 2.0, 0.05, 0.2, theirs[0]),
        lambda: numpy_target(vol, 0.4, 2.0, 0.05, 0.2, theirs[0]),
    ):
        peer()
        assert np.allclose(ours.equity, theirs[0], rtol=1e-12)
    works = {f"rebalance_core, {i}": on(i, lambda: target.paths(vol, out=ours.equity)) for i in rc.supported_isas()}
    works["numba"] = lambda: numba_target(vol, *rows[:2], 0.4, 2.0, 0.05, 0.2, theirs[0])
    if n > 1:
        works["NumPy, row by row"] = lambda: numpy_target(vol, 0.4, 2.0, 0.05, 0.2, theirs[0])
    show(f"Volatility target, {steps} steps x {n} paths", "ns a step", timed(works), 1e-9 * steps * n)


def single() -> None:
    cppi, target = Cppi(4, 80, 100, **SETTINGS), VolatilityTarget(0.4, cap=2.0, band=0.05, smoothing=0.2)

    def updates() -> None:
        for _ in range(1000):
            cppi.update(100.0, 80.0)

    def steps() -> None:
        for _ in range(1000):
            cppi.step(0.0)

    def forecasts() -> None:
        for _ in range(1000):
            target.update(0.5)

    works = {"Cppi.update": updates, "Cppi.step": steps, "VolatilityTarget.update": forecasts}
    show("One step, called from Python", "ns a call", timed(works), 1e-9 * 1000)


def budgets(n: int) -> None:
    rng = np.random.default_rng(n)
    k = max(2, n // 50)
    loadings = np.hstack([rng.uniform(0.5, 1.5, (n, 1)), rng.normal(0, 0.4, (n, k - 1))])
    factor, specific = np.diag(rng.uniform(0.01, 0.05, k)), rng.uniform(0.01, 0.1, n)
    s = loadings @ factor @ loadings.T + np.diag(specific)
    s = (s + s.T) / 2
    b, y = np.full(n, 1 / n), np.empty(n)
    found = risk_budget(s)
    assert found.status == "solved"
    peers: dict[str, Callable[[], np.ndarray]] = {"numba, cyclical descent": lambda: numba_descent(s, b, y, 1e-12)}
    if n <= 100:
        peers["scipy, trust-exact"] = lambda: scipy_newton(s, b)
    for name, peer in peers.items():
        assert np.allclose(peer(), found.weights, rtol=1e-6), name
    works: dict[str, Callable[[], object]] = {
        f"rebalance_core, dense, {i}": on(i, lambda: risk_budget(s)) for i in rc.supported_isas()
    }
    parts = {"loadings": loadings, "factor_cov": factor, "specific_var": specific}
    works[f"rebalance_core, {k} factors"] = on(rc.supported_isas()[0], lambda: risk_budget(**parts))
    works["rebalance_core, dense, from the answer"] = lambda: risk_budget(s, warm_start=found.weights)
    show(f"Risk budget, {n} assets, to 1e-12", "microseconds", timed({**works, **peers}), 1e-6)


def main() -> None:
    print(
        f"{processor()}, Python {platform.python_version()}, NumPy {np.__version__}, numba {numba.__version__}, one core"
    )
    paths(250, 1_000)
    paths(1_000, 4_000)
    paths(100_000, 1)
    single()
    for n in (10, 100, 1_000):
        budgets(n)
    _core._use_isa(rc.supported_isas()[0])


if __name__ == "__main__":
    main()
