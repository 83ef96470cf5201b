"""Reads: which merchant does a key speak for?"""

from typing import NamedTuple
from uuid import UUID

from tillgate.kit import crypto, ids
from tillgate.kit.caller import Caller
from tillgate.kit.db import Pool, beside
from tillgate.kit.recent import Recent
from tillgate.kit.refusal import Refused

sql = beside(__file__)

CACHE_S = 1.0
"""How long a key that was found is believed without asking again."""

CACHE_MAX = 10_000


class Merchant(NamedTuple):
    """The tenant, as the payer and the connectors see it."""

    id: UUID
    name: str
    livemode: bool


async def find_merchant(pool: Pool, merchant_id: UUID) -> Merchant | None:
    row = await pool.fetchrow(sql["merchant_by_id"], merchant_id)
    return Merchant(*row) if row else None


class Keys:
    """Looks keys up by digest, and remembers them for a second."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._recent = Recent(self._read, CACHE_S, CACHE_MAX)

    async def caller(self, key: str) -> Caller | Refused:
        """The caller whose key this is. Mistyped keys are refused without asking the database."""
        return await self._recent.get(key) or UNKNOWN

    async def _read(self, key: str) -> Caller | None:
        if not crypto.well_formed_key(key):
            return None
        row = await self._pool.fetchrow(sql["key_by_digest"], crypto.sha256(key.encode()))
        if row is None:
            return None
        return Caller(
            merchant_id=row["merchant_id"],
            key_id=row["id"],
            livemode=row["livemode"],
            scopes=frozenset([row["kind"]]),
            actor=ids.show("key", row["id"]),
        )


UNKNOWN = Refused("api_key_invalid", "This API key is unknown.")
