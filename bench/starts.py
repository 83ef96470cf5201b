"""How long `tillgate dev` takes to be ready, and what API and worker need when nothing happens."""

import asyncio
import json
import signal
import sys
import time
from pathlib import Path

from bench import machine
from bench.ground import FRESH, Ground, folder_on_disk
from bench.load import once
from bench.payments import creations

READY_MAX_S = 120
REST_S = 2.0
"""How long nothing happens before memory is read."""

TOUCHES = 20
"""So many payments are created first, so that all is loaded that serving needs."""


async def start() -> tuple[float, float]:
    """Seconds until `tillgate dev --json` says that it is ready: in a new folder, and once more."""
    with folder_on_disk() as folder:
        return await _start_in(folder / "data"), await _start_in(folder / "data")


async def _start_in(data: Path) -> float:
    started_s = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tillgate", "dev", "--json", "--port", "0", "--data", str(data),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(READY_MAX_S):
            line = await process.stdout.readline() if process.stdout else b""
        took_s = time.monotonic() - started_s
        if json.loads(line)["event"] != "ready":
            raise RuntimeError(f"tillgate dev said {line!r}")
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()
    return round(took_s, 2)


async def rest(ground: Ground) -> machine.Memory:
    """Memory of `serve` and `worker` together, after some payments and a little rest."""
    async with (
        ground.copy(FRESH) as database,
        ground.api(database) as port,
        ground.worker(database),
    ):
        await once(port, creations(ground.merchant.secret_key), 201, TOUCHES)
        await asyncio.sleep(REST_S)
        return machine.memory_of_programs(ground.postgres.pid)
