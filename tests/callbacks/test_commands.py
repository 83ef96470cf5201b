"""What becomes of a verified message, decided without a database: hints, tries, nominations."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec import Raw

from tests.payments.memory import Memory
from tillgate.audit.model import Owner
from tillgate.callbacks.commands import (
    RETRIES,
    ApplyCallback,
    KeepHint,
    Message,
    RetryCallback,
)
from tillgate.callbacks.model import Callback, SeenCallback
from tillgate.connectors.protocol import Observation
from tillgate.engine.command import Outcome
from tillgate.kit import ids
from tillgate.payments.model import Payment, PaymentReference, ProcessorObject

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MERCHANT, CONNECTION = UUID(int=1 << 100), UUID(int=2 << 100)
OWNER = Owner(MERCHANT, False, "con_x")
ASKED = 50_000


def payment(number: int) -> Payment:
    return Payment(
        merchant_id=MERCHANT, id=UUID(int=number), amount=ASKED, asset="usd", status="pending",
        capture_method="automatic", authorized=0, captured=0, refunded=0, disputed=0, late=False,
        review_reason=None, failure_code=None, failure_message=None, description=None,
        metadata=Raw(b"{}"), connection_id=CONNECTION, wallet_user=None, success_url=None,
        cancel_url=None, tries=0, bookings=0, version=1, created_at=NOW, updated_at=NOW,
        expires_at=NOW + timedelta(days=1), succeeded_at=None, order_id=None, to_capture=None,
        cancellation_reason=None, resolution=None, credited=0,
    )  # fmt: skip


@pytest.fixture
def memory() -> Memory:
    """Two payments that wait; the processor knows the first as `op_1`, the second as `op_2`."""
    memory = Memory()
    for number in (1, 2):
        memory.put(payment(number))
        memory.put(PaymentReference(MERCHANT, CONNECTION, f"op_{number}", UUID(int=number)))
    return memory


def captured(reference: str, **more: Any) -> Observation:
    said: dict[str, Any] = {
        "ours": None,
        "state": "captured",
        "amount_minor": ASKED,
        "asset": "usd",
        **more,
    }
    return Observation(reference, **said)


def message(*seen: Observation, event: str = "evt_1") -> Message:
    return Message(CONNECTION, event, seen, Raw(b"{}"), b"{}")


def effect(memory: Memory, command: Any, now: datetime = NOW) -> str:
    decided = memory.run(command, now)
    assert isinstance(decided, Outcome)
    return decided.answer


def heard(memory: Memory, *seen: Observation, event: str = "evt_1") -> str:
    return effect(memory, ApplyCallback(OWNER, ids.mint(), message(*seen, event=event)))


def paid(memory: Memory) -> list[int]:
    """The numbers of the payments that brought money."""
    return [one.id.int for one in memory.all(Payment) if one.captured]


def test_a_hint_cannot_silence_the_genuine_message(memory: Memory) -> None:
    hint = KeepHint(OWNER, ids.mint(), message(), "op_1")
    assert effect(memory, hint) == "look"
    [kept] = memory.all(Callback)
    assert (kept.state, kept.payment_id, kept.due_at) == ("pending", UUID(int=1), NOW)
    assert memory.all(SeenCallback) == []
    seen = captured("ch_1", ours="op_1")
    assert heard(memory, seen) == "applied"
    assert heard(memory, seen) == "duplicate"
    assert paid(memory) == [1]


def test_what_a_look_finds_is_booked_once(memory: Memory) -> None:
    hint = KeepHint(OWNER, ids.mint(), message(), "ch_1")
    effect(memory, hint)
    found = message(captured("ch_1", ours="op_1"))
    assert effect(memory, RetryCallback(OWNER, hint.id, found, ids.mint())) == "applied"
    assert effect(memory, RetryCallback(OWNER, hint.id, found, ids.mint())) == "settled"
    [kept] = memory.all(Callback)
    assert (kept.state, kept.attempts, kept.payment_id) == ("processed", 1, UUID(int=1))


@pytest.mark.parametrize("trouble", ["absent", "cannot_tell", "unreadable"])
def test_what_cannot_be_applied_is_tried_so_often_and_no_more(memory: Memory, trouble: str) -> None:
    hint = KeepHint(OWNER, ids.mint(), message(), "ch_1")
    effect(memory, hint)
    waits: list[timedelta] = []
    now = NOW
    while (kept := memory.all(Callback)[0]).due_at is not None:
        now = kept.due_at
        effect(memory, RetryCallback(OWNER, hint.id, message(), ids.mint(), trouble), now)
        waits.append((memory.all(Callback)[0].due_at or now) - now)
    assert waits == [*RETRIES, timedelta(0)]
    assert (kept.state, kept.effect, kept.attempts) == ("failed", trouble, len(RETRIES) + 1)
    assert paid(memory) == []


def test_a_nomination_counts_where_nothing_else_names_a_payment(memory: Memory) -> None:
    nominated = captured("ch_1", ours="op_2", nominated=True)
    assert heard(memory, captured("op_1"), nominated) == "applied"
    assert paid(memory) == [1]


def test_a_payer_cannot_steer_a_charge_that_is_known(memory: Memory) -> None:
    memory.put(PaymentReference(MERCHANT, CONNECTION, "ch_1", UUID(int=1)))
    assert heard(memory, captured("ch_1", ours="op_2", nominated=True)) == "applied"
    assert paid(memory) == [1]


def test_a_nomination_that_fits_pays(memory: Memory) -> None:
    assert heard(memory, captured("ch_1", ours="op_2", nominated=True)) == "applied"
    assert paid(memory) == [2]
    assert [one.status for one in memory.all(Payment)] == ["pending", "succeeded"]
    assert memory.all(ProcessorObject)[0].reference == "ch_1"


def test_what_nobody_knows_waits(memory: Memory) -> None:
    assert heard(memory, captured("ch_1", ours="op_3", nominated=True)) == "unmatched"
    assert memory.all(Callback)[0].state == "pending"
