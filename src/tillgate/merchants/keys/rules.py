"""What keys may do, and that none makes another that may do more, or lasts longer, than itself."""

from collections.abc import Iterable
from datetime import datetime

from tillgate.kit.refusal import Refused
from tillgate.merchants.keys.model import Key, Rights

ALL = "*"


def granted(kind: str, scopes: Iterable[str] | None) -> frozenset[str]:
    """What a `Caller` with this key may do: `payments:*` is both of its rights, and a key that is
    not restricted is its kind."""
    return frozenset([kind]) if scopes is None else frozenset(_spread(scopes))


def _spread(scopes: Iterable[str]) -> Iterable[str]:
    for scope in scopes:
        room, _, right = scope.partition(":")
        yield from (f"{room}:read", f"{room}:write") if right == ALL else (scope,)


def rights_of(key: Key) -> Rights:
    every = None if key.kind == "secret" else granted(key.kind, key.scopes)
    return Rights(every, key.expires_at)


def beyond(rights: Rights, kind: str, scopes: Iterable[str] | None) -> Refused | None:
    """Refused `permission_denied` where a key may do what these rights do not hold."""
    if rights.scopes is None:
        return None
    if scopes is None:
        message = f"A restricted key has no power over {kind} keys."
        return Refused("permission_denied", message, "kind")
    lacking = min(granted(kind, scopes) - rights.scopes, default=None)
    if lacking is None:
        return None
    message = f"This key may not do {lacking} itself, so it has no power over keys that may."
    return Refused("permission_denied", message, "scopes")


def outlives(rights: Rights, expires_at: datetime | None) -> Refused | None:
    """Refused `permission_denied` where a key would last longer than these rights."""
    if rights.until is None or (expires_at is not None and expires_at <= rights.until):
        return None
    return Refused("permission_denied", "No key outlives the one that makes it.", "expires_at")


def vet_scopes(kind: str, scopes: Iterable[str] | None, rooms: frozenset[str]) -> Refused | None:
    """A restricted key has scopes, the others have none; `rooms` are those of the API."""
    if scopes is None:
        if kind != "restricted":
            return None
        return Refused("parameter_missing", "A restricted key needs scopes.", "scopes")
    if kind != "restricted":
        return Refused("parameter_invalid", f"A {kind} key has no scopes.", "scopes")
    strange = next((s for s in scopes if s.partition(":")[0] not in rooms), None)
    if strange is None:
        return None
    message = f"There is nothing that {strange} would open; known are {', '.join(sorted(rooms))}."
    return Refused("parameter_invalid", message, "scopes")
