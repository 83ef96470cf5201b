"""Whether a callback is genuine, and which of what it says is signed. Pure."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from tillgate.connectors.external.message import at, decode_mac, json_object, text
from tillgate.connectors.external.model import Signature
from tillgate.connectors.protocol import CallbackRequest, Verdict
from tillgate.kit import crypto

TIMESTAMP_WINDOW_S = 300
"""How far a callback's timestamp may be from our clock, either way."""

STAMP_MAX_CHARACTERS = 40
SECONDS_MAX_DIGITS = 12


def said(request: CallbackRequest, signature: Signature) -> dict[str, Any] | None:
    """The values of a message: its body's, or where only a text in it is signed, that text's."""
    outer = json_object(request.body)
    if signature.covers != "payload":
        return outer
    inner = _payload(outer, signature)
    return json_object(inner) if inner is not None else None


def verdict(
    request: CallbackRequest,
    signature: Signature,
    secrets: list[str],
    now: datetime,
    *,
    livemode: bool,
) -> Verdict:
    """Compares each signature that is given with each secret's, in constant time."""
    inside = signature.field is not None or signature.covers == "payload"
    outer = json_object(request.body) if inside else None
    covered = _covered(request, outer, signature)
    if covered is None:
        return "forged"
    given = [decode_mac(one, signature.encoding) for one in _given(request, outer, signature)]
    macs = [crypto.mac(secret.encode(), covered) for secret in secrets]
    same = [crypto.same(one, mac) for one in given if one is not None for mac in macs]
    if not any(same):
        return "forged"
    if signature.covers == "payload" and _differ(outer or {}, json_object(covered) or {}):
        return "forged"
    return "genuine" if _recent(request, signature, now, livemode=livemode) else "stale"


def _covered(
    request: CallbackRequest, outer: dict[str, Any] | None, signature: Signature
) -> bytes | None:
    match signature.covers:
        case "body":
            return request.body
        case "timestamp.body":
            return _header(request, signature.timestamp_header).encode() + b"." + request.body
        case "payload":
            return _payload(outer, signature)


def _payload(outer: dict[str, Any] | None, signature: Signature) -> bytes | None:
    found = at(outer, signature.payload)
    return found.encode() if isinstance(found, str) else None


def _given(
    request: CallbackRequest, outer: dict[str, Any] | None, signature: Signature
) -> Iterator[str]:
    for found in (_header(request, signature.header), at(outer, signature.field)):
        if isinstance(found, str) and found:
            yield found.removeprefix(signature.prefix)


def _header(request: CallbackRequest, name: str | None) -> str:
    return request.headers.get(name.lower(), "") if name is not None else ""


def _differ(outer: dict[str, Any], inner: dict[str, Any]) -> bool:
    """Whether a member outside says something else than the signed one of its name."""
    names = {name.lower(): name for name in inner}
    return any(
        not _same(value, inner[names[name.lower()]])
        for name, value in outer.items()
        if name.lower() in names and value is not None
    )


def _same(one: Any, other: Any) -> bool:
    """Numbers are alike whatever they are written as: 50, 50.0, "50.00"."""
    return _number(one) == _number(other) if _is_plain(one) and _is_plain(other) else one == other


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | Decimal) and not isinstance(value, bool)


def _number(value: str | int | Decimal) -> Decimal | str:
    try:
        number = Decimal(value)
    except InvalidOperation:
        return str(value)
    return number if number.is_finite() else str(value)


def _recent(
    request: CallbackRequest, signature: Signature, now: datetime, *, livemode: bool
) -> bool:
    stamps = [_header(request, signature.timestamp_header)]
    if signature.timestamp is not None:
        stamps.append(text(said(request, signature) or {}, signature.timestamp) or "")
    given = [_moment(stamp) for stamp in stamps if stamp]
    if not given:
        return not _required(signature, livemode=livemode)
    return all(
        moment is not None and abs((now - moment).total_seconds()) <= TIMESTAMP_WINDOW_S
        for moment in given
    )


def _required(signature: Signature, *, livemode: bool) -> bool:
    if signature.covers == "timestamp.body":
        return True
    if signature.timestamp_header is None and signature.timestamp is None:
        return False
    wanted = signature.timestamp_required
    return livemode if wanted is None else wanted


def _moment(stamp: str) -> datetime | None:
    """Unix seconds, or ISO 8601 with an offset."""
    if len(stamp) > STAMP_MAX_CHARACTERS:
        return None
    try:
        if stamp.isascii() and stamp.isdecimal() and len(stamp) <= SECONDS_MAX_DIGITS:
            return datetime.fromtimestamp(int(stamp), UTC)
        moment = datetime.fromisoformat(stamp)
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment.tzinfo is not None else None
