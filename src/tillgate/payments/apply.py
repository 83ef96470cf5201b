"""Observations become totals, a status and bookings: the one way by which money enters the books.

Callbacks and look-ups both end here. Pure, on the world of a command that has locked the payment.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tillgate.audit.model import Owner
from tillgate.connectors.protocol import Observation
from tillgate.engine.command import Need, Ref
from tillgate.engine.world import World
from tillgate.kit import ids
from tillgate.kit.money import Money
from tillgate.ledger.model import Account, AccountKey, available, clearing, suspense, wallet
from tillgate.ledger.rules import Book, Fact
from tillgate.payments import rules
from tillgate.payments.model import OperationRow, Payment, ProcessorObject, Try
from tillgate.payments.records import family, payment_event


class Applied(NamedTuple):
    """What observations came to: the rows, and in a word what they did."""

    effect: str
    rows: tuple[Struct, ...]


def wants(merchant_id: UUID, payment_id: UUID) -> tuple[Ref, ...]:
    """What `apply` reads of a payment."""
    return (
        *family(merchant_id, payment_id),
        Ref(ProcessorObject, (merchant_id, payment_id)),
    )


def apply(
    world: World,
    owner: Owner,
    payment_id: UUID,
    connection_id: UUID,
    observations: Iterable[Observation],
    following: Iterator[UUID],
    now: datetime,
) -> Applied | Need:
    """Folds observations into a payment and books what is new. The payment is locked by the caller.

    Any order of the same observations, and any repetition, ends in the same totals and books.
    """
    place = owner.merchant_id, payment_id
    payment = world.get(Payment, place)
    if payment is None:
        return Applied("unmatched", ())
    tries = world.children(Try, place)
    operations = world.children(OperationRow, place)
    objects = {(o.connection_id, o.reference): o for o in world.children(ProcessorObject, place)}
    before = dict(objects)
    for seen in observations:
        spot = connection_id, seen.reference
        fresh = _fresh(payment, connection_id, seen, tries, operations, now)
        objects[spot] = rules.fold(objects.get(spot), seen, fresh)
    if objects == before:
        return Applied("nothing_new", ())
    moved, ended = rules.move(payment, list(objects.values()), tries, now)
    booked = _book(world, moved, objects, following, now)
    if isinstance(booked, Need):
        return booked
    moved, booked_objects, book_rows = booked
    rows: list[Struct] = [o for key, o in booked_objects.items() if o != before.get(key)]
    rows += [one for one in ended if one not in tries]
    rows += rules.settled(operations, ended, now)
    rows += book_rows
    if moved != payment:
        rows.append(replace(moved, version=payment.version + 1, updated_at=now))
    rows += [
        payment_event(kind, moved, owner, following, now) for kind in rules.told(payment, moved)
    ]
    return Applied("applied", tuple(rows))


def _fresh(
    payment: Payment,
    connection_id: UUID,
    seen: Observation,
    tries: list[Try],
    operations: list[OperationRow],
    now: datetime,
) -> ProcessorObject:
    """The object at its first sight, tied to the try that our reference or its own names."""
    ordinal = next(
        (o.ordinal for o in operations if seen.ours == ids.show("op", o.id)),
        next((t.ordinal for t in tries if t.reference == seen.reference), None),
    )
    return ProcessorObject(
        payment.merchant_id, payment.id, connection_id, "charge", seen.reference, ordinal,
        seen.state, seen.amount_minor, seen.asset, 0, None, seen.failure_code,
        seen.failure_message, now, now,
    )  # fmt: skip


Objects = dict[tuple[UUID, str], ProcessorObject]


def _book(
    world: World, payment: Payment, objects: Objects, following: Iterator[UUID], now: datetime
) -> tuple[Payment, Objects, tuple[Struct, ...]] | Need:
    """Books captured minus booked of every object; moves out of suspense what now fits."""
    moves: list[tuple[AccountKey, AccountKey, Money, str, str]] = []
    after = dict(objects)
    for spot, thing in sorted(objects.items()):
        if thing.state != "captured":
            continue
        aim, account = _destination(payment, thing)
        if thing.booked_to == "suspense" and aim != "suspense":
            parked = suspense(payment.merchant_id, thing.asset)
            held = Money(thing.booked, thing.asset)
            moves.append((parked, account, held, "review_resolved", thing.reference))
        if thing.amount > thing.booked:
            source = clearing(
                payment.merchant_id, ids.show("con", thing.connection_id), thing.asset
            )
            fresh = Money(thing.amount - thing.booked, thing.asset)
            code = "payment_in_review" if aim == "suspense" else "payment_captured"
            moves.append((source, account, fresh, code, thing.reference))
        after[spot] = replace(thing, booked=thing.amount, booked_to=aim if thing.amount else None)
    if not moves:
        return payment, after, ()
    keys = {key for debit, credit, *_ in moves for key in (debit, credit)}
    if refs := world.missing(*(Ref(Account, tuple(key), lock=True) for key in sorted(keys))):
        return Need(refs)
    book = Book(following, now)
    for key in sorted(keys):
        book.take(key, world.get(Account, tuple(key)))
    bookings = payment.bookings
    for debit, credit, money, code, reference in moves:
        bookings += 1
        cause = f"{ids.show('pay', payment.id)}:booking:{bookings}"
        book.post(debit, credit, money, Fact(code, cause, reference))
    return replace(payment, bookings=bookings), after, book.rows()


def _destination(payment: Payment, thing: ProcessorObject) -> tuple[str, AccountKey]:
    """Where an object's money belongs as the payment stands now."""
    if payment.status == "review" or thing.asset != payment.asset:
        return "suspense", suspense(payment.merchant_id, thing.asset)
    if payment.wallet_user is not None:
        return "wallet", wallet(payment.merchant_id, payment.wallet_user, payment.asset)
    return "merchant", available(payment.merchant_id, payment.asset)
