"""`/v1/orders`."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import QueryParameter, SkipValidation
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from tillgate.audit.model import Owner
from tillgate.idempotency.api import Clerk
from tillgate.kit import ids, pages, queries
from tillgate.kit.caller import Caller
from tillgate.kit.canonical import canonical
from tillgate.kit.db import Pool, beside
from tillgate.kit.metadata import Metadata
from tillgate.kit.money import AMOUNT_MAX_MINOR, Money, find_asset
from tillgate.kit.queries import vetting
from tillgate.kit.refusal import Refused, RefusedError
from tillgate.orders.commands import CancelOrder, CreateOrder, UpdateOrder
from tillgate.orders.model import (
    REFERENCE_MAX_CHARACTERS,
    Duplicates,
    Line,
    Order,
    OrderObject,
    Status,
    show,
)

LINES_MAX = 100
DESCRIPTION_MAX_CHARACTERS = 500
MOMENT_MAX_S = 253_402_300_799
"""The last second that a datetime holds."""

sql = beside(__file__)

Reference = (
    Annotated[str, Meta(max_length=REFERENCE_MAX_CHARACTERS, description="Yours, to find it by.")]
    | None
)
Description = Annotated[str, Meta(max_length=DESCRIPTION_MAX_CHARACTERS)] | None
Who = SkipValidation[Owner]


class OrderIn(Struct, frozen=True, forbid_unknown_fields=True):
    """What is bought; the sum of its lines is the order's amount. `duplicates`: what becomes of
    money that comes when all is paid."""

    currency: Annotated[str, Meta(min_length=3, max_length=5, description="ISO 4217 or `sbtc`.")]
    lines: Annotated[list[Line], Meta(min_length=1, max_length=LINES_MAX)]
    reference: Reference = None
    description: Description = None
    metadata: Metadata = {}
    duplicates: Duplicates | None = None


class OrderChangesIn(Struct, frozen=True, forbid_unknown_fields=True):
    """What is left out stays; null takes it away. So with each key of `metadata`, which an empty
    value takes out."""

    reference: Reference | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    metadata: Metadata = {}


class OrderCancelingIn(Struct, frozen=True, forbid_unknown_fields=True):
    """An empty object."""


@post("/v1/orders", operation_id="createOrder", before_request=vetting(OrderIn))
async def create(
    data: OrderIn, owner: Who, clerk: Clerk, duplicates: Duplicates
) -> Response[OrderObject]:
    """Creates an order. Payments that name it pay for it, one or several, until it is covered."""
    wish = CreateOrder(
        owner, ids.mint(), _total(data), Raw(canonical(data.lines)),
        _written(data.reference), data.description, Raw(canonical(data.metadata)),
        data.duplicates or duplicates,
    )  # fmt: skip
    return await clerk.run("/v1/orders", data, wish.id, wish)


@post("/v1/orders/{order:str}", operation_id="updateOrder", status_code=200,
      before_request=vetting(OrderChangesIn, may_be_empty=True))  # fmt: skip
async def update(
    order: str, owner: Who, clerk: Clerk, data: OrderChangesIn | None = None
) -> Response[OrderObject]:
    """Changes what an order says of itself. Its lines, and so its amount, stay."""
    asked = data or OrderChangesIn()
    reference = asked.reference if asked.reference is UNSET else _written(asked.reference)
    wish = UpdateOrder(owner, ids.mint(), _id(order), reference, asked.description, asked.metadata)
    return await clerk.run(f"/v1/orders/{order}", asked, wish.id, wish)


@post("/v1/orders/{order:str}/cancel", operation_id="cancelOrder", status_code=200,
      before_request=vetting(OrderCancelingIn, may_be_empty=True))  # fmt: skip
async def cancel(
    order: str, owner: Who, clerk: Clerk, data: OrderCancelingIn | None = None
) -> Response[OrderObject]:
    """Cancels an order that is not paid yet. Money that still arrives for it waits in review."""
    wish = CancelOrder(owner, ids.mint(), _id(order))
    return await clerk.run(f"/v1/orders/{order}/cancel", data or OrderCancelingIn(), wish.id, wish)


@get("/v1/orders/{order:str}", operation_id="retrieveOrder")
async def retrieve(order: str, caller: Caller, pool: Pool) -> OrderObject:
    """One order, as it is now."""
    row = await pool.fetchrow(sql["order_by_id"], caller.merchant_id, _id(order))
    if row is None:
        raise _absent(order)
    return show(Order(*row), livemode=caller.livemode)


def _created(bound: str) -> Any:
    return QueryParameter(query=f"created[{bound}]", ge=0, le=MOMENT_MAX_S)


@get("/v1/orders", operation_id="listOrders")
async def list_orders(
    caller: Caller,
    pool: Pool,
    limit: queries.Limit = pages.LIMIT_DEFAULT,
    starting_after: queries.StartingAfter = None,
    ending_before: queries.EndingBefore = None,
    status: Status | None = None,
    reference: Annotated[
        str | None,
        QueryParameter(max_length=REFERENCE_MAX_CHARACTERS, description="Only those with this."),
    ] = None,
    created_gte: Annotated[int | None, _created("gte")] = None,
    created_gt: Annotated[int | None, _created("gt")] = None,
    created_lte: Annotated[int | None, _created("lte")] = None,
    created_lt: Annotated[int | None, _created("lt")] = None,
) -> pages.ListOut[OrderObject]:
    """Orders, newest first."""
    page = pages.parse(limit, starting_after, ending_before, partial(ids.parse, "ord"))
    if isinstance(page, Refused):
        raise RefusedError(page)
    since = _moment(created_gte, created_gt, max)
    until = _moment(created_lt, created_lte, min)
    rows = await pool.fetch(
        sql["newer" if page.newer else "older"],
        caller.merchant_id, page.cursor, page.fetch, status, _written(reference), since,
        until,
    )  # fmt: skip
    shown, more = page.cut(rows)
    data = [show(Order(*row), livemode=caller.livemode) for row in shown]
    return pages.ListOut(data=data, has_more=more, url="/v1/orders")


def _total(data: OrderIn) -> Money:
    """What all lines add up to. Raises RefusedError."""
    asset = find_asset(data.currency)
    if asset is None:
        raise RefusedError(Refused("parameter_invalid", "This currency is unknown.", "currency"))
    total = sum(line.quantity * line.amount for line in data.lines)
    if not 1 <= total <= AMOUNT_MAX_MINOR:
        message = f"The lines add up to {total}; 1 to {AMOUNT_MAX_MINOR} can be paid."
        raise RefusedError(Refused("parameter_invalid", message, "lines"))
    return Money(total, asset)


def _written(reference: str | None) -> str | None:
    if reference is None or reference.isprintable():
        return reference
    message = "reference has unprintable characters."
    raise RefusedError(Refused("parameter_invalid", message, "reference"))


def _id(order: str) -> UUID:
    found = ids.parse("ord", order)
    if found is None:
        raise _absent(order)
    return found


def _absent(order: str) -> RefusedError:
    return RefusedError(Refused("not_found", f"There is no order {order}.", "order"))


def _moment(at: int | None, past: int | None, which: Callable[[list[int]], int]) -> datetime | None:
    """Where a second begins: that of `at`, or that which follows `past`. What is shown as created
    in a second was created anywhen in it."""
    seconds = [second for second in (at, None if past is None else past + 1) if second is not None]
    return datetime.fromtimestamp(min(which(seconds), MOMENT_MAX_S), UTC) if seconds else None


routes = [create, update, cancel, retrieve, list_orders]
