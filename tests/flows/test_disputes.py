"""Disputes as the sandbox opens and decides them: what is told, and where the money stands."""

from typing import Any

import pytest

from tests.flows.stack import until
from tests.flows.trade import Body, Trade


class Claim:
    """One dispute of a payment, moved on at the processor."""

    def __init__(self, trade: Trade, payment: Body) -> None:
        self.trade = trade
        self.payment = payment
        self.id = ""

    async def open(self, **wanted: Any) -> Body:
        there = f"/payments/{self.payment['id']}"
        known = len((await self.trade.at_processor(self.payment))["Disputes"])
        await self.trade.control("POST", f"{there}/disputes", wanted)
        listed = await until(self._listed, lambda found: len(found) == known + 1)
        self.id = listed[0]["id"]
        return listed[0]

    async def _listed(self) -> list[Body]:
        return (await self.trade.get("/v1/disputes", payment=self.payment["id"]))["data"]

    async def move(self, deed: str, status: str) -> Body:
        path = f"/v1/disputes/{self.id}"
        reference = (await self.trade.get(path))["reference"]
        there = f"/payments/{self.payment['id']}/disputes/{reference}/{deed}"
        await self.trade.control("POST", there)
        return await until(lambda: self.trade.get(path), lambda d: d["status"] == status)

    async def disputed(self) -> int:
        return (await self.trade.payment(self.payment["id"]))["amount_disputed"]


@pytest.fixture
async def claim(trade: Trade) -> Claim:
    return Claim(trade, await trade.paid(1000))


async def test_a_dispute_is_lost_and_reinstated(claim: Claim) -> None:
    trade = claim.trade
    opened = await claim.open(reason="product_not_received", evidence_due_in_s=7 * 86_400)
    assert (opened["object"], opened["status"], opened["amount"]) == (
        "dispute", "needs_response", 1000,
    )  # fmt: skip
    assert (opened["payment"], opened["reason"]) == (claim.payment["id"], "product_not_received")
    assert 0 <= opened["evidence_due_at"] - opened["created"] - 7 * 86_400 < 60
    assert opened["charge"] == (await trade.at_processor(claim.payment))["Reference"]
    assert await trade.balance() == {"disputed": 1000}
    assert await claim.disputed() == 1000
    await claim.move("review", "under_review")
    assert await trade.balance() == {"disputed": 1000}
    await claim.move("lose", "lost")
    assert await trade.balance() == {}
    assert await claim.disputed() == 1000
    await claim.move("reinstate", "won")
    assert await trade.balance() == {"available": 1000}
    assert await claim.disputed() == 0
    assert (await trade.payment(claim.payment["id"]))["status"] == "succeeded"
    assert await trade.told(opened) == [
        "dispute.opened", "dispute.under_review", "dispute.lost", "dispute.reinstated",
    ]  # fmt: skip


async def test_a_dispute_is_won(claim: Claim) -> None:
    trade = claim.trade
    opened = await claim.open(amount=300)
    assert await trade.balance() == {"available": 700, "disputed": 300}
    won = await claim.move("win", "won")
    assert await trade.balance() == {"available": 1000}
    assert await trade.told(won) == ["dispute.opened", "dispute.won"]
    assert await trade.get(f"/v1/disputes/{opened['id']}") == won


async def test_the_merchant_is_told_once_that_evidence_is_due(claim: Claim) -> None:
    trade = claim.trade
    opened = await claim.open(evidence_due_in_s=5 * 86_400)
    assert await trade.told(opened) == ["dispute.opened"]
    for _ in range(2):
        await trade.advance(3 * 86_400 + 3600)
        assert await trade.told(opened) == ["dispute.opened", "dispute.evidence_due"]


async def test_nobody_is_told_of_evidence_that_is_not_wanted_any_more(claim: Claim) -> None:
    opened = await claim.open(evidence_due_in_s=5 * 86_400)
    await claim.move("review", "under_review")
    await claim.trade.advance(4 * 86_400)
    assert await claim.trade.told(opened) == ["dispute.opened", "dispute.under_review"]


async def test_what_is_claimed_back_is_not_refunded_too(claim: Claim) -> None:
    trade = claim.trade
    await claim.open(amount=800)
    wish = {"payment": claim.payment["id"]}
    assert await trade.refused("/v1/refunds", **wish, amount=201) == (400, "amount_too_large")
    await trade.refund(claim.payment, amount=200)
    assert await trade.refused("/v1/refunds", **wish) == (400, "charge_refunded")
    assert await trade.balance() == {"disputed": 800}
    await claim.move("win", "won")
    await trade.refund(claim.payment)
    assert await trade.balance() == {}


async def test_a_spent_deposit_that_is_claimed_back_is_owed(trade: Trade) -> None:
    """The wallet gives what it has; the rest is what its user owes the merchant."""
    claim = Claim(trade, await trade.paid(1000, wallet_user="eve"))
    spent = await trade.send("/v1/wallets/eve/debit", currency="eur", amount=900)
    assert spent.status_code == 201
    await claim.open()
    assert await wallet(trade) == 0
    assert await trade.balance() == {"available": 900, "disputed": 1000, "receivable": 900}
    await claim.move("lose", "lost")
    assert await trade.balance() == {"available": 900, "receivable": 900}
    await claim.move("reinstate", "won")
    assert await trade.balance() == {"available": 900}
    assert await wallet(trade) == 100


async def test_disputes_are_listed_newest_first(claim: Claim) -> None:
    trade = claim.trade
    first, second = await claim.open(amount=100), await claim.open(amount=200)
    await claim.move("win", "won")
    listed = (await trade.get("/v1/disputes", payment=claim.payment["id"]))["data"]
    assert [d["id"] for d in listed] == [second["id"], first["id"]]
    listed = (await trade.get("/v1/disputes", status="won"))["data"]
    assert [d["id"] for d in listed] == [second["id"]]
    whole = await trade.get(f"/v1/disputes/{first['id']}", **{"expand[]": "payment"})
    assert whole["payment"]["amount_disputed"] == 100
    whole = await trade.get(f"/v1/payments/{claim.payment['id']}", **{"expand[]": "disputes"})
    assert [d["id"] for d in whole["disputes"]] == [first["id"], second["id"]]


async def wallet(trade: Trade) -> int:
    [one] = (await trade.get("/v1/wallets/eve", currency="eur"))["balances"]
    return one["total"]
