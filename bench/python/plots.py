"""The pictures of docs/pricing.md: where errors are, and what an option costs by the size of the batch.

    python bench/python/plots.py        # writes docs/images/accuracy.png and docs/images/speed.png

Needs matplotlib and what the extra `bench` installs. Errors are judged by tests/reference/greeks.py; times are medians in
turns, as in compare.py.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests/reference"))

import greeks as reference
import peers
import rebalance_core as rc
from compare import medians
from rebalance_core import _core, pricing

NAMES = ("value", "delta", "vega", "volga")


def errors(n: int = 1_500, seed: int = 5) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Standardised moneyness, total deviation, and the error of each Greek in units of attainable error."""
    random = np.random.default_rng(seed)
    deviation, standard = np.exp(random.uniform(np.log(1e-4), np.log(30.0), n)), random.uniform(-30.0, 30.0, n)
    years = np.exp(random.uniform(-5.0, 2.0, n))
    forward, strike = 100.0 * np.exp(np.clip(standard * deviation, -200, 200)), np.full(n, 100.0)
    columns = (forward, strike, deviation / np.sqrt(years), years, random.choice([-1.0, 1.0], n), np.full(n, 0.03))
    ours = pricing.black76(*columns, order=3)
    found = {name: np.zeros(n) for name in NAMES}
    for i, row in enumerate(zip(*(c.tolist() for c in columns), strict=True)):
        exact = reference.exact("black76", row)
        for name in NAMES:
            value, unit = exact[name]
            if abs(value) > 1e-290:
                found[name][i] = float(abs(float(getattr(ours, name)[i]) - value) / unit)
    return standard, deviation, found


def draw_accuracy(path: Path) -> None:
    standard, deviation, found = errors()
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
    for name, error in found.items():
        axes[0].plot(standard, error, ".", ms=2.5, label=name)
        axes[1].semilogx(deviation, error, ".", ms=2.5, label=name)
    axes[0].set(
        xlabel="ln(forward / strike) / (vol sqrt(years))", ylabel="error, units of attainable error", ylim=(0, 17)
    )
    axes[1].set(xlabel="vol sqrt(years)")
    for axis in axes:
        axis.axhline(16, color="k", lw=0.8, ls="--")
    axes[1].legend(markerscale=4)
    figure.suptitle("Black-76, order 3: errors against moneyness and total deviation; the promise is 16")
    figure.savefig(path, dpi=110)


def draw_speed(path: Path) -> None:
    sizes = [1, 10, 100, 1_000, 10_000, 100_000]
    lines: dict[str, list[float]] = {}
    for n in sizes:
        columns = peers.contracts(n)
        out = pricing.Greeks((n,))
        works: dict[str, Callable[[], object]] = {}
        for isa in rc.supported_isas():

            def ours(isa: str = isa, columns: peers.Columns = columns, out: pricing.Greeks = out) -> None:
                _core._use_isa(isa)
                pricing.black76(**columns, out=out)

            works[f"rebalance_core, {isa}"] = ours
        for name, peer in peers.PEERS.items():
            if name not in peers.ONE_BY_ONE:
                works[name] = lambda peer=peer, columns=columns: peer(columns)
        for name, seconds in medians(works, rounds=15).items():
            lines.setdefault(name, []).append(seconds / n * 1e9)
    figure, axis = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for name, ns in lines.items():
        axis.loglog(sizes, ns, "o-", ms=3, label=name)
    axis.set(xlabel="options in one call", ylabel="ns per option", title="Value and five Greeks, Black-76, one core")
    axis.grid(which="both", alpha=0.3)
    axis.legend()
    figure.savefig(path, dpi=110)
    _core._use_isa(rc.supported_isas()[0])


if __name__ == "__main__":
    images = ROOT / "docs/images"
    images.mkdir(exist_ok=True)
    draw_accuracy(images / "accuracy.png")
    draw_speed(images / "speed.png")
