"""How long does a book of 1,000 American options take, value and all Greeks, beside QuantLib's fastest engine?

    python bench/python/american.py

QuantLib's QdFpAmericanEngine is the same method (Andersen, Lake and Offengenden), one option at a time and the value
alone; its Greeks would be finite differences. The times are of the calls alone, medians of CPU time on one core. Equal
accuracy means: its fastScheme beside our fast, its accurateScheme and highPrecisionScheme beside our accurate; the
errors, largest difference from our accurate values in units of the strike, are printed beside the times.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np

from rebalance_core import active_isa, pricing

N = 1_000


def contracts(n: int, seed: int = 7) -> dict[str, np.ndarray]:
    """Strikes around the spot, a week to two years, vols of 10 to 60 %, rates and yields of 0.5 to 10 %."""
    random = np.random.default_rng(seed)
    return {
        "spot": random.uniform(80.0, 120.0, n),
        "strike": np.full(n, 100.0),
        "vol": random.uniform(0.1, 0.6, n),
        "years": np.round(random.uniform(0.02, 2.0, n) * 365) / 365,
        "phi": random.choice([-1.0, 1.0], n),
        "rate": random.uniform(0.005, 0.1, n),
        "dividend_yield": random.uniform(0.005, 0.1, n),
    }


def microseconds(work: Callable[[], object], repeats: int = 15) -> float:
    times = []
    for _ in range(repeats):
        start = time.thread_time_ns()
        work()
        times.append(time.thread_time_ns() - start)
    return statistics.median(times) / N / 1e3


def quantlib(c: dict[str, np.ndarray], scheme: str) -> tuple[list[object], np.ndarray, float]:
    """QuantLib's values, and microseconds per option for NPV() on instruments made beforehand."""
    import QuantLib as ql

    today = ql.Date(1, 1, 2025)
    ql.Settings.instance().evaluationDate = today
    day = ql.Actual365Fixed()
    options = []
    for i in range(N):
        spot, vol, rate, dividend = (
            ql.QuoteHandle(ql.SimpleQuote(float(c[k][i]))) for k in ("spot", "vol", "rate", "dividend_yield")
        )
        process = ql.BlackScholesMertonProcess(
            spot,
            ql.YieldTermStructureHandle(ql.FlatForward(today, dividend, day)),
            ql.YieldTermStructureHandle(ql.FlatForward(today, rate, day)),
            ql.BlackVolTermStructureHandle(ql.BlackConstantVol(today, ql.NullCalendar(), vol, day)),
        )
        kind = ql.Option.Call if c["phi"][i] > 0 else ql.Option.Put
        expiry = today + round(float(c["years"][i]) * 365)
        option = ql.VanillaOption(
            ql.PlainVanillaPayoff(kind, float(c["strike"][i])), ql.AmericanExercise(today, expiry)
        )
        option.setPricingEngine(ql.QdFpAmericanEngine(process, getattr(ql.QdFpAmericanEngine, scheme)()))
        options.append(option)
    for option in options:
        option.NPV()

    def work() -> None:
        for option in options:
            option.recalculate()

    return options, np.array([option.NPV() for option in options]), microseconds(work, 3)


def main() -> None:
    c = contracts(N)
    out = pricing.Greeks(N, model="american")
    ours, values = {}, {}
    for accuracy in ("fast", "accurate"):
        pricing.american(**c, accuracy=accuracy, out=out)
        values[accuracy] = out.value.copy()
        ours[accuracy] = microseconds(lambda a=accuracy: pricing.american(**c, accuracy=a, out=out))
        print(
            f"{'rebalance_core ' + accuracy:36s} {ours[accuracy]:8.1f} us per option, value and 7 Greeks ({active_isa()})"
        )
    difference = np.max(np.abs(values["fast"] - values["accurate"]))
    print(f"{'':36s} largest difference of the two: {difference / 100:.1e} of the strike")
    try:
        for scheme in ("fastScheme", "accurateScheme", "highPrecisionScheme"):
            _, value, time_each = quantlib(c, scheme)
            difference = np.max(np.abs(value - values["accurate"]))
            print(
                f"{'QuantLib QdFp ' + scheme:36s} {time_each:8.1f} us per option, value alone; "
                f"{difference / 100:.1e} of the strike from our accurate; {time_each / ours['fast']:.2f} times our fast, "
                f"{time_each / ours['accurate']:.2f} times our accurate"
            )
    except ImportError as error:
        print(f"QuantLib: {error}")


if __name__ == "__main__":
    main()
