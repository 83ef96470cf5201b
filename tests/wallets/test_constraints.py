"""What SQL itself forbids, whatever the rules say and whoever asks: triggers, keys, rights."""

import asyncio

import asyncpg
import pytest

from tests.engine.test_engine import fetch, running
from tests.invariants import INVARIANTS, check_invariants
from tests.wallets.scene import Till, hold_of
from tillgate.engine.queue import Limits
from tillgate.engine.session import connect
from tillgate.kit import db
from tillgate.main.parts import SCHEMA, opened
from tillgate.settings import Settings

COPY = """INSERT INTO transfers (merchant_id, id, kind, debit_id, credit_id, asset, amount, hold_id,
  group_id, code, cause, effective_at, created_at, debit_version, debit_after, credit_version,
  credit_after, digest)
SELECT merchant_id, gen_random_uuid(), {kind}, {sides}, asset, {amount}, {hold}, group_id, code,
  gen_random_uuid()::text, now(), now(), 90, 0, 90, 0, digest FROM transfers t WHERE {which}"""


def copied(
    kind: str, amount: str, which: str, sides: str = "debit_id, credit_id", hold: str = "id"
) -> str:
    """A transfer like another, but for this."""
    return COPY.format(kind=f"'{kind}'", amount=amount, hold=hold, sides=sides, which=which)


OPEN = "kind = 'hold' AND NOT EXISTS (SELECT FROM transfers r WHERE r.hold_id = t.id)"
FORBIDDEN = {
    "a balance without a transfer": (
        "UPDATE accounts SET posted = posted + 1 WHERE code = 'available'",
        "account_follows_transfers",
    ),
    "a version without a transfer": (
        "UPDATE accounts SET version = version + 1 WHERE code = 'available'",
        "account_follows_transfers",
    ),
    "a version back": (
        "UPDATE accounts SET version = version - 1 WHERE code = 'available'",
        "account_follows_transfers",
    ),
    "held money without a hold": (
        "UPDATE accounts SET held_out = 0 WHERE code = 'wallet'",
        "account_follows_transfers",
    ),
    "money held for somebody without a hold": (
        "UPDATE accounts SET held_in = 0 WHERE code = 'available'",
        "account_follows_transfers",
    ),
    "an account that begins with money": (
        """INSERT INTO accounts (merchant_id, owner, code, asset, id, posted, created_at)
          VALUES (gen_random_uuid(), 'user:x', 'wallet', 'eur', gen_random_uuid(), 5, now())""",
        "account_follows_transfers",
    ),
    "less than the floor": (
        "UPDATE accounts SET posted = posted - 1000 WHERE code = 'wallet'",
        "accounts_no_overdraft",
    ),
    "more than was held": (copied("post", "amount + 1", OPEN), "resolution_fits_hold"),
    "a resolution of no hold": (
        copied("post", "amount", "kind = 'direct'"),
        "resolution_fits_hold",
    ),
    "a resolution between other accounts": (
        copied("post", "amount", OPEN, "credit_id, debit_id"),
        "resolution_fits_hold",
    ),
    "a second resolution": (
        copied("void", "0", "kind = 'hold' AND NOT (" + OPEN + ")"),
        "transfers_resolution",
    ),
    "a changed transfer": ("UPDATE transfers SET meta = NULL", "append-only"),
    "a removed transfer": ("DELETE FROM transfers", "append-only"),
    "no transfers": ("TRUNCATE transfers CASCADE", "append-only"),
}


async def test_sql_itself_refuses_what_rules_never_do(database: str) -> None:
    """As superuser: no role stands in the way here, only constraints and triggers."""
    till = Till()
    async with running(database) as engine:
        await engine.run(till.credit("ann", 100))
        placed = [await engine.run(till.hold("ann", 20)) for _ in range(2)]
        await engine.run(till.settle("ann", hold_of(placed[0]), "void"))
    before = await fetch(database, "SELECT * FROM transfers")
    for what, (statement, why) in FORBIDDEN.items():
        with pytest.raises(asyncpg.PostgresError) as refused:
            await fetch(database, statement)
        assert why in f"{getattr(refused.value, 'constraint_name', '')} {refused.value}", what
    assert await fetch(database, "SELECT * FROM transfers") == before
    await check_invariants(database)


async def test_a_gap_in_the_versions_is_refused(database: str) -> None:
    """Two steps, one transfer: what a lost update looks like."""
    till = Till()
    async with running(database) as engine:
        await engine.run(till.credit("ann", 100))
    lost = copied("direct", "5", "true", hold="NULL").replace("90, 0, 90, 0", "3, -105, 3, 105")
    update = "UPDATE accounts SET version = 3, posted = posted + 5 WHERE code = 'wallet'"
    connection = await asyncpg.connect(database)
    with pytest.raises(asyncpg.CheckViolationError, match="in 2 steps, its transfers say 5 in 1"):
        await connection.execute(f"{lost}; {update}")  # one transaction
    await connection.close()


GUARDED = {
    "transfers": "meta = NULL",
    "audit": "actor = 'nobody'",
    "events": "type = 'x'",
    "seen_callbacks": "event_key = 'x'",
}


async def test_the_running_product_may_not_change_what_is_booked(database: str) -> None:
    """With every trigger off, the rights of the product's own connections still forbid it."""
    till = Till()
    settings = Settings(database, ("a secret that is only for these tests",), "http://127.0.0.1")
    for table in GUARDED:
        await fetch(database, f"ALTER TABLE {table} DISABLE TRIGGER ALL")
    async with opened(settings) as parts:
        async with asyncio.timeout(10):
            await parts.engine.connected.wait()
        await parts.engine.run(till.credit("ann", 100))
        session = await connect(database, SCHEMA, Limits(), 1000)
        reader = await parts.pool.acquire()
        for connection in (session.connection, reader):
            assert await connection.fetchval("SELECT current_user") == db.ROLE
            for table, change in GUARDED.items():
                for statement in (
                    f"UPDATE {table} SET {change}",
                    f"DELETE FROM {table}",
                    f"TRUNCATE {table} CASCADE",
                    f"ALTER TABLE {table} ENABLE TRIGGER ALL",
                ):
                    with pytest.raises(asyncpg.InsufficientPrivilegeError):
                        await connection.execute(statement)
            for table in ("accounts", "holds", "payments"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(f"DELETE FROM {table}")
        await parts.pool.release(reader)
        await session.connection.close()
    assert len(await fetch(database, "SELECT 1 FROM transfers")) == 1
    assert len(await fetch(database, "SELECT 1 FROM audit")) == 1


TAMPERED = {
    "UPDATE transfers SET amount = amount + 1 WHERE code = 'wallet_credit'": (
        "a transfer tells the fold of what came before it, without gaps"
    ),
    "UPDATE transfers SET debit_held = 1 WHERE code = 'wallet_credit'": (
        "a transfer tells the fold of what came before it, without gaps"
    ),
    "UPDATE transfers SET created_at = now() + interval '1 h' WHERE code = 'wallet_credit'": (
        "a transfer tells the fold of what came before it, without gaps"
    ),
    "UPDATE accounts SET posted = posted + 1 WHERE code = 'wallet'": (
        "an account is the fold of its transfers"
    ),
    "UPDATE accounts SET held_in = held_in + 1 WHERE code = 'available'": (
        "an account is the fold of its transfers"
    ),
    "UPDATE accounts SET version = version + 1 WHERE code = 'wallet'": (
        "an account is the fold of its transfers"
    ),
    "UPDATE holds SET state = 'expired' WHERE state = 'held'": (
        "an account holds what its open holds say"
    ),
    "UPDATE holds SET posted = posted - 1 WHERE state = 'posted'": (
        "a hold stands as its transfers say"
    ),
    "DELETE FROM holds WHERE state = 'posted'": "a hold stands as its transfers say",
    "UPDATE transfers SET amount = 21 WHERE kind = 'post'": (
        "a hold is resolved at most once, within its amount, between its accounts"
    ),
    "UPDATE accounts SET code = 'clearing' WHERE code = 'available'": (
        "credits are what payments captured, less what went back"
    ),
    "DELETE FROM audit WHERE action = 'hold.post'": "what the API moved, somebody asked for",
    "UPDATE holds SET merchant_id = gen_random_uuid()": (
        "rows of one merchant do not refer to another's"
    ),
}


async def test_the_invariants_see_what_was_tampered_with(database: str) -> None:
    till = Till()
    async with running(database) as engine:
        await engine.run(till.credit("ann", 100))
        placed = [await engine.run(till.hold("ann", 20)) for _ in range(2)]
        await engine.run(till.settle("ann", hold_of(placed[0]), "post"))
    connection = await asyncpg.connect(database)
    await connection.execute("SET session_replication_role = replica")
    for statement, broken in TAMPERED.items():
        transaction = connection.transaction()
        await transaction.start()
        assert await connection.execute(statement) not in {"UPDATE 0", "DELETE 0"}, statement
        assert await connection.fetch(INVARIANTS[broken]), (statement, broken)
        await transaction.rollback()
    await connection.close()
    await check_invariants(database)
