"""What the sandbox decides: pure functions from values to values. No I/O, no clock, no chance."""

import hmac
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from tillgate.kit.money import find_asset
from tillgate.sandbox.faults import Faults
from tillgate.sandbox.model import (
    Callback,
    CallbackBody,
    CancelWish,
    CaptureWish,
    Dispute,
    EventType,
    Outcome,
    Payment,
    PaymentWish,
    Refund,
    Refusal,
    Signing,
)

TRIES_MAX = 20
RETRY_MAX_S = 30
STALE_S = 3600
"""How far back the fault `stale_timestamp` dates a signature."""

DECLINED = ("card_declined", "The payer declined the payment.")
NOT_SETTLED = ("payment_failed", "The payment could not be processed.")

OTHER_OPERATION = Refusal(409, "conflict", "This OperationId was used for something else.")
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


def process(payment: Payment, now: int) -> Payment | Refusal:
    """Takes the payment to settle it later; once, as `finish`."""
    if payment.status == "pending":
        return replace(payment, status="processing", updated_at=now)
    return payment if payment.status == "processing" else _finished(payment)


def finish(payment: Payment, outcome: Outcome, amount: int | None, now: int) -> Payment | Refusal:
    """Approve (capturing or setting aside `amount`, or what was asked) or decline.

    The same again gives the same value back, so that nothing is done twice; otherwise 409.
    """
    waits = payment.status in {"pending", "processing"}
    if outcome == "decline":
        code, message = DECLINED if payment.status == "pending" else NOT_SETTLED
        done = replace(
            payment, status="failed", failure_code=code, failure_message=message, updated_at=now
        )
        already = payment.status == "failed"
    else:
        sum_ = payment.amount if amount is None else amount
        paid = {"status": "success", "captured": sum_}
        set_aside = {"status": "authorized", "authorized": sum_}
        done = replace(payment, **(paid if payment.capture else set_aside), updated_at=now)
        already = payment.status in {"success", "authorized"} and amount in {
            None,
            payment.captured or payment.authorized,
        }
    if waits:
        return done
    return payment if already else _finished(payment)


def capture(payment: Payment, wish: CaptureWish, now: int) -> Payment | Refusal:
    """Takes what was set aside, or a part, and releases the rest; once per OperationId."""
    if payment.changed_by == wish.operation_id:
        same = payment.status == "success" and payment.captured == wish.amount
        return payment if same else OTHER_OPERATION
    if payment.status != "authorized":
        return Refusal(409, "not_authorized", f"The payment is {payment.status}.")
    if wish.amount > payment.authorized:
        return Refusal(409, "above_authorized", f"Only {payment.authorized} can be captured.")
    return replace(
        payment,
        status="success",
        captured=wish.amount,
        authorized=0,
        changed_by=wish.operation_id,
        updated_at=now,
    )


def cancel(payment: Payment, wish: CancelWish, now: int) -> Payment | Refusal:
    """Ends what waits for its payer, or lets go what was set aside; once per OperationId."""
    if payment.changed_by == wish.operation_id:
        return payment if payment.status == "canceled" else OTHER_OPERATION
    if payment.status not in {"pending", "authorized"}:
        return _finished(payment)
    return replace(
        payment, status="canceled", authorized=0, changed_by=wish.operation_id, updated_at=now
    )


def _finished(payment: Payment) -> Refusal:
    return Refusal(409, "finished", f"The payment is {payment.status}.")


def callbacks(
    payment: Payment,
    event_type: EventType,
    event_ids: Iterator[str],
    faults: Faults,
    now: float,
    about: Refund | Dispute | None = None,
) -> list[Callback]:
    """The messages that tell of a change, as the faults would have them: first the true order.

    A pending one that the fault `reorder` adds is last; the store puts it behind the one before.
    """
    bodies = [_body(payment, event_type, next(event_ids), about)]
    if faults.reorder and event_type == "payment.succeeded":
        early = replace(payment, status="pending", captured=0, updated_at=payment.created_at)
        bodies.append(_body(early, "payment.pending", next(event_ids), None))
    return [_callback(body, payment, faults, now) for body in bodies]


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


def retry_after_s(tries: int) -> int | None:
    """How long to wait after so many failed tries: 1, 2, 4, 8, 16, 30, 30 …; None gives up."""
    return None if tries >= TRIES_MAX else min(2 ** (tries - 1), RETRY_MAX_S)


def signed_headers(callback: Callback, secret: str, now: int) -> dict[str, str]:
    """`X-Sandbox-Signature` is hex HMAC-SHA256 of `{timestamp}.{raw body}`, new at every try."""
    timestamp = now - STALE_S if callback.signing == "stale" else now
    key = secret + "-forged" if callback.signing == "forged" else secret
    signature = hmac.digest(key.encode(), f"{timestamp}.{callback.body}".encode(), "sha256").hex()
    return {"X-Sandbox-Timestamp": str(timestamp), "X-Sandbox-Signature": signature}


def _body(
    payment: Payment, event_type: EventType, event_id: str, about: Refund | Dispute | None
) -> CallbackBody:
    if about is None:
        said: dict[str, Any] = {
            "status": payment.status,
            "amount": payment.captured,
            "authorized": payment.authorized,
            "error_code": payment.failure_code,
            "error_message": payment.failure_message,
        }
    else:
        known = msgspec.structs.asdict(about)
        said = {name: known[name] for name in CallbackBody.__struct_fields__ if name in known}
    usual: dict[str, Any] = {
        "event_id": event_id,
        "event_type": event_type,
        "transaction_id": payment.transaction_id,
        "reference": payment.reference,
        "currency": payment.currency,
        "timestamp": (about or payment).updated_at,
        "metadata": payment.metadata,
    }
    return CallbackBody(**(said | usual))


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
    if told.status == "success" and told.amount is not None:
        return replace(told, amount=told.amount + faults.wrong_amount)
    if told.refund_status == "succeeded" and told.refund_amount is not None:
        return replace(told, refund_amount=told.refund_amount + faults.wrong_amount)
    return told


def _signing(faults: Faults) -> Signing:
    if faults.bad_signature:
        return "forged"
    return "stale" if faults.stale_timestamp else "genuine"
