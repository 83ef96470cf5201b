"""What can be done at the sandbox: each is one step of the store, decided by `rules`.

Refunds and disputes have files of their own.

Time comes in as an argument (unix seconds). Ids are minted here: this program has no engine that
would decide twice.
"""

from collections.abc import Iterator

import msgspec

from tillgate.kit import chance, ids
from tillgate.sandbox import rules
from tillgate.sandbox.faults import (
    NO_FAULTS,
    Faults,
    spent,
    spent_by_call,
    spoils_callbacks,
    spoils_calls,
    spoils_refunds,
)
from tillgate.sandbox.model import (
    Callback,
    CancelWish,
    CaptureWish,
    Dispute,
    EventType,
    Later,
    Method,
    Outcome,
    Payment,
    PaymentWish,
    Refund,
    Refusal,
    Status,
)
from tillgate.sandbox.settings import Settings
from tillgate.sandbox.store import Store

EVENTS: dict[Status, EventType] = {
    "pending": "payment.pending",
    "processing": "payment.processing",
    "authorized": "payment.authorized",
    "success": "payment.succeeded",
    "failed": "payment.failed",
    "canceled": "payment.canceled",
}


def create(
    store: Store, settings: Settings, wish: PaymentWish, key: str | None, now: float
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
        status="processing" if wish.method else "pending",
        created_at=int(now),
        updated_at=int(now),
    )
    with store.step():
        store.add_payment(payment, key)
        if wish.method:
            _process(store, settings, payment, wish.method, None, now)
    return payment, True


def process(
    store: Store,
    settings: Settings,
    payment: Payment,
    method: Method,
    amount: int | None,
    now: float,
) -> Payment | Refusal:
    """Takes a payment whose end comes later, and queues the callback that says so."""
    taken = rules.process(payment, int(now))
    if isinstance(taken, Refusal) or taken is payment:
        return taken
    with store.step():
        _process(store, settings, taken, method, amount, now)
    return taken


def finish(
    store: Store, payment: Payment, outcome: Outcome, amount: int | None, now: float
) -> Payment | Refusal:
    """Approves or declines and queues the callback; a second time changes and queues nothing."""
    return _changed(store, payment, rules.finish(payment, outcome, amount, int(now)), now)


def capture(store: Store, payment: Payment, wish: CaptureWish, now: float) -> Payment | Refusal:
    """Takes what was set aside, once per OperationId, and queues the callback."""
    return _changed(store, payment, rules.capture(payment, wish, int(now)), now)


def cancel(store: Store, payment: Payment, wish: CancelWish, now: float) -> Payment | Refusal:
    """Ends what is not captured, once per OperationId, and queues the callback."""
    return _changed(store, payment, rules.cancel(payment, wish, int(now)), now)


def _changed(
    store: Store, before: Payment, after: Payment | Refusal, now: float
) -> Payment | Refusal:
    if isinstance(after, Refusal) or after is before:
        return after
    with store.step():
        store.keep_payment(after)
        store.drop_later(after.reference, None)
        tell(store, after, EVENTS[after.status], now)
    return after


def _process(
    store: Store, settings: Settings, taken: Payment, method: Method, amount: int | None, now: float
) -> None:
    succeeds = settings.succeeds(method, chance.fraction())
    due_at = now + settings.delay_s(chance.fraction())
    store.keep_payment(taken)
    store.add_later(Later(taken.reference, None, succeeds, amount, due_at))
    tell(store, taken, "payment.processing", now)


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
    if not spoils_calls(faults):
        return NO_FAULTS
    with store.step():
        _keep(store, reference, spent_by_call(faults))
    return faults


def tell(
    store: Store,
    payment: Payment,
    event_type: EventType,
    now: float,
    about: Refund | Dispute | None = None,
) -> None:
    """Queues the callbacks of a change, inside its step."""
    faults = faults_for(store, payment.reference)
    told = rules.callbacks(payment, event_type, _event_ids(), faults, now, about)
    _queue(store, told, faults)
    _spend(store, payment.reference, faults)


def take_refund_faults(store: Store, reference: str) -> Faults:
    """The faults that decide on a refund, counted as having done so once; inside its step."""
    faults = faults_for(store, reference)
    if not spoils_refunds(faults):
        return NO_FAULTS
    _keep(store, reference, spent(faults))
    return faults


def _queue(store: Store, told: list[Callback], faults: Faults) -> None:
    ahead: int | None = None
    for callback in told:
        # One that is dropped is never tried, so nothing may wait for it.
        one = msgspec.structs.replace(callback, behind=None if faults.drop else ahead)
        numbers = [store.add_callback(one) for _ in range(faults.duplicate)]
        ahead = numbers[-1]


def _spend(store: Store, reference: str, faults: Faults) -> None:
    if spoils_callbacks(faults):
        _keep(store, reference, spent(faults))


def _keep(store: Store, reference: str | None, faults: Faults) -> None:
    if reference and store.own_faults(reference) != NO_FAULTS:
        store.keep_own_faults(reference, faults)
    else:
        store.keep_faults(faults)


def _event_ids() -> Iterator[str]:
    while True:
        yield ids.show("evt", ids.mint())
