"""The main job, end to end, over plain HTTP: create, pay, called back, booked once, told."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook as StandardWebhook
from svix.webhooks import Webhook as SvixWebhook

from tests.flows.stack import Page, Received, Stack, until
from tests.invariants import check_invariants
from tillgate.kit import ids

Db = Any


@pytest.fixture(autouse=True)
async def books_hold(stack: Stack):
    """Whatever a story did, every invariant holds after it."""
    yield
    await stack.control("DELETE", "/faults")
    await check_invariants(stack.database_url)


async def subscribe(stack: Stack, shop: Received, **wanted: Any) -> dict[str, Any]:
    answer = await stack.api.post("/v1/webhook_endpoints", json={"url": shop.url, **wanted})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_payment_goes_all_the_way(stack: Stack, shop: Received) -> None:
    endpoint = await subscribe(stack, shop, events=["payment.*"])
    before = await available(stack, "eur")
    payment = await stack.create(
        description="Blue mug", metadata={"order": "7"}, success_url="https://shop.example/thanks"
    )
    assert payment["status"] == "pending"
    assert payment["next_action"] == {"type": "redirect", "url": payment["checkout_url"]}

    page = await stack.look(payment["checkout_url"])
    assert (page.status, page.state) == (200, "ready")
    assert "Blue mug" in page.text
    at_processor = await stack.send_payer(payment)
    assert (await stack.look(payment["checkout_url"])).state == "waiting"
    answer = await stack.anyone.post(at_processor.form("/approve"))
    assert answer.headers["location"] == payment["checkout_url"]

    paid = await stack.until(payment["id"], "succeeded")
    assert (paid["amount_captured"], paid["next_action"]) == (1050, None)
    page = await stack.look(payment["checkout_url"])
    assert page.state == "succeeded"
    assert "https://shop.example/thanks" in page.text
    assert await available(stack, "eur") == before + 1050

    created, succeeded = await shop.wait_for(2, payment["id"])
    assert json.loads(created.body)["type"] == "payment.created"
    event = json.loads(succeeded.body)
    assert event["type"] == "payment.succeeded"
    assert event["data"]["object"]["id"] == payment["id"]
    assert event["data"]["object"]["metadata"] == {"order": "7"}
    for library in (StandardWebhook, SvixWebhook):
        for webhook in (created, succeeded):
            library(endpoint["secret"]).verify(webhook.body, webhook.headers)
    told = (await stack.api.get(f"/v1/events/{event['id']}")).json()
    assert told == event
    deliveries = await until(
        lambda: listed(stack, f"/v1/webhook_endpoints/{endpoint['id']}/deliveries"),
        lambda found: [d["state"] for d in found] == ["delivered"] * 2,
    )
    assert deliveries[0]["attempts"][0]["status_code"] == 200


async def listed(stack: Stack, path: str) -> list[dict[str, Any]]:
    answer = await stack.api.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def available(stack: Stack, currency: str, kind: str = "available") -> int:
    balance = (await stack.api.get("/v1/balance")).json()
    return sum(a["amount"] for a in balance[kind] if a["currency"] == currency)


async def test_a_declined_payment_can_be_tried_again(stack: Stack, shop: Received) -> None:
    await subscribe(stack, shop)
    payment = await stack.create()
    await stack.anyone.post((await stack.send_payer(payment)).form("/decline"))
    failed = await stack.until(payment["id"], "failed")
    assert failed["last_error"]["code"] == "card_declined"
    page = await stack.look(payment["checkout_url"])
    assert page.state == "failed"
    again = await stack.press(page, "/pay")
    assert (await stack.payment(payment["id"]))["status"] == "pending"
    await stack.anyone.post(again.form("/approve"))
    paid = await stack.until(payment["id"], "succeeded")
    assert (paid["last_error"], paid["late"]) == (None, False)
    types = [json.loads(w.body)["type"] for w in await shop.wait_for(4, payment["id"])]
    assert sorted(types) == [
        "payment.created", "payment.failed", "payment.pending", "payment.succeeded",
    ]  # fmt: skip


async def test_leaving_the_processor_leaves_the_payment_open(stack: Stack) -> None:
    payment = await stack.create()
    page = await stack.send_payer(payment)
    await stack.anyone.post(page.form("/abandon"))
    waiting = await stack.look(payment["checkout_url"])
    assert waiting.state == "waiting"
    assert page.url in waiting.text  # the way on
    again = await stack.press(waiting, "/pay")
    assert again.url == page.url  # one try at a time
    await stack.anyone.post(again.form("/approve"))
    await stack.until(payment["id"], "succeeded")


async def test_the_payer_comes_back_in_the_language_of_the_page(stack: Stack) -> None:
    payment = await stack.create()
    page = await stack.look(payment["checkout_url"] + "?lang=de")
    answer = await stack.anyone.post(page.form("/pay"), data={"lang": "de"}, follow_redirects=True)
    at_processor = Page(str(answer.url), answer.status_code, answer.text)
    back = await stack.anyone.post(at_processor.form("/approve"), follow_redirects=True)
    assert str(back.url) == payment["checkout_url"] + "?lang=de"
    assert '<html lang="de"' in back.text
    for odd in ("xx", "../", "de&x=1"):
        page = await stack.look((await stack.create())["checkout_url"])
        assert (await stack.anyone.post(page.form("/pay"), data={"lang": odd})).status_code == 303


async def test_paying_twice_is_not_possible(stack: Stack) -> None:
    payment = await stack.create()
    ready = await stack.look(payment["checkout_url"])
    await stack.anyone.post((await stack.send_payer(payment)).form("/approve"))
    await stack.until(payment["id"], "succeeded")
    assert (await stack.press(ready, "/pay")).state == "succeeded"


async def test_an_old_success_is_shown_as_already_paid(stack: Stack, db: Db) -> None:
    payment = await stack.create()
    await stack.anyone.post((await stack.send_payer(payment)).form("/approve"))
    await stack.until(payment["id"], "succeeded")
    await db.execute(
        "UPDATE payments SET succeeded_at = succeeded_at - interval '1 hour' WHERE id = $1",
        ids.parse("pay", payment["id"]),
    )
    assert (await stack.look(payment["checkout_url"])).state == "already_paid"


async def test_a_payment_expires_and_late_money_is_booked_all_the_same(
    stack: Stack, db: Db
) -> None:
    payment = await stack.create(expires_in_s=60)
    at_processor = await stack.send_payer(payment)
    await db.execute(
        "UPDATE payments SET expires_at = now() WHERE id = $1", ids.parse("pay", payment["id"])
    )
    await stack.until(payment["id"], "expired")
    assert (await stack.look(payment["checkout_url"])).state == "expired"
    before = await available(stack, "eur")
    await stack.anyone.post(at_processor.form("/approve"))
    paid = await stack.until(payment["id"], "succeeded")
    assert paid["late"] is True
    assert await available(stack, "eur") == before + 1050


async def test_another_amount_goes_to_review_and_waits_in_suspense(stack: Stack) -> None:
    before = await available(stack, "eur", "in_review")
    payment = await stack.create(amount=1000)
    await stack.send_payer(payment)
    await stack.control("POST", f"/payments/{payment['id']}/approve", {"amount": 900})
    reviewed = await stack.until(payment["id"], "review")
    assert reviewed["review_reason"] == "amount_short"
    assert reviewed["amount_captured"] == 900
    assert await available(stack, "eur", "in_review") == before + 900
    assert (await stack.look(payment["checkout_url"])).state == "review"


async def test_more_than_asked_is_booked_and_said(stack: Stack, shop: Received) -> None:
    await subscribe(stack, shop, events=["payment.amount_mismatch", "payment.succeeded"])
    payment = await stack.create(amount=1000)
    await stack.send_payer(payment)
    await stack.control("POST", f"/payments/{payment['id']}/approve", {"amount": 1200})
    paid = await stack.until(payment["id"], "succeeded")
    assert paid["amount_captured"] == 1200
    told = await shop.wait_for(2, payment["id"])
    types = {json.loads(w.body)["type"] for w in told}
    assert types == {"payment.succeeded", "payment.amount_mismatch"}


async def test_a_deposit_credits_the_users_wallet(stack: Stack) -> None:
    payment = await stack.create(amount=700, wallet_user="ada", currency="usd")
    await stack.anyone.post((await stack.send_payer(payment)).form("/approve"))
    await stack.until(payment["id"], "succeeded")
    wallet = (await stack.api.get("/v1/wallets/ada")).json()
    assert wallet["balances"] == [
        {"currency": "usd", "total": 700, "available": 700, "held": 0, "frozen": False}
    ]
    assert (await stack.api.get("/v1/wallets/nobody")).json()["balances"] == []


async def recorded(stack: Stack, db: Db) -> tuple[str, bytes, str]:
    """A callback that was applied: the address it came to, its body, and the signing secret."""
    payment = await stack.create()
    await stack.anyone.post((await stack.send_payer(payment)).form("/approve"))
    await stack.until(payment["id"], "succeeded")
    row = await db.fetchrow(
        "SELECT connection_id, raw, headers FROM callbacks WHERE payment_id = $1",
        ids.parse("pay", payment["id"]),
    )
    return (
        f"{stack.url}/callbacks/{ids.show('con', row['connection_id'])}",
        row["raw"],
        row["headers"],
    )


def headers_of(text: str) -> dict[str, str]:
    kept = json.loads(text)
    return {name: kept[name] for name in ("x-sandbox-timestamp", "x-sandbox-signature")}


async def test_the_same_callback_ten_times_books_once(stack: Stack, db: Db) -> None:
    url, body, kept = await recorded(stack, db)
    before = await db.fetchval("SELECT count(*) FROM transfers")
    answers = await asyncio.gather(
        *(stack.anyone.post(url, content=body, headers=headers_of(kept)) for _ in range(10))
    )
    assert {answer.status_code for answer in answers} == {200}
    assert await db.fetchval("SELECT count(*) FROM transfers") == before


async def test_forged_stale_and_unsigned_callbacks_book_nothing_and_are_counted(
    stack: Stack, db: Db
) -> None:
    url, body, kept = await recorded(stack, db)
    genuine = headers_of(kept)
    counted = await verdicts(db)
    transfers = await db.fetchval("SELECT count(*) FROM transfers")
    other = body.replace(b'"Amount":1050', b'"Amount":9050')
    assert other != body
    for content, headers in (
        (other, genuine),
        (body, {}),
        (body, {**genuine, "x-sandbox-signature": "00" * 32}),
        (body, {**genuine, "x-sandbox-signature": "not hex"}),
        (body, {**genuine, "x-sandbox-timestamp": str(int(time.time()) + 5)}),
        (b"", genuine),
    ):
        answer = await stack.anyone.post(url, content=content, headers=headers)
        assert answer.status_code == 400, (headers, answer.text)
        assert answer.json()["error"]["code"] in {"callback_forged", "callback_stale"}
    after = await until(lambda: verdicts(db), lambda now: now["forged"] >= counted["forged"] + 5)
    assert sum(after.values()) == sum(counted.values()) + 6
    assert await db.fetchval("SELECT count(*) FROM transfers") == transfers


async def verdicts(db: Db) -> dict[str, int]:
    rows = await db.fetch(
        "SELECT verdict, sum(total)::int AS n FROM callback_counts "
        "WHERE verdict <> 'genuine' GROUP BY 1"
    )
    return {"forged": 0, "stale": 0, **{row["verdict"]: row["n"] for row in rows}}


async def test_a_stale_callback_of_the_sandbox_is_refused(stack: Stack, db: Db) -> None:
    payment = await stack.create()
    await stack.send_payer(payment)
    before = (await verdicts(db))["stale"]
    await stack.control("PUT", "/faults", {"stale_timestamp": True, "times": 1})
    await stack.control("POST", f"/payments/{payment['id']}/approve")
    await until(lambda: verdicts(db), lambda now: now["stale"] > before)
    assert (await stack.payment(payment["id"]))["status"] == "pending"
    await stack.control("POST", f"/payments/{payment['id']}/callbacks/resend")
    await stack.until(payment["id"], "succeeded")


@pytest.mark.parametrize(
    "faults",
    [
        {"duplicate": 3},
        {"reorder": True},
        {"delay_s": 0.3},
        {"callback_before_answer": True},
        {"fail_after_work": 1},
    ],
    ids=str,
)
async def test_a_faulty_processor_changes_nothing(
    stack: Stack, db: Db, faults: dict[str, Any]
) -> None:
    await stack.control("PUT", "/faults", faults)
    payment = await stack.create()
    page = await stack.press(await stack.look(payment["checkout_url"]), "/pay")
    if "fail_after_work" in faults:
        assert page.state == "waiting"  # nobody knows yet; the janitor looks
        await make_looks_due(db, payment)
        await until(
            lambda: stack.look(payment["checkout_url"]), lambda p: stack.sandbox_url in p.text
        )
    await stack.control("POST", f"/payments/{payment['id']}/approve")
    await stack.until(payment["id"], "succeeded")
    objects = await db.fetch(
        "SELECT booked FROM processor_objects WHERE payment_id = $1",
        ids.parse("pay", payment["id"]),
    )
    assert [row["booked"] for row in objects] == [1050]


async def make_looks_due(db: Db, payment: dict[str, Any]) -> None:
    await db.execute(
        "UPDATE operations SET due_at = now() WHERE payment_id = $1 AND due_at IS NOT NULL",
        ids.parse("pay", payment["id"]),
    )


async def test_a_callback_that_never_comes_is_looked_up(stack: Stack, db: Db) -> None:
    await stack.control("PUT", "/faults", {"drop": True})
    payment = await stack.create()
    await stack.send_payer(payment)
    await stack.control("POST", f"/payments/{payment['id']}/approve")
    assert (await stack.payment(payment["id"]))["status"] == "pending"
    await make_looks_due(db, payment)
    await stack.until(payment["id"], "succeeded")


async def test_a_merchants_server_that_fails_is_told_again(
    stack: Stack, shop: Received, db: Db
) -> None:
    shop.answers = [500, 200]
    endpoint = await subscribe(stack, shop, events=["payment.created"])
    await stack.create()
    first, second = await shop.wait_for(2)  # the second after five seconds
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    StandardWebhook(endpoint["secret"]).verify(second.body, second.headers)


async def test_parallel_creates_with_one_key_make_one_payment(stack: Stack, db: Db) -> None:
    async def create() -> tuple[int, str, str | None]:
        answer = await stack.api.post(
            "/v1/payments",
            json={"amount": 500, "currency": "EUR"},
            headers={"Idempotency-Key": "parallel"},
        )
        return answer.status_code, answer.text, answer.headers.get("idempotent-replayed")

    answers = await asyncio.gather(*(create() for _ in range(20)))
    assert {status for status, _, _ in answers} == {201}
    assert len({body for _, body, _ in answers}) == 1
    assert sum(replayed == "true" for _, _, replayed in answers) == 19
    other = await stack.api.post(
        "/v1/payments",
        json={"amount": 501, "currency": "eur"},
        headers={"Idempotency-Key": "parallel"},
    )
    assert (other.status_code, other.json()["error"]["type"]) == (400, "idempotency_error")


async def test_an_endpoint_is_made_once_for_its_key(stack: Stack, shop: Received) -> None:
    async def make(**changes: Any) -> Any:
        return await stack.api.post(
            "/v1/webhook_endpoints",
            json={"url": shop.url, "events": ["payment.expired"], **changes},
            headers={"Idempotency-Key": "an-endpoint"},
        )

    answers = await asyncio.gather(*(make() for _ in range(8)))
    assert {a.status_code for a in answers} == {201}
    assert len({a.text for a in answers}) == 1
    assert sum("idempotent-replayed" in a.headers for a in answers) == 7
    other = await make(events=["payment.failed"])
    assert (other.status_code, other.json()["error"]["code"]) == (400, "idempotency_key_reused")


async def test_what_is_signed_survives_javascript(stack: Stack, shop: Received) -> None:
    """Many receivers hash JSON.stringify(JSON.parse(body))."""
    endpoint = await subscribe(stack, shop, events=["payment.created"])
    metadata = {"b": 'é\u2028\t"\\', "10": "x", "9": "\x7f", "a": "😀"}
    await stack.create(description="Tea & “cake” </script>", metadata=metadata)
    (webhook,) = await shop.wait_for(1)
    script = (
        "let s='';process.stdin.on('data',d=>s+=d)"
        ".on('end',()=>process.stdout.write(JSON.stringify(JSON.parse(s))))"
    )
    pipe = asyncio.subprocess.PIPE
    node = await asyncio.create_subprocess_exec("node", "-e", script, stdin=pipe, stdout=pipe)
    read, _ = await node.communicate(webhook.body)
    assert read == webhook.body
    signed = f"{webhook.headers['webhook-id']}.{webhook.headers['webhook-timestamp']}.".encode()
    key = base64.b64decode(endpoint["secret"].removeprefix("whsec_"))
    mac = hmac.new(key, signed + read, hashlib.sha256).digest()
    assert f"v1,{base64.b64encode(mac).decode()}" in webhook.headers["webhook-signature"].split()
