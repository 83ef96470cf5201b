"""The API as one ASGI application: who is calling, what goes wrong, and the two hot routes.

`POST /v1/payments` and `POST /callbacks/…` are plain handlers; Litestar serves everything else.
"""

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Any, cast
from urllib.parse import parse_qsl

import asyncpg
import structlog

from tillgate.callbacks.api import Callbacks
from tillgate.doors import Doors
from tillgate.doors.entrance import ROOMS
from tillgate.doors.frame import House
from tillgate.engine.writer import Overloaded, Unavailable
from tillgate.idempotency.store import Gates
from tillgate.kit import db, ids, memory, serving
from tillgate.kit.caller import Caller
from tillgate.kit.http import (
    Answer,
    App,
    BodyTooLarge,
    ClientGone,
    Message,
    Receive,
    Scope,
    Send,
    read_body,
    refusal_answer,
    send_answer,
)
from tillgate.kit.refusal import Refused
from tillgate.main import logs
from tillgate.main.business import adopt_at_start
from tillgate.main.doorkeeper import VERSION_HEADER, Doorkeeper, Headers, header
from tillgate.main.parts import Parts, digest_key_of, opened
from tillgate.main.site import site
from tillgate.payments.api import Payments, Request
from tillgate.payments.perform import Performer
from tillgate.payments.wishes import Counter
from tillgate.settings import Settings

log = structlog.get_logger()

PUBLIC = frozenset(("/v1/openapi.json",))
"""Under `/v1/`, but for everybody."""

UNAVAILABLE = Refused(
    "database_unavailable", "The database does not answer; nothing was done. Try again shortly."
)
OVERLOADED = Refused("overloaded", "Too much at once; nothing was done. Try again shortly.")
TOO_LARGE = Refused("body_too_large", "The body is larger than this route takes.")
NOWHERE = Refused("not_found", "There is nothing at this address.")
NOT_JSON = Refused("content_type_unsupported", "Send the body as application/json.")
INTERNAL = Refused("internal", "Something went wrong here; the request id finds it in the log.")


GRACE_S = 2
"""How long requests may go on after the signal to stop."""


def serve(settings: Settings, host: str, port: int) -> None:
    """Runs the API until SIGINT or SIGTERM."""
    logs.set_up(settings.log_level)
    gateway = Gateway(settings)
    serving.run(
        gateway, host, port, lifespan=True, stopping=gateway.close_streams, stop_max_s=GRACE_S
    )


class Gateway:
    """The application that uvicorn runs."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._parts: Parts | None = None
        self._opening: AbstractAsyncContextManager[Parts] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)

    async def close_streams(self) -> None:
        """Pages that watch a payment are let go; they ask again, somewhere else."""
        if self._parts is not None:
            self._parts.listener.close_streams()

    # ---- start and stop ---------------------------------------------------------------------

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self._opening = opened(self._settings)
        parts = self._parts = await self._opening.__aenter__()
        digest_key = digest_key_of(self._settings)
        self._payments = Payments(
            parts.engine, parts.pool, parts.connections, parts.links, digest_key
        )
        self._callbacks = Callbacks(parts.engine, parts.connections, parts.tally)
        self._door = Doorkeeper(self._settings, parts.keys, parts.connections)
        performer = Performer(parts.engine, parts.connections, parts.links)
        gates = Gates(parts.pool, parts.vault, digest_key)
        self._site = site(parts, performer, gates)
        self._doors = Doors(self._house(parts, performer, gates))
        adopting = asyncio.create_task(adopt_at_start(parts))
        memory.settle()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        adopting.cancel()
        await asyncio.gather(adopting, return_exceptions=True)
        await self._opening.__aexit__(None, None, None)
        await send({"type": "lifespan.shutdown.complete"})

    def _house(self, parts: Parts, performer: Performer, gates: Gates) -> House:
        return House(
            parts.settings, parts.pool, parts.engine, parts.connections, performer,
            Counter(parts.pool, performer), self._callbacks, gates, parts.vault, parts.policy,
            parts.links, self._door,
        )  # fmt: skip

    # ---- requests ---------------------------------------------------------------------------

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = ids.show("req", ids.mint())
        headers: Headers = []
        try:
            answer = await self._answer(scope, receive, send, request_id, headers)
        except ClientGone:
            return
        if answer is not None:
            if isinstance(answer, Refused):
                answer = refusal_answer(answer, request_id)
            answer = answer._replace(headers=(*answer.headers, *headers))
            await send_answer(send, answer, request_id)

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, request_id: str, headers: Headers
    ) -> Answer | Refused | None:
        """The answer of a hot route, or a refusal; None when Litestar has answered itself. What
        every answer to this request tells besides joins `headers`."""
        try:
            return await self._route(scope, receive, send, request_id, headers)
        except (BodyTooLarge, Unavailable, Overloaded, ClientGone, *db.LOST) as error:
            if isinstance(error, ClientGone):
                raise
            return why(error)
        except asyncpg.PostgresError:
            log.exception("database_error", request_id=request_id, route=_room(scope))
            return INTERNAL
        except Exception:
            log.exception("request_failed", request_id=request_id, route=_room(scope))
            return INTERNAL

    async def _route(
        self, scope: Scope, receive: Receive, send: Send, request_id: str, headers: Headers
    ) -> Answer | Refused | None:
        path: str = scope["path"]
        posts = scope["method"] == "POST"
        self._door.place(scope)
        if posts and path.startswith("/callbacks/"):
            refused = self._door.callback(scope, headers)
            return refused or await self._callbacks.receive(scope, receive, request_id)
        if path.startswith("/v1/"):
            headers.append(VERSION_HEADER)
        if path.startswith(ROOMS):
            answer = await self._doors.answer(scope, receive, request_id, headers)
            if answer is not None:
                return answer
        refused = _nul(path, scope["query_string"])
        if refused is not None:
            return refused
        state: dict[str, Any] = scope.setdefault("state", {})
        state["request_id"] = request_id
        if path.startswith("/v1/") and path not in PUBLIC:
            caller = await self._door.admit(scope, headers)
            if isinstance(caller, Refused):
                return caller
            if scope["method"] in {"POST", "PUT", "PATCH"} and not _is_json(scope):
                return NOT_JSON
            if posts and path == "/v1/payments":
                return await self._create(scope, receive, caller, request_id)
            state["caller"] = caller
        # Litestar types the same messages more narrowly
        await cast("App", self._site)(scope, receive, _with(send, request_id, headers))
        return None

    async def _create(
        self, scope: Scope, receive: Receive, caller: Caller, request_id: str
    ) -> Answer | Refused:
        body = await read_body(receive)
        client: tuple[str, int] | None = scope.get("client")
        key = header(scope, b"idempotency-key")
        request = Request(caller, body, key, client[0] if client else None, request_id)
        return await self._payments.create(request)


def why(error: Exception) -> Refused:
    """What an error of the edge means to the caller."""
    if isinstance(error, BodyTooLarge):
        return TOO_LARGE
    return OVERLOADED if isinstance(error, Overloaded) else UNAVAILABLE


def _room(scope: Scope) -> str:
    """The beginning of the path, for the log: what follows may be a payer's secret."""
    return "/" + scope["path"].split("/")[1]


def _nul(path: str, query: bytes) -> Refused | None:
    """PostgreSQL's text cannot hold NUL: nothing is named so, and nothing can be asked for so."""
    if "\0" in path:
        return NOWHERE
    for name, value in parse_qsl(query.decode("latin-1")) if b"%00" in query else ():
        if "\0" in name + value:
            return Refused("parameter_invalid", "It holds the character NUL.", name)
    return None


def _is_json(scope: Scope) -> bool:
    """A body without a content type is taken for JSON: what else could it be here."""
    kind = header(scope, b"content-type")
    return kind is None or kind.partition(";")[0].strip().lower() == "application/json"


def _with(send: Send, request_id: str, told: Headers) -> Send:
    async def send_with(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [*message["headers"], (b"request-id", request_id.encode()), *told]
            message = {**message, "headers": headers}
        await send(message)

    return send_with
