"""The control panel: every payment with what has become of it, what can be done, and the faults."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Literal, NamedTuple, get_args, get_origin
from urllib.parse import parse_qsl

import msgspec

from tillgate.kit import clock
from tillgate.kit.http import Answer
from tillgate.sandbox import commands, disputes, refunds
from tillgate.sandbox.desk import Desk, Request
from tillgate.sandbox.faults import Faults
from tillgate.sandbox.layout import go, missing, money, page
from tillgate.sandbox.model import (
    Callback,
    CancelWish,
    CaptureWish,
    Dispute,
    DisputeWish,
    Payment,
    Refund,
    Status,
)
from tillgate.sandbox.store import Store

LISTED_MAX = 50
STATES: dict[Status, str] = {
    "pending": "pending",
    "processing": "processing",
    "authorized": "set aside",
    "success": "paid",
    "failed": "declined",
    "canceled": "canceled",
}
BY_HAND = "panel"
"""The OperationId of what a person captures or cancels in the panel."""


class Told(NamedTuple):
    """A callback as the panel shows it: what happened to it in a few words."""

    event_type: str
    told: str


class Deed(NamedTuple):
    """A button of the panel: what it says, and where it leads below the payment."""

    label: str
    path: str


class Part(NamedTuple):
    """A refund or dispute of a payment, in words, and what can be done to it."""

    told: str
    deeds: list[Deed]


class Line(NamedTuple):
    """One payment of the panel's list."""

    payment: Payment
    amount: str
    state: str
    note: str
    created: datetime
    deeds: list[Deed]
    parts: list[Part]
    callbacks: list[Told]


class Field(NamedTuple):
    """One fault of the panel's form."""

    name: str
    title: str
    description: str
    yes_or_no: bool
    choices: tuple[str, ...]
    value: str


DEEDS: dict[Status, list[Deed]] = {
    "pending": [
        Deed("Approve", "approve"),
        Deed("Pay by bank transfer", "transfer"),
        Deed("Decline", "decline"),
        Deed("Cancel", "cancel"),
    ],
    "processing": [Deed("Settle now", "approve"), Deed("Decline", "decline")],
    "authorized": [Deed("Capture", "capture"), Deed("Cancel", "cancel")],
}
"""What the panel offers to do to a payment."""


def show(desk: Desk, error: str = "") -> Answer:
    faults = desk.store.faults()
    payments = desk.store.newest(LISTED_MAX)
    return page(
        "panel.html",
        400 if error else 200,
        "'self'",
        lines=[_line(desk.store, payment) for payment in payments],
        fields=list(_fields(faults)),
        current=", ".join(_in_force(faults)),
        error=error,
    )


def act(desk: Desk, payment: Payment, deed: list[str]) -> Answer:
    """What cannot be done any more is not done; the panel then shows how things stand."""
    store, now = desk.store, clock.now().timestamp()
    match deed:
        case [("approve" | "decline") as outcome]:
            commands.finish(store, payment, outcome, None, now)
        case ["transfer"]:
            commands.process(store, desk.settings, payment, "bank_transfer", None, now)
        case ["capture"]:
            commands.capture(store, payment, CaptureWish(BY_HAND, payment.authorized), now)
        case ["cancel"]:
            commands.cancel(store, payment, CancelWish(BY_HAND), now)
        case ["resend"]:
            commands.resend(store, payment, now)
        case ["disputes"]:
            disputes.open_dispute(store, payment, DisputeWish(), now)
        case ["refunds", name, ("succeed" | "fail") as outcome]:
            refunds.settle(store, payment, name, outcome, now)
        case ["disputes", name, ("review" | "win" | "lose" | "reinstate") as step]:
            disputes.move(store, payment, name, step, now)
        case _:
            return missing()
    desk.sender.wake()
    return go("/")


def set_faults(desk: Desk, request: Request) -> Answer:
    form = dict(parse_qsl(request.body.decode("utf-8", "replace")))
    try:
        faults = msgspec.convert(form, Faults, strict=False)
    except msgspec.ValidationError as error:
        return show(desk, str(error))
    keep_faults(desk, faults)
    return go("/")


def keep_faults(desk: Desk, faults: Faults) -> None:
    with desk.store.step():
        desk.store.keep_faults(faults)


def _line(store: Store, payment: Payment) -> Line:
    told = store.callbacks_of(payment.reference)
    parts = [_refund(one) for one in store.refunds(payment.reference)]
    disputed = store.disputes(payment.reference)
    return Line(
        payment,
        money(payment.amount, payment.currency),
        STATES[payment.status],
        _note(payment),
        datetime.fromtimestamp(payment.created_at, UTC),
        [
            *DEEDS.get(payment.status, []),
            *([Deed("Open dispute", "disputes")] if disputes.left(payment, disputed) else []),
            *([Deed("Send callback again", "resend")] if told else []),
        ],
        [*parts, *map(_dispute, disputed)],
        [Told(callback.event_type, _words(callback)) for callback in told],
    )


def _note(payment: Payment) -> str:
    notes: list[str] = []
    if payment.status == "success" and payment.captured != payment.amount:
        notes.append(f"captured {money(payment.captured, payment.currency)}")
    if payment.refunded:
        notes.append(f"refunded {money(payment.refunded, payment.currency)}")
    return ", ".join(notes)


def _refund(refund: Refund) -> Part:
    amount = money(refund.refund_amount, refund.currency)
    ends = {"succeeded": "succeed", "failed": "fail"}
    deeds = [
        Deed(
            f"{ends[status].capitalize()} refund",
            f"refunds/{refund.refund_reference}/{ends[status]}",
        )
        for status in sorted(refunds.LEAVES[refund.refund_status], reverse=True)
    ]
    return Part(f"refund of {amount}: {refund.refund_status}", deeds)


def _dispute(dispute: Dispute) -> Part:
    amount = money(dispute.dispute_amount, dispute.currency)
    words = dispute.dispute_status.replace("_", " ")
    deeds = [
        Deed(f"{deed.capitalize()} dispute", f"disputes/{dispute.dispute_reference}/{deed}")
        for deed, (starts, _, _) in disputes.MOVES.items()
        if dispute.dispute_status in starts
    ]
    return Part(f"dispute of {amount}, {dispute.dispute_reason}: {words}", deeds)


def _words(callback: Callback) -> str:
    if callback.state == "dropped":
        return "dropped, never sent"
    answers = [
        "no answer" if a.status_code is None else str(a.status_code) for a in callback.attempts
    ]
    if not answers:
        return "on its way"
    shown = ", ".join(answers if len(answers) <= 4 else [*answers[:2], "…", answers[-1]])
    ends = {"delivered": "", "given_up": " · given up", "waiting": " · will try again"}
    return f"→ {shown}{ends[callback.state]}"


def _fields(faults: Faults) -> Iterator[Field]:
    for field in msgspec.structs.fields(Faults):
        kind, meta = get_args(field.type)
        value = getattr(faults, field.name)
        shown = "" if value == field.default else str(value)
        choices = get_args(kind) if get_origin(kind) is Literal else ()
        yield Field(field.name, meta.title, meta.description, kind is bool, choices, shown)


def _in_force(faults: Faults) -> list[str]:
    set_ones: dict[str, object] = msgspec.to_builtins(faults)
    return [name if value is True else f"{name} = {value}" for name, value in set_ones.items()]
