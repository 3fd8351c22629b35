"""Is it time to act? Calendars, thresholds and delta-gamma bands, joined with ``|`` (any) and ``&`` (all).

>>> from rebalance_core.triggers import Calendar, DeltaGamma, Threshold
>>> Threshold("delta", 0.5) | Calendar("8h") & Threshold("delta", 0.1)
(Threshold('delta', 0.5) | (Calendar('8h') & Threshold('delta', 0.1)))
"""

from ._conditions import AllOf, AnyOf, Calendar, DeltaGamma, Threshold, Trigger, all_of, any_of

__all__ = ["AllOf", "AnyOf", "Calendar", "DeltaGamma", "Threshold", "Trigger", "all_of", "any_of"]
