"""Carrying wishes to processors: commit, call, commit the answer; no call inside a transaction.

The checkout, the API and the worker all go this way. Whatever dies in between, the wish has a due
time, and a worker takes it up.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

import msgspec

from tillgate.audit.model import Owner
from tillgate.connections.store import Connections, Linked, callback_url
from tillgate.connectors.protocol import Answered, Intent, Operation, Pending, Rejected
from tillgate.engine.command import Outcome
from tillgate.engine.writer import Engine
from tillgate.kit import ids
from tillgate.kit.failpoints import failpoint
from tillgate.kit.money import Money
from tillgate.payments.commands import CreatePayment
from tillgate.payments.links import PayerLinks
from tillgate.payments.model import Payment
from tillgate.payments.operations import Settle, Submit, TakeLook
from tillgate.payments.tries import Begin, GoOn, Started, StartTry


class Waiting(NamedTuple):
    """A stored wish that somebody must take up."""

    payment_id: UUID
    operation_id: UUID
    connection_id: UUID
    state: str
    target: str | None
    reference: str | None


class Performer(NamedTuple):
    """Whoever holds it can have wishes carried out."""

    engine: Engine
    connections: Connections
    links: PayerLinks

    def first_step(
        self, owner: Owner, payment: Payment, linked: Linked, return_url: str
    ) -> StartTry:
        """The command that begins a try, or goes on with the open one."""
        operation_id = ids.mint()
        intent = Intent(
            operation_id=ids.show("op", operation_id),
            payment_id=ids.show("pay", payment.id),
            money=Money(payment.amount, payment.asset),
            description=payment.description,
            callback_url=callback_url(self.links.public_url, linked.id),
            return_url=return_url,
            capture=payment.capture_method == "automatic",
            order_id=ids.show("ord", payment.order_id) if payment.order_id else None,
            metadata=_metadata.decode(payment.metadata),
        )
        request = linked.connector.prepare(intent)
        return StartTry(owner, payment.id, operation_id, linked.id, request)

    def begin_with(self, wish: CreatePayment, money: Money, linked: Linked, method: str) -> Begin:
        """What a payment begins with whose payer has said already how to pay."""
        operation_id = ids.mint()
        intent = Intent(
            operation_id=ids.show("op", operation_id),
            payment_id=ids.show("pay", wish.id),
            money=money,
            description=wish.description,
            callback_url=callback_url(self.links.public_url, linked.id),
            return_url=wish.links.checkout_url,
            capture=wish.capture_method == "automatic",
            order_id=ids.show("ord", wish.order_id) if wish.order_id else None,
            metadata=_metadata.decode(wish.metadata),
            method=method,
        )
        return Begin(operation_id, linked.id, linked.connector.prepare(intent))

    async def ways(self, payment: Payment, linked: Linked) -> list[Linked]:
        """The connections to be asked, one after the other: `linked`, and where we chose it, those
        that could take its place."""
        if not payment.routed:
            return [linked]
        money, manual = Money(payment.amount, payment.asset), payment.capture_method == "manual"
        found = await self.connections.ways(payment.merchant_id, money, manual=manual)
        return [linked, *(one for one in found if one.id != linked.id)]

    async def send(
        self, wish: StartTry, payment: Payment, ways: Sequence[Linked], return_url: str
    ) -> Answered:
        """Asks the processor for a try that is committed, and takes the answer. After a definitive
        refusal the next way is tried; after an unknown outcome never."""
        answered = await self._ask(wish, ways[0], goes_on=len(ways) > 1)
        for number, way in enumerate(ways[1:], 2):
            if not isinstance(answered, Rejected):
                break
            wish = self.first_step(wish.owner, payment, way, return_url)
            decided = await self.engine.run(wish)
            if not isinstance(decided, Outcome) or not isinstance(decided.answer, Started):
                break
            answered = await self._ask(wish, way, goes_on=number < len(ways))
        return answered

    async def _ask(self, wish: StartTry, linked: Linked, *, goes_on: bool) -> Answered:
        await failpoint("start.before_call")
        operation = Operation(ids.show("op", wish.operation_id), wish.request)
        answered = await linked.connector.start(operation)
        await failpoint("start.after_call")
        place = wish.owner, wish.payment_id, wish.operation_id
        settle = Settle(*place, linked.id, answered, ids.mint(), goes_on)
        await self.engine.run(settle, reserved=True)
        await failpoint("start.after_run")
        return answered

    async def start(
        self, owner: Owner, payment: Payment, linked: Linked, return_url: str
    ) -> str | None:
        """Begins a try, or goes on with the open one: where the payer goes on; None when our own
        page shows it, when no try may begin, when every processor said no, or when that is not
        known (yet)."""
        wish = self.first_step(owner, payment, linked, return_url)
        await failpoint("start.before_run")
        decided = await self.engine.run(wish)
        if not isinstance(decided, Outcome):
            return None
        match decided.answer:
            case GoOn(url):
                return url
            case Started():
                ways = await self.ways(payment, linked)
                answered = await self.send(wish, payment, ways, return_url)
                return answered.redirect_url if isinstance(answered, Pending) else None
            case _:
                return None

    async def perform(self, owner: Owner, waiting: Waiting) -> Rejected | None:
        """Sends one reserved wish and takes the answer; the refusal, if the processor said no."""
        linked = await self.connections.find(waiting.connection_id)
        if linked is None:
            return None
        place = owner, waiting.payment_id, waiting.operation_id
        connector = linked.connector
        submit = Submit(*place, connector.capabilities, connector.prepare, ids.mint())
        await failpoint("operation.before_submit")
        decided = await self.engine.run(submit, reserved=True)
        if not isinstance(decided, Outcome) or decided.answer is None:
            return None
        await failpoint("operation.before_call")
        call = connector.start if decided.answer.kind == "start" else connector.act
        answered = await call(decided.answer)
        await failpoint("operation.after_call")
        settle = Settle(*place, linked.id, answered, ids.mint())
        settled = await self.engine.run(settle, reserved=True)
        await failpoint("operation.after_run")
        return settled.answer if isinstance(settled, Outcome) else None

    async def perform_all(self, owner: Owner, waiting: Iterable[Waiting]) -> Rejected | None:
        """One after the other; the first refusal, if there was one."""
        refusals = [await self.perform(owner, one) for one in waiting]
        return next(filter(None, refusals), None)

    async def look(self, actor: str, waiting: Waiting) -> None:
        """Asks the processor what became of a wish, and takes what it says."""
        linked = await self.connections.find(waiting.connection_id)
        if linked is None:
            return
        owner = Owner(linked.merchant_id, linked.livemode, actor)
        reference = waiting.target or waiting.reference or ids.show("op", waiting.operation_id)
        await failpoint("look.before_call")
        looked = await linked.connector.look(reference)
        await failpoint("look.after_call")
        window_s = linked.connector.capabilities.resend_window_s
        window = timedelta(seconds=window_s) if window_s is not None else None
        place = owner, waiting.payment_id, waiting.operation_id
        command = TakeLook(*place, linked.id, looked, window, ids.mint())
        await self.engine.run(command, reserved=True)
        await failpoint("look.after_run")

    async def take_up(self, merchant: tuple[UUID, bool], waiting: Waiting) -> None:
        """The worker's way with a wish that is due: send it, or look what became of it."""
        if waiting.state == "reserved":
            await self.perform(Owner(*merchant, "worker"), waiting)
        else:
            await self.look("worker", waiting)


_metadata = msgspec.json.Decoder(dict[str, str])
