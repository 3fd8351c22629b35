"""Exact Greeks and the error that is attainable in double precision; makes the table greeks.csv.

    python tests/reference/greeks.py                # write greeks.csv
    python tests/reference/greeks.py --check        # hold this file to mpmath.diff, theory and published numbers

Only the value of each model is written down here. Its derivatives, up to the third, and theirs in turn, come out of
Taylor arithmetic: every input x_i is x_i (1 + e_i), and the value is worked out as a polynomial in the e_i. No Greek has a
formula that could be wrong. Nothing of this package is imported.

With every result comes its unit, the error that rounding the inputs alone may cause:

    unit = 2^-53 (|exact| + sum_i |x_i d exact / dx_i|)        over all inputs but phi

so that a function which rounds each input once and its result once is off by one unit. Where a Greek is 0 by
cancellation (volga between d1 and d2, theta against a rate) the sum keeps the unit honest. Where the Greek is 0 because
an input says so (rho of ``inverse``, volga of ``bachelier`` at the strike, theta of nothing) the unit may be 0 as well,
and then nothing but 0 will do.

Arithmetic has 300 bits, more where the total deviation is small: each derivative divides by it once. gmpy2 is used if
it is there, about four times faster; both give the same digits (--check).
"""

from __future__ import annotations

import csv
import math
import random
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

import mpmath as mp

from worst_found import FOUND

try:
    import gmpy2
except ImportError:
    gmpy2 = None

HERE = Path(__file__).parent
TABLE = HERE / "greeks.csv"
ULP = 2.0**-53
Number = Any  # an mpmath.mpf or a gmpy2.mpfr

# --- numbers of many digits ---


class WithMpmath:
    """exp, log, sqrt and erfc of mpmath numbers."""

    name = "mpmath"

    def precision(self, bits: int) -> None:
        mp.mp.prec = bits

    def number(self, x: float | str) -> Number:
        return mp.mpf(x)

    def exp(self, x: Number) -> Number:
        return mp.exp(x) if x > -1e15 else mp.mpf(0)

    def erfc(self, x: Number) -> Number:
        return mp.erfc(x) if abs(x) < 1e7 else mp.mpf(2 if x < 0 else 0)

    def log(self, x: Number) -> Number:
        return mp.log(x)

    def sqrt(self, x: Number) -> Number:
        return mp.sqrt(x)

    @property
    def pi(self) -> Number:
        return +mp.pi

    def text(self, x: Number, digits: int) -> str:
        mantissa, _, exponent = mp.nstr(x, digits, min_fixed=1, max_fixed=0, strip_zeros=False).partition("e")
        return f"{mantissa}e{int(exponent or 0):+03d}" if x else "0"


class WithGmpy2(WithMpmath):
    """The same with MPFR's arithmetic; erfc stays mpmath's, which is faster there."""

    name = "gmpy2"

    def precision(self, bits: int) -> None:
        mp.mp.prec = bits
        gmpy2.get_context().precision = bits

    def number(self, x: float | str) -> Number:
        return gmpy2.mpfr(x)

    def exp(self, x: Number) -> Number:
        return gmpy2.exp(x)

    def log(self, x: Number) -> Number:
        return gmpy2.log(x)

    def sqrt(self, x: Number) -> Number:
        return gmpy2.sqrt(x)

    def erfc(self, x: Number) -> Number:
        if abs(x) > 1e7:
            return gmpy2.mpfr(2 if x < 0 else 0)
        mantissa, exponent = x.as_mantissa_exp()
        _, mantissa, exponent, _ = mp.erfc(mp.ldexp(mp.mpf(int(mantissa)), int(exponent)))._mpf_
        y = gmpy2.mpfr(int(mantissa))
        return gmpy2.mul_2exp(y, exponent) if exponent >= 0 else gmpy2.div_2exp(y, -exponent)

    @property
    def pi(self) -> Number:
        return gmpy2.const_pi()

    def text(self, x: Number, digits: int) -> str:
        return f"{x:.{digits - 1}e}" if x else "0"


ARITHMETIC: WithMpmath = WithGmpy2() if gmpy2 else WithMpmath()

# --- Taylor polynomials in several variables ---

Index = tuple[int, ...]


@dataclass(frozen=True)
class Space:
    """The monomials that are kept: a set closed under division, so that every product of two kept parts is right."""

    indices: tuple[Index, ...]

    @cached_property
    def position(self) -> dict[Index, int]:
        return {index: i for i, index in enumerate(self.indices)}

    @cached_property
    def product(self) -> list[list[int]]:
        """product[i][j] is where the product of monomials i and j stands, -1 if it is not kept."""
        return [
            [self.position.get(tuple(a + b for a, b in zip(x, y, strict=True)), -1) for y in self.indices]
            for x in self.indices
        ]

    @cached_property
    def order(self) -> int:
        return max(map(sum, self.indices))


class Taylor:
    """A polynomial in the e_i, as coefficients by position in its space; absent is 0."""

    __slots__ = ("c", "space")

    def __init__(self, space: Space, c: dict[int, Number]) -> None:
        self.space, self.c = space, c

    def __add__(self, other: Taylor | Number) -> Taylor:
        c = dict(self.c)
        for i, x in (other.c if isinstance(other, Taylor) else {0: other}).items():
            c[i] = c[i] + x if i in c else x
        return Taylor(self.space, c)

    def __mul__(self, other: Taylor | Number) -> Taylor:
        if not isinstance(other, Taylor):
            return Taylor(self.space, {i: x * other for i, x in self.c.items()})
        c: dict[int, Number] = {}
        theirs = list(other.c.items())
        for i, x in self.c.items():
            row = self.space.product[i]
            for j, y in theirs:
                k = row[j]
                if k >= 0:
                    c[k] = c[k] + x * y if k in c else x * y
        return Taylor(self.space, c)

    def __neg__(self) -> Taylor:
        return self * -1

    def __sub__(self, other: Taylor | Number) -> Taylor:
        return self + -other

    def __truediv__(self, other: Taylor | Number) -> Taylor:
        return self * (reciprocal(other) if isinstance(other, Taylor) else 1 / other)

    __radd__, __rmul__ = __add__, __mul__


def through(f: Callable[[Number, int], list[Number]], x: Taylor) -> Taylor:
    """f(x), from f(x0, n): the derivatives 0 to n of f at the constant term, each over its factorial."""
    rest = Taylor(x.space, {i: y for i, y in x.c.items() if i})
    out, power = Taylor(x.space, {}), Taylor(x.space, {0: ARITHMETIC.number(1)})
    for coefficient in f(x.c[0], x.space.order):
        out = out + power * coefficient
        power = power * rest
        if not power.c:
            break
    return out


def exp(x: Taylor | Number) -> Taylor | Number:
    if not isinstance(x, Taylor):
        return ARITHMETIC.exp(x)

    def series(x0: Number, n: int) -> list[Number]:
        y = ARITHMETIC.exp(x0)
        return [y / math.factorial(k) for k in range(n + 1)]

    return through(series, x)


def log(x: Taylor | Number) -> Taylor | Number:
    if not isinstance(x, Taylor):
        return ARITHMETIC.log(x)
    return through(lambda x0, n: [ARITHMETIC.log(x0), *(-((-1 / x0) ** k) / k for k in range(1, n + 1))], x)


def sqrt(x: Taylor | Number) -> Taylor | Number:
    if not isinstance(x, Taylor):
        return ARITHMETIC.sqrt(x)

    def series(x0: Number, n: int) -> list[Number]:
        c = [ARITHMETIC.sqrt(x0)]
        for k in range(n):
            c.append(c[-1] * (1 - 2 * k) / (2 * (k + 1)) / x0)
        return c

    return through(series, x)


def reciprocal(x: Taylor) -> Taylor:
    return through(lambda x0, n: [(-1) ** k / x0 ** (k + 1) for k in range(n + 1)], x)


def density(x: Taylor | Number) -> Taylor | Number:
    """n(x) = e^{-x^2/2} / sqrt(2 pi)."""
    if not isinstance(x, Taylor):
        return ARITHMETIC.exp(-x * x / 2) / ARITHMETIC.sqrt(2 * ARITHMETIC.pi)
    return through(density_series, x)


def density_series(x0: Number, n: int) -> list[Number]:
    """(-1)^k He_k(x) n(x) / k!, from He_{k+1} = x He_k - k He_{k-1}."""
    y = density(x0)
    hermite = [ARITHMETIC.number(1), x0]
    for k in range(1, n):
        hermite.append(x0 * hermite[k] - k * hermite[k - 1])
    return [(-1) ** k * hermite[k] * y / math.factorial(k) for k in range(n + 1)]


def cdf(x: Taylor | Number) -> Taylor | Number:
    """N(x) = erfc(-x / sqrt 2) / 2."""
    if not isinstance(x, Taylor):
        return ARITHMETIC.erfc(-x / ARITHMETIC.sqrt(ARITHMETIC.number(2))) / 2
    return through(lambda x0, n: [cdf(x0), *(y / (k + 1) for k, y in enumerate(density_series(x0, n - 1)))], x)


# --- the models: their values, and nothing else ---


def bsm_d1(spot: Any, strike: Any, s: Any, years: Any, rate: Any, dividend_yield: Any) -> Any:
    return (log(spot) - log(strike) + (rate - dividend_yield) * years) / s + s / 2


def bsm(spot: Any, strike: Any, vol: Any, years: Any, phi: int, rate: Any, dividend_yield: Any) -> Any:
    """Black and Scholes (1973), Merton (1973)."""
    s = vol * sqrt(years)
    d1 = bsm_d1(spot, strike, s, years, rate, dividend_yield)
    asset, cash = spot * exp(-dividend_yield * years), strike * exp(-rate * years)
    return phi * (asset * cdf(phi * d1) - cash * cdf(phi * (d1 - s)))


def digital_asset(spot: Any, strike: Any, vol: Any, years: Any, phi: int, rate: Any, dividend_yield: Any) -> Any:
    """One unit of the underlying if phi (S_T - K) > 0."""
    d1 = bsm_d1(spot, strike, vol * sqrt(years), years, rate, dividend_yield)
    return spot * exp(-dividend_yield * years) * cdf(phi * d1)


def digital_cash(spot: Any, strike: Any, vol: Any, years: Any, phi: int, rate: Any, dividend_yield: Any) -> Any:
    """One unit of money if phi (S_T - K) > 0."""
    s = vol * sqrt(years)
    return exp(-rate * years) * cdf(phi * (bsm_d1(spot, strike, s, years, rate, dividend_yield) - s))


def black_d1(forward: Any, strike: Any, s: Any) -> Any:
    return (log(forward) - log(strike)) / s + s / 2


def black76(forward: Any, strike: Any, vol: Any, years: Any, phi: int, rate: Any) -> Any:
    """Black (1976), the forward held fixed."""
    s = vol * sqrt(years)
    d1 = black_d1(forward, strike, s)
    return phi * exp(-rate * years) * (forward * cdf(phi * d1) - strike * cdf(phi * (d1 - s)))


def inverse(forward: Any, strike: Any, vol: Any, years: Any, phi: int) -> Any:
    """In coin, Black without a discount over the forward: Alexander and Imeraj (2023)."""
    s = vol * sqrt(years)
    d1 = black_d1(forward, strike, s)
    return phi * (cdf(phi * d1) - strike / forward * cdf(phi * (d1 - s)))


def bachelier(forward: Any, strike: Any, normal_vol: Any, years: Any, phi: int, rate: Any) -> Any:
    """Bachelier (1900): the forward is normal, and may be of any sign, as may the strike."""
    s = normal_vol * sqrt(years)
    d = (forward - strike) / s
    return exp(-rate * years) * (phi * (forward - strike) * cdf(phi * d) + s * density(d))


SIX = ("forward", "strike", "vol", "years", "phi", "rate")
SPOT = ("spot", *SIX[1:], "dividend_yield")


class Model(NamedTuple):
    value: Callable[..., Any]
    inputs: tuple[str, ...]
    extra: tuple[str, ...]  # Greeks that not every model has
    call: str  # the function of rebalance_core.pricing, and what it must be told
    options: dict[str, str]


MODELS: dict[str, Model] = {
    "black76": Model(black76, SIX, (), "black76", {}),
    "bsm": Model(bsm, SPOT, ("rho_dividend",), "bsm", {}),
    "inverse": Model(inverse, SIX[:5], ("delta_pa", "gamma_pa"), "inverse", {}),
    "bachelier": Model(bachelier, ("forward", "strike", "normal_vol", *SIX[3:]), (), "bachelier", {}),
    "digital_cash": Model(digital_cash, SPOT, ("rho_dividend",), "digital", {"payoff": "cash"}),
    "digital_asset": Model(digital_asset, SPOT, ("rho_dividend",), "digital", {"payoff": "asset"}),
}


class Derivative(NamedTuple):
    """sign price^power d^n V, n counting the derivatives in price, strike, vol, years, rate, yield."""

    order: int
    n: Index
    sign: int = 1
    power: int = 0


GREEKS: dict[str, Derivative] = {
    "value": Derivative(1, (0, 0, 0, 0, 0, 0)),
    "delta": Derivative(1, (1, 0, 0, 0, 0, 0)),
    "gamma": Derivative(1, (2, 0, 0, 0, 0, 0)),
    "vega": Derivative(1, (0, 0, 1, 0, 0, 0)),
    "theta": Derivative(1, (0, 0, 0, 1, 0, 0), -1),
    "rho": Derivative(1, (0, 0, 0, 0, 1, 0)),
    "rho_dividend": Derivative(1, (0, 0, 0, 0, 0, 1)),
    "delta_pa": Derivative(1, (1, 0, 0, 0, 0, 0), 1, 1),
    "gamma_pa": Derivative(1, (2, 0, 0, 0, 0, 0), 1, 2),
    "vanna": Derivative(2, (1, 0, 1, 0, 0, 0)),
    "volga": Derivative(2, (0, 0, 2, 0, 0, 0)),
    "charm": Derivative(2, (1, 0, 0, 1, 0, 0), -1),
    "veta": Derivative(2, (0, 0, 1, 1, 0, 0), -1),
    "dual_delta": Derivative(2, (0, 1, 0, 0, 0, 0)),
    "dual_gamma": Derivative(2, (0, 2, 0, 0, 0, 0)),
    "speed": Derivative(3, (3, 0, 0, 0, 0, 0)),
    "zomma": Derivative(3, (2, 0, 1, 0, 0, 0)),
    "color": Derivative(3, (2, 0, 0, 1, 0, 0), -1),
    "ultima": Derivative(3, (0, 0, 3, 0, 0, 0)),
}


def greek_names(model: str, order: int = 3) -> list[str]:
    """The Greeks of a model, in the order of the package's columns."""
    special = {"rho_dividend", "delta_pa", "gamma_pa"} - set(MODELS[model].extra)
    return [name for name, greek in GREEKS.items() if greek.order <= order and name not in special]


class Exact(NamedTuple):
    value: Number
    unit: Number  # |exact| + sum |x_i d exact/dx_i|, times 2^-53


@cache
def variables(model: str) -> tuple[str, ...]:
    """Which of the six places of an index the model uses."""
    return tuple(name for name in MODELS[model].inputs if name != "phi")


@cache
def space_of(model: str, order: int) -> Space:
    """All that the Greeks and their gradients divide."""
    size = len(variables(model))
    wanted = {GREEKS[name].n[:size] for name in greek_names(model, order) if not any(GREEKS[name].n[size:])}
    wanted |= {raised(n, i) for n in list(wanted) for i in range(size)}
    closed: set[Index] = set()
    stack = list(wanted)
    while stack:
        n = stack.pop()
        if n not in closed:
            closed.add(n)
            stack += [(*n[:i], n[i] - 1, *n[i + 1 :]) for i in range(size) if n[i]]
    return Space(tuple(sorted(closed, key=lambda n: (sum(n), n))))


def raised(n: Index, i: int) -> Index:
    return (*n[:i], n[i] + 1, *n[i + 1 :])


def bits_for(model: str, x: dict[str, float]) -> int:
    """300 bits, and what cancels: a derivative loses the digits of the deviation once, and there are four; legs as unequal
    as strike and price, or their discounts, stand beside each other.
    """
    vol = math.log2(x["normal_vol"] if model == "bachelier" else x["vol"])
    s = vol + 0.5 * math.log2(x["years"])
    price, strike = (abs(x[name]) or 1e-300 for name in list(x)[:2])
    if model == "bachelier":
        s -= math.log2(max(price, strike))
    growth = 1.5 * x["years"] * (abs(x.get("rate", 0.0)) + abs(x.get("dividend_yield", 0.0)))
    return EXTRA_BITS + 300 + int(5 * abs(s) + 2 * abs(math.log2(price) - math.log2(strike)) + 2 * growth)


EXTRA_BITS = 0  # --check asks for more, to see that nothing changes


def exact(model: str, row: Iterable[float], order: int = 3) -> dict[str, Exact]:
    """Every Greek of one contract, inputs as in the model's signature, with its unit."""
    inputs = dict(zip(MODELS[model].inputs, row, strict=True))
    ARITHMETIC.precision(bits_for(model, inputs))
    space, names = space_of(model, order), variables(model)
    size = len(names)
    x = [ARITHMETIC.number(inputs[name]) for name in names]
    scale = [y if y != 0 else ARITHMETIC.number(1) for y in x]
    zero = (0,) * size
    arguments: dict[str, Any] = {
        name: Taylor(space, {0: x[i], space.position[raised(zero, i)]: scale[i]}) for i, name in enumerate(names)
    }
    phi = int(inputs["phi"])
    taylor: Taylor = MODELS[model].value(*(arguments.get(n, phi) for n in MODELS[model].inputs))
    nothing = ARITHMETIC.number(0)

    def derivative(n: Index) -> Number:
        y: Number = taylor.c.get(space.position[n], nothing)
        for k, s in zip(n, scale, strict=True):
            if k:
                y = y * math.factorial(k) / s**k
        return y

    out = {}
    for name in greek_names(model, order):
        greek = GREEKS[name]
        if any(greek.n[size:]):  # rho of a model without a rate
            out[name] = Exact(nothing, nothing)
            continue
        n = greek.n[:size]
        front = greek.sign * x[0] ** greek.power
        y = front * derivative(n)
        total = abs(y)
        for i in range(size):
            slope = front * x[i] * derivative(raised(n, i))
            total += abs(slope + greek.power * y if i == 0 else slope)
        out[name] = Exact(y, total * ULP)
    return out


# --- the contracts of the table ---

FAR = math.log(1e-290)


def is_far(model: str, row: tuple[float, ...]) -> bool:
    """The smallest product of a density at d1 or d2, a price and a discount is below 1e-290.

    A kernel that forms it on the way loses digits there, though a large price or discount may bring the result back.
    """
    x = dict(zip(MODELS[model].inputs, row, strict=True))
    years = x["years"]
    growth = x.get("rate", 0.0) * years
    yields = x.get("dividend_yield", 0.0) * years
    s = row[2] * math.sqrt(years)
    if model == "bachelier":
        d = abs(row[0] - row[1]) / s
        return -d * d / 2 + min(0.0, math.log(s)) + min(0.0, -growth) < FAR
    carry = growth - yields if "dividend_yield" in x else 0.0
    h = (math.log(row[0]) - math.log(row[1]) + carry) / s
    discounts = min(0.0, -growth) + min(0.0, -yields)
    one = -((h + s / 2) ** 2) / 2 + min(0.0, math.log(row[0]))
    two = -((h - s / 2) ** 2) / 2 + min(0.0, math.log(row[1]))
    return min(one, two) + discounts < FAR


def deviation(draw: random.Random) -> float:
    return 10 ** draw.choice((draw.uniform(-2, 0.5), draw.uniform(-8, -2), draw.uniform(0.5, 2)))


def contracts(model: str, n: int, seed: int) -> Iterator[tuple[float, ...]]:
    """Everywhere, a third of it nasty: at the money to the last digit, 37 deviations away, deviations of 1e-8 and 100."""
    draw = random.Random(f"{model} {seed}")
    for i in range(n):
        ordinary = i % 3 == 0
        s = 10 ** draw.uniform(-1.5, 0.3) if ordinary else deviation(draw)
        years = 10 ** (draw.uniform(-2, 0.7) if ordinary else draw.uniform(-5, 2.5))
        price = 10 ** (draw.uniform(0, 5) if ordinary else draw.choice((draw.uniform(-3, 6), draw.uniform(-12, 12))))
        rates = [draw.uniform(-1, 1) * draw.choice((0.0, 0.05, min(1.0, 600 / years))) for _ in range(2)]
        phi = draw.choice((1.0, -1.0))
        z = draw.uniform(-1, 1) * (3 if ordinary else draw.choice((1, 3, 8, 37)))
        near = draw.choice((-1, 1)) * 10 ** draw.uniform(-15, -1)
        at = "z" if ordinary else draw.choice(("z", "z", "near", "edge", "strike"))
        if model == "bachelier":
            price *= draw.choice((1, 1, -1))
            vol = abs(price) * s / years**0.5
            strike = {"z": price - z * s * abs(price), "near": price * (1 + near), "strike": price}.get(at, 0.0)
            yield price, strike, vol, years, phi, rates[0]
            continue
        carry = {"black76": 0.0, "inverse": 0.0}.get(model, (rates[0] - rates[1]) * years)
        edge = draw.choice((-1, 1)) * s * s / 2 * (1 + near)  # d1 or d2 near 0, where half the Greeks change sign
        exponent = carry + {"z": -z * s, "near": near, "edge": edge}.get(at, 0.0)
        strike = price * math.exp(max(min(exponent, 200.0), -200.0))
        extra = {"inverse": 0, "black76": 1}.get(model, 2)
        yield (price, strike, s / years**0.5, years, phi, *rates[:extra])


ROWS = {"black76": 80, "bsm": 90, "inverse": 80, "bachelier": 80, "digital_cash": 80, "digital_asset": 80}
INPUTS = ("price", "strike", "vol", "years", "phi", "rate", "dividend_yield")


def written(x: Number, digits: int) -> str:
    """What is nowhere near a double is 0; the two arithmetics end at different exponents."""
    return ARITHMETIC.text(x, digits) if abs(x) > ARITHMETIC.number("1e-1000") else "0"


def write_table() -> None:
    """One line a contract: the model, its inputs by place, its kind, and two columns a Greek."""
    with TABLE.open("w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["model", *INPUTS, "kind", *(column for name in GREEKS for column in (name, f"{name}_unit"))])
        for model, n in ROWS.items():
            found = [row for name, row in FOUND if name == model]
            for row in [*contracts(model, n, 1), *found]:
                result = exact(model, row)
                line = [model, *(x.hex() for x in row), *[""] * (len(INPUTS) - len(row))]
                line.append("far" if is_far(model, row) else "found" if row in found else "")
                for name in GREEKS:
                    if name in result:
                        line += [written(result[name].value, 25), written(result[name].unit, 6)]
                    else:
                        line += ["", ""]
                out.writerow(line)


if __name__ == "__main__":
    if "--check" in sys.argv:
        import check_greeks

        check_greeks.main()
    else:
        write_table()
