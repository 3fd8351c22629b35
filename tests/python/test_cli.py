"""The command: plans from files, and what it says of files that do not hold."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "plan"
TABLES = ("instruments", "positions", "market", "targets")


def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rebalance_core", *map(str, arguments)],
        capture_output=True, text=True, check=False, env={**os.environ, "NO_COLOR": "1", **environment},
    )  # fmt: skip


def plan(folder: Path, *options: object, ending: str = "csv", **replaced: Path) -> subprocess.CompletedProcess[str]:
    files = {name: replaced.get(name, folder / f"{name}.{ending}") for name in TABLES}
    where = [part for name, path in files.items() for part in (f"--{name}", path)]
    return run("plan", *where, "--now", "2026-05-21T10:04:10Z", "--cash", 50_000, *options)


def edited(tmp_path: Path, name: str, old: str, new: str) -> dict[str, Path]:
    """A copy of one example file with something changed in it."""
    text = (EXAMPLE / f"{name}.csv").read_text()
    assert old in text
    path = tmp_path / f"{name}.csv"
    path.write_text(text.replace(old, new, 1))
    return {name: path}


def test_the_example_makes_a_plan():
    done = plan(EXAMPLE)
    assert done.returncode == 0, done.stderr
    assert "2 trades" in done.stdout
    assert "BTC-PERPETUAL     7315" in done.stdout
    assert done.stderr == ""


def test_csv_and_json_hold_the_same_trades(tmp_path):
    rows = list(csv.DictReader(plan(EXAMPLE, "--format", "csv").stdout.splitlines()))
    record = json.loads(plan(EXAMPLE, "--format", "json").stdout)
    assert [float(row["size"]) for row in rows] == [trade["size"] for trade in record["trades"]] == [7315.0, -10.855]
    assert record["why"][0].startswith("BTC trades")
    target = tmp_path / "trades.csv"
    assert plan(EXAMPLE, "--format", "csv", "--output", target).stdout == ""
    assert list(csv.DictReader(target.read_text().splitlines())) == rows


@pytest.mark.parametrize("ending", ["json", "parquet"])
def test_other_formats_give_the_same_plan(tmp_path, ending):
    for name in TABLES:
        rows = list(csv.DictReader((EXAMPLE / f"{name}.csv").read_text().splitlines()))
        records = [{k: _plain(v) for k, v in row.items()} for row in rows]
        if ending == "json":
            (tmp_path / f"{name}.json").write_text(json.dumps(records))
        else:
            pq.write_table(pa.Table.from_pylist(records), tmp_path / f"{name}.parquet")
    done = plan(tmp_path, ending=ending)
    assert done.returncode == 0, done.stderr
    assert done.stdout == plan(EXAMPLE).stdout


def _plain(text: str) -> object:
    try:
        return float(text)
    except ValueError:
        return text or None


def test_without_a_band_anything_off_target_trades(tmp_path):
    done = plan(EXAMPLE, **edited(tmp_path, "targets", "BTC,0,0.25", "BTC,-0.94,"))
    assert "BTC-PERPETUAL" in done.stdout


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("positions", "-12.0", "lots", "positions.csv, row 3, column 'quantity' is 'lots', which is not a number"),
        ("positions", "-12.0", "", "positions.csv, row 3, column 'quantity' is empty"),
        ("positions", "-12.0", "nan", "positions.csv, row 3, column 'quantity' is nan"),
        ("positions", "BTC-26JUN26-80000-C", "BTC-X", "row 3, column 'instrument' is 'BTC-X', which is not known"),
        ("positions", "instrument,", "name,", "has no column 'instrument'; it has: name, quantity, entry_price"),
        ("positions", "30,2100", "30,2100,7", "row 5 has 4 cells, but there are 3 columns"),
        ("instruments", "80000,C", "-80000,C", "row 3, column 'strike' must be above 0"),
        ("instruments", "inverse_perpetual", "perpetual", "row 2, column 'kind' is 'perpetual'; the kinds are"),
        ("instruments", "2026-06-26T08:00:00Z", "June", "row 3, column 'expiry' is 'June'"),
        ("instruments", "2026-06-26T08:00:00Z", "", "row 3, column 'expiry_ns' is 0"),
        ("market", "index,77597", "index,cheap", "row 1, column 'price' is 'cheap'"),
        ("market", "perpetual,77601.5", "2030-01-01,77601.5", "row 3, column 'expiry': nothing on BTC expires at"),
        ("market", ",BTC,spot", ",DOGE,spot", "row 2, column 'underlying' is 'DOGE'"),
        ("targets", "ETH,,", "XRP,,", "row 2, column 'underlying' is 'XRP', which is not known; there are: BTC, ETH"),
        ("targets", "BTC-PERPETUAL", "BTC-PERP", "row 1, column 'hedge' is 'BTC-PERP'"),
        ("targets", "BTC-PERPETUAL", "BTC-26JUN26-80000-C", "an option; delta is hedged with"),
        ("targets", "BTC,0,0.25,,", "BTC,0,0.25,0.5,0.1", "both"),
    ],
)
def test_a_bad_file_is_named_with_row_and_column(tmp_path, name, old, new, message):
    done = plan(EXAMPLE, **edited(tmp_path, name, old, new))
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("content", "ending", "message"),
    [
        ("", "csv", "is empty; its first line must name the columns"),
        ("a,a\n1,2\n", "csv", "names a column twice"),
        ("[1, 2", "json", "line 1"),
        ('{"a": 1}', "json", "must be a list of records"),
        ("not parquet", "parquet", "is not a Parquet file"),
        ("x", "xlsx", "cannot tell the format from the ending; use .csv, .json, .parquet"),
    ],
)
def test_a_file_of_the_wrong_form_is_refused(tmp_path, content, ending, message):
    path = tmp_path / f"positions.{ending}"
    path.write_text(content)
    done = plan(EXAMPLE, positions=path)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_bytes_that_are_not_text_and_folders_are_refused(tmp_path):
    path = tmp_path / "positions.csv"
    path.write_bytes(b"instrument,quantity\n\xff\xfe,1\n")
    assert "is not UTF-8 text" in plan(EXAMPLE, positions=path).stderr
    folder = tmp_path / "folder.csv"
    folder.mkdir()
    assert "cannot read" in plan(EXAMPLE, positions=folder).stderr
    assert "does not exist" in plan(EXAMPLE, positions=tmp_path / "none.csv").stderr
    assert "cannot write" in plan(EXAMPLE, "--output", tmp_path / "no" / "folder.txt").stderr


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--format", "xml", "'xml'; the formats are"),
        ("--numeraire", "euro", "'euro'"),
        ("--action", "sideways", "'sideways'; the actions are"),
        ("--now", "noon", "noon"),
    ],
)
def test_a_wrong_option_is_answered_in_words(option, value, message):
    done = plan(EXAMPLE, option, value)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_an_empty_table_of_positions_is_an_empty_book(tmp_path):
    path = tmp_path / "positions.csv"
    path.write_text("instrument,quantity\n")
    done = plan(EXAMPLE, positions=path)
    assert done.returncode == 0, done.stderr
    assert "BTC" in done.stdout


def test_version_and_help():
    import rebalance_core

    assert rebalance_core.__version__ in run("--version").stdout
    assert "demo" in run("--help").stdout
    assert run("plan").returncode == 2


# --- the demo ---


def test_the_demo_runs_to_its_end():
    done = run("demo", "--positions", 400, "--ticks", 200)
    assert done.returncode == 0, done.stderr
    for part in (
        "BSD-3-Clause",
        "400 rows on BTC",
        "Net Greeks before",
        "Net Greeks after",
        "Trades (",
        "hedged",
        "99.9 %",
    ):
        assert part in done.stdout
    assert "2910 ticks in coin" in done.stdout


def test_the_demo_is_the_same_every_time():
    def replayed() -> str:
        return run("demo", "--positions", 400, "--ticks", 1).stdout.split("Tick of")[0]

    assert replayed() == replayed()


def test_the_demo_stops_when_asked_and_shows_what_it_has():
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "rebalance_core", "demo", "--ticks", "100000000"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if "Net Greeks before" in line:  # the replay is under way
            process.send_signal(signal.SIGINT)
            break
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Stopped" in err
    assert "Trades (" in out or "before the latency run was done" in err
    assert "Traceback" not in err


def test_without_the_extra_the_command_says_what_to_install():
    code = "import sys; sys.modules['typer'] = None; sys.argv = ['rebalance-core']; from rebalance_core.__main__ import main; sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install 'rebalance-core[cli]'" in done.stderr


def test_importing_needs_nothing_but_numpy():
    code = (
        "import sys; import rebalance_core; "
        "print(sorted(m for m in ('pandas', 'polars', 'pyarrow', 'typer', 'rich', 'scipy') if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
