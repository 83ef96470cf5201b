"""The main job in real browsers, on the running gateway: checkout, processor, and back to green."""

import re
from typing import Any

from playwright.async_api import Browser, Page, expect

from tests.flows.stack import Stack
from tillgate.kit import ids

from .conftest import fresh_page
from .wire import wired


def state(page: Page, name: str):
    return expect(page.locator("main")).to_have_attribute("data-state", name)


async def test_a_payer_pays_and_goes_back_to_the_shop(page: Page, stack: Stack) -> None:
    shop = stack.ready["inbox_url"]
    payment = await stack.create(description="Blue mug", success_url=f"{shop}/?paid={{payment_id}}")
    await page.goto(payment["checkout_url"])
    await state(page, "ready")
    await page.get_by_role("button", name=re.compile("Pay")).click()
    await page.get_by_role("button", name=re.compile("Approve")).click()
    await state(page, "succeeded")
    await page.wait_for_url(f"{shop}/?paid={payment['id']}")
    assert (await stack.payment(payment["id"]))["status"] == "succeeded"


async def test_the_page_turns_green_by_itself(page: Page, stack: Stack) -> None:
    """The payer pays somewhere else, on the phone perhaps; this tab only watches."""
    payment = await stack.create()
    await page.goto(payment["checkout_url"])
    await state(page, "ready")
    elsewhere = await stack.send_payer(payment)
    await state(page, "waiting")
    await stack.anyone.post(elsewhere.form("/approve"))
    await state(page, "succeeded")
    await expect(page.get_by_role("heading", level=1)).to_be_focused()


async def test_a_declined_payer_tries_again(page: Page, stack: Stack) -> None:
    payment = await stack.create()
    await page.goto(payment["checkout_url"])
    await page.get_by_role("button", name=re.compile("Pay")).click()
    await page.get_by_role("button", name=re.compile("Decline")).click()
    await state(page, "failed")
    await page.get_by_role("button", name=re.compile("Try again")).click()
    await page.get_by_role("button", name=re.compile("Approve")).click()
    await state(page, "succeeded")


async def test_two_tabs_see_the_same(chromium: Browser, firefox: Browser, stack: Stack) -> None:
    payment = await stack.create()
    async with fresh_page(chromium) as one, fresh_page(firefox) as two:
        for tab in (one, two):
            await tab.goto(payment["checkout_url"])
            await state(tab, "ready")
        await one.get_by_role("button", name=re.compile("Pay")).click()
        await state(two, "waiting")
        await one.get_by_role("button", name=re.compile("Approve")).click()
        await state(two, "succeeded")
        await state(one, "succeeded")


async def tries(db: Any, payment: dict[str, Any]) -> int:
    """How often the processor was asked for this payment's money: each time is written before."""
    payment_id = ids.parse("pay", payment["id"])
    return await db.fetchval("SELECT count(*) FROM operations WHERE payment_id = $1", payment_id)


async def test_a_tab_that_knows_nothing_of_the_other_charges_nobody_twice(
    chromium_page: Page, bare_page: Page, stack: Stack, db: Any
) -> None:
    """Without its script the second tab keeps the form that it was opened with."""
    payment = await stack.create()
    await bare_page.goto(payment["checkout_url"])
    await chromium_page.goto(payment["checkout_url"])
    await chromium_page.get_by_role("button", name=re.compile("Pay")).click()
    await chromium_page.get_by_role("button", name=re.compile("Approve")).click()
    await state(chromium_page, "succeeded")
    async with bare_page.expect_response(f"{payment['checkout_url']}?lang=en") as answer:
        await bare_page.get_by_role("button", name=re.compile("Pay")).press("Enter")
    assert 'data-state="succeeded"' in await (await answer.value).text()
    assert await tries(db, payment) == 1


async def test_who_goes_back_from_the_processor_goes_on_where_it_was(
    page: Page, stack: Stack, db: Any
) -> None:
    payment = await stack.create()
    await page.goto(payment["checkout_url"])
    await page.get_by_role("button", name=re.compile("Pay")).click()
    await page.wait_for_url(f"{stack.sandbox_url}/**")
    at_processor = page.url
    await page.go_back(wait_until="commit")
    await state(page, "waiting")
    await page.get_by_role("link", name=re.compile("Continue")).click()
    await page.wait_for_url(at_processor)
    await page.get_by_role("button", name=re.compile("Approve")).click()
    await state(page, "succeeded")
    assert await tries(db, payment) == 1


async def test_what_happened_behind_a_cut_line_is_shown_when_it_is_mended(
    page: Page, stack: Stack
) -> None:
    payment = await stack.create()
    at_processor = await stack.send_payer(payment)
    async with wired(stack.url) as wire:
        async with page.expect_response("**/live"):
            await page.goto(wire.through(payment["checkout_url"]))
        await state(page, "waiting")
        wire.cut()
        await stack.anyone.post(at_processor.form("/approve"))
        await stack.until(payment["id"], "succeeded")
        await expect(page.locator(".offline")).to_be_visible()
        await wire.mend()
        await state(page, "succeeded")
        await expect(page.locator(".offline")).to_be_hidden()
