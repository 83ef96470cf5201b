"""Any payment app that is not built in: spoken to by configuration, not by code.

Values are found by JSON pointers and lists of words; there are no expressions. The sandbox
processor is a preset of this.
"""

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
)
from tillgate.connectors.external.preset import sandbox_settings

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
    "connect",
    "sandbox_settings",
]
