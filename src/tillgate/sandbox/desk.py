"""What every answer of the sandbox is made from: the request, and what the program holds."""

import asyncio
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import unquote

import msgspec

from tillgate.kit.http import Answer, Receive, Scope, encode, read_body
from tillgate.sandbox.jobs import Sender
from tillgate.sandbox.model import BODY_MAX_BYTES, Refusal
from tillgate.sandbox.settings import Settings
from tillgate.sandbox.store import Store

NO_ROUTE = Refusal(404, "not_found", "There is nothing at this address.")
WRONG_METHOD = Refusal(405, "method_not_allowed", "This address does not take this method.")


class Desk(NamedTuple):
    """`closing` is set when the program is asked to stop: nobody goes on waiting then."""

    store: Store
    sender: Sender
    settings: Settings
    secret: str
    url: str
    closing: asyncio.Event

    async def pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.closing.wait(), seconds)

    async def first_tries(self, reference: str) -> None:
        """Until the payment's callbacks were tried once, or the program stops."""
        tried = asyncio.ensure_future(self.sender.first_tries(reference))
        closing = asyncio.ensure_future(self.closing.wait())
        _, unfinished = await asyncio.wait({tried, closing}, return_when=asyncio.FIRST_COMPLETED)
        for task in unfinished:
            task.cancel()


class Request(NamedTuple):
    """`parts` are the path's segments, decoded: `["api", "payments"]`; headers in lower case."""

    method: str
    parts: list[str]
    query: str
    headers: dict[str, str]
    body: bytes


async def read_request(scope: Scope, receive: Receive) -> Request:
    """Raises BodyTooLarge and ClientGone."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    return Request(
        method=scope["method"],
        parts=[unquote(part) for part in raw.decode("latin-1").split("/") if part],
        query=scope["query_string"].decode("latin-1"),
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in headers},
        body=await read_body(receive, BODY_MAX_BYTES),
    )


def json_answer(value: object, status: int = 200) -> Answer:
    return Answer(status, encode(value))


def refused(refusal: Refusal) -> Answer:
    return json_answer({"error": refusal.code, "message": refusal.message}, refusal.status)


def invalid(error: msgspec.DecodeError) -> Answer:
    """A body that is not JSON, or not of the right shape."""
    return refused(Refusal(400, "invalid", str(error)))
