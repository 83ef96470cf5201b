"""What goes through the delivery pipeline: claimed from the queue, sent, settled."""

from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from msgspec import Raw, Struct

Settled = Literal["due", "delivered", "dead"]
"""What an attempt makes of its delivery; `due`: it is tried again."""


class Claim(NamedTuple):
    """A delivery that this worker holds for the time of a lease, with all that sending it needs.

    The columns of statement `claim`, in their order. `claims` and `attempts` are the fence: who
    finds them changed has lost the delivery to another; of the attempts, `attempts_before` came
    before it was sent anew by hand. `claimed_at` is the database's clock. `charge`: what the
    processor called the payment's newest charge then, where the format tells it.
    """

    merchant_id: UUID
    endpoint_id: UUID
    event_id: UUID
    claims: int
    attempts: int
    attempts_before: int
    claimed_at: datetime
    url: str
    format: str
    secrets: bytes
    livemode: bool
    type: str
    data: Raw
    api_version: str
    created_at: datetime
    charge: str | None


class Request(NamedTuple):
    """The exact bytes that are signed and sent."""

    headers: dict[str, str]
    body: bytes


class Verdict(NamedTuple):
    """What follows from one attempt. `wait_s` says when a delivery that is `due` is tried again."""

    state: Settled
    wait_s: float = 0.0
    disable: bool = False


class Outcome(Struct, frozen=True):
    """One attempt and what it settled: a row for statement `record`, its names and all.

    `audit_id` is there when the endpoint is to be disabled: the line that says so.
    """

    merchant_id: UUID
    endpoint_id: UUID
    event_id: UUID
    claims: int
    attempts: int
    state: Settled
    wait_s: float
    started_at: datetime
    duration_ms: int
    status_code: int | None
    error: str | None
    response: str | None
    body_sha256: str
    audit_id: UUID | None


class EventData(Struct, frozen=True):
    object: Raw


class EventBody(Struct, frozen=True):
    """The body of format `standard`. `created` is unix seconds."""

    id: str
    object: Literal["event"]
    type: str
    created: int
    api_version: str
    livemode: bool
    data: EventData
