"""docs/doors/providers.md: every command is typed and answers what is shown, as one story."""

import json
from typing import Any

from tests.conftest import public_folder
from tests.flows.examples import API, differences, examples_of
from tests.flows.fixtures import running
from tests.flows.stack import Received
from tests.flows.typed import typed
from tests.house.tree import ROOT

PAGE = ROOT / "docs/doors/providers.md"
EXAMPLES = examples_of(PAGE)
TYPED = {command for one in EXAMPLES for command in one.commands}


async def test_the_examples_of_the_page_answer_what_is_shown(shop: Received) -> None:
    for folder in public_folder():
        async with running(folder / "data") as stack:
            variables = {"SECRET_KEY": stack.ready["secret_key"]}
            places = {API: stack.url, "http://127.0.0.1:4242/webhooks": shop.url}
            for commands, shown in EXAMPLES:
                answers = [await answer_to(one, places, variables) for one in commands]
                if shown is not None:
                    assert differences(json.loads(shown), answers[-1]) == [], commands
    assert len([shown for _, shown in EXAMPLES if shown]) >= 8


async def answer_to(command: str, places: dict[str, str], variables: dict[str, str]) -> Any:
    """What it answers; the ids and keys in it are known from then on."""
    for written, real in places.items():
        command = command.replace(written, real)
    said = await typed(command.replace("curl ", "curl --silent ", 1), variables)
    for written, real in places.items():
        said = said.replace(real, written)
    answer = json.loads(said)
    if "object" in answer:
        variables[answer["object"].upper()] = answer["id"]
        variables |= {"API_KEY": answer["api_key"]} if "api_key" in answer else {}
    return answer
