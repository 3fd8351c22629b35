"""American options by another road than the kernel's, and the table american.csv.

    python tests/reference/american.py        # some five minutes
    NODES=144 POINTS=192 python tests/reference/american.py worst  # WORST in tests/python/test_american.py

The boundary solves the equation of value matching, V(B) = K - B, in the fixed point form "B" of Andersen, Lake and
Offengenden (2016), iterated until nothing moves; the kernel solves smooth pasting by Newton's method. Integrals are
double exponential with POINTS points, the boundary is a polynomial of degree NODES in (time)^(1/6), and no horizon is cut
off. Greeks are central differences of eighth order of the value, theta those in time: nothing is taken from an
analytic derivative or from the pricing equation.
"""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path

import numpy as np
from scipy.special import ndtr

Array = np.ndarray
HERE = Path(__file__).parent
NODES, POINTS = int(os.environ.get("NODES", "72")), int(os.environ.get("POINTS", "128"))
POWER, SPAN = 6, 3.6
ROWS = 64

INPUTS = ("spot", "strike", "vol", "years", "phi", "rate", "dividend_yield")


def double_exponential(points: int) -> tuple[Array, Array, Array]:
    """Position, one minus position, and weight on (0, 1)."""
    k = np.linspace(-SPAN, SPAN, points)
    u = np.pi * np.sinh(k)
    low, high = 1 / (1 + np.exp(-u)), 1 / (1 + np.exp(u))
    weight = np.cosh(k) * low * high
    return low, high, weight / weight.sum()


def lagrange(nodes: Array, x: Array) -> Array:
    """Values at x, last axis by node, in the barycentric form."""
    w = np.array([1 / np.prod(4 * np.delete(node - nodes, i)) for i, node in enumerate(nodes)])
    gap = x[..., None] - nodes
    exact = np.abs(gap) < 1e-300
    terms = w / np.where(exact, 1.0, gap)
    values = terms / terms.sum(-1, keepdims=True)
    hit = exact.any(-1)
    values[hit] = exact[hit]
    return values


STEP, REST, WEIGHT = double_exponential(POINTS)
XI = np.concatenate([[0.0], np.sin(np.pi * np.arange(1, NODES + 1) / (2 * NODES)) ** 2])
AT = lagrange(XI, XI[1:, None] * REST ** (1 / POWER))[..., 1:]
AT_EXPIRY_DATE = AT[-1]


def limit(rate: Array, dividend_yield: Array) -> Array:
    """The boundary just before expiry, strike 1."""
    below = rate < dividend_yield
    return np.where(below, rate / np.where(below, dividend_yield, 1.0), 1.0)


def boundary(vol: Array, years: Array, rate: Array, dividend_yield: Array) -> Array:
    """-ln(B / B(0)) of puts with strike 1 at the nodes, shape (options, nodes)."""
    vol, years, r, q = (x[:, None] for x in (vol, years, rate, dividend_yield))
    tau = years * XI[1:] ** POWER
    s, log_limit = vol * np.sqrt(tau), np.log(limit(r, q))
    b = 0.8 * s / (1 + s)
    t, w = tau[..., None] * STEP, tau[..., None] * WEIGHT
    st = vol[..., None] * np.sqrt(t)
    drift = (r - q)[..., None] * t
    r_discount, q_discount = w * r[..., None] * np.exp(-r[..., None] * t), w * q[..., None] * np.exp(-q[..., None] * t)
    for _ in range(200):
        past = np.maximum(np.einsum("ijk,mk->mij", AT, b), 0.0)
        x = (past - b[..., None] + drift) / st
        d = (log_limit - b + (r - q) * tau) / s
        top = np.exp(-r * tau) * ndtr(d - s / 2) + (r_discount * ndtr(x - st / 2)).sum(-1)
        bottom = np.exp(-q * tau) * ndtr(d + s / 2) + (q_discount * ndtr(x + st / 2)).sum(-1)
        new = log_limit - np.log(top / bottom)
        new = np.where(np.isfinite(new) & (new > 0), new, b / 2)
        moved, b = np.max(np.abs(new - b) / new[:, -1:]), new
        if moved < 3e-13:
            break
    return b


def put(spot: Array, vol: Array, years: Array, rate: Array, dividend_yield: Array) -> tuple[Array, Array]:
    """Value and boundary of American puts with strike 1."""
    b = boundary(vol, years, rate, dividend_yield)
    r, q, v = rate[:, None], dividend_yield[:, None], vol[:, None]
    edge = limit(rate, dividend_yield) * np.exp(-b[:, -1])
    low, high, weight = double_exponential(400)
    past = np.maximum(b @ lagrange(XI, high ** (1 / POWER))[:, 1:].T, 0.0)
    t, w = years[:, None] * low, years[:, None] * weight
    st = v * np.sqrt(t)
    x = (np.log(spot / limit(rate, dividend_yield))[:, None] + past + (r - q) * t) / st
    premium = (
        w * (r * np.exp(-r * t) * ndtr(-(x - st / 2)) - q * spot[:, None] * np.exp(-q * t) * ndtr(-(x + st / 2)))
    ).sum(-1)
    s = vol * np.sqrt(years)
    d = (np.log(spot) + (rate - dividend_yield) * years) / s
    european = np.exp(-rate * years) * ndtr(-(d - s / 2)) - spot * np.exp(-dividend_yield * years) * ndtr(-(d + s / 2))
    return np.where(spot <= edge, 1 - spot, european + premium), edge


def american(c: dict[str, Array], chunk: int = 20) -> tuple[Array, Array]:
    """Value and boundary; calls by exchanging prices and rates."""
    call = c["phi"] > 0
    own, other = np.where(call, c["spot"], c["strike"]), np.where(call, c["strike"], c["spot"])
    r = np.where(call, c["dividend_yield"], c["rate"])
    q = np.where(call, c["rate"], c["dividend_yield"])
    parts = [
        put(*(x[i : i + chunk] for x in (other / own, c["vol"], c["years"], r, q))) for i in range(0, len(own), chunk)
    ]
    value, edge = (np.concatenate(column) for column in zip(*parts, strict=True))
    return own * value, np.where(call, c["strike"] / edge, c["strike"] * edge)


#: Eighth-order central differences: offsets 1 to 4, first and second derivative.
FIRST = (4 / 5, -1 / 5, 4 / 105, -1 / 280)
SECOND = (8 / 5, -1 / 5, 8 / 315, -1 / 560)


def greeks(c: dict[str, Array]) -> dict[str, Array]:
    """Value, boundary and Greeks; the steps must not cross the boundary."""
    value, edge = american(c)
    out = {"value": value, "boundary": edge}
    # relative steps, four of which stay on this side of the boundary
    room = np.abs(np.log(c["spot"] / edge)) / (10 + 10 * np.abs(np.log(edge / c["strike"])))
    per_rate = c["vol"] / np.sqrt(c["years"])
    size = {
        "spot": c["spot"] * np.minimum(room, np.minimum(0.01, 0.04 * c["vol"] * np.sqrt(c["years"]))),
        "vol": c["vol"] * np.minimum(room, 0.02),
        "years": c["years"] * np.minimum(room, 0.02),
        "rate": np.minimum(np.abs(c["rate"]), per_rate) * np.minimum(room, 0.01),
        "dividend_yield": np.minimum(np.abs(c["dividend_yield"]), per_rate) * np.minimum(room, 0.01),
    }
    names = {"spot": "delta", "vol": "vega", "years": "theta", "rate": "rho", "dividend_yield": "rho_dividend"}
    for argument, name in names.items():
        h = size[argument]
        first, second = 0.0, -205 / 72 * value
        for k in range(1, 5):
            (up, above), (down, below) = (american({**c, argument: c[argument] + sign * k * h}) for sign in (1, -1))
            alive = [c["phi"] * (c["spot"] - e) < 0 for e in (edge, above, below)]
            if argument != "spot" and not (np.all(alive[1] == alive[0]) and np.all(alive[2] == alive[0])):
                raise ValueError(f"a step in {argument} crosses the boundary")
            first = first + FIRST[k - 1] * (up - down)
            second = second + SECOND[k - 1] * (up + down)
        out[name] = -first / h if argument == "years" else first / h
        if argument == "spot":
            out["gamma"] = second / h**2
    return out


def contracts(n: int, seed: int) -> dict[str, Array]:
    """The documented domain, where the reference's steps stay on one side of the boundary."""
    random = np.random.default_rng(seed)
    c = {
        "spot": np.full(n, 100.0),
        "strike": 100.0 * np.exp(random.uniform(np.log(0.25), np.log(4.0), n)),
        "vol": np.exp(random.uniform(np.log(0.01), np.log(3.0), n)),
        "years": np.exp(random.uniform(np.log(1e-4), np.log(10.0), n)),
        "phi": random.choice([-1.0, 1.0], n),
        "rate": random.uniform(1e-3, 0.3, n),
        "dividend_yield": random.uniform(1e-3, 0.3, n),
    }
    own = np.where(c["phi"] > 0, "rate", "dividend_yield")
    kind = random.integers(0, 5, n)
    for i in range(n):  # yields below 0, and close to the rate
        first = "dividend_yield" if own[i] == "rate" else "rate"
        if kind[i] == 0:
            c[own[i]][i] = random.uniform(-0.05, -1e-3)
        if kind[i] == 1:
            c[own[i]][i] = c[first][i] * np.exp(0.02 * random.normal())
    # three of four around the money, on the living side of the boundary
    _, edge = american(c)
    near = random.random(n) < 0.75
    s = c["vol"] * np.sqrt(c["years"])
    away = np.exp(c["phi"] * -1 * (0.1 + 2 * np.abs(random.normal(size=n))) * s)
    spot = np.where(near, np.clip(edge * away, 25.0 * c["strike"] / 100, 4 * c["strike"]), c["spot"])
    c["spot"] = spot
    return c


def worst() -> None:
    """Where the kernel's errors are largest: spot, vol, years, rate and yield of puts with strike 1."""
    rows = np.array(
        [
            (0.25, 3.0, 9.84459611187282, 0.2965015523403319, 0.29864923599138715),
            (0.25, 3.0, 9.482886319643146, 0.28971156139608256, 0.291665029166754),
            (0.2533193875570136, 1.2764167631709338, 10.0, 0.17749865759118197, 0.3),
            (0.26464, 2.8317, 9.4505, 0.19358, 0.24099),
            (0.26743, 2.7983, 9.0984, 0.05492, 0.12326),
        ]
    )
    for row, value in zip(rows, put(*rows.T)[0], strict=True):
        print(*row.tolist(), f"{value:.14f}")


def main() -> None:
    c = contracts(ROWS, 1)
    results = greeks(c)
    with (HERE / "american.csv").open("w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow([*INPUTS, *results])
        for i in range(ROWS):
            out.writerow(
                [*(c[name][i].hex() for name in INPUTS), *(f"{column[i]:.15g}" for column in results.values())]
            )


if __name__ == "__main__":
    worst() if sys.argv[1:] == ["worst"] else main()
