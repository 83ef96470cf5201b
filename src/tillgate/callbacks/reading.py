"""`/v1/callbacks`: what processors have said, as it came, and what became of it; replay."""

import base64
from datetime import datetime
from functools import partial
from typing import Annotated, Literal, cast
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import QueryParameter
from msgspec import Raw, Struct

from tillgate.audit.store import Origin
from tillgate.callbacks.commands import replay
from tillgate.callbacks.store import Filters, Kept, find, listed
from tillgate.idempotency.api import IdempotencyHeader
from tillgate.idempotency.store import Gates
from tillgate.kit import ids, pages, queries
from tillgate.kit.caller import Caller
from tillgate.kit.db import Connection, Pool
from tillgate.kit.http import Answer, encode
from tillgate.kit.queries import vetting
from tillgate.kit.refusal import Refused, RefusedError

State = Literal["pending", "processed", "failed", "refused"]
Verdict = Literal["genuine", "forged", "stale", "unreadable", "address"]


class CallbackObject(Struct, frozen=True, kw_only=True):
    """One message of a processor. `state`: `pending` (waits to be applied), `processed`, `failed`
    (a dead letter: it fitted nothing) or `refused`; `verdict` says why that. `effect`: in a word,
    what it did. `hint`: the charge that was to be looked up, as the message alone proves nothing.
    `next_attempt`: when it is tried again."""

    id: str
    object: Literal["callback"] = "callback"
    connection: str
    payment: str | None
    state: State
    verdict: Verdict
    effect: str
    event_key: str | None
    hint: str | None
    attempts: int
    next_attempt: int | None
    address: str | None
    created: int
    livemode: bool


class WholeCallback(CallbackObject, frozen=True, kw_only=True):
    """The same with what came: headers without those that authenticate others, and the body, in
    base64 where it is no text."""

    headers: dict[str, str]
    body: str
    body_encoding: Literal["utf-8", "base64"]


class ReplayIn(Struct, frozen=True, forbid_unknown_fields=True):
    """An empty object."""


@get("/v1/callbacks", operation_id="listCallbacks")
async def list_callbacks(
    caller: Caller,
    pool: Pool,
    limit: queries.Limit = pages.LIMIT_DEFAULT,
    starting_after: queries.StartingAfter = None,
    ending_before: queries.EndingBefore = None,
    connection: Annotated[
        str | None, QueryParameter(description="Only those of this connection.")
    ] = None,
    payment: Annotated[
        str | None, QueryParameter(description="Only those about this payment.")
    ] = None,
    only: Annotated[
        State | None,
        QueryParameter(
            query="state",
            description="Only these. Refused ones are listed only when asked for.",
        ),
    ] = None,
) -> pages.ListOut[CallbackObject]:
    """Messages of processors, newest first. Of refused ones the newest 1000 of each connection are
    kept, and in a flood not all."""
    page = pages.parse(limit, starting_after, ending_before, partial(ids.parse, "cb"))
    if isinstance(page, Refused):
        raise RefusedError(page)
    filters = Filters(
        queries.id_of("con", connection, "connection"), only,
        queries.id_of("pay", payment, "payment"),
    )  # fmt: skip
    shown, more = await listed(pool, caller.merchant_id, page, filters)
    data = [show(one, livemode=caller.livemode) for one in shown]
    return pages.ListOut(data=data, has_more=more, url="/v1/callbacks")


@get("/v1/callbacks/{callback:str}", operation_id="retrieveCallback")
async def retrieve(callback: str, caller: Caller, pool: Pool) -> WholeCallback:
    """One message, as it came; refused ones too."""
    found = await find(pool, caller.merchant_id, _id(callback))
    if found is None:
        raise _not_found(callback)
    return show_whole(found, livemode=caller.livemode)


@post("/v1/callbacks/{callback:str}/replay", operation_id="replayCallback", status_code=200,
      before_request=vetting(ReplayIn, may_be_empty=True))  # fmt: skip
async def replay_callback(
    callback: str,
    caller: Caller,
    gates: Gates,
    origin: Origin,
    now: datetime,
    data: ReplayIn | None = None,  # noqa: ARG001  declares the body
    idempotency_key: IdempotencyHeader = None,
) -> Response[CallbackObject]:
    """Has a message tried again: a dead letter once what it was about is there, or one that was
    applied, which then changes nothing. A worker does it within seconds."""
    callback_id = _id(callback)

    async def make(connection: Connection) -> Answer | Refused:
        who = caller.merchant_id, callback_id, caller.actor
        done = await replay(connection, *who, now, origin)
        if isinstance(done, Refused):
            return done
        return Answer(200, encode(show(done, livemode=caller.livemode)))

    digest = gates.digest(f"POST /v1/callbacks/{callback}/replay", b"{}")
    answer = await gates.once(caller, idempotency_key, digest, now, make)
    if isinstance(answer, Refused):
        raise RefusedError(answer)
    headers = {name.decode(): value.decode() for name, value in answer.headers}
    body = cast("CallbackObject", Raw(answer.body))
    return Response(body, status_code=answer.status, headers=headers)


def _id(callback: str) -> UUID:
    found = ids.parse("cb", callback)
    if found is None:
        raise _not_found(callback)
    return found


def _not_found(callback: str) -> RefusedError:
    return RefusedError(Refused("not_found", f"There is no callback {callback}.", "callback"))


def show(kept: Kept, *, livemode: bool) -> CallbackObject:
    return CallbackObject(
        id=ids.show("cb", kept.id),
        connection=ids.show("con", kept.connection_id),
        payment=ids.show("pay", kept.payment_id) if kept.payment_id else None,
        state=cast("State", kept.state),
        verdict=cast("Verdict", kept.verdict),
        effect=kept.effect,
        event_key=kept.event_key,
        hint=kept.hint,
        attempts=kept.attempts,
        next_attempt=int(kept.due_at.timestamp()) if kept.due_at else None,
        address=kept.address,
        created=int(kept.received_at.timestamp()),
        livemode=livemode,
    )


def show_whole(kept: Kept, *, livemode: bool) -> WholeCallback:
    shown = msgspec.structs.asdict(show(kept, livemode=livemode))
    body, encoding = _text(kept.raw)
    headers = msgspec.json.decode(kept.headers, type=dict[str, str])
    return WholeCallback(**shown, headers=headers, body=body, body_encoding=encoding)


def _text(raw: bytes) -> tuple[str, Literal["utf-8", "base64"]]:
    try:
        return raw.decode(), "utf-8"
    except UnicodeDecodeError:
        return base64.b64encode(raw).decode(), "base64"


routes = [list_callbacks, retrieve, replay_callback]
