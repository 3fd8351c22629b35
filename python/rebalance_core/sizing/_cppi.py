"""Constant proportion portfolio insurance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rebalance_core import _core, pricing
from rebalance_core._tables import FloatArray
from rebalance_core.drift import Targets

from ._rule import named, weight_now

if TYPE_CHECKING:
    from rebalance_core.engine import Plan

__all__ = ["Cppi", "CppiPaths", "GapRisk", "cppi_gap_risk"]

_YEAR_NS = 365 * 86_400_000_000_000


@dataclass(frozen=True)
class CppiPaths:
    """What became of an account at each step, after trading. Arrays of the shape of the returns."""

    equity: FloatArray  #: quote currency
    exposure: FloatArray  #: quote currency, held over the next step
    floor: FloatArray  #: quote currency


class Cppi(_core.Cppi):
    """Exposure = multiplier x (equity - floor), at least 0 and at most max_leverage x equity.

    One object follows one account: ``update`` takes the account as it is and answers with the exposure to have;
    ``step`` lets the object keep the account itself from a return; ``paths`` walks many accounts from here at once. All
    three are one compiled formula and give the same bits.

    Parameters
    ----------
    multiplier
        Above 0. A fall by 1/multiplier between two steps takes the whole cushion: see :func:`cppi_gap_risk`.
    floor, equity
        Quote currency. The floor is at least 0; above the equity it means no exposure.
    exposure
        Held now, quote currency; 0 unless given. The rule is in its wanted exposure from the start.
    max_leverage
        Most exposure per unit of equity.
    ratchet
        The floor never falls below this share of the equity at any step; in [0, 1). 0 for a floor that only grows at
        its rate.
    band : (lowest, highest), optional
        Multipliers between which an exposure is left alone. Where the leverage cap binds, the same proportions of the
        capped exposure.
    cost_rate
        Per unit of quote currency traded, paid from the equity; the exposure is right after paying.
    underlying : str, optional
        Whose weight ``targets`` sets.
    rate
        At which the floor grows between two calls of ``targets``: continuous, per year.

    Raises
    ------
    ValueError
        If a number is out of its range. It is named with its value.

    Notes
    -----
    Black and Jones (1987), J. Portfolio Management 14(1); Black and Perold (1992), J. Econ. Dynamics and Control 16.

    Examples
    --------
    >>> rule = Cppi(4, floor=80, equity=100)
    >>> rule.exposure
    80.0
    >>> rule.update(equity=92, exposure=72)  # the asset fell by a tenth
    48.0
    """

    def __init__(
        self,
        multiplier: float,
        floor: float,
        equity: float,
        *,
        exposure: float = 0.0,
        max_leverage: float = 1.0,
        ratchet: float = 0.0,
        band: tuple[float, float] | None = None,
        cost_rate: float = 0.0,
        underlying: str | None = None,
        rate: float = 0.0,
    ) -> None:
        low, high = (multiplier, multiplier) if band is None else band
        if not 0.0 <= low <= multiplier <= high:
            raise ValueError(f"the band ({low}, {high}) must hold the multiplier {multiplier}")
        if not np.isfinite(rate):
            raise ValueError(f"rate must be finite, got {rate}")
        super().__init__(
            multiplier,
            floor,
            equity,
            exposure=exposure,
            max_leverage=max_leverage,
            ratchet=ratchet,
            lower=low / multiplier if multiplier else 1.0,
            upper=high / multiplier if multiplier else 1.0,
            cost_rate=cost_rate,
        )
        self.underlying = underlying
        self.rate = rate
        self._seen_ns: int | None = None

    @property
    def cushion(self) -> float:
        """What is left above the floor; below 0 once a fall went through it."""
        return self.equity - self.floor

    @property
    def weight(self) -> float:
        """Exposure over equity."""
        return self.exposure / self.equity if self.equity > 0.0 else 0.0

    def targets(self, plan: Plan) -> Targets:
        """The weight to have, from the plan's equity, holding and moment.

        The floor grows over the time since the last call. A plan without a positive equity, or from before the last
        one, is refused and changes nothing.
        """
        name = named(self.underlying, self)
        if not plan.equity > 0.0:
            raise ValueError(f"CPPI on {name} needs a positive equity, got {plan.equity}")
        since = 0 if self._seen_ns is None else plan.now_ns - self._seen_ns
        if since < 0:
            raise ValueError(f"the plan is of {plan.now_ns}, but the one before was of {self._seen_ns}")
        held = max(weight_now(plan, name), 0.0) * plan.equity
        self.update(plan.equity, held, float(np.exp(self.rate * since / _YEAR_NS)))
        self._seen_ns = plan.now_ns
        return Targets(weight={name: self.weight})

    def paths(
        self,
        asset_return: Any,
        cash_return: Any = 0.0,
        *,
        carry: Any = None,
        floor_return: Any = None,
        out: CppiPaths | None = None,
    ) -> CppiPaths:
        """Accounts that start where this one is and pay for themselves; the object itself does not move.

        Parameters
        ----------
        asset_return : array_like, shape (steps,) or (steps, paths)
            Simple returns per step, at least -1.
        cash_return : float or (steps,)
            On the equity, per step.
        carry : float or (steps,), optional
            What holding the exposure costs, per step: the cash return unless given (spot, paid for in cash); funding
            for perpetuals.
        floor_return : float or (steps,), optional
            By which the floor grows, per step: the cash return unless given.
        out : CppiPaths, optional
            Arrays to fill. After an error what they hold is not defined.

        Returns
        -------
        CppiPaths

        Raises
        ------
        ValueError
            If a return is not finite or below -1 (its place and value are given), or lengths differ.
        """
        given = None if out is None else (out.equity, out.exposure, out.floor)
        return CppiPaths(*self._walk(asset_return, cash_return, carry, floor_return, given))

    def __repr__(self) -> str:
        return f"Cppi({self.multiplier}, floor={self.floor}, equity={self.equity}, exposure={self.exposure})"


@dataclass(frozen=True)
class GapRisk:
    """Chance and size of a fall through the floor between two trades, for lognormal prices.

    Money is per unit of cushion at the start, discounted.
    """

    survivable_return: FloatArray  #: the worst return over a step that leaves the floor whole, with interest
    per_step: FloatArray  #: probability that a step goes through the floor
    over_life: FloatArray  #: probability that one of the steps does
    expected_cushion: FloatArray  #: mean of what is above (or below) the floor at the end
    expected_loss: FloatArray  #: mean of what is missing to the floor at the end, 0 where nothing is


def cppi_gap_risk(
    multiplier: Any, vol: Any, interval_years: Any, steps: Any, *, drift: Any = 0.0, rate: Any = 0.0
) -> GapRisk:
    """Gap risk of a CPPI that trades at equal intervals, without leverage cap, band or costs. Arguments broadcast.

    A step multiplies the discounted cushion by G = m S'/S e^{-r dt} - (m - 1), which is below 0 with the probability
    that a put with strike (m - 1)/m ends in the money; a cushion below 0 stays as it is. So with C and P the values of
    m calls and m puts at that strike on the forward e^{(mu - r) dt}, and q = C - P what a step makes of the cushion on
    average:  expected loss = P (1 + C + ... + C^{n-1}), expected cushion = C^n - expected loss.

    Parameters
    ----------
    multiplier
        Above 0; up to 1 there is no gap.
    vol
        Per square root of a year.
    interval_years
        Between two trades.
    steps
        How many, over the life.
    drift, rate
        Of the asset and of the floor: continuous, per year.

    Notes
    -----
    Balder, Brandl and Mahayni (2009), J. Econ. Dynamics and Control 33, for the probabilities and expected values.

    Examples
    --------
    >>> gap = cppi_gap_risk(5, 0.3, 1 / 12, 60, drift=0.1, rate=0.03)
    >>> f"{gap.per_step:.4%} a month, {gap.over_life:.1%} over five years"
    '0.4652% a month, 24.4% over five years'
    """
    m, s, dt, n, mu, r = np.broadcast_arrays(*[np.asarray(x, dtype=float) for x in _given(locals())])
    gaps = m > 1.0
    strike = np.where(gaps, (m - 1.0) / np.where(gaps, m, 1.0), 1.0)
    forward = np.exp((mu - r) * dt)
    both = [pricing.black76(forward, strike, s, dt, phi, order=1).value for phi in (1.0, -1.0)]
    call = np.where(gaps, m * both[0], m * forward - (m - 1.0))
    put = np.where(gaps, m * both[1], 0.0)
    below = pricing.digital(forward, strike, s, dt, -1.0, 0.0, 0.0, payoff="cash", order=1).value
    per_step = np.where(gaps, below, 0.0)
    over_life = -np.expm1(n * np.log1p(-per_step))
    growth = np.log(call)
    safe = np.where(call == 1.0, 2.0, call)
    repeated = np.where(call == 1.0, n, np.expm1(n * growth) / (safe - 1.0))
    loss = put * repeated
    worst = np.where(gaps, np.exp(r * dt) * strike - 1.0, -1.0)
    return GapRisk(worst, per_step, over_life, np.exp(n * growth) - loss, loss)


def _given(arguments: dict[str, Any]) -> list[Any]:
    """The numbers of cppi_gap_risk in its order, checked."""
    least = {"multiplier": 0.0, "vol": 0.0, "interval_years": 0.0, "steps": 0.0, "drift": -np.inf, "rate": -np.inf}
    for name, low in least.items():
        values = np.asarray(arguments[name], dtype=float)
        above = name in ("multiplier", "interval_years")
        bad = values[~np.isfinite(values) | (values <= low if above else values < low)]
        if bad.size:
            must = f"{'above' if above else 'at least'} 0 and finite" if low == 0.0 else "finite"
            raise ValueError(f"{name} must be {must}, got {bad.flat[0]}")
    return [arguments[name] for name in least]
