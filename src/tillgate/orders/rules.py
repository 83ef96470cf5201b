"""What an order becomes as money comes and goes. Pure.

open → partly_paid → paid      as payments bring its amount; refunds change no status
open, partly_paid → canceled   by the merchant
"""

from collections.abc import Iterator
from datetime import datetime

from msgspec.structs import replace

from tillgate.kit.refusal import Refused
from tillgate.orders.model import Order

MISFITS = {"paid": "duplicate", "canceled": "order_canceled"}
"""status → why money for it waits in review."""


def misfit(order: Order) -> str | None:
    """None when money for this order is welcome, else the payment's reason for review."""
    return MISFITS.get(order.status)


def may_pay(order: Order) -> Refused | None:
    """Why no payment may begin for this order; None when one may."""
    return _closed(order)


def may_cancel(order: Order) -> Refused | None:
    """A paid order is given back by refunds, never canceled."""
    return _closed(order)


def take(order: Order, amount: int, now: datetime) -> Order:
    """The order with so much more paid. Money that a person let in although the order is canceled
    is counted, and the order stays canceled."""
    paid = order.paid + amount
    status = order.status
    if order.canceled_at is None:
        status = "paid" if paid >= order.amount else "partly_paid" if paid else "open"
    paid_at = order.paid_at or (now if status == "paid" else None)
    return replace(
        order, status=status, paid=paid, paid_at=paid_at, version=order.version + 1, updated_at=now
    )


def give_back(order: Order, amount: int, now: datetime) -> Order:
    """The order with so much more refunded, or less (below zero) after a refund that failed in the
    end; a paid order stays paid."""
    return replace(
        order, refunded=order.refunded + amount, version=order.version + 1, updated_at=now
    )


def cancel(order: Order, now: datetime) -> Order:
    return replace(
        order, status="canceled", canceled_at=now, version=order.version + 1, updated_at=now
    )


def told(before: Order, after: Order) -> Iterator[str]:
    """The types of the events that such a change deserves."""
    if after.status != before.status and after.status in ("paid", "canceled"):
        yield f"order.{after.status}"
    elif after.status == "partly_paid" and after.paid > before.paid:
        yield "order.partly_paid"
    if after.refunded > before.refunded:
        yield "order.refunded"


def _closed(order: Order) -> Refused | None:
    if order.status not in MISFITS:
        return None
    return Refused("order_state", f"This order is {order.status} already.", "order")
