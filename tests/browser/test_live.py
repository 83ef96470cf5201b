"""Pages that keep themselves true: by the stream, by polling, and when somebody comes back."""

import pytest
from playwright.async_api import Page, expect

from tillgate.checkout.model import State, View

from .gallery import Gallery

SOON_MS = 10_000
"""Less than a page with an open stream waits before it looks for no reason."""

MARK_DOCUMENT = "window.same = true"
IS_SAME_DOCUMENT = "window.same === true"


async def opened(page: Page, gallery: Gallery) -> None:
    """The page with its stream open, if it gets one, and its first look at the status made."""
    async with page.expect_response("**/status"):
        await page.goto(f"{gallery.url}/page")
    await gallery.listeners(0 if gallery.refusing_streams else 1)
    await page.evaluate(MARK_DOCUMENT)


async def test_a_change_is_drawn_into_the_same_page(page: Page, gallery: Gallery) -> None:
    gallery.show("processing")
    await opened(page, gallery)
    gallery.show("succeeded", redirect_url=None)
    gallery.announce()

    heading = page.get_by_role("heading", name="Payment complete")
    await expect(heading).to_be_visible(timeout=SOON_MS)
    await expect(heading).to_be_focused()
    await expect(page).to_have_title("Payment complete · Northwind Books")
    await expect(page.locator("#voice")).to_have_text(
        "Northwind Books has received your payment. Thank you."
    )
    await expect(page.locator("main")).to_have_attribute("data-version", gallery.view.version)
    assert await page.evaluate(IS_SAME_DOCUMENT)


async def test_every_change_of_a_whole_story_is_drawn(page: Page, gallery: Gallery) -> None:
    gallery.show("ready")
    await opened(page, gallery)
    story: list[tuple[State, str]] = [
        ("waiting", "Finish paying at Sandbox"),
        ("failed", "Payment not completed"),
        ("waiting", "Finish paying at Sandbox"),
        ("processing", "Confirming your payment"),
        ("review", "We are checking this payment"),
        ("succeeded", "Payment complete"),
    ]
    for state, heading in story:
        gallery.show(state)
        gallery.announce()
        await expect(page.get_by_role("heading", name=heading)).to_be_visible(timeout=SOON_MS)
    assert await page.evaluate(IS_SAME_DOCUMENT)


async def test_who_is_elsewhere_on_the_page_is_not_moved(page: Page, gallery: Gallery) -> None:
    gallery.show("processing")
    await opened(page, gallery)
    link = page.get_by_role("link", name="Deutsch")
    await link.focus()
    gallery.show("failed")
    gallery.announce()
    await expect(page.get_by_role("heading", name="Payment not completed")).to_be_visible()
    await expect(link).to_be_focused()


async def test_news_of_the_version_that_is_shown_changes_nothing(
    page: Page, gallery: Gallery
) -> None:
    gallery.show("processing")
    await opened(page, gallery)
    pages_before = gallery.requests["/page"]
    looks_before = gallery.requests["/status"]
    gallery.announce()
    gallery.view = gallery.sample("processing", version="next")
    gallery.announce()
    await expect(page.locator("main")).to_have_attribute("data-version", "next")
    assert gallery.requests["/status"] == looks_before + 1
    assert gallery.requests["/page"] == pages_before + 1


async def test_without_a_stream_the_status_is_polled(page: Page, gallery: Gallery) -> None:
    gallery.refusing_streams = True
    gallery.show("processing")
    await opened(page, gallery)
    gallery.show("succeeded", redirect_url=None)
    await expect(page.get_by_role("heading", name="Payment complete")).to_be_visible()
    assert await page.evaluate(IS_SAME_DOCUMENT)


async def test_a_stream_that_dies_is_replaced_by_polling_and_comes_back(
    page: Page, gallery: Gallery
) -> None:
    gallery.show("waiting")
    await opened(page, gallery)
    gallery.cut_streams()
    gallery.show("processing")
    await expect(page.get_by_role("heading", name="Confirming your payment")).to_be_visible()

    gallery.refusing_streams = False
    async with page.expect_response(lambda answer: answer.url.endswith("/live") and answer.ok):
        pass
    gallery.show("failed")
    gallery.announce()
    await expect(page.get_by_role("heading", name="Payment not completed")).to_be_visible()
    assert await page.evaluate(IS_SAME_DOCUMENT)


async def test_a_server_that_cannot_answer_now_leaves_the_page_as_it_is(
    page: Page, gallery: Gallery
) -> None:
    gallery.show("processing")
    await opened(page, gallery)
    gallery.status_down = True
    gallery.show("failed")
    async with page.expect_response(lambda answer: answer.status == 503):
        gallery.announce()
    await expect(page.get_by_role("heading", name="Confirming your payment")).to_be_visible()
    gallery.status_down = False
    gallery.announce()
    await expect(page.get_by_role("heading", name="Payment not completed")).to_be_visible()


async def test_a_stream_that_was_refused_is_asked_for_again(page: Page, gallery: Gallery) -> None:
    gallery.refusing_streams = True
    gallery.show("waiting")
    async with page.expect_response("**/live") as refused:
        await page.goto(f"{gallery.url}/page")
    assert (await refused.value).status == 503
    gallery.refusing_streams = False
    await gallery.listeners(1)


async def test_a_page_that_cannot_be_made_now_does_not_replace_the_one_that_was(
    page: Page, gallery: Gallery
) -> None:
    gallery.show("processing")
    await opened(page, gallery)
    gallery.view = View(state="unavailable", version="50")
    async with page.expect_response("**/page") as answer:
        gallery.announce()
    assert (await answer.value).status == 503
    gallery.show("processing", description="Mended")
    gallery.announce()
    await expect(page.get_by_text("Mended")).to_be_visible()
    assert await page.evaluate(IS_SAME_DOCUMENT)


@pytest.mark.parametrize(
    "wake_up",
    [
        "document.dispatchEvent(new Event('visibilitychange'))",
        "window.dispatchEvent(new Event('online'))",
        "window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))",
    ],
)
async def test_the_page_looks_again_when_somebody_comes_back(
    page: Page, gallery: Gallery, wake_up: str
) -> None:
    gallery.show("processing")
    await opened(page, gallery)
    gallery.show("succeeded", redirect_url=None)
    await page.evaluate(wake_up)
    await expect(page.get_by_role("heading", name="Payment complete")).to_be_visible(
        timeout=SOON_MS
    )


async def test_a_page_that_left_and_was_kept_is_live_again(page: Page, gallery: Gallery) -> None:
    gallery.show("processing")
    await opened(page, gallery)
    await page.evaluate("window.dispatchEvent(new PageTransitionEvent('pagehide'))")
    async with page.expect_response("**/live"):
        await page.evaluate(
            "window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))"
        )
    gallery.show("failed")
    gallery.announce()
    await expect(page.get_by_role("heading", name="Payment not completed")).to_be_visible()


async def test_pages_that_will_not_change_ask_nothing(page: Page, gallery: Gallery) -> None:
    states: list[State] = ["succeeded", "already_paid", "expired", "canceled"]
    for state in states:
        gallery.show(state)
        await page.goto(f"{gallery.url}/page", wait_until="networkidle")
    assert gallery.requests["/status"] == 0
    assert gallery.requests["/live"] == 0


async def test_after_the_last_change_the_stream_is_closed(page: Page, gallery: Gallery) -> None:
    gallery.show("processing")
    await opened(page, gallery)
    gallery.show("expired")
    gallery.announce()
    await expect(page.get_by_role("heading", name="Time to pay has run out")).to_be_visible()
    await gallery.listeners(0)


async def test_a_page_that_could_not_be_made_tries_again_by_itself(
    page: Page, gallery: Gallery
) -> None:
    await page.goto(f"{gallery.url}/page")
    await expect(page.get_by_role("heading", name="One moment, please")).to_be_visible()
    gallery.show("ready")
    await expect(page.get_by_role("button", name="Pay €12.50")).to_be_visible()
    await expect(page.get_by_role("banner")).to_contain_text("Northwind Books")


async def test_a_page_of_a_newer_release_is_loaded_whole(page: Page, gallery: Gallery) -> None:
    gallery.show("processing")
    await opened(page, gallery)
    await page.evaluate("document.querySelector('link[rel=stylesheet]').href = '/assets/old.css'")
    gallery.show("failed")
    gallery.announce()
    await expect(page.get_by_role("heading", name="Payment not completed")).to_be_visible()
    assert not await page.evaluate(IS_SAME_DOCUMENT)
