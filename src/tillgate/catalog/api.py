"""`/v1/services`: what a merchant sells at a unit price."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal, cast
from uuid import UUID

import msgspec
from litestar import Response, Router, get, post
from litestar.di import Provide
from litestar.params import SkipValidation
from msgspec import UNSET, Meta, Raw, Struct, UnsetType
from msgspec.structs import asdict

from tillgate.audit.store import Origin
from tillgate.catalog import store
from tillgate.catalog.commands import (
    Change,
    change_service,
    create_service,
    new_service,
    no_service,
)
from tillgate.catalog.model import PriceUnit, Service, ServiceStatus
from tillgate.catalog.rules import SLUG, SLUG_MAX_CHARACTERS
from tillgate.connections.commands import Tools
from tillgate.idempotency.api import IdempotencyHeader
from tillgate.idempotency.store import Gates
from tillgate.kit import ids, pages, queries
from tillgate.kit.caller import Caller
from tillgate.kit.canonical import canonical
from tillgate.kit.crypto import Vault
from tillgate.kit.db import Connection, Pool
from tillgate.kit.http import Answer, encode
from tillgate.kit.metadata import Metadata
from tillgate.kit.money import AMOUNT_MAX_MINOR
from tillgate.kit.networks import Policy
from tillgate.kit.queries import vetting
from tillgate.kit.refusal import Refused, RefusedError

TITLE_MAX_CHARACTERS = 200
DESCRIPTION_MAX_CHARACTERS = 2000
ICON_MAX_CHARACTERS = 200
FEATURE_MAX_CHARACTERS = 200
FEATURES_MAX = 50

Title = Annotated[str, Meta(min_length=1, max_length=TITLE_MAX_CHARACTERS)]
Price = Annotated[int, Meta(ge=1, le=AMOUNT_MAX_MINOR, description="Of one, in minor units.")]
Currency = Annotated[str, Meta(min_length=3, max_length=5, description="ISO 4217 or `sbtc`.")]
Slug = Annotated[
    str, Meta(min_length=1, max_length=SLUG_MAX_CHARACTERS, pattern=SLUG, description="For URLs.")
]
Description = Annotated[str, Meta(max_length=DESCRIPTION_MAX_CHARACTERS)]
Icon = Annotated[str, Meta(max_length=ICON_MAX_CHARACTERS, description="A name, or a URL.")]
Features = Annotated[
    list[Annotated[str, Meta(min_length=1, max_length=FEATURE_MAX_CHARACTERS)]],
    Meta(max_length=FEATURES_MAX),
]
BuyButton = Annotated[
    str, Meta(max_length=255, pattern=r"^buy_btn_[A-Za-z0-9]+\Z", description="Stripe's id of it.")
]


class ServiceIn(Struct, frozen=True, forbid_unknown_fields=True):
    """A new service. Without a `slug` it gets one of its title."""

    title: Title
    price: Price
    currency: Currency
    slug: Slug | None = None
    description: Description | None = None
    price_unit: PriceUnit | None = None
    icon: Icon | None = None
    features: Features = []
    status: ServiceStatus = "published"
    stripe_buy_button_id: BuyButton | None = None
    metadata: Metadata = {}


class ServiceChangesIn(Struct, frozen=True, forbid_unknown_fields=True):
    """What is left out stays; null takes it away. So with each key of `metadata`, which an empty
    value takes out. Orders that exist keep their price."""

    title: Title | UnsetType = UNSET
    price: Price | UnsetType = UNSET
    currency: Currency | UnsetType = UNSET
    slug: Slug | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    price_unit: PriceUnit | UnsetType | None = UNSET
    icon: Icon | UnsetType | None = UNSET
    features: Features | UnsetType = UNSET
    status: ServiceStatus | UnsetType = UNSET
    stripe_buy_button_id: BuyButton | UnsetType | None = UNSET
    metadata: Metadata = {}


class ServiceObject(Struct, frozen=True, kw_only=True):
    """Something that is sold. `draft`: it is not for sale yet."""

    id: str
    object: Literal["service"] = "service"
    title: str
    slug: str
    description: str | None
    price: int
    currency: str
    price_unit: PriceUnit | None
    icon: str | None
    features: list[str]
    status: ServiceStatus
    stripe_buy_button_id: str | None
    metadata: dict[str, str]
    created: int
    updated: int
    livemode: bool


@dataclass(frozen=True)
class Shelf:
    """What changes of the catalog need; made anew for each request."""

    caller: Caller
    gates: Gates
    vault: Vault
    outbound_policy: SkipValidation[Policy]
    origin: Origin
    now: datetime
    idempotency_key: IdempotencyHeader = None

    @property
    def tools(self) -> Tools:
        return Tools(self.vault, self.outbound_policy)

    @property
    def change(self) -> Change:
        return Change(self.caller.merchant_id, self.caller.actor, self.now, self.origin)

    async def run(
        self,
        path: str,
        data: Struct,
        status: int,
        work: Callable[[Connection], Awaitable[Struct | Refused]],
    ) -> Response[Any]:
        """Answers what `work` has made, once for its Idempotency-Key. Raises RefusedError."""

        async def make(connection: Connection) -> Answer | Refused:
            made = await work(connection)
            return made if isinstance(made, Refused) else Answer(status, encode(made))

        digest = self.gates.digest(f"POST {path}", canonical(data))
        answer = await self.gates.once(self.caller, self.idempotency_key, digest, self.now, make)
        if isinstance(answer, Refused):
            raise RefusedError(answer)
        headers = {name.decode(): value.decode() for name, value in answer.headers}
        return Response(Raw(answer.body), status_code=answer.status, headers=headers)


@post("/v1/services", operation_id="createService", before_request=vetting(ServiceIn))
async def create(data: ServiceIn, shelf: SkipValidation[Shelf]) -> Response[ServiceObject]:
    """Adds a service. Providers sell it, and `/checkout?serviceId=` does."""
    wanted = service_of(data, shelf.now)

    async def work(connection: Connection) -> ServiceObject | Refused:
        return _shown(await create_service(connection, shelf.change, wanted), shelf.caller)

    return await shelf.run("/v1/services", data, 201, work)


@post("/v1/services/{service:str}", operation_id="updateService", status_code=200,
      before_request=vetting(ServiceChangesIn, may_be_empty=True))  # fmt: skip
async def update(
    service: str, shelf: SkipValidation[Shelf], data: ServiceChangesIn | None = None
) -> Response[ServiceObject]:
    """Changes a service, for who buys it from now on."""
    asked = data or ServiceChangesIn()
    service_id, (members, metadata) = id_of(service), changes_of(asked)

    async def work(connection: Connection) -> ServiceObject | Refused:
        changed = await change_service(connection, shelf.change, service_id, members, metadata)
        return _shown(changed, shelf.caller)

    return await shelf.run(f"/v1/services/{service}", asked, 200, work)


@get("/v1/services", operation_id="listServices")
async def list_services(
    caller: Caller,
    pool: Pool,
    limit: queries.Limit = pages.LIMIT_DEFAULT,
    starting_after: queries.StartingAfter = None,
    ending_before: queries.EndingBefore = None,
) -> pages.ListOut[ServiceObject]:
    """Services, newest first, drafts too."""
    page = pages.parse(limit, starting_after, ending_before, partial(ids.parse, "svc"))
    if isinstance(page, Refused):
        raise RefusedError(page)
    shown, more = await store.list_services(pool, caller.merchant_id, page)
    data = [show(one, livemode=caller.livemode) for one in shown]
    return pages.ListOut(data=data, has_more=more, url="/v1/services")


@get("/v1/services/{service:str}", operation_id="retrieveService")
async def retrieve(service: str, caller: Caller, pool: Pool) -> ServiceObject:
    """One service."""
    found = await store.find_service(pool, caller.merchant_id, id_of(service))
    if found is None:
        raise RefusedError(no_service(service))
    return show(found, livemode=caller.livemode)


def service_of(data: ServiceIn, now: datetime) -> Service:
    """The service that is asked for."""
    said: dict[str, Any] = asdict(data)
    said |= {"slug": data.slug or "", "metadata": Raw(canonical(data.metadata))}
    first = said.pop("title"), said.pop("price"), said.pop("currency")
    return new_service(*first, now)._replace(**said)


def changes_of(data: ServiceChangesIn) -> tuple[dict[str, Any], dict[str, str]]:
    """(the members that shall be otherwise, what its metadata gets)."""
    said = {name: value for name, value in asdict(data).items() if value is not UNSET}
    metadata: dict[str, str] = said.pop("metadata")
    return {"asset" if name == "currency" else name: said[name] for name in said}, metadata


def id_of(service: str) -> UUID:
    """Raises RefusedError."""
    found = ids.parse("svc", service)
    if found is None:
        raise RefusedError(no_service(service))
    return found


def show(service: Service, *, livemode: bool) -> ServiceObject:
    """The service as the API answers it."""
    return ServiceObject(
        id=ids.show("svc", service.id),
        title=service.title,
        slug=service.slug,
        description=service.description,
        price=service.price,
        currency=service.asset,
        price_unit=cast("PriceUnit | None", service.price_unit),
        icon=service.icon,
        features=service.features,
        status="published" if service.status == "published" else "draft",
        stripe_buy_button_id=service.stripe_buy_button_id,
        metadata=msgspec.json.decode(service.metadata, type=dict[str, str]),
        created=int(service.created_at.timestamp()),
        updated=int(service.updated_at.timestamp()),
        livemode=livemode,
    )


def _shown(done: Service | Refused, caller: Caller) -> ServiceObject | Refused:
    return done if isinstance(done, Refused) else show(done, livemode=caller.livemode)


routes = [
    Router(
        "/",
        route_handlers=[create, update, list_services, retrieve],
        dependencies={"shelf": Provide(Shelf, sync_to_thread=False)},
    )
]
