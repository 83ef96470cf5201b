"""`/api/v1/refunds`, and those of a payment: begun here, carried out by a worker."""

from typing import Any, NamedTuple

from msgspec import Raw

from tillgate.doors.frame import Call, House, Route
from tillgate.doors.gateway import shapes, store
from tillgate.doors.gateway.callers import admitted, decided, owner_of
from tillgate.doors.gateway.told import Told
from tillgate.doors.gateway.words import (
    NO_PAYMENT,
    NO_REFUND,
    REFUNDS,
    bad,
    given,
    ok,
    present,
    refuse,
)
from tillgate.kit import ids
from tillgate.kit.http import Answer
from tillgate.kit.money import AMOUNT_MAX_MINOR
from tillgate.kit.refusal import Refused, RefusedError
from tillgate.payments.model import Refund
from tillgate.refunds.commands import CreateRefund
from tillgate.webhooks.formats import short

REASON_MAX_CHARACTERS = 500
BAD_AMOUNT = "amount must be greater than 0"
BAD_REASON = f"reason must be a text of at most {REASON_MAX_CHARACTERS} characters"


class Refunds(NamedTuple):
    """What the gateway does with refunds."""

    house: House

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("POST", "/api/v1/payments/{payment}/refunds", self.create),
            Route("GET", "/api/v1/refunds", self.list),
            Route("GET", "/api/v1/refunds/{refund}", self.retrieve),
        )

    async def create(self, call: Call) -> Answer:
        caller = await admitted(self.house, call)
        body = given(call.json())
        named = call.names["payment"]
        found = await store.find_payment(self.house.pool, caller.merchant_id, named)
        payment = present(found, NO_PAYMENT)
        wrong = _wrong(body)
        if wrong is not None:
            return bad(wrong)
        wish = CreateRefund(
            owner_of(caller, call), short.shortened(ids.mint()), payment.id, body["amount"],
            body.get("reason"), Raw(b"{}"), at_once=False,
        )  # fmt: skip
        try:
            return await decided(self.house, Told(wish, Refund, shapes.show_refund_created))
        except RefusedError as error:
            return _refused(error.refused)

    async def list(self, call: Call) -> Answer:
        caller = await admitted(self.house, call)
        asked = store.window(call.query, store.PAGE_DEFAULT, store.PAGE_MAX)
        refunds, total = await store.list_refunds(self.house.pool, caller.merchant_id, asked)
        data = [shapes.show_refund(refund) for refund in refunds]
        return ok({"data": data, "total": total, "limit": asked.limit, "offset": asked.offset})

    async def retrieve(self, call: Call) -> Answer:
        caller = await admitted(self.house, call)
        found = await store.find_refund(self.house.pool, caller.merchant_id, call.names["refund"])
        return ok(shapes.show_refund(present(found, NO_REFUND)))


def _wrong(body: dict[str, Any]) -> str | None:
    amount, reason = body.get("amount"), body.get("reason")
    if type(amount) is not int or amount <= 0:
        return BAD_AMOUNT
    if amount > AMOUNT_MAX_MINOR:
        return REFUNDS["amount_too_large"]
    fits = reason is None or (isinstance(reason, str) and len(reason) <= REASON_MAX_CHARACTERS)
    return None if fits else BAD_REASON


def _refused(refused: Refused) -> Answer:
    return bad(REFUNDS[refused.code]) if refused.code in REFUNDS else refuse(refused)
