"""Bytes that no HTTP client would send, at the two doors that take JSON in front of the framework:
processors' callbacks and new payments. Never a 5xx, never a connection that hangs, nothing booked.
"""

import asyncio
import gzip
import hashlib
import hmac
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tests.flows.stack import Stack, until
from tests.flows.test_main_job import recorded
from tests.invariants import check_invariants
from tillgate.kit import chance, clock
from tillgate.kit.serving import HEAD_MAX_BYTES, REQUEST_MAX_S

SHOTS = 1200
AT_ONCE = 24
QUIET_S = 1.0
"""Who has said nothing by now waits for more bytes; then it is told that none will come."""

HANGS_S = 10.0
SLOW_CLIENTS = 100

Head = list[tuple[bytes, bytes]]


class Target(NamedTuple):
    """A request as it should be; `signs` gives a body the headers that make it genuine."""

    path: bytes
    head: Head
    body: bytes
    signs: Callable[[bytes], Head]


async def test_no_bytes_break_a_door(stack: Stack, db: Any, dev_folder: Path) -> None:
    seed = int(os.environ.get("FUZZ_SEED") or chance.fraction() * 1e9)
    sys.stdout.write(f"FUZZ_SEED={seed}\n")
    rng = Random(seed)
    targets = [await callbacks(stack, db, dev_folder), payments(stack)]
    log = dev_folder / "data/logs/serve.log"
    logged, booked, refused = log.stat().st_size, await transfers(db), await counted(db)
    shots = [shot(rng, rng.choice(targets)) for _ in range(SHOTS)]
    answered = b"".join(await volley(stack, shots))

    statuses = Counter(re.findall(rb"HTTP/1\.1 (\d{3}) ", answered))
    sys.stdout.write(f"{dict(statuses)}\n")
    bugs = re.search(rb"(?:request_failed|database_error)[\s\S]{,5000}", log.read_bytes()[logged:])
    assert bugs is None, bugs[0].decode()
    assert {b"200", b"201", b"400", b"404", b"413"} <= statuses.keys()
    assert [status for status in statuses if status >= b"500"] == []
    assert await transfers(db) == booked
    told = len(re.findall(rb'"code":"callback_(?:forged|stale)"', answered))
    assert told >= 10
    await until(lambda: counted(db), lambda total: total >= refused + told)
    assert (await stack.anyone.get(f"{stack.url}/ready")).status_code == 200
    await check_invariants(stack.database_url)


async def test_slow_clients_are_in_nobodys_way(stack: Stack) -> None:
    """Each has begun a request and never ends it."""
    target = payments(stack)
    whole = written(target.path, target.head, target.body)
    slow = [await connected(stack) for _ in range(SLOW_CLIENTS)]
    for number, (_, writer) in enumerate(slow):
        writer.write(whole[: 1 + number * (len(whole) - 2) // SLOW_CLIENTS])
    await asyncio.gather(*(stack.create() for _ in range(20)))
    for reader, writer in slow:
        writer.write_eof()
        async with asyncio.timeout(HANGS_S):
            assert await reader.read() == b""
        writer.close()
    await check_invariants(stack.database_url)


async def test_who_is_too_slow_is_hung_up_on(stack: Stack) -> None:
    """Who says nothing, stops in the head or in the body, or asks once and then half again; while
    a client that has its answer may keep the connection."""
    target = payments(stack)
    whole = written(target.path, target.head, target.body)
    kept = await connected(stack)
    kept[1].write(whole)
    assert await status_of(kept[0]) == b"201"
    beginnings = (b"", whole[:20], whole[:-3], whole + whole[:20])
    slow = [await connected(stack) for _ in beginnings]
    for (_, writer), beginning in zip(slow, beginnings, strict=True):
        writer.write(beginning)
    async with asyncio.timeout(REQUEST_MAX_S + HANGS_S):
        for reader, writer in slow:
            await hung_up(reader)
            writer.close()
    kept[1].write(whole)
    async with asyncio.timeout(HANGS_S):
        assert await status_of(kept[0]) == b"201"
    kept[1].close()


async def test_a_head_without_end_is_hung_up_on(stack: Stack) -> None:
    reader, writer = await connected(stack)
    writer.write(b"GET /health HTTP/1.1\r\nX-Long: " + b"x" * (HEAD_MAX_BYTES + 1))
    async with asyncio.timeout(HANGS_S):
        await hung_up(reader)
    writer.close()


async def status_of(reader: asyncio.StreamReader) -> bytes:
    """Reads one answer to its end."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    assert length is not None
    await reader.readexactly(int(length[1]))
    return head.split()[1]


async def hung_up(reader: asyncio.StreamReader) -> None:
    with suppress(ConnectionError):
        await reader.read()


# ---- what is aimed at -----------------------------------------------------------------------


async def callbacks(stack: Stack, db: Any, dev_folder: Path) -> Target:
    """A callback that was applied already: its body may be said again, and books nothing more."""
    url, body, _ = await recorded(stack, db)
    secret = json.loads((dev_folder / "data/secrets.json").read_text())["sandbox"]

    def signs(body: bytes) -> Head:
        stamp = b"%d" % clock.unix_s()
        mac = hmac.new(secret.encode(), stamp + b"." + body, hashlib.sha256).hexdigest()
        return [(b"X-Sandbox-Timestamp", stamp), (b"X-Sandbox-Signature", mac.encode())]

    return Target(urlsplit(url).path.encode(), signs(body), body, signs)


def payments(stack: Stack) -> Target:
    key = f"Bearer {stack.ready['secret_key']}".encode()
    head = [(b"Authorization", key), (b"Content-Type", b"application/json")]

    def signs(_body: bytes) -> Head:
        return head

    return Target(b"/v1/payments", head, b'{"amount":5,"currency":"eur"}', signs)


async def transfers(db: Any) -> int:
    return await db.fetchval("SELECT count(*) FROM transfers")


async def counted(db: Any) -> int:
    """Refused callbacks, as the merchant sees them."""
    return await db.fetchval(
        "SELECT coalesce(sum(total), 0)::int FROM callback_counts WHERE verdict <> 'genuine'"
    )


# ---- sending --------------------------------------------------------------------------------


async def volley(stack: Stack, shots: list[bytes]) -> list[bytes]:
    """What was answered to each."""
    lanes = asyncio.Semaphore(AT_ONCE)

    async def fire(number: int, sent: bytes) -> bytes:
        async with lanes:
            try:
                return await answer_to(stack, sent)
            except TimeoutError:
                raise AssertionError(f"shot {number} hangs: {sent[:2000]!r}") from None

    return await asyncio.gather(*(fire(number, sent) for number, sent in enumerate(shots)))


async def answer_to(stack: Stack, sent: bytes) -> bytes:
    """All that the server says until it hangs up. Raises TimeoutError when it never does."""
    reader, writer = await connected(stack)
    said = b""
    try:
        async with asyncio.timeout(HANGS_S):
            writer.write(sent)
            said = await first(reader.read(1 << 16))
            writer.write_eof()
            said += await reader.read()
    except OSError:
        pass  # hung up on while we were still talking
    finally:
        writer.transport.abort()
    return said


async def first(reading: Awaitable[bytes]) -> bytes:
    try:
        async with asyncio.timeout(QUIET_S):
            return await reading
    except TimeoutError:
        return b""


async def connected(stack: Stack) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(stack.url)
    return await asyncio.open_connection(parts.hostname, parts.port)


# ---- what is sent ---------------------------------------------------------------------------


def shot(rng: Random, target: Target) -> bytes:
    """One request, broken in one way; now and then it is whole."""
    return rng.choice(WAYS)(rng, target)


def written(
    path: bytes, head: Head, body: bytes, length: bytes | None = None, method: bytes = b"POST"
) -> bytes:
    size = b"%d" % len(body) if length is None else length
    lines = [b"%s %s HTTP/1.1" % (method, path), b"Host: x", b"Content-Length: " + size]
    lines += [name + b": " + value for name, value in head]
    return b"\r\n".join([*lines, b"", body])


def whole(_rng: Random, target: Target) -> bytes:
    return written(target.path, target.head, target.body)


def noise(rng: Random, _target: Target) -> bytes:
    return rng.randbytes(rng.randrange(1, 3000))


def flipped(rng: Random, target: Target) -> bytes:
    changed = bytearray(whole(rng, target))
    for _ in range(rng.randrange(1, 8)):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def truncated(rng: Random, target: Target) -> bytes:
    sent = whole(rng, target)
    return sent[: rng.randrange(1, len(sent))]


def wrong_length(rng: Random, target: Target) -> bytes:
    lengths = [b"0", b"1", b"5000", b"-1", b"+3", b"1e3", b"0x10", b"", b"9" * 30, b"5, 5", b"\xb2"]
    return written(target.path, target.head, target.body, rng.choice(lengths))


def two_lengths(rng: Random, target: Target) -> bytes:
    more: Head = [(b"Content-Length", b"%d" % rng.randrange(99))]
    return written(target.path, [*target.head, *more], target.body)


def chunked(rng: Random, target: Target) -> bytes:
    """Half of them well made; one in three says a length too, as smugglers do."""
    head: Head = [*target.head, (b"Transfer-Encoding", b"chunked")]
    middle = rng.randrange(len(target.body))
    parts = [part for part in (target.body[:middle], target.body[middle:]) if part]
    body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (*parts, b""))
    if rng.random() < 0.5:
        spoilt = [b"-1\r\n", b"f" * 20 + b"\r\n", b"zz\r\n", b"5;" + b"x" * 9999, b"3\n", b"\0"]
        body = rng.choice(spoilt) + body
    sent = written(target.path, head, body)
    return sent if rng.random() < 0.3 else re.sub(rb"Content-Length: \d+\r\n", b"", sent, count=1)


def heavy_head(rng: Random, target: Target) -> bytes:
    more: Head = [(b"X-Much", b"x" * rng.randrange(70_000, 400_000))]
    if rng.random() < 0.5:
        more = [(b"X-%d" % n, b"y") for n in range(rng.randrange(100, 5000))]
    return written(target.path, [*target.head, *more], target.body)


def odd_head(rng: Random, target: Target) -> bytes:
    odd: Head = [
        (b"Idempotency-Key", b"a\r\nAuthorization: Bearer x"),
        (b"Idempotency-Key", b"a\nb"),
        (b"Idempotency-Key", b"a\0b"),
        (b"Idempotency-Key", b"\xff\xfe\x80"),
        (b"X Y", b"z"),
        (b"", b"nameless"),
        (b"X\0", b"z"),
        (b"\xc3\xa9", b"z"),
        (b"X", b"folded\r\n over"),
        (b"Content-Type", b"\xf0\x9f\x92\xb8; charset=\xff"),
        (b"Expect", b"100-continue"),
        (b"Upgrade", b"h2c\r\nConnection: Upgrade"),
    ]
    return written(target.path, [*target.head, rng.choice(odd)], target.body)


def doubled_head(rng: Random, target: Target) -> bytes:
    name, value = rng.choice(target.head)
    again = [(name, value), (name, rng.randbytes(20).hex().encode()), (name.upper(), b"")]
    head: Head = [*target.head, rng.choice(again)]
    rng.shuffle(head)
    return written(target.path, head, target.body)


def odd_line(rng: Random, target: Target) -> bytes:
    places = [
        b"*", b"//x" + target.path, b"http://x" + target.path, target.path + b"%00", b"/%ff%fe",
        target.path + b"/../../v1/balance", b"/" + b"a" * 70_000, target.path + b"?a=\xff", b"",
        target.path + b"%0d%0aX:%20y", b"/callbacks/con_" + b"0" * 26,
    ]  # fmt: skip
    method = rng.choice([b"POST", b"POST", b"post", b"P\0ST", b"GET", b"CONNECT", b"TRACE", b"PRI"])
    return written(rng.choice(places), target.head, target.body, method=method)


def squeezed(_rng: Random, target: Target) -> bytes:
    body = gzip.compress(target.body, mtime=0)
    return written(target.path, [*target.head, (b"Content-Encoding", b"gzip")], body)


def odd_json(rng: Random, target: Target) -> bytes:
    """Genuine: what a processor, or a merchant, says by mistake."""
    bodies = [
        b"[" * 100_000, b'{"a":' * 50_000, b"[]", b"null", b'"x"', b"", b"\xef\xbb\xbf{}", b"{}}",
        b'{"amount":1e400,"currency":"eur"}', b'{"amount":%s}' % (b"9" * 5000),
        b'{"amount":-0,"currency":"eur"}', b'{"amount":5,"amount":6,"currency":"eur"}',
        b'{"amount":5,"currency":"\xff\xfe"}', b'{"amount":5,"currency":"\xed\xa0\x80"}',
        b'{"amount":5,"currency":"eur","description":"\\u0000"}',
        b'{"amount":5,"currency":"eur","description":"\\ud800"}',
        b'{"amount":5,"currency":"eur","metadata":{"\\u0000":"x"}}', b"\0" * 100,
        b'{"amount":5,"currency":"eur","description":"%s"}' % (b"x" * 1_100_000),
        target.body[:-1], target.body + b"\0", rng.randbytes(300),
        re.sub(rb':("[^"]*"|\d+)', lambda _: rng.choice(ODD_VALUES),
               target.body, count=rng.randrange(1, 4)),
    ]  # fmt: skip
    body = rng.choice(bodies)
    return written(target.path, target.signs(body), body)


ODD_VALUES = [
    b":1e999",
    b":[]",
    b":{}",
    b":-1",
    b":null",
    b':""',
    b':"\\u0000"',
    b':"%s"' % Random(0).randbytes(6000).hex().encode(),
]


def two_at_once(rng: Random, target: Target) -> bytes:
    return whole(rng, target) + rng.choice(WAYS[:-1])(rng, target)


WAYS: list[Callable[[Random, Target], bytes]] = [
    whole, noise, flipped, truncated, wrong_length, two_lengths, chunked, heavy_head, odd_head,
    doubled_head, odd_line, squeezed, odd_json, odd_json, two_at_once,
]  # fmt: skip
