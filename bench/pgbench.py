"""Floors: one hand-written statement, one transaction, one operation, driven by pgbench."""

import asyncio
import tempfile
from collections.abc import Mapping
from operator import itemgetter
from pathlib import Path
from urllib.parse import urlsplit

from bench.ground import Ground
from bench.window import Done, Run, Window, evaluate, watch
from tillgate.cli.account import installed

FLOORS = Path(__file__).with_name("floors")


class FloorFailed(Exception):
    """A transaction failed, or pgbench itself; the message holds its words."""


async def run(
    ground: Ground,
    database: str,
    floor: str,
    clients: int,
    window: Window,
    values: Mapping[str, str],
) -> tuple[Run, Done]:
    """`floor` names the file in bench/floors; `values` are what stands for `:name` there."""
    with tempfile.TemporaryDirectory() as log:
        running = await asyncio.create_subprocess_exec(
            *_command(floor, clients, int(sum(window)) + 1, values),
            f"--log-prefix={log}/done",
            env=_environment(ground.postgres.dsn(database)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        watched = await watch(ground.postgres.pid, *window)
        said = (await running.communicate())[0].decode()
        if running.returncode or "failed transactions: 0 " not in said:
            raise FloorFailed(said)
        done = _done(Path(log))
        return evaluate(watched, done), done


def _command(floor: str, clients: int, seconds: int, values: Mapping[str, str]) -> list[str]:
    return [
        str(installed() / "bin" / "pgbench"), "--no-vacuum", "--log", "--protocol=prepared",
        f"--file={FLOORS / floor}.sql", f"--client={clients}", f"--jobs={min(clients, 2)}",
        f"--time={seconds}", *(f"--define={name}={value}" for name, value in values.items()),
    ]  # fmt: skip


def _environment(dsn: str) -> dict[str, str]:
    parts = urlsplit(dsn)
    return {
        "PGHOST": parts.hostname or "",
        "PGPORT": str(parts.port),
        "PGUSER": parts.username or "",
        "PGPASSWORD": parts.password or "",
        "PGDATABASE": parts.path.removeprefix("/"),
    }


def _done(folder: Path) -> Done:
    """Its log has a line for each transaction: client, number, microseconds taken, script, and
    when it ended, in seconds and microseconds (PostgreSQL's manual, pgbench, per-transaction
    logging)."""
    lines = [line.split() for file in folder.iterdir() for line in file.read_text().splitlines()]
    ended = [(int(line[4]) + int(line[5]) / 1e6, int(line[2]) / 1e6) for line in lines]
    ended.sort(key=itemgetter(0))
    return Done([when for when, _ in ended], [took for _, took in ended])
