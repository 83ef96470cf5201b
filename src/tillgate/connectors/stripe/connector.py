"""One connection to one account at Stripe: its calls, its look-ups, its callbacks."""

import re
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from msgspec import Raw, Struct

from tillgate.connectors.protocol import (
    Answered,
    Ask,
    CallbackRequest,
    Capabilities,
    Change,
    Done,
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
from tillgate.connectors.stripe import events, proof, read, request, signature, ways
from tillgate.connectors.stripe.answers import Answer, parsed
from tillgate.connectors.stripe.look import Looking
from tillgate.connectors.stripe.model import Credentials, Settings, able_of
from tillgate.connectors.stripe.request import Request
from tillgate.connectors.stripe.things import Account, PaymentIntent, Refund, Session
from tillgate.kit import crypto
from tillgate.kit.http import encode
from tillgate.kit.outbound import Outbound

if TYPE_CHECKING:
    from tillgate.connectors.stripe.client import Client

EVENT_ID = re.compile(r"evt_[A-Za-z0-9_]{1,196}")
NO_CASH_APP = re.compile(r"cash ?app|payment_method_types|payment method type", re.IGNORECASE)
CASH_APP_UNAVAILABLE = Rejected(
    "cashapp_unavailable",
    "Cash App payments are not available: they need a Stripe account in the United States that"
    " has Cash App Pay turned on.",
)


NO_BUTTON = Rejected(
    "buy_button_missing", "Neither the connection nor the service names a Buy Button."
)


class Stripe:
    """One connection to one account at Stripe, offering one method."""

    name = "stripe"

    def __init__(
        self, settings: Settings, credentials: Credentials, outbound: Outbound, *, livemode: bool
    ) -> None:
        self._livemode = livemode
        self._settings = settings
        self._credentials = credentials
        self._outbound = outbound
        self._opened: Client | None = None

    @property
    def capabilities(self) -> Capabilities:
        return able_of(self._settings)

    def prepare(self, wish: Intent | Change) -> Raw:
        wanted = (
            request.change(wish)
            if isinstance(wish, Change)
            else request.begin(wish, self._settings)
        )
        return Raw(encode(wanted))

    async def start(self, operation: Operation) -> Answered:
        wanted = _request.decode(operation.request)
        if wanted.call in {"buy_button", "payment_link"}:
            return ways.by_link(wanted, self._credentials) or NO_BUTTON
        said = await self._client.send(wanted.call, "", wanted.params, operation.id)
        if isinstance(said, Rejected) and self._settings.method == "cashapp":
            return CASH_APP_UNAVAILABLE if NO_CASH_APP.search(said.message) else said
        if wanted.call == "checkout_session":
            session = parsed(said, Session)
            return Pending(session.id, session.url) if isinstance(session, Session) else session
        return self._begun(parsed(said, PaymentIntent))

    async def act(self, operation: Operation) -> Answered:
        wanted = _request.decode(operation.request)
        reference = operation.reference or ""
        said = await self._client.send(wanted.call, reference, wanted.params, operation.id)
        seen = _observe(wanted, said)
        if isinstance(seen, Observation):
            return Done((seen,))
        if isinstance(seen, Rejected | Unknown):
            return seen
        return Unknown("Stripe's answer does not say what was done.")

    async def look(self, reference: str) -> Looked:
        return await Looking(self._client, self._settings, self._credentials).at(reference)

    def peek(self, request: CallbackRequest) -> Hint:
        """A body without an event's id is told apart by its digest."""
        try:
            found = _peeked.decode(request.body).id
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            found = ""
        if EVENT_ID.fullmatch(found):
            return Hint(found)
        return Hint("sha256:" + crypto.sha256(request.body).hex())

    def verify(self, request: CallbackRequest, now: datetime) -> Verdict:
        return signature.verify(request, self._credentials.webhook_secrets, now)

    def read(self, request: CallbackRequest) -> list[Observation] | Ask | Unreadable:
        return events.read_event(request.body, self._settings, livemode=self._livemode)

    async def session(self, reference: str) -> Session | Rejected | Unknown:
        """A Checkout Session as Stripe tells it now, of whoever made it."""
        return parsed(await self._client.session(reference), Session)

    async def prove(self) -> list[Trouble]:
        if self._credentials.livemode != self._livemode:
            return [proof.OTHER_MODE]
        account = parsed(await self._client.account(), Account)
        return proof.troubles(self._settings, self._credentials, account)

    @property
    def _client(self) -> "Client":
        """Imported here and not above: callbacks need no SDK, nor does a process that has no
        connection to Stripe; it takes 18 MB and most of a second."""
        if self._opened is None:
            from tillgate.connectors.stripe.client import Client  # noqa: PLC0415

            self._opened = Client(self._settings, self._credentials, self._outbound)
        return self._opened

    def _begun(self, intent: PaymentIntent | Rejected | Unknown) -> Answered:
        if not isinstance(intent, PaymentIntent):
            return intent
        seen = read.observe_intent(intent)
        if isinstance(seen, Observation) and seen.state != "pending":
            return Done((seen,))
        pending = ways.of_intent(intent, self._settings, self._credentials)
        return pending or Unknown("Stripe's answer does not say how the payer goes on.")


def connect(settings: Raw, credentials: bytes, outbound: Outbound, livemode: bool) -> Stripe:
    """A connector for stored settings and opened credentials. Raises msgspec.ValidationError."""
    return Stripe(
        msgspec.json.decode(settings, type=Settings),
        msgspec.json.decode(credentials, type=Credentials),
        outbound,
        livemode=livemode,
    )


def _observe(wanted: Request, said: Answer) -> Observation | Unreadable | Rejected | Unknown | None:
    """What a change has made of its object."""
    match wanted.call:
        case "refund":
            refund = parsed(said, Refund)
            return read.observe_refund(refund) if isinstance(refund, Refund) else refund
        case "expire":
            session = parsed(said, Session)
            if not isinstance(session, Session):
                return session
            return read.observe_session(session, "canceled")
        case _:
            intent = parsed(said, PaymentIntent)
            return read.observe_intent(intent) if isinstance(intent, PaymentIntent) else intent


class _Peeked(Struct):
    id: str


_peeked = msgspec.json.Decoder(_Peeked)
_request = msgspec.json.Decoder(Request)
