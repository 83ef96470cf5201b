"""The API that a gateway calls: create, look up, refund. Bearer secret on every call.

Amounts are integers in minor units. Errors are `{"error": code, "message": …}`: 400 `invalid`,
401 `unauthorized`, 404 `not_found`, 409 `conflict` (used for something else) or `above_captured`.
"""

import hmac

import msgspec
from msgspec import Struct

from tillgate.kit import clock
from tillgate.kit.http import Answer
from tillgate.sandbox import commands
from tillgate.sandbox.desk import (
    NO_ROUTE,
    WRONG_METHOD,
    Desk,
    Request,
    invalid,
    json_answer,
    refused,
)
from tillgate.sandbox.model import Payment, PaymentWish, RefundWish, Refusal, Status
from tillgate.sandbox.rules import NOT_FOUND

UNAUTHORIZED = Refusal(401, "unauthorized", "Send the secret: Authorization: Bearer …")
BROKEN = Refusal(500, "internal", "A fault was asked for: the work is done, the answer is lost.")
KEY_MAX_CHARS = 255


class Opened(Struct, frozen=True, kw_only=True, rename="pascal"):
    """What a create answers: always as the payment was then, pending."""

    reference: str
    status: Status
    redirect_url: str
    amount: int
    currency: str


class Looked(Opened, frozen=True, kw_only=True, rename="pascal"):
    """What a look-up answers: the truth, whatever the callbacks say."""

    transaction_id: str
    captured: int
    refunded: int
    failure_code: str | None
    failure_message: str | None
    updated_at: int


class Refunded(Struct, frozen=True, kw_only=True, rename="pascal"):
    """What a refund answers; `refunded` is what has been given back in all."""

    refund_id: str
    reference: str
    status: Status
    amount: int
    currency: str
    captured: int
    refunded: int


def looked(desk: Desk, payment: Payment) -> Looked:
    return Looked(
        reference=payment.reference,
        status=payment.status,
        redirect_url=f"{desk.url}/pay/{payment.reference}",
        amount=payment.amount,
        currency=payment.currency,
        transaction_id=payment.transaction_id,
        captured=payment.captured,
        refunded=payment.refunded,
        failure_code=payment.failure_code,
        failure_message=payment.failure_message,
        updated_at=payment.updated_at,
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
        case "POST", ["payments", name, "refunds"]:
            return await _refund(desk, name, request)
        case _, ["payments"] | ["payments", _] | ["payments", _, "refunds"]:
            return refused(WRONG_METHOD)
        case _:
            return refused(NO_ROUTE)


async def _create(desk: Desk, request: Request) -> Answer:
    key = request.headers.get("idempotency-key", "")[:KEY_MAX_CHARS] or None
    try:
        wish = _payment_wish.decode(request.body)
    except msgspec.DecodeError as error:
        return invalid(error)
    created = commands.create(desk.store, wish, key, clock.now().timestamp())
    if isinstance(created, Refusal):
        return await _spoiled(desk, None, refused(created))
    payment, fresh = created
    opened = Opened(
        reference=payment.reference,
        status="pending",
        redirect_url=f"{desk.url}/pay/{payment.reference}",
        amount=payment.amount,
        currency=payment.currency,
    )
    return await _spoiled(desk, payment, json_answer(opened, 201 if fresh else 200), approve=fresh)


async def _refund(desk: Desk, name: str, request: Request) -> Answer:
    payment = desk.store.payment(name)
    if payment is None:
        return await _spoiled(desk, None, refused(NOT_FOUND))
    try:
        wish = _refund_wish.decode(request.body)
    except msgspec.DecodeError as error:
        return invalid(error)
    done = commands.refund(desk.store, payment, wish, clock.now().timestamp())
    if isinstance(done, Refusal):
        return await _spoiled(desk, payment, refused(done))
    desk.sender.wake()
    after, fresh = done
    told = Refunded(
        refund_id=wish.refund_id,
        reference=after.reference,
        status="success",
        amount=wish.amount,
        currency=after.currency,
        captured=after.captured,
        refunded=after.refunded,
    )
    return await _spoiled(desk, after, json_answer(told, 201 if fresh else 200))


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
_refund_wish = msgspec.json.Decoder(RefundWish)
