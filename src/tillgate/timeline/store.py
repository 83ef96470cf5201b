"""What happened to a payment, read from the rows of everybody who had to do with it."""

from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from msgspec import Raw

from tillgate.kit import ids
from tillgate.kit.db import Pool, beside

sql = beside(__file__)

Type = Literal[
    "try", "operation", "refund", "callback", "dispute", "transfer", "event", "change", "attempt"
]


class Entry(NamedTuple):
    """`beside`: the connection, or of an attempt the endpoint; `ordinal`: of the try or attempt."""

    at: datetime
    rank: int
    type: Type
    id: UUID
    beside: UUID | None
    ordinal: int | None
    word: str
    details: Raw


async def timeline(
    pool: Pool, merchant_id: UUID, payment_id: UUID, limit: int
) -> list[Entry] | None:
    """The first entries, in order; None when there is no such payment."""
    objects = await pool.fetch(sql["objects"], merchant_id, payment_id)
    if not objects:
        return None
    of = [row["id"] for row in objects]
    causes = [ids.show(row["prefix"], row["id"]) + ":" for row in objects]
    rows = await pool.fetch(sql["timeline"], merchant_id, payment_id, of, causes, limit)
    return [Entry(*row) for row in rows]
