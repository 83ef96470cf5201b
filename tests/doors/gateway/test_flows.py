"""Whole stories of payments and refunds, with the webhooks that tell of them."""

import hashlib
import hmac
import json
from typing import Any

from tests.conftest import public_folder
from tests.doors.gateway.conftest import QUICK
from tests.doors.gateway.scene import CARD, SECRET, UPI, Body, Shop, refusal
from tests.flows.fixtures import running
from tests.flows.stack import Received, Stack
from tests.invariants import check_invariants

FAILED = {"error_code": "PAYMENT_FAILED", "error_description": "Payment processing failed"}


def heard(shop: Received) -> list[Any]:
    """What came, each with a genuine signature of its exact bytes."""
    for webhook in shop.webhooks:
        wanted = hmac.new(SECRET.encode(), webhook.body, hashlib.sha256).hexdigest()
        assert webhook.headers["x-webhook-signature"] == wanted
    return [json.loads(webhook.body) for webhook in shop.webhooks]


async def test_a_payment_and_its_refund_tell_six_events(till: Shop, shop: Received) -> None:
    await till.hooked(shop.url)
    paid = await till.paid()
    refund = await till.send(f"/payments/{paid['id']}/refunds", 201, amount=20000, reason="Torn")
    assert refund["status"] == "pending"
    done = await till.refund_is(refund, "processed")
    await shop.wait_for(5)
    said = heard(shop)
    assert sorted(one["event"] for one in said) == [
        "payment.created", "payment.pending", "payment.success", "refund.created",
        "refund.processed",
    ]  # fmt: skip
    by_event = {one["event"]: one["data"] for one in said}
    assert by_event["payment.success"]["payment"] | {"updated_at": ""} == paid | {"updated_at": ""}
    assert by_event["refund.processed"]["refund"] == done
    assert (await till.get(f"/payments/{paid['id']}"))["status"] == "success"
    assert (await till.get(f"/orders/{paid['order_id']}"))["status"] == "paid"


async def test_a_payment_that_fails_says_why(shop: Received) -> None:
    """In test mode, with a failure asked for: another installation."""
    for folder in public_folder():
        environ = {**QUICK, "TEST_PAYMENT_SUCCESS": "false"}
        async with running(folder / "data", environ) as stack, Shop(stack.url) as till:
            await till.hooked(shop.url)
            order = await till.order()
            payment = await till.payment_is(await till.pay(order), "failed")
            assert payment.items() >= FAILED.items()
            shown = (await till.anyone.get(f"/payments/{payment['id']}/public")).json()
            assert shown.items() >= FAILED.items()
            await shop.wait_for(3)
            [failed] = [one for one in heard(shop) if one["event"] == "payment.failed"]
            assert failed["data"]["payment"].items() >= FAILED.items()
            capture = await till.refused(f"/payments/{payment['id']}/capture")
            assert capture == (400, "BAD_REQUEST_ERROR", "Payment not in capturable state")
            refund = await till.refused(f"/payments/{payment['id']}/refunds", amount=1)
            assert refund == (400, "BAD_REQUEST_ERROR", "Payment not in refundable state")
            stats = await till.get("/payments/stats")
            assert stats == {"totalTransactions": 1, "totalAmount": 0, "successRate": 0}
            again = await till.pay(order)  # the order waits on
            assert again["id"] != payment["id"]
            await check_invariants(stack.database_url)


async def test_a_payer_pays_without_a_key(till: Shop) -> None:
    order = await till.order(12345, currency="usd")
    shown = (await till.anyone.get(f"/orders/{order['id']}/public")).json()
    assert shown == {
        "id": order["id"], "amount": 12345, "currency": "USD", "status": "created",
    }  # fmt: skip
    answer = await till.anyone.post("/payments/public", json={"order_id": order["id"], **CARD})
    assert answer.status_code == 201
    paid = await till.payment_is(answer.json(), "success")
    assert (paid["currency"], paid["card_network"], paid["card_last4"]) == ("USD", "visa", "1111")
    path = f"/payments/{paid['id']}/public"
    assert "card_last4" not in (await till.anyone.get(path)).json()


async def test_a_payer_names_an_order_that_is_there(till: Shop) -> None:
    for body, wanted in (
        ({}, (400, "BAD_REQUEST_ERROR", "order_id is required")),
        ({"order_id": "order_x", **UPI}, (404, "NOT_FOUND_ERROR", "Order not found")),
    ):
        assert refusal(await till.anyone.post("/payments/public", json=body)) == wanted


async def test_a_card_in_flat_members(till: Shop) -> None:
    flat = {
        "method": "card", "card_number": "5555-5555-5555-4444", "card_expiry": "12/99",
        "card_cvv": "123", "card_holder_name": "John Doe",
    }  # fmt: skip
    payment = await till.pay(await till.order(), **flat)
    assert (payment["card_network"], payment["card_last4"]) == ("mastercard", "4444")


async def test_a_paid_order_is_not_paid_again(till: Shop) -> None:
    paid = await till.paid()
    status, code, _ = await till.refused("/payments", order_id=paid["order_id"], **UPI)
    assert (status, code) == (400, "BAD_REQUEST_ERROR")


async def test_the_amount_is_the_orders(till: Shop) -> None:
    order = await till.order(700)
    payment = await till.pay(order, **UPI, amount=1, currency="USD")
    assert (payment["amount"], payment["currency"]) == (700, "INR")


async def test_lists_begin_with_the_newest(till: Shop) -> None:
    first, second = await till.paid(), await till.pay(await till.order(200))
    for path in ("/payments", "/payments/list"):
        shown = await till.get(path)
        assert [one["id"] for one in shown[:2]] == [second["id"], first["id"]]
    [only] = await till.get("/payments", limit=1, offset=1)
    assert only["id"] == first["id"]
    orders = await till.get("/orders", limit=2)
    assert [one["id"] for one in orders] == [second["order_id"], first["order_id"]]
    whatever = await till.get("/payments", limit="-1", offset="x")
    assert whatever[0]["id"] == second["id"]


async def test_refunds_in_parts_and_their_list(till: Shop) -> None:
    paid = await till.paid(1000)
    path = f"/payments/{paid['id']}/refunds"
    made = [await till.send(path, 201, amount=amount) for amount in (300, 700)]
    assert made[0]["reason"] is None
    for amount, text in (
        (1, "Refund amount exceeds available amount"),
        (0, "amount must be greater than 0"),
        (-5, "amount must be greater than 0"),
        ("5", "amount must be greater than 0"),
        (10**15, "Refund amount exceeds available amount"),
    ):
        assert await till.refused(path, amount=amount) == (400, "BAD_REQUEST_ERROR", text)
    listed = await till.get("/refunds", limit=2)
    assert [one["id"] for one in listed["data"]] == [made[1]["id"], made[0]["id"]]
    assert listed["total"] >= 2
    assert (listed["limit"], listed["offset"]) == (2, 0)


async def test_notes_come_back_as_they_were_given(till: Shop) -> None:
    notes: dict[str, Any] = {
        "text": 'ü \u2028 "quoted"', "json:": "json:1", "number": 1.5, "whole": 7, "none": None,
        "list": [1, {"a": []}], "object": {"b": {"10": 1, "2": 2}}, "yes": True, "10": "ten",
        "empty": "",
    }  # fmt: skip
    order = await till.order(notes=notes)
    assert order["notes"] == notes
    assert (await till.get(f"/orders/{order['id']}"))["notes"] == notes
    assert (await till.order())["notes"] == {}


async def test_orders_that_make_no_sense(till: Shop) -> None:
    wrongs: list[tuple[Body, str]] = [
        ({}, "amount must be at least 100"),
        ({"amount": 100.5}, "amount must be at least 100"),
        ({"amount": "50000"}, "amount must be at least 100"),
        ({"amount": True}, "amount must be at least 100"),
        ({"amount": 10**12}, "amount must be at most 99999999999"),
        ({"amount": 100, "currency": "XXX"}, "currency is not supported"),
        ({"amount": 100, "receipt": 1}, "receipt must be a text of at most 255 characters"),
        ({"amount": 100, "notes": []}, "notes must be an object"),
        ({"amount": 100, "notes": {"a": 2**60}}, "notes hold an integer beyond 2^53 - 1"),
        (
            {"amount": 100, "notes": {"a": "b" * 501}},
            "values of notes must have at most 500 characters",
        ),
    ]
    for wrong, text in wrongs:
        assert await till.refused("/orders", **wrong) == (400, "BAD_REQUEST_ERROR", text)


async def test_payments_made_otherwise_are_shown_too(gateway: Stack, stranger: Shop) -> None:
    made = await gateway.create(amount=700)
    shown = await stranger.get(f"/payments/{made['id']}")
    assert (shown["id"], shown["order_id"], shown["method"]) == (made["id"], None, None)


async def test_where_nothing_takes_the_method(gateway: Stack, stranger: Shop) -> None:
    """A merchant whose connections all have a page of their own."""
    made = await gateway.api.post(
        "/v1/connections",
        json={
            "connector": "external", "name": "App", "credentials": {}, "priority": 9,
            "settings": {"preset": "generic", "base_url": "https://pay.example.com"},
        },
    )  # fmt: skip
    assert made.status_code == 201, made.text
    await stranger.payment_is(await stranger.pay(await stranger.order()), "success")
    listed = (await gateway.api.get("/v1/connections")).json()["data"]
    [sandbox] = [one for one in listed if one["name"] == "Sandbox"]
    path = f"/v1/connections/{sandbox['id']}"
    await gateway.api.post(path, json={"status": "disabled"})
    try:
        order = await stranger.order()
        refused = await stranger.refused("/payments", order_id=order["id"], **UPI)
        assert refused == (400, "BAD_REQUEST_ERROR", "Unsupported payment method")
    finally:
        await gateway.api.post(path, json={"status": "enabled"})
        await gateway.api.post(f"/v1/connections/{made.json()['id']}", json={"status": "disabled"})
