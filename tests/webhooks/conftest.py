"""A scene and receivers for every test that asks.

One database serves all of these tests, emptied for each: a fresh one would cost more than the test.
"""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.conftest import TEMPLATE
from tillgate.cli.postgres import EmbeddedPostgres
from tillgate.kit import db

from .scene import Receiver, Scene

TABLES = (
    "attempts", "deliveries", "events", "processor_objects", "endpoints", "audit", "merchants",
    "businesses",
)  # fmt: skip


@pytest.fixture(scope="session")
async def webhooks_dsn(postgres: EmbeddedPostgres) -> str:
    admin = await asyncpg.connect(postgres.dsn("postgres"))
    await admin.execute(f"CREATE DATABASE webhooks TEMPLATE {TEMPLATE}")
    await admin.close()
    return postgres.dsn("webhooks")


@pytest.fixture
async def scene(webhooks_dsn: str) -> AsyncIterator[Scene]:
    connection = await asyncpg.connect(webhooks_dsn)
    await db.set_up(connection)
    for table in TABLES:
        await connection.execute(f"DELETE FROM {table}")
    scene = Scene(webhooks_dsn, connection)
    await scene.add_merchant(scene.merchant_id)
    yield scene
    await connection.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    await receiver.start()
    yield receiver
    await receiver.stop()


@pytest.fixture
async def other_receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    await receiver.start()
    yield receiver
    await receiver.stop()
