"""The audit over plain HTTP: a line for every change, in full, found again, and without secrets."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.flows.purse import Purse, audit, walk
from tests.flows.stack import Received, Stack
from tests.flows.test_bad_input import error_of
from tests.invariants import check_invariants
from tillgate.kit import clock
from tillgate.kit.db import set_up
from tillgate.merchants.commands import create_business

Db = Any


@pytest.fixture(autouse=True)
async def books_hold(stack: Stack) -> AsyncIterator[None]:
    """Whatever a story did, every invariant holds after it."""
    yield
    await check_invariants(stack.database_url)


async def test_every_change_leaves_its_line(purse: Purse, other: Purse) -> None:
    stack = purse.stack
    done: list[tuple[httpx.Response, str, dict[str, Any] | None, dict[str, Any]]] = []
    eur = {"currency": "eur"}

    async def do(
        path: str, action: str, body: dict[str, Any], after: dict[str, Any], before: Any = None
    ) -> httpx.Response:
        answer = await stack.api.post(path, json=body)
        assert answer.status_code in {200, 201}, answer.text
        done.append((answer, action, before, after))
        return answer

    money, user = {"amount": 100, **eur}, purse.user
    await do(purse.path + "/credit", "wallet.credit", money, {"from": None, "to": user, **money})
    small = {"amount": 1, **eur}
    await do(purse.path + "/debit", "wallet.debit", small, {"from": user, "to": None, **small})
    pair = {"from": user, "to": other.user, **small}
    await do("/v1/wallets/transfers", "wallet.transfer", pair, pair)
    placed = await do(purse.path + "/holds", "hold.place", small, {"user": user, **small})
    ended = {"status": "posted", "amount_posted": 1}
    await do(f"{purse.path}/holds/{placed.json()['id']}/post", "hold.post", {}, ended)
    placed = await do(purse.path + "/holds", "hold.place", small, {"user": user, **small})
    ended = {"status": "voided", "amount_posted": 0}
    await do(f"{purse.path}/holds/{placed.json()['id']}/void", "hold.void", {}, ended)
    for name, frozen in (("freeze", True), ("unfreeze", False)):
        after = {"user": user, **eur, "frozen": frozen}
        await do(f"{purse.path}/{name}", f"wallet.{name}", eur, after, {"frozen": not frozen})
    bounds = {"debit_max": 5, "day_max": None, "balance_max": None}
    before = dict.fromkeys(bounds)
    after = {"user": user, **eur, **bounds}
    await do(purse.path + "/limits", "wallet.limits", {**eur, "debit_max": 5}, after, before)

    lines = await audit(stack, limit=len(done))
    (key,) = {line["actor"] for line in lines}
    assert key.startswith("key_")
    for line, (answer, action, before, after) in zip(reversed(lines), done, strict=True):
        assert (line["action"], line["before"], line["after"]) == (action, before, after)
        assert (line["ip"], line["request_id"]) == ("127.0.0.1", answer.headers["request-id"])
        assert (line["object"], line["livemode"]) == ("audit_entry", False)
        shown = answer.json().get("id")
        assert shown is None or line["target"] == shown
        assert line["target"].startswith(("tr_", "hold_", "acc_"))


async def test_what_changes_nothing_leaves_no_line(purse: Purse) -> None:
    await purse.ask("/freeze")
    (newest,) = await audit(purse.stack, limit=1)
    await purse.ask("/freeze")
    assert (await purse.post("/debit", amount=1, currency="eur")).status_code == 409
    assert await audit(purse.stack, limit=1) == [newest]


async def test_the_audit_is_searched(purse: Purse) -> None:
    stack = purse.stack
    await purse.ask("/credit", amount=100)
    hold = await purse.ask("/holds", amount=1)
    await purse.end(hold["id"], "void")
    assert [a["action"] for a in await audit(stack, target=hold["id"])] == [
        "hold.void",
        "hold.place",
    ]
    assert {a["action"] for a in await audit(stack, action="hold.void")} == {"hold.void"}
    found = await audit(stack, action="hold.*", limit=100)
    assert {a["action"].partition(".")[0] for a in found} == {"hold"}
    assert await audit(stack, action="ho%") == []
    assert await audit(stack, actor="key_nobody") == []
    assert {a["actor"] for a in await audit(stack, actor="cli")} == {"cli"}
    now = int(clock.now().timestamp())
    assert await audit(stack, **{"created[gte]": now + 60}) == []
    assert await audit(stack, **{"created[lt]": 1}) == []

    async def ask(**query: Any) -> dict[str, Any]:
        answer = await stack.api.get("/v1/audit", params=query)
        return answer.json()

    down, up = await walk(ask, 3, target=hold["id"])
    assert down == up
    newest = (await ask(limit=7))["data"]
    assert (await walk(ask, 100))[0][:7] == newest


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"limit": 0}, "limit"),
        ({"target": "x"}, "target"),
        ({"target": "tr_1"}, "target"),
        ({"starting_after": "tr_" + "0" * 26}, "starting_after"),
        ({"created[gte]": "x"}, "created[gte]"),
    ],
    ids=str,
)
async def test_a_wrong_search_is_named(stack: Stack, query: dict[str, Any], param: str) -> None:
    answer = await stack.api.get("/v1/audit", params=query)
    error = error_of(answer)
    assert (answer.status_code, error["param"]) == (400, param)


@pytest.mark.parametrize(
    ("path", "status", "param"),
    [
        ("/v1/wallets/%00", 404, None),
        ("/v1/wallets/a%00/holds", 404, None),
        ("/v1/audit?limit=1&actor=%00", 400, "actor"),
        ("/v1/events?type=%00", 400, "type"),
    ],
)
async def test_an_address_holds_no_nul(
    stack: Stack, path: str, status: int, param: str | None
) -> None:
    answer = await stack.api.get(path)
    assert (answer.status_code, error_of(answer)["param"]) == (status, param)


async def test_no_secret_stands_in_the_audit(stack: Stack, shop: Received, db: Db) -> None:
    made = await stack.api.post("/v1/webhook_endpoints", json={"url": shop.url})
    endpoint = made.json()
    (line,) = await audit(stack, target=endpoint["id"])
    assert (line["action"], line["request_id"]) == (
        "webhook_endpoint.create", made.headers["request-id"],
    )  # fmt: skip
    secrets = [endpoint["secret"].removeprefix("whsec_"), stack.ready["secret_key"]]
    rows = await db.fetch("SELECT * FROM audit")
    told = json.dumps([[str(value) for value in row] for row in rows])
    shown = (await stack.api.get("/v1/audit", params={"limit": 100})).text
    for secret in secrets:
        assert secret not in told
        assert secret not in shown


async def test_another_merchant_sees_nothing(purse: Purse, db: Db) -> None:
    """The same names, another merchant's rows: as far from here as if they were not there."""
    hold = await purse.ask("/credit", amount=10) and await purse.ask("/holds", amount=1)
    stranger = await _stranger(db)
    async with httpx.AsyncClient(base_url=purse.stack.url, headers=stranger) as client:
        assert (await client.get(purse.path)).json()["balances"] == []
        for path in ("/statement?currency=eur", "/holds"):
            assert (await client.get(purse.path + path)).json()["data"] == []
        actions = [a["action"] for a in (await client.get("/v1/audit")).json()["data"]]
        assert all(action.startswith(("merchant.", "key.")) for action in actions)
        for answer in (
            await client.get(f"{purse.path}/holds/{hold['id']}"),
            await client.post(f"{purse.path}/holds/{hold['id']}/void", json={}),
        ):
            assert (answer.status_code, error_of(answer)["code"]) == (404, "not_found")
    assert await purse.balance() == (10, 9, 1, False)


async def _stranger(connection: Db) -> dict[str, str]:
    """Another business's key, as headers."""
    await set_up(connection)
    made = await create_business(connection, "Stranger", clock.now())
    return {"Authorization": f"Bearer {made.test.secret_key}"}
