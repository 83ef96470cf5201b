"""`POST /api/v1/create-payment-intent`: what is answered, and what is refused in which words."""

import asyncio
from decimal import Decimal
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.doors.providers.conftest import PATH, Seller
from tests.doors.providers.golden import golden, like
from tests.flows.stack import Received
from tests.flows.trade import Trade
from tillgate.doors.providers.asking import asked, quantity_for
from tillgate.kit.http import Answer
from tillgate.kit.money import AMOUNT_MAX_MINOR, Money
from tillgate.orders.model import QUANTITY_MAX

DISABLED = {"status": "disabled"}
NO_KEY = {"error": "Invalid or inactive API key"}


# ---- what is answered ----------------------------------------------------------------------------


async def test_an_order_and_what_is_told_of_it(selling: Seller, shop: Received) -> None:
    wanted = golden("cash_app")["request"]
    said = await selling.asks(**{k: v for k, v in wanted.items() if k != "apiKey"})
    like("cash_app", said)
    service = selling.service["id"]
    url = f"{selling.trade.url}/checkout?serviceId={service}&orderId={said['orderId']}"
    assert said["checkoutUrl"] == url
    order = await selling.trade.get(f"/v1/orders/{said['orderId']}")
    assert order["lines"] == [
        {"name": "Premium Credits", "quantity": 20, "amount": 500, "reference": None}
    ]
    payment = await selling.payment(said)
    told = {
        "serviceId": service,
        "serviceName": "Premium Credits",
        "quantity": "20",
        "providerId": selling.provider["id"],
        "providerName": "Bitloader",
        "externalId": "YOUR-INTERNAL-ORDER-ID",
    }
    assert order["metadata"] == payment["metadata"] == told
    shown = said["orderId"]
    assert payment["success_url"] == f"https://bitloader.example/ok?a={shown}&b={shown}"
    assert payment["cancel_url"] == "https://bitloader.example/no"

    await selling.fails(said)
    [failed] = await shop.wait_for(1, "payment_failed")
    like("payment_failed", httpx.Response(200, content=failed.body).json())
    await selling.is_paid(said)
    [paid] = await shop.wait_for(1, "payment_succeeded")
    notified = httpx.Response(200, content=paid.body).json()
    like("payment_succeeded", notified)
    assert notified["orderId"] == said["orderId"]
    wanted_headers = golden("payment_succeeded")["headers"]
    assert {name: paid.headers[name] for name in wanted_headers} == wanted_headers
    assert paid.headers["webhook-signature"].startswith("v1,")


async def test_what_is_left_out(selling: Seller) -> None:
    """No amount: the price of one. No external id: always a new order."""
    first, second = await selling.asks(), await selling.asks(externalId="", amount=None)
    assert (first["externalId"], first["amount"], first["quantity"]) == (None, 5, 1)
    assert second["externalId"] is None
    assert first["orderId"] != second["orderId"]
    assert "externalId" not in (await selling.payment(first))["metadata"]


async def test_amounts_are_written_as_javascript_writes_them(seller: Seller) -> None:
    await seller.opens(price=10)
    for amount, shown in ((0.3, "0.3"), (12.5, "12.5"), ("100", "100"), (7.0, "7")):
        body = {"apiKey": seller.provider["api_key"], "amount": amount}
        answer = await seller.trade.anyone.post(seller.trade.url + PATH, json=body)
        assert f'"amount":{shown},' in answer.text


# ---- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "error"),
    [
        (7, "Amount must be a multiple of 5"),
        (5.001, "Amount must be a multiple of 5"),
        (4.99, "Amount cannot be less than service price"),
        (0, "Invalid amount provided"),
        (-5, "Invalid amount provided"),
        ("much", "Invalid amount provided"),
        ("NaN", "Invalid amount provided"),
        (True, "Invalid amount provided"),
        ([5], "Invalid amount provided"),
        (1e300, "Invalid amount provided"),
        (10**30, "Invalid amount provided"),
    ],
)
async def test_an_amount_that_is_none(selling: Seller, amount: Any, error: str) -> None:
    said = await selling.asks(400, amount=amount)
    assert said["error"] == error
    assert (await selling.trade.get("/v1/orders"))["data"] == []


async def test_the_price_is_named_as_it_is(seller: Seller) -> None:
    await seller.opens(price=300)
    assert (await seller.asks(amount=9))["quantity"] == 3
    assert await seller.asks(400, amount=7) == {
        "error": "Amount must be a multiple of 3",
        "details": "Amount 7 is not divisible by service price 3",
    }


async def test_who_has_no_key(selling: Seller) -> None:
    for key in ("", "provider_", "provider_" + "x" * 32, 41, ["x"], {"a": 1}):
        assert await selling.says(apiKey=key) == (401, NO_KEY)
    nobody = {"error": "Either serviceId or apiKey is required"}
    assert await selling.says() == (400, nobody)
    assert await selling.says(apiKey=None, externalId="E") == (400, nobody)


async def test_a_provider_that_is_inactive(selling: Seller) -> None:
    path = f"/v1/providers/{selling.provider['id']}"
    await selling.trade.send(path, status="inactive")
    assert await selling.asks(401) == NO_KEY
    await selling.trade.send(path, status="active")
    assert (await selling.asks())["quantity"] == 1


@pytest.mark.parametrize("external_id", ["x" * 256, "a\nb", {"id": 1}, True, 1.5])
async def test_an_external_id_that_is_none(selling: Seller, external_id: Any) -> None:
    assert (await selling.asks(400, externalId=external_id))["error"] == "Invalid externalId"


async def test_a_number_is_an_external_id_too(selling: Seller) -> None:
    assert (await selling.asks(externalId=4711))["externalId"] == "4711"


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b'"x"', b'{"apiKey":"\\u0000"}'])
async def test_a_body_that_is_none(selling: Seller, body: bytes) -> None:
    answer = await selling.trade.anyone.post(selling.trade.url + PATH, content=body)
    assert (answer.status_code, answer.json()["error"]) == (400, "Invalid request body")


async def test_cash_app_needs_a_connection(selling: Seller) -> None:
    """In `tillgate dev` the sandbox stands in for it, until it is disabled."""
    listed = (await selling.trade.get("/v1/connections"))["data"]
    for one in listed:
        changed = await selling.trade.send(f"/v1/connections/{one['id']}", **DISABLED)
        assert changed.status_code == 200
    assert await selling.asks(400) == {
        "error": "Cash App payments are not available for this service",
        "details": "This payment method requires a US-based Stripe account."
        " Please contact support.",
    }


async def test_another_method(selling: Seller) -> None:
    answer = await selling.get(PATH)
    assert (answer.status_code, list(answer.json())) == (405, ["error"])


# ---- one external id, one order ------------------------------------------------------------------


async def test_the_same_external_id_is_the_same_order(selling: Seller) -> None:
    first = await selling.asks(externalId="E", amount=100)
    assert await selling.asks(externalId="E", amount=100) == first
    assert await selling.asks(externalId="E") == first
    other = await selling.asks(400, externalId="E", amount=105)
    assert other["error"] == "Amount does not match the existing order"
    await selling.is_paid(first)
    assert await selling.asks(externalId="E", amount=100) == first
    assert await selling.asks(externalId="E", amount=105) == first
    assert len(await selling.payments(first)) == 1


async def test_many_at_once_make_one_order_and_one_payment(selling: Seller) -> None:
    every = await asyncio.gather(*(selling.asks(externalId="E", amount=25) for _ in range(12)))
    assert all(one == every[0] for one in every)
    assert len((await selling.trade.get("/v1/orders"))["data"]) == 1
    assert len(await selling.payments(every[0])) == 1


async def test_what_has_failed_is_tried_again(selling: Seller) -> None:
    first = await selling.asks(externalId="E", amount=25)
    await selling.fails(first)
    assert await selling.asks(externalId="E", amount=25) == first
    await selling.is_paid(first)


async def test_what_has_expired_is_begun_anew(selling: Seller) -> None:
    first = await selling.asks(externalId="E", amount=25)
    old = await selling.payment(first)
    await selling.trade.advance(2 * 86_400)
    await selling.trade.until(old["id"], "expired")
    every = await asyncio.gather(*(selling.asks(externalId="E", amount=25) for _ in range(6)))
    assert all(one == first for one in every)
    [new, expired] = await selling.payments(first)
    assert (expired["id"], new["status"], new["metadata"]) == (
        old["id"],
        "pending",
        old["metadata"],
    )
    await selling.is_paid(first)


async def test_an_order_that_is_canceled_is_not_sold(selling: Seller) -> None:
    said = await selling.asks(externalId="E")
    await selling.trade.ask(f"/v1/orders/{said['orderId']}/cancel")
    refused = await selling.asks(409, externalId="E")
    assert refused["error"] == "This order cannot be paid any more"


async def test_another_providers_external_id_is_another_order(
    selling: Seller, trade: Trade
) -> None:
    first = await selling.asks(externalId="E")
    other = Seller(trade)
    other.service = selling.service
    other.provider = await trade.ask(
        "/v1/providers", 201, name="Other", service=selling.service["id"]
    )
    assert (await other.asks(externalId="E"))["orderId"] != first["orderId"]


# ---- without a key -------------------------------------------------------------------------------


async def test_a_page_that_names_a_service(selling: Seller) -> None:
    said = await selling.says(serviceId=selling.service["id"], amount=10, externalId="stolen")
    assert said.status == 200
    body = said.body
    expected = {
        *("clientSecret", "orderId", "checkoutUrl", "amount", "quantity", "serviceName"),
        *("serviceId", "stripePublishableKey", "provider", "providerId"),
        *("successRedirectUrl", "cancelRedirectUrl"),
    }
    assert body.keys() == expected  # an external id is the provider's own server's to name
    assert (body["amount"], body["quantity"], body["provider"]) == (10, 2, "Bitloader")
    again = await selling.says(clientOrderId=body["orderId"])
    assert again == (200, body)
    assert (await selling.says(orderId=body["orderId"])).body == body
    await selling.is_paid(body)
    assert (await selling.says(orderId=body["orderId"])).body == body


async def test_a_page_that_names_nothing_of_ours(selling: Seller, trade: Trade) -> None:
    for named in ("svc_x", 7, selling.provider["id"], "svc_" + "0" * 26):
        assert await selling.says(serviceId=named) == (404, {"error": "Service not found"})
    lines = [{"name": "Tea", "quantity": 1, "amount": 100}]
    native = await trade.ask("/v1/orders", 201, currency="usd", lines=lines)
    for named in (native["id"], "ord_x", 7):
        assert await selling.says(orderId=named) == (404, {"error": "Order not found"})


async def test_a_draft_is_for_its_provider_alone(selling: Seller, trade: Trade) -> None:
    answer = await trade.send(f"/v1/services/{selling.service['id']}", status="draft")
    assert answer.status_code == 200
    hidden = await selling.says(serviceId=selling.service["id"])
    assert hidden == (404, {"error": "Service not found"})
    assert (await selling.asks())["amount"] == 5


# ---- amounts, in all their forms -----------------------------------------------------------------


@given(price=st.integers(1, AMOUNT_MAX_MINOR), quantity=st.integers(1, QUANTITY_MAX))
def test_whole_multiples_are_so_many(price: int, quantity: int) -> None:
    money = Money(price, "usd")
    found = quantity_for(money.decimal * quantity, money)
    if price * quantity <= AMOUNT_MAX_MINOR:
        assert found == quantity
    else:
        assert isinstance(found, Answer)


@given(price=st.integers(1, 10**6), amount=st.decimals(allow_nan=True, allow_infinity=True))
def test_nothing_else_is_sold(price: int, amount: Decimal) -> None:
    money = Money(price, "usd")
    found = quantity_for(amount, money)
    if isinstance(found, int):
        assert money.decimal * found == amount


@given(st.binary(max_size=60))
def test_any_body_is_read_or_refused(body: bytes) -> None:
    asked(body)


@given(st.from_regex(rb'\{"amount":-?\d{1,40}(\.\d{1,40})?(e[+-]?\d{1,20})?\}', fullmatch=True))
def test_any_number_is_sold_or_refused(body: bytes) -> None:
    wanted = asked(body)
    if not isinstance(wanted, Answer):
        quantity_for(wanted.amount, Money(500, "usd"))
