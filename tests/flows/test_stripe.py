"""Stripe on the running stack, with a fake Stripe that tells what happens there."""

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

    async def connect(self, **settings: Any) -> Body:
        made = await self.trade.ask(
            "/v1/connections", 201, connector="stripe", credentials=CREDENTIALS,
            settings={"api_base": self.fake.url, **settings}, priority=10, currencies=["usd"],
        )  # fmt: skip
        self.fake.webhook_url = made["callback_url"]
        return made

    async def started(self, amount: int = 1050, **wanted: Any) -> Body:
        """A payment whose payer may pay: `next_action` says how."""
        payment = await self.trade.create(amount=amount, currency="usd", **wanted)
        return await self.trade.ask(f"/v1/payments/{payment['id']}/confirm")

    def intent(self, payment: Body) -> Thing:
        """The payment intent at Stripe; there is one."""
        every = self.fake.books.all("payment_intent", None)
        [found] = [one for one in every if one["metadata"]["tillgate_payment"] == payment["id"]]
        return found


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


async def test_a_cheap_button_does_not_pay_a_dear_payment(seller: Seller) -> None:
    await seller.connect(method="buy_button", buy_button_id="buy_btn_1")
    payment = await seller.started(amount=50_000)
    button = payment["next_action"]["details"]
    seller.fake.books.pay_link(button["client_reference_id"], 100, "usd", "plink_1")
    stays = await seller.trade.until(payment["id"], "review")
    assert stays["amount_captured"] == 100


async def test_a_button_that_fits_pays(seller: Seller) -> None:
    await seller.connect(method="buy_button", buy_button_id="buy_btn_1")
    payment = await seller.started(amount=50_000)
    button = payment["next_action"]["details"]
    session = seller.fake.books.pay_link(button["client_reference_id"], 50_000, "usd", "plink_1")
    await seller.trade.until(payment["id"], "succeeded")
    refund = await seller.trade.refund(payment, amount=20_000)
    await seller.trade.refund_is(refund, "succeeded")
    given = seller.fake.books.all("refund", session["payment_intent"])
    assert [one["amount"] for one in given] == [20_000]
