"""The state table: walked over by every fact from every state, drawn in the docs, kept by the SQL.

Renew the drawing: put what the failing test shows into docs/reference/payment-states.md.
"""

import re
from collections import Counter
from collections.abc import Callable
from itertools import product
from typing import get_args
from uuid import UUID

import pytest
from msgspec.structs import replace

from tests.house.tree import ROOT, bare, rows
from tests.payments.checks import CHECKS, books_balance, may_move
from tests.payments.heard import Heard, as_one, key_of
from tests.payments.memory import Memory
from tests.payments.rows import (
    CONNECTION,
    MERCHANT,
    NOW,
    OWNER,
    PAYMENT,
    Hear,
    charge,
    dispute,
    order,
    pending,
    refund,
    stored,
)
from tillgate.connectors.protocol import Observation
from tillgate.engine.command import Command, Outcome
from tillgate.ledger.model import Account, AccountKey
from tillgate.orders.model import Order
from tillgate.payments.commands import Cancel, Capture, ExpirePayment, Resolve
from tillgate.payments.model import Payment, Status
from tillgate.payments.rules import LEAVES, RANKS, as_status

PAGE = "docs/reference/payment-states.md"

Step = Observation | Command
WAYS: dict[str, list[Step]] = {
    "pending": [],
    "processing": [charge("processing")],
    "authorized": [charge("authorized")],
    "authorized, being captured in part": [
        charge("authorized"), Capture(OWNER, UUID(int=1 << 80), PAYMENT, 400),
    ],
    "authorized, being canceled": [
        charge("authorized"), Cancel(OWNER, UUID(int=1 << 80), PAYMENT, "abandoned"),
    ],
    "succeeded": [charge("captured")],
    "succeeded, accepted": [
        charge("captured", 400), Resolve(OWNER, UUID(int=1 << 80), PAYMENT, "accept"),
    ],
    "failed": [charge("failed")],
    "failed, and payable there": [replace(charge("failed"), payable=True)],
    "failed, refused": [
        charge("captured", 400), Resolve(OWNER, UUID(int=1 << 80), PAYMENT, "refund"),
    ],
    "canceled": [Cancel(OWNER, UUID(int=1 << 80), PAYMENT, "abandoned")],
    "expired": [ExpirePayment(OWNER, PAYMENT, UUID(int=1 << 80))],
    "review": [charge("captured", 400)],
}  # fmt: skip
"""Status → how a payment comes there."""

ORDERS: dict[str, Callable[[], list[Order]]] = {
    "no order": list,
    "an open order": lambda: [order()],
    "a paid order": lambda: [order(status="paid", paid=6000, paid_at=NOW)],
    "a paid order, duplicates refunded": lambda: [
        order(status="paid", paid=6000, paid_at=NOW, duplicates="refund")
    ],
    "a canceled order": lambda: [order(status="canceled", canceled_at=NOW)],
}

FACTS: list[Observation] = [
    *(
        charge(state, amount, asset, reference)
        for state, amount, asset, reference in product(
            RANKS["charge"], (0, 400, 1000, 1500), ("eur", "usd"), ("ch_1", "ch_2")
        )
        if amount or state not in ("authorized", "captured")
    ),
    *(replace(charge("failed", reference=name), payable=True) for name in ("ch_1", "ch_2")),
    *(
        kind(state, amount, asset)
        for name, kind in (("refund", refund), ("dispute", dispute))
        for state, amount, asset in product(RANKS[name], (400, 1000, 1500), ("eur", "usd"))
    ),
]


@pytest.mark.parametrize("manual", [True, False], ids=["manual", "automatic"])
@pytest.mark.parametrize("way", WAYS)
def test_no_fact_leaves_the_table(way: str, manual: bool) -> None:
    """Every fact in every state, with and without an order: the payment stays, or goes where the
    table lets it; the books agree with what was said; every row passes its CHECKs."""
    if way.startswith("authorized") and not manual:
        return  # what is authorized there is `processing`: it will be captured by itself
    for orders in ORDERS.values():
        begun, heard = come(way, manual, orders())
        before = begun.get(Payment, (MERCHANT, PAYMENT))
        assert before.status == way.partition(",")[0]
        for fact in FACTS:
            memory = begun.copy()
            memory.run(Hear(2, (fact,)), NOW)
            after = memory.get(Payment, (MERCHANT, PAYMENT))
            may_move(before, after, {o.id: o for o in begun.all(Order)})
            books_balance(memory)
            told = Heard({PAYMENT: dict(heard.said.get(PAYMENT, {}))})
            told.hear(PAYMENT, CONNECTION, fact)
            assert balances(memory) == expected(told, after), (way, fact)


def come(way: str, manual: bool, orders: list[Order]) -> tuple[Memory, Heard]:
    """A payment that has come this way, and what was said of it; its order is so only now."""
    payment = pending(
        capture_method="manual" if manual else "automatic",
        order_id=orders[0].id if orders else None,
        expires_at=NOW,
    )
    memory, heard = stored(payment, *[order() for _ in orders]), Heard()
    for number, step in enumerate(WAYS[way], 10):
        if isinstance(step, Observation):
            heard.hear(PAYMENT, CONNECTION, step)
        command = Hear(number, (step,)) if isinstance(step, Observation) else step
        assert isinstance(memory.run(command, NOW), Outcome)
    for one in orders:
        memory.put(one)
    return memory, heard


def balances(memory: Memory) -> dict[AccountKey, int]:
    found = Counter[AccountKey]()
    for account in memory.all(Account):
        if account.code != "clearing":
            found[as_one(key_of(account))] += account.posted
    return {key: posted for key, posted in found.items() if posted}


def expected(heard: Heard, payment: Payment) -> dict[AccountKey, int]:
    return {key: posted for key, posted in heard.balances(payment).items() if posted}


def test_every_check_is_in_the_migrations() -> None:
    migrations = "".join(path.read_text() for path in sorted((ROOT / "db/migrations").iterdir()))
    sql = " ".join(migrations.split())
    assert not [words for table in CHECKS.values() for words in table if words not in sql]


# ---- the drawing --------------------------------------------------------------------------------


def test_every_status_has_its_row_in_the_table() -> None:
    assert tuple(LEAVES) == get_args(Status)
    for leaves in LEAVES.values():
        assert leaves <= set(LEAVES)


def test_the_page_draws_the_table() -> None:
    drawing = "\n".join(["```mermaid", *draw(), "```"])
    page = (ROOT / PAGE).read_text()
    found = re.findall(r"^```mermaid\n.*?^```$", page, re.MULTILINE | re.DOTALL)
    assert found == [drawing], f"put this into {PAGE}:\n{drawing}"


def test_the_page_lists_the_table() -> None:
    listed = {
        as_status(bare(name)): {*re.findall(r"`(\w+)`", leaves)} for name, _, leaves in rows(PAGE)
    }
    assert listed == LEAVES


def draw() -> list[str]:
    ends = [status for status, leaves in LEAVES.items() if not leaves]
    return [
        "stateDiagram-v2",
        "    [*] --> pending",
        *(
            f"    {status} --> {leave}"
            for status, leaves in LEAVES.items()
            for leave in LEAVES
            if leave in leaves
        ),
        *(f"    {status} --> [*]" for status in ends),
    ]
