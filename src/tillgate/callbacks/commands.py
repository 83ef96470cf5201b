"""Applying a verified message: gate, raw copy, objects, bookings and events, all or nothing."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from msgspec import Raw, Struct
from msgspec.structs import replace

from tillgate.audit.model import Owned, Owner
from tillgate.callbacks.model import Callback, SeenCallback
from tillgate.connectors.protocol import Observation
from tillgate.engine.command import Decision, Need, Outcome, Ref
from tillgate.engine.world import World
from tillgate.kit import ids
from tillgate.payments.apply import Applied, apply, wants
from tillgate.payments.model import PaymentReference

RETRIES = tuple(timedelta(seconds=s) for s in (2, 10, 60, 600, 3600))
"""When a message that fits no payment yet is tried again; after the last it is a dead letter."""


class Message(NamedTuple):
    """A genuine message, and what it says."""

    connection_id: UUID
    event_key: str
    observations: tuple[Observation, ...]
    headers: Raw
    raw: bytes


class ApplyCallback(Owned, frozen=True):
    """A message that has just arrived. The answer is its effect, in a word."""

    id: UUID
    message: Message

    def reads(self) -> Iterable[Ref]:
        return _references(self.merchant_id, self.message)

    def decide(self, world: World, now: datetime) -> Decision:
        gate = (self.merchant_id, self.message.connection_id, self.message.event_key)
        payment_id = _named_payment(world, self.merchant_id, self.message)
        seen = self.message.observations
        wanted = wants(self.merchant_id, payment_id, seen) if payment_id is not None else ()
        # The gate is read behind the payment's lock, so that it is not older than what held it.
        if refs := world.missing(*wanted, Ref(SeenCallback, gate)):
            return Need(refs)
        if world.get(SeenCallback, gate) is not None:
            return Outcome("duplicate")
        applied = _apply(world, self.owner, payment_id, self.message, self.id, now)
        if isinstance(applied, Need):
            return applied
        waits = applied.effect == "unmatched"
        row = Callback(
            merchant_id=self.merchant_id,
            id=self.id,
            connection_id=self.message.connection_id,
            event_key=self.message.event_key,
            payment_id=payment_id,
            state="pending" if waits else "processed",
            effect=applied.effect,
            headers=self.message.headers,
            raw=self.message.raw,
            attempts=1,
            due_at=now + RETRIES[0] if waits else None,
            received_at=now,
        )
        return Outcome(applied.effect, (*applied.rows, row, SeenCallback(*gate, self.id)))


class RetryCallback(Owned, frozen=True):
    """A kept message that fitted no payment when it came: it may have overtaken our own answer."""

    callback_id: UUID
    message: Message
    id: UUID

    def reads(self) -> Iterable[Ref]:
        yield Ref(Callback, (self.merchant_id, self.callback_id), lock=True)
        yield from _references(self.merchant_id, self.message)

    def decide(self, world: World, now: datetime) -> Decision:
        row = world.get(Callback, (self.merchant_id, self.callback_id))
        if row is None or row.state != "pending":
            return Outcome("settled")
        payment_id = _named_payment(world, self.merchant_id, self.message)
        seen = self.message.observations
        wanted = wants(self.merchant_id, payment_id, seen) if payment_id is not None else ()
        if refs := world.missing(*wanted):
            return Need(refs)
        applied = _apply(world, self.owner, payment_id, self.message, self.id, now)
        if isinstance(applied, Need):
            return applied
        if applied.effect == "unmatched":
            return Outcome("unmatched", (_put_off(row, now),))
        done = replace(
            row,
            state="processed",
            effect=applied.effect,
            payment_id=payment_id,
            attempts=row.attempts + 1,
            due_at=None,
        )
        return Outcome(applied.effect, (*applied.rows, done))


def _put_off(row: Callback, now: datetime) -> Struct:
    tried = row.attempts + 1
    if tried > len(RETRIES):
        return replace(row, state="failed", attempts=tried, due_at=None)
    return replace(row, attempts=tried, due_at=now + RETRIES[tried - 1])


def _references(merchant_id: UUID, message: Message) -> Iterable[Ref]:
    for seen in message.observations:
        for reference in (seen.ours, seen.reference, seen.parent):
            if reference is not None:
                key = (merchant_id, message.connection_id, reference)
                yield Ref(PaymentReference, key)


def _named_payment(world: World, merchant_id: UUID, message: Message) -> UUID | None:
    """The payment that the message is about: only by a reference that we recorded ourselves."""
    for _, key, _ in _references(merchant_id, message):
        found = world.get(PaymentReference, key)
        if found is not None:
            return found.payment_id
    return None


def _apply(
    world: World,
    owner: Owner,
    payment_id: UUID | None,
    message: Message,
    first: UUID,
    now: datetime,
) -> Applied | Need:
    if not message.observations:
        return Applied("ignored", ())
    if payment_id is None:
        return Applied("unmatched", ())
    return apply(
        world, owner, payment_id, message.connection_id, message.observations,
        ids.series(first), now,
    )  # fmt: skip
