"""Charges that only their payer ties to a payment: they pay when they are exactly what was asked.

Anything else of them waits in suspense for a person, whatever the connection makes of other
amounts, and neither it nor what goes back of it counts as the payment's.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.payments.memory import Memory
from tests.payments.rows import (
    NOTHING,
    NOW,
    OTHER_AMOUNTS,
    OWNER,
    PAYMENT,
    charge,
    dispute,
    nominated,
    order,
    pending,
    refund,
    stored,
)
from tests.payments.test_rules import CHARGES, balances, ends_alike, hear, payment_of, wish
from tillgate.connectors.protocol import ObjectState, Observation
from tillgate.engine.command import Outcome, Refused
from tillgate.events.model import Event
from tillgate.kit import ids
from tillgate.ledger.model import Hold
from tillgate.orders.model import Order
from tillgate.payments.commands import Resolve
from tillgate.payments.model import PaymentReference, ProcessorObject
from tillgate.refunds.commands import CreateRefund

BOTH = pytest.mark.parametrize("policy", ["review", "accept"])


def told(memory: Memory) -> list[str]:
    return [one.type for one in memory.all(Event)]


# ---- what comes ---------------------------------------------------------------------------------


def test_one_that_fits_pays() -> None:
    memory = stored(pending())
    assert hear(memory, nominated(1000)) == "applied"
    assert (payment_of(memory).status, payment_of(memory).captured) == ("succeeded", 1000)
    assert balances(memory) == {("clearing", "eur"): -1000, ("available", "eur"): 1000}
    assert hear(memory, nominated(1000), at=2) == "nothing_new"


@BOTH
@pytest.mark.parametrize("amount", OTHER_AMOUNTS)
def test_one_of_another_amount_pays_nothing(amount: int, policy: str) -> None:
    memory = stored(pending(amount_policy=policy, wallet_user="u1", order_id=order().id), order())
    hear(memory, nominated(amount))
    payment = payment_of(memory)
    assert (payment.status, payment.review_reason) == ("review", "nominated_mismatch")
    assert (payment.captured, payment.credited, memory.all(Order)[0].paid) == (0, 0, 0)
    assert balances(memory) == {("clearing", "eur"): -amount, ("suspense", "eur"): amount}
    assert told(memory) == ["payment.review"]


@BOTH
def test_one_of_another_asset_pays_nothing(policy: str) -> None:
    memory = stored(pending(amount_policy=policy))
    hear(memory, nominated(1000, "usd"))
    payment = payment_of(memory)
    assert (payment.status, payment.review_reason) == ("review", "asset_mismatch")
    assert payment.captured == 0
    assert balances(memory) == {("clearing", "usd"): -1000, ("suspense", "usd"): 1000}


@BOTH
def test_two_that_add_up_to_what_was_asked_pay_nothing(policy: str) -> None:
    memory = stored(pending(amount_policy=policy))
    hear(memory, nominated(400), nominated(600, reference="ch_8"))
    assert payment_of(memory).review_reason == "nominated_mismatch"
    assert balances(memory) == {("clearing", "eur"): -1000, ("suspense", "eur"): 1000}


def test_beside_one_that_falls_short_neither_is_taken() -> None:
    memory = stored(pending())
    hear(memory, nominated(600), charge("captured", 400))
    payment = payment_of(memory)
    assert (payment.review_reason, payment.captured) == ("nominated_mismatch", 400)
    assert balances(memory) == {("clearing", "eur"): -1000, ("suspense", "eur"): 1000}
    assert isinstance(memory.run(Resolve(OWNER, wish(1), PAYMENT, "accept"), NOW), Outcome)
    assert (payment_of(memory).status, payment_of(memory).captured) == ("succeeded", 400)
    assert balances(memory) == {
        ("clearing", "eur"): -1000, ("suspense", "eur"): 600, ("available", "eur"): 400,
    }  # fmt: skip


def test_where_less_is_accepted_a_misfit_beside_it_waits_alone() -> None:
    for step in (1, -1):
        memory = stored(pending(amount_policy="accept"))
        hear(memory, *[nominated(600), charge("captured", 400)][::step])
        assert (payment_of(memory).status, payment_of(memory).captured) == ("succeeded", 400)
        assert balances(memory) == {
            ("clearing", "eur"): -1000, ("suspense", "eur"): 600, ("available", "eur"): 400,
        }  # fmt: skip


@pytest.mark.parametrize("genuine", [charge("captured"), nominated(1000, reference="ch_8")])
@pytest.mark.parametrize("first", [True, False])
def test_the_genuine_money_pays_before_and_after(first: bool, genuine: Observation) -> None:
    memory = stored(pending())
    seen = [nominated(1), genuine] if first else [genuine, nominated(1)]
    for number, one in enumerate(seen, 1):
        hear(memory, one, at=number)
    payment = payment_of(memory)
    assert (payment.status, payment.captured, payment.review_reason) == ("succeeded", 1000, None)
    assert balances(memory) == {
        ("clearing", "eur"): -1001, ("suspense", "eur"): 1, ("available", "eur"): 1000,
    }  # fmt: skip
    assert "payment.amount_mismatch" not in told(memory)


@pytest.mark.parametrize("status", ["expired", "canceled", "failed"])
def test_of_a_payment_that_is_over_it_is_kept_too(status: str) -> None:
    memory = stored(pending(status=status))
    hear(memory, nominated(1))
    assert payment_of(memory).review_reason == "nominated_mismatch"
    hear(memory, nominated(1000, reference="ch_8"), at=2)
    assert payment_of(memory).status == "succeeded"
    assert balances(memory)["suspense", "eur"] == 1


@pytest.mark.parametrize("state", ["pending", "processing", "authorized", "failed", "canceled"])
def test_without_money_it_moves_nothing(state: ObjectState) -> None:
    """Nor does it name a charge that other messages could then be about."""
    memory = stored(pending())
    for amount in (0, 1000):
        seen = replace(nominated(amount), state=state)
        assert hear(memory, seen) == "nothing_new"
    assert payment_of(memory) == pending()
    assert memory.all(ProcessorObject) == []
    assert memory.all(PaymentReference) == []


def test_what_is_known_of_it_is_not_forgotten() -> None:
    """What the processor says of the same charge by its own name makes it no more genuine."""
    memory = stored(pending())
    hear(memory, nominated(400))
    assert hear(memory, charge("captured", 400, reference="ch_9"), at=2) == "nothing_new"
    assert payment_of(memory).review_reason == "nominated_mismatch"
    assert hear(memory, charge("failed", 0, reference="ch_9"), at=3) == "nothing_new"
    assert payment_of(memory).status == "review"


def test_one_that_has_paid_and_grows_is_all_booked() -> None:
    memory = stored(pending())
    hear(memory, nominated(1000))
    hear(memory, charge("captured", 1500, reference="ch_9"), at=2)
    assert (payment_of(memory).status, payment_of(memory).captured) == ("succeeded", 1500)
    assert balances(memory) == {("clearing", "eur"): -1500, ("available", "eur"): 1500}


# ---- what goes back -----------------------------------------------------------------------------


def test_it_cannot_be_accepted_but_it_can_be_given_back() -> None:
    memory = stored(pending())
    hear(memory, nominated(600))
    accept = memory.run(Resolve(OWNER, wish(1), PAYMENT, "accept"), NOW)
    assert isinstance(accept, Refused)
    memory.run(Resolve(OWNER, wish(2), PAYMENT, "refund"), NOW)
    assert payment_of(memory).status == "failed"
    [hold] = memory.all(Hold)
    assert (hold.debit.code, hold.amount) == ("suspense", 600)
    ours = ids.show("op", hold.id)
    hear(memory, refund("succeeded", 600, parent="ch_9", ours=ours), at=3)
    assert balances(memory) == {}
    assert payment_of(memory).refunded == 0
    assert "payment.refunded" not in told(memory)


def test_a_refund_of_it_comes_from_suspense_and_is_not_the_payments() -> None:
    memory = stored(pending())
    hear(memory, nominated(600))
    memory.run(CreateRefund(OWNER, wish(1), PAYMENT, 200, None, NOTHING), NOW)
    assert [(hold.debit.code, hold.amount) for hold in memory.all(Hold)] == [("suspense", 200)]
    ours = ids.show("op", wish(1))
    hear(memory, refund("succeeded", 200, parent="ch_9", ours=ours), at=2)
    hear(memory, charge("captured"), at=3)
    payment = payment_of(memory)
    assert (payment.status, payment.captured, payment.refunded) == ("succeeded", 1000, 0)
    assert balances(memory) == {
        ("clearing", "eur"): -1400, ("suspense", "eur"): 400, ("available", "eur"): 1000,
    }  # fmt: skip
    assert "payment.refunded" not in told(memory)


def test_what_is_refunded_of_a_payment_is_what_paid_it() -> None:
    """Not what a stranger sent, however much that is; it can be given back after that."""
    memory = stored(pending())
    hear(memory, charge("captured"), nominated(1500))
    for number, place in ((1, "available"), (2, "suspense")):
        memory.run(CreateRefund(OWNER, wish(number), PAYMENT, None, None, NOTHING), NOW)
        assert memory.all(Hold)[-1].debit.code == place


def test_a_dispute_of_it_comes_from_suspense_and_is_not_the_payments() -> None:
    memory = stored(pending())
    hear(memory, charge("captured"), nominated(600))
    hear(memory, dispute("needs_response", 600, parent="ch_9", revision=1), at=2)
    assert payment_of(memory).disputed == 0
    assert balances(memory) == {
        ("clearing", "eur"): -1600, ("disputed", "eur"): 600, ("available", "eur"): 1000,
    }  # fmt: skip
    hear(memory, dispute("lost", 600, parent="ch_9", revision=2), at=3)
    assert balances(memory) == {("clearing", "eur"): -1000, ("available", "eur"): 1000}


# ---- in every order -----------------------------------------------------------------------------


def told_of(state: ObjectState, place: tuple[str, int]) -> Observation:
    reference, amount = place
    return replace(nominated(amount, reference=reference), state=state)


STATES: list[ObjectState] = ["processing", "failed", "captured", "captured", "captured"]
NOMINATED = st.builds(
    told_of,
    st.sampled_from(STATES),
    st.sampled_from([("ch_7", 1000), ("ch_8", 1500), ("ch_9", 400)]),
)
GOING_BACK = st.sampled_from(
    [
        refund("succeeded", 300, parent="ch_7", reference="re_7"),
        refund("succeeded", 300, parent="ch_9", reference="re_9"),
        refund("failed", 300, parent="ch_9", reference="re_9"),
        dispute("lost", 400, parent="ch_9", revision=1),
        dispute("won", 400, parent="ch_9", revision=2),
    ]
)
GENUINE = CHARGES.filter(
    lambda one: (one.state, one.asset) == ("captured", "eur") and one.amount_minor >= 1000
)
"""What falls short pays at once where that is accepted: nothing that comes later takes it back."""


@settings(max_examples=60, deadline=None)
@given(
    st.lists(NOMINATED | NOMINATED | GENUINE | GOING_BACK, min_size=1, max_size=4),
    st.sampled_from(["pending", "expired"]),
    st.sampled_from(["review", "accept"]),
    st.none() | st.just("u1"),
)
def test_any_order_and_any_repetition_ends_alike(
    observations: list[Observation], status: str, policy: str, user: str | None
) -> None:
    begun = stored(pending(status=status, amount_policy=policy, wallet_user=user))
    ends_alike(begun, observations)
