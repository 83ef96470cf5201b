"""Paying on the page itself: Stripe's card form, Cash App's code, Stripe's Buy Button."""

import re
from collections.abc import AsyncIterator
from typing import Literal
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Browser, Page, expect

from tests.fakes.stripe import PUBLISHABLE_KEY, FakeStripe
from tillgate.checkout.ways import Card

from .conftest import fresh_page
from .gallery import CODE_LIVES_S, Gallery
from .stripejs import stand_in
from .test_look import (
    AXE,
    FINDINGS,
    MOVING,
    OVERFLOW_PX,
    SMALL_TARGETS,
    SMALLEST_PX,
    TOUCH_MIN_PX,
    WCAG,
)
from .test_paying import stop_time

GOOD, POOR, ASKED_BY_BANK = "4242 4242 4242 4242", "4000 0000 0000 9995", "4000 0025 0000 3155"
WAYS = [
    *("/states/waiting?way=card", "/states/waiting?way=card&lang=ar"),
    *("/states/waiting?way=cashapp", "/states/waiting?way=cashapp&lang=de"),
    *("/states/waiting?way=over", "/states/waiting?way=button&lang=es"),
]
NOT_LOADED = "The payment form could not be loaded."
CONFIRMING = ".checking"


@pytest.fixture
async def stripe() -> AsyncIterator[FakeStripe]:
    running = FakeStripe()
    await running.start()
    yield running
    await running.stop()


def card_payment(gallery: Gallery, stripe: FakeStripe) -> str:
    """The page shows the card form for a new payment intent; answers its id."""
    intent = stripe.books.create_intent({"amount": 1250, "currency": "eur"})
    way = Card(intent["client_secret"], PUBLISHABLE_KEY)
    gallery.show("waiting", way=way, way_number=1, method="card", continue_url=None)
    return intent["id"]


async def fill_in(page: Page, number: str) -> None:
    form = page.frame_locator("iframe[name=card]")
    await form.get_by_label("Card number").fill(number)
    await page.get_by_role("button", name="Pay €12.50").click()


# ---- cards ---------------------------------------------------------------------------------------


async def test_a_card_is_paid_in_stripes_own_form(
    page: Page, gallery: Gallery, stripe: FakeStripe
) -> None:
    await stand_in(page, stripe)
    intent = card_payment(gallery, stripe)
    await page.goto(f"{gallery.url}/page")
    await fill_in(page, GOOD)
    await expect(page.locator(CONFIRMING)).to_be_visible()
    await expect(page.get_by_role("button", name="Pay €12.50")).to_be_hidden()
    await expect(page.get_by_role("link", name="Return to Northwind Books")).to_be_hidden()
    assert stripe.books.things[intent]["status"] == "succeeded"
    assert gallery.returned == ["succeeded"], "the server was told to ask"
    gallery.show("succeeded", redirect_url=None, method="card")
    gallery.announce()
    await expect(page.get_by_role("heading", name="Payment complete")).to_be_visible()
    await expect(page.get_by_text("Card", exact=True)).to_be_visible()
    sent = [str(request) for request in stripe.requests]
    assert not [one for one in sent if "4242" in one], "no number ever left the frame"


async def test_a_declined_card_is_told_in_our_words_and_may_try_again(
    page: Page, gallery: Gallery, stripe: FakeStripe
) -> None:
    await stand_in(page, stripe)
    intent = card_payment(gallery, stripe)
    await page.goto(f"{gallery.url}/page")
    await fill_in(page, POOR)
    trouble = page.get_by_role("alert").filter(has_text="There was not enough money available")
    await expect(trouble).to_be_visible()
    await expect(page.get_by_text("insufficient funds")).to_have_count(0)
    await fill_in(page, GOOD)
    await expect(page.locator(CONFIRMING)).to_be_visible()
    await expect(trouble).to_be_hidden()
    assert stripe.books.things[intent]["status"] == "succeeded"


async def test_while_nobody_knows_nobody_is_told_that_nothing_was_charged(
    chromium_page: Page, gallery: Gallery, stripe: FakeStripe
) -> None:
    await stand_in(chromium_page, stripe)
    intent = card_payment(gallery, stripe)
    await chromium_page.goto(f"{gallery.url}/page")
    await chromium_page.frame_locator("iframe[name=card]").get_by_label("Card number").wait_for()
    stripe.faults.append("500_after")
    await fill_in(chromium_page, GOOD)
    await expect(chromium_page.locator(CONFIRMING)).to_be_visible()
    assert await chromium_page.locator(".card-form .trouble").inner_text() == ""
    assert stripe.books.things[intent]["status"] == "succeeded"


async def test_what_is_missing_is_said_before_anything_is_sent(
    chromium_page: Page, gallery: Gallery, stripe: FakeStripe
) -> None:
    asked = await stand_in(chromium_page, stripe)
    intent = card_payment(gallery, stripe)
    await chromium_page.goto(f"{gallery.url}/page")
    await fill_in(chromium_page, "4242")
    trouble = chromium_page.get_by_role("alert").filter(
        has_text="Something is missing or not right above."
    )
    await expect(trouble).to_be_visible()
    assert asked[f"/v1/payment_intents/{intent}/confirm"] == 0


async def test_who_comes_back_from_the_bank_is_not_asked_to_pay_again(
    page: Page, gallery: Gallery, stripe: FakeStripe
) -> None:
    await stand_in(page, stripe)
    card_payment(gallery, stripe)
    await page.goto(f"{gallery.url}/page?lang=en")
    await fill_in(page, ASKED_BY_BANK)
    await expect(page.locator(CONFIRMING)).to_be_visible()
    await expect(page.locator("iframe")).to_have_count(0)
    assert "redirect_status" not in page.url
    assert "payment_intent" not in page.url
    assert "returned" not in page.url


async def test_a_reload_after_paying_shows_no_form(
    chromium_page: Page, gallery: Gallery, stripe: FakeStripe
) -> None:
    await stand_in(chromium_page, stripe)
    stripe.books.pay(card_payment(gallery, stripe))
    await chromium_page.goto(f"{gallery.url}/page")
    await expect(chromium_page.locator(CONFIRMING)).to_be_visible()
    await expect(chromium_page.locator("iframe")).to_have_count(0)


async def test_a_script_that_does_not_come_is_told(
    page: Page, gallery: Gallery, stripe: FakeStripe
) -> None:
    await page.route("https://js.stripe.com/**", lambda route: route.abort())
    card_payment(gallery, stripe)
    await page.goto(f"{gallery.url}/page")
    await expect(page.get_by_text(NOT_LOADED)).to_be_visible()
    await page.unroute_all()
    await stand_in(page, stripe)
    await page.get_by_role("button", name="Try again").click()
    await expect(page.locator("iframe[name=card]")).to_be_visible()


async def test_what_is_typed_survives_news_that_change_nothing(
    page: Page, gallery: Gallery, stripe: FakeStripe
) -> None:
    await stand_in(page, stripe)
    card_payment(gallery, stripe)
    await page.goto(f"{gallery.url}/page")
    await gallery.listeners(1)
    number = page.frame_locator("iframe[name=card]").get_by_label("Card number")
    await number.fill("4242")
    gallery.show("waiting", way=gallery.view.way, way_number=1, method="card")
    gallery.announce()
    await expect(page.locator("main")).to_have_attribute("data-version", gallery.view.version)
    await expect(number).to_have_value("4242")


async def test_a_tab_that_watched_loads_what_the_way_needs(
    chromium_page: Page, gallery: Gallery, stripe: FakeStripe
) -> None:
    """The try began in another tab: this page's own policy trusts nobody."""
    asked = await stand_in(chromium_page, stripe)
    gallery.show("ready", method="card")
    await chromium_page.goto(f"{gallery.url}/page")
    await gallery.listeners(1)
    assert asked.total() == 0
    card_payment(gallery, stripe)
    gallery.announce()
    await expect(chromium_page.locator("iframe[name=card]")).to_be_visible()


@pytest.mark.parametrize(("scheme", "paper"), [("light", "#ffffff"), ("dark", "#141c28")])
async def test_the_form_takes_the_pages_colours_and_language(
    chromium_page: Page,
    gallery: Gallery,
    stripe: FakeStripe,
    scheme: Literal["light", "dark"],
    paper: str,
) -> None:
    await chromium_page.emulate_media(color_scheme=scheme)
    await stand_in(chromium_page, stripe)
    card_payment(gallery, stripe)
    await chromium_page.goto(f"{gallery.url}/page?lang=de")
    frame = chromium_page.locator("iframe[name=card]")
    query = parse_qs(urlsplit(await frame.get_attribute("src") or "").query)
    assert query["colorBackground"] == [paper]
    assert query["lang"] == ["de"]


# ---- Cash App ------------------------------------------------------------------------------------


async def test_on_a_large_screen_a_code_is_scanned(page: Page, gallery: Gallery) -> None:
    await page.goto(f"{gallery.url}/states/waiting?way=cashapp")
    code = page.get_by_role("img", name="QR code for Cash App")
    await expect(code).to_be_visible()
    assert await code.evaluate("(each) => each.decode().then(() => each.naturalWidth)")
    await expect(page.locator(".code time")).to_have_text(re.compile(r"0:[45]\d"))
    await expect(page.get_by_role("link", name="Open Cash App")).to_be_hidden()
    async with page.context.expect_page() as opened:
        await page.get_by_role("link", name="Continue to Cash App Pay").click()
    there = await opened.value
    await there.wait_for_url("**/processor")
    assert await there.evaluate("window.opener") is None


async def test_on_a_small_screen_the_app_is_opened(chromium_page: Page, gallery: Gallery) -> None:
    await chromium_page.set_viewport_size({"width": SMALLEST_PX, "height": 640})
    await chromium_page.goto(f"{gallery.url}/states/waiting?way=cashapp")
    await expect(chromium_page.get_by_role("img", name="QR code for Cash App")).to_be_hidden()
    async with chromium_page.context.expect_page() as opened:
        await chromium_page.get_by_role("link", name="Open Cash App").click()
    await (await opened.value).wait_for_url("**/processor?phone")


async def test_the_page_that_stays_turns_green(page: Page, gallery: Gallery) -> None:
    gallery.show("waiting", way=gallery.way("cashapp"), way_number=1, method="cashapp")
    await page.goto(f"{gallery.url}/page")
    await gallery.listeners(1)
    gallery.show("succeeded", redirect_url=None, method="cashapp")
    gallery.announce()
    await expect(page.get_by_role("heading", name="Payment complete")).to_be_visible()


async def test_a_code_that_has_expired_is_taken_away(page: Page, gallery: Gallery) -> None:
    await stop_time(page)
    gallery.show("waiting", way=gallery.way("cashapp"), way_number=1, method="cashapp")
    await page.goto(f"{gallery.url}/page")
    await expect(page.locator(".code")).to_be_visible()
    await gallery.listeners(1)
    gallery.show("waiting", way=gallery.way("over"), way_number=1, method="cashapp")
    # the page knows by itself when to look
    await page.clock.run_for(CODE_LIVES_S * 1000)
    await expect(page.get_by_text("This code is no longer valid.")).to_be_visible()
    await expect(page.locator(".code")).to_have_count(0)
    await page.get_by_role("button", name="Start again").click()
    await page.wait_for_url("**/processor")


async def test_who_comes_back_from_cash_app_is_told_to_wait(
    chromium_page: Page, gallery: Gallery
) -> None:
    gallery.show("waiting", way=gallery.way("cashapp"), way_number=1, method="cashapp")
    await chromium_page.clock.install()
    await chromium_page.goto(f"{gallery.url}/page?redirect_status=succeeded&payment_intent=pi_1")
    await expect(chromium_page.locator(CONFIRMING)).to_be_visible()
    await expect(chromium_page.locator(".code")).to_be_hidden()
    assert chromium_page.url == f"{gallery.url}/page"
    # nothing came of it: the payer can go on
    await chromium_page.clock.run_for(25_000)
    await expect(chromium_page.locator(".code")).to_be_visible()


async def test_without_script_a_code_is_scanned_too(bare_page: Page, gallery: Gallery) -> None:
    await bare_page.goto(f"{gallery.url}/states/waiting?way=cashapp")
    assert await bare_page.get_by_role("img", name="QR code for Cash App").is_visible()
    assert await bare_page.locator(".code time").inner_text() in {"49 seconds", "50 seconds"}


# ---- Buy Button ----------------------------------------------------------------------------------


async def test_stripes_button_stands_on_the_page(page: Page, gallery: Gallery) -> None:
    await stand_in(page)
    await page.set_viewport_size({"width": SMALLEST_PX, "height": 640})
    await page.goto(f"{gallery.url}/states/waiting?way=button")
    frame = page.locator("stripe-buy-button iframe")
    await expect(frame).to_be_visible()
    query = parse_qs(urlsplit(await frame.get_attribute("src") or "").query)
    assert query["buy-button-id"] == ["buy_btn_1"]
    assert query["client-reference-id"] == ["op_1"]
    box, card = await frame.bounding_box(), await page.locator("main").bounding_box()
    assert box is not None
    assert card is not None
    assert card["x"] <= box["x"]
    assert box["x"] + box["width"] <= card["x"] + card["width"], "it is cut off"


async def test_a_button_that_does_not_come_is_told(chromium_page: Page, gallery: Gallery) -> None:
    await chromium_page.route("https://js.stripe.com/**", lambda route: route.abort())
    await chromium_page.goto(f"{gallery.url}/states/waiting?way=button")
    await expect(chromium_page.get_by_text(NOT_LOADED)).to_be_visible()


@pytest.mark.parametrize("way", ["card", "button"])
async def test_without_script_it_is_said_that_one_is_needed(
    bare_page: Page, gallery: Gallery, way: str
) -> None:
    await bare_page.goto(f"{gallery.url}/states/waiting?way={way}")
    words = bare_page.locator("noscript p")
    assert await words.is_visible()
    assert "needs JavaScript" in await words.inner_text()


# ---- all of them ---------------------------------------------------------------------------------


async def test_no_other_page_asks_stripe_for_anything(
    chromium_page: Page, gallery: Gallery
) -> None:
    asked = await stand_in(chromium_page)
    for look in ("ready", "waiting", "processing", "succeeded", "failed", "waiting?way=cashapp"):
        await chromium_page.goto(f"{gallery.url}/states/{look}", wait_until="networkidle")
    assert asked.total() == 0


async def drawn(page: Page, gallery: Gallery, stripe: FakeStripe, look: str) -> None:
    """Goes to a page with a way, and returns when it shows all that it will."""
    card_payment(gallery, stripe)
    if "way=card" in look:
        look = f"/page?{urlsplit(look).query}"
    await page.goto(gallery.url + look)
    if "way=card" in look:
        await expect(page.locator("iframe[name=card]")).to_be_visible()
    if "way=button" in look:
        await expect(page.locator("stripe-buy-button iframe")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing(
    chromium_page: Page,
    gallery: Gallery,
    stripe: FakeStripe,
    scheme: Literal["light", "dark"],
) -> None:
    await stand_in(chromium_page, stripe)
    await chromium_page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    for look in WAYS:
        await drawn(chromium_page, gallery, stripe, look)
        for show in ("", ".checking", ".trouble"):
            if show:
                await chromium_page.evaluate(
                    "(show) => document.querySelectorAll(show).forEach((each) => {"
                    " each.hidden = false; each.textContent ||= 'Not yet.' })",
                    show,
                )
            await chromium_page.evaluate(AXE)
            assert await chromium_page.evaluate(FINDINGS, WCAG) == [], look
            assert await chromium_page.evaluate(MOVING) == 0, look


async def test_everything_fits_and_can_be_pressed_on_the_smallest_phone(
    page: Page, gallery: Gallery, stripe: FakeStripe
) -> None:
    await stand_in(page, stripe)
    await page.set_viewport_size({"width": SMALLEST_PX, "height": 640})
    for look in WAYS:
        await drawn(page, gallery, stripe, look)
        assert await page.evaluate(OVERFLOW_PX) == 0, look
        assert await page.evaluate(SMALL_TARGETS, TOUCH_MIN_PX) == [], look


async def test_the_keyboard_pays_by_card(
    chromium: Browser, gallery: Gallery, stripe: FakeStripe
) -> None:
    async with fresh_page(chromium) as page:
        await stand_in(page, stripe)
        intent = card_payment(gallery, stripe)
        await page.goto(f"{gallery.url}/page")
        number = page.frame_locator("iframe[name=card]").get_by_label("Card number")
        await number.wait_for()
        await page.keyboard.press("Tab")
        await expect(number).to_be_focused()
        await page.keyboard.type(GOOD)
        await expect(number).to_have_value(GOOD)
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("button", name="Pay €12.50")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator(CONFIRMING)).to_be_visible()
        assert stripe.books.things[intent]["status"] == "succeeded"
