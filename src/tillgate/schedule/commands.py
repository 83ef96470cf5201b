"""Changes of test clocks: configuration, each one ordinary transaction with its audit line."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tillgate.audit.store import Origin, write_line
from tillgate.kit import ids
from tillgate.kit.caller import Caller
from tillgate.kit.db import Connection
from tillgate.kit.refusal import Refused
from tillgate.schedule.statements import ADVANCE, sql
from tillgate.schedule.store import Clock

CLOCKS_MAX = 1000
"""How many clocks a merchant may have."""

ADVANCED_MAX_S = 10 * 31_536_000
"""How far one clock can be advanced in all: ten years."""

ONLY_IN_TEST = Refused("permission_denied", "Only test merchants have clocks: use a test key.")


async def create_clock(
    connection: Connection, caller: Caller, name: str | None, now: datetime, origin: Origin
) -> Clock | Refused:
    """Refused `permission_denied` in live mode, `parameter_invalid` beyond CLOCKS_MAX."""
    if caller.livemode:
        return ONLY_IN_TEST
    row = await connection.fetchrow(
        sql["create_clock"], caller.merchant_id, ids.mint(), name, now, CLOCKS_MAX
    )
    if row is None:
        return Refused("parameter_invalid", f"There are {CLOCKS_MAX} clocks already.")
    clock = Clock(*row)
    await _note(connection, caller, "create", clock.id, {"name": name}, now, origin)
    return clock


async def advance_clock(
    connection: Connection,
    caller: Caller,
    clock_id: UUID,
    by: timedelta,
    now: datetime,
    origin: Origin,
) -> Clock | Refused:
    """Lets `by` pass for everything of the merchant that is not due yet. In a transaction.

    Refused `permission_denied`, `not_found`, or `parameter_invalid` beyond ADVANCED_MAX_S.
    """
    if caller.livemode:
        return ONLY_IN_TEST
    merchant_id, by_s = caller.merchant_id, int(by.total_seconds())
    if await connection.fetchrow(sql["clock_by_id"], merchant_id, clock_id) is None:
        return Refused("not_found", "There is no such test clock.", "clock")
    row = await connection.fetchrow(
        sql["advance_clock"], merchant_id, clock_id, by_s, now, ADVANCED_MAX_S
    )
    if row is None:
        said = f"A clock goes {ADVANCED_MAX_S} seconds at most; make another."
        return Refused("parameter_invalid", said, "by_s")
    for statement in ADVANCE:
        await connection.execute(statement, merchant_id, by)
    clock = Clock(*row)
    after = {"by_s": by_s, "advanced_s": clock.advanced_s}
    await _note(connection, caller, "advance", clock.id, after, now, origin)
    return clock


async def delete_clock(
    connection: Connection, caller: Caller, clock_id: UUID, now: datetime, origin: Origin
) -> bool:
    """Whether there was one. In a transaction."""
    gone = await connection.fetchval(sql["delete_clock"], caller.merchant_id, clock_id)
    if gone is None:
        return False
    await _note(connection, caller, "delete", clock_id, {}, now, origin)
    return True


async def _note(
    connection: Connection,
    caller: Caller,
    what: str,
    clock_id: UUID,
    after: dict[str, Any],
    now: datetime,
    origin: Origin,
) -> None:
    await write_line(
        connection, caller.merchant_id, caller.actor, f"test_clock.{what}", clock_id, after, now,
        origin,
    )  # fmt: skip
