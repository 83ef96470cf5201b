"""Random histories through the pure core, beside a model that fits on a page (`heard`).

Everything that merchants, payers, processors, workers and time can do, in any order: repeated, out
of order, late, of another amount or asset. After every step the books are held to the invariants.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec import Raw, Struct
from msgspec.structs import replace

from tests.payments.heard import Heard, as_one, home
from tests.payments.memory import Memory
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
    Kind,
    Looked,
    ObjectState,
    Observation,
    Pending,
    Rejected,
    Unknown,
)
from tillgate.engine.command import Command, Outcome, Refused
from tillgate.events.model import Event
from tillgate.idempotency.commands import Once
from tillgate.kit import ids
from tillgate.kit.money import Money
from tillgate.ledger.model import Account, AccountKey, Hold, Transfer, available, wallet
from tillgate.orders.commands import CancelOrder, CreateOrder
from tillgate.orders.model import Order
from tillgate.payments import rules
from tillgate.payments.commands import Cancel, Capture, CreatePayment, ExpirePayment, Resolve
from tillgate.payments.links import PayerLinks
from tillgate.payments.model import Dispute, OperationRow, Payment, ProcessorObject, Refund, Try
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
NOTHING = Raw(b"{}")

CHARGES: list[ObjectState] = [
    *("pending", "processing", "failed", "canceled", "authorized", "authorized"),
    *("captured", "captured", "captured"),
]
REFUNDS: list[ObjectState] = ["pending", "succeeded", "succeeded", "failed", "canceled"]
DISPUTES: list[ObjectState] = ["needs_response", "needs_response", "under_review", "lost", "won"]

PICK = st.integers(0, 5)
PARTS = st.sampled_from([1, 1, 1, 0.4, 1.5])

R = TypeVar("R", bound=Struct)


class Histories(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.memory = Memory()
        self.now = datetime(2026, 11, 21, tzinfo=UTC)
        self.heard = Heard()
        self.moved: Counter[AccountKey] = Counter()
        self.minted = 0
        self.said: list[ApplyCallback] = []

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
                check_move(before[after.id], after, orders)
        return decided

    def one(
        self, kind: type[R], which: int, fits: Callable[[R], bool] = lambda _: True
    ) -> R | None:
        found = [row for row in self.memory.all(kind) if fits(row)]
        return found[-1 - which % len(found)] if found else None

    # ---- merchants and payers -------------------------------------------------------------------

    @precondition(lambda self: len(self.memory.all(Order)) < 2)
    @rule(duplicates=st.sampled_from(["review", "refund"]))
    def order(self, duplicates: str) -> None:
        order = CreateOrder(
            OWNER, self.mint(), Money(1000, "eur"), Raw(b"[]"), None, None, NOTHING,
            "refund" if duplicates == "refund" else "review",
        )  # fmt: skip
        self.run(order)

    @rule(which=PICK)
    def cancel_order(self, which: int) -> None:
        if order := self.one(Order, which):
            self.run(CancelOrder(OWNER, self.mint(), order.id))

    @precondition(lambda self: len(self.memory.all(Payment)) < 4)
    @rule(
        amount=st.sampled_from([500, 1000, 1000]),
        user=st.sampled_from([None, "u"]),
        manual=st.booleans(),
        which=st.none() | PICK,
    )
    def create(self, amount: int, user: str | None, manual: bool, which: int | None) -> None:
        payment_id = self.mint()
        order = self.one(Order, which) if which is not None else None
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

    @rule(which=PICK, part=st.sampled_from([None, None, 200, 500, 2000]))
    def capture(self, which: int, part: int | None) -> None:
        if payment := self.one(Payment, which):
            self.run(Capture(OWNER, self.mint(), payment.id, part))

    @rule(which=PICK)
    def cancel(self, which: int) -> None:
        if payment := self.one(Payment, which):
            self.run(Cancel(OWNER, self.mint(), payment.id, "abandoned"))

    @rule(which=PICK, accept=st.booleans())
    def resolve(self, which: int, accept: bool) -> None:
        if payment := self.one(Payment, which, lambda p: p.status == "review"):
            action = "accept" if accept else "refund"
            self.run(Resolve(OWNER, self.mint(), payment.id, action))

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

    @rule(which=PICK, able=st.sampled_from([True, True, True, True, False]))
    def submit(self, which: int, able: bool) -> None:
        if wish := self.one(OperationRow, which, lambda o: o.state == "reserved"):
            can = ABLE if able else Capabilities(False, True)
            self.run(Submit(OWNER, wish.payment_id, wish.id, can, prepare, self.mint()))

    @rule(which=PICK, answer=st.integers(0, 6), part=PARTS)
    def settle(self, which: int, answer: int, part: float) -> None:
        """The processor answers a capture, a void or a refund."""
        wish = self.one(OperationRow, which, lambda o: o.kind != "start" and o.state != "reserved")
        if wish is None:
            return
        answers: list[Answered] = [Unknown("?"), Rejected("no", "No."), Done(())]
        said = answers[answer] if answer < 3 else Done((self.result_of(wish, answer, part),))
        place = OWNER, wish.payment_id, wish.id, wish.connection_id
        heeded = wish.state in rules.ASKED
        self.run(Settle(*place, said, self.mint()))
        if isinstance(said, Done) and heeded:
            self.hear(wish, said.observations)

    def result_of(self, wish: OperationRow, answer: int, part: float) -> Observation:
        """What may be told of an object after such a wish."""
        if wish.kind == "refund":
            state, ours = REFUNDS[answer % 5], ids.show("op", wish.id)
            return seen_refund(f"re {wish.id}", ours, state, wish.amount, wish.target, wish.asset)
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

    @rule(which=PICK, state=st.sampled_from(REFUNDS), part=PARTS, ours=st.booleans())
    def refund_told(self, which: int, state: ObjectState, part: float, ours: bool) -> None:
        """Of a refund that was asked for here."""
        wish = self.one(OperationRow, which, lambda o: o.kind == "refund" and o.submissions > 0)
        if wish is None:
            return
        names = ids.show("op", wish.id) if ours else None
        amount = max(1, int(wish.amount * part))
        seen = seen_refund(f"re {wish.id}", names, state, amount, wish.target, wish.asset)
        self.call_back(wish, seen)

    @rule(
        which=PICK, state=st.sampled_from(REFUNDS), amount=st.sampled_from([300, 1000]), number=PICK
    )
    def refund_made_there(self, which: int, state: ObjectState, amount: int, number: int) -> None:
        """Of a refund that nobody asked for here."""
        if start := self.one(OperationRow, which, lambda o: o.kind == "start"):
            charge = charge_of(start)
            seen = seen_refund(f"re {charge} {number}", None, state, amount, charge, start.asset)
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

    # ---- what always holds ----------------------------------------------------------------------

    @invariant()
    def books_balance(self) -> None:
        """Every account is the fold of its transfers; no cause is booked twice."""
        transfers = self.memory.all(Transfer)
        posted: Counter[UUID] = Counter()
        legs: Counter[UUID] = Counter()
        for one in transfers:
            moves = one.kind in ("direct", "post")
            posted[one.credit_id] += one.amount if moves else 0
            posted[one.debit_id] -= one.amount if moves else 0
            legs.update((one.credit_id, one.debit_id))
        for account in self.memory.all(Account):
            assert (account.posted, account.version) == (posted[account.id], legs[account.id])
        assert len({one.cause for one in transfers}) == len(transfers)

    @invariant()
    def books_agree_with_the_model(self) -> None:
        expected: Counter[AccountKey] = Counter()
        for payment in self.memory.all(Payment):
            expected.update(self.heard.balances(payment))
        for key, amount in self.moved.items():
            expected[key] += amount
        found, wanted = Counter[AccountKey](), Counter[AccountKey]()
        for account in self.memory.all(Account):
            if account.code != "clearing":
                found[as_one(key_of(account))] += account.posted
        for key, amount in expected.items():
            wanted[as_one(key)] += amount
        assert {k: n for k, n in found.items() if n} == {k: n for k, n in wanted.items() if n}

    @invariant()
    def what_is_owed_is_on_receivable(self) -> None:
        owed = sum(thing.owed for thing in self.memory.all(ProcessorObject))
        books = [a for a in self.memory.all(Account) if a.code == "receivable"]
        assert -sum(account.posted for account in books) == owed

    @invariant()
    def holds_are_those_of_pending_refunds(self) -> None:
        held = {h.id: h for h in self.memory.all(Hold) if h.state == "held"}
        refunds = {r.hold_id: r for r in self.memory.all(Refund) if r.hold_id is not None}
        assert held.keys() == refunds.keys()
        assert all(refund.status == "pending" for refund in refunds.values())
        out: Counter[AccountKey] = Counter()
        for hold in held.values():
            out[hold.debit] += hold.amount
        accounts = {key_of(a): a.held_out for a in self.memory.all(Account) if a.held_out}
        assert accounts == dict(out)

    @invariant()
    def totals_agree_with_the_model(self) -> None:
        for payment in self.memory.all(Payment):
            sums, eur = self.heard.sums, payment.asset
            assert payment.authorized == sums(payment.id, "charge", "authorized")[eur]
            assert payment.captured == sums(payment.id, "charge", "captured")[eur]
            assert payment.refunded == sums(payment.id, "refund", "succeeded")[eur]
            assert payment.disputed == sums(payment.id, "dispute", *rules.CLAIMED)[eur]

    @invariant()
    def status_follows_the_totals(self) -> None:
        for payment in self.memory.all(Payment):
            captured = self.heard.sums(payment.id, "charge", "captured")
            if payment.resolution == "accepted":
                assert payment.status == "succeeded"
            elif payment.resolution == "refused":
                assert payment.status == "failed"
            elif captured["eur"] >= payment.amount:
                assert payment.status == "succeeded" or payment.order_id is not None
            elif captured["eur"] or captured["usd"]:
                assert payment.status in {"review", "succeeded"}
            else:
                assert payment.status not in {"succeeded", "review"}
            if payment.status == "authorized":
                assert payment.authorized > 0

    @invariant()
    def refunds_and_disputes_are_what_was_said(self) -> None:
        for refund in self.memory.all(Refund):
            last = self.last(refund.payment_id, (refund.connection_id, "refund", refund.reference))
            assert last is None or refund.status == last.state
        for dispute in self.memory.all(Dispute):
            spot = dispute.connection_id, "dispute", dispute.reference
            last = self.last(dispute.payment_id, spot)
            assert last is not None
            assert (dispute.status, dispute.amount) == (last.state, last.amount)

    def last(self, payment_id: UUID, spot: tuple[UUID, str, str | None]):
        found = self.heard.said.get(payment_id, {})
        return next((last for known, last in found.items() if known == spot), None)

    @invariant()
    def events_tell_what_the_rows_say(self) -> None:
        told: dict[UUID, list[str]] = defaultdict(list)
        for one in self.memory.all(Event):
            told[one.object_id].append(one.type)
        for payment in self.memory.all(Payment):
            successes = told[payment.id].count("payment.succeeded")
            assert successes == (payment.status == "succeeded")
        for refund in self.memory.all(Refund):
            assert told[refund.id].count("refund.created") == 1
            latest = told[refund.id][-1].removeprefix("refund.")
            assert latest == refund.status or (latest, refund.status) == ("created", "pending")
        for dispute in self.memory.all(Dispute):
            latest = told[dispute.id][-1].removeprefix("dispute.")
            words = {"opened": "needs_response", "reinstated": "won"}
            assert words.get(latest, latest) == dispute.status

    @invariant()
    def orders_add_up(self) -> None:
        paid, back = Counter[UUID | None](), Counter[UUID | None]()
        for payment in self.memory.all(Payment):
            if payment.status == "succeeded":
                paid[payment.order_id] += payment.captured
                back[payment.order_id] += payment.refunded
                assert payment.credited == (payment.captured if payment.order_id else 0)
        for order in self.memory.all(Order):
            assert (order.paid, order.refunded) == (paid[order.id], back[order.id])

    @invariant()
    def wishes_are_sound(self) -> None:
        """One live wish a charge; nothing waits for nobody; what is over is let go."""
        live: Counter[tuple[UUID, str | None]] = Counter()
        for wish in self.memory.all(OperationRow):
            asked = wish.state in rules.ASKED
            assert not asked or wish.due_at is not None or (wish.kind, wish.state) != (
                "start", "submitted",
            )  # fmt: skip
            assert wish.state != "submitted" or wish.due_at is not None
            if asked and wish.kind in rules.LETTING_GO:
                live[wish.connection_id, wish.target] += 1
        assert set(live.values()) <= {1}

    @invariant()
    def tries_are_sound(self) -> None:
        """One is open; one that was canceled is let go, unless nobody knows of it yet and a worker
        will look."""
        opened: Counter[UUID] = Counter()
        wishes = self.memory.all(OperationRow)
        for one in self.memory.all(Try):
            opened[one.payment_id] += one.state == "open"
            if one.state != "canceled":
                continue
            mine = [o for o in wishes if (o.payment_id, o.ordinal) == (one.payment_id, one.ordinal)]
            start = next(o for o in mine if o.kind == "start")
            if start.state in rules.ASKED:
                assert start.due_at is not None or start.looks >= len(rules.LOOKS)
            voided = any(o.kind == "void" for o in mine)
            ended = self.last(one.payment_id, (one.connection_id, "charge", charge_of(start)))
            assert (
                start.state in (*rules.ASKED, "rejected")
                or voided
                or (ended is not None and ended.state in ("canceled", "failed"))
            )
        assert set(opened.values()) <= {0, 1}

    @invariant()
    def what_is_authorized_is_wanted(self) -> None:
        """Of a payment that is over, what is authorized is being let go."""
        for thing in self.memory.all(ProcessorObject):
            payment = self.memory.get(Payment, (MERCHANT, thing.payment_id))
            if (thing.kind, thing.state) == ("charge", "authorized") and (
                payment.status in rules.OVER
            ):
                wishes = [o for o in self.memory.all(OperationRow) if o.target == thing.reference]
                assert any(o.kind == "void" or o.state != "rejected" for o in wishes)


def check_move(before: Payment, after: Payment, orders: dict[UUID, Order]) -> None:
    """A status is left by the table alone; what an order does not want waits for a person."""
    leaves = rules.LEAVES[rules.as_status(before.status)]
    through_review = after.resolution == "refused" and "review" in leaves
    assert after.status in {before.status, *leaves} or (through_review and after.status == "failed")
    fresh = after.status == "succeeded" != before.status
    if fresh and after.order_id is not None and after.resolution != "accepted":
        assert orders[after.order_id].status in ("open", "partly_paid")
    assert home(after, "usd").code == "suspense"


def charge_of(start: OperationRow) -> str:
    """What the processor calls the charge of a start."""
    return f"ch {start.id}"


def seen_refund(
    reference: str,
    ours: str | None,
    state: ObjectState,
    amount: int,
    charge: str | None,
    asset: str,
) -> Observation:
    kind: Kind = "refund"
    return Observation(reference, ours, state, amount, asset, kind=kind, parent=charge)


def key_of(account: Account) -> AccountKey:
    return AccountKey(account.merchant_id, account.owner, account.code, account.asset)


def prepare(_: Change) -> Raw:
    return NOTHING


Histories.TestCase.settings = settings(
    max_examples=1000,
    stateful_step_count=30,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
TestHistories = Histories.TestCase
