"""What `/health` tells: asked when it is asked, never assumed."""

import asyncio
from datetime import datetime
from typing import Literal
from urllib.parse import urlsplit

import asyncpg
import structlog
from msgspec import Struct

from tillgate.kit import db
from tillgate.kit.db import Pool
from tillgate.schedule.store import is_worked
from tillgate.settings import Settings

log = structlog.get_logger()

ASK_MAX_S = 2.0
"""How long each of them may take to answer."""

REDIS_PORT = 6379
ANSWER_MAX_BYTES = 64


class Health(Struct, frozen=True):
    """`healthy` as long as the database answers. `redis`: `disabled` where no REDIS_URL is set."""

    status: Literal["healthy", "unhealthy"]
    database: Literal["connected", "disconnected"]
    redis: Literal["connected", "disconnected", "disabled"]
    worker: Literal["running", "stopped", "unknown"]
    timestamp: str


async def ask(pool: Pool, settings: Settings, now: datetime) -> Health:
    worked, answers = await asyncio.gather(_worked(pool), _redis(settings.redis_url))
    known: dict[bool | None, Literal["running", "stopped", "unknown"]] = {
        True: "running", False: "stopped", None: "unknown",
    }  # fmt: skip
    return Health(
        status="unhealthy" if worked is None else "healthy",
        database="disconnected" if worked is None else "connected",
        redis="disabled" if answers is None else "connected" if answers else "disconnected",
        worker=known[worked],
        timestamp=now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    )


async def _worked(pool: Pool) -> bool | None:
    """Whether a worker is there; None: the database does not answer."""
    try:
        async with asyncio.timeout(ASK_MAX_S):
            return await is_worked(pool)
    except (*db.LOST, asyncpg.PostgresError) as error:
        log.warning("health_database", error=type(error).__name__)
        return None


async def _redis(url: str | None) -> bool | None:
    """Whether a Redis server answers there, be it that it wants a password; None: none is set."""
    if url is None:
        return None
    try:
        async with asyncio.timeout(ASK_MAX_S):
            place = urlsplit(url)
            reader, writer = await asyncio.open_connection(
                place.hostname, place.port or REDIS_PORT, ssl=place.scheme == "rediss" or None
            )
            try:
                writer.write(b"PING\r\n")
                answer = await reader.read(ANSWER_MAX_BYTES)
            finally:
                writer.close()
    except (OSError, ValueError) as error:  # a timeout is an OSError
        log.warning("health_redis", error=type(error).__name__)
        return False
    return answer.startswith((b"+PONG", b"-NOAUTH"))
