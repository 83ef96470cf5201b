"""JSON bodies become frozen values, or a refusal that names the parameter."""

import re
from typing import Any, TypeVar, cast

import msgspec

from tillgate.kit.refusal import Refused

T = TypeVar("T")

DEPTH_MAX = 32
"""How deep objects and lists of a JSON body may nest."""

_AT = re.compile(r" - at (?:`key` in )?`\$\.?(.*?)`$")
_MISSING = re.compile(r"missing required field `(.+?)`")
_UNKNOWN = re.compile(r"unknown field `(.+?)`")


def decode(decoder: msgspec.json.Decoder[T], body: bytes) -> T | Refused:
    """The value, or `json_invalid`, `parameter_missing`, `parameter_unknown`, `parameter_invalid`.

    NUL is refused too: PostgreSQL's text cannot hold it.
    """
    if too_deep(body):
        return Refused("parameter_invalid", f"The body nests deeper than {DEPTH_MAX} levels.")
    try:
        value = decoder.decode(body)
    except msgspec.ValidationError as error:
        return explain(str(error))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Refused("json_invalid", "The body is not valid JSON in UTF-8.")
    param = _nul(msgspec.to_builtins(value)) if b"\\u0000" in body else None
    if param is not None:
        return Refused("parameter_invalid", f"{param} holds the character NUL.", param)
    return value


def too_deep(body: bytes) -> bool:
    """Whether JSON nests beyond DEPTH_MAX. What cannot, as most bodies, is not looked through."""
    if body.count(b"[") + body.count(b"{") <= DEPTH_MAX:
        return False
    depth = 0
    for token in _NESTING.finditer(body):
        first = body[token.start()]
        depth += _STEPS.get(first, 0)
        if depth > DEPTH_MAX:
            return True
    return False


_NESTING = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
"""A string, which may hold brackets, or a bracket. One that does not end goes to the end at once,
or looking would take the square of the time."""

_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


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


def _nul(value: Any, name: str = "The body") -> str | None:
    """The name of the first member that holds a NUL, or None."""
    if isinstance(value, str):
        return name if "\0" in value else None
    parts: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        parts = [(name if name != "The body" else key, part) for key, part in members.items()]
        if any("\0" in key for key in members):
            return name
    elif isinstance(value, list):
        parts = [(name, part) for part in cast("list[Any]", value)]
    return next(filter(None, (_nul(part, place) for place, part in parts)), None)
