"""Random histories through the pure core, beside a model that fits on a page.

Creates, tries, answers, callbacks (repeated, out of order, late, of another amount or asset),
expiries. After every step the books balance and agree with the model.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule
from msgspec import Raw, Struct
from msgspec.structs import replace

from tests.payments.memory import Memory
from tillgate.audit.model import Owner
from tillgate.callbacks.commands import ApplyCallback, Message
from tillgate.callbacks.model import Callback
from tillgate.connectors.protocol import ObjectState, Observation, Pending, Rejected
from tillgate.engine.command import Outcome
from tillgate.events.model import Event
from tillgate.idempotency.commands import Once
from tillgate.kit import ids
from tillgate.kit.money import Money
from tillgate.ledger.model import Account, Transfer
from tillgate.payments import rules
from tillgate.payments.commands import CreatePayment, ExpirePayment
from tillgate.payments.links import PayerLinks
from tillgate.payments.model import Payment
from tillgate.payments.operations import Settle
from tillgate.payments.tries import Started, StartTry

LINKS = PayerLinks(("model",), "http://127.0.0.1")
MERCHANT, CONNECTION = UUID(int=1 << 100), UUID(int=2 << 100)
OWNER = Owner(MERCHANT, False, "key_model")
STATES: list[ObjectState] = ["pending", "processing", "failed", "canceled", "captured", "captured"]


class Wish(Struct):
    """The model of a payment: what was said about each charge, and nothing else."""

    amount: int
    user: str | None
    charges: dict[str, tuple[int, int, str]] = {}  # reference → the highest (rank, amount, asset)

    @property
    def captured(self) -> Counter[str]:
        total: Counter[str] = Counter()
        for rank, amount, asset in self.charges.values():
            total[asset] += amount if rank == rules.RANKS["charge"]["captured"] else 0
        return total


class Histories(RuleBasedStateMachine):
    payments: Bundle[UUID] = Bundle("payments")
    operations: Bundle[tuple[UUID, UUID]] = Bundle("operations")

    @initialize()
    def begin(self) -> None:
        self.memory = Memory()
        self.now = datetime(2026, 11, 21, tzinfo=UTC)
        self.wishes: dict[UUID, Wish] = {}
        self.minted = 0
        self.said: list[ApplyCallback] = []

    def mint(self) -> UUID:
        self.minted += 1
        return UUID(int=(10 << 100) + (self.minted << 32))

    @rule(
        target=payments, amount=st.sampled_from([1, 500, 1000]), user=st.sampled_from([None, "u"])
    )
    def create(self, amount: int, user: str | None) -> UUID:
        payment_id = self.mint()
        command = CreatePayment(
            OWNER, payment_id, Money(amount, "eur"), "automatic", CONNECTION, None, Raw(b"{}"),
            user, None, None, timedelta(hours=1), LINKS.of(MERCHANT, payment_id),
        )  # fmt: skip
        once = Once(MERCHANT, f"key {payment_id}", b"d" * 32, payment_id, "req", command)
        first, again = self.memory.run(once, self.now), self.memory.run(once, self.now)
        assert isinstance(first, Outcome)
        assert isinstance(again, Outcome)
        assert (first.answer.body, bool(again.answer.headers)) == (again.answer.body, True)
        self.wishes[payment_id] = Wish(amount, user)
        return payment_id

    @rule(target=operations, payment_id=payments)
    def start(self, payment_id: UUID) -> Any:
        operation_id = self.mint()
        wish = StartTry(OWNER, payment_id, operation_id, CONNECTION, Raw(b"{}"))
        decided = self.memory.run(wish, self.now)
        if isinstance(decided, Outcome) and isinstance(decided.answer, Started):
            return payment_id, operation_id
        return cast("Any", multiple())

    @rule(operation=operations, taken=st.booleans())
    def answer(self, operation: tuple[UUID, UUID], taken: bool) -> None:
        payment_id, operation_id = operation
        said = Pending(f"ref {operation_id}", "http://x/") if taken else Rejected("no", "No.")
        command = Settle(OWNER, payment_id, operation_id, CONNECTION, said, self.mint())
        self.memory.run(command, self.now)

    @rule(
        operation=operations,
        state=st.sampled_from(STATES),
        part=st.sampled_from([1, 1, 1, 0.4, 1.5]),
        asset=st.sampled_from(["eur", "eur", "eur", "usd"]),
    )
    def call_back(
        self, operation: tuple[UUID, UUID], state: ObjectState, part: float, asset: str
    ) -> None:
        payment_id, operation_id = operation
        wish = self.wishes[payment_id]
        reference = f"ref {operation_id} {asset}"
        amount = max(1, int(wish.amount * part))
        failure = "declined" if state in {"failed", "canceled"} else None
        seen = Observation(reference, ids.show("op", operation_id), state, amount, asset, failure)
        message = Message(CONNECTION, f"evt {self.minted}", (seen,), Raw(b"{}"), b"")
        command = ApplyCallback(OWNER, self.mint(), message)
        self.memory.run(command, self.now)
        self.said.append(command)
        known = wish.charges.get(reference, (-1, 0, asset))
        wish.charges[reference] = max(known, (rules.RANKS["charge"][state], amount, asset))

    @rule(which=st.integers(0, 1000))
    def call_back_again(self, which: int) -> None:
        """The same event once more, perhaps much later: nothing comes of it."""
        if not self.said:
            return
        old = self.said[which % len(self.said)]
        before = len(self.memory.all(Callback))
        decided = self.memory.run(replace(old, id=self.mint()), self.now)
        assert isinstance(decided, Outcome)
        assert (decided.answer, len(self.memory.all(Callback))) == ("duplicate", before)

    @rule(payment_id=payments, hours=st.sampled_from([0, 2]))
    def expire(self, payment_id: UUID, hours: int) -> None:
        self.now += timedelta(hours=hours)
        self.memory.run(ExpirePayment(OWNER, payment_id, self.mint()), self.now)

    @invariant()
    def books_balance(self) -> None:
        accounts, transfers = self.memory.all(Account), self.memory.all(Transfer)
        totals: Counter[str] = Counter()
        for account in accounts:
            totals[account.asset] += account.posted
            credit = sum(t.amount for t in transfers if t.credit_id == account.id)
            debit = sum(t.amount for t in transfers if t.debit_id == account.id)
            touched = [t for t in transfers if account.id in {t.credit_id, t.debit_id}]
            assert account.posted == credit - debit
            assert account.version == len(touched)
        assert not any(totals.values())
        assert len({t.cause for t in transfers}) == len(transfers)

    @invariant()
    def books_agree_with_the_model(self) -> None:
        expected: Counter[tuple[str, str]] = Counter()
        for payment in self.memory.all(Payment):
            wish = self.wishes[payment.id]
            captured = wish.captured
            assert payment.captured == captured["eur"]
            goes_to = "wallet" if wish.user else "available"
            if payment.status == "review":
                goes_to = "suspense"
            expected[goes_to, "eur"] += captured["eur"]
            expected["suspense", "usd"] += captured["usd"]
        found: Counter[tuple[str, str]] = Counter()
        for account in self.memory.all(Account):
            if account.code != "clearing":
                found[account.code, account.asset] += account.posted
        assert +found == +expected

    @invariant()
    def status_follows_the_totals(self) -> None:
        for payment in self.memory.all(Payment):
            captured = self.wishes[payment.id].captured
            if captured["eur"] >= payment.amount and not captured["usd"]:
                assert payment.status == "succeeded"
            elif captured["eur"] or captured["usd"]:
                assert payment.status in {"review", "succeeded"}
            else:
                assert payment.status not in {"succeeded", "review"}

    @invariant()
    def success_is_told_once(self) -> None:
        told = Counter(e.object_id for e in self.memory.all(Event) if e.type == "payment.succeeded")
        succeeded = {p.id for p in self.memory.all(Payment) if p.status == "succeeded"}
        assert set(told) == succeeded
        assert set(told.values()) <= {1}


Histories.TestCase.settings = settings(
    max_examples=1000,
    stateful_step_count=30,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
TestHistories = Histories.TestCase
