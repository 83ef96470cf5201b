"""`/v1/webhook_endpoints` as a merchant's developer uses it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
import uvicorn
from litestar import Litestar, Request, Response
from litestar.di import Provide

from tillgate.audit.store import Origin
from tillgate.idempotency.store import Gates
from tillgate.kit import clock, db, ids
from tillgate.kit.caller import Caller
from tillgate.kit.http import error_body
from tillgate.kit.refusal import Refused, RefusedError
from tillgate.webhooks import api, commands, store
from tillgate.webhooks.formats import FORMATS, Wire

from .scene import POLICY, Receiver, Scene, eventually

URL = "/v1/webhook_endpoints"


def caller_of(merchant_id: UUID) -> Caller:
    return Caller(
        merchant_id=merchant_id,
        key_id=ids.mint(),
        livemode=False,
        scopes=frozenset({"secret"}),
        actor="key_test",
    )


def on_refused(_: Request[Any, Any, Any], error: RefusedError) -> Response[bytes]:
    refused = error.refused
    return Response(
        error_body(refused, "req_1"), status_code=refused.status, media_type="application/json"
    )


@pytest.fixture
async def client(scene: Scene) -> AsyncIterator[httpx.AsyncClient]:
    """The routes, with what `main` provides; the header `merchant` says who is calling."""
    pool = await db.open_pool(scene.dsn, 2)

    def caller(request: Request[Any, Any, Any]) -> Caller:
        return caller_of(UUID(request.headers.get("merchant", scene.merchant_id.hex)))

    provided = {
        "pool": lambda: pool,
        "vault": lambda: scene.vault,
        "gates": lambda: Gates(pool, scene.vault, b"digests of tests"),
        "outbound_policy": lambda: POLICY,
        "origin": lambda: Origin("192.0.2.1", "req_1"),
        "now": clock.now,
        "caller": caller,
    }
    app = Litestar(
        api.routes,
        dependencies={name: Provide(f, sync_to_thread=False) for name, f in provided.items()},
        exception_handlers={RefusedError: on_refused},
        logging_config=None,
    )
    config = uvicorn.Config(
        app, port=0, lifespan="off", ws="none", loop="none", log_config=None, access_log=False
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    await eventually(started(server))
    port = server.servers[0].sockets[0].getsockname()[1]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        yield client
    server.should_exit = True
    await serving
    await pool.close()


def started(server: uvicorn.Server) -> Callable[[], Awaitable[bool]]:
    async def condition() -> bool:
        return server.started

    return condition


async def created(client: httpx.AsyncClient, **fields: object) -> dict[str, Any]:
    answer = await client.post(URL, json={"url": "https://example.com/hook", **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


def refusal(answer: httpx.Response) -> tuple[int, str, str | None]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["param"]


async def test_an_endpoint_from_creation_to_deletion(
    client: httpx.AsyncClient, scene: Scene
) -> None:
    made = await created(
        client, events=["payment.*", "payment.*"], description="Shop", metadata={"b": "1", "7": "é"}
    )
    secret = made.pop("secret")
    endpoint_id = ids.parse("we", made["id"])
    assert endpoint_id is not None
    assert made == {
        "id": made["id"], "object": "webhook_endpoint", "url": "https://example.com/hook",
        "events": ["payment.*"], "format": "standard", "provider": None, "state": "enabled",
        "description": "Shop", "metadata": {"b": "1", "7": "é"}, "livemode": False,
        "created": made["created"],
    }  # fmt: skip

    assert (await client.get(f"{URL}/{made['id']}")).json() == made
    assert (await client.get(URL)).json() == {
        "object": "list", "data": [made], "has_more": False, "url": URL,
    }  # fmt: skip

    row = await scene.connection.fetchrow("SELECT * FROM endpoints")
    assert row is not None
    sealed: bytes = row["secrets"]
    assert secret.encode() not in sealed
    assert store.open_secrets(scene.vault, scene.merchant_id, endpoint_id, sealed) == (secret,)

    gone = await client.delete(f"{URL}/{made['id']}")
    assert (gone.status_code, gone.json()) == (
        200, {"id": made["id"], "object": "webhook_endpoint", "deleted": True},
    )  # fmt: skip
    for answer in (
        await client.get(f"{URL}/{made['id']}"),
        await client.delete(f"{URL}/{made['id']}"),
        await client.get(f"{URL}/{made['id']}/deliveries"),
    ):
        assert refusal(answer) == (404, "not_found", "endpoint")
    assert (await client.get(URL)).json()["data"] == []


@pytest.mark.parametrize("wire", FORMATS)
async def test_an_endpoint_has_a_format(client: httpx.AsyncClient, wire: Wire) -> None:
    made = await created(client, format=wire, events=["*", "payment.succeeded"])
    assert (made["format"], made["provider"]) == (wire, None)
    assert made["events"] == ["*", "payment.succeeded"]
    assert made["secret"].startswith("whsec_")
    del made["secret"]
    assert (await client.get(f"{URL}/{made['id']}")).json() == made


async def test_an_endpoint_says_whose_payments_it_is_told_of(
    client: httpx.AsyncClient, scene: Scene
) -> None:
    made = await scene.endpoint("https://example.com", wire="provider", provider="prov_1")
    shown = (await client.get(f"{URL}/{ids.show('we', made.id)}")).json()
    assert (shown["format"], shown["provider"]) == ("provider", "prov_1")


async def test_every_change_leaves_a_line_in_the_audit(
    client: httpx.AsyncClient, scene: Scene
) -> None:
    made = await created(client)
    await client.delete(f"{URL}/{made['id']}")

    lines = await scene.connection.fetch("SELECT * FROM audit ORDER BY at, id")
    assert [line["action"] for line in lines] == [
        "webhook_endpoint.create", "webhook_endpoint.delete",
    ]  # fmt: skip
    for line in lines:
        assert ids.show("we", line["object_id"]) == made["id"]
        assert (line["actor"], line["ip"], line["request_id"]) == ("key_test", "192.0.2.1", "req_1")
        assert msgspec.json.decode(line["after"])["url"] == "https://example.com/hook"
        assert made["secret"] not in str(dict(line))


BAD_VALUES: list[tuple[dict[str, object], str, str | None]] = [
    ({"url": 5}, "parameter_invalid", "url"),
    ({"url": "http://example.com@localhost"}, "url_refused", "url"),
    ({"url": "https://169.254.169.254/latest"}, "url_refused", "url"),
    ({"url": "https://10.0.0.1"}, "url_refused", "url"),
    ({"url": "ftp://example.com"}, "url_refused", "url"),
    ({"url": "https://example.com/" + "x" * 3000}, "parameter_invalid", "url"),
    ({"events": []}, "parameter_invalid", "events"),
    ({"events": "payment.*"}, "parameter_invalid", "events"),
    ({"events": ["payment.done"]}, "parameter_invalid", "events"),
    ({"events": ["*", "nope.*"]}, "parameter_invalid", "events"),
    ({"events": ["*"] * 51}, "parameter_invalid", "events"),
    ({"events": ["*", "x" * 65]}, "parameter_invalid", "events[1]"),
    ({"format": "xml"}, "parameter_invalid", "format"),
    ({"format": None}, "parameter_invalid", "format"),
    ({"format": "gateway", "events": ["order.*"]}, "parameter_invalid", "events"),
    ({"format": "gateway", "events": ["payment.success"]}, "parameter_invalid", "events"),
    ({"format": "provider", "events": ["payment.created"]}, "parameter_invalid", "events"),
    ({"provider": "prov_1"}, "parameter_unknown", "provider"),
    ({"description": "x" * 501}, "parameter_invalid", "description"),
    ({"metadata": {"a": 1}}, "parameter_invalid", "metadata"),
    ({"metadata": {str(n): "" for n in range(51)}}, "parameter_invalid", "metadata"),
    ({"secret": "whsec_mine"}, "parameter_unknown", "secret"),
    ({"description": "a\0b"}, "parameter_invalid", "description"),
]
BAD_BODIES: list[tuple[bytes, str, str | None]] = [
    (b"", "json_invalid", None),
    (b"{", "json_invalid", None),
    (b"\xff", "json_invalid", None),
    (b'{"url":"\xff"}', "json_invalid", None),
    (b'{"url":"", "unknown":' + b"[" * 100_000, "parameter_invalid", None),
    (b'{"url":"", "unknown":[[[]]]}', "parameter_unknown", "unknown"),
    (b"[]", "parameter_invalid", None),
    (b"{}", "parameter_missing", "url"),
]


async def test_bad_values_are_refused_by_name(client: httpx.AsyncClient, scene: Scene) -> None:
    for fields, code, param in BAD_VALUES:
        answer = await client.post(URL, json={"url": "https://example.com", **fields})
        assert refusal(answer) == (400, code, param), fields
    assert await scene.connection.fetchval("SELECT count(*) FROM endpoints") == 0


async def test_bad_bodies_are_refused(client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/json"}
    for body, code, param in BAD_BODIES:
        answer = await client.post(URL, content=body, headers=headers)
        assert refusal(answer) == (400, code, param), body[:40]


async def test_a_merchant_has_a_bounded_number_of_endpoints(
    client: httpx.AsyncClient, scene: Scene
) -> None:
    for _ in range(commands.ENDPOINTS_MAX):
        await scene.endpoint("https://example.com")
    answer = await client.post(URL, json={"url": "https://example.com"})
    assert refusal(answer) == (400, "parameter_invalid", None)

    first = (await client.get(URL)).json()["data"][0]
    await client.delete(f"{URL}/{first['id']}")
    assert (await client.post(URL, json={"url": "https://example.com"})).status_code == 201


async def test_pages_of_endpoints(client: httpx.AsyncClient) -> None:
    made = [(await created(client))["id"] for _ in range(5)]
    newest_first = made[::-1]

    first = (await client.get(URL, params={"limit": 2})).json()
    rest = (await client.get(URL, params={"starting_after": first["data"][-1]["id"]})).json()
    back = (await client.get(URL, params={"limit": 2, "ending_before": newest_first[4]})).json()

    assert [shown["id"] for shown in first["data"]] == newest_first[:2]
    assert [shown["id"] for shown in rest["data"]] == newest_first[2:]
    assert [shown["id"] for shown in back["data"]] == newest_first[2:4]
    assert (first["has_more"], rest["has_more"], back["has_more"]) == (True, False, True)


async def test_other_merchants_are_invisible(client: httpx.AsyncClient, scene: Scene) -> None:
    stranger = ids.mint()
    await scene.add_merchant(stranger)
    made = await created(client)
    headers = {"merchant": stranger.hex}

    assert (await client.get(URL, headers=headers)).json()["data"] == []
    for answer in (
        await client.get(f"{URL}/{made['id']}", headers=headers),
        await client.delete(f"{URL}/{made['id']}", headers=headers),
        await client.get(f"{URL}/{made['id']}/deliveries", headers=headers),
    ):
        assert refusal(answer) == (404, "not_found", "endpoint")
    assert (await client.get(f"{URL}/{made['id']}")).status_code == 200


async def test_deliveries_with_their_attempts(
    client: httpx.AsyncClient, scene: Scene, receiver: Receiver
) -> None:
    made = await created(client, url=receiver.url(), events=["payment.*"])
    receiver.handler = receiver.say(500, b"broken")
    async with scene.worker():
        [older] = await scene.publish("payment.created")
        await scene.attempted(1)
        receiver.handler = receiver.say(200, b"thanks")
        [newer] = await scene.publish("payment.succeeded")
        await scene.attempted(2)

    url = f"{URL}/{made['id']}/deliveries"
    answer = (await client.get(url)).json()
    delivered, waiting = answer["data"]
    assert (answer["object"], answer["has_more"], answer["url"]) == ("list", False, url)

    assert (delivered["event"], waiting["event"]) == (
        ids.show("evt", newer),
        ids.show("evt", older),
    )
    assert (delivered["event_type"], waiting["event_type"]) == (
        "payment.succeeded", "payment.created",
    )  # fmt: skip
    assert (delivered["state"], delivered["next_attempt"]) == ("delivered", None)
    assert delivered["settled"] >= delivered["created"]
    assert (waiting["state"], waiting["settled"]) == ("due", None)
    assert 0 <= waiting["next_attempt"] - waiting["created"] <= 8
    assert delivered["endpoint"] == waiting["endpoint"] == made["id"]
    [attempt] = waiting["attempts"]
    assert attempt == {
        "ordinal": 1, "started": attempt["started"], "duration_ms": attempt["duration_ms"],
        "status_code": 500, "error": None, "response": "broken",
    }  # fmt: skip

    after = await client.get(url, params={"starting_after": delivered["id"]})
    before = await client.get(url, params={"ending_before": waiting["id"]})
    assert after.json()["data"] == [waiting]
    assert before.json()["data"] == [delivered]
    assert refusal(await client.get(url, params={"starting_after": "del_nope"})) == (
        400, "parameter_invalid", "starting_after",
    )  # fmt: skip


async def test_moving_an_endpoint_is_vetted_and_audited(scene: Scene) -> None:
    endpoint = await scene.endpoint("https://example.com")
    place = scene.merchant_id, endpoint.id

    async def move(url: str, merchant_id: UUID = scene.merchant_id) -> object:
        return await commands.move_endpoint(
            scene.connection, POLICY, merchant_id, endpoint.id, url, "key_test", clock.now()
        )

    assert await move("https://example.org") is True
    assert await move("https://example.net", ids.mint()) is False
    refused = await move("https://10.0.0.1")
    assert isinstance(refused, Refused)
    assert refused.code == "url_refused"

    url = "SELECT url FROM endpoints WHERE merchant_id = $1 AND id = $2"
    assert await scene.connection.fetchval(url, *place) == "https://example.org"
    actions = await scene.connection.fetch("SELECT action FROM audit ORDER BY at, id")
    assert [row[0] for row in actions] == ["webhook_endpoint.create", "webhook_endpoint.update"]
