"""What a door is, and what it is given."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import msgspec

from tillgate.callbacks.api import Callbacks
from tillgate.connections.store import Connections
from tillgate.engine.writer import Engine
from tillgate.idempotency.store import Gates
from tillgate.kit import body as bodies
from tillgate.kit.caller import Caller
from tillgate.kit.crypto import Vault
from tillgate.kit.db import Connection, Pool
from tillgate.kit.http import Answer, Scope
from tillgate.kit.networks import Policy
from tillgate.kit.refusal import Refused
from tillgate.payments.links import PayerLinks
from tillgate.payments.perform import Performer
from tillgate.payments.wishes import Counter
from tillgate.settings import Settings

Headers = list[tuple[bytes, bytes]]


class Keeper(Protocol):
    """Who lets callers in; what answers tell of limits joins `headers`."""

    async def pair(
        self, scope: Scope, key: str | None, secret: str | None, headers: Headers
    ) -> Caller | Refused:
        """The caller whose publishable and secret key these are, both of one merchant."""
        ...

    def stranger(self, scope: Scope, headers: Headers) -> Refused | None:
        """Whether somebody without a key comes too often from this address."""
        ...

    def failed(self, scope: Scope, headers: Headers) -> Refused | None:
        """The same of somebody whose key has just turned out to be none."""
        ...


class House(NamedTuple):
    """What the doors stand on."""

    settings: Settings
    pool: Pool
    engine: Engine
    connections: Connections
    performer: Performer
    counter: Counter
    callbacks: Callbacks
    gates: Gates
    vault: Vault
    policy: Policy
    links: PayerLinks
    keeper: Keeper


class Call(NamedTuple):
    """One request at a door. `names`: what stands in the braces of its route; names of headers are
    in lower case. `told`: headers that its answer gets besides."""

    method: str
    path: str
    names: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    now: datetime
    request_id: str
    scope: Scope
    told: Headers

    @property
    def ip(self) -> str | None:
        client: tuple[str, int] | None = self.scope.get("client")
        return client[0] if client else None

    def json(self) -> dict[str, Any] | Refused:
        """The body as an object; no body is an empty one."""
        return bodies.decode(_object, self.body) if self.body.strip() else {}


_object = msgspec.json.Decoder(dict[str, Any])

Handler = Callable[[Call], Awaitable[Answer]]


def _always(_query: Mapping[str, str]) -> bool:
    return True


class Route(NamedTuple):
    """`path` names its variable parts: `/api/v1/orders/{order}`. Of two that fit, the first one
    is taken. `when`: two doors that share an address tell their queries apart by it."""

    method: str
    path: str
    handler: Handler
    when: Callable[[Mapping[str, str]], bool] = _always


class Door(NamedTuple):
    """`opened`: its routes over a house. `refuse`: a refusal in its own words. `prepare`: what must
    be there before anybody comes, done at every start, by several processes at once perhaps;
    whether it is there now."""

    name: str
    opened: Callable[[House], tuple[Route, ...]]
    refuse: Callable[[Refused], Answer]
    prepare: Callable[[Connection, Settings, datetime], Awaitable[bool]] | None = None
