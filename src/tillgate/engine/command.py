"""What the engine runs: a command names the rows that it reads, and decides on them.

Here are values only; nothing here does anything.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from uuid import UUID

from msgspec import Struct

from tillgate.engine.table import table_of
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

    @property
    def is_gate(self) -> bool:
        """Whether its unique key can stand in for a look: one whole key, and no lock."""
        return not self.lock and len(self.key) == len(table_of(self.row).key)


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

Result = Outcome | Refused | Exception
"""What becomes of a command; the exception is a bug of its own."""


class Command(Protocol):
    """A wish. `decide` is pure: same world, same time, same decision."""

    @property
    def merchant_id(self) -> UUID: ...

    def reads(self) -> Iterable[Ref]:
        """The rows that `decide` surely wants; it may ask for more by `Need`."""
        ...

    def decide(self, world: "World", now: datetime) -> Decision: ...
