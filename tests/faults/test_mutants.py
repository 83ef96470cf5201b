"""The suite proves itself: broken on purpose, the gateway does not pass.

Each mutant is a copy of the package with one thing taken out, put in front of the real one; a few
tests of this suite run on it, and must fail.
"""

import asyncio
import os
import re
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import tillgate

PACKAGE = Path(tillgate.__file__).parent
ROOT = Path(__file__).parents[2]
FOUND_WITHIN_S = 10
"""How long what a mutant never brings about is waited for."""

RUN_MAX_S = 120


class Edit(NamedTuple):
    """`old` must stand in the file, else the mutant is none any more."""

    path: str
    old: str
    new: str


class Mutant(NamedTuple):
    test: str
    edits: tuple[Edit, ...]


MUTANTS = {
    "the gate is committed before its effect": Mutant(
        "tests/faults/test_engines.py::test_commits_that_are_lost_under_load_book_once",
        (
            Edit(
                "engine/group.py",
                "        transaction = await self._session.write(inserts, updates)\n",
                "        gates = {r: inserts.pop(r) for r in list(inserts)"
                " if r.__name__ == 'SeenCallback'}\n"
                "        if gates:\n"
                "            await self._session.write(gates, {})\n"
                "            await self._session.execute('COMMIT')\n"
                "            await self._session.execute('BEGIN')\n"
                "        transaction = await self._session.write(inserts, updates)\n",
            ),
        ),
    ),
    "rows are locked in any order": Mutant(
        "tests/faults/test_engines.py::test_rows_are_locked_in_the_order_of_their_keys",
        (Edit("engine/statements.py", 'f"ORDER BY {order} FOR NO', 'f"ORDER BY random() FOR NO'),),
    ),
    "rows are not locked": Mutant(
        "tests/faults/test_engines.py::test_a_command_decides_on_what_a_stranger_has_just_changed",
        (Edit("engine/statements.py", " FOR NO KEY UPDATE OF t", ""),),
    ),
    "a cause is not unique": Mutant(
        "tests/engine/test_engine.py::test_the_ledger_repeats_the_rules",
        (
            Edit(
                "migrations/20261121000002_ledger.sql",
                "  CONSTRAINT transfers_cause UNIQUE (merchant_id, cause),\n",
                "",
            ),
        ),
    ),
    "a commit does not wait for the disk": Mutant(
        "tests/faults/test_crash.py::test_what_was_answered_survives_a_crash_of_postgresql",
        (Edit("engine/session.py", '"synchronous_commit": "on"', '"synchronous_commit": "off"'),),
    ),
    "a lease is ignored by who claims": Mutant(
        "tests/faults/test_leases.py::test_what_one_worker_sends_no_other_sends",
        (Edit("webhooks/store.sql", " AND q.due_at <= now()", ""),),
    ),
    "a lost lease is ignored by who records": Mutant(
        "tests/webhooks/test_jobs.py::test_who_lost_the_lease_records_nothing[True]",
        (Edit("webhooks/store.sql", " AND d.claims = f.claims", ""),),
    ),
    "merchants do not take turns": Mutant(
        "tests/faults/test_engines.py::test_one_merchants_flood_does_not_starve_another",
        (Edit("engine/queue.py", "self._turns.move_to_end(merchant_id)", "pass"),),
    ),
    "a refund is decided without the lock of its payment": Mutant(
        "tests/faults/test_wishes.py::test_a_refund_counts_what_a_stranger_has_just_set_aside",
        (
            Edit(
                "refunds/commands.py",
                "        return with_refunds(self.merchant_id, self.payment_id)\n",
                "        place = self.merchant_id, self.payment_id\n"
                "        return tuple(ref._replace(lock=False) for ref in with_refunds(*place))\n",
            ),
        ),
    ),
    "refunds under way are not counted": Mutant(
        "tests/faults/test_wishes.py::test_two_engines_refund_no_more_than_came",
        (
            Edit(
                "payments/outstanding.py",
                'r.status in ("pending", "succeeded")',
                'r.status == "succeeded"',
            ),
        ),
    ),
    "the answer of a processor is not kept for its key": Mutant(
        "tests/faults/test_wishes.py::test_the_answer_that_a_call_brought_is_kept_for_its_key",
        (Edit("idempotency/api.py", "if finished.final and self._key is not None:", "if False:"),),
    ),
    "a wish is sent again as another one": Mutant(
        "tests/faults/test_operations.py::"
        "test_who_stood_still_past_its_lease_changes_nothing[operation.before_call-refund]",
        (
            Edit("payments/operations.py", "found.request if _rendered(found) else ", ""),
            Edit(
                "payments/operations.py",
                'Change(cast("ChangeKind", row.kind), ids.show("op", row.id),',
                'Change(cast("ChangeKind", row.kind), ids.show("op", ids.mint()),',
            ),
        ),
    ),
    "a refused charge can still be paid beside another try": Mutant(
        "tests/payments/test_payable.py::test_it_is_let_go_once_when_the_next_try_begins",
        (
            Edit(
                "payments/outstanding.py", "    charges += _payable(payment, objects, tries)\n", ""
            ),
        ),
    ),
    "there is no slow lane": Mutant(
        "tests/faults/test_engines.py::test_a_row_that_a_stranger_holds_stops_nobody_else",
        (Edit("engine/writer.py", ", self._set_aside)", ")"),),
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
async def test_a_mutant_is_found(folder: Path, name: str) -> None:
    mutant = MUTANTS[name]
    copy_to(folder)
    for edit in mutant.edits:
        change(folder / "tillgate", edit)
    status, output = await run(folder, mutant.test, patience_s=FOUND_WITHIN_S)
    assert status == 1, output
    assert f"FAILED {mutant.test}" in output, output


async def test_the_copy_itself_is_sound(folder: Path) -> None:
    """So what fails on a mutant fails because of the mutation."""
    copy_to(folder)
    status, output = await run(folder, *{mutant.test for mutant in MUTANTS.values()})
    assert status == 0, output
    assert re.search(r"^\d+ passed", output, re.MULTILINE), output


def copy_to(folder: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__", "static")
    shutil.copytree(PACKAGE, folder / "tillgate", ignore=ignored)
    shutil.copytree(ROOT / "db/migrations", folder / "tillgate/migrations")


def change(package: Path, edit: Edit) -> None:
    file = package / edit.path
    text = file.read_text()
    assert edit.old in text, f"{edit.path} has changed: this mutant has to change with it"
    file.write_text(text.replace(edit.old, edit.new))


async def run(folder: Path, *tests: str, patience_s: int = 60) -> tuple[int, str]:
    """The status of pytest on the package in this folder, and what it says."""
    own = {
        "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1",
        "FAULTS_PATIENCE_S": str(patience_s),
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "pytest", "-p", "no:xdist", "--tb=native", *tests, cwd=ROOT,
        env={**os.environ, **own},
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(RUN_MAX_S):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, said.decode()
