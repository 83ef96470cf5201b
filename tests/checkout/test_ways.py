"""What a connector says of a way to pay, as the page reads it."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from msgspec import Raw

from tillgate.checkout.ways import BuyButton, Card, CashApp, Way, expired, expiry, read

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "told", "way"),
    [
        (
            "stripe_card",
            {"client_secret": "pi_1_secret_2", "publishable_key": "pk_test_3"},
            Card("pi_1_secret_2", "pk_test_3"),
        ),
        (
            "cashapp",
            {"mobile_url": "https://a.example/m", "qr_svg_url": None, "qr_expires_at": 7},
            CashApp("https://a.example/m", None, 7),
        ),
        (
            "stripe_buy_button",
            {"buy_button_id": "b_1", "publishable_key": "pk_test_3", "client_reference_id": "op_4"},
            BuyButton("b_1", "pk_test_3", "op_4"),
        ),
    ],
)
def test_every_way_is_read(kind: str, told: dict[str, object], way: Way) -> None:
    assert read(Raw(msgspec.json.encode({"type": kind, **told}))) == way
    assert way.kind == kind


@pytest.mark.parametrize(
    "text", [b'{"type":"pigeon"}', b'{"type":"stripe_card"}', b"{}", b"null", b"not json"]
)
def test_what_this_release_cannot_show_is_no_way(text: bytes) -> None:
    assert read(Raw(text)) is None


def test_a_try_without_a_way_has_none() -> None:
    assert read(None) is None


def test_only_a_code_expires() -> None:
    way = CashApp(qr_expires_at=int(NOW.timestamp()))
    assert expiry(way) == NOW
    assert expired(way, NOW)
    assert not expired(way, NOW - timedelta(seconds=1))
    for lasting in (None, CashApp(), Card("s", "k")):
        assert expiry(lasting) is None
        assert not expired(lasting, NOW)
