"""HTTP clients that cost next to nothing: they share two cores with what they measure.

Each keeps one connection, sends the next request as soon as the answer has come, and understands
of the answer no more than its status and its length. Requests come as bytes, ready to send.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Self, cast

from bench.window import Done
from bench.wire import whole_bytes

PATIENCE_S = 20.0
"""How long the last answers may take."""


class WrongAnswer(Exception):
    """Something else than the expected status was answered, or the connection was lost."""


class Load:
    """So many clients on one port of this machine, from entering the context to leaving it."""

    def __init__(self, port: int, clients: int, requests: Iterator[bytes], status: int) -> None:
        self._port = port
        self._clients = clients
        self._requests = requests
        self._status = b"%d" % status
        self._stopping = False
        self._wrong: Counter[str] = Counter()
        self._idle = asyncio.Semaphore(0)
        self.done = Done([], [])

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for _client in range(self._clients):
            await loop.create_connection(lambda: _Client(self), "127.0.0.1", self._port)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        """Waits for the answers that are on their way. Raises WrongAnswer."""
        self._stopping = True
        async with asyncio.timeout(PATIENCE_S):
            for _ in range(self._clients):
                await self._idle.acquire()
        if self._wrong and kind is None:
            raise WrongAnswer(dict(self._wrong))

    async def finished(self) -> None:
        """Returns when the requests are used up."""
        for _ in range(self._clients):
            await self._idle.acquire()
        for _ in range(self._clients):
            self._idle.release()

    # ---- for the clients

    def next(self) -> bytes | None:
        return None if self._stopping else next(self._requests, None)

    def answered(self, status: bytes, sent_s: float) -> None:
        now_s = time.time()
        self.done.ended_s.append(now_s)
        self.done.took_s.append(now_s - sent_s)
        if status != self._status:
            self._wrong[status.decode("latin-1")] += 1

    def ended(self, why: str | None = None) -> None:
        if why is not None:
            self._wrong[why] += 1
        self._idle.release()


async def once(port: int, requests: Iterator[bytes], status: int, count: int = 1) -> None:
    """Sends the first requests, one after the other."""
    async with Load(port, 1, islice(requests, count), status) as load:
        await load.finished()


class _Client(asyncio.Protocol):
    def __init__(self, load: Load) -> None:
        self._load = load
        self._answer = b""
        self._sent_s = 0.0
        self._waiting = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        answer = self._answer + data if self._answer else data
        if not whole_bytes(answer):
            self._answer = answer
            return
        self._answer = b""
        self._load.answered(answer[9:12], self._sent_s)
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting:
            self._waiting = False
            self._load.ended(f"connection lost: {exc}")

    def _send(self) -> None:
        request = self._load.next()
        if request is None:
            self._waiting = False
            self._load.ended()
            self._transport.close()
            return
        self._sent_s = time.time()
        self._transport.write(request)
