"""`tillgate key …`: what an operator does with a merchant's keys. Everything is allowed: whoever
has the database needs no key."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar, cast

import msgspec

from tillgate.cli.failure import Failure
from tillgate.cli.merchant import connected
from tillgate.kit import clock, ids
from tillgate.kit.db import Connection
from tillgate.kit.pages import NEWEST
from tillgate.kit.refusal import Refused
from tillgate.merchants.keys.commands import Change, Created, NewKey, create_key, no_key, revoke_key
from tillgate.merchants.keys.model import NAME_MAX_CHARACTERS, PREFIXES, Key, Kind
from tillgate.merchants.keys.store import sql

T = TypeVar("T", Created, Key)

SHOWN_MAX = 100
SCOPE = re.compile(r"[a-z_]{1,50}:(read|write|\*)")


async def create(
    merchant: str,
    kind: str,
    name: str | None,
    scopes: list[str] | None,
    environ: Mapping[str, str],
    data: Path,
) -> Created:
    """Raises Failure."""
    if kind not in PREFIXES:
        raise Failure(f"A key is one of {', '.join(PREFIXES)}.")
    if (scopes is not None) != (kind == "restricted"):
        raise Failure("A restricted key needs scopes (--scope payments:read), no other has any.")
    strange = next((scope for scope in scopes or () if not SCOPE.fullmatch(scope)), None)
    if strange is not None:
        raise Failure(f"{strange} is no scope: `payments:read`, `refunds:write`, `events:*`.")
    if not 1 <= len(name or "-") <= NAME_MAX_CHARACTERS:
        raise Failure(f"A name has 1 to {NAME_MAX_CHARACTERS} characters.")
    wanted = NewKey(cast("Kind", kind), name, sorted(set(scopes)) if scopes else None)
    async with connected(environ, data) as (connection, _), connection.transaction():
        change = await _change(connection, merchant)
        return _granted(await create_key(connection, change, wanted))


async def read(merchant: str, environ: Mapping[str, str], data: Path) -> list[Key]:
    """The newest ones. Raises Failure."""
    async with connected(environ, data) as (connection, _):
        merchant_id = (await _change(connection, merchant)).merchant_id
        rows = await connection.fetch(sql["older"], merchant_id, NEWEST, SHOWN_MAX)
    return [Key(*row) for row in rows]


async def revoke(merchant: str, key: str, environ: Mapping[str, str], data: Path) -> None:
    """Raises Failure."""
    async with connected(environ, data) as (connection, _), connection.transaction():
        change, key_id = await _change(connection, merchant), ids.parse("key", key)
        _granted(await revoke_key(connection, change, key_id) if key_id else no_key(key))


def show_created(made: Created, *, as_json: bool) -> str:
    if as_json:
        return msgspec.json.encode({**_told(made.key), "key": made.text}).decode() + "\n"
    return f"{ids.show('key', made.key.id)}  {made.text}\nThe key is shown this once.\n"


def show(keys: list[Key], *, as_json: bool) -> str:
    """A line for each."""
    if as_json:
        return "".join(msgspec.json.encode(_told(key)).decode() + "\n" for key in keys)
    now = clock.now()
    return "".join(
        f"{ids.show('key', key.id)}  {key.hint:<14} {key.status(now):<8} "
        f"{' '.join([key.name or '', *(key.scopes or [])]).strip()}".rstrip()
        + "\n"
        for key in keys
    )


def _told(key: Key) -> dict[str, object]:
    return {
        "id": ids.show("key", key.id),
        "kind": key.kind,
        "name": key.name,
        "hint": key.hint,
        "scopes": key.scopes,
        "status": key.status(clock.now()),
    }


async def _change(connection: Connection, merchant: str) -> Change:
    merchant_id = ids.parse("mer", merchant)
    if merchant_id is None or not await connection.fetchrow(sql["lock_merchant"], merchant_id):
        raise Failure(f"There is no merchant {merchant}.")
    return Change(merchant_id, "cli", None, clock.now())


def _granted(done: T | Refused) -> T:
    if isinstance(done, Refused):
        raise Failure(done.message)
    return done
