"""The worker's part: messages that fitted no payment when they came are tried again, and what
messages only hint at is looked up. What another connection began at the same account, or nobody
here, is put aside."""

import asyncio
from collections import defaultdict
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

import asyncpg
import msgspec

from tillgate.callbacks.api import connection_owner
from tillgate.callbacks.commands import Message, RetryCallback
from tillgate.callbacks.store import sql
from tillgate.connections.store import Connections, Linked
from tillgate.connectors.protocol import (
    Absent,
    Ask,
    CallbackRequest,
    CannotTell,
    Found,
    Observation,
    Unreadable,
)
from tillgate.engine.writer import Engine
from tillgate.kit import ids
from tillgate.kit.db import Pool
from tillgate.kit.failpoints import failpoint

BATCH = 50
"""How many are claimed at once; a claim that is not finished comes round again in 30 s."""

LOOK_EVERY = timedelta(seconds=5)
"""How often one charge is looked up at most, however many messages hint at it."""

DOUBTED_AFTER = 2
"""A message that so often fitted nothing may be about somebody else's charge: that is looked up."""


class Said(NamedTuple):
    """What is to be applied; `trouble`: in a word, why there is nothing yet. `unmarked`: its charge
    lacks the mark of what this connection begins."""

    observations: tuple[Observation, ...]
    trouble: str | None = None
    unmarked: bool = False


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
        headers = msgspec.json.decode(row["headers"], type=dict[str, str])
        said = linked.connector.read(CallbackRequest(headers, row["raw"]))
        if isinstance(said, Ask):  # since it came, this connector has learnt to doubt it
            found = await _look(linked, said.reference)
        elif isinstance(said, Unreadable):
            found = Said((), "unreadable")
        else:
            found = Said(tuple(said))
            if row["attempts"] >= DOUBTED_AFTER:
                found = await _with_its_charge(linked, found)
        await _take(self, linked, row, found)


class Looks(NamedTuple):
    """Looks up what messages hint at: once for all that name the same charge."""

    pool: Pool
    engine: Engine
    connections: Connections

    async def once(self) -> int:
        """Claims hints that are due, and applies what the processor says of their charges."""
        rows = await self.pool.fetch(sql["due_hints"], BATCH)
        charges: defaultdict[tuple[UUID, str], list[asyncpg.Record]] = defaultdict(list)
        for row in rows:
            charges[row["connection_id"], row["hint"]].append(row)
        await asyncio.gather(*map(self._look, charges.values()))
        return len(rows)

    async def _look(self, rows: list[asyncpg.Record]) -> None:
        """Leads with the newest hint: what becomes of it becomes of all that came before the look,
        and the newest has most of its tries before it."""
        row = min(rows, key=lambda one: one["attempts"])
        linked = await self.connections.find(row["connection_id"])
        if linked is None:
            return
        charge = linked.merchant_id, linked.id, row["hint"]
        looked_at = await self.pool.fetchval(sql["mark_look"], *charge, row["id"], LOOK_EVERY)
        if looked_at is None:
            ids_of = [one["id"] for one in rows]
            await self.pool.execute(sql["look_later"], linked.merchant_id, ids_of, LOOK_EVERY)
            return
        await _take(self, linked, row, await _look(linked, row["hint"]))
        await self.pool.execute(sql["follow"], *charge, row["id"], looked_at)


async def _look(linked: Linked, reference: str) -> Said:
    await failpoint("look.before_call")
    looked = await linked.connector.look(reference)
    await failpoint("look.after_call")
    match looked:
        case Found(observations, _, unmarked):
            return Said(observations, None, unmarked)
        case Absent():
            return Said((), "absent")
        case CannotTell():
            return Said((), "cannot_tell")


async def _with_its_charge(linked: Linked, said: Said) -> Said:
    """A refund or dispute does not say who began its charge: the processor is asked for that."""
    charge = next((seen.parent for seen in said.observations if seen.parent is not None), None)
    if charge is None:
        return said
    looked = await _look(linked, charge)
    return Said((*looked.observations, *said.observations), None, looked.unmarked)


async def _take(job: Retries | Looks, linked: Linked, row: asyncpg.Record, said: Said) -> None:
    message = Message(linked.id, row["event_key"], said.observations, row["headers"], row["raw"])
    foreign = await _foreign(job.pool, linked, said)
    owner = connection_owner(linked)
    command = RetryCallback(owner, row["id"], message, ids.mint(), said.trouble, foreign)
    await failpoint("retry.before_run")
    await job.engine.run(command, reserved=True)
    await failpoint("retry.after_run")


async def _foreign(pool: Pool, linked: Linked, said: Said) -> str | None:
    """In a word, what a message is that fits no payment of this connection, where that is certain:
    every connection of an account hears of all its charges. Our reference of a charge is recorded
    before its processor is asked, so it names the one connection that it can be of."""
    if said.unmarked:
        return "not_ours"
    charges = (seen for seen in said.observations if seen.kind == "charge" and not seen.nominated)
    names = [seen.ours for seen in charges if seen.ours is not None]
    if not names:
        return None
    place = linked.merchant_id, linked.id
    elsewhere = await pool.fetchval(sql["begun_elsewhere"], *place, names)
    return "another_connection" if elsewhere else None
