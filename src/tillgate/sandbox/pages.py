"""The pages: where a payer approves or declines, and the way to the control panel."""

from typing import cast

from tillgate.kit import clock
from tillgate.kit.http import Answer
from tillgate.sandbox import commands, panel
from tillgate.sandbox.desk import Desk, Request
from tillgate.sandbox.faults import NO_FAULTS
from tillgate.sandbox.layout import go, missing, money, page
from tillgate.sandbox.model import Outcome, Payment, Refusal, Status
from tillgate.sandbox.rules import origin

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


async def answer(desk: Desk, request: Request) -> Answer:
    """Everything that is not an API."""
    match request.method, request.parts:
        case "GET", []:
            return panel.show(desk)
        case "GET", ["pay", reference]:
            payment = desk.store.payment(reference)
            return _pay(payment) if payment else missing()
        case "POST", ["pay", reference, ("approve" | "transfer" | "decline" | "abandon") as deed]:
            payment = desk.store.payment(reference)
            return _paid(desk, payment, deed) if payment else missing()
        case "POST", ["panel", "payments", reference, *deed]:
            payment = desk.store.payment(reference)
            return panel.act(desk, payment, deed) if payment else missing()
        case "POST", ["panel", "faults"]:
            return panel.set_faults(desk, request)
        case "POST", ["panel", "faults", "reset"]:
            panel.keep_faults(desk, NO_FAULTS)
            return go("/")
        case _:
            return missing()


def _pay(payment: Payment, status: int = 200) -> Answer:
    success, failure = origin(payment.success_url), origin(payment.failure_url)
    failed = payment.status in {"pending", "failed", "canceled"}
    # The browser applies form-action to where the form's answer redirects as well.
    return page(
        "pay.html",
        status,
        f"'self' {success} {failure}",
        payment=payment,
        amount=money(payment.amount, payment.currency),
        heading=HEADINGS[payment.status],
        ending=ENDINGS.get(payment.status),
        back_url=payment.failure_url if failed else payment.success_url,
    )


def _paid(desk: Desk, payment: Payment, deed: str) -> Answer:
    if deed == "abandon":
        return go(payment.failure_url) if payment.status == "pending" else _pay(payment, 409)
    now = clock.now().timestamp()
    if deed == "transfer":
        done = commands.process(desk.store, desk.settings, payment, "bank_transfer", None, now)
    else:
        done = commands.finish(desk.store, payment, cast("Outcome", deed), None, now)
    if isinstance(done, Refusal):
        return _pay(payment, 409)
    desk.sender.wake()
    return go(done.failure_url if done.status == "failed" else done.success_url)
