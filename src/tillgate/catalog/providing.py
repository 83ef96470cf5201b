"""Changes of providers, as in `commands`; and of the endpoint that is told of one's payments, in
the same transaction."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from tillgate.catalog.commands import Change, audit, differing, no_service, spare, taken
from tillgate.catalog.model import Provider
from tillgate.catalog.rules import KEY_BYTES, hint_of, key_of, slug_of
from tillgate.catalog.store import find_provider, find_service, sql
from tillgate.connections.commands import Tools
from tillgate.kit import chance, crypto, ids
from tillgate.kit.db import Connection
from tillgate.kit.refusal import Refused
from tillgate.payments.api import is_url
from tillgate.webhooks.commands import (
    NewEndpoint,
    create_endpoint,
    delete_endpoint,
    move_endpoint,
)

PROVIDERS_MAX = 1000
"""How many a merchant may have; of those with a webhook, as many as it may have endpoints."""


class Made(NamedTuple):
    """A provider, with the secrets that were made just now: they are told this once."""

    provider: Provider
    api_key: str | None = None
    webhook_secret: str | None = None


def new_provider(name: str, service_id: UUID, now: datetime) -> Provider:
    """An active provider without any addresses; an empty slug becomes one of its name."""
    return Provider(
        ids.mint(), name, "", service_id, "active", use_stripe_checkout=False,
        success_redirect_url=None, cancel_redirect_url=None, description=None, key_hint="",
        last_used_at=None, created_at=now, updated_at=now, endpoint_id=None, endpoint_state=None,
        webhook_url=None,
    )  # fmt: skip


async def create_provider(
    connection: Connection, tools: Tools, change: Change, wanted: Provider
) -> Made | Refused:
    """Refused `not_found`: there is no such service; `url_refused`; `parameter_invalid`: a slug
    that is taken, an address that is none, too many providers or endpoints."""
    await connection.execute(sql["lock_merchant"], change.merchant_id)
    count = await connection.fetchval(sql["count_providers"], change.merchant_id)
    if count >= PROVIDERS_MAX:
        return Refused("parameter_invalid", f"There are {PROVIDERS_MAX} providers already.")
    key = key_of(chance.secret(KEY_BYTES))
    slug = wanted.slug or slug_of(wanted.name) or spare("prov", wanted.id)
    provider = wanted._replace(slug=slug, key_hint=hint_of(key), webhook_url=None)
    refused = await _vet(connection, change, provider)
    if refused is not None:
        return refused
    made = await _told_at(connection, tools, change, provider, wanted.webhook_url)
    if isinstance(made, Refused):
        return made
    *row, endpoint_id, _state, _url = made.provider
    await connection.execute(
        sql["create_provider"], change.merchant_id, *row, endpoint_id, crypto.sha256(key.encode())
    )
    told = _told(made.provider)
    await audit(connection, change, "provider.create", provider.id, None, told)
    return made._replace(api_key=key)


async def change_provider(
    connection: Connection,
    tools: Tools,
    change: Change,
    provider_id: UUID,
    members: Mapping[str, Any],
) -> Made | Refused:
    """`members` become what they say; a `webhook_url` of None ends what is sent there. Refused as
    above."""
    await connection.execute(sql["lock_merchant"], change.merchant_id)
    before = await find_provider(connection, change.merchant_id, provider_id)
    if before is None:
        return no_provider(ids.show("prov", provider_id))
    wanted = before._replace(**members)
    refused = await _vet(connection, change, wanted)
    if refused is not None:
        return refused
    same_place = wanted._replace(webhook_url=before.webhook_url)
    made = Made(same_place)
    if "webhook_url" in members:
        pointed = await _told_at(connection, tools, change, same_place, wanted.webhook_url)
        if isinstance(pointed, Refused):
            return pointed
        made = pointed
    if made.provider == before:
        return made
    after = made.provider._replace(updated_at=change.now)
    await connection.execute(
        sql["change_provider"], change.merchant_id, after.id, after.name, after.slug,
        after.service_id, after.status, after.use_stripe_checkout, after.success_redirect_url,
        after.cancel_redirect_url, after.description, after.endpoint_id, after.updated_at,
    )  # fmt: skip
    told = differing(_told(before), _told(after))
    await audit(connection, change, "provider.update", after.id, *told)
    return made._replace(provider=after)


async def roll_key(connection: Connection, change: Change, provider_id: UUID) -> Made | Refused:
    """A new key in place of the old one, which opens nothing from now on."""
    await connection.execute(sql["lock_merchant"], change.merchant_id)
    before = await find_provider(connection, change.merchant_id, provider_id)
    if before is None:
        return no_provider(ids.show("prov", provider_id))
    key = key_of(chance.secret(KEY_BYTES))
    after = before._replace(key_hint=hint_of(key), updated_at=change.now)
    await connection.execute(
        sql["roll_key"], change.merchant_id, after.id, crypto.sha256(key.encode()),
        after.key_hint, after.updated_at,
    )  # fmt: skip
    told = {"key_hint": before.key_hint}, {"key_hint": after.key_hint}
    await audit(connection, change, "provider.roll_key", after.id, *told)
    return Made(after, api_key=key)


def no_provider(text: str) -> Refused:
    return Refused("not_found", f"There is no provider {text}.", "provider")


async def _vet(connection: Connection, change: Change, wanted: Provider) -> Refused | None:
    """What types do not say."""
    if not wanted.name.isprintable():
        return Refused("parameter_invalid", "name has unprintable characters.", "name")
    for name in ("success_redirect_url", "cancel_redirect_url"):
        url: str | None = getattr(wanted, name)
        if url is not None and not is_url(url):
            return Refused("parameter_invalid", "This is not an http or https URL.", name)
    if await find_service(connection, change.merchant_id, wanted.service_id) is None:
        return no_service(ids.show("svc", wanted.service_id))
    other = await connection.fetchval(sql["provider_by_slug"], change.merchant_id, wanted.slug)
    return taken(wanted.slug) if other not in {None, wanted.id} else None


async def _told_at(
    connection: Connection, tools: Tools, change: Change, provider: Provider, url: str | None
) -> Made | Refused:
    """The provider with its endpoint at this URL: moved, made, or gone. One that was disabled, as
    its server said that it was gone, is replaced: so it is told again, with a new secret."""
    works = provider.endpoint_state == "enabled"
    if url == provider.webhook_url and (works or url is None):
        return Made(provider)
    end = change.actor, change.now, change.origin
    if url is not None and works and provider.endpoint_id is not None:
        moved = await move_endpoint(
            connection, tools.policy, change.merchant_id, provider.endpoint_id, url, *end
        )
        if isinstance(moved, Refused):
            return moved._replace(param="webhook_url")
        if moved:
            return Made(provider._replace(webhook_url=url))
    if provider.endpoint_id is not None:
        await delete_endpoint(connection, change.merchant_id, provider.endpoint_id, *end)
    if url is None:
        return Made(provider._replace(endpoint_id=None, endpoint_state=None, webhook_url=None))
    wanted = NewEndpoint(url, ["*"], format="provider", provider=ids.show("prov", provider.id))
    made = await create_endpoint(
        connection, tools.vault, tools.policy, change.merchant_id, change.actor, wanted,
        change.now, change.origin,
    )  # fmt: skip
    if isinstance(made, Refused):
        return made._replace(param="webhook_url")
    pointed = provider._replace(endpoint_id=made.id, endpoint_state="enabled", webhook_url=url)
    return Made(pointed, webhook_secret=made.secret)


def _told(provider: Provider) -> dict[str, Any]:
    """As the audit tells it."""
    told = provider._asdict()
    told["service"] = ids.show("svc", told.pop("service_id"))
    left_out = (
        "id", "created_at", "updated_at", "last_used_at", "endpoint_id", "endpoint_state",
    )  # fmt: skip
    return {name: value for name, value in told.items() if name not in left_out}
