"""Applying a verified message: gate, raw copy, objects, bookings and events, all or nothing."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from msgspec import Raw, Struct
from msgspec.structs import replace

from tillgate.audit.model import Owned, Owner
from tillgate.audit.store import HERE, Origin, write_line
from tillgate.callbacks.model import Callback, SeenCallback
from tillgate.callbacks.store import Kept, find, sql
from tillgate.connectors.protocol import Observation
from tillgate.engine.command import Decision, Need, Outcome, Ref
from tillgate.engine.world import World
from tillgate.kit import ids
from tillgate.kit.db import Connection
from tillgate.kit.refusal import Refused
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
        row = _row(self.owner, self.id, self.message, now)
        row = replace(
            row,
            payment_id=payment_id,
            state="pending" if waits else "processed",
            effect=applied.effect,
            attempts=1,
            due_at=now + RETRIES[0] if waits else None,
        )
        return Outcome(applied.effect, (*applied.rows, row, SeenCallback(*gate, self.id)))


class KeepHint(Owned, frozen=True):
    """A message that proves nothing has just arrived: it is kept, and the charge that it names
    falls due to be looked up. It passes no gate."""

    id: UUID
    message: Message
    hint: str

    def reads(self) -> Iterable[Ref]:
        yield Ref(PaymentReference, (self.merchant_id, self.message.connection_id, self.hint))

    def decide(self, world: World, now: datetime) -> Decision:
        [ref] = self.reads()
        found = world.get(PaymentReference, ref.key)
        row = _row(self.owner, self.id, self.message, now)
        payment_id = found.payment_id if found is not None else None
        return Outcome("look", (replace(row, payment_id=payment_id, hint=self.hint),))


class RetryCallback(Owned, frozen=True):
    """A kept message once more: it fitted no payment when it came, as it may have overtaken our
    own answer; or what it hints at was looked up now. `trouble`: in a word, why there is nothing to
    apply yet; `foreign`: what it is where it fits no payment, and never will."""

    callback_id: UUID
    message: Message
    id: UUID
    trouble: str | None = None
    foreign: str | None = None

    def reads(self) -> Iterable[Ref]:
        yield Ref(Callback, (self.merchant_id, self.callback_id), lock=True)
        yield from _references(self.merchant_id, self.message)

    def decide(self, world: World, now: datetime) -> Decision:
        row = world.get(Callback, (self.merchant_id, self.callback_id))
        if row is None or row.state != "pending":
            return Outcome("settled")
        if self.trouble is not None:
            return Outcome(self.trouble, (_put_off(row, self.trouble, now),))
        payment_id = _named_payment(world, self.merchant_id, self.message)
        seen = self.message.observations
        wanted = wants(self.merchant_id, payment_id, seen) if payment_id is not None else ()
        if refs := world.missing(*wanted):
            return Need(refs)
        applied = _apply(world, self.owner, payment_id, self.message, self.id, now)
        if isinstance(applied, Need):
            return applied
        effect = applied.effect
        if effect == "unmatched":
            if self.foreign is None:
                return Outcome(effect, (_put_off(row, effect, now),))
            effect = self.foreign
        done = replace(
            row,
            state="processed",
            effect=effect,
            payment_id=payment_id or row.payment_id,
            attempts=row.attempts + 1,
            due_at=None,
        )
        return Outcome(effect, (*applied.rows, done))


async def replay(
    connection: Connection,
    merchant_id: UUID,
    callback_id: UUID,
    actor: str,
    now: datetime,
    origin: Origin = HERE,
) -> Kept | Refused:
    """Has a kept message tried again, in the caller's transaction: a dead letter, or one that was
    applied already, which then changes nothing. A worker does it, as it does every other retry."""
    before = await connection.fetchrow(sql["before_replay"], merchant_id, callback_id)
    if before is None:
        if await find(connection, merchant_id, callback_id) is None:
            return Refused("not_found", "There is no such callback.", "callback")
        return Refused("callback_state", "This message was refused: nobody vouches for it.")
    row = await connection.fetchrow(sql["replay"], merchant_id, callback_id, now)
    if row is None:
        raise LookupError(f"callback {callback_id} went away under its lock")
    kept = Kept(*row)
    after = {"state": kept.state, "effect": kept.effect, "attempts": kept.attempts}
    await write_line(
        connection, merchant_id, actor, "callback.replay", callback_id, after, now, origin,
        dict(before),
    )  # fmt: skip
    return kept


def _row(owner: Owner, callback_id: UUID, message: Message, now: datetime) -> Callback:
    """A message as it came, due to be looked at."""
    return Callback(
        merchant_id=owner.merchant_id,
        id=callback_id,
        connection_id=message.connection_id,
        event_key=message.event_key,
        payment_id=None,
        state="pending",
        effect="look",
        headers=message.headers,
        raw=message.raw,
        attempts=0,
        due_at=now,
        received_at=now,
    )


def _put_off(row: Callback, effect: str, now: datetime) -> Struct:
    tried = row.attempts + 1
    state, due_at = ("failed", None) if tried > len(RETRIES) else ("pending", now)
    if due_at is not None:
        due_at += RETRIES[tried - 1]
    return replace(row, state=state, effect=effect, attempts=tried, due_at=due_at)


def _references(merchant_id: UUID, message: Message) -> Iterable[Ref]:
    """What may name the payment; what a payer can set comes last."""
    observations = message.observations
    names = [n for s in observations for n in (_own(s), s.reference, s.parent)]
    names += [s.ours for s in observations if s.nominated]
    for name in names:
        if name is not None:
            yield Ref(PaymentReference, (merchant_id, message.connection_id, name))


def _own(seen: Observation) -> str | None:
    """Our reference, where nobody else can write."""
    return None if seen.nominated else seen.ours


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
    place = owner.merchant_id, message.connection_id
    observations = [_vouched(world, place, payment_id, seen) for seen in message.observations]
    return apply(
        world, owner, payment_id, message.connection_id, observations, ids.series(first), now
    )


def _vouched(
    world: World, place: tuple[UUID, UUID], payment_id: UUID, seen: Observation
) -> Observation:
    """A nomination needs no proof of its own where a recorded reference says the same."""
    if not seen.nominated:
        return seen
    for name in (seen.reference, seen.parent):
        found = world.get(PaymentReference, (*place, name)) if name is not None else None
        if found is not None and found.payment_id == payment_id:
            return replace(seen, nominated=False)
    return seen
