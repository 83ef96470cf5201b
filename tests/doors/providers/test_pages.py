"""`/checkout?…` and the list of services, as anybody sees them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.doors.providers.conftest import Seller
from tests.doors.providers.golden import like
from tests.fakes.stripe import FakeStripe
from tests.flows.stack import Page, Stack
from tests.flows.trade import Trade
from tillgate.kit import ids


async def shown(seller: Seller, query: str) -> Page:
    """The first answer, without following it."""
    answer = await seller.get(f"/checkout?{query}")
    return Page(answer.headers.get("location", ""), answer.status_code, answer.text)


# ---- an order ------------------------------------------------------------------------------------


async def test_an_order_leads_to_its_payment(selling: Seller) -> None:
    said = await selling.asks(externalId="E", amount=100)
    payment = await selling.payment(said)
    wanted = payment["checkout_url"].removeprefix(selling.trade.url)
    order = said["orderId"]
    assert await shown(selling, f"orderId={order}") == (wanted, 303, "")
    assert (await shown(selling, f"serviceId=nonsense&orderId={order}")).url == wanted
    kept = f"orderId={order}&lang=de&redirect_status=succeeded&payment_intent=pi_1&more=1"
    place = await shown(selling, kept)
    assert place.url == f"{wanted}?lang=de&payment_intent=pi_1&redirect_status=succeeded"
    canceled = await shown(selling, f"orderId={order}&status=cancelled")
    assert canceled.url == f"{wanted}?redirect_status=failed"


async def test_what_the_payer_reads(selling: Seller) -> None:
    said = await selling.asks(externalId="E", amount=100)
    page = await selling.page(said)
    assert page.state == "ready"
    for words in ("Pay $100.00", "Premium Credits</bdi> × 20", "Order ID", said["orderId"]):
        assert words in page.text
    assert "Return to Bitloader" in page.text
    await selling.fails(said)
    failed = await selling.page(said)
    assert "Payment Failed</h1>" in failed.text
    assert "Try Again" in failed.text
    await selling.is_paid(said)
    paid = await selling.page(said)
    order = said["orderId"]
    for words in (
        "Payment Successful!</h1>", "Continue to Bitloader Now", "Redirecting in 5 seconds",
        f'href="https://bitloader.example/ok?a={order}&amp;b={order}"',
    ):  # fmt: skip
        assert words in paid.text


async def test_the_newest_payment_of_an_order_is_meant(selling: Seller) -> None:
    said = await selling.asks(externalId="E")
    old = await selling.payment(said)
    await selling.trade.advance(2 * 86_400)
    await selling.trade.until(old["id"], "expired")
    assert (await selling.page(said)).state == "expired"
    await selling.asks(externalId="E")
    assert (await selling.page(said)).state == "ready"


@pytest.mark.parametrize(
    "query",
    [
        *("orderId=ord_x", "orderId=", "serviceId=svc_x", "serviceId=", "status=cancelled"),
        *("session_id=cs_test_nothing", "session_id=x", "success=true", "redirect_status=failed"),
        "orderId=ord_00000000000000000000000000",
    ],
)
async def test_what_there_is_not(seller: Seller, query: str) -> None:
    page = await shown(seller, query)
    assert (page.status, page.state) == (404, "not_found")
    assert 'href="?' in page.text


async def test_an_order_of_another_kind_has_no_page_here(selling: Seller, trade: Trade) -> None:
    lines = [{"name": "Tea", "quantity": 1, "amount": 100}]
    native = await trade.ask("/v1/orders", 201, currency="usd", lines=lines)
    await trade.ask("/v1/payments", 201, order=native["id"])
    assert (await shown(selling, f"orderId={native['id']}")).status == 404


async def test_what_belongs_to_no_door(seller: Seller) -> None:
    assert (await seller.get("/checkout")).status_code == 404
    assert (await seller.get("/checkout?else=1")).status_code == 404


# ---- a service -----------------------------------------------------------------------------------


async def test_a_service_is_bought_from_its_page(selling: Seller, trade: Trade) -> None:
    service = selling.service["id"]
    page = await shown(selling, f"serviceId={service}&lang=de")
    assert (page.status, page.state) == (200, "offer")
    for words in ("$", "5,00", "Premium Credits", "Preis für ein Stück", 'max="1000"'):
        assert words in page.text
    assert f'href="?serviceId={service}&amp;lang=es"' in page.text
    assert (await trade.get("/v1/orders"))["data"] == []

    path = f"{trade.url}/checkout?serviceId={service}"
    bought = await trade.anyone.post(path, data={"quantity": "3", "lang": "de"})
    assert bought.status_code == 303
    assert bought.headers["location"].endswith("?lang=de")
    [order] = (await trade.get("/v1/orders"))["data"]
    assert (order["amount"], order["lines"][0]["quantity"]) == (1500, 3)
    assert order["metadata"]["providerName"] == "Bitloader"
    assert "externalId" not in order["metadata"]
    page = await trade.look(trade.url + bought.headers["location"])
    assert page.state == "ready"


@pytest.mark.parametrize("quantity", ["0", "-1", "1001", "1.5", "many", "٣", "9" * 400, ""])
async def test_a_quantity_that_is_none(selling: Seller, trade: Trade, quantity: str) -> None:
    path = f"{trade.url}/checkout?serviceId={selling.service['id']}"
    answer = await trade.anyone.post(path, data={"quantity": quantity})
    if quantity == "":  # a form's empty field is left out
        assert answer.status_code == 303
        return
    assert (answer.status_code, 'data-state="offer"' in answer.text) == (200, True)
    assert (await trade.get("/v1/orders"))["data"] == []


async def test_a_button_says_itself_how_many(seller: Seller, fake: FakeStripe) -> None:
    await seller.connects(fake, method="buy_button")
    await seller.opens(button="buy_btn_1", use_stripe_checkout=True)
    page = await shown(seller, f"serviceId={seller.service['id']}")
    assert 'name="quantity"' not in page.text
    path = f"{seller.trade.url}/checkout?serviceId={seller.service['id']}"
    answer = await seller.trade.anyone.post(path, follow_redirects=True)
    assert 'buy-button-id="buy_btn_1"' in answer.text
    assert "https://js.stripe.com" in answer.headers["content-security-policy"]


async def test_a_draft_is_not_offered(selling: Seller, trade: Trade) -> None:
    changed = await trade.send(f"/v1/services/{selling.service['id']}", status="draft")
    assert changed.status_code == 200
    assert (await shown(selling, f"serviceId={selling.service['id']}")).status == 404
    path = f"{trade.url}/checkout?serviceId={selling.service['id']}"
    assert (await trade.anyone.post(path, data={"quantity": "1"})).status_code == 404


async def test_what_nobody_can_be_paid_for_is_not_offered(selling: Seller, trade: Trade) -> None:
    for one in (await trade.get("/v1/connections"))["data"]:
        changed = await trade.send(f"/v1/connections/{one['id']}", status="disabled")
        assert changed.status_code == 200
    path = f"{trade.url}/checkout?serviceId={selling.service['id']}"
    for answer in (await trade.anyone.get(path), await trade.anyone.post(path)):
        assert (answer.status_code, 'data-state="unavailable"' in answer.text) == (503, True)


# ---- the list ------------------------------------------------------------------------------------


@pytest.fixture
async def default(stack: Stack, settings: Any) -> AsyncIterator[Seller]:
    """The merchant whose services everybody sees."""
    async with Trade({**stack.ready, "sandbox_secret": settings.sandbox_secret}) as trade:
        yield Seller(trade)


async def test_what_is_sold(default: Seller) -> None:
    slug = f"premium-{ids.token(10)}"
    await default.opens(slug=slug, button="buy_btn_xxx")
    path = f"/v1/services/{default.service['id']}"
    changed = await default.trade.send(
        path, description="Credits for everything.", price_unit="one-time", icon="star",
        features=["Never expire"],
    )  # fmt: skip
    assert changed.status_code == 200
    listed = (await default.get("/api/v1/services")).json()
    [shown] = [one for one in listed if one["id"] == default.service["id"]]
    like("offered", shown)
    for named in (default.service["id"], slug):
        assert (await default.get(f"/api/v1/services/{named}")).json() == shown

    assert (await default.trade.send(path, status="draft")).status_code == 200
    for named in (default.service["id"], slug, "svc_x", "no-such", "%00", "x" * 500):
        answer = await default.get(f"/api/v1/services/{named}")
        assert answer.status_code in {404, 400}, named
        assert "error" in answer.json()
    again = (await default.get("/api/v1/services")).json()
    assert default.service["id"] not in [one["id"] for one in again]


async def test_services_of_others_are_not_shown(selling: Seller) -> None:
    answer = await selling.get(f"/api/v1/services/{selling.service['id']}")
    assert (answer.status_code, answer.json()) == (404, {"error": "Service not found"})


async def test_pages_of_other_origins_may_read_it(selling: Seller) -> None:
    answer = await selling.trade.anyone.get(
        f"{selling.trade.url}/api/v1/services", headers={"Origin": "https://bitloader.example"}
    )
    assert answer.headers["access-control-allow-origin"] == "*"
