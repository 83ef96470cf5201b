"""How an external app is spoken to: configuration, as it is stored. No I/O."""

from collections.abc import Iterator
from typing import Any, Literal

from msgspec import Struct

from tillgate.connectors.protocol import Capabilities, DisputeState, RefundState
from tillgate.kit.refusal import Refused


class Pointers(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a message holds what: JSON pointers, `/data/amount`.

    A charge's amounts are cumulative; `authorized` is where the amount stands while it is only set
    aside, `amount` when left out. `parent`: the charge that a refund or dispute is of.
    """

    reference: str
    status: str
    amount: str
    currency: str
    ours: str | None = None
    event_id: str | None = None
    failure_code: str | None = None
    failure_message: str | None = None
    redirect_url: str | None = None
    authorized: str | None = None
    parent: str | None = None
    revision: str | None = None
    reason: str | None = None
    evidence_due_at: str | None = None  # unix seconds


class Words(Struct, frozen=True, forbid_unknown_fields=True):
    """Which words of a charge mean what, in lower case; any other word changes nothing."""

    success: tuple[str, ...] = ("success", "succeeded", "completed", "paid")
    failure: tuple[str, ...] = ("failed", "declined", "error")
    canceled: tuple[str, ...] = ("cancelled", "canceled")
    waiting: tuple[str, ...] = ("pending",)
    processing: tuple[str, ...] = ("processing",)
    authorized: tuple[str, ...] = ("authorized",)


class Refunds(Struct, frozen=True, forbid_unknown_fields=True):
    """How refunds are told: in callbacks, and one by one in the list that a look-up holds."""

    callback: Pointers
    item: Pointers
    words: dict[str, RefundState]  # in lower case
    listed: str | None = None


class Disputes(Struct, frozen=True, forbid_unknown_fields=True):
    """How disputes are told, as refunds are."""

    callback: Pointers
    item: Pointers
    words: dict[str, DisputeState]
    listed: str | None = None


class Call(Struct, frozen=True, forbid_unknown_fields=True):
    """A request that changes a charge; `url` may name `{reference}`.

    `request`: its JSON, filled as the create's is, of operation_id, reference, amount and currency.
    `answer`: how the answer tells of the charge, or of the refund. `partial`: whether the amount
    may be less than all.
    """

    url: str
    request: dict[str, Any]
    answer: Pointers
    partial: bool = False


class Signature(Struct, frozen=True, forbid_unknown_fields=True):
    """HMAC-SHA256 of the raw body, or of `timestamp.body`."""

    header: str
    covers: Literal["body", "timestamp.body"]
    encoding: Literal["hex", "base64"] = "hex"
    timestamp_header: str | None = None


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """How one external app is spoken to.

    `request`: the JSON that creates a payment; a text that is one `{name}` becomes the value, of
    transaction_id, payment_id, amount, currency, callback_url, success_url, failure_url,
    description and capture. `headers` may name `{api_key}` and `{transaction_id}`.
    What can be done follows from which calls are given. `resend_window_s`: how long the app knows
    a request that comes again; None: it does not.
    """

    create_url: str
    request: dict[str, Any]
    answer: Pointers
    callback: Pointers
    signature: Signature
    headers: dict[str, str] = {}
    look_url: str | None = None
    look: Pointers | None = None
    amount_unit: Literal["minor", "major"] = "minor"
    words: Words = Words()
    capture: Call | None = None
    cancel: Call | None = None
    refund: Call | None = None
    refunds: Refunds | None = None
    disputes: Disputes | None = None
    resend_window_s: int | None = None


class Credentials(Struct, frozen=True, forbid_unknown_fields=True):
    """Sealed in the database. Several signing secrets overlap while one is rolled."""

    api_key: str
    signing_secrets: list[str]


def urls(settings: Settings) -> Iterator[tuple[str, str]]:
    """(member, address) of every address that will be called."""
    calls = {
        "create_url": settings.create_url,
        "look_url": settings.look_url,
        "capture.url": settings.capture.url if settings.capture else None,
        "cancel.url": settings.cancel.url if settings.cancel else None,
        "refund.url": settings.refund.url if settings.refund else None,
    }
    for member, url in calls.items():
        if url is not None:
            yield member, url.replace("{reference}", "x")


def able(settings: Settings) -> Capabilities:
    """What the settings have a call for."""
    return Capabilities(
        manual_capture=settings.capture is not None,
        looks=settings.look is not None and settings.look_url is not None,
        partial_capture=settings.capture is not None and settings.capture.partial,
        void=settings.cancel is not None,
        refunds=settings.refund is not None,
        partial_refunds=settings.refund is not None and settings.refund.partial,
        resend_window_s=settings.resend_window_s,
    )


def vet(settings: Settings, credentials: Credentials, livemode: bool) -> Refused | None:
    """What types do not say: callbacks of live money must be signed."""
    if livemode and not credentials.signing_secrets:
        words = "In live mode callbacks must be signed: give a signing secret."
        return Refused("parameter_missing", words, "credentials.signing_secrets")
    if settings.look_url is not None and settings.look is None:
        words = "look_url needs look, which says how to read its answer."
        return Refused("parameter_missing", words, "settings.look")
    return None
