"""Setting up a business, its test merchant ready to be paid through the sandbox; and the
connections that the environment asks for."""

import asyncio
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg
import structlog

from tillgate.connections.commands import SANDBOX_NAME, Tools, connect_sandbox
from tillgate.connections.environment import adopt
from tillgate.connections.store import sql
from tillgate.doors.entrance import prepare as prepare_doors
from tillgate.kit import clock, db, ids
from tillgate.kit.crypto import SealBroken
from tillgate.kit.db import Connection
from tillgate.main.parts import Parts, policy_of, vault_of
from tillgate.merchants.commands import create_business
from tillgate.settings import Settings

log = structlog.get_logger()

ADOPT_AGAIN_S = 2.0
"""How long after the database did not answer it is asked again."""


class CreatedBusiness(NamedTuple):
    """The test merchant and its keys, as a person or a script is told them, once; and the live
    merchant, whose keys are made by `tillgate key create`."""

    merchant: str
    secret_key: str
    publishable_key: str
    live_merchant: str


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
    live_merchant = ids.show("mer", created.live_merchant_id)
    return CreatedBusiness(merchant, test.secret_key, test.publishable_key, live_merchant)


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


async def point_all_to_sandbox(connection: Connection, settings: Settings, now: datetime) -> None:
    """Tells every connection to the sandbox where that stands now."""
    await db.set_up(connection)
    for row in await connection.fetch(sql["merchants_at"], SANDBOX_NAME):
        await point_to_sandbox(connection, settings, row["merchant_id"], now)


async def adopt_environment(connection: Connection, settings: Settings, now: datetime) -> None:
    """Makes the connections that the environment asks for, or tells them its new values."""
    tools = Tools(vault_of(settings), policy_of(settings))
    try:
        adopted = await adopt(connection, settings, tools, now)
    except SealBroken:
        log.warning("environment_connection", done="refused", why="sealed with another secret")
        return
    for one in adopted:
        tell = log.warning if one.done == "refused" else log.info
        tell("environment_connection", variable=one.variable, done=one.done, why=one.why)


async def adopt_at_start(parts: Parts) -> None:
    """The same beside the start of a process, which does not wait for the database."""
    while True:
        try:
            async with parts.pool.acquire() as connection:
                await adopt_environment(connection, parts.settings, clock.now())
                await prepare_doors(connection, parts.settings, clock.now())
        except (*db.LOST, asyncpg.PostgresError) as error:
            log.warning("start_delayed", error=type(error).__name__)
            await asyncio.sleep(ADOPT_AGAIN_S)
        else:
            parts.connections.forget()
            parts.prepared.set()
            return
