"""The folder of one `tillgate dev`: who holds it, and the secrets made for it once."""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from tillgate.cli import files
from tillgate.cli.children import Bond
from tillgate.cli.failure import Failure
from tillgate.kit import clock, ids

SECRETS = "secrets.json"
ENVIRONMENT = "environment.json"
"""The file by which other commands find a running installation; gone when it stops."""

LEFTOVERS_MAX_S = 8
"""How long the children of a killed predecessor may take to go away; they give themselves 3 s."""

POLL_S = 0.02


class Secrets(msgspec.Struct, frozen=True):
    """What this installation is built on. Losing the file loses what was sealed with it."""

    installation: str
    sandbox: str


@asynccontextmanager
async def claimed(data: Path) -> AsyncGenerator[Bond]:
    """The folder as ours alone, and nothing of a killed predecessor left running.

    Two locks tell the two apart: one ends with the supervisor, the other with its last child.
    """
    try:
        files.make_folder(data)
        ours = files.hold(data)
    except OSError as error:
        raise Failure(f"The folder {data} cannot be used: {error.strerror}.") from error
    if ours is None:
        raise Failure(
            f"Tillgate is already running in {data}. "
            "Stop it there, or start another one by --data and --port."
        )
    try:
        bond = Bond(await _children_lock(data / "children.lock"))
        try:
            yield bond
        finally:
            bond.close()
    finally:
        os.close(ours)


def secrets_in(file: Path) -> tuple[Secrets, bool]:
    """The secrets, and whether they were made just now."""
    if file.exists():
        return msgspec.json.decode(file.read_bytes(), type=Secrets), False
    secrets = Secrets(installation=ids.token(), sandbox=ids.token())
    files.write_private(file, msgspec.json.encode(secrets))
    return secrets, True


def local_secret(data: Path) -> str:
    """The installation's secret as this folder keeps it; made when there is none."""
    files.make_folder(data)
    return secrets_in(data / SECRETS)[0].installation


async def _children_lock(file: Path) -> int:
    deadline_s = clock.monotonic_s() + LEFTOVERS_MAX_S
    while True:
        lock = files.hold(file)
        if lock is not None:
            return lock
        if clock.monotonic_s() > deadline_s:
            raise Failure(f"Processes of an earlier run in {file.parent} do not go away.")
        await asyncio.sleep(POLL_S)
