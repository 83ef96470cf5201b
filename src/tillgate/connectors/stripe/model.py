"""How a connection to Stripe is configured, as it is stored; what can be asked of it. No I/O."""

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta, Struct

from tillgate.connectors.protocol import Capabilities
from tillgate.connectors.stripe.amounts import ASSETS_TAKEN
from tillgate.kit.refusal import Refused

API_BASE = "https://api.stripe.com"
RESEND_WINDOW_S = 86_400
"""Stripe forgets idempotency keys after 24 hours at the earliest (docs.stripe.com/api)."""

Method = Literal["card", "cashapp", "checkout", "buy_button", "payment_link"]
StripeId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_]{1,255}\Z")]
Key = Annotated[str, Meta(pattern=r"^(sk|rk)_(live|test)_[A-Za-z0-9_]{1,500}\Z")]
PublishableKey = Annotated[str, Meta(pattern=r"^pk_(live|test)_[A-Za-z0-9_]{1,500}\Z")]
Secret = Annotated[str, Meta(min_length=8, max_length=500)]
Descriptor = Annotated[str, Meta(min_length=5, max_length=22)]
Url = Annotated[str, Meta(max_length=2000)]

BY_LINK: frozenset[Method] = frozenset(("buy_button", "payment_link"))
"""Methods that begin at Stripe without a call of ours: what they charge is configured there."""


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """`api_base`: another address than Stripe's own, for a fake. `statement_descriptor`: what the
    payer's bank statement says; for cards it is added to the account's own."""

    method: Method = "card"
    api_base: Url = API_BASE
    buy_button_id: StripeId | None = None
    payment_link_url: Url | None = None
    payment_link_id: StripeId | None = None  # `plink_…`: only payments through it are taken
    statement_descriptor: Descriptor | None = None


class Credentials(Struct, frozen=True, forbid_unknown_fields=True):
    """Sealed in the database. `webhook_secrets`: several overlap while one is rolled; there is none
    until the endpoint is registered at Stripe, and until then every callback is refused."""

    secret_key: Key
    publishable_key: PublishableKey | None = None
    webhook_secrets: list[Secret] = []

    @property
    def livemode(self) -> bool:
        return _is_live(self.secret_key)


def able_of(settings: Settings) -> Capabilities:
    by_link = settings.method in BY_LINK
    return Capabilities(
        manual_capture=not by_link,
        looks=not by_link,
        partial_capture=not by_link,
        void=not by_link,
        refunds=True,
        partial_refunds=True,
        resend_window_s=RESEND_WINDOW_S,
        assets=frozenset(("usd",)) if settings.method == "cashapp" else ASSETS_TAKEN,
        starts=settings.method != "buy_button" or settings.buy_button_id is not None,
        method=settings.method,
    )


def urls(settings: Settings) -> Iterator[tuple[str, str]]:
    """(member, address) of every address that will be called, or that payers are sent to."""
    yield "api_base", settings.api_base
    if settings.payment_link_url is not None:
        yield "payment_link_url", settings.payment_link_url


def vet(settings: Settings, credentials: Credentials, livemode: bool) -> Refused | None:
    """What types do not say: keys of the merchant's mode, and what the method needs."""
    keys = {
        "secret_key": credentials.secret_key,
        "publishable_key": credentials.publishable_key,
    }
    for name, key in keys.items():
        if key is not None and _is_live(key) != livemode:
            mode, other = ("live", "test") if livemode else ("test", "live")
            words = f"A {mode} merchant needs a {mode} key of Stripe; this is a {other} key."
            return Refused("parameter_invalid", words, f"credentials.{name}")
    if settings.method in {"card", "buy_button"} and credentials.publishable_key is None:
        words = f"The method {settings.method} needs the publishable key, for the payer's page."
        return Refused("parameter_missing", words, "credentials.publishable_key")
    needed = {
        "payment_link": ("payment_link_url", settings.payment_link_url),
    }
    name, value = needed.get(settings.method, ("", ""))
    if value is None:
        words = f"The method {settings.method} needs {name}."
        return Refused("parameter_missing", words, f"settings.{name}")
    return None


def _is_live(key: str) -> bool:
    return key.split("_")[1] == "live"
