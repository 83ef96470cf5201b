"""`/v1/connections`: the merchant's accounts at processors."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.params import SkipValidation
from msgspec import UNSET, Raw, Struct, UnsetType
from msgspec.structs import asdict, replace

from tillgate.audit.store import Origin
from tillgate.connections.commands import (
    Change,
    Row,
    Tools,
    change_connection,
    create_connection,
    new_row,
)
from tillgate.connections.kinds import KINDS
from tillgate.connections.model import (
    AmountPolicy,
    Capability,
    ConnectionObject,
    ConnectionTest,
    Currencies,
    Minor,
    Name,
    Networks,
    Object,
    Priority,
    Status,
    TroubleObject,
)
from tillgate.connections.store import Connections, callback_url, sql
from tillgate.connectors.protocol import Capabilities, Trouble
from tillgate.idempotency.api import IdempotencyHeader
from tillgate.idempotency.store import Gates
from tillgate.kit import ids, pages, queries
from tillgate.kit.caller import Caller
from tillgate.kit.canonical import canonical
from tillgate.kit.crypto import Vault
from tillgate.kit.db import Connection, Pool
from tillgate.kit.http import Answer, encode
from tillgate.kit.networks import Policy
from tillgate.kit.queries import vetting
from tillgate.kit.refusal import Refused, RefusedError


class ConnectionIn(Struct, frozen=True, forbid_unknown_fields=True):
    """A new connection; what settings and credentials hold, its connector says."""

    connector: str
    credentials: Object
    name: Name | None = None
    settings: Object = {}
    priority: Priority = 0
    currencies: Currencies | None = None
    amount_min: Minor | None = None
    amount_max: Minor | None = None
    amount_policy: AmountPolicy = "review"
    allowed_networks: Networks | None = None


class ConnectionChangesIn(Struct, frozen=True, forbid_unknown_fields=True):
    """What is left out stays. `settings` are taken in whole; of `credentials` what is given: that
    is how they are rolled."""

    name: Name | UnsetType = UNSET
    status: Status | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    currencies: Currencies | UnsetType | None = UNSET
    amount_min: Minor | UnsetType | None = UNSET
    amount_max: Minor | UnsetType | None = UNSET
    amount_policy: AmountPolicy | UnsetType = UNSET
    allowed_networks: Networks | UnsetType | None = UNSET
    settings: Object | UnsetType = UNSET
    credentials: Object | UnsetType = UNSET


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """An empty object."""


@dataclass(frozen=True)
class Fitter:
    """What changes of connections need; made anew for each request."""

    caller: Caller
    gates: Gates
    vault: Vault
    outbound_policy: SkipValidation[Policy]
    connections: Connections
    public_url: str
    origin: Origin
    now: datetime
    idempotency_key: IdempotencyHeader = None

    @property
    def tools(self) -> Tools:
        return Tools(self.vault, self.outbound_policy)

    @property
    def change(self) -> Change:
        caller = self.caller
        return Change(caller.merchant_id, caller.livemode, caller.actor, self.now, self.origin)

    async def run(
        self,
        path: str,
        data: Struct,
        status: int,
        work: Callable[[Connection], Awaitable[Row | Refused]],
    ) -> Response[Any]:
        """Does it once for its Idempotency-Key. Raises RefusedError."""

        async def make(connection: Connection) -> Answer | Refused:
            row = await work(connection)
            if isinstance(row, Refused):
                return row
            shown = show(row, self.public_url, livemode=self.caller.livemode)
            return Answer(status, encode(shown))

        digest = self.gates.digest(f"POST {path}", canonical(data))
        answer = await self.gates.once(self.caller, self.idempotency_key, digest, self.now, make)
        if isinstance(answer, Refused):
            raise RefusedError(answer)
        self.connections.forget()
        headers = {name.decode(): value.decode() for name, value in answer.headers}
        return Response(Raw(answer.body), status_code=answer.status, headers=headers)


@post("/v1/connections", operation_id="createConnection", before_request=vetting(ConnectionIn))
async def create(data: ConnectionIn, fitter: SkipValidation[Fitter]) -> Response[ConnectionObject]:
    """Connects an account at a processor. Credentials are sealed, and never shown again; give
    `callback_url` to the processor as where it sends its messages."""
    row = replace(
        new_row(data.connector, data.name or data.connector.title(), data.settings, fitter.now),
        priority=data.priority,
        assets=data.currencies,
        amount_min=data.amount_min,
        amount_max=data.amount_max,
        amount_policy=data.amount_policy,
        allowed_networks=data.allowed_networks,
    )

    async def work(connection: Connection) -> Row | Refused:
        return await create_connection(
            connection, fitter.tools, fitter.change, row, data.credentials
        )

    return await fitter.run("/v1/connections", data, 201, work)


@post("/v1/connections/{connection:str}", operation_id="updateConnection", status_code=200,
      before_request=vetting(ConnectionChangesIn, may_be_empty=True))  # fmt: skip
async def update(
    connection: str, fitter: SkipValidation[Fitter], data: ConnectionChangesIn | None = None
) -> Response[ConnectionObject]:
    """Changes a connection, disables it, or rolls its credentials. Payments that are under way are
    carried to their end through a disabled one too; no new one begins."""
    asked = data or ConnectionChangesIn()
    connection_id = _id(connection)
    said = {k: v for k, v in asdict(asked).items() if v is not UNSET}
    settings: Mapping[str, Any] | None = said.pop("settings", None)
    credentials: Mapping[str, Any] | None = said.pop("credentials", None)
    members = {NAMES.get(name, name): value for name, value in said.items()}

    async def work(database: Connection) -> Row | Refused:
        return await change_connection(
            database, fitter.tools, fitter.change, connection_id, members, settings, credentials
        )

    return await fitter.run(f"/v1/connections/{connection}", asked, 200, work)


NAMES = {"currencies": "assets", "status": "state"}


@get("/v1/connections", operation_id="listConnections")
async def list_connections(
    caller: Caller,
    pool: Pool,
    public_url: str,
    limit: queries.Limit = pages.LIMIT_DEFAULT,
    starting_after: queries.StartingAfter = None,
    ending_before: queries.EndingBefore = None,
) -> pages.ListOut[ConnectionObject]:
    """Connections, newest first."""
    page = pages.parse(limit, starting_after, ending_before, partial(ids.parse, "con"))
    if isinstance(page, Refused):
        raise RefusedError(page)
    statement = sql["newer" if page.newer else "older"]
    rows = await pool.fetch(statement, caller.merchant_id, page.cursor, page.fetch)
    shown, more = page.cut(rows)
    data = [show(Row(*row), public_url, livemode=caller.livemode) for row in shown]
    return pages.ListOut(data=data, has_more=more, url="/v1/connections")


@get("/v1/connections/{connection:str}", operation_id="retrieveConnection")
async def retrieve(
    connection: str, caller: Caller, pool: Pool, public_url: str
) -> ConnectionObject:
    """One connection."""
    row = await pool.fetchrow(sql["row"], caller.merchant_id, _id(connection))
    if row is None:
        raise _absent(connection)
    return show(Row(*row), public_url, livemode=caller.livemode)


@post("/v1/connections/{connection:str}/test", operation_id="testConnection", status_code=200,
      before_request=vetting(Nothing, may_be_empty=True))  # fmt: skip
async def prove(
    connection: str,
    caller: Caller,
    connections: Connections,
    data: Nothing | None = None,  # noqa: ARG001  it may be left out, or empty
    idempotency_key: IdempotencyHeader = None,  # noqa: ARG001  it changes nothing
) -> ConnectionTest:
    """Asks the processor whether it would take our wishes, and says in words what is wrong. Moves
    no money."""
    connections.forget()
    linked = await connections.of_merchant(caller.merchant_id, _id(connection))
    if linked is None:
        raise _absent(connection)
    troubles = await linked.connector.prove()
    if not linked.enabled:
        troubles.append(DISABLED)
    told = [TroubleObject(*trouble) for trouble in troubles]
    return ConnectionTest(connection=connection, ok=not told, troubles=told)


DISABLED = Trouble("disabled", "The connection is disabled.", "Set its status to enabled.")


def show(row: Row, public_url: str, *, livemode: bool) -> ConnectionObject:
    return ConnectionObject(
        id=ids.show("con", row.id),
        connector=row.connector,
        name=row.name,
        status="enabled" if row.state == "enabled" else "disabled",
        priority=row.priority,
        currencies=row.assets,
        amount_min=row.amount_min,
        amount_max=row.amount_max,
        amount_policy="accept" if row.amount_policy == "accept" else "review",
        allowed_networks=row.allowed_networks,
        settings=row.settings,
        credentials=row.hints,
        capabilities=_capability(KINDS[row.connector].able(row.settings)),
        callback_url=callback_url(public_url, row.id),
        created=int(row.created_at.timestamp()),
        updated=int(row.updated_at.timestamp()),
        livemode=livemode,
    )


def _capability(able: Capabilities) -> Capability:
    return Capability(
        manual_capture=able.manual_capture,
        partial_capture=able.partial_capture,
        cancel=able.void,
        refunds=able.refunds,
        partial_refunds=able.partial_refunds,
        look_up=able.looks,
    )


def _id(connection: str) -> UUID:
    found = ids.parse("con", connection)
    if found is None:
        raise _absent(connection)
    return found


def _absent(connection: str) -> RefusedError:
    words = f"There is no connection {connection}."
    return RefusedError(Refused("not_found", words, "connection"))


routes = [create, update, list_connections, retrieve, prove]
