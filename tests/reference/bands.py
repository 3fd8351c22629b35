"""Exact local bands, no-trade regions and trigger matrices; makes bands.csv, no_trade_region.csv, trigger_matrix.csv.

    python tests/reference/bands.py

Every input is taken as the exact double that it is. What is solved is the problem as the papers state it, not the form in
which the kernel solves it:

bands            k^3 beta / l^4 = (1 - t)^9 (1 + t)^3 / (64 t^4 (1 + t)^4) for t = b / a by bisection on ln(t / (1 - t)),
                 then a = (l / (beta t (1 + t)))^(1/3), and the statistics from a and b by their definitions
no_trade_region  the gap lambda from w(ln(u / l)) = pi+ where w' = -(1 - g) w^2 - (2 mu / sigma^2 - 1) w + g pi- pi+ and
                 w(0) = pi-: the time from pi- to pi+ by quadrature
trigger_matrix   tr(V M) M + 2 M V M = C / (4 k) as three equations for the three entries, by Newton's method

with so many digits that what cancels does not matter, and checked by putting the roots back.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mpmath as mp
from mpmath import mpf

HERE = Path(__file__).parent
DIGITS = 25  # in the tables
DIGITS_INSIDE = 50
ROWS = 100  # of each kind


def text(x: Any) -> str:
    return mp.nstr(x, DIGITS, min_fixed=1, max_fixed=1) if mp.isfinite(x) else "inf"


# --- bands ---


def roots(s2: mpf, c: mpf, l: mpf, k: mpf) -> tuple[mpf, mpf]:
    """Trigger and destination."""
    beta = c / (3 * s2)
    if k == 0:
        a = mp.cbrt(l / (2 * beta))
        return a, a
    if l == 0:
        return mp.root(4 * k / beta, 4), mpf(0)
    wanted = k**3 * beta / l**4

    def ratio(t: mpf, rest: mpf) -> mpf:  # rest = 1 - t
        return rest**9 * (1 + t) ** 3 / (64 * t**4 * (1 + t) ** 4)

    low, high = mpf(-2500), mpf(2500)  # ln(t / (1 - t)); the ratio falls in it
    for _ in range(4 * DIGITS_INSIDE + 20):
        middle = (low + high) / 2
        t = 1 / (1 + mp.exp(-middle))
        if ratio(t, 1 / (1 + mp.exp(middle))) > wanted:
            low = middle
        else:
            high = middle
    t, rest = 1 / (1 + mp.exp(-middle)), 1 / (1 + mp.exp(middle))
    a = mp.cbrt(l / (beta * t * (1 + t)))
    b = t * a
    assert abs(beta * a * b * (a + b) / l - 1) < 1e-40
    assert abs(beta * (rest * a) ** 3 * (a + b) / (4 * k) - 1) < 1e-40, (s2, c, l, k)
    return a, b


def band(row: list[float]) -> list[mpf]:
    mp.mp.dps = DIGITS_INSIDE
    s2, c, l, k = map(mpf, row)
    # a - b is taken from a and b: as many more digits as may cancel
    mp.mp.dps = DIGITS_INSIDE + 500
    a, b = roots(s2, c, l, k)
    trades = mp.inf if k == 0 else s2 / (a * a - b * b)
    fixed = mpf(0) if k == 0 else k * trades
    return [a, b, (a * a + b * b) / 6, s2 / (a + b), trades, c * (a * a + b * b) / 12 + l * s2 / (a + b) + fixed]


def problems() -> Iterator[tuple[str, list[float]]]:
    draw = random.Random("bands 1")

    def tens(low: float, high: float) -> float:
        return float(10 ** draw.uniform(low, high))

    for _ in range(ROWS):
        yield "ordinary", [tens(-6, 4), tens(-6, 4), tens(-6, 4), tens(-6, 4)]
    for _ in range(ROWS):  # the ratio k^3 beta / l^4 from 1e-300 to 1e300
        s2, c, l = tens(-3, 3), tens(-3, 3), tens(-3, 3)
        k = mp.cbrt(mpf(10) ** draw.uniform(-300, 300) * mpf(l) ** 4 * 3 * mpf(s2) / mpf(c))
        yield "ratio", [s2, c, l, float(k)]
    for _ in range(ROWS):  # both costs weigh alike: neither limit is near
        s2, c, l = tens(-30, 30), tens(-30, 30), tens(-30, 30)
        k = mp.cbrt(mpf(10) ** draw.uniform(-3, 1) * mpf(l) ** 4 * 3 * mpf(s2) / mpf(c))
        yield "alike", [s2, c, l, float(k)]
    for _ in range(ROWS):
        yield "wide", [tens(-75, 75), tens(-75, 75), tens(-75, 75), tens(-75, 75)]
    for _ in range(ROWS):  # past what products of doubles hold
        yield "huge", [tens(-307, 307), tens(-307, 307), tens(-307, 307), tens(-307, 307)]
    for _ in range(ROWS // 2):
        yield "no fixed cost", [tens(-20, 20), tens(-20, 20), tens(-20, 20), 0.0]
        yield "no linear cost", [tens(-20, 20), tens(-20, 20), 0.0, tens(-20, 20)]
    yield "worked", [0.2, 3.0, 0.5, 2.0]


BAND_INPUTS = ("variance_rate", "penalty", "linear_cost", "fixed_cost")
BAND_OUTPUTS = ("trigger", "destination", "mean_square", "turnover", "trades_per_year", "cost_rate")

# --- no-trade region ---


def region(row: list[float]) -> list[mpf]:
    mp.mp.dps = DIGITS_INSIDE
    mu, sigma, g, eps = map(mpf, row)
    unit = g * sigma**2

    def slack(gap: mpf) -> mpf:
        lower, upper = (mu - gap) / unit, (mu + gap) / unit
        time = mp.quad(
            lambda w: 1 / (-(1 - g) * w * w - (2 * mu / sigma**2 - 1) * w + g * lower * upper),
            mp.linspace(lower, upper, 9),
        )
        ratio = (mu + gap) * (mu - gap - unit) / ((mu - gap) * (mu + gap - unit) * (1 - eps))
        return time - mp.log(ratio)

    target = mu / unit
    start = unit * mp.cbrt(3 / (4 * g) * (target * (1 - target)) ** 2 * eps)
    gap = mp.findroot(slack, (start, start * mpf("0.99")), tol=mpf(10) ** -70, maxsteps=60)
    assert abs(slack(gap)) < mpf(10) ** -45
    assert gap > 0
    return [(mu - gap) / unit, (mu + gap) / unit, gap]


def markets() -> Iterator[list[float]]:
    draw = random.Random("regions 1")
    yield [0.08, 0.16, 5.0, 0.01]
    n = 0
    while n < 60:
        sigma, g = draw.uniform(0.1, 1.0), 10 ** draw.uniform(-0.3, 1.3)
        target = draw.uniform(0.05, 0.95) if n % 3 else draw.uniform(1.1, 3.0)
        mu, eps = target * g * sigma**2, 10 ** draw.uniform(-9, -0.7)
        room = min(target, abs(1 - target))
        if (3 / (4 * g) * (target * (1 - target)) ** 2 * eps) ** (1 / 3) < 0.6 * room:
            n += 1
            yield [mu, sigma, g, eps]


# --- trigger matrix ---


def matrix(row: list[float]) -> list[mpf]:
    mp.mp.dps = DIGITS_INSIDE
    v11, v12, v22, c11, c12, c22, k = map(mpf, row)

    def equations(m11: mpf, m12: mpf, m22: mpf) -> list[mpf]:
        v, c, m = (mp.matrix([[x, y], [y, z]]) for x, y, z in ((v11, v12, v22), (c11, c12, c22), (m11, m12, m22)))
        vm = v * m
        left = (vm[0, 0] + vm[1, 1]) * m + 2 * m * vm - c / (4 * k)
        return [left[0, 0], left[0, 1], left[1, 1]]

    starts = [mp.sqrt(c11 / (16 * k * v11)), mpf(0), mp.sqrt(c22 / (16 * k * v22))]
    m = mp.findroot(equations, starts, tol=mpf(10) ** -60, maxsteps=100)
    assert m[0] > 0
    assert m[0] * m[2] > m[1] ** 2
    return [m[0], m[1], m[2], 2 * k * (v11 * m[0] + 2 * v12 * m[1] + v22 * m[2])]


def batches() -> Iterator[list[float]]:
    draw = random.Random("matrices 1")
    for _ in range(40):
        row: list[float] = []
        for _ in range(2):
            a, b = 10 ** draw.uniform(-2, 1), 10 ** draw.uniform(-2, 1)
            row += [a, draw.uniform(-0.95, 0.95) * (a * b) ** 0.5, b]
        yield [*row, 10 ** draw.uniform(-4, 2)]


def main() -> None:
    def table(name: str, header: list[str], rows: Iterator[list[str]]) -> None:
        with (HERE / name).open("w", newline="") as file:
            out = csv.writer(file, lineterminator="\n")
            out.writerow(header)
            out.writerows(rows)

    table(
        "bands.csv",
        ["kind", *BAND_INPUTS, *BAND_OUTPUTS],
        ([kind, *(x.hex() for x in row), *map(text, band(row))] for kind, row in problems()),
    )
    table(
        "no_trade_region.csv",
        ["mean", "vol", "risk_aversion", "spread", "lower", "upper", "gap"],
        ([*(x.hex() for x in row), *map(text, region(row))] for row in markets()),
    )
    table(
        "trigger_matrix.csv",
        ["v11", "v12", "v22", "c11", "c12", "c22", "fixed_cost", "m11", "m12", "m22", "cost_rate"],
        ([*(x.hex() for x in row), *map(text, matrix(row))] for row in batches()),
    )


if __name__ == "__main__":
    main()
