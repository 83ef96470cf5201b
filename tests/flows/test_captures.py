"""Captures, cancellations and confirmations over plain HTTP, with the sandbox as the processor."""

import asyncio
from typing import Any

import pytest

from tests.flows.stack import until
from tests.flows.trade import Trade, lease_over
from tillgate.connections.commands import SANDBOX_NAME, connect_sandbox
from tillgate.kit import clock, ids
from tillgate.kit.db import set_up
from tillgate.main.parts import vault_of
from tillgate.settings import Settings

Db = Any


async def test_what_is_authorized_is_captured_later(trade: Trade) -> None:
    payment = await trade.authorized(1000)
    assert (payment["amount_capturable"], payment["amount_captured"]) == (1000, 0)
    assert (await trade.at_processor(payment))["Authorized"] == 1000
    assert await trade.balance() == {}, "what is set aside at the processor is not ours yet"
    captured = await trade.ask(f"/v1/payments/{payment['id']}/capture")
    assert (captured["status"], captured["amount_captured"]) == ("succeeded", 1000)
    assert captured["amount_capturable"] == 0
    there = await trade.at_processor(payment)
    assert (there["Status"], there["Captured"], there["Authorized"]) == ("success", 1000, 0)
    assert await trade.balance() == {"available": 1000}
    assert await trade.told(payment) == [
        "payment.created", "payment.authorized", "payment.succeeded",
    ]  # fmt: skip
    for deed in ("capture", "cancel"):
        path = f"/v1/payments/{payment['id']}/{deed}"
        assert await trade.refused(path) == (409, "payment_state")


async def test_a_part_is_captured_and_the_rest_released(trade: Trade) -> None:
    payment = await trade.authorized(1000)
    path = f"/v1/payments/{payment['id']}/capture"
    assert await trade.refused(path, amount=1001) == (400, "amount_too_large")
    assert await trade.refused(path, amount=0) == (400, "parameter_invalid")
    captured = await trade.ask(path, amount=600)
    assert (captured["status"], captured["amount_captured"]) == ("succeeded", 600)
    assert (captured["amount"], captured["amount_capturable"]) == (1000, 0)
    there = await trade.at_processor(payment)
    assert (there["Status"], there["Captured"], there["Authorized"]) == ("success", 600, 0)
    assert await trade.balance() == {"available": 600}


async def test_what_is_authorized_can_be_let_go(trade: Trade) -> None:
    payment = await trade.authorized()
    path = f"/v1/payments/{payment['id']}/cancel"
    canceled = await trade.ask(path, reason="fraudulent")
    assert (canceled["status"], canceled["amount_capturable"]) == ("canceled", 0)
    assert canceled["cancellation_reason"] == "fraudulent"
    assert (await trade.at_processor(payment))["Status"] == "canceled"
    assert await trade.balance() == {}
    assert (await trade.told(payment))[-1] == "payment.canceled"
    for deed in ("capture", "cancel", "confirm"):
        again = f"/v1/payments/{payment['id']}/{deed}"
        assert await trade.refused(again) == (409, "payment_state")


async def test_a_payer_on_the_way_can_be_stopped(trade: Trade) -> None:
    """And one who has not set out."""
    payment, idle = await trade.started(), await trade.create()
    for one in (payment, idle):
        canceled = await trade.ask(f"/v1/payments/{one['id']}/cancel")
        assert (canceled["status"], canceled["next_action"]) == ("canceled", None)
    there = await trade.at_processor(payment)
    assert there["Status"] == "canceled"
    page = await trade.look(there["RedirectUrl"])
    assert "/approve" not in page.text
    tries = (await trade.get(f"/v1/payments/{payment['id']}", **{"expand[]": "tries"}))["tries"]
    assert [one["status"] for one in tries] == ["canceled"]


async def test_of_capture_and_cancellation_one_wins(trade: Trade) -> None:
    for _ in range(4):
        payment = await trade.authorized()
        path = f"/v1/payments/{payment['id']}"
        capture, cancel = await asyncio.gather(
            trade.send(f"{path}/capture"), trade.send(f"{path}/cancel")
        )
        assert sorted((capture.status_code, cancel.status_code)) == [200, 409]
        won = "succeeded" if capture.status_code == 200 else "canceled"
        assert (await trade.payment(payment["id"]))["status"] == won
        there = await trade.at_processor(payment)
        assert there["Captured"] == (1000 if won == "succeeded" else 0)


async def test_one_key_captures_once(trade: Trade) -> None:
    payment = await trade.authorized()
    path = f"/v1/payments/{payment['id']}/capture"
    answers = await asyncio.gather(*(trade.send(path, key="c", amount=700) for _ in range(8)))
    assert {a.status_code for a in answers} <= {200, 409}
    first = next(a for a in answers if a.status_code == 200)
    again = await trade.send(path, key="c", amount=700)
    assert (again.status_code, again.json()) == (200, first.json())
    assert again.headers["idempotent-replayed"] == "true"
    other = await trade.send(path, key="c", amount=800)
    assert other.json()["error"]["code"] == "idempotency_key_reused"
    assert (await trade.payment(payment["id"]))["amount_captured"] == 700


async def test_a_capture_whose_answer_is_lost_is_looked_up(trade: Trade, db: Db) -> None:
    """The processor works, answers 500, and says nothing by itself: a worker asks."""
    payment = await trade.authorized()
    await trade.fault(payment, fail_after_work=1, drop=True)
    path = f"/v1/payments/{payment['id']}/capture"
    lost = await trade.send(path, key="lost")
    assert (lost.status_code, lost.json()["status"]) == (202, "authorized")
    early = await trade.send(path, key="lost")
    assert early.json()["error"]["code"] == "idempotency_key_in_use"
    assert await trade.refused(path) == (409, "payment_state")
    await trade.advance(60)
    await trade.until(payment["id"], "succeeded")
    await lease_over(db, "lost")
    told = await trade.send(path, key="lost")
    assert (told.status_code, told.json()["status"]) == (200, "succeeded")
    assert (await trade.send(path, key="lost")).headers["idempotent-replayed"] == "true"
    assert (await trade.at_processor(payment))["Captured"] == 1000
    assert await trade.balance() == {"available": 1000}


async def test_a_capture_that_the_processor_refuses_is_told(trade: Trade) -> None:
    """What was authorized is gone there: nothing is captured, and the payment follows the truth."""
    payment = await trade.authorized()
    await trade.fault(payment, drop=True)
    await trade.there(payment, "cancel", OperationId="by hand")
    path = f"/v1/payments/{payment['id']}/capture"
    assert await trade.refused(path) == (402, "processor_refused")
    await trade.until(payment["id"], "failed")
    assert await trade.balance() == {}


# ---- confirm ------------------------------------------------------------------------------------


async def test_confirm_sends_the_payer_straight_to_the_processor(trade: Trade) -> None:
    payment = await trade.create()
    path = f"/v1/payments/{payment['id']}/confirm"
    confirmed = await trade.ask(path, return_url="https://shop.example/back")
    url = confirmed["next_action"]["url"]
    assert url.startswith(trade.sandbox_url)
    assert (await trade.ask(path))["next_action"]["url"] == url
    there = await trade.at_processor(payment)
    assert there["SuccessUrl"] == "https://shop.example/back"
    assert (await trade.payment(payment["id"]))["status"] == "pending"
    assert await trade.refused(path, return_url="javascript:alert(1)") == (400, "parameter_invalid")
    await trade.approve(payment)
    await trade.until(payment["id"], "succeeded")
    assert await trade.refused(path) == (409, "payment_state")


async def test_many_confirmations_begin_one_try(trade: Trade) -> None:
    payment = await trade.create()
    path = f"/v1/payments/{payment['id']}"
    answers = await asyncio.gather(*(trade.send(f"{path}/confirm") for _ in range(8)))
    assert {a.status_code for a in answers} <= {200, 202}
    urls = {a.json()["next_action"]["url"] for a in answers if a.status_code == 200}
    assert len(urls) == 1
    tries = (await trade.get(path, **{"expand[]": "tries"}))["tries"]
    assert [one["status"] for one in tries] == ["open"]


async def test_another_connection_lets_the_first_try_go(
    trade: Trade, db: Db, settings: Settings
) -> None:
    payment = await trade.started()
    first = await trade.at_processor(payment)
    second = await connect_again(trade, db, settings)
    path = f"/v1/payments/{payment['id']}"
    confirmed = await trade.ask(f"{path}/confirm", connection=second)
    assert confirmed["connection"] == second
    assert confirmed["next_action"]["url"] != first["RedirectUrl"]

    async def there() -> Any:
        return await trade.control("GET", f"/payments/{first['Reference']}")

    await until(there, lambda found: found["Status"] == "canceled")
    await trade.approve(payment)
    paid = await trade.get(path, **{"expand[]": "tries"})
    paid = await until(
        lambda: trade.get(path, **{"expand[]": "tries"}),
        lambda found: found["status"] == "succeeded",
    )
    assert [(one["number"], one["status"]) for one in paid["tries"]] == [
        (1, "canceled"), (2, "succeeded"),
    ]  # fmt: skip
    assert await trade.balance() == {"available": 1050}
    assert await trade.refused(f"{path}/confirm", connection=second) == (409, "payment_state")


# ---- late ---------------------------------------------------------------------------------------


async def test_an_authorization_after_the_time_is_voided(trade: Trade, db: Db) -> None:
    """The payer was quick enough, the news of it was not."""
    payment = await trade.started(capture_method="manual")
    payment_id = ids.parse("pay", payment["id"])
    await trade.fault(payment, delay_s=2)
    await trade.approve(payment)
    assert (await trade.at_processor(payment))["Status"] == "authorized"
    await db.execute("UPDATE payments SET expires_at = now() WHERE id = $1", payment_id)
    await trade.until(payment["id"], "expired")
    there = await until(
        lambda: trade.at_processor(payment), lambda found: found["Status"] == "canceled"
    )
    assert there["Captured"] == 0
    assert (await trade.payment(payment["id"]))["status"] == "expired"
    assert await trade.balance() == {}


async def test_money_after_the_time_is_booked_late(trade: Trade, db: Db) -> None:
    payment = await trade.started()
    payment_id = ids.parse("pay", payment["id"])
    await db.execute("UPDATE payments SET expires_at = now() WHERE id = $1", payment_id)
    await trade.until(payment["id"], "expired")
    await trade.approve(payment)
    paid = await trade.until(payment["id"], "succeeded")
    assert paid["late"] is True
    assert await trade.balance() == {"available": 1050}


# ---- saying something else ----------------------------------------------------------------------


async def test_what_a_payment_says_can_be_changed(trade: Trade) -> None:
    payment = await trade.create(description="Mug", metadata={"a": "1", "b": "2"})
    path = f"/v1/payments/{payment['id']}"
    changed = await trade.ask(path, metadata={"b": "", "c": "3"})
    assert (changed["metadata"], changed["description"]) == ({"a": "1", "c": "3"}, "Mug")
    changed = await trade.ask(path, description=None, metadata={"a": None})
    assert (changed["metadata"], changed["description"]) == ({"c": "3"}, None)
    assert changed == await trade.payment(payment["id"])
    lines = (await trade.get("/v1/audit", target=payment["id"]))["data"]
    assert [line["action"] for line in lines].count("payment.update") == 2
    assert await trade.ask(path) == changed
    lines = (await trade.get("/v1/audit", target=payment["id"]))["data"]
    assert [line["action"] for line in lines].count("payment.update") == 2


async def test_metadata_has_at_most_fifty_keys(trade: Trade) -> None:
    many = {str(number): "x" for number in range(50)}
    payment = await trade.create(metadata=many)
    path = f"/v1/payments/{payment['id']}"
    assert await trade.refused(path, metadata={"one more": "x"}) == (400, "parameter_invalid")
    swapped = await trade.ask(path, metadata={"one more": "x", "0": ""})
    assert len(swapped["metadata"]) == 50
    for wrong in ({"k" * 41: "x"}, {"k": "x" * 501}):
        assert await trade.refused(path, metadata=wrong) == (400, "parameter_invalid")


@pytest.mark.parametrize("deed", ["capture", "cancel", "confirm", "resolve"])
async def test_what_a_payment_is_not_ready_for_is_refused(trade: Trade, deed: str) -> None:
    payment = await trade.paid()
    body = {"action": "accept"} if deed == "resolve" else {}
    path = f"/v1/payments/{payment['id']}/{deed}"
    assert await trade.refused(path, **body) == (409, "payment_state")
    assert await trade.refused(path, surprise=1, **body) == (400, "parameter_unknown")


async def connect_again(trade: Trade, db: Db, settings: Settings) -> str:
    """One more connection to the sandbox."""
    merchant_id = ids.parse("mer", trade.ready["merchant"])
    assert merchant_id is not None
    assert settings.sandbox_url is not None
    assert settings.sandbox_secret is not None
    await set_up(db)
    await db.execute(
        "UPDATE connections SET name = 'First' WHERE merchant_id = $1 AND name = $2",
        merchant_id, SANDBOX_NAME,
    )  # fmt: skip
    made = await connect_sandbox(
        db, vault_of(settings), merchant_id, settings.sandbox_url, settings.sandbox_secret,
        clock.now(),
    )  # fmt: skip
    return ids.show("con", made)
