"""Driving a running gateway over plain HTTP, as merchants, payers and processors do."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from html import unescape
from typing import Any, NamedTuple, Self, TypeVar
from urllib.parse import urljoin

import httpx
from aiohttp import web

T = TypeVar("T")

PATIENCE_S = 15.0
"""How long something expected may take on a busy machine."""


class Webhook(NamedTuple):
    headers: dict[str, str]
    body: bytes


class Received:
    """What a merchant's server was sent, and what it answers: 200 unless `answers` says else."""

    def __init__(self) -> None:
        self.url = ""
        self.webhooks: list[Webhook] = []
        self.answers: list[int] = []
        self._news = asyncio.Condition()

    async def take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        async with self._news:
            self.webhooks.append(Webhook(headers, await request.read()))
            self._news.notify_all()
        return web.Response(status=self.answers.pop(0) if self.answers else 200)

    async def wait_for(self, count: int, about: str = "") -> list[Webhook]:
        """So many, or more; `about` one payment, as those of other stories expire meanwhile."""

        def told() -> list[Webhook]:
            return [webhook for webhook in self.webhooks if about.encode() in webhook.body]

        async with asyncio.timeout(PATIENCE_S), self._news:
            await self._news.wait_for(lambda: len(told()) >= count)
            return told()


class Page(NamedTuple):
    """A page that somebody looks at, as far as plain HTTP shows it."""

    url: str
    status: int
    text: str

    @property
    def state(self) -> str:
        found = re.search(r'data-state="(\w+)"', self.text)
        return found[1] if found else ""

    def form(self, ending: str) -> str:
        """The address of the form whose action ends so."""
        actions = [unescape(a) for a in re.findall(r'<form[^>]*action="([^"]+)"', self.text)]
        return urljoin(self.url, next(a for a in actions if a.endswith(ending)))


class Stack:
    """A merchant with its secret key, its payers, and the sandbox's control panel."""

    def __init__(self, ready: dict[str, Any]) -> None:
        self.ready = ready
        self.url: str = ready["url"]
        self.sandbox_url: str = ready["sandbox_url"]
        self.database_url: str = ready["database_url"]
        key = {"Authorization": f"Bearer {ready['secret_key']}"}
        self.api = httpx.AsyncClient(base_url=self.url, headers=key, timeout=20)
        self.anyone = httpx.AsyncClient(timeout=20)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.api.aclose()
        await self.anyone.aclose()

    async def create(self, **wanted: Any) -> dict[str, Any]:
        body = {"amount": 1050, "currency": "eur", **wanted}
        answer = await self.api.post("/v1/payments", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def payment(self, payment_id: str) -> dict[str, Any]:
        answer = await self.api.get(f"/v1/payments/{payment_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def look(self, url: str) -> Page:
        answer = await self.anyone.get(url)
        return Page(str(answer.url), answer.status_code, answer.text)

    async def press(self, page: Page, ending: str) -> Page:
        """Submits a form and goes where it leads."""
        answer = await self.anyone.post(page.form(ending), follow_redirects=True)
        return Page(str(answer.url), answer.status_code, answer.text)

    async def send_payer(self, payment: dict[str, Any]) -> Page:
        """The payer opens the checkout and is sent to the processor; answers the page there."""
        page = await self.press(await self.look(payment["checkout_url"]), "/pay")
        assert page.url.startswith(self.sandbox_url), page.url
        return page

    async def control(self, method: str, path: str, json: Any = None) -> Any:
        answer = await self.anyone.request(method, f"{self.sandbox_url}/control{path}", json=json)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def until(self, payment_id: str, status: str) -> dict[str, Any]:
        """The payment, once it has this status."""
        return await until(
            lambda: self.payment(payment_id), lambda found: found["status"] == status
        )


async def until(ask: Callable[[], Awaitable[T]], good: Callable[[T], bool]) -> T:
    """Asks again until the answer is good; the last answer is in the error when it never is."""
    answer = await ask()
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not good(answer):
                await asyncio.sleep(0.05)
                answer = await ask()
    except TimeoutError:
        raise AssertionError(f"still not: {answer}") from None
    return answer
