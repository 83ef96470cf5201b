"""Whether a message was signed by Stripe: `Stripe-Signature: t=<unix>,v1=<hex>[,v1=<hex>…]`.

Source: docs.stripe.com/webhooks/signature. Pure; every signature is compared with every secret.
"""

from datetime import datetime

from tillgate.connectors.protocol import CallbackRequest, Verdict
from tillgate.kit import crypto

TIMESTAMP_WINDOW_S = 300
"""How far a message's timestamp may be from our clock, either way."""

PARTS_MAX = 20
STAMP_MAX_DIGITS = 12


def verify(request: CallbackRequest, secrets: list[str], now: datetime) -> Verdict:
    """`forged` also without any secret: nothing is taken that cannot be proved."""
    parts = request.headers.get("stripe-signature", "").split(",")[:PARTS_MAX]
    pairs = [part.strip().partition("=") for part in parts]
    stamp = next((value for name, _, value in pairs if name == "t"), "")
    if not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= STAMP_MAX_DIGITS):
        return "forged"
    given = [value.encode() for name, _, value in pairs if name == "v1"]
    signed = stamp.encode() + b"." + request.body
    macs = [crypto.mac(secret.encode(), signed).hex().encode() for secret in secrets if secret]
    if not any([crypto.same(one, mac) for one in given for mac in macs]):  # noqa: C419  all are compared
        return "forged"
    if abs(now.timestamp() - int(stamp)) > TIMESTAMP_WINDOW_S:
        return "stale"
    return "genuine"
