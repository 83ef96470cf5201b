"""Who is calling: set by the middleware that `main` installs, read by every room's `api`."""

from uuid import UUID

from msgspec import Struct


class Caller(Struct, frozen=True):
    """The merchant, and the key that speaks for it."""

    merchant_id: UUID
    key_id: UUID
    livemode: bool
    scopes: frozenset[str]  # `secret`: everything; `publishable`: opening a checkout
    actor: str  # as the audit names it: `key_…`
