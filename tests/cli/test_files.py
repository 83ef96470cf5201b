"""Private files, locks that end with their holders, logs that stay small."""

import os
import subprocess
import sys
from pathlib import Path

from tillgate.cli import files


def test_a_private_file_is_written_whole_and_read_by_nobody_else(folder: Path):
    path = folder / "secrets.json"
    files.write_private(path, b"first")
    files.write_private(path, b"second")
    assert path.read_bytes() == b"second"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in folder.iterdir()] == ["secrets.json"]


def test_a_lock_has_one_holder(folder: Path):
    first = files.hold(folder)
    assert first is not None
    assert files.hold(folder) is None
    os.close(first)
    again = files.hold(folder)
    assert again is not None
    os.close(again)


def test_a_lock_lasts_as_long_as_a_child_that_inherited_it(folder: Path):
    lock = files.hold(folder / "lock")
    assert lock is not None
    command = [sys.executable, "-c", "input()"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[lock])
    os.close(lock)
    assert files.hold(folder / "lock") is None
    child.communicate(b"\n")
    lock = files.hold(folder / "lock")
    assert lock is not None
    os.close(lock)


def test_a_log_that_grew_is_put_aside(folder: Path):
    path = folder / "part.log"
    path.write_bytes(b"x" * (files.LOG_MAX_BYTES + 1))
    with files.open_log(path) as log:
        log.write(b"one\ntwo\n")
    assert path.read_bytes() == b"one\ntwo\n"
    assert (folder / "part.log.old").stat().st_size == files.LOG_MAX_BYTES + 1
    with files.open_log(path) as log:
        log.write(b"three\n")
    assert files.tail(path, lines=2) == "two\nthree"
    assert files.tail(path, start=8) == "three"
