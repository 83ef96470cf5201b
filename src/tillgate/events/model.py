"""The event's row."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from msgspec import Raw, Struct

from tillgate.engine.table import Id, Json, OptionalText, Text, Time, table
from tillgate.events.catalogue import API_VERSION


@table("events", "merchant_id id")
class Event(Struct, frozen=True):
    """`data`: the object as it was then, as the exact JSON text that is signed and shown."""

    merchant_id: Id
    id: Id
    type: Text
    object_id: Id
    data: Json
    api_version: Text
    request_id: OptionalText
    created_at: Time


def event(
    kind: str, merchant_id: UUID, object_id: UUID, data: bytes, ids: Iterator[UUID], now: datetime,
    request_id: str | None = None,
) -> Event:  # fmt: skip
    return Event(merchant_id, next(ids), kind, object_id, Raw(data), API_VERSION, request_id, now)
