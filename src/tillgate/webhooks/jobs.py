"""The worker's part: claims deliveries that are due, sends them, records what came of it.

One connection, one loop: record what has finished, claim what there is room for, start it, wait
for news. What finishes while a statement runs is recorded together, so under load batches grow by
themselves; a claim takes a part of the room, so that requests are under way while the database
works. A worker that dies loses its claims to the lease, and nothing else.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from functools import lru_cache, partial
from heapq import heappop, heappush
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import structlog
from prometheus_client import Counter as Metric

from tillgate.kit import chance, clock, crypto, db, ids
from tillgate.kit.crypto import Vault
from tillgate.kit.db import Connection
from tillgate.kit.failpoints import failpoint
from tillgate.kit.http import encode
from tillgate.kit.outbound import Outbound, Reply
from tillgate.webhooks import rules
from tillgate.webhooks.formats import FORMATS, Format, Wire
from tillgate.webhooks.model import Claim, Outcome
from tillgate.webhooks.store import open_secrets, sql

log = structlog.get_logger()

POLL_S = 1.0
"""How often due rows are looked for when nothing wakes the loop."""

SOON_MAX = 10_000
"""So many due times are remembered; whatever else is due is found by polling."""

DUE_BY_THEN_S = 0.005
"""Beyond its time, so that the database's clock agrees that it is due."""

SWEEP_S = 5.0
SWEEP_MAX = 5000
STOP_S = 1.5
"""How long requests may go on after the signal to stop; the rest is sent again after its lease."""

SECRETS_MAX = 1024
"""Endpoints whose opened secrets are kept, by their sealed form: other secrets have another."""

BACK_OFF_FIRST_S = 0.1
BACK_OFF_MAX_S = 2.0
STATEMENT_TIMEOUT_S = 10.0

LOST = (*db.LOST, asyncpg.InternalClientError, asyncpg.PostgresError)
"""What ends a connection here; the driver calls one that died while idle an internal error."""

ATTEMPTS = Metric("tillgate_webhook_attempts", "Webhook requests, by what came of it.", ["outcome"])


class Limits(NamedTuple):
    in_flight_max: int = 200  # deliveries that one worker sends at a time
    in_flight_per_endpoint: int = 20  # of these: a hanging endpoint takes its share and no more
    claim_max: int = 50  # claimed by one statement; a part, so that others are sent meanwhile
    timeout_max_s: float = 10.0  # of one request, its answer included; a format may say less
    lease_s: float = 30.0  # how long a claim holds; longer than sending and recording take


class Sender:
    """Sends what is due, until it is told to stop. `wake` is set by whoever knows of new events.

    A delivery is in flight from its claim until its outcome is recorded, so that a lost database
    cannot make finished work pile up.
    """

    def __init__(
        self,
        dsn: str,
        vault: Vault,
        outbound: Outbound,
        wake: asyncio.Event,
        limits: Limits | None = None,
        formats: Mapping[Wire, Format] = FORMATS,
    ) -> None:
        self._dsn = dsn
        self._open_secrets = lru_cache(SECRETS_MAX)(partial(open_secrets, vault))
        self._outbound = outbound
        self._wake = wake
        self._limits = limits or Limits()
        self._formats: dict[str, Format] = {**formats}
        self._stopping = False
        self._delayed = False
        self._in_flight: Counter[UUID] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._finished: list[Outcome] = []
        self._last_served = UUID(int=0)
        self._sweep_at_s = 0.0
        self._soon: list[float] = []  # when what we sent in vain is due again, the next one first

    async def run(self, stop: asyncio.Event) -> None:
        """Ends within two seconds of `stop`; outlives a lost database."""
        serving = asyncio.create_task(self._serve_forever())
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
            self._stopping = True
            self._wake.set()
            await asyncio.wait({serving}, timeout=STOP_S)
        finally:
            unfinished: set[asyncio.Task[Any]] = {serving, stopped, *self._tasks}
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)
        if not serving.cancelled():
            serving.result()  # raises what was a bug

    async def _serve_forever(self) -> None:
        pause_s = BACK_OFF_FIRST_S
        while not self._stopping:
            try:
                connection = await _connect(self._dsn)
                try:
                    await self._serve(connection)
                finally:
                    connection.terminate()
            except LOST as error:
                if not self._delayed:
                    log.warning("webhooks_delayed", error=type(error).__name__)
                    self._delayed, pause_s = True, BACK_OFF_FIRST_S
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, BACK_OFF_MAX_S)

    async def _serve(self, connection: Connection) -> None:
        while True:
            await self._record(connection)
            more = False
            if not self._stopping:
                await self._sweep(connection)
                more = await self._claim(connection)
            elif not self._in_flight:
                return
            if self._delayed:
                log.info("webhooks_resumed")
                self._delayed = False
            if not more and not self._finished:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._pause_s()):
                        await self._wake.wait()
            self._wake.clear()

    def _pause_s(self) -> float:
        """How long nothing is due that we know of, and POLL_S at most."""
        now_s = clock.monotonic_s()
        while self._soon and self._soon[0] <= now_s:
            heappop(self._soon)
        return min(POLL_S, self._soon[0] - now_s) if self._soon else POLL_S

    # ---- claiming

    async def _claim(self, connection: Connection) -> bool:
        """Whether there may be more to claim at once."""
        limits = self._limits
        free = min(limits.claim_max, limits.in_flight_max - self._in_flight.total())
        if free <= 0:
            return False
        await failpoint("sender.before_claim")
        rows = await connection.fetch(
            sql["claim"], self._last_served, list(self._in_flight), list(self._in_flight.values()),
            limits.in_flight_per_endpoint, free, limits.lease_s,
        )  # fmt: skip
        for row in rows:
            claim = Claim(*row)
            self._last_served = claim.endpoint_id
            self._in_flight[claim.endpoint_id] += 1
            task = asyncio.create_task(self._deliver(claim))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return len(rows) == free

    async def _sweep(self, connection: Connection) -> None:
        """Settles what deleted endpoints left behind, now and then."""
        now_s = clock.monotonic_s()
        if now_s >= self._sweep_at_s:
            await connection.execute(sql["settle_deleted"], SWEEP_MAX)
            self._sweep_at_s = now_s + SWEEP_S

    # ---- sending

    async def _deliver(self, claim: Claim) -> None:
        try:
            self._finished.append(await self._attempt(claim))
        except Exception:
            # A secret that does not open, too: the delivery waits for its lease and is not counted.
            log.exception("webhook_not_sent", endpoint=ids.show("we", claim.endpoint_id))
            self._release(claim.endpoint_id)
        self._wake.set()

    async def _attempt(self, claim: Claim) -> Outcome:
        secrets = self._open_secrets(claim.merchant_id, claim.endpoint_id, claim.secrets)
        form = self._formats[claim.format]
        request = form.request(claim, secrets)
        await failpoint("sender.before_call")
        result = await self._outbound.send(
            "POST",
            claim.url,
            request.headers,
            request.body,
            min(form.timeout_s, self._limits.timeout_max_s),
        )
        await failpoint("sender.after_call")
        failed = None if isinstance(result, Reply) else result
        seen = result if isinstance(result, Reply) else result.reply
        # An answer that is only too long was given: its status counts. A half one was not.
        answered = seen if failed is None or failed.kind == "too_large" else None
        status = answered.status if answered else None
        verdict = rules.judge(
            form,
            claim.attempts - claim.attempts_before + 1,
            status,
            answered.headers.get("retry-after") if answered else None,
            0.0 if rules.succeeded(status) else chance.fraction(),  # a system call
            claim.claimed_at + timedelta(milliseconds=result.duration_ms),
        )
        return Outcome(
            merchant_id=claim.merchant_id,
            endpoint_id=claim.endpoint_id,
            event_id=claim.event_id,
            claims=claim.claims,
            attempts=claim.attempts,
            state=verdict.state,
            wait_s=verdict.wait_s,
            started_at=claim.claimed_at,
            duration_ms=result.duration_ms,
            status_code=seen.status if seen else None,
            error=f"{failed.kind}: {failed.message}" if failed else None,
            response=_as_text(seen.body) if seen else None,
            body_sha256=crypto.sha256(request.body).hex(),
            audit_id=ids.mint() if verdict.disable else None,
        )

    # ---- recording

    async def _record(self, connection: Connection) -> None:
        """Writes what has finished by now. What finishes meanwhile comes after the next claim: if
        it were written first, nothing would be left to send in the end."""
        size = left = len(self._finished)
        while left:
            batch = self._finished[:size]
            try:
                await failpoint("sender.before_record")
                rows = await connection.fetch(sql["record"], encode(batch))
                await failpoint("sender.after_record")
            except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError):
                if size > 1:
                    size = 1  # one by one, so that the guilty one is given up alone
                    continue
                log.exception("outcome_not_recorded")
                rows = []
            del self._finished[: len(batch)]
            left -= len(batch)
            for outcome in batch:
                self._release(outcome.endpoint_id)
                if outcome.state == "due" and len(self._soon) < SOON_MAX:
                    heappush(self._soon, clock.monotonic_s() + outcome.wait_s + DUE_BY_THEN_S)
            for state, count in Counter(state for (state,) in rows).items():
                ATTEMPTS.labels(state).inc(count)
            ATTEMPTS.labels("overtaken").inc(len(batch) - len(rows))

    def _release(self, endpoint_id: UUID) -> None:
        self._in_flight[endpoint_id] -= 1
        if not self._in_flight[endpoint_id]:
            del self._in_flight[endpoint_id]


async def _connect(dsn: str) -> Connection:
    connection = await asyncpg.connect(
        dsn,
        timeout=db.CONNECT_TIMEOUT_S,
        command_timeout=STATEMENT_TIMEOUT_S,
        server_settings={
            "application_name": "tillgate webhooks",
            "jit": "off",
            # Plans made on empty tables scanned; ours are look-ups by key, always.
            "plan_cache_mode": "force_generic_plan",
            "enable_seqscan": "off",
            "enable_hashjoin": "off",
            "enable_mergejoin": "off",
        },
    )
    await db.enter(connection)
    return connection


def _as_text(body: bytes) -> str:
    """The start of an answer, as PostgreSQL's text can hold it."""
    return body.decode("utf-8", "replace").replace("\0", "\ufffd")
