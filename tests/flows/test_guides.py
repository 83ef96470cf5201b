"""Every command on a page is typed by a test, in its smallest form; or it is said here why not."""

import asyncio
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import asyncpg
import httpx

from tests.flows import test_readme
from tests.flows.stack import Stack, until
from tests.flows.typed import COMMANDS, ROOT, commands_of, typed, typing
from tillgate.cli.ports import free_port
from tillgate.cli.postgres import EmbeddedPostgres

T = TypeVar("T")

NOT_HERE = {
    ".ci/run": "runs all tests, this one too",
    "make bench": "takes minutes; tests/bench takes every measure of it in a third of a second",
    "make check": "`.ci/run` runs it before the tests",
    "make lock": "asks a package index",
    "make schema": "writes into the checkout; tests/cli/test_migrate.py compares what it would",
    "tillgate dev": "tests/flows/fixtures.py starts it, for all stories of this folder",
}
"""command → why no test types it."""

INSTALLED = "make -o .venv/.installed -o src/tillgate/checkout/static/built/manifest.json"
"""`make`, with what the tests run on taken as it is."""

STARTS_WITHIN_S = 60.0
typed_here: set[str] = set()


def types(*commands: str) -> Callable[[T], T]:
    """Marks a test that types these."""
    typed_here.update(commands)
    return lambda test: test


def test_every_command_is_typed_by_a_test() -> None:
    tested = typed_here | test_readme.TYPED
    assert tested & NOT_HERE.keys() == set()
    assert tested | NOT_HERE.keys() == COMMANDS


def test_commands_are_found_wherever_they_stand() -> None:
    page = "`make it`, `A=1 curl x\n  -d y` or\n```sh\na \\\n  b  # c\n\nd\n```\n```\ne\n```\n"
    assert commands_of(page) == {"make it", "A=1 curl x -d y", "a b", "d", "e"}


@types("make")
async def test_make_alone_lists_what_there_is() -> None:
    said = await typed("make")
    for target in ("run", "setup", "test", "check", "faults", "bench"):
        assert f"make {target}" in said


@types("make setup")
async def test_setting_up_twice_does_nothing() -> None:
    assert await typed("make setup".replace("make", INSTALLED)) == ""


@types("make run")
async def test_make_run_starts_it_all_on_the_port_that_is_asked_for(folder: Path) -> None:
    for entry in ROOT.iterdir():
        if entry.name != ".tillgate":  # what somebody has paid with there is not ours
            (folder / entry.name).symlink_to(entry)
    port = str(free_port())
    url, environment = f"http://127.0.0.1:{port}", {"COLUMNS": "200", "PORT": port}
    async with typing("make run".replace("make", INSTALLED), environment, folder) as shell:
        assert shell.stdout is not None
        async with asyncio.timeout(STARTS_WITHIN_S):
            while f"curl {url}/v1/payments" not in (
                line := (await shell.stdout.readline()).decode()
            ):
                assert line, "it ended"
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"{url}/ready")).status_code == 200
        os.killpg(shell.pid, signal.SIGINT)
        await shell.communicate()
    assert not (folder / ".tillgate/postgres/cluster/postmaster.pid").exists()


@types("make test")
async def test_make_test_runs_the_suite() -> None:
    one = {"PYTEST_ADDOPTS": "tests/kit/test_ids.py"}
    assert " passed in " in await typed("make test".replace("make", INSTALLED), one)


@types(".venv/bin/pytest tests/kit")
async def test_only_some_tests_run() -> None:
    said = await typed(".venv/bin/pytest tests/kit", {"PYTEST_ADDOPTS": "-k test_ids"})
    assert " passed, " in said


@types("make faults", "FAULTS_SEED=988075844 FAULTS_KILLS=120 make faults")
async def test_faults_of_a_seed_are_made_again() -> None:
    command = "FAULTS_SEED=988075844 FAULTS_KILLS=120 make faults".replace("120", "1")
    one = {"PYTEST_ADDOPTS": "-k test_kills_lose_nothing"}
    said = await typed(command.replace("make", INSTALLED), one)
    assert "FAULTS_SEED=988075844" in said
    assert "1 kills, " in said


@types(".venv/bin/python -m bench --rounds 1 --seconds 2 --only create,lone")
async def test_a_part_of_the_benchmark_is_measured() -> None:
    command = ".venv/bin/python -m bench --rounds 1 --seconds 2 --only create,lone"
    said = await typed(command.replace("--seconds 2", "--seconds 0.2").replace("create,", ""))
    assert "lone" in said


@types("tillgate doctor", "tillgate doctor --data DIR", "tillgate doctor --json")
async def test_the_doctor_finds_a_running_gateway_well(
    stack: Stack, dev_folder: Path, folder: Path
) -> None:
    (folder / ".tillgate").symlink_to(dev_folder / "data")
    port = {"PORT": stack.url.rpartition(":")[2]}
    at_home = await typed("tillgate doctor", port, folder)
    assert "WRONG" not in at_home
    assert "ok" in at_home
    elsewhere = await typed(f"tillgate doctor --data {dev_folder / 'data'}", port)
    assert "WRONG" not in elsewhere
    assert json.loads(await typed("tillgate doctor --json", port, folder))["ok"] is True


@types(".venv/bin/tillgate")
async def test_the_program_is_in_the_checkout() -> None:
    assert "doctor" in await typed(".venv/bin/tillgate --help")


FAILPOINT = "TILLGATE_DEV=1 TILLGATE_FAILPOINTS=engine.before_commit=kill@3 tillgate serve"


@types("tillgate migrate", "tillgate serve", "tillgate worker", FAILPOINT)
async def test_on_a_postgresql_of_ones_own_a_failpoint_kills(
    postgres: EmbeddedPostgres, folder: Path
) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    environment = {
        "DATABASE_URL": postgres.dsn("of_ones_own"),
        "PORT": url.rpartition(":")[2],
        "TILLGATE_SECRET": "a secret of these tests only and long enough",
        "TILLGATE_PUBLIC_URL": url,
        "TILLGATE_SANDBOX_URL": f"http://127.0.0.1:{free_port()}",
        "TILLGATE_SANDBOX_SECRET": "another secret of these tests only, long enough",
    }
    assert "up to date" in await typed("tillgate migrate", environment)
    said = await typed("tillgate merchant create --name Shop --json", environment)
    key = json.loads(said.splitlines()[-1])["secret_key"]
    async with typing("tillgate worker", environment) as worker:
        async with typing(FAILPOINT, environment) as serve:
            assert await created(url, key) == 2
            async with asyncio.timeout(STARTS_WITHIN_S):
                assert await serve.wait() == -signal.SIGKILL
        assert worker.returncode is None
    db = await asyncpg.connect(environment["DATABASE_URL"])
    assert await db.fetchval("SELECT count(*) FROM payments") == 2
    await db.close()


async def created(url: str, key: str) -> int:
    """How many payments are created before nobody answers any more."""
    wish = {"amount": 5, "currency": "eur"}
    async with httpx.AsyncClient(base_url=url, auth=(key, "")) as client:

        async def ready() -> bool:
            try:
                return (await client.get("/ready")).status_code == 200
            except httpx.TransportError:
                return False

        assert await until(ready, bool)
        for count in range(9):
            try:
                assert (await client.post("/v1/payments", json=wish)).status_code == 201
            except httpx.TransportError:
                return count
    raise AssertionError("it was not killed")
