"""Every command on a page is typed by a test, in its smallest form; or it is said here why not."""

import asyncio
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import httpx
import pytest
from standardwebhooks import WebhookVerificationError

from tests.catalog import test_guide as guide_of_providers
from tests.doors.gateway import test_docs as door_of_gateway
from tests.doors.providers import test_docs as door_of_providers
from tests.flows import test_api_reference, test_keys, test_own_app, test_readme
from tests.flows.fixtures import running
from tests.flows.stack import Received, Stack, until
from tests.flows.typed import COMMANDS, FENCE, ROOT, commands_of, typed, typing
from tests.orders import test_guide as guide_of_orders
from tillgate.cli.ports import free_port
from tillgate.cli.postgres import EmbeddedPostgres
from tillgate.kit import ids
from tillgate.ledger.catalogue import MOVEMENTS

T = TypeVar("T")

NOT_HERE = {
    ".ci/run": "runs all tests, this one too",
    "make bench": "takes minutes; tests/bench takes every measure of it in half a second",
    "make check": "`.ci/run` runs it before the tests",
    "make lock": "asks a package index",
    "make schema": "writes into the checkout; tests/cli/test_migrate.py compares what it would",
    "tillgate dev": "tests/flows/fixtures.py starts it, for all stories of this folder",
    "tillgate sandbox": "`tillgate dev` starts it, and tests/sandbox/programs.py by itself",
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
    elsewhere = (
        test_readme,
        test_keys,
        test_own_app,
        test_api_reference,
        guide_of_orders,
        guide_of_providers,
        door_of_gateway,
        door_of_providers,
    )
    tested = typed_here.union(*(page.TYPED for page in elsewhere))
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
async def test_the_doctor_finds_a_running_gateway_well(folder: Path) -> None:
    """One of its own: others have live keys, forgers, and merchants without a connection."""
    data = folder / ".tillgate"
    async with running(data) as stack:
        port = {"PORT": stack.url.rpartition(":")[2]}
        at_home = await typed("tillgate doctor", port, folder)
        assert "WRONG" not in at_home
        assert "ok" in at_home
        elsewhere = await typed(f"tillgate doctor --data {data}", port)
        assert "WRONG" not in elsewhere
        assert json.loads(await typed("tillgate doctor --json", port, folder))["ok"] is True


MONEY = [
    command
    for command in commands_of((ROOT / "docs/guides/money.md").read_text())
    if command.startswith("curl ")
]
WALLET = "/v1/wallets/user-17"


def of_money(part: str) -> str:
    [found] = [command for command in MONEY if f":8000{part}" in command]
    return found


@types(*MONEY)
async def test_the_guide_of_money_says_what_happens(stack: Stack) -> None:
    mine = f"user-17-{ids.token(4)}"

    async def said(part: str, **variables: str) -> str:
        """What a shell answers to the command, typed for a user of this test's own."""
        own = of_money(part).replace("http://127.0.0.1:8000", stack.url).replace("user-17", mine)
        quiet = own.replace("curl ", "curl --silent --fail-with-body ")
        return await typed(quiet, {"SECRET_KEY": stack.ready["secret_key"], **variables})

    async def told(part: str, **variables: str) -> Any:
        return json.loads(await said(part, **variables))

    credit = await told(f"{WALLET}/credit")
    hold = await told(f"{WALLET}/holds ")
    ended = await told(f"{WALLET}/holds/$HOLD/post", HOLD=hold["id"])
    assert (ended["status"], ended["amount_posted"]) == ("posted", 2500)
    [now] = (await told(f'{WALLET}?currency=eur"'))["balances"]
    assert (now["total"], now["available"], now["held"]) == (7500, 7500, 0)
    for then, total in ((credit["created"] - 1, 0), (credit["created"] + 600, 7500)):
        [past] = (await told(f"{WALLET}?currency=eur&at=", THEN=str(then)))["balances"]
        assert past["total"] == total
    lines = (await told(f'{WALLET}/statement?currency=eur"'))["data"]
    assert [(line["amount"], line["balance"]) for line in lines] == [(-2500, 7500), (10000, 10000)]
    sheet = (await said(f"{WALLET}/statement?currency=eur&format=csv")).splitlines()
    assert [row.split(",")[2:5:2] for row in sheet[1:]] == [["-2500", "7500"], ["10000", "10000"]]
    moved = await told("/v1/wallets/transfers")
    assert moved["balances"][0]["balance"]["total"] == 6000
    assert (await told("/v1/wallets/user-18/limits"))["day_max"] == 50000
    audit = (await told("/v1/audit?action=wallet.*"))["data"]
    assert {"wallet.limits", "wallet.transfer"} <= {line["action"] for line in audit}


async def test_what_is_booked_is_in_the_catalogue(stack: Stack, db: Any) -> None:
    user = f"/v1/wallets/{ids.token(8)}"
    for path, body in (
        (f"{user}/credit", {"amount": 500, "currency": "eur"}),
        (f"{user}/debit", {"amount": 100, "currency": "eur"}),
        (f"{user}/holds", {"amount": 100, "currency": "eur"}),
    ):
        answer = await stack.api.post(path, json=body)
        assert answer.status_code == 201, answer.text
    void = f"{user}/holds/{answer.json()['id']}/void"
    assert (await stack.api.post(void, json={})).status_code == 200
    booked = await db.fetch(
        "SELECT DISTINCT t.code, t.kind, d.code AS debit, c.code AS credit FROM transfers t"
        " JOIN accounts d ON d.id = t.debit_id JOIN accounts c ON c.id = t.credit_id"
    )
    assert {"wallet_credit", "wallet_debit", "hold_voided"} <= {row["code"] for row in booked}
    for row in booked:
        movement = MOVEMENTS[row["code"]]
        assert row["kind"] in movement.kind.split(" or ")
        assert row["debit"] in {*movement.debit.split(" or "), "receivable"}
        returns = {"receivable"} if row["code"] in RETURNS else set[str]()
        assert row["credit"] in {*movement.credit.split(" or "), *returns}


RETURNS = ("dispute_reinstated", "dispute_won", "refund_returned")
"""What comes back goes first to where it was owed."""


async def test_the_guide_verifies_what_is_sent_and_nothing_else(
    stack: Stack, shop: Received
) -> None:
    """Its functions, run on a webhook as it came, and on what somebody made of it."""
    guide = (ROOT / "docs/guides/first-payment.md").read_text()
    codes = [block for language, block in FENCE.findall(guide) if language == "python"]
    wish = {"url": shop.url, "events": ["payment.created"]}
    secret = (await stack.api.post("/v1/webhook_endpoints", json=wish)).json()["secret"]
    payment = await stack.create()
    [(headers, body), *_] = await shop.wait_for(1, payment["id"])
    old = {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) - 301)}
    for code in codes:
        names: dict[str, Any] = {}
        exec(code, names)  # noqa: S102  what readers would paste
        assert names["read"](secret, body, headers) == json.loads(body)
        for what in (
            (body + b" ", headers),
            (body, old),
            (body.replace(b"1050", b"9050"), headers),
        ):
            with pytest.raises((ValueError, WebhookVerificationError)):
                names["read"](secret, *what)
    assert len(codes) == 2


@types("tillgate ledger check")
async def test_the_books_of_a_running_gateway_are_right(
    stack: Stack, dev_folder: Path, folder: Path
) -> None:
    """It ends with 0, or `typed` says what it has found."""
    answer = await stack.api.post("/v1/wallets/u/credit", json={"amount": 1, "currency": "eur"})
    assert answer.status_code == 201
    (folder / ".tillgate").symlink_to(dev_folder / "data")
    assert await typed("tillgate ledger check", {}, folder)


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
