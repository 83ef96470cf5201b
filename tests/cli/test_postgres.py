"""The embedded PostgreSQL: one at a time, gone with its starter, nothing lost."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from tillgate.cli import account, ports
from tillgate.cli.postgres import AlreadyRunning, EmbeddedPostgres, StartFailed
from tillgate.kit import clock

PATIENCE_S = 20

LAUNCHER = """
import sys, time
from pathlib import Path
from tillgate.cli.postgres import EmbeddedPostgres
postgres = EmbeddedPostgres(Path(sys.argv[1]))
postgres.start()
print(postgres.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def fresh(folder: Path) -> Iterator[EmbeddedPostgres]:
    postgres = EmbeddedPostgres(folder / "postgres")
    postgres.start()
    yield postgres
    postgres.stop()


async def test_it_is_durable_and_listens_on_loopback_only(postgres: EmbeddedPostgres):
    connection = await asyncpg.connect(postgres.dsn("postgres"))
    shown = {
        name: await connection.fetchval("SELECT current_setting($1)", name)
        for name in ("fsync", "synchronous_commit", "data_checksums", "jit", "listen_addresses",
                     "unix_socket_directories", "password_encryption", "server_encoding")
    }  # fmt: skip
    await connection.close()
    assert shown == {
        "fsync": "on",
        "synchronous_commit": "on",
        "data_checksums": "on",
        "jit": "off",
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "password_encryption": "scram-sha-256",
        "server_encoding": "UTF8",
    }


async def test_it_wants_its_password(postgres: EmbeddedPostgres):
    dsn = postgres.dsn("postgres")
    wrong = dsn.replace(dsn.split(":")[2].split("@")[0], "wrong")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(wrong)


async def test_data_survives_a_restart(fresh: EmbeddedPostgres):
    await _execute(fresh, "CREATE TABLE kept AS SELECT 42 AS answer")
    fresh.stop()
    fresh.start()
    assert await _fetch(fresh, "SELECT answer FROM kept") == 42


def test_a_second_start_is_refused(fresh: EmbeddedPostgres, folder: Path):
    with pytest.raises(AlreadyRunning, match=str(folder)):
        EmbeddedPostgres(folder / "postgres").start()
    assert fresh.running


async def test_after_a_crash_it_starts_again_on_the_same_port(fresh: EmbeddedPostgres):
    await _execute(fresh, "CREATE TABLE kept AS SELECT 42 AS answer")
    dsn, pid = fresh.dsn("postgres"), fresh.pid
    os.kill(pid, signal.SIGKILL)
    _await(lambda: not fresh.running)
    fresh.start()
    assert fresh.pid != pid
    assert fresh.dsn("postgres") == dsn
    assert await _fetch(fresh, "SELECT answer FROM kept") == 42


def test_it_does_not_outlive_a_killed_starter_and_starts_again_at_once(folder: Path):
    command = [sys.executable, "-c", LAUNCHER, str(folder / "postgres")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as launcher:
        assert launcher.stdout is not None
        pid = int(launcher.stdout.readline())
        launcher.kill()
    postgres = EmbeddedPostgres(folder / "postgres")
    postgres.start()
    assert postgres.pid != pid
    _await(lambda: not _lives(pid))
    postgres.stop()


async def test_an_orphan_is_stopped_before_the_next_start(fresh: EmbeddedPostgres, folder: Path):
    """Where the kernel does not stop it with its starter, PostgreSQL goes on alone."""
    await _execute(fresh, "CREATE TABLE kept AS SELECT 42 AS answer")
    fresh.stop()
    orphan = _start_alone(folder / "postgres" / "cluster", ports.free_port())
    fresh.start()
    assert orphan.wait(PATIENCE_S) == 0
    assert await _fetch(fresh, "SELECT answer FROM kept") == 42


def test_a_stale_pid_of_another_program_is_left_alone(fresh: EmbeddedPostgres, folder: Path):
    fresh.stop()
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    pid_file = folder / "postgres" / "cluster" / "postmaster.pid"
    pid_file.write_text(f"{stranger.pid}\n")
    fresh.start()
    assert stranger.poll() is None
    stranger.communicate(b"\n")


def test_a_taken_port_is_told(fresh: EmbeddedPostgres, folder: Path):
    port = int(fresh.dsn("postgres").rpartition(":")[2].partition("/")[0])
    with pytest.raises(StartFailed, match="could not bind"):
        EmbeddedPostgres(folder / "other", port=port, durable=False).start()


def test_data_that_postgres_could_not_reach_is_placed_elsewhere(folder: Path):
    folder.chmod(0o700)
    postgres = EmbeddedPostgres(folder / "postgres", durable=False)
    postgres.start()
    postgres.stop()
    cluster = folder / "postgres" / "cluster"
    assert cluster.is_symlink() == (os.geteuid() == 0)
    if cluster.is_symlink():
        assert account.ELSEWHERE in cluster.resolve().parents
        shutil.rmtree(cluster.resolve().parent)


def _start_alone(cluster: Path, port: int) -> subprocess.Popen[bytes]:
    user = account.account_for(cluster)
    command = [account.programs_for(user) / "postgres", "-D", cluster, "-p", str(port),
               "-c", "unix_socket_directories=", "-c", "listen_addresses=127.0.0.1"]  # fmt: skip
    alone = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        user=user.uid if user else None,
        group=user.gid if user else None,
        extra_groups=[] if user else None,
    )
    _await(lambda: "ready" in _read(cluster / "postmaster.pid"))
    return alone


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _lives(pid: int) -> bool:
    """Not counting a process that only waits to be reaped."""
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, check=False)
    return bool(shown.stdout.strip()) and not shown.stdout.startswith(b"Z")


def _await(condition: Callable[[], bool]) -> None:
    deadline_s = clock.monotonic_s() + PATIENCE_S
    while not condition():
        assert clock.monotonic_s() < deadline_s
        time.sleep(0.01)


async def _execute(postgres: EmbeddedPostgres, statement: str) -> None:
    connection = await asyncpg.connect(postgres.dsn("postgres"))
    await connection.execute(statement)
    await connection.close()


async def _fetch(postgres: EmbeddedPostgres, statement: str) -> object:
    connection = await asyncpg.connect(postgres.dsn("postgres"))
    value = await connection.fetchval(statement)
    await connection.close()
    return value
