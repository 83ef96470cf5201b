"""Configuring connections: one ordinary transaction, row plus audit line."""

from datetime import datetime
from uuid import UUID

from msgspec import Raw

from tillgate.audit.store import write_line
from tillgate.connections.store import credentials_place, sql
from tillgate.connectors import external
from tillgate.kit import ids
from tillgate.kit.crypto import Vault
from tillgate.kit.db import Connection
from tillgate.kit.http import encode

SANDBOX_NAME = "Sandbox"


async def connect_sandbox(
    connection: Connection, vault: Vault, merchant_id: UUID, base_url: str, secret: str,
    now: datetime,
) -> UUID:  # fmt: skip
    """Connects a test merchant to the sandbox processor, or tells it the new address."""
    settings = Raw(encode(external.sandbox_settings(base_url)))
    plain = encode(external.Credentials(api_key=secret, signing_secrets=[secret]))
    async with connection.transaction():
        found: UUID | None = await connection.fetchval(
            sql["connection_by_name"], merchant_id, SANDBOX_NAME
        )
        connection_id = found or ids.mint()
        sealed = vault.seal(plain, credentials_place(merchant_id, connection_id))
        if found is None:
            await connection.execute(
                sql["create_connection"], merchant_id, connection_id, "external", SANDBOX_NAME,
                settings, sealed, now,
            )  # fmt: skip
        else:
            await connection.execute(
                sql["update_settings"], merchant_id, connection_id, settings, sealed, now
            )
        action = "connection.create" if found is None else "connection.update"
        await write_line(
            connection, merchant_id, "cli", action, connection_id, {"base_url": base_url}, now
        )
    return connection_id
