"""The worker's part: merchants are told that evidence is due, once, while there is time."""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from msgspec.structs import replace

from tillgate.audit.model import Owned, Owner
from tillgate.disputes.api import sql
from tillgate.engine.command import Decision, Outcome, Ref
from tillgate.engine.world import World
from tillgate.engine.writer import Engine
from tillgate.events.model import event
from tillgate.kit import ids
from tillgate.kit.db import Pool
from tillgate.kit.http import encode
from tillgate.payments.model import Dispute, Payment
from tillgate.payments.shapes import show_dispute

BATCH = 100
"""How many are taken at once."""


class Remind(Owned, frozen=True):
    """Tells that the evidence of a dispute is due soon."""

    payment_id: UUID
    dispute_id: UUID
    id: UUID

    def reads(self) -> Iterable[Ref]:
        place = self.merchant_id, self.payment_id
        return Ref(Payment, place, lock=True), Ref(Dispute, (*place, self.dispute_id))

    def decide(self, world: World, now: datetime) -> Decision:
        dispute = world.get(Dispute, (self.merchant_id, self.payment_id, self.dispute_id))
        if dispute is None or dispute.remind_at is None or dispute.remind_at > now:
            return Outcome(None)
        told = replace(dispute, remind_at=None, updated_at=now)
        data = encode(show_dispute(told, livemode=self.owner.livemode))
        following = ids.series(self.id)
        news = event("dispute.evidence_due", self.merchant_id, dispute.id, data, following, now)
        return Outcome(None, (told, news))


class Reminders(NamedTuple):
    """Sends them when they are due."""

    pool: Pool
    engine: Engine

    async def once(self) -> int:
        rows = await self.pool.fetch(sql["reminders"], BATCH)
        commands = [
            Remind(
                Owner(row["merchant_id"], row["livemode"], "worker"), row["payment_id"],
                row["id"], ids.mint(),
            )
            for row in rows
        ]  # fmt: skip
        await asyncio.gather(*(self.engine.run(command, reserved=True) for command in commands))
        return len(rows)
