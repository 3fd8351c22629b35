"""How much to trade: the sizing rules that the engine applies, and the optima under trading costs."""

from rebalance_core._core import SolveStatus

from ._rebalance import RebalanceResult, RebalanceSolver, rebalance
from ._weights import restore_weights

__all__ = ["RebalanceResult", "RebalanceSolver", "SolveStatus", "rebalance", "restore_weights"]
