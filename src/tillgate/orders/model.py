"""The row of an order, and the order as the API shows it."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from tillgate.engine.table import (
    Bigint,
    Id,
    Integer,
    Json,
    OptionalText,
    OptionalTime,
    Text,
    Time,
    table,
)
from tillgate.kit import ids
from tillgate.kit.http import encode
from tillgate.kit.money import AMOUNT_MAX_MINOR

NAME_MAX_CHARACTERS = 200
QUANTITY_MAX = 1_000_000
REFERENCE_MAX_CHARACTERS = 255

Status = Literal["open", "partly_paid", "paid", "canceled"]
Duplicates = Literal["review", "refund"]


@table(
    "orders",
    "merchant_id id",
    "amount status paid refunded lines reference description metadata version updated_at paid_at"
    " canceled_at",
)
class Order(Struct, frozen=True):
    """Amounts are minor units of `asset`. `paid` and `refunded`: what payments brought, and what
    went back. `duplicates`: what becomes of money for an order that is paid already."""

    merchant_id: Id
    id: Id
    amount: Bigint
    asset: Text
    status: Text
    paid: Bigint
    refunded: Bigint
    lines: Json
    reference: OptionalText
    description: OptionalText
    metadata: Json
    duplicates: Text
    version: Integer
    created_at: Time
    updated_at: Time
    paid_at: OptionalTime
    canceled_at: OptionalTime


@table("provider_orders", "merchant_id provider_id external_id")
class ProviderOrder(Struct, frozen=True):
    """The gate of a provider's own ids: the same `external_id` is the same order."""

    merchant_id: Id
    provider_id: Id
    external_id: Text
    order_id: Id


class Line(Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that is bought. `amount` is the price of one, in minor units."""

    name: Annotated[str, Meta(min_length=1, max_length=NAME_MAX_CHARACTERS)]
    quantity: Annotated[int, Meta(ge=1, le=QUANTITY_MAX)]
    amount: Annotated[int, Meta(ge=0, le=AMOUNT_MAX_MINOR)]
    reference: Annotated[str, Meta(max_length=REFERENCE_MAX_CHARACTERS)] | None = None


class OrderObject(Struct, frozen=True, kw_only=True):
    """An order. Amounts are minor units; times are unix seconds. `amount_due` is what is still to
    be paid: nothing once it is paid or canceled."""

    id: str
    object: Literal["order"] = "order"
    amount: int
    amount_paid: int
    amount_refunded: int
    amount_due: int
    currency: str
    status: Status
    lines: list[Line]
    reference: str | None
    description: str | None
    metadata: dict[str, str]
    duplicates: Duplicates
    created: int
    paid_at: int | None
    canceled_at: int | None
    livemode: bool


_lines = msgspec.json.Decoder(list[Line])
_metadata = msgspec.json.Decoder(dict[str, str])


def show(order: Order, *, livemode: bool) -> OrderObject:
    """The order as the API answers it and events carry it."""
    return OrderObject(
        id=ids.show("ord", order.id),
        amount=order.amount,
        amount_paid=order.paid,
        amount_refunded=order.refunded,
        amount_due=due(order),
        currency=order.asset,
        status=as_status(order.status),
        lines=lines_of(order),
        reference=order.reference,
        description=order.description,
        metadata=metadata_of(order),
        duplicates="refund" if order.duplicates == "refund" else "review",
        created=int(order.created_at.timestamp()),
        paid_at=int(order.paid_at.timestamp()) if order.paid_at else None,
        canceled_at=int(order.canceled_at.timestamp()) if order.canceled_at else None,
        livemode=livemode,
    )


def render(order: Order, *, livemode: bool) -> bytes:
    """The same as JSON text."""
    return encode(show(order, livemode=livemode))


def lines_of(order: Order) -> list[Line]:
    return _lines.decode(order.lines)


def metadata_of(order: Order) -> dict[str, str]:
    return _metadata.decode(order.metadata)


def due(order: Order) -> int:
    """What is still to be paid, in minor units. What went back too early is due again."""
    if order.status in ("paid", "canceled"):
        return 0
    return max(order.amount - order.paid + order.refunded, 0)


def as_status(text: str) -> Status:
    match text:
        case "open" | "partly_paid" | "paid" | "canceled":
            return text
        case _:
            raise ValueError(f"{text!r} is no status of an order")
