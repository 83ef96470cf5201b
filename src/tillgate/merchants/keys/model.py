"""A key as it is kept. Its text is nowhere: only a digest, and a hint to know it by."""

from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

Kind = Literal["secret", "publishable", "restricted"]
Status = Literal["active", "expired", "revoked"]

PREFIXES: dict[str, str] = {"secret": "sk", "publishable": "pk", "restricted": "rk"}
"""How the text of a key begins: `sk_test_…`, `rk_live_…`."""

NAME_MAX_CHARACTERS = 100


class Key(NamedTuple):
    """`scopes`: what a restricted key may do; None for the others. `rolled_to`: its successor."""

    id: UUID
    kind: Kind
    name: str | None
    hint: str
    scopes: list[str] | None
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    rolled_to: UUID | None = None
    last_used_at: datetime | None = None

    def status(self, now: datetime) -> Status:
        if self.revoked_at is not None:
            return "revoked"
        ended = self.expires_at is not None and self.expires_at <= now
        return "expired" if ended else "active"


class Rights(NamedTuple):
    """What somebody may do with keys. `scopes` None: everything; `until` None: for good."""

    scopes: frozenset[str] | None = None
    until: datetime | None = None


OPERATOR = Rights()
"""Who has the database may do everything."""
