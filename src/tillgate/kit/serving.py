"""Running an ASGI application on one address until a signal: the same way for every program."""

import socket
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Any

import uvicorn

BACKLOG = 4096
"""Connections that may wait to be accepted."""

KEEP_ALIVE_S = 75
"""Longer than clients keep idle connections, so that it is never us who hangs up on a request."""


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
        http="httptools",
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


class _Server(uvicorn.Server):
    """Stops on a signal without dying of it: uvicorn would raise it again at the end."""

    def __init__(self, config: uvicorn.Config, stopping: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._stopping = stopping

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        del sig, frame
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._stopping()
        await super().shutdown(sockets)
