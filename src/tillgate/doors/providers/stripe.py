"""Stripe's one address for the whole installation, and what a Checkout Session has come to.

A message is for the connection whose secret has signed it; of several at one account, for the one
that knows the payment that it names. There it goes the usual way of callbacks.
"""

import re
from collections.abc import Sequence
from typing import Any

from tillgate.callbacks.api import BODY_MAX_BYTES
from tillgate.catalog.store import find_service
from tillgate.connections.store import Linked
from tillgate.connectors.protocol import Ask, CallbackRequest, Observation, Unreadable
from tillgate.connectors.stripe import Stripe
from tillgate.connectors.stripe.amounts import from_stripe
from tillgate.connectors.stripe.things import Session
from tillgate.doors.frame import Call, House, Route
from tillgate.doors.providers import store, texts
from tillgate.doors.providers.intents import find_order_of_ours
from tillgate.doors.providers.offers import Services
from tillgate.doors.providers.store import Placed
from tillgate.kit import ids
from tillgate.kit.http import Answer, BodyTooLarge
from tillgate.kit.money import Money
from tillgate.kit.refusal import Refused, RefusedError
from tillgate.orders.model import metadata_of
from tillgate.webhooks.formats.provider import major

SESSION = re.compile(r"cs_(live|test)_[A-Za-z0-9]{1,250}")


class StripeEvents:
    """The handlers with what they need."""

    def __init__(self, house: House, services: Services) -> None:
        self._house = house
        self._services = services
        self.routes = (
            Route("POST", "/api/v1/stripe/webhooks", self.take),
            Route("POST", "/api/stripe/webhooks", self.take),
            Route("GET", "/api/v1/verify-session", self.verify),
        )

    async def take(self, call: Call) -> Answer:
        if not call.headers.get("stripe-signature"):
            return texts.NO_SIGNATURE
        if len(call.body) > BODY_MAX_BYTES:
            raise BodyTooLarge
        connected = await self._connected()
        if not connected:
            return texts.NO_SECRET
        request = CallbackRequest(call.headers, call.body)
        linked = await self._meant(connected, request, call)
        taken = await self._house.callbacks.take(linked, request, call.ip, call.request_id)
        if not isinstance(taken, Refused):
            return taken
        forged = taken.code in {"callback_forged", "callback_stale"}
        return texts.BAD_SIGNATURE if forged else texts.refuse(taken)

    async def _connected(self) -> list[Linked]:
        every = await store.stripe_connections(self._house.pool)
        found = [await self._house.connections.find(one) for one in every]
        return [one for one in found if one is not None and one.enabled]

    async def _meant(
        self, connected: Sequence[Linked], request: CallbackRequest, call: Call
    ) -> Linked:
        """What nobody has signed is refused by the first one; what names no payment is left to it
        as well."""
        signed = [one for one in connected if one.connector.verify(request, call.now) == "genuine"]
        if len(signed) < 2:
            return (signed or connected)[0]
        named = sorted({name for one in signed for name in _named(one, request)})
        places = [(one.merchant_id, one.id) for one in signed]
        found = await store.knowing(self._house.pool, places, named) if named else None
        return next((one for one in signed if one.id == found), signed[0])

    async def verify(self, call: Call) -> Answer:
        refused = self._house.keeper.stranger(call.scope, call.told)
        if refused is not None:
            raise RefusedError(refused)
        session_id = call.query.get("session_id")
        if not session_id:
            return texts.NO_SESSION_ID
        session = await self.session(session_id)
        if session is None:
            return texts.NO_SESSION
        placed = await find_order_of_ours(self._house, session.client_reference_id)
        return texts.yes(await self._told(session, placed))

    async def session(self, session_id: str) -> Session | None:
        """As Stripe knows it, by a connection of the default merchant."""
        chosen = await self._services.default()
        if chosen is None or not SESSION.fullmatch(session_id):
            return None
        merchant_id = chosen.merchants[session_id.startswith("cs_live_")]
        for linked in await self._connected():
            if linked.merchant_id == merchant_id and isinstance(linked.connector, Stripe):
                found = await linked.connector.session(session_id)
                return found if isinstance(found, Session) else None
        return None

    async def _told(self, session: Session, placed: Placed | None) -> dict[str, Any]:
        order = placed.order if placed else None
        named = metadata_of(order).get("serviceId", "") if order else ""
        service_id = ids.parse("svc", named)
        service = (
            await find_service(self._house.pool, order.merchant_id, service_id)
            if order and service_id
            else None
        )
        customer = session.customer_details
        total = from_stripe(session.amount_total or 0, session.currency or "")
        return {
            "success": session.payment_status == "paid",
            "sessionId": session.id,
            "paymentStatus": session.payment_status,
            "clientReferenceId": session.client_reference_id,
            "customerEmail": customer.email if customer else None,
            "amountTotal": major(total) if total else None,
            "currency": session.currency,
            "order": _order(placed) if placed else None,
            "service": service and {"id": named, "title": service.title, "slug": service.slug},
        }


def _order(placed: Placed) -> dict[str, Any]:
    order, shown = placed.order, ids.show("ord", placed.order.id)
    return {
        "id": shown,
        "orderId": shown,
        "status": order_status(order.status, gone_back=order.refunded >= order.paid > 0),
        "total": major(Money(order.amount, order.asset)),
    }


def order_status(status: str, *, gone_back: bool) -> str:
    """An order of ours in this door's words."""
    if gone_back:
        return "refunded"
    return {"paid": "paid", "canceled": "failed"}.get(status, "pending")


def _named(linked: Linked, request: CallbackRequest) -> list[str]:
    """What a message calls its payments, as this connection reads it."""
    heard = linked.connector.read(request)
    if isinstance(heard, Unreadable):
        return []
    if isinstance(heard, Ask):
        return [heard.reference]
    return [name for seen in heard for name in _names(seen) if "\0" not in name]


def _names(seen: Observation) -> list[str]:
    return [name for name in (seen.ours, seen.reference, seen.parent) if name is not None]
