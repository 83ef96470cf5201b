"""`GET /v1/balance`: what the merchant has now."""

from typing import Literal

from litestar import get
from msgspec import Struct

from tillgate.kit.caller import Caller
from tillgate.kit.db import Pool, beside

sql = beside(__file__)


class Amount(Struct, frozen=True):
    """Minor units of a currency."""

    amount: int
    currency: str


class Balance(Struct, frozen=True):
    """What the merchant has: `available` to dispose of, of which `reserved` is already set aside
    and not counted; `pending`, set aside for it by others; `in_review` until a person decides,
    `disputed` until a bank does; `receivable`, what others owe it since a fact was more than they
    had; `fees`, paid so far."""

    object: Literal["balance"]
    available: list[Amount]
    pending: list[Amount]
    reserved: list[Amount]
    in_review: list[Amount]
    disputed: list[Amount]
    receivable: list[Amount]
    fees: list[Amount]
    livemode: bool


@get("/v1/balance", operation_id="retrieveBalance")
async def retrieve_balance(caller: Caller, pool: Pool) -> Balance:
    """The merchant's balances, by currency."""
    rows = await pool.fetch(sql["merchant_accounts"], caller.merchant_id)
    of = {code: [row for row in rows if row["code"] == code] for code in CODES}
    own = of["available"]
    return Balance(
        object="balance",
        available=[Amount(row["posted"] - row["held_out"], row["asset"]) for row in own],
        pending=[Amount(row["held_in"], row["asset"]) for row in own],
        reserved=[Amount(row["held_out"], row["asset"]) for row in own],
        in_review=[Amount(row["posted"], row["asset"]) for row in of["suspense"]],
        disputed=[Amount(row["posted"], row["asset"]) for row in of["disputed"]],
        receivable=[Amount(-row["posted"], row["asset"]) for row in of["receivable"]],
        fees=[Amount(-row["posted"], row["asset"]) for row in of["fees"]],
        livemode=caller.livemode,
    )


CODES = ("available", "suspense", "disputed", "receivable", "fees")

routes = [retrieve_balance]
