"""The pages: where a payer approves or declines, and the control panel. No script anywhere."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, cast, get_args
from urllib.parse import parse_qsl

import msgspec
from jinja2 import Environment, FileSystemLoader

from tillgate.kit import clock, ids
from tillgate.kit.http import Answer
from tillgate.kit.money import Money, find_asset
from tillgate.sandbox import commands
from tillgate.sandbox.desk import Desk, Request
from tillgate.sandbox.model import NO_FAULTS, Callback, Faults, Outcome, Payment, Refusal
from tillgate.sandbox.rules import origin

LISTED_MAX = 50
STATES = {"pending": "pending", "success": "paid", "failed": "declined"}


class Told(NamedTuple):
    """A callback as the panel shows it: what happened to it in a few words."""

    event_type: str
    told: str


class Line(NamedTuple):
    """One payment of the panel's list."""

    payment: Payment
    amount: str
    state: str
    note: str
    created: datetime
    callbacks: list[Told]


class Field(NamedTuple):
    """One fault of the panel's form."""

    name: str
    title: str
    description: str
    yes_or_no: bool
    value: str


async def answer(desk: Desk, request: Request) -> Answer:
    """Everything that is not an API."""
    match request.method, request.parts:
        case "GET", []:
            return _panel(desk)
        case "GET", ["pay", reference]:
            payment = desk.store.payment(reference)
            return _pay(payment) if payment else _missing()
        case "POST", ["pay", reference, ("approve" | "decline" | "abandon") as deed]:
            payment = desk.store.payment(reference)
            return _paid(desk, payment, deed) if payment else _missing()
        case "POST", ["panel", "payments", reference, ("approve" | "decline" | "resend") as deed]:
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
    back_url = payment.success_url if payment.status == "success" else payment.failure_url
    # The browser applies form-action to where the form's answer redirects as well.
    return _page(
        "pay.html",
        status,
        f"'self' {success} {failure}",
        payment=payment,
        amount=_money(payment.amount, payment.currency),
        back_url=back_url,
    )


def _paid(desk: Desk, payment: Payment, deed: str) -> Answer:
    if deed == "abandon":
        return _go(payment.failure_url) if payment.status == "pending" else _pay(payment, 409)
    finished = commands.finish(
        desk.store, payment, cast("Outcome", deed), None, clock.now().timestamp()
    )
    if isinstance(finished, Refusal):
        return _pay(payment, 409)
    desk.sender.wake()
    return _go(finished.success_url if finished.status == "success" else finished.failure_url)


def _acted(desk: Desk, payment: Payment, deed: str) -> Answer:
    now = clock.now().timestamp()
    if deed == "resend":
        commands.resend(desk.store, payment, now)
    else:
        commands.finish(desk.store, payment, cast("Outcome", deed), None, now)
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
        lines=[_line(payment, desk.store.callbacks_of(payment.reference)) for payment in payments],
        fields=list(_fields(faults)),
        current=", ".join(_in_force(faults)),
        error=error,
    )


def _line(payment: Payment, told: list[Callback]) -> Line:
    notes: list[str] = []
    if payment.status == "success" and payment.captured != payment.amount:
        notes.append(f"captured {_money(payment.captured, payment.currency)}")
    if payment.refunded:
        notes.append(f"refunded {_money(payment.refunded, payment.currency)}")
    return Line(
        payment,
        _money(payment.amount, payment.currency),
        STATES[payment.status],
        ", ".join(notes),
        datetime.fromtimestamp(payment.created_at, UTC),
        [Told(callback.event_type, _words(callback)) for callback in told],
    )


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
        yield Field(field.name, meta.title, meta.description, kind is bool, shown)


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
