"""The gateway's words for what is refused, and how its answers are written."""

from typing import Any, NamedTuple, TypeVar

from tillgate.kit.canonical import canonical
from tillgate.kit.http import RETRY_AFTER_S, Answer
from tillgate.kit.refusal import Refused, RefusedError

T = TypeVar("T")

BAD_REQUEST = "BAD_REQUEST_ERROR"
INTERNAL = "INTERNAL_SERVER_ERROR"

NO_ORDER = Refused("not_found", "Order not found")
NO_PAYMENT = Refused("not_found", "Payment not found")
NO_REFUND = Refused("not_found", "Refund not found")
NO_LOG = Refused("not_found", "Webhook log not found")
NO_TEST_MERCHANT = Refused("not_found", "Test merchant not found")

CODES = {401: "AUTHENTICATION_ERROR", 404: "NOT_FOUND_ERROR"}
"""Status → code; others are BAD_REQUEST below 500, INTERNAL from there on."""

STATUSES = {401, 404, 405, 413, 429, 500, 503}
"""What this gateway's clients may see besides 400, which every other refusal is."""

REFUNDS = {
    "payment_state": "Payment not in refundable state",
    "amount_too_large": "Refund amount exceeds available amount",
    "charge_refunded": "Refund amount exceeds available amount",
}
"""Our code → what the gateway says when a refund is not granted."""


class Bad(NamedTuple):
    """What is wrong with a request, in the gateway's words."""

    code: str
    description: str


def ok(shown: object, status: int = 200) -> Answer:
    """An answer that JavaScript reads and writes without changing a byte."""
    return Answer(status, canonical(shown))


def bad(description: str) -> Answer:
    return error(400, BAD_REQUEST, description)


def error(status: int, code: str, description: str) -> Answer:
    shown = {"error": {"code": code, "description": description}}
    headers = ((b"retry-after", b"%d" % RETRY_AFTER_S),) if status == 503 else ()
    return Answer(status, canonical(shown), headers)


def refuse(refused: Refused) -> Answer:
    """A refusal of ours as this gateway says it."""
    status = refused.status if refused.status in STATUSES else 400
    code = CODES.get(status, INTERNAL if status >= 500 else BAD_REQUEST)
    text = "Invalid API credentials" if status == 401 else refused.message
    return error(status, code, text)


def present(found: T | None, absent: Refused) -> T:
    """What was looked for. Raises RefusedError when it is not there."""
    if found is None:
        raise RefusedError(absent)
    return found


def given(body: dict[str, Any] | Refused) -> dict[str, Any]:
    """A body that could be read. Raises RefusedError."""
    if isinstance(body, Refused):
        raise RefusedError(body)
    return body
