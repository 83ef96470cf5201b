"""The pages: where a payer approves or declines, and the control panel. No script anywhere."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple, cast, get_args, get_origin
from urllib.parse import parse_qsl

import msgspec
from jinja2 import Environment, FileSystemLoader

from tillgate.kit import clock, ids
from tillgate.kit.http import Answer
from tillgate.kit.money import Money, find_asset
from tillgate.sandbox import commands, disputes, refunds
from tillgate.sandbox.desk import Desk, Request
from tillgate.sandbox.faults import NO_FAULTS, Faults
from tillgate.sandbox.model import (
    Callback,
    CancelWish,
    CaptureWish,
    Dispute,
    DisputeWish,
    Outcome,
    Payment,
    Refund,
    Refusal,
    Status,
)
from tillgate.sandbox.rules import origin
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
HEADINGS: dict[Status, str] = {
    "pending": "You are asked to pay",
    "processing": "This payment is on its way",
    "authorized": "The amount is set aside",
    "success": "This payment is already paid",
    "failed": "This payment was declined",
    "canceled": "This payment was canceled",
}
ENDINGS: dict[Status, str] = {
    "processing": "It settles by itself; nothing more is to be done here.",
    "authorized": "The shop takes it later. Nothing more is to be done here.",
    "success": "Nothing more is to be done here.",
    "failed": "You were not charged.",
    "canceled": "You were not charged.",
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


async def answer(desk: Desk, request: Request) -> Answer:
    """Everything that is not an API."""
    match request.method, request.parts:
        case "GET", []:
            return _panel(desk)
        case "GET", ["pay", reference]:
            payment = desk.store.payment(reference)
            return _pay(payment) if payment else _missing()
        case "POST", ["pay", reference, ("approve" | "transfer" | "decline" | "abandon") as deed]:
            payment = desk.store.payment(reference)
            return _paid(desk, payment, deed) if payment else _missing()
        case "POST", ["panel", "payments", reference, *deed]:
            payment = desk.store.payment(reference)
            return _acted(desk, payment, deed) if payment else _missing()
        case "POST", ["panel", "faults"]:
            return _set_faults(desk, request)
        case "POST", ["panel", "faults", "reset"]:
            _keep_faults(desk, NO_FAULTS)
            return _go("/")
        case _:
            return _missing()


def _pay(payment: Payment, status: int = 200) -> Answer:
    success, failure = origin(payment.success_url), origin(payment.failure_url)
    failed = payment.status in {"pending", "failed", "canceled"}
    # The browser applies form-action to where the form's answer redirects as well.
    return _page(
        "pay.html",
        status,
        f"'self' {success} {failure}",
        payment=payment,
        amount=_money(payment.amount, payment.currency),
        heading=HEADINGS[payment.status],
        ending=ENDINGS.get(payment.status),
        back_url=payment.failure_url if failed else payment.success_url,
    )


def _paid(desk: Desk, payment: Payment, deed: str) -> Answer:
    if deed == "abandon":
        return _go(payment.failure_url) if payment.status == "pending" else _pay(payment, 409)
    now = clock.now().timestamp()
    if deed == "transfer":
        done = commands.process(desk.store, desk.settings, payment, "bank_transfer", None, now)
    else:
        done = commands.finish(desk.store, payment, cast("Outcome", deed), None, now)
    if isinstance(done, Refusal):
        return _pay(payment, 409)
    desk.sender.wake()
    return _go(done.failure_url if done.status == "failed" else done.success_url)


def _acted(desk: Desk, payment: Payment, deed: list[str]) -> Answer:
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
            return _missing()
    desk.sender.wake()
    return _go("/")


def _set_faults(desk: Desk, request: Request) -> Answer:
    form = dict(parse_qsl(request.body.decode("utf-8", "replace")))
    try:
        faults = msgspec.convert(form, Faults, strict=False)
    except msgspec.ValidationError as error:
        return _panel(desk, str(error))
    _keep_faults(desk, faults)
    return _go("/")


def _keep_faults(desk: Desk, faults: Faults) -> None:
    with desk.store.step():
        desk.store.keep_faults(faults)


def _panel(desk: Desk, error: str = "") -> Answer:
    faults = desk.store.faults()
    payments = desk.store.newest(LISTED_MAX)
    return _page(
        "panel.html",
        400 if error else 200,
        "'self'",
        lines=[_line(desk.store, payment) for payment in payments],
        fields=list(_fields(faults)),
        current=", ".join(_in_force(faults)),
        error=error,
    )


def _line(store: Store, payment: Payment) -> Line:
    told = store.callbacks_of(payment.reference)
    parts = [_refund(one) for one in store.refunds(payment.reference)]
    disputed = store.disputes(payment.reference)
    return Line(
        payment,
        _money(payment.amount, payment.currency),
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
        notes.append(f"captured {_money(payment.captured, payment.currency)}")
    if payment.refunded:
        notes.append(f"refunded {_money(payment.refunded, payment.currency)}")
    return ", ".join(notes)


def _refund(refund: Refund) -> Part:
    amount = _money(refund.refund_amount, refund.currency)
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
    amount = _money(dispute.dispute_amount, dispute.currency)
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


def _money(minor: int, currency: str) -> str:
    """`1,234.50`: the code stands beside it. The currency was checked when it came in."""
    return f"{Money(minor, find_asset(currency) or currency).decimal:,f}"


def _missing() -> Answer:
    return _page(
        "message.html",
        404,
        "'none'",
        heading="There is nothing here",
        sentence="This sandbox knows no such payment. Perhaps its data was removed.",
    )


def _go(url: str) -> Answer:
    """303, so that the browser asks for the next page and a reload repeats nothing."""
    return Answer(303, b"", ((b"location", url.encode()), *_GUARDS))


def _page(template: str, status: int, form_action: str, **values: object) -> Answer:
    nonce = ids.token(16)
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; img-src data:; "
        f"form-action {form_action}; base-uri 'none'; frame-ancestors 'none'"
    )
    text = _templates.get_template(template).render(nonce=nonce, **values)
    headers = ((b"content-security-policy", policy.encode()), *_GUARDS)
    return Answer(status, text.encode(), headers, b"text/html; charset=utf-8")


_GUARDS = (
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)
_templates = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    auto_reload=False,
    trim_blocks=True,
    lstrip_blocks=True,
)
