"""The sandbox as a program: plain ASGI on one port of the loopback interface."""

import asyncio
from pathlib import Path

from tillgate.kit import ids, serving
from tillgate.kit.http import (
    Answer,
    BodyTooLarge,
    ClientGone,
    Receive,
    Scope,
    Send,
    send_answer,
)
from tillgate.sandbox import api, control, pages
from tillgate.sandbox.desk import Desk, Request, read_request, refused
from tillgate.sandbox.jobs import Sender
from tillgate.sandbox.model import Refusal
from tillgate.sandbox.settings import Settings
from tillgate.sandbox.store import Store

HOST = "127.0.0.1"
STOP_MAX_S = 1

TOO_LARGE = Refusal(413, "too_large", "The body is larger than 64 KiB.")
FOREIGN = Refusal(403, "foreign", "Another site's page may not do this.")


def serve(port: int, secret: str, data: Path | None, settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT, then returns. SystemExit when the port is taken.

    `secret` is the bearer token of the API and the key of the callbacks' signatures; `data` is a
    folder for the SQLite file, None keeps everything in memory.
    """
    app = Sandbox(port, secret, data, settings)
    serving.run(app, HOST, port, lifespan=True, stopping=app.close, stop_max_s=STOP_MAX_S)


class Sandbox:
    """The ASGI application; what it holds opens and closes with its lifespan."""

    def __init__(self, port: int, secret: str, data: Path | None, settings: Settings) -> None:
        self._url = f"http://{HOST}:{port}"
        self._secret = secret
        self._data = data
        self._settings = settings
        self.closing = asyncio.Event()

    async def close(self) -> None:
        """Nobody waits any longer."""
        self.closing.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        store = Store(self._data)
        sender = Sender(store, self._secret)
        self._desk = Desk(store, sender, self._settings, self._secret, self._url, self.closing)
        await sender.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await sender.stop()
        store.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await _answer(self._desk, await read_request(scope, receive))
        except BodyTooLarge:
            answer = refused(TOO_LARGE)
        except ClientGone:
            return
        await send_answer(send, answer, ids.show("req", ids.mint()))


async def _answer(desk: Desk, request: Request) -> Answer:
    # No page of another site may press our buttons in the visitor's browser.
    if request.method == "POST" and request.headers.get("sec-fetch-site") == "cross-site":
        return refused(FOREIGN)
    match request.parts:
        case ["api", *_]:
            return await api.answer(desk, request)
        case ["control", *_]:
            return await control.answer(desk, request)
        case _:
            return await pages.answer(desk, request)
