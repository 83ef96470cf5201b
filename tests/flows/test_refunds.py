"""Refunds over plain HTTP: never more than was captured, whatever runs beside or fails."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from tests.flows.stack import until
from tests.flows.trade import Body, Trade, lease_over

Db = Any


async def test_a_payment_is_given_back_part_by_part(trade: Trade) -> None:
    payment = await trade.paid(1000)
    part = await trade.refund(
        payment, amount=400, reason="requested_by_customer", metadata={"return": "r-7"}
    )
    assert (part["object"], part["status"], part["amount"]) == ("refund", "succeeded", 400)
    assert (part["payment"], part["reason"]) == (payment["id"], "requested_by_customer")
    assert part["metadata"] == {"return": "r-7"}
    assert (await trade.payment(payment["id"]))["amount_refunded"] == 400
    assert await trade.balance() == {"available": 600}
    wish = {"payment": payment["id"], "amount": 601}
    assert await trade.refused("/v1/refunds", **wish) == (400, "amount_too_large")
    rest = await trade.refund(payment)
    assert (rest["amount"], rest["status"]) == (600, "succeeded")
    assert await trade.refused("/v1/refunds", **wish) == (400, "charge_refunded")
    after = await trade.payment(payment["id"])
    assert (after["status"], after["amount_refunded"]) == ("succeeded", 1000)
    assert await trade.balance() == {}
    assert (await trade.at_processor(payment))["Refunded"] == 1000
    assert [one["id"] for one in await trade.refunds(payment)] == [rest["id"], part["id"]]
    assert await trade.told(part) == ["refund.created", "refund.succeeded"]
    assert Counter(await trade.told(payment))["payment.refunded"] == 2


async def test_what_brought_nothing_is_not_given_back(trade: Trade) -> None:
    payment = await trade.started()
    refused = await trade.refused("/v1/refunds", payment=payment["id"])
    assert refused == (409, "payment_state")
    for wrong in ({"amount": 0}, {"amount": -1}, {"reason": "mood"}):
        refused = await trade.refused("/v1/refunds", payment=payment["id"], **wrong)
        assert refused == (400, "parameter_invalid")
    assert await trade.refused("/v1/refunds", payment="pay_1") == (404, "not_found")
    assert await trade.refused("/v1/refunds") == (400, "parameter_missing")


@pytest.mark.parametrize(("count", "amount", "made"), [(20, 60, 1), (12, 10, 10)])
async def test_parallel_refunds_stay_within_what_was_captured(
    trade: Trade, count: int, amount: int, made: int
) -> None:
    payment = await trade.paid(100)
    wish: Body = {"payment": payment["id"], "amount": amount}
    answers = await asyncio.gather(*(trade.send("/v1/refunds", **wish) for _ in range(count)))
    assert Counter(a.status_code for a in answers) == {201: made, 400: count - made}
    assert (await trade.at_processor(payment))["Refunded"] == made * amount
    assert (await trade.payment(payment["id"]))["amount_refunded"] == made * amount
    left = 100 - made * amount
    assert await trade.balance() == ({"available": left} if left else {})


async def test_one_key_refunds_once(trade: Trade) -> None:
    payment = await trade.paid(1000)
    wish: Body = {"payment": payment["id"], "amount": 100}
    answers = await asyncio.gather(*(trade.send("/v1/refunds", "k", **wish) for _ in range(10)))
    assert {a.status_code for a in answers} <= {201, 409}
    assert {a.json()["error"]["code"] for a in answers if a.status_code == 409} <= {
        "idempotency_key_in_use"
    }
    first = next(a for a in answers if a.status_code == 201)
    again = await trade.send("/v1/refunds", "k", **wish)
    assert (again.status_code, again.text) == (201, first.text)
    assert again.headers["idempotent-replayed"] == "true"
    assert len(await trade.refunds(payment)) == 1
    assert (await trade.at_processor(payment))["Refunded"] == 100


async def test_a_refusal_is_kept_for_its_key(trade: Trade) -> None:
    payment = await trade.paid(100)
    wish = {"payment": payment["id"], "amount": 101}
    first, again = [await trade.send("/v1/refunds", "no", **wish) for _ in range(2)]
    assert (first.status_code, again.status_code, first.text) == (400, 400, again.text)


async def test_a_refund_takes_its_time(trade: Trade) -> None:
    payment = await trade.paid(1000)
    await trade.fault(payment, refund_delay_s=3600)
    refund = await trade.refund(payment, amount=400)
    assert refund["status"] == "pending"
    assert await trade.balance() == {"available": 600, "reserved": 400}
    assert (await trade.payment(payment["id"]))["amount_refunded"] == 0
    assert await trade.refused(f"/v1/refunds/{refund['id']}/cancel") == (409, "refund_state")
    assert await trade.refused("/v1/refunds", payment=payment["id"], amount=601) == (
        400, "amount_too_large",
    )  # fmt: skip
    await settle(trade, payment, refund, "succeed")
    await trade.refund_is(refund, "succeeded")
    assert await trade.balance() == {"available": 600}
    assert (await trade.payment(payment["id"]))["amount_refunded"] == 400


async def test_a_refund_that_fails_in_the_end_goes_back(trade: Trade) -> None:
    payment = await trade.paid(1000)
    refund = await trade.refund(payment)
    assert await trade.balance() == {}
    await settle(trade, payment, refund, "fail")
    failed = await trade.refund_is(refund, "failed")
    assert failed["last_error"]["code"] == "refund_failed"
    after = await trade.payment(payment["id"])
    assert (after["amount_refunded"], after["status"]) == (0, "succeeded")
    assert await trade.balance() == {"available": 1000}
    assert await trade.told(refund) == ["refund.created", "refund.succeeded", "refund.failed"]
    assert Counter(await trade.told(payment))["payment.refunded"] == 2
    assert (await trade.refund(payment))["status"] == "succeeded"
    assert await trade.balance() == {}


async def test_a_refund_may_fail_at_once(trade: Trade) -> None:
    payment = await trade.paid(1000)
    await trade.fault(payment, refund_outcome="fail", times=1)
    failed = await trade.refund(payment, amount=300)
    assert failed["status"] == "failed"
    assert await trade.balance() == {"available": 1000}
    assert await trade.told(failed) == ["refund.created", "refund.failed"]
    assert "payment.refunded" not in await trade.told(payment)


# ---- wallets ------------------------------------------------------------------------------------


async def test_a_deposit_is_given_back_from_its_wallet(trade: Trade) -> None:
    payment = await trade.paid(1000, wallet_user="ada")
    await wish_of(trade, "/debit", amount=700)
    refused = await trade.refused("/v1/refunds", payment=payment["id"])
    assert refused == (402, "insufficient_funds")
    await trade.refund(payment, amount=300)
    assert await wallet(trade) == (0, 0, 0)
    await wish_of(trade, "/credit", amount=700)
    await wish_of(trade, "/freeze")
    refused = await trade.refused("/v1/refunds", payment=payment["id"])
    assert refused == (409, "wallet_frozen")
    await wish_of(trade, "/unfreeze")
    await trade.refund(payment)
    assert await wallet(trade) == (0, 0, 0)


async def test_what_a_refund_holds_no_wish_lets_go(trade: Trade) -> None:
    payment = await trade.paid(1000, wallet_user="ada")
    await trade.fault(payment, refund_delay_s=3600)
    refund = await trade.refund(payment, amount=600)
    assert await wallet(trade) == (1000, 400, 600)
    [hold] = (await trade.get("/v1/wallets/ada/holds"))["data"]
    for deed in ("void", "post"):
        refused = await trade.refused(f"/v1/wallets/ada/holds/{hold['id']}/{deed}")
        assert refused == (409, "hold_state"), deed
    assert await wallet(trade) == (1000, 400, 600)
    await settle(trade, payment, refund, "succeed")
    await trade.refund_is(refund, "succeeded")
    assert await wallet(trade) == (400, 400, 0)


# ---- the processor ------------------------------------------------------------------------------


async def test_a_refund_made_at_the_processor_appears(trade: Trade) -> None:
    payment = await trade.paid(1000)
    await trade.there(payment, "refunds", RefundId="by hand", Amount=250)
    [refund] = await until(lambda: trade.refunds(payment), lambda found: len(found) == 1)
    assert (refund["amount"], refund["status"], refund["reason"]) == (250, "succeeded", None)
    assert await trade.balance() == {"available": 750}
    assert (await trade.payment(payment["id"]))["amount_refunded"] == 250
    assert await trade.told(refund) == ["refund.created", "refund.succeeded"]
    assert await trade.refused("/v1/refunds", payment=payment["id"], amount=751) == (
        400, "amount_too_large",
    )  # fmt: skip


async def test_a_refund_whose_answer_is_lost_is_looked_up(trade: Trade, db: Db) -> None:
    payment = await trade.paid(1000)
    await trade.fault(payment, fail_after_work=1, drop=True)
    wish = {"payment": payment["id"], "amount": 400}
    lost = await trade.send("/v1/refunds", "lost-refund", **wish)
    assert (lost.status_code, lost.json()["status"]) == (201, "pending")
    assert await trade.balance() == {"available": 600, "reserved": 400}
    await trade.advance(60)
    await trade.refund_is(lost.json(), "succeeded")
    await lease_over(db, "lost-refund")
    told = await trade.send("/v1/refunds", "lost-refund", **wish)
    assert (told.json()["id"], told.json()["status"]) == (lost.json()["id"], "succeeded")
    assert len(await trade.refunds(payment)) == 1
    there = await trade.at_processor(payment)
    assert (there["Refunded"], len(there["Refunds"])) == (400, 1)


# ---- saying something else ----------------------------------------------------------------------


async def test_what_a_refund_says_can_be_changed(trade: Trade) -> None:
    payment = await trade.paid(1000)
    refund = await trade.refund(payment, amount=100, metadata={"a": "1"})
    path = f"/v1/refunds/{refund['id']}"
    changed = await trade.ask(path, metadata={"a": "", "b": "2"})
    assert changed["metadata"] == {"b": "2"}
    assert changed == await trade.get(path)
    whole = await trade.get(path, **{"expand[]": "payment"})
    assert whole["payment"]["amount_refunded"] == 100
    lines = (await trade.get("/v1/audit", target=refund["id"]))["data"]
    assert [line["action"] for line in lines] == ["refund.update", "refund.create"]


async def settle(trade: Trade, payment: Body, refund: Body, outcome: str) -> None:
    """The processor has decided."""
    there = f"/payments/{payment['id']}/refunds/{refund['reference']}/{outcome}"
    await trade.control("POST", there)


async def wish_of(trade: Trade, path: str, **body: Any) -> None:
    answer = await trade.send(f"/v1/wallets/ada{path}", currency="eur", **body)
    assert answer.status_code in {200, 201}, answer.text


async def wallet(trade: Trade) -> tuple[int, int, int]:
    [one] = (await trade.get("/v1/wallets/ada", currency="eur"))["balances"]
    return one["total"], one["available"], one["held"]
