"""The clock of the edge. Below the edge, time comes in as an argument."""

import time
from datetime import UTC, datetime


def now() -> datetime:
    """This machine's time, aware, in UTC."""
    return datetime.now(UTC)


def unix_s() -> int:
    """This machine's time in whole seconds since 1970."""
    return int(time.time())


def monotonic_s() -> float:
    """Seconds that never step back, for measuring how long something took."""
    return time.monotonic()
