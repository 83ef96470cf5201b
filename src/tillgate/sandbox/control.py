"""The control API, for people and tests: finish payments and refunds, open and decide disputes,
read callbacks, set faults.

No authentication: the sandbox listens on loopback only. A payment is named by its reference, its
TransactionId, or any text in its metadata (the newest one that carries it).
"""

from urllib.parse import parse_qs

import msgspec
from msgspec import Struct

from tillgate.kit import clock
from tillgate.kit.http import Answer
from tillgate.sandbox import commands, disputes, refunds
from tillgate.sandbox.api import Looked, looked
from tillgate.sandbox.desk import (
    NO_ROUTE,
    WRONG_METHOD,
    Desk,
    Request,
    invalid,
    json_answer,
    refused,
)
from tillgate.sandbox.faults import NO_FAULTS, Faults
from tillgate.sandbox.model import (
    ApproveWish,
    Callback,
    DisputeWish,
    Metadata,
    Payment,
    Refusal,
)
from tillgate.sandbox.rules import NOT_FOUND

LISTED_MAX = 100


class Acted(Looked, frozen=True, kw_only=True, rename="pascal"):
    """The payment after approve, decline or resend; `callbacks` counts those sent or to be sent."""

    callbacks: int


class Shown(Looked, frozen=True, kw_only=True, rename="pascal"):
    """All about one payment."""

    description: str | None
    metadata: Metadata
    callback_url: str
    success_url: str
    failure_url: str
    created_at: int
    faults: Faults
    callbacks: list[Callback]


async def answer(desk: Desk, request: Request) -> Answer:
    """Everything under `/control`."""
    match request.method, request.parts[1:]:
        case _, ["faults"]:
            return _faults(desk, request, None)
        case "GET", ["payments"]:
            listed = [looked(desk, payment) for payment in desk.store.newest(LISTED_MAX)]
            return json_answer({"Payments": listed})
        case _, ["payments", name, *rest]:
            payment = desk.store.payment_named(name)
            return await _of_payment(desk, request, payment, rest) if payment else _unknown()
        case _, ["payments"]:
            return refused(WRONG_METHOD)
        case _:
            return refused(NO_ROUTE)


async def _of_payment(desk: Desk, request: Request, payment: Payment, rest: list[str]) -> Answer:
    match request.method, rest:
        case "GET", []:
            return json_answer(_shown(desk, payment))
        case _, ["faults"]:
            return _faults(desk, request, payment.reference)
        case "POST", _:
            return await _act(desk, request, payment, rest)
        case _, _:
            return refused(WRONG_METHOD)


async def _act(desk: Desk, request: Request, payment: Payment, rest: list[str]) -> Answer:
    try:
        done = _do(desk, payment, rest, request.body or b"{}", clock.now().timestamp())
    except msgspec.DecodeError as error:
        return invalid(error)
    if isinstance(done, Refusal):
        return refused(done)
    desk.sender.wake()
    if parse_qs(request.query).get("wait") == ["1"]:
        await desk.first_tries(payment.reference)
    told = desk.store.callbacks_of(payment.reference)
    going = sum(callback.state != "dropped" for callback in told)
    after = desk.store.payment(payment.reference) or payment
    return json_answer(Acted(**msgspec.structs.asdict(looked(desk, after)), callbacks=going))


def _do(desk: Desk, payment: Payment, rest: list[str], body: bytes, now: float) -> Struct | Refusal:
    """One deed to a payment: what came of it. Raises msgspec.DecodeError."""
    store = desk.store
    match rest:
        case ["approve"]:
            wish = msgspec.json.decode(body, type=ApproveWish)
            if wish.method == "bank_transfer" and payment.status == "pending":
                settings, method = desk.settings, wish.method
                return commands.process(store, settings, payment, method, wish.amount, now)
            return commands.finish(store, payment, "approve", wish.amount, now)
        case ["decline"]:
            return commands.finish(store, payment, "decline", None, now)
        case ["callbacks", "resend"]:
            return commands.resend(store, payment, now)
        case ["refunds", name, ("succeed" | "fail") as outcome]:
            return refunds.settle(store, payment, name, outcome, now)
        case ["disputes"]:
            opening = msgspec.json.decode(body, type=DisputeWish)
            return disputes.open_dispute(store, payment, opening, now)
        case ["disputes", name, ("review" | "win" | "lose" | "reinstate") as deed]:
            return disputes.move(store, payment, name, deed, now)
        case _:
            return NO_ROUTE


def _faults(desk: Desk, request: Request, reference: str | None) -> Answer:
    """GET, PUT (replaces all) and DELETE of the general faults, or of one payment's own."""
    store = desk.store
    if request.method == "GET":
        return json_answer(store.own_faults(reference) if reference else store.faults())
    if request.method not in {"PUT", "DELETE"}:
        return refused(WRONG_METHOD)
    faults = NO_FAULTS
    if request.method == "PUT":
        try:
            faults = msgspec.json.decode(request.body, type=Faults)
        except msgspec.DecodeError as error:
            return invalid(error)
    with store.step():
        if reference:
            store.keep_own_faults(reference, faults)
        else:
            store.keep_faults(faults)
    return json_answer(faults)


def _shown(desk: Desk, payment: Payment) -> Shown:
    return Shown(
        **msgspec.structs.asdict(looked(desk, payment)),
        description=payment.description,
        metadata=payment.metadata,
        callback_url=payment.callback_url,
        success_url=payment.success_url,
        failure_url=payment.failure_url,
        created_at=payment.created_at,
        faults=desk.store.own_faults(payment.reference),
        callbacks=desk.store.callbacks_of(payment.reference),
    )


def _unknown() -> Answer:
    return refused(NOT_FOUND)
