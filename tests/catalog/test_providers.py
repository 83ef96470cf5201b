"""Providers over plain HTTP: their keys, which are shown once and rolled; their endpoints, which
come, move and go with them; what is refused."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.catalog.test_services import CREDITS, NEVER, lines_of, parsed
from tests.flows.purse import walk
from tests.flows.stack import Received
from tests.flows.test_bad_input import error_of
from tests.flows.trade import Body, Trade
from tillgate.catalog import store
from tillgate.kit import crypto, db, ids
from tillgate.kit.db import Pool
from tillgate.webhooks.commands import ENDPOINTS_MAX

Db = Any
SECRETS = ("api_key", "webhook_secret")


@pytest.fixture
async def pool(trade: Trade) -> AsyncIterator[Pool]:
    pool = await db.open_pool(trade.database_url, 2)
    yield pool
    await pool.close()


@pytest.fixture
async def service(trade: Trade) -> str:
    return (await trade.ask("/v1/services", 201, **CREDITS))["id"]


async def make(trade: Trade, service: str, **said: Any) -> Body:
    wanted = {"name": "Bitloader", "service": service, **said}
    return await trade.ask("/v1/providers", 201, **wanted)


async def endpoints(trade: Trade) -> list[Body]:
    return (await trade.get("/v1/webhook_endpoints"))["data"]


def shown(provider: Body) -> Body:
    """As it is shown later."""
    return {name: value for name, value in provider.items() if name not in SECRETS}


async def test_a_provider_is_what_was_asked(trade: Trade, service: str) -> None:
    plain = await make(trade, service)
    key = plain["api_key"]
    assert plain | {"id": "", "created": 0, "updated": 0, "api_key": ""} == {
        "id": "", "object": "provider", "name": "Bitloader", "slug": "bitloader",
        "service": service, "status": "active", "use_stripe_checkout": False,
        "webhook_url": None, "webhook_endpoint": None, "success_redirect_url": None,
        "cancel_redirect_url": None, "description": None, "api_key_hint": f"provider_…{key[-4:]}",
        "last_used_at": None, "created": 0, "updated": 0, "livemode": False, "api_key": "",
    }  # fmt: skip
    said: Body = {
        "name": "Other", "slug": "the-other", "use_stripe_checkout": True, "status": "inactive",
        "success_redirect_url": "https://a.example/{orderId}?o={orderId}",
        "cancel_redirect_url": "http://a.example/", "description": "Resells",
    }  # fmt: skip
    full = await make(trade, service, **said)
    assert {name: full[name] for name in said} == said
    assert await trade.get(f"/v1/providers/{full['id']}") == shown(full)


async def test_a_key_opens_what_its_provider_sells(trade: Trade, service: str, pool: Pool) -> None:
    made = await make(trade, service)
    selling = await store.provider_by_key(pool, made["api_key"])
    assert selling is not None
    assert selling.merchant_id == parsed("mer", trade.ready["merchant"])
    assert (selling.livemode, selling.service.title) == (False, "Premium Credits")
    assert ids.show("prov", selling.provider.id) == made["id"]
    assert ids.show("svc", selling.service.id) == service
    path = f"/v1/providers/{made['id']}"
    used = (await trade.get(path))["last_used_at"]
    assert used >= made["created"]
    await trade.ask(path, status="inactive")
    assert await store.provider_by_key(pool, made["api_key"]) is None
    await trade.ask(path, status="active")
    assert await store.provider_by_key(pool, made["api_key"]) is not None
    assert await store.provider_by_key(pool, made["api_key"][:-1] + "\n") is None


async def test_use_is_noted_once_a_minute(trade: Trade, service: str, pool: Pool, db: Db) -> None:
    made = await make(trade, service)
    provider_id = parsed("prov", made["id"])

    async def used() -> Any:
        await asyncio.gather(*(store.provider_by_key(pool, made["api_key"]) for _ in range(4)))
        return await db.fetchval("SELECT last_used_at FROM providers WHERE id = $1", provider_id)

    first = await used()
    assert first is not None
    assert await used() == first
    await db.execute(
        "UPDATE providers SET last_used_at = last_used_at - interval '61 s' WHERE id = $1",
        provider_id,
    )
    assert await used() > first


async def test_a_rolled_key_is_dead_at_once(trade: Trade, service: str, pool: Pool) -> None:
    made = await make(trade, service)
    path = f"/v1/providers/{made['id']}"
    rolled = await trade.ask(f"{path}/roll_key")
    assert rolled["api_key"] != made["api_key"]
    assert rolled["api_key_hint"] == f"provider_…{rolled['api_key'][-4:]}"
    assert await store.provider_by_key(pool, made["api_key"]) is None
    assert await store.provider_by_key(pool, rolled["api_key"]) is not None
    again = [await trade.send(f"{path}/roll_key", "again") for _ in range(2)]
    assert again[0].json() == again[1].json()
    assert await store.provider_by_key(pool, again[0].json()["api_key"]) is not None
    actions = [line["action"] for line in await lines_of(trade, made["id"])]
    assert actions == ["provider.roll_key", "provider.roll_key", "provider.create"]


async def test_of_all_who_roll_the_last_one_has_the_key(
    trade: Trade, service: str, pool: Pool
) -> None:
    made = await make(trade, service)
    path = f"/v1/providers/{made['id']}/roll_key"
    keys = [one["api_key"] for one in await asyncio.gather(*(trade.ask(path) for _ in range(5)))]
    opening = [key for key in keys if await store.provider_by_key(pool, key) is not None]
    assert (len(set(keys)), len(opening)) == (5, 1)


async def test_no_secret_is_kept_in_clear(trade: Trade, service: str, db: Db) -> None:
    """Neither in the rows nor in the audit, nor where answers are kept to be repeated."""
    body: Body = {"name": "Bitloader", "service": service, "webhook_url": "https://a.example/h"}
    made = (await trade.send("/v1/providers", "secrets", **body)).json()
    rolled = (await trade.send(f"/v1/providers/{made['id']}/roll_key", "roll")).json()
    secrets = [made["api_key"], rolled["api_key"], made["webhook_secret"]]
    tables = ["audit", "events", "endpoints", "idempotency_keys", "providers", "services"]
    kept = "".join([
        str(await db.fetchval(f"SELECT json_agg(t)::text FROM {table} t")) for table in tables
    ])  # fmt: skip
    assert "bitloader" in kept
    for secret in secrets:
        assert secret not in kept
        assert secret.encode().hex() not in kept
    provider_id = parsed("prov", made["id"])
    digest = await db.fetchval("SELECT key_digest FROM providers WHERE id = $1", provider_id)
    assert digest == crypto.sha256(rolled["api_key"].encode())
    for line in await lines_of(trade, made["id"]):
        assert not [secret for secret in secrets if secret in str(line)]


async def test_a_webhook_url_is_an_endpoint(trade: Trade, service: str) -> None:
    made = await make(trade, service, webhook_url="https://a.example/one")
    path, [own] = f"/v1/providers/{made['id']}", await endpoints(trade)
    assert made["webhook_secret"].startswith("whsec_")
    assert (own["id"], own["url"]) == (made["webhook_endpoint"], "https://a.example/one")
    assert (own["format"], own["provider"]) == ("provider", made["id"])
    moved = await trade.ask(path, webhook_url="https://a.example/two")
    assert moved["webhook_endpoint"] == made["webhook_endpoint"]
    assert not moved.keys() & {*SECRETS}
    assert [one["url"] for one in await endpoints(trade)] == ["https://a.example/two"]
    assert (await trade.ask(path, name="Two"))["webhook_url"] == "https://a.example/two"
    gone = await trade.ask(path, webhook_url=None)
    assert (gone["webhook_url"], gone["webhook_endpoint"]) == (None, None)
    assert await endpoints(trade) == []
    again = await trade.ask(path, webhook_url="https://a.example/one")
    assert again["webhook_secret"] != made["webhook_secret"]
    assert await trade.get(path) == shown(again)


async def test_an_endpoint_that_went_away_comes_again(trade: Trade, service: str, db: Db) -> None:
    made = await make(trade, service, webhook_url="https://a.example/h")
    path, url = f"/v1/providers/{made['id']}", "https://a.example/h"
    await trade.api.delete(f"/v1/webhook_endpoints/{made['webhook_endpoint']}")
    assert (await trade.get(path))["webhook_url"] is None
    second = await trade.ask(path, webhook_url=url)
    assert second["webhook_endpoint"] != made["webhook_endpoint"]
    endpoint_id = parsed("we", second["webhook_endpoint"])
    await db.execute("UPDATE endpoints SET state = 'disabled' WHERE id = $1", endpoint_id)
    third = await trade.ask(path, webhook_url=url)
    assert third["webhook_secret"] != second["webhook_secret"]
    assert [one["id"] for one in await endpoints(trade)] == [third["webhook_endpoint"]]
    assert await trade.ask(path, webhook_url=url) == shown(third)


async def test_a_site_is_told_of_its_own_payments_only(
    trade: Trade, service: str, shop: Received
) -> None:
    made = await make(trade, service, webhook_url=shop.url)
    await trade.paid(500)
    mine = {"providerId": made["id"], "externalId": "e-1", "quantity": "1"}
    await trade.paid(700, metadata=mine)
    [told] = await shop.wait_for(1)
    said = Webhook(made["webhook_secret"]).verify(told.body, told.headers)
    assert (said["externalId"], said["amount"]) == ("e-1", 7)


async def test_with_too_many_endpoints_nothing_is_made(trade: Trade, service: str) -> None:
    hook = {"url": "https://a.example/h", "events": ["webhook.test"]}
    for _ in range(ENDPOINTS_MAX):
        await trade.ask("/v1/webhook_endpoints", 201, **hook)
    body = {"name": "Late", "service": service, "webhook_url": "https://a.example/h"}
    answer = await trade.send("/v1/providers", **body)
    error = error_of(answer)
    assert (answer.status_code, error["param"]) == (400, "webhook_url")
    assert (await trade.get("/v1/providers"))["data"] == []


async def test_of_all_who_want_a_slug_one_gets_it(trade: Trade, service: str) -> None:
    body = {"name": "Bitloader", "service": service, "webhook_url": "https://a.example/h"}
    answers = await asyncio.gather(*(trade.send("/v1/providers", **body) for _ in range(6)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [201] + [400] * 5
    assert {error_of(one)["param"] for one in answers if one.status_code == 400} == {"slug"}
    assert len(await endpoints(trade)) == 1


async def test_what_changes_is_in_the_audit(trade: Trade, service: str) -> None:
    made = await make(trade, service)
    other = await trade.ask("/v1/services", 201, **{**CREDITS, "slug": "other"})
    path = f"/v1/providers/{made['id']}"
    changed = await trade.ask(path, service=other["id"], status="inactive", description="x")
    assert changed["service"] == other["id"]
    assert await trade.ask(path, description="x") == changed
    assert (await trade.ask(path, description=None))["description"] is None
    lines = (await lines_of(trade, made["id"]))[::-1]
    assert [line["action"] for line in lines] == [
        "provider.create", "provider.update", "provider.update",
    ]  # fmt: skip
    names = ("service", "status", "description")
    assert lines[1]["before"] == {name: made[name] for name in names}
    assert lines[1]["after"] == {name: changed[name] for name in names}


async def test_providers_are_listed_newest_first(trade: Trade, service: str) -> None:
    made = [await make(trade, service, slug=f"p-{n}") for n in range(3)]

    async def ask(**query: Any) -> Body:
        return await trade.get("/v1/providers", **query)

    down, up = await walk(ask, 2)
    assert down == up == [shown(one) for one in reversed(made)]


async def test_a_restricted_key_does_what_its_scopes_say(trade: Trade, service: str) -> None:
    reading = await trade.ask("/v1/keys", 201, kind="restricted", scopes=["providers:read"])
    headers = {"Authorization": f"Bearer {reading['key']}"}
    made = await make(trade, service)
    for method, path, status in (
        ("GET", "/v1/providers", 200),
        ("GET", f"/v1/providers/{made['id']}", 200),
        ("POST", f"/v1/providers/{made['id']}/roll_key", 403),
        ("GET", "/v1/services", 403),
    ):
        answer = await trade.anyone.request(method, trade.url + path, headers=headers)
        assert answer.status_code == status, path


REFUSED: list[tuple[Body, int, str, str]] = [
    ({"name": ""}, 400, NEVER, "name"),
    ({"name": "a\nb"}, 400, NEVER, "name"),
    ({"name": "x" * 101}, 400, NEVER, "name"),
    ({"slug": "A"}, 400, NEVER, "slug"),
    ({"service": "svc_1"}, 404, "not_found", "service"),
    ({"service": "svc_" + "0" * 26}, 404, "not_found", "service"),
    ({"webhook_url": "ftp://a.example"}, 400, "url_refused", "webhook_url"),
    ({"webhook_url": "https://10.0.0.1/"}, 400, "url_refused", "webhook_url"),
    ({"webhook_url": ""}, 400, "url_refused", "webhook_url"),
    ({"success_redirect_url": "javascript:alert(1)"}, 400, NEVER, "success_redirect_url"),
    ({"cancel_redirect_url": "/cart"}, 400, NEVER, "cancel_redirect_url"),
    ({"use_stripe_checkout": "yes"}, 400, NEVER, "use_stripe_checkout"),
    ({"status": "paused"}, 400, NEVER, "status"),
    ({"api_key": "provider_" + "a" * 32}, 400, "parameter_unknown", "api_key"),
]


async def test_a_wrong_provider_is_refused(trade: Trade, service: str) -> None:
    kept = await make(trade, service, slug="kept")
    for body, *expected in REFUSED:
        wanted = {"name": "Bitloader", "service": service, **body}
        for path, wish in (("/v1/providers", wanted), (f"/v1/providers/{kept['id']}", body)):
            answer = await trade.send(path, **wish)
            error = error_of(answer)
            assert [answer.status_code, error["code"], error["param"]] == expected, (path, body)
    assert (await trade.get("/v1/providers"))["data"] == [shown(kept)]
    assert await endpoints(trade) == []
