"""One delivery of the gateway in real time, and a worker that is killed between two attempts.

It takes as long as its schedule: fifty seconds.
"""

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.faults.site import Program, Site, site_on
from tillgate.kit import clock
from tillgate.webhooks.formats.gateway import SHORT_SCHEDULE_S

from .scene import Receiver

LATE_MAX_S = 6.0
"""How much later than it is due an attempt may come on a busy machine."""

ENDPOINTS = "/v1/webhook_endpoints"


async def test_the_short_schedule_is_kept_though_the_worker_dies(
    database: str, folder: Path, receiver: Receiver
) -> None:
    arrived_s: list[float] = []

    async def fail(_: web.Request) -> web.Response:
        arrived_s.append(clock.monotonic_s())
        return web.Response(status=500)

    receiver.handler = fail
    async with site_on(database, folder, WEBHOOK_RETRY_INTERVALS_TEST="true") as site:
        api, worker, other = site.api(), site.worker(), site.worker()
        await api.start()
        await worker.start()
        await api.ready()
        wish = {"url": receiver.url(), "format": "gateway", "events": ["payment.created"]}
        endpoint = await ask(site, api, "POST", ENDPOINTS, wish)
        await ask(site, api, "POST", "/v1/payments", {"amount": 500, "currency": "eur"})
        path = f"{ENDPOINTS}/{endpoint['id']}/deliveries"
        await attempted(site, api, path, 2)
        await worker.kill()
        await other.start()
        delivery = await attempted(site, api, path, len(SHORT_SCHEDULE_S))

    waits_s = [after - before for before, after in pairwise(arrived_s)]
    assert len(arrived_s) == len(SHORT_SCHEDULE_S)
    for wait_s, delay_s in zip(waits_s, SHORT_SCHEDULE_S[1:], strict=True):
        assert delay_s <= wait_s < delay_s + LATE_MAX_S, waits_s
    assert (delivery["state"], delivery["next_attempt"]) == ("dead", None)
    assert {attempt["status_code"] for attempt in delivery["attempts"]} == {500}
    assert len({one.body for one in receiver.arrived}) == 1
    assert [one.headers["Tillgate-Attempt"] for one in receiver.arrived] == list("12345")


async def ask(site: Site, api: Program, method: str, path: str, json: Any = None) -> Any:
    url, headers = api.url + path, site.authorization
    async with site.client.request(method, url, json=json, headers=headers) as answer:
        assert answer.status < 300, await answer.text()
        return await answer.json()


async def attempted(site: Site, api: Program, path: str, count: int) -> Any:
    """The delivery, once so many attempts at it are recorded."""
    async with asyncio.timeout(sum(SHORT_SCHEDULE_S[:count]) + count * LATE_MAX_S):
        while True:
            deliveries = (await ask(site, api, "GET", path))["data"]
            if deliveries and len(deliveries[0]["attempts"]) >= count:
                return deliveries[0]
            await asyncio.sleep(0.2)
