"""API keys as a merchant handles them: what they open, for how long, and that none grows."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from tests.flows.purse import walk
from tests.flows.stack import Stack, until
from tests.flows.test_bad_input import error_of
from tests.flows.typed import ROOT, commands_of, typed
from tillgate.cli.failure import Failure
from tillgate.cli.keys import create
from tillgate.kit import clock, ids
from tillgate.kit.db import set_up
from tillgate.merchants.commands import create_business

Db = Any
TYPED = commands_of((ROOT / "docs/guides/keys.md").read_text())
DAY_S = 86_400


class Holder:
    """Somebody with a key."""

    def __init__(self, stack: Stack, text: str, key: dict[str, Any] | None = None) -> None:
        self.stack = stack
        self.text = text
        self.key: dict[str, Any] = key or {}

    @property
    def id(self) -> str:
        return self.key["id"]

    async def ask(
        self, method: str, path: str, body: Any = None, idempotency_key: str | None = None
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.text}"}
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        url = self.stack.url + path
        return await self.stack.anyone.request(method, url, json=body, headers=headers)

    async def read(self, path: str) -> Any:
        answer = await self.ask("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def status(self, method: str = "GET", path: str = "/v1/keys", body: Any = None) -> int:
        return (await self.ask(method, path, body)).status_code

    async def make(self, **wanted: Any) -> "Holder":
        answer = await self.ask("POST", "/v1/keys", wanted)
        assert answer.status_code == 201, answer.text
        made = answer.json()
        return Holder(self.stack, made.pop("key"), made)

    async def refused(
        self, method: str, path: str, body: Any = None
    ) -> tuple[int, str, str | None]:
        answer = await self.ask(method, path, body)
        error = error_of(answer)
        return answer.status_code, error["code"], error["param"]


@pytest.fixture
async def owner(stack: Stack, db: Db) -> Holder:
    """A business of its own, so that no other story's keys are in the way."""
    await set_up(db)
    made = await create_business(db, "Keys", clock.now())
    holder = Holder(stack, made.test.secret_key)
    listed = (await holder.read("/v1/keys"))["data"]
    holder.key = next(key for key in listed if key["kind"] == "secret")
    return holder


async def test_a_key_is_shown_once_used_and_seen(owner: Holder, db: Db) -> None:
    made = await owner.make(kind="secret", name="Shop", expires_in_s=DAY_S)
    assert re.fullmatch(r"sk_test_[0-9a-z]{57}", made.text)
    key = made.key
    assert key["hint"] == f"sk_test_…{made.text[-4:]}"
    assert (key["object"], key["name"], key["status"]) == ("key", "Shop", "active")
    assert (key["livemode"], key["scopes"], key["last_used_at"]) == (False, None, None)
    assert key["expires_at"] == key["created"] + DAY_S
    assert await made.status() == 200

    async def look() -> dict[str, Any]:
        return await owner.read(f"/v1/keys/{made.id}")

    seen = await until(look, lambda found: found["last_used_at"] is not None)
    assert 0 <= seen["last_used_at"] - key["created"] < 60
    rows = await db.fetch("SELECT k::text FROM api_keys k UNION ALL SELECT a::text FROM audit a")
    assert made.text not in str(rows)
    assert made.text not in (await owner.ask("GET", "/v1/keys")).text


async def test_keys_are_listed_newest_first(owner: Holder) -> None:
    for number in range(5):
        await owner.make(kind="publishable", name=str(number))

    async def ask(**query: Any) -> dict[str, Any]:
        return await owner.read(f"/v1/keys?{urlencode(query)}")

    down, up = await walk(ask, 2)
    assert down == up
    assert [key["name"] for key in down] == ["4", "3", "2", "1", "0", None, None]


async def test_a_restricted_key_does_what_its_scopes_say(owner: Holder) -> None:
    till = await owner.make(kind="restricted", scopes=["payments:write", "events:*"])
    assert till.text.startswith("rk_test_")
    assert till.key["scopes"] == ["events:*", "payments:write"]
    body = {"amount": 1, "currency": "xyz"}
    assert await till.status("POST", "/v1/payments", body) == 400  # let in, and misunderstood
    assert await till.status("GET", "/v1/events") == 200
    answer = await till.ask("GET", "/v1/payments")
    assert (answer.status_code, error_of(answer)["code"]) == (403, "permission_denied")
    assert "payments:read" in error_of(answer)["message"]
    assert await till.status() == 403


async def test_every_route_asks_a_restricted_key(stack: Stack, owner: Holder) -> None:
    """Taken from the document, so that no new route is forgotten."""
    document = (await stack.api.get("/v1/openapi.json")).json()
    keys: dict[str, Holder] = {}
    for path, methods in document["paths"].items():
        room = path.split("/")[2]
        address = re.sub(r"\{\w+\}", "x", path)
        for method in methods:
            right, other = ("read", "write") if method == "get" else ("write", "read")
            for scope, open_ in ((f"{room}:{right}", True), (f"{room}:{other}", False)):
                if scope not in keys:
                    keys[scope] = await owner.make(kind="restricted", scopes=[scope])
                status = await keys[scope].status(method.upper(), address)
                assert (status != 403) == open_, f"{scope}: {method} {path}"
    assert len(keys) > 10


async def test_a_restricted_key_cannot_grow(owner: Holder) -> None:
    deputy = await owner.make(kind="restricted", scopes=["keys:*", "payments:read"])
    mightier = await owner.make(kind="restricted", scopes=["payments:*"])
    weak = await deputy.make(kind="restricted", scopes=["payments:read"])
    denied_scopes = 403, "permission_denied", "scopes"
    denied_kind = 403, "permission_denied", "kind"
    tries: list[tuple[str, Any, tuple[int, str, str]]] = [
        ("/v1/keys", {"kind": "restricted", "scopes": ["payments:*"]}, denied_scopes),
        ("/v1/keys", {"kind": "restricted", "scopes": ["audit:read"]}, denied_scopes),
        ("/v1/keys", {"kind": "secret"}, denied_kind),
        ("/v1/keys", {"kind": "publishable"}, denied_kind),
        (f"/v1/keys/{weak.id}", {"scopes": ["payments:write"]}, denied_scopes),
        (f"/v1/keys/{deputy.id}", {"scopes": ["keys:*", "payments:*"]}, denied_scopes),
        (f"/v1/keys/{mightier.id}", {"scopes": ["payments:read"]}, denied_scopes),
        (f"/v1/keys/{mightier.id}/roll", {}, denied_scopes),
        (f"/v1/keys/{owner.id}/roll", {}, denied_kind),
        (f"/v1/keys/{owner.id}", {"name": "mine"}, denied_kind),
    ]
    for path, body, expected in tries:
        assert await deputy.refused("POST", path, body) == expected, (path, body)
    for key_id, expected in ((owner.id, denied_kind), (mightier.id, denied_scopes)):
        assert await deputy.refused("DELETE", f"/v1/keys/{key_id}") == expected
    assert await owner.status() == 200
    assert await mightier.status("GET", "/v1/payments") == 200
    assert await deputy.status("DELETE", f"/v1/keys/{weak.id}") == 200


async def test_no_key_outlives_its_maker(owner: Holder) -> None:
    brief = await owner.make(kind="secret", expires_in_s=3600)
    heir = await brief.make(kind="secret")
    assert heir.key["expires_at"] == brief.key["expires_at"]
    denied = 403, "permission_denied", "expires_at"
    longer = {"kind": "secret", "expires_in_s": 7200}
    assert await brief.refused("POST", "/v1/keys", longer) == denied
    assert await brief.refused("POST", f"/v1/keys/{owner.id}/roll") == denied
    rolled = await brief.ask("POST", f"/v1/keys/{brief.id}/roll")
    assert rolled.json()["expires_at"] == brief.key["expires_at"]


async def test_what_was_narrowed_a_moment_ago_makes_nothing_more(owner: Holder) -> None:
    """The key is believed for a second; changes of keys do not wait for that to pass."""
    deputy = await owner.make(kind="restricted", scopes=["keys:*", "payments:*"])
    assert await deputy.status() == 200
    narrow = await owner.ask("POST", f"/v1/keys/{deputy.id}", {"scopes": ["keys:write"]})
    assert narrow.json()["scopes"] == ["keys:write"]
    wish = {"kind": "restricted", "scopes": ["payments:read"]}
    assert (await deputy.refused("POST", "/v1/keys", wish))[:2] == (403, "permission_denied")
    assert await deputy.status() == 403


async def test_rolling_leaves_time_or_none(stack: Stack, owner: Holder) -> None:
    old = await owner.make(kind="restricted", name="Till", scopes=["keys:read"])
    path = f"/v1/keys/{old.id}"
    rolled = await owner.ask("POST", f"{path}/roll", {"overlap_s": 3600})
    assert rolled.status_code == 201
    fresh = Holder(stack, rolled.json()["key"], rolled.json())
    assert (fresh.key["name"], fresh.key["scopes"]) == ("Till", ["keys:read"])
    seen = await owner.read(path)
    assert (seen["status"], seen["rolled_to"]) == ("active", fresh.id)
    assert abs(seen["expires_at"] - fresh.key["created"] - 3600) <= 1
    assert (await old.status(), await fresh.status()) == (200, 200)
    assert await owner.refused("POST", f"{path}/roll") == (409, "key_state", "key")
    assert (await owner.ask("POST", f"/v1/keys/{fresh.id}/roll")).status_code == 201
    assert (await old.status(), await fresh.status()) == (200, 401)
    assert await owner.refused("POST", f"/v1/keys/{fresh.id}", {"name": "x"}) == (
        409,
        "key_state",
        "key",
    )
    actions = [line["action"] for line in await audit_of(owner, old.id)]
    assert actions == ["key.roll", "key.create"]


async def test_what_is_revoked_opens_nothing_at_once(owner: Holder) -> None:
    key = await owner.make(kind="secret")
    body = {"amount": 1, "currency": "xyz"}
    for _ in range(5):
        assert await key.status("POST", "/v1/payments", body) == 400
    revoked = await owner.ask("DELETE", f"/v1/keys/{key.id}")
    assert (revoked.status_code, revoked.json()["status"]) == (200, "revoked")
    assert await key.status("POST", "/v1/payments", body) == 401
    assert (await owner.ask("DELETE", f"/v1/keys/{key.id}")).json() == revoked.json()
    lines = await audit_of(owner, key.id)
    assert [line["action"] for line in lines] == ["key.revoke", "key.create"]
    assert {line["actor"] for line in lines} == {owner.id}


async def test_another_process_revokes(stack: Stack, owner: Holder, db: Db) -> None:
    """Here psql plays it: the row changes, and nobody says so."""
    key = await owner.make(kind="secret")
    assert await key.status() == 200
    await db.execute(
        "UPDATE api_keys SET revoked_at = now() WHERE id = $1", ids.parse("key", key.id)
    )
    await until(key.status, lambda status: status == 401)


async def test_the_last_secret_key_stays(owner: Holder) -> None:
    assert await owner.refused("DELETE", f"/v1/keys/{owner.id}") == (409, "key_state", "key")
    brief = await owner.make(kind="secret", expires_in_s=3600)
    assert await owner.refused("DELETE", f"/v1/keys/{owner.id}") == (409, "key_state", "key")
    others = [owner, *[await owner.make(kind="secret") for _ in range(3)]]
    # Each revokes the next one, all at the same time: somebody is left.
    pairs = zip(others, [*others[1:], others[0]], strict=True)
    await asyncio.gather(*(a.status("DELETE", f"/v1/keys/{b.id}") for a, b in pairs))
    left = [holder for holder in others if await holder.status() == 200]
    assert left
    assert await left[0].status("DELETE", f"/v1/keys/{brief.id}") == 200


async def test_a_repeated_wish_makes_one_key(owner: Holder) -> None:
    body = {"kind": "secret"}
    first = await owner.ask("POST", "/v1/keys", body, "one")
    again = await owner.ask("POST", "/v1/keys", body, "one")
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    # A weaker key that knows the wish is not told the secret that came of it.
    deputy = await owner.make(kind="restricted", scopes=["keys:write"])
    stolen = await deputy.ask("POST", "/v1/keys", body, "one")
    assert (stolen.status_code, error_of(stolen)["code"]) == (400, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({}, "parameter_missing", "kind"),
        ({"kind": "master"}, "parameter_invalid", "kind"),
        ({"kind": "restricted"}, "parameter_missing", "scopes"),
        ({"kind": "restricted", "scopes": []}, "parameter_invalid", "scopes"),
        ({"kind": "restricted", "scopes": ["payment:read"]}, "parameter_invalid", "scopes"),
        ({"kind": "restricted", "scopes": ["payments:all"]}, "parameter_invalid", "scopes[0]"),
        ({"kind": "restricted", "scopes": ["*:read"]}, "parameter_invalid", "scopes[0]"),
        ({"kind": "secret", "scopes": ["payments:read"]}, "parameter_invalid", "scopes"),
        ({"kind": "secret", "expires_in_s": 1}, "parameter_invalid", "expires_in_s"),
        ({"kind": "secret", "expires_at": 1}, "parameter_invalid", "expires_at"),
        (
            {"kind": "secret", "expires_at": 2_000_000_000, "expires_in_s": 60},
            "parameter_invalid",
            "expires_at",
        ),
        ({"kind": "secret", "name": "x" * 101}, "parameter_invalid", "name"),
        ({"kind": "secret", "admin": True}, "parameter_unknown", "admin"),
    ],
    ids=str,
)
async def test_a_wrong_key_is_named(
    stack: Stack, body: dict[str, Any], code: str, param: str
) -> None:
    answer = await stack.api.post("/v1/keys", json=body)
    error = error_of(answer)
    assert (answer.status_code, error["code"], error["param"]) == (400, code, param)


async def test_another_merchants_keys_are_not_there(stack: Stack, owner: Holder) -> None:
    path = f"/v1/keys/{owner.id}"
    for method, address in (
        ("GET", path), ("POST", path), ("POST", f"{path}/roll"), ("DELETE", path),
    ):  # fmt: skip
        answer = await stack.api.request(method, address)
        assert (answer.status_code, error_of(answer)["code"]) == (404, "not_found"), address
    assert owner.id not in (await stack.api.get("/v1/keys?limit=100")).text


async def test_the_guide_of_keys_says_what_happens(
    stack: Stack, owner: Holder, dev_folder: Path, db: Db
) -> None:
    made = json.loads(await typed(f"tillgate merchant create --name Live --json {at(dev_folder)}"))
    environment = {"SECRET_KEY": owner.text, "MERCHANT": made["live_merchant"], "KEY": ""}

    async def told(beginning: str) -> str:
        [command] = [command for command in TYPED if command.startswith(beginning)]
        own = command.replace("http://127.0.0.1:8000", stack.url)
        own = own.replace("curl ", "curl --silent --fail-with-body ")
        tail = f" {at(dev_folder)}" if own.startswith("tillgate") else ""
        return await typed(own + tail, environment)

    curl = "curl http://127.0.0.1:8000/v1/keys"
    till = json.loads(await told(curl + ' -u "$SECRET_KEY:" --json'))
    assert till["scopes"] == ["events:read", "payments:write"]
    environment["KEY"] = till["id"]
    rolled = json.loads(await told(curl + "/$KEY/roll"))
    assert (await owner.read(f"/v1/keys/{till['id']}"))["rolled_to"] == rolled["id"]
    assert json.loads(await told("curl -X DELETE"))["status"] == "revoked"

    web = await told("tillgate key create --merchant $MERCHANT --name")
    [text] = re.findall(r"sk_live_\w+", web)
    live = Holder(stack, text)
    listed = (await live.read("/v1/keys"))["data"]
    assert [(key["name"], key["livemode"]) for key in listed] == [("Web shop", True)]
    narrow = json.loads(await told("tillgate key create --merchant $MERCHANT --kind"))
    assert narrow["key"].startswith("rk_live_")
    environment["KEY"] = narrow["id"]
    await told("tillgate key revoke")
    shown = await told("tillgate key list")
    assert [line.split()[2] for line in shown.splitlines()] == ["revoked", "active"]
    await until(Holder(stack, narrow["key"]).status, lambda status: status == 401)


@pytest.mark.parametrize(
    ("kind", "scopes", "said"),
    [
        ("master", None, "one of secret, publishable, restricted"),
        ("restricted", None, "needs scopes"),
        ("secret", ["payments:read"], "needs scopes"),
        ("restricted", ["payments:all"], "payments:all is no scope"),
    ],
)
async def test_an_operator_is_told_what_is_wrong(
    stack: Stack, kind: str, scopes: list[str] | None, said: str
) -> None:
    environment = {"DATABASE_URL": stack.database_url, "TILLGATE_SECRET": "s" * 32}
    with pytest.raises(Failure, match=said):
        await create(stack.ready["merchant"], kind, None, scopes, environment, Path("/nowhere"))
    with pytest.raises(Failure, match="no merchant mer_x"):
        await create("mer_x", "secret", None, None, environment, Path("/nowhere"))


def at(folder: Path) -> str:
    return f"--data {folder / 'data'}"


async def audit_of(owner: Holder, key_id: str) -> list[dict[str, Any]]:
    return (await owner.read(f"/v1/audit?target={key_id}"))["data"]
