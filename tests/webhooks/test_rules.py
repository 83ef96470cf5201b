"""When it is tried again, and which events match: no database, no network."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillgate.events.catalogue import TYPES
from tillgate.kit.globs import like
from tillgate.webhooks import rules
from tillgate.webhooks.formats import FORMATS, Format

from .scene import Scene

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)

STANDARD = FORMATS["standard"]


# ---- what follows from an attempt


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_success_is_delivered(status: int) -> None:
    assert rules.judge(STANDARD, 10, status, None, 0.5, NOW).state == "delivered"


@pytest.mark.parametrize("status", [None, 199, 300, 302, 400, 401, 404, 409, 429, 500, 503])
@given(attempt=st.integers(1, 9), chance=st.floats(0, 1, exclude_max=True))
def test_all_else_waits_for_the_next_time(status: int | None, attempt: int, chance: float) -> None:
    verdict = rules.judge(STANDARD, attempt, status, None, chance, NOW)

    delay_s = STANDARD.schedule_s[attempt]
    assert (verdict.state, verdict.disable) == ("due", False)
    assert 0.8 * delay_s <= verdict.wait_s <= 1.2 * delay_s


def test_chance_spreads_the_waiting_time() -> None:
    verdicts = [rules.judge(STANDARD, 1, 500, None, chance, NOW) for chance in (0.0, 0.5, 0.999)]

    waits = [verdict.wait_s for verdict in verdicts]
    assert waits == pytest.approx([4, 5, 6], abs=0.01)


def test_after_the_last_attempt_it_is_dead() -> None:
    assert rules.judge(STANDARD, 10, 500, None, 0.5, NOW) == ("dead", 0, False)
    assert rules.judge(STANDARD, 10, 503, "60", 0.5, NOW) == ("dead", 0, False)
    assert rules.judge(STANDARD, 10, 410, None, 0.5, NOW) == ("dead", 0, True)


def test_gone_disables_and_the_delivery_waits() -> None:
    verdict = rules.judge(STANDARD, 1, 410, "99999", 0.5, NOW)

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
    assert rules.judge(STANDARD, 1, status, retry_after, 0.5, NOW).wait_s == pytest.approx(wait_s)


dates = st.tuples(
    st.sampled_from(["Mon, ", "Sunday, ", ""]), st.integers(0, 99).map(str), st.just(" "),
    st.sampled_from(["Jan", "Feb", "Smarch"]), st.just(" "), st.integers(0, 99_999).map(str),
    st.sampled_from([" 00:00:00", " 25:61:61", " ::", ""]),
    st.sampled_from([" GMT", " -0000", " +999999999999", " +2400", ""]),
).map("".join)  # fmt: skip


@given(st.text() | dates)
def test_no_header_of_a_receiver_raises(retry_after: str) -> None:
    verdict = rules.judge(STANDARD, 1, 503, retry_after, 0.5, NOW)

    assert 5 <= verdict.wait_s <= rules.RETRY_AFTER_MAX_S


@pytest.mark.parametrize("form", [FORMATS["gateway"], FORMATS["provider"]])
@pytest.mark.parametrize("status", [None, 301, 410, 429, 500, 503])
@given(chance=st.floats(0, 1, exclude_max=True))
def test_nothing_moves_an_exact_schedule(form: Format, status: int | None, chance: float) -> None:
    """Neither chance nor what the receiver asks for, and 410 is a failure as any other."""
    last = len(form.schedule_s)
    for attempt in range(1, last):
        verdict = rules.judge(form, attempt, status, "3600", chance, NOW)
        assert verdict == ("due", form.schedule_s[attempt], False)
    assert rules.judge(form, last, status, "3600", chance, NOW) == ("dead", 0, False)


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


def test_a_format_of_few_types_is_asked_for_these_alone() -> None:
    names = FORMATS["provider"].names
    assert rules.patterns(["*"], None) == ["%"]
    assert rules.patterns(["*"], names) == [
        "payment.succeeded", "payment.failed", "payment.canceled", "payment.expired",
    ]  # fmt: skip
    assert rules.patterns(["*.expired", "payment.succ*"], names) == [
        "payment.succeeded", "payment.expired",
    ]  # fmt: skip


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
