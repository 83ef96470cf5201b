"""What is sent, by format. The bodies of `gateway` and `provider` are those of the documents that
their receivers were written by, transcribed; ids that we cannot choose stand as `…` in them."""

import hashlib
import hmac
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from standardwebhooks.webhooks import Webhook as StandardWebhook

from tillgate.kit import ids
from tillgate.kit.canonical import canonical
from tillgate.webhooks.formats import FORMATS, Wire, known, short, standard
from tillgate.webhooks.rules import SECRET_BYTES

from .claims import EVENT, NOW, claim_of, payment, refund

SPEC_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SPEC_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
SPEC_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

SHORT_ID = re.compile(r'"((?:pay|order|rfnd)_)[A-Za-z0-9]{16}"')


def unix_s(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


# ---- when, and how long

THREE_DAYS = (300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)


@pytest.mark.parametrize(
    ("wire", "schedule_s", "timeout_s", "exact"),
    [
        ("standard", (0, 5, *THREE_DAYS), 10, False),
        ("gateway", (0, 60, 300, 1800, 7200), 5, True),
        ("provider", (0, 1, 2, 4, 8, *THREE_DAYS), 10, True),
    ],
)
def test_schedules_and_timeouts(
    wire: Wire, schedule_s: tuple[int, ...], timeout_s: float, *, exact: bool
) -> None:
    form = FORMATS[wire]

    assert (form.schedule_s, form.timeout_s, form.exact) == (schedule_s, timeout_s, exact)


def test_the_gateways_schedule_can_be_made_short() -> None:
    assert known(short_retries=False) == FORMATS
    hasty = known(short_retries=True)

    assert hasty.pop("gateway") == FORMATS["gateway"]._replace(schedule_s=(0, 5, 10, 15, 20))
    assert hasty == {wire: FORMATS[wire] for wire in ("standard", "provider")}


# ---- standard


def test_the_signature_of_the_specification() -> None:
    body = b'{"test": 2432232314}'

    assert standard.sign([SPEC_SECRET], SPEC_ID, 1614265330, body) == SPEC_SIGNATURE


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_each_current_secret_verifies(old: bytes, new: bytes) -> None:
    secrets = [standard.secret_of(new), standard.secret_of(old)]
    timestamp_s = int(datetime.now(UTC).timestamp())
    headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": standard.sign(secrets, "evt_1", timestamp_s, b"{}"),
    }

    for secret in secrets:
        assert StandardWebhook(secret).verify("{}", headers) == {}


def test_standard_sends_the_whole_event() -> None:
    claimed_at = NOW + timedelta(microseconds=999_999)
    claim = claim_of("payment.succeeded", {"id": "pay_1", "memo": "é"}, claimed_at=claimed_at)
    request = FORMATS["standard"].request(claim, [SPEC_SECRET])

    event_id = ids.show("evt", EVENT)
    assert (
        request.body
        == (
            f'{{"id":"{event_id}","object":"event","type":"payment.succeeded","created":1795262400,'
            '"api_version":"2026-11-21","livemode":false,"data":{"object":{"id":"pay_1","memo":"é"}}}'
        ).encode()
    )
    assert request.headers == {
        "content-type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": "1795262400",
        "webhook-signature": standard.sign([SPEC_SECRET], event_id, 1795262400, request.body),
        "tillgate-attempt": "3",
    }


@pytest.mark.parametrize("wire", FORMATS)
def test_attempts_are_counted_from_when_it_was_sent_anew(wire: Wire) -> None:
    claim = claim_of("payment.succeeded", payment(), attempts=7, attempts_before=5)

    assert FORMATS[wire].request(claim, [SPEC_SECRET]).headers["tillgate-attempt"] == "3"


# ---- gateway

UPI = {"method": "upi", "vpa": "user@paytm"}

GATEWAY_PAYMENT = (
    '{"event":"payment.success","timestamp":1705315870,"data":{"payment":{"id":"pay_…",'
    '"order_id":"order_…","amount":50000,"currency":"INR","method":"upi","vpa":"user@paytm",'
    '"status":"success",CAPTURED"created_at":"2024-01-15T10:31:00Z"}}}'
)
"""`captured` is not in the document's sample; its answers have it there."""

GATEWAY_REFUND = (
    '{"event":"refund.processed","timestamp":1705315990,"data":{"refund":{"id":"rfnd_…",'
    '"payment_id":"pay_…","amount":50000,"reason":"Customer requested refund",'
    '"status":"processed","created_at":"2024-01-15T10:33:00Z",'
    '"processed_at":"2024-01-15T10:53:10Z"}}}'
)


def by_gateway(kind: str, data: object, moment_s: int = 1705315870) -> str:
    """The body, in text; ids of sixteen characters as `…`."""
    claim = claim_of(kind, data, created_at=datetime.fromtimestamp(moment_s, UTC))
    return SHORT_ID.sub(r'"\1…"', FORMATS["gateway"].request(claim, ["s"]).body.decode())


def short_ids(data: dict[str, Any]) -> dict[str, Any]:
    """The same with ids that can be shown short."""

    def made(text: str) -> str:
        prefix = text.partition("_")[0]
        value = ids.parse(prefix, text)
        assert value is not None
        return ids.show(prefix, short.shortened(value))

    return data | {key: made(data[key]) for key in ("id", "order", "payment") if key in data}


@pytest.mark.parametrize("captured", [False, True])
def test_a_payment_as_the_gateways_document_has_it(*, captured: bool) -> None:
    metadata = UPI | ({"captured": "true"} if captured else {})
    paid = short_ids(payment(created=unix_s("2024-01-15T10:31:00Z"), metadata=metadata))

    member = f'"captured":{"true" if captured else "false"},'
    assert by_gateway("payment.succeeded", paid) == GATEWAY_PAYMENT.replace("CAPTURED", member)


def test_a_refund_as_the_gateways_document_has_it() -> None:
    created = unix_s("2024-01-15T10:33:00Z")
    given_back = short_ids(refund(created=created, status="succeeded"))

    assert by_gateway("refund.succeeded", given_back, 1705315990) == GATEWAY_REFUND


def test_a_refund_that_waits_was_not_processed() -> None:
    said = json.loads(by_gateway("refund.created", refund()))

    assert said["event"] == "refund.created"
    assert said["data"]["refund"]["status"] == "pending"
    assert "processed_at" not in said["data"]["refund"]


def test_a_card_stands_where_the_vpa_would() -> None:
    card = {"card_network": "visa", "card_last4": "1111", "method": "card"}
    said = json.loads(by_gateway("payment.created", payment(status="pending", metadata=card)))

    shown = said["data"]["payment"]
    assert list(shown) == [
        "id", "order_id", "amount", "currency", "method", "card_network", "card_last4", "status",
        "captured", "created_at",
    ]  # fmt: skip
    assert (shown["method"], shown["card_network"], shown["card_last4"]) == ("card", "visa", "1111")
    assert shown["status"] == "pending"


@pytest.mark.parametrize("status", ["failed", "canceled", "expired"])
def test_what_was_not_paid_has_failed(status: str) -> None:
    said = json.loads(by_gateway(f"payment.{status}", payment(status=status, metadata=UPI)))

    shown = said["data"]["payment"]
    assert (said["event"], shown["status"]) == ("payment.failed", "failed")
    assert shown["error_code"] == "PAYMENT_FAILED"
    assert shown["error_description"] == "Payment processing failed"


def test_the_merchants_own_metadata_are_notes() -> None:
    metadata = UPI | {"b": "1", "10": "x", "9": "y"}
    said = by_gateway("payment.succeeded", payment(metadata=metadata))

    assert said.endswith(',"notes":{"9":"y","10":"x","b":"1"}}}}')
    assert "notes" not in by_gateway("payment.succeeded", payment(metadata=UPI))


def test_ids_that_were_not_made_short_are_long_and_there_need_be_no_order() -> None:
    said = json.loads(by_gateway("payment.created", payment(order=None)))

    shown = said["data"]["payment"]
    assert (shown["id"], shown["order_id"], shown["method"]) == (payment()["id"], None, None)


def test_a_test_tells_what_it_was_given() -> None:
    said = json.loads(by_gateway("webhook.test", {"message": "hello"}))

    assert said == {
        "event": "webhook.test", "timestamp": 1705315870, "data": {"test": {"message": "hello"}},
    }  # fmt: skip


def test_the_gateways_signature_is_the_bare_hex_of_the_body() -> None:
    claim = claim_of("payment.succeeded", payment(metadata=UPI))
    headers, body = FORMATS["gateway"].request(claim, ["whsec_test_abc123", "older"])

    signature = hmac.new(b"whsec_test_abc123", body, hashlib.sha256).hexdigest()
    assert headers == {
        "content-type": "application/json",
        "webhook-id": ids.show("evt", EVENT),
        "webhook-timestamp": "1795262400",
        "tillgate-attempt": "3",
        "X-Webhook-Signature": signature,
    }


# ---- provider

SOLD = {
    "externalId": "YOUR-INTERNAL-ORDER-ID", "providerId": "xyz789", "providerName": "Bitloader",
    "serviceId": "abc123", "serviceName": "Premium Credits", "quantity": "20",
}  # fmt: skip

PROVIDER_PAID = (
    '{"event":"payment_succeeded","orderId":"65b...","externalId":"YOUR-INTERNAL-ORDER-ID",'
    '"providerId":"xyz789","providerName":"Bitloader","serviceId":"abc123",'
    '"serviceName":"Premium Credits","amount":100,"quantity":20,"status":"paid",'
    '"stripePaymentIntentId":"pi_xxx","timestamp":"2026-01-30T10:00:00.000Z"}'
)
PROVIDER_FAILED = (
    '{"event":"payment_failed","orderId":"65b...","externalId":"YOUR-INTERNAL-ORDER-ID",'
    '"providerId":"xyz789","providerName":"Bitloader","serviceId":"abc123",'
    '"serviceName":"Premium Credits","amount":100,"status":"failed",'
    '"stripePaymentIntentId":"pi_xxx","timestamp":"2026-01-30T10:00:00.000Z"}'
)


def by_provider(kind: str, charge: str | None = "pi_xxx", **more: Any) -> str:
    sold = payment(amount=10_000, currency="usd", order="65b...", metadata=SOLD) | more
    created_at = datetime(2026, 1, 30, 10, tzinfo=UTC)
    claim = claim_of(kind, sold, charge=charge, created_at=created_at)
    return FORMATS["provider"].request(claim, [SPEC_SECRET]).body.decode()


def test_the_notifications_of_the_providers_document() -> None:
    assert by_provider("payment.succeeded") == PROVIDER_PAID
    for status in ("failed", "canceled", "expired"):
        assert by_provider(f"payment.{status}") == PROVIDER_FAILED


@pytest.mark.parametrize(
    ("currency", "minor", "written"),
    [("usd", 10_050, "100.5"), ("usd", 1, "0.01"), ("usd", 12_345_678_901, "123456789.01"),
     ("jpy", 10_050, "10050"), ("kwd", 10_050, "10.05")],
)  # fmt: skip
def test_amounts_are_major_units_as_javascript_writes_them(
    currency: str, minor: int, written: str
) -> None:
    said = by_provider("payment.succeeded", amount=minor, currency=currency)

    assert f'"amount":{written},' in said


def test_what_is_not_known_is_null() -> None:
    said = json.loads(by_provider("payment.succeeded", charge=None, metadata={}))

    assert (said["externalId"], said["providerId"], said["stripePaymentIntentId"]) == (None,) * 3
    assert (said["serviceName"], said["quantity"]) == ("Unknown Service", 1)


@pytest.mark.parametrize(
    ("text", "quantity"),
    [("20", 20), ("0020", 20), ("", 1), ("two", 1), ("2.5", 1), ("-2", 1), ("²", 1), ("9" * 16, 1)],
)
def test_a_quantity_is_a_number_whatever_the_metadata_say(text: str, quantity: int) -> None:
    said = json.loads(by_provider("payment.succeeded", metadata={"quantity": text}))

    assert said["quantity"] == quantity


def test_a_notification_is_known_by_its_header_and_signed_beside_it() -> None:
    claim = claim_of("payment.failed", payment(), claimed_at=datetime.now(UTC))
    headers, body = FORMATS["provider"].request(claim, [SPEC_SECRET])

    assert headers["X-DZTech-Webhook"] == "payment-notification"
    assert headers["content-type"] == "application/json"
    assert "X-Webhook-Signature" not in headers
    StandardWebhook(SPEC_SECRET).verify(body, headers)


# ---- all of them


@pytest.mark.parametrize(
    ("wire", "form"),
    [
        ("standard", r"whsec_[A-Za-z0-9+/]{43}="),
        ("gateway", r"whsec_[0-9a-f]{32}"),
        ("provider", r"whsec_[A-Za-z0-9+/]{43}="),
    ],
)
@given(chance=st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES))
def test_a_new_secret_signs(wire: Wire, form: str, chance: bytes) -> None:
    secret = FORMATS[wire].secret(chance)

    assert re.fullmatch(form, secret)
    assert FORMATS[wire].request(claim_of("payment.failed", payment()), [secret]).body


@pytest.mark.parametrize("wire", ["gateway", "provider"])
def test_every_type_that_a_format_tells_can_be_told(wire: Wire) -> None:
    names = FORMATS[wire].names
    assert names
    for kind, name in names.items():
        data = refund() if kind.startswith("refund.") else payment()
        body = FORMATS[wire].request(claim_of(kind, data), [SPEC_SECRET]).body
        assert json.loads(body)["event"] == name
        assert canonical(Raw(body)) == body
