"""Stripe's part in a benchmark: a connection to it, and its events as they arrive."""

import json
from uuid import UUID

from msgspec import Raw
from tests.fakes import stripe, stripe_objects

from bench.ground import Ground
from tillgate.connections.commands import Change, Row, Tools, create_connection
from tillgate.connectors.stripe.request import OPERATION
from tillgate.kit import clock, ids
from tillgate.kit.db import Connection
from tillgate.kit.refusal import Refused
from tillgate.main.parts import policy_of, vault_of

AGENT = "Stripe/1.0 (+https://stripe.com/docs/webhooks)"
CREDENTIALS = {
    "secret_key": stripe.SECRET_KEY,
    "publishable_key": stripe.PUBLISHABLE_KEY,
    "webhook_secrets": [stripe.WEBHOOK_SECRET],
}


async def connect(ground: Ground, connection: Connection) -> None:
    """The merchant of the measures gets a connection for cards. Nothing is asked of Stripe."""
    now, merchant_id = clock.now(), ground.merchant.id
    wanted = Row(
        ids.mint(), "stripe", "Cards", "enabled", 0, None, None, None, "review", None, Raw(b"{}"),
        Raw(b"{}"), now, now,
    )  # fmt: skip
    tools = Tools(vault_of(ground.settings), policy_of(ground.settings))
    change = Change(merchant_id, False, "bench", now)
    made = await create_connection(connection, tools, change, wanted, CREDENTIALS)
    if isinstance(made, Refused):
        raise TypeError(made.message)


def message(
    reference: str, ours: str, payment_id: UUID, now_s: int
) -> tuple[bytes, dict[str, str]]:
    """(body, headers) of `payment_intent.succeeded`, signed now."""
    metadata = {"tillgate_payment": ids.show("pay", payment_id), OPERATION: ours}
    wanted = {"amount": 1999, "currency": "eur", "metadata": metadata}
    paid = {"id": reference, "status": "succeeded", "amount_received": 1999}
    intent = stripe_objects.payment_intent(wanted) | paid
    event = stripe_objects.event("payment_intent.succeeded", intent, None)
    body = json.dumps(event | {"id": f"evt_{reference}"}, indent=2).encode()
    headers = {
        "User-Agent": AGENT,
        "Content-Type": "application/json; charset=utf-8",
        "Stripe-Signature": stripe.sign(body, at_s=now_s),
        "Accept": "*/*; q=0.5, application/xml",
        "Cache-Control": "no-cache",
    }
    return body, headers
