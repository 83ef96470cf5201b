"""The embedded PostgreSQL: the programs of a wheel, run as our own child on a folder of ours.

It listens on loopback only, wants a password, and does not outlive us; an orphan that did (where
the kernel cannot promise that) is stopped before the next start.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from tillgate.cli import account, files, ports, postmaster
from tillgate.cli.account import Account
from tillgate.cli.failure import Failure
from tillgate.kit import ids

USER = "postgres"

DRAFT = "cluster.new-"

START_TRIES = 3
"""A free port may be taken before we bind it; the memory of a killed predecessor takes a moment."""

RETRY_S = 0.2
STOP_MAX_S = 30
QUIT_MAX_S = 5

SETTINGS = {
    "listen_addresses": ports.HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "deadlock_timeout": "200ms",
    "jit": "off",  # our statements are short: compiling them costs more than it saves
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] %q%a ",
}

DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
FLEETING = dict.fromkeys(DURABLE, "off")


class AlreadyRunning(Failure):
    """Another process runs this data."""


class StartFailed(Failure):
    """PostgreSQL did not start; the message says why, or holds the end of its log."""


class EmbeddedPostgres:
    """One PostgreSQL in the folder `data`, on `port` of loopback, or on a free one.

    In the folder: `cluster` (PostgreSQL's own, or a link to it), `password`, `postgres.log`.
    `durable=False` is for data that nobody will want again.
    """

    def __init__(self, data: Path, port: int | None = None, durable: bool = True) -> None:
        self._data = data.absolute()
        self._cluster = self._data / "cluster"
        self._password = self._data / "password"
        self._log = self._data / "postgres.log"
        self._wanted_port = port
        self._port = 0
        self._durable = durable
        self._lock: int | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def exists(self) -> bool:
        """Whether there is data yet."""
        return (self._cluster / "PG_VERSION").exists()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError("PostgreSQL is not started")
        return self._process.pid

    def dsn(self, database: str) -> str:
        """The address of a database of this cluster, for its superuser."""
        password = self._password.read_text().strip()
        return f"postgresql://{USER}:{password}@{ports.HOST}:{self._port}/{database}"

    def start(self) -> None:
        """Returns when PostgreSQL answers; makes the cluster when there is none.

        Call it in a thread that lasts: on Linux, PostgreSQL stops when the thread that started
        it ends. When PostgreSQL has crashed it may be called again, and takes the same port.
        Raises AlreadyRunning, StartFailed.
        """
        try:
            self._start()
        except OSError as error:  # TimeoutError is one
            raise StartFailed(f"PostgreSQL cannot start in {self._data}: {error}") from error
        finally:
            if not self.running:
                self._release()

    def stop(self, within_s: float = STOP_MAX_S) -> None:
        """A fast shutdown: open transactions are rolled back.

        When that takes too long, an immediate one: it loses nothing either, but the next start
        has to replay the log.
        """
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(within_s)
            except subprocess.TimeoutExpired:
                self._process.send_signal(signal.SIGQUIT)
                self._process.wait(QUIT_MAX_S)
            self._process = None
        self._release()

    def _start(self) -> None:
        files.make_folder(self._data)
        if self._lock is None:
            self._lock = files.hold(self._data)
        if self._lock is None:
            raise AlreadyRunning(f"Another process runs the database in {self._data}.")
        user = account.account_for(self._cluster)
        programs = account.programs_for(user)
        if not self.exists:
            self._initialise(programs, user)
        cluster = self._cluster.resolve()
        account.give(cluster, user)
        postmaster.stop_orphan(cluster)
        for _ in range(START_TRIES):
            if self._launch(programs, cluster, user):
                return
            time.sleep(RETRY_S)
        raise StartFailed(f"PostgreSQL did not start:\n{files.tail(self._log)}")

    def _launch(self, programs: Path, cluster: Path, user: Account | None) -> bool:
        crashed = self._process is not None
        if not crashed:
            self._port = self._wanted_port or ports.free_port()
        command: postmaster.Command = [programs / "postgres", "-D", cluster, "-p", str(self._port)]
        for name, value in (SETTINGS | (DURABLE if self._durable else FLEETING)).items():
            command += ["-c", f"{name}={value}"]
        with files.open_log(self._log) as log:
            started = postmaster.launch(command, cluster, log, user)
        self._process = started or self._process
        return started is not None

    def _initialise(self, programs: Path, user: Account | None) -> None:
        """Makes the cluster aside, and moves it to its place when it is whole."""
        account.place(self._cluster, user)
        cluster = self._cluster.resolve()
        for left in cluster.parent.glob(f"{DRAFT}*"):
            shutil.rmtree(left, ignore_errors=True)
        # The name is new each time: who was killed may have left one behind who still writes.
        draft = Path(tempfile.mkdtemp(prefix=DRAFT, dir=cluster.parent))
        password = cluster.with_name("password.once")
        files.write_private(self._password, f"{ids.token()}\n".encode())
        files.write_private(password, self._password.read_bytes())
        account.give(draft, user)
        account.give(password, user)
        command: postmaster.Command = [
            programs / "initdb", "-D", draft, "-U", USER, f"--pwfile={password}",
            "--auth=scram-sha-256", "--data-checksums", "--encoding=UTF8", "--locale=C",
            "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions",
            *([] if self._durable else ["--no-sync"]),
        ]  # fmt: skip
        with files.open_log(self._log) as log:
            status = postmaster.run(command, log, user)
        password.unlink()
        if status:
            raise StartFailed(f"PostgreSQL could not make its data:\n{files.tail(self._log)}")
        draft.rename(cluster)

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
