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


def test_each_unit_has_its_way_back():
    """Two roundings at most, so within two units of the last place."""
    x, price = np.array([1.9215931, -57.38, 3.8e-5, 1e12]), np.array([60_000.0, 0.03, 7.0, 1e5])
    for there, back in (
        (units.vega_per_point, units.vega_from_point),
        (units.theta_per_day, units.theta_from_day),
        (units.rho_per_percent, units.rho_from_percent),
        (units.vol_in_percent, units.vol_from_percent),
    ):
        np.testing.assert_allclose(back(there(x)), x, rtol=4.5e-16)
    there_and_back = units.gamma_from_percent(units.gamma_per_percent(x, price), price)
    np.testing.assert_allclose(there_and_back, x, rtol=9e-16)
    assert units.vol_in_percent(0.5) == 50.0
