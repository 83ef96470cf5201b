"""The parts of `tillgate dev` as child processes: started, watched, started again, stopped."""

import asyncio
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, Never

from tillgate.cli import files
from tillgate.cli.failure import Failure
from tillgate.cli.parent import PARENT_FD
from tillgate.cli.ports import HOST
from tillgate.kit import clock

READY_MAX_S = 60
"""How long a part may take until it answers for the first time."""

STOP_MAX_S = 3
"""How long a part may take to stop before it is killed."""

BACK_OFF_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""The pauses before a part that keeps dying is started again; the last one stays."""

STEADY_S = 60
"""After living this long a part counts as healthy again."""

PROBE_S = 0.02
PROBE_MAX_S = 2

Tell = Callable[[str], None]


class Program(NamedTuple):
    """A part, run as `python -m tillgate <arguments>`; `path` answers 200 once it is up."""

    name: str
    arguments: tuple[str, ...]
    port: int | None = None
    path: str = "/"


class Bond:
    """What makes children part of us.

    They read from a pipe whose other end is ours alone, so its end tells them that we are gone.
    And they inherit a lock, so who starts after us can tell when the last of them is gone.
    """

    def __init__(self, lock: int) -> None:
        self._lock = lock
        self._theirs, self._ours = os.pipe()

    def descriptors(self) -> tuple[int, int]:
        return self._theirs, self._lock

    def environment(self) -> dict[str, str]:
        return {PARENT_FD: str(self._theirs)}

    def close(self) -> None:
        for descriptor in (self._ours, self._theirs, self._lock):
            os.close(descriptor)


class Child:
    """A part and its process."""

    def __init__(
        self, program: Program, environment: Mapping[str, str], log: Path, bond: Bond
    ) -> None:
        self._program = program
        self._environment = {**environment, **bond.environment()}
        self._log = log
        self._log_start = 0
        self._bond = bond
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with files.open_log(self._log) as log:
            self._log_start = log.tell()
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tillgate", *self._program.arguments,
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                env=self._environment, pass_fds=self._bond.descriptors(),
                start_new_session=True,  # Ctrl-C is for the supervisor, who stops all in order
            )  # fmt: skip

    async def ready(self) -> None:
        """Returns when the part answers. Raises Failure when it dies first, or takes too long."""
        program, deadline_s = self._program, clock.monotonic_s() + READY_MAX_S
        while program.port is not None and not await _answers(program.port, program.path):
            if not self._running:
                raise Failure(f"{program.name} does not start. {self._last_words()}")
            if clock.monotonic_s() > deadline_s:
                raise Failure(
                    f"{program.name} does not answer within {READY_MAX_S} s. {self._last_words()}"
                )
            await asyncio.sleep(PROBE_S)

    async def keep(self, tell: Tell) -> Never:
        """Starts the part again whenever it dies, and says so."""
        deaths = 0
        while True:
            started_s = clock.monotonic_s()
            status = await self._ended()
            if clock.monotonic_s() - started_s > STEADY_S:
                deaths = 0
            pause_s = BACK_OFF_S[min(deaths, len(BACK_OFF_S) - 1)]
            deaths += 1
            tell(
                f"{self._program.name} ended with status {status}, and starts again in "
                f"{pause_s:g} s. {self._last_words()}"
            )
            await asyncio.sleep(pause_s)
            await self.start()

    async def stop(self) -> None:
        """Asks the process to end; kills it when it does not within STOP_MAX_S."""
        if self._process is None or not self._running:
            return
        self._process.terminate()
        try:
            async with asyncio.timeout(STOP_MAX_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    @property
    def _running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def _ended(self) -> int:
        return await self._process.wait() if self._process else 0

    def _last_words(self) -> str:
        words = files.tail(self._log, self._log_start)
        return f"The end of {self._log}:\n{words}" if words else f"Its log is {self._log}."


async def _answers(port: int, path: str) -> bool:
    """Whether `path` answers 200 to a plain HTTP request."""
    try:
        async with asyncio.timeout(PROBE_MAX_S):
            reader, writer = await asyncio.open_connection(HOST, port)
            try:
                writer.write(f"GET {path} HTTP/1.0\r\nHost: {HOST}\r\n\r\n".encode())
                return (await reader.readline()).split(b" ")[1:2] == [b"200"]
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
