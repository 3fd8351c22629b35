"""Make the tables of known prices and Greeks: black76.csv, bsm.csv, inverse.csv.

    python tests/reference/pricing.py

Written from the textbook formulas with the two legs subtracted in 400 digits (Black 1976; Black and Scholes 1973; Merton
1973; Alexander and Imeraj 2023). Inputs are exact doubles, written in hexadecimal; results have 25 digits.

The rows cover total deviations from 1e-4 to 4, strikes from the forward out to 36 standard deviations either side
(values down to 1e-300 of the forward), rates and yields of both signs. None of this package is imported.
"""

from __future__ import annotations

import csv
import random
from pathlib import Path

import mpmath as mp
from mpmath import mpf

HERE = Path(__file__).parent
DIGITS = 400
ROWS = 400


def cdf(x: mpf) -> mpf:
    return mp.erfc(-x / mp.sqrt(2)) / 2


def density(x: mpf) -> mpf:
    return mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi)


def bsm(spot: mpf, strike: mpf, vol: mpf, years: mpf, phi: mpf, rate: mpf, dividend_yield: mpf) -> dict[str, mpf]:
    s = vol * mp.sqrt(years)
    d1 = (mp.log(spot / strike) + (rate - dividend_yield) * years) / s + s / 2
    d2 = d1 - s
    a, b = spot * mp.exp(-dividend_yield * years), strike * mp.exp(-rate * years)
    n1, p1, p2 = density(d1), cdf(phi * d1), cdf(phi * d2)
    return {
        "value": phi * (a * p1 - b * p2),
        "delta": phi * a / spot * p1,
        "gamma": a * n1 / (spot * spot * s),
        "vega": a * n1 * mp.sqrt(years),
        "theta": -a * n1 * vol / (2 * mp.sqrt(years)) - phi * rate * b * p2 + phi * dividend_yield * a * p1,
        "rho": phi * years * b * p2,
        "rho_dividend": -phi * years * a * p1,
    }


def black76(forward: mpf, strike: mpf, vol: mpf, years: mpf, phi: mpf, rate: mpf) -> dict[str, mpf]:
    zero = bsm(forward, strike, vol, years, phi, mpf(0), mpf(0))
    discount = mp.exp(-rate * years)
    out = {name: zero[name] * discount for name in ("value", "delta", "gamma", "vega", "theta")}
    out["theta"] += rate * out["value"]
    out["rho"] = -years * out["value"]
    return out


def inverse(forward: mpf, strike: mpf, vol: mpf, years: mpf, phi: mpf) -> dict[str, mpf]:
    quote = bsm(forward, strike, vol, years, phi, mpf(0), mpf(0))
    # C = V/F, C' = V'/F - V/F^2, C'' = V''/F - 2 V'/F^2 + 2 V/F^3
    v, v1, v2 = quote["value"], quote["delta"], quote["gamma"]
    first = v1 / forward - v / forward**2
    second = v2 / forward - 2 * v1 / forward**2 + 2 * v / forward**3
    return {
        "value": v / forward,
        "delta": first,
        "gamma": second,
        "vega": quote["vega"] / forward,
        "theta": quote["theta"] / forward,
        "rho": mpf(0),
        "delta_pa": forward * first,
        "gamma_pa": forward**2 * second,
    }


def contracts(n: int, seed: int) -> list[tuple[float, ...]]:
    draw = random.Random(seed)
    rows = []
    for _ in range(n):
        stddev = 10 ** draw.uniform(-4, 0.6)
        years = 10 ** draw.uniform(-5, 0.7)
        forward = 10 ** draw.uniform(-2, 6)
        z = draw.uniform(-1, 1) * draw.choice((3, 6, 36))
        strike = forward * 2.718281828459045 ** (-z * stddev)
        rates = (draw.uniform(-0.05, 0.15), draw.uniform(-0.05, 0.15))
        rows.append((forward, strike, stddev / years**0.5, years, draw.choice((1.0, -1.0)), *rates))
    return rows


def write(name: str, inputs: list[str], function: object, rows: list[tuple[float, ...]]) -> None:
    with (HERE / f"{name}.csv").open("w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        for i, row in enumerate(rows):
            result = function(*map(mpf, row[: len(inputs)]))  # type: ignore[operator]
            if i == 0:
                out.writerow([*inputs, *result])
            out.writerow([*(x.hex() for x in row[: len(inputs)]), *(mp.nstr(x, 25) for x in result.values())])


def main() -> None:
    mp.mp.dps = DIGITS
    shared = ["strike", "vol", "years", "phi"]
    write("black76", ["forward", *shared, "rate"], black76, contracts(ROWS, 1))
    write("bsm", ["spot", *shared, "rate", "dividend_yield"], bsm, contracts(ROWS, 2))
    write("inverse", ["forward", *shared], inverse, contracts(ROWS, 3))


if __name__ == "__main__":
    main()
