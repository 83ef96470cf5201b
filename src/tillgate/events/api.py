"""`GET /v1/events`: the feed of facts."""

from functools import partial
from typing import Annotated, Literal

import asyncpg
from litestar import get
from litestar.params import QueryParameter
from msgspec import Raw, Struct

from tillgate.kit import ids, pages, queries
from tillgate.kit.caller import Caller
from tillgate.kit.db import Pool, beside
from tillgate.kit.globs import like
from tillgate.kit.refusal import Refused, RefusedError

sql = beside(__file__)


class EventData(Struct, frozen=True):
    """The object as it was when the event happened."""

    object: Raw


class EventObject(Struct, frozen=True):
    """An immutable fact. `created` is unix seconds."""

    id: str
    object: Literal["event"]
    type: str
    created: int
    api_version: str
    livemode: bool
    data: EventData


@get("/v1/events/{event:str}", operation_id="retrieveEvent")
async def retrieve(event: str, caller: Caller, pool: Pool) -> EventObject:
    """One event."""
    event_id = ids.parse("evt", event)
    row = await pool.fetchrow(sql["event_by_id"], caller.merchant_id, event_id)
    if row is None:
        raise RefusedError(Refused("not_found", f"There is no event {event}.", "event"))
    return _show(row, livemode=caller.livemode)


@get("/v1/events", operation_id="listEvents")
async def list_events(
    caller: Caller,
    pool: Pool,
    limit: queries.Limit = pages.LIMIT_DEFAULT,
    starting_after: queries.StartingAfter = None,
    ending_before: queries.EndingBefore = None,
    type: Annotated[  # noqa: A002  the parameter's name in the API
        str | None, QueryParameter(description="Only these: a type, or `payment.*`.")
    ] = None,
    payment: Annotated[
        str | None, QueryParameter(description="Only those of this payment.")
    ] = None,
) -> pages.ListOut[EventObject]:
    """Events, newest first."""
    page = pages.parse(limit, starting_after, ending_before, partial(ids.parse, "evt"))
    if isinstance(page, Refused):
        raise RefusedError(page)
    payment_id = ids.parse("pay", payment) if payment is not None else None
    if payment is not None and payment_id is None:
        raise RefusedError(Refused("parameter_invalid", "This is no id of a payment.", "payment"))
    statement = sql["newer"] if page.newer else sql["older"]
    pattern = like(type) if type is not None else None
    rows = await pool.fetch(
        statement, caller.merchant_id, page.cursor, page.fetch, pattern, payment_id
    )
    shown, more = page.cut(rows)
    data = [_show(row, livemode=caller.livemode) for row in shown]
    return pages.ListOut(data=data, has_more=more, url="/v1/events")


def _show(row: asyncpg.Record, *, livemode: bool) -> EventObject:
    return EventObject(
        id=ids.show("evt", row["id"]),
        object="event",
        type=row["type"],
        created=int(row["created_at"].timestamp()),
        api_version=row["api_version"],
        livemode=livemode,
        data=EventData(row["data"]),
    )


routes = [list_events, retrieve]
