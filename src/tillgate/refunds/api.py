"""`/v1/refunds`."""

from functools import partial
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Response, get, post
from litestar.params import QueryParameter, SkipValidation
from msgspec import Meta, Raw, Struct
from msgspec.structs import replace

from tillgate.audit.model import Owner
from tillgate.idempotency.api import Clerk, Finished
from tillgate.idempotency.commands import Resumed
from tillgate.idempotency.model import UnderWay
from tillgate.kit import ids, pages, queries
from tillgate.kit.caller import Caller
from tillgate.kit.canonical import canonical
from tillgate.kit.db import Pool, beside
from tillgate.kit.http import Answer, encode
from tillgate.kit.metadata import Metadata
from tillgate.kit.money import AMOUNT_MAX_MINOR
from tillgate.kit.queries import vetting
from tillgate.kit.refusal import Refused, RefusedError
from tillgate.payments.model import Refund
from tillgate.payments.reading import payments_named
from tillgate.payments.shapes import RefundObject, show_refund
from tillgate.payments.wishes import Changes, Counter
from tillgate.refunds.commands import CancelRefund, CreateRefund, UpdateRefund

sql = beside(__file__)

Who = SkipValidation[Owner]
Status = Literal["pending", "succeeded", "failed", "canceled"]
Reason = Literal["duplicate", "fraudulent", "requested_by_customer"]


class RefundIn(Struct, frozen=True, forbid_unknown_fields=True):
    """What to give back of a payment; without `amount`, all that is left of its charge."""

    payment: Annotated[str, Meta(description="`pay_…`")]
    amount: (
        Annotated[int, Meta(ge=1, le=AMOUNT_MAX_MINOR, description="In minor units.")] | None
    ) = None
    reason: Reason | None = None
    metadata: Metadata = {}


class RefundChangesIn(Struct, frozen=True, forbid_unknown_fields=True):
    """A key with null or an empty value is taken out."""

    metadata: Changes = {}


class RefundCancelingIn(Struct, frozen=True, forbid_unknown_fields=True):
    """An empty object."""


@post("/v1/refunds", operation_id="createRefund", before_request=vetting(RefundIn))
async def create(
    data: RefundIn, owner: Who, clerk: Clerk, counter: Counter
) -> Response[RefundObject]:
    """Gives money back. It is set aside at once, so that any number of refunds together stays
    within what was captured. `pending`: the processor has it under way; an event tells the end."""
    payment_id = ids.parse("pay", data.payment)
    if payment_id is None:
        raise RefusedError(Refused("not_found", f"There is no payment {data.payment}.", "payment"))
    wish = CreateRefund(
        owner, ids.mint(), payment_id, data.amount, data.reason, Raw(canonical(data.metadata))
    )

    async def finish(said: UnderWay | Resumed) -> Finished:
        _, still_open = await counter.carry_out(owner, payment_id, said)
        made = said.operations[0] if isinstance(said, UnderWay) else said.object_id
        refund = await _find(counter.pool, owner.merchant_id, made)
        shown = encode(show_refund(refund, livemode=owner.livemode))
        return Finished(Answer(201, shown), final=not still_open)

    return await clerk.carry_out("/v1/refunds", data, wish.id, wish, finish)


@post("/v1/refunds/{refund:str}", operation_id="updateRefund", status_code=200,
      before_request=vetting(RefundChangesIn, may_be_empty=True))  # fmt: skip
async def update(
    refund: str, owner: Who, clerk: Clerk, pool: Pool, data: RefundChangesIn | None = None
) -> Response[RefundObject]:
    """Changes the metadata of a refund."""
    asked = data or RefundChangesIn()
    found = await _find(pool, owner.merchant_id, _id(refund))
    wish = UpdateRefund(owner, ids.mint(), found.payment_id, found.id, asked.metadata)
    return await clerk.run(f"/v1/refunds/{refund}", asked, wish.id, wish)


@post("/v1/refunds/{refund:str}/cancel", operation_id="cancelRefund", status_code=200,
      before_request=vetting(RefundCancelingIn, may_be_empty=True))  # fmt: skip
async def cancel(
    refund: str, owner: Who, clerk: Clerk, pool: Pool, data: RefundCancelingIn | None = None
) -> Response[RefundObject]:
    """Takes a refund back while the processor has not been asked for it yet."""
    found = await _find(pool, owner.merchant_id, _id(refund))
    wish = CancelRefund(owner, ids.mint(), found.payment_id, found.id)
    path = f"/v1/refunds/{refund}/cancel"
    return await clerk.run(path, data or RefundCancelingIn(), wish.id, wish)


@get("/v1/refunds/{refund:str}", operation_id="retrieveRefund")
async def retrieve(
    refund: str, caller: Caller, pool: Pool, expand: queries.Expand = None
) -> RefundObject:
    """One refund, as it is now. `expand[]` takes `payment`."""
    wanted = queries.expansions(expand, ("payment",))
    found = await _find(pool, caller.merchant_id, _id(refund))
    return (await _shown(pool, caller, [found], wanted))[0]


def _created(bound: str) -> Any:
    return QueryParameter(query=f"created[{bound}]", ge=0, le=queries.MOMENT_MAX_S)


@get("/v1/refunds", operation_id="listRefunds")
async def list_refunds(
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
) -> pages.ListOut[RefundObject]:
    """Refunds, newest first, those made at the processor too. `expand[]` takes `data.payment`."""
    wanted = queries.expansions(expand, ("payment",), prefix="data.")
    page = pages.parse(limit, starting_after, ending_before, partial(ids.parse, "re"))
    if isinstance(page, Refused):
        raise RefusedError(page)
    rows = await pool.fetch(
        sql["newer" if page.newer else "older"],
        caller.merchant_id, page.cursor, page.fetch, queries.id_of("pay", payment, "payment"),
        status, *queries.moments(created_gte, created_gt, created_lte, created_lt),
    )  # fmt: skip
    shown, more = page.cut(rows)
    data = await _shown(pool, caller, [Refund(*row) for row in shown], wanted)
    return pages.ListOut(data=data, has_more=more, url="/v1/refunds")


async def _shown(
    pool: Pool, caller: Caller, refunds: list[Refund], wanted: frozenset[str]
) -> list[RefundObject]:
    shown = [show_refund(refund, livemode=caller.livemode) for refund in refunds]
    if not wanted:
        return shown
    payments = await payments_named(pool, caller, {r.payment_id for r in refunds})
    pairs = zip(shown, refunds, strict=True)
    return [replace(one, payment=payments[refund.payment_id]) for one, refund in pairs]


async def _find(pool: Pool, merchant_id: UUID, refund_id: UUID) -> Refund:
    row = await pool.fetchrow(sql["refund_by_id"], merchant_id, refund_id)
    if row is None:
        raise _absent(ids.show("re", refund_id))
    return Refund(*row)


def _id(refund: str) -> UUID:
    found = ids.parse("re", refund)
    if found is None:
        raise _absent(refund)
    return found


def _absent(refund: str) -> RefusedError:
    return RefusedError(Refused("not_found", f"There is no refund {refund}.", "refund"))


routes = [create, update, cancel, retrieve, list_refunds]
