"""Connections as the house uses them: found by id, with the connector that speaks for them."""

from typing import NamedTuple
from uuid import UUID

from tillgate.connectors import external
from tillgate.connectors.protocol import Connector
from tillgate.kit.crypto import Vault
from tillgate.kit.db import Pool, beside
from tillgate.kit.outbound import Outbound
from tillgate.kit.recent import Recent

sql = beside(__file__)

CACHE_S = 1.0
"""How long a connection is used as it was read."""

CACHE_MAX = 10_000

CONNECTORS = {"external": external.connect}


class Linked(NamedTuple):
    """A connection with its connector, and whose it is."""

    id: UUID
    merchant_id: UUID
    merchant_name: str
    livemode: bool
    name: str
    enabled: bool
    connector: Connector


def credentials_place(merchant_id: UUID, connection_id: UUID) -> str:
    """What the vault binds a connection's credentials to."""
    return f"connections.credentials/{merchant_id}/{connection_id}"


class Connections:
    """Reads connections, and remembers them for a second."""

    def __init__(self, pool: Pool, vault: Vault, outbound: Outbound) -> None:
        self._pool = pool
        self._vault = vault
        self._outbound = outbound
        self._linked = Recent(self._read, CACHE_S, CACHE_MAX)
        self._defaults = Recent(self._read_default, CACHE_S, CACHE_MAX)

    async def find(self, connection_id: UUID) -> Linked | None:
        return await self._linked.get(connection_id)

    async def of_merchant(self, merchant_id: UUID, connection_id: UUID) -> Linked | None:
        """The same, unless it is another merchant's."""
        linked = await self.find(connection_id)
        return linked if linked is not None and linked.merchant_id == merchant_id else None

    async def default(self, merchant_id: UUID) -> Linked | None:
        """The enabled connection of the highest priority."""
        connection_id = await self._defaults.get(merchant_id)
        return await self.find(connection_id) if connection_id else None

    async def _read_default(self, merchant_id: UUID) -> UUID | None:
        row = await self._pool.fetchrow(sql["default_connection"], merchant_id)
        return row["id"] if row else None

    async def _read(self, connection_id: UUID) -> Linked | None:
        row = await self._pool.fetchrow(sql["connection_by_id"], connection_id)
        if row is None:
            return None
        place = credentials_place(row["merchant_id"], row["id"])
        credentials = self._vault.open(row["credentials"], place)
        return Linked(
            id=row["id"],
            merchant_id=row["merchant_id"],
            merchant_name=row["merchant_name"],
            livemode=row["livemode"],
            name=row["name"],
            enabled=row["state"] == "enabled",
            connector=CONNECTORS[row["connector"]](row["settings"], credentials, self._outbound),
        )
