"""What Stripe's objects say, as observations. Pure; status words end here.

A charge is known by its payment intent's id, whatever tells of it; a Checkout Session that has none
yet, by its own.
"""

from datetime import UTC, datetime

from msgspec.structs import replace

from tillgate.connectors.protocol import (
    ChargeState,
    DisputeState,
    Kind,
    ObjectState,
    Observation,
    RefundState,
    Unreadable,
)
from tillgate.connectors.stripe.amounts import from_stripe
from tillgate.connectors.stripe.model import BY_LINK, Settings
from tillgate.connectors.stripe.request import OPERATION
from tillgate.connectors.stripe.things import (
    Charge,
    Dispute,
    Metadata,
    PaymentIntent,
    Refund,
    Session,
    id_of,
)

TEXT_MAX_CHARACTERS = 500

PAYMENT_INTENTS: dict[str, ChargeState] = {
    "requires_payment_method": "pending",
    "requires_confirmation": "pending",
    "requires_action": "pending",
    "processing": "processing",
    "requires_capture": "authorized",
    "canceled": "canceled",
    "succeeded": "captured",
}
REFUNDS: dict[str, RefundState] = {
    "pending": "pending",
    "requires_action": "pending",
    "succeeded": "succeeded",
    "failed": "failed",
    "canceled": "canceled",
}
DISPUTES: dict[str, DisputeState] = {
    "needs_response": "needs_response",
    "under_review": "under_review",
    "won": "won",
    "lost": "lost",
    "appeal_needs_response": "needs_response",
    "appeal_under_review": "under_review",
}
"""Inquiries (`warning_…`) and prevented disputes take no money: they are not told."""


def observe_intent(intent: PaymentIntent) -> Observation | Unreadable | None:
    """None: its status means nothing to us. One that failed takes another means of payment, until
    it is canceled."""
    state = PAYMENT_INTENTS.get(intent.status)
    error = intent.last_payment_error
    if intent.status == "requires_payment_method" and error is not None:
        state = "failed"
    if state is None:
        return None
    seen = observe(intent.id, state, amount_of(intent, state), intent.currency, intent.metadata)
    if isinstance(seen, Unreadable) or error is None or state != "failed":
        return seen
    return replace(
        seen,
        failure_code=clean(error.decline_code or error.code) or "failed",
        failure_message=clean(error.message),
        payable=True,
    )


def why_declined(charge: Charge) -> str:
    """In the word of the intent's `last_payment_error`, which a charge tells in another place:
    the issuer's reason, or that Stripe itself blocked it as a risk (docs.stripe.com/declines)."""
    code, outcome = clean(charge.failure_code) or "failed", charge.outcome
    if code != "card_declined" or outcome is None:
        return code
    if outcome.type == "blocked" and outcome.reason in RISKS:
        return "fraudulent"
    return clean(outcome.reason) or code if outcome.type == "issuer_declined" else code


RISKS = "highest_risk_level", "rule"


def observe_refund(refund: Refund) -> Observation | Unreadable | None:
    state = REFUNDS.get(refund.status or "")
    if state is None:
        return None
    seen = observe(refund.id, state, refund.amount, refund.currency, refund.metadata, "refund")
    if isinstance(seen, Unreadable):
        return seen
    code = clean(refund.failure_reason) or "refund_failed" if state == "failed" else None
    return replace(seen, parent=id_of(refund.payment_intent), failure_code=code)


def observe_dispute(dispute: Dispute, told_at_s: int) -> Observation | Unreadable | None:
    """`told_at_s`: when Stripe said so, by its own clock; of what it says later, more counts."""
    state = DISPUTES.get(dispute.status)
    if state is None:
        return None
    seen = observe(dispute.id, state, dispute.amount, dispute.currency, None, "dispute")
    if isinstance(seen, Unreadable):
        return seen
    due = dispute.evidence_details.due_by if dispute.evidence_details else None
    return replace(
        seen,
        parent=id_of(dispute.payment_intent),
        revision=told_at_s,
        reason=clean(dispute.reason),
        evidence_due_at=datetime.fromtimestamp(due, UTC) if due else None,
    )


def observe_session(session: Session, state: ChargeState) -> Observation | Unreadable:
    """A session by its payment intent, or by its own id while it has none."""
    reference = id_of(session.payment_intent) or session.id
    amount = session.amount_total if state == "captured" else 0
    seen = observe(reference, state, amount, session.currency or "", session.metadata)
    if isinstance(seen, Unreadable) or seen.ours is not None:
        return seen
    nominated = clean(session.client_reference_id)
    return replace(seen, ours=nominated, nominated=nominated is not None)


def given_back(refunds: list[Refund], intent: PaymentIntent) -> list[Refund]:
    """The refunds (the newest first) without what Stripe lists as one though no money went back:
    the release of a rest that was not captured. It is the first of that amount, and not ours."""
    charge = intent.latest_charge
    if not isinstance(charge, Charge) or charge.amount_captured is None:
        return refunds
    rest = charge.amount - charge.amount_captured
    fitting = [one for one in refunds if one.amount == rest and ours_in(one.metadata) is None]
    return [one for one in refunds if one not in fitting[-1:]]


def observe(
    reference: str,
    state: ObjectState,
    amount: int | None,
    currency: str,
    metadata: Metadata | None,
    kind: Kind = "charge",
) -> Observation | Unreadable:
    if amount is None:
        return Unreadable("Stripe does not say how much.", "amount")
    money = from_stripe(amount, currency)
    if money is None:
        return Unreadable("The amount is not one of this currency.", "currency")
    return Observation(reference, ours_in(metadata), state, money.minor, money.asset, kind=kind)


def amount_of(intent: PaymentIntent, state: ChargeState) -> int | None:
    """What was brought, or is set aside."""
    by_state = {"captured": intent.amount_received, "authorized": intent.amount_capturable}
    return by_state.get(state, 0)


def lacks_mark(metadata: Metadata | None, settings: Settings) -> bool:
    """Whether the merchant took this money at Stripe without us. Of buttons and links Stripe makes
    the objects, which we cannot mark."""
    return settings.method not in BY_LINK and ours_in(metadata) is None


def ours_in(metadata: Metadata | None) -> str | None:
    return clean((metadata or {}).get(OPERATION)) or None


def clean(text: str | None) -> str | None:
    """PostgreSQL's text cannot hold NUL."""
    return text.replace("\0", "")[:TEXT_MAX_CHARACTERS] if text else None
