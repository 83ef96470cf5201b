"""What every measure stands on: a fresh embedded PostgreSQL, a merchant, and Tillgate's programs.

Each run gets a database of its own, copied from a template, so that none is slower for what the
one before has left. Templates are made once: `fresh` (a merchant with one endpoint), and those
that hold work to be done.
"""

import asyncio
import os
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import asyncpg
from tests.invariants import check_invariants

from bench.receiver import Receiver
from tillgate.cli import files, ports
from tillgate.cli.children import Bond, Child, Program
from tillgate.cli.migrate import migrate
from tillgate.cli.postgres import EmbeddedPostgres
from tillgate.kit import clock, db, ids
from tillgate.kit.db import Connection
from tillgate.kit.refusal import Refused
from tillgate.main.business import set_up_business
from tillgate.main.parts import policy_of, vault_of
from tillgate.settings import Settings, from_environment
from tillgate.webhooks.commands import NewEndpoint, create_endpoint

FRESH = "fresh"

DISK = "/var/tmp"  # noqa: S108  /tmp may be memory, which is durable in no time at all
"""Where data is kept meanwhile: it must be a disk, or a commit costs nothing."""

SANDBOX_SECRET = "secret-of-a-sandbox-that-does-not-run"  # noqa: S105  opens nothing

Fill = Callable[["Ground", Connection], Awaitable[None]]


class WrongRows(Exception):
    """What was answered and what stands in the database differ."""


class Merchant(NamedTuple):
    """Whose payments are measured."""

    id: UUID
    secret_key: str


class Ground:
    """Opened by `opened`; all that was started ends with it."""

    def __init__(
        self, folder: Path, postgres: EmbeddedPostgres, receiver: Receiver, bond: Bond
    ) -> None:
        self.folder = folder
        self.postgres = postgres
        self.receiver = receiver
        self.merchant: Merchant
        self.texts: dict[str, dict[str, str]] = {}
        """template → what floors write that Tillgate wrote on a copy of it"""
        self._bond = bond
        self._templates: set[str] = set()

    def environment(self, database: str = FRESH, port: int = 1) -> dict[str, str]:
        """The settings of Tillgate on this database, listening on this port."""
        return {
            "DATABASE_URL": self.postgres.dsn(database),
            "TILLGATE_SECRET": "s" * 32,
            "TILLGATE_PUBLIC_URL": f"http://{ports.HOST}:{port}",
            "TILLGATE_SANDBOX_URL": f"http://{ports.HOST}:1",
            "TILLGATE_SANDBOX_SECRET": SANDBOX_SECRET,
            "TILLGATE_DEV": "1",
        }

    @property
    def settings(self) -> Settings:
        return from_environment(self.environment())

    async def template(self, name: str, fill: Fill) -> None:
        """Makes a template out of `fresh`, unless it is there."""
        if name in self._templates:
            return
        await self._execute(f"CREATE DATABASE {name} TEMPLATE {FRESH}")
        async with self.connected(name) as connection:
            await fill(self, connection)
            await _analyze_filled(connection)
        self._templates.add(name)

    @asynccontextmanager
    async def copy(self, template: str) -> AsyncGenerator[str]:
        """A database of its own, by name; checked at the end, so that no wrong answer counts."""
        name = f"{template}_copy"
        await self._execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        try:
            yield name
            async with self.connected(name) as connection:
                await _help_the_check(connection)
            await check_invariants(self.postgres.dsn(name))
        finally:
            await self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    async def expect(self, database: str, query: str, count: int) -> None:
        """Raises WrongRows: as much must stand in the database as was acknowledged."""
        async with self.connected(database) as connection:
            found = await connection.fetchval(query)
        if found != count:
            raise WrongRows(f"{count} were acknowledged, {found} stand in the database")

    @asynccontextmanager
    async def connected(self, database: str) -> AsyncGenerator[Connection]:
        connection = await asyncpg.connect(self.postgres.dsn(database))
        await db.set_up(connection)
        try:
            yield connection
        finally:
            await connection.close()

    @asynccontextmanager
    async def api(self, database: str) -> AsyncGenerator[int]:
        """A running `tillgate serve`; its port."""
        port = ports.free_port()
        program = Program("serve", ("serve", "--port", str(port)), port, "/ready")
        async with self._running(program, self.environment(database, port)):
            yield port

    @asynccontextmanager
    async def worker(self, database: str) -> AsyncGenerator[None]:
        """A running `tillgate worker`."""
        async with self._running(Program("worker", ("worker",)), self.environment(database)):
            yield

    @asynccontextmanager
    async def _running(self, program: Program, settings: dict[str, str]) -> AsyncGenerator[None]:
        log = self.folder / f"{program.name}.log"
        child = Child(program, os.environ | settings, log, self._bond)
        await child.start()
        try:
            await child.ready()
            yield
        finally:
            await child.stop()

    async def _execute(self, statement: str) -> None:
        async with self.connected("postgres") as connection:
            await connection.execute(statement)


@asynccontextmanager
async def opened() -> AsyncGenerator[Ground]:
    """PostgreSQL started on an empty folder, and the template `fresh` in it."""
    with folder_on_disk() as folder:
        postgres = EmbeddedPostgres(folder / "postgres")
        lock = files.hold(folder)
        if lock is None:
            raise RuntimeError(f"{folder} is new, and yet held by somebody")
        bond = Bond(lock)
        postgres.start()
        try:
            async with Receiver() as receiver:
                ground = Ground(folder, postgres, receiver, bond)
                ground.merchant = await _set_up(ground)
                yield ground
        finally:
            postgres.stop()
            bond.close()


@contextmanager
def folder_on_disk() -> Generator[Path]:
    """A folder for a while. Other users may walk into it, as PostgreSQL must."""
    with tempfile.TemporaryDirectory(prefix="tillgate-bench-", dir=DISK) as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder


async def add_endpoint(ground: Ground, connection: Connection, merchant_id: UUID) -> None:
    """One more endpoint of all events, at the receiver."""
    settings, wanted = ground.settings, NewEndpoint(f"{receiver_url(ground)}/{ids.token()}", ["*"])
    made = await create_endpoint(
        connection, vault_of(settings), policy_of(settings), merchant_id, "bench", wanted,
        clock.now(),
    )  # fmt: skip
    if isinstance(made, Refused):
        raise TypeError(made.message)


def receiver_url(ground: Ground) -> str:
    return f"http://{ports.HOST}:{ground.receiver.port}/webhooks"


async def _set_up(ground: Ground) -> Merchant:
    # In a thread, as it runs an event loop of its own.
    await asyncio.to_thread(migrate, ground.postgres.dsn(FRESH))
    async with ground.connected(FRESH) as connection:
        created = await set_up_business(connection, ground.settings, "Bench", clock.now())
        merchant_id = ids.parse("mer", created.merchant)
        if merchant_id is None:
            raise TypeError(f"{created.merchant} is no merchant")
        await add_endpoint(ground, connection, merchant_id)
    return Merchant(merchant_id, created.secret_key)


async def _analyze_filled(connection: Connection) -> None:
    """As autovacuum would have done by then: what is empty has never been analyzed."""
    tables = await connection.fetch(
        "SELECT relid::regclass::text FROM pg_stat_user_tables WHERE pg_relation_size(relid) > 0"
    )
    await connection.execute(f"VACUUM ANALYZE {', '.join(table[0] for table in tables)}")


async def _help_the_check(connection: Connection) -> None:
    """The invariants are checked row by row: on this many rows that wants indexes."""
    await connection.execute("CREATE INDEX ON events (merchant_id, object_id)")
    await connection.execute("CREATE INDEX ON deliveries (merchant_id, event_id)")
    await connection.execute("ANALYZE")
