"""What was refused, counted and partly kept. Written in batches, beside the answer: a flood of
forgeries costs one small transaction a second, and no forger waits for our disk."""

import asyncio
from collections import Counter, deque
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg
import structlog
from msgspec import Raw
from prometheus_client import Counter as Metric

from tillgate.kit import db, ids
from tillgate.kit.db import Pool

log = structlog.get_logger()
sql = db.beside(__file__)

KEPT_PER_CONNECTION = 1000
"""How many refused messages stay for inspection, the newest."""

WAITING_MAX = 100
"""How many refused messages wait to be kept; in a flood the rest is only counted."""

FLUSH_S = 1.0

VERDICTS = Metric("tillgate_callbacks", "Inbound messages of processors.", ["verdict"])


class RefusedMessage(NamedTuple):
    merchant_id: UUID
    connection_id: UUID
    verdict: str
    headers: Raw
    raw: bytes
    address: str | None
    received_at: datetime


class Tally:
    """Counts verdicts by connection, and keeps the newest refused messages."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
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

    def count(self, merchant_id: UUID, connection_id: UUID, verdict: str) -> None:
        VERDICTS.labels(verdict).inc()
        self._counts[merchant_id, connection_id, verdict] += 1

    def refuse(self, message: RefusedMessage) -> None:
        self.count(message.merchant_id, message.connection_id, message.verdict)
        self._kept.append(message)

    async def _flush_forever(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            await self._flush()

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
