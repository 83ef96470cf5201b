"""What happens to a payment after its payer: captures, refunds, disputes, later settlement."""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .programs import Receiver, SandboxProcess


async def approved(sandbox: SandboxProcess, receiver: Receiver, **changes: object) -> str:
    """A new payment that is approved; its callback is taken."""
    reference = await sandbox.create(receiver, **changes)
    await sandbox.act(reference, "approve")
    await receiver.next()
    return reference


async def test_a_capture_is_told_and_answered_alike(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    reference = await sandbox.create(receiver, Capture=False)
    await sandbox.act(reference, "approve")
    event = (await receiver.next()).event
    assert (event["EventType"], event["Status"]) == ("payment.authorized", "authorized")
    assert (event["Amount"], event["Authorized"]) == (0, 1250)
    assert (await sandbox.look(reference))["Authorized"] == 1250

    first = await sandbox.call(reference, "capture", OperationId="c1", Amount=1000)
    assert first == (
        200,
        {
            "OperationId": "c1",
            "Reference": reference,
            "TransactionId": event["TransactionId"],
            "Status": "success",
            "Captured": 1000,
            "Currency": "eur",
        },
    )
    event = (await receiver.next()).event
    assert (event["EventType"], event["Amount"]) == ("payment.succeeded", 1000)
    await sandbox.call(reference, "refunds", RefundId="r1", Amount=1000)
    assert await sandbox.call(reference, "capture", OperationId="c1", Amount=1000) == first
    for deed, body, error in (
        ("capture", {"OperationId": "c1", "Amount": 999}, "conflict"),
        ("capture", {"OperationId": "c2", "Amount": 250}, "not_authorized"),
        ("cancel", {"OperationId": "c3"}, "finished"),
    ):
        status, said = await sandbox.call(reference, deed, **body)
        assert (status, said["error"]) == (409, error)


async def test_a_canceled_payment_says_so_to_everybody(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    reference = await sandbox.create(receiver)
    status, said = await sandbox.call(reference, "cancel", OperationId="v1")
    assert (status, said["Status"]) == (200, "canceled")
    assert (await receiver.next()).event["EventType"] == "payment.canceled"
    page = await sandbox.client.get(f"/pay/{reference}")
    assert "This payment was canceled" in page.text
    assert (await sandbox.client.post(f"/pay/{reference}/approve")).status_code == 409
    assert await sandbox.call(reference, "cancel", OperationId="v1") == (status, said)


async def test_refunds_never_pass_what_was_captured(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    reference = await sandbox.create(receiver)

    async def refund(refund_id: str, amount: int) -> tuple[int, dict[str, Any]]:
        return await sandbox.call(reference, "refunds", RefundId=refund_id, Amount=amount)

    assert (await refund("r0", 1))[1]["error"] == "above_captured"
    await sandbox.act(reference, "approve")
    transaction_id = (await receiver.next()).event["TransactionId"]

    status, told = await refund("r1", 250)
    event = (await receiver.next()).event
    assert status == 201
    assert told.pop("RefundReference") == event["RefundReference"]
    assert event["RefundReference"].startswith("rfd_")
    assert isinstance(told.pop("UpdatedAt"), int)
    assert told == {
        "RefundId": "r1",
        "RefundStatus": "succeeded",
        "RefundAmount": 250,
        "Reference": reference,
        "TransactionId": transaction_id,
        "Currency": "eur",
        "OpenedAs": "succeeded",
        "ErrorCode": None,
        "ErrorMessage": None,
    }
    # It describes that refund, and says nothing about the payment.
    assert event.keys().isdisjoint({"Status", "Amount", "Refunded", "DisputeStatus"})
    assert (event["EventType"], event["RefundStatus"]) == ("refund.succeeded", "succeeded")
    assert (event["RefundId"], event["RefundAmount"]) == ("r1", 250)

    assert (await refund("r1", 250))[0] == 200
    assert (await refund("r1", 251))[1]["error"] == "conflict"
    assert (await refund("r2", 1001))[0] == 409
    assert (await refund("r2", 0))[0] == 400
    assert (await refund("r3", 1000))[0] == 201
    assert (await refund("r4", 1))[0] == 409
    looked = await sandbox.look(reference)
    assert looked["Refunded"] == 1250
    assert [one["RefundId"] for one in looked["Refunds"]] == ["r1", "r3"]
    assert (await receiver.next()).event["RefundId"] == "r3"
    assert receiver.waiting == 0


async def test_a_pending_refund_is_decided_by_hand(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    await sandbox.faults(refund_delay_s=600)
    reference = await approved(sandbox, receiver)
    opened = await sandbox.call(reference, "refunds", RefundId="r1", Amount=1250)
    assert opened[1]["RefundStatus"] == "pending"
    # What is under way cannot be given back a second time.
    assert (await sandbox.call(reference, "refunds", RefundId="r2", Amount=1))[0] == 409
    assert (await sandbox.look(reference))["Refunded"] == 0

    await sandbox.act(reference, "refunds/r1/succeed")
    acted = await sandbox.act(reference, f"refunds/{opened[1]['RefundReference']}/succeed")
    assert (acted["Refunded"], acted["Callbacks"]) == (1250, 3)
    assert (await sandbox.call(reference, "refunds", RefundId="r1", Amount=1250))[1] == {
        **opened[1],
        "UpdatedAt": acted["Refunds"][0]["UpdatedAt"],
    }
    acted = await sandbox.act(reference, "refunds/r1/fail")
    assert (acted["Refunded"], acted["Refunds"][0]["ErrorCode"]) == (0, "refund_failed")
    events = [(await receiver.next()).event["EventType"] for _ in range(3)]
    assert sorted(events) == ["refund.failed", "refund.pending", "refund.succeeded"]
    for path, status in (("refunds/r1/succeed", 409), ("refunds/r9/fail", 404)):
        answer = await sandbox.client.post(f"/control/payments/{reference}/{path}")
        assert answer.status_code == status


async def test_disputes_are_opened_and_decided(sandbox: SandboxProcess, receiver: Receiver) -> None:
    pending = await sandbox.create(receiver)
    answer = await sandbox.client.post(f"/control/payments/{pending}/disputes")
    assert (answer.status_code, answer.json()["error"]) == (409, "above_captured")

    reference = await approved(sandbox, receiver)
    (opened,) = (await sandbox.act(reference, "disputes", amount=1000, reason="not_received"))[
        "Disputes"
    ]
    event = (await receiver.next()).event
    assert event.keys().isdisjoint({"Status", "Amount", "RefundStatus"})
    assert event["EventType"] == "dispute.created"
    assert {name: event[name] for name in opened if name != "UpdatedAt"} == {
        name: value for name, value in opened.items() if name != "UpdatedAt"
    }
    assert (opened["DisputeStatus"], opened["DisputeReason"]) == ("needs_response", "not_received")

    base = f"disputes/{opened['DisputeReference']}"
    steps = {"review": "under_review", "win": "won"}
    for deed, status in steps.items():
        acted = await sandbox.act(reference, f"{base}/{deed}")
        assert acted["Disputes"][0]["DisputeStatus"] == status
        assert (await receiver.next()).event["EventType"] == f"dispute.{status}"
    for deed in ("review", "win", "lose", "reinstate"):
        answer = await sandbox.client.post(f"/control/payments/{reference}/{base}/{deed}")
        assert (answer.status_code, answer.json()["error"]) == (409, "dispute_state")
    answer = await sandbox.client.post(f"/control/payments/{reference}/disputes/dsp_none/win")
    assert answer.status_code == 404
    # Only what is not disputed yet can be.
    answer = await sandbox.client.post(
        f"/control/payments/{reference}/disputes", json={"amount": 251}
    )
    assert answer.status_code == 409


async def test_a_bank_transfer_is_settled_by_hand_or_later(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    by_hand, refused = await sandbox.create(receiver), await sandbox.create(receiver)
    for reference in (by_hand, refused):
        answer = await sandbox.client.post(f"/pay/{reference}/transfer")
        assert answer.headers["location"] == f"{receiver.url}/success"
        event = (await receiver.next()).event
        assert (event["EventType"], event["Amount"]) == ("payment.processing", 0)
    # Nobody takes back what is on its way.
    assert (await sandbox.call(by_hand, "cancel", OperationId="v1"))[0] == 409
    assert (await sandbox.act(by_hand, "approve"))["Captured"] == 1250
    assert (await sandbox.act(refused, "decline"))["FailureCode"] == "payment_failed"


@pytest.mark.parametrize(
    ("success", "status", "told"),
    [("true", "authorized", "payment.authorized"), ("false", "failed", "payment.failed")],
)
async def test_a_method_is_processed_without_a_page_even_by_another_process(
    spawn: Callable[..., SandboxProcess],
    tmp_path: Path,
    receiver: Receiver,
    success: str,
    status: str,
    told: str,
) -> None:
    sandbox = spawn(
        tmp_path, TEST_MODE="1", TEST_PROCESSING_DELAY="300", TEST_PAYMENT_SUCCESS=success
    )
    await sandbox.start()
    wish = sandbox.wish(receiver, Method="upi", Capture=False)
    answer = await sandbox.client.post("/api/payments", json=wish)
    assert answer.json()["Status"] == "processing"
    assert (await receiver.next()).event["EventType"] == "payment.processing"
    await sandbox.stop(signal.SIGKILL)
    await sandbox.start()
    first = (await receiver.next()).event
    # The kill may have come before the first callback's receipt was written: then it goes again.
    event = (await receiver.next()).event if first["Status"] == "processing" else first
    assert (event["EventType"], event["Status"]) == (told, status)
    again = await sandbox.client.post("/api/payments", json=wish)
    assert (again.status_code, again.json()) == (200, answer.json())


async def test_parallel_calls_with_one_id_do_one_thing(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    reference = await approved(sandbox, receiver, Capture=False)
    captures = await asyncio.gather(
        *(sandbox.call(reference, "capture", OperationId="c1", Amount=1000) for _ in range(8))
    )
    assert [status for status, _ in captures] == [200] * 8
    refunds = await asyncio.gather(
        *(sandbox.call(reference, "refunds", RefundId="r1", Amount=600) for _ in range(8))
    )
    assert sorted(status for status, _ in refunds) == [200] * 7 + [201]
    assert (await sandbox.look(reference))["Refunded"] == 600
