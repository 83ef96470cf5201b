"""Stripe on the running stack, with a fake Stripe that tells what happens there."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.fakes.stripe import PUBLISHABLE_KEY, SECRET_KEY, WEBHOOK_SECRET, FakeStripe
from tests.fakes.stripe_books import No
from tests.fakes.stripe_objects import Thing
from tests.flows.stack import until
from tests.flows.trade import Body, Trade
from tillgate.kit import ids

Db = Any

DISPUTED, SUMS = "charge.dispute.created", "charge.refunded"

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

    def asked(self, path: str) -> int:
        """How often Stripe was asked for this."""
        return [path for _, path, *_ in self.fake.requests].count(path)

    async def effects(self, db: Db, connection: Body) -> dict[str, set[str]]:
        """By effect, the types of the events that this connection was told; none is waited for
        longer than its tries take."""
        path = {"connection": connection["id"], "limit": 100}

        async def listed() -> list[Body]:
            await db.execute(
                "UPDATE callbacks SET due_at = now() WHERE connection_id = $1 AND due_at > now()",
                ids.parse("con", connection["id"]),
            )
            return (await self.trade.get("/v1/callbacks", **path))["data"]

        told = await until(listed, lambda found: all(one["state"] != "pending" for one in found))
        types = {event["id"]: event["type"] for event in self.fake.events}
        found: defaultdict[str, set[str]] = defaultdict(set)
        for one in told:
            found[one["effect"]].add(types[one["event_key"]])
        return dict(found)

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
async def refused(seller: Seller) -> Body:
    """A payment whose payer was refused. At Stripe its intent waits for another card."""
    await seller.connect()
    payment = await seller.started()
    seller.fake.books.decline(seller.intent(payment)["id"])
    return await seller.trade.until(payment["id"], "failed")


async def becomes(intent: Thing, status: str) -> None:
    await until(lambda: asyncio.sleep(0, intent["status"]), lambda now: now == status)


@pytest.mark.parametrize("way", ["the same", "another"])
async def test_a_refused_intent_is_let_go_once_the_next_try_begins(
    seller: Seller, refused: Body, way: str
) -> None:
    trade, [first] = seller.trade, seller.intents(refused)
    connections = (await trade.get("/v1/connections"))["data"]
    other = [one["id"] for one in connections if one["connector"] == "external"]
    wanted = {"connection": other[0]} if way == "another" else {}
    await trade.ask(f"/v1/payments/{refused['id']}/confirm", **wanted)
    await becomes(first, "canceled")
    with pytest.raises(No):
        seller.fake.books.pay(first["id"])
    if way == "another":
        await trade.approve(refused)
    else:
        seller.fake.books.pay(seller.intents(refused)[0]["id"])
    paid = await trade.until(refused["id"], "succeeded")
    assert paid["amount_captured"] == 1050
    await seller.all_heard()
    assert seller.asked(f"/v1/payment_intents/{first['id']}/cancel") == 1
    tries = (await trade.get(f"/v1/payments/{refused['id']}", **{"expand[]": "tries"}))["tries"]
    assert [one["status"] for one in tries] == ["failed", "succeeded"]
    assert tries[0]["last_error"]["code"] in {"card_declined", "insufficient_funds"}


async def test_a_refused_intent_that_is_paid_before_it_is_let_go_pays(
    seller: Seller, refused: Body
) -> None:
    """Stripe's word of it is lost: that the intent cannot be let go makes us look. The other one
    cannot be paid then."""
    trade, fake, [first] = seller.trade, seller.fake, seller.intents(refused)
    fake.held = []
    fake.books.pay(first["id"])
    await trade.ask(f"/v1/payments/{refused['id']}/confirm")
    paid = await trade.until(refused["id"], "succeeded")
    assert (paid["amount_captured"], paid["last_error"]) == (1050, None)
    await becomes(seller.intents(refused)[0], "canceled")
    assert await seller.dollars() == {"available": 1050}


async def test_who_pays_both_intents_has_paid_too_much(seller: Seller, refused: Body) -> None:
    """All of it is booked, and the merchant is told."""
    trade, fake = seller.trade, seller.fake
    fake.held = []
    fake.books.pay(seller.intent(refused)["id"])
    await trade.ask(f"/v1/payments/{refused['id']}/confirm")
    second = seller.intents(refused)[0]
    fake.books.pay(second["id"])
    await fake.release(backwards=True)
    both = lambda: trade.payment(refused["id"])  # noqa: E731
    await until(both, lambda found: found["amount_captured"] == 2100)
    assert await seller.dollars() == {"available": 2100}
    told = await trade.told(refused)
    # both were told of at once, and events are listed by when their callback came in
    assert sorted(told[-2:]) == ["payment.amount_mismatch", "payment.succeeded"]


async def test_a_refused_intent_of_a_canceled_payment_cannot_be_paid(
    seller: Seller, refused: Body
) -> None:
    canceled = await seller.trade.ask(f"/v1/payments/{refused['id']}/cancel")
    assert canceled["status"] == "canceled"
    assert seller.intent(refused)["status"] == "canceled"
    await seller.all_heard()
    assert await seller.trade.payment(refused["id"]) == canceled


async def test_a_refused_intent_that_is_paid_before_its_payment_is_canceled_pays_late(
    seller: Seller, refused: Body
) -> None:
    trade = seller.trade
    seller.fake.held = []
    seller.fake.books.pay(seller.intent(refused)["id"])
    path = f"/v1/payments/{refused['id']}/cancel"
    assert await trade.refused(path) == (402, "processor_refused")
    paid = await trade.until(refused["id"], "succeeded")
    assert (paid["late"], paid["amount_captured"]) == (True, 1050)
    assert await seller.dollars() == {"available": 1050}


# ---- several connections at one account ------------------------------------------------------


async def test_what_another_connection_began_is_put_aside(seller: Seller, db: Db) -> None:
    trade, fake = seller.trade, seller.fake
    first = await seller.connect()
    second = await seller.connect(method="cashapp")
    payment = await trade.create(amount=1050, currency="usd", connection=first["id"])
    await trade.ask(f"/v1/payments/{payment['id']}/confirm")
    fake.webhook_url = first["callback_url"]
    intent = seller.intent(payment)
    fake.books.pay(intent["id"])
    await trade.until(payment["id"], "succeeded")
    await trade.refund_is(await trade.refund(payment, amount=300), "succeeded")
    fake.books.refund(intent["id"], 50, {})
    fake.books.dispute(intent["id"], 500)
    await seller.all_heard()
    fake.webhook_url = second["callback_url"]
    for told in fake.events:
        assert await fake.deliver(told) == 200
    effects = await seller.effects(db, second)
    assert effects.keys() == {"another_connection", "ignored"}
    assert effects["another_connection"] >= {"charge.succeeded", "refund.created", DISPUTED, SUMS}


async def test_what_was_sold_without_us_is_put_aside(seller: Seller, db: Db) -> None:
    connection = await seller.connect()
    books = seller.fake.books
    intent = books.create_intent({"amount": 1050, "currency": "usd"})
    books.pay(intent["id"])
    books.refund(intent["id"], 50, {})
    books.dispute(intent["id"], 500)
    await seller.fake.settled()
    effects = await seller.effects(db, connection)
    assert effects.keys() == {"not_ours", "ignored"}
    assert effects["not_ours"] == {"refund.created", DISPUTED}
    assert "charge.succeeded" in effects["ignored"]


async def test_a_dispute_that_overtakes_all_other_news_is_booked(seller: Seller, db: Db) -> None:
    """What names its charge is not yet heard of here: Stripe is asked, and it is ours."""
    trade, fake = seller.trade, seller.fake
    connection = await seller.connect()
    payment = await seller.started()
    intent = seller.intent(payment)
    fake.held = []
    fake.books.pay(intent["id"])
    fake.books.dispute(intent["id"], 500)
    await db.execute("DELETE FROM payment_references WHERE reference = $1", intent["id"])
    assert await fake.deliver(fake.held[-1]) == 200
    effects = await seller.effects(db, connection)
    assert effects["applied"] == {DISPUTED}
    disputed = await trade.payment(payment["id"])
    assert (disputed["amount_captured"], disputed["amount_disputed"]) == (1050, 500)
