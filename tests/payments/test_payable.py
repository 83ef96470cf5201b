"""A charge that has failed, and that its payer can pay all the same where it was refused."""

from itertools import permutations
from uuid import UUID

import pytest
from msgspec.structs import replace

from tests.payments.memory import Memory
from tests.payments.rows import (
    CONNECTION,
    MERCHANT,
    NOTHING,
    NOW,
    OWNER,
    PAYMENT,
    Hear,
    charge,
    pending,
    stored,
)
from tillgate.connectors.protocol import ChangeKind, Done, Observation, Pending, Rejected
from tillgate.engine.command import Outcome
from tillgate.kit import ids
from tillgate.payments.commands import Cancel
from tillgate.payments.model import OperationRow, Payment, ProcessorObject, Try
from tillgate.payments.operations import Settle
from tillgate.payments.tries import StartTry

OTHER = UUID(int=9)
"""Another connection."""

DECLINED = replace(charge("failed", 0), payable=True)
AGAIN = StartTry(OWNER, PAYMENT, UUID(int=5 << 64), CONNECTION, NOTHING)
OURS = ids.show("op", AGAIN.operation_id)


def begun() -> Memory:
    """A first try of which nothing is known yet."""
    memory = Memory()
    memory.put(pending(tries=0))
    memory.run(AGAIN, NOW)
    return memory


def hear(memory: Memory, *seen: Observation, at: int = 1) -> None:
    assert isinstance(memory.run(Hear(at, seen), NOW), Outcome)


def wishes(memory: Memory, kind: ChangeKind = "void") -> list[OperationRow]:
    return [one for one in memory.all(OperationRow) if one.kind == kind]


def payment_of(memory: Memory) -> Payment:
    return memory.get(Payment, (MERCHANT, PAYMENT))


def tries_of(memory: Memory) -> list[tuple[str, str | None]]:
    return [(one.state, one.failure_code) for one in memory.all(Try)]


@pytest.fixture
def refused() -> Memory:
    """Nothing is let go as long as the payer may try again there."""
    memory = stored(pending())
    hear(memory, DECLINED)
    assert payment_of(memory).status == "failed"
    assert wishes(memory) == []
    return memory


def test_another_card_on_the_same_page_is_kept() -> None:
    memory = Memory()
    memory.put(pending(tries=0, capture_method="manual"))
    memory.run(AGAIN, NOW)
    hear(memory, replace(DECLINED, ours=OURS))
    assert payment_of(memory).status == "failed"
    hear(memory, replace(charge("authorized"), ours=OURS), at=2)
    assert (payment_of(memory).status, payment_of(memory).authorized) == ("authorized", 1000)
    assert wishes(memory) == []


@pytest.mark.parametrize("connection", [CONNECTION, OTHER])
def test_it_is_let_go_once_when_the_next_try_begins(refused: Memory, connection: UUID) -> None:
    refused.run(replace(AGAIN, connection_id=connection), NOW)
    hear(refused, DECLINED, replace(DECLINED, amount_minor=7), at=2)
    [void] = wishes(refused)
    assert (void.connection_id, void.target, void.ordinal) == (CONNECTION, "ch_1", 1)
    assert (void.state, void.due_at) == ("reserved", NOW)


def test_it_is_let_go_when_the_payment_is_canceled(refused: Memory) -> None:
    refused.run(Cancel(OWNER, UUID(int=6 << 64), PAYMENT, "abandoned"), NOW)
    assert [one.target for one in wishes(refused)] == ["ch_1"]


def test_it_is_let_go_when_another_charge_pays(refused: Memory) -> None:
    hear(refused, charge("captured", reference="ch_2"), at=2)
    assert payment_of(refused).status == "succeeded"
    assert [one.target for one in wishes(refused)] == ["ch_1"]


def test_it_is_let_go_when_it_fails_after_the_next_try_began() -> None:
    """Its try had no name before, so that there was nothing to let go."""
    memory = begun()
    memory.run(replace(AGAIN, operation_id=UUID(int=8 << 64), connection_id=OTHER), NOW)
    assert wishes(memory) == []
    hear(memory, replace(DECLINED, reference="pi_1", ours=OURS), at=2)
    assert [one.target for one in wishes(memory)] == ["pi_1"]


def test_what_has_failed_for_good_is_left_alone() -> None:
    memory = stored(pending())
    hear(memory, charge("failed"))
    memory.run(AGAIN, NOW)
    hear(memory, charge("captured", reference="ch_2"), at=2)
    assert wishes(memory) == []


def test_it_is_let_go_by_the_name_of_its_try() -> None:
    """As a session at the processor, of which the charge came into being."""
    memory = begun()
    said = Pending("cs_1", "http://x/")
    memory.run(Settle(OWNER, PAYMENT, AGAIN.operation_id, CONNECTION, said, UUID(int=7 << 64)), NOW)
    hear(memory, replace(DECLINED, reference="pi_1", ours=OURS))
    memory.run(Cancel(OWNER, UUID(int=6 << 64), PAYMENT, "abandoned"), NOW)
    assert [one.target for one in wishes(memory)] == ["cs_1"]


@pytest.mark.parametrize("said", ["canceled", "captured"])
def test_what_is_let_go_ends_and_what_was_paid_meanwhile_counts(refused: Memory, said: str) -> None:
    refused.run(AGAIN, NOW)
    [void] = wishes(refused)
    refused.put(replace(void, state="submitted", submissions=1))
    place = OWNER, PAYMENT, void.id, CONNECTION
    if said == "canceled":
        refused.run(Settle(*place, Done((charge("canceled", 0),)), UUID(int=7 << 64)), NOW)
    else:
        no = Rejected("unexpected_state", "It was paid.")
        refused.run(Settle(*place, no, UUID(int=7 << 64)), NOW)
        assert wishes(refused)[0].due_at == NOW  # the processor is looked at
        hear(refused, charge("captured"), at=3)
    [void] = [one for one in wishes(refused) if one.target == "ch_1"]
    assert void.due_at is None
    state = "done" if said == "canceled" else "rejected"
    assert void.state == state
    status = "pending" if said == "canceled" else "succeeded"
    assert payment_of(refused).status == status


def test_a_try_has_failed_for_its_own_reason_when_it_was_let_go(refused: Memory) -> None:
    refused.run(AGAIN, NOW)
    hear(refused, replace(charge("canceled", 0), failure_code=None), at=2)
    assert tries_of(refused) == [("failed", "card_declined"), ("open", None)]
    [thing] = refused.all(ProcessorObject)
    assert (thing.state, thing.payable, thing.failure_code) == ("canceled", False, "card_declined")


@pytest.mark.parametrize("end", ["authorized", "captured", "canceled"])
def test_whatever_comes_of_it_counts_in_any_order(end: str) -> None:
    """A word about an earlier refusal may come late."""
    told = [charge("processing", 0), DECLINED, charge(end, 0 if end == "canceled" else 1000)]
    found: set[tuple[str, int, str, int]] = set()
    for order in permutations(told):
        memory = stored(pending(capture_method="manual"))
        for number, seen in enumerate(order, 1):
            hear(memory, seen, at=number)
        [thing] = memory.all(ProcessorObject)
        payment = payment_of(memory)
        found.add((thing.state, thing.amount, str(thing.payable), payment.captured))
    captured = 1000 if end == "captured" else 0
    assert found == {(end, 0 if end == "canceled" else 1000, "False", captured)}


def test_money_that_is_set_aside_is_not_lost_by_a_late_refusal() -> None:
    memory = stored(pending(capture_method="manual"))
    hear(memory, charge("authorized"))
    hear(memory, DECLINED, at=2)
    assert payment_of(memory).status == "authorized"
