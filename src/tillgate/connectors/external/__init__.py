"""Any payment app that is not built in: spoken to by configuration, not by code.

Values are found by JSON pointers and lists of words; there are no expressions. The sandbox
processor is a preset of this; others are a wallet app, and a generic sender of webhooks.
"""

import msgspec
from msgspec import Raw

from tillgate.connectors.external.connector import External, connect
from tillgate.connectors.external.model import (
    Call,
    Credentials,
    Disputes,
    Pointers,
    Refunds,
    Settings,
    Signature,
    Words,
    urls,
)
from tillgate.connectors.external.model import able as able_of
from tillgate.connectors.external.preset import expand, sandbox_settings
from tillgate.connectors.external.vet import vet
from tillgate.connectors.protocol import Capabilities


def able(settings: Raw) -> Capabilities:
    """What can be asked of a connection with these stored settings."""
    return able_of(msgspec.json.decode(settings, type=Settings))


__all__ = [
    "Call",
    "Credentials",
    "Disputes",
    "External",
    "Pointers",
    "Refunds",
    "Settings",
    "Signature",
    "Words",
    "able",
    "connect",
    "expand",
    "sandbox_settings",
    "urls",
    "vet",
]
