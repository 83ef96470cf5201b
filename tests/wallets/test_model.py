"""Random histories of wallets through the pure core, beside a model that fits on a page.

Wishes of every kind, repeated with the same key, too large, too late, on frozen wallets and beyond
limits; facts that no floor stops. After every step the books are the model, to the unit.
"""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule
from msgspec import Struct

from tests.ledger.books import Fold, fold
from tests.payments.memory import Memory
from tests.wallets.scene import Till
from tillgate.audit.model import AuditLine
from tillgate.engine.command import Command, Outcome, Refused
from tillgate.kit.http import Answer
from tillgate.ledger.model import Account, Hold, Transfer
from tillgate.wallets.commands import Freeze, How, SetLimits
from tillgate.wallets.model import WalletLimit

USERS = ["ann", "bob", "cid"]
AMOUNTS = st.sampled_from([1, 7, 40, 100, 250, 900])
BOUNDS = st.sampled_from([None, None, None, 0, 120, 400, 1500])
users = st.sampled_from(USERS)


class Purse(Struct):
    """The model of a wallet: what is in it, and what its owner may do."""

    posted: int = 0
    held: int = 0
    frozen: bool = False
    limits: tuple[int | None, int | None, int | None] | None = None
    spent: Counter[date] = msgspec.field(default_factory=Counter[date])

    def why_not_take(self, amount: int, day: date) -> str | None:
        once, daily, _ = self.limits or (None, None, None)
        if self.frozen:
            return "wallet_frozen"
        if once is not None and amount > once:
            return "limit_exceeded"
        if daily is not None and self.spent[day] + amount > daily:
            return "limit_exceeded"
        return "insufficient_funds" if amount > self.posted - self.held else None

    def why_not_give(self, amount: int) -> str | None:
        most = self.limits[2] if self.limits else None
        return "limit_exceeded" if most is not None and self.posted + amount > most else None

    def spend(self, amount: int, day: date) -> None:
        self.spent[day] += amount if self.limits else 0


class Promise(Struct):
    """The model of a hold. `counted`: whether it counts against its day's limit."""

    user: str
    amount: int
    placed: datetime
    expires_at: datetime | None
    counted: bool
    state: str = "held"


class KnownTill(Till):
    """Mints ids in a row, so that a history is the same whenever it is told again."""

    def __init__(self) -> None:
        super().__init__(UUID(int=1 << 100))
        self.minted = 0

    def mint(self) -> UUID:
        self.minted += 1
        return UUID(int=(10 << 100) + (self.minted << 32))


class Wallets(RuleBasedStateMachine):
    holds: Bundle[UUID] = Bundle("holds")

    @initialize()
    def begin(self) -> None:
        self.memory, self.till = Memory(), KnownTill()
        self.now = datetime(2026, 11, 21, 20, 0, 30, tzinfo=UTC)
        self.purses = {user: Purse() for user in USERS}
        self.promises: dict[UUID, Promise] = {}
        self.own: Counter[str] = Counter()  # the merchant's accounts, by code
        self.changes = 0
        for user in USERS:
            self.deposit(user, 1000)

    # ---- wishes -----------------------------------------------------------------------------

    @rule(user=users, amount=AMOUNTS)
    def credit(self, user: str, amount: int) -> None:
        purse = self.purses[user]
        if self.ask(self.till.credit(user, amount), purse.why_not_give(amount), 201):
            purse.posted += amount
            self.own["available"] -= amount

    @rule(user=users, amount=AMOUNTS)
    def debit(self, user: str, amount: int) -> None:
        purse = self.purses[user]
        why = purse.why_not_take(amount, self.now.date())
        if self.ask(self.till.debit(user, amount), why, 201):
            purse.posted -= amount
            purse.spend(amount, self.now.date())
            self.own["available"] += amount

    @rule(pair=st.permutations(USERS), amount=AMOUNTS)
    def transfer(self, pair: list[str], amount: int) -> None:
        sender, receiver = (self.purses[user] for user in pair[:2])
        why = sender.why_not_take(amount, self.now.date()) or receiver.why_not_give(amount)
        if self.ask(self.till.transfer(pair[0], pair[1], amount), why, 201):
            sender.posted -= amount
            receiver.posted += amount
            sender.spend(amount, self.now.date())

    @rule(target=holds, user=users, amount=AMOUNTS, minutes=st.sampled_from([None, 30, 300]))
    def hold(self, user: str, amount: int, minutes: int | None) -> Any:
        purse = self.purses[user]
        why = purse.why_not_take(amount, self.now.date())
        expires_in = timedelta(minutes=minutes) if minutes else None
        answer = self.ask(self.till.hold(user, amount, expires_in), why, 201)
        if answer is None:
            return cast("Any", multiple())
        purse.held += amount
        purse.spend(amount, self.now.date())
        hold = max(self.memory.all(Hold), key=lambda hold: hold.id)
        expires_at = self.now + expires_in if expires_in else None
        counted = any(
            hold.created_at > limit.created_at  # at the same moment, the limit came after
            for limit in self.memory.all(WalletLimit)
            if limit.owner == f"user:{user}"
        )
        assert purse.limits is not None or not counted
        self.promises[hold.id] = Promise(user, amount, self.now, expires_at, counted)
        return hold.id

    @rule(hold_id=holds, how=st.sampled_from(["post", "void", "expire"]),
          part=st.sampled_from([None, 1, 39, 100, 300]))  # fmt: skip
    def settle(self, hold_id: UUID, how: How, part: int | None) -> None:
        promise = self.promises[hold_id]
        part = part if how == "post" else None
        over = promise.expires_at is not None and promise.expires_at <= self.now
        why = None
        if promise.state != "held" or over != (how == "expire"):
            why = "hold_state"
        elif part is not None and part > promise.amount:
            why = "parameter_invalid"
        if not self.ask(self.till.settle(promise.user, hold_id, how, part), why, 200):
            return
        purse, posted = self.purses[promise.user], 0
        if how == "post":
            posted = promise.amount if part is None else part
        promise.state = {"post": "posted", "void": "voided", "expire": "expired"}[how]
        purse.held -= promise.amount
        purse.posted -= posted
        self.own["available"] += posted
        if promise.counted:
            purse.spent[promise.placed.date()] -= promise.amount - posted

    @rule(hold_id=holds, user=users, how=st.sampled_from(["post", "void", "expire"]))
    def settle_for_another(self, hold_id: UUID, user: str, how: How) -> None:
        if user != self.promises[hold_id].user:
            self.ask(self.till.settle(user, hold_id, how), "not_found", 200)

    @rule(user=users, frozen=st.sampled_from([True, False, False, False]))
    def freeze(self, user: str, frozen: bool) -> None:
        wish = Freeze(self.till.owner, self.till.mint(), user, "eur", frozen)
        known = any(a.owner == f"user:{user}" for a in self.memory.all(Account))
        same = known and self.purses[user].frozen == frozen
        self.ask(wish, None, 200, changes=not same)
        self.purses[user].frozen = frozen

    @rule(user=users, once=BOUNDS, daily=BOUNDS, most=BOUNDS)
    def limit(self, user: str, once: int | None, daily: int | None, most: int | None) -> None:
        mint = self.till.mint()
        self.ask(SetLimits(self.till.owner, mint, user, "eur", once, daily, most), None, 200)
        self.purses[user].limits = once, daily, most

    # ---- facts, and time --------------------------------------------------------------------

    @rule(user=users, amount=AMOUNTS)
    def deposit(self, user: str, amount: int) -> None:
        """No limit and no freeze keeps money out that has arrived."""
        assert isinstance(self.memory.run(self.till.deposit(user, amount), self.now), Outcome)
        self.purses[user].posted += amount
        self.own["clearing"] -= amount

    @rule(user=users, amount=AMOUNTS)
    def dispute(self, user: str, amount: int) -> None:
        """What the user cannot bear, or a freeze forbids, is owed to the merchant."""
        assert isinstance(self.memory.run(self.till.dispute(user, amount), self.now), Outcome)
        purse = self.purses[user]
        borne = 0 if purse.frozen else min(amount, purse.posted - purse.held)
        purse.posted -= borne
        self.own["receivable"] -= amount - borne
        self.own["elsewhere"] += amount

    @rule(minutes=st.sampled_from([1, 45, 360]))
    def wait(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule()
    def go_back(self) -> None:
        """A second machine's clock, or a step of this one's: times still rise with versions."""
        self.now -= timedelta(seconds=1)

    # ---- what must hold ---------------------------------------------------------------------

    def ask(
        self, wish: Command, why_not: str | None, status: int, *, changes: bool = True
    ) -> bytes | None:
        """Asks twice with one key. The body of what was granted; None for what had to be, and was,
        refused."""
        once = self.till.once(f"key {self.till.minted}", wish, self.till.mint())
        first = self.memory.run(once, self.now)
        rows = len(self.memory.all(Transfer)), len(self.memory.all(AuditLine))
        again = self.memory.run(once, self.now)
        assert isinstance(first, Outcome)
        assert isinstance(again, Outcome)
        assert (again.answer.body, bool(again.answer.headers)) == (first.answer.body, True)
        assert rows == (len(self.memory.all(Transfer)), len(self.memory.all(AuditLine)))
        answer: Answer = first.answer
        if why_not is None:
            assert answer.status == status, answer.body
            self.changes += changes
            return answer.body
        assert answer.status == Refused(why_not, "").status, answer.body
        assert msgspec.json.decode(answer.body)["error"]["code"] == why_not
        return None

    @invariant()
    def accounts_are_the_model(self) -> None:
        held = sum(p.amount for p in self.promises.values() if p.state == "held")
        for account in self.memory.all(Account):
            if account.code != "wallet":
                assert account.posted == self.own[account.code]
                assert account.held_in == (held if account.code == "available" else 0)
                continue
            purse = self.purses[account.owner.removeprefix("user:")]
            found = account.posted, account.held_out, account.frozen
            assert found == (purse.posted, purse.held, purse.frozen)
            assert account.posted - account.held_out >= 0

    @invariant()
    def accounts_are_the_fold_of_transfers(self) -> None:
        transfers = self.memory.all(Transfer)
        folded = fold(transfers)
        for account in self.memory.all(Account):
            found = Fold(account.version, account.posted, account.held_out, account.held_in)
            assert found == folded[account.id], account
        assert sum(one.posted for one in folded.values()) == 0
        assert len({one.cause for one in transfers}) == len(transfers)
        last: dict[UUID, datetime] = {}
        for one in transfers:
            for account_id in (one.debit_id, one.credit_id):
                assert one.created_at >= last.get(account_id, one.created_at)
                last[account_id] = one.created_at

    @invariant()
    def limits_count_what_left_today(self) -> None:
        for limit in self.memory.all(WalletLimit):
            purse, today = self.purses[limit.owner.removeprefix("user:")], self.now.date()
            assert (limit.debit_max, limit.day_max, limit.balance_max) == purse.limits
            assert (limit.spent if limit.day == today else 0) == purse.spent[today]

    @invariant()
    def holds_stand_as_promised(self) -> None:
        found = {hold.id: (hold.state, hold.amount) for hold in self.memory.all(Hold)}
        assert found == {key: (one.state, one.amount) for key, one in self.promises.items()}

    @invariant()
    def every_change_left_its_line(self) -> None:
        assert len(self.memory.all(AuditLine)) == self.changes


Wallets.TestCase.settings = settings(
    max_examples=150,
    stateful_step_count=60,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
TestWallets = Wallets.TestCase
