"""What the sandbox keeps and what it accepts: frozen values. No rules, no I/O.

Field names are in Pascal case on the wire (`TransactionId`), as external payment apps write them;
the control requests, and the faults of `faults`, are our own and stay in lower case.
"""

from typing import Annotated, Literal, NamedTuple

from msgspec import Meta, Struct

from tillgate.kit.money import AMOUNT_MAX_MINOR

BODY_MAX_BYTES = 64 * 1024
"""The largest request body."""

EVIDENCE_DUE_S = 7 * 86_400
EVIDENCE_DUE_MAX_S = 365 * 86_400

Status = Literal["pending", "processing", "authorized", "success", "failed", "canceled"]
Method = Literal["card", "upi", "bank_transfer"]
Outcome = Literal["approve", "decline"]
RefundStatus = Literal["pending", "succeeded", "failed"]
RefundOutcome = Literal["succeed", "fail"]
DisputeStatus = Literal["needs_response", "under_review", "won", "lost"]
DisputeDeed = Literal["review", "win", "lose", "reinstate"]
EventType = Literal[
    "payment.pending",
    "payment.processing",
    "payment.authorized",
    "payment.succeeded",
    "payment.failed",
    "payment.canceled",
    "refund.pending",
    "refund.succeeded",
    "refund.failed",
    "dispute.created",
    "dispute.under_review",
    "dispute.won",
    "dispute.lost",
    "dispute.reinstated",
]
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
    """The body of `POST /api/payments`. Amounts are in minor units.

    Without `capture` an approval only sets the amount aside. With a `method` nobody is asked: the
    sandbox processes the payment by itself, as its settings say.
    """

    transaction_id: Name
    amount: Amount
    currency: Annotated[str, Meta(min_length=3, max_length=5)]
    callback_url: Url
    success_url: Url
    failure_url: Url
    description: Annotated[str, Meta(max_length=2000)] | None = None
    metadata: Metadata = {}
    capture: bool = True
    method: Literal["card", "upi"] | None = None


class Payment(PaymentWish, frozen=True, kw_only=True, rename="pascal"):
    """What was asked, and what became of it. Times are unix seconds.

    `authorized` is what is set aside now, `changed_by` the operation that captured or canceled.
    """

    reference: str
    status: Status
    created_at: int
    updated_at: int
    authorized: int = 0
    captured: int = 0
    refunded: int = 0
    failure_code: str | None = None
    failure_message: str | None = None
    changed_by: str | None = None


class CaptureWish(Struct, frozen=True, rename="pascal"):
    """The body of `POST /api/payments/{reference}/capture`; what is left is released."""

    operation_id: Name
    amount: Amount


class CancelWish(Struct, frozen=True, rename="pascal"):
    """The body of `POST /api/payments/{reference}/cancel`."""

    operation_id: Name


class RefundWish(Struct, frozen=True, rename="pascal"):
    """The body of `POST /api/payments/{reference}/refunds`."""

    refund_id: Name
    amount: Amount


class Refund(Struct, frozen=True, kw_only=True, rename="pascal"):
    """One refund: kept, listed by look-ups and told by callbacks with these very fields.

    `refund_id` is the caller's, `refund_reference` ours; `opened_as` is the status that the call
    was answered with, and is answered with again.
    """

    refund_id: str
    refund_reference: str
    refund_status: RefundStatus
    refund_amount: int
    reference: str
    transaction_id: str
    currency: str
    opened_as: RefundStatus
    updated_at: int
    error_code: str | None = None
    error_message: str | None = None


class Dispute(Struct, frozen=True, kw_only=True, rename="pascal"):
    """One dispute, kept, listed and told alike; `revision` rises with each change."""

    dispute_reference: str
    dispute_status: DisputeStatus
    dispute_amount: int
    dispute_reason: str
    evidence_due_at: int
    revision: int
    reference: str
    transaction_id: str
    currency: str
    updated_at: int


class ApproveWish(Struct, frozen=True, forbid_unknown_fields=True):
    """The optional body of `POST /control/payments/{reference}/approve`."""

    amount: Amount | None = None
    method: Method = "card"


class DisputeWish(Struct, frozen=True, forbid_unknown_fields=True):
    """The optional body of `POST /control/payments/{reference}/disputes`; all of it by default."""

    amount: Amount | None = None
    reason: Name = "fraudulent"
    evidence_due_in_s: Annotated[int, Meta(ge=0, le=EVIDENCE_DUE_MAX_S)] = EVIDENCE_DUE_S


class Later(NamedTuple):
    """What the sandbox will do by itself: finish a payment, or the refund that is named.

    `amount` is what an approval brings, None for all that was asked.
    """

    reference: str
    refund: str | None
    succeeds: bool
    amount: int | None
    due_at: float


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
    """What a callback says: of the payment, or of one refund or dispute of it, with its fields.

    Of a payment, `amount` is what has been captured in all, `authorized` what is set aside.
    `timestamp` is when the thing happened, the same at every try, so the body stays byte for byte
    equal; the time of the try is in the header `X-Sandbox-Timestamp`.
    """

    event_id: str
    event_type: EventType
    transaction_id: str
    reference: str
    status: Status | None = None
    amount: int | None = None
    authorized: int = 0
    currency: str
    refund_id: str | None = None
    refund_reference: str | None = None
    refund_status: RefundStatus | None = None
    refund_amount: int | None = None
    dispute_reference: str | None = None
    dispute_status: DisputeStatus | None = None
    dispute_amount: int | None = None
    dispute_reason: str | None = None
    evidence_due_at: int | None = None
    revision: int | None = None
    error_code: str | None = None
    error_message: str | None = None
    timestamp: int
    metadata: Metadata
