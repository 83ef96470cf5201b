"""Each fault does what its name says, to callbacks or to API calls, for as long as it is set."""

import asyncio

import pytest

from .programs import Receiver, SandboxProcess


async def approved(sandbox: SandboxProcess, receiver: Receiver) -> str:
    reference = await sandbox.create(receiver)
    await sandbox.act(reference, "approve")
    return reference


async def test_delay(sandbox: SandboxProcess, receiver: Receiver) -> None:
    await sandbox.faults(delay_s=0.5)
    asked_at_s = asyncio.get_running_loop().time()
    await approved(sandbox, receiver)
    assert (await receiver.next()).at_s - asked_at_s >= 0.5


async def test_duplicate(sandbox: SandboxProcess, receiver: Receiver) -> None:
    await sandbox.faults(duplicate=3)
    reference = await sandbox.create(receiver)
    assert (await sandbox.act(reference, "approve"))["Callbacks"] == 3
    received = [await receiver.next() for _ in range(3)]
    assert len({one.body for one in received}) == 1
    assert all(one.genuine for one in received)


async def test_reorder(sandbox: SandboxProcess, receiver: Receiver) -> None:
    await sandbox.faults(reorder=True)
    reference = await approved(sandbox, receiver)
    first, second = (await receiver.next()).event, (await receiver.next()).event
    assert (first["EventType"], first["Amount"]) == ("payment.succeeded", 1250)
    assert (second["EventType"], second["Status"]) == ("payment.pending", "pending")
    assert second["Amount"] == 0
    assert first["EventId"] != second["EventId"]
    assert first["Reference"] == second["Reference"] == reference


async def test_reorder_waits_until_the_first_one_was_tried(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    await sandbox.faults(reorder=True)
    receiver.hold.clear()
    reference = await sandbox.create(receiver)
    await sandbox.client.post(f"/control/payments/{reference}/approve")
    await receiver.next()
    first, behind = await sandbox.callbacks(reference)
    assert behind["Behind"] == first["Number"]
    receiver.hold.set()
    assert (await receiver.next()).event["EventType"] == "payment.pending"


async def test_drop(sandbox: SandboxProcess, receiver: Receiver) -> None:
    await sandbox.faults(drop=True, reorder=True)
    reference = await sandbox.create(receiver)
    assert (await sandbox.act(reference, "approve"))["Callbacks"] == 0
    assert (await sandbox.look(reference))["Status"] == "success"
    assert {one["State"] for one in await sandbox.callbacks(reference)} == {"dropped"}
    # Sent again after the reset, it arrives.
    await sandbox.client.delete("/control/faults")
    await sandbox.client.post(f"/control/payments/{reference}/callbacks/resend")
    assert (await receiver.next()).event["Reference"] == reference
    assert receiver.waiting == 0


async def test_wrong_amount_and_currency(sandbox: SandboxProcess, receiver: Receiver) -> None:
    await sandbox.faults(wrong_amount=-100, wrong_currency="jpy")
    reference = await approved(sandbox, receiver)
    received = await receiver.next()
    assert received.genuine
    assert (received.event["Amount"], received.event["Currency"]) == (1150, "jpy")
    looked = await sandbox.look(reference)
    assert (looked["Captured"], looked["Currency"]) == (1250, "eur")
    body = {"RefundId": "r1", "Amount": 500}
    await sandbox.client.post(f"/api/payments/{reference}/refunds", json=body)
    assert (await receiver.next()).event["RefundAmount"] == 400


async def test_bad_signature(sandbox: SandboxProcess, receiver: Receiver) -> None:
    await sandbox.faults(bad_signature=True)
    receiver.statuses.append(400)
    await approved(sandbox, receiver)
    first, retried = await receiver.next(), await receiver.next()
    assert not first.genuine
    assert not retried.genuine
    assert len(first.headers["x-sandbox-signature"]) == 64


async def test_stale_timestamp(sandbox: SandboxProcess, receiver: Receiver) -> None:
    reference = await approved(sandbox, receiver)
    fresh = await receiver.next()
    await sandbox.faults(stale_timestamp=True)
    await sandbox.client.post(f"/control/payments/{reference}/callbacks/resend")
    replayed = await receiver.next()
    assert replayed.genuine
    assert replayed.body == fresh.body
    assert 3590 <= fresh.timestamp - replayed.timestamp <= 3600


async def test_fail_after_work(sandbox: SandboxProcess, receiver: Receiver) -> None:
    await sandbox.faults(fail_after_work=2)
    wish = sandbox.wish(receiver)
    create = [await sandbox.client.post("/api/payments", json=wish) for _ in range(3)]
    assert [answer.status_code for answer in create] == [500, 500, 200]
    # The first one had done the work: the others met its payment.
    assert (await sandbox.look(wish["TransactionId"]))["Reference"] == create[2].json()["Reference"]
    assert (await sandbox.client.get("/control/faults")).json() == {}


async def test_slow_answer(sandbox: SandboxProcess, receiver: Receiver) -> None:
    await sandbox.faults(slow_answer_s=0.5)
    wish = sandbox.wish(receiver)
    loop = asyncio.get_running_loop()
    asked_at_s = loop.time()
    creating = asyncio.ensure_future(sandbox.client.post("/api/payments", json=wish))
    while not creating.done():
        found = await sandbox.client.get(f"/control/payments/{wish['TransactionId']}")
        if found.status_code == 200:
            break
    assert not creating.done()  # the work was done before the answer
    assert (await creating).status_code == 201
    assert loop.time() - asked_at_s >= 0.5


async def test_callback_before_answer(sandbox: SandboxProcess, receiver: Receiver) -> None:
    await sandbox.faults(callback_before_answer=True)
    receiver.hold.clear()
    wish = sandbox.wish(receiver)
    creating = asyncio.ensure_future(sandbox.client.post("/api/payments", json=wish))
    event = (await receiver.next()).event
    assert (event["Status"], event["TransactionId"]) == ("success", wish["TransactionId"])
    assert not creating.done()
    receiver.hold.set()
    answer = await creating
    assert (answer.status_code, answer.json()["Status"]) == (201, "pending")
    assert answer.json()["Reference"] == event["Reference"]

    receiver.hold.clear()
    path = f"/api/payments/{event['Reference']}/refunds"
    body = {"RefundId": "r1", "Amount": 1}
    refunding = asyncio.ensure_future(sandbox.client.post(path, json=body))
    assert (await receiver.next()).event["EventType"] == "refund.succeeded"
    assert not refunding.done()
    receiver.hold.set()
    assert (await refunding).status_code == 201


async def test_faults_vanish_after_so_many_times(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    await sandbox.faults(bad_signature=True, times=2)
    for genuine in (False, False, True):
        await approved(sandbox, receiver)
        assert (await receiver.next()).genuine is genuine
    await sandbox.faults(slow_answer_s=0.01, times=1)
    await sandbox.create(receiver)
    assert (await sandbox.client.get("/control/faults")).json() == {}


async def test_a_payments_own_faults_stand_instead_of_the_general_ones(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    await sandbox.faults(bad_signature=True)
    special, usual = await sandbox.create(receiver), await sandbox.create(receiver)
    await sandbox.faults(special, duplicate=2, times=1)
    assert (await sandbox.act(special, "approve"))["Callbacks"] == 2
    assert (await receiver.next()).genuine
    assert (await receiver.next()).genuine
    await sandbox.act(usual, "approve")
    assert not (await receiver.next()).genuine
    # Used up, they give way to the general ones, which were not counted down.
    own = await sandbox.client.get(f"/control/payments/{special}/faults")
    general = await sandbox.client.get("/control/faults")
    assert (own.json(), general.json()) == ({}, {"bad_signature": True})
    await sandbox.client.post(f"/control/payments/{special}/callbacks/resend")
    assert not (await receiver.next()).genuine


async def test_faults_are_replaced_and_reset(sandbox: SandboxProcess) -> None:
    await sandbox.faults(duplicate=3, drop=True)
    assert (await sandbox.client.get("/control/faults")).json() == {"duplicate": 3, "drop": True}
    await sandbox.faults(delay_s=2.5)
    assert (await sandbox.client.get("/control/faults")).json() == {"delay_s": 2.5}
    assert (await sandbox.client.delete("/control/faults")).json() == {}
    assert (await sandbox.client.get("/control/faults")).json() == {}


@pytest.mark.parametrize(
    "body",
    [
        '{"dealy_s": 1}',
        '{"duplicate": 0}',
        '{"duplicate": 1000}',
        '{"delay_s": -1}',
        '{"drop": "yes"}',
        "[]",
        "",
    ],
)
async def test_what_is_no_fault_is_refused(sandbox: SandboxProcess, body: str) -> None:
    await sandbox.faults(drop=True)
    answer = await sandbox.client.put("/control/faults", content=body)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid")
    assert (await sandbox.client.get("/control/faults")).json() == {"drop": True}
