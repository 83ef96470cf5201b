"""What results mean: the bars, met or not; the table for a person, the file for later."""

from pathlib import Path
from statistics import median
from typing import NamedTuple

import msgspec
from msgspec import Struct
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from bench.rounds import Results

RESULTS = Path(__file__).with_name("results")

TITLES = {
    "create": "payments created, 64 clients",
    "lone": "payments created, 1 client",
    "callback": "callbacks applied, 1 hot account",
    "callback-stripe": "callbacks of Stripe's applied",
    "transfer": "transfers of 1,000 wallets, engine",
    "transfer-hot": "transfers of 1 hot wallet, engine",
    "transfer-http": "transfers of 1,000 wallets, HTTP",
    "deliver": "webhooks delivered, 10 endpoints",
    "deliver-one": "webhooks delivered, 1 endpoint",
}


WIDTH = 110
"""Of the tables, in characters, whatever they are printed to."""


class Bar(NamedTuple):
    """A limit that must hold."""

    title: str
    limit: float
    least: bool
    unit: str


BARS = {
    "create": Bar(TITLES["create"], 0.8, True, "× floor"),
    "callback": Bar(TITLES["callback"], 2.5, True, "× floor"),
    "callback-stripe": Bar(TITLES["callback-stripe"], 2.0, True, "× floor"),
    "transfer": Bar(TITLES["transfer"], 2.0, True, "× floor"),
    "transfer-hot": Bar(TITLES["transfer-hot"], 0.7, True, "× spread"),
    "deliver": Bar(TITLES["deliver"], 0.7, True, "× floor"),
    "lone": Bar("a lone client's payment, p50", 2.0, False, "× floor"),
    "memory": Bar("memory at rest, API and worker", 200, False, "MB"),
    "first": Bar("first start", 6, False, "s"),
    "later": Bar("later starts", 3, False, "s"),
}


class Verdict(Struct, frozen=True):
    title: str
    value: float
    limit: str
    met: bool


def judge(results: Results) -> list[Verdict]:
    """The medians of what has a bar and was measured."""
    found = {
        "create": ratios(results, "create", "per_s"),
        "callback": ratios(results, "callback", "per_s"),
        "callback-stripe": ratios(results, "callback-stripe", "per_s"),
        "transfer": ratios(results, "transfer", "per_s"),
        "transfer-hot": _hot(results),
        "deliver": ratios(results, "deliver", "per_s"),
        "lone": ratios(results, "lone", "p50_ms"),
        "memory": [memory.rss_mb for memory in results.memory],
        "first": [start.first_s for start in results.starts],
        "later": [start.later_s for start in results.starts],
    }
    return [_verdict(BARS[name], median(values)) for name, values in found.items() if values]


def ratios(results: Results, name: str, field: str) -> list[float]:
    """Ours through the floor's of the same round."""
    pair = results.speeds.get(name)
    if pair is None:
        return []
    both = zip(pair.ours, pair.floor, strict=True)
    return [getattr(ours, field) / getattr(floor, field) for ours, floor in both]


def _hot(results: Results) -> list[float]:
    """Transfers out of one wallet through those between all, of the same round."""
    hot, spread = (results.speeds.get(name) for name in ("transfer-hot", "transfer"))
    if hot is None or spread is None:
        return []
    return [one.per_s / each.per_s for one, each in zip(hot.ours, spread.ours, strict=True)]


def _verdict(bar: Bar, value: float) -> Verdict:
    met = value >= bar.limit if bar.least else value <= bar.limit
    sign = "≥" if bar.least else "≤"
    return Verdict(bar.title, round(value, 2), f"{sign} {bar.limit:g} {bar.unit}", met)


class Report(Struct, frozen=True):
    """The file in bench/results."""

    verdicts: list[Verdict]
    results: Results


def keep(results: Results, folder: Path = RESULTS) -> Path:
    """Writes the report; a second one of the same day takes the place of the first."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{results.date}.json"
    text = msgspec.json.format(msgspec.json.encode(Report(judge(results), results)), indent=1)
    path.write_bytes(text + b"\n")
    return path


def show(results: Results) -> None:
    """Tables on stdout."""
    console = Console(highlight=False, width=WIDTH)
    for table in (_speeds(results), _groups(results), _bars(results)):
        if table.row_count:
            console.print(table)
    strangers = [run.elsewhere for p in results.speeds.values() for run in (*p.ours, *p.floor)]
    if strangers and max(strangers) > NOISE_CORES:
        console.print(
            f"Other programs used up to {max(strangers):.1f} of {results.machine.cores} cores "
            "meanwhile: figures are too low, and ratios uncertain."
        )


NOISE_CORES = 0.2
"""What others may use before figures are in doubt."""


def _speeds(results: Results) -> Table:
    table = _table(
        "medians; CPU in µs an operation", "per s", "p50 ms", "p99 ms", "CPU", "of PG", "bench"
    )
    for name, pair in results.speeds.items():
        for side, runs in ((TITLES[name], pair.ours), ("  its floor", pair.floor)):
            cells = [_cell([getattr(run, field) for run in runs]) for field in FIELDS]
            table.add_row(side, *cells)
    return table


def _groups(results: Results) -> Table:
    table = _table("in one transaction, on average", "commands", "statements")
    for name, found in results.groups.items():
        table.add_row(
            TITLES[name], f"{found.commands_per_group:g}", f"{found.statements_per_group:g}"
        )
    return table


def _bars(results: Results) -> Table:
    table = _table("bars", "found", "wanted", "")
    for verdict in judge(results):
        word = "[green]met[/]" if verdict.met else "[red]not met[/]"
        table.add_row(verdict.title, f"{verdict.value:,.2f}", verdict.limit, word)
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title, box=SIMPLE_HEAD)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


FIELDS = ("per_s", "p50_ms", "p99_ms", "programs_us", "postgres_us", "bench_us")


def _cell(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return ""
    middle = median(known)
    return f"{middle:,.{0 if middle >= 100 else 1 if middle >= 10 else 2}f}"
