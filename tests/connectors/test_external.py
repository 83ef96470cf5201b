"""The external connector: signatures, amounts, strange messages; the sandbox as its processor."""

import base64
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tillgate.connectors import external
from tillgate.connectors.external import Credentials, External, Settings, sandbox_settings
from tillgate.connectors.external.message import json_object, read_look
from tillgate.connectors.protocol import (
    Ask,
    CallbackRequest,
    Capabilities,
    Found,
    Observation,
    Operation,
    Rejected,
    Unknown,
    Unreadable,
)
from tillgate.kit.outbound import Outbound

from .conftest import Shop

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
CURRENT = "new"
BODY = msgspec.json.encode(
    {
        "EventId": "evt_1", "TransactionId": "op_1", "Reference": "sbx_1", "Status": "success",
        "Amount": 1050, "Currency": "EUR", "ErrorCode": None,
    }
)  # fmt: skip


def connector(settings: Settings | None = None, *secrets: str) -> External:
    """One that only reads: it has nobody to call."""
    credentials = Credentials(api_key="key", signing_secrets=list(secrets or ("old", "new")))
    return External(settings or sandbox_settings("http://127.0.0.1:9"), credentials, NOBODY)


NOBODY: Any = None


def signed(body: bytes = BODY, secret: str = CURRENT, stamp: str = STAMP) -> CallbackRequest:
    mac = hmac.digest(secret.encode(), stamp.encode() + b"." + body, "sha256").hex()
    return CallbackRequest({"x-sandbox-timestamp": stamp, "x-sandbox-signature": mac}, body)


@pytest.mark.parametrize("secret", ["old", "new"])
def test_every_current_secret_verifies(secret: str) -> None:
    assert connector().verify(signed(secret=secret), NOW) == "genuine"


@pytest.mark.parametrize("off_s", [-301, 301])
def test_outside_the_window_it_is_stale(off_s: int) -> None:
    assert connector().verify(signed(), NOW + timedelta(seconds=off_s)) == "stale"


@pytest.mark.parametrize("off_s", [-300, 0, 300])
def test_inside_the_window_it_is_genuine(off_s: int) -> None:
    assert connector().verify(signed(), NOW + timedelta(seconds=off_s)) == "genuine"


@given(st.binary(max_size=60), st.text(max_size=80), st.text(max_size=20))
def test_what_was_not_signed_is_forged(body: bytes, signature: str, stamp: str) -> None:
    headers = {"x-sandbox-signature": signature, "x-sandbox-timestamp": stamp}
    assert connector().verify(CallbackRequest(headers, body), NOW) == "forged"


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_one_changed_byte_is_forged(place: int, change: int) -> None:
    changed = bytearray(BODY)
    changed[place] ^= change
    request = CallbackRequest(signed().headers, bytes(changed))
    assert connector().verify(request, NOW) == "forged"


def test_without_a_secret_everything_is_forged() -> None:
    bare = External(
        sandbox_settings("http://127.0.0.1:9"), Credentials(api_key="", signing_secrets=[]), NOBODY
    )
    assert bare.verify(signed(secret=""), NOW) == "forged"


@pytest.mark.parametrize("encoding", ["hex", "base64"])
def test_a_signature_over_the_body_alone(encoding: Any) -> None:
    """As many apps do it: no timestamp, another header, perhaps base64."""
    settings = sandbox_settings("http://127.0.0.1:9")
    signature = external.Signature(header="X-Signature", covers="body", encoding=encoding)
    mac = hmac.digest(b"new", BODY, "sha256")
    text = mac.hex() if encoding == "hex" else base64.b64encode(mac).decode()
    request = CallbackRequest({"x-signature": text}, BODY)
    assert connector(replace(settings, signature=signature)).verify(request, NOW) == "genuine"


def read(message: object, settings: Settings | None = None) -> list[Observation] | Unreadable:
    said = connector(settings).read(CallbackRequest({}, msgspec.json.encode(message)))
    assert not isinstance(said, Ask)
    return said


def message(**changes: object) -> dict[str, object]:
    return {**msgspec.json.decode(BODY), **changes}


def test_a_success_is_a_captured_charge() -> None:
    assert read(message()) == [Observation("sbx_1", "op_1", "captured", 1050, "eur")]


@pytest.mark.parametrize(
    ("word", "state"),
    [("SUCCEEDED", "captured"), ("Paid", "captured"), ("declined", "failed"),
     ("cancelled", "canceled"), ("pending", "pending"), ("processing", "processing"),
     ("Authorized", "authorized")],
)  # fmt: skip
def test_words_become_states(word: str, state: str) -> None:
    seen = read(message(Status=word, Authorized=1050))
    assert isinstance(seen, list)
    assert [one.state for one in seen] == [state]


@pytest.mark.parametrize("word", ["", "maybe", None, 5])
def test_unknown_words_change_nothing(word: object) -> None:
    assert read(message(Status=word)) == []


MAJOR = replace(sandbox_settings("http://127.0.0.1:9"), amount_unit="major")


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [("10.50", "eur", 1050), (10.5, "eur", 1050), (7, "jpy", 7), ("0.00000001", "sbtc", 1),
     (0.29, "usd", 29), ("1.005", "kwd", 1005)],
)  # fmt: skip
def test_major_units_become_minor_ones_exactly(amount: object, currency: str, minor: int) -> None:
    seen = read(message(Amount=amount, Currency=currency), MAJOR)
    assert isinstance(seen, list)
    assert seen[0].amount_minor == minor


@pytest.mark.parametrize(
    ("amount", "currency"),
    [("10.505", "eur"), (0.5, "jpy"), (-1, "eur"), ("NaN", "eur"), ("Infinity", "eur"),
     ("x", "eur"), (None, "eur"), (True, "eur"), ([], "eur"), ("1e400", "eur"),
     (2**53, "jpy"), (5, "zzz"),
     (5, None)],
)  # fmt: skip
def test_amounts_that_are_none_are_unreadable(amount: object, currency: object) -> None:
    assert isinstance(read(message(Amount=amount, Currency=currency), MAJOR), Unreadable)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(max_size=20),
    lambda part: (
        st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=8), part, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(message())), JSON))
def test_strange_messages_never_raise(changes: dict[str, object]) -> None:
    seen = read(message(**changes))
    assert isinstance(seen, list | Unreadable)


@given(st.binary(max_size=200))
def test_strange_bytes_never_raise(body: bytes) -> None:
    request = CallbackRequest({}, body)
    assert connector().peek(request).event_key
    assert isinstance(connector().read(request), list | Unreadable)


def test_messages_without_an_id_are_told_apart_by_what_they_say() -> None:
    first, second = message(EventId=None), message(EventId=None, Amount=7)
    keys = {
        connector().peek(CallbackRequest({}, msgspec.json.encode(m))).event_key
        for m in (first, first, second)
    }
    assert len(keys) == 2


# ---- with the sandbox ------------------------------------------------------------------------


async def test_a_refusal_is_definitive_and_a_crash_is_not(shop: Shop, outbound: Outbound) -> None:
    settings = sandbox_settings(shop.sandbox.url)
    wrong = External(settings, Credentials(api_key="wrong", signing_secrets=[]), outbound)
    wanted = shop.intent()
    refused = await wrong.start(Operation("op", wrong.prepare(wanted)))
    assert isinstance(refused, Rejected)
    assert refused.code == "unauthorized"
    await shop.sandbox.faults(fail_after_work=1)
    operation = Operation(wanted.operation_id, shop.connector.prepare(wanted))
    assert isinstance(await shop.connector.start(operation), Unknown)
    assert isinstance(await shop.connector.look(wanted.operation_id), Found)


async def test_an_address_where_nobody_listens_has_done_nothing(
    shop: Shop, outbound: Outbound
) -> None:
    none = Credentials(api_key="", signing_secrets=[])
    nobody = External(sandbox_settings("http://127.0.0.1:9"), none, outbound)
    answered = await nobody.start(Operation("op", nobody.prepare(shop.intent())))
    assert isinstance(answered, Rejected)
    assert answered.code == "processor_unreachable"


# ---- settings as they were stored before there were captures and refunds ----------------------


def test_settings_of_an_older_version_still_serve() -> None:
    stored: dict[str, Any] = msgspec.to_builtins(sandbox_settings("http://127.0.0.1:9"))
    for name in ("capture", "cancel", "refund", "refunds", "disputes", "resend_window_s"):
        del stored[name]
    del stored["words"]["authorized"], stored["request"]["Method"]
    for name in ("authorized", "parent", "revision", "reason", "evidence_due_at"):
        for pointers in (stored["answer"], stored["look"], stored["callback"]):
            del pointers[name]
    credentials = msgspec.json.encode(Credentials(api_key="key", signing_secrets=["new"]))
    old = external.connect(msgspec.Raw(msgspec.json.encode(stored)), credentials, NOBODY)
    assert old.capabilities == Capabilities(manual_capture=False, looks=True)
    assert old.read(CallbackRequest({}, BODY)) == read(message())


PARTS = [
    *("RefundId", "RefundReference", "RefundStatus", "RefundAmount", "Refunds", "Disputes"),
    *("DisputeReference", "DisputeStatus", "DisputeAmount", "DisputeReason", "Revision"),
    "EvidenceDueAt",
]


@given(st.dictionaries(st.sampled_from(PARTS), JSON))
def test_strange_refunds_and_disputes_never_raise(changes: dict[str, object]) -> None:
    said = {**message(RefundStatus="succeeded", DisputeStatus="lost"), **changes}
    assert isinstance(read(said), list | Unreadable)
    raw = json_object(msgspec.json.encode(said)) or {}
    preset = sandbox_settings("http://127.0.0.1:9")
    assert isinstance(read_look(raw, preset, preset.callback), list | Unreadable)
