"""A floor that writes less than Tillgate does is none: both must leave the same rows."""

from collections.abc import AsyncIterator

import pytest
from bench.ground import FRESH, Ground, opened
from bench.load import once
from bench.window import Window

from bench import payments, pgbench

OPERATIONS = 20
WIDTH_TOLERANCE = 0.1
"""How much the average width of a row may differ: ids inside of texts are made differently."""

CREATION = {
    "payments": "status = 'pending' AND version = 1",
    "idempotency_keys": "state = 'done' AND status_code = 201",
    "events": "type = 'payment.created'",
    "deliveries": "state = 'due'",
    "audit": "action = 'payment.create'",
}
CALLBACK = {
    "callbacks": "state = 'processed' AND effect = 'applied'",
    "seen_callbacks": "true",
    "processor_objects": "state = 'captured' AND booked = amount",
    "payments": "status = 'succeeded' AND version = 3 AND bookings = 1",
    "tries": "state = 'succeeded'",
    "operations": "state = 'done' AND due_at IS NULL",
    "transfers": "kind = 'direct' AND code = 'payment_captured'",
    "events": "type = 'payment.succeeded'",
    "deliveries": "state = 'due'",
}
"""Where each operation leaves one row, and which."""


@pytest.fixture(scope="module")
async def ground() -> AsyncIterator[Ground]:
    async with opened() as ground:
        await ground.template(payments.STARTED, payments.started(10_000))
        yield ground


async def widths(
    ground: Ground, database: str, tables: dict[str, str], operations: int
) -> dict[str, float]:
    """The average width of the rows in each table, of which each operation has left one."""
    found: dict[str, float] = {}
    async with ground.connected(database) as connection:
        for table, condition in tables.items():
            row = await connection.fetchrow(
                f"SELECT count(*), avg(pg_column_size(t.*)) FROM {table} t WHERE {condition}"
            )
            assert row is not None
            assert row[0] == operations, table
            found[table] = float(row[1])
    return found


async def by_floor(
    ground: Ground, template: str, floor: str, tables: dict[str, str]
) -> dict[str, float]:
    values = await payments.texts(ground)
    async with ground.copy(template) as database:
        if floor == "callback":
            await payments.number_callbacks(ground, database)
        _, done = await pgbench.run(ground, database, floor, 1, Window(0.1, 0.1), values)
        return await widths(ground, database, tables, len(done.ended_s))


async def test_a_creation_leaves_the_same_rows(ground: Ground) -> None:
    async with ground.copy(FRESH) as database:
        async with ground.api(database) as port:
            requests = payments.creations(ground.merchant.secret_key)
            await once(port, requests, 201, OPERATIONS)
        ours = await widths(ground, database, CREATION, OPERATIONS)
    floor = await by_floor(ground, FRESH, "create", CREATION)
    assert floor == pytest.approx(ours, rel=WIDTH_TOLERANCE)


async def test_a_callback_leaves_the_same_rows(ground: Ground) -> None:
    async with ground.copy(payments.STARTED) as database:
        async with ground.connected(database) as connection:
            requests = await payments.callbacks(ground, connection)
        async with ground.api(database) as port:
            await once(port, requests, 200, OPERATIONS)
        ours = await widths(ground, database, CALLBACK, OPERATIONS)
    floor = await by_floor(ground, payments.STARTED, "callback", CALLBACK)
    assert floor == pytest.approx(ours, rel=WIDTH_TOLERANCE)
