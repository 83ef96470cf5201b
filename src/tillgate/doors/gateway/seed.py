"""The Test Merchant, which the gateway's documents and scripts know by its id and keys.

It is there in `tillgate dev`, in TEST_MODE, and where API_KEY and API_SECRET are set. It is always
a test merchant: its keys, known to everybody by default, move no real money.
"""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg
import structlog

from tillgate.connections.commands import connect_sandbox
from tillgate.kit import crypto, ids
from tillgate.kit.crypto import SealBroken, Vault
from tillgate.kit.db import Connection
from tillgate.merchants.commands import create_merchants
from tillgate.merchants.keys.commands import Change, set_key
from tillgate.merchants.store import sql
from tillgate.settings import Settings

log = structlog.get_logger()

MERCHANT_ID = UUID("550e8400-e29b-41d4-a716-446655440000")
"""Of the test merchant; its business has the same."""

NAME = "Test Merchant"
KEY = "key_test_abc123"
SECRET = "secret_test_xyz789"  # noqa: S105  in public: it opens a test merchant
WEBHOOK_SECRET = "whsec_test_abc123"  # noqa: S105  likewise
ACTOR = "environment"


class Keys(NamedTuple):
    key: str
    secret: str


def keys_of(settings: Settings) -> Keys:
    """The Test Merchant's keys, as the environment has them."""
    return Keys(
        settings.api_key or settings.test_api_key or KEY,
        settings.api_secret or settings.test_api_secret or SECRET,
    )


def is_wanted(settings: Settings) -> bool:
    own = settings.api_key is not None and settings.api_secret is not None
    return settings.dev or settings.test_mode or own


async def prepare(connection: Connection, settings: Settings, now: datetime) -> bool:
    """Whether the Test Merchant is there, with its keys, connected to the sandbox."""
    if not is_wanted(settings):
        return False
    try:
        await _make(connection, now)
        await _bring_up_to_date(connection, settings, now)
    except SealBroken:
        log.warning("test_merchant", why="sealed with another secret")
        return False
    except asyncpg.UniqueViolationError:
        log.warning("test_merchant", why="API_KEY or API_SECRET is another merchant's key")
        return False
    return True


async def _make(connection: Connection, now: datetime) -> None:
    """Once: of processes that start together, the others find it made."""
    if await connection.fetchval(sql["merchant_by_id"], MERCHANT_ID) is not None:
        return
    try:
        async with connection.transaction():
            await create_merchants(connection, MERCHANT_ID, NAME, now, MERCHANT_ID, ids.mint())
    except asyncpg.UniqueViolationError:
        return


async def _bring_up_to_date(connection: Connection, settings: Settings, now: datetime) -> None:
    change = Change(MERCHANT_ID, ACTOR, None, now)
    keys = keys_of(settings)
    async with connection.transaction():
        await set_key(connection, change, "publishable", ACTOR, keys.key)
        await set_key(connection, change, "secret", ACTOR, keys.secret)
        if settings.sandbox_url is not None and settings.sandbox_secret is not None:
            vault = Vault(tuple(crypto.derive(secret, "vault") for secret in settings.secrets))
            await connect_sandbox(
                connection, vault, MERCHANT_ID, settings.sandbox_url, settings.sandbox_secret, now
            )
