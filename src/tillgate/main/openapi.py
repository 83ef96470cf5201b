"""The OpenAPI 3.1 document: Litestar's, with the routes that are served in front of it."""

import re
from typing import Any, cast

import msgspec
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme

from tillgate.audit.api import AuditEntry
from tillgate.events.catalogue import API_VERSION, TYPES
from tillgate.kit.http import ErrorBody
from tillgate.kit.money import ASSETS
from tillgate.kit.pages import ListOut
from tillgate.merchants.keys.api import KeyChangeIn, KeyIn, RollIn
from tillgate.orders.api import OrderCancelingIn, OrderChangesIn, OrderIn
from tillgate.orders.model import OrderObject
from tillgate.payments.api import CreateIn
from tillgate.payments.shapes import DisputeObject, PaymentAnswer, RefundObject
from tillgate.payments.wishes import CancelIn, CaptureIn, ConfirmIn, ResolveIn, UpdateIn
from tillgate.refunds.api import RefundCancelingIn, RefundChangesIn, RefundIn
from tillgate.schedule.api import AdvanceIn, TestClockIn
from tillgate.timeline.api import TimelineEntry
from tillgate.wallets.api import (
    CurrencyIn,
    HoldIn,
    LimitsIn,
    MovementIn,
    Nothing,
    PostIn,
    TransferIn,
)
from tillgate.wallets.reading import StatementLine
from tillgate.webhooks.api import EndpointIn

WALLET_BODIES = (CurrencyIn, HoldIn, LimitsIn, MovementIn, TransferIn)
EXACT = (
    CreateIn, EndpointIn, PaymentAnswer, ErrorBody, AuditEntry, ListOut[StatementLine],
    ListOut[TimelineEntry], AdvanceIn, TestClockIn,
    KeyIn, KeyChangeIn, RollIn,
    *WALLET_BODIES, PostIn, Nothing, OrderCancelingIn, OrderChangesIn, OrderIn, OrderObject,
)  # fmt: skip
"""Types whose schema is msgspec's: Litestar forgets the limits inside lists and objects."""

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
    "402": "The wallet has too little, or its limits forbid it.",
    "403": "This key may not do that.",
    "404": "There is no such object.",
    "405": "This address does not take that method.",
    "409": "The state of the object, or another request with the same key, forbids it for now.",
    "413": "The body is too large.",
    "415": "The body is not application/json.",
    "429": "Too many requests; try again after `Retry-After`.",
    "503": "Overloaded, or the database is gone; try again after `Retry-After`.",
}


def document(schema: dict[str, Any]) -> dict[str, Any]:
    """The whole document from Litestar's part of it."""
    schemas: dict[str, Any] = schema["components"].setdefault("schemas", {})
    _, components = msgspec.json.schema_components(EXACT, ref_template=REFERENCE)
    schemas.update(components)
    for shape in schemas.values():
        if "description" in shape:
            shape["description"] = " ".join(shape["description"].split())
    _forms(schemas)
    _scopes(schemas, schema["paths"])
    schema["paths"].setdefault("/v1/payments", {})["post"] = _create_payment()
    paths: dict[str, dict[str, dict[str, Any]]] = schema["paths"]
    statement = paths["/v1/wallets/{user}/statement"]["get"]["responses"]["200"]
    statement["content"] = _json("ListOut_StatementLine_") | CSV
    for path, item in paths.items():
        for operation in item.values():
            operation["tags"] = [path.split("/")[2].replace("_", " ").capitalize()]
            operation["summary"] = _words(operation["operationId"])
            _parameters(operation)
            _optional_body(operation)
            _links(operation)
            _refusals(operation["responses"])
    return _renamed(schema)


Forms = dict[str, dict[str, Any]]

WALLET: Forms = {"currency": {"enum": sorted(ASSETS), "examples": ["eur"]}}
WORDS: Forms = {
    "reference": {"pattern": "^[ -~]*$", "examples": ["order-10482"]},
    "description": {"examples": ["Two blue mugs"]},
}

FORMS: dict[str, Forms] = {
    "CreateIn": {
        "currency": {"enum": sorted(ASSETS)},
        "success_url": {"pattern": URL, "examples": ["https://shop.example/thanks/{payment_id}"]},
        "cancel_url": {"pattern": URL, "examples": ["https://shop.example/cart"]},
        "wallet_user": {"pattern": "^[!-.0-~]+$", "examples": ["user-17"]},
        "connection": {"pattern": "^con_[0-9a-hjkmnp-tv-z]{26}$"},
    },
    "CurrencyIn": WALLET,
    "HoldIn": WALLET | WORDS | {"amount": {"examples": [4000]}},
    "LimitsIn": WALLET | {"day_max": {"examples": [50_000]}},
    "MovementIn": WALLET | WORDS | {"amount": {"examples": [10_000]}},
    "PostIn": {"amount": {"examples": [2500]}},
    "TransferIn": {
        **WALLET,
        **WORDS,
        "amount": {"examples": [1500]},
        "from": {"pattern": "^[!-.0-~]+$", "examples": ["user-17"]},
        "to": {"pattern": "^[!-.0-~]+$", "examples": ["user-18"]},
    },
    "Line": {
        "name": {"examples": ["Blue mug"]},
        "quantity": {"examples": [2]},
        "amount": {"examples": [1250]},
        "reference": {"examples": ["mug-blue"]},
    },
    "OrderIn": WALLET | WORDS,
    "OrderChangesIn": WORDS,
    "KeyIn": {"name": {"examples": ["Till 4"]}, "expires_at": {"minimum": 2_000_000_000}},
    "AuditEntry": {"before": {"type": "object"}, "after": {"type": "object"}},
    "EndpointIn": {
        "url": {"format": "uri", "examples": ["https://shop.example/webhooks"]},
        "events": {"items": {"type": "string", "examples": GLOBS}},
    },
}
"""What the types leave open: the form that strings have. Some are narrower than what is taken."""


MOMENT = {"minimum": 0}

PARAMETERS: dict[str, tuple[str, dict[str, Any]]] = {
    "Idempotency-Key": ("The same key gives the same answer for 24 hours.", IDEMPOTENCY_KEY),
    "at": ("Unix seconds: as of then.", MOMENT),
    "created[gte]": ("Unix seconds: since then.", MOMENT),
    "created[gt]": ("Unix seconds: after then.", MOMENT),
    "created[lte]": ("Unix seconds: until then, and then.", MOMENT),
    "created[lt]": ("Unix seconds: before then.", MOMENT),
    "clock": ("The test clock's id, `clock_…`.", {}),
    "currency": ("Only the wallet in this currency.", {"enum": sorted(ASSETS)}),
    "endpoint": ("The endpoint's id, `we_…`.", {}),
    "event": ("The event's id, `evt_…`.", {}),
    "hold_id": ("The hold's id, `hold_…`.", {}),
    "order": ("The order's id, `ord_…`.", {}),
    "key": ("The key's id, `key_…`.", {}),
    "payment": ("The payment's id, `pay_…`.", {}),
    "status": ("Only those that have this status now.", {}),
    "user": ("Your name of the user.", {"pattern": "^[!-.0-~]+$", "examples": ["user-17"]}),
}
"""name → (what it means where the handler does not say; what its type leaves open)."""


def _parameters(operation: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", []):
        words, form = PARAMETERS.get(parameter["name"], ("", {}))
        parameter["description"] = parameter.get("description") or words
        shape: dict[str, Any] = parameter["schema"]
        # of `string or null` the string
        (shape["oneOf"][0] if "oneOf" in shape and form is not MOMENT else shape).update(form)


def _optional_body(operation: dict[str, Any]) -> None:
    """A body that may be left out is an object all the same: `null` is refused."""
    body = operation.get("requestBody")
    if body is None:
        return
    media = body["content"]["application/json"]
    kinds: list[dict[str, Any]] = media["schema"].get("oneOf", [])
    if {"type": "null"} in kinds:
        media["schema"] = next(kind for kind in kinds if kind != {"type": "null"})
        body["required"] = False


def _forms(schemas: dict[str, Any]) -> None:
    for name, fields in FORMS.items():
        for field, form in fields.items():
            shape: dict[str, Any] = schemas[name]["properties"][field]
            # of `string or null` the string
            shape.get("anyOf", [shape])[0].update(form)


def _scopes(schemas: dict[str, Any], paths: dict[str, Any]) -> None:
    """What a restricted key may be given: a right to each first word of a path."""
    rooms = sorted({path.split("/")[2] for path in paths})
    every = [f"{room}:{right}" for room in rooms for right in ("read", "write", "*")]
    for name in ("KeyIn", "KeyChangeIn"):
        shape: dict[str, Any] = schemas[name]["properties"]["scopes"]["anyOf"][0]
        shape["items"] = {"type": "string", "enum": every}


NAMES = {
    "AdvanceIn": "ClockAdvance",
    "JobFigures": "Job",
    "TestClockIn": "NewTestClock",
    "Amount": "Money",
    "CreateIn": "NewPayment",
    "CurrencyIn": "WalletChoice",
    "ErrorBody": "Error",
    "EndpointIn": "NewWebhookEndpoint",
    "EventObject": "Event",
    "HoldIn": "NewHold",
    "HoldObject": "Hold",
    "KeyChangeIn": "KeyChange",
    "KeyIn": "NewKey",
    "KeyObject": "Key",
    "LimitsIn": "NewWalletLimits",
    "Line": "OrderLine",
    "MovementIn": "NewMovement",
    "OrderCancelingIn": "OrderCanceling",
    "OrderChangesIn": "OrderChanges",
    "OrderIn": "NewOrder",
    "OrderObject": "Order",
    "PaymentAnswer": "Payment",
    "Nothing": "HoldVoiding",
    "PostIn": "HoldPosting",
    "RollIn": "KeyRolling",
    "TransferIn": "NewWalletTransfer",
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
        inner = name.removeprefix("ListOut_").rstrip("_").rpartition(".")[2]
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


LINKS: dict[str, tuple[dict[str, str], list[str]]] = {
    "createOrder": ({"order": "id"}, ["retrieveOrder", "updateOrder", "cancelOrder"]),
    "listOrders": ({"order": "data/0/id"}, ["retrieveOrder"]),
    "createPayment": ({"payment": "id"}, ["retrievePayment", "retrievePaymentTimeline"]),
    "listPayments": ({"payment": "data/0/id"}, ["retrievePayment"]),
    "listEvents": ({"event": "data/0/id"}, ["retrieveEvent"]),
    "listWebhookEndpoints": (
        {"endpoint": "data/0/id"},
        ["retrieveWebhookEndpoint", "listWebhookDeliveries"],
    ),
    "createWebhookEndpoint": (
        {"endpoint": "id"},
        ["retrieveWebhookEndpoint", "listWebhookDeliveries", "deleteWebhookEndpoint"],
    ),
    "createTestClock": ({"clock": "id"}, ["advanceTestClock", "retrieveTestClock"]),
    "listTestClocks": ({"clock": "data/0/id"}, ["advanceTestClock", "deleteTestClock"]),
    "createKey": ({"key": "id"}, ["retrieveKey", "updateKey", "rollKey", "revokeKey"]),
    "listKeys": ({"key": "data/0/id"}, ["retrieveKey"]),
    "createHold": ({"user": "user", "hold_id": "id"}, ["retrieveHold", "postHold", "voidHold"]),
    "listHolds": ({"user": "data/0/user", "hold_id": "data/0/id"}, ["retrieveHold"]),
}
"""operation → ({parameter: where its answer holds it}, the operations that take these)."""


def _links(operation: dict[str, Any]) -> None:
    places, takers = LINKS.get(operation["operationId"], ({}, []))
    answers = [answer for status, answer in operation["responses"].items() if status < "300"]
    for name in takers:
        answers[0].setdefault("links", {})[name] = {
            "operationId": name,
            "parameters": {key: f"$response.body#/{place}" for key, place in places.items()},
        }


def _refusals(responses: dict[str, Any]) -> None:
    for status, meaning in REFUSALS.items():
        responses[status] = {"description": meaning, "content": _json("ErrorBody")}


CSV = {"text/csv": {"schema": {"type": "string", "description": "A row of names, then lines."}}}


def _json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": REFERENCE.format(name=name)}}}
