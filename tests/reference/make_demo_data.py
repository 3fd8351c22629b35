"""Make the demo's data from the market records in ../shared/data: a chain and a path of ticks.

    python tests/reference/make_demo_data.py ../shared/data

Formats change, numbers do not. What came from where, and under which licence, is in
python/rebalance_core/data/README.md.
"""

from __future__ import annotations

import csv
import gzip
import json
import sys
from datetime import datetime
from pathlib import Path

DATA = Path(__file__).parents[2] / "python/rebalance_core/data"
STEP_MS = 100


def symbol(maturity: str, row: dict[str, str]) -> str:
    date = datetime.fromisoformat(maturity.replace("Z", "+00:00"))
    name = f"BTC-{date.day}{date:%b%y}".upper()
    return f"{name}-{row['strike']}-{row['option_type'][0].upper()}" if row["security_type"] == "option" else name


def write_chain(source: Path) -> None:
    with gzip.open(source, "rt") as file:
        record = json.load(file)
    with (DATA / "deribit_btc_20260521.csv").open("w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["symbol", "kind", "expiry", "strike", "phi", "bid", "ask", "vol_bid", "vol_ask"])
        for row in record["inputs"]:
            maturity = row.get("maturity", "")
            if row["security_type"] == "spot":
                out.writerow(["BTC", "spot", "", "", "", row["bid"], row["ask"], "", ""])
            elif row["security_type"] == "forward":
                out.writerow(
                    [symbol(maturity, row), "inverse_future", maturity, "", "", row["bid"], row["ask"], "", ""]
                )
            else:
                phi = 1 if row["option_type"] == "call" else -1
                vols = [row["iv_bid"], row["iv_ask"]]
                prices = [row["bid"], row["ask"]]
                out.writerow([symbol(maturity, row), "inverse_option", maturity, row["strike"], phi, *prices, *vols])


def write_path(source: Path) -> None:
    """The mid price at the end of each step in which it was quoted."""
    mids: dict[int, str] = {}
    first = None
    with gzip.open(source, "rt") as file:
        for line in file:
            received, _, message = line.partition(" ")
            if "bookTicker" not in message:
                continue
            quote = json.loads(message)["data"]
            ms = int(received) // 1_000_000
            first = ms if first is None else first
            mids[(ms - first) // STEP_MS] = f"{(float(quote['b']) + float(quote['a'])) / 2:.3f}"
    with (DATA / "binance_btcusdt_20240808.csv").open("w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["ms", "mid"])
        out.writerows([step * STEP_MS, mid] for step, mid in sorted(mids.items()))


def main() -> int:
    shared = Path(sys.argv[1])
    write_chain(shared / "options/deribit_btc_20260521_bidask_iv.json.gz")
    write_path(shared / "books/raw_binance_spot_btcusdt_20240808.gz")
    return 0


if __name__ == "__main__":
    sys.exit(main())
