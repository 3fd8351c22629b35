"""The pictures of docs/sizing.md: bands along a path, the no-trade region, a hedge before and after, what tracking costs.

    python bench/python/sizing_plots.py        # writes band_path, no_trade_region, hedge and frontier .png to docs/images

Needs matplotlib. Simulations start from seeds, so the pictures are the same every time; what they print is quoted in the
page.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt
from PIL import Image

from rebalance_core import demo
from rebalance_core.pricing import black76
from rebalance_core.sizing import HedgeSolver, RebalanceSolver
from rebalance_core.triggers import amortisation_horizon, hedge_band, local_band, watched_band

BLUE, ORANGE, GREEN, GREY = "#1f77b4", "#ff7f0e", "#2ca02c", "0.6"
YEAR_HOURS = 365 * 24


def save(figure: Any, path: Path) -> None:
    """As a small file: 128 colours are enough for lines."""
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=100)
    plt.close(figure)
    Image.open(drawn).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)


# --- a band along a path ---


def draw_band_path(path: Path, seed: int = 4) -> None:
    """Ten calls sold, 30 days left, hedged for twelve days with a look every ten minutes."""
    vol, cost, aversion, contracts, looks = 0.55, 0.0005, 1e-4, -10.0, 12 * 144
    dt = 10 / 60 / YEAR_HOURS
    steps = np.random.default_rng(seed).normal(-0.5 * vol**2 * dt, vol * np.sqrt(dt), looks)
    price = 60_000 * np.exp(np.concatenate([[0.0], np.cumsum(steps)]))
    day = np.arange(looks + 1) / 144
    option = black76(price, 62_000.0, vol, (30 - day) / 365, 1)
    delta, gamma = contracts * option.delta, contracts * option.gamma
    figure, axes = plt.subplots(2, 1, figsize=(8, 5.2), sharex=True, sharey=True, layout="constrained")
    for axis, ticket, where in zip(axes, (0.0, 5.0), ("trades end on the edge", "trades jump inside"), strict=True):
        band = hedge_band(price, gamma, vol, cost, aversion, fixed_cost=ticket)
        watched = watched_band(band, (gamma * vol * price) ** 2, dt)
        hedge, drift, trades = -delta[0], np.zeros(looks + 1), np.zeros(looks + 1)
        for i in range(looks + 1):
            drift[i] = delta[i] + hedge
            if abs(drift[i]) > watched.trigger[i]:
                trades[i] = np.sign(drift[i]) * watched.destination[i] - drift[i]
                hedge += trades[i]
        foreseen = float(np.sum(band.turnover[:-1]) * dt)
        traded = np.flatnonzero(trades)
        after = drift[traded] + trades[traded]
        axis.fill_between(day, -band.trigger, band.trigger, color=BLUE, alpha=0.12, lw=0, label="band: no trade")
        axis.plot(day, drift, color="0.25", lw=0.8, label="delta drift")
        axis.vlines(day[traded], drift[traded], after, color=ORANGE, lw=1.2)
        axis.plot(day[traded], after, ".", color=ORANGE, ms=4, label="after a trade")
        cost_name = "half-spread and fee 5 bp" + (f", and {ticket:.0f} USD a trade" if ticket else "")
        axis.set_title(f"{cost_name}: {where}", fontsize=10, loc="left")
        axis.set(ylabel="delta, coins", xlim=(0, 12), ylim=(-1.1, 1.1))
        print(
            f"band, ticket {ticket:g}: {len(traded)} trades, {np.abs(trades).sum():.2f} coins; by the formula "
            f"{foreseen:.2f} coins, {np.sum(band.trades_per_year[:-1]) * dt:.1f} trades"
        )
    axes[0].legend(ncols=3, fontsize=8, loc="lower right")
    axes[1].set(xlabel="days")
    save(figure, path)


# --- two assets ---

WANTED = np.array([0.3, 0.3])  # two coins, the rest is cash
VOLS, COST, AVERSION = np.array([0.6, 0.6]), 0.001, 5.0


class TwoCoins:
    """Two coins and cash under proportional costs: bands of their own, and the one-step optimum with its horizon."""

    def __init__(self, correlation: float) -> None:
        off = correlation * VOLS.prod()
        self.covariance = np.array([[VOLS[0] ** 2, off], [off, VOLS[1] ** 2]])
        wander = np.diag(WANTED) @ (np.eye(2) - np.outer([1, 1], WANTED))  # of weights, per return
        self.root = wander @ np.linalg.cholesky(self.covariance)
        penalty = AVERSION * np.diagonal(self.covariance)
        variance_rate = np.sum(self.root**2, axis=1)
        self.band = local_band(variance_rate, penalty, COST).trigger
        self.horizon = float(np.mean(amortisation_horizon(variance_rate, penalty, COST)))
        self.solver = RebalanceSolver(3, 2)
        self.solver.update(
            target=[*WANTED, 1 - WANTED.sum()],
            loadings=[*np.linalg.cholesky(self.covariance).tolist(), [0.0, 0.0]],
            factor_cov=[1.0, 1.0],
            specific_var=0.0,
            risk_aversion=AVERSION * self.horizon,
            cost_buy=[COST, COST, 0.0],
            cost_sell=[COST, COST, 0.0],
            lower=-10.0,
            upper=10.0,
        )

    def optimum(self, x: np.ndarray) -> np.ndarray:
        """Where the deviation x is traded to by sizing.rebalance."""
        held = WANTED + x
        self.solver.update(weights=[*held, 1 - held.sum()])
        return x + self.solver.solve().trades[:2]

    def bands(self, x: np.ndarray) -> np.ndarray:
        """Where it is traded to by a band for each."""
        return np.clip(x, -self.band, self.band)

    def inside(self, x: np.ndarray) -> bool:
        """Whether the optimum leaves x alone: no marginal saving is above the cost."""
        return bool(np.all(AVERSION * self.horizon * np.abs(self.covariance @ x) <= COST))

    def cost_rate(self, rule: Any, years: int = 40, looks: int = 6 * 365, seed: int = 2) -> float:
        """Penalty and costs per year along one long path of deviations."""
        moves = np.random.default_rng(seed).normal(size=(years * looks, 2)) @ self.root.T / np.sqrt(looks)
        x, penalty, traded = np.zeros(2), 0.0, 0.0
        for move in moves:
            x = x + move
            if rule == self.bands or not self.inside(x):
                to = rule(x)
                traded += float(np.abs(to - x).sum())
                x = to
            penalty += float(x @ self.covariance @ x)
        return 0.5 * AVERSION * penalty / (years * looks) + COST * traded / years


def draw_no_trade_region(path: Path) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(8.5, 4.5), sharex=True, sharey=True, layout="constrained")
    for axis, correlation in zip(axes, (0.0, 0.8), strict=True):
        two = TwoCoins(correlation)
        angles = np.linspace(0, 2 * np.pi, 361)
        edge = np.empty((len(angles), 2))
        for i, angle in enumerate(angles):  # the largest radius that is left alone, by bisection on the solver itself
            ray, low, high = np.array([np.cos(angle), np.sin(angle)]), 0.0, 0.5
            for _ in range(22):
                middle = 0.5 * (low + high)
                held = np.abs(two.optimum(middle * ray) - middle * ray).max() < 1e-9
                low, high = (middle, high) if held else (low, middle)
            edge[i] = low * ray
        axis.fill(*(100 * edge.T), color=BLUE, alpha=0.2, lw=0)
        axis.plot(*(100 * edge.T), color=BLUE, lw=1.5, label="sizing.rebalance")
        box = 100 * np.array([[1, 1], [1, -1], [-1, -1], [-1, 1], [1, 1]]) * two.band
        axis.plot(*box.T, color=ORANGE, ls="--", lw=1.5, label="a band for each")
        for angle in np.arange(0.0, 360.0, 22.5):
            start = 0.088 * np.array([np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))])
            to = two.optimum(start)
            if np.abs(to - start).max() > 1e-9:
                axis.annotate(
                    "",
                    100 * to,
                    100 * start,
                    arrowprops={"arrowstyle": "->", "color": "0.4", "lw": 0.9, "shrinkA": 0, "shrinkB": 0},
                )
        rates = [1e4 * two.cost_rate(rule) for rule in (two.optimum, two.bands)]
        print(
            f"correlation {correlation}: band {two.band.round(4).tolist()}, horizon {two.horizon:.4f} years, "
            f"a year {rates[0]:.2f} bp by rebalance, {rates[1]:.2f} bp by bands"
        )
        axis.plot(0, 0, "+", color="k", ms=8)
        axis.set_title(f"correlation {correlation:g}", fontsize=10)
        axis.set(xlabel="coin 1: weight less target, %", aspect="equal", xlim=(-10, 10), ylim=(-10, 10))
    axes[0].set_ylabel("coin 2: weight less target, %")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9)
    save(figure, path)


# --- a hedge before and after ---

GREEKS = ("delta", "gamma", "vega", "vanna", "volga")


class DemoBook:
    """The demo's book, every contract of its chain a candidate: the same steps as in docs/sizing.md."""

    def __init__(self) -> None:
        chain = demo.load_chain()
        table, market = chain.instruments, chain.market()
        self.table, self.option = table, table.is_option
        price = np.asarray(market.price)[table.row_node]
        rows = np.flatnonzero(self.option)
        self.years = (table.expiry_ns[rows] - demo.CHAIN_NS) / (YEAR_HOURS * 3.6e12)
        g = black76(price[rows], table.strike[rows], chain.vol[rows], self.years, table.phi[rows], order=2)
        coins = np.where(np.array(table.kind) == "inverse_future", table.multiplier / price, table.multiplier)
        self.greeks = np.zeros((len(GREEKS), len(table)))
        self.greeks[0] = coins
        self.greeks[:, rows] = [getattr(g, name) for name in GREEKS]
        fee = 1e-4 * table.taker_fee_bps * coins * price
        fee[rows] = np.minimum(fee[rows], table.fee_cap[rows] * g.value)
        self.cost = fee + 1e-4 * table.half_spread_bps * coins * price
        self.exposure = self.greeks @ np.asarray(demo.make_book(chain, seed=10).quantity)
        move, vol_move = 0.4 / 365**0.5 * price[0], 0.03  # a day's
        self.variance = np.array([move**2, 0.75 * move**4, vol_move**2, (move * vol_move) ** 2, 0.75 * vol_move**4])
        self.limit = np.where(self.option, 20.0, 1e5)

    def solver(self, aversion: float) -> HedgeSolver:
        solver = HedgeSolver(*self.greeks.shape)
        solver.update(greeks=self.greeks, exposure=self.exposure, penalty=aversion * self.variance)
        solver.update(cost_buy=self.cost, cost_sell=self.cost, lower=-self.limit, upper=self.limit)
        return solver


def draw_hedge(path: Path, aversion: float = 3e-5) -> None:
    book = DemoBook()
    found = book.solver(aversion).solve()
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.7), layout="constrained")
    unit = np.sqrt(aversion * book.variance)
    at = np.arange(len(GREEKS))
    axes[0].barh(at - 0.2, unit * book.exposure, 0.38, color=GREY, label="before")
    axes[0].barh(at + 0.2, unit * found.residual, 0.38, color=BLUE, label="after")
    axes[0].set_yticks(at, GREEKS)
    axes[0].invert_yaxis()
    axes[0].axvline(0, color="k", lw=0.8)
    axes[0].set(xlabel="exposure $\\times$ penalty$^{1/2}$, USD$^{1/2}$")
    axes[0].legend(fontsize=8)

    rows = np.flatnonzero(book.option)
    size, days, strike = found.trades[rows], 365 * book.years, book.table.strike[rows] / 1e3
    axes[1].semilogy(strike, days, ".", color="0.8", ms=4, label="quoted")
    for sign, colour, name in ((1, GREEN, "bought"), (-1, ORANGE, "sold")):
        some = np.flatnonzero(sign * size > 0)
        if len(some):
            axes[1].plot(strike[some], days[some], "o", color=colour, ms=8, label=name)
        for i in some:
            axes[1].annotate(
                f"{size[i]:+.1f} {'call' if book.table.phi[rows[i]] > 0 else 'put'}",
                (strike[i], days[i]),
                xytext=(7, 5),
                textcoords="offset points",
                fontsize=8,
                bbox={"boxstyle": "square,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.8},
            )
    linear = [
        f"{found.trades[i]:+,.1f} {book.table.symbol[i]}" for i in np.flatnonzero(found.trades) if not book.option[i]
    ]
    axes[1].set_title(", ".join(["contracts", *linear]), fontsize=9)
    axes[1].set(xlabel="strike, thousand USD", ylabel="days to expiry", xlim=(35, 150))
    axes[1].set_yticks([1, 3, 10, 30, 100, 300])
    axes[1].yaxis.set_major_formatter("{x:g}")
    axes[1].minorticks_off()
    axes[1].legend(fontsize=8, loc="lower left", bbox_to_anchor=(0.0, 0.15))

    scales = np.geomspace(1e-3, 30, 40)
    spent, left = [], []
    for scale in scales:
        r = book.solver(aversion * scale).solve()
        spent.append(r.cost)
        left.append(np.sqrt(book.variance @ r.residual**2))
    before = np.sqrt(book.variance @ book.exposure**2)
    axes[2].plot(np.array(spent), np.array(left) / 1e3, "-", color=BLUE, label="any number of contracts")
    for most, colour in ((1, ORANGE), (3, GREEN)):
        points = []
        for scale in scales[::3]:
            r = book.solver(aversion * scale).solve_lots(book.table.lot_size, max_trades=most, max_nodes=300)
            points.append((r.cost, np.sqrt(book.variance @ r.residual**2) / 1e3))
        axes[2].plot(*np.array(points).T, ".", color=colour, label=f"at most {most}, whole lots")
    axes[2].plot(
        found.cost, np.sqrt(book.variance @ found.residual**2) / 1e3, "o", color=BLUE, ms=6, label="the one shown"
    )
    axes[2].set(xlabel="cost of the trades, USD", ylabel="a day's deviation, thousand USD", ylim=(0, None))
    axes[2].legend(fontsize=8)
    axes[0].set_title("exposures", fontsize=9)
    axes[2].set_title("as the risk aversion grows", fontsize=9)
    print({book.table.symbol[i]: round(float(found.trades[i]), 3) for i in np.flatnonzero(found.trades)})
    print(
        f"hedge: {np.count_nonzero(found.trades)} of {len(book.table)} contracts traded, {found.cost:.0f} USD; deviation "
        f"{before:.0f} -> {np.sqrt(book.variance @ found.residual**2):.0f} USD; {found.status.name}"
    )
    save(figure, path)


# --- what tracking costs ---

SHARE, VOL, ONE_WAY, TICKET = 0.5, 0.6, 0.001, 2e-5


def frontier(k: float, error: np.ndarray) -> dict[str, np.ndarray]:
    """Cost per year of each rule at a tracking error, by the closed forms of docs/bands.md."""
    s2, square = (SHARE * (1 - SHARE) * VOL) ** 2, (error / VOL) ** 2  # E x^2
    edge, target, wait = np.sqrt(3 * square), np.sqrt(6 * square), 2 * square / s2
    lines = {
        "calendar, to the target": ONE_WAY * np.sqrt(2 * s2 / (np.pi * wait)) + k / wait,
        "threshold, to the target": ONE_WAY * s2 / target + k * s2 / target**2,
    }
    if k == 0.0:
        lines["band, to the edge"] = ONE_WAY * s2 / (2 * edge)
        return lines
    penalty = np.geomspace(1e-5, 1e4, 4000)
    band = local_band(s2, penalty, ONE_WAY, k)
    cost = ONE_WAY * band.turnover + k * band.trades_per_year
    order = np.argsort(band.mean_square)
    lines["band, jump inside"] = np.interp(square, band.mean_square[order], cost[order])
    return lines


def simulated(k: float, error: np.ndarray, paths: int = 60, years: float = 8.0, seed: int = 6) -> dict[str, np.ndarray]:
    """Tracking error and cost per year of half a coin, half cash, watched every hour: shape (rule's levels, 2)."""
    s2, square, dt = (SHARE * (1 - SHARE) * VOL) ** 2, (error / VOL) ** 2, 1 / YEAR_HOURS
    n, steps = len(error), int(years * YEAR_HOURS)
    every = np.round(2 * square / s2 / dt)[:, None]
    target = watched_band(local_band(s2, 1.0, 0.0, 1.0), s2, dt)  # what watching takes off a trigger
    off = local_band(s2, 1.0, 0.0, 1.0).trigger - target.trigger
    a = np.sqrt(6 * square) - off
    if k == 0.0:
        b_edge = a_edge = np.sqrt(3 * square) - off
    else:
        penalty = np.geomspace(1e-5, 1e4, 4000)
        band = local_band(s2, penalty, ONE_WAY, k)
        order = np.argsort(band.mean_square)
        a_edge = np.interp(square, band.mean_square[order], band.trigger[order]) - off
        b_edge = np.minimum(np.interp(square, band.mean_square[order], band.destination[order]), a_edge)
    trigger = np.concatenate([np.full(n, 0.0), a, a_edge])[:, None]
    goal = np.concatenate([np.zeros(2 * n), b_edge])[:, None]
    random = np.random.default_rng(seed)
    x = np.zeros((3 * n, paths))
    square_sum, traded, count = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)
    for step in range(1, steps + 1):
        r = np.expm1(VOL * np.sqrt(dt) * random.normal(size=paths) - 0.5 * VOL**2 * dt)
        w = SHARE + x
        x = w * (1 + r) / (1 + w * r) - SHARE
        size = np.abs(x)
        square_sum += x * x
        fires = size > trigger
        fires[:n] &= step % every == 0
        to = np.where(fires, np.copysign(goal, x), x)
        traded += np.where(fires, size - np.abs(to), 0.0)
        count += fires
        x = to
    miss = VOL * np.sqrt(square_sum.mean(1) / steps)
    cost = (ONE_WAY * traded + k * count).mean(1) / years
    both = np.column_stack([miss, cost]).reshape(3, n, 2)
    names = (
        "calendar, to the target",
        "threshold, to the target",
        "band, to the edge" if k == 0 else "band, jump inside",
    )
    return dict(zip(names, both, strict=True))


def draw_frontier(path: Path) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(9, 4), sharex=True, sharey=True, layout="constrained")
    error, few = np.geomspace(0.002, 0.03, 60), np.geomspace(0.003, 0.025, 5)
    colours = dict(zip(("calendar", "threshold", "band"), (GREY, ORANGE, BLUE), strict=True))
    for axis, k in zip(axes, (0.0, TICKET), strict=True):
        for name, cost in frontier(k, error).items():
            axis.loglog(100 * error, 1e4 * cost, "-", color=colours[name.split(",")[0]], label=name)
        for name, dots in simulated(k, few).items():
            axis.plot(100 * dots[:, 0], 1e4 * dots[:, 1], "o", ms=4, color=colours[name.split(",")[0]])
            near = np.array([np.interp(miss, error, frontier(k, error)[name]) for miss in dots[:, 0]])
            print(f"ticket {k:g}, {name}: simulated cost over the closed form {(dots[:, 1] / near).round(3).tolist()}")
        title = f"{1e4 * ONE_WAY:.0f} bp" + (f" and {1e4 * k:.1f} bp of the equity a trade" if k else " one way")
        axis.set_title(title, fontsize=10, loc="left")
        axis.set(xlabel="tracking error, % a year")
        axis.legend(fontsize=8)
        axis.grid(alpha=0.3)
        axis.set_xticks([0.2, 0.3, 0.5, 1, 2, 3], minor=False)
        axis.set_yticks([1, 2, 5, 10, 20, 50, 100, 200], minor=False)
        axis.xaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_major_formatter("{x:g}")
        axis.minorticks_off()
    axes[0].set_ylabel("cost, bp of the equity a year")
    save(figure, path)


if __name__ == "__main__":
    images = Path(__file__).parents[2] / "docs/images"
    draw_band_path(images / "band_path.png")
    draw_no_trade_region(images / "no_trade_region.png")
    draw_hedge(images / "hedge.png")
    draw_frontier(images / "frontier.png")
