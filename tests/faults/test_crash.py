"""A committed answer is on the disk: PostgreSQL is killed right behind its answers."""

import asyncio
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import asyncpg

from tests.engine.test_engine import Shop, fetch, running
from tests.faults.cluster import cluster_in
from tillgate.engine.writer import Engine, Unavailable

LAZY = (
    "ALTER SYSTEM SET wal_writer_delay = '10s'",
    "ALTER SYSTEM SET wal_writer_flush_after = '100MB'",
    "SELECT pg_reload_conf()",
)
"""What is not flushed by its own commit is then not flushed by chance either."""

BEFORE_THE_KILL = 200


async def test_what_was_answered_survives_a_crash_of_postgresql(folder: Path) -> None:
    shop, answered = Shop(), list[UUID]()
    enough = asyncio.Event()

    async def clerk(engine: Engine) -> None:
        while not enough.is_set():
            command = shop.create()
            with suppress(Unavailable):
                await engine.run(command)
                answered.append(command.id)
            if len(answered) >= BEFORE_THE_KILL:
                enough.set()

    async with cluster_in(folder) as (cluster, dsn):
        connection = await asyncpg.connect(dsn)
        for statement in LAZY:
            await connection.execute(statement)
        await connection.close()
        async with running(dsn) as engine:
            clerks = asyncio.gather(*(clerk(engine) for _ in range(8)))
            await enough.wait()
            await cluster.kill()
            await cluster.start()
            await clerks
        kept = {row["id"] for row in await fetch(dsn, "SELECT id FROM payments")}
    assert set(answered) <= kept
