"""Nothing leans on a door: with its package removed, all else works."""

import os
import shutil
from pathlib import Path

import pytest

from tests.flows.fixtures import running
from tests.house.tree import ROOT, SOURCE

ADDRESSES = {"gateway": "/api/v1/test/merchant", "providers": "/api/v1/services"}
"""One of each door's own."""


def test_every_door_is_here() -> None:
    doors = {path.parent.name for path in (SOURCE / "doors").glob("*/__init__.py")}
    assert doors == ADDRESSES.keys()


@pytest.fixture(params=ADDRESSES)
def gone(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The door without which the program stands in this folder."""
    for folder in (tmp_path.parent, tmp_path):
        folder.chmod(0o711)  # PostgreSQL runs as another user when we are root
    shutil.copytree(ROOT / "db", tmp_path / "db")
    package = tmp_path / "src" / "tillgate"
    shutil.copytree(SOURCE, package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.rmtree(package / "doors" / request.param)
    return request.param


async def test_all_else_works_without_it(gone: str, tmp_path: Path) -> None:
    places = filter(None, (str(tmp_path / "src"), os.environ.get("PYTHONPATH")))
    async with running(tmp_path / "data", {"PYTHONPATH": os.pathsep.join(places)}) as stack:
        payment = await stack.create(amount=1000)
        await stack.until(payment["id"], "pending")
        for door, address in ADDRESSES.items():
            answer = await stack.anyone.get(stack.url + address)
            assert (answer.status_code == 404) == (door == gone), (door, answer.text)
        said = (await stack.anyone.get(f"{stack.url}/health")).json()
        assert (said["status"], said["worker"]) == ("healthy", "running")
