"""The presets for other apps: what is signed, what is believed, and that nothing else is."""

import base64
import hmac
import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tillgate.connectors import external
from tillgate.connectors.external import Credentials, External, Settings, Signature
from tillgate.connectors.external.preset import generic_settings, wallet_app_settings
from tillgate.connectors.external.vet import vet
from tillgate.connectors.protocol import (
    CallbackRequest,
    Intent,
    Observation,
    Operation,
    Pending,
    Rejected,
    Unreadable,
)
from tillgate.kit.money import Money
from tillgate.kit.refusal import Refused

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
STAMP = int(NOW.timestamp())
SECRET = "a-secret-of-the-app"
NOBODY: Any = None
WALLET = wallet_app_settings("https://app.example.com/pay")
GENERIC = generic_settings("https://app.example.com/pay?shop=7")
INTENT = Intent(
    operation_id="op_1",
    payment_id="pay_1",
    money=Money(1050, "eur"),
    description=None,
    callback_url="https://pay.example.com/callbacks/con_1",
    return_url="https://pay.example.com/back?a=1&b=2",
)
PAYLOAD: dict[str, Any] = {
    "TransactionId": "op_1", "Status": "success", "Amount": 50.00, "Currency": "USD",
    "Timestamp": STAMP,
}  # fmt: skip


def connector(
    settings: Settings = WALLET, *secrets: str, livemode: bool = True, key: str = "k"
) -> External:
    credentials = Credentials(api_key=key, signing_secrets=list(secrets))
    return External(settings, credentials, NOBODY, livemode=livemode)


def mac(text: str, secret: str = SECRET) -> str:
    return hmac.digest(secret.encode(), text.encode(), "sha256").hex()


def told(payload: Any = None, **outside: Any) -> dict[str, Any]:
    """A callback as the documents have it, signed."""
    text = payload if isinstance(payload, str) else json.dumps({**PAYLOAD, **(payload or {})})
    return {
        "ProviderId": "p", "EventType": "payment_completed", "TransactionId": "op_1",
        "Status": "success", "Amount": 50.00, "ErrorMessage": None, "Signature": mac(text),
        "Payload": text, **outside,
    }  # fmt: skip


def request(body: Any, **headers: str) -> CallbackRequest:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.lower().replace("_", "-"): value for name, value in headers.items()}
    return CallbackRequest(named, raw)


def verdict(body: Any, *secrets: str, livemode: bool = True, **headers: str) -> str:
    own = connector(WALLET, *(secrets or (SECRET,)), livemode=livemode)
    return own.verify(request(body, **headers), NOW)


# ---- asking ----------------------------------------------------------------------------------


def test_a_wallet_app_is_asked_in_major_units() -> None:
    asked = json.loads(bytes(connector().prepare(INTENT)))
    assert asked == {
        "TransactionId": "op_1", "Amount": 10.5, "Currency": "eur",
        "CallbackUrl": INTENT.callback_url,
        "SuccessUrl": INTENT.return_url, "FailureUrl": INTENT.return_url,
    }  # fmt: skip
    assert b'"Amount":10.50,' in bytes(connector().prepare(INTENT))


async def test_a_payers_page_needs_no_call() -> None:
    own = connector(GENERIC)
    request_ = own.prepare(INTENT)
    started = await own.start(Operation("op_1", request_))
    assert started == Pending(
        "op_1",
        "https://app.example.com/pay?shop=7&transaction_id=op_1&amount=10.50&currency=eur"
        "&callback_url=https%3A%2F%2Fpay.example.com%2Fcallbacks%2Fcon_1"
        "&return_url=https%3A%2F%2Fpay.example.com%2Fback%3Fa%3D1%26b%3D2",
    )
    assert not own.capabilities.looks


async def test_without_a_page_nobody_is_sent_anywhere() -> None:
    own = connector(generic_settings(None))
    started = await own.start(Operation("op_1", own.prepare(INTENT)))
    assert isinstance(started, Rejected)
    assert started.code == "no_pay_page"
    assert [one.code for one in await connector(generic_settings(None), SECRET).prove()] == [
        "no_pay_page"
    ]


# ---- what is signed --------------------------------------------------------------------------


def test_a_signed_payload_says_everything() -> None:
    own = connector(WALLET, SECRET)
    sent = request(told())
    assert own.verify(sent, NOW) == "genuine"
    assert own.read(sent) == [Observation("op_1", "op_1", "captured", 5000, "usd")]


@pytest.mark.parametrize(
    "body",
    [
        told(Status="failed"),
        told(Amount=5000),
        told(Amount="50.01"),
        told(TransactionId="op_2"),
        told(transactionid="op_2"),
        told(Currency="eur"),
        told({"Status": "failed"}),
        told(Timestamp=STAMP - 1),
        told(Signature=mac("other")),
        told(Signature=None),
        told(Signature=["x"]),
        told(Payload=None),
        told(Payload=PAYLOAD),
        told(Payload=json.dumps(PAYLOAD) + " "),
        [],
        b"",
        b"{",
    ],
)
def test_what_differs_from_the_signed_payload_is_forged(body: Any) -> None:
    assert verdict(body) == "forged"


@pytest.mark.parametrize(
    "body", [told(Amount="50.00"), told(Amount=50), told(Currency=None), told(More="x"),
             {name[0].lower() + name[1:]: value for name, value in told().items()}],
)  # fmt: skip
def test_what_says_the_same_is_genuine(body: Any) -> None:
    assert verdict(body) == "genuine"
    assert connector(WALLET, SECRET).read(request(body)) == [
        Observation("op_1", "op_1", "captured", 5000, "usd")
    ]


def test_a_value_outside_of_the_payload_is_never_used() -> None:
    text = json.dumps({"TransactionId": "op_1", "Status": "success", "Timestamp": STAMP})
    body = told(text, Amount=50, Currency="USD")
    assert verdict(body) == "genuine"
    assert isinstance(connector(WALLET, SECRET).read(request(body)), Unreadable)


def test_the_signature_may_stand_in_a_header() -> None:
    body = told()
    signature = body.pop("Signature")
    assert verdict(body) == "forged"
    assert verdict(body, X_Webhook_Signature=signature) == "genuine"
    assert verdict(body, X_Webhook_Signature=f"sha256={signature}") == "genuine"
    assert verdict(body, X_Webhook_Signature="sha256=") == "forged"


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        (STAMP, "genuine"),
        (STAMP - 300, "genuine"),
        (STAMP - 301, "stale"),
        (STAMP + 301, "stale"),
        (NOW.isoformat(), "genuine"),
        ("2026-11-21T12:00:01.1234567Z", "genuine"),
        ("2026-11-21T12:00:00", "stale"),
        ("yesterday", "stale"),
        (10**14, "stale"),
        ("9" * 600, "stale"),
    ],
)
def test_the_timestamp_of_the_payload(stamp: Any, expected: str) -> None:
    assert verdict(told({"Timestamp": stamp})) == expected


def test_a_timestamp_is_wanted_in_live_mode() -> None:
    bare = told(json.dumps({n: v for n, v in PAYLOAD.items() if n != "Timestamp"}))
    assert verdict(bare) == "stale"
    assert verdict(bare, livemode=False) == "genuine"
    assert verdict(bare, X_Timestamp=str(STAMP)) == "genuine"
    assert verdict(bare, X_Timestamp=str(STAMP - 301), livemode=False) == "stale"
    assert verdict(told(), X_Timestamp=str(STAMP - 301)) == "stale"
    signature = replace(WALLET.signature, timestamp_required=False)
    lax = connector(replace(WALLET, signature=signature), SECRET)
    assert lax.verify(request(bare), NOW) == "genuine"


@pytest.mark.parametrize("encoding", ["hex", "base64"])
@pytest.mark.parametrize("prefix", ["", "sha256=", "v1,"])
@pytest.mark.parametrize("covers", ["body", "timestamp.body"])
def test_each_kind_of_signature(encoding: Any, prefix: str, covers: Any) -> None:
    signature = Signature(
        covers, "X-Mac", encoding=encoding, prefix=prefix, timestamp_header="X-Time"
    )
    own = connector(replace(GENERIC, signature=signature), SECRET)
    body = json.dumps(PAYLOAD)
    raw = bytes.fromhex(mac(f"{STAMP}.{body}" if covers == "timestamp.body" else body))
    text = prefix + (raw.hex() if encoding == "hex" else base64.b64encode(raw).decode())
    sent = request(body.encode(), X_Mac=text, X_Time=str(STAMP))
    assert own.verify(sent, NOW) == "genuine"
    assert own.verify(sent, NOW + timedelta(seconds=301)) == "stale"
    assert own.verify(sent._replace(body=sent.body + b" "), NOW) == "forged"
    late = {**sent.headers, "x-time": str(STAMP + 301)}
    moved = own.verify(sent._replace(headers=late), NOW + timedelta(seconds=301))
    assert moved == ("forged" if covers == "timestamp.body" else "genuine")


def test_without_a_secret_only_a_generic_one_in_test_mode_is_believed() -> None:
    body = request({"transaction_id": "op_1", "status": "completed", "amount": 5})
    assert connector(GENERIC, livemode=False).verify(body, NOW) == "genuine"
    assert connector(GENERIC, livemode=True).verify(body, NOW) == "forged"
    assert connector(GENERIC, SECRET, livemode=False).verify(body, NOW) == "forged"
    assert connector(WALLET, livemode=False).verify(request(told()), NOW) == "forged"


def test_in_live_mode_there_must_be_a_secret() -> None:
    refused = vet(WALLET, Credentials("key"), True)
    assert isinstance(refused, Refused)
    assert refused.param == "credentials.signing_secrets"
    assert vet(WALLET, Credentials("key", [SECRET]), True) is None
    assert vet(WALLET, Credentials("key"), False) is None


# ---- what it says ----------------------------------------------------------------------------


def read(message: dict[str, Any], settings: Settings = GENERIC) -> list[Observation] | Unreadable:
    said = connector(settings, livemode=False).read(request(message))
    assert isinstance(said, list | Unreadable)
    return said


def test_a_generic_webhook() -> None:
    said: dict[str, Any] = {"payment_id": "ext_1", "transaction_id": "op_1", "status": "completed",
            "amount": 150.00, "currency": "USD", "metadata": {}}  # fmt: skip
    assert read(said) == [Observation("op_1", "op_1", "captured", 15000, "usd")]
    again = {name: value for name, value in said.items() if name != "payment_id"}
    assert read(again) == read(said)


def test_a_currency_may_go_without_saying() -> None:
    said = {"transaction_id": "op_1", "status": "completed", "amount": 150}
    unread = read(said)
    assert isinstance(unread, Unreadable)
    assert unread.param == "/currency"
    assert read(said, replace(GENERIC, currency="USD")) == [
        Observation("op_1", "op_1", "captured", 15000, "usd")
    ]


def test_a_refusal_needs_no_amount() -> None:
    said = {"transaction_id": "op_1", "status": "failed", "currency": "usd", "failure_reason": "No"}
    assert read(said) == [Observation("op_1", "op_1", "failed", 0, "usd", "failed", "No")]
    assert isinstance(read({**said, "status": "paid"}), Unreadable)


@pytest.mark.parametrize("missing", [{}, {"transaction_id": None}, {"transaction_id": ["op_1"]}])
def test_without_our_name_it_is_unreadable(missing: dict[str, Any]) -> None:
    unread = read({"payment_id": "x", "status": "paid", "amount": 5, "currency": "usd", **missing})
    assert isinstance(unread, Unreadable)
    assert unread.param == "/transaction_id"


def test_names_are_found_in_any_case_unless_that_is_unclear() -> None:
    said = {"Transaction_ID": "op_1", "STATUS": "Paid", "amount": 5, "AMOUNT": 6, "currency": "usd"}
    assert read(said) == [Observation("op_1", "op_1", "captured", 500, "usd")]
    said = {**said, "Amount": 7}
    del said["amount"]
    assert isinstance(read(said), Unreadable)


def test_messages_differ_by_what_they_say() -> None:
    own = connector(WALLET, SECRET)
    keys = {own.peek(request(body)).event_key for body in (told(), told(), told({"Amount": 1}))}
    assert len(keys) == 2


# ---- nothing else is genuine -----------------------------------------------------------------

SENT = json.dumps(told()).encode()


@given(st.randoms(use_true_random=False), st.integers(1, 5))
def test_mutations_of_a_signed_payload_change_nothing(chance: random.Random, changes: int) -> None:
    """What still passes says what was signed."""
    body = bytearray(SENT)
    for _ in range(changes):
        place = chance.randrange(len(body))
        match chance.randrange(3):
            case 0:
                body[place] = chance.randrange(256)
            case 1:
                del body[place]
            case _:
                body.insert(place, chance.randrange(256))
    own, mutated = connector(WALLET, SECRET), request(bytes(body))
    if own.verify(mutated, NOW) == "genuine":
        assert own.read(mutated) == own.read(request(SENT))


@given(st.randoms(use_true_random=False))
def test_mutations_of_a_signed_body_are_forged(chance: random.Random) -> None:
    body = bytearray(json.dumps({"transaction_id": "op_1", "status": "paid"}).encode())
    signature = hmac.digest(SECRET.encode(), bytes(body), "sha256").hex()
    place = chance.randrange(len(body))
    body[place] ^= chance.randrange(1, 256)
    sent = request(bytes(body), X_Webhook_Signature=signature)
    assert connector(GENERIC, SECRET).verify(sent, NOW) == "forged"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda part: (
        st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=8), part, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(told())), JSON), st.text(max_size=60))
def test_strange_messages_never_raise(changes: dict[str, Any], signature: str) -> None:
    own = connector(WALLET, SECRET)
    sent = request({**told(), **changes}, X_Webhook_Signature=signature, X_Timestamp=signature)
    assert own.verify(sent, NOW) in {"forged", "stale", "genuine"}
    assert own.peek(sent).event_key
    assert isinstance(own.read(sent), list | Unreadable)


@given(JSON)
def test_strange_payloads_that_are_signed_never_raise(payload: Any) -> None:
    own = connector(WALLET, SECRET)
    sent = request(told(json.dumps(payload)))
    assert own.verify(sent, NOW) in {"forged", "stale", "genuine"}
    assert isinstance(own.read(sent), list | Unreadable)


@pytest.mark.parametrize("payload", ["\ud800", "[" * 5000, "{}", "null", "\0"])
def test_odd_texts_that_are_signed(payload: str) -> None:
    text = json.dumps({"Payload": payload, "Signature": "00"}).encode()
    own = connector(WALLET, SECRET)
    assert own.verify(request(text), NOW) == "forged"
    assert isinstance(own.read(request(text)), Unreadable | list)


def test_presets_are_overridden_member_by_member() -> None:
    expanded = external.expand(
        {"preset": "wallet_app", "base_url": "https://a.example.com/pay/", "currency": "etb"}
    )
    assert isinstance(expanded, dict)
    assert expanded["create_url"] == "https://a.example.com/pay"
    assert expanded["currency"] == "etb"
    assert expanded["signature"]["covers"] == "payload"
