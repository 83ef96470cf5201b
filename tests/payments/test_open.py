"""Payments whose payer chooses the amount: what comes first is what was asked, and their order and
its quantity follow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from tests.payments.memory import Memory
from tests.payments.rows import NOW, charge, nominated, order, pending, stored
from tests.payments.test_rules import balances, hear, payment_of
from tillgate.events.model import Event
from tillgate.orders.model import Order, lines_of
from tillgate.payments.rules import may_try

CREDITS = Raw(b'[{"name":"Premium Credits","quantity":1,"amount":300,"reference":"svc_1"}]')
TOLD = Raw(b'{"providerId":"prov_1","quantity":"1"}')


def chosen() -> Memory:
    bought = order(amount=300, lines=CREDITS)
    asked = pending(amount=300, amount_policy="open", order_id=bought.id, metadata=TOLD)
    return stored(asked, bought)


def told(memory: Memory) -> list[str]:
    return [one.type for one in memory.all(Event)]


@given(st.integers(1, 10_000_000))
def test_any_amount_pays_and_nothing_is_a_mismatch(amount: int) -> None:
    memory = chosen()
    hear(memory, nominated(amount))
    payment, [bought] = payment_of(memory), memory.all(Order)
    assert (payment.status, payment.amount, payment.captured) == ("succeeded", amount, amount)
    assert (bought.status, bought.amount, bought.paid) == ("paid", amount, amount)
    assert sum(line.quantity * line.amount for line in lines_of(bought)) == amount
    assert balances(memory) == {("clearing", "eur"): -amount, ("available", "eur"): amount}
    assert told(memory) == ["payment.succeeded", "order.paid"]


@pytest.mark.parametrize(("amount", "quantity"), [(300, 1), (600, 2), (299, 1), (450, 1), (1, 1)])
def test_the_quantity_is_what_the_amount_pays_for(amount: int, quantity: int) -> None:
    memory = chosen()
    hear(memory, nominated(amount))
    [bought] = memory.all(Order)
    assert [line.quantity for line in lines_of(bought)] == [quantity]
    assert f'"quantity":"{quantity}"'.encode() in bytes(payment_of(memory).metadata)
    [succeeded] = [one for one in memory.all(Event) if one.type == "payment.succeeded"]
    assert f'"quantity":"{quantity}"'.encode() in bytes(succeeded.data)
    assert f'"amount":{amount},'.encode() in bytes(succeeded.data)


def test_another_asset_waits_for_a_person_all_the_same() -> None:
    memory = chosen()
    hear(memory, nominated(300, "usd"))
    payment, [bought] = payment_of(memory), memory.all(Order)
    assert (payment.status, payment.review_reason) == ("review", "asset_mismatch")
    assert (payment.amount, bought.status) == (300, "open")


def test_a_second_payer_s_other_amount_pays_nothing() -> None:
    memory = chosen()
    hear(memory, nominated(600))
    hear(memory, nominated(100, reference="ch_2"), at=2)
    payment, [bought] = payment_of(memory), memory.all(Order)
    assert (payment.status, payment.amount, payment.captured) == ("succeeded", 600, 600)
    assert (bought.amount, bought.paid) == (600, 600)
    assert balances(memory)["suspense", "eur"] == 100


def test_what_fails_first_keeps_the_amount_that_was_asked() -> None:
    memory = chosen()
    hear(memory, charge("failed", 0))
    payment = payment_of(memory)
    assert (payment.status, payment.amount) == ("failed", 300)
    assert may_try(payment, NOW)
