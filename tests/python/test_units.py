"""Trader's units are fixed multiples of the bare derivatives."""

import numpy as np

from rebalance_core import units
from rebalance_core.pricing import black76


def test_units_of_the_domain_notes():
    g = black76(60_000.0, 65_000.0, 0.55, 30 / 365, 1)
    assert round(units.vega_per_point(g.vega), 7) == 62.5966602
    assert round(units.theta_per_day(g.theta), 7) == -57.3802718
    assert units.rho_per_percent(g.rho) == g.rho / 100
    assert units.gamma_per_percent(np.array([g.gamma]), np.array([60_000.0]))[0] == g.gamma * 600
