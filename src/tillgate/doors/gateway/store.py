"""Reads of this door, and the lists that they fill."""

from collections.abc import Mapping
from typing import NamedTuple
from uuid import UUID

from tillgate.doors.gateway.shapes import Log, Payment
from tillgate.kit.db import Connection, Pool, beside
from tillgate.orders.model import Order
from tillgate.payments.model import Refund
from tillgate.webhooks.formats import short

sql = beside(__file__)

LIST_DEFAULT, LIST_MAX = 100, 1000
"""Of orders and payments, whose lists are bare."""

PAGE_DEFAULT, PAGE_MAX = 10, 100
"""Of refunds and logs, whose lists say what they leave out."""

OFFSET_MAX = 1_000_000
COUNT_MAX = 100_000
"""Where counting ends."""


class Window(NamedTuple):
    """So many, after so many newer ones."""

    limit: int
    offset: int


class Endpoint(NamedTuple):
    """Where a merchant's webhooks go; `secrets` are sealed."""

    id: UUID
    url: str
    state: str
    secrets: bytes

    @property
    def here(self) -> bool:
        return self.state != "deleted"


class Delivery(NamedTuple):
    """What was to be delivered to an endpoint, which may take nothing any more."""

    event_id: UUID
    endpoint_id: UUID
    endpoint_state: str


class Figures(NamedTuple):
    payments: int
    succeeded: int
    amount: int


def window(query: Mapping[str, str], default: int, most: int) -> Window:
    """What `limit` and `offset` ask for. What is no number is as if it were not there."""
    limit, offset = (_number(query.get(name)) for name in ("limit", "offset"))
    return Window(min(limit or default, most), min(offset or 0, OFFSET_MAX))


def _number(text: str | None) -> int | None:
    fits = text is not None and text.isascii() and text.isdigit() and len(text) <= 9
    return int(text) if fits and text is not None else None


# What names an object is taken as it was given: what is no id at all names nothing.


async def find_order(pool: Pool, merchant_id: UUID, order: str) -> Order | None:
    row = await pool.fetchrow(sql["order"], merchant_id, short.parse("order", order))
    return Order(*row) if row else None


async def list_orders(pool: Pool, merchant_id: UUID, asked: Window) -> list[Order]:
    return [Order(*row) for row in await pool.fetch(sql["orders"], merchant_id, *asked)]


async def owner_of_order(pool: Pool, order: str) -> tuple[UUID, bool] | None:
    """(merchant, livemode): an address that names no merchant names an order."""
    row = await pool.fetchrow(sql["owner_of_order"], short.parse("order", order))
    return (row["merchant_id"], row["livemode"]) if row else None


async def find_payment(pool: Pool, merchant_id: UUID, payment: str) -> Payment | None:
    row = await pool.fetchrow(sql["payment"], merchant_id, short.parse("pay", payment))
    return Payment(*row) if row else None


async def owner_of_payment(pool: Pool, payment: str) -> UUID | None:
    """The merchant of a payment that pays for an order."""
    return await pool.fetchval(sql["owner_of_payment"], short.parse("pay", payment))


async def list_payments(pool: Pool, merchant_id: UUID, asked: Window) -> list[Payment]:
    return [Payment(*row) for row in await pool.fetch(sql["payments"], merchant_id, *asked)]


async def figures(pool: Pool, merchant_id: UUID) -> Figures:
    row = await pool.fetchrow(sql["figures"], merchant_id, COUNT_MAX)
    return Figures(*row) if row else Figures(0, 0, 0)


async def find_refund(pool: Pool, merchant_id: UUID, refund: str) -> Refund | None:
    row = await pool.fetchrow(sql["refund"], merchant_id, short.parse("rfnd", refund))
    return Refund(*row) if row else None


async def list_refunds(pool: Pool, merchant_id: UUID, asked: Window) -> tuple[list[Refund], int]:
    """(some, how many there are)."""
    rows = await pool.fetch(sql["refunds"], merchant_id, *asked)
    total: int = await pool.fetchval(sql["count_refunds"], merchant_id, COUNT_MAX)
    return [Refund(*row) for row in rows], total


async def find_endpoint(database: Pool | Connection, merchant_id: UUID) -> Endpoint | None:
    row = await database.fetchrow(sql["endpoint"], merchant_id)
    return Endpoint(*row) if row else None


async def list_logs(pool: Pool, merchant_id: UUID, asked: Window) -> tuple[list[Log], int]:
    """(some, how many there are)."""
    rows = await pool.fetch(sql["logs"], merchant_id, *asked)
    total: int = await pool.fetchval(sql["count_logs"], merchant_id, COUNT_MAX)
    return [Log(*row) for row in rows], total


async def find_delivery(pool: Pool, merchant_id: UUID, log: str) -> Delivery | None:
    row = await pool.fetchrow(sql["delivery"], merchant_id, _event_id(log))
    return Delivery(*row) if row else None


def _event_id(text: str) -> UUID | None:
    """As it is shown: in hexadecimal digits, with hyphens."""
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text.lower() else None


async def count_jobs(pool: Pool, merchant_id: UUID) -> dict[str, int]:
    """How many wait, are under way, are done, have failed: payments, refunds and deliveries."""
    row = await pool.fetchrow(sql["jobs"], merchant_id, COUNT_MAX)
    return dict(row) if row else {}
