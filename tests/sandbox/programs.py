"""The sandbox as a process of its own, and a merchant's server that receives its callbacks."""

import asyncio
import hmac
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from aiohttp import web

SECRET = "sandbox-secret-of-tests"
PATIENCE_S = 10
"""How long a message may take on a busy machine before the test fails."""

START = """
import os, sys
from pathlib import Path
from tillgate.sandbox.app import serve
from tillgate.sandbox.settings import from_environment
data = Path(sys.argv[3]) if sys.argv[3] else None
serve(int(sys.argv[1]), sys.argv[2], data, from_environment(os.environ))
"""


class Received(NamedTuple):
    """One callback as it came, with the time of its arrival on the loop's clock."""

    headers: Mapping[str, str]
    body: bytes
    at_s: float

    @property
    def event(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def timestamp(self) -> int:
        return int(self.headers["x-sandbox-timestamp"])

    @property
    def genuine(self) -> bool:
        """Whether the signature is what the documents say it is."""
        signed = f"{self.timestamp}.".encode() + self.body
        wanted = hmac.digest(SECRET.encode(), signed, "sha256").hex()
        return hmac.compare_digest(wanted, self.headers["x-sandbox-signature"])


class Receiver:
    """A real HTTP server: answers with the next of `statuses`, 200 when there is none."""

    def __init__(self) -> None:
        self.statuses: deque[int] = deque()
        self.hold = asyncio.Event()
        self.hold.set()
        self._received: asyncio.Queue[Received] = asyncio.Queue()

    async def start(self, port: int = 0) -> None:
        app = web.Application()
        app.router.add_post("/{path:.*}", self._receive)
        app.router.add_get("/{path:.*}", self._page)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        self.port: int = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self.port}"

    async def stop(self) -> None:
        self.hold.set()
        await self._runner.cleanup()

    async def next(self) -> Received:
        return await asyncio.wait_for(self._received.get(), PATIENCE_S)

    @property
    def waiting(self) -> int:
        """How many have come that no test has taken."""
        return self._received.qsize()

    async def _receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self._received.put_nowait(Received(headers, body, asyncio.get_running_loop().time()))
        await self.hold.wait()
        status = self.statuses.popleft() if self.statuses else 200
        location = {"location": "/elsewhere"} if 300 <= status < 400 else None
        return web.Response(status=status, headers=location)

    async def _page(self, request: web.Request) -> web.Response:
        return web.Response(text=f"<title>{request.path}</title>", content_type="text/html")


class SandboxProcess:
    """`tillgate.sandbox.app.serve` in a process, and a client with its secret."""

    def __init__(self, port: int, data: Path | None, **environment: str) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._data = data
        self._environment = environment
        self._made = 0

    async def start(self) -> None:
        data = str(self._data or "")
        command = (sys.executable, "-c", START, str(self.port), SECRET, data)
        self.process: Process = await asyncio.create_subprocess_exec(
            *command, env=os.environ | self._environment
        )
        self.client = httpx.AsyncClient(
            base_url=self.url, headers={"Authorization": f"Bearer {SECRET}"}, timeout=PATIENCE_S
        )
        await listening(self.port)

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        await self.client.aclose()
        self.process.send_signal(how)
        return await asyncio.wait_for(self.process.wait(), PATIENCE_S)

    async def end(self) -> None:
        """However a test has left it."""
        await self.client.aclose()
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    def wish(self, receiver: Receiver, **changes: object) -> dict[str, Any]:
        """A body for a create, of a payment that was not there before."""
        self._made += 1
        return {
            "TransactionId": f"op_{self.port}_{self._made}",
            "Amount": 1250,
            "Currency": "eur",
            "CallbackUrl": f"{receiver.url}/callback",
            "SuccessUrl": f"{receiver.url}/success",
            "FailureUrl": f"{receiver.url}/failure",
            "Description": "Coffee",
            "Metadata": {"payment": f"pay_{self.port}_{self._made}"},
            **changes,
        }

    async def create(self, receiver: Receiver, **changes: object) -> str:
        """A new payment's reference."""
        answer = await self.client.post("/api/payments", json=self.wish(receiver, **changes))
        assert answer.status_code == 201, answer.text
        return answer.json()["Reference"]

    async def act(self, reference: str, deed: str, **body: object) -> dict[str, Any]:
        answer = await self.client.post(f"/control/payments/{reference}/{deed}?wait=1", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def call(self, reference: str, deed: str, **body: object) -> tuple[int, dict[str, Any]]:
        """What the API answers to capture, cancel or refunds."""
        path = f"/api/payments/{reference}/{deed}"
        answer = await self.client.post(path, json=body)
        return answer.status_code, answer.json()

    async def look(self, reference: str) -> dict[str, Any]:
        answer = await self.client.get(f"/api/payments/{reference}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def faults(self, reference: str | None = None, **faults: object) -> None:
        path = f"/control/payments/{reference}/faults" if reference else "/control/faults"
        answer = await self.client.put(path, json=faults)
        assert answer.status_code == 200, answer.text

    async def callbacks(self, reference: str) -> list[dict[str, Any]]:
        answer = await self.client.get(f"/control/payments/{reference}")
        return answer.json()["Callbacks"]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


async def listening(port: int) -> None:
    """Returns when something accepts connections there; a starting process has no event."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                await writer.wait_closed()
                return
