"""`/v1/providers`: sites that sell a merchant's service through its checkout."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Response, Router, get, post
from litestar.di import Provide
from litestar.params import SkipValidation
from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import asdict

from tillgate.catalog import api as services
from tillgate.catalog import store
from tillgate.catalog.api import Description, Shelf, Slug
from tillgate.catalog.model import Provider, ProviderStatus
from tillgate.catalog.providing import (
    Made,
    change_provider,
    create_provider,
    new_provider,
    no_provider,
    roll_key,
)
from tillgate.kit import ids, pages, queries
from tillgate.kit.caller import Caller
from tillgate.kit.db import Connection, Pool
from tillgate.kit.networks import URL_MAX_LENGTH
from tillgate.kit.queries import vetting
from tillgate.kit.refusal import Refused, RefusedError

NAME_MAX_CHARACTERS = 100

Name = Annotated[str, Meta(min_length=1, max_length=NAME_MAX_CHARACTERS)]
ServiceId = Annotated[str, Meta(description="`svc_…`: what it sells.")]
Webhook = Annotated[str, Meta(max_length=URL_MAX_LENGTH, description="Told of its payments.")]
Redirect = Annotated[
    str, Meta(max_length=URL_MAX_LENGTH, description="`{orderId}` in it becomes the order's id.")
]


class ProviderIn(Struct, frozen=True, forbid_unknown_fields=True):
    """A new provider. Without a `slug` it gets one of its name. `use_stripe_checkout`: its payers
    pay by the Buy Button of its service, which must have one by then."""

    name: Name
    service: ServiceId
    slug: Slug | None = None
    webhook_url: Webhook | None = None
    success_redirect_url: Redirect | None = None
    cancel_redirect_url: Redirect | None = None
    use_stripe_checkout: bool = False
    status: ProviderStatus = "active"
    description: Description | None = None


class ProviderChangesIn(Struct, frozen=True, forbid_unknown_fields=True):
    """What is left out stays; null takes it away."""

    name: Name | UnsetType = UNSET
    service: ServiceId | UnsetType = UNSET
    slug: Slug | UnsetType = UNSET
    webhook_url: Webhook | UnsetType | None = UNSET
    success_redirect_url: Redirect | UnsetType | None = UNSET
    cancel_redirect_url: Redirect | UnsetType | None = UNSET
    use_stripe_checkout: bool | UnsetType = UNSET
    status: ProviderStatus | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET


class KeyRollingIn(Struct, frozen=True, forbid_unknown_fields=True):
    """An empty object."""


class ProviderObject(Struct, frozen=True, kw_only=True):
    """A site that sells one service. `api_key` and `webhook_secret` are shown in the answer that
    made them, and never again. `inactive`: its key opens nothing."""

    id: str
    object: Literal["provider"] = "provider"
    name: str
    slug: str
    service: str
    status: ProviderStatus
    use_stripe_checkout: bool
    webhook_url: str | None
    webhook_endpoint: str | None
    success_redirect_url: str | None
    cancel_redirect_url: str | None
    description: str | None
    api_key_hint: str
    last_used_at: int | None
    created: int
    updated: int
    livemode: bool
    api_key: str | UnsetType = UNSET
    webhook_secret: str | UnsetType = UNSET


@post("/v1/providers", operation_id="createProvider", before_request=vetting(ProviderIn))
async def create(data: ProviderIn, shelf: SkipValidation[Shelf]) -> Response[ProviderObject]:
    """Adds a provider, and makes its key. A `webhook_url` makes an endpoint of format `provider`,
    which is told of this provider's payments only."""
    wanted = provider_of(data, shelf.now)

    async def work(connection: Connection) -> ProviderObject | Refused:
        made = await create_provider(connection, shelf.tools, shelf.change, wanted)
        return _shown(made, shelf.caller)

    return await shelf.run("/v1/providers", data, 201, work)


@post("/v1/providers/{provider:str}", operation_id="updateProvider", status_code=200,
      before_request=vetting(ProviderChangesIn, may_be_empty=True))  # fmt: skip
async def update(
    provider: str, shelf: SkipValidation[Shelf], data: ProviderChangesIn | None = None
) -> Response[ProviderObject]:
    """Changes a provider. Another `webhook_url` moves its endpoint, null deletes it."""
    asked = data or ProviderChangesIn()
    provider_id, members = id_of(provider), changes_of(asked)

    async def work(connection: Connection) -> ProviderObject | Refused:
        made = await change_provider(connection, shelf.tools, shelf.change, provider_id, members)
        return _shown(made, shelf.caller)

    return await shelf.run(f"/v1/providers/{provider}", asked, 200, work)


@post("/v1/providers/{provider:str}/roll_key", operation_id="rollProviderKey", status_code=200,
      before_request=vetting(KeyRollingIn, may_be_empty=True))  # fmt: skip
async def roll(
    provider: str, shelf: SkipValidation[Shelf], data: KeyRollingIn | None = None
) -> Response[ProviderObject]:
    """A new key in place of the old one, which opens nothing from now on."""
    provider_id = id_of(provider)

    async def work(connection: Connection) -> ProviderObject | Refused:
        return _shown(await roll_key(connection, shelf.change, provider_id), shelf.caller)

    path = f"/v1/providers/{provider}/roll_key"
    return await shelf.run(path, data or KeyRollingIn(), 200, work)


@get("/v1/providers", operation_id="listProviders")
async def list_providers(
    caller: Caller,
    pool: Pool,
    limit: queries.Limit = pages.LIMIT_DEFAULT,
    starting_after: queries.StartingAfter = None,
    ending_before: queries.EndingBefore = None,
) -> pages.ListOut[ProviderObject]:
    """Providers, newest first."""
    page = pages.parse(limit, starting_after, ending_before, partial(ids.parse, "prov"))
    if isinstance(page, Refused):
        raise RefusedError(page)
    shown, more = await store.list_providers(pool, caller.merchant_id, page)
    data = [show(Made(one), livemode=caller.livemode) for one in shown]
    return pages.ListOut(data=data, has_more=more, url="/v1/providers")


@get("/v1/providers/{provider:str}", operation_id="retrieveProvider")
async def retrieve(provider: str, caller: Caller, pool: Pool) -> ProviderObject:
    """One provider."""
    found = await store.find_provider(pool, caller.merchant_id, id_of(provider))
    if found is None:
        raise RefusedError(no_provider(provider))
    return show(Made(found), livemode=caller.livemode)


def provider_of(data: ProviderIn, now: datetime) -> Provider:
    """The provider that is asked for. Raises RefusedError."""
    said = asdict(data) | {"slug": data.slug or ""}
    name, service_id = said.pop("name"), services.id_of(said.pop("service"))
    return new_provider(name, service_id, now)._replace(**said)


def changes_of(data: ProviderChangesIn) -> dict[str, Any]:
    """The members that shall be otherwise. Raises RefusedError."""
    said = {name: value for name, value in asdict(data).items() if value is not UNSET}
    if "service" in said:
        said["service_id"] = services.id_of(said.pop("service"))
    return said


def id_of(provider: str) -> UUID:
    """Raises RefusedError."""
    found = ids.parse("prov", provider)
    if found is None:
        raise RefusedError(no_provider(provider))
    return found


def show(made: Made, *, livemode: bool) -> ProviderObject:
    """The provider as the API answers it, with the secrets that were just made."""
    provider, used = made.provider, made.provider.last_used_at
    return ProviderObject(
        id=ids.show("prov", provider.id),
        name=provider.name,
        slug=provider.slug,
        service=ids.show("svc", provider.service_id),
        status="active" if provider.status == "active" else "inactive",
        use_stripe_checkout=provider.use_stripe_checkout,
        webhook_url=provider.webhook_url,
        webhook_endpoint=ids.show("we", provider.endpoint_id) if provider.endpoint_id else None,
        success_redirect_url=provider.success_redirect_url,
        cancel_redirect_url=provider.cancel_redirect_url,
        description=provider.description,
        api_key_hint=provider.key_hint,
        last_used_at=int(used.timestamp()) if used else None,
        created=int(provider.created_at.timestamp()),
        updated=int(provider.updated_at.timestamp()),
        livemode=livemode,
        api_key=made.api_key or UNSET,
        webhook_secret=made.webhook_secret or UNSET,
    )


def _shown(done: Made | Refused, caller: Caller) -> ProviderObject | Refused:
    return done if isinstance(done, Refused) else show(done, livemode=caller.livemode)


routes = [
    Router(
        "/",
        route_handlers=[create, update, roll, list_providers, retrieve],
        dependencies={"shelf": Provide(Shelf, sync_to_thread=False)},
    )
]
