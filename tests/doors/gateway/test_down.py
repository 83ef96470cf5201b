"""Without a worker, without a database: whoever asks is told so, and told again when it is over."""

from pathlib import Path
from typing import Any

from tests.doors.gateway.conftest import QUICK
from tests.doors.gateway.scene import UPI, Shop, refusal
from tests.faults.cluster import cluster_in
from tests.faults.site import eventually, site_on

GONE = "The database does not answer; nothing was done. Try again shortly."


async def test_statuses_say_what_is_down(folder: Path) -> None:
    async with cluster_in(folder) as (cluster, dsn), site_on(dsn, folder, **QUICK) as site:
        api, worker = site.api(), site.worker()
        await api.start()
        await api.ready()
        async with Shop(api.url) as till:

            async def shown(path: str, name: str) -> Any:
                return (await till.anyone.get(path)).json().get(name)

            async def worker_is(word: str, in_jobs: str) -> bool:
                jobs = await shown("/test/jobs/status", "worker_status")
                return (await shown("/health", "worker"), jobs) == (word, in_jobs)

            assert await worker_is("stopped", "stopped")
            payment = await till.pay(await till.order())

            async def counted(name: str) -> bool:
                return await shown("/test/jobs/status", name) == 1

            await eventually(lambda: counted("pending"))
            await worker.start()
            await eventually(lambda: worker_is("running", "running"))
            await till.payment_is(payment, "success")
            await eventually(lambda: counted("completed"))
            await cluster.stop()
            health = (await till.anyone.get("/health")).json()
            assert (health["status"], health["database"]) == ("unhealthy", "disconnected")
            assert health["worker"] == "unknown"
            order = {"order_id": payment["order_id"], **UPI}

            async def is_refused() -> bool:
                return (await till.anyone.get("/test/jobs/status")).status_code == 503

            await eventually(is_refused)
            for answer in (
                await till.anyone.get("/test/jobs/status"),
                await till.api.post("/payments", json=order),
                await till.api.get("/orders"),
                await till.anyone.get(f"/payments/{payment['id']}/public"),
            ):
                assert refusal(answer) == (503, "INTERNAL_SERVER_ERROR", GONE)
                assert answer.headers["retry-after"] == "1"
            await cluster.start()
            await eventually(lambda: worker_is("running", "running"))
            await worker.kill()
            await eventually(lambda: worker_is("stopped", "stopped"))
