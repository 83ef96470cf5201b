"""Every way of being stuck, made by hand in a real database, is found; what moves is not."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from tillgate.kit import clock, db, ids
from tillgate.kit.db import Pool
from tillgate.schedule.jobs import Sweep
from tillgate.schedule.model import KINDS
from tillgate.schedule.store import GRACE, KEY_LONG, REFUND_LONG, UNKNOWN_LONG, figures, stuck

NOW = clock.now()
MINUTE = timedelta(minutes=1)
OLD = NOW - GRACE - MINUTE


class Rows:
    """Writes rows of one merchant, with whatever a table wants besides."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self.connection = connection
        self.merchant_id = ids.mint()

    async def add(self, table: str, **values: Any) -> UUID:
        row = {"merchant_id": self.merchant_id, "id": ids.mint(), **values}
        if row["id"] is None:
            del row["id"]
        names, places = ", ".join(row), ", ".join(f"${n}" for n in range(1, len(row) + 1))
        await self.connection.execute(
            f"INSERT INTO {table} ({names}) VALUES ({places})", *row.values()
        )
        return row.get("id", self.merchant_id)

    async def payment(self, status: str, *, expires_at: datetime, **more: Any) -> UUID:
        return await self.add(
            "payments", amount=1000, asset="eur", status=status, capture_method="automatic",
            metadata="{}", connection_id=ids.mint(), created_at=OLD, updated_at=OLD,
            expires_at=expires_at, **more,
        )  # fmt: skip

    async def operation(
        self, payment_id: UUID, state: str, due_at: datetime | None, *,
        created_at: datetime = OLD, **more: Any,
    ) -> UUID:  # fmt: skip
        return await self.add(
            "operations", payment_id=payment_id, ordinal=1, connection_id=ids.mint(), kind="start",
            state=state, amount=1000, asset="eur", request="{}", due_at=due_at,
            created_at=created_at, updated_at=created_at, **more,
        )  # fmt: skip

    async def attempt(self, payment_id: UUID, redirect_url: str | None) -> None:
        await self.add(
            "tries", id=None, payment_id=payment_id, ordinal=1, connection_id=ids.mint(),
            state="open", redirect_url=redirect_url, created_at=OLD, updated_at=OLD,
        )  # fmt: skip

    async def refund(self, payment_id: UUID, operation_id: UUID, updated_at: datetime) -> None:
        await self.add(
            "refunds", payment_id=payment_id, id=operation_id, connection_id=ids.mint(),
            charge="ch", amount=1, asset="eur", status="pending", metadata="{}", place="merchant",
            created_at=updated_at, updated_at=updated_at,
        )  # fmt: skip

    async def dispute(self, payment_id: UUID, remind_at: datetime) -> None:
        await self.add(
            "disputes", payment_id=payment_id, connection_id=ids.mint(), reference="d", amount=1,
            asset="eur", status="needs_response", remind_at=remind_at, created_at=OLD,
            updated_at=OLD,
        )  # fmt: skip

    async def callback(self, due_at: datetime | None) -> None:
        await self.add(
            "callbacks", connection_id=ids.mint(), event_key="k", effect="early", headers="{}",
            state="pending" if due_at else "failed", raw=b"", attempts=1, due_at=due_at,
            received_at=OLD,
        )  # fmt: skip

    async def delivery(self, endpoint_state: str, state: str, due_at: datetime) -> None:
        endpoint_id = await self.add(
            "endpoints", url="u", events=[], patterns=[], format="standard", secrets=b"",
            state=endpoint_state, metadata="{}", api_version="v", created_at=OLD, updated_at=OLD,
        )  # fmt: skip
        await self.add(
            "deliveries", id=None, endpoint_id=endpoint_id, event_id=ids.mint(), due_at=due_at,
            state=state, created_at=OLD, settled_at=None if state == "due" else OLD,
        )  # fmt: skip

    async def key(self, state: str, created_at: datetime) -> None:
        await self.add(
            "idempotency_keys", id=None, key=f"{state}-{created_at}", digest=bytes(32), body="",
            state=state, status_code=0, created_at=created_at,
        )  # fmt: skip

    async def hold(self, expires_at: datetime) -> None:
        """What it was booked with does not matter here."""
        await self.connection.execute("SET session_replication_role = replica")
        await self.add(
            "holds", debit_owner="user:u", debit_code="wallet", credit_owner="merchant",
            credit_code="available", asset="eur", amount=1, posted=0, state="held",
            expires_at=expires_at, created_at=OLD, updated_at=OLD,
        )  # fmt: skip
        await self.connection.execute("SET session_replication_role = origin")


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


async def break_everything(rows: Rows) -> None:
    """One of each kind."""
    later = NOW + timedelta(hours=1)
    await rows.payment("pending", expires_at=OLD)
    await rows.payment("processing", expires_at=later)
    await rows.payment("review", expires_at=later, review_reason="amount_short")
    paid = await rows.payment("canceled", expires_at=later)
    await rows.operation(paid, "submitted", OLD)
    long_ago = NOW - UNKNOWN_LONG - MINUTE
    await rows.operation(paid, "unknown", later, created_at=long_ago)
    sent = await rows.operation(paid, "done", None)
    await rows.refund(paid, sent, NOW - REFUND_LONG - MINUTE)
    await rows.dispute(paid, OLD)
    waiting = await rows.payment("pending", expires_at=later)
    await rows.attempt(waiting, None)
    await rows.operation(waiting, "rejected", None)
    await rows.callback(OLD)
    await rows.delivery("enabled", "due", OLD)
    await rows.key("open", NOW - KEY_LONG - MINUTE)
    await rows.hold(OLD)


async def test_each_kind_is_found_where_it_belongs(rows: Rows, pool: Pool) -> None:
    await break_everything(rows)
    found = await stuck(pool, rows.merchant_id)
    assert sorted(one.kind for one in found) == sorted(KINDS)
    assert [one.since for one in found] == sorted(one.since for one in found)
    counted = {job.name: job.stuck for job in await figures(pool, rows.merchant_id)}
    assert counted == {
        "callbacks": 1, "deliveries": 1, "disputes": 1, "expiries": 2, "holds": 1,
        "idempotency_keys": 1, "operations": 4,
    }  # fmt: skip
    assert await stuck(pool, ids.mint()) == []


async def test_an_unknown_wish_nobody_asks_about_is_a_persons(rows: Rows, pool: Pool) -> None:
    paid = await rows.payment("canceled", expires_at=NOW)
    await rows.operation(paid, "unknown", None, created_at=NOW)
    assert [one.kind for one in await stuck(pool, rows.merchant_id)] == ["operation_unknown"]
    failed = {job.name: job.failed for job in await figures(pool, rows.merchant_id)}
    assert failed["operations"] == 1


async def test_what_moves_by_itself_is_not_stuck(rows: Rows, pool: Pool) -> None:
    soon, lately = NOW + MINUTE, NOW - MINUTE
    asked = await rows.payment("pending", expires_at=OLD)  # waits for the operation
    await rows.operation(asked, "submitted", soon)
    going = await rows.payment("processing", expires_at=OLD)
    unknown = await rows.operation(going, "unknown", soon, created_at=lately)
    await rows.refund(going, unknown, NOW - 2 * REFUND_LONG)
    away = await rows.payment("pending", expires_at=soon)  # its payer is at the processor
    await rows.attempt(away, "https://pay.example")
    await rows.payment("pending", expires_at=lately)
    await rows.callback(lately)
    await rows.delivery("enabled", "due", lately)
    await rows.delivery("disabled", "due", OLD)
    await rows.key("open", lately)
    await rows.key("done", NOW - timedelta(days=2))
    await rows.hold(lately)
    await rows.dispute(going, lately)
    assert await stuck(pool, None) == []


async def test_figures_tell_due_from_waiting(rows: Rows, pool: Pool) -> None:
    await rows.delivery("enabled", "due", NOW - 2 * MINUTE)
    await rows.delivery("enabled", "due", NOW + MINUTE)
    await rows.delivery("enabled", "dead", NOW)
    await rows.callback(None)
    by_name = {job.name: job for job in await figures(pool, rows.merchant_id)}
    deliveries = by_name["deliveries"]
    assert (deliveries.due, deliveries.waiting, deliveries.failed) == (1, 1, 1)
    assert deliveries.oldest_due_s is not None
    assert 120 <= deliveries.oldest_due_s < 300
    assert (by_name["callbacks"].due, by_name["callbacks"].failed) == (0, 1)
    assert by_name["holds"].oldest_due_s is None


async def test_the_sweep_says_so_in_the_log_and_as_figures(rows: Rows, pool: Pool) -> None:
    await break_everything(rows)
    with capture_logs() as said:
        assert await Sweep(pool).once() == 0
    assert {line["kind"] for line in said} == KINDS.keys() - {"payment_review"}
    assert {line["log_level"] for line in said} == {"warning"}
    assert REGISTRY.get_sample_value("tillgate_stuck", {"kind": "hold_overdue"}) == 1
    await rows.connection.execute("UPDATE holds SET expires_at = now() + interval '1 day'")
    await Sweep(pool).once()
    assert REGISTRY.get_sample_value("tillgate_stuck", {"kind": "hold_overdue"}) == 0
