"""The worker's part: payments expire, wishes are carried out and looked after, merchants are told
when evidence is due."""

import asyncio
from datetime import timedelta
from typing import NamedTuple

from tillgate.audit.model import Owner
from tillgate.engine.writer import Engine
from tillgate.idempotency.model import KEPT_FOR
from tillgate.kit import ids
from tillgate.kit.db import Pool
from tillgate.payments.commands import ExpirePayment
from tillgate.payments.perform import Performer, Waiting
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


class Operations(NamedTuple):
    """Sends the wishes that nobody has sent, and asks processors about those whose outcome did not
    come by itself: the janitor."""

    pool: Pool
    performer: Performer

    async def once(self) -> int:
        """Claims what is due; a claim that is not finished comes round again in 30 s."""
        rows = await self.pool.fetch(sql["due_operations"], BATCH)
        wishes = [
            self.performer.take_up(
                (row["merchant_id"], row["livemode"]),
                Waiting(
                    row["payment_id"], row["id"], row["connection_id"], row["state"],
                    row["target"], row["reference"],
                ),
            )
            for row in rows
        ]  # fmt: skip
        await asyncio.gather(*wishes)
        return len(rows)


class Forgetting(NamedTuple):
    """Removes idempotency keys that are past their time."""

    pool: Pool

    async def once(self) -> int:
        kept: timedelta = KEPT_FOR
        done = await self.pool.execute(sql["forget_keys"], kept, FORGET_BATCH)
        return int(done.rpartition(" ")[2])
