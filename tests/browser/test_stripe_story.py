"""Payers of Stripe on the running gateway: page, processor, callback, and back to green."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.fakes.stripe import PUBLISHABLE_KEY, SECRET_KEY, WEBHOOK_SECRET, FakeStripe
from tests.flows.stack import Stack

from .stripejs import stand_in
from .test_story import state
from .test_ways import ASKED_BY_BANK, CONFIRMING, GOOD, POOR


@pytest.fixture
async def stripe() -> AsyncIterator[FakeStripe]:
    running = FakeStripe()
    await running.start()
    yield running
    await running.stop()


async def by_stripe(stack: Stack, stripe: FakeStripe, **settings: Any) -> dict[str, Any]:
    """A payment by this method of Stripe, whose messages reach the gateway."""
    credentials = {
        "secret_key": SECRET_KEY,
        "publishable_key": PUBLISHABLE_KEY,
        "webhook_secrets": [WEBHOOK_SECRET],
    }
    wanted = {
        "connector": "stripe",
        "name": "Stripe",
        "priority": -1,
        "credentials": credentials,
        "settings": {"api_base": stripe.url, **settings},
    }
    answer = await stack.api.post("/v1/connections", json=wanted)
    assert answer.status_code == 201, answer.text
    stripe.webhook_url = answer.json()["callback_url"]
    return await stack.create(currency="usd", connection=answer.json()["id"])


async def pay_by_card(page: Page, number: str) -> None:
    await page.get_by_role("button", name=re.compile("Pay")).click()
    card = page.frame_locator("iframe[name=card]").get_by_label("Card number")
    await card.fill(number)
    await page.locator(".card-form button").click()


async def test_a_card_is_charged_once(page: Page, stack: Stack, stripe: FakeStripe) -> None:
    await stand_in(page, stripe)
    payment = await by_stripe(stack, stripe, method="card")
    await page.goto(payment["checkout_url"])
    await state(page, "ready")
    await expect(page.get_by_text("Your card details go to Stripe alone.")).to_be_visible()
    assert stripe.requests == [], "nothing is made at the processor by looking at a page"
    await pay_by_card(page, GOOD)
    await state(page, "succeeded")
    paid = await stack.until(payment["id"], "succeeded")
    assert paid["amount_captured"] == payment["amount"]
    (charge,) = stripe.books.all("charge", None)
    assert charge["amount"] == payment["amount"]


async def test_a_declined_card_leads_to_another_try(
    chromium_page: Page, stack: Stack, stripe: FakeStripe
) -> None:
    await stand_in(chromium_page, stripe)
    payment = await by_stripe(stack, stripe, method="card")
    await chromium_page.goto(payment["checkout_url"])
    await pay_by_card(chromium_page, POOR)
    await state(chromium_page, "failed")
    await expect(chromium_page.locator(".sentence")).to_contain_text("You have not been charged.")
    await chromium_page.get_by_role("button", name="Try again").click()
    await chromium_page.frame_locator("iframe[name=card]").get_by_label("Card number").fill(GOOD)
    await chromium_page.locator(".card-form button").click()
    await state(chromium_page, "succeeded")


async def test_who_comes_back_from_the_bank_is_seen_without_a_callback(
    chromium_page: Page, stack: Stack, stripe: FakeStripe
) -> None:
    """Stripe's messages do not arrive: what the page makes due is what tells."""
    await stand_in(chromium_page, stripe)
    payment = await by_stripe(stack, stripe, method="card")
    stripe.webhook_url = None
    await chromium_page.goto(payment["checkout_url"])
    await pay_by_card(chromium_page, ASKED_BY_BANK)
    await expect(chromium_page.locator(CONFIRMING)).to_be_visible()
    assert chromium_page.url == f"{payment['checkout_url']}?lang=en"
    await expect(chromium_page.locator("main")).to_have_attribute(
        "data-state", "succeeded", timeout=LOOKED_UP_WITHIN_MS
    )


LOOKED_UP_WITHIN_MS = 20_000
"""A payment is looked up every 10 s at most."""


async def test_cash_app_shows_its_code_and_turns_green(
    chromium_page: Page, stack: Stack, stripe: FakeStripe
) -> None:
    payment = await by_stripe(stack, stripe, method="cashapp")
    await chromium_page.route(f"{stripe.url}/**", lambda route: route.fulfill(body="Cash App"))
    await chromium_page.goto(payment["checkout_url"])
    await chromium_page.get_by_role("button", name=re.compile("Pay")).click()
    await state(chromium_page, "waiting")
    assert chromium_page.url == f"{payment['checkout_url']}?lang=en"
    await expect(chromium_page.get_by_role("img", name="QR code for Cash App")).to_be_visible()
    (intent,) = stripe.books.all("payment_intent", None)
    stripe.books.pay(intent["id"])
    await state(chromium_page, "succeeded")
    await expect(chromium_page.get_by_text("Cash App Pay")).to_be_visible()


async def test_a_buy_button_names_the_payment(
    chromium_page: Page, stack: Stack, stripe: FakeStripe
) -> None:
    await stand_in(chromium_page)
    payment = await by_stripe(stack, stripe, method="buy_button", buy_button_id="buy_btn_1")
    await chromium_page.goto(payment["checkout_url"])
    await chromium_page.get_by_role("button", name=re.compile("Pay")).click()
    button = chromium_page.locator("stripe-buy-button")
    await expect(button).to_have_attribute("client-reference-id", re.compile("^op_"))
    ours = await button.get_attribute("client-reference-id")
    assert ours is not None
    stripe.books.pay_link(ours, payment["amount"], "usd", "plink_1")
    await state(chromium_page, "succeeded")


async def test_no_page_but_the_one_that_needs_it_trusts_stripe(
    stack: Stack, stripe: FakeStripe
) -> None:
    payment = await by_stripe(stack, stripe, method="card")
    url = payment["checkout_url"]
    before = await stack.anyone.get(url)
    assert "stripe" not in before.headers["content-security-policy"]
    await stack.press(await stack.look(url), "/pay")
    during = await stack.anyone.get(url)
    assert "https://js.stripe.com" in during.headers["content-security-policy"]
    (intent,) = stripe.books.all("payment_intent", None)
    stripe.books.pay(intent["id"])
    await stack.until(payment["id"], "succeeded")
    after = await stack.anyone.get(url)
    assert "stripe" not in after.headers["content-security-policy"]


async def test_what_stripe_adds_to_the_address_leaves_it(stack: Stack) -> None:
    payment = await stack.create()
    url = payment["checkout_url"]
    added = (
        "redirect_status=succeeded&payment_intent=pi_1&payment_intent_client_secret=pi_1_secret_1"
    )
    answer = await stack.anyone.get(f"{url}?lang=de&{added}")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"{url.removeprefix(stack.url)}?lang=de#returned"
    failed = await stack.anyone.get(f"{url}?redirect_status=failed&lang=xx")
    assert failed.headers["location"] == url.removeprefix(stack.url)
