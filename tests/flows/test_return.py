"""The payer comes back from the processor, whose own word is lost: the page has it looked up."""

from typing import Any

import pytest

from tests.flows.stack import until
from tests.flows.trade import Body, Trade
from tillgate.kit import ids
from tillgate.payments.store import LOOK_EVERY, look_soon, sql

Db = Any

DUE = """SELECT extract(epoch FROM due_at - now())::float AS due_in_s, looks
FROM operations WHERE payment_id = $1 AND kind = 'start'"""


class Payer:
    """Somebody who was sent to the sandbox a while ago; its callbacks are lost."""

    def __init__(self, trade: Trade, db: Db, payment: Body) -> None:
        self.trade, self.db, self.payment = trade, db, payment
        self.url: str = payment["checkout_url"]
        self.id = ids.parse("pay", payment["id"])

    async def pay(self) -> str:
        """Where the processor sends the payer back to."""
        there = await self.trade.send_payer(self.payment)
        await self.trade.fault(self.payment, drop=True)
        await self.set_back("updated_at = updated_at - interval '20 seconds'")
        answer = await self.trade.anyone.post(there.form("/approve"))
        return answer.headers["location"]

    async def set_back(self, changes: str) -> None:
        """As if time had passed since the start was answered."""
        await self.db.execute(f"UPDATE operations SET {changes} WHERE payment_id = $1", self.id)

    async def start(self) -> tuple[float, int]:
        """(in how many seconds its start is looked up, how many such looks are over)"""
        return tuple(await self.db.fetchrow(DUE, self.id))


@pytest.fixture
async def payer(trade: Trade, db: Db) -> Payer:
    return Payer(trade, db, await trade.create(amount=1000))


async def test_who_comes_back_sees_the_payment_succeed_without_a_callback(payer: Payer) -> None:
    back = await payer.pay()
    assert (await payer.start())[0] > LOOK_EVERY.total_seconds()
    assert (await payer.trade.look(back)).state == "waiting"
    page = await until(lambda: payer.trade.look(back), lambda now: now.state != "waiting")
    assert page.state == "succeeded"
    paid = await payer.trade.payment(payer.payment["id"])
    assert paid["amount_captured"] == 1000
    assert (await payer.trade.get("/v1/callbacks"))["data"] == []


async def test_a_page_that_stayed_open_learns_it_too(payer: Payer) -> None:
    """As its script does: it asks for the status alone."""
    await payer.pay()
    status = lambda: payer.trade.anyone.get(f"{payer.url}/status")  # noqa: E731
    told = await until(status, lambda answer: answer.json()["state"] != "waiting")
    assert told.json()["state"] == "succeeded"


async def test_who_has_not_gone_yet_has_nothing_looked_up(payer: Payer) -> None:
    assert (await payer.trade.look(payer.url)).state == "ready"
    assert await payer.db.fetchrow(DUE, payer.id) is None


async def test_watching_uses_up_no_look(payer: Payer) -> None:
    """However long somebody watches: what is looked up by itself comes after that all the same."""
    await payer.trade.send_payer(payer.payment)
    for _ in range(3):
        hour = "interval '1 hour'"
        await payer.set_back(f"due_at = now() + {hour}, updated_at = now() - {hour}")
        await payer.trade.look(payer.url)
        due_in_s, looks = await until(payer.start, lambda now: now[0] > 60)
        assert (looks, due_in_s > 250) == (1, True)


async def test_what_a_worker_has_in_hand_stays_there(payer: Payer, trade: Trade) -> None:
    await trade.send_payer(payer.payment)
    merchant_id = ids.parse("mer", trade.ready["merchant"])
    assert merchant_id is not None
    assert payer.id is not None
    transaction = payer.db.transaction()  # so that no other worker sees that it is due
    await transaction.start()
    await payer.set_back("due_at = now(), updated_at = now() - interval '1 hour'")
    assert payer.id in [
        row["payment_id"] for row in await payer.db.fetch(sql["due_operations"], 50)
    ]
    await look_soon(payer.db, merchant_id, payer.id)
    due_in_s, _ = await payer.start()
    await transaction.rollback()
    assert due_in_s == 30
