"""Real browsers, one of each per worker, and the gallery of pages that they look at.

A missing browser is a failure: what it would have shown is not known.
"""

import shutil
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import (
    Browser,
    ConsoleMessage,
    Error,
    Page,
    Playwright,
    ViewportSize,
    async_playwright,
    expect,
)

from .gallery import Gallery

PATIENCE_MS = 10_000
"""How long an expected change may take on a busy machine."""

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
FIREFOX_NAMES = ("firefox-esr", "firefox")
CHROMIUM_FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",
]
FORBIDDEN = "forbidden by the page's policy:"
TELL_FORBIDDEN = f"""document.addEventListener("securitypolicyviolation", (event) =>
  console.error("{FORBIDDEN}", event.effectiveDirective, event.blockedURI, event.sourceFile));"""
DESKTOP = ViewportSize(width=1280, height=900)


def installed(names: tuple[str, ...]) -> str:
    """Where the first of these programs is. Raises when there is none."""
    for name in names:
        path = shutil.which(name)
        if path is not None:
            return path
    raise RuntimeError(f"the browser tests need one of: {', '.join(names)}; `make test` says how")


@pytest.fixture(scope="session")
async def playwright() -> AsyncIterator[Playwright]:
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as running:
        yield running


@pytest.fixture(scope="session")
async def chromium(playwright: Playwright) -> AsyncIterator[Browser]:
    browser = await playwright.chromium.launch(
        executable_path=installed(CHROMIUM_NAMES), args=CHROMIUM_FLAGS
    )
    yield browser
    await browser.close()


@pytest.fixture(scope="session")
async def firefox(playwright: Playwright) -> AsyncIterator[Browser]:
    async with firefox_with(playwright, {}) as browser:
        yield browser


@pytest.fixture
async def dark_firefox(playwright: Playwright) -> AsyncIterator[Browser]:
    """Firefox for who likes it dark and still: it takes these wishes at its start only."""
    wishes: dict[str, str | float | bool] = {
        "layout.css.prefers-color-scheme.content-override": 0,
        "ui.prefersReducedMotion": 1,
    }
    async with firefox_with(playwright, wishes) as browser:
        yield browser


@pytest.fixture(scope="session")
async def bare_firefox(playwright: Playwright) -> AsyncIterator[Browser]:
    """Firefox that runs no page's JavaScript. What waits for frames (`click`) waits forever."""
    async with firefox_with(playwright, {"javascript.enabled": False}) as browser:
        yield browser


@pytest.fixture
async def keeping_chromium(playwright: Playwright) -> AsyncIterator[Browser]:
    """Chromium that keeps pages for the way back, as it does for people."""
    browser = await playwright.chromium.launch(
        executable_path=installed(CHROMIUM_NAMES),
        args=CHROMIUM_FLAGS,
        ignore_default_args=["--disable-back-forward-cache"],
    )
    yield browser
    await browser.close()


@pytest.fixture
async def chromium_page(chromium: Browser) -> AsyncIterator[Page]:
    """A fresh desktop page in Chromium, with nothing of other tests in it."""
    async with fresh_page(chromium) as page:
        yield page


@pytest.fixture
async def firefox_page(firefox: Browser) -> AsyncIterator[Page]:
    """The same in Firefox."""
    async with fresh_page(firefox) as page:
        yield page


@pytest.fixture(params=["chromium", "firefox"])
def page(request: pytest.FixtureRequest) -> Page:
    """A fresh page in each browser: the test runs twice."""
    return request.getfixturevalue(f"{request.param}_page")


@pytest.fixture
async def bare_chromium_page(chromium: Browser) -> AsyncIterator[Page]:
    async with fresh_page(chromium, java_script_enabled=False) as page:
        yield page


@pytest.fixture
async def bare_firefox_page(bare_firefox: Browser) -> AsyncIterator[Page]:
    async with fresh_page(bare_firefox) as page:
        yield page


@pytest.fixture(params=["chromium", "firefox"])
def bare_page(request: pytest.FixtureRequest) -> Page:
    """A page without JavaScript, in each browser. Press with `press("Enter")`."""
    return request.getfixturevalue(f"bare_{request.param}_page")


@pytest.fixture
async def gallery() -> AsyncIterator[Gallery]:
    running = Gallery()
    await running.start()
    yield running
    await running.stop()


@asynccontextmanager
async def firefox_with(
    playwright: Playwright, preferences: dict[str, str | float | bool]
) -> AsyncGenerator[Browser]:
    browser = await playwright.firefox.launch(
        channel="moz-firefox",
        executable_path=installed(FIREFOX_NAMES),
        firefox_user_prefs=preferences,
    )
    yield browser
    await browser.close()


@asynccontextmanager
async def fresh_page(browser: Browser, *, java_script_enabled: bool = True) -> AsyncGenerator[Page]:
    """A page of its own context. An error in its scripts fails the test, and so does anything that
    a page's security policy had to forbid."""
    context = await browser.new_context(
        viewport=DESKTOP, locale="en-GB", java_script_enabled=java_script_enabled
    )
    context.set_default_timeout(PATIENCE_MS)
    page = await context.new_page()
    errors: list[str] = []

    def note(error: Error) -> None:
        # Firefox reports refused streams here too, without a name: no script threw those
        if error.name:
            errors.append(str(error))

    def listen(message: ConsoleMessage) -> None:
        if message.text.startswith(FORBIDDEN):
            errors.append(message.text)

    page.on("pageerror", note)
    page.on("console", listen)
    await page.add_init_script(TELL_FORBIDDEN)
    yield page
    await context.close()
    assert errors == []
