"""The ledger's rows, and the names of its accounts."""

from typing import NamedTuple
from uuid import UUID

from msgspec import Struct

from tillgate.engine.table import (
    Bigint,
    Bool,
    Bytes,
    Id,
    OptionalBigint,
    OptionalId,
    OptionalJson,
    OptionalText,
    OptionalTime,
    Text,
    Time,
    table,
)

MERCHANT = "merchant"
"""The owner of a merchant's own accounts; a wallet's is `user:` and the user's id."""


class AccountKey(NamedTuple):
    """What names an account: one owner has one account per code and asset."""

    merchant_id: UUID
    owner: str
    code: str
    asset: str


@table(
    "accounts",
    "merchant_id owner code asset",
    "posted held_out held_in floor version frozen moved_at",
)
class Account(Struct, frozen=True):
    """`posted` is credits minus debits in minor units; `version` rises by one with every change.
    `floor`: the least that posted minus held_out may be; None: it may go negative. What is frozen
    grants no wish. `moved_at`: when its last transfer was made; times rise with versions."""

    merchant_id: Id
    owner: Text
    code: Text
    asset: Text
    id: Id
    posted: Bigint
    held_out: Bigint
    held_in: Bigint
    floor: OptionalBigint
    version: Bigint
    frozen: Bool
    created_at: Time
    moved_at: Time


@table("transfers", "merchant_id id")
class Transfer(Struct, frozen=True):
    """One movement. `cause` is unique: one fact books once. `*_after` is the balance after it,
    `*_held` what is then held out of it. `kind`: direct, hold, post or void (of `hold_id`)."""

    merchant_id: Id
    id: Id
    kind: Text
    debit_id: Id
    credit_id: Id
    asset: Text
    amount: Bigint
    hold_id: OptionalId
    reverses: OptionalId
    group_id: Id
    code: Text
    cause: Text
    ref: OptionalText
    expires_at: OptionalTime
    effective_at: Time
    created_at: Time
    debit_version: Bigint
    debit_after: Bigint
    credit_version: Bigint
    credit_after: Bigint
    digest: Bytes
    meta: OptionalJson
    debit_held: Bigint
    credit_held: Bigint


@table("holds", "merchant_id id", "posted state updated_at")
class Hold(Struct, frozen=True):
    """Money set aside: the transfer of the same id, as it stands now. `posted` of `amount` went to
    the credit account; `state`: held, posted, voided or expired."""

    merchant_id: Id
    id: Id
    debit_owner: Text
    debit_code: Text
    credit_owner: Text
    credit_code: Text
    asset: Text
    amount: Bigint
    posted: Bigint
    state: Text
    reference: OptionalText
    description: OptionalText
    expires_at: OptionalTime
    created_at: Time
    updated_at: Time

    @property
    def debit(self) -> AccountKey:
        return AccountKey(self.merchant_id, self.debit_owner, self.debit_code, self.asset)

    @property
    def credit(self) -> AccountKey:
        return AccountKey(self.merchant_id, self.credit_owner, self.credit_code, self.asset)


RESERVED_USERS = {"transfers"}
"""Names that are words of `/v1/wallets/…`."""

NO_USER = "must be printable, without `/`, and not `transfers`."


def may_own_wallet(user: str) -> bool:
    """Whether this can name a user: it stands in paths."""
    return bool(user) and user.isprintable() and "/" not in user and user not in RESERVED_USERS


def wallet(merchant_id: UUID, user: str, asset: str) -> AccountKey:
    """A user's account in one asset. It may not go below zero."""
    return AccountKey(merchant_id, f"user:{user}", "wallet", asset)


def available(merchant_id: UUID, asset: str) -> AccountKey:
    """What the merchant can dispose of."""
    return AccountKey(merchant_id, MERCHANT, "available", asset)


def suspense(merchant_id: UUID, asset: str) -> AccountKey:
    """Money that arrived and does not fit yet."""
    return AccountKey(merchant_id, MERCHANT, "suspense", asset)


def clearing(merchant_id: UUID, connection: str, asset: str) -> AccountKey:
    """What a processor owes: debited when it says that it has collected. `connection`: `con_…`."""
    return AccountKey(merchant_id, connection, "clearing", asset)


def receivable(merchant_id: UUID, asset: str) -> AccountKey:
    """What is owed to the merchant's books: facts that somebody's floor could not bear."""
    return AccountKey(merchant_id, MERCHANT, "receivable", asset)


def disputed(merchant_id: UUID, asset: str) -> AccountKey:
    """What payers have claimed back and nobody has decided yet."""
    return AccountKey(merchant_id, MERCHANT, "disputed", asset)


def fees(merchant_id: UUID, asset: str) -> AccountKey:
    """What processors have taken for their work."""
    return AccountKey(merchant_id, MERCHANT, "fees", asset)


FLOORS: dict[str, int] = {"wallet": 0}
"""The floor of a new account, by code; a code that is not here may go negative."""
