"""`/v1/disputes`: read only; what is opened and decided, the processor says."""

from functools import partial
from typing import Annotated, Any, Literal

from litestar import get
from litestar.params import QueryParameter
from msgspec.structs import replace

from tillgate.kit import ids, pages, queries
from tillgate.kit.caller import Caller
from tillgate.kit.db import Pool, beside
from tillgate.kit.refusal import Refused, RefusedError
from tillgate.payments.model import Dispute
from tillgate.payments.reading import payments_named
from tillgate.payments.shapes import DisputeObject, show_dispute

sql = beside(__file__)

Status = Literal["needs_response", "under_review", "lost", "won"]


@get("/v1/disputes/{dispute:str}", operation_id="retrieveDispute")
async def retrieve(
    dispute: str, caller: Caller, pool: Pool, expand: queries.Expand = None
) -> DisputeObject:
    """One dispute, as it is now. `expand[]` takes `payment`."""
    wanted = queries.expansions(expand, ("payment",))
    dispute_id = ids.parse("dp", dispute)
    row = await pool.fetchrow(sql["dispute_by_id"], caller.merchant_id, dispute_id)
    if row is None:
        raise RefusedError(Refused("not_found", f"There is no dispute {dispute}.", "dispute"))
    return (await _shown(pool, caller, [Dispute(*row)], wanted))[0]


def _created(bound: str) -> Any:
    return QueryParameter(query=f"created[{bound}]", ge=0, le=queries.MOMENT_MAX_S)


@get("/v1/disputes", operation_id="listDisputes")
async def list_disputes(
    caller: Caller,
    pool: Pool,
    limit: queries.Limit = pages.LIMIT_DEFAULT,
    starting_after: queries.StartingAfter = None,
    ending_before: queries.EndingBefore = None,
    payment: Annotated[
        str | None, QueryParameter(description="Only those of this payment.")
    ] = None,
    status: Status | None = None,
    created_gte: Annotated[int | None, _created("gte")] = None,
    created_gt: Annotated[int | None, _created("gt")] = None,
    created_lte: Annotated[int | None, _created("lte")] = None,
    created_lt: Annotated[int | None, _created("lt")] = None,
    expand: queries.Expand = None,
) -> pages.ListOut[DisputeObject]:
    """Disputes, newest first. `expand[]` takes `data.payment`."""
    wanted = queries.expansions(expand, ("payment",), prefix="data.")
    page = pages.parse(limit, starting_after, ending_before, partial(ids.parse, "dp"))
    if isinstance(page, Refused):
        raise RefusedError(page)
    rows = await pool.fetch(
        sql["newer" if page.newer else "older"],
        caller.merchant_id, page.cursor, page.fetch, queries.id_of("pay", payment, "payment"),
        status, *queries.moments(created_gte, created_gt, created_lte, created_lt),
    )  # fmt: skip
    shown, more = page.cut(rows)
    data = await _shown(pool, caller, [Dispute(*row) for row in shown], wanted)
    return pages.ListOut(data=data, has_more=more, url="/v1/disputes")


async def _shown(
    pool: Pool, caller: Caller, disputes: list[Dispute], wanted: frozenset[str]
) -> list[DisputeObject]:
    shown = [show_dispute(dispute, livemode=caller.livemode) for dispute in disputes]
    if not wanted:
        return shown
    payments = await payments_named(pool, caller, {d.payment_id for d in disputes})
    pairs = zip(shown, disputes, strict=True)
    return [replace(one, payment=payments[dispute.payment_id]) for one, dispute in pairs]


routes = [list_disputes, retrieve]
