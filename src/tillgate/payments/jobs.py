"""The worker's part: payments expire, and wishes whose outcome is unknown are looked up."""

import asyncio
from datetime import timedelta
from typing import NamedTuple

import asyncpg

from tillgate.audit.model import Owner
from tillgate.connections.store import Connections
from tillgate.engine.writer import Engine
from tillgate.idempotency.model import KEPT_FOR
from tillgate.kit import ids
from tillgate.kit.db import Pool
from tillgate.kit.failpoints import failpoint
from tillgate.payments.commands import ExpirePayment, TakeLook
from tillgate.payments.store import sql

BATCH = 50
"""How many are taken at once."""

FORGET_BATCH = 5000


class Expiry(NamedTuple):
    """Ends payments that nobody paid in time."""

    pool: Pool
    engine: Engine

    async def once(self) -> int:
        rows = await self.pool.fetch(sql["expired"], BATCH)
        commands = [
            ExpirePayment(
                Owner(row["merchant_id"], row["livemode"], "worker"), row["id"], ids.mint()
            )
            for row in rows
        ]
        await asyncio.gather(*(self.engine.run(command, reserved=True) for command in commands))
        return len(rows)


class Looks(NamedTuple):
    """The janitor: asks processors about tries whose outcome did not come by itself."""

    pool: Pool
    engine: Engine
    connections: Connections

    async def once(self) -> int:
        """Claims what is due; a claim that is not finished comes round again in 30 s."""
        rows = await self.pool.fetch(sql["due_operations"], BATCH)
        await asyncio.gather(*map(self._look, rows))
        return len(rows)

    async def _look(self, row: asyncpg.Record) -> None:
        linked = await self.connections.find(row["connection_id"])
        if linked is not None:
            owner = Owner(row["merchant_id"], linked.livemode, "worker")
            await failpoint("look.before_call")
            looked = await linked.connector.look(ids.show("op", row["id"]))
            await failpoint("look.after_call")
            command = TakeLook(owner, row["payment_id"], row["id"], linked.id, looked, ids.mint())
            await self.engine.run(command, reserved=True)
            await failpoint("look.after_run")


class Forgetting(NamedTuple):
    """Removes idempotency keys that are past their time."""

    pool: Pool

    async def once(self) -> int:
        kept: timedelta = KEPT_FOR
        done = await self.pool.execute(sql["forget_keys"], kept, FORGET_BATCH)
        return int(done.rpartition(" ")[2])
