"""Metadata: the merchant's own words on an object; we keep them and do not read them."""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta, Raw

from tillgate.kit.canonical import canonical
from tillgate.kit.refusal import Refused

KEYS_MAX = 50
KEY_MAX_CHARACTERS = 40
VALUE_MAX_CHARACTERS = 500

Key = Annotated[str, Meta(min_length=1, max_length=KEY_MAX_CHARACTERS)]
Value = Annotated[str, Meta(max_length=VALUE_MAX_CHARACTERS)]
Metadata = Annotated[dict[Key, Value], Meta(max_length=KEYS_MAX)]
"""What a new object may hold; the body's decoder refuses the rest and names the parameter."""


def check(metadata: Mapping[str, str], param: str = "metadata") -> Refused | None:
    """For what a change has merged: each part was within the limits, the whole may not be."""
    if len(metadata) <= KEYS_MAX:
        return None
    return Refused("parameter_invalid", f"{param} holds {KEYS_MAX} keys at most.", param)


def merged(metadata: Raw, changes: Mapping[str, str | None]) -> Raw | Refused:
    """The metadata with the changes taken over; null or an empty value takes its key out."""
    if not changes:
        return metadata
    after = {**_stored.decode(metadata), **changes}
    kept = {key: value for key, value in after.items() if value}
    return check(kept) or Raw(canonical(kept))


_stored = msgspec.json.Decoder(dict[str, str])
