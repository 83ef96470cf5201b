"""Callbacks: what they say, how they are signed, and that they arrive."""

import asyncio
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .programs import Receiver, SandboxProcess, free_port

Spawn = Callable[[Path | None], SandboxProcess]
STOP_MAX_S = 2
"""A quarter of a second alone; more on a machine that is busy with other tests."""


async def test_approving_tells_of_success_once(sandbox: SandboxProcess, receiver: Receiver) -> None:
    wish = sandbox.wish(receiver)
    answer = await sandbox.client.post("/api/payments", json=wish)
    reference = answer.json()["Reference"]
    acted = await sandbox.act(reference, "approve")
    assert (acted["Status"], acted["Captured"], acted["Callbacks"]) == ("success", 1250, 1)

    received = await receiver.next()
    event = received.event
    assert received.genuine
    assert received.headers["content-type"] == "application/json"
    assert event.pop("EventId").startswith("evt_")
    assert 0 <= received.timestamp - event.pop("Timestamp") <= 5
    assert event == {
        "EventType": "payment.succeeded",
        "TransactionId": wish["TransactionId"],
        "Reference": reference,
        "Status": "success",
        "Amount": 1250,
        "Currency": "eur",
        "Metadata": wish["Metadata"],
    }
    # A second time changes nothing and tells nobody; the other way round is refused.
    assert (await sandbox.act(reference, "approve"))["Callbacks"] == 1
    declined = await sandbox.client.post(f"/control/payments/{reference}/decline")
    assert (declined.status_code, declined.json()["error"]) == (409, "finished")
    assert receiver.waiting == 0


async def test_declining_says_why(sandbox: SandboxProcess, receiver: Receiver) -> None:
    reference = await sandbox.create(receiver)
    await sandbox.act(reference, "decline")
    event = (await receiver.next()).event
    looked = await sandbox.look(reference)
    assert (event["EventType"], event["Status"], event["Amount"]) == ("payment.failed", "failed", 0)
    assert event["ErrorCode"] == looked["FailureCode"] == "card_declined"
    assert event["ErrorMessage"] == looked["FailureMessage"] == "The payer declined the payment."
    assert (looked["Status"], looked["Captured"]) == ("failed", 0)


async def test_payments_are_found_by_any_of_their_names(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    wish = sandbox.wish(receiver)
    await sandbox.client.post("/api/payments", json=wish)
    name = wish["Metadata"]["payment"]
    # The newest with that name in its metadata: a second try at the same payment.
    second = await sandbox.create(receiver, Metadata=wish["Metadata"])
    assert (await sandbox.act(name, "approve"))["Reference"] == second
    by_transaction = await sandbox.act(wish["TransactionId"], "decline")
    assert by_transaction["Status"] == "failed"
    listed = (await sandbox.client.get("/control/payments")).json()["Payments"]
    assert [one["Reference"] for one in listed[:2]] == [second, by_transaction["Reference"]]


async def test_another_amount_can_be_captured(sandbox: SandboxProcess, receiver: Receiver) -> None:
    reference = await sandbox.create(receiver)
    await sandbox.act(reference, "approve", amount=1000)
    assert (await receiver.next()).event["Amount"] == 1000
    looked = await sandbox.look(reference)
    assert (looked["Amount"], looked["Captured"]) == (1250, 1000)
    for amount, status in ((1000, 200), (1250, 409), (0, 400)):
        path = f"/control/payments/{reference}/approve"
        answer = await sandbox.client.post(path, json={"amount": amount})
        assert answer.status_code == status


async def test_a_callback_is_tried_until_it_is_received(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    receiver.statuses.extend([500, 302])  # a redirect is no receipt, and is not followed
    reference = await sandbox.create(receiver)
    await sandbox.act(reference, "approve")
    tries = [await receiver.next() for _ in range(3)]

    assert all(one.genuine for one in tries)
    assert len({one.body for one in tries}) == 1
    first, second, third = (one.at_s for one in tries)
    assert second - first > 0.9
    assert third - second > 1.9
    # The time of the try is signed afresh.
    assert tries[2].timestamp > tries[0].timestamp
    # What was written after the last try ended is seen by a look that waits for nothing else.
    (told,) = await sandbox.callbacks(reference)
    while told["State"] == "waiting":
        (told,) = await sandbox.callbacks(reference)
    assert told["State"] == "delivered"
    assert [attempt["StatusCode"] for attempt in told["Attempts"]] == [500, 302, 200]


async def test_waiting_returns_after_the_first_try(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    receiver.hold.clear()
    reference = await sandbox.create(receiver)
    acting = asyncio.ensure_future(sandbox.act(reference, "approve"))
    await receiver.next()
    assert not acting.done()
    assert (await sandbox.callbacks(reference))[0]["Attempts"] == []
    receiver.statuses.append(503)
    receiver.hold.set()
    await acting
    (told,) = await sandbox.callbacks(reference)
    assert [attempt["StatusCode"] for attempt in told["Attempts"]] == [503]


async def test_without_waiting_the_answer_comes_first(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    receiver.hold.clear()
    reference = await sandbox.create(receiver)
    answer = await sandbox.client.post(f"/control/payments/{reference}/approve")
    assert answer.json()["Callbacks"] == 1
    await receiver.next()


async def test_a_callback_can_be_sent_again(sandbox: SandboxProcess, receiver: Receiver) -> None:
    reference = await sandbox.create(receiver)
    resend = f"/control/payments/{reference}/callbacks/resend?wait=1"
    assert (await sandbox.client.post(resend)).status_code == 409
    await sandbox.act(reference, "approve")
    answer = await sandbox.client.post(resend)
    assert (answer.status_code, answer.json()["Callbacks"]) == (200, 2)
    first, again = await receiver.next(), await receiver.next()
    assert first.body == again.body
    assert again.genuine


async def test_many_payments_at_once_each_arrive_once(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    async def one() -> str:
        reference = await sandbox.create(receiver)
        await sandbox.client.post(f"/control/payments/{reference}/approve")
        return reference

    references = await asyncio.gather(*[one() for _ in range(100)])
    received = [await receiver.next() for _ in references]
    assert Counter(each.event["Reference"] for each in received) == Counter(references)
    assert len({each.event["EventId"] for each in received}) == 100


async def test_kill_and_restart_lose_nothing(
    spawn: Spawn, tmp_path: Path, receiver: Receiver
) -> None:
    gone = free_port()  # nobody listens there yet
    sandbox = spawn(tmp_path)
    await sandbox.start()
    await sandbox.faults(duplicate=2, times=1)
    reference = await sandbox.create(receiver, CallbackUrl=f"http://127.0.0.1:{gone}/callback")
    pending = await sandbox.create(receiver)
    await sandbox.act(reference, "approve")
    # And one whose answer never comes: it is on its way when the process dies.
    receiver.hold.clear()
    flying = await sandbox.create(receiver)
    await sandbox.client.post(f"/control/payments/{flying}/approve")
    on_its_way = await receiver.next()
    assert await sandbox.stop(signal.SIGKILL) == -signal.SIGKILL
    receiver.hold.set()

    late = Receiver()
    await late.start(gone)
    await sandbox.start()
    received = [await late.next(), await late.next()]
    assert {each.event["Reference"] for each in received} == {reference}
    assert len({each.event["EventId"] for each in received}) == 1
    assert all(each.genuine for each in received)
    assert (await receiver.next()).body == on_its_way.body
    assert (await sandbox.look(pending))["Status"] == "pending"
    assert (await sandbox.look(reference))["Captured"] == 1250
    assert await sandbox.stop() == 0
    await late.stop()


async def test_it_stops_soon_whatever_it_waits_for(spawn: Spawn, receiver: Receiver) -> None:
    sandbox = spawn(None)
    await sandbox.start()
    receiver.hold.clear()
    await sandbox.faults(slow_answer_s=60)
    creating = asyncio.ensure_future(
        sandbox.client.post("/api/payments", json=sandbox.wish(receiver))
    )
    listed: list[dict[str, Any]] = []
    while not listed:  # until the slow create has done its work
        listed = (await sandbox.client.get("/control/payments")).json()["Payments"]
    acting = asyncio.ensure_future(sandbox.act(listed[0]["Reference"], "approve"))
    await receiver.next()

    loop = asyncio.get_running_loop()
    asked_at_s = loop.time()
    sandbox.process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(sandbox.process.wait(), 5) == 0
    assert loop.time() - asked_at_s < STOP_MAX_S
    assert (await creating).status_code == 201
    assert (await acting)["Status"] == "success"
