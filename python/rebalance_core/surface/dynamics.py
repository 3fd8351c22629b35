"""How a smile moves with the forward, and what that adds to delta."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rebalance_core._core import Greeks

__all__ = ["DYNAMICS", "SmileDelta", "moneyness_share", "smile_delta"]

#: What share of the smile moves along with the forward, by name.
DYNAMICS = {"sticky_strike": 0.0, "sticky_moneyness": 1.0}


def moneyness_share(dynamics: str | float) -> float:
    """dvol/dforward at a fixed strike, as a multiple of that of a smile fixed in moneyness, -(1/F) dvol/dk.

    0 for "sticky_strike", 1 for "sticky_moneyness", and any finite number for a rule fitted to history: -1 is the
    minimum-variance rule with factor 1, vol falling along the smile as the forward rises.
    """
    if isinstance(dynamics, str):
        if dynamics not in DYNAMICS:
            raise ValueError(f"dynamics must be one of {', '.join(DYNAMICS)} or a number, got {dynamics!r}")
        return DYNAMICS[dynamics]
    if not np.isfinite(dynamics):
        raise ValueError(f"dynamics must be finite, got {dynamics}")
    return float(dynamics)


@dataclass(frozen=True)
class SmileDelta:
    """Delta with the part that comes through vol."""

    delta: Any  #: as ``greeks.delta``: dV/dF, of the coin value for coin-settled options
    delta_pa: Any  #: F d(V_coin)/dF; None for Greeks that have none


def smile_delta(greeks: Greeks, forward: npt.ArrayLike, dvol_dforward: npt.ArrayLike) -> SmileDelta:
    """Total derivative in the forward: delta + vega dvol/dF.

    Parameters
    ----------
    greeks : Greeks
        Of ``pricing.black76`` or ``pricing.inverse``, at the vols of the surface.
    forward : array_like
        As the Greeks were computed with.
    dvol_dforward : array_like
        Of :meth:`Surface.evaluate`, by the dynamics wanted: 0 for sticky strike.

    Returns
    -------
    SmileDelta
        Numbers for numbers, arrays for arrays. For ``inverse`` the premium-adjusted delta moves by F vega dvol/dF, with
        vega in coin.

    Raises
    ------
    ValueError
        If the Greeks are of a model on spot.
    """
    if greeks.model not in ("black76", "inverse"):
        raise ValueError(f"smile_delta needs Greeks on a forward (black76 or inverse), got {greeks.model}")
    through_vol = greeks.vega * np.asarray(dvol_dforward)
    if greeks.model == "black76":
        return SmileDelta(greeks.delta + through_vol, None)
    return SmileDelta(greeks.delta + through_vol, greeks.delta_pa + np.asarray(forward) * through_vol)
