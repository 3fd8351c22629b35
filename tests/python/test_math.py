"""exp, log, normal density and distribution against 40 digits, over their whole range.

The bounds here are the errors that exp_log.hpp and normal.hpp state.
"""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

from rebalance_core import _core

mp.mp.dps = 40


def ulps(computed: float, exact: mp.mpf) -> float:
    """Distance in units in the last place of the exact result."""
    exponent = max(int(mp.floor(mp.log(abs(exact), 2))), -1022)
    return float(abs(mp.mpf(computed) - exact) / mp.mpf(2) ** (exponent - 52))


def worst(function: str, reference, points: np.ndarray) -> tuple[float, float]:
    computed = _core._map(function, points)
    errors = [ulps(y, reference(mp.mpf(x))) for x, y in zip(points.tolist(), computed.tolist(), strict=True)]
    i = int(np.argmax(errors))
    return errors[i], points[i]


def normal_density(x: mp.mpf) -> mp.mpf:
    return mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi)


def normal_cdf(x: mp.mpf) -> mp.mpf:
    return mp.erfc(-x / mp.sqrt(2)) / 2


RANDOM = np.random.default_rng(20)
NEAR_ONE = 1 + np.concatenate([RANDOM.normal(size=500) * 10.0**-k for k in range(1, 16)])

CASES = {
    "exp": (mp.exp, [np.linspace(-708, 709.7, 3001), RANDOM.normal(size=2000) * 3], 1.0),
    "exp, subnormal results": (mp.exp, [np.linspace(-745, -708, 500)], 1.0),
    "log": (mp.log, [10 ** RANDOM.uniform(-307, 308, 3000), RANDOM.uniform(0.5, 2, 3000), NEAR_ONE], 0.55),
    "log, subnormal inputs": (mp.log, [10 ** RANDOM.uniform(-323, -308, 300)], 0.55),
    "normal_density": (normal_density, [np.linspace(-37.5, 37.5, 3001), RANDOM.normal(size=2000)], 1.5),
    "normal_cdf": (normal_cdf, [np.linspace(-37.5, 9, 3001), RANDOM.normal(size=2000)], 8.5),
}


@pytest.mark.parametrize("name", CASES)
def test_errors_stay_within_what_the_header_states(isa, name):
    reference, points, bound = CASES[name]
    x = np.concatenate(points)
    x = x[x != 1.0] if name.startswith("log") else x
    error, where = worst(name.split(",")[0], reference, x)
    assert error <= bound, f"{error} ulp at {where!r} on {isa}"


def test_ends_of_the_range(isa):
    inf, nan = np.inf, np.nan
    given = {
        "exp": ([-inf, -746.0, 0.0, 709.9, inf, nan], [0.0, 0.0, 1.0, inf, inf, nan]),
        "log": ([-inf, -1.0, 0.0, -0.0, 1.0, inf, nan], [nan, nan, -inf, -inf, 0.0, inf, nan]),
        "normal_density": ([-inf, -39.0, 0.0, 39.0, inf, nan], [0.0, 0.0, 0.3989422804014327, 0.0, 0.0, nan]),
        "normal_cdf": ([-inf, -39.0, 0.0, 39.0, inf, nan], [0.0, 0.0, 0.5, 1.0, 1.0, nan]),
    }
    for function, (x, y) in given.items():
        np.testing.assert_array_equal(_core._map(function, np.array(x)), y, err_msg=function)
