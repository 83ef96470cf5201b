"""The database server: can it be reached and trusted? What is in it stands in `content`."""

import socket
from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlsplit

import asyncpg

from tillgate.cli.doctor.findings import Said, ok, warning, wrong
from tillgate.kit import clock
from tillgate.kit.db import Connection
from tillgate.settings import Settings

CONNECT_MAX_S = 5
STATEMENT_MAX_S = 5
VERSION_MIN = 15
SKEW_WARN_S = 2.0
SKEW_MAX_S = 30.0
"""As long as a lease, and a tenth of what verifiers of signatures usually allow."""

PROCESS_CONNECTIONS = 5
"""What a process keeps beside its readers: engine, slow lane, listener, announcer, sender."""

DURABLE = ("fsync", "full_page_writes", "synchronous_commit")


class Server(NamedTuple):
    """What the server says of itself and of us, in the order of `_SERVER`."""

    version_num: int
    encoding: str
    read_only: bool
    role: str
    superuser: bool
    database: str
    max_connections: int
    used_connections: int
    database_limit: int  # −1: none, as for the role
    role_limit: int


class Database(NamedTuple):
    """An open session, and what the checks compare it with."""

    connection: Connection
    server: Server
    settings: Settings
    embedded: bool  # run by `tillgate dev`, which migrates and sets it up


# ---- reaching it ----------------------------------------------------------------------------


async def reach(
    settings: Settings,
    embedded: bool,
    *,
    name: str = "tillgate doctor",
    statement_max_s: float = STATEMENT_MAX_S,
) -> tuple[Said, Database | None]:
    """A session that only reads, or why there is none, told without a password."""
    connection: Connection | None = None
    try:
        address = address_in(settings.database_url)
        connection = await asyncpg.connect(
            settings.database_url,
            timeout=CONNECT_MAX_S,
            command_timeout=statement_max_s,
            server_settings={"application_name": name},
        )
        row = await connection.fetchrow(_SERVER)
        await connection.execute("SET default_transaction_read_only = on")
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        if connection is not None:
            connection.terminate()
        return _unreached(settings.database_url, error, embedded), None
    said = Server(*row or ())
    found = Database(connection, said, settings, embedded)
    return ok(f"{address} answers, as role {said.role}."), found


_SERVER = """
SELECT current_setting('server_version_num')::integer, current_setting('server_encoding'),
  pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on',
  r.rolname::text, r.rolsuper, d.datname::text,
  current_setting('max_connections')::integer
    - current_setting('superuser_reserved_connections')::integer,
  (SELECT count(*) FROM pg_stat_activity WHERE datid IS NOT NULL AND pid <> pg_backend_pid()),
  d.datconnlimit, r.rolconnlimit
FROM pg_roles r, pg_database d
WHERE r.rolname = current_user AND d.datname = current_database()
"""


def address_in(dsn: str) -> str:
    """`host:port/database`. Raises ValueError, as when a password has broken the address."""
    parts = urlsplit(dsn)
    if parts.netloc.count("@") > 1:
        raise ValueError
    host = parts.hostname or "localhost"
    return f"{f'[{host}]' if ':' in host else host}:{parts.port or 5432}{parts.path or '/'}"


def _unreached(dsn: str, error: Exception, embedded: bool) -> Said:
    """In words. What the driver says of an address it cannot read may hold half a password."""
    if isinstance(error, ValueError):
        return wrong(
            "DATABASE_URL cannot be read as postgresql://user:password@host:port/database.",
            "Write @ : / ? # and % in the password as %40 %3A %2F %3F %23 and %25.",
        )
    if isinstance(error, OSError):
        return _no_connection(dsn, error, embedded)
    address, parts = address_in(dsn), urlsplit(dsn)
    match error:
        case asyncpg.InvalidPasswordError():
            return wrong(
                f"{address} refuses the user {parts.username}: wrong password, or no such user.",
                "Correct user and password in DATABASE_URL, or give the user that password: "
                f"\\password {parts.username} (in psql)",
            )
        case asyncpg.InvalidCatalogNameError():
            return wrong(f"There is no such database: {address}.", "tillgate migrate (makes it)")
        case asyncpg.CannotConnectNowError():
            return wrong(f"{address} starts or stops: {error}.", "Wait, then ask again.")
        case asyncpg.TooManyConnectionsError():
            return wrong(f"{address} has no connection left: {error}.", MORE_CONNECTIONS)
        case _:
            return wrong(
                f"{address} lets us not in: {error}.",
                "Correct DATABASE_URL, or allow it on the server (pg_hba.conf, GRANT CONNECT).",
            )


def _no_connection(dsn: str, error: OSError, embedded: bool) -> Said:
    address = address_in(dsn)
    match error:
        case socket.gaierror():
            host = urlsplit(dsn).hostname
            return wrong(f"There is no such host: {host}.", "Correct the host in DATABASE_URL.")
        case TimeoutError():
            return wrong(
                f"{address} does not answer within {CONNECT_MAX_S} s.",
                "Correct host and port in DATABASE_URL, or open the firewall between here and it.",
            )
        case ConnectionRefusedError() if embedded:
            return wrong(
                f"Nothing listens at {address}, though `tillgate dev` runs.",
                "Stop `tillgate dev` and start it again; postgres/postgres.log in its folder says "
                "why.",
            )
        case ConnectionRefusedError():
            return wrong(
                f"Nothing listens at {address}.",
                "Start PostgreSQL there, or correct host and port in DATABASE_URL.",
            )
        case _:
            return wrong(f"{address} cannot be reached: {error}.", "Correct DATABASE_URL.")


MORE_CONNECTIONS = "ALTER SYSTEM SET max_connections = 200, then restart PostgreSQL"


# ---- the server -----------------------------------------------------------------------------


def version(found: Database) -> Said:
    number = found.server.version_num
    shown = f"PostgreSQL {number // 10000}.{number % 10000}"
    if number // 10000 < VERSION_MIN:
        return wrong(
            f"This is {shown}; Tillgate needs {VERSION_MIN} or later.",
            "Upgrade the server (pg_upgrade), or name a newer one in DATABASE_URL.",
        )
    return ok(f"{shown}.")


def writable(found: Database) -> Said:
    if found.server.read_only:
        return wrong(
            "The database takes no writes: it is a standby, or read-only by setting.",
            "Name the primary in DATABASE_URL, or: BEGIN READ WRITE; "
            f'ALTER DATABASE "{found.server.database}" RESET default_transaction_read_only; COMMIT',
        )
    return ok("The database takes writes.")


def encoding(found: Database) -> Said:
    if found.server.encoding != "UTF8":
        return wrong(
            f"The database's encoding is {found.server.encoding}: names and words would be lost.",
            "Make a new one and name it in DATABASE_URL: "
            "CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0",
        )
    return ok("UTF8.")


async def durability(found: Database) -> Said:
    """`local` and `remote_write` flush here before a commit is answered, too: only `off` loses."""
    rows = await found.connection.fetch(
        "SELECT source, array_agg(name ORDER BY name) AS names FROM pg_settings "
        "WHERE name = ANY ($1) AND setting = 'off' GROUP BY source ORDER BY source",
        DURABLE,
    )
    if not rows:
        return ok(f"{', '.join(DURABLE)} are on.")
    names = ", ".join(name for row in rows for name in row["names"])
    return wrong(
        f"{names}: off. A crash would lose payments that were already answered.",
        "; ".join(_turn_on(row["names"], row["source"], found.server) for row in rows),
    )


def _turn_on(names: list[str], source: str, server: Server) -> str:
    match source:
        case "database":
            undo = f'ALTER DATABASE "{server.database}" RESET'
        case "user":
            undo = f'ALTER ROLE "{server.role}" RESET'
        case "database user":
            undo = f'ALTER ROLE "{server.role}" IN DATABASE "{server.database}" RESET'
        case "client":
            return f"Take {', '.join(names)} out of DATABASE_URL."
        case "command line":
            return f"Take {', '.join(names)} out of the server's command line, and restart it."
        case _:
            set_on = [f"ALTER SYSTEM SET {name} = on" for name in names]
            return "; ".join([*set_on, "SELECT pg_reload_conf()"])
    return "; ".join(f"{undo} {name}" for name in names)


def connection_limit(found: Database) -> Said:
    """Enough for one `serve` and one `worker`."""
    server, need = found.server, 2 * (found.settings.readers + PROCESS_CONNECTIONS)
    limits = {
        "max_connections": (server.max_connections, MORE_CONNECTIONS),
        "the database's limit": (
            server.database_limit,
            f'ALTER DATABASE "{server.database}" CONNECTION LIMIT -1',
        ),
        "the role's limit": (
            server.role_limit,
            f'ALTER ROLE "{server.role}" CONNECTION LIMIT -1',
        ),
    }
    for name, (limit, mend) in limits.items():
        if 0 <= limit < need:
            return wrong(
                f"{name} leaves {limit} connections; one `serve` and one `worker` with "
                f"TILLGATE_READERS={found.settings.readers} take up to {need}.",
                f"{mend}; or set TILLGATE_READERS lower",
            )
    if server.used_connections > server.max_connections * 9 // 10:
        return warning(
            f"{server.used_connections} of {server.max_connections} connections are taken.",
            MORE_CONNECTIONS,
        )
    return ok(f"{server.used_connections} of {server.max_connections} connections are taken.")


async def clocks(found: Database) -> Said:
    before = clock.now()
    theirs: datetime = await found.connection.fetchval("SELECT clock_timestamp()")
    return skew(before, theirs, clock.now())


def skew(before: datetime, theirs: datetime, after: datetime) -> Said:
    """`theirs` was read at some moment between the other two."""
    off_s = max((before - theirs).total_seconds(), (theirs - after).total_seconds(), 0.0)
    if off_s < SKEW_WARN_S:
        return ok(f"The clocks of this machine and of the database agree within {SKEW_WARN_S:g} s.")
    said = warning if off_s < SKEW_MAX_S else wrong
    return said(
        f"The clocks of this machine and of the database differ by {off_s:.0f} s: "
        "signatures and expiries would be judged wrongly.",
        "Let both follow a time server: timedatectl set-ntp true",
    )
