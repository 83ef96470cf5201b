"""Calls to Stripe by its own SDK, over our own sockets. Imported when a first call is made.

The SDK encodes, names the version and reads errors; what is dialled, how long it may take and
whether it is tried again is ours to say.
"""

import email.utils
import logging
from collections.abc import Mapping
from typing import Any, cast

import stripe

from tillgate.connectors.protocol import Rejected, Unknown
from tillgate.connectors.stripe.answers import Answer, Said
from tillgate.connectors.stripe.model import Credentials, Settings
from tillgate.connectors.stripe.request import Call, Params
from tillgate.kit.outbound import RESPONSE_MAX_BYTES, Failure, Outbound

API_VERSION = "2026-10-28.endive"
"""What our reading was written for; the SDK's own version may move on without us."""

CALL_TIMEOUT_S = 20.0
"""Stripe's own answers take a second or two; a card network may take longer."""

NEVER_SENT = frozenset(("refused", "dns", "connect", "tls"))
"""Failures of which it is certain that no request was sent."""

NO = {
    400: "processor_refused",
    401: "unauthorized",
    402: "card_declined",
    403: "permission_denied",
    404: "resource_missing",
}
"""Statuses that are a definitive refusal, and the code where Stripe gives none."""

stripe.enable_telemetry = False  # it would write to the home directory, and tell of this machine
logging.getLogger("stripe").setLevel(logging.WARNING)  # it would log whole bodies


class Client:
    """One account at Stripe."""

    def __init__(self, settings: Settings, credentials: Credentials, outbound: Outbound) -> None:
        client = stripe.StripeClient(
            credentials.secret_key,
            base_addresses={"api": settings.api_base.rstrip("/")},
            http_client=_Sockets(outbound),
            max_network_retries=0,
            stripe_version=API_VERSION,
        )
        self._api = client.v1

    async def send(self, call: Call, reference: str, params: Params, key: str) -> Answer:
        """A wish, under its idempotency key."""
        api, given = self._api, cast("Any", params)
        options: stripe.RequestOptions = {"idempotency_key": key}
        match call:
            case "payment_intent":
                asked = api.payment_intents.create_async(given, options)
            case "checkout_session":
                asked = api.checkout.sessions.create_async(given, options)
            case "capture":
                asked = api.payment_intents.capture_async(reference, given, options)
            case "cancel":
                asked = api.payment_intents.cancel_async(reference, given, options)
            case "expire":
                asked = api.checkout.sessions.expire_async(reference, given, options)
            case "refund":
                asked = api.refunds.create_async(given, options)
            case "buy_button" | "payment_link":
                raise LookupError(f"nothing is sent for a {call}")
        return await _said(asked)

    async def payment_intent(self, reference: str) -> Answer:
        asked = self._api.payment_intents.retrieve_async(reference, {"expand": ["latest_charge"]})
        return await _said(asked)

    async def find_payment_intent(self, query: str) -> Answer:
        """Stripe's search knows new objects within a minute, so that finding none proves nothing
        (docs.stripe.com/search)."""
        asked = self._api.payment_intents.search_async({"query": query, "limit": 1})
        return await _said(asked)

    async def session(self, reference: str) -> Answer:
        return await _said(self._api.checkout.sessions.retrieve_async(reference))

    async def charge(self, reference: str) -> Answer:
        return await _said(self._api.charges.retrieve_async(reference))

    async def refunds(self, intent: str, limit: int, after: str | None) -> Answer:
        """A page of them, the newest first."""
        params: stripe.params.RefundListParams = {"payment_intent": intent, "limit": limit}
        if after is not None:
            params["starting_after"] = after
        return await _said(self._api.refunds.list_async(params))

    async def disputes(self, intent: str, limit: int) -> Answer:
        asked = self._api.disputes.list_async({"payment_intent": intent, "limit": limit})
        return await _said(asked)

    async def account(self) -> Answer:
        return await _said(self._api.accounts.retrieve_current_async())


class _Sockets(stripe.HTTPClient):
    """The SDK's requests, sent as everything is that leaves this house."""

    name = "tillgate"

    def __init__(self, outbound: Outbound) -> None:
        super().__init__()  # pyright: ignore[reportUnknownMemberType]  an untyped parameter of it
        self._outbound = outbound

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: str | None = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        body = None if post_data is None else post_data.encode()
        reply = await self._outbound.send(
            method.upper(), url, headers, body, CALL_TIMEOUT_S, keep_bytes=RESPONSE_MAX_BYTES
        )
        if isinstance(reply, Failure):
            raise _NoAnswer(reply)
        return reply.body, reply.status, reply.headers


class _NoAnswer(Exception):
    """No whole answer came. Not an error of the SDK's: those it would wrap or retry."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


async def _said(asked: Any) -> Answer:
    try:
        answer = (await asked).last_response
    except _NoAnswer as error:
        failure = error.failure
        if failure.kind in NEVER_SENT:
            return Rejected("processor_unreachable", failure.message)
        return Unknown(failure.message)
    except stripe.StripeError as error:
        return _refusal(error)
    return Said(answer.data, _unix_s(answer.headers.get("date")))


def _refusal(error: stripe.StripeError) -> Rejected | Unknown:
    """A key that Stripe knows for another request proves nothing of what became of that one."""
    status = error.http_status or 0
    if status not in NO or isinstance(error, stripe.IdempotencyError | stripe.RateLimitError):
        return Unknown(f"Stripe answered {status}.")
    code = cast("str | None", getattr(error.error, "decline_code", None)) or error.code
    message = error.user_message or f"Stripe refused with {status}."
    return Rejected(NO[status] if status == 401 else code or NO[status], message)


def _unix_s(date: str | None) -> int:
    """Of the header `Date`; 0 where there is none."""
    try:
        return int(email.utils.parsedate_to_datetime(date or "").timestamp())
    except ValueError:
        return 0
