"""The benches as pytest-benchmark sees them: `pytest bench/python --benchmark-enable --benchmark-only`.

Each also checks its answer against the first peer's.
"""

from __future__ import annotations

import numpy as np
import pytest

import peers
import rebalance_core as rc
from rebalance_core import _core, demo, pricing

COLUMNS = peers.contracts(10_000)
FEW = {name: column[:200] for name, column in COLUMNS.items()}


@pytest.fixture(params=rc.supported_isas())
def isa(request):
    _core._use_isa(request.param)
    yield request.param
    _core._use_isa(rc.supported_isas()[0])


@pytest.mark.benchmark(group="value + 5 Greeks, n = 10 000")
def test_batch(benchmark, isa):
    """How long does a desk wait for the Greeks of its whole book?"""
    out = pricing.Greeks((10_000,))
    benchmark(pricing.black76, **COLUMNS, out=out)
    known = np.array(peers.pure_python(FEW))
    for column, name in zip(known.T, ("value", "delta", "gamma", "vega", "theta", "rho"), strict=True):
        np.testing.assert_allclose(getattr(out, name)[:200], column, rtol=1e-9, atol=1e-9)


@pytest.mark.benchmark(group="value + 5 Greeks, n = 10 000")
@pytest.mark.parametrize("peer", [name for name in peers.PEERS if name not in peers.ONE_BY_ONE])
def test_batch_peer(benchmark, peer):
    """The same by vectorised peers."""
    benchmark(peers.PEERS[peer], COLUMNS)


@pytest.mark.benchmark(group="value + 5 Greeks, n = 200")
@pytest.mark.parametrize("peer", sorted(peers.ONE_BY_ONE & set(peers.PEERS)))
def test_batch_one_by_one(benchmark, peer):
    """The same by peers that take contracts one by one, on fewer of them."""
    benchmark(peers.PEERS[peer], FEW)


@pytest.mark.benchmark(group="one option, one call")
def test_single(benchmark):
    """What does a strategy pay for the Greeks of one option in its loop?"""
    out = pricing.Greeks((1,))
    where = [float(column[0]) for column in COLUMNS.values()]
    benchmark(pricing.black76, *where, out=out)
    assert out.value[0] > 0


@pytest.mark.benchmark(group="tick")
@pytest.mark.parametrize("copies", [3, 26])
def test_tick_after_a_move(benchmark, copies):
    """How long from a new price to a plan, seen from Python? (1 161 and 10 062 options)"""
    chain = demo.load_chain(copies)
    desk = demo.make_desk(chain, demo.default_trigger(0.25))
    prices = [77_000.0, 77_100.0]

    def move_and_tick() -> None:
        prices.reverse()
        desk.market.move(0, prices[0])
        desk.engine.tick(demo.CHAIN_NS)

    benchmark(move_and_tick)
    assert desk.engine.plan.exposures["gross_notional"][0] > 0


@pytest.mark.benchmark(group="tick")
def test_tick_when_nothing_moved(benchmark):
    """What does asking again cost?"""
    chain = demo.load_chain(3)
    desk = demo.make_desk(chain, demo.default_trigger(0.25))
    benchmark(desk.engine.tick, demo.CHAIN_NS)
