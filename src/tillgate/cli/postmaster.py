"""PostgreSQL's first process: starting it, knowing when it answers, finding one that was left."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from tillgate.cli.account import Account
from tillgate.kit import clock

START_MAX_S = 60
"""How long recovery after a crash may take."""

ORPHAN_MAX_S = 10
"""How long a left-over PostgreSQL may take for each of the two ways of stopping it."""

POLL_S = 0.005
PR_SET_PDEATHSIG = 1  # linux/prctl.h

Command = list[str | Path]


def run(command: Command, log: BinaryIO, user: Account | None) -> int:
    """Runs one of PostgreSQL's programs to its end; the status."""
    return _spawn(command, log, user).wait()


def launch(
    command: Command, cluster: Path, log: BinaryIO, user: Account | None
) -> subprocess.Popen[bytes] | None:
    """The postmaster, answering; None when it ends before. Raises TimeoutError."""
    child = _spawn(command, log, user)
    deadline_s = clock.monotonic_s() + START_MAX_S
    while child.poll() is None:
        if _state(cluster) == (child.pid, "ready"):
            return child
        if clock.monotonic_s() > deadline_s:
            child.send_signal(signal.SIGQUIT)
            child.wait()
            raise TimeoutError(f"no answer within {START_MAX_S} s")
        time.sleep(POLL_S)
    return None


def stop_orphan(cluster: Path) -> None:
    """Stops the postmaster that outlived who started it. Raises TimeoutError.

    The caller holds the lock of this data, so nobody else wants it. A file that names a process
    which is gone, or is another one by now, is removed: PostgreSQL would believe it.
    """
    pid, _ = _state(cluster)
    for number in (signal.SIGINT, signal.SIGQUIT):
        deadline_s = clock.monotonic_s() + ORPHAN_MAX_S
        _send(pid, number, cluster)
        while _serves(pid, cluster):
            if clock.monotonic_s() > deadline_s:
                break
            time.sleep(POLL_S)
    if _serves(pid, cluster):
        raise TimeoutError(f"process {pid} of an earlier run does not stop")
    (cluster / "postmaster.pid").unlink(missing_ok=True)


def _spawn(command: Command, log: BinaryIO, user: Account | None) -> subprocess.Popen[bytes]:
    """Starts a program away from our terminal, whose Ctrl-C is for us to hear."""
    return subprocess.Popen(  # noqa: S603  our own words and paths
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        cwd="/",
        env={"LC_ALL": "C"},
        start_new_session=True,
        preexec_fn=_dying_with(os.getpid()),  # noqa: PLW1509  one system call, which takes no lock
        user=user.uid if user else None,
        group=user.gid if user else None,
        extra_groups=[] if user else None,
    )


def _dying_with(parent: int) -> Callable[[], None] | None:
    """Runs in the child: the kernel sends it SIGINT, a fast shutdown, when we are gone."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGINT)
        if os.getppid() != parent:  # gone before we could ask
            os._exit(1)

    return ask


def _state(cluster: Path) -> tuple[int, str]:
    """Pid and status from `postmaster.pid`, whose eighth line is the status; zero: no such file."""
    try:
        lines = (cluster / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return 0, ""
    pid = int(lines[0]) if lines and lines[0].isdecimal() else 0
    return pid, lines[7].strip() if len(lines) > 7 else ""


def _send(pid: int, number: int, cluster: Path) -> None:
    if _serves(pid, cluster):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return


def _serves(pid: int, cluster: Path) -> bool:
    """Whether this process is PostgreSQL on this cluster: the number alone may be anybody's."""
    return pid > 0 and f"-D {cluster}" in _command_line(pid)


def _command_line(pid: int) -> str:
    """What the process was started with; empty when it is gone, or waits to be reaped."""
    if sys.platform == "linux":
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (FileNotFoundError, ProcessLookupError):
            return ""
    shown = subprocess.run(  # noqa: S603  our own words, and a number
        ["ps", "-o", "command=", "-p", str(pid)],  # noqa: S607  where it stands differs
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return shown.stdout
