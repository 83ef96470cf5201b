"""PostgreSQL goes and comes back under load, while API and worker stay: nobody restarts them."""

import asyncio
from pathlib import Path
from random import Random

from tests.faults.cluster import cluster_in
from tests.faults.shoppers import Shoppers
from tests.faults.site import Program, Site, eventually, site_on
from tests.flows.stack import Received

SHOPPERS = 6
ANSWER_MAX_S = 20
"""Without a database an answer comes sooner than this; one that hangs, never."""


async def test_without_postgresql_503_then_by_itself_again(folder: Path, shop: Received) -> None:
    async with cluster_in(folder) as (cluster, dsn), site_on(dsn, folder) as site:
        api, worker = site.api(), site.worker()
        await asyncio.gather(api.start(), worker.start())
        await api.ready()
        await site.drop_callbacks()
        await site.subscribe(api, shop.url)
        async with Shoppers(site, [api], shop, Random(1)) as shoppers:
            shoppers.start(SHOPPERS)
            for take_away in (cluster.kill, cluster.stop):
                before = len(shoppers.created)
                await eventually(lambda before=before: made(shoppers, before + 20))
                await take_away()
                await refused_with_503(site, api)
                before = len(shoppers.created)
                await cluster.start()
                await eventually(lambda before=before: made(shoppers, before + 20))
            await shoppers.finish()
            await shoppers.check()
            assert api.process.returncode is worker.process.returncode is None
            assert shoppers.seen[503] == shoppers.seen["retry-after"] > 0


async def made(shoppers: Shoppers, count: int) -> bool:
    return len(shoppers.created) >= count


async def refused_with_503(site: Site, api: Program) -> None:
    """Reading, writing and paying say at once that one may come again."""
    wish = {"amount": 5, "currency": "eur"}
    async with asyncio.timeout(ANSWER_MAX_S):
        for method, path in (("POST", "/v1/payments"), ("GET", "/v1/payments")):
            body = wish if method == "POST" else None
            async with site.client.request(
                method, api.url + path, headers=site.authorization, json=body
            ) as answer:
                assert answer.status == 503, await answer.text()
                assert answer.headers["retry-after"] == "1"
