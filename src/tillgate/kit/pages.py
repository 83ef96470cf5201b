"""Lists a page at a time, newest first, as Stripe shows them.

A page is asked for by `limit` and one cursor, and read by key, never by offset: a statement
for older rows (`id < $cursor ORDER BY id DESC`), its twin for newer ones
(`id > $cursor ORDER BY id`), each `LIMIT $fetch`. `cut` turns either's rows into the page.
"""

from collections.abc import Callable, Sequence
from typing import Generic, Literal, NamedTuple, TypeVar
from uuid import UUID

from msgspec import Struct

from tillgate.kit.refusal import Refused

LIMIT_DEFAULT = 10
LIMIT_MAX = 100
NEWEST = UUID(int=(1 << 128) - 1)
"""The cursor of a page that begins with the newest row: above every id."""

T = TypeVar("T")


class Page(NamedTuple):
    """Which rows: `limit` of those right below the cursor, or right above it when `newer`."""

    limit: int
    cursor: UUID
    newer: bool

    @property
    def fetch(self) -> int:
        """How many rows to read: one more than shown tells whether more follow."""
        return self.limit + 1

    def cut(self, rows: Sequence[T]) -> tuple[list[T], bool]:
        """(the rows of the page, newest first; whether more follow in its direction)."""
        shown = list(rows[: self.limit])
        if self.newer:
            shown.reverse()
        return shown, len(rows) > self.limit


class ListOut(Struct, Generic[T], frozen=True, kw_only=True):
    """One page of a list; `has_more` says whether another follows in the direction asked for."""

    object: Literal["list"] = "list"
    data: list[T]
    has_more: bool
    url: str


def parse(
    limit: int,
    starting_after: str | None,
    ending_before: str | None,
    read_id: Callable[[str], UUID | None],
) -> Page | Refused:
    """The page that a query asks for. `read_id` is the list's own: `partial(ids.parse, "pay")`.

    Refused `parameter_invalid`, naming the parameter, for a limit out of bounds, both cursors at
    once, or a cursor that is no id of the list. A cursor's row need not exist any more.
    """
    if not 1 <= limit <= LIMIT_MAX:
        return Refused("parameter_invalid", f"limit must be 1 to {LIMIT_MAX}.", "limit")
    if starting_after is not None and ending_before is not None:
        message = "Give starting_after or ending_before, not both."
        return Refused("parameter_invalid", message, "ending_before")
    newer = ending_before is not None
    text = ending_before if newer else starting_after
    if text is None:
        return Page(limit, NEWEST, newer=False)
    cursor = read_id(text)
    if cursor is None:
        param = "ending_before" if newer else "starting_after"
        return Refused("parameter_invalid", f"{param} is not an id of this list.", param)
    return Page(limit, cursor, newer)
