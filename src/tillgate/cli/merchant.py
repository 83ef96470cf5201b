"""`tillgate merchant create`: a business, in the database that the environment names."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import msgspec

from tillgate.cli.failure import Failure
from tillgate.cli.home import ENVIRONMENT, local_secret
from tillgate.kit import clock, db
from tillgate.kit.db import Connection
from tillgate.main.business import CreatedBusiness, set_up_business
from tillgate.merchants.commands import NAME_MAX_CHARACTERS
from tillgate.settings import Settings, SettingsError, from_environment

CONNECT_MAX_S = 5
PUBLIC_URL = "http://127.0.0.1:8000"
"""Nothing that is made here shows it; the settings want one."""


async def create(name: str, environ: Mapping[str, str], data: Path) -> CreatedBusiness:
    """The business. Raises Failure."""
    if not 1 <= len(name) <= NAME_MAX_CHARACTERS:
        raise Failure(f"A name has 1 to {NAME_MAX_CHARACTERS} characters.")
    async with connected(environ, data) as (connection, settings):
        return await set_up_business(connection, settings, name, clock.now())


@asynccontextmanager
async def connected(
    environ: Mapping[str, str], data: Path
) -> AsyncGenerator[tuple[Connection, Settings]]:
    """The database that is meant, for one command. Raises Failure."""
    settings = _settings(environ, data)
    try:
        connection = await asyncpg.connect(settings.database_url, timeout=CONNECT_MAX_S)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise Failure(f"The database does not answer: {error or 'timeout'}") from error
    try:
        await db.set_up(connection)
        yield connection, settings
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError):
        raise Failure("The database is not migrated: run `tillgate migrate`.") from None
    finally:
        await connection.close()


def show(created: CreatedBusiness, *, as_json: bool) -> str:
    """What is printed: a line of JSON, or lines for a person."""
    if as_json:
        return msgspec.json.encode(created._asdict()).decode() + "\n"
    labels = ("Merchant", "Secret key", "Publishable key", "Live merchant")
    lines = [f"{label:<17}{value}\n" for label, value in zip(labels, created, strict=True)]
    return "".join(lines) + "The keys are shown this once.\n"


def _settings(environ: Mapping[str, str], data: Path) -> Settings:
    """From the environment; what it leaves open, from the installation that runs in `data`."""
    file = data / ENVIRONMENT
    running = msgspec.json.decode(file.read_bytes(), type=dict[str, str]) if file.exists() else {}
    wanted = environ.get("DATABASE_URL")
    if wanted and wanted != running.get("DATABASE_URL"):
        running = {}
    environment = {"TILLGATE_PUBLIC_URL": PUBLIC_URL, **running, **environ}
    if environment.get("DATABASE_URL") and not environment.get("TILLGATE_SECRET"):
        environment["TILLGATE_SECRET"] = local_secret(data)
    try:
        return from_environment(environment)
    except SettingsError as error:
        raise Failure(f"{error} (And no `tillgate dev` is running in {data}.)") from error
