"""How much to trade: the sizing rules that the engine applies, by themselves."""

from ._weights import restore_weights

__all__ = ["restore_weights"]
