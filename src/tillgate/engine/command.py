"""What the engine runs: a command names the rows that it reads, and decides on them.

Here are values only; nothing here does anything.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from uuid import UUID

from msgspec import Struct

from tillgate.kit.refusal import Refused

if TYPE_CHECKING:
    from tillgate.engine.world import World

type_key = tuple[Any, ...]


class Ref(NamedTuple):
    """A row to load, by its whole key; or all rows that share the first columns of their key.

    `lock` what may be changed. What is only ever inserted (gates) is read without: its unique key
    is its lock. Children are guarded by the lock of their root.
    """

    row: type[Struct]
    key: type_key
    lock: bool = False


class Outcome(NamedTuple):
    """What was decided: an answer for the caller, and the rows as they shall be.

    The engine knows which of the rows exist already.
    """

    answer: Any
    rows: tuple[Struct, ...] = ()


class Need(NamedTuple):
    """Decide again when these rows are loaded too."""

    refs: tuple[Ref, ...]


Decision = Outcome | Refused | Need


class Command(Protocol):
    """A wish. `decide` is pure: same world, same time, same decision."""

    @property
    def merchant_id(self) -> UUID: ...

    def reads(self) -> Iterable[Ref]:
        """The rows that `decide` surely wants; it may ask for more by `Need`."""
        ...

    def decide(self, world: "World", now: datetime) -> Decision: ...
