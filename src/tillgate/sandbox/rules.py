"""What the sandbox decides: pure functions from values to values. No I/O, no clock, no chance."""

import hmac
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from tillgate.kit.money import find_asset
from tillgate.sandbox.model import (
    NO_FAULTS,
    Callback,
    CallbackBody,
    EventType,
    Faults,
    Outcome,
    Payment,
    PaymentWish,
    RefundWish,
    Refusal,
    Signing,
)

TRIES_MAX = 20
RETRY_MAX_S = 30
STALE_S = 3600
"""How far back the fault `stale_timestamp` dates a signature."""

DECLINED = ("card_declined", "The payer declined the payment.")

NOT_FOUND = Refusal(404, "not_found", "There is no such payment here.")

_ORIGIN = re.compile(r"https?://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
_PRINTABLE = re.compile(r"[!-~]+")


def check_wish(wish: PaymentWish) -> Refusal | None:
    """What the types alone do not say: a known currency, and addresses that can be called."""
    if find_asset(wish.currency) is None:
        return Refusal(400, "invalid", f"Currency is not known: {wish.currency!r}.")
    for name in ("callback_url", "success_url", "failure_url"):
        url = str(getattr(wish, name))
        if origin(url) is None:
            return Refusal(400, "invalid", f"{name} is not an http or https address: {url!r}.")
    return None


def origin(url: str) -> str | None:
    """`https://shop.example:8443` of an address; None when it is not one that we would call.

    Strict, as origins are written into the pages' content security policy.
    """
    if not _PRINTABLE.fullmatch(url):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    found = f"{parts.scheme}://{parts.netloc}".lower()
    return found if _ORIGIN.fullmatch(found) else None


def same_wish(payment: Payment, wish: PaymentWish) -> bool:
    """Whether a repeated create asks for what the first one asked for."""
    fields = PaymentWish.__struct_fields__
    return all(getattr(payment, name) == getattr(wish, name) for name in fields)


def finish(payment: Payment, outcome: Outcome, amount: int | None, now: int) -> Payment | Refusal:
    """Approve (capturing `amount`, or what was asked) or decline.

    The same again gives the same value back, so that nothing is done twice; otherwise 409.
    """
    if outcome == "approve":
        captured = payment.amount if amount is None else amount
        done = replace(payment, status="success", captured=captured, updated_at=now)
        already = payment.status == "success" and amount in {None, payment.captured}
    else:
        code, message = DECLINED
        done = replace(
            payment, status="failed", failure_code=code, failure_message=message, updated_at=now
        )
        already = payment.status == "failed"
    if payment.status == "pending":
        return done
    return payment if already else Refusal(409, "finished", f"The payment is {payment.status}.")


def refund(payment: Payment, wish: RefundWish, now: int) -> Payment | Refusal:
    """The payment with so much more given back, never above what was captured."""
    refunded = payment.refunded + wish.amount
    if refunded > payment.captured:
        left = payment.captured - payment.refunded
        return Refusal(409, "above_captured", f"Only {left} can be refunded.")
    return replace(payment, refunded=refunded, updated_at=now)


def callbacks(
    payment: Payment,
    event_type: EventType,
    event_ids: Iterator[str],
    faults: Faults,
    now: float,
    refunded: RefundWish | None = None,
) -> list[Callback]:
    """The messages that tell of a change, as the faults would have them: first the true order.

    A pending one that the fault `reorder` adds is last; the store puts it behind the one before.
    """
    told = [_callback(_body(payment, event_type, next(event_ids), refunded), payment, faults, now)]
    if faults.reorder and event_type == "payment.succeeded":
        early = replace(payment, status="pending", captured=0, updated_at=payment.created_at)
        body = _body(early, "payment.pending", next(event_ids), None)
        told.append(_callback(body, payment, faults, now))
    return told


def again(callback: Callback, faults: Faults, now: float) -> Callback:
    """The same event with the same body once more: the faults govern how it travels, only."""
    return replace(
        callback,
        signing=_signing(faults),
        state="dropped" if faults.drop else "waiting",
        due_at=now + faults.delay_s,
        behind=None,
        attempts=(),
    )


def spoils_callbacks(faults: Faults) -> bool:
    """Whether any fault touches callbacks (the others touch API calls)."""
    return replace(faults, **_CALL_FAULTS, times=0) != NO_FAULTS


def spoils_calls(faults: Faults) -> bool:
    """Whether any fault touches API calls."""
    return any(getattr(faults, name) != usual for name, usual in _CALL_FAULTS.items())


def spent(faults: Faults) -> Faults:
    """The faults after one more callback or call that they spoiled."""
    if faults.times == 1:
        return NO_FAULTS
    return replace(faults, times=max(0, faults.times - 1))


def spent_by_call(faults: Faults) -> Faults:
    """As `spent`, with one failing answer fewer to give."""
    return spent(replace(faults, fail_after_work=max(0, faults.fail_after_work - 1)))


def retry_after_s(tries: int) -> int | None:
    """How long to wait after so many failed tries: 1, 2, 4, 8, 16, 30, 30 …; None gives up."""
    return None if tries >= TRIES_MAX else min(2 ** (tries - 1), RETRY_MAX_S)


def signed_headers(callback: Callback, secret: str, now: int) -> dict[str, str]:
    """`X-Sandbox-Signature` is hex HMAC-SHA256 of `{timestamp}.{raw body}`, new at every try."""
    timestamp = now - STALE_S if callback.signing == "stale" else now
    key = secret + "-forged" if callback.signing == "forged" else secret
    signature = hmac.digest(key.encode(), f"{timestamp}.{callback.body}".encode(), "sha256").hex()
    return {"X-Sandbox-Timestamp": str(timestamp), "X-Sandbox-Signature": signature}


_CALL_FAULTS: dict[str, object] = {
    name: getattr(NO_FAULTS, name)
    for name in ("fail_after_work", "slow_answer_s", "callback_before_answer")
}


def _body(
    payment: Payment, event_type: EventType, event_id: str, refunded: RefundWish | None
) -> CallbackBody:
    return CallbackBody(
        event_id=event_id,
        event_type=event_type,
        transaction_id=payment.transaction_id,
        reference=payment.reference,
        status=payment.status,
        amount=payment.captured,
        currency=payment.currency,
        refund_id=refunded.refund_id if refunded else None,
        refund_amount=refunded.amount if refunded else None,
        refunded=payment.refunded if refunded else None,
        error_code=payment.failure_code,
        error_message=payment.failure_message,
        timestamp=payment.updated_at,
        metadata=payment.metadata,
    )


def _callback(body: CallbackBody, payment: Payment, faults: Faults, now: float) -> Callback:
    told = _spoiled(body, faults)
    return Callback(
        reference=payment.reference,
        event_id=told.event_id,
        event_type=told.event_type,
        url=payment.callback_url,
        body=msgspec.json.encode(told).decode(),
        signing=_signing(faults),
        state="dropped" if faults.drop else "waiting",
        due_at=now + faults.delay_s,
    )


def _spoiled(body: CallbackBody, faults: Faults) -> CallbackBody:
    told = replace(body, currency=faults.wrong_currency or body.currency)
    if told.status != "success" or not faults.wrong_amount:
        return told
    if told.refund_amount is None or told.refunded is None:
        return replace(told, amount=told.amount + faults.wrong_amount)
    return replace(
        told,
        refund_amount=told.refund_amount + faults.wrong_amount,
        refunded=told.refunded + faults.wrong_amount,
    )


def _signing(faults: Faults) -> Signing:
    if faults.bad_signature:
        return "forged"
    return "stale" if faults.stale_timestamp else "genuine"
