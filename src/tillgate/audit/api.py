"""`GET /v1/audit`: who changed what, and when."""

from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Literal

import asyncpg
from litestar import get
from litestar.params import QueryParameter
from msgspec import Raw, Struct

from tillgate.audit.model import object_prefix
from tillgate.kit import ids, pages, queries
from tillgate.kit.caller import Caller
from tillgate.kit.db import Pool, beside
from tillgate.kit.globs import like
from tillgate.kit.refusal import Refused, RefusedError

sql = beside(__file__)

UNIX_MAX_S = 253_402_300_799


class AuditEntry(Struct, frozen=True, kw_only=True):
    """One change. `actor` is a key, a person or `worker`; `before` and `after` are what changed of
    `target`, without secrets."""

    id: str
    object: Literal["audit_entry"] = "audit_entry"
    actor: str
    action: str
    target: str
    before: Raw | None
    after: Raw | None
    ip: str | None
    request_id: str | None
    created: int
    livemode: bool


@get("/v1/audit", operation_id="listAudit")
async def list_audit(
    caller: Caller,
    pool: Pool,
    limit: queries.Limit = pages.LIMIT_DEFAULT,
    starting_after: queries.StartingAfter = None,
    ending_before: queries.EndingBefore = None,
    actor: Annotated[
        str | None, QueryParameter(description="Only what this one did: `key_…`, `worker`.")
    ] = None,
    action: Annotated[
        str | None, QueryParameter(description="Only these: an action, or `wallet.*`.")
    ] = None,
    target: Annotated[
        str | None, QueryParameter(description="Only what was done to this object: its id.")
    ] = None,
    created_gte: Annotated[
        int | None, QueryParameter(query="created[gte]", ge=0, le=UNIX_MAX_S)
    ] = None,
    created_lt: Annotated[
        int | None, QueryParameter(query="created[lt]", ge=0, le=UNIX_MAX_S)
    ] = None,
) -> pages.ListOut[AuditEntry]:
    """Changes, newest first. Lines cannot be changed or removed."""
    page = pages.parse(limit, starting_after, ending_before, partial(ids.parse, "aud"))
    if isinstance(page, Refused):
        raise RefusedError(page)
    target_id = ids.parse(target.rpartition("_")[0], target) if target is not None else None
    if target is not None and target_id is None:
        raise RefusedError(Refused("parameter_invalid", "This is no id of an object.", "target"))
    pattern = like(action) if action is not None else None
    rows = await pool.fetch(
        sql["newer" if page.newer else "older"], caller.merchant_id, page.cursor, page.fetch,
        actor, pattern, target_id, _moment(created_gte), _moment(created_lt),
    )  # fmt: skip
    shown, more = page.cut(rows)
    data = [_show(row, livemode=caller.livemode) for row in shown]
    return pages.ListOut(data=data, has_more=more, url="/v1/audit")


def _show(row: asyncpg.Record, *, livemode: bool) -> AuditEntry:
    return AuditEntry(
        id=ids.show("aud", row["id"]),
        actor=row["actor"],
        action=row["action"],
        target=ids.show(object_prefix(row["action"]), row["object_id"]),
        before=row["before"],
        after=row["after"],
        ip=row["ip"],
        request_id=row["request_id"],
        created=int(row["at"].timestamp()),
        livemode=livemode,
    )


def _moment(unix_s: int | None) -> datetime | None:
    return None if unix_s is None else datetime.fromtimestamp(unix_s, UTC)


routes = [list_audit]
