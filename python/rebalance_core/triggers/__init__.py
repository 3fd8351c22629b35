"""Is it time to act? Calendars, thresholds and bands, joined with ``|`` (any) and ``&`` (all).

>>> from rebalance_core.triggers import Calendar, DeltaGamma, Threshold
>>> Threshold("delta", 0.5) | Calendar("8h") & Threshold("delta", 0.1)
(Threshold('delta', 0.5) | (Calendar('8h') & Threshold('delta', 0.1)))

How wide a band should be where trading costs money: :func:`local_band`, one formula behind them all.

>>> from rebalance_core.triggers import local_band
>>> local_band(variance_rate=0.04, penalty=3.0, linear_cost=0.001).trigger  # doctest: +ELLIPSIS
0.0271441...
"""

from ._bands import (
    Band,
    NoTradeRegion,
    TriggerMatrix,
    WatchedBand,
    ZakamoulineBand,
    amortisation_horizon,
    frequency_band,
    gas_band,
    hedge_band,
    leland_vol,
    local_band,
    no_trade_region,
    tracking_error_band,
    trigger_matrix,
    watched_band,
    weight_band,
    whalley_wilmott,
    zakamouline,
)
from ._conditions import (
    AllOf,
    AnyOf,
    Calendar,
    DeltaGamma,
    HedgeBand,
    LocalBand,
    Threshold,
    Trigger,
    all_of,
    any_of,
)

__all__ = [
    "AllOf",
    "AnyOf",
    "Band",
    "Calendar",
    "DeltaGamma",
    "HedgeBand",
    "LocalBand",
    "NoTradeRegion",
    "Threshold",
    "Trigger",
    "TriggerMatrix",
    "WatchedBand",
    "ZakamoulineBand",
    "all_of",
    "amortisation_horizon",
    "any_of",
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
