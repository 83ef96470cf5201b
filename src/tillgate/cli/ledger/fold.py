"""What an account's transfers make of it. Pure: the account again, from nothing, and what of them
does not fit."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from tillgate.ledger.model import Transfer
from tillgate.ledger.rules import digest_of


class Totals(NamedTuple):
    """What an account stores of its transfers; amounts in minor units."""

    posted: int = 0
    held_out: int = 0
    held_in: int = 0
    version: int = 0

    def __str__(self) -> str:
        return (
            f"posted {self.posted}, held out {self.held_out}, held in {self.held_in}, "
            f"version {self.version}"
        )


class Side(NamedTuple):
    """A transfer as one of its two accounts sees it. `kept`: when it is a hold, it has its row."""

    transfer: Transfer
    version: int
    debits: bool
    kept: bool


class Misfit(NamedTuple):
    """The first transfer that does not fit what stands before it, and why."""

    transfer_id: UUID
    version: int
    why: str


class Fold:
    """An account after the transfers that it has taken, which come in the order of versions."""

    def __init__(self) -> None:
        self.misfit: Misfit | None = None
        self._posted = self._held_out = self._held_in = self._count = self._version = 0
        self._moved_at: datetime | None = None
        self._holds: dict[UUID, Transfer] = {}  # those that nothing has resolved yet

    @property
    def totals(self) -> Totals:
        return Totals(self._posted, self._held_out, self._held_in, self._count)

    def take(self, side: Side) -> None:
        transfer = side.transfer
        held, unfit_hold = self._resolve(transfer)
        moved = transfer.amount if transfer.kind in {"direct", "post"} else 0
        if side.debits:
            self._posted -= moved
            self._held_out += held
        else:
            self._posted += moved
            self._held_in += held
        self._count += 1
        if self.misfit is None:
            why = self._why_unfit(side) or unfit_hold
            if why is not None:
                self.misfit = Misfit(transfer.id, side.version, why)
        self._version = side.version
        self._moved_at = transfer.created_at

    def _resolve(self, transfer: Transfer) -> tuple[int, str | None]:
        """How much more is held after the transfer; and what is wrong with the hold it is of."""
        if transfer.kind == "direct":
            return 0, None
        if transfer.kind == "hold":
            self._holds[transfer.id] = transfer
            return transfer.amount, None
        hold = self._holds.pop(transfer.hold_id, None) if transfer.hold_id else None
        if hold is None:
            return 0, f"it resolves {transfer.hold_id}, which is not held before it"
        if (hold.debit_id, hold.credit_id) != (transfer.debit_id, transfer.credit_id):
            return -hold.amount, f"it resolves {hold.id}, which holds between other accounts"
        if transfer.amount > hold.amount:
            return -hold.amount, f"it posts {transfer.amount} of a hold of {hold.amount}"
        return -hold.amount, None

    def _why_unfit(self, side: Side) -> str | None:
        transfer = side.transfer
        after, held = (
            (transfer.debit_after, transfer.debit_held)
            if side.debits
            else (transfer.credit_after, transfer.credit_held)
        )
        if side.version != self._version + 1:
            return f"version {side.version} follows {self._version}"
        if after != self._posted:
            return f"it leaves {after} posted, the transfers so far make it {self._posted}"
        if held != self._held_out:
            return f"it leaves {held} held out, the transfers so far make it {self._held_out}"
        if self._moved_at is not None and transfer.created_at < self._moved_at:
            return f"it is of {transfer.created_at}, the one before it of {self._moved_at}"
        if transfer.effective_at > transfer.created_at:
            return f"it is of {transfer.created_at}, before its effect at {transfer.effective_at}"
        if side.debits and transfer.digest != digest_of(transfer):
            return "it says something else than when it was booked: its digest is another"
        if not side.kept:
            return "it holds, and has no row in holds"
        return None
