"""Going through the books: merchant by merchant, account by account, each in a snapshot of its own.

Others may write meanwhile: what is compared with each other is always of one moment.
"""

from collections.abc import Callable
from itertools import accumulate
from typing import NamedTuple
from uuid import UUID

import asyncpg

from tillgate.cli.ledger.findings import Difference, Findings, Place
from tillgate.cli.ledger.fold import Fold, Side, Totals
from tillgate.kit import ids
from tillgate.kit.db import Connection, beside
from tillgate.ledger.model import Transfer

PAGE_ACCOUNTS = 500
PAGE_SIDES = 50_000
"""A snapshot lasts for so many at most, unless one account alone has more."""

IN_ORDER = "SET LOCAL enable_sort = off"
"""Indexes have the order already: a hot account's transfers are read as they are asked for, rather
than sorted on the server's disk before."""

PAGE_HOLDS = 1000
FETCH_ROWS = 2000
LISTED_MAX = 100
"""Of a merchant's causes, and of its transfers without accounts, so many are named."""

HOLD_FIELDS = (
    "debit_owner", "debit_code", "credit_owner", "credit_code", "asset", "amount", "posted",
    "state", "reference", "expires_at",
)  # fmt: skip

sql = beside(__file__)


class Reader(NamedTuple):
    """`told` is called with what is looked at, and how many sides of transfers more are read."""

    connection: Connection
    findings: Findings
    only: UUID | None
    told: Callable[[str, int], None]
    kept: Callable[[], None]  # is called when `findings` has got further

    async def read(self) -> None:
        """Everything from where the findings stand, to the end."""
        place = self.findings.place
        merchant_id = place.merchant_id if place and not place.finished else await self._next(place)
        while merchant_id is not None:
            if place is None or place.merchant_id != merchant_id:
                place = self._at(Place(merchant_id))
            while (further := await self._accounts(place)) is not None:
                place = self._at(further)
            found, holds = await self._holds(merchant_id)
            found += await self._whole(merchant_id)
            self.findings.holds += holds
            self.findings.add(found)
            place = self._at(place._replace(finished=True))
            merchant_id = await self._next(place)

    def _at(self, place: Place) -> Place:
        self.findings.place = place
        self.kept()
        return place

    async def _next(self, place: Place | None) -> UUID | None:
        if self.only is not None:
            return self.only if place is None else None
        after = place.merchant_id if place else UUID(int=0)
        return await self.connection.fetchval(sql["next_merchant"], after)

    async def _accounts(self, place: Place) -> Place | None:
        """The next accounts, in one snapshot; how far it came, None when there are no more."""
        merchant_id, *after, _ = place
        async with self.connection.transaction(isolation="repeatable_read", readonly=True):
            await self.connection.execute(IN_ORDER)
            rows = await self.connection.fetch(
                sql["accounts_after"], merchant_id, *after, PAGE_ACCOUNTS
            )
            rows = _page(rows)
            folds = await self._folds(merchant_id, [row["id"] for row in rows])
        if not rows:
            return None
        self.findings.accounts += len(rows)
        self.findings.sides += sum(fold.totals.version for fold in folds.values())
        found = (_difference(merchant_id, row, folds[row["id"]]) for row in rows)
        self.findings.add([one for one in found if one is not None])
        last = rows[-1]
        return Place(merchant_id, last["owner"], last["code"], last["asset"])

    async def _folds(self, merchant_id: UUID, account_ids: list[UUID]) -> dict[UUID, Fold]:
        folds = {account_id: Fold() for account_id in account_ids}
        sides = self.connection.cursor(sql["sides"], merchant_id, account_ids, prefetch=FETCH_ROWS)
        read = 0
        async for row in sides:
            account_id, version, debits, kept, *columns = row
            folds[account_id].take(Side(Transfer(*columns), version, debits, kept))
            read += 1
            if read % FETCH_ROWS == 0:
                self.told("accounts", FETCH_ROWS)
        self.told("accounts", read % FETCH_ROWS)
        return folds

    async def _holds(self, merchant_id: UUID) -> tuple[list[Difference], int]:
        """Each page is one statement, and so of one moment."""
        found: list[Difference] = []
        count, after = 0, UUID(int=0)
        while rows := await self.connection.fetch(
            sql["holds_after"], merchant_id, after, PAGE_HOLDS
        ):
            found += [one for row in rows if (one := _hold_difference(merchant_id, row))]
            count, after = count + len(rows), rows[-1]["id"]
            self.told("holds", 0)
        return found, count

    async def _whole(self, merchant_id: UUID) -> list[Difference]:
        """What can only be said of all accounts and transfers of a merchant together."""
        self.told("sums and causes", 0)
        merchant, fetch = ids.show("mer", merchant_id), self.connection.fetch
        found = [
            Difference(
                merchant, "currency", row["asset"], None,
                f"all accounts together: posted {row['posted']}, held out {row['held_out']}, "
                f"held in {row['held_in']}",
                "posted 0, and as much held out as held in",
            )
            for row in await fetch(sql["unbalanced"], merchant_id)
        ]  # fmt: skip
        found += [
            Difference(
                merchant, "cause", row["cause"], None, f"{row['times']} transfers", "1 transfer"
            )
            for row in await fetch(sql["repeated_causes"], merchant_id, LISTED_MAX)
        ]
        found += [
            Difference(
                merchant, "transfer", _transfer(row["id"]), None,
                "not both of its accounts, in its currency",
                f"from account {row['debit_id']} to account {row['credit_id']}",
            )
            for row in await fetch(sql["homeless_transfers"], merchant_id, LISTED_MAX)
        ]  # fmt: skip
        return found


def _page(rows: list[asyncpg.Record]) -> list[asyncpg.Record]:
    """As many as one snapshot should last for; one at least."""
    sums = accumulate(row["version"] for row in rows)
    fitting = sum(1 for sides in sums if sides <= PAGE_SIDES)
    return rows[: max(fitting, 1)]


def _difference(merchant_id: UUID, row: asyncpg.Record, fold: Fold) -> Difference | None:
    stored = Totals(row["posted"], row["held_out"], row["held_in"], row["version"])
    if stored == fold.totals and fold.misfit is None:
        return None
    owner = f"{row['owner']} {row['code']} {row['asset']}"
    found = Difference(
        ids.show("mer", merchant_id), "account", str(row["id"]), owner, str(stored),
        str(fold.totals),
    )  # fmt: skip
    if fold.misfit is None:
        return found
    transfer_id, version, why = fold.misfit
    return Difference(
        found.merchant, found.object, found.id, owner, found.stored, found.booked,
        f"{_transfer(transfer_id)}, version {version}", why,
    )  # fmt: skip


def _hold_difference(merchant_id: UUID, row: asyncpg.Record) -> Difference | None:
    names = [name for name in HOLD_FIELDS if row[name] != row[f"told_{name}"]]
    if not names:
        return None
    return Difference(
        ids.show("mer", merchant_id),
        "hold",
        f"{ids.show('hold', row['id'])} ({row['id']})",
        row["debit_owner"],
        ", ".join(f"{name} {row[name]}" for name in names),
        ", ".join(f"{name} {row[f'told_{name}']}" for name in names),
    )


def _transfer(transfer_id: UUID) -> str:
    """As the API shows it, and as it is in the database."""
    return f"{ids.show('tr', transfer_id)} ({transfer_id})"
