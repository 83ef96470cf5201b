"""Plain ASGI for the hot routes, and the one shape of errors.

Litestar serves everything else; both answer errors through `error_body`.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple

import msgspec

from tillgate.kit.refusal import Refused

type_json = b"application/json"

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

BODY_MAX_BYTES = 1 << 20
"""The largest request body that any route reads."""

RETRY_AFTER_S = 1
"""What `Retry-After` says with a 503."""

encode: Callable[[object], bytes] = msgspec.json.Encoder().encode


class Answer(NamedTuple):
    """An HTTP answer, ready to send: body in JSON unless `content_type` says otherwise."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()
    content_type: bytes = type_json


class ErrorDetail(msgspec.Struct, frozen=True):
    type: str
    code: str
    message: str
    param: str | None
    request_id: str


class ErrorBody(msgspec.Struct, frozen=True):
    """What every refusal looks like: `{"error": {type, code, message, param, request_id}}`."""

    error: ErrorDetail


class BodyTooLarge(Exception):
    """The body passed its limit; nothing of it was used."""


class ClientGone(Exception):
    """The client hung up before its body was read."""


def error_body(refused: Refused, request_id: str) -> bytes:
    detail = ErrorDetail(refused.type, refused.code, refused.message, refused.param, request_id)
    return encode(ErrorBody(detail))


def refusal_answer(refused: Refused, request_id: str) -> Answer:
    headers: tuple[tuple[bytes, bytes], ...] = ()
    if refused.status == 503:
        headers = ((b"retry-after", b"%d" % RETRY_AFTER_S),)
    return Answer(refused.status, error_body(refused, request_id), headers)


async def read_body(receive: Receive, limit_bytes: int = BODY_MAX_BYTES) -> bytes:
    """The whole body. Raises BodyTooLarge past the limit, ClientGone when the client hangs up."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        body += message.get("body", b"")
        if len(body) > limit_bytes:
            raise BodyTooLarge
        if not message.get("more_body"):
            return body


async def send_answer(send: Send, answer: Answer, request_id: str) -> None:
    headers = [
        (b"content-type", answer.content_type),
        (b"content-length", b"%d" % len(answer.body)),
        (b"request-id", request_id.encode()),
        *answer.headers,
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
