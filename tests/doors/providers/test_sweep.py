"""Strange input at every address of the door: never a 5xx, never an answer that is not documented,
and nothing booked. The document is compared with the door itself, too."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from tests.doors.providers.conftest import Seller
from tests.fakes.stripe import FakeStripe
from tests.flows.stack import Stack
from tests.house.tree import ROOT
from tests.invariants import check_invariants
from tillgate.doors.providers import DOOR

DOCUMENT = ROOT / "docs/doors/providers.openapi.json"
SEED = os.environ.get("FUZZ_SEED", "1")
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)


async def test_the_whole_door_under_fuzz(
    stack: Stack, selling: Seller, fake: FakeStripe, tmp_path: Path
) -> None:
    await selling.connects(fake, method="card")  # so that Stripe's address has a secret to try
    said = await selling.asks(externalId="known")
    known = {
        "apiKey": selling.provider["api_key"], "serviceId": selling.service["id"],
        "orderId": said["orderId"], "clientOrderId": said["orderId"], "externalId": "known",
    }  # fmt: skip
    run = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("schemathesis"), "run", DOCUMENT, "--url", stack.url,
        "--checks", ",".join(CHECKS), "--max-examples", "15", "--seed", SEED,
        "--phases", "coverage,fuzzing", "--no-color",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=tmp_path,
        env={
            **os.environ, "SCHEMATHESIS_HOOKS": "tests.doors.providers.fuzz_hooks",
            "PYTHONPATH": os.pathsep.join((str(ROOT), os.environ.get("PYTHONPATH", ""))),
            "FUZZ_KNOWN": json.dumps(known),
        },
    )  # fmt: skip
    told, _ = await run.communicate()
    assert run.returncode == 0, f"seed {SEED}\n{told.decode()}"
    assert (await selling.payment(said))["status"] == "pending"
    await check_invariants(stack.database_url)


def test_the_document_has_every_address() -> None:
    document: Any = json.loads(DOCUMENT.read_text())
    shown = {
        (method.upper(), path) for path, methods in document["paths"].items() for method in methods
    }
    house: Any = None  # what only names its routes
    assert shown == {(route.method, route.path) for route in DOOR.opened(house)}
