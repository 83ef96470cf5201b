"""The limits of a wallet, and what the API shows of holds and movements."""

from typing import Literal

from msgspec import Struct

from tillgate.engine.table import Bigint, Day, Id, OptionalBigint, Text, Time, table
from tillgate.kit import ids
from tillgate.ledger.model import Account, Hold

USER_MAX_CHARACTERS = 128


@table(
    "wallet_limits",
    "merchant_id owner code asset",
    "debit_max day_max balance_max day spent updated_at",
    root=Account,
)
class WalletLimit(Struct, frozen=True):
    """What the merchant allows a wallet, in minor units; None: as much as there is. `spent` has
    left it on `day` (UTC)."""

    merchant_id: Id
    owner: Text
    code: Text
    asset: Text
    debit_max: OptionalBigint
    day_max: OptionalBigint
    balance_max: OptionalBigint
    day: Day
    spent: Bigint
    created_at: Time
    updated_at: Time


class WalletBalance(Struct, frozen=True):
    """`total` is posted; `available` is what holds leave of it. `frozen`: nothing can be taken."""

    currency: str
    total: int
    available: int
    held: int
    frozen: bool


class HoldObject(Struct, frozen=True, kw_only=True):
    """Money set aside in a wallet. `amount_posted` went to the merchant when it was posted."""

    id: str
    object: Literal["hold"] = "hold"
    user: str
    amount: int
    amount_posted: int
    currency: str
    status: str
    reference: str | None
    description: str | None
    expires_at: int | None
    created: int
    livemode: bool


class WalletTransfer(
    Struct, frozen=True, kw_only=True, rename={"sender": "from", "receiver": "to"}
):
    """One movement of a wallet's money: `credit`, `debit` or `transfer`. `from` and `to` are
    users; null is the merchant. `balances`: each wallet of it, after it."""

    id: str
    object: Literal["wallet_transfer"] = "wallet_transfer"
    type: str
    amount: int
    currency: str
    sender: str | None
    receiver: str | None
    reference: str | None
    description: str | None
    balances: list["UserBalance"]
    created: int
    livemode: bool


class WalletLimits(Struct, frozen=True, kw_only=True):
    """What a wallet may do, in minor units: leave it at once, leave it in a day (UTC), be in it.
    null: as much as there is."""

    object: Literal["wallet_limits"] = "wallet_limits"
    user: str
    currency: str
    debit_max: int | None
    day_max: int | None
    balance_max: int | None


class UserBalance(Struct, frozen=True):
    """A wallet as it is after the movement."""

    user: str
    balance: WalletBalance


def show_balance(account: Account) -> WalletBalance:
    return WalletBalance(
        account.asset, account.posted, account.posted - account.held_out, account.held_out,
        account.frozen,
    )  # fmt: skip


def show_hold(hold: Hold, *, livemode: bool) -> HoldObject:
    return HoldObject(
        id=ids.show("hold", hold.id),
        user=user_of(hold.debit_owner) or "",
        amount=hold.amount,
        amount_posted=hold.posted,
        currency=hold.asset,
        status=hold.state,
        reference=hold.reference,
        description=hold.description,
        expires_at=int(hold.expires_at.timestamp()) if hold.expires_at else None,
        created=int(hold.created_at.timestamp()),
        livemode=livemode,
    )


def show_limits(limit: WalletLimit) -> WalletLimits:
    return WalletLimits(
        user=user_of(limit.owner) or "",
        currency=limit.asset,
        debit_max=limit.debit_max,
        day_max=limit.day_max,
        balance_max=limit.balance_max,
    )


def user_of(owner: str) -> str | None:
    """The user of a wallet's owner; None for the merchant's own accounts."""
    head, _, user = owner.partition(":")
    return user if head == "user" else None
