"""Pure rules of the checkout: a merchant's colour made readable, addresses that may be linked to,
and which of our own words stand for a processor's failure code.
"""

import re
from typing import NamedTuple
from urllib.parse import urlsplit

CONTRAST_MIN = 4.5
"""WCAG 2.2, success criterion 1.4.3: text against what is behind it."""

LIGHT_TEXT = "#ffffff"
DARK_TEXT = "#0c121b"

_COLOR = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})", re.IGNORECASE)
_DARKEN_BY = 0.96

# Codes of processors → the key of our words. Whatever is not here gets the words of `default`.
_FAILURES = {
    "abandoned": "left",
    "authentication_failed": "unproven",
    "authentication_required": "unproven",
    "canceled": "left",
    "canceled_by_payer": "left",
    "card_declined": "declined",
    "declined": "declined",
    "do_not_honor": "declined",
    "expired_card": "card_expired",
    "generic_decline": "declined",
    "incorrect_cvc": "details",
    "incorrect_number": "details",
    "insufficient_funds": "funds",
    "invalid_cvc": "details",
    "invalid_expiry_month": "details",
    "invalid_expiry_year": "details",
    "invalid_number": "details",
    "payment_intent_authentication_failure": "unproven",
    "processing_error": "processor",
    "processor_unavailable": "processor",
    "timeout": "processor",
}


class Brand(NamedTuple):
    """A colour for the button and the colour of the text on it, both `#rrggbb`."""

    fill: str
    text: str


def brand(color: str | None) -> Brand | None:
    """The merchant's colour with text that can be read on it; None when it is not a colour.

    White text where it reaches 4.5:1, else dark text, else the colour is darkened until white
    does. The answer is safe to print in a style sheet, whatever came in.
    """
    if color is None or not _COLOR.fullmatch(color):
        return None
    rgb = _rgb(color)
    for text in (LIGHT_TEXT, DARK_TEXT):
        if contrast(_hex(rgb), text) >= CONTRAST_MIN:
            return Brand(_hex(rgb), text)
    while contrast(_hex(rgb), LIGHT_TEXT) < CONTRAST_MIN:
        rgb = tuple(int(channel * _DARKEN_BY) for channel in rgb)
    return Brand(_hex(rgb), LIGHT_TEXT)


def contrast(one: str, other: str) -> float:
    """WCAG's contrast ratio of two colours, 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def linkable(url: str | None) -> str | None:
    """`url` when it is an http(s) address with a host, else None: no `javascript:` in a link."""
    if url is None:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in {"http", "https"} and parts.netloc else None


def failure_words(code: str | None) -> str:
    """The catalogue's key for a processor's failure code."""
    return _FAILURES.get((code or "").lower(), "default")


def failures() -> dict[str, list[str]]:
    """Every key of our words with the codes that they stand for; `default` stands for the rest."""
    found: dict[str, list[str]] = {"default": []}
    for code, words in _FAILURES.items():
        found.setdefault(words, []).append(code)
    return found


def _rgb(color: str) -> tuple[int, ...]:
    digits = color[1:]
    if len(digits) == 3:
        digits = "".join(2 * digit for digit in digits)
    return tuple(int(digits[i : i + 2], 16) for i in (0, 2, 4))


def _hex(rgb: tuple[int, ...]) -> str:
    return "#" + "".join(f"{channel:02x}" for channel in rgb)


def _luminance(color: str) -> float:
    """Relative luminance of sRGB, as WCAG 2.2 defines it."""
    red, green, blue = (_linear(channel / 255) for channel in _rgb(color))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
