"""The books once more, from nothing but transfers: what every test of money compares with."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID


class Fold(NamedTuple):
    """An account as its first `version` transfers leave it."""

    version: int = 0
    posted: int = 0
    held_out: int = 0
    held_in: int = 0


def fold(transfers: Iterable[Any], until: datetime | None = None) -> dict[UUID, Fold]:
    """Every account, from rows in the order in which they were booked; `until`: as of then.

    Asserts on the way that no version is left out and that each row tells the balance after it.
    """
    accounts: defaultdict[UUID, Fold] = defaultdict(Fold)
    holds: dict[UUID, int] = {}
    for one in transfers:
        if until is not None and one.created_at > until:
            continue
        moved = one.amount if one.kind in {"direct", "post"} else 0
        if one.kind == "hold":
            holds[one.id] = one.amount
        held = {"direct": 0, "hold": one.amount}.get(one.kind)
        if held is None:
            held = -holds.pop(one.hold_id)  # KeyError: resolved twice, or never held
        version, posted, held_out, held_in = accounts[one.debit_id]
        accounts[one.debit_id] = Fold(version + 1, posted - moved, held_out + held, held_in)
        version, posted, held_out, held_in = accounts[one.credit_id]
        accounts[one.credit_id] = Fold(version + 1, posted + moved, held_out, held_in + held)
        debit, credit = accounts[one.debit_id], accounts[one.credit_id]
        assert (one.debit_version, one.debit_after, one.debit_held) == debit[:3], one
        assert (one.credit_version, one.credit_after, one.credit_held) == credit[:3], one
    return accounts
