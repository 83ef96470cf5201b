"""What an order becomes, whatever comes and goes, and in which order."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw, json
from msgspec.structs import replace

from tillgate.kit.db import set_up
from tillgate.orders import rules
from tillgate.orders.model import Order, due, show

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
Step = tuple[str, int]


def opened(amount: int = 1000) -> Order:
    line = {"name": "Blue mug", "quantity": 1, "amount": amount}
    return Order(
        merchant_id=UUID(int=1), id=UUID(int=2), amount=amount, asset="eur", status="open",
        paid=0, refunded=0, lines=Raw(json.encode([line])), reference=None, description=None,
        metadata=Raw(b"{}"), duplicates="review", version=1, created_at=NOW, updated_at=NOW,
        paid_at=None, canceled_at=None,
    )  # fmt: skip


def after(order: Order, step: Step, now: datetime) -> Order:
    match step:
        case ("take", amount):
            return rules.take(order, amount, now)
        case ("give_back", amount):
            return rules.give_back(order, min(amount, order.paid - order.refunded), now)
        case ("stay", amount):  # a refund that failed in the end
            return rules.give_back(order, -min(amount, order.refunded), now)
        case _:
            return order if rules.may_cancel(order) else rules.cancel(order, now)


def history(order: Order, steps: list[Step]) -> Iterator[Order]:
    for number, step in enumerate(steps):
        order = after(order, step, NOW + timedelta(seconds=number))
        yield order


def test_two_payments_cover_an_order() -> None:
    first, second = history(opened(1000), [("take", 400), ("take", 600)])
    assert (first.status, due(first), first.paid_at) == ("partly_paid", 600, None)
    assert (second.status, due(second), second.version) == ("paid", 0, 3)
    assert second.paid_at == second.updated_at == NOW + timedelta(seconds=1)
    assert (rules.misfit(first), rules.misfit(second)) == (None, "duplicate")
    assert list(rules.told(opened(), first)) == ["order.partly_paid"]
    assert list(rules.told(first, second)) == ["order.paid"]


def test_a_paid_order_stays_paid_whatever_comes_and_goes() -> None:
    paid, twice, back = history(opened(1000), [("take", 1000), ("take", 5), ("give_back", 1005)])
    assert {one.status for one in (paid, twice, back)} == {"paid"}
    assert {one.paid_at for one in (paid, twice, back)} == {NOW}
    assert (back.paid, back.refunded, due(back)) == (1005, 1005, 0)
    assert list(rules.told(paid, twice)) == []
    assert list(rules.told(twice, back)) == ["order.refunded"]


def test_what_went_back_too_early_is_due_again() -> None:
    *_, back = history(opened(1000), [("take", 400), ("give_back", 400)])
    assert (back.status, due(back)) == ("open", 1000)


def test_only_what_stayed_covers_an_order() -> None:
    steps = [("take", 600), ("give_back", 600), ("take", 400), ("stay", 600)]
    *_, part, all_of_it = history(opened(1000), steps)
    assert (part.status, due(part)) == ("partly_paid", 600)
    assert (all_of_it.status, list(rules.told(part, all_of_it))) == ("paid", ["order.paid"])


def test_a_canceled_order_stays_canceled() -> None:
    canceled, late = history(opened(1000), [("cancel", 0), ("take", 1000)])
    assert (canceled.status, canceled.canceled_at, due(canceled)) == ("canceled", NOW, 0)
    assert (late.status, late.paid, late.paid_at) == ("canceled", 1000, None)
    assert rules.misfit(late) == "order_canceled"
    assert list(rules.told(opened(), canceled)) == ["order.canceled"]
    assert list(rules.told(canceled, late)) == []


@pytest.mark.parametrize("steps", [[("take", 1000)], [("cancel", 0)]], ids=str)
def test_what_is_closed_is_neither_paid_nor_canceled(steps: list[Step]) -> None:
    (closed,) = history(opened(1000), steps)
    for refused in (rules.may_pay(closed), rules.may_cancel(closed)):
        assert refused is not None
        assert (refused.status, refused.code, refused.param) == (409, "order_state", "order")
        assert closed.status in refused.message
    assert (rules.may_pay(opened()), rules.may_cancel(opened())) == (None, None)


STEPS = st.lists(
    st.tuples(st.sampled_from(["take", "give_back", "stay", "cancel"]), st.integers(1, 1500)),
    max_size=8,
)


@given(STEPS)
def test_no_history_loses_anything(steps: list[Step]) -> None:
    before, events = opened(1000), list[str]()
    for order in history(before, steps):
        events += rules.told(before, order)
        shown = show(order, livemode=False)
        assert (shown.status == "paid") == (order.paid_at is not None and not order.canceled_at)
        due_now = 0 if rules.may_pay(order) else 1000 - order.paid + order.refunded
        assert shown.amount_due == due_now
        assert (rules.misfit(order) is None) == (rules.may_pay(order) is None)
        assert order.version == before.version + (order is not before)
        before = order
    assert events.count("order.paid") + events.count("order.canceled") <= 1
    taken = sum(amount for kind, amount in steps if kind == "take")
    assert before.paid == taken


async def test_sql_takes_every_history(database: str) -> None:
    """What the table itself checks, in all states that a thousand histories reach."""
    chance = random.Random(1)
    kinds = ["take", "take", "give_back", "stay", "cancel"]
    reached = [opened(10)]
    for _ in range(1000):
        steps = [(chance.choice(kinds), chance.randint(1, 12)) for _ in range(5)]
        reached += history(opened(10), steps)
    assert {order.status for order in reached} == {"open", "partly_paid", "paid", "canceled"}
    rows = [replace(order, id=UUID(int=number)) for number, order in enumerate(reached)]
    connection = await asyncpg.connect(database)
    await set_up(connection)
    await connection.execute(
        "INSERT INTO orders SELECT * FROM json_populate_recordset(NULL::orders, $1)",
        Raw(json.encode(rows)),
    )
    assert await connection.fetchval("SELECT count(*) FROM orders") == len(rows)
    await connection.close()
