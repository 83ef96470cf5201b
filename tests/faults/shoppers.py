"""Load that remembers what it was told: payments made, started, paid, called back, captured,
canceled and refunded, until done.

Every wish is repeated, with the same key and to any of the APIs, until it is acknowledged; at the
end what was acknowledged is looked for in the database.
"""

import asyncio
import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from random import Random
from typing import Any, NamedTuple, Self, TypeVar
from uuid import UUID

import aiohttp
import asyncpg

from tests.faults.site import PATIENCE_S, SANDBOX_SECRET, Program, Site, eventually
from tests.flows.stack import Received
from tests.invariants import check_invariants
from tillgate.kit import clock, ids

T = TypeVar("T")

GONE = (aiohttp.ClientError, ConnectionError)
PAUSE_S = 0.05
HURRY_S = 0.5
HURRY = """
    WITH looks AS (
      UPDATE operations SET due_at = now()
      WHERE due_at > now() AND state IN ('reserved', 'submitted', 'unknown')
        AND updated_at < now() - interval '1 s'),
    gates AS (
      UPDATE idempotency_keys SET created_at = created_at - interval '30 s'
      WHERE state = 'open' AND created_at < now() - interval '1 s'),
    retries AS (
      UPDATE callbacks SET due_at = now() WHERE due_at > now())
    UPDATE deliveries SET due_at = now()
    WHERE state = 'due' AND due_at BETWEEN now() AND now() + interval '28 s'"""
"""What was claimed a second ago and not finished comes round now, and not after its 30 s."""

AMOUNT = 1050

CALLBACKS_EACH = 3
"""How often the processor says the same thing, to whatever API."""


class End(NamedTuple):
    """What a payment is in the end, here and at the processor. Amounts are minor units."""

    status: str
    captured: int = 0
    refunded: int = 0

    @property
    def transfers(self) -> int:
        """A capture is one; a refund is set aside first."""
        return bool(self.captured) + 2 * bool(self.refunded)


class Deed(NamedTuple):
    """Something that a merchant wants of a payment whose payer has done his part."""

    kind: str
    capture_method: str
    path: str
    body: dict[str, Any]
    final: tuple[int, str]
    """The answer's status, and that of the object in it, when there is nothing more to come."""
    end: End


BOUGHT = End("succeeded", AMOUNT)
CAPTURE = Deed(
    "capture", "manual", "/v1/payments/{id}/capture", {"amount": 700}, (200, "succeeded"),
    End("succeeded", 700),
)  # fmt: skip
VOID = Deed(
    "void", "manual", "/v1/payments/{id}/cancel", {}, (200, "canceled"), End("canceled")
)  # fmt: skip
REFUND = Deed(
    "refund", "automatic", "/v1/refunds", {"payment": "{id}", "amount": 300}, (201, "succeeded"),
    End("succeeded", AMOUNT, 300),
)  # fmt: skip
DEEDS = (CAPTURE, VOID, REFUND)


class Shoppers:
    """Merchants' and payers' side of a site."""

    def __init__(self, site: Site, apis: list[Program], received: Received, rng: Random) -> None:
        self._site = site
        self._apis = apis
        self._received = received
        self._rng = rng
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []
        self._number = 0
        self.created: dict[str, UUID] = {}
        """By Idempotency-Key: acknowledged with 201."""
        self.ends: dict[UUID, End] = {}
        """By payment: what it has to be in the end."""
        self.done: dict[str, Deed] = {}
        """By Idempotency-Key: carried out, as far as anybody was told."""
        self.told: set[str] = set()
        """Event keys of callbacks that were acknowledged with 200."""
        self.seen: Counter[object] = Counter()
        """What was answered, by status; `retry-after` counts 503 that carry it."""

    async def __aenter__(self) -> Self:
        self._hurrying = asyncio.create_task(self._hurry_forever())
        return self

    async def __aexit__(self, *_: object) -> None:
        ends = [self._hurrying, *self._tasks]
        for task in ends:
            task.cancel()
        await asyncio.gather(*ends, return_exceptions=True)

    def start(self, count: int) -> None:
        self._tasks = [asyncio.create_task(self._shop()) for _ in range(count)]

    async def finish(self) -> None:
        """No new payments; those that are under way are paid."""
        self._stopping = True
        async with asyncio.timeout(2 * PATIENCE_S):
            await asyncio.gather(*self._tasks)

    async def buy(self, at: Program | None = None) -> None:
        """One payment, all the way. `at`: each wish goes there first."""
        payment = await self.create(at)
        await self.send_on(payment, at)
        await self.settle(payment, at)

    async def deal(self, deed: Deed, at: Program | None = None) -> None:
        """A payment of which something more is wanted, which goes to `at` first."""
        await self.do(await self.open(deed), deed, at)

    async def open(self, deed: Deed) -> dict[str, Any]:
        """A payment that the deed can be done to."""
        payment = await self.create(capture_method=deed.capture_method)
        await self.send_on(payment)
        await self.settle(payment)
        return payment

    async def do(
        self, payment: dict[str, Any], deed: Deed, at: Program | None = None
    ) -> dict[str, Any]:
        """A wish, until it is answered for good; then the same key gives the same answer."""
        key = f"{deed.kind}-{self._number}"
        self._number += 1

        async def ask(api: Program) -> dict[str, Any] | None:
            status, said, _ = await self.wish(payment, deed, key, api)
            return said if (status, said.get("status")) == deed.final else None

        said = await self._until(ask, at)

        async def ask_again(api: Program) -> dict[str, Any] | None:
            _, again, replayed = await self.wish(payment, deed, key, api)
            return again if replayed else None

        assert await self._until(ask_again, None) == said
        self.finished(payment, deed, key)
        return said

    def finished(self, payment: dict[str, Any], deed: Deed, key: str) -> None:
        """It was told that this is done."""
        payment_id = ids.parse("pay", payment["id"])
        assert payment_id is not None
        self.ends[payment_id] = deed.end
        self.done[key] = deed

    async def wish(
        self, payment: dict[str, Any], deed: Deed, key: str, api: Program
    ) -> tuple[int, dict[str, Any], bool]:
        """Asked once: (status, what was said, whether that was said before)."""
        body = {
            name: text if name != "payment" else payment["id"] for name, text in deed.body.items()
        }
        headers = {**self._site.authorization, "Idempotency-Key": key}
        path = deed.path.format(id=payment["id"])
        try:
            async with self._site.client.post(api.url + path, json=body, headers=headers) as answer:
                said = json.loads(await answer.read())
                self._count(answer)
                return answer.status, said, "idempotent-replayed" in answer.headers
        except GONE:
            self.seen["gone"] += 1
            return 0, {}, False

    async def create(self, at: Program | None = None, **wanted: Any) -> dict[str, Any]:
        """A merchant's wish, until it is acknowledged."""
        key = f"order-{self._number}"
        self._number += 1
        headers = {**self._site.authorization, "Idempotency-Key": key}

        async def ask(api: Program) -> dict[str, Any] | None:
            status, text = await self._post(
                api, "/v1/payments", json={"amount": AMOUNT, "currency": "eur", **wanted},
                headers=headers,
            )  # fmt: skip
            return json.loads(text) if status == 201 else None

        payment = await self._until(ask, at)
        payment_id = ids.parse("pay", payment["id"])
        assert payment_id is not None
        self.created[key] = payment_id
        self.ends[payment_id] = BOUGHT
        return payment

    async def send_on(self, payment: dict[str, Any], at: Program | None = None) -> None:
        """The payer presses the button until the processor's page comes."""
        path = payment["checkout_url"].removeprefix(self._apis[0].url)
        await self._until(lambda api: self._sent_on(api, f"{path}/pay"), at)

    async def settle(self, payment: dict[str, Any], at: Program | None = None) -> None:
        """The payer pays, and the processor says so, several times."""
        paid = await self._approve(payment["id"])
        said = {
            "EventId": f"evt-{payment['id']}",
            "Reference": paid["Reference"],
            "TransactionId": paid["TransactionId"],
            "Status": paid["Status"],
            "Amount": paid["Captured"],
            "Authorized": paid["Authorized"],
            "Currency": paid["Currency"],
        }
        await self.tell(paid["CallbackUrl"], said, at)
        await asyncio.gather(
            *(self.tell(paid["CallbackUrl"], said) for _ in range(CALLBACKS_EACH - 1))
        )

    async def tell(self, url: str, said: dict[str, Any], at: Program | None = None) -> None:
        """A callback, until it is acknowledged."""
        body, route = json.dumps(said).encode(), url.removeprefix(self._apis[0].url)

        async def send(api: Program) -> bool | None:
            status, _ = await self._post(api, route, data=body, headers=signed(body))
            return True if status == 200 else None

        await self._until(send, at)
        self.told.add(said["EventId"])

    async def _shop(self) -> None:
        while not self._stopping:
            deed = self._rng.choice((None, *DEEDS))
            await (self.deal(deed) if deed is not None else self.buy())

    async def _sent_on(self, api: Program, path: str) -> bool | None:
        try:
            async with self._site.client.post(api.url + path, allow_redirects=False) as answer:
                self._count(answer)
                there = answer.headers.get("location", "").startswith(self._site.sandbox.url)
        except GONE:
            self.seen["gone"] += 1
            return None
        return True if there else None

    async def _approve(self, payment_id: str) -> dict[str, Any]:
        url = f"{self._site.sandbox.url}/control/payments/{payment_id}/approve"
        async with self._site.client.post(url) as answer:
            assert answer.status == 200, await answer.text()
        return await self.there(payment_id)

    async def there(self, payment_id: str) -> dict[str, Any]:
        """The payment at the processor."""
        url = f"{self._site.sandbox.url}/control/payments/{payment_id}"
        async with self._site.client.get(url) as answer:
            found: dict[str, Any] = await answer.json()
            return found

    async def _post(self, api: Program, path: str, **wish: Any) -> tuple[int, str]:
        try:
            async with self._site.client.post(api.url + path, **wish) as answer:
                text = await answer.text()
                self._count(answer)
                return answer.status, text
        except GONE:
            self.seen["gone"] += 1
            return 0, ""

    def _count(self, answer: aiohttp.ClientResponse) -> None:
        self.seen[answer.status] += 1
        if answer.status == 503 and "retry-after" in answer.headers:
            self.seen["retry-after"] += 1

    async def _until(self, ask: Callable[[Program], Awaitable[T | None]], at: Program | None) -> T:
        api = at or self._rng.choice(self._apis)
        while (answer := await ask(api)) is None:
            await asyncio.sleep(PAUSE_S)
            api = self._rng.choice(self._apis)
        return answer

    # ---- the end ----------------------------------------------------------------------------

    async def _hurry_forever(self) -> None:
        """The dead keep what they claimed; nobody wants to wait for the end of their leases."""
        while True:
            await asyncio.sleep(HURRY_S)
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                connection = await asyncpg.connect(self._site.dsn, timeout=HURRY_S)
                try:
                    await connection.execute(HURRY)
                finally:
                    connection.terminate()

    async def check(self) -> None:
        """Nothing acknowledged is lost, nothing is doubled, everybody has been told."""
        await self._all_delivered()
        usual = {200, 201, 202, 303, 409, 503, "gone", "retry-after"}
        assert set(self.seen) <= usual, self._words()
        connection = await asyncpg.connect(self._site.dsn)
        try:
            rows = await connection.fetch("SELECT id, status, captured, refunded FROM payments")
            keys = await connection.fetch("SELECT key, object_id FROM idempotency_keys")
            refunds = await connection.fetchval("SELECT count(*) FROM refunds")
            gates = await connection.fetch("SELECT event_key FROM seen_callbacks")
            booked = await connection.fetchval("SELECT count(*) FROM transfers")
            events = {r["id"] for r in await connection.fetch("SELECT id FROM events")}
        finally:
            await connection.close()
        made = {row["key"]: row["object_id"] for row in keys if row["key"] not in self.done}
        assert made == self.created
        assert self.done.keys() <= {row["key"] for row in keys}
        assert {row["id"]: End(*list(row)[1:]) for row in rows} == self.ends, self._words()
        assert {row["event_key"] for row in gates} == self.told
        assert booked == sum(end.transfers for end in self.ends.values())
        assert refunds == sum(deed.kind == "refund" for deed in self.done.values())
        arrived = {ids.parse("evt", w.headers["webhook-id"]) for w in self._received.webhooks}
        assert arrived == events
        await self._check_there()
        await check_invariants(self._site.dsn)

    async def _check_there(self) -> None:
        """The processor has done everything once."""
        for payment_id, end in self.ends.items():
            there = await self.there(ids.show("pay", payment_id))
            assert there["Status"] == {"succeeded": "success"}.get(end.status, end.status)
            assert (there["Captured"], there["Refunded"]) == (end.captured, end.refunded)
            assert len(there["Refunds"]) == bool(end.refunded)

    async def _all_delivered(self) -> None:
        connection = await asyncpg.connect(self._site.dsn)
        await eventually(
            lambda: connection.fetchval(
                "SELECT NOT EXISTS (SELECT FROM deliveries WHERE state <> 'delivered')"
            )
        )
        await connection.close()

    def _words(self) -> str:
        return f"{dict(self.seen)}\n{self._site.words()}"


def signed(body: bytes) -> dict[str, str]:
    """As the sandbox signs its callbacks."""
    stamp = str(clock.unix_s())
    mac = hmac.new(SANDBOX_SECRET.encode(), stamp.encode() + b"." + body, hashlib.sha256)
    return {
        "content-type": "application/json",
        "x-sandbox-timestamp": stamp,
        "x-sandbox-signature": mac.hexdigest(),
    }
