"""What the gateway's objects look like, and how its words fit into ours. Pure.

Payments and refunds are shown as `webhooks.formats.gateway` sends them.
"""

from datetime import datetime
from typing import Any, NamedTuple, cast
from uuid import UUID

import msgspec
from msgspec import Raw

from tillgate.kit import ids
from tillgate.kit.canonical import INTEGER_MAX, canonical
from tillgate.kit.metadata import KEY_MAX_CHARACTERS, KEYS_MAX, VALUE_MAX_CHARACTERS
from tillgate.orders.model import Order, metadata_of
from tillgate.payments.model import Payment as PaymentRow
from tillgate.payments.model import Refund as RefundRow
from tillgate.webhooks.formats import gateway, short
from tillgate.webhooks.formats.gateway import moment

JSON = "json:"
"""How a note begins in metadata that is no text, or a text that begins so itself."""

CREATED = (
    "id", "order_id", "amount", "currency", "method", *gateway.INSTRUMENT, "status", "created_at",
)  # fmt: skip
PUBLIC = (
    "id", "order_id", "amount", "currency", "method", "status", "error_code", "error_description",
)  # fmt: skip
"""Which members the answer to a creation has, and that to somebody without a key."""

ORDER_STATUSES = {"paid": "paid", "canceled": "canceled"}
"""An order that can still be paid is `created`."""

LOG_STATUSES = {"due": "pending", "delivered": "success"}
"""A delivery that nobody makes any more has `failed`."""


class Payment(NamedTuple):
    """A payment, as far as this gateway shows it: the columns of its reads, in their order."""

    id: UUID
    order_id: UUID | None
    amount: int
    asset: str
    status: str
    metadata: Raw
    created_at: datetime
    updated_at: datetime

    @property
    def told(self) -> dict[str, str]:
        return _texts.decode(self.metadata)


class Log(NamedTuple):
    """A delivery: the columns of its read, in their order."""

    event_id: UUID
    type: str
    state: str
    attempts: int
    created_at: datetime
    last_attempt_at: datetime | None
    response_code: int | None


_texts = msgspec.json.Decoder(dict[str, str])


# ---- orders


def show_order(order: Order) -> dict[str, Any]:
    notes = {name: note(text) for name, text in metadata_of(order).items()}
    return {
        "id": short.show("order", order.id),
        "merchant_id": str(order.merchant_id),
        "amount": order.amount,
        "currency": order.asset.upper(),
        "receipt": order.reference,
        "notes": notes,
        "status": ORDER_STATUSES.get(order.status, "created"),
        "created_at": _time(order.created_at),
    }


def show_order_whole(order: Order) -> dict[str, Any]:
    return show_order(order) | {"updated_at": _time(order.updated_at)}


def show_order_public(order: Order) -> dict[str, Any]:
    return _some(show_order(order), ("id", "amount", "currency", "status"))


def notes_as_metadata(notes: object) -> dict[str, str] | str:
    """Notes as an order keeps them, or what is wrong with them."""
    if notes is None:
        return {}
    if not isinstance(notes, dict):
        return "notes must be an object"
    given = cast("dict[str, Any]", notes)
    if len(given) > KEYS_MAX:
        return f"notes must have at most {KEYS_MAX} keys"
    if not all(0 < len(name) <= KEY_MAX_CHARACTERS for name in given):
        return f"keys of notes must have 1 to {KEY_MAX_CHARACTERS} characters"
    try:
        kept = {name: _kept(value) for name, value in given.items()}
    except ValueError as error:
        return f"notes hold {error}"
    if any(len(text) > VALUE_MAX_CHARACTERS for text in kept.values()):
        return f"values of notes must have at most {VALUE_MAX_CHARACTERS} characters"
    return kept


def _kept(value: object) -> str:
    if isinstance(value, str) and not value.startswith(JSON):
        return value
    return JSON + canonical(value).decode()


def note(text: str) -> Any:
    """What was kept of it; what only begins so, and is none of ours, is a text."""
    if not text.startswith(JSON):
        return text
    try:
        value = _numbers(msgspec.json.decode(text.removeprefix(JSON)))
        canonical(value)
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
        return text
    return value


def _numbers(value: Any) -> Any:
    """As JavaScript has them: what was written without a fraction may be too large an integer."""
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        return {name: _numbers(part) for name, part in members.items()}
    if isinstance(value, list):
        return [_numbers(part) for part in cast("list[Any]", value)]
    return float(value) if type(value) is int and abs(value) > INTEGER_MAX else value


# ---- payments and refunds


def seen(row: PaymentRow) -> Payment:
    """What this gateway shows of a whole payment."""
    return Payment(*(getattr(row, name) for name in Payment._fields))


def show_payment(payment: Payment) -> dict[str, Any]:
    shown = gateway.show_payment(
        gateway.Payment(
            ids.show("pay", payment.id),
            ids.show("ord", payment.order_id) if payment.order_id else None,
            payment.amount,
            payment.asset,
            payment.status,
            int(payment.created_at.timestamp()),
            payment.told,
        )
    )
    return shown | {"updated_at": _time(payment.updated_at)}


def show_payment_created(payment: Payment) -> dict[str, Any]:
    return _some(show_payment(payment), CREATED)


def show_payment_public(payment: Payment) -> dict[str, Any]:
    return _some(show_payment(payment), PUBLIC)


def show_payment_captured(payment: Payment) -> dict[str, Any]:
    shown = show_payment(payment)
    return _some(shown, [name for name in shown if name not in gateway.INSTRUMENT])


def show_refund_created(refund: RefundRow) -> dict[str, Any]:
    said = gateway.Refund(
        ids.show("re", refund.id),
        ids.show("pay", refund.payment_id),
        refund.amount,
        refund.reason,
        refund.status,
        int(refund.created_at.timestamp()),
    )
    return gateway.show_refund(said, refund.updated_at)


def show_refund(refund: RefundRow) -> dict[str, Any]:
    return {**show_refund_created(refund), "processed_at": _processed_at(refund)}


def _processed_at(refund: RefundRow) -> str | None:
    return _time(refund.updated_at) if refund.status == "succeeded" else None


# ---- deliveries


def show_log(log: Log) -> dict[str, Any]:
    return {
        "id": str(log.event_id),
        "event": gateway.NAMES.get(log.type, log.type),
        "status": LOG_STATUSES.get(log.state, "failed"),
        "attempts": log.attempts,
        "created_at": _time(log.created_at),
        "last_attempt_at": _time(log.last_attempt_at) if log.last_attempt_at else None,
        "response_code": log.response_code,
    }


def _some(shown: dict[str, Any], names: Any) -> dict[str, Any]:
    return {name: shown[name] for name in names if name in shown}


def _time(at: datetime) -> str:
    return moment(int(at.timestamp()))
