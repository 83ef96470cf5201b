"""The event and the audit line that a change of an order leaves."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from tillgate.audit.model import AuditLine, Owner, line
from tillgate.events.model import Event, event
from tillgate.orders.model import Order, render


def order_event(
    kind: str, order: Order, owner: Owner, following: Iterator[UUID], now: datetime
) -> Event:
    data = render(order, livemode=owner.livemode)
    return event(kind, order.merchant_id, order.id, data, following, now, owner.request_id)


def order_audit(
    action: str, order: Order, owner: Owner, following: Iterator[UUID], now: datetime
) -> AuditLine:
    after = {
        "status": order.status, "amount": order.amount, "currency": order.asset,
        "amount_paid": order.paid,
    }  # fmt: skip
    return line(owner, action, order.id, following, now, after=after)
