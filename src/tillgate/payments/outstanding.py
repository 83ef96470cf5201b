"""What is still asked of processors, and what may be asked about their objects. Pure.

The states of operations, and the charges that can be captured, let go or given back.
"""

from collections.abc import Collection, Iterable, Iterator, Set
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from msgspec.structs import replace

from tillgate.payments.model import OperationRow, Payment, ProcessorObject, Refund, Try
from tillgate.payments.rules import CLAIMED, OVER, given_up

ASKED = ("reserved", "submitted", "unknown")
"""The states of an operation whose answer is still wanted."""

LEASE = timedelta(seconds=30)
"""How long a submitted wish may take before a worker looks what became of it."""

LOOKS = tuple(timedelta(seconds=s) for s in (60, 300, 3600)) + (timedelta(days=1),) * 7
"""When a worker looks at a wish whose outcome did not come by itself."""

ANSWERS: dict[str, dict[str, str]] = {
    "capture": {"captured": "done", "canceled": "rejected", "failed": "rejected"},
    "void": {"canceled": "done", "failed": "done", "captured": "rejected"},
    "refund": {"pending": "done", "succeeded": "done", "failed": "done", "canceled": "done"},
}
"""By kind of operation, what the state of its object says became of it."""


def settled(
    operations: Iterable[OperationRow],
    tries: Iterable[Try],
    objects: Iterable[ProcessorObject],
    now: datetime,
) -> list[OperationRow]:
    """The starts of tries that have ended: nobody needs to look at them any more; but at one that
    was canceled here before the processor answered, to let it go there too."""
    over = {o.ordinal for o in objects if o.state in {"captured", "failed", "canceled"}}
    ended = {one.ordinal: one.state for one in tries if one.state != "open"}
    return [
        replace(o, state="done" if o.state in ASKED else o.state, due_at=None, updated_at=now)
        for o in operations
        if o.kind == "start"
        and o.ordinal in ended
        and o.due_at is not None
        and (o.state not in ASKED or o.ordinal in over or ended[o.ordinal] != "canceled")
    ]


def answered(
    operation: OperationRow, result: ProcessorObject | None, now: datetime
) -> OperationRow:
    """An operation after what its object shows. A refund that takes its time is looked at again."""
    if result is None or operation.kind == "start" or operation.due_at is None:
        return operation
    if result.payable:
        return operation  # it has not been let go yet
    state = ANSWERS[operation.kind].get(result.state)
    if state is None:
        return operation
    if operation.kind == "refund" and result.state == "pending":
        if operation.state == "done":
            return operation
        return replace(operation, state="done", due_at=now + LOOKS[0], updated_at=now)
    kept = operation.state if operation.state == "rejected" else state
    return replace(operation, state=kept, due_at=None, updated_at=now)


def looked_at(operation: OperationRow, now: datetime) -> OperationRow:
    """Looked at once more, without news: the next look is farther away, until there is none."""
    looks = operation.looks + 1
    due = now + LOOKS[looks] if looks < len(LOOKS) else None
    return replace(operation, looks=looks, due_at=due, updated_at=now)


def under_way(operations: Iterable[OperationRow], charge: ProcessorObject | None) -> str | None:
    """What the processor is just being asked for that keeps the charge from other changes."""
    spot = (charge.connection_id, charge.reference) if charge is not None else None
    live = (o for o in operations if o.kind in LETTING_GO and o.state in ASKED)
    return next((o.kind for o in live if (o.connection_id, o.target) == spot), None)


class Unwanted(NamedTuple):
    """What is to be let go at its processor: by this name, so much of this try."""

    connection_id: UUID
    reference: str
    ordinal: int
    minor: int


def to_let_go(
    payment: Payment,
    objects: Collection[ProcessorObject],
    tries: list[Try],
    operations: Collection[OperationRow],
) -> list[Unwanted]:
    """The charges that nobody wants any more, but for those that are being captured or voided."""
    touched = being_let_go(operations)
    charges = [
        Unwanted(o.connection_id, o.reference, o.ordinal or 0, o.amount)
        for o in _idle(payment, objects, tries, touched)
    ]
    charges += _payable(payment, objects, tries)
    return [one for one in charges if one[:2] not in touched]


Touched = Set[tuple[UUID, str | None]]
"""Charges by connection and reference."""


def being_let_go(operations: Iterable[OperationRow]) -> Touched:
    """The charges that are being captured or voided, or were."""
    return {
        (o.connection_id, o.target)
        for o in operations
        if o.kind == "void" or (o.kind == "capture" and o.state != "rejected")
    }


def _idle(
    payment: Payment, objects: Iterable[ProcessorObject], tries: list[Try], touched: Touched
) -> list[ProcessorObject]:
    """What stands authorized for nothing: of a payment that is over, of a try that was given up, or
    beside another one."""
    charges = [o for o in objects if o.kind == "charge" and o.state == "authorized"]
    charges.sort(key=lambda o: (o.ordinal or 0, o.reference))
    wanted = [o for o in charges if payment.status not in OVER and o.ordinal not in given_up(tries)]
    if payment.capture_method == "manual":
        own = [o for o in wanted if o.asset == payment.asset]
        wanted = ([o for o in own if (o.connection_id, o.reference) in touched] or own)[:1]
    return [o for o in charges if o not in wanted]


def _payable(
    payment: Payment, objects: Collection[ProcessorObject], tries: Iterable[Try]
) -> Iterator[Unwanted]:
    """What has failed and can be paid all the same: of an earlier try, or when the payment is over.
    It is let go by the name of its try, where that is not the name of another charge."""
    is_over = payment.status in OVER and payment.status != "failed"
    names = {one.ordinal: one.reference for one in tries}
    charges = {o.reference for o in objects if o.kind == "charge"}
    for charge in sorted(objects, key=lambda o: (o.ordinal or 0, o.reference)):
        number = charge.ordinal or payment.tries
        if charge.payable and (is_over or number < payment.tries):
            name = names.get(number)
            reference = charge.reference if name is None or name in charges else name
            yield Unwanted(charge.connection_id, reference, number, payment.amount)


LETTING_GO = ("capture", "void")


def capturable(
    objects: Iterable[ProcessorObject], tries: list[Try], asset: str
) -> ProcessorObject | None:
    """The charge that a capture takes from."""
    charges = [o for o in objects if o.kind == "charge" and o.state == "authorized"]
    own = [o for o in charges if o.asset == asset and o.ordinal not in given_up(tries)]
    return min(own, key=lambda o: (o.ordinal or 0, o.reference), default=None)


def refundable(
    charge: ProcessorObject, refunds: Iterable[Refund], disputes: Iterable[ProcessorObject]
) -> int:
    """What of a charge can still be given back: captured, less what went or is going back."""
    if charge.kind != "charge" or charge.state != "captured":
        return 0
    place = charge.connection_id, charge.reference
    gone = sum(
        r.amount
        for r in refunds
        if (r.connection_id, r.charge) == place and r.status in ("pending", "succeeded")
    )
    claimed = sum(
        d.amount
        for d in disputes
        if d.kind == "dispute" and (d.connection_id, d.parent) == place and d.state in CLAIMED
    )
    return max(charge.amount - gone - claimed, 0)
