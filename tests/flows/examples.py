"""The examples of docs/reference/api and of some guides: commands, and what they answer."""

import re
from pathlib import Path
from typing import Any, NamedTuple, cast

from tests.flows.typed import commands_in
from tests.house.tree import ROOT, files

PAGES = files(ROOT / "docs/reference/api", ".md")
STORIES = ("first-payment", "idempotency", "refunds", "testing", "webhooks")
GUIDES = [ROOT / f"docs/guides/{name}.md" for name in STORIES]
API = "http://127.0.0.1:8000"

LOOSE = {"duration_ms", "under_lease"}
"""Numbers that are never twice the same; so are moments."""

MOMENT_MIN_S = 1_600_000_000
EXAMPLE = re.compile(r"^```sh\n(.*?)^```$(?:\n\n```json\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)
METHOD = re.compile(r"-X (\w+)")
ADDRESS = re.compile(rf'{API}(/v1/[^\s"?]*)')
REST = "…"
"""As a member of an object, or the last of a list: there is more, shown elsewhere."""

Schema = dict[str, Any]


class Example(NamedTuple):
    """What is typed, one after the other; what the last of it answers, when that is shown."""

    commands: list[str]
    answer: str | None


def examples_of(page: Path) -> list[Example]:
    found: list[tuple[str, str]] = EXAMPLE.findall(page.read_text())
    return [Example(commands_in(block), answer or None) for block, answer in found]


def call_of(command: str) -> tuple[str, str] | None:
    """(method, path) of a command to our API."""
    address = ADDRESS.search(command)
    if address is None:
        return None
    method = METHOD.search(command)
    with_body = "--json" in command
    return method[1] if method else "POST" if with_body else "GET", address[1]


def as_template(path: str, templates: set[str]) -> str:
    """`/v1/payments/$PAYMENT` → `/v1/payments/{payment}`; the plain path before the open one."""
    fitting = [t for t in templates if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", t), path)]
    return min(fitting, key=lambda template: template.count("{"))


def differences(shown: Any, real: Any, place: str = "") -> list[str]:
    """Where an answer is not as it is shown: the same members and types; the same values, but for
    moments, and for what an … leaves out."""
    if isinstance(shown, dict) and isinstance(real, dict):
        return _of_objects(cast("Schema", shown), cast("Schema", real), place)
    if isinstance(shown, list) and isinstance(real, list):
        shown, real = cast("list[Any]", shown), cast("list[Any]", real)
        wanted = shown[:-1] if shown[-1:] == [REST] else shown
        if len(wanted) > len(real) or (wanted is shown and len(real) > len(shown)):
            return [f"{place}: {len(real)} are there"]
        pairs = enumerate(zip(wanted, real, strict=False))
        return [line for n, (a, b) in pairs for line in differences(a, b, f"{place}[{n}]")]
    return [] if _alike(shown, real, place.rpartition(".")[2]) else [f"{place}: {real!r}"]


def _of_objects(shown: Schema, real: Schema, place: str) -> list[str]:
    wanted = shown.keys() - {REST}
    names = {*wanted} if REST in shown else wanted | real.keys()
    found: list[str] = []
    for name in sorted(names):
        if name not in shown or name not in real:
            found.append(f"{place}.{name}: only {'shown' if name in shown else 'answered'}")
        else:
            found += differences(shown[name], real[name], f"{place}.{name}")
    return found


def _alike(shown: Any, real: Any, name: str) -> bool:
    if type(shown) is not type(real):
        return False
    if isinstance(shown, str):
        return re.fullmatch(re.escape(shown).replace(REST, ".+"), real) is not None
    if type(shown) is int:
        return name in LOOSE or shown == real or min(shown, real) > MOMENT_MIN_S
    return shown == real


def unknown(shown: Any, schema: Schema, schemas: Schema, place: str = "") -> list[str]:
    """Members that are shown, and the schema does not have."""
    kinds = _kinds(schema, schemas)
    if isinstance(shown, list):
        inner = [kind["items"] for kind in kinds if "items" in kind]
        every = cast("list[Any]", shown)
        return [
            line for one in every for line in unknown(one, {"anyOf": inner}, schemas, f"{place}[]")
        ]
    if not isinstance(shown, dict) or any(_is_open(kind) for kind in kinds):
        return []
    found: list[str] = []
    for name, part in cast("Schema", shown).items():
        inner = [kind["properties"][name] for kind in kinds if name in kind.get("properties", {})]
        if inner:
            found += unknown(part, {"anyOf": inner}, schemas, f"{place}.{name}")
        elif name != REST:
            found.append(f"{place}.{name}")
    return found


def _is_open(kind: Schema) -> bool:
    """Whether its members are anybody's."""
    return kind.get("type") == "object" and "properties" not in kind


def _kinds(schema: Schema, schemas: Schema) -> list[Schema]:
    """What it may be, with every reference followed."""
    if "$ref" in schema:
        return _kinds(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    parts = schema.get("anyOf") or schema.get("oneOf")
    if not parts or "properties" in schema:
        return [schema]
    return [kind for part in parts for kind in _kinds(part, schemas)]


def names_in(answer: Any) -> dict[str, str]:
    """The variables that following commands use: `$PAYMENT` is the last payment's id, and
    `$REFUND_REFERENCE` what the last refund is called elsewhere."""
    listed = answer.get("data")
    if answer.get("object") == "list":
        return names_in(listed[0]) if listed else {}
    if "id" not in answer or "object" not in answer:
        return {}
    name = answer["object"].upper()
    there = {f"{name}_REFERENCE": answer["reference"]} if answer.get("reference") else {}
    return {name: answer["id"], **there}
