"""The rows of payments and of what hangs on them. How the API shows them is in `shapes`."""

from typing import Literal

from msgspec import Struct

from tillgate.engine.table import (
    Bigint,
    Bool,
    Id,
    Integer,
    Json,
    OptionalBigint,
    OptionalId,
    OptionalInteger,
    OptionalJson,
    OptionalText,
    OptionalTime,
    Text,
    Time,
    table,
)

Status = Literal[
    "pending", "processing", "authorized", "succeeded", "failed", "canceled", "expired", "review"
]


@table(
    "payments",
    "merchant_id id",
    "amount status authorized captured refunded disputed late review_reason failure_code"
    " failure_message description metadata connection_id tries bookings version updated_at"
    " succeeded_at to_capture cancellation_reason resolution credited",
)
class Payment(Struct, frozen=True):
    """Amounts are minor units of `asset`. `amount` is asked; the totals are what is proven.

    `to_capture`: what the merchant asked for of what is authorized. `resolution`: what a person
    decided of money in review. `credited`: what of it the order counts as paid. `routed`: we chose
    the connection. `amount_policy`: what becomes of less than was asked; `open`: its payer chooses
    the amount, and what came first is what was asked.
    """

    merchant_id: Id
    id: Id
    amount: Bigint
    asset: Text
    status: Text
    capture_method: Text
    authorized: Bigint
    captured: Bigint
    refunded: Bigint
    disputed: Bigint
    late: Bool
    review_reason: OptionalText
    failure_code: OptionalText
    failure_message: OptionalText
    description: OptionalText
    metadata: Json
    connection_id: Id
    wallet_user: OptionalText
    success_url: OptionalText
    cancel_url: OptionalText
    tries: Integer
    bookings: Integer
    version: Integer
    created_at: Time
    updated_at: Time
    expires_at: Time
    succeeded_at: OptionalTime
    order_id: OptionalId
    to_capture: OptionalBigint
    cancellation_reason: OptionalText
    resolution: OptionalText
    credited: Bigint
    routed: Bool = False
    amount_policy: Text = "review"


@table(
    "tries",
    "merchant_id payment_id ordinal",
    "state reference redirect_url failure_code failure_message updated_at way",
    root=Payment,
)
class Try(Struct, frozen=True):
    """One attempt through one connection: `open`, `succeeded`, `failed` or `canceled`.
    `way`: what our own page shows the payer, beside or instead of a redirect."""

    merchant_id: Id
    payment_id: Id
    ordinal: Integer
    connection_id: Id
    state: Text
    reference: OptionalText
    redirect_url: OptionalText
    failure_code: OptionalText
    failure_message: OptionalText
    created_at: Time
    updated_at: Time
    way: OptionalJson = None


@table(
    "operations",
    "merchant_id payment_id id",
    "state request reference error looks due_at updated_at submissions",
    root=Payment,
)
class OperationRow(Struct, frozen=True):
    """One wish towards the processor, of the try `ordinal`; `target` is the charge that it changes.
    `due_at`: when a worker takes it up. A reserved one is to be sent, or to be sent again."""

    merchant_id: Id
    payment_id: Id
    id: Id
    ordinal: Integer
    connection_id: Id
    kind: Text
    state: Text
    amount: Bigint
    asset: Text
    request: Json
    reference: OptionalText
    error: OptionalText
    looks: Integer
    due_at: OptionalTime
    created_at: Time
    updated_at: Time
    target: OptionalText
    submissions: Integer


@table("payment_references", "merchant_id connection_id reference")
class PaymentReference(Struct, frozen=True):
    """What a processor calls a payment: the only way from a callback to its payment."""

    merchant_id: Id
    connection_id: Id
    reference: Text
    payment_id: Id


@table(
    "processor_objects",
    "merchant_id payment_id connection_id kind reference",
    "ordinal state amount asset booked booked_to failure_code failure_message updated_at parent"
    " revision owed payable",
    root=Payment,
)
class ProcessorObject(Struct, frozen=True):
    """All that was said about one object at the processor, folded. `booked` of its amount stands
    in the ledger: of a charge in `suspense`, with the `merchant`, or in the `wallet`; of a refund
    it was taken from there; of a dispute it is `disputed`, or gone (`clearing`). `owed` of it was
    taken from receivable. `parent`: the charge of a refund or dispute. `nominated`: only what its
    payer could write ties it to the payment. `payable`: it has failed, and can be paid there all
    the same."""

    merchant_id: Id
    payment_id: Id
    connection_id: Id
    kind: Text
    reference: Text
    ordinal: OptionalInteger
    state: Text
    amount: Bigint
    asset: Text
    booked: Bigint
    booked_to: OptionalText
    failure_code: OptionalText
    failure_message: OptionalText
    created_at: Time
    updated_at: Time
    parent: OptionalText
    revision: Bigint
    owed: Bigint
    nominated: Bool = False
    payable: Bool = False


@table(
    "refunds",
    "merchant_id payment_id id",
    "amount status place hold_id reference failure_code failure_message metadata updated_at",
    root=Payment,
)
class Refund(Struct, frozen=True):
    """What is given back of one charge. Its id is that of its operation, which one that was made
    at the processor does not have. `place`: whose money it is; `hold_id` sets it aside there while
    it is under way."""

    merchant_id: Id
    payment_id: Id
    id: Id
    connection_id: Id
    charge: Text
    amount: Bigint
    asset: Text
    status: Text
    reason: OptionalText
    metadata: Json
    place: Text
    hold_id: OptionalId
    reference: OptionalText
    failure_code: OptionalText
    failure_message: OptionalText
    created_at: Time
    updated_at: Time


@table(
    "disputes",
    "merchant_id payment_id id",
    "amount status reason evidence_due_at remind_at updated_at",
    root=Payment,
)
class Dispute(Struct, frozen=True):
    """Money that the payer claims back through the bank. `remind_at`: when the merchant is told
    that evidence is due."""

    merchant_id: Id
    payment_id: Id
    id: Id
    connection_id: Id
    reference: Text
    charge: OptionalText
    amount: Bigint
    asset: Text
    status: Text
    reason: OptionalText
    evidence_due_at: OptionalTime
    remind_at: OptionalTime
    created_at: Time
    updated_at: Time
