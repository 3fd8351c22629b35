"""Exact results of sizing rules for double inputs; makes the tables cppi_gap.csv, aim.csv, schedule.csv, risk_budget.csv.

    python tests/reference/rules.py

Inputs are exact doubles, written in hexadecimal; results have 25 digits, worked out with 60. Nothing of this package is
imported, and each result comes from the definition rather than from the closed form that the package uses:

cppi_gap     The cushion of a discrete CPPI is followed through its steps. One step's probability and means are integrals
             of the lognormal density of S'/S, done numerically; the chain over the steps is a plain loop.
aim          The matrix equations of Garleanu and Pedersen (2013) for the value function, by value iteration from 0.
schedule     The n - 1 linear first-order conditions of Almgren and Chriss (2001), solved as a linear system.
risk_budget  y_i (S y)_i = b_i by Newton's method on the logarithms of y, from ones.
"""

from __future__ import annotations

import csv
import itertools
import random
from collections.abc import Iterable
from pathlib import Path

import mpmath as mp

HERE = Path(__file__).parent
mp.mp.dps = 60


def text(x: mp.mpf) -> str:
    return mp.nstr(x, 25)


def write(name: str, header: list[str], rows: Iterable[list[str]]) -> None:
    with (HERE / f"{name}.csv").open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(header)
        table.writerows(rows)


def gap_row(m: float, s: float, dt: float, n: int, mu: float, r: float) -> list[str]:
    em, es, edt, emu, er = map(mp.mpf, (m, s, dt, mu, r))
    deviation = es * mp.sqrt(edt)
    mean = (emu - er - es**2 / 2) * edt
    edge = (mp.log((em - 1) / em) - mean) / deviation  # below it a step goes through the floor

    def over(low: mp.mpf, high: mp.mpf, what: object) -> mp.mpf:
        """The mean of something of the discounted ratio e^{mean + deviation z}, z between two bounds."""
        cuts = sorted({low, high, *(z for z in map(mp.mpf, range(-60, 61, 2)) if low < z < high)})
        # In units of the density at the end nearest to the middle: quad stops at an absolute error.
        unit = mp.npdf(min(max(low, 0), high))
        return unit * mp.quad(lambda z: what(mp.exp(mean + deviation * z)) * mp.npdf(z) / unit, cuts)

    ends = mp.mpf(-38), mp.mpf(38)
    per_step = over(min(edge, ends[0]) - 10, edge, lambda _: mp.mpf(1))
    up = over(edge, ends[1], lambda ratio: em * ratio - (em - 1))
    down = over(min(edge, ends[0]) - 10, edge, lambda ratio: em * ratio - (em - 1))
    alive, whole, loss = mp.mpf(1), mp.mpf(1), mp.mpf(0)
    for _ in range(n):
        loss -= alive * down
        alive *= up
    with mp.workdps(1000):  # 1 less next to nothing, and back
        for _ in range(n):
            whole *= 1 - per_step
        broken = 1 - whole
    results = [per_step, broken, alive - loss, loss]
    return [*[float(x).hex() for x in (m, s, dt, n, mu, r)], *map(text, results)]


def cppi_gap() -> None:
    rng = random.Random(41)
    rows = [gap_row(5.0, 0.3, 1 / 12, 60, 0.1, 0.03)]
    for _ in range(30):
        m, s = rng.uniform(1.2, 8.0), rng.uniform(0.1, 1.2)
        rows.append(
            gap_row(m, s, rng.choice([1 / 12, 1 / 52, 1 / 365]), rng.randint(1, 400), rng.uniform(-0.2, 0.4), 0.03)
        )
    header = ["multiplier", "vol", "interval_years", "steps", "drift", "rate"]
    write("cppi_gap", [*header, "per_step", "over_life", "expected_cushion", "expected_loss"], rows)


def covariance(rng: random.Random, n: int, scale: float) -> list[list[float]]:
    """A symmetric positive definite matrix of exact doubles."""
    a = [[rng.gauss(0, 1) for _ in range(n + 1)] for _ in range(n)]
    full = [
        [scale * (sum(x * y for x, y in zip(a[i], a[j], strict=True)) + (i == j)) for j in range(n)] for i in range(n)
    ]
    return [[full[max(i, j)][min(i, j)] for j in range(n)] for i in range(n)]


def flat(a: list[list[float]]) -> list[str]:
    return [x.hex() for row in a for x in row]


def names(stem: str, rows: int, columns: int) -> list[str]:
    return [f"{stem}{i}{j}" for i in range(rows) for j in range(columns)]


def aim() -> None:
    rng = random.Random(42)
    n, k = 3, 2
    rows = []
    for _ in range(12):
        s, cost = covariance(rng, n, 0.01), covariance(rng, n, rng.choice([0.001, 0.05, 1.0]))
        b = [[rng.gauss(0, 0.01) for _ in range(k)] for _ in range(n)]
        phi = [[rng.uniform(0.05, 0.9) if i == j else rng.uniform(-0.05, 0.05) for j in range(k)] for i in range(k)]
        g, rho = rng.uniform(0.5, 10), rng.choice([0.0, 0.02, 0.2])
        es, ecost, eb, ephi = map(mp.matrix, (s, cost, b, phi))
        kept, stay = 1 - mp.mpf(rho), mp.eye(k) - ephi
        a = mp.zeros(n)
        for _ in range(100_000):
            new = ecost - ecost * mp.inverse(ecost + kept * (mp.mpf(g) * es + a)) * ecost
            done = mp.mnorm(new - a, 1) <= mp.mpf(10) ** -50 * mp.mnorm(new, 1)
            a = new
            if done:
                break
        weight = ecost * mp.inverse(ecost + kept * (mp.mpf(g) * es + a)) * kept
        af = mp.zeros(n, k)
        for _ in range(100_000):
            new = weight * (eb + af * stay)
            done = mp.mnorm(new - af, 1) <= mp.mpf(10) ** -50 * mp.mnorm(new, 1)
            af = new
            if done:
                break
        rate, target = mp.inverse(ecost) * a, mp.inverse(a) * af
        results = [text(rate[i, j]) for i in range(n) for j in range(n)]
        results += [text(target[i, j]) for i in range(n) for j in range(k)]
        rows.append([*flat(s), *flat(cost), *flat(b), *flat(phi), g.hex(), rho.hex(), *results])
    header = [*names("s", n, n), *names("l", n, n), *names("b", n, k), *names("p", k, k), "g", "rho"]
    write("aim", [*header, *names("rate", n, n), *names("aim", n, k)], rows)


def schedule() -> None:
    rng = random.Random(43)
    cases = [(1e6, 5.0, 5, 0.95, 2.5e-6, 2.5e-7, 0.0625, 1e-6)]
    for risk in (0.0, 1e-300, 1e-30, 1e-18, 1e-12, 1e-8, 1e-6, 1e-4, 1e-2, 1.0, 1e4):
        x, n = rng.choice([1e6, -2.5e4, 3.0]), 6
        cases.append(
            (x, rng.uniform(0.1, 10), n, rng.uniform(0.1, 3), rng.uniform(1e-6, 1e-5), rng.uniform(0, 1e-7), 0.01, risk)
        )
    rows = []
    for x, span, n, vol, temporary, permanent, spread, risk in cases:
        ex, espan, evol, et, ep, eps, er = map(mp.mpf, (x, span, vol, temporary, permanent, spread, risk))
        tau = espan / n
        eta = et - ep * tau / 2
        # x_{j-1} - 2 x_j + x_{j+1} = tau^2 risk vol^2 / eta x_j with x_0 = X and x_n = 0
        q = tau**2 * er * evol**2 / eta
        mp.mp.dps = 60
        system, right = mp.zeros(n - 1), mp.zeros(n - 1, 1)
        for j in range(n - 1):
            system[j, j] = 2 + q
            if j:
                system[j, j - 1] = system[j - 1, j] = -1
        right[0] = ex
        inner = mp.lu_solve(system, right)
        held = [ex, *inner, mp.mpf(0)]
        sold = [a - b for a, b in itertools.pairwise(held)]
        cost = ep * ex**2 / 2 + eps * abs(ex) + eta / tau * mp.fsum(t**2 for t in sold)
        variance = evol**2 * tau * mp.fsum(h**2 for h in held[1:])
        kappa = mp.acosh(1 + q / 2) / tau
        if q < mp.mpf(10) ** -25:  # 1 + q / 2 has lost it
            kappa = mp.sqrt(q) / tau
        given = [float(v).hex() for v in (x, span, n, vol, temporary, permanent, spread, risk)]
        for j in range(n):
            rows.append([*given, float(j).hex(), *map(text, (kappa, held[j], sold[j], cost, variance))])
    header = ["quantity", "horizon", "steps", "vol", "temporary", "permanent", "half_spread", "risk_aversion", "j"]
    write("schedule", [*header, "kappa", "holding", "trade", "cost", "variance"], rows)


def risk_budget() -> None:
    rng = random.Random(44)
    n = 4
    rows = []
    for case in range(20):
        s = covariance(rng, n, 0.01)
        raw = [1.0] * n if case % 2 else [rng.uniform(0.01, 1) for _ in range(n)]
        es = mp.matrix(s)
        total = mp.fsum(map(mp.mpf, raw))
        b = [mp.mpf(x) / total for x in raw]
        z = [mp.mpf(0)] * n  # ln y; the function is convex in it, so damped steps arrive
        for _ in range(500):
            y = [mp.exp(v) for v in z]
            risk = [mp.fsum(es[i, j] * y[j] for j in range(n)) for i in range(n)]
            gradient = mp.matrix([y[i] * risk[i] - b[i] for i in range(n)])
            hessian = mp.matrix(
                [[y[i] * es[i, j] * y[j] + (b[i] if i == j else 0) for j in range(n)] for i in range(n)]
            )
            step = mp.lu_solve(hessian, gradient)
            size = max(abs(v) for v in step)
            scale = min(mp.mpf(1), mp.mpf("0.5") / size) if size else 1
            z = [v - mp.log1p(scale * d) if scale < 1 else v - d for v, d in zip(z, step, strict=True)]
            if max(abs(v) for v in gradient) < mp.mpf(10) ** -50:
                break
        else:
            raise ArithmeticError(f"case {case} has not converged")
        y = [mp.exp(v) for v in z]
        rows.append([*flat(s), *[x.hex() for x in raw], *[text(v / mp.fsum(y)) for v in y]])
    write("risk_budget", [*names("s", n, n), *[f"b{i}" for i in range(n)], *[f"w{i}" for i in range(n)]], rows)


if __name__ == "__main__":
    cppi_gap()
    aim()
    schedule()
    risk_budget()
