"""Reads of merchants."""

from typing import NamedTuple
from uuid import UUID

from tillgate.kit.db import Pool, beside

sql = beside(__file__)


class Merchant(NamedTuple):
    """The tenant, as the payer and the connectors see it."""

    id: UUID
    name: str
    livemode: bool


async def find_merchant(pool: Pool, merchant_id: UUID) -> Merchant | None:
    row = await pool.fetchrow(sql["merchant_by_id"], merchant_id)
    return Merchant(*row) if row else None
