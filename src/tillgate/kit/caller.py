"""Who is calling: set by the middleware that `main` installs, read by every room's `api`."""

from uuid import UUID

from msgspec import Struct


class Caller(Struct, frozen=True):
    """The merchant, and the key that speaks for it."""

    merchant_id: UUID
    key_id: UUID
    livemode: bool
    # `secret`: everything; `publishable`: opening a checkout; else what the key may do, each
    # as `payments:read`
    scopes: frozenset[str]
    actor: str  # as the audit names it: `key_…`

    def may(self, scope: str) -> bool:
        """`payments:read`: whether this key may do that."""
        return scope in self.scopes or "secret" in self.scopes


def needed_scope(path: str, method: str) -> str:
    """What a route of `/v1` asks for: `GET /v1/payments/pay_…` is `payments:read`; whatever is
    no GET writes. So a new route needs no entry anywhere."""
    room = path.split("/", 3)[2]
    return f"{room}:{'read' if method in {'GET', 'HEAD'} else 'write'}"
