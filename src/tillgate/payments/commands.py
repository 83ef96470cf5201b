"""What merchants and time want of a payment: create, change, capture, cancel, resolve, expire.

Tries are in `tries`; what happens around calls to processors is in `operations`; observations are
taken by `apply`.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from msgspec import Raw, Struct, UnsetType
from msgspec.structs import replace

from tillgate.audit.model import Owned, line
from tillgate.engine.command import Decision, Need, Outcome, Ref, Refused
from tillgate.engine.world import World
from tillgate.events.model import event
from tillgate.idempotency.model import UnderWay
from tillgate.kit import ids
from tillgate.kit.http import Answer
from tillgate.kit.metadata import merged
from tillgate.kit.money import Money
from tillgate.orders import rules as order_rules
from tillgate.orders.model import Order, due
from tillgate.payments import outstanding, rules
from tillgate.payments.apply import conclude, give_all_back, refuse
from tillgate.payments.case import Case, open_case, wants, with_refunds
from tillgate.payments.model import Payment
from tillgate.payments.records import payment_audit, payment_event
from tillgate.payments.shapes import Links, answer_text, render
from tillgate.payments.tries import Begin, first_try


class CreatePayment(Owned, frozen=True):
    """`id` is minted on arrival and names the payment; the ids of its other rows follow it.
    `money` None: what its order is still short of. `begin`: its first try, which a worker sends to
    the processor."""

    id: UUID
    money: Money | None
    capture_method: str
    connection_id: UUID
    description: str | None
    metadata: Raw
    wallet_user: str | None
    success_url: str | None
    cancel_url: str | None
    expires_in: timedelta
    links: Links
    order_id: UUID | None = None
    routed: bool = False
    amount_policy: str = "review"
    begin: Begin | None = None

    def reads(self) -> Iterable[Ref]:
        if self.order_id is not None:
            yield Ref(Order, (self.merchant_id, self.order_id), lock=True)

    def decide(self, world: World, now: datetime) -> Decision:
        money = self._money(world)
        if isinstance(money, Refused):
            return money
        following = ids.series(self.id)
        payment = self._payment(money, now)
        shown = render(payment, livemode=self.owner.livemode)
        rows: tuple[Struct, ...] = (
            payment,
            event(
                "payment.created",
                payment.merchant_id,
                payment.id,
                shown,
                following,
                now,
                self.owner.request_id,
            ),
            payment_audit("payment.create", payment, self.owner, following, now),
        )
        if self.begin is not None:
            pending = payment_event("payment.pending", payment, self.owner, following, now)
            rows = (*rows, pending, *first_try(payment, self.begin, now))
        return Outcome(Answer(201, answer_text(payment, shown, self.links)), rows)

    def _money(self, world: World) -> Money | Refused:
        if self.order_id is None:
            return self.money or Refused("parameter_missing", "amount is required.", "amount")
        order = world.get(Order, (self.merchant_id, self.order_id))
        if order is None:
            return Refused("not_found", "There is no such order.", "order")
        refused = order_rules.may_pay(order)
        if refused is not None:
            return refused
        if self.money is not None and self.money.asset != order.asset:
            return Refused("parameter_invalid", f"The order is in {order.asset}.", "currency")
        return self.money or Money(due(order), order.asset)

    def _payment(self, money: Money, now: datetime) -> Payment:
        return Payment(
            merchant_id=self.merchant_id,
            id=self.id,
            amount=money.minor,
            asset=money.asset,
            status="pending",
            capture_method=self.capture_method,
            authorized=0,
            captured=0,
            refunded=0,
            disputed=0,
            late=False,
            review_reason=None,
            failure_code=None,
            failure_message=None,
            description=self.description,
            metadata=self.metadata,
            connection_id=self.connection_id,
            wallet_user=self.wallet_user,
            success_url=self.success_url,
            cancel_url=self.cancel_url,
            tries=0 if self.begin is None else 1,
            bookings=0,
            version=1,
            created_at=now,
            updated_at=now,
            expires_at=now + self.expires_in,
            succeeded_at=None,
            order_id=self.order_id,
            to_capture=None,
            cancellation_reason=None,
            resolution=None,
            credited=0,
            routed=self.routed,
            amount_policy=self.amount_policy,
        )


NO_PAYMENT = Refused("not_found", "There is no such payment.", "payment")


class UpdatePayment(Owned, frozen=True):
    """Says something else about a payment. `metadata` is merged. The answer is the payment."""

    id: UUID
    payment_id: UUID
    links: Links
    description: str | UnsetType | None
    metadata: Mapping[str, str | None]

    def reads(self) -> Iterable[Ref]:
        return (Ref(Payment, (self.merchant_id, self.payment_id), lock=True),)

    def decide(self, world: World, now: datetime) -> Decision:
        payment = world.get(Payment, (self.merchant_id, self.payment_id))
        if payment is None:
            return NO_PAYMENT
        metadata = merged(payment.metadata, self.metadata)
        if isinstance(metadata, Refused):
            return metadata
        said = self.description
        description = payment.description if isinstance(said, UnsetType) else said
        changed = replace(payment, description=description, metadata=metadata)
        if changed != payment:
            changed = replace(changed, version=payment.version + 1, updated_at=now)
        rendered = render(changed, livemode=self.owner.livemode)
        answer = Answer(200, answer_text(changed, rendered, self.links))
        if changed == payment:
            return Outcome(answer)
        written = line(
            self.owner, "payment.update", payment.id, ids.series(self.id), now,
            before={"description": payment.description, "metadata": payment.metadata},
            after={"description": changed.description, "metadata": changed.metadata},
        )  # fmt: skip
        return Outcome(answer, (changed, written))


class Capture(Owned, frozen=True):
    """Takes what is authorized, or a part of it: the rest is released. `id` names the operation."""

    id: UUID
    payment_id: UUID
    minor: int | None

    def reads(self) -> Iterable[Ref]:
        return wants(self.merchant_id, self.payment_id)

    def decide(self, world: World, now: datetime) -> Decision:
        case = _open(self, world, now)
        if not isinstance(case, Case):
            return case
        case.at_once = True
        charge = outstanding.capturable(case.objects.values(), case.tries, case.payment.asset)
        if case.payment.status != "authorized" or charge is None:
            return _not("captured", case.payment)
        if busy := outstanding.under_way(case.operations.values(), charge):
            return _busy(busy)
        if self.minor is not None and self.minor > charge.amount:
            words = f"{charge.amount} can be captured at most."
            return Refused("amount_too_large", words, "amount")
        money = Money(self.minor or charge.amount, charge.asset)
        spot = charge.connection_id, charge.reference
        case.reserve("capture", spot, money, charge.ordinal or 0, self.id)
        case.payment = replace(case.payment, to_capture=money.minor)
        _write(case, "payment.capture", {"amount": money.minor, "currency": money.asset})
        return Outcome(UnderWay((self.id,)), case.rows())


class Cancel(Owned, frozen=True):
    """Ends a payment that has brought nothing: at once, or when the processor has let go what it
    had authorized."""

    id: UUID
    payment_id: UUID
    reason: str

    def reads(self) -> Iterable[Ref]:
        return wants(self.merchant_id, self.payment_id)

    def decide(self, world: World, now: datetime) -> Decision:
        case = _open(self, world, now)
        if not isinstance(case, Case):
            return case
        case.at_once = True
        over = case.payment.status not in ("pending", "failed", "authorized")
        if over or case.payment.resolution is not None:
            return _not("canceled", case.payment)
        charge = outstanding.capturable(case.objects.values(), case.tries, case.payment.asset)
        if busy := outstanding.under_way(case.operations.values(), charge):
            return _busy(busy)
        case.payment = replace(case.payment, cancellation_reason=self.reason)
        if case.payment.status == "authorized" and charge is not None:
            spot = charge.connection_id, charge.reference
            money = Money(charge.amount, charge.asset)
            case.reserve("void", spot, money, charge.ordinal or 0, self.id)
        else:
            case.payment = replace(
                case.payment, status="canceled", failure_code=None, failure_message=None
            )
            case.end_open_try()
            case.let_go_unwanted()
        _write(case, "payment.cancel", {"reason": self.reason})
        waiting = tuple(o.id for o in case.operations.values() if o.state == "reserved")
        return Outcome(UnderWay(waiting), case.rows())


class Resolve(Owned, frozen=True):
    """A person decides of money in review: it is taken as it is, or all of it goes back."""

    id: UUID
    payment_id: UUID
    action: Literal["accept", "refund"]

    def reads(self) -> Iterable[Ref]:
        return with_refunds(self.merchant_id, self.payment_id)

    def decide(self, world: World, now: datetime) -> Decision:
        case = _open(self, world, now)
        if not isinstance(case, Case):
            return case
        case.at_once = True
        if case.payment.status != "review":
            return _not("resolved", case.payment)
        if any(refund.status == "pending" for refund in case.refunds.values()):
            return Refused("payment_state", "A refund is under way; wait for its end.", "payment")
        reason = case.payment.review_reason or ""
        if self.action == "accept":
            if not case.payment.captured:
                words = f"None of the money is in {case.payment.asset}: it can only be refunded."
                return Refused("parameter_invalid", words, "action")
            case.payment = replace(case.payment, resolution="accepted")
            need = conclude(case)
        else:
            case.payment = refuse(case.payment)
            need = conclude(case) or give_all_back(case, reason)
        if need is not None:
            return need
        _write(case, "payment.resolve", {"action": self.action, "review_reason": reason})
        waiting = tuple(o.id for o in case.operations.values() if o.state == "reserved")
        return Outcome(UnderWay(waiting), case.rows())


class ExpirePayment(Owned, frozen=True):
    """Ends a payment that nobody paid in time."""

    payment_id: UUID
    id: UUID

    def reads(self) -> Iterable[Ref]:
        return wants(self.merchant_id, self.payment_id)

    def decide(self, world: World, now: datetime) -> Decision:
        case = _open(self, world, now)
        if not isinstance(case, Case):
            return case if isinstance(case, Need) else Outcome(None)
        asked = any(
            o.state in outstanding.ASKED for o in case.operations.values() if o.kind != "void"
        )
        if not rules.may_expire(case.payment, asked, now):
            return Outcome(None)
        case.payment = replace(case.payment, status="expired")
        case.end_open_try()
        case.let_go_unwanted()
        case.more.append(
            payment_audit("payment.expire", case.payment, self.owner, case.following, now)
        )
        return Outcome(None, case.rows())


def _open(
    command: Capture | Cancel | Resolve | ExpirePayment, world: World, now: datetime
) -> Case | Need | Refused:
    case = open_case(world, command.owner, command.payment_id, ids.series(command.id), now)
    return case if case is not None else NO_PAYMENT


def _not(done: str, payment: Payment) -> Refused:
    words = f"A payment that is {payment.status} cannot be {done}."
    return Refused("payment_state", words, "payment")


def _busy(kind: str) -> Refused:
    doing = {"capture": "captured", "void": "canceled"}[kind]
    return Refused("payment_state", f"The payment is just being {doing}.", "payment")


def _write(case: Case, action: str, after: Mapping[str, object]) -> None:
    case.more.append(
        line(case.owner, action, case.payment.id, case.following, case.now, after=after)
    )
