"""Setting money aside to be given back: the rule that a charge is never refunded twice. Pure.

The sum of what went and is going back is taken from rows that the payment's lock guards, so any
number of parallel refunds stays within what was captured.
"""

from collections.abc import Iterator
from uuid import UUID

from msgspec import Raw

from tillgate.engine.command import Need
from tillgate.kit import ids
from tillgate.kit.money import Money
from tillgate.kit.refusal import Refused
from tillgate.ledger.model import Hold, clearing
from tillgate.ledger.rules import Fact, disposable
from tillgate.payments import outstanding
from tillgate.payments.booking import account_of
from tillgate.payments.case import EMPTY, Case
from tillgate.payments.model import ProcessorObject, Refund
from tillgate.payments.rules import belongs


def choose(case: Case, minor: int | None) -> tuple[ProcessorObject, int] | Refused:
    """(charge, how much of it): the charge with the largest rest in the payment's own asset; money
    of another one, or that does not belong here, when nothing else is left."""
    payment = case.payment
    rests = [(belongs(payment, charge), rest, charge) for charge, rest in rests_of(case)]
    if not rests:
        if payment.captured:
            return Refused("charge_refunded", "Everything was given back, or is claimed back.")
        return Refused(
            "payment_state",
            f"A payment that is {payment.status} has brought no money to give back.",
            "payment",
        )
    _, rest, charge = max(rests, key=lambda found: (*found[:2], found[2].reference))
    if minor is not None and minor > rest:
        return Refused("amount_too_large", f"{rest} can be refunded at most.", "amount")
    return charge, minor or rest


def rests_of(case: Case) -> Iterator[tuple[ProcessorObject, int]]:
    """Every charge of which something can be given back, and how much."""
    disputes = case.of_kind("dispute")
    for charge in sorted(case.of_kind("charge"), key=lambda o: (o.connection_id, o.reference)):
        rest = outstanding.refundable(charge, case.refunds.values(), disputes)
        if rest:
            yield charge, rest


def set_aside(
    case: Case,
    refund_id: UUID,
    charge: ProcessorObject,
    minor: int,
    reason: str | None,
    metadata: Raw = EMPTY,
) -> Refused | Need | None:
    """Holds the money and reserves the wish. Refused: the wallet cannot bear it. The charge must be
    booked."""
    place = charge.booked_to or "merchant"
    debit = account_of(case.payment, place, charge.asset)
    credit = clearing(charge.merchant_id, ids.show("con", charge.connection_id), charge.asset)
    need = case.load_accounts((debit, credit))
    if need is not None:
        return need
    account, money = case.book.see(debit), Money(minor, charge.asset)
    if account.frozen:
        return Refused("wallet_frozen", f"The wallet of {case.payment.wallet_user} is frozen.")
    free = disposable(account)
    if free is not None and free < minor:
        return Refused("insufficient_funds", f"The wallet has {max(free, 0)} left of it.")
    shown = ids.show("re", refund_id)
    fact = Fact("refund_reserved", f"{shown}:hold", shown)
    transfer = case.book.hold(debit, credit, money, fact, None)
    case.keep(
        Hold(
            charge.merchant_id, transfer.id, debit.owner, debit.code, credit.owner, credit.code,
            charge.asset, minor, 0, "held", shown, None, None,
            transfer.created_at, case.now,
        )
    )  # fmt: skip
    case.keep(
        Refund(
            charge.merchant_id, charge.payment_id, refund_id, charge.connection_id,
            charge.reference, minor, charge.asset, "pending", reason, metadata, place,
            transfer.id, None, None, None, case.now, case.now,
        )
    )  # fmt: skip
    spot = charge.connection_id, charge.reference
    case.reserve("refund", spot, money, charge.ordinal or 0, refund_id)
    return None
