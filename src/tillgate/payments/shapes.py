"""Payments, refunds, disputes and tries as the API shows them, and as events carry them.

Amounts are minor units; times are unix seconds.
"""

from datetime import datetime
from typing import Any, Literal, cast

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from tillgate.kit import ids
from tillgate.kit.http import encode
from tillgate.orders.model import OrderObject
from tillgate.payments.model import Dispute, Payment, Refund, Status, Try


class Links(Struct, frozen=True):
    """What only the payment's owner and its payer may know; events do not carry it."""

    checkout_url: str
    client_secret: str


class PaymentError(Struct, frozen=True):
    code: str
    message: str | None


class NextAction(Struct, frozen=True):
    """How the payer goes on: `redirect` to `url`; every other `type` is what a page of yours must
    show, with `details` (our own checkout does)."""

    type: str
    url: str | None
    details: Raw | UnsetType = UNSET


class PaymentObject(Struct, frozen=True):
    """A payment. Amounts are minor units; times are unix seconds."""

    id: str
    object: Literal["payment"]
    amount: int
    amount_capturable: int
    amount_captured: int
    amount_refunded: int
    amount_disputed: int
    currency: str
    status: Status
    capture_method: Literal["automatic", "manual"]
    connection: str
    order: str | OrderObject | None
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
    cancellation_reason: str | None
    last_error: PaymentError | None


class PayersWay(Struct, frozen=True):
    """How the payer gets to a payment."""

    next_action: NextAction | None
    checkout_url: str
    client_secret: str


class TryObject(Struct, frozen=True):
    """One attempt at a payment, through one connection; the processor calls it `reference`."""

    number: int
    object: Literal["try"]
    status: Literal["open", "succeeded", "failed", "canceled"]
    connection: str
    reference: str | None
    last_error: PaymentError | None
    created: int


class RefundObject(Struct, frozen=True):
    """Money on its way back to the payer, or given back. `charge`: what the processor calls the
    money that it is taken from; `reference`: what it calls the refund."""

    id: str
    object: Literal["refund"]
    payment: str | PaymentObject
    amount: int
    currency: str
    status: Literal["pending", "succeeded", "failed", "canceled"]
    reason: str | None
    metadata: Raw
    connection: str
    charge: str
    reference: str | None
    last_error: PaymentError | None
    created: int
    livemode: bool


class DisputeObject(Struct, frozen=True):
    """Money that the payer claims back through the bank. It is set aside until it is won or lost;
    a lost one that is won after all was reinstated."""

    id: str
    object: Literal["dispute"]
    payment: str | PaymentObject
    amount: int
    currency: str
    status: Literal["needs_response", "under_review", "lost", "won"]
    reason: str | None
    evidence_due_at: int | None
    connection: str
    charge: str | None
    reference: str
    created: int
    livemode: bool


class PaymentAnswer(PaymentObject, frozen=True):
    """The payment as its owner reads it: with the payer's way to it, and what was expanded."""

    next_action: NextAction | None
    checkout_url: str
    client_secret: str
    tries: list[TryObject] | UnsetType = UNSET
    refunds: list[RefundObject] | UnsetType = UNSET
    disputes: list[DisputeObject] | UnsetType = UNSET


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


def next_action(url: str | None, way: Raw | None) -> NextAction | None:
    """What a try wants of its payer; None when the processor has not said it yet."""
    if way is not None:
        kind = _typed.decode(way).type
        return NextAction(kind, url, way)
    return NextAction("redirect", url) if url is not None else None


class _Typed(Struct):
    type: str


_typed = msgspec.json.Decoder(_Typed)


def _way(payment: Payment, links: Links) -> PayersWay:
    payable = payment.status in {"pending", "failed"}
    action = NextAction("redirect", links.checkout_url) if payable else None
    return PayersWay(action, links.checkout_url, links.client_secret)


def _shared(p: Payment, livemode: bool) -> dict[str, Any]:
    return {
        "id": ids.show("pay", p.id),
        "object": "payment",
        "amount": p.amount,
        "amount_capturable": p.authorized if p.status == "authorized" else 0,
        "amount_captured": p.captured,
        "amount_refunded": p.refunded,
        "amount_disputed": p.disputed,
        "currency": p.asset,
        "status": p.status,
        "capture_method": p.capture_method,
        "connection": ids.show("con", p.connection_id),
        "order": ids.show("ord", p.order_id) if p.order_id else None,
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
        "cancellation_reason": p.cancellation_reason,
        "last_error": _error(p),
    }


def show_try(one: Try) -> TryObject:
    return TryObject(
        number=one.ordinal,
        object="try",
        status=cast("Any", one.state),
        connection=ids.show("con", one.connection_id),
        reference=one.reference,
        last_error=_error(one),
        created=_unix_s(one.created_at),
    )


def show_refund(refund: Refund, *, livemode: bool) -> RefundObject:
    """The refund as events carry it and the API answers it."""
    return RefundObject(
        id=ids.show("re", refund.id),
        object="refund",
        payment=ids.show("pay", refund.payment_id),
        amount=refund.amount,
        currency=refund.asset,
        status=cast("Any", refund.status),
        reason=refund.reason,
        metadata=refund.metadata,
        connection=ids.show("con", refund.connection_id),
        charge=refund.charge,
        reference=refund.reference,
        last_error=_error(refund),
        created=_unix_s(refund.created_at),
        livemode=livemode,
    )


def show_dispute(dispute: Dispute, *, livemode: bool) -> DisputeObject:
    """The dispute as events carry it and the API answers it."""
    due = dispute.evidence_due_at
    return DisputeObject(
        id=ids.show("dp", dispute.id),
        object="dispute",
        payment=ids.show("pay", dispute.payment_id),
        amount=dispute.amount,
        currency=dispute.asset,
        status=cast("Any", dispute.status),
        reason=dispute.reason,
        evidence_due_at=_unix_s(due) if due else None,
        connection=ids.show("con", dispute.connection_id),
        charge=dispute.charge,
        reference=dispute.reference,
        created=_unix_s(dispute.created_at),
        livemode=livemode,
    )


def _error(row: Payment | Try | Refund) -> PaymentError | None:
    return PaymentError(row.failure_code, row.failure_message) if row.failure_code else None


def _unix_s(moment: datetime) -> int:
    return int(moment.timestamp())
