"""Reads: which merchant does a key speak for?"""

from collections import OrderedDict
from typing import NamedTuple
from uuid import UUID

from tillgate.kit import clock, crypto, ids
from tillgate.kit.caller import Caller
from tillgate.kit.db import Pool, beside
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
        self._cache: OrderedDict[str, tuple[float, Caller]] = OrderedDict()

    async def caller(self, key: str) -> Caller | Refused:
        """The caller whose key this is. Mistyped keys are refused without asking the database."""
        now_s = clock.monotonic_s()
        cached = self._cache.get(key)
        if cached is not None and cached[0] > now_s:
            return cached[1]
        if not crypto.well_formed_key(key):
            return UNKNOWN
        row = await self._pool.fetchrow(sql["key_by_digest"], crypto.sha256(key.encode()))
        if row is None:
            return UNKNOWN
        caller = Caller(
            merchant_id=row["merchant_id"],
            key_id=row["id"],
            livemode=row["livemode"],
            scopes=frozenset([row["kind"]]),
            actor=ids.show("key", row["id"]),
        )
        self._cache[key] = now_s + CACHE_S, caller
        self._cache.move_to_end(key)
        if len(self._cache) > CACHE_MAX:
            self._cache.popitem(last=False)
        return caller


UNKNOWN = Refused("api_key_invalid", "This API key is unknown.")
