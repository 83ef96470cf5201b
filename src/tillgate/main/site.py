"""Litestar's part: reading routes, pages, health, the document; and how its errors are answered."""

import re
from datetime import datetime
from typing import Any, cast

import structlog
from litestar import Litestar, MediaType, Request, Response, get
from litestar.di import Provide
from litestar.exceptions import HTTPException, ValidationException
from litestar.params import SkipValidation
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from tillgate.audit import api as audit_api
from tillgate.audit.model import Owner
from tillgate.audit.store import Origin
from tillgate.callbacks import reading as callbacks_reading
from tillgate.catalog import api as services_api
from tillgate.catalog import providers as providers_api
from tillgate.checkout import api as checkout_api
from tillgate.checkout import assets
from tillgate.checkout.api import Desk
from tillgate.connections import api as connections_api
from tillgate.disputes import api as disputes_api
from tillgate.engine.writer import Engine, Overloaded, Unavailable
from tillgate.events import api as events_api
from tillgate.idempotency.api import Clerk, IdempotencyHeader
from tillgate.idempotency.store import Gates
from tillgate.kit import clock, crypto, db
from tillgate.kit.caller import Caller
from tillgate.kit.http import BODY_MAX_BYTES, RETRY_AFTER_S, encode, error_body
from tillgate.kit.refusal import Refused, RefusedError
from tillgate.ledger import api as ledger_api
from tillgate.main.openapi import document as openapi
from tillgate.main.parts import Parts
from tillgate.merchants.keys import api as keys_api
from tillgate.orders import api as orders_api
from tillgate.payments import reading as payments_reading
from tillgate.payments import wishes as payments_wishes
from tillgate.payments.perform import Performer
from tillgate.payments.wishes import Counter
from tillgate.refunds import api as refunds_api
from tillgate.schedule import api as schedule_api
from tillgate.schedule.health import Health, ask
from tillgate.timeline import api as timeline_api
from tillgate.wallets import api as wallets_api
from tillgate.wallets import reading as wallets_reading
from tillgate.webhooks import api as webhooks_api

log = structlog.get_logger()

AnyRequest = Request[Any, Any, Any]


def site(parts: Parts, performer: Performer, gates: Gates) -> Litestar:
    """The Litestar application over these parts."""
    fixed: dict[str, Any] = {
        "parts": parts,
        "pool": parts.pool,
        "vault": parts.vault,
        "outbound_policy": parts.policy,
        "links": parts.links,
        "engine": parts.engine,
        "connections": parts.connections,
        "public_url": parts.settings.public_url,
        "listener": parts.listener,
        "desk": Desk(parts.pool, performer, parts.settings),
        "counter": Counter(parts.pool, performer),
        "gates": gates,
        "keys": parts.keys,
        "duplicates": parts.settings.duplicates,
        "metrics_token": parts.settings.metrics_token,
    }
    dependencies = {name: _always(value) for name, value in fixed.items()}
    dependencies |= {
        "caller": Provide(_caller, sync_to_thread=False),
        "request_id": Provide(_request_id, sync_to_thread=False),
        "origin": Provide(_origin, sync_to_thread=False),
        "now": Provide(_now, sync_to_thread=False),
        "owner": Provide(_owner, sync_to_thread=False),
        "fitter": Provide(connections_api.Fitter, sync_to_thread=False),
        "clerk": Provide(_clerk, sync_to_thread=False),
    }
    app = Litestar(
        [
            *connections_api.routes,
            *payments_reading.routes,
            *payments_wishes.routes,
            *refunds_api.routes,
            *disputes_api.routes,
            *orders_api.routes,
            *events_api.routes,
            *webhooks_api.routes,
            *ledger_api.routes,
            *wallets_api.routes,
            *wallets_reading.routes,
            *audit_api.routes,
            *keys_api.routes,
            *schedule_api.routes,
            *timeline_api.routes,
            *callbacks_reading.routes,
            *services_api.routes,
            *providers_api.routes,
            *checkout_api.routes,
            health,
            ready,
            metrics,
            docs,
            asset,
            openapi_document,
        ],
        dependencies=dependencies,
        exception_handlers=HANDLERS,
        openapi_config=openapi.CONFIG,
        logging_config=None,
        request_max_body_size=BODY_MAX_BYTES,
    )
    app.state.rooms = frozenset(r.path.split("/")[2] for r in app.routes if r.path[:4] == "/v1/")
    app.state.document = encode(openapi.document(app.openapi_schema.to_schema()))
    return app


def _always(value: Any) -> Provide:
    return Provide(lambda: value, use_cache=True, sync_to_thread=False)


def _caller(request: AnyRequest) -> Caller:
    return request.scope["state"]["caller"]


def _request_id(request: AnyRequest) -> str:
    return request.scope["state"]["request_id"]


def _origin(request: AnyRequest) -> Origin:
    return Origin(request.client.host if request.client else None, _request_id(request))


def _owner(request: AnyRequest) -> Owner:
    caller = _caller(request)
    return Owner(caller.merchant_id, caller.livemode, caller.actor, *_origin(request))


def _clerk(
    request: AnyRequest,
    engine: Engine,
    gates: Gates,
    idempotency_key: IdempotencyHeader = None,
) -> Clerk:
    return Clerk(engine, gates, idempotency_key, _request_id(request))


def _now() -> datetime:
    return clock.now()


# ---- errors ---------------------------------------------------------------------------------


def _refuse(request: AnyRequest, refused: Refused) -> Response[bytes]:
    headers = {"retry-after": str(RETRY_AFTER_S)} if refused.status == 503 else {}
    body = error_body(refused, _request_id(request))
    return Response(body, status_code=refused.status, media_type=MediaType.JSON, headers=headers)


def _on_refused(request: AnyRequest, error: RefusedError) -> Response[bytes]:
    return _refuse(request, error.refused)


def _on_validation(request: AnyRequest, error: ValidationException) -> Response[bytes]:
    """Litestar names what does not fit in `extra`."""
    extra = cast("list[dict[str, Any]]", error.extra) if isinstance(error.extra, list) else []
    first: dict[str, Any] = extra[0] if extra else {}
    param: str | None = first.get("key")
    param = BOUND.sub(r"\1[\2]", param) if param is not None else None
    param = "expand[]" if param == "expand" else param
    message = str(first.get("message", error.detail))
    absent = ABSENT.match(message)
    if absent:
        param = absent[1]
        return _refuse(request, Refused("parameter_missing", f"{param} is required.", param))
    code = "parameter_missing" if "required" in message.lower() else "parameter_invalid"
    return _refuse(request, Refused(code, f"{param or 'The request'}: {message}.", param))


BOUND = re.compile(r"^(amount|created)_([gl]te?)$")
"""How a handler calls what the API calls `created[gte]`."""

ABSENT = re.compile(r"Missing required query parameter '(.+?)'")

"""How Litestar says that a query lacks something; it names it nowhere else."""


def _on_http(request: AnyRequest, error: HTTPException) -> Response[bytes]:
    code = BY_STATUS.get(error.status_code)
    if code is None:
        return _on_bug(request, error)
    return _refuse(request, Refused(code, WORDS[code]))


def _on_lost(request: AnyRequest, error: Exception) -> Response[bytes]:
    log.warning("database_unavailable", error=type(error).__name__)
    return _refuse(request, Refused("database_unavailable", WORDS["database_unavailable"]))


def _on_bug(request: AnyRequest, error: Exception) -> Response[bytes]:
    log.error(
        "request_failed",
        request_id=_request_id(request),
        route=request.scope["path_template"],
        exc_info=error,
    )
    return _refuse(request, Refused("internal", WORDS["internal"]))


BY_STATUS = {
    400: "json_invalid",
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "content_type_unsupported",
}
WORDS = {
    "json_invalid": "The body is not valid JSON in UTF-8.",
    "not_found": "There is nothing at this address.",
    "method_not_allowed": "This address does not take that method.",
    "body_too_large": "The body is larger than this route takes.",
    "content_type_unsupported": "Send the body as application/json.",
    "database_unavailable": "The database does not answer; nothing was done. Try again shortly.",
    "internal": "Something went wrong here; the request id finds it in the log.",
}
HANDLERS: dict[int | type[Exception], Any] = {
    RefusedError: _on_refused,
    ValidationException: _on_validation,
    HTTPException: _on_http,
    Overloaded: _on_lost,
    Unavailable: _on_lost,
    **dict.fromkeys(db.LOST, _on_lost),
    Exception: _on_bug,
}


# ---- the house's own routes -----------------------------------------------------------------


@get("/health", include_in_schema=False)
async def health(parts: SkipValidation[Parts], now: datetime) -> Health:
    """How database, worker and Redis are; it answers 200 as long as this process lives."""
    return await ask(parts.pool, parts.settings, now)


@get("/ready", include_in_schema=False)
async def ready(parts: SkipValidation[Parts]) -> Response[dict[str, bool]]:
    """The process can take payments: the engine has its connection, and what must be there before
    anybody comes is there."""
    connected, prepared = parts.engine.connected.is_set(), parts.prepared.is_set()
    shown = {"database": connected, "prepared": prepared}
    return Response(shown, status_code=200 if connected and prepared else 503)


@get("/metrics", include_in_schema=False)
async def metrics(request: AnyRequest, metrics_token: str | None) -> Response[bytes]:
    """Prometheus figures, for who holds the token."""
    given = request.headers.get("authorization", "")
    wanted = f"Bearer {metrics_token}"
    if metrics_token is None or not crypto.same(given.encode(), wanted.encode()):
        raise RefusedError(Refused("not_found", WORDS["not_found"]))
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


@get("/v1/openapi.json", include_in_schema=False)
async def openapi_document(request: AnyRequest) -> Response[bytes]:
    """The OpenAPI 3.1 document of this API."""
    return Response(request.app.state.document, media_type=MediaType.JSON)


@get("/assets/{name:str}", include_in_schema=False)
async def asset(name: str) -> Response[bytes]:
    """Scripts and styles; their names change with their content, so they may be kept for good."""
    found = assets.find(name)
    if found is None:
        raise RefusedError(Refused("not_found", WORDS["not_found"]))
    headers = {
        "cache-control": "public, max-age=31536000, immutable",
        "x-content-type-options": "nosniff",
    }
    return Response(found.body, media_type=found.content_type, headers=headers)


DOCS = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Tillgate API</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="{mark}"><link rel="stylesheet" href="{css}"></head>
<body><div id="viewer"></div>
<script src="{bundle}"></script><script type="module" src="{start}"></script></body></html>
"""


@get("/docs", include_in_schema=False, media_type=MediaType.HTML)
async def docs() -> Response[str]:
    """A viewer of the document. Everything it needs comes from here."""
    page = DOCS.format(
        mark=assets.url("mark.svg"),
        css=assets.url("swagger-ui.css"),
        bundle=assets.url("swagger-ui-bundle.js"),
        start=assets.url("docs.js"),
    )
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    headers = {"content-security-policy": policy, "x-content-type-options": "nosniff"}
    return Response(page, media_type=MediaType.HTML, headers=headers)
