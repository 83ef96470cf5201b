"""What the engine runs on wallets: move money, set it aside, settle that, freeze and limit.

Each answers what the API shows, and leaves an audit line.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from tillgate.audit.model import Owned, line
from tillgate.engine.command import Decision, Need, Outcome, Ref, Refused
from tillgate.engine.world import World
from tillgate.kit import ids
from tillgate.kit.http import Answer, encode
from tillgate.kit.money import Money
from tillgate.ledger.model import Account, AccountKey, Hold, Transfer, available, wallet
from tillgate.ledger.rules import Book, Fact
from tillgate.wallets import rules
from tillgate.wallets.model import (
    UserBalance,
    WalletLimit,
    WalletTransfer,
    show_balance,
    show_hold,
    show_limits,
    user_of,
)

Kind = Literal["credit", "debit", "transfer"]


class Move(Owned, frozen=True):
    """Money from one wallet to another; None is the merchant. `kind` is what the API calls it."""

    id: UUID
    kind: Kind
    sender: str | None
    receiver: str | None
    money: Money
    reference: str | None
    description: str | None

    def reads(self) -> Iterable[Ref]:
        for key in self._keys():
            yield from _wallet_refs(key)

    def decide(self, world: World, now: datetime) -> Decision:
        following = ids.series(self.id)
        book = Book(following, now, self.id)
        debit, credit = self._keys()
        for key in (debit, credit):
            book.take(key, world.get(Account, tuple(key)))
        limits = {key: _limit(world, key) for key in (debit, credit)}
        refused = rules.why_not_taken(book.see(debit), limits[debit], self.money, now) or (
            rules.why_not_given(book.see(credit), limits[credit], self.money)
        )
        if refused is not None:
            return refused
        code = f"wallet_{self.kind}"
        fact = Fact(code, ids.show("tr", self.id), self.reference)
        transfer = book.pay(debit, credit, self.money, fact, _said(self.description))
        rows = [*book.rows(), *_spent(limits[debit], self.money.minor, now)]
        after = {
            "from": self.sender, "to": self.receiver, "amount": self.money.minor,
            "currency": self.money.asset,
        }  # fmt: skip
        rows.append(
            line(self.owner, f"wallet.{self.kind}", transfer.id, following, now, after=after)
        )
        shown = self._show(transfer, book)
        return Outcome(Answer(201, encode(shown)), tuple(rows))

    def _keys(self) -> tuple[AccountKey, AccountKey]:
        return self._key(self.sender), self._key(self.receiver)

    def _key(self, user: str | None) -> AccountKey:
        if user is None:
            return available(self.merchant_id, self.money.asset)
        return wallet(self.merchant_id, user, self.money.asset)

    def _show(self, transfer: Transfer, book: Book) -> WalletTransfer:
        balances = [
            UserBalance(user, show_balance(book.see(self._key(user))))
            for user in (self.sender, self.receiver)
            if user is not None
        ]
        return WalletTransfer(
            id=ids.show("tr", transfer.id),
            type=self.kind,
            amount=transfer.amount,
            currency=transfer.asset,
            sender=self.sender,
            receiver=self.receiver,
            reference=self.reference,
            description=self.description,
            balances=balances,
            created=int(transfer.created_at.timestamp()),
            livemode=self.owner.livemode,
        )


class PlaceHold(Owned, frozen=True):
    """Sets money of a wallet aside for the merchant, until it is posted, voided or expires."""

    id: UUID
    user: str
    money: Money
    expires_in: timedelta | None
    reference: str | None
    description: str | None

    def reads(self) -> Iterable[Ref]:
        for key in self._keys():
            yield from _wallet_refs(key)

    def decide(self, world: World, now: datetime) -> Decision:
        following = ids.series(self.id)
        book = Book(following, now, self.id)
        debit, credit = self._keys()
        for key in (debit, credit):
            book.take(key, world.get(Account, tuple(key)))
        limit = _limit(world, debit)
        refused = rules.why_not_taken(book.see(debit), limit, self.money, now)
        if refused is not None:
            return refused
        expires_at = now + self.expires_in if self.expires_in else None
        fact = Fact("wallet_hold", f"{ids.show('hold', self.id)}:hold", self.reference)
        transfer = book.hold(debit, credit, self.money, fact, expires_at)
        hold = Hold(
            self.merchant_id, transfer.id, debit.owner, debit.code, credit.owner, credit.code,
            self.money.asset, self.money.minor, 0, "held", self.reference, self.description,
            expires_at, transfer.created_at, now,
        )  # fmt: skip
        after = {"user": self.user, "amount": hold.amount, "currency": hold.asset}
        rows = [*book.rows(), hold, *_spent(limit, hold.amount, now)]
        rows.append(line(self.owner, "hold.place", hold.id, following, now, after=after))
        shown = show_hold(hold, livemode=self.owner.livemode)
        return Outcome(Answer(201, encode(shown)), tuple(rows))

    def _keys(self) -> tuple[AccountKey, AccountKey]:
        asset = self.money.asset
        return wallet(self.merchant_id, self.user, asset), available(self.merchant_id, asset)


How = Literal["post", "void", "expire"]
ENDS: dict[How, str] = {"post": "posted", "void": "voided", "expire": "expired"}


class SettleHold(Owned, frozen=True):
    """Ends a hold. `amount`: what is posted of it, None for all; the rest is released. `user`: who
    must own it; None: anybody."""

    id: UUID
    user: str | None
    hold_id: UUID
    how: How
    amount: int | None = None

    def reads(self) -> Iterable[Ref]:
        return (Ref(Hold, (self.merchant_id, self.hold_id), lock=True),)

    def decide(self, world: World, now: datetime) -> Decision:
        hold = world.get(Hold, (self.merchant_id, self.hold_id))
        if hold is None or self.user not in {None, user_of(hold.debit_owner)}:
            return Refused("not_found", "There is no such hold.", "hold")
        if hold.credit_code != "available":
            return Refused("hold_state", "This hold ends with its refund.", "hold")
        refused = self._refusal(hold, now)
        if refused is not None:
            return refused
        debit, credit = hold.debit, hold.credit
        refs = (*_wallet_refs(debit), Ref(Account, tuple(credit), lock=True))
        if missing := world.missing(*refs):
            return Need(missing)
        following = ids.series(self.id)
        book = Book(following, now)
        for key in (debit, credit):
            book.take(key, world.get(Account, tuple(key)))
        posted = 0 if self.how != "post" else hold.amount if self.amount is None else self.amount
        state = ENDS[self.how]
        fact = Fact(f"hold_{state}", f"{ids.show('hold', hold.id)}:{self.how}", hold.reference)
        book.settle(hold, posted, fact)
        ended = replace(hold, posted=posted, state=state, updated_at=now)
        rows = [*book.rows(), ended, *self._given_back(world, hold, posted, now)]
        after = {"status": state, "amount_posted": posted}
        rows.append(line(self.owner, f"hold.{self.how}", hold.id, following, now, after=after))
        shown = show_hold(ended, livemode=self.owner.livemode)
        return Outcome(Answer(200, encode(shown)), tuple(rows))

    def _refusal(self, hold: Hold, now: datetime) -> Refused | None:
        if hold.state != "held":
            return Refused("hold_state", f"This hold is {hold.state} already.")
        over = hold.expires_at is not None and hold.expires_at <= now
        if self.how == "expire":
            return None if over else Refused("hold_state", "This hold has not expired yet.")
        if over:
            return Refused("hold_state", "This hold has expired.")
        if self.amount is not None and self.amount > hold.amount:
            return Refused("parameter_invalid", f"The hold is of {hold.amount}.", "amount")
        return None

    def _given_back(
        self, world: World, hold: Hold, posted: int, now: datetime
    ) -> Iterator[WalletLimit]:
        limit = _limit(world, hold.debit)
        if limit is not None:
            after = rules.give_back(limit, hold.amount - posted, hold.created_at, now)
            if after is not limit:
                yield after


class Freeze(Owned, frozen=True):
    """Freezes a wallet, or lets it go. One that nobody has used yet is opened for it."""

    id: UUID
    user: str
    asset: str
    frozen: bool

    def reads(self) -> Iterable[Ref]:
        return (Ref(Account, tuple(wallet(self.merchant_id, self.user, self.asset)), lock=True),)

    def decide(self, world: World, now: datetime) -> Decision:
        following = ids.series(self.id)
        key = wallet(self.merchant_id, self.user, self.asset)
        account, opened = _opened(world, key, following, now)
        changed = replace(account, frozen=self.frozen)
        answer = Answer(200, encode(UserBalance(self.user, show_balance(changed))))
        if changed == account and not opened:
            return Outcome(answer)
        action = "wallet.freeze" if self.frozen else "wallet.unfreeze"
        written = line(
            self.owner, action, changed.id, following, now,
            before={"frozen": account.frozen},
            after={"user": self.user, "currency": self.asset, "frozen": self.frozen},
        )  # fmt: skip
        return Outcome(answer, (changed, written))


class SetLimits(Owned, frozen=True):
    """Says what a wallet may do; None: as much as there is."""

    id: UUID
    user: str
    asset: str
    debit_max: int | None
    day_max: int | None
    balance_max: int | None

    def reads(self) -> Iterable[Ref]:
        return _wallet_refs(wallet(self.merchant_id, self.user, self.asset))

    def decide(self, world: World, now: datetime) -> Decision:
        following = ids.series(self.id)
        key = wallet(self.merchant_id, self.user, self.asset)
        account, opened = _opened(world, key, following, now)
        before = _limit(world, key) or WalletLimit(
            *key, None, None, None, now.date(), 0, max(now, account.moved_at), now
        )  # fmt: skip
        after = replace(
            before,
            debit_max=self.debit_max,
            day_max=self.day_max,
            balance_max=self.balance_max,
            updated_at=now,
        )
        written = line(
            self.owner, "wallet.limits", account.id, following, now,
            before=_bounds(before),
            after={"user": self.user, "currency": self.asset, **_bounds(after)},
        )  # fmt: skip
        rows: tuple[Struct, ...] = (after, written)
        shown = show_limits(after)
        return Outcome(Answer(200, encode(shown)), (account, *rows) if opened else rows)


def _bounds(limit: WalletLimit) -> dict[str, int | None]:
    return {
        "debit_max": limit.debit_max, "day_max": limit.day_max, "balance_max": limit.balance_max,
    }  # fmt: skip


def _wallet_refs(key: AccountKey) -> tuple[Ref, ...]:
    """An account, locked; and its limits, which its lock guards. The merchant's has none."""
    account = Ref(Account, tuple(key), lock=True)
    return (account, Ref(WalletLimit, tuple(key))) if key.code == "wallet" else (account,)


def _limit(world: World, key: AccountKey) -> WalletLimit | None:
    return world.get(WalletLimit, tuple(key)) if key.code == "wallet" else None


def _spent(limit: WalletLimit | None, amount: int, now: datetime) -> Iterator[WalletLimit]:
    if limit is not None:
        yield rules.spend(limit, amount, now)


def _opened(
    world: World, key: AccountKey, following: Iterator[UUID], now: datetime
) -> tuple[Account, bool]:
    """The account, and whether it is new."""
    found = world.get(Account, tuple(key))
    if found is not None:
        return found, False
    book = Book(following, now)
    book.take(key, None)
    return book.see(key), True


def _said(description: str | None) -> Raw | None:
    return Raw(msgspec.json.encode({"description": description})) if description else None
