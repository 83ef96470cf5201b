"""What the engine runs on orders for the merchant: create, change what is said, cancel.

What payments do to an order is theirs to run; `rules` says what becomes of it.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from msgspec import UNSET, Raw, UnsetType
from msgspec.structs import replace

from tillgate.audit.model import Owned, line
from tillgate.engine.command import Decision, Need, Outcome, Ref, Refused
from tillgate.engine.world import World
from tillgate.kit import ids
from tillgate.kit.http import Answer
from tillgate.kit.metadata import merged
from tillgate.kit.money import Money
from tillgate.orders import rules
from tillgate.orders.model import Duplicates, Order, ProviderOrder, metadata_of, render
from tillgate.orders.records import order_audit, order_event


class CreateOrder(Owned, frozen=True):
    """`id` is minted on arrival and names the order. `money`: the sum of its lines."""

    id: UUID
    money: Money
    lines: Raw
    reference: str | None
    description: str | None
    metadata: Raw
    duplicates: Duplicates

    def reads(self) -> Iterable[Ref]:
        return ()

    def decide(self, world: World, now: datetime) -> Decision:  # noqa: ARG002  it reads nothing
        following = ids.series(self.id)
        order = Order(
            merchant_id=self.merchant_id,
            id=self.id,
            amount=self.money.minor,
            asset=self.money.asset,
            status="open",
            paid=0,
            refunded=0,
            lines=self.lines,
            reference=self.reference,
            description=self.description,
            metadata=self.metadata,
            duplicates=self.duplicates,
            version=1,
            created_at=now,
            updated_at=now,
            paid_at=None,
            canceled_at=None,
        )
        rows = (
            order,
            order_event("order.created", order, self.owner, following, now),
            order_audit("order.create", order, self.owner, following, now),
        )
        return Outcome(Answer(201, render(order, livemode=self.owner.livemode)), rows)


class OpenOrder(Owned, frozen=True):
    """A provider's wish for an order: the one that its `external_id` named before, or else that of
    `create`. The answer is the order's row. Refused `order_amount` where that one has another
    amount and can still be paid."""

    create: CreateOrder
    provider_id: UUID
    external_id: str
    named_amount: bool = True

    def reads(self) -> Iterable[Ref]:
        yield Ref(ProviderOrder, (self.merchant_id, self.provider_id, self.external_id))

    def decide(self, world: World, now: datetime) -> Decision:
        gate = self.merchant_id, self.provider_id, self.external_id
        known = world.get(ProviderOrder, gate)
        if known is None:
            made = self.create.decide(world, now)
            if not isinstance(made, Outcome):
                return made
            order = next(row for row in made.rows if isinstance(row, Order))
            return Outcome(order, (*made.rows, ProviderOrder(*gate, order.id)))
        if refs := world.missing(Ref(Order, (self.merchant_id, known.order_id), lock=True)):
            return Need(refs)
        found = world.get(Order, (self.merchant_id, known.order_id))
        if found is None:
            raise LookupError(f"order {known.order_id} went away")
        differs = found.amount != self.create.money.minor and self.named_amount
        if differs and rules.may_pay(found) is None:
            return Refused("order_amount", "The order that exists has another amount.", "amount")
        return Outcome(found)


class UpdateOrder(Owned, frozen=True):
    """Changes what an order says of itself; what is UNSET stays, `metadata` is merged. Lines stay
    as they are: payers may be on their way with their amount."""

    id: UUID
    order_id: UUID
    reference: str | UnsetType | None
    description: str | UnsetType | None
    metadata: dict[str, str]

    def reads(self) -> Iterable[Ref]:
        return (Ref(Order, (self.merchant_id, self.order_id), lock=True),)

    def decide(self, world: World, now: datetime) -> Decision:
        order = world.get(Order, (self.merchant_id, self.order_id))
        if order is None:
            return NOT_FOUND
        metadata = merged(order.metadata, self.metadata)
        if isinstance(metadata, Refused):
            return metadata
        after = replace(
            order,
            reference=order.reference if self.reference is UNSET else self.reference,
            description=order.description if self.description is UNSET else self.description,
            metadata=metadata,
        )
        before_said, said = _said(order), _said(after)
        changed = [name for name in said if said[name] != before_said[name]]
        if not changed:
            return Outcome(Answer(200, render(order, livemode=self.owner.livemode)))
        after = replace(after, version=order.version + 1, updated_at=now)
        following = ids.series(self.id)
        written = line(
            self.owner, "order.update", order.id, following, now,
            before={name: before_said[name] for name in changed},
            after={name: said[name] for name in changed},
        )  # fmt: skip
        rows = (after, order_event("order.updated", after, self.owner, following, now), written)
        return Outcome(Answer(200, render(after, livemode=self.owner.livemode)), rows)


class CancelOrder(Owned, frozen=True):
    """Nothing more is to be paid for this order. Money that comes all the same waits in review."""

    id: UUID
    order_id: UUID

    def reads(self) -> Iterable[Ref]:
        return (Ref(Order, (self.merchant_id, self.order_id), lock=True),)

    def decide(self, world: World, now: datetime) -> Decision:
        order = world.get(Order, (self.merchant_id, self.order_id))
        if order is None:
            return NOT_FOUND
        refused = rules.may_cancel(order)
        if refused is not None:
            return refused
        following = ids.series(self.id)
        canceled = rules.cancel(order, now)
        rows = (
            canceled,
            *(
                order_event(kind, canceled, self.owner, following, now)
                for kind in rules.told(order, canceled)
            ),
            order_audit("order.cancel", canceled, self.owner, following, now),
        )
        return Outcome(Answer(200, render(canceled, livemode=self.owner.livemode)), rows)


NOT_FOUND = Refused("not_found", "There is no such order.", "order")


def _said(order: Order) -> dict[str, object]:
    """What an order says of itself, as the audit keeps it."""
    return {
        "reference": order.reference,
        "description": order.description,
        "metadata": metadata_of(order),
    }
