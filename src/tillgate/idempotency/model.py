"""The gate's row, its limits, and what it says."""

import re
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct

from tillgate.engine.table import Bytes, Id, OptionalId, Smallint, Text, Time, table
from tillgate.kit.refusal import Refused

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


class UnderWay(NamedTuple):
    """A command's answer when its wish is committed and a processor must be heard first: the gate
    stays open until the answer is known. `operations` are to be submitted now."""

    operations: tuple[UUID, ...]


LEASE = timedelta(seconds=30)
"""How long an open gate is left to the request that opened it."""

IN_USE = Refused(
    "idempotency_key_in_use",
    "A request with this Idempotency-Key is still being carried out. Try again shortly.",
    "Idempotency-Key",
)

REUSED = Refused(
    "idempotency_key_reused",
    "This Idempotency-Key was used before with other parameters.",
    "Idempotency-Key",
)
WHATEVER = bytes(32)
"""Stands for a digest where the key alone says which answer is given."""

REPLAYED = ((b"idempotent-replayed", b"true"),)
_KEY = re.compile(rf"[\x21-\x7e]{{1,{KEY_MAX_CHARACTERS}}}")


def vet_key(key: str) -> Refused | None:
    """Whether a client may use this as its Idempotency-Key."""
    if _KEY.fullmatch(key):
        return None
    return Refused(
        "parameter_invalid",
        f"Idempotency-Key is 1 to {KEY_MAX_CHARACTERS} visible ASCII characters.",
        "Idempotency-Key",
    )
