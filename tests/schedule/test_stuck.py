"""Every way of being stuck, made by hand in a real database, is found; what moves is not."""

from datetime import timedelta

from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from tests.schedule.rows import MINUTE, OLD, Rows
from tillgate.kit import ids
from tillgate.kit.db import Pool
from tillgate.schedule.jobs import Sweep
from tillgate.schedule.model import KINDS
from tillgate.schedule.store import KEY_LONG, REFUND_LONG, UNKNOWN_LONG, figures, stuck


async def break_everything(rows: Rows) -> None:
    """One of each kind."""
    later = rows.now + timedelta(hours=1)
    await rows.payment("pending", expires_at=OLD)
    await rows.payment("processing", expires_at=later)
    await rows.payment("review", expires_at=later, review_reason="amount_short")
    await rows.payment("failed", expires_at=later, resolution="refused", captured=1000)
    paid = await rows.payment("canceled", expires_at=later)
    await rows.operation(paid, "submitted", OLD)
    long_ago = rows.now - UNKNOWN_LONG - MINUTE
    await rows.operation(paid, "unknown", later, created_at=long_ago)
    sent = await rows.operation(paid, "done", None)
    await rows.refund(paid, sent, rows.now - REFUND_LONG - MINUTE)
    await rows.dispute(paid, OLD)
    waiting = await rows.payment("pending", expires_at=later)
    await rows.attempt(waiting, None)
    await rows.operation(waiting, "rejected", None)
    await rows.callback(OLD)
    await rows.delivery("enabled", "due", OLD)
    await rows.key("open", rows.now - KEY_LONG - MINUTE)
    await rows.hold(OLD)


async def test_each_kind_is_found_where_it_belongs(rows: Rows, pool: Pool) -> None:
    await break_everything(rows)
    found = await stuck(pool, rows.merchant_id)
    assert sorted(one.kind for one in found) == sorted(KINDS)
    assert [one.since for one in found] == sorted(one.since for one in found)
    counted = {job.name: job.stuck for job in await figures(pool, rows.merchant_id)}
    assert counted == {
        "callbacks": 1, "deliveries": 1, "disputes": 1, "expiries": 2, "holds": 1,
        "idempotency_keys": 1, "operations": 5,
    }  # fmt: skip
    assert await stuck(pool, ids.mint()) == []


async def test_an_unknown_wish_nobody_asks_about_is_a_persons(rows: Rows, pool: Pool) -> None:
    paid = await rows.payment("canceled", expires_at=rows.now)
    await rows.operation(paid, "unknown", None, created_at=rows.now)
    assert [one.kind for one in await stuck(pool, rows.merchant_id)] == ["operation_unknown"]
    failed = {job.name: job.failed for job in await figures(pool, rows.merchant_id)}
    assert failed["operations"] == 1


async def test_what_moves_by_itself_is_not_stuck(rows: Rows, pool: Pool) -> None:
    soon, lately = rows.now + MINUTE, rows.now - MINUTE
    asked = await rows.payment("pending", expires_at=OLD)  # waits for the operation
    await rows.operation(asked, "submitted", soon)
    going = await rows.payment("processing", expires_at=OLD)
    unknown = await rows.operation(going, "unknown", soon, created_at=lately)
    await rows.refund(going, unknown, rows.now - 2 * REFUND_LONG)
    looked_after = await rows.operation(going, "done", soon)
    await rows.refund(going, looked_after, rows.now - 2 * REFUND_LONG)
    away = await rows.payment("pending", expires_at=soon)  # its payer is at the processor
    await rows.attempt(away, "https://pay.example")
    await rows.payment("pending", expires_at=lately)
    await rows.callback(lately)
    await rows.delivery("enabled", "due", lately)
    await rows.delivery("disabled", "due", OLD)
    await rows.key("open", lately)
    await rows.key("done", rows.now - timedelta(days=2))
    await rows.hold(lately)
    await rows.dispute(going, lately)
    assert await stuck(pool, None) == []


async def test_figures_tell_due_from_waiting(rows: Rows, pool: Pool) -> None:
    await rows.delivery("enabled", "due", rows.now - 2 * MINUTE)
    await rows.delivery("enabled", "due", rows.now + 60 * MINUTE)
    await rows.delivery("enabled", "dead", rows.now)
    await rows.callback(None)
    by_name = {job.name: job for job in await figures(pool, rows.merchant_id)}
    deliveries = by_name["deliveries"]
    assert (deliveries.due, deliveries.waiting, deliveries.failed) == (1, 1, 1)
    assert deliveries.oldest_due_s is not None
    assert 120 <= deliveries.oldest_due_s < 3600
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
