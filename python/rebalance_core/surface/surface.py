"""A surface: smiles of several expiries and what lies between them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from rebalance_core import _core
from rebalance_core._core import Vols
from rebalance_core._tables import moment_ns, text_table

from ._numeric import Floats
from .dynamics import moneyness_share
from .fit import SmileFit, by_expiry, fit_smile
from .smiles import Butterfly, Smile, calendar_gap

__all__ = ["Surface", "SurfaceArbitrage", "SurfaceFit", "fit_surface"]

_NS_PER_YEAR = 365 * 86_400 * 1_000_000_000


@dataclass(frozen=True)
class SurfaceArbitrage:
    """The butterfly condition of every expiry and the calendar condition between neighbours."""

    butterfly: tuple[Butterfly, ...]
    calendar_gap: Floats  #: least w_next - w over the span, per pair of neighbours; below 0 is arbitrage
    calendar_at: Floats  #: the k of it
    calendar_wings: tuple[bool, ...]  #: whether the wings of the later expiry are nowhere below, however far out
    span: tuple[float, float]

    @property
    def butterfly_ok(self) -> bool:
        return all(b.ok for b in self.butterfly)

    @property
    def calendar_ok(self) -> bool:
        """Within the span of k."""
        return bool((self.calendar_gap >= -1e-12).all())

    @property
    def ok(self) -> bool:
        return self.butterfly_ok and self.calendar_ok

    def __repr__(self) -> str:
        gaps = ", ".join(
            f"{gap:.3g} at k {at:.3g}" for gap, at in zip(self.calendar_gap, self.calendar_at, strict=True)
        )
        crossing = [i for i, ok in enumerate(self.calendar_wings) if not ok]
        wings = f"; wings cross far out after expiry {', '.join(map(str, crossing))}" if crossing else ""
        return (
            f"SurfaceArbitrage(butterfly {'ok' if self.butterfly_ok else 'ARBITRAGE'}, least g "
            f"{', '.join(f'{b.min_g:.3g}' for b in self.butterfly)}; calendar {'ok' if self.calendar_ok else 'ARBITRAGE'}"
            f" on k in [{self.span[0]:g}, {self.span[1]:g}]: {gaps or 'one expiry'}{wings})"
        )


class Surface(_core.Surface):
    """Vol by forward, strike and time.

    At fixed k = ln(strike / forward) total variance is linear in time between expiries. Before the first expiry vol is
    that of the first at the same k; after the last the forward variance between the last two goes on (where it would be
    negative, total variance stays); a single expiry gives its vol at every time. Wings are those of the smiles: straight
    in total variance unless a spline was asked for flat ones.

    Parameters
    ----------
    years : array_like, shape (n,)
        Time to each expiry, rising.
    smiles : sequence of Svi, Spline or SmileFit
        One per expiry.
    ts_event_ns : int or moment, optional
        When the quotes were: the moment that ``years`` count from. A market driven by the surface needs it.

    Raises
    ------
    ValueError
        If lengths differ, or years are not above 0 and rising; the values are given.
    """

    def __init__(self, years: npt.ArrayLike, smiles: Sequence[Smile | SmileFit], *, ts_event_ns: Any = None) -> None:
        slices = tuple(s.smile if isinstance(s, SmileFit) else s for s in smiles)
        for i, s in enumerate(slices):
            if not isinstance(s, Smile):
                raise TypeError(f"smiles[{i}] must be an Svi, a Spline or a SmileFit, got {type(s).__name__}")
        times = np.array(years, dtype=np.float64)
        super().__init__(times, [s._parameters() for s in slices])
        times.flags.writeable = False
        self.years: Floats = times
        self.smiles: tuple[Smile, ...] = slices
        self.ts_event_ns: int | None = None if ts_event_ns is None else moment_ns(ts_event_ns)

    @classmethod
    def at(cls, expiries: Sequence[Any], smiles: Sequence[Smile | SmileFit], now: Any) -> Surface:
        """A surface from moments: ``expiries`` and ``now`` as int nanoseconds, datetimes or ISO 8601 texts."""
        start = moment_ns(now)
        return cls([(moment_ns(expiry) - start) / _NS_PER_YEAR for expiry in expiries], smiles, ts_event_ns=start)

    def evaluate(
        self,
        forward: npt.ArrayLike,
        strike: npt.ArrayLike,
        years: npt.ArrayLike,
        *,
        dynamics: str | float = "sticky_moneyness",
        out: Vols | None = None,
    ) -> Vols:
        """Vol of every option and how it moves, in one call.

        Parameters
        ----------
        forward, strike : array_like
            Quote currency, above 0; the forward is that of the option's own expiry.
        years : array_like
            Time to expiry. Arguments broadcast; rows sorted by expiry are fastest.
        dynamics : "sticky_strike", "sticky_moneyness" or float
            What happens to the smile as the forward moves; see :func:`moneyness_share`.
        out : Vols, optional
            ``Vols(shape)`` to write to; nothing is allocated then.

        Returns
        -------
        Vols
            ``vol``, ``dvol_dstrike`` and ``d2vol_dstrike2`` at a fixed forward, ``dvol_dforward`` at a fixed strike, and
            ``status``. A NaN, a price at or below 0, a time below 0 or a negative total variance gives NaN in that row
            and leaves the others alone; years = 0 gives the vol of the short end.

        Raises
        ------
        ValueError
            If shapes do not broadcast or ``out`` does not fit; both shapes are given.
        """
        vols: Vols = self._evaluate(forward, strike, years, moneyness_share(dynamics), out)
        return vols

    def vol(self, k: npt.ArrayLike, years: npt.ArrayLike) -> Any:
        """Vol at log-moneyness k; the arguments broadcast."""
        return self._evaluate(1.0, np.exp(k), years, 0.0, None).vol

    def total_variance(self, k: npt.ArrayLike, years: npt.ArrayLike) -> Any:
        """vol^2 years at log-moneyness k; the arguments broadcast."""
        return self.vol(k, years) ** 2 * np.asarray(years)

    def arbitrage(self, span: tuple[float, float] = (-1.5, 1.5)) -> SurfaceArbitrage:
        """Butterfly and calendar conditions; the calendar one for k within ``span``."""
        pairs = list(zip(self.smiles[:-1], self.smiles[1:], strict=True))
        gaps = [calendar_gap(near, far, span) for near, far in pairs]
        return SurfaceArbitrage(
            butterfly=tuple(s.arbitrage() for s in self.smiles),
            calendar_gap=np.array([gap for gap, _ in gaps]),
            calendar_at=np.array([at for _, at in gaps]),
            calendar_wings=tuple(
                far.left_slope <= near.left_slope and far.right_slope >= near.right_slope for near, far in pairs
            ),
            span=span,
        )

    def __repr__(self) -> str:
        rows = []
        for t, smile in zip(self.years, self.smiles, strict=True):
            w, slope, _ = smile.derivatives(0.0)
            report = smile.arbitrage()
            atm = float(np.sqrt(w / t))
            skew = float(slope) / (2.0 * atm * t)
            words = [type(smile).__name__, 365.0 * t, atm, skew, report.min_g, "ok" if report.ok else "ARBITRAGE"]
            rows.append(words)
        when = (
            "" if self.ts_event_ns is None else f" at {np.datetime64(self.ts_event_ns, 'ns').astype('datetime64[s]')}Z"
        )
        header = ["smile", "days", "vol at k = 0", "dvol/dk", "least g", "butterfly"]
        return f"Surface of {len(self.smiles)} expiries{when}\n{text_table(header, rows)}"


@dataclass(frozen=True)
class SurfaceFit:
    """A surface fitted expiry by expiry, and how well."""

    surface: Surface
    expiries: tuple[SmileFit, ...]
    arbitrage: SurfaceArbitrage

    def __repr__(self) -> str:
        header = ["days", "model", "quotes", "rmse", "half-spread", "inside", "note"]
        rows = [
            [365.0 * fit.years, fit.model, fit.n_quotes, fit.rmse, fit.mean_half_spread, fit.inside, fit.note]
            for fit in self.expiries
        ]
        return f"SurfaceFit of {len(rows)} expiries\n{text_table(header, rows)}\n{self.arbitrage!r}"


def fit_surface(
    k: Sequence[npt.ArrayLike],
    years: npt.ArrayLike,
    *,
    vol: Sequence[npt.ArrayLike] | None = None,
    bid_vol: Sequence[npt.ArrayLike] | None = None,
    ask_vol: Sequence[npt.ArrayLike] | None = None,
    weights: Sequence[npt.ArrayLike] | None = None,
    model: str = "auto",
    ts_event_ns: Any = None,
) -> SurfaceFit:
    """A surface without butterfly arbitrage, and without calendar arbitrage where the quotes allow that.

    From the last expiry to the first, each by :func:`fit_smile` with the one after it as a ceiling: where two smiles
    would cross it is most often in the wings of the shorter one, far from any quote of its own. An expiry that would
    have to leave its bid-ask spread for that is fitted without the ceiling, and its ``note`` says so: the quotes win, and
    ``arbitrage`` reports the crossing.

    Parameters
    ----------
    k, vol, bid_vol, ask_vol, weights : sequence of array_like
        One column per expiry, as in :func:`fit_smile`.
    years : array_like, shape (n_expiries,)
        Rising.
    model : {"auto", "svi", "spline"}
        As in :func:`fit_smile`.
    ts_event_ns : int or moment, optional
        As in :class:`Surface`.

    Returns
    -------
    SurfaceFit
        ``arbitrage`` is checked afterwards, for abs(k) <= 1.5.

    Raises
    ------
    ValueError
        If the numbers of columns differ, years do not rise, or an expiry has too few strikes.
    """
    times, columns = by_expiry(k, years, vol=vol, bid_vol=bid_vol, ask_vol=ask_vol, weights=weights)
    fits: list[SmileFit] = []
    for i in reversed(range(len(times))):
        later = fits[-1].smile if fits else None
        fit = fit_smile(k[i], float(times[i]), **columns[i], model=model, later=later)
        if later is not None and not math.isnan(fit.mean_half_spread) and not fit.within_spread:
            free = fit_smile(k[i], float(times[i]), **columns[i], model=model)
            if free.within_spread:
                note = "the next expiry leaves no room within the spread: not held below it"
                fit = replace(free, note=f"{free.note}; {note}" if free.note else note)
        fits.append(fit)
    fits.reverse()
    surface = Surface(times, fits, ts_event_ns=ts_event_ns)
    return SurfaceFit(surface, tuple(fits), surface.arbitrage())
