"""A small Stripe over real HTTP: its API as the official SDK speaks it, idempotency keys, signed
webhooks, and faults on demand. Tests start it, pay at it and break it by its methods.

All that it says is held against what Stripe has published; who stops it hears what did not fit.
"""

import asyncio
import hmac
import json
import re
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Literal, cast
from urllib.parse import unquote_plus

import aiohttp
from aiohttp import web

from tests.fakes.published.judge import Problems, problems
from tests.fakes.stripe_books import Books, No, shown
from tests.fakes.stripe_objects import Thing, account, error, event, page
from tillgate.kit import clock

SECRET_KEY = "sk_test_FakeOfTests"
PUBLISHABLE_KEY = "pk_test_FakeOfTests"
WEBHOOK_SECRET = "whsec_FakeOfTests"
LIMIT_DEFAULT = 10

Fault = Literal["500_before", "500_after", "cut_after", "hang_after", "429", "409"]
"""What befalls the next POST: before its work is done, or after."""


class FakeStripe:
    """One account. `url` is its API's base; events go to `webhook_url`, when there is one."""

    def __init__(self) -> None:
        self.books = Books(self._tell)
        self.webhook_url: str | None = None
        self.country = "US"
        self.charges_enabled = True
        self.faults: deque[Fault] = deque()
        self.held: list[Thing] | None = None  # a list holds events back until `release`
        self.events: list[Thing] = []
        self.requests: list[tuple[str, str, Thing, str | None]] = []
        self.misfits: Problems = []
        self._kept: dict[str, tuple[Thing, tuple[int, Thing] | None]] = {}
        self._sending: set[asyncio.Task[int]] = set()
        self._let_go = asyncio.Event()

    async def start(self, port: int = 0) -> None:
        app = web.Application()
        for method, path, deed in self._routes():
            app.router.add_route(method, path, self._answering(deed))
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.port: int = self._runner.addresses[0][1]
        self.url = self.books.url = f"http://127.0.0.1:{self.port}"
        self._client = aiohttp.ClientSession()

    async def stop(self) -> None:
        self._let_go.set()
        await self.settled()
        await self._client.close()
        await self._runner.cleanup()
        assert self.misfits == []

    # ---- webhooks -------------------------------------------------------------------------------

    async def settled(self) -> None:
        """Returns when every event has been delivered."""
        while self._sending:
            await asyncio.gather(*self._sending, return_exceptions=True)

    async def deliver(
        self, told: Thing, secret: str = WEBHOOK_SECRET, at_s: int | None = None
    ) -> int:
        """Sends an event, signed (or forged); answers the endpoint's status."""
        body = json.dumps(told).encode()
        headers = {"Stripe-Signature": sign(body, secret, at_s), "Content-Type": "application/json"}
        async with self._client.post(self.webhook_url or "", data=body, headers=headers) as answer:
            return answer.status

    async def release(self, *, backwards: bool = False, times: int = 1) -> None:
        """Sends what was held back, in this order, so often."""
        held, self.held = self.held or [], None
        for told in (reversed(held) if backwards else held) if held else ():
            for _ in range(times):
                await self.deliver(told)

    def _tell(self, kind: str, thing: Thing) -> None:
        told = event(kind, thing, None)
        self.misfits += problems(told)
        self.events.append(told)
        if self.held is not None:
            self.held.append(told)
        elif self.webhook_url is not None:
            task = asyncio.ensure_future(self.deliver(told))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    # ---- the API --------------------------------------------------------------------------------

    def _routes(self) -> list[tuple[str, str, "Deed"]]:
        books = self.books
        intents, sessions = "/v1/payment_intents", "/v1/checkout/sessions"
        return [
            ("POST", intents, lambda _, p: books.create_intent(p)),
            ("GET", f"{intents}/search", self._search),
            ("GET", f"{intents}/{{id}}", self._intent),
            ("POST", f"{intents}/{{id}}/confirm", self._confirm),
            ("POST", f"{intents}/{{id}}/cancel", lambda i, _: books.cancel(i)),
            (
                "POST",
                f"{intents}/{{id}}/capture",
                lambda i, p: books.capture(i, p.get("amount_to_capture")),
            ),
            (
                "POST",
                "/v1/refunds",
                lambda _, p: books.refund(
                    p["payment_intent"], p.get("amount"), p.get("metadata", {})
                ),
            ),
            ("GET", "/v1/refunds", lambda _, p: self._page("refund", "/v1/refunds", p)),
            ("GET", "/v1/disputes", lambda _, p: self._page("dispute", "/v1/disputes", p)),
            ("GET", "/v1/charges", lambda _, p: self._page("charge", "/v1/charges", p)),
            ("GET", "/v1/charges/{id}", lambda i, _: books.find("charge", i)),
            ("POST", sessions, lambda _, p: books.create_session(p)),
            ("GET", f"{sessions}/{{id}}", lambda i, _: books.find("checkout.session", i)),
            ("POST", f"{sessions}/{{id}}/expire", lambda i, _: books.expire_session(i)),
            ("GET", "/v1/account", lambda _, __: self._account()),
        ]

    def _intent(self, id_: str, params: Thing) -> Thing:
        found = shown(self.books.find("payment_intent", id_))
        if "latest_charge" in params.get("expand", []) and found["latest_charge"]:
            found["latest_charge"] = shown(self.books.things[found["latest_charge"]])
        return found

    def _confirm(self, id_: str, params: Thing) -> Thing:
        """As Stripe.js does it: with the publishable key and the intent's own secret."""
        secret = params.get("client_secret")
        if secret not in {None, self.books.find("payment_intent", id_)["client_secret"]}:
            raise No(400, "The client_secret provided does not match.", None)
        return self.books.confirm(id_, params.get("payment_method", "pm_card_visa"))

    def _search(self, _: str, params: Thing) -> Thing:
        asked = re.fullmatch(r"metadata\['(\w+)'\]:'(\w+)'", params["query"])
        assert asked
        every = self.books.all("payment_intent", None)
        fitting = [one for one in every if one["metadata"].get(asked[1]) == asked[2]]
        found = page(list(map(shown, fitting)), "/v1/payment_intents/search", has_more=False)
        return found | {"object": "search_result", "next_page": None}

    def _page(self, kind: str, url: str, params: Thing) -> Thing:
        every = self.books.all(kind, params.get("payment_intent"))
        after = params.get("starting_after")
        if after is not None:
            every = every[[one["id"] for one in every].index(after) + 1 :]
        limit = params.get("limit", LIMIT_DEFAULT)
        return page(list(map(shown, every[:limit])), url, has_more=len(every) > limit)

    def _account(self) -> Thing:
        able = {"card_payments": "active"}
        if self.books.cashapp:
            able["cashapp_payments"] = "active"
        return account(self.country, able, charges_enabled=self.charges_enabled)

    # ---- HTTP -----------------------------------------------------------------------------------

    def _answering(self, deed: "Deed") -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(request: web.Request) -> web.StreamResponse:
            form = await request.text() if request.method == "POST" else request.query_string
            params = parse(form)
            key = request.headers.get("Idempotency-Key")
            self.requests.append((request.method, request.path, params, key))
            if not self._may(request, params):
                return self._error(401, "Invalid API Key provided.", None, None)
            if request.method != "POST":
                return self._json(*self._do(deed, request, params))
            return await self._post(deed, request, params, key)

        return answer

    async def _post(
        self, deed: "Deed", request: web.Request, params: Thing, key: str | None
    ) -> web.StreamResponse:
        asked = {"path": request.path, "params": params}
        fault = self.faults.popleft() if self.faults else None
        if fault == "500_before":
            return self._error(500, "An error occurred.", None, "api_error")
        if fault == "429":
            return self._error(429, "Too many requests.", "rate_limit", None)
        if fault == "409":
            return self._error(409, "In use.", "idempotency_key_in_use", "idempotency_error")
        if key is not None and key in self._kept:
            return self._again(key, asked)
        status, said = self._do(deed, request, params)
        if fault == "500_after":
            status, said = 500, {"error": error("api_error", "An error occurred.", None)}
        if key is not None:
            self._kept[key] = asked, (status, said)
        if fault == "hang_after":
            await self._let_go.wait()
        if fault == "cut_after" and request.transport is not None:
            request.transport.abort()
        return self._json(status, said)

    def _again(self, key: str, asked: Thing) -> web.Response:
        """The first answer once more, whatever it was; another request under the key is refused."""
        first, answered = self._kept[key]
        if first != asked:
            words = "Keys for idempotent requests can only be used with the same parameters."
            return self._error(400, words, None, "idempotency_error")
        assert answered is not None
        answer = self._json(*answered)
        answer.headers["Idempotent-Replayed"] = "true"
        return answer

    def _do(self, deed: "Deed", request: web.Request, params: Thing) -> tuple[int, Thing]:
        try:
            return 200, shown(deed(request.match_info.get("id", ""), params))
        except No as no:
            return no.status, {"error": no.error}

    def _error(self, status: int, message: str, code: str | None, kind: str | None) -> web.Response:
        said = error(kind or "invalid_request_error", message, code)
        return self._json(status, {"error": said})

    def _json(self, status: int, said: Thing) -> web.Response:
        self.misfits += problems(said)
        headers = {"Request-Id": "req_FakeOfTests"}
        return web.json_response(said, status=status, headers=headers)

    def _may(self, request: web.Request, params: Thing) -> bool:
        given = request.headers.get("Authorization")
        from_browser = params.pop("key", None) == PUBLISHABLE_KEY and "client_secret" in params
        return given == f"Bearer {SECRET_KEY}" or from_browser


Deed = Callable[[str, Thing], Thing]


def sign(body: bytes, secret: str = WEBHOOK_SECRET, at_s: int | None = None) -> str:
    """The header `Stripe-Signature`."""
    stamp = clock.unix_s() if at_s is None else at_s
    mac = hmac.digest(secret.encode(), f"{stamp}.".encode() + body, "sha256").hex()
    return f"t={stamp},v1={mac}"


def parse(form: str) -> Thing:
    """`a[b][0]=1` as nested objects and lists; what Stripe takes as a number or truth is one."""
    tree: Thing = {}
    for pair in filter(None, form.split("&")):
        name, _, value = (unquote_plus(part) for part in pair.partition("="))
        *places, last = re.findall(r"[^\[\]]+", name)
        if name.endswith("[]"):
            places, last = [*places, last], ""
        at = tree
        for place in places:
            at = at.setdefault(place, {})
        at[last or str(len(at))] = value
    return _typed(tree, ())


NUMBERS = {"amount", "amount_to_capture", "unit_amount", "quantity", "limit"}


def _typed(found: Any, path: tuple[str, ...]) -> Any:
    if isinstance(found, dict):
        tree = cast("Thing", found)
        typed = {name: _typed(value, (*path, name)) for name, value in tree.items()}
        listed = bool(typed) and all(name.isdecimal() for name in typed)
        return list(typed.values()) if listed else typed
    if "metadata" in path:
        return found
    if path[-1] in NUMBERS:
        return int(found)
    return found == "true" if path[-1] == "confirm" else found
