"""The pure core without a database: rows in a dictionary, one command at a time, as the engine
would run it. What it keeps of PostgreSQL is that keys are unique."""

from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar

from msgspec import Struct

from tillgate.engine.command import Command, Need, Outcome, Ref, Refused
from tillgate.engine.table import table_of
from tillgate.engine.world import World

R = TypeVar("R", bound=Struct)


class Memory:
    def __init__(self) -> None:
        self._rows: dict[tuple[type[Struct], tuple[object, ...]], Struct] = {}

    def run(self, command: Command, now: datetime) -> Outcome | Refused:
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
        return [row for row in self._rows.values() if isinstance(row, kind)]

    def _load(self, refs: Iterable[Ref]) -> World:
        """Locked ones first, as the engine does; a family is all rows below a prefix."""
        world = World()
        for ref in sorted(refs, key=lambda ref: not ref.lock):
            world.expect([ref])
            for (kind, key), row in self._rows.items():
                if kind is ref.row and key[: len(ref.key)] == tuple(ref.key):
                    world.loaded(row)
        return world

    def _write(self, world: World) -> None:
        inserts, updates = world.changes()
        for rows, new in ((inserts, True), (updates, False)):
            for kind, values in rows.items():
                for value in values:
                    place = kind, table_of(kind).key_of(value)
                    assert (place not in self._rows) == new, place
                    self._rows[place] = value
