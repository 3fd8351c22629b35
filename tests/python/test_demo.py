"""The demo's pieces on the data in the package, and against the records that data was made from."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest

from conftest import SHARED
from rebalance_core import demo
from rebalance_core.pricing import inverse


def test_the_chain_is_priced_within_its_quotes():
    """A mid volatility and the future's mid give a price between bid and ask, or within a tick of them."""
    chain = demo.load_chain()
    engine = demo.make_desk(chain, demo.default_trigger(0.25)).engine
    plan = engine.tick(demo.CHAIN_NS)
    assert not plan.row_status.any()
    quotes = [r for r in demo._read("deribit_btc_20260521.csv") if r["kind"] == "inverse_option"]
    bid, ask = demo._numbers(quotes, "bid"), demo._numbers(quotes, "ask")
    value = engine.greeks()["value"][[chain.instruments.row(r["symbol"]) for r in quotes]]
    outside = np.maximum(np.maximum(bid - value, value - ask), 0)
    assert np.mean(outside == 0) > 0.9
    assert np.quantile(outside, 0.99) < 0.005


def test_hedging_holds_the_delta_in_its_band():
    chain = demo.load_chain()
    hedged, held = (demo.make_desk(chain, demo.default_trigger(0.25)) for _ in range(2))
    done, still = demo.Replay(), demo.Replay()
    for _ in demo.replay(hedged, result=done):
        pass
    for _ in demo.replay(held, trade=False, result=still):
        pass
    assert len(done.trades) > 5
    assert np.max(np.abs(done.drift[1:])) <= 0.25 + 0.05, "what one tick may add before it is traded away"
    assert np.max(np.abs(still.drift)) > 5.0
    after_first = slice(2, None)
    assert np.std(np.diff(done.equity_coin)[after_first]) < 0.2 * np.std(np.diff(still.equity_coin)[after_first])


def test_equity_changes_by_greeks_and_costs_only():
    """Unhedged over one step, the change in coin equity is delta_pa dF/F + gamma_pa/2 (dF/F)^2 to third order."""
    chain = demo.load_chain()
    desk = demo.make_desk(chain, demo.default_trigger(0.25))
    start = desk.engine.tick(demo.CHAIN_NS).copy()
    index = float(start.index[0])
    for move in (1e-3, -1e-3):
        desk.market.move("BTC", index * (1 + move))
        plan = desk.engine.tick(demo.CHAIN_NS)
        change = plan.equity / plan.index[0] - start.equity / index
        expected = start.exposures["delta_pa"][0] * move + start.exposures["gamma_pa"][0] * move**2 / 2
        assert change == pytest.approx(expected, abs=2e3 * abs(move) ** 3)
        desk.market.move("BTC", index)


def test_copies_multiply_the_book():
    assert len(demo.load_chain(3).instruments) == 13 + 3 * 387
    options, ns = demo.latency(1_000, 50, 0.25)
    assert options == 1_161
    assert ns.shape == (50,)
    assert (ns > 0).all()


def test_the_data_in_the_package_is_what_was_recorded():
    source = SHARED / "options/deribit_btc_20260521_bidask_iv.json.gz"
    if not source.exists():
        pytest.skip(f"needs the market data at {source}")
    with gzip.open(source, "rt") as file:
        recorded = json.load(file)["inputs"]
    rows = demo._read("deribit_btc_20260521.csv")
    assert [(r["bid"], r["ask"]) for r in rows] == [(r["bid"], r["ask"]) for r in recorded]
    assert [r["vol_bid"] for r in rows] == [r.get("iv_bid", "") for r in recorded]


def test_recorded_volatilities_are_those_of_the_recorded_prices():
    """The venue's own bid vol priced by our model gives its bid: the data and the model speak of the same thing."""
    rows = [r for r in demo._read("deribit_btc_20260521.csv") if r["kind"] == "inverse_option"]
    chain = demo.load_chain()
    forward = chain.market().price[chain.instruments.row_node[chain.instruments.is_option]]
    years = (chain.instruments.expiry_ns[chain.instruments.is_option] - demo.CHAIN_NS) / (365 * 86_400e9)
    strike, phi = (
        chain.instruments.strike[chain.instruments.is_option],
        chain.instruments.phi[chain.instruments.is_option],
    )
    bid = inverse(forward, strike, demo._numbers(rows, "vol_bid"), years, phi).value
    assert np.median(np.abs(bid - demo._numbers(rows, "bid"))) < 5e-4
