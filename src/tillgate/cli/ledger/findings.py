"""What `tillgate ledger check` has found so far: kept in a file, so that it can be interrupted, and
told at the end."""

from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import msgspec

from tillgate.cli import files
from tillgate.cli.failure import Failure

FILE = "ledger-check.json"
"""Beside what `tillgate dev` keeps in its folder; gone when a check has come to its end."""

DIFFERENCES_MAX = 1000
"""How many are named; more are counted."""


class Difference(msgspec.Struct, frozen=True):
    """One thing that is stored otherwise than the transfers say. `object`: account, hold, transfer,
    cause or currency, of the `id`. `transfer`: the first that does not fit, and `why`."""

    merchant: str
    object: str
    id: str
    owner: str | None
    stored: str
    booked: str
    transfer: str | None = None
    why: str | None = None


class Place(NamedTuple):
    """What is checked: everything of merchants before this one, and of it the accounts up to one
    (all when `owner` is empty are still to come), or `finished`, all."""

    merchant_id: UUID
    owner: str = ""
    code: str = ""
    asset: str = ""
    finished: bool = False


class Findings(msgspec.Struct):
    """Of one run. `of`: which database and which merchant, so that none goes on with another's."""

    of: tuple[str, UUID | None]
    place: Place | None = None
    accounts: int = 0
    sides: int = 0
    holds: int = 0
    more: int = 0
    differences: list[Difference] = []

    @property
    def transfers(self) -> int:
        """Each is looked at from both of its accounts."""
        return self.sides // 2

    @property
    def clean(self) -> bool:
        return not self.differences

    def add(self, found: list[Difference]) -> None:
        room = max(DIFFERENCES_MAX - len(self.differences), 0)
        self.differences += found[:room]
        self.more += len(found[room:])

    def save(self, data: Path) -> None:
        """Raises Failure."""
        try:
            files.make_folder(data)
            files.write_private(data / FILE, msgspec.json.encode(self))
        except OSError as error:
            raise Failure(
                f"How far it came cannot be kept in {data}: {error.strerror}. "
                "Name another folder by --data."
            ) from error


def interrupted(data: Path) -> Findings | None:
    """What a run that did not come to its end has left. Raises Failure."""
    try:
        return msgspec.json.decode((data / FILE).read_bytes(), type=Findings)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise Failure(f"{data / FILE} cannot be read: {error}. Check without --resume.") from error


def show(findings: Findings, *, as_json: bool) -> str:
    """What is printed: a line of JSON, or lines for a person."""
    if as_json:
        told = {
            "ok": findings.clean,
            "accounts": findings.accounts,
            "transfers": findings.transfers,
            "holds": findings.holds,
            "differences": findings.differences,
            "more": findings.more,
        }
        return msgspec.json.encode(told).decode() + "\n"
    counted = (
        f"{findings.accounts} accounts, {findings.transfers} transfers, {findings.holds} holds"
    )
    if findings.clean:
        return f"{counted}: the books are right.\n"
    total = len(findings.differences) + findings.more
    rest = f"…and {findings.more} more.\n" if findings.more else ""
    lines = "".join(map(_lines, findings.differences))
    return f"{lines}{rest}\n{counted}: {total} differences.\n"


def _lines(found: Difference) -> str:
    owner = f" ({found.owner})" if found.owner else ""
    lines = [
        f"WRONG  {found.object} {found.id}{owner} of {found.merchant}",
        f"       stored:         {found.stored}",
        f"       transfers say:  {found.booked}",
    ]
    if found.transfer:
        lines.append(f"       first misfit:   {found.transfer}: {found.why}")
    return "\n".join(lines) + "\n"
