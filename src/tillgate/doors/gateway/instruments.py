"""How a payer says that they pay: an address for UPI, or a card. Pure.

Of a card only its network and its last four digits leave this module.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple, cast

from tillgate.doors.gateway.words import BAD_REQUEST, Bad

VPA = re.compile(r"[a-zA-Z0-9._-]+@[a-zA-Z0-9]+")
VPA_MAX_CHARACTERS = 255
NUMBER = re.compile(r"[0-9]{13,19}")
CVV = re.compile(r"[0-9]{3,4}")
TWO_DIGITS_YEAR = 2000

NO_METHOD = Bad(BAD_REQUEST, "Unsupported payment method")
BAD_VPA = Bad("INVALID_VPA", "VPA format invalid")
NO_CARD = Bad("INVALID_CARD", "Card details missing")
BAD_CARD = Bad("INVALID_CARD", "Card validation failed")
EXPIRED = Bad("EXPIRED_CARD", "Card expiry date invalid")


class Instrument(NamedTuple):
    """`told`: what may be kept of it and shown, by the gateway's names."""

    method: str
    told: dict[str, str]


class Card(NamedTuple):
    """As somebody typed it."""

    number: str
    month: str
    year: str
    cvv: str


def read(body: Mapping[str, Any], now: datetime) -> Instrument | Bad:
    """What a request to pay says of it."""
    match body.get("method"):
        case "upi":
            vpa = body.get("vpa")
            fits = isinstance(vpa, str) and len(vpa) <= VPA_MAX_CHARACTERS and VPA.fullmatch(vpa)
            return Instrument("upi", {"vpa": str(vpa)}) if fits else BAD_VPA
        case "card":
            card = _card(body)
            return _vetted(card, now) if card is not None else NO_CARD
        case _:
            return NO_METHOD


def luhn(number: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    digits = [int(digit) for digit in reversed(number)]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def network(number: str) -> str:
    """By the first two digits."""
    start = int(number[:2])
    if start // 10 == 4:
        return "visa"
    if 51 <= start <= 55:
        return "mastercard"
    if start in {34, 37}:
        return "amex"
    return "rupay" if start in {60, 65} or 81 <= start <= 89 else "unknown"


def _card(body: Mapping[str, Any]) -> Card | None:
    """Nested, or in members of the request itself; None when something of it is not there."""
    nested = body.get("card")
    if isinstance(nested, dict):
        said = cast("dict[str, Any]", nested)
        parts = [said.get(name) for name in ("number", "expiry_month", "expiry_year", "cvv")]
    else:
        month, _, year = str(body.get("card_expiry") or "").partition("/")
        parts = [body.get("card_number"), month, year, body.get("card_cvv")]
    texts = [_text(part) for part in parts]
    return Card(*texts) if all(texts) else None


def _text(part: object) -> str:
    """Digits come as text or as a number."""
    return str(part).strip() if isinstance(part, str | int) and part is not True else ""


def _vetted(card: Card, now: datetime) -> Instrument | Bad:
    number = card.number.replace(" ", "").replace("-", "")
    genuine = NUMBER.fullmatch(number) and luhn(number) and CVV.fullmatch(card.cvv)
    if not genuine:
        return BAD_CARD
    if not _lasts(card, now):
        return EXPIRED
    return Instrument("card", {"card_network": network(number), "card_last4": number[-4:]})


def _lasts(card: Card, now: datetime) -> bool:
    """Through the last day of its month."""
    month, year = card.month, card.year
    plain = re.fullmatch("[0-9]{1,2}", month) and re.fullmatch("[0-9]{2}|[0-9]{4}", year)
    if not plain or not 1 <= int(month) <= 12:
        return False
    whole_year = int(year) + (TWO_DIGITS_YEAR if len(year) == 2 else 0)
    return (whole_year, int(month)) >= (now.year, now.month)
