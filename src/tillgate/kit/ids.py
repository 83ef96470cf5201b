"""Ids: time-ordered 128-bit numbers, shown as `prefix_` and 26 characters of base32.

Inside they are `uuid.UUID` (and `uuid` in SQL); only the edge shows or reads the text form.
An id is minted once, on arrival, and kept through every retry, so a retry writes the same rows.
"""

import os
import time
from collections.abc import Iterator
from functools import lru_cache
from uuid import UUID

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base32, lower case: sorts as the number
LENGTH = 26
_PAIRS = [a + b for a in ALPHABET for b in ALPHABET]
_VALUES = {c: i for i, c in enumerate(ALPHABET)}
_SHIFTS = tuple(range(120, -1, -10))


def mint() -> UUID:
    """A new id: RFC 9562 version 7, 48 bits of milliseconds and 74 random bits."""
    chance = int.from_bytes(os.urandom(10))
    millis = time.time_ns() // 1_000_000
    middle = 0x7 << 12 | chance >> 68 & 0xFFF
    return UUID(int=millis << 80 | middle << 64 | 0x2 << 62 | chance & (1 << 62) - 1)


def series(first: UUID) -> Iterator[UUID]:
    """The ids that follow `first`, in order.

    A command mints one id on arrival and draws those of its other rows from here, so that
    deciding twice names the same rows.
    """
    number = first.int
    while True:
        number += 1
        yield UUID(int=number)


def show(prefix: str, value: UUID) -> str:
    """`pay_01jd…`, 26 characters after the prefix."""
    return f"{prefix}_{_text(value.int)}"


@lru_cache(maxsize=1024)
def _text(number: int) -> str:
    """The ids of merchants, keys and connections are shown again and again."""
    return "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])


def parse(prefix: str, text: str) -> UUID | None:
    """The id in `text`, or None when it is not one of this kind."""
    head, _, tail = text.rpartition("_")
    if head != prefix or len(tail) != LENGTH:
        return None
    number = 0
    for character in tail:
        value = _VALUES.get(character)
        if value is None:
            return None
        number = number << 5 | value
    return UUID(int=number) if number < 1 << 128 else None


def token(size_bytes: int = 32) -> str:
    """Unguessable text of base32, five bits a character."""
    number = int.from_bytes(os.urandom(size_bytes))
    return "".join(ALPHABET[number >> 5 * i & 31] for i in range(size_bytes * 8 // 5))
