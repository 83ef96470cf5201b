"""A running site whose second API and whose worker a test ends, arms and starts as it likes."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import NamedTuple

import asyncpg

from tests.conftest import TEMPLATE
from tests.faults.shoppers import Shoppers
from tests.faults.site import Program, Site, site_on
from tests.flows.fixtures import listening
from tillgate.cli.postgres import EmbeddedPostgres


class Stage(NamedTuple):
    """A running site; `spare` and `worker` are ended and started by the tests."""

    site: Site
    shoppers: Shoppers
    api: Program
    spare: Program
    worker: Program
    db: "asyncpg.Connection[asyncpg.Record]"


@asynccontextmanager
async def staged(postgres: EmbeddedPostgres, name: str, folder: Path) -> AsyncGenerator[Stage]:
    """On a database of this name. The sandbox says nothing by itself."""
    admin = await asyncpg.connect(postgres.dsn("postgres"))
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    await admin.close()
    dsn = postgres.dsn(name)
    db = await asyncpg.connect(dsn)
    async with listening() as received, site_on(dsn, folder) as site:
        api, spare, worker = site.api(), site.api(), site.worker()
        await api.start()
        await api.ready()
        await site.drop_callbacks()
        await site.subscribe(api, received.url)
        async with Shoppers(site, [api, spare], received, Random(7)) as shoppers:
            yield Stage(site, shoppers, api, spare, worker, db)
    await db.close()
