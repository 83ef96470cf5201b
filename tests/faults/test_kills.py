"""kill -9 of API and worker in turn, at random moments under load: nothing lost, nothing doubled.

FAULTS_KILLS says how many (20 by default), FAULTS_SEED repeats a run.
"""

import asyncio
import os
import sys
from pathlib import Path
from random import Random

from tests.faults.shoppers import Shoppers
from tests.faults.site import site_on
from tests.flows.stack import Received
from tillgate.kit import chance

KILLS = int(os.environ.get("FAULTS_KILLS", "20"))
SHOPPERS = 6
PAUSE_MAX_S = 0.8


async def test_kills_lose_nothing_and_double_nothing(
    database: str, folder: Path, shop: Received
) -> None:
    seed = int(os.environ.get("FAULTS_SEED") or chance.fraction() * 1e9)
    sys.stdout.write(f"FAULTS_SEED={seed}\n")
    rng = Random(seed)
    async with site_on(database, folder) as site:
        apis, workers = [site.api(), site.api()], [site.worker(), site.worker()]
        for program in (*apis, *workers):
            await program.start()
        await asyncio.gather(*(api.ready() for api in apis))
        await site.drop_callbacks()
        await site.subscribe(apis[0], shop.url)
        async with Shoppers(site, apis, shop, rng) as shoppers:
            shoppers.start(SHOPPERS)
            victims = [apis[0], workers[0], apis[1], workers[1]]
            for number in range(KILLS):
                await asyncio.sleep(rng.uniform(0, PAUSE_MAX_S))
                victim = victims[number % len(victims)]
                await victim.kill()
                await victim.start()
                if victim in apis:
                    await victim.ready()
            await shoppers.finish()
            await shoppers.check()
    assert len(shoppers.created) > KILLS
    sys.stdout.write(f"{KILLS} kills, {len(shoppers.created)} payments, {dict(shoppers.seen)}\n")
