"""At every failpoint a process is killed; who stays, or comes after, tells the story to its end.

And workers that stand still past their lease.
"""

import json
import signal
from typing import Any

import pytest

from tests.faults.stage import Stage
from tests.faults.test_operations import IN_OPERATIONS
from tillgate.kit import failpoints, ids

IN_API = [n for n in failpoints.NAMES if n.startswith(("engine.", "callback.", "start."))]
IN_WORKER = [n for n in failpoints.NAMES if n.startswith(("sender.", "look.", "retry."))]


def test_all_points_are_visited_here() -> None:
    assert sorted(IN_API + IN_WORKER + list(IN_OPERATIONS)) == sorted(failpoints.NAMES)


@pytest.mark.parametrize("name", IN_API)
async def test_an_api_is_killed_at(stage: Stage, name: str) -> None:
    await stage.worker.end()
    await stage.worker.start()
    await stage.spare.start(f"{name}=kill")
    await stage.spare.ready()
    await stage.shoppers.buy(at=stage.spare)
    await stage.spare.died()
    await stage.shoppers.check()
    assert await at_the_sandbox(stage) == len(stage.shoppers.created)


@pytest.mark.parametrize("name", IN_WORKER)
async def test_a_worker_is_killed_at(stage: Stage, name: str) -> None:
    await stage.worker.end()
    await stage.worker.start(f"{name}=kill")
    payment = await stage.shoppers.create()
    await stage.shoppers.send_on(payment)
    if name.startswith("look."):
        await stage.db.execute("UPDATE operations SET due_at = now() WHERE due_at IS NOT NULL")
    if name.startswith("retry."):
        await tell_of_nothing(stage, name)
    await stage.worker.died()
    await stage.worker.start()
    await stage.shoppers.settle(payment)
    await stage.shoppers.check()


async def tell_of_nothing(stage: Stage, name: str) -> None:
    """A genuine callback that fits no payment waits, to be tried again by the worker."""
    row = await stage.db.fetchrow("SELECT id FROM connections LIMIT 1")
    assert row is not None
    said: dict[str, Any] = {
        "EventId": f"evt-{name}", "Reference": "nobody's", "Status": "success", "Amount": 5,
        "Currency": "eur",
    }  # fmt: skip
    await stage.shoppers.tell(f"/callbacks/{ids.show('con', row['id'])}", said)


async def at_the_sandbox(stage: Stage) -> int:
    """How many payments the processor knows."""
    async with stage.site.client.get(f"{stage.site.sandbox.url}/control/payments") as answer:
        return len(json.loads(await answer.read())["Payments"])


async def test_a_worker_that_stood_still_past_its_lease_records_nothing(stage: Stage) -> None:
    """It has sent a webhook, and wakes when another worker has sent and recorded it."""
    await stage.worker.end()
    await stage.worker.start("sender.after_call=stop@1")
    await stage.shoppers.buy()
    await stage.worker.stopped()
    other = stage.site.worker()
    await other.start()
    await stage.shoppers.check()
    await other.kill()
    recorded = await stage.db.fetch("SELECT * FROM attempts ORDER BY event_id, ordinal")
    held = await stage.db.fetchval("SELECT count(*) FROM deliveries WHERE claims > 1")
    assert held > 0
    stage.worker.signal(signal.SIGCONT)
    await stage.shoppers.buy()  # what it delivers now it claims after recording the old
    await stage.shoppers.check()
    after = await stage.db.fetch("SELECT * FROM attempts ORDER BY event_id, ordinal")
    assert [
        row for row in after if row["event_id"] in {r["event_id"] for r in recorded}
    ] == recorded


@pytest.mark.parametrize(
    "text", ["engine.nowhere=kill", "engine.before_commit=explode", "engine.before_commit=delay"]
)
def test_a_failpoint_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="TILLGATE_FAILPOINTS"):
        failpoints.read({"TILLGATE_DEV": "1", failpoints.VARIABLE: text})


def test_failpoints_are_for_development_only() -> None:
    assert failpoints.read({failpoints.VARIABLE: "engine.before_commit=kill"}) == {}
