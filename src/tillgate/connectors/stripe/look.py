"""Looking up what Stripe knows: a charge with all its refunds and disputes."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from tillgate.connectors.protocol import (
    Absent,
    CannotTell,
    Found,
    Looked,
    Observation,
    Pending,
    Rejected,
    Unknown,
    Unreadable,
)
from tillgate.connectors.stripe import read, ways
from tillgate.connectors.stripe.answers import Said, parsed
from tillgate.connectors.stripe.model import BY_LINK, Credentials, Settings
from tillgate.connectors.stripe.request import OPERATION
from tillgate.connectors.stripe.things import (
    Charge,
    Dispute,
    Page,
    PaymentIntent,
    Refund,
    Session,
    id_of,
)

if TYPE_CHECKING:
    from tillgate.connectors.stripe.client import Client

REFUNDS_PER_PAGE = 25
REFUND_PAGES_MAX = 20
DISPUTES_MAX = 5
"""Of one payment. An answer must stay below `RESPONSE_MAX_BYTES` of kit.outbound."""


class Looking(NamedTuple):
    """One connection's way to look."""

    client: "Client"
    settings: Settings
    credentials: Credentials

    async def at(self, reference: str) -> Looked:
        """By `pi_…`, `cs_…` or `ch_…`; by our own, where Stripe can be asked for it."""
        match reference.partition("_")[0]:
            case "pi":
                return await self._at_intent(reference)
            case "cs":
                return await self._at_session(reference)
            case "ch" | "py":
                charge = parsed(await self.client.charge(reference), Charge)
                if not isinstance(charge, Charge):
                    return _missing(charge)
                intent = id_of(charge.payment_intent)
                return await self._at_intent(intent) if intent else Absent()
            case _:
                return await self._find(reference)

    async def _find(self, ours: str) -> Looked:
        if self.settings.method in BY_LINK:
            return CannotTell("Of a button or link Stripe tells by callback only.")
        said = await self.client.find_payment_intent(f"metadata['{OPERATION}']:'{ours}'")
        page = parsed(said, Page[PaymentIntent])
        if not isinstance(page, Page):
            return _cannot(page)
        if not page.data:
            return CannotTell("Stripe's search has not found it (yet).")
        return await self._at_intent(page.data[0].id)

    async def _at_session(self, reference: str) -> Looked:
        session = parsed(await self.client.session(reference), Session)
        if not isinstance(session, Session):
            return _missing(session)
        intent = id_of(session.payment_intent)
        if intent is not None:
            return await self._at_intent(intent)
        expired = session.status == "expired"
        seen = read.observe_session(session, "canceled" if expired else "pending")
        if isinstance(seen, Unreadable):
            return CannotTell(seen.reason)
        waits = session.status == "open"
        return Found((seen,), Pending(session.id, session.url) if waits else None)

    async def _at_intent(self, reference: str) -> Looked:
        intent = parsed(await self.client.payment_intent(reference), PaymentIntent)
        if not isinstance(intent, PaymentIntent):
            return _missing(intent)
        seen = read.observe_intent(intent)
        if not isinstance(seen, Observation):
            return CannotTell(seen.reason if seen else "Stripe's status means nothing to us.")
        unmarked = read.lacks_mark(intent.metadata, self.settings)
        if seen.state != "captured":
            pending = ways.of_intent(intent, self.settings, self.credentials)
            return Found((seen,), pending if seen.state == "pending" else None, unmarked)
        refunds = await self._refunds_of(intent)
        disputes = await self._disputes_of(intent)
        if isinstance(refunds, CannotTell):
            return refunds
        if isinstance(disputes, CannotTell):
            return disputes
        return Found((seen, *refunds, *disputes), None, unmarked)

    async def _refunds_of(self, intent: PaymentIntent) -> list[Observation] | CannotTell:
        found: list[Refund] = []
        for _ in range(REFUND_PAGES_MAX):
            after = found[-1].id if found else None
            said = await self.client.refunds(intent.id, REFUNDS_PER_PAGE, after)
            page = parsed(said, Page[Refund])
            if not isinstance(page, Page):
                return _cannot(page)
            found += page.data
            if not page.has_more or not page.data:
                return _all(map(read.observe_refund, read.given_back(found, intent)))
        return CannotTell("There are more refunds than one look may list.")

    async def _disputes_of(self, intent: PaymentIntent) -> list[Observation] | CannotTell:
        charge = intent.latest_charge
        if not isinstance(charge, Charge) or not charge.disputed:
            return []
        said = await self.client.disputes(intent.id, DISPUTES_MAX)
        page = parsed(said, Page[Dispute])
        if not isinstance(page, Page):
            return _cannot(page)
        if page.has_more:
            return CannotTell("There are more disputes than one look may list.")
        told_at_s = said.at_s if isinstance(said, Said) else 0
        return _all(read.observe_dispute(one, told_at_s) for one in page.data)


def _all(
    seen: Iterable[Observation | Unreadable | None],
) -> list[Observation] | CannotTell:
    """Half of the truth is none."""
    told: list[Observation] = []
    for one in seen:
        if isinstance(one, Unreadable):
            return CannotTell(one.reason)
        if one is not None:
            told.append(one)
    return told


def _missing(said: Rejected | Unknown) -> Absent | CannotTell:
    absent = isinstance(said, Rejected) and said.code == "resource_missing"
    return Absent() if absent else _cannot(said)


def _cannot(said: Rejected | Unknown) -> CannotTell:
    return CannotTell(said.message if isinstance(said, Rejected) else said.reason)
