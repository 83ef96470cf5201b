"""Random histories through the pure core (`histories`), beside a model that fits on a page
(`heard`). After every step the books are held to the invariants.
"""

from collections import Counter, defaultdict
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant

from tests.payments.checks import books_balance
from tests.payments.heard import Last, as_one, key_of
from tests.payments.histories import MERCHANT, Histories
from tillgate.events.catalogue import TYPES
from tillgate.events.model import Event
from tillgate.ledger.model import Account, AccountKey, Hold
from tillgate.orders.model import Order
from tillgate.payments import outstanding, rules
from tillgate.payments.model import Dispute, OperationRow, Payment, ProcessorObject, Refund, Try


class Checked(Histories):
    @invariant()
    def books_add_up(self) -> None:
        """Every account is the fold of its transfers; no cause is booked twice."""
        books_balance(self.memory)

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
            canceled = {
                one.ordinal
                for one in self.memory.all(Try)
                if (one.payment_id, one.state) == (payment.id, "canceled")
            }
            assert payment.authorized == sum(
                thing.amount
                for thing in self.memory.all(ProcessorObject)
                if (thing.payment_id, thing.state, thing.asset) == (payment.id, "authorized", eur)
                and thing.ordinal not in canceled
            )
            assert payment.captured == sums(payment, "charge", "captured")[eur]
            assert payment.refunded == sums(payment, "refund", "succeeded")[eur]
            assert payment.disputed == sums(payment, "dispute", *rules.CLAIMED)[eur]

    @invariant()
    def status_follows_the_totals(self) -> None:
        for payment in self.memory.all(Payment):
            captured = self.heard.sums(payment, "charge", "captured")
            came = any(self.heard.of(payment.id, "charge", "captured"))
            if payment.resolution == "accepted":
                assert payment.status == "succeeded"
            elif payment.resolution == "refused":
                assert payment.status == "failed"
            elif captured["eur"] >= payment.amount:
                assert payment.status == "succeeded" or payment.order_id is not None
            elif came:
                assert payment.status in {"review", "succeeded"}
            else:
                assert payment.status not in {"succeeded", "review"}
            if payment.status == "authorized":
                assert payment.authorized > 0
            if payment.status == "succeeded" and captured["eur"] < payment.amount:
                wishes = [o for o in self.memory.all(OperationRow) if o.kind == "capture"]
                part = [o for o in wishes if o.payment_id == payment.id]
                assert payment.resolution == "accepted" or part

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

    def last(self, payment_id: UUID, spot: tuple[UUID, str, str | None]) -> Last | None:
        found = self.heard.said.get(payment_id, {})
        return next((last for known, last in found.items() if known == spot), None)

    @invariant()
    def events_tell_what_the_rows_say(self) -> None:
        told: dict[UUID, list[str]] = defaultdict(list)
        for one in self.memory.all(Event):
            told[one.object_id].append(one.type)
            assert one.type in TYPES
        for payment in self.memory.all(Payment):
            successes = told[payment.id].count("payment.succeeded")
            assert successes == (payment.status == "succeeded")
        for refund in self.memory.all(Refund):
            assert told[refund.id].count("refund.created") == 1
            latest = told[refund.id][-1].removeprefix("refund.")
            assert refund.status in (latest, "pending")
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
            assert wish.due_at is not None or wish.state not in ("reserved", "submitted")
            asked = wish.state in outstanding.ASKED
            if asked and wish.kind in outstanding.LETTING_GO:
                live[wish.connection_id, wish.target] += 1
        assert set(live.values()) <= {1}

    @invariant()
    def tries_are_sound(self) -> None:
        """One is open; one that was canceled is let go, unless it is just being captured, or nobody
        knows of it yet and a worker will look."""
        opened: Counter[UUID] = Counter()
        wishes = self.memory.all(OperationRow)
        for one in self.memory.all(Try):
            opened[one.payment_id] += one.state == "open"
            if one.state != "canceled":
                continue
            mine = [o for o in wishes if (o.payment_id, o.ordinal) == (one.payment_id, one.ordinal)]
            start = next(o for o in mine if o.kind == "start")
            if start.state in outstanding.ASKED:
                assert start.due_at is not None or start.looks >= len(outstanding.LOOKS)
            voided = any(
                o.kind == "void" or (o.kind, o.state != "rejected") == ("capture", True)
                for o in mine
            )
            ended = [
                o
                for o in self.memory.all(ProcessorObject)
                if (o.payment_id, o.ordinal) == (one.payment_id, one.ordinal)
                and o.state in ("canceled", "failed", "captured")
            ]
            assert start.state in (*outstanding.ASKED, "rejected") or voided or ended
        assert set(opened.values()) <= {0, 1}

    @invariant()
    def what_can_still_be_paid_is_wanted(self) -> None:
        """Once another try has begun, or the payment has ended, what failed is let go."""
        for thing in self.memory.all(ProcessorObject):
            payment = self.memory.get(Payment, (MERCHANT, thing.payment_id))
            over = payment.status in rules.OVER - {"failed"}
            if thing.payable and (over or thing.ordinal != payment.tries):
                wishes = [o for o in self.memory.all(OperationRow) if o.target == thing.reference]
                assert any(o.kind == "void" or o.state != "rejected" for o in wishes)

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


Checked.TestCase.settings = settings(
    max_examples=500,
    stateful_step_count=30,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
TestHistories = Checked.TestCase
