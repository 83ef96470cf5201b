"""Settings that are known: a preset's name and an address stand for all of them."""

from collections.abc import Callable
from typing import Any

import msgspec

from tillgate.connectors.external.model import (
    Call,
    Disputes,
    Pointers,
    Refunds,
    Settings,
    Signature,
)
from tillgate.connectors.protocol import DisputeState, RefundState
from tillgate.kit.refusal import Refused

RESEND_WINDOW_S = 86_400
"""The sandbox remembers for longer; a day is what real processors promise."""

CHARGE = Pointers(
    reference="/Reference",
    ours="/TransactionId",
    status="/Status",
    amount="/Captured",
    authorized="/Authorized",
    currency="/Currency",
    failure_code="/FailureCode",
    failure_message="/FailureMessage",
    redirect_url="/RedirectUrl",
)
CALLBACK = Pointers(
    reference="/Reference",
    ours="/TransactionId",
    status="/Status",
    amount="/Amount",
    authorized="/Authorized",
    currency="/Currency",
    failure_code="/ErrorCode",
    failure_message="/ErrorMessage",
    event_id="/EventId",
)
REFUND = Pointers(
    reference="/RefundReference",
    ours="/RefundId",
    parent="/Reference",
    status="/RefundStatus",
    amount="/RefundAmount",
    currency="/Currency",
    failure_code="/ErrorCode",
    failure_message="/ErrorMessage",
)
DISPUTE = Pointers(
    reference="/DisputeReference",
    parent="/Reference",
    status="/DisputeStatus",
    amount="/DisputeAmount",
    currency="/Currency",
    revision="/Revision",
    reason="/DisputeReason",
    evidence_due_at="/EvidenceDueAt",
)
REFUND_WORDS: dict[str, RefundState] = {
    "pending": "pending",
    "succeeded": "succeeded",
    "failed": "failed",
}
DISPUTE_WORDS: dict[str, DisputeState] = {
    "needs_response": "needs_response",
    "under_review": "under_review",
    "lost": "lost",
    "won": "won",
}


def sandbox_settings(base_url: str) -> Settings:
    """For a sandbox at this address."""
    payments = f"{base_url}/api/payments"
    operation = {"OperationId": "{operation_id}"}
    return Settings(
        create_url=payments,
        request={
            "TransactionId": "{transaction_id}",
            "Amount": "{amount}",
            "Currency": "{currency}",
            "CallbackUrl": "{callback_url}",
            "SuccessUrl": "{success_url}",
            "FailureUrl": "{failure_url}",
            "Description": "{description}",
            "Metadata": {"payment": "{payment_id}"},
            "Capture": "{capture}",
            "Method": "{method}",
        },
        headers={"Authorization": "Bearer {api_key}", "Idempotency-Key": "{transaction_id}"},
        answer=CHARGE,
        look_url=f"{payments}/{{reference}}",
        look=CHARGE,
        callback=CALLBACK,
        signature=Signature(
            header="x-sandbox-signature",
            covers="timestamp.body",
            timestamp_header="x-sandbox-timestamp",
        ),
        capture=Call(
            f"{payments}/{{reference}}/capture", operation | {"Amount": "{amount}"}, CHARGE, True
        ),
        cancel=Call(f"{payments}/{{reference}}/cancel", operation, CHARGE),
        refund=Call(
            f"{payments}/{{reference}}/refunds",
            {"RefundId": "{operation_id}", "Amount": "{amount}"},
            REFUND,
            True,
        ),
        refunds=Refunds(REFUND, REFUND, REFUND_WORDS, "/Refunds"),
        disputes=Disputes(DISPUTE, DISPUTE, DISPUTE_WORDS, "/Disputes"),
        resend_window_s=RESEND_WINDOW_S,
    )


def wallet_app_settings(base_url: str) -> Settings:
    """For an app that takes TransactionId, Amount, Currency, CallbackUrl, SuccessUrl and
    FailureUrl at this address, answers a RedirectUrl, and signs the Payload of its callbacks.
    It has no name of its own for a payment."""
    told = Pointers(
        ours="/TransactionId",
        status="/Status",
        amount="/Amount",
        currency="/Currency",
        failure_message="/ErrorMessage",
        redirect_url="/RedirectUrl",
    )
    return Settings(
        create_url=base_url,
        request={
            "TransactionId": "{transaction_id}",
            "Amount": "{amount}",
            "Currency": "{currency}",
            "CallbackUrl": "{callback_url}",
            "SuccessUrl": "{success_url}",
            "FailureUrl": "{failure_url}",
        },
        headers={"Authorization": "Bearer {api_key}", "Idempotency-Key": "{transaction_id}"},
        amount_unit="major",
        callback=told,
        signature=Signature(
            covers="payload",
            payload="/Payload",
            field="/Signature",
            header="X-Webhook-Signature",
            prefix="sha256=",
            timestamp_header="X-Timestamp",
            timestamp="/Timestamp",
        ),
    )


def generic_settings(base_url: str | None) -> Settings:
    """For whoever sends `{payment_id, transaction_id, status, amount, currency}`, signed over the
    body. Payers are sent to this address, with what it must know in the query; without one, they
    find their own way. `payment_id` is not what tells payments apart: it may be left out."""
    query = "transaction_id={transaction_id}&amount={amount}&currency={currency}"
    back = "callback_url={callback_url}&return_url={success_url}"
    join = "&" if "?" in (base_url or "") else "?"
    return Settings(
        pay_url=f"{base_url}{join}{query}&{back}" if base_url is not None else None,
        amount_unit="major",
        callback=Pointers(
            ours="/transaction_id",
            status="/status",
            amount="/amount",
            currency="/currency",
            failure_message="/failure_reason",
        ),
        signature=Signature(header="X-Webhook-Signature", prefix="sha256="),
        unsigned_in_test=True,
    )


PRESETS: dict[str, Callable[[str], Settings]] = {
    "sandbox": sandbox_settings,
    "wallet_app": wallet_app_settings,
    "generic": generic_settings,
}
"""name → the settings for an app of that kind at an address."""

WITHOUT_ADDRESS = {"generic": generic_settings}
"""Those that need no address."""


def expand(settings: dict[str, Any]) -> dict[str, Any] | Refused:
    """`{"preset": …, "base_url": …}` becomes what it stands for; other members go first."""
    if "preset" not in settings:
        return settings
    given = dict(settings)
    name, base_url = str(given.pop("preset")), given.pop("base_url", None)
    if name not in PRESETS:
        words = f"There is no such preset; known: {', '.join(PRESETS)}."
        return Refused("parameter_invalid", words, "settings.preset")
    if isinstance(base_url, str):
        preset = PRESETS[name](base_url.rstrip("/"))
    elif base_url is None and name in WITHOUT_ADDRESS:
        preset = WITHOUT_ADDRESS[name](None)
    else:
        return Refused("parameter_missing", "This preset needs base_url.", "settings.base_url")
    known: dict[str, Any] = msgspec.to_builtins(preset)
    return known | given
