"""Two users with wallets, and two merchants of their own, for every story that asks."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from tests.flows.purse import Purse
from tests.flows.stack import Stack
from tests.flows.trade import Trade
from tests.invariants import check_invariants
from tillgate.kit import clock
from tillgate.main.business import set_up_business
from tillgate.settings import Settings, from_environment


@pytest.fixture
def purse(stack: Stack) -> Purse:
    return Purse(stack)


@pytest.fixture
def other(stack: Stack) -> Purse:
    return Purse(stack)


@pytest.fixture
def settings(stack: Stack, dev_folder: Path) -> Settings:
    """What the running gateway was started with."""
    return from_environment(json.loads((dev_folder / "data/environment.json").read_text()))


@asynccontextmanager
async def trading(stack: Stack, settings: Settings) -> AsyncGenerator[Trade]:
    connection = await asyncpg.connect(stack.database_url)
    made = await set_up_business(connection, settings, "Trade", clock.now())
    await connection.close()
    own = {"merchant": made.merchant, "secret_key": made.secret_key}
    async with Trade({**stack.ready, **own, "sandbox_secret": settings.sandbox_secret}) as trade:
        yield trade


@pytest.fixture
async def trade(stack: Stack, settings: Settings) -> AsyncIterator[Trade]:
    """A merchant of its own, connected to the sandbox; every invariant holds after its story."""
    async with trading(stack, settings) as trade:
        yield trade
    await check_invariants(stack.database_url)


@pytest.fixture
async def stranger(stack: Stack, settings: Settings) -> AsyncIterator[Trade]:
    """Another one."""
    async with trading(stack, settings) as trade:
        yield trade
