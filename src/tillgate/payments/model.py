"""The rows of payments and of what hangs on them, and the payment as the API shows it."""

from datetime import datetime
from typing import Any, Literal

from msgspec import Raw, Struct

from tillgate.engine.table import (
    Bigint,
    Bool,
    Id,
    Integer,
    Json,
    OptionalInteger,
    OptionalText,
    OptionalTime,
    Text,
    Time,
    table,
)
from tillgate.kit import ids
from tillgate.kit.http import encode

Status = Literal[
    "pending", "processing", "authorized", "succeeded", "failed", "canceled", "expired", "review"
]


@table(
    "payments",
    "merchant_id id",
    "status authorized captured refunded disputed late review_reason failure_code failure_message"
    " description metadata tries bookings version updated_at succeeded_at",
)
class Payment(Struct, frozen=True):
    """Amounts are minor units of `asset`. `amount` is asked; the totals are what is proven."""

    merchant_id: Id
    id: Id
    amount: Bigint
    asset: Text
    status: Text
    capture_method: Text
    authorized: Bigint
    captured: Bigint
    refunded: Bigint
    disputed: Bigint
    late: Bool
    review_reason: OptionalText
    failure_code: OptionalText
    failure_message: OptionalText
    description: OptionalText
    metadata: Json
    connection_id: Id
    wallet_user: OptionalText
    success_url: OptionalText
    cancel_url: OptionalText
    tries: Integer
    bookings: Integer
    version: Integer
    created_at: Time
    updated_at: Time
    expires_at: Time
    succeeded_at: OptionalTime


@table(
    "tries",
    "merchant_id payment_id ordinal",
    "state reference redirect_url failure_code failure_message updated_at",
    root=Payment,
)
class Try(Struct, frozen=True):
    """One attempt through one connection: `open`, `succeeded`, `failed` or `canceled`."""

    merchant_id: Id
    payment_id: Id
    ordinal: Integer
    connection_id: Id
    state: Text
    reference: OptionalText
    redirect_url: OptionalText
    failure_code: OptionalText
    failure_message: OptionalText
    created_at: Time
    updated_at: Time


@table(
    "operations",
    "merchant_id payment_id id",
    "state reference error looks due_at updated_at",
    root=Payment,
)
class OperationRow(Struct, frozen=True):
    """One wish towards the processor, of the try `ordinal`. `due_at`: when a worker looks again."""

    merchant_id: Id
    payment_id: Id
    id: Id
    ordinal: Integer
    connection_id: Id
    kind: Text
    state: Text
    amount: Bigint
    asset: Text
    request: Json
    reference: OptionalText
    error: OptionalText
    looks: Integer
    due_at: OptionalTime
    created_at: Time
    updated_at: Time


@table("payment_references", "merchant_id connection_id reference")
class PaymentReference(Struct, frozen=True):
    """What a processor calls a payment: the only way from a callback to its payment."""

    merchant_id: Id
    connection_id: Id
    reference: Text
    payment_id: Id


@table(
    "processor_objects",
    "merchant_id payment_id connection_id kind reference",
    "ordinal state amount asset booked booked_to failure_code failure_message updated_at",
    root=Payment,
)
class ProcessorObject(Struct, frozen=True):
    """All that was said about one object at the processor, folded. `booked` of its amount stands
    in the ledger, in `suspense`, with the `merchant`, or in the `wallet`."""

    merchant_id: Id
    payment_id: Id
    connection_id: Id
    kind: Text
    reference: Text
    ordinal: OptionalInteger
    state: Text
    amount: Bigint
    asset: Text
    booked: Bigint
    booked_to: OptionalText
    failure_code: OptionalText
    failure_message: OptionalText
    created_at: Time
    updated_at: Time


class Links(Struct, frozen=True):
    """What only the payment's owner and its payer may know; events do not carry it."""

    checkout_url: str
    client_secret: str


class PaymentError(Struct, frozen=True):
    code: str
    message: str | None


class NextAction(Struct, frozen=True):
    """Send the payer to `url`."""

    type: Literal["redirect"]
    url: str


class PaymentObject(Struct, frozen=True):
    """A payment. Amounts are minor units; times are unix seconds."""

    id: str
    object: Literal["payment"]
    amount: int
    amount_captured: int
    amount_refunded: int
    currency: str
    status: Status
    capture_method: Literal["automatic", "manual"]
    connection: str
    created: int
    expires_at: int
    livemode: bool
    metadata: Raw
    description: str | None
    wallet_user: str | None
    success_url: str | None
    cancel_url: str | None
    late: bool
    review_reason: str | None
    last_error: PaymentError | None


class PayersWay(Struct, frozen=True):
    """How the payer gets to a payment."""

    next_action: NextAction | None
    checkout_url: str
    client_secret: str


class PaymentAnswer(PaymentObject, frozen=True):
    """The payment as its owner reads it: with the payer's way to it."""

    next_action: NextAction | None
    checkout_url: str
    client_secret: str


def show(payment: Payment, *, livemode: bool) -> PaymentObject:
    """The payment as events carry it."""
    return PaymentObject(**_shared(payment, livemode))


def render(payment: Payment, *, livemode: bool) -> bytes:
    """The same as JSON text."""
    return encode(show(payment, livemode=livemode))


def answer(payment: Payment, links: Links, *, livemode: bool) -> PaymentAnswer:
    """The payment as the API answers it."""
    way = _way(payment, links)
    return PaymentAnswer(
        **_shared(payment, livemode),
        next_action=way.next_action,
        checkout_url=way.checkout_url,
        client_secret=way.client_secret,
    )


def answer_text(payment: Payment, rendered: bytes, links: Links) -> bytes:
    """The same as JSON text, made of what `render` gave: that is half of a creation's work here."""
    return rendered[:-1] + b"," + encode(_way(payment, links))[1:]


def _way(payment: Payment, links: Links) -> PayersWay:
    payable = payment.status in {"pending", "failed"}
    action = NextAction("redirect", links.checkout_url) if payable else None
    return PayersWay(action, links.checkout_url, links.client_secret)


def _shared(p: Payment, livemode: bool) -> dict[str, Any]:
    return {
        "id": ids.show("pay", p.id),
        "object": "payment",
        "amount": p.amount,
        "amount_captured": p.captured,
        "amount_refunded": p.refunded,
        "currency": p.asset,
        "status": p.status,
        "capture_method": p.capture_method,
        "connection": ids.show("con", p.connection_id),
        "created": _unix_s(p.created_at),
        "expires_at": _unix_s(p.expires_at),
        "livemode": livemode,
        "metadata": p.metadata,
        "description": p.description,
        "wallet_user": p.wallet_user,
        "success_url": p.success_url,
        "cancel_url": p.cancel_url,
        "late": p.late,
        "review_reason": p.review_reason,
        "last_error": PaymentError(p.failure_code, p.failure_message) if p.failure_code else None,
    }


def _unix_s(moment: datetime) -> int:
    return int(moment.timestamp())
