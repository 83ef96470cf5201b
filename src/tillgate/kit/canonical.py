"""JSON as JavaScript writes it, so that a body survives the receiver's `JSON.parse` unchanged.

Many receivers check a signature over `JSON.stringify(JSON.parse(body))`. What `canonical` gives
comes out of that byte for byte: ECMA-262 sections 6.1.6.1.20 (Number::toString), 10.1.11.1
(OrdinaryOwnPropertyKeys) and 25.5.2 (JSON.stringify).
"""

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, cast

import msgspec

INTEGER_MAX = (1 << 53) - 1
"""The largest integer that JavaScript reads exactly."""

INDEX_MAX = (1 << 32) - 2
"""The largest array index: JavaScript puts such keys first, ascending."""

DEPTH_MAX = 64
"""How deep objects and lists may nest."""

TOO_DEEP = f"nested deeper than {DEPTH_MAX}"


def canonical(value: object) -> bytes:
    """Compact UTF-8 of plain values, structs, and `Raw` JSON, which is read and written anew.

    Raises ValueError for what JavaScript cannot give back (an integer beyond 2^53, a float that is
    no number, a lone surrogate, nesting beyond DEPTH_MAX), TypeError for what is no JSON.
    """
    try:
        plain = msgspec.to_builtins(value, str_keys=True, enc_hook=_read_raw)
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    return msgspec.json.encode(_ordered(plain, DEPTH_MAX))


def number(value: float) -> str:
    """A float as JavaScript prints it: `1`, `0.1`, `1e-7`, `1e+21`."""
    if not math.isfinite(value):
        raise ValueError("JSON has no infinity and no NaN")
    if value == 0:
        return "0"
    sign, decimals, exponent = Decimal(repr(value)).as_tuple()
    digits = "".join(map(str, decimals)).rstrip("0")
    point = len(decimals) + cast("int", exponent)  # digits before the decimal point
    return ("-" if sign else "") + _positional(digits, point)


def _positional(digits: str, point: int) -> str:
    if len(digits) <= point <= 21:
        return digits.ljust(point, "0")
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{fraction}e{point - 1:+d}"


def _read_raw(value: Any) -> Any:
    if isinstance(value, msgspec.Raw):
        return msgspec.json.decode(value)
    raise TypeError(f"{type(value).__name__} is no JSON")


def _ordered(value: Any, depth: int) -> Any:
    """The same value, its keys in JavaScript's order and its floats already in text."""
    if isinstance(value, dict):
        if not depth:
            raise ValueError(TOO_DEEP)
        items = cast("dict[str, Any]", value).items()
        return {key: _ordered(child, depth - 1) for key, child in sorted(items, key=_place)}
    if isinstance(value, list | tuple):
        if not depth:
            raise ValueError(TOO_DEEP)
        return [_ordered(child, depth - 1) for child in cast("Sequence[Any]", value)]
    if isinstance(value, float):
        return msgspec.Raw(number(value).encode())
    if isinstance(value, int) and abs(value) > INTEGER_MAX:
        raise ValueError("an integer beyond 2^53 - 1")
    return value


def _place(item: tuple[str, Any]) -> int:
    """Sorts stably: indices first, ascending, then all others as they stood."""
    key = item[0]
    plain = key.isascii() and key.isdigit() and (key == "0" or key[0] != "0") and len(key) <= 10
    return int(key) if plain and int(key) <= INDEX_MAX else INDEX_MAX + 1
