"""`GET /v1/payments/{payment}/timeline`: all that happened to a payment, in one list."""

from typing import Literal

from litestar import get
from msgspec import Raw, Struct

from tillgate.kit import ids
from tillgate.kit.caller import Caller
from tillgate.kit.db import Pool
from tillgate.kit.pages import ListOut
from tillgate.kit.refusal import Refused, RefusedError
from tillgate.timeline.store import Entry, Type, timeline
from tillgate.webhooks.rules import show_delivery

ENTRIES_MAX = 1000
"""How many are shown; only a payment that somebody plays with has more."""

PREFIXES: dict[Type, str] = {
    "try": "pay", "operation": "op", "refund": "re", "callback": "cb", "dispute": "dp",
    "transfer": "tr", "event": "evt", "change": "aud",
}  # fmt: skip


class TimelineEntry(Struct, frozen=True, kw_only=True):
    """Something that happened at `at`. `id`: what says so; of a try it is its payment's and of an
    attempt its delivery's, with `number`. `summary`: the same in a few words."""

    object: Literal["timeline_entry"] = "timeline_entry"
    at: int
    type: Type
    id: str
    number: int | None
    summary: str
    connection: str | None
    endpoint: str | None
    details: Raw


@get("/v1/payments/{payment:str}/timeline", operation_id="retrievePaymentTimeline")
async def read(payment: str, caller: Caller, pool: Pool) -> ListOut[TimelineEntry]:
    """All that happened to a payment, the first thing first: tries, what the processor was asked
    and said, what was booked, told and delivered, and who changed what. 1000 entries at most."""
    payment_id = ids.parse("pay", payment)
    found = (
        await timeline(pool, caller.merchant_id, payment_id, ENTRIES_MAX + 1)
        if payment_id
        else None
    )
    if found is None:
        raise RefusedError(Refused("not_found", f"There is no payment {payment}.", "payment"))
    data = [_show(entry) for entry in found[:ENTRIES_MAX]]
    url = f"/v1/payments/{payment}/timeline"
    return ListOut(data=data, has_more=len(found) > ENTRIES_MAX, url=url)


def _show(entry: Entry) -> TimelineEntry:
    tried = entry.type == "attempt"
    shown_beside = entry.beside and ids.show("we" if tried else "con", entry.beside)
    if entry.type == "attempt" and entry.beside is not None:
        shown = show_delivery(entry.id, entry.beside)
    else:
        shown = ids.show(PREFIXES[entry.type], entry.id)
    return TimelineEntry(
        at=int(entry.at.timestamp()),
        type=entry.type,
        id=shown,
        number=entry.ordinal,
        summary=f"{entry.type}: {entry.word}",
        connection=None if tried else shown_beside,
        endpoint=shown_beside if tried else None,
        details=entry.details,
    )


routes = [read]
