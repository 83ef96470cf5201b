"""The page that shows what arrived. Its script only asks for news and swaps the list."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from jinja2 import Environment, FileSystemLoader

from tillgate.inbox.store import Message
from tillgate.kit import ids
from tillgate.kit.http import Answer

ABOUT_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
"""The headers of Standard Webhooks; others that look like signatures are shown beside them."""


class Shown(NamedTuple):
    """A message as the page shows it; the newest comes first."""

    message: Message
    type: str
    at: datetime
    signing: list[tuple[str, str]]
    others: list[tuple[str, str]]
    body: str


def show(messages: Iterable[Message], url: str, template: str = "page.html") -> Answer:
    """`messages` in the order of arrival; `url` is the address that the page tells people.

    `list.html` is the list alone, for the page's script.
    """
    nonce = ids.token(16)
    text = _templates.get_template(template).render(
        nonce=nonce, url=url, items=[_shown(message) for message in messages][::-1]
    )
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; "
        "connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
    headers = (
        (b"content-security-policy", policy.encode()),
        (b"cache-control", b"no-store"),
        (b"referrer-policy", b"no-referrer"),
        (b"x-content-type-options", b"nosniff"),
        (b"vary", b"accept"),
    )
    return Answer(200, text.encode(), headers, b"text/html; charset=utf-8")


def _shown(message: Message) -> Shown:
    signing: list[tuple[str, str]] = []
    others: list[tuple[str, str]] = []
    for name, value in message.headers.items():
        about = name in ABOUT_HEADERS or "signature" in name
        (signing if about else others).append((name, value))
    kind, body = _read(message.body)
    at = datetime.fromisoformat(message.received_at)
    return Shown(message, kind, at, signing, others, body)


def _read(body: str) -> tuple[str, str]:
    """The event's type and the body laid out, as far as it is JSON."""
    try:
        value = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError:
        return "not a JSON object", body
    kind = value.get("type")
    # Laid out from the text itself, so that numbers and escapes stay as they came.
    pretty = msgspec.json.format(body, indent=2)
    return (kind if isinstance(kind, str) and kind else "no type"), pretty


_templates = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    auto_reload=False,
    trim_blocks=True,
    lstrip_blocks=True,
)
