"""Migrations: run once, in order, by one at a time; db/schema.sql is what they make."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from tillgate.cli import ports
from tillgate.cli.migrate import MigrationFailed, dump_schema, migrate, migrations, with_sslmode
from tillgate.cli.postgres import EmbeddedPostgres

SCHEMA = Path(__file__).parents[2] / "db" / "schema.sql"


def test_the_written_schema_is_what_the_migrations_make(database: str):
    assert SCHEMA.read_text() == dump_schema(database), "db/schema.sql is old: run `make schema`"


async def test_what_ran_is_recorded(database: str):
    names = sorted(path.name.partition("_")[0] for path in migrations().glob("*.sql"))
    assert await _versions(database) == names


async def test_a_missing_database_is_made(postgres: EmbeddedPostgres):
    dsn = postgres.dsn("made_by_migrate")
    await asyncio.to_thread(migrate, dsn)
    assert await _versions(dsn)
    await _execute(postgres.dsn("postgres"), "DROP DATABASE made_by_migrate WITH (FORCE)")


async def test_when_nothing_is_new_nothing_is_written(database: str):
    name = database.rpartition("/")[2]
    await _execute(database, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    await asyncio.to_thread(migrate, database)


async def test_a_migration_that_fails_is_named(database: str):
    again, _ = (await _versions(database))[-2:]  # the last one may run again
    await _execute(database, f"DELETE FROM schema_migrations WHERE version >= '{again}'")
    with pytest.raises(MigrationFailed, match=rf"(?s){again}.*already exists"):
        await asyncio.to_thread(migrate, database)


async def test_those_who_migrate_at_the_same_time_wait_for_each_other(postgres: EmbeddedPostgres):
    await _execute(postgres.dsn("postgres"), "CREATE DATABASE wanted_by_many")
    dsn = postgres.dsn("wanted_by_many")
    await asyncio.gather(*(asyncio.to_thread(migrate, dsn) for _ in range(3)))
    assert len(await _versions(dsn)) == len(list(migrations().glob("*.sql")))
    await _execute(postgres.dsn("postgres"), "DROP DATABASE wanted_by_many WITH (FORCE)")


def test_a_database_that_does_not_answer_is_told():
    dsn = f"postgresql://somebody@127.0.0.1:{ports.free_port()}/tillgate"
    with pytest.raises(MigrationFailed, match="does not answer"):
        migrate(dsn)


@pytest.mark.parametrize(
    ("dsn", "used"),
    [
        ("postgres://u:p@127.0.0.1:1/d", "postgres://u:p@127.0.0.1:1/d?sslmode=disable"),
        ("postgres://u@localhost/d?a=b", "postgres://u@localhost/d?a=b&sslmode=disable"),
        ("postgres://u@[::1]/d", "postgres://u@[::1]/d?sslmode=disable"),
        ("postgres://u@localhost/d?sslmode=require", "postgres://u@localhost/d?sslmode=require"),
        ("postgres://u@db.example/d", "postgres://u@db.example/d"),
        ("postgres:///d?host=db.example", "postgres:///d?host=db.example"),
    ],
)
def test_tls_is_off_on_one_machine_unless_asked_for(dsn: str, used: str):
    assert with_sslmode(dsn) == used


async def _versions(dsn: str) -> list[str]:
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch("SELECT version FROM schema_migrations ORDER BY version")
    await connection.close()
    return [row["version"] for row in rows]


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(statement)
    await connection.close()
