"""docs/reference/api: every call has an example, which is typed here and answers what is shown; so
are the examples of the guides that tell a story."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.flows.examples import (
    API,
    GUIDES,
    PAGES,
    Schema,
    as_template,
    call_of,
    differences,
    examples_of,
    names_in,
    unknown,
)
from tests.flows.stack import PATIENCE_S, Received, Stack
from tests.flows.trade import Trade
from tests.flows.typed import typed
from tests.house.tree import bare, rows, shown

TOLD = [*PAGES, *GUIDES]
TYPED = {command for page in TOLD for one in examples_of(page) for command in one.commands}
FEW = 2
LIKE_ANOTHER = re.compile(r"Created|Deleted|Expanded|Error|.*List$")


class Reader:
    """Somebody who types the commands of a page, one after the other."""

    def __init__(self, trade: Trade, shop: Received) -> None:
        self.places = {
            API: trade.url,
            "http://127.0.0.1:8001": trade.sandbox_url,
            "http://127.0.0.1:4242/webhooks": shop.url,
        }
        self.variables = {"SECRET_KEY": trade.ready["secret_key"]}

    async def types(self, command: str, *, refused: bool = False) -> Any:
        for written, real in self.places.items():
            command = command.replace(written, real)
        quiet = "--silent" if refused else "--silent --fail-with-body"
        said = await typed(command.replace("curl ", f"curl {quiet} ", 1), self.variables)
        for written, real in self.places.items():
            said = said.replace(real, written)
        answer = json.loads(said)
        self.variables |= names_in(answer)
        return answer

    async def sees(self, command: str, shown: Any) -> list[str]:
        """How the answer differs from what is shown, once workers had the time to do their part."""
        call = call_of(command)
        async with asyncio.timeout(2 * PATIENCE_S):
            for left in range(int(PATIENCE_S), -1, -1):
                differing = differences(shown, await self.types(command, refused="error" in shown))
                if not differing or not left or call is None or call[0] != "GET":
                    return differing
                await asyncio.sleep(0.3)
        raise AssertionError("unreachable")


@pytest.mark.parametrize("page", TOLD, ids=shown)
async def test_the_examples_of_a_page_answer_what_is_shown(
    trade: Trade, shop: Received, page: Path
) -> None:
    reader = Reader(trade, shop)
    for commands, answer in examples_of(page):
        *before, last = commands
        for command in before:
            await reader.types(command)
        if answer is None:
            await reader.types(last)
        else:
            assert await reader.sees(last, json.loads(answer)) == [], last


async def operations(stack: Stack) -> tuple[dict[tuple[str, str], Schema], Schema]:
    """((method, path) → operation, schemas) of the running gateway."""
    document = (await stack.api.get("/v1/openapi.json")).json()
    found = {
        (method.upper(), path): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }
    return found, document["components"]["schemas"]


async def test_every_call_has_an_example_and_stands_in_the_table(stack: Stack) -> None:
    known, _ = await operations(stack)
    templates = {path for _, path in known}
    shown: dict[tuple[str, str], Path] = {}
    for page in PAGES:
        for commands, answer in examples_of(page):
            call = call_of(commands[-1])
            if answer is not None and call is not None and "error" not in json.loads(answer):
                shown.setdefault((call[0], as_template(call[1], templates)), page)
    assert known.keys() - shown.keys() == set()
    table = [bare(cells[0]).split(" ") for cells in rows("docs/reference/api.md")]
    assert {(method, path) for method, path in table} == known.keys()
    assert len(table) == len(known)


async def test_what_is_shown_is_in_the_document(stack: Stack) -> None:
    known, schemas = await operations(stack)
    templates = {path for _, path in known}
    strange: list[str] = []
    for page in PAGES:
        for commands, answer in examples_of(page):
            call = call_of(commands[-1])
            if answer is None or call is None:
                continue
            shown = json.loads(answer)
            answers = known[call[0], as_template(call[1], templates)]["responses"]
            status = "400" if "error" in shown else min(answers)
            schema = answers[status]["content"]["application/json"]["schema"]
            strange += [f"{commands[-1]}: {one}" for one in unknown(shown, schema, schemas)]
    assert strange == []


async def test_tables_of_members_are_the_documents(stack: Stack) -> None:
    """A table whose head names a schema explains all of its members, and nothing else. Every schema
    has one, but for those of few words, and those that another one explains."""
    _, schemas = await operations(stack)
    explained = {name: members for page in PAGES for name, members in tables(page).items()}
    for name, members in explained.items():
        assert members == list(schemas[name]["properties"]), name
    large = {name for name, one in schemas.items() if len(one["properties"]) > FEW}
    assert {name for name in large - explained.keys() if not LIKE_ANOTHER.match(name)} == set()


def tables(page: Path) -> dict[str, list[str]]:
    """schema → the members that its table explains, in their order."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in page.read_text().splitlines():
        cell = line.split("|")[1].strip() if line.startswith("|") else ""
        if cell.startswith("`"):
            found[name] += bare(cell).split(", ")
        elif cell and not cell.startswith("-"):
            name = cell
            found[name] = []
    return found


def test_an_answer_that_differs_is_seen() -> None:
    shown = {"id": "pay_…", "created": 1_795_000_000, "data": [{"a": 1, "…": ""}], "b": None}
    real = {"id": "pay_1", "created": 1_796_000_000, "data": [{"a": 1, "z": 2}], "b": None}
    assert differences(shown, real) == []
    others: list[tuple[str, Any]] = [
        ("id", "ord_1"),
        ("created", 5),
        ("data", []),
        ("b", 0),
        ("c", 1),
    ]
    for name, value in others:
        assert differences(shown, {**real, name: value}), name
    schema: Schema = {"properties": {"id": {}, "data": {"items": {"properties": {"a": {}}}}}}
    assert unknown(shown, schema, {}) == [".created", ".b"]
