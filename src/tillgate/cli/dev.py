"""`tillgate dev`: everything on one machine, in one folder, by one command.

The order: sandbox and inbox, PostgreSQL, migrations, API and worker, the demo business. Then
whatever dies is started again, until a signal comes.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from tillgate.cli import files, ports
from tillgate.cli.children import Bond, Child, Program
from tillgate.cli.demo import adopt, read_demo, up_to_date
from tillgate.cli.failure import Failure
from tillgate.cli.home import ENVIRONMENT, SECRETS, claimed, secrets_in
from tillgate.cli.migrate import migrate
from tillgate.cli.panel import Ready, say
from tillgate.cli.postgres import EmbeddedPostgres

DATABASE = "tillgate"

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What stops everything; the last one unless we were started by `nohup`."""

POSTGRES_STOP_MAX_S = 1.5
"""What is left of five seconds when the other parts have used theirs."""

POSTGRES_POLL_S = 0.5

Announce = Callable[[Ready], None]


class Ports(NamedTuple):
    """Where the parts listen."""

    api: int
    sandbox: int
    inbox: int


def develop(port: int, data: Path, announce: Announce) -> None:
    """Runs until one of SIGNALS comes. Port 0 means a free one. Raises Failure."""
    asyncio.run(_until_told(port, data.absolute(), announce))


async def _until_told(port: int, data: Path, announce: Announce) -> None:
    running = asyncio.ensure_future(_run_in(data, port, announce))
    loop = asyncio.get_running_loop()
    told = asyncio.Event()

    def stop() -> None:
        if not told.is_set():  # stopping is quick: no second signal shall disturb it
            told.set()
            running.cancel()

    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN or number != signal.SIGHUP:
            loop.add_signal_handler(number, stop)
    try:
        await running
    except asyncio.CancelledError:
        return


async def _run_in(data: Path, port: int, announce: Announce) -> None:
    async with claimed(data) as bond:
        supervisor = Supervisor(data, _choose(port), bond)
        try:
            announce(await supervisor.start())
            await supervisor.keep()
        finally:
            await supervisor.stop()


def _choose(port: int) -> Ports:
    """The wanted port must be free; those of sandbox and inbox follow it where they can."""
    try:
        taken = port and not ports.is_free(port)
    except OSError as error:
        raise Failure(f"Port {port} cannot be used: {error.strerror}.") from error
    if taken:
        raise Failure(
            f"Port {port} is taken by another program. Choose another one: --port, or PORT=…"
        )
    api = port or ports.free_port()
    return Ports(api, ports.near(api + 1), ports.near(api + 2))


class Supervisor:
    """The parts of one installation, in the order in which they need each other."""

    def __init__(self, data: Path, listen: Ports, bond: Bond) -> None:
        self._data = data
        self._ports = listen
        self._bond = bond
        self._postgres = EmbeddedPostgres(data / "postgres")
        self._children: list[Child] = []

    async def start(self) -> Ready:
        """Returns when all parts answer. Raises Failure."""
        data, url = self._data, f"http://{ports.HOST}"
        secrets, new = secrets_in(data / SECRETS)
        # Keys into a database, or sealed by a secret, that is gone would open nothing.
        known = None if new or not self._postgres.exists else read_demo(data / "demo.json")
        if known is None:
            say("Setting up, which is done once…")
        settings = {
            "TILLGATE_SECRET": secrets.installation,
            "TILLGATE_PUBLIC_URL": f"{url}:{self._ports.api}",
            "TILLGATE_SANDBOX_URL": f"{url}:{self._ports.sandbox}",
            "TILLGATE_SANDBOX_SECRET": secrets.sandbox,
            "TILLGATE_DEV": "1",
        }
        await self._add(settings, self._sandbox(), self._inbox())
        self._postgres.start()  # in this thread, which lasts as long as we do
        settings["DATABASE_URL"] = self._postgres.dsn(DATABASE)
        await asyncio.to_thread(migrate, settings["DATABASE_URL"])
        await self._add(settings, self._api(), Program("worker", ("worker",)))
        inbox_url = f"{url}:{self._ports.inbox}"
        demo = await up_to_date(data / "demo.json", known, settings, inbox_url)
        await adopt(os.environ | settings)
        await asyncio.gather(*(child.ready() for child in self._children))
        files.write_private(data / ENVIRONMENT, msgspec.json.encode(settings))
        return Ready(
            url=settings["TILLGATE_PUBLIC_URL"],
            merchant=demo.merchant,
            secret_key=demo.secret_key,
            publishable_key=demo.publishable_key,
            sandbox_url=settings["TILLGATE_SANDBOX_URL"],
            inbox_url=inbox_url,
            database_url=settings["DATABASE_URL"],
        )

    async def keep(self) -> None:
        """Starts again what dies, until cancelled. Raises Failure if PostgreSQL stays dead."""
        await asyncio.gather(self._keep_postgres(), *(child.keep(say) for child in self._children))

    async def stop(self) -> None:
        """Everything, the database last; within five seconds."""
        (self._data / ENVIRONMENT).unlink(missing_ok=True)
        await asyncio.gather(*(child.stop() for child in self._children))
        self._postgres.stop(POSTGRES_STOP_MAX_S)

    async def _add(self, settings: Mapping[str, str], *programs: Program) -> None:
        logs = self._data / "logs"
        files.make_folder(logs)
        for program in programs:
            log = logs / f"{program.name}.log"
            child = Child(program, os.environ | settings, log, self._bond)
            self._children.append(child)
            await child.start()

    async def _keep_postgres(self) -> None:
        while True:
            await asyncio.sleep(POSTGRES_POLL_S)
            if not self._postgres.running:
                say("PostgreSQL ended, and starts again.")
                self._postgres.start()

    def _sandbox(self) -> Program:
        data = self._data / "sandbox"
        files.make_folder(data)
        port = self._ports.sandbox
        return Program("sandbox", ("sandbox", "--port", str(port), "--data", str(data)), port, "/")

    def _inbox(self) -> Program:
        port = self._ports.inbox
        return Program("inbox", ("inbox", "--port", str(port)), port, "/messages")

    def _api(self) -> Program:
        port = self._ports.api
        return Program("serve", ("serve", "--port", str(port)), port, "/ready")
