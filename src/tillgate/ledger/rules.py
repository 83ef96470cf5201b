"""How money is booked. Pure: accounts in, accounts and transfers out.

Facts always book; floors bind wishes.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from msgspec import Raw, Struct
from msgspec.structs import replace

from tillgate.kit.crypto import sha256
from tillgate.kit.money import Money
from tillgate.ledger.model import FLOORS, Account, AccountKey, Hold, Transfer, receivable


class Fact(NamedTuple):
    """Why money moves: `code` is the kind of fact, `cause` this one fact, `ref` the processor's."""

    code: str
    cause: str
    ref: str | None


class Overdrawn(ValueError):
    """A wish that an account cannot bear came as far as the books: a bug of whoever asked."""


class Step(NamedTuple):
    """What one transfer does to both accounts, beside raising their versions by one."""

    kind: str
    amount: int
    posted: int
    held: int
    hold_id: UUID | None = None
    expires_at: datetime | None = None


def disposable(account: Account) -> int | None:
    """What wishes may still take, in minor units; None when nothing bounds them."""
    if account.frozen:
        return 0
    if account.floor is None:
        return None
    return account.posted - account.held_out - account.floor


def keys_of(debit: AccountKey, credit: AccountKey) -> tuple[AccountKey, ...]:
    """The accounts that a fact may touch: what a floor forbids is owed to the merchant's books."""
    if debit.code in FLOORS:
        return debit, credit, receivable(debit.merchant_id, debit.asset)
    return debit, credit


class Book:
    """The accounts that one command books on, as they are after each of its transfers.

    `first`: the id of the first transfer, where it was told or promised already.
    """

    def __init__(self, ids: Iterator[UUID], now: datetime, first: UUID | None = None) -> None:
        self._ids = ids
        self._now = now
        self._first = first
        self._accounts: dict[AccountKey, Account] = {}
        self._versions: dict[UUID, int] = {}
        self._transfers: list[Transfer] = []
        self._group: UUID | None = None

    def take(self, key: AccountKey, found: Account | None) -> None:
        """An account as loaded; one that does not exist yet is opened."""
        account = found or Account(
            *key, next(self._ids), 0, 0, 0, FLOORS.get(key.code), 0, False, self._now, self._now
        )  # fmt: skip
        self._accounts[key] = account
        self._versions[account.id] = account.version

    def knows(self, key: AccountKey) -> bool:
        """Whether the account was taken."""
        return key in self._accounts

    def see(self, key: AccountKey) -> Account:
        """An account as it is by now."""
        return self._accounts[key]

    def post(self, debit: AccountKey, credit: AccountKey, money: Money, fact: Fact) -> int:
        """Books a fact, whatever the balances. What the debit's floor forbids is taken from
        `receivable` (see `keys_of`), as a transfer of its own with the cause `…:receivable`, and
        answered."""
        if money.minor <= 0:
            raise ValueError(f"cannot book {money}")
        free = disposable(self._accounts[debit])
        own = money.minor if free is None else min(money.minor, max(free, 0))
        if own:
            self._move(debit, credit, money.asset, _direct(own), fact)
        if owed := money.minor - own:
            rest = fact._replace(cause=f"{fact.cause}:receivable")
            books = receivable(debit.merchant_id, debit.asset)
            self._move(books, credit, money.asset, _direct(owed), rest)
        return owed

    def pay(
        self,
        debit: AccountKey,
        credit: AccountKey,
        money: Money,
        fact: Fact,
        meta: Raw | None = None,
    ) -> Transfer:
        """Grants a wish. Raises Overdrawn where the debit's floor forbids it: ask before."""
        self._must_bear(debit, money)
        return self._move(debit, credit, money.asset, _direct(money.minor), fact, meta)

    def hold(
        self,
        debit: AccountKey,
        credit: AccountKey,
        money: Money,
        fact: Fact,
        expires_at: datetime | None,
    ) -> Transfer:
        """Sets money aside, until it is posted, voided or expires. Raises Overdrawn."""
        self._must_bear(debit, money)
        step = Step("hold", money.minor, 0, money.minor, expires_at=expires_at)
        return self._move(debit, credit, money.asset, step, fact)

    def settle(self, hold: Hold, amount: int, fact: Fact) -> Transfer:
        """Posts `amount` of a hold and releases the rest; zero voids it. The hold is still held."""
        if hold.state != "held" or not 0 <= amount <= hold.amount:
            raise ValueError(f"cannot settle {amount} of {hold}")
        kind = "post" if amount else "void"
        step = Step(kind, amount, amount, -hold.amount, hold_id=hold.id)
        return self._move(hold.debit, hold.credit, hold.asset, step, fact)

    def rows(self) -> tuple[Struct, ...]:
        """What changed: the transfers, and every account after the last of them."""
        if not self._transfers:
            return ()
        changed = (a for a in self._accounts.values() if a.version > self._versions[a.id])
        return (*changed, *self._transfers)

    def _must_bear(self, key: AccountKey, money: Money) -> None:
        free = disposable(self._accounts[key])
        if money.minor <= 0 or (free is not None and free < money.minor):
            raise Overdrawn(f"{key} cannot bear {money}")

    def _move(
        self,
        debit_key: AccountKey,
        credit_key: AccountKey,
        asset: str,
        step: Step,
        fact: Fact,
        meta: Raw | None = None,
    ) -> Transfer:
        """One transfer. Raises ValueError where it could not balance: the caller's bug."""
        debit, credit = self._accounts[debit_key], self._accounts[credit_key]
        if step.amount < 0 or not debit.asset == credit.asset == asset or debit.id == credit.id:
            raise ValueError(f"cannot book {step} from {debit_key} to {credit_key}")
        moved_at = max(self._now, debit.moved_at, credit.moved_at)
        debit = replace(
            debit,
            posted=debit.posted - step.posted,
            held_out=debit.held_out + step.held,
            version=debit.version + 1,
            moved_at=moved_at,
        )
        credit = replace(
            credit,
            posted=credit.posted + step.posted,
            held_in=credit.held_in + step.held,
            version=credit.version + 1,
            moved_at=moved_at,
        )
        self._accounts[debit_key], self._accounts[credit_key] = debit, credit
        transfer = self._transfer(debit, credit, step, fact, meta)
        self._transfers.append(transfer)
        return transfer

    def _transfer(
        self, debit: Account, credit: Account, step: Step, fact: Fact, meta: Raw | None
    ) -> Transfer:
        transfer_id, self._first = self._first or next(self._ids), None
        self._group = self._group or transfer_id
        transfer = Transfer(
            merchant_id=debit.merchant_id,
            id=transfer_id,
            kind=step.kind,
            debit_id=debit.id,
            credit_id=credit.id,
            asset=debit.asset,
            amount=step.amount,
            hold_id=step.hold_id,
            reverses=None,
            group_id=self._group,
            code=fact.code,
            cause=fact.cause,
            ref=fact.ref,
            expires_at=step.expires_at,
            effective_at=self._now,
            created_at=debit.moved_at,
            debit_version=debit.version,
            debit_after=debit.posted,
            credit_version=credit.version,
            credit_after=credit.posted,
            digest=b"",
            meta=meta,
            debit_held=debit.held_out,
            credit_held=credit.held_out,
        )
        return replace(transfer, digest=digest_of(transfer))


def _direct(amount: int) -> Step:
    return Step("direct", amount, amount, 0)


def digest_of(transfer: Transfer) -> bytes:
    """What the transfer says, but for times and balances, which its neighbours vouch for; the same
    id with another digest is never taken for the same."""
    hold = transfer.hold_id.hex if transfer.hold_id else ""
    words = [
        transfer.kind, transfer.debit_id.hex, transfer.credit_id.hex, str(transfer.amount),
        transfer.asset, hold, transfer.code, transfer.cause, transfer.ref or "",
    ]  # fmt: skip
    if transfer.meta is not None:
        words.append(bytes(transfer.meta).decode())
    return sha256("\x1f".join(words).encode())
