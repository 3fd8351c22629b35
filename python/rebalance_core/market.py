"""The market as the engine sees it: :class:`Market`."""

from __future__ import annotations

from typing import Any

from . import _core
from .book import Instruments

__all__ = ["Market"]


class Market(_core.Market):
    """Index per underlying, price and rate per (underlying, expiry), volatility per option.

    Prices are taken as they come. A NaN or a price at or below 0 does not raise: it marks the rows that depend on it,
    and they are not traded. Moments (``ts_event_ns``) matter only to an engine with a ``max_age``.

    The methods that a loop calls (``set_index``, ``move``, ``set_price``, ``set_vol``, ...) take an index or a name;
    an index is faster. ``set_prices`` takes one price per node, in the order of ``instruments.nodes``.
    """

    def __init__(self, instruments: Instruments) -> None:
        super().__init__(instruments)
        self.instruments = instruments

    def set_spot(self, underlying: str | int, price: float, ts_event_ns: int = 0) -> None:
        """Spot price of an underlying. Where no index was ever set, it is the index too."""
        self.set_price(self.instruments._node(underlying, 0), price, ts_event_ns)

    def set_forward(self, underlying: str | int, expiry: Any, price: float, ts_event_ns: int = 0) -> None:
        """Forward of an underlying at an expiry ("perpetual" for the mark of its perpetuals)."""
        self.set_price(self.instruments.node(underlying, expiry), price, ts_event_ns)

    def __repr__(self) -> str:
        return (
            f"Market({len(self.index)} underlyings, {len(self.price)} nodes, "
            f"{int(self.instruments.is_option.sum())} options)"
        )
