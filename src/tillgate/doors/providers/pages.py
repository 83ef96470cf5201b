"""`/checkout?…`: where a provider sends its payer. An order leads to the page of its payment; a
service to a page on which its payer says how many."""

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode

import structlog
from msgspec.structs import replace

from tillgate.checkout.answers import page
from tillgate.checkout.api import GONE, PRIVATE
from tillgate.checkout.model import View
from tillgate.doors.frame import Call, House, Route
from tillgate.doors.providers.deals import Deal, make, way
from tillgate.doors.providers.intents import Intents, find_order_of_ours
from tillgate.doors.providers.store import newest_payment
from tillgate.doors.providers.stripe import StripeEvents
from tillgate.kit import ids
from tillgate.kit.http import Answer
from tillgate.kit.money import AMOUNT_MAX_MINOR
from tillgate.kit.refusal import RefusedError
from tillgate.payments.model import Payment

log = structlog.get_logger()

OFFERED_MAX = 1000
"""How many of a service one payer may take on our page."""

FIELDS_MAX = 10
KEPT = ("lang", "payment_intent", "redirect_status", "session_id")
"""What the page of a payment understands of an address."""

OURS = frozenset(("serviceId", "orderId", "status", "redirect_status", "success", "session_id"))
"""What tells our addresses from those of others."""


def is_ours(query: Mapping[str, str]) -> bool:
    return not OURS.isdisjoint(query)


class Pages:
    """The handlers with what they need."""

    def __init__(self, house: House, intents: Intents, stripe: StripeEvents) -> None:
        self._house = house
        self._intents = intents
        self._stripe = stripe
        self.routes = (
            Route("GET", "/checkout", self.show, is_ours),
            Route("POST", "/checkout", self.buy, is_ours),
        )

    async def show(self, call: Call) -> Answer:
        try:
            self._admit(call)
            payment = await self._payment(call)
            if payment is not None:
                return self._to(payment, _kept(call.query))
            deal = await self._intents.offered(call, call.query.get("serviceId"))
            return await self._offer(call, deal) if deal else self._draw(call, NOT_FOUND)
        except GONE as error:
            log.warning("checkout_unavailable", error=type(error).__name__)
            return self._draw(call, UNAVAILABLE)

    async def buy(self, call: Call) -> Answer:
        """An order of a service with its payment, for whoever has come to its page."""
        try:
            self._admit(call)
            deal = await self._intents.offered(call, call.query.get("serviceId"))
            if deal is None:
                return self._draw(call, NOT_FOUND)
            said = _fields(call.body)
            wanted = said.get("quantity", "1")
            most = _most(deal)
            if not (wanted.isascii() and wanted.isdecimal() and 1 <= int(wanted[:9]) <= most):
                return await self._offer(call, deal)
            made = await make(self._house, deal._replace(quantity=int(wanted[:9])), call.now)
        except GONE as error:
            log.warning("checkout_unavailable", error=type(error).__name__)
            return self._draw(call, UNAVAILABLE)
        if isinstance(made, Answer):
            return self._draw(call, UNAVAILABLE)
        return self._to(made.payment, {"lang": said["lang"]} if "lang" in said else {})

    async def _payment(self, call: Call) -> Payment | None:
        """The newest payment of the order that the address names, or that a session at Stripe was
        for."""
        query = call.query
        named = query.get("orderId")
        if named is None and "session_id" in query:
            session = await self._stripe.session(query["session_id"])
            named = session.client_reference_id if session else None
        placed = await find_order_of_ours(self._house, named)
        return (await newest_payment(self._house.pool, placed.order))[0] if placed else None

    async def _offer(self, call: Call, deal: Deal) -> Answer:
        linked = await way(self._house, deal, deal.service.money)
        if isinstance(linked, Answer):
            return self._draw(call, UNAVAILABLE)
        service = deal.service
        view = View(
            state="offer",
            merchant_name=linked.merchant_name,
            livemode=linked.livemode,
            amount=service.money,
            things=((service.title, 1),),
            quantity_max=_most(deal),
            pay_url=f"/checkout?serviceId={ids.show('svc', service.id)}",
        )
        return self._draw(call, view)

    def _admit(self, call: Call) -> None:
        refused = self._house.keeper.stranger(call.scope, call.told)
        if refused is not None:
            raise RefusedError(refused)

    def _draw(self, call: Call, view: View) -> Answer:
        accepted = call.headers.get("accept-language", "")
        kept = {name: value for name, value in call.query.items() if name in OURS}
        view = replace(view, query=f"{urlencode(kept)}&")
        return page(view, accepted, call.query.get("lang"), call.now, dev=self._house.settings.dev)

    def _to(self, payment: Payment, query: Mapping[str, str]) -> Answer:
        secret = self._house.links.of(payment.merchant_id, payment.id).client_secret
        place = f"/checkout/{secret}" + (f"?{urlencode(query)}" if query else "")
        headers = [(b"location", place.encode())]
        headers += [(name.encode(), value.encode()) for name, value in PRIVATE.items()]
        return Answer(303, b"", tuple(headers))


NOT_FOUND = View(state="not_found")
UNAVAILABLE = View(state="unavailable")


def _fields(body: bytes) -> dict[str, str]:
    """Of our form; what holds more is none of ours."""
    try:
        return dict(parse_qsl(body.decode("utf-8", "replace"), max_num_fields=FIELDS_MAX))
    except ValueError:
        return {"quantity": ""}


def _most(deal: Deal) -> int:
    """How many one payer may take; a button at Stripe says that itself."""
    return 1 if deal.button else min(OFFERED_MAX, AMOUNT_MAX_MINOR // deal.service.price)


def _kept(query: Mapping[str, str]) -> dict[str, str]:
    """Who has canceled at Stripe comes back as one whose try has failed does."""
    kept = {name: query[name] for name in KEPT if name in query}
    return kept | ({"redirect_status": "failed"} if query.get("status") == "cancelled" else {})
