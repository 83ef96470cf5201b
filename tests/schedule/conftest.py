"""A fresh database, to write rows into by hand and to read as the product does."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.schedule.rows import Rows
from tillgate.kit import db
from tillgate.kit.db import Pool


@pytest.fixture
async def rows(database: str) -> AsyncIterator[Rows]:
    connection = await asyncpg.connect(database)
    yield Rows(connection)
    await connection.close()


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    pool = await db.open_pool(database, 2)
    yield pool
    pool.terminate()
