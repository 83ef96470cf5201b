"""Every call to Stripe: killed before and after, cut off, answered late or with an error. What was
asked for is done there once, the books say so, and who asks again is told the truth.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest

from tests.fakes.stripe import PUBLISHABLE_KEY, SECRET_KEY, WEBHOOK_SECRET, FakeStripe, Fault
from tests.fakes.stripe_objects import Thing
from tests.faults.shoppers import AMOUNT, BOUGHT, DEEDS, Deed, Shoppers
from tests.faults.site import PATIENCE_S, Program, eventually
from tests.faults.stage import Stage
from tests.flows.fixtures import listening
from tillgate.connectors.stripe.request import OPERATION
from tillgate.kit import ids

START = Deed("start", "automatic", "/v1/payments/{id}/confirm", {}, (200, "pending"), BOUGHT)
"""The payer is sent on; then he pays."""

METHODS = "card", "cashapp"
SUMS = "charge.refunded"
"""An event that passes no gate: it is looked up."""

CREDENTIALS = {
    "secret_key": SECRET_KEY,
    "publishable_key": PUBLISHABLE_KEY,
    "webhook_secrets": [WEBHOOK_SECRET],
}


class Buyers(Shoppers):
    """Payments in dollars, each by a method that has a connection and an account of its own."""

    def reach(self, site: Any, api: Program) -> None:
        self.site, self.api = site, api
        self.fakes = {method: FakeStripe() for method in METHODS}
        self.connections: dict[str, str] = {}

    async def connect(self) -> None:
        for method, fake in self.fakes.items():
            await fake.start()
            wanted = {
                "connector": "stripe", "credentials": CREDENTIALS,
                "settings": {"method": method, "api_base": fake.url},
            }  # fmt: skip
            made = await self._ask("/v1/connections", wanted)
            fake.webhook_url, self.connections[method] = made["callback_url"], made["id"]

    async def close(self) -> None:
        for fake in self.fakes.values():
            await fake.stop()

    async def unpaid(self, method: str = "card", capture: str = "automatic") -> dict[str, Any]:
        connection = self.connections[method]
        return await self.create(currency="usd", connection=connection, capture_method=capture)

    async def open(self, deed: Deed) -> dict[str, Any]:
        payment = await self.unpaid(capture=deed.capture_method)
        if deed is not START:
            await self.do(payment, START)
            await self.pay(payment)
        return payment

    async def do(
        self, payment: dict[str, Any], deed: Deed, at: Program | None = None
    ) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            return await super().do(payment, deed, at)

    async def pay(self, payment: dict[str, Any]) -> None:
        """The payer pays, and Stripe says so."""
        fake, [intent, *_] = self.intents(payment["id"])
        fake.books.pay(intent["id"])
        await fake.settled()

    async def refuse(self, payment: dict[str, Any]) -> Thing:
        """The payer's card is declined: the intent, which waits for another one."""
        fake, [intent] = self.intents(payment["id"])
        fake.books.decline(intent["id"])
        await fake.settled()
        return intent

    def intents(self, payment_id: str) -> tuple[FakeStripe, list[Thing]]:
        """What the payment has brought into being, the newest first, and where."""
        for fake in self.fakes.values():
            every = fake.books.all("payment_intent", None)
            if own := [one for one in every if one["metadata"]["tillgate_payment"] == payment_id]:
                return fake, own
        raise AssertionError(f"there is nothing at Stripe of {payment_id}")

    async def check(self) -> None:
        for fake in self.fakes.values():
            await fake.settled()
            assert not fake.faults
            self.told |= {event["id"] for event in fake.events if event["type"] != SUMS}
        await super().check()

    async def _check_there(self) -> None:
        """One intent each, of which the wanted was done once; those before it were let go."""
        for payment_id, end in self.ends.items():
            fake, [intent, *before] = self.intents(ids.show("pay", payment_id))
            assert {one["status"] for one in before} <= {"canceled"}
            assert (intent["status"], intent["amount_received"]) == (end.status, end.captured)
            [charge] = fake.books.all("charge", intent["id"])
            assert (charge["amount"], charge["amount_captured"]) == (AMOUNT, end.captured)
            refunds = fake.books.all("refund", intent["id"])
            ours = [one["amount"] for one in refunds if OPERATION in one["metadata"]]
            assert ours == [end.refunded] * bool(end.refunded)

    async def _ask(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        url, headers = self.api.url + path, self.site.authorization
        async with self.site.client.post(url, json=body, headers=headers) as answer:
            assert answer.status == 201, await answer.text()
            return json.loads(await answer.read())


@pytest.fixture(scope="module")
async def buyers(stage: Stage) -> AsyncIterator[Buyers]:
    async with listening() as received:
        await stage.site.subscribe(stage.api, received.url)
        buyers = Buyers(stage.site, [stage.api, stage.spare], received, Random(7))
        buyers.reach(stage.site, stage.api)
        await buyers.connect()
        yield buyers
        await buyers.close()


@pytest.fixture(autouse=True)
async def fresh(stage: Stage) -> None:
    await stage.worker.end()
    await stage.worker.start()
    await stage.spare.end()


AROUND = "before_call", "after_call"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("when", AROUND)
async def test_an_api_is_killed_as_it_begins(
    stage: Stage, buyers: Buyers, when: str, method: str
) -> None:
    payment = await buyers.unpaid(method)
    await stage.spare.start(f"start.{when}=kill")
    await stage.spare.ready()
    await buyers.do(payment, START, stage.spare)
    await stage.spare.died()
    await buyers.pay(payment)
    await buyers.check()


@pytest.mark.parametrize("deed", DEEDS, ids=[deed.kind for deed in DEEDS])
@pytest.mark.parametrize("when", AROUND)
async def test_an_api_is_killed_at(stage: Stage, buyers: Buyers, when: str, deed: Deed) -> None:
    payment = await buyers.open(deed)
    await stage.spare.start(f"operation.{when}=kill")
    await stage.spare.ready()
    await buyers.do(payment, deed, stage.spare)
    await stage.spare.died()
    await buyers.check()


@pytest.mark.parametrize("when", AROUND)
async def test_a_worker_is_killed_as_it_lets_a_refused_intent_go(
    stage: Stage, buyers: Buyers, when: str
) -> None:
    payment = await buyers.unpaid()
    await buyers.do(payment, START)
    refused = await buyers.refuse(payment)
    await stage.worker.end()
    await stage.worker.start(f"operation.{when}=kill")
    await buyers.do(payment, START)
    await stage.worker.died()
    await stage.worker.start()
    await eventually(lambda: asyncio.sleep(0, refused["status"] == "canceled"))
    await buyers.pay(payment)
    await buyers.check()


@pytest.mark.parametrize("fault", ["500_after", "cut_after", "hang_after"])
async def test_what_is_done_and_not_told_is_looked_up(buyers: Buyers, fault: Fault) -> None:
    await go_wrong(buyers, fault)


@pytest.mark.parametrize("fault", ["500_before", "429", "409"])
async def test_what_is_not_done_is_sent_again(buyers: Buyers, fault: Fault) -> None:
    await go_wrong(buyers, fault)


async def go_wrong(buyers: Buyers, fault: Fault) -> None:
    """Each kind of call meets this once."""
    payments = [(await buyers.open(deed), deed) for deed in DEEDS]
    begun = [(await buyers.unpaid(method), START) for method in METHODS]
    faults: tuple[Fault, ...] = (fault,) * 4
    buyers.fakes["card"].faults.extend(faults)
    buyers.fakes["cashapp"].faults.append(fault)
    await asyncio.gather(*(buyers.do(*one) for one in payments + begun))
    for payment, _ in begun:
        await buyers.pay(payment)
    await buyers.check()
