"""How the sandbox processes by itself: settings of its own, read from its environment.

docs/reference/settings.md repeats this list; a test compares.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tillgate.sandbox.model import Method

DELAY_MAX_MS = 3_600_000


class SettingsError(Exception):
    """A setting makes no sense; the message says which and why."""


class Settings(NamedTuple):
    """What decides when, and how, a payment ends that nobody approves. See `ENVIRONMENT`."""

    test_mode: bool = False
    test_delay_ms: int = 1000
    test_success: bool = True
    upi_success_rate: float = 0.90
    card_success_rate: float = 0.95
    delay_min_ms: int = 5000
    delay_max_ms: int = 10_000

    def delay_s(self, fraction: float) -> float:
        """`fraction`: chance, at least 0 and below 1."""
        if self.test_mode:
            return self.test_delay_ms / 1000
        spread_ms = self.delay_max_ms - self.delay_min_ms
        return (self.delay_min_ms + fraction * spread_ms) / 1000

    def succeeds(self, method: Method, fraction: float) -> bool:
        """`fraction` as above. Without the test mode a bank transfer always arrives."""
        if self.test_mode:
            return self.test_success
        rates = {"upi": self.upi_success_rate, "card": self.card_success_rate}
        return fraction < rates.get(method, 1)


class Variable(NamedTuple):
    """One setting as the environment knows it."""

    name: str
    field: str
    meaning: str
    read: Callable[[str], Any]


def from_environment(environ: Mapping[str, str]) -> Settings:
    """Raises SettingsError, naming the variable."""
    values: dict[str, Any] = {}
    for variable in ENVIRONMENT:
        text = environ.get(variable.name, "")
        try:
            if text:
                values[variable.field] = variable.read(text)
        except ValueError as error:
            raise SettingsError(f"{variable.name}: {error}") from None
    settings = Settings(**values)
    if settings.delay_min_ms > settings.delay_max_ms:
        raise SettingsError("PROCESSING_DELAY_MIN: this is above PROCESSING_DELAY_MAX")
    return settings


def _flag(text: str) -> bool:
    if text.lower() not in {"1", "0", "true", "false"}:
        raise ValueError("this must be true or false")
    return text.lower() in {"1", "true"}


def _rate(text: str) -> float:
    rate = float(text)
    if not 0 <= rate <= 1:
        raise ValueError("this must be a number from 0 to 1")
    return rate


def _delay_ms(text: str) -> int:
    if not text.isdecimal() or int(text) > DELAY_MAX_MS:
        raise ValueError(f"this must be milliseconds, at most {DELAY_MAX_MS}")
    return int(text)


ENVIRONMENT: tuple[Variable, ...] = (
    Variable(
        "TEST_MODE", "test_mode",
        "true: the sandbox processes without chance, as the next two say, and there is the Test "
        "Merchant of the gateway's door; false by default.",
        _flag,
    ),
    Variable(
        "TEST_PROCESSING_DELAY", "test_delay_ms",
        "in test mode, how long processing takes, in milliseconds; 1000 by default.", _delay_ms,
    ),
    Variable(
        "TEST_PAYMENT_SUCCESS", "test_success",
        "in test mode, whether processing succeeds; true by default.", _flag,
    ),
    Variable(
        "UPI_SUCCESS_RATE", "upi_success_rate",
        "how many of the UPI payments that the sandbox processes succeed, 0 to 1; 0.90 by default.",
        _rate,
    ),
    Variable(
        "CARD_SUCCESS_RATE", "card_success_rate",
        "how many of the card payments that it processes succeed, 0 to 1; 0.95 by default.", _rate,
    ),
    Variable(
        "PROCESSING_DELAY_MIN", "delay_min_ms",
        "how long processing takes at least, in milliseconds; 5000 by default.", _delay_ms,
    ),
    Variable(
        "PROCESSING_DELAY_MAX", "delay_max_ms",
        "how long processing takes at most, in milliseconds; 10000 by default.", _delay_ms,
    ),
)  # fmt: skip
