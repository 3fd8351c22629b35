"""Make cpp/include/rebalance/math/coefficients.hpp: every approximation that the kernels evaluate.

    python tests/reference/coefficients.py            # write the header
    python tests/reference/coefficients.py --check    # fail if the header is not what this script makes

All fits are done with 60 digits and rounded to double once, at the end. The error printed beside
each table is the worst relative error of the *rounded* coefficients evaluated exactly, over a grid
ten times denser than the fit; what rounding inside the kernels adds is measured by the accuracy
tests and stated in exp_log.hpp and normal.hpp.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import mpmath as mp
from mpmath import mpf

HEADER = Path(__file__).parents[2] / "cpp/include/rebalance/math/coefficients.hpp"
Function = Callable[[mpf], mpf]


def chebyshev_nodes(low: mpf, high: mpf, n: int) -> list[mpf]:
    return [(low + high) / 2 + (high - low) / 2 * mp.cos(mp.pi * (2 * i + 1) / (2 * n)) for i in range(n)]


def polynomial(f: Function, low: mpf, high: mpf, degree: int) -> list[mpf]:
    """Coefficients, constant first, of the interpolant at Chebyshev nodes."""
    nodes = chebyshev_nodes(low, high, degree + 1)
    vandermonde = mp.matrix(degree + 1, degree + 1)
    for i, x in enumerate(nodes):
        for j in range(degree + 1):
            vandermonde[i, j] = x**j
    return list(mp.lu_solve(vandermonde, mp.matrix([f(x) for x in nodes])))


def rational(f: Function, nodes: list[mpf], n: int, m: int) -> tuple[list[mpf], list[mpf]]:
    """Numerator of degree n and denominator of degree m (constant 1), least squares in relative error.

    Sanathanan-Koerner iteration: the linearised problem, reweighted by the last denominator.
    """
    values = [f(x) for x in nodes]
    weights = [1 / v for v in values]
    for _ in range(10):
        a = mp.matrix(len(nodes), n + m + 1)
        b = mp.matrix(len(nodes), 1)
        for i, (x, v, w) in enumerate(zip(nodes, values, weights, strict=True)):
            for j in range(n + 1):
                a[i, j] = w * x**j
            for j in range(1, m + 1):
                a[i, n + j] = -w * v * x**j
            b[i] = w * v
        solution = mp.lu_solve(a, b)
        numerator = [solution[j] for j in range(n + 1)]
        denominator = [mpf(1)] + [solution[n + j] for j in range(1, m + 1)]
        weights = [1 / (v * horner(denominator, x)) for x, v in zip(nodes, values, strict=True)]
    return numerator, denominator


def horner(coefficients: list[mpf], x: mpf) -> mpf:
    return mp.polyval(coefficients[::-1], x)


def rounded(coefficients: list[mpf]) -> list[mpf]:
    return [mpf(float(c)) for c in coefficients]


def worst(approximation: Function, exact: Function, points: list[mpf]) -> str:
    error = max(abs(approximation(x) / exact(x) - 1) for x in points)
    return mp.nstr(error, 2)


def two_parts(value: mpf, bits: int) -> tuple[float, float]:
    """value as high + low, the high part cut to ``bits`` significant bits so that small multiples are exact."""
    exponent = int(mp.floor(mp.log(value, 2))) + 1
    high = mp.floor(mp.ldexp(value, bits - exponent)) * mpf(2) ** (exponent - bits)
    return float(high), float(value - high)


def mills(z: mpf) -> mpf:
    """N(-z) / n(z)."""
    return mp.sqrt(mp.pi / 2) * mp.erfc(z / mp.sqrt(2)) * mp.exp(z * z / 2)


def derivative(p: list[mpf], q: list[mpf], z: mpf) -> mpf:
    """d/dz of P(z)/Q(z)."""
    dp, dq = ([i * c for i, c in enumerate(r)][1:] for r in (p, q))
    return (horner(dp, z) * horner(q, z) - horner(p, z) * horner(dq, z)) / horner(q, z) ** 2


def array(name: str, coefficients: list[mpf]) -> str:
    # Not inline: a table must not become a symbol that the objects of two instruction sets share.
    body = ",\n    ".join(float(c).hex() for c in coefficients)
    return f"static constexpr double {name}[] = {{\n    {body}}};\n"


def exp_table() -> str:
    """exp(r) = 1 + r + r^2 q(r) on |r| <= ln(2)/2: the leading 1 + r is exact, q carries the rest."""
    high = mp.log(2) / 2 * mpf("1.0001")
    q = rounded(polynomial(lambda r: (mp.expm1(r) - r) / r**2, -high, high, 9))
    error = worst(lambda r: 1 + r + r * r * horner(q, r), mp.exp, chebyshev_nodes(-high, high, 200))
    return f"// exp(r) = 1 + r + r^2 q(r), |r| <= ln(2)/2; relative error {error}\n" + array("kExpQ", q)


def atanh_table() -> str:
    """2 atanh(f) = 2f + f w R(w), w = f^2; |f| <= 0.2004 is what log_ratio's choice of exponent leaves."""
    bound = mpf("0.2004")

    def remainder(w: mpf) -> mpf:
        f = mp.sqrt(w)
        return (2 * mp.atanh(f) - 2 * f) / (f * w)

    r = rounded(polynomial(remainder, mpf("1e-12"), bound**2, 8))
    points = [x for x in chebyshev_nodes(-bound, bound, 200) if x != 0]
    error = worst(lambda f: 2 * f + f**3 * horner(r, f * f), lambda f: 2 * mp.atanh(f), points)
    return f"// 2 atanh(f) = 2f + f w R(w), w = f^2, |f| <= {mp.nstr(bound, 4)}; relative error {error}\n" + array(
        "kAtanhR", r
    )


def mills_table() -> str:
    """N(-z)/n(z) = P(z)/Q(z) on [-0.7, 39]; all coefficients positive, so nothing cancels for z >= 0.

    Its derivative is used as much as itself: that is why the fit is a hundred times closer than a double, and
    reaches beyond -0.5, where the kernels stop.
    """
    low, high, centre = mpf("-0.7"), mpf(39), mpf(4)

    def spread(n: int) -> list[mpf]:  # Chebyshev in (z - 4)/(z + 4), dense where the function bends
        ends = [(z - centre) / (z + centre) for z in (low, high)]
        return [centre * (1 + v) / (1 - v) for v in chebyshev_nodes(*ends, n)]

    p, q = rational(mills, spread(126), 10, 11)
    p, q = rounded(p), rounded(q)
    p[0] = mpf(0.5 / float(1 / mp.sqrt(2 * mp.pi)))  # so that n(0) P(0) is 1/2
    error = worst(lambda z: horner(p, z) / horner(q, z), mills, spread(1260))
    slope = worst(lambda z: derivative(p, q, z), lambda z: z * mills(z) - 1, spread(1260))
    assert all(c > 0 for c in p + q)
    return (
        f"// N(-z)/n(z) = P(z)/Q(z), -0.7 <= z <= 39; relative error {error}, of the derivative {slope}\n"
        + array("kMillsP", p)
        + array("kMillsQ", q)
    )


def mills_decline_table() -> str:
    """1 - z M(z) = -M'(z) = P(z)/Q(z) on [0.98, 60], where M comes so near 1/z that their difference loses digits."""
    low, high, centre = mpf("0.98"), mpf(60), mpf(4)

    def decline(z: mpf) -> mpf:
        return 1 - z * mills(z)

    def spread(n: int) -> list[mpf]:
        ends = [(z - centre) / (z + centre) for z in (low, high)]
        return [centre * (1 + v) / (1 - v) for v in chebyshev_nodes(*ends, n)]

    p, q = (rounded(part) for part in rational(decline, spread(80), 9, 11))
    error = worst(lambda z: horner(p, z) / horner(q, z), decline, spread(800))
    assert all(c > 0 for c in p + q)
    return (
        f"// 1 - z N(-z)/n(z) = P(z)/Q(z), 0.98 <= z <= 60; relative error {error}\n"
        + array("kMillsDeclineP", p)
        + array("kMillsDeclineQ", q)
    )


def quantile_table() -> str:
    """y = -N^-1(p) as r - P(r)/Q(r) with r = sqrt(-2 ln p), p <= 1/2: a starting point, no more."""
    points = [38 * (mpf(i) / 60) ** 2 for i in range(61)]
    radius = {y: mp.sqrt(-2 * mp.log(mp.ncdf(-y))) for y in points}
    inverse = {r: y for y, r in radius.items()}
    p, q = rational(lambda r: r - inverse[r], list(inverse), 2, 3)
    p, q = rounded(p), rounded(q)
    error = max(abs(r - horner(p, r) / horner(q, r) - y) for r, y in inverse.items())
    return (
        f"// -N^-1(p) = r - P(r)/Q(r), r = sqrt(-2 ln p), p <= 1/2; absolute error {mp.nstr(error, 2)}\n"
        + array("kQuantileP", p)
        + array("kQuantileQ", q)
    )


def normal_vol_table() -> str:
    """h = |F - K| / s from the out-of-the-money value v = s (n(h) - h N(-h)): two starting points that meet at h = 1.

    With the gap |F - K| and eta = gap / (2 v + gap), h = eta p(eta^2) below; with r = sqrt(-2 ln(v / gap)),
    h = P(r)/Q(r) above.
    """

    def log_ratio(h: mpf) -> mpf:  # ln(v / gap)
        return mp.log(mp.npdf(h) / h - mp.ncdf(-h))

    def eta(h: mpf) -> mpf:
        return 1 / (1 + 2 * mp.exp(log_ratio(h)))

    near = {eta(h) ** 2: h for h in chebyshev_nodes(mpf("1e-6"), mpf(1), 40)}
    far = {mp.sqrt(-2 * log_ratio(h)): h for h in (1 + 37 * (mpf(i) / 80) ** 2 for i in range(81))}
    c = rounded(rational(lambda e: near[e] / mp.sqrt(e), list(near), 4, 0)[0])
    p, q = (rounded(part) for part in rational(lambda r: far[r], list(far), 3, 3))
    near_error = max(abs(mp.sqrt(e) * horner(c, e) / h - 1) for e, h in near.items())
    far_error = max(abs(horner(p, r) / horner(q, r) / h - 1) for r, h in far.items())
    return (
        f"// h = eta p(eta^2), h <= 1; relative error {mp.nstr(near_error, 2)}\n"
        + array("kNormalVolNear", c)
        + f"\n// h = P(r)/Q(r), 1 <= h <= 38; relative error {mp.nstr(far_error, 2)}\n"
        + array("kNormalVolP", p)
        + array("kNormalVolQ", q)
    )


def cube_root_table() -> str:
    """x^(-1/3) where ratio_exponent leaves x / 2^k: a starting point, from which one step goes to the last bit."""
    end = mpf(2) ** mpf("0.588")
    c = rounded(polynomial(lambda x: 1 / mp.cbrt(x), 1 / end, end, 5))
    error = worst(lambda x: horner(c, x), lambda x: 1 / mp.cbrt(x), chebyshev_nodes(1 / end, end, 200))
    return f"// x^(-1/3), |log2 x| <= 0.588; relative error {error}\n" + array("kInverseCubeRoot", c)


def band_table() -> str:
    """The root of z^9 = alpha z + gamma where the larger of alpha and gamma is 1: z = 1 + x p(x), x the smaller."""

    def root(alpha: mpf, gamma: mpf) -> mpf:
        return mp.findroot(lambda z: z**9 - alpha * z - gamma, mpf("1.05"))

    text = ""
    for name, equation, f in (
        ("kBandEdge", "z^9 = x z + 1", lambda x: root(x, mpf(1))),
        ("kBandJump", "z^9 = z + x", lambda x: root(mpf(1), x)),
    ):
        c = rounded(polynomial(lambda x, f=f: (f(x) - 1) / x, mpf(0), mpf(1), 6))
        error = worst(lambda x, c=c: 1 + x * horner(c, x), f, chebyshev_nodes(mpf(0), mpf(1), 200))
        text += f"// {equation}: z = 1 + x p(x), 0 <= x <= 1; relative error {error}\n" + array(name, c)
    return text


def constants() -> str:
    ln2_high, ln2_low = two_parts(mp.log(2), 42)
    rows = {
        "kLog2E": float(1 / mp.log(2)),
        "kLn2High": ln2_high,  # 42 bits: k * high is exact for |k| < 2048
        "kLn2Low": ln2_low,
        "kInvSqrt2Pi": float(1 / mp.sqrt(2 * mp.pi)),
        "kLogSqrt2Pi": float(mp.log(2 * mp.pi) / 2),
    }
    return "\n".join(f"inline constexpr double {name} = {value.hex()};" for name, value in rows.items()) + "\n"


def header() -> str:
    mp.mp.dps = 60
    tails = [mills_table(), mills_decline_table(), quantile_table(), normal_vol_table()]
    parts = [constants(), exp_table(), atanh_table(), *tails]
    parts += [cube_root_table(), band_table()]
    return (
        "// Made by tests/reference/coefficients.py; change that script, not this file.\n#pragma once\n\n"
        "namespace rebalance::math {\n\n" + "\n".join(parts) + "\n}  // namespace rebalance::math\n"
    )


def main() -> int:
    text = header()
    if "--check" in sys.argv[1:]:
        if HEADER.read_text() != text:
            print(f"{HEADER} is not what {Path(__file__).name} makes", file=sys.stderr)
            return 1
        return 0
    HEADER.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
