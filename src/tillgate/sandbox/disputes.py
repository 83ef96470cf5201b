"""Disputes: the payer claims money back through the bank, and the bank decides."""

from msgspec.structs import replace

from tillgate.kit import ids
from tillgate.sandbox.commands import tell
from tillgate.sandbox.model import (
    Dispute,
    DisputeDeed,
    DisputeStatus,
    DisputeWish,
    EventType,
    Payment,
    Refusal,
)
from tillgate.sandbox.store import Store

DISPUTES_MAX = 20
"""Of one payment; a look-up lists them all."""

MOVES: dict[DisputeDeed, tuple[set[DisputeStatus], DisputeStatus, EventType]] = {
    "review": ({"needs_response"}, "under_review", "dispute.under_review"),
    "win": ({"needs_response", "under_review"}, "won", "dispute.won"),
    "lose": ({"needs_response", "under_review"}, "lost", "dispute.lost"),
    "reinstate": ({"lost"}, "won", "dispute.reinstated"),
}
"""deed → (from which states, to which, what is told)."""

NO_DISPUTE = Refusal(404, "not_found", "There is no such dispute of this payment.")


def left(payment: Payment, earlier: list[Dispute]) -> int:
    """What of a payment nobody has disputed yet."""
    return payment.captured - sum(one.dispute_amount for one in earlier)


def open_dispute(
    store: Store, payment: Payment, wish: DisputeWish, now: float
) -> Dispute | Refusal:
    """A new dispute of captured money, and its callback."""
    earlier = store.disputes(payment.reference)
    rest = left(payment, earlier)
    amount = rest if wish.amount is None else wish.amount
    if not 0 < amount <= rest:
        return Refusal(409, "above_captured", f"Only {rest} can be disputed.")
    if len(earlier) >= DISPUTES_MAX:
        return Refusal(409, "too_many", f"A payment has {DISPUTES_MAX} disputes at most.")
    opened = Dispute(
        dispute_reference=ids.show("dsp", ids.mint()),
        dispute_status="needs_response",
        dispute_amount=amount,
        dispute_reason=wish.reason,
        evidence_due_at=int(now) + wish.evidence_due_in_s,
        revision=1,
        reference=payment.reference,
        transaction_id=payment.transaction_id,
        currency=payment.currency,
        updated_at=int(now),
    )
    _keep(store, payment, opened, "dispute.created", now)
    return opened


def move(
    store: Store, payment: Payment, reference: str, deed: DisputeDeed, now: float
) -> Dispute | Refusal:
    """The bank goes on with a dispute, and the callback. 409 when it stands elsewhere."""
    disputes = store.disputes(payment.reference)
    known = next((one for one in disputes if one.dispute_reference == reference), None)
    if known is None:
        return NO_DISPUTE
    starts, status, event_type = MOVES[deed]
    if known.dispute_status not in starts:
        return Refusal(409, "dispute_state", f"The dispute is {known.dispute_status}.")
    moved = replace(known, dispute_status=status, revision=known.revision + 1, updated_at=int(now))
    _keep(store, payment, moved, event_type, now)
    return moved


def _keep(
    store: Store, payment: Payment, dispute: Dispute, event_type: EventType, now: float
) -> None:
    with store.step():
        store.keep_dispute(dispute)
        tell(store, payment, event_type, now, dispute)
