"""`/v1/wallets`: what may be done with a user's money. What can be read of it is in `reading`."""

from datetime import timedelta
from typing import Annotated

from litestar import Response, post
from litestar.params import PathParameter, SkipValidation
from msgspec import Meta, Struct

from tillgate.audit.model import Owner
from tillgate.idempotency.api import Clerk
from tillgate.kit import ids
from tillgate.kit.money import AMOUNT_MAX_MINOR, Money, find_asset
from tillgate.kit.queries import vetting
from tillgate.kit.refusal import Refused, RefusedError
from tillgate.ledger.model import NO_USER, may_own_wallet
from tillgate.wallets.commands import Freeze, How, Kind, Move, PlaceHold, SetLimits, SettleHold
from tillgate.wallets.model import (
    USER_MAX_CHARACTERS,
    HoldObject,
    UserBalance,
    WalletLimits,
    WalletTransfer,
)

HOLD_MIN_S, HOLD_MAX_S = 1, 365 * 86_400
REFERENCE_MAX_CHARACTERS = 128
DESCRIPTION_MAX_CHARACTERS = 500

Minor = Annotated[int, Meta(ge=1, le=AMOUNT_MAX_MINOR, description="In minor units.")]
Currency = Annotated[str, Meta(min_length=3, max_length=5, description="ISO 4217 or `sbtc`.")]
User = Annotated[str, Meta(min_length=1, max_length=USER_MAX_CHARACTERS)]
Bound = Annotated[int, Meta(ge=0, le=AMOUNT_MAX_MINOR)] | None
Reference = (
    Annotated[str, Meta(max_length=REFERENCE_MAX_CHARACTERS, description="Yours, to find it by.")]
    | None
)
Description = Annotated[str, Meta(max_length=DESCRIPTION_MAX_CHARACTERS)] | None
UserPath = Annotated[
    str, PathParameter(max_length=USER_MAX_CHARACTERS, description="Your name of the user.")
]


Who = SkipValidation[Owner]


class MovementIn(Struct, frozen=True, forbid_unknown_fields=True):
    """So much, and what for."""

    amount: Minor
    currency: Currency
    reference: Reference = None
    description: Description = None


class TransferIn(
    Struct, frozen=True, forbid_unknown_fields=True, rename={"sender": "from", "receiver": "to"}
):
    """From one user's wallet to another's."""

    sender: User
    receiver: User
    amount: Minor
    currency: Currency
    reference: Reference = None
    description: Description = None


class HoldIn(Struct, frozen=True, forbid_unknown_fields=True):
    """What to set aside; without `expires_in_s`, until it is posted or voided."""

    amount: Minor
    currency: Currency
    expires_in_s: Annotated[int, Meta(ge=HOLD_MIN_S, le=HOLD_MAX_S)] | None = None
    reference: Reference = None
    description: Description = None


class PostIn(Struct, frozen=True, forbid_unknown_fields=True):
    """How much of the hold the merchant takes; without it, all."""

    amount: Minor | None = None


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """An empty object."""


class CurrencyIn(Struct, frozen=True, forbid_unknown_fields=True):
    """Which of the user's wallets."""

    currency: Currency


class LimitsIn(Struct, frozen=True, forbid_unknown_fields=True):
    """All limits of a wallet at once; what is left out, or null, is unlimited."""

    currency: Currency
    debit_max: Bound = None
    day_max: Bound = None
    balance_max: Bound = None


@post(
    "/v1/wallets/{user:str}/credit", operation_id="creditWallet", before_request=vetting(MovementIn)
)
async def credit(
    user: UserPath, data: MovementIn, owner: Who, clerk: Clerk
) -> Response[WalletTransfer]:
    """Gives a user money of the merchant's."""
    wish = _move(owner, "credit", None, vetted(user), data)
    return await clerk.run(f"/v1/wallets/{user}/credit", data, wish.id, wish)


@post(
    "/v1/wallets/{user:str}/debit", operation_id="debitWallet", before_request=vetting(MovementIn)
)
async def debit(
    user: UserPath, data: MovementIn, owner: Who, clerk: Clerk
) -> Response[WalletTransfer]:
    """Takes money from a user's wallet, for the merchant."""
    wish = _move(owner, "debit", vetted(user), None, data)
    return await clerk.run(f"/v1/wallets/{user}/debit", data, wish.id, wish)


@post(
    "/v1/wallets/transfers",
    operation_id="transferBetweenWallets",
    before_request=vetting(TransferIn),
)
async def transfer(data: TransferIn, owner: Who, clerk: Clerk) -> Response[WalletTransfer]:
    """Moves money from one user's wallet to another's."""
    if data.sender == data.receiver:
        raise RefusedError(Refused("parameter_invalid", "Both are the same user.", "to"))
    wish = _move(owner, "transfer", vetted(data.sender, "from"), vetted(data.receiver, "to"), data)
    return await clerk.run("/v1/wallets/transfers", data, wish.id, wish)


@post("/v1/wallets/{user:str}/holds", operation_id="createHold", before_request=vetting(HoldIn))
async def hold(user: UserPath, data: HoldIn, owner: Who, clerk: Clerk) -> Response[HoldObject]:
    """Sets money of a wallet aside for the merchant: still the user's, not to be spent."""
    expires_in = timedelta(seconds=data.expires_in_s) if data.expires_in_s else None
    wish = PlaceHold(
        owner, ids.mint(), vetted(user), money(data.amount, data.currency), expires_in,
        written(data.reference, "reference"), data.description,
    )  # fmt: skip
    return await clerk.run(f"/v1/wallets/{user}/holds", data, wish.id, wish)


@post("/v1/wallets/{user:str}/holds/{hold_id:str}/post", operation_id="postHold", status_code=200,
      before_request=vetting(PostIn, may_be_empty=True))  # fmt: skip
async def post_hold(
    user: UserPath, hold_id: str, owner: Who, clerk: Clerk, data: PostIn | None = None
) -> Response[HoldObject]:
    """Takes what a hold has set aside, whole or in part; what is left of it is the user's again."""
    asked = data or PostIn()
    wish = _settle(owner, user, hold_id, "post", asked.amount)
    return await clerk.run(f"/v1/wallets/{user}/holds/{hold_id}/post", asked, wish.id, wish)


@post("/v1/wallets/{user:str}/holds/{hold_id:str}/void", operation_id="voidHold", status_code=200,
      before_request=vetting(Nothing, may_be_empty=True))  # fmt: skip
async def void_hold(
    user: UserPath, hold_id: str, owner: Who, clerk: Clerk, data: Nothing | None = None
) -> Response[HoldObject]:
    """Gives back all that a hold has set aside."""
    wish = _settle(owner, user, hold_id, "void", None)
    path = f"/v1/wallets/{user}/holds/{hold_id}/void"
    return await clerk.run(path, data or Nothing(), wish.id, wish)


@post("/v1/wallets/{user:str}/freeze", operation_id="freezeWallet", status_code=200,
      before_request=vetting(CurrencyIn))  # fmt: skip
async def freeze(
    user: UserPath, data: CurrencyIn, owner: Who, clerk: Clerk
) -> Response[UserBalance]:
    """From now on nothing can be taken from this wallet. What arrives is still credited, and holds
    that stand can be posted."""
    wish = Freeze(owner, ids.mint(), vetted(user), asset(data.currency), frozen=True)
    return await clerk.run(f"/v1/wallets/{user}/freeze", data, wish.id, wish)


@post("/v1/wallets/{user:str}/unfreeze", operation_id="unfreezeWallet", status_code=200,
      before_request=vetting(CurrencyIn))  # fmt: skip
async def unfreeze(
    user: UserPath, data: CurrencyIn, owner: Who, clerk: Clerk
) -> Response[UserBalance]:
    """Ends a freeze."""
    wish = Freeze(owner, ids.mint(), vetted(user), asset(data.currency), frozen=False)
    return await clerk.run(f"/v1/wallets/{user}/unfreeze", data, wish.id, wish)


@post("/v1/wallets/{user:str}/limits", operation_id="setWalletLimits", status_code=200,
      before_request=vetting(LimitsIn))  # fmt: skip
async def limits(
    user: UserPath, data: LimitsIn, owner: Who, clerk: Clerk
) -> Response[WalletLimits]:
    """Sets all limits of a wallet. They bind what the API asks for, not deposits that arrive."""
    wish = SetLimits(
        owner, ids.mint(), vetted(user), asset(data.currency), data.debit_max, data.day_max,
        data.balance_max,
    )  # fmt: skip
    return await clerk.run(f"/v1/wallets/{user}/limits", data, wish.id, wish)


def _move(
    owner: Owner,
    kind: Kind,
    sender: str | None,
    receiver: str | None,
    data: MovementIn | TransferIn,
) -> Move:
    reference = written(data.reference, "reference")
    return Move(
        owner, ids.mint(), kind, sender, receiver, money(data.amount, data.currency), reference,
        data.description,
    )  # fmt: skip


def _settle(owner: Owner, user: str, hold_id: str, how: How, amount: int | None) -> SettleHold:
    found = ids.parse("hold", hold_id)
    if found is None:
        raise RefusedError(Refused("not_found", f"There is no hold {hold_id}.", "hold"))
    return SettleHold(owner, ids.mint(), vetted(user), found, how, amount)


def vetted(user: str, param: str = "user") -> str:
    """A user's name that may own a wallet. Raises RefusedError."""
    if may_own_wallet(user):
        return user
    raise RefusedError(Refused("parameter_invalid", f"{param} {NO_USER}", param))


def asset(currency: str) -> str:
    found = find_asset(currency)
    if found is None:
        raise RefusedError(Refused("parameter_invalid", "This currency is unknown.", "currency"))
    return found


def money(amount: int, currency: str) -> Money:
    return Money(amount, asset(currency))


def written(text: str | None, param: str) -> str | None:
    if text is None or text.isprintable():
        return text
    raise RefusedError(Refused("parameter_invalid", f"{param} has unprintable characters.", param))


routes = [
    credit, debit, transfer, hold, post_hold, void_hold, freeze, unfreeze, limits,
]  # fmt: skip
