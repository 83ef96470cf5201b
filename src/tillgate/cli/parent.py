"""A child notices that its supervisor is gone, even by `kill -9`: the pipe they share closes."""

import os
import signal
import threading
import time

PARENT_FD = "TILLGATE_PARENT_FD"
"""The variable that names the reading end; only the supervisor holds the other end."""

GRACE_S = 3
"""How long this process may take to stop by itself."""


def watch_parent() -> None:
    """Ends this process with its supervisor, if it has one."""
    descriptor = os.environ.pop(PARENT_FD, None)
    if descriptor is not None:
        watcher = threading.Thread(target=_watch, args=[int(descriptor)], daemon=True)
        watcher.start()


def _watch(descriptor: int) -> None:
    os.read(descriptor, 1)  # nobody ever writes: this returns at the end of file
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    os._exit(1)
