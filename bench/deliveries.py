"""Deliveries: through the worker, and as a bare loop of the same HTTP client."""

import asyncio
import sys
from typing import NamedTuple

import msgspec
from msgspec import Raw

from bench.bare import Task
from bench.ground import Fill, Ground, add_endpoint, receiver_url
from bench.window import Run, UsedUp, Window, evaluate, watch
from tillgate.events.catalogue import API_VERSION
from tillgate.kit import clock, ids
from tillgate.kit.db import Connection
from tillgate.webhooks.formats import standard
from tillgate.webhooks.jobs import Limits
from tillgate.webhooks.model import Claim
from tillgate.webhooks.rules import SECRET_BYTES
from tillgate.webhooks.store import sql

PREPARED_PER_S = 14_000
"""So many deliveries are prepared for each second: more than can be sent."""


class Spread(NamedTuple):
    """Over how many endpoints deliveries go: each has a limit of its own."""

    endpoints: int

    @property
    def template(self) -> str:
        return f"due_{self.endpoints}"

    @property
    def at_once(self) -> int:
        limits = Limits()
        return min(limits.in_flight_max, limits.in_flight_per_endpoint * self.endpoints)


ONE = Spread(1)
MANY = Spread(10)


async def deliver(ground: Ground, window: Window, spread: Spread = MANY) -> Run:
    """`tillgate worker`, until the end of the window; what it has sent it must have recorded."""
    receiver = ground.receiver
    receiver.forget()
    async with ground.copy(spread.template) as database:
        async with ground.worker(database):
            await receiver.first()
            watched = await watch(ground.postgres.pid, *window)
        await ground.expect(database, DELIVERED, len(receiver.done.ended_s))
        async with ground.connected(database) as connection:
            if not await connection.fetchval(LEFT):
                raise UsedUp
    return evaluate(watched, receiver.done)


async def deliver_floor(ground: Ground, window: Window, spread: Spread = MANY) -> Run:
    """As many at once, the same bytes to the same receiver, and nothing else."""
    receiver = ground.receiver
    receiver.forget()
    task = Task(receiver_url(ground), *_request(), spread.at_once)
    bare = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.bare", stdin=asyncio.subprocess.PIPE
    )
    try:
        if bare.stdin is not None:
            bare.stdin.write(msgspec.json.encode(task))
            bare.stdin.close()
        await receiver.first()
        watched = await watch(ground.postgres.pid, *window)
    finally:
        bare.kill()
        await bare.wait()
    return evaluate(watched, receiver.done)


DELIVERED = """
    SELECT count(*) FROM deliveries d JOIN attempts a USING (merchant_id, endpoint_id, event_id)
    WHERE d.state = 'delivered' AND d.attempts = 1 AND a.ordinal = 1 AND a.status_code = 200"""


LEFT = "SELECT EXISTS (SELECT FROM deliveries WHERE state = 'due')"


def due(count: int, spread: Spread) -> Fill:
    """Fills a template with so many deliveries, all due."""

    async def fill(ground: Ground, connection: Connection) -> None:
        for _ in range(spread.endpoints - 1):
            await add_endpoint(ground, connection, ground.merchant.id)
        events = [ids.mint() for _ in range(-(-count // spread.endpoints))]
        await connection.execute(
            "WITH made AS (INSERT INTO events (merchant_id, id, type, object_id, data,"
            " api_version, created_at) SELECT $1, id, 'payment.succeeded', id, $3, $4,"
            " clock_timestamp() FROM unnest($2::uuid[]) AS id RETURNING *) "
            + sql["fan_out"].format(new="made"),
            ground.merchant.id, events, Raw(DATA), API_VERSION,
        )  # fmt: skip

    return fill


def _request() -> tuple[dict[str, str], str]:
    """Headers and body as the worker makes them of such a delivery."""
    now, some = clock.now(), ids.mint()
    claim = Claim(
        some, some, some, 1, 0, 0, now, "", "standard", b"", False, "payment.succeeded", Raw(DATA),
        API_VERSION, now, None,
    )  # fmt: skip
    request = standard.request_of(claim, [standard.secret_of(b"s" * SECRET_BYTES)])
    headers = {"user-agent": "Tillgate", **request.headers, "accept-encoding": "identity"}
    return headers, request.body.decode()


DATA = (
    b'{"id":"pay_01kakkz1hjfzz8f1q7y4m5t6w8","object":"payment","amount":1999,'
    b'"amount_captured":1999,"amount_refunded":0,"currency":"eur","status":"succeeded",'
    b'"capture_method":"automatic","connection":"con_01kakkyw0kfyqvy7z7a4g3e2h1",'
    b'"created":1795271400,"expires_at":1795357800,"livemode":false,'
    b'"metadata":{"cart":"c-9912","channel":"web"},"description":"Order 4711: two blue mugs",'
    b'"wallet_user":null,"success_url":"https://shop.example.com/thanks","cancel_url":null,'
    b'"late":false,"review_reason":null,"last_error":null}'
)
"""A payment as events carry it."""
