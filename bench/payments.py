"""Creations and callbacks: through HTTP, and as PostgreSQL's own floor."""

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from random import getrandbits
from typing import NamedTuple
from uuid import UUID

import msgspec
from msgspec import Raw

from bench import cards, pgbench
from bench.ground import FRESH, SANDBOX_SECRET, Fill, Ground
from bench.load import Load, once
from bench.window import Done, Run, UsedUp, Window, evaluate, watch
from tillgate.events.catalogue import API_VERSION
from tillgate.kit import clock, ids
from tillgate.kit.db import Connection
from tillgate.sandbox.model import Callback, CallbackBody
from tillgate.sandbox.rules import signed_headers

CLIENTS = 64
STARTED = "started"

PREPARED_PER_S = 6000
"""So many callbacks are prepared for each second: more than can be applied."""

STARTED_SQL = Path(__file__).with_name("floors") / "started.sql"

DESCRIPTION = "Order 4711: two blue mugs"
SUCCESS_URL = "https://shop.example.com/thanks"
METADATA = {"cart": "c-9912", "channel": "web"}
WISH = msgspec.json.encode(
    {
        "amount": 1999,
        "currency": "eur",
        "description": DESCRIPTION,
        "success_url": SUCCESS_URL,
        "metadata": METADATA,
    }
)

# ---- creations


async def create(ground: Ground, window: Window, clients: int = CLIENTS) -> Run:
    """`POST /v1/payments` with an Idempotency-Key, each client with one connection."""
    async with ground.copy(FRESH) as database:
        async with ground.api(database) as port:
            requests = creations(ground.merchant.secret_key)
            run, done = await measured(ground, port, clients, requests, 201, window)
        await ground.expect(database, CREATED, len(done.ended_s))
    return run


async def create_floor(ground: Ground, window: Window, clients: int = CLIENTS) -> Run:
    """The same rows, one statement a payment."""
    values = await texts(ground)
    async with ground.copy(FRESH) as database:
        run, done = await pgbench.run(ground, database, "create", clients, window, values)
        await ground.expect(database, CREATED, len(done.ended_s))
    return run


CREATED = """
    SELECT count(*) FROM payments p
    JOIN idempotency_keys k ON k.object_id = p.id
    JOIN events v ON v.object_id = p.id
    JOIN audit a ON a.object_id = p.id"""


def creations(secret_key: str) -> Iterator[bytes]:
    """Requests without end, each with a key of its own."""
    head = (
        "POST /v1/payments HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: shop/1.4\r\n"
        f"Authorization: Bearer {secret_key}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(WISH)}\r\nIdempotency-Key: "
    ).encode()
    tail = b"\r\n\r\n" + WISH
    while True:
        yield b"%b%032x%b" % (head, getrandbits(128), tail)


# ---- callbacks


class Processor(NamedTuple):
    """Who calls back. `template`: holds payments whose payers are there, on its first connection;
    `prefix`: how it names their charges."""

    connector: str
    template: str
    prefix: str
    message: Callable[[str, str, UUID, int], tuple[bytes, dict[str, str]]]
    connect: Callable[[Ground, Connection], Awaitable[None]] | None = None

    async def connection_id(self, connection: Connection) -> UUID:
        return await connection.fetchval(
            "SELECT id FROM connections WHERE connector = $1", self.connector
        )


async def callback(ground: Ground, window: Window, processor: Processor | None = None) -> Run:
    """Signed callbacks, all of one merchant, each for another payment."""
    processor = processor or SANDBOX
    async with ground.copy(processor.template) as database:
        async with ground.connected(database) as connection:
            requests = await callbacks(connection, processor)
        async with ground.api(database) as port:
            run, done = await measured(ground, port, CLIENTS, requests, 200, window)
        if next(requests, None) is None:
            raise UsedUp
        await ground.expect(database, BOOKED, len(done.ended_s))
    return run


async def callback_floor(ground: Ground, window: Window, processor: Processor | None = None) -> Run:
    """The same rows, one statement a callback."""
    processor = processor or SANDBOX
    values = await texts(ground, processor)
    async with ground.copy(processor.template) as database:
        await number_callbacks(ground, database)
        run, done = await pgbench.run(ground, database, "callback", CLIENTS, window, values)
        await ground.expect(database, BOOKED, len(done.ended_s))
    return run


BOOKED = """
    SELECT count(*) FROM payments p
    JOIN processor_objects o ON o.payment_id = p.id
    JOIN transfers t ON t.ref = o.reference
    JOIN callbacks b ON b.payment_id = p.id
    JOIN events v ON v.object_id = p.id AND v.type = 'payment.succeeded'
    WHERE p.status = 'succeeded'"""


async def number_callbacks(ground: Ground, database: str) -> None:
    """What the floor takes the next payment from."""
    async with ground.connected(database) as connection:
        await connection.execute("CREATE SEQUENCE callback_numbers")


async def callbacks(connection: Connection, processor: Processor | None = None) -> Iterator[bytes]:
    """A callback for each payment of the template, signed now."""
    processor = processor or SANDBOX
    rows = await connection.fetch(
        "SELECT reference, (SELECT o.request ->> 'TransactionId' FROM operations o"
        " WHERE o.payment_id = t.payment_id), payment_id FROM tries t ORDER BY reference"
    )
    now_s = clock.unix_s()
    place = f"/callbacks/{ids.show('con', await processor.connection_id(connection))}"
    messages = (processor.message(row[0], row[1], row[2], now_s) for row in rows)
    return iter([_request(place, *message) for message in messages])


def _request(place: str, body: bytes, headers: dict[str, str]) -> bytes:
    sent = {"Host": "127.0.0.1", **headers, "Content-Length": str(len(body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    return f"POST {place} HTTP/1.1\r\n{lines}\r\n".encode() + body


def sandbox_message(
    reference: str, ours: str, payment_id: UUID, now_s: int
) -> tuple[bytes, dict[str, str]]:
    """(body, headers) as the sandbox sends them."""
    body = msgspec.json.encode(
        CallbackBody(
            event_id=f"evt_{reference}",
            event_type="payment.succeeded",
            transaction_id=ours,
            reference=reference,
            status="success",
            amount=1999,
            currency="eur",
            timestamp=now_s,
            metadata={"payment": ids.show("pay", payment_id)},
        )
    )
    sent = Callback(
        reference, f"evt_{reference}", "payment.succeeded", "", body.decode(), "genuine", "waiting",
        now_s,
    )  # fmt: skip
    headers = {
        "User-Agent": "Sandbox/1",
        "Content-Type": "application/json",
        **signed_headers(sent, SANDBOX_SECRET, now_s),
        "Accept": "*/*",
        "Accept-Encoding": "gzip, deflate",
    }
    return body, headers


SANDBOX = Processor("external", STARTED, "sbx_", sandbox_message)
STRIPE = Processor("stripe", "started_stripe", "pi_", cards.message, cards.connect)


def started(count: int, processor: Processor | None = None) -> Fill:
    """Fills the processor's template with so many payments whose payers are there."""
    at = processor or SANDBOX

    async def fill(ground: Ground, connection: Connection) -> None:
        if at.connect is not None:
            await at.connect(ground, connection)
        merchant_id, connection_id = ground.merchant.id, await at.connection_id(connection)
        wanted = [(ids.mint(), ids.mint(), f"{at.prefix}{n:026}") for n in range(1, count + 1)]
        await connection.execute(
            STARTED_SQL.read_text(), merchant_id, connection_id, Raw(b"{}"),
            [payment for payment, _, _ in wanted], [operation for _, operation, _ in wanted],
            [ids.show("op", operation) for _, operation, _ in wanted],
            [reference for _, _, reference in wanted], API_VERSION,
        )  # fmt: skip
        for owner, code in (
            (ids.show("con", connection_id), "clearing"),
            ("merchant", "available"),
        ):
            await connection.execute(
                "INSERT INTO accounts (merchant_id, owner, code, asset, id, created_at)"
                " VALUES ($1, $2, $3, 'eur', $4, now())",
                merchant_id, owner, code, ids.mint(),
            )  # fmt: skip

    return fill


# ---- what both need


async def texts(ground: Ground, processor: Processor | None = None) -> dict[str, str]:
    """What floors write: texts as Tillgate wrote them for one payment and one callback."""
    at = processor or SANDBOX
    if at.template not in ground.texts:
        ground.texts[at.template] = await _written(ground, at)
    return ground.texts[at.template]


async def _written(ground: Ground, processor: Processor) -> dict[str, str]:
    async with ground.copy(processor.template) as database:
        async with ground.api(database) as port:
            await once(port, creations(ground.merchant.secret_key), 201)
            async with ground.connected(database) as connection:
                connection_id = await processor.connection_id(connection)
                requests = await callbacks(connection, processor)
            await once(port, requests, 200)
        async with ground.connected(database) as connection:
            row = await connection.fetchrow(WRITTEN)
    if row is None:
        raise RuntimeError("Tillgate answered well and wrote nothing")
    return {
        "merchant": str(ground.merchant.id),
        "connection": str(connection_id),
        "owner": ids.show("con", connection_id),
        "prefix": processor.prefix,
        "api_version": API_VERSION,
        "description": DESCRIPTION,
        "success_url": SUCCESS_URL,
        "cause": ":booking:1",  # pgbench would take it for a variable
        **dict(row),
    }


WRITTEN = """
    SELECT k.body AS answer, c.data::text AS created, a.after::text AS audit, a.actor,
      c.request_id AS request, p.metadata::text AS metadata,
      s.data::text AS succeeded, b.headers::text AS headers, convert_from(b.raw, 'UTF8') AS raw
    FROM idempotency_keys k
    JOIN payments p ON p.id = k.object_id
    JOIN events c ON c.object_id = p.id
    JOIN audit a ON a.object_id = p.id
    CROSS JOIN callbacks b
    JOIN events s ON s.object_id = b.payment_id AND s.type = 'payment.succeeded'"""


async def measured(
    ground: Ground, port: int, clients: int, requests: Iterator[bytes], status: int, window: Window
) -> tuple[Run, Done]:
    """So many clients on the API at `port`, until the window ends."""
    async with Load(port, clients, requests, status) as load:
        watched = await watch(ground.postgres.pid, *window)

    return evaluate(watched, load.done), load.done
