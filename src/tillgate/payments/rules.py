"""What a payment may become, and what observations make of it. Pure.

Observations are folded per object at the processor: the highest rank wins, whatever their order.
A payment's totals are sums over its objects, and its status follows the totals.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from tillgate.connectors.protocol import Observation
from tillgate.payments.model import OperationRow, Payment, ProcessorObject, Status, Try

LEAVES: dict[Status, frozenset[Status]] = {
    "pending": frozenset(
        ("processing", "authorized", "succeeded", "failed", "canceled", "expired", "review")
    ),
    "processing": frozenset(("authorized", "succeeded", "failed", "canceled", "expired", "review")),
    "authorized": frozenset(("succeeded", "canceled", "failed", "expired")),
    "succeeded": frozenset(),
    "failed": frozenset(("pending", "succeeded", "review")),
    "canceled": frozenset(("succeeded", "review")),
    "expired": frozenset(("succeeded", "review")),
    "review": frozenset(("succeeded", "failed")),
}
"""The state table. `failed → pending` is a new try; out of `failed`, `canceled` and `expired`
verified money leads, late; out of `review` an operator, or the rest of the money."""

RANKS = {"pending": 0, "processing": 1, "authorized": 2, "canceled": 3, "failed": 4, "captured": 5}
"""An object's states: a higher one is never taken back by a lower one."""

ASKED = ("submitted", "unknown")
"""The states of an operation whose answer is still wanted."""

WAITING: frozenset[Status] = frozenset(("pending", "processing"))
"""A refused try ends these in `failed`; money that another try brought stays where it is."""

LATE: frozenset[Status] = frozenset(("canceled", "expired"))
"""Money that arrives in these comes after its time."""


class Totals(NamedTuple):
    """What the objects of a payment add up to, in minor units of the payment's asset."""

    authorized: int
    captured: int
    foreign: bool  # money of another asset arrived


def fold(
    found: ProcessorObject | None, seen: Observation, fresh: ProcessorObject
) -> ProcessorObject:
    """One object after one more observation; `fresh` is the object when it is new."""
    if found is None:
        return fresh
    if (RANKS[seen.state], seen.amount_minor) <= (RANKS[found.state], found.amount):
        return found
    return replace(
        found,
        state=seen.state,
        amount=seen.amount_minor,
        asset=seen.asset if not found.booked else found.asset,
        failure_code=seen.failure_code,
        failure_message=seen.failure_message,
        updated_at=fresh.updated_at,
    )


def total(payment: Payment, objects: Iterable[ProcessorObject]) -> Totals:
    authorized = captured = 0
    foreign = False
    for thing in objects:
        if thing.state == "captured":
            if thing.asset != payment.asset:
                foreign = foreign or thing.amount > 0
            else:
                captured += thing.amount
        elif thing.state == "authorized" and thing.asset == payment.asset:
            authorized += thing.amount
    return Totals(authorized, captured, foreign)


def follow(
    payment: Payment, totals: Totals, current: Iterable[ProcessorObject]
) -> tuple[Status, str | None]:
    """(status, review reason) that the totals ask for. `current`: the objects of the latest try."""
    if totals.captured >= payment.amount:
        wanted: tuple[Status, str | None] = "succeeded", None
    elif totals.foreign:
        wanted = "review", "asset_mismatch"
    elif totals.captured > 0:
        wanted = "review", "amount_short"
    elif totals.authorized >= payment.amount:
        wanted = "authorized", None
    else:
        wanted = _of_the_try(payment, current), None
    status = as_status(payment.status)
    if wanted[0] == status or wanted[0] in LEAVES[status]:
        return wanted
    return status, payment.review_reason


def _of_the_try(payment: Payment, current: Iterable[ProcessorObject]) -> Status:
    """Without money, what the processor says of the latest try decides. A try that was canceled
    there has failed like any other: the payer may try again."""
    states = {thing.state for thing in current}
    if states & {"processing", "authorized"}:
        return "processing"
    if "failed" in states or "canceled" in states:
        return "failed"
    return as_status(payment.status)


def may_expire(payment: Payment, has_open_operation: bool, now: datetime) -> bool:
    """Only what waits for the payer expires, and never while a wish to the processor is open."""
    return payment.status == "pending" and payment.expires_at <= now and not has_open_operation


def may_try(payment: Payment, now: datetime) -> bool:
    """Whether the payer may (again) be sent to a processor."""
    return payment.status in ("pending", "failed") and payment.expires_at > now


def open_try(tries: Iterable[Try]) -> Try | None:
    """The one try that is still open."""
    return next((one for one in tries if one.state == "open"), None)


def as_status(text: str) -> Status:
    for status in LEAVES:
        if status == text:
            return status
    raise ValueError(f"{text!r} is no status of a payment")


def move(
    payment: Payment, objects: list[ProcessorObject], tries: list[Try], now: datetime
) -> tuple[Payment, list[Try]]:
    """The payment with its totals and the status that follows them, and the tries as they ended."""
    totals = total(payment, objects)
    latest = max((one.ordinal for one in tries), default=0)
    current = [o for o in objects if o.ordinal == latest]
    status, reason = follow(payment, totals, current)
    refusal = _refusal(current)
    succeeded_at = now if status == "succeeded" else None
    moved = replace(
        payment,
        status=status,
        authorized=totals.authorized,
        captured=totals.captured,
        review_reason=reason if status == "review" else None,
        late=payment.late or (status in MONEY_CAME and payment.status in LATE),
        succeeded_at=payment.succeeded_at or succeeded_at,
    )
    if status != "failed":
        moved = replace(moved, failure_code=None, failure_message=None)
    elif refusal is not None:
        moved = replace(
            moved,
            failure_code=refusal.failure_code,
            failure_message=refusal.failure_message,
        )
    ended = [_ended(one, [o for o in objects if o.ordinal == one.ordinal], now) for one in tries]
    return moved, ended


MONEY_CAME = ("succeeded", "review")


def _ended(one: Try, objects: list[ProcessorObject], now: datetime) -> Try:
    """A try after what its own objects say."""
    if any(o.state == "captured" for o in objects):
        if one.state == "succeeded":
            return one
        return replace(
            one, state="succeeded", failure_code=None, failure_message=None, updated_at=now
        )
    refusal = _refusal(objects)
    if refusal is None or (one.state, one.failure_code) == (refusal.state, refusal.failure_code):
        return one
    return replace(
        one,
        state=refusal.state,
        failure_code=refusal.failure_code,
        failure_message=refusal.failure_message,
        updated_at=now,
    )


def _refusal(objects: Iterable[ProcessorObject]) -> ProcessorObject | None:
    """The object that says most clearly that a try came to nothing."""
    refused = [o for o in objects if o.state in {"failed", "canceled"}]
    return max(refused, key=lambda o: (RANKS[o.state], o.reference), default=None)


def settled(operations: list[OperationRow], tries: list[Try], now: datetime) -> list[OperationRow]:
    """The operations of tries that have ended: nobody needs to look at them any more."""
    ended = {one.ordinal for one in tries if one.state != "open"}
    return [
        replace(o, state="done" if o.state in ASKED else o.state, due_at=None, updated_at=now)
        for o in operations
        if o.ordinal in ended and o.due_at is not None
    ]


def told(before: Payment, after: Payment) -> Iterator[str]:
    """The types of the events that the change is worth."""
    if after.status != before.status:
        yield f"payment.{after.status}"
    if after.captured > after.amount and after.captured != before.captured:
        yield "payment.amount_mismatch"
