"""The API document's viewer starts under the strict policy, from our own host alone."""

from playwright.async_api import Page, Request, expect

from .gallery import Gallery


async def test_the_viewer_shows_the_document(page: Page, gallery: Gallery) -> None:
    foreign: list[str] = []

    def note(request: Request) -> None:
        if not request.url.startswith((gallery.url, "data:")):
            foreign.append(request.url)

    page.on("request", note)
    await page.goto(f"{gallery.url}/docs")
    await expect(page.get_by_text("List payments")).to_be_visible()
    assert foreign == []
