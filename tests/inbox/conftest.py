"""The inbox as a process of its own."""

import asyncio
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator

import httpx
import pytest

PATIENCE_S = 10
"""How long anything may take on a busy machine before the test fails."""

START = "import sys; from tillgate.inbox.app import serve; serve(int(sys.argv[1]))"


class InboxProcess:
    """`tillgate.inbox.app.serve` in a process, and a client."""

    async def start(self, port: int | None = None) -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port: int = port or listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        command = (sys.executable, "-c", START, str(self.port))
        self.process: Process = await asyncio.create_subprocess_exec(*command)
        self.client = httpx.AsyncClient(base_url=self.url, timeout=PATIENCE_S)
        await self._listening()

    async def stop(self) -> int:
        await self.client.aclose()
        if self.process.returncode is None:
            self.process.terminate()
        return await asyncio.wait_for(self.process.wait(), PATIENCE_S)

    async def messages(self, query: str = "") -> list[dict[str, object]]:
        answer = await self.client.get("/messages" + query)
        assert answer.status_code == 200
        return answer.json()["messages"]

    async def _listening(self) -> None:
        """Returns when it answers; a starting process has no event to wait for."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    await self.messages()
                except httpx.ConnectError:
                    await asyncio.sleep(0.02)
                else:
                    return


@pytest.fixture(scope="module")
async def running() -> AsyncIterator[InboxProcess]:
    process = InboxProcess()
    await process.start()
    yield process
    await process.stop()


@pytest.fixture
async def own_inbox() -> AsyncIterator[InboxProcess]:
    """One that a test may stop."""
    process = InboxProcess()
    await process.start()
    yield process
    await process.stop()


@pytest.fixture
async def inbox(running: InboxProcess) -> InboxProcess:
    """The inbox, empty."""
    await running.client.delete("/messages")
    return running
