"""Strange input over the whole API, strange bytes at the processors' door: never a 5xx, never an
answer that is not documented, and nothing booked."""

import asyncio
import json
import os
import random
import sys
from pathlib import Path
from typing import Any

from tests.flows.fuzz_hooks import RICH
from tests.flows.stack import Stack
from tests.flows.test_main_job import headers_of, recorded
from tests.flows.trade import Body, Trade
from tests.invariants import check_invariants

SEED = os.environ.get("FUZZ_SEED", "1")
"""Another one finds other things; the one that was used is in the name of a failure."""

ROOT = Path(__file__).parents[2]
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
CONFIG = """\
[warnings]
fail-on = true

[phases.stateful]
generation.max-examples = 80
inference.algorithms = []  # the links of the document are enough, and each of them is followed

[[operations]]
include-operation-id = "cancelRefund"
warnings = false  # by the time that chance comes, the processor has every refund

[[operations]]
include-operation-id = "createConnection"
warnings = false  # a merchant has a hundred at most
"""
MUTATIONS = 400


async def test_the_whole_document_under_fuzz(trade: Trade, tmp_path: Path) -> None:
    """Warnings fail it too: what is generated from the document must mostly be taken. The merchant
    is its own: what keys and clocks do here is in nobody's way."""
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    wealth = {"amount": 99_999_999_999, "currency": "eur"}
    await trade.ask(f"/v1/wallets/{RICH}/credit", 201, **wealth)
    [own_key] = [one for one in (await trade.get("/v1/keys"))["data"] if one["kind"] == "secret"]
    environment = {
        "SCHEMATHESIS_HOOKS": "tests.flows.fuzz_hooks",
        "PYTHONPATH": str(ROOT),
        "FUZZ_KNOWN": json.dumps(await known(trade)),
        "FUZZ_OWN_KEY": own_key["id"],
    }
    run = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("schemathesis"), "run", f"{trade.url}/v1/openapi.json",
        "--header", f"Authorization: Bearer {trade.ready['secret_key']}",
        "--checks", ",".join(CHECKS), "--max-examples", "12",
        "--seed", SEED, "--no-color",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=tmp_path,
        env={**os.environ, **environment},
    )  # fmt: skip
    said, _ = await run.communicate()
    assert run.returncode == 0, f"seed {SEED}\n{said.decode()}"


async def known(trade: Trade) -> dict[str, list[str]]:
    """What chance alone does not come by, as `fuzz_hooks.KNOWN` has it."""
    line = {"name": "Mugs", "quantity": 100_000, "amount": 10_000}
    hook = {"url": "https://shop.example/hooks", "events": ["webhook.test"]}
    paid = [await trade.paid(90_000_000) for _ in range(2)]
    refunds = [await trade.refund(paid[0], amount=1) for _ in range(2)]
    await trade.control("POST", f"/payments/{paid[1]['id']}/disputes?wait=1", {"amount": 1})
    waiting = [await trade.create(), await trade.started()]
    service = await trade.ask("/v1/services", 201, title="Credits", price=500, currency="usd")
    provider = await trade.ask("/v1/providers", 201, name="Bitloader", service=service["id"])
    payments = {
        "/v1/payments/{payment}/cancel": waiting,
        "/v1/payments/{payment}/capture": [await trade.authorized()],
        "/v1/payments/{payment}/confirm": [await trade.started()],
        "/v1/payments/{payment}/resolve": [await in_review(trade)],
    }
    others = {
        "callback": (await trade.get("/v1/callbacks"))["data"],
        "clock": [await trade.ask("/v1/test_clocks", 201) for _ in range(6)],
        "dispute": (await trade.get("/v1/disputes"))["data"],
        "endpoint": [await trade.ask("/v1/webhook_endpoints", 201, **hook) for _ in range(6)],
        "order": [await trade.ask("/v1/orders", 201, currency="eur", lines=[line])],
        "payment": [one for some in (paid, *payments.values()) for one in some],
        "provider": [provider],
        "refund": refunds,
        "service": [service],
        "/v1/refunds": paid,
    }
    found = {name: [one["id"] for one in some] for name, some in (payments | others).items()}
    return {**found, "connection": [paid[0]["connection"]]}


async def in_review(trade: Trade) -> Body:
    payment = await trade.started()
    await trade.approve(payment, amount=1)
    return await trade.until(payment["id"], "review")


async def test_the_document_says_what_everything_means(stack: Stack) -> None:
    document = (await stack.api.get("/v1/openapi.json")).json()
    posts = 0
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parameters = {p["name"]: p for p in operation.get("parameters", [])}
            silent = [name for name, one in parameters.items() if not one.get("description")]
            assert not silent, f"{method} {path}"
            assert (method == "post") == ("Idempotency-Key" in parameters), f"{method} {path}"
            answers = (r for status, r in operation["responses"].items() if status < "300")
            assert all(form["schema"] for r in answers for form in r["content"].values()), path
            posts += method == "post"
    assert posts > 10
    inner = [n for n in document["components"]["schemas"] if n.endswith(("In", "Answer", "_"))]
    assert not inner, "name it in main/openapi/shapes.py"


async def test_mutated_callbacks_book_nothing(stack: Stack, db: Any) -> None:
    url, body, kept = await recorded(stack, db)
    genuine = headers_of(kept)
    transfers = await db.fetchval("SELECT count(*) FROM transfers")
    chance = random.Random(SEED)
    for number in range(MUTATIONS):
        content, headers = mutated(chance, body, genuine)
        answer = await stack.anyone.post(url, content=content, headers=headers)
        assert 400 <= answer.status_code < 500, f"seed {SEED}, mutation {number}: {content!r}"
    assert await db.fetchval("SELECT count(*) FROM transfers") == transfers
    await check_invariants(stack.database_url)


def mutated(
    chance: random.Random, body: bytes, genuine: dict[str, str]
) -> tuple[bytes, dict[bytes, bytes]]:
    """The message with some bytes changed, cut, doubled or added, or with another signature."""
    changed, headers = bytearray(body), {k.encode(): v.encode() for k, v in genuine.items()}
    name = chance.choice(sorted(headers))
    match chance.randrange(6):
        case 0:
            for _ in range(chance.randrange(1, 6)):
                changed[chance.randrange(len(changed))] ^= chance.randrange(1, 256)
        case 1:
            del changed[chance.randrange(len(changed)) :]
        case 2:
            changed *= 2
        case 3:
            changed = bytearray(chance.randbytes(chance.randrange(500)))
        case 4:
            headers[name] = bytes(chance.randrange(33, 256) for _ in range(chance.randrange(1, 90)))
        case _:
            del headers[name]
    return bytes(changed), headers
