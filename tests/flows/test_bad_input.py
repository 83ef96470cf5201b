"""Bad input gets a clear 4xx that names the parameter; never a 5xx, and nothing is made of it."""

from typing import Any

import httpx
import pytest

from tests.flows.stack import Stack

GOOD: dict[str, Any] = {"amount": 100, "currency": "eur"}


def error_of(answer: httpx.Response) -> dict[str, Any]:
    """The error, whose shape and request id are always the same."""
    body = answer.json()
    assert set(body) == {"error"}
    error = body["error"]
    assert set(error) == {"type", "code", "message", "param", "request_id"}
    assert error["request_id"] == answer.headers["request-id"]
    assert error["message"]
    return error


@pytest.mark.parametrize(
    ("changes", "code", "param"),
    [
        ({"amount": 0}, "parameter_invalid", "amount"),
        ({"amount": -1}, "parameter_invalid", "amount"),
        ({"amount": 100_000_000_000}, "parameter_invalid", "amount"),
        ({"amount": 10**30}, "parameter_invalid", "amount"),
        ({"amount": 1.5}, "parameter_invalid", "amount"),
        ({"amount": "100"}, "parameter_invalid", "amount"),
        ({"amount": True}, "parameter_invalid", "amount"),
        ({"amount": None}, "parameter_missing", "amount"),
        ({"currency": "zzz"}, "parameter_invalid", "currency"),
        ({"currency": "e"}, "parameter_invalid", "currency"),
        ({"currency": 978}, "parameter_invalid", "currency"),
        ({"descripton": "x"}, "parameter_unknown", "descripton"),
        ({"description": "x" * 501}, "parameter_invalid", "description"),
        ({"description": "a\0b"}, "parameter_invalid", "description"),
        ({"metadata": {"a": 1}}, "parameter_invalid", "metadata"),
        ({"metadata": {"a": "x" * 501}}, "parameter_invalid", "metadata"),
        ({"metadata": {"k" * 41: "x"}}, "parameter_invalid", "metadata"),
        ({"metadata": {str(n): "x" for n in range(51)}}, "parameter_invalid", "metadata"),
        ({"metadata": {"a": "\0"}}, "parameter_invalid", "metadata"),
        ({"metadata": []}, "parameter_invalid", "metadata"),
        ({"capture_method": "later"}, "parameter_invalid", "capture_method"),
        ({"success_url": "javascript:alert(1)"}, "parameter_invalid", "success_url"),
        ({"success_url": "https://"}, "parameter_invalid", "success_url"),
        ({"cancel_url": "/relative"}, "parameter_invalid", "cancel_url"),
        ({"cancel_url": "https://x/" + "y" * 2048}, "parameter_invalid", "cancel_url"),
        ({"wallet_user": ""}, "parameter_invalid", "wallet_user"),
        ({"wallet_user": "a\nb"}, "parameter_invalid", "wallet_user"),
        ({"connection": "con_x"}, "parameter_invalid", "connection"),
        ({"connection": "con_" + "0" * 26}, "connection_unusable", "connection"),
        ({"expires_in_s": 59}, "parameter_invalid", "expires_in_s"),
        ({"expires_in_s": 2_592_001}, "parameter_invalid", "expires_in_s"),
    ],
    ids=str,
)
async def test_a_wrong_parameter_is_named(
    stack: Stack, changes: dict[str, Any], code: str, param: str
) -> None:
    answer = await stack.api.post("/v1/payments", json={**GOOD, **changes})
    error = error_of(answer)
    assert (answer.status_code, error["code"], error["param"]) == (400, code, param)


@pytest.mark.parametrize("missing", ["amount", "currency"])
async def test_a_missing_parameter_is_named(stack: Stack, missing: str) -> None:
    body = {name: value for name, value in GOOD.items() if name != missing}
    error = error_of(await stack.api.post("/v1/payments", json=body))
    assert (error["code"], error["param"]) == ("parameter_missing", missing)


PAYMENT, ORDER, REFUND = (f"{prefix}_{'0' * 26}" for prefix in ("pay", "ord", "re"))
"""Ids that nobody has: what is wrong with a body is said before that is."""

LINE = {"name": "Mug", "quantity": 1, "amount": 100}


@pytest.mark.parametrize(
    ("path", "body", "code", "param"),
    [
        (f"payments/{PAYMENT}", {"description": 5}, "parameter_invalid", "description"),
        (f"payments/{PAYMENT}", {"metadata": {"k" * 41: "x"}}, "parameter_invalid", "metadata"),
        (f"payments/{PAYMENT}", {"amount": 5}, "parameter_unknown", "amount"),
        (f"payments/{PAYMENT}/capture", {"amount": 0}, "parameter_invalid", "amount"),
        (f"payments/{PAYMENT}/capture", {"amount": "all"}, "parameter_invalid", "amount"),
        (f"payments/{PAYMENT}/cancel", {"reason": "whim"}, "parameter_invalid", "reason"),
        (f"payments/{PAYMENT}/confirm", {"return_url": "/x"}, "parameter_invalid", "return_url"),
        (f"payments/{PAYMENT}/resolve", {}, "parameter_missing", "action"),
        (f"payments/{PAYMENT}/resolve", {"action": "keep"}, "parameter_invalid", "action"),
        ("refunds", {}, "parameter_missing", "payment"),
        ("refunds", {"payment": 5}, "parameter_invalid", "payment"),
        ("refunds", {"payment": PAYMENT, "amount": -1}, "parameter_invalid", "amount"),
        ("refunds", {"payment": PAYMENT, "reason": "whim"}, "parameter_invalid", "reason"),
        (f"refunds/{REFUND}", {"amount": 5}, "parameter_unknown", "amount"),
        (f"refunds/{REFUND}/cancel", {"x": 5}, "parameter_unknown", "x"),
        ("orders", {"currency": "eur"}, "parameter_missing", "lines"),
        ("orders", {"currency": "eur", "lines": []}, "parameter_invalid", "lines"),
        ("orders", {"currency": "eur", "lines": [LINE] * 101}, "parameter_invalid", "lines"),
        ("orders", {"currency": "zzz", "lines": [LINE]}, "parameter_invalid", "currency"),
        (f"orders/{ORDER}", {"lines": [LINE]}, "parameter_unknown", "lines"),
        ("payments", {"order": ORDER, "amount": 5}, "parameter_missing", "currency"),
        ("payments", {"order": 7}, "parameter_invalid", "order"),
        ("keys", {"kind": "root"}, "parameter_invalid", "kind"),
        ("keys", {"kind": "restricted", "scopes": ["all"]}, "parameter_invalid", "scopes[0]"),
        ("test_clocks", {"name": ""}, "parameter_invalid", "name"),
        ("test_clocks/clock_0/advance", {"by_s": 31_536_001}, "parameter_invalid", "by_s"),
    ],
    ids=str,
)
async def test_a_wrong_body_is_named(
    stack: Stack, path: str, body: dict[str, Any], code: str, param: str
) -> None:
    answer = await stack.api.post(f"/v1/{path}", json=body)
    error = error_of(answer)
    assert (answer.status_code, error["code"], error["param"]) == (400, code, param)


NOT_JSON = [
    b"",
    b"{",
    b'{"amount":1,"currency":"eur"} x',
    b"\xff\xfe",
    b'{"amount":1,"currency":"\xed\xa0\x80"}',
    b'{"amount":1,"currency":"\\ud800"}',
    b"{'amount':1}",
]


@pytest.mark.parametrize("body", NOT_JSON, ids=range(len(NOT_JSON)))
async def test_what_is_not_json_is_refused(stack: Stack, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await stack.api.post("/v1/payments", content=body, headers=headers)
    assert (answer.status_code, error_of(answer)["code"]) == (400, "json_invalid")


@pytest.mark.parametrize("body", [b"[]", b"1", b"null", b'"x"', b"[" * 9999], ids=range(5))
async def test_json_that_is_no_object_is_refused(stack: Stack, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await stack.api.post("/v1/payments", content=body, headers=headers)
    assert (answer.status_code, error_of(answer)["code"]) == (400, "parameter_invalid")


@pytest.mark.parametrize("path", ["/v1/payments", "/v1/webhook_endpoints"])
async def test_a_body_of_two_megabytes_is_refused(stack: Stack, path: str) -> None:
    body = b'{"amount":1,"currency":"eur","description":"' + b"x" * 2_000_000 + b'"}'
    headers = {"Content-Type": "application/json"}
    answer = await stack.api.post(path, content=body, headers=headers)
    assert (answer.status_code, error_of(answer)["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("path", ["/v1/payments", "/v1/webhook_endpoints"])
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "x"])
async def test_another_content_type_is_refused(stack: Stack, path: str, kind: str) -> None:
    answer = await stack.api.post(path, content=b"amount=1", headers={"Content-Type": kind})
    assert (answer.status_code, error_of(answer)["code"]) == (415, "content_type_unsupported")


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer x", "Bearer sk_test_", "Basic !!!", "Basic eA==", "Digest x",
     "Bearer sk_test_" + "0" * 57],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/v1/payments", "/v1/balance", "/v1/nothing"])
async def test_an_unknown_key_is_refused(
    stack: Stack, authorization: str | None, path: str
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = await stack.anyone.get(stack.url + path, headers=headers)
    assert (answer.status_code, error_of(answer)["type"]) == (401, "authentication_error")


async def test_a_publishable_key_may_not_use_the_api(stack: Stack) -> None:
    key = (stack.ready["publishable_key"], "")
    answer = await stack.anyone.get(stack.url + "/v1/payments", auth=key)
    assert (answer.status_code, error_of(answer)["code"]) == (403, "permission_denied")


async def test_basic_authentication_takes_the_key_as_user(stack: Stack) -> None:
    key = (stack.ready["secret_key"], "")
    answer = await stack.anyone.get(stack.url + "/v1/balance", auth=key)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("status=paid", "status"),
        ("created[gte]=yesterday", "created[gte]"),
        ("created[lt]=99999999999999999999", "created[lt]"),
        ("starting_after=evt_1", "starting_after"),
        ("starting_after=%00", "starting_after"),
        ("ending_before=pay_x", "ending_before"),
        ("amount[gte]=-1", "amount[gte]"),
        ("order=pay_1", "order"),
        ("connection=x", "connection"),
        ("metadata[]=x", "metadata"),
        ("&".join(f"metadata[{n}]=x" for n in range(6)), "metadata"),
        ("expand[]=order", "expand[]"),
        ("&".join(["expand[]=data.order"] * 11), "expand[]"),
    ],
)
async def test_a_wrong_query_is_named(stack: Stack, query: str, param: str) -> None:
    answer = await stack.api.get(f"/v1/payments?{query}")
    assert (answer.status_code, error_of(answer)["param"]) == (400, param)


@pytest.mark.parametrize(
    "path",
    ["/v1/payments/pay_x", "/v1/payments/evt_" + "0" * 26, "/v1/payments/%00", "/v1/events/evt_x",
     "/v1/webhook_endpoints/we_x", "/v1/webhook_endpoints/we_x/deliveries", "/v1/nothing",
     f"/v1/refunds/{REFUND}", "/v1/refunds/re_x", "/v1/disputes/dp_x", f"/v1/orders/{ORDER}",
     "/v1/keys/key_x", "/v1/test_clocks/clock_x", f"/v1/payments/{PAYMENT}/timeline",
     "/callbacks/con_x", "/nothing"],
)  # fmt: skip
async def test_what_is_not_there_is_404(stack: Stack, path: str) -> None:
    if path.startswith("/callbacks"):
        answer = await stack.api.post(path, json={})
    else:
        answer = await stack.api.get(path)
    assert (answer.status_code, error_of(answer)["code"]) == (404, "not_found")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_another_method_is_405(stack: Stack, method: str) -> None:
    answer = await stack.api.request(method, "/v1/payments")
    assert (answer.status_code, error_of(answer)["code"]) == (405, "method_not_allowed")


@pytest.mark.parametrize("key", ["x" * 256, "with space", "ümlaut"])
async def test_a_wrong_idempotency_key_is_refused(stack: Stack, key: str) -> None:
    headers = {"Idempotency-Key": key.encode()}
    answer = await stack.api.post("/v1/payments", json=GOOD, headers=headers)  # type: ignore[arg-type]
    assert (answer.status_code, error_of(answer)["param"]) == (400, "Idempotency-Key")


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"url": "ftp://x"}, "url"),
        ({"url": "http://169.254.169.254/latest"}, "url"),
        ({"url": "http://10.0.0.1/"}, "url"),
        ({"url": "https://user:secret@example.com/"}, "url"),
        ({"url": 5}, "url"),
        ({"events": ["payment.nonsense"]}, "events"),
        ({"events": []}, "events"),
        ({"format": "morse"}, "format"),
        ({"metadata": {"a": 1}}, "metadata"),
        ({"colour": "red"}, "colour"),
    ],
    ids=str,
)
async def test_a_wrong_endpoint_is_refused(
    stack: Stack, changes: dict[str, Any], param: str
) -> None:
    body = {"url": "https://shop.example/hooks", **changes}
    answer = await stack.api.post("/v1/webhook_endpoints", json=body)
    assert (answer.status_code, error_of(answer)["param"]) == (400, param)


@pytest.mark.parametrize("ending", ["", "/pay", "/status", "/live"])
async def test_a_checkout_without_its_secret_is_not_found(stack: Stack, ending: str) -> None:
    payment = await stack.create()
    changed = payment["checkout_url"][:-1] + ("0" if payment["checkout_url"][-1] != "0" else "1")
    method = "POST" if ending == "/pay" else "GET"
    for url in (changed, f"{stack.url}/checkout/{payment['id']}", f"{stack.url}/checkout/x"):
        answer = await stack.anyone.request(method, url + ending)
        assert answer.status_code == 404, url + ending
