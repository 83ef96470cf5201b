"""Connectors with their processors, over real HTTP: the sandbox for external, a fake Stripe."""

from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest

from tests.fakes.stripe import FakeStripe
from tests.sandbox.programs import SECRET, Receiver, SandboxProcess, free_port
from tillgate.connectors.external import Credentials, External, sandbox_settings
from tillgate.connectors.protocol import (
    Answered,
    CallbackRequest,
    Change,
    ChangeKind,
    Found,
    Intent,
    Observation,
    Operation,
    Pending,
)
from tillgate.kit import clock, ids
from tillgate.kit.money import Money
from tillgate.kit.networks import Policy
from tillgate.kit.outbound import Outbound

from .desks import Desk, SandboxDesk, StripeDesk

CREDENTIALS = Credentials(api_key=SECRET, signing_secrets=[SECRET])


class Shop(NamedTuple):
    """A connector, the processor it speaks to, and the address where it is told."""

    connector: External
    sandbox: SandboxProcess
    receiver: Receiver

    def intent(self, *, capture: bool = True) -> Intent:
        return Intent(
            operation_id=ids.show("op", ids.mint()),
            payment_id=ids.show("pay", ids.mint()),
            money=Money(1050, "eur"),
            description="Blue mug",
            callback_url=f"{self.receiver.url}/callback",
            return_url=f"{self.receiver.url}/back",
            capture=capture,
        )

    async def started(self, *, capture: bool = True) -> str:
        """A new charge's reference at the processor."""
        wanted = self.intent(capture=capture)
        operation = Operation(wanted.operation_id, self.connector.prepare(wanted))
        answered = await self.connector.start(operation)
        assert isinstance(answered, Pending)
        return answered.reference

    async def paid(self, *, capture: bool = True) -> str:
        """The same, approved; its callback is taken."""
        reference = await self.started(capture=capture)
        await self.sandbox.act(reference, "approve")
        await self.receiver.next()
        return reference

    def wish(self, kind: ChangeKind, reference: str, minor: int = 1050) -> Operation:
        id_ = ids.show("op", ids.mint())
        request = self.connector.prepare(Change(kind, id_, reference, Money(minor, "eur")))
        return Operation(id_, request, kind, reference)

    async def do(self, kind: ChangeKind, reference: str, minor: int = 1050) -> Answered:
        return await self.connector.act(self.wish(kind, reference, minor))

    async def heard(self) -> Observation:
        """What the next callback says, once it is verified."""
        received = await self.receiver.next()
        request = CallbackRequest(received.headers, received.body)
        assert self.connector.verify(request, clock.now()) == "genuine"
        read = self.connector.read(request)
        assert isinstance(read, list)
        (seen,) = read
        return seen

    async def heard_both(self) -> dict[str, Observation]:
        """By their states: two messages may overtake each other."""
        return {seen.state: seen for seen in (await self.heard(), await self.heard())}

    async def looked(self, reference: str) -> tuple[Observation, ...]:
        """The charge, its refunds, its disputes."""
        found = await self.connector.look(reference)
        assert isinstance(found, Found)
        return found.observations


@pytest.fixture(scope="module")
async def processor() -> AsyncIterator[SandboxProcess]:
    """What settles by itself does so at once."""
    process = SandboxProcess(free_port(), None, TEST_MODE="true", TEST_PROCESSING_DELAY="20")
    await process.start()
    yield process
    await process.end()


@pytest.fixture
async def sandbox(processor: SandboxProcess) -> AsyncIterator[SandboxProcess]:
    """The processor, without the faults that a test may leave."""
    yield processor
    await processor.client.delete("/control/faults")


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    await receiver.start()
    yield receiver
    await receiver.stop()


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    async with Outbound(Policy(allow_loopback=True)) as outbound:
        yield outbound


@pytest.fixture
def shop(sandbox: SandboxProcess, receiver: Receiver, outbound: Outbound) -> Shop:
    return Shop(External(sandbox_settings(sandbox.url), CREDENTIALS, outbound), sandbox, receiver)


@pytest.fixture
async def fake(receiver: Receiver) -> AsyncIterator[FakeStripe]:
    """A Stripe that knows nothing yet, and tells the receiver."""
    fake = FakeStripe()
    await fake.start()
    fake.webhook_url = f"{receiver.url}/callback"
    yield fake
    await fake.stop()


@pytest.fixture(params=["external", "stripe"])
def desk(
    request: pytest.FixtureRequest,
    sandbox: SandboxProcess,
    fake: FakeStripe,
    receiver: Receiver,
    outbound: Outbound,
) -> Desk:
    """Each connector in turn."""
    if request.param == "external":
        return Desk(SandboxDesk(sandbox, outbound), receiver)
    return Desk(StripeDesk(fake, outbound), receiver)
