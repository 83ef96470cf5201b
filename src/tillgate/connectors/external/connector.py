"""One connection to one external app: its calls, its look-ups, its callbacks."""

import re
from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Raw

from tillgate.connectors.external import message
from tillgate.connectors.external.model import Call, Credentials, Pointers, Settings, able
from tillgate.connectors.protocol import (
    Absent,
    Answered,
    CallbackRequest,
    CannotTell,
    Capabilities,
    Change,
    Done,
    Found,
    Hint,
    Intent,
    Looked,
    Observation,
    Operation,
    Rejected,
    Trouble,
    Unknown,
    Unreadable,
    Verdict,
)
from tillgate.kit import crypto
from tillgate.kit.http import encode
from tillgate.kit.money import Money
from tillgate.kit.outbound import Failure, Outbound, Reply

TIMESTAMP_WINDOW_S = 300
"""How far a callback's timestamp may be from our clock, either way."""

CALL_TIMEOUT_S = 10.0
ANSWER_MAX_BYTES = 64 * 1024
EVENT_KEY_MAX_CHARACTERS = 200
STAMP_MAX_DIGITS = 12

NO = {400, 401, 403, 404, 405, 409, 410, 422}
"""Statuses that are a definitive refusal: nothing was done."""

CODE = re.compile(r"[a-z0-9_.-]{1,64}")


class External:
    """One connection to one external app."""

    name = "external"

    def __init__(self, settings: Settings, credentials: Credentials, outbound: Outbound) -> None:
        self._settings = settings
        self._credentials = credentials
        self._outbound = outbound
        self._calls = {
            "capture": settings.capture,
            "void": settings.cancel,
            "refund": settings.refund,
        }

    @property
    def capabilities(self) -> Capabilities:
        """What the settings have a call for."""
        return able(self._settings)

    def prepare(self, wish: Intent | Change) -> Raw:
        values: dict[str, object] = {
            "amount": self._amount(wish.money),
            "currency": wish.money.asset,
        }
        if isinstance(wish, Change):
            values |= {"operation_id": wish.operation_id, "reference": wish.reference}
            return Raw(encode(message.fill(self._call(wish.kind).request, values)))
        values |= {
            "transaction_id": wish.operation_id,
            "payment_id": wish.payment_id,
            "callback_url": wish.callback_url,
            "success_url": wish.return_url,
            "failure_url": wish.return_url,
            "description": wish.description,
            "capture": wish.capture,
        }
        return Raw(encode(message.fill(self._settings.request, values)))

    async def start(self, operation: Operation) -> Answered:
        said = await self._send(self._settings.create_url, operation)
        if not isinstance(said, dict):
            return said
        pointers = self._settings.answer
        seen = self._charge(said, pointers)
        pending = message.under_way(said, pointers)
        if pending is not None and _waits(seen):
            return pending
        if isinstance(seen, Unreadable) or not seen:
            return Unknown("The answer does not say how the payer goes on.")
        return Done(tuple(seen))

    async def act(self, operation: Operation) -> Answered:
        call = self._call(operation.kind)
        said = await self._send(_address(call.url, operation.reference or ""), operation)
        if not isinstance(said, dict):
            return said
        refunds = self._settings.refunds
        if operation.kind == "refund" and refunds is not None:
            seen = message.observe(said, message.part(self._settings, refunds, call.answer))
        else:
            seen = self._charge(said, call.answer)
        if isinstance(seen, Unreadable) or not seen:
            return Unknown("The answer does not say what was done.")
        return Done(tuple(seen))

    async def look(self, reference: str) -> Looked:
        pointers, url = self._settings.look, self._settings.look_url
        if pointers is None or url is None:
            return CannotTell("This app has no look-up.")
        reply = await self._outbound.send(
            "GET",
            _address(url, reference),
            self._headers(""),
            b"",
            CALL_TIMEOUT_S,
            keep_bytes=ANSWER_MAX_BYTES,
        )
        if not isinstance(reply, Reply):
            return CannotTell(reply.message)
        if reply.status == 404:
            return Absent()
        said = message.json_object(reply.body)
        if reply.status != 200 or said is None:
            return CannotTell(f"The look-up answered {reply.status}.")
        seen = message.read_look(said, self._settings, pointers)
        if isinstance(seen, Unreadable):
            return CannotTell(seen.reason)
        return Found(tuple(seen), message.under_way(said, pointers) if _waits(seen) else None)

    def peek(self, request: CallbackRequest) -> Hint:
        """Apps without event ids are told apart by the digest of what they sent."""
        pointer = self._settings.callback.event_id
        found = message.at(message.json_object(request.body), pointer) if pointer else None
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
        given = message.decode_mac(
            request.headers.get(signature.header.lower(), ""), signature.encoding
        )
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
        said = message.json_object(request.body)
        if said is None:
            return Unreadable("The body is not a JSON object.", None)
        return message.read_callback(said, self._settings)

    async def prove(self) -> list[Trouble]:
        """Looks up a charge that cannot be there: the app must say so, and know our key."""
        troubles: list[Trouble] = []
        if not self._credentials.signing_secrets:
            mend = "Give the secret that the app signs with, as credentials.signing_secrets."
            troubles.append(Trouble("secret_missing", "Callbacks are not signed.", mend))
        looked = await self.look("nothing") if self.capabilities.looks else Absent()
        if isinstance(looked, CannotTell):
            mend = "Compare the addresses in settings, and the API key in credentials."
            troubles.append(Trouble("unreachable", looked.reason, mend))
        return troubles

    async def _send(self, url: str, operation: Operation) -> dict[str, Any] | Rejected | Unknown:
        """What a successful answer says."""
        reply = await self._outbound.send(
            "POST",
            url,
            self._headers(operation.id),
            bytes(operation.request),
            CALL_TIMEOUT_S,
            keep_bytes=ANSWER_MAX_BYTES,
        )
        if isinstance(reply, Failure):
            return _after_failure(reply)
        said = message.json_object(reply.body)
        if reply.status in NO:
            return _refusal(reply.status, said or {})
        if not 200 <= reply.status < 300 or said is None:
            return Unknown(f"The processor answered {reply.status}.")
        return said

    def _charge(self, said: dict[str, Any], pointers: Pointers) -> list[Observation] | Unreadable:
        return message.observe(said, message.charge(self._settings, pointers))

    def _call(self, kind: str) -> Call:
        """Raises LookupError: our caller reads `capabilities` before it wishes."""
        call = self._calls.get(kind)
        if call is None:
            raise LookupError(f"this app has no call for {kind}")
        return call

    def _amount(self, money: Money) -> object:
        return money.minor if self._settings.amount_unit == "minor" else money.decimal

    def _headers(self, transaction_id: str) -> dict[str, str]:
        values = {"{api_key}": self._credentials.api_key, "{transaction_id}": transaction_id}
        headers = {"Content-Type": "application/json"}
        for name, text in self._settings.headers.items():
            for placeholder, value in values.items():
                text = text.replace(placeholder, value)  # noqa: PLW2901  one after the other
            headers[name] = text
        return headers


def connect(settings: Raw, credentials: bytes, outbound: Outbound) -> External:
    """A connector for stored settings and opened credentials. Raises msgspec.ValidationError."""
    return External(
        msgspec.json.decode(settings, type=Settings),
        msgspec.json.decode(credentials, type=Credentials),
        outbound,
    )


def _address(template: str, reference: str) -> str:
    return template.replace("{reference}", quote(reference, safe=""))


def _waits(seen: list[Observation] | Unreadable) -> bool:
    """Whether the charge may still wait for its payer; also where the message does not say."""
    return isinstance(seen, Unreadable) or not seen or seen[0].state == "pending"


def _after_failure(failure: Failure) -> Rejected | Unknown:
    """Where no connection stood, nothing was done; after that, nobody knows."""
    if failure.kind in {"refused", "dns", "connect", "tls"}:
        return Rejected("processor_unreachable", failure.message)
    return Unknown(failure.message)


def _refusal(status: int, said: dict[str, Any]) -> Rejected:
    """With the app's own code and words, where it gives them as `error` and `message`."""
    code = message.text(said, "/error") or ""
    return Rejected(
        code if CODE.fullmatch(code) else "processor_refused",
        message.text(said, "/message") or f"The processor refused with {status}.",
    )
