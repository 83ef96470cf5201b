"""Group commit on real PostgreSQL: gates, lock order, failing neighbours, lost commits."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import asyncpg
import pytest
from msgspec import Raw
from msgspec.structs import replace

from tests.invariants import check_invariants
from tests.proxy import Loss, proxied
from tillgate.audit.model import Owner
from tillgate.callbacks.commands import ApplyCallback, Message
from tillgate.connectors.protocol import Observation
from tillgate.engine.command import Command, Decision, Need, Outcome, Ref, Refused
from tillgate.engine.world import NotLoaded, NotLocked, World
from tillgate.engine.writer import Engine, Limits, Overloaded, Unavailable
from tillgate.idempotency.commands import Once
from tillgate.kit import ids
from tillgate.kit.money import Money
from tillgate.ledger.model import Account, Transfer
from tillgate.main.parts import SCHEMA
from tillgate.payments.commands import CreatePayment
from tillgate.payments.links import PayerLinks
from tillgate.payments.model import Payment
from tillgate.payments.tries import StartTry

LINKS = PayerLinks(("a secret that is only for these tests",), "http://127.0.0.1")
DIGEST = b"d" * 32


@asynccontextmanager
async def running(dsn: str, limits: Limits | None = None) -> AsyncGenerator[Engine]:
    engine = Engine(dsn, SCHEMA, limits=limits)
    await engine.start()
    async with asyncio.timeout(10):
        await engine.connected.wait()
    try:
        yield engine
    finally:
        await engine.stop()


class Shop:
    """One merchant with one connection, and commands of its own."""

    def __init__(self) -> None:
        self.merchant_id, self.connection_id = ids.mint(), ids.mint()
        self.owner = Owner(self.merchant_id, False, "key_test")

    def create(self) -> CreatePayment:
        payment_id = ids.mint()
        return CreatePayment(
            self.owner, payment_id, Money(1000, "eur"), "automatic", self.connection_id, None,
            Raw(b"{}"), None, None, None, timedelta(days=1),
            LINKS.of(self.merchant_id, payment_id),
        )  # fmt: skip

    def once(self, key: str, digest: bytes = DIGEST) -> Once:
        inner = self.create()
        return Once(self.merchant_id, key, digest, inner.id, "req_test", inner)

    def start(self, payment_id: UUID, operation_id: UUID) -> StartTry:
        return StartTry(self.owner, payment_id, operation_id, self.connection_id, Raw(b"{}"))

    def callback(self, event_key: str, operation_id: UUID, amount: int = 1000) -> ApplyCallback:
        ours = ids.show("op", operation_id)
        seen = Observation("ref_" + ours, ours, "captured", amount, "eur")
        message = Message(self.connection_id, event_key, (seen,), Raw(b"{}"), b"{}")
        return ApplyCallback(self.owner, ids.mint(), message)

    async def started(self, engine: Engine) -> UUID:
        """A payment whose payer was sent on; answers the operation's id."""
        command, operation_id = self.create(), ids.mint()
        await engine.run(command)
        await engine.run(self.start(command.id, operation_id))
        return operation_id


async def fetch(dsn: str, query: str, *arguments: object) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetch(query, *arguments)
    finally:
        await connection.close()


async def test_one_key_makes_one_payment_on_two_engines(database: str) -> None:
    shop = Shop()
    async with running(database) as one, running(database) as two:
        decisions = await asyncio.gather(
            *(engine.run(shop.once("same")) for _ in range(32) for engine in (one, two))
        )
        other = await one.run(shop.once("same", b"e" * 32))
    bodies = {d.answer.body for d in decisions if isinstance(d, Outcome)}
    assert len(bodies) == 1
    assert isinstance(other, Refused)
    assert other.code == "idempotency_key_reused"
    assert len(await fetch(database, "SELECT 1 FROM payments")) == 1
    await check_invariants(database)


async def test_a_key_is_new_after_its_time(database: str) -> None:
    shop = Shop()
    async with running(database) as engine:
        await engine.run(shop.once("k"))
        await fetch(
            database, "UPDATE idempotency_keys SET created_at = created_at - interval '25 hours'"
        )
        await engine.run(shop.once("k", b"e" * 32))
    assert len(await fetch(database, "SELECT 1 FROM payments")) == 2
    assert len(await fetch(database, "SELECT 1 FROM idempotency_keys")) == 1


async def test_one_callback_on_two_engines_books_once(database: str) -> None:
    shop = Shop()
    async with running(database) as one, running(database) as two:
        operations = [await shop.started(one) for _ in range(20)]
        commands = [
            (engine, shop.callback(f"evt_{n}", operation))
            for n, operation in enumerate(operations)
            for engine in (one, two)
            for _ in range(5)
        ]
        decisions = await asyncio.gather(*(engine.run(command) for engine, command in commands))
    effects = [d.answer for d in decisions if isinstance(d, Outcome)]
    assert effects.count("applied") == 20
    assert len(await fetch(database, "SELECT 1 FROM transfers")) == 20
    assert len(await fetch(database, "SELECT 1 FROM events WHERE type = 'payment.succeeded'")) == 20
    await check_invariants(database)


async def test_unlike_events_about_one_charge_book_once(database: str) -> None:
    """No gate catches these: the fold does."""
    shop = Shop()
    async with running(database) as one, running(database) as two:
        operation = await shop.started(one)
        unlike = [shop.callback(f"evt_{n}", operation) for n in range(16)]
        await asyncio.gather(
            *(
                engine.run(unlike[2 * n + m])
                for n in range(8)
                for m, engine in enumerate((one, two))
            )
        )
    assert len(await fetch(database, "SELECT 1 FROM transfers")) == 1
    await check_invariants(database)


class Breaks(NamedTuple):
    """A command with a bug: in its rules, or in what it writes."""

    merchant_id: UUID
    how: str

    def reads(self) -> Iterable[Ref]:
        return ()

    def decide(self, world: World, now: datetime) -> Decision:
        if self.how == "raises":
            raise ZeroDivisionError
        if self.how == "unnamed row":
            world.get(Payment, (self.merchant_id, self.merchant_id))
        shop = Shop()
        outcome = shop.create().decide(world, now)
        assert isinstance(outcome, Outcome)
        payment = outcome.rows[0]
        assert isinstance(payment, Payment)
        return Outcome(None, (replace(payment, amount=-1),))


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ("raises", ZeroDivisionError),
        ("unnamed row", NotLoaded),
        ("breaks a constraint", asyncpg.CheckViolationError),
    ],
)
async def test_a_broken_command_fails_alone(
    database: str, how: str, error: type[Exception]
) -> None:
    shop = Shop()
    async with running(database) as engine:
        good = [shop.create() for _ in range(60)]
        bad = [Breaks(shop.merchant_id, how) for _ in range(4)]
        mixed: list[Command] = [*good[:20], *bad[:2], *good[20:], *bad[2:]]
        results = await asyncio.gather(
            *(engine.run(command) for command in mixed), return_exceptions=True
        )
    assert sum(isinstance(result, Outcome) for result in results) == 60
    assert sum(isinstance(result, error) for result in results) == 4
    assert len(await fetch(database, "SELECT 1 FROM payments")) == 60
    await check_invariants(database)


class Backwards(NamedTuple):
    """Locks an account first and asks for the payment behind it: against the order."""

    merchant_id: UUID
    payment_id: UUID
    account: tuple[UUID, str, str, str]

    def reads(self) -> Iterable[Ref]:
        return (Ref(Account, self.account, lock=True),)

    def decide(self, world: World, now: datetime) -> Decision:
        place = (self.merchant_id, self.payment_id)
        if refs := world.missing(Ref(Payment, place, lock=True)):
            return Need(refs)
        payment = world.get(Payment, place)
        assert payment is not None
        changed = replace(payment, version=payment.version + 1, updated_at=now)
        return Outcome(changed.version, (changed,))


async def test_locks_are_taken_in_one_order_whatever_a_command_asks(database: str) -> None:
    shop = Shop()
    async with running(database) as one, running(database) as two:
        operation = await shop.started(one)
        await one.run(shop.callback("evt", operation))
        payment_id = (await fetch(database, "SELECT id FROM payments"))[0]["id"]
        account = (shop.merchant_id, "merchant", "available", "eur")
        command = Backwards(shop.merchant_id, payment_id, account)
        others = [await shop.started(one) for _ in range(30)]
        runs = [e.run(command) for _ in range(15) for e in (one, two)]
        runs += [one.run(shop.callback(f"evt_{op.hex}", op)) for op in others]
        await asyncio.gather(*runs)
    assert (await fetch(database, "SELECT version FROM payments WHERE id = $1", payment_id))[0][
        "version"
    ] == 3 + 30
    deadlocks = await fetch(
        database, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    )
    assert deadlocks[0]["deadlocks"] == 0
    await check_invariants(database)


def test_a_change_without_a_lock_is_a_bug() -> None:
    world = World()
    key = (UUID(int=1), UUID(int=2))
    world.expect([Ref(Payment, key)])
    outcome = Shop().create().decide(World(), datetime.fromisoformat("2026-11-21T00:00:00Z"))
    assert isinstance(outcome, Outcome)
    payment = outcome.rows[0]
    assert isinstance(payment, Payment)
    payment = replace(payment, merchant_id=key[0], id=key[1])
    world.loaded(payment)
    with pytest.raises(NotLocked):
        world.stage([replace(payment, tries=1)])


async def test_transfers_cannot_be_changed_or_removed(database: str) -> None:
    shop = Shop()
    async with running(database) as engine:
        await engine.run(shop.callback("evt", await shop.started(engine)))
    for statement in (
        "UPDATE transfers SET amount = amount + 1",
        "DELETE FROM transfers",
        "TRUNCATE transfers CASCADE",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await fetch(database, statement)


async def test_a_full_queue_refuses_wishes_and_keeps_room_for_callbacks(database: str) -> None:
    shop, other = Shop(), Shop()
    limits = Limits(queue_max=40, queue_reserved=20, merchant_share=0.5)
    async with running(database, limits) as engine:
        operation = await shop.started(engine)
        wishes = [asyncio.create_task(engine.run(shop.create())) for _ in range(30)]
        neighbour = asyncio.create_task(engine.run(other.create()))
        callback = asyncio.create_task(engine.run(shop.callback("evt", operation), reserved=True))
        results = await asyncio.gather(*wishes, return_exceptions=True)
        assert isinstance(await neighbour, Outcome)
        assert isinstance(await callback, Outcome)
    refused = [result for result in results if isinstance(result, Overloaded)]
    assert len(refused) == 20
    assert all(isinstance(r, Outcome | Overloaded) for r in results)


CREATION = b'"capture_method":'
"""Stands in the statement that creates payments, when it runs."""


@pytest.mark.parametrize(("loss", "transfers"), [("reply", 1), ("request", 0)])
async def test_a_lost_commit_is_looked_up_not_guessed(
    database: str, loss: Loss, transfers: int
) -> None:
    """The connection dies during COMMIT: before the server had it, or before we had its answer."""
    shop = Shop()
    async with proxied(database) as (proxy, dsn), running(dsn) as engine:
        command = shop.callback("evt", await shop.started(engine))
        proxy.lose(loss, b"COMMIT")
        results = await asyncio.gather(engine.run(command), return_exceptions=True)
        assert proxy.lost.is_set()
        assert len(await fetch(database, "SELECT 1 FROM transfers")) == transfers
        assert isinstance(results[0], Outcome if transfers else Unavailable)
        again = await _until_up(engine, command)
        assert isinstance(again, Outcome)
        assert again.answer == ("duplicate" if transfers else "applied")
    assert len(await fetch(database, "SELECT 1 FROM transfers")) == 1
    await check_invariants(database)


@pytest.mark.parametrize(("loss", "payments"), [("reply", 1), ("request", 0)])
async def test_a_lost_statement_is_looked_up_not_guessed(
    database: str, loss: Loss, payments: int
) -> None:
    """As above, where one statement is the whole transaction: its row tells, once the process
    that ran it is gone."""
    shop = Shop()
    async with proxied(database) as (proxy, dsn), running(dsn) as engine:
        proxy.lose(loss, CREATION)
        results = await asyncio.gather(engine.run(shop.once("k")), return_exceptions=True)
        assert proxy.lost.is_set()
        assert len(await fetch(database, "SELECT 1 FROM payments")) == payments
        assert isinstance(results[0], Outcome if payments else Unavailable)
        again = await _until_up(engine, shop.once("k"))
        assert isinstance(again, Outcome)
        assert bool(again.answer.headers) == bool(payments)  # replayed, or made now
    assert len(await fetch(database, "SELECT 1 FROM payments")) == 1
    await check_invariants(database)


async def test_a_lone_command_passes_its_gate_in_one_statement(database: str) -> None:
    """And finds it closed by whoever was there before, on this engine or another."""
    shop = Shop()
    async with (
        proxied(database) as (proxy, dsn),
        running(dsn) as one,
        running(database) as two,
    ):
        await one.run(shop.once("first"))  # reads the database's clock
        before = proxy.requests
        made = await one.run(shop.once("k"))
        assert proxy.requests - before == 1
        again = [await engine.run(shop.once("k")) for engine in (one, two, one)]
    assert isinstance(made, Outcome)
    assert {a.answer.body for a in again if isinstance(a, Outcome)} == {made.answer.body}
    assert len(await fetch(database, "SELECT 1 FROM payments")) == 2
    assert len(await fetch(database, "SELECT 1 FROM audit")) == 2


async def _until_up(engine: Engine, command: Command) -> Outcome | Refused:
    async with asyncio.timeout(10):
        await engine.connected.wait()
    return await engine.run(command)


async def test_without_a_database_wishes_are_refused_at_once() -> None:
    engine = Engine("postgresql://nobody@127.0.0.1:9/none", SCHEMA)
    await engine.start()
    with pytest.raises(Unavailable):
        await engine.run(Shop().create())
    await engine.stop()


async def test_the_ledger_repeats_the_rules(database: str) -> None:
    """A wallet's floor holds even where no rule of ours was asked."""
    shop = Shop()
    async with running(database) as engine:
        await engine.run(shop.callback("evt", await shop.started(engine)))
    with pytest.raises(asyncpg.CheckViolationError):
        await fetch(database, "UPDATE accounts SET floor = 0 WHERE code = 'clearing'")
    row = (await fetch(database, "SELECT * FROM transfers"))[0]
    columns = [c for c in Transfer.__struct_fields__ if c != "id"]
    with pytest.raises(asyncpg.UniqueViolationError, match="transfers_cause"):
        await fetch(
            database,
            f"INSERT INTO transfers (id, {', '.join(columns)}) "
            f"SELECT gen_random_uuid(), {', '.join(columns)} FROM transfers WHERE id = $1",
            row["id"],
        )
