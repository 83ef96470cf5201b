"""`GET /v1/balance` and `GET /v1/wallets/{user}`: what the ledger says now."""

from typing import Annotated, Literal

from litestar import get
from litestar.params import PathParameter, QueryParameter
from msgspec import Struct

from tillgate.kit.caller import Caller
from tillgate.kit.db import Pool, beside
from tillgate.kit.money import find_asset
from tillgate.kit.refusal import Refused, RefusedError

sql = beside(__file__)

USER_MAX_CHARACTERS = 128


class Amount(Struct, frozen=True):
    """Minor units of a currency."""

    amount: int
    currency: str


class Balance(Struct, frozen=True):
    """What the merchant has: `available` to dispose of, `in_review` until a person decides."""

    object: Literal["balance"]
    available: list[Amount]
    in_review: list[Amount]
    livemode: bool


class WalletBalance(Struct, frozen=True):
    """`total` is posted; `available` is what holds leave of it."""

    currency: str
    total: int
    available: int
    held: int


class Wallet(Struct, frozen=True):
    """A user's accounts, one for each currency that was ever used."""

    object: Literal["wallet"]
    user: str
    balances: list[WalletBalance]
    livemode: bool


@get("/v1/balance", operation_id="retrieveBalance")
async def retrieve_balance(caller: Caller, pool: Pool) -> Balance:
    """The merchant's balances, by currency."""
    rows = await pool.fetch(sql["merchant_accounts"], caller.merchant_id)

    def of(code: str) -> list[Amount]:
        return [Amount(r["posted"] - r["held_out"], r["asset"]) for r in rows if r["code"] == code]

    return Balance("balance", of("available"), of("suspense"), caller.livemode)


@get("/v1/wallets/{user:str}", operation_id="retrieveWallet")
async def retrieve_wallet(
    user: Annotated[str, PathParameter(max_length=USER_MAX_CHARACTERS)],
    caller: Caller,
    pool: Pool,
    currency: Annotated[
        str | None, QueryParameter(description="Only this currency, shown even when it is zero.")
    ] = None,
) -> Wallet:
    """A user's wallet. A user who was never credited has an empty one."""
    asset = find_asset(currency) if currency is not None else None
    if currency is not None and asset is None:
        raise RefusedError(Refused("parameter_invalid", "This currency is unknown.", "currency"))
    rows = await pool.fetch(sql["wallet_accounts"], caller.merchant_id, f"user:{user}")
    balances = [
        WalletBalance(r["asset"], r["posted"], r["posted"] - r["held_out"], r["held_out"])
        for r in rows
        if asset is None or r["asset"] == asset
    ]
    if asset is not None and not balances:
        balances = [WalletBalance(asset, 0, 0, 0)]
    return Wallet("wallet", user, balances, caller.livemode)


routes = [retrieve_balance, retrieve_wallet]
