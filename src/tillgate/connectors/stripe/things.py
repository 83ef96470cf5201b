"""What we read of Stripe's objects; everything else in them is left aside.

Sources: docs.stripe.com/api, the objects of these names. What old versions or fakes leave out is
None, never a guess.
"""

from collections.abc import Mapping
from typing import Annotated, Generic, TypeVar

from msgspec import Meta, Raw, Struct, field

from tillgate.connectors.stripe.model import StripeId

T = TypeVar("T")
AMOUNT_LIMIT = 1 << 53
Amount = Annotated[int, Meta(ge=0, lt=AMOUNT_LIMIT)]
Unix = Annotated[int, Meta(ge=0, lt=1 << 35)]
"""Seconds; until about the year 3000."""

Metadata = Mapping[str, str]


class Named(Struct, frozen=True):
    """An expanded object of which only the name matters."""

    id: StripeId


Reference = StripeId | Named | None
"""Stripe gives the id, or the whole object where that was asked for."""


class Failure(Struct, frozen=True):
    code: str | None = None
    decline_code: str | None = None
    message: str | None = None


class QrCode(Struct, frozen=True):
    expires_at: int | None = None
    image_url_svg: str | None = None


class CashApp(Struct, frozen=True):
    hosted_instructions_url: str | None = None
    mobile_auth_url: str | None = None
    qr_code: QrCode | None = None


class NextAction(Struct, frozen=True):
    cashapp: CashApp | None = field(name="cashapp_handle_redirect_or_display_qr_code", default=None)


class Outcome(Struct, frozen=True):
    """What the issuer, or Stripe, said of a charge."""

    type: str | None = None
    reason: str | None = None


class Charge(Struct, frozen=True):
    """One attempt to take money; a payment intent has one that succeeded at most."""

    id: StripeId
    status: str
    currency: str
    amount: Amount
    captured: bool
    amount_captured: Amount | None = None
    payment_intent: Reference = None
    metadata: Metadata | None = None
    failure_code: str | None = None
    failure_message: str | None = None
    outcome: Outcome | None = None
    disputed: bool = False


class PaymentIntent(Struct, frozen=True):
    id: StripeId
    status: str
    currency: str
    amount_received: Amount | None = None
    amount_capturable: Amount | None = None
    client_secret: str | None = None
    metadata: Metadata | None = None
    last_payment_error: Failure | None = None
    next_action: NextAction | None = None
    latest_charge: StripeId | Charge | None = None


class Refund(Struct, frozen=True):
    id: StripeId
    status: str | None
    currency: str
    amount: Amount
    payment_intent: Reference = None
    metadata: Metadata | None = None
    failure_reason: str | None = None


class Evidence(Struct, frozen=True):
    due_by: Unix | None = None


class Dispute(Struct, frozen=True):
    id: StripeId
    status: str
    currency: str
    amount: Amount
    reason: str | None = None
    payment_intent: Reference = None
    evidence_details: Evidence | None = None


class Customer(Struct, frozen=True):
    email: str | None = None


class Session(Struct, frozen=True):
    """A Checkout Session: ours, or one that a Buy Button or Payment Link has made."""

    id: StripeId
    payment_status: str
    status: str | None = None
    currency: str | None = None
    amount_total: Amount | None = None
    payment_intent: Reference = None
    client_reference_id: str | None = None
    payment_link: Reference = None
    metadata: Metadata | None = None
    url: str | None = None
    customer_details: Customer | None = None


class Account(Struct, frozen=True):
    country: str | None = None
    charges_enabled: bool | None = None
    capabilities: Mapping[str, str] | None = None


class Page(Struct, Generic[T], frozen=True):
    data: list[T]
    has_more: bool = False


class Data(Struct, frozen=True):
    object: Raw


class Event(Struct, frozen=True):
    type: str
    livemode: bool
    created: Unix
    data: Data
    id: str | None = None


def id_of(found: Reference) -> str | None:
    return found if isinstance(found, str) or found is None else found.id
