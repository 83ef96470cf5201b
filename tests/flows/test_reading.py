"""Lists of payments and refunds: narrowed, walked both ways, with what hangs on them."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.flows.purse import walk
from tests.flows.test_bad_input import error_of
from tests.flows.test_order_payments import order_of
from tests.flows.trade import Body, Trade


async def ids_of(trade: Trade, path: str = "/v1/payments", **query: Any) -> list[str]:
    return [one["id"] for one in (await trade.get(path, limit=100, **query))["data"]]


async def test_payments_are_walked_both_ways(trade: Trade) -> None:
    made = [await trade.create() for _ in range(7)]

    async def ask(**query: Any) -> Body:
        return await trade.get("/v1/payments", **query)

    down, up = await walk(ask, 3)
    assert [one["id"] for one in down] == [one["id"] for one in reversed(made)]
    assert down == up
    page = await ask(limit=3, ending_before=made[0]["id"])
    assert [one["id"] for one in page["data"]] == [one["id"] for one in made[3:0:-1]]
    assert (page["has_more"], page["url"], page["object"]) == (True, "/v1/payments", "list")


async def test_every_filter_narrows(trade: Trade) -> None:
    order = await order_of(trade)
    paid = await trade.paid(1000, order=order["id"])
    small = await trade.create(amount=5, metadata={"cart": "7", "till": "a"})
    other = await trade.create(amount=500, metadata={"cart": "7"}, wallet_user="ada")
    everything = [other["id"], small["id"], paid["id"]]
    for query, expected in {
        "": everything,
        "status=succeeded": [paid["id"]],
        "status=pending": [other["id"], small["id"]],
        f"order={order['id']}": [paid["id"]],
        f"connection={paid['connection']}": everything,
        "wallet_user=ada": [other["id"]],
        "wallet_user=eve": [],
        "metadata[cart]=7": [other["id"], small["id"]],
        "metadata[cart]=7&metadata[till]=a": [small["id"]],
        "metadata[cart]=8": [],
        "amount[gte]=500": [other["id"], paid["id"]],
        "amount[lte]=500": [other["id"], small["id"]],
        "amount[gte]=500&amount[lte]=500": [other["id"]],
        f"created[gte]={paid['created']}": everything,
        f"created[gt]={other['created']}": [],
        f"created[lte]={other['created']}": everything,
        f"created[lt]={paid['created']}": [],
        f"status=pending&amount[lte]=5&created[gte]={paid['created']}": [small["id"]],
    }.items():
        answer = await trade.api.get(f"/v1/payments?{quote(query, safe='=&')}")
        assert [one["id"] for one in answer.json()["data"]] == expected, query
        if expected:
            newer = f"/v1/payments?ending_before={'pay_' + '0' * 26}&{quote(query, safe='=&')}"
            assert [one["id"] for one in (await trade.api.get(newer)).json()["data"]] == expected


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("status=paid", "status"),
        ("order=pay_1", "order"),
        ("connection=x", "connection"),
        ("metadata[]=1", "metadata"),
        ("metadata[" + "k" * 41 + "]=1", "metadata"),
        ("&".join(f"metadata[{n}]=1" for n in range(6)), "metadata"),
        ("amount[gte]=-1", "amount[gte]"),
        ("created[lt]=x", "created[lt]"),
        ("expand[]=order", "expand[]"),
        ("limit=101", "limit"),
        ("starting_after=evt_1", "starting_after"),
    ],
)
async def test_strange_filters_are_refused(trade: Trade, query: str, param: str) -> None:
    answer = await trade.api.get("/v1/payments?" + quote(query, safe="=&"))
    error = error_of(answer)
    assert (answer.status_code, error["code"], error["param"]) == (400, "parameter_invalid", param)


async def test_what_hangs_on_payments_is_shown_when_asked_for(trade: Trade) -> None:
    order = await order_of(trade)
    payment = await trade.paid(1000, order=order["id"])
    refund = await trade.refund(payment, amount=100)
    bare = await trade.create()
    plain = await trade.payment(payment["id"])
    assert plain["order"] == order["id"]
    assert not {"tries", "refunds", "disputes"} & plain.keys()
    names = ["order", "tries", "refunds", "disputes"]
    listed = await trade.get("/v1/payments", **{"expand[]": [f"data.{name}" for name in names]})
    whole = await trade.get(f"/v1/payments/{payment['id']}", **{"expand[]": names})
    assert listed["data"][1] == whole
    assert listed["data"][0] == bare | {"tries": [], "refunds": [], "disputes": []}
    assert whole["order"] == await trade.get(f"/v1/orders/{order['id']}")
    assert whole["refunds"] == [refund]
    assert [(one["number"], one["status"]) for one in whole["tries"]] == [(1, "succeeded")]
    assert whole | {"order": order["id"]} == plain | {
        "tries": whole["tries"], "refunds": [refund], "disputes": [],
    }  # fmt: skip


async def test_refunds_are_narrowed_and_walked(trade: Trade) -> None:
    first, second = await trade.paid(1000), await trade.paid(1000)
    made = [await trade.refund(first, amount=amount) for amount in (1, 2, 3, 4)]
    await trade.fault(second, refund_delay_s=3600)
    waiting = await trade.refund(second, amount=5)

    async def ask(**query: Any) -> Body:
        return await trade.get("/v1/refunds", **query)

    down, up = await walk(ask, 2)
    assert [one["id"] for one in down] == [waiting["id"], *(r["id"] for r in reversed(made))]
    assert down == up
    refunds = "/v1/refunds"
    assert await ids_of(trade, refunds, status="pending") == [waiting["id"]]
    assert await ids_of(trade, refunds, payment=second["id"]) == [waiting["id"]]
    assert await ids_of(trade, refunds, payment=second["id"], status="succeeded") == []
    assert await ids_of(trade, refunds, **{"created[gt]": waiting["created"]}) == []
    listed = await ask(**{"expand[]": "data.payment"})
    assert [one["payment"]["id"] for one in listed["data"]] == [second["id"], *[first["id"]] * 4]
