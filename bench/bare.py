"""The floor of deliveries, a program: the same HTTP client in a bare loop, without a database.

Reads a `Task` in JSON from stdin, and sends until it is stopped.
"""

import asyncio
import sys

import aiohttp
import msgspec
import uvloop
from msgspec import Struct


class Task(Struct, frozen=True):
    """Each of `at_once` loops sends the same request again and again."""

    url: str
    headers: dict[str, str]
    body: str
    at_once: int


async def send_forever(task: Task) -> None:
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=task.at_once),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
    ) as session:
        await asyncio.gather(*(_loop(session, task) for _ in range(task.at_once)))


async def _loop(session: aiohttp.ClientSession, task: Task) -> None:
    body = task.body.encode()
    while True:
        async with session.post(
            task.url, data=body, headers=task.headers, allow_redirects=False
        ) as response:
            await response.read()
            response.raise_for_status()


if __name__ == "__main__":
    uvloop.run(send_forever(msgspec.json.decode(sys.stdin.buffer.read(), type=Task)))
