"""`POST /callbacks/{connection}`: the door for processors. A plain ASGI handler, for speed.

Answers 200 `{"received":true}` when the message is committed; 400 when it is forged, stale or
unreadable and 403 when it comes from elsewhere, with nothing booked; 404 for a connection that is
not there; 503 to be sent again.
"""

from collections import OrderedDict
from ipaddress import ip_address
from typing import NamedTuple
from uuid import UUID

from msgspec import Raw

from tillgate.audit.model import Owner
from tillgate.callbacks.commands import ApplyCallback, KeepHint, Message
from tillgate.callbacks.store import RefusedMessage, Tally
from tillgate.connections.store import Connections, Linked
from tillgate.connectors.protocol import Ask, CallbackRequest, Observation, Unreadable
from tillgate.engine.writer import Engine
from tillgate.kit import clock, ids
from tillgate.kit.body import DEPTH_MAX, too_deep
from tillgate.kit.failpoints import failpoint
from tillgate.kit.http import Answer, Receive, Scope, encode, read_body
from tillgate.kit.refusal import Refused

BODY_MAX_BYTES = 256 * 1024
"""The largest message that a processor may send."""

HEADERS_KEPT_MAX = 50
HEADER_KEPT_CHARACTERS = 500
HINT_MAX_CHARACTERS = 500
UNKNOWN_KEPT_S = 10.0
UNKNOWN_MAX = 10_000
"""For how long, and of how many ids, it is remembered that no connection has them."""

RECEIVED = Answer(200, b'{"received":true}')
NOWHERE = Refused("not_found", "There is no such connection.", "connection")

REFUSALS = {
    "forged": Refused("callback_forged", "The signature does not fit this message."),
    "stale": Refused("callback_stale", "The message is too old, or its clock is wrong."),
    "address": Refused("address_refused", "Messages of this connection come from elsewhere."),
}
TOO_DEEP = Refused("parameter_invalid", f"The body nests deeper than {DEPTH_MAX} levels.")
NO_HINT = Refused("parameter_invalid", "The message names nothing that could be looked up.")


class Nobody:
    """Ids that no connection has, as was read a moment ago: asking again costs no reading."""

    def __init__(self) -> None:
        self._until_s: OrderedDict[UUID, float] = OrderedDict()

    def has(self, connection_id: UUID) -> bool:
        return self._until_s.get(connection_id, 0.0) > clock.monotonic_s()

    def add(self, connection_id: UUID) -> None:
        self._until_s[connection_id] = clock.monotonic_s() + UNKNOWN_KEPT_S
        self._until_s.move_to_end(connection_id)
        if len(self._until_s) > UNKNOWN_MAX:
            self._until_s.popitem(last=False)


class Arrived(NamedTuple):
    """A message at the door of its connection."""

    linked: Linked
    request: CallbackRequest
    headers: Raw  # as they are kept
    address: str | None
    request_id: str


class Callbacks:
    """The handler with what it needs."""

    def __init__(self, engine: Engine, connections: Connections, tally: Tally) -> None:
        self._engine = engine
        self._connections = connections
        self._tally = tally
        self._nobody = Nobody()

    async def receive(self, scope: Scope, receive: Receive, request_id: str) -> Answer | Refused:
        """Verifies, then applies. Raises what `read_body` and `Engine.run` raise."""
        linked = await self._find(scope["path"].rpartition("/")[2])
        if linked is None:
            return NOWHERE
        request = CallbackRequest(_headers(scope), await read_body(receive, BODY_MAX_BYTES))
        return await self.take(linked, request, _address(scope), request_id)

    async def take(
        self, linked: Linked, request: CallbackRequest, address: str | None, request_id: str
    ) -> Answer | Refused:
        """The same for a message whose connection is found already. Raises what `Engine.run`
        raises."""
        kept = Raw(encode(_kept(request)))
        return await self._take(Arrived(linked, request, kept, address, request_id))

    async def _find(self, text: str) -> Linked | None:
        connection_id = ids.parse("con", text)
        if connection_id is None or self._nobody.has(connection_id):
            return None
        linked = await self._connections.find(connection_id)
        if linked is None:
            self._nobody.add(connection_id)
        return linked

    async def _take(self, arrived: Arrived) -> Answer | Refused:
        linked, request = arrived.linked, arrived.request
        if not _admitted(arrived):
            return self._refuse(arrived, "address", REFUSALS["address"])
        if too_deep(request.body):
            return self._refuse(arrived, "unreadable", TOO_DEEP)
        verdict = linked.connector.verify(request, clock.now())
        if verdict != "genuine":
            return self._refuse(arrived, verdict, REFUSALS[verdict])
        seen = linked.connector.read(request)
        if isinstance(seen, Unreadable):
            why = Refused("parameter_invalid", seen.reason, seen.param)
            return self._refuse(arrived, "unreadable", why)
        if isinstance(seen, Ask) and not _can_be_kept(seen):
            return self._refuse(arrived, "unreadable", NO_HINT)
        command = _command(arrived, seen)
        await failpoint("callback.before_run")
        await self._engine.run(command, reserved=True)
        await failpoint("callback.after_run")
        self._tally.count(linked.connector.name, linked.merchant_id, linked.id, "genuine")
        return RECEIVED

    def _refuse(self, arrived: Arrived, verdict: str, why: Refused) -> Refused:
        linked = arrived.linked
        message = RefusedMessage(
            linked.merchant_id, linked.id, verdict, arrived.headers, arrived.request.body,
            arrived.address, clock.now(),
        )  # fmt: skip
        self._tally.refuse(linked.connector.name, message)
        return why


def _admitted(arrived: Arrived) -> bool:
    """Whether it comes from where this connection's processor is. `client` is whoever stands
    behind our own proxies already."""
    networks = arrived.linked.allowed_networks
    if networks is None:
        return True
    try:
        address = ip_address(arrived.address or "")
    except ValueError:
        return False
    mapped = address.ipv4_mapped if address.version == 6 else None
    return any((mapped or address) in network for network in networks)


def _can_be_kept(hint: Ask) -> bool:
    """PostgreSQL's text cannot hold NUL."""
    return 0 < len(hint.reference) <= HINT_MAX_CHARACTERS and "\0" not in hint.reference


def _command(arrived: Arrived, seen: list[Observation] | Ask) -> ApplyCallback | KeepHint:
    linked = arrived.linked
    message = Message(
        connection_id=linked.id,
        event_key=linked.connector.peek(arrived.request).event_key,
        observations=() if isinstance(seen, Ask) else tuple(seen),
        headers=arrived.headers,
        raw=arrived.request.body,
    )
    owner = connection_owner(linked, arrived.request_id)
    if isinstance(seen, Ask):
        return KeepHint(owner, ids.mint(), message, seen.reference)
    return ApplyCallback(owner, ids.mint(), message)


def connection_owner(linked: Linked, request_id: str | None = None) -> Owner:
    """Who acts when a processor speaks: its connection."""
    actor = ids.show("con", linked.id)
    return Owner(linked.merchant_id, linked.livemode, actor, None, request_id)


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def _kept(request: CallbackRequest) -> dict[str, str]:
    """The headers as they are kept for inspection; what authenticates others is left out."""
    kept = [(k, v) for k, v in request.headers.items() if k not in {"authorization", "cookie"}]
    return {
        name: value[:HEADER_KEPT_CHARACTERS].replace("\0", "")
        for name, value in kept[:HEADERS_KEPT_MAX]
    }


def _address(scope: Scope) -> str | None:
    client: tuple[str, int] | None = scope.get("client")
    return client[0] if client else None
