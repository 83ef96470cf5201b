"""What belongs to one merchant is not there for another: every route, with every kind of id.

The routes are taken from the OpenAPI document, so that a new one is included by itself, or fails
here until it is known how to ask it.
"""

import re
from typing import Any

import pytest

from tests.flows.stack import until
from tests.flows.test_bad_input import error_of
from tests.flows.test_order_payments import order_of
from tests.flows.trade import Body, Trade

BODIES: dict[str, Body] = {
    "resolvePayment": {"action": "accept"},
    "advanceTestClock": {"by_s": 60},
}
"""What routes want to be sent before they look for anything, by operation."""

NAMED_BY_THE_MERCHANT = {"user"}
"""These are no ids: the same name is another user at another merchant."""


@pytest.fixture
async def theirs(trade: Trade) -> dict[str, str]:
    """One of everything, by the name of its parameter."""
    order = await order_of(trade)
    payment = await trade.paid(1000, order=order["id"])
    refund = await trade.refund(payment, amount=100)
    await trade.control("POST", f"/payments/{payment['id']}/disputes", {"amount": 50})
    disputes = await until(lambda: trade.get("/v1/disputes"), lambda found: bool(found["data"]))
    await wallet_wish(trade, "/credit", amount=500)
    hold = await wallet_wish(trade, "/holds", amount=200)
    hook = {"url": "http://127.0.0.1:9/", "events": ["webhook.test"]}
    key = (await trade.get("/v1/keys"))["data"][0]
    service = await trade.ask("/v1/services", 201, title="Credits", price=500, currency="usd")
    provider = await trade.ask("/v1/providers", 201, name="Bitloader", service=service["id"])
    return {
        "payment": payment["id"],
        "refund": refund["id"],
        "dispute": disputes["data"][0]["id"],
        "order": order["id"],
        "event": (await trade.get("/v1/events"))["data"][0]["id"],
        "endpoint": (await trade.ask("/v1/webhook_endpoints", 201, **hook))["id"],
        "key": key["id"],
        "clock": (await trade.ask("/v1/test_clocks", 201))["id"],
        "hold_id": hold["id"],
        "user": "ada",
        "connection": payment["connection"],
        "callback": (await trade.get("/v1/callbacks"))["data"][0]["id"],
        "service": service["id"],
        "provider": provider["id"],
    }


async def test_no_route_finds_what_is_anothers(
    trade: Trade, stranger: Trade, theirs: dict[str, str]
) -> None:
    document = await trade.get("/v1/openapi.json")
    asked = 0
    before = await everything(trade, theirs)
    for path, methods in document["paths"].items():
        names = set(re.findall(r"\{(\w+)\}", path))
        if not names - NAMED_BY_THE_MERCHANT:
            continue
        assert names <= theirs.keys(), f"{path}: say which id of another merchant to try"
        for method, operation in methods.items():
            body = BODIES.get(operation["operationId"], {}) if method == "post" else None
            answer = await stranger.api.request(method, path.format(**theirs), json=body)
            assert answer.status_code == 404, f"{method} {path}: {answer.text}"
            assert error_of(answer)["code"] == "not_found"
            asked += 1
    assert asked > 30
    assert await everything(trade, theirs) == before


async def test_another_merchants_user_is_another_user(
    trade: Trade, stranger: Trade, theirs: dict[str, str]
) -> None:
    assert theirs["user"] == "ada"
    there = await stranger.get("/v1/wallets/ada", currency="eur")
    assert [one["total"] for one in there["balances"]] in ([], [0])
    assert (await stranger.get("/v1/wallets/ada/statement", currency="eur"))["data"] == []
    assert (await stranger.get("/v1/wallets/ada/holds"))["data"] == []
    await wallet_wish(stranger, "/credit", amount=7)
    await wallet_wish(stranger, "/freeze")
    [ours] = (await trade.get("/v1/wallets/ada", currency="eur"))["balances"]
    assert (ours["total"], ours["held"], ours["frozen"]) == (500, 200, False)


async def test_ids_in_bodies_are_not_found_either(stranger: Trade, theirs: dict[str, str]) -> None:
    own = await stranger.create()
    other = {"connection": theirs["connection"]}
    order = {"order": theirs["order"]}
    assert await stranger.refused("/v1/refunds", payment=theirs["payment"]) == (404, "not_found")
    assert await stranger.refused("/v1/payments", **order) == (404, "not_found")
    seller = {"name": "Thief", "service": theirs["service"]}
    assert await stranger.refused("/v1/providers", **seller) == (404, "not_found")
    euros = {"amount": 5, "currency": "eur"}
    for path, body in (("/v1/payments", euros), (f"/v1/payments/{own['id']}/confirm", {})):
        assert await stranger.refused(path, **body, **other) == (400, "connection_unusable")


async def test_filters_and_cursors_find_nothing_of_anothers(
    stranger: Trade, theirs: dict[str, str]
) -> None:
    own = await stranger.create()
    queries: dict[str, list[Body]] = {
        "/v1/payments": [{"order": theirs["order"]}, {"connection": theirs["connection"]}],
        "/v1/refunds": [{"payment": theirs["payment"]}, {}],
        "/v1/disputes": [{"payment": theirs["payment"]}, {}],
        "/v1/orders": [{}],
        "/v1/callbacks": [{"payment": theirs["payment"]}, {"connection": theirs["connection"]}],
        "/v1/events": [{"payment": theirs["payment"]}, {"type": "refund.*"}],
        "/v1/audit": [{"target": theirs["payment"]}],
        "/v1/jobs/stuck": [{}],
        "/v1/services": [{}],
        "/v1/providers": [{}],
    }
    for path, all_of_it in queries.items():
        for query in all_of_it:
            assert (await stranger.get(path, **query))["data"] == [], (path, query)
    for cursor in ("starting_after", "ending_before"):
        listed = await stranger.get("/v1/payments", **{cursor: theirs["payment"]})
        assert {one["id"] for one in listed["data"]} <= {own["id"]}


async def test_one_key_of_two_merchants_is_two_keys(trade: Trade, stranger: Trade) -> None:
    made = [
        await one.send("/v1/payments", "same", amount=5, currency="eur")
        for one in (trade, stranger, trade)
    ]
    assert [answer.status_code for answer in made] == [201] * 3
    first, other, again = [answer.json()["id"] for answer in made]
    assert first == again != other


async def everything(trade: Trade, theirs: dict[str, str]) -> Any:
    """What nobody else may have changed."""
    return [
        await trade.payment(theirs["payment"]),
        await trade.get(f"/v1/refunds/{theirs['refund']}"),
        await trade.get(f"/v1/orders/{theirs['order']}"),
        await trade.get(f"/v1/webhook_endpoints/{theirs['endpoint']}"),
        await trade.get(f"/v1/keys/{theirs['key']}"),
        await trade.get(f"/v1/services/{theirs['service']}"),
        await trade.get(f"/v1/providers/{theirs['provider']}"),
        await trade.get(f"/v1/connections/{theirs['connection']}"),
        await trade.get(f"/v1/callbacks/{theirs['callback']}"),
        await trade.get(f"/v1/test_clocks/{theirs['clock']}"),
        await trade.get(f"/v1/wallets/ada/holds/{theirs['hold_id']}"),
        (await trade.get("/v1/audit", limit=100))["data"],
    ]


async def wallet_wish(trade: Trade, path: str, **body: Any) -> Body:
    answer = await trade.send(f"/v1/wallets/ada{path}", currency="eur", **body)
    assert answer.status_code in {200, 201}, answer.text
    return answer.json()
