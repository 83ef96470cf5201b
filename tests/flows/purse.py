"""A user's wallet, driven over plain HTTP; and lists walked from end to end."""

from collections.abc import Callable
from itertools import count
from typing import Any

import httpx

from tests.flows.stack import Stack

_numbers = count(1)


class Purse:
    """A user nobody has heard of yet."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.user = f"w-{next(_numbers)}"
        self.path = f"/v1/wallets/{self.user}"

    async def post(self, path: str, key: str | None = None, **body: Any) -> httpx.Response:
        headers = {} if key is None else {"Idempotency-Key": key}
        return await self.stack.api.post(self.path + path, json=body, headers=headers)

    async def ask(self, path: str, **body: Any) -> dict[str, Any]:
        """The object that was made or changed."""
        wish = {"currency": "eur", **body}
        answer = await self.stack.api.post(self.path + path, json=wish)
        assert answer.status_code in {200, 201}, answer.text
        return answer.json()

    async def end(self, hold_id: str, how: str, **body: Any) -> httpx.Response:
        return await self.post(f"/holds/{hold_id}/{how}", **body)

    async def get(self, path: str = "", **query: Any) -> dict[str, Any]:
        answer = await self.stack.api.get(self.path + path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def balance(self, **query: Any) -> tuple[int, int, int, bool]:
        (one,) = (await self.get(currency="eur", **query))["balances"]
        assert one["currency"] == "eur"
        return one["total"], one["available"], one["held"], one["frozen"]


async def walk(ask: Callable[..., Any], limit: int, **query: Any) -> tuple[list[Any], list[Any]]:
    """A list a page at a time: from the newest on, and from the oldest back."""
    page = await ask(limit=limit, **query)
    down, up = list(page["data"]), list[Any]()
    while page["has_more"]:
        page = await ask(limit=limit, starting_after=down[-1]["id"], **query)
        assert page["data"]
        down += page["data"]
    page, cursor = {"has_more": True}, down[-1]["id"]
    while page["has_more"]:
        page = await ask(limit=limit, ending_before=cursor, **query)
        up = page["data"] + up
        cursor = up[0]["id"]
    return down, [*up, down[-1]]


async def audit(stack: Stack, **query: Any) -> list[dict[str, Any]]:
    answer = await stack.api.get("/v1/audit", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]
