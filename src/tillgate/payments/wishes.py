"""What merchants may do with a payment: update, confirm, capture, cancel, resolve.

What a processor must do is committed first and asked of it then; the answer shows the payment as
it stands after that: 200, or 202 while the processor has not said what became of it.
"""

from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple
from uuid import UUID

from litestar import Response, post
from litestar.params import SkipValidation
from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import replace

from tillgate.audit.model import Owner
from tillgate.connections.store import Linked
from tillgate.connectors.protocol import Rejected
from tillgate.idempotency.api import Clerk, Finished
from tillgate.idempotency.commands import Resumed
from tillgate.idempotency.model import UnderWay
from tillgate.kit import ids
from tillgate.kit.db import Pool
from tillgate.kit.http import Answer, encode, error_body
from tillgate.kit.metadata import KEYS_MAX, Key, Value
from tillgate.kit.money import AMOUNT_MAX_MINOR
from tillgate.kit.queries import vetting
from tillgate.kit.refusal import Refused, RefusedError
from tillgate.payments.api import DESCRIPTION_MAX_CHARACTERS, Url, is_url
from tillgate.payments.commands import Cancel, Capture, Resolve, UpdatePayment
from tillgate.payments.perform import Performer, Waiting
from tillgate.payments.shapes import PaymentAnswer, answer, next_action
from tillgate.payments.store import find_payment, latest_try, sql
from tillgate.payments.tries import Confirm

Who = SkipValidation[Owner]

Reason = Literal[
    "abandoned", "duplicate", "fraudulent", "requested_by_customer", "requested_by_merchant"
]
Changes = Annotated[dict[Key, Value | None], Meta(max_length=KEYS_MAX)]


class UpdateIn(Struct, frozen=True, forbid_unknown_fields=True):
    """What is left out stays. A key of `metadata` with null or an empty value is taken out."""

    description: Annotated[str, Meta(max_length=DESCRIPTION_MAX_CHARACTERS)] | UnsetType | None = (
        UNSET
    )
    metadata: Changes | UnsetType = UNSET


class CaptureIn(Struct, frozen=True, forbid_unknown_fields=True):
    """How much to take; without it, all that is authorized. The rest is released."""

    amount: (
        Annotated[int, Meta(ge=1, le=AMOUNT_MAX_MINOR, description="In minor units.")] | None
    ) = None


class CancelIn(Struct, frozen=True, forbid_unknown_fields=True):
    """Why the payment is not wanted any more."""

    reason: Reason = "requested_by_merchant"


class ConfirmIn(Struct, frozen=True, forbid_unknown_fields=True):
    """Which way the payer shall go; without `connection`, the payment's own."""

    connection: Annotated[str, Meta(description="`con_…`")] | None = None
    return_url: Url | None = None


class ResolveIn(Struct, frozen=True, forbid_unknown_fields=True):
    """`accept`: the money is taken as it is. `refund`: all of it goes back."""

    action: Literal["accept", "refund"]


class Counter(NamedTuple):
    """What the handlers below need: they ask processors, and show what came of it."""

    pool: Pool
    performer: Performer

    async def waiting(
        self, owner: Owner, payment_id: UUID, operations: Sequence[UUID]
    ) -> list[Waiting]:
        place = owner.merchant_id, payment_id
        rows = await self.pool.fetch(sql["waiting_operations"], *place, list(operations))
        return [Waiting(**row) for row in rows]

    async def carry_out(
        self, owner: Owner, payment_id: UUID, said: UnderWay | Resumed
    ) -> tuple[Rejected | None, bool]:
        """(the processor's refusal, whether anything is still open) of committed wishes."""
        wishes = said.operations if isinstance(said, UnderWay) else (said.object_id,)
        refusal = None
        if isinstance(said, UnderWay):
            waiting = await self.waiting(owner, payment_id, wishes)
            refusal = await self.performer.perform_all(owner, waiting)
        place = owner.merchant_id, payment_id
        still_open = await self.pool.fetchval(sql["open_operations"], *place, list(wishes))
        return refusal, bool(still_open)

    async def finish(self, owner: Owner, payment_id: UUID, said: UnderWay | Resumed) -> Finished:
        """The payment after what was asked of the processor, or the processor's refusal."""
        refusal, still_open = await self.carry_out(owner, payment_id, said)
        if refusal is not None:
            return _refused(refusal, owner)
        body = encode(await self.show(owner, payment_id))
        return Finished(Answer(202 if still_open else 200, body), final=not still_open)

    async def show(self, owner: Owner, payment_id: UUID) -> PaymentAnswer:
        found = await find_payment(self.pool, owner.merchant_id, payment_id)
        if found is None:
            raise RefusedError(Refused("not_found", "There is no such payment.", "payment"))
        links = self.performer.links.of(found.merchant_id, found.id)
        return answer(found, links, livemode=owner.livemode)


@post("/v1/payments/{payment:str}", operation_id="updatePayment", status_code=200,
      before_request=vetting(UpdateIn, may_be_empty=True))  # fmt: skip
async def update(
    payment: str, owner: Who, clerk: Clerk, counter: Counter, data: UpdateIn | None = None
) -> Response[PaymentAnswer]:
    """Changes description and metadata, whatever the payment's status."""
    asked = data or UpdateIn()
    payment_id = _id(payment)
    links = counter.performer.links.of(owner.merchant_id, payment_id)
    metadata = {} if isinstance(asked.metadata, UnsetType) else asked.metadata
    wish = UpdatePayment(owner, ids.mint(), payment_id, links, asked.description, metadata)
    return await clerk.run(f"/v1/payments/{payment}", asked, wish.id, wish)


@post("/v1/payments/{payment:str}/capture", operation_id="capturePayment", status_code=200,
      before_request=vetting(CaptureIn, may_be_empty=True))  # fmt: skip
async def capture(
    payment: str, owner: Who, clerk: Clerk, counter: Counter, data: CaptureIn | None = None
) -> Response[PaymentAnswer]:
    """Takes the money of an authorized payment, whole or in part; what is left is released."""
    asked = data or CaptureIn()
    wish = Capture(owner, ids.mint(), _id(payment), asked.amount)
    return await clerk.carry_out(
        f"/v1/payments/{payment}/capture", asked, wish.id, wish,
        lambda said: counter.finish(owner, wish.payment_id, said),
    )  # fmt: skip


@post("/v1/payments/{payment:str}/cancel", operation_id="cancelPayment", status_code=200,
      before_request=vetting(CancelIn, may_be_empty=True))  # fmt: skip
async def cancel(
    payment: str, owner: Who, clerk: Clerk, counter: Counter, data: CancelIn | None = None
) -> Response[PaymentAnswer]:
    """Ends a payment that has brought no money; what is authorized is let go. The payer cannot pay
    any more; money that is on its way all the same is booked, late."""
    asked = data or CancelIn()
    wish = Cancel(owner, ids.mint(), _id(payment), asked.reason)
    return await clerk.carry_out(
        f"/v1/payments/{payment}/cancel", asked, wish.id, wish,
        lambda said: counter.finish(owner, wish.payment_id, said),
    )  # fmt: skip


@post("/v1/payments/{payment:str}/resolve", operation_id="resolvePayment", status_code=200,
      before_request=vetting(ResolveIn))  # fmt: skip
async def resolve(
    payment: str, owner: Who, clerk: Clerk, counter: Counter, data: ResolveIn
) -> Response[PaymentAnswer]:
    """Decides of a payment in review: its money is taken as it is, or refunded."""
    wish = Resolve(owner, ids.mint(), _id(payment), data.action)
    return await clerk.carry_out(
        f"/v1/payments/{payment}/resolve", data, wish.id, wish,
        lambda said: counter.finish(owner, wish.payment_id, said),
    )  # fmt: skip


@post("/v1/payments/{payment:str}/confirm", operation_id="confirmPayment", status_code=200,
      before_request=vetting(ConfirmIn, may_be_empty=True))  # fmt: skip
async def confirm(
    payment: str, owner: Who, clerk: Clerk, counter: Counter, data: ConfirmIn | None = None
) -> Response[PaymentAnswer]:
    """Begins a try at once, without our checkout: `next_action` leads the payer to the processor.
    A try that is open is gone on with, unless `connection` names another way: it is let go then."""
    asked = data or ConfirmIn()
    if asked.return_url is not None and not is_url(asked.return_url):
        words = "This is not an http or https URL."
        raise RefusedError(Refused("parameter_invalid", words, "return_url"))
    found = await find_payment(counter.pool, owner.merchant_id, _id(payment))
    if found is None:
        raise RefusedError(Refused("not_found", f"There is no payment {payment}.", "payment"))
    linked = await _linked(counter, owner, asked.connection, found.connection_id)
    links = counter.performer.links.of(found.merchant_id, found.id)
    back = asked.return_url or links.checkout_url
    wish = counter.performer.first_step(owner, found, linked, back)

    async def finish(said: UnderWay | Resumed) -> Finished:
        if isinstance(said, UnderWay) and said.operations:
            ways = await counter.performer.ways(found, linked)
            ways = ways if asked.connection is None else [linked]
            answered = await counter.performer.send(wish, found, ways, back)
            if isinstance(answered, Rejected):
                return _refused(answered, owner)
        shown = await counter.show(owner, found.id)
        attempt = await latest_try(counter.pool, owner.merchant_id, found.id)
        if attempt is None or attempt.state != "open":
            return Finished(Answer(200, encode(shown)), final=True)
        action = next_action(attempt.redirect_url, attempt.way)
        if action is None:
            return Finished(Answer(202, encode(shown)), final=False)
        onward = replace(shown, next_action=action)
        return Finished(Answer(200, encode(onward)), final=True)

    path = f"/v1/payments/{payment}/confirm"
    return await clerk.carry_out(path, asked, wish.operation_id, Confirm(wish), finish)


def _refused(said: Rejected, owner: Owner) -> Finished:
    refused = Refused("processor_refused", said.message)
    body = error_body(refused, owner.request_id or "")
    return Finished(Answer(refused.status, body), final=True)


async def _linked(counter: Counter, owner: Owner, connection: str | None, usual: UUID) -> Linked:
    connection_id = ids.parse("con", connection) if connection is not None else usual
    connections = counter.performer.connections
    found = (
        await connections.of_merchant(owner.merchant_id, connection_id) if connection_id else None
    )
    if found is None or not found.enabled:
        words = "There is no such connection, or it is disabled."
        raise RefusedError(Refused("connection_unusable", words, "connection"))
    return found


def _id(payment: str) -> UUID:
    found = ids.parse("pay", payment)
    if found is None:
        raise RefusedError(Refused("not_found", f"There is no payment {payment}.", "payment"))
    return found


routes = [update, capture, cancel, resolve, confirm]
