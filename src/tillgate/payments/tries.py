"""A try begins: the payer wants to pay, through one connection."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from msgspec import Raw, Struct
from msgspec.structs import replace

from tillgate.audit.model import Owned
from tillgate.engine.command import Decision, Need, Outcome, Ref, Refused
from tillgate.engine.world import World
from tillgate.idempotency.model import UnderWay
from tillgate.kit import ids
from tillgate.orders import rules as order_rules
from tillgate.payments import outstanding, rules
from tillgate.payments.case import Case, open_case, wants
from tillgate.payments.model import OperationRow, Payment, PaymentReference, Try
from tillgate.payments.records import payment_audit


class Started(NamedTuple):
    """A new try is committed; the processor is to be asked."""

    operation_id: UUID


class GoOn(NamedTuple):
    """A try is open, and its payer knows the way: `url`, or what our page shows."""

    url: str | None


class InProgress(NamedTuple):
    """Somebody else has just asked the processor; its answer is on the way."""


class Begin(NamedTuple):
    """The first try of a payment that begins with it: `request` was rendered for `operation_id`,
    to be sent by a worker."""

    operation_id: UUID
    connection_id: UUID
    request: Raw


def first_try(payment: Payment, begin: Begin, now: datetime) -> tuple[Struct, ...]:
    """Its rows, beside those of the payment."""
    place, connection_id = (payment.merchant_id, payment.id), begin.connection_id
    ours = ids.show("op", begin.operation_id)
    return (
        Try(*place, 1, connection_id, "open", None, None, None, None, now, now),
        OperationRow(
            *place, begin.operation_id, 1, connection_id, "start", "reserved",
            payment.amount, payment.asset, begin.request, None, None, 0, now, now, now, None, 0,
        ),
        PaymentReference(payment.merchant_id, connection_id, ours, payment.id),
    )  # fmt: skip


class StartTry(Owned, frozen=True):
    """The payer wants to pay: one more try, unless one is open. An open one through another
    connection is let go, there too.

    `request` was rendered for `operation_id`; both are stored before the processor is asked.
    """

    payment_id: UUID
    operation_id: UUID
    connection_id: UUID
    request: Raw

    def reads(self) -> Iterable[Ref]:
        return wants(self.merchant_id, self.payment_id)

    def decide(self, world: World, now: datetime) -> Decision:
        case = open_case(world, self.owner, self.payment_id, ids.series(self.operation_id), now)
        if isinstance(case, Need):
            return case
        if case is None:
            return Refused("not_found", "There is no such payment.", "payment")
        if not rules.may_try(case.payment, now):
            words = f"A payment that is {case.payment.status} takes no try."
            return Refused("payment_state", words, "payment")
        refused = order_rules.may_pay(case.order) if case.order is not None else None
        if refused is not None:
            return refused
        current = rules.open_try(case.tries)
        if current is not None and current.connection_id == self.connection_id:
            known = current.redirect_url is not None or current.way is not None
            return Outcome(GoOn(current.redirect_url) if known else InProgress())
        case.end_open_try()
        self._begin(case)
        case.let_go_unwanted()  # what of earlier tries failed, and could yet be paid
        return Outcome(Started(self.operation_id), case.rows())

    def _begin(self, case: Case) -> None:
        payment = replace(
            case.payment,
            status="pending",
            failure_code=None,
            failure_message=None,
            to_capture=None,
            connection_id=self.connection_id,
            tries=case.payment.tries + 1,
        )
        case.payment = payment
        place, now = (payment.merchant_id, payment.id), case.now
        lease = now + outstanding.LEASE
        case.keep_try(
            Try(*place, payment.tries, self.connection_id, "open", None, None, None, None, now, now)
        )
        case.keep(
            OperationRow(
                *place, self.operation_id, payment.tries, self.connection_id, "start", "submitted",
                payment.amount, payment.asset, self.request, None, None, 0, lease, now, now, None,
                1,
            )
        )  # fmt: skip
        ours = ids.show("op", self.operation_id)
        case.more.append(
            PaymentReference(payment.merchant_id, self.connection_id, ours, payment.id)
        )
        case.more.append(payment_audit("payment.try", payment, self.owner, case.following, now))


class Confirm(NamedTuple):
    """The merchant's wish for a try: `StartTry`, answered as the API does."""

    wish: StartTry

    @property
    def merchant_id(self) -> UUID:
        return self.wish.merchant_id

    def reads(self) -> Iterable[Ref]:
        return self.wish.reads()

    def decide(self, world: World, now: datetime) -> Decision:
        decided = self.wish.decide(world, now)
        if not isinstance(decided, Outcome):
            return decided
        begun = (self.wish.operation_id,) if isinstance(decided.answer, Started) else ()
        return Outcome(UnderWay(begun), decided.rows)
