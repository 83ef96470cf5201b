"""The OpenAPI 3.1 document: Litestar's, with the routes that are served in front of it."""

import re
from typing import Any, cast

import msgspec
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme

from tillgate.events.catalogue import API_VERSION
from tillgate.kit.http import ErrorBody
from tillgate.payments.api import CreateIn
from tillgate.payments.model import PaymentAnswer

DESCRIPTION = """\
One API for every way a business gets paid. Amounts are integers in minor units; times are unix
seconds; ids are opaque strings. Authenticate with a secret key, as Bearer or as the user of Basic.
Send an `Idempotency-Key` with every POST that you may have to repeat.
"""

CONFIG = OpenAPIConfig(
    title="Tillgate",
    version=API_VERSION,
    description=DESCRIPTION,
    use_handler_docstrings=True,
    security=[{"bearer": []}, {"basic": []}],
    components=Components(
        security_schemes={
            "bearer": SecurityScheme(type="http", scheme="bearer"),
            "basic": SecurityScheme(type="http", scheme="basic"),
        }
    ),
    path="/litestar-schema",
    render_plugins=[],
)

REFUSALS = {
    "400": "A parameter is missing, unknown or invalid; `param` names it.",
    "401": "The key is missing or unknown.",
    "403": "This key may not do that.",
    "404": "There is no such object.",
    "405": "This address does not take that method.",
    "409": "The state of the object, or another request with the same key, forbids it for now.",
    "413": "The body is too large.",
    "415": "The body is not application/json.",
    "503": "Overloaded, or the database is gone; try again after `Retry-After`.",
}


def document(schema: dict[str, Any]) -> dict[str, Any]:
    """The whole document from Litestar's part of it."""
    schemas: dict[str, Any] = schema["components"].setdefault("schemas", {})
    types = [CreateIn, PaymentAnswer, ErrorBody]
    _, components = msgspec.json.schema_components(types, ref_template=REFERENCE)
    for name, shape in components.items():
        schemas.setdefault(name, shape)
    schema["paths"].setdefault("/v1/payments", {})["post"] = _create_payment()
    paths: dict[str, dict[str, dict[str, Any]]] = schema["paths"]
    for path, item in paths.items():
        for operation in item.values():
            operation["tags"] = [path.split("/")[2].replace("_", " ").capitalize()]
            operation["summary"] = _words(operation["operationId"])
            _refusals(operation["responses"])
    return _renamed(schema)


NAMES = {
    "Amount": "Money",
    "CreateIn": "NewPayment",
    "ErrorBody": "Error",
    "EndpointIn": "NewWebhookEndpoint",
    "EventObject": "Event",
    "PaymentAnswer": "Payment",
}
"""What our types are called outside, where that differs; `ListOut_….T_` is a list of T."""


def _renamed(value: Any) -> Any:
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        return {_outside(key): _renamed(part) for key, part in members.items()}
    if isinstance(value, list):
        return [_renamed(part) for part in cast("list[Any]", value)]
    if isinstance(value, str) and value.startswith(PREFIX):
        return PREFIX + _outside(value.removeprefix(PREFIX))
    return value


def _outside(name: str) -> str:
    if name.startswith("ListOut_"):
        inner = name.rstrip("_").rpartition(".")[2]
        return NAMES.get(inner, inner) + "List"
    return NAMES.get(name, name)


def _words(operation_id: str) -> str:
    """`listPayments` → `List payments`."""
    return re.sub(r"([A-Z])", r" \1", operation_id).capitalize()


PREFIX = "#/components/schemas/"
REFERENCE = PREFIX + "{name}"


def _create_payment() -> dict[str, Any]:
    return {
        "operationId": "createPayment",
        "description": "Creates a payment and answers the address of its checkout. Opens no "
        "connection to any processor: the payer chooses to pay there.",
        "parameters": [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "The same key gives the same payment for 24 hours.",
                "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
            }
        ],
        "requestBody": {"required": True, "content": _json("CreateIn")},
        "responses": {
            "201": {
                "description": "The payment. `Idempotent-Replayed: true` when it is not new.",
                "content": _json("PaymentAnswer"),
            }
        },
    }


def _refusals(responses: dict[str, Any]) -> None:
    for status, meaning in REFUSALS.items():
        responses[status] = {"description": meaning, "content": _json("ErrorBody")}


def _json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": REFERENCE.format(name=name)}}}
