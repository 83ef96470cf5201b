"""Rows that the tests of the core begin with, and what is said to it."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, cast
from uuid import UUID

from msgspec import Raw
from msgspec.structs import replace

from tests.payments.memory import Memory
from tillgate.audit.model import Owner
from tillgate.connectors.protocol import ObjectState, Observation
from tillgate.engine.command import Decision, Need, Outcome, Ref
from tillgate.engine.world import World
from tillgate.kit import ids
from tillgate.orders.model import Order
from tillgate.payments.apply import apply, wants
from tillgate.payments.model import Payment, Try

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MERCHANT, CONNECTION, PAYMENT, ORDER = UUID(int=1), UUID(int=2), UUID(int=3), UUID(int=4)
OWNER = Owner(MERCHANT, False, "con_x")
NOTHING = Raw(b"{}")


def pending(**changes: object) -> Payment:
    payment = Payment(
        merchant_id=MERCHANT, id=PAYMENT, amount=1000, asset="eur", status="pending",
        capture_method="automatic", authorized=0, captured=0, refunded=0, disputed=0, late=False,
        review_reason=None, failure_code=None, failure_message=None, description=None,
        metadata=NOTHING, connection_id=CONNECTION, wallet_user=None, success_url=None,
        cancel_url=None, tries=1, bookings=0, version=1, created_at=NOW, updated_at=NOW,
        expires_at=NOW + timedelta(days=1), succeeded_at=None, order_id=None, to_capture=None,
        cancellation_reason=None, resolution=None, credited=0,
    )  # fmt: skip
    return replace(payment, **changes)


def first_try() -> Try:
    return Try(MERCHANT, PAYMENT, 1, CONNECTION, "open", "ch_1", "http://x/", None, None, NOW, NOW)


def order(**changes: object) -> Order:
    """One that is larger than the payment."""
    row = Order(
        merchant_id=MERCHANT, id=ORDER, amount=5000, asset="eur", status="open", paid=0, refunded=0,
        lines=Raw(b"[]"), reference=None, description=None, metadata=NOTHING, duplicates="review",
        version=1, created_at=NOW, updated_at=NOW, paid_at=None, canceled_at=None,
    )  # fmt: skip
    return replace(row, **changes)


def stored(payment: Payment, *more: Order) -> Memory:
    """A payment with its first try."""
    memory = Memory()
    for row in (payment, first_try(), *more):
        memory.put(row)
    return memory


def charge(
    state: str, amount: int = 1000, asset: str = "eur", reference: str = "ch_1"
) -> Observation:
    failure = "card_declined" if state in {"failed", "canceled"} else None
    return Observation(reference, None, cast("ObjectState", state), amount, asset, failure)


OTHER_AMOUNTS = 1, 999, 1001, 50_000
"""Not what `pending` asks for."""


def nominated(amount: int, asset: str = "eur", reference: str = "ch_9") -> Observation:
    """A charge that only its payer says is for the payment."""
    return replace(charge("captured", amount, asset, reference), nominated=True)


def refund(
    state: str, amount: int = 1000, asset: str = "eur", reference: str = "re_1",
    parent: str = "ch_1", ours: str | None = None,
) -> Observation:  # fmt: skip
    return Observation(
        reference, ours, cast("ObjectState", state), amount, asset, kind="refund", parent=parent
    )


def dispute(
    state: str, amount: int = 1000, asset: str = "eur", reference: str = "dp_1",
    parent: str = "ch_1", revision: int = 0,
) -> Observation:  # fmt: skip
    return Observation(
        reference,
        None,
        cast("ObjectState", state),
        amount,
        asset,
        kind="dispute",
        parent=parent,
        revision=revision,
    )


class Hear(NamedTuple):
    """The processor says something of the payment."""

    first: int
    seen: Iterable[Observation]
    merchant_id: UUID = MERCHANT

    def reads(self) -> Iterable[Ref]:
        return wants(MERCHANT, PAYMENT, self.seen)

    def decide(self, world: World, now: datetime) -> Decision:
        following = ids.series(UUID(int=self.first << 32))
        applied = apply(world, OWNER, PAYMENT, CONNECTION, self.seen, following, now)
        return applied if isinstance(applied, Need) else Outcome(applied.effect, applied.rows)
