"""A `tillgate dev` in test mode, where payments end by themselves, and soon."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.conftest import public_folder
from tests.doors.gateway.scene import Shop
from tests.flows.fixtures import running
from tests.flows.stack import Stack
from tests.invariants import check_invariants

QUICK = {
    "TEST_MODE": "true",
    "TEST_PROCESSING_DELAY": "50",
    "WEBHOOK_RETRY_INTERVALS_TEST": "true",
}


@pytest.fixture(scope="session")
def gateway_folder() -> Iterator[Path]:
    yield from public_folder()


@pytest.fixture(scope="session")
async def gateway(gateway_folder: Path) -> AsyncIterator[Stack]:
    async with running(gateway_folder / "data", QUICK) as stack:
        yield stack
        await check_invariants(stack.database_url)


@pytest.fixture
async def till(gateway: Stack) -> AsyncIterator[Shop]:
    """The seeded merchant, without webhooks unless a test wants them."""
    async with Shop(gateway.url) as till:
        yield till
        await till.hooked(None)


@pytest.fixture
async def stranger(gateway: Stack) -> AsyncIterator[Shop]:
    """Another merchant."""
    ready = gateway.ready
    keys = {"X-Api-Key": ready["publishable_key"], "X-Api-Secret": ready["secret_key"]}
    async with Shop(gateway.url, keys) as stranger:
        yield stranger
        await stranger.hooked(None)


@pytest.fixture
async def gateway_db(gateway: Stack) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(gateway.database_url)
    yield connection
    await connection.close()
