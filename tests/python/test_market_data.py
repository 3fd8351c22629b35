"""The exchanges' own numbers, reproduced: real chains in ../shared/data (skipped where that is not there)."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from conftest import SHARED, numbers, shared_table
from rebalance_core.pricing import black76, bsm, inverse
from rebalance_core.units import theta_per_day, vega_per_point

YEAR_MS = 365 * 86_400_000


def test_deribit_marks_and_greeks_of_a_whole_chain(isa):
    """Every live BTC option of one evening. Gaps are the feed's: each field has a clock of its own."""
    rows = [r for r in shared_table("options/deribit_btc_20200521.csv.gz") if float(r["mark_iv"]) > 0]
    assert len(rows) == 326
    forward, strike = numbers(rows, "underlying_price"), numbers(rows, "strike")
    vol, phi = numbers(rows, "mark_iv") / 100, np.array([1.0 if r["cp"] == "C" else -1.0 for r in rows])
    years = (numbers(rows, "expiry_ms") - numbers(rows, "ts_ms")) / YEAR_MS
    coin, quote = inverse(forward, strike, vol, years, phi), black76(forward, strike, vol, years, phi)
    assert not coin.status.any()
    mark_error = np.abs(coin.value - numbers(rows, "mark_price"))
    delta_error = np.abs(quote.delta - numbers(rows, "delta"))
    assert np.median(mark_error) <= 5e-6
    assert np.quantile(mark_error, 0.99) <= 2e-4
    assert np.median(delta_error) <= 1e-5
    assert np.median(np.abs(quote.gamma - numbers(rows, "gamma"))) <= 6e-6  # the feed has five decimals
    assert np.median(np.abs(vega_per_point(quote.vega) - numbers(rows, "vega"))) <= 2e-4


def test_deribit_theta_is_capped_by_what_is_left_of_the_option():
    """theta_day = -min(|theta| / 365 x min(1, days), value): the venue's rule for short-dated options."""
    rows = [r for r in shared_table("options/deribit_btc_20200521.csv.gz") if float(r["mark_iv"]) > 0]
    days = (numbers(rows, "expiry_ms") - numbers(rows, "ts_ms")) / 86_400_000
    phi = np.array([1.0 if r["cp"] == "C" else -1.0 for r in rows])
    g = black76(
        numbers(rows, "underlying_price"), numbers(rows, "strike"), numbers(rows, "mark_iv") / 100, days / 365, phi
    )
    reported = -np.minimum(-theta_per_day(g.theta) * np.minimum(1, days), g.value)
    error = np.abs(reported - numbers(rows, "theta"))
    assert np.median(error) <= 1e-3
    assert np.quantile(error, 0.99) <= 0.1


def test_okx_premium_adjusted_greeks(isa):
    """The forward is backed out of each call/put pair; expiries whose pairs disagree mix several moments.

    The last day is left out: the feed's Greeks and marks are seconds apart, and there seconds show.
    """
    rows = shared_table("options/okx_btc_eth_pa_greeks_202607.csv.gz")
    pairs: dict[tuple[str, ...], dict[str, float]] = {}
    for row in rows:
        pairs.setdefault((*_expiry(row), row["strike"]), {})[row["cp"]] = float(row["mark_price"])
    forwards: dict[tuple[str, ...], list[float]] = {}
    for (*expiry, strike), pair in pairs.items():
        if len(pair) == 2:
            forwards.setdefault(tuple(expiry), []).append(float(strike) / (1 - pair["C"] + pair["P"]))
    agreed = {k: np.median(f) for k, f in forwards.items() if np.ptp(f) <= 1e-5 * np.median(f)}
    used = [
        r
        for r in rows
        if _expiry(r) in agreed and float(r["mark_iv"]) > 0 and float(r["expiry_s"]) - float(r["ts_s"]) > 86_400
    ]
    assert len(used) > 8_000
    forward = np.array([agreed[_expiry(r)] for r in used])
    years = (numbers(used, "expiry_s") - numbers(used, "ts_s")) / (365 * 86_400)
    phi = np.array([1.0 if r["cp"] == "C" else -1.0 for r in used])
    g = inverse(forward, numbers(used, "strike"), numbers(used, "mark_iv"), years, phi)
    gamma = numbers(used, "gamma_pa")
    delta_error = np.abs(g.delta_pa - numbers(used, "delta_pa"))
    assert np.median(delta_error) <= 9e-5
    assert np.quantile(delta_error, 0.99) <= 6e-3
    assert np.median(np.abs(g.gamma_pa - gamma) / np.abs(gamma)) <= 4e-4
    assert np.median(np.abs(vega_per_point(g.vega) - numbers(used, "vega_pa"))) <= 2e-7


def _expiry(row: dict[str, str]) -> tuple[str, ...]:
    return (row["instrument"][:3], row["ts_s"], row["expiry_s"])


def _reference_rows(name: str) -> list[dict[str, str]]:
    file = SHARED / "reference" / name
    if not file.exists():
        pytest.skip(f"needs the market data at {file}")
    with file.open(newline="") as text:
        return list(csv.DictReader(text))


def test_published_european_values(isa):
    """Haug's tables, by way of QuantLib's test suite, printed to four decimals."""
    for row in _reference_rows("haug_european_values.csv"):
        phi = 1 if row["type"] == "Call" else -1
        where = (float(row[k]) for k in ("spot", "strike", "vol", "t"))
        g = bsm(*where, phi, float(row["r"]), float(row["q"]))
        assert g.value == pytest.approx(float(row["value"]), abs=1e-4)


def test_published_european_greeks(isa):
    """The Greeks of Haug's tables that a first-order set has: delta, gamma, vega, theta, rho, to four decimals."""
    known = {"delta": "delta", "gamma": "gamma", "vega": "vega", "theta": "theta", "rho": "rho"}
    checked = 0
    for row in _reference_rows("haug_european_greeks.csv"):
        if row["greek"] not in known:
            continue
        phi = 1 if row["type"] == "Call" else -1
        where = (float(row[k]) for k in ("spot", "strike", "vol", "t"))
        g = bsm(*where, phi, float(row["r"]), float(row["q"]))
        assert getattr(g, row["greek"]) == pytest.approx(float(row["value"]), abs=6e-5)
        checked += 1
    assert checked >= 5


def test_premium_adjusted_delta_of_fx_practice(isa):
    """PaFwd = phi (K/F) N(phi d2) is delta_pa; four decimals."""
    checked = 0
    for row in _reference_rows("fx_delta_conventions.csv"):
        forward = float(row["spot"]) * float(row["for_df"]) / float(row["dom_df"])
        phi = 1 if row["type"] == "Call" else -1
        coin = inverse(forward, float(row["strike"]), float(row["std_dev"]), 1.0, phi)
        quote = black76(forward, float(row["strike"]), float(row["std_dev"]), 1.0, phi)
        delta = {"PaFwd": coin.delta_pa, "Fwd": quote.delta}.get(row["delta_type"])
        if delta is not None:
            assert delta == pytest.approx(float(row["delta"]), abs=2.5e-4)
            checked += 1
    assert checked >= 4
