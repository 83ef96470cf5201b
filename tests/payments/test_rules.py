"""What observations make of a payment: in plain stories, and in every order."""

from collections import Counter
from itertools import permutations
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.payments.checks import books_balance
from tests.payments.heard import as_one, key_of
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
    dispute,
    pending,
    refund,
    stored,
)
from tillgate.connectors.protocol import Observation, Pending, Rejected
from tillgate.engine.command import Outcome, Refused
from tillgate.kit import ids
from tillgate.kit.money import Money
from tillgate.ledger.model import Account, Hold
from tillgate.payments.commands import Cancel, Capture, Resolve
from tillgate.payments.model import (
    Dispute,
    OperationRow,
    Payment,
    ProcessorObject,
    Refund,
)
from tillgate.payments.operations import Settle
from tillgate.payments.outstanding import ASKED, LETTING_GO
from tillgate.payments.rules import RANKS
from tillgate.payments.tries import StartTry
from tillgate.refunds.commands import CreateRefund
from tillgate.wallets.commands import Move

PLACE = MERCHANT, PAYMENT
OTHER = UUID(int=9)
"""Another connection."""


def hear(memory: Memory, *seen: Observation, at: int = 1) -> str:
    decided = memory.run(Hear(at, seen), NOW)
    assert isinstance(decided, Outcome)
    return decided.answer


def wish(number: int) -> UUID:
    return UUID(int=number << 64)


def payment_of(memory: Memory) -> Payment:
    return memory.get(Payment, PLACE)


def balances(memory: Memory) -> dict[tuple[str, str], int]:
    return {(a.code, a.asset): a.posted for a in memory.all(Account) if a.posted}


# ---- stories of charges -------------------------------------------------------------------------


def test_what_succeeded_stays_succeeded() -> None:
    memory = stored(pending())
    hear(memory, charge("captured"))
    for number, state in enumerate(RANKS["charge"], 2):
        seen = Observation("ch_1", None, state, 1000, "eur")  # type: ignore[arg-type]
        hear(memory, seen, replace(seen, reference=f"ch_{state}"), at=number)
    assert payment_of(memory).status == "succeeded"


def test_the_full_amount_succeeds_and_is_booked_once() -> None:
    memory = stored(pending())
    assert hear(memory, charge("captured")) == "applied"
    assert hear(memory, charge("captured"), at=2) == "nothing_new"
    assert balances(memory) == {("clearing", "eur"): -1000, ("available", "eur"): 1000}


def test_a_wallet_is_credited_instead_of_the_merchant() -> None:
    memory = stored(pending(wallet_user="u1"))
    hear(memory, charge("captured"))
    assert balances(memory) == {("clearing", "eur"): -1000, ("wallet", "eur"): 1000}


def test_less_than_asked_waits_in_suspense_until_the_rest_comes() -> None:
    memory = stored(pending())
    hear(memory, charge("captured", 900))
    payment = payment_of(memory)
    assert (payment.status, payment.review_reason) == ("review", "amount_short")
    assert balances(memory) == {("clearing", "eur"): -900, ("suspense", "eur"): 900}
    hear(memory, charge("captured"), at=2)
    assert payment_of(memory).status == "succeeded"
    assert balances(memory) == {("clearing", "eur"): -1000, ("available", "eur"): 1000}


def test_more_than_asked_is_all_booked() -> None:
    memory = stored(pending())
    hear(memory, charge("captured", 1300))
    assert (payment_of(memory).status, payment_of(memory).captured) == ("succeeded", 1300)
    assert balances(memory) == {("clearing", "eur"): -1300, ("available", "eur"): 1300}


def test_another_asset_is_always_reviewed() -> None:
    memory = stored(pending())
    hear(memory, charge("captured", 1000, "usd"))
    assert payment_of(memory).review_reason == "asset_mismatch"
    assert balances(memory) == {("clearing", "usd"): -1000, ("suspense", "usd"): 1000}


def test_booked_money_does_not_change_its_asset() -> None:
    memory = stored(pending())
    hear(memory, charge("captured"))
    assert hear(memory, charge("captured", 150_000, "jpy"), at=2) == "nothing_new"
    assert balances(memory) == {("clearing", "eur"): -1000, ("available", "eur"): 1000}


@pytest.mark.parametrize(
    ("status", "late"), [("expired", True), ("canceled", True), ("failed", False)]
)
def test_late_money_is_booked(status: str, late: bool) -> None:
    memory = stored(pending(status=status, failure_code="card_declined"))
    hear(memory, charge("captured"))
    payment = payment_of(memory)
    assert (payment.status, payment.late, payment.failure_code) == ("succeeded", late, None)
    assert balances(memory)["available", "eur"] == 1000


# ---- stories of tries and wishes ----------------------------------------------------------------


def test_a_try_given_up_in_flight_is_let_go_when_its_answer_comes() -> None:
    memory = Memory()
    memory.put(pending(tries=0))
    memory.run(StartTry(OWNER, PAYMENT, wish(1), CONNECTION, NOTHING), NOW)
    memory.run(StartTry(OWNER, PAYMENT, wish(2), OTHER, NOTHING), NOW)
    second = replace(charge("processing", reference="ch_2"), ours=ids.show("op", wish(2)))
    hear(memory, second, at=3)
    late = Pending("ch_9", "http://x/")
    memory.run(Settle(OWNER, PAYMENT, wish(1), CONNECTION, late, wish(4)), NOW)
    voids = [(o.target, o.state) for o in memory.all(OperationRow) if o.kind == "void"]
    assert voids == [("ch_9", "reserved")]


def test_what_a_given_up_try_authorizes_is_not_captured() -> None:
    memory = stored(pending(capture_method="manual"))
    memory.run(StartTry(OWNER, PAYMENT, wish(1), OTHER, NOTHING), NOW)
    hear(memory, charge("authorized"), at=2)
    assert (payment_of(memory).status, payment_of(memory).authorized) == ("pending", 0)
    assert [o.target for o in memory.all(OperationRow) if o.kind == "void"] == ["ch_1"]


def test_what_was_to_be_captured_of_one_try_is_not_the_measure_of_the_next() -> None:
    memory = stored(pending(capture_method="manual"))
    hear(memory, charge("authorized"))
    memory.run(Capture(OWNER, wish(1), PAYMENT, 400), NOW)
    hear(memory, charge("failed"), at=2)
    memory.run(StartTry(OWNER, PAYMENT, wish(3), CONNECTION, NOTHING), NOW)
    hear(memory, charge("captured", 400, reference="ch_2"), at=4)
    assert payment_of(memory).review_reason == "amount_short"


def test_more_than_asked_is_captured_in_vain_but_the_amount_is_enough() -> None:
    memory = stored(pending(capture_method="manual"))
    hear(memory, charge("authorized", 1500))
    memory.run(Capture(OWNER, wish(1), PAYMENT, 1500), NOW)
    hear(memory, charge("captured", 1000), at=2)
    assert payment_of(memory).status == "succeeded"


def test_what_another_asset_authorizes_is_let_go() -> None:
    memory = stored(pending(capture_method="manual"))
    hear(memory, charge("authorized", 1000, "usd"), charge("authorized", reference="ch_2"))
    assert [o.target for o in memory.all(OperationRow) if o.kind == "void"] == ["ch_1"]
    assert isinstance(memory.run(Capture(OWNER, wish(1), PAYMENT, None), NOW), Outcome)


def test_what_could_not_be_captured_is_let_go_when_other_money_comes() -> None:
    memory = stored(pending(capture_method="manual"))
    hear(memory, charge("authorized"))
    memory.run(Capture(OWNER, wish(1), PAYMENT, None), NOW)
    memory.run(Settle(OWNER, PAYMENT, wish(1), CONNECTION, Rejected("no", "No."), wish(2)), NOW)
    hear(memory, charge("captured", reference="ch_2"), at=3)
    assert [o.target for o in memory.all(OperationRow) if o.kind == "void"] == ["ch_1"]


def test_money_that_goes_back_cannot_be_canceled_away() -> None:
    memory = stored(pending())
    hear(memory, charge("captured", 400))
    memory.run(Resolve(OWNER, wish(1), PAYMENT, "refund"), NOW)
    assert isinstance(memory.run(Cancel(OWNER, wish(2), PAYMENT, "abandoned"), NOW), Refused)


# ---- stories of refunds and disputes ------------------------------------------------------------


def test_what_goes_back_waits_for_what_came() -> None:
    """Messages overtake each other: a refund is not taken from a wallet that has nothing yet."""
    memory = stored(pending(wallet_user="u1"))
    hear(memory, refund("succeeded", 400), dispute("needs_response", 300))
    assert balances(memory) == {}
    hear(memory, charge("captured"), at=2)
    assert balances(memory) == {
        ("clearing", "eur"): -600, ("wallet", "eur"): 300, ("disputed", "eur"): 300,
    }  # fmt: skip


def test_a_dispute_follows_its_money_out_of_suspense() -> None:
    memory = stored(pending())
    hear(memory, charge("captured", 900))
    hear(memory, dispute("needs_response", 900), at=2)
    memory.run(Resolve(OWNER, wish(1), PAYMENT, "accept"), NOW)
    assert balances(memory) == {("clearing", "eur"): -900, ("disputed", "eur"): 900}
    hear(memory, dispute("won", 900), at=3)
    assert balances(memory) == {("clearing", "eur"): -900, ("available", "eur"): 900}


def test_a_refund_under_way_follows_its_money_out_of_suspense() -> None:
    memory = stored(pending())
    hear(memory, charge("captured", 900))
    memory.run(CreateRefund(OWNER, wish(1), PAYMENT, 400, None, NOTHING), NOW)
    ours = ids.show("op", wish(1))
    hear(memory, refund("pending", 400, ours=ours), charge("captured"), at=2)
    hear(memory, refund("succeeded", 400, ours=ours), at=3)
    assert balances(memory) == {("clearing", "eur"): -600, ("available", "eur"): 600}


def test_a_refund_in_another_asset_settles_no_hold() -> None:
    memory = stored(pending())
    hear(memory, charge("captured"))
    memory.run(CreateRefund(OWNER, wish(1), PAYMENT, 400, None, NOTHING), NOW)
    hear(memory, refund("succeeded", 400, "usd", "re_9"), at=2)
    assert [hold.state for hold in memory.all(Hold)] == ["held"]


def test_what_a_spent_wallet_cannot_bear_is_owed_and_comes_back_there() -> None:
    memory = stored(pending(wallet_user="u1"))
    hear(memory, charge("captured"))
    memory.run(Move(OWNER, wish(1), "debit", "u1", None, Money(800, "eur"), None, None), NOW)
    hear(memory, dispute("lost", 1000, revision=1), at=2)
    owed = {("clearing", "eur"): 0, ("available", "eur"): 800, ("receivable", "eur"): -800}
    assert balances(memory) == {key: posted for key, posted in owed.items() if posted}
    hear(memory, dispute("won", 1000, revision=2), at=3)
    assert balances(memory) == {
        ("clearing", "eur"): -1000, ("available", "eur"): 800, ("wallet", "eur"): 200,
    }  # fmt: skip
    assert [thing.owed for thing in memory.all(ProcessorObject)] == [0, 0]


# ---- in every order -----------------------------------------------------------------------------

OURS = wish(1)
AMOUNTS = st.sampled_from([600, 1000, 1500])
ASSETS = st.sampled_from(["eur", "eur", "eur", "usd"])
CHARGES = st.builds(
    charge,
    st.sampled_from([*RANKS["charge"], "captured", "captured"]),
    AMOUNTS,
    ASSETS,
    st.sampled_from(["ch_1", "ch_1", "ch_2"]),
)
REFUNDS = st.builds(
    refund,
    st.sampled_from([*RANKS["refund"]]),
    st.sampled_from([300, 700]),
    st.just("eur"),
    st.sampled_from(["re_8", "re_9"]),
)
OUR_REFUND = st.builds(
    refund, st.sampled_from([*RANKS["refund"]]), st.just(400), ours=st.just(ids.show("op", OURS))
)
DISPUTES = st.builds(
    dispute,
    st.sampled_from([*RANKS["dispute"]]),
    st.sampled_from([300, 1000]),
    parent=st.sampled_from(["ch_1", "ch_2"]),
    revision=st.integers(0, 3),
)


def each_charge_has_one_asset(observations: list[Observation]) -> bool:
    said = {(o.kind, o.reference, o.parent) for o in observations}
    assets = {(o.parent or o.reference, o.asset) for o in observations}
    return len(said) == len({(kind, reference) for kind, reference, _ in said}) and (
        len(assets) == len({charge for charge, _ in assets})
    )


def refused_beside_authorized(observations: list[Observation]) -> bool:
    """Here order does matter, as the law has it: who was told `payment.failed` may try again, so
    what another charge authorizes after that is let go; before it, it is waited for."""
    charges = [o for o in observations if o.kind == "charge"]
    refused = {o.reference for o in charges if o.state in ("failed", "canceled")}
    waits = {o.reference for o in charges if o.state in ("authorized", "processing")}
    return bool(refused) and refused | waits != {"ch_1"}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(CHARGES | CHARGES | REFUNDS | DISPUTES, min_size=1, max_size=4)
    .filter(each_charge_has_one_asset)
    .filter(lambda observations: not refused_beside_authorized(observations)),
    st.sampled_from(["pending", "expired"]),
    st.sampled_from(["automatic", "manual"]),
    st.none() | st.just("u1"),
)
@example(
    [charge("captured", 400, "usd"), charge("captured", reference="ch_2")],
    "pending", "automatic", None,
)  # fmt: skip
@example(
    [charge("captured", 400), refund("succeeded", 300), dispute("lost", 300)],
    "pending", "automatic", "u1",
)  # fmt: skip
def test_any_order_and_any_repetition_ends_alike(
    observations: list[Observation], status: str, method: str, user: str | None
) -> None:
    ends_alike(
        stored(pending(status=status, capture_method=method, wallet_user=user)), observations
    )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(OUR_REFUND | REFUNDS | DISPUTES, min_size=1, max_size=4).filter(
        each_charge_has_one_asset
    ),
    st.none() | st.just("u1"),
    st.sampled_from([0, 600]),
)
def test_what_goes_back_ends_alike_too(
    observations: list[Observation], user: str | None, spent: int
) -> None:
    """The same beside a refund of ours, from a wallet that has been spent meanwhile."""
    memory = stored(pending(wallet_user=user))
    hear(memory, charge("captured"))
    memory.run(CreateRefund(OWNER, OURS, PAYMENT, 400, None, NOTHING), NOW)
    if user is not None and spent:
        memory.run(Move(OWNER, wish(2), "debit", user, None, Money(spent, "eur"), None, None), NOW)
    ends_alike(memory, observations)


def ends_alike(begun: Memory, observations: list[Observation]) -> None:
    ends: list[tuple[object, ...]] = []
    for order in permutations(observations):
        memory = begun.copy()
        for number, one in enumerate([*order, *order], 10):
            hear(memory, one, at=number)
        books_balance(memory)
        ends.append(end_of(memory))
    assert all(end == ends[0] for end in ends)


def end_of(memory: Memory) -> tuple[object, ...]:
    """What must not depend on the order of observations. A wallet is one with what is owed for it:
    which of both bears a fact depends on what was there just then."""
    p = payment_of(memory)
    totals: Counter[object] = Counter()
    for account in memory.all(Account):
        totals[as_one(key_of(account))] += account.posted
    live = Counter(
        (o.connection_id, o.target)
        for o in memory.all(OperationRow)
        if o.kind in LETTING_GO and o.state in ASKED
    )
    assert set(live.values()) <= {1}
    owed = sum(thing.owed for thing in memory.all(ProcessorObject))
    assert owed == -sum(a.posted for a in memory.all(Account) if a.code == "receivable")
    refunds = [(r.reference or "", r.status, r.amount, r.hold_id) for r in memory.all(Refund)]
    return (
        p.status, p.captured, p.authorized, p.refunded, p.disputed, p.review_reason, p.late,
        p.failure_code, {key: posted for key, posted in totals.items() if posted},
        sorted(refunds, key=lambda r: r[0]),
        sorted((d.reference, d.status, d.amount) for d in memory.all(Dispute)),
        sorted(
            (o.reference, o.state, o.amount, o.booked, o.booked_to or "")
            for o in memory.all(ProcessorObject)
        ),
    )  # fmt: skip
