"""`/api/v1/webhooks`: what was delivered, and once more."""

from typing import NamedTuple

from tillgate.audit.store import Origin
from tillgate.doors.frame import Call, House, Route
from tillgate.doors.gateway import shapes, store
from tillgate.doors.gateway.callers import admitted
from tillgate.doors.gateway.hooks import NO_URL
from tillgate.doors.gateway.words import NO_LOG, bad, ok, present
from tillgate.kit.http import Answer
from tillgate.webhooks.commands import send_anew


class Logs(NamedTuple):
    """What the gateway does with deliveries."""

    house: House

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("GET", "/api/v1/webhooks", self.list),
            Route("POST", "/api/v1/webhooks/{log}/retry", self.retry),
        )

    async def list(self, call: Call) -> Answer:
        caller = await admitted(self.house, call)
        asked = store.window(call.query, store.PAGE_DEFAULT, store.PAGE_MAX)
        logs, total = await store.list_logs(self.house.pool, caller.merchant_id, asked)
        data = [shapes.show_log(log) for log in logs]
        return ok({"data": data, "total": total, "limit": asked.limit, "offset": asked.offset})

    async def retry(self, call: Call) -> Answer:
        """From the first attempt on, whatever has become of it."""
        caller = await admitted(self.house, call)
        named = call.names["log"]
        found = await store.find_delivery(self.house.pool, caller.merchant_id, named)
        log = present(found, NO_LOG)
        if log.endpoint_state != "enabled":
            return bad(NO_URL)
        await send_anew(
            self.house.pool, caller.merchant_id, log.endpoint_id, log.event_id, caller.actor,
            call.now, Origin(call.ip, call.request_id),
        )  # fmt: skip
        shown = {
            "id": str(log.event_id),
            "status": "pending",
            "message": "Webhook retry scheduled",
        }
        return ok(shown)
