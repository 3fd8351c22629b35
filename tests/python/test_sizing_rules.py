"""Rules that size an exposure, a portfolio or a liquidation: worked numbers, exact tables, slow twins, what must hold."""

from __future__ import annotations

import doctest
import importlib
import math
from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize

import rebalance_core as rc
from conftest import DAY, NOW, numbers, on_each_isa, reference_table, shared_table
from rebalance_core import sizing
from rebalance_core.sizing import (
    Cppi,
    FixedFraction,
    VolatilityTarget,
    aim_portfolio,
    almgren_chriss,
    cppi_gap_risk,
    risk_budget,
    tracking_rate,
    trading_rate,
    units_at_risk,
)
from rebalance_core.triggers import Threshold

EPS = 2.0**-52

returns = st.lists(st.floats(-0.9, 2.0), min_size=1, max_size=30).map(np.array)


def exact(table: dict[str, list[str]], name: str) -> np.ndarray:
    return np.array([float(text) for text in table[name]])


def matrix(inputs: dict[str, np.ndarray], stem: str, row: int, n: int, k: int) -> np.ndarray:
    return np.array([[inputs[f"{stem}{i}{j}"][row] for j in range(k)] for i in range(n)])


# --- CPPI ---


def test_cppi_worked_example():
    """Domain chapter 9.5."""
    rule = Cppi(4, floor=80, equity=100)
    assert rule.exposure == 80
    assert rule.step(-0.1) == 48
    assert (rule.equity, rule.cushion, rule.floor) == (92, 12, 80)


def test_cppi_live_account_is_the_walked_one():
    """update with the account as it is gives the bits of step, which are those of paths."""
    rng = np.random.default_rng(1)
    moves = rng.normal(0.0, 0.05, 200)
    settings = {"max_leverage": 2.0, "ratchet": 0.8, "band": (3.5, 4.5), "cost_rate": 0.001}
    live, walked = Cppi(4, 80, 100, **settings), Cppi(4, 80, 100, **settings)
    paths = walked.paths(moves, 1e-4, carry=2e-4)
    for t, move in enumerate(moves):
        held = live.exposure
        equity = live.equity * (1 + 1e-4) + held * (move - 2e-4)
        live.update(equity, held * (1 + move), 1 + 1e-4)
        walked.step(move, 1e-4, 2e-4)
        assert (live.equity, live.exposure, live.floor) == (walked.equity, walked.exposure, walked.floor)
        assert (paths.equity[t], paths.exposure[t], paths.floor[t]) == (live.equity, live.exposure, live.floor)


@pytest.mark.parametrize("paths", [1, 7, 8, 9, 300])
def test_rules_give_the_same_bits_for_any_number_of_paths_on_every_instruction_set(paths):
    rng = np.random.default_rng(2)
    moves, vols = rng.normal(0, 0.08, (50, paths)).clip(-1), rng.uniform(0, 1, (50, paths))
    cash = rng.uniform(0, 1e-3, 50)
    rules = (
        (Cppi(5, 70, 100, max_leverage=3, ratchet=0.6, band=(4, 6), cost_rate=0.002), (moves, cash)),
        (FixedFraction(-0.5, 100, band=0.02, cost_rate=0.001), (moves, cash)),
        (VolatilityTarget(0.3, cap=2, band=0.05, smoothing=0.3), (vols,)),
    )
    for rule, arguments in rules:
        singly = []
        for j in range(paths):
            one = rule.paths(arguments[0][:, j], *arguments[1:])
            singly.append([one] if isinstance(one, np.ndarray) else astuple(one))
        for isa in on_each_isa(rc.supported_isas()):
            together = rule.paths(*arguments)
            columns = [together] if isinstance(together, np.ndarray) else astuple(together)
            for k, column in enumerate(columns):
                assert column.shape == (50, paths)
                for j in range(paths):
                    np.testing.assert_array_equal(column[:, j], singly[j][k], err_msg=f"{isa}, path {j}, output {k}")


@given(
    returns,
    st.floats(0.1, 20),
    st.floats(0, 120),
    st.floats(0.1, 5),
    st.floats(0, 0.99),
    st.floats(0, 0.04),
    st.floats(0, 1),
    st.floats(1, 2),
)
def test_cppi_keeps_its_promises(moves, multiplier, floor, leverage, ratchet, cost, low, high):
    """Never above the leverage cap, never short, floor never down, never below its share of the best equity."""
    rule = Cppi(
        multiplier,
        floor,
        100,
        max_leverage=leverage,
        ratchet=ratchet,
        band=(low * multiplier, high * multiplier),
        cost_rate=cost,
    )
    p = rule.paths(moves)
    assert np.all(p.exposure <= np.maximum(leverage * p.equity, 0.0))
    assert np.all(p.exposure >= 0)
    assert np.all(np.diff(p.floor) >= 0)
    assert np.all(p.floor >= ratchet * p.equity)
    below = p.equity < p.floor * (1 - 1e-12)
    assert np.all(p.exposure[below] <= 1e-9 * p.floor[below]), "below the floor nothing is held"
    if high * multiplier * 0.9 < 1 and cost == 0 and floor <= 100:
        assert not np.any(below), "no fall takes more than the cushion"


@given(returns, st.floats(0.1, 20), st.floats(0, 99), st.floats(0.1, 5), st.floats(0, 0.99), st.floats(0, 0.04))
def test_cppi_is_its_definition(moves, multiplier, floor, leverage, ratchet, cost):
    """Against bisection for the exposure that is right after paying for the trade."""
    rule = Cppi(multiplier, floor, 100, max_leverage=leverage, ratchet=ratchet, cost_rate=cost)
    equity, exposure = rule.equity, rule.exposure
    level = rule.floor
    for move, *got in zip(moves, *astuple(rule.paths(moves)), strict=True):
        before, held = equity + exposure * move, exposure * (1 + move)
        level = max(level, ratchet * before)

        def excess(e, before=before, held=held, level=level):
            after = before - cost * abs(e - held)
            return e - max(min(multiplier * (after - level), leverage * after), 0.0)

        high = 1.0 + 2.0 * max(multiplier, leverage) * (abs(before) + held)
        exposure = 0.0 if excess(0.0) >= 0 else optimize.brentq(excess, 0.0, high, xtol=1e-12, rtol=4 * EPS)
        equity = before - cost * abs(exposure - held)
        scale = max(before, held, 1.0) * max(multiplier, 1.0)
        np.testing.assert_allclose(got, [equity, exposure, level], rtol=1e-9, atol=1e-9 * scale)
        equity, exposure, level = got  # differences must not add up over the steps


@given(returns, st.floats(1e-6, 1e6))
def test_cppi_scales_with_money(moves, unit):
    plain = Cppi(4, 80, 100, ratchet=0.7, cost_rate=0.001).paths(moves)
    scaled = Cppi(4, 80 * unit, 100 * unit, ratchet=0.7, cost_rate=0.001).paths(moves)
    for a, b in zip(astuple(plain), astuple(scaled), strict=True):
        np.testing.assert_allclose(a * unit, b, rtol=1e-9, atol=1e-9 * unit)


@given(returns, st.floats(0.1, 3), st.floats(0, 0.02))
def test_cppi_without_floor_is_a_fixed_fraction(moves, fraction, cost):
    a = Cppi(fraction, 0, 100, max_leverage=fraction, cost_rate=cost).paths(moves, 1e-4)
    b = FixedFraction(fraction, 100, cost_rate=cost).paths(moves, 1e-4)
    alive = np.logical_and.accumulate(b.equity > 0)
    np.testing.assert_allclose(a.equity[alive], b.equity[alive], rtol=1e-12)
    np.testing.assert_allclose(a.exposure[alive], b.exposure[alive], rtol=1e-12)


def test_cppi_band_leaves_small_moves_alone_and_the_cap_does_not():
    rule = Cppi(4, 80, 100, band=(3.5, 4.5))
    assert rule.step(0.01) == 80 * 1.01  # multiplier 80.8 / 20.8 = 3.88
    assert rule.step(0.05) == pytest.approx(4 * rule.cushion, rel=1e-15)  # 84.84 / 24.84 = 3.42
    capped = Cppi(10, 50, 100, max_leverage=2, band=(1, 20))
    capped.step(-0.1)  # held 180 on an equity of 80
    assert capped.exposure == 160


def test_cppi_funding_and_spot_carry():
    """A perpetual's collateral earns the cash return and its exposure pays funding; spot is paid for in cash."""
    spot, perpetual = Cppi(2, 50, 100), Cppi(2, 50, 100)
    spot.step(0.02, 0.01)
    perpetual.step(0.02, 0.01, carry=0.003, floor_return=0.0)
    assert spot.equity == pytest.approx(100 * 1.02)
    assert spot.floor == 50.5
    assert perpetual.equity == pytest.approx(100 * (1.01 + 0.017))
    assert perpetual.floor == 50


def test_gap_risk_worked_example():
    """Theory 4.7."""
    gap = cppi_gap_risk(5, 0.3, 1 / 12, 60, drift=0.1, rate=0.03)
    assert gap.per_step == pytest.approx(0.004652, abs=5e-7)
    assert gap.over_life == pytest.approx(0.244, abs=5e-4)
    assert cppi_gap_risk(4, 0.3, 1, 1).survivable_return == -0.25


def test_gap_risk_is_exact():
    inputs, results = reference_table("cppi_gap")
    m, s, dt, n, mu, r = inputs.values()
    gap = cppi_gap_risk(m, s, dt, n, drift=mu, rate=r)
    for name in results:
        # Rounding (m - 1) / m alone moves a probability by its elasticity, d2^2 of it in the wing: up to 900 here.
        np.testing.assert_allclose(getattr(gap, name), exact(results, name), rtol=2e-12, atol=1e-300, err_msg=name)


def test_gap_risk_is_what_paths_show():
    """A million weeks: frequency and mean loss within four standard errors."""
    rng = np.random.default_rng(3)
    m, s, steps, n = 6.0, 0.8, 26, 40_000
    moves = np.expm1(rng.normal(-s * s / 104, s / math.sqrt(52), (steps, n)))
    equity = Cppi(m, 50, 100, max_leverage=1e6).paths(moves).equity[-1]
    gap = cppi_gap_risk(m, s, 1 / 52, steps)
    broke = np.mean(equity < 50)
    assert abs(broke - gap.over_life) < 4 * math.sqrt(gap.over_life * (1 - gap.over_life) / n)
    lost = np.maximum(50 - equity, 0) / 50
    assert abs(lost.mean() - gap.expected_loss) < 4 * lost.std() / math.sqrt(n)


def test_gap_risk_edges():
    safe = cppi_gap_risk([0.5, 1.0], 0.5, 0.1, 10, drift=0.2)
    np.testing.assert_array_equal([safe.per_step, safe.over_life, safe.expected_loss], 0.0)
    np.testing.assert_allclose(safe.expected_cushion, [(0.5 * math.exp(0.02) + 0.5) ** 10, math.exp(0.2)], rtol=1e-14)
    assert cppi_gap_risk(5, 0.0, 0.1, 10).over_life == 0
    with pytest.raises(ValueError, match=r"vol must be at least 0 and finite, got -0\.1"):
        cppi_gap_risk(5, [0.1, -0.1], 0.1, 10)


# --- fixed fraction ---


@given(returns, st.floats(-2, 2), st.floats(0, 0.1), st.floats(0, 0.02))
def test_fixed_fraction_stays_in_its_band_and_pays_its_costs(moves, fraction, band, cost):
    rule = FixedFraction(fraction, 100, band=band, cost_rate=cost)
    equity, exposure = rule.equity, rule.exposure
    for move, after, held in zip(moves, *astuple(rule.paths(moves)), strict=True):
        marked, before = exposure * (1 + move), equity + exposure * move
        assert after == pytest.approx(before - cost * abs(held - marked), rel=1e-12, abs=1e-12)
        if before > 0:
            if held != marked:
                assert held == pytest.approx(fraction * after, rel=1e-12, abs=1e-12)
                assert abs(marked - fraction * before) > band * before
            else:
                rounding = 1e-15 * (abs(marked) + before)
                inside = abs(marked - fraction * before) <= band * before * (1 + 1e-12) + rounding
                assert inside or cost * fraction == 0 or band == 0
        else:
            assert held == 0
        equity, exposure = after, held


def test_units_at_risk():
    np.testing.assert_allclose(units_at_risk(1e5, 0.02, 100.0, [90.0, 105.0], 10.0), [20.0, -40.0])
    with pytest.raises(ValueError, match="stop must be different from 0"):
        units_at_risk(1e5, 0.02, 100.0, 100.0)
    with pytest.raises(ValueError, match=r"fraction must be between 0 and 1, got 1\.5"):
        units_at_risk(1e5, 1.5, 100.0, 90.0)


# --- volatility target ---


def test_volatility_target_worked_example():
    """Domain chapter 9.5."""
    assert VolatilityTarget(0.4).update(0.808) == pytest.approx(0.4950495, abs=5e-8)
    assert VolatilityTarget(0.4).update(0.808) == 0.4 / 0.808


@given(st.lists(st.floats(0, 2), min_size=1, max_size=40), st.floats(0.01, 1), st.floats(0.1, 3), st.floats(0, 0.99))
def test_volatility_target_smoothing(vols, target, cap, smoothing):
    """Never above the cap, between the last scale and the new one, and exactly the cap where vols always ask for it."""
    rule = VolatilityTarget(target, cap=cap, smoothing=smoothing)
    scales = rule.paths(vols)
    before = None
    for vol, scale in zip(vols, scales, strict=True):
        raw = cap if vol == 0 else min(cap, target / vol)
        if before is None:
            assert scale == raw
        else:
            assert scale == pytest.approx(smoothing * before + (1 - smoothing) * raw, rel=1e-12)
        assert scale <= cap
        before = scale
        assert rule.update(vol) == scale
    low = np.full(30, target / cap / 1.01)
    np.testing.assert_array_equal(VolatilityTarget(target, cap=cap, smoothing=smoothing).paths(low), cap)


@given(st.lists(st.floats(0.01, 2), min_size=1, max_size=40), st.floats(0, 0.3), st.floats(0, 0.9))
def test_volatility_target_band(vols, band, smoothing):
    """A scale is the smoothed one or the one before; it is never further than the band from the smoothed one."""
    held = VolatilityTarget(0.3, cap=2, band=band, smoothing=smoothing).paths(vols)
    smooth = VolatilityTarget(0.3, cap=2, smoothing=smoothing).paths(vols)
    before = np.concatenate([[np.nan], held[:-1]])
    assert np.all((held == smooth) | (held == before))
    assert np.all(np.abs(held - smooth) <= band * held)


def test_volatility_target_on_real_realised_vols():
    """S&P 500, realised vol of the day before (0.94 EWMA) at a target of 10 %: the vol kept is near the target."""
    rows = shared_table("prices/sp500_daily_ohlc_1999_2018.csv.gz")
    column = next(name for name in rows[0] if name.lower().replace(" ", "").startswith("adj"))
    move = np.diff(np.log(numbers(rows, column)))
    variance = np.empty_like(move)
    v = np.mean(move[:20] ** 2)
    for i, r in enumerate(move):
        variance[i] = v  # known before the return
        v = 0.94 * v + 0.06 * r * r
    vol = np.sqrt(252 * variance)
    scale = VolatilityTarget(0.1, cap=2.0, band=0.05).paths(vol)
    kept = np.std(scale * move) * math.sqrt(252)
    assert np.std(move) * math.sqrt(252) > 0.18
    assert 0.09 < kept < 0.115
    assert np.count_nonzero(np.diff(scale)) < 0.6 * len(scale)


def test_cppi_on_real_prices_keeps_its_floor():
    """Bitcoin by the minute, January 2022, 46 000 to 38 000: the floor holds, and the exposure comes down."""
    close = numbers(shared_table("prices/btc_perp_1m_20211231_20220201.csv.gz"), "close")
    moves = close[1:] / close[:-1] - 1
    p = Cppi(4, 80, 100, ratchet=0.8, band=(3.5, 4.5), cost_rate=0.0005).paths(moves)
    assert close[-1] < 0.85 * close[0]
    assert np.all(p.equity >= p.floor)
    assert p.exposure[-1] < 0.5 * p.exposure[0]


# --- bad input ---


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Cppi(0, 80, 100), "multiplier must be above 0"),
        (lambda: Cppi(math.nan, 80, 100), "the multiplier nan"),
        (lambda: Cppi(4, -1, 100), "floor must be finite and at least 0"),
        (lambda: Cppi(4, 80, math.inf), "equity must be finite, got inf"),
        (lambda: Cppi(4, 80, 100, exposure=-1), "exposure must be finite and at least 0"),
        (lambda: Cppi(4, 80, 100, max_leverage=0), "max_leverage must be above 0"),
        (lambda: Cppi(4, 80, 100, ratchet=1), "ratchet must be at least 0 and below 1, got 1"),
        (lambda: Cppi(4, 80, 100, band=(5, 6)), r"the band \(5, 6\) must hold the multiplier 4"),
        (lambda: Cppi(4, 80, 100, cost_rate=0.25), "multiplier x cost_rate must be below 1"),
        (lambda: Cppi(4, 80, 100, rate=math.nan), "rate must be finite"),
        (lambda: FixedFraction(0.5, 100, band=-0.1), "band must be at least 0"),
        (lambda: FixedFraction(math.inf, 100), "fraction must be finite"),
        (lambda: VolatilityTarget(0), "target must be above 0"),
        (lambda: VolatilityTarget(0.1, smoothing=1), "smoothing must be at least 0 and below 1"),
        (lambda: VolatilityTarget(0.1, cap=math.inf), "cap must be above 0 and finite"),
        (lambda: VolatilityTarget(0.1, base_weight=math.nan), "base_weight must be finite"),
    ],
)
def test_settings_out_of_range_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda r: r.update(math.nan, 10), "equity must be finite, got nan"),
        (lambda r: r.update(90, -1), "exposure must be finite and at least 0.0, got -1.0"),
        (lambda r: r.update(90, 10, 0.0), "growth must be above 0 and finite, got 0.0"),
        (lambda r: r.step(-1.5), "asset_return must be finite and at least -1.0, got -1.5"),
        (lambda r: r.step(0.1, math.inf), "cash_return must be finite"),
        (lambda r: r.paths([0.1, math.nan]), r"asset_return\[1\] must be finite and at least -1, got nan"),
        (lambda r: r.paths(np.full((3, 9), -2.0)), r"asset_return\[0, 0\] must be finite and at least -1, got -2.0"),
        (lambda r: r.paths([0.1, 0.2], [0.0]), "cash_return has 1 rows, but there are 2 steps"),
        (lambda r: r.paths([0.1, 0.2], [0.0, -3.0]), r"cash_return\[1\] must be finite and at least -1.0, got -3.0"),
        (lambda r: r.paths(np.zeros((2, 2, 2))), r"must be \(steps,\) or \(steps, paths\), got shape \(2, 2, 2\)"),
        (lambda r: r.paths(np.zeros(3), out=r.paths(np.zeros(4))), r"shape \(3,\), got shape \(4,\)"),
    ],
)
def test_a_rejected_call_changes_nothing(call, message):
    rule = Cppi(4, 80, 100)
    before = rule.equity, rule.exposure, rule.floor
    with pytest.raises(ValueError, match=message):
        call(rule)
    assert (rule.equity, rule.exposure, rule.floor) == before


def test_out_is_filled_and_may_not_overlap():
    rule, moves = Cppi(4, 80, 100), np.linspace(-0.1, 0.1, 12).reshape(4, 3)
    wanted = rule.paths(moves)
    out = sizing.CppiPaths(*[np.full((4, 3), np.nan) for _ in range(3)])
    got = rule.paths(moves, out=out)
    assert got.equity is out.equity
    for a, b in zip(astuple(out), astuple(wanted), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="must not share memory"):
        rule.paths(moves, out=sizing.CppiPaths(moves, out.exposure, out.floor))
    assert rule.paths(np.zeros((0, 4))).equity.shape == (0, 4)
    assert rule.paths(np.zeros((4, 0))).equity.shape == (4, 0)


# --- risk budgets ---


def test_risk_budgets_published_example():
    """Maillard, Roncalli and Teiletche (2010), their second example: 38.4, 19.2, 24.3, 18.2 %, volatility 10.3 %."""
    vol = np.array([0.1, 0.2, 0.3, 0.4])
    correlation = np.array([[1, 0.8, 0, 0], [0.8, 1, 0, 0], [0, 0, 1, -0.5], [0, 0, -0.5, 1]])
    result = risk_budget(np.outer(vol, vol) * correlation)
    np.testing.assert_array_equal(np.round(100 * result.weights, 1), [38.4, 19.2, 24.3, 18.2])
    assert round(100 * result.volatility, 1) == 10.3


def test_risk_budgets_are_exact():
    inputs, results = reference_table("risk_budget")
    for row in range(len(inputs["b0"])):
        budgets = np.array([inputs[f"b{i}"][row] for i in range(4)])
        result = risk_budget(matrix(inputs, "s", row, 4, 4), budgets=budgets)
        wanted = [float(results[f"w{i}"][row]) for i in range(4)]
        np.testing.assert_allclose(result.weights, wanted, rtol=1e-11)
        assert result.status == "solved"


def random_covariance(rng: np.random.Generator, n: int, kind: int) -> np.ndarray:
    if kind == 0:  # one strong common factor
        b = rng.uniform(0.5, 1.5, n)
        return np.outer(b, b) + np.diag(rng.uniform(0.01, 1.0, n))
    x = rng.normal(size=(n + 2 if kind == 1 else max(n // 2, 1) + 1, n))  # full rank, or fewer days than assets
    return x.T @ x * np.outer(*[10.0 ** rng.uniform(-3, 3, n)] * 2)


@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(0, 2), st.booleans())
def test_risk_shares_are_the_budgets(seed, n, kind, equal):
    rng = np.random.default_rng(seed)
    s = random_covariance(rng, n, kind)
    s = np.where(np.arange(n)[:, None] >= np.arange(n), s, s.T)
    budgets = np.ones(n) if equal else 10.0 ** rng.uniform(-3, 0, n)
    # The least risk of a long-only mix of assets in units of their own risk: none, and there are no such weights.
    own = np.sqrt(np.diag(s))
    values, vectors = np.linalg.eigh(s / np.outer(own, own))
    root = (vectors * np.sqrt(np.maximum(values, 0.0))).T
    least = optimize.nnls(np.vstack([1e3 * root, np.ones(n)]), np.eye(n + 1)[n])[1]
    if least < 1e-4:
        with pytest.raises(ValueError, match="not positive on some long-only mix"):
            risk_budget(s, budgets=budgets)
        return
    result = risk_budget(s, budgets=budgets)
    w = result.weights
    contribution = w * (s @ w)
    assert np.all(w > 0)
    assert w.sum() == pytest.approx(1, rel=1e-14)
    noise = EPS * np.abs(s) @ w * w / contribution.sum() * 50 * n
    assert np.all(np.abs(contribution / contribution.sum() - budgets / budgets.sum()) <= 1e-10 * budgets + noise)
    assert result.volatility == pytest.approx(math.sqrt(w @ s @ w), rel=1e-9)


@given(st.integers(0, 10_000), st.floats(1e-8, 1e8))
def test_risk_budgets_do_not_know_units(seed, unit):
    """Scaling all variances changes nothing; scaling one asset divides its weight."""
    rng = np.random.default_rng(seed)
    s = random_covariance(rng, 5, 1)
    w = risk_budget(s).weights
    np.testing.assert_allclose(risk_budget(s * unit).weights, w, rtol=1e-10)
    d = np.array([unit, 1, 1, 1, 1])
    scaled = risk_budget(s * np.outer(d, d)).weights * d
    np.testing.assert_allclose(scaled / scaled.sum(), w, rtol=1e-10)


@pytest.mark.parametrize(("n", "k"), [(1, 1), (7, 2), (60, 5), (300, 20)])
def test_factors_and_dense_agree_on_every_instruction_set(n, k):
    rng = np.random.default_rng(n)
    b, d = rng.normal(0.5, 0.4, (n, k)), rng.uniform(0.01, 0.3, n)
    root = rng.normal(size=(k, k))
    f = root @ root.T
    f[0, :] = f[:, 0] = 0.0  # a factor without risk
    budgets = rng.uniform(0.1, 1, n)
    dense = b @ f @ b.T + np.diag(d)
    answers = []
    for _ in on_each_isa(rc.supported_isas()):
        one = risk_budget(loadings=b, factor_cov=f, specific_var=d, budgets=budgets)
        two = risk_budget((dense + dense.T) / 2, budgets=budgets)
        assert one.residual < 1e-11
        assert two.residual < 1e-11
        np.testing.assert_allclose(one.weights, two.weights, rtol=1e-10)
        answers.append((one.weights, two.weights))
    for other in answers[1:]:
        np.testing.assert_array_equal(answers[0], other)


def test_risk_budgets_against_a_general_optimiser():
    """The same minimum by scipy, which knows nothing of coordinates or budgets."""
    rng = np.random.default_rng(5)
    for n in (3, 12):
        s, b = random_covariance(rng, n, 0), rng.uniform(0.2, 1, n)
        b /= b.sum()
        found = optimize.minimize(
            lambda z, s=s, b=b: 0.5 * np.exp(z) @ s @ np.exp(z) - b @ z,
            np.zeros(n),
            jac=lambda z, s=s, b=b: np.exp(z) * (s @ np.exp(z)) - b,
            method="BFGS",
            options={"gtol": 1e-10},
        )
        y = np.exp(found.x)
        np.testing.assert_allclose(risk_budget(s, budgets=b).weights, y / y.sum(), rtol=1e-6)


def test_strong_negative_correlations_and_uneven_budgets():
    """Where coordinates take thousands of sweeps Newton's method takes over."""
    result = risk_budget([[1, -0.999999], [-0.999999, 1]], budgets=[1, 3])
    assert result.newton_steps > 0
    assert result.residual < 1e-9
    n = 40
    rng = np.random.default_rng(6)
    s = np.kron(np.eye(n // 2), [[1, -0.9999], [-0.9999, 1]]) * np.outer(*[rng.uniform(0.1, 10, n)] * 2)
    assert risk_budget(s).residual < 1e-10
    budgets = 10.0 ** -rng.uniform(0, 8, n)
    # Shares are what is left of two terms 1 / (1 - 0.9999) as large: no more than their rounding can be asked of them.
    np.testing.assert_allclose(risk_budget(s, budgets=budgets).shares, budgets / budgets.sum(), rtol=0, atol=1e4 * EPS)


def test_warm_start_takes_fewer_sweeps_to_the_same_weights():
    rng = np.random.default_rng(7)
    s = random_covariance(rng, 50, 0)
    cold = risk_budget(s)
    moved = s * (1 + 1e-6 * np.outer(*[rng.uniform(0, 1, 50)] * 2))
    warm, fresh = risk_budget(moved, warm_start=cold.weights), risk_budget(moved)
    np.testing.assert_allclose(warm.weights, fresh.weights, rtol=1e-10)
    assert warm.sweeps < fresh.sweeps


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"covariance": [[1, 0.5], [0.4, 1]]}, r"covariance\[1, 0\] is 0.4 but covariance\[0, 1\] is 0.5"),
        ({"covariance": [[1, 2], [2, 1]]}, r"covariance\[1, 0\] is 2.0, beyond the 1.0"),
        ({"covariance": [[1, 0], [0, 0]]}, r"covariance\[1, 1\] must be above 0, got 0.0"),
        ({"covariance": [[1, np.nan], [0, 1]]}, r"covariance\[0, 1\] must be finite, got nan"),
        ({"covariance": [[1, 0]]}, r"covariance must have shape \(1, 1\), got \(1, 2\)"),
        ({"covariance": [[1, -1], [-1, 1]]}, "not positive on some long-only mix"),
        ({"covariance": np.eye(3) * 1.9 - 0.9}, "not positive on some long-only mix"),
        ({"covariance": np.zeros((0, 0))}, "there are no assets"),
        ({"covariance": np.eye(2), "budgets": [1, 0]}, r"budgets\[1\] must be above 0 and finite, got 0.0"),
        ({"covariance": np.eye(2), "budgets": [1]}, "budgets has 1 rows, but there are 2 assets"),
        ({"covariance": np.eye(2), "warm_start": [1, -1]}, r"warm_start\[1\] must be above 0"),
        ({"covariance": np.eye(2), "tolerance": 0}, "tolerance must be between 0 and 1, got 0.0"),
        ({}, "give either a covariance, or all of loadings, factor_cov and specific_var"),
        ({"loadings": [[1]]}, "give either a covariance, or all of"),
        ({"covariance": [[1]], "loadings": [[1]]}, "not both"),
        ({"loadings": [[1], [1]], "factor_cov": [[1]], "specific_var": [0.1, 0]}, r"specific_var\[1\] must be above 0"),
        ({"loadings": [[1]], "factor_cov": [[1]], "specific_var": [0.1, 1]}, r"loadings must have shape \(2, 1\)"),
        ({"loadings": [[1]], "factor_cov": [[-1]], "specific_var": [1]}, r"factor_cov\[0, 0\] must be at least 0"),
    ],
)
def test_covariances_that_are_none_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        risk_budget(**arguments)


# --- aim portfolio ---


def test_trading_rates_worked_example():
    """Theory 4.4."""
    assert trading_rate(2, 0.7, 0.02) == pytest.approx(0.780958218400742, rel=1e-14)
    assert trading_rate(2, 0.7, 0.02, continuous=True) == pytest.approx(1.68033809, abs=5e-9)


def test_aim_portfolios_are_exact():
    inputs, results = reference_table("aim")
    for row in range(len(inputs["g"])):
        policy = aim_portfolio(
            matrix(inputs, "s", row, 3, 3),
            matrix(inputs, "l", row, 3, 3),
            matrix(inputs, "b", row, 3, 2),
            matrix(inputs, "p", row, 2, 2),
            risk_aversion=inputs["g"][row],
            discount=inputs["rho"][row],
        )
        rate = np.array([[float(results[f"rate{i}{j}"][row]) for j in range(3)] for i in range(3)])
        aim = np.array([[float(results[f"aim{i}{j}"][row]) for j in range(2)] for i in range(3)])
        np.testing.assert_allclose(policy.rate, rate, rtol=1e-11, atol=1e-12 * abs(rate).max())
        np.testing.assert_allclose(policy.aim, aim, rtol=1e-11, atol=1e-11 * abs(aim).max())
        np.testing.assert_allclose(np.sort(np.linalg.eigvals(policy.rate).real), policy.rates, rtol=1e-10)


@given(st.floats(0.1, 20), st.floats(1e-3, 1e3), st.floats(0, 0.5), st.integers(0, 1000))
def test_cost_in_proportion_to_risk_has_one_rate_and_a_closed_aim(g, impact, rho, seed):
    """Garleanu and Pedersen (2013): aim = (g S)^-1 B (I + Phi a / g)^-1 f."""
    rng = np.random.default_rng(seed)
    s, b, phi = random_covariance(rng, 4, 0), rng.normal(size=(4, 2)), rng.uniform(0.05, 1, 2)
    policy = aim_portfolio(s, impact, b, phi, risk_aversion=g, discount=rho)
    rate = float(trading_rate(g, impact, rho))
    np.testing.assert_allclose(policy.rates, rate, rtol=1e-9)
    closed = np.linalg.solve(g * s, b) @ np.diag(1 / (1 + phi * rate * impact / g))
    np.testing.assert_allclose(policy.aim, closed, rtol=1e-8, atol=1e-10 * abs(closed).max())


def test_the_aim_policy_cannot_be_improved():
    """One asset, one signal, no noise: the policy's value against a numerical optimum of 200 trades."""
    g, cost, s, b, phi, rho, horizon = 2.0, 0.05, 0.04, 0.02, 0.2, 0.05, 200
    policy = aim_portfolio([[s]], [[cost]], [[b]], [phi], risk_aversion=g, discount=rho)
    f = (1 - phi) ** np.arange(horizon)
    kept = (1 - rho) ** np.arange(horizon)
    held, x = np.empty(horizon), np.zeros(1)
    for t in range(horizon):
        x = x + policy.trade(x, [f[t]])
        held[t] = x[0]
    # The first-order conditions of the sum over all x_t are a tridiagonal linear system.
    system = np.diag(kept * (1 - rho) * g * s + kept * cost + np.append(kept[1:], 0) * cost)
    system -= np.diag(kept[1:] * cost, 1) + np.diag(kept[1:] * cost, -1)
    best = np.linalg.solve(system, kept * (1 - rho) * b * f)
    np.testing.assert_allclose(held[:100], best[:100], rtol=1e-9)


def test_slow_signals_count_for_more():
    policy = aim_portfolio([[0.04]], [[0.03]], [[1.0, 1.0]], [0.05, 0.8], risk_aversion=2)
    assert policy.aim[0, 0] > policy.aim[0, 1]
    assert np.all(policy.aim < policy.markowitz)


def test_tracking_a_random_walk_keeps_the_stated_distance():
    rate, mean_square = tracking_rate(2.0, 0.02, 0.09)
    assert (rate, mean_square) == (10.0, 0.0045)
    rng = np.random.default_rng(8)
    dt, x, total = 1e-3, np.zeros(2000), 0.0
    for t in range(3000):
        x = x * math.exp(-rate * dt) - rng.normal(0, 0.3 * math.sqrt(dt), x.size)
        total += np.mean(x * x) if t >= 1000 else 0.0
    assert total / 2000 == pytest.approx(0.0045, rel=0.03)  # 1 % of it is the time step


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"covariance": [[1, 2], [2, 1]]}, "covariance must be positive definite, but its least eigenvalue is -1"),
        ({"covariance": [[1, 0.5], [0, 1]]}, r"covariance must be symmetric, but \[0, 1\] is 0.5 and \[1, 0\] is 0.0"),
        ({"covariance": [[1, np.inf], [0, 1]]}, r"covariance\[0, 1\] must be finite, got inf"),
        ({"impact": -1}, "impact must be above 0 and finite, got -1.0"),
        ({"impact": np.eye(3)}, r"impact has shape \(3, 3\), but the covariance has \(2, 2\)"),
        ({"signal_returns": [1, 1]}, r"signal_returns must have shape \(2, k\), got \(2,\)"),
        ({"signal_decay": [0.1, 0.1]}, r"signal_decay must have shape \(1,\) or \(1, 1\), got \(2,\)"),
        ({"signal_decay": [-2.0]}, "signals grow by 3 a period"),
        ({"risk_aversion": 0}, "risk_aversion must be above 0 and finite, got 0.0"),
        ({"discount": 1}, "discount must be at least 0 and below 1, got 1.0"),
    ],
)
def test_aims_that_do_not_exist_are_refused(change, message):
    given_ = {"covariance": np.eye(2), "impact": 1.0, "signal_returns": [[1.0], [1.0]], "signal_decay": [0.1]}
    with pytest.raises(ValueError, match=message):
        aim_portfolio(**{**given_, "risk_aversion": 1.0, **change})


# --- schedule ---


def test_schedule_published_example():
    """Almgren and Chriss (2001), their example: kappa 0.607 a day; holdings as in theory 5.2."""
    schedule = almgren_chriss(
        1e6,
        5,
        5,
        vol=0.95,
        temporary_impact=2.5e-6,
        permanent_impact=2.5e-7,
        half_spread=0.0625,
        risk_aversion=1e-6,
    )
    assert round(schedule.kappa, 3) == 0.607
    np.testing.assert_array_equal(schedule.holdings.round(), [1_000_000, 541_956, 289_854, 147_897, 62_142, 0])


def test_schedules_are_exact():
    """Including the straight line, urgencies that a cosh would round away, and ones that overflow a sinh."""
    inputs, results = reference_table("schedule")
    for row in range(len(inputs["j"])):
        x, span, n, vol, temporary, permanent, spread, risk, j = (column[row] for column in inputs.values())
        schedule = almgren_chriss(
            x,
            span,
            int(n),
            vol=vol,
            temporary_impact=temporary,
            permanent_impact=permanent,
            half_spread=spread,
            risk_aversion=risk,
        )
        where = f"risk aversion {risk}, step {j}"
        got = [
            schedule.kappa,
            schedule.holdings[int(j)],
            schedule.trades[int(j)],
            schedule.expected_cost,
            schedule.variance,
        ]
        for value, name in zip(got, results, strict=True):
            # Rounding kappa moves sinh(kappa t) by kappa t of its units: 40 at the most urgent.
            assert value == pytest.approx(float(results[name][row]), rel=1e-13, abs=1e-300), f"{name}, {where}"


@given(st.floats(1, 1e6), st.floats(0.1, 100), st.integers(1, 50), st.floats(1e-12, 1e6))
def test_schedules_sell_everything_and_never_buy(quantity, span, steps, risk):
    schedule = almgren_chriss(quantity, span, steps, vol=1.0, temporary_impact=1e-3, risk_aversion=risk)
    assert schedule.holdings[0] == quantity
    assert schedule.holdings[-1] == 0
    assert np.all(schedule.trades >= 0)
    assert schedule.trades.sum() == pytest.approx(quantity, rel=1e-12)
    np.testing.assert_allclose(-np.diff(schedule.holdings), schedule.trades, rtol=1e-9, atol=1e-12 * quantity)
    bought = almgren_chriss(-quantity, span, steps, vol=1.0, temporary_impact=1e-3, risk_aversion=risk)
    np.testing.assert_array_equal(bought.trades, -schedule.trades)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"horizon": 0}, "horizon must be above 0 and finite, got 0"),
        ({"steps": 2.5}, "steps must be a whole number of at least 1, got 2.5"),
        ({"vol": -1}, "vol must be at least 0 and finite, got -1"),
        (
            {"permanent_impact": 3},
            "temporary_impact must be above permanent_impact x horizon / steps / 2 = 1.5, got 1.0",
        ),
        ({"quantity": math.nan}, "quantity must be finite, got nan"),
    ],
)
def test_schedules_that_make_no_sense_are_refused(change, message):
    given_ = {"quantity": 1.0, "horizon": 1.0, "steps": 1, "vol": 1.0, "temporary_impact": 1.0}
    with pytest.raises(ValueError, match=message):
        almgren_chriss(**{**given_, **change})


# --- in the pipeline ---


@pytest.mark.parametrize(
    "name", ["_aim", "_cppi", "_fraction", "_risk_budget", "_rule", "_schedule", "_volatility_target"]
)
def test_examples_give_what_they_show(name):
    result = doctest.testmod(importlib.import_module(f"rebalance_core.sizing.{name}"))
    assert result.attempted > 0
    assert result.failed == 0


@pytest.fixture
def desk():
    """Ten BTC on spot and 400 000 in cash, a price of 60 000: equity 1 000 000."""
    instruments = rc.Instruments(kind=["spot"], underlying=["BTC"], symbol=["BTC"], lot_size=[1e-6])
    market = rc.Market(instruments)
    market.set_prices([60_000.0])
    book = rc.Book(instruments, [10.0], cash=400_000.0)
    engine = rc.Engine(book, market, rc.Targets(weight=0.6), Threshold("weight", 1e-9) | Threshold("delta", 1e-9))
    return book, market, engine


def run(desk, rule, now_ns):
    """One step of the loop in docs/sizing_rules.md; the weight that the account ends with."""
    book, _, engine = desk
    engine.set_targets(rule.targets(engine.tick(now_ns)))
    for trade in engine.tick(now_ns).trades:
        book.fill(trade["symbol"], trade["size"], trade["price"])
    return engine.tick(now_ns).exposures["weight"][0]


def test_the_engine_trades_what_cppi_wants(desk):
    rule = Cppi(4, floor=800_000, equity=1_000_000, exposure=600_000, underlying="BTC", rate=0.05)
    assert run(desk, rule, NOW) == pytest.approx(0.8, abs=1e-6)
    desk[1].move("BTC", 54_000.0)
    floor = 800_000 * math.exp(0.05 / 365)
    assert run(desk, rule, NOW + DAY) == pytest.approx(4 * (920_000 - floor) / 920_000, abs=1e-6)
    assert rule.floor == pytest.approx(floor, rel=1e-15)
    with pytest.raises(ValueError, match="the plan is of"):
        rule.targets(desk[2].tick(NOW))
    assert rule.floor == pytest.approx(floor, rel=1e-15)


def test_the_engine_trades_every_rule(desk):
    vol = VolatilityTarget(0.4, cap=2.0, underlying="BTC")
    assert run(desk, vol, NOW) == pytest.approx(0.6)  # no forecast, no target, no trade
    vol.update(0.808)
    assert run(desk, vol, NOW) == pytest.approx(0.4950495, abs=1e-6)
    assert run(desk, FixedFraction(0.3, 1e6, underlying="BTC"), NOW) == pytest.approx(0.3, abs=1e-6)
    schedule = almgren_chriss(5.0, 1.0, 4, vol=0.0, temporary_impact=1.0).over("BTC", NOW, "4h", final=0.0)
    hour = DAY // 24
    for hours, left in ((-1, 5.0), (0, 3.75), (1, 2.5), (3, 0.0), (9, 0.0)):
        assert schedule.left(NOW + hours * hour) == left
        assert run(desk, schedule, NOW + hours * hour) * 1e6 / 60_000 == pytest.approx(left, abs=1e-5)
    for rule in (vol, schedule):
        assert isinstance(rule, sizing.SizingRule)


def test_rules_without_an_underlying_have_no_targets(desk):
    for rule in (Cppi(4, 80, 100), FixedFraction(0.5, 100), VolatilityTarget(0.1)):
        with pytest.raises(ValueError, match="has no underlying to give targets for"):
            rule.targets(desk[2].tick(NOW))
    assert risk_budget(np.eye(2)).targets(["BTC", "ETH"], 2.0).columns(["BTC", "ETH"])["weight"].tolist() == [1.0, 1.0]
