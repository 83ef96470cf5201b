"""Reads of endpoints and their deliveries; and where their secrets are sealed."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec
from msgspec import Raw

from tillgate.kit.crypto import Vault
from tillgate.kit.db import Pool, beside
from tillgate.kit.http import encode
from tillgate.kit.pages import Page

sql = beside(__file__)


class Endpoint(NamedTuple):
    id: UUID
    url: str
    events: list[str]
    format: str
    state: str
    description: str | None
    metadata: Raw
    created_at: datetime
    provider: str | None


class Attempt(NamedTuple):
    event_id: UUID
    ordinal: int
    started_at: datetime
    duration_ms: int
    status_code: int | None
    error: str | None
    response: str | None


class Delivery(NamedTuple):
    """`due_at` says when it is tried next, or when the lease of a running attempt ends."""

    event_id: UUID
    type: str
    state: str
    due_at: datetime
    created_at: datetime
    settled_at: datetime | None


async def find_endpoint(pool: Pool, merchant_id: UUID, endpoint_id: UUID) -> Endpoint | None:
    """The endpoint, unless it is deleted."""
    row = await pool.fetchrow(sql["endpoint_by_id"], merchant_id, endpoint_id)
    return Endpoint(*row) if row else None


async def list_endpoints(pool: Pool, merchant_id: UUID, page: Page) -> tuple[list[Endpoint], bool]:
    """(the page, whether more follow)."""
    statement = sql["endpoints_newer"] if page.newer else sql["endpoints_older"]
    rows = await pool.fetch(statement, merchant_id, page.cursor, page.fetch)
    return page.cut([Endpoint(*row) for row in rows])


async def list_deliveries(
    pool: Pool, merchant_id: UUID, endpoint_id: UUID, page: Page
) -> tuple[list[Delivery], bool]:
    """(the page, whether more follow); the cursor is an event's id."""
    statement = sql["deliveries_newer"] if page.newer else sql["deliveries_older"]
    rows = await pool.fetch(statement, merchant_id, endpoint_id, page.cursor, page.fetch)
    return page.cut([Delivery(*row) for row in rows])


async def attempts_of(
    pool: Pool, merchant_id: UUID, endpoint_id: UUID, event_ids: Sequence[UUID]
) -> list[Attempt]:
    """All attempts at these deliveries, each delivery's first one first."""
    rows = await pool.fetch(sql["attempts_of"], merchant_id, endpoint_id, event_ids)
    return [Attempt(*row) for row in rows]


def seal_secrets(
    vault: Vault, merchant_id: UUID, endpoint_id: UUID, secrets: Sequence[str]
) -> bytes:
    """The newest secret stands first."""
    return vault.seal(encode(secrets), _place(merchant_id, endpoint_id))


def open_secrets(
    vault: Vault, merchant_id: UUID, endpoint_id: UUID, sealed: bytes
) -> tuple[str, ...]:
    """Raises SealBroken."""
    plain = vault.open(sealed, _place(merchant_id, endpoint_id))
    return msgspec.json.decode(plain, type=tuple[str, ...])


def _place(merchant_id: UUID, endpoint_id: UUID) -> str:
    return f"endpoints.secrets/{merchant_id}/{endpoint_id}"
