"""Connections that the environment asks for: made once, found again, changed with the values."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import msgspec
import pytest

from tests.flows.stack import until
from tests.flows.typed import typing
from tillgate.cli.ports import free_port
from tillgate.connections.commands import Tools
from tillgate.connections.environment import Adopted, adopt, sources
from tillgate.connections.store import credentials_place
from tillgate.kit import clock, crypto, ids
from tillgate.kit.crypto import Vault
from tillgate.kit.db import enter, set_up
from tillgate.kit.networks import Policy
from tillgate.merchants.commands import Created, create_business
from tillgate.settings import Settings, SettingsError, from_environment

Db = Any
BASE = {
    "DATABASE_URL": "postgresql://nobody",
    "TILLGATE_SECRET": "a secret of these tests only and long enough",
    "TILLGATE_PUBLIC_URL": "https://pay.example.com",
}
SECRET = "what-the-app-signs-with"
VAULT = Vault((crypto.derive(BASE["TILLGATE_SECRET"], "vault"),))
TOOLS = Tools(VAULT, Policy())


def said(**environ: str) -> Settings:
    return from_environment({**BASE, **environ})


@pytest.fixture
async def db(database: str) -> AsyncIterator[Db]:
    connection = await asyncpg.connect(database)
    await set_up(connection)
    yield connection
    await connection.close()


@pytest.fixture
async def shop(db: Db) -> Created:
    """The only business."""
    return await create_business(db, "Shop", clock.now())


async def adopted(db: Db, settings: Settings) -> list[str]:
    return [one.done for one in await adopt(db, settings, TOOLS, clock.now())]


async def rows(db: Db) -> list[Any]:
    return await db.fetch("SELECT * FROM connections ORDER BY id")


def opened(row: Any) -> Any:
    return msgspec.json.decode(
        VAULT.open(row["credentials"], credentials_place(row["merchant_id"], row["id"]))
    )


async def test_it_is_made_once_and_changed_with_the_values(db: Db, shop: Created) -> None:
    assert await adopted(db, said()) == []
    assert await adopted(db, said(WEBHOOK_SECRET=SECRET)) == ["created"]
    [row] = made = await rows(db)
    assert row["merchant_id"] == shop.test.merchant_id
    assert (row["connector"], row["environment"]) == ("external", "WEBHOOK_SECRET")
    assert opened(row)["signing_secrets"] == [SECRET]
    assert await adopted(db, said(WEBHOOK_SECRET=SECRET)) == ["unchanged"]
    assert await rows(db) == made
    changed = said(WEBHOOK_SECRET="another-secret", WEBHOOK_PAY_URL="https://app.example.com")
    assert await adopted(db, changed) == ["changed"]
    [row] = await rows(db)
    assert row["id"] == made[0]["id"]
    assert opened(row)["signing_secrets"] == ["another-secret"]
    assert b"app.example.com" in bytes(row["settings"])
    lines = await db.fetch("SELECT actor, action, after::text FROM audit WHERE actor = $1",
                           "environment")  # fmt: skip
    assert [line["action"] for line in lines] == ["connection.create", "connection.roll"]
    assert "another-secret" not in str(lines)


async def test_what_somebody_else_chose_of_it_stays(db: Db, shop: Created) -> None:
    await adopted(db, said(WEBHOOK_SECRET=SECRET))
    await db.execute("UPDATE connections SET state = 'disabled', priority = 7, name = 'Ours'")
    await adopted(db, said(WEBHOOK_SECRET="another-secret"))
    [row] = await rows(db)
    assert (row["state"], row["priority"], row["name"]) == ("disabled", 7, "Ours")
    assert opened(row)["signing_secrets"] == ["another-secret"]
    assert await adopted(db, said()) == []
    assert await rows(db) == [row]
    assert row["merchant_id"] == shop.test.merchant_id


async def test_those_made_by_hand_are_never_touched(db: Db, shop: Created) -> None:
    await adopted(db, said(WEBHOOK_SECRET=SECRET))
    await db.execute("UPDATE connections SET environment = NULL, name = 'By hand'")
    by_hand = await rows(db)
    assert await adopted(db, said(WEBHOOK_SECRET="another-secret")) == ["created"]
    assert (await rows(db))[:1] == by_hand
    assert len(await rows(db)) == 2
    assert shop.test.merchant_id == by_hand[0]["merchant_id"]


async def test_processes_that_start_together_make_one(database: str, shop: Created) -> None:
    connections = [await asyncpg.connect(database) for _ in range(4)]
    for connection in connections:
        await enter(connection)
    done = await asyncio.gather(
        *(adopted(connection, said(WEBHOOK_SECRET=SECRET)) for connection in connections)
    )
    assert sorted(one for [one] in done) == ["created", "unchanged", "unchanged", "unchanged"]
    [row] = await rows(connections[0])
    assert row["merchant_id"] == shop.test.merchant_id
    for connection in connections:
        await connection.close()


async def test_the_merchant_that_is_meant(db: Db) -> None:
    settings = said(WEBHOOK_SECRET=SECRET)
    [nobody] = await adopt(db, settings, TOOLS, clock.now())
    assert nobody.done == "refused"
    first = await create_business(db, "First", clock.now())
    second = await create_business(db, "Second", clock.now())
    [unclear] = await adopt(db, settings, TOOLS, clock.now())
    assert "TILLGATE_DEFAULT_MERCHANT" in (unclear.why or "")
    demo = await create_business(db, "Demo", clock.now())
    await adopted(db, settings)
    named = second.live_merchant_id
    await adopted(db, settings._replace(default_merchant=named))
    gone = await adopt(db, settings._replace(default_merchant=ids.mint()), TOOLS, clock.now())
    assert [one.done for one in gone] == ["refused"]
    assert [row["merchant_id"] for row in await rows(db)] == [demo.test.merchant_id, named]
    assert first.test.merchant_id not in [row["merchant_id"] for row in await rows(db)]


async def test_what_makes_no_sense_is_refused(db: Db, shop: Created) -> None:
    live = said(WEBHOOK_SECRET="short")._replace(default_merchant=shop.live_merchant_id)
    short = await adopt(db, live, TOOLS, clock.now())
    assert [one.done for one in short] == ["refused"]
    assert "short" not in (short[0].why or "")
    private = said(WEBHOOK_SECRET=SECRET, WEBHOOK_PAY_URL="http://10.0.0.1/pay")
    assert await adopted(db, private) == ["refused"]
    assert await rows(db) == []


async def test_serve_does_it_when_it_starts(database: str, db: Db, shop: Created) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    environment = {
        **BASE, "DATABASE_URL": database, "PORT": url.rpartition(":")[2],
        "TILLGATE_PUBLIC_URL": url, "WEBHOOK_SECRET": SECRET,
    }  # fmt: skip
    async with typing("tillgate serve", environment) as serve:
        [row] = await until(lambda: rows(db), bool)
        assert row["merchant_id"] == shop.test.merchant_id
        assert serve.returncode is None


# ---- Stripe ----------------------------------------------------------------------------------

TEST_KEY, LIVE_KEY = "sk_test_" + "a" * 24, "rk_live_" + "b" * 24


def test_stripes_variables_are_one_account_offered_for_each_method() -> None:
    source, *others = sources(
        said(
            STRIPE_SECRET_KEY=TEST_KEY,
            NEXT_PUBLIC_STRIPE_PUBLISHABLE_KEY="pk_test_1",
            STRIPE_WEBHOOK_SECRET="whsec_1",
            STRIPE_WEBHOOKS_ENDPOINT_SECRET="whsec_2",
        )
    )
    assert source.credentials == {
        "secret_key": TEST_KEY,
        "publishable_key": "pk_test_1",
        "webhook_secrets": ["whsec_1", "whsec_2"],
    }
    assert (source.settings, source.livemode) == ({"method": "card"}, False)
    assert [one.settings["method"] for one in others] == ["cashapp", "buy_button"]
    assert all(one.credentials == source.credentials for one in others)
    assert all(one.priority < source.priority for one in others)
    live, cashapp = sources(said(STRIPE_SECRET_KEY=LIVE_KEY))
    assert (live.settings, live.livemode) == ({"method": "checkout"}, True)
    assert cashapp.settings == {"method": "cashapp"}  # no publishable key, so no button
    assert list(sources(said(STRIPE_WEBHOOK_SECRET="whsec_1"))) == []


def test_the_plain_name_goes_before_the_one_of_another_house() -> None:
    both = {"STRIPE_PUBLISHABLE_KEY": "pk_1", "NEXT_PUBLIC_STRIPE_PUBLISHABLE_KEY": "pk_2"}
    assert said(**both).stripe_publishable_key == "pk_1"


async def test_a_key_finds_the_merchant_of_its_mode(db: Db, shop: Created) -> None:
    for key, merchant_id in (
        (TEST_KEY, shop.test.merchant_id),
        (LIVE_KEY, shop.live_merchant_id),
    ):
        settings = said(STRIPE_SECRET_KEY=key, STRIPE_WEBHOOK_SECRET="whsec_of_this_test")
        done = await adopt(db, settings, TOOLS, clock.now())
        assert done == [
            Adopted("STRIPE_SECRET_KEY", "created"),
            Adopted("STRIPE_SECRET_KEY cashapp", "created"),
        ]
        assert await adopted(db, settings) == ["unchanged", "unchanged"]
        assert (await rows(db))[-1]["merchant_id"] == merchant_id


def test_a_merchant_that_is_none_is_a_wrong_setting() -> None:
    with pytest.raises(SettingsError, match="TILLGATE_DEFAULT_MERCHANT"):
        said(TILLGATE_DEFAULT_MERCHANT="shop")
    merchant = ids.mint()
    shown = ids.show("mer", merchant)
    assert said(TILLGATE_DEFAULT_MERCHANT=shown).default_merchant == merchant
