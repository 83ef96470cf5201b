"""What the door reads where its addresses name no merchant, or an order alone."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from tillgate.catalog.model import Provider
from tillgate.catalog.store import find_provider
from tillgate.kit.db import Pool, beside
from tillgate.orders.model import Order
from tillgate.payments.model import Payment
from tillgate.payments.store import find_order, find_payment

sql = beside(__file__)

STRIPE_CONNECTIONS_MAX = 200
"""How many connections to Stripe an installation's one address looks at."""


class Placed(NamedTuple):
    """An order, and whose it is."""

    livemode: bool
    order: Order


async def order_anywhere(pool: Pool, order_id: UUID) -> Placed | None:
    row = await pool.fetchrow(sql["order_anywhere"], order_id)
    order = await find_order(pool, row["merchant_id"], order_id) if row else None
    return Placed(row["livemode"], order) if row and order else None


async def newest_payment(pool: Pool, order: Order) -> tuple[Payment | None, int]:
    """(the newest payment for an order, how many there are)."""
    row = await pool.fetchrow(sql["payments_of_order"], order.merchant_id, order.id)
    if row is None:
        return None, 0
    return await find_payment(pool, order.merchant_id, row["id"]), row["count"]


async def provider_of(pool: Pool, merchant_id: UUID, service_id: UUID) -> Provider | None:
    """The active provider that sells this service; of several the first."""
    found = await pool.fetchval(sql["provider_of_service"], merchant_id, service_id)
    return await find_provider(pool, merchant_id, found) if found else None


async def stripe_connections(pool: Pool) -> tuple[UUID, ...]:
    """Those that are enabled, of all merchants; the preferred ones first."""
    rows = await pool.fetch(sql["stripe_connections"], STRIPE_CONNECTIONS_MAX)
    return tuple(row["id"] for row in rows)


async def knowing(
    pool: Pool, places: Sequence[tuple[UUID, UUID]], references: Sequence[str]
) -> UUID | None:
    """Which of these connections (merchant, id) has a payment that is called so there."""
    merchants = [merchant_id for merchant_id, _ in places]
    found = [connection_id for _, connection_id in places]
    return await pool.fetchval(sql["knowing"], merchants, found, list(references))
