"""PostgreSQL: named statements from `.sql` files, and connections set up our way."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
from msgspec import Raw

if TYPE_CHECKING:  # asyncpg's classes take their parameter in its stubs only
    from asyncpg.pool import PoolConnectionProxy

    Pool = asyncpg.Pool[asyncpg.Record]
    Connection = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
else:
    Pool = asyncpg.Pool
    Connection = asyncpg.Connection

LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the first use of a connection that died while idle
    asyncpg.OperatorInterventionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    OSError,
    TimeoutError,
)
"""What it looks like when the database is gone."""

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def statements(path: Path) -> dict[str, str]:
    """The statements of a file, by the names in its `-- name: x` lines; no name stands twice."""
    parts = _NAME.split(path.read_text())
    names, bodies = parts[1::2], parts[2::2]
    if len(set(names)) != len(names):
        raise ValueError(f"{path.name} names a statement twice")
    return {name: body.strip().rstrip(";") for name, body in zip(names, bodies, strict=True)}


def beside(module_file: str, name: str = "store.sql") -> dict[str, str]:
    """The statements of the file beside a module: `sql = beside(__file__)`."""
    return statements(Path(module_file).with_name(name))


ROLE = "tillgate_app"
"""What the programs are while they work: it may not change what is booked (see the migrations)."""


async def enter(connection: Any) -> None:
    """Makes a connection one of the product's: its role, its codecs. Raises
    asyncpg.PostgresError where the role is not there, or not given to this user."""
    await connection.execute(f"SET ROLE {ROLE}")
    await set_up(connection)


async def set_up(connection: Any) -> None:
    """Codecs: json columns come and go as the exact text, in `msgspec.Raw`."""
    for kind in ("json", "jsonb"):
        await connection.set_type_codec(
            kind, schema="pg_catalog", encoder=_encode_json, decoder=_decode_json
        )


def _encode_json(value: Raw | bytes | str) -> str:
    return value if isinstance(value, str) else bytes(value).decode()


def _decode_json(text: str) -> Raw:
    return Raw(text.encode())


async def _keep(_connection: Any) -> None:
    """Readers set no session state, so there is nothing to reset at release (halves the cost)."""


async def open_pool(dsn: str, size: int) -> Pool:
    """Connections for reads and ordinary writes; the engine has its own."""
    pool = asyncpg.create_pool(
        dsn,
        min_size=0,
        max_size=size,
        init=enter,
        reset=_keep,
        command_timeout=READ_TIMEOUT_S,
        timeout=CONNECT_TIMEOUT_S,
        server_settings={"application_name": "tillgate", "jit": "off"},
    )
    return await pool


READ_TIMEOUT_S = 10
CONNECT_TIMEOUT_S = 3
