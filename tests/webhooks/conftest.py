"""A scene and a receiver for every test that asks."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tillgate.kit import db

from .scene import Receiver, Scene


@pytest.fixture
async def scene(database: str) -> AsyncIterator[Scene]:
    connection = await asyncpg.connect(database)
    await db.set_up(connection)
    scene = Scene(database, connection)
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
