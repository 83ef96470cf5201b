"""What can be read of payments, with what hangs on them where it is asked for (`expand[]`)."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Any, NamedTuple, TypeVar
from uuid import UUID

from litestar import Request, get
from litestar.params import QueryParameter
from msgspec.structs import replace

from tillgate.kit import ids, pages, queries
from tillgate.kit.caller import Caller
from tillgate.kit.canonical import canonical
from tillgate.kit.db import Pool
from tillgate.kit.metadata import KEY_MAX_CHARACTERS, VALUE_MAX_CHARACTERS
from tillgate.kit.money import AMOUNT_MAX_MINOR
from tillgate.kit.refusal import Refused, RefusedError
from tillgate.orders.model import Order
from tillgate.orders.model import show as show_order
from tillgate.payments.links import PayerLinks
from tillgate.payments.model import Dispute, Payment, Refund, Status, Try
from tillgate.payments.shapes import (
    PaymentAnswer,
    PaymentObject,
    answer,
    show,
    show_dispute,
    show_refund,
    show_try,
)
from tillgate.payments.store import find_payment, look_soon, sql

METADATA_FILTERS_MAX = 5
EXPANDABLE = ("disputes", "order", "refunds", "tries")

R = TypeVar("R")
AnyRequest = Request[Any, Any, Any]


class Filters(NamedTuple):
    """What a list of payments may be narrowed to, as its statement takes it."""

    status: Status | None
    since: datetime | None
    until: datetime | None
    order_id: UUID | None
    connection_id: UUID | None
    wallet_user: str | None
    metadata: str | None
    amount_min: int | None
    amount_max: int | None


@get("/v1/payments/{payment:str}", operation_id="retrievePayment")
async def retrieve(
    payment: str, caller: Caller, pool: Pool, links: PayerLinks, expand: queries.Expand = None
) -> PaymentAnswer:
    """One payment, as it is now. `expand[]` takes `order`, `tries`, `refunds` and `disputes`."""
    wanted = queries.expansions(expand, EXPANDABLE)
    payment_id = ids.parse("pay", payment)
    found = await find_payment(pool, caller.merchant_id, payment_id) if payment_id else None
    if found is None:
        raise RefusedError(Refused("not_found", f"There is no payment {payment}.", "payment"))
    if found.tries and found.status in ("pending", "processing"):
        await look_soon(pool, found.merchant_id, found.id)
    return (await expanded(pool, [found], wanted, caller, links))[0]


def _created(bound: str) -> Any:
    return QueryParameter(query=f"created[{bound}]", ge=0, le=253_402_300_799,
                          description="Unix seconds.")  # fmt: skip


def _amount(bound: str, words: str) -> Any:
    return QueryParameter(query=f"amount[{bound}]", ge=0, le=AMOUNT_MAX_MINOR, description=words)


@get("/v1/payments", operation_id="listPayments")
async def list_payments(
    request: AnyRequest,
    caller: Caller,
    pool: Pool,
    links: PayerLinks,
    limit: queries.Limit = pages.LIMIT_DEFAULT,
    starting_after: queries.StartingAfter = None,
    ending_before: queries.EndingBefore = None,
    status: Status | None = None,
    created_gte: Annotated[int | None, _created("gte")] = None,
    created_gt: Annotated[int | None, _created("gt")] = None,
    created_lte: Annotated[int | None, _created("lte")] = None,
    created_lt: Annotated[int | None, _created("lt")] = None,
    amount_gte: Annotated[int | None, _amount("gte", "Minor units: so much or more.")] = None,
    amount_lte: Annotated[int | None, _amount("lte", "Minor units: so much or less.")] = None,
    order: Annotated[str | None, QueryParameter(description="Only for this order.")] = None,
    connection: Annotated[
        str | None, QueryParameter(description="Only through this connection.")
    ] = None,
    wallet_user: Annotated[
        str | None, QueryParameter(max_length=128, description="Only into this user's wallet.")
    ] = None,
    expand: queries.Expand = None,
) -> pages.ListOut[PaymentAnswer]:
    """Payments, newest first. `metadata[key]=value` narrows the list too; `expand[]` takes
    `data.order`, `data.tries`, `data.refunds` and `data.disputes`."""
    wanted = queries.expansions(expand, EXPANDABLE, prefix="data.")
    page = pages.parse(limit, starting_after, ending_before, partial(ids.parse, "pay"))
    if isinstance(page, Refused):
        raise RefusedError(page)
    since, until = queries.moments(created_gte, created_gt, created_lte, created_lt)
    filters = Filters(
        status, since, until, queries.id_of("ord", order, "order"),
        queries.id_of("con", connection, "connection"), wallet_user,
        _metadata(request.query_params.multi_items()), amount_gte, amount_lte,
    )  # fmt: skip
    statement = sql["newer"] if page.newer else sql["older"]
    rows = await pool.fetch(statement, caller.merchant_id, page.cursor, page.fetch, *filters)
    shown, more = page.cut(rows)
    data = await expanded(pool, [Payment(*row) for row in shown], wanted, caller, links)
    return pages.ListOut(data=data, has_more=more, url="/v1/payments")


def _metadata(query: Iterable[tuple[str, Any]]) -> str | None:
    """The `metadata[key]=value` of a query, as JSON."""
    found: dict[str, str] = {}
    for name, value in query:
        if not name.startswith("metadata["):
            continue
        key = name.removeprefix("metadata[").removesuffix("]")
        fits = name.endswith("]") and 0 < len(key) <= KEY_MAX_CHARACTERS
        if not fits or len(value) > VALUE_MAX_CHARACTERS or len(found) == METADATA_FILTERS_MAX:
            words = f"Say metadata[key]=value, {METADATA_FILTERS_MAX} times at most."
            raise RefusedError(Refused("parameter_invalid", words, "metadata"))
        found[key] = value
    return canonical(found).decode() if found else None


# ---- expanding ----------------------------------------------------------------------------------


async def expanded(
    pool: Pool,
    payments: Sequence[Payment],
    wanted: frozenset[str],
    caller: Caller,
    links: PayerLinks,
) -> list[PaymentAnswer]:
    """The payments with whatever of `EXPANDABLE` is wanted: one statement for each."""
    livemode = caller.livemode
    found = [answer(p, links.of(p.merchant_id, p.id), livemode=livemode) for p in payments]
    if not payments or not wanted:
        return found
    place = caller.merchant_id, [p.id for p in payments]
    changes: list[dict[str, Any]] = [{} for _ in payments]
    if "tries" in wanted:
        tries = await _of(pool, "tries_of", place, Try, lambda one: one.payment_id)
        for payment, change in zip(payments, changes, strict=True):
            change["tries"] = [show_try(one) for one in tries[payment.id]]
    if "refunds" in wanted:
        refunds = await _of(pool, "refunds_of", place, Refund, lambda one: one.payment_id)
        for payment, change in zip(payments, changes, strict=True):
            change["refunds"] = [show_refund(r, livemode=livemode) for r in refunds[payment.id]]
    if "disputes" in wanted:
        disputes = await _of(pool, "disputes_of", place, Dispute, lambda one: one.payment_id)
        for payment, change in zip(payments, changes, strict=True):
            change["disputes"] = [show_dispute(d, livemode=livemode) for d in disputes[payment.id]]
    if "order" in wanted:
        of_orders = caller.merchant_id, [p.order_id for p in payments if p.order_id]
        orders = await _of(pool, "orders_by_ids", of_orders, Order, lambda one: one.id)
        for payment, change in zip(payments, changes, strict=True):
            if payment.order_id is not None:
                change["order"] = show_order(orders[payment.order_id][0], livemode=livemode)
    return [replace(one, **change) for one, change in zip(found, changes, strict=True)]


async def _of(
    pool: Pool,
    statement: str,
    place: tuple[UUID, list[UUID]],
    kind: Callable[..., R],
    belongs_to: Callable[[R], UUID],
) -> dict[UUID, list[R]]:
    """Rows by what they belong to."""
    found: dict[UUID, list[R]] = defaultdict(list)
    for row in await pool.fetch(sql[statement], *place):
        one = kind(*row)
        found[belongs_to(one)].append(one)
    return found


async def payments_named(
    pool: Pool, caller: Caller, payment_ids: Iterable[UUID]
) -> dict[UUID, PaymentObject]:
    """The payments that refunds or disputes are of, to be shown with them."""
    rows = await pool.fetch(sql["payments_by_ids"], caller.merchant_id, list(payment_ids))
    found = [Payment(*row) for row in rows]
    return {one.id: show(one, livemode=caller.livemode) for one in found}


routes = [list_payments, retrieve]
