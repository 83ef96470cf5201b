"""Wallets on real PostgreSQL through engines: many writers at once, and one truth."""

import asyncio
from collections import Counter
from datetime import timedelta
from itertools import chain
from random import Random
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from tests.engine.test_engine import fetch, running
from tests.invariants import check_invariants
from tests.ledger.books import Fold, fold
from tests.wallets.scene import Till, hold_of
from tillgate.engine.command import Command, Outcome, Refused
from tillgate.engine.writer import Engine
from tillgate.kit import ids
from tillgate.kit.db import open_pool
from tillgate.wallets import reading
from tillgate.wallets.commands import How
from tillgate.wallets.jobs import HoldExpiry

WRITERS = 64


async def test_64_writers_never_deadlock_and_never_overdraw(database: str) -> None:
    """Half of the transfers meet in one wallet, the others are between random pairs, both ways."""
    till, rng = Till(), Random(4)
    users = [f"user-{n}" for n in range(12)]
    async with running(database) as one, running(database) as two:
        await asyncio.gather(*(one.run(till.credit(user, 300)) for user in users))

        async def write(engine: Engine, wishes: list[Command]) -> list[Any]:
            return [await engine.run(wish) for wish in wishes]

        decided = await asyncio.gather(
            *(write((one, two)[n % 2], _wishes(till, users, rng)) for n in range(WRITERS))
        )
    codes = Counter(d.code if isinstance(d, Refused) else "done" for d in chain(*decided))
    assert set(codes) == {"done", "insufficient_funds"}, codes
    assert codes["done"] > WRITERS
    left = [await _posted(database, till, user) for user in users]
    assert (sum(left), min(left) >= 0) == (300 * len(users), True)
    assert await _deadlocks(database) == 0
    await check_invariants(database)


def _wishes(till: Till, users: list[str], rng: Random) -> list[Command]:
    pairs = [rng.sample(users, 2) for _ in range(5)] + [
        rng.sample([users[0], rng.choice(users[1:])], 2) for _ in range(5)
    ]
    return [till.transfer(one, other, rng.choice([1, 50, 200])) for one, other in pairs]


async def _posted(dsn: str, till: Till, user: str) -> int:
    """What is in a wallet."""
    query = "SELECT posted FROM accounts WHERE merchant_id = $1 AND owner = $2"
    return (await fetch(dsn, query, till.merchant_id, f"user:{user}"))[0]["posted"]


async def _deadlocks(dsn: str) -> int:
    query = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    return (await fetch(dsn, query))[0]["deadlocks"]


async def test_of_a_hundred_debits_of_10_on_100_ten_succeed(database: str) -> None:
    till = Till()
    async with running(database) as one, running(database) as two:
        await one.run(till.credit("ann", 100))
        decided = await asyncio.gather(
            *((one, two)[n % 2].run(till.debit("ann", 10)) for n in range(100))
        )
    granted = [d for d in decided if isinstance(d, Outcome)]
    assert len(granted) == 10
    assert {d.code for d in decided if isinstance(d, Refused)} == {"insufficient_funds"}
    assert await _posted(database, till, "ann") == 0
    await check_invariants(database)


async def test_between_post_and_void_one_wins(database: str) -> None:
    till = Till()
    async with running(database) as one, running(database) as two:
        await one.run(till.credit("ann", 10_000))
        placed = await asyncio.gather(*(one.run(till.hold("ann", 100)) for _ in range(60)))
        hold_ids = [hold_of(outcome) for outcome in placed]

        async def end(hold_id: UUID, number: int) -> tuple[str, str]:
            ways: list[How] = ["post", "void", "post"]
            decided = await asyncio.gather(
                *(
                    (one, two)[(number + place) % 2].run(till.settle("ann", hold_id, how))
                    for place, how in enumerate(ways)
                )
            )
            lost = [d.code for d in decided if isinstance(d, Refused)]
            assert lost == ["hold_state"] * 2
            won = next(d for d in decided if isinstance(d, Outcome))
            return hold_id.hex, msgspec.json.decode(won.answer.body)["status"]

        ends = await asyncio.gather(*(end(hold_id, n) for n, hold_id in enumerate(hold_ids)))
    states = {row["id"].hex: row["state"] for row in await fetch(database, "SELECT * FROM holds")}
    assert states == dict(ends)
    posted = Counter(states.values())["posted"]
    assert await _posted(database, till, "ann") == 10_000 - 100 * posted
    assert await _deadlocks(database) == 0
    await check_invariants(database)


async def test_a_dispute_books_after_the_money_was_spent(database: str) -> None:
    till = Till()
    async with running(database) as engine:
        await engine.run(till.credit("ann", 500))
        await engine.run(till.debit("ann", 300))
        assert isinstance(await engine.run(till.dispute("ann", 500)), Outcome)
        refused = await engine.run(till.debit("ann", 1))
    assert isinstance(refused, Refused)
    found = await fetch(database, "SELECT code, posted FROM accounts")
    assert {row["code"]: row["posted"] for row in found} == {
        "wallet": 0, "available": -200, "elsewhere": 500, "receivable": -300,
    }  # fmt: skip
    causes = await fetch(database, "SELECT cause FROM transfers WHERE code = 'taken_back'")
    assert sum(row["cause"].endswith(":receivable") for row in causes) == 1
    assert len(causes) == 2
    await check_invariants(database)


async def test_the_same_key_moves_money_once(database: str) -> None:
    till = Till()
    async with running(database) as one, running(database) as two:
        wishes = [till.credit("ann", 70) for _ in range(32)]
        decided = await asyncio.gather(
            *((one, two)[n % 2].run(till.once("k", w, w.id)) for n, w in enumerate(wishes))
        )
        other = await two.run(till.once("k2", till.credit("ann", 1), ids.mint()))
    bodies = {d.answer.body for d in decided if isinstance(d, Outcome)}
    assert len(bodies) == 1
    assert sum(bool(d.answer.headers) for d in decided if isinstance(d, Outcome)) == 31
    assert isinstance(other, Outcome)
    assert await _posted(database, till, "ann") == 71
    await check_invariants(database)


async def test_wallets_of_two_merchants_never_meet(database: str) -> None:
    till, other = Till(), Till()
    async with running(database) as engine:
        await engine.run(till.credit("ann", 100))
        hold_id = hold_of(await engine.run(till.hold("ann", 60)))
        await engine.run(other.credit("ann", 5))
        stolen = await engine.run(other.settle("ann", hold_id, "post"))
        over = await engine.run(other.debit("ann", 6))
        same_key = [
            await engine.run(t.once("k", t.credit("ann", 1), hold_id)) for t in (till, other)
        ]
    assert isinstance(stolen, Refused)
    assert (stolen.status, stolen.code) == (404, "not_found")
    assert isinstance(over, Refused)
    assert over.code == "insufficient_funds"
    assert [bool(d.answer.headers) for d in same_key if isinstance(d, Outcome)] == [False, False]
    assert (await _posted(database, till, "ann"), await _posted(database, other, "ann")) == (101, 6)
    await check_invariants(database)


async def test_past_balances_are_a_replay(database: str) -> None:
    """At random times, at the very times of transfers, and just before: with holds on the way."""
    till, rng = Till(), Random(11)
    async with running(database) as one, running(database) as two:
        await one.run(till.credit("ann", 500))
        hold_ids: list[UUID] = []
        for _ in range(120):
            engine, amount = rng.choice((one, two)), rng.randrange(1, 120)
            match rng.randrange(5):
                case 0:
                    await engine.run(till.credit("ann", amount))
                case 1:
                    await engine.run(till.debit("ann", amount))
                case 2 if hold_ids:
                    how: How = rng.choice(("post", "void"))
                    await engine.run(till.settle("ann", hold_ids.pop(), how))
                case 3:
                    await engine.run(till.dispute("ann", amount))
                case _:
                    placed = await engine.run(till.hold("ann", amount))
                    hold_ids += [hold_of(placed)] if isinstance(placed, Outcome) else []
    connection = await asyncpg.connect(database)
    transfers = await _history(connection, till.merchant_id)
    accounts = await connection.fetch("SELECT id, version FROM accounts")
    first, last = transfers[0].created_at, transfers[-1].created_at
    moments = [first + (last - first) * rng.uniform(-0.1, 1.1) for _ in range(60)]
    moments += [one.created_at - timedelta(microseconds=rng.randrange(2)) for one in transfers]
    for moment in moments:
        then = fold(transfers, moment)
        for account in accounts:
            found = await connection.fetchrow(
                reading.sql["balance_at"], till.merchant_id, *account, moment
            )
            expected = then.get(account["id"], Fold())
            balance = tuple(found) if found else (0, 0)
            assert balance == (expected.posted, expected.held_out), moment
    await connection.close()
    assert len(moments) > 120
    await check_invariants(database)


async def _history(connection: Any, merchant_id: UUID) -> list[Any]:
    """All transfers as they were booked: ids are minted on arrival, times rise with versions."""
    query = "SELECT * FROM transfers WHERE merchant_id = $1"
    rows = await connection.fetch(query, merchant_id)
    waiting: list[Any] = [SimpleNamespace(**row) for row in rows]
    versions: Counter[UUID] = Counter()
    booked: list[Any] = []
    while waiting:
        ready = next(
            one
            for one in waiting
            if one.debit_version == versions[one.debit_id] + 1
            and one.credit_version == versions[one.credit_id] + 1
        )
        waiting.remove(ready)
        versions.update([ready.debit_id, ready.credit_id])
        booked.append(ready)
    return booked


async def test_a_sweeper_releases_what_was_held_for_too_long(database: str) -> None:
    """Two sweepers at once: each hold expires once."""
    till = Till()
    await _merchant(database, till.merchant_id)
    pool = await open_pool(database, 2)
    async with running(database) as one, running(database) as two:
        await one.run(till.credit("ann", 100))
        short = timedelta(microseconds=1)
        for expires_in in (short, short, short, None, timedelta(days=1)):
            await one.run(till.hold("ann", 10, expires_in))
        sweepers = HoldExpiry(pool, one), HoldExpiry(pool, two)
        while any(await asyncio.gather(*(sweeper.once() for sweeper in sweepers))):
            pass
    pool.terminate()
    states = Counter(row["state"] for row in await fetch(database, "SELECT state FROM holds"))
    assert states == {"expired": 3, "held": 2}
    lines = await fetch(database, "SELECT actor FROM audit WHERE action = 'hold.expire'")
    assert [row["actor"] for row in lines] == ["worker"] * 3
    found = await fetch(database, "SELECT posted, held_out FROM accounts WHERE code = 'wallet'")
    assert tuple(found[0]) == (100, 20)
    await check_invariants(database)


async def _merchant(dsn: str, merchant_id: UUID) -> None:
    await fetch(dsn, "INSERT INTO businesses VALUES ($1, 'x', now())", merchant_id)
    await fetch(dsn, "INSERT INTO merchants VALUES ($1, $1, false, 'x', now())", merchant_id)
