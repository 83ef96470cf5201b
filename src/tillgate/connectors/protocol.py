"""What a connector is, and the values that it exchanges with the rest of the house."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

from msgspec import Raw, Struct

from tillgate.kit.money import Money

ObjectState = Literal["pending", "processing", "authorized", "failed", "canceled", "captured"]


class Capabilities(NamedTuple):
    """What the rest of the house may ask of a connector."""

    manual_capture: bool
    looks: bool  # whether a look-up proves what became of a payment


class Intent(NamedTuple):
    """What a new try asks of the processor; rendered once, stored, and resent verbatim."""

    operation_id: str  # `op_…`: the processor's idempotency key, and our reference there
    payment_id: str
    money: Money
    description: str | None
    callback_url: str
    return_url: str


class Operation(NamedTuple):
    """A stored wish."""

    id: str
    request: Raw


class Observation(Struct, frozen=True):
    """What a callback or a look-up says about one object at the processor.

    `ours`: the reference that we wrote there, when it is repeated. `amount_minor` is cumulative.
    """

    reference: str
    ours: str | None
    state: ObjectState
    amount_minor: int
    asset: str
    failure_code: str | None = None
    failure_message: str | None = None


class Pending(NamedTuple):
    """The processor took the wish, and the payer must act."""

    reference: str
    redirect_url: str


class Rejected(NamedTuple):
    """A definitive no: nothing was done and nothing will be."""

    code: str
    message: str


class Unknown(NamedTuple):
    """Nobody knows what was done: look before anything else."""

    reason: str


Answered = Pending | Rejected | Unknown


class Found(NamedTuple):
    observations: tuple[Observation, ...]
    pending: Pending | None  # how the payer goes on, when the processor still waits


class Absent(NamedTuple):
    """The processor has never heard of it."""


class CannotTell(NamedTuple):
    reason: str


Looked = Found | Absent | CannotTell


class CallbackRequest(NamedTuple):
    """An inbound message as it came; header names in lower case."""

    headers: Mapping[str, str]
    body: bytes


class Hint(NamedTuple):
    """What a message claims to be, before any secret is looked at."""

    event_key: str


Verdict = Literal["genuine", "forged", "stale"]


class Unreadable(NamedTuple):
    """A genuine message that does not say what it must; `param` names what is missing."""

    reason: str
    param: str | None


class Connector(Protocol):
    """One connection's way to its processor. Status words are translated here and nowhere else."""

    @property
    def name(self) -> str: ...

    @property
    def capabilities(self) -> Capabilities: ...

    def prepare(self, intent: Intent) -> Raw:
        """The request of a new try, as it will be sent, every time it is sent. Pure."""
        ...

    async def start(self, operation: Operation) -> Answered: ...

    async def look(self, reference: str) -> Looked:
        """The authoritative read, by our reference or by the processor's."""
        ...

    def peek(self, request: CallbackRequest) -> Hint: ...

    def verify(self, request: CallbackRequest, now: datetime) -> Verdict: ...

    def read(self, request: CallbackRequest) -> list[Observation] | Unreadable:
        """After `verify`. Types that mean nothing to us give nothing. Pure."""
        ...
