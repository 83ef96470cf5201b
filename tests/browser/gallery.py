"""Every checkout page on show over HTTP, with a server's behaviour that a test can direct.

`/states/{state}` shows a state as it typically is. `/page` shows the view that the test has set,
with a status, a stream and a pay form that work. The headers are as strict as the real ones.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta

import msgspec
from aiohttp import web

from tillgate.checkout import assets
from tillgate.checkout.model import State, View
from tillgate.checkout.pages import choose_language, render
from tillgate.kit import clock
from tillgate.kit.money import Money

NONCE = "bm9uY2UtZm9yLXRlc3Rz"
SECURITY_POLICY = (
    f"default-src 'none'; script-src 'self' 'nonce-{NONCE}'; style-src 'self' 'nonce-{NONCE}'; "
    "connect-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
LISTENERS_WITHIN_S = 5
STATUS_CODES: dict[State, int] = {"not_found": 404, "unavailable": 503}
DOCUMENT: dict[str, object] = {
    "openapi": "3.1.0",
    "info": {"title": "Gallery", "version": "1"},
    "paths": {"/v1/payments": {"get": {"summary": "List payments", "responses": {}}}},
}
DOCS_PAGE = """<!doctype html><html lang="en"><title>API</title>
<link rel="stylesheet" href="{css}"><main id="viewer"></main>
<script src="{bundle}"></script><script type="module" src="{docs}"></script></html>"""

Told = asyncio.Queue[bytes | None]
"""What is still to be written to one stream; None ends it."""


class Gallery:
    """A running gallery. Call `show` and `announce`, and something has happened.

    While `paying` is not set, the pay form's answer keeps the payer waiting.
    """

    def __init__(self) -> None:
        self.url = ""
        self.view = View(state="unavailable")
        self.refusing_streams = False
        self.status_down = False
        self.paying = asyncio.Event()
        self.paying.set()
        self.requests: Counter[str] = Counter()
        self.forms: list[dict[str, str]] = []
        self._streams: set[Told] = set()
        self._listening = asyncio.Condition()
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application(middlewares=[self._counted])
        app.add_routes(
            [
                web.get("/states/{state}", self._state),
                web.get("/page", self._page),
                web.post("/pay", self._pay),
                web.get("/status", self._status),
                web.get("/live", self._live),
                web.get("/assets/{name}", self._asset),
                web.get("/docs", self._docs),
                web.get("/v1/openapi.json", self._document),
                web.get("/{place:shop|processor}", self._elsewhere),
            ]
        )
        # a stream's handler ends when its browser hangs up
        self._runner = web.AppRunner(app, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def stop(self) -> None:
        self.paying.set()
        self.cut_streams()
        if self._runner is not None:
            await self._runner.cleanup()

    def show(self, state: State, **changes: object) -> None:
        """The next look at `/page` finds this view, as a new version."""
        number = int(self.view.version or 0) + 1
        self.view = self.sample(state, **{"version": str(number), **changes})

    def sample(self, state: State, **changes: object) -> View:
        """A typical view: two books for €12.50, in test mode."""
        if state in STATUS_CODES:
            return View(state=state)
        typical = View(
            state=state,
            merchant_name="Northwind Books",
            livemode=False,
            amount=Money(1250, "eur"),
            description="Two paperbacks, order 10482",
            payment_id="pay_01jd6r8fq4e5ws9k2vxt3m7n8b",
            failure_code="card_declined" if state == "failed" else None,
            redirect_url=f"{self.url}/shop",
            continue_url=f"{self.url}/processor" if state == "waiting" else None,
            expires_at=clock.now() + timedelta(minutes=24, seconds=30),
            pay_url="/pay",
            status_url="/status",
            live_url="/live",
            version="1",
            method_label="Sandbox",
            can_retry=state == "failed",
        )
        return msgspec.structs.replace(typical, **changes)

    def announce(self) -> None:
        """Tells every open stream to look at the view's version."""
        for stream in self._streams:
            stream.put_nowait(f"event: look\nid: {self.view.version}\ndata:\n\n".encode())

    def cut_streams(self) -> None:
        """Ends every open stream and refuses new ones."""
        self.refusing_streams = True
        for stream in self._streams:
            stream.put_nowait(None)

    async def listeners(self, count: int) -> None:
        """Returns when so many streams are open. Raises TimeoutError when that does not happen."""
        async with asyncio.timeout(LISTENERS_WITHIN_S), self._listening:
            await self._listening.wait_for(lambda: len(self._streams) == count)

    @web.middleware
    async def _counted(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        self.requests[request.path] += 1
        return await handler(request)

    async def _state(self, request: web.Request) -> web.Response:
        view = self.sample(msgspec.convert(request.match_info["state"], State), live_url="")
        color = request.query.get("brand")
        return self._html(request, msgspec.structs.replace(view, brand_color=color))

    async def _page(self, request: web.Request) -> web.Response:
        return self._html(request, self.view)

    def _html(self, request: web.Request, view: View) -> web.Response:
        language = choose_language(
            request.headers.get("Accept-Language", ""), request.query.get("lang")
        )
        return web.Response(
            text=render(view, language, NONCE, clock.now()),
            status=STATUS_CODES.get(view.state, 200),
            content_type="text/html",
            headers={"Content-Security-Policy": SECURITY_POLICY, "Cache-Control": "no-cache"},
        )

    async def _pay(self, request: web.Request) -> web.Response:
        self.forms.append({name: str(value) for name, value in (await request.post()).items()})
        await self.paying.wait()
        raise web.HTTPSeeOther("/processor")

    async def _status(self, _request: web.Request) -> web.Response:
        if self.status_down:
            raise web.HTTPServiceUnavailable
        return web.json_response({"state": self.view.state, "version": self.view.version})

    async def _live(self, request: web.Request) -> web.StreamResponse:
        if self.refusing_streams:
            raise web.HTTPServiceUnavailable
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        await answer.write(b": hello\n\n")
        told: Told = asyncio.Queue()
        await self._listen(self._streams.add, told)
        try:
            while (event := await told.get()) is not None:
                await answer.write(event)
        except ConnectionResetError:
            pass
        finally:
            await self._listen(self._streams.discard, told)
        return answer

    async def _listen(
        self,
        change: Callable[[Told], None],
        told: Told,
    ) -> None:
        async with self._listening:
            change(told)
            self._listening.notify_all()

    async def _asset(self, request: web.Request) -> web.Response:
        asset = assets.find(request.match_info["name"])
        if asset is None:
            raise web.HTTPNotFound
        return web.Response(body=asset.body, headers={"Content-Type": asset.content_type})

    async def _docs(self, _request: web.Request) -> web.Response:
        page = DOCS_PAGE.format(
            css=assets.url("swagger-ui.css"),
            bundle=assets.url("swagger-ui-bundle.js"),
            docs=assets.url("docs.js"),
        )
        headers = {"Content-Security-Policy": SECURITY_POLICY}
        return web.Response(text=page, content_type="text/html", headers=headers)

    async def _document(self, _request: web.Request) -> web.Response:
        return web.json_response(DOCUMENT)

    async def _elsewhere(self, request: web.Request) -> web.Response:
        place = request.match_info["place"]
        page = f"<!doctype html><html lang=en><title>{place}</title><h1>{place}</h1></html>"
        return web.Response(text=page, content_type="text/html")
