"""Test clocks: what takes hours happens at once, to one test merchant alone."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.flows.purse import Purse
from tests.flows.stack import Received, Stack, until
from tests.flows.test_bad_input import error_of
from tests.flows.test_main_job import subscribe
from tests.invariants import check_invariants
from tillgate.kit import clock
from tillgate.kit.db import set_up
from tillgate.merchants.commands import Created, create_business
from tillgate.webhooks.formats import gateway
from tillgate.webhooks.formats.standard import SCHEDULE_S

Db = Any

DAY_S = 86_400
EARLY_S = 25
"""More than a test takes on a busy machine, less than any long wait."""


class Clock:
    """A test clock of the merchant behind `api`."""

    def __init__(self, api: httpx.AsyncClient, shown: dict[str, Any]) -> None:
        self.api = api
        self.path = f"/v1/test_clocks/{shown['id']}"

    async def advance(self, by_s: int) -> None:
        """Lets time pass, and waits until all that fell due by it is done."""
        answer = await self.api.post(self.path + "/advance", json={"by_s": by_s})
        assert answer.status_code == 200, answer.text
        await until(self.read, lambda shown: shown["status"] == "ready")

    async def read(self) -> dict[str, Any]:
        return (await self.api.get(self.path)).json()


@pytest.fixture
async def ticking(stack: Stack) -> AsyncIterator[Clock]:
    made = await stack.api.post("/v1/test_clocks", json={"name": "a story"})
    assert made.status_code == 201, made.text
    ticking = Clock(stack.api, made.json())
    yield ticking
    assert (await stack.api.delete(ticking.path)).status_code == 200
    await check_invariants(stack.database_url)


@pytest.fixture
async def stranger(db: Db) -> Created:
    await set_up(db)
    return await create_business(db, "Stranger", clock.now())


async def test_a_payment_expires_when_its_day_has_passed(stack: Stack, ticking: Clock) -> None:
    payment, longer = await stack.create(), await stack.create(expires_in_s=3 * DAY_S)
    await ticking.advance(DAY_S // 2)
    assert (await stack.payment(payment["id"]))["status"] == "pending"
    await ticking.advance(DAY_S // 2)
    await stack.until(payment["id"], "expired")
    still = await stack.payment(longer["id"])
    assert (still["status"], longer["expires_at"] - still["expires_at"]) == ("pending", DAY_S)
    assert (await ticking.read())["advanced_s"] == DAY_S


async def test_a_declined_payment_runs_out_of_time_too(stack: Stack, ticking: Clock) -> None:
    payment = await stack.create()
    at_processor = await stack.send_payer(payment)
    await stack.anyone.post(at_processor.form("/decline"))
    await stack.until(payment["id"], "failed")
    await ticking.advance(DAY_S)
    assert (await stack.payment(payment["id"]))["expires_at"] < payment["expires_at"]


async def test_a_webhook_that_fails_goes_through_its_whole_schedule(
    stack: Stack, shop: Received, ticking: Clock
) -> None:
    endpoint = await subscribe(stack, shop, events=["payment.created"])
    path = f"/v1/webhook_endpoints/{endpoint['id']}/deliveries"
    shop.answers = [500] * len(SCHEDULE_S)
    await stack.create()

    async def delivery() -> dict[str, Any]:
        return (await stack.api.get(path)).json()["data"][0]

    for number, wait_s in enumerate(SCHEDULE_S, 1):
        if number > 1:
            await ticking.advance(2 * wait_s)  # waits are stretched a little, by chance
        await shop.wait_for(number)
        shown = await until(delivery, lambda d, n=number: len(d["attempts"]) >= n)
        assert len(shown["attempts"]) == number
    assert (await delivery())["state"] == "dead"
    jobs = (await stack.api.get("/v1/jobs")).json()["data"]
    assert next(job["failed"] for job in jobs if job["name"] == "deliveries") >= 1
    await stack.api.delete(f"/v1/webhook_endpoints/{endpoint['id']}")


async def test_the_gateways_long_schedule_is_exact(
    stack: Stack, shop: Received, ticking: Clock
) -> None:
    """Shortly before its time nothing is sent, and at its time it is."""
    endpoint = await subscribe(stack, shop, format="gateway", events=["payment.canceled"])
    path = f"/v1/webhook_endpoints/{endpoint['id']}/deliveries"
    shop.answers = [503] * len(gateway.SCHEDULE_S)
    payment = await stack.create()
    assert (await stack.api.post(f"/v1/payments/{payment['id']}/cancel")).status_code == 200

    async def delivery() -> dict[str, Any]:
        return (await stack.api.get(path)).json()["data"][0]

    for number, wait_s in enumerate(gateway.SCHEDULE_S, 1):
        if number > 1:
            await ticking.advance(wait_s - EARLY_S)
            assert len(shop.webhooks) == number - 1
            await ticking.advance(EARLY_S)
        await shop.wait_for(number)
        await until(delivery, lambda d, n=number: len(d["attempts"]) == n)
    assert (await delivery())["state"] == "dead"
    assert len({webhook.body for webhook in shop.webhooks}) == 1
    await stack.api.delete(f"/v1/webhook_endpoints/{endpoint['id']}")


async def test_a_hold_expires_and_another_merchants_does_not(
    purse: Purse, ticking: Clock, stranger: Created
) -> None:
    stack = purse.stack
    await purse.ask("/credit", amount=1000)
    hold = await purse.ask("/holds", amount=400, expires_in_s=DAY_S)
    key = {"Authorization": f"Bearer {stranger.test.secret_key}"}
    async with httpx.AsyncClient(base_url=stack.url, headers=key, timeout=20) as api:
        eur = {"currency": "eur"}
        await api.post(f"{purse.path}/credit", json={"amount": 1000, **eur})
        wish = {"amount": 400, "expires_in_s": DAY_S, **eur}
        theirs = (await api.post(f"{purse.path}/holds", json=wish)).json()
        await ticking.advance(DAY_S)
        shown = (await stack.api.get(f"{purse.path}/holds/{hold['id']}")).json()
        assert shown["status"] == "expired"
        assert (await api.get(f"{purse.path}/holds/{theirs['id']}")).json() == theirs
        for method, path in (("GET", ""), ("POST", "/advance"), ("DELETE", "")):
            body = {"by_s": 1} if method == "POST" else None
            answer = await api.request(method, ticking.path + path, json=body)
            assert (answer.status_code, error_of(answer)["code"]) == (404, "not_found")
    assert await purse.balance() == (1000, 1000, 0, False)


async def test_an_idempotency_key_is_new_after_a_day(stack: Stack, ticking: Clock) -> None:
    async def create() -> str:
        wish = {"amount": 100, "currency": "eur"}
        headers = {"Idempotency-Key": ticking.path}
        return (await stack.api.post("/v1/payments", json=wish, headers=headers)).json()["id"]

    first = await create()
    assert await create() == first
    await ticking.advance(DAY_S - 3600)
    assert await create() == first
    await ticking.advance(3600)
    assert await create() != first


async def test_a_repeated_advance_advances_once(stack: Stack, ticking: Clock) -> None:
    payment = await stack.create()
    wish, headers = {"by_s": 2 * DAY_S}, {"Idempotency-Key": ticking.path}
    path = ticking.path + "/advance"
    answers = await asyncio.gather(
        *(stack.api.post(path, json=wish, headers=headers) for _ in range(5))
    )
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert sum("idempotent-replayed" in answer.headers for answer in answers) == 4
    assert (await ticking.read())["advanced_s"] == 2 * DAY_S
    await stack.until(payment["id"], "expired")
    told = (await stack.api.get("/v1/audit?action=test_clock.advance&limit=1")).json()["data"][0]
    assert told["target"] == ticking.path.rpartition("/")[2]
    assert told["after"] == {"by_s": 2 * DAY_S, "advanced_s": 2 * DAY_S}


async def test_live_time_cannot_be_advanced(stack: Stack, db: Db, stranger: Created) -> None:
    await db.execute(
        "UPDATE api_keys SET merchant_id = $1 WHERE merchant_id = $2",
        stranger.live_merchant_id, stranger.test.merchant_id,
    )  # fmt: skip
    key = {"Authorization": f"Bearer {stranger.test.secret_key}"}
    async with httpx.AsyncClient(base_url=stack.url, headers=key, timeout=20) as api:
        answer = await api.post("/v1/test_clocks", json={})
        assert (answer.status_code, error_of(answer)["code"]) == (403, "permission_denied")
        assert "test key" in error_of(answer)["message"]


@pytest.mark.parametrize("body", [{}, {"by_s": 0}, {"by_s": 31_536_001}, {"by_s": "1"}, {"s": 1}])
async def test_strange_steps_are_refused(stack: Stack, ticking: Clock, body: Any) -> None:
    answer = await stack.api.post(ticking.path + "/advance", json=body)
    assert answer.status_code == 400
    assert error_of(answer)["param"] == ("s" if body == {"s": 1} else "by_s")
    assert (await ticking.read())["advanced_s"] == 0


async def test_clocks_are_listed_newest_first(stack: Stack, ticking: Clock) -> None:
    newer = (await stack.api.post("/v1/test_clocks", json={})).json()
    listed = (await stack.api.get("/v1/test_clocks?limit=2")).json()
    assert [one["id"] for one in listed["data"]] == [newer["id"], ticking.path.rpartition("/")[2]]
    assert listed["data"][0] == newer
    assert (await stack.api.delete(f"/v1/test_clocks/{newer['id']}")).json()["deleted"] is True
    assert (await stack.api.get(f"/v1/test_clocks/{newer['id']}")).status_code == 404
