"""The state table walked over, and observations in every order."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.structs import replace

from tillgate.audit.model import Owner
from tillgate.connectors.protocol import Observation
from tillgate.engine.command import Ref
from tillgate.engine.world import World
from tillgate.kit import ids
from tillgate.ledger.model import Account, available, clearing, suspense, wallet
from tillgate.payments import rules
from tillgate.payments.apply import Applied, apply, wants
from tillgate.payments.model import Payment, ProcessorObject, Status, Try

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MERCHANT, CONNECTION, PAYMENT = UUID(int=1), UUID(int=2), UUID(int=3)
OWNER = Owner(MERCHANT, False, "con_x")


def pending(**changes: object) -> Payment:
    payment = Payment(
        merchant_id=MERCHANT, id=PAYMENT, amount=1000, asset="eur", status="pending",
        capture_method="automatic", authorized=0, captured=0, refunded=0, disputed=0, late=False,
        review_reason=None, failure_code=None, failure_message=None, description=None,
        metadata=Raw(b"{}"), connection_id=CONNECTION, wallet_user=None, success_url=None,
        cancel_url=None, tries=1, bookings=0, version=1, created_at=NOW, updated_at=NOW,
        expires_at=NOW + timedelta(days=1), succeeded_at=None,
    )  # fmt: skip
    return replace(payment, **changes)


def first_try() -> Try:
    return Try(MERCHANT, PAYMENT, 1, CONNECTION, "open", "sbx_1", "http://x/", None, None, NOW, NOW)


def seen(state: str, amount: int = 1000, asset: str = "eur", reference: str = "sbx_1"):
    failure = "card_declined" if state in {"failed", "canceled"} else None
    return Observation(reference, None, state, amount, asset, failure)  # type: ignore[arg-type]


def world_of(payment: Payment) -> World:
    """A world in which the payment and every account that it may touch are loaded and locked."""
    world = World()
    keys = [
        key
        for asset in ("eur", "usd")
        for key in (
            available(MERCHANT, asset),
            suspense(MERCHANT, asset),
            clearing(MERCHANT, ids.show("con", CONNECTION), asset),
            wallet(MERCHANT, "u1", asset),
        )
    ]
    world.expect([*wants(MERCHANT, PAYMENT), *(Ref(Account, tuple(k), lock=True) for k in keys)])
    world.loaded(payment)
    world.loaded(first_try())
    return world


def observe(world: World, *observations: Observation, at: int = 0) -> Applied:
    applied = apply(
        world, OWNER, PAYMENT, CONNECTION, observations, ids.series(UUID(int=1000 * (at + 1))), NOW
    )
    assert isinstance(applied, Applied)
    world.stage(applied.rows)
    return applied


def payment_of(world: World) -> Payment:
    payment = world.get(Payment, (MERCHANT, PAYMENT))
    assert payment is not None
    return payment


def balances(world: World) -> dict[tuple[str, str], int]:
    inserts, updates = world.changes()
    accounts = [*inserts.get(Account, []), *updates.get(Account, [])]
    return {(a.code, a.asset): a.posted for a in accounts if isinstance(a, Account) and a.posted}


def end_of(world: World) -> tuple[object, ...]:
    """What must not depend on the order of observations; versions and events may."""
    p = payment_of(world)
    objects = world.children(ProcessorObject, (MERCHANT, PAYMENT))
    tries = world.children(Try, (MERCHANT, PAYMENT))
    return (
        [(one.state, one.failure_code) for one in tries if p.captured == 0],
        p.status, p.captured, p.authorized, p.review_reason, p.late, p.failure_code,
        balances(world), [(o.reference, o.state, o.amount, o.booked, o.booked_to) for o in objects],
    )  # fmt: skip


def test_every_status_has_its_row_in_the_table() -> None:
    statuses: tuple[str, ...] = Status.__args__  # type: ignore[attr-defined]
    assert set(rules.LEAVES) == set(statuses)
    for leaves in rules.LEAVES.values():
        assert leaves <= set(statuses)


@pytest.mark.parametrize("status", rules.LEAVES)
@pytest.mark.parametrize("state", rules.RANKS)
@pytest.mark.parametrize("amount", [400, 1000, 1500])
def test_no_observation_leaves_the_table(status: Status, state: str, amount: int) -> None:
    """Every (status, fact) pair: the payment stays, or goes where the table lets it."""
    started = pending(
        status=status,
        captured=1000 if status == "succeeded" else 0,
        succeeded_at=NOW if status == "succeeded" else None,
        review_reason="asset_mismatch" if status == "review" else None,
    )
    if status == "succeeded":
        return  # money without its object is no state that can be; see the test below
    world = world_of(started)
    observe(world, seen(state, amount))
    after = payment_of(world).status
    assert after == status or after in rules.LEAVES[rules.as_status(status)]


def test_what_succeeded_stays_succeeded() -> None:
    world = world_of(pending())
    observe(world, seen("captured"))
    for number, state in enumerate(rules.RANKS, 1):
        observe(world, seen(state), at=number)
        observe(world, seen(state, reference=f"other_{state}"), at=20 + number)
    assert payment_of(world).status == "succeeded"


def test_the_full_amount_succeeds_and_is_booked_once() -> None:
    world = world_of(pending())
    first = observe(world, seen("captured"))
    again = observe(world, seen("captured"), at=1)
    assert (first.effect, again.effect) == ("applied", "nothing_new")
    assert balances(world) == {("clearing", "eur"): -1000, ("available", "eur"): 1000}


def test_a_wallet_is_credited_instead_of_the_merchant() -> None:
    world = world_of(pending(wallet_user="u1"))
    observe(world, seen("captured"))
    assert balances(world) == {("clearing", "eur"): -1000, ("wallet", "eur"): 1000}


def test_less_than_asked_waits_in_suspense_until_the_rest_comes() -> None:
    world = world_of(pending())
    observe(world, seen("captured", 900))
    assert payment_of(world).status == "review"
    assert payment_of(world).review_reason == "amount_short"
    assert balances(world) == {("clearing", "eur"): -900, ("suspense", "eur"): 900}
    observe(world, seen("captured", 1000), at=1)
    assert payment_of(world).status == "succeeded"
    assert balances(world) == {("clearing", "eur"): -1000, ("available", "eur"): 1000}


def test_more_than_asked_is_all_booked() -> None:
    world = world_of(pending())
    observe(world, seen("captured", 1300))
    assert payment_of(world).status == "succeeded"
    assert payment_of(world).captured == 1300
    assert balances(world) == {("clearing", "eur"): -1300, ("available", "eur"): 1300}


def test_another_asset_is_always_reviewed() -> None:
    world = world_of(pending())
    observe(world, seen("captured", 1000, "usd"))
    assert payment_of(world).review_reason == "asset_mismatch"
    assert balances(world) == {("clearing", "usd"): -1000, ("suspense", "usd"): 1000}


@pytest.mark.parametrize(
    ("status", "late"), [("expired", True), ("canceled", True), ("failed", False)]
)
def test_late_money_is_booked(status: str, late: bool) -> None:
    world = world_of(pending(status=status, failure_code="card_declined"))
    observe(world, seen("captured"))
    payment = payment_of(world)
    assert (payment.status, payment.late, payment.failure_code) == ("succeeded", late, None)
    assert balances(world)[("available", "eur")] == 1000


# Authorizations are left out: what becomes of a late one (it is voided) comes with manual capture.
OBSERVATIONS = st.builds(
    seen,
    st.sampled_from([state for state in rules.RANKS if state != "authorized"]),
    st.sampled_from([400, 600, 1000, 1500]),
    st.sampled_from(["eur", "eur", "eur", "usd"]),
    st.sampled_from(["sbx_1", "sbx_2"]),
)


@given(st.lists(OBSERVATIONS, min_size=1, max_size=4))
@example([seen("captured", 400, "usd", "sbx_1"), seen("captured", 1000, "eur", "sbx_2")])
def test_any_order_and_any_repetition_ends_alike(observations: list[Observation]) -> None:
    assets = {(o.reference, o.asset) for o in observations}
    if len(assets) > len({reference for reference, _ in assets}):
        return  # one object has one asset
    ends: list[tuple[object, ...]] = []
    for order in permutations(observations):
        world = world_of(pending())
        for number, one in enumerate([*order, *order]):
            observe(world, one, at=number)
        ends.append(end_of(world))
    assert all(end == ends[0] for end in ends)
