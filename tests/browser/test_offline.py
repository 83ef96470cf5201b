"""Payers in tunnels: the page says so, loses nothing, and learns what happened meanwhile."""

from playwright.async_api import Page, expect

from .gallery import Gallery
from .test_live import opened
from .wire import wired

NOTICE = "No connection right now. This page updates by itself as soon as there is one."
LIES = """Object.defineProperty(Navigator.prototype, "onLine", { get: () => false })"""


async def test_the_page_says_that_it_is_offline_and_learns_the_outcome_when_it_is_back(
    page: Page, gallery: Gallery
) -> None:
    gallery.show("processing")
    await opened(page, gallery)
    notice = page.get_by_text(NOTICE).and_(page.locator(".offline"))
    await expect(notice).to_be_hidden()
    await page.context.set_offline(True)
    await expect(notice).to_be_visible()
    await expect(page.locator("#voice")).to_have_text(NOTICE)
    gallery.show("succeeded", redirect_url=None)
    await expect(page.get_by_role("heading", name="Confirming your payment")).to_be_visible()
    await page.context.set_offline(False)
    await expect(page.get_by_role("heading", name="Payment complete")).to_be_visible()
    await expect(notice).to_be_hidden()


async def test_a_payment_that_is_pressed_offline_is_neither_lost_nor_doubled(
    page: Page, gallery: Gallery
) -> None:
    gallery.show("ready")
    await opened(page, gallery)
    await page.context.set_offline(True)
    button = page.get_by_role("button", name="Pay €12.50")
    for _ in range(2):
        await button.click()
        await expect(page.locator(".offline")).to_be_visible()
        await expect(button).to_be_enabled()  # and its words are back
    assert gallery.requests["/pay"] == 0
    await page.context.set_offline(False)
    await expect(page.locator(".offline")).to_be_hidden()
    await button.click()
    await page.wait_for_url("**/processor")
    assert gallery.forms == [{"lang": "en"}]


async def test_a_device_that_is_wrong_about_being_offline_can_pay(
    page: Page, gallery: Gallery
) -> None:
    await page.add_init_script(LIES)
    gallery.show("ready")
    await opened(page, gallery)
    await expect(page.locator(".offline")).to_be_hidden()
    await page.get_by_role("button", name="Pay €12.50").click()
    await page.wait_for_url("**/processor")
    assert gallery.forms == [{"lang": "en"}]


async def test_a_stream_that_is_cut_off_without_a_word_comes_back(
    page: Page, gallery: Gallery
) -> None:
    gallery.show("waiting")
    async with wired(gallery.url) as wire:
        await page.goto(wire.through(f"{gallery.url}/page"))
        await gallery.listeners(1)
        wire.cut()
        await gallery.listeners(0)
        gallery.show("processing")
        await expect(page.locator(".offline")).to_be_visible()
        await wire.mend()
        await expect(page.get_by_role("heading", name="Confirming your payment")).to_be_visible()
        await expect(page.locator(".offline")).to_be_hidden()
        await gallery.listeners(1)
        gallery.show("failed")
        gallery.announce()
        await expect(page.get_by_role("heading", name="Payment not completed")).to_be_visible()


async def test_nobody_is_sent_to_a_shop_that_cannot_be_reached(
    page: Page, gallery: Gallery
) -> None:
    await page.clock.install()
    gallery.show("succeeded")
    await page.goto(f"{gallery.url}/page")
    await expect(page.get_by_text("Returning to Northwind Books in 5 s")).to_be_visible()
    await page.context.set_offline(True)
    await page.clock.run_for(60_000)
    assert page.url == f"{gallery.url}/page"
    await page.context.set_offline(False)
    await page.clock.run_for(5_000)
    await page.wait_for_url("**/shop")
