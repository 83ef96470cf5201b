"""Our commands, answered as this gateway answers."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

from msgspec import Struct

from tillgate.doors.gateway.words import ok
from tillgate.engine.command import Command, Decision, Outcome, Ref
from tillgate.engine.world import World

R = TypeVar("R", bound=Struct)


class Told(NamedTuple, Generic[R]):
    """A command that makes one row of this kind: 201, and the row as `show` has it."""

    inner: Command
    row: type[R]
    show: Callable[[R], dict[str, Any]]

    @property
    def merchant_id(self) -> UUID:
        return self.inner.merchant_id

    def reads(self) -> Iterable[Ref]:
        return self.inner.reads()

    def decide(self, world: World, now: datetime) -> Decision:
        decision = self.inner.decide(world, now)
        if not isinstance(decision, Outcome):
            return decision
        made = next(row for row in decision.rows if isinstance(row, self.row))
        return Outcome(ok(self.show(made), 201), decision.rows)
