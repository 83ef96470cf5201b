"""The composition root: everything is put together here, and nothing is decided."""

import asyncio
import signal

import uvicorn
import uvloop

from tillgate.main import logs
from tillgate.main.gateway import Gateway
from tillgate.main.worker import Worker
from tillgate.settings import Settings

GRACE_S = 2
"""How long requests may go on after the signal to stop."""


def serve(settings: Settings, host: str, port: int) -> None:
    """Runs the API until SIGINT or SIGTERM."""
    logs.set_up(settings.log_level)
    uvicorn.run(
        Gateway(settings),
        host=host,
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=4096,
        timeout_graceful_shutdown=GRACE_S,
    )


def work(settings: Settings) -> None:
    """Runs the worker until SIGINT or SIGTERM."""
    logs.set_up(settings.log_level)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_work(settings))


async def _work(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await Worker(settings).run(stop)
