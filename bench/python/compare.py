"""How do we compare, side by side in one run? Prints a table of medians and ratios.

    python bench/python/compare.py [--markdown]

Every line of a table is measured in turn, many times over, so that whatever else the machine does falls on all of
them alike. Ratios are what to read; single numbers belong to this machine and this minute.
"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np

import peers
import rebalance_core as rc
from rebalance_core import _core, demo, pricing


def medians(works: dict[str, Callable[[], object]], rounds: int = 60) -> dict[str, float]:
    """Median seconds of each, in turns of about two milliseconds, so that each meets its own data in the cache.

    Seconds of this thread, not of the clock on the wall: what others do on the machine interrupts turns.
    """

    def turn(work: Callable[[], object], passes: int) -> float:
        start = time.thread_time()
        for _ in range(passes):
            work()
        return (time.thread_time() - start) / passes

    passes = {name: max(1, round(2e-3 / min(turn(work, 1) for _ in range(3)))) for name, work in works.items()}
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            times[name].append(turn(work, passes[name]))
    return {name: float(np.median(taken)) for name, taken in times.items()}


def batch(n: int = 10_000) -> Iterator[tuple[str, float]]:
    """Nanoseconds per option, value and five Greeks."""
    columns = peers.contracts(n)
    few = {name: column[:200] for name, column in columns.items()}
    out = pricing.Greeks((n,))
    works: dict[str, Callable[[], object]] = {}
    for isa in rc.supported_isas():

        def ours(isa: str = isa) -> None:
            _core._use_isa(isa)
            pricing.black76(**columns, out=out)

        works[f"rebalance_core, {isa}"] = ours
    for name, peer in peers.PEERS.items():
        given = few if name in peers.ONE_BY_ONE else columns
        works[name] = lambda peer=peer, given=given: peer(given)
    plain = {name: column for name, column in columns.items() if name != "rate"}
    works[f"rebalance_core, {rc.supported_isas()[0]}, rate 0"] = lambda: (
        _core._use_isa(rc.supported_isas()[0]) or pricing.black76(**plain, out=out)
    )
    for name, peer in peers.UNDISCOUNTED.items():
        works[name] = lambda peer=peer: peer(columns)
    for name, seconds in medians(works).items():
        yield name, seconds / (200 if name in peers.ONE_BY_ONE else n) * 1e9
    _core._use_isa(rc.supported_isas()[0])


def single() -> Iterator[tuple[str, float]]:
    """Nanoseconds per call for one option."""
    columns = peers.contracts(1)
    f, k, vol, years, phi, rate = (float(column[0]) for column in columns.values())
    f1, k1, vol1, years1, phi1, rate1 = columns.values()
    out = pricing.Greeks((1,))
    black76 = pricing.black76

    def numbers_out() -> None:
        for _ in range(200):
            black76(f, k, vol, years, phi, rate, out=out)

    def arrays_out() -> None:
        for _ in range(200):
            black76(f1, k1, vol1, years1, phi1, rate1, out=out)

    def numbers() -> None:
        for _ in range(200):
            black76(f, k, vol, years, phi, rate)

    works: dict[str, Callable[[], object]] = {
        "rebalance_core, numbers, out=": numbers_out,
        "rebalance_core, arrays of one, out=": arrays_out,
        "rebalance_core, numbers": numbers,
    }
    for name, peer in peers.PEERS.items():

        def one_by_one(peer: peers.Work = peer) -> None:
            for _ in range(200):
                peer(columns)

        works[name] = one_by_one
    for name, seconds in medians(works).items():
        yield name, seconds / 200 * 1e9


def orders(n: int = 10_000) -> Iterator[tuple[str, float]]:
    """Nanoseconds per option, Black-76 to order 1, 2 and 3."""
    columns = peers.contracts(n)
    works: dict[str, Callable[[], object]] = {}
    for order in (1, 2, 3):
        out = pricing.Greeks((n,), order=order)
        works[f"order {order}, {len(out.names)} outputs"] = lambda out=out: pricing.black76(**columns, out=out)
    for name, seconds in medians(works).items():
        yield name, seconds / n * 1e9


def implied(n: int = 10_000) -> Iterator[tuple[str, float]]:
    """Nanoseconds per implied vol, from prices that the contracts are worth."""
    columns = peers.contracts(n)
    vol = columns.pop("vol")
    quotes = {"price": pricing.black76(vol=vol, **columns).value, **columns}
    few = {name: column[:200] for name, column in quotes.items()}
    one = {name: float(column[0]) for name, column in quotes.items()}
    out = (np.empty(n), np.empty(n, np.uint8))
    works: dict[str, tuple[int, Callable[[], object]]] = {}
    for isa in rc.supported_isas():

        def ours(isa: str = isa) -> None:
            _core._use_isa(isa)
            pricing.implied_vol(**quotes, out=out)

        works[f"rebalance_core, {isa}"] = n, ours
    best = rc.supported_isas()[0]

    def one_call() -> None:
        _core._use_isa(best)
        for _ in range(200):
            pricing.implied_vol(one["price"], one["forward"], one["strike"], one["years"], one["phi"], one["rate"])

    works["rebalance_core, one call"] = 200, one_call
    for name, peer in peers.IMPLIED.items():
        works[name] = 200, lambda peer=peer: peer(few)
    for name, seconds in medians({name: work for name, (_, work) in works.items()}).items():
        yield name, seconds / works[name][0] * 1e9
    _core._use_isa(best)


def ticks() -> Iterator[tuple[str, float]]:
    """Nanoseconds of a tick on copies of the demo's real chain."""
    for positions in (1_000, 10_000):
        options, ns = demo.latency(positions, 5_000, 0.25)
        for name, quantile in (("median", 0.5), ("99 %", 0.99), ("99.9 %", 0.999)):
            yield f"underlying moved, {options} options, {name}", float(np.quantile(ns, quantile))
    chain = demo.load_chain(3)
    desk = demo.make_desk(chain, demo.default_trigger(0.25))
    desk.engine.tick(demo.CHAIN_NS)
    tick, now = desk.engine.tick, demo.CHAIN_NS

    def asked_again() -> None:
        for _ in range(1_000):
            tick(now)

    still = medians({"tick": asked_again})["tick"] / 1_000 * 1e9
    yield f"nothing moved, {chain.instruments.is_option.sum()} options, seen from Python", still


def show(title: str, rows: list[tuple[str, float]], reference: str | None, markdown: bool) -> None:
    base = next((value for name, value in rows if name == reference), None)
    print(f"\n### {title}\n" if markdown else f"\n{title}")
    if markdown:
        print("| | ns | ratio |\n| --- | ---: | ---: |")
    for name, value in rows:
        ratio = "" if base is None else f"{value / base:.1f}"
        print(f"| {name} | {value:.3g} | {ratio} |" if markdown else f"  {name:<44} {value:>12.1f} {ratio:>9}")


def processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def main() -> None:
    markdown = "--markdown" in sys.argv[1:]
    best = f"rebalance_core, {rc.supported_isas()[0]}"
    print(f"{processor()}, Python {platform.python_version()}, NumPy {np.__version__}, one core")
    for name, reason in peers.MISSING.items():
        print(f"not run: {name} ({reason})")
    show("Value and five Greeks, 10 000 options, ns per option", list(batch()), best, markdown)
    show("Black-76 by order, 10 000 options, ns per option", list(orders()), "order 1, 6 outputs", markdown)
    show("Implied vol, 10 000 prices, ns per price", list(implied()), best, markdown)
    show("One option, one call, ns", list(single()), "rebalance_core, numbers, out=", markdown)
    show("Tick on copies of the real chain, ns", list(ticks()), None, markdown)


if __name__ == "__main__":
    main()
