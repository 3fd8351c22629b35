"""What a sizing rule is to the pipeline: something that turns the account as it is into :class:`Targets`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from rebalance_core.drift import Targets

if TYPE_CHECKING:
    from rebalance_core.engine import Plan

__all__ = ["SizingRule"]


@runtime_checkable
class SizingRule(Protocol):
    """Anything with ``targets(plan)``: asked once a step, before the engine trades to what it answers.

    >>> from rebalance_core.sizing import FixedFraction
    >>> isinstance(FixedFraction(0.5, equity=1000, underlying="BTC"), SizingRule)
    True
    """

    def targets(self, plan: Plan) -> Targets:
        """Where the book should be, given the account of the plan: its equity, weights and moment."""


def weight_now(plan: Plan, underlying: str) -> float:
    """Delta of an underlying in quote currency over equity, as the plan has it."""
    return float(plan.exposures["weight"][plan._instruments.underlying_index(underlying)])


def named(underlying: str | None, rule: object) -> str:
    """The underlying that a rule was made for."""
    if underlying is None:
        raise ValueError(f"{type(rule).__name__} has no underlying to give targets for; make it with underlying=...")
    return underlying
