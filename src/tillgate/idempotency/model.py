"""The gate's row, and its limits."""

from datetime import timedelta

from msgspec import Struct

from tillgate.engine.table import Bytes, Id, OptionalId, Smallint, Text, Time, table

KEY_MAX_CHARACTERS = 255
KEPT_FOR = timedelta(hours=24)
"""After this, the same key is new."""


@table("idempotency_keys", "merchant_id key", "digest object_id state status_code body created_at")
class IdempotencyKey(Struct, frozen=True):
    """`digest`: HMAC of method, path and canonical body. `body`: the answer's, as JSON text."""

    merchant_id: Id
    key: Text
    digest: Bytes
    object_id: OptionalId
    state: Text
    status_code: Smallint
    body: Text
    created_at: Time
