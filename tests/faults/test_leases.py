"""A claimed delivery belongs to who claimed it, until its lease ends."""

import asyncio

import asyncpg
from aiohttp import web

from tests.webhooks.scene import Receiver, Scene
from tillgate.kit import db

EVENTS = 10


async def test_what_one_worker_sends_no_other_sends(database: str) -> None:
    """Both look for work again while the merchant's server takes its time."""
    receiver, marker, answers = Receiver(), Receiver(), asyncio.Event()

    async def slow(_: web.Request) -> web.Response:
        await answers.wait()
        return web.Response()

    receiver.handler = slow
    await asyncio.gather(receiver.start(), marker.start())
    connection = await asyncpg.connect(database)
    await db.set_up(connection)
    scene = Scene(database, connection)
    await scene.add_merchant(scene.merchant_id)
    await scene.endpoint(receiver.url(), "payment.succeeded")
    await scene.endpoint(marker.url(), "payment.failed")
    await scene.publish(count=EVENTS)
    async with scene.worker(), scene.worker():
        await receiver.wait_for(EVENTS)
        for number in range(1, 5):
            await scene.publish("payment.failed")
            await marker.wait_for(number)  # somebody has claimed all that may be claimed
        answers.set()
        await scene.settled()
    await connection.close()
    await asyncio.gather(receiver.stop(), marker.stop())
    assert len(receiver.arrived) == EVENTS
