"""The API that a gateway calls: what it answers, and what it refuses."""

from typing import Any

import pytest

from .programs import SECRET, Receiver, SandboxProcess

BAD_BODIES: list[tuple[dict[str, object], str]] = [
    ({"Amount": 0}, "Amount"),
    ({"Amount": -1}, "Amount"),
    ({"Amount": 12.5}, "Amount"),
    ({"Amount": "1250"}, "Amount"),
    ({"Amount": True}, "Amount"),
    ({"Amount": 10**15}, "Amount"),
    ({"Currency": "xxx"}, "Currency"),
    ({"Currency": None}, "Currency"),
    ({"TransactionId": ""}, "TransactionId"),
    ({"TransactionId": "x" * 129}, "TransactionId"),
    ({"CallbackUrl": "ftp://shop.example/"}, "CallbackUrl"),
    ({"CallbackUrl": "//shop.example/"}, "CallbackUrl"),
    ({"SuccessUrl": "javascript:alert(1)"}, "SuccessUrl"),
    ({"SuccessUrl": "http://shop.example;script-src/"}, "SuccessUrl"),
    ({"FailureUrl": "http://shop.example/\r\nX: y"}, "FailureUrl"),
    ({"FailureUrl": "http://user@shop.example/"}, "FailureUrl"),
    ({"FailureUrl": "http://[::1/"}, "FailureUrl"),
    ({"Metadata": {"a": {"b": 1}}}, "Metadata"),
    ({"Metadata": {str(i): "x" for i in range(51)}}, "Metadata"),
]


async def test_a_payment_is_created_and_looked_up(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    wish = sandbox.wish(receiver, Currency="EUR")
    answer = await sandbox.client.post("/api/payments", json=wish)
    opened = answer.json()
    reference = opened["Reference"]

    assert answer.status_code == 201
    assert reference.startswith("sbx_")
    assert opened == {
        "Reference": reference,
        "TransactionId": wish["TransactionId"],
        "Status": "pending",
        "RedirectUrl": f"{sandbox.url}/pay/{reference}",
        "Amount": 1250,
        "Captured": 0,
        "Currency": "EUR",
    }
    looked = await sandbox.look(reference)
    assert isinstance(looked.pop("UpdatedAt"), int)
    assert looked == {
        **opened,
        "Authorized": 0,
        "Refunded": 0,
        "FailureCode": None,
        "FailureMessage": None,
        "Refunds": [],
        "Disputes": [],
    }
    by_transaction = await sandbox.look(wish["TransactionId"])
    assert by_transaction["Reference"] == reference


@pytest.mark.parametrize("given", [None, "", "Bearer", "Bearer wrong", f"Basic {SECRET}", SECRET])
@pytest.mark.parametrize("path", ["/api/payments", "/api/payments/x/refunds", "/api/nowhere"])
async def test_nothing_is_done_without_the_secret(
    sandbox: SandboxProcess, path: str, given: str | None
) -> None:
    headers = {} if given is None else {"Authorization": given}
    request = sandbox.client.build_request("POST", path, json={})
    del request.headers["Authorization"]
    request.headers.update(headers)
    answer = await sandbox.client.send(request)
    assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized")


async def test_the_same_again_is_the_same_payment(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    wish = sandbox.wish(receiver)
    key = {"Idempotency-Key": str(wish["TransactionId"])}
    first = await sandbox.client.post("/api/payments", json=wish, headers=key)
    await sandbox.act(first.json()["Reference"], "approve")
    again = await sandbox.client.post("/api/payments", json=wish, headers=key)
    without_key = await sandbox.client.post("/api/payments", json=wish)
    assert [first.status_code, again.status_code, without_key.status_code] == [201, 200, 200]
    assert first.json() == again.json() == without_key.json()


async def test_another_payment_under_the_same_name_is_refused(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    wish = sandbox.wish(receiver)
    key = {"Idempotency-Key": str(wish["TransactionId"])}
    await sandbox.client.post("/api/payments", json=wish, headers=key)
    changes: list[dict[str, Any]] = [
        {**wish, "Amount": 1251},
        {**wish, "Metadata": {}},
        {**wish, "TransactionId": "other_" + str(wish["TransactionId"])},
    ]
    for changed in changes:
        answer = await sandbox.client.post("/api/payments", json=changed, headers=key)
        assert (answer.status_code, answer.json()["error"]) == (409, "conflict")


@pytest.mark.parametrize(("change", "field"), BAD_BODIES)
async def test_a_bad_field_is_named(
    sandbox: SandboxProcess, receiver: Receiver, change: dict[str, object], field: str
) -> None:
    answer = await sandbox.client.post("/api/payments", json=sandbox.wish(receiver, **change))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid")
    assert field.lower() in answer.json()["message"].lower().replace("_", "")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"TransactionId":"\\ud800"}'])
async def test_what_is_no_payment_is_refused(sandbox: SandboxProcess, body: bytes) -> None:
    answer = await sandbox.client.post("/api/payments", content=body)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid")


async def test_a_body_has_a_limit(sandbox: SandboxProcess) -> None:
    answer = await sandbox.client.post("/api/payments", content=b" " * (64 * 1024 + 1))
    assert (answer.status_code, answer.json()["error"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/payments/sbx_none", 404),
        ("POST", "/api/payments/sbx_none/refunds", 404),
        ("GET", "/api/nowhere", 404),
        ("POST", "/control/payments/sbx_none/approve", 404),
        ("GET", "/control/payments/sbx_none", 404),
        ("GET", "/control/nowhere", 404),
        ("GET", "/api/payments", 405),
        ("DELETE", "/api/payments/sbx_none", 405),
        ("POST", "/control/payments", 405),
        ("POST", "/control/faults", 405),
    ],
)
async def test_unknown_things_and_methods(
    sandbox: SandboxProcess, method: str, path: str, status: int
) -> None:
    answer = await sandbox.client.request(method, path)
    error = {404: "not_found", 405: "method_not_allowed"}[status]
    assert (answer.status_code, answer.json()["error"]) == (status, error)
