"""One group of commands, from loading its rows to the commit.

Rows are locked in one order (the order in which `main` lists the tables, within a table by key);
what is read without a lock is read after, so that it cannot be older than what a lock waited for.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg
import structlog
from asyncpg.prepared_stmt import PreparedStatement
from msgspec import Struct

from tillgate.engine import statements
from tillgate.engine.command import Command, Need, Outcome, Ref, Refused
from tillgate.engine.table import table_of
from tillgate.engine.world import World
from tillgate.kit import db
from tillgate.kit.db import Connection
from tillgate.kit.failpoints import failpoint
from tillgate.kit.http import encode

log = structlog.get_logger()

ROUNDS_MAX = 6
"""How often one group may ask for more rows before its remaining commands are given up."""

Result = Outcome | Refused | Exception
Rows = dict[type[Struct], list[Struct]]


class Schema(NamedTuple):
    """What `main` registers: the lock order, cold tables first and hot ones last; and statements
    that run with the inserts of a table, over `{new}`."""

    order: Sequence[type[Struct]]
    fan_out: Mapping[type[Struct], str]


class Restart(Exception):
    """A command needs a lock that would go backwards: release all, begin with every row named."""


class Uncertain(Exception):
    """The connection died during COMMIT: `pg_xact_status` knows, the caller must ask."""

    def __init__(self, transaction: str, results: "list[Result]", inserted: Rows) -> None:
        super().__init__(transaction)
        self.transaction = transaction
        self.results = results
        self.inserted = inserted


class TooManyRounds(Exception):
    """A command kept asking for more rows: a bug in its rules."""


class Group:
    """`wants`: of each command, the rows that it named or turned out to need; kept by the caller
    from one attempt to the next."""

    def __init__(
        self, session: "Session", commands: Sequence[Command], wants: Sequence[set[Ref]]
    ) -> None:
        self._session = session
        self._commands = commands
        self._wants = wants
        self._world = World()
        self._highest = -1
        self._now: datetime | None = None

    async def run(self) -> tuple[list[Result], Rows]:
        """Decides and commits: the results in the order of the commands, and the inserted rows.

        Raises what PostgreSQL raises (nothing is committed then), Restart, or Uncertain.
        """
        await self._session.execute("BEGIN")
        results = await self._decide_all()
        inserts, updates = self._world.changes()
        if not inserts and not updates:
            await self._session.execute("ROLLBACK")
            return results, {}
        transaction = await self._session.write(inserts, updates)
        try:
            await failpoint("engine.before_commit")
            await self._session.execute("COMMIT")
        except Exception as lost:
            if self._session.lost(lost):
                raise Uncertain(transaction, results, inserts) from lost
            raise
        await failpoint("engine.after_commit")
        return results, inserts

    async def _decide_all(self) -> list[Result]:
        results: dict[int, Result] = {}
        waiting = list(range(len(self._commands)))
        wanted = set[Ref]()
        for number in waiting:
            self._wants[number].update(self._commands[number].reads())
            wanted |= self._wants[number]
        for _ in range(ROUNDS_MAX):
            now = await self._load(wanted)
            wanted = set[Ref]()
            for number in waiting:
                decision = self._decide(self._commands[number], now)
                if isinstance(decision, Need):
                    wanted.update(decision.refs)
                    self._wants[number].update(decision.refs)
                else:
                    results[number] = decision
            waiting = [number for number in waiting if number not in results]
            if not waiting:
                break
        for number in waiting:
            results[number] = TooManyRounds(type(self._commands[number]).__name__)
        return [results[number] for number in range(len(self._commands))]

    def _decide(self, command: Command, now: datetime) -> Outcome | Refused | Need | Exception:
        """A command that raises fails alone: deciding is pure, so it has staged nothing."""
        try:
            decision = command.decide(self._world, now)
            if isinstance(decision, Outcome):
                self._world.stage(decision.rows)
        except Exception as bug:
            log.exception("decide_failed", command=type(command).__name__)
            return bug
        return decision

    async def _load(self, refs: Iterable[Ref]) -> datetime:
        """Loads: the locked ones first, in the order of tables; then the others, and the clock."""
        rank = self._session.rank
        sorted_refs: dict[tuple[bool, int, int], list[Ref]] = defaultdict(list)
        for ref in refs:
            sorted_refs[not ref.lock, rank[ref.row], len(ref.key)].append(ref)
        for (unlocked, place, _), same in sorted(sorted_refs.items()):
            if not unlocked:
                if place <= self._highest:
                    raise Restart
                self._highest = place
            await self._load_table(same, lock=not unlocked)
        if self._now is None:
            self._now = await self._session.clock()
        return self._now

    async def _load_table(self, refs: list[Ref], *, lock: bool) -> None:
        row = refs[0].row
        self._world.expect(refs)
        for record in await self._session.load(row, [ref.key for ref in refs], lock=lock):
            values: tuple[Any, ...] = tuple(record)
            if not lock:
                self._now, values = values[0], values[1:]
            if values[0] is not None:
                self._world.loaded(row(*values))


class Session:
    """One connection of the engine, and the statements that it has prepared."""

    def __init__(self, connection: Connection, schema: Schema) -> None:
        self.connection = connection
        self.rank = {row: place for place, row in enumerate(schema.order)}
        self._fan_out = schema.fan_out
        self._prepared: dict[str, PreparedStatement[asyncpg.Record]] = {}
        self._write_sql: dict[tuple[statements.Write, ...], str] = {}
        self._load_sql: dict[tuple[type[Struct], int, bool], str] = {}
        self.statements = 0

    async def execute(self, sql: str) -> None:
        self.statements += 1
        await self.connection.execute(sql)

    async def clock(self) -> datetime:
        return (await self._fetch("SELECT clock_timestamp()"))[0][0]

    async def load(
        self, row: type[Struct], keys: list[tuple[Any, ...]], *, lock: bool
    ) -> list[asyncpg.Record]:
        shape = row, len(keys[0]), lock
        sql = self._load_sql.get(shape)
        if sql is None:
            sql = self._load_sql[shape] = statements.load(table_of(row), shape[1], lock=lock)
        return await self._fetch(sql, *map(list, zip(*keys, strict=True)))

    async def write(
        self,
        inserts: Rows,
        updates: Rows,
    ) -> str:
        """Writes everything in one statement; answers the id of the transaction."""
        parts = [
            (statements.Write(row, insert=insert), rows)
            for row in self.rank
            for insert, rows in ((True, inserts.get(row)), (False, updates.get(row)))
            if rows
        ]
        shape = tuple(part for part, _ in parts)
        sql = self._write_sql.get(shape)
        if sql is None:
            sql = self._write_sql[shape] = statements.write(list(shape), self._fan_out)
        record = (await self._fetch(sql, *(encode(rows).decode() for _, rows in parts)))[0]
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
        self.statements += 1
        prepared = self._prepared.get(sql)
        if prepared is None:
            prepared = self._prepared[sql] = await self.connection.prepare(sql)
        return await prepared.fetch(*arguments)


CONNECTION_LOST = db.LOST
