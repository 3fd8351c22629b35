"""How much to trade: the sizing rules that the engine applies, and the optima under trading costs."""

from rebalance_core._core import HedgeResult, HedgeSolver, SolveStatus, hedge, hedge_many

from ._aim import AimPortfolio, aim_portfolio, tracking_rate, trading_rate
from ._cppi import Cppi, CppiPaths, GapRisk, cppi_gap_risk
from ._fraction import FixedFraction, FractionPaths, units_at_risk
from ._greek_hedge import HEDGED_GREEKS, GreekHedge
from ._mean_variance import MeanVariance
from ._multi_period import MultiPeriodResult, multi_period
from ._rebalance import RebalanceResult, RebalanceSolver, rebalance
from ._risk_budget import RiskBudgetResult, risk_budget
from ._roll import roll
from ._rule import SizingRule
from ._schedule import Schedule, ScheduledTargets, almgren_chriss
from ._volatility_target import VolatilityTarget
from ._weights import restore_weights

__all__ = [
    "HEDGED_GREEKS",
    "AimPortfolio",
    "Cppi",
    "CppiPaths",
    "FixedFraction",
    "FractionPaths",
    "GapRisk",
    "GreekHedge",
    "HedgeResult",
    "HedgeSolver",
    "MeanVariance",
    "MultiPeriodResult",
    "RebalanceResult",
    "RebalanceSolver",
    "RiskBudgetResult",
    "Schedule",
    "ScheduledTargets",
    "SizingRule",
    "SolveStatus",
    "VolatilityTarget",
    "aim_portfolio",
    "almgren_chriss",
    "cppi_gap_risk",
    "hedge",
    "hedge_many",
    "multi_period",
    "rebalance",
    "restore_weights",
    "risk_budget",
    "roll",
    "tracking_rate",
    "trading_rate",
    "units_at_risk",
]
