"""One writing connection to PostgreSQL, and the statements that the engine sends over it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement
from msgspec import Struct

from tillgate.engine import statements
from tillgate.engine.command import Ref
from tillgate.engine.queue import Limits
from tillgate.engine.statements import Write, columns
from tillgate.engine.table import table_of
from tillgate.kit import clock, db
from tillgate.kit.db import Connection
from tillgate.kit.http import encode

CONNECTION_LOST = (*db.LOST, asyncpg.InvalidCachedStatementError)
"""What ends a connection; a migration may outdate the statements that one has prepared."""

UNREACHABLE = (*db.LOST, asyncpg.PostgresError, asyncpg.InternalClientError)
"""What connecting may raise; the driver calls a connection that dies early an internal error."""

CLOCK_KEPT_S = 10
"""How long the database's clock is reckoned by ours, before it is read again."""

Rows = dict[type[Struct], list[Struct]]


class Schema(NamedTuple):
    """What `main` registers: the lock order, cold tables first and hot ones last; and statements
    that run with the inserts of a table, over `{new}`."""

    order: Sequence[type[Struct]]
    fan_out: Mapping[type[Struct], str]


async def connect(dsn: str, schema: Schema, limits: Limits, lock_timeout_ms: int) -> "Session":
    """Raises UNREACHABLE."""
    connection = await asyncpg.connect(
        dsn,
        timeout=db.CONNECT_TIMEOUT_S,
        command_timeout=limits.statement_timeout_ms / 1000 + 1,
        statement_cache_size=0,
        server_settings={
            "application_name": "tillgate engine",
            "lock_timeout": str(lock_timeout_ms),
            "statement_timeout": str(limits.statement_timeout_ms),
            "idle_in_transaction_session_timeout": str(limits.statement_timeout_ms),
            "synchronous_commit": "on",
            "jit": "off",
            # Plans made on empty tables scanned; ours are look-ups by key, always.
            "plan_cache_mode": "force_generic_plan",
            "enable_seqscan": "off",
            "enable_hashjoin": "off",
            "enable_mergejoin": "off",
        },
    )
    backend = (await connection.fetch(BACKEND))[0]
    await db.enter(connection)
    return Session(connection, Backend(*backend), schema)


BACKEND = "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"


class Backend(NamedTuple):
    """The server's process behind a connection; processes are numbered anew after a crash."""

    pid: int
    started: datetime


class Session:
    """One connection of the engine, and the statements that it has prepared."""

    def __init__(self, connection: Connection, backend: Backend, schema: Schema) -> None:
        self.connection = connection
        self.backend = backend
        self.rank = {row: place for place, row in enumerate(schema.order)}
        self._fan_out = schema.fan_out
        self._prepared: dict[str, PreparedStatement[asyncpg.Record]] = {}
        self._write_sql: dict[tuple[tuple[Write, ...], bool], str] = {}
        self._load_sql: dict[tuple[type[Struct], int, bool], str] = {}
        self._clock: tuple[datetime, float] | None = None
        self.begun = False
        """Whether a transaction is open."""

    async def begin(self) -> None:
        if not self.begun:
            await self.connection.execute("BEGIN")
            self.begun = True

    async def commit(self) -> None:
        await self.connection.execute("COMMIT")
        self.begun = False

    async def rollback(self) -> None:
        if self.begun:
            await self.connection.execute("ROLLBACK")
            self.begun = False

    async def clock(self) -> datetime:
        """What time it is for the database."""
        return self._read_clock((await self._fetch("SELECT clock_timestamp()"))[0][0])

    def now(self) -> datetime | None:
        """The same, reckoned from when it was last read; None when that is too long ago."""
        if self._clock is None:
            return None
        read, at_s = self._clock
        passed_s = clock.monotonic_s() - at_s
        return read + timedelta(seconds=passed_s) if passed_s < CLOCK_KEPT_S else None

    def _read_clock(self, now: datetime) -> datetime:
        self._clock = now, clock.monotonic_s()
        return now

    async def load(
        self, row: type[Struct], keys: list[tuple[Any, ...]], *, lock: bool
    ) -> list[asyncpg.Record]:
        shape = row, len(keys[0]), lock
        sql = self._load_sql.get(shape)
        if sql is None:
            sql = self._load_sql[shape] = statements.load(table_of(row), shape[1], lock=lock)
        records = await self._fetch(sql, *map(list, zip(*keys, strict=True)))
        if not lock:
            self._read_clock(records[0][0])
        return records

    async def write(self, inserts: Rows, updates: Rows) -> str:
        """Writes everything in one statement; answers the id of the transaction."""
        parts = [
            (Write(row, insert=insert), rows)
            for row in self.rank
            for insert, rows in ((True, inserts.get(row)), (False, updates.get(row)))
            if rows
        ]
        single = all(len(rows) == 1 for _, rows in parts)
        shape = tuple(part for part, _ in parts), single
        sql = self._write_sql.get(shape)
        if sql is None:
            write = statements.write_one if single else statements.write
            sql = self._write_sql[shape] = write(list(shape[0]), self._fan_out)
        if single:
            values = [getattr(rows[0], c) for part, rows in parts for c in columns(part)]
        else:
            values = [encode(rows).decode() for _, rows in parts]
        record = (await self._fetch(sql, *values))[0]
        counts, expected = list(record)[1:], [len(rows) for _, rows in parts]
        if counts != expected:
            raise RuntimeError(f"a group wrote {counts} rows where it decided {expected}: {shape}")
        return record[0]

    async def held(self, refs: Iterable[Ref]) -> set[Ref]:
        """Those of the rows to be locked that another transaction holds just now."""
        held: set[Ref] = set()
        shapes: dict[tuple[type[Struct], int], list[Ref]] = defaultdict(list)
        for ref in refs:
            if ref.lock:
                shapes[ref.row, len(ref.key)].append(ref)
        for (row, length), same in shapes.items():
            key_of, keys = table_of(row).key_of, [ref.key for ref in same]
            there = await self.load(row, keys, lock=False)
            skipping = statements.load(table_of(row), length, lock=True) + " SKIP LOCKED"
            free = await self._fetch(skipping, *map(list, zip(*keys, strict=True)))
            taken = {key_of(row(*list(record)[1:])) for record in there if record[1] is not None}
            taken -= {key_of(row(*record)) for record in free}
            places = {key[:length] for key in taken}
            held.update(ref for ref in same if ref.key in places)
        return held

    async def exists(self, value: Struct) -> bool:
        """Whether this row stands in the database."""
        row = type(value)
        records = await self.load(row, [table_of(row).key_of(value)], lock=False)
        return records[0][1] is not None

    def lost(self, error: BaseException) -> bool:
        return self.connection.is_closed() or isinstance(error, CONNECTION_LOST)

    async def _fetch(self, sql: str, *arguments: Any) -> list[asyncpg.Record]:
        prepared = self._prepared.get(sql)
        if prepared is None:
            # Without a name the driver would have it parsed and planned at each use.
            name = f"tillgate_{len(self._prepared)}"
            prepared = self._prepared[sql] = await self.connection.prepare(sql, name=name)
        return await prepared.fetch(*arguments)
