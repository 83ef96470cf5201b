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
