"""The API that a gateway calls: create, look up, capture, cancel, refund. Bearer secret on every
call; the same call again does nothing and gets the same answer.

Amounts are integers in minor units. Errors are `{"error": code, "message": …}`: 400 `invalid`,
401 `unauthorized`, 404 `not_found`, 409 `conflict` (used for something else), `finished`,
`not_authorized`, `above_authorized`, `above_captured`, `too_many`.
"""

import hmac

import msgspec
from msgspec import Struct

from tillgate.kit import clock
from tillgate.kit.http import Answer
from tillgate.sandbox import commands, refunds
from tillgate.sandbox.desk import (
    NO_ROUTE,
    WRONG_METHOD,
    Desk,
    Request,
    invalid,
    json_answer,
    refused,
)
from tillgate.sandbox.model import (
    CancelWish,
    CaptureWish,
    Dispute,
    Payment,
    PaymentWish,
    Refund,
    RefundWish,
    Refusal,
    Status,
)
from tillgate.sandbox.rules import NOT_FOUND
from tillgate.sandbox.store import Store

UNAUTHORIZED = Refusal(401, "unauthorized", "Send the secret: Authorization: Bearer …")
BROKEN = Refusal(500, "internal", "A fault was asked for: the work is done, the answer is lost.")
KEY_MAX_CHARS = 255


class Opened(Struct, frozen=True, kw_only=True, rename="pascal"):
    """What a create answers: always as the payment was then, waiting or processing."""

    reference: str
    transaction_id: str
    status: Status
    redirect_url: str
    amount: int
    captured: int
    currency: str


class Looked(Opened, frozen=True, kw_only=True, rename="pascal"):
    """What a look-up answers: the truth, whatever the callbacks say."""

    authorized: int
    refunded: int
    failure_code: str | None
    failure_message: str | None
    updated_at: int
    refunds: list[Refund]
    disputes: list[Dispute]


class Changed(Struct, frozen=True, kw_only=True, rename="pascal"):
    """What capture and cancel answer: as the payment then stays."""

    operation_id: str
    reference: str
    transaction_id: str
    status: Status
    captured: int
    currency: str


def looked(desk: Desk, payment: Payment) -> Looked:
    return Looked(
        reference=payment.reference,
        status=payment.status,
        redirect_url=f"{desk.url}/pay/{payment.reference}",
        amount=payment.amount,
        currency=payment.currency,
        transaction_id=payment.transaction_id,
        authorized=payment.authorized,
        captured=payment.captured,
        refunded=payment.refunded,
        failure_code=payment.failure_code,
        failure_message=payment.failure_message,
        updated_at=payment.updated_at,
        refunds=desk.store.refunds(payment.reference),
        disputes=desk.store.disputes(payment.reference),
    )


async def answer(desk: Desk, request: Request) -> Answer:
    """Everything under `/api`."""
    wanted = f"Bearer {desk.secret}".encode()
    if not hmac.compare_digest(request.headers.get("authorization", "").encode(), wanted):
        return refused(UNAUTHORIZED)
    match request.method, request.parts[1:]:
        case "POST", ["payments"]:
            return await _create(desk, request)
        case "GET", ["payments", name]:
            payment = desk.store.payment(name)
            found = json_answer(looked(desk, payment)) if payment else refused(NOT_FOUND)
            return await _spoiled(desk, payment, found)
        case "POST", ["payments", name, ("capture" | "cancel" | "refunds") as deed]:
            payment = desk.store.payment(name)
            if payment is None:
                return await _spoiled(desk, None, refused(NOT_FOUND))
            try:
                done = DEEDS[deed](desk.store, payment, request.body)
            except msgspec.DecodeError as error:
                return invalid(error)
            desk.sender.wake()
            return await _spoiled(desk, payment, done)
        case _, ["payments"] | ["payments", _] | ["payments", _, "capture" | "cancel" | "refunds"]:
            return refused(WRONG_METHOD)
        case _:
            return refused(NO_ROUTE)


async def _create(desk: Desk, request: Request) -> Answer:
    key = request.headers.get("idempotency-key", "")[:KEY_MAX_CHARS] or None
    try:
        wish = _payment_wish.decode(request.body)
    except msgspec.DecodeError as error:
        return invalid(error)
    created = commands.create(desk.store, desk.settings, wish, key, clock.now().timestamp())
    if isinstance(created, Refusal):
        return await _spoiled(desk, None, refused(created))
    desk.sender.wake()
    payment, fresh = created
    opened = Opened(
        reference=payment.reference,
        transaction_id=payment.transaction_id,
        status="processing" if payment.method else "pending",
        redirect_url=f"{desk.url}/pay/{payment.reference}",
        amount=payment.amount,
        captured=0,
        currency=payment.currency,
    )
    return await _spoiled(desk, payment, json_answer(opened, 201 if fresh else 200), approve=fresh)


def _capture(store: Store, payment: Payment, body: bytes) -> Answer:
    wish = _capture_wish.decode(body)
    after = commands.capture(store, payment, wish, clock.now().timestamp())
    return _changed(after, wish.operation_id)


def _cancel(store: Store, payment: Payment, body: bytes) -> Answer:
    wish = _cancel_wish.decode(body)
    after = commands.cancel(store, payment, wish, clock.now().timestamp())
    return _changed(after, wish.operation_id)


def _changed(after: Payment | Refusal, operation_id: str) -> Answer:
    if isinstance(after, Refusal):
        return refused(after)
    told = Changed(
        operation_id=operation_id,
        reference=after.reference,
        transaction_id=after.transaction_id,
        status=after.status,
        captured=after.captured,
        currency=after.currency,
    )
    return json_answer(told)


def _refund(store: Store, payment: Payment, body: bytes) -> Answer:
    wish = _refund_wish.decode(body)
    made = refunds.refund(store, payment, wish, clock.now().timestamp())
    if isinstance(made, Refusal):
        return refused(made)
    told, fresh = made
    return json_answer(refunds.as_opened(told), 201 if fresh else 200)


DEEDS = {"capture": _capture, "cancel": _cancel, "refunds": _refund}


async def _spoiled(
    desk: Desk, payment: Payment | None, usual: Answer, *, approve: bool = False
) -> Answer:
    """The usual answer, as late and as broken as the faults want it; the work is done before."""
    faults = commands.take_call_faults(desk.store, payment.reference if payment else None)
    if payment and faults.callback_before_answer:
        if approve:
            commands.finish(desk.store, payment, "approve", None, clock.now().timestamp())
            desk.sender.wake()
        await desk.first_tries(payment.reference)
    if faults.slow_answer_s:
        await desk.pause(faults.slow_answer_s)
    return refused(BROKEN) if faults.fail_after_work else usual


_payment_wish = msgspec.json.Decoder(PaymentWish)
_capture_wish = msgspec.json.Decoder(CaptureWish)
_cancel_wish = msgspec.json.Decoder(CancelWish)
_refund_wish = msgspec.json.Decoder(RefundWish)
