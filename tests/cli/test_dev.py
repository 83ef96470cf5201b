"""`tillgate dev` as its users meet it: started, used, stopped, killed, started again."""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from tillgate.cli import files
from tillgate.cli.panel import Ready, announce
from tillgate.kit import clock

STOP_MAX_S = 5
PATIENCE_S = 60
TILLGATE = (sys.executable, "-m", "tillgate")


class Running(NamedTuple):
    """A `tillgate dev` that has said that it is ready."""

    process: subprocess.Popen[str]
    data: Path
    ready: dict[str, str]

    def get(self, path: str, key: str | None = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key or self.ready['secret_key']}"}
        return httpx.get(self.ready["url"] + path, headers=headers, timeout=PATIENCE_S)

    def said(self) -> str:
        """What went to stderr."""
        return (self.data.parent / "stderr").read_text()

    def stop(self, number: int = signal.SIGTERM) -> str:
        """What else went to stdout."""
        self.process.send_signal(number)
        rest, _ = self.process.communicate()
        return rest

    def pids(self, part: str) -> list[int]:
        """Our children whose command line holds these words."""
        command = ["ps", "-ww", "-A", "-o", "pid=,ppid=,command="]
        shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        rows = [line.split(None, 2) for line in shown.splitlines()]
        return [int(r[0]) for r in rows if int(r[1]) == self.process.pid and part in r[2]]


@pytest.fixture(scope="module")
def running(module_folder: Path) -> Iterator[Running]:
    """One for the tests that leave it running."""
    dev = start(module_folder / "data")
    yield dev
    dev.stop()


def start(data: Path, port: int = 0) -> Running:
    command = [*TILLGATE, "dev", "--json", "--port", str(port), "--data", str(data)]
    with (data.parent / "stderr").open("a") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, (data.parent / "stderr").read_text()
    return Running(process, data, json.loads(line))


def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*TILLGATE, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )


def test_the_ready_line_says_all_that_a_program_needs(running: Running):
    ready = running.ready
    assert list(ready) == [
        "event", "url", "merchant", "secret_key", "publishable_key",
        "sandbox_url", "inbox_url", "database_url",
    ]  # fmt: skip
    assert ready["event"] == "ready"
    assert ready["merchant"].startswith("mer_")
    assert ready["secret_key"].startswith("sk_test_")
    assert ready["publishable_key"].startswith("pk_test_")
    assert running.get("/v1/payments").status_code == 200
    assert httpx.get(ready["sandbox_url"]).status_code == 200
    assert httpx.get(ready["inbox_url"] + "/messages").status_code == 200


def test_secrets_are_for_the_owner_only(running: Running):
    for name in ("secrets.json", "demo.json", "environment.json", "logs/serve.log"):
        assert (running.data / name).stat().st_mode & 0o077 == 0, name


def test_a_second_start_on_the_same_data_says_so_and_ends(running: Running):
    second = run("dev", "--port", "0", "--data", str(running.data))
    assert second.returncode == 1
    assert str(running.data) in second.stderr
    assert second.stdout == ""
    assert running.get("/v1/payments").status_code == 200


def test_a_taken_port_is_named(folder: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = run("dev", "--data", str(folder / "data"), PORT=port)
    assert refused.returncode == 1
    assert f"Port {port} is taken" in refused.stderr
    assert not (folder / "data" / "postgres").exists()


def test_a_merchant_is_created_beside_a_running_installation(running: Running):
    created = run("merchant", "create", "--name", "Bäckerei", "--json", "--data", str(running.data))
    assert created.returncode == 0, created.stderr
    keys = json.loads(created.stdout)
    assert set(keys) == {"merchant", "secret_key", "publishable_key", "live_merchant"}
    assert running.get("/v1/payments", keys["secret_key"]).json()["data"] == []

    shown = run("merchant", "create", "--name", "Shown", "--data", str(running.data))
    assert "mer_" in shown.stdout
    assert "sk_test_" in shown.stdout


@pytest.mark.parametrize("part", ["serve", "worker", "sandbox", "inbox", "bin/postgres"])
def test_a_part_that_dies_is_started_again(running: Running, part: str):
    (pid,) = running.pids(part)
    told = len(running.said())
    os.kill(pid, signal.SIGKILL)
    _await(lambda: running.pids(part) not in ([], [pid]))
    assert "starts again" in running.said()[told:]
    _await(lambda: _status(running, "/ready") == 200)
    assert running.get("/v1/payments").status_code == 200


def test_what_a_person_is_told_can_be_pasted(running: Running, capsys: pytest.CaptureFixture[str]):
    announce(Ready(**{k: v for k, v in running.ready.items() if k != "event"}), running.data)
    page = capsys.readouterr().out
    for value in (*list(running.ready.values())[1:], str(running.data)):
        assert value in page
    command = page[page.index("curl ") : page.index("Ctrl-C")].replace("\\\n", " ")
    words = shlex.split(command)
    options = list(zip(words[2::2], words[3::2], strict=True))
    headers = dict(value.split(": ", 1) for option, value in options if option == "-H")
    (body,) = [value for option, value in options if option == "-d"]
    made = httpx.post(words[1], headers=headers, content=body, timeout=PATIENCE_S)
    assert made.status_code == 201, made.text


def test_a_part_that_does_not_start_is_shown_with_its_log(folder: Path):
    failed = run("dev", "--port", "0", "--data", str(folder / "data"), TILLGATE_LOG_LEVEL="loud")
    assert failed.returncode == 1
    assert "serve does not start" in failed.stderr
    assert "TILLGATE_LOG_LEVEL: this must be" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert _nothing_runs(folder / "data")


def test_however_it_is_stopped_nothing_is_lost(folder: Path):
    first = start(folder / "data")
    payment = _pay(first)
    port = int(first.ready["url"].rpartition(":")[2])
    _stops_in_time(first, signal.SIGINT)

    second = start(first.data, port)
    _is_the_same(second, first, payment)
    second.stop(signal.SIGKILL)

    third = start(first.data, port)  # at once: it waits for what the killed one left
    _is_the_same(third, first, payment)
    _stops_in_time(third, signal.SIGTERM)
    assert (folder / "stderr").read_text() == "Setting up, which is done once…\n"


def test_the_demo_follows_its_inbox_to_another_port(folder: Path):
    dev = start(folder / "data")
    dev.stop()
    with socket.create_server(("127.0.0.1", int(dev.ready["inbox_url"].rpartition(":")[2]))):
        again = start(dev.data, int(dev.ready["url"].rpartition(":")[2]))
        assert again.ready["inbox_url"] != dev.ready["inbox_url"]
        endpoints = again.get("/v1/webhook_endpoints").json()["data"]
        assert [endpoint["url"] for endpoint in endpoints] == [again.ready["inbox_url"]]
        again.stop()


def _pay(dev: Running) -> str:
    made = httpx.post(
        dev.ready["url"] + "/v1/payments",
        headers={"Authorization": f"Bearer {dev.ready['secret_key']}"},
        json={"amount": 1999, "currency": "eur"},
        timeout=PATIENCE_S,
    )
    body: dict[str, Any] = made.json()
    assert made.status_code == 201, body
    return body["id"]


def _is_the_same(dev: Running, earlier: Running, payment: str) -> None:
    # sandbox and inbox may have to move when somebody else has taken their ports meanwhile
    for name in ("url", "merchant", "secret_key", "publishable_key"):
        assert dev.ready[name] == earlier.ready[name]
    assert dev.get(f"/v1/payments/{payment}").json()["id"] == payment


def _stops_in_time(dev: Running, number: int) -> None:
    began_s = clock.monotonic_s()
    assert dev.stop(number) == ""
    assert clock.monotonic_s() - began_s < STOP_MAX_S
    assert dev.process.returncode == 0
    assert _nothing_runs(dev.data)


def _nothing_runs(data: Path) -> bool:
    """No child holds the lock it inherited, and PostgreSQL has taken its file away."""
    lock = files.hold(data / "children.lock")
    if lock is not None:
        os.close(lock)
    return lock is not None and not (data / "postgres/cluster/postmaster.pid").exists()


def _status(dev: Running, path: str) -> int:
    try:
        return dev.get(path).status_code
    except httpx.TransportError:
        return 0


def _await(condition: Callable[[], bool]) -> None:
    deadline_s = clock.monotonic_s() + PATIENCE_S
    while not condition():
        assert clock.monotonic_s() < deadline_s
        time.sleep(0.05)
