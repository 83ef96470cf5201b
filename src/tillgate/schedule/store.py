"""Reads of what is due and of what is stuck; clocks."""

from collections import Counter
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from tillgate.kit.db import Connection, Pool
from tillgate.kit.pages import Page
from tillgate.schedule.model import KINDS, JobFigures
from tillgate.schedule.statements import BUSY, FIGURES, sql

GRACE = timedelta(minutes=10)
"""What was due for longer than this was not claimed: claims take a second, leases half a minute."""

UNKNOWN_LONG = timedelta(hours=1)
"""How long a wish's outcome may be unknown before a person should know of it."""

REFUND_LONG = timedelta(days=1)
"""How long a refund may be pending at a processor that has taken it."""

KEY_LONG = timedelta(hours=1)
"""How long the answer to an Idempotency-Key may be under way."""

SEEN_WITHIN = timedelta(seconds=10)
"""A worker that works says so more often; one that was killed is missed after this."""

WORKERS_KEPT = timedelta(days=1)

STUCK_MAX = 1000
"""How many stuck objects of one kind are counted."""


class Stuck(NamedTuple):
    """`id`, with `beside` for what two ids name; or `key`, for what has none."""

    kind: str
    merchant_id: UUID
    id: UUID | None
    beside: UUID | None
    key: str | None
    payment_id: UUID | None
    since: datetime


class Clock(NamedTuple):
    merchant_id: UUID
    id: UUID
    name: str | None
    advanced_s: int
    created_at: datetime
    updated_at: datetime


async def stuck(pool: Pool, merchant_id: UUID | None, limit: int = STUCK_MAX) -> list[Stuck]:
    """What is stuck or waits for a person, the oldest first; `limit` of each kind. None: of all
    merchants."""
    rows = await pool.fetch(
        sql["stuck"], merchant_id, limit, GRACE, UNKNOWN_LONG, REFUND_LONG, KEY_LONG
    )
    return [Stuck(*row) for row in rows]


async def figures(pool: Pool, merchant_id: UUID) -> list[JobFigures]:
    """One line for each table of due rows."""
    found = [one for one in await stuck(pool, merchant_id) if KINDS[one.kind].state == "stuck"]
    counts = Counter(KINDS[one.kind].job for one in found)
    return [
        await _figures(pool, merchant_id, job, statement, counts[job])
        for job, statement in FIGURES.items()
    ]


async def _figures(
    pool: Pool, merchant_id: UUID, job: str, statement: str, stuck_here: int
) -> JobFigures:
    row = await pool.fetchrow(statement, merchant_id)
    assert row is not None  # noqa: S101  it selects figures, not rows
    due, waiting, under_lease, failed, oldest_due_s = row
    return JobFigures(
        name=job,
        due=due,
        waiting=waiting,
        under_lease=under_lease,
        failed=failed,
        stuck=stuck_here,
        oldest_due_s=oldest_due_s,
    )


async def is_worked(pool: Pool) -> bool:
    """Whether a worker works, of any number."""
    return await pool.fetchval(sql["is_worked"], SEEN_WITHIN)


async def is_busy(database: Pool | Connection, merchant_id: UUID) -> bool:
    """Whether anything of the merchant is due, or in the hands of a worker."""
    return await database.fetchval(BUSY, merchant_id)


async def find_clock(pool: Pool, merchant_id: UUID, clock_id: UUID) -> Clock | None:
    row = await pool.fetchrow(sql["clock_by_id"], merchant_id, clock_id)
    return Clock(*row) if row else None


async def list_clocks(pool: Pool, merchant_id: UUID, page: Page) -> tuple[list[Clock], bool]:
    """(the page, whether more follow)."""
    statement = sql["clocks_newer"] if page.newer else sql["clocks_older"]
    rows = await pool.fetch(statement, merchant_id, page.cursor, page.fetch)
    return page.cut([Clock(*row) for row in rows])
