"""`POST /callbacks/{connection}`: the door for processors. A plain ASGI handler, for speed.

Answers 200 `{"received":true}` when the message is committed; 400 when it is forged, stale or
unreadable, with nothing booked; 404 for a connection that is not there; 503 to be sent again.
"""

from typing import NamedTuple

from msgspec import Raw

from tillgate.audit.model import Owner
from tillgate.callbacks.commands import ApplyCallback, Message
from tillgate.callbacks.store import RefusedMessage, Tally
from tillgate.connections.store import Connections, Linked
from tillgate.connectors.protocol import CallbackRequest, Observation, Unreadable
from tillgate.engine.writer import Engine
from tillgate.kit import clock, ids
from tillgate.kit.failpoints import failpoint
from tillgate.kit.http import Answer, Receive, Scope, encode, read_body
from tillgate.kit.refusal import Refused

BODY_MAX_BYTES = 256 * 1024
"""The largest message that a processor may send."""

HEADERS_KEPT_MAX = 50
HEADER_KEPT_CHARACTERS = 500
RECEIVED = Answer(200, b'{"received":true}')

REFUSALS = {
    "forged": Refused("callback_forged", "The signature does not fit this message."),
    "stale": Refused("callback_stale", "The message is too old, or its clock is wrong."),
}


class Callbacks(NamedTuple):
    """The handler with what it needs."""

    engine: Engine
    connections: Connections
    tally: Tally

    async def receive(self, scope: Scope, receive: Receive, request_id: str) -> Answer | Refused:
        """Verifies, then applies. Raises what `read_body` and `Engine.run` raise."""
        connection_id = ids.parse("con", scope["path"].rpartition("/")[2])
        linked = await self.connections.find(connection_id) if connection_id else None
        if linked is None:
            return Refused("not_found", "There is no such connection.", "connection")
        body = await read_body(receive, BODY_MAX_BYTES)
        request = CallbackRequest(_headers(scope), body)
        return await self._take(linked, request, _address(scope), request_id)

    async def _take(
        self, linked: Linked, request: CallbackRequest, address: str | None, request_id: str
    ) -> Answer | Refused:
        connector = linked.connector
        now = clock.now()
        headers = Raw(encode(_kept(request)))
        verdict = connector.verify(request, now)
        if verdict != "genuine":
            self.tally.refuse(
                RefusedMessage(
                    linked.merchant_id, linked.id, verdict, headers, request.body, address, now
                )
            )
            return REFUSALS[verdict]
        seen = connector.read(request)
        if isinstance(seen, Unreadable):
            self.tally.refuse(
                RefusedMessage(
                    linked.merchant_id, linked.id, "unreadable", headers, request.body, address, now
                )
            )
            return Refused("parameter_invalid", seen.reason, seen.param)
        command = _command(linked, request, headers, seen, request_id)
        await failpoint("callback.before_run")
        await self.engine.run(command, reserved=True)
        await failpoint("callback.after_run")
        self.tally.count(linked.merchant_id, linked.id, "genuine")
        return RECEIVED


def _command(
    linked: Linked,
    request: CallbackRequest,
    headers: Raw,
    seen: list[Observation],
    request_id: str,
) -> ApplyCallback:
    return ApplyCallback(
        owner=connection_owner(linked, request_id),
        id=ids.mint(),
        message=Message(
            connection_id=linked.id,
            event_key=linked.connector.peek(request).event_key,
            observations=tuple(seen),
            headers=headers,
            raw=request.body,
        ),
    )


def connection_owner(linked: Linked, request_id: str | None = None) -> Owner:
    """Who acts when a processor speaks: its connection."""
    actor = ids.show("con", linked.id)
    return Owner(linked.merchant_id, linked.livemode, actor, None, request_id)


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def _kept(request: CallbackRequest) -> dict[str, str]:
    """The headers as they are kept for inspection; what authenticates others is left out."""
    kept = [(k, v) for k, v in request.headers.items() if k not in {"authorization", "cookie"}]
    return {
        name: value[:HEADER_KEPT_CHARACTERS].replace("\0", "")
        for name, value in kept[:HEADERS_KEPT_MAX]
    }


def _address(scope: Scope) -> str | None:
    client: tuple[str, int] | None = scope.get("client")
    return client[0] if client else None
