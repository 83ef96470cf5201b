"""Real PostgreSQL for every test: one embedded cluster per worker, durable as in production.

A test that asks for `database` gets a fresh one, copied from a migrated template.
"""

import tempfile
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import asyncpg
import pytest

from tillgate.cli.migrate import migrate
from tillgate.cli.postgres import EmbeddedPostgres

pytest_plugins = ["tests.flows.fixtures"]

TEMPLATE = "template_tillgate"

_numbers = count(1)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of its own. Unlike `tmp_path`, other users may walk into it, as PostgreSQL must."""
    yield from public_folder()


@pytest.fixture(scope="module")
def module_folder() -> Iterator[Path]:
    """The same, shared by the tests of a module."""
    yield from public_folder()


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """The worker's cluster, with a migrated template in it."""
    for folder in public_folder():
        postgres = EmbeddedPostgres(folder / "postgres")
        postgres.start()
        migrate(postgres.dsn(TEMPLATE))
        yield postgres
        postgres.stop()


@pytest.fixture
async def database(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """The address of a fresh migrated database, dropped after the test."""
    name = f"test_{next(_numbers)}"
    admin = await asyncpg.connect(postgres.dsn("postgres"))
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    yield postgres.dsn(name)
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


def public_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tillgate-test-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder
