"""`Once`: any command, at most once per (merchant, key); neither engine nor command knows of it."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from tillgate.engine.command import Command, Decision, Need, Outcome, Ref, Refused
from tillgate.engine.world import World
from tillgate.idempotency.model import KEPT_FOR, REPLAYED, REUSED, IdempotencyKey, vet_key
from tillgate.kit.http import Answer, error_body


class Once(NamedTuple):
    """Wraps a command whose outcome's answer is an `Answer`.

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
            if now - found.created_at < KEPT_FOR:
                return self._again(found)
            if refs := world.missing(Ref(IdempotencyKey, gate, lock=True)):
                return Need(refs)
        decision = self.inner.decide(world, now)
        if isinstance(decision, Need):
            return decision
        if isinstance(decision, Refused):
            answer = Answer(decision.status, error_body(decision, self.request_id))
            decision = Outcome(answer)
        return Outcome(decision.answer, (*decision.rows, self._gate(decision.answer, now)))

    def _gate(self, answer: Answer, now: datetime) -> IdempotencyKey:
        return IdempotencyKey(
            self.merchant_id, self.key, self.digest, self.object_id, "done",
            answer.status, answer.body.decode(), now,
        )  # fmt: skip

    def _again(self, found: IdempotencyKey) -> Decision:
        if found.digest != self.digest:
            return REUSED
        return Outcome(Answer(found.status_code, found.body.encode(), REPLAYED))


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
