"""Changes of services: configuration, so each runs in the caller's ordinary transaction, with its
audit line. Those of providers are in `providing`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from msgspec import Raw

from tillgate.audit.store import HERE, Origin, write_line
from tillgate.catalog.model import Service
from tillgate.catalog.rules import slug_of
from tillgate.catalog.store import find_service, service_by_slug, sql
from tillgate.kit import ids
from tillgate.kit.db import Connection
from tillgate.kit.metadata import merged
from tillgate.kit.money import find_asset
from tillgate.kit.refusal import Refused

SERVICES_MAX = 1000
"""How many a merchant may have."""


class Change(NamedTuple):
    """Whose catalog, who changes it, and when."""

    merchant_id: UUID
    actor: str
    now: datetime
    origin: Origin = HERE


def new_service(title: str, price: int, currency: str, now: datetime) -> Service:
    """A service with nothing but its price; an empty slug becomes one of its title."""
    return Service(
        ids.mint(), title, "", None, price, currency, None, None, [], "published", None,
        Raw(b"{}"), now, now,
    )  # fmt: skip


async def create_service(
    connection: Connection, change: Change, wanted: Service
) -> Service | Refused:
    """Refused `parameter_invalid`: an unknown currency, a slug that is taken, too many services."""
    await connection.execute(sql["lock_merchant"], change.merchant_id)
    count = await connection.fetchval(sql["count_services"], change.merchant_id)
    if count >= SERVICES_MAX:
        return Refused("parameter_invalid", f"There are {SERVICES_MAX} services already.")
    slug = wanted.slug or slug_of(wanted.title) or spare("svc", wanted.id)
    service = await _vetted(connection, change, wanted._replace(slug=slug))
    if isinstance(service, Refused):
        return service
    await connection.execute(sql["create_service"], change.merchant_id, *service)
    await audit(connection, change, "service.create", service.id, None, _told(service))
    return service


async def change_service(
    connection: Connection,
    change: Change,
    service_id: UUID,
    members: Mapping[str, Any],
    metadata: Mapping[str, str],
) -> Service | Refused:
    """`members` become what they say, `metadata` is merged. Refused as above, and `not_found`."""
    await connection.execute(sql["lock_merchant"], change.merchant_id)
    before = await find_service(connection, change.merchant_id, service_id)
    if before is None:
        return no_service(ids.show("svc", service_id))
    kept = merged(before.metadata, metadata)
    if isinstance(kept, Refused):
        return kept
    after = await _vetted(connection, change, before._replace(**members, metadata=kept))
    if isinstance(after, Refused) or after == before:
        return after
    after = after._replace(updated_at=change.now)
    await connection.execute(
        sql["change_service"], change.merchant_id, after.id, after.title, after.slug,
        after.description, after.price, after.asset, after.price_unit, after.icon, after.features,
        after.status, after.stripe_buy_button_id, after.metadata, after.updated_at,
    )  # fmt: skip
    told = differing(_told(before), _told(after))
    await audit(connection, change, "service.update", after.id, *told)
    return after


def no_service(text: str) -> Refused:
    return Refused("not_found", f"There is no service {text}.", "service")


def taken(slug: str) -> Refused:
    return Refused("parameter_invalid", f"The slug {slug} is taken; give another one.", "slug")


def spare(prefix: str, own_id: UUID) -> str:
    """The slug of what has no letters to make one of: its id."""
    return ids.show(prefix, own_id).replace("_", "-")


def differing(
    before: dict[str, Any], after: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Of both what is not the same in the other."""
    names = [name for name in after if after[name] != before[name]]
    return {name: before[name] for name in names}, {name: after[name] for name in names}


async def _vetted(connection: Connection, change: Change, wanted: Service) -> Service | Refused:
    """What types do not say."""
    if not wanted.title.isprintable():
        return Refused("parameter_invalid", "title has unprintable characters.", "title")
    asset = find_asset(wanted.asset)
    if asset is None:
        words = f"This currency is unknown: {wanted.asset}."
        return Refused("parameter_invalid", words, "currency")
    other = await service_by_slug(connection, change.merchant_id, wanted.slug)
    if other is not None and other.id != wanted.id:
        return taken(wanted.slug)
    return wanted._replace(asset=asset)


def _told(service: Service) -> dict[str, Any]:
    """As the audit tells it."""
    told = service._asdict() | {"metadata": msgspec.json.decode(service.metadata)}
    told["currency"] = told.pop("asset")
    left_out = ("id", "created_at", "updated_at")
    return {name: value for name, value in told.items() if name not in left_out}


async def audit(
    connection: Connection,
    change: Change,
    action: str,
    object_id: UUID,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any],
) -> None:
    await write_line(
        connection, change.merchant_id, change.actor, action, object_id, after, change.now,
        change.origin, before,
    )  # fmt: skip
