"""Every type of event, and what it says. docs/reference/events.md repeats it; a test compares."""

API_VERSION = "2026-11-21"
"""The dated shape of objects and events; what is stored says which one it has."""

TYPES: dict[str, str] = {
    "payment.created": "A payment was created; nothing has been paid.",
    "payment.pending": (
        "A try began: together with the payment, or a new one after one that failed."
    ),
    "payment.processing": "The payer acted; the processor does not know the outcome yet.",
    "payment.authorized": "The amount is set aside at the processor and can be captured.",
    "payment.succeeded": "The money is booked. Deliver what was bought.",
    "payment.failed": "The processor refused the current try; another may be made.",
    "payment.canceled": "The payment was canceled.",
    "payment.expired": "Nobody paid in time.",
    "payment.review": "Money arrived that does not fit; it is in suspense until a person decides.",
    "payment.amount_mismatch": "More arrived than was asked; all of it is booked.",
    "order.created": "An order was created; nothing of it is paid.",
    "order.updated": "The order's reference, description or metadata was changed.",
    "order.partly_paid": "A payment brought a part of the order's amount; `amount_due` is left.",
    "order.paid": "The whole amount of the order is paid. Deliver what was bought.",
    "order.canceled": "The order was canceled; money that still arrives for it waits in review.",
    "order.refunded": "Money of the order went back; `amount_refunded` says how much in all.",
    "payment.refunded": "What was given back of the payment has changed.",
    "refund.created": "Money was set aside to be given back, or was given back at the processor.",
    "refund.succeeded": "The processor has given the money back.",
    "refund.failed": "The money could not be given back: it is where it was.",
    "refund.canceled": "The refund was taken back before the processor had it.",
    "dispute.opened": "The payer claims money back through the bank; it is set aside.",
    "dispute.evidence_due": "Evidence is due within two days.",
    "dispute.under_review": "The bank looks at the evidence.",
    "dispute.won": "The dispute is decided: the money is the merchant's again.",
    "dispute.lost": "The dispute is decided: the money is the payer's.",
    "dispute.reinstated": "A lost dispute was won after all: the money came back.",
    "webhook.test": "Sent by hand, to see an endpoint answer.",
}
