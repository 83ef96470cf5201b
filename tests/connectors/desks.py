"""A connector with its processor and the address where it is told, in words that fit them all: what
the conformance suite tells its stories with.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

from msgspec.structs import replace

from tests.fakes.stripe import PUBLISHABLE_KEY, SECRET_KEY, WEBHOOK_SECRET, FakeStripe
from tests.sandbox.programs import SECRET, Receiver, SandboxProcess
from tillgate.connectors import external, stripe
from tillgate.connectors.protocol import (
    Answered,
    CallbackRequest,
    Change,
    ChangeKind,
    Connector,
    Found,
    Intent,
    Kind,
    ObjectState,
    Observation,
    Operation,
    Pending,
)
from tillgate.kit import clock, ids
from tillgate.kit.money import Money
from tillgate.kit.outbound import Outbound

ASSET = "usd"
AMOUNT = 1050


class Processor(Protocol):
    """What a payer, a bank and bad luck do at a processor."""

    connector: Connector

    def elsewhere(self, url: str) -> Connector:
        """The same connector, with its processor at another address."""
        ...

    async def approve(self, reference: str) -> None: ...
    async def decline(self, reference: str) -> None: ...
    async def process(self, reference: str) -> None:
        """The payer approves, and the money arrives later, by itself or by `arrive`."""
        ...

    async def arrive(self, reference: str) -> None: ...
    async def slow_refunds(self, reference: str, outcome: str) -> None:
        """The next refund takes its time, and ends so: `succeed` or `fail`."""
        ...

    async def settle_refund(self, refund: Observation, outcome: str) -> None: ...
    async def fail_refund(self, refund: Observation) -> None:
        """One that had succeeded."""
        ...

    async def dispute(self, reference: str, amount: int) -> None: ...
    async def move_dispute(self, dispute: Observation, state: str) -> None: ...
    async def answer_500(self, reference: str) -> None:
        """The next wish is carried out, and answered with an error."""
        ...

    async def answer_late(self, reference: str) -> None:
        """The next wish is carried out, and not answered."""
        ...


class Desk:
    """Where the stories are told."""

    def __init__(self, processor: Processor, receiver: Receiver) -> None:
        self.processor = processor
        self.connector = processor.connector
        self.receiver = receiver

    def intent(self, *, capture: bool = True) -> Intent:
        return Intent(
            operation_id=ids.show("op", ids.mint()),
            payment_id=ids.show("pay", ids.mint()),
            money=Money(AMOUNT, ASSET),
            description="Blue mug",
            callback_url=f"{self.receiver.url}/callback",
            return_url=f"{self.receiver.url}/back",
            capture=capture,
        )

    def start(self, wanted: Intent) -> Callable[[], Awaitable[Answered]]:
        """The same operation, every time it is called."""
        operation = Operation(wanted.operation_id, self.connector.prepare(wanted))
        return lambda: self.connector.start(operation)

    async def started(self, *, capture: bool = True) -> str:
        """A new charge's reference at the processor."""
        answered = await self.start(self.intent(capture=capture))()
        assert isinstance(answered, Pending)
        return answered.reference

    async def paid(self, *, capture: bool = True) -> str:
        """The same, approved; its callback is taken."""
        reference = await self.started(capture=capture)
        await self.processor.approve(reference)
        await self.heard("charge", "captured" if capture else "authorized")
        return reference

    def wish(self, kind: ChangeKind, reference: str, minor: int = AMOUNT) -> Operation:
        id_ = ids.show("op", ids.mint())
        request = self.connector.prepare(Change(kind, id_, reference, Money(minor, ASSET)))
        return Operation(id_, request, kind, reference)

    async def do(self, kind: ChangeKind, reference: str, minor: int = AMOUNT) -> Answered:
        return await self.connector.act(self.wish(kind, reference, minor))

    async def heard(self, kind: Kind, state: ObjectState) -> Observation:
        """What the next message of this says, once it is verified; others are passed over."""
        while True:
            received = await self.receiver.next()
            request = CallbackRequest(received.headers, received.body)
            assert self.connector.verify(request, clock.now()) == "genuine"
            read = self.connector.read(request)
            for seen in read if isinstance(read, list) else ():
                if (seen.kind, seen.state) == (kind, state):
                    return seen

    async def looked(self, reference: str) -> tuple[Observation, ...]:
        """The charge, its refunds, its disputes."""
        found = await self.connector.look(reference)
        assert isinstance(found, Found)
        return found.observations


def timeless(seen: Observation) -> Observation:
    """A look may come later than the message that said the same."""
    return replace(seen, revision=0)


class SandboxDesk:
    """The external connector, with the sandbox as its processor."""

    def __init__(self, sandbox: SandboxProcess, outbound: Outbound) -> None:
        self._sandbox = sandbox
        self._outbound = outbound
        self.connector: Connector = self.elsewhere(sandbox.url)

    def elsewhere(self, url: str) -> Connector:
        credentials = external.Credentials(api_key=SECRET, signing_secrets=[SECRET])
        return external.External(external.sandbox_settings(url), credentials, self._outbound)

    async def approve(self, reference: str) -> None:
        await self._sandbox.act(reference, "approve")

    async def decline(self, reference: str) -> None:
        await self._sandbox.act(reference, "decline")

    async def process(self, reference: str) -> None:
        await self._sandbox.act(reference, "approve", method="bank_transfer")

    async def arrive(self, reference: str) -> None:
        """By itself, in 20 ms."""

    async def slow_refunds(self, reference: str, outcome: str) -> None:
        faults = {"refund_delay_s": 0.05, "refund_outcome": outcome, "times": 1}
        await self._sandbox.faults(reference, **faults)

    async def settle_refund(self, refund: Observation, outcome: str) -> None:
        """By itself, after the delay."""

    async def fail_refund(self, refund: Observation) -> None:
        await self._sandbox.act(refund.parent or "", f"refunds/{refund.ours}/fail")

    async def dispute(self, reference: str, amount: int) -> None:
        await self._sandbox.act(reference, "disputes", amount=amount, evidence_due_in_s=60)

    async def move_dispute(self, dispute: Observation, state: str) -> None:
        deeds = {"under_review": "review", "lost": "lose", "won": "reinstate"}
        await self._sandbox.act(
            dispute.parent or "", f"disputes/{dispute.reference}/{deeds[state]}"
        )

    async def answer_500(self, reference: str) -> None:
        await self._sandbox.faults(reference, fail_after_work=1)

    async def answer_late(self, reference: str) -> None:
        await self._sandbox.faults(reference, slow_answer_s=60, times=1)


class StripeDesk:
    """The Stripe connector, with the fake as its processor."""

    def __init__(self, fake: FakeStripe, outbound: Outbound) -> None:
        self._fake = fake
        self._outbound = outbound
        self.connector: Connector = self.elsewhere(fake.url)

    def elsewhere(self, url: str) -> Connector:
        credentials = stripe.Credentials(
            secret_key=SECRET_KEY, publishable_key=PUBLISHABLE_KEY, webhook_secrets=[WEBHOOK_SECRET]
        )
        settings = stripe.Settings(api_base=url)
        return stripe.Stripe(settings, credentials, self._outbound, livemode=False)

    async def approve(self, reference: str) -> None:
        self._fake.books.pay(reference)

    async def decline(self, reference: str) -> None:
        self._fake.books.decline(reference)

    async def process(self, reference: str) -> None:
        self._fake.books.process(reference)

    async def arrive(self, reference: str) -> None:
        self._fake.books.pay(reference)

    async def slow_refunds(self, reference: str, outcome: str) -> None:  # noqa: ARG002  as others
        self._fake.books.refunds_wait = True

    async def settle_refund(self, refund: Observation, outcome: str) -> None:
        self._fake.books.settle_refund(refund.reference, failed=outcome == "fail")

    async def fail_refund(self, refund: Observation) -> None:
        self._fake.books.settle_refund(refund.reference, failed=True)

    async def dispute(self, reference: str, amount: int) -> None:
        self._fake.books.dispute(reference, amount)

    async def move_dispute(self, dispute: Observation, state: str) -> None:
        self._fake.books.decide_dispute(dispute.reference, state)

    async def answer_500(self, reference: str) -> None:  # noqa: ARG002  as others
        self._fake.faults.append("500_after")

    async def answer_late(self, reference: str) -> None:  # noqa: ARG002  as others
        self._fake.faults.append("hang_after")
