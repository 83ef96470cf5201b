"""What is asked of Stripe: a wish as a call and its parameters, stored and resent verbatim. Pure.

Every object carries the payment's, order's and operation's ids in its metadata, beside what the
merchant wrote there; by the operation's we know our objects again.
"""

from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from msgspec import Struct

from tillgate.connectors.protocol import Change, Intent
from tillgate.connectors.stripe.amounts import to_stripe
from tillgate.connectors.stripe.model import Settings

OPERATION = "tillgate_operation"
METADATA_KEYS_MAX = 50
DESCRIPTION_MAX_CHARACTERS = 500

Call = Literal[
    "payment_intent", "checkout_session", "buy_button", "payment_link",
    "capture", "cancel", "expire", "refund",
]  # fmt: skip

Params = dict[str, Any]


class Request(Struct, frozen=True):
    """`params` are Stripe's, by its own names; of a button or link, what its page needs."""

    call: Call
    params: Params


def begin(intent: Intent, settings: Settings) -> Request:
    match settings.method:
        case "card" | "cashapp":
            return Request("payment_intent", _payment_intent(intent, settings))
        case "checkout":
            return Request("checkout_session", _session(intent, settings))
        case "buy_button":
            return Request("buy_button", _button(intent, settings))
        case "payment_link":
            url = with_reference(settings.payment_link_url or "", intent.operation_id)
            return Request("payment_link", {"url": url, "ours": intent.operation_id})


BUTTON = "stripeBuyButtonId"
"""The metadata of a payment for a service that has a button of its own."""


def _button(intent: Intent, settings: Settings) -> Params:
    """A service's own button carries the order, which whoever sells it knows."""
    own = intent.metadata.get(BUTTON)
    if own and intent.order_id is not None:
        return {"buy_button_id": own, "ours": intent.order_id}
    return {"buy_button_id": settings.buy_button_id, "ours": intent.operation_id}


def change(wish: Change) -> Request:
    """An open Checkout Session is let go by expiring it, a payment intent by canceling it."""
    amount = to_stripe(wish.money)
    match wish.kind:
        case "capture":
            return Request("capture", {"amount_to_capture": amount})
        case "void":
            return Request("expire" if wish.reference.startswith("cs_") else "cancel", {})
        case "refund":
            metadata = {OPERATION: wish.operation_id}
            return Request(
                "refund",
                {"payment_intent": wish.reference, "amount": amount, "metadata": metadata},
            )


def describe(metadata: Mapping[str, str], description: str | None) -> str | None:
    """`Premium Credits | PaymentLink: plink_x`, `… | Direct (Bitloader)` or `… | Direct` for what
    is sold as a service; else the payment's own description."""
    service = metadata.get("serviceName")
    if not service:
        return description
    if link := metadata.get("paymentLinkId"):
        return f"{service} | PaymentLink: {link}"
    provider = metadata.get("providerName")
    return f"{service} | Direct ({provider})" if provider else f"{service} | Direct"


def with_reference(url: str, reference: str) -> str:
    """The link with our reference on it; Stripe gives it back as `client_reference_id`."""
    scheme, place, path, query, fragment = urlsplit(url)
    pairs = [*parse_qsl(query), ("client_reference_id", reference)]
    return urlunsplit((scheme, place, path, urlencode(pairs), fragment))


def _payment_intent(intent: Intent, settings: Settings) -> Params:
    params: Params = {
        "amount": to_stripe(intent.money),
        "currency": intent.money.asset,
        "payment_method_types": [settings.method],
        "capture_method": _capture_method(intent),
        "metadata": _metadata(intent),
        "description": _description(intent),
    }
    if settings.method == "cashapp":
        params |= {
            "confirm": True,
            "payment_method_data": {"type": "cashapp"},
            "return_url": intent.return_url,
            "statement_descriptor": settings.statement_descriptor,
        }
    else:
        params["statement_descriptor_suffix"] = settings.statement_descriptor
    return _given(params)


def _session(intent: Intent, settings: Settings) -> Params:
    description, metadata = _description(intent), _metadata(intent)
    price = {
        "currency": intent.money.asset,
        "unit_amount": to_stripe(intent.money),
        "product_data": {"name": description or "Payment"},
    }
    of_its_intent = {
        "metadata": metadata,
        "capture_method": _capture_method(intent),
        "description": description,
        "statement_descriptor_suffix": settings.statement_descriptor,
    }
    return {
        "mode": "payment",
        "line_items": [{"quantity": 1, "price_data": price}],
        "client_reference_id": intent.operation_id,
        "success_url": intent.return_url,
        "cancel_url": intent.return_url,
        "metadata": metadata,
        "payment_intent_data": _given(of_its_intent),
    }


def _capture_method(intent: Intent) -> str:
    return "automatic" if intent.capture else "manual"


def _metadata(intent: Intent) -> dict[str, str]:
    """Our three first: where there is no room for all of the merchant's keys, the last stay out."""
    ours = {"tillgate_payment": intent.payment_id, OPERATION: intent.operation_id}
    if intent.order_id is not None:
        ours["tillgate_order"] = intent.order_id
    theirs = [(key, value) for key, value in intent.metadata.items() if key not in ours and value]
    return ours | dict(theirs[: METADATA_KEYS_MAX - len(ours)])


def _description(intent: Intent) -> str | None:
    text = describe(intent.metadata, intent.description)
    return text[:DESCRIPTION_MAX_CHARACTERS] if text else None


def _given(params: Params) -> Params:
    return {name: value for name, value in params.items() if value is not None}
