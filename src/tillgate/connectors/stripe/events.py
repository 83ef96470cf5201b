"""What Stripe's events say, as observations. Pure.

An event that does not say what something has come to asks for a look.
"""

from collections.abc import Callable
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from tillgate.connectors.protocol import Ask, ChargeState, Observation, Unreadable
from tillgate.connectors.stripe.model import Settings
from tillgate.connectors.stripe.read import (
    PAYMENT_INTENTS,
    amount_of,
    clean,
    lacks_mark,
    observe,
    observe_dispute,
    observe_intent,
    observe_refund,
    observe_session,
    ours_in,
    why_declined,
)
from tillgate.connectors.stripe.things import (
    Charge,
    Dispute,
    Event,
    PaymentIntent,
    Refund,
    Session,
    id_of,
)

T = TypeVar("T")
Heard = list[Observation] | Ask | Unreadable


def read_event(body: bytes, settings: Settings, *, livemode: bool) -> Heard:
    """An event of the other mode says nothing: a test event never meets a live payment."""
    try:
        event = _event.decode(body)
        reader = READERS.get(event.type)
        if reader is None or event.livemode != livemode:
            return []
        return reader(event, settings)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return Unreadable(f"This is not an event of Stripe: {error}", None)


def _intent_event(event: Event, settings: Settings) -> Heard:
    intent = _decode(event, PaymentIntent)
    if lacks_mark(intent.metadata, settings):
        return []
    state = PAYMENT_INTENTS.get(intent.status)
    if state is not None and amount_of(intent, state) is None:
        return Ask(intent.id)
    return _heard(observe_intent(intent))


def _charge_event(event: Event, settings: Settings) -> Heard:
    """One attempt at a payment intent, told in the words of the intent: after one that failed, it
    takes another."""
    charge = _decode(event, Charge)
    intent = id_of(charge.payment_intent)
    if intent is None or lacks_mark(charge.metadata, settings):
        return []
    states: dict[str, ChargeState] = {"pending": "processing", "failed": "failed"}
    states["succeeded"] = "captured" if charge.captured else "authorized"
    state = states.get(charge.status)
    if state is None:
        return []
    amount = {"captured": charge.amount_captured, "authorized": charge.amount}.get(state, 0)
    if amount is None:
        return Ask(intent)
    seen = observe(intent, state, amount, charge.currency, charge.metadata)
    if isinstance(seen, Unreadable) or state != "failed":
        return _heard(seen)
    code, message = why_declined(charge), clean(charge.failure_message)
    return [replace(seen, failure_code=code, failure_message=message, payable=True)]


def _sum_event(event: Event, settings: Settings) -> Heard:
    """A sum over refunds, or a release of what was not captured: looked up."""
    charge = _decode(event, Charge)
    intent = id_of(charge.payment_intent)
    return [] if intent is None or lacks_mark(charge.metadata, settings) else Ask(intent)


def _refund_event(event: Event, _settings: Settings) -> Heard:
    """A refund that we did not ask for may be what Stripe calls the release of a rest that was not
    captured: only a look can tell."""
    refund = _decode(event, Refund)
    intent = id_of(refund.payment_intent)
    if intent is None:
        return []
    return _heard(observe_refund(refund)) if ours_in(refund.metadata) else Ask(intent)


def _dispute_event(event: Event, _settings: Settings) -> Heard:
    dispute = _decode(event, Dispute)
    if dispute.payment_intent is None:
        return []
    return _heard(observe_dispute(dispute, event.created))


def _session_event(event: Event, settings: Settings) -> Heard:
    """`client_reference_id` stands in the payer's address bar: it only nominates. A session of
    another link than ours is not ours, whatever it says."""
    session = _decode(event, Session)
    link = settings.payment_link_id
    if link is not None and id_of(session.payment_link) != link:
        return []
    if lacks_mark(session.metadata, settings):
        return []
    states: dict[str, ChargeState] = {
        "checkout.session.async_payment_failed": "failed",
        "checkout.session.expired": "canceled",
    }
    paid: dict[str, ChargeState] = {"paid": "captured", "unpaid": "processing"}
    state = states.get(event.type) or paid.get(session.payment_status)
    return [] if state is None else _heard(observe_session(session, state))


READERS: dict[str, Callable[[Event, Settings], Heard]] = {
    **dict.fromkeys(
        (
            "payment_intent.amount_capturable_updated",
            "payment_intent.canceled",
            "payment_intent.payment_failed",
            "payment_intent.processing",
            "payment_intent.requires_action",
            "payment_intent.succeeded",
        ),
        _intent_event,
    ),
    **dict.fromkeys(
        ("charge.captured", "charge.failed", "charge.pending", "charge.succeeded"), _charge_event
    ),
    "charge.refunded": _sum_event,
    **dict.fromkeys(
        ("charge.refund.updated", "refund.created", "refund.failed", "refund.updated"),
        _refund_event,
    ),
    **dict.fromkeys(
        (
            "charge.dispute.closed",
            "charge.dispute.created",
            "charge.dispute.funds_reinstated",
            "charge.dispute.funds_withdrawn",
            "charge.dispute.updated",
        ),
        _dispute_event,
    ),
    **dict.fromkeys(
        (
            "checkout.session.async_payment_failed",
            "checkout.session.async_payment_succeeded",
            "checkout.session.completed",
            "checkout.session.expired",
        ),
        _session_event,
    ),
}
"""The events that an endpoint at Stripe must send; any other type means nothing to us."""


def _heard(seen: Observation | Unreadable | None) -> list[Observation] | Unreadable:
    if isinstance(seen, Unreadable):
        return seen
    return [] if seen is None else [seen]


def _decode(event: Event, kind: type[T]) -> T:
    return msgspec.json.decode(event.data.object, type=kind)


_event = msgspec.json.Decoder(Event)
