"""`POST /v1/payments`: a plain ASGI handler, for speed. The rest is in `wishes` and `reading`."""

from datetime import timedelta
from typing import Annotated, Literal, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
from msgspec import Meta, Raw, Struct

from tillgate.audit.model import Owner
from tillgate.connections.rules import why_not
from tillgate.connections.store import Connections, Linked
from tillgate.engine.command import Command, Outcome
from tillgate.engine.writer import Engine
from tillgate.idempotency.commands import gated
from tillgate.kit import body, crypto, ids
from tillgate.kit.caller import Caller
from tillgate.kit.canonical import canonical
from tillgate.kit.db import Pool
from tillgate.kit.http import Answer
from tillgate.kit.metadata import Metadata
from tillgate.kit.money import AMOUNT_MAX_MINOR, Money, find_asset
from tillgate.kit.refusal import Refused
from tillgate.ledger.model import NO_USER, may_own_wallet
from tillgate.payments.commands import CreatePayment
from tillgate.payments.links import PayerLinks
from tillgate.payments.store import order_due

EXPIRES_MIN_S, EXPIRES_MAX_S, EXPIRES_DEFAULT_S = 60, 30 * 86_400, 86_400
URL_MAX_CHARACTERS = 2048
DESCRIPTION_MAX_CHARACTERS = 500

Url = Annotated[str, Meta(max_length=URL_MAX_CHARACTERS, description="http or https.")]


class CreateIn(Struct, frozen=True, forbid_unknown_fields=True):
    """What a new payment may say. `amount` is in minor units: 1050 with `usd` is 10.50; it and
    `currency` may be left out where an order says them."""

    amount: Annotated[int, Meta(ge=1, le=AMOUNT_MAX_MINOR)] | None = None
    currency: (
        Annotated[
            str, Meta(min_length=3, max_length=5, description="ISO 4217 or `sbtc`, in any case.")
        ]
        | None
    ) = None
    description: Annotated[str, Meta(max_length=DESCRIPTION_MAX_CHARACTERS)] | None = None
    metadata: Metadata = {}
    capture_method: Literal["automatic", "manual"] = "automatic"
    success_url: Url | None = None
    cancel_url: Url | None = None
    wallet_user: (
        Annotated[
            str,
            Meta(min_length=1, max_length=128, description="Credit this user's wallet instead."),
        ]
        | None
    ) = None
    connection: Annotated[str, Meta(description="`con_…`; the default one when absent.")] | None = (
        None
    )
    order: (
        Annotated[
            str,
            Meta(description="`ord_…`: what it pays for; `amount` may then be left out."),
        ]
        | None
    ) = None
    expires_in_s: Annotated[int, Meta(ge=EXPIRES_MIN_S, le=EXPIRES_MAX_S)] = EXPIRES_DEFAULT_S


_decoder = msgspec.json.Decoder(CreateIn)
_canonical = msgspec.json.Encoder(order="sorted")


class Request(NamedTuple):
    """One call, as far as a plain handler needs it."""

    caller: Caller
    body: bytes
    idempotency_key: str | None
    ip: str | None
    request_id: str


class Payments:
    """The handler of `POST /v1/payments`, with what it needs."""

    def __init__(
        self,
        engine: Engine,
        pool: Pool,
        connections: Connections,
        links: PayerLinks,
        digest_key: bytes,
    ) -> None:
        self._engine = engine
        self._pool = pool
        self._connections = connections
        self._links = links
        self._digest_key = digest_key

    async def create(self, request: Request) -> Answer | Refused:
        """201 with the payment; the same again for the same Idempotency-Key."""
        wanted = body.decode(_decoder, request.body)
        if isinstance(wanted, Refused):
            return wanted
        money, order_id = _money(wanted), _order(wanted)
        if isinstance(money, Refused):
            return money
        if isinstance(order_id, Refused):
            return order_id
        refused = _check(wanted)
        if refused is not None:
            return refused
        linked = await self._connection(request.caller, wanted, money, order_id)
        if isinstance(linked, Refused):
            return linked
        command = self._command(request, wanted, linked, money, order_id)
        once = self._once(request, wanted, command)
        if isinstance(once, Refused):
            return once
        decided = await self._engine.run(once)
        return decided.answer if isinstance(decided, Outcome) else decided

    async def _connection(
        self, caller: Caller, wanted: CreateIn, money: Money | None, order_id: UUID | None
    ) -> Linked | Refused:
        if money is None and order_id is not None:
            money = await order_due(self._pool, caller.merchant_id, order_id)
            if money is None:
                return Refused("not_found", "There is no such order.", "order")
        money = money or Money(0, "")
        manual = wanted.capture_method == "manual"
        if wanted.connection is None:
            ways = await self._connections.ways(caller.merchant_id, money, manual=manual)
            if not ways:
                words = "No processor is connected that can carry this payment; connect one first."
                return Refused("connection_unusable", words, "connection")
            return ways[0]
        connection_id = ids.parse("con", wanted.connection)
        if connection_id is None:
            return Refused("parameter_invalid", "This is no id of a connection.", "connection")
        found = await self._connections.of_merchant(caller.merchant_id, connection_id)
        if found is None:
            return Refused("connection_unusable", "There is no such connection.", "connection")
        reason = why_not(found, money, manual=manual)
        if reason is not None:
            words = f"{found.name} cannot carry this payment: {reason}."
            return Refused("connection_unusable", words, "connection")
        return found

    def _command(
        self,
        request: Request,
        wanted: CreateIn,
        linked: Linked,
        money: Money | None,
        order_id: UUID | None,
    ) -> CreatePayment:
        caller = request.caller
        payment_id = ids.mint()
        owner = Owner(
            caller.merchant_id, caller.livemode, caller.actor, request.ip, request.request_id
        )
        return CreatePayment(
            owner=owner,
            id=payment_id,
            money=money,
            capture_method=wanted.capture_method,
            connection_id=linked.id,
            description=wanted.description,
            metadata=Raw(canonical(wanted.metadata)) if wanted.metadata else EMPTY,
            wallet_user=wanted.wallet_user,
            success_url=wanted.success_url,
            cancel_url=wanted.cancel_url,
            expires_in=timedelta(seconds=wanted.expires_in_s),
            links=self._links.of(caller.merchant_id, payment_id),
            order_id=order_id,
            routed=wanted.connection is None,
            amount_policy=linked.amount_policy,
        )

    def _once(
        self, request: Request, wanted: CreateIn, command: CreatePayment
    ) -> Command | Refused:
        said = b"POST /v1/payments\n" + _canonical.encode(wanted)
        digest = crypto.mac(self._digest_key, said)
        return gated(request.idempotency_key, digest, command.id, request.request_id, command)


EMPTY = Raw(b"{}")


def _money(wanted: CreateIn) -> Money | Refused | None:
    """None where the order says it."""
    if wanted.order is not None and wanted.amount is None and wanted.currency is None:
        return None
    if wanted.amount is None:
        return Refused("parameter_missing", "amount is required.", "amount")
    if wanted.currency is None:
        return Refused("parameter_missing", "currency is required.", "currency")
    asset = find_asset(wanted.currency)
    if asset is None:
        return Refused("parameter_invalid", "This currency is unknown.", "currency")
    return Money(wanted.amount, asset)


def _order(wanted: CreateIn) -> UUID | Refused | None:
    if wanted.order is None:
        return None
    found = ids.parse("ord", wanted.order)
    return found or Refused("not_found", "There is no such order.", "order")


def _check(wanted: CreateIn) -> Refused | None:
    """What the shape alone does not say."""
    for name in ("success_url", "cancel_url"):
        url: str | None = getattr(wanted, name)
        if url is not None and not is_url(url):
            return Refused("parameter_invalid", "This is not an http or https URL.", name)
    if wanted.wallet_user is not None and not may_own_wallet(wanted.wallet_user):
        return Refused("parameter_invalid", f"wallet_user {NO_USER}", "wallet_user")
    return None


def is_url(text: str) -> bool:
    """Whether payers may be sent there."""
    if not text.isprintable() or " " in text or "\\" in text:
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False
