"""Forward and discount from calls and puts."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import numbers, shared_table
from rebalance_core.pricing import black76, inverse
from rebalance_core.surface import parity_forward

STRIKES = np.linspace(50_000.0, 70_000.0, 21)


def chain(forward=60_000.0, discount=0.97, settlement="linear", width=0.0, strike=STRIKES):
    """Bids and asks about Black-76 premiums, `width` on each side."""
    rate = -np.log(discount)
    if settlement == "linear":
        call, put = (black76(forward, strike, 0.5, 1.0, phi, rate).value for phi in (1, -1))
    else:
        call, put = (inverse(forward, strike, 0.5, 1.0, phi).value * discount for phi in (1, -1))
    return call - width, call + width, put - width, put + width


@pytest.mark.parametrize("settlement", ["linear", "coin"])
@pytest.mark.parametrize("known", [False, True])
def test_exact_quotes_give_forward_and_discount_back(settlement, known):
    p = parity_forward(STRIKES, *chain(settlement=settlement), settlement=settlement, discount=0.97 if known else None)
    assert p.status == "ok"
    assert p.forward == pytest.approx(60_000.0, rel=1e-12)
    assert p.discount == pytest.approx(0.97, rel=1e-12)
    assert p.rows_used == len(STRIKES)
    assert p.inside == 1.0
    assert p.forward_error < 1e-6
    assert (p.discount_error == 0.0) == known


@pytest.mark.parametrize("settlement", ["linear", "coin"])
def test_one_strike_is_enough_where_the_discount_is_known(settlement):
    quotes = chain(settlement=settlement, strike=STRIKES[:1])
    p = parity_forward(STRIKES[:1], *quotes, settlement=settlement, discount=0.97)
    assert p.forward == pytest.approx(60_000.0, rel=1e-12)
    assert np.isnan(p.forward_error), "one row says nothing of its own error"
    assert parity_forward(STRIKES[:1], *quotes, settlement=settlement).status == "one_strike"


def test_coin_pair_by_hand():
    """F = K / (1 - c + p): the worked pair of chapter 1."""
    c, p = 0.032026551766, 0.115359885099
    fit = parity_forward([65_000.0], [c], [c], [p], [p], settlement="coin", discount=1.0)
    assert fit.forward == pytest.approx(60_000.0, rel=1e-11)


@pytest.mark.parametrize("settlement", ["linear", "coin"])
def test_missing_and_crossed_quotes_are_dropped_and_counted(settlement):
    cb, ca, pb, pa = chain(settlement=settlement, width=1e-6)
    cb[0], ca[1], pb[2], pa[3] = np.nan, 0.0, -1.0, np.inf
    cb[4] = ca[4] * 1.1
    p = parity_forward(STRIKES, cb, ca, pb, pa, settlement=settlement)
    assert p.dropped == {"missing": 4, "crossed": 1}
    assert p.rows_used == len(STRIKES) - 5
    assert p.forward == pytest.approx(60_000.0, rel=1e-9)


@given(
    forward=st.floats(0.5, 1e5),
    discount=st.floats(0.8, 1.05),
    settlement=st.sampled_from(["linear", "coin"]),
    bad=st.lists(st.integers(0, 20), min_size=1, max_size=4, unique=True),
    shift=st.floats(0.03, 0.5),
    seed=st.integers(0, 1000),
)
@settings(max_examples=60, deadline=None)
def test_a_few_wild_quotes_do_not_move_the_forward(forward, discount, settlement, bad, shift, seed):
    strike = forward * np.linspace(0.8, 1.2, 21)
    unit = forward if settlement == "linear" else 1.0
    width = 1e-3 * unit
    call, _, put, _ = chain(forward, discount, settlement, strike=strike)
    noise = np.random.default_rng(seed).uniform(-0.5, 0.5, (2, 21)) * width
    call, put = call + noise[0] + unit, put + noise[1] + unit  # far from 0: the common part cancels in c - p
    call[bad] += shift * unit
    p = parity_forward(strike, call - width, call + width, put - width, put + width, settlement=settlement)
    assert p.status == "ok"
    assert p.rows_outlying >= len(bad)
    assert p.forward == pytest.approx(forward, rel=4e-3)
    alone = parity_forward(
        strike, call - width, call + width, put - width, put + width, settlement=settlement, discount=discount
    )
    assert alone.forward == pytest.approx(forward, rel=2e-3)


def test_narrow_quotes_count_for_more():
    cb, ca, pb, pa = chain(width=1.0)
    cb[::2] -= 300.0
    ca[::2] += 500.0  # mid 100 off, but wide
    p = parity_forward(STRIKES, cb, ca, pb, pa)
    assert p.forward == pytest.approx(60_000.0, abs=1.0)


def test_the_standard_error_is_the_scatter_of_the_estimate():
    """Two hundred noisy chains: their forwards scatter by what each claims, within four times what 200 draws leave open."""
    random = np.random.default_rng(3)
    call, _, put, _ = chain()
    found, claimed = [], []
    for _ in range(200):
        c, q = (x + random.normal(0.0, 5.0, x.shape) for x in (call, put))
        p = parity_forward(STRIKES, c - 50.0, c + 50.0, q - 50.0, q + 50.0)
        found.append(p.forward)
        claimed.append(p.forward_error)
    assert np.std(found) == pytest.approx(np.mean(claimed), rel=0.2)


def test_nothing_usable_is_a_status_not_a_number():
    nothing = np.full(3, np.nan)
    p = parity_forward([1.0, 2.0, 3.0], nothing, nothing, nothing, nothing)
    assert p.status == "no_rows"
    assert np.isnan(p.forward)
    empty = parity_forward([], [], [], [], [])
    assert empty.status == "no_rows"
    same = parity_forward([5.0, 5.0], [1.0, 1.0], [1.1, 1.1], [1.0, 1.0], [1.1, 1.1])
    assert same.status == "one_strike"
    rising = parity_forward([1.0, 2.0], [1.0, 3.0], [1.0, 3.0], [1.0, 1.0], [1.0, 1.0])
    assert rising.status == "no_solution", "calls that grow with the strike have no forward"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"settlement": "cash"}, ["settlement", "'cash'"]),
        ({"discount": 0.0}, ["discount", "0.0"]),
        ({"strike": [1.0, -2.0]}, ["strike[1]", "-2.0"]),
        ({"put_ask": [1.0]}, ["put_ask", "(1,)", "(2,)"]),
        ({"strike": 1.0}, ["strike", "()"]),
    ],
)
def test_bad_input_is_named(change, words):
    good = {name: [1.0, 2.0] for name in ("strike", "call_bid", "call_ask", "put_bid", "put_ask")}
    with pytest.raises(ValueError) as error:
        parity_forward(**{**good, **change})
    assert all(word in str(error.value) for word in words)


def pairs(path, key):
    """Rows of a chain that come as call and put of one strike, by expiry."""
    table: dict = defaultdict(dict)
    for row in shared_table(path):
        table[key(row)].setdefault(float(row["strike"]), {})[row["cp"]] = row
    for expiry, strikes in table.items():
        both = {k: v for k, v in strikes.items() if len(v) == 2}
        if both:
            quotes = [numbers([v[cp] for v in both.values()], side) for cp in "CP" for side in ("bid", "ask")]
            yield expiry, np.array(list(both)), quotes, [v["C"] for v in both.values()]


def test_deribit_forwards_lie_within_the_executable_bounds_and_near_the_feed():
    """A coin chain with rows read minutes apart: within 0.15 % of the venue's forward, on every expiry."""
    seen = 0
    for _, strike, quotes, rows in pairs("options/deribit_btc_20200521.csv.gz", lambda r: r["expiry_ms"]):
        p = parity_forward(strike, *quotes, settlement="coin", discount=1.0)
        assert p.status == "ok"
        assert p.forward == pytest.approx(np.median(numbers(rows, "underlying_price")), rel=1.5e-3)
        assert p.bid_forward <= p.forward <= p.ask_forward
        assert p.inside == 1.0
        seen += 1
    assert seen == 7


def test_spx_discounts_are_the_treasury_curve_of_the_day():
    """July 2022: 2.2 % to 3.6 % a year from one month to five years; forwards rise with carry over dividends."""
    rates = {}
    for (root, expiry), strike, quotes, _ in pairs(
        "options/cboe_spx_20220712_1155et.csv.gz", lambda r: (r["root"], r["expiry"])
    ):
        years = (dt.date.fromisoformat(expiry) - dt.date(2022, 7, 12)).days / 365
        if root != "SPX" or years < 0.15:
            continue
        p = parity_forward(strike, *quotes)
        assert p.status == "ok"
        assert p.inside >= 0.99
        assert p.forward_error < 1e-3 * p.forward
        rates[years] = -np.log(p.discount) / years
    assert len(rates) >= 8
    assert all(0.018 < rate < 0.038 for rate in rates.values()), rates
