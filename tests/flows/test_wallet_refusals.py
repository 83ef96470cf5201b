"""What wallets refuse, over plain HTTP: each with its code and parameter, and moving nothing."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.flows.purse import Purse
from tests.flows.stack import Stack
from tests.flows.test_bad_input import error_of
from tests.invariants import check_invariants
from tillgate.kit import ids


@pytest.fixture(autouse=True)
async def books_hold(stack: Stack) -> AsyncIterator[None]:
    """Whatever a story did, every invariant holds after it."""
    yield
    await check_invariants(stack.database_url)


REFUSED: list[tuple[str, dict[str, Any], int, str, str | None]] = [
    ("/credit", {"amount": 0}, 400, "parameter_invalid", "amount"),
    ("/credit", {"amount": 100_000_000_000}, 400, "parameter_invalid", "amount"),
    ("/credit", {"amount": 1.5}, 400, "parameter_invalid", "amount"),
    ("/credit", {"amount": None}, 400, "parameter_invalid", "amount"),
    ("/credit", {"currency": "zzz"}, 400, "parameter_invalid", "currency"),
    ("/credit", {"currency": "e"}, 400, "parameter_invalid", "currency"),
    ("/credit", {"reference": "a\nb"}, 400, "parameter_invalid", "reference"),
    ("/credit", {"reference": "x" * 129}, 400, "parameter_invalid", "reference"),
    ("/credit", {"description": "a\0b"}, 400, "parameter_invalid", "description"),
    ("/credit", {"description": "x" * 501}, 400, "parameter_invalid", "description"),
    ("/credit", {"ammount": 5}, 400, "parameter_unknown", "ammount"),
    ("/credit", {"amount": 901}, 402, "limit_exceeded", "amount"),
    ("/debit", {"amount": 101}, 402, "insufficient_funds", "amount"),
    ("/debit", {"amount": 301}, 402, "limit_exceeded", "amount"),
    ("/holds", {"amount": 101}, 402, "insufficient_funds", "amount"),
    ("/holds", {"expires_in_s": 0}, 400, "parameter_invalid", "expires_in_s"),
    ("/holds", {"expires_in_s": 31_536_001}, 400, "parameter_invalid", "expires_in_s"),
    ("/freeze", {"reason": "x"}, 400, "parameter_unknown", "reason"),
    ("/freeze", {"currency": "zzz"}, 400, "parameter_invalid", "currency"),
    ("/unfreeze", {"currency": 1}, 400, "parameter_invalid", "currency"),
    ("/limits", {"day_max": -1}, 400, "parameter_invalid", "day_max"),
    ("/limits", {"currency": "zzz"}, 400, "parameter_invalid", "currency"),
]


@pytest.mark.parametrize(("path", "changes", "status", "code", "param"), REFUSED, ids=str)
async def test_a_refusal_says_why(
    purse: Purse, path: str, changes: dict[str, Any], status: int, code: str, param: str | None
) -> None:
    await purse.ask("/limits", debit_max=300, balance_max=1000)
    await purse.ask("/credit", amount=100)
    amount = {} if path in {"/freeze", "/unfreeze", "/limits"} else {"amount": 1}
    wish: dict[str, Any] = {**amount, "currency": "eur", **changes}
    answer = await purse.post(path, **wish)
    error = error_of(answer)
    assert (answer.status_code, error["code"], error["param"]) == (status, code, param)
    assert await purse.balance() == (100, 100, 0, False)


@pytest.mark.parametrize("path", ["/credit", "/debit", "/holds", "/freeze", "/limits"])
async def test_a_missing_currency_is_named(purse: Purse, path: str) -> None:
    body: dict[str, Any] = {} if path in {"/freeze", "/limits"} else {"amount": 1}
    error = error_of(await purse.post(path, **body))
    assert (error["code"], error["param"]) == ("parameter_missing", "currency")


async def test_a_frozen_wallet_grants_nothing(stack: Stack, purse: Purse, other: Purse) -> None:
    await purse.ask("/credit", amount=100)
    await purse.ask("/freeze")
    wish = {"from": purse.user, "to": other.user, "amount": 1, "currency": "eur"}
    for answer in (
        await purse.post("/debit", amount=1, currency="eur"),
        await purse.post("/holds", amount=1, currency="eur"),
        await stack.api.post("/v1/wallets/transfers", json=wish),
    ):
        assert (answer.status_code, error_of(answer)["code"]) == (409, "wallet_frozen")


@pytest.mark.parametrize(
    ("changes", "status", "code", "param"),
    [
        ({"to": None}, 400, "parameter_invalid", "to"),
        ({"to": ""}, 400, "parameter_invalid", "to"),
        ({"to": "a\nb"}, 400, "parameter_invalid", "to"),
        ({"from": "a\tb"}, 400, "parameter_invalid", "from"),
        ({"from": "x" * 129}, 400, "parameter_invalid", "from"),
        ({"from": "b"}, 400, "parameter_invalid", "to"),
        ({"amount": 5}, 402, "insufficient_funds", "amount"),
    ],
    ids=str,
)
async def test_a_transfer_is_refused(
    stack: Stack, changes: dict[str, Any], status: int, code: str, param: str
) -> None:
    wish = {"from": "nobody", "to": "b", "amount": 1, "currency": "eur", **changes}
    answer = await stack.api.post("/v1/wallets/transfers", json=wish)
    error = error_of(answer)
    assert (answer.status_code, error["code"], error["param"]) == (status, code, param)


async def test_a_hold_ends_once_and_for_no_more_than_it_is(purse: Purse, other: Purse) -> None:
    await purse.ask("/credit", amount=100)
    hold_id = (await purse.ask("/holds", amount=60))["id"]
    too_much = await purse.end(hold_id, "post", amount=61)
    assert (too_much.status_code, error_of(too_much)["param"]) == (400, "amount")
    unknown = await purse.end(hold_id, "void", amount=1)
    assert error_of(unknown)["code"] == "parameter_unknown"
    for path, user in ((hold_id, other), ("hold_x", purse), (ids.show("hold", ids.mint()), purse)):
        for answer in (
            await user.end(path, "post"),
            await user.end(path, "void"),
            await user.stack.api.get(f"{user.path}/holds/{path}"),
        ):
            error = error_of(answer)
            assert (answer.status_code, error["code"], error["param"]) == (404, "not_found", "hold")
    assert (await purse.end(hold_id, "void")).status_code == 200
    for how in ("post", "void"):
        again = await purse.end(hold_id, how)
        assert (again.status_code, error_of(again)["code"]) == (409, "hold_state")


QUERIES: list[tuple[str, dict[str, Any], str, str]] = [
    ("", {"currency": "zzz"}, "parameter_invalid", "currency"),
    ("", {"at": -1}, "parameter_invalid", "at"),
    ("", {"at": "noon"}, "parameter_invalid", "at"),
    ("/limits", {}, "parameter_missing", "currency"),
    ("/limits", {"currency": "zzz"}, "parameter_invalid", "currency"),
    ("/statement", {}, "parameter_missing", "currency"),
    ("/statement", {"currency": "zzz"}, "parameter_invalid", "currency"),
    ("/statement", {"currency": "eur", "format": "xml"}, "parameter_invalid", "format"),
    ("/statement", {"currency": "eur", "limit": 0}, "parameter_invalid", "limit"),
    ("/statement", {"currency": "eur", "created[gte]": -1}, "parameter_invalid", "created[gte]"),
    (
        "/statement",
        {"currency": "eur", "starting_after": "tr_1"},
        "parameter_invalid",
        "starting_after",
    ),
    (
        "/statement",
        {"currency": "eur", "ending_before": "tr_" + "0" * 26},
        "parameter_invalid",
        "ending_before",
    ),
    ("/holds", {"limit": 101}, "parameter_invalid", "limit"),
    ("/holds", {"status": "open"}, "parameter_invalid", "status"),
    ("/holds", {"starting_after": "tr_" + "0" * 26}, "parameter_invalid", "starting_after"),
]


@pytest.mark.parametrize(("path", "query", "code", "param"), QUERIES, ids=str)
async def test_a_wrong_query_is_named(
    purse: Purse, path: str, query: dict[str, Any], code: str, param: str
) -> None:
    answer = await purse.stack.api.get(purse.path + path, params=query)
    error = error_of(answer)
    assert (answer.status_code, error["code"], error["param"]) == (400, code, param)


@pytest.mark.parametrize("user", ["a%0Ab", "%E2%80%AE", "x" * 129])
async def test_a_user_that_cannot_be_one(stack: Stack, user: str) -> None:
    path = f"/v1/wallets/{user}"
    wish = {"amount": 1, "currency": "eur"}
    for answer in (
        await stack.api.post(path + "/credit", json=wish),
        await stack.api.post(path + "/freeze", json={"currency": "eur"}),
        await stack.api.get(path),
        await stack.api.get(path + "/holds"),
        await stack.api.get(path + "/limits?currency=eur"),
        await stack.api.get(path + "/statement?currency=eur"),
        await stack.api.get(path + "/holds/" + ids.show("hold", ids.mint())),
    ):
        error = error_of(answer)
        assert (answer.status_code, error["param"]) == (400, "user"), answer.request.url


@pytest.mark.parametrize("user", ["Ada Lovelace", "a:b", "ü+%", "😀", "x" * 128])
async def test_users_may_be_called_anything_that_can_be_read(stack: Stack, user: str) -> None:
    path = "/v1/wallets/" + quote(user)
    answer = await stack.api.post(path + "/credit", json={"amount": 1, "currency": "chf"})
    assert answer.status_code == 201, answer.text
    assert answer.json()["to"] == user
    found = (await stack.api.get(path)).json()
    assert (found["user"], found["balances"][0]["total"]) == (user, 1)


@pytest.mark.parametrize("path", ["/credit", "/holds", "/freeze"])
async def test_nobody_moves_money_without_a_secret_key(purse: Purse, path: str) -> None:
    url = purse.stack.url + purse.path + path
    keys = {"": 401, "Bearer sk_test_nope": 401}
    keys[f"Bearer {purse.stack.ready['publishable_key']}"] = 403
    for key, status in keys.items():
        headers = {"Authorization": key} if key else {}
        answer = await purse.stack.anyone.post(url, json={}, headers=headers)
        assert answer.status_code == status
