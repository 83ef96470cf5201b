"""Every SQL statement fits the migrated schema, and stays within one merchant."""

import ast
import re

import asyncpg
import pytest

from tillgate.engine import statements as generated
from tillgate.engine.table import table_of
from tillgate.kit.db import set_up
from tillgate.main.parts import SCHEMA

from .tree import SOURCE, Statement, all_statements, files, shown

STATEMENTS = all_statements()

ACROSS_MERCHANTS = {
    "connections/merchants_at": "housekeeping: the sandbox of this machine has moved",
    "callbacks/dead_letters": "counted for the operator, about the whole installation",
    "callbacks/due": "claims what is due, of all",
    "callbacks/due_hints": "claims what is due, of all",
    "catalog/lock_merchant": "the merchant's own row, by its id",
    "catalog/selling": "identifies the caller",
    "catalog/service_anywhere": "the address of a checkout names the service alone",
    "cli/doctor/connections": "read for the operator, about the whole installation",
    "cli/doctor/endpoints": "read for the operator, about the whole installation",
    "cli/doctor/failed_callbacks": "read for the operator, about the whole installation",
    "cli/doctor/forged_callbacks": "read for the operator, about the whole installation",
    "cli/doctor/merchants": "read for the operator, about the whole installation",
    "cli/doctor/overdue": "read for the operator, about the whole installation",
    "cli/ledger/merchant_exists": "the merchant's own row, by its id",
    "cli/ledger/next_merchant": "names the merchants, who are then read one by one",
    "cli/ledger/size_of_all": "read for the operator, about the whole installation",
    "connections/connection_by_id": "a callback names the connection alone",
    "connections/default_merchants": "finds whose connections the environment makes",
    "connections/lock_merchant": "the merchant's own row, by its id",
    "doors/providers/order_anywhere": "an address of this door names the order alone",
    "doors/providers/stripe_connections": "Stripe's one address is for the whole installation",
    "disputes/reminders": "claims what is due, of all",
    "doors/gateway/owner_of_order": "a payer's page names the order alone",
    "doors/gateway/owner_of_payment": "a payer's page names the payment alone",
    "merchants/create_business": "a business stands above its two merchants",
    "merchants/create_merchant": "this makes the merchant",
    "merchants/keys/announce": "touches no table: tells all processes to forget what they read",
    "merchants/keys/key_by_digest": "identifies the caller",
    "merchants/keys/lock_merchant": "the merchant's own row, by its id",
    "merchants/merchant_by_id": "the merchant's own row, by its id",
    "payments/due_operations": "claims what is due, of all",
    "payments/expired": "claims what is due, of all",
    "payments/forget_keys": "housekeeping by age",
    "schedule/is_worked": "workers work for all merchants",
    "schedule/seen_working": "workers work for all merchants",
    "schedule/stopped_working": "workers work for all merchants",
    "wallets/expired_holds": "claims what is due, of all",
    "webhooks/claim": "claims what is due, of all",
    "webhooks/settle_deleted": "housekeeping of what deletions left",
}
"""The only statements that are bound to no merchant, and why."""

BOUND = re.compile(
    r"merchant_id = (ANY ?\()?\$\d"  # asked for by the caller
    r"|INSERT INTO \w+\s*\(\s*merchant_id\b"  # a row names its own
    r"|(unnest|json_to_recordset)\([^)]*\) AS \w+ ?\(\s*merchant_id\b"  # so do rows of arrays
)
USE = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE)\s+(\w+)")

OWN_DATABASE = SOURCE / "sandbox"
"""A program of its own, with its own SQLite file."""


async def connect(dsn: str) -> "asyncpg.Connection[asyncpg.Record]":
    connection = await asyncpg.connect(dsn)
    await set_up(connection)
    return connection


async def test_every_statement_fits_the_schema(database: str) -> None:
    connection = await connect(database)
    wrong: list[str] = []
    for statement in STATEMENTS:
        try:
            await connection.prepare(runnable(statement))
        except asyncpg.PostgresError as error:
            wrong.append(f"{statement.name}: {error}")
    await connection.close()
    assert STATEMENTS
    assert not wrong


async def test_every_statement_of_the_engine_fits_the_schema(database: str) -> None:
    connection = await connect(database)
    for row in SCHEMA.order:
        table = table_of(row)
        for columns in range(1, len(table.key) + 1):
            await connection.prepare(generated.load(table, columns, lock=False))
            await connection.prepare(generated.load(table, columns, lock=True))
        parts = [generated.Write(row, insert=True)]
        if table.mutable:
            parts.append(generated.Write(row, insert=False))
        await connection.prepare(generated.write(parts, SCHEMA.fan_out))
    await connection.close()
    assert SCHEMA.order


def runnable(statement: Statement) -> str:
    """A fan-out runs over the rows that its group inserts: here over a table's rows instead."""
    if "{new}" not in statement.sql:
        return statement.sql
    return statement.sql.format(new="events")


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: statement.name)
def test_a_statement_is_bound_to_one_merchant(statement: Statement) -> None:
    bound = BOUND.search(without_comments(statement.sql)) is not None
    if statement.name in ACROSS_MERCHANTS:
        assert not bound, "it needs no exception any more"
    else:
        assert bound, "bind it to a merchant, or give a reason in ACROSS_MERCHANTS"


def test_exceptions_exist() -> None:
    assert ACROSS_MERCHANTS.keys() <= {statement.name for statement in STATEMENTS}


async def test_every_table_in_a_statement_is_held_to_the_merchant(database: str) -> None:
    """In a join too: each table of a merchant brings its own `merchant_id`."""
    tables = await tables_of_merchants(database)
    assert "payments" in tables
    for statement in STATEMENTS:
        sql = without_comments(statement.sql)
        used = [name for name in USE.findall(sql) if name in tables]
        assert sql.count("merchant_id") >= len(used), statement.name


async def test_sql_stands_in_sql_files(database: str) -> None:
    """Python that names a table in a statement of its own escapes the tests above."""
    tables = await tables_of_merchants(database)
    for path in files(SOURCE, ".py"):
        if path.is_relative_to(OWN_DATABASE):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                named = [name for name in USE.findall(node.value) if name in tables]
                assert not named, f"{shown(path)}:{node.lineno} queries {named}"


async def tables_of_merchants(dsn: str) -> set[str]:
    connection = await connect(dsn)
    records = await connection.fetch(
        "SELECT table_name::text FROM information_schema.columns "
        "WHERE table_schema = 'public' AND column_name = 'merchant_id'"
    )
    await connection.close()
    return {record[0] for record in records}


def without_comments(sql: str) -> str:
    return re.sub(r"--.*", "", sql)
