"""Every setting, once: frozen, read from the environment at the start, documented beside its name.

docs/reference/settings.md repeats this list; a test compares.
"""

from collections.abc import Callable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, NamedTuple
from uuid import UUID

from tillgate.kit import ids

SECRET_MIN_CHARACTERS = 32
RATE_MAX_PER_S = 1_000_000
KEY_MAX_CHARACTERS = 200


class SettingsError(Exception):
    """A setting is missing or makes no sense; the message says which and what to do."""


class Settings(NamedTuple):
    """See `ENVIRONMENT` for what each is called outside, and means."""

    database_url: str
    secrets: tuple[str, ...]
    public_url: str
    dev: bool = False
    sandbox_url: str | None = None
    sandbox_secret: str | None = None
    allowed_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    metrics_token: str | None = None
    duplicates: str = "review"
    readers: int = 8
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    rate_reads: int | None = None
    rate_writes: int | None = None
    rate_refused: int | None = None
    rate_callbacks: int | None = None
    log_level: str = "info"
    default_merchant: UUID | None = None
    stripe_secret_key: str | None = None
    stripe_publishable_key: str | None = None
    stripe_webhook_secret: str | None = None
    stripe_webhooks_endpoint_secret: str | None = None
    webhook_secret: str | None = None
    webhook_pay_url: str | None = None
    test_mode: bool = False
    api_key: str | None = None
    api_secret: str | None = None
    test_api_key: str | None = None
    test_api_secret: str | None = None
    test_merchant_email: str = "test@example.com"
    short_webhook_retries: bool = False
    redis_url: str | None = None


class Variable(NamedTuple):
    """One setting as the environment knows it."""

    name: str
    field: str
    meaning: str
    read: Callable[[str], Any]
    required: bool = False


def from_environment(environ: Mapping[str, str]) -> Settings:
    """Raises SettingsError, naming the variable."""
    values: dict[str, Any] = {}
    for variable in ENVIRONMENT:
        text = environ.get(variable.name, "")
        if text:
            values[variable.field] = _read(variable, text)
        elif variable.required:
            raise SettingsError(f"{variable.name} is not set: {variable.meaning}")
    return Settings(**values)


def _read(variable: Variable, text: str) -> Any:
    try:
        return variable.read(text)
    except ValueError as error:
        raise SettingsError(f"{variable.name}: {error}") from None


def _secrets(text: str) -> tuple[str, ...]:
    secrets = tuple(part.strip() for part in text.split(","))
    if any(len(secret) < SECRET_MIN_CHARACTERS for secret in secrets):
        raise ValueError(f"each secret needs {SECRET_MIN_CHARACTERS} characters or more")
    return secrets


def _url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError("this must be an http or https address")
    return text.rstrip("/")


def _merchant(text: str) -> UUID:
    found = ids.parse("mer", text)
    if found is None:
        raise ValueError("this must be the id of a merchant, mer_…")
    return found


def _database_url(text: str) -> str:
    if not text.startswith(("postgres://", "postgresql://")):
        raise ValueError("this must be a postgresql:// address")
    return text


def _redis_url(text: str) -> str:
    if not text.startswith(("redis://", "rediss://")):
        raise ValueError("this must be a redis:// address")
    return text


def _key(text: str) -> str:
    visible = text.isascii() and text.isprintable() and " " not in text
    if not visible or len(text) > KEY_MAX_CHARACTERS:
        raise ValueError(f"this must be 1 to {KEY_MAX_CHARACTERS} visible ASCII characters")
    return text


def _flag(text: str) -> bool:
    if text.lower() not in {"1", "0", "true", "false"}:
        raise ValueError("this must be 1 or 0")
    return text.lower() in {"1", "true"}


def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(part.strip()) for part in text.split(","))


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1000:
        raise ValueError("this must be a number from 1 to 1000")
    return int(text)


def _duplicates(text: str) -> str:
    if text not in {"review", "refund"}:
        raise ValueError("this must be review or refund")
    return text


def _rate(text: str) -> int:
    if not text.isdecimal() or int(text) > RATE_MAX_PER_S:
        raise ValueError(f"this must be a number from 0, for no limit, to {RATE_MAX_PER_S}")
    return int(text)


def _level(text: str) -> str:
    if text not in {"debug", "info", "warning", "error"}:
        raise ValueError("this must be debug, info, warning or error")
    return text


ENVIRONMENT: tuple[Variable, ...] = (
    Variable(
        "DATABASE_URL", "database_url", "the address of PostgreSQL 15 or later.",
        _database_url, True,
    ),
    Variable(
        "TILLGATE_SECRET", "secrets",
        "the installation's secret, 32 characters or more; from it come the keys that seal "
        "credentials and sign payers' links. Several, separated by commas: the first one works, "
        "the others still open what they sealed.",
        _secrets, True,
    ),
    Variable(
        "TILLGATE_PUBLIC_URL", "public_url",
        "the address at which payers and processors reach this installation.", _url, True,
    ),
    Variable(
        "TILLGATE_DEV", "dev",
        "1: webhook endpoints and processors may stand on this machine, over http. "
        "`tillgate dev` sets it; never set it where others have access.",
        _flag,
    ),
    Variable(
        "TILLGATE_SANDBOX_URL",
        "sandbox_url",
        "where the sandbox processor stands; new test merchants are connected to it.",
        _url,
    ),
    Variable(
        "TILLGATE_SANDBOX_SECRET", "sandbox_secret",
        "what the sandbox processor and its connections authenticate each other with.", str,
    ),
    Variable(
        "TILLGATE_ALLOWED_NETWORKS", "allowed_networks",
        "networks inside which webhook endpoints and processors may stand though they are "
        "private: `10.1.0.0/16,fd12::/32`.",
        _networks,
    ),
    Variable(
        "TILLGATE_METRICS_TOKEN", "metrics_token",
        "the Bearer token that `/metrics` wants; without it there is no `/metrics`.", str,
    ),
    Variable(
        "TILLGATE_DUPLICATES", "duplicates",
        "what becomes of money for an order that is paid already, unless the order says it itself: "
        "`review` keeps it until a person decides, `refund` gives it back.",
        _duplicates,
    ),
    Variable(
        "TILLGATE_READERS", "readers",
        "how many connections each process keeps for reading, 8 by default.", _count,
    ),
    Variable(
        "TILLGATE_TRUSTED_PROXIES", "trusted_proxies",
        "networks of the proxies in front of this installation: only from them is "
        "`X-Forwarded-For` believed.",
        _networks,
    ),
    Variable(
        "TILLGATE_RATE_READS", "rate_reads",
        "GETs a second for each API key, in each process; 0 for no limit. 500 by default.", _rate,
    ),
    Variable(
        "TILLGATE_RATE_WRITES", "rate_writes",
        "other requests a second for each API key, in each process; 0 for no limit. 500 by "
        "default.",
        _rate,
    ),
    Variable(
        "TILLGATE_RATE_REFUSED", "rate_refused",
        "requests a second without a valid API key for each address, in each process; 0 for no "
        "limit. 10 by default.",
        _rate,
    ),
    Variable(
        "TILLGATE_RATE_CALLBACKS", "rate_callbacks",
        "callbacks a second for each connection and address, in each process; 0 for no limit. "
        "500 by default.",
        _rate,
    ),
    Variable(
        "TILLGATE_LOG_LEVEL", "log_level", "debug, info, warning or error.", _level
    ),
    Variable(
        "TILLGATE_DEFAULT_MERCHANT", "default_merchant",
        "the merchant whose connections the variables below become; without it that of the only "
        "business, or of the demo.",
        _merchant,
    ),
    Variable(
        "STRIPE_SECRET_KEY", "stripe_secret_key",
        "connects the default merchant's business to Stripe: a live key its live merchant, a test "
        "key its test merchant; for cards, and for Cash App and Buy Buttons where these are asked "
        "for.",
        str,
    ),
    Variable(
        "NEXT_PUBLIC_STRIPE_PUBLISHABLE_KEY", "stripe_publishable_key",
        "the same as STRIPE_PUBLISHABLE_KEY.", str,
    ),
    Variable(
        "STRIPE_PUBLISHABLE_KEY", "stripe_publishable_key",
        "with it payers give their cards on our page, without it on Stripe's.", str,
    ),
    Variable(
        "STRIPE_WEBHOOK_SECRET", "stripe_webhook_secret",
        "what Stripe signs its callbacks with.", str,
    ),
    Variable(
        "STRIPE_WEBHOOKS_ENDPOINT_SECRET", "stripe_webhooks_endpoint_secret",
        "another one; callbacks signed with either are genuine.", str,
    ),
    Variable(
        "WEBHOOK_SECRET", "webhook_secret",
        "connects the default merchant to a payment app of its own, which signs its callbacks "
        "with it: the preset `generic`.",
        str,
    ),
    Variable(
        "WEBHOOK_PAY_URL", "webhook_pay_url",
        "where that app takes payers; without it they find their own way there.", _url,
    ),
    Variable(
        "TEST_MODE", "test_mode",
        "true: the sandbox processes without chance, as the next two say, and there is the Test "
        "Merchant of the gateway's door; false by default.",
        _flag,
    ),
    Variable(
        "API_KEY", "api_key",
        "the Test Merchant's key at the gateway's door, `key_test_abc123` by default; with "
        "API_SECRET there is the Test Merchant, always in test mode.",
        _key,
    ),
    Variable(
        "API_SECRET", "api_secret", "its secret there, `secret_test_xyz789` by default.", _key,
    ),
    Variable("TEST_API_KEY", "test_api_key", "the same as API_KEY.", _key),
    Variable("TEST_API_SECRET", "test_api_secret", "the same as API_SECRET.", _key),
    Variable(
        "TEST_MERCHANT_EMAIL", "test_merchant_email",
        "the Test Merchant's address, `test@example.com` by default.", str,
    ),
    Variable(
        "WEBHOOK_RETRY_INTERVALS_TEST", "short_webhook_retries",
        "true: deliveries of format `gateway` are tried again after 5, 10, 15 and 20 seconds, "
        "not minutes and hours.",
        _flag,
    ),
    Variable(
        "REDIS_URL", "redis_url",
        "a Redis server whose state `/health` tells; nothing else uses it.", _redis_url,
    ),
)  # fmt: skip
