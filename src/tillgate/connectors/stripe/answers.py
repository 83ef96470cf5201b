"""What Stripe answered to a call, before anything is made of it."""

from typing import Any, NamedTuple, TypeVar

import msgspec

from tillgate.connectors.protocol import Rejected, Unknown

T = TypeVar("T")


class Said(NamedTuple):
    """A successful answer, as JSON, and Stripe's clock when it was given."""

    body: Any
    at_s: int


Answer = Said | Rejected | Unknown


def parsed(said: Answer, kind: type[T]) -> T | Rejected | Unknown:
    """The object, or why there is none."""
    if not isinstance(said, Said):
        return said
    try:
        return msgspec.convert(said.body, kind)
    except msgspec.ValidationError as error:
        return Unknown(f"Stripe's answer is not what was expected: {error}")
