"""The worker's part: every few seconds, that it works; once a minute, whether anything of anybody
is stuck."""

from collections import Counter
from typing import NamedTuple
from uuid import UUID

import structlog
from prometheus_client import Gauge

from tillgate.kit.db import Pool
from tillgate.schedule.model import KINDS
from tillgate.schedule.statements import sql
from tillgate.schedule.store import WORKERS_KEPT, stuck

log = structlog.get_logger()

SWEEP_S = 60.0
HEARTBEAT_S = 2.0

STUCK = Gauge("tillgate_stuck", "Objects that should have moved and have not, by kind.", ["kind"])


class Heartbeat(NamedTuple):
    """Says that this worker works."""

    pool: Pool
    id: UUID

    async def once(self) -> int:
        """Answers 0, as `Sweep` does."""
        await self.pool.execute(sql["seen_working"], self.id, WORKERS_KEPT)
        return 0

    async def stop(self) -> None:
        """This worker works no more, and nobody shall wait to find out."""
        await self.pool.execute(sql["stopped_working"], self.id)


class Sweep(NamedTuple):
    """Says what is stuck, in the log and as figures. It changes nothing."""

    pool: Pool

    async def once(self) -> int:
        """Answers 0: finding something is no reason to look again at once."""
        counts = Counter(one.kind for one in await stuck(self.pool, None))
        for kind, meaning in KINDS.items():
            STUCK.labels(kind).set(counts[kind])
            if counts[kind] and meaning.state == "stuck":
                log.warning("stuck", kind=kind, count=counts[kind], advice=meaning.advice)
        return 0
