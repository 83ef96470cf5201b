"""What a checkout page may load, and from where: its content security policy. Pure.

Our own host and nothing else, but on the pages that show a way of a processor's own: those trust
the hosts that this way needs, and no page trusts more.
"""

import re

from tillgate.checkout.rules import linkable
from tillgate.checkout.ways import BuyButton, Card, CashApp, Way

STRIPE_JS = "https://js.stripe.com"
STRIPE_CHALLENGES = "https://hooks.stripe.com"
STRIPE_API = "https://api.stripe.com"
"""Source: docs.stripe.com/security/guide, content security policy."""

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?=/)")


def content_security_policy(nonce: str, way: Way | None, *, dev: bool) -> str:
    """The header's value. The form's answer leads to the processor, wherever that is; in
    development that may be a program on this machine."""
    trusted = _trusted(way)
    nearby = " http://127.0.0.1:* http://localhost:*" if dev else ""
    directives = {
        "default-src": "'none'",
        "script-src": f"'self' 'nonce-{nonce}'",
        "style-src": f"'self' 'nonce-{nonce}'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "form-action": f"'self' https:{nearby}",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    for name, hosts in trusted.items():
        directives[name] = f"{directives.get(name, '')} {hosts}".strip()
    return "; ".join(f"{name} {sources}" for name, sources in directives.items())


def _trusted(way: Way | None) -> dict[str, str]:
    match way:
        case Card():
            return {
                "script-src": STRIPE_JS,
                "frame-src": f"{STRIPE_JS} {STRIPE_CHALLENGES}",
                "connect-src": STRIPE_API,
            }
        case BuyButton():
            return {"script-src": STRIPE_JS, "frame-src": STRIPE_JS}
        case CashApp(qr_svg_url=url):
            host = origin(url)
            return {"img-src": host} if host else {}
        case None:
            return {}


def origin(url: str | None) -> str | None:
    """Scheme and host of an address, safe to print in a header; None where it is no such one."""
    found = _ORIGIN.match(url) if url is not None and linkable(url) else None
    return found[0] if found else None
