"""The engine once more, slowly and obviously: plain Python, one row at a time, everything from scratch each tick.

Written from the documentation, for one underlying, so that the compiled engine can be compared with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from rebalance_core.pricing import black76, inverse

YEAR_NS = 365 * 86_400_000_000_000


@dataclass
class Row:
    """One instrument and what is held of it."""

    kind: str
    expiry_ns: int = 0
    strike: float = math.nan
    phi: float = 1.0
    multiplier: float = 1.0
    lot_size: float = 1.0
    min_notional: float = 0.0
    fee_bps: float = 0.0
    half_spread_bps: float = 0.0
    quantity: float = 0.0
    basis: float | None = 0.0  # futures: sum of fill x price, or fill / price; None: profit is settled elsewhere
    vol: float = math.nan


@dataclass
class Twin:
    """A book on one underlying, its market, and the rules of an engine."""

    rows: list[Row]
    hedge: int
    band: float
    release: float
    target: float
    action: str | float
    coin: bool
    index: float
    price: dict[int, float]  # by expiry; 0 spot, -1 perpetual
    rate: float = 0.0
    coin_cash: float = 0.0
    cash: float = 0.0
    risk_aversion: float = 0.0
    gate_vol: float = 0.0
    horizon_years: float = 0.0
    active: bool = field(default=False)
    wanted: float = field(default=0.0)  # the last size before lots
    tie: bool = field(default=False)  # it lay half-way between two of them, to rounding

    def node(self, row: Row) -> int:
        return -1 if row.kind.endswith("perpetual") else 0 if row.kind == "spot" else row.expiry_ns

    def usable(self, row: Row, now_ns: int) -> bool:
        f = self.price.get(self.node(row), math.nan)
        fine = math.isfinite(f) and f > 0
        if "option" in row.kind:
            fine = fine and math.isfinite(row.vol) and row.vol >= 0
        return fine and not self.expired(row, now_ns)

    def expired(self, row: Row, now_ns: int) -> bool:
        return self.node(row) > 0 and now_ns >= row.expiry_ns

    def exposures(self, now_ns: int) -> dict[str, float] | None:
        """Value, delta, delta_pa, gamma, gamma_pa, vega, theta; None if something held has no value."""
        names = ("value", "delta", "delta_pa", "gamma", "gamma_pa", "vega", "theta")
        total = dict.fromkeys(names, 0.0)
        total["value"] += self.coin_cash * self.index
        total["delta"] += self.coin_cash
        clock = now_ns - now_ns % 1_000_000_000
        for row in self.rows:
            held = row.quantity != 0 or row.basis not in (0.0, None)
            if not held or self.expired(row, now_ns):
                continue
            if not self.usable(row, now_ns):
                return None
            f, m, q = self.price[self.node(row)], row.multiplier, row.quantity
            years = (row.expiry_ns - clock) / YEAR_NS
            part = dict.fromkeys(names, 0.0)
            if row.kind == "spot":
                part.update(value=q * m * f, delta=q * m)
            elif row.kind == "linear_option":
                g = black76(f, row.strike, row.vol, years, row.phi, self.rate)
                part.update({n: q * m * getattr(g, n) for n in ("value", "delta", "gamma", "vega", "theta")})
                part["delta_pa"] = part["delta"] - part["value"] / f
            elif row.kind == "inverse_option":
                g, c = black76(f, row.strike, row.vol, years, row.phi), inverse(f, row.strike, row.vol, years, row.phi)
                part.update({n: q * m * getattr(g, n) for n in ("delta", "gamma", "vega", "theta")})
                part["value"] = q * m * c.value * self.index
                part["delta_pa"] = q * m * c.delta_pa
            elif row.kind.startswith("linear"):
                profit = 0.0 if row.basis is None else m * (q * f - row.basis)
                part.update(value=profit, delta=q * m, delta_pa=q * m - profit / f)
            else:
                profit = 0.0 if row.basis is None else m * (row.basis - q / f)
                part.update(value=profit * self.index, delta=q * m / f + profit, delta_pa=q * m / f)
            part["gamma_pa"] = f * part["gamma"] - 2 * part["delta_pa"]
            for name in names:
                total[name] += part[name]
        return total

    def tick(self, now_ns: int) -> tuple[dict[str, float] | None, float, str]:
        """Exposures, contracts to trade, and what became of it."""
        exposures = self.exposures(now_ns)
        if exposures is None or not (math.isfinite(self.index) and self.index > 0):
            self.active = False
            return None, 0.0, "bad_data"
        drift = (exposures["delta_pa"] if self.coin else exposures["delta"]) - self.target
        released = self.release * self.band
        off = released + 0.05 * (self.band - released)
        self.tie = False
        self.active = abs(drift) > (off if self.active else self.band)
        if not self.active:
            return exposures, 0.0, "hold"
        row = self.rows[self.hedge]
        if not self.usable(row, now_ns):
            return exposures, 0.0, "bad_data"
        left = {"target": 0.0, "edge": math.copysign(min(abs(drift), released), drift)}.get(str(self.action))
        if left is None:
            left = drift * (1 - float(self.action))
        f = self.price[self.node(row)]
        unit = row.multiplier / f if row.kind.startswith("inverse") else row.multiplier
        notional = row.multiplier if row.kind.startswith("inverse") else row.multiplier * f
        wanted = (left - drift) / unit
        needed = abs(wanted) / row.lot_size
        lots = round(needed)
        self.tie, self.wanted = abs(needed % 1 - 0.5) < 1e-11 * (1 + needed), wanted
        short = needed - lots > 1e-9 + 1e-13 * needed  # more than rounding may have made of a whole number
        if self.action == "edge" and row.lot_size * unit <= 2 * released and short:
            lots += 1
        size = math.copysign(lots * row.lot_size, wanted)
        if lots == 0:
            return exposures, 0.0, "below_lot"
        closes = size * row.quantity < 0 and lots == math.floor(abs(row.quantity) / row.lot_size + 1e-9)
        if abs(size) * notional < row.min_notional and not closes:
            return exposures, 0.0, "below_min_notional"
        cost = abs(size) * notional * (row.fee_bps + row.half_spread_bps) * 1e-4
        after = drift + size * unit
        removed = 0.5 * self.risk_aversion * (self.gate_vol * f) ** 2 * (drift**2 - after**2) * self.horizon_years
        if self.risk_aversion > 0 and removed < cost:
            return exposures, 0.0, "cost_above_benefit"
        return exposures, size, "trade"

    def fill(self, i: int, size: float, price: float) -> None:
        row = self.rows[i]
        row.quantity += size
        inverse_row = row.kind.startswith("inverse")
        if row.kind == "spot" or "option" in row.kind:
            paid = size * row.multiplier * price
            if inverse_row:
                self.coin_cash -= paid
            else:
                self.cash -= paid
        elif row.basis is not None:
            row.basis += size / price if inverse_row else size * price
