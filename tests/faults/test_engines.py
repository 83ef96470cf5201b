"""Engines side by side: other orders, rows held by strangers, floods, commits without answers."""

import asyncio
from random import Random

import asyncpg
import pytest

from tests.engine.test_engine import CREATION, Backwards, Breaks, Shop, fetch, running
from tests.faults.site import PATIENCE_S, eventually
from tests.invariants import check_invariants
from tests.proxy import proxied
from tillgate.engine.command import Command, Outcome, Refused
from tillgate.engine.writer import Engine, Limits, Overloaded, Unavailable

PATIENT = Limits(age_max_s=60, slow_lock_timeout_ms=50_000, statement_timeout_ms=55_000)
"""Whoever waits for a lock waits until the test lets go."""

DEADLOCKS_SHOW = Limits(lock_timeout_ms=5000)
"""Longer than PostgreSQL waits before it looks for a deadlock."""


async def test_two_engines_in_other_orders_do_not_deadlock(database: str) -> None:
    shop, rng = Shop(), Random(3)
    async with running(database, DEADLOCKS_SHOW) as one, running(database, DEADLOCKS_SHOW) as two:
        operations = await asyncio.gather(*(shop.started(one) for _ in range(60)))
        for number in range(6):
            runs = [
                engine.run(shop.callback(f"evt_{number}_{place}_{operation.hex}", operation))
                for place, engine in enumerate((one, two))
                for operation in rng.sample(operations, len(operations))
            ]
            rng.shuffle(runs)
            await asyncio.gather(*runs)
        figures = one.figures + two.figures
    assert figures["conflict DeadlockDetectedError"] == 0
    assert len(await fetch(database, "SELECT 1 FROM transfers")) == len(operations)
    await check_invariants(database)


async def test_rows_are_locked_in_the_order_of_their_keys(database: str) -> None:
    """A group that waits for one row holds those before it, and none behind it."""
    shop = Shop()
    async with running(database, PATIENT._replace(lock_timeout_ms=50_000)) as engine:
        operations = await asyncio.gather(*(shop.started(engine) for _ in range(20)))
        rows = await fetch(database, "SELECT id FROM payments ORDER BY merchant_id, id")
        payments = [row["id"] for row in rows]
        stranger = await asyncpg.connect(database)
        transaction = stranger.transaction()
        await transaction.start()
        await stranger.execute("SELECT FROM payments WHERE id = $1 FOR UPDATE", payments[10])
        runs = asyncio.gather(*(engine.run(shop.callback(op.hex, op)) for op in operations))
        await eventually(lambda: fetch(database, WAITING))
        free = await fetch(database, "SELECT id FROM payments FOR UPDATE SKIP LOCKED")
        await transaction.rollback()
        await stranger.close()
        await runs
    assert {row["id"] for row in free} == set(payments[11:])


async def test_a_command_decides_on_what_a_stranger_has_just_changed(database: str) -> None:
    """Who waits for a row decides on it as it is then, not as it was before."""
    shop = Shop()
    async with running(database, PATIENT._replace(lock_timeout_ms=50_000)) as engine:
        await engine.run(shop.callback("evt", await shop.started(engine)))
        payment = (await fetch(database, "SELECT id, version FROM payments"))[0]
        stranger = await asyncpg.connect(database)
        transaction = stranger.transaction()
        await transaction.start()
        await stranger.execute("UPDATE payments SET version = version + 1")
        account = (shop.merchant_id, "merchant", "available", "eur")
        command = Backwards(shop.merchant_id, payment["id"], account)
        run = asyncio.create_task(engine.run(command))
        await eventually(lambda: fetch(database, WAITING))
        await transaction.commit()
        await stranger.close()
        decided = await run
    assert isinstance(decided, Outcome)
    assert decided.answer == payment["version"] + 2


WAITING = "SELECT FROM pg_locks WHERE NOT granted AND locktype IN ('tuple', 'transactionid')"


@pytest.mark.parametrize("held", ["payments", "accounts"])
async def test_a_row_that_a_stranger_holds_stops_nobody_else(database: str, held: str) -> None:
    """Even in the same group; and it goes through when the stranger lets go."""
    shop, other = Shop(), Shop()
    async with running(database, PATIENT) as engine:
        await engine.run(shop.callback("first", await shop.started(engine)))
        contended = await shop.started(engine)
        others = await asyncio.gather(*(other.started(engine) for _ in range(40)))
        stranger = await asyncpg.connect(database)
        transaction = stranger.transaction()
        await transaction.start()
        await stranger.execute(
            f"SELECT FROM {held} WHERE merchant_id = $1 FOR UPDATE", shop.merchant_id
        )
        waits = [asyncio.create_task(engine.run(shop.callback(f"w{n}", contended))) for n in (1, 2)]
        for number in range(5):
            runs: list[Command] = [other.callback(f"{number}{op.hex}", op) for op in others]
            runs += [shop.create() for _ in range(20)]
            waits.append(asyncio.create_task(engine.run(shop.callback(f"e{number}", contended))))
            assert all(isinstance(d, Outcome) for d in await asyncio.gather(*map(engine.run, runs)))
        assert not any(task.done() for task in waits)
        assert engine.figures["set aside"] == len(waits)
        await transaction.rollback()
        await stranger.close()
        decided = await asyncio.gather(*waits)
    effects = [d.answer for d in decided if isinstance(d, Outcome)]
    assert sorted(effects) == ["applied"] + ["nothing_new"] * (len(waits) - 1)
    assert len(await fetch(database, "SELECT 1 FROM transfers")) == 42
    await check_invariants(database)


async def test_a_gate_that_a_stranger_is_about_to_pass_stops_nobody_else(database: str) -> None:
    """Its row is not there to be seen: who wants it is found by halving."""
    shop = Shop()
    async with running(database, PATIENT) as engine:
        stranger = await asyncpg.connect(database)
        transaction = stranger.transaction()
        await transaction.start()
        await stranger.execute(
            "INSERT INTO idempotency_keys (merchant_id, key, digest, state, status_code, body,"
            " created_at) VALUES ($1, 'k', $2, 'done', 201, '{}', now())",
            shop.merchant_id, b"e" * 32,
        )  # fmt: skip
        waits = asyncio.create_task(engine.run(shop.once("k")))
        await asyncio.gather(*(engine.run(shop.once(f"key {n}")) for n in range(40)))
        assert not waits.done()
        await transaction.commit()
        await stranger.close()
        decided = await waits
    assert isinstance(decided, Refused)
    assert decided.code == "idempotency_key_reused"
    assert len(await fetch(database, "SELECT 1 FROM payments")) == 40


async def test_a_table_that_is_locked_for_a_while_refuses_nobody(database: str) -> None:
    """As a migration does it."""
    shop = Shop()
    async with running(database, PATIENT) as engine:
        operations = await asyncio.gather(*(shop.started(engine) for _ in range(8)))
        migration = await asyncpg.connect(database)
        transaction = migration.transaction()
        await transaction.start()
        await migration.execute("LOCK TABLE payments IN ACCESS EXCLUSIVE MODE")
        runs = asyncio.gather(*(engine.run(shop.callback(op.hex, op)) for op in operations))
        await eventually(lambda: has_halved(engine))
        await transaction.rollback()
        await migration.close()
        decided = await runs
    assert [d.answer for d in decided if isinstance(d, Outcome)] == ["applied"] * 8
    await check_invariants(database)


async def has_halved(engine: Engine) -> bool:
    return engine.figures["halved"] > 0


async def test_a_row_that_stays_locked_refuses_and_the_same_wish_goes_later(database: str) -> None:
    shop = Shop()
    impatient = Limits(lock_timeout_ms=50, slow_lock_timeout_ms=50)
    async with running(database, impatient) as engine:
        operation = await shop.started(engine)
        stranger = await asyncpg.connect(database)
        async with stranger.transaction():
            await stranger.execute("SELECT FROM payments FOR UPDATE")
            with pytest.raises(Overloaded):
                await engine.run(shop.callback("evt", operation))
        await stranger.close()
        decided = await engine.run(shop.callback("evt", operation))
    assert isinstance(decided, Outcome)
    assert decided.answer == "applied"
    await check_invariants(database)


async def test_the_slow_lane_has_an_end(database: str) -> None:
    shop = Shop()
    limits = PATIENT._replace(lock_timeout_ms=50, slow_max=3)
    async with running(database, limits) as engine:
        operation = await shop.started(engine)
        stranger = await asyncpg.connect(database)
        transaction = stranger.transaction()
        await transaction.start()
        await stranger.execute("SELECT FROM payments FOR UPDATE")
        runs = [asyncio.create_task(engine.run(shop.callback(f"{n}", operation))) for n in range(9)]
        first, _ = await asyncio.wait(runs, return_when=asyncio.FIRST_COMPLETED)
        await transaction.rollback()
        await stranger.close()
        results = await asyncio.gather(*runs, return_exceptions=True)
    assert all(isinstance(task.exception(), Overloaded) for task in first)
    assert {type(result) for result in results} == {Outcome, Overloaded}
    await check_invariants(database)


async def test_one_merchants_flood_does_not_starve_another(database: str) -> None:
    flooding, quiet = Shop(), Shop()
    async with running(database, Limits(group_max=16)) as engine:
        flood = [asyncio.create_task(engine.run(flooding.create())) for _ in range(1000)]
        await asyncio.sleep(0)  # all of them queue
        await asyncio.gather(*(engine.run(quiet.create()) for _ in range(10)))
        answered = sum(task.done() for task in flood)
        await asyncio.gather(*flood)
    assert answered < 200
    await check_invariants(database)


async def test_commits_that_are_lost_under_load_book_once(database: str) -> None:
    """Connections die during COMMIT, or during the statement that is a whole transaction: before
    the server has it, or before it has answered."""
    shop, rng = Shop(), Random(5)
    async with proxied(database) as (proxy, dsn), running(dsn) as engine:
        operations = await asyncio.gather(*(shop.started(engine) for _ in range(240)))
        todo = list(enumerate(operations))

        async def clerk() -> None:
            while todo:
                number, operation = todo.pop()
                await until_done(engine, shop.callback(f"evt_{number}", operation))
                await until_done(engine, shop.once(f"key_{number}"))

        clerks = asyncio.gather(*(clerk() for _ in range(8)))
        for needle in (b"COMMIT", CREATION) * 5:
            proxy.lose(rng.choice(("request", "reply")), needle)
            await proxy.lost.wait()
        await clerks
        resolved = engine.figures["uncertain True"] + engine.figures["uncertain False"]
    assert resolved >= 5  # a creation in one group with callbacks has not come to its COMMIT
    assert len(await fetch(database, "SELECT 1 FROM transfers")) == len(operations)
    assert len(await fetch(database, "SELECT 1 FROM payments")) == 2 * len(operations)
    await check_invariants(database)


async def test_nobody_is_left_waiting_when_half_a_group_loses_the_connection(database: str) -> None:
    """The group was halved for a bad command; the first half's COMMIT is lost."""
    shop = Shop()
    async with proxied(database) as (proxy, dsn), running(dsn) as engine:
        operations = await asyncio.gather(*(shop.started(engine) for _ in range(8)))
        good = [shop.callback(operation.hex, operation) for operation in operations]
        bad = Breaks(shop.merchant_id, "breaks a constraint")
        proxy.lose("request", b"COMMIT")
        async with asyncio.timeout(PATIENCE_S):
            results = await asyncio.gather(
                *(engine.run(command) for command in (*good[:4], bad, *good[4:])),
                return_exceptions=True,
            )
        assert {type(result) for result in results} == {Unavailable}
        await asyncio.gather(*(until_done(engine, command) for command in good))
    assert len(await fetch(database, "SELECT 1 FROM transfers")) == len(good)
    await check_invariants(database)


async def until_done(engine: Engine, command: Command) -> Outcome | Refused:
    """Repeats a wish that was refused for want of a database."""
    while True:
        await engine.connected.wait()
        try:
            return await engine.run(command)
        except Unavailable:
            await asyncio.sleep(0)
