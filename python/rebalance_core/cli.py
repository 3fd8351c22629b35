"""The command ``rebalance-core``: ``demo`` and ``plan``."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table as RichTable

from . import __version__, active_isa, demo, files
from ._tables import Table, is_missing, moment_ns, shown
from .drift import Targets
from .engine import Engine, Plan
from .triggers import Threshold, any_of

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
# A pipe has no width of its own; tables need some.
console = Console(width=None if sys.stdout.isatty() else 150)
errors = Console(stderr=True)

QUANTILES = ((0.5, "median"), (0.9, "90 %"), (0.99, "99 %"), (0.999, "99.9 %"), (1.0, "slowest"))


def print_rows(title: str, header: list[str], rows: list[list[Any]]) -> None:
    table = RichTable(title=title, title_justify="left")
    for name in header:
        table.add_column(name, justify="right", no_wrap=name != "why")
    for row in rows:
        table.add_row(*(shown(x) for x in row))
    console.print(table)


def version(wanted: bool) -> None:
    if wanted:
        console.print(f"rebalance-core {__version__} ({active_isa()})")
        raise typer.Exit


@app.callback()
def main(
    _version: Annotated[
        bool, typer.Option("--version", callback=version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """From market to trades for books of spot, futures, perpetuals and options."""


@app.command("demo")
def run_demo(
    band: Annotated[float, typer.Option(min=1e-6, help="Half-width of the delta band, in coin.")] = 0.25,
    positions: Annotated[int, typer.Option(min=1, help="Option positions of the latency run.")] = 5000,
    ticks: Annotated[int, typer.Option(min=1, help="Ticks of the latency run.")] = 20000,
    seed: Annotated[int, typer.Option(help="Seed of the positions.")] = 10,
) -> None:
    """Hold a book on every contract of a real chain at zero delta over a real path of prices; then time it."""
    console.print(demo.ATTRIBUTION, highlight=False, soft_wrap=True)
    chain = demo.load_chain()
    console.print(f"\n{chain.instruments!r}", highlight=False)
    hedged = demo.make_desk(chain, demo.default_trigger(band), seed=seed)
    held = demo.make_desk(chain, demo.default_trigger(band), seed=seed)
    console.print(f"{hedged.book!r}\n{hedged.engine.trigger!r}, to the edge, through {demo.HEDGE}\n", highlight=False)

    done, unhedged = demo.Replay(), demo.Replay()
    try:
        last = replay_with_progress(hedged, held, done, unhedged)
    except KeyboardInterrupt:
        errors.print("\nStopped. What was replayed until then:")
        show_replay(done, unhedged, None)
        raise typer.Exit(130) from None
    show_replay(done, unhedged, last)
    try:
        held_options, ns = demo.latency(positions, ticks, band, seed)
    except KeyboardInterrupt:
        errors.print("\nStopped before the latency run was done.")
        raise typer.Exit(130) from None
    rows = [[name, float(np.quantile(ns, q)) / 1e3] for q, name in QUANTILES]
    print_rows(
        f"Tick of {held_options} options after the underlying moved ({ticks} ticks, {active_isa()})",
        ["quantile", "microseconds"],
        rows,
    )


def replay_with_progress(hedged: demo.Desk, held: demo.Desk, done: demo.Replay, unhedged: demo.Replay) -> Plan:
    """Both books over the path, side by side."""
    total = len(demo.load_path()[0])
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    last: Plan | None = None
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("replaying ticks", total=total)
        steps = zip(demo.replay(hedged, result=done), demo.replay(held, trade=False, result=unhedged), strict=True)
        for i, (step, _) in enumerate(steps):
            if i == 0:
                show_greeks("Net Greeks before the first trade", step.plan)
            if i % 100 == 99 or i == total - 1:
                progress.update(task, completed=i + 1)
                last = step.plan.copy()
    assert last is not None
    return last


def show_greeks(title: str, plan: Plan) -> None:
    exposures, drift = plan.exposures, plan.drift
    names = ["value_coin", "delta", "delta_pa", "gamma", "gamma_pa", "vega", "theta"]
    rows = [
        [exposures["underlying"][u], *(exposures[n][u] for n in names), drift["delta"][u]] for u in range(len(drift))
    ]
    print_rows(title, ["underlying", *names, "drift of delta"], rows)


def show_replay(done: demo.Replay, unhedged: demo.Replay, last: Plan | None) -> None:
    if last is not None:
        show_greeks("Net Greeks after the last tick", last)
    kept = done.trades if len(done.trades) <= 12 else [*done.trades[:6], *done.trades[-6:]]
    names = ["symbol", "size", "limit_price", "cost", "drift_before", "drift_after", "why"]
    rows = [[f"{t['ms'] / 1000:.1f}", t["index"], *(t[n] for n in names)] for t in kept]
    more = "" if len(kept) == len(done.trades) else ", first and last six"
    print_rows(f"Trades ({len(done.trades)}{more})", ["second", "index", *names], rows)
    if len(done.equity_coin) < 3:
        return
    summary = []
    for name, run in (("unhedged", unhedged), ("hedged", done)):
        equity = np.array(run.equity_coin)
        summary.append(
            [name, equity[-1] - equity[0], float(np.std(np.diff(equity))), float(np.max(np.abs(run.drift))), run.cost]
        )
    print_rows(
        f"{len(done.ms)} ticks in coin",
        ["book", "profit", "deviation per tick", "largest |drift|", "expected cost, USD"],
        summary,
    )


@app.command("plan")
def run_plan(
    instruments: Annotated[Path, typer.Option(help="Columns as Instruments takes them.")],
    positions: Annotated[Path, typer.Option(help="instrument, quantity[, entry_price].")],
    market: Annotated[Path, typer.Option(help="Prices: underlying, expiry, price[, rate]. Vols: instrument, vol.")],
    targets: Annotated[Path, typer.Option(help="underlying, weight|delta|gamma|vega[, <quantity>_band, hedge].")],
    cash: Annotated[float, typer.Option(help="Quote currency.")] = 0.0,
    numeraire: Annotated[str, typer.Option(help="quote or coin.")] = "quote",
    action: Annotated[str, typer.Option(help="target, edge, band, or a fraction.")] = "target",
    now: Annotated[str, typer.Option(help="Moment, ISO 8601; the present unless given.")] = "",
    format: Annotated[str, typer.Option(help="table, csv or json.")] = "table",
    output: Annotated[Path | None, typer.Option(help="File to write to instead of the terminal.")] = None,
) -> None:
    """Trades that bring positions to their targets, from files (CSV, JSON or Parquet)."""
    try:
        if format not in ("table", "csv", "json"):
            raise files.FileError(f"--format is {format!r}; the formats are: table, csv, json")
        desk = files.load_desk(instruments, positions, market, targets, cash=cash, numeraire=numeraire)
        trigger = any_of(*(Threshold(q, band) for q, band in desk.bands.items()))
        engine = Engine(
            desk.book,
            desk.market,
            Targets(**desk.targets),
            trigger,
            hedge=desk.hedge,
            action=float(action) if action.replace(".", "", 1).isdigit() else action,
        )
        plan = engine.tick(moment_ns(now) if now else time.time_ns())
    except files.FileError as error:
        fail(str(error))
    except (ValueError, KeyError, TypeError) as error:
        fail(str(error.args[0]) if error.args else str(error))
    write(plan, format, output)


def fail(message: str) -> None:
    errors.print(f"rebalance-core: {message}", highlight=False, markup=False, soft_wrap=True)
    raise typer.Exit(1)


def write(plan: Plan, format: str, output: Path | None) -> None:
    trades = plan.trades
    if format == "json":
        text = json.dumps({"now_ns": plan.now_ns, "trades": plain_rows(trades), "why": plan.why}, indent=2) + "\n"
    elif format == "csv":
        text = files.csv_text(trades.columns, plain_rows(trades))
    else:
        text = f"{plan!r}\n"
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.write_text(text)
    except OSError as error:
        fail(f"cannot write {output}: {error.strerror}")


def plain_rows(table: Table) -> list[dict[str, Any]]:
    """Rows of plain Python numbers, NaN as None."""
    rows = []
    for row in table:
        plain = {name: x.item() if isinstance(x, np.generic) else x for name, x in row.items()}
        rows.append({name: None if is_missing(x) else x for name, x in plain.items()})
    return rows
