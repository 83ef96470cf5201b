"""Stripe behind the door: Cash App and Buy Buttons, its one address, its sessions."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.doors.providers.conftest import CREDENTIALS, Seller
from tests.doors.providers.golden import golden, like
from tests.fakes.stripe import FakeStripe, sign
from tests.fakes.stripe_objects import Thing, event
from tests.flows.conftest import trading
from tests.flows.stack import Received, Stack, until
from tests.flows.trade import Body, Trade
from tillgate.kit import clock, ids

PATHS = ("/api/v1/stripe/webhooks", "/api/stripe/webhooks")
RECEIVED = b'{"received":true}'


@pytest.fixture(params=PATHS)
def address(request: pytest.FixtureRequest, stack: Stack, fake: FakeStripe) -> str:
    """Where Stripe sends what happens there, whoever's it is."""
    url: str = stack.url + request.param
    fake.webhook_url = url
    return url


def intents(fake: FakeStripe, said: Body) -> list[Thing]:
    """Of an order, the newest first."""
    every = fake.books.all("payment_intent", None)
    return [one for one in every if one["metadata"].get("tillgate_order") == said["orderId"]]


async def order_is(seller: Seller, said: Body, status: str) -> Body:
    ask = lambda: seller.trade.get(f"/v1/orders/{said['orderId']}")  # noqa: E731
    return await until(ask, lambda found: found["status"] == status)


async def told(shop: Received, said: Body, kind: str) -> Any:
    """The only notification of this kind about an order."""
    await shop.wait_for(1, kind)
    found = [json.loads(one.body) for one in shop.webhooks if kind.encode() in one.body]
    [only] = [one for one in found if one["orderId"] == said["orderId"]]
    return only


async def post(address: str, body: bytes, signature: str | None) -> httpx.Response:
    headers = {"Stripe-Signature": signature} if signature is not None else {}
    async with httpx.AsyncClient() as client:
        return await client.post(address, content=body, headers=headers)


# ---- Cash App ------------------------------------------------------------------------------------


async def test_cash_app_is_paid(
    selling: Seller, shop: Received, fake: FakeStripe, address: str
) -> None:
    await selling.connects(fake, method="cashapp")
    said = await selling.asks(externalId="E", amount=100)
    [intent] = intents(fake, said)
    assert address
    assert (intent["amount"], intent["currency"], intent["payment_method_types"]) == (
        10_000, "usd", ["cashapp"],
    )  # fmt: skip
    assert intent["description"] == "Premium Credits | Direct (Bitloader)"
    assert {"serviceId", "serviceName", "quantity", "providerId", "providerName", "externalId"} < (
        intent["metadata"].keys()
    )
    page = await selling.page(said)
    assert page.state == "waiting"
    assert 'data-way="cashapp-1"' in page.text
    assert await selling.asks(externalId="E", amount=100) == said
    assert len(intents(fake, said)) == 1

    fake.books.pay(intent["id"])
    await order_is(selling, said, "paid")
    notified = await told(shop, said, "payment_succeeded")
    assert notified["stripePaymentIntentId"] == intent["id"]
    assert (await selling.page(said)).state == "succeeded"


async def test_cash_app_fails_and_is_asked_again(
    selling: Seller, shop: Received, fake: FakeStripe, address: str
) -> None:
    await selling.connects(fake, method="cashapp")
    said = await selling.asks(externalId="E")
    fake.books.decline(intents(fake, said)[0]["id"])
    notified = await told(shop, said, "payment_failed")
    assert (notified["status"], notified["amount"]) == ("failed", 5)
    assert address
    assert await selling.asks(externalId="E") == said
    new, old = intents(fake, said)
    assert (old["status"], new["status"]) == ("requires_payment_method", "requires_action")
    fake.books.pay(new["id"])
    await order_is(selling, said, "paid")


async def test_an_account_without_cash_app(selling: Seller, fake: FakeStripe) -> None:
    await selling.connects(fake, method="cashapp")
    fake.books.cashapp = False
    said = await selling.asks(400, externalId="E")
    assert said["error"] == "Cash App payments are not available for this service"
    assert "US-based Stripe account" in said["details"]
    fake.books.cashapp = True
    assert (await selling.asks(externalId="E"))["quantity"] == 1


async def test_what_stripe_refuses(selling: Seller, fake: FakeStripe) -> None:
    made = await selling.connects(fake, method="cashapp")
    wrong = {**CREDENTIALS, "secret_key": "sk_test_OfSomebodyElse"}
    path = f"/v1/connections/{made['id']}"
    assert (await selling.trade.send(path, credentials=wrong)).status_code == 200
    said = await selling.asks(500)
    assert said == {
        "error": "Failed to create payment intent",
        "details": "Invalid API Key provided.",
    }


async def test_what_stripe_does_not_answer(selling: Seller, fake: FakeStripe) -> None:
    """The order is there, and a worker finds out."""
    await selling.connects(fake, method="cashapp")
    fake.faults.append("cut_after")
    said = await selling.asks(externalId="E")
    assert said["quantity"] == 1
    assert len(intents(fake, said)) == 1
    assert await selling.asks(externalId="E") == said


# ---- the Buy Button ------------------------------------------------------------------------------


@pytest.fixture
async def buttons(seller: Seller, shop: Received, fake: FakeStripe) -> Seller:
    """Sold by a button of Stripe's, through one of three connections to one account."""
    for settings in ({"method": "card"}, {"method": "cashapp"}, {"method": "buy_button"}):
        await seller.connects(fake, **settings)
    await seller.opens(
        price=30_000, webhook=shop.url, button="buy_btn_xxx", use_stripe_checkout=True
    )
    return seller


async def test_what_the_payer_chose_is_what_was_bought(
    buttons: Seller, shop: Received, fake: FakeStripe, address: str
) -> None:
    said = await buttons.asks(externalId="YOUR-INTERNAL-ORDER-ID", amount=7)
    like("buy_button", said)
    assert address
    page = await buttons.page(said)
    assert f'client-reference-id="{said["orderId"]}"' in page.text
    assert 'buy-button-id="buy_btn_xxx"' in page.text

    fake.books.pay_link(said["orderId"], 90_000, "usd", "plink_1")
    order = await order_is(buttons, said, "paid")
    assert (order["amount"], order["amount_paid"]) == (90_000, 90_000)
    assert order["lines"][0] | {"reference": None} == {
        "name": "Premium Credits", "quantity": 3, "amount": 30_000, "reference": None,
    }  # fmt: skip
    payment = await buttons.payment(said)
    assert (payment["amount"], payment["status"]) == (90_000, "succeeded")
    notified = await told(shop, said, "payment_succeeded")
    assert (notified["amount"], notified["quantity"]) == (900, 3)
    assert notified["stripePaymentIntentId"].startswith("pi_")
    await fake.settled()
    assert (await buttons.trade.get("/v1/callbacks", state="failed"))["data"] == []
    again = await buttons.asks(externalId="YOUR-INTERNAL-ORDER-ID")
    assert (again["amount"], again["quantity"], again["orderId"]) == (900, 3, said["orderId"])


async def test_the_same_event_twice_pays_once(
    buttons: Seller, shop: Received, fake: FakeStripe, address: str
) -> None:
    said = await buttons.asks(externalId="E")
    fake.held = []
    fake.books.pay_link(said["orderId"], 30_000, "usd", "plink_1")
    assert address
    await fake.release(backwards=True, times=3)
    await order_is(buttons, said, "paid")
    assert (await told(shop, said, "payment_succeeded"))["amount"] == 300


async def test_a_service_without_a_button(seller: Seller, fake: FakeStripe) -> None:
    await seller.connects(fake, method="buy_button")
    await seller.opens(use_stripe_checkout=True)
    assert await seller.asks(400) == {
        "error": "Stripe Buy Button not configured for this service",
        "details": "Please add a Stripe Buy Button ID to the service in the admin panel.",
    }


async def test_a_button_without_a_connection(seller: Seller) -> None:
    await seller.opens(button="buy_btn_1", use_stripe_checkout=True)
    said = await seller.asks(400)
    assert said["error"] == "Stripe Buy Button not configured for this service"
    assert "buy_button" in said["details"]


async def test_a_connection_for_services_buttons_is_nobody_elses(
    seller: Seller, fake: FakeStripe
) -> None:
    """Without a button of its own there is nothing to send anybody to."""
    made = await seller.connects(fake, method="buy_button")
    answer = await seller.trade.send(
        "/v1/payments", amount=500, currency="usd", connection=made["id"]
    )
    assert answer.status_code == 400
    routed = await seller.trade.create(currency="usd")
    assert routed["connection"] != made["id"]


# ---- the one address -----------------------------------------------------------------------------


async def test_what_is_not_stripes(selling: Seller, fake: FakeStripe, address: str) -> None:
    await selling.connects(fake, method="cashapp")
    said = await selling.asks()
    fake.held = []
    fake.books.pay(intents(fake, said)[0]["id"])
    body = json.dumps(fake.held[-1]).encode()
    unsigned = await post(address, body, None)
    assert (unsigned.status_code, unsigned.json()) == (400, {"error": "No signature"})
    for signature in (
        "t=1,v1=00", "", "nonsense", sign(body, "whsec_of_somebody"),
        sign(body, at_s=clock.unix_s() - 3600),
    ):  # fmt: skip
        forged = await post(address, body, signature)
        wanted = "Invalid signature" if signature else "No signature"
        assert (forged.status_code, forged.json()) == (400, {"error": wanted})
    assert (await selling.payment(said))["status"] == "pending"
    assert (await post(address, body, sign(body))).content == RECEIVED
    await order_is(selling, said, "paid")


async def test_what_means_nothing_to_us(selling: Seller, fake: FakeStripe, address: str) -> None:
    await selling.connects(fake, method="cashapp")
    body = json.dumps(event("customer.created", {"id": "cus_1", "object": "customer"}, None))
    answer = await post(address, body.encode(), sign(body.encode()))
    assert (answer.status_code, answer.content) == (200, RECEIVED)
    broken = await post(address, b"{", sign(b"{"))
    assert (broken.status_code, list(broken.json())) == (400, ["error"])


async def test_an_event_finds_its_merchant(
    selling: Seller, shop: Received, fake: FakeStripe, address: str, stack: Stack, settings: Any
) -> None:
    """Two businesses at one account with one secret: each hears of its own."""
    await selling.connects(fake, method="cashapp")
    async with trading(stack, settings) as stranger:
        other = Seller(stranger)
        await other.opens(webhook=shop.url)
        await other.connects(fake, method="cashapp")
        ours, theirs = await selling.asks(), await other.asks()
        assert address
        fake.books.pay(intents(fake, theirs)[0]["id"])
        await order_is(other, theirs, "paid")
        await fake.settled()
        assert (await selling.payment(ours))["status"] == "pending"
        fake.books.pay(intents(fake, ours)[0]["id"])
        await order_is(selling, ours, "paid")


async def test_nobody_is_connected(stack: Stack, db: Any) -> None:
    disabled = await db.fetch(
        "UPDATE connections SET state = 'disabled'"
        " WHERE connector = 'stripe' AND state = 'enabled' RETURNING id"
    )
    answer = await post(stack.url + PATHS[0], b"{}", sign(b"{}"))
    await db.execute(
        "UPDATE connections SET state = 'enabled' WHERE id = ANY ($1::uuid[])",
        [row["id"] for row in disabled],
    )
    assert (answer.status_code, answer.json()) == (500, {"error": "Webhook secret not configured"})


# ---- sessions ------------------------------------------------------------------------------------


@pytest.fixture
async def default(stack: Stack, settings: Any, fake: FakeStripe) -> AsyncIterator[Seller]:
    """The merchant whose services everybody sees, for a while connected to Stripe."""
    ready = {**stack.ready, "sandbox_secret": settings.sandbox_secret}
    async with Trade(ready) as trade:
        seller = Seller(trade)
        made = await seller.connects(fake, method="buy_button")
        await seller.opens(
            price=30_000, slug=f"s-{ids.token(10)}", button="buy_btn_xxx", use_stripe_checkout=True
        )
        yield seller
        gone = await trade.send(f"/v1/connections/{made['id']}", status="disabled")
        hidden = await trade.send(f"/v1/services/{seller.service['id']}", status="draft")
        assert (gone.status_code, hidden.status_code) == (200, 200)


async def test_what_a_session_has_come_to(default: Seller, fake: FakeStripe, address: str) -> None:
    said = await default.asks()
    session = fake.books.pay_link(said["orderId"], 90_000, "usd", "plink_1")
    fake.books.things[session["id"]]["customer_details"] = {"email": "ada@example.com"}
    await order_is(default, said, "paid")
    assert address
    answer = await default.get(f"/api/v1/verify-session?session_id={session['id']}")
    like("verify_session", answer.json())
    wanted = golden("verify_session")["answer"]
    assert list(answer.json()["order"]) == list(wanted["order"])
    assert answer.json()["order"] == {
        "id": said["orderId"], "orderId": said["orderId"], "status": "paid", "total": 900,
    }  # fmt: skip
    assert answer.json()["service"]["title"] == "Premium Credits"
    page = await default.get(f"/checkout?success=true&session_id={session['id']}")
    assert page.status_code == 303
    assert "/checkout/pay_" in page.headers["location"]
    fake.misfits.clear()  # the schema that the fake is held to knows nobody's address


async def test_a_session_that_there_is_not(default: Seller) -> None:
    path = "/api/v1/verify-session"
    missing = await default.get(path)
    assert (missing.status_code, missing.json()) == (400, {"error": "session_id is required"})
    for named in ("cs_test_nothing", "pi_1", "cs_test_" + "x" * 300, "%F0%9F%92%B8", "cs_live_1"):
        answer = await default.get(f"{path}?session_id={named}")
        assert (answer.status_code, answer.json()) == (404, {"error": "Session not found"})
