"""The newest messages, in memory, and waiting for newer ones."""

import asyncio
from collections import deque
from contextlib import suppress

from msgspec import Struct

MESSAGES_KEPT = 500


class Message(Struct, frozen=True):
    """One request as it came: header names in lower case, `received_at` in RFC 3339, UTC."""

    id: str
    path: str
    headers: dict[str, str]
    body: str
    received_at: str


class Store:
    """Keeps the newest MESSAGES_KEPT."""

    def __init__(self) -> None:
        self._messages: deque[Message] = deque(maxlen=MESSAGES_KEPT)
        self._news = asyncio.Condition()
        self._closed = False

    async def add(self, message: Message) -> None:
        self._messages.append(message)
        async with self._news:
            self._news.notify_all()

    def clear(self) -> None:
        self._messages.clear()

    async def close(self) -> None:
        """Nobody goes on waiting."""
        self._closed = True
        async with self._news:
            self._news.notify_all()

    def newer(self, after: str, limit: int) -> list[Message]:
        """In the order of arrival: the first ones after `after`, so that paging skips none.

        Without `after`, or when it is not kept any more, the newest ones.
        """
        found: list[Message] = []
        for message in reversed(self._messages):
            if message.id == after:
                return found[::-1][:limit]
            found.append(message)
        return found[:limit][::-1]

    async def wait(self, after: str, limit: int, wait_s: float) -> list[Message]:
        """As `newer`, but waits so long until there is one."""
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s), self._news:
                await self._news.wait_for(lambda: self._closed or self.newer(after, 1))
        return self.newer(after, limit)

    async def pause(self, seconds: float) -> None:
        """Just waits, unless the program stops."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._news:
                await self._news.wait_for(lambda: self._closed)
