"""What of a payment's objects is booked where, and the transfers that bring it there. Pure.

A charge's money comes from the connection's clearing account and stands with the merchant, in a
wallet, or in suspense. A refund takes it from there back to clearing; a dispute sets it aside;
both when their charge has come. Booking posts what the objects say now less what is booked already,
back and forth.
"""

from typing import NamedTuple
from uuid import UUID

from msgspec.structs import replace

from tillgate.engine.command import Need
from tillgate.kit import ids
from tillgate.kit.money import Money
from tillgate.ledger.model import (
    AccountKey,
    Hold,
    available,
    clearing,
    disputed,
    receivable,
    suspense,
    wallet,
)
from tillgate.ledger.rules import Fact, keys_of
from tillgate.payments.case import Case
from tillgate.payments.model import Payment, ProcessorObject, Refund
from tillgate.payments.rules import belongs, charge_of

DISPUTED_AT = {
    "needs_response": "disputed", "under_review": "disputed", "lost": "clearing", "won": None,
}  # fmt: skip
"""A dispute's state → where its money stands; None: where it was before."""


class Post(NamedTuple):
    """A fact to be booked. `object`: whose `owed` grows by what the debit could not bear."""

    debit: AccountKey
    credit: AccountKey
    money: Money
    code: str
    object: ProcessorObject | None
    ref: str


def book(case: Case) -> Need | None:
    """Brings the books to what the objects of the case say."""
    steps: list[Post] = []
    settled: list[tuple[Hold, int, Refund]] = []
    for thing in sorted(case.of_kind("charge"), key=_place):
        steps += _charge(case, thing)
    for refund in sorted(case.refunds.values(), key=lambda r: r.id):
        hold = None
        if refund.hold_id is not None and refund.status != "pending":
            hold = case.load_hold(refund.hold_id)
            if isinstance(hold, Need):
                return hold
        planned, posted = _refund(case, refund, hold)
        steps += planned
        if hold is not None:
            settled.append((hold, posted, refund))
    for thing in sorted(case.of_kind("dispute"), key=_place):
        steps += _dispute(case, thing)
    if not steps and not settled:
        return None
    keys = {key for step in steps for key in keys_of(step.debit, step.credit)}
    keys |= {key for hold, *_ in settled for key in (hold.debit, hold.credit)}
    need = case.load_accounts(keys)
    if need is not None:
        return need
    for hold, posted, refund in settled:
        _settle(case, hold, posted, refund)
    for step in steps:
        _post(case, step)
    return None


def _place(thing: ProcessorObject) -> tuple[UUID, str]:
    return thing.connection_id, thing.reference


def _post(case: Case, step: Post) -> None:
    number = case.payment.bookings + 1
    case.payment = replace(case.payment, bookings=number)
    cause = f"{ids.show('pay', case.payment.id)}:booking:{number}"
    owed = case.book.post(step.debit, step.credit, step.money, Fact(step.code, cause, step.ref))
    if owed and step.object is not None:
        spot = step.object.connection_id, step.object.kind, step.object.reference
        thing = case.objects[spot]
        case.keep(replace(thing, owed=thing.owed + owed))


def _settle(case: Case, hold: Hold, posted: int, refund: Refund) -> None:
    code = "refund_succeeded" if posted else "refund_released"
    fact = Fact(code, f"{ids.show('re', refund.id)}:settle", refund.reference)
    case.book.settle(hold, posted, fact)
    state = "posted" if posted else "voided"
    case.keep(replace(hold, posted=posted, state=state, updated_at=case.now))


# ---- what each kind of object asks for ----------------------------------------------------------


def _charge(case: Case, thing: ProcessorObject) -> list[Post]:
    if thing.state != "captured":
        return []
    steps: list[Post] = []
    aim = home(case, thing)
    account = account_of(case.payment, aim, thing.asset)
    if thing.booked_to == "suspense" and aim != "suspense":
        parked = suspense(case.payment.merchant_id, thing.asset)
        held = Money(thing.booked, thing.asset)
        for claim in case.of_kind("dispute"):
            if (claim.connection_id, claim.parent) == _place(thing) and claim.booked:
                # it is opened anew, from where the money now is
                steps += _give_up(case, claim, parked)
        steps.append(Post(parked, account, held, "review_resolved", None, thing.reference))
    if thing.amount > thing.booked:
        code = "payment_in_review" if aim == "suspense" else "payment_captured"
        fresh = Money(thing.amount - thing.booked, thing.asset)
        steps.append(Post(_clearing(thing), account, fresh, code, None, thing.reference))
    case.keep(replace(thing, booked=thing.amount, booked_to=aim if thing.amount else None))
    return steps


def _refund(case: Case, refund: Refund, hold: Hold | None) -> tuple[list[Post], int]:
    """(what is to be booked; how much of the hold that is now settled went to the payer)"""
    thing = case.objects.get((refund.connection_id, "refund", refund.reference or ""))
    if hold is not None:
        refund = replace(refund, hold_id=None)
    if thing is None:
        case.keep(refund)
        return [], 0
    come = _has_come(case, refund.connection_id, refund.charge)
    target = thing.amount if thing.state == "succeeded" and come else 0
    posted = min(target, hold.amount) if hold is not None and hold.asset == thing.asset else 0
    booked, owed, steps = thing.booked + posted, thing.owed, list[Post]()
    aim = home(case, thing)
    if not booked and refund.hold_id is None:
        refund = replace(refund, place=aim)
    account = account_of(case.payment, refund.place, thing.asset)
    if target > booked:
        more = Money(target - booked, thing.asset)
        steps.append(
            Post(account, _clearing(thing), more, "refund_succeeded", thing, thing.reference)
        )
    if target < booked:
        steps += _back(_clearing(thing), account, thing, booked - target, "refund_returned")
        owed = max(owed - (booked - target), 0)
    if refund.place != aim and refund.hold_id is None:
        if target:
            to = account_of(case.payment, aim, thing.asset)
            money = Money(target, thing.asset)
            steps.append(Post(to, account, money, "refund_moved", thing, thing.reference))
        refund = replace(refund, place=aim)
    case.keep(refund)
    case.keep(replace(thing, booked=target, booked_to=refund.place if target else None, owed=owed))
    return steps, posted


def _dispute(case: Case, thing: ProcessorObject) -> list[Post]:
    come = _has_come(case, thing.connection_id, thing.parent)
    aim = DISPUTED_AT[thing.state] if thing.amount and come else None
    if (aim, thing.amount if aim else 0) == (thing.booked_to, thing.booked):
        return []
    account = account_of(case.payment, home(case, thing), thing.asset)
    aside = disputed(thing.merchant_id, thing.asset)
    money = Money(thing.amount, thing.asset)
    steps: list[Post] = []
    if thing.booked_to is not None and (aim is None or thing.amount != thing.booked):
        steps += _give_up(case, thing, account)
        thing = replace(thing, booked=0, booked_to=None, owed=0)
    if aim is not None and thing.booked_to is None:
        steps.append(Post(account, aside, money, "dispute_opened", thing, thing.reference))
        thing = replace(thing, booked=thing.amount, booked_to="disputed")
    if aim == "clearing" and thing.booked_to == "disputed":
        steps.append(Post(aside, _clearing(thing), money, "dispute_lost", None, thing.reference))
    if aim == "disputed" and thing.booked_to == "clearing":
        steps.append(
            Post(_clearing(thing), aside, money, "dispute_reopened", None, thing.reference)
        )
    case.keep(replace(thing, booked_to=aim))
    return steps


def _give_up(case: Case, thing: ProcessorObject, account: AccountKey) -> list[Post]:
    """What a dispute has taken comes back to where it was."""
    lost = thing.booked_to == "clearing"
    source, code = (
        (_clearing(thing), "dispute_reinstated")
        if lost
        else (disputed(thing.merchant_id, thing.asset), "dispute_won")
    )
    case.keep(replace(thing, booked=0, booked_to=None, owed=0))
    return _back(source, account, thing, thing.booked, code)


def _has_come(case: Case, connection_id: UUID, charge: str | None) -> bool:
    """Whether the charge of a refund or dispute is booked: what goes back has come before, although
    messages may overtake each other. One that names no charge does not wait."""
    found = case.objects.get((connection_id, "charge", charge or ""))
    return not charge or (found is not None and found.booked > 0)


def _back(
    source: AccountKey, account: AccountKey, thing: ProcessorObject, minor: int, code: str
) -> list[Post]:
    """Money that returns goes first to where it was owed."""
    owed = min(thing.owed, minor)
    books = receivable(thing.merchant_id, thing.asset)
    parts = ((books, owed), (account, minor - owed))
    return [
        Post(source, to, Money(part, thing.asset), code, None, thing.reference)
        for to, part in parts
        if part
    ]


# ---- accounts -----------------------------------------------------------------------------------


def home(case: Case, thing: ProcessorObject) -> str:
    """Where an object's money belongs as things stand now: suspense, merchant or wallet."""
    payment = case.payment
    stays_out = payment.status == "review" or payment.resolution == "refused"
    fits = belongs(payment, charge_of(thing, case.objects.values()))
    if stays_out or thing.asset != payment.asset or not fits:
        return "suspense"
    return "wallet" if payment.wallet_user is not None else "merchant"


def account_of(payment: Payment, place: str, asset: str) -> AccountKey:
    """The account of a place."""
    if place == "suspense":
        return suspense(payment.merchant_id, asset)
    if place == "wallet" and payment.wallet_user is not None:
        return wallet(payment.merchant_id, payment.wallet_user, asset)
    return available(payment.merchant_id, asset)


def _clearing(thing: ProcessorObject) -> AccountKey:
    return clearing(thing.merchant_id, ids.show("con", thing.connection_id), thing.asset)
