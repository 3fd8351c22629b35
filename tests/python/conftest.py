"""What several test files share: instruction sets, reference tables, real market data."""

from __future__ import annotations

import csv
import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

import rebalance_core as rc
from rebalance_core import _core

# The same examples on every machine and no stopwatch on shared ones; HYPOTHESIS_PROFILE=explore draws new examples.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

REFERENCE = Path(__file__).parents[1] / "reference"
#: Real market data, beside the checkout or where the environment says.
SHARED = Path(os.environ.get("REBALANCE_SHARED_DATA") or Path(__file__).parents[3] / "shared" / "data")

NOW = 1_780_000_000_000_000_000
DAY = 86_400_000_000_000
YEAR = 365 * DAY

#: What a build without fused multiply-add may differ by.
FUSED = [isa for isa in rc.supported_isas() if isa != "baseline"]


@pytest.fixture(params=rc.supported_isas())
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each instruction set of this machine in turn."""
    before = rc.active_isa()
    _core._use_isa(request.param)
    yield request.param
    _core._use_isa(before)


def on_each_isa(isas: list[str]) -> Iterator[str]:
    """Run the body of a loop on each instruction set, then go back."""
    before = rc.active_isa()
    try:
        for name in isas:
            _core._use_isa(name)
            yield name
    finally:
        _core._use_isa(before)


def reference_table(name: str) -> tuple[dict[str, np.ndarray], dict[str, list[str]]]:
    """Inputs (exact doubles) and results (decimal texts) of a table in tests/reference."""
    with (REFERENCE / f"{name}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = list(rows[0])
    inputs = [n for n in names if "0x" in rows[0][n]]
    return (
        {n: np.array([float.fromhex(row[n]) for row in rows]) for n in inputs},
        {n: [row[n] for row in rows] for n in names if n not in inputs},
    )


def shared_table(path: str) -> list[dict[str, str]]:
    """Rows of a gzipped CSV of real market data; skips where the data is not there."""
    file = SHARED / path
    if not file.exists():
        pytest.skip(f"needs the market data at {file}")
    with gzip.open(file, "rt", newline="") as text:
        return list(csv.DictReader(text))


def numbers(rows: list[dict[str, str]], column: str) -> np.ndarray:
    return np.array([float(row[column] or "nan") for row in rows])


@pytest.fixture
def chain() -> rc.Instruments:
    """Twelve inverse options at one expiry, a perpetual, and spot, on BTC."""
    n = 12
    return rc.Instruments(
        kind=["inverse_option"] * n + ["inverse_perpetual", "spot"],
        underlying=["BTC"] * (n + 2),
        expiry=[NOW + 30 * DAY] * n + [0, 0],
        strike=[*(50_000 + 2_000 * i for i in range(n)), np.nan, np.nan],
        phi=["C", "P"] * (n // 2) + [None, None],
        multiplier=[1.0] * n + [10.0, 1.0],
        lot_size=[0.1] * n + [1.0, 0.001],
        tick_size=[0.0001] * n + [0.5, 0.01],
        taker_fee_bps=[3.0] * n + [5.0, 10.0],
        half_spread_bps=[5.0] * n + [0.1, 1.0],
        symbol=[f"option-{i}" for i in range(n)] + ["PERP", "SPOT"],
    )


@pytest.fixture
def market(chain: rc.Instruments) -> rc.Market:
    market = rc.Market(chain)
    market.set_index("BTC", 60_000.0)
    market.set_spot("BTC", 60_000.0)
    market.set_forward("BTC", "perpetual", 60_010.0)
    market.set_forward("BTC", NOW + 30 * DAY, 60_300.0)
    market.set_vols(np.full(len(chain), 0.55))
    return market
