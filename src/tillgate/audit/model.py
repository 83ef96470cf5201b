"""The audit's row. Secrets never enter it."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple, cast
from uuid import UUID

from msgspec import Raw, Struct

from tillgate.engine.table import Id, OptionalJson, OptionalText, Text, Time, table
from tillgate.kit.http import encode


@table("audit", "merchant_id id")
class AuditLine(Struct, frozen=True):
    """`actor`: the key (`key_…`) or worker; `action`: `payment.create`; `before` and `after`: what
    changed, as JSON."""

    merchant_id: Id
    id: Id
    actor: Text
    action: Text
    object_id: Id
    before: OptionalJson
    after: OptionalJson
    ip: OptionalText
    request_id: OptionalText
    at: Time


class Owner(NamedTuple):
    """Whose rows, and who asks, as events and the audit name them."""

    merchant_id: UUID
    livemode: bool
    actor: str
    ip: str | None = None
    request_id: str | None = None


class Owned(Struct, frozen=True):
    """A command for one merchant."""

    owner: Owner

    @property
    def merchant_id(self) -> UUID:
        return self.owner.merchant_id


def line(
    owner: Owner,
    action: str,
    object_id: UUID,
    following: Iterator[UUID],
    now: datetime,
    *,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> AuditLine:
    """The line of one change. Its id is the next of `following`."""
    return AuditLine(
        owner.merchant_id, next(following), owner.actor, action, object_id, told(before),
        told(after), owner.ip, owner.request_id, now,
    )  # fmt: skip


SECRETS = ("secret", "credential", "password", "token", "authorization", "digest")
"""What the name of a member that holds one contains."""

REDACTED = "[redacted]"


def told(members: Mapping[str, object] | None) -> Raw | None:
    """What changed, as JSON; of secrets only that they did."""
    if members is None:
        return None
    return Raw(encode({name: _safe(name, value) for name, value in members.items()}))


def _safe(name: str, value: object) -> object:
    if any(word in name.lower() for word in SECRETS):
        return REDACTED
    if isinstance(value, Mapping):
        inner = cast("Mapping[str, object]", value)
        return {key: _safe(key, part) for key, part in inner.items()}
    if isinstance(value, list | tuple):
        return [_safe(name, part) for part in cast("list[object]", value)]
    return value


PREFIXES = {
    "callback": "cb",
    "connection": "con",
    "hold": "hold",
    "key": "key",
    "merchant": "mer",
    "order": "ord",
    "payment": "pay",
    "provider": "prov",
    "refund": "re",
    "service": "svc",
    "test_clock": "clock",
    "wallet": "tr",
    "webhook_endpoint": "we",
}
OF_ACCOUNTS = {"wallet.freeze", "wallet.unfreeze", "wallet.limits"}


def object_prefix(action: str) -> str:
    """How the id of what an action is done to begins."""
    return "acc" if action in OF_ACCOUNTS else PREFIXES[action.partition(".")[0]]
