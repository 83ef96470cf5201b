"""What every page looks like to an eye, a finger, a keyboard and a screen reader."""

from importlib.resources import files
from typing import Literal

import pytest
from playwright.async_api import Browser, Page, expect

from tillgate.checkout.amounts import show_amount
from tillgate.checkout.model import STATES
from tillgate.checkout.words import languages
from tillgate.kit.money import ASSETS, Money

from .conftest import fresh_page
from .gallery import Gallery

SMALLEST_PX = 320
TOUCH_MIN_PX = 44

LOOKS = [
    *(f"/states/{state}" for state in STATES),
    *(f"/states/{state}?seller" for state in ("offer", "succeeded", "failed", "processing")),
    "/states/offer?seller&lang=ar",
    "/states/canceled?seller&lang=de",
    "/states/ready?lang=ar",
    "/states/failed?lang=de&brand=%23ffd400",
    "/states/succeeded?lang=es&brand=%237a7a7a",
]
"""Every state, and each language and kind of merchant's colour at least once."""

WCAG = [
    *("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"),
    "best-practice",
]
"""WCAG 2.2 at level AA, and what axe recommends beside it."""

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text()
# What axe could not decide is as good as a finding: no contrast stays open. What stands in a frame
# is the processor's.
FINDINGS = """async (tags) => {
  document.querySelector(".offline").hidden = false;
  const { violations, incomplete } = await axe.run(
    { runOnly: tags, iframes: false, rules: { "frame-tested": { enabled: false } } });
  return [...violations, ...incomplete].map(
    ({ id, nodes }) => [id, ...nodes.map(({ html, failureSummary }) => [html, failureSummary])]);
}"""
MOVING = "document.getAnimations().length"
OVERFLOW_PX = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
SMALL_TARGETS = """(least) => [...document.querySelectorAll("a, button")]
  .filter((each) => each.checkVisibility())
  .filter((each) => {
    const { width, height } = each.getBoundingClientRect();
    return width < least || height < least;
  })
  .map((each) => each.textContent)"""
BROWSERS_AMOUNT = """([decimal, currency, exponent, language]) =>
  new Intl.NumberFormat(language, {
    style: "currency", currency,
    minimumFractionDigits: exponent, maximumFractionDigits: exponent,
  }).format(decimal)"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_on_any_page(
    chromium_page: Page, gallery: Gallery, scheme: Literal["light", "dark"]
) -> None:
    await chromium_page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    await check_with_axe(chromium_page, gallery, scheme)


async def test_axe_finds_nothing_in_firefox(firefox_page: Page, gallery: Gallery) -> None:
    await check_with_axe(firefox_page, gallery, "light")


async def test_in_firefox_it_is_dark_and_still_for_who_wishes_so(
    dark_firefox: Browser, gallery: Gallery
) -> None:
    async with fresh_page(dark_firefox) as page:
        await check_with_axe(page, gallery, "dark")
        for state in STATES:
            await page.goto(f"{gallery.url}/states/{state}")
            assert await page.evaluate(MOVING) == 0, state


async def check_with_axe(page: Page, gallery: Gallery, scheme: str) -> None:
    for look in LOOKS:
        await page.goto(gallery.url + look)
        assert await page.evaluate(f"matchMedia('(prefers-color-scheme: {scheme})').matches")
        await page.evaluate(AXE)
        assert await page.evaluate(FINDINGS, WCAG) == [], look


async def test_no_page_scrolls_sideways_on_the_smallest_phone(page: Page, gallery: Gallery) -> None:
    await page.set_viewport_size({"width": SMALLEST_PX, "height": 640})
    for look in LOOKS:
        await page.goto(gallery.url + look)
        assert await page.evaluate(OVERFLOW_PX) == 0, look


async def test_text_can_be_twice_as_large(chromium_page: Page, gallery: Gallery) -> None:
    await chromium_page.set_viewport_size({"width": 2 * SMALLEST_PX, "height": 1280})
    for look in LOOKS:
        await chromium_page.goto(gallery.url + look)
        before = await chromium_page.locator("h1").bounding_box()
        await chromium_page.evaluate("document.documentElement.style.fontSize = '200%'")
        after = await chromium_page.locator("h1").bounding_box()
        assert before is not None
        assert after is not None
        assert after["height"] > 1.5 * before["height"], "the text did not grow"
        assert await chromium_page.evaluate(OVERFLOW_PX) == 0, look


async def test_a_long_story_stays_inside(chromium_page: Page, gallery: Gallery) -> None:
    await chromium_page.set_viewport_size({"width": SMALLEST_PX, "height": 640})
    for language in languages():
        for word in ("Antiquitätenhandlung ", "W" * 120):
            gallery.show(
                "failed",
                merchant_name=(word * 5)[:200],
                description=(word * 20)[:500],
                amount=Money(99_999_999_999, "kwd"),
                method_label=(word * 3)[:80],
            )
            await chromium_page.goto(f"{gallery.url}/page?lang={language}")
            assert await chromium_page.evaluate(OVERFLOW_PX) == 0, language


async def test_everything_to_press_is_large_enough(page: Page, gallery: Gallery) -> None:
    await page.set_viewport_size({"width": SMALLEST_PX, "height": 640})
    for look in LOOKS:
        await page.goto(gallery.url + look)
        assert await page.evaluate(SMALL_TARGETS, TOUCH_MIN_PX) == [], look


async def test_the_keyboard_reaches_everything_and_shows_where_it_is(
    chromium_page: Page, gallery: Gallery
) -> None:
    await chromium_page.goto(f"{gallery.url}/states/waiting")
    reached: list[str] = []
    for _ in range(7):
        await chromium_page.keyboard.press("Tab")
        focused = chromium_page.locator(":focus")
        reached.append((await focused.inner_text()).strip())
        outline = await focused.evaluate("(each) => getComputedStyle(each).outline")
        assert outline.endswith("solid 2px"), outline
    assert reached == [
        "Continue to Sandbox",
        "Start again",
        "Return to Northwind Books",
        *(each.name for each in languages().values()),
    ]


async def test_arabic_reads_from_right_to_left(page: Page, gallery: Gallery) -> None:
    await page.goto(f"{gallery.url}/states/succeeded?lang=ar")
    icon = await page.locator(".band .icon").bounding_box()
    heading = await page.locator("h1").bounding_box()
    assert icon is not None
    assert heading is not None
    assert icon["x"] > heading["x"] + heading["width"]


async def test_only_the_quiet_bar_moves(page: Page, gallery: Gallery) -> None:
    for state in STATES:
        await page.goto(f"{gallery.url}/states/{state}")
        assert await page.evaluate(MOVING) == (state == "processing"), state


async def test_nothing_moves_for_who_asked_for_stillness(
    chromium_page: Page, gallery: Gallery
) -> None:
    """In Firefox too: see above."""
    await chromium_page.emulate_media(reduced_motion="reduce")
    for state in STATES:
        await chromium_page.goto(f"{gallery.url}/states/{state}")
        assert await chromium_page.evaluate(MOVING) == 0, state


async def test_a_page_drawn_anew_comes_softly_or_at_once(
    chromium_page: Page, gallery: Gallery
) -> None:
    looks: list[tuple[Literal["no-preference", "reduce"], str]] = [
        ("no-preference", "arrive"),
        ("reduce", "none"),
    ]
    for wish, moving in looks:
        await chromium_page.emulate_media(reduced_motion=wish)
        gallery.show("waiting")
        async with chromium_page.expect_response("**/live"):
            await chromium_page.goto(f"{gallery.url}/page")
        gallery.show("failed")
        gallery.announce()
        arrived = chromium_page.locator("main.arrived")
        await expect(arrived).to_be_visible()
        assert await arrived.evaluate("(each) => getComputedStyle(each).animationName") == moving


async def test_a_merchants_colour_is_on_the_button_only(
    chromium_page: Page, gallery: Gallery
) -> None:
    await chromium_page.goto(f"{gallery.url}/states/waiting?brand=%23ffd400")
    fills = await chromium_page.evaluate(
        """[".first", ".monogram"].map(
            (each) => getComputedStyle(document.querySelector(each)).backgroundColor)"""
    )
    assert fills == ["rgb(255, 212, 0)"] * 2
    icon = chromium_page.locator(".band .icon circle")
    assert await icon.evaluate("(each) => getComputedStyle(each).fill") == "rgb(31, 94, 255)"


async def test_with_forced_colours_buttons_keep_an_edge(
    chromium_page: Page, gallery: Gallery
) -> None:
    await chromium_page.emulate_media(forced_colors="active")
    await chromium_page.goto(f"{gallery.url}/states/ready")
    edge, around = await chromium_page.locator(".first").evaluate(
        """(each) => [getComputedStyle(each).borderTopColor,
            getComputedStyle(each.closest("main")).backgroundColor]"""
    )
    assert edge != around


async def test_amounts_are_written_as_the_browser_itself_would(
    chromium_page: Page, gallery: Gallery
) -> None:
    await chromium_page.goto(f"{gallery.url}/states/ready")
    for language in languages():
        for asset in ("usd", "eur", "gbp", "jpy", "chf", "kwd", "pln", "sek", "aed"):
            for minor in (0, 1, 1250, 123_456, 99_999_999_999):
                money = Money(minor, asset)
                expected = await chromium_page.evaluate(
                    BROWSERS_AMOUNT, [str(money.decimal), asset, ASSETS[asset], language]
                )
                assert show_amount(money, language).text == expected
