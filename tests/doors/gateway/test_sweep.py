"""Strange input at every address of the door: never a 5xx, never an answer that is not documented,
and nothing booked that should not be. The document is compared with the door itself, too."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from tests.doors.gateway.scene import KEYS, Shop
from tests.flows.stack import Received, Stack, until
from tests.house.tree import ROOT
from tests.invariants import check_invariants
from tillgate.doors.gateway import DOOR

DOCUMENT = ROOT / "docs/doors/gateway.openapi.json"
SEED = os.environ.get("FUZZ_SEED", "1")
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)

WAITING = """
    SELECT (SELECT count(*) FROM payments WHERE status IN ('pending', 'processing') AND tries > 0)
      + (SELECT count(*) FROM refunds WHERE status = 'pending')"""
"""What a worker has still to carry out."""


async def test_the_whole_door_under_fuzz(
    gateway: Stack, gateway_db: Any, till: Shop, shop: Received, tmp_path: Path
) -> None:
    await till.hooked(shop.url)
    paid = await till.paid()
    refund = await till.send(f"/payments/{paid['id']}/refunds", 201, amount=1)
    [log] = (await till.get("/webhooks", limit=1))["data"]
    open_order = await till.order()
    known = {
        "order": open_order["id"], "payment": paid["id"], "refund": refund["id"],
        "webhook": log["id"], "url": shop.url,
    }  # fmt: skip
    headers = [part for name, value in KEYS.items() for part in ("--header", f"{name}: {value}")]
    run = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("schemathesis"), "run", DOCUMENT, "--url", gateway.url,
        *headers, "--checks", ",".join(CHECKS), "--max-examples", "8", "--seed", SEED,
        "--phases", "coverage,fuzzing", "--no-color",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=tmp_path,
        env={
            **os.environ, "SCHEMATHESIS_HOOKS": "tests.doors.gateway.fuzz_hooks",
            "PYTHONPATH": os.pathsep.join((str(ROOT), os.environ.get("PYTHONPATH", ""))),
            "FUZZ_KNOWN": json.dumps(known),
        },
    )  # fmt: skip
    said, _ = await run.communicate()
    assert run.returncode == 0, f"seed {SEED}\n{said.decode()}"
    await until(lambda: gateway_db.fetchval(WAITING), lambda count: count == 0)
    await check_invariants(gateway.database_url)


def test_the_document_has_every_address() -> None:
    document: Any = json.loads(DOCUMENT.read_text())
    shown = {
        (method.upper(), shape(path))
        for path, methods in document["paths"].items()
        for method in methods
    }
    house: Any = None  # what only names its routes
    assert shown == {(route.method, shape(route.path)) for route in DOOR.opened(house)}


def shape(path: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))
