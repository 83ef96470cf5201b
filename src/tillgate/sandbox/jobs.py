"""What happens by itself: callbacks go out, many at once, until they are received; payments and
refunds that end later do so.
"""

import asyncio
from contextlib import suppress

import aiohttp
from msgspec.structs import replace

from tillgate.kit import clock
from tillgate.sandbox import commands, refunds, rules
from tillgate.sandbox.model import Attempt, Callback, Later
from tillgate.sandbox.store import Store

SENDING_MAX = 64
"""How many callbacks are on their way at once."""

LATER_MAX = 100
"""How many that end later do so before callbacks are looked at again."""

TIMEOUT_S = 10
ANSWER_MAX_BYTES = 64 * 1024
FIRST_TRY_MAX_S = 30
"""The longest that anyone waits for first tries to end."""


class Sender:
    """Runs from `start` to `stop`; `wake` when the store has got something new."""

    def __init__(self, store: Store, secret: str) -> None:
        self._store = store
        self._secret = secret
        self._news = asyncio.Event()
        self._tried = asyncio.Condition()
        self._sending: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=SENDING_MAX),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
            headers={"User-Agent": "Sandbox/1", "Content-Type": "application/json"},
        )
        self._loop = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Breaks off what is on its way: it was not received, and is sent again after a start."""
        running = [self._loop, *self._sending]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self._session.close()

    def wake(self) -> None:
        self._news.set()

    async def first_tries(self, reference: str) -> None:
        """Returns when every callback of the payment was tried once, or FIRST_TRY_MAX_S passed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_TRY_MAX_S), self._tried:
                await self._tried.wait_for(lambda: not self._store.untried(reference))

    async def _run(self) -> None:
        while True:
            self._news.clear()
            now = clock.now().timestamp()
            for later in self._store.due_later(now, LATER_MAX):
                end(self._store, later, now)
            with self._store.step():
                due = self._store.claim_callbacks(now, SENDING_MAX - len(self._sending))
            for callback in due:
                task = asyncio.create_task(self._send(callback))
                self._sending.add(task)
                task.add_done_callback(self._ended)
            # With every place taken, the next one that ends brings the news.
            full = len(self._sending) >= SENDING_MAX
            next_at = None if full else self._store.next_due_at()
            with suppress(TimeoutError):
                async with asyncio.timeout(None if next_at is None else max(0, next_at - now)):
                    await self._news.wait()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        self._news.set()

    async def _send(self, callback: Callback) -> None:
        attempt = await self._try(callback)
        attempts = (*callback.attempts, attempt)
        wait_s = rules.retry_after_s(len(attempts))
        now = clock.now().timestamp()
        if attempt.status_code is not None and 200 <= attempt.status_code < 300:
            after = replace(callback, attempts=attempts, state="delivered")
        elif wait_s is None:
            after = replace(callback, attempts=attempts, state="given_up")
        else:
            after = replace(callback, attempts=attempts, due_at=now + wait_s)
        with self._store.step():
            self._store.keep_attempt(after)
        async with self._tried:
            self._tried.notify_all()

    async def _try(self, callback: Callback) -> Attempt:
        at, started = clock.unix_s(), clock.monotonic_s()
        status_code, error = None, None
        try:
            async with self._session.post(
                callback.url,
                data=callback.body.encode(),
                headers=rules.signed_headers(callback, self._secret, at),
                allow_redirects=False,
            ) as response:
                # Read so far that the connection can serve the next one.
                await response.content.read(ANSWER_MAX_BYTES)
                status_code = response.status
        except TimeoutError:
            error = f"no answer within {TIMEOUT_S} s"
        except (aiohttp.ClientError, OSError, ValueError) as failure:
            error = f"{type(failure).__name__}: {failure}"[:200]
        took_ms = round((clock.monotonic_s() - started) * 1000)
        return Attempt(at, took_ms, status_code, error)


def end(store: Store, later: Later, now: float) -> None:
    """Does what was to happen later; what somebody did meanwhile stays as it is."""
    payment = store.payment(later.reference)
    if payment and later.refund:
        outcome = "succeed" if later.succeeds else "fail"
        refunds.settle(store, payment, later.refund, outcome, now)
    elif payment:
        outcome = "approve" if later.succeeds else "decline"
        amount = later.amount if later.succeeds else None
        commands.finish(store, payment, outcome, amount, now)
    with store.step():
        store.drop_later(later.reference, later.refund)
