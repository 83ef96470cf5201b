"""A floor that writes less than Tillgate does is none: both must leave the same rows."""

from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest
from bench.ground import FRESH, Ground, opened
from bench.load import once
from bench.window import Window

from bench import payments, pgbench, transfers

OPERATIONS = 20
PROCESSORS = payments.SANDBOX, payments.STRIPE
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
TRANSFER = {
    "transfers": "code = 'wallet_transfer'",
    "idempotency_keys": "state = 'done' AND status_code = 201",
    "audit": "action = 'wallet.transfer'",
}
"""Where each operation leaves one row, and which."""


class Left(NamedTuple):
    """What operations have left in a table: how wide rows are on average, which columns they
    fill."""

    width: float
    columns: frozenset[str]


@pytest.fixture(scope="module")
async def ground() -> AsyncIterator[Ground]:
    async with opened() as ground:
        for processor in PROCESSORS:
            await ground.template(processor.template, payments.started(10_000, processor))
        await ground.template(transfers.FUNDED, transfers.fund)
        yield ground


async def left_by(
    ground: Ground, database: str, tables: dict[str, str], operations: int
) -> dict[str, Left]:
    """In each table of which each operation has left one row."""
    found: dict[str, Left] = {}
    async with ground.connected(database) as connection:
        for table, condition in tables.items():
            row = await connection.fetchrow(
                f"SELECT count(*), avg(pg_column_size(t.*)) FROM {table} t WHERE {condition}"
            )
            assert row is not None
            assert row[0] == operations, table
            columns = await connection.fetch(
                f"SELECT DISTINCT c.key FROM {table} t, json_each_text(row_to_json(t)) c"
                f" WHERE c.value IS NOT NULL AND {condition}"
            )
            found[table] = Left(float(row[1]), frozenset(column[0] for column in columns))
        if "transfers" in tables:
            assert await connection.fetchval(STILL) == 0
    return found


STILL = """
    SELECT count(*) FROM transfers t JOIN accounts a ON a.id IN (t.debit_id, t.credit_id)
    WHERE a.moved_at < t.created_at"""
"""Accounts that do not know when their last transfer was."""


def alike(floor: dict[str, Left], ours: dict[str, Left]) -> None:
    for table, left in ours.items():
        assert floor[table].columns == left.columns, table
        assert floor[table].width == pytest.approx(left.width, rel=WIDTH_TOLERANCE), table


async def by_floor(
    ground: Ground, template: str, floor: str, tables: dict[str, str], values: dict[str, str]
) -> dict[str, Left]:
    async with ground.copy(template) as database:
        if floor == "callback":
            await payments.number_callbacks(ground, database)
        _, done = await pgbench.run(ground, database, floor, 1, Window(0.1, 0.1), values)
        return await left_by(ground, database, tables, len(done.ended_s))


async def test_a_creation_leaves_the_same_rows(ground: Ground) -> None:
    async with ground.copy(FRESH) as database:
        async with ground.api(database) as port:
            requests = payments.creations(ground.merchant.secret_key)
            await once(port, requests, 201, OPERATIONS)
        ours = await left_by(ground, database, CREATION, OPERATIONS)
    values = await payments.texts(ground)
    alike(await by_floor(ground, FRESH, "create", CREATION, values), ours)


@pytest.mark.parametrize("processor", PROCESSORS, ids=["sandbox", "stripe"])
async def test_a_callback_leaves_the_same_rows(
    ground: Ground, processor: payments.Processor
) -> None:
    async with ground.copy(processor.template) as database:
        async with ground.connected(database) as connection:
            requests = await payments.callbacks(connection, processor)
        async with ground.api(database) as port:
            await once(port, requests, 200, OPERATIONS)
        ours = await left_by(ground, database, CALLBACK, OPERATIONS)
    values = await payments.texts(ground, processor)
    alike(await by_floor(ground, processor.template, "callback", CALLBACK, values), ours)


@pytest.mark.parametrize("pairs", [transfers.SPREAD, transfers.HOT], ids=["spread", "hot"])
async def test_a_transfer_leaves_the_same_rows(ground: Ground, pairs: transfers.Pairs) -> None:
    async with ground.copy(transfers.FUNDED) as database:
        async with ground.api(database) as port:
            requests = transfers.transfers(ground.merchant.secret_key, pairs)
            await once(port, requests, 201, OPERATIONS)
        ours = await left_by(ground, database, TRANSFER, OPERATIONS)
    values = await transfers.texts(ground) | {"senders": str(pairs.senders)}
    alike(await by_floor(ground, transfers.FUNDED, "transfer", TRANSFER, values), ours)
