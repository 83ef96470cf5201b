"""A payer whom a provider has sent: to the page of an order, or of a service; and back again."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.doors.providers.conftest import Seller
from tests.fakes.stripe import FakeStripe
from tests.flows.conftest import trading
from tests.flows.stack import Stack
from tillgate.settings import from_environment

from .stripejs import stand_in
from .test_story import state


@pytest.fixture
async def seller(stack: Stack, dev_folder: Path) -> AsyncIterator[Seller]:
    running = from_environment(json.loads((dev_folder / "data/environment.json").read_text()))
    async with trading(stack, running) as trade:
        yield Seller(trade)


@pytest.fixture
async def fake() -> AsyncIterator[FakeStripe]:
    fake = FakeStripe()
    await fake.start()
    yield fake
    await fake.stop()


async def test_a_payer_is_sent_pays_and_is_sent_back(
    page: Page, seller: Seller, stack: Stack
) -> None:
    shop = stack.ready["inbox_url"]
    await seller.opens(success_redirect_url=f"{shop}/?done={{orderId}}")
    said = await seller.asks(externalId="E", amount=100)
    await page.goto(said["checkoutUrl"])
    await state(page, "ready")
    await expect(page.get_by_text(said["orderId"])).to_be_visible()
    await expect(page.get_by_text("Premium Credits × 20")).to_be_visible()
    await page.get_by_role("button", name="Pay $100.00").click()
    await page.get_by_role("button", name=re.compile("Decline")).click()
    await expect(page.get_by_role("heading", name="Payment Failed")).to_be_visible()
    await page.get_by_role("button", name="Try Again").click()
    await page.get_by_role("button", name=re.compile("Approve")).click()
    await expect(page.get_by_role("heading", name="Payment Successful!")).to_be_visible()
    await expect(page.get_by_role("link", name="Continue to Bitloader Now")).to_be_visible()
    await expect(page.get_by_text(re.compile(r"Redirecting in \d seconds"))).to_be_visible()
    await page.wait_for_url(f"{shop}/?done={said['orderId']}")


async def test_a_payer_says_how_many(page: Page, seller: Seller) -> None:
    await seller.opens()
    await page.goto(f"{seller.trade.url}/checkout?serviceId={seller.service['id']}")
    await page.get_by_role("link", name="Español").click()
    for _ in range(3):
        await page.get_by_label("Cantidad").press("ArrowUp")
    await page.get_by_role("button", name="Continuar").click()
    await state(page, "ready")
    await expect(page.get_by_text("Premium Credits × 4")).to_be_visible()
    await expect(page.get_by_role("button", name="Pagar 20,00 US$")).to_be_visible()


async def test_the_page_that_was_left_for_cash_app_turns_green(
    chromium_page: Page, seller: Seller, stack: Stack, fake: FakeStripe
) -> None:
    fake.webhook_url = f"{stack.url}/api/v1/stripe/webhooks"
    await seller.connects(fake, method="cashapp")
    await seller.opens()
    said = await seller.asks(externalId="E")
    page = chromium_page
    await page.route("**/cashapp/**", lambda route: route.fulfill(body="the app"))
    await page.goto(said["checkoutUrl"])
    async with page.expect_popup() as opened:
        await page.get_by_role("link", name="Continue to Cash App Pay").click()
    assert "/cashapp/pi_" in (await opened.value).url
    [intent] = fake.books.all("payment_intent", None)
    fake.books.pay(intent["id"])
    await expect(page.get_by_role("heading", name="Payment Successful!")).to_be_visible()


async def test_a_button_carries_the_order(
    chromium_page: Page, seller: Seller, stack: Stack, fake: FakeStripe
) -> None:
    fake.webhook_url = f"{stack.url}/api/v1/stripe/webhooks"
    await seller.connects(fake, method="buy_button")
    await seller.opens(price=30_000, button="buy_btn_xxx", use_stripe_checkout=True)
    said = await seller.asks(externalId="E")
    await stand_in(chromium_page, fake)
    await chromium_page.goto(said["checkoutUrl"])
    button = chromium_page.locator("stripe-buy-button")
    await expect(button).to_have_attribute("client-reference-id", said["orderId"])
    fake.books.pay_link(said["orderId"], 60_000, "usd", "plink_1")
    await expect(chromium_page.get_by_text("Premium Credits × 2")).to_be_visible()
    await expect(chromium_page.locator(".amount")).to_have_text("$600.00")
