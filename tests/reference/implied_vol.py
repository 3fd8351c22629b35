"""Exact implied vols of double prices; makes the table implied_vol.csv.

    python tests/reference/implied_vol.py

Every input is taken as the exact double that it is, the price as well, so each row has one exact vol. It is found by
bisection and Newton's method on the out-of-the-money value, in hundreds of digits, with the values of greeks.py.

The condition number counts all of the inputs, since each of them is a rounded number to whoever calls:

    cond = (|price| + sum_i |x_i dV/dx_i|) / (vol dV/dvol)        over forward, strike, years, rate

so 2^-53 (1 + cond) is the relative error that rounding the inputs and the result alone may cause. Where forward and strike
are the same double they are moved together, as nothing is lost in their difference: there the vol is proportional to the
price however small, and cond is about 3. Deep in the money, where
price and intrinsic value cancel, and next to the upper bound it grows without limit; rows stop where it leaves no digits.

The rows of kind found are from worst_found.py; so are those of kind beyond, whose prices are below 1e-290 of the forward.

Rows without a vol carry the status that they should get and one of two results: 0 at the intrinsic value, NaN otherwise.
A price that equals the upper bound to the last bit is left out: its vol is infinite, under whatever name.
"""

from __future__ import annotations

import csv
import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import greeks
from greeks import MODELS, Number, exact
from worst_found import FOUND_VOLS

TABLE = Path(__file__).parent / "implied_vol.csv"
INPUTS = ("price", "forward", "strike", "years", "phi", "rate")
BITS = 1200
ROWS = 125  # a model
WORST_CONDITION = 1e12

Contract = tuple[float, float, float, float, float]  # forward, strike, years, phi, rate


def number(x: float) -> Number:
    return greeks.ARITHMETIC.number(x)


def value(model: str, vol: Number, c: Contract, phi: float | None = None) -> Number:
    """With as many digits as ever are needed; phi may be the other side."""
    forward, strike, years, own, rate = c
    arguments: list[Any] = [number(forward), number(strike), vol, number(years), int(own if phi is None else phi)]
    return MODELS[model].value(*arguments, *([] if model == "inverse" else [number(rate)]))


def bounds(model: str, c: Contract) -> tuple[Number, Number | None]:
    """What the price must lie between: the discounted payoff on the forward, and the value of infinite vol."""
    forward, strike, years, phi, rate = c
    f, k = number(forward), number(strike)
    unit = 1 / f if model == "inverse" else greeks.ARITHMETIC.exp(-number(rate) * number(years))
    low = unit * max(int(phi) * (f - k), number(0))
    return low, None if model == "bachelier" else unit * (f if phi > 0 else k)


def implied(model: str, price: float, c: Contract) -> Number:
    """The vol whose value is the price; strictly between the bounds."""
    greeks.ARITHMETIC.precision(BITS + (2 * BITS if price < 1e-100 else 0))
    low, _ = bounds(model, c)
    side = 1.0 if c[0] <= c[1] else -1.0
    target = number(price) - low  # the value of the out-of-the-money side, by parity
    scale = abs(c[0]) + abs(c[1]) if model == "bachelier" else 1.0
    unit = number(scale) / greeks.ARITHMETIC.sqrt(number(c[2]))
    a, b = number(-900), number(12)  # the logarithm of the total deviation
    for _ in range(80):
        middle = (a + b) / 2
        if value(model, unit * greeks.ARITHMETIC.exp(middle), c, side) < target:
            a = middle
        else:
            b = middle
    # Where the value bends upwards its logarithm does not: Newton on the smoother of the two converges from here.
    x = (a + b) / 2
    h = number(2.0**-300)
    for _ in range(8):
        up, down = (value(model, unit * greeks.ARITHMETIC.exp(x + e), c, side) for e in (h, -h))
        here = value(model, unit * greeks.ARITHMETIC.exp(x), c, side)
        x = x - greeks.ARITHMETIC.log(here / target) * here * 2 * h / (up - down)
    vol = unit * greeks.ARITHMETIC.exp(x)
    off = abs(value(model, vol, c, side) / target - 1)
    assert off < 1e-60, (model, price, c, off)
    return vol


def condition(model: str, price: float, c: Contract, vol: Number) -> float:
    forward, strike, years, phi, rate = c
    row: list[Any] = [forward, strike, vol, years, phi, rate]
    g = {name: y.value for name, y in exact(model, row[:5] if model == "inverse" else row, 1).items()}
    f, slope = number(forward), vol * g["vega"]
    # Values are homogeneous: of degree 1 in forward, strike (and normal vol), in coin of degree 0.
    strike_term = {"black76": g["value"], "inverse": number(0), "bachelier": g["value"] - slope}[model] - f * g["delta"]
    moved = [f * g["delta"], strike_term] if forward != strike else [f * g["delta"] + strike_term]
    terms = [number(price), *moved, number(years) * g["theta"], number(rate) * g["rho"]]
    return float(sum(map(abs, terms)) / slope)


# --- the rows ---


def contract(model: str, draw: random.Random) -> tuple[str, float, Contract]:
    """A kind, a vol, and the rest; the price follows."""
    kind = draw.choice(["ordinary", "ordinary", "tail", "tail", "far tail", "wide", "deep", "bound", "at", "near"])
    years = 10 ** draw.uniform(-3, 1)
    forward = 10 ** draw.uniform(-2, 5)
    rate = draw.uniform(-0.1, 0.2) * draw.choice((0, 1)) if model != "inverse" else 0.0
    phi = draw.choice((1.0, -1.0))
    s = 10 ** draw.uniform(-2, 0.3)
    out = draw.choice((1.0, 1.0, 1.0, -1.0))  # mostly out of the money
    z = {"ordinary": draw.uniform(-3, 3), "tail": out * draw.uniform(3, 12), "far tail": draw.choice((draw.uniform(12, 35), draw.uniform(35.5, 36.3))),
         "deep": -draw.uniform(2, 6.5)}.get(kind, draw.uniform(-1, 1))  # fmt: skip
    if kind in ("tail", "far tail"):
        s = 10 ** draw.uniform(-6, 0.7)
    if model == "bachelier":
        forward *= draw.choice((1.0, 1.0, -1.0))
        if kind in ("wide", "bound"):
            s = 10 ** draw.uniform(1, 8)
        if kind == "at":
            s = 10 ** draw.uniform(-280, -3)
        width = s * abs(forward)
        strike = forward if kind == "at" else forward + phi * z * width
        if kind == "near":
            strike = forward * (1 + draw.choice((-1, 1)) * 10 ** draw.uniform(-15, -3))
        return kind, width / years**0.5, (forward, strike, years, phi, rate)
    x = phi * z * s  # ln(strike / forward)
    if kind == "wide":
        s = draw.uniform(5, 40)
        x = phi * draw.uniform(0, 1) * min(s * s / 2 + 6 * s, 400.0)
    elif kind == "bound":
        s = draw.uniform(3, 9)
        x = phi * draw.uniform(-1, 1) * s
    elif kind == "at":
        s, x = 10 ** draw.uniform(-280, -1), 0.0
    elif kind == "near":
        s, x = 10 ** draw.uniform(-14, -1), draw.choice((-1, 1)) * 10 ** draw.uniform(-15, -3)
    return kind, s / years**0.5, (forward, forward * math.exp(x), years, phi, rate)


def good_rows(model: str, n: int) -> Iterator[list[str]]:
    draw = random.Random(f"{model} 1")
    while n:
        kind, vol, c = contract(model, draw)
        greeks.ARITHMETIC.precision(3 * BITS)
        price = float(value(model, number(vol), c))
        if kind == "bound" and model != "bachelier" and draw.random() < 0.3:
            price = float(bounds(model, c)[1] or 0) * (1 - 10 ** draw.uniform(-12, -3))
        low, high = bounds(model, c)
        if not (price > 1e-299 and low < price and (high is None or price < high)):
            continue
        known = implied(model, price, c)
        cond = condition(model, price, c, known)
        greeks.ARITHMETIC.precision(BITS)
        if cond < WORST_CONDITION and 1e-300 < known < 1e300:
            n -= 1
            inputs = (price, *c)
            yield [model, kind, *(x.hex() for x in inputs), "ok", greeks.ARITHMETIC.text(known, 25), f"{cond:.6e}"]


def found_rows(model: str) -> Iterator[list[str]]:
    for price, *rest in (row for name, row in FOUND_VOLS if name == model):
        forward, strike, years, phi, rate = rest
        c = (forward, strike, years, phi, rate)
        known = implied(model, price, c)
        cond = condition(model, price, c, known)
        greeks.ARITHMETIC.precision(BITS)
        kind = "beyond" if price < 1e-290 * (1.0 if model == "inverse" else abs(forward)) else "found"
        inputs = (price, *c)
        yield [model, kind, *(x.hex() for x in inputs), "ok", greeks.ARITHMETIC.text(known, 25), f"{cond:.6e}"]


def refused_rows(model: str) -> Iterator[list[str]]:
    """Prices that no vol has: exact comparisons only, so that no rounding decides."""
    f, k, years = (0.5, 0.25, 0.5) if model == "inverse" else (96.0, 64.0, 0.5)
    unit = 1 / f if model == "inverse" else 1.0
    intrinsic = (f - k) * unit
    nan = math.nan
    cases: list[tuple[float, Contract, str]] = [
        (intrinsic, (f, k, years, 1.0, 0.0), "at_intrinsic"),
((f - k) / k if model == "inverse" else f - k, (k, f, years, -1.0, 0.0), "at_intrinsic"),
        (0.0, (k, f, years, 1.0, 0.0), "at_intrinsic"),
        (0.0, (f, k, years, -1.0, 0.0), "at_intrinsic"),
        (0.0, (f, f, years, 1.0, 0.0), "at_intrinsic"),
        (math.nextafter(intrinsic, 0), (f, k, years, 1.0, 0.0), "below_intrinsic"),
        (intrinsic * 0.5, (f, k, years, 1.0, 0.0), "below_intrinsic"),
        (-1e-300, (k, f, years, 1.0, 0.0), "below_intrinsic"),
        (-1.0, (f, k, years, -1.0, 0.0), "below_intrinsic"),
        (nan, (f, k, years, 1.0, 0.0), "not_a_number"),
        (intrinsic * 1.5, (nan, k, years, 1.0, 0.0), "not_a_number"),
        (intrinsic * 1.5, (f, nan, years, 1.0, 0.0), "not_a_number"),
        (intrinsic * 1.5, (f, k, nan, 1.0, 0.0), "not_a_number"),
        (intrinsic * 1.5, (f, k, years, nan, 0.0), "not_a_number"),
    ]  # fmt: skip
    if model != "inverse":
        cases.append((intrinsic * 1.5, (f, k, years, 1.0, nan), "not_a_number"))
        cases.append((intrinsic * 0.9, (f, k, years, 1.0, 0.05), "below_intrinsic"))
    if model != "bachelier":
        for phi, bound in ((1.0, f * unit), (-1.0, k * unit)):
            cases.append((math.nextafter(bound, math.inf), (f, k, years, phi, 0.0), "above_upper_bound"))
            cases.append((bound * 2, (f, k, years, phi, 0.0), "above_upper_bound"))
        if model == "black76":
            cases.append((f * 0.99, (f, k, years, 1.0, 0.05), "above_upper_bound"))
    for price, c, status in cases:
        if status != "not_a_number":
            greeks.ARITHMETIC.precision(BITS)
            low, high = bounds(model, c)
            truth = ("below_intrinsic" if price < low else "at_intrinsic" if price == low
                     else "above_upper_bound" if high is not None and price > high else "ok")  # fmt: skip
            assert truth == status, (model, price, c, truth, status)
        yield [
            model,
            "refused",
            *(x.hex() for x in (price, *c)),
            status,
            "0" if status == "at_intrinsic" else "nan",
            "0",
        ]


def main() -> None:
    with TABLE.open("w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["model", "kind", *INPUTS, "status", "vol", "condition"])
        for model in ("black76", "bachelier", "inverse"):
            out.writerows(good_rows(model, ROWS))
            out.writerows(found_rows(model))
            out.writerows(refused_rows(model))


if __name__ == "__main__":
    main()
