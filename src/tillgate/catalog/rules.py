"""How slugs and providers' keys are written. Pure."""

import base64
import re
import unicodedata

SLUG_MAX_CHARACTERS = 100
SLUG = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?\Z"

KEY_PREFIX = "provider_"
KEY_BYTES = 24
"""Of chance, that a provider's key is made of."""

_KEY = re.compile(rf"{KEY_PREFIX}[A-Za-z0-9_-]{{32}}")
_OTHERS = re.compile("[^a-z0-9]+")


def slug_of(title: str) -> str | None:
    """`Premium Credits` → `premium-credits`; None where a title has no letters to make one of."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return _OTHERS.sub("-", plain).strip("-")[:SLUG_MAX_CHARACTERS].rstrip("-") or None


def key_of(chance: bytes) -> str:
    """The text of a provider's key, from KEY_BYTES of chance: 41 characters."""
    return KEY_PREFIX + base64.urlsafe_b64encode(chance).decode()


def hint_of(key: str) -> str:
    """What a key is known by once it is shown no more."""
    return f"{KEY_PREFIX}…{key[-4:]}"


def well_formed(key: str) -> bool:
    """Whether this can be a provider's key: what cannot is not looked up."""
    return _KEY.fullmatch(key) is not None
