"""What each venue's feed says about an option, in its own units and by its own rules; and the way back.

A :class:`Venue` is a table: one :class:`Rule` per reported number, saying which derivative it is, in what unit, how it is
rounded and what happens near expiry. :func:`report` applies the rules to our bare Greeks, :func:`bare` undoes them as far
as they can be undone, :func:`reconcile` holds a feed against our numbers line by line.

>>> from rebalance_core import venues
>>> from rebalance_core.pricing import black76
>>> g = black76(60_000, 65_000, 0.55, 30 / 365, 1)
>>> venues.report("deribit", g, forward=60_000, years=30 / 365, rounded=True)
deribit: price 0.0320266, delta 0.33404, gamma 4e-05, vega 62.5967, theta -57.3803, rho 14.8938, net_delta 0.302013
>>> venues.report("okx", g, forward=60_000, years=30 / 365).delta == g.delta - g.value / 60_000
True

Nothing here is used by the engine: a tick works on bare derivatives.
"""

from ._convert import BareGreeks, VenueGreeks, bare, report
from ._reconcile import Reconciliation, reconcile
from ._rules import BINANCE, BYBIT, CBOE, DERIBIT, DERIVE, OKX, OKX_BS, VENUES, Rule, Venue, get
from ._settlement import decayed, net_transaction_delta, settlement_price, settlement_weight, years_between

__all__ = [
    "BINANCE",
    "BYBIT",
    "CBOE",
    "DERIBIT",
    "DERIVE",
    "OKX",
    "OKX_BS",
    "VENUES",
    "BareGreeks",
    "Reconciliation",
    "Rule",
    "Venue",
    "VenueGreeks",
    "bare",
    "decayed",
    "get",
    "net_transaction_delta",
    "reconcile",
    "report",
    "settlement_price",
    "settlement_weight",
    "years_between",
]
