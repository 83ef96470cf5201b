"""What can be done at the sandbox: each is one step of the store, decided by `rules`.

Time comes in as an argument (unix seconds). Ids are minted here: this program has no engine that
would decide twice.
"""

from collections.abc import Iterator

import msgspec

from tillgate.kit import ids
from tillgate.sandbox import rules
from tillgate.sandbox.model import (
    NO_FAULTS,
    Callback,
    EventType,
    Faults,
    Outcome,
    Payment,
    PaymentWish,
    RefundWish,
    Refusal,
)
from tillgate.sandbox.store import Store


def create(
    store: Store, wish: PaymentWish, key: str | None, now: float
) -> tuple[Payment, bool] | Refusal:
    """The payment, and whether it is new. The same again is the same payment; otherwise 409."""
    known = store.payment(wish.transaction_id) or (store.payment_of_key(key) if key else None)
    if known:
        if rules.same_wish(known, wish):
            return known, False
        return Refusal(409, "conflict", "This TransactionId or key was used for something else.")
    refusal = rules.check_wish(wish)
    if refusal:
        return refusal
    payment = Payment(
        **msgspec.structs.asdict(wish),
        reference=ids.show("sbx", ids.mint()),
        status="pending",
        created_at=int(now),
        updated_at=int(now),
    )
    with store.step():
        store.add_payment(payment, key)
    return payment, True


def finish(
    store: Store, payment: Payment, outcome: Outcome, amount: int | None, now: float
) -> Payment | Refusal:
    """Approves or declines and queues the callback; a second time changes and queues nothing."""
    finished = rules.finish(payment, outcome, amount, int(now))
    if isinstance(finished, Refusal) or finished is payment:
        return finished
    event_type: EventType = "payment.succeeded" if outcome == "approve" else "payment.failed"
    with store.step():
        store.keep_payment(finished)
        _tell(store, finished, event_type, now, None)
    return finished


def refund(
    store: Store, payment: Payment, wish: RefundWish, now: float
) -> tuple[Payment, bool] | Refusal:
    """Gives back a part or all, once per RefundId, and queues the callback."""
    known = store.refund(payment.reference, wish.refund_id)
    if known:
        if known == wish:
            return payment, False
        return Refusal(409, "conflict", "This RefundId was used for another amount.")
    refunded = rules.refund(payment, wish, int(now))
    if isinstance(refunded, Refusal):
        return refunded
    with store.step():
        store.add_refund(payment.reference, wish)
        store.keep_payment(refunded)
        _tell(store, refunded, "refund.succeeded", now, wish)
    return refunded, True


def resend(store: Store, payment: Payment, now: float) -> Callback | Refusal:
    """Queues the payment's last callback once more: the same event id, the same body."""
    told = store.callbacks_of(payment.reference)
    if not told:
        return Refusal(409, "nothing_sent", "No callback of this payment has been made yet.")
    faults = faults_for(store, payment.reference)
    callback = rules.again(told[-1], faults, now)
    with store.step():
        _queue(store, [callback], faults)
        _spend(store, payment.reference, faults)
    return callback


def faults_for(store: Store, reference: str | None) -> Faults:
    """What goes wrong for a payment: its own faults, else the general ones."""
    own = store.own_faults(reference) if reference else NO_FAULTS
    return store.faults() if own == NO_FAULTS else own


def take_call_faults(store: Store, reference: str | None) -> Faults:
    """The faults that spoil an API call about a payment, counted as having done so once."""
    faults = faults_for(store, reference)
    if not rules.spoils_calls(faults):
        return NO_FAULTS
    with store.step():
        _keep(store, reference, rules.spent_by_call(faults))
    return faults


def _tell(
    store: Store, payment: Payment, event_type: EventType, now: float, refunded: RefundWish | None
) -> None:
    faults = faults_for(store, payment.reference)
    told = rules.callbacks(payment, event_type, _event_ids(), faults, now, refunded)
    _queue(store, told, faults)
    _spend(store, payment.reference, faults)


def _queue(store: Store, told: list[Callback], faults: Faults) -> None:
    ahead: int | None = None
    for callback in told:
        # One that is dropped is never tried, so nothing may wait for it.
        one = msgspec.structs.replace(callback, behind=None if faults.drop else ahead)
        numbers = [store.add_callback(one) for _ in range(faults.duplicate)]
        ahead = numbers[-1]


def _spend(store: Store, reference: str, faults: Faults) -> None:
    if rules.spoils_callbacks(faults):
        _keep(store, reference, rules.spent(faults))


def _keep(store: Store, reference: str | None, faults: Faults) -> None:
    if reference and store.own_faults(reference) != NO_FAULTS:
        store.keep_own_faults(reference, faults)
    else:
        store.keep_faults(faults)


def _event_ids() -> Iterator[str]:
    while True:
        yield ids.show("evt", ids.mint())
