"""A payment with all that hangs on it, as one decision changes it. Pure.

A command opens the case from the world that the engine has loaded, changes it, and answers with
the rows that have become different.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Raw, Struct
from msgspec.structs import replace

from tillgate.audit.model import Owner
from tillgate.connectors.protocol import ChangeKind, Kind
from tillgate.engine.command import Need, Ref
from tillgate.engine.world import World
from tillgate.events.model import event
from tillgate.kit.http import encode
from tillgate.kit.money import Money
from tillgate.ledger.model import Account, AccountKey, Hold
from tillgate.ledger.rules import Book
from tillgate.orders.model import Order
from tillgate.orders.records import order_event
from tillgate.orders.rules import told as order_told
from tillgate.payments.model import (
    Dispute,
    OperationRow,
    Payment,
    ProcessorObject,
    Refund,
    Try,
)
from tillgate.payments.outstanding import being_let_go, settled, to_let_go
from tillgate.payments.records import family, payment_event
from tillgate.payments.rules import open_try, told
from tillgate.payments.shapes import show_dispute, show_refund

SOON = timedelta(seconds=5)
"""When a worker takes up a wish that its own request should have submitted at once."""

EMPTY = Raw(b"{}")

Spot = tuple[UUID, str, str]
"""What names an object at a processor: connection, kind, reference."""


def wants(merchant_id: UUID, payment_id: UUID) -> tuple[Ref, ...]:
    """What a case is opened from, at least."""
    return (
        *family(merchant_id, payment_id),
        Ref(ProcessorObject, (merchant_id, payment_id)),
    )


def with_refunds(merchant_id: UUID, payment_id: UUID) -> tuple[Ref, ...]:
    """The same, where refunds or disputes are surely looked at."""
    place = merchant_id, payment_id
    return (*wants(merchant_id, payment_id), Ref(Refund, place), Ref(Dispute, place))


class Case:
    """`payment` and the rows around it are as the decision has made them so far."""

    def __init__(
        self,
        world: World,
        owner: Owner,
        payment: Payment,
        order: Order | None,
        following: Iterator[UUID],
        now: datetime,
    ) -> None:
        place = payment.merchant_id, payment.id
        self.world = world
        self.owner = owner
        self.following = following
        self.now = now
        self.payment = self._payment = payment
        self.order = self._order = order
        self.tries = world.children(Try, place)
        self.operations = {o.id: o for o in world.children(OperationRow, place)}
        self.objects: dict[Spot, ProcessorObject] = {
            (o.connection_id, o.kind, o.reference): o
            for o in world.children(ProcessorObject, place)
        }
        self.refunds: dict[UUID, Refund] = {}
        self.disputes: dict[UUID, Dispute] = {}
        self.book = Book(following, now)
        self.holds: dict[UUID, Hold] = {}
        self.more: list[Struct] = []
        self.at_once = False  # whether the wishes are submitted by the request that makes them
        self._before: list[Struct] = [*self.tries, *self.operations.values()]
        self._before += self.objects.values()

    # ---- loading --------------------------------------------------------------------------------

    def load_refunds(self) -> Need | None:
        """Takes in refunds and disputes, unless they are in."""
        place = self.payment.merchant_id, self.payment.id
        if refs := self.world.missing(Ref(Refund, place), Ref(Dispute, place)):
            return Need(refs)
        if not self.refunds and not self.disputes:
            self.refunds = {r.id: r for r in self.world.children(Refund, place)}
            self.disputes = {d.id: d for d in self.world.children(Dispute, place)}
            self._before += [*self.refunds.values(), *self.disputes.values()]
        return None

    def load_hold(self, hold_id: UUID) -> Hold | Need:
        """A refund's hold, locked."""
        if hold_id not in self.holds:
            ref = Ref(Hold, (self.payment.merchant_id, hold_id), lock=True)
            if refs := self.world.missing(ref):
                return Need(refs)
            found = self.world.get(Hold, ref.key)
            if found is None:
                raise LookupError(f"refund without its hold {hold_id}")
            self.holds[hold_id] = found
            self._before.append(found)
        return self.holds[hold_id]

    def load_accounts(self, keys: Iterable[AccountKey]) -> Need | None:
        """Takes accounts into the book, locked."""
        fresh = sorted({key for key in keys if not self.book.knows(key)})
        if refs := self.world.missing(*(Ref(Account, tuple(key), lock=True) for key in fresh)):
            return Need(refs)
        for key in fresh:
            self.book.take(key, self.world.get(Account, tuple(key)))
        return None

    # ---- changing -------------------------------------------------------------------------------

    def keep(self, row: OperationRow | ProcessorObject | Refund | Dispute | Hold) -> None:
        """Puts a row in its place, new or changed."""
        match row:
            case OperationRow():
                self.operations[row.id] = row
            case ProcessorObject():
                self.objects[row.connection_id, row.kind, row.reference] = row
            case Refund():
                self.refunds[row.id] = row
            case Dispute():
                self.disputes[row.id] = row
            case Hold():
                self.holds[row.id] = row

    def keep_try(self, changed: Try) -> None:
        kept = [one for one in self.tries if one.ordinal != changed.ordinal]
        self.tries = sorted([*kept, changed], key=lambda one: one.ordinal)

    def reserve(
        self, kind: ChangeKind, charge: tuple[UUID, str], money: Money, ordinal: int, wish: UUID
    ) -> OperationRow:
        """A wish about a charge (connection, reference), to be submitted after the commit."""
        connection_id, target = charge
        due = self.now + SOON if self.at_once else self.now
        operation = OperationRow(
            self.payment.merchant_id, self.payment.id, wish, ordinal, connection_id, kind,
            "reserved", money.minor, money.asset, EMPTY, None, None, 0, due, self.now, self.now,
            target, 0,
        )  # fmt: skip
        self.keep(operation)
        return operation

    def let_go(self, connection_id: UUID, reference: str, ordinal: int, minor: int) -> None:
        """Reserves the void of a charge that nobody wants any more, unless that is done already, or
        it is just being captured."""
        if (connection_id, reference) not in being_let_go(self.operations.values()):
            money = Money(minor, self.payment.asset)
            charge = connection_id, reference
            self.reserve("void", charge, money, ordinal, next(self.following))

    def let_go_unwanted(self) -> None:
        """The same for all charges that stand authorized for nothing, or can still be paid though
        nobody shall."""
        operations = list(self.operations.values())
        for unwanted in to_let_go(self.payment, self.objects.values(), self.tries, operations):
            self.let_go(*unwanted)

    def end_open_try(self) -> None:
        """Nobody shall pay there any more: the try is canceled, at the processor too."""
        attempt = open_try(self.tries)
        if attempt is None:
            return
        self.keep_try(replace(attempt, state="canceled", updated_at=self.now))
        charges, operations = self.of_kind("charge"), list(self.operations.values())
        for start in settled(operations, self.tries, charges, self.now):
            self.keep(start)
        if attempt.reference is not None:
            place = attempt.connection_id, attempt.reference
            self.let_go(*place, attempt.ordinal, self.payment.amount)

    def of_kind(self, kind: Kind) -> list[ProcessorObject]:
        return [thing for thing in self.objects.values() if thing.kind == kind]

    # ---- answering ------------------------------------------------------------------------------

    @property
    def changed(self) -> bool:
        return bool(self._changed_children()) or self.payment != self._payment

    def rows(self) -> tuple[Struct, ...]:
        """Everything that is different now, with the events that it is worth."""
        if self.payment != self._payment:
            self.payment = replace(
                self.payment, version=self._payment.version + 1, updated_at=self.now
            )
            self.more.append(self.payment)
        events = self._events()
        return (*self._changed_children(), *self.book.rows(), *self.more, *events)

    def _changed_children(self) -> list[Struct]:
        rows: list[Struct] = [
            *self.tries, *self.operations.values(), *self.objects.values(),
            *self.refunds.values(), *self.disputes.values(), *self.holds.values(),
        ]  # fmt: skip
        if self.order is not None and self.order is not self._order:
            rows.append(self.order)
        return [row for row in rows if row not in self._before]

    def _events(self) -> Iterator[Struct]:
        for kind in told(self._payment, self.payment):
            yield payment_event(kind, self.payment, self.owner, self.following, self.now)
        before = {r.id: r for r in self._before if isinstance(r, Refund)}
        for refund in self.refunds.values():
            for kind in told_of_refund(before.get(refund.id), refund):
                yield self._event(kind, refund.id, self._shown(refund))
        known = {d.id: d for d in self._before if isinstance(d, Dispute)}
        for dispute in self.disputes.values():
            for kind in told_of_dispute(known.get(dispute.id), dispute):
                yield self._event(kind, dispute.id, self._shown(dispute))
        if self.order is not None and self._order is not None and self.order is not self._order:
            for kind in order_told(self._order, self.order):
                yield order_event(kind, self.order, self.owner, self.following, self.now)

    def _shown(self, row: Refund | Dispute) -> bytes:
        livemode = self.owner.livemode
        if isinstance(row, Refund):
            return encode(show_refund(row, livemode=livemode))
        return encode(show_dispute(row, livemode=livemode))

    def _event(self, kind: str, object_id: UUID, data: bytes) -> Struct:
        return event(
            kind, self.payment.merchant_id, object_id, data, self.following, self.now,
            self.owner.request_id,
        )  # fmt: skip


def open_case(
    world: World, owner: Owner, payment_id: UUID, following: Iterator[UUID], now: datetime
) -> Case | Need | None:
    """None: there is no such payment. `wants` must be loaded; the order is asked for here."""
    payment = world.get(Payment, (owner.merchant_id, payment_id))
    if payment is None:
        return None
    order = None
    if payment.order_id is not None:
        ref = Ref(Order, (owner.merchant_id, payment.order_id), lock=True)
        if refs := world.missing(ref):
            return Need(refs)
        order = world.get(Order, ref.key)
    case = Case(world, owner, payment, order, following, now)
    place = owner.merchant_id, payment_id
    loaded = not world.missing(Ref(Refund, place), Ref(Dispute, place))
    if loaded or any(thing.kind != "charge" for thing in case.objects.values()):
        need = case.load_refunds()
        if need is not None:
            return need
    return case


def told_of_refund(before: Refund | None, after: Refund) -> Iterator[str]:
    if before is None:
        yield "refund.created"
    if after.status not in ("pending", before.status if before else None):
        yield f"refund.{after.status}"


def told_of_dispute(before: Dispute | None, after: Dispute) -> Iterator[str]:
    if before is None:
        yield "dispute.opened"
    was = before.status if before else "needs_response"
    if after.status == was:
        return
    if after.status == "needs_response":
        yield "dispute.opened"
    elif was == "lost" and after.status == "won":
        yield "dispute.reinstated"
    else:
        yield f"dispute.{after.status}"
