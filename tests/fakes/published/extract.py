"""Makes `schemas.json` of Stripe's OpenAPI document: the objects, lists and errors that the fake
gives, as JSON Schema. What is narrowed on the way, and why, stands in README.md.

    python -m tests.fakes.published.extract PLACE/embedded/openapi/spec3.json
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from tests.fakes.published.differences import ALWAYS, NEWER, SOMETIMES, WORDS

Schema = dict[str, Any]
Components = dict[str, Schema]

SCHEMAS = Path(__file__).with_name("schemas.json")
LISTS = ("/v1/charges", "/v1/disputes", "/v1/refunds", "/v1/payment_intents/search")
GIVEN = {
    *("account", "account_capabilities"),
    *("api_errors", "error"),
    *("billing_details", "charge"),
    *("checkout.session", "payment_pages_checkout_session_automatic_tax"),
    *("payment_pages_checkout_session_custom_text",),
    *("dispute", "dispute_enhanced_eligibility", "dispute_enhanced_evidence"),
    *("dispute_evidence", "dispute_evidence_details"),
    *("event", "notification_event_data", "notification_event_request"),
    *("payment_intent", "payment_intent_next_action"),
    "payment_intent_next_action_cashapp_handle_redirect_or_display_qr_code",
    "payment_intent_next_action_cashapp_qr_code",
    "refund",
}
"""The components that the fake gives. A value of another one is refused."""

REF = "#/components/schemas/"
KEPT = {"type", "enum", "format", "maxLength", "pattern", "additionalProperties"}
NEVER = False
"""The schema that nothing fits."""


def main(source: Path) -> None:
    text = source.read_bytes()
    spec = json.loads(text)
    made = {
        "$comment": f"Stripe's OpenAPI document {spec['info']['version']},"
        f" sha256 {hashlib.sha256(text).hexdigest()}; see README.md",
        "$defs": definitions(spec),
    }
    SCHEMAS.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n")


def definitions(spec: Schema) -> Components:
    """By a component's name, or by a list's path."""
    components: Components = spec["components"]["schemas"]
    found = {name: _schema(components[name], name) for name in GIVEN}
    for path in LISTS:
        answer = spec["paths"][path]["get"]["responses"]["200"]
        found[list_name(path)] = _schema(answer["content"]["application/json"]["schema"], path)
    return found


def list_name(path: str) -> str:
    return path.removeprefix("/v1/").replace("/", ".")


def _schema(told: Schema, component: str = "") -> Any:
    if "$ref" in told:
        name = told["$ref"].removeprefix(REF)
        return {"$ref": f"#/$defs/{name}"} if name in GIVEN else NEVER
    made: Schema = {key: value for key, value in told.items() if key in KEPT}
    if "anyOf" in told:
        given = [one for one in map(_schema, told["anyOf"]) if one is not NEVER]
        made["anyOf"] = given or [NEVER]
    if "items" in told:
        made["items"] = _schema(told["items"])
    if isinstance(made.get("additionalProperties"), dict):
        made["additionalProperties"] = _schema(made["additionalProperties"])
    if "properties" in told:
        made |= _members(told, component)
    return _or_null(made) if told.get("nullable") else made


def _members(told: Schema, component: str) -> Schema:
    """Stripe's required ones never are null; those that may be null are there too, as null."""
    published: Components = told["properties"]
    members = {name: _schema(one) for name, one in published.items()}
    for name, words in WORDS.get(component, {}).items():
        members[name]["enum"] = _with(members[name]["enum"], words)
    null = {name for name, one in published.items() if one.get("nullable")}
    required = {*told.get("required", ()), *null} - SOMETIMES.get(component, set())
    newer = NEWER.get(component, {})
    assert not newer.keys() & members.keys(), "the document has them by now"
    required |= ALWAYS.get(component, set()) | newer.keys()
    return {
        "properties": members | newer,
        "required": sorted(required),
        "additionalProperties": False,
    }


def _with(words: list[str], more: list[str]) -> list[str]:
    assert not {*words} & {*more}, "the document has them by now"
    return words + more


def _or_null(made: Schema) -> Schema:
    if "anyOf" in made:
        return {"anyOf": [*made["anyOf"], {"type": "null"}]}
    if "enum" in made:
        made["enum"] = [*made["enum"], None]
    return made | {"type": [made["type"], "null"]}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
