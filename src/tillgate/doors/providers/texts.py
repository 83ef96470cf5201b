"""What the door says when it says no: `{"error": …, "details"?: …}`, word for word as promised."""

from tillgate.kit.canonical import canonical
from tillgate.kit.http import RETRY_AFTER_S, Answer
from tillgate.kit.money import Money
from tillgate.kit.refusal import Refused
from tillgate.webhooks.formats.provider import major


def no(status: int, error: str, details: str | None = None) -> Answer:
    said = {"error": error} if details is None else {"error": error, "details": details}
    headers = ((b"retry-after", b"%d" % RETRY_AFTER_S),) if status == 503 else ()
    return Answer(status, canonical(said), headers)


def yes(said: object) -> Answer:
    return Answer(200, canonical(said))


def refuse(refused: Refused) -> Answer:
    """What the house refuses, in this door's shape."""
    known = TEXTS.get(refused.code)
    return (
        no(refused.status, known, refused.message) if known else no(refused.status, refused.message)
    )


TEXTS = {
    "internal": "Server error",
    "order_amount": "Amount does not match the existing order",
    "order_state": "This order cannot be paid any more",
}
"""code → the text; whatever is not here says what the house says."""

BAD_KEY = no(401, "Invalid or inactive API key")
NOBODY = no(400, "Either serviceId or apiKey is required")
NO_SERVICE = no(404, "Service not found")
NO_ORDER = no(404, "Order not found")
NO_BODY = no(400, "Invalid request body", "Send one JSON object.")
BAD_AMOUNT = no(400, "Invalid amount provided")
BAD_EXTERNAL_ID = no(
    400, "Invalid externalId", "externalId is a text of 1 to 255 printable characters."
)
NO_BUTTON = no(
    400,
    "Stripe Buy Button not configured for this service",
    "Please add a Stripe Buy Button ID to the service in the admin panel.",
)
NO_BUTTON_CONNECTION = no(
    400,
    "Stripe Buy Button not configured for this service",
    "No Stripe connection with the method buy_button is enabled.",
)
NO_CASH_APP = no(
    400,
    "Cash App payments are not available for this service",
    "This payment method requires a US-based Stripe account. Please contact support.",
)
NO_SIGNATURE = no(400, "No signature")
BAD_SIGNATURE = no(400, "Invalid signature")
NO_SECRET = no(500, "Webhook secret not configured")
NO_SESSION_ID = no(400, "session_id is required")
NO_SESSION = no(404, "Session not found")


def failed(why: str) -> Answer:
    return no(500, "Failed to create payment intent", why)


def not_multiple(amount: str, price: Money) -> Answer:
    cost = number(price)
    details = f"Amount {amount} is not divisible by service price {cost}"
    return no(400, f"Amount must be a multiple of {cost}", details)


def too_little(price: Money) -> Answer:
    details = f"The service price is {number(price)}."
    return no(400, "Amount cannot be less than service price", details)


def number(money: Money) -> str:
    """In major units, as JavaScript writes it: 100, 12.5."""
    return canonical(major(money)).decode()
