"""Reads of payments, and having one looked up."""

from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from msgspec import Raw

from tillgate.kit.db import Connection, Pool, beside
from tillgate.kit.money import Money
from tillgate.orders.model import Order, due
from tillgate.payments.model import Payment

sql = beside(__file__)

LOOK_EVERY = timedelta(seconds=10)
"""A payment that somebody watches while a processor's word is missing is looked up, this often at
most."""


class LatestTry(NamedTuple):
    """The newest try of a payment, as far as its payer needs to know it."""

    ordinal: int
    connection_id: UUID
    state: str
    reference: str | None
    redirect_url: str | None
    way: Raw | None


async def find_payment(pool: Pool, merchant_id: UUID, payment_id: UUID) -> Payment | None:
    row = await pool.fetchrow(sql["payment_by_id"], merchant_id, payment_id)
    return Payment(*row) if row else None


async def latest_try(pool: Pool, merchant_id: UUID, payment_id: UUID) -> LatestTry | None:
    row = await pool.fetchrow(sql["latest_try"], merchant_id, payment_id)
    return LatestTry(*row) if row else None


async def look_soon(source: Pool | Connection, merchant_id: UUID, payment_id: UUID) -> None:
    """Has a worker look the payment up at its processor: its payer has come back from there, or
    somebody reads it. Nothing happens while no try is under way."""
    await source.execute(sql["look_soon"], merchant_id, payment_id, LOOK_EVERY)


async def find_order(pool: Pool, merchant_id: UUID, order_id: UUID) -> Order | None:
    rows = await pool.fetch(sql["orders_by_ids"], merchant_id, [order_id])
    return Order(*rows[0]) if rows else None


async def order_due(pool: Pool, merchant_id: UUID, order_id: UUID) -> Money | None:
    """What an order is short of, as far as choosing a way needs to know it."""
    order = await find_order(pool, merchant_id, order_id)
    return Money(due(order), order.asset) if order else None
