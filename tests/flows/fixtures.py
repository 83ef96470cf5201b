"""The whole gateway, as a newcomer starts it: `tillgate dev`, one for each worker; and a merchant's
own server beside it. tests/conftest.py makes these known to every test."""

import asyncio
import json
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from aiohttp import web

from tests.flows.stack import Received, Stack


def free_port() -> int:
    """The first of three free ports in a row, as `dev` likes them."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port < 65_000 and all(_free(port + step) for step in range(3)):
            return port


def _free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@pytest.fixture(scope="session")
def dev_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tillgate-flows-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.fixture(scope="session")
async def stack(dev_folder: Path) -> AsyncIterator[Stack]:
    """A running `tillgate dev`, which many tests share."""
    async with running(dev_folder / "data") as stack:
        yield stack


@asynccontextmanager
async def running(data: Path, environ: Mapping[str, str] | None = None) -> AsyncGenerator[Stack]:
    """A `tillgate dev` on this folder, stopped as a person stops it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tillgate", "dev", "--json",
        "--port", str(free_port()), "--data", str(data),
        stdout=asyncio.subprocess.PIPE, env={**os.environ, "COLUMNS": "200", **(environ or {})},
    )  # fmt: skip
    assert process.stdout is not None
    async with asyncio.timeout(60):
        ready = json.loads(await process.stdout.readline())
    async with Stack(ready) as stack:
        yield stack
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(10):
        assert await process.wait() == 0


@pytest.fixture
async def db(stack: Stack) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(stack.database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def shop() -> AsyncIterator[Received]:
    """A merchant's own server that takes webhooks."""
    async with listening() as received:
        yield received


@asynccontextmanager
async def listening() -> AsyncGenerator[Received]:
    received = Received()
    app = web.Application()
    app.router.add_post("/{tail:.*}", received.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    received.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hooks"
    yield received
    await runner.cleanup()
