"""Running an ASGI application on one address until a signal: the same way for every program."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tillgate.kit import clock

BACKLOG = 4096
"""Connections that may wait to be accepted."""

KEEP_ALIVE_S = 75
"""Longer than clients keep idle connections, so that it is never us who hangs up on a request."""

REQUEST_MAX_S = 15
"""How long a client may take to send one request, from its first byte or its connection on."""

HEAD_MAX_BYTES = 64 * 1024
"""Of request line and headers."""

TICKS_PER_SWEEP = 10
"""uvicorn ticks ten times a second."""


def run(
    app: Any,
    host: str,
    port: int,
    *,
    lifespan: bool,
    stopping: Callable[[], Awaitable[None]],
    stop_max_s: int,
) -> None:
    """Serves until SIGTERM or SIGINT, then returns. SystemExit when the port is taken.

    `stopping` is awaited first, so that who waits for news can be sent home; what still goes on
    after `stop_max_s` is cut.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http=_Protocol,
        ws="none",
        lifespan="on" if lifespan else "off",
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=stop_max_s,
        proxy_headers=False,
        access_log=False,
        log_level="warning",
        server_header=False,
    )
    _Server(config, stopping).run()


class _Protocol(HttpToolsProtocol):
    """Knows since when it has waited for a request to be whole, and how long its head has grown."""

    waiting_since_s: float | None
    _head_bytes: int | None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.waiting_since_s = clock.monotonic_s()
        self._head_bytes = 0

    def data_received(self, data: bytes) -> None:
        if self._head_bytes is not None:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes is not None and self._head_bytes > HEAD_MAX_BYTES:
            self.transport.abort()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.waiting_since_s = clock.monotonic_s()

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._head_bytes = None

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self.waiting_since_s = None
        self._head_bytes = 0


class _Server(uvicorn.Server):
    """Stops on a signal without dying of it: uvicorn would raise it again at the end."""

    def __init__(self, config: uvicorn.Config, stopping: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._stopping = stopping

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        del sig, frame
        self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        if counter % TICKS_PER_SWEEP == 0:
            self._hang_up_on_the_slow()
        return await super().on_tick(counter)

    def _hang_up_on_the_slow(self) -> None:
        oldest_s = clock.monotonic_s() - REQUEST_MAX_S
        for connection in [cast("_Protocol", one) for one in self.server_state.connections]:
            if connection.waiting_since_s is not None and connection.waiting_since_s < oldest_s:
                connection.transport.abort()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._stopping()
        await super().shutdown(sockets)
