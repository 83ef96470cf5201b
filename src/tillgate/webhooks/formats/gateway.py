"""Format `gateway`: what receivers of the asynchronous gateway expect.

`{"event", "timestamp", "data": {"payment"}}` or `{"refund"}`; `X-Webhook-Signature` is the bare hex
HMAC-SHA256 of the exact body with the secret as it is shown. The shapes are those that the door of
this gateway answers too.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from tillgate.kit import crypto, ids
from tillgate.kit.canonical import canonical
from tillgate.webhooks.formats import short, standard
from tillgate.webhooks.formats.model import Format
from tillgate.webhooks.model import Claim, Request

SCHEDULE_S = (0, 60, 300, 1800, 7200)
SHORT_SCHEDULE_S = (0, 5, 10, 15, 20)
TIMEOUT_S = 5.0
SECRET_PREFIX = "whsec_"  # noqa: S105  the prefix of all secrets, in public
SECRET_HEX_BYTES = 16

NAMES = {
    "payment.created": "payment.created",
    "payment.pending": "payment.pending",
    "payment.succeeded": "payment.success",
    "payment.failed": "payment.failed",
    "payment.canceled": "payment.failed",
    "payment.expired": "payment.failed",
    "refund.created": "refund.created",
    "refund.succeeded": "refund.processed",
    "webhook.test": "webhook.test",
}
STATUSES = {
    "succeeded": "success", "failed": "failed", "canceled": "failed", "expired": "failed",
}  # fmt: skip
"""A payment's status → the gateway's word; any other one is `pending`."""

REFUND_STATUSES = {"succeeded": "processed", "failed": "failed", "canceled": "failed"}

FAILED = {"error_code": "PAYMENT_FAILED", "error_description": "Payment processing failed"}

INSTRUMENT = ("vpa", "card_network", "card_last4")
OWN_KEYS = frozenset(("method", "captured", *INSTRUMENT))
"""What the door keeps in a payment's metadata; everything else there is the merchant's."""


class Payment(Struct, frozen=True):
    """What this format reads of a payment's event. Amounts are minor units, times unix seconds."""

    id: str
    order: str | None
    amount: int
    currency: str
    status: str
    created: int
    metadata: dict[str, str]


class Refund(Struct, frozen=True):
    """The same of a refund's."""

    id: str
    payment: str
    amount: int
    reason: str | None
    status: str
    created: int


_payment = msgspec.json.Decoder(Payment)
_refund = msgspec.json.Decoder(Refund)


def request_of(claim: Claim, secrets: Sequence[str]) -> Request:
    """The newest secret signs: there is one signature."""
    timestamp_s = int(claim.created_at.timestamp())
    said = {"event": NAMES[claim.type], "timestamp": timestamp_s, "data": _data(claim)}
    body = canonical(said)
    signature = crypto.mac(secrets[0].encode(), body).hex()
    return Request(standard.headers(claim) | {"X-Webhook-Signature": signature}, body)


def _data(claim: Claim) -> dict[str, Any]:
    room = claim.type.partition(".")[0]
    if room == "payment":
        payment = _payment.decode(claim.data)
        own = {key: text for key, text in payment.metadata.items() if key not in OWN_KEYS}
        return {"payment": show_payment(payment) | ({"notes": own} if own else {})}
    if room == "refund":
        return {"refund": show_refund(_refund.decode(claim.data), claim.created_at)}
    return {"test": msgspec.json.decode(claim.data)}


def show_payment(payment: Payment) -> dict[str, Any]:
    """A payment as the gateway shows it."""
    shown: dict[str, Any] = {
        "id": renamed("pay", "pay", payment.id),
        "order_id": renamed("order", "ord", payment.order) if payment.order else None,
        "amount": payment.amount,
        "currency": payment.currency.upper(),
        "method": payment.metadata.get("method"),
    }
    shown |= {key: payment.metadata[key] for key in INSTRUMENT if key in payment.metadata}
    status = STATUSES.get(payment.status, "pending")
    shown |= {"status": status, "captured": payment.metadata.get("captured") == "true"}
    if status == "failed":
        shown |= FAILED
    return shown | {"created_at": moment(payment.created)}


def show_refund(refund: Refund, changed_at: datetime) -> dict[str, Any]:
    """A refund as the gateway shows it; `changed_at`: when it came to its status."""
    shown: dict[str, Any] = {
        "id": renamed("rfnd", "re", refund.id),
        "payment_id": renamed("pay", "pay", refund.payment),
        "amount": refund.amount,
        "reason": refund.reason,
        "status": REFUND_STATUSES.get(refund.status, "pending"),
        "created_at": moment(refund.created),
    }
    done = shown["status"] == "processed"
    return shown | ({"processed_at": moment(int(changed_at.timestamp()))} if done else {})


def renamed(prefix: str, ours: str, text: str) -> str:
    """An id of ours as the gateway shows it."""
    value = ids.parse(ours, text)
    return short.show(prefix, value) if value is not None else text


def moment(unix_s: int) -> str:
    """`2024-01-15T10:31:00Z`."""
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def secret_of(chance: bytes) -> str:
    return SECRET_PREFIX + chance[:SECRET_HEX_BYTES].hex()


FORMAT = Format(request_of, secret_of, SCHEDULE_S, TIMEOUT_S, exact=True, names=NAMES)
