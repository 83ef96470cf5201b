"""`tillgate ledger check`: recomputes every account from its transfers, and compares.

Here: reaching the database, showing how far it is, being interrupted. The going through is in
`books`, the computing in `fold`, what was found in `findings`. It reads, and changes nothing.
"""

import asyncio
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol
from uuid import UUID

import asyncpg

from tillgate.cli.doctor import server, setup
from tillgate.cli.failure import Failure
from tillgate.cli.ledger.books import Reader, sql
from tillgate.cli.ledger.findings import FILE, Findings, interrupted, show
from tillgate.kit import clock, ids
from tillgate.kit.db import LOST, Connection, set_up

RIGHT, DIFFERENT, UNCHECKED, INTERRUPTED = 0, 1, 2, 130
"""How the program ends; the last as shells tell an end by Ctrl-C."""

STATEMENT_MAX_S = 3600
"""The longest are one pass over all transfers of one merchant."""

SAVE_EVERY_S = 1.0


class Show(Protocol):
    """Is called with what is looked at, and how many sides of transfers more are read."""

    def __call__(self, what: str, sides: int) -> None: ...


def check(
    data: Path, environ: Mapping[str, str], merchant: str | None, *, resume: bool, as_json: bool
) -> int:
    """Checks, and prints what was found. Answers the program's status."""
    try:
        findings = asyncio.run(_check(data, environ, _only(merchant), resume, as_json))
    except KeyboardInterrupt:
        sys.stderr.write(f"\nInterrupted.{_again(data, merchant)}\n")
        return INTERRUPTED
    except (Failure, OSError) as problem:
        sys.stderr.write(f"{problem}\n")
        return UNCHECKED
    sys.stdout.write(show(findings, as_json=as_json))
    return RIGHT if findings.clean else DIFFERENT


async def _check(
    data: Path, environ: Mapping[str, str], only: UUID | None, resume: bool, as_json: bool
) -> Findings:
    connection = await _connected(data, environ)
    try:
        await set_up(connection)
        await _must_exist(connection, only)
        findings = await _begun(connection, data, only, resume)
        await _read(connection, data, findings, only, as_json)
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError):
        raise Failure("The database is not migrated: run `tillgate migrate`.") from None
    except (*LOST, asyncpg.PostgresError) as error:
        raise Failure(f"The books could not be read to the end: {error or 'timeout'}") from error
    finally:
        connection.terminate()
    (data / FILE).unlink(missing_ok=True)
    return findings


async def _read(
    connection: Connection, data: Path, findings: Findings, only: UUID | None, as_json: bool
) -> None:
    """Keeps how far it came every second, and whenever it does not come to the end."""
    saved_s = clock.monotonic_s()

    def save() -> None:
        nonlocal saved_s
        if clock.monotonic_s() - saved_s > SAVE_EVERY_S:
            findings.save(data)
            saved_s = clock.monotonic_s()

    total = await _size(connection, only)
    with _bar(total, findings.sides, as_json) as told:
        try:
            await Reader(connection, findings, only, told, save).read()
        except BaseException:
            findings.save(data)
            raise


async def _connected(data: Path, environ: Mapping[str, str]) -> Connection:
    """As `tillgate doctor` does. Raises Failure."""
    patient = setup.setup_in(data, environ)
    if not patient.settings.database_url:
        raise Failure(
            "; ".join(patient.senseless)
            or f"DATABASE_URL is not set, and no `tillgate dev` runs in {data}."
        )
    said, found = await server.reach(
        patient.settings,
        patient.embedded,
        name="tillgate ledger check",
        statement_max_s=STATEMENT_MAX_S,
    )
    if found is None:
        raise Failure(f"{said.message}\n{said.mend or ''}".rstrip())
    return found.connection


def _only(merchant: str | None) -> UUID | None:
    found = ids.parse("mer", merchant) if merchant is not None else None
    if merchant is not None and found is None:
        raise Failure(f"{merchant} is not a merchant's id: they begin with mer_.")
    return found


async def _must_exist(connection: Connection, only: UUID | None) -> None:
    if only is not None and not await connection.fetchval(sql["merchant_exists"], only):
        raise Failure(f"There is no merchant {ids.show('mer', only)}.")


async def _begun(connection: Connection, data: Path, only: UUID | None, resume: bool) -> Findings:
    """New findings, or those to go on with. Raises Failure."""
    cluster = "SELECT system_identifier || '/' || current_database() FROM pg_control_system()"
    of = (await connection.fetchval(cluster), only)
    if not resume:
        return Findings(of)
    left = interrupted(data)
    if left is None:
        raise Failure(f"No check was interrupted in {data}. Check without --resume.")
    if left.of != of:
        raise Failure(
            "What was interrupted is a check of another database or merchant. "
            "Name that one, or check without --resume."
        )
    return left


async def _size(connection: Connection, only: UUID | None) -> int:
    if only is None:
        return await connection.fetchval(sql["size_of_all"])
    return await connection.fetchval(sql["size_of_merchant"], only)


@contextmanager
def _bar(total: int, done: int, as_json: bool) -> Generator[Show]:
    """How far it is, for a person who watches."""
    if as_json or not (sys.stdout.isatty() and sys.stderr.isatty()):
        yield _unseen
        return
    # Imported here: it takes a while, and a program that reads JSON has no use for it.
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress  # noqa: PLC0415

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("accounts", total=total, completed=done)
        yield lambda what, sides: progress.update(task, description=what, advance=sides)


def _unseen(what: str, sides: int) -> None:
    """Nobody watches."""


def _again(data: Path, merchant: str | None) -> str:
    if not (data / FILE).exists():  # it had not begun
        return ""
    only = f" --merchant {merchant}" if merchant else ""
    return f" To go on where it stopped: tillgate ledger check --resume --data {data}{only}"
