"""Nothing leans on a door: with its package removed, all else works; and who might remove one can
see how often each of its addresses is used."""

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.flows.fixtures import running
from tests.flows.stack import Stack
from tests.house.tree import ROOT, SOURCE

ADDRESSES = {"gateway": "/api/v1/test/merchant", "providers": "/api/v1/services"}
"""One of each door's own."""

TOKEN = "a-token-for-figures"


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
    own = {"PYTHONPATH": os.pathsep.join(places), "TILLGATE_METRICS_TOKEN": TOKEN}
    async with running(tmp_path / "data", own) as stack:
        payment = await stack.create(amount=1000)
        await stack.until(payment["id"], "pending")
        for door, address in ADDRESSES.items():
            answer = await stack.anyone.get(stack.url + address)
            assert (answer.status_code == 404) == (door == gone), (door, answer.text)
        said = (await stack.anyone.get(f"{stack.url}/health")).json()
        assert (said["status"], said["worker"]) == ("healthy", "running")
        counted = await uses(stack)
        assert counted == {
            (door, f"GET {address}"): 1 for door, address in ADDRESSES.items() if door != gone
        }


async def uses(stack: Stack) -> dict[tuple[str, str], float]:
    """How often each address of a door was used: (door, route) → times."""
    key = {"Authorization": f"Bearer {TOKEN}"}
    figures = (await stack.anyone.get(f"{stack.url}/metrics", headers=key)).text
    found = re.findall(
        r'^tillgate_door_requests_total\{door="(\w+)",route="([^"]+)",status="200"\} (.+)$',
        figures,
        re.MULTILINE,
    )
    return {(door, route): float(times) for door, route, times in found}
