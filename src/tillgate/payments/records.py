"""What every command on a payment reads, and the event and audit line that it leaves."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from tillgate.audit.model import AuditLine, Owner, line
from tillgate.engine.command import Ref
from tillgate.events.model import Event, event
from tillgate.payments.model import OperationRow, Payment, Try
from tillgate.payments.shapes import render


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
    after = {"status": payment.status, "amount": payment.amount, "currency": payment.asset}
    return line(owner, action, payment.id, following, now, after=after)
