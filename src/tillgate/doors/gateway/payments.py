"""`/api/v1/payments`: begun here, carried out by a worker."""

from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from msgspec import UNSET, Raw
from msgspec.structs import replace

from tillgate.audit.model import Owner
from tillgate.connections.store import Linked
from tillgate.doors.frame import Call, House, Route
from tillgate.doors.gateway import instruments, shapes, store
from tillgate.doors.gateway.callers import admitted, decided, let_in, owner_of
from tillgate.doors.gateway.instruments import Instrument
from tillgate.doors.gateway.told import Told
from tillgate.doors.gateway.words import (
    NO_ORDER,
    NO_PAYMENT,
    Bad,
    bad,
    error,
    given,
    ok,
    present,
)
from tillgate.idempotency.commands import First
from tillgate.idempotency.store import first_answer
from tillgate.kit import crypto, ids
from tillgate.kit.caller import Caller
from tillgate.kit.canonical import canonical
from tillgate.kit.http import Answer
from tillgate.kit.money import Money
from tillgate.orders.model import Order, due
from tillgate.payments.commands import CreatePayment, UpdatePayment
from tillgate.payments.model import Payment
from tillgate.webhooks.formats import short

EXPIRES_IN = timedelta(days=1)
PAYER = "payer"
"""Who pays without a key, as the audit names them."""

NO_ORDER_ID = "order_id is required"
NOT_CAPTURABLE = "Payment not in capturable state"
CAPTURE_MISMATCH = "Capture amount must match payment amount"


class Payments(NamedTuple):
    """What the gateway does with payments."""

    house: House

    def routes(self) -> tuple[Route, ...]:
        room = "/api/v1/payments"
        return (
            Route("POST", room, self.create),
            Route("POST", f"{room}/public", self.create_public),
            Route("GET", room, self.list),
            Route("GET", f"{room}/list", self.list),
            Route("GET", f"{room}/stats", self.stats),
            Route("GET", f"{room}/public/{{payment}}", self.retrieve_public),
            Route("GET", f"{room}/{{payment}}", self.retrieve),
            Route("GET", f"{room}/{{payment}}/public", self.retrieve_public),
            Route("POST", f"{room}/{{payment}}/capture", self.capture),
        )

    # ---- creating -------------------------------------------------------------------------------

    async def create(self, call: Call) -> Answer:
        """A key that is known answers before anything else is looked at."""
        caller = await admitted(self.house, call)
        key = _gate("key", call)
        if key is not None:
            known = await first_answer(self.house.pool, caller.merchant_id, key, call.now)
            if known is not None:
                return known
        return await self._begin(call, owner_of(caller, call), given(call.json()), key)

    async def create_public(self, call: Call) -> Answer:
        """Whoever knows an order may pay it."""
        let_in(self.house, call)
        body = given(call.json())
        named = _order(body)
        if named is None:
            return bad(NO_ORDER_ID)
        whose = present(await store.owner_of_order(self.house.pool, named), NO_ORDER)
        owner = Owner(*whose, PAYER, call.ip, call.request_id)
        return await self._begin(call, owner, body, _gate("public", call))

    async def _begin(
        self, call: Call, owner: Owner, body: dict[str, Any], key: str | None
    ) -> Answer:
        named = _order(body)
        if named is None:
            return bad(NO_ORDER_ID)
        found = await store.find_order(self.house.pool, owner.merchant_id, named)
        order = present(found, NO_ORDER)
        instrument = instruments.read(body, call.now)
        if isinstance(instrument, Bad):
            return error(400, *instrument)
        money = Money(due(order) or order.amount, order.asset)
        linked = await self._way(owner.merchant_id, money)
        if linked is None:
            return error(400, *instruments.NO_METHOD)
        wish = self._wish(owner, order, money, linked, instrument)
        told = Told(wish, Payment, _created)
        first = told if key is None else First(owner.merchant_id, key, wish.id, told)
        return await decided(self.house, first)

    async def _way(self, merchant_id: UUID, money: Money) -> Linked | None:
        """The preferred connection that needs no page to ask the payer."""
        ways = await self.house.connections.ways(merchant_id, money, manual=False)
        return next((way for way in ways if way.connector.capabilities.told_methods), None)

    def _wish(
        self, owner: Owner, order: Order, money: Money, linked: Linked, instrument: Instrument
    ) -> CreatePayment:
        payment_id = short.shortened(ids.mint())
        metadata = {"method": instrument.method, **instrument.told}
        wish = CreatePayment(
            owner=owner,
            id=payment_id,
            money=money,
            capture_method="automatic",
            connection_id=linked.id,
            description=None,
            metadata=Raw(canonical(metadata)),
            wallet_user=None,
            success_url=None,
            cancel_url=None,
            expires_in=EXPIRES_IN,
            links=self.house.links.of(owner.merchant_id, payment_id),
            order_id=order.id,
            amount_policy=linked.amount_policy,
        )
        begin = self.house.performer.begin_with(wish, money, linked, instrument.method)
        return replace(wish, begin=begin)

    # ---- reading --------------------------------------------------------------------------------

    async def list(self, call: Call) -> Answer:
        caller = await admitted(self.house, call)
        asked = store.window(call.query, store.LIST_DEFAULT, store.LIST_MAX)
        payments = await store.list_payments(self.house.pool, caller.merchant_id, asked)
        return ok([shapes.show_payment(payment) for payment in payments])

    async def stats(self, call: Call) -> Answer:
        caller = await admitted(self.house, call)
        found = await store.figures(self.house.pool, caller.merchant_id)
        rate = round(100 * found.succeeded / found.payments, 1) if found.payments else 0
        shown = {
            "totalTransactions": found.payments,
            "totalAmount": found.amount,
            "successRate": rate,
        }
        return ok(shown)

    async def retrieve(self, call: Call) -> Answer:
        caller = await admitted(self.house, call)
        return ok(shapes.show_payment(await self._find(caller, call)))

    async def retrieve_public(self, call: Call) -> Answer:
        let_in(self.house, call)
        named = call.names["payment"]
        merchant_id = present(await store.owner_of_payment(self.house.pool, named), NO_PAYMENT)
        found = await store.find_payment(self.house.pool, merchant_id, named)
        return ok(shapes.show_payment_public(present(found, NO_PAYMENT)))

    async def _find(self, caller: Caller, call: Call) -> shapes.Payment:
        named = call.names["payment"]
        found = await store.find_payment(self.house.pool, caller.merchant_id, named)
        return present(found, NO_PAYMENT)

    # ---- capturing ------------------------------------------------------------------------------

    async def capture(self, call: Call) -> Answer:
        """The merchant takes note of money that has come. The same again changes nothing."""
        caller = await admitted(self.house, call)
        body = given(call.json())
        found = await self._find(caller, call)
        if found.status != "succeeded":
            return bad(NOT_CAPTURABLE)
        amount = body.get("amount")
        if amount is not None and (type(amount) is not int or amount != found.amount):
            return bad(CAPTURE_MISMATCH)
        links = self.house.links.of(caller.merchant_id, found.id)
        flag = {"captured": "true"}
        wish = UpdatePayment(owner_of(caller, call), ids.mint(), found.id, links, UNSET, flag)
        await decided(self.house, wish)
        return ok(shapes.show_payment_captured(await self._find(caller, call)))


def _order(body: dict[str, Any]) -> str | None:
    """What names the order, if anything does."""
    named = body.get("order_id")
    return named if isinstance(named, str) and named else None


def _created(payment: Payment) -> dict[str, Any]:
    return shapes.show_payment_created(shapes.seen(payment))


def _gate(kind: str, call: Call) -> str | None:
    """Any text may be a key here; what is kept of it has a form, and a namespace, of its own."""
    key = call.headers.get("idempotency-key")
    return f"gateway:{kind}:{crypto.sha256(key.encode()).hex()}" if key else None
