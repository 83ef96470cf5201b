"""How money is booked. Pure: accounts in, accounts and transfers out.

Facts always book; floors bind wishes. What is here so far books facts.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tillgate.kit.crypto import sha256
from tillgate.kit.money import Money
from tillgate.ledger.model import FLOORS, Account, AccountKey, Transfer


class Fact(NamedTuple):
    """Why money moves: `code` is the kind of fact, `cause` this one fact, `ref` the processor's."""

    code: str
    cause: str
    ref: str | None


class Book:
    """The accounts that one command books on, as they are after each of its transfers."""

    def __init__(self, ids: Iterator[UUID], now: datetime) -> None:
        self._ids = ids
        self._now = now
        self._accounts: dict[AccountKey, Account] = {}
        self._versions: dict[UUID, int] = {}
        self._transfers: list[Transfer] = []
        self._group: UUID | None = None

    def take(self, key: AccountKey, found: Account | None) -> None:
        """An account as loaded; one that does not exist yet is opened."""
        account = found or Account(
            *key, next(self._ids), 0, 0, 0, FLOORS.get(key.code), 0, False, self._now
        )  # fmt: skip
        self._accounts[key] = account
        self._versions[account.id] = account.version

    def post(self, debit_key: AccountKey, credit_key: AccountKey, money: Money, fact: Fact) -> None:
        """One direct transfer. Raises ValueError where it could not balance: the caller's bug."""
        debit, credit = self._accounts[debit_key], self._accounts[credit_key]
        if money.minor <= 0 or not debit.asset == credit.asset == money.asset:
            raise ValueError(f"cannot book {money} from {debit_key} to {credit_key}")
        debit = replace(debit, posted=debit.posted - money.minor, version=debit.version + 1)
        credit = replace(credit, posted=credit.posted + money.minor, version=credit.version + 1)
        self._accounts[debit_key], self._accounts[credit_key] = debit, credit
        transfer_id = next(self._ids)
        self._group = self._group or transfer_id
        self._transfers.append(
            Transfer(
                merchant_id=debit.merchant_id,
                id=transfer_id,
                kind="direct",
                debit_id=debit.id,
                credit_id=credit.id,
                asset=money.asset,
                amount=money.minor,
                hold_id=None,
                reverses=None,
                group_id=self._group,
                code=fact.code,
                cause=fact.cause,
                ref=fact.ref,
                expires_at=None,
                effective_at=self._now,
                created_at=self._now,
                debit_version=debit.version,
                debit_after=debit.posted,
                credit_version=credit.version,
                credit_after=credit.posted,
                digest=_digest(debit, credit, money, fact),
                meta=None,
            )
        )

    def rows(self) -> tuple[Struct, ...]:
        """What changed: the transfers, and every account after the last of them."""
        if not self._transfers:
            return ()
        changed = (a for a in self._accounts.values() if a.version > self._versions[a.id])
        return (*changed, *self._transfers)


def _digest(debit: Account, credit: Account, money: Money, fact: Fact) -> bytes:
    """What the transfer says; the same id with another digest is never taken for the same."""
    parts = (debit.id.hex, credit.id.hex, str(money.minor), money.asset, *(p or "" for p in fact))
    return sha256("\x1f".join(parts).encode())
