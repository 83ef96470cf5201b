"""A real browser pays: its content security policy lets the redirect to the shop pass."""

import shutil
from collections.abc import AsyncIterator
from importlib.resources import files

import pytest
from playwright.async_api import Browser, async_playwright

from .programs import Receiver, SandboxProcess

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


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    path = shutil.which("chromium")
    assert path, "these tests need chromium; `make test` says how"
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        await chromium.close()


@pytest.mark.parametrize(
    ("button", "target"),
    [
        ("Approve", "/success"),
        ("Pay by bank transfer (settles later)", "/success"),
        ("Decline", "/failure"),
        ("Abandon", "/failure"),
    ],
)
async def test_the_payer_comes_back_to_the_shop(
    sandbox: SandboxProcess, receiver: Receiver, browser: Browser, button: str, target: str
) -> None:
    # The shop is another origin: a policy that forgot it would stop the browser here.
    reference = await sandbox.create(receiver)
    page = await browser.new_page(java_script_enabled=False)
    await page.goto(f"{sandbox.url}/pay/{reference}")
    await page.get_by_role("button", name=button).click()
    await page.wait_for_url(receiver.url + target)
    await page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_everyone_can_use_the_pages(
    sandbox: SandboxProcess, receiver: Receiver, browser: Browser, scheme: str
) -> None:
    pending, paid, declined, going = [await sandbox.create(receiver) for _ in range(4)]
    await sandbox.act(paid, "approve")
    await sandbox.call(paid, "refunds", RefundId="r1", Amount=100)
    await sandbox.act(paid, "disputes")
    await sandbox.act(declined, "decline")
    await sandbox.act(going, "approve", method="bank_transfer")
    await sandbox.faults(delay_s=1)
    page = await browser.new_page(
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": SMALLEST_PX, "height": 640},
    )
    shown = [f"/pay/{one}" for one in (pending, paid, declined, going, "none")]
    for path in ("/", *shown):
        await page.goto(sandbox.url + path)
        await page.evaluate(AXE)
        assert await page.evaluate(FINDINGS) == []
        assert await page.evaluate("document.documentElement.scrollWidth") <= SMALLEST_PX
    await page.close()
