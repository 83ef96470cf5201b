"""What was refused, counted and partly kept. Written in batches, beside the answer: a flood of
forgeries costs one small transaction a second, and no forger waits for our disk. And messages as
they are read, refused ones too."""

import asyncio
from collections import Counter, deque
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg
import structlog
from msgspec import Raw
from prometheus_client import Counter as Metric
from prometheus_client import Gauge

from tillgate.kit import clock, db, ids
from tillgate.kit.db import Connection, Pool
from tillgate.kit.pages import Page

log = structlog.get_logger()
sql = db.beside(__file__)

KEPT_PER_CONNECTION = 1000
"""How many refused messages stay for inspection, the newest."""

WAITING_MAX = 100
"""How many refused messages wait to be kept; in a flood the rest is only counted."""

FLUSH_S = 1.0
DEAD_COUNTED_EVERY_S = 15.0

VERDICTS = Metric("tillgate_callbacks", "Inbound messages of processors.", ["connector", "verdict"])
DEAD = Gauge(
    "tillgate_callbacks_dead", "Messages that fitted nothing, and wait for a person.", ["connector"]
)


class RefusedMessage(NamedTuple):
    merchant_id: UUID
    connection_id: UUID
    verdict: str
    headers: Raw
    raw: bytes
    address: str | None
    received_at: datetime


class Kept(NamedTuple):
    """One message as it is read. `state` and `effect` of refused ones are `refused`."""

    id: UUID
    connection_id: UUID
    payment_id: UUID | None
    state: str
    verdict: str
    effect: str
    event_key: str | None
    hint: str | None
    attempts: int
    due_at: datetime | None
    address: str | None
    received_at: datetime
    headers: Raw = Raw(b"{}")
    raw: bytes = b""


class Filters(NamedTuple):
    """What a list is narrowed to; None: to nothing."""

    connection_id: UUID | None = None
    state: str | None = None
    payment_id: UUID | None = None


async def find(source: Pool | Connection, merchant_id: UUID, callback_id: UUID) -> Kept | None:
    """One message, with its headers and its raw body."""
    for statement in ("callback_by_id", "refused_by_id"):
        row = await source.fetchrow(sql[statement], merchant_id, callback_id)
        if row is not None:
            return Kept(*row)
    return None


async def listed(
    source: Pool | Connection, merchant_id: UUID, page: Page, filters: Filters
) -> tuple[list[Kept], bool]:
    """(the page, whether more follow), without headers and bodies. Refused ones are a list of
    their own: `state` is then `refused`."""
    place = merchant_id, page.cursor, page.fetch
    statement = "newer" if page.newer else "older"
    if filters.state != "refused":
        rows = await source.fetch(sql[statement], *place, *filters)
    elif filters.payment_id is not None:
        rows = []  # what is refused is not read, so nobody knows what it is about
    else:
        rows = await source.fetch(sql[f"refused_{statement}"], *place, filters.connection_id)
    return page.cut([Kept(*row) for row in rows])


class Tally:
    """Counts verdicts by connection, and keeps the newest refused messages."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._dead_counted_s = -DEAD_COUNTED_EVERY_S
        self._counts: Counter[tuple[UUID, UUID, str]] = Counter()
        self._kept: deque[RefusedMessage] = deque(maxlen=WAITING_MAX)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._flush_forever())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._flush()

    def count(self, connector: str, merchant_id: UUID, connection_id: UUID, verdict: str) -> None:
        VERDICTS.labels(connector, verdict).inc()
        self._counts[merchant_id, connection_id, verdict] += 1

    def refuse(self, connector: str, message: RefusedMessage) -> None:
        self.count(connector, message.merchant_id, message.connection_id, message.verdict)
        self._kept.append(message)

    async def _flush_forever(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            await self._flush()
            await self.count_dead()

    async def count_dead(self) -> None:
        """Now and then: how many dead letters there are, of all merchants."""
        now_s = clock.monotonic_s()
        if now_s - self._dead_counted_s < DEAD_COUNTED_EVERY_S:
            return
        self._dead_counted_s = now_s
        try:
            rows = await self._pool.fetch(sql["dead_letters"])
        except (*db.LOST, asyncpg.PostgresError) as error:
            log.warning("dead_letters_not_counted", error=type(error).__name__)
            return
        DEAD.clear()
        for row in rows:
            DEAD.labels(row["connector"]).set(row["total"])

    async def _flush(self) -> None:
        """What cannot be written now is counted again with the next flush."""
        counts, self._counts = self._counts, Counter()
        kept = list(self._kept)
        self._kept.clear()
        if not counts:
            return
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                await self._write(connection, counts, kept)
        except (*db.LOST, asyncpg.PostgresError) as error:
            log.warning("tally_delayed", error=type(error).__name__)
            self._counts.update(counts)

    async def _write(
        self,
        connection: "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]",
        counts: Counter[tuple[UUID, UUID, str]],
        kept: list[RefusedMessage],
    ) -> None:
        rows = [(*place, total) for place, total in counts.items()]
        await connection.execute(sql["count"], *map(list, zip(*rows, strict=True)))
        for message in kept:
            await connection.execute(
                sql["keep_refused"], message.merchant_id, ids.mint(), message.connection_id,
                message.verdict, message.headers, message.raw, message.address,
                message.received_at,
            )  # fmt: skip
        for merchant_id, connection_id in {(m.merchant_id, m.connection_id) for m in kept}:
            await connection.execute(
                sql["prune_refused"], merchant_id, connection_id, KEPT_PER_CONNECTION
            )
