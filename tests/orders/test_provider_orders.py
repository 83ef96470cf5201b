"""A provider's own ids of orders: the same id is the same order, whoever asks at the same time; and
an order whose payer chose the amount."""

import asyncio
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw, json
from msgspec.structs import replace

from tests.engine.test_engine import fetch, running
from tests.invariants import check_invariants
from tests.orders.test_rules import NOW, opened
from tillgate.audit.model import Owner
from tillgate.engine.command import Decision, Outcome, Refused
from tillgate.kit import ids
from tillgate.kit.money import AMOUNT_MAX_MINOR, Money
from tillgate.orders import rules
from tillgate.orders.commands import CancelOrder, CreateOrder, OpenOrder
from tillgate.orders.model import QUANTITY_MAX, Line, Order, lines_of

LINES = Raw(b'[{"name":"Premium Credits","quantity":1,"amount":500}]')


class Site:
    """A provider of a merchant, and its wishes."""

    def __init__(self, merchant_id: UUID | None = None) -> None:
        self.owner = Owner(merchant_id or ids.mint(), False, "prov_test")
        self.provider_id = ids.mint()

    def open(self, external_id: str, amount: int = 500, *, named: bool = True) -> OpenOrder:
        create = CreateOrder(
            self.owner, ids.mint(), Money(amount, "usd"), LINES, external_id, None, Raw(b"{}"),
            "review",
        )  # fmt: skip
        return OpenOrder(self.owner, create, self.provider_id, external_id, named)

    def cancel(self, order: Order) -> CancelOrder:
        return CancelOrder(self.owner, ids.mint(), order.id)


def order_of(decided: Decision) -> Order:
    assert isinstance(decided, Outcome)
    answered: object = decided.answer
    assert isinstance(answered, Order)
    return answered


async def test_one_external_id_is_one_order_on_two_engines(database: str) -> None:
    site = Site()
    async with running(database) as one, running(database) as two:
        decided = await asyncio.gather(
            *(engine.run(site.open("e-1")) for _ in range(20) for engine in (one, two))
        )
    assert len({order_of(each).id for each in decided}) == 1
    assert len(await fetch(database, "SELECT FROM orders")) == 1
    assert len(await fetch(database, "SELECT FROM provider_orders")) == 1
    assert len(await fetch(database, "SELECT FROM events WHERE type = 'order.created'")) == 1
    assert len(await fetch(database, "SELECT FROM audit WHERE action = 'order.create'")) == 1
    await check_invariants(database)


async def test_another_id_provider_or_merchant_is_another_order(database: str) -> None:
    site = Site()
    sites = [(site, "e-1"), (site, "e-2"), (Site(site.owner.merchant_id), "e-1"), (Site(), "e-1")]
    async with running(database) as engine:
        decided = await asyncio.gather(*(engine.run(one.open(name)) for one, name in sites))
    assert len({order_of(each).id for each in decided}) == 4
    await check_invariants(database)


async def test_another_amount_is_refused_while_the_order_can_be_paid(database: str) -> None:
    site = Site()
    async with running(database) as engine:
        first = order_of(await engine.run(site.open("e-1")))
        refused = await engine.run(site.open("e-1", 1000))
        assert isinstance(refused, Refused)
        assert (refused.status, refused.code, refused.param) == (400, "order_amount", "amount")
        unnamed = order_of(await engine.run(site.open("e-1", 1000, named=False)))
        assert (unnamed.id, unnamed.amount) == (first.id, 500)
        await engine.run(site.cancel(first))
        closed = order_of(await engine.run(site.open("e-1", 1000)))
        assert (closed.id, closed.status, closed.amount) == (first.id, "canceled", 500)
    assert len(await fetch(database, "SELECT FROM orders")) == 1
    await check_invariants(database)


async def test_of_two_amounts_at_once_one_is_the_order_s(database: str) -> None:
    site = Site()
    async with running(database) as engine:
        decided = await asyncio.gather(
            *(engine.run(site.open("e-1", amount)) for amount in (500, 1000) * 5)
        )
    orders = [order_of(each) for each in decided if isinstance(each, Outcome)]
    refused = [each.code for each in decided if isinstance(each, Refused)]
    assert (len(orders), refused) == (5, ["order_amount"] * 5)
    assert len({(order.id, order.amount) for order in orders}) == 1


# ---- amounts that payers choose ------------------------------------------------------------------

LINE = st.builds(
    Line, st.just("Credits"), st.integers(1, QUANTITY_MAX), st.integers(0, AMOUNT_MAX_MINOR)
)


def order_with(lines: list[Line], paid: int = 0) -> Order:
    amount = sum(line.quantity * line.amount for line in lines)
    return replace(opened(amount), lines=Raw(json.encode(lines)), paid=paid)


@given(LINE, st.integers(0, 1000), st.integers(1, AMOUNT_MAX_MINOR - 1000))
def test_whatever_comes_the_lines_add_up(line: Line, paid: int, amount: int) -> None:
    order = rules.resized(order_with([line], paid), amount)
    [after] = lines_of(order)
    assert order.amount == after.quantity * after.amount == paid + amount
    assert 1 <= after.quantity <= QUANTITY_MAX
    assert rules.quantity(order) == after.quantity
    assert rules.take(order, amount, NOW).status == "paid"


@given(st.integers(1, AMOUNT_MAX_MINOR // QUANTITY_MAX), st.integers(1, QUANTITY_MAX))
def test_a_multiple_of_the_price_is_so_many(price: int, quantity: int) -> None:
    order = rules.resized(order_with([Line("Credits", 1, price)]), price * quantity)
    assert lines_of(order) == [Line("Credits", quantity, price)]


@given(st.lists(LINE, min_size=2, max_size=4), st.integers(1, AMOUNT_MAX_MINOR))
def test_several_things_keep_their_lines(lines: list[Line], amount: int) -> None:
    order = rules.resized(order_with(lines), amount)
    assert (order.amount, lines_of(order)) == (amount, lines)
    assert rules.quantity(order) == sum(line.quantity for line in lines)
