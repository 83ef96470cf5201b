"""Orders and the payments that pay for them: covered once, never twice."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from tests.flows.stack import until
from tests.flows.trade import Body, Trade


async def order_of(trade: Trade, amount: int = 1000, **wanted: Any) -> Body:
    lines = [{"name": "Mug", "quantity": 1, "amount": amount}]
    return await trade.ask("/v1/orders", 201, currency="eur", lines=lines, **wanted)


async def now(trade: Trade, order: Body) -> tuple[str, int, int, int]:
    """(status, paid, refunded, due)"""
    found = await trade.get(f"/v1/orders/{order['id']}")
    return (
        found["status"], found["amount_paid"], found["amount_refunded"], found["amount_due"],
    )  # fmt: skip


async def test_two_payments_cover_an_order(trade: Trade) -> None:
    order = await order_of(trade)
    await trade.paid(400, order=order["id"])
    assert await now(trade, order) == ("partly_paid", 400, 0, 600)
    rest = await trade.ask("/v1/payments", 201, order=order["id"])
    assert (rest["amount"], rest["currency"], rest["order"]) == (600, "eur", order["id"])
    await trade.ask(f"/v1/payments/{rest['id']}/confirm")
    await trade.approve(rest)
    await trade.until(rest["id"], "succeeded")
    assert await now(trade, order) == ("paid", 1000, 0, 0)
    assert await trade.told(order) == ["order.created", "order.partly_paid", "order.paid"]
    assert await trade.refused("/v1/payments", order=order["id"]) == (409, "order_state")
    assert await trade.refused(f"/v1/orders/{order['id']}/cancel") == (409, "order_state")
    await trade.refund(rest, amount=100)
    assert await now(trade, order) == ("paid", 1000, 100, 0)
    assert (await trade.told(order))[-1] == "order.refunded"


async def test_an_order_is_paid_at_the_second_try(trade: Trade) -> None:
    order = await order_of(trade)
    payment = await trade.started(amount=1000, order=order["id"])
    await trade.control("POST", f"/payments/{payment['id']}/decline")
    await trade.until(payment["id"], "failed")
    assert await now(trade, order) == ("open", 0, 0, 1000)
    await trade.ask(f"/v1/payments/{payment['id']}/confirm")
    await trade.approve(payment)
    await trade.until(payment["id"], "succeeded")
    assert await now(trade, order) == ("paid", 1000, 0, 0)
    whole = await trade.get(f"/v1/payments/{payment['id']}", **{"expand[]": "order"})
    assert whole["order"]["status"] == "paid"


async def test_what_is_paid_twice_waits_for_a_person(trade: Trade) -> None:
    order = await order_of(trade, duplicates="review")
    first, second = [await trade.started(amount=1000, order=order["id"]) for _ in range(2)]
    third = await trade.create(amount=1000, order=order["id"])
    for payment in (first, second):
        await trade.approve(payment)
    ends = {
        (await trade.until(first["id"], "succeeded"))["id"]: "succeeded",
        (await trade.until(second["id"], "review"))["id"]: "review",
    }
    assert ends == {first["id"]: "succeeded", second["id"]: "review"}
    assert (await trade.payment(second["id"]))["review_reason"] == "duplicate"
    assert await now(trade, order) == ("paid", 1000, 0, 0)
    assert await trade.balance() == {"available": 1000, "in_review": 1000}
    assert "payment.succeeded" not in await trade.told(second)
    refused = await trade.refused(f"/v1/payments/{third['id']}/confirm")
    assert refused == (409, "order_state")
    resolved = await trade.ask(f"/v1/payments/{second['id']}/resolve", action="refund")
    assert (resolved["status"], resolved["amount_refunded"]) == ("failed", 1000)
    assert await trade.balance() == {"available": 1000}
    assert (await trade.at_processor(second))["Refunded"] == 1000
    assert Counter(await trade.told(order))["order.paid"] == 1


async def test_parallel_payments_of_one_order_pay_it_once(trade: Trade) -> None:
    order = await order_of(trade, duplicates="review")
    payments = [await trade.started(amount=1000, order=order["id"]) for _ in range(5)]
    await asyncio.gather(*(trade.approve(payment) for payment in payments))

    ends = Counter([await ended(trade, payment) for payment in payments])
    assert ends == {"succeeded": 1, "review": 4}
    assert await now(trade, order) == ("paid", 1000, 0, 0)
    assert await trade.balance() == {"available": 1000, "in_review": 4000}


async def ended(trade: Trade, payment: Body) -> str:
    found = await until(
        lambda: trade.payment(payment["id"]), lambda p: p["status"] in {"succeeded", "review"}
    )
    return found["status"]


async def test_what_is_paid_twice_goes_back_by_itself(trade: Trade) -> None:
    order = await order_of(trade, duplicates="refund")
    first, second = [await trade.started(amount=1000, order=order["id"]) for _ in range(2)]
    await trade.approve(first)
    await trade.until(first["id"], "succeeded")
    await trade.approve(second)
    await trade.until(second["id"], "failed")
    [refund] = await trade.refunds(second)
    assert (refund["reason"], refund["amount"]) == ("duplicate", 1000)
    await trade.refund_is(refund, "succeeded")
    assert (await trade.at_processor(second))["Refunded"] == 1000
    assert await trade.balance() == {"available": 1000}
    assert await now(trade, order) == ("paid", 1000, 0, 0)


async def test_money_for_a_canceled_order_waits(trade: Trade) -> None:
    order = await order_of(trade)
    payment = await trade.started(amount=1000, order=order["id"])
    await trade.ask(f"/v1/orders/{order['id']}/cancel")
    await trade.approve(payment)
    waiting = await trade.until(payment["id"], "review")
    assert waiting["review_reason"] == "order_canceled"
    assert await now(trade, order) == ("canceled", 0, 0, 0)
    accepted = await trade.ask(f"/v1/payments/{payment['id']}/resolve", action="accept")
    assert accepted["status"] == "succeeded"
    assert await trade.balance() == {"available": 1000}
    assert await now(trade, order) == ("canceled", 1000, 0, 0)


async def test_less_than_asked_is_accepted_as_it_is(trade: Trade) -> None:
    """What went back before the decision went back of the order, too."""
    order = await order_of(trade)
    payment = await trade.started(amount=1000, order=order["id"])
    await trade.approve(payment, amount=900)
    waiting = await trade.until(payment["id"], "review")
    assert (waiting["review_reason"], waiting["amount_captured"]) == ("amount_short", 900)
    assert await now(trade, order) == ("open", 0, 0, 1000)
    await trade.refund(payment, amount=100)
    assert await trade.balance() == {"in_review": 800}
    await trade.ask(f"/v1/payments/{payment['id']}/resolve", action="accept")
    assert await trade.balance() == {"available": 800}
    assert await now(trade, order) == ("partly_paid", 900, 100, 200)


@pytest.mark.parametrize("action", ["accept", "refund"])
async def test_a_decision_is_made_once(trade: Trade, action: str) -> None:
    payment = await trade.started(amount=1000)
    await trade.approve(payment, amount=900)
    await trade.until(payment["id"], "review")
    path = f"/v1/payments/{payment['id']}/resolve"
    answers = await asyncio.gather(*(trade.send(path, action=action) for _ in range(5)))
    assert Counter(a.status_code for a in answers) == {200: 1, 409: 4}
    end, there = ("succeeded", 0) if action == "accept" else ("failed", 900)
    assert (await trade.payment(payment["id"]))["status"] == end
    assert (await trade.at_processor(payment))["Refunded"] == there
    assert await trade.refused(path, action="perhaps") == (400, "parameter_invalid")


@pytest.mark.parametrize(
    ("wish", "answer"),
    [
        ({"currency": "usd", "amount": 5}, (400, "parameter_invalid")),
        ({"amount": 5}, (400, "parameter_missing")),
        ({"currency": "eur"}, (400, "parameter_missing")),
    ],
)
async def test_a_payment_fits_its_order(trade: Trade, wish: Body, answer: tuple[int, str]) -> None:
    order = await order_of(trade)
    assert await trade.refused("/v1/payments", order=order["id"], **wish) == answer
    gone = "ord_" + "0" * 26
    assert await trade.refused("/v1/payments", order=gone) == (404, "not_found")
