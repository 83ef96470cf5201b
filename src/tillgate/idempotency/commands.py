"""`Once`: any command, at most once per (merchant, key); neither engine nor command knows of it."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple, cast
from uuid import UUID

from msgspec.structs import replace

from tillgate.engine.command import Command, Decision, Need, Outcome, Ref, Refused
from tillgate.engine.world import World
from tillgate.idempotency.model import (
    IN_USE,
    KEPT_FOR,
    LEASE,
    REPLAYED,
    REUSED,
    WHATEVER,
    IdempotencyKey,
    UnderWay,
    vet_key,
)
from tillgate.kit.http import Answer, error_body


class Once(NamedTuple):
    """Wraps a command whose outcome's answer is an `Answer`, or `UnderWay`: then the gate is left
    open, and `KeepAnswer` closes it.

    The gate is written with what the command decides, refusals included, so that neither is ever
    there without the other. Same key and digest: the first answer, with `Idempotent-Replayed`.
    """

    merchant_id: UUID
    key: str
    digest: bytes
    object_id: UUID
    request_id: str
    inner: Command

    def reads(self) -> Iterable[Ref]:
        return (Ref(IdempotencyKey, (self.merchant_id, self.key)), *self.inner.reads())

    def decide(self, world: World, now: datetime) -> Decision:
        gate = (self.merchant_id, self.key)
        found = world.get(IdempotencyKey, gate)
        if found is not None:
            if found.state == "open" or now - found.created_at < KEPT_FOR:
                return self._again(found, now)
            if refs := world.missing(Ref(IdempotencyKey, gate, lock=True)):
                return Need(refs)
        decision = self.inner.decide(world, now)
        if isinstance(decision, Need):
            return decision
        if isinstance(decision, Refused):
            answer = Answer(decision.status, error_body(decision, self.request_id))
            decision = Outcome(answer)
        return Outcome(decision.answer, (*decision.rows, self._gate(decision.answer, now)))

    def _gate(self, answer: Answer | UnderWay, now: datetime) -> IdempotencyKey:
        if isinstance(answer, UnderWay):
            said = "open", 0, ""
        else:
            said = "done", answer.status, answer.body.decode()
        gate = self.merchant_id, self.key, self.digest, self.object_id
        return IdempotencyKey(*gate, *said, now)

    def _again(self, found: IdempotencyKey, now: datetime) -> Decision:
        if found.digest != self.digest:
            return REUSED
        if found.state == "open":
            # whoever opened it is still at work, or has died: then the answer is made anew
            if now - found.created_at < LEASE:
                return IN_USE
            return Outcome(Resumed(cast("UUID", found.object_id)))
        return Outcome(Answer(found.status_code, found.body.encode(), REPLAYED))


class First(NamedTuple):
    """Wraps a command whose outcome's answer is an `Answer`, under a key that stands for its first
    success: whatever is asked under the same key meanwhile, that answer is given. A refusal keeps
    nothing."""

    merchant_id: UUID
    key: str
    object_id: UUID
    inner: Command

    def reads(self) -> Iterable[Ref]:
        return (Ref(IdempotencyKey, (self.merchant_id, self.key)), *self.inner.reads())

    def decide(self, world: World, now: datetime) -> Decision:
        gate = (self.merchant_id, self.key)
        found = world.get(IdempotencyKey, gate)
        if found is not None:
            if now - found.created_at < KEPT_FOR:
                return Outcome(Answer(found.status_code, found.body.encode()))
            if refs := world.missing(Ref(IdempotencyKey, gate, lock=True)):
                return Need(refs)
        decision = self.inner.decide(world, now)
        if not isinstance(decision, Outcome):
            return decision
        answer: Answer = decision.answer
        said = "done", answer.status, answer.body.decode()
        row = IdempotencyKey(*gate, WHATEVER, self.object_id, *said, now)
        return Outcome(answer, (*decision.rows, row))


class Resumed(NamedTuple):
    """The wish was committed under this key before, and nobody has answered for it since."""

    object_id: UUID


class KeepAnswer(NamedTuple):
    """Closes an open gate with the answer that its wish came to."""

    merchant_id: UUID
    key: str
    answer: Answer

    def reads(self) -> Iterable[Ref]:
        return (Ref(IdempotencyKey, (self.merchant_id, self.key), lock=True),)

    def decide(self, world: World, now: datetime) -> Decision:  # noqa: ARG002  time plays no part
        found = world.get(IdempotencyKey, (self.merchant_id, self.key))
        if found is None or found.state != "open":
            return Outcome(None)
        status, body = self.answer.status, self.answer.body.decode()
        return Outcome(None, (replace(found, state="done", status_code=status, body=body),))


def gated(
    key: str | None, digest: bytes, object_id: UUID, request_id: str, command: Command
) -> Command | Refused:
    """The command behind the gate of its Idempotency-Key; as it is, when there is no key."""
    if key is None:
        return command
    refused = vet_key(key)
    if refused is not None:
        return refused
    return Once(command.merchant_id, key, digest, object_id, request_id, command)
