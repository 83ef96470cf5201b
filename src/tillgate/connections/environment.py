"""Connections that come from the environment: the variables that processors' own documents name
become connections of the default merchant.

Each is found again by its variable, and changed when the values change. Connections that somebody
made by hand are never touched; one whose variable has gone stays as it is.
"""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any, Literal, NamedTuple
from uuid import UUID

from msgspec.structs import replace

from tillgate.connections.commands import (
    Change,
    Configuring,
    Tools,
    change_connection,
    create_connection,
    is_as_wanted,
    new_row,
)
from tillgate.connections.kinds import KINDS
from tillgate.connections.model import PRIORITY_MAX
from tillgate.connections.store import sql
from tillgate.kit.db import Connection, Pool
from tillgate.kit.refusal import Refused
from tillgate.settings import Settings

ACTOR = "environment"
DEMO = "Demo"
"""The business that `tillgate dev` makes."""

EVERYBODYS = UUID("550e8400-e29b-41d4-a716-446655440000")
"""The business of the Test Merchant, whose keys everybody knows: it stands beside any other."""


STRIPE_METHODS = {"cashapp": "Stripe Cash App", "buy_button": "Stripe Buy Button"}
"""What else the one account at Stripe is offered for: by name, or when nothing else is left."""


class Source(NamedTuple):
    """What some variables ask for. `variable`: what the connection is found again by. `livemode`:
    None is the default merchant's own mode."""

    variable: str
    connector: str
    name: str
    settings: dict[str, Any]
    credentials: dict[str, Any]
    livemode: bool | None = None
    priority: int = 0


class Adopted(NamedTuple):
    """What became of a source; `why`: the reason of a refusal."""

    variable: str
    done: Literal["created", "changed", "unchanged", "refused"]
    why: str | None = None


class Chosen(NamedTuple):
    """The business whose connections these become: its merchants by their mode, and the mode of
    the one that is meant where nothing says it."""

    merchants: dict[bool, UUID]
    livemode: bool


def sources(settings: Settings) -> Iterator[Source]:
    """What the environment asks for. Pure."""
    key = settings.stripe_secret_key
    if key is not None:
        secrets = (settings.stripe_webhook_secret, settings.stripe_webhooks_endpoint_secret)
        credentials = {
            "secret_key": key,
            "publishable_key": settings.stripe_publishable_key,
            "webhook_secrets": sorted({secret for secret in secrets if secret is not None}),
        }
        method = "card" if settings.stripe_publishable_key is not None else "checkout"
        live = key.split("_")[1:2] == ["live"]
        stripe = partial(Source, connector="stripe", credentials=credentials, livemode=live)
        yield stripe("STRIPE_SECRET_KEY", name="Stripe", settings={"method": method})
        for other, name in STRIPE_METHODS.items():
            if other == "cashapp" or settings.stripe_publishable_key is not None:
                named, below = f"STRIPE_SECRET_KEY {other}", -PRIORITY_MAX
                yield stripe(named, name=name, settings={"method": other}, priority=below)
    if settings.webhook_secret is not None:
        preset = {"preset": "generic", "base_url": settings.webhook_pay_url}
        yield Source(
            "WEBHOOK_SECRET",
            "external",
            "Webhooks",
            preset,
            {"signing_secrets": [settings.webhook_secret]},
            priority=0 if settings.webhook_pay_url is not None else -PRIORITY_MAX,
        )


async def adopt(
    connection: Connection, settings: Settings, tools: Tools, now: datetime
) -> list[Adopted]:
    """Brings the connections in line with the environment; may run in several processes at once."""
    wanted = list(sources(settings))
    chosen = await choose(connection, settings.default_merchant) if wanted else None
    if chosen is None:
        words = "which merchant is meant is not clear: set TILLGATE_DEFAULT_MERCHANT"
        return [Adopted(source.variable, "refused", words) for source in wanted]
    return [await _adopt(connection, tools, chosen, source, now) for source in wanted]


async def choose(source: Connection | Pool, default_merchant: UUID | None) -> Chosen | None:
    """None when there is no such merchant, or more than one business that could be meant."""
    rows = await source.fetch(sql["default_merchants"], default_merchant, DEMO, EVERYBODYS)
    if len({row["business_id"] for row in rows}) != 1:
        return None
    merchants = {row["livemode"]: row["merchant_id"] for row in rows}
    return Chosen(merchants, livemode=merchants[True] == default_merchant)


async def _adopt(
    connection: Connection, tools: Tools, chosen: Chosen, source: Source, now: datetime
) -> Adopted:
    livemode = chosen.livemode if source.livemode is None else source.livemode
    merchant_id = chosen.merchants[livemode]
    if source.connector not in KINDS:
        return Adopted(source.variable, "refused", f"there is no connector {source.connector}")
    change = Change(merchant_id, livemode, ACTOR, now)
    wanted = Configuring(source.connector, source.settings, source.credentials)
    async with connection.transaction():
        # Processes that start together come one after the other.
        await connection.execute(sql["lock_merchant"], merchant_id)
        found = await connection.fetchval(sql["of_environment"], merchant_id, source.variable)
        if found is None:
            row = new_row(source.connector, source.name, source.settings, now)
            row = replace(row, priority=source.priority)
            done = await create_connection(
                connection, tools, change, row, source.credentials, source.variable
            )
        elif await is_as_wanted(connection, tools, change, found, wanted):
            return Adopted(source.variable, "unchanged")
        else:
            done = await change_connection(
                connection, tools, change, found, {}, source.settings, source.credentials
            )
    if isinstance(done, Refused):
        return Adopted(source.variable, "refused", done.message)
    return Adopted(source.variable, "created" if found is None else "changed")
