"""Reads of services and providers; and whose key a provider's key is."""

from uuid import UUID

from tillgate.catalog import rules
from tillgate.catalog.model import Provider, Selling, Service
from tillgate.kit import crypto
from tillgate.kit.db import Connection, Pool, beside
from tillgate.kit.pages import Page

sql = beside(__file__)

_OF_PROVIDER = len(Provider._fields)


async def find_service(
    database: Pool | Connection, merchant_id: UUID, service_id: UUID
) -> Service | None:
    """Be it published or not."""
    row = await database.fetchrow(sql["service"], merchant_id, service_id)
    return Service(*row) if row else None


async def find_service_anywhere(pool: Pool, service_id: UUID) -> tuple[UUID, bool, Service] | None:
    """(the merchant whose it is, whether that is a live one, the service): for addresses that name
    no merchant. Be it published or not."""
    row = await pool.fetchrow(sql["service_anywhere"], service_id)
    if row is None:
        return None
    merchant_id, livemode, *values = row
    return merchant_id, livemode, Service(*values)


async def service_by_slug(
    database: Pool | Connection, merchant_id: UUID, slug: str
) -> Service | None:
    row = await database.fetchrow(sql["service_by_slug"], merchant_id, slug)
    return Service(*row) if row else None


async def published(pool: Pool, merchant_id: UUID, limit: int) -> list[Service]:
    """What everybody may see, the oldest first."""
    rows = await pool.fetch(sql["published"], merchant_id, limit)
    return [Service(*row) for row in rows]


async def list_services(pool: Pool, merchant_id: UUID, page: Page) -> tuple[list[Service], bool]:
    """(the page, whether more follow)."""
    statement = sql["services_newer"] if page.newer else sql["services_older"]
    rows = await pool.fetch(statement, merchant_id, page.cursor, page.fetch)
    return page.cut([Service(*row) for row in rows])


async def provider_by_key(pool: Pool, key: str) -> Selling | None:
    """The active provider whose key this is. That it was used is noted once a minute, at most."""
    if not rules.well_formed(key):
        return None
    row = await pool.fetchrow(sql["selling"], crypto.sha256(key.encode()))
    if row is None:
        return None
    merchant_id, livemode, unnoted, *values = row
    provider, service = Provider(*values[:_OF_PROVIDER]), Service(*values[_OF_PROVIDER:])
    if unnoted:
        await pool.execute(sql["note_use"], merchant_id, provider.id)
    return Selling(merchant_id, livemode, provider, service)


async def find_provider(
    database: Pool | Connection, merchant_id: UUID, provider_id: UUID
) -> Provider | None:
    """Be it active or not."""
    row = await database.fetchrow(sql["provider"], merchant_id, provider_id)
    return Provider(*row) if row else None


async def list_providers(pool: Pool, merchant_id: UUID, page: Page) -> tuple[list[Provider], bool]:
    """(the page, whether more follow)."""
    statement = sql["providers_newer"] if page.newer else sql["providers_older"]
    rows = await pool.fetch(statement, merchant_id, page.cursor, page.fetch)
    return page.cut([Provider(*row) for row in rows])
