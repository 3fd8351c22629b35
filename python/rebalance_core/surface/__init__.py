"""Volatility surfaces: forwards from parity, smiles from quotes, vol and its slopes for a whole book.

:func:`parity_forward` reads forward and discount off the calls and puts of an expiry; :func:`fit_smile` puts a smile
through its vols and says how well and whether it is free of arbitrage; :class:`Surface` joins expiries and is evaluated
in one compiled call; :func:`smile_delta` turns Greeks and slopes into deltas that know the smile.
"""

from rebalance_core._core import Vols

from .dynamics import DYNAMICS, SmileDelta, moneyness_share, smile_delta
from .fit import SmileFit, SsviFit, fit_smile, fit_spline, fit_ssvi, fit_svi
from .parity import ParityForward, parity_forward
from .smiles import Butterfly, JumpWings, Smile, Spline, Svi, calendar_gap
from .ssvi import Ssvi, SsviConditions
from .surface import Surface, SurfaceArbitrage, SurfaceFit, fit_surface

__all__ = [
    "DYNAMICS",
    "Butterfly",
    "JumpWings",
    "ParityForward",
    "Smile",
    "SmileDelta",
    "SmileFit",
    "Spline",
    "Ssvi",
    "SsviConditions",
    "SsviFit",
    "Surface",
    "SurfaceArbitrage",
    "SurfaceFit",
    "Svi",
    "Vols",
    "calendar_gap",
    "fit_smile",
    "fit_spline",
    "fit_ssvi",
    "fit_surface",
    "fit_svi",
    "moneyness_share",
    "parity_forward",
    "smile_delta",
]
