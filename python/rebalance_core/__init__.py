"""rebalance_core: from market to trades, for books of spot, futures, perpetuals and options, in microseconds."""

from . import drift, guards, pricing, routing, sizing, surface, triggers, units, venues
from ._core import RowStatus, __version__, active_isa, supported_isas
from .book import Book, Instruments
from .drift import Targets
from .engine import Engine, Plan
from .guards import CostGate
from .market import Market
from .pricing import Greeks

__all__ = [
    "Book",
    "CostGate",
    "Engine",
    "Greeks",
    "Instruments",
    "Market",
    "Plan",
    "RowStatus",
    "Targets",
    "__version__",
    "active_isa",
    "drift",
    "guards",
    "pricing",
    "routing",
    "sizing",
    "supported_isas",
    "surface",
    "triggers",
    "units",
    "venues",
]
