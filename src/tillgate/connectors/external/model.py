"""How an external app is spoken to: configuration, as it is stored. No I/O."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from tillgate.connectors.protocol import Capabilities, DisputeState, RefundState

Pointer = Annotated[str, Meta(pattern="^/", max_length=200)]
Secret = Annotated[str, Meta(max_length=500)]

SECRETS_MAX = 10


class Pointers(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a message holds what: JSON pointers, `/data/amount`; names are found in any case.

    `reference`: the app's own name of it; without one, ours is its name. A charge's amounts are
    cumulative; `authorized` is where the amount stands while it is only set aside, `amount` when
    left out. `parent`: the charge that a refund or dispute is of.
    """

    status: Pointer
    amount: Pointer
    currency: Pointer
    reference: Pointer | None = None
    ours: Pointer | None = None
    event_id: Pointer | None = None
    failure_code: Pointer | None = None
    failure_message: Pointer | None = None
    redirect_url: Pointer | None = None
    authorized: Pointer | None = None
    parent: Pointer | None = None
    revision: Pointer | None = None
    reason: Pointer | None = None
    evidence_due_at: Pointer | None = None  # unix seconds


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
    """HMAC-SHA256 of the raw body, of `timestamp.body`, or of the text that stands at `payload`:
    all values are taken from that text then, and a member outside that differs from it is forged.

    It stands in `header`, or at `field` of the body; before it, perhaps, `prefix`. The timestamp
    stands in `timestamp_header`, or among the values at `timestamp`: unix seconds, or ISO 8601.
    `timestamp_required`: null means in live mode; what is given must be recent in any case.
    """

    covers: Literal["body", "timestamp.body", "payload"] = "body"
    header: str | None = None
    field: Pointer | None = None
    payload: Pointer | None = None
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""
    timestamp_header: str | None = None
    timestamp: Pointer | None = None
    timestamp_required: bool | None = None


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """How one external app is spoken to.

    `request`: the JSON that creates a payment; a text that is one `{name}` becomes the value, of
    `NAMES`. `answer`: how what `create_url` answers is read; as callbacks are, when left out.
    `pay_url`: for an app that needs no call, where payers are sent; it names the same values.
    Without either, payers find their own way, and only callbacks are taken.
    `headers` may name `{api_key}` and `{transaction_id}`. `currency`: of messages that name none.
    `unsigned_in_test`: whether in test mode, without a signing secret, callbacks are believed.
    What can be done follows from which calls are given. `resend_window_s`: how long the app knows
    a request that comes again; None: it does not. `hints_only`: what callbacks say is not believed,
    the charge that they name is looked up.
    """

    callback: Pointers
    signature: Signature
    create_url: str | None = None
    request: dict[str, Any] = {}
    answer: Pointers | None = None
    pay_url: str | None = None
    headers: dict[str, str] = {}
    look_url: str | None = None
    look: Pointers | None = None
    amount_unit: Literal["minor", "major"] = "minor"
    currency: str | None = None
    words: Words = Words()
    capture: Call | None = None
    cancel: Call | None = None
    refund: Call | None = None
    refunds: Refunds | None = None
    disputes: Disputes | None = None
    resend_window_s: int | None = None
    hints_only: bool = False
    unsigned_in_test: bool = False


class Credentials(Struct, frozen=True, forbid_unknown_fields=True):
    """Sealed in the database. Several signing secrets overlap while one is rolled."""

    api_key: Secret = ""
    signing_secrets: Annotated[list[Secret], Meta(max_length=SECRETS_MAX)] = []


NAMES = frozenset((
    *("transaction_id", "payment_id", "order_id", "amount", "currency", "callback_url"),
    *("success_url", "failure_url", "description", "capture", "method"),
))  # fmt: skip
"""What a request, or `pay_url`, may name of a new payment."""

CHANGE_NAMES = frozenset(("operation_id", "reference", "amount", "currency"))

PLACEHOLDER = re.compile(r"\{(\w+)\}")


def urls(settings: Settings) -> Iterator[tuple[str, str]]:
    """(member, address) of every address that will be called."""
    calls = {
        "create_url": settings.create_url,
        "pay_url": settings.pay_url,
        "look_url": settings.look_url,
        "capture.url": settings.capture.url if settings.capture else None,
        "cancel.url": settings.cancel.url if settings.cancel else None,
        "refund.url": settings.refund.url if settings.refund else None,
    }
    for member, url in calls.items():
        if url is not None:
            yield member, PLACEHOLDER.sub("x", url)


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
        starts=settings.create_url is not None or settings.pay_url is not None,
        told_methods="{method}" in settings.request.values(),
    )
