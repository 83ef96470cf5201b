"""Stripe on the running stack, with a fake Stripe that tells what happens there."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.fakes.stripe import PUBLISHABLE_KEY, SECRET_KEY, WEBHOOK_SECRET, FakeStripe
from tests.fakes.stripe_objects import Thing
from tests.flows.stack import until
from tests.flows.trade import Body, Trade

CREDENTIALS = {
    "secret_key": SECRET_KEY,
    "publishable_key": PUBLISHABLE_KEY,
    "webhook_secrets": [WEBHOOK_SECRET],
}


@pytest.fixture
async def fake() -> AsyncIterator[FakeStripe]:
    fake = FakeStripe()
    await fake.start()
    yield fake
    await fake.stop()


class Seller:
    """A merchant whose payments in dollars go to Stripe."""

    def __init__(self, trade: Trade, fake: FakeStripe) -> None:
        self.trade, self.fake = trade, fake

    async def connect(self, policy: str = "review", **settings: Any) -> Body:
        made = await self.trade.ask(
            "/v1/connections", 201, connector="stripe", credentials=CREDENTIALS,
            settings={"api_base": self.fake.url, **settings}, priority=10, currencies=["usd"],
            amount_policy=policy,
        )  # fmt: skip
        self.fake.webhook_url = made["callback_url"]
        return made

    async def started(self, amount: int = 1050, **wanted: Any) -> Body:
        """A payment whose payer may pay: `next_action` says how."""
        payment = await self.trade.create(amount=amount, currency="usd", **wanted)
        return await self.trade.ask(f"/v1/payments/{payment['id']}/confirm")

    def intent(self, payment: Body) -> Thing:
        """The payment intent at Stripe; there is one."""
        [found] = self.intents(payment)
        return found

    def intents(self, payment: Body) -> list[Thing]:
        """All of them, the newest first."""
        every = self.fake.books.all("payment_intent", None)
        return [one for one in every if one["metadata"].get("tillgate_payment") == payment["id"]]

    async def button(self, amount: int, policy: str) -> tuple[Body, str]:
        """A payment by a Buy Button, and what the button says it is for."""
        await self.connect(policy, method="buy_button", buy_button_id="buy_btn_1")
        payment = await self.started(amount=amount)
        return payment, payment["next_action"]["details"]["client_reference_id"]

    async def all_heard(self) -> None:
        """Whatever Stripe has said was applied, or is a dead letter."""
        await self.fake.settled()
        waiting = lambda: self.trade.get("/v1/callbacks", state="pending")  # noqa: E731
        await until(waiting, lambda found: not found["data"])

    async def dollars(self) -> dict[str, int]:
        """What stands where."""
        told = await self.trade.get("/v1/balance")
        names = [name for name in told if name not in {"object", "livemode"}]
        sums = {
            name: sum(e["amount"] for e in told[name] if e["currency"] == "usd") for name in names
        }
        return {name: amount for name, amount in sums.items() if amount}


@pytest.fixture
def seller(trade: Trade, fake: FakeStripe) -> Seller:
    return Seller(trade, fake)


async def test_a_card_is_paid_refunded_and_disputed(seller: Seller) -> None:
    trade, fake = seller.trade, seller.fake
    connection = await seller.connect()
    tested = await trade.ask(f"/v1/connections/{connection['id']}/test")
    assert tested["troubles"] == []
    payment = await seller.started(metadata={"serviceName": "Premium Credits"})
    intent = seller.intent(payment)
    assert intent["description"] == "Premium Credits | Direct"
    fake.books.pay(intent["id"])
    await trade.until(payment["id"], "succeeded")

    refund = await trade.refund(payment, amount=300)
    await trade.refund_is(refund, "succeeded")
    fake.books.refund(intent["id"], 50, {})  # in Stripe's dashboard
    refunds = await until(lambda: trade.refunds(payment), lambda found: len(found) == 2)
    assert sorted(one["amount"] for one in refunds) == [50, 300]
    fake.books.dispute(intent["id"], 500)
    told = lambda: trade.get("/v1/disputes", payment=payment["id"])  # noqa: E731
    found = await until(told, lambda listed: bool(listed["data"]))
    assert found["data"][0]["amount"] == 500


async def test_a_part_is_captured_and_the_rest_is_no_refund(seller: Seller) -> None:
    await seller.connect()
    payment = await seller.started(capture_method="manual")
    seller.fake.books.pay(seller.intent(payment)["id"])
    await seller.trade.until(payment["id"], "authorized")
    await seller.trade.ask(f"/v1/payments/{payment['id']}/capture", amount=800)
    paid = await seller.trade.until(payment["id"], "succeeded")
    assert paid["amount_captured"] == 800
    await seller.fake.settled()
    assert await seller.trade.refunds(payment) == []


async def test_events_in_any_order_and_twice_pay_once(seller: Seller) -> None:
    await seller.connect()
    payment = await seller.started()
    seller.fake.held = []
    seller.fake.books.pay(seller.intent(payment)["id"])
    await seller.fake.release(backwards=True, times=3)
    paid = await seller.trade.until(payment["id"], "succeeded")
    assert paid["amount_captured"] == 1050


async def test_a_forged_event_pays_nothing(seller: Seller) -> None:
    await seller.connect()
    payment = await seller.started()
    seller.fake.held = []
    seller.fake.books.pay(seller.intent(payment)["id"])
    told = seller.fake.held[-1]
    assert await seller.fake.deliver(told, "whsec_of_somebody_else") == 400
    assert await seller.fake.deliver(told | {"livemode": True}) == 200
    assert (await seller.trade.payment(payment["id"]))["status"] == "pending"


@pytest.mark.parametrize("policy", ["review", "accept"])
@pytest.mark.parametrize("amount", [100, 49_999, 50_001])
async def test_a_button_of_another_price_does_not_pay(
    seller: Seller, amount: int, policy: str
) -> None:
    """The genuine price pays afterwards; what the other brought waits for a person all the same."""
    trade, books = seller.trade, seller.fake.books
    payment, reference = await seller.button(50_000, policy)
    books.pay_link(reference, amount, "usd", "plink_cheap")
    stays = await trade.until(payment["id"], "review")
    await seller.all_heard()  # what Stripe says of it by its own name changes nothing
    assert await trade.payment(payment["id"]) == stays
    assert (stays["review_reason"], stays["amount_captured"]) == ("nominated_mismatch", 0)
    assert await seller.dollars() == {"in_review": amount}
    books.pay_link(reference, 50_000, "usd", "plink_1")
    paid = await trade.until(payment["id"], "succeeded")
    assert paid["amount_captured"] == 50_000
    assert await seller.dollars() == {"in_review": amount, "available": 50_000}
    assert (await trade.told(payment))[-2:] == ["payment.review", "payment.succeeded"]


async def test_what_a_button_of_another_price_brought_goes_back(seller: Seller) -> None:
    trade, books = seller.trade, seller.fake.books
    payment, reference = await seller.button(50_000, "accept")
    session = books.pay_link(reference, 100, "usd", "plink_cheap")
    await trade.until(payment["id"], "review")
    path = f"/v1/payments/{payment['id']}/resolve"
    assert await trade.refused(path, action="accept") == (400, "parameter_invalid")
    await trade.ask(path, action="refund")
    [refund] = await trade.refunds(payment)
    await trade.refund_is(refund, "succeeded")
    given = books.all("refund", session["payment_intent"])
    assert [one["amount"] for one in given] == [100]
    ended = await trade.payment(payment["id"])
    assert (ended["status"], ended["amount_captured"], ended["amount_refunded"]) == ("failed", 0, 0)
    assert await seller.dollars() == {}


async def test_a_button_that_fits_pays(seller: Seller) -> None:
    payment, reference = await seller.button(50_000, "review")
    session = seller.fake.books.pay_link(reference, 50_000, "usd", "plink_1")
    await seller.trade.until(payment["id"], "succeeded")
    refund = await seller.trade.refund(payment, amount=20_000)
    await seller.trade.refund_is(refund, "succeeded")
    given = seller.fake.books.all("refund", session["payment_intent"])
    assert [one["amount"] for one in given] == [20_000]


@pytest.fixture
async def two_intents(seller: Seller) -> tuple[Body, Thing, Thing]:
    """A payment whose payer was refused and has begun anew. At Stripe the first intent waits for
    another card."""
    await seller.connect()
    payment = await seller.started()
    seller.fake.books.decline(seller.intent(payment)["id"])
    await seller.trade.until(payment["id"], "failed")
    await seller.trade.ask(f"/v1/payments/{payment['id']}/confirm")
    second, first = seller.intents(payment)
    return payment, first, second


async def test_a_refused_intent_that_is_paid_after_all_pays(
    seller: Seller, two_intents: tuple[Body, Thing, Thing]
) -> None:
    """The other one cannot be paid then."""
    payment, first, second = two_intents
    seller.fake.books.pay(first["id"])
    paid = await seller.trade.until(payment["id"], "succeeded")
    assert (paid["amount_captured"], paid["last_error"]) == (1050, None)
    there = lambda: asyncio.sleep(0, second["status"])  # noqa: E731
    await until(there, lambda status: status == "canceled")
    assert await seller.dollars() == {"available": 1050}


async def test_who_pays_both_intents_has_paid_too_much(
    seller: Seller, two_intents: tuple[Body, Thing, Thing]
) -> None:
    """All of it is booked, and the merchant is told."""
    payment, first, second = two_intents
    for intent in (second, first):
        seller.fake.books.pay(intent["id"])
    both = lambda: seller.trade.payment(payment["id"])  # noqa: E731
    await until(both, lambda found: found["amount_captured"] == 2100)
    assert await seller.dollars() == {"available": 2100}
    told = await seller.trade.told(payment)
    # both were told of at once, and events are listed by when their callback came in
    assert sorted(told[-2:]) == ["payment.amount_mismatch", "payment.succeeded"]


async def test_a_refused_intent_of_a_canceled_payment_pays_late(seller: Seller) -> None:
    trade, books = seller.trade, seller.fake.books
    await seller.connect()
    payment = await seller.started()
    books.decline(seller.intent(payment)["id"])
    await trade.until(payment["id"], "failed")
    await trade.ask(f"/v1/payments/{payment['id']}/cancel")
    books.pay(seller.intent(payment)["id"])
    paid = await trade.until(payment["id"], "succeeded")
    assert (paid["late"], paid["amount_captured"]) == (True, 1050)
    assert await seller.dollars() == {"available": 1050}
