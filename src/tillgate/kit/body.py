"""JSON bodies become frozen values, or a refusal that names the parameter."""

import re
from typing import Any, TypeVar

import msgspec

from tillgate.kit.refusal import Refused

T = TypeVar("T")

_AT = re.compile(r" - at `(?:key in )?\$\.?(.*?)`$")
_MISSING = re.compile(r"missing required field `(.+?)`")
_UNKNOWN = re.compile(r"unknown field `(.+?)`")


def decode(decoder: msgspec.json.Decoder[T], body: bytes) -> T | Refused:
    """The value, or `json_invalid`, `parameter_missing`, `parameter_unknown`, `parameter_invalid`.

    NUL is refused too: PostgreSQL's text cannot hold it.
    """
    try:
        value = decoder.decode(body)
    except msgspec.ValidationError as error:
        return explain(str(error))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Refused("json_invalid", "The body is not valid JSON in UTF-8.")
    if b"\\u0000" in body and _holds_nul(msgspec.to_builtins(value)):
        return Refused("json_invalid", "The body holds the character NUL.")
    return value


def explain(message: str) -> Refused:
    """A refusal from the words of a `msgspec.ValidationError`."""
    place = _AT.search(message)
    param = place[1].replace("[...]", "") if place else ""
    words = _AT.sub("", message)
    for pattern, code in ((_MISSING, "parameter_missing"), (_UNKNOWN, "parameter_unknown")):
        field = pattern.search(words)
        if field:
            name = f"{param}.{field[1]}" if param else field[1]
            what = "is required" if code == "parameter_missing" else "is not a parameter of this"
            return Refused(code, f"{name} {what}.", name)
    return Refused("parameter_invalid", f"{param or 'The body'}: {words}.", param or None)


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_holds_nul(part) for pair in value.items() for part in pair)  # pyright: ignore[reportUnknownVariableType]  JSON
    if isinstance(value, list):
        return any(_holds_nul(part) for part in value)  # pyright: ignore[reportUnknownVariableType]  JSON
    return False
