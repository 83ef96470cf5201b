"""docs/doors/gateway.md: every command is typed and answers what is shown, as one story."""

import json
from typing import Any

from tests.conftest import public_folder
from tests.doors.gateway.conftest import QUICK
from tests.flows.examples import API, differences, examples_of
from tests.flows.fixtures import running
from tests.flows.stack import Received, until
from tests.flows.typed import typed
from tests.house.tree import ROOT

PAGE = ROOT / "docs/doors/gateway.md"
EXAMPLES = examples_of(PAGE)
TYPED = {command for one in EXAMPLES for command in one.commands}
NAMES = {"order": "ORDER", "pay": "PAYMENT", "rfnd": "REFUND"}


async def test_the_examples_of_the_page_answer_what_is_shown(shop: Received) -> None:
    for folder in public_folder():
        async with running(folder / "data", QUICK) as stack:
            reader = Reader({API: stack.url, "http://127.0.0.1:4242/webhooks": shop.url})
            for commands, answer in EXAMPLES:
                assert len(commands) == 1
                assert answer is not None
                assert await reader.sees(commands[0], json.loads(answer)) == [], commands


class Reader:
    """Somebody who types one command after the other."""

    def __init__(self, places: dict[str, str]) -> None:
        self._places = places
        self._variables = {"KEY": "order-10482"}

    async def sees(self, command: str, shown: Any) -> list[str]:
        """How the answer differs; what is only read is read until a worker has done its part."""

        async def ask() -> list[str]:
            return differences(shown, await self._type(command))

        if "-X " in command:
            return await ask()
        return await until(ask, lambda differing: not differing)

    async def _type(self, command: str) -> Any:
        for written, real in self._places.items():
            command = command.replace(written, real)
        said = await typed(command.replace("curl ", "curl --silent ", 1), self._variables)
        for written, real in self._places.items():
            said = said.replace(real, written)
        answer = json.loads(said)
        one = answer["data"][0] if "data" in answer else answer
        kind, _, rest = one.get("id", "").partition("_")
        self._variables[NAMES[kind] if rest else "LOG"] = one.get("id", "")
        return answer
