"""Orders over plain HTTP: made, changed, canceled, found again; whose they are; what is refused."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from typing import Any

import httpx
import pytest

from tests.flows.purse import audit, walk
from tests.flows.stack import Received, Stack
from tests.flows.test_bad_input import error_of
from tests.invariants import check_invariants
from tillgate.kit import clock, ids
from tillgate.kit.db import set_up
from tillgate.merchants.commands import create_business

Db = Any
Body = dict[str, Any]

MUGS: Body = {"name": "Blue mug", "quantity": 2, "amount": 1250, "reference": "mug-blue"}
POST: Body = {"name": "Postage", "quantity": 1, "amount": 490, "reference": None}
ORDER: Body = {"currency": "EUR", "lines": [MUGS, POST]}

_numbers = count(1)


@pytest.fixture(autouse=True)
async def books_hold(stack: Stack) -> AsyncIterator[None]:
    """Whatever a story did, every invariant holds after it."""
    yield
    await check_invariants(stack.database_url)


@pytest.fixture
def reference() -> str:
    """One that no other story's orders have."""
    return f"cart-{next(_numbers)}"


async def send(stack: Stack, path: str = "", key: str | None = None, **body: Any) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await stack.api.post("/v1/orders" + path, json=body, headers=headers)


async def ask(stack: Stack, path: str = "", **body: Any) -> Body:
    """The order that was made or changed."""
    answer = await send(stack, path, **body)
    assert answer.status_code == (200 if path else 201), answer.text
    return answer.json()


async def found(stack: Stack, **query: Any) -> Body:
    answer = await stack.api.get("/v1/orders", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_an_order_is_the_sum_of_its_lines(stack: Stack) -> None:
    words: Body = {"reference": "r-1", "description": "For Ada", "metadata": {"table": "7"}}
    order = await ask(stack, **ORDER, **words, duplicates="refund")
    assert ids.parse("ord", order["id"])
    assert order | {"id": "", "created": 0} == {
        "id": "", "object": "order", "amount": 2990, "amount_paid": 0, "amount_refunded": 0,
        "amount_due": 2990, "currency": "eur", "status": "open", "lines": [MUGS, POST], **words,
        "duplicates": "refund", "created": 0, "paid_at": None, "canceled_at": None,
        "livemode": False,
    }  # fmt: skip
    assert (await stack.api.get(f"/v1/orders/{order['id']}")).json() == order
    (line,) = await audit(stack, target=order["id"])
    assert line["action"] == "order.create"
    assert line["after"] == {
        "status": "open", "amount": 2990, "currency": "eur", "amount_paid": 0,
    }  # fmt: skip
    event = (await stack.api.get("/v1/events?type=order.created&limit=1")).json()["data"][0]
    assert event["data"]["object"] == order


async def test_the_installation_says_what_becomes_of_duplicates(stack: Stack) -> None:
    choices: list[Body] = [{}, {"duplicates": None}, {"duplicates": "review"}]
    for chosen in choices:
        assert (await ask(stack, **ORDER, **chosen))["duplicates"] == "review"


async def test_what_an_order_says_of_itself_can_be_changed(stack: Stack, shop: Received) -> None:
    endpoint = {"url": shop.url, "events": ["order.*"]}
    made = await stack.api.post("/v1/webhook_endpoints", json=endpoint)
    order = await ask(stack, **ORDER, reference="old", metadata={"a": "1", "b": "2"})
    path = f"/{order['id']}"
    order |= {"reference": "new", "metadata": {"a": "1", "c": "3"}}
    assert await ask(stack, path, reference="new", metadata={"b": "", "c": "3"}) == order
    assert await ask(stack, path, description="Later") == order | {"description": "Later"}
    assert await ask(stack, path, description=None) == order
    gone: Body = order | {"reference": None, "metadata": {}}
    assert await ask(stack, path, reference=None, metadata={"a": "", "c": "", "d": ""}) == gone
    assert await ask(stack, path) == gone, "nothing was asked, so nothing is told"
    lines = await audit(stack, target=order["id"], action="order.update")
    assert [(line["before"], line["after"]) for line in reversed(lines)] == [
        (
            {"reference": "old", "metadata": {"a": "1", "b": "2"}},
            {"reference": "new", "metadata": {"a": "1", "c": "3"}},
        ),
        ({"description": None}, {"description": "Later"}),
        ({"description": "Later"}, {"description": None}),
        (
            {"reference": "new", "metadata": {"a": "1", "c": "3"}},
            {"reference": None, "metadata": {}},
        ),
    ]
    assert (await ask(stack, path + "/cancel"))["status"] == "canceled"
    told = await shop.wait_for(6, order["id"])
    kinds = [kind for kind in ("created", "updated", "canceled") for webhook in told
             if f'"order.{kind}"'.encode() in webhook.body]  # fmt: skip
    assert kinds == ["created", *["updated"] * 4, "canceled"]
    await stack.api.delete(f"/v1/webhook_endpoints/{made.json()['id']}")


async def test_an_order_is_canceled_once(stack: Stack) -> None:
    order = await ask(stack, **ORDER)
    canceled = await ask(stack, f"/{order['id']}/cancel")
    assert canceled["canceled_at"] >= order["created"]
    assert canceled == order | {
        "status": "canceled", "amount_due": 0, "canceled_at": canceled["canceled_at"],
    }  # fmt: skip
    again = await send(stack, f"/{order['id']}/cancel")
    assert (again.status_code, error_of(again)["code"]) == (409, "order_state")
    assert (await ask(stack, f"/{order['id']}", description="Void"))["status"] == "canceled"
    (line,) = await audit(stack, target=order["id"], action="order.cancel")
    assert line["after"]["status"] == "canceled"


async def test_one_key_makes_one_order(stack: Stack, reference: str) -> None:
    wish = {**ORDER, "reference": reference}
    answers = await asyncio.gather(*(send(stack, key=reference, **wish) for _ in range(5)))
    assert {(answer.status_code, answer.text) for answer in answers} == {(201, answers[0].text)}
    assert sum("idempotent-replayed" in answer.headers for answer in answers) == 4
    assert len((await found(stack, reference=reference))["data"]) == 1
    other = await send(stack, key=reference, **wish, description="x")
    assert (other.status_code, error_of(other)["code"]) == (400, "idempotency_key_reused")
    path = f"/{answers[0].json()['id']}/cancel"
    first, again = [await send(stack, path, key=reference + "c") for _ in range(2)]
    assert (first.status_code, first.text) == (again.status_code, again.text) == (200, first.text)
    assert len(await audit(stack, target=answers[0].json()["id"])) == 2


async def test_orders_are_listed_newest_first(stack: Stack, reference: str) -> None:
    made = [await ask(stack, **ORDER, reference=reference) for _ in range(5)]
    await ask(stack, f"/{made[1]['id']}/cancel")
    await ask(stack, f"/{made[3]['id']}/cancel")

    async def of_this_story(**query: Any) -> Body:
        return await found(stack, reference=reference, **query)

    down, up = await walk(of_this_story, 2)
    assert [order["id"] for order in down] == [order["id"] for order in reversed(made)]
    assert up == down
    canceled, _ = await walk(of_this_story, 1, status="canceled")
    assert [order["id"] for order in canceled] == [made[3]["id"], made[1]["id"]]
    first, last = made[0]["created"], made[-1]["created"]
    between = {"created[gte]": first, "created[lte]": last}
    assert len((await of_this_story(**between))["data"]) == 5
    assert (await of_this_story(**{"created[gt]": last}))["data"] == []
    assert (await of_this_story(**{"created[lt]": first}))["data"] == []
    end = 253_402_300_799
    assert (await of_this_story(**{"created[gt]": end}))["data"] == []
    assert len((await of_this_story(**{"created[lte]": end}))["data"]) == 5
    page = await of_this_story(limit=1)
    assert (page["object"], page["url"], page["has_more"]) == ("list", "/v1/orders", True)


async def test_orders_of_others_are_not_there(stack: Stack, db: Db, reference: str) -> None:
    await set_up(db)
    stranger = await create_business(db, "Stranger", clock.now())
    headers = {"Authorization": f"Bearer {stranger.test.secret_key}"}
    order = await ask(stack, **ORDER, reference=reference)
    for path in (order["id"], ids.show("ord", ids.mint()), order["id"].replace("ord", "pay"), "x"):
        url = f"{stack.url}/v1/orders/{path}"
        for answer in (
            await stack.anyone.get(url, headers=headers),
            await stack.anyone.post(url, headers=headers, json={"description": "Mine"}),
            await stack.anyone.post(url + "/cancel", headers=headers),
        ):
            error = error_of(answer)
            assert (answer.status_code, error["code"]) == (404, "not_found")
            assert error["param"] == "order"
    url = f"{stack.url}/v1/orders?reference={reference}"
    assert (await stack.anyone.get(url, headers=headers)).json()["data"] == []
    assert (await stack.api.get(f"/v1/orders/{order['id']}")).json() == order


async def test_an_order_is_never_paid_twice(stack: Stack) -> None:
    """Both payers were on their way: what the second one paid waits."""
    order = await ask(stack, **ORDER)
    first, second = [await begun(stack, order) for _ in range(2)]
    assert (await first("succeeded"))["order"] == order["id"]
    twice = await second("review")
    assert (twice["amount_captured"], twice["review_reason"]) == (2990, "duplicate")
    now = (await stack.api.get(f"/v1/orders/{order['id']}")).json()
    assert (now["status"], now["amount_paid"], now["amount_due"]) == ("paid", 2990, 0)
    refused = await stack.api.post("/v1/payments", json={"order": order["id"]})
    assert (refused.status_code, error_of(refused)["code"]) == (409, "order_state")


async def test_money_for_a_canceled_order_waits(stack: Stack) -> None:
    order = await ask(stack, **ORDER)
    pay = await begun(stack, order)
    await ask(stack, f"/{order['id']}/cancel")
    assert (await pay("review"))["review_reason"] == "order_canceled"
    now = (await stack.api.get(f"/v1/orders/{order['id']}")).json()
    assert (now["status"], now["amount_paid"]) == ("canceled", 0)


async def begun(stack: Stack, order: Body) -> Callable[[str], Awaitable[Body]]:
    """A payer is at the processor, to pay all of it; who approves when that is called."""
    payment = await stack.create(amount=order["amount"], order=order["id"])
    page = await stack.send_payer(payment)

    async def approve(status: str) -> Body:
        """The payment, once it has this status."""
        await stack.anyone.post(page.form("/approve"))
        return await stack.until(payment["id"], status)

    return approve


NEVER = "parameter_invalid"
REFUSED: list[tuple[Body, str, str]] = [
    ({"currency": "zzz"}, NEVER, "currency"),
    ({"currency": None}, NEVER, "currency"),
    ({"lines": []}, NEVER, "lines"),
    ({"lines": [POST] * 101}, NEVER, "lines"),
    ({"lines": None}, NEVER, "lines"),
    ({"lines": [POST | {"amount": 0}]}, NEVER, "lines"),
    ({"lines": [POST | {"amount": 99_999_999_999}, MUGS]}, NEVER, "lines"),
    ({"lines": [POST | {"amount": 100_000, "quantity": 1_000_000}]}, NEVER, "lines"),
    ({"lines": [POST | {"amount": 99_999_999_999, "quantity": 10**6}] * 100}, NEVER, "lines"),
    ({"lines": [POST | {"amount": -1}]}, NEVER, "lines[0].amount"),
    ({"lines": [POST | {"amount": 100_000_000_000}]}, NEVER, "lines[0].amount"),
    ({"lines": [POST | {"amount": 1.5}]}, NEVER, "lines[0].amount"),
    ({"lines": [POST | {"quantity": 0}]}, NEVER, "lines[0].quantity"),
    ({"lines": [POST | {"quantity": 1_000_001}]}, NEVER, "lines[0].quantity"),
    ({"lines": [POST | {"name": ""}]}, NEVER, "lines[0].name"),
    ({"lines": [POST | {"name": "x" * 201}]}, NEVER, "lines[0].name"),
    ({"lines": [{"name": "x", "amount": 1}]}, "parameter_missing", "lines[0].quantity"),
    ({"lines": [POST | {"currency": "usd"}]}, "parameter_unknown", "lines[0].currency"),
    ({"reference": "a\nb"}, NEVER, "reference"),
    ({"reference": "x" * 256}, NEVER, "reference"),
    ({"description": "x" * 501}, NEVER, "description"),
    ({"metadata": {str(n): "x" for n in range(51)}}, NEVER, "metadata"),
    ({"metadata": {"a": 1}}, NEVER, "metadata"),
    ({"duplicates": "keep"}, NEVER, "duplicates"),
    ({"amount": 2990}, "parameter_unknown", "amount"),
]


@pytest.mark.parametrize(("changes", "code", "param"), REFUSED, ids=range(len(REFUSED)))
async def test_a_wrong_order_is_refused(
    stack: Stack, reference: str, changes: Body, code: str, param: str
) -> None:
    answer = await send(stack, **{**ORDER, "reference": reference, **changes})
    error = error_of(answer)
    assert (answer.status_code, error["code"], error["param"]) == (400, code, param)
    assert (await found(stack, reference=reference))["data"] == []


@pytest.mark.parametrize("missing", ["currency", "lines"])
async def test_what_is_missing_is_named(stack: Stack, missing: str) -> None:
    body = {name: value for name, value in ORDER.items() if name != missing}
    error = error_of(await send(stack, **body))
    assert (error["code"], error["param"]) == ("parameter_missing", missing)


async def test_a_wrong_change_is_refused(stack: Stack) -> None:
    order = await ask(stack, **ORDER, metadata={f"k{n}": "x" for n in range(30)})
    path = f"/{order['id']}"
    changes: list[tuple[str, Body, str, str]] = [
        (path, {"metadata": {f"n{n}": "x" for n in range(21)}}, NEVER, "metadata"),
        (path, {"metadata": {"a": 1}}, NEVER, "metadata"),
        (path, {"metadata": None}, NEVER, "metadata"),
        (path, {"reference": "a\tb"}, NEVER, "reference"),
        (path, {"lines": [POST]}, "parameter_unknown", "lines"),
        (path, {"status": "paid"}, "parameter_unknown", "status"),
        (path + "/cancel", {"reason": "x"}, "parameter_unknown", "reason"),
    ]
    for where, body, code, param in changes:
        answer = await send(stack, where, **body)
        error = error_of(answer)
        assert (answer.status_code, error["code"], error["param"]) == (400, code, param), body
    assert (await stack.api.get(f"/v1/orders/{order['id']}")).json() == order


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"limit": 101}, "limit"),
        ({"status": "succeeded"}, "status"),
        ({"reference": "a\0"}, "reference"),
        ({"reference": "x" * 256}, "reference"),
        ({"created[gte]": -1}, "created[gte]"),
        ({"starting_after": "pay_" + "0" * 26}, "starting_after"),
    ],
    ids=str,
)
async def test_a_wrong_query_is_named(stack: Stack, query: Body, param: str) -> None:
    answer = await stack.api.get("/v1/orders", params=query)
    error = error_of(answer)
    assert (answer.status_code, error["code"], error["param"]) == (400, NEVER, param)
