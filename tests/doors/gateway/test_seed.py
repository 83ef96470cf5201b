"""The Test Merchant: made once, by whoever comes first, and what the environment says of it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from tillgate.connections.commands import Tools
from tillgate.connections.environment import adopt
from tillgate.doors.gateway.seed import MERCHANT_ID, is_wanted, prepare
from tillgate.kit import crypto, db
from tillgate.kit.crypto import Vault
from tillgate.kit.networks import Policy
from tillgate.merchants.commands import create_business
from tillgate.settings import Settings

NOW = datetime(2030, 1, 1, tzinfo=UTC)
SECRET = "a secret of these tests only and long enough"


@pytest.fixture
async def connections(database: str) -> AsyncIterator[list[Any]]:
    """Of several processes."""
    opened = [await asyncpg.connect(database) for _ in range(4)]
    for one in opened:
        await db.enter(one)
    yield opened
    for one in opened:
        await one.close()


def settings(database: str, **more: Any) -> Settings:
    own: dict[str, Any] = {
        "sandbox_url": "http://127.0.0.1:9",
        "sandbox_secret": "a secret of the sandbox's",
    }
    return Settings(database, (SECRET,), "http://127.0.0.1:8000", **(own | more))


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ({}, False), ({"dev": True}, True), ({"test_mode": True}, True),
        ({"api_key": "a"}, False), ({"api_secret": "b"}, False),
        ({"api_key": "a", "api_secret": "b"}, True), ({"test_api_key": "a"}, False),
    ],
)  # fmt: skip
def test_when_it_is_wanted(more: dict[str, Any], wanted: bool) -> None:
    assert is_wanted(settings("", **more)) is wanted


async def test_nobody_asked_for_it(database: str, connections: list[Any]) -> None:
    assert not await prepare(connections[0], settings(database), NOW)
    assert await connections[0].fetchval("SELECT count(*) FROM merchants") == 0


async def test_processes_that_start_together_make_one(
    database: str, connections: list[Any]
) -> None:
    own = settings(database, dev=True)
    for _ in range(2):
        done = await asyncio.gather(*(prepare(one, own, NOW) for one in connections))
        assert done == [True] * 4
    [first] = connections[:1]
    merchants = await first.fetch("SELECT id, livemode, name FROM merchants ORDER BY livemode")
    assert [(row["livemode"], row["name"]) for row in merchants] == [
        (False, "Test Merchant"), (True, "Test Merchant"),
    ]  # fmt: skip
    assert merchants[0]["id"] == MERCHANT_ID
    assert await first.fetchval("SELECT count(*) FROM api_keys") == 2
    assert await first.fetchval("SELECT count(*) FROM connections") == 1
    lines = await first.fetchval("SELECT count(*) FROM audit")
    assert await prepare(first, own, NOW)
    assert await first.fetchval("SELECT count(*) FROM audit") == lines, "nothing was changed"


async def test_keys_follow_the_environment_there_and_back(
    database: str, connections: list[Any]
) -> None:
    [one] = connections[:1]
    for api_key, api_secret in (
        ("key_a", "secret_a"),
        ("key_b", "secret_b"),
        ("key_a", "secret_b"),
    ):
        own = settings(database, api_key=api_key, api_secret=api_secret)
        assert await prepare(one, own, NOW)
        rows = await one.fetch("SELECT kind, digest FROM api_keys WHERE revoked_at IS NULL")
        assert {row["kind"]: row["digest"] for row in rows} == {
            "publishable": crypto.sha256(api_key.encode()),
            "secret": crypto.sha256(api_secret.encode()),
        }
    texts = [row[0] for row in await one.fetch("SELECT k::text FROM api_keys k")]
    assert not [text for text in texts if "secret_a" in text]


async def test_a_key_of_somebody_elses_is_left_to_them(
    database: str, connections: list[Any]
) -> None:
    [one] = connections[:1]
    theirs = (await create_business(one, "Shop", NOW)).test
    own = settings(database, api_key=theirs.publishable_key, api_secret="secret_a")
    assert not await prepare(one, own, NOW)
    owner = await one.fetchval(
        "SELECT merchant_id FROM api_keys WHERE digest = $1",
        crypto.sha256(theirs.publishable_key.encode()),
    )
    assert owner == theirs.merchant_id


async def test_it_is_nobodys_only_business(database: str, connections: list[Any]) -> None:
    """What the environment connects belongs to the business that somebody made."""
    [one] = connections[:1]
    own = settings(database, dev=True, webhook_secret="of an app of ours")
    tools = Tools(Vault((crypto.derive(SECRET, "vault"),)), Policy())
    await prepare(one, own, NOW)
    [lost] = await adopt(one, own, tools, NOW)
    assert lost.done == "refused"
    shop = await create_business(one, "Shop", NOW)
    [found] = await adopt(one, own, tools, NOW)
    assert found.done == "created"
    made = "SELECT merchant_id FROM connections WHERE environment = 'WEBHOOK_SECRET'"
    assert await one.fetchval(made) == shop.test.merchant_id


async def test_a_sandbox_that_has_moved(database: str, connections: list[Any]) -> None:
    [one] = connections[:1]
    for place in ("http://127.0.0.1:9", "http://127.0.0.1:10"):
        assert await prepare(one, settings(database, test_mode=True, sandbox_url=place), NOW)
        [known] = await one.fetch("SELECT settings FROM connections")
        assert f"{place}/api".encode() in bytes(known["settings"])


async def test_what_another_secret_sealed_stops_nothing_else(
    database: str, connections: list[Any]
) -> None:
    [one] = connections[:1]
    assert await prepare(one, settings(database, dev=True), NOW)
    other = settings(database, dev=True)._replace(secrets=("another secret, which is long enough",))
    assert not await prepare(one, other, NOW)
