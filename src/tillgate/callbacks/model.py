"""The rows of inbound messages."""

from msgspec import Struct

from tillgate.engine.table import (
    Bytes,
    Id,
    Json,
    OptionalId,
    OptionalText,
    OptionalTime,
    Smallint,
    Text,
    Time,
    table,
)


@table("callbacks", "merchant_id id", "payment_id state effect attempts due_at")
class Callback(Struct, frozen=True):
    """`state`: `pending` (waits to be applied), `processed`, or `failed` (a dead letter).
    `effect`: in a word, what it did. `hint`: the charge to look up, where the message itself proves
    nothing."""

    merchant_id: Id
    id: Id
    connection_id: Id
    event_key: Text
    payment_id: OptionalId
    state: Text
    effect: Text
    headers: Json
    raw: Bytes
    attempts: Smallint
    due_at: OptionalTime
    received_at: Time
    hint: OptionalText = None


@table("seen_callbacks", "merchant_id connection_id event_key")
class SeenCallback(Struct, frozen=True):
    """The gate: a processor's event is applied once. Kept for good. A hint does not enter it: else
    whoever makes one up could silence the genuine message of that name."""

    merchant_id: Id
    connection_id: Id
    event_key: Text
    callback_id: Id
