"""Configuring connections: one ordinary transaction, row plus audit line."""

from collections.abc import Mapping
from datetime import datetime
from ipaddress import ip_network
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import asdict, replace

from tillgate.audit.store import HERE, Origin, write_line
from tillgate.connections.kinds import Configured, configure
from tillgate.connections.store import credentials_place, sql
from tillgate.kit import ids
from tillgate.kit.crypto import Vault
from tillgate.kit.db import Connection
from tillgate.kit.http import encode
from tillgate.kit.money import find_asset
from tillgate.kit.networks import Policy
from tillgate.kit.refusal import Refused

SANDBOX_NAME = "Sandbox"
CONNECTIONS_MAX = 100
"""How many a merchant may have."""


class Row(Struct, frozen=True):
    """A connection as it is stored, but for its credentials."""

    id: UUID
    connector: str
    name: str
    state: str
    priority: int
    assets: list[str] | None
    amount_min: int | None
    amount_max: int | None
    amount_policy: str
    allowed_networks: list[str] | None
    settings: Raw
    hints: Raw
    created_at: datetime
    updated_at: datetime


class Change(NamedTuple):
    """Whose connections, who changes them, and when."""

    merchant_id: UUID
    livemode: bool
    actor: str
    now: datetime
    origin: Origin = HERE


class Tools(NamedTuple):
    """What configuring needs of the house."""

    vault: Vault
    policy: Policy


async def create_connection(
    connection: Connection,
    tools: Tools,
    change: Change,
    wanted: Row,
    credentials: Mapping[str, Any],
    environment: str | None = None,
) -> Row | Refused:
    """`wanted.settings` as they were asked for. `environment`: the variable that it comes from."""
    settings = msgspec.json.decode(wanted.settings)
    configured = configure(
        wanted.connector, settings, dict(credentials), tools.policy, livemode=change.livemode
    )
    if isinstance(configured, Refused):
        return configured
    vetted = _vetted(wanted)
    if isinstance(vetted, Refused):
        return vetted
    row = replace(vetted, settings=configured.settings, hints=configured.hints)
    sealed = _seal(tools.vault, change.merchant_id, row.id, configured)
    made = await connection.fetchval(
        sql["create"], change.merchant_id, *asdict(row).values(), sealed, environment,
        CONNECTIONS_MAX,
    )  # fmt: skip
    if made is None:
        return Refused("parameter_invalid", f"There are {CONNECTIONS_MAX} connections already.")
    await write_line(
        connection, change.merchant_id, change.actor, "connection.create", row.id, _told(row),
        change.now, change.origin,
    )  # fmt: skip
    return row


async def change_connection(
    connection: Connection,
    tools: Tools,
    change: Change,
    connection_id: UUID,
    members: Mapping[str, Any],
    settings: Mapping[str, Any] | None,
    credentials: Mapping[str, Any] | None,
) -> Row | Refused:
    """`members` of the row become what they say; `settings` are taken in whole; of `credentials`
    what is given, the rest stays."""
    found = await connection.fetchrow(sql["locked"], change.merchant_id, connection_id)
    if found is None:
        return Refused("not_found", "There is no such connection.", "connection")
    *values, sealed = found
    before = Row(*values)
    place = credentials_place(change.merchant_id, connection_id)
    known: dict[str, Any] = msgspec.json.decode(tools.vault.open(sealed, place))
    configured = configure(
        before.connector,
        dict(settings) if settings is not None else msgspec.json.decode(before.settings),
        known | dict(credentials or {}),
        tools.policy,
        livemode=change.livemode,
    )
    if isinstance(configured, Refused):
        return configured
    vetted = _vetted(replace(before, **members, updated_at=change.now))
    if isinstance(vetted, Refused):
        return vetted
    after = replace(vetted, settings=configured.settings, hints=configured.hints)
    await connection.execute(
        sql["change"], change.merchant_id, after.id, after.name, after.state, after.priority,
        after.assets, after.amount_min, after.amount_max, after.amount_policy,
        after.allowed_networks, after.settings, after.hints, after.updated_at,
        _seal(tools.vault, change.merchant_id, after.id, configured),
    )  # fmt: skip
    action = "connection.roll" if credentials else "connection.update"
    await write_line(
        connection, change.merchant_id, change.actor, action, after.id, _told(after), change.now,
        change.origin, _told(before),
    )  # fmt: skip
    return after


class Configuring(NamedTuple):
    """What a connection shall be configured with."""

    connector: str
    settings: Mapping[str, Any]
    credentials: Mapping[str, Any]


async def is_as_wanted(
    connection: Connection, tools: Tools, change: Change, connection_id: UUID, wanted: Configuring
) -> bool:
    """Whether it is configured with just this already. Locks it."""
    configured = configure(
        wanted.connector,
        dict(wanted.settings),
        dict(wanted.credentials),
        tools.policy,
        livemode=change.livemode,
    )
    found = await connection.fetchrow(sql["locked"], change.merchant_id, connection_id)
    if found is None or isinstance(configured, Refused):
        return False
    *values, sealed = found
    opened = tools.vault.open(sealed, credentials_place(change.merchant_id, connection_id))
    stored = bytes(Row(*values).settings), opened
    return stored == (bytes(configured.settings), configured.credentials)


def _seal(vault: Vault, merchant_id: UUID, connection_id: UUID, configured: Configured) -> bytes:
    return vault.seal(configured.credentials, credentials_place(merchant_id, connection_id))


def _told(row: Row) -> dict[str, Any]:
    """As the audit tells it; the settings hold no secrets."""
    left_out = ("id", "hints", "created_at", "updated_at")
    return {name: value for name, value in asdict(row).items() if name not in left_out}


def _vetted(row: Row) -> Row | Refused:
    """What types do not say of a connection's own members."""
    assets: list[str] | None = None
    if row.assets is not None:
        assets = []
        for currency in row.assets:
            asset = find_asset(currency)
            if asset is None:
                words = f"This currency is unknown: {currency}."
                return Refused("parameter_invalid", words, "currencies")
            assets.append(asset)
    if row.amount_max is not None and row.amount_max < (row.amount_min or 1):
        words = "amount_max is less than amount_min."
        return Refused("parameter_invalid", words, "amount_max")
    for network in row.allowed_networks or ():
        try:
            ip_network(network)
        except ValueError:
            words = f"This is no network: {network}."
            return Refused("parameter_invalid", words, "allowed_networks")
    if not row.name.isprintable():
        return Refused("parameter_invalid", "name has unprintable characters.", "name")
    return replace(row, assets=assets)


async def connect_sandbox(
    connection: Connection, vault: Vault, merchant_id: UUID, base_url: str, secret: str,
    now: datetime,
) -> UUID:  # fmt: skip
    """Connects a test merchant to the sandbox processor, or tells it the new address."""
    tools = Tools(vault, Policy(allow_http=True, allow_loopback=True))
    change = Change(merchant_id, livemode=False, actor="cli", now=now)
    settings = {"preset": "sandbox", "base_url": base_url}
    credentials = {"api_key": secret, "signing_secrets": [secret]}
    async with connection.transaction():
        found: UUID | None = await connection.fetchval(
            sql["connection_by_name"], merchant_id, SANDBOX_NAME
        )
        if found is not None:
            wanted = Configuring("external", settings, credentials)
            if await is_as_wanted(connection, tools, change, found, wanted):
                return found
            done = await change_connection(
                connection, tools, change, found, {}, settings, credentials
            )
        else:
            row = new_row("external", SANDBOX_NAME, settings, now)
            done = await create_connection(connection, tools, change, row, credentials)
    if isinstance(done, Refused):
        raise TypeError(done.message)
    return done.id


def new_row(connector: str, name: str, settings: Mapping[str, Any], now: datetime) -> Row:
    """A connection that takes whatever its connector takes."""
    return Row(
        ids.mint(), connector, name, "enabled", 0, None, None, None, "review", None,
        Raw(encode(settings)), Raw(b"{}"), now, now,
    )  # fmt: skip
