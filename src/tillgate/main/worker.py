"""The worker: everything that is due, claimed in batches, by as many workers as wanted."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

import asyncpg
import structlog
import uvloop

from tillgate.callbacks.jobs import Looks, Retries
from tillgate.disputes.jobs import Reminders
from tillgate.engine.writer import Overloaded, Unavailable
from tillgate.kit import db, ids, memory
from tillgate.main import logs
from tillgate.main.parts import Parts, opened
from tillgate.payments.jobs import Expiry, Forgetting, Operations
from tillgate.payments.perform import Performer
from tillgate.schedule.jobs import HEARTBEAT_S, SWEEP_S, Heartbeat, Sweep
from tillgate.settings import Settings
from tillgate.wallets.jobs import HoldExpiry
from tillgate.webhooks.formats import known
from tillgate.webhooks.jobs import Sender

log = structlog.get_logger()

POLL_S = 1.0
"""How often due rows are looked for when nothing wakes the worker."""

HOUSEKEEPING_S = 60.0


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


class Worker:
    """Runs every job until it is told to stop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def run(self, stop: asyncio.Event) -> None:
        async with opened(self._settings) as parts:
            heartbeat = Heartbeat(parts.pool, ids.mint())
            async with asyncio.TaskGroup() as running:
                for job in _jobs(parts, heartbeat, stop):
                    running.create_task(job)
                memory.settle()
            with suppress(*db.LOST, asyncpg.PostgresError):  # it is missed all the same, later
                await heartbeat.stop()


def _jobs(
    parts: Parts, heartbeat: Heartbeat, stop: asyncio.Event
) -> list[Coroutine[Any, Any, None]]:
    pool, engine, connections = parts.pool, parts.engine, parts.connections
    performer = Performer(engine, connections, parts.links)
    woken = asyncio.Event()
    parts.listener.on_any(woken.set)
    formats = known(short_retries=parts.settings.short_webhook_retries)
    sender = Sender(
        parts.settings.database_url, parts.vault, parts.outbound, woken, formats=formats
    )
    return [
        sender.run(stop),
        _repeat("heartbeat", heartbeat.once, HEARTBEAT_S, stop),
        _repeat("expiry", Expiry(pool, engine).once, POLL_S, stop),
        _repeat("holds", HoldExpiry(pool, engine).once, POLL_S, stop),
        _repeat("operations", Operations(pool, performer).once, POLL_S, stop),
        _repeat("disputes", Reminders(pool, engine).once, POLL_S, stop),
        _repeat("callbacks", Retries(pool, engine, connections).once, POLL_S, stop),
        _repeat("hints", Looks(pool, engine, connections).once, POLL_S, stop),
        _repeat("forgetting", Forgetting(pool).once, HOUSEKEEPING_S, stop),
        _repeat("sweep", Sweep(pool).once, SWEEP_S, stop),
    ]


async def _repeat(
    name: str, once: Callable[[], Awaitable[int]], pause_s: float, stop: asyncio.Event
) -> None:
    """Runs a job at once again while it finds work. Outlives a lost database, and says so; a bug
    in one job is logged whole and must not stop the others."""
    while not stop.is_set():
        found = 0
        try:
            found = await once()
        except (*db.LOST, asyncpg.PostgresError, Unavailable, Overloaded) as error:
            log.warning("job_delayed", job=name, error=type(error).__name__)
        except Exception:
            log.exception("job_failed", job=name)
        if not found:
            await _pause(pause_s, stop)


async def _pause(pause_s: float, stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(pause_s):
            await stop.wait()
    except TimeoutError:
        return
