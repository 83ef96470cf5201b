"""The queue in front of the groups, and the one writer that empties it.

A group is what queued while the last one committed; nobody waits for company. What fails is
decided again, or cut in halves until the guilty command stands alone. A commit whose answer was
lost is looked up, never guessed.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import structlog

from tillgate.engine.command import Command, Outcome, Ref, Refused
from tillgate.engine.group import (
    CONNECTION_LOST,
    Group,
    Restart,
    Result,
    Rows,
    Schema,
    Session,
    Uncertain,
)
from tillgate.engine.world import Moved
from tillgate.kit import clock, db
from tillgate.kit.db import Connection

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


class Limits(NamedTuple):
    group_max: int = 128  # commands in one transaction
    queue_max: int = 4096  # commands waiting
    queue_reserved: int = 1024  # of these, for callbacks and processors' answers alone
    merchant_share: float = 0.5  # of the queue that one merchant may fill
    age_max_s: float = 10.0  # a command that has waited longer is refused, not run
    tries: int = 4  # of a group, before it is cut in halves
    lock_timeout_ms: int = 2000
    statement_timeout_ms: int = 5000
    resolve_s: float = 15.0  # how long a lost commit is asked for


class Overloaded(Exception):
    """The queue is full, or the command waited too long in it; nothing was done."""


class Unavailable(Exception):
    """The database is gone. Nothing is known to be committed; the same wish may be sent again."""


class Waiting(NamedTuple):
    command: Command
    future: "asyncio.Future[Outcome | Refused]"
    since_s: float


class Engine:
    """`committed` is told the inserted rows of a group after its commit: for wake-ups, no more."""

    def __init__(
        self,
        dsn: str,
        schema: Schema,
        committed: Callable[[Rows], None] | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._dsn = dsn
        self._schema = schema
        self._committed = committed
        self.limits = limits or Limits()
        self._queue: deque[Waiting] = deque()
        self._queued: Counter[UUID] = Counter()
        self._work = asyncio.Event()
        self.connected = asyncio.Event()
        """Set while the database answers."""
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        self.figures: Counter[str] = Counter()

    async def start(self) -> None:
        """Returns at once; commands are refused as Unavailable until the database answers."""
        self._task = asyncio.create_task(self._write_forever())

    async def stop(self) -> None:
        """Commits what has queued, then ends."""
        self._stopping = True
        self._work.set()
        if self._task is not None:
            await self._task

    async def run(self, command: Command, *, reserved: bool = False) -> Outcome | Refused:
        """Queues a command and waits for its decision, which is committed when this returns.

        `reserved`: for callbacks and processors' answers, which find room when wishes do not.
        Raises Overloaded or Unavailable; a bug in `decide` comes out as it was raised.
        """
        if not self.connected.is_set() or self._stopping:
            raise Unavailable
        limits = self.limits
        room = limits.queue_max if reserved else limits.queue_max - limits.queue_reserved
        merchant = command.merchant_id
        if len(self._queue) >= room:
            raise Overloaded
        if not reserved and self._queued[merchant] >= room * limits.merchant_share:
            raise Overloaded
        future: asyncio.Future[Outcome | Refused] = asyncio.get_running_loop().create_future()
        self._queue.append(Waiting(command, future, clock.monotonic_s()))
        self._queued[merchant] += 1
        self._work.set()
        return await future

    # ---- the writer -------------------------------------------------------------------------

    async def _write_forever(self) -> None:
        pause_s = RECONNECT_FIRST_S
        while not self._stopping:
            try:
                connection = await self._connect()
            except (*db.LOST, asyncpg.PostgresError) as error:
                log.warning("database_unreachable", error=type(error).__name__)
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, RECONNECT_MAX_S)
                continue
            pause_s = RECONNECT_FIRST_S
            await self._write_while(Session(connection, self._schema))

    async def _connect(self) -> Connection:
        connection = await asyncpg.connect(
            self._dsn,
            timeout=db.CONNECT_TIMEOUT_S,
            command_timeout=self.limits.statement_timeout_ms / 1000 + 1,
            statement_cache_size=0,
            server_settings={
                "application_name": "tillgate engine",
                "lock_timeout": str(self.limits.lock_timeout_ms),
                "statement_timeout": str(self.limits.statement_timeout_ms),
                "idle_in_transaction_session_timeout": str(self.limits.statement_timeout_ms),
                "synchronous_commit": "on",
                "jit": "off",
                # Plans made on empty tables scanned; ours are look-ups by key, always.
                "plan_cache_mode": "force_generic_plan",
                "enable_seqscan": "off",
                "enable_hashjoin": "off",
                "enable_mergejoin": "off",
            },
        )
        await db.set_up(connection)
        connection.add_termination_listener(lambda _: self._work.set())
        return connection

    async def _write_while(self, session: Session) -> None:
        """Serves groups until the connection is lost or the engine stops."""
        self.connected.set()
        try:
            while not session.connection.is_closed():
                if not self._queue:
                    if self._stopping:
                        break
                    self._work.clear()
                    await self._work.wait()
                    continue
                group = self._take()
                if group:
                    await self._serve(session, group)
        except CONNECTION_LOST as error:
            log.warning("database_lost", error=type(error).__name__)
        finally:
            self.connected.clear()
            self._refuse_all()
            session.connection.terminate()

    def _take(self) -> list[Waiting]:
        group: list[Waiting] = []
        oldest_s = clock.monotonic_s() - self.limits.age_max_s
        while self._queue and len(group) < self.limits.group_max:
            waiting = self._queue.popleft()
            self._unqueue(waiting)
            if waiting.since_s < oldest_s:
                _settle(waiting, Overloaded())
            else:
                group.append(waiting)
        return group

    def _unqueue(self, waiting: Waiting) -> None:
        merchant = waiting.command.merchant_id
        self._queued[merchant] -= 1
        if not self._queued[merchant]:
            del self._queued[merchant]

    def _refuse_all(self) -> None:
        while self._queue:
            waiting = self._queue.popleft()
            self._unqueue(waiting)
            _settle(waiting, Unavailable())

    async def _serve(self, session: Session, group: Sequence[Waiting]) -> None:
        """Runs a group to its end; halves it when it does not go through whole."""
        known: set[Ref] = set()
        commands = [waiting.command for waiting in group]
        failure: Exception | None = None
        for _ in range(self.limits.tries):
            try:
                results, inserted = await Group(session, commands, known).run()
            except Uncertain as uncertain:
                await self._resolve(uncertain, group)
                return
            except Exception as error:
                if session.lost(error):
                    _settle_all(group, [Unavailable()] * len(group))
                    raise
                await session.execute("ROLLBACK")
                self.figures[f"conflict {type(error).__name__}"] += 1
                failure = error
                if not isinstance(error, CONFLICTS):
                    break
            else:
                self._answer(group, results, inserted)
                return
        if len(group) == 1:
            _settle(group[0], _as_answer(failure))
            return
        self.figures["halved"] += 1
        middle = len(group) // 2
        await self._serve(session, group[:middle])
        await self._serve(session, group[middle:])

    def _answer(self, group: Sequence[Waiting], results: list[Result], inserted: Rows) -> None:
        self.figures["groups"] += 1
        self.figures["commands"] += len(group)
        if self._committed is not None:
            self._committed(inserted)
        _settle_all(group, results)

    async def _resolve(self, uncertain: Uncertain, group: Sequence[Waiting]) -> None:
        """Asks a new connection what became of a transaction whose COMMIT was not answered."""
        committed = await self._ask_until_known(uncertain)
        self.figures[f"uncertain {committed}"] += 1
        log.warning("commit_resolved", transaction=uncertain.transaction, committed=committed)
        if committed:
            self._answer(group, uncertain.results, uncertain.inserted)
        else:
            _settle_all(group, [Unavailable()] * len(group))
        raise ConnectionResetError("connection lost during COMMIT")

    async def _ask_until_known(self, uncertain: Uncertain) -> bool | None:
        until_s = clock.monotonic_s() + self.limits.resolve_s
        while clock.monotonic_s() < until_s:
            try:
                connection = await self._connect()
            except (*db.LOST, asyncpg.PostgresError):
                await asyncio.sleep(RECONNECT_FIRST_S)
                continue
            try:
                known = await _committed(Session(connection, self._schema), uncertain)
            except CONNECTION_LOST:
                known = None
            finally:
                connection.terminate()
            if known is not None:
                return known
            await asyncio.sleep(RECONNECT_FIRST_S)
        return None


RECONNECT_FIRST_S = 0.05
RECONNECT_MAX_S = 1.0


async def _committed(session: Session, uncertain: Uncertain) -> bool | None:
    """Whether the transaction is committed; None while it is still in progress.

    A crash may forget a transaction so wholly that its number is given out again, so a commit is
    believed only when a row of the group is there too.
    """
    try:
        status: str | None = await session.connection.fetchval(
            "SELECT pg_xact_status($1::text::xid8)", uncertain.transaction
        )
    except asyncpg.InvalidParameterValueError:  # a number of the future: forgotten by a crash
        return False
    if status == "in progress":
        return None
    if status != "committed":
        return False
    if not uncertain.inserted:
        return True
    return await session.exists(next(iter(uncertain.inserted.values()))[0])


def _as_answer(failure: Exception | None) -> Exception:
    """What a lone command's failure means to its caller: contention is an overload, not a bug."""
    if isinstance(failure, CONFLICTS) and not isinstance(failure, asyncpg.UniqueViolationError):
        return Overloaded()
    return failure or RuntimeError("a group failed without an error")


def _settle(waiting: Waiting, result: Any) -> None:
    """The client may have gone; what was decided stays decided."""
    if waiting.future.done():
        return
    if isinstance(result, BaseException):
        waiting.future.set_exception(result)
    else:
        waiting.future.set_result(result)


def _settle_all(group: Sequence[Waiting], results: Sequence[Any]) -> None:
    for waiting, result in zip(group, results, strict=True):
        _settle(waiting, result)
