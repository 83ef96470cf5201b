"""Transfers between wallets: through the engine, through HTTP, and as PostgreSQL's own floor."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from random import getrandbits, randrange
from typing import NamedTuple

from bench import pgbench
from bench.ground import Ground
from bench.load import once
from bench.payments import CLIENTS, measured
from bench.window import Done, Run, Window, evaluate, watch
from tillgate.audit.model import Owner
from tillgate.engine.command import Outcome
from tillgate.engine.writer import Engine
from tillgate.idempotency.commands import Once
from tillgate.kit import ids
from tillgate.kit.db import Connection
from tillgate.kit.money import Money
from tillgate.main.parts import SCHEMA
from tillgate.wallets.commands import Move

FUNDED = "funded"
FUNDED_SQL = Path(__file__).with_name("floors") / "funded.sql"

WALLETS = 1000
AMOUNT_MINOR = 1999
FUNDS_MINOR = 1_000_000_000
"""In each wallet: more than one of them can pay out in a run."""

REFERENCE = "order-4711"


class Pairs(NamedTuple):
    """Between whom transfers go: from one of the first `senders` to any other wallet."""

    senders: int


SPREAD = Pairs(WALLETS)
HOT = Pairs(1)
"""One wallet pays for everything: each transfer waits for the one before."""


async def transfer(ground: Ground, window: Window, pairs: Pairs = SPREAD) -> Run:
    """Through the engine, in this process and without HTTP: so much waits for each answer as there
    are clients, each wish behind an Idempotency-Key. Its CPU counts as the benchmark's own."""
    async with ground.copy(FUNDED) as database:
        engine = Engine(ground.postgres.dsn(database), SCHEMA)
        await engine.start()
        await engine.connected.wait()
        done, over = Done([], []), asyncio.Event()
        clerks = [asyncio.create_task(_clerk(engine, ground, pairs, done, over))
                  for _ in range(CLIENTS)]  # fmt: skip
        try:
            watched = await watch(ground.postgres.pid, *window)
        finally:
            over.set()
            await asyncio.gather(*clerks)
            await engine.stop()
        await ground.expect(database, MOVED, len(done.ended_s))
    return evaluate(watched, done)


async def _clerk(
    engine: Engine, ground: Ground, pairs: Pairs, done: Done, over: asyncio.Event
) -> None:
    owner = Owner(ground.merchant.id, False, "key_bench", "127.0.0.1", "req_bench")
    money = Money(AMOUNT_MINOR, "eur")
    while not over.is_set():
        began_s = time.perf_counter()
        sender, receiver = _pair(pairs)
        wish = Move(
            owner, ids.mint(), "transfer", _user(sender), _user(receiver), money, REFERENCE, None
        )
        key = f"{getrandbits(128):032x}"
        decided = await engine.run(
            Once(owner.merchant_id, key, bytes(32), wish.id, "req_bench", wish)
        )
        if not isinstance(decided, Outcome) or decided.answer.status != 201:
            raise RuntimeError(f"a transfer was refused: {decided}")
        done.ended_s.append(time.time())
        done.took_s.append(time.perf_counter() - began_s)


async def transfer_http(ground: Ground, window: Window, pairs: Pairs = SPREAD) -> Run:
    """`POST /v1/wallets/transfers` with an Idempotency-Key, each client with one connection."""
    async with ground.copy(FUNDED) as database:
        async with ground.api(database) as port:
            requests = transfers(ground.merchant.secret_key, pairs)
            run, done = await measured(ground, port, CLIENTS, requests, 201, window)
        await ground.expect(database, MOVED, len(done.ended_s))
    return run


async def transfer_floor(ground: Ground, window: Window, pairs: Pairs = SPREAD) -> Run:
    """The same rows, one statement a transfer."""
    values = await texts(ground) | {"senders": str(pairs.senders)}
    async with ground.copy(FUNDED) as database:
        run, done = await pgbench.run(ground, database, "transfer", CLIENTS, window, values)
        await ground.expect(database, MOVED, len(done.ended_s))
    return run


MOVED = """
    SELECT least(
      (SELECT count(*) FROM transfers t JOIN audit a ON a.object_id = t.id
       WHERE t.code = 'wallet_transfer'),
      (SELECT count(*) FROM idempotency_keys))"""


def transfers(secret_key: str, pairs: Pairs) -> Iterator[bytes]:
    """Requests without end, each with a key of its own and between another pair."""
    body = b'{"from":"u-%%04d","to":"u-%%04d","amount":%d,"currency":"eur","reference":"%b"}' % (
        AMOUNT_MINOR,
        REFERENCE.encode(),
    )
    head = (
        "POST /v1/wallets/transfers HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: shop/1.4\r\n"
        f"Authorization: Bearer {secret_key}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body % (1, 2))}\r\nIdempotency-Key: "
    ).encode()
    while True:
        wish = body % _pair(pairs)
        yield b"%b%032x\r\n\r\n%b" % (head, getrandbits(128), wish)


def _pair(pairs: Pairs) -> tuple[int, int]:
    sender, step = randrange(pairs.senders), randrange(1, WALLETS)
    return sender + 1, (sender + step) % WALLETS + 1


def _user(number: int) -> str:
    return f"u-{number:04d}"


async def fund(ground: Ground, connection: Connection) -> None:
    """Fills the template `funded`: each wallet got its money from the merchant."""
    accounts, moves = ([ids.mint() for _ in range(WALLETS)] for _ in range(2))
    await connection.execute(
        FUNDED_SQL.read_text(), ground.merchant.id, ids.mint(), accounts, moves, FUNDS_MINOR
    )


async def texts(ground: Ground) -> dict[str, str]:
    """What the floor writes: texts as Tillgate wrote them for one transfer."""
    if FUNDED not in ground.texts:
        ground.texts[FUNDED] = await _written(ground)
    return ground.texts[FUNDED]


async def _written(ground: Ground) -> dict[str, str]:
    async with ground.copy(FUNDED) as database:
        async with ground.api(database) as port:
            await once(port, transfers(ground.merchant.secret_key, SPREAD), 201)
        async with ground.connected(database) as connection:
            row = await connection.fetchrow(WRITTEN)
    if row is None:
        raise RuntimeError("Tillgate answered well and wrote nothing")
    return {
        "merchant": str(ground.merchant.id),
        "wallets": str(WALLETS),
        "reference": REFERENCE,
        "users": "user:u-",  # pgbench would take what follows the colon for a variable
        **dict(row),
    }


WRITTEN = """
    SELECT k.body AS answer, a.after::text AS audit, a.actor, a.request_id AS request
    FROM idempotency_keys k CROSS JOIN audit a
    WHERE a.action = 'wallet.transfer'"""
