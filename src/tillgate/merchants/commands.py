"""Making businesses. Configuration: one ordinary transaction, rows plus audit line."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from tillgate.audit.store import write_line
from tillgate.kit import ids
from tillgate.kit.db import Connection
from tillgate.merchants.keys.commands import Change, NewKey, insert_key
from tillgate.merchants.store import sql


class Keyring(NamedTuple):
    """A merchant's first keys. Shown once: only their digests are kept."""

    merchant_id: UUID
    secret_key: str
    publishable_key: str


class Created(NamedTuple):
    business_id: UUID
    test: Keyring
    live_merchant_id: UUID


NAME_MAX_CHARACTERS = 200


async def create_business(connection: Connection, name: str, now: datetime) -> Created:
    """A business with its test and its live merchant. The test merchant has its first keys; what
    may move real money is made when somebody asks for it."""
    async with connection.transaction():
        business_id = ids.mint()
        test, live = ids.mint(), ids.mint()
        await create_merchants(connection, business_id, name, now, test, live)
        first = Change(test, "cli", None, now)
        secret = await insert_key(connection, first, NewKey("secret"))
        publishable = await insert_key(connection, first, NewKey("publishable"))
    return Created(business_id, Keyring(test, secret.text, publishable.text), live)


async def create_merchants(
    connection: Connection, business_id: UUID, name: str, now: datetime, test: UUID, live: UUID
) -> None:
    """A business and its two merchants, by these ids, without keys."""
    await connection.execute(sql["create_business"], business_id, name, now)
    for merchant_id in (test, live):
        livemode = merchant_id == live
        await connection.execute(
            sql["create_merchant"], merchant_id, business_id, livemode, name, now
        )
        await write_line(
            connection, merchant_id, "cli", "merchant.create", merchant_id, {"name": name}, now
        )
