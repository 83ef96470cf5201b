"""A merchant's server that costs next to nothing: it counts what arrives, and answers 200."""

import asyncio
import time
from typing import Self, cast

from bench.window import Done
from bench.wire import whole_bytes

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"
PATIENCE_S = 30.0
"""How long the first request may take."""


class Receiver:
    """Listens on a free port of this machine, from entering the context to leaving it."""

    def __init__(self) -> None:
        self.port = 0
        self.last_request = b""
        self.done = Done([], [])
        self._first = asyncio.Event()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    def forget(self) -> None:
        self.done = Done([], [])
        self._first.clear()

    async def first(self) -> None:
        """Returns when something has arrived."""
        async with asyncio.timeout(PATIENCE_S):
            await self._first.wait()

    def arrived(self, request: bytes) -> None:
        self.last_request = request
        self.done.ended_s.append(time.time())
        self._first.set()


class _Connection(asyncio.Protocol):
    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        data = self._rest + data if self._rest else data
        while size_bytes := whole_bytes(data):
            self._receiver.arrived(data[:size_bytes])
            self._transport.write(ANSWER)
            data = data[size_bytes:]
        self._rest = data
