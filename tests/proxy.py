"""A TCP proxy in front of PostgreSQL that loses a connection at a chosen moment."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

Loss = Literal["request", "reply"]


class Proxy:
    """`lose`: at the next message that holds `needle`, cut the connection: before the server
    gets it (`request`), or after it got it and before the client hears (`reply`)."""

    def __init__(self, host: str, port: int) -> None:
        self._server = host, port
        self._needle = b""
        self._loss: Loss = "reply"
        self.lost = asyncio.Event()
        self.requests = 0
        """How often clients have sent something."""

    def lose(self, loss: Loss, needle: bytes) -> None:
        self._loss, self._needle = loss, needle
        self.lost.clear()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._server)
        answers = asyncio.create_task(_pump(there, writer))
        try:
            while data := await reader.read(1 << 16):
                self.requests += 1
                if self._needle and self._needle in data:
                    await self._cut(data, there, back, answers)
                    break
                back.write(data)
                await back.drain()
        finally:
            answers.cancel()
            writer.transport.abort()
            back.close()

    async def _cut(
        self,
        data: bytes,
        there: asyncio.StreamReader,
        back: asyncio.StreamWriter,
        answers: "asyncio.Task[None]",
    ) -> None:
        self._needle = b""
        answers.cancel()
        await asyncio.gather(answers, return_exceptions=True)
        if self._loss == "reply":
            back.write(data)
            await back.drain()
            await there.read(1)  # the server has answered; the client shall not know
        self.lost.set()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def proxied(dsn: str) -> AsyncGenerator[tuple[Proxy, str]]:
    """The proxy, and the address of the database behind it."""
    parts = urlsplit(dsn)
    proxy = Proxy(parts.hostname or "127.0.0.1", parts.port or 5432)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    netloc = f"{parts.username}:{parts.password}@127.0.0.1:{port}"
    try:
        yield proxy, urlunsplit(parts._replace(netloc=netloc))
    finally:
        server.close()
