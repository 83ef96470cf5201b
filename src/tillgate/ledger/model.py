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


@table("accounts", "merchant_id owner code asset", "posted held_out held_in floor version closed")
class Account(Struct, frozen=True):
    """`posted` is credits minus debits in minor units; `version` rises by one with every change.
    `floor`: the least that posted minus held_out may be; None: it may go negative."""

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
    closed: Bool
    created_at: Time


@table("transfers", "merchant_id id")
class Transfer(Struct, frozen=True):
    """One movement. `cause` is unique: one fact books once. `*_after` is the balance after it."""

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


FLOORS: dict[str, int] = {"wallet": 0}
"""The floor of a new account, by code; a code that is not here may go negative."""
