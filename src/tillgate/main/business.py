"""Setting up a business, its test merchant ready to be paid through the sandbox."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from tillgate.connections.commands import connect_sandbox
from tillgate.kit import db, ids
from tillgate.kit.db import Connection
from tillgate.kit.refusal import Refused, RefusedError
from tillgate.main.parts import policy_of, vault_of
from tillgate.merchants.commands import create_business
from tillgate.settings import Settings
from tillgate.webhooks.commands import NewEndpoint, create_endpoint, delete_endpoint
from tillgate.webhooks.store import sql


class CreatedBusiness(NamedTuple):
    """The test merchant and its keys, as a person or a script is told them, once."""

    merchant: str
    secret_key: str
    publishable_key: str


async def set_up_business(
    connection: Connection, settings: Settings, name: str, now: datetime
) -> CreatedBusiness:
    """A business; its test merchant is connected to the sandbox, where there is one."""
    await db.set_up(connection)
    async with connection.transaction():
        created = await create_business(connection, name, now)
        test = created.test
        await point_to_sandbox(connection, settings, test.merchant_id, now)
    merchant = ids.show("mer", test.merchant_id)
    return CreatedBusiness(merchant, test.secret_key, test.publishable_key)


async def point_to_sandbox(
    connection: Connection, settings: Settings, merchant_id: UUID, now: datetime
) -> None:
    """Connects a test merchant to the sandbox, or tells its connection where that stands now."""
    if settings.sandbox_url is None or settings.sandbox_secret is None:
        return
    await connect_sandbox(
        connection,
        vault_of(settings),
        merchant_id,
        settings.sandbox_url,
        settings.sandbox_secret,
        now,
    )


async def point_to_inbox(
    connection: Connection, settings: Settings, merchant_id: UUID, inbox_url: str, now: datetime
) -> None:
    """Gives a test merchant an endpoint at the inbox of `tillgate dev`, where that stands now."""
    found = await connection.fetchrow(sql["endpoint_by_description"], merchant_id, INBOX)
    if found is not None:
        if found["url"] == inbox_url:
            return
        await delete_endpoint(connection, merchant_id, found["id"], "cli", now)
    wanted = NewEndpoint(inbox_url, ["*"], INBOX)
    created = await create_endpoint(
        connection, vault_of(settings), policy_of(settings), merchant_id, "cli", wanted, now
    )
    if isinstance(created, Refused):
        raise RefusedError(created)


INBOX = "The inbox of tillgate dev"
