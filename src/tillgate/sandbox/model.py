"""What the sandbox keeps and what it accepts: frozen values. No rules, no I/O.

Field names are in Pascal case on the wire (`TransactionId`), as external payment apps write them;
the faults and the control requests are our own and stay in lower case.
"""

from typing import Annotated, Literal, NamedTuple

from msgspec import Meta, Struct

from tillgate.kit.money import AMOUNT_MAX_MINOR

BODY_MAX_BYTES = 64 * 1024
"""The largest request body."""

FAULT_DELAY_MAX_S = 3600

Status = Literal["pending", "success", "failed"]
Outcome = Literal["approve", "decline"]
EventType = Literal["payment.succeeded", "payment.failed", "payment.pending", "refund.succeeded"]
Signing = Literal["genuine", "forged", "stale"]
CallbackState = Literal["waiting", "delivered", "given_up", "dropped"]

Name = Annotated[str, Meta(min_length=1, max_length=128)]
Url = Annotated[str, Meta(min_length=1, max_length=2048)]
Amount = Annotated[int, Meta(ge=1, le=AMOUNT_MAX_MINOR)]
MetadataKey = Annotated[str, Meta(max_length=40)]
MetadataText = Annotated[str, Meta(max_length=500)]
Metadata = Annotated[
    dict[MetadataKey, MetadataText | int | float | bool | None], Meta(max_length=50)
]


class Refusal(NamedTuple):
    """What is not done, and why: answered as `{"error": code, "message": …}`."""

    status: int
    code: str
    message: str


class PaymentWish(Struct, frozen=True, kw_only=True, rename="pascal"):
    """The body of `POST /api/payments`. Amounts are in minor units."""

    transaction_id: Name
    amount: Amount
    currency: Annotated[str, Meta(min_length=3, max_length=5)]
    callback_url: Url
    success_url: Url
    failure_url: Url
    description: Annotated[str, Meta(max_length=2000)] | None = None
    metadata: Metadata = {}


class Payment(PaymentWish, frozen=True, kw_only=True, rename="pascal"):
    """What was asked, and what became of it. Times are unix seconds."""

    reference: str
    status: Status
    created_at: int
    updated_at: int
    captured: int = 0
    refunded: int = 0
    failure_code: str | None = None
    failure_message: str | None = None


class RefundWish(Struct, frozen=True, rename="pascal"):
    """The body of `POST /api/payments/{reference}/refunds`."""

    refund_id: Name
    amount: Amount


class ApproveWish(Struct, frozen=True, forbid_unknown_fields=True):
    """The optional body of `POST /control/payments/{reference}/approve`."""

    amount: Amount | None = None


class Attempt(Struct, frozen=True, rename="pascal"):
    """One HTTP request of a callback: the status it was answered with, or the error instead."""

    at: int
    took_ms: int
    status_code: int | None = None
    error: str | None = None


class Callback(Struct, frozen=True, rename="pascal"):
    """One message on its way. `body` is the exact text that every try sends.

    `behind` is the number of the callback whose first try must end before this one may go.
    """

    reference: str
    event_id: str
    event_type: EventType
    url: str
    body: str
    signing: Signing
    state: CallbackState
    due_at: float
    behind: int | None = None
    number: int = 0
    attempts: tuple[Attempt, ...] = ()


class CallbackBody(Struct, frozen=True, kw_only=True, rename="pascal", omit_defaults=True):
    """What a callback says.

    `amount` is what has been captured in all, `timestamp` when the thing happened, both the same
    at every try, so the body stays byte for byte equal; the time of the try is in the header
    `X-Sandbox-Timestamp`. The refund's fields stand in `refund.succeeded` alone; `refunded` is
    what has been given back in all.
    """

    event_id: str
    event_type: EventType
    transaction_id: str
    reference: str
    status: Status
    amount: int
    currency: str
    refund_id: str | None = None
    refund_amount: int | None = None
    refunded: int | None = None
    error_code: str | None = None
    error_message: str | None = None
    timestamp: int
    metadata: Metadata


class Faults(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What goes wrong on purpose; the only list of faults, the panel's form is made of it.

    Set for all payments, or for one, whose own faults then stand instead of the general ones.
    Callbacks are marked when they are queued: a retry is wrong in the same way as the first try.
    """

    delay_s: Annotated[
        float,
        Meta(
            ge=0,
            le=FAULT_DELAY_MAX_S,
            title="Delay",
            description="Seconds that a callback waits before its first try.",
        ),
    ] = 0
    duplicate: Annotated[
        int,
        Meta(
            ge=1,
            le=100,
            title="Duplicate",
            description="How often each callback is sent altogether, at once, with one event id.",
        ),
    ] = 1
    reorder: Annotated[
        bool,
        Meta(
            title="Reorder",
            description="A callback payment.pending follows after payment.succeeded.",
        ),
    ] = False
    drop: Annotated[
        bool, Meta(title="Drop", description="Callbacks are never sent; look-ups tell the truth.")
    ] = False
    wrong_amount: Annotated[
        int,
        Meta(
            ge=-AMOUNT_MAX_MINOR,
            le=AMOUNT_MAX_MINOR,
            title="Wrong amount",
            description="Minor units added to what callbacks of success say; look-ups stay right.",
        ),
    ] = 0
    wrong_currency: Annotated[
        str,
        Meta(
            max_length=5,
            title="Wrong currency",
            description="The currency that callbacks say; look-ups stay right.",
        ),
    ] = ""
    bad_signature: Annotated[
        bool, Meta(title="Bad signature", description="Callbacks are signed with another secret.")
    ] = False
    stale_timestamp: Annotated[
        bool,
        Meta(
            title="Stale timestamp",
            description="Callbacks are signed properly, but as if an hour ago.",
        ),
    ] = False
    fail_after_work: Annotated[
        int,
        Meta(
            ge=0,
            le=10_000,
            title="Fail after work",
            description="The next so many API calls do their work and then answer 500.",
        ),
    ] = 0
    slow_answer_s: Annotated[
        float,
        Meta(
            ge=0,
            le=600,
            title="Slow answer",
            description="Seconds between the work of an API call and its answer.",
        ),
    ] = 0
    callback_before_answer: Annotated[
        bool,
        Meta(
            title="Callback before answer",
            description="A create approves by itself, a refund is quick: the callback is tried "
            "before the call is answered.",
        ),
    ] = False
    times: Annotated[
        int,
        Meta(
            ge=0,
            le=10_000,
            title="Times",
            description="The faults vanish after they met so many callbacks and calls; 0: never.",
        ),
    ] = 0


NO_FAULTS = Faults()
