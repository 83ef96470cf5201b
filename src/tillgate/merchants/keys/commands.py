"""Changes of keys: configuration, so each runs in the caller's ordinary transaction, with its audit
line, and tells every process to forget what it knows of keys."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from tillgate.audit.store import HERE, Origin, write_line
from tillgate.events.live import CHANNEL
from tillgate.kit import crypto, ids
from tillgate.kit.db import Connection
from tillgate.kit.refusal import Refused
from tillgate.merchants.keys import rules
from tillgate.merchants.keys.model import OPERATOR, PREFIXES, Key, Kind, Rights
from tillgate.merchants.keys.store import CHANGED, UNKNOWN, find_key, sql

USABLE_MAX = 500
"""How many keys of a merchant may work at the same time."""

OVERLAP_MAX_S = 604_800
"""How long a key may go on beside the one that took its place: a week."""

LAST_FOR = timedelta(days=1)
"""A secret key is revoked only if another one works so long from now."""


class Change(NamedTuple):
    """Whose keys, who changes them, and when. `key_id` None: the operator, who may do all."""

    merchant_id: UUID
    actor: str
    key_id: UUID | None
    now: datetime
    origin: Origin = HERE


class NewKey(NamedTuple):
    """What a key shall be. Without `expires_at` it lasts as long as the key that makes it."""

    kind: Kind
    name: str | None = None
    scopes: list[str] | None = None
    expires_at: datetime | None = None


class Created(NamedTuple):
    """The text is shown once."""

    key: Key
    text: str


async def create_key(connection: Connection, change: Change, wanted: NewKey) -> Created | Refused:
    """Refused `permission_denied` for what its maker could not do itself."""
    rights = await _begin(connection, change)
    if isinstance(rights, Refused):
        return rights
    wanted = wanted._replace(expires_at=wanted.expires_at or rights.until)
    refused = rules.beyond(rights, wanted.kind, wanted.scopes) or rules.outlives(
        rights, wanted.expires_at
    )
    if refused is not None:
        return refused
    usable = await connection.fetchval(sql["count_usable"], change.merchant_id, change.now)
    if usable >= USABLE_MAX:
        return Refused("parameter_invalid", f"There are {USABLE_MAX} keys already; revoke some.")
    return await insert_key(connection, change, wanted)


async def update_key(
    connection: Connection, change: Change, key_id: UUID, name: str | None, scopes: list[str] | None
) -> Key | Refused:
    """Whatever is None stays as it is. Refused `not_found`, `key_state`, `permission_denied`, and
    `parameter_invalid` for scopes of a key that is not restricted."""
    rights, key = await _begin_with(connection, change, key_id)
    if isinstance(key, Refused):
        return key
    if scopes is not None and key.scopes is None:
        return Refused("parameter_invalid", f"A {key.kind} key has no scopes.", "scopes")
    refused = rules.beyond(rights, key.kind, scopes or key.scopes)
    if refused is not None:
        return refused
    after = key._replace(
        name=key.name if name is None else name or None, scopes=scopes or key.scopes
    )
    if after != key:
        await connection.execute(
            sql["update_key"], change.merchant_id, key_id, after.name, after.scopes
        )
        told = {"name": after.name, "scopes": after.scopes}
        await _end(connection, change, "key.update", key_id, told, {
            "name": key.name, "scopes": key.scopes,
        })  # fmt: skip
    return after


async def roll_key(
    connection: Connection, change: Change, key_id: UUID, overlap_s: int
) -> Created | Refused:
    """A new key with the same rights, that ends when the old one would have; the old one goes on
    for the overlap. Refused `not_found`, `key_state`, `permission_denied`."""
    rights, key = await _begin_with(connection, change, key_id)
    if isinstance(key, Refused):
        return key
    refused = rules.outlives(rights, key.expires_at)
    if refused is not None:
        return refused
    if key.rolled_to is not None:
        successor = ids.show("key", key.rolled_to)
        return Refused("key_state", f"{successor} has taken this key's place already.", "key")
    wanted = NewKey(key.kind, key.name, key.scopes, key.expires_at)
    made = await insert_key(connection, change, wanted)
    end = change.now + timedelta(seconds=overlap_s)
    end = min(end, key.expires_at or end)
    await connection.execute(sql["retire_key"], change.merchant_id, key_id, end, made.key.id)
    told = {"expires_at": int(end.timestamp()), "rolled_to": ids.show("key", made.key.id)}
    await _end(connection, change, "key.roll", key_id, told)
    return made


async def revoke_key(connection: Connection, change: Change, key_id: UUID) -> Key | Refused:
    """From now on the key opens nothing. What is revoked stays so, and shown as it is. Refused
    `not_found`, `permission_denied`, and `key_state` for a merchant's last secret key."""
    _, key = await _begin_with(connection, change, key_id, ended_too=True)
    if isinstance(key, Refused) or key.revoked_at is not None:
        return key
    if key.kind == "secret" and change.key_id is not None and key.status(change.now) == "active":
        rest = change.merchant_id, key_id, change.now + LAST_FOR
        if not await connection.fetchval(sql["another_secret"], *rest):
            message = "No other secret key works a day from now: make another one, or roll this."
            return Refused("key_state", message, "key")
    await connection.execute(sql["revoke_key"], change.merchant_id, key_id, change.now)
    await _end(connection, change, "key.revoke", key_id, {"hint": key.hint})
    return key._replace(revoked_at=change.now)


async def insert_key(
    connection: Connection, change: Change, wanted: NewKey, own: str | None = None
) -> Created:
    """Writes a key that somebody may make. `own`: its text, which was set by hand."""
    livemode = await connection.fetchval(sql["lock_merchant"], change.merchant_id)
    prefix = f"{PREFIXES[wanted.kind]}_{'live' if livemode else 'test'}_"
    text = own or crypto.mint_key(prefix)
    key = Key(
        ids.mint(), wanted.kind, wanted.name, f"{prefix}…{text[-4:]}", wanted.scopes, change.now,
        wanted.expires_at,
    )  # fmt: skip
    await connection.execute(
        sql["create_key"], change.merchant_id, key.id, key.kind, key.name, key.hint, key.scopes,
        key.created_at, key.expires_at, crypto.sha256(text.encode()),
    )  # fmt: skip
    told = {"kind": key.kind, "hint": key.hint} | _present(
        name=key.name,
        scopes=key.scopes,
        expires_at=int(key.expires_at.timestamp()) if key.expires_at else None,
    )
    await _end(connection, change, "key.create", key.id, told)
    return Created(key, text)


async def set_key(connection: Connection, change: Change, kind: Kind, name: str, text: str) -> None:
    """Makes this text, which somebody chose by hand, the one key of this kind and name. Raises
    asyncpg.UniqueViolationError when it is a key already, of somebody else or another name."""
    await connection.execute(sql["lock_merchant"], change.merchant_id)
    digest = crypto.sha256(text.encode())
    found = await connection.fetch(sql["named"], change.merchant_id, kind, name)
    for row in found:
        if row["revoked_at"] is None and row["digest"] != digest:
            await revoke_key(connection, change, row["id"])
    same = next((row for row in found if row["digest"] == digest), None)
    if same is None:
        await insert_key(connection, change, NewKey(kind, name), own=text)
    elif same["revoked_at"] is not None:
        await connection.execute(sql["restore_key"], change.merchant_id, same["id"])
        await _end(connection, change, "key.restore", same["id"], {"kind": kind, "name": name})


def _present(**members: object) -> dict[str, object]:
    return {name: value for name, value in members.items() if value is not None}


async def _begin(connection: Connection, change: Change) -> Rights | Refused:
    """Makes changes of this merchant's keys wait for each other; then what the changing key may
    do, read anew: the request may have come while it was revoked or narrowed."""
    await connection.execute(sql["lock_merchant"], change.merchant_id)
    if change.key_id is None:
        return OPERATOR
    own = await find_key(connection, change.merchant_id, change.key_id)
    if own is None or own.status(change.now) != "active":
        return UNKNOWN
    return rules.rights_of(own)


async def _begin_with(
    connection: Connection, change: Change, key_id: UUID, *, ended_too: bool = False
) -> tuple[Rights, Key | Refused]:
    """The same with the key that is changed, which the changing key must have power over."""
    rights = await _begin(connection, change)
    if isinstance(rights, Refused):
        return OPERATOR, rights
    key = await find_key(connection, change.merchant_id, key_id)
    if key is None:
        return rights, no_key(ids.show("key", key_id))
    if not ended_too and key.status(change.now) != "active":
        return rights, Refused("key_state", f"This key is {key.status(change.now)}.", "key")
    return rights, rules.beyond(rights, key.kind, key.scopes) or key


def no_key(text: str) -> Refused:
    return Refused("not_found", f"There is no key {text}.", "key")


async def _end(
    connection: Connection,
    change: Change,
    action: str,
    key_id: UUID,
    after: Mapping[str, object],
    before: Mapping[str, object] | None = None,
) -> None:
    await write_line(
        connection, change.merchant_id, change.actor, action, key_id, after, change.now,
        change.origin, before,
    )  # fmt: skip
    await connection.execute(sql["announce"], CHANNEL, CHANGED.hex)
