"""What was read a moment ago: read once, however many ask for it at the same time."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from tillgate.kit import clock

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Believes what `read` has found for `kept_s` seconds, of `max_kept` keys at most.

    Who asks while a value is being read waits for the same reading. What is not there (None), or
    could not be read, is not kept.
    """

    def __init__(
        self, read: Callable[[K], Awaitable[V | None]], kept_s: float, max_kept: int
    ) -> None:
        self._read = read
        self._kept_s = kept_s
        self._max_kept = max_kept
        self._kept: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._readings: dict[K, asyncio.Task[V | None]] = {}

    async def get(self, key: K) -> V | None:
        """The value. Raises what `read` raises."""
        kept = self._kept.get(key)
        if kept is not None and kept[0] > clock.monotonic_s():
            return kept[1]
        reading = self._readings.get(key)
        if reading is None:
            reading = self._readings[key] = asyncio.create_task(self._read_now(key))
            reading.add_done_callback(_hear)
        return await asyncio.shield(reading)

    def knows(self, key: K) -> bool:
        """Whether it was there when it was last read, be that long ago."""
        return key in self._kept

    def forget(self) -> None:
        """Believes nothing any more of what was read, or is being read now."""
        self._readings = {}
        self._kept = OrderedDict((key, (0.0, value)) for key, (_, value) in self._kept.items())

    async def _read_now(self, key: K) -> V | None:
        since_s, readings = clock.monotonic_s(), self._readings
        try:
            value = await self._read(key)
        finally:
            readings.pop(key, None)
        self._kept.pop(key, None)
        if value is not None:
            believed_s = self._kept_s if readings is self._readings else -since_s
            self._kept[key] = since_s + believed_s, value
            if len(self._kept) > self._max_kept:
                self._kept.popitem(last=False)
        return value


def _hear(reading: "asyncio.Task[V | None]") -> None:
    """An error that nobody waits for any more is no news."""
    if not reading.cancelled():
        reading.exception()
