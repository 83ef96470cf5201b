"""Everything that falls due, as one list; figures, test clocks and the sweep come from it."""

from typing import Literal, NamedTuple

from msgspec import Struct

LEASE_S = 30
"""How long a claim holds: what falls due within this may be in the hands of a worker."""

HELD = f"due_at BETWEEN now() AND now() + interval '{LEASE_S} seconds'"

KEYS_KEPT_S = 86_400


class DueTable(NamedTuple):
    """A table whose rows fall due at `column`, or `after_s` later, while `open` holds of them.

    `job`: what the API calls it. `moved`: which rows a test clock moves, where that is more than
    `open`; `along`: columns that move with them. `leased`: what a worker seems to have in hand; a
    clock leaves it alone. `failed`: what has ended badly and waits for a person. `housekeeping`:
    nobody waits for it. Conditions are SQL; in braces stands the name of a statement of store.sql.
    """

    job: str
    table: str
    key: str
    column: str
    open: str
    after_s: int = 0
    moved: str | None = None
    along: tuple[str, ...] = ()
    leased: str | None = None
    failed: str | None = None
    housekeeping: bool = False


TABLES = (
    DueTable(
        "callbacks", "callbacks", "merchant_id, id", "due_at",
        open="state = 'pending'",
        failed="state = 'failed'",
    ),
    DueTable(
        "expiries", "payments", "merchant_id, id", "expires_at",
        open="status = 'pending'",
        moved="status IN ('pending', 'processing', 'authorized', 'failed')",
    ),
    DueTable(
        "operations", "operations", "merchant_id, payment_id, id", "due_at",
        open="due_at IS NOT NULL",
        leased=HELD,
        failed="state = 'unknown' AND due_at IS NULL",
    ),
    DueTable(
        "disputes", "disputes", "merchant_id, payment_id, id", "remind_at",
        open="remind_at IS NOT NULL",
        moved="status = 'needs_response'",
        along=("evidence_due_at",),
    ),
    DueTable(
        "holds", "holds", "merchant_id, id", "expires_at",
        open="state = 'held' AND expires_at IS NOT NULL",
    ),
    DueTable(
        "idempotency_keys", "idempotency_keys", "merchant_id, key", "created_at",
        open="state = 'done'", after_s=KEYS_KEPT_S, housekeeping=True,
    ),
    DueTable(
        "deliveries", "deliveries", "merchant_id, endpoint_id, event_id", "due_at",
        open="state = 'due' AND endpoint_id IN ({enabled_endpoints})",
        leased=f"claims > attempts AND {HELD}",
        failed="state = 'dead'",
    ),
)  # fmt: skip
"""In the order in which rows are locked."""


class JobFigures(Struct, frozen=True, kw_only=True):
    """One kind of work that falls due. Counts stop at 10000. `due`: now; `waiting`: later;
    `under_lease`: of these, what a worker seems to have in hand, null where that does not show;
    `failed`: ended badly, for a person to see, null where nothing ends so; `stuck`: should have
    moved and has not; `oldest_due_s`: how long the oldest has been due."""

    object: Literal["job"] = "job"
    name: str
    due: int
    waiting: int
    under_lease: int | None
    failed: int | None
    stuck: int
    oldest_due_s: int | None


class Kind(NamedTuple):
    """A way of being stuck: whose figures count it, the prefix of its ids, what a person may do."""

    job: str
    prefix: str
    advice: str
    state: Literal["stuck", "attention"] = "stuck"


KINDS: dict[str, Kind] = {
    "callback_overdue": Kind(
        "callbacks", "cb", "Look whether a worker runs; it applies the message when it does."
    ),
    "delivery_overdue": Kind(
        "deliveries",
        "del",
        "Look whether a worker runs, and how long the endpoint takes to answer.",
    ),
    "dispute_overdue": Kind(
        "disputes", "dp", "Look whether a worker runs; send the evidence before it is due."
    ),
    "hold_overdue": Kind("holds", "hold", "Look whether a worker runs; it releases the hold."),
    "key_open": Kind(
        "idempotency_keys", "", "Retrieve what the request made; its answer was never finished."
    ),
    "operation_overdue": Kind(
        "operations", "op", "Look whether a worker runs, and whether the processor answers."
    ),
    "operation_unknown": Kind(
        "operations", "op", "Ask the processor what became of it; never send it again by hand."
    ),
    "payment_idle": Kind(
        "expiries", "pay", "Nothing asks the processor any more: look the payment up there."
    ),
    "payment_overdue": Kind(
        "expiries", "pay", "Look whether a worker runs; it expires the payment."
    ),
    "payment_review": Kind(
        "expiries", "pay", "Decide what becomes of money that did not fit.", "attention"
    ),
    "payment_unreturned": Kind(
        "operations", "pay", "Its money was refused, and a refund failed: refund what is left."
    ),
    "refund_idle": Kind(
        "operations",
        "re",
        "The processor has taken it and not said more: look the refund up there.",
    ),
    "try_idle": Kind(
        "operations", "pay", "Its payer cannot go on: look the try up at the processor."
    ),
}


class StuckObject(Struct, frozen=True, kw_only=True):
    """An object that should have moved and has not (`stuck`), or that a person must decide
    (`attention`). `advice` says what to do; `payment` is the one that it belongs to."""

    object: Literal["stuck_object"] = "stuck_object"
    id: str
    kind: str
    state: Literal["stuck", "attention"]
    payment: str | None
    since: int
    advice: str


class TestClock(Struct, frozen=True, kw_only=True):
    """`advanced_s`: how far it has been advanced in all. `advancing`: what fell due by that is
    still being done; `ready`: nothing is due any more."""

    id: str
    object: Literal["test_clock"] = "test_clock"
    name: str | None
    advanced_s: int
    status: Literal["advancing", "ready"]
    created: int
    livemode: bool


class DeletedTestClock(Struct, frozen=True, kw_only=True):
    """The id of what was deleted. What it has advanced stays so."""

    id: str
    object: Literal["test_clock"] = "test_clock"
    deleted: Literal[True] = True
