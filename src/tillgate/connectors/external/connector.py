"""One connection to one external app: its calls, its look-ups, its callbacks."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec
import structlog
from msgspec import Raw

from tillgate.connectors.external import message, signature
from tillgate.connectors.external.model import (
    PLACEHOLDER,
    Call,
    Credentials,
    Pointers,
    Settings,
    able,
)
from tillgate.connectors.external.troubles import lacks, trouble_of
from tillgate.connectors.protocol import (
    Absent,
    Answered,
    Ask,
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
    Pending,
    Rejected,
    Trouble,
    Unknown,
    Unreadable,
    Verdict,
)
from tillgate.kit import crypto
from tillgate.kit.money import Money
from tillgate.kit.outbound import Failure, Outbound, Reply

log = structlog.get_logger()

CALL_TIMEOUT_S = 10.0
ANSWER_MAX_BYTES = 64 * 1024
EVENT_KEY_MAX_CHARACTERS = 200
NOWHERE = "charge-that-is-not-there"
"""What a test of the connection looks up."""

NO = {400, 401, 403, 404, 405, 409, 410, 422}
"""Statuses that are a definitive refusal: nothing was done."""

CODE = re.compile(r"[a-z0-9_.-]{1,64}")


class External:
    """One connection to one external app."""

    name = "external"

    def __init__(
        self,
        settings: Settings,
        credentials: Credentials,
        outbound: Outbound,
        *,
        livemode: bool = True,
    ) -> None:
        self._settings = settings
        self._credentials = credentials
        self._outbound = outbound
        self._livemode = livemode
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
            "order_id": wish.order_id,
            "callback_url": wish.callback_url,
            "success_url": wish.return_url,
            "failure_url": wish.return_url,
            "description": wish.description,
            "capture": wish.capture,
            "method": wish.method,
        }
        page = self._settings.pay_url
        if self._settings.create_url is None and page is not None:
            return Raw(encode(_Page(_filled(page, values))))
        return Raw(encode(message.fill(self._settings.request, values)))

    async def start(self, operation: Operation) -> Answered:
        url, page = self._settings.create_url, self._settings.pay_url
        if url is None and page is None:
            return Rejected("no_pay_page", "This connection has no page to send payers to.")
        if url is None:
            return Pending(operation.id, msgspec.json.decode(operation.request, type=_Page).url)
        said = await self._send(url, operation)
        if not isinstance(said, dict):
            return said
        pointers = self._settings.answer or self._settings.callback
        seen = self._charge(said, pointers, operation.id)
        pending = message.under_way(said, pointers, operation.id)
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
            told = message.part(self._settings, refunds, call.answer, operation.id)
            seen = message.observe(said, told)
        else:
            seen = self._charge(said, call.answer, operation.reference)
        if isinstance(seen, Unreadable) or not seen:
            return Unknown("The answer does not say what was done.")
        return Done(tuple(seen))

    async def look(self, reference: str) -> Looked:
        pointers, url = self._settings.look, self._settings.look_url
        if pointers is None or url is None:
            return CannotTell("This app has no look-up.")
        reply = await self._get(_address(url, reference))
        if not isinstance(reply, Reply):
            return CannotTell(reply.message)
        if reply.status == 404:
            return Absent()
        said = message.json_object(reply.body)
        if reply.status != 200 or said is None:
            return CannotTell(f"The look-up answered {reply.status}.")
        seen = message.read_look(said, self._settings, pointers, reference)
        if isinstance(seen, Unreadable):
            return CannotTell(seen.reason)
        pending = message.under_way(said, pointers, reference) if _waits(seen) else None
        return Found(tuple(seen), pending)

    def peek(self, request: CallbackRequest) -> Hint:
        """Apps without event ids are told apart by the digest of what they sent."""
        pointer = self._settings.callback.event_id
        found = message.at(self._said(request), pointer) if pointer else None
        # PostgreSQL's text cannot hold NUL
        if (
            isinstance(found, str)
            and 0 < len(found) <= EVENT_KEY_MAX_CHARACTERS
            and "\0" not in found
        ):
            return Hint(found)
        return Hint("sha256:" + crypto.sha256(request.body).hex())

    def verify(self, request: CallbackRequest, now: datetime) -> Verdict:
        """Without a secret nothing is believed, unless these settings say so, in test mode."""
        secrets = self._credentials.signing_secrets
        if not secrets:
            if self._livemode or not self._settings.unsigned_in_test:
                return "forged"
            log.warning("callback_unsigned", connector=self.name)
            return "genuine"
        return signature.verdict(
            request, self._settings.signature, secrets, now, livemode=self._livemode
        )

    def read(self, request: CallbackRequest) -> list[Observation] | Ask | Unreadable:
        said = self._said(request)
        if said is None:
            return Unreadable("The body is not a JSON object.", None)
        if self._settings.hints_only:
            pointers = self._settings.callback
            charge = message.name_of(said, pointers)
            param = pointers.reference or pointers.ours
            return Ask(charge) if charge else Unreadable("There is no reference.", param)
        return message.read_callback(said, self._settings)

    async def prove(self) -> list[Trouble]:
        """Looks up a charge that cannot be there: the app must say so, and know our key. An app
        without look-ups only has to answer."""
        troubles = list(lacks(self._settings, self._credentials))
        look, create = self._settings.look_url, self._settings.create_url
        url = _address(look, NOWHERE) if look is not None else create
        trouble = trouble_of(await self._get(url), looks=look is not None) if url else None
        return [*troubles, trouble] if trouble is not None else troubles

    def _said(self, request: CallbackRequest) -> dict[str, Any] | None:
        """The values that are signed; where nobody signs, the body's."""
        if not self._credentials.signing_secrets:
            return message.json_object(request.body)
        return signature.said(request, self._settings.signature)

    async def _get(self, url: str) -> Reply | Failure:
        return await self._outbound.send(
            "GET", url, self._headers(""), b"", CALL_TIMEOUT_S, keep_bytes=ANSWER_MAX_BYTES
        )

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

    def _charge(
        self, said: dict[str, Any], pointers: Pointers, known: str | None
    ) -> list[Observation] | Unreadable:
        return message.observe(said, message.charge(self._settings, pointers, known))

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
            if "{api_key}" in text and not self._credentials.api_key:
                continue
            for placeholder, value in values.items():
                text = text.replace(placeholder, value)  # noqa: PLW2901  one after the other
            headers[name] = text
        return headers


class _Page(msgspec.Struct, frozen=True):
    """The stored request of a try that needs no call."""

    url: str


def connect(
    settings: Raw, credentials: bytes, outbound: Outbound, livemode: bool = True
) -> External:
    """A connector for stored settings and opened credentials. Raises msgspec.ValidationError."""
    return External(
        msgspec.json.decode(settings, type=Settings),
        msgspec.json.decode(credentials, type=Credentials),
        outbound,
        livemode=livemode,
    )


encode = msgspec.json.Encoder(decimal_format="number").encode


def _filled(url: str, values: Mapping[str, object]) -> str:
    def value(name: re.Match[str]) -> str:
        found = values.get(name[1])
        return quote("" if found is None else str(found), safe="")

    return PLACEHOLDER.sub(value, url)


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
