"""A PostgreSQL that one test has for itself, and hurts."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

from tillgate.cli.migrate import migrate
from tillgate.cli.ports import free_port
from tillgate.cli.postgres import EmbeddedPostgres


class Cluster:
    """Started from one thread that lasts: PostgreSQL ends with the thread that started it."""

    def __init__(self, folder: Path) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._postgres = EmbeddedPostgres(folder / "postgres", port=free_port())

    async def open(self) -> str:
        """The address of a migrated database."""
        await self.start()
        dsn = self._postgres.dsn("tillgate")
        await self._run(lambda: migrate(dsn))
        return dsn

    async def start(self) -> None:
        """Again on the same port; after a kill this is a recovery."""
        await self._run(self._postgres.start)

    async def stop(self) -> None:
        """A fast stop: connections are cut, open transactions rolled back."""
        await self._run(self._postgres.stop)

    async def kill(self) -> None:
        """kill -9 of its first process; the others find out, and end without a last word."""
        os.kill(self._postgres.pid, signal.SIGKILL)
        await self._run(self._until_gone)

    def _until_gone(self) -> None:
        while self._postgres.running:
            time.sleep(0.01)

    async def close(self) -> None:
        await self.stop()
        self._thread.shutdown()

    async def _run(self, work: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, work)


@asynccontextmanager
async def cluster_in(folder: Path) -> AsyncGenerator[tuple[Cluster, str]]:
    """A cluster, and the address of a migrated database in it."""
    cluster = Cluster(folder)
    try:
        yield cluster, await cluster.open()
    finally:
        await cluster.close()
