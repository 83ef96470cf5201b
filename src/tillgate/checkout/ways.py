"""Ways to pay that our own page shows, as a connector describes them in a try's `way`. Pure.

A way that this release does not know, or cannot read, is none: the page then goes by the
processor's address, if there is one.
"""

from datetime import UTC, datetime
from typing import ClassVar

import msgspec
from msgspec import Raw, Struct


class Card(Struct, frozen=True, tag="stripe_card"):
    """Stripe's own form, in a frame of Stripe's, for one payment intent."""

    kind: ClassVar[str] = "stripe_card"

    client_secret: str
    publishable_key: str


class CashApp(Struct, frozen=True, tag="cashapp"):
    """A link for phones and a QR code for everybody else. `qr_expires_at`: Unix seconds."""

    kind: ClassVar[str] = "cashapp"

    mobile_url: str | None = None
    qr_svg_url: str | None = None
    qr_expires_at: int | None = None


class BuyButton(Struct, frozen=True, tag="stripe_buy_button"):
    """Stripe's own button; what it charges is configured at Stripe."""

    kind: ClassVar[str] = "stripe_buy_button"

    buy_button_id: str
    publishable_key: str
    client_reference_id: str


Way = Card | CashApp | BuyButton

_way = msgspec.json.Decoder(Way)


def read(raw: Raw | None) -> Way | None:
    try:
        return _way.decode(raw) if raw is not None else None
    except msgspec.MsgspecError:
        return None


def expiry(way: Way | None) -> datetime | None:
    """Until when a payer can begin with what the page shows; None: as long as the payment lives."""
    if not isinstance(way, CashApp) or way.qr_expires_at is None:
        return None
    return datetime.fromtimestamp(way.qr_expires_at, UTC)


def expired(way: Way | None, now: datetime) -> bool:
    until = expiry(way)
    return until is not None and until <= now
