"""The door for processors, in one process: ten thousand mutations, made-up connections, figures."""

import asyncio
import hashlib
import hmac
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import pytest

from tests.fakes import stripe, stripe_objects
from tests.flows.stack import until
from tillgate.callbacks import store
from tillgate.callbacks.api import UNKNOWN_MAX, Nobody
from tillgate.kit import clock, ids
from tillgate.kit.db import set_up
from tillgate.kit.http import Message
from tillgate.main.business import set_up_business
from tillgate.main.gateway import Gateway
from tillgate.settings import from_environment

MUTATIONS = 10_000
SEED = 11
SECRET = "the sandbox's secret of these tests"
TOKEN = "a token of these tests"
REFUSED_PER_S = 1
WINDOW_S = 10

Headers = dict[bytes, bytes]


class Said(NamedTuple):
    status: int
    body: bytes

    @property
    def code(self) -> str:
        return json.loads(self.body)["error"]["code"]


class Door:
    """The gateway as a server would drive it, and one test merchant's connection."""

    def __init__(self, gateway: Gateway, db: Any, connection_id: UUID, payment_id: UUID) -> None:
        self.gateway, self.db = gateway, db
        self.connection_id, self.payment_id = connection_id, payment_id
        self.path = f"/callbacks/{ids.show('con', connection_id)}"
        self.key: Headers = {}

    async def ask(
        self, method: str, path: str, body: bytes, headers: Headers, address: str = "192.0.2.1"
    ) -> Said:
        told: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body}

        async def send(message: Message) -> None:
            told.append(message)

        scope = {
            "type": "http", "method": method, "path": path, "raw_path": path.encode(),
            "query_string": b"", "headers": list(headers.items()), "client": (address, 1),
            "server": ("127.0.0.1", 80), "scheme": "http", "root_path": "", "http_version": "1.1",
            "asgi": {"version": "3.0"},
        }  # fmt: skip
        await self.gateway(scope, receive, send)
        return Said(told[0]["status"], b"".join(part.get("body", b"") for part in told[1:]))

    async def tell(self, body: bytes, headers: Headers) -> Said:
        return await self.ask("POST", self.path, body, headers)

    async def transfers(self) -> int:
        return await self.db.fetchval("SELECT count(*) FROM transfers")

    async def connect_stripe(self) -> None:
        """Stripe speaks from now on, of a payment intent of the same payment."""
        wish = {
            "connector": "stripe", "settings": {"api_base": "http://127.0.0.1:1"},
            "credentials": {
                "secret_key": stripe.SECRET_KEY, "publishable_key": stripe.PUBLISHABLE_KEY,
                "webhook_secrets": [stripe.WEBHOOK_SECRET],
            },
        }  # fmt: skip
        said = await self.ask("POST", "/v1/connections", json.dumps(wish).encode(), self.key)
        made = json.loads(said.body)
        self.path = f"/callbacks/{made['id']}"
        await self.refer(ids.parse("con", made["id"]), "op_1")

    async def refer(self, connection_id: UUID | None, reference: str) -> None:
        """The payment is known there by this."""
        await self.db.execute(
            "INSERT INTO payment_references SELECT merchant_id, $1, $2, id FROM payments",
            connection_id, reference,
        )  # fmt: skip


Sign = Callable[[bytes, str, int], Headers]
"""Of a body, with a secret, at a time in Unix seconds."""


def sign(body: bytes, secret: str, at_s: int) -> Headers:
    stamp = b"%d" % at_s
    mac = hmac.new(secret.encode(), stamp + b"." + body, hashlib.sha256).hexdigest()
    return {b"x-sandbox-timestamp": stamp, b"x-sandbox-signature": mac.encode()}


def sign_as_stripe(body: bytes, secret: str, at_s: int) -> Headers:
    return {b"stripe-signature": stripe.sign(body, secret, at_s).encode()}


def signed(body: bytes) -> Headers:
    return sign(body, SECRET, clock.unix_s())


@pytest.fixture
async def door(database: str) -> AsyncIterator[Door]:
    settings = from_environment(
        {
            "DATABASE_URL": database,
            "TILLGATE_SECRET": "a secret of these tests only and long enough",
            "TILLGATE_PUBLIC_URL": "http://127.0.0.1:1",
            "TILLGATE_SANDBOX_URL": "http://127.0.0.1:1",
            "TILLGATE_SANDBOX_SECRET": SECRET,
            "TILLGATE_METRICS_TOKEN": TOKEN,
            "TILLGATE_RATE_CALLBACKS": "0",
            "TILLGATE_RATE_REFUSED": str(REFUSED_PER_S),
            "TILLGATE_DEV": "1",
        }
    )
    db = await asyncpg.connect(database)
    await set_up(db)
    made = await set_up_business(db, settings, "Door", clock.now())
    connection_id = await db.fetchval("SELECT id FROM connections")
    gateway = Gateway(settings)
    started, stopping = asyncio.Event(), asyncio.Event()

    async def receive() -> Message:
        if started.is_set():
            await stopping.wait()
        return {"type": "lifespan"}

    async def send(_message: Message) -> None:
        started.set()

    living = asyncio.create_task(gateway({"type": "lifespan"}, receive, send))
    await started.wait()
    door = Door(gateway, db, connection_id, ids.mint())
    await until(lambda: door.ask("GET", "/ready", b"", {}), lambda said: said.status == 200)
    key = {b"authorization": f"Bearer {made.secret_key}".encode()}
    wish = b'{"amount":1000,"currency":"eur"}'
    created = json.loads((await door.ask("POST", "/v1/payments", wish, key)).body)
    door.payment_id = ids.parse("pay", created["id"]) or door.payment_id
    door.key = key
    await door.refer(connection_id, "sbx_1")
    yield door
    stopping.set()
    await living
    await db.close()


def genuine() -> bytes:
    said = {"EventId": "evt_1", "Reference": "sbx_1", "Status": "success", "Amount": 1000}
    return json.dumps({**said, "Currency": "eur"}).encode()


async def test_ten_thousand_mutations_book_nothing(door: Door) -> None:
    await mutations_book_nothing(door, genuine(), SECRET, sign)


async def test_ten_thousand_mutations_of_stripes_book_nothing(door: Door) -> None:
    await door.connect_stripe()
    metadata = {"tillgate_operation": "op_1"}
    wanted = {"amount": 1000, "currency": "eur", "metadata": metadata}
    paid = stripe_objects.payment_intent(wanted) | {"status": "succeeded", "amount_received": 1000}
    body = json.dumps(stripe_objects.event("payment_intent.succeeded", paid, None)).encode()
    await mutations_book_nothing(door, body, stripe.WEBHOOK_SECRET, sign_as_stripe)


async def mutations_book_nothing(door: Door, body: bytes, secret: str, sign: Sign) -> None:
    rng = Random(SEED)
    statuses: Counter[int] = Counter()
    for number in range(MUTATIONS):
        content, headers = mutated(rng, body, secret, sign)
        said = await door.tell(content, headers)
        assert 400 <= said.status < 500, (number, content, headers, said)
        statuses[said.status] += 1
    assert statuses[400] > MUTATIONS * 0.9
    assert await door.transfers() == 0
    # and the message as it was does book: nothing but the mutation stood in its way
    assert (await door.tell(body, sign(body, secret, clock.unix_s()))).status == 200
    assert await door.transfers() == 1
    refused = sum(count.total for count in await counts(door))
    assert refused == statuses[400]


class Count(NamedTuple):
    verdict: str
    total: int


async def counts(door: Door) -> list[Count]:
    """What was refused, as soon as it is all written: genuine ones were counted last."""

    async def written() -> list[Count]:
        rows = await door.db.fetch("SELECT verdict, total FROM callback_counts")
        return [Count(*row) for row in rows]

    found = await until(written, lambda now: "genuine" in {one.verdict for one in now})
    return [one for one in found if one.verdict != "genuine"]


def mutated(rng: Random, body: bytes, secret: str, sign: Sign) -> tuple[bytes, Headers]:
    """The message changed in one way, which none of its signature's spellings survives."""
    now_s = clock.unix_s()
    changed, headers = bytearray(body), sign(body, secret, now_s)
    match rng.randrange(8):
        case 0:
            for _ in range(rng.randrange(1, 6)):
                changed[rng.randrange(len(changed))] ^= rng.randrange(1, 256)
        case 1:
            del changed[rng.randrange(len(changed)) :]
        case 2:
            changed *= 2
        case 3:
            changed = bytearray(rng.randbytes(rng.randrange(500)))
        case 4:
            headers = sign(body, rng.randbytes(32).hex(), now_s)
        case 5:
            then = b"%d" % rng.randrange(1 << 30)
            stamp = b"%d" % now_s
            headers = {name: value.replace(stamp, then) for name, value in headers.items()}
        case 6:
            name = rng.choice(sorted(headers))
            headers[name] = bytes(rng.randrange(33, 256) for _ in range(rng.randrange(1, 90)))
        case _:
            del headers[rng.choice(sorted(headers))]
    if bytes(changed) == body:
        changed += b" "
    elif len(changed) > len(body):
        changed = changed[: 1 << 12]
    return bytes(changed), headers


async def test_a_connection_that_is_not_there_is_read_once(door: Door) -> None:
    """It is there soon after, which shows that nobody has looked again."""
    wanted = ids.mint()
    path = f"/callbacks/{ids.show('con', wanted)}"
    assert (await door.ask("POST", path, b"{}", {})).status == 404
    await door.db.execute(
        "INSERT INTO connections (merchant_id, id, connector, name, state, settings, credentials,"
        " created_at, updated_at) SELECT merchant_id, $1, connector, 'Later', state, settings,"
        " credentials, created_at, updated_at FROM connections LIMIT 1",
        wanted,
    )
    assert (await door.ask("POST", path, b"{}", {})).status == 404


async def test_who_makes_up_connections_is_slowed_down(door: Door) -> None:
    async def guess(address: str) -> int:
        path = f"/callbacks/{ids.show('con', ids.mint())}"
        return (await door.ask("POST", path, b"{}", {}, address)).status

    guesses = [await guess("192.0.2.7") for _ in range(REFUSED_PER_S * WINDOW_S + 3)]
    assert guesses[: REFUSED_PER_S * WINDOW_S] == [404] * REFUSED_PER_S * WINDOW_S
    assert guesses[-1] == 429
    assert await guess("192.0.2.8") == 404


def test_what_is_remembered_of_nobody_has_an_end() -> None:
    nobody = Nobody()
    made_up = [ids.mint() for _ in range(UNKNOWN_MAX + 1)]
    for one in made_up:
        nobody.add(one)
    assert not nobody.has(made_up[0])
    assert all(nobody.has(one) for one in made_up[1:])


async def test_what_nests_too_deep_is_not_parsed(door: Door) -> None:
    deep = b'{"a":' * 40 + b"1" + b"}" * 40
    said = await door.tell(deep, signed(deep))
    assert (said.status, said.code) == (400, "parameter_invalid")


async def test_figures_tell_connector_and_verdict(door: Door) -> None:
    body = genuine()
    await door.tell(body, {})
    await door.tell(body, signed(body))
    await door.db.execute(
        "UPDATE callbacks SET state = 'failed', due_at = NULL WHERE payment_id = $1",
        door.payment_id,
    )
    await store.Tally(door.db).count_dead()
    told = await door.ask("GET", "/metrics", b"", {b"authorization": f"Bearer {TOKEN}".encode()})
    figures = dict(line.rsplit(" ", 1) for line in told.body.decode().splitlines())
    assert float(figures['tillgate_callbacks_total{connector="external",verdict="forged"}']) >= 1
    assert float(figures['tillgate_callbacks_total{connector="external",verdict="genuine"}']) >= 1
    assert figures['tillgate_callbacks_dead{connector="external"}'] == "1.0"
