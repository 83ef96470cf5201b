"""`/v1/webhook_endpoints`: where events go, and what became of them."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import Annotated, Literal, cast
from uuid import UUID

import msgspec
from litestar import Response, delete, get, post
from litestar.params import SkipValidation
from msgspec import Meta, Raw, Struct

from tillgate.audit.store import Origin
from tillgate.idempotency.api import IdempotencyHeader
from tillgate.idempotency.store import Gates
from tillgate.kit import ids, pages, queries
from tillgate.kit.caller import Caller
from tillgate.kit.canonical import canonical
from tillgate.kit.crypto import Vault
from tillgate.kit.db import Connection, Pool
from tillgate.kit.http import Answer, encode
from tillgate.kit.metadata import Metadata
from tillgate.kit.networks import URL_MAX_LENGTH, Policy
from tillgate.kit.queries import vetting
from tillgate.kit.refusal import Refused, RefusedError
from tillgate.webhooks import commands, rules, store
from tillgate.webhooks.formats import Wire
from tillgate.webhooks.store import Attempt, Delivery, Endpoint

EVENTS_MAX = 50

Glob = Annotated[
    str, Meta(min_length=1, max_length=64, description="A type of event; `*` stands for anything.")
]


class EndpointIn(Struct, frozen=True, forbid_unknown_fields=True):
    """A new endpoint: https, without credentials in the URL, at a public address."""

    url: Annotated[str, Meta(max_length=URL_MAX_LENGTH, examples=["https://example.com/hooks"])]
    events: Annotated[list[Glob], Meta(min_length=1, max_length=EVENTS_MAX)] = msgspec.field(
        default_factory=lambda: ["*"]
    )
    description: Annotated[str, Meta(max_length=500)] | None = None
    metadata: Metadata = {}
    format: Annotated[Wire, Meta(description="How events are written, signed and tried again.")] = (
        "standard"
    )


class WebhookEndpoint(Struct, frozen=True, kw_only=True):
    """Where events are sent. `disabled`: it answered 410 to `standard`, and nothing is sent to it
    any more. `provider`: it is told of this provider's payments only."""

    id: str
    object: Literal["webhook_endpoint"] = "webhook_endpoint"
    url: str
    events: list[str]
    format: Wire = "standard"
    provider: str | None
    state: str
    description: str | None
    metadata: dict[str, str]
    livemode: bool
    created: int


class CreatedWebhookEndpoint(WebhookEndpoint, frozen=True, kw_only=True):
    """The new endpoint. Its secret, which verifies what is sent to it, is shown only here."""

    secret: str


class DeletedWebhookEndpoint(Struct, frozen=True, kw_only=True):
    """The id of what was deleted."""

    id: str
    object: Literal["webhook_endpoint"] = "webhook_endpoint"
    deleted: Literal[True] = True


class DeliveryAttempt(Struct, frozen=True, kw_only=True):
    """One request. `error` says why there was no whole answer; `response` is the answer's start."""

    ordinal: int
    started: int
    duration_ms: int
    status_code: int | None
    error: str | None
    response: str | None


class WebhookDelivery(Struct, frozen=True, kw_only=True):
    """One event for one endpoint. `next_attempt` is null when nothing follows: it was delivered,
    `filtered` (the endpoint was deleted) or is `dead` (the last attempt failed)."""

    id: str
    object: Literal["webhook_delivery"] = "webhook_delivery"
    event: str
    event_type: str
    endpoint: str
    state: str
    attempts: list[DeliveryAttempt]
    next_attempt: int | None
    created: int
    settled: int | None


@post(
    "/v1/webhook_endpoints",
    operation_id="createWebhookEndpoint",
    before_request=vetting(EndpointIn),
)
async def create(
    data: EndpointIn,
    caller: Caller,
    gates: Gates,
    vault: Vault,
    outbound_policy: SkipValidation[Policy],
    origin: Origin,
    now: datetime,
    idempotency_key: IdempotencyHeader = None,
) -> Response[CreatedWebhookEndpoint]:
    """Registers an endpoint. Every event that matches is sent to it, until it answers 2xx."""
    events, metadata = list(dict.fromkeys(data.events)), Raw(canonical(data.metadata))
    wanted = commands.NewEndpoint(data.url, events, data.description, metadata, data.format)

    async def make(connection: Connection) -> Answer | Refused:
        made = await commands.create_endpoint(
            connection,
            vault,
            outbound_policy,
            caller.merchant_id,
            caller.actor,
            wanted,
            now,
            origin,
        )
        if isinstance(made, Refused):
            return made
        return Answer(201, encode(_show_created(made, wanted, data, caller, now)))

    digest = gates.digest("POST /v1/webhook_endpoints", canonical(data))
    answer = await gates.once(caller, idempotency_key, digest, now, make)
    if isinstance(answer, Refused):
        raise RefusedError(answer)
    headers = {name.decode(): value.decode() for name, value in answer.headers}
    return Response(
        cast("CreatedWebhookEndpoint", Raw(answer.body)),
        status_code=answer.status,
        headers=headers,
    )


def _show_created(
    made: commands.Created,
    wanted: commands.NewEndpoint,
    data: EndpointIn,
    caller: Caller,
    now: datetime,
) -> CreatedWebhookEndpoint:
    return CreatedWebhookEndpoint(
        id=ids.show("we", made.id),
        url=wanted.url,
        events=wanted.events,
        format=wanted.format,
        provider=None,
        state="enabled",
        description=wanted.description,
        metadata=data.metadata,
        livemode=caller.livemode,
        created=int(now.timestamp()),
        secret=made.secret,
    )


@get("/v1/webhook_endpoints", operation_id="listWebhookEndpoints")
async def list_endpoints(
    caller: Caller,
    pool: Pool,
    limit: queries.Limit = pages.LIMIT_DEFAULT,
    starting_after: queries.StartingAfter = None,
    ending_before: queries.EndingBefore = None,
) -> pages.ListOut[WebhookEndpoint]:
    """Endpoints, newest first."""
    page = pages.parse(limit, starting_after, ending_before, partial(ids.parse, "we"))
    if isinstance(page, Refused):
        raise RefusedError(page)
    shown, more = await store.list_endpoints(pool, caller.merchant_id, page)
    data = [_show_endpoint(endpoint, caller) for endpoint in shown]
    return pages.ListOut(data=data, has_more=more, url="/v1/webhook_endpoints")


@get("/v1/webhook_endpoints/{endpoint:str}", operation_id="retrieveWebhookEndpoint")
async def retrieve(endpoint: str, caller: Caller, pool: Pool) -> WebhookEndpoint:
    """One endpoint."""
    return _show_endpoint(await _find(pool, caller, endpoint), caller)


@delete(
    "/v1/webhook_endpoints/{endpoint:str}", operation_id="deleteWebhookEndpoint", status_code=200
)
async def remove(
    endpoint: str, caller: Caller, pool: Pool, origin: Origin, now: datetime
) -> DeletedWebhookEndpoint:
    """Deletes an endpoint. What was still to be delivered to it is not sent any more."""
    endpoint_id = _parse(endpoint)
    found = await commands.delete_endpoint(
        pool, caller.merchant_id, endpoint_id, caller.actor, now, origin
    )
    if not found:
        raise _not_found(endpoint)
    return DeletedWebhookEndpoint(id=endpoint)


@get("/v1/webhook_endpoints/{endpoint:str}/deliveries", operation_id="listWebhookDeliveries")
async def list_deliveries(
    endpoint: str,
    caller: Caller,
    pool: Pool,
    limit: queries.Limit = pages.LIMIT_DEFAULT,
    starting_after: queries.StartingAfter = None,
    ending_before: queries.EndingBefore = None,
) -> pages.ListOut[WebhookDelivery]:
    """What was sent to an endpoint, or will be, newest first; each with its attempts."""
    endpoint_id = (await _find(pool, caller, endpoint)).id
    read_id = partial(rules.parse_delivery, endpoint_id)
    page = pages.parse(limit, starting_after, ending_before, read_id)
    if isinstance(page, Refused):
        raise RefusedError(page)
    merchant_id = caller.merchant_id
    shown, more = await store.list_deliveries(pool, merchant_id, endpoint_id, page)
    event_ids = [delivery.event_id for delivery in shown]
    attempts: defaultdict[UUID, list[Attempt]] = defaultdict(list)
    for attempt in await store.attempts_of(pool, merchant_id, endpoint_id, event_ids):
        attempts[attempt.event_id].append(attempt)
    data = [_show_delivery(endpoint_id, each, attempts[each.event_id]) for each in shown]
    url = f"/v1/webhook_endpoints/{endpoint}/deliveries"
    return pages.ListOut(data=data, has_more=more, url=url)


async def _find(pool: Pool, caller: Caller, endpoint: str) -> Endpoint:
    found = await store.find_endpoint(pool, caller.merchant_id, _parse(endpoint))
    if found is None:
        raise _not_found(endpoint)
    return found


def _parse(endpoint: str) -> UUID:
    endpoint_id = ids.parse("we", endpoint)
    if endpoint_id is None:
        raise _not_found(endpoint)
    return endpoint_id


def _not_found(endpoint: str) -> RefusedError:
    return RefusedError(
        Refused("not_found", f"There is no webhook endpoint {endpoint}.", "endpoint")
    )


def _show_endpoint(endpoint: Endpoint, caller: Caller) -> WebhookEndpoint:
    return WebhookEndpoint(
        id=ids.show("we", endpoint.id),
        url=endpoint.url,
        events=endpoint.events,
        format=cast("Wire", endpoint.format),
        provider=endpoint.provider,
        state=endpoint.state,
        description=endpoint.description,
        metadata=msgspec.json.decode(endpoint.metadata, type=dict[str, str]),
        livemode=caller.livemode,
        created=int(endpoint.created_at.timestamp()),
    )


def _show_delivery(
    endpoint_id: UUID, delivery: Delivery, attempts: Iterable[Attempt]
) -> WebhookDelivery:
    settled = delivery.settled_at
    return WebhookDelivery(
        id=rules.show_delivery(delivery.event_id, endpoint_id),
        event=ids.show("evt", delivery.event_id),
        event_type=delivery.type,
        endpoint=ids.show("we", endpoint_id),
        state=delivery.state,
        attempts=[_show_attempt(attempt) for attempt in attempts],
        next_attempt=None if settled else int(delivery.due_at.timestamp()),
        created=int(delivery.created_at.timestamp()),
        settled=int(settled.timestamp()) if settled else None,
    )


def _show_attempt(attempt: Attempt) -> DeliveryAttempt:
    return DeliveryAttempt(
        ordinal=attempt.ordinal,
        started=int(attempt.started_at.timestamp()),
        duration_ms=attempt.duration_ms,
        status_code=attempt.status_code,
        error=attempt.error,
        response=attempt.response,
    )


routes = [create, list_endpoints, retrieve, remove, list_deliveries]
