"""The formats through the worker: who is told what, when it is tried again, how long it waits."""

import asyncio
import hashlib
import hmac
import json

import pytest
from aiohttp import web
from standardwebhooks.webhooks import Webhook as StandardWebhook

from tillgate.kit import ids
from tillgate.webhooks.formats import FORMATS, Wire

from .claims import payment
from .scene import Receiver, Scene

OURS, THEIRS = "prov_ours", "prov_theirs"


def told(receiver: Receiver) -> list[str]:
    """The events that arrived, by the wire's names, sorted."""
    return sorted(json.loads(arrived.body)["event"] for arrived in receiver.arrived)


async def hang(_: web.Request) -> web.Response:
    await asyncio.Event().wait()
    raise AssertionError


# ---- who is told


async def test_a_format_gets_only_the_types_that_it_tells(
    scene: Scene, receiver: Receiver, other_receiver: Receiver
) -> None:
    await scene.endpoint(receiver.url(), wire="gateway")
    await scene.endpoint(other_receiver.url(), "*.succeeded", "payment.c*", wire="gateway")
    for kind in ("payment.created", "payment.succeeded", "payment.review", "payment.processing",
                 "dispute.opened", "order.paid", "payment.refunded"):  # fmt: skip
        await scene.publish(kind, payment())
    async with scene.worker():
        await scene.settled()

    assert told(receiver) == ["payment.created", "payment.success"]
    assert told(other_receiver) == ["payment.created", "payment.success"]
    assert await scene.connection.fetchval("SELECT count(*) FROM deliveries") == 4


async def test_a_provider_is_told_of_its_own_payments_alone(
    scene: Scene, receiver: Receiver, other_receiver: Receiver
) -> None:
    mine = await scene.endpoint(receiver.url(), wire="provider", provider=OURS)
    await scene.endpoint(other_receiver.url(), wire="provider", provider=THEIRS)
    stranger = ids.mint()
    await scene.add_merchant(stranger)
    for kind in ("payment.succeeded", "payment.failed", "payment.created", "order.paid"):
        await scene.publish(kind, payment(metadata={"providerId": OURS}))
    for metadata in ({}, {"providerId": ""}, {"providerid": OURS}, {"providerId": OURS + "s"}):
        await scene.publish("payment.succeeded", payment(metadata=metadata))
    await scene.publish("payment.succeeded", {"id": "pay_1"})
    data = payment(metadata={"providerId": OURS})
    await scene.publish("payment.succeeded", data, merchant_id=stranger)
    async with scene.worker():
        await scene.settled()

    assert told(receiver) == ["payment_failed", "payment_succeeded"]
    assert len(await scene.deliveries(mine)) == 2
    assert not other_receiver.arrived


async def test_a_provider_is_told_what_the_processor_called_it(
    scene: Scene, receiver: Receiver
) -> None:
    """Of several tries the newest; nothing that came after the event."""
    await scene.endpoint(receiver.url(), wire="provider")
    [event_id] = await scene.publish(data=payment(), quietly=True)
    await scene.connection.execute(
        "INSERT INTO processor_objects (merchant_id, payment_id, connection_id, kind, reference,"
        " state, amount, asset, created_at, updated_at)"
        " SELECT e.merchant_id, e.object_id, e.id, o.kind, o.reference, o.state, 1, 'eur',"
        " e.created_at + o.later, e.created_at + o.later FROM events e, (VALUES"
        " ('charge', 'pi_first', 'failed', interval '-1 minute'),"
        " ('charge', 'pi_second', 'captured', interval '-1 second'),"
        " ('refund', 're_1', 'succeeded', interval '0'),"
        " ('charge', 'pi_later', 'pending', interval '1 minute')"
        ") AS o (kind, reference, state, later) WHERE e.id = $1",
        event_id,
    )
    async with scene.worker():
        await scene.settled()

    [arrived] = receiver.arrived
    assert json.loads(arrived.body)["stripePaymentIntentId"] == "pi_second"


# ---- when


@pytest.mark.parametrize("wire", ["gateway", "provider"])
@pytest.mark.parametrize("status", [500, 410])
async def test_an_exact_schedule_is_kept_to_the_second(
    scene: Scene, receiver: Receiver, wire: Wire, status: int
) -> None:
    endpoint = await scene.endpoint(receiver.url(), wire=wire)
    receiver.handler = receiver.say(status, headers={"Retry-After": "86400"})
    schedule_s = FORMATS[wire].schedule_s
    await scene.publish(data=payment())
    async with scene.worker():
        for attempt, delay_s in enumerate(schedule_s[1:], 1):
            await scene.attempted(attempt)
            [delivery] = await scene.deliveries(endpoint)
            assert delay_s - 2 < delivery["wait"].total_seconds() <= delay_s
            await scene.make_due()
        await scene.settled()

    [delivery] = await scene.deliveries(endpoint)
    assert (delivery["state"], delivery["attempts"]) == ("dead", len(schedule_s))
    assert await scene.connection.fetchval("SELECT state FROM endpoints") == "enabled"
    assert len({arrived.body for arrived in receiver.arrived}) == 1


async def test_a_worker_may_be_told_of_shorter_schedules(scene: Scene, receiver: Receiver) -> None:
    endpoint = await scene.endpoint(receiver.url(), wire="gateway")
    receiver.handler = receiver.say(500)
    await scene.publish(data=payment())
    shorter = FORMATS["gateway"]._replace(schedule_s=(0, 1000))
    async with scene.worker(formats={**FORMATS, "gateway": shorter}):
        await scene.attempted(1)

    [delivery] = await scene.deliveries(endpoint)
    assert 990 < delivery["wait"].total_seconds() <= 1000


async def test_a_format_says_how_long_an_answer_may_take(scene: Scene, receiver: Receiver) -> None:
    endpoint = await scene.endpoint(receiver.url(), wire="gateway")
    receiver.handler = hang
    await scene.publish(data=payment())
    hasty = FORMATS["gateway"]._replace(timeout_s=0.2)
    async with scene.worker(formats={**FORMATS, "gateway": hasty}):
        await scene.attempted(1)

    [attempt] = await scene.attempts(endpoint)
    assert attempt["error"].startswith("timeout")
    assert 200 <= attempt["duration_ms"] < 5000


# ---- signed with what


async def test_a_secret_that_was_given_is_the_secret(scene: Scene, receiver: Receiver) -> None:
    made = await scene.endpoint(receiver.url(), wire="gateway", secret="whsec_test_abc123")
    await scene.publish(data=payment())
    async with scene.worker():
        await scene.settled()

    [arrived] = receiver.arrived
    signature = hmac.new(b"whsec_test_abc123", arrived.body, hashlib.sha256).hexdigest()
    assert made.secret == "whsec_test_abc123"
    assert arrived.headers["X-Webhook-Signature"] == signature


async def test_a_notification_of_a_provider_verifies(scene: Scene, receiver: Receiver) -> None:
    made = await scene.endpoint(receiver.url(), wire="provider")
    await scene.publish(data=payment())
    async with scene.worker():
        await scene.settled()

    [arrived] = receiver.arrived
    headers = {name.lower(): value for name, value in arrived.headers.items()}
    assert headers["x-dztech-webhook"] == "payment-notification"
    StandardWebhook(made.secret).verify(arrived.body, headers)
