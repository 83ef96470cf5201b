"""`/v1/payments`. Creating is a plain ASGI handler, for speed; reading is Litestar's."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import urlsplit

import msgspec
from litestar import get
from litestar.params import QueryParameter
from msgspec import Meta, Raw, Struct

from tillgate.audit.model import Owner
from tillgate.connections.store import Connections, Linked
from tillgate.engine.command import Command, Outcome
from tillgate.engine.writer import Engine
from tillgate.idempotency.commands import gated
from tillgate.kit import body, crypto, ids, pages, queries
from tillgate.kit.caller import Caller
from tillgate.kit.canonical import canonical
from tillgate.kit.db import Pool
from tillgate.kit.http import Answer
from tillgate.kit.money import AMOUNT_MAX_MINOR, Money, find_asset
from tillgate.kit.refusal import Refused, RefusedError
from tillgate.ledger.model import NO_USER, may_own_wallet
from tillgate.payments.commands import CreatePayment
from tillgate.payments.links import PayerLinks
from tillgate.payments.model import Payment, PaymentAnswer, Status, answer
from tillgate.payments.store import find_payment, sql

EXPIRES_MIN_S, EXPIRES_MAX_S, EXPIRES_DEFAULT_S = 60, 30 * 86_400, 86_400
METADATA_MAX_KEYS = 50
URL_MAX_CHARACTERS = 2048

Url = Annotated[str, Meta(max_length=URL_MAX_CHARACTERS, description="http or https.")]


class CreateIn(Struct, frozen=True, forbid_unknown_fields=True):
    """What a new payment may say. `amount` is in minor units: 1050 with `usd` is 10.50."""

    amount: Annotated[int, Meta(ge=1, le=AMOUNT_MAX_MINOR)]
    currency: Annotated[
        str, Meta(min_length=3, max_length=5, description="ISO 4217 or `sbtc`, in any case.")
    ]
    description: Annotated[str, Meta(max_length=500)] | None = None
    metadata: dict[
        Annotated[str, Meta(min_length=1, max_length=40)], Annotated[str, Meta(max_length=500)]
    ] = {}
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
        self, engine: Engine, connections: Connections, links: PayerLinks, digest_key: bytes
    ) -> None:
        self._engine = engine
        self._connections = connections
        self._links = links
        self._digest_key = digest_key

    async def create(self, request: Request) -> Answer | Refused:
        """201 with the payment; the same again for the same Idempotency-Key."""
        wanted = body.decode(_decoder, request.body)
        if isinstance(wanted, Refused):
            return wanted
        linked = await self._connection(request.caller, wanted)
        if isinstance(linked, Refused):
            return linked
        command = self._command(request, wanted, linked)
        if isinstance(command, Refused):
            return command
        once = self._once(request, wanted, command)
        if isinstance(once, Refused):
            return once
        decided = await self._engine.run(once)
        return decided.answer if isinstance(decided, Outcome) else decided

    async def _connection(self, caller: Caller, wanted: CreateIn) -> Linked | Refused:
        if wanted.connection is None:
            found = await self._connections.default(caller.merchant_id)
            if found is None:
                return Refused(
                    "connection_unusable",
                    "No processor is connected yet; connect one, then payments can be created.",
                    "connection",
                )
            return found
        connection_id = ids.parse("con", wanted.connection)
        if connection_id is None:
            return Refused("parameter_invalid", "This is no id of a connection.", "connection")
        found = await self._connections.of_merchant(caller.merchant_id, connection_id)
        if found is None or not found.enabled:
            return Refused("connection_unusable", "There is no such connection.", "connection")
        return found

    def _command(
        self, request: Request, wanted: CreateIn, linked: Linked
    ) -> CreatePayment | Refused:
        asset = find_asset(wanted.currency)
        if asset is None:
            return Refused("parameter_invalid", "This currency is unknown.", "currency")
        refused = _check(wanted, linked)
        if refused is not None:
            return refused
        caller = request.caller
        payment_id = ids.mint()
        owner = Owner(
            caller.merchant_id, caller.livemode, caller.actor, request.ip, request.request_id
        )
        return CreatePayment(
            owner=owner,
            id=payment_id,
            money=Money(wanted.amount, asset),
            capture_method=wanted.capture_method,
            connection_id=linked.id,
            description=wanted.description,
            metadata=Raw(canonical(wanted.metadata)) if wanted.metadata else EMPTY,
            wallet_user=wanted.wallet_user,
            success_url=wanted.success_url,
            cancel_url=wanted.cancel_url,
            expires_in=timedelta(seconds=wanted.expires_in_s),
            links=self._links.of(caller.merchant_id, payment_id),
        )

    def _once(
        self, request: Request, wanted: CreateIn, command: CreatePayment
    ) -> Command | Refused:
        said = b"POST /v1/payments\n" + _canonical.encode(wanted)
        digest = crypto.mac(self._digest_key, said)
        return gated(request.idempotency_key, digest, command.id, request.request_id, command)


EMPTY = Raw(b"{}")


def _check(wanted: CreateIn, linked: Linked) -> Refused | None:
    """What the shape alone does not say."""
    if len(wanted.metadata) > METADATA_MAX_KEYS:
        return Refused(
            "parameter_invalid", f"metadata holds {METADATA_MAX_KEYS} keys at most.", "metadata"
        )
    for name in ("success_url", "cancel_url"):
        url: str | None = getattr(wanted, name)
        if url is not None and not _is_url(url):
            return Refused("parameter_invalid", "This is not an http or https URL.", name)
    if wanted.wallet_user is not None and not may_own_wallet(wanted.wallet_user):
        return Refused("parameter_invalid", f"wallet_user {NO_USER}", "wallet_user")
    if wanted.capture_method == "manual" and not linked.connector.capabilities.manual_capture:
        return Refused(
            "parameter_invalid", f"{linked.name} cannot capture later.", "capture_method"
        )
    return None


def _is_url(text: str) -> bool:
    if not text.isprintable() or " " in text or "\\" in text:
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False


@get("/v1/payments/{payment:str}", operation_id="retrievePayment")
async def retrieve(payment: str, caller: Caller, pool: Pool, links: PayerLinks) -> PaymentAnswer:
    """One payment, as it is now."""
    payment_id = ids.parse("pay", payment)
    found = await find_payment(pool, caller.merchant_id, payment_id) if payment_id else None
    if found is None:
        raise RefusedError(Refused("not_found", f"There is no payment {payment}.", "payment"))
    return answer(found, links.of(found.merchant_id, found.id), livemode=caller.livemode)


def _created(bound: str) -> Any:
    return QueryParameter(query=f"created[{bound}]", ge=0, le=253_402_300_799,
                          description="Unix seconds.")  # fmt: skip


@get("/v1/payments", operation_id="listPayments")
async def list_payments(
    caller: Caller,
    pool: Pool,
    links: PayerLinks,
    limit: queries.Limit = pages.LIMIT_DEFAULT,
    starting_after: queries.StartingAfter = None,
    ending_before: queries.EndingBefore = None,
    status: Status | None = None,
    created_gte: Annotated[int | None, _created("gte")] = None,
    created_gt: Annotated[int | None, _created("gt")] = None,
    created_lte: Annotated[int | None, _created("lte")] = None,
    created_lt: Annotated[int | None, _created("lt")] = None,
) -> pages.ListOut[PaymentAnswer]:
    """Payments, newest first."""
    page = pages.parse(limit, starting_after, ending_before, partial(ids.parse, "pay"))
    if isinstance(page, Refused):
        raise RefusedError(page)
    bounds = [_moment(bound) for bound in (created_gte, created_gt, created_lte, created_lt)]
    statement = sql["newer"] if page.newer else sql["older"]
    rows = await pool.fetch(statement, caller.merchant_id, page.cursor, page.fetch, status, *bounds)
    shown, more = page.cut(rows)
    found = [Payment(*row) for row in shown]
    data = [answer(p, links.of(p.merchant_id, p.id), livemode=caller.livemode) for p in found]
    return pages.ListOut(data=data, has_more=more, url="/v1/payments")


def _moment(unix_s: int | None) -> datetime | None:
    return None if unix_s is None else datetime.fromtimestamp(unix_s, UTC)


routes = [list_payments, retrieve]
