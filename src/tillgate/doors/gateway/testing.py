"""What shows how the gateway is, without a key: health, jobs, the test merchant."""

from typing import Any, NamedTuple
from uuid import UUID

from tillgate.doors.frame import Call, House, Route
from tillgate.doors.gateway import seed, store
from tillgate.doors.gateway.callers import let_in
from tillgate.doors.gateway.words import NO_TEST_MERCHANT, ok, present
from tillgate.kit.http import Answer
from tillgate.kit.recent import Recent
from tillgate.merchants.store import find_merchant
from tillgate.schedule.health import ask
from tillgate.schedule.store import is_worked

KEPT_S = 1.0
"""How long counters are believed that anybody may ask for."""


class Testing(NamedTuple):
    """What the gateway tells everybody."""

    house: House
    jobs: Recent[UUID, dict[str, Any]]

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("GET", "/api/v1/health", self.health),
            Route("GET", "/api/v1/test/merchant", self.merchant),
            Route("GET", "/api/v1/test/jobs/status", self.status),
        )

    async def health(self, call: Call) -> Answer:
        return ok(await ask(self.house.pool, self.house.settings, call.now))

    async def merchant(self, call: Call) -> Answer:
        let_in(self.house, call)
        present(await find_merchant(self.house.pool, seed.MERCHANT_ID), NO_TEST_MERCHANT)
        settings = self.house.settings
        shown = {
            "id": str(seed.MERCHANT_ID),
            "email": settings.test_merchant_email,
            "api_key": seed.keys_of(settings).key,
            "seeded": True,
        }
        return ok(shown)

    async def status(self, call: Call) -> Answer:
        let_in(self.house, call)
        return ok(present(await self.jobs.get(seed.MERCHANT_ID), NO_TEST_MERCHANT))


def testing(house: House) -> Testing:
    async def count(merchant_id: UUID) -> dict[str, Any] | None:
        if await find_merchant(house.pool, merchant_id) is None:
            return None
        jobs = await store.count_jobs(house.pool, merchant_id)
        working = await is_worked(house.pool)
        return {**jobs, "worker_status": "running" if working else "stopped"}

    return Testing(house, Recent(count, KEPT_S, 1))
