"""One group of commands, from loading its rows to the commit.

Rows are locked in one order (the order in which `main` lists the tables, within a table by key);
what is read without a lock is read after, so that it cannot be older than what a lock waited for.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import structlog

from tillgate.engine.command import Command, Need, Outcome, Ref, Refused, Result
from tillgate.engine.session import Rows, Session
from tillgate.engine.uncertain import Uncertain
from tillgate.engine.world import World
from tillgate.kit.failpoints import failpoint

log = structlog.get_logger()

ROUNDS_MAX = 6
"""How often one group may ask for more rows before its remaining commands are given up."""


class Restart(Exception):
    """A command needs a lock that would go backwards: release all, begin with every row named."""


class TooManyRounds(Exception):
    """A command kept asking for more rows: a bug in its rules."""


class Group:
    """`wants`: of each command, the rows that it named or turned out to need; kept by the caller
    from one attempt to the next."""

    def __init__(
        self, session: Session, commands: Sequence[Command], wants: Sequence[set[Ref]]
    ) -> None:
        self._session = session
        self._commands = commands
        self._wants = wants
        self._world = World()
        self._highest = -1
        self._now: datetime | None = None

    async def run(self) -> tuple[list[Result], Rows]:
        """Decides and commits: the results in the order of the commands, and the inserted rows.

        Raises what PostgreSQL raises (nothing is committed then), Restart, or Uncertain.
        """
        results = self._guess() or await self._decide_all()
        inserts, updates = self._world.changes()
        if not inserts and not updates:
            await self._session.rollback()
            return results, {}
        transaction: str | None = None
        if self._session.begun:
            transaction = await self._session.write(inserts, updates)
        try:
            await failpoint("engine.before_commit")
            if self._session.begun:
                await self._session.commit()
            else:  # nothing is locked: one statement is the whole transaction
                await self._session.write(inserts, updates)
        except Exception as lost:
            if self._session.lost(lost):
                raise Uncertain(self._session.backend, transaction, results, inserts) from lost
            raise
        await failpoint("engine.after_commit")
        return results, inserts

    def _guess(self) -> list[Result] | None:
        """A lone command that locks nothing decides at first as if its gates were open: their
        unique keys prove it, or the next attempt looks. That saves a lone client a round trip."""
        now = self._session.now()
        if len(self._commands) > 1 or self._wants[0] or now is None:
            return None
        gates = self._wants[0]
        gates.update(self._commands[0].reads())
        if not all(ref.is_gate for ref in gates):
            return None
        self._world.expect(gates)
        decision = self._decide(self._commands[0], now)
        passed = (self._world.get(row, key) is not None for row, key, _ in gates)
        if isinstance(decision, Outcome) and all(passed):
            return [decision]
        self._world = World()
        return None

    async def _decide_all(self) -> list[Result]:
        results: dict[int, Result] = {}
        waiting = list(range(len(self._commands)))
        wanted = set[Ref]()
        for number in waiting:
            self._wants[number].update(self._commands[number].reads())
            wanted |= self._wants[number]
        for _ in range(ROUNDS_MAX):
            now = await self._load(wanted)
            wanted = set[Ref]()
            for number in waiting:
                decision = self._decide(self._commands[number], now)
                if isinstance(decision, Need):
                    wanted.update(decision.refs)
                    self._wants[number].update(decision.refs)
                else:
                    results[number] = decision
            waiting = [number for number in waiting if number not in results]
            if not waiting:
                break
        for number in waiting:
            results[number] = TooManyRounds(type(self._commands[number]).__name__)
        return [results[number] for number in range(len(self._commands))]

    def _decide(self, command: Command, now: datetime) -> Outcome | Refused | Need | Exception:
        """A command that raises fails alone: deciding is pure, so it has staged nothing."""
        try:
            decision = command.decide(self._world, now)
            if isinstance(decision, Outcome):
                self._world.stage(decision.rows)
        except Exception as bug:
            log.exception("decide_failed", command=type(command).__name__)
            return bug
        return decision

    async def _load(self, refs: Iterable[Ref]) -> datetime:
        """Loads: the locked ones first, in the order of tables; then the others, and the clock."""
        rank = self._session.rank
        sorted_refs: dict[tuple[bool, int, int], list[Ref]] = defaultdict(list)
        for ref in refs:
            sorted_refs[not ref.lock, rank[ref.row], len(ref.key)].append(ref)
        for (unlocked, place, _), same in sorted(sorted_refs.items()):
            if not unlocked:
                if place <= self._highest:
                    raise Restart
                self._highest = place
                await self._session.begin()
            await self._load_table(same, lock=not unlocked)
        if self._now is None:
            self._now = await self._session.clock()
        return self._now

    async def _load_table(self, refs: list[Ref], *, lock: bool) -> None:
        row = refs[0].row
        self._world.expect(refs)
        for record in await self._session.load(row, [ref.key for ref in refs], lock=lock):
            values: tuple[Any, ...] = tuple(record)
            if not lock:
                self._now, values = values[0], values[1:]
            if values[0] is not None:
                self._world.loaded(row(*values))
