"""`POST /api/v1/create-payment-intent`: for providers, by their key in the body; and for pages that
name a service or an order."""

from typing import Any

from tillgate.audit.model import Owner
from tillgate.catalog.model import Provider, Service
from tillgate.catalog.store import (
    find_provider,
    find_service,
    find_service_anywhere,
    provider_by_key,
)
from tillgate.doors.frame import Call, House, Route
from tillgate.doors.providers import texts
from tillgate.doors.providers.asking import Asked, asked, quantity_for
from tillgate.doors.providers.deals import Deal, Made, make, resume
from tillgate.doors.providers.store import Placed, order_anywhere, provider_of
from tillgate.kit import ids
from tillgate.kit.http import Answer
from tillgate.kit.money import Money
from tillgate.kit.refusal import RefusedError
from tillgate.orders import rules as order_rules
from tillgate.orders.model import metadata_of
from tillgate.webhooks.formats.provider import major

PAYER = "payer"
"""Who acts where nobody has shown a key."""


class Intents:
    """The handler with what it needs."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.routes = (Route("POST", "/api/v1/create-payment-intent", self.create),)

    async def create(self, call: Call) -> Answer:
        wanted = asked(call.body)
        if isinstance(wanted, Answer):
            return wanted
        if wanted.api_key is not None:
            return await self._for_provider(call, wanted)
        refused = self._house.keeper.stranger(call.scope, call.told)
        if refused is not None:
            raise RefusedError(refused)
        if wanted.order_id is not None:
            return await self._for_order(call, wanted.order_id)
        if wanted.service_id is not None:
            return await self._for_service(call, wanted)
        return texts.NOBODY

    async def _for_provider(self, call: Call, wanted: Asked) -> Answer:
        key = wanted.api_key if isinstance(wanted.api_key, str) else ""
        selling = await provider_by_key(self._house.pool, key)
        if selling is None:
            refused = self._house.keeper.failed(call.scope, call.told)
            return texts.refuse(refused) if refused else texts.BAD_KEY
        provider, service = selling.provider, selling.service
        button = provider.use_stripe_checkout
        amount = None if button else wanted.amount
        quantity = quantity_for(amount, service.money)
        if isinstance(quantity, Answer):
            return quantity
        actor = ids.show("prov", provider.id)
        owner = _owner(call, selling.merchant_id, actor, livemode=selling.livemode)
        named = amount is not None
        deal = Deal(owner, service, provider, quantity, named, wanted.external_id, button)
        made = await make(self._house, deal, call.now)
        return made if isinstance(made, Answer) else texts.yes(self._told(deal, made))

    async def _for_service(self, call: Call, wanted: Asked) -> Answer:
        """Whoever may choose an external id could take those of a provider's orders: only its own
        server, by its key, may name one."""
        deal = await self.offered(call, wanted.service_id)
        if deal is None:
            return texts.NO_SERVICE
        quantity = 1 if deal.button else quantity_for(wanted.amount, deal.service.money)
        if isinstance(quantity, Answer):
            return quantity
        deal = deal._replace(quantity=quantity)
        made = await make(self._house, deal, call.now)
        return made if isinstance(made, Answer) else texts.yes(self._page_told(deal, made))

    async def _for_order(self, call: Call, named: Any) -> Answer:
        placed = await find_order_of_ours(self._house, named)
        deal = await self._deal_of(call, placed) if placed else None
        if placed is None or deal is None:
            return texts.NO_ORDER
        made = await resume(self._house, deal, placed.order, call.now)
        return made if isinstance(made, Answer) else texts.yes(self._page_told(deal, made))

    async def offered(self, call: Call, named: Any) -> Deal | None:
        """One of a published service for who needs no key; its provider, if it has one, is told of
        it, and says where the payer goes on."""
        service_id = ids.parse("svc", named) if isinstance(named, str) else None
        found = await find_service_anywhere(self._house.pool, service_id) if service_id else None
        if found is None or found[2].status != "published":
            return None
        merchant_id, livemode, service = found
        provider = await provider_of(self._house.pool, merchant_id, service.id)
        owner = _owner(call, merchant_id, PAYER, livemode=livemode)
        return Deal(owner, service, provider, 1, False, None, _by_button(provider, service))

    async def _deal_of(self, call: Call, placed: Placed) -> Deal | None:
        """What an order was for."""
        order, pool = placed.order, self._house.pool
        told = metadata_of(order)
        service_id = ids.parse("svc", told.get("serviceId", ""))
        provider_id = ids.parse("prov", told.get("providerId", ""))
        service = await find_service(pool, order.merchant_id, service_id) if service_id else None
        if service is None:
            return None
        provider = (
            await find_provider(pool, order.merchant_id, provider_id) if provider_id else None
        )
        owner = _owner(call, order.merchant_id, PAYER, livemode=placed.livemode)
        quantity, external_id = order_rules.quantity(order), told.get("externalId")
        button = _by_button(provider, service)
        return Deal(owner, service, provider, quantity, True, external_id, button)

    # ---- what is answered ------------------------------------------------------------------------

    def _told(self, deal: Deal, made: Made) -> dict[str, Any]:
        order = made.order
        said = {
            "checkoutUrl": checkout_url(self._house, deal, made),
            "orderId": ids.show("ord", order.id),
            "externalId": deal.external_id,
            "amount": major(Money(order.amount, order.asset)),
            "quantity": order_rules.quantity(order),
        }
        button = {
            "stripeBuyButtonId": deal.service.stripe_buy_button_id,
            "mode": "stripe_buy_button",
        }
        return said | (button if deal.button else {})

    def _page_told(self, deal: Deal, made: Made) -> dict[str, Any]:
        """`clientSecret` opens our own page of the payment; Stripe's never leaves that."""
        order, payment, provider = made.order, made.payment, deal.provider
        links = self._house.links.of(payment.merchant_id, payment.id)
        told = {
            "provider": provider.name if provider else None,
            "providerId": ids.show("prov", provider.id) if provider else None,
            "externalId": deal.external_id,
            "successRedirectUrl": payment.success_url,
            "cancelRedirectUrl": payment.cancel_url,
        }
        return {
            "clientSecret": links.client_secret,
            "orderId": ids.show("ord", order.id),
            "checkoutUrl": checkout_url(self._house, deal, made),
            "amount": major(Money(order.amount, order.asset)),
            "quantity": order_rules.quantity(order),
            "serviceName": deal.service.title,
            "serviceId": ids.show("svc", deal.service.id),
            "stripePublishableKey": self._house.settings.stripe_publishable_key,
        } | {name: value for name, value in told.items() if value is not None}


def checkout_url(house: House, deal: Deal, made: Made) -> str:
    service, order = ids.show("svc", deal.service.id), ids.show("ord", made.order.id)
    return f"{house.settings.public_url}/checkout?serviceId={service}&orderId={order}"


async def find_order_of_ours(house: House, named: Any) -> Placed | None:
    """An order that was made at this door: of others, who has the id may not pay by it."""
    order_id = ids.parse("ord", named) if isinstance(named, str) else None
    placed = await order_anywhere(house.pool, order_id) if order_id else None
    return placed if placed and "serviceId" in metadata_of(placed.order) else None


def _by_button(provider: Provider | None, service: Service) -> bool:
    wanted = provider is not None and provider.use_stripe_checkout
    return wanted and service.stripe_buy_button_id is not None


def _owner(call: Call, merchant_id: Any, actor: str, *, livemode: bool) -> Owner:
    return Owner(merchant_id, livemode, actor, call.ip, call.request_id)
