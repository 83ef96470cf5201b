"""The queue in front of the groups: bounded, and merchants take turns in it.

One merchant's flood delays only that merchant: a group takes one command of each in turn.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from tillgate.engine.command import Command, Outcome, Refused
from tillgate.kit import clock


class Limits(NamedTuple):
    group_max: int = 128  # commands in one transaction
    queue_max: int = 4096  # commands waiting
    queue_reserved: int = 1024  # of these, for callbacks and processors' answers alone
    merchant_share: float = 0.5  # of the queue that one merchant may fill
    age_max_s: float = 10.0  # a command that has waited longer is refused, not run
    tries: int = 4  # of a group, before it is cut in halves
    lock_timeout_ms: int = 250  # then what is contended goes to the slow lane
    slow_lock_timeout_ms: int = 4000  # there; then it is refused
    slow_max: int = 1024  # commands waiting in the slow lane
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


class Queue:
    """First come, first served within a merchant; in turns between merchants.

    `mixed`: a group may hold commands of several merchants.
    """

    def __init__(self, limits: Limits, *, mixed: bool = True) -> None:
        self._limits = limits
        self._mixed = mixed
        self._turns: OrderedDict[UUID, deque[Waiting]] = OrderedDict()
        self._size = 0
        self.work = asyncio.Event()
        """Set when there is something to do, or to look after: a stop, a lost connection."""

    def __len__(self) -> int:
        return self._size

    def queued(self, merchant_id: UUID) -> int:
        """How many commands of this merchant wait."""
        return len(self._turns.get(merchant_id, ()))

    def put(self, waiting: Waiting) -> None:
        self._turns.setdefault(waiting.command.merchant_id, deque()).append(waiting)
        self._size += 1
        self.work.set()

    def take(self) -> list[Waiting]:
        """The next group; what has waited too long is refused instead."""
        group: list[Waiting] = []
        oldest_s = clock.monotonic_s() - self._limits.age_max_s
        while self._size and len(group) < self._limits.group_max:
            merchant_id = next(iter(self._turns))
            if group and not self._mixed and merchant_id != group[0].command.merchant_id:
                break
            waiting = self._next()
            if waiting.since_s < oldest_s:
                settle(waiting, Overloaded())
            else:
                group.append(waiting)
        return group

    def refuse_all(self) -> None:
        while self._size:
            settle(self._next(), Unavailable())

    def _next(self) -> Waiting:
        merchant_id, commands = next(iter(self._turns.items()))
        waiting = commands.popleft()
        self._size -= 1
        if commands:
            self._turns.move_to_end(merchant_id)
        else:
            del self._turns[merchant_id]
        return waiting


def settle(waiting: Waiting, result: Any) -> None:
    """The client may have gone; what was decided stays decided."""
    if waiting.future.done():
        return
    if isinstance(result, BaseException):
        waiting.future.set_exception(result)
    else:
        waiting.future.set_result(result)


def settle_all(group: Sequence[Waiting], results: Sequence[Any]) -> None:
    for waiting, result in zip(group, results, strict=True):
        settle(waiting, result)
