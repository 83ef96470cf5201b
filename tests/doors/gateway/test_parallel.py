"""Many at once: one payment for one key, no refund too much, one capture."""

import asyncio
from typing import Any
from uuid import uuid4

from tests.doors.gateway.scene import CARD, UPI, Shop, refusal
from tests.flows.stack import Stack
from tests.invariants import check_invariants

MANY = 20


async def test_one_key_is_one_payment_however_many_ask(till: Shop) -> None:
    order = await till.order()
    body = {"order_id": order["id"], **UPI}
    key = [(b"Idempotency-Key", f"a key of any kind — {uuid4()}".encode())]
    answers = await asyncio.gather(
        *(till.api.post("/payments", json=body, headers=key) for _ in range(MANY))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    made = [one for one in await till.get("/payments") if one["order_id"] == order["id"]]
    assert [one["id"] for one in made] == [answers[0].json()["id"]]


async def test_a_key_answers_before_anything_else_is_looked_at(till: Shop) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    body = {"order_id": (await till.order())["id"], **CARD}
    first = await till.api.post("/payments", json=body, headers=key)
    paid = await till.payment_is(first.json(), "success")
    for content in (b'{"order_id": 7}', b"no json", b""):
        again = await till.api.post("/payments", content=content, headers=key)
        assert (again.status_code, again.text) == (201, first.text)
    assert (await till.get(f"/payments/{paid['id']}"))["status"] == "success"


async def test_errors_are_not_kept(till: Shop) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    order = await till.order()
    wrong = {"order_id": order["id"], "method": "upi", "vpa": "?"}
    answer = await till.api.post("/payments", json=wrong, headers=key)
    assert refusal(answer)[1] == "INVALID_VPA"
    right = await till.api.post("/payments", json={"order_id": order["id"], **UPI}, headers=key)
    assert right.status_code == 201


async def test_after_a_day_a_key_is_new(till: Shop, gateway_db: Any) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    body = {"order_id": (await till.order())["id"], **UPI}
    first = (await till.api.post("/payments", json=body, headers=key)).json()
    moved = "UPDATE idempotency_keys SET created_at = created_at - interval '25 hours'"
    assert await gateway_db.execute(f"{moved} WHERE body LIKE $1", f"%{first['id']}%") == "UPDATE 1"
    body["order_id"] = (await till.order())["id"]
    second = (await till.api.post("/payments", json=body, headers=key)).json()
    assert second["id"] != first["id"]


async def test_the_same_key_of_another_merchant_is_another(till: Shop, stranger: Shop) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    made: list[str] = []
    for shop in (till, stranger):
        body = {"order_id": (await shop.order())["id"], **UPI}
        made.append((await shop.api.post("/payments", json=body, headers=key)).json()["id"])
    assert len(set(made)) == 2


async def test_refunds_at_once_never_give_back_too_much(till: Shop, gateway: Stack) -> None:
    paid = await till.paid(1000)
    path = f"/payments/{paid['id']}/refunds"
    answers = await asyncio.gather(
        *(till.api.post(path, json={"amount": 300}) for _ in range(MANY))
    )
    made = [answer.json() for answer in answers if answer.status_code == 201]
    refused = {refusal(answer) for answer in answers if answer.status_code != 201}
    assert len(made) == 3
    assert refused == {(400, "BAD_REQUEST_ERROR", "Refund amount exceeds available amount")}
    for refund in made:
        await till.refund_is(refund, "processed")
    await check_invariants(gateway.database_url)


async def test_captures_at_once_all_say_the_same(till: Shop) -> None:
    paid = await till.paid()
    path = f"/payments/{paid['id']}/capture"
    answers = await asyncio.gather(
        *(till.api.post(path, json={"amount": 50000}) for _ in range(MANY))
    )
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["captured"] for answer in answers} == {True}
    settled = {answer.text for answer in [await till.api.post(path) for _ in range(2)]}
    assert len(settled) == 1
