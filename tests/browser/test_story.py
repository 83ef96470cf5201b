"""The main job in real browsers, on the running gateway: checkout, processor, and back to green."""

import re

from playwright.async_api import Browser, Page, expect

from tests.flows.stack import Stack

from .conftest import fresh_page


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
