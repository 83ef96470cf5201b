"""Connections as merchants handle them: made, tested, chosen, rolled, disabled; and what becomes of
a payment when a processor says no, or nothing."""

import hmac
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.flows.own_app import KEY, SECRET, Body, OwnApp, running
from tests.flows.stack import Stack
from tests.flows.test_bad_input import error_of
from tests.flows.trade import Trade
from tillgate.cli.ports import free_port
from tillgate.kit import ids

Db = Any
EXPANDED = {"expand[]": "tries"}
CREDENTIALS = {"api_key": KEY, "signing_secrets": [SECRET]}
BY_HAND: Body = {
    "create_url": "http://127.0.0.1:9/pay",
    "request": {"id": "{transaction_id}", "sum": {"value": "{amount}", "unit": "{currency}"}},
    "headers": {"X-Key": "{api_key}"},
    "callback": {
        "reference": "/no", "ours": "/id", "status": "/state", "amount": "/sum/value",
        "currency": "/sum/unit",
    },
    "signature": {"covers": "body", "header": "X-Signature", "encoding": "base64"},
}  # fmt: skip


@pytest.fixture
async def own() -> AsyncIterator[OwnApp]:
    async with running() as app:
        yield app


async def connect(trade: Trade, url: str, **more: Any) -> Body:
    """An own app, asked before the sandbox."""
    settings = {"preset": "wallet_app", "base_url": url}
    wanted = {"connector": "external", "settings": settings, "credentials": CREDENTIALS}
    return await trade.ask("/v1/connections", 201, **{"priority": 10, **wanted, **more})


async def sandbox_of(trade: Trade) -> Body:
    listed = (await trade.get("/v1/connections"))["data"]
    return next(one for one in listed if one["name"] == "Sandbox")


async def nobody() -> str:
    return f"http://127.0.0.1:{free_port()}/payments"


async def confirm(trade: Trade, payment: Body, status: int = 200) -> Body:
    return await trade.ask(f"/v1/payments/{payment['id']}/confirm", status)


async def tries_of(trade: Trade, payment: Body) -> list[tuple[str, str]]:
    shown = await trade.get(f"/v1/payments/{payment['id']}", **EXPANDED)
    return [(one["connection"], one["status"]) for one in shown["tries"]]


async def turn(trade: Trade, connection: Body, status: str) -> None:
    answer = await trade.send(f"/v1/connections/{connection['id']}", status=status)
    assert answer.json()["status"] == status


# ---- made ------------------------------------------------------------------------------------


async def test_a_connection_is_made_and_its_credentials_are_never_seen_again(
    trade: Trade, own: OwnApp, db: Db
) -> None:
    made = await connect(trade, own.url, name="Own app", currencies=["EUR"], amount_max=5000)
    assert (made["object"], made["connector"], made["name"]) == (
        "connection",
        "external",
        "Own app",
    )
    assert (made["status"], made["priority"], made["currencies"]) == ("enabled", 10, ["eur"])
    assert (made["amount_min"], made["amount_max"], made["amount_policy"]) == (None, 5000, "review")
    assert made["settings"]["create_url"] == own.url
    assert made["callback_url"] == f"{trade.url}/callbacks/{made['id']}"
    assert made["capabilities"]["look_up"] is False
    assert made["credentials"] == {
        "api_key": f"…{KEY[-4:]}",
        "signing_secrets": [f"…{SECRET[-4:]}"],
    }
    assert await trade.get(f"/v1/connections/{made['id']}") == made
    assert made in (await trade.get("/v1/connections"))["data"]
    await trade.ask(f"/v1/connections/{made['id']}", name="Renamed")
    rows = await db.fetch(
        "SELECT c::text FROM connections c UNION ALL SELECT a::text FROM audit a"
        " UNION ALL SELECT k::text FROM idempotency_keys k UNION ALL SELECT e::text FROM events e"
    )
    text = str(rows)
    assert "Renamed" in text
    for secret in (KEY, SECRET):
        for form in (secret, secret.encode().hex()):
            assert form not in text


async def test_what_changes_is_in_the_audit(trade: Trade, own: OwnApp) -> None:
    made = await connect(trade, own.url)
    path = f"/v1/connections/{made['id']}"
    await trade.ask(path, priority=3)
    await trade.ask(path, credentials={"api_key": "another-key-of-the-own-app"})
    lines = (await trade.get("/v1/audit", action="connection.*"))["data"]
    about = [line for line in lines if line["target"] == made["id"]][::-1]
    assert [line["action"] for line in about] == [
        f"connection.{what}" for what in ("create", "update", "roll")
    ]
    assert (about[1]["before"]["priority"], about[1]["after"]["priority"]) == (10, 3)
    assert "another-key" not in json.dumps(lines)


async def test_settings_by_hand_say_all_that_a_preset_would(trade: Trade) -> None:
    made = await trade.ask(
        "/v1/connections", 201, connector="external", settings=BY_HAND, credentials=CREDENTIALS
    )
    assert made["settings"]["signature"]["encoding"] == "base64"
    assert made["name"] == "External"
    changed = await trade.ask(
        f"/v1/connections/{made['id']}", settings={**BY_HAND, "amount_unit": "major"}
    )
    assert changed["settings"]["amount_unit"] == "major"
    assert changed["updated"] >= made["updated"]


async def test_the_sandbox_is_connected_by_its_preset(trade: Trade) -> None:
    secret = trade.ready["sandbox_secret"]
    made = await trade.ask(
        "/v1/connections", 201, connector="external", priority=5,
        settings={"preset": "sandbox", "base_url": trade.sandbox_url},
        credentials={"api_key": secret, "signing_secrets": [secret]},
    )  # fmt: skip
    shown = await trade.paid()
    assert shown["connection"] == made["id"]
    assert made["capabilities"] == (await sandbox_of(trade))["capabilities"]


SIGNATURE = BY_HAND["signature"]
CALLBACK = BY_HAND["callback"]
WRONG: list[tuple[Body, str, str]] = [
    ({"connector": "nobody"}, "parameter_invalid", "connector"),
    ({"colour": "red"}, "parameter_unknown", "colour"),
    ({"priority": 1001}, "parameter_invalid", "priority"),
    ({"currencies": ["zzz"]}, "parameter_invalid", "currencies"),
    ({"amount_min": 10, "amount_max": 9}, "parameter_invalid", "amount_max"),
    ({"allowed_networks": ["10.0.0.0/33"]}, "parameter_invalid", "allowed_networks"),
    ({"name": "a\nb"}, "parameter_invalid", "name"),
    ({"settings": {"preset": "nothing"}}, "parameter_invalid", "settings.preset"),
    ({"settings": {"preset": "wallet_app"}}, "parameter_missing", "settings.base_url"),
    ({"settings": {}}, "parameter_missing", "settings.callback"),
    ({"credentials": {"api_key": 5}}, "parameter_invalid", "credentials.api_key"),
    ({"credentials": {"password": "x"}}, "parameter_unknown", "credentials.password"),
    ({"credentials": {"api_key": "a\r\nb"}}, "parameter_invalid", "credentials.api_key"),
    (
        {"credentials": {"api_key": "k", "signing_secrets": [""]}},
        "parameter_invalid", "credentials.signing_secrets",
    ),
]  # fmt: skip
WRONG_SETTINGS: list[tuple[Body, str, str]] = [
    ({"colour": "red"}, "parameter_unknown", "colour"),
    ({"create_url": 5}, "parameter_invalid", "create_url"),
    ({"create_url": "ftp://example.com"}, "url_refused", "create_url"),
    ({"pay_url": "javascript:alert(1)"}, "url_refused", "pay_url"),
    ({"pay_url": "https://example.com/?id={op}"}, "parameter_invalid", "pay_url"),
    ({"request": {"id": "{op}"}}, "parameter_invalid", "request"),
    ({"look_url": "https://example.com/{reference}"}, "parameter_missing", "look"),
    ({"headers": {"Host": "x"}}, "parameter_invalid", "headers"),
    ({"headers": {"X": "a\nb"}}, "parameter_invalid", "headers"),
    ({"callback": {**CALLBACK, "status": "state"}}, "parameter_invalid", "callback.status"),
    (
        {"callback": {n: p for n, p in CALLBACK.items() if n not in {"reference", "ours"}}},
        "parameter_missing", "callback.ours",
    ),
    ({"signature": {"covers": "body"}}, "parameter_missing", "signature.header"),
    ({"signature": {**SIGNATURE, "covers": "payload"}}, "parameter_invalid", "signature.payload"),
    ({"signature": {"field": "/mac"}}, "parameter_invalid", "signature.field"),
    (
        {"signature": {**SIGNATURE, "covers": "timestamp.body"}},
        "parameter_missing", "signature.timestamp_header",
    ),
    ({"currency": "zzz"}, "parameter_invalid", "currency"),
]  # fmt: skip
NOT_PUBLIC = [
    "http://169.254.169.254/x",
    "https://10.0.0.1/",
    "https://[fd00::1]/",
    "https://2130706433/",
]


async def test_what_is_wrong_is_named(trade: Trade) -> None:
    fits = {"connector": "external", "settings": BY_HAND, "credentials": CREDENTIALS}
    wrong = [({**fits, **part}, code, param) for part, code, param in WRONG]
    wrong += [
        ({**fits, "settings": {**BY_HAND, **part}}, code, f"settings.{param}")
        for part, code, param in WRONG_SETTINGS
    ]
    wrong += [
        ({**fits, "settings": {**BY_HAND, name: url}}, "url_refused", f"settings.{name}")
        for url in NOT_PUBLIC
        for name in ("create_url", "pay_url")
    ]
    for body, code, param in wrong:
        answer = await trade.api.post("/v1/connections", json=body)
        error = error_of(answer)
        assert (answer.status_code, error["code"], error["param"]) == (400, code, param), body
    assert [one["name"] for one in (await trade.get("/v1/connections"))["data"]] == ["Sandbox"]


async def test_addresses_are_vetted_when_they_change_too(trade: Trade, own: OwnApp) -> None:
    made = await connect(trade, own.url)
    path = f"/v1/connections/{made['id']}"
    moved = {"preset": "wallet_app", "base_url": "https://192.168.1.1/pay"}
    answer = await trade.send(path, settings=moved)
    assert error_of(answer)["param"] == "settings.create_url"
    assert await trade.get(path) == made


async def test_with_a_key_it_is_made_once(trade: Trade, own: OwnApp) -> None:
    settings = {"preset": "wallet_app", "base_url": own.url}
    wanted = {"connector": "external", "settings": settings, "credentials": CREDENTIALS}
    first = await trade.send("/v1/connections", "k", **wanted)
    again = await trade.send("/v1/connections", "k", **wanted)
    assert (first.status_code, again.content) == (201, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    other = await trade.send("/v1/connections", "k", **{**wanted, "priority": 7})
    assert error_of(other)["code"] == "idempotency_key_reused"
    assert len((await trade.get("/v1/connections"))["data"]) == 2


async def test_another_merchants_connection_is_not_there(trade: Trade, stack: Stack) -> None:
    theirs = (await sandbox_of(trade))["id"]
    path = f"/v1/connections/{theirs}"
    answers = [
        await stack.api.get(path),
        await stack.api.post(path, json={"name": "Mine"}),
        await stack.api.post(f"{path}/test", json={}),
    ]
    assert [(one.status_code, error_of(one)["code"]) for one in answers] == [(404, "not_found")] * 3
    listed = (await stack.api.get("/v1/connections?limit=100")).json()["data"]
    assert theirs not in [one["id"] for one in listed]
    wish = {"amount": 5, "currency": "eur", "connection": theirs}
    answer = await stack.api.post("/v1/payments", json=wish)
    assert error_of(answer)["code"] == "connection_unusable"


# ---- tested ----------------------------------------------------------------------------------


async def troubles(trade: Trade, connection: Body) -> list[str]:
    said = await trade.ask(f"/v1/connections/{connection['id']}/test")
    assert said["ok"] is (not said["troubles"])
    for trouble in said["troubles"]:
        assert trouble["message"].endswith(".")
        assert trouble["mend"].endswith(".")
        assert SECRET not in trouble["message"]
    return [trouble["code"] for trouble in said["troubles"]]


async def test_a_test_says_what_is_wrong(trade: Trade, own: OwnApp) -> None:
    good = await connect(trade, own.url)
    assert await troubles(trade, good) == []
    assert await troubles(trade, await sandbox_of(trade)) == []
    bad = {**CREDENTIALS, "api_key": "wrong"}
    assert await troubles(trade, await connect(trade, own.url, credentials=bad)) == ["unauthorized"]
    gone = await connect(trade, await nobody())
    assert await troubles(trade, gone) == ["unreachable"]
    bare = await connect(trade, own.url, credentials={})
    found = await troubles(trade, bare)
    assert found == ["secret_missing", "key_missing", "unauthorized"]
    await turn(trade, good, "disabled")
    assert await troubles(trade, good) == ["disabled"]
    assert own.asked == []
    sandbox = {"preset": "sandbox", "base_url": trade.sandbox_url}
    wrong = await connect(trade, own.url, settings=sandbox)
    assert await troubles(trade, wrong) == ["unauthorized"]


# ---- changed ---------------------------------------------------------------------------------


async def test_a_disabled_connection_ends_what_it_began(trade: Trade, own: OwnApp) -> None:
    made = await connect(trade, own.url)
    payment = await trade.create()
    await confirm(trade, payment)
    await turn(trade, made, "disabled")
    answer = await trade.send("/v1/payments", amount=5, currency="eur", connection=made["id"])
    assert error_of(answer)["code"] == "connection_unusable"
    assert (await trade.create())["connection"] == (await sandbox_of(trade))["id"]
    assert (await own.tell(own.asked[0])).status_code == 200
    assert (await trade.payment(payment["id"]))["status"] == "succeeded"
    await turn(trade, made, "enabled")
    assert (await trade.create())["connection"] == made["id"]


async def test_while_secrets_overlap_both_are_good(trade: Trade, own: OwnApp) -> None:
    made = await connect(trade, own.url)
    path, new = f"/v1/connections/{made['id']}", "a-new-signing-secret"
    shown = await trade.ask(path, credentials={"signing_secrets": [new, SECRET]})
    assert len(shown["credentials"]["signing_secrets"]) == 2
    for _ in range(3):
        await confirm(trade, await trade.create())
    first, second, third = own.asked
    assert (await own.tell(first)).status_code == 200
    assert (await own.tell(second, secret=new)).status_code == 200
    await trade.ask(path, credentials={"signing_secrets": [new]})
    late = await own.tell(third)
    assert (late.status_code, error_of(late)["code"]) == (400, "callback_forged")
    assert (await own.tell(third, secret=new)).status_code == 200


# ---- chosen ----------------------------------------------------------------------------------


async def test_the_way_is_chosen_by_what_is_asked(trade: Trade, own: OwnApp) -> None:
    sandbox = (await sandbox_of(trade))["id"]
    euro = await connect(trade, own.url, currencies=["eur"], amount_min=100, amount_max=1000)
    small = await connect(trade, own.url, priority=20, amount_max=50)

    async def way(**wanted: Any) -> str:
        return (await trade.create(**wanted))["connection"]

    assert await way(amount=50) == small["id"]
    assert await way(amount=51) == sandbox
    assert await way(amount=100) == euro["id"]
    assert await way(amount=1000) == euro["id"]
    assert await way(amount=1001) == sandbox
    assert await way(amount=500, currency="usd") == sandbox
    assert await way(amount=500, capture_method="manual") == sandbox
    assert await way(amount=50, connection=sandbox) == sandbox
    for currency, amount in (("usd", 500), ("eur", 5)):
        wish = {"currency": currency, "amount": amount, "connection": euro["id"]}
        answer = await trade.api.post("/v1/payments", json=wish)
        assert error_of(answer)["code"] == "connection_unusable"
    await trade.ask(f"/v1/connections/{euro['id']}", priority=-5)
    assert await way(amount=500) == sandbox


async def test_where_no_way_fits_nothing_is_created(trade: Trade) -> None:
    await trade.ask(f"/v1/connections/{(await sandbox_of(trade))['id']}", currencies=["usd"])
    answer = await trade.send("/v1/payments", amount=5, currency="eur")
    assert error_of(answer)["code"] == "connection_unusable"
    assert (await trade.get("/v1/payments"))["data"] == []


# ---- falling over ----------------------------------------------------------------------------


@pytest.mark.parametrize("refusal", ["unreachable", 400, 401])
async def test_after_a_no_the_next_one_is_asked(
    trade: Trade, own: OwnApp, refusal: str | int
) -> None:
    first = await connect(trade, await nobody() if refusal == "unreachable" else own.url)
    if isinstance(refusal, int):
        own.answers.append((refusal, {"error": "closed", "message": "We are closed."}))
    payment = await trade.create()
    assert payment["connection"] == first["id"]
    shown = await confirm(trade, payment)
    sandbox = (await sandbox_of(trade))["id"]
    assert (shown["status"], shown["connection"]) == ("pending", sandbox)
    assert shown["next_action"]["url"].startswith(trade.sandbox_url)
    assert await tries_of(trade, payment) == [(first["id"], "failed"), (sandbox, "open")]
    await trade.approve(payment)
    paid = await trade.until(payment["id"], "succeeded")
    assert "payment.failed" not in await trade.told(paid)


async def test_at_the_checkout_too(trade: Trade) -> None:
    await connect(trade, await nobody())
    payment = await trade.create()
    page = await trade.send_payer(payment)
    await trade.anyone.post(page.form("/approve"))
    await trade.until(payment["id"], "succeeded")


async def test_after_an_unknown_outcome_nobody_else_is_asked(trade: Trade, own: OwnApp) -> None:
    first = await connect(trade, own.url)
    own.answers.append((500, {}))
    payment = await trade.create()
    shown = await confirm(trade, payment, 202)
    assert (shown["status"], shown["connection"]) == ("pending", first["id"])
    assert await tries_of(trade, payment) == [(first["id"], "open")]
    assert (await own.tell(own.asked[0])).status_code == 200
    assert (await trade.payment(payment["id"]))["status"] == "succeeded"


async def test_a_named_way_is_the_only_one(trade: Trade, own: OwnApp) -> None:
    first = await connect(trade, own.url)
    own.answers.append((400, {"error": "closed", "message": "We are closed."}))
    payment = await trade.create(connection=first["id"])
    answer = await trade.send(f"/v1/payments/{payment['id']}/confirm")
    assert answer.status_code >= 400
    shown = await trade.payment(payment["id"])
    assert (shown["status"], shown["last_error"]["code"]) == ("failed", "closed")
    assert await tries_of(trade, payment) == [(first["id"], "failed")]


async def test_where_all_refuse_the_payment_has_failed(trade: Trade, own: OwnApp) -> None:
    first = await connect(trade, own.url)
    second = await connect(trade, await nobody(), priority=5)
    await turn(trade, await sandbox_of(trade), "disabled")
    own.answers.append((400, {}))
    payment = await trade.create()
    answer = await trade.send(f"/v1/payments/{payment['id']}/confirm")
    assert answer.status_code >= 400
    shown = await trade.payment(payment["id"])
    assert (shown["status"], shown["last_error"]["code"]) == ("failed", "processor_unreachable")
    assert await tries_of(trade, payment) == [(first["id"], "failed"), (second["id"], "failed")]
    told = await trade.told(shown)
    assert told.count("payment.failed") == 1


# ---- an own app ------------------------------------------------------------------------------


async def test_an_own_app_is_asked_and_tells(trade: Trade, own: OwnApp) -> None:
    made = await connect(trade, own.url)
    payment = await trade.create(amount=1050)
    shown = await confirm(trade, payment)
    [asked] = own.asked
    assert asked.keys() == {
        "TransactionId", "Amount", "Currency", "CallbackUrl", "SuccessUrl", "FailureUrl",
    }  # fmt: skip
    assert (asked["Amount"], asked["Currency"]) == (10.5, "eur")
    assert asked["CallbackUrl"] == made["callback_url"]
    assert ids.parse("op", asked["TransactionId"]) is not None
    assert shown["next_action"]["url"] == f"{own.url}/pay/{asked['TransactionId']}"

    for forged in (
        await own.tell(asked, secret="not-the-signing-secret"),
        await own.tell(asked, Amount=1),
        await own.tell(asked, status="failed", Status="success"),
        await own.tell(asked, Payload=None),
    ):
        assert (forged.status_code, error_of(forged)["code"]) == (400, "callback_forged")
    assert (await trade.payment(payment["id"]))["status"] == "pending"
    for _ in range(2):
        assert (await own.tell(asked)).status_code == 200
    paid = await trade.payment(payment["id"])
    assert (paid["status"], paid["amount_captured"]) == ("succeeded", 1050)


async def test_an_own_app_says_no(trade: Trade, own: OwnApp) -> None:
    await connect(trade, own.url)
    payment = await trade.create()
    await confirm(trade, payment)
    assert (await own.tell(own.asked[0], status="failed")).status_code == 200
    assert (await trade.payment(payment["id"]))["status"] == "failed"


@pytest.mark.parametrize(
    ("policy", "status", "reason"),
    [("review", "review", "amount_short"), ("accept", "succeeded", None)],
)
async def test_less_than_was_asked(
    trade: Trade, own: OwnApp, policy: str, status: str, reason: str | None
) -> None:
    await connect(trade, own.url, amount_policy=policy)
    payment = await trade.create(amount=1050)
    await confirm(trade, payment)
    asked = {**own.asked[0], "Amount": 10}
    assert (await own.tell(asked)).status_code == 200
    shown = await trade.payment(payment["id"])
    assert (shown["status"], shown["review_reason"]) == (status, reason)
    assert shown["amount_captured"] == 1000
    assert (await trade.balance()).get("available") == (1000 if status == "succeeded" else None)


async def test_another_currency_is_never_accepted(trade: Trade, own: OwnApp) -> None:
    await connect(trade, own.url, amount_policy="accept")
    payment = await trade.create(amount=1050)
    await confirm(trade, payment)
    assert (await own.tell({**own.asked[0], "Currency": "usd"})).status_code == 200
    shown = await trade.payment(payment["id"])
    assert (shown["status"], shown["review_reason"]) == ("review", "asset_mismatch")


GENERIC = {"preset": "generic", "base_url": "https://pay.example.com/start"}


async def generic(trade: Trade, **more: Any) -> tuple[Body, str]:
    """A connection to a sender of webhooks, and our name of a payment begun there."""
    wanted = {"connector": "external", "settings": GENERIC, "credentials": {}, "priority": 10}
    made = await trade.ask("/v1/connections", 201, **{**wanted, **more})
    payment = await trade.create(amount=15000, currency="usd")
    shown = await confirm(trade, payment)
    url = httpx.URL(shown["next_action"]["url"])
    assert (url.host, url.params["amount"]) == ("pay.example.com", "150.00")
    assert url.params["callback_url"] == made["callback_url"]
    return {**made, "payment": payment["id"]}, url.params["transaction_id"]


async def test_in_test_mode_a_generic_webhook_needs_no_signature(trade: Trade) -> None:
    made, ours = await generic(trade)
    body: Body = {"payment_id": "ext_123", "transaction_id": ours, "status": "completed",
            "amount": 150.00, "currency": "USD", "metadata": {}}  # fmt: skip
    answer = await trade.anyone.post(made["callback_url"], json=body)
    assert answer.status_code == 200
    assert (await trade.payment(made["payment"]))["status"] == "succeeded"


async def test_where_there_is_a_secret_it_must_be_signed(trade: Trade) -> None:
    made, ours = await generic(trade, credentials={"signing_secrets": [SECRET]})
    told = {"payment_id": "e", "transaction_id": ours, "status": "completed", "amount": 150}
    body = json.dumps({**told, "currency": "USD"}).encode()
    mac = hmac.digest(SECRET.encode(), body, "sha256").hex()
    for signature, status in ((None, 400), (mac[::-1], 400), (f"sha256={mac}", 200)):
        headers = {"X-Webhook-Signature": signature} if signature else {}
        answer = await trade.anyone.post(made["callback_url"], content=body, headers=headers)
        assert answer.status_code == status
    assert (await trade.payment(made["payment"]))["status"] == "succeeded"
