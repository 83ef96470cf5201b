"""The pure core without a database: rows in a dictionary, one command at a time, as the engine
would run it. What it keeps of PostgreSQL is that keys are unique, and the CHECKs of the tables."""

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar, cast

from msgspec import Struct

from tests.payments.checks import broken
from tillgate.engine.command import Command, Need, Outcome, Ref, Refused, type_key
from tillgate.engine.table import table_of
from tillgate.engine.world import World

if TYPE_CHECKING:
    from datetime import datetime

R = TypeVar("R", bound=Struct)


class Memory:
    def __init__(self) -> None:
        self._rows: dict[type[Struct], dict[type_key, Struct]] = defaultdict(dict)
        self._families: dict[tuple[type[Struct], type_key], set[type_key]] = defaultdict(set)

    def run(self, command: Command, now: "datetime") -> Outcome | Refused:
        """Decides until nothing more is needed, then writes everything that was decided."""
        refs = set(command.reads())
        for _ in range(10):
            world = self._load(refs)
            decision = command.decide(world, now)
            if isinstance(decision, Need):
                refs |= set(decision.refs)
                continue
            if isinstance(decision, Outcome):
                world.stage(decision.rows)
                self._write(world)
            return decision
        raise AssertionError("the command never had enough")

    def all(self, kind: type[R]) -> list[R]:
        return cast("list[R]", list(self._rows[kind].values()))

    def get(self, kind: type[R], key: type_key) -> R:
        return cast("R", self._rows[kind][key])

    def put(self, row: Struct) -> None:
        """A row that is there, whatever was before."""
        key = table_of(type(row)).key_of(row)
        self._rows[type(row)][key] = row
        for length in range(1, len(key)):
            self._families[type(row), key[:length]].add(key)

    def copy(self) -> "Memory":
        """The same rows, to be changed apart."""
        twin = Memory()
        for rows in self._rows.values():
            for row in rows.values():
                twin.put(row)
        return twin

    def _load(self, refs: Iterable[Ref]) -> World:
        """Locked ones first, as the engine does; a family is all rows below a prefix."""
        world = World()
        for ref in sorted(refs, key=lambda ref: not ref.lock):
            world.expect([ref])
            rows = self._rows[ref.row]
            for key in self._families.get((ref.row, ref.key), (ref.key,)):
                if key in rows:
                    world.loaded(rows[key])
        return world

    def _write(self, world: World) -> None:
        inserts, updates = world.changes()
        for rows, new in ((inserts, True), (updates, False)):
            for kind, values in rows.items():
                for value in values:
                    key = table_of(kind).key_of(value)
                    assert (key not in self._rows[kind]) == new, (kind, key)
                    assert not broken(value), (broken(value), value)
                    self.put(value)
