"""`tillgate ledger check` on real books: content with right ones, also while others write; and
names what a superuser has changed behind the triggers' back."""

import asyncio
import json
import os
import pty
import random
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from msgspec import Struct
from msgspec.structs import astuple

from tests.engine.test_engine import running
from tests.flows.stack import Stack, until
from tillgate.audit.model import Owner
from tillgate.cli import ports
from tillgate.cli.ledger import check
from tillgate.cli.ledger.books import IN_ORDER, sql
from tillgate.cli.ledger.findings import FILE
from tillgate.cli.postgres import EmbeddedPostgres
from tillgate.engine.command import Command, Outcome
from tillgate.engine.writer import Engine
from tillgate.kit import ids
from tillgate.kit.http import Answer
from tillgate.kit.money import Money
from tillgate.ledger.model import Account, AccountKey, Transfer, available, wallet
from tillgate.ledger.rules import Book, Fact
from tillgate.wallets.commands import How, Move, PlaceHold, SettleHold

from .test_doctor import INHERITED, business, execute

NOW = datetime(2026, 11, 21, tzinfo=UTC)
HOUR = timedelta(hours=1)
ALICE, BOB, MERCHANT = "user:alice wallet eur", "user:bob wallet eur", "merchant available eur"


class Books:
    """A database with a little of everything in it."""

    def __init__(self, dsn: str, test: Owner, live: Owner, data: Path) -> None:
        self.dsn, self.test, self.live, self.data = dsn, test, live, data

    async def check(self, *, merchant: str | None = None, resume: bool = False) -> int:
        """The status; what is printed is for `capsys`."""
        environ = {"DATABASE_URL": self.dsn}
        return await asyncio.to_thread(
            check, self.data, environ, merchant, resume=resume, as_json=True
        )

    async def tamper(self, statement: str) -> None:
        """As a superuser who turns the triggers off."""
        await execute(self.dsn, f"SET session_replication_role = replica; {statement}")


@pytest.fixture
async def books(database: str, folder: Path) -> Books:
    books = await empty(database, folder)
    async with running(database) as engine:
        await story(engine, books.test)
        await run(engine, move(books.live, None, "alice", 10))
    return books


async def empty(dsn: str, folder: Path) -> Books:
    await business(dsn)
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch("SELECT id FROM merchants ORDER BY livemode")
    await connection.close()
    test, live = rows
    return Books(
        dsn, Owner(test["id"], False, "key_1"), Owner(live["id"], True, "key_2"), folder / "data"
    )


async def story(engine: Engine, owner: Owner) -> None:
    """Alice's wallet comes to version 8, by: credit, transfer, three holds, post, void, credit."""
    await run(engine, move(owner, None, "alice", 1000, 'Grüße, "quoted" \\ / 100\u202f€'))
    await run(engine, move(owner, "alice", "bob", 100))
    await run(engine, move(owner, "bob", None, 30))
    holds = [await hold(engine, owner, amount) for amount in (200, 50, 70)]
    await run(engine, SettleHold(owner, ids.mint(), "alice", holds[0], "post", 150))
    await run(engine, SettleHold(owner, ids.mint(), "alice", holds[1], "void"))
    await run(engine, move(owner, None, "alice", 5))


def move(
    owner: Owner, sender: str | None, receiver: str | None, amount: int, said: str | None = None
) -> Move:
    kind = "credit" if sender is None else "debit" if receiver is None else "transfer"
    return Move(owner, ids.mint(), kind, sender, receiver, Money(amount, "eur"), "inv-1", said)


async def hold(engine: Engine, owner: Owner, amount: int) -> UUID:
    wish = PlaceHold(owner, ids.mint(), "alice", Money(amount, "eur"), HOUR, "room 7", None)
    answer = json.loads((await run(engine, wish)).body)
    found = ids.parse("hold", answer["id"])
    assert found is not None
    return found


async def run(engine: Engine, command: Command) -> Answer:
    outcome = await engine.run(command)
    assert isinstance(outcome, Outcome), outcome
    return outcome.answer


def program(*arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "tillgate", "ledger", "check", *arguments],
        capture_output=True, text=True, check=False, env={**INHERITED, **environ},
    )  # fmt: skip


def told(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


# ---- right books ----------------------------------------------------------------------------


async def test_right_books_pass(books: Books, capsys: pytest.CaptureFixture[str]) -> None:
    assert await books.check() == 0
    counted: dict[str, Any] = {
        "accounts": 5,
        "transfers": 10,
        "holds": 3,
        "differences": [],
        "more": 0,
    }
    assert told(capsys) == {"ok": True, **counted}
    assert await books.check(merchant=ids.show("mer", books.live.merchant_id)) == 0
    assert (told(capsys) | counted) == {"ok": True, **counted}
    assert not (books.data / FILE).exists()


async def test_one_merchant_alone(books: Books, capsys: pytest.CaptureFixture[str]) -> None:
    await books.tamper("UPDATE transfers SET ref = 'other' WHERE amount = 100")
    assert await books.check(merchant=ids.show("mer", books.live.merchant_id)) == 0
    assert told(capsys)["transfers"] == 1
    assert await books.check(merchant=ids.show("mer", books.test.merchant_id)) == 1
    assert told(capsys)["transfers"] == 9


async def test_an_empty_database_is_right(database: str) -> None:
    done = program(DATABASE_URL=database)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "0 accounts, 0 transfers, 0 holds: the books are right.\n"


async def test_a_running_dev(stack: Stack, dev_folder: Path) -> None:
    done = await asyncio.to_thread(program, "--data", str(dev_folder / "data"))
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "the books are right" in done.stdout
    assert stack.url


async def test_the_products_own_user_may_check(books: Books) -> None:
    await execute(books.dsn, "CREATE USER clerk PASSWORD 'clerk'; GRANT tillgate_app TO clerk")
    done = program(DATABASE_URL=f"postgresql://clerk:clerk@{books.dsn.rpartition('@')[2]}")
    await execute(books.dsn, "DROP ROLE clerk")
    assert done.returncode == 0, done.stderr


async def test_writers_cause_no_alarm(books: Books, capsys: pytest.CaptureFixture[str]) -> None:
    """They share accounts, and place and settle holds, while it looks again and again."""
    async with running(books.dsn) as engine:
        writers = [asyncio.create_task(write(engine, books.test, seed)) for seed in range(8)]
        seen: list[int] = []
        try:
            while len(seen) < 5 or seen[-1] < seen[0] + 50:
                assert await books.check() == 0, capsys.readouterr().out
                seen.append(told(capsys)["transfers"])
                assert not any(writer.done() for writer in writers)
        finally:
            for writer in writers:
                writer.cancel()
            await asyncio.gather(*writers, return_exceptions=True)
    assert await books.check() == 0


async def write(engine: Engine, owner: Owner, seed: int) -> None:
    chance = random.Random(seed)
    while True:
        sender, receiver = chance.sample(["alice", "bob", None], 2)
        await engine.run(move(owner, sender, receiver, chance.randint(1, 9)))
        wish = PlaceHold(owner, ids.mint(), "alice", Money(1, "eur"), None, None, None)
        placed = await engine.run(wish)
        if chance.random() < 0.8 and isinstance(placed, Outcome):
            found = ids.parse("hold", json.loads(placed.answer.body)["id"])
            assert found is not None
            how: How = "post" if chance.random() < 0.5 else "void"
            await engine.run(SettleHold(owner, ids.mint(), "alice", found, how))


# ---- changed books --------------------------------------------------------------------------

THE_100 = "WHERE amount = 100"
ADD = "UPDATE accounts SET posted = posted +"
NOT_UNIQUE = "ALTER TABLE transfers DROP CONSTRAINT transfers_cause"
ANOTHER = "(SELECT cause FROM transfers WHERE amount = 30)"
POSTED = "(SELECT hold_id FROM transfers WHERE kind = 'post')"
THE_VOID = "WHERE kind = 'void'"
ALICES = "WHERE owner = 'user:alice' AND posted > 100"

CHANGES: dict[str, tuple[str, dict[str | None, str]]] = {
    "an amount": (
        f"UPDATE transfers SET amount = 101 {THE_100}",
        {ALICE: "leaves 900 posted, the transfers so far make it 899", BOB: "leaves 100 posted"},
    ),
    "a transfer is gone": (
        f"DELETE FROM transfers {THE_100}",
        {ALICE: "version 3 follows 1", BOB: "version 2 follows 0"},
    ),
    "the last transfer is gone": (
        "DELETE FROM transfers WHERE amount = 5",
        {ALICE: "", MERCHANT: ""},
    ),
    "a debit's balance after": (
        f"UPDATE transfers SET debit_after = 901 {THE_100}",
        {ALICE: "leaves 901 posted, the transfers so far make it 900"},
    ),
    "a credit's balance after": (
        f"UPDATE transfers SET credit_after = 0 {THE_100}",
        {BOB: "leaves 0 posted, the transfers so far make it 100"},
    ),
    "what is held after": (
        f"UPDATE transfers SET debit_held = 0 {THE_VOID}",
        {ALICE: "leaves 0 held out, the transfers so far make it 70"},
    ),
    "a version": (
        f"UPDATE transfers SET credit_version = 9 {THE_100}",
        {BOB: "version 2 follows 0"},
    ),
    "a balance": (
        f"{ADD} 5 {ALICES}",
        {ALICE: "", None: "posted 5, held out 70"},
    ),
    "two balances, so that the sum is right": (
        f"{ADD} 5 {ALICES}; {ADD} -5 WHERE owner = 'user:bob'",
        {ALICE: "", BOB: ""},
    ),
    "what an account has held out": (
        f"UPDATE accounts SET held_out = 0 {ALICES}",
        {ALICE: "", None: "held out 0, held in 70"},
    ),
    "what is held for an account": (
        "UPDATE accounts SET held_in = 71 WHERE held_in > 0",
        {MERCHANT: "", None: "held out 70, held in 71"},
    ),
    "how often an account changed": (
        f"UPDATE accounts SET version = 9 {ALICES}",
        {ALICE: ""},
    ),
    "a digest": (
        f"UPDATE transfers SET digest = sha256('x') {THE_100}",
        {ALICE: "its digest is another"},
    ),
    "what it is for": (
        "UPDATE transfers SET meta = '{\"description\":\"a gift\"}' WHERE amount = 1000",
        {MERCHANT: "its digest is another"},
    ),
    "what it is for is gone": (
        "UPDATE transfers SET meta = NULL WHERE amount = 1000",
        {MERCHANT: "its digest is another"},
    ),
    "a reference": (
        f"UPDATE transfers SET ref = 'inv-2' {THE_100}",
        {ALICE: "its digest is another"},
    ),
    "a kind of fact": (
        f"UPDATE transfers SET code = 'wallet_debit' {THE_100}",
        {ALICE: "its digest is another"},
    ),
    "a time": (
        f"UPDATE transfers SET created_at = '2020-02-02', effective_at = '2020-02-02' {THE_100}",
        {ALICE: "it is of 2020-02-02"},
    ),
    "when it took effect": (
        f"UPDATE transfers SET effective_at = '2999-01-01' {THE_100}",
        {ALICE: "before its effect at 2999-01-01", BOB: "before its effect"},
    ),
    "a second fact of the same cause": (
        f"{NOT_UNIQUE}; UPDATE transfers SET cause = {ANOTHER} {THE_100}",
        {ALICE: "its digest is another", None: "2 transfers"},
    ),
    "an account is gone": (
        "DELETE FROM accounts WHERE owner = 'user:bob'",
        {None: "not both of its accounts"},
    ),
    "a hold that was resolved twice": (
        f"DROP INDEX transfers_resolution; UPDATE transfers SET hold_id = {POSTED} {THE_VOID}",
        {
            ALICE: "leaves 70 held out, the transfers so far make it 120",
            MERCHANT: "which is not held before it",
            "user:alice": "state voided",
        },
    ),
    "more was posted than was held": (
        "UPDATE transfers SET amount = 201 WHERE kind = 'post'",
        {ALICE: "leaves 750 posted", MERCHANT: "posted", "user:alice": "posted 150"},
    ),
    "the state of a hold": (
        "UPDATE holds SET state = 'expired' WHERE state = 'voided'",
        {"user:alice": "state expired"},
    ),
    "what was posted of a hold": (
        "UPDATE holds SET posted = 149 WHERE posted > 0",
        {"user:alice": "posted 149"},
    ),
    "whose a hold is": (
        "UPDATE holds SET debit_owner = 'user:bob' WHERE state = 'held'",
        {"user:bob": "debit_owner user:bob"},
    ),
    "when a hold ends": (
        "UPDATE holds SET expires_at = '2999-01-01' WHERE state = 'held'",
        {"user:alice": "expires_at 2999-01-01"},
    ),
    "the row of a hold is gone": (
        "DELETE FROM holds WHERE state = 'held'",
        {ALICE: "has no row in holds"},
    ),
    "the transfer of a hold is gone": (
        "DELETE FROM transfers WHERE kind = 'hold' AND amount = 70",
        {ALICE: "version 6 follows 4", MERCHANT: "version 6 follows 4", "user:alice": "state held"},
    ),
}  # fmt: skip
"""What is changed, and whose account or what else is then named, with words of what is said."""


@pytest.mark.parametrize("what", CHANGES)
async def test_a_change_is_found_and_named(
    books: Books, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    statement, expected = CHANGES[what]
    await books.tamper(statement)
    assert await books.check() == 1
    found = told(capsys)
    assert found["ok"] is False
    merchant = ids.show("mer", books.test.merchant_id)
    assert {one["merchant"] for one in found["differences"]} == {merchant}
    named = {one["owner"]: f"{one['stored']} {one['why']}" for one in found["differences"]}
    assert named.keys() == expected.keys(), found
    assert not [owner for owner, words in expected.items() if words not in named[owner]], named


async def test_a_person_is_told_what_stands_where(books: Books) -> None:
    await books.tamper(f"UPDATE transfers SET amount = 101 {THE_100}")
    done = program("--data", str(books.data), DATABASE_URL=books.dsn)
    connection = await asyncpg.connect(books.dsn)
    account = await connection.fetchval(f"SELECT id FROM accounts {ALICES}")
    transfer = await connection.fetchval("SELECT id FROM transfers WHERE amount = 101")
    await connection.close()
    assert done.returncode == 1
    assert done.stdout.startswith(
        f"WRONG  account {account} ({ALICE}) of {ids.show('mer', books.test.merchant_id)}\n"
        "       stored:         posted 755, held out 70, held in 0, version 8\n"
        "       transfers say:  posted 754, held out 70, held in 0, version 8\n"
        f"       first misfit:   {ids.show('tr', transfer)} ({transfer}), version 2: "
        "it leaves 900 posted, the transfers so far make it 899\n"
    )
    assert done.stdout.endswith("\n5 accounts, 10 transfers, 3 holds: 2 differences.\n")


# ---- interrupted ----------------------------------------------------------------------------


@pytest.fixture
async def wide(database: str, folder: Path) -> Books:
    """Books of 2,001 accounts, so many that they are read in several snapshots."""
    books = await empty(database, folder)
    keys = [wallet(books.test.merchant_id, f"{n:04}", "eur") for n in range(2000)]
    await write_rows(database, booked(available(books.test.merchant_id, "eur"), keys))
    return books


def booked(source: AccountKey, keys: list[AccountKey]) -> tuple[Struct, ...]:
    """Three credits to each."""
    book = Book(ids.series(ids.mint()), NOW)
    for key in (source, *keys):
        book.take(key, None)
    for number in range(3):
        for key in keys:
            book.post(source, key, Money(7, "eur"), Fact("test", f"{key.owner} {number}", None))
    return book.rows()


async def write_rows(dsn: str, rows: tuple[Struct, ...]) -> None:
    connection = await asyncpg.connect(dsn)
    async with connection.transaction():
        for kind, table in ((Account, "accounts"), (Transfer, "transfers")):
            records = [astuple(row) for row in rows if isinstance(row, kind)]
            columns = list(kind.__struct_fields__)
            await connection.copy_records_to_table(table, records=records, columns=columns)
    await connection.close()


@asynccontextmanager
async def stopped_on_the_way(books: Books) -> AsyncGenerator["asyncio.subprocess.Process"]:
    """A check that has read some accounts, and waits for a lock to read the others.

    Whoever waits for a lock gets it in turn: the check does one thing between one holder and the
    next. First it looks which merchants there are, then it reads a page of accounts.
    """
    looking = await asyncpg.connect(books.dsn)

    async def waiting() -> int:
        return await looking.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted")

    first, second, third = [await asyncpg.connect(books.dsn) for _ in range(3)]
    await first.execute(LOCK)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tillgate", "ledger", "check", "--data", str(books.data),
        env={**INHERITED, "DATABASE_URL": books.dsn}, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    for holder, following in ((first, second), (second, third)):
        await until(waiting, lambda count: count == 1)
        locked = asyncio.create_task(following.execute(LOCK))
        await until(waiting, lambda count: count == 2)
        await holder.execute("ROLLBACK")
        await locked
    await until(waiting, lambda count: count == 1)
    yield process
    for connection in (first, second, third, looking):
        await connection.close()


LOCK = "BEGIN; LOCK TABLE transfers IN ACCESS EXCLUSIVE MODE"


async def test_interrupted_it_goes_on_where_it_stopped(
    wide: Books, capsys: pytest.CaptureFixture[str]
) -> None:
    """A difference that it has told itself stays told, though it is mended meanwhile."""
    await wide.tamper("UPDATE accounts SET posted = 8 WHERE owner = 'user:0001'")
    async with stopped_on_the_way(wide) as process:
        process.send_signal(signal.SIGINT)
        out, err = await process.communicate()
    assert (process.returncode, out) == (130, b""), err
    assert f"tillgate ledger check --resume --data {wide.data}" in err.decode()
    left = json.loads((wide.data / FILE).read_bytes())
    assert 0 < left["accounts"] < 2001
    assert left["place"][1].startswith("user:")
    await wide.tamper("UPDATE accounts SET posted = 21 WHERE owner = 'user:0001'")
    assert await wide.check(resume=True) == 1
    found = told(capsys)
    assert (found["accounts"], found["transfers"]) == (2001, 6000)
    assert [one["owner"] for one in found["differences"]] == ["user:0001 wallet eur"]
    assert not (wide.data / FILE).exists()
    assert await wide.check() == 0


async def test_a_lost_database_can_be_gone_on_with(
    wide: Books, capsys: pytest.CaptureFixture[str]
) -> None:
    async with stopped_on_the_way(wide) as process:
        await execute(
            wide.dsn,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'tillgate ledger check'",
        )
        _, err = await process.communicate()
    assert (process.returncode, b"could not be read to the end" in err) == (2, True), err
    assert await wide.check(resume=True) == 0
    assert told(capsys)["accounts"] == 2001


async def test_what_was_interrupted_must_be_the_same(books: Books) -> None:
    environ = {"DATABASE_URL": books.dsn}
    done = program("--resume", "--data", str(books.data), **environ)
    assert (done.returncode, "No check was interrupted" in done.stderr) == (2, True)
    books.data.mkdir()
    left = {"of": ["another/database", None], "place": [str(books.test.merchant_id), "", "", ""]}
    (books.data / FILE).write_text(json.dumps(left))
    done = program("--resume", "--data", str(books.data), **environ)
    assert (done.returncode, "another database" in done.stderr) == (2, True), done.stderr
    (books.data / FILE).write_text("{")
    done = program("--resume", "--data", str(books.data), **environ)
    assert (done.returncode, "cannot be read" in done.stderr) == (2, True)


# ---- what cannot be checked; how it is shown ------------------------------------------------


def test_without_a_database(folder: Path) -> None:
    done = program("--data", str(folder))
    assert (done.returncode, "DATABASE_URL is not set" in done.stderr) == (2, True)
    port = ports.free_port()
    done = program(DATABASE_URL=f"postgresql://u:p@127.0.0.1:{port}/d")
    assert (done.returncode, f"Nothing listens at 127.0.0.1:{port}" in done.stderr) == (2, True)
    assert done.stdout == ""


async def test_a_merchant_that_is_not_there(database: str) -> None:
    for merchant, words in (("pay_1", "not a merchant's id"), (ids.show("mer", UUID(int=1)), "no")):
        done = program("--merchant", merchant, DATABASE_URL=database)
        assert (done.returncode, words in done.stderr) == (2, True)


def test_a_database_without_migrations(postgres: EmbeddedPostgres) -> None:
    done = program(DATABASE_URL=postgres.dsn("postgres"))
    assert (done.returncode, "tillgate migrate" in done.stderr) == (2, True)


async def test_a_terminal_shows_how_far_it_is(books: Books) -> None:
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tillgate", "ledger", "check", "--data", str(books.data),
        env={**INHERITED, "DATABASE_URL": books.dsn, "TERM": "xterm"},
        stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    assert await process.wait() == 0
    shown = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert "━" in shown
    assert "%" in shown
    assert "the books are right" in shown


async def test_transfers_come_in_order_from_the_index(wide: Books) -> None:
    """Sorting a hot account's would fill the server's disk."""
    connection = await asyncpg.connect(wide.dsn)
    async with connection.transaction(readonly=True):
        await connection.execute(IN_ORDER)
        rows = await connection.fetch(
            f"EXPLAIN {sql['sides']}", wide.test.merchant_id, [ids.mint()]
        )
    await connection.close()
    plan = "\n".join(row[0] for row in rows)
    assert "Merge Append" in plan
    assert "Disabled" not in plan
