"""One sandbox for all tests of a module (each makes payments of its own), a receiver for each."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from .programs import Receiver, SandboxProcess, free_port


@pytest.fixture(scope="module")
async def running() -> AsyncIterator[SandboxProcess]:
    process = SandboxProcess(free_port(), None)
    await process.start()
    yield process
    await process.stop()


@pytest.fixture
async def sandbox(running: SandboxProcess) -> AsyncIterator[SandboxProcess]:
    """The sandbox, without the faults that a test may leave."""
    yield running
    await running.client.delete("/control/faults")


@pytest.fixture
async def spawn() -> AsyncIterator[Callable[..., SandboxProcess]]:
    """Makes sandboxes of a test's own; what the test leaves running ends with it."""
    made: list[SandboxProcess] = []

    def make(data: Path | None, **environment: str) -> SandboxProcess:
        made.append(SandboxProcess(free_port(), data, **environment))
        return made[-1]

    yield make
    for process in made:
        await process.end()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    server = Receiver()
    await server.start()
    yield server
    await server.stop()
