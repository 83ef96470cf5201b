"""What is sent, when it is tried again, and which events match: no database, no network."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from standardwebhooks.webhooks import Webhook as StandardWebhook

from tillgate.events.catalogue import TYPES
from tillgate.kit import ids
from tillgate.kit.canonical import canonical
from tillgate.kit.globs import like
from tillgate.webhooks import rules
from tillgate.webhooks.model import Claim

from .scene import Scene

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)

SPEC_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SPEC_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
SPEC_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


# ---- signing


def test_the_signature_of_the_specification() -> None:
    body = b'{"test": 2432232314}'

    assert rules.sign([SPEC_SECRET], SPEC_ID, 1614265330, body) == SPEC_SIGNATURE


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_each_current_secret_verifies(old: bytes, new: bytes) -> None:
    secrets = [rules.secret_of(new), rules.secret_of(old)]
    timestamp_s = int(datetime.now(UTC).timestamp())
    headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": rules.sign(secrets, "evt_1", timestamp_s, b"{}"),
    }

    for secret in secrets:
        assert StandardWebhook(secret).verify("{}", headers) == {}


def test_the_request_of_a_claim() -> None:
    claim = Claim(
        merchant_id=UUID(int=1),
        endpoint_id=UUID(int=2),
        event_id=UUID(int=3),
        claims=4,
        attempts=2,
        claimed_at=NOW + timedelta(microseconds=999_999),
        url="https://example.com",
        secrets=b"",
        livemode=False,
        type="payment.succeeded",
        data=Raw(canonical({"id": "pay_1", "memo": "é"})),
        api_version="2026-11-21",
        created_at=NOW,
    )
    request = rules.request_of(claim, [SPEC_SECRET])

    event_id = ids.show("evt", UUID(int=3))
    assert (
        request.body
        == (
            f'{{"id":"{event_id}","object":"event","type":"payment.succeeded","created":1795262400,'
            '"api_version":"2026-11-21","livemode":false,"data":{"object":{"id":"pay_1","memo":"é"}}}'
        ).encode()
    )
    assert canonical(Raw(request.body)) == request.body
    assert request.headers == {
        "content-type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": "1795262400",
        "webhook-signature": rules.sign([SPEC_SECRET], event_id, 1795262400, request.body),
        "tillgate-attempt": "3",
    }


# ---- what follows from an attempt


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_success_is_delivered(status: int) -> None:
    assert rules.judge(10, status, None, 0.5, NOW).state == "delivered"


@pytest.mark.parametrize("status", [None, 199, 300, 302, 400, 401, 404, 409, 429, 500, 503])
@given(attempt=st.integers(1, 9), chance=st.floats(0, 1, exclude_max=True))
def test_all_else_waits_for_the_next_time(status: int | None, attempt: int, chance: float) -> None:
    verdict = rules.judge(attempt, status, None, chance, NOW)

    delay_s = rules.SCHEDULE_S[attempt]
    assert (verdict.state, verdict.disable) == ("due", False)
    assert 0.8 * delay_s <= verdict.wait_s <= 1.2 * delay_s


def test_chance_spreads_the_waiting_time() -> None:
    waits = [rules.judge(1, 500, None, chance, NOW).wait_s for chance in (0.0, 0.5, 0.999)]

    assert waits == pytest.approx([4, 5, 6], abs=0.01)


def test_after_the_last_attempt_it_is_dead() -> None:
    assert rules.judge(10, 500, None, 0.5, NOW) == ("dead", 0, False)
    assert rules.judge(10, 503, "60", 0.5, NOW) == ("dead", 0, False)
    assert rules.judge(10, 410, None, 0.5, NOW) == ("dead", 0, True)


def test_gone_disables_and_the_delivery_waits() -> None:
    verdict = rules.judge(1, 410, "99999", 0.5, NOW)

    assert (verdict.state, verdict.disable) == ("due", True)
    assert verdict.wait_s == pytest.approx(5)


@pytest.mark.parametrize(
    ("status", "retry_after", "wait_s"),
    [
        (503, "60", 60),
        (429, " 60 ", 60),
        (503, format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (503, "1", 5),  # never sooner than the schedule
        (503, "0", 5),
        (503, format_datetime(NOW - timedelta(days=1), usegmt=True), 5),
        (503, "999999999999999999999999", rules.RETRY_AFTER_MAX_S),
        (503, "9" * 5000, rules.RETRY_AFTER_MAX_S),
        (503, "soon", 5),
        (503, "-5", 5),
        (503, "", 5),
        (503, "²", 5),
        (500, "60", 5),  # only 429 and 503 may ask
    ],
)
def test_retry_after(status: int, retry_after: str, wait_s: float) -> None:
    assert rules.judge(1, status, retry_after, 0.5, NOW).wait_s == pytest.approx(wait_s)


dates = st.tuples(
    st.sampled_from(["Mon, ", "Sunday, ", ""]), st.integers(0, 99).map(str), st.just(" "),
    st.sampled_from(["Jan", "Feb", "Smarch"]), st.just(" "), st.integers(0, 99_999).map(str),
    st.sampled_from([" 00:00:00", " 25:61:61", " ::", ""]),
    st.sampled_from([" GMT", " -0000", " +999999999999", " +2400", ""]),
).map("".join)  # fmt: skip


@given(st.text() | dates)
def test_no_header_of_a_receiver_raises(retry_after: str) -> None:
    verdict = rules.judge(1, 503, retry_after, 0.5, NOW)

    assert 5 <= verdict.wait_s <= rules.RETRY_AFTER_MAX_S


# ---- which events match


@pytest.mark.parametrize(
    ("glob", "text", "matching"),
    [
        ("*", "payment.succeeded", True),
        ("payment.*", "payment.succeeded", True),
        ("payment.*", "payments.succeeded", False),
        ("*.succeeded", "payment.succeeded", True),
        ("payment.succeeded", "payment.succeeded", True),
        ("payment.succeeded", "payment.succeeded2", False),
        ("p*.suc*d", "payment.succeeded", True),
        ("payment_succeeded", "payment.succeeded", False),
        ("%", "payment.succeeded", False),
        ("aa*aa", "aaa", False),
        ("a*b*a", "aba", True),
        ("a**a", "aa", True),
        ("a*b", "ab", True),
        ("", "", True),
        ("*", "", True),
    ],
)
def test_a_glob(glob: str, text: str, matching: bool) -> None:
    assert rules.matches(glob, text) is matching


async def test_the_database_answers_the_same_about_like(scene: Scene) -> None:
    random = Random(7)
    pairs = [
        ("".join(random.choices("ab*%_\\.", k=random.randrange(6))),
         "".join(random.choices("ab%_\\.", k=random.randrange(7))))
        for _ in range(4000)
    ]  # fmt: skip
    rows = await scene.connection.fetch(
        "SELECT t LIKE p FROM unnest($1::text[], $2::text[]) AS u (p, t)",
        [like(glob) for glob, _ in pairs],
        [text for _, text in pairs],
    )
    answers = [row[0] for row in rows]

    assert answers == [rules.matches(glob, text) for glob, text in pairs]
    assert 200 < sum(answers) < 3800


def test_what_matches_no_event_is_named() -> None:
    assert rules.unknown(["*", "payment.*", "payment.succeeded"], TYPES) is None
    assert rules.unknown(["payment.*", "payment.done", "nope"], TYPES) == "payment.done"


# ---- ids


@given(st.uuids(), st.uuids(), st.uuids())
def test_a_delivery_is_known_by_its_event_and_endpoint(a: UUID, b: UUID, other: UUID) -> None:
    shown = rules.show_delivery(a, b)

    assert shown.startswith("del_")
    assert rules.parse_delivery(b, shown) == a
    if other != b:
        assert rules.parse_delivery(other, shown) is None


@pytest.mark.parametrize("text", ["", "del_", "del_1", "evt_" + "0" * 52, "del_" + "0" * 51])
def test_what_is_no_delivery(text: str) -> None:
    assert rules.parse_delivery(UUID(int=0), text) is None
