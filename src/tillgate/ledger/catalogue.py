"""Every reason for which money moves: what it debits and credits, and by which kind of transfer.

Data alone. `docs/guides/money.md` shows it; a test holds both, and the code that books, together.
"""

from typing import NamedTuple


class Movement(NamedTuple):
    """`debit` and `credit` are codes of accounts, several with "or" between them; `kind` is that of
    the transfer; `words` say when it is booked."""

    debit: str
    credit: str
    kind: str
    words: str


MOVEMENTS: dict[str, Movement] = {
    "payment_captured": Movement(
        "clearing", "available or wallet", "direct", "A processor proves that it has collected."
    ),
    "payment_in_review": Movement(
        "clearing", "suspense", "direct", "It has collected what does not fit the payment."
    ),
    "review_resolved": Movement(
        "suspense", "available or wallet", "direct", "What did not fit has found its place."
    ),
    "refund_reserved": Movement(
        "available or wallet or suspense",
        "clearing",
        "hold",
        "A refund is under way: the money stays, and cannot be spent.",
    ),
    "refund_succeeded": Movement(
        "available or wallet or suspense",
        "clearing",
        "post or direct",
        "A processor proves that it has given the money back.",
    ),
    "refund_released": Movement(
        "available or wallet or suspense",
        "clearing",
        "void",
        "The refund came to nothing; what was set aside is let go.",
    ),
    "refund_returned": Movement(
        "clearing",
        "available or wallet or suspense",
        "direct",
        "A refund failed after it had succeeded: the money is back.",
    ),
    "refund_moved": Movement(
        "available or wallet",
        "suspense",
        "direct",
        "Money in review was refunded in part and then accepted: who bears the refund follows.",
    ),
    "dispute_opened": Movement(
        "available or wallet or suspense",
        "disputed",
        "direct",
        "A payer claims the money back through the bank.",
    ),
    "dispute_lost": Movement("disputed", "clearing", "direct", "The bank has given it back."),
    "dispute_won": Movement(
        "disputed",
        "available or wallet or suspense",
        "direct",
        "The bank has decided for the merchant.",
    ),
    "dispute_reinstated": Movement(
        "clearing",
        "available or wallet or suspense",
        "direct",
        "A dispute that was lost is won after all.",
    ),
    "dispute_reopened": Movement(
        "clearing", "disputed", "direct", "A dispute that was lost is looked at again."
    ),
    "wallet_credit": Movement(
        "available", "wallet", "direct", "The merchant gives a user money of its own."
    ),
    "wallet_debit": Movement(
        "wallet", "available", "direct", "The merchant takes money from a user."
    ),
    "wallet_transfer": Movement("wallet", "wallet", "direct", "One user's money goes to another."),
    "wallet_hold": Movement(
        "wallet", "available", "hold", "Money is set aside: it stays, and cannot be spent."
    ),
    "hold_posted": Movement(
        "wallet", "available", "post", "Of what was set aside, all or a part is taken."
    ),
    "hold_voided": Movement("wallet", "available", "void", "What was set aside is let go."),
    "hold_expired": Movement(
        "wallet", "available", "void", "Nobody took it in time; it is let go."
    ),
}
"""The `code` of a transfer → what it is. What a floor forbids a fact is debited to `receivable`."""
