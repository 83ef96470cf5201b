"""The example of the providers' own guide, with nothing but the base address replaced: a site in
Node that takes orders and hears of payments."""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import copy
from typing import Any

import httpx

from tests.doors.providers.conftest import Seller
from tests.flows.fixtures import free_port
from tests.flows.stack import until
from tests.house.tree import ROOT

SEED = Path(__file__).parent / "seed"
BASE = "https://dztech.shop"


@asynccontextmanager
async def site(seller: Seller, folder: Path) -> AsyncGenerator[httpx.AsyncClient]:
    """The provider's server, registered at ours."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    await seller.opens(webhook=f"{url}/api/webhooks/dztech")
    asking = (SEED / "payment.js").read_text()
    assert asking.count(BASE) == 1
    (folder / "payment.js").write_text(asking.replace(BASE, seller.trade.url))
    for name in ("webhooks.js", "site.js"):
        copy(SEED / name, folder)
    environment = {
        **os.environ, "PORT": str(port), "NODE_PATH": str(ROOT / "browser/node_modules"),
        "DZTECH_API_KEY": seller.provider["api_key"],
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        "node", str(folder / "site.js"), env=environment, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(30):
        assert await process.stdout.readline() == b"listening\n"
    async with httpx.AsyncClient(base_url=url, timeout=20) as client:
        yield client
    process.terminate()
    await process.wait()


async def bought(client: httpx.AsyncClient, quantity: int) -> dict[str, Any]:
    """As its page does it."""
    answer = await client.post("/api/create-payment", json={"quantity": quantity})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def state(client: httpx.AsyncClient) -> dict[str, Any]:
    return (await client.get("/state")).json()


async def test_the_guides_own_site_sells(seller: Seller, tmp_path: Path) -> None:
    async with site(seller, tmp_path) as client:
        session = await bought(client, 20)
        assert session.keys() == {"checkoutUrl", "orderId", "externalId"}
        await seller.is_paid(session)
        told = await until(lambda: state(client), lambda found: bool(found["confirmed"]))
        [order] = told["orders"]
        assert (order["status"], order["amount"]) == ("paid", 100)
        assert order["dztechOrderId"] == session["orderId"]
        assert told["credits"] == [["ada", 20]]
        assert told["confirmed"] == [["ada", {"amount": 100, "quantity": 20}]]

        session = await bought(client, 1)
        await seller.fails(session)
        told = await until(lambda: state(client), lambda found: bool(found["failed"]))
        assert [one["status"] for one in told["orders"]] == ["paid", "failed"]
        assert told["credits"] == [["ada", 20]]


async def test_the_guides_own_site_is_told_what_is_wrong(seller: Seller, tmp_path: Path) -> None:
    async with site(seller, tmp_path) as client:
        answer = await client.post("/api/create-payment", json={"quantity": 0.5})
        assert answer.json() == {"error": "Amount cannot be less than service price"}
