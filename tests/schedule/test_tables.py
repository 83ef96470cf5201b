"""The list of due tables is whole, and what is made of it fits the migrated schema."""

from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest

from tests.house.tree import bare, rows
from tillgate.engine.table import table_of
from tillgate.idempotency.model import KEPT_FOR
from tillgate.kit import ids
from tillgate.main.parts import SCHEMA
from tillgate.schedule.model import KEYS_KEPT_S, KINDS, TABLES
from tillgate.schedule.statements import ADVANCE, BUSY, FIGURES, sql
from tillgate.schedule.store import GRACE, KEY_LONG, REFUND_LONG, UNKNOWN_LONG

NOT_DUE = {
    "api_keys.expires_at": "looked at when a key is used; a clock must not lock its tester out",
    "transfers.expires_at": "what the hold was booked with; `holds` has the one that counts",
}
"""Columns that sound like work, and why nothing is done by them."""


@pytest.fixture
async def connection(database: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(database)
    await connection.execute("SET ROLE tillgate_app")
    yield connection
    await connection.close()


async def test_no_due_column_is_forgotten(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    rows = await connection.fetch(
        "SELECT table_name || '.' || column_name FROM information_schema.columns "
        "WHERE table_schema = 'public' AND data_type LIKE 'timestamp%' "
        "AND column_name ~ '(due|expires|remind|until|retry|next|wake)'"
    )
    listed = {f"{due.table}.{column}" for due in TABLES for column in (due.column, *due.along)}
    assert {row[0] for row in rows} == (listed - {"idempotency_keys.created_at"}) | NOT_DUE.keys()


async def test_no_index_of_due_work_is_forgotten(
    connection: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    rows = await connection.fetch(
        "SELECT tablename FROM pg_indexes WHERE indexname ~ '_(due|expiring|age)$'"
    )
    assert {row[0] for row in rows} == {due.table for due in TABLES}


async def test_statements_run_as_the_programs_role(
    connection: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    merchant_id = ids.mint()
    assert await connection.fetchval(BUSY, merchant_id) is False
    for statement in FIGURES.values():
        assert tuple(await connection.fetchrow(statement, merchant_id) or ())[:2] == (0, 0)
    for statement in ADVANCE:
        assert await connection.execute(statement, merchant_id, timedelta(1)) == "UPDATE 0"


async def test_the_sweep_reads_indexes_only(
    connection: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    await connection.execute("SET enable_seqscan = off")
    text = sql["stuck"]
    for number, value in enumerate((GRACE, UNKNOWN_LONG, REFUND_LONG, KEY_LONG), 3):
        text = text.replace(f"${number}::interval", f"'{value.total_seconds()} s'::interval")
    text = text.replace("$1::uuid", "NULL::uuid").replace("$1", "NULL").replace("$2", "100")
    plan = "\n".join(row[0] for row in await connection.fetch("EXPLAIN " + text))
    assert "Seq Scan" not in plan, plan
    for index in ("operations_due", "tries_open", "refunds_pending", "idempotency_keys_open"):
        assert index in plan


def test_rows_are_locked_in_the_order_of_the_engine() -> None:
    order = [table_of(row).name for row in SCHEMA.order]
    here = [due.table for due in TABLES if due.table in order]
    assert here == sorted(here, key=order.index)


def test_keys_are_kept_as_long_as_their_room_says() -> None:
    assert KEPT_FOR.total_seconds() == KEYS_KEPT_S


def test_every_kind_of_stuck_counts_somewhere() -> None:
    assert {kind.job for kind in KINDS.values()} <= {due.job for due in TABLES}


def test_the_guide_names_all_work_and_every_way_of_being_stuck() -> None:
    named = {bare(row[0]) for row in rows("docs/guides/operating.md")}
    assert named >= {due.job for due in TABLES} | KINDS.keys()
