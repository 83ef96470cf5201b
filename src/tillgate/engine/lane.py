"""One connection that empties one queue, group by group.

A group is what queued while the last one committed; nobody waits for company. What fails is
decided again, or cut in halves until the guilty command stands alone. A commit whose answer was
lost is looked up, never guessed.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import asyncpg
import structlog

from tillgate.engine.command import Ref, Result
from tillgate.engine.group import Group, Restart
from tillgate.engine.queue import (
    Limits,
    Overloaded,
    Queue,
    Unavailable,
    Waiting,
    settle,
    settle_all,
)
from tillgate.engine.session import (
    CONNECTION_LOST,
    UNREACHABLE,
    Rows,
    Schema,
    Session,
    connect,
)
from tillgate.engine.uncertain import Uncertain
from tillgate.engine.world import Moved
from tillgate.kit import clock

log = structlog.get_logger()

CONFLICTS = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.UniqueViolationError,
    asyncpg.LockNotAvailableError,
    Restart,
    Moved,
)
"""What another try may cure: the gate is loaded then, the lock free, the row there."""

RECONNECT_FIRST_S = 0.05
RECONNECT_MAX_S = 1.0


class Database(NamedTuple):
    """What the lanes of an engine share."""

    dsn: str
    schema: Schema
    limits: Limits
    committed: Callable[[Rows], None] | None
    figures: Counter[str]


def refuse(waiting: Waiting) -> None:
    """What the last lane does with a command that finds its rows locked for too long."""
    settle(waiting, Overloaded())


class Lane:
    """`contended` is given the commands whose rows others hold longer than `lock_timeout_ms`."""

    def __init__(
        self,
        database: Database,
        queue: Queue,
        lock_timeout_ms: int,
        contended: Callable[[Waiting], None] = refuse,
    ) -> None:
        self._database = database
        self._limits = database.limits
        self._figures = database.figures
        self._queue = queue
        self._lock_timeout_ms = lock_timeout_ms
        self._contended = contended
        self._stopping = False
        self.connected = asyncio.Event()

    def stop(self) -> None:
        """Ends the lane once its queue is empty."""
        self._stopping = True
        self._queue.work.set()

    async def serve_forever(self) -> None:
        """Keeps a connection; while there is none, the queue stays empty."""
        pause_s = RECONNECT_FIRST_S
        while not self._stopping:
            try:
                session = await self._connect()
            except UNREACHABLE as error:
                log.warning("database_unreachable", error=type(error).__name__)
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, RECONNECT_MAX_S)
                continue
            pause_s = RECONNECT_FIRST_S
            await self._serve_with(session)

    async def serve_when_needed(self) -> None:
        """Connects when something has queued, and goes when nothing has."""
        while await self._any_work():
            try:
                session = await self._connect()
            except UNREACHABLE:
                self._queue.refuse_all()
                continue
            await self._serve_with(session, until_empty=True)

    async def _connect(self) -> Session:
        database = self._database
        session = await connect(database.dsn, database.schema, self._limits, self._lock_timeout_ms)
        session.connection.add_termination_listener(lambda _: self._queue.work.set())
        return session

    async def _any_work(self) -> bool:
        """Waits for work; False when there is none and will be none."""
        while not len(self._queue):
            if self._stopping:
                return False
            self._queue.work.clear()
            await self._queue.work.wait()
        return True

    async def _serve_with(self, session: Session, *, until_empty: bool = False) -> None:
        """Serves groups until the connection is lost or there is no more to do."""
        self.connected.set()
        try:
            while not session.connection.is_closed():
                if not len(self._queue):
                    if self._stopping or until_empty:
                        break
                    self._queue.work.clear()
                    await self._queue.work.wait()
                    continue
                await self._serve_whole(session, self._queue.take())
        except CONNECTION_LOST as error:
            log.warning("database_lost", error=type(error).__name__)
        except Exception:  # a bug, or the driver's: a new connection, but never no engine
            log.exception("connection_given_up")
        finally:
            self.connected.clear()
            self._queue.refuse_all()
            session.connection.terminate()

    async def _serve_whole(self, session: Session, group: Sequence[Waiting]) -> None:
        """Whatever ends the connection, nobody of the group is left without an answer."""
        try:
            if group:
                await self._serve(session, group)
        except BaseException:
            settle_all(group, [Unavailable()] * len(group))
            raise

    async def _serve(self, session: Session, group: Sequence[Waiting]) -> None:
        """Runs a group to its end; halves it when it does not go through whole."""
        left: list[Waiting] = list(group)
        wants: list[set[Ref]] = [set() for _ in left]
        failure: Exception | None = None
        for _ in range(self._limits.tries):
            failure = await self._try(session, left, wants)
            if not isinstance(failure, CONFLICTS):
                break
            if isinstance(failure, asyncpg.LockNotAvailableError):
                free = await self._free(session, left, wants)
                if len(free) == len(left):
                    break  # who holds what is not to be seen: halving finds the command
                left, wants = [left[n] for n in free], [wants[n] for n in free]
                if not left:
                    return
        if failure is not None:
            await self._give_up(session, left, failure)

    async def _try(
        self, session: Session, group: Sequence[Waiting], wants: Sequence[set[Ref]]
    ) -> Exception | None:
        """What went wrong, and was rolled back; None when all is answered. Raises what ends the
        connection."""
        try:
            commands = [waiting.command for waiting in group]
            results, inserted = await Group(session, commands, wants).run()
        except Uncertain as uncertain:
            await self._resolve(uncertain, group)
            return None
        except Exception as error:
            if session.lost(error):
                raise
            await session.rollback()
            self._figures[f"conflict {type(error).__name__}"] += 1
            return error
        self._answer(group, results, inserted)
        return None

    async def _free(
        self, session: Session, group: Sequence[Waiting], wants: list[set[Ref]]
    ) -> list[int]:
        """The places of those commands whose rows nobody holds; the others are sent away."""
        if len(group) == 1:
            return [0]
        try:
            held = await session.held(set[Ref]().union(*wants))
        except asyncpg.LockNotAvailableError:  # a whole table is locked, as migrations do
            return list(range(len(group)))
        for waiting, wanted in zip(group, wants, strict=True):
            if wanted & held:
                self._contended(waiting)
        return [number for number, wanted in enumerate(wants) if not wanted & held]

    async def _give_up(
        self, session: Session, group: Sequence[Waiting], failure: Exception
    ) -> None:
        if len(group) > 1:
            self._figures["halved"] += 1
            middle = len(group) // 2
            await self._serve(session, group[:middle])
            await self._serve(session, group[middle:])
        elif isinstance(failure, asyncpg.LockNotAvailableError):
            self._contended(group[0])
        else:
            settle(group[0], _as_answer(failure))

    def _answer(self, group: Sequence[Waiting], results: Sequence[Result], inserted: Rows) -> None:
        self._figures["groups"] += 1
        self._figures["commands"] += len(group)
        if self._database.committed is not None:
            self._database.committed(inserted)
        settle_all(group, results)

    # ---- a commit without an answer ----------------------------------------------------------

    async def _resolve(self, uncertain: Uncertain, group: Sequence[Waiting]) -> None:
        """Asks a new connection what became of a transaction whose commit was not answered."""
        committed = await self._ask_until_known(uncertain)
        self._figures[f"uncertain {committed}"] += 1
        log.warning("commit_resolved", transaction=uncertain.transaction, committed=committed)
        if committed:
            self._answer(group, uncertain.results, uncertain.inserted)
        else:
            settle_all(group, [Unavailable()] * len(group))
        raise ConnectionResetError("connection lost during COMMIT")

    async def _ask_until_known(self, uncertain: Uncertain) -> bool | None:
        until_s = clock.monotonic_s() + self._limits.resolve_s
        while clock.monotonic_s() < until_s:
            try:
                session = await self._connect()
            except UNREACHABLE:
                await asyncio.sleep(RECONNECT_FIRST_S)
                continue
            try:
                known = await uncertain.committed(session)
            except CONNECTION_LOST:
                known = None
            finally:
                session.connection.terminate()
            if known is not None:
                return known
            await asyncio.sleep(RECONNECT_FIRST_S)
        return None


def _as_answer(failure: Exception) -> Exception:
    """What a lone command's failure means to its caller: contention is an overload, not a bug."""
    if isinstance(failure, CONFLICTS) and not isinstance(failure, asyncpg.UniqueViolationError):
        return Overloaded()
    return failure
