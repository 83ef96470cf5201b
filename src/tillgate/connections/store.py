"""Connections as the house uses them: found by id, with the connector that speaks for them."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import NamedTuple
from uuid import UUID

from tillgate.connections.kinds import KINDS
from tillgate.connections.rules import fitting
from tillgate.connectors.protocol import Connector
from tillgate.kit import ids
from tillgate.kit.crypto import Vault
from tillgate.kit.db import Pool, beside
from tillgate.kit.money import Money
from tillgate.kit.outbound import Outbound
from tillgate.kit.recent import Recent

sql = beside(__file__)

CACHE_S = 1.0
"""How long a connection is used as it was read."""

CACHE_MAX = 10_000
WAYS_MAX = 50
"""How many connections of a merchant routing looks at."""


class Linked(NamedTuple):
    """A connection with its connector, and whose it is."""

    id: UUID
    merchant_id: UUID
    merchant_name: str
    livemode: bool
    name: str
    enabled: bool
    connector: Connector
    assets: frozenset[str] | None
    amount_min: int | None
    amount_max: int | None
    amount_policy: str
    allowed_networks: tuple[IPv4Network | IPv6Network, ...] | None


def credentials_place(merchant_id: UUID, connection_id: UUID) -> str:
    """What the vault binds a connection's credentials to."""
    return f"connections.credentials/{merchant_id}/{connection_id}"


def callback_url(public_url: str, connection_id: UUID) -> str:
    """Where a connection's processor reaches us."""
    return f"{public_url}/callbacks/{ids.show('con', connection_id)}"


class Connections:
    """Reads connections, and remembers them for a second."""

    def __init__(self, pool: Pool, vault: Vault, outbound: Outbound) -> None:
        self._pool = pool
        self._vault = vault
        self._outbound = outbound
        self._linked = Recent(self._read, CACHE_S, CACHE_MAX)
        self._ways = Recent(self._read_ways, CACHE_S, CACHE_MAX)

    async def find(self, connection_id: UUID) -> Linked | None:
        return await self._linked.get(connection_id)

    def knows(self, connection_id: UUID) -> bool:
        """Whether it was there when it was last read, be that long ago."""
        return self._linked.knows(connection_id)

    async def of_merchant(self, merchant_id: UUID, connection_id: UUID) -> Linked | None:
        """The same, unless it is another merchant's."""
        linked = await self.find(connection_id)
        return linked if linked is not None and linked.merchant_id == merchant_id else None

    async def ways(self, merchant_id: UUID, money: Money, *, manual: bool) -> list[Linked]:
        """Those that may carry such a payment, the preferred one first."""
        found = [await self.find(one) for one in await self._ways.get(merchant_id) or ()]
        return list(fitting((one for one in found if one is not None), money, manual=manual))

    async def with_method(self, merchant_id: UUID, method: str) -> Linked | None:
        """The preferred one that is enabled and offers this method, be it for others to find or
        not."""
        for one in await self._ways.get(merchant_id) or ():
            found = await self.find(one)
            if (
                found is not None
                and found.enabled
                and found.connector.capabilities.method == method
            ):
                return found
        return None

    def forget(self) -> None:
        """After a change made here: what was read before it is not believed any more."""
        self._linked.forget()
        self._ways.forget()

    async def _read_ways(self, merchant_id: UUID) -> tuple[UUID, ...]:
        rows = await self._pool.fetch(sql["ways"], merchant_id, WAYS_MAX)
        return tuple(row["id"] for row in rows)

    async def _read(self, connection_id: UUID) -> Linked | None:
        row = await self._pool.fetchrow(sql["connection_by_id"], connection_id)
        if row is None:
            return None
        place = credentials_place(row["merchant_id"], row["id"])
        credentials = self._vault.open(row["credentials"], place)
        networks = row["allowed_networks"]
        return Linked(
            id=row["id"],
            merchant_id=row["merchant_id"],
            merchant_name=row["merchant_name"],
            livemode=row["livemode"],
            name=row["name"],
            enabled=row["state"] == "enabled",
            connector=KINDS[row["connector"]].connect(
                row["settings"], credentials, self._outbound, row["livemode"]
            ),
            assets=frozenset(row["assets"]) if row["assets"] is not None else None,
            amount_min=row["amount_min"],
            amount_max=row["amount_max"],
            amount_policy=row["amount_policy"],
            allowed_networks=tuple(map(ip_network, networks)) if networks is not None else None,
        )
