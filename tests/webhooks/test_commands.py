"""What people do by hand: a new secret, a delivery sent anew."""

import asyncio
import hashlib
import hmac
from uuid import UUID

from aiohttp import web
from standardwebhooks.webhooks import Webhook as StandardWebhook

from tillgate.kit import clock, db, ids
from tillgate.webhooks import store
from tillgate.webhooks.commands import Created, renew_secret, send_anew
from tillgate.webhooks.formats import FORMATS

from .claims import payment
from .scene import Receiver, Scene

ATTEMPTS = len(FORMATS["gateway"].schedule_s)


async def actions(scene: Scene) -> list[str]:
    rows = await scene.connection.fetch("SELECT action FROM audit ORDER BY at, id")
    return [row["action"].removeprefix("webhook_") for row in rows]


# ---- a new secret


async def renewed(scene: Scene, made: Created, merchant_id: UUID | None = None) -> str | None:
    pool = await db.open_pool(scene.dsn, 1)
    endpoint = await store.find_endpoint(pool, scene.merchant_id, made.id)
    await pool.close()
    assert endpoint is not None
    return await renew_secret(
        scene.connection, scene.vault, merchant_id or scene.merchant_id, endpoint, "key_test",
        clock.now(),
    )  # fmt: skip


async def test_a_new_secret_takes_the_place_of_the_old_one(
    scene: Scene, receiver: Receiver
) -> None:
    made = await scene.endpoint(receiver.url(), wire="gateway")
    secret = await renewed(scene, made)
    await scene.publish(data=payment())
    async with scene.worker():
        await scene.settled()

    assert secret is not None
    assert secret.startswith("whsec_")
    assert secret != made.secret
    [arrived] = receiver.arrived
    signature = hmac.new(secret.encode(), arrived.body, hashlib.sha256).hexdigest()
    assert arrived.headers["X-Webhook-Signature"] == signature
    assert await actions(scene) == ["endpoint.create", "endpoint.renew_secret"]
    audit = str([dict(row) for row in await scene.connection.fetch("SELECT * FROM audit")])
    assert secret not in audit


async def test_a_new_secret_is_of_the_endpoints_format(scene: Scene, receiver: Receiver) -> None:
    made = await scene.endpoint(receiver.url())
    secret = await renewed(scene, made)
    await scene.publish()
    async with scene.worker():
        await scene.settled()

    assert secret is not None
    [arrived] = receiver.arrived
    headers = {name.lower(): value for name, value in arrived.headers.items()}
    assert len(headers["webhook-signature"].split(" ")) == 1
    StandardWebhook(secret).verify(arrived.body, headers)


async def test_another_merchant_renews_nothing(scene: Scene, receiver: Receiver) -> None:
    made = await scene.endpoint(receiver.url())

    assert await renewed(scene, made, ids.mint()) is None
    assert await actions(scene) == ["endpoint.create"]


# ---- a delivery sent anew


async def again(
    scene: Scene, made: Created, event_id: UUID, merchant_id: UUID | None = None
) -> bool:
    found = await send_anew(
        scene.connection, merchant_id or scene.merchant_id, made.id, event_id, "key_test",
        clock.now(),
    )  # fmt: skip
    scene.wake()
    return found


async def test_what_is_dead_goes_through_its_schedule_again(
    scene: Scene, receiver: Receiver
) -> None:
    made = await scene.endpoint(receiver.url(), wire="gateway")
    receiver.handler = receiver.say(500)
    [event_id] = await scene.publish(data=payment())
    async with scene.worker():
        for attempt in range(1, ATTEMPTS):
            await scene.attempted(attempt)
            await scene.make_due()
        await scene.settled()

        assert await again(scene, made, event_id)
        await scene.attempted(ATTEMPTS + 1)
        [delivery] = await scene.deliveries(made)
        assert (delivery["state"], delivery["settled_at"]) == ("due", None)
        assert 55 < delivery["wait"].total_seconds() <= 60
        assert delivery["claims"] == delivery["attempts"]  # in nobody's hands
        for attempt in range(ATTEMPTS + 1, 2 * ATTEMPTS):
            await scene.attempted(attempt)
            await scene.make_due()
        await scene.settled()

    [delivery] = await scene.deliveries(made)
    assert (delivery["state"], delivery["attempts"]) == ("dead", 2 * ATTEMPTS)
    attempts = await scene.attempts(made)
    assert [attempt["ordinal"] for attempt in attempts] == list(range(1, 2 * ATTEMPTS + 1))
    told = [int(arrived.headers["Tillgate-Attempt"]) for arrived in receiver.arrived]
    assert told == [*range(1, ATTEMPTS + 1)] * 2
    assert len({arrived.body for arrived in receiver.arrived}) == 1
    assert len({arrived.headers["webhook-id"] for arrived in receiver.arrived}) == 1
    assert await actions(scene) == ["endpoint.create", "delivery.retry"]


async def test_what_was_delivered_can_be_sent_anew(scene: Scene, receiver: Receiver) -> None:
    made = await scene.endpoint(receiver.url())
    [event_id] = await scene.publish()
    async with scene.worker():
        await scene.settled()
        assert await again(scene, made, event_id)
        await receiver.wait_for(2)
        await scene.settled()

    [delivery] = await scene.deliveries(made)
    assert (delivery["state"], delivery["attempts"]) == ("delivered", 2)


async def test_an_attempt_that_is_under_way_does_not_count(
    scene: Scene, receiver: Receiver
) -> None:
    made = await scene.endpoint(receiver.url())
    first_ends = asyncio.Event()

    async def slow_at_first(_: web.Request) -> web.Response:
        if len(receiver.arrived) == 1:
            await first_ends.wait()
            return web.Response(status=500)
        return web.Response(status=200)

    receiver.handler = slow_at_first
    [event_id] = await scene.publish()
    async with scene.worker():
        await receiver.wait_for(1)
        assert await again(scene, made, event_id)
        await scene.settled()
        first_ends.set()

    [delivery] = await scene.deliveries(made)
    assert (delivery["state"], delivery["attempts"]) == ("delivered", 1)
    assert [attempt["status_code"] for attempt in await scene.attempts(made)] == [200]


async def test_what_is_not_there_is_not_sent(scene: Scene, receiver: Receiver) -> None:
    made = await scene.endpoint(receiver.url())
    [event_id] = await scene.publish()
    async with scene.worker():
        await scene.settled()

    assert not await again(scene, made, ids.mint())
    assert not await again(scene, made, event_id, ids.mint())
    assert len(receiver.arrived) == 1
    assert await actions(scene) == ["endpoint.create"]
