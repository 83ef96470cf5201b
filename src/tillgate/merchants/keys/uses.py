"""When keys were last used: noted in memory, written in batches, beside the answers."""

import asyncio
from uuid import UUID

import asyncpg
import structlog

from tillgate.kit import db
from tillgate.kit.db import Pool

log = structlog.get_logger()

FLUSH_S = 1.0
NOTED_EVERY_S = 60
"""How late the time of a key's last use may be; it is written once in so long, at most."""


class Uses:
    """Which keys were used since the last flush. Notes cost a set's `add`: they are made when a
    key is looked up anew, not with each request."""

    def __init__(self, pool: Pool, statement: str) -> None:
        self._pool = pool
        self._statement = statement
        self._used: set[tuple[UUID, UUID]] = set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._flush_forever())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._flush()

    def note(self, merchant_id: UUID, key_id: UUID) -> None:
        self._used.add((merchant_id, key_id))

    async def _flush_forever(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            await self._flush()

    async def _flush(self) -> None:
        """What cannot be written now is noted again at the next use."""
        used, self._used = sorted(self._used), set()
        if not used:
            return
        try:
            await self._pool.execute(
                self._statement, *map(list, zip(*used, strict=True)), NOTED_EVERY_S
            )
        except (*db.LOST, asyncpg.PostgresError) as error:
            log.warning("uses_of_keys_lost", error=type(error).__name__)
