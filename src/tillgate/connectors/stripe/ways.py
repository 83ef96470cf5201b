"""How the payer goes on: Stripe's page, or our own with what it needs. Pure."""

from msgspec import Raw

from tillgate.connectors.protocol import Pending
from tillgate.connectors.stripe.model import Credentials, Settings
from tillgate.connectors.stripe.request import Request
from tillgate.connectors.stripe.things import PaymentIntent
from tillgate.kit.http import encode


def by_link(wanted: Request, credentials: Credentials) -> Pending | None:
    """Nothing is there at Stripe until the payer pays; our reference comes back then. None: there
    is no button."""
    ours: str = wanted.params["ours"]
    if wanted.call == "payment_link":
        return Pending(ours, wanted.params["url"])
    if wanted.params["buy_button_id"] is None:
        return None
    way = {
        "type": "stripe_buy_button",
        "buy_button_id": wanted.params["buy_button_id"],
        "publishable_key": credentials.publishable_key,
        "client_reference_id": ours,
    }
    return Pending(ours, None, Raw(encode(way)))


def of_intent(
    intent: PaymentIntent, settings: Settings, credentials: Credentials
) -> Pending | None:
    """Cards are entered on our page, into Stripe's own fields; Cash App has a page of its own."""
    if settings.method == "card" and intent.client_secret is not None:
        way: dict[str, object] = {
            "type": "stripe_card",
            "client_secret": intent.client_secret,
            "publishable_key": credentials.publishable_key,
        }
        return Pending(intent.id, None, Raw(encode(way)))
    told = intent.next_action.cashapp if intent.next_action else None
    if told is None or told.hosted_instructions_url is None:
        return None
    way = {
        "type": "cashapp",
        "mobile_url": told.mobile_auth_url,
        "qr_svg_url": told.qr_code.image_url_svg if told.qr_code else None,
        "qr_expires_at": told.qr_code.expires_at if told.qr_code else None,
    }
    return Pending(intent.id, told.hosted_instructions_url, Raw(encode(way)))
