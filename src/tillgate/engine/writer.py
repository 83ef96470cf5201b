"""The engine: takes commands in, and answers when they are committed.

Two lanes empty its queues. What does not get a lock soon goes from the main lane to the slow one,
so that a row which somebody holds for long stops nobody but those who want it.
"""

import asyncio
from collections import Counter
from collections.abc import Callable

from tillgate.engine.command import Command, Outcome, Refused
from tillgate.engine.lane import Database, Lane
from tillgate.engine.queue import Limits, Overloaded, Queue, Unavailable, Waiting, settle
from tillgate.engine.session import Rows, Schema
from tillgate.kit import clock


class Engine:
    """`committed` is told the inserted rows of a group after its commit: for wake-ups, no more."""

    def __init__(
        self,
        dsn: str,
        schema: Schema,
        committed: Callable[[Rows], None] | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.limits = limits = limits or Limits()
        self.figures: Counter[str] = Counter()
        database = Database(dsn, schema, limits, committed, self.figures)
        self._queue = Queue(limits)
        # Who waits for one merchant's rows shall hold no rows of another.
        self._aside = Queue(limits, mixed=False)
        self._lane = Lane(database, self._queue, limits.lock_timeout_ms, self._set_aside)
        self._slow_lane = Lane(database, self._aside, limits.slow_lock_timeout_ms)
        self.connected = self._lane.connected
        """Set while the database answers."""
        self._stopping = False
        self._running: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Returns at once; commands are refused as Unavailable until the database answers."""
        self._running = [
            asyncio.create_task(self._lane.serve_forever()),
            asyncio.create_task(self._slow_lane.serve_when_needed()),
        ]

    async def stop(self) -> None:
        """Commits what has queued, then ends."""
        self._stopping = True
        for lane, running in zip((self._lane, self._slow_lane), self._running, strict=False):
            lane.stop()
            await running

    async def run(self, command: Command, *, reserved: bool = False) -> Outcome | Refused:
        """Queues a command and waits for its decision, which is committed when this returns.

        `reserved`: for callbacks and processors' answers, which find room when wishes do not.
        Raises Overloaded or Unavailable; a bug in `decide` comes out as it was raised.
        """
        if not self.connected.is_set() or self._stopping:
            raise Unavailable
        limits = self.limits
        room = limits.queue_max if reserved else limits.queue_max - limits.queue_reserved
        if len(self._queue) >= room:
            raise Overloaded
        share = room * limits.merchant_share
        if not reserved and self._queue.queued(command.merchant_id) >= share:
            raise Overloaded
        future: asyncio.Future[Outcome | Refused] = asyncio.get_running_loop().create_future()
        self._queue.put(Waiting(command, future, clock.monotonic_s()))
        return await future

    def _set_aside(self, waiting: Waiting) -> None:
        self.figures["set aside"] += 1
        if len(self._aside) < self.limits.slow_max:
            self._aside.put(waiting)
        else:
            settle(waiting, Overloaded())
