"""The way in: which door a request is for, and what goes wrong, in that door's words."""

import importlib
import pkgutil
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple
from urllib.parse import parse_qsl

import asyncpg
import structlog
from prometheus_client import Counter

from tillgate import doors
from tillgate.doors.frame import Call, Door, Headers, House, Route
from tillgate.engine.writer import Overloaded, Unavailable
from tillgate.kit import clock, db
from tillgate.kit.db import Connection
from tillgate.kit.http import Answer, BodyTooLarge, ClientGone, Receive, Scope, read_body
from tillgate.kit.refusal import Refused, RefusedError
from tillgate.settings import Settings

log = structlog.get_logger()

ROOMS = ("/api/", "/checkout")
"""How the paths begin that doors may have."""

QUERY_MAX_FIELDS = 100

USES = Counter("tillgate_door_requests", "Requests at doors.", ["door", "route", "status"])

CORS = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"request-id, retry-after"),
)
PREFLIGHT = (
    *CORS,
    (b"access-control-allow-methods", b"GET, POST, PUT, PATCH, DELETE, OPTIONS"),
    (b"access-control-allow-headers", b"content-type, idempotency-key, x-api-key, x-api-secret"),
    (b"access-control-max-age", b"600"),
)
"""Pages of other origins may call: who is calling stands in headers, never in a cookie."""

UNAVAILABLE = Refused(
    "database_unavailable", "The database does not answer; nothing was done. Try again shortly."
)
OVERLOADED = Refused("overloaded", "Too much at once; nothing was done. Try again shortly.")
TOO_LARGE = Refused("body_too_large", "The body is larger than this route takes.")
INTERNAL = Refused("internal", "Something went wrong here; the request id finds it in the log.")
NOWHERE = Refused("not_found", "There is nothing at this address.")
NUL = Refused("parameter_invalid", "The query holds the character NUL.")
WRONG_METHOD = Refused("method_not_allowed", "This address does not take that method.")


def present() -> Iterator[Door]:
    """The doors that there are."""
    for module in pkgutil.iter_modules(doors.__path__):
        if module.ispkg:
            yield importlib.import_module(f"{doors.__name__}.{module.name}").DOOR


async def prepare(connection: Connection, settings: Settings, now: datetime) -> None:
    """Has every door set up what must be there before anybody comes."""
    for door in present():
        if door.prepare is not None and await door.prepare(connection, settings, now):
            log.info("door_prepared", door=door.name)


class Place(NamedTuple):
    """A route, taken apart."""

    door: Door
    route: Route
    parts: list[str]


class Doors:
    """All doors over one house."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._places = [
            Place(door, route, _parts(route.path))
            for door in present()
            for route in door.opened(house)
        ]

    async def answer(
        self, scope: Scope, receive: Receive, request_id: str, headers: Headers
    ) -> Answer | None:
        """None: no door has this address. Raises ClientGone."""
        path, query = scope["path"], _query(scope)
        fitting = [
            place
            for place in self._places
            if _fits(place.parts, _parts(path)) and place.route.when(query)
        ]
        if not fitting:
            return None
        if path.startswith("/api/"):
            headers += CORS
        if scope["method"] == "OPTIONS":
            return Answer(204, b"", PREFLIGHT[len(CORS) :])
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        place = next((place for place in fitting if place.route.method == method), None)
        if place is None:
            return fitting[0].door.refuse(WRONG_METHOD)
        if "\0" in path:
            return place.door.refuse(NOWHERE)
        if any("\0" in name + value for name, value in query.items()):
            return place.door.refuse(NUL)
        answer = await self._handle(place, scope, receive, request_id, headers)
        USES.labels(place.door.name, f"{method} {place.route.path}", str(answer.status)).inc()
        return answer

    async def _handle(
        self, place: Place, scope: Scope, receive: Receive, request_id: str, headers: Headers
    ) -> Answer:
        refuse = place.door.refuse
        try:
            call = await _call(place, scope, receive, request_id, headers)
            return await place.route.handler(call)
        except RefusedError as error:
            return refuse(error.refused)
        except BodyTooLarge:
            return refuse(TOO_LARGE)
        except Overloaded:
            return refuse(OVERLOADED)
        except (Unavailable, *db.LOST):
            return refuse(UNAVAILABLE)
        except asyncpg.PostgresError:
            log.exception("database_error", request_id=request_id, route=place.route.path)
            return refuse(INTERNAL)
        except ClientGone:
            raise
        except Exception:
            log.exception("request_failed", request_id=request_id, route=place.route.path)
            return refuse(INTERNAL)


async def _call(
    place: Place, scope: Scope, receive: Receive, request_id: str, headers: Headers
) -> Call:
    path: str = scope["path"]
    pairs = zip(place.parts, _parts(path), strict=True)
    names = {name[1:-1]: part for name, part in pairs if name.startswith("{")}
    said = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
    return Call(
        scope["method"], path, names, _query(scope), said, await read_body(receive), clock.now(),
        request_id, scope, headers,
    )  # fmt: skip


def _query(scope: Scope) -> dict[str, str]:
    """Empty where it has more fields than anybody needs."""
    try:
        said = scope["query_string"].decode("latin-1")
        return dict(parse_qsl(said, keep_blank_values=True, max_num_fields=QUERY_MAX_FIELDS))
    except ValueError:
        return {}


def _parts(path: str) -> list[str]:
    """A slash at the end means nothing: a redirect would lose what was posted."""
    return path.rstrip("/").split("/")


def _fits(pattern: Sequence[str], parts: Sequence[str]) -> bool:
    return len(pattern) == len(parts) and all(
        part if name.startswith("{") else name == part
        for name, part in zip(pattern, parts, strict=True)
    )
