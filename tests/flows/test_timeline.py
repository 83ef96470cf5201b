"""The timeline: all that happened to one payment, in the order in which it happened."""

from typing import Any

import httpx

from tests.flows.stack import Received, Stack, until
from tests.flows.test_bad_input import error_of
from tests.flows.test_main_job import subscribe
from tillgate.kit import clock
from tillgate.kit.db import set_up
from tillgate.merchants.commands import create_business

Db = Any


async def timeline(stack: Stack, payment_id: str, endpoint_id: str = "") -> list[dict[str, Any]]:
    """Of attempts those at this endpoint: others listen too."""
    answer = await stack.api.get(f"/v1/payments/{payment_id}/timeline")
    assert answer.status_code == 200, answer.text
    return [e for e in answer.json()["data"] if e["endpoint"] in {None, endpoint_id}]


async def test_the_main_job_is_told_in_its_order(stack: Stack, shop: Received) -> None:
    endpoint = await subscribe(stack, shop, events=["payment.*"])
    payment = await stack.create()
    await shop.wait_for(1, payment["id"])
    at_processor = await stack.send_payer(payment)
    await stack.anyone.post(at_processor.form("/approve"))
    await stack.until(payment["id"], "succeeded")
    told = await until(
        lambda: timeline(stack, payment["id"], endpoint["id"]),
        lambda found: [e["type"] for e in found].count("attempt") == 2,
    )
    assert [entry["at"] for entry in told] == sorted(entry["at"] for entry in told)
    assert [entry["type"] for entry in told if entry["type"] != "change"] == [
        "event", "attempt", "try", "operation", "callback", "transfer", "event", "attempt",
    ]  # fmt: skip
    by_type = {entry["type"]: entry for entry in told}  # the last of each
    assert by_type["operation"]["summary"] == "operation: start done"
    assert (by_type["try"]["number"], by_type["try"]["connection"]) == (1, payment["connection"])
    booked = by_type["transfer"]["details"]
    assert (booked["debit"], booked["credit"], booked["amount"]) == ("clearing", "available", 1050)
    assert by_type["event"]["summary"] == "event: payment.succeeded"
    assert by_type["attempt"]["endpoint"] == endpoint["id"]
    assert by_type["attempt"]["details"]["status_code"] == 200
    changes = [entry["details"]["action"] for entry in told if entry["type"] == "change"]
    assert changes[:2] == ["payment.create", "payment.try"]
    event = await stack.api.get(f"/v1/events/{by_type['event']['id']}")
    assert event.json()["data"]["object"]["id"] == payment["id"]
    await stack.api.delete(f"/v1/webhook_endpoints/{endpoint['id']}")


async def test_a_refund_is_told_with_what_it_books(stack: Stack) -> None:
    payment = await stack.create()
    at_processor = await stack.send_payer(payment)
    await stack.anyone.post(at_processor.form("/approve"))
    await stack.until(payment["id"], "succeeded")
    made = await stack.api.post("/v1/refunds", json={"payment": payment["id"], "amount": 50})
    assert made.status_code == 201, made.text

    async def codes() -> list[str]:
        told = await timeline(stack, payment["id"])
        assert made.json()["id"] in {e["id"] for e in told if e["type"] == "refund"}
        return [e["details"]["code"] for e in told if e["type"] == "transfer"]

    booked = await until(codes, lambda found: len(found) == 3)
    assert booked == ["payment_captured", "refund_reserved", "refund_succeeded"]


async def test_it_tells_of_one_payment_and_to_its_owner_alone(stack: Stack, db: Db) -> None:
    payment, other = await stack.create(), await stack.create()
    told = await timeline(stack, payment["id"])
    assert {entry["type"] for entry in told} == {"event", "change"}
    assert other["id"] not in str(told)
    await set_up(db)
    made = await create_business(db, "Stranger", clock.now())
    key = {"Authorization": f"Bearer {made.test.secret_key}"}
    async with httpx.AsyncClient(base_url=stack.url, headers=key) as stranger:
        for payment_id in (payment["id"], "pay_1", "pay_" + "0" * 26):
            answer = await stranger.get(f"/v1/payments/{payment_id}/timeline")
            assert (answer.status_code, error_of(answer)["code"]) == (404, "not_found")
