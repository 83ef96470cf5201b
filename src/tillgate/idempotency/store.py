"""The same gate in front of configuration, which needs no engine: gate and change are one ordinary
transaction. Answers are kept sealed, as a new secret may stand in them."""

import base64
from collections.abc import Awaitable, Callable
from datetime import datetime
from uuid import UUID

from tillgate.idempotency.model import KEPT_FOR, REPLAYED, REUSED, vet_key
from tillgate.kit import crypto
from tillgate.kit.caller import Caller
from tillgate.kit.crypto import Vault
from tillgate.kit.db import Connection, Pool, beside
from tillgate.kit.http import Answer
from tillgate.kit.refusal import Refused

sql = beside(__file__)


async def first_answer(pool: Pool, merchant_id: UUID, key: str, now: datetime) -> Answer | None:
    """What `First` has kept under a key: for those who look there before anything else."""
    row = await pool.fetchrow(sql["kept"], merchant_id, key, now - KEPT_FOR)
    return Answer(row["status_code"], row["body"].encode()) if row else None


class Gates:
    """Runs a change at most once per (merchant, key)."""

    def __init__(self, pool: Pool, vault: Vault, digest_key: bytes) -> None:
        self._pool = pool
        self._vault = vault
        self._digest_key = digest_key

    def digest(self, route: str, body: bytes) -> bytes:
        """What a wish says: `POST /v1/…` and its canonical body."""
        return crypto.mac(self._digest_key, route.encode() + b"\n" + body)

    async def once(
        self,
        caller: Caller,
        key: str | None,
        digest: bytes,
        now: datetime,
        work: Callable[[Connection], Awaitable[Answer | Refused]],
    ) -> Answer | Refused:
        """The answer of `work`, or the one that it gave before. A refusal keeps nothing."""
        refused = vet_key(key) if key is not None else None
        if refused is not None:
            return refused
        async with self._pool.acquire() as connection:
            transaction = connection.transaction()
            await transaction.start()
            try:
                answer = await self._decide(connection, caller, key, digest, now, work)
            except BaseException:
                await transaction.rollback()
                raise
            if isinstance(answer, Refused):
                await transaction.rollback()
            else:
                await transaction.commit()
            return answer

    async def _decide(
        self,
        connection: Connection,
        caller: Caller,
        key: str | None,
        digest: bytes,
        now: datetime,
        work: Callable[[Connection], Awaitable[Answer | Refused]],
    ) -> Answer | Refused:
        if key is None:
            return await work(connection)
        gate = caller.merchant_id, key
        place = f"idempotency_keys.body/{caller.merchant_id}/{key}"
        if not await connection.fetchval(sql["enter"], *gate, digest, now, KEPT_FOR):
            found = await connection.fetchrow(sql["found"], *gate)
            if found is None or found["digest"] != digest:
                return REUSED
            body = self._vault.open(base64.b64decode(found["body"]), place)
            return Answer(found["status_code"], body, REPLAYED)
        answer = await work(connection)
        if isinstance(answer, Answer):
            sealed = base64.b64encode(self._vault.seal(answer.body, place)).decode()
            await connection.execute(sql["keep"], *gate, answer.status, sealed)
        return answer
