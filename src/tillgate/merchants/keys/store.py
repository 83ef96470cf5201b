"""Reads: which caller is a key, and which keys has a merchant?"""

from uuid import UUID

from tillgate.events.live import Listener
from tillgate.kit import crypto, ids
from tillgate.kit.caller import Caller
from tillgate.kit.db import Connection, Pool, beside
from tillgate.kit.pages import Page
from tillgate.kit.recent import Recent
from tillgate.kit.refusal import Refused
from tillgate.merchants.keys.model import Key
from tillgate.merchants.keys.rules import granted
from tillgate.merchants.keys.uses import Uses

sql = beside(__file__)

CACHE_S = 1.0
"""How long a key that was found is believed without asking again, where no news arrive."""

CACHE_MAX = 10_000

KEY_MAX_CHARACTERS = 200
"""No key is longer; what is, is not looked up."""

CHANGED = UUID("6b657973-0000-8000-8000-000000000000")
"""The subject of the wake-up that says: a key was changed, forget all."""


async def find_key(database: Pool | Connection, merchant_id: UUID, key_id: UUID) -> Key | None:
    row = await database.fetchrow(sql["key"], merchant_id, key_id)
    return Key(*row) if row else None


async def list_keys(pool: Pool, merchant_id: UUID, page: Page) -> tuple[list[Key], bool]:
    """(the page, whether more follow)."""
    statement = sql["newer"] if page.newer else sql["older"]
    rows = await pool.fetch(statement, merchant_id, page.cursor, page.fetch)
    return page.cut([Key(*row) for row in rows])


class Keys:
    """Looks keys up by digest, and remembers them for a second, or until a key is changed."""

    def __init__(self, pool: Pool, listener: Listener) -> None:
        self._pool = pool
        self._uses = Uses(pool, sql["note_uses"])
        self._changed = listener.watch(CHANGED)
        self._recent = Recent(self._read, CACHE_S, CACHE_MAX)
        self._pairs = Recent(self._read_pair, CACHE_S, CACHE_MAX)

    def start(self) -> None:
        self._uses.start()

    async def stop(self) -> None:
        await self._uses.stop()

    def forget(self) -> None:
        """After a change: what was found before it is not believed any more."""
        self._changed.clear()
        self._recent.forget()
        self._pairs.forget()

    def knows(self, key: str) -> bool:
        """Whether this key has worked here, and not failed since."""
        return self._recent.knows(key)

    async def caller(self, key: str) -> Caller | Refused:
        """The caller whose key this is. Mistyped keys are refused without asking the database."""
        if self._changed.is_set():
            self.forget()
        return await self._recent.get(key) or UNKNOWN

    def knows_pair(self, pair: tuple[str, str]) -> bool:
        return self._pairs.knows(pair)

    async def pair(self, publishable: str, secret: str) -> Caller | Refused:
        """The caller that both keys of one merchant stand for: the secret one's. Keys that were set
        by hand are known here, and only here, though their form is none of ours."""
        if self._changed.is_set():
            self.forget()
        return await self._pairs.get((publishable, secret)) or UNKNOWN

    async def _read_pair(self, pair: tuple[str, str]) -> Caller | None:
        if not all(0 < len(text) <= KEY_MAX_CHARACTERS for text in pair):
            return None
        publishable, secret = [await self._find(text) for text in pair]
        if publishable is None or secret is None:
            return None
        fits = "publishable" in publishable.scopes and "secret" in secret.scopes
        return secret if fits and publishable.merchant_id == secret.merchant_id else None

    async def _read(self, key: str) -> Caller | None:
        return await self._find(key) if crypto.well_formed_key(key) else None

    async def _find(self, key: str) -> Caller | None:
        row = await self._pool.fetchrow(sql["key_by_digest"], crypto.sha256(key.encode()))
        if row is None:
            return None
        self._uses.note(row["merchant_id"], row["id"])
        return Caller(
            merchant_id=row["merchant_id"],
            key_id=row["id"],
            livemode=row["livemode"],
            scopes=granted(row["kind"], row["scopes"]),
            actor=ids.show("key", row["id"]),
        )


UNKNOWN = Refused("api_key_invalid", "This API key is unknown, expired or revoked.")
