"""Pressing the button, running out of time, going back to the shop; with and without the script."""

import asyncio
import re
from datetime import timedelta

from playwright.async_api import Browser, Page, expect

from tillgate.kit import clock

from .conftest import PATIENCE_MS, fresh_page
from .gallery import Gallery

LESS_THAN_THE_COUNTDOWN_MS = 2_000
SENT_WITHIN_MS = 200
"""After this the first press is on its way, and a second one would be another request."""

NAVIGATION = "performance.getEntriesByType('navigation')[0].type"

# In one go, because locators wait for the navigation that a press begins.
PRESS = """async () => {
  const button = document.querySelector("button.first");
  button.click();
  // then
  return {
    button: button.textContent,
    disabled: button.getAttribute("aria-disabled"),
    voice: document.querySelector("#voice").textContent,
  };
}"""
PRESS_AND_HEAR = """async () => {
  document.querySelector("button.first").click();
  const stream = new EventSource("/live");
  await new Promise((heard) => stream.addEventListener("look", heard));
  // a look that the page's own script made of it would have begun by now
  await fetch("/shop");
  stream.close();
  return document.querySelector("h1").textContent;
}"""


async def stop_time(page: Page) -> None:
    """The page's time stands still until the test lets it run."""
    await page.clock.install(time="2026-01-01T00:00:00Z")
    await page.clock.pause_at("2026-01-01T00:00:01Z")


async def test_a_payment_is_sent_once_however_often_the_button_is_pressed(
    page: Page, gallery: Gallery
) -> None:
    gallery.show("ready")
    gallery.paying.clear()
    await page.goto(f"{gallery.url}/page")
    await expect(page.locator("button.first")).to_have_text("Pay €12.50")
    again = f"await new Promise((done) => setTimeout(done, {SENT_WITHIN_MS})); button.click();"
    assert await page.evaluate(PRESS.replace("// then", 2 * again)) == {
        "button": "One moment…",
        "disabled": "true",
        "voice": "One moment…",
    }
    gallery.paying.set()
    await page.wait_for_url("**/processor")
    assert gallery.requests["/pay"] == 1
    assert gallery.forms == [{"lang": "en"}]


async def test_the_page_does_not_change_under_a_payer_who_is_leaving(
    chromium_page: Page, gallery: Gallery
) -> None:
    gallery.show("ready")
    gallery.paying.clear()
    async with chromium_page.expect_response("**/status"):
        await chromium_page.goto(f"{gallery.url}/page")
    leaving = asyncio.create_task(chromium_page.evaluate(PRESS_AND_HEAR))
    await gallery.listeners(2)
    gallery.show("waiting")
    gallery.announce()
    assert await leaving == "Pay Northwind Books"
    gallery.paying.set()
    await chromium_page.wait_for_url("**/processor")
    assert gallery.requests["/page"] == 1


async def test_a_payer_who_comes_back_can_press_again(page: Page, gallery: Gallery) -> None:
    gallery.show("ready")
    gallery.paying.clear()
    await page.goto(f"{gallery.url}/page")
    back = "window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }));"
    assert await page.evaluate(PRESS.replace("// then", back)) == {
        "button": "Pay €12.50",
        "disabled": None,
        "voice": "One moment…",
    }


async def test_a_page_that_the_browser_kept_is_true_again(
    keeping_chromium: Browser, gallery: Gallery
) -> None:
    gallery.show("ready")
    async with fresh_page(keeping_chromium) as page:
        await page.goto(f"{gallery.url}/page")
        await page.get_by_role("button", name="Pay €12.50").click()
        await page.wait_for_url("**/processor")
        gallery.show("waiting")
        looks_before = gallery.requests["/page"]
        await page.go_back(wait_until="commit")
        await expect(page.get_by_role("heading", name="Finish paying at Sandbox")).to_be_visible()
        assert await page.evaluate(NAVIGATION) == "navigate", "the page was loaded anew"
        assert gallery.requests["/page"] == looks_before + 1
        await gallery.listeners(1)
        gallery.show("processing")
        gallery.announce()
        await expect(page.get_by_role("heading", name="Confirming your payment")).to_be_visible()
    assert gallery.requests["/pay"] == 1


async def test_after_success_the_payer_goes_back_to_the_shop(page: Page, gallery: Gallery) -> None:
    await stop_time(page)
    gallery.show("succeeded")
    await page.goto(f"{gallery.url}/page")
    for left in (5, 4, 3, 2, 1):
        words = f"Returning to Northwind Books in {left} s"
        await expect(page.get_by_text(words)).to_be_visible()
        assert gallery.requests["/shop"] == 0
        await page.clock.run_for(1_000)
    await page.wait_for_url("**/shop")


async def test_the_countdown_begins_when_success_is_drawn(page: Page, gallery: Gallery) -> None:
    await stop_time(page)
    gallery.show("processing")
    await page.goto(f"{gallery.url}/page")
    await gallery.listeners(1)
    gallery.show("succeeded")
    gallery.announce()
    await expect(page.get_by_text("Returning to Northwind Books in 5 s")).to_be_visible()
    await page.clock.run_for(1_000)
    await expect(page.get_by_text("Returning to Northwind Books in 4 s")).to_be_visible()
    await page.get_by_role("link", name="Return to Northwind Books").click()
    await page.wait_for_url("**/shop")


async def test_a_payer_may_stay(page: Page, gallery: Gallery) -> None:
    await stop_time(page)
    gallery.show("succeeded")
    await page.goto(f"{gallery.url}/page")
    await page.get_by_role("button", name="Stay on this page").click()
    await expect(page.locator(".returning")).to_be_hidden()
    await page.clock.run_for(60_000)
    assert page.url == f"{gallery.url}/page"
    await expect(page.get_by_role("link", name="Return to Northwind Books")).to_be_focused()


async def test_who_comes_back_from_the_shop_is_not_sent_there_again(
    chromium_page: Page, gallery: Gallery
) -> None:
    """Chromium loads the page again here; the next test has the page that a browser kept."""
    gallery.show("succeeded")
    await chromium_page.goto(f"{gallery.url}/page")
    await chromium_page.get_by_role("link", name="Return to Northwind Books").click()
    await chromium_page.wait_for_url("**/shop")
    await chromium_page.go_back()
    await expect(chromium_page.get_by_role("heading", name="Payment complete")).to_be_visible()
    stay = chromium_page.get_by_role("button", name="Stay on this page")
    await expect(stay).to_be_hidden(timeout=LESS_THAN_THE_COUNTDOWN_MS)


async def test_a_page_that_was_left_does_not_leave_again(page: Page, gallery: Gallery) -> None:
    await stop_time(page)
    gallery.show("succeeded")
    await page.goto(f"{gallery.url}/page")
    await expect(page.get_by_role("button", name="Stay on this page")).to_be_visible()
    await page.evaluate("window.dispatchEvent(new PageTransitionEvent('pagehide'))")
    await expect(page.locator(".returning")).to_be_hidden()
    await page.clock.run_for(60_000)
    await expect(page.get_by_role("heading", name="Payment complete")).to_be_visible()
    assert gallery.requests["/shop"] == 0


async def test_the_time_left_is_told_at_its_moments(page: Page, gallery: Gallery) -> None:
    await stop_time(page)
    gallery.show("ready", expires_at=clock.now() + timedelta(seconds=200))
    await page.goto(f"{gallery.url}/page")
    voice = page.locator("#voice")
    await expect(page.locator("time.left")).to_have_text(re.compile(r"3:[12]\d"))
    await expect(voice).to_be_empty()
    for passes_s, words in (
        (21, "3 minutes left to pay."),
        (120, "1 minute left to pay."),
        (30, "30 seconds left to pay."),
    ):
        await page.clock.run_for(passes_s * 1_000)
        await expect(voice).to_have_text(words)
    await expect(page.locator("time.left")).to_have_text(re.compile(r"0:[12]\d"))


async def test_the_time_left_goes_by_the_servers_clock(page: Page, gallery: Gallery) -> None:
    await page.clock.set_fixed_time("2001-01-01T00:00:00Z")
    gallery.show("ready", expires_at=clock.now() + timedelta(minutes=20, seconds=30))
    await page.goto(f"{gallery.url}/page")
    assert await page.evaluate("new Date().getFullYear()") == 2001
    shown = page.locator("time.left")
    await expect(shown).to_have_text(re.compile(r"20:\d\d"))
    before = await shown.inner_text()
    await expect(shown).not_to_have_text(before)


async def test_half_an_hour_and_more_is_told_in_words(page: Page, gallery: Gallery) -> None:
    gallery.show("ready", expires_at=clock.now() + timedelta(hours=26, minutes=1))
    await page.goto(f"{gallery.url}/page")
    await expect(page.locator("time.left")).to_have_text("26 hours")


async def test_when_time_has_run_out_the_page_looks_again(page: Page, gallery: Gallery) -> None:
    await stop_time(page)
    gallery.show("ready", expires_at=clock.now() + timedelta(seconds=20))
    await page.goto(f"{gallery.url}/page")
    await expect(page.locator("time.left")).to_have_text(re.compile(r"0:[12]\d"))
    await gallery.listeners(1)
    gallery.show("expired")
    # not yet as long as it takes until a page with a stream looks for no reason
    await page.clock.run_for(20_500)
    await expect(page.get_by_role("heading", name="Time to pay has run out")).to_be_visible()


async def test_without_script_the_form_pays(bare_page: Page, gallery: Gallery) -> None:
    gallery.show("ready")
    await bare_page.goto(f"{gallery.url}/page?lang=de")
    await bare_page.get_by_role("button", name="12,50 € zahlen").press("Enter")
    await bare_page.wait_for_url("**/processor")
    assert gallery.forms == [{"lang": "de"}]


async def test_without_script_the_story_goes_on_by_itself(
    bare_page: Page, gallery: Gallery
) -> None:
    gallery.show("processing")
    await bare_page.goto(f"{gallery.url}/page")
    gallery.show("succeeded")
    await bare_page.wait_for_url("**/shop", timeout=2 * PATIENCE_MS)
    assert gallery.requests["/page"] == 2


async def test_without_script_nobody_is_told_to_stay(bare_page: Page, gallery: Gallery) -> None:
    gallery.show("succeeded")
    await bare_page.goto(f"{gallery.url}/page")
    assert await bare_page.get_by_role("heading", name="Payment complete").is_visible()
    assert await bare_page.get_by_role("button", name="Stay on this page").is_hidden()


async def test_the_time_left_stands_in_words_without_script(
    bare_page: Page, gallery: Gallery
) -> None:
    gallery.show("ready", expires_at=clock.now() + timedelta(minutes=20, seconds=30))
    await bare_page.goto(f"{gallery.url}/page")
    assert await bare_page.locator("time.left").inner_text() == "20 minutes"
