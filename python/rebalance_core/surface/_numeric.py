"""Small numerical tools: least squares from several starts at once, minima and roots on a line."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

#: Residuals (starts, n) and their Jacobian (starts, n, parameters) at parameters (starts, p).
Residuals = Callable[[Floats], tuple[Floats, Floats]]


def least_squares(
    residuals: Residuals, start: Floats, iterations: int = 60, tolerance: float = 1e-6
) -> tuple[Floats, float]:
    """The best of several Levenberg-Marquardt searches that take every step together, and its sum of squares.

    Levenberg (1944) and Marquardt (1963), with the damping scaled by the diagonal. Steps that lead to a residual that
    is not finite are refused like those that lead uphill.
    """
    x = np.array(start)
    r, jacobian = residuals(x)
    cost = _cost(r)
    normal, gradient = _normal(r, jacobian)
    damping = np.full(len(x), 1e-3)
    for _ in range(iterations):
        diagonal = np.einsum("spp->sp", normal)
        scale = np.maximum(diagonal, 1e-14 * diagonal.max(axis=1, keepdims=True)) + 1e-300
        damped = normal + np.einsum("sp,pq->spq", damping[:, None] * scale, np.eye(x.shape[1]))
        step = -np.linalg.solve(damped, gradient[..., None])[..., 0]
        tried = x + step
        r_tried, jacobian_tried = residuals(tried)
        cost_tried = _cost(r_tried)
        better = cost_tried < cost
        gain = np.where(better, cost - cost_tried, np.inf)
        x = np.where(better[:, None], tried, x)
        if better.any():
            normal_tried, gradient_tried = _normal(r_tried, jacobian_tried)
            normal = np.where(better[:, None, None], normal_tried, normal)
            gradient = np.where(better[:, None], gradient_tried, gradient)
        settled = (gain <= tolerance * cost) | (damping > 1e8) | (cost <= 1e-24)
        cost = np.where(better, cost_tried, cost)
        damping = np.clip(np.where(better, damping * 0.2, damping * 8.0), 1e-14, 1e12)
        if settled.all():
            break
    best = int(np.argmin(cost))
    return x[best], float(cost[best])


def _normal(r: Floats, jacobian: Floats) -> tuple[Floats, Floats]:
    transposed = np.swapaxes(jacobian, 1, 2)
    return transposed @ jacobian, (transposed @ r[..., None])[..., 0]


def _cost(r: Floats) -> Floats:
    cost = np.einsum("sn,sn->s", r, r)
    return np.where(np.isfinite(cost), cost, np.inf)


def by_differences(function: Callable[[Floats], Floats], step: float = 1e-6) -> Residuals:
    """Residuals with a Jacobian from forward differences; ``function`` takes (..., p) to (..., n)."""

    def residuals(x: Floats) -> tuple[Floats, Floats]:
        starts, p = x.shape
        width = step * np.maximum(np.abs(x), 1.0)
        moved = np.concatenate([x[:, None, :], x[:, None, :] + width[:, None, :] * np.eye(p)], axis=1)
        values = function(moved.reshape(-1, p)).reshape(starts, p + 1, -1)
        slopes = (values[:, 1:] - values[:, :1]) / width[:, :, None]
        return values[:, 0], np.swapaxes(slopes, 1, 2)

    return residuals


def least(function: Callable[[Floats], Floats], x: Floats) -> tuple[float, float]:
    """Where a function is least on the line and its value there: every dip of the grid, refined.

    A pass looks at 17 points between the neighbours of the lowest one, so that 9 passes leave 1e-8 of the first gap.
    """
    y = function(x)
    inner = np.flatnonzero((y[1:-1] <= y[:-2]) & (y[1:-1] <= y[2:])) + 1
    dips = inner[np.argsort(y[inner])[:8]]
    best = int(np.argmin(y))
    at, value = float(x[best]), float(y[best])
    if len(dips):
        low, high, row = x[dips - 1], x[dips + 1], np.arange(len(dips))
        for _ in range(9):
            points = low[:, None] + (high - low)[:, None] * np.linspace(0.0, 1.0, 17)
            values = function(points)
            i = np.argmin(values[:, 1:-1], axis=1) + 1
            low, high = points[row, i - 1], points[row, i + 1]
        middle, refined = points[row, i], values[row, i]
        j = int(np.argmin(refined))
        if refined[j] < value:
            at, value = float(middle[j]), float(refined[j])
    return at, value


def below_zero(function: Callable[[Floats], Floats], x: Floats) -> list[tuple[float, float]]:
    """Where a function is negative, as intervals within the grid, their ends found by bisection."""
    negative = function(x) < 0.0
    change = np.flatnonzero(negative[1:] != negative[:-1])
    low, high, rising = x[change], x[change + 1], negative[change]
    for _ in range(60):
        middle = 0.5 * (low + high)
        same = (function(middle) < 0.0) == rising
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    ends = list(0.5 * (low + high))
    if negative[0]:
        ends.insert(0, x[0])
    if negative[-1]:
        ends.append(x[-1])
    return [(float(a), float(b)) for a, b in zip(ends[::2], ends[1::2], strict=True)]
