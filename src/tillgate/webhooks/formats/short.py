"""Ids of sixteen letters and digits, as the gateway's documents show them: `pay_H8sK3jD9s2L1pQrT`.

An id of ours has 122 bits of its own, sixteen such characters hold 95. So an id that shall be shown
short is made short: 48 bits of milliseconds and 47 of chance, the other 27 follow from these. Any
other id is shown in its long form, and both forms are read.
"""

from uuid import UUID

from tillgate.kit import crypto, ids

LENGTH = 16
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
CHANCE_BITS = 47
FOLLOWING_BITS = 74 - CHANCE_BITS
"""Of the 74 bits of chance of a UUID of version 7."""

_VALUES = {character: value for value, character in enumerate(ALPHABET)}
_LIMIT = 1 << 48 + CHANCE_BITS


def shortened(minted: UUID) -> UUID:
    """The id that can be shown short, of the same millisecond and with the first bits of the same
    chance."""
    return _whole(_own(minted))


def show(prefix: str, value: UUID) -> str:
    number = _own(value)
    if _whole(number) != value:
        return ids.show(prefix, value)
    text = ""
    for _ in range(LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        text = ALPHABET[digit] + text
    return f"{prefix}_{text}"


def parse(prefix: str, text: str) -> UUID | None:
    """The id in `text`, short or long, or None when it is none of this kind."""
    head, _, tail = text.rpartition("_")
    if len(tail) != LENGTH:
        return ids.parse(prefix, text)
    number = 0
    for character in tail:
        value = _VALUES.get(character)
        if value is None:
            return None
        number = number * len(ALPHABET) + value
    return _whole(number) if head == prefix and number < _LIMIT else None


def _own(value: UUID) -> int:
    """Milliseconds and the first bits of chance."""
    chance = (value.int >> 64 & 0xFFF) << 62 | value.int & (1 << 62) - 1
    return value.int >> 80 << CHANCE_BITS | chance >> FOLLOWING_BITS


def _whole(number: int) -> UUID:
    follows = int.from_bytes(crypto.sha256(number.to_bytes(12))[:4]) >> 32 - FOLLOWING_BITS
    chance = (number & (1 << CHANCE_BITS) - 1) << FOLLOWING_BITS | follows
    millis = number >> CHANCE_BITS
    return UUID(
        int=millis << 80 | 0x7 << 76 | chance >> 62 << 64 | 0x2 << 62 | chance & (1 << 62) - 1
    )
