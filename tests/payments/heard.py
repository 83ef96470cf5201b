"""The model beside the core: what processors said last of each object, and nothing else."""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple
from uuid import UUID

from tillgate.connectors.protocol import Observation
from tillgate.ledger.model import (
    Account,
    AccountKey,
    available,
    disputed,
    receivable,
    suspense,
    wallet,
)
from tillgate.payments.model import Payment
from tillgate.payments.rules import CLAIMED, PAYABLE_RANK, RANKS

Spot = tuple[UUID, str, str]
"""Connection, kind, reference."""


class Last(NamedTuple):
    """The word that counts of one object: the newest of a dispute, else the highest."""

    weight: tuple[int, int, int]
    state: str
    amount: int
    asset: str
    parent: str | None
    nominated: bool


class Heard:
    """By payment, what was said of its objects."""

    def __init__(self, said: dict[UUID, dict[Spot, Last]] | None = None) -> None:
        self.said = said if said is not None else {}

    def hear(self, payment_id: UUID, connection_id: UUID, seen: Observation) -> None:
        if seen.nominated and seen.state != "captured":
            return  # what a payer can write is no word about what has brought nothing
        revision = seen.revision if seen.kind == "dispute" else 0
        rank = PAYABLE_RANK if seen.payable else RANKS[seen.kind][seen.state]
        weight = revision, rank, seen.amount_minor
        said = self.said.setdefault(payment_id, {})
        spot = connection_id, seen.kind, seen.reference
        known = said.get(spot)
        if known is not None and known.state == "captured" and known.asset != seen.asset:
            return  # money has one asset
        if known is None or weight > known.weight:
            nominated = known.nominated if known is not None else seen.nominated
            rest = seen.state, seen.amount_minor, seen.asset, seen.parent, nominated
            said[spot] = Last(weight, *rest)

    def of(self, payment_id: UUID, kind: str, *states: str) -> Iterator[tuple[Spot, Last]]:
        for spot, last in self.said.get(payment_id, {}).items():
            if spot[1] == kind and last.state in states:
                yield spot, last

    def sums(self, payment: Payment, kind: str, *states: str) -> Counter[str]:
        """By asset, without what only a payer says is for the payment, and does not fit."""
        total: Counter[str] = Counter()
        for (connection, _, reference), last in self.of(payment.id, kind, *states):
            charge = reference if kind == "charge" else last.parent
            if self.fits(payment, connection, charge):
                total[last.asset] += last.amount
        return total

    def fits(self, payment: Payment, connection: UUID, charge: str | None) -> bool:
        found = self.said[payment.id].get((connection, "charge", charge or ""))
        return found is None or not found.nominated or found.amount == payment.amount

    def arrived(self, payment_id: UUID, connection_id: UUID, parent: str | None) -> bool:
        """Whether the charge of a refund or dispute has brought money."""
        charge = self.said[payment_id].get((connection_id, "charge", parent or ""))
        return charge is not None and charge.state == "captured" and charge.amount > 0

    def home(
        self, payment: Payment, asset: str, connection: UUID, charge: str | None
    ) -> AccountKey:
        """Whose the money of a charge, or of what is of it, is as the payment stands."""
        if not self.fits(payment, connection, charge):
            return suspense(payment.merchant_id, asset)
        return home(payment, asset)

    def balances(self, payment: Payment) -> Counter[AccountKey]:
        """What the payment has brought to whose account, all that came and went counted. A wallet
        is one with receivable: which of both bears a fact depends on what was spent before it."""
        found: Counter[AccountKey] = Counter()
        for (connection, _, reference), charge in self.of(payment.id, "charge", "captured"):
            found[self.home(payment, charge.asset, connection, reference)] += charge.amount
        for (connection, *_), refund in self.of(payment.id, "refund", "succeeded"):
            if self.arrived(payment.id, connection, refund.parent):
                place = self.home(payment, refund.asset, connection, refund.parent)
                found[place] -= refund.amount
        for (connection, *_), dispute in self.of(payment.id, "dispute", *CLAIMED):
            if self.arrived(payment.id, connection, dispute.parent):
                place = self.home(payment, dispute.asset, connection, dispute.parent)
                found[place] -= dispute.amount
                if dispute.state != "lost":
                    found[disputed(payment.merchant_id, dispute.asset)] += dispute.amount
        return found


def home(payment: Payment, asset: str) -> AccountKey:
    """Whose the payment's money is, as the payment stands."""
    refused = payment.status == "failed" and payment.captured > 0
    if payment.status == "review" or refused or asset != payment.asset:
        return suspense(payment.merchant_id, asset)
    if payment.wallet_user is not None:
        return wallet(payment.merchant_id, payment.wallet_user, asset)
    return available(payment.merchant_id, asset)


def as_one(key: AccountKey) -> AccountKey:
    """A wallet and what is owed for one, together."""
    return receivable(key.merchant_id, key.asset) if key.code == "wallet" else key


def key_of(account: Account) -> AccountKey:
    return AccountKey(account.merchant_id, account.owner, account.code, account.asset)
