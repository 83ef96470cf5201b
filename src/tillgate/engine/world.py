"""The rows of one group, as loaded, and as its commands have decided them so far."""

from collections.abc import Iterable
from typing import TypeVar, cast

from msgspec import Struct

from tillgate.engine.command import Ref, type_key
from tillgate.engine.table import Table, table_of

R = TypeVar("R", bound=Struct)
Place = tuple[type[Struct], type_key]


class NotLoaded(Exception):
    """A bug: `decide` looked at a row that it had not named."""


class NotLocked(Exception):
    """A bug: `decide` changed a row that it had not locked, or that may only be inserted."""


class Moved(Exception):
    """Another transaction inserted a row that this group had decided to insert: begin again."""


class World:
    """What commands see. Rows that earlier commands of the group decided are seen by later ones."""

    def __init__(self) -> None:
        self._base: dict[Place, Struct | None] = {}
        self._rows: dict[Place, Struct | None] = {}
        self._families: dict[Place, dict[type_key, None]] = {}
        self._family_lengths: dict[type[Struct], set[int]] = {}
        self._locked: set[Place] = set()

    # ---- for commands -----------------------------------------------------------------------

    def get(self, row: type[R], key: type_key) -> R | None:
        """The row, or None when there is none. Raises NotLoaded when it was not named."""
        try:
            return cast("R | None", self._rows[row, key])
        except KeyError:
            raise NotLoaded(row.__name__, key) from None

    def children(self, row: type[R], prefix: type_key) -> list[R]:
        """The rows whose key begins with `prefix`, in the order of their keys."""
        try:
            keys = self._families[row, prefix]
        except KeyError:
            raise NotLoaded(row.__name__, prefix) from None
        found = (self._rows[row, key] for key in sorted(keys))
        return [cast("R", value) for value in found if value is not None]

    def missing(self, *refs: Ref) -> tuple[Ref, ...]:
        """Those of `refs` that are not loaded, or not locked as asked:
        `if refs := world.missing(…): return Need(refs)`."""
        return tuple(ref for ref in refs if not self._has(ref))

    # ---- for the engine ---------------------------------------------------------------------

    def expect(self, refs: Iterable[Ref]) -> None:
        """These are being loaded: what the database does not answer does not exist."""
        for ref in refs:
            place = ref.row, ref.key
            if len(ref.key) < len(table_of(ref.row).key):
                self._families.setdefault(place, {})
                self._family_lengths.setdefault(ref.row, set()).add(len(ref.key))
            else:
                self._base.setdefault(place, None)
                self._rows.setdefault(place, None)
            if ref.lock:
                self._locked.add(place)

    def loaded(self, value: Struct) -> None:
        """One row from the database. What was staged in its place is not dropped."""
        place = type(value), table_of(type(value)).key_of(value)
        base, staged = self._base.get(place), self._rows.get(place)
        if staged is not None and staged is not base:
            raise Moved(place)
        self._base[place] = self._rows[place] = value
        self._join_families(*place)

    def stage(self, rows: Iterable[Struct]) -> None:
        """Takes over what a command decided; checks all first: a bad outcome stages nothing."""
        staged = [(type(value), table_of(type(value)), value) for value in rows]
        for kind, table, value in staged:
            self._check(kind, table, table.key_of(value))
        for kind, table, value in staged:
            key = table.key_of(value)
            self._rows[kind, key] = value
            self._join_families(kind, key)

    def changes(self) -> tuple[dict[type[Struct], list[Struct]], dict[type[Struct], list[Struct]]]:
        """(inserts, updates), by row type."""
        inserts: dict[type[Struct], list[Struct]] = {}
        updates: dict[type[Struct], list[Struct]] = {}
        for place, value in self._rows.items():
            base = self._base.get(place)
            if value is not None and value is not base:
                (inserts if base is None else updates).setdefault(place[0], []).append(value)
        return inserts, updates

    def _has(self, ref: Ref) -> bool:
        place = ref.row, ref.key
        if ref.lock and place not in self._locked:
            return False
        return place in self._rows or place in self._families

    def _check(self, kind: type[Struct], table: Table, key: type_key) -> None:
        if self._base.get((kind, key)) is None:
            return
        if not table.mutable:
            raise NotLocked("may only be inserted", table.name, key)
        if (kind, key) in self._locked:
            return
        root = table.root
        if root is not None:
            place = root, key[: len(table_of(root).key)]
            if place in self._locked:
                return
        raise NotLocked("changed without a lock", table.name, key)

    def _join_families(self, kind: type[Struct], key: type_key) -> None:
        for length in self._family_lengths.get(kind, ()):
            family = self._families.get((kind, key[:length]))
            if family is not None:
                family[key] = None
