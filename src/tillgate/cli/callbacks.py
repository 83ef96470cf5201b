"""`tillgate callbacks …`: what an operator does with the messages of a merchant's processors."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import msgspec

from tillgate.callbacks.commands import replay
from tillgate.callbacks.reading import CallbackObject, show_whole
from tillgate.callbacks.reading import show as shown
from tillgate.callbacks.store import Filters, find, listed
from tillgate.cli.failure import Failure
from tillgate.cli.merchant import connected
from tillgate.kit import clock, ids
from tillgate.kit.db import Connection
from tillgate.kit.pages import LIMIT_MAX, NEWEST, Page
from tillgate.kit.refusal import Refused
from tillgate.merchants.store import sql

STATES = ("pending", "processed", "failed", "refused")


async def read(
    merchant: str,
    state: str | None,
    connection: str | None,
    environ: Mapping[str, str],
    data: Path,
) -> list[CallbackObject]:
    """The newest ones. Raises Failure."""
    if state is not None and state not in STATES:
        raise Failure(f"A state is one of {', '.join(STATES)}.")
    connection_id = None if connection is None else _id("con", connection)
    async with connected(environ, data) as (database, _):
        merchant_id, livemode = await _merchant(database, merchant)
        page = Page(LIMIT_MAX, NEWEST, newer=False)
        found, _ = await listed(database, merchant_id, page, Filters(connection_id, state))
    return [shown(one, livemode=livemode) for one in found]


async def read_one(merchant: str, callback: str, environ: Mapping[str, str], data: Path) -> str:
    """One message as the API shows it, as JSON. Raises Failure."""
    async with connected(environ, data) as (database, _):
        merchant_id, livemode = await _merchant(database, merchant)
        found = await find(database, merchant_id, _id("cb", callback))
    if found is None:
        raise Failure(f"There is no callback {callback}.")
    told = msgspec.json.encode(show_whole(found, livemode=livemode))
    return msgspec.json.format(told).decode() + "\n"


async def replay_one(merchant: str, callback: str, environ: Mapping[str, str], data: Path) -> None:
    """Has it tried again; a worker does it. Raises Failure."""
    async with connected(environ, data) as (database, _), database.transaction():
        merchant_id, _ = await _merchant(database, merchant)
        done = await replay(database, merchant_id, _id("cb", callback), "cli", clock.now())
        if isinstance(done, Refused):
            raise Failure(done.message)


def show(found: list[CallbackObject], *, as_json: bool) -> str:
    """A line for each."""
    if as_json:
        return "".join(msgspec.json.encode(one).decode() + "\n" for one in found)
    return "".join(
        f"{datetime.fromtimestamp(one.created, UTC):%Y-%m-%d %H:%M:%S}  {one.id}  {one.state:<9} "
        f"{one.verdict if one.state == 'refused' else one.effect:<11} {one.connection}  "
        f"{one.payment or ''}".rstrip()
        + "\n"
        for one in found
    )


async def _merchant(database: Connection, merchant: str) -> tuple[UUID, bool]:
    """(its id, whether it is live)."""
    row = await database.fetchrow(sql["merchant_by_id"], _id("mer", merchant))
    if row is None:
        raise Failure(f"There is no merchant {merchant}.")
    return row["merchant_id"], row["livemode"]


def _id(prefix: str, text: str) -> UUID:
    found = ids.parse(prefix, text)
    if found is None:
        raise Failure(f"{text} is no id of that kind: `{prefix}_…`.")
    return found
