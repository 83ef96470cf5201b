"""`/v1/keys`: a merchant's keys, made, rolled and revoked."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Request, Response, Router, delete, get, post
from litestar.di import Provide
from msgspec import Meta, Raw, Struct
from msgspec.structs import asdict

from tillgate.audit.store import Origin
from tillgate.idempotency.api import IdempotencyHeader
from tillgate.idempotency.store import Gates
from tillgate.kit import ids, pages, queries
from tillgate.kit.caller import Caller
from tillgate.kit.canonical import canonical
from tillgate.kit.db import Connection, Pool
from tillgate.kit.http import Answer, encode
from tillgate.kit.queries import vetting
from tillgate.kit.refusal import Refused, RefusedError
from tillgate.merchants.keys import commands, rules, store
from tillgate.merchants.keys.commands import OVERLAP_MAX_S, Change, Created, NewKey, no_key
from tillgate.merchants.keys.model import NAME_MAX_CHARACTERS, Key, Kind
from tillgate.merchants.keys.store import Keys

EXPIRES_MIN_S, EXPIRES_MAX_S = 60, 10 * 365 * 86_400
SCOPES_MAX = 100

KeyScope = Annotated[
    str, Meta(max_length=64, pattern=r"^[a-z_]+:(read|write|\*)\Z", description="`payments:read`.")
]
Scopes = Annotated[list[KeyScope], Meta(min_length=1, max_length=SCOPES_MAX)]
KeyName = Annotated[str, Meta(max_length=NAME_MAX_CHARACTERS, description="To know it by.")]
Unix = Annotated[int, Meta(ge=0, le=253_402_300_799, description="Unix seconds.")]


class KeyIn(Struct, frozen=True, forbid_unknown_fields=True):
    """What a new key shall be. Only a restricted key has scopes, and it needs some. It ends at
    `expires_at`, or after `expires_in_s`; without either, with the key that makes it."""

    kind: Kind
    name: KeyName | None = None
    scopes: Scopes | None = None
    expires_at: Unix | None = None
    expires_in_s: Annotated[int, Meta(ge=EXPIRES_MIN_S, le=EXPIRES_MAX_S)] | None = None


class KeyChangeIn(Struct, frozen=True, forbid_unknown_fields=True):
    """What shall be otherwise; an empty name takes it away."""

    name: KeyName | None = None
    scopes: Scopes | None = None


class RollIn(Struct, frozen=True, forbid_unknown_fields=True):
    """How long the old key goes on; without it, not at all."""

    overlap_s: Annotated[int, Meta(ge=0, le=OVERLAP_MAX_S)] = 0


class KeyObject(Struct, frozen=True, kw_only=True):
    """A key, without its text. `hint` shows its beginning and end; `last_used_at` is a minute late
    at most; `rolled_to` is the key that took its place."""

    id: str
    object: Literal["key"] = "key"
    kind: Kind
    name: str | None
    hint: str
    scopes: list[str] | None
    status: Literal["active", "expired", "revoked"]
    livemode: bool
    created: int
    expires_at: int | None
    last_used_at: int | None
    revoked_at: int | None
    rolled_to: str | None


class CreatedKey(KeyObject, frozen=True, kw_only=True):
    """The new key. `key` is its text, which is shown only here."""

    key: str


class Locksmith:
    """Makes one request's change, once for each Idempotency-Key."""

    def __init__(
        self,
        gates: Gates,
        keys: Keys,
        caller: Caller,
        origin: Origin,
        now: datetime,
        idempotency_key: IdempotencyHeader = None,
    ) -> None:
        self._gates = gates
        self._keys = keys
        self._caller = caller
        self._change = Change(caller.merchant_id, caller.actor, caller.key_id, now, origin)
        self._idempotency_key = idempotency_key

    async def run(
        self,
        route: str,
        data: Struct,
        status: int,
        work: Callable[[Connection, Change], Awaitable[Key | Created | Refused]],
    ) -> Response[Any]:
        """Raises RefusedError."""

        async def change(connection: Connection) -> Answer | Refused:
            done = await work(connection, self._change)
            return done if isinstance(done, Refused) else Answer(status, encode(self._show(done)))

        # The maker is part of the wish: a weaker key must not be told a stronger one's new key.
        wish = f"{route} {self._caller.key_id}"
        now, digest = self._change.now, self._gates.digest(wish, canonical(data))
        answer = await self._gates.once(self._caller, self._idempotency_key, digest, now, change)
        if isinstance(answer, Refused):
            raise RefusedError(answer)
        self._keys.forget()
        headers = {name.decode(): value.decode() for name, value in answer.headers}
        return Response(Raw(answer.body), status_code=answer.status, headers=headers)

    def _show(self, done: Key | Created) -> KeyObject:
        if isinstance(done, Key):
            return _show(done, self._caller, self._change.now)
        shown = _show(done.key, self._caller, self._change.now)
        return CreatedKey(**asdict(shown), key=done.text)


@post("/v1/keys", operation_id="createKey", before_request=vetting(KeyIn))
async def create(
    data: KeyIn, request: Request[Any, Any, Any], now: datetime, locksmith: Locksmith
) -> Response[CreatedKey]:
    """Makes a key. Its text is shown this once. A restricted key makes only restricted ones that
    may do nothing it may not do itself."""
    refused = rules.vet_scopes(data.kind, data.scopes, request.app.state.rooms)
    if refused is not None:
        raise RefusedError(refused)
    wanted = NewKey(data.kind, data.name or None, _sorted(data.scopes), _end(data, now))
    return await locksmith.run(
        "POST /v1/keys", data, 201, partial(commands.create_key, wanted=wanted)
    )


@get("/v1/keys", operation_id="listKeys")
async def list_keys(
    caller: Caller,
    pool: Pool,
    now: datetime,
    limit: queries.Limit = pages.LIMIT_DEFAULT,
    starting_after: queries.StartingAfter = None,
    ending_before: queries.EndingBefore = None,
) -> pages.ListOut[KeyObject]:
    """Keys, newest first, with those that have ended."""
    page = pages.parse(limit, starting_after, ending_before, partial(ids.parse, "key"))
    if isinstance(page, Refused):
        raise RefusedError(page)
    shown, more = await store.list_keys(pool, caller.merchant_id, page)
    data = [_show(key, caller, now) for key in shown]
    return pages.ListOut(data=data, has_more=more, url="/v1/keys")


@get("/v1/keys/{key:str}", operation_id="retrieveKey")
async def retrieve(key: str, caller: Caller, pool: Pool, now: datetime) -> KeyObject:
    """One key."""
    found = await store.find_key(pool, caller.merchant_id, _parse(key))
    if found is None:
        raise RefusedError(no_key(key))
    return _show(found, caller, now)


@post(
    "/v1/keys/{key:str}",
    operation_id="updateKey",
    status_code=200,
    before_request=vetting(KeyChangeIn, may_be_empty=True),
)
async def update(
    key: str,
    request: Request[Any, Any, Any],
    locksmith: Locksmith,
    data: KeyChangeIn | None = None,
) -> Response[KeyObject]:
    """Gives a key another name, or a restricted one other scopes."""
    wanted, key_id = data or KeyChangeIn(), _parse(key)
    if wanted.scopes is not None:
        refused = rules.vet_scopes("restricted", wanted.scopes, request.app.state.rooms)
        if refused is not None:
            raise RefusedError(refused)
    change = partial(
        commands.update_key, key_id=key_id, name=wanted.name, scopes=_sorted(wanted.scopes)
    )
    return await locksmith.run(f"POST /v1/keys/{key}", wanted, 200, change)


@post(
    "/v1/keys/{key:str}/roll",
    operation_id="rollKey",
    status_code=201,
    before_request=vetting(RollIn, may_be_empty=True),
)
async def roll(key: str, locksmith: Locksmith, data: RollIn | None = None) -> Response[CreatedKey]:
    """A new key in place of this one, with the same rights. Both work for `overlap_s`."""
    wanted = data or RollIn()
    change = partial(commands.roll_key, key_id=_parse(key), overlap_s=wanted.overlap_s)
    return await locksmith.run(f"POST /v1/keys/{key}/roll", wanted, 201, change)


@delete("/v1/keys/{key:str}", operation_id="revokeKey", status_code=200)
async def revoke(
    key: str, caller: Caller, pool: Pool, keys: Keys, origin: Origin, now: datetime
) -> KeyObject:
    """Ends a key for good, and at once. It stays in the list, as `revoked`. A merchant's last
    secret key cannot be revoked, only rolled."""
    change = Change(caller.merchant_id, caller.actor, caller.key_id, now, origin)
    async with pool.acquire() as connection, connection.transaction():
        revoked = await commands.revoke_key(connection, change, _parse(key))
    if isinstance(revoked, Refused):
        raise RefusedError(revoked)
    keys.forget()
    return _show(revoked, caller, now)


def _parse(key: str) -> UUID:
    key_id = ids.parse("key", key)
    if key_id is None:
        raise RefusedError(no_key(key))
    return key_id


def _sorted(scopes: list[str] | None) -> list[str] | None:
    """Each once, in an order that does not depend on how it was asked for."""
    return sorted(set(scopes)) if scopes else None


def _end(data: KeyIn, now: datetime) -> datetime | None:
    """When the key shall end. Raises RefusedError."""
    if data.expires_in_s is not None:
        if data.expires_at is not None:
            message = "Give expires_at or expires_in_s, not both."
            raise RefusedError(Refused("parameter_invalid", message, "expires_at"))
        return now + timedelta(seconds=data.expires_in_s)
    if data.expires_at is None:
        return None
    end = datetime.fromtimestamp(data.expires_at, UTC)
    if end <= now:
        raise RefusedError(Refused("parameter_invalid", "This moment has passed.", "expires_at"))
    return end


def _show(key: Key, caller: Caller, now: datetime) -> KeyObject:
    return KeyObject(
        id=ids.show("key", key.id),
        kind=key.kind,
        name=key.name,
        hint=key.hint,
        scopes=key.scopes,
        status=key.status(now),
        livemode=caller.livemode,
        created=int(key.created_at.timestamp()),
        expires_at=_unix(key.expires_at),
        last_used_at=_unix(key.last_used_at),
        revoked_at=_unix(key.revoked_at),
        rolled_to=ids.show("key", key.rolled_to) if key.rolled_to else None,
    )


def _unix(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())


routes = [
    Router(
        "/",
        route_handlers=[create, list_keys, retrieve, update, roll, revoke],
        dependencies={"locksmith": Provide(Locksmith, sync_to_thread=False)},
    )
]
