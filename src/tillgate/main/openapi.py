"""The OpenAPI 3.1 document: Litestar's, with the routes that are served in front of it."""

import re
from typing import Any, cast

import msgspec
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme

from tillgate.events.catalogue import API_VERSION, TYPES
from tillgate.kit.http import ErrorBody
from tillgate.kit.money import ASSETS
from tillgate.payments.api import CreateIn
from tillgate.payments.model import PaymentAnswer
from tillgate.webhooks.api import EndpointIn

URL = r"^https?://[A-Za-z0-9.-]*[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?([/?#][!-\[\]-~]*)?$"
GLOBS = ["*", "payment.*", *TYPES]
IDEMPOTENCY_KEY = {"type": "string", "pattern": "^[!-~]{1,255}$", "examples": ["order-10482"]}

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
    types = [CreateIn, EndpointIn, PaymentAnswer, ErrorBody]
    _, components = msgspec.json.schema_components(types, ref_template=REFERENCE)
    # msgspec's own are exact: Litestar forgets the limits inside lists and objects
    schemas.update(components)
    _forms(schemas)
    schema["paths"].setdefault("/v1/payments", {})["post"] = _create_payment()
    paths: dict[str, dict[str, dict[str, Any]]] = schema["paths"]
    for path, item in paths.items():
        for operation in item.values():
            operation["tags"] = [path.split("/")[2].replace("_", " ").capitalize()]
            operation["summary"] = _words(operation["operationId"])
            for parameter in operation.get("parameters", []):
                if parameter["name"] == "Idempotency-Key":
                    parameter["schema"] = IDEMPOTENCY_KEY
            _links(operation)
            _refusals(operation["responses"])
    return _renamed(schema)


FORMS: dict[str, dict[str, dict[str, Any]]] = {
    "CreateIn": {
        "currency": {"enum": sorted(ASSETS)},
        "success_url": {"pattern": URL, "examples": ["https://shop.example/thanks/{payment_id}"]},
        "cancel_url": {"pattern": URL, "examples": ["https://shop.example/cart"]},
        "wallet_user": {"pattern": "^[!-~]+$", "examples": ["user-17"]},
        "connection": {"pattern": "^con_[0-9a-hjkmnp-tv-z]{26}$"},
    },
    "EndpointIn": {
        "url": {"format": "uri", "examples": ["https://shop.example/webhooks"]},
        "events": {"items": {"type": "string", "examples": GLOBS}},
    },
}
"""What the types leave open: the form that strings have. Some are narrower than what is taken."""


def _forms(schemas: dict[str, Any]) -> None:
    for name, fields in FORMS.items():
        for field, form in fields.items():
            shape: dict[str, Any] = schemas[name]["properties"][field]
            # of `string or null` the string
            shape.get("anyOf", [shape])[0].update(form)


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
                "schema": IDEMPOTENCY_KEY,
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


LINKS = {
    "createPayment": ("id", {"payment": ["retrievePayment"]}),
    "listPayments": ("data/0/id", {"payment": ["retrievePayment"]}),
    "listEvents": ("data/0/id", {"event": ["retrieveEvent"]}),
    "createWebhookEndpoint": (
        "id",
        {"endpoint": ["retrieveWebhookEndpoint", "listWebhookDeliveries", "deleteWebhookEndpoint"]},
    ),
}
"""operation → (where its answer holds an id, {parameter: the operations that take that id})."""


def _links(operation: dict[str, Any]) -> None:
    place, takers = LINKS.get(operation["operationId"], ("", {}))
    answers = [answer for status, answer in operation["responses"].items() if status < "300"]
    for parameter, names in takers.items():
        for name in names:
            answers[0].setdefault("links", {})[name] = {
                "operationId": name,
                "parameters": {parameter: f"$response.body#/{place}"},
            }


def _refusals(responses: dict[str, Any]) -> None:
    for status, meaning in REFUSALS.items():
        responses[status] = {"description": meaning, "content": _json("ErrorBody")}


def _json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": REFERENCE.format(name=name)}}}
