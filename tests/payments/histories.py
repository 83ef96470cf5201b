"""What merchants, payers, processors, workers and time can do, in any order: repeated, late, out of
order, of another amount or asset. `test_model` says what must hold after every step.
"""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from msgspec import Raw, Struct
from msgspec.structs import replace

from tests.payments.checks import may_move
from tests.payments.heard import Heard
from tests.payments.memory import Memory
from tests.payments.rows import NOTHING
from tests.payments.rows import refund as seen_refund
from tillgate.audit.model import Owner
from tillgate.callbacks.commands import ApplyCallback, Message
from tillgate.callbacks.model import Callback
from tillgate.connectors.protocol import (
    Absent,
    Answered,
    CannotTell,
    Capabilities,
    Change,
    Done,
    Found,
    Looked,
    ObjectState,
    Observation,
    Pending,
    Rejected,
    Unknown,
)
from tillgate.engine.command import Command, Outcome, Refused
from tillgate.idempotency.commands import Once
from tillgate.kit import ids
from tillgate.kit.money import Money
from tillgate.ledger.model import AccountKey, Transfer, available, wallet
from tillgate.orders.commands import CancelOrder, CreateOrder
from tillgate.orders.model import Order
from tillgate.payments import outstanding, rules
from tillgate.payments.commands import Cancel, Capture, CreatePayment, ExpirePayment, Resolve
from tillgate.payments.links import PayerLinks
from tillgate.payments.model import OperationRow, Payment, Refund
from tillgate.payments.operations import Settle, Submit, TakeLook
from tillgate.payments.tries import Started, StartTry
from tillgate.refunds.commands import CancelRefund, CreateRefund
from tillgate.wallets.commands import Move

LINKS = PayerLinks(("model",), "http://127.0.0.1")
MERCHANT = UUID(int=1 << 100)
CONNECTIONS = UUID(int=2 << 100), UUID(int=3 << 100)
OWNER = Owner(MERCHANT, False, "key_model")
ABLE = Capabilities(True, True, True, True, True, True, 3600)
WINDOW = timedelta(hours=1)

CHARGES: list[ObjectState] = [
    *("pending", "processing", "failed", "canceled", "authorized", "authorized"),
    *("captured", "captured", "captured"),
]
REFUNDS: list[ObjectState] = ["pending", "succeeded", "succeeded", "failed", "canceled"]
DISPUTES: list[ObjectState] = ["needs_response", "needs_response", "under_review", "lost", "won"]

PICK = st.integers(0, 5)
PARTS = st.sampled_from([1, 1, 1, 0.4, 1.5])

DUPLICATES = st.sampled_from(["review", "refund"])
PAYMENTS = st.tuples(
    st.sampled_from([500, 1000, 1000]), st.sampled_from([None, "u"]), st.booleans(), st.booleans()
)
"""Amount, wallet, manual capture, for an order."""

RARELY = st.integers(0, 3).map(lambda n: n == 3)
"""What ends a history, or much of it, is not to happen in each."""

Asked = tuple[int, str | None, bool, bool]
R = TypeVar("R", bound=Struct)


def has(kind: type[R], fits: Callable[[R], bool]) -> "Callable[[Histories], bool]":
    """Whether there is a row that a rule can be about."""
    return lambda self: any(fits(row) for row in self.memory.all(kind))


class Histories(RuleBasedStateMachine):
    @initialize(
        payments=st.lists(PAYMENTS, min_size=1, max_size=3),
        duplicates=DUPLICATES,
        charged=st.booleans(),
    )
    def begin(self, payments: list[Asked], duplicates: str, charged: bool) -> None:
        self.memory = Memory()
        self.now = datetime(2026, 11, 21, tzinfo=UTC)
        self.heard = Heard()
        self.moved: Counter[AccountKey] = Counter()
        self.minted = 0
        self.said: list[ApplyCallback] = []
        self.order(duplicates)
        for payment in payments:
            self.create(payment)
            self.start(0, CONNECTIONS[0], 3)
            if charged:
                self.charge(0, "authorized" if payment[2] else "captured", 1, 0)

    def mint(self) -> UUID:
        self.minted += 1
        return UUID(int=(10 << 100) + (self.minted << 32))

    def run(self, command: Command) -> Outcome | Refused:
        """Runs it, and looks how statuses have moved."""
        before = {p.id: p for p in self.memory.all(Payment)}
        orders = {o.id: o for o in self.memory.all(Order)}
        decided = self.memory.run(command, self.now)
        for after in self.memory.all(Payment):
            if after.id in before:
                may_move(before[after.id], after, orders)
        return decided

    def one(
        self, kind: type[R], which: int, fits: Callable[[R], bool] = lambda _: True
    ) -> R | None:
        found = [row for row in self.memory.all(kind) if fits(row)]
        return found[-1 - which % len(found)] if found else None

    # ---- merchants and payers -------------------------------------------------------------------

    @precondition(lambda self: len(self.memory.all(Order)) < 2)
    @rule(duplicates=DUPLICATES)
    def order(self, duplicates: str) -> None:
        order = CreateOrder(
            OWNER, self.mint(), Money(1000, "eur"), Raw(b"[]"), None, None, NOTHING,
            "refund" if duplicates == "refund" else "review",
        )  # fmt: skip
        self.run(order)

    @rule(which=PICK, sure=RARELY)
    def cancel_order(self, which: int, sure: bool) -> None:
        if sure and (order := self.one(Order, which)):
            self.run(CancelOrder(OWNER, self.mint(), order.id))

    @precondition(lambda self: len(self.memory.all(Payment)) < 4)
    @rule(payment=PAYMENTS)
    def create(self, payment: Asked) -> None:
        amount, user, manual, ordered = payment
        payment_id = self.mint()
        order = self.one(Order, 0) if ordered else None
        command = CreatePayment(
            OWNER, payment_id, Money(amount, "eur"), "manual" if manual else "automatic",
            CONNECTIONS[0], None, NOTHING, user, None, None, timedelta(hours=1),
            LINKS.of(MERCHANT, payment_id), order.id if order else None,
        )  # fmt: skip
        once = Once(MERCHANT, f"key {payment_id}", b"d" * 32, payment_id, "req", command)
        first, again = self.run(once), self.run(once)
        assert isinstance(first, Outcome)
        assert isinstance(again, Outcome)
        assert (first.answer.body, bool(again.answer.headers)) == (again.answer.body, True)

    @rule(which=PICK, connection=st.sampled_from(CONNECTIONS), answer=PICK)
    def start(self, which: int, connection: UUID, answer: int) -> None:
        if payment := self.one(Payment, which):
            started = self.run(StartTry(OWNER, payment.id, self.mint(), connection, NOTHING))
            if isinstance(started, Outcome) and isinstance(started.answer, Started) and answer:
                self.answer_start(self.memory.all(OperationRow)[-1], answer)

    @rule(which=PICK, answer=st.integers(1, 5))
    def answer(self, which: int, answer: int) -> None:
        if start := self.one(OperationRow, which, lambda o: o.kind == "start"):
            self.answer_start(start, answer)

    def answer_start(self, start: OperationRow, answer: int) -> None:
        answers: list[Answered] = [Unknown("?"), Rejected("no", "No.")]
        said = answers[answer - 1] if answer <= 2 else Pending(charge_of(start), "http://x/")
        place = OWNER, start.payment_id, start.id, start.connection_id
        self.run(Settle(*place, said, self.mint()))

    @precondition(has(Payment, lambda row: row.status == "authorized"))
    @rule(which=PICK, part=st.sampled_from([None, None, 200, 500, 2000]))
    def capture(self, which: int, part: int | None) -> None:
        if payment := self.one(Payment, which):
            self.run(Capture(OWNER, self.mint(), payment.id, part))

    @precondition(has(Payment, lambda row: row.captured == 0))
    @rule(which=PICK, sure=RARELY)
    def cancel(self, which: int, sure: bool) -> None:
        if sure and (payment := self.one(Payment, which)):
            self.run(Cancel(OWNER, self.mint(), payment.id, "abandoned"))

    @precondition(has(Payment, lambda row: row.status == "review"))
    @rule(which=PICK, accept=st.booleans())
    def resolve(self, which: int, accept: bool) -> None:
        if payment := self.one(Payment, which, lambda p: p.status == "review"):
            action = "accept" if accept else "refund"
            self.run(Resolve(OWNER, self.mint(), payment.id, action))

    @precondition(has(Payment, lambda row: row.captured > 0))
    @rule(which=PICK, part=st.sampled_from([None, 200, 600]))
    def refund(self, which: int, part: int | None) -> None:
        payment = self.one(Payment, which, lambda p: p.captured > 0)
        if payment is None:
            return
        wish = self.mint()
        decided = self.run(CreateRefund(OWNER, wish, payment.id, part, None, NOTHING))
        if isinstance(decided, Outcome):
            refund = self.memory.get(Refund, (MERCHANT, payment.id, wish))
            assert self.going_back(payment, refund.charge) <= self.brought(payment, refund.charge)

    def going_back(self, payment: Payment, charge: str) -> int:
        """What of a charge went or is going back, or is claimed back."""
        refunds = [r for r in self.memory.all(Refund) if r.payment_id == payment.id]
        gone = sum(
            r.amount for r in refunds if r.charge == charge and r.status in ("pending", "succeeded")
        )
        disputes = self.heard.of(payment.id, "dispute", *rules.CLAIMED)
        return gone + sum(last.amount for _, last in disputes if last.parent == charge)

    def brought(self, payment: Payment, charge: str) -> int:
        charges = self.heard.of(payment.id, "charge", "captured")
        return sum(last.amount for spot, last in charges if spot[2] == charge)

    @precondition(has(Refund, lambda row: row.status == "pending"))
    @rule(which=PICK)
    def cancel_refund(self, which: int) -> None:
        if refund := self.one(Refund, which):
            self.run(CancelRefund(OWNER, self.mint(), refund.payment_id, refund.id))

    @rule(amount=st.sampled_from([300, 500, 1500]), give=st.booleans())
    def spend(self, amount: int, give: bool) -> None:
        """The user's wallet is spent from, or the merchant puts something in."""
        ends = (None, "u") if give else ("u", None)
        kind = "credit" if give else "debit"
        wish = Move(OWNER, self.mint(), kind, *ends, Money(amount, "eur"), None, None)
        if isinstance(self.run(wish), Outcome):
            sign = 1 if give else -1
            self.moved[wallet(MERCHANT, "u", "eur")] += sign * amount
            self.moved[available(MERCHANT, "eur")] -= sign * amount

    # ---- workers and time -----------------------------------------------------------------------

    @rule(which=PICK, hours=st.sampled_from([0, 2]))
    def expire(self, which: int, hours: int) -> None:
        self.now += timedelta(hours=hours)
        if payment := self.one(Payment, which):
            self.run(ExpirePayment(OWNER, payment.id, self.mint()))

    @precondition(has(OperationRow, lambda row: row.state == "reserved"))
    @rule(which=PICK, able=st.sampled_from([True, True, True, True, False]))
    def submit(self, which: int, able: bool) -> None:
        if wish := self.one(OperationRow, which, lambda o: o.state == "reserved"):
            can = ABLE if able else Capabilities(False, True)
            self.run(Submit(OWNER, wish.payment_id, wish.id, can, prepare, self.mint()))

    @precondition(
        has(OperationRow, lambda row: row.kind != "start" and row.state in outstanding.ASKED[1:])
    )
    @rule(which=PICK, answer=st.integers(0, 6), part=PARTS)
    def settle(self, which: int, answer: int, part: float) -> None:
        """The processor answers a capture, a void or a refund."""
        wish = self.one(OperationRow, which, lambda o: o.kind != "start" and o.state != "reserved")
        if wish is None:
            return
        answers: list[Answered] = [Unknown("?"), Rejected("no", "No."), Done(())]
        said = answers[answer] if answer < 3 else Done((self.result_of(wish, answer, part),))
        place = OWNER, wish.payment_id, wish.id, wish.connection_id
        heeded = wish.state in outstanding.ASKED
        self.run(Settle(*place, said, self.mint()))
        if isinstance(said, Done) and heeded:
            self.hear(wish, said.observations)

    def result_of(self, wish: OperationRow, answer: int, part: float) -> Observation:
        """What may be told of an object after such a wish."""
        if wish.kind == "refund":
            state, ours = REFUNDS[answer % 5], ids.show("op", wish.id)
            return seen_refund(
                state, wish.amount, wish.asset, f"re {wish.id}", wish.target or "", ours
            )
        state = "canceled" if wish.kind == "void" else "captured"
        amount = max(int(wish.amount * min(part, 1)), 1)
        return Observation(wish.target or "", None, state, amount, wish.asset)

    @rule(which=PICK, found=st.integers(0, 6), hours=st.sampled_from([0, 0, 2]), part=PARTS)
    def look(self, which: int, found: int, hours: int, part: float) -> None:
        """A worker looks what became of a wish that is due."""
        self.now += timedelta(hours=hours)
        wish = self.one(OperationRow, which, lambda o: o.due_at is not None)
        if wish is None or wish.state == "reserved":
            return
        said: Looked
        if found < 2:
            said = Absent() if found else CannotTell("?")
        elif wish.kind == "start":
            state = CHARGES[found + 2]
            seen = Observation(charge_of(wish), None, state, wish.amount, wish.asset)
            waits = Pending(charge_of(wish), "http://x/")
            said = Found((replace(seen, state="pending") if found < 4 else seen,), waits)
        else:
            said = Found((self.result_of(wish, found, part),) if found > 3 else (), None)
        place = OWNER, wish.payment_id, wish.id, wish.connection_id
        self.run(TakeLook(*place, said, WINDOW, self.mint()))
        if isinstance(said, Found) and any(o.state != "pending" for o in said.observations):
            self.hear(wish, said.observations)

    def hear(self, wish: OperationRow, observations: tuple[Observation, ...]) -> None:
        for seen in observations:
            self.heard.hear(wish.payment_id, wish.connection_id, seen)

    # ---- processors -----------------------------------------------------------------------------

    @rule(which=PICK)
    def decline(self, which: int) -> None:
        """The payer is refused, and may try again where he is."""
        if start := self.one(OperationRow, which, lambda o: o.kind == "start"):
            ours = ids.show("op", start.id)
            said = charge_of(start), ours, "failed", 0, start.asset, "declined"
            self.call_back(start, Observation(*said, payable=True))

    @rule(which=PICK, state=st.sampled_from(CHARGES), part=PARTS, usd=st.sampled_from([0, 0, 0, 1]))
    def charge(self, which: int, state: ObjectState, part: float, usd: int) -> None:
        start = self.one(OperationRow, which, lambda o: o.kind == "start")
        if start is None:
            return
        amount = max(1, int(start.amount * part))
        failure = "declined" if state in {"failed", "canceled"} else None
        reference = charge_of(start) + (" usd" if usd else "")
        asset = "usd" if usd else "eur"
        seen = Observation(reference, ids.show("op", start.id), state, amount, asset, failure)
        self.call_back(start, seen)

    @rule(which=PICK, state=st.sampled_from(CHARGES), part=PARTS)
    def charge_nominated(self, which: int, state: ObjectState, part: float) -> None:
        """A charge that only its payer ties to the payment, as a button's."""
        start = self.one(OperationRow, which, lambda o: o.kind == "start")
        if start is not None:
            amount = max(1, int(start.amount * part))
            reference, ours = f"{charge_of(start)} for {amount}", ids.show("op", start.id)
            seen = Observation(reference, ours, state, amount, start.asset, nominated=True)
            self.call_back(start, seen)

    @precondition(has(OperationRow, lambda row: row.kind == "refund" and row.submissions > 0))
    @rule(which=PICK, state=st.sampled_from(REFUNDS), part=PARTS, ours=st.booleans())
    def refund_told(self, which: int, state: ObjectState, part: float, ours: bool) -> None:
        """Of a refund that was asked for here."""
        wish = self.one(OperationRow, which, lambda o: o.kind == "refund" and o.submissions > 0)
        if wish is None:
            return
        names = ids.show("op", wish.id) if ours else None
        amount = max(1, int(wish.amount * part))
        seen = seen_refund(state, amount, wish.asset, f"re {wish.id}", wish.target or "", names)
        self.call_back(wish, seen)

    @rule(
        which=PICK, state=st.sampled_from(REFUNDS), amount=st.sampled_from([300, 1000]), number=PICK
    )
    def refund_made_there(self, which: int, state: ObjectState, amount: int, number: int) -> None:
        """Of a refund that nobody asked for here."""
        if start := self.one(OperationRow, which, lambda o: o.kind == "start"):
            charge = charge_of(start)
            seen = seen_refund(state, amount, start.asset, f"re {charge} {number}", charge)
            self.call_back(start, seen)

    @rule(
        which=PICK,
        state=st.sampled_from(DISPUTES),
        amount=st.sampled_from([400, 1000, 1000]),
        revision=st.integers(0, 6),
    )
    def dispute(self, which: int, state: ObjectState, amount: int, revision: int) -> None:
        if start := self.one(OperationRow, which, lambda o: o.kind == "start"):
            charge = charge_of(start)
            seen = Observation(
                f"dp {charge}", None, state, amount, start.asset, kind="dispute", parent=charge,
                revision=revision,
            )  # fmt: skip
            self.call_back(start, seen)

    def call_back(self, about: OperationRow, seen: Observation) -> None:
        message = Message(about.connection_id, f"evt {self.mint()}", (seen,), NOTHING, b"")
        command = ApplyCallback(OWNER, self.mint(), message)
        decided = self.run(command)
        assert isinstance(decided, Outcome)
        if decided.answer != "unmatched":
            self.said.append(command)
            self.heard.hear(about.payment_id, about.connection_id, seen)

    @rule(which=st.integers(0, 1000), anew=st.booleans())
    def call_back_again(self, which: int, anew: bool) -> None:
        """The same once more, perhaps much later, as the same event or as another: nothing comes
        of it."""
        if not self.said:
            return
        old = self.said[which % len(self.said)]
        before = len(self.memory.all(Callback))
        books = len(self.memory.all(Transfer))
        key = f"evt {self.mint()}" if anew else old.message.event_key
        message = old.message._replace(event_key=key)
        decided = self.run(replace(old, id=self.mint(), message=message))
        assert isinstance(decided, Outcome)
        assert decided.answer == ("nothing_new" if anew else "duplicate")
        assert len(self.memory.all(Callback)) == before + anew
        assert len(self.memory.all(Transfer)) == books


def charge_of(start: OperationRow) -> str:
    """What the processor calls the charge of a start."""
    return f"ch {start.id}"


def prepare(_: Change) -> Raw:
    return NOTHING
