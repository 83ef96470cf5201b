"""`tillgate service …` and `tillgate provider …`: what an operator does with a merchant's catalog.
Everything is allowed: whoever has the database needs no key."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec import UNSET, Struct

from tillgate.catalog import api as services
from tillgate.catalog import commands, providers, providing
from tillgate.catalog.api import ServiceChangesIn, ServiceIn, ServiceObject
from tillgate.catalog.commands import Change
from tillgate.catalog.model import Provider, Service
from tillgate.catalog.providers import ProviderChangesIn, ProviderIn, ProviderObject
from tillgate.catalog.providing import Made
from tillgate.catalog.store import sql
from tillgate.cli.failure import Failure
from tillgate.cli.merchant import connected
from tillgate.connections.commands import Tools
from tillgate.kit import clock, ids
from tillgate.kit.body import explain
from tillgate.kit.db import Connection
from tillgate.kit.pages import NEWEST
from tillgate.kit.refusal import Refused, RefusedError
from tillgate.main.parts import policy_of, vault_of

T = TypeVar("T")
S = TypeVar("S", bound=Struct)

SHOWN_MAX = 100

Said = Mapping[str, Any]
"""What was typed, by the API's names; None where nothing was."""


class Desk(NamedTuple):
    """A merchant's catalog, open for one change."""

    connection: Connection
    change: Change
    tools: Tools
    livemode: bool


async def create_service(
    merchant: str, said: Said, environ: Mapping[str, str], data: Path
) -> ServiceObject:
    """Raises Failure."""
    asked = _vetted(ServiceIn, {k: v for k, v in said.items() if v is not None})
    async with _desk(merchant, environ, data) as desk:
        wanted = services.service_of(asked, desk.change.now)
        made = _granted(await commands.create_service(desk.connection, desk.change, wanted))
        return services.show(made, livemode=desk.livemode)


async def read_services(
    merchant: str, environ: Mapping[str, str], data: Path
) -> list[ServiceObject]:
    """The newest ones. Raises Failure."""
    async with _desk(merchant, environ, data) as desk:
        page = desk.change.merchant_id, NEWEST, SHOWN_MAX
        rows = await desk.connection.fetch(sql["services_older"], *page)
        return [services.show(Service(*row), livemode=desk.livemode) for row in rows]


async def update_service(
    merchant: str, service: str, said: Said, environ: Mapping[str, str], data: Path
) -> ServiceObject:
    """Raises Failure."""
    members, metadata = services.changes_of(_vetted(ServiceChangesIn, _changes(said)))
    async with _desk(merchant, environ, data) as desk:
        wish = services.id_of(service), members, metadata
        changed = _granted(await commands.change_service(desk.connection, desk.change, *wish))
        return services.show(changed, livemode=desk.livemode)


async def create_provider(
    merchant: str, said: Said, environ: Mapping[str, str], data: Path
) -> ProviderObject:
    """Raises Failure."""
    asked = _vetted(ProviderIn, {k: v for k, v in said.items() if v is not None})
    async with _desk(merchant, environ, data) as desk:
        wanted = providers.provider_of(asked, desk.change.now)
        made = await providing.create_provider(desk.connection, desk.tools, desk.change, wanted)
        return providers.show(_granted(made), livemode=desk.livemode)


async def read_providers(
    merchant: str, environ: Mapping[str, str], data: Path
) -> list[ProviderObject]:
    """The newest ones. Raises Failure."""
    async with _desk(merchant, environ, data) as desk:
        page = desk.change.merchant_id, NEWEST, SHOWN_MAX
        rows = await desk.connection.fetch(sql["providers_older"], *page)
        return [providers.show(Made(Provider(*row)), livemode=desk.livemode) for row in rows]


async def update_provider(
    merchant: str, provider: str, said: Said, environ: Mapping[str, str], data: Path
) -> ProviderObject:
    """Raises Failure."""
    asked = _vetted(ProviderChangesIn, _changes(said))
    async with _desk(merchant, environ, data) as desk:
        changed = await providing.change_provider(
            desk.connection,
            desk.tools,
            desk.change,
            providers.id_of(provider),
            providers.changes_of(asked),
        )
        return providers.show(_granted(changed), livemode=desk.livemode)


async def roll(
    merchant: str, provider: str, environ: Mapping[str, str], data: Path
) -> ProviderObject:
    """Raises Failure."""
    async with _desk(merchant, environ, data) as desk:
        provider_id = providers.id_of(provider)
        rolled = _granted(await providing.roll_key(desk.connection, desk.change, provider_id))
        return providers.show(rolled, livemode=desk.livemode)


def show_services(found: list[ServiceObject], *, as_json: bool) -> str:
    """A line for each."""
    if as_json:
        return _as_json(found)
    return "".join(
        f"{one.id}  {one.price:>8} {one.currency:<4}  {one.status:<9}  {one.slug}  {one.title}\n"
        for one in found
    )


def show_providers(found: list[ProviderObject], *, as_json: bool) -> str:
    """A line for each; more where secrets were just made."""
    if as_json:
        return _as_json(found)
    lines: list[str] = []
    for one in found:
        lines.append(f"{one.id}  {one.status:<8}  {one.api_key_hint}  {one.slug}  {one.name}\n")
        made = {"key": one.api_key, "webhook secret": one.webhook_secret}
        told = [f"  {what}: {text}\n" for what, text in made.items() if text is not UNSET]
        lines += [*told, "  This is shown this once.\n"] if told else []
    return "".join(lines)


def _as_json(found: list[Any]) -> str:
    return "".join(msgspec.json.encode(one).decode() + "\n" for one in found)


def _changes(said: Said) -> dict[str, Any]:
    """An empty text takes away what it names."""
    return {
        name: None if value == "" else value for name, value in said.items() if value is not None
    }


def _vetted(kind: type[S], said: Mapping[str, Any]) -> S:
    try:
        return msgspec.convert(said, kind)
    except msgspec.ValidationError as error:
        raise Failure(_words(explain(str(error)))) from None


@asynccontextmanager
async def _desk(merchant: str, environ: Mapping[str, str], data: Path) -> AsyncGenerator[Desk]:
    """One transaction. Raises Failure."""
    async with connected(environ, data) as (connection, own), connection.transaction():
        merchant_id = ids.parse("mer", merchant)
        livemode: bool | None = None
        if merchant_id is not None:
            livemode = await connection.fetchval(sql["lock_merchant"], merchant_id)
        if merchant_id is None or livemode is None:
            raise Failure(f"There is no merchant {merchant}.")
        change = Change(merchant_id, "cli", clock.now())
        tools = Tools(vault_of(own), policy_of(own))
        try:
            yield Desk(connection, change, tools, livemode)
        except RefusedError as error:
            raise Failure(_words(error.refused)) from None


def _granted(done: T | Refused) -> T:
    if isinstance(done, Refused):
        raise RefusedError(done)
    return done


def _words(refused: Refused) -> str:
    return f"{refused.param}: {refused.message}" if refused.param else refused.message
