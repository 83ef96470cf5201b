"""`/v1/jobs`: what is due, and what is stuck. `/v1/test_clocks`: letting it fall due."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from litestar import Response, delete, get, post
from msgspec import Meta, Raw, Struct

from tillgate.audit.store import Origin
from tillgate.idempotency.api import IdempotencyHeader
from tillgate.idempotency.store import Gates
from tillgate.kit import ids, pages, queries
from tillgate.kit.caller import Caller
from tillgate.kit.canonical import canonical
from tillgate.kit.db import Connection, Pool
from tillgate.kit.http import Answer, encode
from tillgate.kit.queries import vetting
from tillgate.kit.refusal import Refused, RefusedError
from tillgate.schedule import commands, store
from tillgate.schedule.model import KINDS, DeletedTestClock, JobFigures, StuckObject, TestClock
from tillgate.schedule.store import Clock, Stuck
from tillgate.webhooks.rules import show_delivery

ADVANCE_MAX_S = 31_536_000
"""How far one call advances a clock: a year."""


class TestClockIn(Struct, frozen=True, forbid_unknown_fields=True):
    """A new clock; `name` is for you."""

    name: Annotated[str, Meta(min_length=1, max_length=200)] | None = None


class AdvanceIn(Struct, frozen=True, forbid_unknown_fields=True):
    """How many seconds pass."""

    by_s: Annotated[int, Meta(ge=1, le=ADVANCE_MAX_S)]


@get("/v1/jobs", operation_id="listJobs")
async def list_jobs(caller: Caller, pool: Pool) -> pages.ListOut[JobFigures]:
    """The work that falls due, and how it stands: one line for each kind."""
    data = await store.figures(pool, caller.merchant_id)
    return pages.ListOut(data=data, has_more=False, url="/v1/jobs")


@get("/v1/jobs/stuck", operation_id="listStuck")
async def list_stuck(
    caller: Caller, pool: Pool, limit: queries.Limit = pages.LIMIT_MAX
) -> pages.ListOut[StuckObject]:
    """What should have moved and has not, and what a person must decide; the oldest first. As a
    list of things to do it has no further pages: what is done leaves it."""
    found = await store.stuck(pool, caller.merchant_id, limit + 1)
    data = [_show_stuck(one) for one in found[:limit]]
    return pages.ListOut(data=data, has_more=len(found) > limit, url="/v1/jobs/stuck")


def _show_stuck(one: Stuck) -> StuckObject:
    kind = KINDS[one.kind]
    shown = one.key or ""
    if one.id is not None:
        shown = show_delivery(one.id, one.beside) if one.beside else ids.show(kind.prefix, one.id)
    return StuckObject(
        id=shown,
        kind=one.kind,
        state=kind.state,
        payment=ids.show("pay", one.payment_id) if one.payment_id else None,
        since=int(one.since.timestamp()),
        advice=kind.advice,
    )


@post("/v1/test_clocks", operation_id="createTestClock", before_request=vetting(TestClockIn))
async def create(
    data: TestClockIn,
    caller: Caller,
    gates: Gates,
    origin: Origin,
    now: datetime,
    idempotency_key: IdempotencyHeader = None,
) -> Response[TestClock]:
    """Makes a clock. What it advances is everything of this test merchant."""

    async def make(connection: Connection) -> Answer | Refused:
        made = await commands.create_clock(connection, caller, data.name, now, origin)
        return await _answer(connection, made, 201)

    digest = gates.digest("POST /v1/test_clocks", canonical(data))
    return await _once(gates, caller, idempotency_key, digest, now, make)


@post(
    "/v1/test_clocks/{clock:str}/advance",
    operation_id="advanceTestClock",
    status_code=200,
    before_request=vetting(AdvanceIn),
)
async def advance(
    clock: str,
    data: AdvanceIn,
    caller: Caller,
    gates: Gates,
    origin: Origin,
    now: datetime,
    idempotency_key: IdempotencyHeader = None,
) -> Response[TestClock]:
    """Lets time pass for this test merchant: what falls due by it is done at once."""
    clock_id = _parse(clock)

    async def make(connection: Connection) -> Answer | Refused:
        by = timedelta(seconds=data.by_s)
        made = await commands.advance_clock(connection, caller, clock_id, by, now, origin)
        return await _answer(connection, made, 200)

    digest = gates.digest(f"POST /v1/test_clocks/{clock}/advance", canonical(data))
    return await _once(gates, caller, idempotency_key, digest, now, make)


async def _answer(connection: Connection, made: Clock | Refused, status: int) -> Answer | Refused:
    if isinstance(made, Refused):
        return made
    busy = await store.is_busy(connection, made.merchant_id)
    return Answer(status, encode(_show(made, busy=busy)))


async def _once(
    gates: Gates,
    caller: Caller,
    key: str | None,
    digest: bytes,
    now: datetime,
    make: Callable[[Connection], Awaitable[Answer | Refused]],
) -> Response[Any]:
    answer = await gates.once(caller, key, digest, now, make)
    if isinstance(answer, Refused):
        raise RefusedError(answer)
    headers = {name.decode(): value.decode() for name, value in answer.headers}
    return Response(Raw(answer.body), status_code=answer.status, headers=headers)


@get("/v1/test_clocks", operation_id="listTestClocks")
async def list_clocks(
    caller: Caller,
    pool: Pool,
    limit: queries.Limit = pages.LIMIT_DEFAULT,
    starting_after: queries.StartingAfter = None,
    ending_before: queries.EndingBefore = None,
) -> pages.ListOut[TestClock]:
    """Clocks, newest first."""
    page = pages.parse(limit, starting_after, ending_before, partial(ids.parse, "clock"))
    if isinstance(page, Refused):
        raise RefusedError(page)
    shown, more = await store.list_clocks(pool, caller.merchant_id, page)
    busy = await store.is_busy(pool, caller.merchant_id)
    data = [_show(clock, busy=busy) for clock in shown]
    return pages.ListOut(data=data, has_more=more, url="/v1/test_clocks")


@get("/v1/test_clocks/{clock:str}", operation_id="retrieveTestClock")
async def retrieve(clock: str, caller: Caller, pool: Pool) -> TestClock:
    """One clock. When it is `ready`, all that fell due has been done."""
    found = await store.find_clock(pool, caller.merchant_id, _parse(clock))
    if found is None:
        raise _not_found(clock)
    return _show(found, busy=await store.is_busy(pool, caller.merchant_id))


@delete("/v1/test_clocks/{clock:str}", operation_id="deleteTestClock", status_code=200)
async def remove(
    clock: str, caller: Caller, pool: Pool, origin: Origin, now: datetime
) -> DeletedTestClock:
    """Deletes a clock. Time does not go back."""
    async with pool.acquire() as connection, connection.transaction():
        found = await commands.delete_clock(connection, caller, _parse(clock), now, origin)
    if not found:
        raise _not_found(clock)
    return DeletedTestClock(id=clock)


def _parse(clock: str) -> UUID:
    clock_id = ids.parse("clock", clock)
    if clock_id is None:
        raise _not_found(clock)
    return clock_id


def _not_found(clock: str) -> RefusedError:
    return RefusedError(Refused("not_found", f"There is no test clock {clock}.", "clock"))


def _show(clock: Clock, *, busy: bool) -> TestClock:
    return TestClock(
        id=ids.show("clock", clock.id),
        name=clock.name,
        advanced_s=clock.advanced_s,
        status="advancing" if busy else "ready",
        created=int(clock.created_at.timestamp()),
        livemode=False,
    )


routes = [list_jobs, list_stuck, create, list_clocks, retrieve, advance, remove]
