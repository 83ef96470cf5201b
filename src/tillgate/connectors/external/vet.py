"""What types do not say of settings and credentials of an external app. Pure."""

import re
from typing import Any, cast

from tillgate.connectors.external.model import (
    CHANGE_NAMES,
    NAMES,
    PLACEHOLDER,
    Credentials,
    Settings,
    Signature,
)
from tillgate.kit.money import find_asset
from tillgate.kit.refusal import Refused

SECRET_MIN_CHARACTERS = 8
"""Of what guards live money; in test mode one is enough."""

HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
OURS_TO_SET = frozenset(("host", "content-length", "transfer-encoding", "connection"))


def vet(settings: Settings, credentials: Credentials, livemode: bool) -> Refused | None:
    """What types do not say; above all, callbacks of live money must be signed."""
    return (
        _vet_secrets(credentials, livemode=livemode)
        or _vet_signature(settings.signature)
        or _vet_looks(settings)
        or _vet_headers(settings.headers)
        or _vet_names(settings)
    )


def _vet_secrets(credentials: Credentials, *, livemode: bool) -> Refused | None:
    param = "credentials.signing_secrets"
    if livemode and not credentials.signing_secrets:
        words = "In live mode callbacks must be signed: give a signing secret."
        return Refused("parameter_missing", words, param)
    shortest = SECRET_MIN_CHARACTERS if livemode else 1
    if any(len(secret) < shortest for secret in credentials.signing_secrets):
        words = f"A signing secret has {shortest} characters or more."
        return Refused("parameter_invalid", words, param)
    if not credentials.api_key.isprintable():
        words = "The key has unprintable characters."
        return Refused("parameter_invalid", words, "credentials.api_key")
    return None


def _vet_signature(signature: Signature) -> Refused | None:
    """A signature must stand somewhere, and not inside of what it covers."""
    place = "settings.signature"
    if signature.header is None and signature.field is None:
        words = "Say where signatures stand: in a header, or in a field of the body."
        return Refused("parameter_missing", words, f"{place}.header")
    if (signature.covers == "payload") != (signature.payload is not None):
        words = "payload is the text that a signature covers where covers is payload."
        return Refused("parameter_invalid", words, f"{place}.payload")
    if signature.field is not None and signature.payload is None:
        words = "A signature inside the body cannot cover the body: it covers a payload."
        return Refused("parameter_invalid", words, f"{place}.field")
    if signature.covers == "timestamp.body" and signature.timestamp_header is None:
        words = "timestamp.body needs timestamp_header."
        return Refused("parameter_missing", words, f"{place}.timestamp_header")
    return None


def _vet_looks(settings: Settings) -> Refused | None:
    callback = settings.callback
    if callback.reference is None and callback.ours is None:
        words = "Callbacks need reference, ours or both: what they are about."
        return Refused("parameter_missing", words, "settings.callback.ours")
    if settings.look_url is not None and settings.look is None:
        words = "look_url needs look, which says how to read its answer."
        return Refused("parameter_missing", words, "settings.look")
    if settings.hints_only and settings.look_url is None:
        words = "Callbacks that only hint need look_url, where the charge is looked up."
        return Refused("parameter_missing", words, "settings.look_url")
    if settings.currency is not None and find_asset(settings.currency) is None:
        words = f"This currency is unknown: {settings.currency}."
        return Refused("parameter_invalid", words, "settings.currency")
    return None


def _vet_headers(headers: dict[str, str]) -> Refused | None:
    for name, value in headers.items():
        fits = HEADER_NAME.fullmatch(name) and name.lower() not in OURS_TO_SET
        if not fits or not value.isprintable():
            words = f"This header cannot be set: {name[:100]}."
            return Refused("parameter_invalid", words, "settings.headers")
    return None


def _vet_names(settings: Settings) -> Refused | None:
    """A name that stands for nothing would be sent as null."""
    wanted: list[tuple[str, set[str], frozenset[str]]] = [
        ("request", _named(settings.request), NAMES),
        ("pay_url", set(PLACEHOLDER.findall(settings.pay_url or "")), NAMES),
    ]
    calls = {"capture": settings.capture, "cancel": settings.cancel, "refund": settings.refund}
    for member, call in calls.items():
        if call is not None:
            wanted.append((f"{member}.request", _named(call.request), CHANGE_NAMES))
    for member, names, known in wanted:
        strange = min(names - known, default=None)
        if strange is not None:
            words = f"{{{strange}}} stands for nothing; known: {', '.join(sorted(known))}."
            return Refused("parameter_invalid", words, f"settings.{member}")
    return None


def _named(template: Any) -> set[str]:
    """The names that a request's template holds."""
    if isinstance(template, dict):
        template = list(cast("dict[str, Any]", template).values())
    if isinstance(template, list):
        return set[str]().union(*map(_named, cast("list[Any]", template)))
    found = PLACEHOLDER.fullmatch(template) if isinstance(template, str) else None
    return {found[1]} if found else set()
