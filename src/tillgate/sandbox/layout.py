"""What every page of the sandbox is made with: templates, guards, amounts. No script anywhere."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from tillgate.kit import ids
from tillgate.kit.http import Answer
from tillgate.kit.money import Money, find_asset


def money(minor: int, currency: str) -> str:
    """`1,234.50`: the code stands beside it. The currency was checked when it came in."""
    return f"{Money(minor, find_asset(currency) or currency).decimal:,f}"


def missing() -> Answer:
    return page(
        "message.html",
        404,
        "'none'",
        heading="There is nothing here",
        sentence="This sandbox knows no such payment. Perhaps its data was removed.",
    )


def go(url: str) -> Answer:
    """303, so that the browser asks for the next page and a reload repeats nothing."""
    return Answer(303, b"", ((b"location", url.encode()), *_GUARDS))


def page(template: str, status: int, form_action: str, **values: object) -> Answer:
    nonce = ids.token(16)
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; img-src data:; "
        f"form-action {form_action}; base-uri 'none'; frame-ancestors 'none'"
    )
    text = _templates.get_template(template).render(nonce=nonce, **values)
    headers = ((b"content-security-policy", policy.encode()), *_GUARDS)
    return Answer(status, text.encode(), headers, b"text/html; charset=utf-8")


_GUARDS = (
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)
_templates = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    auto_reload=False,
    trim_blocks=True,
    lstrip_blocks=True,
)
