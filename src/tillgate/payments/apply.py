"""Observations become totals, a status and bookings: the one way by which money enters the books.

Callbacks, look-ups and processors' answers all end here. Pure, on a case whose payment is locked.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tillgate.audit.model import Owner
from tillgate.connectors.protocol import Observation
from tillgate.engine.command import Need, Ref
from tillgate.engine.world import World
from tillgate.kit import ids
from tillgate.orders import rules as order_rules
from tillgate.payments import booking, outstanding, refunding, rules
from tillgate.payments.case import EMPTY, Case, open_case, with_refunds
from tillgate.payments.case import wants as wants_of_charges
from tillgate.payments.model import (
    Dispute,
    OperationRow,
    Payment,
    PaymentReference,
    ProcessorObject,
    Refund,
)

REMIND_BEFORE = timedelta(days=2)
"""How long before evidence is due the merchant is told so."""


class Applied(NamedTuple):
    """What observations came to: the rows, and in a word what they did."""

    effect: str
    rows: tuple[Struct, ...]


def wants(
    merchant_id: UUID, payment_id: UUID, observations: Iterable[Observation] = ()
) -> tuple[Ref, ...]:
    """What `apply` surely reads of a payment."""
    if any(seen.kind != "charge" for seen in observations):
        return with_refunds(merchant_id, payment_id)
    return wants_of_charges(merchant_id, payment_id)


def apply(
    world: World,
    owner: Owner,
    payment_id: UUID,
    connection_id: UUID,
    observations: Iterable[Observation],
    following: Iterator[UUID],
    now: datetime,
) -> Applied | Need:
    """Folds observations into a payment and books what is new. The payment is locked by the caller.

    Any order of the same observations, and any repetition, ends in the same totals and books.
    """
    case = open_case(world, owner, payment_id, following, now)
    if case is None:
        return Applied("unmatched", ())
    if isinstance(case, Need):
        return case
    need = observe(case, connection_id, observations)
    if need is not None:
        return need
    return Applied("applied", case.rows()) if case.changed else Applied("nothing_new", ())


def observe(case: Case, connection_id: UUID, observations: Iterable[Observation]) -> Need | None:
    """Folds observations into the case, and lets everything follow from them."""
    money = rules.total(case.payment, case.objects.values(), case.tries).all_money
    before = dict(case.objects)
    for seen in observations:
        if seen.nominated and seen.state != "captured":
            continue  # what a payer can write moves nothing without money
        if seen.kind != "charge":
            need = case.load_refunds()
            if need is not None:
                return need
        spot = connection_id, seen.kind, seen.reference
        found = case.objects.get(spot)
        if found is None and seen.kind == "charge":
            need = _name_charge(case, connection_id, seen)
            if need is not None:
                return need
        case.keep(rules.fold(found, seen, _fresh(case, connection_id, seen)))
        if seen.kind == "refund":
            _name_refund(case, connection_id, seen)
        elif seen.kind == "dispute":
            _name_dispute(case, connection_id, seen)
    if case.objects == before:
        return None
    grown = rules.total(case.payment, case.objects.values(), case.tries).all_money > money
    if grown and case.payment.status != "succeeded":
        # what a person has decided was about other money
        case.payment = replace(case.payment, resolution=None)
    return conclude(case)


def conclude(case: Case) -> Need | None:
    """Whatever follows from the objects of the case, and from what was decided of it."""
    before = case.payment
    misfit = order_rules.misfit(case.order) if case.order is not None else None
    case.payment, case.tries = rules.move(
        case.payment, list(case.objects.values()), case.tries, misfit, case.now
    )
    back_at_once = (
        case.payment.review_reason == "duplicate"
        and case.order is not None
        and case.order.duplicates == "refund"
    )
    if case.payment.status == "succeeded" and rules.open_try(case.tries) is not None:
        case.end_open_try()  # nobody pays twice
        case.payment, case.tries = rules.move(
            case.payment, list(case.objects.values()), case.tries, misfit, case.now
        )
    if back_at_once:
        case.payment = refuse(case.payment)
    charges, operations = case.of_kind("charge"), case.operations.values()
    for operation in outstanding.settled(operations, case.tries, charges, case.now):
        case.keep(operation)
    _follow_refunds(case)
    _follow_disputes(case)
    for operation in list(case.operations.values()):
        case.keep(outstanding.answered(operation, _result_of(case, operation), case.now))
    _credit_order(case, before.refunded if before.credited else 0)
    case.let_go_unwanted()
    need = booking.book(case)
    if need is None and back_at_once:
        need = give_all_back(case, "duplicate")
    return need


def refuse(payment: Payment) -> Payment:
    """Money in review is not taken: the payment has failed, whatever it brought goes back."""
    return replace(
        payment,
        resolution="refused",
        status="failed",
        review_reason=None,
        failure_code=payment.review_reason,
        failure_message="The money does not fit this payment and is given back.",
    )


def give_all_back(case: Case, reason: str) -> Need | None:
    """Sets aside whatever charges have brought, to be refunded; suspense never refuses."""
    need = case.load_refunds()
    if need is not None:
        return need
    for charge, rest in list(refunding.rests_of(case)):
        stopped = refunding.set_aside(case, next(case.following), charge, rest, reason)
        if isinstance(stopped, Need):
            return stopped
    return None


# ---- one observation ----------------------------------------------------------------------------


def _fresh(case: Case, connection_id: UUID, seen: Observation) -> ProcessorObject:
    """The object at its first sight, tied to the try that our reference or its own names."""
    charge = seen.reference if seen.kind == "charge" else seen.parent
    ordinal = next(
        (o.ordinal for o in case.operations.values() if seen.ours == ids.show("op", o.id)),
        next((t.ordinal for t in case.tries if t.reference in {charge, seen.ours}), None),
    )
    return ProcessorObject(
        case.payment.merchant_id, case.payment.id, connection_id, seen.kind, seen.reference,
        ordinal, seen.state, seen.amount_minor, seen.asset, 0, None, seen.failure_code,
        seen.failure_message, case.now, case.now, seen.parent, seen.revision, 0, seen.nominated,
        seen.payable,
    )  # fmt: skip


def _name_charge(case: Case, connection_id: UUID, seen: Observation) -> Need | None:
    """What is first heard of from a callback or a look, the answer to its start being lost: records
    the processor's name of it, by which refunds and disputes of it are found."""
    key = (case.payment.merchant_id, connection_id, seen.reference)
    if refs := case.world.missing(Ref(PaymentReference, key)):
        return Need(refs)
    if case.world.get(PaymentReference, key) is None:
        case.more.append(PaymentReference(*key, case.payment.id))
    ordinal = _fresh(case, connection_id, seen).ordinal
    attempt = next((one for one in case.tries if one.ordinal == ordinal), None)
    if attempt is not None and attempt.reference is None:
        case.keep_try(replace(attempt, reference=seen.reference, updated_at=case.now))
    return None


def _name_refund(case: Case, connection_id: UUID, seen: Observation) -> None:
    """Ties an object to its refund; what nobody here asked for was made at the processor."""
    ours = ids.parse("op", seen.ours) if seen.ours is not None else None
    refund = case.refunds.get(ours) if ours is not None else None
    named = (connection_id, seen.reference)
    known = next((r for r in case.refunds.values() if _named(r) == named), None)
    if known is not None:
        return
    if refund is None or refund.reference is not None:
        refund = _unnamed(case, connection_id, seen)
    if refund is None:
        charge = seen.parent or ""
        found = case.objects.get((connection_id, "charge", charge))
        spot = connection_id, "refund", seen.reference
        place = (found.booked_to if found else None) or booking.home(case, case.objects[spot])
        refund = Refund(
            case.payment.merchant_id, case.payment.id, next(case.following), connection_id, charge,
            max(seen.amount_minor, 1), seen.asset, "pending", seen.reason, EMPTY, place, None,
            None, None, None, case.now, case.now,
        )  # fmt: skip
    case.keep(replace(refund, reference=seen.reference, updated_at=case.now))


def _name_dispute(case: Case, connection_id: UUID, seen: Observation) -> None:
    """The dispute of an object, with what its newest word says of reason and evidence."""
    thing = case.objects[connection_id, seen.kind, seen.reference]
    named = connection_id, seen.reference
    found = next(
        (d for d in case.disputes.values() if (d.connection_id, d.reference) == named), None
    )
    if found is None:
        found = Dispute(
            thing.merchant_id, thing.payment_id, next(case.following), *named, thing.parent,
            thing.amount, thing.asset, "needs_response", None, None, None, case.now, case.now,
        )  # fmt: skip
    if (thing.state, thing.revision) == (seen.state, seen.revision):
        due = seen.evidence_due_at
        remind = (
            max(due - REMIND_BEFORE, case.now) if due and due != found.evidence_due_at else None
        )
        found = replace(
            found,
            reason=seen.reason or found.reason,
            evidence_due_at=due or found.evidence_due_at,
            remind_at=remind or found.remind_at,
        )
    case.keep(found)


def _unnamed(case: Case, connection_id: UUID, seen: Observation) -> Refund | None:
    """A processor that does not repeat our reference: the one refund that it can only be."""
    fitting = [
        r
        for r in case.refunds.values()
        if r.reference is None
        and r.status == "pending"
        and (r.connection_id, r.charge) == (connection_id, seen.parent)
        and (r.amount, r.asset) == (seen.amount_minor, seen.asset)
    ]
    return fitting[0] if len(fitting) == 1 and seen.ours is None else None


def _named(refund: Refund) -> tuple[UUID, str | None]:
    return refund.connection_id, refund.reference


# ---- what follows -------------------------------------------------------------------------------


def _follow_refunds(case: Case) -> None:
    for refund in list(case.refunds.values()):
        thing = case.objects.get((refund.connection_id, "refund", refund.reference or ""))
        if thing is None:
            continue
        now_is = replace(
            refund,
            status=thing.state,
            amount=thing.amount or refund.amount,
            failure_code=thing.failure_code,
            failure_message=thing.failure_message,
        )
        if now_is != refund:
            case.keep(replace(now_is, updated_at=case.now))


def _follow_disputes(case: Case) -> None:
    for dispute in list(case.disputes.values()):
        thing = case.objects[dispute.connection_id, "dispute", dispute.reference]
        waits = thing.state == "needs_response"
        now_is = replace(
            dispute,
            status=thing.state,
            amount=thing.amount,
            remind_at=dispute.remind_at if waits else None,
        )
        if now_is != dispute:
            case.keep(replace(now_is, updated_at=case.now))


def _result_of(case: Case, operation: OperationRow) -> ProcessorObject | None:
    """The object that shows what became of an operation."""
    if operation.kind == "refund":
        refund = case.refunds.get(operation.id)
        reference = refund.reference if refund is not None else None
        return case.objects.get((operation.connection_id, "refund", reference or ""))
    return case.objects.get((operation.connection_id, "charge", operation.target or ""))


def _credit_order(case: Case, told_refunded: int) -> None:
    """What a payment has brought, and given back, counts for its order once it has succeeded."""
    payment = case.payment
    if case.order is None or payment.status != "succeeded":
        return
    fresh = payment.captured - payment.credited
    if fresh > 0:
        if payment.amount_policy == "open":
            case.order = order_rules.resized(case.order, fresh)
            payment = rules.counted(payment, order_rules.quantity(case.order))
        case.order = order_rules.take(case.order, fresh, case.now)
        case.payment = replace(payment, credited=payment.captured)
    if back := payment.refunded - told_refunded:
        case.order = order_rules.give_back(case.order, back, case.now)
