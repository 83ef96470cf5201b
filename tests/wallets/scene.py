"""A merchant's wishes about wallets, and the facts that wishes cannot stop."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from tillgate.audit.model import Owned, Owner
from tillgate.engine.command import Command, Decision, Need, Outcome, Ref, Refused
from tillgate.engine.world import World
from tillgate.idempotency.commands import Once
from tillgate.kit import ids
from tillgate.kit.money import Money
from tillgate.ledger.model import Account, AccountKey, available, clearing, wallet
from tillgate.ledger.rules import Book, Fact, keys_of
from tillgate.wallets.commands import How, Kind, Move, PlaceHold, SettleHold


class Booked(Owned, frozen=True):
    """A fact: money moves whatever the balances, as a dispute or a deposit moves it."""

    id: UUID
    debit: AccountKey
    credit: AccountKey
    money: Money
    code: str

    def reads(self) -> Iterable[Ref]:
        return [Ref(Account, tuple(key), lock=True) for key in keys_of(self.debit, self.credit)]

    def decide(self, world: World, now: datetime) -> Decision:
        if refs := world.missing(*self.reads()):
            return Need(refs)
        book = Book(ids.series(self.id), now)
        for key in keys_of(self.debit, self.credit):
            book.take(key, world.get(Account, tuple(key)))
        cause = f"{ids.show('tr', self.id)}:{self.code}"
        book.post(self.debit, self.credit, self.money, Fact(self.code, cause, None))
        return Outcome(None, book.rows())


class Till:
    """One merchant, and its commands; every id comes from `mint`."""

    def __init__(self, merchant_id: UUID | None = None) -> None:
        self.merchant_id = merchant_id or ids.mint()
        self.owner = Owner(self.merchant_id, False, "key_test")

    def mint(self) -> UUID:
        return ids.mint()

    def wallet(self, user: str) -> AccountKey:
        return wallet(self.merchant_id, user, "eur")

    @property
    def available(self) -> AccountKey:
        return available(self.merchant_id, "eur")

    @property
    def elsewhere(self) -> AccountKey:
        """Where money goes that a fact takes back."""
        return AccountKey(self.merchant_id, "merchant", "elsewhere", "eur")

    @property
    def clearing(self) -> AccountKey:
        return clearing(self.merchant_id, "con_test", "eur")

    def credit(self, user: str, amount: int) -> Move:
        return self._move("credit", None, user, amount)

    def debit(self, user: str, amount: int) -> Move:
        return self._move("debit", user, None, amount)

    def transfer(self, sender: str, receiver: str, amount: int) -> Move:
        return self._move("transfer", sender, receiver, amount)

    def hold(self, user: str, amount: int, expires_in: timedelta | None = None) -> PlaceHold:
        money = Money(amount, "eur")
        return PlaceHold(self.owner, self.mint(), user, money, expires_in, None, None)

    def settle(self, user: str, hold_id: UUID, how: How, amount: int | None = None) -> SettleHold:
        return SettleHold(self.owner, self.mint(), user, hold_id, how, amount)

    def dispute(self, user: str, amount: int) -> Booked:
        """What the user once paid in is taken back."""
        money = Money(amount, "eur")
        return Booked(
            self.owner, self.mint(), self.wallet(user), self.elsewhere, money, "taken_back"
        )

    def deposit(self, user: str, amount: int) -> Booked:
        money = Money(amount, "eur")
        into = self.wallet(user)
        return Booked(self.owner, self.mint(), self.clearing, into, money, "payment_captured")

    def once(self, key: str, command: Command, object_id: UUID) -> Once:
        return Once(self.merchant_id, key, b"d" * 32, object_id, "req_test", command)

    def _move(self, kind: Kind, sender: str | None, receiver: str | None, amount: int) -> Move:
        money = Money(amount, "eur")
        return Move(self.owner, self.mint(), kind, sender, receiver, money, None, None)


def hold_of(decided: Outcome | Refused) -> UUID:
    """The id of a hold that was placed."""
    assert isinstance(decided, Outcome)
    hold_id = ids.parse("hold", msgspec.json.decode(decided.answer.body)["id"])
    assert hold_id is not None
    return hold_id
