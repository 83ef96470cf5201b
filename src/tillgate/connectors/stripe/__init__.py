"""Stripe: cards, Cash App Pay, Checkout, Buy Buttons and Payment Links, by Stripe's own SDK.

One connection offers one method. Stripe's SDK is imported when a first call is made, so that an
installation without Stripe does not carry it in memory.
"""

from typing import Any

import msgspec
from msgspec import Raw

from tillgate.connectors.protocol import Capabilities
from tillgate.connectors.stripe.connector import Stripe, connect
from tillgate.connectors.stripe.events import READERS
from tillgate.connectors.stripe.model import Credentials, Settings, able_of, urls, vet


def able(settings: Raw) -> Capabilities:
    """What can be asked of a connection with these stored settings."""
    return able_of(msgspec.json.decode(settings, type=Settings))


def expand(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings as they are given: there are no presets."""
    return settings


EVENT_TYPES = tuple(sorted(READERS))
"""What an endpoint at Stripe must be told to send."""

__all__ = [
    "EVENT_TYPES",
    "Credentials",
    "Settings",
    "Stripe",
    "able",
    "connect",
    "expand",
    "urls",
    "vet",
]
