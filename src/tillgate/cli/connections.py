"""`tillgate connection …`: what an operator does with a merchant's connections. Everything is
allowed: whoever has the database needs no key. Credentials never stand in a command."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

import msgspec
from msgspec.structs import replace

from tillgate.cli.failure import Failure
from tillgate.cli.merchant import connected
from tillgate.connections.api import DISABLED
from tillgate.connections.commands import (
    Change,
    Row,
    Tools,
    change_connection,
    create_connection,
    new_row,
)
from tillgate.connections.kinds import KINDS
from tillgate.connections.model import NAME_MAX_CHARACTERS, PRIORITY_MAX
from tillgate.connections.store import callback_url, credentials_place, sql
from tillgate.connectors.protocol import Trouble
from tillgate.kit import clock, ids
from tillgate.kit.crypto import SealBroken
from tillgate.kit.db import Connection
from tillgate.kit.outbound import Outbound
from tillgate.kit.pages import NEWEST
from tillgate.kit.refusal import Refused
from tillgate.main.parts import policy_of, vault_of

SHOWN_MAX = 100
FILE_MAX_CHARACTERS = 64 * 1024


class Wanted(NamedTuple):
    """A new connection; `credentials` and `settings` are files, of which one may be `-`."""

    connector: str
    name: str | None
    credentials: str
    settings: str | None
    priority: int


class Shown(NamedTuple):
    """A connection, and where its processor reaches it."""

    row: Row
    callback_url: str


async def create(merchant: str, wanted: Wanted, environ: Mapping[str, str], data: Path) -> Shown:
    """Raises Failure."""
    name = wanted.name or wanted.connector.title()
    if not 1 <= len(name) <= NAME_MAX_CHARACTERS:
        raise Failure(f"A name has 1 to {NAME_MAX_CHARACTERS} characters.")
    if abs(wanted.priority) > PRIORITY_MAX:
        raise Failure(f"A priority is between -{PRIORITY_MAX} and {PRIORITY_MAX}.")
    credentials = _read(wanted.credentials)
    settings = _read(wanted.settings) if wanted.settings is not None else {}
    async with connected(environ, data) as (connection, own):
        async with connection.transaction():
            change = await _change(connection, merchant)
            row = replace(
                new_row(wanted.connector, name, settings, change.now), priority=wanted.priority
            )
            tools = Tools(vault_of(own), policy_of(own))
            made = _granted(await create_connection(connection, tools, change, row, credentials))
        return Shown(made, callback_url(own.public_url, made.id))


async def read(merchant: str, environ: Mapping[str, str], data: Path) -> list[Shown]:
    """The newest ones. Raises Failure."""
    async with connected(environ, data) as (connection, own):
        merchant_id = (await _change(connection, merchant)).merchant_id
        rows = await connection.fetch(sql["older"], merchant_id, NEWEST, SHOWN_MAX)
        return [Shown(Row(*row), callback_url(own.public_url, row["id"])) for row in rows]


async def prove(merchant: str, text: str, environ: Mapping[str, str], data: Path) -> list[Trouble]:
    """What is wrong with a connection, asked of its processor. Raises Failure."""
    async with connected(environ, data) as (connection, own):
        change, connection_id = await _change(connection, merchant), ids.parse("con", text)
        found = await connection.fetchrow(sql["locked"], change.merchant_id, connection_id)
        if found is None:
            raise Failure(f"There is no connection {text}.")
        *values, sealed = found
        row = Row(*values)
        try:
            opened = vault_of(own).open(sealed, credentials_place(change.merchant_id, row.id))
        except SealBroken:
            words = "TILLGATE_SECRET does not open the credentials: `tillgate doctor` says more."
            raise Failure(words) from None
        async with Outbound(policy_of(own)) as outbound:
            connect = KINDS[row.connector].connect
            troubles = await connect(row.settings, opened, outbound, change.livemode).prove()
        return troubles if row.state == "enabled" else [*troubles, DISABLED]


async def disable(merchant: str, text: str, environ: Mapping[str, str], data: Path) -> None:
    """Raises Failure."""
    async with connected(environ, data) as (connection, own), connection.transaction():
        change, connection_id = await _change(connection, merchant), ids.parse("con", text)
        if connection_id is None:
            raise Failure(f"There is no connection {text}.")
        tools = Tools(vault_of(own), policy_of(own))
        state = {"state": "disabled"}
        _granted(
            await change_connection(connection, tools, change, connection_id, state, None, None)
        )


def show(connections: list[Shown], *, as_json: bool) -> str:
    """A line for each; for a person two."""
    if as_json:
        return "".join(msgspec.json.encode(_told(one)).decode() + "\n" for one in connections)
    return "".join(
        f"{ids.show('con', one.row.id)}  {one.row.connector:<10} {one.row.state:<9} "
        f"{one.row.priority:>5}  {one.row.name}\n  callbacks: {one.callback_url}\n"
        for one in connections
    )


def show_troubles(troubles: list[Trouble], *, as_json: bool) -> str:
    if as_json:
        told = {"ok": not troubles, "troubles": [one._asdict() for one in troubles]}
        return msgspec.json.encode(told).decode() + "\n"
    lines = [f"{one.code}: {one.message}\n  mend: {one.mend}\n" for one in troubles]
    return "".join(lines) or "Nothing is wrong.\n"


def _told(one: Shown) -> dict[str, object]:
    row = one.row
    return {
        "id": ids.show("con", row.id),
        "connector": row.connector,
        "name": row.name,
        "status": row.state,
        "priority": row.priority,
        "currencies": row.assets,
        "credentials": row.hints,
        "callback_url": one.callback_url,
    }


def _read(file: str) -> dict[str, Any]:
    """A JSON object in a file, or in what is typed. Never says what stands in it."""
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{file} cannot be read: {error}") from None
    try:
        found: object = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        found = None
    if not isinstance(found, dict) or len(text) > FILE_MAX_CHARACTERS or "\\u0000" in text:
        raise Failure(
            f"{file} must hold a JSON object of {FILE_MAX_CHARACTERS} characters at most."
        )
    return cast("dict[str, Any]", found)


async def _change(connection: Connection, merchant: str) -> Change:
    merchant_id = ids.parse("mer", merchant)
    livemode: bool | None = None
    if merchant_id is not None:
        livemode = await connection.fetchval(sql["lock_merchant"], merchant_id)
    if merchant_id is None or livemode is None:
        raise Failure(f"There is no merchant {merchant}.")
    return Change(merchant_id, livemode, "cli", clock.now())


def _granted(done: Row | Refused) -> Row:
    if isinstance(done, Refused):
        raise Failure(f"{done.param}: {done.message}" if done.param else done.message)
    return done
