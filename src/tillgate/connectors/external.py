"""Any payment app that is not built in: spoken to by configuration, not by code.

Values are found by JSON pointers (RFC 6901) and four lists of words; there are no expressions.
The sandbox processor is a preset of this.
"""

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from urllib.parse import quote

import msgspec
from msgspec import Raw, Struct

from tillgate.connectors.protocol import (
    Absent,
    Answered,
    CallbackRequest,
    CannotTell,
    Capabilities,
    Found,
    Hint,
    Intent,
    Looked,
    ObjectState,
    Observation,
    Operation,
    Pending,
    Rejected,
    Unknown,
    Unreadable,
    Verdict,
)
from tillgate.kit import crypto
from tillgate.kit.http import encode
from tillgate.kit.money import Money, find_asset, from_decimal
from tillgate.kit.outbound import Failure, Outbound, Reply

TIMESTAMP_WINDOW_S = 300
"""How far a callback's timestamp may be from our clock, either way."""

CALL_TIMEOUT_S = 10.0
ANSWER_MAX_BYTES = 64 * 1024


class Pointers(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a message holds what: JSON pointers, `/data/amount`. Amounts are cumulative."""

    reference: str
    status: str
    amount: str
    currency: str
    ours: str | None = None
    event_id: str | None = None
    failure_code: str | None = None
    failure_message: str | None = None
    redirect_url: str | None = None


class Words(Struct, frozen=True, forbid_unknown_fields=True):
    """Which words mean what, in lower case; any other word changes nothing."""

    success: tuple[str, ...] = ("success", "succeeded", "completed", "paid")
    failure: tuple[str, ...] = ("failed", "declined", "error")
    canceled: tuple[str, ...] = ("cancelled", "canceled")
    waiting: tuple[str, ...] = ("pending",)
    processing: tuple[str, ...] = ("processing",)


class Signature(Struct, frozen=True, forbid_unknown_fields=True):
    """HMAC-SHA256 of the raw body, or of `timestamp.body`."""

    header: str
    covers: Literal["body", "timestamp.body"]
    encoding: Literal["hex", "base64"] = "hex"
    timestamp_header: str | None = None


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """How one external app is spoken to.

    `request`: the JSON that creates a payment; a text that is one `{name}` becomes the value, of
    transaction_id, payment_id, amount, currency, callback_url, success_url, failure_url and
    description. `headers` may name `{api_key}` and `{transaction_id}`.
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


class Credentials(Struct, frozen=True, forbid_unknown_fields=True):
    """Sealed in the database. Several signing secrets overlap while one is rolled."""

    api_key: str
    signing_secrets: list[str]


def sandbox_settings(base_url: str) -> Settings:
    """The preset that speaks to the sandbox processor at this address."""
    said = Pointers(
        reference="/Reference",
        ours="/TransactionId",
        status="/Status",
        amount="/Amount",
        currency="/Currency",
        failure_code="/ErrorCode",
        failure_message="/ErrorMessage",
        event_id="/EventId",
    )
    return Settings(
        create_url=f"{base_url}/api/payments",
        request={
            "TransactionId": "{transaction_id}",
            "Amount": "{amount}",
            "Currency": "{currency}",
            "CallbackUrl": "{callback_url}",
            "SuccessUrl": "{success_url}",
            "FailureUrl": "{failure_url}",
            "Description": "{description}",
            "Metadata": {"payment": "{payment_id}"},
        },
        headers={"Authorization": "Bearer {api_key}", "Idempotency-Key": "{transaction_id}"},
        answer=Pointers(
            reference="/Reference",
            status="/Status",
            amount="/Amount",
            currency="/Currency",
            redirect_url="/RedirectUrl",
        ),
        look_url=f"{base_url}/api/payments/{{reference}}",
        look=Pointers(
            reference="/Reference",
            ours="/TransactionId",
            status="/Status",
            amount="/Captured",
            currency="/Currency",
            failure_code="/FailureCode",
            failure_message="/FailureMessage",
            redirect_url="/RedirectUrl",
        ),
        callback=said,
        signature=Signature(
            header="x-sandbox-signature",
            covers="timestamp.body",
            timestamp_header="x-sandbox-timestamp",
        ),
    )


class External:
    """One connection to one external app."""

    name = "external"
    capabilities = Capabilities(manual_capture=False, looks=True)

    def __init__(self, settings: Settings, credentials: Credentials, outbound: Outbound) -> None:
        self._settings = settings
        self._credentials = credentials
        self._outbound = outbound

    def prepare(self, intent: Intent) -> Raw:
        amount = intent.money.minor
        values: dict[str, object] = {
            "transaction_id": intent.operation_id,
            "payment_id": intent.payment_id,
            "amount": amount if self._settings.amount_unit == "minor" else intent.money.decimal,
            "currency": intent.money.asset,
            "callback_url": intent.callback_url,
            "success_url": intent.return_url,
            "failure_url": intent.return_url,
            "description": intent.description,
        }
        return Raw(encode(_fill(self._settings.request, values)))

    async def start(self, operation: Operation) -> Answered:
        reply = await self._outbound.send(
            "POST",
            self._settings.create_url,
            self._headers(operation.id),
            bytes(operation.request),
            CALL_TIMEOUT_S,
            keep_bytes=ANSWER_MAX_BYTES,
        )
        if isinstance(reply, Failure):
            return _after_failure(reply)
        if reply.status in {400, 401, 403, 404, 405, 409, 422}:
            return Rejected("processor_refused", f"The processor refused with {reply.status}.")
        message = _json(reply.body)
        if not 200 <= reply.status < 300 or message is None:
            return Unknown(f"The processor answered {reply.status}.")
        return _under_way(message, self._settings.answer) or Unknown("The answer has no address.")

    async def look(self, reference: str) -> Looked:
        pointers, address = self._settings.look, self._settings.look_url
        if pointers is None or address is None:
            return CannotTell("This app has no look-up.")
        url = address.replace("{reference}", quote(reference, safe=""))
        reply = await self._outbound.send(
            "GET", url, self._headers(""), b"", CALL_TIMEOUT_S, keep_bytes=ANSWER_MAX_BYTES
        )
        if not isinstance(reply, Reply):
            return CannotTell(reply.message)
        if reply.status == 404:
            return Absent()
        message = _json(reply.body)
        if reply.status != 200 or message is None:
            return CannotTell(f"The look-up answered {reply.status}.")
        seen = self._observe(message, pointers)
        if isinstance(seen, Unreadable):
            return CannotTell(seen.reason)
        return Found(tuple(seen), _under_way(message, pointers))

    def peek(self, request: CallbackRequest) -> Hint:
        """Apps without event ids are told apart by the digest of what they sent."""
        pointer = self._settings.callback.event_id
        found = _at(_json(request.body), pointer) if pointer else None
        # PostgreSQL's text cannot hold NUL
        if (
            isinstance(found, str)
            and 0 < len(found) <= EVENT_KEY_MAX_CHARACTERS
            and "\0" not in found
        ):
            return Hint(found)
        return Hint("sha256:" + crypto.sha256(request.body).hex())

    def verify(self, request: CallbackRequest, now: datetime) -> Verdict:
        signature = self._settings.signature
        given = _decode(request.headers.get(signature.header.lower(), ""), signature.encoding)
        stamp = request.headers.get((signature.timestamp_header or "").lower(), "")
        covered = request.body
        if signature.covers == "timestamp.body":
            covered = stamp.encode() + b"." + request.body
        secrets = self._credentials.signing_secrets
        macs = [crypto.mac(secret.encode(), covered) for secret in secrets]
        if given is None or not any([crypto.same(given, mac) for mac in macs]):  # noqa: C419  all are compared
            return "forged"
        if signature.timestamp_header is not None:
            known = stamp.isdecimal() and len(stamp) <= STAMP_MAX_DIGITS
            if not known or abs(now.timestamp() - int(stamp)) > TIMESTAMP_WINDOW_S:
                return "stale"
        return "genuine"

    def read(self, request: CallbackRequest) -> list[Observation] | Unreadable:
        message = _json(request.body)
        if message is None:
            return Unreadable("The body is not a JSON object.", None)
        return self._observe(message, self._settings.callback)

    def _observe(
        self, message: dict[str, Any], pointers: Pointers
    ) -> list[Observation] | Unreadable:
        state = self._state(_text(message, pointers.status) or "")
        if state is None:
            return []
        reference = _text(message, pointers.reference)
        if reference is None:
            return Unreadable("There is no reference.", pointers.reference)
        asset = find_asset(_text(message, pointers.currency) or "")
        if asset is None:
            return Unreadable("The currency is unknown.", pointers.currency)
        money = _money(_at(message, pointers.amount), asset, self._settings.amount_unit)
        if money is None:
            return Unreadable("The amount is not one of this currency.", pointers.amount)
        refused = state in {"failed", "canceled"}
        return [
            Observation(
                reference=reference,
                ours=_text(message, pointers.ours),
                state=state,
                amount_minor=money.minor,
                asset=money.asset,
                failure_code=(_text(message, pointers.failure_code) or state) if refused else None,
                failure_message=_text(message, pointers.failure_message) if refused else None,
            )
        ]

    def _state(self, word: str) -> ObjectState | None:
        words = self._settings.words
        meanings: list[tuple[tuple[str, ...], ObjectState]] = [
            (words.success, "captured"),
            (words.failure, "failed"),
            (words.canceled, "canceled"),
            (words.waiting, "pending"),
            (words.processing, "processing"),
        ]
        return next((state for known, state in meanings if word.lower() in known), None)

    def _headers(self, transaction_id: str) -> dict[str, str]:
        values = {"{api_key}": self._credentials.api_key, "{transaction_id}": transaction_id}
        headers = {"Content-Type": "application/json"}
        for name, text in self._settings.headers.items():
            for placeholder, value in values.items():
                text = text.replace(placeholder, value)  # noqa: PLW2901  one after the other
            headers[name] = text
        return headers


EVENT_KEY_MAX_CHARACTERS = 200
STAMP_MAX_DIGITS = 12
TEXT_MAX_CHARACTERS = 500


def connect(settings: Raw, credentials: bytes, outbound: Outbound) -> External:
    """A connector for stored settings and opened credentials. Raises msgspec.ValidationError."""
    return External(
        msgspec.json.decode(settings, type=Settings),
        msgspec.json.decode(credentials, type=Credentials),
        outbound,
    )


def _after_failure(failure: Failure) -> Answered:
    """Where no connection stood, nothing was done; after that, nobody knows."""
    if failure.kind in {"refused", "dns", "connect", "tls"}:
        return Rejected("processor_unreachable", failure.message)
    return Unknown(failure.message)


def _under_way(message: dict[str, Any], pointers: Pointers) -> Pending | None:
    reference, url = _text(message, pointers.reference), _text(message, pointers.redirect_url)
    if reference is None or url is None or not url.startswith(("https://", "http://")):
        return None
    return Pending(reference, url)


def _fill(template: Any, values: Mapping[str, object]) -> Any:
    if isinstance(template, dict):
        return {key: _fill(value, values) for key, value in template.items()}  # pyright: ignore[reportUnknownVariableType]  JSON
    if isinstance(template, str) and template.startswith("{") and template.endswith("}"):
        return values.get(template[1:-1])
    return template


def _json(body: bytes) -> dict[str, Any] | None:
    """Numbers keep their digits: an amount never passes through a float."""
    try:
        return _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


_decoder = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)


def _at(message: Any, pointer: str | None) -> Any:
    """What stands at a JSON pointer, or None."""
    if not pointer:
        return None
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        message = message.get(key) if isinstance(message, dict) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]  JSON
    return message  # pyright: ignore[reportUnknownVariableType]  JSON


def _text(message: dict[str, Any], pointer: str | None) -> str | None:
    found = _at(message, pointer)
    if isinstance(found, int) and not isinstance(found, bool):
        found = str(found)
    if not isinstance(found, str) or "\0" in found:
        return None
    return found if 0 < len(found) <= TEXT_MAX_CHARACTERS else None


def _money(found: Any, asset: str, unit: Literal["minor", "major"]) -> Money | None:
    """Exact or nothing: remainders, negatives and words are refused."""
    if isinstance(found, bool) or not isinstance(found, int | Decimal | str):
        return None
    try:
        number = Decimal(found)
    except ArithmeticError:
        return None
    if not number.is_finite() or not 0 <= number < AMOUNT_LIMIT:
        return None
    if unit == "major":
        return from_decimal(number, asset)
    return Money(int(number), asset) if number == int(number) else None


AMOUNT_LIMIT = 1 << 53


def _decode(text: str, encoding: Literal["hex", "base64"]) -> bytes | None:
    try:
        if encoding == "hex":
            return bytes.fromhex(text)
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return None
