"""Certified optima of hedges and rebalances; makes hedge_instances.json and rebalance_instances.json.

    python tests/reference/sizing.py [hedge|rebalance]

Both problems are one program, solved here by a method that shares nothing with the library's: a primal-dual
interior-point walk (Mehrotra 1992) on split variables, every number in a hundred digits.

    minimise  1/2 z'Qz + sum_i phi_i(x_i) + constant,                                  z = offset + G x
    phi_i(x)  1/2 curvature x^2 + slope x + buy x+ + sell x- + kappa |x|^1.5
    subject   lower <= x <= upper, z_lower <= z <= z_upper, row_lower <= R x <= row_upper,
              sum |x| <= turnover, sum |held + x| <= leverage

An answer is not believed because the walk stopped. `certify` takes nothing from it but the trades and one multiplier a
row, and computes two numbers from the statement above: the objective of the trades, and the minimum of the Lagrangian,
asset by asset in closed form, which by weak duality no feasible point can beat. They must agree to 1e-30 of the
objective's terms, and the trades must hold every row to 1e-35. That is the whole of the optimality conditions (signs,
complementarity, stationarity) in one inequality, and it stays true where the optimum is degenerate or not unique.

Inputs are stored as the doubles that they are, answers as decimal texts. `trades` is one optimum; where impact and
curvature vanish there may be others, and only the objective is to be compared. Infeasible instances carry the least
sum by which the limits must be widened.
"""

from __future__ import annotations

import itertools
import json
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mpmath import mp, mpf

HERE = Path(__file__).parent
DIGITS = 150
TINY = 60  # regularisation 10^-TINY, far below what is asked and far above the rounding
INF = float("inf")

Vector = list[Any]
Matrix = list[Vector]


@dataclass
class Program:
    """The program of the module's docstring. `lower`, `upper` and the like may be infinite."""

    Q: Matrix
    offset: Vector
    G: Matrix
    lower: Vector
    upper: Vector
    buy: Vector
    sell: Vector
    curvature: Vector
    slope: Vector
    kappa: Vector
    z_lower: Vector
    z_upper: Vector
    R: Matrix = field(default_factory=list)
    row_lower: Vector = field(default_factory=list)
    row_upper: Vector = field(default_factory=list)
    turnover: Any = INF
    leverage: Any = INF
    held: Vector = field(default_factory=list)
    constant: Any = 0

    @property
    def n(self) -> int:
        return len(self.lower)

    def residual(self, x: Vector) -> Vector:
        return [o + dot(row, x) for o, row in zip(self.offset, self.G, strict=True)]

    def separable(self, i: int, x: Any) -> Any:
        linear = (self.slope[i] + (self.buy[i] if x > 0 else -self.sell[i])) * x
        return self.curvature[i] * x * x / 2 + linear + self.kappa[i] * abs(x) ** mpf(1.5)

    def objective(self, x: Vector) -> Any:
        z = self.residual(x)
        return dot(z, times(self.Q, z)) / 2 + sum(self.separable(i, x[i]) for i in range(self.n)) + self.constant


@dataclass
class Multipliers:
    """Of a Program's rows: `risk` of z = offset + Gx, `rows` positive where the upper end binds."""

    risk: Vector
    z_lower: Vector
    z_upper: Vector
    rows: Vector
    turnover: Any
    leverage: Any


@dataclass
class Optimum:
    trades: Vector
    objective: Any
    multipliers: Multipliers
    gap: Any


# --- a little linear algebra on lists ---


def dot(a: Sequence[Any], b: Sequence[Any]) -> Any:
    return mp.fdot(zip(a, b, strict=True))


def times(a: Matrix, x: Vector) -> Vector:
    return [dot(row, x) for row in a]


def factor(a: Matrix) -> Matrix:
    """Cholesky's L of a symmetric positive definite matrix."""
    n = len(a)
    lower: Matrix = [[mpf(0)] * n for _ in range(n)]
    for j in range(n):
        for k in range(j + 1):
            rest = a[j][k] - dot(lower[j][:k], lower[k][:k])
            lower[j][k] = mp.sqrt(rest) if j == k else rest / lower[k][k]
    return lower


def solve(lower: Matrix, b: Vector) -> Vector:
    n = len(b)
    x = list(b)
    for j in range(n):
        x[j] = (x[j] - dot(lower[j][:j], x[:j])) / lower[j][j]
    for j in reversed(range(n)):
        x[j] = (x[j] - dot([lower[i][j] for i in range(j + 1, n)], x[j + 1 :])) / lower[j][j]
    return x


# --- the walk ---


@dataclass
class Block:
    """Variables u that meet others only in the global rows A u = b; inequalities C u >= c of their own."""

    u: Vector
    rows: list[int]  # global rows met
    A: Matrix  # one row of coefficients for each of them
    C: Matrix
    c: Vector
    H: Matrix  # constant part of the Hessian
    g: Vector  # constant part of the gradient
    kappa: Any = 0  # of u[0]^1.5 + u[1]^1.5
    s: Vector = field(default_factory=list)
    dual: Vector = field(default_factory=list)

    def gradient(self) -> Vector:
        g = [a + b for a, b in zip(self.g, times(self.H, self.u), strict=True)]
        for j in range(2 if self.kappa else 0):
            g[j] += mpf(1.5) * self.kappa * mp.sqrt(self.u[j])
        return g

    def hessian(self) -> Matrix:
        n = len(self.u)
        H = [[self.H[i][j] + (mpf(10) ** -TINY if i == j else 0) for j in range(n)] for i in range(n)]
        for j in range(2 if self.kappa else 0):
            H[j][j] += mpf(0.75) * self.kappa / mp.sqrt(self.u[j])
        for row, s, dual in zip(self.C, self.s, self.dual, strict=True):
            for i in range(n):
                if row[i]:
                    for j in range(n):
                        if row[j]:
                            H[i][j] += row[i] * row[j] * dual / s
        return H


def exactly(program: Program) -> Program:
    """The same with every double as a number of a hundred digits."""

    def convert(value: Any) -> Any:
        return [convert(v) for v in value] if isinstance(value, (list, tuple)) else mpf(value)

    return Program(**{name: convert(value) for name, value in vars(program).items()})


def minimise(given: Program, size: float = 1.0) -> Optimum:
    """The certified optimum of a feasible program. `size`: about how large trades are, to start from."""
    with mp.workdps(DIGITS):
        program = exactly(given)
        x, multipliers = walk(program, mpf(size))
        return certify(program, x, multipliers)


def walk(p: Program, size: Any) -> tuple[Vector, Multipliers]:
    k, n_rows = len(p.offset), len(p.R)
    fixed = [p.lower[i] == p.upper[i] for i in range(p.n)]
    bounded_turnover, bounded_leverage = mp.isfinite(p.turnover), mp.isfinite(p.leverage)
    turnover_row, leverage_row = k + n_rows, k + n_rows + int(bounded_turnover)
    b = [-o for o in p.offset] + [mpf(0)] * n_rows
    b += [p.turnover] * bounded_turnover + [p.leverage] * bounded_leverage
    blocks: list[Block] = []
    of_asset: dict[int, Block] = {}
    coefficients = [[row[i] for row in p.G] + [row[i] for row in p.R] for i in range(p.n)]
    for i in range(p.n):
        column = coefficients[i]
        if fixed[i]:
            for r, a in enumerate(column):
                b[r] -= a * p.lower[i]
            if bounded_turnover:
                b[turnover_row] -= abs(p.lower[i])
            if bounded_leverage:
                b[leverage_row] -= abs(p.held[i] + p.lower[i])
            continue
        split = bool(p.buy[i] + p.sell[i] > 0 or p.kappa[i] > 0 or bounded_turnover)
        sign = [1, -1] if split else [1]
        n = len(sign) + int(bounded_leverage)
        sign += [0] * bounded_leverage  # the last variable is at least |held + x|
        rows = list(range(k + n_rows))
        A = [[a * s for s in sign] for a in column]
        if bounded_turnover:
            rows.append(turnover_row)
            A.append([1, 1] + [0] * bounded_leverage)
        C: Matrix = []
        c: Vector = []
        if split:
            C += [[1, 0] + [0] * bounded_leverage, [0, 1] + [0] * bounded_leverage]
            c += [mpf(0), mpf(0)]
        if bounded_leverage:
            rows.append(leverage_row)
            A.append([0] * (n - 1) + [1])
            C += [[-s for s in sign[:-1]] + [1], [*sign[:-1], 1]]
            c += [p.held[i], -p.held[i]]
        if mp.isfinite(p.lower[i]):
            C.append(list(sign))
            c.append(p.lower[i])
        if mp.isfinite(p.upper[i]):
            C.append([-s for s in sign])
            c.append(-p.upper[i])
        H = [[p.curvature[i] * s * t for t in sign] for s in sign]
        g = [p.slope[i] * s for s in sign]
        if split:
            g[0] += p.buy[i]
            g[1] += p.sell[i]
        u = [size] * n if split else [mpf(0)] * n
        of_asset[i] = Block(u, rows, A, C, c, H, g, p.kappa[i])
        blocks.append(of_asset[i])
    # z, the ends of rows, and what is left of turnover and leverage
    z_fixed = [j for j in range(k) if p.z_lower[j] == p.z_upper[j]]
    C, c, bound_of = [], [], []
    for j in range(k):
        unit = [int(i == j) for i in range(k)]
        if j in z_fixed:
            continue
        if mp.isfinite(p.z_lower[j]):
            C.append(unit)
            c.append(p.z_lower[j])
            bound_of.append((j, 0))
        if mp.isfinite(p.z_upper[j]):
            C.append([-v for v in unit])
            c.append(-p.z_upper[j])
            bound_of.append((j, 1))
    A = [[-int(i == j) for i in range(k)] for j in range(k)]
    z_rows = list(range(k))
    Q = [list(row) for row in p.Q]
    tilt = [mpf(0)] * k
    for j in z_fixed:
        Q[j][j] += 1  # (z - end)^2 / 2, nothing where z is at its end; keeps the block regular
        tilt[j] -= p.z_lower[j]
        z_rows.append(len(b))
        A.append([int(i == j) for i in range(k)])
        b.append(p.z_lower[j])
    z_block = Block(list(p.offset), z_rows, A, C, c, Q, tilt)
    if k:
        blocks.append(z_block)
    for r in range(n_rows):
        if p.row_lower[r] == p.row_upper[r]:
            b[k + r] += p.row_lower[r]
            continue
        C, c = [], []
        if mp.isfinite(p.row_lower[r]):
            C.append([1])
            c.append(p.row_lower[r])
        if mp.isfinite(p.row_upper[r]):
            C.append([-1])
            c.append(-p.row_upper[r])
        blocks.append(Block([mpf(0)], [k + r], [[-1]], C, c, [[mpf(0)]], [mpf(0)]))
    if bounded_turnover:
        blocks.append(Block([size], [turnover_row], [[1]], [[1]], [mpf(0)], [[mpf(0)]], [mpf(0)]))
    if bounded_leverage:
        blocks.append(Block([size], [leverage_row], [[1]], [[1]], [mpf(0)], [[mpf(0)]], [mpf(0)]))

    y = [mpf(0)] * len(b)
    for block in blocks:
        block.s = [max(dot(row, block.u) - c, size) for row, c in zip(block.C, block.c, strict=True)]
        start = max([abs(v) for v in block.g] + [mpf(1)])
        block.dual = [start] * len(block.s)
    n_pairs = sum(len(block.s) for block in blocks)
    for _ in range(400):
        mu = sum(dot(block.s, block.dual) for block in blocks) / max(n_pairs, 1)
        lack = list(b)
        worst, steepest = mpf(0), mpf(0)
        for block in blocks:
            for r, row in zip(block.rows, block.A, strict=True):
                lack[r] -= dot(row, block.u)
        steps = []
        for block in blocks:
            unmet = [dot(row, block.u) - c - s for row, c, s in zip(block.C, block.c, block.s, strict=True)]
            tilt = block.gradient()
            for r, row in zip(block.rows, block.A, strict=True):
                tilt = [t - a * y[r] for t, a in zip(tilt, row, strict=True)]
            for dual, row in zip(block.dual, block.C, strict=True):
                tilt = [t - a * dual for t, a in zip(tilt, row, strict=True)]
            L = factor(block.hessian())
            moved = [solve(L, [mpf(a) for a in row]) for row in block.A]
            steps.append((block, unmet, tilt, L, moved))
            worst = max([worst, *map(abs, unmet)])
            steepest = max([steepest, *map(abs, tilt)])
        worst = max([worst, *map(abs, lack)])
        # sqrt(x) of a trade that ends at 0 makes the slopes lag behind; the certificate does not rest on them
        if worst < mpf(10) ** -45 and mu < mpf(10) ** -50 and steepest < mpf(10) ** -22:
            break
        S = [[(mpf(10) ** -TINY if i == j else mpf(0)) for j in range(len(b))] for i in range(len(b))]
        for block, _, _, _, moved in steps:
            for i, r in enumerate(block.rows):
                for j, q in enumerate(block.rows):
                    if q <= r:
                        value = dot(block.A[i], moved[j])
                        S[r][q] += value
                        if q != r:
                            S[q][r] += value
        SL = factor(S)

        def direction(wanted: list[Vector], steps: list[Any] = steps, lack: Vector = lack, SL: Matrix = SL) -> Any:
            right = list(lack)
            partial = []
            for (block, unmet, tilt, L, _), aim in zip(steps, wanted, strict=True):
                force = [-t for t in tilt]
                for row, s, dual, miss, a in zip(block.C, block.s, block.dual, unmet, aim, strict=True):
                    weight = (a - dual * miss) / s
                    force = [f + v * weight for f, v in zip(force, row, strict=True)]
                du = solve(L, force)
                partial.append(du)
                for r, row in zip(block.rows, block.A, strict=True):
                    right[r] -= dot(row, du)
            dy = solve(SL, right)
            out = []
            for (block, unmet, _, _, moved), du, aim in zip(steps, partial, wanted, strict=True):
                for r, m in zip(block.rows, moved, strict=True):
                    du = [a + v * dy[r] for a, v in zip(du, m, strict=True)]
                ds = [dot(row, du) + miss for row, miss in zip(block.C, unmet, strict=True)]
                dl = [(a - dual * d) / s for a, dual, d, s in zip(aim, block.dual, ds, block.s, strict=True)]
                out.append((du, ds, dl))
            return dy, out

        def longest(out: list[Any]) -> Any:
            step = mpf(1)
            for block, (_, ds, dl) in zip(blocks, out, strict=True):
                for value, change in [*zip(block.s, ds, strict=True), *zip(block.dual, dl, strict=True)]:
                    if change < 0:
                        step = min(step, -value / change)
            return step

        dy, out = direction([[-s * d for s, d in zip(block.s, block.dual, strict=True)] for block in blocks])
        step = longest(out)
        after = sum(
            dot(
                [s + step * v for s, v in zip(block.s, ds, strict=True)],
                [d + step * v for d, v in zip(block.dual, dl, strict=True)],
            )
            for block, (_, ds, dl) in zip(blocks, out, strict=True)
        ) / max(n_pairs, 1)
        centre = mu * (after / mu) ** 3 if n_pairs else mpf(0)
        aims = [
            [centre - s * d - v * w for s, d, v, w in zip(block.s, block.dual, ds, dl, strict=True)]
            for block, (_, ds, dl) in zip(blocks, out, strict=True)
        ]
        dy, out = direction(aims)
        step = min(mpf(1), longest(out) * max(mpf("0.9"), 1 - mp.sqrt(mu) / 10) if n_pairs else mpf(1))
        y = [a + step * v for a, v in zip(y, dy, strict=True)]
        for block, (du, ds, dl) in zip(blocks, out, strict=True):
            block.u = [a + step * v for a, v in zip(block.u, du, strict=True)]
            block.s = [a + step * v for a, v in zip(block.s, ds, strict=True)]
            block.dual = [a + step * v for a, v in zip(block.dual, dl, strict=True)]
    else:
        raise RuntimeError(f"400 steps and still {mp.nstr(worst, 5)} off, complementarity {mp.nstr(mu, 5)}")

    x = []
    for i in range(p.n):
        if fixed[i]:
            x.append(p.lower[i])
            continue
        u = of_asset[i].u
        x.append(u[0] - u[1] if len(u) - int(bounded_leverage) == 2 else u[0])
    z_low, z_high = [mpf(0)] * k, [mpf(0)] * k
    for (j, side), dual in zip(bound_of, z_block.dual, strict=True):
        (z_low, z_high)[side][j] = dual
    multipliers = Multipliers(
        risk=[-v for v in y[:k]],
        z_lower=z_low,
        z_upper=z_high,
        rows=[-v for v in y[k : k + n_rows]],
        turnover=max(-y[turnover_row], mpf(0)) if bounded_turnover else mpf(0),
        leverage=max(-y[leverage_row], mpf(0)) if bounded_leverage else mpf(0),
    )
    return x, multipliers


# --- the certificate ---


def least(p: Program, i: int, tilt: Any, turnover: Any, leverage: Any, tolerance: Any) -> Any:
    """Minimum over the box of phi_i(x) + tilt x + turnover |x| + leverage |held + x|."""

    def value(x: Any) -> Any:
        return p.separable(i, x) + tilt * x + turnover * abs(x) + (leverage * abs(p.held[i] + x) if leverage else 0)

    held = p.held[i] if leverage else mpf(0)
    corners = sorted({p.lower[i], p.upper[i], mpf(0), -held})
    corners = [c for c in corners if p.lower[i] <= c <= p.upper[i]]
    found = [value(c) for c in corners if mp.isfinite(c)]
    for left, right in itertools.pairwise(corners):
        if mp.isfinite(left) and mp.isfinite(right):
            inside = (left + right) / 2
        elif mp.isfinite(left):
            inside = left + 1
        else:
            inside = right - 1 if mp.isfinite(right) else mpf(1)
        side = 1 if inside > 0 else -1
        line = p.slope[i] + tilt + (p.buy[i] if side > 0 else -p.sell[i]) + side * turnover
        line += leverage if held + inside > 0 else -leverage
        h, kappa, push = p.curvature[i], p.kappa[i], -line * side  # h r + 1.5 kappa sqrt(r) = push, r = |x|
        if push > 0 and (h > 0 or kappa > 0):
            root = 2 * push / (mpf(1.5) * kappa + mp.sqrt((mpf(1.5) * kappa) ** 2 + 4 * h * push))
            x = side * root * root
            if left <= x <= right:
                found.append(value(x))
        elif push > tolerance and not (mp.isfinite(left) and mp.isfinite(right)):
            raise AssertionError(f"asset {i}: the Lagrangian falls without end at slope {mp.nstr(push, 5)}")
    return min(found)


def violation(p: Program, x: Vector) -> Any:
    """The most that any row is missed by, in units of 1 + what stands in it."""
    worst = mpf(0)

    def see(value: Any, low: Any, high: Any) -> None:
        nonlocal worst
        worst = max(worst, (low - value) / (1 + abs(value)), (value - high) / (1 + abs(value)))

    for i in range(p.n):
        see(x[i], p.lower[i], p.upper[i])
    for value, low, high in zip(p.residual(x), p.z_lower, p.z_upper, strict=True):
        see(value, low, high)
    for row, low, high in zip(p.R, p.row_lower, p.row_upper, strict=True):
        see(dot(row, x), low, high)
    see(sum(map(abs, x)), -mp.inf, p.turnover)
    if mp.isfinite(p.leverage):
        see(sum(abs(h + v) for h, v in zip(p.held, x, strict=True)), -mp.inf, p.leverage)
    return worst


def lower_bound(p: Program, x: Vector, m: Multipliers, slack: Any) -> Any:
    """What no feasible point can beat: the least of the Lagrangian, with 1/2 z'Qz replaced by its tangent at x.

    `slack`: slopes this small, relative to 1 + the tilt, count as none where a box has no end.
    """
    z = p.residual(x)
    Qz = times(p.Q, z)
    bound = -dot(z, Qz) / 2 + p.constant
    risk = []
    for j in range(len(z)):
        if p.z_lower[j] == p.z_upper[j]:
            risk.append(m.risk[j])
            bound += (Qz[j] - m.risk[j]) * p.z_lower[j]
        else:
            risk.append(Qz[j] - m.z_lower[j] + m.z_upper[j])
            bound += m.z_lower[j] * p.z_lower[j] if m.z_lower[j] else 0
            bound -= m.z_upper[j] * p.z_upper[j] if m.z_upper[j] else 0
    bound += dot(risk, p.offset)
    rows = []
    for r in range(len(p.R)):
        end = p.row_upper[r] if m.rows[r] > 0 else p.row_lower[r]
        rows.append(m.rows[r] if mp.isfinite(end) else mpf(0))
        bound -= rows[r] * end if rows[r] else 0
    bound -= m.turnover * p.turnover if m.turnover else 0
    bound -= m.leverage * p.leverage if m.leverage else 0
    for i in range(p.n):
        tilt = dot(risk, [row[i] for row in p.G]) + dot(rows, [row[i] for row in p.R])
        bound += least(p, i, tilt, m.turnover, m.leverage, slack * (1 + abs(tilt)))
    return bound


def terms(p: Program, x: Vector) -> Any:
    """The objective with every term taken positive: what rounding is relative to."""
    z = p.residual(x)
    return abs(dot(z, times(p.Q, z))) + sum(abs(p.separable(i, x[i])) for i in range(p.n)) + abs(p.constant)


def certify(p: Program, x: Vector, m: Multipliers) -> Optimum:
    """The optimum, once no feasible point can be better than x by more than 1e-30 of the objective's terms."""
    if (missed := violation(p, x)) > mpf(10) ** -35:
        raise AssertionError(f"the trades miss a row by {mp.nstr(missed, 5)}")
    value, bound = p.objective(x), lower_bound(p, x, m, mpf(10) ** -40)
    if abs(value - bound) > mpf(10) ** -30 * terms(p, x) + mpf(10) ** -42:
        raise AssertionError(f"objective {mp.nstr(value, 30)} but the bound is {mp.nstr(bound, 30)}")
    return Optimum(x, value, m, value - bound)


# --- hedges ---


def hedge_program(d: dict[str, Any]) -> Program:
    """min 1/2 (e+Gx)'Q(e+Gx) + sum(buy x+ + sell x-) + 1/2 sum impact x^2, boxes, |e+Gx| <= limit, rows."""
    k, n = len(d["exposure"]), len(d["lower"])
    penalty = d["penalty"]
    Q = penalty if isinstance(penalty[0], list) else [[penalty[i] * (i == j) for j in range(k)] for i in range(k)]
    limit = d["limit"] or [None] * k
    high = [INF if v is None else v for v in limit]
    R = d.get("rows") or []
    return Program(
        Q=Q,
        offset=d["exposure"],
        G=d["greeks"],
        lower=d["lower"],
        upper=d["upper"],
        buy=d["cost_buy"],
        sell=d["cost_sell"],
        curvature=d["impact"],
        slope=[0.0] * n,
        kappa=[0.0] * n,
        z_lower=[-v for v in high],
        z_upper=high,
        R=R,
        row_lower=[-INF if v is None else v for v in d.get("row_lower") or [None] * len(R)],
        row_upper=[INF if v is None else v for v in d.get("row_upper") or [None] * len(R)],
    )


def widening_program(d: dict[str, Any]) -> Program:
    """Least sum of what has to be added to the limits: one more trade per Greek that costs 1 either way."""
    p = hedge_program(d)
    k, n = len(p.offset), p.n
    free = [INF] * k
    return Program(
        Q=[[0.0] * k for _ in range(k)],
        offset=p.offset,
        G=[[*row, *(float(i == j) for j in range(k))] for i, row in enumerate(p.G)],
        lower=[*p.lower, *[-v for v in free]],
        upper=[*p.upper, *free],
        buy=[0.0] * n + [1.0] * k,
        sell=[0.0] * n + [1.0] * k,
        curvature=[0.0] * (n + k),
        slope=[0.0] * (n + k),
        kappa=[0.0] * (n + k),
        z_lower=p.z_lower,
        z_upper=p.z_upper,
        R=[[*row, *[0.0] * k] for row in p.R],
        row_lower=p.row_lower,
        row_upper=p.row_upper,
    )


def chain_hedge(seed: int, n: int, *, k: int = 4, scale: float = 1.0) -> dict[str, Any]:
    """A hedge as an options desk has it: delta, gamma, vega, vanna of a chain, with gamma 1e-5 beside vega 1e2."""
    r = random.Random(seed)
    unit = [1.0, 2e-5, 60.0, 0.3, 1e4, -40.0][:k]
    greeks = []
    for j in range(k):
        row = []
        for i in range(n):
            moneyness, years = r.uniform(-2, 2), r.uniform(0.05, 1)
            bell = 2.718281828459045 ** (-moneyness * moneyness / 2)
            shape = [
                0.5 - moneyness / 5,
                bell / years**0.5,
                bell * years**0.5,
                moneyness * bell,
                moneyness**2 * bell,
                bell,
            ]
            row.append(unit[j] * shape[j] * (1 if i % 2 or j else -1))
        greeks.append(row)
    spread = [0.5 + r.random() for _ in range(n)]
    return {
        "greeks": greeks,
        "exposure": [scale * u * r.gauss(0, 8) for u in unit],
        "penalty": [3.0 / (u * u) for u in unit],
        "cost_buy": spread,
        "cost_sell": [v * r.uniform(0.5, 1.5) for v in spread],
        "impact": [0.01 / scale * r.uniform(0.5, 2) for _ in range(n)],
        "lower": [-5.0 * scale] * n,
        "upper": [5.0 * scale] * n,
        "limit": None,
    }


def hedge_instances() -> list[dict[str, Any]]:
    """What a desk meets, and what solvers trip over."""
    out: list[dict[str, Any]] = []

    def add(name: str, data: dict[str, Any], **changes: Any) -> None:
        out.append({"name": name, **data, **changes})

    for n in (10, 20, 100):
        add(f"desk, {n} instruments", chain_hedge(n, n))
    base = chain_hedge(1, 8)
    add("six Greeks, full penalty", full_penalty(chain_hedge(2, 12, k=6)))
    add("one instrument", chain_hedge(3, 1))
    add("one instrument, one Greek, no cost", {**chain_hedge(4, 1, k=1), "cost_buy": [0.0], "cost_sell": [0.0]})
    add("cost too high to trade", base, cost_buy=[1e6] * 8, cost_sell=[1e6] * 8)
    add("zero cost on the buying side", base, cost_buy=[0.0] * 8)
    add("zero cost on the selling side", base, cost_sell=[0.0] * 8)
    add("no cost at all", base, cost_buy=[0.0] * 8, cost_sell=[0.0] * 8)
    add("zero impact", base, impact=[0.0] * 8)
    add("zero impact, zero cost on one side", base, impact=[0.0] * 8, cost_buy=[0.0] * 8)
    add("zero impact, no cost", base, impact=[0.0] * 8, cost_buy=[0.0] * 8, cost_sell=[0.0] * 8)
    add("impact on some", base, impact=[0.0, 0.01] * 4)
    add("all boxes zero", base, lower=[0.0] * 8, upper=[0.0] * 8)
    add("some boxes zero", base, lower=[0.0, -5.0] * 4, upper=[0.0, 5.0] * 4)
    add("boxes on one side", base, lower=[0.0, -5.0] * 4, upper=[5.0, 0.0] * 4)
    add("boxes away from zero", base, lower=[1.0, -5.0] * 4, upper=[5.0, -1.0] * 4)
    add("no boxes", base, lower=[-INF] * 8, upper=[INF] * 8)
    add("no exposure", base, exposure=[0.0] * 4)
    add("no penalty", base, penalty=[0.0] * 4)
    add("a Greek without penalty", base, penalty=[*base["penalty"][:3], 0.0])
    add("penalty of rank one", base, penalty=outer([1.0, 2.0**15, 2.0**-7, 2.0]))  # exact products
    # limits
    e = base["exposure"]
    loose = [abs(v) * 2 for v in e]
    add("limits that do not bind", base, limit=loose)
    add("limits that bind", base, limit=[abs(v) * 0.1 for v in e], lower=[-200.0] * 8, upper=[200.0] * 8)
    add("one limit", base, limit=[abs(e[0]) * 0.05, None, None, None])
    add("delta held at zero", base, limit=[0.0, None, None, None])
    add("delta and gamma held at zero", base, limit=[0.0, 0.0, None, None], lower=[-100.0] * 8, upper=[100.0] * 8)
    add("all Greeks held at zero", base, limit=[0.0] * 4, lower=[-1e4] * 8, upper=[1e4] * 8)
    wide = {**base, "lower": [-1e4] * 8, "upper": [1e4] * 8, "limit": [abs(v) * 0.01 for v in e]}
    add("linear programme: no penalty, no impact, limits", wide, penalty=[0.0] * 4, impact=[0.0] * 8)
    add("linear programme with equalities", wide, penalty=[0.0] * 4, impact=[0.0] * 8, limit=[0.0, 0.0, None, None])
    add("linear programme, zero cost of buying", wide, penalty=[0.0] * 4, impact=[0.0] * 8, cost_buy=[0.0] * 8)
    # no free instrument while a limit binds: the first trade meets the limit at the end of its box
    corner = {
        "greeks": [[1.0, 1.0]],
        "exposure": [10.0],
        "penalty": [0.0],
        "cost_buy": [1.0, 2.0],
        "cost_sell": [1.0, 2.0],
        "impact": [0.0, 0.0],
        "lower": [-4.0, -4.0],
        "upper": [4.0, 4.0],
    }
    add("no free instrument while a limit binds", corner, limit=[6.0])
    add("no free instrument while a limit binds, with impact", corner, limit=[2.0], impact=[0.5, 0.25])
    add("a limit reached with everything at its box, penalised", corner, limit=[2.0], penalty=[0.3])
    add("an equality met at a corner", {**corner, "exposure": [8.0]}, limit=[0.0])
    add("two limits, no free instrument", two_limits())
    # collinear
    twins = chain_hedge(5, 4)
    doubled = {
        key: [*v, *v] if key in ("cost_buy", "cost_sell", "impact", "lower", "upper") else v for key, v in twins.items()
    }
    doubled["greeks"] = [[*row, *row] for row in twins["greeks"]]
    add("every instrument twice", doubled)
    add("every instrument twice, zero impact", doubled, impact=[0.0] * 8)
    add(
        "every instrument twice, dearer the second time",
        doubled,
        cost_buy=[*twins["cost_buy"], *(v * 1.5 for v in twins["cost_buy"])],
    )
    one = {**base, "greeks": [[u * g for g in base["greeks"][2]] for u in (0.01, 1e-7, 1.0, 0.002)]}
    add("all Greeks proportional", one)
    add("all Greeks proportional, zero impact", one, impact=[0.0] * 8)
    add("all Greeks proportional, limits", one, exposure=[0.6, 6e-6, 60.0, 0.12], limit=[0.3, 3e-6, 30.0, 0.06])
    # by powers of two: rounded products would be two equalities that differ in their last bits
    exactly = (2.0**-7, 2.0**-23, 1.0, 2.0**-9)
    add(
        "delta and gamma proportional, both held at zero",
        {
            **base,
            "greeks": [[u * g for g in base["greeks"][2]] for u in exactly],
            "exposure": [60.0 * u for u in exactly],
        },
        limit=[0.0, 0.0, None, None],
    )
    nearly = [[g * (1 + 1e-9 * i) for i, g in enumerate(row)] for row in one["greeks"]]
    add("nearly proportional", {**one, "greeks": nearly}, impact=[0.0] * 8)
    add("an instrument without Greeks", {**base, "greeks": [[0.0, *row[1:]] for row in base["greeks"]]})
    add("a Greek that nothing moves", {**base, "greeks": [*base["greeks"][:3], [0.0] * 8]})
    # scales
    for power in (-9, -5, 5, 9):
        s = 10.0**power
        add(f"contracts of 1e{power}", scaled(base, contract=s))
        add(f"money in units of 1e{power}", scaled(base, money=s))
    add("Greeks of very different size", scaled(base, greek=[1e6, 1e-9, 1e3, 1e-4]))
    add(
        "Greeks of very different size, limits",
        scaled(
            {**base, "limit": [abs(v) * 0.5 for v in e], "lower": [-50.0] * 8, "upper": [50.0] * 8},
            greek=[1e6, 1e-9, 1e3, 1e-4],
        ),
    )
    # rows: margin, premium budget
    margin = [abs(v) for v in base["cost_buy"]]
    add("a premium budget", base, rows=[[2.0, 1.0, 3.0, 1.5] * 2], row_lower=[None], row_upper=[-20.0])
    add("a premium budget held exactly", base, rows=[[2.0, 1.0, 3.0, 1.5] * 2], row_lower=[0.0], row_upper=[0.0])
    add("two rows", base, rows=[[2.0, 1.0, 3.0, 1.5] * 2, margin], row_lower=[None, -3.0], row_upper=[-20.0, 3.0])
    add(
        "rows and limits",
        {**base, "limit": [abs(e[0]) * 0.2, None, None, None]},
        rows=[margin],
        row_lower=[-4.0],
        row_upper=[4.0],
    )
    add(
        "a row that repeats a limit",
        base,
        limit=[abs(e[0]) * 0.05, None, None, None],
        rows=[base["greeks"][0]],
        row_lower=[-e[0] - abs(e[0]) * 0.05],
        row_upper=[-e[0] + abs(e[0]) * 0.05],
    )
    # nothing holds
    add("limit out of reach", corner, limit=[1.0], status="infeasible")
    add(
        "limits that contradict each other",
        one,
        exposure=[0.6, -6e-6, 60.0, 0.12],
        limit=[0.1, 1e-6, None, None],
        status="infeasible",
    )
    add(
        "an equality out of reach",
        base,
        limit=[0.0, None, None, None],
        lower=[0.0] * 8,
        upper=[0.0] * 8,
        status="infeasible",
    )
    return out


def full_penalty(d: dict[str, Any]) -> dict[str, Any]:
    q = d["penalty"]
    n = len(q)
    return {**d, "penalty": [[(q[i] * q[j]) ** 0.5 * (1.0 if i == j else 0.3) for j in range(n)] for i in range(n)]}


def outer(v: Vector) -> Matrix:
    return [[a * b for b in v] for a in v]


def scaled(
    d: dict[str, Any], contract: float = 1.0, money: float = 1.0, greek: Sequence[float] = (1.0,) * 4
) -> dict[str, Any]:
    """The same hedge in other units: so many times as many contracts, money and Greeks in other units."""
    return {
        **d,
        "greeks": [[g * u / contract for g in row] for u, row in zip(greek, d["greeks"], strict=True)],
        "exposure": [v * u for u, v in zip(greek, d["exposure"], strict=True)],
        "penalty": [q * money / (u * u) for u, q in zip(greek, d["penalty"], strict=True)],
        "cost_buy": [v * money / contract for v in d["cost_buy"]],
        "cost_sell": [v * money / contract for v in d["cost_sell"]],
        "impact": [v * money / contract / contract for v in d["impact"]],
        "lower": [v * contract for v in d["lower"]],
        "upper": [v * contract for v in d["upper"]],
        "limit": None if d["limit"] is None else [v * u for u, v in zip(greek, d["limit"], strict=True)],
    }


def two_limits() -> dict[str, Any]:
    return {
        "greeks": [[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]],
        "exposure": [5.0, 5.0],
        "penalty": [0.0, 0.0],
        "cost_buy": [1.0, 1.0, 3.0],
        "cost_sell": [1.0, 1.0, 3.0],
        "impact": [0.0] * 3,
        "lower": [-2.0, -3.0, 0.0],
        "upper": [2.0, 3.0, 0.0],
        "limit": [3.0, 2.0],
    }


def text(x: Any, digits: int = 40) -> str:
    if abs(x) < mpf(10) ** -30:  # what the walk leaves of nothing
        return "0"
    return mp.nstr(x, digits, min_fixed=-5, max_fixed=5)


def storable(value: Any) -> Any:
    """JSON has no infinity: none is written as null."""
    if isinstance(value, (list, tuple)):
        return [storable(v) for v in value]
    return None if isinstance(value, float) and value in (INF, -INF) else value


def hedge_answer(d: dict[str, Any]) -> dict[str, Any]:
    if d.get("status") == "infeasible":
        best = minimise(widening_program(d), max([1.0, *map(abs, d["upper"])]))
        n = len(d["lower"])
        return {"objective": None, "trades": None, "widening": [text(abs(v)) for v in best.trades[n:]]}
    bounds = [abs(v) for v in (*d["lower"], *d["upper"]) if v not in (INF, -INF)]
    best = minimise(hedge_program(d), max([*bounds, 1e-12]) if bounds else 1.0)
    return {"status": "solved", "objective": text(best.objective), "trades": [text(v) for v in best.trades]}


#: Too long to store: made from the seed where it is needed, by `chain_hedge(*arguments)`.
LARGE_HEDGES = {"desk, 1000 instruments": (1000, 1000)}


def make_hedges() -> None:
    made = []
    for name, arguments in LARGE_HEDGES.items():
        answer = hedge_answer(chain_hedge(*arguments))
        made.append(
            {"name": name, "chain_hedge": arguments, "status": answer["status"], "objective": answer["objective"]}
        )
        print(name, answer["objective"])
    for d in hedge_instances():
        made.append({**storable(d), **hedge_answer(d)})
        print(d["name"], made[-1]["objective"])
    lines = ",\n".join(json.dumps(d) for d in made)
    (HERE / "hedge_instances.json").write_text(f"[\n{lines}\n]\n")


# --- rebalances ---


def rebalance_program(d: dict[str, Any]) -> Program:
    """The problem of rebalance_core.sizing.rebalance, with z = B'(w + x - t)."""
    with mp.workdps(DIGITS):
        n = len(d["weights"])

        def column(name: str, default: float = 0.0) -> Vector:
            value = d.get(name, default)
            return [mpf(v) for v in value] if isinstance(value, list) else [mpf(value)] * n

        w, t = column("weights"), column("target")
        off = [a - b for a, b in zip(w, t, strict=True)]
        g = mpf(d.get("risk_aversion", 1.0))
        specific, alpha = column("specific_var"), column("alpha")
        B = [[mpf(v) for v in row] for row in d.get("loadings") or [[]] * n]
        F = d.get("factor_cov") or []
        k = len(F)
        if k and not isinstance(F[0], list):
            F = [[F[i] if i == j else 0.0 for j in range(k)] for i in range(k)]
        G = [[B[i][j] for i in range(n)] for j in range(k)]
        lower, upper = column("lower", -INF), column("upper", INF)
        return Program(
            Q=[[g * v for v in row] for row in F],
            offset=[dot(row, off) for row in G],
            G=G,
            lower=[a - b for a, b in zip(lower, w, strict=True)],
            upper=[a - b for a, b in zip(upper, w, strict=True)],
            buy=column("cost_buy"),
            sell=column("cost_sell"),
            curvature=[g * v + q for v, q in zip(specific, column("impact_quadratic"), strict=True)],
            slope=[g * v * o - a for v, o, a in zip(specific, off, alpha, strict=True)],
            kappa=column("impact"),
            z_lower=[-INF] * k,
            z_upper=[INF] * k,
            R=[[1.0] * n],
            row_lower=[d.get("budget", 0.0)],
            row_upper=[d.get("budget", 0.0)],
            turnover=INF if d.get("turnover") is None else d["turnover"],
            leverage=INF if d.get("leverage") is None else d["leverage"],
            held=w,
            constant=g / 2 * sum(v * o * o for v, o in zip(specific, off, strict=True)),
        )


def factor_rebalance(seed: int, n: int, k: int, *, power: float = 0.0) -> dict[str, Any]:
    """An equity-like book: market and style factors, a target that has drifted away, costs of some basis points."""
    r = random.Random(seed)
    weights = [r.random() for _ in range(n)]
    target = [max(v + r.gauss(0, 0.3), 0.0) for v in weights]
    weights, target = ([v / sum(side) for v in side] for side in (weights, target))
    spread = [r.uniform(0.2, 2.0) * 2e-4 for _ in range(n)]
    return {
        "weights": weights,
        "target": target,
        "loadings": [[r.gauss(1.0 if j == 0 else 0.0, 0.4) for j in range(k)] for _ in range(n)],
        "factor_cov": [0.04 * 0.7**j for j in range(k)],
        "specific_var": [r.uniform(0.01, 0.1) for _ in range(n)],
        "risk_aversion": 5.0,
        "cost_buy": spread,
        "cost_sell": [v * r.uniform(0.8, 1.3) for v in spread],
        "impact": [power * r.uniform(0.5, 2.0) for _ in range(n)],
        "lower": 0.0,
        "upper": 1.0,
    }


def rebalance_instances() -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []

    def add(name: str, data: dict[str, Any], **changes: Any) -> None:
        out.append({"name": name, **data, **changes})

    base = factor_rebalance(1, 10, 3)
    moved = sum(abs(a - b) for a, b in zip(base["weights"], base["target"], strict=True))
    gross = sum(base["weights"])
    full = [[0.04, 0.01, 0.0], [0.01, 0.02, -0.005], [0.0, -0.005, 0.01]]
    add("quadratic", base)
    add("full factor covariance", base, factor_cov=full)
    add("power", factor_rebalance(2, 10, 3, power=1e-3))
    add("forty assets, quadratic", factor_rebalance(3, 40, 5), turnover=0.1)
    add("forty assets, power", factor_rebalance(4, 40, 5, power=3e-3), turnover=0.1)
    add("no cost", base, cost_buy=0.0, cost_sell=0.0)
    add("zero cost on the buying side", base, cost_buy=0.0)
    add("zero cost on the selling side", base, cost_sell=0.0)
    add("power alone", base, cost_buy=0.0, cost_sell=0.0, impact=[1e-3] * 10)
    add("cost too high to trade", base, cost_buy=1.0, cost_sell=1.0)
    add("quadratic impact", base, impact_quadratic=[0.01] * 10)
    add("both impacts", base, impact_quadratic=[0.01] * 10, impact=[1e-3] * 10)
    add("power on some", base, impact=[0.0, 1e-3] * 5)
    add("turnover binds", base, turnover=0.3 * moved)
    add("turnover barely binds", base, turnover=0.05 * moved)
    add("no turnover allowed", base, turnover=0.0)
    add("cash to invest", base, budget=0.2)
    add("cash to invest and nothing more", base, budget=0.2, turnover=0.2)
    add("cash to raise", base, budget=-0.3, turnover=0.4)
    add("everything sold", base, budget=-gross)
    add("from cash", base, weights=[0.0] * 10, budget=1.0)
    add("alpha", base, alpha=[0.01 * ((-1) ** i) * i for i in range(10)])
    add("alpha, power", base, alpha=[0.01 * ((-1) ** i) * i for i in range(10)], impact=[2e-3] * 10)
    add("alpha alone", base, risk_aversion=0.0, alpha=[0.001 * i for i in range(10)])
    add("alpha alone, impact", base, risk_aversion=0.0, alpha=[0.001 * i for i in range(10)], impact=[2e-3] * 10)
    add("long and short", base, lower=-1.0, target=[(-1.0) ** i * 0.2 for i in range(10)])
    add("no bounds", base, lower=-INF, upper=INF, target=[(-1.0) ** i * 0.2 for i in range(10)])
    add("leverage binds", base, lower=-1.0, target=[(-1.0) ** i * 0.2 for i in range(10)], leverage=1.2)
    add(
        "leverage binds, power",
        base,
        lower=-1.0,
        target=[(-1.0) ** i * 0.2 for i in range(10)],
        leverage=1.2,
        impact=[1e-3] * 10,
    )
    add(
        "leverage and turnover bind",
        base,
        lower=-1.0,
        target=[(-1.0) ** i * 0.2 for i in range(10)],
        leverage=1.1,
        turnover=0.9,
    )
    short = [(-1.0) ** i * 0.15 for i in range(10)]
    add("leverage to be cut", base, weights=short, lower=-1.0, leverage=1.0)
    add(
        "leverage to be cut, turnover binds", base, weights=short, target=short, lower=-1.0, leverage=1.1, turnover=0.45
    )
    add("leverage as low as it goes", base, weights=short, target=short, lower=-1.0, leverage=0.0)
    add("no specific variance", base, specific_var=0.0)
    add("no specific variance on some", base, specific_var=[0.0, 0.05] * 5)
    add("no specific variance, turnover binds", base, specific_var=0.0, turnover=0.3 * moved)
    add("no specific variance, power on some", base, specific_var=0.0, impact=[0.0, 1e-3] * 5)
    add("no specific variance, no cost", base, specific_var=0.0, cost_buy=0.0, cost_sell=0.0)
    add(
        "a riskless asset",
        base,
        specific_var=[0.0, *base["specific_var"][1:]],
        loadings=[[0.0] * 3, *base["loadings"][1:]],
    )
    add("tiny specific variance", base, specific_var=1e-10)
    add("specific variance of very different size", base, specific_var=[10.0 ** (-i) for i in range(10)])
    add("every asset twice", twice(factor_rebalance(5, 5, 2)))
    add("every asset twice, no specific variance", twice({**factor_rebalance(5, 5, 2), "specific_var": [0.0] * 5}))
    add("collinear factors", base, loadings=[[a, 2 * a, -a] for a, _, _ in base["loadings"]])
    add("a factor that nothing loads on", base, loadings=[[a, 0.0, b] for a, _, b in base["loadings"]])
    add("a factor without variance", base, factor_cov=[0.04, 0.0, 0.01])
    add("factors outnumber assets", factor_rebalance(6, 4, 8))
    add("no factors", {**base, "loadings": None, "factor_cov": None})
    add("one asset", {**factor_rebalance(7, 1, 2)}, weights=[0.4], target=[0.9], budget=0.1)
    add("two assets", factor_rebalance(8, 2, 1))
    add(
        "bounds closed on some",
        base,
        lower=[v if i % 2 else 0.0 for i, v in enumerate(base["weights"])],
        upper=[v if i % 2 else 1.0 for i, v in enumerate(base["weights"])],
    )
    add("bounds closed on all", base, lower=base["weights"], upper=base["weights"])
    add("bounds that force trades", base, upper=0.12)
    add("already there", base, target=base["weights"])
    for power in (-6, -3, 3, 6):
        s = 10.0**power
        add(f"money in units of 1e{power}", in_units(base, s), turnover=0.3 * moved * s)
        add(f"money in units of 1e{power}, power", in_units(factor_rebalance(2, 10, 3, power=1e-3), s))
    add("risk aversion 1e6", base, risk_aversion=1e6)
    add("risk aversion 1e-6", base, risk_aversion=1e-6)
    add("budget below the bounds", base, budget=-2.0, status="infeasible", impossible="budget")
    add("budget above the bounds", base, upper=0.15, budget=0.75, status="infeasible", impossible="budget")
    add("turnover below the budget", base, budget=0.2, turnover=0.1, status="infeasible", impossible="turnover")
    add("turnover too low for the bounds", base, upper=0.12, turnover=0.01, status="infeasible", impossible="turnover")
    add("leverage below the budget", base, leverage=0.9, status="infeasible", impossible="leverage")
    add(
        "leverage and turnover apart",
        base,
        weights=short,
        target=short,
        lower=-1.0,
        leverage=0.9,
        turnover=0.2,
        status="infeasible",
        impossible="leverage",
    )
    return out


def twice(d: dict[str, Any]) -> dict[str, Any]:
    """Each asset in two halves."""
    return {key: ([*v, *v] if isinstance(v, list) and key != "factor_cov" else v) for key, v in d.items()} | {
        side: [v / 2 for v in (*d[side], *d[side])] for side in ("weights", "target")
    }


def in_units(d: dict[str, Any], s: float) -> dict[str, Any]:
    """Weights in other units; risk aversion and impact so that nothing else changes."""
    return {
        **d,
        "weights": [v * s for v in d["weights"]],
        "target": [v * s for v in d["target"]],
        "risk_aversion": d["risk_aversion"] / s,
        "impact": [v / s**0.5 for v in d["impact"]],
        "upper": d["upper"] * s,
    }


def relaxed_value(d: dict[str, Any], row: str) -> Any:
    """The value of the impossible row `row` next to the one that is asked for that something satisfies."""
    p = exactly(rebalance_program(d))
    n = p.n
    if row == "budget":
        return min((sum(p.lower), sum(p.upper)), key=lambda end: abs(end - p.row_lower[0]))
    # linear programmes in x = bought - sold and held + x = long - short
    unit = [[int(i == j) for j in range(n)] for i in range(n)]
    opposite = [[-v for v in line] for line in unit]
    nothing = [0] * n
    rows = [[*a, *b, *c, *e] for a, b, c, e in zip(opposite, unit, unit, opposite, strict=True)]
    rows += [[*a, *b, *nothing, *nothing] for a, b in zip(unit, opposite, strict=True)]
    rows += [[1] * n + [-1] * n + nothing * 2, [1] * n + [1] * n + nothing * 2]
    low = [*p.held, *p.lower, p.row_lower[0], -mp.inf]
    high = [*p.held, *p.upper, p.row_upper[0], mp.inf if row == "turnover" else p.turnover]
    price = [1] * (2 * n) + [0] * (2 * n) if row == "turnover" else [0] * (2 * n) + [1] * (2 * n)
    zeros = [0] * (4 * n)
    programme = Program(
        Q=[],
        offset=[],
        G=[],
        lower=zeros,
        upper=[mp.inf] * (4 * n),
        buy=zeros,
        sell=zeros,
        curvature=zeros,
        slope=price,
        kappa=zeros,
        z_lower=[],
        z_upper=[],
        R=rows,
        row_lower=low,
        row_upper=high,
    )
    return minimise(programme).objective


def rebalance_answer(d: dict[str, Any]) -> dict[str, Any]:
    size = max(abs(v) for v in (*d["weights"], *d["target"])) or 1.0
    if (row := d.get("impossible")) is None:
        best = minimise(rebalance_program(d), size)
        return {"status": "solved", "objective": text(best.objective), "trades": [text(v) for v in best.trades]}
    with mp.workdps(DIGITS):
        value = relaxed_value(d, row)
        by = value - mpf(d.get(row, 0.0))
        # a hair of room, so that there is an inside to walk in; the objective moves by as little
        room = 0 if row == "budget" else abs(value) * mpf(10) ** -20
        best = minimise(rebalance_program({**d, row: value + room}), size)
        return {"relaxation": text(by), "objective": text(best.objective, 15)}


def make_rebalances() -> None:
    made = []
    for d in rebalance_instances():
        made.append({**storable(d), **rebalance_answer(d)})
        print(d["name"], made[-1].get("objective"))
    lines = ",\n".join(json.dumps(d) for d in made)
    (HERE / "rebalance_instances.json").write_text(f"[\n{lines}\n]\n")


def main() -> None:
    wanted = sys.argv[1:] or ["hedge", "rebalance"]
    if "hedge" in wanted:
        make_hedges()
    if "rebalance" in wanted:
        make_rebalances()


if __name__ == "__main__":
    main()
