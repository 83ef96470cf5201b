"""Changes of endpoints: configuration, so each is one ordinary statement, row and audit line."""

from datetime import datetime
from typing import NamedTuple, cast
from uuid import UUID

from msgspec import Raw

from tillgate.audit.store import HERE, Origin
from tillgate.events.catalogue import API_VERSION, TYPES
from tillgate.kit import chance, ids
from tillgate.kit.crypto import Vault
from tillgate.kit.db import Connection, Pool
from tillgate.kit.http import encode
from tillgate.kit.networks import Policy, vet_url
from tillgate.kit.refusal import Refused
from tillgate.webhooks import rules
from tillgate.webhooks.formats import FORMATS, Format, Wire
from tillgate.webhooks.store import Endpoint, seal_secrets, sql

ENDPOINTS_MAX = 100
"""How many endpoints a merchant may have: each multiplies the work of every event."""

SETTLED_MAX = 1000
"""How many open deliveries a deletion settles itself; the worker settles the rest."""


class NewEndpoint(NamedTuple):
    """What an endpoint shall be; `metadata` is a JSON object of texts. `provider`: only what is
    about this provider's payments is sent there. `secret`: instead of a new one."""

    url: str
    events: list[str]
    description: str | None = None
    metadata: Raw = Raw(b"{}")
    format: Wire = "standard"
    provider: str | None = None
    secret: str | None = None


class Created(NamedTuple):
    """The secret is shown once: only its sealed form is kept."""

    id: UUID
    secret: str


async def create_endpoint(
    database: Pool | Connection,
    vault: Vault,
    policy: Policy,
    merchant_id: UUID,
    actor: str,
    wanted: NewEndpoint,
    now: datetime,
    origin: Origin = HERE,
) -> Created | Refused:
    """Refused `url_refused`, or `parameter_invalid`: no such events, or too many endpoints."""
    form = FORMATS[wanted.format]
    refused = vet_url(wanted.url, policy) or _vet_events(wanted.events, form)
    if refused:
        return refused
    endpoint_id = ids.mint()
    secret = wanted.secret or form.secret(chance.secret(rules.SECRET_BYTES))
    sealed = seal_secrets(vault, merchant_id, endpoint_id, [secret])
    patterns = rules.patterns(wanted.events, form.names)
    made = await database.fetchrow(
        sql["create_endpoint"], merchant_id, endpoint_id, wanted.url, wanted.events, patterns,
        sealed, wanted.description, wanted.metadata, ENDPOINTS_MAX,
        ids.mint(), actor, origin.ip, origin.request_id, API_VERSION, now, wanted.format,
        wanted.provider,
    )  # fmt: skip
    if made is None:
        return Refused("parameter_invalid", f"There are {ENDPOINTS_MAX} endpoints already.")
    return Created(endpoint_id, secret)


async def move_endpoint(
    database: Pool | Connection,
    policy: Policy,
    merchant_id: UUID,
    endpoint_id: UUID,
    url: str,
    actor: str,
    now: datetime,
    origin: Origin = HERE,
) -> bool | Refused:
    """Whether there was one. Secrets stay, and what is still to be delivered goes to the new URL.

    Refused `url_refused`.
    """
    refused = vet_url(url, policy)
    if refused:
        return refused
    moved = await database.fetchrow(
        sql["move_endpoint"], merchant_id, endpoint_id, url, now,
        ids.mint(), actor, origin.ip, origin.request_id,
    )  # fmt: skip
    return moved is not None


async def renew_secret(
    database: Pool | Connection,
    vault: Vault,
    merchant_id: UUID,
    endpoint: Endpoint,
    actor: str,
    now: datetime,
    origin: Origin = HERE,
) -> str | None:
    """The new secret, in place of all that there were, at once; None when there is no endpoint."""
    form = FORMATS[cast("Wire", endpoint.format)]
    secret = form.secret(chance.secret(rules.SECRET_BYTES))
    sealed = seal_secrets(vault, merchant_id, endpoint.id, [secret])
    renewed = await database.fetchrow(
        sql["renew_secret"], merchant_id, endpoint.id, sealed, now,
        ids.mint(), actor, origin.ip, origin.request_id,
    )  # fmt: skip
    return secret if renewed is not None else None


async def send_anew(
    database: Pool | Connection,
    merchant_id: UUID,
    endpoint_id: UUID,
    event_id: UUID,
    actor: str,
    now: datetime,
    origin: Origin = HERE,
) -> bool:
    """Whether there was such a delivery: a worker sends it now, from the first attempt on."""
    again = await database.fetchrow(
        sql["send_anew"], merchant_id, endpoint_id, event_id, now,
        ids.mint(), actor, origin.ip, origin.request_id,
    )  # fmt: skip
    return again is not None


async def send_test(
    database: Pool | Connection,
    merchant_id: UUID,
    endpoint_id: UUID,
    actor: str,
    now: datetime,
    origin: Origin = HERE,
) -> UUID | None:
    """The id of an event `webhook.test` that goes to this endpoint alone; None: it takes none."""
    shown = {"id": ids.show("we", endpoint_id), "object": "webhook_endpoint"}
    event_id = ids.mint()
    sent = await database.fetchrow(
        sql["send_test"], merchant_id, endpoint_id, event_id, Raw(encode(shown)), API_VERSION, now,
        ids.mint(), actor, origin.ip, origin.request_id,
    )  # fmt: skip
    return event_id if sent is not None else None


async def delete_endpoint(
    database: Pool | Connection,
    merchant_id: UUID,
    endpoint_id: UUID,
    actor: str,
    now: datetime,
    origin: Origin = HERE,
) -> bool:
    """Whether there was one. What was still to be delivered to it ends as `filtered`."""
    gone = await database.fetchrow(
        sql["delete_endpoint"], merchant_id, endpoint_id, now, SETTLED_MAX,
        ids.mint(), actor, origin.ip, origin.request_id,
    )  # fmt: skip
    return gone is not None


def _vet_events(globs: list[str], form: Format) -> Refused | None:
    stranger = rules.unknown(globs, form.names or TYPES)
    if stranger is None:
        return None
    return Refused("parameter_invalid", f"No type of event is called {stranger!r}.", "events")
