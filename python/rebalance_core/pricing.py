"""Value and Greeks of single contracts and of whole columns.

Every function takes numbers or arrays that broadcast like NumPy's, and returns a :class:`Greeks`: numbers for numbers,
arrays for arrays. Derivatives are bare partial derivatives; :mod:`rebalance_core.units` converts them for people.
"""

from ._core import Greeks, american, bachelier, black76, bsm, digital, implied_vol, inverse

__all__ = ["Greeks", "american", "bachelier", "black76", "bsm", "digital", "implied_vol", "inverse"]
