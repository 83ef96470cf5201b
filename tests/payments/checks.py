"""The CHECKs that rows of payments are held to, in the words of the SQL and in Python.

`test_states` finds the words in the migrations; `memory` holds every row to the Python.
Below them is what no row can say alone: how a payment moves, and that the books balance.
"""

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from msgspec import Struct

from tillgate.ledger.model import Account, Transfer
from tillgate.orders.model import Order
from tillgate.payments.model import OperationRow, Payment, ProcessorObject, Refund
from tillgate.payments.rules import LEAVES, as_status

if TYPE_CHECKING:
    from tests.payments.memory import Memory

CHECKS: dict[type[Struct], dict[str, Callable[[Any], bool]]] = {
    Payment: {
        "CHECK (authorized >= 0)": lambda p: p.authorized >= 0,
        "CHECK (captured >= 0)": lambda p: p.captured >= 0,
        "CHECK (refunded >= 0)": lambda p: p.refunded >= 0,
        "CHECK (disputed >= 0)": lambda p: p.disputed >= 0,
        "CHECK (to_capture > 0)": lambda p: p.to_capture is None or p.to_capture > 0,
        "CHECK (credited >= 0)": lambda p: p.credited >= 0,
        "payments_money CHECK ( captured = 0 OR status IN ('authorized', 'succeeded', 'review')"
        " OR (status = 'failed' AND resolution = 'refused'))": lambda p: (
            p.captured == 0
            or p.status in ("authorized", "succeeded", "review")
            or (p.status == "failed" and p.resolution == "refused")
        ),
        "CHECK (status <> 'succeeded' OR (captured > 0 AND succeeded_at IS NOT NULL))": lambda p: (
            p.status != "succeeded" or (p.captured > 0 and p.succeeded_at is not None)
        ),
        "CHECK ((status = 'review') = (review_reason IS NOT NULL))": lambda p: (
            (p.status == "review") == (p.review_reason is not None)
        ),
        "payments_credited CHECK (credited = 0 OR"
        " (order_id IS NOT NULL AND status = 'succeeded'))": lambda p: (
            p.credited == 0 or (p.order_id is not None and p.status == "succeeded")
        ),
    },
    OperationRow: {
        "amount bigint NOT NULL CHECK (amount > 0)": lambda o: o.amount > 0,
        "CHECK ((kind = 'start') = (target IS NULL))": lambda o: (
            (o.kind == "start") == (o.target is None)
        ),
        "CHECK (state <> 'reserved' OR due_at IS NOT NULL)": lambda o: (
            o.state != "reserved" or o.due_at is not None
        ),
    },
    ProcessorObject: {
        "amount bigint NOT NULL CHECK (amount >= 0)": lambda o: o.amount >= 0,
        "CHECK (booked >= 0)": lambda o: o.booked >= 0,
        "CHECK ((booked > 0) = (booked_to IS NOT NULL))": lambda o: (
            (o.booked > 0) == (o.booked_to is not None)
        ),
        "CHECK (booked_to IN ('suspense', 'merchant', 'wallet', 'disputed', 'clearing'))": (
            lambda o: (
                o.booked_to in (None, "suspense", "merchant", "wallet", "disputed", "clearing")
            )
        ),
        "CHECK (owed BETWEEN 0 AND booked)": lambda o: 0 <= o.owed <= o.booked,
        "CHECK (NOT payable OR state = 'failed')": lambda o: not o.payable or o.state == "failed",
    },
    Refund: {
        "amount bigint NOT NULL CHECK (amount > 0)": lambda r: r.amount > 0,
        "CHECK (status IN ('pending', 'succeeded', 'failed', 'canceled'))": lambda r: (
            r.status in ("pending", "succeeded", "failed", "canceled")
        ),
        "CHECK (place IN ('suspense', 'merchant', 'wallet'))": lambda r: (
            r.place in ("suspense", "merchant", "wallet")
        ),
    },
    Order: {
        "CHECK (paid >= 0)": lambda o: o.paid >= 0,
        "CHECK (refunded >= 0)": lambda o: o.refunded >= 0,
        "CHECK ((status = 'paid') = (paid_at IS NOT NULL AND canceled_at IS NULL))": lambda o: (
            (o.status == "paid") == (o.paid_at is not None and o.canceled_at is None)
        ),
        "CHECK (paid_at IS NULL OR paid >= amount)": lambda o: (
            o.paid_at is None or o.paid >= o.amount
        ),
        "CHECK ((status = 'canceled') = (canceled_at IS NOT NULL))": lambda o: (
            (o.status == "canceled") == (o.canceled_at is not None)
        ),
        "CHECK (status <> 'partly_paid' OR paid > refunded)": lambda o: (
            o.status != "partly_paid" or o.paid > o.refunded
        ),
        "CHECK (status <> 'open' OR paid <= refunded)": lambda o: (
            o.status != "open" or o.paid <= o.refunded
        ),
    },
    Account: {
        "CHECK (floor IS NULL OR posted - held_out >= floor)": lambda a: (
            a.floor is None or a.posted - a.held_out >= a.floor
        ),
    },
}
"""Row → what its table checks."""


def broken(row: Struct) -> list[str]:
    """The CHECKs that the row would be refused by."""
    return [words for words, holds in CHECKS.get(type(row), {}).items() if not holds(row)]


def may_move(before: Payment, after: Payment, orders: dict[UUID, Order]) -> None:
    """A status is left by the table alone; money that is refused at once was in review in between.
    `orders`, as they were: what one does not want waits for a person."""
    leaves = LEAVES[as_status(before.status)]
    refused = after.resolution == "refused" and "review" in leaves and after.status == "failed"
    assert after.status in {before.status, *leaves} or refused, (before.status, after.status)
    fresh = after.status == "succeeded" != before.status
    if fresh and after.order_id is not None and after.resolution != "accepted":
        assert orders[after.order_id].status in ("open", "partly_paid")


def books_balance(memory: "Memory") -> None:
    """Every account is the fold of its transfers, and no cause is booked twice."""
    transfers = memory.all(Transfer)
    posted: Counter[UUID] = Counter()
    legs: Counter[UUID] = Counter()
    for one in transfers:
        amount = one.amount if one.kind in ("direct", "post") else 0
        posted[one.credit_id] += amount
        posted[one.debit_id] -= amount
        legs.update((one.credit_id, one.debit_id))
    for account in memory.all(Account):
        assert (account.posted, account.version) == (posted[account.id], legs[account.id])
    assert len({one.cause for one in transfers}) == len(transfers)
