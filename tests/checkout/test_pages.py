"""Every checkout page as text: what each state says, repeats, links to and keeps to itself."""

import gzip
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import msgspec
import pytest

from tillgate.checkout import assets
from tillgate.checkout.model import STATES, State, View
from tillgate.checkout.pages import render
from tillgate.checkout.ways import BuyButton, Card, CashApp, Way
from tillgate.checkout.words import languages
from tillgate.kit.money import Money

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
PAGE_MAX_BYTES = 30 * 1024
"""Page, style and script together, as gzip sends them."""

KNOWN = tuple(state for state in STATES if state not in {"not_found", "unavailable"})


class Page(HTMLParser):
    """A parsed page: its elements, its text without scripts, and whether every tag is closed."""

    VOID = frozenset({"img", "input", "link", "meta"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        return [
            attributes
            for name, attributes in self.elements
            if name == tag and wanted.items() <= attributes.items()
        ]


def view(state: State, **changes: object) -> View:
    typical = View(
        state=state,
        merchant_name="Northwind Books",
        amount=Money(1250, "eur"),
        description="Two paperbacks",
        payment_id="pay_01jd6r8fq4e5ws9k2vxt3m7n8b",
        redirect_url="https://shop.example/back",
        continue_url="https://processor.example/pay/1",
        expires_at=NOW + timedelta(minutes=10),
        pay_url="/c/1/pay",
        status_url="/c/1/status",
        live_url="/c/1/live",
        version="7",
        method_label="Sandbox",
        can_retry=True,
    )
    return msgspec.structs.replace(typical, **changes)


def draw(state: State, language: str = "en", **changes: object) -> Page:
    page = Page(render(view(state, **changes), language, "n0nce", NOW))
    assert page.open == []
    return page


@pytest.mark.parametrize("language", sorted(languages()))
@pytest.mark.parametrize("state", STATES)
def test_every_state_has_its_own_heading_in_every_language(state: State, language: str) -> None:
    page = draw(state, language)
    heading = languages()[language].words[f"heading.{state}"]
    assert isinstance(heading, str)
    assert heading.partition("{")[0].strip() in page.text
    assert len(page.all("h1")) == 1
    assert page.all("html", lang=language, dir=languages()[language].direction)
    assert "{" not in page.text


@pytest.mark.parametrize("state", KNOWN)
def test_every_page_repeats_amount_merchant_and_reference(state: State) -> None:
    page = draw(state)
    assert "€12.50" in page.text
    assert "Northwind Books" in page.text
    assert "pay_01jd6r8fq4e5ws9k2vxt3m7n8b" in page.text


@pytest.mark.parametrize("state", ["not_found", "unavailable"])
def test_a_page_can_be_drawn_without_knowing_the_payment(state: State) -> None:
    page = Page(render(View(state=state), "en", "n0nce", NOW))
    assert not page.all("form")
    assert "None" not in page.text


@pytest.mark.parametrize(
    ("state", "button"),
    [
        ("ready", "Pay €12.50"),
        ("waiting", "Start again"),
        ("failed", "Try again"),
        ("processing", None),
        ("authorized", None),
        ("succeeded", None),
        ("already_paid", None),
        ("expired", None),
        ("canceled", None),
        ("review", None),
    ],
)
def test_only_what_can_be_paid_has_a_pay_form(state: State, button: str | None) -> None:
    page = draw(state, "en")
    forms = page.all("form", method="post", action="/c/1/pay")
    assert len(forms) == (0 if button is None else 1)
    if button is not None:
        assert button in page.text
        assert page.all("input", name="lang", value="en")


def test_a_failed_payment_that_is_over_offers_no_other_try() -> None:
    page = draw("failed", can_retry=False)
    assert not page.all("form")
    assert not page.all("time")
    assert page.all("a", **{"class": "button first"}, href="https://shop.example/back")


def test_waiting_leads_back_to_the_processor() -> None:
    assert draw("waiting").all("a", href="https://processor.example/pay/1")
    assert not draw("processing").all("a", href="https://processor.example/pay/1")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("card_declined", "Your bank declined this payment. You have not been charged."),
        ("INSUFFICIENT_FUNDS", "There was not enough money available"),
        ("<b>raw words of a processor</b>", "Your payment was not completed."),
        (None, "Your payment was not completed."),
    ],
)
def test_a_failure_is_told_in_our_words_only(code: str | None, words: str) -> None:
    page = draw("failed", failure_code=code)
    assert words in page.text
    assert "raw words" not in page.text


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//evil.example", "x"])
def test_only_web_addresses_become_links(state: State, url: str) -> None:
    html = render(view(state, redirect_url=url, continue_url=url), "en", "n0nce", NOW)
    assert f'"{url}"' not in html
    assert f"url={url}" not in html


def test_what_merchants_write_stays_text() -> None:
    evil = '"><script>alert(1)</script>'
    html = render(
        view("succeeded", merchant_name=evil, description=evil, method_label=evil, version=evil),
        "en",
        "n0nce",
        NOW,
    )
    assert "<script>alert" not in html
    assert Page(html).all("script") == [
        {"type": "module", "src": assets.url("checkout.js"), "nonce": "n0nce"}
    ]


@pytest.mark.parametrize("state", STATES)
def test_a_strict_policy_allows_everything_on_the_page(state: State) -> None:
    page = draw(state, brand_color="#ffd400")
    for tag, attributes in page.elements:
        assert "style" not in attributes, tag
        assert not [name for name in attributes if name.startswith("on")], tag
        if tag in {"script", "style"}:
            assert attributes["nonce"] == "n0nce"
        address = attributes.get("src") or (attributes.get("href") if tag == "link" else None)
        assert address is None or address.startswith("/assets/")


@pytest.mark.parametrize("color", ["red", "#12", "#ffffff}body{display:none", "url(x)", ""])
def test_a_colour_that_is_none_is_ignored(color: str) -> None:
    assert not draw("ready", brand_color=color).all("style")


@pytest.mark.parametrize(
    ("state", "refresh"),
    [
        ("waiting", "3"),
        ("processing", "3"),
        ("review", "3"),
        ("unavailable", "3"),
        ("succeeded", "5;url=https://shop.example/back"),
        ("authorized", "5;url=https://shop.example/back"),
        ("ready", None),
        ("failed", None),
        ("already_paid", None),
        ("expired", None),
        ("canceled", None),
        ("not_found", None),
    ],
)
def test_without_script_a_page_that_will_change_refreshes(
    state: State, refresh: str | None
) -> None:
    page = draw(state)
    found = [each["content"] for each in page.all("meta", **{"http-equiv": "refresh"})]
    assert found == ([] if refresh is None else [refresh])
    names = [name for name, _ in page.elements]
    if refresh is not None:
        at = names.index("noscript")
        assert names[at + 1] == "meta"
        assert at < names.index("main")


def test_without_an_address_to_return_to_the_payer_may_just_close_the_page() -> None:
    page = draw("succeeded", redirect_url=None)
    assert "You can close this page." in page.text
    assert not page.all("meta", **{"http-equiv": "refresh"})
    assert not page.all("p", **{"data-return-after": "5"})


@pytest.mark.parametrize(("livemode", "badge"), [(True, False), (False, True)])
def test_test_mode_is_said(livemode: bool, badge: bool) -> None:
    assert ("Test mode" in draw("ready", livemode=livemode).text) is badge


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(days=3, hours=5), "3 days"),
        (timedelta(hours=47), "47 hours"),
        (timedelta(minutes=119), "119 minutes"),
        (timedelta(minutes=1, seconds=59), "1 minute"),
        (timedelta(seconds=59), "59 seconds"),
        (timedelta(seconds=-5), "0 seconds"),
    ],
)
def test_the_time_left_is_never_overstated(left: timedelta, words: str) -> None:
    page = draw("ready", expires_at=NOW + left)
    assert words in page.text
    (main,) = page.all("main")
    assert main["data-now"] == str(int(NOW.timestamp() * 1000))
    (time,) = page.all("time")
    assert time["data-ends"] == str(int((NOW + left).timestamp() * 1000))


@pytest.mark.parametrize("state", STATES)
def test_the_time_left_is_shown_only_while_it_matters(state: State) -> None:
    shown = bool(draw(state).all("time"))
    assert shown is (state in {"ready", "waiting", "failed"})


def test_times_that_are_read_out_are_in_the_page() -> None:
    (time,) = draw("ready").all("time")
    assert time["data-at-180"] == "3 minutes left to pay."
    assert time["data-at-60"] == "1 minute left to pay."
    assert time["data-at-30"] == "30 seconds left to pay."


# ---- ways to pay on the page itself --------------------------------------------------------------

CARD = Card("pi_1_secret_2", "pk_test_3")
BUTTON = BuyButton("buy_btn_1", "pk_test_3", "op_4")
CASH_APP = CashApp("https://app.example/m", "https://qr.example/1.svg", 1795262460)
"""Its code expires a minute after NOW."""


@pytest.mark.parametrize("language", sorted(languages()))
@pytest.mark.parametrize("way", [CARD, BUTTON, CASH_APP])
def test_a_way_is_shown_instead_of_the_processors_address(way: Way, language: str) -> None:
    page = draw("waiting", language, way=way, way_number=2, continue_url=None)
    heading = languages()[language].words["heading.ready"]
    assert isinstance(heading, str)
    assert heading.partition("{")[0].strip() in page.text
    assert page.all("main", **{"data-way": f"{way.kind}-2"})
    assert not page.all("form", method="post")
    assert "{" not in page.text
    assert "None" not in page.text


def test_the_card_form_knows_what_stripe_needs_and_our_words_for_its_errors() -> None:
    page = draw("waiting", way=CARD, method="card")
    (form,) = page.all("form")
    assert form["data-key"] == "pk_test_3"
    assert form["data-secret"] == "pi_1_secret_2"
    assert "action" not in form, "what is typed has no way to our server"
    assert not page.all("input")
    codes = " ".join(found["data-codes"] or "" for found in page.all("li") if "data-codes" in found)
    assert {"default", "validation_error", "insufficient_funds"} <= set(codes.split())
    assert "Pay €12.50" in page.text


@pytest.mark.parametrize("state", [state for state in STATES if state != "waiting"])
def test_only_the_page_that_waits_can_show_a_way(state: State) -> None:
    page = draw(state)
    assert not page.all("div", **{"class": "way"})
    assert "stripe" not in page.text.lower()


@pytest.mark.parametrize("evil", ["javascript:alert(1)", "data:image/svg+xml,x", "//evil.example"])
def test_only_web_addresses_are_opened_or_drawn(evil: str) -> None:
    way = CashApp(mobile_url=evil, qr_svg_url=evil)
    html = render(view("waiting", way=way, continue_url=evil), "en", "n0nce", NOW)
    assert f'"{evil}"' not in html


def test_cash_app_has_a_link_a_code_and_a_page() -> None:
    page = draw("waiting", way=CASH_APP, method="cashapp")
    for href in ("https://app.example/m", "https://processor.example/pay/1"):
        assert page.all("a", href=href, target="_blank", rel="noopener noreferrer")
    assert page.all("img", src="https://qr.example/1.svg", alt="QR code for Cash App")
    assert "Cash App Pay" in page.text
    assert "1 minute" in page.text


def test_a_code_that_has_expired_can_only_be_begun_anew() -> None:
    way = msgspec.structs.replace(CASH_APP, qr_expires_at=int(NOW.timestamp()))
    page = draw("waiting", way=way, way_number=2)
    assert not page.all("img")
    assert page.all("form", method="post", action="/c/1/pay")
    assert page.all("main", **{"data-way": "cashapp-2-over"})


@pytest.mark.parametrize(
    ("method", "words"), [("card", "Card"), ("cashapp", "Cash App Pay"), (None, "Sandbox")]
)
def test_a_method_is_named_as_payers_name_it(method: str | None, words: str) -> None:
    assert words in draw("ready", method=method).text
    assert words in draw("succeeded", method=method).text


WAYS = [None, CARD, BUTTON, CASH_APP]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("state", STATES)
def test_a_page_with_all_it_needs_is_small(state: State, way: Way | None) -> None:
    html = render(view(state, description="x y " * 125, way=way), "ar", "n0nce", NOW).encode()
    total = len(gzip.compress(html))
    for name in ("checkout.css", "checkout.js", "mark.svg"):
        asset = assets.find(assets.url(name).removeprefix(assets.URL_PREFIX))
        assert asset is not None
        total += len(gzip.compress(asset.body))
    assert total <= PAGE_MAX_BYTES


# ---- a payer whom a provider has sent ------------------------------------------------------------

SELLER = "Bitloader"
ITS_WORDS: tuple[tuple[State, str, tuple[str, ...]], ...] = (
    ("succeeded", "Payment Successful!", ("Continue to Bitloader Now", "Redirecting in 5 seconds")),
    ("failed", "Payment Failed", ("Try Again", "Return to Bitloader")),
    ("processing", "Payment Processing", ()),
    ("canceled", "Payment Cancelled", ("start again at Bitloader", "Return to Bitloader")),
    ("expired", "Time to pay has run out", ("start again at Bitloader",)),
)


@pytest.mark.parametrize(("state", "heading", "words"), ITS_WORDS)
def test_its_words_are_those_of_its_own_guide(
    state: State, heading: str, words: tuple[str, ...]
) -> None:
    shown = draw(state, seller=SELLER).text
    ours = draw(state).text
    assert heading in shown
    for each in words:
        assert each in shown
        assert each not in ours


def test_back_from_the_processor_its_payment_is_verified() -> None:
    way = CashApp(mobile_url="https://cash.app/pay")
    assert "Verifying payment status…" in draw("waiting", way=way, seller=SELLER).text
    assert "Confirming your payment" in draw("waiting", way=way).text


def test_what_is_bought_is_listed_where_nothing_else_says_it() -> None:
    things = (("Credits <b>", 20), ("Setup", 1))
    shown = draw("ready", description=None, things=things, order_id="ord_1").text
    assert "Credits <b> × 20" in shown
    assert "Setup ×" not in shown
    assert "ord_1" in shown
    assert "Credits" not in draw("ready", description="Two books", things=things).text


def test_an_offer_asks_how_many_where_more_than_one_can_be_had() -> None:
    many = draw("offer", quantity_max=7, query="serviceId=s&")
    assert [field["max"] for field in many.all("input", name="quantity")] == ["7"]
    assert {link["href"] for link in many.all("a")} >= {"?serviceId=s&lang=de"}
    assert draw("offer").all("input", name="quantity") == []
