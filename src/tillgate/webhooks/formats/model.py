"""What a format is."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

from tillgate.webhooks.model import Claim, Request

Wire = Literal["standard", "gateway", "provider"]


class Format(NamedTuple):
    """`names`: what the wire calls our types of events, of which such an endpoint gets no others;
    None: all of them, by their own names. `schedule_s`: the delay before each attempt, counted from
    the one before. `exact`: no answer moves these delays, no jitter, and 410 ends nothing.
    `secret`: a new one, as its receiver is told it, from SECRET_BYTES of chance.
    """

    request: Callable[[Claim, Sequence[str]], Request]
    secret: Callable[[bytes], str]
    schedule_s: tuple[int, ...]
    timeout_s: float
    exact: bool = False
    names: Mapping[str, str] | None = None
