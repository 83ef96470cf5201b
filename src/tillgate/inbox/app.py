"""The inbox as a program: plain ASGI on one port of the loopback interface.

`POST` to any path keeps the message; `/fail/{code}` and `/slow/{seconds}` misbehave on purpose.
"""

from math import isnan
from urllib.parse import parse_qs

from msgspec import Struct

from tillgate.inbox import pages
from tillgate.inbox.store import MESSAGES_KEPT, Message, Store
from tillgate.kit import clock, ids, serving
from tillgate.kit.http import (
    Answer,
    BodyTooLarge,
    ClientGone,
    Receive,
    Scope,
    Send,
    encode,
    read_body,
    send_answer,
)

HOST = "127.0.0.1"
BODY_MAX_BYTES = 256 * 1024
WAIT_MAX_S = 30
"""The longest that `/slow` and a waiting look take."""

STOP_MAX_S = 1


class Listed(Struct, frozen=True):
    """The answer of `GET /messages`, in the order of arrival."""

    messages: list[Message]


def serve(port: int) -> None:
    """Serves until SIGTERM or SIGINT, then returns. SystemExit when the port is taken."""
    app = Inbox(port)
    serving.run(app, HOST, port, lifespan=False, stopping=app.store.close, stop_max_s=STOP_MAX_S)


class Inbox:
    """The ASGI application."""

    def __init__(self, port: int) -> None:
        self._url = f"http://{HOST}:{port}"
        self.store = Store()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await self._answer(scope, receive)
        except BodyTooLarge:
            answer = _error(413, f"the body is larger than {BODY_MAX_BYTES // 1024} KiB")
        except ClientGone:
            return
        await send_answer(send, answer, ids.show("req", ids.mint()))

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        path: str = scope["path"]
        method: str = scope["method"]
        headers = _headers(scope)
        if method in {"POST", "DELETE"} and headers.get("sec-fetch-site") == "cross-site":
            return _error(403, "another site's page may not do this")
        match method, path:
            case "POST", _:
                return await self._keep(path, headers, await read_body(receive, BODY_MAX_BYTES))
            case "GET", "/" if "application/json" not in headers.get("accept", ""):
                return pages.show(self.store.newer("", MESSAGES_KEPT), self._url)
            case "GET", "/list":
                return pages.show(self.store.newer("", MESSAGES_KEPT), self._url, "list.html")
            case "GET", "/" | "/messages":
                return await self._list(scope["query_string"].decode("latin-1"))
            case "DELETE", "/messages":
                self.store.clear()
                return Answer(200, encode(Listed([])))
            case _:
                return _error(404, "POST to any path; GET / and /messages; DELETE /messages")

    async def _keep(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        now = clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        # Webhooks are UTF-8; what is not is shown as well as it can be.
        text = body.decode("utf-8", "replace")
        await self.store.add(Message(ids.show("msg", ids.mint()), path, headers, text, now))
        status = 200
        match path.split("/"):
            case ["", "fail", code] if code.isdecimal() and 200 <= int(code) <= 599:
                status = int(code)
            case ["", "slow", seconds]:
                await self.store.pause(_number(seconds, 0, WAIT_MAX_S))
            case _:
                pass
        return Answer(status, b"" if status in {204, 304} else b'{"received":true}')

    async def _list(self, query: str) -> Answer:
        asked = {name: values[-1] for name, values in parse_qs(query).items()}
        limit = max(1, int(_number(asked.get("limit", ""), MESSAGES_KEPT, MESSAGES_KEPT)))
        after = asked.get("after", "")
        wait_s = _number(asked.get("wait_s", ""), 0, WAIT_MAX_S)
        if wait_s:
            return Answer(200, encode(Listed(await self.store.wait(after, limit, wait_s))))
        return Answer(200, encode(Listed(self.store.newer(after, limit))))


def _headers(scope: Scope) -> dict[str, str]:
    raw: list[tuple[bytes, bytes]] = scope["headers"]
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in raw}


def _number(text: str, usual: float, most: float) -> float:
    """A number of a query between zero and `most`; what is none is `usual`."""
    try:
        number = float(text)
    except ValueError:
        return usual
    return usual if isnan(number) else min(max(number, 0), most)


def _error(status: int, message: str) -> Answer:
    return Answer(status, encode({"error": message}))
