"""Captures, cancellations and refunds while processes are killed or stand still: whatever dies
between a commit and a call, the processor does it once, the books are right, and who asks again
with the same key is told the truth.
"""

import asyncio
import signal
from typing import Any

import pytest

from tests.faults.shoppers import CAPTURE, DEEDS, REFUND, VOID, Deed
from tests.faults.site import eventually
from tests.faults.stage import Stage

IN_OPERATIONS = (
    "operation.before_submit",
    "operation.before_call",
    "operation.after_call",
    "operation.after_run",
)
EXACTLY = [(name, deed) for name in IN_OPERATIONS[1:3] for deed in DEEDS]
"""Around the call itself, each kind of wish is alone when it happens."""

COMMITS = [*(f"engine.before_commit=kill@{n}" for n in (1, 2, 3, 4)), "engine.after_commit=kill@4"]
"""Of one wish: it is reserved, submitted, settled, and its answer is kept. What is after one of
the first three is an operation's own point."""


@pytest.fixture(autouse=True)
async def fresh(stage: Stage) -> None:
    await stage.worker.end()
    await stage.worker.start()
    await stage.spare.end()


@pytest.mark.parametrize(
    ("name", "deed"), EXACTLY, ids=[f"{name}-{deed.kind}" for name, deed in EXACTLY]
)
async def test_an_api_is_killed_at(stage: Stage, name: str, deed: Deed) -> None:
    await kill_an_api(stage, f"{name}=kill", deed)


@pytest.mark.parametrize("name", [IN_OPERATIONS[0], IN_OPERATIONS[3]])
async def test_an_api_is_killed_with_all_its_work_at(stage: Stage, name: str) -> None:
    await kill_an_api(stage, f"{name}=kill@2", *DEEDS)


@pytest.mark.parametrize("armed", COMMITS)
async def test_an_api_is_killed_around_a_commit(stage: Stage, armed: str) -> None:
    await kill_an_api(stage, armed, REFUND)


async def kill_an_api(stage: Stage, armed: str, *deeds: Deed) -> None:
    """While it does these."""
    payments = [await stage.shoppers.open(deed) for deed in deeds]
    await stage.spare.start(armed)
    await stage.spare.ready()
    await asyncio.gather(
        *(stage.shoppers.do(p, d, stage.spare) for p, d in zip(payments, deeds, strict=True))
    )
    await stage.spare.died()
    await stage.shoppers.check()


@pytest.mark.parametrize("name", [*IN_OPERATIONS[1:3], "look.before_call", "look.after_call"])
async def test_a_worker_is_killed_at(stage: Stage, name: str) -> None:
    """Whoever committed the wishes is killed before it sends them; for who looks, after."""
    payments = [await stage.shoppers.open(deed) for deed in DEEDS]
    dies = "before_submit" if name in IN_OPERATIONS else "after_call"
    await stage.worker.end()
    await stage.worker.start(f"{name}=kill")
    await stage.spare.start(f"operation.{dies}=kill@{len(DEEDS)}")
    await stage.spare.ready()
    doing = [
        asyncio.create_task(stage.shoppers.do(payment, deed, at=stage.spare))
        for payment, deed in zip(payments, DEEDS, strict=True)
    ]
    await stage.spare.died()
    await stage.worker.died()
    await stage.worker.start()
    await asyncio.gather(*doing)
    await stage.shoppers.check()


@pytest.mark.parametrize(
    ("name", "deed"),
    [
        ("operation.before_call", CAPTURE),
        ("operation.before_call", REFUND),
        ("operation.after_call", VOID),
    ],
    ids=[
        "operation.before_call-capture",
        "operation.before_call-refund",
        "operation.after_call-void",
    ],
)
async def test_who_stood_still_past_its_lease_changes_nothing(
    stage: Stage, name: str, deed: Deed
) -> None:
    """A worker has looked, and sent it again where it was not done, when the first one wakes."""
    payment = await stage.shoppers.open(deed)
    await stage.spare.start(f"{name}=stop")
    await stage.spare.ready()
    key = f"stopped-{deed.kind}"
    first = asyncio.create_task(stage.shoppers.wish(payment, deed, key, stage.spare))
    await stage.spare.stopped()
    done = "SELECT state = 'done' FROM operations ORDER BY created_at DESC LIMIT 1"
    await eventually(lambda: stage.db.fetchval(done))
    stage.spare.signal(signal.SIGCONT)
    status, said, _ = await first
    assert (status, said["status"]) == deed.final
    stage.shoppers.finished(payment, deed, key)
    await stage.shoppers.check()


async def test_a_processor_that_works_and_answers_500_is_looked_up(stage: Stage) -> None:
    payments = [await stage.shoppers.open(deed) for deed in DEEDS]
    for payment in payments:
        await fault(stage, payment, fail_after_work=1, drop=True)
    await asyncio.gather(*(stage.shoppers.do(*one) for one in zip(payments, DEEDS, strict=True)))
    await stage.shoppers.check()


async def test_two_processes_share_payments(stage: Stage) -> None:
    """Two APIs and two workers: one key at both, and capture against cancellation."""
    other = stage.site.worker()
    await asyncio.gather(other.start(), stage.spare.start())
    await stage.spare.ready()
    shoppers, both = stage.shoppers, (stage.api, stage.spare)
    for deed in DEEDS:
        payment = await shoppers.open(deed)
        answers = await asyncio.gather(
            *(shoppers.wish(payment, deed, f"both-{deed.kind}", api) for api in both * 4)
        )
        final = [said for status, said, _ in answers if (status, said.get("status")) == deed.final]
        assert final
        assert {said["id"] for said in final} == {final[0]["id"]}
        shoppers.finished(payment, deed, f"both-{deed.kind}")
    payment = await shoppers.open(CAPTURE)
    keys = "against-capture", "against-void"
    capture, void = await asyncio.gather(
        shoppers.wish(payment, CAPTURE, keys[0], stage.api),
        shoppers.wish(payment, VOID, keys[1], stage.spare),
    )
    assert sorted((capture[0], void[0])) == [200, 409]
    won = CAPTURE if capture[0] == 200 else VOID
    for key in keys:
        shoppers.finished(payment, won, key)
    await shoppers.check()
    await other.kill()


async def test_parallel_refunds_at_two_processes_stay_within_the_charge(stage: Stage) -> None:
    await stage.spare.start()
    await stage.spare.ready()
    shoppers, both = stage.shoppers, (stage.api, stage.spare)
    payment = await shoppers.open(REFUND)
    large = REFUND._replace(
        body={**REFUND.body, "amount": 600}, end=REFUND.end._replace(refunded=600)
    )
    keys = [f"large-{number}" for number in range(20)]
    answers = await asyncio.gather(
        *(shoppers.wish(payment, large, key, both[n % 2]) for n, key in enumerate(keys))
    )
    statuses = [status for status, _, _ in answers]
    assert sorted(statuses) == [201] + [400] * 19
    for key, status in zip(keys, statuses, strict=True):
        kind = "refund" if status == 201 else "refused"
        shoppers.finished(payment, large._replace(kind=kind), key)
    shoppers.seen.pop(400)
    await shoppers.check()


async def fault(stage: Stage, payment: dict[str, Any], **faults: Any) -> None:
    url = f"{stage.site.sandbox.url}/control/payments/{payment['id']}/faults"
    async with stage.site.client.put(url, json=faults) as answer:
        assert answer.status == 200, await answer.text()
