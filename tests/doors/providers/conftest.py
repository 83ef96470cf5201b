"""A merchant that sells a service through a provider's site, on the running stack."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from tests.fakes.stripe import PUBLISHABLE_KEY, SECRET_KEY, WEBHOOK_SECRET, FakeStripe
from tests.flows.conftest import trading
from tests.flows.stack import Page, Received, Stack
from tests.flows.trade import Body, Trade
from tests.invariants import check_invariants
from tillgate.settings import Settings, from_environment

PATH = "/api/v1/create-payment-intent"
CREDENTIALS = {
    "secret_key": SECRET_KEY,
    "publishable_key": PUBLISHABLE_KEY,
    "webhook_secrets": [WEBHOOK_SECRET],
}


class Said(NamedTuple):
    status: int
    body: Any


class Seller:
    """A provider with its key, and what happens at the door."""

    def __init__(self, trade: Trade) -> None:
        self.trade = trade
        self.service: Body = {}
        self.provider: Body = {}

    async def opens(self, price: int = 500, webhook: str | None = None, **wanted: Any) -> None:
        """A service and its provider; `button`: the service's own at Stripe. `slug`: of both."""
        button = {"stripe_buy_button_id": b} if (b := wanted.pop("button", None)) else {}
        named = {"slug": wanted["slug"]} if "slug" in wanted else {}
        self.service = await self.trade.ask(
            "/v1/services",
            201,
            title="Premium Credits",
            price=price,
            currency="usd",
            **button,
            **named,
        )
        urls = {
            "success_redirect_url": "https://bitloader.example/ok?a={orderId}&b={orderId}",
            "cancel_redirect_url": "https://bitloader.example/no",
        }
        self.provider = await self.trade.ask(
            "/v1/providers", 201, name="Bitloader", service=self.service["id"],
            **(urls | ({"webhook_url": webhook} if webhook else {}) | wanted),
        )  # fmt: skip

    async def connects(self, fake: FakeStripe, **settings: Any) -> Body:
        return await self.trade.ask(
            "/v1/connections", 201, connector="stripe", credentials=CREDENTIALS,
            settings={"api_base": fake.url, **settings},
        )  # fmt: skip

    async def says(self, **body: Any) -> Said:
        answer = await self.trade.anyone.post(self.trade.url + PATH, json=body)
        return Said(answer.status_code, answer.json())

    async def asks(self, status: int = 200, **body: Any) -> Body:
        """With the provider's key."""
        said = await self.says(apiKey=self.provider["api_key"], **body)
        assert said.status == status, said
        return said.body

    async def get(self, path: str) -> httpx.Response:
        return await self.trade.anyone.get(self.trade.url + path)

    async def page(self, said: Body) -> Page:
        """What its payer sees at first."""
        answer = await self.trade.anyone.get(said["checkoutUrl"], follow_redirects=True)
        return Page(str(answer.url), answer.status_code, answer.text)

    async def payments(self, said: Body) -> list[Body]:
        """The order's payments, the newest first."""
        return (await self.trade.get("/v1/payments", order=said["orderId"]))["data"]

    async def payment(self, said: Body) -> Body:
        """The order's only payment."""
        [found] = await self.payments(said)
        return found

    async def sent_to_sandbox(self, said: Body) -> Body:
        """The payer has pressed the button of the page."""
        page = await self.trade.press(await self.page(said), "/pay")
        assert page.url.startswith(self.trade.sandbox_url), page.url
        return (await self.payments(said))[0]

    async def is_paid(self, said: Body) -> Body:
        payment = await self.sent_to_sandbox(said)
        await self.trade.approve(payment)
        return await self.trade.until(payment["id"], "succeeded")

    async def fails(self, said: Body) -> Body:
        payment = await self.sent_to_sandbox(said)
        await self.trade.control("POST", f"/payments/{payment['id']}/decline")
        return await self.trade.until(payment["id"], "failed")


@pytest.fixture
def settings(dev_folder: Path) -> Settings:
    """What the running gateway was started with."""
    return from_environment(json.loads((dev_folder / "data/environment.json").read_text()))


@pytest.fixture
async def trade(stack: Stack, settings: Settings) -> AsyncIterator[Trade]:
    """A merchant of its own, connected to the sandbox; every invariant holds after its story."""
    async with trading(stack, settings) as trade:
        yield trade
    await check_invariants(stack.database_url)


@pytest.fixture
def seller(trade: Trade) -> Seller:
    return Seller(trade)


@pytest.fixture
async def selling(seller: Seller, shop: Received) -> Seller:
    """Credits of 5.00 each; its own server hears of what is paid."""
    await seller.opens(webhook=shop.url)
    return seller


@pytest.fixture
async def fake() -> AsyncIterator[FakeStripe]:
    fake = FakeStripe()
    await fake.start()
    yield fake
    await fake.stop()
