"""Folders held by one process, files that only their owner reads, logs that stay small."""

import fcntl
import os
from pathlib import Path
from typing import BinaryIO

LOG_MAX_BYTES = 10 << 20
"""A log larger than this is put aside when it is next opened; one older log is kept."""

TAIL_MAX_BYTES = 16 << 10


def make_folder(path: Path) -> None:
    """Makes a private folder, unless it exists.

    As root it may be walked through, though not listed: PostgreSQL does not run as root, and
    whom it runs as must reach its data inside.
    """
    if not path.is_dir():
        path.mkdir(parents=True)
        path.chmod(0o711 if os.geteuid() == 0 else 0o700)


def hold(path: Path) -> int | None:
    """Locks a file or folder until the descriptor is closed; None when another process has it.

    The lock belongs to the descriptor: it ends with the last process that inherited it, even by
    `kill -9`.
    """
    kind = os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT
    descriptor = os.open(path, kind, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def write_private(path: Path, content: bytes) -> None:
    """Writes a file of mode 0600, whole or not at all, durably."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    draft.rename(path)


def open_log(path: Path) -> BinaryIO:
    """The log, private, to append to."""
    if path.exists() and path.stat().st_size > LOG_MAX_BYTES:
        path.rename(path.with_name(path.name + ".old"))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    return os.fdopen(descriptor, "ab")


def tail(path: Path, start: int = 0, lines: int = 12) -> str:
    """The last lines of what a log holds from byte `start` on."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(start, size - TAIL_MAX_BYTES))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
