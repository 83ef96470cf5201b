"""A merchant with endpoints, receivers that behave as told, and workers that send."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
from aiohttp import web
from msgspec import Raw

from tillgate.events.catalogue import API_VERSION
from tillgate.kit import clock, ids
from tillgate.kit.canonical import canonical
from tillgate.kit.crypto import Vault
from tillgate.kit.networks import Policy
from tillgate.kit.outbound import Outbound
from tillgate.webhooks.commands import Created, NewEndpoint, create_endpoint
from tillgate.webhooks.formats import FORMATS, Format, Wire
from tillgate.webhooks.jobs import Limits, Sender
from tillgate.webhooks.store import sql

POLICY = Policy(allow_http=True, allow_networks=(ip_network("127.0.0.1/32"),))
"""127.0.0.1 stands for the public internet here; the rest of this machine stays refused."""

PATIENCE_S = 10.0
"""How long anything here is waited for."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Arrived(NamedTuple):
    path: str
    headers: Mapping[str, str]
    body: bytes


class Receiver:
    """A merchant's server. It answers 200 until `handler` is replaced."""

    def __init__(self) -> None:
        self.arrived: list[Arrived] = []
        self.handler: Handler = self.say(200)
        self._news = asyncio.Condition()
        app = web.Application(client_max_size=1 << 20)
        app.router.add_route("*", "/{path:.*}", self._receive)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        self.port = 0

    async def start(self) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        await self._runner.cleanup()

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    @staticmethod
    def say(status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Handler:
        async def handler(_: web.Request) -> web.Response:
            return web.Response(status=status, body=body, headers=headers)

        return handler

    async def wait_for(self, count: int) -> list[Arrived]:
        """Waits until so many requests have arrived in all."""
        async with asyncio.timeout(PATIENCE_S), self._news:
            await self._news.wait_for(lambda: len(self.arrived) >= count)
        return self.arrived

    async def _receive(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        async with self._news:
            self.arrived.append(Arrived(request.path, request.headers.copy(), body))
            self._news.notify_all()
        return await self.handler(request)


async def eventually(condition: Callable[[], Awaitable[Any]]) -> None:
    """Waits for what nobody announces."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if await condition():
                return
            await asyncio.sleep(0.01)


class Scene:
    """A fresh database with one merchant in it."""

    def __init__(self, dsn: str, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self.dsn = dsn
        self.connection = connection
        self.vault = Vault((b"k" * 32,))
        self.merchant_id = ids.mint()
        self._wakes: set[asyncio.Event] = set()

    def wake(self) -> None:
        """What a notice of new events does: it wakes every worker."""
        for event in self._wakes:
            event.set()

    async def add_merchant(self, merchant_id: UUID, *, livemode: bool = False) -> None:
        business_id, now = ids.mint(), clock.now()
        await self.connection.execute(
            "INSERT INTO businesses (id, name, created_at) VALUES ($1, 'B', $2)", business_id, now
        )
        await self.connection.execute(
            "INSERT INTO merchants (id, business_id, livemode, name, created_at)"
            " VALUES ($1, $2, $3, 'M', $4)",
            merchant_id, business_id, livemode, now,
        )  # fmt: skip

    async def endpoint(
        self,
        url: str,
        *events: str,
        merchant_id: UUID | None = None,
        wire: Wire = "standard",
        provider: str | None = None,
        secret: str | None = None,
    ) -> Created:
        wanted = NewEndpoint(
            url, list(events) or ["*"], format=wire, provider=provider, secret=secret
        )
        made = await create_endpoint(
            self.connection, self.vault, POLICY, merchant_id or self.merchant_id, "key_test",
            wanted, clock.now(),
        )  # fmt: skip
        assert isinstance(made, Created), made
        return made

    async def publish(
        self,
        type: str = "payment.succeeded",  # noqa: A002  as events name it
        data: object = None,
        merchant_id: UUID | None = None,
        count: int = 1,
        *,
        quietly: bool = False,
    ) -> list[UUID]:
        """Writes events and their deliveries in one statement, as the engine does.

        `quietly`: and no worker is told.
        """
        event_ids = [ids.mint() for _ in range(count)]
        text = Raw(canonical({"id": "pay_1", "amount": 5} if data is None else data))
        await self.connection.execute(
            "WITH rows AS (INSERT INTO events (merchant_id, id, type, object_id, data, api_version,"
            " created_at) SELECT $1, id, $3, id, $4, $5, clock_timestamp()"
            " FROM unnest($2::uuid[]) AS id RETURNING *) " + sql["fan_out"].format(new="rows"),
            merchant_id or self.merchant_id, event_ids, type, text, API_VERSION,
        )  # fmt: skip
        if not quietly:
            self.wake()
        return event_ids

    async def deliveries(self, endpoint: Created) -> list[asyncpg.Record]:
        return await self.connection.fetch(
            "SELECT *, due_at - clock_timestamp() AS wait FROM deliveries"
            " WHERE endpoint_id = $1 ORDER BY event_id",
            endpoint.id,
        )

    async def attempts(self, endpoint: Created) -> list[asyncpg.Record]:
        return await self.connection.fetch(
            "SELECT * FROM attempts WHERE endpoint_id = $1 ORDER BY event_id, ordinal", endpoint.id
        )

    async def make_due(self) -> None:
        """Lets the waiting time of every open delivery pass, leases too."""
        await self.connection.execute("UPDATE deliveries SET due_at = now() WHERE state = 'due'")
        self.wake()

    async def until(self, condition: str, *arguments: Any) -> None:
        """Waits until this holds in the database."""
        await eventually(lambda: self.connection.fetchval(f"SELECT {condition}", *arguments))

    async def attempted(self, total: int) -> None:
        await self.until("count(*) >= $1 FROM attempts", total)

    async def settled(self) -> None:
        await self.until("NOT EXISTS (SELECT FROM deliveries WHERE state = 'due')")

    @asynccontextmanager
    async def worker(
        self,
        limits: Limits | None = None,
        vault: Vault | None = None,
        formats: Mapping[Wire, Format] = FORMATS,
    ) -> AsyncGenerator[asyncio.Event]:
        """A worker of its own; yields what stops it. Stopped at the end in any case."""
        stop, wake = asyncio.Event(), asyncio.Event()
        self._wakes.add(wake)
        async with Outbound(POLICY) as outbound:
            sender = Sender(self.dsn, vault or self.vault, outbound, wake, limits, formats)
            running = asyncio.create_task(sender.run(stop))
            try:
                yield stop
            finally:
                self._wakes.discard(wake)
                stop.set()
                await running
