"""Services over plain HTTP: made, changed, found again; whose slugs are whose; what is refused."""

import asyncio
from typing import Any

from tests.flows.purse import walk
from tests.flows.test_bad_input import error_of
from tests.flows.trade import Body, Trade
from tillgate.catalog import commands, store
from tillgate.kit import clock, db, ids

Db = Any
CREDITS: Body = {"title": "Premium Credits", "price": 500, "currency": "USD"}
NEVER = "parameter_invalid"


async def make(trade: Trade, **said: Any) -> Body:
    return await trade.ask("/v1/services", 201, **{**CREDITS, **said})


async def lines_of(trade: Trade, target: str) -> list[Body]:
    return (await trade.get("/v1/audit", target=target))["data"]


async def test_a_service_is_what_was_asked(trade: Trade) -> None:
    plain = await make(trade)
    assert ids.parse("svc", plain["id"])
    assert plain | {"id": "", "created": 0, "updated": 0} == {
        "id": "", "object": "service", "title": "Premium Credits", "slug": "premium-credits",
        "description": None, "price": 500, "currency": "usd", "price_unit": None, "icon": None,
        "features": [], "status": "published", "stripe_buy_button_id": None, "metadata": {},
        "created": 0, "updated": 0, "livemode": False,
    }  # fmt: skip
    said: Body = {
        "title": "Help", "price": 9000, "slug": "by-the-hour", "description": "Ours",
        "price_unit": "hour", "icon": "bell", "features": ["By phone", "At night"],
        "status": "draft", "stripe_buy_button_id": "buy_btn_1", "metadata": {"2": "b", "1": "a"},
    }  # fmt: skip
    full = await make(trade, **said)
    assert {name: full[name] for name in said} == said
    assert await trade.get(f"/v1/services/{full['id']}") == full
    [line] = await lines_of(trade, full["id"])
    assert (line["action"], line["before"]) == ("service.create", None)
    assert line["after"] == {**said, "currency": "usd"}


async def test_what_is_left_out_stays_and_null_takes_away(trade: Trade) -> None:
    made = await make(trade, description="Ours", icon="bell", metadata={"a": "1", "b": "2"})
    path = f"/v1/services/{made['id']}"
    changed = await trade.ask(path, price=700, description=None, metadata={"a": "", "c": "3"})
    updated = changed["updated"]
    expected = {"price": 700, "description": None, "metadata": {"b": "2", "c": "3"}}
    assert changed == made | expected | {"updated": updated}
    assert await trade.ask(path) == changed
    assert await trade.ask(path, price=700, currency="usd", slug=made["slug"]) == changed
    assert await trade.get(path) == changed
    update, create = await lines_of(trade, made["id"])
    assert (update["action"], create["action"]) == ("service.update", "service.create")
    assert update["after"] == expected
    assert update["before"] == {name: made[name] for name in expected}


async def test_a_title_without_letters_gets_its_id_as_slug(trade: Trade) -> None:
    made = await make(trade, title="信用")
    assert made["slug"] == made["id"].replace("_", "-")


async def test_one_slug_is_one_service_of_a_merchant(trade: Trade, stranger: Trade) -> None:
    first = await make(trade)
    refused = await trade.send("/v1/services", **CREDITS)
    error = error_of(refused)
    assert (refused.status_code, error["code"], error["param"]) == (400, NEVER, "slug")
    assert "premium-credits is taken" in error["message"]
    other = await make(trade, slug="other")
    assert await trade.refused(f"/v1/services/{other['id']}", slug=first["slug"]) == (400, NEVER)
    assert (await make(stranger))["slug"] == first["slug"]


async def test_of_all_who_want_a_slug_one_gets_it(trade: Trade) -> None:
    others = [await make(trade, slug=f"other-{n}") for n in range(3)]
    wishes = [trade.send("/v1/services", **CREDITS) for _ in range(5)]
    wishes += [trade.send(f"/v1/services/{one['id']}", slug="premium-credits") for one in others]
    answers = await asyncio.gather(*wishes)
    granted = [answer for answer in answers if answer.status_code in {200, 201}]
    assert len(granted) == 1
    refused = [error_of(answer)["param"] for answer in answers if answer not in granted]
    assert refused == ["slug"] * 7


async def test_a_repeated_wish_makes_one_service(trade: Trade) -> None:
    answers = await asyncio.gather(
        *(trade.send("/v1/services", "credits", **CREDITS) for _ in range(5))
    )
    assert {(answer.status_code, answer.text) for answer in answers} == {(201, answers[0].text)}
    assert len((await trade.get("/v1/services"))["data"]) == 1
    assert await trade.refused("/v1/services", key="credits", **{**CREDITS, "price": 1}) == (
        400, "idempotency_key_reused",
    )  # fmt: skip


async def test_services_are_listed_newest_first(trade: Trade) -> None:
    made = [await make(trade, slug=f"s-{n}") for n in range(5)]

    async def ask(**query: Any) -> Body:
        return await trade.get("/v1/services", **query)

    down, up = await walk(ask, 2)
    assert down == up == made[::-1]


async def test_what_is_published_is_there_for_everybody(trade: Trade, stranger: Trade) -> None:
    shown = [await make(trade, slug=f"s-{n}") for n in range(2)]
    draft = await make(trade, slug="draft", status="draft")
    await make(stranger, slug="theirs")
    merchant_id = parsed("mer", trade.ready["merchant"])
    pool = await db.open_pool(trade.database_url, 1)
    found = await store.published(pool, merchant_id, 10)
    assert [ids.show("svc", one.id) for one in found] == [one["id"] for one in shown]
    assert found[:1] == await store.published(pool, merchant_id, 1)
    by_slug = await store.service_by_slug(pool, merchant_id, "draft")
    anywhere = await store.find_service_anywhere(pool, parsed("svc", draft["id"]))
    assert by_slug is not None
    assert anywhere == (merchant_id, False, by_slug)
    assert (by_slug.money, by_slug.status) == ((500, "usd"), "draft")
    assert await store.service_by_slug(pool, merchant_id, "theirs") is None
    assert await store.find_service_anywhere(pool, ids.mint()) is None
    await pool.close()


async def test_a_merchant_has_so_many_services_and_no_more(trade: Trade, db: Db) -> None:
    merchant_id = parsed("mer", trade.ready["merchant"])
    one = commands.new_service("x", 1, "usd", clock.now())
    await db.execute(
        "INSERT INTO services (merchant_id, id, title, slug, price, asset, features, status,"
        " metadata, created_at, updated_at) SELECT $1, gen_random_uuid(), 'x', n, 1, 'usd', '{}',"
        " 'draft', '{}', $2, $2 FROM generate_series(1, $3::integer) AS n",
        merchant_id, one.created_at, commands.SERVICES_MAX - 1,
    )  # fmt: skip
    await make(trade)
    assert await trade.refused("/v1/services", **CREDITS, slug="more") == (400, NEVER)


REFUSED: list[tuple[Body, str, str]] = [
    ({"title": ""}, NEVER, "title"),
    ({"title": "a\nb"}, NEVER, "title"),
    ({"title": "x" * 201}, NEVER, "title"),
    ({"price": 0}, NEVER, "price"),
    ({"price": 1.5}, NEVER, "price"),
    ({"price": 100_000_000_000}, NEVER, "price"),
    ({"currency": "zzz"}, NEVER, "currency"),
    ({"slug": ""}, NEVER, "slug"),
    ({"slug": "Credits"}, NEVER, "slug"),
    ({"slug": "-a"}, NEVER, "slug"),
    ({"slug": "a\n"}, NEVER, "slug"),
    ({"slug": "x" * 101}, NEVER, "slug"),
    ({"price_unit": "year"}, NEVER, "price_unit"),
    ({"status": "sold"}, NEVER, "status"),
    ({"features": [""]}, NEVER, "features[0]"),
    ({"features": ["x"] * 51}, NEVER, "features"),
    ({"description": "a\0"}, NEVER, "description"),
    ({"stripe_buy_button_id": "plink_1"}, NEVER, "stripe_buy_button_id"),
    ({"stripe_buy_button_id": "buy_btn_1\n"}, NEVER, "stripe_buy_button_id"),
    ({"metadata": {"a": 1}}, NEVER, "metadata"),
    ({"cost": 5}, "parameter_unknown", "cost"),
]


async def test_a_wrong_service_is_refused(trade: Trade) -> None:
    kept = await make(trade, slug="kept")
    for body, *expected in REFUSED:
        wishes = ("/v1/services", {**CREDITS, **body}), (f"/v1/services/{kept['id']}", body)
        for path, wish in wishes:
            answer = await trade.send(path, **wish)
            error = error_of(answer)
            assert answer.status_code == 400, (path, body)
            assert [error["code"], error["param"]] == expected, (path, body)
    assert (await trade.get("/v1/services"))["data"] == [kept]


def parsed(prefix: str, text: str) -> Any:
    found = ids.parse(prefix, text)
    assert found is not None
    return found
