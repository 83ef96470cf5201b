"""The demo business: made at the first start, told later when sandbox or inbox have moved.

The database keeps digests of its keys only, so the keys themselves are kept in a private file.
"""
# ruff: noqa: PLC0415  what most starts do not need, and brings the whole API with it, comes late

from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

import asyncpg
import msgspec
from msgspec.structs import replace

from tillgate.cli import files
from tillgate.cli.failure import Failure
from tillgate.connectors.external import sandbox_settings
from tillgate.kit import clock, ids
from tillgate.kit.crypto import sha256
from tillgate.kit.db import Connection
from tillgate.kit.http import encode
from tillgate.kit.refusal import Refused
from tillgate.settings import Settings, from_environment

NAME = "Demo"
ACTOR = "cli"


class Demo(msgspec.Struct, frozen=True):
    """The test merchant, its keys, where it was told that sandbox and inbox are, and how it speaks
    to the sandbox, as a digest."""

    merchant: str
    secret_key: str
    publishable_key: str
    sandbox_url: str
    inbox_url: str
    endpoint_id: UUID
    endpoint_secret: str
    sandbox_preset: str = ""


def read_demo(file: Path) -> Demo | None:
    """What an earlier start has kept, if any."""
    return msgspec.json.decode(file.read_bytes(), type=Demo) if file.exists() else None


async def up_to_date(
    file: Path, known: Demo | None, environment: Mapping[str, str], inbox_url: str
) -> Demo:
    """The demo business, knowing where sandbox and inbox are now; a new one when none is known."""
    settings = from_environment(environment)
    now_is = settings.sandbox_url, inbox_url, _preset(settings)
    if known and (known.sandbox_url, known.inbox_url, known.sandbox_preset) == now_is:
        return known
    connection = await asyncpg.connect(settings.database_url)
    try:
        async with connection.transaction():
            demo = await _tell(connection, settings, known, inbox_url)
    finally:
        await connection.close()
    files.write_private(file, msgspec.json.encode(demo))
    return demo


async def _tell(
    connection: Connection, settings: Settings, known: Demo | None, inbox_url: str
) -> Demo:
    """Makes the business, or tells its connection the sandbox's address; then the inbox's."""
    from tillgate.main.business import point_all_to_sandbox, set_up_business
    from tillgate.main.parts import policy_of, vault_of
    from tillgate.webhooks.commands import NewEndpoint, create_endpoint, move_endpoint

    now = clock.now()
    shown = known or await set_up_business(connection, settings, NAME, now)
    merchant_id = ids.parse("mer", shown.merchant)
    if merchant_id is None:
        raise Failure(f"{shown.merchant} is not a merchant.")
    if known:
        await point_all_to_sandbox(connection, settings, now)
        policy = policy_of(settings)
        await move_endpoint(
            connection, policy, merchant_id, known.endpoint_id, inbox_url, ACTOR, now
        )
        url, preset = settings.sandbox_url or "", _preset(settings)
        return replace(known, sandbox_url=url, inbox_url=inbox_url, sandbox_preset=preset)
    vault, policy, wanted = vault_of(settings), policy_of(settings), NewEndpoint(inbox_url, ["*"])
    endpoint = await create_endpoint(connection, vault, policy, merchant_id, ACTOR, wanted, now)
    if isinstance(endpoint, Refused):
        raise Failure(f"The inbox cannot be an endpoint: {endpoint.message}")
    return Demo(
        merchant=shown.merchant,
        secret_key=shown.secret_key,
        publishable_key=shown.publishable_key,
        sandbox_url=settings.sandbox_url or "",
        inbox_url=inbox_url,
        endpoint_id=endpoint.id,
        endpoint_secret=endpoint.secret,
        sandbox_preset=_preset(settings),
    )


def _preset(settings: Settings) -> str:
    """Tells whether this version speaks to the sandbox as the one did that made the business."""
    return sha256(encode(sandbox_settings(settings.sandbox_url or ""))).hex()
