"""What the engine runs around calls to processors: a wish is submitted, its answer is taken, and
what nobody heard of again is looked up.

Every one is committed before its call, and has a due time: whatever dies in between, a worker
comes by.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

from msgspec import Raw
from msgspec.structs import replace

from tillgate.audit.model import Owned
from tillgate.connectors.protocol import (
    Absent,
    Answered,
    CannotTell,
    Capabilities,
    Change,
    ChangeKind,
    Done,
    Found,
    Looked,
    Operation,
    Pending,
    Rejected,
    Unknown,
)
from tillgate.engine.command import Decision, Need, Outcome, Ref
from tillgate.engine.world import World
from tillgate.kit import ids
from tillgate.kit.money import Money
from tillgate.payments import outstanding, rules
from tillgate.payments.apply import conclude, observe
from tillgate.payments.case import Case, open_case, with_refunds
from tillgate.payments.model import OperationRow, PaymentReference
from tillgate.payments.records import payment_audit

NEVER = Rejected("not_started", "The processor has not heard of this try.")
INCONCLUSIVE = ("processor_unreachable", "unauthorized")
"""Refusals that say nothing of what became of a wish that was sent before."""

UNABLE = Rejected("not_supported", "This connection cannot do that.")


class Submit(Owned, frozen=True):
    """A reserved wish is about to be sent: it gets its request, which is resent verbatim ever
    after, and a lease. Answers the operation to send, or None when it is not to be sent now."""

    payment_id: UUID
    operation_id: UUID
    capabilities: Capabilities
    prepare: Callable[[Change], Raw]
    id: UUID

    def reads(self) -> Iterable[Ref]:
        return with_refunds(self.merchant_id, self.payment_id)

    def decide(self, world: World, now: datetime) -> Decision:
        case = open_case(world, self.owner, self.payment_id, ids.series(self.id), now)
        if case is None or isinstance(case, Need):
            return case or Outcome(None)
        found = case.operations.get(self.operation_id)
        if found is None or found.state != "reserved":
            return Outcome(None)
        if not _able(self.capabilities, found.kind):
            need = _reject(case, found, UNABLE)
            return need or Outcome(None, case.rows())
        sent = replace(
            found,
            state="submitted",
            request=found.request if _rendered(found) else self.prepare(_change(found)),
            submissions=found.submissions + 1,
            due_at=now + outstanding.LEASE,
            updated_at=now,
        )
        case.keep(sent)
        return Outcome(operation_of(sent), case.rows())


def operation_of(row: OperationRow) -> Operation:
    """The stored wish as a connector sends it."""
    kind = cast("ChangeKind", row.kind)
    return Operation(ids.show("op", row.id), row.request, kind, row.target)


def _able(capabilities: Capabilities, kind: str) -> bool:
    able = {
        "start": True,
        "capture": capabilities.manual_capture,
        "void": capabilities.void,
        "refund": capabilities.refunds,
    }
    return able[kind]


def _rendered(row: OperationRow) -> bool:
    """Whether its words are written already: that of a start is, from the beginning."""
    return row.submissions > 0 or row.kind == "start"


def _change(row: OperationRow) -> Change:
    if row.target is None:
        raise ValueError(f"operation {row.id} changes nothing")
    money = Money(row.amount, row.asset)
    return Change(cast("ChangeKind", row.kind), ids.show("op", row.id), row.target, money)


class Settle(Owned, frozen=True):
    """Takes the processor's answer to a wish into the books. Answers the refusal, if it was one.
    `goes_on`: after a refusal another connection is asked at once, so the payment has not failed.
    """

    payment_id: UUID
    operation_id: UUID
    connection_id: UUID
    answered: Answered
    id: UUID
    goes_on: bool = False

    def reads(self) -> Iterable[Ref]:
        yield from with_refunds(self.merchant_id, self.payment_id)
        if isinstance(self.answered, Pending):
            yield _named(self, self.answered)

    def decide(self, world: World, now: datetime) -> Decision:
        case = open_case(world, self.owner, self.payment_id, ids.series(self.id), now)
        if case is None or isinstance(case, Need):
            return case or Outcome(None)
        asked = case.operations.get(self.operation_id)
        if asked is None or asked.state not in outstanding.ASKED:
            return Outcome(None)
        answered = self.answered
        if isinstance(answered, Rejected) and asked.submissions > 1:
            again = answered.code in INCONCLUSIVE
            answered = Unknown(answered.message) if again else answered
        match answered:
            case Pending() as pending:
                need = _under_way(case, asked, pending)
            case Done(observations):
                case.keep(_done(asked, now))
                need = observe(case, self.connection_id, observations)
            case Rejected() as rejected:
                need = _reject(case, asked, rejected, goes_on=self.goes_on)
            case Unknown(reason):
                due = now + outstanding.LOOKS[0]
                need = case.keep(
                    replace(asked, state="unknown", error=reason, due_at=due, updated_at=now)
                )
        refusal = answered if isinstance(answered, Rejected) else None
        return need or Outcome(refusal, case.rows())


class TakeLook(Owned, frozen=True):
    """Takes what a look-up found, and says what comes next: another look, the same wish once more
    (within `resend_window`), or a person."""

    payment_id: UUID
    operation_id: UUID
    connection_id: UUID
    looked: Looked
    resend_window: timedelta | None
    id: UUID

    def reads(self) -> Iterable[Ref]:
        yield from with_refunds(self.merchant_id, self.payment_id)
        if isinstance(self.looked, Found) and self.looked.pending:
            yield _named(self, self.looked.pending)

    def decide(self, world: World, now: datetime) -> Decision:
        following = ids.series(self.id)
        case = open_case(world, self.owner, self.payment_id, following, now)
        if case is None or isinstance(case, Need):
            return case or Outcome(None)
        asked = case.operations.get(self.operation_id)
        if asked is None or asked.due_at is None:
            return Outcome(None)
        before = case.payment
        need = self._take(case, asked)
        if need is not None:
            return need
        left = case.operations[self.operation_id]
        if left is asked or (left.kind != "start" and left.state in outstanding.ASKED):
            attempt = rules.open_try(case.tries)
            waits = attempt is not None and attempt.ordinal == left.ordinal
            case.keep(self._next(left, now, waits=waits))
        if case.payment != before:
            case.more.append(
                payment_audit("payment.look", case.payment, self.owner, following, now)
            )
        return Outcome(None, case.rows())

    def _take(self, case: Case, asked: OperationRow) -> Need | None:
        match self.looked:
            case CannotTell():
                return None
            case Absent():
                lost = asked.kind == "start" and asked.state in outstanding.ASKED
                return _reject(case, asked, NEVER) if lost else None
            case Found(observations, pending):
                if all((s.kind, s.state) == ("charge", "pending") for s in observations):
                    wanted = asked.kind == "start" and asked.state in outstanding.ASKED
                    return _under_way(case, asked, pending) if wanted and pending else None
                return observe(case, self.connection_id, observations)

    def _next(self, asked: OperationRow, now: datetime, *, waits: bool) -> OperationRow:
        """What a look did not settle. A wish that was found to be undone is sent again while the
        processor surely knows it for the same one; after that, only a person can tell. So is a
        start of which the look cannot tell, while its payer `waits`."""
        known = self.resend_window is not None and now - asked.created_at < self.resend_window
        if asked.kind == "start" and waits and known and asked.state in outstanding.ASKED:
            return replace(outstanding.looked_at(asked, now), state="reserved", due_at=now)
        if asked.kind == "start" or isinstance(self.looked, CannotTell) or asked.state == "done":
            return outstanding.looked_at(asked, now)
        if asked.state == "rejected":
            return replace(asked, due_at=None, updated_at=now)
        if known:
            return replace(asked, state="reserved", due_at=now, updated_at=now)
        return replace(asked, state="unknown", due_at=None, updated_at=now)


def _named(command: Settle | TakeLook, said: Pending) -> Ref:
    return Ref(PaymentReference, (command.merchant_id, command.connection_id, said.reference))


def _done(asked: OperationRow, now: datetime) -> OperationRow:
    """Done, as far as its answer goes; what it did not show is looked up."""
    return replace(asked, state="done", due_at=now + outstanding.LOOKS[0], updated_at=now)


def _under_way(case: Case, asked: OperationRow, said: Pending) -> Need | None:
    """The processor waits for the payer: its reference is recorded, a look-up falls due. A try that
    has ended meanwhile is let go there too."""
    now = case.now
    attempt = next(one for one in case.tries if one.ordinal == asked.ordinal)
    is_open = attempt.state == "open"
    due = now + outstanding.LOOKS[0] if is_open else None
    case.keep(replace(asked, state="done", reference=said.reference, due_at=due, updated_at=now))
    case.keep_try(
        replace(
            attempt,
            reference=said.reference,
            redirect_url=said.redirect_url,
            way=said.way,
            updated_at=now,
        )
    )
    key = (case.payment.merchant_id, asked.connection_id, said.reference)
    if case.world.get(PaymentReference, key) is None:
        case.more.append(PaymentReference(*key, case.payment.id))
    if not is_open and attempt.state != "succeeded":
        case.let_go(asked.connection_id, said.reference, asked.ordinal, asked.amount)
    return None


def _reject(
    case: Case, asked: OperationRow, said: Rejected, *, goes_on: bool = False
) -> Need | None:
    """A definitive no ends the operation, and what waited for it. After a refused capture or void
    the processor is looked at once: it knows something that we do not."""
    now = case.now
    looks = asked.kind in outstanding.LETTING_GO and said is not UNABLE
    due = now if looks else None
    case.keep(replace(asked, state="rejected", error=said.code, due_at=due, updated_at=now))
    match asked.kind:
        case "start":
            _fail_try(case, asked, said, goes_on=goes_on)
            case.let_go_unwanted()
        case "capture":
            case.payment = replace(case.payment, to_capture=None)
            case.let_go_unwanted()
        case "void":
            if case.payment.status == "authorized":
                case.payment = replace(case.payment, cancellation_reason=None)
        case _:
            refund = case.refunds[asked.id]
            case.keep(
                replace(
                    refund,
                    status="failed",
                    failure_code=said.code,
                    failure_message=said.message,
                    updated_at=now,
                )
            )
            return conclude(case)
    return None


def _fail_try(case: Case, asked: OperationRow, said: Rejected, *, goes_on: bool) -> None:
    attempt = next(one for one in case.tries if one.ordinal == asked.ordinal)
    if attempt.state != "open":
        return
    failed = {"failure_code": said.code, "failure_message": said.message}
    case.keep_try(replace(attempt, state="failed", **failed, updated_at=case.now))
    if case.payment.status in rules.WAITING and not goes_on:
        case.payment = replace(case.payment, status="failed", **failed)
