"""A gateway in pieces, each a process that can be killed: sandbox, APIs and workers on a database.

They end with this process, however it ends: they share a pipe with it.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import aiohttp
import asyncpg

from tillgate.cli.parent import PARENT_FD
from tillgate.cli.ports import free_port
from tillgate.kit import clock, failpoints
from tillgate.main.business import CreatedBusiness, set_up_business
from tillgate.settings import from_environment

PATIENCE_S = float(os.environ.get("FAULTS_PATIENCE_S", "60"))
"""How long something expected may take on a busy machine."""

POLL_S = 0.05
SANDBOX_SECRET = "the sandbox's secret of these tests only"


async def eventually(condition: Callable[[], Awaitable[object]]) -> None:
    """Waits for what nobody announces."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if await condition():
                return
            await asyncio.sleep(POLL_S)


class Program:
    """`python -m tillgate …`, started as often as wanted; `port` answers `path` once it is up."""

    def __init__(
        self,
        name: str,
        arguments: tuple[str, ...],
        environment: Mapping[str, str],
        log: Path,
        port: int | None = None,
        path: str = "/",
    ) -> None:
        self.name = name
        self._arguments = arguments
        self._environment = environment
        self._log = log
        self.url = f"http://127.0.0.1:{port}" if port else ""
        self._path = path
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, armed: str = "") -> None:
        """`armed`: failpoints, as their variable names them."""
        environment = {**self._environment, failpoints.VARIABLE: armed}
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tillgate", *self._arguments,
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                pass_fds=[int(self._environment[PARENT_FD])], start_new_session=True,
            )  # fmt: skip

    async def ready(self) -> None:
        """Returns when it answers. Raises AssertionError with its log when it dies instead."""
        async with aiohttp.ClientSession() as client:
            await eventually(partial(self._answers, client))

    async def _answers(self, client: aiohttp.ClientSession) -> bool:
        assert self.process.returncode is None, self.words()
        try:
            async with client.get(self.url + self._path) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, OSError):
            return False

    @property
    def process(self) -> asyncio.subprocess.Process:
        assert self._process is not None, f"{self.name} was not started"
        return self._process

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        await self.process.wait()

    async def died(self) -> None:
        """Waits until it has been killed, by itself."""
        async with asyncio.timeout(PATIENCE_S):
            status = await self.process.wait()
        assert status == -signal.SIGKILL, self.words()

    async def stopped(self) -> None:
        """Waits until it stands still, by SIGSTOP."""
        await eventually(self._stands_still)

    async def _stands_still(self) -> bool:
        shown = await asyncio.to_thread(Path(f"/proc/{self.process.pid}/stat").read_text)
        return shown.rpartition(")")[2].split()[0] == "T"

    async def end(self) -> None:
        """Ends it if it runs."""
        if self._process is not None and self._process.returncode is None:
            await self.kill()

    def words(self) -> str:
        return f"{self.name}: {self._log.read_text()[-3000:]}"


class Site:
    """Programs on one database, a merchant, and clients for it."""

    def __init__(
        self, dsn: str, folder: Path, descriptor: int, environment: Mapping[str, str]
    ) -> None:
        self.dsn = dsn
        self._folder = folder
        self._api_port = free_port()
        sandbox_port = free_port()
        self._environment = {
            **os.environ,
            PARENT_FD: str(descriptor),
            "DATABASE_URL": dsn,
            "TILLGATE_DEV": "1",
            "TILLGATE_SECRET": "a secret of these tests only and long enough",
            "TILLGATE_PUBLIC_URL": f"http://127.0.0.1:{self._api_port}",
            "TILLGATE_SANDBOX_URL": f"http://127.0.0.1:{sandbox_port}",
            "TILLGATE_SANDBOX_SECRET": SANDBOX_SECRET,
            "TILLGATE_READERS": "4",
            **environment,
        }
        self._programs: list[Program] = []
        self.sandbox = self._add("sandbox", ("sandbox", "--port", str(sandbox_port)), sandbox_port)
        self.client = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE_S / 2))
        self.keys: CreatedBusiness | None = None

    def api(self) -> Program:
        """One more API, not started. The first stands on the public address."""
        first = not any(program.name.startswith("api") for program in self._programs)
        port = self._api_port if first else free_port()
        name = f"api-{len(self._programs)}"
        return self._add(name, ("serve", "--port", str(port)), port, "/ready")

    def worker(self) -> Program:
        """One more worker, not started."""
        return self._add(f"worker-{len(self._programs)}", ("worker",))

    def _add(
        self, name: str, arguments: tuple[str, ...], port: int | None = None, path: str = "/"
    ) -> Program:
        log = self._folder / f"{name}.log"
        program = Program(name, arguments, self._environment, log, port, path)
        self._programs.append(program)
        return program

    @property
    def authorization(self) -> dict[str, str]:
        assert self.keys is not None
        return {"Authorization": f"Bearer {self.keys.secret_key}"}

    async def open(self) -> None:
        """The sandbox, and a merchant that is connected to it."""
        await self.sandbox.start()
        connection = await asyncpg.connect(self.dsn)
        settings = from_environment(self._environment)
        self.keys = await set_up_business(connection, settings, "Shop", clock.now())
        await connection.close()
        await self.sandbox.ready()

    async def close(self) -> None:
        await self.client.close()
        for program in reversed(self._programs):
            await program.end()

    async def subscribe(self, api: Program, url: str) -> None:
        """A webhook endpoint for every event."""
        body = {"url": url, "events": ["*"]}
        async with self.client.post(
            f"{api.url}/v1/webhook_endpoints", json=body, headers=self.authorization
        ) as answer:
            assert answer.status == 201, await answer.text()

    async def drop_callbacks(self) -> None:
        """The sandbox says nothing by itself; the test speaks for it."""
        url = f"{self.sandbox.url}/control/faults"
        async with self.client.put(url, json={"drop": True}) as answer:
            assert answer.status == 200, await answer.text()

    def words(self) -> str:
        """The ends of all logs."""
        return "\n".join(program.words() for program in self._programs)


@asynccontextmanager
async def site_on(dsn: str, folder: Path, **environment: str) -> AsyncGenerator[Site]:
    """A site with sandbox and merchant; APIs and workers are the test's."""
    theirs, ours = os.pipe()
    site = Site(dsn, folder, theirs, environment)
    try:
        await site.open()
        yield site
    finally:
        await site.close()
        os.close(theirs)
        os.close(ours)
