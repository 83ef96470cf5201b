"""From what was asked to an order with a payment that its payer can begin: which connection takes
it, one order for one external id, one open payment for one order."""

from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
from msgspec import Raw, Struct

from tillgate.audit.model import Owner
from tillgate.catalog.model import Provider, Service
from tillgate.connections.commands import SANDBOX_NAME
from tillgate.connections.store import Linked
from tillgate.connectors.protocol import Rejected
from tillgate.doors.frame import House
from tillgate.doors.providers import texts
from tillgate.doors.providers.store import newest_payment
from tillgate.engine.command import Outcome
from tillgate.idempotency.commands import First
from tillgate.kit import ids
from tillgate.kit.canonical import canonical
from tillgate.kit.http import Answer
from tillgate.kit.money import Money
from tillgate.kit.refusal import Refused
from tillgate.orders import rules as order_rules
from tillgate.orders.commands import CreateOrder, OpenOrder
from tillgate.orders.model import Line, Order, metadata_of
from tillgate.payments import rules
from tillgate.payments.api import EXPIRES_DEFAULT_S
from tillgate.payments.commands import CreatePayment
from tillgate.payments.model import Payment
from tillgate.payments.store import find_order, find_payment
from tillgate.payments.tries import Started

AT_ONCE = frozenset(("cashapp", "buy_button"))
"""Methods whose payment begins before its payer comes: the page then shows the way."""

BUTTON = "stripeBuyButtonId"


class Deal(NamedTuple):
    """So many of a service, for one payer. `named`: whether the caller has said how much.
    `button`: the payer pays by the service's own button at Stripe, which says how much."""

    owner: Owner
    service: Service
    provider: Provider | None
    quantity: int
    named: bool
    external_id: str | None
    button: bool

    @property
    def metadata(self) -> dict[str, str]:
        """What order and payment say of it, and with them Stripe."""
        service, provider = self.service, self.provider
        said = {
            "serviceId": ids.show("svc", service.id),
            "serviceName": service.title,
            "quantity": str(self.quantity),
            "providerId": ids.show("prov", provider.id) if provider else None,
            "providerName": provider.name if provider else None,
            "externalId": self.external_id,
        }
        return {name: value for name, value in said.items() if value}


class Made(NamedTuple):
    order: Order
    payment: Payment


async def make(house: House, deal: Deal, now: datetime) -> Made | Answer:
    """The order that was asked for, with a payment that can be paid, unless it is paid already."""
    money = Money(deal.service.price * deal.quantity, deal.service.asset)
    linked = await way(house, deal, money)
    if isinstance(linked, Answer):
        return linked
    order = await _order(house, deal, money)
    if isinstance(order, Refused):
        return texts.refuse(order)
    return await go_on(house, deal, order, linked, now)


async def resume(house: House, deal: Deal, order: Order, now: datetime) -> Made | Answer:
    """The same for an order that there is."""
    linked = await way(house, deal, Money(order.amount, order.asset))
    return linked if isinstance(linked, Answer) else await go_on(house, deal, order, linked, now)


async def go_on(
    house: House, deal: Deal, order: Order, linked: Linked, now: datetime
) -> Made | Answer:
    found, made = await newest_payment(house.pool, order)
    if order.status == "paid" and found is not None:
        return Made(order, found)
    closed = order_rules.may_pay(order)
    if closed is not None:
        return texts.refuse(closed)
    if found is None or not _goes_on(found, deal, now):
        found = await _pay(house, deal, order, linked, made)
    if isinstance(found, Refused):
        return texts.refuse(found)
    refused = await _begin(house, deal.owner, found, linked)
    return refused or Made(order, found)


def _goes_on(payment: Payment, deal: Deal, now: datetime) -> bool:
    """Whether this payment may still bring the money."""
    if (payment.amount_policy == "open") != deal.button:
        return False
    waits = payment.status in ("pending", "failed")
    return rules.may_try(payment, now) if waits else payment.status not in ("expired", "canceled")


# ---- the connection ------------------------------------------------------------------------------


async def way(house: House, deal: Deal, money: Money) -> Linked | Answer:
    merchant_id = deal.owner.merchant_id
    if deal.button:
        if deal.service.stripe_buy_button_id is None:
            return texts.NO_BUTTON
        found = await house.connections.with_method(merchant_id, "buy_button")
        return found or texts.NO_BUTTON_CONNECTION
    ways = await house.connections.ways(merchant_id, money, manual=False)
    by_method = [one for one in ways if one.connector.capabilities.method == "cashapp"]
    stands_in = [one for one in ways if house.settings.dev and _is_sandbox(one)]
    return next(iter(by_method + stands_in), texts.NO_CASH_APP)


def _is_sandbox(linked: Linked) -> bool:
    return linked.connector.name == "external" and linked.name == SANDBOX_NAME


# ---- the order and its payment -------------------------------------------------------------------


async def _order(house: House, deal: Deal, money: Money) -> Order | Refused:
    duplicates = "refund" if house.settings.duplicates == "refund" else "review"
    line = Line(deal.service.title, deal.quantity, deal.service.price)
    create = CreateOrder(
        deal.owner, ids.mint(), money, Raw(canonical([line])), deal.external_id, None,
        Raw(canonical(deal.metadata)), duplicates,
    )  # fmt: skip
    provider, external_id = deal.provider, deal.external_id
    if provider is None or external_id is None:
        await house.engine.run(create)
        made = await find_order(house.pool, deal.owner.merchant_id, create.id)
        return made or Refused("internal", "The order is not there.")
    wish = OpenOrder(deal.owner, create, provider.id, external_id, deal.named)
    decided = await house.engine.run(wish)
    return decided.answer if isinstance(decided, Outcome) else decided


async def _pay(
    house: House, deal: Deal, order: Order, linked: Linked, number: int
) -> Payment | Refused:
    """One more payment for an order that has had `number` of them: who asks at the same time gets
    the same one."""
    merchant_id = deal.owner.merchant_id
    wish = _payment(house, deal, order, linked)
    # no header can be this key: it holds spaces
    key = f"providers {ids.show('ord', order.id)} {number}"
    decided = await house.engine.run(First(merchant_id, key, wish.id, wish))
    if isinstance(decided, Refused):
        return decided
    answer: Answer = decided.answer
    payment_id = ids.parse("pay", _named.decode(answer.body).id)
    made = await find_payment(house.pool, merchant_id, payment_id) if payment_id else None
    return made or Refused("internal", "The payment is not there.")


def _payment(house: House, deal: Deal, order: Order, linked: Linked) -> CreatePayment:
    merchant_id, payment_id, provider = deal.owner.merchant_id, ids.mint(), deal.provider
    button = {BUTTON: deal.service.stripe_buy_button_id} if deal.button else {}
    return CreatePayment(
        owner=deal.owner,
        id=payment_id,
        money=None,
        capture_method="automatic",
        connection_id=linked.id,
        description=None,
        metadata=Raw(canonical(metadata_of(order) | button)),
        wallet_user=None,
        success_url=_onward(provider and provider.success_redirect_url, order),
        cancel_url=_onward(provider and provider.cancel_redirect_url, order),
        expires_in=timedelta(seconds=EXPIRES_DEFAULT_S),
        links=house.links.of(merchant_id, payment_id),
        order_id=order.id,
        amount_policy="open" if deal.button else linked.amount_policy,
    )


def _onward(url: str | None, order: Order) -> str | None:
    return url.replace("{orderId}", ids.show("ord", order.id)) if url else None


async def _begin(house: House, owner: Owner, payment: Payment, linked: Linked) -> Answer | None:
    """Asks the processor for a first try, or another one, where none is open: what it refuses can
    still be told. What it has not answered, the worker looks up."""
    own = await house.connections.of_merchant(payment.merchant_id, payment.connection_id)
    linked = own if own is not None and own.enabled else linked
    if linked.connector.capabilities.method not in AT_ONCE:
        return None
    back = house.links.of(payment.merchant_id, payment.id).checkout_url
    wish = house.performer.first_step(owner, payment, linked, back)
    decided = await house.engine.run(wish)
    if not isinstance(decided, Outcome) or not isinstance(decided.answer, Started):
        return None
    answered = await house.performer.send(wish, payment, [linked], back)
    if not isinstance(answered, Rejected):
        return None
    unavailable = answered.code == "cashapp_unavailable"
    return texts.NO_CASH_APP if unavailable else texts.failed(answered.message)


class _Named(Struct):
    id: str


_named = msgspec.json.Decoder(_Named)
