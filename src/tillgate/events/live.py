"""Wake-ups: "something happened, look again". They may be lost; polling is the truth.

`Announcer` tells them after a commit, coalesced, on a connection of its own: a transaction that
notifies holds a global lock through its commit. `Listener` hears them and wakes who waits.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import UUID

import asyncpg
import structlog
from msgspec import Struct

from tillgate.kit import db
from tillgate.kit.db import Connection

log = structlog.get_logger()

CHANNEL = "tillgate"
PAUSE_S = 0.05
"""Between two notices, so that a busy process tells at most twenty a second. The first news after
a quiet time is told at once."""

IDS_PER_NOTICE = 200
"""A notice holds at most 8,000 bytes; an id takes 32 and a comma."""

BACK_OFF_S = 1.0
WAITING_MAX = 20_000
"""Beyond this many objects the rest is dropped: who waits for them polls."""


News = Mapping[type[Struct], Callable[[Any], UUID | None]]
"""Which inserted rows are news of which object; None: of nobody's, but there is work."""


class Announcer:
    """Tells other processes which objects have news, right after the commit."""

    def __init__(self, dsn: str, news: News) -> None:
        self._dsn = dsn
        self._news = news
        self._objects: set[UUID] = set()
        self._any = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._announce_forever())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def committed(self, inserted: dict[type[Struct], list[Struct]]) -> None:
        """The engine's hook."""
        for kind, subject in self._news.items():
            for row in inserted.get(kind, ()):
                self._any.set()
                object_id = subject(row)
                if object_id is not None and len(self._objects) < WAITING_MAX:
                    self._objects.add(object_id)

    async def _announce_forever(self) -> None:
        while True:
            try:
                connection = await asyncpg.connect(self._dsn, timeout=db.CONNECT_TIMEOUT_S)
                try:
                    await db.enter(connection)
                    await self._announce(connection)
                finally:
                    connection.terminate()
            except (*db.LOST, asyncpg.PostgresError) as error:
                log.warning("wake_ups_delayed", error=type(error).__name__)
                await asyncio.sleep(BACK_OFF_S)

    async def _announce(self, connection: Connection) -> None:
        while True:
            await self._any.wait()
            self._any.clear()
            told = [self._objects.pop().hex for _ in range(len(self._objects))]
            for start in range(0, max(len(told), 1), IDS_PER_NOTICE):
                payload = ",".join(told[start : start + IDS_PER_NOTICE])
                await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, payload)
            await asyncio.sleep(PAUSE_S)


class Listener:
    """Hears wake-ups, and wakes those who watch an object, or anything at all."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._watchers: defaultdict[UUID, set[asyncio.Event]] = defaultdict(set)
        self._any: list[Callable[[], None]] = []
        self.watched = 0
        self.closing = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._listen_forever())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def close_streams(self) -> None:
        """The process is stopping: who watches is woken and goes away."""
        self.closing = True
        self._wake(list(self._watchers))

    def on_any(self, wake: Callable[[], None]) -> None:
        self._any.append(wake)

    def watch(self, object_id: UUID) -> asyncio.Event:
        """An event that is set at the object's next news; give it back with `unwatch`."""
        news = asyncio.Event()
        self._watchers[object_id].add(news)
        self.watched += 1
        return news

    def unwatch(self, object_id: UUID, news: asyncio.Event) -> None:
        watchers = self._watchers[object_id]
        watchers.discard(news)
        self.watched -= 1
        if not watchers:
            del self._watchers[object_id]

    async def _listen_forever(self) -> None:
        while True:
            try:
                await self._listen()
            except (*db.LOST, asyncpg.PostgresError) as error:
                log.warning("wake_ups_unheard", error=type(error).__name__)
            await asyncio.sleep(BACK_OFF_S)

    async def _listen(self) -> None:
        connection = await asyncpg.connect(self._dsn, timeout=db.CONNECT_TIMEOUT_S)
        gone = asyncio.Event()
        connection.add_termination_listener(lambda _: gone.set())
        try:
            await db.enter(connection)
            await connection.add_listener(CHANNEL, self._heard)
            self._wake(self._watchers)  # whatever was missed while nobody listened
            await gone.wait()
        finally:
            connection.terminate()

    def _heard(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        text = payload if isinstance(payload, str) else ""
        self._wake(UUID(part) for part in text.split(",") if part)

    def _wake(self, objects: Iterable[UUID]) -> None:
        for wake in self._any:
            wake()
        for object_id in objects:
            for news in self._watchers.get(object_id, ()):
                news.set()
