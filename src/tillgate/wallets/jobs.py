"""The worker's part: holds expire."""

import asyncio
from typing import NamedTuple

from tillgate.audit.model import Owner
from tillgate.engine.writer import Engine
from tillgate.kit import ids
from tillgate.kit.db import Pool, beside
from tillgate.wallets.commands import SettleHold

sql = beside(__file__)

BATCH = 100
"""How many are taken at once."""


class HoldExpiry(NamedTuple):
    """Releases what was held for too long."""

    pool: Pool
    engine: Engine

    async def once(self) -> int:
        rows = await self.pool.fetch(sql["expired_holds"], BATCH)
        commands = [
            SettleHold(
                Owner(row["merchant_id"], row["livemode"], "worker"),
                ids.mint(),
                None,
                row["id"],
                "expire",
            )
            for row in rows
        ]
        await asyncio.gather(*(self.engine.run(command, reserved=True) for command in commands))
        return len(rows)
