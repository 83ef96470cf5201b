"""The Stripe connector at `localstripe`, which others have written after Stripe's documents.

It runs as a program of its own. What it leaves out of a payment intent (how much was received, and
what waits to be captured) a proxy in between fills in; its webhooks come as they are.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import httpx
import pytest
from aiohttp import web

from tests.sandbox.programs import Receiver, free_port, listening
from tillgate.connectors import stripe
from tillgate.connectors.protocol import (
    Ask,
    CallbackRequest,
    Change,
    ChangeKind,
    Done,
    Found,
    Intent,
    Observation,
    Operation,
    Pending,
    Rejected,
)
from tillgate.kit import clock, ids
from tillgate.kit.money import Money
from tillgate.kit.outbound import Outbound

KEY, SECRET = "sk_test_local1234", "whsec_localstripe"
START = "import sys; sys.argv[:1] = ['localstripe']; from localstripe.server import start; start()"


class Peer(NamedTuple):
    """localstripe, as a browser with a card sees it, and our connector before it."""

    browser: httpx.AsyncClient
    connector: stripe.Stripe

    async def started(self, *, capture: bool = True) -> tuple[str, str]:
        """(the payment intent, our operation)"""
        operation_id = ids.show("op", ids.mint())
        wanted = Intent(
            operation_id=operation_id,
            payment_id="pay_1",
            money=Money(1050, "usd"),
            description=None,  # localstripe knows no descriptions
            callback_url="https://pay.example/callbacks/con_1",
            return_url="https://pay.example/back",
            capture=capture,
        )
        operation = Operation(operation_id, self.connector.prepare(wanted))
        pending = await self.connector.start(operation)
        assert isinstance(pending, Pending)
        return pending.reference, operation_id

    async def pay(self, reference: str, number: str = "4242424242424242") -> None:
        card = {"number": number, "exp_month": "12", "exp_year": "2030", "cvc": "123"}
        form = {"type": "card"} | {f"card[{name}]": value for name, value in card.items()}
        method = (await self.browser.post("/v1/payment_methods", data=form)).json()["id"]
        path = f"/v1/payment_intents/{reference}"
        attached = await self.browser.post(path, data={"payment_method": method})
        assert attached.status_code == 200, attached.text
        await self.browser.post(f"{path}/confirm")

    async def act(self, kind: ChangeKind, reference: str, minor: int = 1050) -> Any:
        id_ = ids.show("op", ids.mint())
        request = self.connector.prepare(Change(kind, id_, reference, Money(minor, "usd")))
        return await self.connector.act(Operation(id_, request, kind, reference))

    async def looked(self, reference: str) -> tuple[Observation, ...]:
        found = await self.connector.look(reference)
        assert isinstance(found, Found), found
        return found.observations


def completed(said: dict[str, Any]) -> dict[str, Any]:
    """A payment intent, with what localstripe leaves out."""
    charge = said.get("latest_charge")
    if said.get("object") != "payment_intent":
        return said
    got = 0
    if charge is not None:
        released = [one["amount"] for one in charge["refunds"]["data"] if not one["metadata"]]
        taken = charge["amount"] - sum(released) if charge["captured"] else 0
        charge["amount_captured"] = got = taken if charge["status"] == "succeeded" else 0
    held = said["amount"] if said["status"] == "requires_capture" else 0
    return {**said, "amount_received": got, "amount_capturable": held}


@pytest.fixture(scope="module")
async def local() -> AsyncIterator[str]:
    port = free_port()
    command = (sys.executable, "-c", START, "--port", str(port), "--from-scratch")
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    await listening(port)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    await process.wait()


@pytest.fixture
async def peer(local: str, receiver: Receiver, outbound: Outbound) -> AsyncIterator[Peer]:
    hook = {"url": f"{receiver.url}/callback", "secret": SECRET}
    async with httpx.AsyncClient(base_url=local, headers={"Authorization": f"Bearer {KEY}"}) as us:

        async def passing(request: web.Request) -> web.Response:
            body = await request.read()
            headers = {"Content-Type": request.content_type} if body else {}
            answer = await us.request(
                request.method, request.path_qs, content=body, headers=headers
            )
            return web.json_response(completed(answer.json()), status=answer.status_code)

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", passing)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        assert (await us.post("/_config/webhooks/ours", data=hook)).status_code == 200
        settings = stripe.Settings(api_base=f"http://127.0.0.1:{runner.addresses[0][1]}")
        credentials = stripe.Credentials(KEY, "pk_test_local1234", [SECRET])
        yield Peer(us, stripe.Stripe(settings, credentials, outbound, livemode=False))
        await runner.cleanup()


def told(observations: tuple[Observation, ...]) -> list[tuple[str, str, int]]:
    return [(seen.kind, seen.state, seen.amount_minor) for seen in observations]


async def test_a_card_is_paid_and_given_back(peer: Peer, receiver: Receiver) -> None:
    reference, ours = await peer.started()
    assert told(await peer.looked(reference)) == [("charge", "pending", 0)]
    await peer.pay(reference)
    [paid] = await peer.looked(reference)
    assert paid == Observation(reference, ours, "captured", 1050, "usd")

    refunded = await peer.act("refund", reference, 300)
    assert isinstance(refunded, Done)
    assert told(refunded.observations) == [("refund", "succeeded", 300)]
    assert await peer.looked(reference) == (paid, *refunded.observations)

    received = await receiver.next()
    genuine = CallbackRequest(received.headers, received.body)
    assert peer.connector.verify(genuine, clock.now()) == "genuine"
    assert peer.connector.verify(genuine._replace(body=b"{}"), clock.now()) == "forged"
    # It does not say how much was received: that is looked up.
    assert peer.connector.read(genuine) == Ask(reference)


async def test_a_part_is_captured(peer: Peer) -> None:
    reference, _ = await peer.started(capture=False)
    await peer.pay(reference)
    assert told(await peer.looked(reference)) == [("charge", "authorized", 1050)]
    done = await peer.act("capture", reference, 800)
    assert isinstance(done, Done)
    assert told(done.observations) == told(await peer.looked(reference))
    assert told(done.observations) == [("charge", "captured", 800)]


async def test_what_is_not_captured_is_let_go(peer: Peer) -> None:
    reference, _ = await peer.started(capture=False)
    await peer.pay(reference)
    assert isinstance(await peer.act("void", reference), Done)
    assert told(await peer.looked(reference)) == [("charge", "canceled", 0)]
    assert isinstance(await peer.act("void", reference), Rejected)


async def test_a_declined_card(peer: Peer) -> None:
    reference, _ = await peer.started()
    await peer.pay(reference, "4000000000000341")
    [failed] = await peer.looked(reference)
    assert (failed.state, failed.failure_code) == ("failed", "card_declined")
