"""Rates, sizes and versions, over plain HTTP: what is refused, how it is told, and who is not hit.

A gateway of its own, which believes that it stands in production, with small rates.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping

import asyncpg
import httpx
import pytest

from tests.flows.fixtures import free_port
from tests.flows.stack import until
from tests.flows.test_bad_input import error_of
from tests.house.tree import ROOT, bare
from tillgate.callbacks import api as callbacks_api
from tillgate.catalog.commands import SERVICES_MAX
from tillgate.catalog.providing import PROVIDERS_MAX
from tillgate.cli.migrate import migrate
from tillgate.cli.postgres import EmbeddedPostgres
from tillgate.events.catalogue import API_VERSION
from tillgate.idempotency.model import KEY_MAX_CHARACTERS
from tillgate.kit import body, clock, crypto, http, ids, metadata, pages, serving
from tillgate.kit.db import set_up
from tillgate.main import doorkeeper
from tillgate.merchants.commands import create_business
from tillgate.merchants.keys.commands import USABLE_MAX
from tillgate.settings import ENVIRONMENT
from tillgate.webhooks.commands import ENDPOINTS_MAX

WINDOW_S = 10
READS, WRITES, REFUSED, CALLBACKS = 3, 2, 1, 1
RATES = {"READS": READS, "WRITES": WRITES, "REFUSED": REFUSED, "CALLBACKS": CALLBACKS}
STARTS_WITHIN_S = 30


class Gate:
    """The gateway; each story comes from an address of its own, by its proxy on this machine."""

    def __init__(self, url: str, dsn: str, http: httpx.AsyncClient) -> None:
        self.url, self.dsn, self.http = url, dsn, http

    async def key(self) -> str:
        """Of a business that nobody has used yet."""
        connection = await asyncpg.connect(self.dsn)
        await set_up(connection)
        made = await create_business(connection, "Limits", clock.now())
        await connection.close()
        return made.test.secret_key

    async def ask(
        self,
        address: str,
        key: str | None,
        method: str = "GET",
        path: str = "/v1/events",
        content: bytes | None = None,
        more: Mapping[str, str] = {},
    ) -> httpx.Response:
        headers = {"X-Forwarded-For": f"6.6.6.6, {address}", **more}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        return await self.http.request(method, self.url + path, headers=headers, content=content)


@pytest.fixture(scope="module")
async def gate(postgres: EmbeddedPostgres) -> AsyncIterator[Gate]:
    dsn, port = postgres.dsn("limits"), free_port()
    await asyncio.to_thread(migrate, dsn)
    url = f"http://127.0.0.1:{port}"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tillgate", "serve", "--port", str(port),
        env={
            **os.environ,
            "DATABASE_URL": dsn,
            "TILLGATE_SECRET": "a secret of these tests only and long enough",
            "TILLGATE_PUBLIC_URL": url,
            "TILLGATE_TRUSTED_PROXIES": "127.0.0.0/8",
            **{f"TILLGATE_RATE_{name}": str(rate) for name, rate in RATES.items()},
        },
    )  # fmt: skip
    async with httpx.AsyncClient(timeout=20) as client:

        async def up() -> bool:
            try:
                return (await client.get(url + "/ready")).status_code == 200
            except httpx.TransportError:
                return False

        async with asyncio.timeout(STARTS_WITHIN_S):
            await until(up, bool)
        yield Gate(url, dsn, client)
    process.terminate()
    assert await process.wait() == 0


async def test_a_key_has_its_rate_and_is_told(gate: Gate) -> None:
    key, other = await gate.key(), await gate.key()
    quota = READS * WINDOW_S
    first = await gate.ask("192.0.2.1", key)
    assert first.status_code == 200
    assert first.headers["ratelimit-policy"] == f'"reads";q={quota};w={WINDOW_S}'
    assert first.headers["ratelimit"] == f'"reads";r={quota - 1};t=1'
    answers = [await gate.ask("192.0.2.1", key) for _ in range(quota * 2)]
    last = answers[-1]
    assert (last.status_code, error_of(last)["code"]) == (429, "rate_limited")
    assert last.headers["ratelimit"].startswith('"reads";r=0;t=')
    assert last.headers["retry-after"] == "1"
    assert last.headers["tillgate-version"] == API_VERSION
    # Writes are counted apart, and so are other keys at the same address.
    wrong = await gate.ask("192.0.2.1", key, "POST", "/v1/payments", b"{}")
    assert (wrong.status_code, wrong.headers["ratelimit"]) == (400, '"writes";r=19;t=1')
    assert (await gate.ask("192.0.2.1", other)).status_code == 200

    async def again() -> int:
        return (await gate.ask("192.0.2.1", key)).status_code

    assert await until(again, lambda status: status == 200)


async def test_who_guesses_is_slowed_down_and_nobody_else(gate: Gate) -> None:
    key, late = await gate.key(), await gate.key()
    assert (await gate.ask("192.0.2.2", key)).status_code == 200
    guesses = [await gate.ask("192.0.2.2", crypto.mint_key("sk_test_")) for _ in range(12)]
    assert [guess.status_code for guess in guesses[:9]] == [401] * 9
    assert error_of(guesses[-1])["code"] == "rate_limited"
    assert (await gate.ask("192.0.2.2", None)).status_code == 429
    # A key that has worked goes on; one that nobody has seen is not looked up meanwhile.
    assert (await gate.ask("192.0.2.2", key)).status_code == 200
    assert (await gate.ask("192.0.2.2", late)).status_code == 429
    assert (await gate.ask("192.0.2.3", late)).status_code == 200
    assert (await gate.ask("192.0.2.3", None)).status_code == 401


async def test_callbacks_have_their_rate(gate: Gate) -> None:
    path = f"/callbacks/{ids.show('con', ids.mint())}"
    told = [await gate.ask("192.0.2.4", None, "POST", path, b"{}") for _ in range(12)]
    assert [answer.status_code for answer in told[:10]] == [404] * 10
    assert (told[-1].status_code, error_of(told[-1])["code"]) == (429, "rate_limited")
    assert told[-1].headers["retry-after"] == "1"
    # A forger at another address takes nothing from the processor.
    assert (await gate.ask("192.0.2.5", None, "POST", path, b"{}")).status_code == 404


async def test_the_audit_names_who_stands_behind_the_proxy(gate: Gate) -> None:
    key = await gate.key()
    made = await gate.ask("192.0.2.6", key, "POST", "/v1/keys", b'{"kind": "secret"}')
    assert made.status_code == 201, made.text
    lines = await gate.ask("192.0.2.6", key, path=f"/v1/audit?target={made.json()['id']}")
    assert [line["ip"] for line in lines.json()["data"]] == ["192.0.2.6"]


async def test_every_answer_says_its_version(gate: Gate) -> None:
    key = await gate.key()
    asked = {"Tillgate-Version": API_VERSION}
    answers = [
        await gate.ask("192.0.2.7", key, more=asked),
        await gate.ask("192.0.2.7", key, path="/v1/nothing"),
        await gate.ask("192.0.2.7", None),
        await gate.ask("192.0.2.7", None, path="/v1/openapi.json"),
        await gate.ask("192.0.2.7", key, "POST", "/v1/payments", b"{"),
    ]
    assert [answer.status_code for answer in answers] == [200, 404, 401, 200, 400]
    assert {answer.headers["tillgate-version"] for answer in answers} == {API_VERSION}
    for method, path in (("GET", "/v1/events"), ("POST", "/v1/payments")):
        other = {"Tillgate-Version": "2020-02-30"}
        strange = await gate.ask("192.0.2.7", key, method, path, b"{}", other)
        error = error_of(strange)
        assert (error["code"], error["param"]) == ("version_unknown", "Tillgate-Version")
        assert API_VERSION in error["message"]


@pytest.mark.parametrize("path", ["/v1/payments", "/v1/keys", "/v1/webhook_endpoints"])
async def test_json_does_not_nest_for_ever(gate: Gate, path: str) -> None:
    key = await gate.key()
    deep = b'{"metadata":' * 40 + b"1" + b"}" * 40
    answer = await gate.ask("192.0.2.8", key, "POST", path, deep)
    error = error_of(answer)
    assert (answer.status_code, error["code"]) == (400, "parameter_invalid")
    assert f"{body.DEPTH_MAX} levels" in error["message"]


def test_the_page_of_limits_says_what_the_code_says() -> None:
    rates = [(bare(setting), int(rate)) for _, setting, rate in documented("setting")]
    assert rates == [
        ("TILLGATE_RATE_READS", doorkeeper.READS_PER_S),
        ("TILLGATE_RATE_WRITES", doorkeeper.WRITES_PER_S),
        ("TILLGATE_RATE_REFUSED", doorkeeper.REFUSED_PER_S),
        ("TILLGATE_RATE_CALLBACKS", doorkeeper.CALLBACKS_PER_S),
    ]
    told = {variable.name: variable.meaning for variable in ENVIRONMENT}
    assert all(f"{rate} by default" in told[name] for name, rate in rates)
    most = [int(words.split()[0].replace(",", "")) for _, words in documented("at most")]
    assert most == [
        http.BODY_MAX_BYTES, callbacks_api.BODY_MAX_BYTES, serving.HEAD_MAX_BYTES,
        serving.REQUEST_MAX_S, body.DEPTH_MAX, pages.LIMIT_MAX, metadata.KEYS_MAX,
        metadata.KEY_MAX_CHARACTERS, metadata.VALUE_MAX_CHARACTERS, KEY_MAX_CHARACTERS,
        USABLE_MAX, ENDPOINTS_MAX, SERVICES_MAX, PROVIDERS_MAX,
    ]  # fmt: skip


def documented(heading: str) -> list[list[str]]:
    """The rows of the table whose head has this column."""
    lines = (ROOT / "docs/reference/limits.md").read_text().splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("|") and heading in line)
    table = lines[start + 2 : lines.index("", start)]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
