"""American options: limits, identities, another solver's values, derivatives, published numbers, bits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import FUSED, on_each_isa, reference_table
from rebalance_core import RowStatus
from rebalance_core.pricing import Greeks, american, bsm

ACCURACIES = ("fast", "accurate")
#: Promised error of the value, in units of the strike; fast where vol sqrt(years) <= 1 or the boundary does not bend.
PROMISED = {"fast": 1e-8, "accurate": 1e-10}
NAMES = ("value", "delta", "gamma", "vega", "theta", "rho", "rho_dividend", "boundary")


@pytest.fixture(params=ACCURACIES)
def accuracy(request: pytest.FixtureRequest) -> str:
    return request.param


def random_contracts(n: int, seed: int) -> dict[str, np.ndarray]:
    """Single boundaries all over the domain; spots within three deviations of the strike."""
    random = np.random.default_rng(seed)
    vol, years = np.exp(random.uniform(-4, 1, n)), np.exp(random.uniform(-8, 2.3, n))
    strike = np.exp(random.uniform(-2, 8, n))
    phi = random.choice([-1.0, 1.0], n)
    own, other = random.uniform(1e-3, 0.3, n), random.uniform(-0.05, 0.3, n)
    return {
        "spot": strike * np.clip(np.exp(random.normal(size=n) * vol * np.sqrt(years)), 0.25, 4.0),
        "strike": strike,
        "vol": vol,
        "years": years,
        "phi": phi,
        "rate": np.where(phi < 0, own, other),
        "dividend_yield": np.where(phi < 0, other, own),
    }


def assert_same_greeks(a: Greeks, b: Greeks) -> None:
    for name in a.names:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
    np.testing.assert_array_equal(a.status, b.status)


# --- limits ---


@pytest.mark.parametrize(("phi", "rate", "dividend_yield"), [(-1, 0.0, 0.03), (-1, -0.02, -0.01), (1, 0.04, 0.0)])
def test_what_is_never_exercised_early_is_european_to_the_last_bit(isa, accuracy, phi, rate, dividend_yield):
    spots = np.linspace(60.0, 150.0, 16)
    where = (spots, 100.0, 0.3, 0.7, phi, rate, dividend_yield)
    g, european = american(*where, accuracy=accuracy), bsm(*where)
    for name in european.names:
        np.testing.assert_array_equal(getattr(g, name), getattr(european, name), err_msg=name)
    assert np.all(g.boundary == (math.inf if phi > 0 else 0.0))
    assert not g.status.any()


def tree(spot, strike, vol, years, phi, rate, dividend_yield, steps=400):
    """Value and number of boundaries of the binomial tree (Cox, Ross and Rubinstein 1979), its last step by Black and
    Scholes: as many as there are changes between waiting and exercise on the date that has most."""
    dt = years / steps
    up = vol * math.sqrt(dt)
    p = (math.exp((rate - dividend_yield) * dt) - math.exp(-up)) / (math.exp(up) - math.exp(-up))
    assert 0.0 < p < 1.0
    level, boundaries = spot * np.exp(up * np.arange(-steps, steps + 1)), 0
    value = bsm(level[1:-1:2], strike, vol, dt, phi, rate, dividend_yield).value
    for step in range(steps - 1, -1, -1):
        s = level[steps - step : steps + step + 1 : 2]
        wait = value if step == steps - 1 else math.exp(-rate * dt) * (p * value[1:] + (1 - p) * value[:-1])
        now = phi * (s - strike)
        value = np.maximum(wait, now)
        # far from the strike a tie is decided by rounding
        exercised = now > wait * (1 - 1e-12 * np.sign(rate if phi < 0 else dividend_yield))
        boundaries = max(boundaries, int(np.count_nonzero(np.diff(exercised))))
    return value[0], boundaries


def test_two_boundaries_are_refused(isa, accuracy):
    for phi, rate, dividend_yield in [(-1, -0.01, -0.04), (1, -0.04, -0.01)]:
        g = american([100.0, 90.0], 100.0, 0.2, [1.0, 0.0], phi, rate, dividend_yield, accuracy=accuracy)
        assert g.status.tolist() == [RowStatus.two_boundaries, RowStatus.at_expiry]
        assert all(math.isnan(getattr(g, name)[0]) for name in NAMES)
        assert g.value[1] == (10.0 if phi < 0 else 0.0)


BELOW, ABOVE = np.nextafter(-0.02, -1.0), np.nextafter(-0.02, 1.0)


@pytest.mark.parametrize(
    ("rate", "dividend_yield", "boundaries"),
    [
        # a negative rate: two boundaries from r/q to 1 if the yield is lower still, none otherwise
        (-0.02, BELOW, 2),
        (-0.02, -0.02, 0),
        (-0.02, ABOVE, 0),
        (ABOVE, -0.02, 2),
        (BELOW, -0.02, 0),
        (-0.02, -0.05, 2),
        (-0.02, 0.0, 0),
        (-0.02, 0.03, 0),
        # no rate: the lower one is at 0
        (-5e-324, -0.05, 2),
        (-1e-12, -0.05, 2),
        (0.0, -0.05, 1),
        (-0.0, -0.05, 1),
        (1e-12, -0.05, 1),
        (0.0, 0.0, 0),
        (0.0, 0.03, 0),
        # a positive rate
        (0.02, -0.05, 1),
        (0.02, 0.0, 1),
        (0.02, 0.02, 1),
        (0.02, 0.2, 1),
    ],
)
def test_what_is_refused_has_two_boundaries_and_nothing_else_does(isa, accuracy, rate, dividend_yield, boundaries):
    """At expiry a put is exercised where r K > q S, below K: S < min(K, r/q K) if r > 0, all S < K if r = 0 > q, from
    r/q K to K if q < r < 0 (Andersen and Lake 2021, "Fast American option pricing: the double-boundary case")."""
    for phi, r, q in ((-1.0, rate, dividend_yield), (1.0, dividend_yield, rate)):
        g = american([60.0, 100.0, 140.0], 100.0, 0.2, 1.0, phi, r, q, accuracy=accuracy)
        assert np.all(g.status == (RowStatus.two_boundaries if boundaries == 2 else RowStatus.ok))
        finite = (g.boundary > 0.0) & (g.boundary < math.inf)
        assert np.all(finite == (boundaries == 1))
        assert np.all(np.isnan(g.value) == (boundaries == 2))


@pytest.mark.parametrize(
    ("rate", "dividend_yield", "boundaries"),
    [(-0.02, -0.05, 2), (-0.02, 0.0, 0), (0.0, -0.05, 1), (0.02, -0.05, 1), (0.02, 0.02, 1), (0.02, 0.06, 1)],
)
def test_a_tree_has_as_many_boundaries(rate, dividend_yield, boundaries):
    for phi, r, q in ((-1.0, rate, dividend_yield), (1.0, dividend_yield, rate)):
        assert tree(100.0, 100.0, 0.2, 1.0, phi, r, q)[1] == boundaries


def test_a_negative_yield_and_no_rate_has_one_boundary(isa, accuracy):
    """The short stock of an exercised put earns the negative yield, so a put is exercised early even at rate 0."""
    g = american(80.0, 100.0, 0.2, 1.0, -1.0, 0.0, -0.05, accuracy=accuracy)
    assert g.status == RowStatus.ok
    assert g.value >= 20.0 > bsm(80.0, 100.0, 0.2, 1.0, -1.0, 0.0, -0.05).value
    assert 0.0 < g.boundary < 100.0


def test_beyond_the_boundary_an_option_is_its_payoff(isa, accuracy):
    edge = american(100.0, 100.0, 0.25, 1.0, -1.0, 0.05, 0.02, accuracy=accuracy).boundary
    g = american([edge, 0.99 * edge, 1.0], 100.0, 0.25, 1.0, -1.0, 0.05, 0.02, accuracy=accuracy)
    np.testing.assert_array_equal(g.value, 100.0 - np.array([edge, 0.99 * edge, 1.0]))
    np.testing.assert_array_equal(g.delta, [-1.0, -1.0, -1.0])
    for name in ("gamma", "vega", "theta", "rho", "rho_dividend"):
        np.testing.assert_array_equal(getattr(g, name), np.zeros(3), err_msg=name)


def test_value_and_slope_are_continuous_at_the_boundary(isa, accuracy):
    """Gamma alone jumps, to 2 (r K - q B) / (vol B)^2: the equation with theta = 0."""
    edge = american(100.0, 100.0, 0.25, 1.0, -1.0, 0.05, 0.02, accuracy=accuracy).boundary
    g = american(edge * (1 + 1e-7), 100.0, 0.25, 1.0, -1.0, 0.05, 0.02, accuracy=accuracy)
    assert g.value == pytest.approx(100.0 - edge * (1 + 1e-7), abs=100 * PROMISED[accuracy])
    assert g.delta == pytest.approx(-1.0, abs=1e-6)
    assert g.gamma == pytest.approx(
        2 * (0.05 * 100.0 - 0.02 * edge) / (0.25 * edge) ** 2, rel={"fast": 1e-3, "accurate": 1e-4}[accuracy]
    )


def test_at_expiry_an_option_is_its_payoff(isa, accuracy):
    g = american([90.0, 100.0, 110.0], 100.0, 0.5, 0.0, [[1.0], [-1.0]], 0.05, 0.02, accuracy=accuracy)
    np.testing.assert_array_equal(g.value, [[0, 0, 10], [10, 0, 0]])
    np.testing.assert_array_equal(g.delta, [[0, 0.5, 1], [-1, -0.5, 0]])
    for name in ("gamma", "vega", "rho", "rho_dividend"):
        np.testing.assert_array_equal(getattr(g, name), np.zeros((2, 3)), err_msg=name)
    assert np.all(g.boundary == 100.0)
    assert np.all(g.status == RowStatus.at_expiry)


@pytest.mark.parametrize("phi", [1.0, -1.0])
@pytest.mark.parametrize("rates", [(0.08, 0.02), (0.02, 0.08), (-0.03, -0.05), (-0.05, -0.03), (0.04, -0.02)])
def test_without_vol_the_best_moment_counts(isa, phi, rates):
    """Against the largest discounted payoff on a fine grid of moments, not today's or the last alone."""
    rate, dividend_yield = rates
    spots, years = np.linspace(50.0, 200.0, 31), 8.0
    g = american(spots, 100.0, 0.0, years, phi, rate, dividend_yield)
    t = np.linspace(0.0, years, 200_001)
    best = [np.max(phi * (s * np.exp(-dividend_yield * t) - 100.0 * np.exp(-rate * t))) for s in spots]
    np.testing.assert_allclose(g.value, np.maximum(best, 0.0), rtol=1e-9, atol=1e-9)
    assert np.all(g.status == RowStatus.zero_vol)
    h = 1e-4
    up, down = (american(spots + d, 100.0, 0.0, years, phi, rate, dividend_yield) for d in (h, -h))
    smooth = (np.abs(up.delta - down.delta) < 0.01) & (np.abs(up.gamma - down.gamma) < 1e-3)
    np.testing.assert_allclose(((up.value - down.value) / (2 * h))[smooth], g.delta[smooth], atol=1e-5)
    np.testing.assert_allclose(((up.delta - down.delta) / (2 * h))[smooth], g.gamma[smooth], atol=1e-6)


def test_a_vanishing_vol_approaches_the_limit(isa, accuracy):
    where = ([80.0, 95.0, 120.0], 100.0)
    small = american(*where, 1e-4, 2.0, [[1.0], [-1.0]], 0.05, 0.03, accuracy=accuracy)
    none = american(*where, 0.0, 2.0, [[1.0], [-1.0]], 0.05, 0.03, accuracy=accuracy)
    assert not small.status.any()
    np.testing.assert_allclose(small.value, none.value, atol=1e-4)


@pytest.mark.parametrize(
    ("argument", "value", "status"),
    [
        *((name, math.nan, RowStatus.not_a_number) for name in ("spot", "strike", "vol", "years", "phi", "rate")),
        ("dividend_yield", math.nan, RowStatus.not_a_number),
        ("spot", math.inf, RowStatus.infinite),
        ("years", math.inf, RowStatus.infinite),
        ("rate", 1e6, RowStatus.infinite),
        ("spot", 0.0, RowStatus.nonpositive_price),
        ("strike", -1.0, RowStatus.nonpositive_price),
        ("vol", -0.1, RowStatus.negative_vol),
        ("years", -0.1, RowStatus.expired),
        ("phi", 0.5, RowStatus.bad_phi),
    ],
)
def test_a_bad_input_gives_nan_and_says_why(isa, argument, value, status):
    row = {"spot": 95.0, "strike": 100.0, "vol": 0.2, "years": 0.5, "phi": -1.0, "rate": 0.05, "dividend_yield": 0.01}
    g = american(**{**row, argument: value})
    assert g.status == status
    assert all(math.isnan(getattr(g, name)) for name in NAMES)


@pytest.mark.parametrize("scale", [1e-250, 1e-120, 1e120, 1e250])
def test_prices_of_any_size_scale(isa, scale):
    a = american(95.0, 100.0, 0.2, 0.5, -1.0, 0.05, 0.01)
    b = american(95.0 * scale, 100.0 * scale, 0.2, 0.5, -1.0, 0.05, 0.01)
    assert b.status == RowStatus.ok
    assert b.value == pytest.approx(a.value * scale, rel=1e-12)
    assert b.boundary == pytest.approx(a.boundary * scale, rel=1e-12)
    assert b.gamma * scale == pytest.approx(a.gamma, rel=1e-10)


@given(
    vol=st.floats(1e-6, 1e3),
    years=st.floats(1e-9, 1e4),
    rate=st.floats(-0.5, 2.0),
    dividend_yield=st.floats(-0.5, 2.0),
    moneyness=st.floats(-3, 3),
)
def test_far_outside_the_domain_there_is_a_status_or_a_possible_price(vol, years, rate, dividend_yield, moneyness):
    spot = 100.0 * math.exp(moneyness)
    g = american(spot, 100.0, vol, years, -1.0, rate, dividend_yield)
    if g.status in (RowStatus.unsolved, RowStatus.two_boundaries, RowStatus.infinite):
        assert math.isnan(g.value)
        return
    assert g.status == RowStatus.ok
    european = bsm(spot, 100.0, vol, years, -1.0, rate, dividend_yield).value
    assert g.value >= max(100.0 - spot, european) * (1 - 1e-12)
    assert g.value <= max(100.0, 100.0 * math.exp(-rate * years)) * (1 + 1e-12)


@pytest.mark.parametrize(
    "row",
    [
        (5.0, 100.0, 0.65, 140.0, -1.0, 0.055, -0.45),
        (100.0, 100.0, 2.0, 80.0, -1.0, 0.03, -0.3),
    ],
)
def test_a_boundary_that_does_not_settle_is_unsolved_and_has_no_number(isa, accuracy, row):
    g = american(*row, accuracy=accuracy)
    assert g.status == RowStatus.unsolved
    assert all(math.isnan(getattr(g, name)) for name in g.names)


# --- identities ---


def test_calls_are_puts_with_prices_and_rates_exchanged(isa, accuracy):
    """C(S, K, r, q) = P(K, S, q, r), McDonald and Schroder (1998), and its derivatives."""
    c = random_contracts(400, 2)
    g = american(**c, accuracy=accuracy)
    m = american(
        c["strike"], c["spot"], c["vol"], c["years"], -c["phi"], c["dividend_yield"], c["rate"], accuracy=accuracy
    )
    assert not g.status.any()
    size = np.maximum(c["spot"], c["strike"])
    np.testing.assert_allclose(g.value / size, m.value / size, atol=1e-14)
    np.testing.assert_allclose(g.vega / size, m.vega / size, atol=1e-12)
    np.testing.assert_allclose(g.rho / size, m.rho_dividend / size, atol=1e-11)
    np.testing.assert_allclose(g.boundary * m.boundary, c["spot"] * c["strike"], rtol=1e-13)


def test_premiums_are_never_negative_and_payoffs_are_a_floor(isa, accuracy):
    c = random_contracts(1_000, 3)
    g, european = american(**c, accuracy=accuracy), bsm(**c)
    assert np.all(g.value >= european.value)
    assert np.all(g.value >= c["phi"] * (c["spot"] - c["strike"]))


def test_theta_is_never_positive(isa, accuracy):
    """A longer American option can do whatever a shorter one can. European theta, part of the sum, may be positive."""
    c = random_contracts(1_000, 4)
    assert np.max(bsm(**c).theta / c["strike"]) > 1e-2
    assert np.max(american(**c, accuracy=accuracy).theta / c["strike"]) < {"fast": 1e-4, "accurate": 1e-6}[accuracy]


@settings(deadline=None)
@given(
    z=st.floats(-3, 3),
    vol=st.floats(0.02, 2.0),
    years=st.floats(0.01, 5.0),
    longer=st.floats(1.0, 1.9),
    rate=st.floats(0.0, 0.3),
    dividend_yield=st.floats(0.0, 0.3),
    phi=st.sampled_from([1.0, -1.0]),
)
def test_more_time_or_more_vol_is_never_worth_less(z, vol, years, longer, rate, dividend_yield, phi):
    spot = 100.0 * math.exp(np.clip(z * vol * math.sqrt(years), -1.38, 1.38))
    a, b, c = (
        american(spot, 100.0, v, t, phi, rate, dividend_yield)
        for v, t in ((vol, years), (vol, years * longer), (vol * longer, years))
    )
    assert b.value >= a.value - 2e-6
    assert c.value >= a.value - 2e-6
    assert phi * b.boundary >= phi * a.boundary - 1e-5


# --- known values ---


def test_values_match_an_independent_solver(isa, accuracy):
    """tests/reference/american.py: another equation, another iteration, other quadrature."""
    inputs, results = reference_table("american")
    g = american(**inputs, accuracy=accuracy)
    value, edge = (np.array(results[name], float) for name in ("value", "boundary"))
    assert not g.status.any()
    error = np.abs(g.value - value) / inputs["strike"]
    worst = int(np.argmax(error))
    assert error[worst] < PROMISED[accuracy], {name: column[worst] for name, column in inputs.items()}
    # The value hardly depends on the boundary, and so does the reference's equation: where the rate is just below the
    # yield its own boundary moves by 3e-6 with the number of nodes.
    np.testing.assert_allclose(g.boundary, edge, rtol=5e-6)


def test_greeks_match_differences_of_the_independent_solver(isa, accuracy):
    """Vega and the rhos through the boundary; with the boundary frozen they would be off by percents."""
    inputs, results = reference_table("american")
    g = american(**inputs, accuracy=accuracy)
    step = {"delta": "spot", "vega": "vol", "theta": "years", "rho": "rate", "rho_dividend": "dividend_yield"}
    for name, argument in step.items():
        size = inputs["strike"] / np.maximum(np.abs(inputs[argument]), 1e-3)
        error = np.abs(getattr(g, name) - np.array(results[name], float)) / size
        worst = int(np.argmax(error))
        assert error[worst] < 1e-7, (name, {k: column[worst] for k, column in inputs.items()})
    gamma = np.array(results["gamma"], float)
    error = np.abs(g.gamma - gamma) * inputs["spot"] ** 2 * inputs["vol"] * np.sqrt(inputs["years"]) / inputs["strike"]
    assert np.max(error) < 1e-6


#: Where the search of docs/pricing.md found the largest errors: spot, vol, years, rate, yield of puts with strike 1, and
#: their values by `NODES=144 POINTS=192 python tests/reference/american.py worst`.
WORST = [
    (0.25, 3.0, 9.84459611187282, 0.2965015523403319, 0.29864923599138715, 0.86040510495493),
    (0.25, 3.0, 9.482886319643146, 0.28971156139608256, 0.291665029166754, 0.86209665873068),
    (0.2533193875570136, 1.2764167631709338, 10.0, 0.17749865759118197, 0.3, 0.77950432614635),
    (0.26464, 2.8317, 9.4505, 0.19358, 0.24099, 0.88080783986912),
    (0.26743, 2.7983, 9.0984, 0.05492, 0.12326, 0.94722466300377),
]


def test_the_worst_that_a_search_found(isa, accuracy):
    """As puts, and as the calls that they are with prices and rates exchanged: their strike is the put's spot."""
    spot, vol, years, rate, dividend_yield, value = np.array(WORST).T
    put = american(spot, 1.0, vol, years, -1.0, rate, dividend_yield, accuracy=accuracy)
    call = american(1.0, spot, vol, years, 1.0, dividend_yield, rate, accuracy=accuracy)
    assert not put.status.any()
    promised = {"fast": 5e-8, "accurate": PROMISED["accurate"]}[accuracy]
    np.testing.assert_allclose(put.value, value, rtol=0, atol=promised)
    np.testing.assert_allclose(call.value / spot, value / spot, rtol=0, atol=promised)


@pytest.mark.parametrize(
    ("spot", "vol", "years", "phi", "rate", "dividend_yield"),
    [
        (100.0, 0.25, 1.0, -1.0, 0.05, 0.05),
        (100.0, 0.25, 1.0, -1.0, 0.08, 0.02),
        (90.0, 0.25, 1.0, -1.0, 0.02, 0.08),
        (75.0, 0.3, 1.0, -1.0, 0.06, 0.02),  # deep in the money, beside the boundary
        (110.0, 0.3, 10.0, -1.0, 0.04, 0.01),
        (100.0, 0.03, 1.0, -1.0, 0.05, 0.04),
        (95.0, 0.6, 0.5, 1.0, 0.01, 0.1),
        (100.0, 0.3, 2.0, -1.0, 0.0, -0.05),
    ],
)
def test_a_tree_agrees(isa, accuracy, spot, vol, years, phi, rate, dividend_yield):
    """Two trees and Richardson's extrapolation (Broadie and Detemple 1996): nothing is shared with an integral."""
    where = (spot, 100.0, vol, years, phi, rate, dividend_yield)
    extrapolated = 2 * tree(*where, steps=2000)[0] - tree(*where, steps=1000)[0]
    assert american(*where, accuracy=accuracy).value == pytest.approx(extrapolated, abs=3e-4)


#: Longstaff and Schwartz (2001), "Valuing American options by simulation", Rev. Financial Studies 14(1):113-147, table
#: 1: puts with strike 40, rate 6 %, by finite differences; spot, vol, years, value.
LONGSTAFF_SCHWARTZ = [
    (36, 0.2, 1, 4.478), (36, 0.2, 2, 4.840), (36, 0.4, 1, 7.101), (36, 0.4, 2, 8.508),
    (38, 0.2, 1, 3.250), (38, 0.2, 2, 3.745), (38, 0.4, 1, 6.148), (38, 0.4, 2, 7.670),
    (40, 0.2, 1, 2.314), (40, 0.2, 2, 2.885), (40, 0.4, 1, 5.312), (40, 0.4, 2, 6.920),
    (42, 0.2, 1, 1.617), (42, 0.2, 2, 2.212), (42, 0.4, 1, 4.582), (42, 0.4, 2, 6.248),
    (44, 0.2, 1, 1.110), (44, 0.2, 2, 1.690), (44, 0.4, 1, 3.948), (44, 0.4, 2, 5.647),
]  # fmt: skip


def test_published_puts(isa, accuracy):
    """Their options can be exercised fifty times a year, so they may be worth up to a cent less."""
    spot, vol, years, value = np.array(LONGSTAFF_SCHWARTZ).T
    more = american(spot, 40.0, vol, years, -1.0, 0.06, accuracy=accuracy).value - value
    assert np.all(more > -2e-3)
    assert np.all(more < 1.1e-2)


#: Ju and Zhong (1999), "An approximate formula for pricing American options", J. Derivatives 7(2), exhibit 6: calls with
#: strike 100, three years; rate, yield, vol, and the values of his approximation for spots 80, 90, 100, 110, 120.
JU = [
    (0.03, 0.07, 0.2, (2.605, 5.182, 9.065, 14.430, 21.398)),
    (0.03, 0.07, 0.4, (11.336, 15.711, 20.760, 26.440, 32.709)),
    (0.00001, 0.07, 0.3, (5.552, 8.868, 13.158, 18.458, 24.786)),
    (0.07, 0.03, 0.3, (12.177, 17.411, 23.402, 30.028, 37.177)),
]


def test_a_published_approximation_is_near(isa, accuracy):
    """A loose check, as good as the approximation: 8 cents in 100, what QuantLib's test suite allows its finite
    differences against the same numbers."""
    for rate, dividend_yield, vol, values in JU:
        spot = np.arange(80.0, 121.0, 10.0)
        g = american(spot, 100.0, vol, 3.0, 1.0, rate, dividend_yield, accuracy=accuracy)
        np.testing.assert_allclose(g.value, values, rtol=0, atol=0.08)


@pytest.mark.parametrize(
    ("rate", "premium", "digits"), [(0.05, 0.106952702747, 1e-11), (0.075, 0.36711114061719, 1e-11)]
)
def test_published_premiums(isa, rate, premium, digits):
    """Andersen, Lake and Offengenden (2016): S = K = 100, vol 25 %, yield 5 %, one year (0.106952702747). At a rate of
    7.5 % their digits end at 1e-7; converged further here and in tests/reference/american.py."""
    g = american(100.0, 100.0, 0.25, 1.0, -1.0, rate, 0.05, accuracy="accurate")
    assert g.value - bsm(100.0, 100.0, 0.25, 1.0, -1.0, rate, 0.05).value == pytest.approx(premium, abs=100 * digits)


# --- derivatives ---


@pytest.mark.parametrize(
    ("name", "argument", "sign"),
    [
        ("delta", "spot", 1),
        ("vega", "vol", 1),
        ("theta", "years", -1),
        ("rho", "rate", 1),
        ("rho_dividend", "dividend_yield", 1),
    ],
)
def test_each_greek_is_the_slope_of_the_value(isa, accuracy, name, argument, sign):
    """Fourth-order differences over 1 % of the argument, where all five spots are alive."""
    c = {
        "spot": np.linspace(92.0, 130.0, 40),
        "strike": np.full(40, 100.0),
        "vol": np.linspace(0.2, 0.5, 40),
        "years": np.linspace(0.3, 2.0, 40),
        "phi": np.full(40, -1.0),
        "rate": np.linspace(0.02, 0.06, 40)[::-1],
        "dividend_yield": np.linspace(0.01, 0.08, 40),
    }
    assert np.all(american(**c).boundary < 0.95 * c["spot"])
    h = 0.01 * c[argument]
    at = {k: american(**{**c, argument: c[argument] + k * h}, accuracy=accuracy).value for k in (-2, -1, 1, 2)}
    slope = sign * (8 * (at[1] - at[-1]) - (at[2] - at[-2])) / (12 * h)
    error = np.abs(slope - getattr(american(**c, accuracy=accuracy), name))
    assert np.all(error < 1e-6 * np.abs(slope) + 1e-7 + 2 * PROMISED[accuracy] * c["strike"] / h)


# --- bits ---


def test_fused_instruction_sets_threads_and_neighbours_give_the_same_bits(accuracy):
    n = 100 if accuracy == "accurate" else 9_001
    c = random_contracts(n, 9)
    results = [american(**c, accuracy=accuracy, threads=t) for _ in on_each_isa(FUSED) for t in (1, 2)]
    for other in results[1:]:
        assert_same_greeks(results[0], other)
    together = american(**c, accuracy=accuracy)  # on the instruction set in use, as each row alone is
    for i in (0, 7, 8, n - 1):
        alone = american(**{name: column[i] for name, column in c.items()}, accuracy=accuracy)
        assert all(getattr(alone, name) == getattr(together, name)[i] for name in NAMES)


def test_the_baseline_agrees_closely(accuracy):
    c = random_contracts(400, 10)
    a, b = (american(**c, accuracy=accuracy) for _ in on_each_isa([FUSED[0] if FUSED else "baseline", "baseline"]))
    np.testing.assert_allclose(a.value / c["strike"], b.value / c["strike"], atol=1e-11)


# --- the call ---


def test_accuracy_names_are_listed():
    with pytest.raises(ValueError, match="accuracy must be one of 'fast', 'accurate', got 'best'"):
        american(90.0, 100.0, 0.2, 1.0, -1.0, 0.05, accuracy="best")
    with pytest.raises(TypeError, match="accuracy"):
        american(90.0, 100.0, 0.2, 1.0, -1.0, 0.05, accuracy=2)
    with pytest.raises(TypeError, match="accuracy"):
        bsm(90.0, 100.0, 0.2, 1.0, -1.0, 0.05, accuracy="fast")


def test_out_is_written_and_may_be_an_input(accuracy):
    c = random_contracts(40, 11)
    out = Greeks(40, model="american")
    g = american(**c, accuracy=accuracy)
    assert american(**c, accuracy=accuracy, out=out) is out
    assert_same_greeks(out, g)
    out.value[:] = c["spot"]
    american(out.value, *list(c.values())[1:], accuracy=accuracy, out=out)
    assert_same_greeks(out, g)
