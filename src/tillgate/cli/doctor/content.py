"""What is in the database: the schema, what is sealed, and whether the work is done."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import msgspec

from tillgate.cli.doctor.findings import Said, named, ok, warning, wrong
from tillgate.cli.doctor.rights import member
from tillgate.cli.doctor.server import Database
from tillgate.cli.migrate import migrations as migrations_folder
from tillgate.connections.kinds import KINDS
from tillgate.connections.store import credentials_place
from tillgate.kit import clock, db, ids
from tillgate.kit.crypto import SealBroken, Vault
from tillgate.main.parts import vault_of
from tillgate.settings import Settings
from tillgate.webhooks.store import open_secrets

OVERDUE_S = 300
FAILED_WITHIN = timedelta(days=7)
FORGED_WITHIN = timedelta(days=1)
COUNT_MAX = 1000
ROWS_MAX = 1000

sql = db.beside(__file__)

# ---- the schema -----------------------------------------------------------------------------


async def migrations(found: Database) -> Said:
    mend = "Start `tillgate dev` again, which migrates." if found.embedded else "tillgate migrate"
    try:
        rows = await found.connection.fetch("SELECT version FROM schema_migrations")
    except asyncpg.UndefinedTableError:
        return wrong("The database is empty: no migration has run.", mend)
    except asyncpg.InsufficientPrivilegeError:
        return wrong(f"User {found.server.role} may not read schema_migrations.", member(found))
    seen = {row["version"] for row in rows}
    ours = {path.name.partition("_")[0] for path in migrations_folder().glob("*.sql")}
    if ours - seen:
        return wrong(f"Migrations have not run: {named(sorted(ours - seen))}.", mend)
    if seen - ours:
        return wrong(
            "The database is newer than this program, which does not know "
            f"{named(sorted(seen - ours))}.",
            "Install the version of Tillgate that migrated it, or a later one.",
        )
    return ok(f"All {len(ours)} migrations have run.")


# ---- what is in it --------------------------------------------------------------------------


async def sealed(found: Database) -> Said:
    """Whether the secret opens what it should have sealed; the newest rows stand for all."""
    connections = await found.connection.fetch(sql["connections"], ROWS_MAX)
    endpoints = await found.connection.fetch(sql["endpoints"], ROWS_MAX)
    total = len(connections) + len(endpoints)
    vault = _vault(found.settings)
    closed = sum(_credentials(vault, row) is None for row in connections)
    closed += sum(not _opens(vault, row) for row in endpoints)
    if closed:
        return wrong(
            f"{closed} of {total} credentials and signing secrets were sealed with another "
            "secret than this one, and cannot be opened.",
            "Set TILLGATE_SECRET to the one they were sealed with, or add it after the new one, "
            "separated by a comma. `tillgate dev`, and a first start without one, keep it in "
            "secrets.json of their folder.",
        )
    return ok(f"The secret opens what is sealed: {total} credentials and signing secrets.")


async def live(found: Database) -> Said:
    """Whether the address and the mode are fit for real money, once there is any way to take it."""
    rows = await found.connection.fetch(sql["merchants"], ROWS_MAX)
    if not any(row["livemode"] and (row["has_keys"] or row["connections"]) for row in rows):
        return ok("No live merchant has a key or a processor yet.")
    if found.settings.dev:
        return wrong(
            "There are live merchants, and TILLGATE_DEV lets webhooks and processors stand on "
            "this machine, over http.",
            "unset TILLGATE_DEV, and start every process again",
        )
    url = found.settings.public_url
    if not url.startswith("https://") or _is_local(urlsplit(url).hostname or ""):
        return wrong(
            f"There are live merchants, and TILLGATE_PUBLIC_URL is {url}: payers and processors "
            "need an https address that they can reach.",
            "export TILLGATE_PUBLIC_URL=https://pay.example.com (with your name)",
        )
    return ok(f"Live merchants are reached at {url}.")


async def processors(found: Database) -> Said:
    merchants = await found.connection.fetch(sql["merchants"], ROWS_MAX)
    without = [row for row in merchants if row["has_keys"] and not row["enabled"]]
    rows = await found.connection.fetch(sql["connections"], ROWS_MAX)
    unknown = [row["name"] for row in rows if row["connector"] not in KINDS]
    vault = _vault(found.settings)
    empty = [row["name"] for row in rows if _lack(row, _credentials(vault, row))]
    if unknown:
        return wrong(
            f"This program has no connector for the connections {named(unknown)}.",
            "Install the version of Tillgate that they were made with, or a later one.",
        )
    if empty:
        return wrong(
            f"The connections {named(empty)} have no credentials: every payment would fail.",
            "Enter the API key and the signing secret that the processor gave you.",
        )
    if without:
        names = named([ids.show("mer", row["merchant_id"]) for row in without])
        disabled = all(row["connections"] for row in without)
        return warning(
            f"{names}: {'every connection is disabled' if disabled else 'no connection'}, so "
            "payments cannot be made.",
            "Enable one." if disabled else "Set TILLGATE_SANDBOX_URL and TILLGATE_SANDBOX_SECRET "
            "before `tillgate merchant create`, or connect a processor.",
        )  # fmt: skip
    return ok(f"Connections: {len(rows)}; each merchant with keys has one that is enabled.")


async def work(found: Database) -> Said:
    """Due rows that nobody takes: a worker looks every second."""
    row = await found.connection.fetchrow(sql["overdue"], OVERDUE_S, COUNT_MAX)
    counts: Mapping[str, int] = dict(row) if row else {}
    late = [f"{_count(n)} {name}" for name, n in counts.items() if n]
    if late:
        return wrong(
            f"Overdue by more than {OVERDUE_S // 60} min: {', '.join(late)}. "
            "No worker runs, or the workers do not keep up.",
            "Start `tillgate dev` again; its logs/worker.log says what stops the worker."
            if found.embedded
            else "Start `tillgate worker` with the settings of `tillgate serve`; more of them if "
            "one does not keep up.",
        )
    return ok("Nothing is overdue.")


async def callbacks(found: Database) -> Said:
    now = clock.now()
    forged = await found.connection.fetch(
        sql["forged_callbacks"], _first_id(now - FORGED_WITHIN), COUNT_MAX
    )
    failed = await found.connection.fetch(
        sql["failed_callbacks"], _first_id(now - FAILED_WITHIN), COUNT_MAX
    )
    if failed:
        total = sum(row["failed"] for row in failed)
        names = named([ids.show("mer", row["merchant_id"]) for row in failed])
        return warning(
            f"{_count(total)} callbacks of the last {FAILED_WITHIN.days} days fitted no payment "
            f"and were given up: {names}.",
            "Compare these merchants' payments with the processor's own list.",
        )
    if forged:
        total = sum(row["forged"] for row in forged)
        return warning(
            f"{_count(total)} callbacks of the last day were refused as forged: "
            f"{named([row['name'] for row in forged])}.",
            "If they come from the processor, give the connection the signing secret that the "
            "processor uses now.",
        )
    return ok("None was given up or refused lately.")


async def endpoints(found: Database) -> Said:
    rows = await found.connection.fetch(sql["endpoints"], ROWS_MAX)
    disabled = [ids.show("we", row["id"]) for row in rows if row["state"] == "disabled"]
    if disabled:
        return warning(
            f"Webhook endpoints are disabled, as they answered 410 Gone: {named(disabled)}.",
            "Delete them (DELETE /v1/webhook_endpoints/…), or create them anew where they moved.",
        )
    return ok(f"Webhook endpoints: {len(rows)}, none disabled.")


def _vault(settings: Settings) -> Vault | None:
    return vault_of(settings) if settings.secrets else None


def _credentials(vault: Vault | None, row: asyncpg.Record) -> bytes | None:
    """What a connection has sealed; None when our secrets do not open it."""
    place = credentials_place(row["merchant_id"], row["id"])
    try:
        return vault.open(row["credentials"], place) if vault else None
    except SealBroken:
        return None


def _opens(vault: Vault | None, row: asyncpg.Record) -> bool:
    """The same of an endpoint."""
    try:
        return bool(vault and open_secrets(vault, row["merchant_id"], row["id"], row["secrets"]))
    except SealBroken:
        return False


def _lack(row: asyncpg.Record, opened: bytes | None) -> bool:
    """Whether the connector would refuse these credentials. What does not open is `sealed`'s
    finding, not a lack."""
    kind = KINDS.get(row["connector"])
    if opened is None or kind is None:
        return False
    try:
        credentials = msgspec.json.decode(opened, type=kind.credentials)
        read = msgspec.json.decode(row["settings"], type=kind.settings)
    except msgspec.MsgspecError:
        return True
    given = any(msgspec.to_builtins(credentials).values())
    needless = getattr(read, "unsigned_in_test", False) and not row["livemode"]
    return kind.vet(read, credentials, row["livemode"]) is not None or not (given or needless)


def _is_local(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal"))
    return not address.is_global


def _first_id(moment: datetime) -> UUID:
    """The smallest id of a moment: the first 48 bits are its milliseconds."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def _count(number: int) -> str:
    return f"{number} or more" if number >= COUNT_MAX else str(number)
