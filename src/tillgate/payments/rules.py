"""What a payment may become, and what observations make of it. Pure.

Observations are folded per object at the processor: the highest rank wins, whatever their order.
A payment's totals are sums over its objects, and its status follows the totals.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from tillgate.connectors.protocol import Observation
from tillgate.kit.canonical import canonical
from tillgate.payments.model import (
    Payment,
    ProcessorObject,
    Status,
    Try,
)

LEAVES: dict[Status, frozenset[Status]] = {
    "pending": frozenset(
        ("processing", "authorized", "succeeded", "failed", "canceled", "expired", "review")
    ),
    "processing": frozenset(("authorized", "succeeded", "failed", "canceled", "expired", "review")),
    "authorized": frozenset(("succeeded", "canceled", "failed", "expired", "review")),
    "succeeded": frozenset(),
    "failed": frozenset(("pending", "authorized", "succeeded", "canceled", "review")),
    "canceled": frozenset(("succeeded", "review")),
    "expired": frozenset(("succeeded", "review")),
    "review": frozenset(("succeeded", "failed")),
}
"""The state table. `failed → pending` is a new try, `failed → authorized` the payer's second card
on the processor's page; out of `failed`, `canceled` and `expired`
verified money leads, late; out of `review` an operator, or the rest of the money."""

RANKS: dict[str, dict[str, int]] = {
    "charge": {
        "pending": 0, "processing": 1, "authorized": 3, "canceled": 4, "failed": 5, "captured": 6,
    },
    "refund": {"pending": 0, "canceled": 1, "succeeded": 2, "failed": 3},
    "dispute": {"needs_response": 0, "under_review": 1, "lost": 2, "won": 3},
}  # fmt: skip
"""By kind, an object's states: a higher one is never taken back by a lower one. Of a dispute the
processor's newest word counts (`revision`), as a lost one can be reinstated."""

PAYABLE_RANK = 2
"""Of a charge that failed and can be paid all the same: whatever comes of it after that counts."""

WAITING: frozenset[Status] = frozenset(("pending", "processing"))
"""A refused try ends these in `failed`; money that another try brought stays where it is."""

LATE: frozenset[Status] = frozenset(("canceled", "expired"))
"""Money that arrives in these comes after its time."""

OVER: frozenset[Status] = frozenset(("succeeded", "failed", "canceled", "expired", "review"))
"""In these nothing more is captured: what is still authorized is let go."""

CLAIMED = ("needs_response", "under_review", "lost")
"""A dispute in these has taken the money away, for now or for good."""


class Totals(NamedTuple):
    """What the objects of a payment add up to, in minor units of the payment's asset. `all_money`
    is what charges brought in any asset."""

    authorized: int
    captured: int
    refunded: int
    disputed: int
    misfit: str | None
    all_money: int


def fold(
    found: ProcessorObject | None, seen: Observation, fresh: ProcessorObject
) -> ProcessorObject:
    """One object after one more observation; `fresh` is the object when it is new. What is booked
    stays in its asset: a word of another one is no word about it. What is canceled after it failed
    keeps why."""
    if found is None:
        return fresh
    contradicts = found.booked > 0 and seen.asset != found.asset
    if contradicts or _weight(fresh) <= _weight(found):
        return found
    if seen.state == "canceled" and seen.failure_code is None:
        why = {"failure_code": found.failure_code, "failure_message": found.failure_message}
    else:
        why = {"failure_code": seen.failure_code, "failure_message": seen.failure_message}
    return replace(
        found,
        state=seen.state,
        amount=seen.amount_minor,
        asset=seen.asset,
        revision=seen.revision,
        payable=seen.payable,
        updated_at=fresh.updated_at,
        **why,
    )


def _weight(thing: ProcessorObject) -> tuple[int, int, int]:
    newest = thing.revision if thing.kind == "dispute" else 0
    rank = PAYABLE_RANK if thing.payable else RANKS[thing.kind][thing.state]
    return newest, rank, thing.amount


def belongs(payment: Payment, charge: ProcessorObject | None) -> bool:
    """Whether a charge can pay the payment: in its asset, and where only its payer says what it is
    for, exactly what was asked."""
    if charge is None:
        return True
    has_paid = charge.booked_to in {"merchant", "wallet"}  # it stays so when it grows
    chosen = payment.amount_policy == "open" and payment.status != "succeeded"
    exact = not charge.nominated or charge.amount == payment.amount or has_paid or chosen
    return charge.asset == payment.asset and exact


def charge_of(thing: ProcessorObject, objects: Iterable[ProcessorObject]) -> ProcessorObject | None:
    """The charge that a refund or dispute is of; of a charge itself."""
    if thing.kind == "charge":
        return thing
    place = thing.connection_id, "charge", thing.parent
    return next((o for o in objects if (o.connection_id, o.kind, o.reference) == place), None)


def total(payment: Payment, objects: Collection[ProcessorObject], tries: Iterable[Try]) -> Totals:
    canceled = given_up(tries)
    sums: Counter[str] = Counter()
    for thing in objects:
        own = thing.asset == payment.asset and belongs(payment, charge_of(thing, objects))
        match thing.kind, thing.state:
            case "charge", "captured":
                kind = "captured" if own else "foreign"
                kind = "nominated" if not own and thing.asset == payment.asset else kind
                sums[kind] += thing.amount
            case "charge", "authorized":
                sums["authorized"] += thing.amount if own and thing.ordinal not in canceled else 0
            case "refund", "succeeded":
                sums["refunded"] += thing.amount if own else 0
            case "dispute", state if state in CLAIMED:
                sums["disputed"] += thing.amount if own else 0
            case _:
                pass
    return Totals(
        sums["authorized"], sums["captured"], sums["refunded"], sums["disputed"],
        _misfit(sums), sums["captured"] + sums["foreign"] + sums["nominated"],
    )  # fmt: skip


def _misfit(sums: Counter[str]) -> str | None:
    """Why money that came does not belong here, if some does not."""
    if sums["foreign"]:
        return "asset_mismatch"
    return "nominated_mismatch" if sums["nominated"] else None


def given_up(tries: Iterable[Try]) -> set[int | None]:
    """The tries that were canceled: what they authorize late, nobody wants."""
    return {one.ordinal for one in tries if one.state == "canceled"}


def asked_for(payment: Payment) -> int:
    """What completes the payment: its amount, or the part that the merchant chose to capture."""
    return min(payment.to_capture or payment.amount, payment.amount)


def follow(
    payment: Payment, totals: Totals, current: Iterable[ProcessorObject], misfit: str | None
) -> tuple[Status, str | None]:
    """(status, review reason) that the totals ask for. `current`: the objects of the latest try;
    `misfit`: why the payment's order does not want the money."""
    if payment.status == "succeeded":
        return "succeeded", None
    status, reason = _wanted(payment, totals, current, misfit)
    now = as_status(payment.status)
    if status == now or status in LEAVES[now]:
        return status, reason
    return now, payment.review_reason


def _wanted(
    payment: Payment, totals: Totals, current: Iterable[ProcessorObject], misfit: str | None
) -> tuple[Status, str | None]:
    if payment.resolution == "refused":
        return "failed", None
    if payment.resolution == "accepted":
        return "succeeded", None
    if totals.captured >= asked_for(payment):
        return ("review", misfit) if misfit else ("succeeded", None)
    if totals.captured > 0 and payment.amount_policy == "accept":
        return ("review", misfit) if misfit else ("succeeded", None)
    if totals.misfit:
        return "review", totals.misfit
    if totals.captured > 0:
        return "review", "amount_short"
    if totals.authorized > 0 and payment.capture_method == "manual":
        return "authorized", None
    return _of_the_try(payment, current), None


def _of_the_try(payment: Payment, current: Iterable[ProcessorObject]) -> Status:
    """Without money, what the processor says of the latest try decides. A try that was canceled
    there has failed like any other, unless the merchant wanted so: the payer may try again."""
    ended: Status = "canceled" if payment.cancellation_reason else "failed"
    if payment.status == "authorized":
        return ended  # nothing of it is left
    states = {thing.state for thing in current}
    if states & {"processing", "authorized"}:
        return "processing"
    if "failed" in states or "canceled" in states:
        return ended
    return as_status(payment.status)


def may_expire(payment: Payment, has_open_operation: bool, now: datetime) -> bool:
    """Only what waits for the payer expires, and never while a wish to the processor is open."""
    return payment.status == "pending" and payment.expires_at <= now and not has_open_operation


def may_try(payment: Payment, now: datetime) -> bool:
    """Whether the payer may (again) be sent to a processor."""
    return (
        payment.status in ("pending", "failed")
        and payment.expires_at > now
        and payment.resolution is None
    )


def open_try(tries: Iterable[Try]) -> Try | None:
    """The one try that is still open."""
    return next((one for one in tries if one.state == "open"), None)


def as_status(text: str) -> Status:
    for status in LEAVES:
        if status == text:
            return status
    raise ValueError(f"{text!r} is no status of a payment")


def move(
    payment: Payment,
    objects: list[ProcessorObject],
    tries: list[Try],
    misfit: str | None,
    now: datetime,
) -> tuple[Payment, list[Try]]:
    """The payment with its totals and the status that follows them, and the tries as they ended."""
    latest = max((one.ordinal for one in tries), default=0)
    charges = [o for o in objects if o.kind == "charge"]
    ended = [_ended(one, [o for o in charges if o.ordinal == one.ordinal], now) for one in tries]
    totals = total(payment, objects, ended)
    if payment.amount_policy == "open" and totals.captured and payment.status != "succeeded":
        payment = replace(payment, amount=totals.captured)
    current = [o for o in charges if o.ordinal == latest]
    status, reason = follow(payment, totals, current, misfit)
    succeeded_at = now if status == "succeeded" else None
    moved = replace(
        payment,
        status=status,
        authorized=totals.authorized,
        captured=totals.captured,
        refunded=totals.refunded,
        disputed=totals.disputed,
        review_reason=reason if status == "review" else None,
        late=payment.late or (status in MONEY_CAME and payment.status in LATE),
        succeeded_at=payment.succeeded_at or succeeded_at,
    )
    refusal = _refusal(current)
    if status != "failed":
        moved = replace(moved, failure_code=None, failure_message=None)
    elif payment.resolution is None and refusal is not None:
        moved = replace(
            moved,
            failure_code=refusal.failure_code,
            failure_message=refusal.failure_message,
        )
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
    if (one.state, refusal.state) == ("failed", "canceled"):
        return one  # what failed was let go; it has failed for the same reason as before
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
    return max(refused, key=lambda o: (RANKS["charge"][o.state], o.reference), default=None)


def counted(payment: Payment, quantity: int) -> Payment:
    """The payment, whose metadata tell of a `quantity`, telling of this one."""
    told = _metadata.decode(payment.metadata)
    if told.get("quantity", str(quantity)) == str(quantity):
        return payment
    return replace(payment, metadata=Raw(canonical(told | {"quantity": str(quantity)})))


_metadata = msgspec.json.Decoder(dict[str, str])


def told(before: Payment, after: Payment) -> Iterator[str]:
    """The types of the events that the change is worth."""
    if after.status != before.status:
        yield f"payment.{after.status}"
    short = after.status == "succeeded" and 0 < after.captured < asked_for(after)
    if (after.captured > after.amount or short) and after.captured != before.captured:
        yield "payment.amount_mismatch"
    if after.refunded != before.refunded:
        yield "payment.refunded"
