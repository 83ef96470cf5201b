"""The page in a real browser: what arrives appears by itself."""

import shutil
from collections.abc import AsyncIterator
from importlib.resources import files

import pytest
from playwright.async_api import Page, async_playwright, expect

from .conftest import InboxProcess

FLAGS = [
    "--headless",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",
]
SMALLEST_PX = 320
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text()
FINDINGS = "async () => (await axe.run()).violations.map(({ id, nodes }) => [id, nodes[0].html])"


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    """A page of the smallest phone; anything on its console fails the test."""
    path = shutil.which("chromium")
    assert path, "these tests need chromium; `make test` says how"
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        page = await chromium.new_page(viewport={"width": SMALLEST_PX, "height": 640})
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        yield page
        await chromium.close()
        assert said == []


async def test_messages_appear_by_themselves(inbox: InboxProcess, page: Page) -> None:
    await page.goto(inbox.url)
    await expect(page.get_by_text("No webhook has arrived yet.")).to_be_visible()
    await inbox.client.post("/", json={"type": "payment.created"})
    await expect(page.get_by_role("heading", level=2)).to_have_text(["payment.created"])
    await page.get_by_text("Other headers").click()
    await inbox.client.post("/", json={"type": "payment.succeeded"})
    headings = page.get_by_role("heading", level=2)
    await expect(headings).to_have_text(["payment.succeeded", "payment.created"])
    # What a reader has opened stays open.
    await expect(page.locator("details[open]")).to_have_count(1)
    await page.get_by_role("button", name="Empty the inbox").click()
    await expect(page.get_by_text("No webhook has arrived yet.")).to_be_visible()
    assert await inbox.messages() == []


async def test_everyone_can_use_the_page(inbox: InboxProcess, page: Page) -> None:
    long_body = {"type": "payment.succeeded", "data": "x" * 300}
    await inbox.client.post("/" + "y" * 200, json=long_body, headers={"webhook-id": "z" * 200})
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        await page.goto(inbox.url)
        await page.evaluate(AXE)
        assert await page.evaluate(FINDINGS) == []
        assert await page.evaluate("document.documentElement.scrollWidth") <= SMALLEST_PX
