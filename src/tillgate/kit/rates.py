"""How often: token buckets, in memory, so each process counts for itself. No business words.

A bucket is one number, the moment at which it will be full again (the generic cell rate
algorithm: ITU-T I.371, annex A). Who has rested for `WINDOW_S` may do a window's worth at once.
"""

import math
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, NamedTuple, TypeVar

K = TypeVar("K", bound=Hashable)

WINDOW_S = 10
"""How much a bucket holds: what flows into it in so many seconds."""

BUCKETS_MAX = 10_000
"""How many buckets a limit keeps. Beyond, the one that was used longest ago is full again."""


class Turn(NamedTuple):
    """What a limit says to one request."""

    granted: bool
    remaining: int  # requests that would be granted now
    full_in_s: int  # until the bucket is full again
    wait_s: int  # until the next one is granted: 0 when one is left


class Limit(Generic[K]):
    """`per_s` for each key, in the long run."""

    def __init__(self, name: str, per_s: int) -> None:
        quota = per_s * WINDOW_S
        self.policy = b'"%s";q=%d;w=%d' % (name.encode(), quota, WINDOW_S)
        """The value of `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-11)."""
        self._told = b'"%s";r=%%d;t=%%d' % name.encode()
        self._step_s = 1 / per_s
        self._full_at_s: OrderedDict[K, float] = OrderedDict()

    def take(self, key: K, now_s: float) -> Turn:
        """Takes one, if there is one; what is refused costs nothing."""
        full_at_s = max(self._full_at_s.pop(key, now_s), now_s)
        after_s = full_at_s + self._step_s
        granted = after_s - now_s <= WINDOW_S + SLACK_S
        if granted:
            full_at_s = after_s
        self._full_at_s[key] = full_at_s
        if len(self._full_at_s) > BUCKETS_MAX:
            self._full_at_s.popitem(last=False)
        used_s = full_at_s - now_s
        remaining = int((WINDOW_S - used_s + SLACK_S) / self._step_s)
        wait_s = 0 if remaining else math.ceil(used_s + self._step_s - WINDOW_S)
        return Turn(granted, remaining, math.ceil(used_s), wait_s)

    def told(self, turn: Turn) -> bytes:
        """The value of `RateLimit` (same draft)."""
        return self._told % (turn.remaining, turn.full_in_s)


SLACK_S = 1e-6
"""Sums of fractions of a second are not exact."""
