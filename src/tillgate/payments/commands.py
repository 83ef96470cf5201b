"""What the engine runs on payments: create, start a try, take the processor's answer, expire.

Observations are taken by `apply`, in the file of that name.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from msgspec import Raw, Struct
from msgspec.structs import replace

from tillgate.audit.model import Owned, Owner
from tillgate.connectors.protocol import (
    Absent,
    Answered,
    CannotTell,
    Found,
    Looked,
    Pending,
    Rejected,
    Unknown,
)
from tillgate.engine.command import Decision, Need, Outcome, Ref, Refused
from tillgate.engine.world import World
from tillgate.events.model import event
from tillgate.kit import ids
from tillgate.kit.http import Answer
from tillgate.kit.money import Money
from tillgate.payments import rules
from tillgate.payments.apply import apply, wants
from tillgate.payments.model import (
    Links,
    OperationRow,
    Payment,
    PaymentReference,
    Try,
    answer_text,
    render,
)
from tillgate.payments.records import family, payment_audit, payment_event

LEASE = timedelta(seconds=30)
"""How long a start may take before a worker looks what became of it."""

LOOKS = tuple(timedelta(seconds=s) for s in (60, 300, 3600)) + (timedelta(days=1),) * 7
"""When a worker looks at a try whose outcome did not come by itself."""


class CreatePayment(Owned, frozen=True):
    """`id` is minted on arrival and names the payment; the ids of its other rows follow it."""

    id: UUID
    money: Money
    capture_method: str
    connection_id: UUID
    description: str | None
    metadata: Raw
    wallet_user: str | None
    success_url: str | None
    cancel_url: str | None
    expires_in: timedelta
    links: Links

    def reads(self) -> Iterable[Ref]:
        return ()

    def decide(self, world: World, now: datetime) -> Decision:  # noqa: ARG002  it reads nothing
        following = ids.series(self.id)
        payment = Payment(
            merchant_id=self.merchant_id,
            id=self.id,
            amount=self.money.minor,
            asset=self.money.asset,
            status="pending",
            capture_method=self.capture_method,
            authorized=0,
            captured=0,
            refunded=0,
            disputed=0,
            late=False,
            review_reason=None,
            failure_code=None,
            failure_message=None,
            description=self.description,
            metadata=self.metadata,
            connection_id=self.connection_id,
            wallet_user=self.wallet_user,
            success_url=self.success_url,
            cancel_url=self.cancel_url,
            tries=0,
            bookings=0,
            version=1,
            created_at=now,
            updated_at=now,
            expires_at=now + self.expires_in,
            succeeded_at=None,
        )
        shown = render(payment, livemode=self.owner.livemode)
        return Outcome(
            Answer(201, answer_text(payment, shown, self.links)),
            (
                payment,
                event(
                    "payment.created",
                    payment.merchant_id,
                    payment.id,
                    shown,
                    following,
                    now,
                    self.owner.request_id,
                ),
                payment_audit("payment.create", payment, self.owner, following, now),
            ),
        )


class Started(NamedTuple):
    """A new try is committed; the processor is to be asked."""

    operation_id: UUID


class Redirect(NamedTuple):
    """The payer is already on the way; the try goes on there."""

    url: str


class InProgress(NamedTuple):
    """Somebody else has just asked the processor; its answer is on the way."""


class StartTry(Owned, frozen=True):
    """The payer wants to pay: one more try, unless one is open.

    `request` was rendered for `operation_id`; both are stored before the processor is asked.
    """

    payment_id: UUID
    operation_id: UUID
    connection_id: UUID
    request: Raw

    def reads(self) -> Iterable[Ref]:
        return family(self.merchant_id, self.payment_id)

    def decide(self, world: World, now: datetime) -> Decision:
        payment = world.get(Payment, (self.merchant_id, self.payment_id))
        if payment is None:
            return Refused("not_found", "There is no such payment.")
        current = rules.open_try(world.children(Try, (payment.merchant_id, payment.id)))
        if not rules.may_try(payment, now):
            return Refused("payment_state", f"A payment that is {payment.status} takes no try.")
        if current is not None:
            if current.redirect_url is not None:
                return Outcome(Redirect(current.redirect_url))
            return Outcome(InProgress())
        return Outcome(Started(self.operation_id), self._rows(payment, now))

    def _rows(self, payment: Payment, now: datetime) -> tuple[Struct, ...]:
        following = ids.series(self.operation_id)
        moved = replace(
            payment,
            status="pending",
            failure_code=None,
            failure_message=None,
            tries=payment.tries + 1,
            version=payment.version + 1,
            updated_at=now,
        )
        place = payment.merchant_id, payment.id
        attempt = Try(
            *place, moved.tries, self.connection_id, "open", None, None, None, None, now, now
        )
        operation = OperationRow(
            *place, self.operation_id, moved.tries, self.connection_id, "start", "submitted",
            payment.amount, payment.asset, self.request, None, None, 0, now + LEASE, now, now,
        )  # fmt: skip
        ours = ids.show("op", self.operation_id)
        reference = PaymentReference(payment.merchant_id, self.connection_id, ours, payment.id)
        rows: tuple[Struct, ...] = (
            moved,
            attempt,
            operation,
            reference,
            payment_audit("payment.try", moved, self.owner, following, now),
        )
        if payment.status != "pending":
            rows += (payment_event("payment.pending", moved, self.owner, following, now),)
        return rows


class SettleStart(Owned, frozen=True):
    """Takes the processor's answer to a start into the books of the try."""

    payment_id: UUID
    operation_id: UUID
    connection_id: UUID
    answered: Answered
    id: UUID

    def reads(self) -> Iterable[Ref]:
        yield from family(self.merchant_id, self.payment_id)
        if isinstance(self.answered, Pending):
            key = (self.merchant_id, self.connection_id, self.answered.reference)
            yield Ref(PaymentReference, key)

    def decide(self, world: World, now: datetime) -> Decision:
        asked = _asked(world, self.merchant_id, self.payment_id, self.operation_id)
        if asked is None or asked.operation.state not in rules.ASKED:
            return Outcome(None)
        match self.answered:
            case Pending() as pending:
                rows = _under_way(world, asked, pending, now)
            case Rejected() as rejected:
                rows = _rejected(asked, rejected, self.owner, self.id, now)
            case Unknown(reason):
                rows = (replace(asked.operation, state="unknown", error=reason, updated_at=now),)
        return Outcome(None, rows)


class TakeLook(Owned, frozen=True):
    """Takes what a look-up found, and says when to look again."""

    payment_id: UUID
    operation_id: UUID
    connection_id: UUID
    looked: Looked
    id: UUID

    def reads(self) -> Iterable[Ref]:
        yield from wants(self.merchant_id, self.payment_id)
        if isinstance(self.looked, Found) and self.looked.pending:
            key = (self.merchant_id, self.connection_id, self.looked.pending.reference)
            yield Ref(PaymentReference, key)

    def decide(self, world: World, now: datetime) -> Decision:
        asked = _asked(world, self.merchant_id, self.payment_id, self.operation_id)
        if asked is None or asked.operation.due_at is None:
            return Outcome(None)
        rows = self._rows(world, asked, now)
        if isinstance(rows, Need):
            return rows
        if not any(isinstance(row, OperationRow) for row in rows):
            rows += (_looked_at(asked.operation, now),)
        moved = [row for row in rows if isinstance(row, Payment)]
        following = ids.series(self.id)
        rows += tuple(
            payment_audit("payment.look", one, self.owner, following, now) for one in moved
        )
        return Outcome(None, rows)

    def _rows(self, world: World, asked: "Asked", now: datetime) -> tuple[Struct, ...] | Need:
        open_still = asked.operation.state in rules.ASKED
        match self.looked:
            case CannotTell():
                return ()
            case Absent():
                never = Rejected("not_started", "The processor has not heard of this try.")
                return _rejected(asked, never, self.owner, self.id, now) if open_still else ()
            case Found(observations, pending):
                if all(seen.state == "pending" for seen in observations):
                    return _under_way(world, asked, pending, now) if open_still and pending else ()
                applied = apply(
                    world, self.owner, self.payment_id, self.connection_id, observations,
                    ids.series(self.id), now,
                )  # fmt: skip
                return applied if isinstance(applied, Need) else applied.rows


class Asked(NamedTuple):
    """A wish to a processor, with what it belongs to."""

    payment: Payment
    attempt: Try
    operation: OperationRow


def _asked(world: World, merchant_id: UUID, payment_id: UUID, operation_id: UUID) -> Asked | None:
    place = merchant_id, payment_id
    payment = world.get(Payment, place)
    operations = world.children(OperationRow, place)
    operation = next((o for o in operations if o.id == operation_id), None)
    if payment is None or operation is None:
        return None
    attempt = next(t for t in world.children(Try, place) if t.ordinal == operation.ordinal)
    return Asked(payment, attempt, operation)


def _under_way(world: World, asked: Asked, said: Pending, now: datetime) -> tuple[Struct, ...]:
    """The processor waits for the payer: its reference is recorded, a look-up falls due."""
    payment, attempt, operation = asked
    due = now + LOOKS[0] if attempt.state == "open" else None
    rows: tuple[Struct, ...] = (
        replace(operation, state="done", reference=said.reference, due_at=due, updated_at=now),
        replace(attempt, reference=said.reference, redirect_url=said.redirect_url, updated_at=now),
    )
    key = (payment.merchant_id, operation.connection_id, said.reference)
    if world.get(PaymentReference, key) is None:
        rows += (PaymentReference(*key, payment.id),)
    return rows


def _rejected(
    asked: Asked, said: Rejected, owner: Owner, first: UUID, now: datetime
) -> tuple[Struct, ...]:
    """A definitive no ends the operation and its try; another try is a new operation."""
    payment, attempt, operation = asked
    code, message = said
    done = replace(operation, state="rejected", error=code, due_at=None, updated_at=now)
    if attempt.state != "open":
        return (done,)
    ended = replace(
        attempt, state="failed", failure_code=code, failure_message=message, updated_at=now
    )
    if payment.status not in rules.WAITING:
        return done, ended
    failed = replace(
        payment,
        status="failed",
        failure_code=code,
        failure_message=message,
        version=payment.version + 1,
        updated_at=now,
    )
    return (
        done,
        ended,
        failed,
        payment_event("payment.failed", failed, owner, ids.series(first), now),
    )


def _looked_at(operation: OperationRow, now: datetime) -> OperationRow:
    """Looked at once more, without news: the next look is farther away, until there is none."""
    looks = operation.looks + 1
    due = now + LOOKS[looks] if looks < len(LOOKS) else None
    return replace(operation, looks=looks, due_at=due, updated_at=now)


class ExpirePayment(Owned, frozen=True):
    """Ends a payment that nobody paid in time."""

    payment_id: UUID
    id: UUID

    def reads(self) -> Iterable[Ref]:
        return family(self.merchant_id, self.payment_id)

    def decide(self, world: World, now: datetime) -> Decision:
        place = self.merchant_id, self.payment_id
        payment = world.get(Payment, place)
        operations = world.children(OperationRow, place)
        asked = any(operation.state in rules.ASKED for operation in operations)
        if payment is None or not rules.may_expire(payment, asked, now):
            return Outcome(None)
        following = ids.series(self.id)
        expired = replace(payment, status="expired", version=payment.version + 1, updated_at=now)
        rows: tuple[Struct, ...] = (
            expired,
            payment_event("payment.expired", expired, self.owner, following, now),
            payment_audit("payment.expire", expired, self.owner, following, now),
        )
        attempt = rules.open_try(world.children(Try, place))
        if attempt is not None:
            rows += (replace(attempt, state="canceled", updated_at=now),)
        return Outcome(None, rows)
