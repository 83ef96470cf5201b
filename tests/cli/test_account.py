"""Whom PostgreSQL runs as, and what that user can reach."""

import os
import pwd
from pathlib import Path

import pytest

from tillgate.cli import account
from tillgate.cli.account import Account

NOBODY = Account(65534, 65534)


@pytest.mark.parametrize(
    ("mode", "reaches"), [(0o700, False), (0o750, False), (0o711, True), (0o701, True)]
)
def test_a_folder_is_reached_when_everybody_may_walk_into_it(
    folder: Path, mode: int, reaches: bool
):
    (folder / "inner").mkdir(mode=0o755)
    folder.chmod(mode)
    assert account.reaches(NOBODY, folder / "inner") is reaches


def test_an_owner_reaches_what_others_do_not(folder: Path):
    folder.chmod(0o700)
    assert account.reaches(Account(folder.stat().st_uid, folder.stat().st_gid), folder)


def test_what_is_private_is_copied_for_everybody(folder: Path):
    origin, copy = folder / "origin", folder / "cache" / "postgres-18"
    (origin / "bin").mkdir(parents=True)
    (origin / "bin" / "postgres").write_text("program")
    (origin / "bin" / "postgres").chmod(0o700)
    (origin / "words.txt").write_text("words")
    (origin / "words.txt").chmod(0o600)
    (origin / "link.txt").symlink_to("words.txt")
    origin.chmod(0o700)

    account.copy_for_all([origin], copy)
    account.copy_for_all([origin], copy)  # somebody was quicker

    assert account.reaches(NOBODY, copy / "origin" / "bin" / "postgres")
    assert (copy / "origin" / "words.txt").stat().st_mode & 0o777 == 0o644
    assert (copy / "origin" / "link.txt").read_text() == "words"
    assert [entry.name for entry in copy.parent.iterdir()] == ["postgres-18"]


def test_root_runs_postgres_as_nobody_and_others_as_themselves(folder: Path):
    user = account.account_for(folder / "missing")
    if os.geteuid() == 0:
        assert user == Account(pwd.getpwnam("nobody").pw_uid, pwd.getpwnam("nobody").pw_gid)
    else:
        assert user is None
