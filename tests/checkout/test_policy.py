"""Whom a page trusts: nobody, but where a way to pay needs it, and then no more than that."""

import pytest

from tillgate.checkout.policy import content_security_policy, origin
from tillgate.checkout.ways import BuyButton, Card, CashApp, Way

CARD = Card("pi_1_secret_2", "pk_test_3")
BUTTON = BuyButton("buy_btn_1", "pk_test_3", "op_4")
CASH_APP = CashApp(qr_svg_url="https://qr.example/a/1.svg")


def policy(way: Way | None, *, dev: bool = False) -> dict[str, str]:
    header = content_security_policy("n0nce", way, dev=dev)
    return dict(directive.split(" ", 1) for directive in header.split("; "))


STRICT = policy(None)


def test_a_page_trusts_nobody() -> None:
    assert STRICT == {
        "default-src": "'none'",
        "script-src": "'self' 'nonce-n0nce'",
        "style-src": "'self' 'nonce-n0nce'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "form-action": "'self' https:",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }


@pytest.mark.parametrize(
    ("way", "added"),
    [
        (
            CARD,
            {
                "script-src": "https://js.stripe.com",
                "frame-src": "https://js.stripe.com https://hooks.stripe.com",
                "connect-src": "https://api.stripe.com",
            },
        ),
        (BUTTON, {"script-src": "https://js.stripe.com", "frame-src": "https://js.stripe.com"}),
        (CASH_APP, {"img-src": "https://qr.example"}),
        (CashApp(), {}),
    ],
)
def test_a_way_is_trusted_for_what_it_needs(way: Way, added: dict[str, str]) -> None:
    expected = {name: f"{STRICT.get(name, '')} {hosts}".strip() for name, hosts in added.items()}
    assert policy(way) == STRICT | expected


def test_only_in_development_a_form_may_lead_to_this_machine() -> None:
    assert policy(None, dev=True) == STRICT | {
        "form-action": "'self' https: http://127.0.0.1:* http://localhost:*"
    }


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://qr.stripe.com/1.svg?x=1", "https://qr.stripe.com"),
        ("http://127.0.0.1:8020/1.svg", "http://127.0.0.1:8020"),
        ("https://evil.example; script-src *", None),
        ("https://*.example/", None),
        ("https://user@evil.example/1", None),
        ("https://evil.example,x/1", None),
        ("javascript://evil.example/1", None),
        ("https:///1", None),
        (None, None),
    ],
)
def test_an_origin_is_safe_to_print(url: str | None, found: str | None) -> None:
    assert origin(url) == found
