"""Refusals are values: a code from one list, words for a person, the parameter that caused it."""

from typing import NamedTuple

# code → (HTTP status, error type). Types are Stripe's. docs/reference/errors.md lists every code;
# a test holds the two together.
CODES: dict[str, tuple[int, str]] = {
    "address_refused": (403, "invalid_request_error"),
    "amount_too_large": (400, "invalid_request_error"),
    "api_key_invalid": (401, "authentication_error"),
    "api_key_missing": (401, "authentication_error"),
    "body_too_large": (413, "invalid_request_error"),
    "callback_forged": (400, "invalid_request_error"),
    "callback_stale": (400, "invalid_request_error"),
    "callback_state": (409, "invalid_request_error"),
    "charge_refunded": (400, "invalid_request_error"),
    "connection_unusable": (400, "invalid_request_error"),
    "content_type_unsupported": (415, "invalid_request_error"),
    "database_unavailable": (503, "api_error"),
    "hold_state": (409, "invalid_request_error"),
    "idempotency_key_in_use": (409, "idempotency_error"),
    "idempotency_key_reused": (400, "idempotency_error"),
    "insufficient_funds": (402, "invalid_request_error"),
    "internal": (500, "api_error"),
    "json_invalid": (400, "invalid_request_error"),
    "key_state": (409, "invalid_request_error"),
    "limit_exceeded": (402, "invalid_request_error"),
    "method_not_allowed": (405, "invalid_request_error"),
    "not_found": (404, "invalid_request_error"),
    "order_amount": (400, "invalid_request_error"),
    "order_state": (409, "invalid_request_error"),
    "overloaded": (503, "api_error"),
    "parameter_invalid": (400, "invalid_request_error"),
    "parameter_missing": (400, "invalid_request_error"),
    "parameter_unknown": (400, "invalid_request_error"),
    "payment_state": (409, "invalid_request_error"),
    "permission_denied": (403, "authentication_error"),
    "rate_limited": (429, "rate_limit_error"),
    "processor_refused": (402, "api_error"),
    "refund_state": (409, "invalid_request_error"),
    "url_refused": (400, "invalid_request_error"),
    "version_unknown": (400, "invalid_request_error"),
    "wallet_frozen": (409, "invalid_request_error"),
}


class Refused(NamedTuple):
    """A wish that the rules do not grant. `code` is one of `CODES`."""

    code: str
    message: str
    param: str | None = None

    @property
    def status(self) -> int:
        return CODES[self.code][0]

    @property
    def type(self) -> str:
        return CODES[self.code][1]


class RefusedError(Exception):
    """Carries a refusal out of an HTTP handler; `main` turns it into the error body."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.code)
        self.refused = refused
