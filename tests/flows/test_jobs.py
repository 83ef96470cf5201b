"""What is due and what is stuck, as a running gateway tells it."""

from typing import Any

from tests.flows.stack import Received, Stack, until
from tests.flows.test_main_job import subscribe
from tests.flows.trade import Trade
from tillgate.kit import ids
from tillgate.schedule.model import TABLES

Db = Any


async def jobs(stack: Stack) -> dict[str, dict[str, Any]]:
    answer = await stack.api.get("/v1/jobs")
    assert answer.status_code == 200, answer.text
    return {job["name"]: job for job in answer.json()["data"]}


async def test_a_healthy_gateway_has_work_and_nothing_stuck(trade: Trade, shop: Received) -> None:
    before = await jobs(trade)
    assert before.keys() == {due.job for due in TABLES}
    endpoint = await subscribe(trade, shop, events=["payment.created"])
    shop.answers = [500]
    payment = await trade.create()
    await shop.wait_for(1, payment["id"])
    waiting = await until(
        lambda: jobs(trade),
        lambda now: now["deliveries"]["waiting"] > before["deliveries"]["waiting"],
    )
    assert waiting["expiries"]["waiting"] == before["expiries"]["waiting"] + 1
    assert sum(job["stuck"] for job in waiting.values()) == 0
    await trade.api.delete(f"/v1/webhook_endpoints/{endpoint['id']}")


async def test_what_is_stuck_is_named_and_said_what_to_do(stack: Stack, db: Db) -> None:
    payment = await stack.create()
    await stack.send_payer(payment)
    payment_id = ids.parse("pay", payment["id"])
    operation_id = await db.fetchval(
        "UPDATE operations SET state = 'unknown', due_at = NULL WHERE payment_id = $1 RETURNING id",
        payment_id,
    )
    listed = (await stack.api.get("/v1/jobs/stuck")).json()
    shown = next(one for one in listed["data"] if one["payment"] == payment["id"])
    assert (shown["id"], shown["kind"]) == (ids.show("op", operation_id), "operation_unknown")
    assert (shown["state"], listed["has_more"]) == ("stuck", False)
    assert "processor" in shown["advice"]
    assert (await jobs(stack))["operations"]["failed"] >= 1
    await db.execute("UPDATE operations SET state = 'done' WHERE id = $1", operation_id)
    after = (await stack.api.get("/v1/jobs/stuck")).json()["data"]
    assert payment["id"] not in {one["payment"] for one in after}


async def test_money_in_review_wants_attention_and_is_not_stuck(stack: Stack) -> None:
    payment = await stack.create(amount=1000)
    await stack.send_payer(payment)
    await stack.control("POST", f"/payments/{payment['id']}/approve", {"amount": 900})
    await stack.until(payment["id"], "review")
    listed = (await stack.api.get("/v1/jobs/stuck?limit=100")).json()["data"]
    shown = next(one for one in listed if one["id"] == payment["id"])
    assert (shown["kind"], shown["state"]) == ("payment_review", "attention")
