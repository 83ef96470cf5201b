"""The whole document: Litestar's, with the routes that are served in front of it, and with what
`shapes` and `calls` add."""

import re
from typing import Any, cast

import msgspec
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme

from tillgate.events.catalogue import API_VERSION
from tillgate.main.openapi.calls import (
    CURSORS,
    EXPANDS,
    IDEMPOTENCY_KEY,
    LATER,
    LINKS,
    METADATA,
    MONEY,
    PARAMETERS,
    REFUSALS,
    WRITES,
    id_form,
)
from tillgate.main.openapi.shapes import EXACT, FORMS, NAMES, NEEDED

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

Part = dict[str, Any]

PREFIX = "#/components/schemas/"
REFERENCE = PREFIX + "{name}"
NULL = {"type": "null"}
LITESTARS = {"Request fulfilled, document follows", "Document created, URL follows"}
CSV = {"text/csv": {"schema": {"type": "string", "description": "A row of names, then lines."}}}


def document(schema: Part) -> Part:
    """The whole document from Litestar's part of it."""
    schemas: Part = schema["components"].setdefault("schemas", {})
    _, components = msgspec.json.schema_components(EXACT, ref_template=REFERENCE)
    schemas.update(components)
    for shape in schemas.values():
        shape.pop("title", None)  # what we call it inside
        if "description" in shape:
            shape["description"] = " ".join(shape["description"].split())
    paths: dict[str, dict[str, Part]] = schema["paths"]
    _forms(schemas)
    _scopes(schemas, paths)
    paths.setdefault("/v1/payments", {})["post"] = _create_payment()
    paths["/v1/payments"]["get"]["parameters"].append(METADATA)
    statement = paths["/v1/wallets/{user}/statement"]["get"]["responses"]["200"]
    statement["content"] = _json("ListOut_StatementLine_") | CSV
    for path, item in paths.items():
        for method, operation in item.items():
            operation["tags"] = [path.split("/")[2].replace("_", " ").capitalize()]
            operation["summary"] = _words(operation["operationId"])
            _parameters(operation)
            _optional_body(operation)
            _answers(operation, method)
    return _renamed(schema)


# ---- shapes ---------------------------------------------------------------------------------


def _forms(schemas: Part) -> None:
    for name, fields in FORMS.items():
        for field, form in fields.items():
            shape: Part = schemas[name]["properties"][field]
            # of `string or null` the string
            shape.get("anyOf", [shape])[0].update(form)
    for name, (fields, ways) in NEEDED.items():
        for field in fields:
            properties: Part = schemas[name]["properties"]
            properties[field] = properties[field]["anyOf"][0]
        schemas[name]["anyOf"] = [{"required": list(way)} for way in ways]


def _scopes(schemas: Part, paths: Part) -> None:
    """What a restricted key may be given: a right to each first word of a path."""
    rooms = sorted({path.split("/")[2] for path in paths})
    every = [f"{room}:{right}" for room in rooms for right in ("read", "write", "*")]
    for name in ("KeyIn", "KeyChangeIn"):
        shape: Part = schemas[name]["properties"]["scopes"]["anyOf"][0]
        shape["items"] = {"type": "string", "enum": every}


def _renamed(value: Any) -> Any:
    if isinstance(value, dict):
        members = cast("Part", value)
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


# ---- calls ----------------------------------------------------------------------------------


def _create_payment() -> Part:
    """It is served in front of Litestar, which knows nothing of it."""
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
                "schema": dict(IDEMPOTENCY_KEY),
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


def _parameters(operation: Part) -> None:
    name = operation["operationId"]
    for parameter in operation.get("parameters", []):
        words, form = PARAMETERS.get(parameter["name"], ("", {}))
        parameter["description"] = parameter.get("description") or words
        shape = parameter["schema"] = _without_null(parameter["schema"])
        shape.update(form)
        if parameter["name"] in ("starting_after", "ending_before"):
            shape.update(id_form(CURSORS[name]))
        if parameter["name"] == "expand[]":
            shape["items"] = {"type": "string", "enum": EXPANDS[name]}


def _without_null(shape: Part) -> Part:
    """A parameter is left out, never null."""
    if "oneOf" in shape:
        own = {key: part for key, part in shape.items() if key != "oneOf"}
        return next(kind for kind in shape["oneOf"] if kind != NULL) | own
    if isinstance(shape.get("type"), list):
        values = [value for value in shape["enum"] if value is not None]
        return shape | {"type": "string", "enum": values}
    return shape


def _optional_body(operation: Part) -> None:
    """A body that may be left out is an object all the same: `null` is refused."""
    body = operation.get("requestBody")
    if body is None:
        return
    media = body["content"]["application/json"]
    kinds: list[Part] = media["schema"].get("oneOf", [])
    if NULL in kinds:
        media["schema"] = next(kind for kind in kinds if kind != NULL)
        body["required"] = False


def _answers(operation: Part, method: str) -> None:
    name, responses = operation["operationId"], operation["responses"]
    granted = responses[min(responses)]
    places, takers = LINKS.get(name, ({}, []))
    for taker in takers:
        granted.setdefault("links", {})[taker] = {
            "operationId": taker,
            "parameters": {key: f"$response.body#/{place}" for key, place in places.items()},
        }
    if granted["description"] in LITESTARS:
        granted["description"] = "Done."
    if name in LATER:
        responses["202"] = {"description": LATER[name], "content": granted["content"]}
    reads = method == "get"
    for code, meaning in REFUSALS.items():
        if (reads and code in WRITES) or (code == "402" and name not in MONEY):
            continue
        responses[code] = {"description": meaning, "content": _json("ErrorBody")}


def _words(operation_id: str) -> str:
    """`listPayments` → `List payments`."""
    return re.sub(r"([A-Z])", r" \1", operation_id).capitalize()


def _json(name: str) -> Part:
    return {"application/json": {"schema": {"$ref": REFERENCE.format(name=name)}}}
