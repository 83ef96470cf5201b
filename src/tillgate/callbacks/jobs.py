"""The worker's part: messages that fitted no payment when they came are tried again."""

import asyncio
from typing import NamedTuple

import asyncpg

from tillgate.callbacks.api import connection_owner
from tillgate.callbacks.commands import Message, RetryCallback
from tillgate.callbacks.store import sql
from tillgate.connections.store import Connections
from tillgate.connectors.protocol import CallbackRequest, Unreadable
from tillgate.engine.writer import Engine
from tillgate.kit import ids
from tillgate.kit.db import Pool
from tillgate.kit.failpoints import failpoint

BATCH = 50
"""How many are claimed at once; a claim that is not finished comes round again in 30 s."""


class Retries(NamedTuple):
    """Tries kept messages again."""

    pool: Pool
    engine: Engine
    connections: Connections

    async def once(self) -> int:
        """Claims what is due and applies it; answers how many there were."""
        rows = await self.pool.fetch(sql["due"], BATCH)
        await asyncio.gather(*map(self._retry, rows))  # none waits for another that fails
        return len(rows)

    async def _retry(self, row: asyncpg.Record) -> None:
        linked = await self.connections.find(row["connection_id"])
        if linked is None:
            return
        seen = linked.connector.read(CallbackRequest({}, row["raw"]))
        observations = () if isinstance(seen, Unreadable) else tuple(seen)
        message = Message(
            row["connection_id"], row["event_key"], observations, row["headers"], row["raw"]
        )
        command = RetryCallback(connection_owner(linked), row["id"], message, ids.mint())
        await failpoint("retry.before_run")
        await self.engine.run(command, reserved=True)
        await failpoint("retry.after_run")
