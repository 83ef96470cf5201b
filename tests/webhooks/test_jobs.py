"""The worker against receivers that behave well, badly, or not at all."""

import asyncio
import gzip
import hashlib
from datetime import timedelta

import asyncpg
import msgspec
import pytest
from aiohttp import web
from prometheus_client import REGISTRY
from standardwebhooks.webhooks import Webhook as StandardWebhook
from svix.webhooks import Webhook as SvixWebhook

from tillgate.kit import clock, ids
from tillgate.kit.canonical import canonical
from tillgate.kit.crypto import Vault
from tillgate.kit.http import encode
from tillgate.webhooks.commands import Created, delete_endpoint, move_endpoint
from tillgate.webhooks.formats.standard import SCHEDULE_S, secret_of
from tillgate.webhooks.jobs import Limits
from tillgate.webhooks.store import seal_secrets, sql

from .scene import POLICY, Arrived, Receiver, Scene, eventually


def by_name(arrived: Arrived) -> dict[str, str]:
    return {name.lower(): value for name, value in arrived.headers.items()}


async def only(scene: Scene, endpoint: Created) -> asyncpg.Record:
    """The endpoint's single delivery."""
    [delivery] = await scene.deliveries(endpoint)
    return delivery


async def hang(_: web.Request) -> web.Response:
    await asyncio.Event().wait()
    raise AssertionError


# ---- delivering


async def test_an_event_arrives_once_signed(scene: Scene, receiver: Receiver) -> None:
    endpoint = await scene.endpoint(receiver.url(), "payment.*")
    receiver.handler = receiver.say(204)
    async with scene.worker():
        [event_id] = await scene.publish(data={"id": "pay_1", "memo": "é\u2028😀", "10": 1.0})
        await scene.settled()
        scene.wake()

    [arrived] = receiver.arrived
    headers = by_name(arrived)
    event = msgspec.json.decode(arrived.body)
    assert event["id"] == headers["webhook-id"] == ids.show("evt", event_id)
    assert event["data"]["object"] == {"10": 1, "id": "pay_1", "memo": "é\u2028😀"}
    assert headers["content-type"] == "application/json"
    assert headers["tillgate-attempt"] == "1"
    assert canonical(msgspec.Raw(arrived.body)) == arrived.body
    for verifier in (StandardWebhook(endpoint.secret), SvixWebhook(endpoint.secret)):
        verifier.verify(arrived.body, headers)

    delivery, [attempt] = await only(scene, endpoint), await scene.attempts(endpoint)
    assert (delivery["state"], delivery["attempts"]) == ("delivered", 1)
    assert (attempt["ordinal"], attempt["status_code"], attempt["error"]) == (1, 204, None)
    assert attempt["body_sha256"] == hashlib.sha256(arrived.body).digest()


async def test_only_what_matches_is_delivered(
    scene: Scene, receiver: Receiver, other_receiver: Receiver
) -> None:
    wanted = await scene.endpoint(receiver.url(), "payment.succeeded", "payment.f*")
    everything = await scene.endpoint(other_receiver.url())
    stranger = ids.mint()
    await scene.add_merchant(stranger, livemode=True)
    await scene.endpoint(receiver.url("/stranger"), merchant_id=stranger)

    for kind in ("payment.succeeded", "payment.failed", "payment.created", "paymentXsucceeded"):
        await scene.publish(kind)
    async with scene.worker():
        await scene.settled()

    types = [msgspec.json.decode(arrived.body)["type"] for arrived in receiver.arrived]
    assert sorted(types) == ["payment.failed", "payment.succeeded"]
    assert len(await scene.deliveries(wanted)) == 2
    assert len(await scene.deliveries(everything)) == len(other_receiver.arrived) == 4


async def test_a_live_merchants_events_say_so(scene: Scene, receiver: Receiver) -> None:
    live = ids.mint()
    await scene.add_merchant(live, livemode=True)
    await scene.endpoint(receiver.url(), merchant_id=live)
    await scene.publish(merchant_id=live)
    async with scene.worker():
        await scene.settled()

    assert msgspec.json.decode(receiver.arrived[0].body)["livemode"] is True


async def test_what_nobody_told_is_found(scene: Scene, receiver: Receiver) -> None:
    await scene.endpoint(receiver.url())
    async with scene.worker():
        await scene.publish()
        await scene.settled()
        await scene.publish(quietly=True)
        await receiver.wait_for(2)


# ---- failing and trying again


async def test_a_failing_endpoint_is_tried_on_schedule_and_given_up(
    scene: Scene, receiver: Receiver
) -> None:
    endpoint = await scene.endpoint(receiver.url())
    receiver.handler = receiver.say(500, b"oops\0\xff")
    await scene.publish()
    async with scene.worker():
        for attempt, delay_s in enumerate(SCHEDULE_S[1:], 1):
            await scene.attempted(attempt)
            delivery = await only(scene, endpoint)
            assert delivery["state"] == "due"
            wait_s = delivery["wait"].total_seconds()
            assert 0.8 * delay_s - 2 < wait_s <= 1.2 * delay_s
            await scene.make_due()
        await scene.settled()

    delivery, attempts = await only(scene, endpoint), await scene.attempts(endpoint)
    assert (delivery["state"], delivery["attempts"]) == ("dead", len(SCHEDULE_S))
    assert [attempt["ordinal"] for attempt in attempts] == list(range(1, len(SCHEDULE_S) + 1))
    assert {attempt["status_code"] for attempt in attempts} == {500}
    assert {attempt["response"] for attempt in attempts} == {"oops\ufffd\ufffd"}
    sent = [by_name(arrived) for arrived in receiver.arrived]
    assert len({headers["webhook-id"] for headers in sent}) == 1
    assert [headers["tillgate-attempt"] for headers in sent] == [
        str(number) for number in range(1, len(SCHEDULE_S) + 1)
    ]
    assert len({arrived.body for arrived in receiver.arrived}) == 1


async def test_a_recovered_endpoint_gets_its_event(scene: Scene, receiver: Receiver) -> None:
    endpoint = await scene.endpoint(receiver.url())
    receiver.handler = receiver.say(500)
    await scene.publish()
    async with scene.worker():
        await scene.attempted(1)
        receiver.handler = receiver.say(200)
        await scene.make_due()
        await scene.settled()

    delivery = await only(scene, endpoint)
    assert (delivery["state"], delivery["attempts"]) == ("delivered", 2)


async def test_retry_after_is_obeyed(scene: Scene, receiver: Receiver) -> None:
    endpoint = await scene.endpoint(receiver.url())
    receiver.handler = receiver.say(503, headers={"Retry-After": "3600"})
    await scene.publish()
    async with scene.worker():
        await scene.attempted(1)

    delivery = await only(scene, endpoint)
    assert timedelta(seconds=3590) < delivery["wait"] <= timedelta(seconds=3600)


async def test_gone_disables_the_endpoint_and_keeps_its_deliveries(
    scene: Scene, receiver: Receiver
) -> None:
    endpoint = await scene.endpoint(receiver.url())
    receiver.handler = receiver.say(410)
    await scene.publish(count=3)
    async with scene.worker(Limits(in_flight_per_endpoint=1)):
        await scene.until("state = 'disabled' FROM endpoints WHERE id = $1", endpoint.id)
        await scene.make_due()
        await scene.publish()  # matches nothing any more
        await scene.until("NOT EXISTS (SELECT FROM endpoints WHERE state = 'enabled')")

    assert len(receiver.arrived) == 1
    deliveries = await scene.deliveries(endpoint)
    assert [delivery["state"] for delivery in deliveries] == ["due"] * 3
    line = await scene.connection.fetchrow("SELECT * FROM audit WHERE actor = 'worker'")
    assert line is not None
    assert (line["action"], line["object_id"]) == ("webhook_endpoint.disable", endpoint.id)


async def test_what_changed_meanwhile_holds_for_the_next_attempt(
    scene: Scene, receiver: Receiver, other_receiver: Receiver
) -> None:
    """URL and secrets are read when a delivery is claimed; all current secrets sign."""
    endpoint = await scene.endpoint(receiver.url())
    receiver.handler = receiver.say(500)
    newer = secret_of(b"n" * 32)
    sealed = seal_secrets(scene.vault, scene.merchant_id, endpoint.id, [newer, endpoint.secret])
    async with scene.worker():
        await scene.publish()
        await scene.attempted(1)
        await scene.connection.execute("UPDATE endpoints SET secrets = $1", sealed)
        moved = await move_endpoint(
            scene.connection, POLICY, scene.merchant_id, endpoint.id, other_receiver.url(),
            "key_test", clock.now(),
        )  # fmt: skip
        assert moved is True
        await scene.make_due()
        await scene.settled()

    [arrived] = other_receiver.arrived
    headers = by_name(arrived)
    assert len(headers["webhook-signature"].split(" ")) == 2
    for secret in (newer, endpoint.secret):
        StandardWebhook(secret).verify(arrived.body, headers)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_a_failure_and_not_followed(
    status: int, scene: Scene, receiver: Receiver
) -> None:
    endpoint = await scene.endpoint(receiver.url())
    receiver.handler = receiver.say(status, headers={"Location": receiver.url("/elsewhere")})
    await scene.publish()
    async with scene.worker():
        await scene.attempted(1)

    [attempt] = await scene.attempts(endpoint)
    assert (attempt["status_code"], (await only(scene, endpoint))["state"]) == (status, "due")
    assert [arrived.path for arrived in receiver.arrived] == ["/hook"]


async def test_a_long_answer_counts_by_its_status(scene: Scene, receiver: Receiver) -> None:
    async def flood(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(30 * 16):
            await response.write(b"x" * 65536)
        return response

    endpoint = await scene.endpoint(receiver.url())
    receiver.handler = flood
    await scene.publish()
    async with scene.worker():
        await scene.settled()

    [attempt] = await scene.attempts(endpoint)
    assert (await only(scene, endpoint))["state"] == "delivered"
    assert (attempt["status_code"], len(attempt["response"])) == (200, 4096)
    assert attempt["error"].startswith("too_large")


async def test_a_gzip_bomb_is_not_unfolded(scene: Scene, receiver: Receiver) -> None:
    endpoint = await scene.endpoint(receiver.url())
    bomb = gzip.compress(b"\1" * (8 << 20))
    receiver.handler = receiver.say(200, bomb, {"Content-Encoding": "gzip"})
    await scene.publish()
    async with scene.worker():
        await scene.settled()

    [attempt] = await scene.attempts(endpoint)
    assert len(attempt["response"]) <= 4096
    assert "\1\1\1\1" not in attempt["response"]


async def test_a_dripping_answer_runs_out_of_time(scene: Scene, receiver: Receiver) -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b".")
            await asyncio.sleep(0.02)

    endpoint = await scene.endpoint(receiver.url())
    receiver.handler = drip
    await scene.publish()
    async with scene.worker(Limits(timeout_max_s=0.2)):
        await scene.attempted(1)

    [attempt] = await scene.attempts(endpoint)
    assert (await only(scene, endpoint))["state"] == "due"
    assert attempt["error"].startswith("timeout")
    assert attempt["status_code"] == 200


async def test_an_address_that_is_not_public_is_not_dialled(
    scene: Scene, receiver: Receiver
) -> None:
    endpoint = await scene.endpoint(receiver.url())
    await scene.connection.execute(
        "UPDATE endpoints SET url = $1", receiver.url().replace("127.0.0.1", "127.0.0.2")
    )
    await scene.publish()
    async with scene.worker():
        await scene.attempted(1)

    [attempt] = await scene.attempts(endpoint)
    assert attempt["error"].startswith("refused")
    assert "127." not in attempt["error"]


# ---- leases, several workers, crashes


async def test_a_lease_that_lapses_is_claimed_again(scene: Scene, receiver: Receiver) -> None:
    """A worker dies while the receiver hangs; the next one sends the same message again."""
    endpoint = await scene.endpoint(receiver.url())
    receiver.handler = hang
    await scene.publish()
    async with scene.worker(Limits(timeout_max_s=60, lease_s=60)):
        await receiver.wait_for(1)
        claimed = await only(scene, endpoint)
        assert timedelta(seconds=50) < claimed["wait"] <= timedelta(seconds=60)

    receiver.handler = receiver.say(200)
    async with scene.worker():
        await scene.make_due()
        await scene.settled()

    delivery = await only(scene, endpoint)
    assert (delivery["state"], delivery["claims"], delivery["attempts"]) == ("delivered", 2, 1)
    first, second = receiver.arrived
    assert by_name(first)["webhook-id"] == by_name(second)["webhook-id"]
    assert first.body == second.body


@pytest.mark.parametrize("loser_is_first", [True, False])
async def test_who_lost_the_lease_records_nothing(
    loser_is_first: bool, scene: Scene, receiver: Receiver
) -> None:
    """Two workers hold one delivery, the first without knowing that its lease has lapsed."""
    endpoint = await scene.endpoint(receiver.url())
    loser_ends, winner_ends = asyncio.Event(), asyncio.Event()

    async def slow(_: web.Request) -> web.Response:
        if len(receiver.arrived) == 1:
            await loser_ends.wait()
            return web.Response(status=500)
        await winner_ends.wait()
        return web.Response(status=200)

    async def overtaken() -> bool:
        return metric("overtaken") > before

    receiver.handler = slow
    before = metric("overtaken")
    async with scene.worker():
        await scene.publish()
        await receiver.wait_for(1)
        async with scene.worker():
            await scene.make_due()
            await receiver.wait_for(2)
            if loser_is_first:
                loser_ends.set()
                await eventually(overtaken)
            winner_ends.set()
            await scene.settled()
        loser_ends.set()
        await eventually(overtaken)

    delivery, attempts = await only(scene, endpoint), await scene.attempts(endpoint)
    assert (delivery["state"], delivery["attempts"]) == ("delivered", 1)
    assert [attempt["status_code"] for attempt in attempts] == [200]


def metric(outcome: str) -> float:
    labels = {"outcome": outcome}
    return REGISTRY.get_sample_value("tillgate_webhook_attempts_total", labels) or 0.0


async def test_two_workers_share_the_work_without_doubling_it(
    scene: Scene, receiver: Receiver
) -> None:
    endpoint = await scene.endpoint(receiver.url())
    await scene.publish(count=400)
    async with scene.worker(), scene.worker():
        await scene.settled()

    assert len(receiver.arrived) == 400
    assert len({by_name(arrived)["webhook-id"] for arrived in receiver.arrived}) == 400
    assert {delivery["attempts"] for delivery in await scene.deliveries(endpoint)} == {1}
    assert len(await scene.attempts(endpoint)) == 400


async def test_recording_twice_counts_once(scene: Scene, receiver: Receiver) -> None:
    """The answer of a statement was lost, so it is sent again."""
    endpoint = await scene.endpoint(receiver.url())
    [event_id] = await scene.publish()
    await scene.connection.execute("UPDATE deliveries SET claims = 1")
    outcome = {
        "merchant_id": scene.merchant_id, "endpoint_id": endpoint.id, "event_id": event_id,
        "claims": 1, "attempts": 0, "state": "due", "wait_s": 5.0, "started_at": clock.now(),
        "duration_ms": 1, "status_code": 500, "body_sha256": "00",
    }  # fmt: skip
    first = await scene.connection.fetch(sql["record"], encode([outcome]))
    again = await scene.connection.fetch(sql["record"], encode([outcome]))

    assert (len(first), len(again)) == (1, 0)
    assert (await only(scene, endpoint))["attempts"] == len(await scene.attempts(endpoint)) == 1


async def test_an_outcome_that_cannot_be_written_is_given_up_alone(
    scene: Scene, receiver: Receiver
) -> None:
    """Here because its attempt stands already, which must not be; the others are recorded."""
    endpoint = await scene.endpoint(receiver.url())
    event_ids = await scene.publish(count=4)
    await scene.connection.execute(
        "INSERT INTO attempts SELECT $1, $2, $3, 1, now(), 1, 200, NULL, '', ''",
        scene.merchant_id, endpoint.id, event_ids[1],
    )  # fmt: skip
    async with scene.worker():
        await scene.until("count(*) = 3 FROM deliveries WHERE state = 'delivered'")

    states = {d["event_id"]: d["state"] for d in await scene.deliveries(endpoint)}
    assert states.pop(event_ids[1]) == "due"
    assert set(states.values()) == {"delivered"}


async def test_a_lost_database_loses_no_outcome(scene: Scene, receiver: Receiver) -> None:
    endpoint = await scene.endpoint(receiver.url())
    let_go = asyncio.Event()

    async def wait(_: web.Request) -> web.Response:
        await let_go.wait()
        return web.Response()

    receiver.handler = wait
    await scene.publish(count=5)
    async with scene.worker():
        await receiver.wait_for(5)
        await scene.connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'tillgate webhooks' AND datname = current_database()"
        )
        let_go.set()
        await scene.settled()
        await scene.publish()
        await scene.settled()

    assert len(receiver.arrived) == 6
    assert {delivery["attempts"] for delivery in await scene.deliveries(endpoint)} == {1}


async def test_a_worker_that_is_told_to_stop_ends_soon(scene: Scene, receiver: Receiver) -> None:
    endpoint = await scene.endpoint(receiver.url())
    receiver.handler = hang
    await scene.publish()
    async with scene.worker() as stop:
        await receiver.wait_for(1)
        started_s = clock.monotonic_s()
        stop.set()
    assert clock.monotonic_s() - started_s < 2

    delivery = await only(scene, endpoint)
    assert (delivery["state"], delivery["attempts"]) == ("due", 0)


async def test_what_is_answered_while_stopping_is_recorded(
    scene: Scene, receiver: Receiver
) -> None:
    endpoint = await scene.endpoint(receiver.url())

    async def answer_after_stop(_: web.Request) -> web.Response:
        await stopping.wait()
        return web.Response()

    stopping = asyncio.Event()
    receiver.handler = answer_after_stop
    await scene.publish()
    async with scene.worker() as stop:
        await receiver.wait_for(1)
        stop.set()
        stopping.set()

    assert (await only(scene, endpoint))["state"] == "delivered"


async def test_a_secret_that_does_not_open_costs_no_attempt(
    scene: Scene, receiver: Receiver
) -> None:
    endpoint = await scene.endpoint(receiver.url())
    await scene.publish()
    async with scene.worker(vault=Vault((b"x" * 32,))):
        await scene.until("claims = 1 FROM deliveries")
    assert (await only(scene, endpoint))["state"] == "due"
    assert not receiver.arrived

    async with scene.worker():
        await scene.make_due()
        await scene.settled()
    assert (await only(scene, endpoint))["attempts"] == 1


# ---- shares


async def test_a_hanging_endpoint_takes_its_share_and_no_more(
    scene: Scene, receiver: Receiver, other_receiver: Receiver
) -> None:
    await scene.endpoint(receiver.url(), "payment.failed")
    healthy = await scene.endpoint(other_receiver.url(), "payment.succeeded")
    receiver.handler = hang
    await scene.publish("payment.failed", count=500)
    async with scene.worker(Limits(in_flight_max=30, timeout_max_s=60)):
        await receiver.wait_for(20)
        await scene.publish("payment.succeeded", count=100)
        await scene.until(
            "count(*) = 100 FROM deliveries WHERE endpoint_id = $1 AND state = 'delivered'",
            healthy.id,
        )
        assert len(receiver.arrived) == 20


async def test_busy_endpoints_take_turns(scene: Scene, receiver: Receiver) -> None:
    """With fewer slots than busy endpoints, every one is served before the first is done."""
    for number in range(8):
        await scene.endpoint(receiver.url(f"/{number}"))
    await scene.publish(count=50)
    async with scene.worker(Limits(in_flight_max=4, in_flight_per_endpoint=2)):
        await scene.settled()

    seen: list[str] = []
    for arrived in receiver.arrived:
        seen.append(arrived.path)
        if seen.count(arrived.path) == 50:
            break
    assert len(set(seen)) == 8
    assert len(receiver.arrived) == 400


async def test_as_long_as_there_is_room_one_claim_follows_another(
    scene: Scene, receiver: Receiver
) -> None:
    """Without waiting for news: here there is none, and looking once a second would take longer
    than this test does."""
    await scene.endpoint(receiver.url())
    receiver.handler = hang
    await scene.publish(count=20)
    async with scene.worker(Limits(claim_max=1)):
        await receiver.wait_for(20)


# ---- deleting


async def test_a_deleted_endpoint_gets_nothing_more(scene: Scene, receiver: Receiver) -> None:
    endpoint = await scene.endpoint(receiver.url())
    receiver.handler = receiver.say(500)
    async with scene.worker():
        await scene.publish()
        await scene.attempted(1)
        await scene.publish(count=2)
        await scene.attempted(3)
        deleted = await delete_endpoint(
            scene.connection, scene.merchant_id, endpoint.id, "key_test", clock.now()
        )
        await scene.make_due()
        await scene.publish()

    assert deleted
    assert [d["state"] for d in await scene.deliveries(endpoint)] == ["filtered"] * 3
    assert len(receiver.arrived) == 3


async def test_what_was_written_beside_the_deletion_is_settled_later(
    scene: Scene, receiver: Receiver
) -> None:
    endpoint = await scene.endpoint(receiver.url())
    await scene.publish(count=3)
    await scene.connection.execute("UPDATE endpoints SET state = 'deleted'")
    async with scene.worker():
        await scene.settled()

    assert {d["state"] for d in await scene.deliveries(endpoint)} == {"filtered"}
    assert not receiver.arrived


async def test_an_answer_that_comes_after_the_deletion_changes_nothing(
    scene: Scene, receiver: Receiver
) -> None:
    endpoint = await scene.endpoint(receiver.url())
    deleted = asyncio.Event()

    async def fail_after_deletion(_: web.Request) -> web.Response:
        await deleted.wait()
        return web.Response(status=500)

    receiver.handler = fail_after_deletion
    async with scene.worker():
        await scene.publish()
        await receiver.wait_for(1)
        await delete_endpoint(
            scene.connection, scene.merchant_id, endpoint.id, "key_test", clock.now()
        )
        deleted.set()

    assert (await only(scene, endpoint))["state"] == "filtered"
