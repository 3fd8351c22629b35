"""Libraries that answer the same questions, each called in the fastest way that its documentation shows.

``GREEKS``, ``THIRD`` and ``IMPLIED`` list those that can be imported here, ``MISSING`` says why others cannot. A library
that does not offer a piece of work is not in the list of it. The hand-written ones of peers.py are among them, so that
each environment has its own numba and NumPy measured too.
"""

from __future__ import annotations

import importlib.metadata
import math
import warnings
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

import peers
from peers import Columns

SIX = ("value", "delta", "gamma", "vega", "theta", "rho")
SIXTEEN = (*SIX, "vanna", "volga", "charm", "veta", "dual_delta", "dual_gamma", "speed", "zomma", "color", "ultima")


class Peer(NamedTuple):
    """``work`` takes columns and returns ``outputs``, each ``factor`` times our unit; ``model`` is whose work it is."""

    name: str
    work: Callable[[Columns], object]
    model: str = "black76"  # or "black76, rate 0", or "bsm" without dividends
    outputs: tuple[str, ...] = SIX
    one_by_one: bool = False
    factor: Mapping[str, float] = MappingProxyType({})


GREEKS: list[Peer] = []
THIRD: list[Peer] = []
IMPLIED: list[Peer] = []
MISSING: dict[str, str] = {}

PER_DAY_AND_POINT = {"vega": 0.01, "theta": 1 / 365, "rho": 0.01}


def version(package: str) -> str:
    return f"{package} {importlib.metadata.version(package)}"


# --- written by hand in peers.py, and the same to third order ---

GREEKS.append(Peer("pure Python", peers.pure_python, one_by_one=True))
MISSING |= {name: reason for name, reason in peers.MISSING.items() if name in ("NumPy + SciPy", "numba")}

try:
    from scipy.special import ndtr

    def numpy_third(c: Columns) -> object:
        f, k, vol, t, phi, rate = c.values()
        root, discount = np.sqrt(t), np.exp(-rate * t)
        s = vol * root
        d1 = np.log(f / k) / s + s / 2
        d2 = d1 - s
        n1 = discount * np.exp(-d1 * d1 / 2) / 2.5066282746310002
        p1, p2 = discount * ndtr(phi * d1), discount * ndtr(phi * d2)
        value, delta, gamma, vega = phi * (f * p1 - k * p2), phi * p1, n1 / (f * s), f * n1 * root
        dd, half = d1 * d2, 1 / (2 * t)
        return (
            value,
            delta,
            gamma,
            vega,
            rate * value - f * n1 * vol / (2 * root),
            -t * value,
            -n1 * d2 / vol,
            vega * dd / vol,
            rate * delta + n1 * d2 * half,
            vega * (rate - (1 + dd) * half),
            -phi * p2,
            gamma * (f / k) ** 2,
            -gamma * (d1 / s + 1) / f,
            gamma * (dd - 1) / vol,
            gamma * (rate + (1 - dd) * half),
            -vega / vol**2 * (dd * (1 - dd) + d1 * d1 + d2 * d2),
        )

    name = f"NumPy {np.__version__} + SciPy"
    GREEKS.append(Peer(name, peers.numpy_scipy))
    THIRD.append(Peer(name, numpy_third, outputs=SIXTEEN))
except ImportError:
    pass  # peers.MISSING has said so

try:
    import numba

    @numba.njit(fastmath=True, error_model="numpy")
    def _third(f, k, vol, t, phi, rate, out):  # type: ignore[no-untyped-def]
        """In three loops: LLVM does not make vectors of one with sixteen columns out."""
        root2 = math.sqrt(2.0)
        for i in range(f.size):
            root = math.sqrt(t[i])
            s = vol[i] * root
            d1 = math.log(f[i] / k[i]) / s + s / 2
            discount = math.exp(-rate[i] * t[i])
            n1 = discount * math.exp(-d1 * d1 / 2) / 2.5066282746310002
            p1 = discount * 0.5 * math.erfc(-phi[i] * d1 / root2)
            p2 = discount * 0.5 * math.erfc(-phi[i] * (d1 - s) / root2)
            value = phi[i] * (f[i] * p1 - k[i] * p2)
            out[0, i] = value
            out[1, i] = phi[i] * p1
            out[2, i] = n1 / (f[i] * s)
            out[3, i] = f[i] * n1 * root
            out[4, i] = rate[i] * value - f[i] * n1 * vol[i] / (2 * root)
            out[5, i] = -t[i] * value
            out[10, i] = -phi[i] * p2
        delta, gamma, vega = out[1], out[2], out[3]
        for i in range(f.size):
            s, half = vol[i] * math.sqrt(t[i]), 1 / (2 * t[i])
            d1 = math.log(f[i] / k[i]) / s + s / 2
            d2 = d1 - s
            bent = gamma[i] * f[i] * s * d2
            out[6, i] = -bent / vol[i]
            out[7, i] = vega[i] * d1 * d2 / vol[i]
            out[8, i] = rate[i] * delta[i] + bent * half
            out[9, i] = vega[i] * (rate[i] - (1 + d1 * d2) * half)
            out[11, i] = gamma[i] * (f[i] / k[i]) * (f[i] / k[i])
        for i in range(f.size):
            s, half = vol[i] * math.sqrt(t[i]), 1 / (2 * t[i])
            d1 = math.log(f[i] / k[i]) / s + s / 2
            d2 = d1 - s
            dd = d1 * d2
            out[12, i] = -gamma[i] * (d1 / s + 1) / f[i]
            out[13, i] = gamma[i] * (dd - 1) / vol[i]
            out[14, i] = gamma[i] * (rate[i] + (1 - dd) * half)
            out[15, i] = -vega[i] / (vol[i] * vol[i]) * (dd * (1 - dd) + d1 * d1 + d2 * d2)

    _sixteen: dict[int, np.ndarray] = {}

    def numba_third(c: Columns) -> object:
        n = len(c["forward"])
        out = _sixteen.setdefault(n, np.empty((16, n)))
        _third(*c.values(), out)
        return out

    def uses_svml() -> bool:
        """Whether the machine code of the loop calls Intel's short vector math library."""
        peers.numba_loop(peers.contracts(64))
        return any("__svml_" in text for text in peers._numba_greeks.inspect_asm().values())

    name = f"numba {numba.__version__} + SVML" if uses_svml() else f"numba {numba.__version__}"
    GREEKS.append(Peer(name, peers.numba_loop))
    THIRD.append(Peer(name, numba_third, outputs=SIXTEEN))
except ImportError:
    pass

# --- py_vollib_vectorized, which puts its own functions into py_vollib when imported; else py_vollib ---


def rows(c: Columns, *names: str) -> zip[tuple[float, ...]]:
    return zip(*(c[name].tolist() for name in names), strict=True)


try:
    import py_vollib_vectorized as pvv

    def flags(c: Columns) -> np.ndarray:
        return np.where(c["phi"] > 0, "c", "p")

    def vectorized_greeks(c: Columns) -> object:
        where = (flags(c), c["spot"], c["strike"], c["years"], c["rate"], c["vol"])
        value = pvv.vectorized_black_scholes(*where, return_as="numpy")
        g = pvv.get_all_greeks(*where, model="black_scholes", return_as="dict")
        return (value, *(g[name] for name in SIX[1:]))

    def vectorized_implied(c: Columns) -> object:
        return pvv.vectorized_implied_volatility_black(
            c["price"], c["forward"], c["strike"], c["rate"], c["years"], flags(c), on_error="ignore", return_as="numpy"
        )

    name = version("py_vollib_vectorized")
    GREEKS.append(Peer(name, vectorized_greeks, "bsm", factor=PER_DAY_AND_POINT))
    IMPLIED.append(Peer(name, vectorized_implied, outputs=("vol",)))
except Exception as error:  # noqa: BLE001
    # an old library on new ones may raise anything
    MISSING["py_vollib_vectorized"] = str(error)
    if hasattr(peers, "py_vollib"):
        name = version("py_vollib")
        GREEKS.append(Peer(name, peers.py_vollib, one_by_one=True, factor=PER_DAY_AND_POINT))
        IMPLIED.append(Peer(name, peers.py_vollib_implied, outputs=("vol",), one_by_one=True))
    else:
        MISSING["py_vollib"] = peers.MISSING.get("py_vollib", "")

# --- QuantLib: a calculator for each contract, on the spot ---

try:
    import QuantLib as ql

    KIND = {1.0: ql.Option.Call, -1.0: ql.Option.Put}

    def quantlib_greeks(c: Columns) -> object:
        found = []
        for s, k, vol, t, phi, r in rows(c, "spot", "strike", "vol", "years", "phi", "rate"):
            discount = math.exp(-r * t)
            b = ql.BlackCalculator(ql.PlainVanillaPayoff(KIND[phi], k), s / discount, vol * math.sqrt(t), discount)
            found.append((b.value(), b.delta(s), b.gamma(s), b.vega(t), b.theta(s, t), b.rho(t)))
        return found

    def quantlib_implied(c: Columns) -> object:
        found = []
        for price, f, k, t, phi, r in rows(c, "price", "forward", "strike", "years", "phi", "rate"):
            try:
                s = ql.blackFormulaImpliedStdDevLiRS(
                    KIND[phi], k, f, price, math.exp(-r * t), 0.0, ql.nullDouble(), 1.0, 1e-14
                )
            except RuntimeError:
                s = math.nan
            found.append(s / math.sqrt(t))
        return found

    name = version("QuantLib")
    GREEKS.append(Peer(name, quantlib_greeks, "bsm", one_by_one=True))
    IMPLIED.append(Peer(f"{name}, LiRS", quantlib_implied, outputs=("vol",), one_by_one=True))
except ImportError as error:
    MISSING["QuantLib"] = str(error)

# --- vanilla-option-pricers: numba functions of one contract, called from a compiled loop; gamma and vega undiscounted ---

try:
    import vanilla_option_pricers as vop

    price, delta, gamma = vop.compute_bsm_vanilla_price, vop.compute_bsm_vanilla_delta, vop.compute_bsm_vanilla_gamma
    vega, theta, implied = vop.compute_bsm_vanilla_vega, vop.compute_bsm_vanilla_theta, vop.infer_bsm_implied_vol

    @numba.njit
    def _pricers(forward, strike, vol, years, phi, out):  # type: ignore[no-untyped-def]
        for i in range(forward.size):
            f, k, v, t, kind = forward[i], strike[i], vol[i], years[i], "C" if phi[i] > 0 else "P"
            out[0, i] = price(f, k, t, v, kind)
            out[1, i] = delta(t, f, k, v, kind)
            out[2, i] = gamma(t, f, k, v)
            out[3, i] = vega(t, f, k, v)
            out[4, i] = theta(t, f, k, v, kind)

    @numba.njit
    def _pricers_implied(price, forward, strike, years, phi, rate, out):  # type: ignore[no-untyped-def]
        for i in range(forward.size):
            discount = math.exp(-rate[i] * years[i])
            kind = "C" if phi[i] > 0 else "P"
            out[i] = implied(forward[i], years[i], strike[i], price[i], discount, kind, 1e-8, 0.0, 1e9)  # any vol

    _five: dict[int, np.ndarray] = {}

    def pricers_greeks(c: Columns) -> object:
        n = len(c["forward"])
        out = _five.setdefault(n, np.empty((5, n)))
        _pricers(*c.values(), out)
        return out

    def pricers_implied(c: Columns) -> object:
        out = np.empty(len(c["forward"]))
        _pricers_implied(*c.values(), out)
        return out

    name = version("vanilla-option-pricers")
    GREEKS.append(Peer(f"{name}, no rho", pricers_greeks, "black76, rate 0", SIX[:5]))
    IMPLIED.append(Peer(name, pricers_implied, outputs=("vol",)))
except (ImportError, NameError) as error:
    MISSING["vanilla-option-pricers"] = str(error)

# --- PyFENG: a model object over arrays ---

try:
    import pyfeng

    def pyfeng_greeks(c: Columns) -> object:
        f, k, vol, t, phi, rate = c.values()
        model = pyfeng.Bsm(vol, intr=rate, is_fwd=True)
        return [work(k, f, t, phi) for work in (model.price, model.delta, model.gamma, model.vega, model.theta)]

    def pyfeng_implied(c: Columns) -> object:
        price, f, k, t, phi, rate = c.values()
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return pyfeng.Bsm(0.0, intr=rate, is_fwd=True).impvol(price, k, f, t, phi)

    name = version("pyfeng")
    GREEKS.append(Peer(f"{name}, no rho", pyfeng_greeks, outputs=SIX[:5]))
    IMPLIED.append(Peer(name, pyfeng_implied, outputs=("vol",)))
except ImportError as error:
    MISSING["pyfeng"] = str(error)
