"""The market as the engine sees it: :class:`Market`."""

from __future__ import annotations

from typing import Any

from . import _core
from ._tables import moment_ns
from .book import Instruments
from .surface import Surface, moneyness_share

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

    def set_surface(
        self,
        underlying: str | int,
        surface: Surface | None,
        *,
        dynamics: str | float = "sticky_moneyness",
        ts_event_ns: Any = None,
    ) -> None:
        """Take the vols of the options on an underlying from a surface, now and as forwards move.

        With "sticky_moneyness" a vol is a function of strike / forward: every new forward gives its options new vols, and
        exposures hold total derivatives (``delta`` and ``delta_pa`` include ``delta_smile``, the sum of vega dvol/dF).
        With "sticky_strike" vols stay as they are at the forward of this call, and deltas are those of the venue. A
        number is the share of the smile that moves along. Gamma, vega and theta are at a fixed vol in any case.

        The passing of time alone leaves vols as they are until the next surface; the surface's own time stamp is the
        moment of its vols, so that an engine with a ``max_age`` takes rows of an old surface as stale.

        Parameters
        ----------
        underlying : str or int
            Name or index.
        surface : Surface or None
            None leaves vols as they are and hands them back to :meth:`set_vol`.
        dynamics : "sticky_strike", "sticky_moneyness" or float
            What vols do as the forward moves, as above.
        ts_event_ns : int or moment, optional
            When the quotes behind the surface were, unless the surface says.

        Raises
        ------
        ValueError
            If neither the surface nor the call has a time stamp.
        KeyError, IndexError
            If there is no such underlying.
        """
        moment = ts_event_ns if ts_event_ns is not None else getattr(surface, "ts_event_ns", None)
        if surface is not None and moment is None:
            raise ValueError("ts_event_ns must be given: the surface does not say when its quotes were")
        self._set_surface(underlying, surface, moneyness_share(dynamics), moment_ns(moment or 0))

    def __repr__(self) -> str:
        return (
            f"Market({len(self.index)} underlyings, {len(self.price)} nodes, "
            f"{int(self.instruments.is_option.sum())} options)"
        )
