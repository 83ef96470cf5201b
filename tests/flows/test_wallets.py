"""Wallets over plain HTTP: what is granted, once for each key, and what can be read of it."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.flows.purse import Purse, audit, walk
from tests.flows.stack import Stack, until
from tests.flows.test_bad_input import error_of
from tests.invariants import check_invariants
from tillgate.kit import clock, ids

Db = Any


@pytest.fixture(autouse=True)
async def books_hold(stack: Stack) -> AsyncIterator[None]:
    """Whatever a story did, every invariant holds after it."""
    yield
    await check_invariants(stack.database_url)


async def test_credit_debit_and_transfer(stack: Stack, purse: Purse, other: Purse) -> None:
    before = await _available(stack)
    credited = await purse.post(
        "/credit", amount=1000, currency="EUR", reference="gift-7", description="Welcome"
    )
    assert credited.status_code == 201
    body = credited.json()
    assert body | {"id": "", "created": 0} == {
        "id": "", "object": "wallet_transfer", "type": "credit", "amount": 1000, "currency": "eur",
        "from": None, "to": purse.user, "reference": "gift-7", "description": "Welcome",
        "balances": [{"user": purse.user, "balance": _shown(1000)}], "created": 0,
        "livemode": False,
    }  # fmt: skip
    assert ids.parse("tr", body["id"])
    debited = await purse.ask("/debit", amount=300)
    assert (debited["type"], debited["from"], debited["to"]) == ("debit", purse.user, None)
    assert debited["balances"] == [{"user": purse.user, "balance": _shown(700)}]
    wish = {"from": purse.user, "to": other.user, "amount": 250, "currency": "eur"}
    moved = await stack.api.post("/v1/wallets/transfers", json=wish)
    assert moved.status_code == 201
    assert moved.json()["balances"] == [
        {"user": purse.user, "balance": _shown(450)},
        {"user": other.user, "balance": _shown(250)},
    ]
    assert await purse.balance() == (450, 450, 0, False)
    assert await other.balance() == (250, 250, 0, False)
    assert await _available(stack) == before - 700


def _shown(total: int, held: int = 0, *, frozen: bool = False) -> dict[str, Any]:
    return {
        "currency": "eur", "total": total, "available": total - held, "held": held,
        "frozen": frozen,
    }  # fmt: skip


async def _available(stack: Stack, kind: str = "available") -> int:
    balance = (await stack.api.get("/v1/balance")).json()
    return sum(a["amount"] for a in balance[kind] if a["currency"] == "eur")


async def test_a_hold_is_posted_in_part(stack: Stack, purse: Purse) -> None:
    await purse.ask("/credit", amount=500)
    pending = await _available(stack, "pending")
    placed = await purse.post(
        "/holds", amount=300, currency="eur", expires_in_s=600, reference="r", description="d"
    )
    assert placed.status_code == 201
    hold = placed.json()
    assert hold | {"id": "", "created": 0, "expires_at": 0} == {
        "id": "", "object": "hold", "user": purse.user, "amount": 300, "amount_posted": 0,
        "currency": "eur", "status": "held", "reference": "r", "description": "d",
        "expires_at": 0, "created": 0, "livemode": False,
    }  # fmt: skip
    assert hold["expires_at"] - hold["created"] == 600
    assert await purse.balance() == (500, 200, 300, False)
    assert await _available(stack, "pending") == pending + 300
    posted = await purse.end(hold["id"], "post", amount=120)
    assert (posted.status_code, posted.json()) == (
        200, hold | {"status": "posted", "amount_posted": 120},
    )  # fmt: skip
    assert await purse.get(f"/holds/{hold['id']}") == posted.json()
    assert await purse.balance() == (380, 380, 0, False)
    assert await _available(stack, "pending") == pending


async def test_a_hold_is_posted_whole_or_voided(purse: Purse) -> None:
    await purse.ask("/credit", amount=500)
    whole, none = await purse.ask("/holds", amount=100), await purse.ask("/holds", amount=50)
    assert whole["expires_at"] is None
    assert (await purse.end(whole["id"], "post")).json()["amount_posted"] == 100
    voided = (await purse.end(none["id"], "void")).json()
    assert (voided["status"], voided["amount_posted"]) == ("voided", 0)
    assert await purse.balance() == (400, 400, 0, False)


async def test_a_hold_expires(purse: Purse) -> None:
    await purse.ask("/credit", amount=100)
    hold = await purse.ask("/holds", amount=100, expires_in_s=1)
    ended = await until(
        lambda: purse.get(f"/holds/{hold['id']}"), lambda found: found["status"] != "held"
    )
    assert (ended["status"], ended["amount_posted"]) == ("expired", 0)
    assert await purse.balance() == (100, 100, 0, False)
    late = error_of(await purse.end(hold["id"], "post"))
    assert (late["code"], late["message"]) == ("hold_state", "This hold is expired already.")
    (line,) = await audit(purse.stack, target=hold["id"], action="hold.expire")
    assert (line["actor"], line["ip"], line["request_id"]) == ("worker", None, None)


async def test_a_frozen_wallet_still_takes_and_settles(purse: Purse) -> None:
    await purse.ask("/credit", amount=100)
    hold = await purse.ask("/holds", amount=60)
    frozen = await purse.ask("/freeze")
    assert frozen == {"user": purse.user, "balance": _shown(100, 60, frozen=True)}
    assert await purse.balance() == (100, 40, 60, True)
    await purse.ask("/credit", amount=1)
    assert (await purse.end(hold["id"], "post")).status_code == 200
    assert (await purse.ask("/unfreeze"))["balance"] == _shown(41)
    await purse.ask("/debit", amount=41)


async def test_limits_bind_until_they_are_lifted(purse: Purse) -> None:
    nothing = {"debit_max": None, "day_max": None, "balance_max": None}
    head = {"object": "wallet_limits", "user": purse.user, "currency": "eur"}
    assert await purse.get("/limits", currency="eur") == head | nothing
    bounds = {"debit_max": 50, "day_max": 80, "balance_max": 200}
    assert await purse.ask("/limits", **bounds) == head | bounds
    assert await purse.get("/limits", currency="EUR") == head | bounds
    await purse.ask("/credit", amount=200)
    await purse.ask("/debit", amount=50)
    hold = await purse.ask("/holds", amount=30)
    refused = error_of(await purse.post("/debit", amount=1, currency="eur"))
    assert refused["message"] == "At most 80 a day may leave this wallet; 0 are left."
    await purse.end(hold["id"], "post", amount=10)  # 20 of it come back
    await purse.ask("/debit", amount=20)
    assert await purse.ask("/limits") == head | nothing
    await purse.ask("/debit", amount=120)


# ---- once for each key ----------------------------------------------------------------------


async def test_the_same_key_moves_money_once(purse: Purse) -> None:
    wish: dict[str, Any] = {"amount": 10, "currency": "eur"}
    key = f"credit-{purse.user}"
    answers = await asyncio.gather(*(purse.post("/credit", key, **wish) for _ in range(8)))
    assert {a.status_code for a in answers} == {201}
    assert len({a.text for a in answers}) == 1
    assert sum(a.headers.get("idempotent-replayed") == "true" for a in answers) == 7
    assert await purse.balance() == (10, 10, 0, False)
    for other in (
        await purse.post("/credit", key, amount=11, currency="eur"),
        await purse.post("/debit", key, **wish),
    ):
        error = error_of(other)
        assert (other.status_code, error["code"]) == (400, "idempotency_key_reused")
    bad = error_of(await purse.post("/credit", "x" * 256, **wish))
    assert (bad["code"], bad["param"]) == ("parameter_invalid", "Idempotency-Key")


async def test_every_change_is_replayed_refusals_included(purse: Purse, other: Purse) -> None:
    await purse.ask("/credit", amount=100)
    first, second = await purse.ask("/holds", amount=10), await purse.ask("/holds", amount=10)
    eur: dict[str, Any] = {"currency": "eur"}
    wishes: list[tuple[str, dict[str, Any], int]] = [
        ("/debit", {"amount": 1, **eur}, 201),
        ("/debit", {"amount": 1000, **eur}, 402),
        ("/holds", {"amount": 1, **eur}, 201),
        (f"/holds/{first['id']}/post", {"amount": 4}, 200),
        (f"/holds/{second['id']}/void", {}, 200),
        ("/freeze", eur, 200),
        ("/unfreeze", eur, 200),
        ("/limits", {"day_max": 5, **eur}, 200),
    ]
    for number, (path, body, status) in enumerate(wishes):
        key = f"{purse.user}-{number}"
        told, again = await purse.post(path, key, **body), await purse.post(path, key, **body)
        assert (told.status_code, again.status_code) == (status, status), told.text
        assert again.text == told.text
        assert "idempotent-replayed" not in told.headers
        assert again.headers["idempotent-replayed"] == "true"
    assert await purse.balance() == (95, 94, 1, False)


# ---- what can be read -----------------------------------------------------------------------


async def test_a_statement_runs_through_all_balances(purse: Purse) -> None:
    await purse.ask("/credit", amount=1000, reference="first", description="Begin")
    hold = await purse.ask("/holds", amount=200)
    for amount in range(1, 6):
        await purse.ask("/debit", amount=amount)
    await purse.end(hold["id"], "post", amount=150)
    await purse.end((await purse.ask("/holds", amount=5))["id"], "void")

    async def ask(**query: Any) -> dict[str, Any]:
        return await purse.get("/statement", currency="eur", **query)

    down, up = await walk(ask, 2)
    assert down == up
    assert [(one["type"], one["amount"], one["balance"], one["held"]) for one in down] == [
        ("hold_posted", -150, 835, 0),
        ("wallet_debit", -5, 985, 200),
        ("wallet_debit", -4, 990, 200),
        ("wallet_debit", -3, 994, 200),
        ("wallet_debit", -2, 997, 200),
        ("wallet_debit", -1, 999, 200),
        ("wallet_credit", 1000, 1000, 0),
    ]
    assert (down[-1]["reference"], down[-1]["description"]) == ("first", "Begin")
    page = await ask(limit=100)
    assert (page["data"], page["has_more"]) == (down, False)
    assert page["url"] == f"{purse.path}/statement"
    born = down[-1]["created"]
    assert len((await ask(**{"created[gte]": born}))["data"]) == 7
    assert (await ask(**{"created[lt]": born}))["data"] == []
    both = await purse.stack.api.get(
        f"{purse.path}/statement",
        params={"currency": "eur", "starting_after": down[0]["id"], "ending_before": down[1]["id"]},
    )
    assert error_of(both)["param"] == "ending_before"
    assert (await purse.get("/statement", currency="usd"))["data"] == []


async def test_holds_are_listed(purse: Purse, other: Purse) -> None:
    await purse.ask("/credit", amount=100)
    made = [await purse.ask("/holds", amount=n) for n in range(1, 6)]
    await purse.end(made[1]["id"], "void")

    async def ask(**query: Any) -> dict[str, Any]:
        return await purse.get("/holds", **query)

    down, up = await walk(ask, 2)
    assert down == up
    assert [one["amount"] for one in down] == [5, 4, 3, 2, 1]
    held, _ = await walk(ask, 2, status="held")
    assert [one["amount"] for one in held] == [5, 4, 3, 1]
    assert (await other.get("/holds"))["data"] == []


async def test_a_statement_in_csv_is_safe_to_open(purse: Purse) -> None:
    """A spreadsheet runs what begins with =, +, - or @."""
    await purse.ask("/credit", amount=100, reference="=1+1", description='@SUM(A1),"x"\nnext')
    await purse.ask("/debit", amount=7, reference="-2", description="+49 30")
    await purse.ask("/debit", amount=1, reference="plain", description="Tee für zwei")
    answer = await purse.stack.api.get(
        f"{purse.path}/statement", params={"currency": "eur", "format": "csv"}
    )
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="statement.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [
        (r["type"], r["amount"], r["balance"], r["reference"], r["description"]) for r in rows
    ] == [
        ("wallet_debit", "-1", "92", "plain", "Tee für zwei"),
        ("wallet_debit", "-7", "93", "'-2", "'+49 30"),
        ("wallet_credit", "100", "100", "'=1+1", '\'@SUM(A1),"x"\nnext'),
    ]
    listed = (await purse.get("/statement", currency="eur"))["data"]
    assert [r["id"] for r in rows] == [one["id"] for one in listed]
    assert all(r["created"].endswith("+00:00") and r["currency"] == "eur" for r in rows)


async def test_past_balances(purse: Purse, db: Db) -> None:
    """Booked three, two and one hour ago: past the trigger, a superuser can move time."""
    await purse.ask("/credit", amount=100)
    hold = await purse.ask("/holds", amount=30)
    await purse.end(hold["id"], "post", amount=20)
    await _age(db, purse, 1)
    now = int(clock.now().timestamp())
    found = [await purse.balance(at=now - minutes * 60) for minutes in (190, 150, 90, 30)]
    found += [await purse.balance(at=now + 3600), await purse.balance()]
    await _age(db, purse, -1)  # the merchant's account is everybody's, and its times must rise
    assert found == [
        (0, 0, 0, False), (100, 100, 0, False), (100, 70, 30, False), *[(80, 80, 0, False)] * 3,
    ]  # fmt: skip


async def _age(connection: Db, purse: Purse, sign: int) -> None:
    await connection.execute("SET session_replication_role = replica")
    for code, hours in (("wallet_credit", 3), ("wallet_hold", 2), ("hold_posted", 1)):
        await connection.execute(
            "UPDATE transfers SET created_at = created_at - $3 * interval '1 hour' WHERE code = $2 "
            "AND (SELECT id FROM accounts WHERE owner = $1) IN (debit_id, credit_id)",
            f"user:{purse.user}", code, sign * hours,
        )  # fmt: skip


async def test_a_user_without_a_wallet_has_an_empty_one(purse: Purse) -> None:
    assert await purse.get() == {
        "object": "wallet", "user": purse.user, "balances": [], "livemode": False,
    }  # fmt: skip
    assert await purse.balance() == (0, 0, 0, False)
    await purse.ask("/credit", amount=1, currency="usd")
    await purse.ask("/credit", amount=1)
    assert [b["currency"] for b in (await purse.get())["balances"]] == ["eur", "usd"]


@pytest.mark.parametrize(("how", "status"), [("post", "posted"), ("void", "voided")])
async def test_a_hold_ends_without_a_body(
    purse: Purse, stack: Stack, how: str, status: str
) -> None:
    base = f"/v1/wallets/{purse.user}"
    money = {"amount": 400, "currency": "eur"}
    await stack.api.post(f"{base}/credit", json=money)
    held = (await stack.api.post(f"{base}/holds", json=money)).json()
    ended = await stack.api.post(f"{base}/holds/{held['id']}/{how}")
    assert (ended.status_code, ended.json()["status"]) == (200, status)
