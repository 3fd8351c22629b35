"""How much to trade: the sizing rules that the engine applies, by themselves."""

from rebalance_core._core import HedgeResult, HedgeSolver, SolveStatus, hedge, hedge_many

from ._roll import roll
from ._weights import restore_weights

__all__ = ["HedgeResult", "HedgeSolver", "SolveStatus", "hedge", "hedge_many", "restore_weights", "roll"]
