"""What a test clock moves, and what it leaves alone."""

from datetime import datetime, timedelta

from tests.schedule.rows import MINUTE, NOW, OLD, Rows
from tillgate.kit import ids
from tillgate.schedule.model import TABLES
from tillgate.schedule.statements import ADVANCE

DAY = timedelta(days=1)
LATER = NOW + timedelta(hours=30)


async def advance(rows: Rows) -> None:
    async with rows.connection.transaction():
        await rows.connection.execute("SET LOCAL ROLE tillgate_app")
        for statement in ADVANCE:
            await rows.connection.execute(statement, rows.merchant_id, DAY)


async def moments(rows: Rows) -> dict[str, set[datetime]]:
    """Of each due table, when its rows are due."""
    found: dict[str, set[datetime]] = {}
    for due in TABLES:
        records = await rows.connection.fetch(f"SELECT {due.column} FROM {due.table}")
        found[due.table] = {record[0] for record in records}
    return found


async def test_what_is_open_comes_a_day_nearer(rows: Rows) -> None:
    for status in ("pending", "processing", "authorized", "failed"):
        await rows.payment(status, expires_at=LATER)
    payment_id = ids.mint()
    await rows.operation(payment_id, "unknown", LATER)
    await rows.dispute(payment_id, LATER, evidence_due_at=LATER)
    await rows.callback(LATER)
    await rows.hold(LATER)
    await rows.delivery("enabled", "due", LATER)
    await rows.key("done", NOW)
    await advance(rows)
    after = await moments(rows)
    assert after.pop("idempotency_keys") == {NOW - DAY}
    assert after == {table: {LATER - DAY} for table in after}
    assert await rows.connection.fetchval("SELECT evidence_due_at FROM disputes") == LATER - DAY


async def test_what_is_over_due_in_hand_or_anothers_stays(rows: Rows) -> None:
    in_hand = rows.now + timedelta(seconds=20)  # a claim's end, or nearly due
    await rows.payment("pending", expires_at=OLD)
    await rows.payment("canceled", expires_at=LATER)
    await rows.operation(ids.mint(), "submitted", in_hand)
    await rows.dispute(ids.mint(), OLD)
    await rows.callback(OLD)
    await rows.hold(OLD)
    await rows.delivery("enabled", "due", in_hand, claims=1)
    await rows.delivery("enabled", "dead", LATER)
    await rows.key("open", NOW)
    await rows.key("done", NOW - 2 * DAY)
    before = await moments(rows)
    await advance(rows)
    assert await moments(rows) == before
    ours, rows.merchant_id = rows.merchant_id, ids.mint()
    await rows.payment("pending", expires_at=LATER)
    await rows.key("done", NOW - MINUTE)
    before, rows.merchant_id = await moments(rows), ours
    await advance(rows)
    assert await moments(rows) == before
