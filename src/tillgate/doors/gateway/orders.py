"""`/api/v1/orders`."""

from typing import Any, NamedTuple

from msgspec import Raw

from tillgate.doors.frame import Call, House, Route
from tillgate.doors.gateway import shapes, store
from tillgate.doors.gateway.callers import admitted, decided, let_in, owner_of
from tillgate.doors.gateway.told import Told
from tillgate.doors.gateway.words import NO_ORDER, bad, given, ok, present
from tillgate.kit import ids
from tillgate.kit.canonical import canonical
from tillgate.kit.http import Answer
from tillgate.kit.money import AMOUNT_MAX_MINOR, Money, find_asset
from tillgate.orders.commands import CreateOrder
from tillgate.orders.model import REFERENCE_MAX_CHARACTERS, Line, Order
from tillgate.webhooks.formats import short

AMOUNT_MIN_MINOR = 100
CURRENCY_DEFAULT = "INR"
LINE = "Order"
"""What an order is of whose merchant does not say it."""


class Wanted(NamedTuple):
    """A new order, understood."""

    money: Money
    receipt: str | None
    notes: dict[str, str]


class Orders(NamedTuple):
    """What the gateway does with orders."""

    house: House

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("POST", "/api/v1/orders", self.create),
            Route("GET", "/api/v1/orders", self.list),
            Route("GET", "/api/v1/orders/{order}", self.retrieve),
            Route("GET", "/api/v1/orders/{order}/public", self.retrieve_public),
        )

    async def create(self, call: Call) -> Answer:
        caller = await admitted(self.house, call)
        wanted = understood(given(call.json()))
        if isinstance(wanted, str):
            return bad(wanted)
        line = Line(LINE, 1, wanted.money.minor)
        duplicates = self.house.settings.duplicates
        wish = CreateOrder(
            owner_of(caller, call), short.shortened(ids.mint()), wanted.money,
            Raw(canonical([line])), wanted.receipt, None, Raw(canonical(wanted.notes)),
            "refund" if duplicates == "refund" else "review",
        )  # fmt: skip
        return await decided(self.house, Told(wish, Order, shapes.show_order))

    async def list(self, call: Call) -> Answer:
        caller = await admitted(self.house, call)
        asked = store.window(call.query, store.LIST_DEFAULT, store.LIST_MAX)
        orders = await store.list_orders(self.house.pool, caller.merchant_id, asked)
        return ok([shapes.show_order_whole(order) for order in orders])

    async def retrieve(self, call: Call) -> Answer:
        caller = await admitted(self.house, call)
        found = await store.find_order(self.house.pool, caller.merchant_id, call.names["order"])
        return ok(shapes.show_order_whole(present(found, NO_ORDER)))

    async def retrieve_public(self, call: Call) -> Answer:
        let_in(self.house, call)
        named = call.names["order"]
        merchant_id, _ = present(await store.owner_of_order(self.house.pool, named), NO_ORDER)
        found = await store.find_order(self.house.pool, merchant_id, named)
        return ok(shapes.show_order_public(present(found, NO_ORDER)))


def understood(body: dict[str, Any]) -> Wanted | str:
    """A new order, or what is wrong with it. Pure."""
    amount, currency = body.get("amount"), body.get("currency")
    if type(amount) is not int or amount < AMOUNT_MIN_MINOR:
        return f"amount must be at least {AMOUNT_MIN_MINOR}"
    if amount > AMOUNT_MAX_MINOR:
        return f"amount must be at most {AMOUNT_MAX_MINOR}"
    code = CURRENCY_DEFAULT if currency is None else currency
    asset = find_asset(code) if isinstance(code, str) else None
    if asset is None:
        return "currency is not supported"
    receipt = body.get("receipt")
    if receipt is not None and not _is_receipt(receipt):
        return f"receipt must be a text of at most {REFERENCE_MAX_CHARACTERS} characters"
    notes = shapes.notes_as_metadata(body.get("notes"))
    return notes if isinstance(notes, str) else Wanted(Money(amount, asset), receipt, notes)


def _is_receipt(value: object) -> bool:
    fits = isinstance(value, str) and len(value) <= REFERENCE_MAX_CHARACTERS
    return fits and str(value).isprintable()
