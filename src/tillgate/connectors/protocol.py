"""What a connector is, and the values that it exchanges with the rest of the house."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

from msgspec import Raw, Struct

from tillgate.kit.money import Money

Kind = Literal["charge", "refund", "dispute"]
"""What a processor keeps of a payment."""

ChargeState = Literal["pending", "processing", "authorized", "failed", "canceled", "captured"]
RefundState = Literal["pending", "canceled", "succeeded", "failed"]
DisputeState = Literal["needs_response", "under_review", "lost", "won"]
ObjectState = ChargeState | RefundState | DisputeState


class Capabilities(NamedTuple):
    """What the rest of the house may ask of a connector.

    `resend_window_s`: how long the processor knows a wish that is sent again under its id for the
    same one; None: it does not, so that nothing unknown is ever sent again by itself.
    """

    manual_capture: bool
    looks: bool  # whether a look-up proves what became of a payment
    partial_capture: bool = False
    void: bool = False  # what is authorized, or waits for its payer, can be let go
    refunds: bool = False
    partial_refunds: bool = False
    resend_window_s: int | None = None
    assets: frozenset[str] | None = None  # those that it takes; None: any
    starts: bool = True  # payers can be sent there; False: it only tells of what it was paid
    method: str | None = None  # how payers pay, where their page has a word for it: card, cashapp
    told_methods: bool = False  # whether it takes the method that the payer has told us


class Intent(NamedTuple):
    """What a new try asks of the processor; rendered once, stored, and resent verbatim."""

    operation_id: str  # `op_…`: the processor's idempotency key, and our reference there
    payment_id: str
    money: Money
    description: str | None
    callback_url: str
    return_url: str
    capture: bool = True  # False: only authorize, to be captured or voided later
    order_id: str | None = None
    metadata: Mapping[str, str] = {}  # the merchant's own
    method: str | None = None  # how the payer has said already to pay: card, upi; nobody is asked


ChangeKind = Literal["capture", "void", "refund"]


class Change(NamedTuple):
    """What a later wish asks of a charge; rendered once, stored, and resent verbatim.

    `money`: what to capture (the rest is released), to let go, or to give back.
    """

    kind: ChangeKind
    operation_id: str  # `op_…`: the processor's idempotency key, and our reference there
    reference: str  # the charge at the processor
    money: Money


class Operation(NamedTuple):
    """A stored wish. `reference`: the charge that it changes; None: it starts one."""

    id: str
    request: Raw
    kind: Literal["start", "capture", "void", "refund"] = "start"
    reference: str | None = None


class Observation(Struct, frozen=True):
    """What a callback or a look-up says about one object at the processor.

    `ours`: the reference that we wrote there, `op_…`, when it is repeated. `amount_minor` of a
    charge is cumulative. `parent`: the charge that a refund or dispute is of. `revision`: the
    processor's own order of what it says of one dispute; higher is newer. `nominated`: that `ours`
    stands where a payer can write: it proves nothing unless asset and amount fit too. `payable`:
    that a charge has failed, and its payer can pay it there all the same.
    """

    reference: str
    ours: str | None
    state: ObjectState
    amount_minor: int
    asset: str
    failure_code: str | None = None
    failure_message: str | None = None
    kind: Kind = "charge"
    parent: str | None = None
    revision: int = 0
    reason: str | None = None  # why the payer disputes
    evidence_due_at: datetime | None = None
    nominated: bool = False
    payable: bool = False


class Pending(NamedTuple):
    """The processor took the wish, and the payer must act: at `redirect_url`, or on our own page,
    with what `way` holds (a JSON object whose `type` says what the page must show)."""

    reference: str
    redirect_url: str | None
    way: Raw | None = None


class Done(NamedTuple):
    """The processor has done it, or has it under way: what its objects now are."""

    observations: tuple[Observation, ...]


class Rejected(NamedTuple):
    """A definitive no: nothing was done and nothing will be."""

    code: str
    message: str


class Unknown(NamedTuple):
    """Nobody knows what was done: look before anything else."""

    reason: str


Answered = Pending | Done | Rejected | Unknown


class Found(NamedTuple):
    observations: tuple[Observation, ...]
    pending: Pending | None  # how the payer goes on, when the processor still waits
    unmarked: bool = False  # it lacks the mark that this connection leaves on all that it begins


class Absent(NamedTuple):
    """The processor has never heard of it."""


class CannotTell(NamedTuple):
    reason: str


Looked = Found | Absent | CannotTell


class Trouble(NamedTuple):
    """Something that is wrong with a connection, and how to mend it, in words for a person."""

    code: str
    message: str
    mend: str


class Ask(NamedTuple):
    """A message that proves nothing by itself: the charge that it hints at is to be looked up."""

    reference: str


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

    def prepare(self, wish: Intent | Change) -> Raw:
        """The request of a wish, as it will be sent, every time it is sent. Pure."""
        ...

    async def start(self, operation: Operation) -> Answered: ...

    async def act(self, operation: Operation) -> Answered:
        """Captures, voids or refunds. Never Pending: a refund that takes its time is Done, with
        the observation of a pending refund."""
        ...

    async def look(self, reference: str) -> Looked:
        """The authoritative read of a charge, by our reference of its start or by the processor's:
        the charge, and all its refunds and disputes."""
        ...

    def peek(self, request: CallbackRequest) -> Hint: ...

    def verify(self, request: CallbackRequest, now: datetime) -> Verdict: ...

    def read(self, request: CallbackRequest) -> list[Observation] | Ask | Unreadable:
        """After `verify`. Types that mean nothing to us give nothing; sums and hints are looked up.
        Pure."""
        ...

    async def prove(self) -> list[Trouble]:
        """Asks the processor whether it would take our wishes; nothing is wrong when it is empty.
        Moves no money and leaves nothing there."""
        ...
