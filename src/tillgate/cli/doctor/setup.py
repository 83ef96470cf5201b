"""What is to be looked at, and its settings: those of the environment, the secret of a folder."""

import fcntl
import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from tillgate.cli import ports
from tillgate.cli.doctor.findings import Said, named, ok, reason, skipped, warning, wrong
from tillgate.cli.home import ENVIRONMENT, SECRETS, Secrets
from tillgate.kit import failpoints
from tillgate.settings import ENVIRONMENT as VARIABLES
from tillgate.settings import Settings

PORT = "8000"
LOCAL_URL = f"http://{ports.HOST}:{PORT}"

SET_BY_DEV = {
    *("DATABASE_URL", "TILLGATE_SECRET", "TILLGATE_PUBLIC_URL", "TILLGATE_DEV"),
    *("TILLGATE_SANDBOX_URL", "TILLGATE_SANDBOX_SECRET"),
}
"""What `tillgate dev` gives its processes, whatever stands in the environment."""

PREFIX = "TILLGATE_"
KNOWN = {variable.name for variable in VARIABLES} | {failpoints.VARIABLE}
_ENDINGS = [name.removeprefix(PREFIX) for name in KNOWN if name.startswith(PREFIX)]

NEW_SECRET = "export TILLGATE_SECRET=$(python3 -c 'import secrets; print(secrets.token_hex(32))')"  # noqa: S105  a command
MENDS = {
    "DATABASE_URL": "export DATABASE_URL=postgresql://user:password@host:5432/tillgate",
    "TILLGATE_SECRET": f"the secret that the installation began with; for a new one: {NEW_SECRET}",
    "TILLGATE_PUBLIC_URL": "export TILLGATE_PUBLIC_URL=https://pay.example.com",
}


class Setup(NamedTuple):
    """One installation, as this machine and the environment tell of it."""

    data: Path
    environ: Mapping[str, str]  # of whoever asks
    settings: Settings  # what is senseless is left out
    senseless: tuple[str, ...]  # what is wrong with each that is, its name first
    embedded: bool  # the database is, or would be, that of `tillgate dev` in `data`
    held: bool  # a process holds `data`
    ready: bool  # and has said that it is ready


def setup_in(data: Path, environ: Mapping[str, str]) -> Setup:
    """What DATABASE_URL names; without it, the installation of `tillgate dev` in this folder."""
    is_held = held(data)
    told = _read_json(data / ENVIRONMENT) if is_held else {}
    wanted = environ.get("DATABASE_URL")
    if wanted and wanted != told.get("DATABASE_URL"):
        told = {}
    embedded = not wanted or bool(told)
    ours = {k: v for k, v in environ.items() if not embedded or k not in SET_BY_DEV}
    values: dict[str, Any] = {"database_url": "", "secrets": (), "public_url": LOCAL_URL}
    kept = kept_secret(data / SECRETS)
    if isinstance(kept, Secrets) and not ours.get("TILLGATE_SECRET"):
        values["secrets"] = (kept.installation,)
    senseless: list[str] = []
    for variable in VARIABLES:
        text = (ours | told).get(variable.name, "")
        try:
            values |= {variable.field: variable.read(text)} if text else {}
        except ValueError as error:
            senseless.append(f"{variable.name}: {error}")
    settings = Settings(**values)
    return Setup(data, environ, settings, tuple(senseless), embedded, is_held, bool(told))


def held(path: Path) -> bool:
    """Whether a process has locked this file or folder.

    Asked by a shared lock that lasts an instant: nothing tells it everywhere without one.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def kept_secret(file: Path) -> Secrets | Exception | None:
    """What the folder keeps; None: nothing; an exception: what cannot be read."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Secrets)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, msgspec.MsgspecError) as error:
        return error


def settings(setup: Setup) -> Said:
    """Every senseless one at once, and what may be left out only on a single machine."""
    if setup.senseless:
        names = [text.partition(":")[0] for text in setup.senseless]
        mends = [MENDS.get(name, f"correct {name}, or unset it") for name in names]
        return wrong("; ".join(setup.senseless) + ".", "; ".join(mends))
    meant = sorted(SET_BY_DEV & setup.environ.keys() - {"DATABASE_URL"})
    if setup.embedded and meant and not setup.ready:
        return warning(
            f"{named(meant)} is set and DATABASE_URL is not: `serve` and `worker` do not start, "
            "and `tillgate dev` does not read it.",
            MENDS["DATABASE_URL"] + " (with yours), or unset the others",
        )
    if setup.embedded:
        return ok("`tillgate dev` sets what it needs.")
    if not setup.environ.get("TILLGATE_PUBLIC_URL"):
        return warning(
            "TILLGATE_PUBLIC_URL is not set: payers would be sent to this machine's own address.",
            MENDS["TILLGATE_PUBLIC_URL"] + " (with your name)",
        )
    return ok("Each that is set makes sense.")


def unknown_settings(setup: Setup) -> Said:
    names = sorted(n for n in setup.environ if n.startswith(PREFIX) and n not in KNOWN)
    if not names:
        return ok("None.")
    mends: list[str] = []
    for name in names:
        near = get_close_matches(name.removeprefix(PREFIX), _ENDINGS, n=1)
        mends.append(f"rename {name} to {PREFIX}{near[0]}" if near else f"unset {name}")
    return warning(f"Set, and read by nobody: {named(names)}.", "; ".join(mends))


def secret(setup: Setup) -> Said:
    file = setup.data / SECRETS
    kept = kept_secret(file)
    if setup.environ.get("TILLGATE_SECRET") and not setup.embedded:
        if not setup.settings.secrets:
            return skipped("because of: settings")
        return ok("TILLGATE_SECRET is set.")
    if isinstance(kept, Exception):
        return wrong(
            f"{file} cannot be read: {reason(kept)}.",
            f"Restore {file} from a backup, readable for the user who runs Tillgate.",
        )
    if kept is None and setup.embedded:
        if (setup.data / "postgres/cluster/PG_VERSION").exists():
            return wrong(
                f"{file} is gone, and with it what opens the credentials in the database.",
                f"Restore {file} from a backup. Without one: move {setup.data} away, and begin "
                "anew by `tillgate dev`.",
            )
        return ok("`tillgate dev` makes one at its first start.")
    if kept is None:
        return warning(
            f"TILLGATE_SECRET is not set, and {file} does not exist: each machine would make one "
            "of its own, and not open what another sealed.",
            NEW_SECRET,
        )
    if file.stat().st_mode & 0o077:
        return warning(f"Others on this machine may read {file}.", f"chmod 600 {file}")
    if setup.embedded:
        return ok(f"It is kept in {file}.")
    return warning(
        f"TILLGATE_SECRET is not set: the one in {file} is used, which other machines lack.",
        f"Set TILLGATE_SECRET, for every process, to what {file} holds as `installation`.",
    )


def _read_json(file: Path) -> dict[str, str]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, str])
    except (OSError, msgspec.MsgspecError):
        return {}
