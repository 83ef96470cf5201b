"""What an order becomes as money comes and goes. Pure.

open ⇄ partly_paid → paid      as payments bring its amount, less what went back meanwhile
open, partly_paid → canceled   by the merchant
"""

from collections.abc import Iterator
from datetime import datetime

from msgspec import Raw
from msgspec.structs import replace

from tillgate.kit.canonical import canonical
from tillgate.kit.refusal import Refused
from tillgate.orders.model import QUANTITY_MAX, Order, lines_of

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
    return _standing(replace(order, paid=order.paid + amount), now)


def give_back(order: Order, amount: int, now: datetime) -> Order:
    """The order with so much more refunded, or less (below zero) after a refund that failed in the
    end."""
    return _standing(replace(order, refunded=order.refunded + amount), now)


def _standing(order: Order, now: datetime) -> Order:
    """The order with the status that its sums ask for: covered is what came and stayed. One that
    was covered once stays paid; what goes back after that is a refund."""
    status, paid_at = order.status, order.paid_at
    kept = order.paid - order.refunded
    if order.canceled_at is None and paid_at is None:
        status = "paid" if kept >= order.amount else "partly_paid" if kept > 0 else "open"
        paid_at = now if status == "paid" else None
    return replace(order, status=status, paid_at=paid_at, version=order.version + 1, updated_at=now)


def resized(order: Order, amount: int) -> Order:
    """The order of an amount that its payer chose: of its one thing so many as that pays for, or
    one for all of it. What is paid already is counted with it."""
    total = order.paid - order.refunded + amount
    lines = lines_of(order)
    if total == order.amount or total <= 0:
        return order
    if len(lines) != 1:
        return replace(order, amount=total)
    [one] = lines
    quantity, rest = divmod(total, one.amount) if one.amount else (0, total)
    fits = not rest and 1 <= quantity <= QUANTITY_MAX
    line = replace(one, quantity=quantity) if fits else replace(one, quantity=1, amount=total)
    return replace(order, amount=total, lines=Raw(canonical([line])))


def quantity(order: Order) -> int:
    """How many things are bought, of all kinds."""
    return sum(line.quantity for line in lines_of(order))


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
