"""Where are american()'s values furthest from the truth?

    python tests/reference/american_search.py accurate     # or fast; some minutes
    python tests/reference/american_search.py fast --deviation 1

Draws puts with strike 1 all over the documented domain, half of them where the boundary bends (a rate below the yield
and a total deviation far above their log-ratio), and climbs from the worst by random steps of all sizes. Errors are in
units of the strike of the put or, where that is larger, of the call that it is with prices and rates exchanged (its
strike is the put's spot). `fast` is held against `accurate`, `accurate` against american.py with 112 nodes.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("NODES", "112")
os.environ.setdefault("POINTS", "160")

import numpy as np

import american as reference
from rebalance_core import pricing

Array = np.ndarray
NAMES = ("spot", "vol", "years", "rate", "dividend_yield")
LOW = np.array([0.25, 0.01, 1e-4, 0.0, -0.05])[:, None]
HIGH = np.array([4.0, 3.0, 10.0, 0.3, 0.3])[:, None]


def draw(random: np.random.Generator, n: int) -> Array:
    """Five rows: the NAMES."""
    spot, vol, years = np.exp(random.uniform(np.log(LOW[:3]), np.log(HIGH[:3]), (3, n)))
    rate, dividend_yield = random.uniform(0.0, 0.3, n), random.uniform(-0.05, 0.3, n)
    bent = random.random(n) < 0.5
    vol, years = np.where(bent, random.uniform(0.5, 3.0, n), vol), np.where(bent, random.uniform(0.5, 10.0, n), years)
    log_ratio = vol * np.sqrt(years) * np.exp(random.uniform(np.log(3e-4), np.log(0.5), n))
    dividend_yield = np.where(bent, rate * np.exp(log_ratio), dividend_yield)
    return np.clip([spot, vol, years, rate, dividend_yield], LOW, HIGH)


def error(c: Array, accuracy: str) -> tuple[Array, int]:
    """Per row, and how many were refused."""
    spot, vol, years, rate, dividend_yield = c
    g = pricing.american(spot, 1.0, vol, years, -1.0, rate, dividend_yield, accuracy=accuracy)
    if accuracy == "fast":
        exact = pricing.american(spot, 1.0, vol, years, -1.0, rate, dividend_yield, accuracy="accurate").value
    else:
        chunks = range(0, c.shape[1], 16)
        exact = np.concatenate([reference.put(*c[:, i : i + 16])[0] for i in chunks])
    wrong = np.abs(g.value - exact) * np.maximum(1.0, 1.0 / spot)
    return np.where(np.isfinite(wrong), wrong, 0.0), int(np.count_nonzero(g.status))


def neighbours(random: np.random.Generator, c: Array) -> Array:
    n = c.shape[1]
    step = random.normal(size=c.shape) * (random.random(c.shape) < 0.5) * random.choice([0.3, 0.03, 0.003], n)
    gap = c[4] - c[3]
    near = c.copy()
    near[:4] *= np.exp(step[:4])
    near[4] = near[3] + gap * np.exp(step[4])
    return np.clip(near, LOW, HIGH)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("accuracy", choices=("fast", "accurate"))
    arguments.add_argument("--draws", type=int)
    arguments.add_argument("--rounds", type=int, default=20)
    arguments.add_argument("--deviation", type=float, default=10.0, help="the largest vol sqrt(years)")
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()
    random = np.random.default_rng(options.seed)
    draws = options.draws or {"fast": 20_000, "accurate": 512}[options.accuracy]
    climbers = max(16, draws // 16)

    def allowed(c: Array) -> Array:
        return c[1] * np.sqrt(c[2]) <= options.deviation

    c = draw(random, draws)
    c = c[:, allowed(c)]
    wrong, refused = error(c, options.accuracy)
    looked_at = c.shape[1]
    best = np.argsort(-wrong)[:climbers]
    c, wrong = c[:, best], wrong[best]
    print(f"{looked_at} draws: {wrong[0]:.2e}, {refused} refused", *c[:, 0].tolist(), flush=True)
    for _ in range(options.rounds):
        near = neighbours(random, c)
        near = np.where(allowed(near), near, c)
        found, more = error(near, options.accuracy)
        refused, looked_at = refused + more, looked_at + c.shape[1]
        better = found > wrong
        c, wrong = np.where(better, near, c), np.where(better, found, wrong)
        order = np.argsort(-wrong)
        order[len(order) // 2 :] = order[: len(order) - len(order) // 2]
        c, wrong = c[:, order], wrong[order]
    print(f"{looked_at} looked at: {wrong[0]:.2e}, {refused} refused", dict(zip(NAMES, c[:, 0].tolist(), strict=True)))


if __name__ == "__main__":
    main()
