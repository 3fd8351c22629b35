"""The rules of each venue's feed, as data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rebalance_core._tables import FloatArray, Table

_PER = {"": "", "point": " per vol point", "day": " per day", "percent": " per 1 % of rate"}
_PER_ONE = {"vega": " per 1.00 of vol", "theta": " per year", "rho": " per 1.00 of rate"}


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How one number of a feed comes from a bare derivative.

    The number is ``scale`` times the derivative that ``convention`` names, in ``currency``, per ``per``, with what
    ``near_expiry``, ``cap`` and ``decays`` say, rounded last.

    Parameters
    ----------
    name : str
        ``price``, ``delta``, ``gamma``, ``vega``, ``theta``, ``rho`` or ``net_delta``.
    convention : str
        ``black``: the derivative in the forward, undiscounted. ``premium_adjusted``: F dc/dF and F^2 d2c/dF2 of the coin
        price c. ``spot``: a rho phi K T N(phi d2), not Black's -T V. ``with_interest``: a theta that holds the interest
        on the premium, as our bare theta does.
    currency : str
        ``quote``, ``coin`` (divided by the forward), or empty for deltas and gammas.
    per : str
        ``point`` of vol, ``day``, ``percent`` of rate, or empty: per 1.00 and per year.
    scale : float
        A factor, usually a sign.
    discounted : bool
        Whether the number is times the discount factor.
    near_expiry : str
        ``days``: times min(1, days left). Empty: nothing.
    cap : bool
        No more can decay in a day than the option is worth.
    decays : bool
        Goes linearly to 0 over the settlement window.
    decimals, significant : int, optional
        Decimals, or significant digits, that the feed prints. Neither: not known, and not rounded.
    columns : tuple of str
        What feeds call the column, besides ``name``.
    evidence : str
        ``verified`` on real chains, ``documented`` by the venue, ``observed`` on very few records, or ``assumed``.
    """

    name: str
    convention: str = "black"
    currency: str = ""
    per: str = ""
    scale: float = 1.0
    discounted: bool = False
    near_expiry: str = ""
    cap: bool = False
    decays: bool = False
    decimals: int | None = None
    significant: int | None = None
    columns: tuple[str, ...] = ()
    evidence: str = "verified"

    @property
    def unit(self) -> str:
        """The unit in words: "quote per vol point"."""
        of = {"delta": "coin", "net_delta": "coin", "gamma": "coin per quote"}.get(self.name, self.currency)
        if self.name == "gamma" and self.convention == "premium_adjusted":
            of = "coin"
        return of + (_PER[self.per] or _PER_ONE.get(self.name, ""))

    def rounded(self, x: FloatArray) -> FloatArray:
        """The number as the feed prints it."""
        if self.decimals is not None:
            return np.asarray(np.round(x, self.decimals), dtype=np.float64)
        if self.significant is not None:
            factor = 10.0 ** (self.significant - 1 - _magnitude(x))
            return np.where(np.isfinite(factor), np.round(x * factor) / factor, x)
        return x

    def half_unit(self, x: FloatArray) -> FloatArray:
        """Half a unit of the last digit that the feed prints of ``x``; 0 where that is not known."""
        if self.decimals is not None:
            return np.full(np.shape(x), 0.5 * 10.0**-self.decimals)
        if self.significant is not None:
            return np.asarray(0.5 * 10.0 ** (_magnitude(x) - self.significant + 1), dtype=np.float64)
        return np.zeros(np.shape(x))


def _magnitude(x: FloatArray) -> FloatArray:
    """The power of ten of the first digit; 0 for 0 and what is not finite."""
    usual = np.isfinite(x) & (x != 0)
    return np.asarray(np.floor(np.log10(np.abs(np.where(usual, x, 1.0)))), dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class Venue:
    """A venue's rules, as data.

    Parameters
    ----------
    name : str
        As :func:`get` knows it.
    model : str
        ``black76`` on the forward, or ``bsm`` on the spot.
    rules : tuple of Rule
        One for each number of the feed; ``venue["theta"]`` finds one.
    vol_unit : str
        ``percent`` or ``fraction``: how the feed prints implied vols.
    vol_decimals, forward_decimals : int, optional
        Decimals of implied vol as a fraction, and of the forward, in the feed: what rounding the inputs have had.
    clock_seconds : float
        The feed's Greeks are computed at whole multiples of this, to the nearest; 0: not known.
    window_minutes : float, optional
        Length of the average that settles at expiry; 0 for none, None where it is not known.
    inputs : tuple of (str, tuple of str)
        What feeds call forward, strike, vol, phi and index.
    note : str
        Where the rules come from.
    """

    name: str
    model: str = "black76"
    rules: tuple[Rule, ...]
    vol_unit: str = "fraction"
    vol_decimals: int | None = None
    forward_decimals: int | None = None
    clock_seconds: float = 0.0
    window_minutes: float | None = 30.0
    inputs: tuple[tuple[str, tuple[str, ...]], ...] = ()
    note: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The numbers that the venue reports."""
        return tuple(rule.name for rule in self.rules)

    @property
    def price_unit(self) -> str:
        """``coin`` or ``quote``."""
        return self["price"].currency

    def __getitem__(self, name: str) -> Rule:
        for rule in self.rules:
            if rule.name == name:
                return rule
        raise KeyError(f"{self.name} reports no {name!r}; it reports: {', '.join(self.names)}")

    def table(self) -> Table:
        """The rules as a table, one row each."""
        rules = self.rules
        return Table(
            {
                "number": list(self.names),
                "unit": [rule.unit for rule in rules],
                "convention": [rule.convention for rule in rules],
                "near_expiry": [_near_expiry_words(rule) for rule in rules],
                "digits": [_digits_words(rule) for rule in rules],
                "evidence": [rule.evidence for rule in rules],
            },
            self.name,
        )

    def __repr__(self) -> str:
        return f"{self.table()!r}\n{self.note}"


def _near_expiry_words(rule: Rule) -> str:
    words = ["x min(1, days)"] * (rule.near_expiry == "days") + ["at most the price"] * rule.cap
    return ", ".join(words + ["to 0 in the settlement window"] * rule.decays)


def _digits_words(rule: Rule) -> str:
    if rule.decimals is not None:
        return f"{rule.decimals} decimals"
    return f"{rule.significant} significant" if rule.significant is not None else ""


_FEED_INPUTS = (
    ("forward", ("underlying_price", "underlyingPrice")),
    ("strike", ()),
    ("vol", ("mark_iv", "markPriceIv", "iv")),
    ("phi", ("cp",)),
    ("index", ("index_price", "indexPrice")),
    ("years", ()),
)

DERIBIT = Venue(
    name="deribit",
    rules=(
        Rule(name="price", currency="coin", decimals=8, columns=("mark_price", "mark")),
        Rule(name="delta", decimals=5),
        Rule(name="gamma", decimals=5),
        Rule(name="vega", currency="quote", per="point", decimals=5),
        Rule(name="theta", currency="quote", per="day", near_expiry="days", cap=True, decimals=5),
        Rule(name="rho", convention="spot", currency="quote", per="percent", decimals=5),
        Rule(name="net_delta", convention="premium_adjusted", decays=True, evidence="documented"),
    ),
    vol_unit="percent",
    vol_decimals=4,
    forward_decimals=2,
    clock_seconds=60.0,
    inputs=_FEED_INPUTS,
    note=(
        "Coin-settled BTC and ETH options; no interest. theta is the least of one-day and lifetime theta, the latter being "
        "the feed's own mark times its forward. net_delta is what an option adds to the account's delta_total. Rules "
        "verified on the chains of 2020-05-21, 2021-02-11 and June 2021; that Greeks are taken at the nearest minute is "
        "seen in the first two; the settlement window is documented."
    ),
)

OKX = Venue(
    name="okx",
    rules=(
        Rule(name="price", currency="coin", significant=10, columns=("mark_price",)),
        Rule(name="delta", convention="premium_adjusted", significant=10, columns=("delta_pa",)),
        Rule(name="gamma", convention="premium_adjusted", significant=10, columns=("gamma_pa",)),
        Rule(name="vega", currency="coin", per="point", significant=10, columns=("vega_pa",)),
        Rule(
            name="theta",
            convention="with_interest",
            currency="coin",
            per="day",
            near_expiry="days",
            significant=10,
            columns=("theta_pa",),
        ),
    ),
    vol_decimals=10,
    clock_seconds=1.0,
    window_minutes=None,
    inputs=_FEED_INPUTS,
    note=(
        "Coin-settled options, premium-adjusted Greeks per coin (a contract is 0.01 BTC or 0.1 ETH). Verified on eleven "
        "mornings of July 2026. theta is without interest on most of those chains; on a few short-dated ones it holds "
        "interest at 1 % (BTC) or 1.5 % (ETH): give rate. Its settlement average is documented, but not its length here."
    ),
)

OKX_BS = Venue(
    name="okx_bs",
    rules=(
        Rule(name="price", currency="coin", significant=10, columns=("mark_price",)),
        Rule(name="delta", columns=("delta_bs",), evidence="documented"),
        Rule(name="gamma", columns=("gamma_bs",), evidence="documented"),
        Rule(name="vega", currency="quote", per="point", columns=("vega_bs",), evidence="documented"),
        Rule(name="theta", currency="quote", per="day", columns=("theta_bs",), evidence="documented"),
    ),
    vol_decimals=10,
    clock_seconds=1.0,
    window_minutes=None,
    inputs=_FEED_INPUTS,
    note="OKX's other set: Black's Greeks in quote currency, the price still in coin. No record of it at hand.",
)

BYBIT = Venue(
    name="bybit",
    rules=(
        Rule(name="price", currency="quote", decimals=8, columns=("markPrice",)),
        Rule(name="delta", decimals=8),
        Rule(name="gamma", near_expiry="days", decimals=8, evidence="observed"),
        Rule(name="vega", currency="quote", per="point", decimals=8),
        Rule(name="theta", currency="quote", per="day", near_expiry="days", decimals=8, evidence="observed"),
    ),
    vol_decimals=4,
    forward_decimals=2,
    inputs=_FEED_INPUTS,
    note="USDC and USDT options; no interest. Two documented tickers, one of them inside its last day.",
)

DERIVE = Venue(
    name="derive",
    rules=(
        Rule(name="price", currency="quote", discounted=True, decimals=1, columns=("m",)),
        Rule(name="delta", decimals=5, columns=("d",)),
        Rule(name="gamma", decimals=8, columns=("g",)),
        Rule(
            name="vega", currency="quote", per="point", discounted=True, decimals=5, columns=("v",), evidence="observed"
        ),
        Rule(
            name="theta", currency="quote", per="day", discounted=True, decimals=5, columns=("t",), evidence="observed"
        ),
        Rule(
            name="rho", currency="quote", scale=-1.0, discounted=True, decimals=5, columns=("r",), evidence="observed"
        ),
    ),
    vol_decimals=5,
    forward_decimals=1,
    inputs=(("forward", ("f",)), ("strike", ()), ("vol", ("i",)), ("phi", ("cp",)), ("index", ("I",)), ("years", ())),
    note=(
        "USDC options, discounted price, undiscounted delta and gamma. Two records: vega and theta are discounted too, "
        "theta without the interest on the premium, rho is +T times the price per 1.00 of rate. The mark is on its tick."
    ),
)

BINANCE = Venue(
    name="binance",
    model="bsm",
    rules=(
        Rule(name="price", currency="quote", columns=("markPrice",), evidence="documented"),
        Rule(name="delta", evidence="observed"),
        Rule(name="gamma", evidence="observed"),
        Rule(name="vega", currency="quote", per="point", evidence="observed"),
        Rule(name="theta", currency="quote", per="day", evidence="observed"),
    ),
    inputs=_FEED_INPUTS,
    note="USDT options; Black-Scholes mark, consistent with no interest on the one record seen. Digits are not known.",
)

CBOE = Venue(
    name="cboe",
    rules=(
        Rule(name="price", currency="quote", discounted=True, evidence="assumed"),
        Rule(name="delta", decimals=4),
        Rule(name="gamma", decimals=4),
        Rule(name="vega", currency="quote", per="point", discounted=True, decimals=4, evidence="assumed"),
        Rule(
            name="theta",
            convention="with_interest",
            currency="quote",
            per="day",
            discounted=True,
            decimals=4,
            evidence="assumed",
        ),
    ),
    vol_decimals=4,
    window_minutes=0.0,
    inputs=_FEED_INPUTS,
    note=(
        "Delayed index-option quotes (SPX, SPY). delta is Black's on the forward of put-call parity, to about 0.002 below "
        "a year: fit the forward and the discount per expiry first. Units of vega and theta are verified in the notes, "
        "their discounting is assumed."
    ),
)

#: The venues by name.
VENUES: dict[str, Venue] = {v.name: v for v in (DERIBIT, OKX, OKX_BS, BYBIT, DERIVE, BINANCE, CBOE)}


def get(name: str | Venue) -> Venue:
    """The venue of that name, in any case.

    Raises
    ------
    KeyError
        If there is none; the known names are listed.
    """
    if isinstance(name, Venue):
        return name
    try:
        return VENUES[name.lower()]
    except (KeyError, AttributeError):
        raise KeyError(f"unknown venue {name!r}; the known ones are: {', '.join(VENUES)}") from None
