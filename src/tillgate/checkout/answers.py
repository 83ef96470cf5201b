"""A page as an answer over HTTP: its status, and what it may load."""

from datetime import datetime

from tillgate.checkout.model import State, View
from tillgate.checkout.pages import choose_language, render
from tillgate.checkout.policy import content_security_policy
from tillgate.kit import chance
from tillgate.kit.http import RETRY_AFTER_S, Answer

NONCE_BYTES = 16
HTML = b"text/html; charset=utf-8"
STATUS: dict[State, int] = {"not_found": 404, "unavailable": 503}


def page(view: View, accept_language: str, lang: str | None, now: datetime, *, dev: bool) -> Answer:
    """`accept_language`: the header; `lang`: the language that was asked for in the address."""
    nonce = chance.secret(NONCE_BYTES).hex()
    text = render(view, choose_language(accept_language, lang), nonce, now)
    status = STATUS.get(view.state, 200)
    headers = [
        (b"content-security-policy", content_security_policy(nonce, view.way, dev=dev).encode()),
        (b"cache-control", b"no-store"),
        (b"referrer-policy", b"no-referrer"),
        (b"x-content-type-options", b"nosniff"),
    ]
    if status == 503:
        headers.append((b"retry-after", b"%d" % RETRY_AFTER_S))
    return Answer(status, text.encode(), tuple(headers), HTML)
