"""Refunds: given back at once, later or never, and failing even after they succeeded."""

from msgspec.structs import replace

from tillgate.kit import ids
from tillgate.sandbox.commands import take_refund_faults, tell
from tillgate.sandbox.model import (
    EventType,
    Later,
    Payment,
    Refund,
    RefundOutcome,
    RefundStatus,
    RefundWish,
    Refusal,
)
from tillgate.sandbox.store import Store

REFUNDS_MAX = 100
"""Of one payment; a look-up lists them all."""

FAILED = ("refund_failed", "The bank of the payer refused the refund.")
EVENTS: dict[RefundStatus, EventType] = {
    "pending": "refund.pending",
    "succeeded": "refund.succeeded",
    "failed": "refund.failed",
}
ENDS: dict[RefundOutcome, RefundStatus] = {"succeed": "succeeded", "fail": "failed"}
LEAVES: dict[RefundStatus, set[RefundStatus]] = {
    "pending": {"succeeded", "failed"},
    "succeeded": {"failed"},
    "failed": set(),
}
NO_REFUND = Refusal(404, "not_found", "There is no such refund of this payment.")


def refund(
    store: Store, payment: Payment, wish: RefundWish, now: float
) -> tuple[Refund, bool] | Refusal:
    """Gives back a part or all, and queues the callback. The refund, and whether it is new."""
    earlier = store.refunds(payment.reference)
    known = next((one for one in earlier if one.refund_id == wish.refund_id), None)
    if known:
        if known.refund_amount == wish.amount:
            return known, False
        return Refusal(409, "conflict", "This RefundId was used for another amount.")
    taken = sum(one.refund_amount for one in earlier if one.refund_status != "failed")
    if wish.amount > payment.captured - taken:
        left = payment.captured - taken
        return Refusal(409, "above_captured", f"Only {left} can be refunded.")
    if len(earlier) >= REFUNDS_MAX:
        return Refusal(409, "too_many", f"A payment has {REFUNDS_MAX} refunds at most.")
    with store.step():
        made = _made(store, payment, wish, now)
        _keep(store, payment, made, now)
    return made, True


def as_opened(refund: Refund) -> Refund:
    """As the call that made it was answered, whatever has become of it since."""
    if refund.refund_status == refund.opened_as:
        return refund
    return replace(refund, refund_status=refund.opened_as, error_code=None, error_message=None)


def settle(
    store: Store, payment: Payment, name: str, outcome: RefundOutcome, now: float
) -> Refund | Refusal:
    """Ends a pending refund, named by its id or reference, or takes back one that succeeded."""
    refunds = store.refunds(payment.reference)
    known = next((r for r in refunds if name in {r.refund_id, r.refund_reference}), None)
    if known is None:
        return NO_REFUND
    status = ENDS[outcome]
    if status == known.refund_status:
        return known
    if status not in LEAVES[known.refund_status]:
        return Refusal(409, "finished", f"The refund is {known.refund_status}.")
    ended = _ended(known, status, now)
    with store.step():
        store.drop_later(payment.reference, known.refund_reference)
        _keep(store, payment, ended, now)
    return ended


def _made(store: Store, payment: Payment, wish: RefundWish, now: float) -> Refund:
    """A new refund, pending when the faults say so."""
    faults = take_refund_faults(store, payment.reference)
    status = "pending" if faults.refund_delay_s else ENDS[faults.refund_outcome]
    made = Refund(
        refund_id=wish.refund_id,
        refund_reference=ids.show("rfd", ids.mint()),
        refund_status="pending",
        refund_amount=wish.amount,
        reference=payment.reference,
        transaction_id=payment.transaction_id,
        currency=payment.currency,
        opened_as=status,
        updated_at=int(now),
    )
    if status != "pending":
        return _ended(made, status, now)
    succeeds, due_at = faults.refund_outcome == "succeed", now + faults.refund_delay_s
    store.add_later(Later(payment.reference, made.refund_reference, succeeds, None, due_at))
    return made


def _ended(refund: Refund, status: RefundStatus, now: float) -> Refund:
    code, message = FAILED if status == "failed" else (None, None)
    return replace(
        refund, refund_status=status, error_code=code, error_message=message, updated_at=int(now)
    )


def _keep(store: Store, payment: Payment, refund: Refund, now: float) -> None:
    """The refund, the payment's sum of those that succeeded, and the callback."""
    store.keep_refund(refund)
    refunds = store.refunds(payment.reference)
    given_back = sum(one.refund_amount for one in refunds if one.refund_status == "succeeded")
    after = replace(payment, refunded=given_back, updated_at=int(now))
    store.keep_payment(after)
    tell(store, after, EVENTS[refund.refund_status], now, refund)
