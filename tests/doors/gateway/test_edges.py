"""Who may not, what is not there, what makes no sense."""

from typing import Any

import pytest

from tests.doors.gateway.scene import KEYS, UPI, Shop, refusal

UNAUTHORIZED = (401, "AUTHENTICATION_ERROR", "Invalid API credentials")

OURS = [
    ("POST", "/orders"), ("GET", "/orders"), ("GET", "/orders/order_x"), ("POST", "/payments"),
    ("GET", "/payments"), ("GET", "/payments/list"), ("GET", "/payments/stats"),
    ("GET", "/payments/pay_x"), ("POST", "/payments/pay_x/capture"),
    ("POST", "/payments/pay_x/refunds"), ("GET", "/refunds"), ("GET", "/refunds/rfnd_x"),
    ("GET", "/webhooks"), ("POST", "/webhooks/x/retry"), ("GET", "/webhooks/config"),
    ("PUT", "/webhooks/config"), ("POST", "/webhooks/regenerate-secret"),
    ("POST", "/webhooks/secret/regenerate"), ("POST", "/webhooks/test"),
    ("GET", "/merchant/config"), ("PATCH", "/merchant/webhook"),
    ("POST", "/merchant/webhook/regenerate"), ("POST", "/merchant/webhook/test"),
    ("GET", "/merchants/me"), ("PUT", "/merchants/me"), ("PUT", "/merchants/me/webhook"),
    ("POST", "/merchants/me/webhook/secret"), ("POST", "/merchants/webhook-config"),
    ("POST", "/merchants/regenerate-secret"), ("PATCH", "/test/merchant"),
]  # fmt: skip
"""Whatever wants keys."""


@pytest.mark.parametrize(("method", "path"), OURS)
async def test_keys_are_wanted(till: Shop, method: str, path: str) -> None:
    key, secret = KEYS["X-Api-Key"], KEYS["X-Api-Secret"]
    for headers in (
        {},
        {"X-Api-Key": key},
        {"X-Api-Secret": secret},
        {"X-Api-Key": key, "X-Api-Secret": key},
        {"X-Api-Key": secret, "X-Api-Secret": secret},
        {"X-Api-Key": key, "X-Api-Secret": "secret_test_xyz780"},
        {"X-Api-Key": key, "X-Api-Secret": "é" * 99},
        {"Authorization": f"Bearer {secret}"},
    ):
        quoted = [(name.encode(), value.encode()) for name, value in headers.items()]
        answer = await till.anyone.request(method, path, headers=quoted, json={})
        assert refusal(answer) == UNAUTHORIZED, headers


async def test_keys_of_two_merchants_open_nothing(till: Shop, stranger: Shop) -> None:
    mixed = {"X-Api-Key": KEYS["X-Api-Key"], "X-Api-Secret": stranger.api.headers["X-Api-Secret"]}
    assert refusal(await till.anyone.get("/orders", headers=mixed)) == UNAUTHORIZED


async def test_what_is_anothers_is_not_there(till: Shop, stranger: Shop) -> None:
    paid = await till.paid()
    refund = await till.send(f"/payments/{paid['id']}/refunds", 201, amount=100)
    for method, path, what in (
        ("GET", f"/orders/{paid['order_id']}", "Order"),
        ("GET", f"/payments/{paid['id']}", "Payment"),
        ("POST", f"/payments/{paid['id']}/capture", "Payment"),
        ("POST", f"/payments/{paid['id']}/refunds", "Payment"),
        ("GET", f"/refunds/{refund['id']}", "Refund"),
    ):
        wanted = (404, "NOT_FOUND_ERROR", f"{what} not found")
        assert await stranger.refused(path, method, amount=1) == wanted
    await till.refund_is(refund, "processed")
    body = {"order_id": paid["order_id"], **UPI}
    assert await stranger.refused("/payments", **body) == (
        404,
        "NOT_FOUND_ERROR",
        "Order not found",
    )
    assert paid["id"] not in str(await stranger.get("/payments"))
    assert paid["order_id"] not in str(await stranger.get("/orders"))


async def test_a_log_of_anothers_is_not_there(till: Shop, stranger: Shop, shop: Any) -> None:
    await till.hooked(shop.url)
    await till.send("/webhooks/test")
    [log] = (await till.get("/webhooks", limit=1))["data"]
    path = f"/webhooks/{log['id']}/retry"
    assert await stranger.refused(path) == (404, "NOT_FOUND_ERROR", "Webhook log not found")
    assert (await stranger.get("/webhooks"))["total"] == 0


NAMES = [
    "x", "pay_", "pay_é", "%00", f"pay_{'z' * 16}", f"pay_{'0' * 26}", "a" * 2000, "%2500", "..%2f",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
async def test_names_of_nothing(till: Shop, name: str) -> None:
    for path in (
        "/orders/{}",
        "/payments/{}",
        "/refunds/{}",
        "/payments/{}/public",
        "/orders/{}/public",
    ):
        answer = await till.api.get(path.format(name))
        assert answer.status_code == 404, answer.text
    for path in ("/webhooks/{}/retry", "/payments/{}/capture", "/payments/{}/refunds"):
        answer = await till.api.post(path.format(name), json={"amount": 1})
        assert answer.status_code == 404, answer.text


async def test_a_slash_at_the_end_means_nothing(till: Shop) -> None:
    answer = await till.api.post("/orders/", json={"amount": 500})
    assert answer.status_code == 201
    assert (await till.api.get(f"/orders/{answer.json()['id']}/")).json()["amount"] == 500


async def test_unknown_addresses_are_not_there(till: Shop) -> None:
    for path in ("", "/", "/nothing", "/orders/a/b/c", "/payments/x/nothing"):
        assert (await till.api.get(path)).status_code == 404
    assert (await till.api.get("/webhooks/x/retry")).status_code == 405


async def test_pages_of_other_origins_may_call(till: Shop) -> None:
    asked = {
        "Origin": "http://127.0.0.1:3000", "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-api-key,x-api-secret,idempotency-key,content-type",
    }  # fmt: skip
    answer = await till.anyone.request("OPTIONS", "/payments", headers=asked)
    assert answer.status_code in {200, 204}
    assert answer.headers["access-control-allow-origin"] == "*"
    allowed = answer.headers["access-control-allow-headers"].lower()
    assert all(name in allowed for name in ("x-api-key", "x-api-secret", "idempotency-key"))
    for answer in (await till.anyone.get("/orders"), await till.api.get("/orders")):
        assert answer.headers["access-control-allow-origin"] == "*"


async def test_bodies_that_are_none(till: Shop) -> None:
    for path in ("/orders", "/payments", "/payments/public", "/merchants/webhook-config"):
        for content in (b"{", b"[]", b'"x"', b"\xff", b"[" * 99, b'{"a":"\\u0000"}', b"1" * 99):
            status, code, _ = refusal(await till.api.post(path, content=content))
            assert (status, code) == (400, "BAD_REQUEST_ERROR"), content
    too_much = await till.api.post("/orders", content=b" " * 2_000_000)
    assert refusal(too_much)[:2] == (413, "BAD_REQUEST_ERROR")


async def test_numbers_are_printed_as_javascript_does(till: Shop) -> None:
    answer = await till.api.post("/orders", content=b'{"amount":100,"notes":{"a":1.0,"b":1e-7}}')
    assert '"notes":{"a":1,"b":1e-7}' in answer.text
