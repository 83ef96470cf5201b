"""What can be read of wallets: balances now and then, holds, limits, statements."""

import csv
import io
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

import asyncpg
import msgspec
from litestar import Response, get
from litestar.params import QueryParameter
from litestar.response import Stream
from msgspec import Struct

from tillgate.kit import ids, pages, queries
from tillgate.kit.caller import Caller
from tillgate.kit.db import Pool, beside
from tillgate.kit.refusal import Refused, RefusedError
from tillgate.ledger.model import Hold
from tillgate.wallets.api import UserPath, asset, vetted
from tillgate.wallets.model import (
    HoldObject,
    WalletBalance,
    WalletLimit,
    WalletLimits,
    show_hold,
    show_limits,
)

sql = beside(__file__)

CSV_PAGE = 1000
CSV_MAX_LINES = 100_000
"""A longer statement is fetched in parts, by `created[…]`."""

VERSION_MAX = 2**63 - 1

At = Annotated[
    int | None,
    QueryParameter(ge=0, le=253_402_300_799, description="Unix seconds: as of then."),
]
Wanted = Annotated[str, QueryParameter(description="Which of the user's wallets.")]


class Wallet(Struct, frozen=True):
    """A user's wallets, one for each currency that was ever used."""

    object: Literal["wallet"]
    user: str
    balances: list[WalletBalance]
    livemode: bool


class StatementLine(Struct, frozen=True, kw_only=True):
    """One movement: `amount` is negative when it left the wallet; `balance` is the total after it,
    of which `held` was set aside."""

    id: str
    object: Literal["statement_line"] = "statement_line"
    type: str
    amount: int
    currency: str
    balance: int
    held: int
    reference: str | None
    description: str | None
    created: int


@get("/v1/wallets/{user:str}", operation_id="retrieveWallet")
async def retrieve(
    user: UserPath,
    caller: Caller,
    pool: Pool,
    currency: Annotated[
        str | None, QueryParameter(description="Only this currency, shown even when it is zero.")
    ] = None,
    at: At = None,
) -> Wallet:
    """A user's wallet, now or at a past moment. A user who was never credited has an empty one."""
    wanted = asset(currency) if currency is not None else None
    rows = await pool.fetch(sql["wallet_accounts"], caller.merchant_id, owner_of(user))
    chosen = [row for row in rows if wanted is None or row["asset"] == wanted]
    balances = [
        await _balance_at(pool, caller.merchant_id, row, _moment(at)) if at is not None
        else _balance(row["asset"], row["posted"], row["held_out"], frozen=row["frozen"])
        for row in chosen
    ]  # fmt: skip
    if wanted is not None and not balances:
        balances = [_balance(wanted, 0, 0, frozen=False)]
    return Wallet("wallet", user, balances, caller.livemode)


async def _balance_at(
    pool: Pool, merchant_id: UUID, account: asyncpg.Record, at: datetime
) -> WalletBalance:
    """Of then is what was there and held; whether it is frozen is of now."""
    row = await pool.fetchrow(sql["balance_at"], merchant_id, account["id"], account["version"], at)
    posted, held = (row["posted"], row["held_out"]) if row else (0, 0)
    return _balance(account["asset"], posted, held, frozen=account["frozen"])


def _balance(currency: str, posted: int, held: int, *, frozen: bool) -> WalletBalance:
    return WalletBalance(currency, posted, posted - held, held, frozen)


@get("/v1/wallets/{user:str}/limits", operation_id="retrieveWalletLimits")
async def retrieve_limits(
    user: UserPath, caller: Caller, pool: Pool, currency: Wanted
) -> WalletLimits:
    """What a wallet may do; null: as much as there is."""
    wanted = asset(currency)
    row = await pool.fetchrow(sql["limits"], caller.merchant_id, owner_of(user), wanted)
    if row is None:
        return WalletLimits(
            user=user, currency=wanted, debit_max=None, day_max=None, balance_max=None
        )
    return show_limits(WalletLimit(**dict(row)))


# ---- holds


@get("/v1/wallets/{user:str}/holds/{hold_id:str}", operation_id="retrieveHold")
async def retrieve_hold(user: UserPath, hold_id: str, caller: Caller, pool: Pool) -> HoldObject:
    """One hold, as it is now."""
    found = ids.parse("hold", hold_id)
    row = await pool.fetchrow(sql["hold_by_id"], caller.merchant_id, owner_of(user), found)
    if row is None:
        raise RefusedError(Refused("not_found", f"There is no hold {hold_id}.", "hold"))
    return show_hold(Hold(**dict(row)), livemode=caller.livemode)


@get("/v1/wallets/{user:str}/holds", operation_id="listHolds")
async def list_holds(
    user: UserPath,
    caller: Caller,
    pool: Pool,
    limit: queries.Limit = pages.LIMIT_DEFAULT,
    starting_after: queries.StartingAfter = None,
    ending_before: queries.EndingBefore = None,
    status: Literal["held", "posted", "voided", "expired"] | None = None,
) -> pages.ListOut[HoldObject]:
    """A user's holds, newest first."""
    page = pages.parse(limit, starting_after, ending_before, partial(ids.parse, "hold"))
    if isinstance(page, Refused):
        raise RefusedError(page)
    statement = sql["holds_newer" if page.newer else "holds_older"]
    owner = owner_of(user)
    rows = await pool.fetch(statement, caller.merchant_id, owner, page.cursor, page.fetch, status)
    shown, more = page.cut(rows)
    data = [show_hold(Hold(**dict(row)), livemode=caller.livemode) for row in shown]
    return pages.ListOut(data=data, has_more=more, url=f"/v1/wallets/{user}/holds")


# ---- statements


class Account(NamedTuple):
    """Whose statement, from when, until when."""

    merchant_id: UUID
    id: UUID
    currency: str
    since: datetime | None
    until: datetime | None


@get("/v1/wallets/{user:str}/statement", operation_id="retrieveStatement")
async def statement(
    user: UserPath,
    caller: Caller,
    pool: Pool,
    currency: Wanted,
    limit: queries.Limit = pages.LIMIT_DEFAULT,
    starting_after: queries.StartingAfter = None,
    ending_before: queries.EndingBefore = None,
    created_gte: Annotated[
        int | None, QueryParameter(query="created[gte]", ge=0, le=253_402_300_799)
    ] = None,
    created_lt: Annotated[
        int | None, QueryParameter(query="created[lt]", ge=0, le=253_402_300_799)
    ] = None,
    format: Annotated[  # noqa: A002  the parameter's name in the API
        Literal["json", "csv"], QueryParameter(description="`csv`: all of it, not a page.")
    ] = "json",
) -> Response[Any]:
    """What moved in a wallet, newest first, with the balance after each movement."""
    page = pages.parse(limit, starting_after, ending_before, partial(ids.parse, "tr"))
    if isinstance(page, Refused):
        raise RefusedError(page)
    wanted = asset(currency)
    row = await pool.fetchrow(sql["wallet_account"], caller.merchant_id, owner_of(user), wanted)
    account = Account(
        caller.merchant_id, row["id"] if row else UUID(int=0), wanted,
        _moment(created_gte), _moment(created_lt),
    )  # fmt: skip
    if format == "csv":
        return _csv(pool, account)
    cursor = await _version(pool, account, page)
    name = "statement_newer" if page.newer else "statement_older"
    rows = await _lines(pool, name, account, cursor, page.fetch)
    shown, more = page.cut(rows)
    data = [_line(one, wanted) for one in shown]
    url = f"/v1/wallets/{user}/statement"
    return Response(pages.ListOut(data=data, has_more=more, url=url))


async def _version(pool: Pool, account: Account, page: pages.Page) -> int:
    """Where the page begins: lines are in the order of the account's versions."""
    if page.cursor == pages.NEWEST:
        return VERSION_MAX
    found = await pool.fetchval(sql["version_of"], account.merchant_id, account.id, page.cursor)
    if found is None:
        param = "ending_before" if page.newer else "starting_after"
        message = f"{param} is not an id of this list."
        raise RefusedError(Refused("parameter_invalid", message, param))
    return found


async def _lines(
    pool: Pool, name: str, account: Account, cursor: int, count: int
) -> list[asyncpg.Record]:
    merchant_id, account_id, _, since, until = account
    return await pool.fetch(sql[name], merchant_id, account_id, cursor, count, since, until)


def _line(row: asyncpg.Record, currency: str) -> StatementLine:
    meta: dict[str, str] = msgspec.json.decode(row["meta"]) if row["meta"] else {}
    return StatementLine(
        id=ids.show("tr", row["id"]),
        type=row["code"],
        amount=row["amount"],
        currency=currency,
        balance=row["posted"],
        held=row["held"],
        reference=row["ref"],
        description=meta.get("description"),
        created=int(row["created_at"].timestamp()),
    )


def _csv(pool: Pool, account: Account) -> Stream:
    headers = {"content-disposition": 'attachment; filename="statement.csv"'}
    return Stream(_csv_lines(pool, account), media_type="text/csv", headers=headers)


async def _csv_lines(pool: Pool, account: Account) -> AsyncGenerator[str]:
    """All lines, newest first, a page of the database at a time."""
    yield _row(StatementLine.__struct_fields__[:1] + StatementLine.__struct_fields__[2:])
    cursor, written = VERSION_MAX, 0
    while written < CSV_MAX_LINES:
        rows = await _lines(pool, "statement_older", account, cursor, CSV_PAGE)
        if not rows:
            return
        yield "".join(_csv_line(_line(row, account.currency)) for row in rows)
        cursor, written = rows[-1]["version"], written + len(rows)


def _csv_line(line: StatementLine) -> str:
    values = msgspec.structs.astuple(line)
    created = datetime.fromtimestamp(line.created, UTC).isoformat()
    return _row((*map(_safe, (values[0], *values[2:-1])), created))


def _safe(value: Any) -> Any:
    """A spreadsheet shall not run what a text begins with (OWASP, CSV injection)."""
    if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"}:
        return "'" + value
    return value


def _row(values: tuple[Any, ...]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(values)
    return line.getvalue()


def owner_of(user: str) -> str:
    return f"user:{vetted(user)}"


def _moment(unix_s: int | None) -> Any:
    return None if unix_s is None else datetime.fromtimestamp(unix_s, UTC)


routes = [retrieve, retrieve_limits, retrieve_hold, list_holds, statement]
