"""Who may come in: the key and what it may do, the version that is spoken, and how often.

Limits are counted in this process's memory: n processes grant n times as much.
"""

import base64
import binascii
from functools import partial

from tillgate.connections.store import Connections
from tillgate.events.catalogue import API_VERSION
from tillgate.kit import clock, ids
from tillgate.kit.caller import Caller, needed_scope
from tillgate.kit.http import Scope
from tillgate.kit.proxies import client_address, subscriber
from tillgate.kit.rates import Limit, Turn
from tillgate.kit.refusal import Refused
from tillgate.merchants.keys.store import Keys
from tillgate.settings import Settings

READS_PER_S = 500
WRITES_PER_S = 500
REFUSED_PER_S = 10
CALLBACKS_PER_S = 500
"""What is granted where the settings say nothing."""

DEV_FACTOR = 100
"""On a developer's machine, where tests and benchmarks run, the defaults are so many times that."""

VERSIONS = (API_VERSION,)
"""The dated shapes of the API that a request may ask for."""

VERSION_HEADER = (b"tillgate-version", API_VERSION.encode())

NO_KEY = Refused(
    "api_key_missing", "Send your secret key: `Authorization: Bearer sk_…`, or as user of Basic."
)
NOT_WITH_THIS_KEY = Refused("permission_denied", "A publishable key may not do this.")
TOO_OFTEN = Refused("rate_limited", "Too many requests; nothing was done. Try again later.")

CONNECTION_MAX_CHARACTERS = 32
"""An id of a connection is no longer."""

Headers = list[tuple[bytes, bytes]]


class Doorkeeper:
    """Looks at every request of `/v1` and at every callback, before anything is done for it."""

    def __init__(self, settings: Settings, keys: Keys, connections: Connections) -> None:
        self._keys = keys
        self._connections = connections
        self._proxies = settings.trusted_proxies
        limit = partial(_limit, dev=settings.dev)
        self._reads = limit("reads", settings.rate_reads, READS_PER_S)
        self._writes = limit("writes", settings.rate_writes, WRITES_PER_S)
        self._refused = limit("refused", settings.rate_refused, REFUSED_PER_S)
        self._callbacks = limit("callbacks", settings.rate_callbacks, CALLBACKS_PER_S)

    def place(self, scope: Scope) -> None:
        """Makes `client` whoever stands behind our own proxies."""
        client: tuple[str, int] | None = scope.get("client")
        if self._proxies and client is not None:
            said = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
            scope["client"] = client_address(client[0], said, self._proxies), client[1]

    async def admit(self, scope: Scope, headers: Headers) -> Caller | Refused:
        """Who is calling, when that may be; what the answer's headers tell of limits joins
        `headers`. Raises what reading a key raises."""
        key = _key(header(scope, b"authorization") or "")
        told: Headers = []
        caller: Caller | Refused | None = None
        if key is None or not self._keys.knows(key):
            # Before it is looked up: whoever guesses shall not keep the database busy. A key that
            # has worked is let in whatever others do from its address.
            caller = self._take(self._refused, _address(scope), told)
        if caller is None:
            caller = await self._keys.caller(key) if key is not None else NO_KEY
        if isinstance(caller, Refused):
            headers += told
            return caller
        limit = self._reads if scope["method"] in {"GET", "HEAD"} else self._writes
        refused = self._take(limit, caller.actor, headers)
        return refused or _unversioned(scope) or _barred(scope, caller) or caller

    async def pair(
        self, scope: Scope, key: str | None, secret: str | None, headers: Headers
    ) -> Caller | Refused:
        """The same for who names both keys of a merchant, the publishable and the secret one."""
        told: Headers = []
        if key is None or secret is None or not self._keys.knows_pair((key, secret)):
            refused = self._take(self._refused, _address(scope), told)
            if refused is not None:
                headers += told
                return refused
        caller = await self._keys.pair(key or "", secret or "")
        if isinstance(caller, Refused):
            headers += told
            return caller
        limit = self._reads if scope["method"] in {"GET", "HEAD"} else self._writes
        return self._take(limit, caller.actor, headers) or caller

    def stranger(self, scope: Scope, headers: Headers) -> Refused | None:
        """Whether somebody who needs no key comes too often from this address."""
        return self._take(self._callbacks, f"public {_address(scope)}", headers)

    def failed(self, scope: Scope, headers: Headers) -> Refused | None:
        """Whether keys that are none come too often from this address."""
        return self._take(self._refused, _address(scope), headers)

    def callback(self, scope: Scope, headers: Headers) -> Refused | None:
        """Whether a callback comes too often from its address for its connection; what its
        answer's headers tell of that joins `headers`."""
        connection = scope["path"].rpartition("/")[2][:CONNECTION_MAX_CHARACTERS]
        told: Headers = []
        refused = None
        connection_id = ids.parse("con", connection)
        if connection_id is None or not self._connections.knows(connection_id):
            # Before it is looked up, as with keys: each made-up id would have a rate of its own.
            refused = self._take(self._refused, _address(scope), told)
        if refused is not None:
            headers += told
            return refused
        return self._take(self._callbacks, f"{connection} {_address(scope)}", headers)

    def _take(self, limit: "Limit[str] | None", key: str, headers: Headers) -> Refused | None:
        if limit is None:
            return None
        turn = limit.take(key, clock.monotonic_s())
        headers += _told(limit, turn)
        return None if turn.granted else TOO_OFTEN


def _limit(
    name: str, wanted_per_s: int | None, default_per_s: int, *, dev: bool
) -> "Limit[str] | None":
    """None: there is no limit."""
    if wanted_per_s is None:
        wanted_per_s = default_per_s * (DEV_FACTOR if dev else 1)
    return Limit(name, wanted_per_s) if wanted_per_s else None


def _told(limit: "Limit[str]", turn: Turn) -> Headers:
    told = [(b"ratelimit-policy", limit.policy), (b"ratelimit", limit.told(turn))]
    if not turn.granted:
        told.append((b"retry-after", b"%d" % turn.wait_s))
    return told


def _barred(scope: Scope, caller: Caller) -> Refused | None:
    if "secret" in caller.scopes:
        return None
    if "publishable" in caller.scopes:
        return NOT_WITH_THIS_KEY
    needed = needed_scope(scope["path"], scope["method"])
    if caller.may(needed):
        return None
    return Refused("permission_denied", f"This key may not do that: it lacks the scope {needed}.")


def _unversioned(scope: Scope) -> Refused | None:
    wanted = header(scope, VERSION_HEADER[0])
    if wanted is None or wanted in VERSIONS:
        return None
    known = ", ".join(VERSIONS)
    message = f"There is no such version; known: {known}."
    return Refused("version_unknown", message, "Tillgate-Version")


def _address(scope: Scope) -> str:
    client: tuple[str, int] | None = scope.get("client")
    return subscriber(client[0]) if client else ""


def _key(authorization: str) -> str | None:
    """The key of a Bearer or Basic header; None when there is none."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip() or None
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[0] or None
    except (binascii.Error, UnicodeDecodeError):
        return None


def header(scope: Scope, name: bytes) -> str | None:
    for key, value in scope["headers"]:
        if key == name:
            return value.decode("latin-1")
    return None
