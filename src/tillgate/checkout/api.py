"""The payer's pages over HTTP: the page, the pay form, the truth, and the stream that says "look".

Whoever holds the client secret in the address may see and pay this one payment, no more.
"""

import asyncio
from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from typing import Annotated, Any, NamedTuple

import msgspec
import structlog
from litestar import Request, Response, get, post
from litestar.params import QueryParameter
from litestar.response import Redirect, Stream

from tillgate.audit.model import Owner
from tillgate.checkout.answers import page
from tillgate.checkout.model import State, View
from tillgate.checkout.ways import Way, expired, read
from tillgate.checkout.words import languages
from tillgate.connections.store import Linked
from tillgate.engine.writer import Overloaded, Unavailable
from tillgate.events.live import Listener
from tillgate.kit import db, ids
from tillgate.kit.db import Pool
from tillgate.kit.money import Money
from tillgate.orders.model import Order, lines_of
from tillgate.payments import rules
from tillgate.payments.model import Payment
from tillgate.payments.perform import Performer
from tillgate.payments.store import LatestTry, find_order, find_payment, latest_try, look_soon
from tillgate.settings import Settings

log = structlog.get_logger()

FRESH = timedelta(minutes=15)
"""How long a success is shown as news; after that the page says that it was paid already."""

HEARTBEAT_S = 15.0
STREAM_MAX_S = 600.0
"""A stream ends after this; the browser opens another."""

STREAMS_MAX = 5000
"""Beyond this many open streams a process answers 503, and pages poll instead."""

RETURNED = frozenset(
    ("payment_intent", "payment_intent_client_secret", "redirect_status", "session_id")
)
"""What Stripe adds to the address that it sends a payer back to. It proves nothing."""

AnyRequest = Request[Any, Any, Any]
Language = Annotated[str | None, QueryParameter(query="lang", max_length=20)]


class Seen(NamedTuple):
    """A payment as its payer finds it."""

    payment: Payment
    attempt: LatestTry | None
    linked: Linked | None
    order: Order | None = None

    @property
    def way(self) -> Way | None:
        """What our own page shows the payer of the newest try."""
        return read(self.attempt.way) if self.attempt else None


class Desk:
    """What the pages need of the house."""

    def __init__(
        self,
        pool: Pool,
        performer: Performer,
        settings: Settings,
    ) -> None:
        self.pool = pool
        self.performer = performer
        self.connections = performer.connections
        self.links = performer.links
        self.settings = settings

    async def find(self, client_secret: str) -> Seen | None:
        place = self.links.read(client_secret)
        payment = await find_payment(self.pool, *place) if place else None
        if payment is None:
            return None
        attempt = await latest_try(self.pool, payment.merchant_id, payment.id)
        linked = await self.connections.find(payment.connection_id)
        order_id = payment.order_id
        order = await find_order(self.pool, payment.merchant_id, order_id) if order_id else None
        return Seen(payment, attempt, linked, order)

    async def check(self, seen: Seen) -> None:
        """Somebody watches a payment whose payer has been sent on, and may be back: what became of
        it is asked of the processor soon, even if its own word is lost."""
        attempt = seen.attempt
        if attempt is None or attempt.state != "open":
            return
        if attempt.redirect_url is not None or attempt.way is not None:
            await look_soon(self.pool, seen.payment.merchant_id, seen.payment.id)

    async def start(
        self, return_url: str, seen: Seen, request_id: str, now: datetime
    ) -> str | None:
        """Sends the payer to the processor: its address, or None when our own page shows the way,
        or there is none."""
        payment, _, linked, _ = seen
        if linked is None or not linked.enabled:
            return None
        owner = Owner(payment.merchant_id, linked.livemode, "payer", None, request_id)
        url = await self.performer.start(owner, payment, linked, return_url)
        attempt = await latest_try(self.pool, payment.merchant_id, payment.id)
        way = read(attempt.way) if attempt else None
        # a code that has expired is renewed on the processor's page
        return url if way is None or expired(way, now) else None


def state_of(seen: Seen, now: datetime) -> State:
    """What the payer is told. Nobody shall pay for an order that is paid or canceled."""
    payment, attempt, _, order = seen
    if payment.status in ("pending", "failed") and order and order.status in ("paid", "canceled"):
        return "already_paid" if order.status == "paid" else "canceled"
    under_way = attempt is not None and attempt.state == "open"
    match payment.status:
        case "succeeded":
            paid_at = payment.succeeded_at or now
            return "succeeded" if now - paid_at < FRESH else "already_paid"
        case "pending" if under_way:
            return "waiting"
        case "pending":
            return "ready" if payment.expires_at > now else "expired"
        case "processing" | "authorized" as status:
            return status
        case "failed":
            return "failed"
        case "canceled":
            return "canceled"
        case "expired":
            return "expired"
        case _:
            return "review"


def version_of(seen: Seen, state: State, now: datetime) -> str:
    """Changes with whatever the page shows."""
    attempt = seen.attempt
    tried = f"{attempt.ordinal}{attempt.state}{bool(attempt.redirect_url):d}" if attempt else ""
    shown = f"{seen.way is not None:d}{expired(seen.way, now):d}"
    return f"{seen.payment.version}-{tried}{shown}-{state}"


PAID = ("succeeded", "already_paid", "authorized")
"""From these the payer goes on to the merchant's success page."""


def view_of(client_secret: str, seen: Seen, now: datetime) -> View:
    payment, attempt, linked, order = seen
    state = state_of(seen, now)
    base = f"/checkout/{client_secret}"
    onward = payment.success_url if state in PAID else payment.cancel_url
    waiting = state == "waiting"
    payment_id = ids.show("pay", payment.id)
    return View(
        state=state,
        merchant_name=linked.merchant_name if linked else None,
        livemode=linked.livemode if linked else True,
        amount=Money(payment.amount, payment.asset),
        description=payment.description,
        things=things_of(order) if order else (),
        seller=_metadata.decode(payment.metadata).get("providerName"),
        payment_id=payment_id,
        order_id=ids.show("ord", order.id) if order else None,
        failure_code=payment.failure_code,
        redirect_url=onward.replace("{payment_id}", payment_id) if onward else None,
        continue_url=attempt.redirect_url if attempt and waiting else None,
        way=seen.way if waiting else None,
        way_number=attempt.ordinal if attempt else 0,
        expires_at=payment.expires_at,
        pay_url=f"{base}/pay",
        status_url=f"{base}/status",
        live_url=f"{base}/live",
        version=version_of(seen, state, now),
        method=linked.connector.capabilities.method if linked else None,
        method_label=linked.name if linked else None,
        can_retry=rules.may_try(payment, now),
    )


THINGS_MAX = 10
"""How many kinds of things a page lists; of more it shows the sum alone."""


def things_of(order: Order) -> tuple[tuple[str, int], ...]:
    lines = lines_of(order)
    return tuple((one.name, one.quantity) for one in lines) if len(lines) <= THINGS_MAX else ()


_metadata = msgspec.json.Decoder(dict[str, str])


def _page(
    view: View, request: AnyRequest, lang: str | None, desk: Desk, now: datetime
) -> Response[bytes]:
    accepted = request.headers.get("accept-language", "")
    answer = page(view, accepted, lang, now, dev=desk.settings.dev)
    headers = {name.decode(): value.decode() for name, value in answer.headers}
    kind = answer.content_type.decode()
    return Response(answer.body, status_code=answer.status, media_type=kind, headers=headers)


PRIVATE = {"cache-control": "no-store", "referrer-policy": "no-referrer"}
GONE = (*db.LOST, Unavailable, Overloaded)


@get("/checkout/{client_secret:str}", include_in_schema=False)
async def show(
    client_secret: str, request: AnyRequest, desk: Desk, now: datetime, lang: Language = None
) -> Response[Any]:
    """The page, in the state that the payment has now."""
    try:
        seen = await desk.find(client_secret)
        if seen is not None:
            await desk.check(seen)
            if not RETURNED.isdisjoint(request.query_params):
                return _arrive(client_secret, request, lang)
    except GONE as error:
        log.warning("checkout_unavailable", error=type(error).__name__)
        return _page(View(state="unavailable"), request, lang, desk, now)
    view = view_of(client_secret, seen, now) if seen else View(state="not_found")
    return _page(view, request, lang, desk, now)


def _arrive(client_secret: str, request: AnyRequest, lang: str | None) -> Redirect:
    """The payer is back from the processor. What it wrote into the address leaves it; that it may
    well be paid stays, for the page's script."""
    language = f"?lang={lang}" if lang in languages() else ""
    left = request.query_params.get("redirect_status") == "failed"
    place = f"/checkout/{client_secret}{language}{'' if left else '#returned'}"
    return Redirect(place, status_code=303, headers=PRIVATE)


@post("/checkout/{client_secret:str}/pay", include_in_schema=False)
async def pay(
    client_secret: str, request: AnyRequest, desk: Desk, now: datetime, request_id: str
) -> Response[Any]:
    """Starts a try, or goes on with the open one: 303 to the processor, or back to the page."""
    try:
        seen = await desk.find(client_secret)
        if seen is None:
            return _page(View(state="not_found"), request, None, desk, now)
        language = await _language(request)
        back = desk.links.checkout_url(client_secret) + language
        url = await desk.start(back, seen, request_id, now)
    except GONE as error:
        log.warning("checkout_unavailable", error=type(error).__name__)
        return _page(View(state="unavailable"), request, None, desk, now)
    place = url or f"/checkout/{client_secret}{language}"
    return Redirect(place, status_code=303, headers=PRIVATE)


async def _language(request: AnyRequest) -> str:
    """The language that the payer reads, as the query by which the page keeps it."""
    asked = (await request.form()).get("lang")
    return f"?lang={asked}" if isinstance(asked, str) and asked in languages() else ""


@get("/checkout/{client_secret:str}/status", include_in_schema=False)
async def status(client_secret: str, desk: Desk, now: datetime) -> Response[dict[str, str]]:
    """The truth, for the page's script: `{"state", "version"}`."""
    seen = await desk.find(client_secret)
    headers = {"cache-control": "no-store"}
    if seen is None:
        return Response({"state": "not_found", "version": ""}, status_code=404, headers=headers)
    await desk.check(seen)
    state = state_of(seen, now)
    version = version_of(seen, state, now)
    return Response({"state": state, "version": version}, headers=headers)


@get("/checkout/{client_secret:str}/live", include_in_schema=False)
async def live(client_secret: str, desk: Desk, listener: Listener) -> Response[Any]:
    """Server-sent events: `look` when something has changed. The page then asks for the truth."""
    place = desk.links.read(client_secret)
    if place is None:
        return Response("", status_code=404)
    if listener.watched >= STREAMS_MAX:
        return Response("", status_code=503, headers={"retry-after": "10"})
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return Stream(_stream(listener, place[1]), media_type="text/event-stream", headers=headers)


async def _stream(listener: Listener, payment_id: Any) -> AsyncGenerator[bytes, None]:
    """Says `look` at once too: what happened before the stream stood must not be missed."""
    news = listener.watch(payment_id)
    number = 0
    try:
        async with asyncio.timeout(STREAM_MAX_S):
            yield b"retry: 1000\nevent: look\nid: 0\ndata:\n\n"
            while not listener.closing:
                try:
                    async with asyncio.timeout(HEARTBEAT_S):
                        await news.wait()
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                news.clear()
                number += 1
                yield b"event: look\nid: %d\ndata:\n\n" % number
    except TimeoutError:
        return
    finally:
        listener.unwatch(payment_id, news)


routes = [show, pay, status, live]
