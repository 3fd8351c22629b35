"""Bands of known optimum: what an option, a weight, a gas bill or a watch at intervals makes of :func:`local_band`."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any, Literal, NamedTuple, Union

import numpy as np
import numpy.typing as npt

from rebalance_core._core import Band, local_band
from rebalance_core._tables import FloatArray, duration_ns, numbers

__all__ = [
    "Band",
    "NoTradeRegion",
    "TriggerMatrix",
    "WatchedBand",
    "ZakamoulineBand",
    "amortisation_horizon",
    "frequency_band",
    "gas_band",
    "hedge_band",
    "leland_vol",
    "local_band",
    "no_trade_region",
    "tracking_error_band",
    "trigger_matrix",
    "watched_band",
    "weight_band",
    "whalley_wilmott",
    "zakamouline",
]

#: A number, or anything that broadcasts with the other arguments.
Numbers = Union[float, npt.ArrayLike]
#: Years as a number or an array; or "1min", "1d", a timedelta.
Interval = Union[float, npt.ArrayLike, str, dt.timedelta]

_YEAR_NS = 365 * 86_400_000_000_000

#: -zeta(1/2) / sqrt(2 pi): how far, in standard deviations of a step, a random walk overshoots on average.
_OVERSHOOT = 0.5825971579390106


class WatchedBand(NamedTuple):
    """A band for a deviation that is looked at now and then."""

    trigger: Any
    destination: Any


class ZakamoulineBand(NamedTuple):
    """A band around the delta at another vol."""

    half_width: Any  #: units of underlying
    vol: Any  #: the delta at this vol is the centre


class NoTradeRegion(NamedTuple):
    """Weights of the risky asset between which nothing is traded."""

    lower: Any  #: buy below this, with the asset valued at the ask
    upper: Any  #: sell above this, with the asset valued at the bid
    target: Any  #: without costs: mean / (risk_aversion vol^2)
    gap: Any  #: lambda: the boundaries are (mean -/+ gap) / (risk_aversion vol^2)
    safe_rate: Any  #: what the strategy is worth above the riskless rate: (mean^2 - gap^2) / (2 risk_aversion vol^2)


def hedge_band(
    spot: Numbers,
    gamma: Numbers,
    vol: Numbers,
    cost: Numbers,
    risk_aversion: Numbers,
    *,
    fixed_cost: Numbers = 0.0,
    years: Numbers = 0.0,
    rate: Numbers = 0.0,
) -> Band:
    """When to hedge an option book, and to where: the local band of its delta.

    variance_rate = (gamma vol spot)^2, penalty = risk_aversion e^{rate years} (vol spot)^2, linear_cost = cost spot.
    Without a fixed cost the vol cancels in the trigger, which is that of :func:`whalley_wilmott`; turnover and the cost
    per year keep it.

    Parameters
    ----------
    spot
        Quote currency.
    gamma
        Of the whole position, signed or not: the band of n options is n^(2/3) times that of one.
    vol
        Per square root of a year, above 0.
    cost
        One way, as a fraction of what is traded.
    risk_aversion
        Absolute, per unit of quote currency.
    fixed_cost
        Quote currency per trade.
    years, rate
        To expiry, if the risk aversion is of wealth then and not of wealth now.

    Returns
    -------
    Band
        In units of the underlying; money in quote currency.

    Examples
    --------
    >>> band = hedge_band(60_000, 3.846427771551e-5, 0.55, 0.0005, 1e-4)
    >>> round(band.trigger, 10), round(band.turnover, 2)
    (0.087319095, 9.23)
    """
    spot, deviation = _array(spot, "spot"), _array(vol, "vol") * _array(spot, "spot")
    with np.errstate(all="ignore"):
        swing = _array(gamma, "gamma") * deviation
        aversion = _array(risk_aversion, "risk_aversion") * np.exp(_array(rate, "rate") * _array(years, "years"))
        band: Band = local_band(
            _plain(swing * swing),
            _plain(aversion * deviation * deviation),
            _plain(_array(cost, "cost") * spot),
            _plain(_array(fixed_cost, "fixed_cost")),
        )
    return band


def whalley_wilmott(
    spot: Numbers, gamma: Numbers, cost: Numbers, risk_aversion: Numbers, years: Numbers = 0.0, rate: Numbers = 0.0
) -> Any:
    """Half-width of the delta band of Whalley and Wilmott: (3/2 e^{-rate years} cost spot gamma^2 / risk_aversion)^(1/3).

    Parameters
    ----------
    spot
        Quote currency.
    gamma
        Of the whole position.
    cost
        One way, as a fraction of what is traded.
    risk_aversion
        Absolute, per unit of quote currency.
    years, rate
        To expiry, if the risk aversion is of wealth then and not of wealth now.

    Returns
    -------
    float or ndarray
        Units of the underlying. NaN where an input makes no sense; :func:`hedge_band` says which.

    Notes
    -----
    From Whalley and Wilmott (1997), Mathematical Finance 7:307-324. Against dynamic programming it is 3 % off at a cost of
    10 bp and 60 % vol over a month; at 1 % and more see :func:`zakamouline`.

    Examples
    --------
    >>> round(whalley_wilmott(60_000, 3.846427771551e-5, 0.0005, 1e-4), 10)
    0.087319095
    """
    return hedge_band(spot, gamma, 1.0, cost, risk_aversion, years=years, rate=rate).trigger


def weight_band(
    weight: Numbers, vol: Numbers, cost: Numbers, risk_aversion: Numbers, *, fixed_cost: Numbers = 0.0
) -> Band:
    """When to bring one weight back to its target, and to where.

    variance_rate = (weight (1 - weight) vol)^2, penalty = risk_aversion vol^2, linear_cost = cost. Without a fixed cost the
    vol cancels in the trigger: (3/2 cost weight^2 (1 - weight)^2 / risk_aversion)^(1/3).

    Parameters
    ----------
    weight
        The target share of the equity; the rest is one other asset, or cash.
    vol
        Of the asset relative to the rest, per square root of a year.
    cost
        One way, as a fraction of what is traded.
    risk_aversion
        Relative.
    fixed_cost
        Per trade, as a fraction of the equity.

    Returns
    -------
    Band
        In units of weight; money as a fraction of the equity.

    Examples
    --------
    >>> round(weight_band(0.6, 0.5, 0.001, 5).trigger, 10)
    0.0258532163
    """
    vol = _array(vol, "vol")
    with np.errstate(all="ignore"):
        share = _array(weight, "weight")
        swing = share * (1.0 - share) * vol
        band: Band = local_band(
            _plain(swing * swing),
            _plain(_array(risk_aversion, "risk_aversion") * vol * vol),
            _plain(_array(cost, "cost")),
            _plain(_array(fixed_cost, "fixed_cost")),
        )
    return band


def gas_band(
    equity: Numbers, weight: Numbers, vol: Numbers, gas: Numbers, risk_aversion: Numbers, *, cost: Numbers = 0.0
) -> Band:
    """The weight band of an account that pays a bill per transaction: it jumps inside, to the target if that is all.

    Parameters
    ----------
    equity
        Quote currency.
    gas
        Quote currency per transaction.
    weight, vol, risk_aversion, cost
        As for :func:`weight_band`.

    Returns
    -------
    Band
        In units of weight; money as a fraction of the equity.

    Examples
    --------
    >>> band = gas_band(20_000, 0.5, 0.6, 5.0, 3)
    >>> round(band.trigger, 6), band.destination, round(band.trades_per_year, 3)
    (0.088914, 0.0, 2.846)
    """
    with np.errstate(all="ignore"):
        share = _array(gas, "gas") / _array(equity, "equity")
    return weight_band(weight, vol, cost, risk_aversion, fixed_cost=_plain(share))


def watched_band(band: Band, variance_rate: Numbers, interval: Interval) -> WatchedBand:
    """Where to put the trigger when the deviation is looked at only every ``interval``.

    Between two looks it goes past the trigger, by 0.5826 standard deviations of a step on average. A trigger that much
    inside the band acts, on average, where the band wants it.

    Parameters
    ----------
    band : Band
        For watching without pause.
    variance_rate
        Units squared per year, as given to the band.
    interval
        Years; or "1min", a timedelta.

    Returns
    -------
    WatchedBand
        The trigger, 0 where the interval is so long that every look should trade, and the destination, never outside it.

    Notes
    -----
    The constant is -zeta(1/2)/sqrt(2 pi). It is the limit of many looks between two trades: good to a few parts in a
    thousand once the trigger is three steps or more away from the destination, and rough where they are one step apart.
    From Siegmund (1979), Advances in Applied Probability 11:701-719; Broadie, Glasserman and Kou (1997), Mathematical
    Finance 7:325-348.

    Examples
    --------
    >>> band = local_band(0.04, 2.0, 0.0, 0.01)
    >>> tuple(round(x, 6) for x in (band.trigger, *watched_band(band, 0.04, "1d")))
    (0.221336, 0.215237, 0.0)
    """
    with np.errstate(all="ignore"):
        step = np.sqrt(_array(variance_rate, "variance_rate") * _years(interval))
        trigger = np.maximum(band.trigger - _OVERSHOOT * step, 0.0)
    return WatchedBand(_plain(trigger), _plain(np.minimum(band.destination, trigger)))


def leland_vol(vol: Numbers, cost: Numbers, interval: Interval, short: bool | npt.ArrayLike = True) -> Any:
    """The vol at which to hedge and quote an option that is hedged by the clock: vol sqrt(1 +/- A).

    A = sqrt(8/pi) cost / (vol sqrt(interval)), with + for options sold, - for options bought.

    Parameters
    ----------
    vol
        Per square root of a year.
    cost
        One way, as a fraction of what is traded.
    interval
        Between two hedges: years, or "1d", a timedelta.
    short
        Whether the position is short gamma.

    Returns
    -------
    float or ndarray
        NaN where an option bought would pay its whole time value in costs (A >= 1), or an input makes no sense.

    Notes
    -----
    It gives the expected cost of hedging by a clock, and is not a limit: with a constant cost the error does not vanish as
    the interval does (Kabanov and Safarian 1997, Finance and Stochastics 1:239-250).
    From Leland (1985), Journal of Finance 40:1283-1301, whose k is the round trip, 2 cost.

    Examples
    --------
    >>> round(leland_vol(0.6, 0.001, 1 / 365, True), 10), round(leland_vol(0.6, 0.001, "1d", False), 6)
    (0.6150546933, 0.584558)
    """
    vol, cost, interval = _array(vol, "vol"), _array(cost, "cost"), _years(interval)
    with np.errstate(all="ignore"):
        a = math.sqrt(8.0 / math.pi) * cost / (vol * np.sqrt(interval))
        squared = 1.0 + np.where(np.asarray(short, dtype=bool), a, -a)
        sound = (vol > 0.0) & (cost >= 0.0) & (interval > 0.0) & (squared > 0.0)
        return _plain(np.where(sound, vol * np.sqrt(np.where(sound, squared, 1.0)), np.nan))


def zakamouline(
    spot: Numbers,
    gamma: Numbers,
    vol: Numbers,
    years: Numbers,
    cost: Numbers,
    risk_aversion: Numbers,
    *,
    rate: Numbers = 0.0,
    short: bool | npt.ArrayLike = True,
) -> ZakamoulineBand:
    """A band fitted to the exact solution for one option: its half-width, and the vol of the delta at its centre.

        H = cost / (g S vol^2 T) + 1.12 cost^0.31 T^0.05 (e^{-rT}/vol)^0.25 (|gamma| / g)^0.5
        K = -4.76 cost^0.78 T^-0.02 (e^{-rT}/vol)^0.25 (g S^2 |gamma|)^0.15
        centre vol^2 = vol^2 (1 - K) short, vol^2 (1 + K) long

    Parameters
    ----------
    spot
        S, quote currency.
    gamma
        Of one option, by Black-Scholes at ``vol``.
    vol, years, rate
        T is ``years``.
    cost
        One way, as a fraction of what is traded.
    risk_aversion
        g: absolute, per unit of quote currency.
    short
        Whether the option was sold.

    Returns
    -------
    ZakamoulineBand
        NaN where an input makes no sense, or a long option's centre would need a negative variance.

    Notes
    -----
    For large costs. Against dynamic programming for one short option (risk aversion 1): at a cost of 1 to 2 % the width is
    within -12 % to +2 % and the centre right; at 10 bp it is 27 to 31 % too narrow, where :func:`whalley_wilmott` is within
    a few percent; for a long option at 2 % less than half the true width. The constants come from secondary sources.

    From Zakamouline (2006), Quantitative Finance 6:435-445.
    """
    s, g, v, t, c, a, r = (
        _array(x, name)
        for x, name in (
            (spot, "spot"), (gamma, "gamma"), (vol, "vol"), (years, "years"), (cost, "cost"),
            (risk_aversion, "risk_aversion"), (rate, "rate"),
        )
    )  # fmt: skip
    with np.errstate(all="ignore"):
        g = np.abs(g)
        sound = (s > 0.0) & (v > 0.0) & (t > 0.0) & (c >= 0.0) & (a > 0.0)
        discounted = (np.exp(-r * t) / v) ** 0.25
        far = c / (a * s * v * v * t)
        near = 1.12 * c**0.31 * t**0.05 * discounted * np.sqrt(g / a)
        k = 4.76 * c**0.78 * t**-0.02 * discounted * (a * s * s * g) ** 0.15
        squared = 1.0 + np.where(np.asarray(short, dtype=bool), k, -k)
        centre = v * np.sqrt(np.where(squared > 0.0, squared, np.nan))
        return ZakamoulineBand(_plain(np.where(sound, far + near, np.nan)), _plain(np.where(sound, centre, np.nan)))


def no_trade_region(mean: Numbers, vol: Numbers, risk_aversion: Numbers, spread: Numbers) -> NoTradeRegion:
    """The exact no-trade region of one risky asset against cash, in the long run and under constant relative risk aversion.

    Parameters
    ----------
    mean
        Excess return per year, above 0.
    vol
        Per square root of a year.
    risk_aversion
        Relative, above 0.
    spread
        Relative: bid = (1 - spread) ask, in (0, 1). The one-way cost is half of it.

    Returns
    -------
    NoTradeRegion
        The lower boundary values the asset at the ask, the upper at the bid. NaN where an input makes no sense. A target of
        exactly 1 is held without trading, whatever the spread.

    Notes
    -----
    In the weight w, with boundaries l, u = target -/+ h and F(w) = w(1 - w) - g (w - l)(u - w), the gap solves

        integral from l to u of  g (w - l)(u - w) / (F(w) w (1 - w)) dw  =  -ln(1 - spread)

    which is the free-boundary equation of the paper with its logarithm drawn into the integral, so that nothing cancels
    when the spread is small. Relative error of the half-width below 1e-12 for spreads up to 0.2.

    From Gerhold, Guasoni, Muhle-Karbe and Schachermayer (2014), Finance and Stochastics 18:1-37, section 4.

    Examples
    --------
    >>> region = no_trade_region(0.08, 0.16, 5, 0.01)
    >>> round(region.lower, 12), round(region.upper, 12)
    (0.581942311753, 0.668057688247)
    """
    mu, sigma, g, eps = np.broadcast_arrays(
        _array(mean, "mean"), _array(vol, "vol"), _array(risk_aversion, "risk_aversion"), _array(spread, "spread")
    )
    with np.errstate(all="ignore"):
        unit = g * sigma * sigma
        target = mu / unit
        sound = (mu > 0.0) & (sigma > 0.0) & (g > 0.0) & (eps > 0.0) & (eps < 1.0)
        sound &= np.isfinite(target)
        half = np.where(sound, _half_region(target, g, -np.log1p(-eps)), np.nan)
        gap = half * unit
        safe = (mu * mu - gap * gap) / (2.0 * unit)
    return NoTradeRegion(*(_plain(x) for x in (target - half, target + half, target, gap, safe)))


def _half_region(target: FloatArray, g: FloatArray, wanted: FloatArray) -> FloatArray:
    """The half-width h at which the integral is what is wanted: it grows from 0 to infinity on (0, largest)."""
    node, weight = _NODES
    largest = np.minimum(np.abs(target), np.abs(1.0 - target))
    least = target * (1.0 - target)
    inside = least > 0.0  # F has a zero in the middle from here on
    largest = np.where(inside, np.minimum(largest, np.sqrt(np.where(inside, least / g, 1.0))), largest)
    t, risk = target[..., None], g[..., None]

    def integral(h: FloatArray) -> FloatArray:
        reach = h[..., None]
        w = t + reach * node
        numerator = risk * reach * reach * (1.0 - node * node)
        space = w * (1.0 - w)
        rest = np.where(inside[..., None], space - numerator, numerator - space)
        value = (numerator / (rest * np.abs(space))) @ weight * h
        return np.where(np.all(rest > 0.0, axis=-1), value, np.inf)

    low, high = np.zeros_like(target), largest
    for _ in range(70):
        # The integral goes with h^3 while h is small: bisect there, where halves of h are even steps.
        middle = 0.5 * (low + high)
        below = integral(middle) < wanted
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.where(largest > 0.0, 0.5 * (low + high), 0.0)


_NODES: tuple[FloatArray, FloatArray] = np.polynomial.legendre.leggauss(96)


class TriggerMatrix(NamedTuple):
    """When to bring several positions to target that share one bill."""

    matrix: FloatArray  #: M, shape (n, n): trade everything once x' M x >= 1
    cost_rate: float  #: money per year, penalty and trades
    trades_per_year: float

    def fires(self, deviation: npt.ArrayLike) -> Any:
        """Whether x' M x >= 1; ``deviation`` has shape (..., n)."""
        x = numbers(deviation, "deviation")
        if x.shape[-1:] != self.matrix.shape[:1]:
            raise ValueError(f"deviation has shape {x.shape}, but there are {len(self.matrix)} positions")
        return np.einsum("...i,ij,...j->...", x, self.matrix, x) >= 1.0


def trigger_matrix(variance_rate: npt.ArrayLike, penalty: npt.ArrayLike, fixed_cost: float) -> TriggerMatrix:
    """The best moment to bring several positions to target together, when each batch costs one bill.

    For deviations dx = V^(1/2) dW, a penalty x' C x / 2 a year and a cost k a batch, trade all of them once x' M x >= 1:

        tr(V M) M + 2 M V M = C / (4 k)        cost rate 2 k tr(V M)

    For one position M is 1 / trigger^2 of :func:`local_band`.

    Parameters
    ----------
    variance_rate : array_like, shape (n, n)
        V: covariance of the deviations, units squared per year; positive definite.
    penalty : array_like, shape (n, n) or (n,)
        C, money per units squared and year; positive semidefinite and not 0. A vector is a diagonal.
    fixed_cost : float
        k, money per batch, above 0.

    Returns
    -------
    TriggerMatrix

    Raises
    ------
    ValueError
        If shapes do not fit or a matrix is not what it should be; the message names it and the value.

    Notes
    -----
    Where trading costs in proportion too, this says when; how far each position then goes is its own
    ``local_band(...).destination``. That is a rule of thumb, not an optimum.

    From Morton and Pliska (1995), Mathematical Finance 5:337-356; Atkinson and Wilmott (1995), ibid. 357-367; Altarovici,
    Muhle-Karbe and Soner (2015), Finance and Stochastics 19:363-414.

    Examples
    --------
    >>> batch = trigger_matrix([[0.04, 0.01], [0.01, 0.02]], [3.0, 3.0], 0.001)
    >>> batch.matrix.round(4)
    array([[73.7077, -9.7871],
           [-9.7871, 93.2819]])
    >>> batch.fires([[0.05, 0.05], [0.1, 0.1]])
    array([False,  True])
    """
    v, c = _symmetric(variance_rate, "variance_rate"), _symmetric(penalty, "penalty")
    if v.shape != c.shape:
        raise ValueError(f"variance_rate has shape {v.shape}, but penalty has shape {c.shape}")
    if not (fixed_cost > 0.0 and math.isfinite(fixed_cost)):
        raise ValueError(f"fixed_cost must be above 0 and finite, got {fixed_cost}")
    spread, axes = np.linalg.eigh(v)
    if not spread[0] > spread[-1] * len(v) * np.finfo(float).eps:
        raise ValueError(f"variance_rate must be positive definite; its least eigenvalue is {spread[0]}")
    least = np.linalg.eigvalsh(c)[0]
    if not (least >= -1e-12 * np.abs(c).max() and np.abs(c).max() > 0.0):
        raise ValueError(f"penalty must be positive semidefinite and not 0; its least eigenvalue is {least}")

    # Where the deviations are independent and equal, M and C share their axes: one quadratic for each.
    root = (axes * np.sqrt(spread)) @ axes.T
    inverse = (axes / np.sqrt(spread)) @ axes.T
    q, turned = np.linalg.eigh(root @ c @ root)
    q = 2.0 * np.maximum(q, 0.0) / fixed_cost
    total = 0.0
    for _ in range(100):  # Newton from the left on a falling convex function: it climbs to the root and stops there
        roots = np.sqrt(total * total + q)
        slack = 0.25 * float(np.sum(q / (total + roots))) - total
        slope = 0.25 * float(np.sum(total / roots - 1.0, where=roots > 0.0)) - 1.0
        following = total - slack / slope
        if following <= total:
            break
        total = following
    y = 0.25 * q / (total + np.sqrt(total * total + q))
    whole = inverse @ turned
    matrix = (whole * y) @ whole.T
    # x' M x grows by tr(V M) a year on average, from 0 to 1: so many batches. Penalty and batches cost the same.
    return TriggerMatrix(0.5 * (matrix + matrix.T), 2.0 * fixed_cost * total, total)


def amortisation_horizon(variance_rate: Numbers, penalty: Numbers, linear_cost: Numbers) -> Any:
    """Years over which a one-step optimum must spread a trade's cost to behave like the best band: 2 a^2 / (3 s2).

    min over x of  horizon/2 (drift + x)' C (drift + x) + sum of linear_cost |x|  leaves a deviation of
    linear_cost / (penalty horizon); at this horizon that is the trigger of :func:`local_band`.

    Parameters
    ----------
    variance_rate, penalty, linear_cost
        As for :func:`local_band`, one entry per position. For several positions take the mean of what comes back, and hand
        the one-step optimum a risk aversion that many times as large: with correlated positions it then costs less than
        bands of their own. The optimum is flat: a quarter more or less costs a few percent.

    Returns
    -------
    float or ndarray
        Years. Infinite where nothing moves: no cost is too high to be done with it. NaN where an input makes no sense.

    Examples
    --------
    >>> round(amortisation_horizon(0.0225, 0.72, 0.001), 5)
    0.03852
    """
    edge = local_band(variance_rate, penalty, linear_cost).trigger
    with np.errstate(all="ignore"):
        return _plain(_array(linear_cost, "linear_cost") / (_array(penalty, "penalty") * edge))


def frequency_band(variance_rate: Numbers, trades_per_year: Numbers, destination: Numbers = 0.0) -> Any:
    """The trigger that makes so many trades a year: sqrt(variance_rate / trades_per_year + destination^2).

    It is proportional to the standard deviation: with a fixed number of trades, a band does widen in a volatile market.

    Parameters
    ----------
    variance_rate
        Units squared per year: (gamma vol spot)^2 for a delta, (weight (1 - weight) vol)^2 for a weight.
    trades_per_year
        Above 0.
    destination
        Where trades go; 0 is the target.

    Examples
    --------
    >>> round(frequency_band((0.25 * 0.6) ** 2, 12), 6)
    0.043301
    """
    s2, n, b = (
        _array(variance_rate, "variance_rate"),
        _array(trades_per_year, "trades_per_year"),
        _array(destination, "destination"),
    )
    with np.errstate(all="ignore"):
        return _plain(np.sqrt(np.where((n > 0.0) & (s2 >= 0.0), s2 / n + b * b, np.nan)))


def tracking_error_band(tracking_error: Numbers, vol: Numbers, destination: Literal["edge", "target"] = "edge") -> Any:
    """The trigger that keeps so much tracking error: sqrt(3) tracking_error / vol to the edge, sqrt(6) to the target.

    It is inversely proportional to vol: with a fixed budget of error, a band narrows in a volatile market.

    Parameters
    ----------
    tracking_error
        Standard deviation of the return against the target's, per square root of a year.
    vol
        Of what the deviation is of, relative to the rest.
    destination
        "edge": trades go back to the trigger; E x^2 = a^2 / 3. "target": all the way; E x^2 = a^2 / 6.

    Examples
    --------
    >>> round(tracking_error_band(0.01, 0.6), 5)
    0.02887
    """
    if destination not in ("edge", "target"):
        raise ValueError(f"destination must be 'edge' or 'target', got {destination!r}")
    error, vol = _array(tracking_error, "tracking_error"), _array(vol, "vol")
    factor = math.sqrt(3.0 if destination == "edge" else 6.0)
    with np.errstate(all="ignore"):
        return _plain(np.where((error >= 0.0) & (vol > 0.0), factor * error / vol, np.nan))


# --- in and out ---


def _array(value: Any, name: str) -> FloatArray:
    return numbers(value, name) if np.ndim(value) else np.asarray(float(value))


def _plain(value: Any) -> Any:
    """A number for a number."""
    return float(value) if np.ndim(value) == 0 else value


def _years(interval: Any) -> FloatArray:
    if isinstance(interval, (str, dt.timedelta, np.timedelta64)):
        return np.asarray(duration_ns(interval) / _YEAR_NS)
    return _array(interval, "interval")


def _symmetric(value: npt.ArrayLike, name: str) -> FloatArray:
    matrix = np.array(value, dtype=float)
    if matrix.ndim < 2:
        matrix = np.diag(np.atleast_1d(matrix))
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"{name} must be a square matrix, got shape {matrix.shape}")
    if not np.all(np.isfinite(matrix)):
        raise ValueError(f"{name} must be finite")
    if np.abs(matrix - matrix.T).max() > 1e-12 * np.abs(matrix).max():
        raise ValueError(
            f"{name} must be symmetric; it differs from its transpose by {np.abs(matrix - matrix.T).max()}"
        )
    symmetric: FloatArray = 0.5 * (matrix + matrix.T)
    return symmetric
