"""What the product's role may do with the tables, and who may take it."""

import asyncpg

from tillgate.cli.doctor.findings import Said, named, ok, warning, wrong
from tillgate.cli.doctor.server import Database
from tillgate.engine.table import table_of
from tillgate.kit import db
from tillgate.main.parts import LOCK_ORDER

GUARDS = {
    "accounts": ("begins_with_transfers", "follows_transfers"),
    "transfers": ("append_only", "append_only_whole", "fits_hold"),
}
"""The triggers that hold the books together, whoever writes."""

ADDED_TO_ONLY = ("audit", "events", "seen_callbacks", "transfers")
NEVER_DELETED = (
    "accounts", "api_keys", "callbacks", "connections", "disputes", "holds", "operations", "orders",
    "payments", "processor_objects", "provider_orders", "providers", "refunds", "services",
)  # fmt: skip
"""What the product's role may not change, or not delete: as the migrations grant."""


async def rights(found: Database) -> Said:
    """The product's role: whether it is ours to take, can work, and cannot change the books."""
    server, connection = found.server, found.connection
    off = await connection.fetch(_OFF, *zip(*_guards(), strict=True))
    if off:
        return wrong(
            f"Rows of {named(sorted({row['table'] for row in off}))} could be changed: the "
            "triggers that forbid it are off.",
            "; ".join(f"ALTER TABLE {row['table']} ENABLE TRIGGER {row['trigger']}" for row in off),
        )
    try:
        await connection.execute(f"SET ROLE {db.ROLE}")
    except asyncpg.InsufficientPrivilegeError:
        return wrong(f"User {server.role} is not a member of role {db.ROLE}.", member(found))
    except asyncpg.InvalidParameterValueError:
        return wrong(
            f"There is no role {db.ROLE}, though the migrations made one: roles do not come with "
            "a restored database.",
            f"CREATE ROLE {db.ROLE} NOLOGIN; {member(found)}; {_GRANTS}",
        )
    await connection.execute("RESET ROLE")
    return _rights(found, await connection.fetch(_RIGHTS, db.ROLE))


def _rights(found: Database, rows: list[asyncpg.Record]) -> Said:
    changed = {table_of(row).name for row in LOCK_ORDER if table_of(row).mutable} | {"deliveries"}
    barred = [
        row["relname"]
        for row in rows
        if not row["reads"]
        or (row["relname"] != "schema_migrations" and not row["inserts"])
        or (row["relname"] in changed and not row["updates"])
    ]
    if barred:
        return wrong(f"Role {db.ROLE} may not use {named(barred)}.", _GRANTS)
    loose = [
        row["relname"]
        for row in rows
        if (row["relname"] in ADDED_TO_ONLY and (row["updates"] or row["deletes"]))
        or (row["relname"] in NEVER_DELETED and row["deletes"])
        or row["truncates"]
    ]
    if loose:
        return warning(
            f"Role {db.ROLE} may change or delete what it should not: {named(loose)}.",
            f"REVOKE TRUNCATE ON ALL TABLES IN SCHEMA public FROM {db.ROLE}; {_REVOKES}",
        )
    if any(row["ours"] for row in rows) and not found.embedded:
        return warning(
            f"User {found.server.role} may do more than role {db.ROLE}, which it works as: whoever "
            "has its password could turn off what protects the books.",
            "Go on migrating as this user, and name one in the DATABASE_URL of `serve` and "
            f"`worker` that can nothing else: CREATE USER tillgate PASSWORD '…'; "
            f"GRANT {db.ROLE} TO tillgate",
        )
    return ok(f"User {found.server.role} works as role {db.ROLE}, which cannot change the books.")


def _guards() -> list[tuple[str, str]]:
    return [(table, trigger) for table, triggers in GUARDS.items() for trigger in triggers]


def member(found: Database) -> str:
    """What makes its user one of the product's."""
    return f'GRANT {db.ROLE} TO "{found.server.role}"'


_REVOKES = (
    f"REVOKE INSERT, UPDATE, DELETE ON schema_migrations FROM {db.ROLE}; "
    f"REVOKE UPDATE, DELETE ON {', '.join(ADDED_TO_ONLY)} FROM {db.ROLE}; "
    f"REVOKE DELETE ON {', '.join(NEVER_DELETED)} FROM {db.ROLE}"
)
_GRANTS = (
    f"GRANT USAGE ON SCHEMA public TO {db.ROLE}; "
    f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {db.ROLE}; {_REVOKES}"
)

_RIGHTS = """
SELECT c.relname::text, has_table_privilege($1, c.oid, 'SELECT') AS reads,
  has_table_privilege($1, c.oid, 'INSERT') AS inserts,
  has_table_privilege($1, c.oid, 'UPDATE') AS updates,
  has_table_privilege($1, c.oid, 'DELETE') AS deletes,
  has_table_privilege($1, c.oid, 'TRUNCATE') AS truncates,
  pg_has_role(c.relowner, 'MEMBER') AS ours
FROM pg_class c
WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
ORDER BY 1
"""

_OFF = """
SELECT w.of AS table, w.name AS trigger
FROM unnest($1::text[], $2::text[]) AS w (of, name)
WHERE NOT EXISTS (SELECT FROM pg_trigger t
  WHERE t.tgrelid = to_regclass('public.' || w.of) AND t.tgname = w.name
    AND t.tgenabled IN ('O', 'A'))
ORDER BY 1, 2
"""
