"""Messages about charges that this connection has not begun, decided without a database."""

from uuid import UUID

import pytest

from tests.callbacks.test_commands import (
    CONNECTION,
    MERCHANT,
    OWNER,
    captured,
    effect,
    heard,
    memory,
    message,
    paid,
)
from tests.payments.memory import Memory
from tillgate.callbacks.commands import RetryCallback
from tillgate.callbacks.model import Callback
from tillgate.kit import ids
from tillgate.payments.model import PaymentReference

__all__ = ["memory"]


@pytest.mark.parametrize("why", ["another_connection", "not_ours"])
def test_what_fits_nothing_and_is_foreign_is_put_aside(memory: Memory, why: str) -> None:
    seen = captured("ch_1", ours="op_3")
    assert heard(memory, seen) == "unmatched"
    [row] = memory.all(Callback)
    retry = RetryCallback(OWNER, row.id, message(seen), ids.mint(), foreign=why)
    assert effect(memory, retry) == why
    [row] = memory.all(Callback)
    assert (row.state, row.effect, row.due_at) == ("processed", why, None)


def test_what_fits_is_ours_whatever_else_is_said_of_it(memory: Memory) -> None:
    """A mark may be taken off at the processor; our own record of a name counts."""
    seen = captured("ch_1")
    assert heard(memory, seen) == "unmatched"
    [row] = memory.all(Callback)
    memory.put(PaymentReference(MERCHANT, CONNECTION, "ch_1", UUID(int=1)))
    retry = RetryCallback(OWNER, row.id, message(seen), ids.mint(), foreign="not_ours")
    assert effect(memory, retry) == "applied"
    assert paid(memory) == [1]
