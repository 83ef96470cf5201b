"""The Stripe connector at a fake Stripe: its methods, its look-ups, and what goes wrong."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.fakes.stripe import PUBLISHABLE_KEY, SECRET_KEY, WEBHOOK_SECRET, FakeStripe, Fault
from tillgate.connectors import stripe
from tillgate.connectors.protocol import (
    Absent,
    Answered,
    CannotTell,
    Change,
    ChangeKind,
    Done,
    Found,
    Intent,
    Observation,
    Operation,
    Pending,
    Rejected,
    Unknown,
)
from tillgate.kit import ids
from tillgate.kit.money import Money
from tillgate.kit.networks import Policy
from tillgate.kit.outbound import Outbound

CREDENTIALS = stripe.Credentials(SECRET_KEY, PUBLISHABLE_KEY, [WEBHOOK_SECRET])


class Shop:
    """A connector for one method, and the Stripe it speaks to."""

    def __init__(self, fake: FakeStripe, outbound: Outbound, **settings: Any) -> None:
        self.fake = fake
        self.connector = stripe.Stripe(
            stripe.Settings(api_base=fake.url, **settings), CREDENTIALS, outbound, livemode=False
        )
        self.last = ""

    async def start(self, *, capture: bool = True, **changes: Any) -> Answered:
        self.last = ids.show("op", ids.mint())
        wanted = Intent(
            operation_id=self.last,
            payment_id="pay_1",
            money=Money(1050, "usd"),
            description="Blue mug",
            callback_url="https://pay.example/callbacks/con_1",
            return_url="https://pay.example/back",
            capture=capture,
        )._replace(**changes)
        return await self.connector.start(Operation(self.last, self.connector.prepare(wanted)))

    async def started(self, *, capture: bool = True) -> str:
        answered = await self.start(capture=capture)
        assert isinstance(answered, Pending)
        return answered.reference

    async def paid(self) -> str:
        reference = await self.started()
        self.fake.books.pay(reference)
        return reference

    async def do(self, kind: ChangeKind, reference: str, minor: int = 1050) -> Answered:
        id_ = ids.show("op", ids.mint())
        request = self.connector.prepare(Change(kind, id_, reference, Money(minor, "usd")))
        return await self.connector.act(Operation(id_, request, kind, reference))

    async def looked(self, reference: str) -> tuple[Observation, ...]:
        found = await self.connector.look(reference)
        assert isinstance(found, Found)
        return found.observations


@pytest.fixture
def shop(fake: FakeStripe, outbound: Outbound) -> Shop:
    return Shop(fake, outbound)


def way(pending: Answered) -> dict[str, Any]:
    assert isinstance(pending, Pending)
    return json.loads(bytes(pending.way or b""))


# ---- methods ---------------------------------------------------------------------------------


async def test_a_card_is_entered_on_our_page(shop: Shop) -> None:
    pending = await shop.start()
    assert isinstance(pending, Pending)
    assert pending.redirect_url is None
    intent = shop.fake.books.things[pending.reference]
    assert way(pending) == {
        "type": "stripe_card",
        "client_secret": intent["client_secret"],
        "publishable_key": PUBLISHABLE_KEY,
    }
    method, path, _, key = shop.fake.requests[-1]
    assert (method, path, key) == ("POST", "/v1/payment_intents", shop.last)


async def test_cash_app_has_a_page_a_link_and_a_code(fake: FakeStripe, outbound: Outbound) -> None:
    shop = Shop(fake, outbound, method="cashapp")
    pending = await shop.start()
    assert isinstance(pending, Pending)
    assert (pending.redirect_url or "").startswith(fake.url)
    told = way(pending)
    assert told["type"] == "cashapp"
    assert told["qr_svg_url"].endswith(".svg")
    assert told["mobile_url"].endswith("/app")
    assert isinstance(told["qr_expires_at"], int)
    found = await shop.connector.look(pending.reference)
    assert isinstance(found, Found)
    assert found.pending == pending
    fake.books.decline(pending.reference)
    assert [seen.state for seen in await shop.looked(pending.reference)] == ["failed"]


async def test_cash_app_that_is_not_available_is_said_in_words(
    fake: FakeStripe, outbound: Outbound
) -> None:
    fake.books.cashapp = False
    refused = await Shop(fake, outbound, method="cashapp").start()
    assert isinstance(refused, Rejected)
    assert refused.code == "cashapp_unavailable"
    assert refused.message.startswith("Cash App payments are not available")


async def test_checkout_is_stripes_page(fake: FakeStripe, outbound: Outbound) -> None:
    shop = Shop(fake, outbound, method="checkout")
    pending = await shop.start(metadata={"serviceName": "Mugs"}, order_id="ord_1")
    assert isinstance(pending, Pending)
    session = fake.books.things[pending.reference]
    assert pending.redirect_url == session["url"]
    assert session["client_reference_id"] == shop.last
    found = await shop.connector.look(pending.reference)
    assert isinstance(found, Found)
    assert found.pending == pending

    fake.books.pay_session(pending.reference)
    [paid] = await shop.looked(pending.reference)
    intent = fake.books.things[paid.reference]
    assert (paid.state, paid.amount_minor, paid.ours) == ("captured", 1050, shop.last)
    assert intent["description"] == "Mugs | Direct"
    assert intent["metadata"]["tillgate_order"] == "ord_1"
    assert await shop.looked(shop.last) == (paid,)
    assert isinstance(await shop.do("void", pending.reference), Rejected)
    assert isinstance(await shop.do("refund", paid.reference, 50), Done)


async def test_an_open_checkout_session_is_let_go(fake: FakeStripe, outbound: Outbound) -> None:
    shop = Shop(fake, outbound, method="checkout")
    reference = await shop.started()
    done = await shop.do("void", reference)
    gone = Observation(reference, shop.last, "canceled", 0, "usd")
    assert done == Done((gone,))
    assert await shop.looked(reference) == (gone,)


async def test_checkout_may_only_set_aside(fake: FakeStripe, outbound: Outbound) -> None:
    shop = Shop(fake, outbound, method="checkout")
    reference = await shop.started(capture=False)
    fake.books.pay_session(reference)
    [held] = await shop.looked(reference)
    assert (held.state, held.amount_minor) == ("authorized", 1050)
    done = await shop.do("capture", held.reference, 1000)
    assert isinstance(done, Done)
    assert done.observations[0].amount_minor == 1000


async def test_of_a_button_stripe_tells_by_callback_only(
    fake: FakeStripe, outbound: Outbound
) -> None:
    shop = Shop(fake, outbound, method="buy_button", buy_button_id="buy_btn_1")
    reference = await shop.started()
    assert fake.requests == []
    assert isinstance(await shop.connector.look(reference), CannotTell)
    session = fake.books.pay_link(reference, 1050, "usd", "plink_1")
    assert [seen.state for seen in await shop.looked(session["payment_intent"])] == ["captured"]


# ---- look-ups --------------------------------------------------------------------------------


async def test_what_is_released_is_no_refund(shop: Shop) -> None:
    """Stripe lists what a partial capture releases among the refunds."""
    reference = await shop.started(capture=False)
    shop.fake.books.pay(reference)
    await shop.do("capture", reference, 800)
    shop.fake.books.refund(reference, 250, {})  # at Stripe's dashboard, of the same amount
    told = [(seen.kind, seen.amount_minor) for seen in await shop.looked(reference)]
    assert told == [("charge", 800), ("refund", 250)]


async def test_refunds_made_at_stripe_are_seen(shop: Shop) -> None:
    reference = await shop.paid()
    refund = shop.fake.books.refund(reference, 50, {})
    seen = Observation(refund["id"], None, "succeeded", 50, "usd", kind="refund", parent=reference)
    charge = shop.fake.books.things[reference]["latest_charge"]
    assert (await shop.looked(reference))[1:] == (seen,)
    assert await shop.looked(charge) == await shop.looked(reference)


async def test_many_refunds_are_all_seen(shop: Shop) -> None:
    reference = await shop.paid()
    for _ in range(60):
        shop.fake.books.refund(reference, 10, {})
    assert len(await shop.looked(reference)) == 61


async def test_a_lost_start_is_found_by_our_own_reference(shop: Shop) -> None:
    shop.fake.faults.append("cut_after")
    assert isinstance(await shop.start(), Unknown)
    [seen] = await shop.looked(shop.last)
    assert (seen.state, seen.ours) == ("pending", shop.last)
    never = await shop.connector.look("op_" + "0" * 26)
    assert isinstance(never, CannotTell)  # the search may not know yet


async def test_what_stripe_does_not_know_is_absent(shop: Shop) -> None:
    for reference in ("pi_none", "cs_none", "ch_none"):
        assert await shop.connector.look(reference) == Absent()


# ---- what goes wrong -------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["500_before", "500_after", "429", "409", "cut_after"])
async def test_what_nobody_knows_is_unknown(shop: Shop, fault: Fault) -> None:
    reference = await shop.paid()
    shop.fake.faults.append(fault)
    assert isinstance(await shop.do("refund", reference, 100), Unknown)


async def test_a_key_that_stripe_knows_for_something_else_proves_nothing(shop: Shop) -> None:
    reference = await shop.paid()
    request = shop.connector.prepare(Change("refund", "op_1", reference, Money(1, "usd")))
    assert isinstance(
        await shop.connector.act(Operation("op_1", request, "refund", reference)), Done
    )
    other = shop.connector.prepare(Change("refund", "op_1", reference, Money(2, "usd")))
    answered = await shop.connector.act(Operation("op_1", other, "refund", reference))
    assert isinstance(answered, Unknown)


async def test_stripes_own_codes_and_words_are_passed_on(shop: Shop) -> None:
    reference = await shop.paid()
    refused = await shop.do("capture", reference)
    assert isinstance(refused, Rejected)
    assert refused.code == "payment_intent_unexpected_state"
    assert refused.message.startswith("You cannot capture")
    await shop.do("refund", reference)
    refused = await shop.do("refund", reference, 1)
    assert isinstance(refused, Rejected)
    assert refused.code == "charge_already_refunded"


async def test_a_wrong_key_is_unauthorized(fake: FakeStripe, outbound: Outbound) -> None:
    wrong = stripe.Credentials("sk_test_wrong", PUBLISHABLE_KEY, [WEBHOOK_SECRET])
    settings = stripe.Settings(api_base=fake.url)
    connector = stripe.Stripe(settings, wrong, outbound, livemode=False)
    request = connector.prepare(Change("refund", "op_1", "pi_1", Money(1, "usd")))
    refused = await connector.act(Operation("op_1", request, "refund", "pi_1"))
    assert isinstance(refused, Rejected)
    assert refused.code == "unauthorized"
    assert [trouble.code for trouble in await connector.prove()] == ["bad_key"]
    assert isinstance(await connector.look("pi_1"), CannotTell)


async def test_an_address_that_is_not_public_is_not_dialled(fake: FakeStripe) -> None:
    async with Outbound(Policy()) as strict:
        refused = await Shop(fake, strict).start()
    assert isinstance(refused, Rejected)
    assert refused.code == "processor_unreachable"
    assert fake.requests == []


# ---- proving ---------------------------------------------------------------------------------


async def test_nothing_is_wrong_with_a_good_connection(shop: Shop) -> None:
    assert await shop.connector.prove() == []


async def test_what_is_wrong_is_said_in_words(fake: FakeStripe, outbound: Outbound) -> None:
    settings = stripe.Settings(api_base=fake.url, method="cashapp")
    keys = stripe.Credentials(SECRET_KEY)
    connector = stripe.Stripe(settings, keys, outbound, livemode=False)

    async def codes() -> list[str]:
        return [trouble.code for trouble in await connector.prove()]

    assert await codes() == ["webhook_secret_missing"]
    fake.books.cashapp = False
    assert await codes() == ["cashapp_inactive", "webhook_secret_missing"]
    fake.country, fake.charges_enabled = "DE", False
    assert await codes() == ["charges_disabled", "cashapp_country", "webhook_secret_missing"]
    live = stripe.Stripe(settings, keys, outbound, livemode=True)
    assert [trouble.code for trouble in await live.prove()] == ["key_of_other_mode"]
    await fake.stop()
    assert await codes() == ["unreachable", "webhook_secret_missing"]


HEARING = """
import sys
from msgspec import Raw
from tillgate.connections import kinds
from tillgate.connectors.protocol import CallbackRequest
from tillgate.kit import clock
connect = kinds.KINDS["stripe"].connect
credentials = b'{"secret_key": "sk_test_1", "webhook_secrets": ["whsec_12345"]}'
connector = connect(Raw(b"{}"), credentials, None, False)
request = CallbackRequest({}, b'{"id": "evt_1", "type": "x"}')
connector.verify(request, clock.now()), connector.peek(request), connector.read(request)
print("stripe" in sys.modules)
"""


def test_the_sdk_is_not_imported_before_a_call() -> None:
    """A process without Stripe does not carry it in memory, nor one that only hears callbacks."""
    ran = subprocess.run([sys.executable, "-c", HEARING], capture_output=True, check=True)
    assert ran.stdout.split() == [b"False"]
