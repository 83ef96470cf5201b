"""What every command on a payment reads, and the event and audit line that it leaves."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from msgspec import Raw, Struct

from tillgate.audit.model import AuditLine
from tillgate.engine.command import Ref
from tillgate.events.model import Event, event
from tillgate.kit.http import encode
from tillgate.payments.model import OperationRow, Payment, Try, render


class Owner(NamedTuple):
    """Whose payment, and who asks, as events and the audit name them."""

    merchant_id: UUID
    livemode: bool
    actor: str
    ip: str | None = None
    request_id: str | None = None


def family(merchant_id: UUID, payment_id: UUID) -> tuple[Ref, ...]:
    place = (merchant_id, payment_id)
    return Ref(Payment, place, lock=True), Ref(Try, place), Ref(OperationRow, place)


def payment_event(
    kind: str, payment: Payment, owner: Owner, following: Iterator[UUID], now: datetime
) -> Event:
    data = render(payment, livemode=owner.livemode)
    return event(kind, payment.merchant_id, payment.id, data, following, now, owner.request_id)


def payment_audit(
    action: str, payment: Payment, owner: Owner, following: Iterator[UUID], now: datetime
) -> AuditLine:
    after = Raw(
        encode({"status": payment.status, "amount": payment.amount, "currency": payment.asset})
    )
    return AuditLine(
        payment.merchant_id, next(following), owner.actor, action, payment.id, None,
        after, owner.ip, owner.request_id, now,
    )  # fmt: skip


class Owned(Struct, frozen=True):
    """A command for one merchant."""

    owner: Owner

    @property
    def merchant_id(self) -> UUID:
        return self.owner.merchant_id
