"""Every type of event, and what it says. docs/reference/events.md repeats it; a test compares."""

API_VERSION = "2026-11-21"
"""The dated shape of objects and events; what is stored says which one it has."""

TYPES: dict[str, str] = {
    "payment.created": "A payment was created; nothing has been paid.",
    "payment.pending": "A new try began after one that failed.",
    "payment.processing": "The payer acted; the processor does not know the outcome yet.",
    "payment.authorized": "The amount is set aside at the processor and can be captured.",
    "payment.succeeded": "The money is booked. Deliver what was bought.",
    "payment.failed": "The processor refused the current try; another may be made.",
    "payment.canceled": "The payment was canceled.",
    "payment.expired": "Nobody paid in time.",
    "payment.review": "Money arrived that does not fit; it is in suspense until a person decides.",
    "payment.amount_mismatch": "More arrived than was asked; all of it is booked.",
    "webhook.test": "Sent by hand, to see an endpoint answer.",
}
