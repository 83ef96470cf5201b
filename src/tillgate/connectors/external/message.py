"""What the messages of an external app say: values at JSON pointers (RFC 6901), observed. Pure."""

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal, NamedTuple, cast

import msgspec

from tillgate.connectors.external.model import (
    PLACEHOLDER,
    Disputes,
    Pointers,
    Refunds,
    Settings,
)
from tillgate.connectors.protocol import Kind, ObjectState, Observation, Pending, Unreadable
from tillgate.kit.money import Money, find_asset, from_decimal

TEXT_MAX_CHARACTERS = 500
URL_MAX_CHARACTERS = 2048
LISTED_MAX = 500
"""Refunds, or disputes, that one look-up may list."""

NUMBER_LIMIT = 1 << 53
TIME_LIMIT_S = 1 << 35
"""About the year 3000."""

REFUSED = {"failed", "canceled"}
WITH_MONEY = {"authorized", "captured"}
"""States of a charge that say nothing without an amount."""


class Part(NamedTuple):
    """How one kind of object is told in one kind of message. `known`: its reference, where the
    message need not repeat it; `currency`: likewise."""

    kind: Kind
    pointers: Pointers
    words: Mapping[str, ObjectState]
    unit: Literal["minor", "major"]
    currency: str | None
    known: str | None = None


def charge(settings: Settings, pointers: Pointers, known: str | None = None) -> Part:
    words = settings.words
    meanings: list[tuple[tuple[str, ...], ObjectState]] = [
        (words.authorized, "authorized"),
        (words.processing, "processing"),
        (words.waiting, "pending"),
        (words.canceled, "canceled"),
        (words.failure, "failed"),
        (words.success, "captured"),
    ]
    states: dict[str, ObjectState] = {word: state for texts, state in meanings for word in texts}
    return Part("charge", pointers, states, settings.amount_unit, settings.currency, known)


def part(
    settings: Settings, told: Refunds | Disputes, pointers: Pointers, known: str | None = None
) -> Part:
    kind: Kind = "refund" if isinstance(told, Refunds) else "dispute"
    return Part(kind, pointers, told.words, settings.amount_unit, settings.currency, known)


def read_callback(message: dict[str, Any], settings: Settings) -> list[Observation] | Unreadable:
    """A message that names a refund or a dispute is about that, and not about its charge."""
    for told in (settings.disputes, settings.refunds):
        if told is not None and name_of(message, told.callback) is not None:
            return observe(message, part(settings, told, told.callback))
    return observe(message, charge(settings, settings.callback))


def read_look(
    message: dict[str, Any], settings: Settings, pointers: Pointers, known: str | None = None
) -> list[Observation] | Unreadable:
    """The charge, then its refunds and disputes."""
    seen = observe(message, charge(settings, pointers, known))
    for told in (settings.refunds, settings.disputes):
        if told is None:
            continue
        for item in _items(message, told.listed):
            more = observe(item, part(settings, told, told.item))
            if isinstance(seen, Unreadable) or isinstance(more, Unreadable):
                return more if isinstance(more, Unreadable) else seen
            seen += more
    return seen


def observe(message: dict[str, Any], told: Part) -> list[Observation] | Unreadable:
    """One object; nothing when its status word means nothing to us."""
    pointers = told.pointers
    state = told.words.get((text(message, pointers.status) or "").lower())
    if state is None:
        return []
    reference = name_of(message, pointers) or told.known
    if reference is None:
        return Unreadable("There is no reference.", pointers.reference or pointers.ours)
    asset = find_asset(text(message, pointers.currency) or told.currency or "")
    if asset is None:
        return Unreadable("The currency is unknown.", pointers.currency)
    amount = (pointers.authorized if state == "authorized" else None) or pointers.amount
    found = at(message, amount)
    if found is None and told.kind == "charge" and state not in WITH_MONEY:
        found = 0
    money = _money(found, asset, told.unit)
    if money is None:
        return Unreadable("The amount is not one of this currency.", amount)
    code = text(message, pointers.failure_code) or state
    return [
        Observation(
            reference=reference,
            ours=text(message, pointers.ours),
            state=state,
            amount_minor=money.minor,
            asset=money.asset,
            failure_code=code if state in REFUSED else None,
            failure_message=text(message, pointers.failure_message) if state in REFUSED else None,
            kind=told.kind,
            parent=text(message, pointers.parent),
            revision=_whole(at(message, pointers.revision), NUMBER_LIMIT) or 0,
            reason=text(message, pointers.reason),
            evidence_due_at=_time(at(message, pointers.evidence_due_at)),
        )
    ]


def name_of(message: dict[str, Any], pointers: Pointers) -> str | None:
    """What the app calls it; where it has no name of its own, what we do."""
    return text(message, pointers.reference if pointers.reference is not None else pointers.ours)


def under_way(message: dict[str, Any], pointers: Pointers, known: str) -> Pending | None:
    """How the payer goes on, where the message says it. `known`: its reference, if it says none."""
    url = at(message, pointers.redirect_url)
    if not isinstance(url, str) or len(url) > URL_MAX_CHARACTERS or not url.isprintable():
        return None
    if not url.startswith(("https://", "http://")):
        return None
    return Pending(name_of(message, pointers) or known, url)


def fill(template: Any, values: Mapping[str, object]) -> Any:
    """The template with each text that is one `{name}` replaced by the value."""
    if isinstance(template, dict):
        return {key: fill(value, values) for key, value in template.items()}  # pyright: ignore[reportUnknownVariableType]  JSON
    if isinstance(template, list):
        return [fill(value, values) for value in template]  # pyright: ignore[reportUnknownVariableType]  JSON
    name = PLACEHOLDER.fullmatch(template) if isinstance(template, str) else None
    return values.get(name[1]) if name is not None else template


def json_object(body: bytes) -> dict[str, Any] | None:
    """Numbers keep their digits: an amount never passes through a float."""
    try:
        return _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


_decoder = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)


def at(message: Any, pointer: str | None) -> Any:
    """What stands at a JSON pointer, or None."""
    if not pointer:
        return None
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        message = (
            _member(cast("dict[str, Any]", message), key) if isinstance(message, dict) else None
        )
    return message


def _member(message: dict[str, Any], key: str) -> Any:
    """As it is written, or else in any case: the same app may say TransactionId here and
    transactionId there. None where that fits several."""
    if key in message:
        return message[key]
    alike = [name for name in message if name.lower() == key.lower()]
    return message[alike[0]] if len(alike) == 1 else None


def text(message: dict[str, Any], pointer: str | None) -> str | None:
    """A short text or a whole number at a JSON pointer, or None."""
    found = at(message, pointer)
    if isinstance(found, int) and not isinstance(found, bool):
        found = str(found)
    if not isinstance(found, str) or "\0" in found:
        return None
    return found if 0 < len(found) <= TEXT_MAX_CHARACTERS else None


def _items(message: dict[str, Any], pointer: str | None) -> list[dict[str, Any]]:
    found = at(message, pointer)
    items: list[Any] = found[:LISTED_MAX] if isinstance(found, list) else []  # pyright: ignore[reportUnknownVariableType]  JSON
    return [item for item in items if isinstance(item, dict)]


def _whole(found: Any, limit: int) -> int | None:
    known = isinstance(found, int) and not isinstance(found, bool)
    return found if known and 0 <= found < limit else None


def _time(found: Any) -> datetime | None:
    seconds = _whole(found, TIME_LIMIT_S)
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _money(found: Any, asset: str, unit: Literal["minor", "major"]) -> Money | None:
    """Exact or nothing: remainders, negatives and words are refused."""
    if isinstance(found, bool) or not isinstance(found, int | Decimal | str):
        return None
    try:
        number = Decimal(found)
    except ArithmeticError:
        return None
    if not number.is_finite() or not 0 <= number < NUMBER_LIMIT:
        return None
    if unit == "major":
        return from_decimal(number, asset)
    return Money(int(number), asset) if number == int(number) else None


def decode_mac(text: str, encoding: Literal["hex", "base64"]) -> bytes | None:
    try:
        if encoding == "hex":
            return bytes.fromhex(text)
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return None
