"""The audit line of an ordinary change; commands of the engine stage an `AuditLine` themselves."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from tillgate.audit.model import told
from tillgate.kit import ids
from tillgate.kit.db import Connection, beside

sql = beside(__file__)


class Origin(NamedTuple):
    """Where a change came from."""

    ip: str | None = None
    request_id: str | None = None


HERE = Origin()
"""A change that came by no request."""


async def write_line(
    connection: Connection,
    merchant_id: UUID,
    actor: str,
    action: str,
    object_id: UUID,
    after: Mapping[str, Any],
    now: datetime,
    origin: Origin = HERE,
    before: Mapping[str, Any] | None = None,
) -> None:
    """In the transaction of the change. Secrets in `before` and `after` are redacted."""
    await connection.execute(
        sql["write_line"],
        merchant_id,
        ids.mint(),
        actor,
        action,
        object_id,
        told(before),
        told(after),
        origin.ip,
        origin.request_id,
        now,
    )
