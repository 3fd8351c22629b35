"""The same work in the ways a user would otherwise do it: value, delta, gamma, vega, theta and rho under Black-76.

Each peer takes the columns of :func:`contracts` and returns six columns in that order. ``PEERS`` lists those that can
be imported here; the others are named in ``MISSING`` with the reason.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import numpy as np

Columns = dict[str, np.ndarray]
Work = Callable[[Columns], object]

PEERS: dict[str, Work] = {}
MISSING: dict[str, str] = {}
#: The same without a discount factor, for rates of 0 as coin-margined venues have them.
UNDISCOUNTED: dict[str, Work] = {}
#: Peers that take contracts one by one: they are given fewer rows.
ONE_BY_ONE = {"pure Python", "py_vollib"}


def contracts(n: int, seed: int = 7) -> Columns:
    """A chain-like batch: strikes around the forward, a day to a year, vols of 30 to 130 %, rates of 0 to 5 %."""
    random = np.random.default_rng(seed)
    forward = 60_000.0 * random.uniform(1.0, 1.1, n)
    return {
        "forward": forward,
        "strike": forward * np.exp(random.uniform(-0.4, 0.4, n)),
        "vol": random.uniform(0.3, 1.3, n),
        "years": random.uniform(0.003, 1.0, n),
        "phi": random.choice([-1.0, 1.0], n),
        "rate": random.uniform(0.0, 0.05, n),
    }


def pure_python(c: Columns) -> object:
    erf, exp, log, sqrt, root = math.erf, math.exp, math.log, math.sqrt, math.sqrt(2.0)
    rows = []
    for f, k, vol, t, phi, rate in zip(*(column.tolist() for column in c.values()), strict=True):
        s, discount = vol * sqrt(t), exp(-rate * t)
        d1 = log(f / k) / s + s / 2
        d2 = d1 - s
        n1 = discount * exp(-d1 * d1 / 2) / 2.5066282746310002
        p1, p2 = (1 + erf(phi * d1 / root)) / 2, (1 + erf(phi * d2 / root)) / 2
        value = discount * phi * (f * p1 - k * p2)
        theta = rate * value - f * n1 * vol / (2 * sqrt(t))
        rows.append((value, discount * phi * p1, n1 / (f * s), f * n1 * sqrt(t), theta, -t * value))
    return rows


PEERS["pure Python"] = pure_python

try:
    from scipy.special import ndtr

    def numpy_scipy(c: Columns) -> object:
        f, k, vol, t, phi, rate = c.values()
        root, discount = np.sqrt(t), np.exp(-rate * t)
        s = vol * root
        d1 = np.log(f / k) / s + s / 2
        n1 = discount * np.exp(-d1 * d1 / 2) / 2.5066282746310002
        p1, p2 = ndtr(phi * d1), ndtr(phi * (d1 - s))
        value = discount * phi * (f * p1 - k * p2)
        theta = rate * value - f * n1 * vol / (2 * root)
        return value, discount * phi * p1, n1 / (f * s), f * n1 * root, theta, -t * value

    def numpy_scipy_undiscounted(c: Columns) -> object:
        f, k, vol, t, phi = list(c.values())[:5]
        root = np.sqrt(t)
        s = vol * root
        d1 = np.log(f / k) / s + s / 2
        n1 = np.exp(-d1 * d1 / 2) / 2.5066282746310002
        p1, p2 = ndtr(phi * d1), ndtr(phi * (d1 - s))
        value = phi * (f * p1 - k * p2)
        return value, phi * p1, n1 / (f * s), f * n1 * root, -f * n1 * vol / (2 * root), -t * value

    PEERS["NumPy + SciPy"] = numpy_scipy
    UNDISCOUNTED["NumPy + SciPy, rate 0"] = numpy_scipy_undiscounted
except ImportError as error:
    MISSING["NumPy + SciPy"] = str(error)

try:
    import numba

    @numba.njit(fastmath=True, error_model="numpy")
    def _numba_greeks(f, k, vol, t, phi, rate, out):  # type: ignore[no-untyped-def]
        root2 = math.sqrt(2.0)
        for i in range(f.size):
            root = math.sqrt(t[i])
            s = vol[i] * root
            d1 = math.log(f[i] / k[i]) / s + s / 2
            discount = math.exp(-rate[i] * t[i])
            n1 = discount * math.exp(-d1 * d1 / 2) / 2.5066282746310002
            p1 = 0.5 * math.erfc(-phi[i] * d1 / root2)
            value = discount * phi[i] * (f[i] * p1 - k[i] * 0.5 * math.erfc(-phi[i] * (d1 - s) / root2))
            out[0, i] = value
            out[1, i] = discount * phi[i] * p1
            out[2, i] = n1 / (f[i] * s)
            out[3, i] = f[i] * n1 * root
            out[4, i] = rate[i] * value - f[i] * n1 * vol[i] / (2 * root)
            out[5, i] = -t[i] * value

    _buffers: dict[int, np.ndarray] = {}

    def numba_loop(c: Columns) -> object:
        n = len(c["forward"])
        out = _buffers.setdefault(n, np.empty((6, n)))
        _numba_greeks(*c.values(), out)
        return out

    PEERS[f"numba {numba.__version__}"] = numba_loop
except ImportError as error:
    MISSING["numba"] = str(error)

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it announces its new name
        from py_vollib.black import black
        from py_vollib.black.greeks.analytical import delta, gamma, rho, theta, vega

    def py_vollib(c: Columns) -> object:
        rows = []
        for f, k, vol, t, phi, rate in zip(*(column.tolist() for column in c.values()), strict=True):
            flag = "c" if phi > 0 else "p"
            where = (flag, f, k, t, rate, vol)
            row = (
                black(flag, f, k, t, rate, vol),
                delta(*where),
                gamma(*where),
                vega(*where),
                theta(*where),
                rho(*where),
            )
            rows.append(row)
        return rows

    PEERS["py_vollib"] = py_vollib
except ImportError as error:
    MISSING["py_vollib"] = str(error)

#: Implied vols one by one: price, forward, strike, years, phi and rate in.
IMPLIED: dict[str, Callable[[Columns], object]] = {}

try:
    from py_vollib.black.implied_volatility import implied_volatility as vollib_implied

    def py_vollib_implied(c: Columns) -> object:
        rows = zip(*(c[name].tolist() for name in ("price", "forward", "strike", "rate", "years", "phi")), strict=True)
        return [vollib_implied(p, f, k, r, t, "c" if phi > 0 else "p") for p, f, k, r, t, phi in rows]

    IMPLIED["py_vollib (lets_be_rational)"] = py_vollib_implied
except ImportError as error:
    MISSING["py_vollib's implied vol"] = str(error)
