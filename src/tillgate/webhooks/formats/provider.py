"""Format `provider`: what a site that sells a service is told of its own payments.

Known by the header `X-DZTech-Webhook: payment-notification`; the signature of Standard Webhooks
stands beside it. Amounts are in major units, as JavaScript writes them.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from tillgate.kit.canonical import canonical
from tillgate.kit.money import Money
from tillgate.webhooks.formats import standard
from tillgate.webhooks.formats.model import Format
from tillgate.webhooks.model import Claim, Request

SCHEDULE_S = (0, 1, 2, 4, 8, *standard.SCHEDULE_S[2:])
TIMEOUT_S = 10.0
NOTIFICATION = {"X-DZTech-Webhook": "payment-notification"}
UNKNOWN_SERVICE = "Unknown Service"
QUANTITY_MAX_DIGITS = 15

NAMES = {
    "payment.succeeded": "payment_succeeded",
    "payment.failed": "payment_failed",
    "payment.canceled": "payment_failed",
    "payment.expired": "payment_failed",
}


class Payment(Struct, frozen=True):
    """What this format reads of a payment's event."""

    amount: int
    currency: str
    order: str | None
    metadata: dict[str, str]


_payment = msgspec.json.Decoder(Payment)


def request_of(claim: Claim, secrets: Sequence[str]) -> Request:
    body = canonical(_said(claim, _payment.decode(claim.data)))
    headers = standard.headers(claim) | NOTIFICATION | standard.signed(claim, secrets, body)
    return Request(headers, body)


def _said(claim: Claim, payment: Payment) -> dict[str, Any]:
    told = payment.metadata
    paid = claim.type == "payment.succeeded"
    said: dict[str, Any] = {
        "event": NAMES[claim.type],
        "orderId": payment.order,
        "externalId": told.get("externalId"),
        "providerId": told.get("providerId"),
        "providerName": told.get("providerName"),
        "serviceId": told.get("serviceId"),
        "serviceName": told.get("serviceName", UNKNOWN_SERVICE),
        "amount": major(Money(payment.amount, payment.currency)),
    }
    if paid:
        said["quantity"] = _quantity(told.get("quantity", ""))
    return said | {
        "status": "paid" if paid else "failed",
        "stripePaymentIntentId": claim.charge,
        "timestamp": moment(claim.created_at),
    }


def _quantity(text: str) -> int:
    """What the metadata say, which anybody may have written; without a number it is one."""
    plain = text.isascii() and text.isdigit() and len(text) <= QUANTITY_MAX_DIGITS
    return int(text) if plain else 1


def major(money: Money) -> float:
    """In major units, a number that JSON writes as JavaScript does: 100, 12.5."""
    return float(money.decimal)


def moment(at: datetime) -> str:
    """`2026-01-30T10:00:00.000Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


FORMAT = Format(request_of, standard.secret_of, SCHEDULE_S, TIMEOUT_S, exact=True, names=NAMES)
