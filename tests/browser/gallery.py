"""Every checkout page on show over HTTP, with a server's behaviour that a test can direct.

`/states/{state}` shows a state as it typically is, `/states/waiting?way=card` with a way to pay on
the page itself, `?seller` for a payer whom a provider has sent. `/page` shows the view that the
test has set, with a status, a stream and a pay form that work. The security policy is the real one.
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
from tillgate.checkout.policy import content_security_policy
from tillgate.checkout.ways import BuyButton, Card, CashApp, Way
from tillgate.kit import clock
from tillgate.kit.money import Money

NONCE = "bm9uY2UtZm9yLXRlc3Rz"
LISTENERS_WITHIN_S = 5
CODE_LIVES_S = 50
CODE = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><path
d="M0 0h3v3h-3zM5 0h3v3h-3zM0 5h3v3h-3zM4 4h2v1h-2zM6 5h2v2h-2z"/></svg>"""
STATUS_CODES: dict[State, int] = {"not_found": 404, "unavailable": 503}
DOCUMENT: dict[str, object] = {
    "openapi": "3.1.0",
    "info": {"title": "Gallery", "version": "1"},
    "paths": {"/v1/payments": {"get": {"summary": "List payments", "responses": {}}}},
}
DOCS_PAGE = """<!doctype html><html lang="en"><title>API</title>
<link rel="stylesheet" href="{css}"><main id="viewer"></main>
<script src="{bundle}"></script><script type="module" src="{docs}"></script></html>"""

OF_A_PROVIDER: dict[str, object] = {
    "description": None,
    "things": (("Premium Credits", 20), ("Setup", 1)),
    "seller": "Bitloader",
    "order_id": "ord_01jd6r8fq4e5ws9k2vxt3m7n8b",
    "quantity_max": 1000,
    "query": "serviceId=svc_1&",
}
"""What a view has besides when a provider has sent its payer."""

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
        self.returned: list[str] = []
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
                web.get("/code.svg", self._code),
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

    def way(self, name: str) -> Way:
        """`card`, `button`, `cashapp`, or `over`: the same when its code has expired."""
        if name == "card":
            return Card("pi_of_the_gallery_secret_x", "pk_test_FakeOfTests")
        if name == "button":
            return BuyButton("buy_btn_1", "pk_test_FakeOfTests", "op_1")
        return CashApp(
            mobile_url=f"{self.url}/processor?phone",
            qr_svg_url=self.way_url,
            qr_expires_at=clock.unix_s() + (-5 if name == "over" else CODE_LIVES_S),
        )

    @property
    def way_url(self) -> str:
        """The code's picture, on another host than the page."""
        return f"{self.url.replace('127.0.0.1', 'localhost')}/code.svg"

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
        view = msgspec.structs.replace(view, brand_color=request.query.get("brand"))
        if "seller" in request.query:
            view = msgspec.structs.replace(view, **OF_A_PROVIDER)
        name = request.query.get("way")
        if name is not None:
            method = {"card": "card", "button": None}.get(name, "cashapp")
            view = msgspec.structs.replace(view, way=self.way(name), method=method)
        return self._html(request, view)

    async def _page(self, request: web.Request) -> web.Response:
        if "redirect_status" in request.query:
            # as the gateway does with what a processor adds to the address
            self.returned.append(request.query["redirect_status"])
            language = f"?lang={request.query['lang']}" if "lang" in request.query else ""
            raise web.HTTPSeeOther(f"/page{language}#returned")
        return self._html(request, self.view)

    def _html(self, request: web.Request, view: View) -> web.Response:
        language = choose_language(
            request.headers.get("Accept-Language", ""), request.query.get("lang")
        )
        return web.Response(
            text=render(view, language, NONCE, clock.now()),
            status=STATUS_CODES.get(view.state, 200),
            content_type="text/html",
            headers={
                "Content-Security-Policy": content_security_policy(NONCE, view.way, dev=False),
                "Cache-Control": "no-cache",
            },
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

    async def _code(self, _request: web.Request) -> web.Response:
        return web.Response(text=CODE, content_type="image/svg+xml")

    async def _docs(self, _request: web.Request) -> web.Response:
        page = DOCS_PAGE.format(
            css=assets.url("swagger-ui.css"),
            bundle=assets.url("swagger-ui-bundle.js"),
            docs=assets.url("docs.js"),
        )
        headers = {"Content-Security-Policy": content_security_policy(NONCE, None, dev=False)}
        return web.Response(text=page, content_type="text/html", headers=headers)

    async def _document(self, _request: web.Request) -> web.Response:
        return web.json_response(DOCUMENT)

    async def _elsewhere(self, request: web.Request) -> web.Response:
        place = request.match_info["place"]
        page = f"<!doctype html><html lang=en><title>{place}</title><h1>{place}</h1></html>"
        return web.Response(text=page, content_type="text/html")
