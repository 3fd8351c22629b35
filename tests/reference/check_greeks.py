"""Hold greeks.py to what others say: mpmath's numerical derivatives, textbook formulas, published numbers.

python tests/reference/greeks.py --check
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import mpmath as mp

import greeks
from greeks import GREEKS, MODELS, Derivative, WithGmpy2, WithMpmath, contracts, exact, greek_names

#: theory.md section 1.1: call, S=100 K=110 r=3% q=1% sigma=25% T=0.75, to the digits printed there.
WORKED = {
    "value": "5.36747098355434", "delta": "0.39343534938", "gamma": "0.017668450749", "vega": "33.128345154510",
    "theta": "-6.147237428", "vanna": "0.733224308", "volga": "16.680172526", "charm": "-0.153606599",
    "speed": "3.7683949e-5", "zomma": "-0.0617777110", "color": "0.0100442322", "ultima": "-216.6098368",
}  # fmt: skip


def agree(a: Any, b: Any, relative: float, what: str) -> None:
    gap = abs(mp.mpf(str(a)) - mp.mpf(str(b)))
    assert gap <= relative * abs(mp.mpf(str(b))), f"{what}: {a} against {b}"


def differentiated(model: str, row: tuple[float, ...], greek: Derivative) -> Any:
    """The Greek by mpmath.diff of the value: finite differences in many digits, nothing of Taylor arithmetic."""
    names = MODELS[model].inputs
    phi = int(row[names.index("phi")])
    where = [mp.mpf(x) for name, x in zip(names, row, strict=True) if name != "phi"]
    scale = [x or mp.mpf(1) for x in where]

    def value(*e: Any) -> Any:
        rest = iter(x + c * step for x, c, step in zip(where, scale, e, strict=True))
        return MODELS[model].value(*(phi if name == "phi" else next(rest) for name in names))

    n = greek.n[: len(where)]
    here = (mp.mpf(0),) * len(where)
    size = value(*here)  # mpmath's steps suit functions and arguments of order one
    y = mp.diff(lambda *e: value(*e) / size, here, n) * size if sum(n) else size
    for c, k in zip(scale, n, strict=True):
        y /= c**k
    return greek.sign * where[0] ** greek.power * y


def check_derivatives(rows: int = 3) -> None:
    """Every Greek, and every slope in its unit, on ordinary contracts of every model."""
    for model in MODELS:
        size = len(MODELS[model].inputs) - 1
        for row in list(contracts(model, 3 * rows, 5))[::3]:
            result = exact(model, row)
            with mp.workprec(400):
                where = [mp.mpf(x) for name, x in zip(MODELS[model].inputs, row, strict=True) if name != "phi"]
                for name in greek_names(model):
                    greek = GREEKS[name]
                    if any(greek.n[size:]):
                        assert result[name] == (0, 0)
                        continue
                    y = differentiated(model, row, greek)
                    agree(result[name].value, y, 1e-25, f"{model} {name} at {row}")
                    total = abs(y)
                    for i, x in enumerate(where):
                        slope = x * differentiated(model, row, greek._replace(n=greeks.raised(greek.n, i)))
                        total += abs(slope + greek.power * y if i == 0 else slope)
                    agree(result[name].unit, total * mp.mpf(2) ** -53, 1e-15, f"unit of {model} {name} at {row}")


def textbook_bsm(row: tuple[float, ...]) -> dict[str, Any]:
    """theory.md section 1.1, the table."""
    phi = int(row[4])
    S, K, sigma, T, _, r, q = map(mp.mpf, row)
    v = sigma * mp.sqrt(T)
    d1 = (mp.log(S / K) + (r - q) * T) / v + v / 2
    d2 = d1 - v
    Dq, Dr, n1, n2 = mp.exp(-q * T), mp.exp(-r * T), mp.npdf(d1), mp.npdf(d2)
    N1, N2 = mp.ncdf(phi * d1), mp.ncdf(phi * d2)
    A = (2 * (r - q) * T - d2 * v) / (2 * T * v)
    gamma, vega = Dq * n1 / (S * v), S * Dq * n1 * mp.sqrt(T)
    return {
        "value": phi * (S * Dq * N1 - K * Dr * N2),
        "delta": phi * Dq * N1,
        "gamma": gamma,
        "vega": vega,
        "theta": -S * Dq * n1 * sigma / (2 * mp.sqrt(T)) - phi * r * K * Dr * N2 + phi * q * S * Dq * N1,
        "rho": phi * K * T * Dr * N2,
        "rho_dividend": -phi * S * T * Dq * N1,
        "vanna": -Dq * n1 * d2 / sigma,
        "volga": vega * d1 * d2 / sigma,
        "charm": phi * q * Dq * N1 - Dq * n1 * A,
        "veta": vega * (q + d1 * A - 1 / (2 * T)),
        "speed": -gamma * (d1 / v + 1) / S,
        "zomma": gamma * (d1 * d2 - 1) / sigma,
        "color": gamma * (q + d1 * A + 1 / (2 * T)),
        "ultima": -vega / sigma**2 * (d1 * d2 * (1 - d1 * d2) + d1**2 + d2**2),
        "dual_delta": -phi * Dr * N2,
        "dual_gamma": Dr * n2 / (K * v),
    }


def check_textbook() -> None:
    """The published formulas, also where they lose hundreds of digits: they are given a thousand."""
    for row in contracts("bsm", 300, 7):
        result = exact("bsm", row)
        with mp.workdps(1000):
            for name, y in textbook_bsm(row).items():
                if abs(y) > mp.mpf(10) ** -10_000:
                    agree(result[name].value, y, 1e-40, f"{name} at {row}")


def check_precision() -> None:
    """Six hundred more bits change nothing: enough digits are carried, everywhere the search may look."""
    for model in MODELS:
        for row in contracts(model, 500, 9):
            results = []
            for greeks.EXTRA_BITS in (0, 600):
                results.append(exact(model, row))
            greeks.EXTRA_BITS = 0
            for name, (value, unit) in results[0].items():
                if abs(results[1][name].value) > mp.mpf(10) ** -1_000:
                    agree(value, results[1][name].value, 1e-40, f"{model} {name} at {row}")
                    agree(unit, results[1][name].unit, 1e-40, f"unit of {model} {name} at {row}")


def published() -> Iterator[tuple[str, tuple[float, ...], str, float, float]]:
    """Model, contract, Greek, printed number, half a unit of its last digit.

    Haug, "Option pricing formulas", McGraw-Hill 1998; the pages as cited in QuantLib's test-suite/europeanoption.cpp.
    """
    half = 0.5001e-4
    yield "bsm", (60, 65, 0.30, 0.25, 1, 0.08, 0.0), "value", 2.1334, half  # pages 2-8
    yield "bsm", (100, 95, 0.20, 0.50, -1, 0.10, 0.05), "value", 2.4648, half
    yield "black76", (19, 19, 0.28, 0.75, 1, 0.10), "value", 1.7011, half
    yield "black76", (19, 19, 0.28, 0.75, -1, 0.10), "value", 1.7011, half
    yield "bsm", (105, 100, 0.36, 0.5, 1, 0.10, 0.10), "delta", 0.5946, half  # pages 11-16
    yield "bsm", (105, 100, 0.36, 0.5, -1, 0.10, 0.10), "delta", -0.3566, half
    yield "bsm", (55, 60, 0.30, 0.75, 1, 0.10, 0.0), "gamma", 0.0278, half
    yield "bsm", (55, 60, 0.30, 0.75, 1, 0.10, 0.0), "vega", 18.9358, half
    yield "bsm", (430, 405, 0.20, 1 / 12, -1, 0.07, 0.05), "theta", -31.1924, half
    yield "bsm", (72, 75, 0.19, 1.0, 1, 0.09, 0.0), "rho", 38.7325, half
    yield "bsm", (500, 490, 0.15, 0.25, -1, 0.08, 0.05), "rho_dividend", 42.2254, half
    # pages 88 and 90, as cited in QuantLib's test-suite/digitaloption.cpp; the first pays ten units
    yield "digital_cash", (100, 80, 0.35, 0.75, -1, 0.06, 0.06), "value", 0.26710, half / 10
    yield "digital_asset", (70, 65, 0.27, 0.50, -1, 0.07, 0.05), "value", 20.2069, half
    # theory.md sections 1.1 and 1.2
    yield "black76", (100, 120, 0.257703128957789, 0.25, 1, 0.0), "value", 0.5, 1e-13


def check_published() -> None:
    result = exact("bsm", (100, 110, 0.25, 0.75, 1, 0.03, 0.01))
    for name, text in WORKED.items():
        half = float("0." + "0" * (len(text.split("e")[0].split(".")[1]) - 1) + "6")
        scale = 10.0 ** int(text.split("e")[1]) if "e" in text else 1.0
        assert abs(result[name].value - float(text)) < half * scale, name
    for model, row, name, number, tolerance in published():
        got = float(exact(model, row)[name].value)
        assert abs(got - number) <= tolerance, f"{model} {name} of {row}: {got} against {number}"


def main() -> None:
    kinds = [WithMpmath()] + ([greeks.ARITHMETIC] if isinstance(greeks.ARITHMETIC, WithGmpy2) else [])
    for arithmetic in kinds:
        greeks.ARITHMETIC = arithmetic
        check_published()
        check_textbook()
        print(f"{arithmetic.name}: published numbers and textbook formulas agree")
    greeks.ARITHMETIC = kinds[0]
    check_precision()
    print("600 more bits change nothing")
    check_derivatives()
    print("mpmath.diff agrees on every Greek and unit of every model")
    greeks.ARITHMETIC = kinds[-1]


if __name__ == "__main__":
    main()
