"""What do vol and its slopes cost for 10 000 options on a surface, against NumPy? How long does a smile take to fit?

    python bench/python/surface.py

Both compute vol, dvol/dstrike, dvol/dforward and d2vol/dstrike2; results are compared before anything is timed. The
NumPy line is given what helps it: expiries as indices, parameters gathered once, listed expiries only (no
interpolation).
"""

from __future__ import annotations

import platform
from collections.abc import Callable

import numpy as np

import rebalance_core as rc
from compare import medians
from rebalance_core import _core
from rebalance_core.surface import Surface, Svi, Vols, fit_spline, fit_svi

N = 10_000
YEARS = np.array([7, 14, 30, 60, 90, 120, 180, 270, 365, 730]) / 365
SMILES = [Svi(0.005 + 0.1 * t, 0.1 * np.sqrt(t), -0.3, 0.02, 0.2 * np.sqrt(t) + 0.05) for t in YEARS]


def numpy_svi(forward: np.ndarray, strike: np.ndarray, years: np.ndarray, parameters: np.ndarray) -> tuple:
    a, b, rho, m, sigma = parameters
    x = np.log(strike / forward) - m
    r = np.sqrt(x * x + sigma * sigma)
    w, slope, curvature = a + b * (rho * x + r), b * (rho + x / r), b * sigma * sigma / r**3
    vol = np.sqrt(w / years)
    half = 0.5 / (vol * years)
    dk = slope * half
    return vol, dk / strike, -dk / forward, (curvature * half - dk * dk / vol - dk) / strike**2


def main() -> None:
    random = np.random.default_rng(7)
    chosen = np.sort(random.integers(0, len(YEARS), N))
    forward = 60_000.0 * np.exp(0.02 * YEARS[chosen])
    strike = forward * np.exp(random.normal(0.0, 0.3, N))
    between = random.uniform(0.01, 2.0, N)
    surface = Surface(YEARS, SMILES)
    mixed = Surface(YEARS, [s if i % 2 else _spline(s, t) for i, (s, t) in enumerate(zip(SMILES, YEARS, strict=True))])
    parameters = np.array([[s.a, s.b, s.rho, s.m, s.sigma] for s in SMILES])[chosen].T.copy()
    years, shuffled, out = YEARS[chosen], random.permutation(N), Vols(N)
    v = surface.evaluate(forward, strike, years)
    reference = numpy_svi(forward, strike, years, parameters)
    for got, wanted in zip((v.vol, v.dvol_dstrike, v.dvol_dforward, v.d2vol_dstrike2), reference, strict=True):
        assert np.allclose(got, wanted, rtol=1e-10, atol=1e-14)

    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}")
    unsorted = (forward[shuffled], strike[shuffled], years[shuffled])
    works: dict[str, Callable[[], object]] = {
        "NumPy, SVI at listed expiries": lambda: numpy_svi(forward, strike, years, parameters)
    }
    for isa in rc.supported_isas():
        for name, on, columns in (
            ("SVI, by expiry", surface, (forward, strike, years)),
            ("SVI, shuffled", surface, unsorted),
            ("SVI, between expiries", surface, (forward, strike, between)),
            ("SVI and splines, by expiry", mixed, (forward, strike, years)),
        ):
            works[f"{isa}: {name}"] = _on(isa, on, columns, out)
    times = medians(works)
    base = times["NumPy, SVI at listed expiries"]
    print(f"\n{N} options, microseconds a call (median), and how many times faster than NumPy")
    for name, seconds in times.items():
        print(f"{name:40s} {1e6 * seconds:8.1f} {base / seconds:8.1f}")

    _core._use_isa(rc.supported_isas()[0])
    k = np.linspace(-0.6, 0.5, 25)
    mid = 0.7 + 0.8 * np.abs(k) + random.normal(0.0, 0.003, 25)
    quotes = {"bid_vol": mid - 0.015, "ask_vol": mid + 0.015}
    fits = medians(
        {"fit_svi": lambda: fit_svi(k, 0.02, **quotes), "fit_spline": lambda: fit_spline(k, 0.02, **quotes)}, 20
    )
    print("\n25 quotes of one expiry, milliseconds a fit (median)")
    for name, seconds in fits.items():
        print(f"{name:40s} {1e3 * seconds:8.2f}")


def _on(isa: str, surface: Surface, columns: tuple, out: Vols) -> Callable[[], object]:
    def work() -> object:
        _core._use_isa(isa)
        return surface.evaluate(*columns, out=out)

    return work


def _spline(smile: Svi, years: float) -> object:
    k = np.linspace(-1.0, 1.0, 25)
    return fit_spline(k, years, vol=smile.vol(k, years)).smile


if __name__ == "__main__":
    main()
